//! Attempts without end: who fails as often as is one too many, and who fails once less.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::chance::Chance;
use crate::support::journald::Journald;

/// So many attempts are a ban.
pub(super) const MAXRETRY: u32 = 3;

/// So many try at the same time.
const AT_ONCE: usize = 6;

/// Between one attempt and the next.
const PACE: Duration = Duration::from_millis(2);

/// Where an attempt is to be read, each for a jail of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Channel {
    /// The journal, for the jail `sshd`.
    Journal,
    /// The journal, for a jail whose bans are short.
    Brief,
    /// A log file, for the jail `app`.
    File,
}

impl Channel {
    pub(super) const ALL: [Self; 3] = [Self::Journal, Self::Brief, Self::File];

    pub(super) fn jail(self) -> &'static str {
        match self {
            Self::Journal => "sshd",
            Self::Brief => "brief",
            Self::File => "app",
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Offender {
    pub(super) channel: Channel,
    pub(super) address: IpAddr,
    pub(super) tries: u32,
}

/// Everybody who has tried, and what they leave.
pub(super) struct Load {
    chance: Chance,
    log: PathBuf,
    pub(super) offenders: Vec<Offender>,
}

impl Load {
    pub(super) fn new(chance: Chance, log: &Path) -> Self {
        Self { chance, log: log.to_owned(), offenders: Vec::new() }
    }

    /// Lets offenders try one after the other and mixed, until `over`, and those who have begun to
    /// the end. The last one of each channel is one to ban: when he is banned, all was read.
    pub(super) fn go_on(&mut self, journald: &Journald, over: &AtomicBool) {
        let mut trying: Vec<(Offender, u32)> = Vec::new();
        loop {
            while !over.load(Ordering::Relaxed) && trying.len() < AT_ONCE {
                let channel = Channel::ALL[self.chance.below(Channel::ALL.len())];
                let less = u32::from(self.chance.once_in(2));
                let offender = self.offender(channel, MAXRETRY - less);
                trying.push((offender, offender.tries));
            }
            if trying.is_empty() {
                break;
            }
            let which = self.chance.below(trying.len());
            let (offender, left) = &mut trying[which];
            self.attempt(journald, *offender);
            *left -= 1;
            if *left == 0 {
                trying.swap_remove(which);
            }
            thread::sleep(PACE);
        }
        for channel in Channel::ALL {
            let last = self.offender(channel, MAXRETRY);
            (0..MAXRETRY).for_each(|_| self.attempt(journald, last));
        }
    }

    fn offender(&mut self, channel: Channel, tries: u32) -> Offender {
        let number = u32::try_from(self.offenders.len()).expect("they are not that many");
        let address = Ipv4Addr::from_bits(0x0a00_0000 | number).into();
        let offender = Offender { channel, address, tries };
        self.offenders.push(offender);
        offender
    }

    fn attempt(&self, journald: &Journald, Offender { channel, address, .. }: Offender) {
        match channel {
            Channel::Journal => {
                let line = format!("Failed password for root from {address} port 4711 ssh2");
                journald.send_as("sshd", &line);
            }
            Channel::Brief => journald.send_as("brief", &format!("bad {address}")),
            Channel::File => {
                let log = fs::File::options().create(true).append(true).open(&self.log);
                writeln!(log.expect("a log"), "bad {address}").expect("a line");
            }
        }
    }

    /// Those of a channel who are to be banned, or who are not.
    pub(super) fn of(&self, channel: Channel, guilty: bool) -> BTreeSet<IpAddr> {
        let theirs = self.offenders.iter().filter(|it| it.channel == channel);
        theirs.filter(|it| (it.tries >= MAXRETRY) == guilty).map(|it| it.address).collect()
    }
}
