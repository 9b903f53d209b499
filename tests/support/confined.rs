//! The service under the list of system calls that its unit gives it.
//!
//! Whatever is not on the list ends the service (SIGSYS), so that each test that runs it sees a call
//! that is new. With the unit itself it would be refused.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use nix::sys::signal::Signal;
use seccompiler::{BpfProgram, TargetArch, apply_filter, compile_from_json};

/// Has a process that was started as this test take on a list of calls, and become the program that
/// is named behind `--`.
const CALLS: &str = "JAILKEEPER_TEST_CALLS";
const THIS_TEST: &str = "support::confined::a_call_that_the_unit_does_not_allow_is_the_end";

/// The service in the tests is root, for whom SQLite gives a log the owner of its file.
const OF_ROOT: &str = "fchown";

/// A command that runs `program` with the unit's list; its arguments can be added.
pub(crate) fn command(program: &str) -> Command {
    static ALLOWED: OnceLock<String> = OnceLock::new();
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.env(CALLS, ALLOWED.get_or_init(allowed)).args(["--exact", THIS_TEST, "--", program]);
    command
}

#[test]
fn a_call_that_the_unit_does_not_allow_is_the_end() {
    if let Ok(calls) = env::var(CALLS) {
        become_confined(&calls);
    }
    let status = |program: &str| command(program).arg("/").output().expect("a process").status;
    assert_eq!(status("true").code(), Some(0));
    assert_eq!(status("chroot").signal(), Some(Signal::SIGSYS as i32));
}

fn become_confined(calls: &str) -> ! {
    let filter = filter(calls.split(' ')).expect("known calls");
    let mut words = env::args().skip_while(|word| word != "--").skip(1);
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words).env_remove(CALLS);
    apply_filter(&filter).expect("the kernel takes a filter");
    panic!("{command:?}: {}", command.exec());
}

fn filter<'a>(calls: impl Iterator<Item = &'a str>) -> Result<BpfProgram, seccompiler::Error> {
    let calls: Vec<_> = calls.map(|call| serde_json::json!({ "syscall": call })).collect();
    let description = serde_json::json!({ "only": {
        "mismatch_action": "kill_process", "match_action": "allow", "filter": calls,
    }});
    let architecture = TargetArch::try_from(env::consts::ARCH)?;
    let mut programs = compile_from_json(description.to_string().as_bytes(), architecture)?;
    Ok(programs.remove("only").expect("the one that was described"))
}

/// What the unit lists and systemd adds, as far as this processor has it.
fn allowed() -> String {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("units/jailkeeper.service");
    let unit = fs::read_to_string(unit).expect("the unit");
    let lists = unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter="));
    let listed: BTreeSet<&str> = lists.flat_map(str::split_ascii_whitespace).collect();
    assert!(listed.contains("read"), "the unit lists calls: {listed:?}");
    let usual = usual();
    let calls = listed.into_iter().chain(usual.split_ascii_whitespace()).chain([OF_ROOT]);
    calls.filter(|call| filter([*call].into_iter()).is_ok()).collect::<Vec<_>>().join(" ")
}

/// What systemd allows whatever a unit lists.
fn usual() -> String {
    let output = Command::new("systemd-analyze").args(["syscall-filter", "@default"]).output();
    let output = String::from_utf8(output.expect("systemd-analyze").stdout).expect("text");
    let calls = output.lines().map(str::trim).filter(|line| !line.starts_with(['@', '#']));
    calls.collect::<Vec<_>>().join(" ")
}
