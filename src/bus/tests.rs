use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future;
use zbus::object_server::Interface as _;

use super::access::{METHODS, Right};
use super::answer::answer;
use super::manager::Manager;
use super::outbox::{MAX_ANNOUNCEMENTS, MAX_ASIDES, Outbox, Parcel};
use super::places::{Places, Shared};
use super::{Announcement, BusAnswer, Calls, Failure, Link, Request, Snapshot, jail_path};
use crate::keeper::{Answer, Network, Spared, Until};

#[test]
fn a_jails_path_is_escaped_as_systemd_does_it() {
    let cases = [
        ("sshd", "sshd"),
        ("nginx-http-auth", "nginx_2dhttp_2dauth"),
        ("a_b", "a_5fb"),
        ("3proxy", "_33proxy"),
        ("web2", "web2"),
        ("", "_"),
        ("é", "_c3_a9"),
    ];
    for (name, label) in cases {
        assert_eq!(jail_path(name), format!("/org/jailkeeper1/jail/{label}"), "{name}");
    }
}

#[test]
fn an_answer_finds_its_way_from_another_thread() {
    let (sender, receiver) = answer();
    let loop_thread = std::thread::spawn(move || sender.send(BusAnswer::Done(3)));
    assert_eq!(zbus::block_on(receiver), Some(BusAnswer::Done(3)));
    loop_thread.join().expect("no panic");

    let (sender, receiver) = answer();
    drop(sender);
    assert_eq!(zbus::block_on(receiver), None);
}

#[test]
fn the_keepers_answers_are_the_callers() {
    let network: Network = "192.0.2.1".parse().expect("an address");
    let cases = [
        (Answer::Done(2), BusAnswer::Done(2)),
        (Answer::NoSuchJail, BusAnswer::Failed(Failure::NoSuchJail)),
        (
            Answer::Spared(network, Spared::OwnAddress),
            BusAnswer::Failed(Failure::Ignored(network, Spared::OwnAddress)),
        ),
        (Answer::TooWide(network, 16), BusAnswer::Failed(Failure::TooWide(network, 16))),
        (Answer::Refused("no".into()), BusAnswer::Failed(Failure::Refused("no".into()))),
    ];
    for (from, to) in cases {
        assert_eq!(BusAnswer::from(from), to);
    }
}

fn snapshot(state: &str) -> Arc<Snapshot> {
    let (version, jails) = ("1".to_owned(), [].into());
    Arc::new(Snapshot { version, state: state.to_owned(), jails })
}

fn banned(attempts: u32) -> Announcement {
    let offender = "192.0.2.1".parse().expect("an address");
    Announcement::Banned { jail: "sshd".into(), offender, until: Until::Forever, attempts }
}

#[test]
fn only_the_last_snapshot_counts_but_every_announcement() {
    let outbox = Outbox::default();
    for state in ["second", "third"] {
        outbox.publish(snapshot(state));
    }
    outbox.announce(banned(1)).expect("there is room");
    outbox.announce(banned(2)).expect("there is room");
    let parcel = zbus::block_on(outbox.next());
    assert_eq!(parcel.snapshot, Some(snapshot("third")));
    assert_eq!(parcel.announcements, [banned(1), banned(2)]);

    // What could not be sent stands before what has come since.
    outbox.announce(banned(3)).expect("there is room");
    outbox.put_back([banned(2)].into());
    outbox.close();
    let Parcel { snapshot: none, announcements, closing } = zbus::block_on(outbox.next());
    assert_eq!((none, closing), (None, true));
    assert_eq!(announcements, [banned(2), banned(3)]);
}

#[test]
fn a_snapshot_that_says_nothing_new_wakes_nobody() {
    let outbox = Outbox::default();
    outbox.publish(snapshot("first"));
    assert_eq!(zbus::block_on(outbox.next()).snapshot, Some(snapshot("first")));
    outbox.publish(snapshot("first"));
    assert!(zbus::block_on(future::poll_once(outbox.next())).is_none());
}

fn found() -> Announcement {
    let offender = "192.0.2.1".parse().expect("an address");
    let time = crate::keeper::Timestamp::from_seconds(1);
    let (jail, user) = ("sshd".into(), String::new());
    Announcement::Found { jail, offender, user, time, banned: false }
}

#[test]
fn a_flood_of_attempts_costs_no_signal_of_a_ban_and_the_gap_is_told() {
    let outbox = Outbox::default();
    for _ in 0..MAX_ASIDES {
        outbox.announce(found()).expect("there is room");
    }
    for so_far in 1..=3 {
        assert_eq!(outbox.announce(found()).expect_err("there is none").so_far, so_far);
    }
    for attempts in 0..MAX_ANNOUNCEMENTS {
        outbox.announce(banned(u32::try_from(attempts).expect("few"))).expect("there is room");
    }
    assert_eq!(outbox.announce(banned(0)).expect_err("there is none").so_far, 4);

    let mut unsent = zbus::block_on(outbox.next()).announcements;
    assert_eq!(unsent.len(), MAX_ASIDES + MAX_ANNOUNCEMENTS + 1);
    assert_eq!(unsent.back(), Some(&Announcement::Missed { signals: 4 }));
    // What comes back takes its room again.
    unsent.truncate(MAX_ASIDES);
    outbox.put_back(unsent);
    outbox.announce(found()).expect_err("there is no room");
    outbox.announce(banned(1)).expect("there is room");
    let sent = zbus::block_on(outbox.next()).announcements;
    assert_eq!(sent.back(), Some(&Announcement::Missed { signals: 1 }));
    outbox.announce(found()).expect("there is room again");
    // Who knows that it is not worth sending says so himself.
    outbox.leave_out();
    let sent = zbus::block_on(outbox.next()).announcements;
    assert_eq!(sent, [found(), Announcement::Missed { signals: 1 }]);
}

#[test]
fn a_new_connection_shows_the_last_snapshot_and_is_not_told_it_again() {
    let outbox = Outbox::default();
    outbox.publish(snapshot("first"));
    outbox.publish(snapshot("second"));
    assert_eq!(zbus::block_on(outbox.latest()), Some(snapshot("second")));
    outbox.close();
    assert_eq!(zbus::block_on(outbox.next()).snapshot, None);
}

#[test]
fn who_waits_for_the_first_snapshot_gets_none_when_the_service_stops_before() {
    let outbox = Outbox::default();
    outbox.close();
    assert_eq!(zbus::block_on(outbox.latest()), None);
}

#[test]
fn who_waits_to_connect_again_is_woken_when_the_service_stops() {
    let outbox = Arc::new(Outbox::default());
    assert!(!outbox.closes_within(Duration::from_millis(1)));
    let waiting = Arc::clone(&outbox);
    let thread = std::thread::spawn(move || waiting.closes_within(Duration::from_mins(10)));
    outbox.close();
    assert!(thread.join().expect("no panic"));
}

/// Nobody's desk.
struct Nobody;

impl Calls for Nobody {
    fn request(&self, request: Request) -> Result<(), Request> {
        Err(request)
    }

    fn link(&self, _link: Link) {}
}

/// What stands in `text` between each `before` and the next quotation mark.
fn between<'a>(text: &'a str, before: &str) -> BTreeSet<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn each_method_says_what_it_asks_of_its_caller() {
    let mut xml = String::new();
    Manager::new(Arc::new(Nobody), snapshot("")).introspect_to_writer(&mut xml, 0);
    let ruled: BTreeSet<&str> = METHODS.iter().map(|(name, _)| *name).collect();
    assert_eq!(between(&xml, "<method name=\""), ruled, "access.rs has the table");
}

#[test]
fn everybody_may_send_what_polkit_decides_and_nothing_else() {
    let policy = include_str!("../../packaging/dbus/org.jailkeeper1.conf");
    let (_, default) = policy.split_once("<policy context=\"default\">").expect("a default policy");
    let changes =
        |(name, right): &(&'static str, Right)| matches!(right, Right::Change(_)).then_some(*name);
    let changing: BTreeSet<&str> = METHODS.iter().filter_map(changes).collect();
    assert_eq!(between(default, "send_member=\""), changing);
    assert_eq!(default.matches("<allow").count(), changing.len());
}

#[test]
fn polkit_knows_each_action() {
    let policy = include_str!("../../packaging/polkit/org.jailkeeper1.policy");
    let known = between(policy, "<action id=\"");
    let owned = policy.matches("unix-user:jailkeeper").count();
    assert_eq!(owned, known.len(), "polkit answers only an action's owner");
    for (method, right) in METHODS {
        if let Right::Change(action) = right {
            assert!(known.contains(action), "{method} asks about {action}");
        }
    }
}

#[test]
fn a_place_is_free_again_when_its_call_is_done() {
    let places = Places::default();
    let all: Vec<_> = (0..16).map(|_| places.take(Shared::User(1000))).collect();
    assert!(all.iter().all(Option::is_some));
    assert!(places.take(Shared::User(1000)).is_none(), "the user has all of his");
    assert!(places.take(Shared::User(1001)).is_some(), "others have their own");
    drop(all);
    assert!(places.take(Shared::User(1000)).is_some());

    let most = places.take_many(Shared::Bytes, 64 << 20).expect("nobody else has any");
    assert!(places.take_many(Shared::Bytes, 1).is_none());
    drop(most);
    assert!(places.take_many(Shared::Bytes, usize::MAX).is_none());
    assert!(places.take_many(Shared::Bytes, 1).is_some());
}
