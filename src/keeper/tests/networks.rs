//! Networks in the ledger: by record, by hand, by escalation.

use super::*;

/// Two attempts are a ban of a minute, three banned neighbours one of their network.
fn escalating() -> Policy {
    let prefix = Prefix { ipv4: 24, ipv6: 56 };
    Policy { escalate: Some(Escalate { after: 3, prefix }), ..policy(1, 600, 60) }
}

fn order(ticket: u64, networks: &[&str], seconds: u64) -> Event {
    Event::Ban(BanOrder {
        ticket: Ticket(ticket),
        jail: JAIL,
        networks: networks.iter().map(|text| net(text)).collect(),
        sentence: Some(Sentence::For(Duration::from_secs(seconds))),
    })
}

fn unban(ticket: u64, text: &str) -> Event {
    let networks = Some(vec![net(text)]);
    Event::Unban(UnbanOrder { ticket: Ticket(ticket), jail: None, networks })
}

fn kept_out(kernel: &Kernel) -> Vec<(String, Until)> {
    kernel.0.iter().map(|((_, network), until)| (network.to_string(), *until)).collect()
}

fn until(seconds: i64) -> Until {
    Until::At(at(seconds))
}

#[test]
fn enough_banned_neighbours_are_a_ban_of_their_network_in_one_stroke() {
    let (mut keeper, mut kernel) = (keeper(escalating()), Kernel::default());
    let mut longer = escalating();
    longer.bantime = Sentence::For(Duration::from_secs(30));
    for (sequence, address) in [(1, "198.51.100.7"), (2, "198.51.100.8"), (3, "198.51.101.9")] {
        step(&mut keeper, &mut kernel, at(0), vec![attempt(address, 0, sequence)]);
    }
    keeper.admit(JAIL, longer);
    let decisions = keeper.decide(at(1), [attempt("198.51.100.200", 1, 4)]);
    let network = net("198.51.100.0/24");
    let lift = |text| Change::Lift { jail: JAIL, network: net(text) };
    let mut lifts = vec![lift("198.51.100.7"), lift("198.51.100.8"), lift("198.51.100.200")];
    lifts.insert(0, Change::Ban { jail: JAIL, network, until: until(60) });
    assert_eq!(decisions.changes, lifts, "for as long as a member had left");
    let outcome = kernel.take(&decisions.changes);
    let notices = keeper.settle(at(1), &decisions.changes, &outcome).notices;
    let (attempts, members) = (3, 3);
    let gone = |text| Notice::Unbanned { jail: JAIL, network: net(text), why: Lifted::Escalated };
    let expected = [
        Notice::Banned(Banned {
            jail: JAIL,
            network,
            until: until(60),
            attempts,
            members,
            news: News::New,
            nth: 1,
            user: None,
            counted_by: CountBy::Address,
            matches: vec![],
        }),
        gone("198.51.100.7"),
        gone("198.51.100.8"),
    ];
    assert_eq!(notices, expected, "of the last one nobody had heard");
    let kept = [("198.51.100.0/24".to_owned(), until(60)), ("198.51.101.9".to_owned(), until(60))];
    assert_eq!(kept_out(&kernel), kept);

    let (notices, _) = step(&mut keeper, &mut kernel, at(2), vec![attempt("198.51.100.9", 2, 5)]);
    assert!(matches!(notices.as_slice(), [Notice::Found { banned: true, .. }]), "{notices:?}");
    let (_, replies) = step(&mut keeper, &mut kernel, at(2), vec![unban(1, "198.51.100.9")]);
    assert_eq!(replies[0].answer, Answer::Done(1), "the network that holds the address");
    assert_eq!(kept_out(&kernel), kept[1..]);
}

#[test]
fn bans_by_hand_and_of_ipv6_escalate_too_and_the_caller_is_answered() {
    let (mut keeper, mut kernel) = (keeper(escalating()), Kernel::default());
    let neighbours = ["2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:ff::1"];
    let (notices, replies) =
        step(&mut keeper, &mut kernel, at(0), vec![order(1, &neighbours, 600)]);
    assert_eq!(replies, [Reply { ticket: Ticket(1), answer: Answer::Done(3) }]);
    assert_eq!(banned(&notices), [net("2001:db8::/56")]);
    assert_eq!(kept_out(&kernel), [("2001:db8::/56".to_owned(), until(600))]);
}

#[test]
fn who_is_spared_keeps_the_network_from_being_banned_and_that_is_told_once() {
    let own = |text: &str| [text.parse::<IpAddr>().expect("an address")].into_iter().collect();
    for (why, ignore) in [
        (Spared::HoldsOwnAddress(net("198.51.100.99")), vec![]),
        (
            Spared::Holds(Entry {
                network: net("198.51.100.5"),
                name: None,
                file: None,
                by: SparedBy::IgnoreIp,
            }),
            vec![net("198.51.100.5")],
        ),
    ] {
        let mut rules = escalating();
        rules.ignore.networks = ignore.into_iter().collect();
        let (mut keeper, mut kernel) = (keeper(rules.clone()), Kernel::default());
        keeper.set_own_addresses(own("198.51.100.99"));
        let mut told = Vec::new();
        for n in 10..16 {
            let event = attempt(&format!("198.51.100.{n}"), 0, n);
            told.extend(step(&mut keeper, &mut kernel, at(0), vec![event]).0);
        }
        told.retain(|notice| matches!(notice, Notice::Ignored { .. }));
        let network = net("198.51.100.0/24");
        assert_eq!(told, [Notice::Ignored { jail: JAIL, network, why }]);
        assert_eq!(kernel.0.len(), 6);
        // Once nobody is spared, a reload looks at all of them again.
        keeper.set_own_addresses(own("203.0.113.1"));
        keeper.admit(JAIL, escalating());
        let (notices, _) = step(&mut keeper, &mut kernel, at(1), vec![]);
        assert_eq!(banned(&notices), [network]);
        assert_eq!(kernel.0.len(), 1);
    }
}

#[test]
fn restored_bans_escalate_and_what_a_network_covers_is_forgotten() {
    let mut keeper = keeper(escalating());
    let record =
        |end| BanRecord { since: at(0), until: until(end), attempts: 2, nth: 1, enforced: true };
    let bans = [
        (net("192.0.2.7"), record(500)),
        (net("192.0.2.0/24"), record(300)),
        (net("192.0.2.8"), record(300)),
        (net("198.51.100.1"), record(100)),
        (net("198.51.100.2"), record(200)),
        (net("198.51.100.3"), record(100)),
    ];
    keeper.restore(at(10), JAIL, bans, []);
    let mut kernel = Kernel::default();
    for (network, _) in bans {
        kernel.0.insert((JAIL, network), until(100));
    }
    let decisions = keeper.audit(at(10), &kernel.elements(), true);
    let outcome = kernel.take(&decisions.changes);
    let notices = keeper.settle(at(10), &decisions.changes, &outcome).notices;
    let kept = [("192.0.2.0/24", 300), ("192.0.2.7", 500), ("198.51.100.0/24", 200)];
    assert_eq!(kept_out(&kernel), kept.map(|(text, end)| (text.to_owned(), until(end))));
    let escalated = |notice: &&Notice| matches!(notice, Notice::Banned(Banned { members: 3, .. }));
    assert_eq!(notices.iter().filter(escalated).count(), 1, "{notices:?}");
    let writes: Vec<Write> = keeper.take_unsaved().collect();
    for text in ["192.0.2.8", "198.51.100.1", "198.51.100.2", "198.51.100.3"] {
        assert!(writes.contains(&Write::NoBan(JAIL, net(text))), "{text}: {writes:?}");
    }
}

#[test]
fn a_record_may_name_a_network_but_none_wider_than_max_prefix() {
    let (mut keeper, mut kernel) = (keeper(policy(1, 600, 60)), Kernel::default());
    let events = vec![
        attempt("198.51.100.0/24", 0, 1),
        attempt("198.51.0.0/15", 0, 2),
        attempt("2001:db8::/31", 0, 3),
        attempt("2001:db8::/96", 0, 4),
    ];
    let (notices, _) = step(&mut keeper, &mut kernel, at(0), events);
    assert_eq!(banned(&notices), [net("198.51.100.0/24"), net("2001:db8::/64")]);
    let ignored = |text: &str, bound| {
        let (network, why) = (net(text), Spared::TooWide(bound));
        Notice::Ignored { jail: JAIL, network, why }
    };
    assert!(notices.contains(&ignored("198.50.0.0/15", 16)), "{notices:?}");
    assert!(notices.contains(&ignored("2001:db8::/31", 32)), "{notices:?}");
    for (text, bound) in [("0.0.0.0/0", 16), ("::/0", 32), ("10.0.0.0/15", 16)] {
        let (_, replies) = step(&mut keeper, &mut kernel, at(0), vec![order(1, &[text], 60)]);
        assert_eq!(replies[0].answer, Answer::TooWide(net(text), bound));
    }
}

#[test]
fn a_member_that_is_to_stay_out_for_longer_stays_out_for_longer() {
    let (mut keeper, mut kernel) = (keeper(policy(1, 600, 60)), Kernel::default());
    let orders = vec![
        order(1, &["192.0.2.1"], 100),
        order(2, &["192.0.2.2"], 50),
        order(3, &["192.0.2.0/24"], 70),
        order(4, &["192.0.2.3"], 60),
        order(5, &["192.0.2.4"], 200),
    ];
    let answers = [1, 1, 1, 0, 1].map(Answer::Done);
    for (order, answer) in orders.into_iter().zip(answers) {
        let (_, replies) = step(&mut keeper, &mut kernel, at(0), vec![order]);
        assert_eq!(replies[0].answer, answer);
    }
    let kept = [("192.0.2.0/24", 70), ("192.0.2.1", 100), ("192.0.2.4", 200)];
    assert_eq!(kept_out(&kernel), kept.map(|(text, end)| (text.to_owned(), until(end))));
    step(&mut keeper, &mut kernel, at(70), vec![]);
    assert_eq!(kernel.0.len(), 2);
}

#[test]
fn bans_that_no_longer_fit_are_lifted() {
    let (mut keeper, mut kernel) = (keeper(policy(1, 600, 60)), Kernel::default());
    let networks = ["10.1.0.0/16", "192.0.2.0/24", "192.0.3.1", "2001:db8::/48"];
    step(&mut keeper, &mut kernel, at(0), vec![order(1, &networks, 60)]);
    let prefix = Prefix { ipv4: 30, ipv6: 64 };
    let max_prefix = Prefix { ipv4: 20, ipv6: 56 };
    keeper.admit(JAIL, Policy { prefix, max_prefix, ..policy(1, 600, 60) });
    let (notices, _) = step(&mut keeper, &mut kernel, at(1), vec![]);
    let why = Lifted::PrefixChanged;
    let lifted = ["10.1.0.0/16", "192.0.3.1", "2001:db8::/48"].map(|text| Notice::Unbanned {
        jail: JAIL,
        network: net(text),
        why,
    });
    assert_eq!(notices, lifted);
    assert_eq!(kept_out(&kernel), [("192.0.2.0/24".to_owned(), until(60))]);
}

/// What may happen to a jail, and how long after the last.
fn happenings() -> impl Strategy<Value = Vec<(u8, u8, u8, i64)>> {
    // What; in which /24; where in it; after how many seconds.
    prop::collection::vec((0..10_u8, 0..2_u8, 0..12_u8, 0..9_i64), 0..120)
}

fn happening((what, third, last, _): (u8, u8, u8, i64), now: i64, sequence: u64) -> Event {
    let address = format!("192.0.{third}.{}", last * 20);
    match what {
        0..=5 => attempt(&address, now, sequence),
        6 => attempt(&format!("{address}/{}", 22 + last % 11), now, sequence),
        7 => order(sequence, &[&format!("{address}/{}", 21 + last % 11)], 5 + u64::from(last) * 10),
        8 => order(sequence, &[&address], u64::from(last) * 12 + 1),
        _ => unban(sequence, &format!("{address}/{}", 32 - last % 3)),
    }
}

proptest! {
    #[test]
    fn whatever_happens_nothing_covered_is_held_and_the_kernel_has_what_the_ledger_has(
        happenings in happenings(), troubles in prop::collection::vec(0..6_u8, 120),
    ) {
        let (mut keeper, mut kernel) = (keeper(escalating()), Kernel::default());
        let mut now = 0;
        for ((index, it), trouble) in happenings.into_iter().enumerate().zip(troubles) {
            now += it.3;
            let changes = keeper.decide(at(now), [happening(it, now, index as u64 + 1)]).changes;
            let outcome = match trouble {
                0 => Outcome::Failed { reason: "busy".into() },
                1 if !changes.is_empty() => {
                    kernel.take(&changes[1..]);
                    Outcome::Applied { refused: vec![(0, "no".into())] }
                }
                _ => kernel.take(&changes),
            };
            keeper.settle(at(now), &changes, &outcome);
            let bans: Vec<(Network, Until)> = ledger(&keeper);
            for (wide, end) in &bans {
                let mut covered = bans.iter().filter(|(network, until)| {
                    wide != network && wide.holds(*network) && until <= end
                });
                prop_assert_eq!(covered.next(), None, "within {}", wide);
            }
            for third in 0..2 {
                let whole = net(&format!("192.0.{third}.0/24"));
                let members = bans.iter().filter(|(n, _)| *n != whole && whole.holds(*n));
                prop_assert!(members.count() < 3, "{:?}", bans);
            }
        }
        for wait in [30, 120] {
            step(&mut keeper, &mut kernel, at(now + wait), vec![]);
        }
        let has = kernel.0.iter().map(|((_, network), until)| (*network, *until));
        prop_assert_eq!(has.collect::<Vec<_>>(), ledger(&keeper));
    }
}

fn ledger(keeper: &Keeper) -> Vec<(Network, Until)> {
    let ban = |write| match write {
        Write::Ban(_, network, ban) => Some((network, ban.until)),
        _ => None,
    };
    keeper.everything().into_iter().filter_map(ban).collect()
}
