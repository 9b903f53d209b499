//! Days of attacks in simulated time, through the keeper and the state file: nothing is left of
//! those who are gone, and neither holds more in the evening than at noon.

use std::path::Path;
use std::time::Duration;

use jailkeeper::keeper::{
    Attempt, CountBy, Decisions, Event, Growth, JailId, Keeper, Network, Outcome, Place, Policy,
    Roster, Sentence, SourceId, Timestamp, Write,
};
use jailkeeper::store::{Opened, Purge, Store};

use crate::support::soak::{figure, rounds};

const START: Timestamp = Timestamp::from_seconds(1_700_000_000);
const MINUTE: Duration = Duration::from_mins(1);

/// So many offenders are new in every minute, and all of them fail until they are banned but each
/// third, who stops before that.
const OFFENDERS: u32 = 24;

/// A host that is under attack.
struct Host {
    keeper: Keeper,
    store: Store,
    roster: Roster,
    jail: JailId,
    records: u64,
    offenders: u32,
}

impl Host {
    fn new(directory: &Path) -> Self {
        let Opened { store, .. } = Store::open(directory, START).expect("the state file opens");
        let mut roster = Roster::default();
        let jail = roster.enrol("sshd");
        let policy = Policy {
            bantime: Sentence::For(60 * MINUTE),
            growth: Some(Growth::default()),
            count_by: CountBy::User,
            ..Policy::default()
        };
        let mut keeper = Keeper::default();
        keeper.admit(jail, policy);
        Self { keeper, store, roster, jail, records: 0, offenders: 0 }
    }

    /// A minute of attacks, saved as the service saves it.
    fn minute(&mut self, now: Timestamp) {
        let mut events = Vec::new();
        for _ in 0..OFFENDERS {
            self.offenders += 1;
            let tries = if self.offenders.is_multiple_of(3) { 2 } else { 5 };
            events.extend((0..tries).map(|_| self.attempt(now)).collect::<Vec<_>>());
        }
        let Decisions { changes, .. } = self.keeper.decide(now, events);
        self.keeper.settle(now, &changes, &Outcome::Applied { refused: Vec::new() });
        let mut writes: Vec<_> = self.keeper.take_unsaved().collect();
        writes.extend(self.keeper.take_unsaved_lines(usize::MAX));
        self.store.commit(&self.roster, &writes, &[]).expect("a commit");
    }

    fn attempt(&mut self, now: Timestamp) -> Event {
        self.records += 1;
        let scattered = self.offenders.wrapping_mul(0x9E37_79B1) & 0xFF_FFFF;
        let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 | scattered);
        let user = format!("user{}", self.offenders);
        let text = format!("Failed password for {user} from {address} port 4711 ssh2");
        Event::Attempt(Attempt {
            jail: self.jail,
            offender: Network::address(address.into()),
            user: Some(user.into()),
            time: now,
            place: Place { source: SourceId(0), sequence: self.records },
            text: Some((*text).into()),
        })
    }

    fn purge(&mut self, now: Timestamp) {
        let (keep_history, keep_windows) = (Duration::from_hours(2), Duration::from_hours(1));
        let purge = Purge { now, keep_history, keep_windows, jails: &["sshd"] };
        self.store.purge(purge).expect("the state file is cleaned");
    }

    /// How much there is of each kind but earlier bans, which are to be remembered.
    fn held(&self) -> [usize; 4] {
        let mut held = [0; 4];
        for write in self.keeper.everything() {
            match write {
                Write::Ban(..) => held[0] += 1,
                Write::Window(..) => held[1] += 1,
                Write::Account(..) => held[2] += 1,
                Write::Evidence(..) => held[3] += 1,
                _ => {}
            }
        }
        held
    }
}

#[test]
fn days_of_attacks_leave_no_more_than_an_hour_of_them() {
    let days = rounds(1, 30);
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = Host::new(directory.path());
    let mut noon = [0; 4];
    let mut now = START;
    for hour in 1..=days * 24 {
        for _ in 0..60 {
            now = now.plus(MINUTE);
            host.minute(now);
        }
        host.purge(now);
        if hour == 12 {
            noon = host.held();
        }
    }
    let midnight = host.held();
    assert_eq!(noon, midnight, "bans, windows, accounts, lines");
    let banned = (OFFENDERS * 60 * 2 / 3) as usize;
    assert_eq!(midnight[0], banned, "an hour of bans");
    let per_minute = (OFFENDERS / 3) as usize;
    assert!(midnight[1] <= per_minute * 11, "ten minutes of windows: {midnight:?}");

    drop(host.store);
    let Opened { saved, .. } = Store::open(directory.path(), now).expect("the state file opens");
    let rows = [saved.bans.len(), saved.windows.len(), saved.accounts.len(), saved.evidence.len()];
    assert_eq!(rows, midnight, "the state file has what the keeper has");
    figure("attempts without growth", host.records);
}
