//! How the programs are linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Where a program is loaded shifts 26,000 of its addresses; packed, they take a fiftieth of the
    // room, of which less is to be read at each start. The dynamic linker understands it since glibc
    // 2.36 (Debian 12).
    println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
}
