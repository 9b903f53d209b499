//! Which of several wants want an entry.

use std::collections::BTreeSet;

use crate::record::Matches;

/// Judges entries by their fields, as sd-journal does: where a field occurs several times in an
/// entry, each of its values counts (sd_journal_add_match(3)).
#[derive(Debug)]
pub(super) struct Sieve {
    /// What the wants look for, each as `FIELD=value`, sorted.
    terms: Vec<Vec<u8>>,
    /// For each term, whether the entry at hand has it.
    found: Vec<bool>,
    wants: Vec<Want>,
    wanted_by: Vec<usize>,
    /// Whether every want wants whatever sd-journal returns.
    coarse: bool,
}

/// One of the alternatives, for each of its fields one of the terms.
type Want = Vec<Vec<Vec<usize>>>;

impl Sieve {
    /// A sieve for wants whose disjunction is `all`.
    pub(super) fn new(wants: &[Matches], all: &Matches) -> Self {
        let coarse = wants.iter().all(|want| want == all);
        let terms: BTreeSet<Vec<u8>> = wants
            .iter()
            .flat_map(Matches::alternatives)
            .flatten()
            .flat_map(|(field, values)| values.iter().map(|value| term(field, value)))
            .collect();
        let terms: Vec<Vec<u8>> = terms.into_iter().collect();
        let index = |field: &str, value: &str| {
            terms.binary_search(&term(field, value)).expect("every term is among the terms")
        };
        let compiled = wants.iter().map(|want| {
            want.alternatives().iter().map(|alternative| {
                alternative
                    .iter()
                    .map(|(field, values)| values.iter().map(|value| index(field, value)).collect())
            })
        });
        let compiled: Vec<Want> =
            compiled.map(|want| want.map(Iterator::collect).collect()).collect();
        Self {
            found: vec![false; terms.len()],
            terms,
            wanted_by: (0..compiled.len()).collect(),
            wants: compiled,
            coarse,
        }
    }

    /// Whether the fields of an entry have to be looked at.
    pub(super) fn looks_at_fields(&self) -> bool {
        !self.coarse
    }

    /// Turns to the next entry.
    pub(super) fn begin(&mut self) {
        self.found.fill(false);
    }

    /// Looks at one field of the entry, in the form `FIELD=value`.
    pub(super) fn look_at(&mut self, data: &[u8]) {
        if let Ok(index) = self.terms.binary_search_by(|term| term.as_slice().cmp(data)) {
            self.found[index] = true;
        }
    }

    /// Judges the entry by the fields that were looked at.
    pub(super) fn judge(&mut self) {
        let found = &self.found;
        let wants_it = |want: &Want| {
            want.is_empty()
                || want.iter().any(|fields| {
                    fields.iter().all(|values| values.iter().any(|index| found[*index]))
                })
        };
        self.wanted_by.clear();
        for (index, want) in self.wants.iter().enumerate() {
            if wants_it(want) {
                self.wanted_by.push(index);
            }
        }
    }

    /// The wants that want the entry, by index.
    pub(super) fn wanted_by(&self) -> &[usize] {
        &self.wanted_by
    }
}

fn term(field: &str, value: &str) -> Vec<u8> {
    format!("{field}={value}").into_bytes()
}
