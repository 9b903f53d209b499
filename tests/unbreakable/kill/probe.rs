//! Hosts that are banned and send without rest: whether a single packet of theirs gets through.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::support::house::{House, await_that};
use crate::support::netns::Netns;

/// Between one packet of a host and its next one.
const PACE: Duration = Duration::from_micros(500);

const HOST: [&str; 2] = ["192.0.2.1", "2001:db8::1"];
const BANNED: [&str; 2] = ["192.0.2.66", "2001:db8:66::6"];

/// Anything but a port that something here listens on.
const PORT: u16 = 9;

/// Banned hosts at a cable of the house, and a door at which they knock.
pub(super) struct Probe {
    door: UdpSocket,
    sent: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    hosts: Vec<JoinHandle<()>>,
    _outside: Netns,
}

impl Probe {
    /// Lets them begin as soon as they are banned, in the jail `app`.
    pub(super) fn begin(house: &House) -> Self {
        let outside = Netns::new();
        house.network.cable("outside", &outside, "wire");
        for (host, banned) in HOST.into_iter().zip(BANNED) {
            let length = if host.contains(':') { 32 } else { 24 };
            house.network.address("outside", &format!("{host}/{length}"));
            outside.address("wire", &format!("{banned}/{length}"));
        }
        let door = house.network.run(|| UdpSocket::bind(("::", PORT)).expect("a door"));
        door.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        let sockets: Vec<UdpSocket> = HOST
            .into_iter()
            .zip(BANNED)
            .map(|(host, banned)| outside.run(|| connected(banned, host).expect("a socket")))
            .collect();
        for socket in &sockets {
            socket.send(b"free").expect("it is sent");
            door.recv(&mut [0; 8]).expect("who is not banned gets through");
        }
        let ban = house.client(&["ban", "app", BANNED[0], "2001:db8:66::/64"]);
        assert!(ban.status.success(), "{ban:?}");
        door.set_nonblocking(true).expect("a socket");
        let (sent, is_over) = (Arc::default(), Arc::<AtomicBool>::default());
        let hosts = sockets.into_iter().map(|socket| {
            let (sent, is_over) = (Arc::clone(&sent), Arc::clone(&is_over));
            thread::spawn(move || knock(&socket, &sent, &is_over))
        });
        Self { hosts: hosts.collect(), door, sent, is_over, _outside: outside }
    }

    /// How many packets have come through since the last time.
    pub(super) fn passed(&self) -> usize {
        // What was sent before is through the cable when a turn of the sender's is over.
        let sent = self.sent.load(Ordering::Relaxed);
        await_that("they go on", || self.sent.load(Ordering::Relaxed) > sent + 4);
        std::iter::from_fn(|| self.door.recv(&mut [0; 8]).ok()).count()
    }

    /// How many were sent in all, after it was seen that they get through without a ban.
    pub(super) fn end(self, house: &House) -> u64 {
        let sent = self.sent.load(Ordering::Relaxed);
        for banned in BANNED {
            let unban = house.client(&["unban", banned]);
            assert!(unban.status.success(), "{unban:?}");
            await_that("who is free gets through", || self.passed() > 0);
        }
        sent
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for host in self.hosts.drain(..) {
            // Should it have panicked, the packets that are missing tell.
            let _ = host.join();
        }
    }
}

fn connected(from: &str, to: &str) -> io::Result<UdpSocket> {
    let from: SocketAddr = (from.parse::<std::net::IpAddr>().expect("an address"), 0).into();
    let socket = UdpSocket::bind(from)?;
    socket.connect((to, PORT))?;
    Ok(socket)
}

fn knock(socket: &UdpSocket, sent: &AtomicU64, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        // An answer that nobody listens may come while the table is not there.
        if socket.send(b"!").is_ok() {
            sent.fetch_add(1, Ordering::Relaxed);
        }
        thread::sleep(PACE);
    }
}
