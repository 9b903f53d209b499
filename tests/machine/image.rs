//! The root file system that all machines share, read only.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

const CACHE: &str = "/var/cache/jailkeeper-tests";

/// What the machines have beyond Debian's minimum. Without libpam-systemd polkitd is not configured.
const PACKAGES: &str = "systemd,systemd-sysv,systemd-resolved,dbus,libpam-systemd,polkitd,nftables,\
    iproute2,openssh-server,sshpass,libpam-modules,netcat-openbsd,python3-minimal";

/// The root file system of this host's own Debian release, for which the package was built. Made
/// with debootstrap when it is not there yet.
pub(crate) fn root() -> PathBuf {
    let release = release();
    // Another list of packages makes another root.
    let root = Path::new(CACHE).join(format!("root-{release}-{}", PACKAGES.len()));
    fs::create_dir_all(CACHE).expect("a directory for the root file system");
    let lock = File::create(Path::new(CACHE).join("lock")).expect("a lock file");
    lock.lock().expect("the lock on the root file system");
    if !root.exists() {
        let unfinished = Path::new(CACHE).join(format!("unfinished-{release}"));
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).expect("room for a new root file system");
        }
        let status = Command::new("debootstrap")
            .arg("--variant=minbase")
            .arg(format!("--include={PACKAGES}"))
            .arg(&release)
            .arg(&unfinished)
            .arg(mirror())
            .status()
            .expect("debootstrap is installed");
        assert!(status.success(), "debootstrap of {release}: {status}");
        fs::rename(&unfinished, &root).expect("the finished root file system");
    }
    root
}

/// The name of this host's Debian release; on other systems that of Debian 12.
fn release() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    match (value("ID="), value("VERSION_CODENAME=")) {
        (Some("debian"), Some(name)) => name.to_owned(),
        _ => "bookworm".to_owned(),
    }
}

/// The mirror from which this host itself is installed.
fn mirror() -> String {
    let list = fs::read_to_string("/etc/apt/sources.list").unwrap_or_default();
    let parts = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten();
    let texts = parts.filter_map(|part| fs::read_to_string(part.path()).ok()).chain([list]);
    texts
        .collect::<Vec<_>>()
        .iter()
        .flat_map(|text| text.lines())
        .filter(|line| line.starts_with("deb ") || line.starts_with("URIs:"))
        .flat_map(str::split_ascii_whitespace)
        .map(|word| word.trim_end_matches('/'))
        .find(|word| word.contains("://") && word.ends_with("/debian"))
        .unwrap_or("http://deb.debian.org/debian")
        .to_owned()
}
