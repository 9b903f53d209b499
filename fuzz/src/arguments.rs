//! What callers say over D-Bus, and what people write in one word: addresses, times, formulas, lists.

use std::sync::Arc;

use jailkeeper::bus::fuzzing::{self, Arguments};
use jailkeeper::bus::{BusAnswer, Call, Calls, Failure, Link, Request, SettingRow};
use jailkeeper::keeper::{Formula, Givens, Network};
use jailkeeper::rules;

/// A loop that answers with what it was told.
struct Echo;

impl Calls for Echo {
    fn request(&self, Request { call, answer }: Request) -> Result<(), Request> {
        answer.send(match call {
            Call::Set { jail, option, value } => match rules::setting(&jail, &option, &value) {
                Ok(now) => BusAnswer::Set { before: value, now },
                Err(found) => {
                    BusAnswer::Failed(Failure::InvalidSetting(rules::render(&found, false)))
                }
            },
            Call::Settings { jail: key } => {
                let (value, path) = (format!("{key}\0"), "\0".to_owned());
                BusAnswer::Settings(vec![SettingRow { key, value, path, line: 1 }])
            }
            Call::Matches { jail, .. } => BusAnswer::Matches(vec![format!("{jail}\0").into()]),
            Call::Ban { jail, .. } => BusAnswer::Failed(Failure::Refused(format!("{jail}\0"))),
            Call::Attempt { user, .. } => BusAnswer::Failed(Failure::JailBroken(user)),
            _ => BusAnswer::Failed(Failure::NoSuchJail),
        });
        Ok(())
    }

    fn link(&self, _: Link) {}
}

/// The texts are a jail, addresses, two numbers, a user or comment, an option, its value, and a list.
pub fn run(input: &[u8]) {
    let texts = super::texts(input);
    let text = |index: usize| texts.get(index).map(String::as_str).unwrap_or_default();
    let mut numbers = text(2).split_whitespace();
    // D-Bus carries no NUL in a text.
    if texts.iter().take(6).all(|text| !text.contains('\0')) {
        let said = Arguments {
            jail: text(0),
            addresses: text(1).lines().collect(),
            seconds: numbers.next().and_then(|number| number.parse().ok()).unwrap_or_default(),
            times: numbers.next().and_then(|number| number.parse().ok()).unwrap_or_default(),
            words: text(3),
            set: (text(4), text(5)),
        };
        for told in fuzzing::call(Arc::new(Echo), &said) {
            assert!(!told.contains('\0'), "{told:?}");
        }
    }
    text(1).lines().for_each(network);
    let _ = rules::parse_list(text(6));
    for word in texts.iter().flat_map(|text| text.lines()) {
        let _ = rules::parse_sentence(word);
        formula(word);
    }
}

/// A network is shown as it can be read.
fn network(text: &str) {
    if let Ok(network) = text.parse::<Network>() {
        assert_eq!(network.to_string().parse(), Ok(network), "{text:?}");
    }
}

/// A formula comes to something, and a mistake in one has a place.
fn formula(text: &str) {
    match Formula::parse(text) {
        Ok(formula) => {
            for count in [0.0, 1.0, 1e9] {
                let _ = formula.value(Givens { time: 600.0, count, factor: 1.0 });
            }
        }
        Err(wrong) => assert!(text.get(wrong.range.clone()).is_some(), "{wrong:?}"),
    }
}
