//! All bans of one jail that are in force.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::event::BanRecord;
use super::network::{Family, Network, Prefix};
use super::notice::News;
use super::time::{Timestamp, Until};

/// So many bans one jail holds. When another comes, the one that ends first is lifted. At some 150
/// bytes each this is 150 MiB, and as much again in the kernel.
pub(super) const MAX_BANS: usize = 1 << 20;

/// The bans of one jail, by offender and by end.
///
/// They may be of any length. Whoever enters them sees to it that none lies within another that
/// lasts at least as long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    bans: BTreeMap<Network, Entry>,
    by_end: BTreeSet<(End, Network)>,
    /// How many bans there are of each length, sorted by it: of few lengths, and asked at each attempt.
    lengths: Vec<((Family, u8), usize)>,
    installed: usize,
}

/// One ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ban {
    pub(super) record: BanRecord,
    pub(super) standing: Standing,
}

/// One ban in as little room as it takes: there may be a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    since: Timestamp,
    end: End,
    attempts: u32,
    nth: u32,
    enforced: bool,
    standing: Standing,
}

/// The end of a ban in half the room of [`Until`]: for ever is the end of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct End(Timestamp);

impl From<Until> for End {
    fn from(until: Until) -> Self {
        match until {
            Until::At(end) => Self(end),
            Until::Forever => Self(Timestamp::from_micros(i64::MAX)),
        }
    }
}

impl From<End> for Until {
    fn from(End(end): End) -> Self {
        if end.micros() == i64::MAX { Self::Forever } else { Self::At(end) }
    }
}

impl From<Ban> for Entry {
    fn from(Ban { record, standing }: Ban) -> Self {
        let BanRecord { since, until, attempts, nth, enforced } = record;
        Self { since, end: until.into(), attempts, nth, enforced, standing }
    }
}

impl From<Entry> for Ban {
    fn from(Entry { since, end, attempts, nth, enforced, standing }: Entry) -> Self {
        let record = BanRecord { since, until: end.into(), attempts, nth, enforced };
        Self { record, standing }
    }
}

/// What is known of a ban in the firewall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is to come about, and will be this news then.
    Wanted(News),
    /// The firewall has it.
    Installed,
    /// The firewall refused it the last time.
    Refused(News),
    /// The firewall never hears of it: the jail does not enforce.
    Trial,
}

impl Standing {
    /// What a ban in the place of this one will be.
    pub(super) fn followed_by(self) -> Self {
        match self {
            Self::Wanted(news) | Self::Refused(news) => Self::Wanted(news),
            Self::Installed => Self::Wanted(News::Changed),
            Self::Trial => Self::Trial,
        }
    }

    /// What it is when the firewall refuses it.
    fn refused(self) -> Self {
        match self {
            Self::Wanted(news) | Self::Refused(news) => Self::Refused(news),
            Self::Installed => Self::Refused(News::Restored),
            Self::Trial => Self::Trial,
        }
    }

    /// Whether it has been in force, or been told to be: nobody hears of the end of any other.
    pub(super) fn was_in_force(self) -> bool {
        !matches!(self, Self::Wanted(News::New) | Self::Refused(News::New) | Self::Trial)
    }
}

impl Ledger {
    /// Enters a ban in place of any other of this offender. When the ledger is full, this takes
    /// out and returns the ban that ends first.
    pub(super) fn enter(&mut self, offender: Network, ban: Ban) -> Option<(Network, Ban)> {
        self.strike(offender);
        let full = self.bans.len() >= MAX_BANS;
        let first = self.by_end.first().filter(|_| full).map(|(_, network)| *network);
        let evicted = first.and_then(|first| Some((first, self.strike(first)?)));
        self.by_end.insert((ban.record.until.into(), offender));
        let length = length_of(offender);
        match self.lengths.binary_search_by_key(&length, |(length, _)| *length) {
            Ok(at) => self.lengths[at].1 += 1,
            Err(at) => self.lengths.insert(at, (length, 1)),
        }
        self.installed += usize::from(ban.standing == Standing::Installed);
        self.bans.insert(offender, ban.into());
        evicted
    }

    /// Strikes a ban out.
    pub(super) fn strike(&mut self, offender: Network) -> Option<Ban> {
        let ban = self.bans.remove(&offender)?;
        self.by_end.remove(&(ban.end, offender));
        let length = length_of(offender);
        if let Ok(at) = self.lengths.binary_search_by_key(&length, |(length, _)| *length) {
            self.lengths[at].1 -= 1;
            if self.lengths[at].1 == 0 {
                self.lengths.remove(at);
            }
        }
        self.installed -= usize::from(ban.standing == Standing::Installed);
        Some(ban.into())
    }

    /// The ban of this offender.
    pub(super) fn get(&self, offender: Network) -> Option<Ban> {
        self.bans.get(&offender).map(|ban| (*ban).into())
    }

    /// The ban of this offender that the firewall is to have.
    pub(super) fn enforced(&self, offender: Network) -> Option<Ban> {
        self.get(offender).filter(|ban| ban.standing != Standing::Trial)
    }

    /// The firewall has this ban now; what was known of it before.
    pub(super) fn note_installed(&mut self, offender: Network) -> Option<Standing> {
        let ban = self.bans.get_mut(&offender).filter(|ban| ban.standing != Standing::Trial)?;
        let before = std::mem::replace(&mut ban.standing, Standing::Installed);
        self.installed += usize::from(before != Standing::Installed);
        Some(before)
    }

    /// The firewall has refused this ban.
    pub(super) fn note_refused(&mut self, offender: Network) {
        let Some(ban) = self.bans.get_mut(&offender) else { return };
        self.installed -= usize::from(ban.standing == Standing::Installed);
        ban.standing = ban.standing.refused();
    }

    /// Strikes out one ban that is over at `now`.
    pub(super) fn strike_one_over(&mut self, now: Timestamp) -> Option<(Network, Ban)> {
        let (end, offender) = *self.by_end.first()?;
        let ban = if Until::from(end).is_over(now) { self.strike(offender)? } else { return None };
        Some((offender, ban))
    }

    /// When the next ban ends.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        match self.by_end.first()?.0.into() {
            Until::At(end) => Some(end),
            Until::Forever => None,
        }
    }

    /// The bans of networks that hold `asked`, or of itself, the widest first: one look-up for each
    /// length in use.
    pub(super) fn holding(&self, asked: Network) -> impl Iterator<Item = (Network, Ban)> {
        let shorter = (asked.family(), 0)..=length_of(asked);
        let lengths = self.lengths.iter().filter(move |(length, _)| shorter.contains(length));
        lengths.filter_map(move |((_, length), _)| {
            let wide = asked.widened(Prefix { ipv4: *length, ipv6: *length });
            self.bans.get(&wide).map(|ban| (wide, (*ban).into()))
        })
    }

    /// The bans of networks that lie within `asked`, without its own, sorted.
    pub(super) fn within(&self, asked: Network) -> impl Iterator<Item = (Network, Ban)> {
        // What lies within it has its first address or a later one, and there a longer prefix.
        let later = self.bans.range((Bound::Excluded(asked), Bound::Unbounded));
        let within = later.take_while(move |(network, _)| asked.holds(**network));
        within.map(|(network, ban)| (*network, (*ban).into()))
    }

    /// Whether a ban of a network around `offender` lasts at least as long.
    pub(super) fn covers(&self, offender: Network, until: Until) -> bool {
        let mut around = self.holding(offender).filter(|(wide, _)| *wide != offender);
        around.any(|(_, ban)| ban.record.until >= until)
    }

    /// The bans within `network` that last no longer.
    pub(super) fn covered_by(&self, network: Network, until: Until) -> Vec<Network> {
        let within = self.within(network).filter(|(_, ban)| ban.record.until <= until);
        within.map(|(member, _)| member).collect()
    }

    /// The bans that the firewall is to have, sorted by network.
    pub(super) fn iter_enforced(&self) -> impl Iterator<Item = (Network, Ban)> {
        self.iter().filter(|(_, ban)| ban.standing != Standing::Trial)
    }

    /// All bans, sorted by network.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Network, Ban)> {
        self.bans.iter().map(|(network, ban)| (*network, (*ban).into()))
    }

    /// How many bans there are, whatever the firewall has.
    pub(super) fn len(&self) -> usize {
        self.bans.len()
    }

    /// How many bans the firewall has.
    pub(super) fn installed(&self) -> usize {
        self.installed
    }
}

fn length_of(network: Network) -> (Family, u8) {
    (network.family(), network.length())
}
