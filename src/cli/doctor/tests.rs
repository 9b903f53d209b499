use super::facts::{Facts, Running};
use super::findings::{Finding, Level, findings};
use crate::bus::Diagnosis;
use crate::bus::client::JailStatus;
use crate::cli::status::NamedJail;

const NOW: i64 = 1_700_000_000;

fn jail(name: &str) -> NamedJail {
    let status = JailStatus {
        state: "running".to_owned(),
        scope: "host".to_owned(),
        sources: vec!["journal".to_owned()],
        last_record: NOW - 60,
        total_attempts: 3,
        enforce: true,
        ..JailStatus::default()
    };
    NamedJail { jail: name.to_owned(), status }
}

/// A machine on which all is well.
fn sound() -> Facts {
    let diagnosis = Diagnosis { loaded: NOW - 3600, ..Diagnosis::default() };
    Facts {
        now: NOW,
        service: Some(Running {
            state: "1 jail runs, 0 banned".to_owned(),
            jails: vec![jail("sshd")],
            diagnosis,
        }),
        unit_file: Some("enabled".to_owned()),
        clock_is_synchronized: Some(true),
        journal_is_persistent: true,
        ..Facts::default()
    }
}

fn bad(facts: &Facts) -> Vec<Finding> {
    findings(facts).into_iter().filter(|finding| finding.level != Level::Good).collect()
}

/// What is found when `spoil` has spoilt something: one finding, of this level, with a remedy
/// unless there is none.
fn one(level: Level, spoil: impl FnOnce(&mut Facts)) -> Finding {
    let mut facts = sound();
    spoil(&mut facts);
    let found = bad(&facts);
    let [finding] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!(finding.level, level, "{finding:#?}");
    finding.clone()
}

type Spoil = Box<dyn FnOnce(&mut Facts)>;

fn running(facts: &mut Facts) -> &mut Running {
    facts.service.as_mut().expect("it runs")
}

#[test]
fn where_all_is_well_nothing_is_found() {
    assert_eq!(bad(&sound()), []);
    assert!(findings(&sound()).len() >= 6);
}

#[test]
fn each_trouble_is_found_and_has_its_remedy() {
    let spoilers: [(Level, &str, Spoil); 14] = [
        (Level::Warning, "systemctl enable", Box::new(|f| f.unit_file = Some("disabled".into()))),
        (Level::Warning, "fail2ban", Box::new(|f| f.fail2ban_runs = true)),
        (Level::Problem, "jailkeeper check", Box::new(|f| f.mistakes = 2)),
        (Level::Warning, "reload", Box::new(|f| f.changed = vec!["/etc/jailkeeper/x.toml".into()])),
        (
            Level::Problem,
            "restart",
            Box::new(|f| running(f).diagnosis.trouble = "not permitted".into()),
        ),
        (Level::Problem, "journalctl", Box::new(|f| running(f).diagnosis.deviations = 1)),
        (Level::Note, "scope = \"all\"", Box::new(|f| running(f).diagnosis.redirecting_rules = 2)),
        (Level::Note, "br_netfilter", Box::new(|f| f.unseen_bridges = vec!["br0".into()])),
        (Level::Note, "/var/log/journal", Box::new(|f| f.journal_is_persistent = false)),
        (Level::Warning, "set-ntp", Box::new(|f| f.clock_is_synchronized = Some(false))),
        (
            Level::Problem,
            "jailkeeper check",
            Box::new(|f| running(f).jails[0].status.state = "broken: no such filter".into()),
        ),
        (
            Level::Warning,
            "JAILKEEPER_JAIL=sshd",
            Box::new(|f| running(f).jails[0].status.last_error = "a record was too long".into()),
        ),
        (
            Level::Warning,
            "JAILKEEPER_JAIL=sshd",
            Box::new(|f| running(f).jails[0].status.warnings = vec!["a list is not there".into()]),
        ),
        (
            Level::Note,
            "list --would-be sshd",
            Box::new(|f| running(f).jails[0].status.enforce = false),
        ),
    ];
    for (level, remedy, spoil) in spoilers {
        let finding = one(level, spoil);
        assert!(finding.remedy.contains(remedy), "{finding:#?}");
    }
}

#[test]
fn a_service_that_does_not_run_is_the_problem() {
    let finding = one(Level::Problem, |facts| facts.service = None);
    assert!(finding.remedy.contains("systemctl enable --now jailkeeper"), "{finding:#?}");
}

#[test]
fn a_source_is_judged_by_what_came_from_it() {
    let never = one(Level::Note, |f| running(f).jails[0].status.last_record = 0);
    assert!(never.text.contains("no record of journal"), "{never:#?}");
    let long_ago = one(Level::Warning, |f| {
        running(f).jails[0].status.last_record = NOW - 2 * 24 * 60 * 60;
    });
    assert!(long_ago.text.contains("2 d ago"), "{long_ago:#?}");
    let deaf = one(Level::Note, |f| running(f).jails[0].status.total_attempts = 0);
    assert!(deaf.remedy.contains("jailkeeper test sshd"), "{deaf:#?}");
}

#[test]
fn offloaded_connections_concern_only_who_forwards() {
    let offloaded = |f: &mut Facts| running(f).diagnosis.flowtables = vec!["inet fw fast".into()];
    let mut host = sound();
    offloaded(&mut host);
    assert_eq!(bad(&host), []);
    let router = one(Level::Warning, |facts| {
        offloaded(facts);
        running(facts).jails[0].status.scope = "forward".to_owned();
    });
    assert!(router.text.contains("inet fw fast"), "{router:#?}");
}
