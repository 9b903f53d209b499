//! Growing bans, jails that hear of bans, and jails that do not enforce, as they are written.

use super::*;
use crate::keeper::{Growth, Law};

const VENDOR: &str = "[jail.test]\nenabled = true\n";

fn growth(texts_of_jails: &[&str]) -> (Sentence, Option<Growth>) {
    let layers = [&[VENDOR], texts_of_jails].concat();
    let mut loaded = load(&texts(&layers, &[TEST_FILTER]));
    assert_eq!(loaded.diagnostics, [], "{}", render(&loaded.diagnostics, false));
    let policy = loaded.jails.remove(0).policy;
    (policy.bantime, policy.growth)
}

fn told(text: &str) -> String {
    let loaded = load(&texts(&[VENDOR, text], &[TEST_FILTER]));
    assert!(loaded.has_errors() == loaded.jails.is_empty(), "{text}");
    render(&loaded.diagnostics, false)
}

#[test]
fn the_family_is_laid_over_key_by_key_however_it_is_written() {
    let hour = Sentence::For(Duration::from_hours(1));
    let wanted = Some(Growth { factor: 1.5, overalljails: true, ..Growth::default() });
    let ways = [
        "bantime = { time = \"1h\", increment = true, factor = 1.5, overalljails = true }",
        "bantime.time = \"1h\"\nbantime.increment = true\nbantime.factor = \"3/2\"\n\
         bantime.overalljails = true",
        "bantime = \"1h\"\n\"bantime.increment\" = true\n\"bantime.factor\" = 1.5\n\
         \"bantime.overalljails\" = true",
    ];
    for way in ways {
        assert_eq!(growth(&[&format!("[jail.test]\n{way}\n")]), (hour, wanted.clone()), "{way}");
    }
    let layers = [
        "[default]\nbantime = \"1h\"\nenforce = true\n",
        "[default]\nbantime = { factor = 9, overalljails = true }\n",
        "[jail.test]\nbantime.increment = true\nbantime.factor = 1.5\n",
    ];
    assert_eq!(growth(&layers), (hour, wanted));
    assert_eq!(growth(&["[jail.test]\nbantime.factor = 2\n"]).1, None, "without increment");
}

#[test]
fn every_setting_of_the_family_means_something() {
    let (_, growth) = growth(&["[jail.test.bantime]\nincrement = true\nmaxtime = \"5w\"\n\
        rndtime = 90\ndecay = \"30d\"\nlower_maxretry = true\nmultipliers = \"1 2.5, 4\"\n"]);
    let growth = growth.expect("it grows");
    assert_eq!(growth.law, Law::Multipliers(vec![1.0, 2.5, 4.0]));
    assert_eq!(growth.maxtime, Some(Duration::from_hours(5 * 7 * 24)));
    assert_eq!(growth.rndtime, Duration::from_secs(90));
    assert_eq!(growth.decay, Some(Duration::from_hours(30 * 24)));
    assert!(growth.lowers_maxretry);
}

#[test]
fn a_jail_hears_of_bans_and_another_does_not_enforce() {
    let text = "[default]\nenforce = false\nusedns = \"yes\"\n\
                [jail.again]\nenabled = true\nbackend = \"bans\"\nenforce = true\n";
    let loaded = load(&texts(&[VENDOR, text], &[TEST_FILTER]));
    assert_eq!(loaded.diagnostics, []);
    let told: Vec<_> = loaded
        .jails
        .iter()
        .map(|jail| {
            let sources = &jail.sources;
            let reads = sources.journal.is_some() || sources.files.is_some();
            (jail.name.as_str(), jail.policy.hears_bans, jail.policy.enforce, reads)
        })
        .collect();
    assert_eq!(told, [("again", true, true, false), ("test", false, false, true)]);
}

#[test]
fn mistakes_have_places_and_hints() {
    let cases = [
        ("bantime = \"1h\"\nbantime.increment = true", "write bantime.time = \"1h\" instead of"),
        ("bantime.increment = true\nbantime = \"1h\"", "write bantime.time = \"1h\" instead of"),
        ("bantime.incremet = true", "did you mean \"bantime.increment\"?"),
        ("bantime.factor = 0", "this is to be a number above 0"),
        ("bantime.factor = \"ban.Time\"", "this is to be a number above 0"),
        ("bantime.multipliers = []", "a number is missing"),
        ("bantime.multipliers = \"1 x\"", "1.toml:2:26"),
        ("bantime.formula = \"ban.Time * open('x')\"", "1.toml:2:31"),
        ("bantime.decay = \"-1\"", "this is no length of time"),
        ("bantime.factor = 2\n\"bantime.factor\" = 3", "bantime.factor is set twice"),
        ("backend = \"bans\"\nlogpath = \"/x\"", "logpath means nothing in a jail with backend"),
        ("enforce = \"no\"", "this is to be true or false"),
        ("bantime.formula = \"2\"\nbantime.multipliers = 2", "this formula is not used"),
    ];
    for (setting, wanted) in cases {
        let told = told(&format!("[jail.test]\n{setting}\n"));
        assert!(told.contains(wanted), "{setting}:\n{told}");
    }
}
