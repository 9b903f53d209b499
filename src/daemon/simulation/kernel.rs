//! A kernel that refuses, loses its answers, and is meddled with.

use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::super::warden::Table;
use super::chance::Chance;
use crate::keeper::{Change, Element, Gate, JailId, Network, Outcome, Timestamp, Until};
use crate::nft::{Found, NftError};

/// What nf_tables says when it is short of memory (errno(3)).
const ENOMEM: i32 = 12;

/// The table `inet jailkeeper`, and the trouble with it.
#[derive(Debug)]
pub(super) struct Kernel {
    /// The jails that have sets; none if there is no table.
    jails: Option<BTreeSet<JailId>>,
    elements: BTreeMap<(JailId, Network), Until>,
    /// What somebody else has taken out, and nobody has put back.
    missing: BTreeSet<(JailId, Network)>,
    /// One of so many requests goes wrong; none if it is 0.
    trouble: u64,
    chance: Chance,
}

impl Kernel {
    /// Whether it keeps this network out.
    pub(super) fn keeps_out(&self, jail: JailId, network: Network) -> bool {
        self.elements.contains_key(&(jail, network))
    }

    /// Whether somebody else has let this network in.
    pub(super) fn is_robbed_of(&self, jail: JailId, network: Network) -> bool {
        self.missing.contains(&(jail, network))
    }

    pub(super) fn elements(&self) -> &BTreeMap<(JailId, Network), Until> {
        &self.elements
    }

    pub(super) fn set_trouble(&mut self, once_in: u64) {
        self.trouble = once_in;
    }

    /// What has had its time goes.
    pub(super) fn let_go(&mut self, now: Timestamp) {
        self.elements.retain(|_, until| !until.is_over(now));
    }

    /// Somebody removes the table.
    pub(super) fn flush(&mut self) {
        self.jails = None;
        self.missing.extend(std::mem::take(&mut self.elements).into_keys());
    }

    /// Somebody removes an element.
    pub(super) fn rob(&mut self) {
        let victim = self.elements.keys().copied().nth(self.chance.one_of(&[0, 1, 2, 3]));
        if let Some(victim) = victim {
            self.elements.remove(&victim);
            self.missing.insert(victim);
        }
    }

    /// Somebody adds an element.
    pub(super) fn intrude(&mut self, jail: JailId, network: Network, until: Until) {
        if self.jails.as_ref().is_some_and(|jails| jails.contains(&jail)) {
            self.elements.entry((jail, network)).or_insert(until);
        }
    }

    /// The machine starts anew.
    pub(super) fn reboot(&mut self) {
        self.flush();
        self.missing.clear();
    }

    fn refuse(&mut self) -> Result<(), NftError> {
        if self.chance.once_in(self.trouble) {
            return Err(NftError::Refused { doing: "a test", errno: ENOMEM });
        }
        Ok(())
    }

    /// Takes the changes; those that it does not.
    fn take(&mut self, changes: &[Change]) -> Vec<(usize, String)> {
        let mut refused = Vec::new();
        for (index, change) in changes.iter().enumerate() {
            let (Change::Ban { jail, network, .. } | Change::Lift { jail, network }) = *change;
            let has_set = self.jails.as_ref().is_some_and(|jails| jails.contains(&jail));
            if !has_set || self.chance.once_in(self.trouble * 4) {
                refused.push((index, "no".to_owned()));
                continue;
            }
            self.missing.remove(&(jail, network));
            match *change {
                Change::Ban { until, .. } => self.elements.insert((jail, network), until),
                Change::Lift { .. } => self.elements.remove(&(jail, network)),
            };
        }
        refused
    }
}

/// The kernel, as the warden and those who meddle both have it.
#[derive(Clone)]
pub(super) struct Shared(Rc<RefCell<Kernel>>);

impl Shared {
    pub(super) fn new(seed: u64) -> Self {
        Self(Rc::new(RefCell::new(Kernel {
            jails: None,
            elements: BTreeMap::new(),
            missing: BTreeSet::new(),
            trouble: 0,
            chance: Chance::new(seed),
        })))
    }

    pub(super) fn get(&self) -> RefMut<'_, Kernel> {
        self.0.borrow_mut()
    }
}

impl Table for Shared {
    fn raise(&mut self, gates: &[Gate]) -> Result<Found, NftError> {
        let mut kernel = self.get();
        kernel.refuse()?;
        let found = kernel.jails.as_ref().map_or(Found::Nothing, |_| Found::Table);
        let jails: BTreeSet<JailId> = gates.iter().map(|gate| gate.jail).collect();
        kernel.elements.retain(|(jail, _), _| jails.contains(jail));
        kernel.jails = Some(jails);
        Ok(found)
    }

    fn elements(&mut self, now: Timestamp) -> Result<Vec<Element>, NftError> {
        let mut kernel = self.get();
        kernel.refuse()?;
        kernel.let_go(now);
        let element =
            |(&(jail, network), &until): (&(_, _), &Until)| Element { jail, network, until };
        Ok(kernel.elements.iter().map(element).collect())
    }

    fn apply(
        &mut self,
        changes: &[Change],
        _elsewhere: impl Fn(Network) -> Option<Until>,
        now: Timestamp,
    ) -> Outcome {
        let mut kernel = self.get();
        kernel.let_go(now);
        let failed = |reason: &str| Outcome::Failed { reason: reason.to_owned() };
        if kernel.jails.is_none() {
            return failed("there is no table");
        }
        if kernel.refuse().is_err() {
            return failed("it is busy");
        }
        let refused = kernel.take(changes);
        if kernel.refuse().is_err() {
            return failed("its answer is lost");
        }
        Outcome::Applied { refused }
    }
}
