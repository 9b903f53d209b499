//! What needs no journal.

use std::fs;

use proptest::prelude::*;

use super::handle::is_copy;
use super::sieve::Sieve;
use super::watch::Watch;
use crate::record::{Matches, Origin};

fn judge(wants: &[Matches], fields: &[(&str, &str)]) -> Vec<usize> {
    let mut sieve = Sieve::new(wants);
    if sieve.looks_at_fields() {
        sieve.begin();
        for (field, value) in fields {
            sieve.look_at(format!("{field}={value}").as_bytes());
        }
        sieve.judge();
    }
    sieve.wanted_by().to_owned()
}

#[test]
fn what_sd_journal_finds_by_itself_needs_no_look() {
    let want = Matches::parse("A=1 A=3 + B=2").unwrap();
    for count in 1..4 {
        let wants = vec![want.clone(); count];
        assert!(!Sieve::new(&wants).looks_at_fields());
        assert_eq!(judge(&wants, &[]), (0..count).collect::<Vec<_>>());
    }
    assert!(!Sieve::new(&[Matches::any()]).looks_at_fields());
    assert!(Sieve::new(&[want, Matches::any()]).looks_at_fields());
}

#[test]
fn sd_journal_is_told_what_singles_out_most() {
    let told = |words: &str| Sieve::new(&[Matches::parse(words).unwrap()]).told().clone();
    let only = |words: &str| Matches::parse(words).unwrap();
    let sshd =
        "_COMM=sshd _COMM=sshd-session _UID=0 + _UID=0 SYSLOG_IDENTIFIER=sshd _TRANSPORT=syslog";
    assert_eq!(told(sshd), only("SYSLOG_IDENTIFIER=sshd + _COMM=sshd _COMM=sshd-session"));
    assert_eq!(told("PRIORITY=3 _UID=0"), only("PRIORITY=3"));
    let many = |count: u32| {
        let words: Vec<String> = (0..count).map(|number| format!("TAG={number} KIND=x")).collect();
        words.join(" + ")
    };
    assert!(!told(&many(1)).is_any());
    assert!(told(&many(1).replace("KIND=x", "")) == only("TAG=0"));
    let by_tag = |count: u32| many(count).replace("KIND=x", "");
    assert!(!told(&by_tag(24)).is_any());
    assert!(told(&by_tag(25)).is_any(), "it costs less to look at every entry");
    assert!(Sieve::new(&[only(&by_tag(25))]).looks_at_fields());
}

#[test]
fn an_entry_does_not_leave_its_fields_to_the_next() {
    let wants = [Matches::parse("A=1").unwrap(), Matches::parse("B=1").unwrap()];
    let mut sieve = Sieve::new(&wants);
    for (field, wanted_by) in [("A=1", vec![0]), ("B=1", vec![1]), ("C=1", vec![])] {
        sieve.begin();
        sieve.look_at(field.as_bytes());
        sieve.judge();
        assert_eq!(sieve.wanted_by(), wanted_by);
    }
}

#[test]
fn a_copy_is_known_by_all_but_its_number() {
    let cursor = "s=a1;i=2f;b=c3;m=4;t=5;x=6";
    assert!(is_copy(cursor, "s=ff;i=1;b=c3;m=4;t=5;x=6"));
    for other in ["s=a1;i=2f;b=c3;m=4;t=5;x=7", "s=a1;i=2f;b=c3;m=4;t=6;x=6", "s=a1;i=2f"] {
        assert!(!is_copy(cursor, other), "{other}");
    }
}

#[test]
fn a_directory_that_is_made_is_news_once() {
    let root = tempfile::tempdir().unwrap();
    let journal = root.path().join("deep/journal");
    let machine = journal.join("0123456789abcdef0123456789abcdef.name");
    let mut watch = Watch::new(&Origin::Directory(journal.clone())).unwrap();
    assert!(!watch.news().unwrap());
    fs::create_dir_all(&journal).unwrap();
    assert!(watch.news().unwrap());
    assert_eq!(watch.directories().collect::<Vec<_>>(), [&journal]);
    for _ in 0..50 {
        // It often is the same inode that is given anew.
        fs::create_dir(&machine).unwrap();
        assert!(watch.news().unwrap());
        fs::remove_dir(&machine).unwrap();
        fs::create_dir(&machine).unwrap();
        assert!(watch.news().unwrap());
        assert!(!watch.news().unwrap());
        fs::remove_dir(&machine).unwrap();
        assert!(!watch.news().unwrap());
    }
    for _ in 0..50 {
        fs::remove_dir_all(root.path().join("deep")).unwrap();
        fs::create_dir_all(&journal).unwrap();
        assert!(watch.news().unwrap());
    }
    fs::create_dir(journal.join("other")).unwrap();
    fs::write(journal.join("system.journal"), "").unwrap();
    assert!(!watch.news().unwrap());
}

fn matches() -> impl Strategy<Value = Matches> {
    let word = ("[A-C]", "[x-z]").prop_map(|(field, value)| format!("{field}={value}"));
    let alternative = prop::collection::vec(word, 1..4).prop_map(|words| words.join(" "));
    let line = prop::collection::vec(alternative, 1..3).prop_map(|parts| parts.join(" + "));
    prop_oneof![
        8 => line.prop_map(|line| Matches::parse(&line).expect("it is written as one")),
        1 => Just(Matches::any()),
    ]
}

proptest! {
    #[test]
    fn the_sieve_judges_as_the_matches_do(
        wants in prop::collection::vec(matches(), 1..5),
        fields in prop::collection::vec(("[A-D]", "[w-z]"), 0..6),
    ) {
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(field, value)| (field.as_str(), value.as_str())).collect();
        let has = |field: &str, value: &str| fields.contains(&(field, value));
        let expected: Vec<usize> =
            (0..wants.len()).filter(|index| wants[*index].wants(has)).collect();
        let told = Sieve::new(&wants).told().wants(has);
        prop_assert!(told || expected.is_empty(), "sd-journal returns whatever is wanted");
        // Where the fields are not looked at, it returns nothing else.
        if told {
            prop_assert_eq!(judge(&wants, &fields), expected);
        }
    }
}
