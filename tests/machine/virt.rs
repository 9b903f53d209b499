//! A virtual machine with the kernel of another release. It has this host's own files, read only and
//! with a layer in memory above, so that this very program of tests runs in it.
//!
//! It is emulated, not accelerated: that works wherever the tests do, and takes half a minute to boot.

use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::image::{self, Archive, CACHE};

/// What makes and runs the machine, apart from this host.
const HOUSE: (&str, &str) = ("bookworm", "busybox-static kmod qemu-system-x86");

/// The parameter by which the kernel's command line names the script that is run; a test that changes
/// the machine as a whole looks for it.
const PARAMETER: &str = "jailkeeper.run=";

/// The kernels' modules that are of use.
const MODULES: &str = "net crypto lib fs/9p fs/netfs fs/fscache fs/overlayfs fs/autofs \
    drivers/virtio drivers/net/veth.ko drivers/net/dummy.ko arch/x86/crypto";

/// Fetches a kernel, and packs it with what boots it. In mount namespaces of its own.
const MAKE: &str = r#"
set -eu
mount --make-rprivate /
for directory in run tmp mnt; do mount -t tmpfs tmpfs "$ROOT/$directory"; done
mount -t proc proc "$ROOT/proc"
mkdir -p "$ROOT/run/systemd/resolve" "$ROOT/tmp/lists/partial" "$ROOT/tmp/cache/archives/partial"
cp /etc/resolv.conf "$ROOT/run/systemd/resolve/stub-resolv.conf"
cp "$KEYS" "$ROOT/tmp/keys.gpg"
echo "deb [signed-by=/tmp/keys.gpg] $MIRROR $RELEASE main" > "$ROOT/tmp/sources"
printf '%s' "$INIT" > "$ROOT/tmp/init"
chroot "$ROOT" bash -euc '
    cd /tmp
    apt() {
        tool=$1
        shift
        "$tool" -q -o Dir::Etc::SourceList=/tmp/sources -o Dir::Etc::SourceParts=- \
            -o Dir::State::Lists=/tmp/lists -o Dir::Cache=/tmp/cache -o Acquire::Languages=none \
            -o Acquire::Retries=3 -o APT::Sandbox::User=root "$@"
    }
    needs() { apt apt-cache show "$1" | sed -n "s/^Depends: .*\($2-[0-9][^ ,]*\).*/\1/p" | head -n 1; }
    apt apt-get update
    image=$(needs "$PACKAGE" linux-image)
    # Ubuntu has the modules apart.
    apt apt-get download "$image" $(needs "$image" linux-modules)
    for package in *.deb; do dpkg-deb --extract "$package" tree; done
    # Debian 13 has all of it in /usr, and its modules packed.
    [ -e tree/lib ] || ln -s usr/lib tree/lib
    find tree/lib/modules/ -name "*.ko.xz" -exec busybox unxz {} +
    version=$(ls tree/lib/modules)
    mkdir -p first/bin first/dev first/host first/layer first/proc first/root first/sys
    mkdir -p "first/lib/modules/$version"
    cd "tree/lib/modules/$version"
    cp modules.builtin modules.builtin.modinfo modules.order "/tmp/first/lib/modules/$version"
    for part in $MODULES; do
        [ ! -e "kernel/$part" ] || cp -a --parents "kernel/$part" "/tmp/first/lib/modules/$version"
    done
    cd /tmp
    depmod --basedir /tmp/first "$version"
    cp /bin/busybox first/bin/
    for program in chroot echo mkdir modprobe mount poweroff sh; do
        ln -s busybox "first/bin/$program"
    done
    install -m 755 init first/init
    cp tree/boot/vmlinuz-* /mnt/kernel
    cd first
    find . | busybox cpio -o -H newc | gzip -1 > /mnt/first
'
mkdir "$OUT"
cp "$ROOT/mnt/kernel" "$ROOT/mnt/first" "$OUT"
"#;

/// The first process in the machine. The modules that the kernel asks for come from where it began.
const INIT: &str = r#"#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in virtio_pci 9pnet_virtio 9p overlay; do modprobe "$module"; done
echo /bin/modprobe > /proc/sys/kernel/modprobe
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=524288 host /host
mount -t tmpfs layer /layer
mkdir /layer/upper /layer/work
mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work overlay /root
mount -t proc proc /root/proc
mount -t sysfs sys /root/sys
mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
mount -t devtmpfs dev /root/dev
mkdir -p /root/dev/pts /root/dev/shm
mount -t devpts pts /root/dev/pts
for directory in dev/shm run var/log; do mount -t tmpfs tmpfs "/root/$directory"; done
read -r line < /proc/cmdline
chroot /root /bin/bash "${line##*jailkeeper.run=}"
echo "status: $?"
poweroff -f
"#;

/// Runs it. In mount and PID namespaces of its own.
const RUN: &str = r#"
set -eu
mount --make-rprivate /
mount --rbind / "$ROOT/mnt"
mount --rbind /dev "$ROOT/dev"
mount -t proc proc "$ROOT/proc"
exec chroot "$ROOT" timeout "${MINUTES}m" qemu-system-x86_64 -nodefaults -no-user-config -nographic -no-reboot \
    -accel tcg,thread=multi -cpu max -smp 2 -m 1536 -serial stdio \
    -kernel "/mnt$KERNEL/kernel" -initrd "/mnt$KERNEL/first" \
    -append "console=ttyS0 quiet panic=-1 $PARAMETER" \
    -virtfs local,path=/mnt,mount_tag=host,security_model=none,readonly=on,multidevs=remap
"#;

/// A kernel that can be had.
pub(crate) struct Kernel {
    /// Its version.
    pub(crate) version: &'static str,
    release: &'static str,
    package: &'static str,
}

/// The oldest one that we promise to work with.
pub(crate) const FLOOR: Kernel =
    Kernel { version: "5.15", release: "jammy", package: "linux-image-virtual" };

pub(crate) const DEBIAN_11: Kernel =
    Kernel { version: "5.10", release: "bullseye", package: "linux-image-amd64" };
pub(crate) const DEBIAN_12: Kernel =
    Kernel { version: "6.1", release: "bookworm", package: "linux-image-amd64" };
pub(crate) const DEBIAN_13: Kernel =
    Kernel { version: "6.12", release: "trixie", package: "linux-image-amd64" };

/// Whether this is such a machine.
pub(crate) fn is_here() -> bool {
    fs::read_to_string("/proc/cmdline").is_ok_and(|line| line.contains(PARAMETER))
}

impl Kernel {
    /// Runs these tests of this program, one after the other, in a machine with the kernel; what they
    /// have said. Those are ignored elsewhere that would be in the way of others.
    ///
    /// # Panics
    ///
    /// When one of them fails, or the machine is not through within `minutes`.
    pub(crate) fn passes(&self, tests: &[&str], minutes: u32) -> String {
        let (house, kernel) = self.fetched();
        let place = TempDir::with_prefix("jailkeeper-virt-").expect("a directory");
        let script = place.path().join("script");
        let program = env::current_exe().expect("the path of this program");
        let soak = if env::var_os("JAILKEEPER_SOAK").is_some() { "JAILKEEPER_SOAK=1" } else { "" };
        let text = format!(
            "cd {}\necho\nuname --kernel-release\n\
             {soak} {} --include-ignored --nocapture --test-threads 1 {} 2>&1\n",
            env!("CARGO_MANIFEST_DIR"),
            program.display(),
            tests.join(" ")
        );
        fs::write(&script, text).expect("a script");
        let output = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--mount-proc", "--fork"])
            .args(["--kill-child=KILL", "bash", "-c", RUN])
            .env("MINUTES", minutes.to_string())
            .env("ROOT", house)
            .env("KERNEL", kernel)
            .env("PARAMETER", format!("{PARAMETER}{}", script.display()))
            .stdin(Stdio::null())
            .output()
            .expect("setpriv and unshare are installed");
        let said = super::boot::text(&output);
        let version = said.lines().any(|line| line.starts_with(self.version));
        assert!(version, "it is not Linux {}:\n{said}", self.version);
        assert!(said.contains("status: 0"), "Linux {}:\n{said}", self.version);
        assert!(!said.contains("running 0 tests"), "{said}");
        said
    }

    /// The root with the emulator, and the directory with the kernel.
    fn fetched(&self) -> (PathBuf, PathBuf) {
        let house = image::root_with(HOUSE.0, HOUSE.1, "");
        let _lock = image::lock();
        let mut hasher = DefaultHasher::new();
        (MAKE, INIT, MODULES, self.package).hash(&mut hasher);
        let name = format!("kernel-{}-{:016x}", self.release, hasher.finish());
        let kernel = Path::new(CACHE).join(name);
        if !kernel.exists() {
            let unfinished = image::unfinished(self.release);
            let archive = Archive::of(self.release);
            image::run(
                Command::new("unshare")
                    .args(["--mount", "--pid", "--fork", "--kill-child=KILL", "bash", "-c", MAKE])
                    .env("ROOT", &house)
                    .env("OUT", &unfinished)
                    .env("KEYS", archive.keys)
                    .env("MIRROR", archive.mirror)
                    .env("RELEASE", self.release)
                    .env("PACKAGE", self.package)
                    .env("MODULES", MODULES)
                    .env("INIT", INIT)
                    .stdin(Stdio::null()),
            );
            fs::rename(&unfinished, &kernel).expect("the finished kernel");
        }
        (house, kernel)
    }
}
