//! What the kernel tells: lists of our table and of others, news of the ruleset, this host's addresses.

use std::net::IpAddr;

use jailkeeper::host;
use jailkeeper::keeper::{Family, Network, Prefix};
use jailkeeper::nft::fuzzing as nft;

/// The first byte is the length of the prefix in the set that is listed, the others a datagram.
pub fn run(input: &[u8]) {
    let Some((&length, datagram)) = input.split_first() else { return };
    for (family, longest) in [(Family::V4, 32), (Family::V6, 128)] {
        let length = length % (longest + 1);
        let networks = nft::read(datagram, family, length);
        assert!(networks.iter().all(|network| network.family() == family), "{networks:?}");
    }
    nft::hear([datagram, datagram.get(datagram.len() / 2..).unwrap_or_default(), datagram]);
    host::fuzzing::read(datagram, 1);
    written_again(datagram, length);
}

/// Networks are read as they were written.
fn written_again(bytes: &[u8], length: u8) {
    let ipv4 = bytes.as_chunks::<4>().0.iter().map(|bytes| IpAddr::from(*bytes));
    let ipv6 = bytes.as_chunks::<16>().0.iter().map(|bytes| IpAddr::from(*bytes));
    let prefix = Prefix { ipv4: length % 33, ipv6: length % 129 };
    for (family, length, addresses) in [
        (Family::V4, prefix.ipv4, ipv4.take(100).collect::<Vec<_>>()),
        (Family::V6, prefix.ipv6, ipv6.take(100).collect()),
    ] {
        let networks = addresses.into_iter().map(|address| Network::of(address, prefix));
        let networks: Vec<Network> = networks.filter(|it| it.family() == family).collect();
        let datagram = nft::written("x", &networks);
        assert_eq!(nft::read(&datagram, family, length), networks);
    }
}
