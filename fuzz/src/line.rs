//! The whole way of a line: a filter's text to a filter, and lines to verdicts.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jailkeeper::dates::Zone;
use jailkeeper::dialect::{JailOptions, Reference, Tree};
use jailkeeper::filter::{Examiner, Failure, Filter, Line, Verdict, mask};
use jailkeeper::keeper::{Place, SourceId, Timestamp};
use jailkeeper::record::{Fields, Record};
use jailkeeper::rules::{self, SourceText, Texts};

/// Between two lines pass so many seconds: after some, sessions are forgotten.
const SECONDS: usize = 20;

/// The first text is a filter, ours or fail2ban's, the second a log.
pub fn run(input: &[u8]) {
    let texts = super::texts(input);
    let filter = texts.first().map(String::as_str).unwrap_or_default();
    let filter = if filter.contains("[Definition]") { theirs(filter) } else { ours(filter) };
    let (Some(filter), Some(log)) = (filter, texts.get(1)) else { return };
    let zone = Zone::parse("UTC+0100").expect("an offset");
    let mut file = Examiner::new(Arc::clone(&filter), zone.clone());
    let mut journal = Examiner::new(Arc::clone(&filter), zone);
    let mut fields = Fields::of(filter.fields().map(str::to_owned));
    for (line, seconds) in log.split('\n').zip((1_724_013_599..).step_by(SECONDS)) {
        let now = Timestamp::from_seconds(seconds);
        let examined = file.line(line, now);
        if let Some(line) = examined.line {
            let _ = filter.explain(line);
        }
        for (name, value) in fields.slots() {
            let told = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            *value = told.map(str::to_owned);
        }
        let place = Place { source: SourceId(0), sequence: 1 };
        let verdict = journal.entry(&Record { time: now, place, message: line, fields: &fields });
        if let Verdict::Failure(Failure { caught, .. }) = verdict {
            mask(line, caught.iter(), &mut String::new());
        }
        journal.message(line, now);
        let _ = filter.explain(Line::entry(line, &fields));
    }
}

fn ours(text: &str) -> Option<Arc<Filter>> {
    let file = SourceText { path: "filters.d/x.toml".into(), text: text.to_owned() };
    let texts = Texts { filters: vec![file], ..Texts::default() };
    match rules::load_filter(&texts, "x", "normal") {
        Ok(chosen) => Some(chosen.filter),
        Err(rules::NotChosen::Mistakes(found)) => {
            let _ = rules::render(&found, false);
            None
        }
        Err(_) => None,
    }
}

fn theirs(text: &str) -> Option<Arc<Filter>> {
    let files = BTreeMap::from([("filter.d/x.conf".to_owned(), text.to_owned())]);
    let tree = Tree::new("/etc/fail2ban", files);
    let reference = Reference { name: "x".to_owned(), options: Vec::new() };
    let root = Path::new("/etc/fail2ban");
    match rules::translate(&tree, root, &reference, &JailOptions::default(), true) {
        Ok(found) => Some(Arc::new(found.filter)),
        Err(found) => {
            let _ = rules::render(&found, false);
            None
        }
    }
}
