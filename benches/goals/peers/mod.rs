//! The others, had from Debian and from the registry of crates, and unpacked into the cache.

pub(crate) mod crowdsec;
pub(crate) mod fail2ban;
pub(crate) mod fail2ban_rs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::report::Outcome;

/// Another program that does what ours does, or a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Fail2ban,
    Sshguard,
    Crowdsec,
    Fail2banRs,
    Ripgrep,
}

impl Peer {
    fn name(self) -> &'static str {
        match self {
            Self::Fail2ban => "fail2ban",
            Self::Sshguard => "sshguard",
            Self::Crowdsec => "crowdsec",
            Self::Fail2banRs => "fail2ban-rs",
            Self::Ripgrep => "ripgrep",
        }
    }

    /// The packages of Debian that it takes.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Fail2ban => &["fail2ban", "python3-systemd", "python3-pyinotify"],
            Self::Sshguard => &["sshguard"],
            Self::Crowdsec => &["crowdsec"],
            Self::Ripgrep => &["ripgrep"],
            Self::Fail2banRs => &[],
        }
    }
}

/// The others that are in the cache.
pub(crate) struct Peers {
    cache: PathBuf,
}

impl Peers {
    pub(crate) fn new(cache: &Path) -> Self {
        Self { cache: cache.join("peers") }
    }

    /// Where it is unpacked, or why it could not be had.
    pub(crate) fn place(&self, peer: Peer) -> Outcome<PathBuf> {
        let place = self.cache.join(peer.name());
        if place.exists() {
            return Ok(place);
        }
        let why = fs::read_to_string(self.trouble(peer)).unwrap_or("it was not fetched".to_owned());
        Err(format!("{} could not be had: {why}", peer.name()))
    }

    /// Its name and its version.
    pub(crate) fn title(&self, peer: Peer) -> String {
        let version = fs::read_to_string(self.cache.join(peer.name()).join("version"));
        let version = version.unwrap_or_default();
        format!("{} {}", peer.name(), version.split(['-', '~']).next().unwrap_or_default())
            .trim_end()
            .to_owned()
    }

    /// Fetches it, if it is not here yet. What goes wrong is kept for the table.
    pub(crate) fn fetch(&self, peer: Peer) {
        let place = self.cache.join(peer.name());
        if place.exists() {
            return;
        }
        eprintln!("goals: fetching {}", peer.name());
        let half = self.cache.join(format!("{}.half", peer.name()));
        let _none = fs::remove_dir_all(&half);
        let fetched = fs::create_dir_all(&half)
            .map_err(|e| format!("{}: {e}", half.display()))
            .and_then(|()| match peer {
                Peer::Fail2banRs => fail2ban_rs::install(&half),
                _ => unpack(peer.packages(), &half),
            })
            .and_then(|()| match peer {
                Peer::Fail2ban => fail2ban::compile(&half),
                _ => Ok(()),
            })
            .and_then(|()| fs::rename(&half, &place).map_err(|e| e.to_string()));
        if let Err(why) = fetched {
            eprintln!("goals: {}: {why}", peer.name());
            let _left = fs::remove_dir_all(&half);
            let _unsaid = fs::write(self.trouble(peer), why);
        }
    }

    fn trouble(&self, peer: Peer) -> PathBuf {
        self.cache.join(format!("{}.trouble", peer.name()))
    }
}

/// Unpacks packages of Debian; nothing is installed.
fn unpack(packages: &[&str], into: &Path) -> Outcome<()> {
    // The user "_apt" may not write there.
    let options = ["-q", "download", "-o", "APT::Sandbox::User=root"];
    run(Command::new("apt-get").args(options).args(packages).current_dir(into))?;
    for (number, package) in packages.iter().enumerate() {
        let files = glob::glob(&format!("{}/{package}_*.deb", into.display()));
        let file = files.ok().and_then(|mut files| files.next()).and_then(Result::ok);
        let file = file.ok_or_else(|| format!("apt-get has not downloaded {package}"))?;
        if number == 0 {
            let version = run(Command::new("dpkg-deb").arg("-f").arg(&file).arg("Version"))?;
            fs::write(into.join("version"), version.trim()).map_err(|e| e.to_string())?;
        }
        run(Command::new("dpkg-deb").arg("-x").arg(&file).arg(into))?;
        fs::remove_file(&file).map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// What a program prints, or what is wrong.
fn run(command: &mut Command) -> Outcome<String> {
    let output = command
        .output()
        .map_err(|e| format!("{} does not start: {e}", command.get_program().display()))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let last = complaint.trim().lines().last().unwrap_or_default().to_owned();
        Err(format!("{} has failed: {last}", command.get_program().display()))
    }
}

/// Copies a directory with all that is in it.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, to) = (entry?.path(), to.to_owned());
        let to = to.join(entry.file_name().unwrap_or_default());
        if entry.is_dir() { copy(&entry, &to)? } else { fs::copy(&entry, to).map(drop)? }
    }
    Ok(())
}
