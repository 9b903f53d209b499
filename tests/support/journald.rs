//! A journald of one's own, in a namespace that no other test has.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

const PROGRAM: &str = "/lib/systemd/systemd-journald";
const LOGGER: &str = "/usr/bin/logger";

/// Where journald keeps its files, if they survive a reboot and if they do not.
const ROOTS: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

/// A running journald. All that it has made goes away with it.
pub(crate) struct Journald {
    namespace: String,
    process: Option<Child>,
    /// journald in a namespace ends when it is idle for 30 s; not while this is open.
    keep: Option<UnixStream>,
    programs: tempfile::TempDir,
    senders: Mutex<HashMap<String, Sender>>,
}

/// A process with a name of our choice, which logs each line of its input.
struct Sender {
    process: Child,
    input: ChildStdin,
}

impl Drop for Sender {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

impl Journald {
    /// A journald that listens.
    pub(crate) fn start() -> Self {
        let mut journald = Self::absent();
        journald.launch();
        journald
    }

    /// A namespace without a journald, until [`Journald::launch`].
    pub(crate) fn absent() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let journald = Self {
            namespace: format!("jk-{}-{count}", std::process::id()),
            process: None,
            keep: None,
            programs: tempfile::tempdir().expect("a directory for programs"),
            senders: Mutex::default(),
        };
        fs::create_dir_all(journald.settings()).expect("only root can run a journald");
        fs::write(journald.settings().join("test.conf"), "[Journal]\nRateLimitIntervalSec=0\n")
            .expect("the settings of a journald");
        journald
    }

    /// Starts it.
    pub(crate) fn launch(&mut self) {
        let process = Command::new(PROGRAM)
            .arg(&self.namespace)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("systemd-journald starts");
        self.process = Some(process);
        let mut keep = self.connect("stdout");
        // The header of a stream: identifier, unit, priority, prefixes, and where to forward.
        keep.write_all(b"keep\n\n6\n0\n0\n0\n0\n").expect("a stream to journald");
        self.keep = Some(keep);
        self.sync();
    }

    /// Its name: `journalctl --namespace=NAME`.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// One of its sockets: `socket`, `dev-log` or `stdout`.
    pub(crate) fn socket(&self, name: &str) -> PathBuf {
        self.runtime().join(name)
    }

    /// The directory of its files, which is there once it runs.
    pub(crate) fn directory(&self) -> PathBuf {
        self.directories().into_iter().find(|path| path.exists()).expect("it has written files")
    }

    /// Logs an entry with these fields; the process that sends is this one.
    ///
    /// The format is "Native Journal Protocol" in systemd's documentation.
    pub(crate) fn send(&self, fields: &[(&str, &[u8])]) {
        let mut datagram = Vec::new();
        for (name, value) in fields {
            datagram.extend_from_slice(name.as_bytes());
            if value.contains(&b'\n') {
                datagram.push(b'\n');
                datagram.extend_from_slice(&(value.len() as u64).to_le_bytes());
            } else {
                datagram.push(b'=');
            }
            datagram.extend_from_slice(value);
            datagram.push(b'\n');
        }
        let socket = UnixDatagram::unbound().expect("a socket");
        let sent = socket.send_to(&datagram, self.socket("socket")).expect("journald takes it");
        assert_eq!(sent, datagram.len());
    }

    /// Logs a line by syslog(3) from a process that is called `comm` (`_COMM=`), run by root
    /// (`_UID=0`). It is under way when this returns; wait for what it causes.
    pub(crate) fn send_as(&self, comm: &str, line: &str) {
        assert!(!line.contains('\n'), "a line is logged, not {line:?}");
        let mut senders = self.senders.lock().expect("no test has failed in here");
        let sender = senders.entry(comm.to_owned()).or_insert_with(|| self.sender(comm));
        writeln!(sender.input, "{line}").expect("the sender takes lines");
    }

    fn sender(&self, comm: &str) -> Sender {
        // The kernel names a process after the path by which its program was run.
        let program = self.programs.path().join(comm);
        if !program.exists() {
            symlink(LOGGER, &program).expect("a link to logger(1)");
        }
        let mut process = Command::new(program)
            .args(["--id", "--priority=auth.info", "--size=60000", "--tag", comm, "--socket"])
            .arg(self.socket("dev-log"))
            .stdin(Stdio::piped())
            .spawn()
            .expect("logger starts");
        let input = process.stdin.take().expect("its input is piped");
        Sender { process, input }
    }

    /// Returns when everything that was sent before is in the files.
    pub(crate) fn sync(&self) {
        self.call("io.systemd.Journal.Synchronize");
    }

    /// Lets it archive its files and begin new ones.
    pub(crate) fn rotate(&self) {
        self.call("io.systemd.Journal.Rotate");
    }

    /// Deletes all of its files but those that it writes to.
    pub(crate) fn vacuum(&self) {
        let done = Command::new("journalctl")
            .args(["--quiet", "--vacuum-files=1", "--namespace", &self.namespace])
            .status();
        assert!(done.expect("journalctl runs").success());
    }

    /// Kills it, as the kernel does when memory is short, and starts it anew.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.launch();
    }

    fn kill(&mut self) {
        // They are connected to the socket that goes away.
        self.senders.lock().expect("no test has failed in here").clear();
        self.keep = None;
        if let Some(mut process) = self.process.take() {
            end(&mut process);
        }
    }

    /// Connects to one of its sockets, as soon as it listens there.
    fn connect(&self, socket: &str) -> UnixStream {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            // One that was killed has left sockets behind, which refuse.
            match UnixStream::connect(self.socket(socket)) {
                Ok(stream) => return stream,
                Err(e) => assert!(Instant::now() < deadline, "journald does not listen: {e}"),
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Calls one of its Varlink methods.
    fn call(&self, method: &str) {
        let mut stream = self.connect("io.systemd.journal");
        write!(stream, "{{\"method\":\"{method}\",\"parameters\":{{}}}}\0").expect("a call");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        let mut answer = Vec::new();
        while answer.last() != Some(&0) {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("journald answers");
            answer.push(byte[0]);
        }
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.contains("\"error\""), "{method}: {answer}");
    }

    fn runtime(&self) -> PathBuf {
        Path::new("/run/systemd").join(format!("journal.{}", self.namespace))
    }

    fn settings(&self) -> PathBuf {
        Path::new("/run/systemd").join(format!("journald@{}.conf.d", self.namespace))
    }

    fn directories(&self) -> Vec<PathBuf> {
        let machine = fs::read_to_string("/etc/machine-id").expect("journald needs a machine ID");
        let name = format!("{}.{}", machine.trim(), self.namespace);
        ROOTS.iter().map(|root| Path::new(root).join(&name)).collect()
    }
}

impl Drop for Journald {
    fn drop(&mut self) {
        self.kill();
        for path in self.directories().into_iter().chain([self.runtime(), self.settings()]) {
            // Each of them may never have been made.
            let _missing = fs::remove_dir_all(path);
        }
    }
}

fn end(process: &mut Child) {
    // One that has ended by itself cannot be killed.
    let _ended = process.kill();
    let _status = process.wait();
}

/// An entry for [`fixture`]: its time in microseconds since the epoch, and its fields.
pub(crate) type Entry<'a> = (u64, Vec<(&'a str, &'a [u8])>);

/// The present, as an [`Entry`] has it.
pub(crate) fn present() -> u64 {
    let now = Duration::from(clock_gettime(ClockId::CLOCK_REALTIME).expect("there is a clock"));
    u64::try_from(now.as_micros()).expect("this century")
}

/// Entries of sshd with these messages, from now on, so many microseconds apart.
pub(crate) fn of_sshd(messages: &[String], apart: usize) -> Vec<Entry<'_>> {
    (present()..).step_by(apart).zip(messages.iter().map(|it| fields_of_sshd(it))).collect()
}

fn fields_of_sshd(message: &str) -> Vec<(&str, &[u8])> {
    vec![("MESSAGE", message.as_bytes()), ("_COMM", b"sshd"), ("_UID", b"0")]
}

/// Makes a file of the journal with these entries, by systemd-journal-remote(8).
pub(crate) fn fixture(file: &Path, entries: &[Entry<'_>]) {
    let export = file.with_extension("export");
    let mut text = BufWriter::new(File::create(&export).expect("a file for the entries"));
    for (time, fields) in entries {
        write!(
            text,
            "__REALTIME_TIMESTAMP={time}\n__MONOTONIC_TIMESTAMP={time}\n\
             _BOOT_ID=0123456789abcdef0123456789abcdef\n"
        )
        .expect("an entry");
        for (name, value) in fields {
            text.write_all(name.as_bytes()).expect("an entry");
            text.write_all(b"\n").expect("an entry");
            text.write_all(&(value.len() as u64).to_le_bytes()).expect("an entry");
            text.write_all(value).expect("an entry");
            text.write_all(b"\n").expect("an entry");
        }
        text.write_all(b"\n").expect("an entry");
    }
    text.flush().expect("the entries");
    drop(text);
    let made = Command::new("/lib/systemd/systemd-journal-remote")
        .arg("--output")
        .arg(file)
        .arg(&export)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("systemd-journal-remote runs").success());
    fs::remove_file(export).expect("the entries are there");
}
