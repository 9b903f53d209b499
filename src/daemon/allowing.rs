//! Who is allowed by hand, between the bus and the keeper; and what a jail's health learns of those
//! who are spared.

use super::announce;
use super::service::Service;
use crate::bus::{AllowedRow, AnswerSender, BusAnswer, Call, Failure};
use crate::keeper::{
    AllowOrder, DisallowOrder, Entry, Event, JailId, Notice, Spared, SparedBy, Where,
};

impl Service {
    /// Takes a call that is about who is allowed by hand.
    pub(super) fn take_allowing(
        &mut self,
        call: Call,
        answer: AnswerSender,
        events: &mut Vec<Event>,
    ) {
        match call {
            Call::Allow { jail, networks, sentence, comment } => match self.place(jail) {
                Some(jail) => {
                    let (ticket, comment) = (self.expect_answer(answer), comment.into());
                    let order = AllowOrder { ticket, jail, networks, sentence, comment };
                    events.push(Event::Allow(order));
                }
                None => answer.send(BusAnswer::Failed(Failure::NoSuchJail)),
            },
            Call::Disallow { jail, networks } => match self.place(jail) {
                Some(jail) => {
                    let ticket = self.expect_answer(answer);
                    events.push(Event::Disallow(DisallowOrder { ticket, jail, networks }));
                }
                None => answer.send(BusAnswer::Failed(Failure::NoSuchJail)),
            },
            _ => answer.send(BusAnswer::Allowed(self.allowed_rows())),
        }
    }

    /// Every jail, or the one of this name, whether it runs now or not; none if there never was one.
    fn place(&self, jail: Option<String>) -> Option<Where> {
        match jail {
            None => Some(None),
            Some(name) => self.warden.roster.id(&name).map(Some),
        }
    }

    fn allowed_rows(&self) -> Vec<AllowedRow> {
        let row = |(jail, network, allowance): (Where, _, &_)| AllowedRow {
            jail: jail.map(|jail: JailId| self.warden.roster.name(jail).clone()),
            network,
            allowance: Clone::clone(allowance),
        };
        self.warden.keeper.allowed().map(row).collect()
    }

    /// Notes what a notice says of a jail's health.
    pub(super) fn note(&mut self, notice: &Notice) {
        match notice {
            Notice::Refused { jail, network, reason } => {
                self.lineup.note_error(*jail, format!("the kernel refused {network}: {reason}"));
            }
            Notice::NotBanned { jail, network, why, attempts } => {
                self.lineup.note_refusal(*jail, announce::not_banned(*network, why, *attempts));
                self.friends.look_again();
            }
            Notice::Ignored {
                jail,
                network,
                why: Spared::Within(Entry { by: SparedBy::TrustedProxies, .. }),
            } => self.lineup.note_proxy(*jail, *network),
            _ => {}
        }
    }
}
