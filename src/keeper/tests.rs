//! The keeper by data: cases, and properties against a plain reading of the rules.

mod sentences;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

mod attempts;
mod everything;
mod friends;
mod networks;

const JAIL: JailId = JailId(0);
const OTHER: JailId = JailId(1);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn net(text: &str) -> Network {
    text.parse().expect("a network")
}

fn policy(maxretry: u32, findtime: u64, bantime: u64) -> Policy {
    Policy {
        maxretry: NonZeroU32::new(maxretry).expect("not zero"),
        findtime: Duration::from_secs(findtime),
        bantime: Sentence::For(Duration::from_secs(bantime)),
        ..Policy::default()
    }
}

fn keeper(policy: Policy) -> Keeper {
    let mut keeper = Keeper::default();
    keeper.admit(JAIL, policy);
    keeper
}

fn attempt(address: &str, seconds: i64, sequence: u64) -> Event {
    Event::Attempt(Attempt {
        jail: JAIL,
        offender: net(address),
        user: None,
        time: at(seconds),
        place: Place { source: SourceId(0), sequence },
        text: None,
    })
}

/// The firewall as a map; it takes every change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Kernel(BTreeMap<(JailId, Network), Until>);

impl Kernel {
    fn take(&mut self, changes: &[Change]) -> Outcome {
        for change in changes {
            match *change {
                Change::Ban { jail, network, until } => self.0.insert((jail, network), until),
                Change::Lift { jail, network } => self.0.remove(&(jail, network)),
            };
        }
        Outcome::Applied { refused: Vec::new() }
    }

    fn elements(&self) -> Vec<Element> {
        let element =
            |(&(jail, network), &until): (&(_, _), &Until)| Element { jail, network, until };
        self.0.iter().map(element).collect()
    }
}

/// Decides, performs, settles; everything that was said on the way.
fn step(
    keeper: &mut Keeper,
    kernel: &mut Kernel,
    now: Timestamp,
    events: Vec<Event>,
) -> (Vec<Notice>, Vec<Reply>) {
    let Decisions { changes, mut notices, mut replies } = keeper.decide(now, events);
    let outcome = kernel.take(&changes);
    let settled = keeper.settle(now, &changes, &outcome);
    notices.extend(settled.notices);
    replies.extend(settled.replies);
    (notices, replies)
}

fn banned(notices: &[Notice]) -> Vec<Network> {
    notices
        .iter()
        .filter_map(|notice| match notice {
            Notice::Banned(Banned { network, .. }) => Some(*network),
            _ => None,
        })
        .collect()
}

type DiskKey = (&'static str, Where, String);

/// What the state file holds.
type Disk = BTreeMap<DiskKey, Write>;

/// Everything that has changed.
fn unsaved(keeper: &mut Keeper) -> Vec<Write> {
    let writes: Vec<Write> = keeper.take_unsaved().collect();
    writes.into_iter().chain(keeper.take_unsaved_lines(usize::MAX)).collect()
}

/// What the state file would hold after these writes.
fn saved(disk: &mut Disk, writes: impl IntoIterator<Item = Write>) {
    for write in writes {
        let (kind, of, is_there) = match &write {
            Write::Ban(_, net, _) => ("ban", net.to_string(), true),
            Write::NoBan(_, net) => ("ban", net.to_string(), false),
            Write::Window(_, net, _) => ("window", net.to_string(), true),
            Write::NoWindow(_, net) => ("window", net.to_string(), false),
            Write::Account(_, account, _) => ("account", account.to_string(), true),
            Write::NoAccount(_, account) => ("account", account.to_string(), false),
            Write::Evidence(_, net, ..) => ("evidence", net.to_string(), true),
            Write::NoEvidence(_, net) => ("evidence", net.to_string(), false),
            Write::Prior { network, enforced, .. } => {
                ("prior", format!("{network} {enforced}"), true)
            }
            Write::NoPrior { network, enforced, .. } => {
                ("prior", format!("{network} {enforced}"), false)
            }
            Write::Allowed(_, net, _) => ("allowed", net.to_string(), true),
            Write::NotAllowed(_, net) => ("allowed", net.to_string(), false),
        };
        let place = match &write {
            Write::Allowed(place, ..) | Write::NotAllowed(place, _) => *place,
            _ => write.jail(),
        };
        if is_there {
            disk.insert((kind, place, of), write)
        } else {
            disk.remove(&(kind, place, of))
        };
    }
}

/// A keeper that has read the state file, in the order in which the service does.
fn restored(jails: &[(JailId, Policy)], now: Timestamp, disk: &Disk) -> Keeper {
    let mut keeper = Keeper::default();
    for (id, policy) in jails {
        keeper.admit(*id, policy.clone());
    }
    for kind in ["prior", "allowed", "window", "ban", "account", "evidence"] {
        for (_, write) in disk.iter().filter(|(key, _)| key.0 == kind) {
            match write.clone() {
                Write::Prior { jail, network, enforced, prior } => {
                    keeper.restore_priors(jail, [(network, enforced, prior)]);
                }
                Write::Allowed(place, net, allowance) => {
                    keeper.restore_allowed(now, [(place, net, allowance)]);
                }
                Write::Window(jail, net, times) => keeper.restore(now, jail, [], [(net, times)]),
                Write::Ban(jail, net, record) => keeper.restore(now, jail, [(net, record)], []),
                Write::Account(jail, account, times) => {
                    keeper.restore_accounts(now, jail, [(account, times)]);
                }
                Write::Evidence(jail, net, last, lines) => {
                    keeper.restore_evidence(jail, [(net, last, lines)]);
                }
                gone => panic!("{gone:?} is not in the file"),
            }
        }
    }
    keeper
}

#[test]
fn the_attempt_that_fills_the_window_bans() {
    let (mut keeper, mut kernel) = (keeper(policy(3, 600, 60)), Kernel::default());
    for (sequence, seconds) in [(1, 0), (2, 300)] {
        let event = attempt("192.0.2.1", seconds, sequence);
        let (notices, _) = step(&mut keeper, &mut kernel, at(seconds), vec![event]);
        assert_eq!(banned(&notices), []);
    }
    let (notices, _) = step(&mut keeper, &mut kernel, at(600), vec![attempt("192.0.2.1", 600, 3)]);
    assert_eq!(
        notices[1],
        Notice::Banned(Banned {
            jail: JAIL,
            network: net("192.0.2.1"),
            until: Until::At(at(660)),
            attempts: 3,
            members: 0,
            news: News::New,
            user: None,
            counted_by: CountBy::Address,
            matches: vec![],
            nth: 1,
        })
    );
    assert_eq!(keeper.deadline(), Some(at(660)));
}

#[test]
fn attempts_by_hand_count_like_others_all_or_none() {
    let (mut keeper, mut kernel) = (keeper(policy(3, 600, 60)), Kernel::default());
    let order = |offenders: &[&str], times| {
        Event::Attempts(AttemptOrder {
            ticket: Ticket(1),
            jail: JAIL,
            offenders: offenders.iter().map(|offender| net(offender)).collect(),
            user: Some("root".into()),
            times,
            source: SourceId(9),
        })
    };
    let mut answer = |event| {
        let (notices, replies) = step(&mut keeper, &mut kernel, at(0), vec![event]);
        let [Reply { answer, .. }] = &replies[..] else { panic!("one answer: {replies:?}") };
        (answer.clone(), notices)
    };
    let (counted, notices) = answer(order(&["192.0.2.1", "192.0.2.2"], 2));
    assert_eq!((counted, banned(&notices)), (Answer::Done(4), vec![]));
    let (counted, notices) = answer(order(&["192.0.2.2"], 1));
    assert_eq!((counted, banned(&notices)), (Answer::Done(1), vec![net("192.0.2.2")]));
    assert!(matches!(&notices[0], Notice::Found { user: Some(user), .. } if &**user == "root"));
    let wide = net("10.0.0.0/8");
    let (refused, notices) = answer(order(&["192.0.2.1", "10.0.0.0/8"], 1));
    assert_eq!((refused, notices), (Answer::TooWide(wide, 16), vec![]));
    let nowhere = AttemptOrder {
        ticket: Ticket(1),
        jail: JailId(77),
        offenders: vec![wide],
        user: None,
        times: 1,
        source: SourceId(9),
    };
    assert_eq!(answer(Event::Attempts(nowhere)).0, Answer::NoSuchJail);
}

#[test]
fn a_rate_that_only_averages_to_maxretry_does_not_ban() {
    // The case that DESIGN names: four quick ones and one that comes after findtime.
    let (mut keeper, mut kernel) = (keeper(policy(5, 600, 60)), Kernel::default());
    for (sequence, seconds) in [(1, 0), (2, 5), (3, 10), (4, 15), (5, 605)] {
        let event = attempt("192.0.2.1", seconds, sequence);
        let (notices, _) = step(&mut keeper, &mut kernel, at(seconds), vec![event]);
        assert_eq!(banned(&notices), []);
    }
}

#[test]
fn a_ban_is_not_called_one_before_the_firewall_has_it() {
    let mut keeper = keeper(policy(1, 600, 60));
    let decisions = keeper.decide(at(0), [attempt("192.0.2.1", 0, 1)]);
    assert_eq!(decisions.changes.len(), 1);
    assert_eq!(banned(&decisions.notices), []);
    let failed = Outcome::Failed { reason: "no buffer space".into() };
    let settled = keeper.settle(at(0), &decisions.changes, &failed);
    assert_eq!(settled.notices, []);
    let soon = at(0).plus(Duration::from_millis(20));
    assert_eq!(keeper.deadline(), Some(soon), "it is tried again soon");
    assert_eq!(keeper.decide(at(0), []).changes, []);
    let again = keeper.decide(at(1), []);
    assert_eq!(again.changes, decisions.changes);
    let applied = Outcome::Applied { refused: Vec::new() };
    let settled = keeper.settle(at(1), &again.changes, &applied);
    assert_eq!(banned(&settled.notices), [net("192.0.2.1")]);
}

#[test]
fn a_refused_element_is_named_and_the_rest_goes_in() {
    let mut keeper = keeper(policy(1, 600, 600));
    let events = [attempt("192.0.2.1", 0, 1), attempt("192.0.2.2", 0, 2)];
    let changes = keeper.decide(at(0), events).changes;
    let outcome = Outcome::Applied { refused: vec![(0, "set is full".into())] };
    let settled = keeper.settle(at(0), &changes, &outcome);
    let refused =
        Notice::Refused { jail: JAIL, network: net("192.0.2.1"), reason: "set is full".into() };
    assert_eq!(settled.notices[0], refused);
    assert_eq!(banned(&settled.notices), [net("192.0.2.2")]);
    assert_eq!(keeper.decide(at(59), []).changes, []);
    assert_eq!(keeper.decide(at(60), []).changes.len(), 1, "offered again after a minute");
}

#[test]
fn ipv6_counts_by_64_and_mapped_ipv4_is_ipv4() {
    let (mut keeper, mut kernel) = (keeper(policy(2, 600, 60)), Kernel::default());
    let events = vec![
        attempt("2001:db8:0:1::1", 0, 1),
        attempt("2001:db8:0:1:ffff::2", 0, 2),
        attempt("::ffff:192.0.2.7", 0, 3),
        attempt("192.0.2.7", 0, 4),
    ];
    let (notices, _) = step(&mut keeper, &mut kernel, at(0), events);
    assert_eq!(banned(&notices), [net("192.0.2.7"), net("2001:db8:0:1::/64")]);
}

fn entry(network: &str) -> Entry {
    Entry { network: net(network), name: None, file: None, by: SparedBy::IgnoreIp }
}

#[test]
fn the_ignored_are_spared_and_it_is_said_why() {
    let mut rules = policy(1, 600, 60);
    rules.ignore.networks = [net("198.51.100.0/24"), net("2001:db8::5")].into_iter().collect();
    let (mut keeper, mut kernel) = (keeper(rules), Kernel::default());
    keeper.set_own_addresses(["192.0.2.9".parse::<IpAddr>().expect("own")].into_iter().collect());
    for (address, why) in [
        ("198.51.100.7", Spared::Within(entry("198.51.100.0/24"))),
        ("2001:db8::bad", Spared::Holds(entry("2001:db8::5"))),
        ("192.0.2.9", Spared::OwnAddress),
        ("127.5.5.5", Spared::OwnAddress),
        ("::1", Spared::OwnAddress),
    ] {
        let order = BanOrder {
            ticket: Ticket(7),
            jail: JAIL,
            networks: vec![net("192.0.2.8"), net(address)],
            sentence: None,
        };
        let (_, replies) = step(&mut keeper, &mut kernel, at(0), vec![Event::Ban(order)]);
        let answer = Answer::Spared(net(address), why);
        assert_eq!(replies, [Reply { ticket: Ticket(7), answer }], "all or none");
        assert_eq!(kernel, Kernel::default());
    }
}

#[test]
fn calls_are_answered_when_the_firewall_has_answered() {
    let (mut keeper, mut kernel) = (keeper(policy(5, 600, 60)), Kernel::default());
    let order = BanOrder {
        ticket: Ticket(1),
        jail: JAIL,
        networks: vec![net("192.0.2.1"), net("2001:db8::1")],
        sentence: Some(Sentence::Forever),
    };
    let decisions = keeper.decide(at(0), [Event::Ban(order)]);
    assert_eq!(decisions.replies, []);
    let outcome = kernel.take(&decisions.changes);
    let settled = keeper.settle(at(0), &decisions.changes, &outcome);
    assert_eq!(settled.replies, [Reply { ticket: Ticket(1), answer: Answer::Done(2) }]);
    assert_eq!(keeper.deadline(), None, "for ever");

    let everybody = UnbanOrder { ticket: Ticket(2), jail: None, networks: None };
    let (notices, replies) =
        step(&mut keeper, &mut kernel, at(1), vec![Event::Unban(everybody.clone())]);
    assert_eq!(notices.len(), 2);
    assert_eq!(replies[0].answer, Answer::Done(2));
    assert_eq!(kernel, Kernel::default());
    let (_, replies) = step(&mut keeper, &mut kernel, at(1), vec![Event::Unban(everybody)]);
    assert_eq!(replies[0].answer, Answer::Done(0));

    let unknown = UnbanOrder { ticket: Ticket(3), jail: Some(OTHER), networks: None };
    let (_, replies) = step(&mut keeper, &mut kernel, at(1), vec![Event::Unban(unknown)]);
    assert_eq!(replies[0].answer, Answer::NoSuchJail);
}

#[test]
fn unban_of_a_network_lifts_what_it_holds_and_of_an_address_what_holds_it() {
    let (mut keeper, mut kernel) = (keeper(policy(1, 600, 60)), Kernel::default());
    let events = vec![
        attempt("192.0.2.1", 0, 1),
        attempt("192.0.2.255", 0, 2),
        attempt("192.0.3.0", 0, 3),
        attempt("2001:db8::1", 0, 4),
    ];
    step(&mut keeper, &mut kernel, at(0), events);
    let order = UnbanOrder {
        ticket: Ticket(1),
        jail: Some(JAIL),
        networks: Some(vec![net("192.0.2.0/24"), net("2001:db8::ffff")]),
    };
    let (_, replies) = step(&mut keeper, &mut kernel, at(0), vec![Event::Unban(order)]);
    assert_eq!(replies[0].answer, Answer::Done(3));
    assert_eq!(kernel.0.keys().copied().collect::<Vec<_>>(), [(JAIL, net("192.0.3.0"))]);
}

#[test]
fn expiry_is_told_to_the_firewall_and_announced_once() {
    let (mut keeper, mut kernel) = (keeper(policy(1, 600, 60)), Kernel::default());
    step(&mut keeper, &mut kernel, at(0), vec![attempt("192.0.2.1", 0, 1)]);
    let (notices, _) = step(&mut keeper, &mut kernel, at(60), vec![]);
    let why = Lifted::Expired;
    assert_eq!(notices, [Notice::Unbanned { jail: JAIL, network: net("192.0.2.1"), why }]);
    assert_eq!(kernel, Kernel::default());
    assert_eq!(step(&mut keeper, &mut kernel, at(61), vec![]).0, []);
}

#[test]
fn at_the_start_the_firewalls_elements_are_adopted_and_corrected() {
    let mut keeper = keeper(policy(5, 600, 60));
    let until = Until::At(at(100));
    let record = BanRecord { since: at(0), until, attempts: 5, nth: 1, enforced: true };
    let outlived = BanRecord { until: Until::At(at(9)), ..record };
    let bans = [
        (net("192.0.2.1"), record),
        (net("192.0.2.2"), record),
        (net("192.0.2.3"), record),
        (net("192.0.2.4"), outlived),
    ];
    keeper.restore(at(10), JAIL, bans, []);
    let element = |text, until| Element { jail: JAIL, network: net(text), until };
    let installed = [
        element("192.0.2.1", Until::At(at(101))),
        element("192.0.2.2", Until::At(at(900))),
        element("192.0.2.8", Until::Forever),
        element("10.0.0.0/8", Until::Forever),
        element("127.0.0.1", Until::Forever),
    ];
    let decisions = keeper.audit(at(10), &installed, true);
    assert_eq!(banned(&decisions.notices), [net("192.0.2.1"), net("192.0.2.8")]);
    let ban = |text| Change::Ban { jail: JAIL, network: net(text), until: Until::At(at(100)) };
    let lift = |text| Change::Lift { jail: JAIL, network: net(text) };
    let changes = [ban("192.0.2.2"), ban("192.0.2.3"), lift("10.0.0.0/8"), lift("127.0.0.1")];
    assert_eq!(
        decisions.changes.iter().map(|c| format!("{c:?}")).collect::<BTreeSet<_>>(),
        changes.iter().map(|c| format!("{c:?}")).collect::<BTreeSet<_>>()
    );
    let writes: Vec<Write> = keeper.take_unsaved().collect();
    assert!(writes.contains(&Write::NoBan(JAIL, net("192.0.2.4"))));
    assert!(!writes.iter().any(|w| matches!(w, Write::Ban(_, n, _) if *n == net("192.0.2.1"))));
}

#[test]
fn while_it_runs_foreign_elements_are_lifted_and_missing_ones_put_back_in_silence() {
    let (mut keeper, mut kernel) = (keeper(policy(1, 600, 60)), Kernel::default());
    step(&mut keeper, &mut kernel, at(0), vec![attempt("192.0.2.1", 0, 1)]);
    let foreign = Element { jail: JAIL, network: net("203.0.113.1"), until: Until::Forever };
    let decisions = keeper.audit(at(1), &[foreign], false);
    kernel.0.clear();
    let outcome = kernel.take(&decisions.changes);
    let settled = keeper.settle(at(1), &decisions.changes, &outcome);
    assert_eq!((decisions.notices, settled.notices), (vec![], vec![]));
    assert_eq!(kernel.0.len(), 1);
}

#[test]
fn reload_keeps_what_fits_and_lets_go_what_does_not() {
    let (mut keeper, mut kernel) = (keeper(policy(1, 600, 60)), Kernel::default());
    let events =
        vec![attempt("192.0.2.1", 0, 1), attempt("2001:db8::1", 0, 2), attempt("192.0.2.2", 0, 3)];
    step(&mut keeper, &mut kernel, at(0), events);
    let mut changed = policy(3, 600, 60);
    changed.prefix.ipv6 = 56;
    changed.ignore.networks = [net("192.0.2.2")].into_iter().collect();
    keeper.admit(JAIL, changed);
    let (notices, _) = step(&mut keeper, &mut kernel, at(1), vec![]);
    let reasons: Vec<Lifted> = notices
        .iter()
        .filter_map(|n| if let Notice::Unbanned { why, .. } = n { Some(*why) } else { None })
        .collect();
    assert_eq!(reasons, [Lifted::Ignored, Lifted::PrefixChanged]);
    assert_eq!(kernel.0.keys().map(|(_, n)| *n).collect::<Vec<_>>(), [net("192.0.2.1")]);
    assert_eq!(keeper.dismiss(JAIL).notices.len(), 1);
    assert!(keeper.take_unsaved().any(|write| write == Write::NoBan(JAIL, net("192.0.2.1"))));
}

#[test]
fn a_clock_that_is_set_back_forgets_nobody() {
    let (mut keeper, mut kernel) = (keeper(policy(3, 600, 60)), Kernel::default());
    let day = 86_400;
    let early = vec![attempt("192.0.2.1", day, 1), attempt("192.0.2.2", day, 2)];
    step(&mut keeper, &mut kernel, at(day), early);
    let now = vec![attempt("192.0.2.1", 100, 3), attempt("192.0.2.1", 101, 4)];
    let (notices, _) = step(&mut keeper, &mut kernel, at(101), now);
    assert_eq!(banned(&notices), [net("192.0.2.1")]);
}

#[test]
fn a_source_that_numbers_anew_is_counted_anew() {
    let (mut keeper, mut kernel) = (keeper(policy(1, 600, 60)), Kernel::default());
    keeper.restore_place(SourceId(0), 1000);
    let (notices, _) = step(&mut keeper, &mut kernel, at(0), vec![attempt("192.0.2.1", 0, 1)]);
    assert_eq!(notices, []);
    keeper.forget_place(SourceId(0));
    let (notices, _) = step(&mut keeper, &mut kernel, at(0), vec![attempt("192.0.2.1", 0, 1)]);
    assert_eq!(banned(&notices), [net("192.0.2.1")]);
}

#[test]
fn link_local_neighbours_are_not_banned_together() {
    let (mut keeper, mut kernel) = (keeper(policy(1, 600, 60)), Kernel::default());
    let (notices, _) = step(&mut keeper, &mut kernel, at(0), vec![attempt("fe80::5", 0, 1)]);
    let why = Spared::LinkLocal;
    assert_eq!(notices, [Notice::Ignored { jail: JAIL, network: net("fe80::5"), why }]);
}

#[test]
fn while_nothing_is_taken_nothing_is_due() {
    let mut keeper = keeper(policy(1, 600, 600));
    let changes = keeper.decide(at(0), [attempt("192.0.2.1", 0, 1)]).changes;
    let refused = Outcome::Applied { refused: vec![(0, "no".into())] };
    keeper.settle(at(0), &changes, &refused);
    let changes = keeper.decide(at(60), [attempt("192.0.2.2", 60, 2)]).changes;
    assert_eq!(changes.len(), 2);
    let failed = Outcome::Failed { reason: "busy".into() };
    keeper.settle(at(60), &changes, &failed);
    assert!(keeper.deadline() > Some(at(60)));
}

#[test]
fn whoever_waits_is_answered_when_the_jail_goes() {
    let mut keeper = keeper(policy(1, 600, 600));
    let networks = vec![net("192.0.2.1")];
    let order = BanOrder { ticket: Ticket(1), jail: JAIL, networks, sentence: None };
    assert_eq!(keeper.decide(at(0), [Event::Ban(order)]).replies, []);
    let replies = keeper.dismiss(JAIL).replies;
    assert_eq!(replies.len(), 1);
    assert!(matches!(replies[0].answer, Answer::Refused(_)));
}

#[test]
fn windows_are_bounded_and_the_oldest_goes_first() {
    let mut windows = window::Windows::default();
    let limits = (Duration::from_secs(1_000_000), NonZeroU32::new(5).expect("not zero"));
    let mut forgotten = BTreeSet::new();
    let offender = |n: u32| Network::address(IpAddr::from(n.to_be_bytes()));
    let many = u32::try_from(window::MAX_WINDOWS).expect("fits");
    for n in 0..=many {
        windows.count(offender(n), at(i64::from(n)), limits, &mut forgotten);
    }
    assert_eq!(forgotten.into_iter().collect::<Vec<_>>(), [offender(0)]);
    assert_eq!(windows.iter().count(), window::MAX_WINDOWS);
}

#[test]
fn networks_are_read_and_written_as_people_write_them() {
    for (text, shown) in [
        ("192.0.2.77/24", "192.0.2.0/24"),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
        ("192.0.2.1/32", "192.0.2.1"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("::/0", "::/0"),
        ("2001:DB8::1/64", "2001:db8::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
    ] {
        assert_eq!(net(text).to_string(), shown);
    }
    for text in ["", "192.0.2", "192.0.2.1/33", "::1/129", "192.0.2.0/255.0.255.0", "a/8"] {
        assert!(text.parse::<Network>().is_err(), "{text}");
    }
}

/// Who is banned when, by counting all attempts anew each time.
fn brute_force(attempts: &[(u8, i64)], maxretry: usize, findtime: i64) -> Vec<(usize, u8)> {
    let mut bans = Vec::new();
    let mut counted: BTreeMap<u8, Vec<i64>> = BTreeMap::new();
    let mut free = BTreeSet::new();
    for (index, (who, time)) in attempts.iter().enumerate() {
        if free.contains(who) {
            continue;
        }
        let times = counted.entry(*who).or_default();
        times.push(*time);
        let newest = *times.iter().max().expect("one");
        if times.iter().filter(|t| newest - **t <= findtime).count() >= maxretry {
            bans.push((index, *who));
            free.insert(*who);
        }
    }
    bans
}

fn attempts() -> impl Strategy<Value = Vec<(u8, i64)>> {
    prop::collection::vec((0..4_u8, 0..40_i64), 0..120).prop_map(|steps| {
        let mut time = 0;
        steps
            .into_iter()
            .map(|(who, step)| {
                time += step / 4;
                (who, time)
            })
            .collect()
    })
}

fn events(attempts: &[(u8, i64)]) -> Vec<Event> {
    let event = |(index, (who, time)): (usize, &(u8, i64))| {
        attempt(&format!("192.0.2.{who}"), *time, index as u64 + 1)
    };
    attempts.iter().enumerate().map(event).collect()
}

proptest! {
    #[test]
    fn the_window_is_exact(attempts in attempts(), maxretry in 1..6_u32, findtime in 0..30_u64) {
        let mut rules = policy(maxretry, findtime, 0);
        rules.bantime = Sentence::Forever;
        let (mut keeper, mut kernel) = (keeper(rules), Kernel::default());
        let mut bans = Vec::new();
        for (index, event) in events(&attempts).into_iter().enumerate() {
            let (notices, _) = step(&mut keeper, &mut kernel, at(1_000_000), vec![event]);
            bans.extend(banned(&notices).into_iter().map(|network| (index, network)));
        }
        let expected: Vec<(usize, Network)> =
            brute_force(&attempts, maxretry as usize, i64::try_from(findtime).expect("small"))
                .into_iter()
                .map(|(index, who)| (index, net(&format!("192.0.2.{who}"))))
                .collect();
        prop_assert_eq!(bans, expected);
    }

    #[test]
    fn after_settling_installed_equals_wanted(
        attempts in attempts(),
        troubles in prop::collection::vec(0..4_u8, 120),
    ) {
        let (mut keeper, mut kernel) = (keeper(policy(2, 20, 15)), Kernel::default());
        let mut now = at(0);
        for (event, trouble) in events(&attempts).into_iter().zip(&troubles) {
            if let Event::Attempt(attempt) = &event { now = attempt.time; }
            let changes = keeper.decide(now, [event]).changes;
            let outcome = match trouble {
                0 => Outcome::Failed { reason: "busy".into() },
                1 if !changes.is_empty() => {
                    kernel.take(&changes[1..]);
                    Outcome::Applied { refused: vec![(0, "no".into())] }
                }
                _ => kernel.take(&changes),
            };
            keeper.settle(now, &changes, &outcome);
        }
        for wait in [30, 120] {
            step(&mut keeper, &mut kernel, now.plus(Duration::from_secs(wait)), vec![]);
        }
        let wanted: Vec<Element> = keeper.everything().into_iter()
            .filter_map(|write| match write {
                Write::Ban(jail, network, ban) => Some(Element { jail, network, until: ban.until }),
                _ => None,
            })
            .collect();
        prop_assert_eq!(kernel.elements(), wanted);
    }

    #[test]
    fn replaying_any_suffix_changes_nothing(attempts in attempts(), from in 0..120_usize) {
        let (mut keeper, mut kernel) = (keeper(policy(3, 20, 15)), Kernel::default());
        let events = events(&attempts);
        let now = at(attempts.last().map_or(0, |(_, time)| *time));
        step(&mut keeper, &mut kernel, now, events.clone());
        let (before, had) = (keeper.everything(), kernel.clone());
        let suffix = events[from.min(events.len())..].to_vec();
        let (notices, _) = step(&mut keeper, &mut kernel, now, suffix);
        prop_assert_eq!(notices, vec![]);
        prop_assert_eq!((keeper.everything(), kernel), (before, had));
    }

    #[test]
    fn a_crash_behind_the_kernel_and_before_the_disk_loses_and_doubles_nothing(
        attempts in attempts(), saved in 0..120_usize, crash in 0..120_usize,
    ) {
        let events = events(&attempts);
        let (saved, crash) = (saved.min(events.len()), crash.min(events.len()));
        let (saved, crash) = (saved.min(crash), saved.max(crash));
        let mut rules = policy(3, 20, 0);
        rules.bantime = Sentence::Forever;
        let now = at(1_000_000);
        let (mut straight, mut kernel) = (keeper(rules.clone()), Kernel::default());
        step(&mut straight, &mut kernel, now, events[..saved].to_vec());
        let disk = straight.everything();
        step(&mut straight, &mut kernel, now, events[saved..crash].to_vec());

        let mut reborn = keeper(rules);
        let (mut bans, mut windows, mut priors) = (Vec::new(), Vec::new(), Vec::new());
        for write in disk {
            match write {
                Write::Ban(_, network, record) => bans.push((network, record)),
                Write::Window(_, network, times) => windows.push((network, times)),
                Write::Prior { network, enforced, prior, .. } => {
                    priors.push((network, enforced, prior));
                }
                _ => unreachable!("nothing is forgotten here, and nothing else is counted"),
            }
        }
        reborn.restore_priors(JAIL, priors);
        reborn.restore(now, JAIL, bans, windows);
        reborn.restore_place(SourceId(0), saved as u64);
        let decisions = reborn.audit(now, &kernel.elements(), true);
        let outcome = kernel.take(&decisions.changes);
        reborn.settle(now, &decisions.changes, &outcome);
        step(&mut reborn, &mut kernel, now, events[saved..].to_vec());
        let mut straight_kernel = kernel.clone();
        step(&mut straight, &mut straight_kernel, now, events[crash..].to_vec());
        prop_assert_eq!(kernel, straight_kernel);
        let counted = |keeper: &Keeper| -> Vec<Write> {
            keeper.everything().into_iter().filter(|w| !matches!(w, Write::Ban(..))).collect()
        };
        prop_assert_eq!(counted(&reborn), counted(&straight));
    }
}
