//! fail2ban itself, unpacked from Debian's package: what is compared with it reads the same files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const CACHE: &str = "/var/cache/jailkeeper-tests";

/// The unpacked package: `etc/fail2ban` and `usr/lib/python3/dist-packages/fail2ban` are below it.
/// Downloaded when it is not there yet.
pub(crate) fn package() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(unpacked)
}

fn unpacked() -> PathBuf {
    fs::create_dir_all(CACHE).expect("a directory for the package");
    let lock = File::create(Path::new(CACHE).join("fail2ban.lock")).expect("a lock file");
    lock.lock().expect("the lock on the package");
    let version = version();
    let root = Path::new(CACHE).join(format!("fail2ban-{version}"));
    if root.exists() {
        return root;
    }
    let folder = tempfile::tempdir_in(CACHE).expect("a directory for the download");
    run(Command::new("apt-get")
        .arg("download")
        .arg(format!("fail2ban={version}"))
        .current_dir(folder.path()));
    let found = fs::read_dir(folder.path()).expect("the directory of the download").flatten();
    let package = found.map(|entry| entry.path()).next().expect("the package was downloaded");
    let unfinished = folder.path().join("root");
    run(Command::new("dpkg").arg("-x").arg(&package).arg(&unfinished));
    fs::rename(&unfinished, &root).expect("the finished package");
    root
}

/// The version that this host's Debian would install. What was unpacked once serves without it.
fn version() -> String {
    let output = Command::new("apt-cache")
        .args(["show", "--no-all-versions", "fail2ban"])
        .output()
        .expect("apt-cache runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.lines().find_map(|line| line.strip_prefix("Version: "));
    version.expect("apt knows fail2ban").to_owned()
}

fn run(command: &mut Command) {
    let status = command.status().expect("the command runs");
    assert!(status.success(), "{command:?}: {status}");
}
