//! What happens in a schedule.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::super::clock::Moment;
use super::super::records::Records;
use super::super::sources::Register;
use super::super::start::restore;
use super::super::warden::Warden;
use super::chance::Chance;
use super::claims::Claims;
use super::disk::{self, State};
use super::journal::{Journal, Record, position};
use super::kernel;
use crate::keeper::{
    Action, AllowOrder, BanOrder, DisallowOrder, Event, Gate, Growth, JailId, Keeper, Network,
    Policy, Ports, Prefix, Protocols, Roster, Scope, Sentence, Settled, Ticket, Timestamp,
    UnbanOrder,
};

/// Nobody is ever banned here: it shows whether each attempt counts, and counts once.
pub(super) const COUNTS: JailId = JailId(0);
/// Nobody is let in again here, so that it is certain who is banned in the end.
pub(super) const KEEPS: JailId = JailId(1);
pub(super) const KEEPS_MAXRETRY: usize = 3;
/// Bans are short here, people give orders, and the jail comes and goes.
pub(super) const BRIEF: JailId = JailId(2);
pub(super) const BRIEF_MAXRETRY: usize = 2;
pub(super) const NAMES: [&str; 3] = ["counts", "keeps", "brief"];

const OFFENDERS: u64 = 6;
const YEARS: Duration = Duration::from_hours(100_000);

/// What the process is, as long as it lives.
type Service = Warden<kernel::Shared, disk::Shared>;

/// The service and all around it.
pub(super) struct World {
    pub(super) chance: Chance,
    pub(super) at: Moment,
    pub(super) kernel: kernel::Shared,
    pub(super) disk: disk::Shared,
    pub(super) journals: [Journal; 2],
    pub(super) policies: Vec<(JailId, Policy)>,
    pub(super) service: Service,
    pub(super) register: Register,
    /// Orders that wait for the loop.
    pub(super) orders: Vec<Event>,
    tickets: u64,
    /// This process has let the jail of short bans go.
    pub(super) has_dismissed: bool,
    /// The kernel has news of what others did to the table.
    pub(super) is_disturbed: bool,
    pub(super) claims: Claims,
    /// Whether a person wants to see what happens.
    aloud: bool,
}

pub(super) fn policies(grows: bool) -> Vec<(JailId, Policy)> {
    let policy = |maxretry: usize, findtime, bantime| Policy {
        maxretry: u32::try_from(maxretry).ok().and_then(NonZeroU32::new).expect("not zero"),
        findtime,
        bantime,
        maxmatches: Some(2),
        ..Policy::default()
    };
    let seconds = Duration::from_secs;
    let brief = policy(BRIEF_MAXRETRY, seconds(20), Sentence::For(seconds(25)));
    let growth = grows.then(Growth::default);
    vec![
        (COUNTS, policy(10_000, YEARS, Sentence::Forever)),
        (KEEPS, policy(KEEPS_MAXRETRY, YEARS, Sentence::Forever)),
        (BRIEF, Policy { growth, ..brief }),
    ]
}

fn gate(jail: JailId) -> Gate {
    Gate {
        jail,
        name: NAMES[jail.0 as usize].to_owned(),
        ports: Ports::All,
        protocols: Protocols::All,
        action: Action::Drop,
        scope: Scope::Host,
        prefix: Prefix::default(),
        max_prefix: Prefix { ipv4: 16, ipv6: 32 },
        spare_loopback: false,
    }
}

/// A process that has read the configuration and the state file.
pub(super) fn process(
    policies: &[(JailId, Policy)],
    (kernel, disk): (&kernel::Shared, &disk::Shared),
    at: Moment,
) -> (Service, Register) {
    let mut roster = Roster::default();
    for name in NAMES {
        roster.enrol(name);
    }
    let (mut keeper, mut register) = (Keeper::default(), Register::default());
    for (id, policy) in policies {
        keeper.admit(*id, policy.clone());
    }
    let saved = disk.get().state().saved(&roster);
    let positions = restore(at.now, (&mut keeper, &mut register), &mut roster, saved);
    let records = Records::new(disk.clone(), positions, false, at.monotonic);
    (Warden::new(keeper, roster, kernel.clone(), records), register)
}

impl World {
    pub(super) fn new(seed: u64, aloud: bool) -> Self {
        let mut chance = Chance::new(seed);
        let at = Moment { now: Timestamp::from_seconds(1_800_000_000), monotonic: Instant::now() };
        let kernel = kernel::Shared::new(chance.number());
        let disk = disk::Shared::new(chance.number(), at.monotonic);
        let policies = policies(chance.once_in(2));
        let (service, register) = process(&policies, (&kernel, &disk), at);
        let journals = [Journal::new("journal"), Journal::new("file:/var/log/x")];
        let mut world = Self {
            chance,
            at,
            kernel,
            disk,
            journals,
            policies,
            service,
            register,
            orders: Vec::new(),
            tickets: 0,
            has_dismissed: false,
            is_disturbed: false,
            claims: Claims::default(),
            aloud,
        };
        world.take_over();
        world
    }

    pub(super) fn say(&self, what: impl FnOnce() -> String) {
        if self.aloud {
            eprintln!("{} {}", self.at.now.micros() % 1_000_000_000, what());
        }
    }

    /// Something happens, and the loop turns if it has a reason to.
    pub(super) fn step(&mut self) {
        match self.chance.below(40) {
            0..=7 => self.somebody_tries(),
            8..=13 => self.somebody_reads(),
            14..=20 => self.turn(),
            21..=25 => {
                let seconds = self.chance.one_of(&[0, 1, 1, 2, 5, 30]);
                let millis = self.chance.below(1000);
                self.wait(Duration::from_millis(seconds * 1000 + millis));
            }
            26..=29 => self.somebody_orders(),
            30 => {
                let trouble = self.chance.one_of(&[0, 0, 1, 2, 4]);
                self.kernel.get().set_trouble(trouble);
                self.say(|| format!("the kernel refuses 1 of {trouble}"));
            }
            31 | 32 => {
                let trouble = self.chance.one_of(&[0, 0, 1, 2, 4]);
                let slowness = self.chance.one_of(&[0, 3, 300, 30_000]);
                self.disk.get().set_trouble(trouble, Duration::from_millis(slowness));
                self.say(|| format!("the disk fails 1 of {trouble}, and takes {slowness} ms"));
            }
            33 => self.somebody_meddles(),
            34 => self.reader_ends(),
            35 => self.die(),
            36 => self.die_in_a_turn(),
            37 => self.lose_power(),
            38 => self.restart(),
            _ => self.reload(),
        }
        self.turn_if_due();
        self.check();
    }

    pub(super) fn offender(&mut self) -> Network {
        format!("192.0.2.{}", self.chance.below(OFFENDERS) + 1).parse().expect("a network")
    }

    fn somebody_tries(&mut self) {
        for _ in 0..=self.chance.below(4) {
            let jail = self.chance.one_of(&[COUNTS, KEEPS, BRIEF, BRIEF]);
            let record = Record { jail, offender: self.offender(), time: self.at.now };
            self.claims.tried(jail, record.offender);
            self.say(|| format!("an attempt: {record:?}"));
            let which = usize::from(self.chance.once_in(2));
            self.journals[which].records.push(record);
        }
    }

    fn somebody_reads(&mut self) {
        let at_most = self.chance.below(6) + 1;
        self.journals[usize::from(self.chance.once_in(2))].read(at_most);
    }

    fn somebody_orders(&mut self) {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let network = self.offender();
        let networks = vec![network];
        let seconds = self.chance.below(60) + 1;
        let sentence = Sentence::For(Duration::from_secs(seconds));
        let order = match self.chance.below(6) {
            0..=2 => {
                let sentence = Some(sentence);
                Event::Ban(BanOrder { ticket, jail: BRIEF, networks, sentence })
            }
            3 => {
                let networks = Some(networks);
                Event::Unban(UnbanOrder { ticket, jail: Some(BRIEF), networks })
            }
            4 => {
                let (jail, comment) = (Some(BRIEF), "".into());
                Event::Allow(AllowOrder { ticket, jail, networks, sentence, comment })
            }
            _ => Event::Disallow(DisallowOrder { ticket, jail: Some(BRIEF), networks }),
        };
        self.say(|| format!("an order: {order:?}"));
        self.claims.ordered(self.at.now, &order, network);
        self.orders.push(order);
    }

    /// A reader ends, and another one takes its place when all that it has found is taken.
    fn reader_ends(&mut self) {
        let which = usize::from(self.chance.once_in(2));
        while !self.journals[which].batches.is_empty() {
            self.turn();
        }
        self.open(which);
    }

    /// A reader begins behind the position that is known.
    pub(super) fn open(&mut self, which: usize) {
        let journal = &mut self.journals[which];
        let known = self.service.records.positions().find(|(name, _)| *name == journal.name);
        journal.open(known.map(|(_, position)| position));
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.at.now = self.at.now.plus(time);
        self.at.monotonic += time;
        self.disk.get().advance(self.at.monotonic);
        self.kernel.get().let_go(self.at.now);
    }

    /// What the loop does when it wakes.
    pub(super) fn turn(&mut self) {
        for told in self.turn_unheard() {
            self.hear(told);
        }
    }

    pub(super) fn turn_unheard(&mut self) -> Vec<Settled> {
        let mut events = std::mem::take(&mut self.orders);
        for journal in &mut self.journals {
            for _ in 0..=self.chance.below(3) {
                let Some(batch) = journal.batches.pop_front() else { break };
                events.extend(batch.events(self.register.enter(journal.name)));
                self.service.records.reached(journal.name.to_owned(), batch.reached);
            }
        }
        let more = self.journals.iter().any(|journal| !journal.batches.is_empty());
        self.service.records.begin_turn(more);
        let mut told = vec![self.service.decide(self.at, events)];
        let hears = self.is_disturbed && self.chance.once_in(2);
        if hears || self.service.must_mend(self.at.monotonic) {
            self.is_disturbed = false;
            told.push(self.put_table_right());
        }
        told
    }

    pub(super) fn put_table_right(&mut self) -> Settled {
        let gates = self.gates();
        self.service.put_table_right(self.at, &gates).1
    }

    pub(super) fn gates(&self) -> Vec<Gate> {
        self.policies.iter().map(|(id, _)| gate(*id)).collect()
    }

    pub(super) fn turn_if_due(&mut self) {
        let by_the_clock = self.service.keeper.deadline().is_some_and(|due| due <= self.at.now);
        let by_timer = self.service.next().is_some_and(|due| due <= self.at.monotonic);
        if by_the_clock || by_timer || !self.orders.is_empty() && self.chance.once_in(2) {
            self.turn();
        }
    }

    pub(super) fn hear(&mut self, told: Settled) {
        let is_saved = self.service.state_trouble.is_none();
        self.say(|| format!("told: {told:?}"));
        let keeper = &self.service.keeper;
        let since = |network| {
            let mut bans = keeper.bans(Some(BRIEF));
            bans.find(|(_, banned, _)| *banned == network).map(|(.., ban)| ban.since)
        };
        self.claims.hear(told, self.at.now, is_saved, since);
    }

    /// Everything that is in the way goes, and all that is to come comes.
    pub(super) fn come_to_rest(&mut self) {
        self.kernel.get().set_trouble(0);
        self.disk.get().set_trouble(0, Duration::ZERO);
        // What the kernel has refused is offered again in a minute, and a position is saved with the
        // next turn after five seconds.
        for _ in 0..80 {
            self.journals.iter_mut().for_each(|journal| journal.read(1000));
            self.turn();
            self.turn_if_due();
            self.wait(Duration::from_secs(1));
            self.check();
        }
        self.turn();
        assert!(!self.is_disturbed, "the kernel's news are heard");
        assert!(self.journals.iter().all(Journal::is_exhausted));
        self.check_at_rest();
    }

    /// What the state file should hold.
    pub(super) fn everything(&self) -> State {
        let mut state = State::default();
        state.write(self.service.keeper.everything());
        for journal in self.journals.iter().filter(|journal| journal.end() > 0) {
            state.positions.insert(journal.name.to_owned(), position(journal.end()));
        }
        state
    }
}
