//! Configurations that nobody would write, compared with fail2ban all the same: one made by hand for
//! the rules that are seldom used, and many made by chance out of what the language has.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Compared, compare, oracle, written};

/// A configuration as its files' names and texts.
fn files(texts: &[(&str, &str)]) -> BTreeMap<String, String> {
    texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

const JAILS: &[(&str, &str)] = &[
    (
        "jail.conf",
        "# a comment\n[INCLUDES]\nbefore = paths/one.conf\n         two.conf\nafter = three.conf\n\
         [DEFAULT]\nenabled : no\nfilter = %(__name__)s[mode=%(mode)s]\nmode = normal\n\
         action = %(action_)s\naction_ = first[port=\"%(port)s\", chain=\"<known/chain>\"]\n\
         port = 22\nBanTime = 10m ; a comment\nmaxretry = 5;no comment\n\n[plain]\nport = 1\n\
         logpath = /var/log/a.log tail\n  \n          /var/log/b.log\n\
         [known]\nfilter = plain\nfailregex = %(known/failregex)s\n  own <HOST> 100%%\n\
         maxlines = +7\n[elsewhere]\nfilter = plain[mode=\"%(plain/port)s\", x=\"%(default/port)s\"]\n\
         port = %(plain/port)s,%(known/port)s\nlogpath = %(plain/sender)s\n\
         [twice]\nfilter = plain\naction = first[name=A, x=1][y=2]\n  first[name=\"B\n   C\", z='q,r']\n\
         \x20 smtp.py[dest=\"a,b\"] first[actname=other]\n\
         [journal]\nfilter = plain\nbackend = systemd[journalflags=1]\n\
         journalmatch = _COMM=a 'X=b c' +\n   Y=\"d \\\" e\"\n\
         [none]\nfilter =\nfailregex = x <HOST>\n[given]\nfilter = plain[failregex=\"g <HOST>\",maxlines=3]\n\
         failregex = j <HOST>\nmaxlines = 4\ndatepattern = {NONE}\nusedns = yes\n\
         [deep]\nfilter = plain\na0 = %(a1)s\na1 = %(a2)s\na2 = %(a3)s\na3 = %(a4)s\n\
         a4 = %(a5)s\na5 = %(a6)s\na6 = %(a7)s\na7 = %(a8)s\na8 = x\nlogpath = %(a0)s\n\
         [tags]\nfilter = tags[datepattern=brackets]\ndatepattern = jail\nusedns = no\n\
         prefregex = ^jail <F-CONTENT>.*</F-CONTENT>$\n",
    ),
    ("jail.d/b.conf", "[plain]\nport = 2\n"),
    ("jail.d/a.conf", "[plain]\nport = %(known/port)s,3\r\n[late]\nfilter = plain\n"),
    ("jail.local", "[plain]\nenabled = on\nport = 4\n"),
    ("jail.d/z.local", "[plain]\n\tport = 5,%(known/port)s\n\n[DEFAULT]\nport = 6"),
    (
        "paths/one.conf",
        "[INCLUDES]\nbefore = ../two.conf\nafter = one.conf\n[DEFAULT]\na = 1\nport=0\n",
    ),
    ("paths/one.local", "[DEFAULT]\na = 2\n"),
    ("two.conf", "[INCLUDES]\nbefore = four.conf\n[DEFAULT]\nb = %(a)s\n"),
    ("four.conf", "[INCLUDES]\nafter = two.conf\nbefore = four.conf\n[plain]\nport = 9,%(a)s\n"),
    ("three.conf", "[DEFAULT]\nsender = x@example.com\n[plain]\nusedns = no\n"),
    (
        "filter.d/plain.conf",
        "[INCLUDES]\nbefore = common.conf\n[DEFAULT]\n_daemon = d\nmode = fromdefault\n\
         [Definition]\nfailregex = %(__prefix)s <mdre-<mode>>\n            ^<known/x> <Init/x>$\n\
         \n            ^<lt_<logtype>/pre> <HOST>\nignoreregex = <IGN>\nmode = normal\n\
         mdre-normal = n <HOST>\nmdre-5 = five <HOST>\nprefregex = ^<F-CONTENT><x></F-CONTENT>\n\
         x = definition\nign = no\ny = <z> <z>\nz = [<x>]\n\
         [lt_file]\npre = file %(_daemon)s\n[lt_journal]\npre = journal\n\
         [Init]\nx = init %(_daemon)s\nmaxlines = 9\n",
    ),
    ("filter.d/plain.local", "[Definition]\nfailregex = %(known/failregex)s\n  local <HOST>\n"),
    ("filter.d/plain.d/x.conf", "[Init]\nX = again %(known/x)s\n"),
    ("filter.d/common.conf", "[DEFAULT]\n__prefix = ^%(_daemon)s:\n_daemon = \\S+\n"),
    (
        "filter.d/tags.conf",
        "[Definition]\nfailregex = <<a>> <x<a>> <HOST> <b> <br\n  > <c d> <>\na = b\nb = <xb>\nxb = [<e>]\n\
         e = <Definition/f>\nf = <Init/g>\n[Init]\ng = <known/h> <h>\nh = end\nusedns = raw\n\
         prefregex = ^init\n",
    ),
    ("filter.d/late.conf", "[Definition]\nlogtype = short\nfailregex = <logtype> <HOST>\n"),
    (
        "action.d/first.conf",
        "[INCLUDES]\nbefore = base.conf\n[Definition]\nactionban = <cmd> -A f2b-<name> <ip> <port>\n\
         \x20  <matches> <bantime> <maxretry> <chain>\nactionunban = %(actionban)s\n\
         norestored = True\n[Init]\nport = any\n[Init?family=inet6]\ncmd = ip6 <lockingopt>\n",
    ),
    (
        "action.d/base.conf",
        "[Definition]\nactionstart = <cmd> -N f2b-<name>\n\
         actionflush?family=inet6 = flush6\n[Init]\ncmd = ip\nchain = INPUT\nlockingopt = -w\n",
    ),
];

#[test]
fn what_is_seldom_used_means_what_it_means_to_fail2ban() {
    let directory = written(&files(JAILS));
    let compared = compare(directory.path());
    assert_eq!(compared.unreadable, [""; 0]);
    assert!(compared.jails == 10 && compared.actions >= 10);
}

/// So many configurations are made by chance.
const CONFIGURATIONS: usize = 300;

/// Numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }

    fn one<'c>(&mut self, of: &[&'c str]) -> &'c str {
        of[self.below(of.len())]
    }
}

/// What values are made of.
const PIECES: &[&str] = &[
    "%(a)s",
    "%(b)s",
    "%(known/a)s",
    "%(default/b)s",
    "%(c)s",
    "%(__name__)s",
    "%%",
    "<a>",
    "<b>",
    "<c>",
    "<known/a>",
    "<known/b>",
    "<lt_<logtype>>",
    "<mode>",
    "<lt_<logtype>/a>",
    "<one/a>",
    "<default/b>",
    "<HOST>",
    "text",
    "7",
    " ; no",
    " ;no",
    ";yes",
    " # yes",
    "\n  further",
    "\n\n  behind",
    "\n# comment\n   on",
    "\n\t;comment\n \ton",
    "<",
    ">",
    "<<a>>",
    "[x]",
    "=",
    ":",
    "\t",
    "a=b",
    "$",
    "é",
];

/// What can often not be read.
const TROUBLE: &[&str] = &[
    "%(known/failregex)s",
    "%(one/c)s",
    "%(Missing)s",
    "%(A)s",
    "%(known/missing)s",
    "%",
    "%(a)",
    "'",
    "\"",
    "\nflush left",
    "\n=nothing",
];

/// The names that options have, by the file they are in.
const JAIL_NAMES: &[&str] = &[
    "a",
    "b",
    "c",
    "A",
    "backend",
    "maxretry",
    "maxlines",
    "failregex",
    "ignoreregex",
    "datepattern",
    "usedns",
    "logpath",
    "journalmatch",
    "bantime",
];
const NAMES: &[&str] = &[
    "a",
    "b",
    "c",
    "mode",
    "failregex",
    "ignoreregex",
    "prefregex",
    "maxlines",
    "logtype",
    "lt_file",
    "lt_journal",
    "journalmatch",
    "actionban",
    "actionstart",
    "a?family=inet6",
    "port",
    "known/a",
];
const REFERENCES: &[&str] = &[
    "one",
    "two",
    "one[mode=x]",
    "two[a=1, b=\"2,3\"][c='4']",
    "one[a=%(b)s]",
    "two[a=%(one/c)s]",
    "one[a=\"<b>\", failregex=\"g <HOST>\"]",
    "one[]",
    "two[a=]",
    "one[logtype=]",
    "two[logtype=short]",
    "one[a=1,]",
    "two[name=x]",
    "two[A=1, a=\"\n  2\"]",
];
const LISTS: &[&str] = &[
    "one[x=\"a\"]\n  two",
    "one two[a='\n  ']",
    "one[a=1] [b=2]",
    "two[a=1]x one",
    "one[a=1]\n\n  two",
    "smtp.py[a=1] one",
    "one[a=\"x",
    "one[a=x,\n  b=y]\n  two[name=z]",
    "one [ a=1 ]",
];
const BROKEN: &[&str] = &[
    "two[a=1 ]",
    "one [a=1]",
    "one[a=1",
    "one[a=1 b=2]",
    "three",
    "%(__name__)s[a=%(b)s]",
    "[a=1]",
    "one[a=\"1\"x]",
    "one[=1]",
    "one[a]",
];

/// A file of one to four sections.
fn file(chance: &mut Chance, sections: &[&str], names: &[&str], jail: bool) -> String {
    let mut text = String::new();
    let mut seen = Vec::new();
    for _ in 0..=chance.below(4) {
        let section = chance.one(sections);
        if seen.contains(&section) {
            continue;
        }
        seen.push(section);
        writeln!(text, "[{section}]").expect("a string");
        let mut set = Vec::new();
        for _ in 0..chance.below(6) {
            let name = chance.one(names);
            if set.contains(&name.to_lowercase()) && chance.below(20) > 0 {
                continue;
            }
            set.push(name.to_lowercase());
            text += name;
            text += chance.one(&["=", " = ", ": ", "\t=\t"]);
            text += &if name.starts_with("max") { "+8".to_owned() } else { value(chance, name) };
            text += chance.one(&["\n", "\n", "\n\n", "\r\n", "\n# comment\n", " \n"]);
        }
        if jail && section != "DEFAULT" {
            writeln!(text, "filter = {}", reference(chance)).expect("a string");
            if chance.below(2) == 0 {
                writeln!(text, "action = {}", reference(chance)).expect("a string");
            } else {
                writeln!(text, "action = {}", chance.one(LISTS)).expect("a string");
            }
        }
    }
    text
}

fn reference<'c>(chance: &mut Chance) -> &'c str {
    if chance.below(10) == 0 { chance.one(BROKEN) } else { chance.one(REFERENCES) }
}

/// A few pieces, and seldom something that cannot be read. An option refers to those alone that stand
/// before it in this order: in a circle, values would double with each of their 25 rounds.
fn value(chance: &mut Chance, name: &str) -> String {
    const ORDER: [(&str, &[&str]); 6] = [
        ("c", &["(c)", "<c>"]),
        ("b", &["b)", "b>"]),
        ("a", &["a)", "a>"]),
        ("mode", &["<mode>"]),
        ("logtype", &["<logtype>"]),
        ("lt_", &["<lt_"]),
    ];
    let name = name.to_lowercase();
    let rank = ORDER.iter().position(|(option, _)| match *option {
        "lt_" => name.starts_with("lt_"),
        option => name.split('?').next().is_some_and(|name| name == option),
    });
    let later = ORDER.iter().skip(rank.unwrap_or(ORDER.len()));
    let refused: Vec<&str> = later.flat_map(|(_, refused)| refused.iter().copied()).collect();
    let mut value = String::new();
    for _ in 0..chance.below(4) {
        let piece = chance.one(PIECES);
        if !refused.iter().any(|refused| piece.contains(refused)) {
            value += piece;
        }
    }
    if chance.below(60) == 0 {
        value += chance.one(TROUBLE);
    }
    value
}

fn configuration(chance: &mut Chance) -> BTreeMap<String, String> {
    const BASE: &str = "[DEFAULT]\na = 1\nb = 2 <y>\nc = 3\nenabled = true\n";
    let mut texts = files(&[("jail.d/0.conf", BASE)]);
    for (rank, name) in ["jail.conf", "jail.d/x.conf", "jail.local"].into_iter().enumerate() {
        if rank == 0 || chance.below(2) == 0 {
            let text = file(chance, &["DEFAULT", "one", "two", "plain"], JAIL_NAMES, true);
            texts.insert(name.to_owned(), text);
        }
    }
    for folder in ["filter.d", "action.d"] {
        texts.insert(format!("{folder}/base.conf"), BASE.to_owned());
        for name in ["one.conf", "one.local", "two.conf", "two.d/y.conf"] {
            let sections = ["DEFAULT", "Definition", "Init", "Init?family=inet4", "lt_file"];
            let mut text = file(chance, &sections, NAMES, false);
            match name {
                "one.conf" => text += "[INCLUDES]\nbefore = base.conf\n",
                "two.conf" => text += "[INCLUDES]\nbefore = one.conf\n",
                _ => {}
            }
            if !text.contains("[Definition]") {
                text += "[Definition]\na = 1\nfailregex = <HOST> <a>\nactionban = ban <ip>\n";
            }
            texts.insert(format!("{folder}/{name}"), text);
        }
    }
    texts
}

#[test]
fn what_chance_writes_means_what_it_means_to_fail2ban() {
    let mut chance = Chance(1);
    let directories: Vec<_> = std::iter::repeat_with(|| written(&configuration(&mut chance)))
        .take(CONFIGURATIONS)
        .collect();
    let paths: Vec<_> = directories.iter().map(tempfile::TempDir::path).collect();
    let mut compared = Compared::default();
    for (path, oracle) in paths.iter().zip(oracle(&paths)) {
        let before = compared.different.len();
        compared.directory(path, oracle);
        if compared.different.len() > before {
            compared.different.push(format!("in {:#?}", super::texts(path)));
        }
    }
    let Compared { filters, jails, unreadable, different, .. } = compared;
    println!(
        "{filters} readings of filters and {jails} jails, {} of them unreadable",
        unreadable.len()
    );
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
    assert!(filters + jails > 3 * unreadable.len(), "too little of it can be read");
}
