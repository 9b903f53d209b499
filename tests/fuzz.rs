//! The fuzz targets, on the stable compiler and without libFuzzer: over their seeds, and over
//! inputs that are put together of pieces of them.

use std::fs;
use std::ops::Range;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "there it is a crate")]
mod targets;

/// So many random inputs each target gets.
const CASES: u32 = 500;

/// What an input is made of.
#[derive(Clone, Debug)]
enum Piece {
    Token(String),
    Seed(String, Range<Index>),
    Noise(String),
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz"))
}

fn seeds(target: &str) -> Vec<String> {
    let files = fs::read_dir(folder().join("seeds").join(target)).expect("seeds");
    let mut files: Vec<_> = files.map(|file| file.expect("a seed").path()).collect();
    files.sort_unstable();
    files.into_iter().map(|file| fs::read_to_string(file).expect("text")).collect()
}

/// The words of libFuzzer's dictionary for a target.
fn tokens(target: &str) -> Vec<String> {
    let path = folder().join("dictionaries").join(target).with_extension("dict");
    let text = fs::read_to_string(path).expect("a dictionary");
    let quoted = text.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    let plain = |word: &str| {
        word.replace(r"\\", "\0").replace(r"\x0a", "\n").replace("\\\"", "\"").replace('\0', "\\")
    };
    quoted.map(plain).collect()
}

fn inputs(target: &str) -> impl Strategy<Value = String> {
    let seed = (select(seeds(target)), any::<Index>(), any::<Index>());
    let piece = prop_oneof![
        4 => select(tokens(target)).prop_map(Piece::Token),
        2 => seed.prop_map(|(seed, start, end)| Piece::Seed(seed, start..end)),
        1 => ".{0,4}".prop_map(Piece::Noise),
    ];
    // A seed with something in the midst of it, or pieces alone.
    let pieces = proptest::collection::vec(piece, 0..30)
        .prop_map(|all| all.into_iter().map(text).collect::<String>());
    let around = proptest::option::of((select(seeds(target)), any::<Index>()));
    (pieces, around).prop_map(|(pieces, around)| match around {
        None => pieces,
        Some((mut seed, at)) => {
            seed.insert_str(boundary(&seed, at), &pieces);
            seed
        }
    })
}

fn text(piece: Piece) -> String {
    match piece {
        Piece::Token(text) | Piece::Noise(text) => text,
        Piece::Seed(seed, Range { start, end }) => {
            let (start, end) = (boundary(&seed, start), boundary(&seed, end));
            seed[start.min(end)..start.max(end)].to_owned()
        }
    }
}

fn boundary(text: &str, at: Index) -> usize {
    text.floor_char_boundary(at.index(text.len() + 1))
}

fn try_out(target: &str, run: fn(&[u8])) {
    for seed in seeds(target) {
        run(seed.as_bytes());
    }
    let config = ProptestConfig { cases: CASES, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&inputs(target), |input| {
        run(input.as_bytes());
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn any_configuration_is_read() {
    try_out("dialect", targets::dialect::run);
}

#[test]
fn any_pattern_is_compiled_or_refused() {
    try_out("pattern", targets::pattern::run);
}

#[test]
fn any_date_is_read_or_passed_over() {
    try_out("dates", targets::dates::run);
}

#[test]
fn any_line_is_judged() {
    try_out("line", targets::line::run);
}
