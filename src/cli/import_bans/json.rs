//! Lists of bans in JSON: our own, and what `fail2ban-client banned` prints, which is Python's.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::cli::error::CliError;
use crate::cli::many::ListMistakes;
use crate::keeper::Network;

use super::{End, Listed};

/// What a ban's address is called; `ip` and `value` are those of other programs.
pub(super) const OFFENDER: [&str; 4] = ["offender", "ip", "address", "value"];

/// The bans of a text.
pub(super) fn read(name: &str, text: &str) -> Result<Vec<Listed>, CliError> {
    // Python's quotes are as long as JSON's, so that places stay what they are.
    let text = if text.contains('"') { text.to_owned() } else { text.replace('\'', "\"") };
    serde_json::from_str::<Listing>(&text).map(|listing| listing.0).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let told = error.to_string();
        let told = told.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&told);
        let mut mistakes = ListMistakes::of(name);
        mistakes.add(line, column, told);
        mistakes.fail()
    })
}

/// A ban, a jail with its addresses, an address, or an array of these.
struct Listing(Vec<Listed>);

/// A value of an object.
enum Value {
    Text(String),
    Number(i64),
    List(Vec<Network>),
    Other,
}

struct Address(Network);

impl<'de> Deserialize<'de> for Listing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListingVisitor)
    }
}

struct ListingVisitor;

impl<'de> Visitor<'de> for ListingVisitor {
    type Value = Listing;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a ban, a jail with its addresses, or an address")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Listing, E> {
        let offender = address(text)?;
        Ok(Listing(vec![Listed { jail: None, offender, end: End::Untold }]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Listing, A::Error> {
        let mut all = Vec::new();
        while let Some(Listing(mut some)) = items.next_element()? {
            all.append(&mut some);
        }
        Ok(Listing(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Listing, A::Error> {
        let mut object = BTreeMap::new();
        while let Some((key, value)) = pairs.next_entry::<String, Value>()? {
            object.insert(key, value);
        }
        let of_text = |name: &&&str| matches!(object.get(**name), Some(Value::Text(_)));
        match OFFENDER.iter().find(of_text) {
            Some(name) => ban(&object, name),
            None => of_jails(object),
        }
    }
}

fn ban<E: de::Error>(object: &BTreeMap<String, Value>, name: &str) -> Result<Listing, E> {
    let text = |key: &str| match object.get(key) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let offender = address(&text(name).unwrap_or_default())?;
    let end = match object.get("until") {
        Some(Value::Number(-1)) => End::Never,
        Some(Value::Number(seconds)) => End::At(*seconds),
        None => End::Untold,
        Some(_) => return Err(E::custom("\"until\" is unix seconds, or -1 for ever")),
    };
    Ok(Listing(vec![Listed { jail: text("jail"), offender, end }]))
}

fn of_jails<E: de::Error>(object: BTreeMap<String, Value>) -> Result<Listing, E> {
    let mut all = Vec::new();
    for (jail, value) in object {
        let Value::List(addresses) = value else {
            return Err(E::custom(format!(
                "{jail:?} is not a jail with a list of addresses, and there is no \"offender\" \
                 beside it"
            )));
        };
        let of_jail = |offender| Listed { jail: Some(jail.clone()), offender, end: End::Untold };
        all.extend(addresses.into_iter().map(of_jail));
    }
    Ok(Listing(all))
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number or a list of addresses")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(i64::try_from(number).unwrap_or(i64::MAX)))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
        #[expect(clippy::cast_possible_truncation, reason = "a fraction of a second, and no more")]
        Ok(Value::Number(number as i64))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Address(network)) = items.next_element()? {
            all.push(network);
        }
        Ok(Value::List(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        while pairs.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        address(&String::deserialize(deserializer)?).map(Self)
    }
}

fn address<E: de::Error>(text: &str) -> Result<Network, E> {
    text.parse().map_err(|why| E::custom(format!("{text:?}: {why}")))
}
