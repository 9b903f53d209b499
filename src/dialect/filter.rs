//! A filter as it takes effect in a jail.

use super::definition::Definition;
use super::dict::Dict;
use super::lint;
use super::mistake::{Fault, Outcome, Trouble, did_you_mean, nearest_hint};
use super::reference::Reference;
use super::text::{Span, Text};
use super::tree::{Session, Tree};
use super::value::Value;
use super::words::words;

/// The options of a filter, each of which a jail may set too.
pub(super) const FILTER_OPTIONS: [&str; 7] =
    ["usedns", "prefregex", "ignoreregex", "failregex", "maxlines", "datepattern", "journalmatch"];

/// What a jail is to a filter, when the filter is read by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JailOptions {
    /// The jail's backend. It decides on `logtype`, where nobody else does: `journal` for one that
    /// starts with `systemd`, else `file`.
    pub backend: String,
    /// What the jail sets, by name.
    pub options: Vec<(String, String)>,
}

/// One line of `journalmatch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalMatch {
    /// The line as it is written.
    pub value: Value,
    /// Its words without their quotes: `FIELD=value` and `+`.
    pub words: Vec<String>,
}

/// What a filter means, once everything is put in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterSettings {
    /// The patterns of failures, with fail2ban's tags like `<HOST>`.
    pub failregex: Vec<Value>,
    /// The patterns of what is no failure.
    pub ignoreregex: Vec<Value>,
    /// The pattern that finds the part of a message that the others look at.
    pub prefregex: Option<Value>,
    /// How dates are written in the log.
    pub datepattern: Option<Value>,
    /// How many lines a pattern may look at together.
    pub maxlines: Option<Value>,
    /// What of the journal the filter reads.
    pub journalmatch: Vec<JournalMatch>,
    /// Whether names of hosts are looked up.
    pub usedns: Option<Value>,
    /// The kind of log for which the filter was read: `file`, `journal`, or what it says itself.
    pub logtype: String,
}

impl Tree {
    /// Reads a filter for a jail; none when it cannot be read. What the jail sets is part of it.
    pub fn filter(
        &self,
        reference: &Reference,
        jail: &JailOptions,
    ) -> Outcome<Option<FilterSettings>> {
        let mut session = Session::new(self);
        let plain = |options: &[(String, String)]| {
            let mut texts = Dict::default();
            for (name, value) in options {
                texts.insert(name, Text::plain(value));
            }
            texts
        };
        let (own, given) = (plain(&jail.options), plain(&reference.options));
        let opened = Filter::open(&mut session, &reference.name, given, &jail.backend);
        let read = opened.and_then(|mut filter| {
            filter.definition.read(&mut session.work, &FILTER_OPTIONS, &own, false)?;
            let settings = filter.settings(&mut session, &own)?;
            lint::rules(&mut session, &settings, None);
            Ok(settings)
        });
        let settings = match read {
            Ok(settings) => Some(settings),
            Err(trouble) => {
                session.sink.error(trouble);
                None
            }
        };
        session.outcome(settings)
    }
}

/// A filter's file, opened for a jail.
pub(super) struct Filter {
    pub(super) definition: Definition,
}

impl Filter {
    /// Opens `filter.d/name`.
    pub(super) fn open(
        session: &mut Session<'_>,
        name: &str,
        given: Dict<Text>,
        backend: &str,
    ) -> Result<Self, Trouble> {
        let Some(mut definition) = Definition::open(session, "filter.d", name, given) else {
            let nearest = did_you_mean(name, session.tree.names_in("filter.d").into_iter());
            let hint = nearest_hint(nearest, &format!("put filter.d/{name}.conf there"));
            return Err(Fault::new(format!("there is no filter `{name}`"), hint).at(None));
        };
        let set = definition.given.get("logtype").is_some_and(|value| value.len() > 0);
        if !set && !definition.defines("logtype") {
            let logtype = if backend.starts_with("systemd") { "journal" } else { "file" };
            definition.given.insert("logtype", Text::plain(logtype));
        }
        Ok(Self { definition })
    }

    /// What the filter means in a jail that sets `jail` itself.
    ///
    /// fail2ban sends the jail's patterns behind the filter's, so that both count; of options that
    /// can be set but once, the date pattern comes from the jail, the others from the filter's
    /// `[Init]` or brackets, where they are there.
    pub(super) fn settings(
        &mut self,
        session: &mut Session<'_>,
        jail: &Dict<Text>,
    ) -> Result<FilterSettings, Trouble> {
        let own = self.definition.combined(&mut session.work, &[])?;
        let mut logtype = own.get("logtype").cloned();
        if logtype.is_none() {
            logtype = self.definition.tag(&mut session.work, "logtype")?;
        }
        let mut settings = settings_of(session, &own, jail);
        settings.logtype = logtype.map(|text| text.as_str().to_owned()).unwrap_or_default();
        Ok(settings)
    }
}

/// The settings that come from a filter's options and those of the jail.
pub(super) fn settings_of(
    session: &mut Session<'_>,
    filter: &Dict<Text>,
    jail: &Dict<Text>,
) -> FilterSettings {
    let tree = session.tree;
    let lines = |name: &str| -> Vec<Text> {
        let both = [filter.get(name), jail.get(name)].into_iter().flatten();
        both.flat_map(Text::lines).filter(|line| line.len() > 0).collect()
    };
    let values = |name: &str| -> Vec<Value> {
        lines(name).iter().map(|line| Value::new(tree, line, None)).collect()
    };
    let one = |first: &Dict<Text>, second: &Dict<Text>, name: &str| {
        first.get(name).or_else(|| second.get(name)).map(|text| Value::new(tree, text, None))
    };
    let mut journalmatch = Vec::new();
    for line in lines("journalmatch") {
        match words(line.as_str()) {
            Some(words) => {
                journalmatch.push(JournalMatch { value: Value::new(tree, &line, None), words });
            }
            None => session.sink.error(open_quote(line.span(0..line.len()))),
        }
    }
    FilterSettings {
        failregex: values("failregex"),
        ignoreregex: values("ignoreregex"),
        prefregex: one(filter, jail, "prefregex"),
        datepattern: one(jail, filter, "datepattern"),
        maxlines: one(filter, jail, "maxlines"),
        journalmatch,
        usedns: one(filter, jail, "usedns"),
        logtype: String::new(),
    }
}

fn open_quote(span: Option<Span>) -> Trouble {
    let fault =
        Fault::new("a quote is not closed", "write the closing quote, or take the other out");
    fault.at(span)
}
