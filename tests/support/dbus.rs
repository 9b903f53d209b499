//! A private bus, and somebody who sits where the daemon's loop sits.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread;

use jailkeeper::bus::{BusAnswer, Call, Calls, Link, Request};
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use tempfile::TempDir;

/// A dbus-daemon of the test's own. It ends with this value.
pub(crate) struct PrivateBus {
    directory: TempDir,
    daemon: Option<Child>,
}

/// Everybody may do everything.
const OPEN: &str = r#"<policy context="default">
    <allow user="*"/><allow own="*"/>
    <allow send_type="method_call"/><allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/><allow receive_type="method_return"/>
    <allow receive_type="error"/><allow receive_type="signal"/>
    <allow send_destination="*" eavesdrop="true"/>
  </policy>"#;

impl PrivateBus {
    /// A bus on which everybody may do everything.
    pub(crate) fn start() -> Self {
        Self::with_policy("")
    }

    /// A bus on which `policy`, a `<policy>` element or more, comes last.
    pub(crate) fn with_policy(policy: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory for the bus");
        let everybody = Permissions::from_mode(0o755);
        fs::set_permissions(directory.path(), everybody).expect("the directory is ours");
        let socket = directory.path().join("bus");
        let config = format!(
            r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>{OPEN}{policy}
</busconfig>"#,
            socket.display()
        );
        std::fs::write(directory.path().join("bus.conf"), config).expect("the bus's configuration");
        let mut bus = Self { directory, daemon: None };
        bus.up();
        bus
    }

    /// Starts the daemon again after [`PrivateBus::down`], at the same address.
    pub(crate) fn up(&mut self) {
        let config = format!("--config-file={}", self.directory.path().join("bus.conf").display());
        // The daemon must not outlive a test that is killed.
        let mut daemon = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "dbus-daemon", &config])
            .args(["--nofork", "--nopidfile", "--print-address"])
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(self.directory.path().join("log")).expect("a log"))
            .spawn()
            .expect("dbus-daemon starts");
        let stdout = daemon.stdout.take().expect("a pipe");
        self.daemon = Some(daemon);
        let mut address = String::new();
        BufReader::new(stdout).read_line(&mut address).expect("dbus-daemon says its address");
        assert!(address.starts_with("unix:path="), "dbus-daemon says its address: {address:?}");
    }

    /// Kills the daemon.
    pub(crate) fn down(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().expect("the daemon is ours");
            daemon.wait().expect("the daemon is ours");
        }
        // dbus-daemon does not bind over a socket that is left.
        drop(std::fs::remove_file(self.socket()));
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> impl AsRef<Path> {
        self.directory.path().join("bus")
    }

    /// The same as an address of D-Bus, for `DBUS_SYSTEM_BUS_ADDRESS`.
    pub(crate) fn address(&self) -> String {
        format!("unix:path={}", self.socket().as_ref().display())
    }

    /// A connection on which nothing is said yet, as the bus sees it that of `user` in `groups`.
    pub(crate) fn connect_as(&self, user: u32, groups: &[u32]) -> UnixStream {
        let socket = self.socket().as_ref().to_owned();
        let group = *groups.first().unwrap_or(&user);
        let groups: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
        // These are a thread's own, and it is the thread that connects whom the kernel names.
        let connect = move || {
            let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
            set_thread_groups(&groups)?;
            set_thread_res_gid(group, group, group)?;
            set_thread_res_uid(user, user, user)?;
            UnixStream::connect(socket)
        };
        thread::spawn(connect).join().expect("no panic").expect("the bus takes a connection")
    }

    /// Runs busctl(1) on this bus.
    pub(crate) fn busctl(&self, arguments: &[&str]) -> Output {
        Command::new("busctl")
            .arg(format!("--address={}", self.address()))
            .args(arguments)
            .output()
            .expect("busctl runs")
    }
}

impl Drop for PrivateBus {
    fn drop(&mut self) {
        self.down();
    }
}

/// Takes the calls in, as the loop does: through a queue that can be full.
pub(crate) struct Desk {
    queue: SyncSender<Request>,
    links: Mutex<mpsc::Sender<Link>>,
}

impl Calls for Desk {
    fn request(&self, request: Request) -> Result<(), Request> {
        self.queue.try_send(request).map_err(|error| match error {
            mpsc::TrySendError::Full(request) | mpsc::TrySendError::Disconnected(request) => {
                request
            }
        })
    }

    fn link(&self, link: Link) {
        // Most tests do not listen.
        drop(self.links.lock().expect("no panic").send(link));
    }
}

/// A desk, its queue of `room` requests, and what is said about the connection.
pub(crate) fn desk(room: usize) -> (Arc<Desk>, Receiver<Request>, Receiver<Link>) {
    let (queue, requests) = mpsc::sync_channel(room);
    let (links, heard) = mpsc::channel();
    (Arc::new(Desk { queue, links: Mutex::new(links) }), requests, heard)
}

/// A desk where a thread answers every call; none drops the request.
pub(crate) fn answering(
    mut answer: impl FnMut(Call) -> Option<BusAnswer> + Send + 'static,
) -> Arc<Desk> {
    let (desk, requests, _) = desk(1024);
    thread::spawn(move || {
        for request in requests {
            match answer(request.call) {
                Some(words) => request.answer.send(words),
                None => drop(request.answer),
            }
        }
    });
    desk
}
