//! A host that knocks all the time, to see whether a ban has gaps.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::lan::Netns;

/// How often it knocks.
const PACE: Duration = Duration::from_millis(10);

/// How long it waits at the door: less than the second after which TCP would knock again by itself
/// (RFC 6298 section 2.1), so that each attempt is one packet.
const WAIT: Duration = Duration::from_millis(900);

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// How many connections were tried.
    pub(crate) tried: u32,
    /// How many came about.
    pub(crate) passed: u32,
    /// In how many of these sshd has heard something. Where systemd listens for it, a connection comes
    /// about before anybody is there, and what sshd says later is not stopped.
    pub(crate) heard: u32,
}

/// Tries to connect to sshd every 10 ms from within `netns`, for as long as `work` takes.
pub(crate) fn during<T>(netns: Netns, targets: &[IpAddr], work: impl FnOnce() -> T) -> (T, Tally) {
    let stop = AtomicBool::new(false);
    let counts = [AtomicU32::new(0), AtomicU32::new(0)];
    thread::scope(|scope| {
        let knocker = scope.spawn(|| netns.within(|| knock(targets, &stop, &counts)));
        let stopper = StopOnDrop(&stop);
        let answer = work();
        drop(stopper);
        let tried = knocker.join().expect("the probe");
        let [passed, heard] = counts.each_ref().map(|count| count.load(Ordering::Relaxed));
        (answer, Tally { tried, passed, heard })
    })
}

/// Ends the probe also when the test panics meanwhile.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Threads that are started here inherit the namespace.
fn knock(targets: &[IpAddr], stop: &AtomicBool, [passed, heard]: &[AtomicU32; 2]) -> u32 {
    let mut tried = 0;
    let mut due = Instant::now();
    thread::scope(|scope| {
        while !stop.load(Ordering::Relaxed) {
            for target in targets {
                let target = SocketAddr::new(*target, 22);
                scope.spawn(move || {
                    let Ok(mut stream) = TcpStream::connect_timeout(&target, WAIT) else { return };
                    passed.fetch_add(1, Ordering::Relaxed);
                    stream.set_read_timeout(Some(WAIT)).expect("a socket");
                    if speaks_with_sshd(&mut stream) {
                        heard.fetch_add(1, Ordering::Relaxed);
                    }
                });
                tried += 1;
            }
            due += PACE;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    });
    tried
}

/// Whether sshd, which says who it is, says more when it hears who asks (RFC 4253, section 4.2).
fn speaks_with_sshd(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 1024];
    let mut hears = |stream: &mut TcpStream| stream.read(&mut buffer).is_ok_and(|bytes| bytes > 0);
    hears(stream) && stream.write_all(b"SSH-2.0-probe\r\n").is_ok() && hears(stream)
}
