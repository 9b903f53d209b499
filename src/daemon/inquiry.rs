//! Questions that only the loop can answer: what each jail knows of an address, and how the
//! kernel's firewall is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tracing::warn;

use super::announce::spared;
use super::clock;
use super::scribe::History;
use super::service::Service;
use crate::bus::{AnswerSender, BusAnswer, Diagnosis, JailView, PastBan};
use crate::confdir::Directories;
use crate::keeper::{BanRecord, JailId, Network};
use crate::nft::{NftError, Packets};

impl Service {
    /// Answers what each jail knows of `asked`, when the disk has told of its history.
    pub(super) fn why(&mut self, asked: Network, answer: AnswerSender) {
        let mut views = self.views(asked);
        if self.warden.records.is_stuck(clock::monotonic()) {
            warn!("the history of bans cannot be read: the disk does not answer");
            return answer.send(BusAnswer::Views(views));
        }
        let networks = asked.and_wider().collect();
        let then = move |told| {
            let mut history = by_jail(told);
            for view in &mut views {
                view.history = history.remove(&view.jail).unwrap_or_default();
            }
            answer.send(BusAnswer::Views(views));
        };
        self.warden.records.disk.tell_history(networks, Box::new(then));
    }

    /// What each jail knows of `asked` at this moment.
    fn views(&mut self, asked: Network) -> Vec<JailView> {
        let packets: BTreeMap<JailId, Packets> = match self.warden.table.counters() {
            Ok(counters) => counters.into_iter().collect(),
            Err(error) => {
                warn!("the kernel's counters cannot be read: {error}");
                BTreeMap::new()
            }
        };
        let views = self.lineup.jails().filter_map(|(id, policy)| {
            let view = self.warden.keeper.view(id, asked)?;
            let Packets { packets, bytes } = packets.get(&id).copied().unwrap_or_default();
            Some(JailView {
                jail: self.warden.roster.name(id).to_string(),
                bans: past_bans(view.bans),
                would_be: past_bans(view.would_be),
                attempts: view.attempts.iter().map(|time| time.seconds()).collect(),
                lines: view.lines.iter().map(ToString::to_string).collect(),
                maxretry: policy.maxretry.get(),
                findtime: policy.findtime.as_secs(),
                spared: view.spared.as_ref().map(spared).unwrap_or_default(),
                history: Vec::new(),
                packets,
                bytes,
            })
        });
        views.collect()
    }

    /// How the kernel's firewall is. Nothing is changed.
    pub(super) fn diagnose(&mut self) -> BusAnswer {
        let Directories { vendor, overrides } = &self.directories;
        let written = |path: &PathBuf| path.display().to_string();
        let mut diagnosis = Diagnosis {
            loaded: self.loaded.seconds(),
            vendor: written(vendor),
            overrides: overrides.iter().map(written).collect(),
            ..Diagnosis::default()
        };
        if let Err(error) = self.look_around(&mut diagnosis) {
            diagnosis.trouble = error.to_string();
        }
        BusAnswer::Diagnosis(diagnosis)
    }

    fn look_around(&mut self, diagnosis: &mut Diagnosis) -> Result<(), NftError> {
        let installed = self.warden.table.elements(clock::now())?;
        let deviations = self.warden.keeper.deviations(&installed);
        diagnosis.deviations = u32::try_from(deviations).unwrap_or(u32::MAX);
        let surroundings = self.warden.table.surroundings()?;
        diagnosis.ahead = surroundings.ahead.iter().map(ToString::to_string).collect();
        diagnosis.redirecting_rules = surroundings.redirecting_rules;
        diagnosis.flowtables = surroundings.flowtables.iter().map(ToString::to_string).collect();
        Ok(())
    }
}

/// The bans of some networks, by jail, the newest first.
fn by_jail(told: Vec<History>) -> BTreeMap<String, Vec<PastBan>> {
    let mut by_jail: BTreeMap<String, Vec<PastBan>> = BTreeMap::new();
    for (network, bans) in told {
        match bans {
            Ok(bans) => {
                for (jail, ban) in bans {
                    by_jail.entry(jail).or_default().push(past_ban(network, ban));
                }
            }
            Err(error) => {
                warn!("the history of bans cannot be read: {error}");
                break;
            }
        }
    }
    for bans in by_jail.values_mut() {
        bans.sort_by_key(|ban| std::cmp::Reverse(ban.since));
    }
    by_jail
}

fn past_ban(network: Network, ban: BanRecord) -> PastBan {
    PastBan {
        offender: network.to_string(),
        since: ban.since.seconds(),
        until: ban.until.unix_seconds(),
        attempts: ban.attempts,
        nth: ban.nth,
        enforced: ban.enforced,
    }
}

fn past_bans(bans: Vec<(Network, BanRecord)>) -> Vec<PastBan> {
    bans.into_iter().map(|(network, ban)| past_ban(network, ban)).collect()
}
