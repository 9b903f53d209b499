//! Callers who may not, and callers who want too much, on a real dbus-daemon.

use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;

use futures_lite::{StreamExt as _, future};
use jailkeeper::bus::{Announcement, Bus, BusAnswer, Call, MANAGER, MAX_ARGUMENTS, NAME, PATH};
use jailkeeper::keeper::Until;
use zbus::connection::Builder;
use zbus::message::Flags;
use zbus::{Connection, MessageStream};

use crate::bus::{ask, client, error_name, row, run, served};
use crate::support::dbus::{PrivateBus, answering};
use crate::support::flood::{Flood, HOSTILE, PLAIN, WITHOUT_END};
use crate::support::house::House;

/// Another user than [`HOSTILE`] that every system has, and who may nothing: bin.
const OTHER: u32 = 2;

/// A client of the bus that is not root.
async fn client_as(stream: UnixStream, user: u32) -> Connection {
    stream.set_nonblocking(true).expect("a socket");
    Builder::unix_stream(stream).user_id(user).build().await.expect("a client of the bus")
}

/// A service that does all it is asked, and has so many bans.
fn obliging(bus: &PrivateBus, bans: usize) -> Bus {
    served(
        bus,
        answering(move |call| {
            Some(match call {
                Call::ListBans { .. } => {
                    BusAnswer::Bans(vec![row("sshd", "192.0.2.1", Until::Forever); bans])
                }
                _ => BusAnswer::Done(1),
            })
        }),
    )
}

#[test]
fn without_polkit_only_root_may_change_anything() {
    let bus = PrivateBus::start();
    let service = served(
        &bus,
        answering(|call| {
            assert!(matches!(call, Call::ListBans { .. }), "{call:?}");
            Some(BusAnswer::Bans(Vec::new()))
        }),
    );
    let stream = bus.connect_as(HOSTILE, &[]);
    run(async move {
        let client = client_as(stream, HOSTILE).await;
        for (method, error) in [
            ("Ban", ask(&client, "Ban", &("sshd", vec!["192.0.2.1"], 0i64)).await),
            ("Unban", ask(&client, "Unban", &("sshd", vec!["192.0.2.1"])).await),
            ("Reload", ask(&client, "Reload", &()).await),
            // Nobody learns more by arguments that are wrong.
            ("Ban", ask(&client, "Ban", &1u8).await),
        ] {
            let told = error.as_ref().expect_err(method).to_string();
            assert!(told.contains("is polkitd installed"), "{method}: {told}");
            assert_eq!(error_name(error), "org.freedesktop.DBus.Error.AccessDenied", "{method}");
        }
        ask(&client, "ListBans", &"").await.expect("this bus lets everybody read");
    });
    service.close();
}

/// The policy that is installed, on a bus whose service runs as root, and where nothing else is
/// allowed, as on the system bus.
fn installed_policy() -> String {
    let file = include_str!("../packaging/dbus/org.jailkeeper1.conf");
    let (_, policies) = file.split_once("<busconfig>").expect("the root element");
    let (policies, _) = policies.split_once("</busconfig>").expect("its end");
    let policies = policies.replace("user=\"jailkeeper\"", "user=\"root\"");
    let closed = r#"<policy context="default"><deny send_destination="org.jailkeeper1"/></policy>"#;
    format!("{closed}{policies}")
}

#[test]
fn reading_and_signals_are_for_root_and_adm() {
    let bus = PrivateBus::with_policy(&installed_policy());
    let service = obliging(&bus, 1);
    let adm = nix::unistd::Group::from_name("adm").expect("a list of groups").expect("adm");
    let (nobody, member) =
        (bus.connect_as(HOSTILE, &[]), bus.connect_as(OTHER, &[OTHER, adm.gid.as_raw()]));
    let (ready, listening) = mpsc::channel();
    let heard = thread::spawn(move || {
        run(async move {
            let nobody = client_as(nobody, HOSTILE).await;
            let member = client_as(member, OTHER).await;
            for (method, what) in [("ListBans", "a reading method"), ("Nonsense", "another one")] {
                let refused = error_name(ask(&nobody, method, &"").await);
                assert_eq!(refused, "org.freedesktop.DBus.Error.AccessDenied", "{what}");
            }
            ask(&member, "ListBans", &"").await.expect("members of adm may read");
            let properties = Some("org.freedesktop.DBus.Properties");
            let read = async |who: &Connection| {
                who.call_method(Some(NAME), PATH, properties, "GetAll", &MANAGER).await
            };
            read(&member).await.expect("members of adm may read");
            let refused = error_name(read(&nobody).await);
            assert_eq!(refused, "org.freedesktop.DBus.Error.AccessDenied");

            let rule = "type='signal',interface='org.jailkeeper1.Manager'";
            let signals = async |who| MessageStream::for_match_rule(rule, who, None).await;
            let mut told = signals(&member).await.expect("a subscription");
            let mut untold = signals(&nobody).await.expect("a subscription");
            ready.send(()).expect("the test waits");
            told.next().await.expect("a message").expect("the signal");
            // What the bus had for him would stand before this answer.
            let bus = Some("org.freedesktop.DBus");
            nobody.call_method(bus, "/", bus, "GetId", &()).await.expect("the bus answers");
            assert!(future::poll_once(untold.next()).await.is_none(), "nobody else is told");
        });
    });
    listening.recv().expect("both listen");
    let offender = "192.0.2.1".parse().expect("an address");
    let banned =
        Announcement::Banned { jail: "sshd".into(), offender, until: Until::Forever, attempts: 5 };
    service.announce(banned).expect("there is room");
    heard.join().expect("no panic");
    service.close();
}

#[test]
fn what_is_too_long_is_not_even_read() {
    let bus = PrivateBus::start();
    let service = obliging(&bus, 0);
    let (address, stream) = (bus.address(), bus.connect_as(HOSTILE, &[]));
    run(async move {
        for client in [client(address).await, client_as(stream, HOSTILE).await] {
            let long = "9".repeat(MAX_ARGUMENTS);
            let error = ask(&client, "Ban", &("sshd", vec![long.as_str()], 0i64)).await;
            assert_eq!(error_name(error), "org.jailkeeper1.Error.TooMany");
            // Shorter than that, but for all the addresses a call may name.
            let longest = "0000:0000:0000:0000:0000:ffff:255.255.255.255/128";
            let list = vec![longest; jailkeeper::bus::MAX_ADDRESSES + 1];
            let error = ask(&client, "Ban", &("sshd", list, 0i64)).await;
            let name = error_name(error);
            assert!(name.ends_with("TooMany") || name.ends_with("AccessDenied"), "{name}");
        }
    });
    service.close();
}

/// Has everybody else's calls answered while `flood` goes on.
fn others_are_served_during(flood: Flood) {
    let bus = PrivateBus::start();
    let service = obliging(&bus, 10);
    let (address, other) = (bus.address(), bus.connect_as(OTHER, &[]));
    let (ready, others) = mpsc::channel();
    let served = thread::spawn(move || {
        run(async move {
            let (root, other) = (client(address).await, client_as(other, OTHER).await);
            ready.send(()).expect("the test waits");
            for _ in 0..20 {
                ask(&root, "Unban", &("sshd", vec!["192.0.2.1"])).await.expect("root's call");
                ask(&other, "ListBans", &"").await.expect("another user's call");
            }
        });
    });
    others.recv().expect("the others are there before the flood");
    let senders: Vec<_> = (0..flood.connections).map(|_| flood.start(&bus)).collect();
    served.join().expect("everybody else is served");
    for sender in senders {
        drop(sender.join().expect("no panic"));
    }
    service.close();
}

#[test]
fn ten_thousand_changes_hold_up_nobody_else() {
    others_are_served_during(PLAIN);
}

#[test]
fn ten_thousand_changes_without_a_reply_hold_up_nobody_else() {
    others_are_served_during(Flood { flags: Flags::NO_REPLY_EXPECTED, ..PLAIN });
}

#[test]
fn ten_thousand_questions_hold_up_nobody_else_even_if_nobody_reads_the_answers() {
    for reads in [true, false] {
        others_are_served_during(Flood { method: "ListBans", argument_bytes: 0, reads, ..PLAIN });
    }
}

#[test]
fn long_calls_hold_up_nobody_else() {
    for argument_bytes in [1 << 20, 12 << 20] {
        let calls = (48 << 20) / argument_bytes;
        others_are_served_during(Flood { calls, argument_bytes, ..PLAIN });
    }
}

#[test]
fn many_connections_hold_up_nobody_else() {
    // The bus gives a user 256.
    others_are_served_during(Flood { connections: 250, calls: 20, ..PLAIN });
}

/// The loop does not wait for the bus, nor for those who call.
#[test]
fn bans_are_made_whatever_comes_over_the_bus() {
    let house = House::guarded("[default]\nmaxretry = 1\n");
    let short = Flood { calls: WITHOUT_END, ..PLAIN };
    let questions = Flood { method: "ListBans", argument_bytes: 0, ..short };
    let long = Flood { argument_bytes: 1 << 20, ..short };
    let senders = [short, questions, long].map(|flood| flood.start(&house.bus));
    for number in 1..=10 {
        let attacker = format!("203.0.113.{number}");
        house.fails(&attacker, 1);
        house.await_log(&format!("[sshd] Ban {attacker}"), 1);
        assert!(house.set("sshd4").contains(&attacker));
    }
    assert!(senders.iter().all(|sender| !sender.is_finished()), "the floods went on");
    drop(house);
    for sender in senders {
        sender.join().expect("no panic");
    }
}
