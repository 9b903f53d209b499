//! A network of hosts: each a network namespace, joined by a bridge in another.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};

use super::boot::text;
use super::{PATIENCE, wait_for};

/// The network's own addresses of IPv4.
const NETWORK4: &str = "198.51.100.0/24";

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

    /// Sends what is for this IPv4 network out of the card, too.
    pub(crate) fn way_to(self, network: &str) {
        self.ip(&format!("route add {network} dev lan0\n"));
    }

    /// Makes `ip` carry out these lines.
    fn ip(self, lines: &str) {
        let output = self.try_ip(lines);
        assert!(output.status.success(), "{lines}\n{}", text(&output));
    }

    fn try_ip(self, lines: &str) -> Output {
        let mut ip = Command::new("nsenter")
            .args(["-t", &self.pid.to_string(), "--net", "ip", "-batch", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("nsenter and ip are installed");
        let mut input = ip.stdin.take().expect("a pipe");
        input.write_all(lines.as_bytes()).expect("ip reads");
        drop(input);
        ip.wait_with_output().expect("ip ends")
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
}

impl Lan {
    /// A network without hosts.
    pub(crate) fn new() -> Self {
        let bridge = Holder::new();
        bridge.netns().ip("link add bridge0 type bridge\nlink set bridge0 up\n");
        Self { bridge }
    }

    /// Gives a namespace a network card with an address of each family, in place of whoever had it.
    pub(crate) fn plug(&self, netns: Netns, ipv4: &str, ipv6: &str) {
        // The namespace of a machine that has been rebooted lives on while its kernel sends again what
        // nobody has acknowledged, and packets for the new one would be led to it.
        let port = format!("port{:08x}", number(ipv4));
        let _may_be_gone = self.bridge.netns().try_ip(&format!("link delete {port}\n"));
        self.bridge.netns().ip(&format!(
            "link add {port} type veth peer name lan0 address {} netns {}\n\
             link set {port} master bridge0 up\n",
            card(ipv4),
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

    /// A new host whose IPv4 address is in another network, which finds the way to this one. For the
    /// way back see [`Netns::way_to`].
    pub(crate) fn stranger(&self, ipv4: &str, ipv6: &str) -> Host {
        let host = self.host(ipv4, ipv6);
        host.netns().way_to(NETWORK4);
        host
    }
}

/// The card's own address. A machine that reboots keeps it: who looked for the machine at the old one
/// would seem to be kept out.
fn card(ipv4: &str) -> String {
    let [a, b, c, d] = number(ipv4).to_be_bytes();
    format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

fn number(ipv4: &str) -> u32 {
    ipv4.parse::<Ipv4Addr>().expect("an address").to_bits()
}

/// How an attempt to log in ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    /// sshd said that the password is wrong.
    Denied,
    /// There was no connection, or it was cut; what ssh said.
    Cut(String),
}

/// A host on the network, or behind it.
pub(crate) struct Host {
    holder: Holder,
}

impl Host {
    /// Its namespace.
    pub(crate) fn netns(&self) -> Netns {
        self.holder.netns()
    }

    /// A command that runs in this host's namespace, for at most 40 seconds.
    pub(crate) fn command(&self, words: &[String]) -> Command {
        let pid = self.holder.process.id().to_string();
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", "40", "nsenter", "-t", &pid, "--net"]).args(words);
        command.stdin(Stdio::null());
        command
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
        let output = BufReader::new(ssh.stdout.take().expect("a pipe"));
        let mut session = Session { ssh, output, is_open: false };
        session.is_open = session.line() == "here\n";
        session
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
        self.reaches_at(target, 22)
    }

    /// The same on another port.
    pub(crate) fn reaches_at(&self, target: IpAddr, port: u16) -> bool {
        self.netns().within(|| {
            let target = SocketAddr::new(target, port);
            TcpStream::connect_timeout(&target, Duration::from_secs(1)).is_ok()
        })
    }
}

/// An ssh that stays logged in until this is dropped.
pub(crate) struct Session {
    ssh: Child,
    output: BufReader<ChildStdout>,
    is_open: bool,
}

impl Session {
    /// Whether the login was let through.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Sends a line to the other side, and whether it comes back. If it does not, ssh has given the
    /// connection up.
    pub(crate) fn echoes(&mut self, line: &str) -> bool {
        let input = self.ssh.stdin.as_mut().expect("it is taken only at the end");
        writeln!(input, "{line}").is_ok() && self.line() == format!("{line}\n")
    }

    /// The next line from the other side; empty when there will be none.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("ssh says something or ends");
        line
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The command on the other side ends with its input, and ssh with it.
        drop(self.ssh.stdin.take());
        let _ = self.ssh.wait();
    }
}
