//! Logs of any length, the same on every machine: all words in them are ours, made from a fixed seed
//! in the proportions that such logs have.

mod journal;
mod nginx;
mod openssh;
mod others;
mod random;
mod stamp;

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

pub(crate) use openssh::Sshd;
pub(crate) use others::Others;
pub(crate) use random::Random;
use stamp::{Stamp, Style};

/// No log is longer in time, however many lines it has: one year's dates do for it.
const SPAN: u64 = 80 * 86_400;

/// So many lines fill that span; with fewer the attackers are as quick, and the log is shorter.
const FILLING: u64 = 1_000_000;

/// 2026-01-05 00:00 UTC.
pub(crate) const BEGIN: u64 = 1_767_571_200;

/// When the logs end; later than every date in them.
pub(crate) const NOW: &str = "2026-04-01T00:00:00Z";

/// A kind of log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    /// A server under attack, with the dates of old: `Jan  5 00:00:00`.
    Sshd,
    /// The same lines, dated after RFC 3339.
    SshdIso,
    /// Three lines in ten are those of sshd, the others many services'.
    Mixed,
    NginxAccess,
    NginxError,
}

impl Log {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sshd => "sshd",
            Self::SshdIso => "sshd-iso",
            Self::Mixed => "mixed",
            Self::NginxAccess => "nginx-access",
            Self::NginxError => "nginx-error",
        }
    }

    /// Writes so many lines of it.
    pub(crate) fn write(self, lines: u64, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Sshd => syslog(lines, Stamp::new(Style::Syslog), 10, out),
            Self::SshdIso => syslog(lines, Stamp::new(Style::Rfc3339), 10, out),
            Self::Mixed => syslog(lines, Stamp::new(Style::Syslog), 3, out),
            Self::NginxAccess => nginx::access(lines, Stamp::new(Style::Apache), out),
            Self::NginxError => nginx::error(lines, Stamp::new(Style::Nginx), out),
        }
    }
}

/// The time of this one of so many lines.
fn at(line: u64, lines: u64) -> u64 {
    BEGIN + SPAN * line / lines.max(FILLING)
}

/// Lines as a syslog daemon writes them, so many in ten of sshd.
fn syslog(lines: u64, mut stamp: Stamp, in_ten: u64, out: &mut impl Write) -> io::Result<()> {
    let (mut choice, mut sshd, mut others) = (Random::new(1), Sshd::new(), Others::new());
    for line in 0..lines {
        let date = stamp.at(at(line, lines));
        if choice.below(10) < in_ten {
            let said = sshd.next();
            writeln!(out, "{date} host1 sshd[{}]: {}", said.pid, said.message)?;
        } else {
            writeln!(out, "{date} host1 {}", others.next())?;
        }
    }
    Ok(())
}

/// Logs that are made when they are first asked for, and kept for later runs.
pub(crate) struct Corpus {
    directory: PathBuf,
}

impl Corpus {
    /// The logs in this cache. Those that another version of this generator made are removed.
    pub(crate) fn new(cache: &Path) -> io::Result<Self> {
        let mut version = DefaultHasher::new();
        for text in [
            include_str!("mod.rs"),
            include_str!("journal.rs"),
            include_str!("nginx.rs"),
            include_str!("openssh.rs"),
            include_str!("others.rs"),
            include_str!("random.rs"),
            include_str!("stamp.rs"),
        ] {
            text.hash(&mut version);
        }
        let place = cache.join("corpus");
        let directory = place.join(format!("{:016x}", version.finish()));
        if !directory.exists() {
            if place.exists() {
                fs::remove_dir_all(&place)?;
            }
            fs::create_dir_all(&directory)?;
        }
        Ok(Self { directory })
    }

    /// A log of this kind, of so many lines.
    pub(crate) fn log(&self, log: Log, lines: u64) -> io::Result<PathBuf> {
        self.made(&format!("{}-{lines}.log", log.name()), |path| {
            let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
            log.write(lines, &mut file)?;
            file.flush()
        })
    }

    /// A directory with a journal of so many entries, half of them sshd's.
    pub(crate) fn journal(&self, entries: u64) -> io::Result<PathBuf> {
        self.made(&format!("journal-{entries}"), |path| {
            if path.exists() {
                fs::remove_dir_all(path)?;
            }
            journal::make(path, entries)
        })
    }

    /// What `make` makes at the path that it is given, under this name.
    pub(crate) fn made(
        &self,
        name: &str,
        make: impl FnOnce(&Path) -> io::Result<()>,
    ) -> io::Result<PathBuf> {
        let path = self.directory.join(name);
        if !path.exists() {
            // Half of one that a run left behind must not pass for the whole.
            let half = self.directory.join(format!("{name}.half"));
            make(&half)?;
            fs::rename(half, &path)?;
        }
        Ok(path)
    }
}
