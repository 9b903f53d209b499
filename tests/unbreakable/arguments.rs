//! Arguments of every kind in calls of every method, of every interface, at every object.

use std::net::Ipv4Addr;

use jailkeeper::bus::{JAIL, MANAGER, NAME, PATH};
use zbus::wire::{Structure, StructureBuilder, Variant};
use zbus::{Connection, Message};

use super::floods::resident;
use crate::bus::{client, run};
use crate::support::chance::Chance;
use crate::support::house::House;
use crate::support::soak::{figure, rounds};

/// Chance, the same in each run.
struct Dice(Chance);

impl Dice {
    fn roll(&mut self, sides: u32) -> u32 {
        u32::try_from(self.0.next() % u64::from(sides)).expect("32 bits")
    }

    fn size(&mut self, most: usize) -> usize {
        self.0.below(most)
    }

    fn one_of<T: Clone>(&mut self, these: &[T]) -> T {
        self.0.one_of(these)
    }
}

/// Texts that mean something to somebody on the way: to a log, a terminal, a parser.
const TEXTS: [&str; 24] = [
    "",
    "sshd",
    "default",
    "192.0.2.1",
    "0.0.0.0/0",
    "2001:db8::/129",
    "::ffff:192.0.2.1%eth0",
    "192.0.2.1\n[sshd] Ban 192.0.2.99",
    "\r\nMESSAGE_ID=0123456789abcdef0123456789abcdef\nMESSAGE=forged",
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\u{2028}\u{202e}\u{feff}",
    "maxretry",
    "failregex",
    "ignoreip",
    "logpath",
    "999999999999999999999",
    "-1",
    "[[[[[[[[[[[[[[[[[[[[",
    "'''\"\"\"\\u0000",
    "(((((((((a+)+)+)+)+)+)+)+)+)$",
    "%(known/failregex)s<HOST><F-USER>",
    "../../../../etc/shadow",
    "{}{:?}{0:1000000}",
    "rm -rf /; $(reboot) `reboot`",
];

fn a_text(dice: &mut Dice) -> String {
    match dice.roll(8) {
        0 => dice.one_of(&TEXTS).repeat(dice.size(2000)),
        1 => (0..dice.roll(60)).filter_map(|_| char::from_u32(1 + dice.roll(0x11_0000))).collect(),
        2 => Ipv4Addr::from_bits(0x0a00_0000 | dice.roll(1 << 24)).to_string(),
        _ => dice.one_of(&TEXTS).to_owned(),
    }
}

fn a_number(dice: &mut Dice) -> i64 {
    match dice.roll(4) {
        0 => dice.one_of(&[i64::MIN, i64::MAX, -2, -1, 0, 1, i64::from(u32::MAX) + 1]),
        1 => i64::MAX >> dice.roll(63),
        _ => dice.roll(100_000).into(),
    }
}

/// A value within a value, down to the 64 levels that D-Bus has.
fn a_variant(dice: &mut Dice) -> Variant<'static> {
    let depth = dice.one_of(&[0, 1, 5, 30]);
    let inner: Variant<'static> = match dice.roll(5) {
        0 => Variant::from(a_text(dice)),
        1 => Variant::from(a_number(dice)),
        2 => Variant::from(dice.roll(2) == 0),
        3 => Variant::from(vec![0_u8; dice.size(100_000)]),
        _ => Variant::from(f64::NAN),
    };
    (0..depth).fold(inner, |value, _| Variant::Variant(Box::new(value)))
}

/// The methods of the manager, with what they want.
const METHODS: [(&str, &str); 15] = [
    ("Allow", "sAxs"),
    ("Attempt", "sAsu"),
    ("Ban", "sAx"),
    ("Diagnose", ""),
    ("Disallow", "sA"),
    ("ListAllowed", ""),
    ("ListBans", "s"),
    ("ListJails", ""),
    ("ListWouldBeBans", "s"),
    ("Matches", "ss"),
    ("Reload", ""),
    ("Set", "sss"),
    ("Settings", "s"),
    ("Unban", "sA"),
    ("Why", "s"),
];

/// Interfaces that every object has, and what they want.
const COMMON: [(&str, &str, &str); 6] = [
    ("org.freedesktop.DBus.Properties", "Get", "ss"),
    ("org.freedesktop.DBus.Properties", "GetAll", "s"),
    ("org.freedesktop.DBus.Properties", "Set", "ssv"),
    ("org.freedesktop.DBus.Introspectable", "Introspect", ""),
    ("org.freedesktop.DBus.Peer", "Ping", ""),
    ("org.freedesktop.DBus.Peer", "GetMachineId", ""),
];

const PATHS: [&str; 4] = ["/", PATH, "/org/jailkeeper1/jail/sshd", "/org/jailkeeper1/jail/_"];
const NAMES: [&str; 8] = [
    MANAGER,
    JAIL,
    "State",
    "Jails",
    "Version",
    "BanTime",
    "IgnoreIp",
    "org.freedesktop.DBus.Peer",
];

/// A call of one of the methods: three of four with arguments of the kinds that it wants.
fn a_call(dice: &mut Dice) -> (&'static str, &'static str, &'static str, Structure<'static>) {
    let (path, interface, method, wants) = if dice.roll(4) == 0 {
        let (interface, method, wants) = dice.one_of(&COMMON);
        (dice.one_of(&PATHS), interface, method, wants)
    } else {
        let (method, wants) = dice.one_of(&METHODS);
        (PATH, MANAGER, method, wants)
    };
    let is_right = dice.roll(4) > 0;
    let kinds: Vec<char> = if is_right {
        wants.chars().collect()
    } else {
        (0..dice.roll(8)).map(|_| dice.one_of(&['s', 'A', 'x', 'u', 'v', 'y'])).collect()
    };
    let arguments = kinds.into_iter().fold(StructureBuilder::new(), |arguments, kind| {
        arguments.append_field(match kind {
            's' if interface != MANAGER => Variant::from(dice.one_of(&NAMES)),
            's' => Variant::from(a_text(dice)),
            'A' => {
                let count = dice.one_of(&[0, 1, 2, 50, 3000]);
                Variant::from((0..count).map(|_| a_text(dice)).collect::<Vec<_>>())
            }
            'x' => Variant::from(a_number(dice)),
            'u' => Variant::from(dice.one_of(&[0, 1, 7, 100_000, u32::MAX])),
            'y' => Variant::from(vec![0xff_u8; dice.size(100_000)]),
            _ => Variant::Variant(Box::new(a_variant(dice))),
        })
    });
    // Without arguments there is no structure: something that no method wants, then.
    let arguments = arguments.build().or_else(|_| StructureBuilder::new().add_field(true).build());
    (path, interface, method, arguments.expect("it has a field"))
}

/// Whether it was done; else the error must have a name that is ours, or one that D-Bus has.
fn has_a_name(call: &str, answer: zbus::Result<Message>) -> bool {
    let name = match answer {
        Ok(_) => return true,
        Err(zbus::Error::MethodError(name, _, _)) => name.to_string(),
        Err(zbus::Error::FDO(error)) => zbus::DBusError::name(&*error).to_string(),
        Err(error) => panic!("{call} ends the connection: {error}"),
    };
    let known = ["org.jailkeeper1.Error.", "org.freedesktop.DBus.Error."];
    assert!(known.iter().any(|known| name.starts_with(known)), "{call}: {name}");
    false
}

/// Makes so many calls, and puts right what they may have done: root may do all of it.
async fn make_calls(root: Connection, mut dice: Dice, calls: usize) -> (Connection, Dice, usize) {
    let mut done = 0;
    for _ in 0..calls {
        let (path, interface, method, arguments) = a_call(&mut dice);
        let interface = if dice.roll(50) == 0 { "org.jailkeeper1.Nobody" } else { interface };
        let answer = if arguments.signature().to_string() == "(b)" {
            root.call_method(Some(NAME), path, Some(interface), method, &()).await
        } else {
            root.call_method(Some(NAME), path, Some(interface), method, &arguments).await
        };
        done += usize::from(has_a_name(method, answer));
    }
    let everybody = ("", vec!["0.0.0.0/0", "::/0"]);
    root.call_method(Some(NAME), PATH, Some(MANAGER), "Reload", &()).await.expect("a reload");
    let disallow = root.call_method(Some(NAME), PATH, Some(MANAGER), "Disallow", &everybody);
    disallow.await.expect("nobody is allowed any more");
    (root, dice, done)
}

#[test]
fn calls_of_every_kind_hurt_nobody() {
    let house = House::guarded("[default]\nmaxretry = 1\n");
    let service = house.service.as_ref().expect("it runs").id();
    let before = resident(service);
    let (mut dice, mut done) = (Dice(Chance::from_seed(0x6a61_696c)), 0);
    let address = house.bus.address();
    let mut root = run(async move { client(address).await });
    let (turns, calls) = (rounds(20, 500), 100);
    for turn in 1..=turns {
        let some;
        (root, dice, some) = run(make_calls(root, dice, calls));
        done += some;
        let offender = Ipv4Addr::from_bits(0xcb00_7100 + turn).to_string();
        house.fails(&offender, 1);
        house.await_log(&format!("[sshd] Ban {offender}"), 1);
        house.assert_element("sshd4", &offender);
    }
    let forged = ["[sshd] Ban 192.0.2.99", "MESSAGE=", "MESSAGE_ID="];
    for line in house.log().lines() {
        assert!(!forged.iter().any(|forged| line.starts_with(forged)), "{line}");
        assert!(!line.contains('\u{1b}'), "{line:?}");
    }
    let grown = resident(service).saturating_sub(before);
    let made = calls * turns as usize;
    assert!(done > made / 10 && done < made * 9 / 10, "{done} of {made} calls were done");
    figure("calls from a seed, and how many of them were done", format!("{made}, {done}"));
    figure("MiB by which such calls made the service grow", grown >> 10);
    assert!(grown < 256 << 10, "by {grown} KiB");
}
