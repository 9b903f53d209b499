//! A journal, half of whose entries are sshd's, in as many files as journald would make of them.

use std::fs::create_dir;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::random::Random;
use super::{BEGIN, Others, Sshd};

const MAKER: &str = "/lib/systemd/systemd-journal-remote";

/// Microseconds between two entries.
const PACE: u64 = 40_000;

/// Makes a directory of files with so many entries, by systemd-journal-remote(8).
pub(super) fn make(directory: &Path, entries: u64) -> io::Result<()> {
    create_dir(directory)?;
    let mut maker = Command::new(MAKER)
        .arg("--output")
        .arg(directory.join("bench.journal"))
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| io::Error::other(format!("{MAKER} does not start: {e}")))?;
    let mut out = BufWriter::with_capacity(1 << 20, maker.stdin.take().expect("it is piped"));
    write(entries, &mut out)?;
    out.flush()?;
    drop(out);
    let status = maker.wait()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{MAKER}: {status}"))) }
}

/// Writes the entries in the journal's export format.
fn write(entries: u64, out: &mut impl Write) -> io::Result<()> {
    let (mut choice, mut sshd, mut others) = (Random::new(7), Sshd::new(), Others::new());
    for number in 0..entries {
        let time = BEGIN * 1_000_000 + number * PACE;
        write!(
            out,
            "__REALTIME_TIMESTAMP={time}\n__MONOTONIC_TIMESTAMP={}\n\
             _BOOT_ID=0123456789abcdef0123456789abcdef\n\
             _MACHINE_ID=fedcba9876543210fedcba9876543210\n_HOSTNAME=host1\n\
             _RUNTIME_SCOPE=system\nPRIORITY=6\n_SOURCE_REALTIME_TIMESTAMP={}\n",
            number * PACE,
            time - 300
        )?;
        if choice.below(2) == 0 {
            let said = sshd.next();
            let process = Process { name: "sshd", unit: "ssh.service", pid: said.pid };
            process.write(&said.message, out)?;
        } else {
            let line = others.next();
            let (name, message) = line.split_once(": ").unwrap_or(("other", &line));
            let name = name.split('[').next().unwrap_or(name);
            let unit = format!("{}.service", name.replace('/', "-"));
            let process = Process { name, unit: &unit, pid: 400 + choice.below(60_000) };
            process.write(message, out)?;
        }
    }
    Ok(())
}

/// Who says something.
struct Process<'a> {
    name: &'a str,
    unit: &'a str,
    pid: u64,
}

impl Process<'_> {
    /// The fields that journald itself adds, and the message.
    fn write(&self, message: &str, out: &mut impl Write) -> io::Result<()> {
        let Self { name, unit, pid } = self;
        write!(
            out,
            "_TRANSPORT=syslog\nSYSLOG_FACILITY=4\nSYSLOG_IDENTIFIER={name}\nSYSLOG_PID={pid}\n\
             MESSAGE={message}\n_PID={pid}\n_UID=0\n_GID=0\n_COMM={name}\n\
             _EXE=/usr/sbin/{name}\n_CMDLINE={name}: running\n_CAP_EFFECTIVE=1ffffffffff\n\
             _SELINUX_CONTEXT=unconfined\n_SYSTEMD_CGROUP=/system.slice/{unit}\n\
             _SYSTEMD_UNIT={unit}\n_SYSTEMD_SLICE=system.slice\n\
             _SYSTEMD_INVOCATION_ID=00112233445566778899aabbccddeeff\n\n"
        )
    }
}
