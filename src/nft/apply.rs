//! Changes to elements: all in one transaction, but for those that the kernel refuses.
//!
//! A list of elements in one message is refused as a whole, so a refused list is halved until the
//! refused element stands alone and can be set aside. The kernel answers every refused message of
//! a transaction, so all lists are halved at once and the work is bounded by [`ROUNDS`].
//!
//! Kernels before 6.12 cannot give an element that is there a new timeout, and kernels before 6.3
//! cannot delete one that may not be there. So a list is sent as three messages: add the elements,
//! whatever is there; delete them, for now they are there; and, to ban them, add them with their
//! timeouts. For a large batch that takes three times as long as one message (0.25 s instead of
//! 0.14 s of the kernel's time for 100,000), so that is tried with one, and only the lists that are
//! refused take three. For a small one a refused attempt would cost more: to undo it the kernel
//! waits for all its processors, some 20 ms.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_netfilter::nftables::NfTablesMessage;
use netlink_packet_netfilter::nftables::SetElementMessage;

use super::error::{NftError, errno, in_words};
use super::rules::{self, Lookup, Place};
use super::sets::{self, ELEMENTS_PER_MESSAGE, Elements};
use super::transaction::{Rejection, Transaction};
use super::wire::Wire;
use super::{ATTEMPTS, Holder, Jail, Layout, Packets, SetKey};
use crate::keeper::{Change, Network, Outcome, Timestamp, Until};

const DOING: &str = "changing elements";

/// How many changes one transaction holds at most. To tell who watches the ruleset, as we do, the
/// kernel makes a message of 4 KiB for each element, and keeps all of them until the transaction is
/// through: 64 MiB. Where the system limits the socket's buffer to less, it is fewer.
const CHANGES_PER_TRANSACTION: usize = 16_384;

/// How often a transaction is sent: to find a refused element in a list of 1,000 takes 10 halvings,
/// and each list may first need its three messages; the rest is for other programs that come
/// between and for elements that expire meanwhile.
const ROUNDS: usize = 12 + ATTEMPTS;

/// Up to this many changes are sent at once in the way that is right whatever is there.
const SMALL: usize = ELEMENTS_PER_MESSAGE;

/// What is meant by a change: which element.
type Key = (Holder, Network);

/// An element, and how it is to be: with an end, or not at all.
type Wanted = (Key, Option<Until>);

/// A set for wider networks than usual, and the rules that look into it, which are to come with the
/// first element.
type Opening = (Holder, SetKey);

/// Elements of one set that share the fate of their messages.
struct Chunk<'a> {
    set: &'a str,
    lift: bool,
    /// Whether to send three messages.
    whatever_is_there: bool,
    elements: Vec<(Key, Option<u64>)>,
}

/// What to do about a refused list.
enum Remedy {
    /// Send three messages for it.
    WhateverIsThere,
    /// Send it once more: an element expired while the kernel read it.
    Again,
    /// One of its elements is to blame.
    Blame,
    /// It is not about the elements.
    Fail,
}

/// Makes the changes; see `Firewall::apply`.
pub(super) fn apply(
    wire: &mut Wire,
    layout: &mut Layout,
    (changes, elsewhere): (&[Change], &dyn Fn(Network) -> Option<Until>),
    now: Timestamp,
) -> Outcome {
    let mut refused = HashMap::new();
    let wanted = wanted(layout, (changes, elsewhere), &mut refused);
    let mut openings = openings(layout, &wanted);
    for (holder, key) in &openings {
        layout.enter(*holder, *key);
    }
    let mut limit = CHANGES_PER_TRANSACTION;
    let mut first = true;
    let mut rest = wanted.as_slice();
    while !rest.is_empty() {
        let (now_wanted, later) = rest.split_at(rest.len().min(limit));
        match commit(wire, layout, &openings, chunks(layout, now_wanted, now)) {
            Ok(more) => {
                openings.clear();
                refused.extend(more);
            }
            Err(error) if error.is_too_large() && now_wanted.len() > 1 => {
                limit = now_wanted.len() / 2;
                continue;
            }
            Err(error) if first => {
                for (holder, key) in &openings {
                    layout.leave(*holder, *key);
                }
                return Outcome::Failed { reason: error.to_string() };
            }
            Err(error) => {
                refused.extend(now_wanted.iter().map(|(key, _)| (*key, error.to_string())));
            }
        }
        first = false;
        rest = later;
    }
    let refused = changes.iter().enumerate().filter_map(|(index, change)| {
        let (holder, network) = key(change);
        let reason = refused.get(&(holder, network)).or_else(|| refused.get(&(None, network)))?;
        Some((index, reason.clone()))
    });
    Outcome::Applied { refused: refused.collect() }
}

fn key(change: &Change) -> Key {
    match change {
        Change::Ban { jail, network, .. } | Change::Lift { jail, network } => {
            (Some(*jail), *network)
        }
    }
}

/// The last change to each element, lifts first: they make room. Bans that cannot be meant are
/// refused; to lift what is in a jail without a gate is done, since its sets are gone.
fn wanted(
    layout: &Layout,
    (changes, elsewhere): (&[Change], &dyn Fn(Network) -> Option<Until>),
    refused: &mut HashMap<Key, String>,
) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = changes.iter().map(how).collect();
    // What comes sorted, as from the keeper, is sorted at once; the last of those with one key is kept.
    wanted.sort_by_key(|(key, _)| *key);
    wanted.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            *earlier = *later;
        }
        same
    });
    wanted.retain(|(key, until)| match (until, blunder(layout, *key)) {
        (Some(_), Some(reason)) => {
            refused.insert(*key, reason);
            false
        }
        (Some(_), None) => true,
        (None, _) => jail(layout, key.0).is_some(),
    });
    if layout.shares() {
        wanted.extend(common(layout, &wanted, elsewhere));
    }
    wanted.sort_by_key(|((holder, network), until)| (until.is_some(), *holder, *network));
    wanted
}

/// How an element is to be by a change.
fn how(change: &Change) -> Wanted {
    let until = match change {
        Change::Ban { until, .. } => Some(*until),
        Change::Lift { .. } => None,
    };
    (key(change), until)
}

/// How these elements are to be in the common sets: there for as long as in any jail's. What can be
/// in no set of its length, such as a key with host bits, is in none of them.
fn common(
    layout: &Layout,
    wanted: &[Wanted],
    elsewhere: &dyn Fn(Network) -> Option<Until>,
) -> Vec<Wanted> {
    let mut common = BTreeMap::new();
    for ((holder, network), until) in wanted {
        if jail(layout, *holder).is_some_and(|jail| jail.key(*network) == key_of(*network)) {
            let longest = common.entry(*network).or_insert_with(|| elsewhere(*network));
            *longest = (*longest).max(*until);
        }
    }
    common.into_iter().map(|(network, until)| ((None, network), until)).collect()
}

fn key_of(network: Network) -> SetKey {
    (network.family(), network.length())
}

fn jail(layout: &Layout, holder: Holder) -> Option<&Jail> {
    layout.jails.get(&holder?)
}

/// The sets that are wanted and not there.
fn openings(layout: &Layout, wanted: &[Wanted]) -> Vec<Opening> {
    let banned = wanted.iter().filter(|(_, until)| until.is_some());
    let needed: BTreeSet<Opening> = banned.map(|(key, _)| set_of(layout, *key)).collect();
    needed.into_iter().filter(|(holder, key)| layout.set(*holder, *key).is_none()).collect()
}

/// Where an element belongs.
fn set_of(layout: &Layout, (holder, network): Key) -> (Holder, SetKey) {
    (holder, jail(layout, holder).map_or_else(|| key_of(network), |jail| jail.key(network)))
}

/// A set and the rules that look into it. The kernel refuses the set if it is there.
fn open(transaction: &mut Transaction, layout: &Layout, (holder, key): Opening, set_id: &mut u32) {
    let Some(set) = layout.set(holder, key) else { return };
    let (family, length) = key;
    *set_id += 1;
    let made = sets::offenders(set, (family, holder), *set_id);
    transaction.message(made, NLM_F_CREATE | NLM_F_EXCL);
    let places = Place::of_all(&layout.jails);
    if holder.is_none() || !layout.shares() {
        rules::add_doors(transaction, &places, key, set);
    }
    let Some(Jail { gate, .. }) = jail(layout, holder) else { return };
    for place in places {
        if place.sees(gate.scope) {
            let lookup = Lookup { set, family, length, spent: Packets::default() };
            rules::add_rules(transaction, gate, place, lookup, set_id);
        }
    }
}

/// Why this must not be banned, if it must not.
fn blunder(layout: &Layout, (holder, network): Key) -> Option<String> {
    match jail(layout, holder) {
        None => Some("the jail has no gate in the firewall".to_owned()),
        Some(Jail { gate, .. }) if network.fits(gate.max_prefix, gate.prefix) => None,
        Some(_) => Some(format!("{network} is not as wide or as narrow as the jail's bans are")),
    }
}

/// Lists of elements, each of one set and for one end.
fn chunks<'a>(layout: &'a Layout, wanted: &[Wanted], now: Timestamp) -> Vec<Chunk<'a>> {
    let whatever_is_there = wanted.len() <= SMALL;
    let mut chunks: Vec<Chunk<'a>> = Vec::new();
    for (key, until) in wanted {
        // To lift what belongs into a set that is not there is done.
        let (holder, of) = set_of(layout, *key);
        let Some(set) = layout.set(holder, of) else { continue };
        let element = (*key, until.and_then(|until| sets::timeout(until, now)));
        let lift = until.is_none();
        match chunks.last_mut() {
            Some(chunk)
                if chunk.set == set
                    && chunk.lift == lift
                    && chunk.elements.len() < ELEMENTS_PER_MESSAGE =>
            {
                chunk.elements.push(element);
            }
            _ => chunks.push(Chunk { set, lift, whatever_is_there, elements: vec![element] }),
        }
    }
    chunks
}

/// Commits them, all but the refused elements; those, and why.
fn commit(
    wire: &mut Wire,
    layout: &Layout,
    openings: &[Opening],
    mut chunks: Vec<Chunk<'_>>,
) -> Result<Vec<(Key, String)>, NftError> {
    let mut set_aside = Vec::new();
    let mut openings = openings.to_vec();
    for _ in 0..ROUNDS {
        let mut transaction = Transaction::default();
        let mut set_id = 0;
        let mut sets = Vec::with_capacity(openings.len());
        for opening in &openings {
            sets.push(transaction.len());
            open(&mut transaction, layout, *opening, &mut set_id);
        }
        let opened = transaction.len();
        // The number of the first message behind each chunk.
        let mut ends = Vec::with_capacity(chunks.len());
        for chunk in &chunks {
            chunk.write(&mut transaction);
            ends.push(transaction.len());
        }
        let rejections = match transaction.commit(wire, None, DOING) {
            Ok(rejections) if rejections.is_empty() => return Ok(set_aside),
            Ok(rejections) => rejections,
            // Each change says how it is to be in the end, so it may be made twice.
            Err(NftError::Lost { .. } | NftError::Moved { .. }) => continue,
            Err(error) => return Err(error),
        };
        let (of_openings, of_chunks): (Vec<_>, Vec<_>) =
            rejections.into_iter().partition(|rejection| rejection.message < opened);
        if let Some(Rejection { errno, .. }) = of_openings.iter().find(|it| !is_there(it, &sets)) {
            return Err(NftError::Refused { doing: DOING, errno: *errno });
        }
        for rejection in of_openings.iter().rev() {
            let index = sets.partition_point(|set| *set < rejection.message);
            openings.remove(index);
        }
        chunks = mended(chunks, opened, &ends, &of_chunks, &mut set_aside)?;
    }
    Err(NftError::Moved { doing: DOING })
}

/// Whether this is about a set that is there: so it is if a transaction has succeeded of which the
/// answer was lost.
fn is_there(rejection: &Rejection, sets: &[usize]) -> bool {
    rejection.errno == errno::EEXIST && sets.contains(&rejection.message)
}

/// The chunks for the next attempt; the messages of the first begin at `start`.
fn mended<'a>(
    chunks: Vec<Chunk<'a>>,
    mut start: usize,
    ends: &[usize],
    rejections: &[Rejection],
    set_aside: &mut Vec<(Key, String)>,
) -> Result<Vec<Chunk<'a>>, NftError> {
    let mut mended = Vec::with_capacity(chunks.len() * 2);
    let mut rejections = rejections.iter().peekable();
    for (mut chunk, end) in chunks.into_iter().zip(ends) {
        // The first refusal tells; those behind it may follow from it.
        let refusal = rejections.peek().filter(|rejection| rejection.message < *end).copied();
        while rejections.next_if(|rejection| rejection.message < *end).is_some() {}
        let Some(Rejection { message, errno }) = refusal.copied() else {
            mended.push(chunk);
            start = *end;
            continue;
        };
        match chunk.remedy(message - start, errno) {
            Remedy::WhateverIsThere => {
                chunk.whatever_is_there = true;
                mended.push(chunk);
            }
            Remedy::Again => mended.push(chunk),
            Remedy::Fail => return Err(NftError::Refused { doing: DOING, errno }),
            Remedy::Blame if chunk.elements.len() > 1 => mended.extend(chunk.halves()),
            // No room to add it in order to delete it: it was not there.
            Remedy::Blame if chunk.lift && errno == errno::ENFILE => {}
            Remedy::Blame => set_aside.push((chunk.elements[0].0, in_words(errno))),
        }
        start = *end;
    }
    Ok(mended)
}

impl Chunk<'_> {
    fn write(&self, transaction: &mut Transaction) {
        let bare = || self.list(|_| None);
        let full = || self.list(|timeout| timeout);
        if self.whatever_is_there {
            transaction.message(add(self.set, bare()), NLM_F_CREATE);
            transaction.message(delete(self.set, bare()), 0);
            if !self.lift {
                transaction.message(add(self.set, full()), NLM_F_CREATE | NLM_F_EXCL);
            }
        } else if self.lift {
            transaction.message(delete(self.set, bare()), 0);
        } else {
            transaction.message(add(self.set, full()), NLM_F_CREATE | NLM_F_EXCL);
        }
    }

    fn list(&self, timeout: impl Fn(Option<u64>) -> Option<u64>) -> Elements {
        let elements = self.elements.iter();
        Elements::of_offenders(elements.map(|((_, network), left)| (*network, timeout(*left))))
    }

    /// What to do when the kernel refuses the chunk's message with this number, from 0.
    fn remedy(&self, message: usize, errno: i32) -> Remedy {
        match errno {
            errno::EEXIST | errno::ENOENT if !self.whatever_is_there => Remedy::WhateverIsThere,
            errno::ENOENT if message > 0 => Remedy::Again,
            errno::EINVAL | errno::ENFILE | errno::ERANGE | errno::EEXIST | errno::EBUSY => {
                Remedy::Blame
            }
            _ => Remedy::Fail,
        }
    }

    fn halves(mut self) -> [Self; 2] {
        let second = self.elements.split_off(self.elements.len() / 2);
        let second = Self { elements: second, ..self };
        [self, second]
    }
}

fn add(set: &str, elements: Elements) -> NfTablesMessage {
    NfTablesMessage::NewSetElement(SetElementMessage { attributes: sets::list_of(set, elements) })
}

fn delete(set: &str, elements: Elements) -> NfTablesMessage {
    NfTablesMessage::DeleteSetElement(SetElementMessage {
        attributes: sets::list_of(set, elements),
    })
}
