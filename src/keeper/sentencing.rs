//! How long an offender of a jail is kept out, by what he did before.

use std::num::NonZeroU32;

use super::decide::Keeper;
use super::dice::Dice;
use super::event::BanRecord;
use super::jail::Jail;
use super::ledger::{Ban, Standing};
use super::network::Network;
use super::notice::{Lifted, News, Notice};
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

    /// Puts back how often offenders of a jail that runs were banned, in earnest or not.
    pub fn restore_priors(
        &mut self,
        jail: JailId,
        priors: impl IntoIterator<Item = (Network, bool, Prior)>,
    ) {
        let Some(enforces) = self.jails.get(jail).map(|jail| jail.policy.enforce) else { return };
        for (network, enforced, prior) in priors {
            let whose = Whose { network, jail, enforced };
            if enforces && !enforced {
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
        if self.ledger.covers(network, until) {
            self.lift(network, Lifted::Escalated);
            return false;
        }
        let before = self.ledger.get(network);
        let (record, standing) = if let Some(Ban { record, standing }) = before {
            // The same ban with another end, and not one more.
            past.priors.end_at(self.asked(network).whose, now, until);
            let attempts = attempts.max(record.attempts);
            (BanRecord { until, attempts, ..record }, standing.followed_by())
        } else {
            let nth = self.remember(now, network, until, past);
            let standing = if enforced { Standing::Wanted(News::New) } else { Standing::Trial };
            (BanRecord { since: now, until, attempts, nth, enforced }, standing)
        };
        self.ban(network, record, standing);
        if !enforced {
            let BanRecord { attempts, nth, .. } = record;
            self.told.push(Notice::WouldBan { jail: self.id, network, until, attempts, nth });
        }
        true
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
