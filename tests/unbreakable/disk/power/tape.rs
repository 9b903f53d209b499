//! What a process asks of the disk, recorded by strace(1), and a disk that loses power.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::chance::Chance;
use crate::support::house::House;
use crate::support::strace::Strace;

/// The state file and its log.
pub(super) const FILES: [&str; 2] = ["state.db", "state.db-wal"];

const LOG: usize = 1;

/// What a disk writes wholly or not at all.
const SECTOR: usize = 512;

#[derive(Debug)]
pub(super) enum Operation {
    Write { file: usize, at: usize, bytes: Vec<u8> },
    Cut { file: usize, length: usize },
    Sync { file: usize },
}

impl Operation {
    pub(super) fn forces_the_log(&self) -> bool {
        matches!(self, Self::Sync { file: LOG })
    }
}

pub(super) struct Tape {
    pub(super) operations: Vec<Operation>,
    /// So many operations make a commit whole.
    pub(super) commits: BTreeSet<usize>,
}

/// strace(1) at work.
pub(super) struct Recorder {
    strace: Strace,
    output: PathBuf,
}

impl Recorder {
    pub(super) fn attach(house: &House) -> Self {
        let output = house.path("tape");
        let paths = FILES.map(|name| house.path("state").join(name));
        let text = |path: &Path| path.to_str().expect("a name").to_owned();
        let (file, log, tape) = (text(&paths[0]), text(&paths[1]), text(&output));
        let arguments = [
            "--decode-fds=path",
            "--strings-in-hex=all",
            "--string-limit=1000000",
            "--trace=pwrite64,ftruncate,fsync,fdatasync,unlink",
            "--trace-path",
            &file,
            "--trace-path",
            &log,
            "--output",
            &tape,
        ];
        Self { strace: Strace::attach(house, &arguments), output }
    }

    /// What was recorded until the process ended.
    pub(super) fn finish(self) -> Tape {
        self.strace.finish();
        let text = fs::read_to_string(&self.output).expect("what strace has written");
        let mut tape = Tape { operations: Vec::new(), commits: BTreeSet::new() };
        for line in text.lines() {
            assert!(!line.contains("unfinished"), "one thread writes: {}", &line[..80]);
            let (_, call) = line.split_once(' ').expect("a number and a call");
            let Some((name, rest)) = call.trim_start().split_once('(') else { continue };
            tape.add(name, rest);
        }
        let is_checkpoint = |it: &Operation| matches!(it, Operation::Sync { file: 0 });
        assert!(tape.operations.iter().any(is_checkpoint), "{} operations", tape.operations.len());
        tape
    }
}

impl Tape {
    /// The disk after so many operations.
    pub(super) fn up_to(&self, count: usize, files: &[Vec<u8>; 2]) -> Disk<'_> {
        let mut disk = Disk::new(files);
        for operation in &self.operations[..count] {
            disk.take(operation);
        }
        disk
    }

    fn add(&mut self, name: &str, rest: &str) {
        let (arguments, result) = rest.rsplit_once(" = ").expect("a result");
        assert!(!result.starts_with('-'), "{name}: {result}");
        if name == "unlink" {
            // The log, which was worked in.
            self.operations.push(Operation::Cut { file: LOG, length: 0 });
            return;
        }
        let (descriptor, rest) = arguments.split_once('>').expect("a descriptor and its path");
        let path = descriptor.split_once('<').expect("a path").1;
        let file = usize::from(unhex(path).ends_with(b"-wal"));
        let numbers: Vec<usize> = rest
            .trim_end_matches([')', ' '])
            .split(", ")
            .filter_map(|word| word.parse().ok())
            .collect();
        let operation = match (name, &*numbers) {
            ("pwrite64", [_, at]) => {
                let text = rest.split('"').nth(1).expect("what is written");
                Operation::Write { file, at: *at, bytes: unhex(text) }
            }
            ("ftruncate", [length]) => Operation::Cut { file, length: *length },
            ("fsync" | "fdatasync", []) => Operation::Sync { file },
            _ => panic!("{name} {numbers:?}"),
        };
        self.operations.push(operation);
        let done = self.operations.len();
        if let [.., Operation::Write { file: LOG, bytes: head, .. }, Operation::Write { bytes, .. }] =
            &*self.operations
            && head.len() == 24
            && bytes.len() == 4096
            && head[4..8] != [0; 4]
        {
            // The frame's head has the size of the file, so that it is the last one of its commit.
            self.commits.insert(done);
        }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.split("\\x").skip(1);
    digits.map(|digits| u8::from_str_radix(digits, 16).expect("two digits")).collect()
}

/// A disk with a cache that it has not written yet.
pub(super) struct Disk<'t> {
    synced: [Vec<u8>; 2],
    cached: [Vec<&'t Operation>; 2],
    taken: usize,
    log_synced_at: usize,
}

impl<'t> Disk<'t> {
    pub(super) fn new(files: &[Vec<u8>; 2]) -> Self {
        let (cached, taken, log_synced_at) = (Default::default(), 0, 0);
        Self { synced: files.clone(), cached, taken, log_synced_at }
    }

    pub(super) fn take(&mut self, operation: &'t Operation) {
        self.taken += 1;
        match operation {
            Operation::Write { file, .. } | Operation::Cut { file, .. } => {
                self.cached[*file].push(operation);
            }
            Operation::Sync { file } => {
                let cached = std::mem::take(&mut self.cached[*file]);
                for it in cached {
                    perform(&mut self.synced[*file], it, |_| true);
                }
                if *file == LOG {
                    self.log_synced_at = self.taken;
                }
            }
        }
    }

    /// After so many operations the log was forced to the disk for the last time.
    pub(super) fn log_synced_at(&self) -> usize {
        self.log_synced_at
    }

    /// The files as everybody sees them while there is power.
    pub(super) fn whole(&self) -> [Vec<u8>; 2] {
        self.files(|_| true)
    }

    /// What is left of them: of what was cached any sectors, most of them, few, or all up to some
    /// point.
    pub(super) fn after_power_loss(&self, chance: &mut Chance) -> [Vec<u8>; 2] {
        let mut left = chance.below(1 + self.cached.iter().flatten().count() * 9);
        match chance.below(4) {
            0 => self.files(|_| chance.once_in(2)),
            1 => self.files(|_| !chance.once_in(20)),
            2 => self.files(|_| chance.once_in(20)),
            _ => self.files(|_| {
                left = left.saturating_sub(1);
                left > 0
            }),
        }
    }

    fn files(&self, mut is_written: impl FnMut(usize) -> bool) -> [Vec<u8>; 2] {
        let mut files = self.synced.clone();
        for (file, cached) in files.iter_mut().zip(&self.cached) {
            for operation in cached {
                perform(file, operation, &mut is_written);
            }
        }
        files
    }
}

/// Does to a file what was asked, for those sectors that are written.
fn perform(file: &mut Vec<u8>, operation: &Operation, mut is_written: impl FnMut(usize) -> bool) {
    match operation {
        Operation::Write { at, bytes, .. } => {
            let mut at = *at;
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (part, behind) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
                if is_written(at) {
                    let end = at + part.len();
                    file.resize(file.len().max(end), 0);
                    file[at..end].copy_from_slice(part);
                }
                (at, rest) = (at + part.len(), behind);
            }
        }
        Operation::Cut { length, .. } => {
            if is_written(*length) {
                file.resize(*length, 0);
            }
        }
        Operation::Sync { .. } => {}
    }
}
