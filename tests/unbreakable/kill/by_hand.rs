//! Somebody who bans and unbans by hand, and remembers what he was told.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// Between one call and the next.
const PACE: Duration = Duration::from_millis(20);

/// The calls of a siege, and their answers.
pub(super) struct ByHand {
    bus: String,
    next: AtomicU32,
    answers: Mutex<Answers>,
}

#[derive(Default)]
struct Answers {
    banned: BTreeSet<IpAddr>,
    freed: BTreeSet<IpAddr>,
}

impl ByHand {
    pub(super) fn new(bus: String) -> Self {
        Self { bus, next: AtomicU32::default(), answers: Mutex::default() }
    }

    /// Bans one after the other, and unbans each third, until `over`.
    pub(super) fn go_on(&self, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let address = IpAddr::from(Ipv4Addr::from_bits(0xac10_0000 | number));
            if self.succeeds("ban", &["app"], address) {
                self.answers.lock().expect("no panic").banned.insert(address);
                if number.is_multiple_of(3) {
                    self.unban(address);
                }
            }
            thread::sleep(PACE);
        }
    }

    fn unban(&self, address: IpAddr) {
        // Without an answer it is either.
        self.answers.lock().expect("no panic").banned.remove(&address);
        if self.succeeds("unban", &[], address) {
            self.answers.lock().expect("no panic").freed.insert(address);
        }
    }

    fn succeeds(&self, verb: &str, words: &[&str], address: IpAddr) -> bool {
        let call = Command::new(env!("CARGO_BIN_EXE_jailkeeper"))
            .arg(verb)
            .args(words)
            .arg(address.to_string())
            .env("DBUS_SYSTEM_BUS_ADDRESS", &self.bus)
            .output();
        call.expect("the client runs").status.success()
    }

    /// Who must be banned, and who must not be.
    pub(super) fn answered(&self) -> (BTreeSet<IpAddr>, BTreeSet<IpAddr>) {
        let answers = self.answers.lock().expect("no panic");
        (answers.banned.clone(), answers.freed.clone())
    }
}
