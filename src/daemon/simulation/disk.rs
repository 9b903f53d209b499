//! A disk that is slow, fails, says that it failed when it has not, and forgets.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::super::records::{Commit, Disk as Writes};
use super::chance::Chance;
use crate::keeper::{JailId, Network, Roster, Where, Write};
use crate::store::{JailSaved, Saved, SavedPosition};

/// What a row is about: its kind, its jail, its network, and whether it is about earnest bans.
pub(super) type Key = (Kind, Where, Network, bool);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Ban,
    Window,
    Evidence,
    Prior,
    Allowed,
}

/// What the state file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    pub(super) rows: BTreeMap<Key, Write>,
    pub(super) positions: BTreeMap<String, SavedPosition>,
}

impl State {
    /// What a commit makes of it.
    fn take(&mut self, commit: Commit) {
        if commit.is_whole {
            let goes = |(kind, jail, ..): &Key| {
                *kind == Kind::Allowed || jail.is_some_and(|jail| commit.jails.contains(&jail))
            };
            self.rows.retain(|key, _| !goes(key));
            self.positions.clear();
        }
        self.write(commit.writes);
        for (name, position) in commit.positions {
            match position {
                Some(position) => self.positions.insert(name, position),
                None => self.positions.remove(&name),
            };
        }
    }

    pub(super) fn write(&mut self, writes: Vec<Write>) {
        for write in writes {
            let (key, is_there) = key(&write);
            if is_there {
                self.rows.insert(key, write);
            } else {
                self.rows.remove(&key);
            }
        }
    }

    /// As the store would read it.
    pub(super) fn saved(&self, roster: &Roster) -> Saved {
        let mut saved = Saved {
            positions: self.positions.iter().map(|(name, at)| (name.clone(), at.clone())).collect(),
            ..Saved::default()
        };
        let name = |jail: &JailId| roster.name(*jail).clone();
        for row in self.rows.values() {
            match row {
                Write::Ban(jail, network, ban) => saved.bans.push((name(jail), *network, *ban)),
                Write::Window(jail, network, times) => {
                    saved.windows.push((name(jail), *network, times.clone()));
                }
                Write::Evidence(jail, network, newest, lines) => {
                    saved.evidence.push((name(jail), *network, *newest, lines.clone()));
                }
                Write::Prior { jail, network, enforced, prior } => {
                    saved.priors.push((name(jail), (*network, *enforced, *prior)));
                }
                Write::Allowed(jail, network, allowance) => {
                    let jail = jail.map(|jail| name(&jail).to_string());
                    saved.allowed.push((jail, *network, allowance.clone()));
                }
                _ => unreachable!("no such row is there"),
            }
        }
        saved
    }

    /// As the store would read one jail.
    pub(super) fn jail(&self, jail: JailId, roster: &Roster) -> JailSaved {
        let saved = self.saved(roster);
        let name = roster.name(jail);
        JailSaved {
            bans: saved.bans.into_iter().filter(|row| row.0 == *name).map(|r| (r.1, r.2)).collect(),
            windows: of(name, saved.windows),
            priors: saved
                .priors
                .into_iter()
                .filter(|row| row.0 == *name)
                .map(|(_, prior)| prior)
                .collect(),
            evidence: saved
                .evidence
                .into_iter()
                .filter(|row| row.0 == *name)
                .map(|(_, network, newest, lines)| (network, newest, lines))
                .collect(),
            ..JailSaved::default()
        }
    }
}

fn of<A, B>(name: &str, rows: Vec<(std::sync::Arc<str>, A, B)>) -> Vec<(A, B)> {
    rows.into_iter().filter(|row| *row.0 == *name).map(|(_, a, b)| (a, b)).collect()
}

/// The row that a write is about, and whether it is there afterwards.
fn key(write: &Write) -> (Key, bool) {
    match write {
        Write::Ban(jail, network, _) => ((Kind::Ban, Some(*jail), *network, true), true),
        Write::NoBan(jail, network) => ((Kind::Ban, Some(*jail), *network, true), false),
        Write::Window(jail, network, _) => ((Kind::Window, Some(*jail), *network, true), true),
        Write::NoWindow(jail, network) => ((Kind::Window, Some(*jail), *network, true), false),
        Write::Evidence(jail, network, ..) => ((Kind::Evidence, Some(*jail), *network, true), true),
        Write::NoEvidence(jail, network) => ((Kind::Evidence, Some(*jail), *network, true), false),
        Write::Prior { jail, network, enforced, .. } => {
            ((Kind::Prior, Some(*jail), *network, *enforced), true)
        }
        Write::NoPrior { jail, network, enforced } => {
            ((Kind::Prior, Some(*jail), *network, *enforced), false)
        }
        Write::Allowed(jail, network, _) => ((Kind::Allowed, *jail, *network, true), true),
        Write::NotAllowed(jail, network) => ((Kind::Allowed, *jail, *network, true), false),
        Write::Account(..) | Write::NoAccount(..) => unreachable!("nobody counts by account"),
    }
}

/// What is to become of the commit that is under way.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Written,
    Failed,
    /// Written, but what is told is that it failed.
    WrittenInSecret,
}

/// The state file, and the trouble with it.
#[derive(Debug)]
pub(super) struct Disk {
    state: State,
    /// What it was at some commit, to which a loss of power may lead back.
    earlier: State,
    under_way: Option<(Commit, Fate, Instant)>,
    outcome: Option<Result<(), String>>,
    /// One of so many commits fails; none if it is 0.
    trouble: u64,
    /// A commit takes less than this.
    slowness: Duration,
    clock: Instant,
    chance: Chance,
}

impl Disk {
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn is_busy(&self) -> bool {
        self.under_way.is_some() || self.outcome.is_some()
    }

    pub(super) fn set_trouble(&mut self, once_in: u64, slowness: Duration) {
        self.trouble = once_in;
        self.slowness = slowness;
    }

    /// Time passes.
    pub(super) fn advance(&mut self, clock: Instant) {
        self.clock = clock;
        if self.under_way.as_ref().is_some_and(|(.., over)| *over <= clock) {
            self.finish();
        }
    }

    /// The process is gone, perhaps after the file had what it was writing.
    pub(super) fn abandon(&mut self) {
        if let Some((commit, ..)) = self.under_way.take()
            && self.chance.once_in(2)
        {
            self.state.take(commit);
        }
        self.outcome = None;
    }

    /// The power is gone: what has not reached the disk is lost.
    pub(super) fn lose_power(&mut self) {
        self.abandon();
        self.state = self.earlier.clone();
    }

    fn finish(&mut self) {
        let Some((commit, fate, _)) = self.under_way.take() else { return };
        if self.chance.once_in(8) {
            self.earlier = self.state.clone();
        }
        if matches!(fate, Fate::Written | Fate::WrittenInSecret) {
            let lasts = commit.is_whole || commit.writes.iter().any(Write::is_decision);
            self.state.take(commit);
            if lasts {
                self.earlier = self.state.clone();
            }
        }
        self.outcome = Some(match fate {
            Fate::Written => Ok(()),
            Fate::Failed | Fate::WrittenInSecret => Err("no space is left".to_owned()),
        });
    }
}

/// The disk, as the warden and the world both have it.
#[derive(Clone)]
pub(super) struct Shared(Rc<RefCell<Disk>>);

impl Shared {
    pub(super) fn new(seed: u64, clock: Instant) -> Self {
        Self(Rc::new(RefCell::new(Disk {
            state: State::default(),
            earlier: State::default(),
            under_way: None,
            outcome: None,
            trouble: 0,
            slowness: Duration::ZERO,
            clock,
            chance: Chance::new(seed),
        })))
    }

    pub(super) fn get(&self) -> RefMut<'_, Disk> {
        self.0.borrow_mut()
    }
}

impl Writes for Shared {
    fn begin(&mut self, commit: Commit) {
        let mut disk = self.get();
        assert!(!disk.is_busy(), "one commit at a time");
        let trouble = disk.trouble;
        let fate = if disk.chance.once_in(trouble) {
            disk.chance.one_of(&[Fate::Failed, Fate::WrittenInSecret])
        } else {
            Fate::Written
        };
        let micros = u64::try_from(disk.slowness.as_micros()).expect("some time") + 1;
        let over = disk.clock + Duration::from_micros(disk.chance.below(micros));
        disk.under_way = Some((commit, fate, over));
        let clock = disk.clock;
        disk.advance(clock);
    }

    fn outcome(&mut self) -> Option<Result<(), String>> {
        self.get().outcome.take()
    }

    fn wait(&mut self, at_most: Duration) -> bool {
        let mut disk = self.get();
        if disk.under_way.as_ref().is_some_and(|(.., over)| *over <= disk.clock + at_most) {
            disk.finish();
        }
        disk.outcome.is_some()
    }
}
