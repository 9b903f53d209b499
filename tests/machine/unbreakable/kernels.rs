//! Kernels of other releases, on which parts of these very tests run.

use crate::machine::virt::{DEBIAN_11, DEBIAN_12, DEBIAN_13, FLOOR, Kernel};
use crate::support::soak::{figure, rounds};

/// What asks most of the kernel: bans that are there already, timeouts, sets of other lengths, the table
/// and who changes it, and the service as a whole.
const ON_ANY_KERNEL: [&str; 8] = [
    "nft::elements::a_ban_takes_whatever_was_there",
    "nft::elements::a_ban_that_is_over_lasts_a_moment_and_one_beyond_all_time_is_cut",
    "daemon::five_failures_are_a_ban_in_the_kernel_on_the_bus_and_in_the_log",
    "nft::table::what_no_gate_wants_goes",
    "daemon::a_crash_leaves_the_bans_in_the_kernel_and_the_next_process_takes_them_over",
    "nft::elements::in_one_batch_the_last_change_counts",
    "nft::table",
    "nft::networks",
];

fn figure_of(kernel: &Kernel, said: &str) {
    let passed = said.lines().filter(|line| line.ends_with("ok")).count();
    figure(&format!("Linux {}", kernel.version), format!("{passed} tests passed"));
}

/// The oldest that is promised; in `make soak` also those between it and this one, which take minutes
/// each and differ from both less than these do from each other.
#[test]
fn older_kernels_ban_as_this_one_does() {
    let kernels = [FLOOR, DEBIAN_11, DEBIAN_12, DEBIAN_13];
    // Each test takes the emulator seconds.
    let first = rounds(4, 8) as usize;
    for kernel in &kernels[..rounds(1, 4) as usize] {
        // Linux 5.10 is older than what is promised, and has no element for every address ("*"), which
        // the last of them puts into our sets.
        let first = if kernel.version == DEBIAN_11.version { first - 1 } else { first };
        let said = kernel.passes(&ON_ANY_KERNEL[..first], 20);
        figure_of(kernel, &said);
    }
}

/// The claim and the figure in a line of the machine's.
fn told(line: &str) -> Option<(&str, &str)> {
    line.split_once("figure: ")?.1.split_once(": ")
}

#[test]
fn the_clock_of_a_machine_may_be_set_and_it_may_sleep() {
    let said = DEBIAN_12.passes(&["unbreakable::clock"], 20);
    for (claim, of_it) in said.lines().filter_map(told) {
        figure(claim, of_it);
    }
}
