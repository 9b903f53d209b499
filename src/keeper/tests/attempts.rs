//! What is known of attempts beside their number: accounts, and lines.

use std::sync::Arc;

use super::*;
use crate::keeper::accounts::NAME_BYTES_MAX;
use crate::keeper::evidence::{Evidence, MAX_BYTES};

fn by_user(maxretry: u32, findtime: u64, bantime: u64) -> Policy {
    Policy { count_by: CountBy::User, ..policy(maxretry, findtime, bantime) }
}

fn attempt_as(user: &str, address: &str, seconds: i64, sequence: u64) -> Event {
    told(Some(user), None, (address, seconds, sequence))
}

fn told(
    user: Option<&str>,
    text: Option<&str>,
    (address, seconds, sequence): (&str, i64, u64),
) -> Event {
    let Event::Attempt(attempt) = attempt(address, seconds, sequence) else {
        unreachable!("it is an attempt")
    };
    Event::Attempt(Attempt { user: user.map(Arc::from), text: text.map(Excerpt::from), ..attempt })
}

fn shown(keeper: &Keeper, address: &str) -> Vec<String> {
    keeper.evidence(JAIL, net(address)).map(ToString::to_string).collect()
}

#[test]
fn an_account_that_is_tried_from_many_addresses_bans_who_is_one_too_many() {
    let (mut keeper, mut kernel) = (keeper(by_user(3, 600, 60)), Kernel::default());
    let mut tried = 0;
    let mut bans = |address: &str, seconds| {
        tried += 1;
        let event = attempt_as("root", address, seconds, tried);
        step(&mut keeper, &mut kernel, at(seconds), vec![event]).0
    };
    assert_eq!(banned(&bans("192.0.2.1", 0)), []);
    assert_eq!(banned(&bans("192.0.2.2", 10)), []);
    let notices = bans("192.0.2.3", 20);
    assert!(matches!(
        &notices[1],
        Notice::Banned(Banned { attempts: 3, counted_by: CountBy::User, user: Some(user), .. })
            if &**user == "root"
    ));
    // Each further attempt is too many as well, until only two are young enough.
    assert_eq!(banned(&bans("192.0.2.4", 30)), [net("192.0.2.4")]);
    assert_eq!(banned(&bans("2001:db8::4", 610)), [net("2001:db8::/64")]);
    assert_eq!(banned(&bans("192.0.2.5", 1221)), []);
}

#[test]
fn the_address_counts_as_always_and_comes_first() {
    let (mut keeper, mut kernel) = (keeper(by_user(2, 600, 60)), Kernel::default());
    let events = vec![
        told(None, None, ("192.0.2.1", 0, 1)),
        attempt_as("bob", "192.0.2.1", 1, 2),
        attempt_as("bob", "192.0.2.1", 2, 3),
        attempt_as("bob", "192.0.2.2", 3, 4),
    ];
    let (notices, _) = step(&mut keeper, &mut kernel, at(3), events);
    let counted: Vec<CountBy> = notices
        .iter()
        .filter_map(|n| {
            if let Notice::Banned(Banned { counted_by, .. }) = n { Some(*counted_by) } else { None }
        })
        .collect();
    // What a banned address still does counts nowhere: one attempt on the account of each.
    assert_eq!(counted, [CountBy::Address, CountBy::User]);
}

#[test]
fn nobodys_name_is_no_account() {
    let long = "x".repeat(NAME_BYTES_MAX + 1);
    let users = [None, Some(""), Some(long.as_str())];
    for user in users {
        let (mut keeper, mut kernel) = (keeper(by_user(2, 600, 60)), Kernel::default());
        let events = (1..=9).map(|n| told(user, None, (&format!("192.0.2.{n}"), 0, n))).collect();
        let (notices, _) = step(&mut keeper, &mut kernel, at(0), events);
        assert_eq!(banned(&notices), [], "{user:?}");
    }
}

#[test]
fn the_ignored_count_on_no_account() {
    let mut rules = by_user(2, 600, 60);
    rules.ignore.networks = [net("198.51.100.0/24")].into_iter().collect();
    let (mut keeper, mut kernel) = (keeper(rules), Kernel::default());
    let mut events: Vec<Event> =
        (1..=9).map(|n| attempt_as("bob", &format!("198.51.100.{n}"), 0, n)).collect();
    events.push(attempt_as("bob", "192.0.2.1", 0, 10));
    let (notices, _) = step(&mut keeper, &mut kernel, at(0), events);
    assert_eq!(banned(&notices), []);
}

#[test]
fn without_count_by_user_accounts_do_not_count_and_what_was_counted_is_forgotten() {
    let (mut keeper, mut kernel) = (keeper(by_user(3, 600, 60)), Kernel::default());
    let events = vec![attempt_as("bob", "192.0.2.1", 0, 1), attempt_as("bob", "192.0.2.2", 0, 2)];
    step(&mut keeper, &mut kernel, at(0), events);
    drop(keeper.take_unsaved());
    keeper.admit(JAIL, policy(3, 600, 60));
    assert_eq!(keeper.take_unsaved().collect::<Vec<_>>(), [Write::NoAccount(JAIL, "bob".into())]);
    let event = attempt_as("bob", "192.0.2.3", 0, 3);
    assert_eq!(banned(&step(&mut keeper, &mut kernel, at(0), vec![event]).0), []);
    let of_old = [("bob".into(), vec![at(0), at(0)])];
    keeper.restore_accounts(at(0), JAIL, of_old);
    assert!(keeper.take_unsaved().any(|write| write == Write::NoAccount(JAIL, "bob".into())));
}

#[test]
fn an_account_that_is_tried_without_end_costs_no_more() {
    let (mut keeper, mut kernel) = (keeper(by_user(3, 600, 60)), Kernel::default());
    let many = 2 * u64::from(ACCOUNT_ATTEMPTS_MAX);
    let events = (1..=many)
        .map(|n| attempt_as("root", &format!("10.{}.{}.1", n / 256, n % 256), 0, n))
        .collect();
    step(&mut keeper, &mut kernel, at(0), events);
    let kept = keeper.everything().into_iter().find_map(|write| match write {
        Write::Account(_, _, times) => Some(times.len()),
        _ => None,
    });
    assert_eq!(kept, Some(ACCOUNT_ATTEMPTS_MAX as usize));
}

#[test]
fn the_last_lines_are_kept_with_the_window_and_with_the_ban() {
    let mut rules = policy(3, 600, 60);
    rules.maxmatches = Some(2);
    let (mut keeper, mut kernel) = (keeper(rules), Kernel::default());
    let line = |text, seconds, sequence| told(None, Some(text), ("192.0.2.1", seconds, sequence));
    let early = vec![line("one", 0, 1), line("two", 1, 2)];
    step(&mut keeper, &mut kernel, at(1), early);
    assert_eq!(shown(&keeper, "192.0.2.1"), ["one", "two"]);
    let (notices, _) =
        step(&mut keeper, &mut kernel, at(2), vec![line("three", 2, 3), line("late", 2, 4)]);
    let lines = notices.iter().find_map(|notice| match notice {
        Notice::Banned(Banned { matches, .. }) => Some(matches.clone()),
        _ => None,
    });
    assert_eq!(lines, Some(vec!["two".into(), "three".into()]));
    assert_eq!(shown(&keeper, "192.0.2.1"), ["two", "three"]);
    assert_eq!(shown(&keeper, "192.0.2.2"), [""; 0]);
    step(&mut keeper, &mut kernel, at(62), vec![]);
    assert_eq!(shown(&keeper, "192.0.2.1"), [""; 0], "the ban is over");
    assert!(
        keeper
            .take_unsaved_lines(9)
            .any(|write| write == Write::NoEvidence(JAIL, net("192.0.2.1")))
    );
}

#[test]
fn lines_go_with_their_window() {
    let (mut keeper, mut kernel) = (keeper(policy(3, 600, 60)), Kernel::default());
    let line = |address, seconds, n| told(None, Some("line"), (address, seconds, n));
    step(&mut keeper, &mut kernel, at(0), vec![line("192.0.2.1", 0, 1), line("192.0.2.2", 0, 2)]);
    let networks = Some(vec![net("192.0.2.2")]);
    let forgive = UnbanOrder { ticket: Ticket(1), jail: None, networks };
    step(&mut keeper, &mut kernel, at(1), vec![Event::Unban(forgive)]);
    assert_eq!(shown(&keeper, "192.0.2.2"), [""; 0], "forgiven by hand");
    assert_eq!(shown(&keeper, "192.0.2.1"), ["line"]);
    step(&mut keeper, &mut kernel, at(601), vec![line("192.0.2.3", 601, 3)]);
    assert_eq!(shown(&keeper, "192.0.2.1"), [""; 0], "too old");
    let mut rules = policy(3, 600, 60);
    rules.maxmatches = Some(0);
    keeper.admit(JAIL, rules);
    assert_eq!(shown(&keeper, "192.0.2.3"), [""; 0], "none is wanted any more");
}

#[test]
fn lines_are_bounded_and_the_oldest_offenders_go_first() {
    let mut evidence = Evidence::default();
    let text = "x".repeat(1 << 20);
    let offender = |n: u32| Network::address(IpAddr::from(n.to_be_bytes()));
    let most = u32::try_from(MAX_BYTES >> 20).expect("fits");
    for n in 0..most {
        evidence.add(offender(n), at(i64::from(n)), &text, 5);
    }
    evidence.add(offender(1), at(100), &text, 5);
    let kept: Vec<usize> = (0..most).map(|n| evidence.of(offender(n)).count()).collect();
    assert_eq!(kept[..4], [0, 2, 0, 1]);
    assert_eq!(kept.iter().sum::<usize>(), most as usize - 1);
}

/// Who is banned when, by counting all attempts anew each time.
fn brute_force_with_accounts(
    attempts: &[(u8, u8, i64)],
    maxretry: usize,
    findtime: i64,
) -> Vec<(usize, u8)> {
    let mut bans = Vec::new();
    let mut counted: Vec<(u8, u8, i64)> = Vec::new();
    for (index, (who, user, time)) in attempts.iter().enumerate() {
        if bans.iter().any(|(_, banned)| banned == who) {
            continue;
        }
        counted.push((*who, *user, *time));
        let young = || counted.iter().filter(|(_, _, then)| time - then <= findtime);
        let by_address = young().filter(|(other, ..)| other == who).count();
        let on_account = young().filter(|(_, other, _)| other == user).count();
        // User 0 is one that the record does not name.
        if by_address >= maxretry || (*user != 0 && on_account >= maxretry) {
            bans.push((index, *who));
        }
    }
    bans
}

fn attempts_with_users() -> impl Strategy<Value = Vec<(u8, u8, i64)>> {
    prop::collection::vec((0..9_u8, 0..3_u8, 0..40_i64), 0..120).prop_map(|steps| {
        let mut time = 0;
        let step = |(who, user, wait): (u8, u8, i64)| {
            time += wait / 4;
            (who, user, time)
        };
        steps.into_iter().map(step).collect()
    })
}

fn event(index: usize, (who, user, time): (u8, u8, i64)) -> Event {
    let user = (user != 0).then(|| format!("user{user}"));
    let line = format!("line {index}");
    let record = (&*format!("192.0.2.{who}"), time, index as u64 + 1);
    told(user.as_deref(), Some(&line), record)
}

proptest! {
    #[test]
    fn the_window_of_an_account_is_exact(
        attempts in attempts_with_users(), maxretry in 1..6_u32, findtime in 0..30_u64,
    ) {
        let mut rules = by_user(maxretry, findtime, 0);
        rules.bantime = Sentence::Forever;
        let (mut keeper, mut kernel) = (keeper(rules), Kernel::default());
        let mut bans = Vec::new();
        for (index, attempt) in attempts.iter().enumerate() {
            let events = vec![event(index, *attempt)];
            let (notices, _) = step(&mut keeper, &mut kernel, at(1_000_000), events);
            bans.extend(banned(&notices).into_iter().map(|network| (index, network)));
        }
        let findtime = i64::try_from(findtime).expect("small");
        let expected: Vec<(usize, Network)> =
            brute_force_with_accounts(&attempts, maxretry as usize, findtime)
                .into_iter()
                .map(|(index, who)| (index, net(&format!("192.0.2.{who}"))))
                .collect();
        prop_assert_eq!(bans, expected);
    }

    #[test]
    fn a_restart_forgets_nothing_of_attempts(
        attempts in attempts_with_users(), restart in 0..120_usize, bantime in 1..60_u64,
    ) {
        let rules = by_user(3, 20, bantime);
        let restart = restart.min(attempts.len());
        let (mut straight, mut kernel) = (keeper(rules.clone()), Kernel::default());
        let mut disk = Disk::new();
        let mut now = at(0);
        for (index, attempt) in attempts[..restart].iter().enumerate() {
            now = at(attempt.2);
            step(&mut straight, &mut kernel, now, vec![event(index, *attempt)]);
            saved(&mut disk, unsaved(&mut straight));
        }
        let mut whole = Disk::new();
        saved(&mut whole, straight.everything());
        prop_assert_eq!(&disk, &whole, "what is saved bit by bit is everything");
        // Lines are there for a ban or a window, and for nothing else.
        let missing = |(kind, jail, net): &&DiskKey| {
            let is_there = |kind| disk.contains_key(&(kind, *jail, net.clone()));
            *kind == "evidence" && !is_there("ban") && !is_there("window")
        };
        prop_assert_eq!(disk.keys().find(missing), None);

        let mut reborn = restored(&[(JAIL, rules)], now, &disk);
        reborn.restore_place(SourceId(0), restart as u64);
        let decisions = reborn.audit(now, &kernel.elements(), true);
        reborn.settle(now, &decisions.changes, &kernel.take(&decisions.changes));
        for (index, attempt) in attempts.iter().enumerate().skip(restart) {
            let (now, mut its_kernel) = (at(attempt.2), kernel.clone());
            let events = || vec![event(index, *attempt)];
            let (told, _) = step(&mut reborn, &mut kernel, now, events());
            prop_assert_eq!(&told, &step(&mut straight, &mut its_kernel, now, events()).0);
        }
        prop_assert_eq!(reborn.everything(), straight.everything());
    }
}
