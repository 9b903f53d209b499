//! fail2ban itself, unpacked and not installed: the judge of what its configuration means.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const CACHE: &str = "/var/cache/jailkeeper-tests";

/// The version whose meaning is ours.
const VERSION: &str = "1.0.2";

/// The root of fail2ban's unpacked Debian package. Downloaded when it is not there yet.
pub(crate) fn package() -> &'static Path {
    static PACKAGE: OnceLock<PathBuf> = OnceLock::new();
    PACKAGE.get_or_init(unpack)
}

fn unpack() -> PathBuf {
    let cache = Path::new(CACHE);
    let root = cache.join(format!("fail2ban-{VERSION}"));
    fs::create_dir_all(cache).expect("a directory for the package");
    let lock = File::create(cache.join("fail2ban.lock")).expect("a lock file");
    lock.lock().expect("the lock on the package");
    if !root.exists() {
        let unfinished = cache.join("unfinished-fail2ban");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).expect("room for the package");
        }
        fs::create_dir(&unfinished).expect("a directory for the package");
        let mut download = Command::new("apt-get");
        // The user "_apt" may not write there.
        download.args(["download", "-o", "APT::Sandbox::User=root"]);
        run(download.arg(format!("fail2ban={VERSION}*")).current_dir(&unfinished));
        let packages = fs::read_dir(&unfinished).expect("the download is there");
        let package = packages.flatten().next().expect("a package was downloaded").path();
        run(Command::new("dpkg").arg("-x").arg(&package).arg(unfinished.join("root")));
        fs::rename(unfinished.join("root"), &root).expect("the finished package");
        fs::remove_dir_all(&unfinished).expect("the download can go");
    }
    root
}

fn run(command: &mut Command) {
    let output = command.output().expect("the program is there");
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}
