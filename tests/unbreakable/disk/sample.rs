//! A state with something of everything.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use jailkeeper::keeper::{
    Allowance, BanRecord, JailId, Network, Prior, Roster, Timestamp, Until, Write,
};
use jailkeeper::store::{Opened, Saved, SavedPosition, Store};

pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// What the service writes of its `number`th offender.
pub(super) fn writes(roster: &mut Roster, number: u32) -> Vec<Write> {
    let jail = roster.enrol(["sshd", "nginx"][(number % 2) as usize]);
    let network = Network::address(Ipv4Addr::from_bits(0x0a00_0000 | number).into());
    let at = NOW.plus(Duration::from_secs(number.into()));
    match number % 3 {
        0 => ban(jail, network, at),
        1 => vec![
            Write::Window(jail, network, vec![NOW, at]),
            Write::Account(jail, format!("user{number}").into(), vec![at]),
        ],
        _ => {
            let comment = format!("the {number}th").into();
            let allowance = Allowance { since: NOW, until: Until::At(at), comment };
            vec![Write::Allowed(Some(jail), network, allowance)]
        }
    }
}

fn ban(jail: JailId, network: Network, at: Timestamp) -> Vec<Write> {
    let until = Until::At(at.plus(Duration::from_hours(1)));
    let ban = BanRecord { since: at, until, attempts: 5, nth: 1, enforced: true };
    let prior = Prior { bans: 1, ended: at };
    let line = format!("Failed password for root from {network} port 4711 ssh2");
    vec![
        Write::Ban(jail, network, ban),
        Write::Prior { jail, network, enforced: true, prior },
        Write::Evidence(jail, network, at, line.into()),
    ]
}

pub(super) fn position(number: u32) -> SavedPosition {
    SavedPosition { cursor: format!("s=0123456789abcdef;i={number:x}"), sequence: number.into() }
}

/// A store in `directory` with these of them, each saved by itself.
pub(super) fn filled(directory: &Path, numbers: Range<u32>) -> (Store, Roster) {
    let Opened { mut store, .. } = Store::open(directory, NOW).expect("the state file opens");
    let mut roster = Roster::default();
    for number in numbers {
        let writes = writes(&mut roster, number);
        let positions = [("journal", Some(position(number)))];
        store.commit(&roster, &writes, &positions).expect("a commit");
    }
    (store, roster)
}

/// What a state says, each in a line, so that two can be held against each other.
pub(super) fn lines(saved: &Saved) -> BTreeSet<String> {
    let Saved { bans, windows, accounts, evidence, priors, allowed, positions, nonsense: _ } =
        saved;
    let bans = bans.iter().map(|it| format!("ban {it:?}"));
    let windows = windows.iter().map(|it| format!("window {it:?}"));
    let accounts = accounts.iter().map(|it| format!("account {it:?}"));
    let evidence = evidence.iter().map(|it| format!("line {it:?}"));
    let priors = priors.iter().map(|it| format!("prior {it:?}"));
    let allowed = allowed.iter().map(|it| format!("allowed {it:?}"));
    let positions = positions.iter().map(|it| format!("position {it:?}"));
    let all = bans.chain(windows).chain(accounts).chain(evidence).chain(priors);
    all.chain(allowed).chain(positions).collect()
}
