//! What the running service could do if somebody else were at its wheel.

use std::collections::BTreeSet;

use crate::machine::scene::{ATTACKER4, MACHINE4, MAXRETRY, Scene};
use crate::support::soak::figure;

/// All that systemd finds to say against the unit, which is what the service is there for: it reads the
/// host's log and changes the host's network. `tests/systemd.rs` has why the sum cannot be less.
const EXPOSED: [&str; 10] = [
    "AmbientCapabilities=",
    "CapabilityBoundingSet=~CAP_NET_ADMIN",
    "DeviceAllow=",
    "PrivateNetwork=",
    "PrivateUsers=",
    "ProcSubset=",
    "RestrictAddressFamilies=~AF_NETLINK",
    "RestrictAddressFamilies=~AF_UNIX",
    "RootDirectory=/RootImage=",
    "SupplementaryGroups=",
];

#[test]
fn the_running_service_has_one_capability_and_no_socket_to_the_network() {
    let scene = Scene::guarded();
    scene.attack(MACHINE4, ATTACKER4, MAXRETRY);
    let process = scene.main_pid();
    let status = scene.machine.run(&["cat", &format!("/proc/{process}/status")]);
    let cap_net_admin = format!("{:016x}", 1_u64 << 12);
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert!(status.contains(&format!("{set}:\t{cap_net_admin}\n")), "{set}:\n{status}");
    }
    for line in ["NoNewPrivs:\t1\n", "Seccomp:\t2\n"] {
        assert!(status.contains(line), "{line:?} is not in:\n{status}");
    }
    let root = status.lines().find(|line| line.starts_with("Uid:")).expect("users");
    assert!(!root.split('\t').any(|user| user == "0"), "{root}");

    // What each descriptor is, and which sockets are not of the families that stay on the host.
    let list = format!("ls -l /proc/{process}/fd | sed -n 's/.* -> socket:\\[\\(.*\\)\\]/\\1/p'");
    let open = scene.machine.run(&["sh", "-c", &list]);
    let open: BTreeSet<&str> = open.lines().collect();
    let known = scene.machine.run(&["sh", "-c", "cat /proc/net/unix /proc/net/netlink"]);
    let known: BTreeSet<&str> = known.split_ascii_whitespace().collect();
    assert!(open.len() > 5, "{open:?}");
    assert_eq!(open.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new());
    figure("sockets to the network that the running service has", 0);

    let modes = ["find", "/var/lib/jailkeeper", "-printf", "%y %m %u:%g %P\n"];
    let modes = scene.machine.run(&modes);
    assert!(modes.contains("d 700 jailkeeper:jailkeeper \n"), "{modes}");
    assert!(modes.contains("f 600 jailkeeper:jailkeeper state.db\n"), "{modes}");
    let fine = |line: &&str| line.starts_with("f 600 jailkeeper:jailkeeper state.db");
    assert_eq!(modes.lines().skip(1).filter(|line| !fine(line)).count(), 0, "{modes}");
}

#[test]
fn nothing_is_said_against_the_unit_but_what_it_is_there_for() {
    let scene = Scene::guarded();
    let table = ["systemd-analyze", "security", "--no-pager", "--json=short", "jailkeeper"];
    let table: serde_json::Value =
        serde_json::from_str(&scene.machine.run(&table)).expect("JSON of systemd-analyze");
    let rows = table.as_array().expect("an array");
    let exposed = rows.iter().filter(|row| row["set"] == false || row["exposure"].is_string());
    let exposed: BTreeSet<&str> = exposed.filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(exposed, BTreeSet::from(EXPOSED));
    scene.machine.run(&["systemd-analyze", "security", "--threshold=11", "jailkeeper"]);
    figure("exposure of the running unit (systemd-analyze security)", "1.1");
}

#[cfg(target_arch = "x86_64")]
mod from_inside {
    use std::collections::{BTreeMap, BTreeSet};
    use std::process::Command;
    use std::{fs, path::Path};

    use nix::errno::Errno;

    use crate::machine::inside::Inside;
    use crate::machine::scene::Scene;
    use crate::support::soak::figure;

    /// How the kernel and the filters say no. "No such file" is said of what is hidden.
    const REFUSALS: [Errno; 6] = [
        Errno::EPERM,
        Errno::EACCES,
        Errno::EROFS,
        Errno::ENOENT,
        Errno::ENOSYS,
        Errno::EAFNOSUPPORT,
    ];

    /// Sockets stay on the host: AF_UNIX and AF_NETLINK.
    const ALLOWED_FAMILIES: [u64; 2] = [1, 16];
    const FAMILIES: u64 = 46;

    const WRITE: u64 = 1;
    const CREATE: u64 = 0o101;
    const HERE: u64 = (-100_i64).cast_unsigned();

    #[test]
    fn the_running_service_cannot_execute_connect_or_write_elsewhere() {
        let scene = Scene::guarded();
        scene.lenient();
        let service = Inside::of(scene.machine.host_pid(scene.main_pid()));
        let tried = try_everything(service, |what, result| {
            let refused = result.is_err_and(|error| REFUSALS.contains(&error));
            assert!(refused, "{what}: {result:?}");
        });

        // Without the unit root can do all of it.
        scene.machine.run(&["systemd-run", "--unit=free", "sleep", "600"]);
        let free = ["systemctl", "show", "--value", "--property=MainPID", "free"];
        let free = scene.machine.run(&free).trim().parse().expect("a PID");
        let free = Inside::of(scene.machine.host_pid(free));
        let possible = try_everything(free, |what, result| {
            assert!(result.is_ok(), "{what}: {result:?}");
        });
        assert_eq!(tried, possible);
        figure("what a stranger inside tries and is refused", tried);
        assert_eq!(scene.bans(), Vec::<String>::new(), "the service has survived it");
    }

    #[test]
    fn the_running_service_can_execute_nothing_and_speak_to_nobody_beyond_the_host() {
        let scene = Scene::guarded();
        scene.lenient();
        let mut inside = Inside::of(scene.machine.host_pid(scene.main_pid()));
        let own = inside.call(libc::SYS_getpid, &[]).expect("calls come through");
        assert_eq!(own, u64::from(scene.main_pid()));

        let places = "find -L /bin /sbin /lib /lib64 /usr /opt -xdev -type f -perm /111";
        let programs = scene.machine.run(&["sh", "-c", &format!("{places} || true")]);
        let programs: BTreeSet<&str> = programs.lines().collect();
        assert!(programs.contains("/usr/sbin/jailkeeperd") && programs.len() > 500);
        for program in &programs {
            inside.forget();
            let path = inside.text(program);
            let result = inside.call(libc::SYS_execve, &[path, 0, 0]);
            assert_eq!(result, Err(Errno::EPERM), "{program}");
        }
        // A file in memory lies on no path.
        let name = inside.text("script");
        let file = inside.call(libc::SYS_memfd_create, &[name, 0]).expect("a file in memory");
        let script = "#!/bin/sh\n";
        let text = inside.text(script);
        assert!(inside.call(libc::SYS_write, &[file, text, script.len() as u64]).is_ok());
        let empty = inside.text("");
        let itself = 0x1000;
        let result = inside.call(libc::SYS_execveat, &[file, empty, 0, 0, itself]);
        assert_eq!(result, Err(Errno::EPERM), "a file in memory");
        assert!(inside.call(libc::SYS_close, &[file]).is_ok());
        figure("programs of the machine that the running service could execute", 0);

        for family in (0..FAMILIES).filter(|family| !ALLOWED_FAMILIES.contains(family)) {
            for kind in 1..=5 {
                let result = inside.call(libc::SYS_socket, &[family, kind, 0]);
                assert_eq!(result, Err(Errno::EAFNOSUPPORT), "family {family}, kind {kind}");
            }
        }
    }

    #[test]
    fn the_running_service_has_the_calls_that_its_unit_lists_and_no_others() {
        let scene = Scene::guarded();
        scene.lenient();
        let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("units/jailkeeper.service");
        let unit = fs::read_to_string(unit).expect("the unit");
        let usual = scene.machine.run(&["systemd-analyze", "syscall-filter", "@default"]);
        let listed = unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter="));
        let listed: BTreeSet<&str> =
            listed.chain(usual.lines()).flat_map(str::split_ascii_whitespace).collect();
        let numbers = numbers();
        let (open, closed): (Vec<_>, Vec<_>) =
            numbers.iter().partition(|(name, _)| listed.contains(name.as_str()));
        let inside = Inside::of(scene.machine.host_pid(scene.main_pid()));
        for (name, number) in &closed {
            // Nonsense, so that nothing happens should the kernel take it.
            let result = inside.call(**number, &[u64::MAX; 6]);
            // What the service has given up itself is refused before.
            let refusal = if *name == "execveat" { Errno::EPERM } else { Errno::ENOSYS };
            assert_eq!(result, Err(refusal), "{name}");
        }
        assert!(open.len() < 130 && closed.len() > 200, "{} and {}", open.len(), closed.len());
        figure("system calls that the running service has", open.len());
        figure("system calls that are kept from it", closed.len());
    }

    /// Does what nobody must do who has taken over the service, and has each result judged. How much it
    /// was.
    fn try_everything(mut inside: Inside, judge: impl Fn(&str, Result<u64, Errno>)) -> usize {
        let mut tried = 0;
        let mut attempt = |what: &str, inside: &Inside, number: i64, arguments: &[u64]| {
            judge(what, inside.call(number, arguments));
            tried += 1;
        };
        for (name, family) in [("AF_INET", 2), ("AF_INET6", 10), ("AF_PACKET", 17)] {
            let datagrams = 2;
            attempt(name, &inside, libc::SYS_socket, &[family, datagrams, 0]);
        }
        for file in [
            "/etc/passwd",
            "/etc/jailkeeper/jailkeeper.toml",
            "/usr/bin/jailkeeper",
            "/usr/lib/systemd/system/jailkeeper.service",
            "/proc/sys/net/ipv4/ip_forward",
            "/sys/fs/cgroup/init.scope/cgroup.procs",
            "/root/jailkeeper.deb",
        ] {
            let path = inside.text(file);
            attempt(file, &inside, libc::SYS_openat, &[HERE, path, WRITE, 0]);
        }
        for file in ["/etc/new", "/usr/new", "/var/new", "/home/new", "/dev/new", "/boot/new"] {
            let path = inside.text(file);
            attempt(file, &inside, libc::SYS_openat, &[HERE, path, CREATE, 0o600]);
        }
        for file in ["/etc/shadow", "/proc/1/environ", "/proc/1/mem", "/root/.bashrc"] {
            let path = inside.text(file);
            attempt(file, &inside, libc::SYS_openat, &[HERE, path, 0, 0]);
        }
        let page = 4096;
        let (read_write_execute, private_anonymous) = (7, 0x22);
        let memory = [0, page, read_write_execute, private_anonymous, u64::MAX, 0];
        attempt("code in new memory", &inside, libc::SYS_mmap, &memory);
        let (read_execute, own) = (5, inside.page());
        attempt("code in old memory", &inside, libc::SYS_mprotect, &[own, page, read_execute]);
        let state = inside.text("/var/lib/jailkeeper/state.db");
        attempt("a set-user-ID file", &inside, libc::SYS_chmod, &[state, 0o4600]);
        for (what, number) in [("setuid", libc::SYS_setuid), ("setgid", libc::SYS_setgid)] {
            attempt(what, &inside, number, &[0]);
        }
        let root = inside.text("/");
        attempt("chroot", &inside, libc::SYS_chroot, &[root]);
        attempt("chown", &inside, libc::SYS_chown, &[state, 0, 0]);
        let (kind, place) = (inside.text("tmpfs"), inside.text("/mnt"));
        attempt("mount", &inside, libc::SYS_mount, &[kind, place, kind, 0, 0]);
        attempt("umount", &inside, libc::SYS_umount2, &[place, 0]);
        attempt("a namespace", &inside, libc::SYS_unshare, &[libc::CLONE_NEWUTS as u64]);
        attempt("a signal to others", &inside, libc::SYS_kill, &[1, 0]);
        tried
    }

    /// The system calls of this processor, as its C compiler knows them.
    fn numbers() -> BTreeMap<String, i64> {
        let source = ["-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null"];
        let output = Command::new("cc").args(source).output().expect("cc is installed");
        let output = String::from_utf8(output.stdout).expect("text");
        let calls = output.lines().filter_map(|line| line.strip_prefix("#define __NR_"));
        calls
            .filter_map(|call| call.split_once(' '))
            .filter_map(|(name, number)| Some((name.to_owned(), number.parse().ok()?)))
            .collect()
    }
}
