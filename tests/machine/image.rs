//! The root file systems that all machines share, read only.
//!
//! Debian's come from the mirror of this host; Ubuntu's from Ubuntu's, by the keys of which it is known
//! here what they hold.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(super) const CACHE: &str = "/var/cache/jailkeeper-tests";

/// The releases that are Ubuntu's; all others are Debian's.
const UBUNTU: [&str; 2] = ["jammy", "noble"];
const UBUNTU_MIRROR: &str = "http://archive.ubuntu.com/ubuntu";

/// The package that holds Ubuntu's keys, below the mirror, and the SHA-256 sum of the file with them.
const UBUNTU_KEYS: &str = "pool/main/u/ubuntu-keyring/ubuntu-keyring_2023.11.28.1_all.deb";
const UBUNTU_KEYS_SUM: &str = "80a36b0a6de2f69f49d2df75ef473ccde121e9e190b9ea01d20a4f63778d5c31";

const DEBIAN_KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Downloads Ubuntu's keys, and checks that they are what they were.
const FETCH_KEYS: &str = r#"
set -eu
trap 'rm -rf "$KEYS.deb" "$KEYS.tree"' EXIT
curl --silent --show-error --fail --retry 3 --output "$KEYS.deb" "$URL"
dpkg-deb --extract "$KEYS.deb" "$KEYS.tree"
mv "$KEYS.tree/usr/share/keyrings/ubuntu-archive-keyring.gpg" "$KEYS.tree/keys"
echo "$SUM  $KEYS.tree/keys" | sha256sum --check --quiet
mv "$KEYS.tree/keys" "$KEYS"
"#;

/// Where a release's packages come from, and the keys that they are checked with.
pub(super) struct Archive {
    pub(super) mirror: String,
    pub(super) keys: PathBuf,
    /// Its parts that have what we need.
    pub(super) components: &'static str,
    /// The script of debootstrap, where an older debootstrap does not know the release.
    script: Option<&'static str>,
}

impl Archive {
    pub(super) fn of(release: &str) -> Self {
        if !UBUNTU.contains(&release) {
            let keys = PathBuf::from(DEBIAN_KEYS);
            return Self { mirror: mirror(), keys, components: "main", script: None };
        }
        let keys = Path::new(CACHE).join("ubuntu-keys.gpg");
        if !keys.exists() {
            run(Command::new("bash")
                .args(["-c", FETCH_KEYS])
                .env("KEYS", &keys)
                .env("URL", format!("{UBUNTU_MIRROR}/{UBUNTU_KEYS}"))
                .env("SUM", UBUNTU_KEYS_SUM));
        }
        let mirror = UBUNTU_MIRROR.to_owned();
        let script = Some("/usr/share/debootstrap/scripts/gutsy");
        Self { mirror, keys, components: "main,universe", script }
    }
}

/// What the machines have beyond Debian's minimum. Without libpam-systemd polkitd is not configured.
const PACKAGES: &str = "systemd,systemd-sysv,systemd-resolved,dbus,libpam-systemd,polkitd,nftables,\
    iproute2,openssh-server,sshpass,libpam-modules,netcat-openbsd,python3-minimal";

/// Runs in mount and PID namespaces of its own. systemd-resolved's package has made /etc/resolv.conf a
/// link into /run. Nothing is started, neither now nor when a machine boots: its tests do that.
const INSTALL: &str = r#"
set -eu
mount --make-rprivate /
mount -t proc proc "$ROOT/proc"
mount -t tmpfs tmpfs "$ROOT/run"
mkdir -p "$ROOT/run/lock" "$ROOT/run/systemd/resolve"
cp /etc/resolv.conf "$ROOT/run/systemd/resolve/stub-resolv.conf"
printf '#!/bin/sh\nexit 101\n' > "$ROOT/usr/sbin/policy-rc.d"
chmod 755 "$ROOT/usr/sbin/policy-rc.d"
touch "$ROOT/run/begin"
apt() { DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8 chroot "$ROOT" apt-get -q -y "$@"; }
apt -o Acquire::Retries=3 update
apt -o Acquire::Retries=3 install --no-install-recommends $PACKAGES
apt clean
for package in $AT_HAND; do
    apt -o Acquire::Retries=3 install --no-install-recommends --download-only "$package"
done
find "$ROOT/etc/systemd/system" -type l -newer "$ROOT/run/begin" -delete
rm -f "$ROOT"/etc/rc?.d/S* "$ROOT/usr/sbin/policy-rc.d"
"#;

/// The root file system of this host's own Debian release, for which the package was built. Made
/// with debootstrap when it is not there yet.
pub(crate) fn root() -> PathBuf {
    let _lock = lock();
    base(&release())
}

/// The root file system of another release, with the usual packages alone.
pub(crate) fn root_of(release: &str) -> PathBuf {
    let _lock = lock();
    base(release)
}

/// The root file system of a release with these packages beyond the usual ones, and with others at
/// hand that apt can put in their place without a network.
pub(crate) fn root_with(release: &str, packages: &str, at_hand: &str) -> PathBuf {
    let _lock = lock();
    let base = base(release);
    let mut hasher = DefaultHasher::new();
    (PACKAGES, INSTALL, packages, at_hand).hash(&mut hasher);
    let root = Path::new(CACHE).join(format!("services-{release}-{:016x}", hasher.finish()));
    if !root.exists() {
        let unfinished = unfinished(release);
        run(Command::new("cp").arg("-a").arg(base).arg(&unfinished));
        run(Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child=KILL", "bash", "-c", INSTALL])
            .env("ROOT", &unfinished)
            .env("PACKAGES", packages)
            .env("AT_HAND", at_hand)
            .stdin(Stdio::null()));
        fs::rename(&unfinished, &root).expect("the finished root file system");
    }
    root
}

/// A root file system with the usual packages alone.
fn base(release: &str) -> PathBuf {
    // Another list of packages makes another root.
    let root = Path::new(CACHE).join(format!("root-{release}-{}", PACKAGES.len()));
    if !root.exists() {
        let unfinished = unfinished(release);
        let archive = Archive::of(release);
        run(Command::new("debootstrap")
            .arg("--variant=minbase")
            .arg(format!("--keyring={}", archive.keys.display()))
            .arg(format!("--components={}", archive.components))
            .arg(format!("--include={PACKAGES}"))
            .arg(release)
            .arg(&unfinished)
            .arg(archive.mirror)
            .args(archive.script));
        fs::rename(&unfinished, &root).expect("the finished root file system");
    }
    root
}

/// Tests run at once, each a process or a thread: one of them makes what all need.
pub(super) fn lock() -> File {
    fs::create_dir_all(CACHE).expect("a directory for the root file systems");
    let lock = File::create(Path::new(CACHE).join("lock")).expect("a lock file");
    lock.lock().expect("the lock on the root file systems");
    lock
}

/// Where a root file system is made, with nothing there yet.
pub(super) fn unfinished(release: &str) -> PathBuf {
    let path = Path::new(CACHE).join(format!("unfinished-{release}"));
    if path.exists() {
        fs::remove_dir_all(&path).expect("room for a new root file system");
    }
    path
}

pub(super) fn run(command: &mut Command) {
    let status = command.status().expect("debootstrap, cp and unshare are installed");
    assert!(status.success(), "{command:?}: {status}");
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
