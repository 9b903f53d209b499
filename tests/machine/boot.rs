//! One machine: systemd under systemd-nspawn, on a writable layer above the shared root.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::lan::Netns;
use super::{PATIENCE, wait_for};

/// Runs in mount and PID namespaces of its own, so that all of it goes when the first process goes.
///
/// systemd-nspawn refuses to start without private mounts and a cgroup2 hierarchy at its usual
/// place. It uses the cgroup in which it is, so each machine gets one. It ends with status 133 when
/// the machine wants to be booted again. The writable layer is in memory, and goes with the
/// namespace.
const BOOT: &str = r#"
set -eu
mount --make-rprivate /
mount -t tmpfs -o mode=0755 tmpfs /run
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir "/sys/fs/cgroup/$NAME"
echo 0 > "/sys/fs/cgroup/$NAME/cgroup.procs"
mount -t tmpfs -o mode=0755 tmpfs "$DIR"
mkdir "$DIR/upper" "$DIR/work" "$DIR/root"
mount -t overlay -o "lowerdir=$LOWER,upperdir=$DIR/upper,workdir=$DIR/work" overlay "$DIR/root"
status=133
while [ "$status" = 133 ]; do
    status=0
    systemd-nspawn --quiet --directory="$DIR/root" --machine="$NAME" --private-network \
        --console=read-only --register=no --keep-unit --boot || status=$?
done
"#;

/// What the machine says on its console, within its directory. Its own root covers that, for itself
/// alone.
const CONSOLE: &str = "console";

/// A booted machine. It is switched off, and nothing of it remains, when this value goes.
pub(crate) struct Machine {
    name: String,
    supervisor: Child,
    /// Its systemd's PID, as this host sees it.
    leader: u32,
    /// The directory of all cgroups as the machine's namespace has it; the handle outlives that.
    cgroups: Option<File>,
    dir: TempDir,
}

impl Machine {
    /// Boots one from this root file system, and waits until systemd has started everything.
    pub(crate) fn boot(root: &Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("jailkeeper-{}-{number}", process::id());
        let dir = TempDir::with_prefix("jailkeeper-machine-").expect("a directory");
        let console = File::create(dir.path().join(CONSOLE)).expect("a console file");
        let supervisor = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--mount-proc"])
            .args(["--fork", "--kill-child=KILL", "bash", "-c", BOOT])
            .env("NAME", &name)
            .env("DIR", dir.path())
            .env("LOWER", root)
            .env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(console.try_clone().expect("a second handle"))
            .stderr(console)
            .spawn()
            .expect("setpriv and unshare are installed");
        let mut machine = Self { name, supervisor, leader: 0, cgroups: None, dir };
        machine.find_leader();
        machine.wait_until_up();
        machine
    }

    /// The machine's own network namespace, which is a new one after each reboot.
    pub(crate) fn netns(&self) -> Netns {
        Netns::of(self.leader)
    }

    /// Reboots; `plug` is called as soon as the new kernel side of the network is there, long before
    /// anything in the machine is started.
    pub(crate) fn reboot(&mut self, plug: impl FnOnce(&Self)) {
        let old = self.leader;
        // It may be ended by what it has asked for before it can say that all is well.
        self.try_run(&["systemctl", "reboot"]);
        wait_for("the machine goes down", PATIENCE, || {
            (!Path::new(&format!("/proc/{old}")).exists()).then_some(())
        });
        self.find_leader();
        plug(self);
        self.wait_until_up();
    }

    /// The number by which this host knows a process of the machine.
    pub(crate) fn host_pid(&self, inside: u32) -> u32 {
        let namespace = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
        let is_it = |pid: &u32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
            let last = line.and_then(|line| line.split_ascii_whitespace().last());
            last == Some(&inside.to_string()) && namespace(*pid) == namespace(self.leader)
        };
        let all = fs::read_dir("/proc").expect("proc").flatten();
        let mut pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.find(is_it).expect("a process of the machine")
    }

    /// Runs a command in the machine, as root, for at most a minute.
    pub(crate) fn try_run(&self, command: &[&str]) -> Output {
        let mut command = self.command(command);
        command.stdin(Stdio::null()).output().expect("timeout and nsenter are installed")
    }

    /// A command that runs in the machine, as root, for at most a minute.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=5", "60", "nsenter", "-t", &self.leader.to_string(), "-a", "--"])
            .args(words)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// Runs a command that must succeed, and returns what it wrote.
    pub(crate) fn run(&self, command: &[&str]) -> String {
        let output = self.try_run(command);
        assert!(output.status.success(), "{command:?}: {}\n{}", output.status, text(&output));
        String::from_utf8(output.stdout).expect("text")
    }

    /// A path of the machine, as this host sees it.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        Path::new(&format!("/proc/{}/root", self.leader)).join(path.trim_start_matches('/'))
    }

    /// Writes a file in the machine.
    pub(crate) fn write(&self, path: &str, content: &str) {
        fs::write(self.path(path), content).expect("a file in the machine");
    }

    /// The journal's entries that match, oldest first.
    pub(crate) fn journal(&self, matches: &[&str]) -> Vec<Value> {
        let mut command = vec!["journalctl", "--quiet", "--all", "--output=json"];
        command.extend(matches);
        let lines = self.run(&command);
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON of journalctl")).collect()
    }

    fn find_leader(&mut self) {
        let supervisor = self.supervisor.id();
        self.leader = wait_for("the machine has a first process", PATIENCE, || {
            assert!(
                matches!(self.supervisor.try_wait(), Ok(None)),
                "the machine did not start:\n{}",
                fs::read_to_string(self.dir.path().join(CONSOLE)).unwrap_or_default()
            );
            find_init(supervisor)
        });
        self.cgroups = File::open(format!("/proc/{supervisor}/root/sys/fs/cgroup")).ok();
    }

    fn wait_until_up(&self) {
        wait_for("systemd answers", PATIENCE, || {
            let state = self.try_run(&["systemctl", "is-system-running", "--wait"]);
            let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
            // A unit that has failed is for the test to judge.
            ["running", "degraded"].contains(&state.as_str()).then_some(())
        });
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if thread::panicking() {
            let journal =
                self.try_run(&["journalctl", "--no-pager", "-n", "60", "-o", "short-precise"]);
            eprintln!("The machine's journal ends with:\n{}", text(&journal));
        }
        let _ = self.supervisor.kill();
        let _ = self.supervisor.wait();
        if let Some(cgroups) = &self.cgroups {
            let path = format!("/proc/self/fd/{}/{}", cgroups.as_raw_fd(), self.name);
            remove_cgroup(Path::new(&path));
        }
    }
}

/// What a command wrote, for messages.
pub(crate) fn text(output: &Output) -> String {
    let all = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&all).into_owned()
}

/// The descendant of `ancestor` that is the first process of a PID namespace below its own, and
/// that runs systemd already.
fn find_init(ancestor: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{ancestor}/task/{ancestor}/children")).ok()?;
    children
        .split_ascii_whitespace()
        .filter_map(|child| child.parse().ok())
        .find_map(|child| if is_init(child) { Some(child) } else { find_init(child) })
}

fn is_init(pid: u32) -> bool {
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let innermost = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let innermost = innermost.and_then(|pids| pids.split_ascii_whitespace().last());
    comm.trim() == "systemd" && innermost == Some("1")
}

/// Removes a tree of cgroups. Killed processes take a moment to leave it.
fn remove_cgroup(cgroup: &Path) {
    let children = fs::read_dir(cgroup).into_iter().flatten().flatten();
    for child in children.filter(|child| child.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_cgroup(&child.path());
    }
    for _ in 0..100 {
        match fs::remove_dir(cgroup) {
            Err(error) if error.kind() == ErrorKind::ResourceBusy => {
                thread::sleep(Duration::from_millis(20));
            }
            _ => return,
        }
    }
}
