//! The loop: it waits, has the keeper decide, carries out, and tells.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use super::clock::Step;
use super::friends::Friends;
use super::inbox::{Batch, Control, Inbox, Outbox, Reached};
use super::judge::Tried;
use super::lineup::Lineup;
use super::pulse::Pulse;
use super::readers::Readers;
use super::scribe::Scribe;
use super::sources::Register;
use super::telling::Telling;
use super::warden::Warden;
use super::{clock, status};
use crate::bus::{AnswerSender, BanRow, Bus, BusAnswer, Call, Failure, Link, Request};
use crate::confdir::Directories;
use crate::keeper::{
    AttemptOrder, BanOrder, BanRecord, Event, JailId, Network, Reply, Settled, Ticket, Timestamp,
    UnbanOrder,
};
use crate::names::Resolver;
use crate::nft::Firewall;
use crate::rules::{Overlay, Texts};
use crate::systemd::{Ending, Notifier, Signals, catalog, ending};

/// After the firewall could not be mended, or the journal not be opened, it is tried again this
/// soon.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// A disk that has not taken the last of the state file by then hangs.
const CLOSE_AT_MOST: Duration = Duration::from_secs(2);

/// Everything that the loop owns.
pub(super) struct Service {
    pub(super) directories: Directories,
    /// The configuration as it was read last.
    pub(super) texts: Texts,
    /// What was set above it since.
    pub(super) overlay: Overlay,
    pub(super) lineup: Lineup,
    pub(super) warden: Warden<Firewall, Scribe>,
    pub(super) bus: Bus,
    pub(super) inbox: Inbox,
    pub(super) outbox: Outbox,
    pub(super) readers: Readers,
    pub(super) register: Register,
    pub(super) names: Resolver<Tried>,
    pub(super) friends: Friends,
    pub(super) notifier: Notifier,
    pub(super) pulse: Pulse,
    pub(super) telling: Telling,
    pub(super) calls: BTreeMap<Ticket, AnswerSender>,
    pub(super) last_ticket: u64,
    /// When the configuration in force was read.
    pub(super) loaded: Timestamp,
    pub(super) read_at: Option<Instant>,
    pub(super) troubles: Troubles,
    pub(super) shown: String,
    pub(super) show_not_before: Option<Instant>,
    pub(super) show_at: Option<Instant>,
    /// Dropped last: it waits for a delivery that has begun.
    #[expect(dead_code, reason = "signals are delivered for as long as it lives")]
    pub(super) signals: Signals,
}

/// What is not as it should be around the warden, for the status; none of it stops the service.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    pub(super) sources: Option<String>,
    pub(super) bus: Option<String>,
}

/// A reason for other rules.
#[derive(Debug)]
enum Renewal {
    /// The files are to be read again.
    Reload,
    /// A setting is to be changed.
    Set { jail: String, option: String, value: String },
}

/// What a turn of the loop came to.
#[derive(Debug, Default)]
struct Turn {
    events: Vec<Event>,
    renewals: Vec<(Renewal, Option<AnswerSender>)>,
    disturbed: Option<String>,
    addresses_changed: bool,
    step: Option<Step>,
    stop: bool,
    fatal: Option<String>,
}

/// Why the loop ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// It was told to.
    Stopped,
    /// A part that it cannot do without is gone.
    Lost(String),
}

impl Service {
    /// Runs until it is told to stop.
    pub(super) fn run(mut self) -> Ended {
        loop {
            let (controls, batches) = self.inbox.wait(self.patience());
            match self.turn(controls, batches) {
                None => {}
                Some(Ended::Stopped) => {
                    self.stop();
                    return Ended::Stopped;
                }
                Some(lost) => {
                    self.deliver_all(Settled::default());
                    return lost;
                }
            }
        }
    }

    fn turn(&mut self, controls: Vec<Control>, batches: Vec<Batch>) -> Option<Ended> {
        self.telling.begin_turn();
        let mut turn = Turn::default();
        let last_ticket = self.last_ticket;
        self.warden.records.begin_turn(self.inbox.has_batches());
        for control in controls {
            self.take_control(control, &mut turn);
        }
        self.take_batches(batches, &mut turn.events);
        self.friends.refresh();
        let is_ordered = !turn.renewals.is_empty() || self.last_ticket != last_ticket;
        self.decide(turn.events);
        if turn.addresses_changed {
            self.learn_addresses();
        }
        if let Some(step) = turn.step {
            self.keep_time(step);
        }
        if turn.disturbed.is_some() || self.warden.must_mend(clock::monotonic()) {
            self.mend(turn.disturbed.as_deref());
        }
        if self.read_at.is_some_and(|at| at <= clock::monotonic()) {
            self.read_on();
        }
        for (renewal, answer) in turn.renewals {
            let outcome = match renewal {
                Renewal::Reload => self.reload(),
                Renewal::Set { jail, option, value } => self.set(&jail, &option, &value),
            };
            self.show();
            if let Some(answer) = answer {
                answer.send(outcome);
            }
        }
        if self.pulse.is_due() {
            self.ask_readers();
        }
        self.show_in_time(is_ordered);
        if turn.stop { Some(Ended::Stopped) } else { turn.fatal.map(Ended::Lost) }
    }

    /// How long the loop may sleep.
    fn patience(&self) -> Option<Duration> {
        if self.telling.has_more() {
            return Some(Duration::ZERO);
        }
        let by_the_clock = self.warden.keeper.deadline().map(|at| at.since(clock::now()));
        let monotonic = clock::monotonic();
        let friends = self.friends.ask_at();
        let (warden, pulse, telling) = (self.warden.next(), self.pulse.next(), self.telling.next());
        let timers = [warden, self.read_at, self.show_at, pulse, telling, friends];
        let timers = timers.into_iter().flatten().map(|at| at.saturating_duration_since(monotonic));
        by_the_clock.into_iter().chain(timers).min()
    }

    fn take_control(&mut self, control: Control, turn: &mut Turn) {
        match control {
            Control::Call(request) => self.take_call(request, turn),
            Control::Stop => turn.stop = true,
            Control::Reload => turn.renewals.push((Renewal::Reload, None)),
            Control::FirewallDisturbed(what) => turn.disturbed = Some(what),
            Control::Friend(news) => self.friends.take(news, &mut self.warden.keeper),
            Control::AddressesChanged => turn.addresses_changed = true,
            Control::ClockSet(step) => turn.step = Some(step),
            Control::ReaderAlive(name, number) => {
                if self.readers.answered(&name, number) {
                    status::told(self.notifier.watchdog());
                }
            }
            Control::ReaderTrouble(name, path, trouble) => {
                warn!(message_id = catalog::SOURCE_TROUBLE, "{name}: {trouble}");
                self.lineup.note_source_error(&name, path.as_deref(), &trouble);
            }
            Control::ReaderEnded(name, ended) => self.reader_ended(&name, ended),
            Control::BusLink(Link::Lost(reason)) => {
                warn!(
                    "the connection to D-Bus is lost ({reason}); bans go on, and the bus is tried again"
                );
                self.troubles.bus = Some(reason);
            }
            Control::BusLink(Link::Restored) => {
                info!("the connection to D-Bus is back");
                self.troubles.bus = None;
            }
            // What came of it is heard when the turn saves.
            Control::StateWritten => {}
            Control::Lost(what) => turn.fatal = Some(what.to_owned()),
        }
    }

    fn take_call(&mut self, Request { call, answer }: Request, turn: &mut Turn) {
        let known = |name: &str| self.warden.roster.id(name).filter(|id| self.lineup.has(*id));
        let unknown = BusAnswer::Failed(Failure::NoSuchJail);
        match call {
            Call::Ban { jail, networks, sentence } => match known(&jail) {
                Some(jail) => {
                    let ticket = self.expect_answer(answer);
                    turn.events.push(Event::Ban(BanOrder { ticket, jail, networks, sentence }));
                }
                None => answer.send(unknown),
            },
            Call::Attempt { jail, networks: offenders, user, times } => match known(&jail) {
                Some(jail) => {
                    let ticket = self.expect_answer(answer);
                    let user = (!user.is_empty()).then(|| user.into());
                    let source = self.register.numbers.next();
                    let order = AttemptOrder { ticket, jail, offenders, user, times, source };
                    turn.events.push(Event::Attempts(order));
                }
                None => answer.send(unknown),
            },
            Call::Unban { jail, networks } => match jail.as_deref().map(known) {
                Some(None) => answer.send(unknown),
                jail => {
                    let ticket = self.expect_answer(answer);
                    let jail = jail.flatten();
                    turn.events.push(Event::Unban(UnbanOrder { ticket, jail, networks }));
                }
            },
            Call::ListBans { jail } => match jail.as_deref().map(known) {
                Some(None) => answer.send(unknown),
                jail => {
                    let bans = self.warden.keeper.bans(jail.flatten());
                    answer.send(BusAnswer::Bans(self.rows(bans)));
                }
            },
            Call::ListWouldBeBans { jail } => match jail.as_deref().map(known) {
                Some(None) => answer.send(unknown),
                jail => {
                    let bans = self.warden.keeper.would_be_bans(jail.flatten());
                    answer.send(BusAnswer::Bans(self.rows(bans)));
                }
            },
            Call::Matches { jail, network } => match known(&jail) {
                Some(jail) => {
                    let lines = self.warden.keeper.evidence(jail, network).map(Arc::from).collect();
                    answer.send(BusAnswer::Matches(lines));
                }
                None => answer.send(unknown),
            },
            Call::Allow { .. } | Call::Disallow { .. } | Call::ListAllowed => {
                self.take_allowing(call, answer, &mut turn.events);
            }
            Call::Why { network } => self.why(network, answer),
            Call::Diagnose => answer.send(self.diagnose()),
            Call::Reload => turn.renewals.push((Renewal::Reload, Some(answer))),
            Call::Set { jail, option, value } => {
                turn.renewals.push((Renewal::Set { jail, option, value }, Some(answer)));
            }
            Call::Settings { jail } => answer.send(self.settings(&jail)),
        }
    }

    pub(super) fn expect_answer(&mut self, answer: AnswerSender) -> Ticket {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.calls.insert(ticket, answer);
        ticket
    }

    fn rows(&self, bans: impl Iterator<Item = (JailId, Network, BanRecord)>) -> Vec<BanRow> {
        bans.map(|(jail, network, ban)| BanRow {
            jail: self.warden.roster.name(jail).clone(),
            network,
            since: ban.since,
            until: ban.until,
            attempts: ban.attempts,
            nth: ban.nth,
        })
        .collect()
    }

    pub(super) fn take_batches(&mut self, batches: Vec<Batch>, events: &mut Vec<Event>) {
        for batch in batches {
            events.extend(batch.attempts.into_iter().map(Event::Attempt));
            for (jail, time) in batch.records {
                self.lineup.note_record(jail, time);
            }
            for (jail, remark) in batch.remarks {
                self.lineup.note_error(jail, remark.to_owned());
            }
            if let Some(reached) = batch.reached {
                self.take_reached(reached);
            }
        }
    }

    fn take_reached(&mut self, reached: Reached) {
        match reached {
            Reached::At { name, source, saved } => {
                if let Some(source) = source {
                    self.register.note(&name, source);
                }
                self.warden.records.reached(name, saved);
            }
            Reached::Gone { name } => {
                self.warden.records.forget(&name);
                if let Some(source) = self.register.forget(&name) {
                    self.warden.keeper.forget_place(source);
                }
            }
        }
    }

    /// Decides about these events and what is due, carries it out, and tells.
    pub(super) fn decide(&mut self, events: Vec<Event>) {
        let told = self.warden.decide(clock::moment(), events);
        self.deliver(told);
    }

    pub(super) fn answer(&mut self, replies: Vec<Reply>) {
        for Reply { ticket, answer } in replies {
            if let Some(sender) = self.calls.remove(&ticket) {
                sender.send(answer.into());
            }
        }
    }

    /// Lifts the bans if this is a stop; leaves them to the next process if it is a restart.
    fn stop(mut self) {
        status::told(self.notifier.stopping("stopping"));
        if !self.halt_readers(&self.readers.all()) {
            error!("a reader does not stop; it is left behind");
        }
        if let Err(reason) = self.warden.save_all(clock::moment()) {
            error!(message_id = catalog::STATE_UNWRITABLE, "the state cannot be saved: {reason}");
        }
        let told = self.warden.save_and_tell(clock::moment(), Settled::default());
        self.deliver_all(told);
        let ending = ending().unwrap_or_else(|error| {
            warn!("{error}; the bans are lifted, as at a stop");
            Ending::Stop
        });
        match ending {
            Ending::Restart => {
                info!("restarting, the bans stay in the kernel: {}", self.sentence());
            }
            Ending::Stop => match self.warden.table.lower() {
                Ok(()) => info!("stopped; all bans are lifted until the next start"),
                Err(error) => error!("the bans could not be lifted: {error}"),
            },
        }
        self.calls.clear();
        self.bus.close();
        if !self.warden.records.disk.close(CLOSE_AT_MOST) {
            error!("the disk does not let the state file go; it is left behind");
        }
    }
}
