//! A machine with jailkeeper, an attacker, and a bystander whom no ban may touch.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

use super::boot::Machine;
use super::lan::{Host, Lan, Login};
use super::{PATIENCE, image, wait_for};

/// The machine's own addresses.
pub(crate) const MACHINE4: &str = "198.51.100.1";
pub(crate) const MACHINE6: &str = "2001:db8:1::1";
/// The attacker's, and the network that is banned for the second one.
pub(crate) const ATTACKER4: &str = "198.51.100.66";
pub(crate) const ATTACKER6: &str = "2001:db8:66::6";
pub(crate) const ATTACKER6_NETWORK: &str = "2001:db8:66::/64";
/// Somebody else's.
pub(crate) const BYSTANDER4: &str = "198.51.100.77";
pub(crate) const BYSTANDER6: &str = "2001:db8:77::7";

const DROP_INS: &str = "/run/systemd/system/jailkeeper.service.d";
const STRICT: &str = "/run/systemd/system/jailkeeper.service.d/strict.conf";

/// How many wrong passwords the stock jail forgives, plus one.
pub(crate) const MAXRETRY: usize = 5;

/// The three of them on one network.
pub(crate) struct Scene {
    pub(crate) machine: Machine,
    pub(crate) attacker: Host,
    pub(crate) bystander: Host,
    pub(crate) lan: Lan,
}

impl Scene {
    /// A machine without jailkeeper.
    pub(crate) fn bare() -> Self {
        Self::on(&image::root())
    }

    /// A machine with another root file system, without jailkeeper.
    pub(crate) fn on(root: &Path) -> Self {
        let lan = Lan::new();
        let machine = Machine::boot(root);
        plug(&lan, &machine);
        let attacker = lan.host(ATTACKER4, ATTACKER6);
        let bystander = lan.host(BYSTANDER4, BYSTANDER6);
        Self { machine, attacker, bystander, lan }
    }

    /// A machine with the package installed, but the service not started.
    pub(crate) fn installed() -> Self {
        let scene = Self::bare();
        scene.install(&package());
        scene
    }

    /// A machine that is guarded, by all that an administrator has to do.
    pub(crate) fn guarded() -> Self {
        let scene = Self::installed();
        scene.machine.run(&["systemctl", "enable", "--now", "jailkeeper"]);
        scene
    }

    /// A guarded machine whose jail `sshd` has these settings beyond the stock ones.
    pub(crate) fn guarded_with(sshd: &str) -> Self {
        let scene = Self::installed();
        scene.configure("test.toml", &format!("[jail.sshd]\n{sshd}\n"));
        scene.machine.run(&["systemctl", "enable", "--now", "jailkeeper"]);
        scene
    }

    /// Installs a package from this host's file system. A system call that the unit does not list is the
    /// service's end, so that no test passes over it; without this it would be refused.
    pub(crate) fn install(&self, package: &Path) {
        fs::copy(package, self.machine.path("/root/jailkeeper.deb")).expect("the package");
        fs::create_dir_all(self.machine.path(DROP_INS)).expect("a directory in the machine");
        self.machine.write(STRICT, "[Service]\nSystemCallErrorNumber=kill\n");
        self.machine.run(&["dpkg", "--install", "/root/jailkeeper.deb"]);
    }

    /// Has the running service refused, as everywhere else, what the unit does not list.
    pub(crate) fn lenient(&self) {
        self.machine.run(&["rm", STRICT]);
        self.machine.run(&["systemctl", "daemon-reload"]);
        self.machine.run(&["systemctl", "restart", "jailkeeper"]);
    }

    /// Writes a file into `/etc/jailkeeper/jails.d`.
    pub(crate) fn configure(&self, name: &str, content: &str) {
        self.machine.write(&format!("/etc/jailkeeper/jails.d/{name}"), content);
    }

    /// Removes it again.
    pub(crate) fn unconfigure(&self, name: &str) {
        let path = self.machine.path(&format!("/etc/jailkeeper/jails.d/{name}"));
        fs::remove_file(path).expect("the file in /etc");
    }

    /// Reboots the machine, with its card plugged in from the first moment.
    pub(crate) fn reboot(&mut self) {
        let lan = &self.lan;
        self.machine.reboot(|machine| plug(lan, machine));
    }

    /// Tries wrong passwords until the attacker is banned, which must be after exactly `count`.
    pub(crate) fn attack(&self, target: &str, network: &str, count: usize) {
        let target = address(target);
        assert!(self.attacker.reaches(target), "sshd answers before the attack");
        for number in 1..=count {
            assert!(!self.bans().contains(&network.to_owned()), "banned before attempt {number}");
            let login = self.attacker.try_password("root", target);
            // The last one may be cut before sshd's answer is through.
            assert!(login == Login::Denied || number == count, "attempt {number}: {login:?}");
        }
        self.wait_for_ban(network);
        assert!(!self.attacker.reaches(target), "{network} is banned, but the kernel lets it in");
    }

    /// Waits until the jail `sshd` has banned `network`.
    pub(crate) fn wait_for_ban(&self, network: &str) {
        wait_for(&format!("the ban of {network}"), PATIENCE, || {
            self.bans().contains(&network.to_owned()).then_some(())
        });
    }

    /// Waits until the jail `sshd` has not banned `network` any more.
    pub(crate) fn wait_for_unban(&self, network: &str) {
        wait_for(&format!("the end of the ban of {network}"), PATIENCE, || {
            (!self.bans().contains(&network.to_owned())).then_some(())
        });
    }

    /// The offenders in the jail `sshd`, as the service says on D-Bus.
    pub(crate) fn bans(&self) -> Vec<String> {
        self.bans_of("sshd")
    }

    /// The offenders in a jail, or in all if it has no name.
    pub(crate) fn bans_of(&self, jail: &str) -> Vec<String> {
        let list = self.call(&["ListBans", "s", jail]);
        let rows = list["data"][0].as_array().expect("an array of bans");
        rows.iter().map(|row| row[1].as_str().expect("an offender").to_owned()).collect()
    }

    /// How many seconds the one ban in the jail `sshd` lasts, and the how manieth it is.
    pub(crate) fn length_of_ban(&self) -> (i64, u64) {
        let list = self.call(&["ListBans", "s", "sshd"]);
        let rows = list["data"][0].as_array().expect("an array of bans");
        let [row] = rows.as_slice() else { panic!("not one ban: {rows:?}") };
        let number = |column: usize| row[column].as_i64().expect("a number");
        (number(3) - number(2), row[5].as_u64().expect("a count"))
    }

    /// Calls a method of the manager; the answer is in busctl's JSON.
    pub(crate) fn call(&self, method: &[&str]) -> Value {
        let manager = ["org.jailkeeper1", "/org/jailkeeper1", "org.jailkeeper1.Manager"];
        let mut command = vec!["busctl", "--json=short", "call"];
        command.extend(manager);
        command.extend(method);
        serde_json::from_str(&self.machine.run(&command)).expect("JSON of busctl")
    }

    /// The messages of the service's own journal entries, oldest first.
    pub(crate) fn messages(&self) -> Vec<String> {
        let entries = self.machine.journal(&["_SYSTEMD_UNIT=jailkeeper.service"]);
        entries.iter().filter_map(|entry| Some(entry["MESSAGE"].as_str()?.to_owned())).collect()
    }

    /// Waits until the service has logged a message that contains `part`; `count` of them in all.
    pub(crate) fn wait_for_message(&self, part: &str, count: usize) {
        wait_for(&format!("{count} times in the journal: {part}"), PATIENCE, || {
            let found = self.messages().iter().filter(|message| message.contains(part)).count();
            (found >= count).then_some(())
        });
    }

    /// The service's main process.
    pub(crate) fn main_pid(&self) -> u32 {
        self.unit("MainPID").parse().expect("a PID")
    }

    /// A property of the service's unit.
    pub(crate) fn unit(&self, property: &str) -> String {
        let property = format!("--property={property}");
        let show = ["systemctl", "show", "--value", &property, "jailkeeper"];
        self.machine.run(&show).trim().to_owned()
    }

    /// The kernel's ruleset, as nft(8) prints it.
    pub(crate) fn ruleset(&self) -> String {
        self.machine.run(&["nft", "list", "ruleset"])
    }
}

/// The package that `make deb` has made.
///
/// # Panics
///
/// When there is none.
pub(crate) fn package() -> PathBuf {
    if let Some(path) = env::var_os("JAILKEEPER_DEB") {
        return path.into();
    }
    // .../target/debug/deps/jailkeeper-HASH
    let test = env::current_exe().expect("the path of this program");
    let target = test.ancestors().nth(3).expect("the target directory");
    let found = fs::read_dir(target.join("debian")).into_iter().flatten().flatten();
    let mut packages: Vec<_> = found
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .collect();
    packages.sort();
    packages.pop().expect("a package in target/debian; \"make deb\" makes it")
}

/// The address in `text`.
pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn plug(lan: &Lan, machine: &Machine) {
    lan.plug(machine.netns(), MACHINE4, MACHINE6);
}
