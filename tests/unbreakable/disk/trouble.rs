//! A disk that is full, may only be read, fails or loses the state file while the service runs: bans
//! go on, the trouble is told once and everywhere, and when it is over everything is saved.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;

use crate::support::house::{House, await_that, text};
use crate::support::netns::Netns;
use crate::support::soak::figure;
use crate::support::strace::Strace;

const CONFIGURATION: &str = "[default]\nmaxretry = 2\nfindtime = \"1d\"\nbantime = \"1d\"\n";

/// What is told of the disk, in the status and in the log.
const TROUBLE: &str = "the state cannot be saved";

/// A house, and what the service manager has heard.
struct Watched {
    house: House,
    heard: Arc<Mutex<String>>,
}

impl Watched {
    fn new() -> Self {
        let mut house = House::new(CONFIGURATION);
        house.is_injected = true;
        let path = house.path("notify");
        house.environment = vec![("NOTIFY_SOCKET", path.to_string_lossy().into_owned())];
        let socket = UnixDatagram::bind(path).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        let heard = Arc::<Mutex<String>>::default();
        let ears = Arc::clone(&heard);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while Arc::strong_count(&ears) > 1 {
                if let Ok(length) = socket.recv(&mut buffer) {
                    *ears.lock().expect("no panic") = text(&buffer[..length]);
                }
            }
        });
        Self { house, heard }
    }

    /// A house with one ban, which is saved.
    fn guarded() -> Self {
        let mut watched = Self::new();
        watched.house.start();
        watched.house.fails("203.0.113.1", 2);
        watched.house.await_log("[sshd] Ban 203.0.113.1", 1);
        watched
    }

    /// The sentence on the bus, and the last one to the service manager.
    fn status(&self) -> (String, String) {
        let status = self.house.client(&["status"]);
        (text(&status.stdout), self.heard.lock().expect("no panic").clone())
    }

    /// Bans are made, by the journal and by hand, and the trouble is told of.
    fn goes_on_and_tells(&self) {
        self.house.fails("203.0.113.2", 2);
        self.house.await_log("[sshd] Ban 203.0.113.2", 1);
        self.house.assert_element("sshd4", "203.0.113.2");
        let ban = self.house.client(&["ban", "sshd", "203.0.113.3"]);
        assert!(ban.status.success(), "{}", text(&ban.stderr));
        self.house.assert_element("sshd4", "203.0.113.3");
        self.house.fails("203.0.113.4", 1);
        self.house.await_log("[sshd] Found 203.0.113.4", 1);
        await_that("the trouble is in the status", || {
            let (bus, manager) = self.status();
            bus.contains(TROUBLE) && manager.contains(TROUBLE)
        });
        // It is tried again meanwhile, each second.
        thread::sleep(Duration::from_millis(2500));
        let times = self.house.times_logged(&format!("error: {TROUBLE}"));
        assert_eq!(times, 1, "it is told once");
    }

    /// Without anything that happens, and whole: also if power is lost right behind it.
    fn heals(mut self) {
        self.house.await_log("the state is saved again", 1);
        await_that("no trouble is in the status", || {
            let (bus, manager) = self.status();
            !bus.contains(TROUBLE) && !manager.contains(TROUBLE)
        });
        self.house.end(Signal::SIGKILL);
        self.house.network = Netns::new();
        self.house.start();
        for banned in ["203.0.113.1", "203.0.113.2", "203.0.113.3"] {
            self.house.assert_element("sshd4", banned);
        }
        assert_eq!(self.house.times_logged("[sshd] Found 203.0.113.4"), 1, "it was counted");
        self.house.fails("203.0.113.4", 1);
        self.house.await_log("[sshd] Ban 203.0.113.4", 1);
    }
}

/// A small disk in the house, which nobody else sees.
pub(super) struct Disk(PathBuf);

impl Disk {
    pub(super) fn mounted(house: &House, name: &str, options: &str) -> Self {
        let path = house.path(name);
        fs::create_dir(&path).expect("a directory");
        mount(Some("small"), &path, Some("tmpfs"), MsFlags::empty(), Some(options))
            .expect("a small disk");
        Self(path)
    }

    /// Leaves no room on it.
    fn fill(&self) {
        let full = fs::write(self.0.join("ballast"), vec![1; 4 << 20]).expect_err("it is small");
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    }

    fn empty(&self) {
        fs::remove_file(self.0.join("ballast")).expect("it is there");
    }

    fn read_only(&self, is_so: bool) {
        let flags = if is_so { MsFlags::MS_RDONLY } else { MsFlags::empty() };
        let none: Option<&str> = None;
        mount(none, &self.0, none, MsFlags::MS_REMOUNT | flags, none).expect("it is mounted anew");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The service may still use it.
        umount2(&self.0, MntFlags::MNT_DETACH).expect("it is mounted");
    }
}

/// Runs a test that mounts what only it sees, and that goes with it.
pub(super) fn with_own_mounts(test: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let test = scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
            let none: Option<&str> = None;
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("privacy");
            test();
        });
        if let Err(panic) = test.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

#[test]
fn a_full_disk_stops_no_ban_and_with_room_again_all_is_saved() {
    with_own_mounts(|| {
        let watched = Watched::new();
        let disk = Disk::mounted(&watched.house, "state", "size=1m");
        let mut watched = watched;
        watched.house.start();
        watched.house.fails("203.0.113.1", 2);
        watched.house.await_log("[sshd] Ban 203.0.113.1", 1);
        disk.fill();
        watched.goes_on_and_tells();
        assert_eq!(watched.house.times_logged("because the disk is full"), 1);
        disk.empty();
        watched.heals();
    });
}

#[test]
fn a_start_without_room_inodes_or_the_right_to_write_guards_all_the_same() {
    for trouble in ["size=1m", "nr_inodes=3", "read only"] {
        with_own_mounts(|| {
            let mut watched = Watched::new();
            let options = if trouble == "read only" { "size=1m" } else { trouble };
            let disk = Disk::mounted(&watched.house, "state", options);
            watched.house.start();
            watched.house.fails("203.0.113.1", 2);
            watched.house.await_log("[sshd] Ban 203.0.113.1", 1);
            watched.house.end(Signal::SIGTERM);
            match trouble {
                "size=1m" => disk.fill(),
                "nr_inodes=3" => fs::write(disk.0.join("ballast"), "").expect("the last inode"),
                _ => disk.read_only(true),
            }
            watched.house.start();
            watched.house.await_log("[sshd] Restore Ban 203.0.113.1", 1);
            watched.goes_on_and_tells();
            if trouble == "read only" {
                disk.read_only(false);
            } else {
                disk.empty();
            }
            watched.heals();
        });
    }
}

#[test]
fn a_disk_that_fails_in_any_call_stops_no_ban_and_all_is_saved_when_it_is_back() {
    let failures = [
        "pwrite64:error=EIO",
        "pwrite64:error=EROFS",
        "pwrite64:error=EDQUOT",
        "pwrite64,pread64,ftruncate,fdatasync,fsync:error=EIO",
    ];
    for failure in failures {
        let watched = Watched::guarded();
        let (calls, _) = failure.split_once(':').expect("calls and an error");
        let (trace, inject) = (format!("--trace={calls}"), format!("--inject={failure}"));
        let strace = Strace::attach(&watched.house, &[&trace, &inject, "--output=/dev/null"]);
        watched.goes_on_and_tells();
        drop(strace);
        watched.heals();
    }
    figure("kinds of disk errors healed without a word or a ban lost", failures.len() + 4);
}

#[test]
fn a_slow_disk_holds_up_no_ban() {
    let watched = Watched::guarded();
    let arguments =
        ["--trace=pwrite64", "--inject=pwrite64:delay_enter=500ms", "--output=/dev/null"];
    let strace = Strace::attach(&watched.house, &arguments);
    watched.house.fails("203.0.113.2", 2);
    watched.house.await_log("[sshd] Found 203.0.113.2", 1);
    let begun = Instant::now();
    watched.house.fails("203.0.113.3", 2);
    await_that("the ban", || watched.house.set("sshd4").contains("203.0.113.3"));
    let waited = begun.elapsed();
    assert!(waited < Duration::from_secs(2), "each write takes half a second, the ban {waited:?}");
    drop(strace);
    figure(
        "the longest wait for a ban while each write to the disk takes 500 ms",
        waited.as_millis(),
    );
}

#[test]
fn a_state_file_that_is_removed_or_replaced_is_written_anew() {
    let remove: fn(&Path) = |state| fs::remove_dir_all(state).expect("it is there");
    let removed_and_made: fn(&Path) = |state| {
        fs::remove_dir_all(state).expect("it is there");
        fs::create_dir(state).expect("a directory");
    };
    let replaced: fn(&Path) = |state| {
        let copy = state.join("copy");
        fs::copy(state.join("state.db"), &copy).expect("a copy");
        fs::rename(copy, state.join("state.db")).expect("it takes its place");
        fs::remove_file(state.join("state.db-wal")).expect("the log of the old one");
    };
    for (what, harm) in
        [("removed", remove), ("removed and made", removed_and_made), ("replaced", replaced)]
    {
        let watched = Watched::guarded();
        let state = watched.house.path("state");
        harm(&state);
        watched.house.fails("203.0.113.2", 2);
        watched.house.await_log("[sshd] Ban 203.0.113.2", 1);
        let ban = watched.house.client(&["ban", "sshd", "203.0.113.3"]);
        assert!(ban.status.success(), "{}", text(&ban.stderr));
        watched.house.fails("203.0.113.4", 1);
        watched.house.await_log("[sshd] Found 203.0.113.4", 1);
        if what == "removed" {
            await_that("the trouble is in the status", || watched.status().0.contains(TROUBLE));
            fs::create_dir(&state).expect("a directory");
        }
        watched.heals();
    }
}

#[test]
fn a_state_file_that_is_overwritten_is_set_aside_and_the_kernels_bans_are_taken_over() {
    let mut watched = Watched::guarded();
    for name in ["state.db", "state.db-wal"] {
        let path = watched.house.path("state").join(name);
        let length = fs::metadata(&path).expect("a file").len();
        let file = fs::File::options().write(true).open(path).expect("a file");
        file.set_len(0).and_then(|()| file.set_len(length)).expect("zeros");
    }
    watched.house.fails("203.0.113.2", 2);
    watched.house.await_log("[sshd] Ban 203.0.113.2", 1);
    let ban = watched.house.client(&["ban", "sshd", "203.0.113.3"]);
    assert!(ban.status.success(), "{}", text(&ban.stderr));
    watched.house.end(Signal::SIGKILL);
    watched.house.start();
    watched.house.await_log("the state file was damaged", 1);
    for banned in ["203.0.113.1", "203.0.113.2", "203.0.113.3"] {
        watched.house.assert_element("sshd4", banned);
        watched.house.await_log(&format!("[sshd] Restore Ban {banned}"), 1);
    }
}
