//! What must hold, whatever happens.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::disk::{Key, Kind, State};
use super::kernel::Kernel;
use super::world::{BRIEF, BRIEF_MAXRETRY, COUNTS, KEEPS, KEEPS_MAXRETRY, World};
use crate::keeper::{
    Answer, Banned, Event, JailId, Network, News, Notice, Reply, Settled, Ticket, Timestamp, Until,
    Write,
};

/// Ends that differ by no more than this are the same (`keeper::plan`).
const SAME_END: Duration = Duration::from_secs(2);

/// What people know, and may rely on.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// Whom they believe to be banned, and until when.
    told: BTreeMap<(JailId, Network), Until>,
    /// Who was told to be banned for ever when the disk had it.
    promised: BTreeSet<Network>,
    /// Who may be let in, since somebody wants it so.
    excused: BTreeSet<Network>,
    /// Who was to be let in at what time, and has been: no ban of before that comes back.
    freed: BTreeMap<Network, Timestamp>,
    /// Calls without an answer: about whom, and when it was if they are to lift his ban.
    open: BTreeMap<Ticket, (Option<Timestamp>, Network)>,
    /// How many failed logins there were.
    tried: BTreeMap<(JailId, Network), usize>,
    /// How many bans they have led to, of which people were told.
    banned: BTreeMap<(JailId, Network), usize>,
    /// Whether bans have come from the disk of which nobody was told: an earlier process has not lived
    /// to, or they are older than the end of them.
    is_behind: bool,
    /// Whether the kernel or the disk has forgotten something, so that what follows from it is
    /// told once more.
    has_forgotten: bool,
}

impl Claims {
    pub(super) fn tried(&mut self, jail: JailId, offender: Network) {
        *self.tried.entry((jail, offender)).or_default() += 1;
    }

    pub(super) fn ordered(&mut self, now: Timestamp, order: &Event, network: Network) {
        let (ticket, frees) = match order {
            Event::Ban(order) => (order.ticket, None),
            Event::Unban(order) => (order.ticket, Some(now)),
            Event::Allow(order) => (order.ticket, None),
            Event::Disallow(order) => (order.ticket, None),
            Event::Attempt(_) | Event::Attempts(_) => unreachable!("nobody orders those"),
        };
        self.open.insert(ticket, (frees, network));
        self.excused.insert(network);
        self.freed.remove(&network);
    }

    /// Hears what was told at `now`; `since` when the ban in force of a network was made.
    pub(super) fn hear(
        &mut self,
        told: Settled,
        now: Timestamp,
        is_saved: bool,
        since: impl Fn(Network) -> Option<Timestamp>,
    ) {
        for notice in told.notices {
            match notice {
                Notice::Banned(banned) => {
                    let since = since(banned.network);
                    if banned.jail == KEEPS && banned.news == News::New && is_saved {
                        self.promised.insert(banned.network);
                    }
                    self.hear_ban(&banned, now, since.is_some());
                    self.check_freed(&banned, since);
                }
                Notice::Unbanned { jail, network, .. } => {
                    self.promised.remove(&network);
                    let was = self.told.remove(&(jail, network));
                    assert!(was.is_some() || self.is_behind, "the end of no ban: {network}");
                }
                _ => {}
            }
        }
        for Reply { ticket, answer } in told.replies {
            let (frees, network) = self.open.remove(&ticket).expect("one answer to each call");
            if let Some(asked) = frees.filter(|_| is_saved && matches!(answer, Answer::Done(_))) {
                self.freed.insert(network, asked);
            }
        }
    }

    /// A ban that does not run any more has an end that is still to be told.
    fn hear_ban(&mut self, banned: &Banned, now: Timestamp, runs: bool) {
        let Banned { jail, network, until, attempts, news, .. } = *banned;
        assert_ne!(jail, COUNTS, "nobody is banned there: {network}");
        let before = self.told.insert((jail, network), until);
        if news == News::New {
            let is_over = before.is_none_or(|until| until.is_over(now));
            assert!(is_over, "a second ban of {network}");
            if attempts > 0 {
                *self.banned.entry((jail, network)).or_default() += 1;
            }
            self.check_count(jail, network);
        }
        let has_order = self.open.values().any(|(_, about)| *about == network);
        if jail == BRIEF && runs && !has_order {
            self.excused.remove(&network);
        } else if jail == BRIEF && !runs {
            self.excused.insert(network);
        }
    }

    /// No ban comes back that was lifted by hand.
    fn check_freed(&mut self, Banned { jail, network, .. }: &Banned, since: Option<Timestamp>) {
        if *jail == BRIEF
            && let Some(freed) = self.freed.remove(network)
        {
            assert!(since.is_none_or(|since| since >= freed), "{network} was freed");
        }
    }

    /// No attempt leads to two bans.
    fn check_count(&self, jail: JailId, network: Network) {
        let each = if jail == BRIEF { BRIEF_MAXRETRY } else { KEEPS_MAXRETRY };
        let of = |counts: &BTreeMap<_, usize>| counts.get(&(jail, network)).copied().unwrap_or(0);
        let enough = of(&self.banned) * each <= of(&self.tried);
        assert!(enough || self.has_forgotten, "{network} was banned for too little");
    }

    /// Calls have no answer any more.
    pub(super) fn process_died(&mut self, was_saved: bool, state: &State, kernel: &Kernel) {
        self.open.clear();
        self.is_behind = true;
        // Of bans that the disk has not the attempts are read again. While they run the kernel has them;
        // after they have ended, or were lifted by hand, others follow from the same attempts.
        // And who is allowed is known as of then.
        if !was_saved {
            self.banned.clear();
            let allowed = state.rows.keys().filter(|(kind, ..)| *kind == Kind::Allowed);
            self.excused.extend(allowed.map(|(_, _, network, _)| *network));
        }
        let is_saved = |(jail, network): &(JailId, Network), until: &Until| {
            let row = state.rows.get(&(Kind::Ban, Some(*jail), *network, true));
            matches!(row, Some(Write::Ban(.., ban)) if ban.until == *until)
        };
        // What the disk has not, and of which somebody has robbed the kernel, was in the process alone.
        self.told.retain(|of, until| is_saved(of, until) || !kernel.is_robbed_of(of.0, of.1));
    }

    /// What was over meanwhile is not told, nor what the last process has lifted, as somebody wanted, and
    /// did not live to tell.
    pub(super) fn process_lives(&mut self, now: Timestamp, kernel: &Kernel) {
        let excused = &self.excused;
        let was_lifted = |(jail, network): &(JailId, Network)| {
            excused.contains(network) && !kernel.keeps_out(*jail, *network)
        };
        self.told.retain(|of, until| !until.is_over(now) && !was_lifted(of));
    }

    pub(super) fn forget_freed(&mut self) {
        self.freed.clear();
    }

    /// The jail of short bans goes, and all its bans with it.
    pub(super) fn jail_goes(&mut self) {
        self.freed.clear();
        let of_jail = self.told.keys().filter(|(jail, _)| *jail == BRIEF);
        self.excused.extend(of_jail.map(|(_, network)| *network));
    }

    /// Of a jail that was let go nothing is kept but how often it has banned whom.
    pub(super) fn check_dismissed(state: &State) {
        let rows = state.rows.keys().filter(|(_, jail, ..)| *jail == Some(BRIEF));
        let kept: Vec<_> =
            rows.filter(|(kind, ..)| !matches!(kind, Kind::Prior | Kind::Allowed)).collect();
        assert_eq!(kept, Vec::<&Key>::new(), "it was let go");
    }

    /// The jail comes back as it was before what the disk has not.
    pub(super) fn disk_is_behind(&mut self) {
        self.is_behind = true;
        self.has_forgotten = true;
    }

    /// A ban that was told when the disk had it is there, unless somebody wants it gone.
    pub(super) fn check_forced(&self, state: &State) {
        for network in self.promised.difference(&self.excused) {
            let row = (Kind::Ban, Some(KEEPS), *network, true);
            assert!(state.rows.contains_key(&row), "{network} was told, and is lost");
        }
    }

    pub(super) fn power_lost(&mut self) {
        self.open.clear();
        self.told.clear();
        self.freed.clear();
        self.is_behind = true;
        self.has_forgotten = true;
    }
}

impl World {
    /// No offender of whose ban people know is let in while it runs.
    pub(super) fn check(&mut self) {
        let soon = self.at.now.plus(SAME_END);
        let kernel = self.kernel.get();
        for (&(jail, network), until) in &self.claims.told {
            let may_pass = until.is_over(soon)
                || kernel.is_robbed_of(jail, network)
                || jail == BRIEF && self.claims.excused.contains(&network);
            assert!(may_pass || kernel.keeps_out(jail, network), "{network} is let in");
        }
    }

    /// What holds when nothing is in the way any more.
    pub(super) fn check_at_rest(&self) {
        assert_eq!(self.service.table_trouble(), None);
        assert_eq!(self.service.state_trouble, None);
        assert!(self.claims.open.is_empty(), "every call has an answer");
        let decided = self.service.keeper.bans(None);
        let decided: BTreeSet<_> = decided.map(|(jail, network, _)| (jail, network)).collect();
        let kernel = self.kernel.get();
        let kept_out: BTreeSet<_> = kernel.elements().keys().copied().collect();
        assert_eq!(kept_out, decided, "the kernel has what was decided");
        // What an earlier process was to lift, this one does not know as a ban whose end could be told.
        let may_be_lifted = |(jail, network): &(JailId, Network)| {
            self.claims.is_behind && *jail == BRIEF && self.claims.excused.contains(network)
        };
        let told = self.claims.told.keys().copied();
        let told: BTreeSet<_> =
            told.filter(|of| decided.contains(of) || !may_be_lifted(of)).collect();
        assert_eq!(told, decided, "people know what was decided");
        let disk = self.disk.get();
        self.check_disk(disk.state());
        self.check_attempts(disk.state(), &kept_out);
    }

    /// What it has of a jail that does not run is for when it comes back.
    fn check_disk(&self, state: &State) {
        let everything = self.everything();
        assert_eq!(state.positions, everything.positions);
        let runs = |jail| self.service.keeper.jails().any(|it| Some(it) == jail);
        let counts = |(kind, jail, ..): &Key| *kind == Kind::Allowed || runs(*jail);
        let surplus = state
            .rows
            .iter()
            .filter(|(key, row)| counts(key) && everything.rows.get(key) != Some(*row));
        assert_eq!(surplus.collect::<Vec<_>>(), [], "the disk has nothing else");
        let missing = everything.rows.iter().filter(|(key, _)| !state.rows.contains_key(key));
        assert_eq!(missing.collect::<Vec<_>>(), [], "the disk has everything");
    }

    /// Each attempt counts once.
    fn check_attempts(&self, state: &State, kept_out: &BTreeSet<(JailId, Network)>) {
        for (&(jail, network), &tried) in &self.claims.tried {
            match jail {
                COUNTS => {
                    let window = state.rows.get(&(Kind::Window, Some(jail), network, true));
                    let Some(Write::Window(.., times)) = window else {
                        panic!("{network} has no window")
                    };
                    assert_eq!(times.len(), tried, "attempts of {network}");
                }
                KEEPS => {
                    let is_kept_out = kept_out.contains(&(jail, network));
                    assert_eq!(is_kept_out, tried >= KEEPS_MAXRETRY, "{network}: {tried}");
                }
                _ => {}
            }
        }
    }
}
