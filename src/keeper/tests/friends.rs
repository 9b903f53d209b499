//! Who is never banned.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;

fn listed(networks: &[&str]) -> IgnoreList {
    networks.iter().map(|text| net(text)).collect()
}

fn logged_in(address: &str) -> Session {
    Session { id: "4".into(), user: "root".into(), address: address.parse().expect("an address") }
}

fn allow(jail: Where, networks: &[&str], sentence: Sentence) -> Event {
    let networks = networks.iter().map(|text| net(text)).collect();
    Event::Allow(AllowOrder { ticket: Ticket(3), jail, networks, sentence, comment: "x".into() })
}

fn order(network: &str) -> Event {
    let networks = vec![net(network)];
    Event::Ban(BanOrder { ticket: Ticket(9), jail: JAIL, networks, sentence: None })
}

fn answers(replies: &[Reply]) -> Vec<&Answer> {
    replies.iter().map(|reply| &reply.answer).collect()
}

#[test]
fn an_entry_is_named_with_its_list_and_its_host() {
    let home: Arc<str> = "home.example.net".into();
    let path: Arc<str> = "/etc/friends".into();
    let mut rules = policy(1, 600, 60);
    rules.ignore.lists = [ListId::Host(home.clone()), ListId::File(path.clone())].into();
    rules.proxies.networks = listed(&["10.0.0.2"]);
    let mut keeper = keeper(rules);
    keeper.set_list(ListId::File(path), listed(&["198.51.100.0/24"]));
    keeper.set_list(
        ListId::Host(home.clone()),
        [(net("192.0.2.7"), Some(home))].into_iter().collect(),
    );
    keeper.set_list(ListId::Host("other".into()), listed(&["203.0.113.1"]));
    for (address, told) in [
        ("198.51.100.7", "198.51.100.0/24 of ignoreip (file /etc/friends)"),
        ("192.0.2.7", "home.example.net of ignoreip"),
        ("10.0.0.2", "10.0.0.2 of trusted_proxies"),
    ] {
        let replies = keeper.decide(at(0), [order(address)]).replies;
        let [Reply { answer: Answer::Spared(_, Spared::Within(entry)), .. }] = &replies[..] else {
            panic!("{address}: {replies:?}");
        };
        assert_eq!(entry.to_string(), told);
    }
    let foreign = keeper.decide(at(0), [order("203.0.113.1")]);
    assert_eq!((foreign.replies, foreign.changes.len()), (vec![], 1), "no list of this jail's");
}

#[test]
fn a_list_that_grows_lifts_bans_and_one_that_is_gone_spares_nobody() {
    let id = ListId::File("/etc/friends".into());
    let mut rules = policy(1, 600, 60);
    rules.ignore.lists.insert(id.clone());
    let (mut keeper, mut kernel) = (keeper(rules), Kernel::default());
    step(&mut keeper, &mut kernel, at(0), vec![attempt("192.0.2.1", 0, 1)]);
    keeper.set_list(id, listed(&["192.0.2.0/24"]));
    let (notices, _) = step(&mut keeper, &mut kernel, at(1), vec![]);
    let (network, why) = (net("192.0.2.1"), Lifted::Ignored);
    assert_eq!(notices, [Notice::Unbanned { jail: JAIL, network, why }]);
    keeper.keep_lists(&BTreeSet::new());
    let (notices, _) = step(&mut keeper, &mut kernel, at(2), vec![attempt("192.0.2.1", 2, 2)]);
    assert_eq!(banned(&notices), [network]);
}

#[test]
fn whom_a_person_allows_is_let_in_at_once_until_the_time_is_up() {
    let (mut keeper, mut kernel) = (keeper(policy(1, 600, 600)), Kernel::default());
    let events = vec![attempt("192.0.2.1", 0, 1), attempt("192.0.2.2", 0, 2)];
    step(&mut keeper, &mut kernel, at(0), events);
    let minute = Sentence::For(Duration::from_mins(1));
    let asked = allow(None, &["192.0.2.1"], minute);
    let (notices, replies) = step(&mut keeper, &mut kernel, at(1), vec![asked]);
    assert_eq!(answers(&replies), [&Answer::Done(1)], "it has waited for the kernel");
    assert!(matches!(notices[..], [Notice::Allowed { jail: None, .. }, Notice::Unbanned { .. }]));
    assert_eq!(kernel.elements().len(), 1, "the other one stays");

    let (notices, replies) =
        step(&mut keeper, &mut kernel, at(2), vec![attempt("192.0.2.1", 2, 3), order("192.0.2.1")]);
    assert!(matches!(notices[..], [Notice::Ignored { .. }]), "{notices:?}");
    assert!(matches!(&answers(&replies)[..], [Answer::Spared(_, Spared::Within(entry))]
        if entry.by == SparedBy::Hand));

    assert_eq!(keeper.deadline(), Some(at(61)));
    let (notices, _) = step(&mut keeper, &mut kernel, at(61), vec![attempt("192.0.2.1", 61, 4)]);
    let (network, why) = (net("192.0.2.1"), Disallowed::Expired);
    assert_eq!(notices[0], Notice::Disallowed { jail: None, network, why });
    assert_eq!(banned(&notices), [network]);
}

#[test]
fn what_is_allowed_in_one_jail_counts_there_alone_and_ends_where_it_was_allowed() {
    let (mut keeper, mut kernel) = (keeper(policy(1, 600, 600)), Kernel::default());
    keeper.admit(OTHER, policy(1, 600, 600));
    let forever = Sentence::Forever;
    let both = vec![
        allow(Some(OTHER), &["192.0.2.1", "192.0.2.8/29"], forever),
        attempt("192.0.2.1", 0, 1),
    ];
    let (notices, _) = step(&mut keeper, &mut kernel, at(0), both);
    assert_eq!(banned(&notices), [net("192.0.2.1")]);
    let disallow = |jail, network: &str| {
        let networks = vec![net(network)];
        vec![Event::Disallow(DisallowOrder { ticket: Ticket(4), jail, networks })]
    };
    let (_, replies) = step(&mut keeper, &mut kernel, at(1), disallow(Some(JAIL), "192.0.2.0/24"));
    assert_eq!(answers(&replies), [&Answer::Done(0)]);
    let (_, replies) = step(&mut keeper, &mut kernel, at(1), disallow(None, "192.0.2.9"));
    assert_eq!(answers(&replies), [&Answer::Done(0)], "an address of a network is not the network");
    let (_, replies) = step(&mut keeper, &mut kernel, at(1), disallow(None, "192.0.2.0/24"));
    assert_eq!(answers(&replies), [&Answer::Done(2)]);
    assert_eq!(keeper.allowed().count(), 0);
    let nowhere = allow(Some(JailId(7)), &["192.0.2.1"], forever);
    let (_, replies) = step(&mut keeper, &mut kernel, at(1), vec![nowhere]);
    assert_eq!(answers(&replies), [&Answer::NoSuchJail]);
}

#[test]
fn no_more_are_allowed_than_can_be_told() {
    let mut keeper = keeper(policy(1, 600, 600));
    let first = u32::from_be_bytes([10, 0, 0, 0]);
    let networks: Vec<Network> = (0..u32::try_from(MAX_ALLOWED).expect("a number"))
        .map(|n| Network::address(std::net::Ipv4Addr::from_bits(first + n).into()))
        .collect();
    let all = AllowOrder {
        ticket: Ticket(1),
        jail: None,
        networks,
        sentence: Sentence::Forever,
        comment: "".into(),
    };
    let replies = keeper.decide(at(0), [Event::Allow(all)]).replies;
    assert_eq!(answers(&replies), [&Answer::Done(0)]);
    let one_more = allow(None, &["192.0.2.1"], Sentence::Forever);
    let again = allow(None, &["10.0.0.1"], Sentence::Forever);
    let replies = keeper.decide(at(0), [one_more, again]).replies;
    assert_eq!(answers(&replies), [&Answer::TooManyAllowed, &Answer::Done(0)]);
}

#[test]
fn what_is_allowed_comes_back_unless_it_is_over() {
    let mut keeper = keeper(policy(1, 600, 600));
    let hour = Sentence::For(Duration::from_hours(1));
    let events =
        [allow(None, &["192.0.2.1"], hour), allow(Some(JAIL), &["192.0.2.2"], Sentence::Forever)];
    keeper.decide(at(0), events);
    let saved: Vec<_> = keeper
        .take_unsaved()
        .filter_map(|write| match write {
            Write::Allowed(jail, network, allowance) => Some((jail, network, allowance)),
            _ => None,
        })
        .collect();
    assert_eq!(saved.len(), 2);
    let mut reborn = super::keeper(policy(1, 600, 600));
    reborn.restore_allowed(at(3600), saved);
    let left: Vec<_> = reborn.allowed().map(|(jail, network, _)| (jail, network)).collect();
    assert_eq!(left, [(Some(JAIL), net("192.0.2.2"))]);
    assert_eq!(
        reborn.take_unsaved().collect::<Vec<_>>(),
        [Write::NotAllowed(None, net("192.0.2.1"))]
    );
}

#[test]
fn rules_of_users_concern_attempts_and_rules_of_addresses_bans_too() {
    let rule = |user: Option<&str>, networks: &[&str]| IgnoreRule {
        user: user.map(Arc::from),
        networks: (!networks.is_empty()).then(|| listed(networks)),
    };
    let mut rules = policy(1, 600, 60);
    rules.rules = vec![
        rule(Some("backup*"), &["10.0.0.0/8"]),
        rule(Some("monitor"), &[]),
        rule(None, &["192.0.2.0/28"]),
    ];
    let mut keeper = keeper(rules);
    let as_user = |address, user: Option<&str>, sequence| match attempt(address, 0, sequence) {
        Event::Attempt(attempt) => Event::Attempt(Attempt { user: user.map(Arc::from), ..attempt }),
        _ => unreachable!(),
    };
    for (sequence, (address, user, counts)) in [
        ("10.1.1.1", Some("backup7"), false),
        ("10.1.1.1", Some("root"), true),
        ("198.51.100.1", Some("backup7"), true),
        ("198.51.100.2", Some("monitor"), false),
        ("198.51.100.3", None, true),
        ("192.0.2.5", None, false),
    ]
    .into_iter()
    .enumerate()
    {
        let event = as_user(address, user, sequence as u64 + 1);
        let notices = keeper.decide(at(0), [event]).notices;
        assert_eq!(matches!(notices[0], Notice::Found { .. }), counts, "{address} {user:?}");
    }
    assert_eq!(keeper.decide(at(0), [order("198.51.100.2")]).replies, []);
    let replies = keeper.decide(at(0), [order("192.0.2.5")]).replies;
    let told = "address 192.0.2.0/28".to_owned();
    assert_eq!(answers(&replies), [&Answer::Spared(net("192.0.2.5"), Spared::Rule(told))]);
}

#[test]
fn whoever_is_logged_in_is_not_banned_and_is_counted_anew() {
    let (mut keeper, mut kernel) = (keeper(policy(2, 600, 600)), Kernel::default());
    keeper.set_sessions([logged_in("2001:db8::9")]);
    let attempts = |from: u64| (from..from + 2).map(|n| attempt("2001:db8::1", 0, n)).collect();
    let network = net("2001:db8::/64");
    let why = Spared::Session(logged_in("2001:db8::9"));
    for from in [1, 3] {
        let (notices, _) = step(&mut keeper, &mut kernel, at(0), attempts(from));
        let refused = Notice::NotBanned { jail: JAIL, network, why: why.clone(), attempts: 2 };
        assert_eq!(notices[2..], [refused], "the attempts count, and from zero again");
    }
    let (_, replies) = step(&mut keeper, &mut kernel, at(0), vec![order("2001:db8::1")]);
    assert_eq!(answers(&replies), [&Answer::Spared(net("2001:db8::1"), why)]);
    assert_eq!(kernel, Kernel::default());
    keeper.set_sessions([]);
    let (notices, _) = step(&mut keeper, &mut kernel, at(0), attempts(5));
    assert_eq!(banned(&notices), [network]);

    keeper.set_sessions([logged_in("2001:db8::ffff")]);
    let (notices, _) = step(&mut keeper, &mut kernel, at(1), vec![]);
    let why = Lifted::LoggedIn;
    assert_eq!(notices, [Notice::Unbanned { jail: JAIL, network, why }]);
}

#[test]
fn a_jail_may_ban_whoever_is_logged_in() {
    let mut rules = policy(1, 600, 600);
    rules.ignoresessions = false;
    let (mut keeper, mut kernel) = (keeper(rules), Kernel::default());
    keeper.set_sessions([logged_in("192.0.2.1")]);
    let (notices, _) = step(&mut keeper, &mut kernel, at(0), vec![attempt("192.0.2.1", 0, 1)]);
    assert_eq!(banned(&notices), [net("192.0.2.1")]);
    keeper.set_sessions([logged_in("192.0.2.1")]);
    assert_eq!(step(&mut keeper, &mut kernel, at(1), vec![]).0, []);
}

/// Changes who is spared: at once, or by what the next turn is told.
type Turn = fn(&mut Keeper) -> Vec<Event>;

/// Ways in which 198.51.100.99 is spared, and how each is over half a minute later.
const WAYS: [(Turn, Turn); 5] = [
    (|keeper| own(keeper, &["198.51.100.99"]), |keeper| own(keeper, &[])),
    (|keeper| list(keeper, &["198.51.100.99"]), |keeper| list(keeper, &[])),
    (|keeper| sessions(keeper, &["198.51.100.99"]), |keeper| sessions(keeper, &[])),
    (|_| vec![allow(None, &["198.51.100.99"], Sentence::For(Duration::from_secs(30)))], |_| vec![]),
    (
        |_| vec![allow(None, &["198.51.100.99"], Sentence::Forever)],
        |_| {
            let networks = vec![net("198.51.100.99")];
            vec![Event::Disallow(DisallowOrder { ticket: Ticket(4), jail: None, networks })]
        },
    ),
];

fn own(keeper: &mut Keeper, addresses: &[&str]) -> Vec<Event> {
    keeper.set_own_addresses(addresses.iter().map(|text| net(text).first()).collect());
    vec![]
}

fn list(keeper: &mut Keeper, networks: &[&str]) -> Vec<Event> {
    keeper.set_list(ListId::File("/etc/friends".into()), listed(networks));
    vec![]
}

fn sessions(keeper: &mut Keeper, addresses: &[&str]) -> Vec<Event> {
    keeper.set_sessions(addresses.iter().map(|address| logged_in(address)));
    vec![]
}

/// Three banned neighbours are a ban of their network.
fn escalating() -> Policy {
    let prefix = Prefix { ipv4: 24, ipv6: 56 };
    let mut rules = Policy { escalate: Some(Escalate { after: 3, prefix }), ..policy(1, 600, 60) };
    rules.ignore.lists.insert(ListId::File("/etc/friends".into()));
    rules
}

#[test]
fn a_network_is_banned_when_nobody_in_it_is_spared_any_more() {
    let network = net("198.51.100.0/24");
    for (way, (spare, end)) in WAYS.into_iter().enumerate() {
        let (mut keeper, mut kernel) = (keeper(escalating()), Kernel::default());
        // The second time it is told again, since the network was banned in between.
        for (start, sequence) in [(0, 10), (1000, 20)] {
            let mut events = spare(&mut keeper);
            let members = (sequence..sequence + 3).map(|n| (format!("198.51.100.{n}"), n));
            events.extend(members.map(|(address, n)| attempt(&address, start, n)));
            let (notices, _) = step(&mut keeper, &mut kernel, at(start), events);
            let told = notices.iter().filter(|it| matches!(it, Notice::Ignored { .. })).count();
            assert_eq!((told, kernel.0.len()), (1, 3), "way {way}");
            let events = end(&mut keeper);
            let (notices, _) = step(&mut keeper, &mut kernel, at(start + 30), events);
            assert_eq!(banned(&notices), [network], "way {way}");
            let (jail, until) = (JAIL, Until::At(at(start + 90)));
            assert_eq!(kernel.elements(), [Element { jail, network, until }], "way {way}");
        }
    }
}

#[test]
fn what_a_spared_network_comes_to_does_not_depend_on_a_restart() {
    for (way, (spare, end)) in WAYS.into_iter().enumerate() {
        let (mut lives, mut kernel) = (keeper(escalating()), Kernel::default());
        let mut events = spare(&mut lives);
        events.extend((1..4).map(|n| attempt(&format!("198.51.100.{n}"), 0, n)));
        step(&mut lives, &mut kernel, at(0), events);
        let mut disk = Disk::new();
        saved(&mut disk, unsaved(&mut lives));
        let mut reborn = restored(&[(JAIL, escalating())], at(30), &disk);
        let kernels = [&mut lives, &mut reborn].map(|keeper| {
            let (mut kernel, events) = (kernel.clone(), end(keeper));
            step(keeper, &mut kernel, at(30), events);
            kernel
        });
        assert_eq!(kernels[0], kernels[1], "way {way}");
        assert_eq!(kernels[0].0.len(), 1, "way {way}");
    }
}

fn a_network() -> impl Strategy<Value = Network> {
    (any::<u8>(), 0_u8..=32, any::<bool>()).prop_map(|(low, length, wide)| {
        let address = std::net::Ipv4Addr::new(192, 0, if wide { low } else { 2 }, low);
        Network::of(address.into(), Prefix { ipv4: length.max(8), ipv6: 128 })
    })
}

proptest! {
    #[test]
    fn a_list_answers_as_a_look_at_each_entry_does(
        entries in proptest::collection::vec(a_network(), 0..20),
        gone in proptest::collection::vec(any::<prop::sample::Index>(), 0..5),
        asked in a_network(),
    ) {
        let mut list: IgnoreList = entries.iter().copied().collect();
        let mut plain: BTreeSet<Network> = entries.iter().copied().collect();
        for index in gone.iter().filter(|_| !entries.is_empty()) {
            let gone = *index.get(&entries);
            list.remove(gone);
            plain.remove(&gone);
        }
        prop_assert_eq!(list.networks().collect::<BTreeSet<_>>(), plain.clone());
        let around = list.around(asked).map(|(entry, _)| entry);
        prop_assert_eq!(around.is_some(), plain.iter().any(|entry| entry.holds(asked)));
        prop_assert!(around.is_none_or(|entry| entry.holds(asked) && plain.contains(&entry)));
        let within = list.within(asked).map(|(entry, _)| entry);
        let is_within = |entry: &Network| asked.holds(*entry) && *entry != asked;
        prop_assert_eq!(within.is_some(), plain.iter().any(is_within));
    }

    #[test]
    fn nobody_is_banned_who_is_allowed_or_logged_in(
        allowed in proptest::collection::vec(a_network(), 0..4),
        sessions in proptest::collection::vec(a_network(), 0..4),
        attempts in proptest::collection::vec(a_network(), 1..30),
    ) {
        let (mut keeper, mut kernel) = (keeper(policy(1, 600, 600)), Kernel::default());
        let events: Vec<Event> = attempts.iter().zip(1..).map(|(network, sequence)| {
            attempt(&network.first().to_string(), 0, sequence)
        }).collect();
        let (before, after) = events.split_at(events.len() / 2);
        step(&mut keeper, &mut kernel, at(0), before.to_vec());
        let texts: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        keeper.set_sessions(sessions.iter().map(|n| logged_in(&n.first().to_string())));
        step(&mut keeper, &mut kernel, at(0), vec![allow(None, &texts, Sentence::Forever)]);
        step(&mut keeper, &mut kernel, at(0), after.to_vec());
        for Element { network, .. } in kernel.elements() {
            prop_assert!(!allowed.iter().any(|n| n.holds(network) || network.holds(*n)));
            prop_assert!(!sessions.iter().any(|n| network.holds(Network::address(n.first()))));
        }
    }
}
