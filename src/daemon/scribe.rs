//! The thread that writes the state file, so that a slow disk holds up nobody else.

use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Select, Sender, bounded, unbounded};
use tracing::{error, warn};

use super::records::{Commit, Disk};
use crate::keeper::{BanRecord, Network};
use crate::store::{JailSaved, Purge, SetAside, Store, StoreError, Whole};
use crate::systemd::catalog;

/// The windows of a jail that does not run are kept this long for when it comes back.
const WINDOWS: Duration = Duration::from_hours(24);

/// The history of bans reaches back this far.
const HISTORY: Duration = Duration::from_hours(90 * 24);

/// When nothing is to be done for so long, there is time to tidy up.
const LULL: Duration = Duration::from_millis(200);

/// When so many rows wait for that, it is begun all the same, a step behind each commit; two steps when
/// twice as many do, and so on, as long as nothing is to be done. A start has to work them in, and whoever asks for the past.
const UNFOLDED_MANY: u32 = 16_384;

/// So many do not wait.
const UNFOLDED_MOST: u32 = 4 * UNFOLDED_MANY;

/// So many questions about the past wait at once; with more of them the history is left out, which the
/// log tells.
const MAX_QUESTIONS: usize = 64;

/// The bans of a network, and in which jail each was.
pub(super) type History = (Network, Result<Vec<(String, BanRecord)>, StoreError>);

/// What to do with the answer to a question about the past.
type Then = Box<dyn FnOnce(Vec<History>) + Send>;

/// What there is to do.
enum Task {
    Commit(Box<Commit>),
    History(Vec<Network>, Then),
    Jail(String, Sender<Result<JailSaved, StoreError>>),
}

/// Our end of the thread. When it is dropped the thread does what was asked of it, and ends.
pub(super) struct Scribe {
    tasks: Sender<Task>,
    outcomes: Receiver<Result<(), String>>,
}

impl Scribe {
    /// Starts the thread. `told` is called after each commit.
    pub(super) fn start(store: Store, told: impl Fn() + Send + 'static) -> Self {
        let (tasks, to_do) = unbounded();
        let (done, outcomes) = bounded(1);
        thread::Builder::new()
            .name("state".to_owned())
            .spawn(move || work(store, &to_do, &done, told))
            .expect("the system can start a thread");
        Self { tasks, outcomes }
    }

    /// Has `then` told the history of these networks, in the scribe's own thread, when everything is
    /// written that was handed over before. Nothing is told when the disk does not keep up.
    pub(super) fn tell_history(&self, networks: Vec<Network>, then: Then) {
        if self.tasks.len() >= MAX_QUESTIONS {
            warn!("the history of bans cannot be read: the disk does not keep up");
            return then(Vec::new());
        }
        self.ask(Task::History(networks, then));
    }

    /// What the state file has of a jail, when everything is written that was handed over before.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or not within this time.
    pub(super) fn jail(&self, name: &str, at_most: Duration) -> Result<JailSaved, String> {
        let (answer, answers) = bounded(1);
        self.ask(Task::Jail(name.to_owned(), answer));
        match answers.recv_timeout(at_most) {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("the disk takes more than {} s", at_most.as_secs())),
        }
    }

    /// Lets the file go; whether that was done in this time.
    pub(super) fn close(self, at_most: Duration) -> bool {
        let Self { tasks, outcomes } = self;
        drop(tasks);
        matches!(outcomes.recv_timeout(at_most), Err(RecvTimeoutError::Disconnected))
    }

    fn ask(&self, task: Task) {
        self.tasks.send(task).expect("the thread lives as long as this end");
    }
}

impl Disk for Scribe {
    fn begin(&mut self, commit: Commit) {
        self.ask(Task::Commit(Box::new(commit)));
    }

    fn outcome(&mut self) -> Option<Result<(), String>> {
        self.outcomes.try_recv().ok()
    }

    fn wait(&mut self, at_most: Duration) -> bool {
        let mut outcomes = Select::new();
        outcomes.recv(&self.outcomes);
        outcomes.ready_timeout(at_most).is_ok()
    }
}

fn work(
    mut store: Store,
    to_do: &Receiver<Task>,
    done: &Sender<Result<(), String>>,
    told: impl Fn(),
) {
    while let Some(task) = next(&mut store, to_do) {
        match task {
            Task::Commit(commit) => {
                let outcome = write(&mut store, &commit).map_err(|error| error.to_string());
                // Nobody hears of it when the service is about to end.
                let _ = done.send(outcome);
                told();
            }
            Task::History(networks, then) => {
                let of = |network| (network, store.history(network));
                then(networks.into_iter().map(of).collect());
            }
            // Whoever does not wait any longer has said so.
            Task::Jail(name, answer) => drop(answer.send(store.jail(&name))),
        }
    }
}

/// Waits for something to do; when nothing comes for a moment, or will come any more, what was committed
/// is worked into the tables. Nothing when nothing will come any more.
fn next(store: &mut Store, to_do: &Receiver<Task>) -> Option<Task> {
    let mut steps = store.unfolded() / UNFOLDED_MANY;
    while (steps > 0 && to_do.is_empty() || store.unfolded() > UNFOLDED_MOST) && fold(store) {
        steps = steps.saturating_sub(1);
    }
    if store.unfolded() == 0 {
        return to_do.recv().ok();
    }
    if let Ok(task) = to_do.recv_timeout(LULL) {
        return Some(task);
    }
    while store.unfolded() > 0 && to_do.is_empty() && fold(store) {}
    to_do.recv().ok()
}

/// Works some of it into the tables; whether that could be done.
fn fold(store: &mut Store) -> bool {
    let folded = store.fold();
    if let Err(error) = &folded {
        // What is saved stays so; the next commit shows whether the disk is at fault.
        warn!("what is saved cannot be worked into its tables for now: {error}");
    }
    folded.is_ok()
}

fn write(store: &mut Store, commit: &Commit) -> Result<(), StoreError> {
    let Commit { now, roster, jails, writes, positions, is_whole, purges } = commit;
    let positions: Vec<_> =
        positions.iter().map(|(name, position)| (name.as_str(), position.clone())).collect();
    if *is_whole {
        let whole = Whole { now: *now, jails, writes, positions: &positions };
        store.rewrite(roster, whole)?.iter().for_each(tell_set_aside);
    } else {
        store.commit(roster, writes, &positions)?;
    }
    if *purges { forget_old(store, commit) } else { Ok(()) }
}

fn forget_old(store: &mut Store, commit: &Commit) -> Result<(), StoreError> {
    let jails: Vec<&str> = commit.jails.iter().map(|id| &**commit.roster.name(*id)).collect();
    let now = commit.now;
    let purge = Purge { now, keep_history: HISTORY, keep_windows: WINDOWS, jails: &jails };
    store.purge(purge)?;
    Ok(())
}

/// The state file was found damaged while the service ran.
fn tell_set_aside(SetAside { path, reason }: &SetAside) {
    error!(
        message_id = catalog::STATE_DAMAGED,
        "the state file was damaged ({reason}) and is now {}; a new one has all that the running jails \
         know, and no history",
        path.display(),
    );
}
