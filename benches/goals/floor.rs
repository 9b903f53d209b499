//! What any program in Rust would have to do at least: the lines of a log against twelve patterns.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::process::ExitCode;

use regex::bytes::{Regex, RegexSet};

/// Failed logins as sshd tells them. The address is the group.
pub(crate) const SSHD: [&str; 12] = [
    r"sshd(?:-session)?\[\d+\]: Failed (?:password|none|publickey|keyboard-interactive/pam) for (?:invalid user )?.* from ([0-9a-fA-F.:]+) port \d+",
    r"sshd(?:-session)?\[\d+\]: [iI](?:nvalid|llegal) user .* from ([0-9a-fA-F.:]+)",
    r"sshd(?:-session)?\[\d+\]: pam_[a-z]+\(sshd:auth\): +authentication failure;.* rhost=([0-9a-fA-F.:]+)(?:\s|$)",
    r"sshd(?:-session)?\[\d+\]: (?:error: )?PAM: (?:Authentication failure|User not known to the underlying authentication module) for .* from ([0-9a-fA-F.:]+)",
    r"sshd(?:-session)?\[\d+\]: Connection (?:closed|reset) by (?:authenticating|invalid) user .* ([0-9a-fA-F.:]+) port \d+ \[preauth\]",
    r"sshd(?:-session)?\[\d+\]: Disconnected from (?:authenticating|invalid) user .* ([0-9a-fA-F.:]+) port \d+",
    r"sshd(?:-session)?\[\d+\]: (?:error: )?Received disconnect from ([0-9a-fA-F.:]+)(?: port \d+)?: ?3: .*Auth fail",
    r"sshd(?:-session)?\[\d+\]: (?:error: )?maximum authentication attempts exceeded for .* from ([0-9a-fA-F.:]+) port \d+",
    r"sshd(?:-session)?\[\d+\]: User .* from ([0-9a-fA-F.:]+) not allowed because",
    r"sshd(?:-session)?\[\d+\]: Did not receive identification string from ([0-9a-fA-F.:]+)",
    r"sshd(?:-session)?\[\d+\]: Unable to negotiate with ([0-9a-fA-F.:]+)",
    r"sshd(?:-session)?\[\d+\]: (?:error: )?kex_exchange_identification: .* \[?([0-9a-fA-F.:]+)",
];

/// All of them in one.
pub(crate) fn union() -> String {
    SSHD.map(|pattern| format!("(?:{})", pattern.replace("([0-9", "(?:[0-9"))).join("|")
}

/// Runs the floor of this name over a log.
pub(crate) fn run(name: &str, words: &[OsString]) -> ExitCode {
    let set = RegexSet::new(SSHD).expect("they are right");
    let each = SSHD.map(|pattern| Regex::new(pattern).expect("it is right"));
    let is_hit = |line: &[u8]| match name {
        "set" => set.is_match(line),
        _ => each.iter().any(|regex| regex.captures(line).is_some_and(|c| c.get(1).is_some())),
    };
    match lines(&words[0], is_hit) {
        Ok(hits) => {
            println!("{hits}");
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("{}: {e}", words[0].display());
            ExitCode::FAILURE
        }
    }
}

/// How many lines of a file are hits.
fn lines(path: &OsString, is_hit: impl Fn(&[u8]) -> bool) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 256 * 1024];
    let (mut held, mut hits) = (0, 0);
    loop {
        let read = file.read(&mut buffer[held..])?;
        if read == 0 {
            return Ok(hits);
        }
        held += read;
        let mut begin = 0;
        for end in memchr::memchr_iter(b'\n', &buffer[..held]) {
            hits += u64::from(is_hit(&buffer[begin..end]));
            begin = end + 1;
        }
        buffer.copy_within(begin..held, 0);
        held -= begin;
    }
}
