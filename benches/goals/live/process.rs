//! What a process, with all that it has started, takes.

use std::fs;
use std::time::Duration;

use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

/// Processor time of a process and of what it has waited for. Exact for the process itself; that of
/// its children is told in hundredths of a second.
pub(crate) fn cpu(pid: u32) -> Duration {
    let own = clock_getcpuclockid(Pid::from_raw(pid.cast_signed()))
        .and_then(nix::time::ClockId::now)
        .map_or(Duration::ZERO, Duration::from);
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // cutime and cstime, counted from behind the name (proc(5)).
    let waited: u64 =
        fields.get(13..15).unwrap_or_default().iter().flat_map(|f| f.parse::<u64>()).sum();
    own + Duration::from_millis(10 * waited)
}

/// Anonymous memory in MiB, of it and of its children.
pub(crate) fn memory(pid: u32) -> f64 {
    let kib: u64 = tree(pid).into_iter().map(|pid| status(pid, "RssAnon:")).sum();
    kib as f64 / 1024.0
}

/// How often its threads and those of its children have been switched to.
pub(crate) fn switches(pid: u32) -> u64 {
    let threads = tree(pid).into_iter().flat_map(|pid| {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok();
        tasks.into_iter().flatten().flatten().map(|task| task.path())
    });
    threads
        .map(|thread| {
            let text = fs::read_to_string(thread.join("status")).unwrap_or_default();
            value(&text, "voluntary_ctxt_switches:") + value(&text, "nonvoluntary_ctxt_switches:")
        })
        .sum()
}

/// It and what it has started.
fn tree(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok();
    for task in tasks.into_iter().flatten().flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        all.extend(children.split_whitespace().flat_map(str::parse::<u32>).flat_map(tree));
    }
    all
}

fn status(pid: u32, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    value(&text, name)
}

fn value(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
