//! Finding the date of a line among many templates, the likely ones first.
//!
//! The order of the templates adapts as in fail2ban, since it decides what is taken for the date of
//! a line with several: a template rises by its hits, the sooner the nearer to the beginning of the
//! line its dates are; and a date that stands elsewhere than the last one is not taken before the
//! other templates have been asked. Distances count characters.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::keeper::Timestamp;

use super::class::is_alphanumeric;
use super::clock::Clock;
use super::error::DatePatternError;
use super::expand::around_date;
use super::line::Line;
use super::look::{Alike, Look};
use super::moment::Known;
use super::scan::{self, Region};
use super::standard::STANDARD;
use super::template::Template;
use super::zone::Zone;
use super::{PATTERN_LIMIT, PATTERNS_LIMIT};

/// A template that has not been used for so long gives way to any other.
const UNUSED: Duration = Duration::from_mins(5);

/// How many times heavier a hit of a template counts that is tied to the beginning of the line.
const TIED_WEIGHT: f64 = 100.0;

/// `%ExY` takes years up to the end of the decade in which it is so many years after now.
const YEARS_AHEAD: u32 = 3;

/// However long ago now is said to be, `%ExY` takes the years up to this one: old logs are read with
/// a now in the past.
const YEAR_AT_LEAST: u32 = 2029;

/// A date that has been found in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The bytes of the line that are the date and no part of the message: group 1 of the pattern.
    pub span: Range<usize>,
    /// The point in time. None when the text is no date (February 30), or is empty.
    pub time: Option<Timestamp>,
}

/// Finds dates in the lines of one source, and learns which form of date they have.
#[derive(Clone, Debug)]
pub struct Detector {
    slots: Vec<Slot>,
    /// How many templates at the beginning have been used.
    first_unused: usize,
    last: Option<Last>,
    look: Option<Look>,
    clock: Clock,
}

/// A template and how it has done.
#[derive(Clone, Debug)]
struct Slot {
    template: Arc<Template>,
    /// What one hit counts.
    weight: f64,
    /// How often its date was taken.
    hits: u64,
    /// How often it has matched.
    matches: u64,
    last_used: Timestamp,
    /// Where its last date began.
    distance: usize,
}

impl Slot {
    fn new(template: Arc<Template>) -> Self {
        let weight = if STANDARD.prefers(&template.source) { TIED_WEIGHT } else { 1.0 };
        let (last_used, distance) = (Timestamp::default(), usize::MAX);
        Self { template, weight, hits: 0, matches: 0, last_used, distance }
    }

    #[expect(clippy::cast_precision_loss, reason = "exact far beyond any number of lines")]
    fn weight(&self) -> f64 {
        self.hits as f64 * self.weight / self.distance.max(1) as f64
    }
}

/// The date before.
#[derive(Clone, Copy, Debug)]
struct Last {
    slot: usize,
    start: usize,
    end: usize,
    /// The characters at its edges: before it, its first, its last, behind it.
    edges: [Option<char>; 4],
}

/// A match that may become the date of the line.
#[derive(Clone, Debug)]
struct Candidate {
    slot: usize,
    /// In characters.
    start: usize,
    end: usize,
    found: scan::Found,
}

impl Detector {
    /// A detector for the forms of date that fail2ban knows by itself.
    #[must_use]
    pub fn standard(zone: Zone) -> Self {
        let slots = STANDARD.all().map(|template| Slot::new(Arc::clone(template))).collect();
        Self { slots, first_unused: 0, last: None, look: None, clock: Clock::new(zone) }
    }

    /// A detector for the patterns of a `datepattern`, one an entry; without any, the standard one.
    ///
    /// # Errors
    /// When a pattern is not a good one, is there twice, or is beyond a bound.
    pub fn new(patterns: &[impl AsRef<str>], zone: Zone) -> Result<Self, DatePatternError> {
        if patterns.len() > PATTERNS_LIMIT {
            return Err(DatePatternError::TooMany { count: patterns.len() });
        }
        let mut detector = Self { slots: Vec::new(), ..Self::standard(zone.clone()) };
        for (index, pattern) in patterns.iter().map(AsRef::as_ref).enumerate() {
            detector.add(pattern, index)?;
        }
        Ok(if detector.slots.is_empty() { Self::standard(zone) } else { detector })
    }

    /// The same for dates that are in another zone where they name none.
    #[must_use]
    pub fn in_zone(self, zone: Zone) -> Self {
        Self { clock: Clock::new(zone), ..self }
    }

    fn add(&mut self, pattern: &str, index: usize) -> Result<(), DatePatternError> {
        if pattern.len() > PATTERN_LIMIT {
            return Err(DatePatternError::TooLong { index, length: pattern.len() });
        }
        let key = if pattern.contains('%') { pattern.to_owned() } else { pattern.to_uppercase() };
        // Standard templates that are there already stay where they are.
        let mut known = if self.slots.is_empty() { Some(index) } else { None };
        match key.as_str() {
            "{DEFAULT}" => {
                for template in STANDARD.all() {
                    self.push(Arc::clone(template), known)?;
                }
            }
            "{^LN-BEG}" => {
                for template in STANDARD.all().filter(|template| template.anchored) {
                    self.push(Arc::clone(template), known)?;
                }
            }
            key if key.contains("{DATE}") => {
                for template in &STANDARD.plain {
                    let around = around_date(pattern, &template.source);
                    self.push(Arc::new(Template::of(&around, index)?), known)?;
                }
            }
            key => {
                known = Some(index);
                let pattern = if key == "{NONE}" { "{UNB}^" } else { pattern };
                self.push(Arc::new(Template::of(pattern, index)?), known)?;
            }
        }
        Ok(())
    }

    /// Adds a template, unless there is one with its name: an error for the pattern `index`.
    fn push(
        &mut self,
        template: Arc<Template>,
        index: Option<usize>,
    ) -> Result<(), DatePatternError> {
        let known = self.slots.iter().any(|slot| slot.template.name == template.name);
        match index {
            Some(index) if known => {
                Err(DatePatternError::Known { index, name: template.name.clone() })
            }
            _ => {
                if !known {
                    self.slots.push(Slot::new(template));
                }
                Ok(())
            }
        }
    }

    /// The templates in their current order: the name of each and how many dates it has found.
    pub fn templates(&self) -> impl Iterator<Item = (&str, u64)> {
        self.slots.iter().map(|slot| (slot.template.name.as_str(), slot.hits))
    }

    /// Finds the date of a line that is read at `now`; none when no template matches.
    pub fn find(&mut self, line: &str, now: Timestamp) -> Option<Found> {
        let line = Line { text: line, latest_year: self.latest_year(now) };
        if let Some(found) = self.alike(line, now) {
            return Some(found);
        }
        let attempt = self.where_the_last_was(line);
        let winner = match attempt.candidate {
            Some(candidate) if attempt.settled => candidate,
            other => self.among_all(line, attempt.searched, other)?,
        };
        let span = winner.found.cut.clone().unwrap_or(0..0);
        let template = &self.slots.get(winner.slot)?.template;
        let mut known = Known { clock: &mut self.clock, now, asks_for_half: false };
        let reckoned = if span.is_empty() {
            None
        } else {
            template.time(line.text, &winner.found, &mut known)
        };
        let basis = reckoned.as_ref().and_then(|reckoned| reckoned.basis);
        self.look = template.look(line, &winner.found, basis);
        self.settle(line, &winner, now);
        Some(Found { span, time: reckoned.map(|reckoned| reckoned.time) })
    }

    #[cfg(test)]
    pub(super) fn forget_look(&mut self) {
        self.look = None;
    }

    /// The date of a line, if it looks like the last.
    fn alike(&mut self, line: Line<'_>, now: Timestamp) -> Option<Found> {
        let (look, last) = (self.look.as_ref()?, self.last?);
        let mut known = Known { clock: &mut self.clock, now, asks_for_half: false };
        let Alike { cut, time } = look.read(line.text, line.latest_year, &mut known)?;
        let slot = self.slots.get_mut(last.slot)?;
        slot.hits += 1;
        slot.matches += 1;
        slot.last_used = now;
        Some(Found { span: cut, time: Some(time) })
    }

    /// The latest year that `%ExY` takes.
    fn latest_year(&mut self, now: Timestamp) -> u32 {
        let shown = self.clock.now(now.seconds());
        let year = shown.and_then(|shown| u32::try_from(shown.date.year()).ok());
        year.map_or(u32::MAX, |year| (year + YEARS_AHEAD).max(YEAR_AT_LEAST) / 10 * 10 + 9)
    }

    /// Matches a template against the line, or against the characters between two places of it.
    fn try_slot(
        &mut self,
        slot: usize,
        line: Line<'_>,
        part: Option<(usize, usize)>,
        has_clock: bool,
    ) -> Option<Candidate> {
        let entry = self.slots.get_mut(slot)?;
        let (from, to) =
            part.map_or((0, line.text.len()), |(from, to)| (line.byte(from), line.byte(to)));
        let text = line.text.get(..to)?;
        let region = Region { text, from, latest_year: line.latest_year, has_clock };
        let found = entry.template.search(region)?;
        entry.matches += 1;
        let (start, end) = (line.characters(found.whole.start), line.characters(found.whole.end));
        Some(Candidate { slot, start, end, found })
    }

    /// Asks the template that has found the last date first, and where that was, if the characters
    /// around it are the same.
    fn where_the_last_was(&mut self, line: Line<'_>) -> Attempt {
        let nothing = Attempt { candidate: None, settled: false, searched: None };
        let Some(last) = self.last else { return nothing };
        let anchored = self.slots.get(last.slot).is_some_and(|slot| slot.template.anchored);
        let in_place = !anchored && last.has_same_edges(line);
        let part = in_place.then_some((last.start, last.end));
        let candidate = self.try_slot(last.slot, line, part, true);
        let settled = candidate.as_ref().is_some_and(|candidate| {
            let same = (candidate.start, candidate.end) == (last.start, last.end);
            anchored || same || self.slots.len() == 1
        });
        Attempt { candidate, settled, searched: (!in_place).then_some(last.slot) }
    }

    /// Asks all templates in their order but the one in `searched`. A date that is farther from the
    /// beginning than its template's last one, or than the last of all, is only the winner when no
    /// other is nearer; so is `reserve`.
    fn among_all(
        &mut self,
        line: Line<'_>,
        searched: Option<usize>,
        mut reserve: Option<Candidate>,
    ) -> Option<Candidate> {
        let last_start = self.last.map_or(1, |last| last.start);
        let count = self.slots.len();
        let has_clock = scan::has_clock(line.text);
        for slot in (0..count).filter(|slot| Some(*slot) != searched) {
            let Some(candidate) = self.try_slot(slot, line, None, has_clock) else { continue };
            let Some(entry) = self.slots.get(slot) else { continue };
            let next_is_unused = self.slots.get(slot + 1).is_none_or(|next| next.matches == 0);
            let wins = slot + 1 == count
                || entry.template.anchored
                || candidate.start == 0 && entry.hits > 0 && next_is_unused
                || candidate.start <= entry.distance && candidate.start <= last_start;
            if wins {
                return Some(candidate);
            }
            if reserve.as_ref().is_none_or(|reserve| candidate.start < reserve.start) {
                reserve = Some(candidate);
            }
        }
        reserve
    }

    /// Counts the winner, and moves its template up.
    fn settle(&mut self, line: Line<'_>, winner: &Candidate, now: Timestamp) {
        let mut slot = winner.slot;
        if let Some(entry) = self.slots.get_mut(slot) {
            entry.hits += 1;
            entry.last_used = now;
            entry.distance = winner.start;
        }
        if self.first_unused == slot {
            self.first_unused += 1;
        }
        if slot > 0 && self.last.is_none_or(|last| last.slot != slot) {
            slot = self.rise(slot);
        }
        // Nobody asks for the edges of a date that is tied to an end of the line.
        let anchored = self.slots.get(slot).is_some_and(|slot| slot.template.anchored);
        let edges = if anchored { [None; 4] } else { line.edges(winner.start, winner.end) };
        self.last = Some(Last { slot, start: winner.start, end: winner.end, edges });
    }

    /// Moves a template to the first unused place, or half of the way up, or else by one; whose
    /// place it takes must weigh less or have been idle. Returns where it is then.
    fn rise(&mut self, slot: usize) -> usize {
        let far = if self.first_unused < slot { self.first_unused } else { slot / 2 };
        let near = slot.saturating_sub(1);
        let Some(to) = [far, near].into_iter().find(|to| self.yields(*to, slot)) else {
            return slot;
        };
        if let Some(part) = self.slots.get_mut(to..=slot) {
            part.rotate_right(1);
        }
        let used = self.slots.iter().skip(self.first_unused).take_while(|slot| slot.hits > 0);
        self.first_unused += used.count();
        to
    }

    fn yields(&self, place: usize, to: usize) -> bool {
        let (Some(there), Some(here)) = (self.slots.get(place), self.slots.get(to)) else {
            return false;
        };
        here.weight() > there.weight() || here.last_used.minus(UNUSED) > there.last_used
    }
}

/// What asking the last template has brought.
struct Attempt {
    candidate: Option<Candidate>,
    /// Whether that is the date, without asking the other templates.
    settled: bool,
    /// The template that need not be asked again.
    searched: Option<usize>,
}

impl Last {
    /// Whether the characters around the place of the last date are what they were: those outside,
    /// or those inside if they are signs.
    fn has_same_edges(&self, line: Line<'_>) -> bool {
        let [before, first, last, behind] = line.edges(self.start, self.end);
        let sign = |old: Option<char>, new| old == new && !old.is_some_and(is_alphanumeric);
        let [old_before, old_first, old_last, old_behind] = self.edges;
        (before == old_before || sign(old_first, first))
            && (behind == old_behind || sign(old_last, last))
    }
}
