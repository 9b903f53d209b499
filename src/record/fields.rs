//! The journal fields of an entry that filters ask for.

/// Fields and their values in one entry. Of a field that an entry has several times, one value
/// counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    fields: Vec<(String, Option<String>)>,
}

impl Fields {
    /// Room for the values of these fields.
    #[must_use]
    pub fn of(names: impl IntoIterator<Item = String>) -> Self {
        let mut names: Vec<String> = names.into_iter().collect();
        names.sort_unstable();
        names.dedup();
        Self { fields: names.into_iter().map(|name| (name, None)).collect() }
    }

    /// The names, and room for each value, which is to be set for each entry.
    pub fn slots(&mut self) -> impl Iterator<Item = (&str, &mut Option<String>)> {
        self.fields.iter_mut().map(|(name, value)| (name.as_str(), value))
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        self.fields.iter_mut().for_each(|(_, value)| *value = None);
    }

    /// Takes the value of `FIELD=value`, if the field is asked for and has none yet.
    pub fn look_at(&mut self, data: &[u8]) {
        for (name, value) in self.fields.iter_mut().filter(|(_, value)| value.is_none()) {
            let told = data.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
            if let Some(told) = told {
                *value = Some(String::from_utf8_lossy(told).into_owned());
            }
        }
    }

    /// The value of a field, if the entry has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let index = self.fields.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
        self.fields.get(index)?.1.as_deref()
    }
}
