//! Our reading of Python's regexes against Python itself, over patterns and texts made by chance.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use jailkeeper::pattern::{Options, Regex, Text};
use serde_json::{Value, json};

const COUNT: usize = 20_000;

/// Chance that is the same each time (Marsaglia, "Xorshift RNGs").
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

const ATOMS: [&str; 22] = [
    "a", "b", "1", " ", "-", "ä", ".", r"\.", "[ab]", "[^a]", "[]a-]", "[^]b]", r"[\w.]",
    r"[\s\d]", r"\d", r"\w", r"\s", r"\S", r"\W", r"\x61", r"\u00e4", "[[]",
];
const EDGES: [&str; 8] = ["^", "$", r"\b", r"\B", r"\A", r"\Z", "^", "$"];
const REPEATS: [&str; 12] =
    ["*", "+", "?", "*?", "+?", "??", "{2}", "{1,}", "{,2}", "{1,2}?", "{", "{a}"];
const TEXTS: [&str; 11] = ["a", "b", "1", " ", "-", "ä", ".", "]", "[", "A", "{"];
/// What is no pattern, or seldom one.
const BROKEN: [&str; 9] = ["(", ")", "[", "*", "(?P<x>", r"\q", "(?P=none)", "[b-a]", "a{2,1}"];

struct Maker {
    chance: Chance,
    groups: usize,
}

impl Maker {
    fn sequence(&mut self, depth: usize) -> String {
        (0..=self.chance.below(4)).map(|_| self.piece(depth)).collect()
    }

    fn piece(&mut self, depth: usize) -> String {
        let inner = depth.saturating_sub(1);
        match self.chance.below(if depth == 0 { 12 } else { 24 }) {
            0..9 => self.chance.of(&ATOMS).to_owned(),
            9 | 10 => [self.chance.of(&ATOMS), self.chance.of(&REPEATS)].concat(),
            11 => self.chance.of(&EDGES).to_owned(),
            12 | 13 => format!("(?:{}|{})", self.sequence(inner), self.sequence(inner)),
            14..17 => {
                self.groups += 1;
                let name = self.groups;
                format!("(?P<g{name}>{})", self.sequence(inner))
            }
            17 => format!("(?={})", self.sequence(inner)),
            18 => format!("(?!{})", self.sequence(inner)),
            19 => format!("(?<={})", self.chance.of(&ATOMS)),
            20 => format!("(?<!{})", self.chance.of(&ATOMS)),
            21 => format!("(?i:{})", self.sequence(inner)),
            22 if self.groups > 0 => format!("(?P=g{})", 1 + self.chance.below(self.groups)),
            23 if self.groups > 0 => {
                let group = 1 + self.chance.below(self.groups);
                format!("(?(g{group}){}|{})", self.sequence(0), self.sequence(0))
            }
            _ => self.chance.of(&BROKEN).to_owned(),
        }
    }

    fn case(&mut self) -> (String, String) {
        self.groups = 0;
        let mut pattern = self.sequence(3);
        if self.chance.below(8) == 0 {
            pattern = format!("{pattern}|{}", self.sequence(2));
        }
        let text: String = (0..self.chance.below(8)).map(|_| self.chance.of(&TEXTS)).collect();
        // A line as fail2ban's filters see it.
        (pattern, text + "\n")
    }
}

fn python(cases: &[(String, String)]) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/pattern.py");
    let mut child = Command::new("python3")
        .args(["-B", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    let input: String = cases.iter().fold(String::new(), |mut input, case| {
        let _ = writeln!(input, "{}", json!(case));
        input
    });
    let mut stdin = child.stdin.take().expect("a pipe");
    let feeder = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    feeder.join().expect("it is fed").expect("it reads all");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("JSON");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn ours(pattern: &str, text: &str) -> Value {
    let options = Options { text: Text::Line, ..Options::default() };
    let Ok(regex) = Regex::new(pattern, options) else { return json!("error") };
    let Some(found) = regex.captures(text).expect("few steps are enough") else {
        return Value::Null;
    };
    let span = |span: std::ops::Range<usize>| json!([span.start, span.end]);
    let groups = regex.names().map(|(name, group)| (name.to_owned(), found.group(group).map(span)));
    let groups: serde_json::Map<String, Value> =
        groups.map(|(name, span)| (name, span.unwrap_or_default())).collect();
    json!({"whole": span(found.whole()), "groups": groups})
}

#[test]
fn patterns_find_what_python_finds() {
    let mut maker = Maker { chance: Chance(0x9e37_79b9_7f4a_7c15), groups: 0 };
    let cases: Vec<(String, String)> = (0..COUNT).map(|_| maker.case()).collect();
    let theirs = python(&cases);
    assert_eq!(theirs.len(), COUNT);
    let mut wrong = Vec::new();
    let (mut errors, mut matches) = (0, 0);
    for ((pattern, text), theirs) in cases.iter().zip(theirs) {
        errors += usize::from(theirs == "error");
        matches += usize::from(theirs.is_object());
        let ours = ours(pattern, text);
        if ours != theirs {
            wrong.push(format!("{pattern:?} in {text:?}\n  theirs {theirs}\n  ours   {ours}"));
        }
    }
    println!("{COUNT} patterns, {errors} of them none, {matches} match");
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
    assert!(errors > COUNT / 50 && matches > COUNT / 20, "{errors} errors, {matches} matches");
}
