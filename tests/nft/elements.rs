//! Bans in the kernel.

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::{Duration, Instant};

use jailkeeper::keeper::{Change, JailId, Network, Outcome, Prefix, Until};
use jailkeeper::nft::Firewall;

use super::{LIST, apply, ban, gate, lift, network, now, seconds};
use crate::support::netns::Netns;

fn raised(host: &Netns) -> Firewall {
    let mut firewall = host.run(|| Firewall::open().unwrap());
    firewall.raise(&[gate(0, "sshd"), gate(1, "web")]).unwrap();
    firewall
}

/// The elements, with how many whole seconds they have left (rounded); none is for ever.
fn left(firewall: &mut Firewall) -> Vec<(String, Option<u64>)> {
    let now = now();
    let mut elements: Vec<_> = firewall.elements(now).unwrap();
    elements.sort_by_key(|element| element.network);
    let left = |until| match until {
        Until::At(end) => Some((end.since(now) + Duration::from_millis(999)).as_secs()),
        Until::Forever => None,
    };
    elements.into_iter().map(|element| (element.network.to_string(), left(element.until))).collect()
}

#[test]
fn a_ban_takes_whatever_was_there() {
    let host = Netns::new();
    let mut firewall = raised(&host);
    for address in ["192.0.2.1", "2001:db8::/64"] {
        let only = |time| vec![(address.to_owned(), time)];
        apply(&mut firewall, &[ban(address, seconds(600))]);
        assert_eq!(left(&mut firewall), only(Some(600)), "new");
        apply(&mut firewall, &[ban(address, seconds(3600))]);
        assert_eq!(left(&mut firewall), only(Some(3600)), "longer");
        apply(&mut firewall, &[ban(address, seconds(60))]);
        assert_eq!(left(&mut firewall), only(Some(60)), "shorter");
        apply(&mut firewall, &[ban(address, Until::Forever)]);
        assert_eq!(left(&mut firewall), only(None), "for ever");
        apply(&mut firewall, &[ban(address, seconds(30))]);
        assert_eq!(left(&mut firewall), only(Some(30)), "no more for ever");
        apply(&mut firewall, &[lift(address)]);
        assert_eq!(left(&mut firewall), [], "lifted");
        apply(&mut firewall, &[lift(address)]);
        assert_eq!(left(&mut firewall), [], "lifted again");
    }
}

#[test]
fn expired_elements_go_by_themselves_and_may_come_again() {
    let host = Netns::new();
    let mut firewall = raised(&host);
    let many: Vec<_> = (0..=255).map(|n| format!("192.0.2.{n}")).collect();
    let soon = Until::At(now().plus(Duration::from_millis(50)));
    let short: Vec<_> = many.iter().map(|address| ban(address, soon)).collect();
    let mut long: Vec<_> = many.iter().map(|address| ban(address, seconds(900))).collect();
    // One that is there for certain: the kernel refuses to add it again, so that all of the list
    // take the way that is right for any.
    apply(&mut firewall, &[ban("192.0.1.1", Until::Forever)]);
    long.push(ban("192.0.1.1", Until::Forever));
    let lifts: Vec<_> = many.iter().map(|address| lift(address)).collect();
    // The bans end while these changes are made, so all of new, present and expired occur.
    let deadline = Instant::now() + Duration::from_millis(400);
    while Instant::now() < deadline {
        apply(&mut firewall, &short);
        apply(&mut firewall, &lifts);
        apply(&mut firewall, &short);
        apply(&mut firewall, &long);
        assert_eq!(left(&mut firewall).len(), long.len());
        apply(&mut firewall, &lifts);
        assert_eq!(left(&mut firewall).len(), 1, "lifted is lifted, whatever came before");
        apply(&mut firewall, &short);
        while left(&mut firewall).len() > 1 {}
        // Expired, and not yet collected: the kernel does that about once a second.
        apply(&mut firewall, &long);
        assert_eq!(left(&mut firewall).len(), long.len());
    }
}

#[test]
fn a_ban_that_is_over_lasts_a_moment_and_one_beyond_all_time_is_cut() {
    let host = Netns::new();
    let mut firewall = raised(&host);
    let over = Until::At(now().minus(Duration::from_secs(5)));
    let far = Until::At(now().plus(Duration::from_secs(u64::MAX / 1000)));
    apply(&mut firewall, &[ban("192.0.2.1", over), ban("192.0.2.2", far)]);
    let far_enough = |left: &[(String, Option<u64>)]| {
        matches!(left, [(address, Some(seconds))]
            if address == "192.0.2.2" && *seconds > 100 * 365 * 86_400)
    };
    let deadline = Instant::now() + Duration::from_secs(5);
    while !far_enough(&left(&mut firewall)) {
        assert!(Instant::now() < deadline, "{:?}", left(&mut firewall));
    }
}

#[test]
fn in_one_batch_the_last_change_counts() {
    let host = Netns::new();
    let mut firewall = raised(&host);
    apply(&mut firewall, &[ban("192.0.2.9", seconds(600))]);
    apply(
        &mut firewall,
        &[
            ban("192.0.2.1", seconds(600)),
            lift("192.0.2.1"),
            lift("192.0.2.2"),
            ban("192.0.2.2", seconds(600)),
            ban("192.0.2.2", seconds(60)),
            lift("192.0.2.9"),
            ban("192.0.2.9", Until::Forever),
        ],
    );
    let expected = [("192.0.2.2".to_owned(), Some(60)), ("192.0.2.9".to_owned(), None)];
    assert_eq!(left(&mut firewall), expected);
}

#[test]
fn hundred_thousand_at_once() {
    let host = Netns::new();
    let mut firewall = raised(&host);
    let all: Vec<_> = (0..100_000_u32)
        .map(|n| {
            let bits = 0x0a00_0000 + n;
            let v6 = 0x2001_0db8_0000_0000_u128 + u128::from(n);
            if n % 2 == 0 {
                Network::V4(Ipv4Addr::from_bits(bits), 32)
            } else {
                Network::V6((v6 << 64).into(), 64)
            }
        })
        .collect();
    let bans = |until| -> Vec<_> {
        all.iter()
            .map(|network| Change::Ban { jail: JailId(0), network: *network, until })
            .collect()
    };
    let times = |what, changes: &[Change], firewall: &mut Firewall, count: usize| {
        let start = Instant::now();
        apply(firewall, changes);
        println!("{what}: {:?}", start.elapsed());
        let start = Instant::now();
        assert_eq!(firewall.elements(now()).unwrap().len(), count);
        println!("  listed in {:?}", start.elapsed());
    };
    times("new", &bans(seconds(3600)), &mut firewall, all.len());
    times("again", &bans(seconds(7200)), &mut firewall, all.len());
    let lifts: Vec<_> =
        all.iter().map(|network| Change::Lift { jail: JailId(0), network: *network }).collect();
    times("lifted", &lifts, &mut firewall, 0);
    times("lifted again", &lifts, &mut firewall, 0);
}

#[test]
fn a_refused_element_is_named_and_the_rest_goes_in() {
    let host = Netns::new();
    let mut firewall = raised(&host);
    let anywhere = network("192.0.2.1");
    let stranger = Change::Ban { jail: JailId(7), network: anywhere, until: Until::Forever };
    let changes = [
        ban("192.0.2.1", seconds(600)),
        ban("192.0.0.0/15", seconds(600)),
        stranger,
        ban("2001:db8::1", seconds(600)),
        ban("2001:db8::/64", Until::Forever),
        Change::Lift { jail: JailId(8), network: anywhere },
    ];
    let Outcome::Applied { refused } = firewall.apply(&changes, |_| None, now()) else {
        panic!("failed")
    };
    let indices: Vec<_> = refused.iter().map(|(index, _)| *index).collect();
    assert_eq!(indices, [1, 2, 3], "{refused:?}");
    assert!(refused[0].1.contains("192.0.0.0/15"), "{refused:?}");
    assert!(refused[1].1.contains("no gate"), "{refused:?}");
    assert_eq!(left(&mut firewall).len(), 2);
}

#[test]
fn a_full_set_refuses_what_is_new_and_takes_the_rest() {
    const SIZE: u32 = 3000;
    let host = Netns::new();
    let mut firewall = raised(&host);
    // Ours holds a million; a smaller one is as full, and sooner.
    host.nft(&format!(
        "flush chain inet jailkeeper banned/input
         delete set inet jailkeeper sshd4
         add set inet jailkeeper sshd4 {{ type ipv4_addr; flags timeout; size {SIZE}; }}"
    ));
    let address = |n: u32| Network::V4(Ipv4Addr::from_bits(0x0a00_0000 + n), 32);
    let fill = |numbers: std::ops::Range<u32>| -> Vec<_> {
        let until = Until::Forever;
        numbers.map(|n| Change::Ban { jail: JailId(0), network: address(n), until }).collect()
    };
    apply(&mut firewall, &fill(0..SIZE - 2));
    let mut changes = fill(SIZE - 5..SIZE + 1500);
    changes.push(lift("192.0.2.77"));
    changes.push(ban("2001:db8::/64", Until::Forever));
    let Outcome::Applied { refused } = firewall.apply(&changes, |_| None, now()) else {
        panic!("failed")
    };
    assert_eq!(refused.len(), 1500, "{:?}", refused.first());
    assert!(refused[0].1.contains("the set is full"), "{:?}", refused[0]);
    assert!(refused.is_sorted());
    assert_eq!(firewall.elements(now()).unwrap().len(), SIZE as usize + 1);
    // What is not there cannot be refused, though there is no room to add it for the removal.
    let missing: Vec<_> = (0..1500).map(|n| address(100_000 + n)).collect();
    let lifts: Vec<_> =
        missing.iter().map(|network| Change::Lift { jail: JailId(0), network: *network }).collect();
    apply(&mut firewall, &lifts);
    // What leaves makes room in the same batch, also for what stands before it.
    let swap = [
        Change::Ban { jail: JailId(0), network: address(SIZE + 9000), until: seconds(60) },
        Change::Ban { jail: JailId(0), network: address(8), until: seconds(60) },
        Change::Lift { jail: JailId(0), network: address(7) },
    ];
    apply(&mut firewall, &swap);
    assert_eq!(firewall.elements(now()).unwrap().len(), SIZE as usize + 1);
}

#[test]
fn every_refused_element_is_found_among_many() {
    let host = Netns::new();
    let mut firewall = raised(&host);
    // An element of a map needs a value, which we never give: the kernel refuses each of them.
    host.nft(
        "flush chain inet jailkeeper banned/input
         delete set inet jailkeeper sshd4
         add map inet jailkeeper sshd4 { type ipv4_addr : mark; flags timeout; }",
    );
    let bans = |count: u32| -> Vec<_> {
        (0..count)
            .map(|n| {
                let network = if n % 10 == 3 {
                    Network::V4(Ipv4Addr::from_bits(0x0a00_0000 + n), 32)
                } else {
                    let v6 = 0x2001_0db8_0000_0000_u128 + u128::from(n);
                    Network::V6((v6 << 64).into(), 64)
                };
                Change::Ban { jail: JailId(0), network, until: Until::Forever }
            })
            .collect()
    };
    let Outcome::Applied { refused } = firewall.apply(&bans(5000), |_| None, now()) else {
        panic!("failed")
    };
    let indices: Vec<_> = refused.iter().map(|(index, _)| *index).collect();
    assert_eq!(indices, (3..5000).step_by(10).collect::<Vec<_>>());
    assert!(refused[0].1.contains("invalid"), "{:?}", refused[0]);
    assert_eq!(firewall.elements(now()).unwrap().len(), 4500);
}

#[test]
fn without_the_table_all_of_it_fails_and_says_so() {
    let host = Netns::new();
    let mut firewall = raised(&host);
    host.nft("flush ruleset");
    for change in [ban("192.0.2.1", seconds(600)), lift("192.0.2.1")] {
        let Outcome::Failed { reason } = firewall.apply(&[change], |_| None, now()) else {
            panic!("applied")
        };
        assert!(reason.contains("is not there"), "{reason}");
    }
    assert!(firewall.elements(now()).unwrap_err().to_string().contains("is not there"));
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    apply(&mut firewall, &[ban("192.0.2.1", seconds(600))]);
}

#[test]
fn elements_that_fit_no_jail_are_listed_and_can_be_lifted() {
    let host = Netns::new();
    let mut firewall = raised(&host);
    host.nft("add element inet jailkeeper sshd6 { 2001:db8::1, 2001:db8:1::, ::ffff:192.0.2.1 }");
    host.nft("add element inet jailkeeper sshd4 { * timeout 1h }");
    let listed = firewall.elements(now()).unwrap();
    assert_eq!(listed.len(), 4, "{listed:?}");
    let mut unfit: Vec<_> = listed
        .iter()
        .map(|element| element.network)
        .filter(|network| !network.fits(Prefix::default(), Prefix::default()))
        .collect();
    unfit.sort_unstable();
    assert_eq!(unfit.len(), 3, "{unfit:?}");
    assert_eq!(unfit[0], network("0.0.0.0/0"));
    let lifts: Vec<_> =
        unfit.iter().map(|network| Change::Lift { jail: JailId(0), network: *network }).collect();
    apply(&mut firewall, &lifts);
    assert_eq!(left(&mut firewall), [("2001:db8:1::/64".to_owned(), None)]);
    assert!(!host.nft(LIST).contains('*'));
}

#[test]
fn works_in_a_user_namespace() {
    let itself = std::env::current_exe().expect("this test has a program");
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net"])
        .arg(itself)
        .args(["--exact", "nft::elements::a_ban_takes_whatever_was_there"])
        .output()
        .expect("start unshare");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
