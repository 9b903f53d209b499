//! Callers who want too much.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jailkeeper::bus::{MANAGER, NAME, PATH};
use zbus::Message;
use zbus::message::Flags;

use super::dbus::PrivateBus;

/// A user that every system has, and who may nothing: daemon. (The bus turns away those that have no
/// name.)
pub(crate) const HOSTILE: u32 = 1;

/// What somebody sends as fast as he can: enough calls for a second of the service's time, though
/// not so much that the bus's own queue is full, which it holds against everybody.
#[derive(Clone, Copy)]
pub(crate) struct Flood {
    pub(crate) connections: usize,
    pub(crate) calls: usize,
    pub(crate) method: &'static str,
    pub(crate) argument_bytes: usize,
    pub(crate) flags: Flags,
    pub(crate) reads: bool,
}

impl Flood {
    /// Sends all of it on a new connection, which stays open until the thread is asked for it.
    pub(crate) fn start(self, bus: &PrivateBus) -> JoinHandle<UnixStream> {
        let mut stream = bus.connect_as(HOSTILE, &[]);
        log_in(&mut stream);
        thread::spawn(move || {
            self.send(&mut stream);
            stream
        })
    }

    /// Sends all of it on this connection.
    fn send(&self, stream: &mut UnixStream) {
        if self.reads {
            let mut replies = stream.try_clone().expect("a second handle");
            thread::spawn(move || {
                let mut some = vec![0; 1 << 16];
                while replies.read(&mut some).is_ok_and(|count| count > 0) {}
            });
        }
        let text = "9".repeat(self.argument_bytes);
        let call = Message::method_call(PATH, self.method)
            .destination(NAME)
            .interface(MANAGER)
            .with_flags(self.flags);
        let call = match self.method {
            "ListBans" => call.build(&text),
            _ => call.build(&("sshd", vec![text], 0i64)),
        };
        let mut call = call.expect("a call").data().to_vec();
        // What the bus does not take in that time it takes never; a flood without an end ends with
        // the bus.
        let patience = (self.calls != WITHOUT_END).then_some(Duration::from_secs(1));
        stream.set_write_timeout(patience).expect("a timeout");
        for number in 2..self.calls + 2 {
            // The serial number, which the bus wants to be another each time.
            call[8..12].copy_from_slice(&u32::try_from(number).expect("few").to_ne_bytes());
            if stream.write_all(&call).is_err() {
                return;
            }
        }
    }
}

/// So many calls as nobody waits for.
pub(crate) const WITHOUT_END: usize = u32::MAX as usize - 2;

/// Says on a new connection what the bus wants to hear first.
pub(crate) fn log_in(stream: &mut UnixStream) {
    stream.write_all(b"\0AUTH EXTERNAL\r\nDATA\r\n").expect("a greeting");
    let mut welcome = [0; 256];
    while !String::from_utf8_lossy(&welcome).contains("OK ") {
        assert!(stream.read(&mut welcome).expect("a welcome") > 0);
    }
    stream.write_all(b"BEGIN\r\n").expect("the beginning");
    let dbus = "org.freedesktop.DBus";
    let hello = Message::method_call("/org/freedesktop/DBus", "Hello").destination(dbus);
    let hello = hello.interface(dbus).build(&()).expect("a call");
    stream.write_all(hello.data()).expect("Hello");
}

/// Changes that nobody may make.
pub(crate) const PLAIN: Flood = Flood {
    connections: 1,
    calls: 10_000,
    method: "Ban",
    argument_bytes: 9,
    flags: Flags::empty(),
    reads: true,
};
