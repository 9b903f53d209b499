//! What the service cannot do, wherever it runs. What its unit adds is in
//! `tests/machine/unbreakable/privilege.rs`.

use std::fs;
use std::io::ErrorKind;
use std::process::Command;
use std::thread;

use jailkeeper::pledge;

use crate::support::house::House;

#[test]
fn whoever_has_pledged_to_execute_nothing_cannot() {
    let refused = || {
        let attempt = Command::new("/bin/true").status();
        attempt.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
    };
    let pledged = thread::spawn(move || {
        pledge::execute_nothing().expect("the kernel has filters");
        refused() && thread::spawn(refused).join().expect("no panic")
    });
    assert!(pledged.join().expect("no panic"), "neither it nor the threads that it starts");
    assert!(!refused(), "who has pledged nothing may");
}

#[test]
fn every_thread_of_the_service_has_pledged_it() {
    let house = House::guarded("");
    let service = house.service.as_ref().expect("it runs").id();
    let threads = fs::read_dir(format!("/proc/{service}/task")).expect("it runs").flatten();
    let statuses: Vec<String> = threads
        .map(|thread| fs::read_to_string(thread.path().join("status")).expect("a thread"))
        .collect();
    assert!(statuses.len() > 3, "{statuses:?}");
    for status in statuses {
        // One is the tests' own, with the unit's list.
        for line in ["NoNewPrivs:\t1\n", "Seccomp:\t2\n", "Seccomp_filters:\t2\n"] {
            assert!(status.contains(line), "{line:?} is not in:\n{status}");
        }
    }
}
