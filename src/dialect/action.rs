//! An action as a jail has it.

use super::definition::Definition;
use super::dict::Dict;
use super::mistake::{Fault, Outcome, Trouble, did_you_mean, nearest_hint};
use super::reference::Reference;
use super::text::Text;
use super::tree::{Session, Tree};
use super::value::Value;

/// What an action does, which `[Definition]` says.
const ACTION_OPTIONS: [&str; 13] = [
    "actionstart",
    "actionstart_on_demand",
    "actionstop",
    "actionflush",
    "actionreload",
    "actioncheck",
    "actionrepair",
    "actionrepair_on_unban",
    "actionban",
    "actionprolong",
    "actionreban",
    "actionunban",
    "norestored",
];

/// The tags that a ban puts in, and no option.
const LATER: [&str; 5] = ["matches", "ipmatches", "ipjailmatches", "timeout", "bantime"];

/// What an action means for one jail, once everything is put in but what only a ban can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionSettings {
    /// The action as the jail names it.
    pub reference: Reference,
    /// The name that tells it from the jail's other actions.
    pub name: String,
    /// What it does (`actionban` and so on), and what it was given or has as `[Init]`. Empty for an
    /// action that is a Python program, but for what it was given.
    pub options: Vec<(String, Value)>,
}

impl ActionSettings {
    /// The value of an option.
    pub fn option(&self, name: &str) -> Option<&Value> {
        self.options.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

impl Tree {
    /// Reads an action for a jail; none when it cannot be read.
    pub fn action(&self, reference: &Reference, jail: &str) -> Outcome<Option<ActionSettings>> {
        let mut session = Session::new(self);
        let mut given = Dict::default();
        for (name, value) in &reference.options {
            given.insert(name, Text::plain(value));
        }
        let asked = Asked { reference: reference.clone(), given };
        let read = asked.read(&mut session, jail, &Dict::default());
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

/// An action that a jail asks for.
pub(super) struct Asked {
    pub(super) reference: Reference,
    pub(super) given: Dict<Text>,
}

impl Asked {
    /// What the action means in a jail that sets `options`.
    pub(super) fn read(
        mut self,
        session: &mut Session<'_>,
        jail: &str,
        options: &Dict<Text>,
    ) -> Result<ActionSettings, Trouble> {
        let name = self.name_it(jail);
        let tree = session.tree;
        let combined = if is_program(&self.reference.name) {
            self.given
        } else {
            let file = self.reference.name.clone();
            let Some(mut definition) = Definition::open(session, "action.d", &file, self.given)
            else {
                return Err(unknown(tree, &file));
            };
            definition.read(&mut session.work, &ACTION_OPTIONS, options, false)?;
            definition.combined(&mut session.work, &LATER)?
        };
        let own = combined.iter().filter(|(name, _)| !name.starts_with("known/"));
        let options = own.map(|(name, text)| (name.to_owned(), Value::new(tree, text, None)));
        Ok(ActionSettings { options: options.collect(), reference: self.reference, name })
    }

    /// Gives an action the names that fail2ban gives it: `name` is the jail's, and `actname` tells
    /// two uses of the same action apart.
    fn name_it(&mut self, jail: &str) -> String {
        let text = |given: &Dict<Text>, key: &str| given.get(key).map(|t| t.as_str().to_owned());
        let file = self.reference.name.clone();
        if is_program(&file) {
            let stem = file.strip_suffix(".py").unwrap_or(&file).to_owned();
            return text(&self.given, "actname").unwrap_or(stem);
        }
        let name = text(&self.given, "name").unwrap_or_else(|| {
            self.given.insert("name", Text::plain(jail));
            jail.to_owned()
        });
        text(&self.given, "actname").unwrap_or_else(|| {
            let unique = match name.strip_prefix(jail) {
                Some(rest) => format!("{file}{rest}"),
                None => format!("{file}-{name}"),
            };
            self.given.insert("actname", Text::plain(&unique));
            unique
        })
    }
}

fn is_program(file: &str) -> bool {
    file.strip_suffix(".py").is_some()
}

fn unknown(tree: &Tree, file: &str) -> Trouble {
    let nearest = did_you_mean(file, tree.names_in("action.d").into_iter());
    let hint = nearest_hint(nearest, &format!("put action.d/{file}.conf there"));
    Fault::new(format!("there is no action `{file}`"), hint).at(None)
}
