//! How long an offender of a jail is kept out, by what he did before.

use std::num::NonZeroU32;

use super::decide::Keeper;
use super::dice::Dice;
use super::event::{BanRecord, Notice};
use super::jail::Jail;
use super::ledger::Standing;
use super::network::Network;
use super::priors::{Asked, Prior, Priors, Whose};
use super::roster::JailId;
use super::time::{Sentence, Timestamp, Until};

/// What sentences depend on beside the policy.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    pub(super) priors: Priors,
    pub(super) dice: Dice,
}

impl Keeper {
    /// A keeper whose chance begins with `seed` (`bantime.rndtime`).
    #[must_use]
    pub fn with_seed(seed: u64) -> Self {
        let mut keeper = Self::default();
        keeper.past.dice = Dice::new(seed);
        keeper
    }

    /// Puts back how often offenders of a jail were banned, in earnest or not.
    pub fn restore_priors(
        &mut self,
        jail: JailId,
        priors: impl IntoIterator<Item = (Network, bool, Prior)>,
    ) {
        for (network, enforced, prior) in priors {
            let trial_is_over =
                !enforced && self.jails.get(&jail).is_some_and(|jail| jail.policy.enforce);
            let whose = Whose { network, jail, enforced };
            if trial_is_over {
                self.past.priors.forget(whose);
            } else {
                self.past.priors.restore(whose, prior);
            }
        }
    }
}

impl Jail {
    /// Bans an offender for so many attempts, for the time that somebody says, or the jail's own;
    /// whether that is anything new.
    pub(super) fn convict(
        &mut self,
        now: Timestamp,
        network: Network,
        (attempts, said): (u32, Option<Sentence>),
        past: &mut Past,
    ) -> bool {
        let until = said.unwrap_or_else(|| self.sentence(now, network, past)).ends(now);
        self.impose(now, network, (attempts, until), past)
    }

    /// Bans an offender until then; whether that is anything new.
    pub(super) fn impose(
        &mut self,
        now: Timestamp,
        network: Network,
        (attempts, until): (u32, Until),
        past: &mut Past,
    ) -> bool {
        let enforced = self.policy.enforce;
        let standing = if enforced { Standing::Wanted } else { Standing::Trial };
        let nth = if self.ledger.covers(network, until) {
            0
        } else {
            self.remember(now, network, until, past)
        };
        let record = BanRecord { since: now, until, attempts, nth, enforced };
        let is_new = self.ban(network, record, standing);
        if is_new && !enforced {
            self.told.push(Notice::WouldBan { jail: self.id, network, until, attempts, nth });
        }
        is_new
    }

    /// The jail's own sentence.
    pub(super) fn sentence(&self, now: Timestamp, network: Network, past: &mut Past) -> Sentence {
        let Some(growth) = &self.policy.growth else { return self.policy.bantime };
        let earlier = past.priors.count(now, self.asked(network));
        growth.sentence(self.policy.bantime, earlier, past.dice.roll())
    }

    /// Remembers a ban; the how manieth it is.
    pub(super) fn remember(
        &self,
        now: Timestamp,
        network: Network,
        until: Until,
        past: &mut Past,
    ) -> u32 {
        let asked = self.asked(network);
        let nth = past.priors.count(now, asked).saturating_add(1);
        past.priors.enter(now, until, asked);
        nth
    }

    /// How many attempts of this offender are a ban.
    pub(super) fn maxretry(&self, now: Timestamp, network: Network, past: &Past) -> NonZeroU32 {
        let stock = self.policy.maxretry;
        match &self.policy.growth {
            Some(growth) if growth.lowers_maxretry => {
                growth.maxretry(stock, past.priors.count(now, self.asked(network)))
            }
            _ => stock,
        }
    }

    fn asked(&self, network: Network) -> Asked {
        let growth = self.policy.growth.as_ref();
        Asked {
            whose: Whose { network, jail: self.id, enforced: self.policy.enforce },
            overalljails: growth.is_some_and(|growth| growth.overalljails),
            decay: growth.and_then(|growth| growth.decay),
        }
    }
}
