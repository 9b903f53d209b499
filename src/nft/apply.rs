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
use super::rules::{self, Lookup, Place, wide_set_name};
use super::sets::{self, ELEMENTS_PER_MESSAGE, Node};
use super::transaction::{Rejection, Transaction};
use super::wire::Wire;
use super::{ATTEMPTS, Jail, Packets, SetKey};
use crate::keeper::{Change, JailId, Network, Outcome, Timestamp, Until};

const DOING: &str = "changing elements";

/// How many changes one transaction holds at most, about 12 MB of messages. Where the system limits
/// the socket's buffer to less, it is fewer.
const CHANGES_PER_TRANSACTION: usize = 131_072;

/// How often a transaction is sent: to find a refused element in a list of 1,000 takes 10 halvings,
/// and each list may first need its three messages; the rest is for other programs that come
/// between and for elements that expire meanwhile.
const ROUNDS: usize = 12 + ATTEMPTS;

/// Up to this many changes are sent at once in the way that is right whatever is there.
const SMALL: usize = ELEMENTS_PER_MESSAGE;

/// What is meant by a change: which element.
type Key = (JailId, Network);

/// A set for wider networks than usual, and the rules that look into it, which are to come with the
/// first element.
type Opening = (JailId, SetKey);

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
    jails: &mut BTreeMap<JailId, Jail>,
    changes: &[Change],
    now: Timestamp,
) -> Outcome {
    let mut refused = HashMap::new();
    let wanted = wanted(jails, changes, &mut refused);
    let mut openings = openings(jails, &wanted);
    enter(jails, &openings);
    let mut limit = CHANGES_PER_TRANSACTION;
    let mut first = true;
    let mut rest = wanted.as_slice();
    while !rest.is_empty() {
        let (now_wanted, later) = rest.split_at(rest.len().min(limit));
        match commit(wire, jails, &openings, chunks(jails, now_wanted, now)) {
            Ok(more) => {
                openings.clear();
                refused.extend(more);
            }
            Err(error) if error.is_too_large() && now_wanted.len() > 1 => {
                limit = now_wanted.len() / 2;
                continue;
            }
            Err(error) if first => {
                for (id, key) in openings {
                    jails.get_mut(&id).map(|jail| jail.sets.remove(&key));
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
        refused.get(&key(change)).map(|reason| (index, reason.clone()))
    });
    Outcome::Applied { refused: refused.collect() }
}

fn key(change: &Change) -> Key {
    match change {
        Change::Ban { jail, network, .. } | Change::Lift { jail, network } => (*jail, *network),
    }
}

/// The last change to each element, lifts first: they make room. Bans that cannot be meant are
/// refused; to lift what is in a jail without a gate is done, since its sets are gone.
fn wanted(
    jails: &BTreeMap<JailId, Jail>,
    changes: &[Change],
    refused: &mut HashMap<Key, String>,
) -> Vec<(Key, Option<Until>)> {
    let mut last = HashMap::new();
    for change in changes {
        let until = match change {
            Change::Ban { until, .. } => Some(*until),
            Change::Lift { .. } => None,
        };
        last.insert(key(change), until);
    }
    last.retain(|key, until| match (until, blunder(jails, *key)) {
        (Some(_), Some(reason)) => {
            refused.insert(*key, reason);
            false
        }
        (Some(_), None) => true,
        (None, _) => jails.contains_key(&key.0),
    });
    let mut wanted: Vec<_> = last.into_iter().collect();
    wanted.sort_unstable_by_key(|((jail, network), until)| (until.is_some(), *jail, *network));
    wanted
}

/// The sets that are wanted and not there.
fn openings(jails: &BTreeMap<JailId, Jail>, wanted: &[(Key, Option<Until>)]) -> Vec<Opening> {
    let banned = wanted.iter().filter(|(_, until)| until.is_some());
    let needed: BTreeSet<Opening> =
        banned.map(|((id, network), _)| (*id, jails[id].key(*network))).collect();
    needed.into_iter().filter(|(id, key)| !jails[id].sets.contains_key(key)).collect()
}

/// Gives the jails the sets that are to come.
fn enter(jails: &mut BTreeMap<JailId, Jail>, openings: &[Opening]) {
    for (id, key) in openings {
        if let Some(jail) = jails.get_mut(id) {
            let name = wide_set_name(&jail.gate.name, key.0, key.1);
            jail.sets.insert(*key, name);
        }
    }
}

/// A set and the rules that look into it. The kernel refuses the set if it is there.
fn open(
    transaction: &mut Transaction,
    jails: &BTreeMap<JailId, Jail>,
    (id, key): Opening,
    set_id: &mut u32,
) {
    let Jail { gate, sets } = &jails[&id];
    let (family, length) = key;
    let set = sets[&key].as_str();
    *set_id += 1;
    transaction.message(sets::offenders(set, family, *set_id), NLM_F_CREATE | NLM_F_EXCL);
    for place in Place::of_all(jails) {
        if place.sees(gate.scope) {
            let lookup = Lookup { set, family, length, spent: Packets::default() };
            rules::add_rules(transaction, gate, place, lookup, set_id);
        }
    }
}

/// Why this must not be banned, if it must not.
fn blunder(jails: &BTreeMap<JailId, Jail>, (id, network): Key) -> Option<String> {
    match jails.get(&id) {
        None => Some("the jail has no gate in the firewall".to_owned()),
        Some(Jail { gate, .. }) if network.fits(gate.max_prefix, gate.prefix) => None,
        Some(_) => Some(format!("{network} is not as wide or as narrow as the jail's bans are")),
    }
}

/// Lists of elements, each of one set and for one end.
fn chunks<'a>(
    jails: &'a BTreeMap<JailId, Jail>,
    wanted: &[(Key, Option<Until>)],
    now: Timestamp,
) -> Vec<Chunk<'a>> {
    let whatever_is_there = wanted.len() <= SMALL;
    let mut chunks: Vec<Chunk<'a>> = Vec::new();
    for ((id, network), until) in wanted {
        // To lift what belongs into a set that is not there is done.
        let jail = &jails[id];
        let Some(set) = jail.sets.get(&jail.key(*network)).map(String::as_str) else { continue };
        let element = ((*id, *network), until.and_then(|until| sets::timeout(until, now)));
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
    jails: &BTreeMap<JailId, Jail>,
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
            open(&mut transaction, jails, *opening, &mut set_id);
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
        let bare = || self.nodes(|_| None);
        let full = || self.nodes(|timeout| timeout);
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

    fn nodes(&self, timeout: impl Fn(Option<u64>) -> Option<u64>) -> Vec<Node> {
        let node = |((_, network), until): &(Key, _)| sets::offender(*network, timeout(*until));
        self.elements.iter().map(node).collect()
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

fn add(set: &str, nodes: Vec<Node>) -> NfTablesMessage {
    NfTablesMessage::NewSetElement(SetElementMessage { attributes: sets::list_of(set, nodes) })
}

fn delete(set: &str, nodes: Vec<Node>) -> NfTablesMessage {
    NfTablesMessage::DeleteSetElement(SetElementMessage { attributes: sets::list_of(set, nodes) })
}
