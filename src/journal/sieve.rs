//! Which of several wants want an entry.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::{Alternative, Matches};

/// sd-journal looks for each term anew whenever it is asked for the next entry, in each of its files,
/// which takes it some 50 ns. With so many terms that is what it costs to look at an entry oneself.
const TERMS_MAX: usize = 24;

/// Fields that many services' entries have alike: they single out little.
const COMMON: [&str; 7] =
    ["PRIORITY", "SYSLOG_FACILITY", "_BOOT_ID", "_GID", "_HOSTNAME", "_TRANSPORT", "_UID"];

/// Judges entries by their fields, as sd-journal does: where a field occurs several times in an
/// entry, each of its values counts (sd_journal_add_match(3)).
///
/// It has sd-journal look for one field of each alternative only, its key, since a second one makes
/// every step twice as slow; the rest is seen in the entry itself. By its key, too, an alternative
/// comes into question here, so that hundreds of wants cost little more than one.
#[derive(Debug)]
pub(super) struct Sieve {
    told: Matches,
    /// Whether every want wants whatever sd-journal returns.
    is_told_all: bool,
    columns: Vec<Column>,
    /// For each term, the alternatives whose key it is.
    by_key: Vec<Vec<Rest>>,
    /// The wants that want every entry that sd-journal returns.
    always: Vec<usize>,
    /// For each term, whether the entry at hand has it.
    found: Vec<bool>,
    /// The terms that it has.
    hits: Vec<usize>,
    wanted_by: Vec<usize>,
}

/// A field, and the values that are looked for: each with the number of that term, sorted.
#[derive(Debug)]
struct Column {
    name: Vec<u8>,
    values: Vec<(Vec<u8>, usize)>,
}

/// What else an alternative of a want asks for: of each of these one term.
#[derive(Debug)]
struct Rest {
    want: usize,
    terms: Vec<Vec<usize>>,
}

impl Sieve {
    /// A sieve for these wants.
    pub(super) fn new(wants: &[Matches]) -> Self {
        let told = keys_of(wants);
        let is_told = |alternative: &Alternative| alternative.len() == 1 && !told.is_any();
        let is_told_all = wants.windows(2).all(|pair| pair[0] == pair[1])
            && wants.iter().flat_map(Matches::alternatives).all(is_told);
        let columns = columns(wants);
        let count = columns.iter().map(|column| column.values.len()).sum();
        let mut sieve = Self {
            told,
            is_told_all,
            columns,
            by_key: (0..count).map(|_| Vec::new()).collect(),
            always: Vec::new(),
            found: vec![false; count],
            hits: Vec::new(),
            wanted_by: (0..wants.len()).collect(),
        };
        wants.iter().enumerate().for_each(|(index, want)| sieve.enter(index, want));
        sieve
    }

    fn enter(&mut self, want: usize, matches: &Matches) {
        if matches.is_any() {
            self.always.push(want);
        }
        for alternative in matches.alternatives() {
            let Some(key) = key_of(alternative) else { continue };
            let others = alternative.iter().filter(|(field, _)| *field != key);
            let terms: Vec<Vec<usize>> =
                others.map(|(field, values)| self.terms(field, values)).collect();
            for term in self.terms(key, alternative.get(key).map_or(&[], Vec::as_slice)) {
                if let Some(rests) = self.by_key.get_mut(term) {
                    rests.push(Rest { want, terms: terms.clone() });
                }
            }
        }
    }

    fn terms(&self, field: &str, values: &[String]) -> Vec<usize> {
        let column = self.columns.iter().find(|column| column.name == field.as_bytes());
        values.iter().filter_map(|value| column?.term(value.as_bytes())).collect()
    }

    /// What sd-journal is to look for: all that is wanted, and little more.
    pub(super) fn told(&self) -> &Matches {
        &self.told
    }

    /// Whether the fields of an entry have to be looked at.
    pub(super) fn looks_at_fields(&self) -> bool {
        !self.is_told_all
    }

    /// Turns to the next entry.
    pub(super) fn begin(&mut self) {
        for term in self.hits.drain(..) {
            self.found[term] = false;
        }
    }

    /// Looks at one field of the entry, in the form `FIELD=value`.
    pub(super) fn look_at(&mut self, data: &[u8]) {
        for column in &self.columns {
            // Most fields are of another name, and most names of another length.
            if data.get(column.name.len()) == Some(&b'=')
                && let Some(value) = data.strip_prefix(column.name.as_slice())
                && let Some(term) = column.term(&value[1..])
                && !std::mem::replace(&mut self.found[term], true)
            {
                self.hits.push(term);
            }
        }
    }

    /// Judges the entry by the fields that were looked at.
    pub(super) fn judge(&mut self) {
        self.wanted_by.clone_from(&self.always);
        for rest in self.hits.iter().flat_map(|term| &self.by_key[*term]) {
            if rest.terms.iter().all(|terms| terms.iter().any(|term| self.found[*term])) {
                self.wanted_by.push(rest.want);
            }
        }
        self.wanted_by.sort_unstable();
        self.wanted_by.dedup();
    }

    /// The wants that want the entry, by index.
    pub(super) fn wanted_by(&self) -> &[usize] {
        &self.wanted_by
    }
}

impl Column {
    fn term(&self, value: &[u8]) -> Option<usize> {
        let index = self.values.binary_search_by(|(known, _)| known.as_slice().cmp(value)).ok()?;
        Some(self.values.get(index)?.1)
    }
}

/// The field of an alternative that singles out most.
fn key_of(alternative: &Alternative) -> Option<&str> {
    let mut fields = alternative.keys().map(String::as_str);
    let first = fields.clone().next();
    fields.find(|field| !COMMON.contains(field)).or(first)
}

/// The disjunction of all keys; everything, where that is more than sd-journal finds fast.
fn keys_of(wants: &[Matches]) -> Matches {
    let mut keys: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for alternative in wants.iter().flat_map(Matches::alternatives) {
        if let Some(key) = key_of(alternative) {
            let values = alternative.get(key).into_iter().flatten();
            keys.entry(key).or_default().extend(values.map(String::as_str));
        }
    }
    let count: usize = keys.values().map(BTreeSet::len).sum();
    if count > TERMS_MAX || wants.iter().any(Matches::is_any) {
        return Matches::any();
    }
    let owned = |values: BTreeSet<&str>| values.into_iter().map(str::to_owned).collect();
    keys.into_iter().map(|(key, values)| [(key.to_owned(), owned(values))].into()).collect()
}

/// All terms, by their fields, numbered.
fn columns(wants: &[Matches]) -> Vec<Column> {
    let mut fields: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (field, values) in wants.iter().flat_map(Matches::alternatives).flatten() {
        fields.entry(field).or_default().extend(values.iter().map(String::as_str));
    }
    let mut numbers = 0..;
    let column = |(field, values): (&str, BTreeSet<&str>)| Column {
        name: field.as_bytes().to_owned(),
        values: values
            .into_iter()
            .map(|value| value.as_bytes().to_owned())
            .zip(numbers.by_ref())
            .collect(),
    };
    fields.into_iter().map(column).collect()
}
