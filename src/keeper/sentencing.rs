//! How long an offender of a jail is kept out, by what he did before.

use std::num::NonZeroU32;

use super::dice::Dice;
use super::event::{BanRecord, Notice};
use super::jail::Jail;
use super::ledger::Standing;
use super::network::Network;
use super::priors::{Asked, Priors, Whose};
use super::time::{Sentence, Timestamp, Until};

/// What sentences depend on beside the policy.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    pub(super) priors: Priors,
    pub(super) dice: Dice,
}

impl Jail {
    /// Bans an offender for so many attempts: for the time that somebody says, or the jail's own.
    pub(super) fn convict(
        &mut self,
        now: Timestamp,
        network: Network,
        (attempts, said): (u32, Option<Sentence>),
        past: &mut Past,
    ) {
        let until = said.unwrap_or_else(|| self.sentence(now, network, past)).ends(now);
        let nth = self.enter(now, network, until, past);
        let enforced = self.policy.enforce;
        let standing = if enforced { Standing::Wanted } else { Standing::Trial };
        self.ban(network, BanRecord { since: now, until, attempts, nth, enforced }, standing);
        if !enforced {
            self.told.push(Notice::WouldBan { jail: self.id, network, until, attempts, nth });
        }
    }

    /// The jail's own sentence.
    fn sentence(&self, now: Timestamp, network: Network, past: &mut Past) -> Sentence {
        let Some(growth) = &self.policy.growth else { return self.policy.bantime };
        let earlier = past.priors.count(now, self.asked(network));
        growth.sentence(self.policy.bantime, earlier, past.dice.roll())
    }

    /// Remembers a ban; the how manieth it is.
    pub(super) fn enter(
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
