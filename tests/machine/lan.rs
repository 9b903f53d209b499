//! A network of hosts: each a network namespace, joined by a bridge in another.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};

use super::boot::text;
use super::{PATIENCE, wait_for};

/// A network namespace, by a process that is in it.
#[derive(Clone, Copy)]
pub(crate) struct Netns {
    pid: u32,
}

impl Netns {
    /// The one in which `pid` is.
    pub(crate) fn of(pid: u32) -> Self {
        Self { pid }
    }

    /// Makes `ip` carry out these lines.
    fn ip(self, lines: &str) {
        let mut ip = Command::new("nsenter")
            .args(["-t", &self.pid.to_string(), "--net", "ip", "-batch", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("nsenter and ip are installed");
        let mut input = ip.stdin.take().expect("a pipe");
        input.write_all(lines.as_bytes()).expect("ip reads");
        drop(input);
        let output = ip.wait_with_output().expect("ip ends");
        assert!(output.status.success(), "{lines}\n{}", text(&output));
    }

    /// Runs `work` on a thread within the namespace.
    pub(crate) fn within<T: Send>(self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/proc/{}/ns/net", self.pid)).expect("a namespace");
        thread::scope(|scope| {
            let thread = scope.spawn(move || {
                setns(namespace, CloneFlags::CLONE_NEWNET).expect("setns");
                work()
            });
            thread.join().expect("the thread in the namespace")
        })
    }
}

/// A host with nothing but a network card, or the bridge itself. Goes with this value, and with the
/// thread that made it.
struct Holder {
    process: Child,
}

impl Holder {
    fn new() -> Self {
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"])
            .stdin(Stdio::null())
            .spawn()
            .expect("setpriv and unshare are installed");
        let comm = format!("/proc/{}/comm", process.id());
        wait_for("a network namespace", PATIENCE, || {
            (fs::read_to_string(&comm).ok()?.trim() == "sleep").then_some(())
        });
        Self { process }
    }

    fn netns(&self) -> Netns {
        Netns::of(self.process.id())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The network. All of 198.51.100.0/24 and 2001:db8::/32 is on it, without a router.
pub(crate) struct Lan {
    bridge: Holder,
    ports: Cell<u32>,
}

impl Lan {
    /// A network without hosts.
    pub(crate) fn new() -> Self {
        let bridge = Holder::new();
        bridge.netns().ip("link add bridge0 type bridge\nlink set bridge0 up\n");
        Self { bridge, ports: Cell::new(0) }
    }

    /// Gives a namespace a network card with an address of each family.
    pub(crate) fn plug(&self, netns: Netns, ipv4: &str, ipv6: &str) {
        let port = format!("port{}", self.ports.replace(self.ports.get() + 1));
        self.bridge.netns().ip(&format!(
            "link add {port} type veth peer name lan0 netns {}\n\
             link set {port} master bridge0 up\n",
            netns.pid
        ));
        // "nodad": it serves at once, without a search for another host that has the address.
        netns.ip(&format!(
            "link set lo up\n\
             link set lan0 up\n\
             address add {ipv4}/24 dev lan0\n\
             address add {ipv6}/32 dev lan0 nodad\n"
        ));
    }

    /// A new host with one address of each family.
    pub(crate) fn host(&self, ipv4: &str, ipv6: &str) -> Host {
        let holder = Holder::new();
        self.plug(holder.netns(), ipv4, ipv6);
        Host { holder }
    }
}

/// How an attempt to log in ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    /// sshd said that the password is wrong.
    Denied,
    /// There was no connection, or it was cut; what ssh said.
    Cut(String),
}

/// A host on the network.
pub(crate) struct Host {
    holder: Holder,
}

impl Host {
    /// Its namespace.
    pub(crate) fn netns(&self) -> Netns {
        self.holder.netns()
    }

    /// Tries one wrong password.
    pub(crate) fn try_password(&self, user: &str, target: IpAddr) -> Login {
        let output = Command::new("timeout")
            .args(["--kill-after=5", "40"])
            .args(self.ssh("wrong", user, target, 22))
            .arg("true")
            .stdin(Stdio::null())
            .output()
            .expect("sshpass and ssh are installed");
        let said = text(&output);
        assert!(!output.status.success(), "the password \"wrong\" is right");
        if said.contains("Permission denied") { Login::Denied } else { Login::Cut(said) }
    }

    /// Logs in and stays.
    pub(crate) fn log_in(&self, user: &str, password: &str, target: IpAddr) -> Session {
        self.log_in_at(user, password, target, 22)
    }

    /// The same on another port.
    pub(crate) fn log_in_at(
        &self,
        user: &str,
        password: &str,
        target: IpAddr,
        port: u16,
    ) -> Session {
        let mut ssh = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .args(self.ssh(password, user, target, port))
            .args(["echo here; cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("setpriv, sshpass and ssh are installed");
        let mut greeting = String::new();
        let stdout = ssh.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut greeting).expect("ssh says something or ends");
        Session { ssh, is_open: greeting == "here\n" }
    }

    /// An ssh in this host's namespace, with a password.
    fn ssh(&self, password: &str, user: &str, target: IpAddr, port: u16) -> Vec<String> {
        let pid = self.holder.process.id().to_string();
        let (target, port) = (target.to_string(), port.to_string());
        [
            &["nsenter", "-t", &pid, "--net", "sshpass", "-p", password, "ssh", "-F", "none"][..],
            &["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"],
            &["-o", "PreferredAuthentications=password", "-o", "NumberOfPasswordPrompts=1"],
            &["-o", "ConnectTimeout=3", "-o", "ServerAliveInterval=2"],
            &["-o", "ServerAliveCountMax=3", "-o", "LogLevel=ERROR"],
            &["-p", &port, "-l", user, &target],
        ]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect()
    }

    /// Whether a TCP connection to sshd comes about within a second.
    pub(crate) fn reaches(&self, target: IpAddr) -> bool {
        self.netns().within(|| {
            let target = SocketAddr::new(target, 22);
            TcpStream::connect_timeout(&target, Duration::from_secs(1)).is_ok()
        })
    }
}

/// An ssh that stays logged in until this is dropped.
pub(crate) struct Session {
    ssh: Child,
    is_open: bool,
}

impl Session {
    /// Whether the login was let through.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The command on the other side ends with its input, and ssh with it.
        drop(self.ssh.stdin.take());
        let _ = self.ssh.wait();
    }
}
