//! `jailkeeper import`: whatever fail2ban's files say, what is written of them is right.

use std::collections::BTreeMap;

use jailkeeper::cli::import::fuzzing::take_over;
use jailkeeper::dialect::Tree;

/// The files that an input's texts are.
const FILES: [&str; 5] =
    ["jail.conf", "filter.d/x.conf", "action.d/x.conf", "jail.local", "filter.d/sshd.conf"];

/// Takes a configuration over. It passes our own examination, and the same comes of it twice.
pub fn run(input: &[u8]) {
    let texts = super::texts(input);
    let files: BTreeMap<String, String> =
        FILES.iter().map(|&file| file.to_owned()).zip(texts).collect();
    let tree = Tree::new("/etc/fail2ban", files);
    let written = take_over(&tree).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(take_over(&tree), Ok(written));
}
