//! The README's table of fail2ban's words and ours: what it names is there, and nothing is missing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use clap::CommandFactory as _;
use jailkeeper::cli::args::Args;
use jailkeeper::pattern::tag_names;
use jailkeeper::rules::{FILTER_KEYS, JAIL_KEYS};

use crate::support::fail2ban;

/// Other programs that stand in our column.
const OTHERS: [&str; 2] = ["systemctl", "journalctl"];

/// A row: what stands in code in its first two columns.
#[derive(Debug)]
struct Row {
    fail2ban: Vec<String>,
    ours: Vec<String>,
    line: String,
}

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(path).expect("a file of ours")
}

fn rows() -> Vec<Row> {
    let readme = read("README.md");
    let begin = readme.find("\n## Coming from fail2ban: what is called what\n");
    let section = &readme[begin.expect("the section is there") + 1..];
    let end = section.find("\n## ").unwrap_or(section.len());
    let code = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let lines =
        section[..end].lines().filter(|line| line.starts_with("| ") && !line.contains("|---"));
    let rows = lines.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        let [fail2ban, ours, ..] = cells[..] else { panic!("three columns: {line}") };
        Row { fail2ban: code(fail2ban), ours: code(ours), line: line.to_owned() }
    });
    rows.filter(|row| !row.line.starts_with("| fail2ban | jailkeeper |")).collect()
}

/// Why a word of ours is none.
fn fault(word: &str) -> Option<String> {
    let mut words = word.split(' ');
    let first = words.next().unwrap_or_default();
    match first {
        "jailkeeper" => {
            let mut command = Args::command();
            command.build();
            let mut place = &command;
            for word in words {
                let known = match word.strip_prefix("--") {
                    Some(flag) => place.get_arguments().any(|a| a.get_long() == Some(flag)),
                    None => match place.find_subcommand(word) {
                        Some(verb) => {
                            place = verb;
                            true
                        }
                        None => false,
                    },
                };
                if !known {
                    return Some(format!("there is no {word}"));
                }
            }
            None
        }
        other if OTHERS.contains(&other) => None,
        path if path.starts_with('/') => {
            let pages = ["man/jailkeeper.toml.5", "man/jailkeeperd.8"].map(read);
            let known = pages.iter().any(|page| page.contains(&format!(".Pa {path}")));
            (!known).then(|| format!("no manual page names {path}"))
        }
        tag if tag.starts_with('<') => {
            (!tag_names().iter().any(|name| name == tag)).then(|| format!("no tag is {tag}"))
        }
        bus if bus == jailkeeper::bus::NAME => None,
        key => {
            let known = JAIL_KEYS.contains(&key) || FILTER_KEYS.contains(&key);
            (!known).then(|| format!("no option is {key}"))
        }
    }
}

#[test]
fn the_reference_names_nothing_of_ours_that_is_not_there() {
    let rows = rows();
    assert!(rows.len() > 100, "{} rows", rows.len());
    let faults: Vec<String> = rows
        .iter()
        .flat_map(|row| row.ours.iter().map(move |word| (row, word)))
        .filter_map(|(row, word)| Some(format!("{}\n  {}", fault(word)?, row.line)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    for word in ["jailkeeper bann", "jailkeeper ban --fore", "maxretri", "<HOSTS>", "/etc/nowhere"]
    {
        assert!(fault(word).is_some(), "{word}");
    }
}

/// The options that a file of fail2ban's sets, or shows in a comment.
fn options_of(file: &str) -> BTreeSet<String> {
    let path = fail2ban::package().join("etc/fail2ban").join(file);
    let text = fs::read_to_string(path).expect("the package has it");
    let key = |line: &str| {
        let (key, _) = line.strip_prefix('#').unwrap_or(line).split_once('=')?;
        let key = key.trim_end();
        let is_key = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.".contains(&b);
        (!key.is_empty() && key.bytes().all(is_key)).then(|| key.to_owned())
    };
    text.lines().filter_map(key).collect()
}

/// The commands that fail2ban-client's help lists, up to what a person puts in, and its options.
fn commands() -> BTreeSet<String> {
    let root = fail2ban::package();
    let output = Command::new("python3")
        .arg(root.join("usr/bin/fail2ban-client"))
        .arg("--help")
        .env("PYTHONPATH", root.join("usr/lib/python3/dist-packages"))
        .output()
        .expect("python3 runs");
    let help = String::from_utf8(output.stdout).expect("UTF-8");
    let (flags, commands) = help.split_once("\nCommand:\n").expect("a list of commands");
    let flags = flags.split(|c: char| c.is_whitespace() || c == ',');
    let flags = flags.filter(|word| word.starts_with('-')).map(str::to_owned);
    let entries = commands.lines().filter_map(|line| line.strip_prefix("    "));
    let entries = entries.filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    let command = |line: &str| {
        let entry = line.split("  ").next().unwrap_or_default();
        let is_plain = |word: &&str| !word.starts_with(['<', '[']) && !word.contains('|');
        let words = entry.split(' ').map(|word| if word == "<JAIL>" { "JAIL" } else { word });
        words.take_while(is_plain).collect::<Vec<_>>().join(" ")
    };
    flags.chain(entries.map(command)).collect()
}

#[test]
fn the_reference_has_every_option_and_command_of_fail2ban() {
    let rows = rows();
    let named: BTreeSet<&str> =
        rows.iter().flat_map(|row| row.fail2ban.iter().map(String::as_str)).collect();
    let (jail, service, commands) =
        (options_of("jail.conf"), options_of("fail2ban.conf"), commands());
    assert!(jail.contains("bantime.increment") && service.contains("dbfile"));
    assert!(commands.contains("set JAIL banip") && commands.contains("--str2sec"), "{commands:?}");
    let all = jail.iter().chain(&service).chain(&commands);
    let missing: Vec<&String> = all.filter(|name| !named.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "no row has {missing:?}");
}
