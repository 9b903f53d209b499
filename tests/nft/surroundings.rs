//! What others have in the ruleset.

use jailkeeper::nft::{Firewall, Surroundings};

use super::gate;
use crate::support::netns::Netns;

const OTHERS: &str = "
table inet filter {
    chain input { type filter hook input priority 0; }
    chain early { type filter hook input priority -150; }
    chain first { type filter hook prerouting priority -300; }
}
table ip nat {
    chain in {
        type nat hook prerouting priority dstnat
        tcp dport 8080 dnat to 192.0.2.9:80
        tcp dport 8081 redirect to :80
    }
    chain out {
        type nat hook postrouting priority srcnat
        masquerade
    }
}
table ip6 nat {
    chain in {
        type nat hook prerouting priority dstnat
        tcp dport 80 dnat to 2001:db8::9
    }
}
";

fn found(firewall: &mut Firewall) -> Surroundings {
    firewall.surroundings().expect("the kernel tells")
}

#[test]
fn what_others_have_is_found_and_what_is_ours_is_not() {
    let host = Netns::new();
    let mut firewall = host.run(|| Firewall::open().unwrap());
    assert_eq!(found(&mut firewall), Surroundings::default());
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    assert_eq!(found(&mut firewall), Surroundings::default());

    host.nft(OTHERS);
    let surroundings = found(&mut firewall);
    let ahead: Vec<String> = surroundings.ahead.iter().map(ToString::to_string).collect();
    assert_eq!(ahead, ["inet filter early (priority -150)"]);
    assert_eq!(surroundings.redirecting_rules, 2, "what is redirected to this host stays with it");
}
