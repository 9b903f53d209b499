//! What every part is given.

use std::path::{Path, PathBuf};

use crate::corpus::Corpus;
use crate::measure::Job;
use crate::peers::Peers;

/// How much of everything.
pub(crate) struct Scale {
    /// Lines of a log for the quick ones.
    pub(crate) lines: u64,
    /// How often each is run.
    pub(crate) rounds: usize,
    /// Seconds of rest.
    pub(crate) rest: u64,
    /// Milliseconds between two single bans, at least.
    pub(crate) pause: u64,
    /// Whether the slow ones are run too.
    pub(crate) all: bool,
}

/// What every part is given.
pub(crate) struct Scene {
    pub(crate) corpus: Corpus,
    pub(crate) peers: Peers,
    pub(crate) scale: Scale,
    /// A directory that is gone when the part has ended.
    pub(crate) scratch: PathBuf,
}

impl Scene {
    pub(crate) fn new(cache: &Path, scratch: PathBuf, quick: bool) -> Self {
        let scale = if quick {
            Scale { lines: 200_000, rounds: 3, rest: 5, pause: 150, all: false }
        } else {
            Scale { lines: 1_000_000, rounds: 5, rest: 60, pause: 600, all: true }
        };
        let corpus = Corpus::new(cache).expect("the cache can be written to");
        Self { corpus, peers: Peers::new(cache), scale, scratch }
    }
}

/// The client that is measured, with the stock configuration.
pub(crate) fn client(verb: &str) -> Job {
    Job::new("jailkeeper", env!("CARGO_BIN_EXE_jailkeeper"))
        .args([verb, "--vendor"])
        .args([stock()])
}

/// The stock configuration.
pub(crate) fn stock() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/jailkeeper")
}
