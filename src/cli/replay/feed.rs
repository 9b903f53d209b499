//! Reads everything at once, a thread for each source, and hands over what the jails hear in it in
//! the order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::ops::{AddAssign, ControlFlow};
use std::sync::Arc;
use std::thread;
use std::vec;

use crossbeam_channel::{Receiver, Sender, bounded};
use serde::Serialize;

use crate::cli::error::CliError;
use crate::cli::logs::{Entry, LogArgs, Progress, Source};
use crate::filter::{Examiner, Failure, Verdict};
use crate::keeper::{JailId, Network, Timestamp};

use super::lineup::Watch;

/// So many failures a thread collects before it hands them over, and so many such batches wait at
/// most for the other sources to come to the same time.
const BATCH: usize = 512;
const BATCHES: usize = 4;

/// A source, and the jails that examine what is in it.
pub(super) struct Feed<'f> {
    pub(super) args: LogArgs,
    pub(super) source: Source,
    pub(super) watches: Vec<&'f Watch>,
}

/// Which time is replayed.
#[derive(Clone, Copy)]
pub(super) struct Span {
    /// What is older is left out.
    pub(super) since: Timestamp,
    /// What is to be taken for now. No record is from a later time.
    pub(super) now: Timestamp,
}

/// A failure that a jail has recognised.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// What time it was when it was read: the latest of its source so far.
    pub(super) read_at: Timestamp,
    pub(super) jail: JailId,
    pub(super) offender: Network,
    /// As whom, if the record says so.
    pub(super) user: Option<Arc<str>>,
    /// When it happened, by the record.
    pub(super) time: Timestamp,
}

/// What was read.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Counts {
    /// Lines and entries.
    pub(super) records: u64,
    /// Failures without a time.
    pub(super) undated: u64,
    /// Failures without an address that could be banned.
    pub(super) nameless: u64,
    /// Records that are too long, or need too many steps.
    pub(super) unjudged: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.undated += other.undated;
        self.nameless += other.nameless;
        self.unjudged += other.unjudged;
    }
}

/// How far reading these feeds has come.
pub(super) fn progress(feeds: &[Feed<'_>]) -> Progress {
    Progress::of(feeds.iter().flat_map(|feed| feed.source.paths()))
}

/// Reads all feeds to their ends. `hear` is told of each failure at its time, the records of one
/// source in their order.
pub(super) fn read_all(
    feeds: &[Feed<'_>],
    span: Span,
    progress: &Progress,
    hear: impl FnMut(Heard) -> io::Result<()>,
) -> Result<Counts, CliError> {
    thread::scope(|scope| {
        let (mut threads, mut queues) = (Vec::new(), Vec::new());
        for feed in feeds {
            let (sender, receiver) = bounded(BATCHES);
            let read = move || Listener::new(feed, span, sender).read(feed, progress);
            let thread = thread::Builder::new().spawn_scoped(scope, read);
            threads.push(thread.map_err(|error| CliError::Failed(error.to_string()))?);
            queues.push(Queue { receiver, batch: Vec::new().into_iter() });
        }
        // When nobody listens any longer, the threads stop.
        let heard = merge(queues, hear);
        let mut counts = Counts::default();
        for thread in threads {
            counts += thread.join().expect("the reader does not panic")?;
        }
        heard?;
        Ok(counts)
    })
}

/// Hands over what is first in time, and of what is at the same time, what is of the first source.
fn merge(mut queues: Vec<Queue>, mut hear: impl FnMut(Heard) -> io::Result<()>) -> io::Result<()> {
    let mut first = BinaryHeap::new();
    let mut next: Vec<Option<Heard>> = queues.iter_mut().map(Iterator::next).collect();
    for (index, heard) in next.iter().enumerate() {
        first.extend(heard.as_ref().map(|heard| Reverse((heard.read_at, index))));
    }
    while let Some(Reverse((_, index))) = first.pop() {
        let (Some(next), Some(queue)) = (next.get_mut(index), queues.get_mut(index)) else { break };
        let heard = std::mem::replace(next, queue.next());
        first.extend(next.as_ref().map(|heard| Reverse((heard.read_at, index))));
        heard.map(&mut hear).transpose()?;
    }
    Ok(())
}

/// What one thread has found and is not yet handed over.
struct Queue {
    receiver: Receiver<Vec<Heard>>,
    batch: vec::IntoIter<Heard>,
}

impl Iterator for Queue {
    type Item = Heard;

    fn next(&mut self) -> Option<Heard> {
        loop {
            match self.batch.next() {
                Some(heard) => return Some(heard),
                None => self.batch = self.receiver.recv().ok()?.into_iter(),
            }
        }
    }
}

/// A jail at a source.
struct Post {
    jail: JailId,
    /// Whether it matters as whom somebody has tried.
    asks_for_users: bool,
    examiner: Examiner,
}

/// Has the jails examine one source.
struct Listener {
    posts: Vec<Post>,
    span: Span,
    latest: Option<Timestamp>,
    counts: Counts,
    batch: Vec<Heard>,
    sender: Sender<Vec<Heard>>,
}

impl Listener {
    fn new(feed: &Feed<'_>, span: Span, sender: Sender<Vec<Heard>>) -> Self {
        let zone = feed.args.zone();
        let post = |watch: &&Watch| Post {
            jail: watch.id,
            asks_for_users: watch.policy.asks_for_users(),
            examiner: Examiner::new(watch.filter.clone(), zone.clone()),
        };
        Self {
            posts: feed.watches.iter().map(post).collect(),
            span,
            latest: None,
            counts: Counts::default(),
            batch: Vec::new(),
            sender,
        }
    }

    fn read(mut self, feed: &Feed<'_>, progress: &Progress) -> Result<Counts, CliError> {
        feed.args.read_along(&feed.source, progress, |entry| {
            self.take(entry);
            if self.batch.len() < BATCH { ControlFlow::Continue(()) } else { self.hand_over() }
        })?;
        // Who does not listen any longer has heard enough.
        let _enough = self.hand_over();
        Ok(self.counts)
    }

    fn hand_over(&mut self) -> ControlFlow<()> {
        match self.sender.send(std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH))) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    fn take(&mut self, entry: Entry<'_>) {
        self.counts.records += 1;
        let mut posts = std::mem::take(&mut self.posts);
        for Post { jail, asks_for_users, examiner } in &mut posts {
            let jail = (*jail, *asks_for_users);
            match entry {
                Entry::TooLong => {
                    self.counts.unjudged += 1;
                    break;
                }
                Entry::Line(text) => {
                    let examined = examiner.past_line(text, self.span.now);
                    self.judged(jail, &examined.verdict, examined.time);
                }
                Entry::Record(record) => {
                    self.judged(jail, &examiner.entry(&record), Some(record.time));
                }
            }
        }
        self.posts = posts;
    }

    fn judged(&mut self, jail: (JailId, bool), verdict: &Verdict, time: Option<Timestamp>) {
        // A record from the future is one from a clock that is wrong.
        let time = time.map(|time| time.min(self.span.now));
        self.latest = self.latest.max(time);
        match verdict {
            Verdict::Failure(failure) => self.failed(jail, failure, time),
            Verdict::NoAddress { .. } => self.counts.nameless += 1,
            Verdict::TooLong | Verdict::GaveUp => self.counts.unjudged += 1,
            Verdict::Helper { .. } | Verdict::Ignored { .. } | Verdict::Nothing => {}
        }
    }

    fn failed(
        &mut self,
        (jail, asks_for_users): (JailId, bool),
        failure: &Failure,
        time: Option<Timestamp>,
    ) {
        let Some(offender) = failure.offender.network() else {
            self.counts.nameless += 1;
            return;
        };
        let (Some(time), Some(read_at)) = (time, self.latest) else {
            self.counts.undated += 1;
            return;
        };
        if self.span.since <= time {
            let user = failure.user.clone().filter(|_| asks_for_users);
            self.batch.push(Heard { read_at, jail, offender, user, time });
        }
    }
}
