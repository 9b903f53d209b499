//! In a reader's thread: every record to the filters of the jails that want it, and what comes out
//! to the loop.

use std::collections::{BTreeSet, HashMap};
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;

use super::clock;
use super::inbox::{Batch, Control, Outbox, Reached};
use super::sources::{Numbers, file_name};
use crate::dates::Zone;
use crate::files;
use crate::filter::{Examiner, Failure, Filter, Offender, Placed, Verdict, mask, place};
use crate::journal;
use crate::keeper::{Attempt, Excerpt, JailId, Network, Place, SourceId, Timestamp};
use crate::names::{NameError, REMEMBERED, Resolver};
use crate::record::Record;
use crate::store::SavedPosition;

/// A jail as its readers know it.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) jail: JailId,
    pub(super) filter: Arc<Filter>,
    pub(super) findtime: Duration,
    /// The zone of dates in files that name none.
    pub(super) zone: Zone,
    /// Whether the lines of attempts are to be kept (`maxmatches`).
    pub(super) keeps_lines: bool,
    /// Who resolves hosts' names, if the jail wants them resolved.
    pub(super) names: Option<Resolver<Tried>>,
}

impl Watch {
    /// Whether what a filter remembers for the other is of use for this one.
    fn remembers_as(&self, other: &Self) -> bool {
        self.jail == other.jail && self.filter == other.filter && self.zone == other.zone
    }

    /// Whether a reader does the same with journal entries for both. There is but one resolver.
    pub(super) fn judges_entries_as(&self, other: &Self) -> bool {
        self.remembers_as(other)
            && self.names.is_some() == other.names.is_some()
            && self.keeps_lines == other.keeps_lines
    }

    /// Whether a reader does the same with lines of log files for both.
    pub(super) fn judges_lines_as(&self, other: &Self) -> bool {
        self.judges_entries_as(other) && self.findtime == other.findtime
    }
}

/// An attempt by a host of which only the name is known.
#[derive(Clone, Debug)]
pub(super) struct Tried {
    jail: JailId,
    user: Option<Arc<str>>,
    text: Option<Excerpt>,
    time: Timestamp,
}

/// Starts to resolve names: what they lead to comes to the loop as attempts, under a source of their
/// own, since they come when they come.
pub(super) fn resolver(outbox: &Outbox, numbers: &Numbers) -> Resolver<Tried> {
    let (batches, source) = (outbox.batches.clone(), numbers.next());
    let mut sequence = 0;
    Resolver::start(REMEMBERED, move |_name, Tried { jail, user, text, time }, answer| {
        let mut batch = Batch::default();
        match answer {
            Ok(addresses) => batch.attempts.extend(addresses.into_iter().map(|address| {
                sequence += 1;
                let place = Place { source, sequence };
                let (offender, user, text) =
                    (Network::address(address), user.clone(), text.clone());
                Attempt { jail, offender, user, time, place, text }
            })),
            Err(NameError::Refused(_)) => batch.remarks.push((jail, UNRESOLVED)),
            Err(NameError::Unreachable(_)) => batch.remarks.push((jail, NO_RESOLVER)),
        }
        // When the loop is gone there is nobody left to tell.
        let _ = batches.send(batch);
    })
}

const UNRESOLVED: &str = "a host's name in a record has no address";
const NO_RESOLVER: &str = "systemd-resolved cannot be asked for hosts' names, which usedns needs";
const UNUSABLE: &str = "a record matched that names no usable address";
const OFF: &str = "the log's dates are more than a minute off, so that now counts; see logtimezone";

/// Judges what one reader reads.
pub(super) struct Judge {
    name: Arc<str>,
    posts: Vec<Post>,
    controls: Sender<Control>,
    batches: Sender<Batch>,
    /// Each with where its line stands in `shown`, if that is kept.
    attempts: Vec<(Attempt, Option<Range<usize>>)>,
    /// The lines of these attempts, as they may be kept.
    shown: String,
    remarks: Vec<(JailId, &'static str)>,
    /// The time for the lines of one turn of a file.
    now: Option<Timestamp>,
    /// The numbers of log files, by the reader's own.
    files: HashMap<usize, SourceId>,
    numbers: Numbers,
}

/// What a reader leaves to the one that takes its place.
#[derive(Default)]
pub(super) struct Legacy {
    posts: Vec<Post>,
    /// The log files that it had read to their end.
    pub(super) caught_up: BTreeSet<PathBuf>,
}

impl Legacy {
    /// What the filter of `watch` knows of the source.
    fn take(&mut self, watch: &Watch) -> Option<Examiner> {
        let index = self.posts.iter().position(|post| post.watch.remembers_as(watch))?;
        Some(self.posts.swap_remove(index).examiner)
    }
}

struct Post {
    watch: Watch,
    examiner: Examiner,
    last_record: Option<Timestamp>,
}

impl Judge {
    /// A judge for `watches`, in the order of the reader's wants, who goes on where the reader before
    /// has stopped. `files` are the numbers of the log files that the reader knows from before.
    pub(super) fn new(
        name: Arc<str>,
        (watches, legacy): (Vec<Watch>, &mut Legacy),
        outbox: &Outbox,
        files: Vec<SourceId>,
        numbers: Numbers,
    ) -> Self {
        let post = |watch: Watch| Post {
            examiner: legacy
                .take(&watch)
                .unwrap_or_else(|| Examiner::new(Arc::clone(&watch.filter), watch.zone.clone())),
            watch,
            last_record: None,
        };
        Self {
            name,
            posts: watches.into_iter().map(post).collect(),
            controls: outbox.controls.clone(),
            batches: outbox.batches.clone(),
            attempts: Vec::new(),
            shown: String::new(),
            remarks: Vec::new(),
            now: None,
            files: files.into_iter().enumerate().collect(),
            numbers,
        }
    }

    /// What is of use to who takes the reader's place, when `caught_up` were read to their end.
    pub(super) fn into_legacy(self, caught_up: BTreeSet<PathBuf>) -> Legacy {
        Legacy { posts: self.posts, caught_up }
    }

    /// Takes a verdict on a record that was written as `text` at `time` and stands at `place`. Whether
    /// somebody has failed.
    fn take(
        &mut self,
        post: usize,
        verdict: Verdict,
        text: &str,
        (time, place): (Timestamp, Place),
    ) -> bool {
        let Some(Post { watch, .. }) = self.posts.get(post) else { return false };
        let jail = watch.jail;
        let remark = match verdict {
            Verdict::Failure(Failure { offender, user, caught, .. }) => {
                let from = self.shown.len();
                let line = watch.keeps_lines.then(|| {
                    mask(text, caught.iter(), &mut self.shown);
                    from..self.shown.len()
                });
                if let Some(offender) = offender.network() {
                    let attempt = Attempt { jail, offender, user, time, place, text: None };
                    self.attempts.push((attempt, line));
                    return true;
                }
                let text = line.map(|line| Excerpt::from(&self.shown[line]));
                self.shown.truncate(from);
                match (offender, &watch.names) {
                    (Offender::Name(name), Some(names)) => {
                        match names.ask(name, Tried { jail, user, text, time }) {
                            Ok(()) => return true,
                            Err(why) => why,
                        }
                    }
                    _ => UNUSABLE,
                }
            }
            Verdict::NoAddress { .. } => UNUSABLE,
            Verdict::TooLong => "a record was too long to be judged",
            Verdict::GaveUp => "a record took a pattern more steps than it may take",
            Verdict::Helper { .. } | Verdict::Ignored { .. } | Verdict::Nothing => return false,
        };
        self.remarks.push((jail, remark));
        false
    }

    fn send(&mut self, reached: Reached) -> ControlFlow<()> {
        self.now = None;
        let records = self
            .posts
            .iter_mut()
            .filter_map(|post| Some((post.watch.jail, post.last_record.take()?)))
            .collect();
        let batch = Batch {
            attempts: self.take_attempts(),
            records,
            remarks: std::mem::take(&mut self.remarks),
            reached: Some(reached),
        };
        flow(self.batches.send(batch).is_ok())
    }

    /// The attempts since this was asked last. Their lines stand in one piece of memory.
    fn take_attempts(&mut self) -> Vec<Attempt> {
        let shown: Arc<str> = self.shown.as_str().into();
        self.shown.clear();
        let with_text = |(attempt, line): (Attempt, Option<Range<usize>>)| {
            let text = line.map(|line| Excerpt::of(&shown, line));
            Attempt { text, ..attempt }
        };
        self.attempts.drain(..).map(with_text).collect()
    }

    fn answer(&self, number: u64) -> ControlFlow<()> {
        let alive = Control::ReaderAlive(Arc::clone(&self.name), number);
        flow(self.controls.send(alive).is_ok())
    }

    fn tell(&self, path: Option<&Path>, trouble: String) {
        let path = path.map(Path::to_owned);
        // When the loop is gone there is nobody left to tell.
        let _ = self.controls.send(Control::ReaderTrouble(Arc::clone(&self.name), path, trouble));
    }
}

impl journal::Sink for Judge {
    fn entry(&mut self, record: Record<'_>, wanted_by: &[usize]) -> bool {
        let mut has_failed = false;
        for index in wanted_by {
            let Some(post) = self.posts.get_mut(*index) else { continue };
            post.last_record = Some(record.time);
            let verdict = post.examiner.entry(&record);
            has_failed |= self.take(*index, verdict, record.message, (record.time, record.place));
        }
        has_failed
    }

    fn reached(&mut self, position: journal::Position) -> ControlFlow<()> {
        let journal::Position { cursor, sequence } = position;
        let saved = SavedPosition { cursor, sequence };
        self.send(Reached::At { name: self.name.to_string(), source: None, saved })
    }

    fn pong(&mut self, number: u64) -> ControlFlow<()> {
        self.answer(number)
    }

    fn trouble(&mut self, trouble: journal::Trouble) {
        self.tell(None, trouble.to_string());
    }
}

impl files::Sink for Judge {
    fn line(&mut self, line: files::Line<'_>, wanted_by: &[usize]) {
        let now = *self.now.get_or_insert_with(clock::now);
        let numbers = &self.numbers;
        let source = *self.files.entry(line.file).or_insert_with(|| numbers.next());
        let at = Place { source, sequence: line.sequence };
        for index in wanted_by {
            let Some(post) = self.posts.get_mut(*index) else { continue };
            post.examiner.turn_to(line.file);
            let examined = post.examiner.line(line.text, now);
            let Watch { jail, findtime, .. } = post.watch;
            let time = match place(examined.time, now, line.is_fresh, findtime) {
                Placed::At(time) => time,
                Placed::Now { off } => {
                    if off && matches!(examined.verdict, Verdict::Failure(_)) {
                        self.remarks.push((jail, OFF));
                    }
                    now
                }
                Placed::TooOld => continue,
            };
            post.last_record = Some(time);
            self.take(*index, examined.verdict, line.text, (time, at));
        }
    }

    fn reached(&mut self, file: usize, position: files::Position) -> ControlFlow<()> {
        let name = file_name(position.path());
        let source = self.files.get(&file).copied();
        let saved = SavedPosition { cursor: position.to_string(), sequence: position.sequence() };
        self.send(Reached::At { name, source, saved })
    }

    fn pong(&mut self, number: u64) -> ControlFlow<()> {
        self.answer(number)
    }

    fn trouble(&mut self, trouble: files::Trouble) {
        self.tell(Some(trouble.path()), trouble.to_string());
    }

    fn gone(&mut self, path: &Path) {
        let _ = self.send(Reached::Gone { name: file_name(path) });
    }
}

fn flow(goes_on: bool) -> ControlFlow<()> {
    if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}
