//! A network namespace of its own for each test: its own interfaces, addresses and nftables
//! ruleset. It goes when the guard is dropped, with everything in it.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::process::{Command, Output, Stdio};
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

/// A network namespace, which lives as long as this.
pub(crate) struct Netns {
    handle: File,
}

impl Netns {
    /// A new one, with the loopback interface up.
    pub(crate) fn new() -> Self {
        let open = || {
            unshare(CloneFlags::CLONE_NEWNET).expect("unshare the network (are we root?)");
            File::open("/proc/thread-self/ns/net").expect("open the namespace")
        };
        let namespace = Self { handle: in_thread(open) };
        namespace.ip("link set lo up");
        namespace
    }

    /// Does `work` in a thread that is in this namespace. Sockets that it opens, and processes that
    /// it starts, stay there.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        in_thread(|| {
            setns(&self.handle, CloneFlags::CLONE_NEWNET).expect("enter the namespace");
            work()
        })
    }

    /// Runs ip(8) with these words.
    pub(crate) fn ip(&self, words: &str) -> String {
        self.run(|| succeed(Command::new("ip").args(words.split_whitespace()), ""))
    }

    /// Runs ip(8) with a command a line, in one process.
    pub(crate) fn ip_batch(&self, lines: &str) {
        self.run(|| succeed(Command::new("ip").args(["-batch", "-"]), lines));
    }

    /// Runs nft(8) with this script, and gives what it prints.
    pub(crate) fn nft(&self, script: &str) -> String {
        self.run(|| succeed(Command::new("nft").args(["-n", "-f", "-"]), script))
    }

    /// What `nft list` prints with an option, such as `-j` for JSON.
    pub(crate) fn nft_list(&self, option: &str, what: &str) -> String {
        let what = what.split_whitespace();
        self.run(|| succeed(Command::new("nft").args([option, "list"]).args(what), ""))
    }

    /// Lays a cable: the interface `ours` here, and `theirs` in the other namespace.
    pub(crate) fn cable(&self, ours: &str, other: &Self, theirs: &str) {
        let path = format!("/proc/{}/fd/{}", std::process::id(), other.handle.as_raw_fd());
        self.ip(&format!("link add {ours} type veth peer name {theirs} netns {path}"));
        self.ip(&format!("link set {ours} up"));
        other.ip(&format!("link set {theirs} up"));
    }

    /// Gives an interface an address at once usable (without duplicate address detection).
    pub(crate) fn address(&self, interface: &str, address: &str) {
        let nodad = if address.contains(':') { " nodad" } else { "" };
        self.ip(&format!("address add {address} dev {interface}{nodad}"));
    }
}

fn in_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| match scope.spawn(work).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

fn output(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("start {command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("it is piped");
    // A program that reads nothing may be gone already.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("wait for it")
}

fn succeed(command: &mut Command, input: &str) -> String {
    let output = output(command, input);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed on \"{input}\": {complaint}");
    String::from_utf8(output.stdout).expect("it prints text")
}
