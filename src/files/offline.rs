//! A log from its beginning to its end, compressed or not, for those who look at it afterwards.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::encoding::{Encoding, as_utf8, decode, form_of};
use super::split::{Form, LINE_BYTES_MAX, Splitter, Step, WINDOW_BYTES};

/// At most so much memory is taken for what compressed bytes refer back to: as much as the xz(1)
/// and zstd(1) of any level below `--ultra` want. What wants more is refused.
pub const DICTIONARY_BYTES_MAX: u32 = 128 * 1024 * 1024;

/// How bytes are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Xz,
    Zstd,
}

impl Packing {
    /// How what begins like this is compressed (RFC 1952, 2.3.1; .xz file format, 2.1.1.1; RFC 8878,
    /// 3.1.1 and 3.1.2).
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// A line of a log, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLine<'l> {
    /// Its text.
    Text(&'l str),
    /// It has more than [`LINE_BYTES_MAX`] bytes and is left out.
    TooLong,
}

/// The lines of one log, decoded.
pub struct Lines {
    source: Box<dyn Read + Send>,
    count: Arc<AtomicU64>,
    encoding: Encoding,
    splitter: Option<(Form, Splitter)>,
    buffer: Vec<u8>,
    /// What of the buffer is still to be split.
    from: usize,
    to: usize,
    is_at_end: bool,
    replaced: u64,
}

impl Lines {
    /// The lines of a file. What has compressed it, gzip, xz or zstd, is known by how it begins.
    ///
    /// # Errors
    ///
    /// When it cannot be opened or read.
    pub fn open(path: &Path, encoding: Encoding) -> io::Result<Self> {
        Self::new(File::open(path)?, encoding)
    }

    /// The lines of what a reader has, such as the standard input.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn new(source: impl Read + Send + 'static, encoding: Encoding) -> io::Result<Self> {
        let count = Arc::new(AtomicU64::new(0));
        let mut source = Counting { source, count: Arc::clone(&count) };
        let mut start = Vec::new();
        source.by_ref().take(6).read_to_end(&mut start)?;
        let packing = Packing::of(&start);
        let whole = BufReader::with_capacity(WINDOW_BYTES, io::Cursor::new(start).chain(source));
        let source: Box<dyn Read + Send> = match packing {
            None => Box::new(whole),
            Some(Packing::Gzip) => Box::new(MultiGzDecoder::new(whole)),
            Some(Packing::Xz) => {
                Box::new(XzReader::new_mem_limit(whole, true, DICTIONARY_BYTES_MAX / 1024))
            }
            Some(Packing::Zstd) => Box::new(Frames::new(whole)),
        };
        Ok(Self {
            source,
            count,
            encoding,
            splitter: None,
            buffer: vec![0; 2 * WINDOW_BYTES],
            from: 0,
            to: 0,
            is_at_end: false,
            replaced: 0,
        })
    }

    /// How many bytes have been read so far, as they are in the file.
    pub fn meter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.count)
    }

    /// How many lines so far had bytes without meaning in the encoding.
    pub fn replaced(&self) -> u64 {
        self.replaced
    }

    /// Reads on, behind what is still to be split.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.from..self.to, 0);
        self.to -= self.from;
        self.from = 0;
        while let Some(free) = self.buffer.get_mut(self.to..).filter(|free| !free.is_empty()) {
            match self.source.read(free) {
                Ok(0) => {
                    self.is_at_end = true;
                    break;
                }
                Ok(count) => {
                    self.to += count;
                    // The byte order mark has up to three.
                    if self.to > 2 {
                        break;
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Hands over each line, until there is none or nobody wants more.
    ///
    /// # Errors
    ///
    /// When the log cannot be read on.
    pub fn each(
        &mut self,
        mut take: impl FnMut(LogLine<'_>) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        while !self.is_at_end {
            self.fill()?;
            if self.hand_over(&mut take).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Hands over the lines that are in the buffer.
    fn hand_over(
        &mut self,
        take: &mut impl FnMut(LogLine<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let bytes = self.buffer.get(..self.to).unwrap_or_default();
        let (form, splitter) = self.splitter.get_or_insert_with(|| {
            let (form, mark) = form_of(&[self.encoding], bytes);
            self.from = mark;
            (form, Splitter::new(form, false))
        });
        let whole = form.behind_last_end(bytes).and_then(|end| bytes.get(..end));
        let whole = whole.and_then(|lines| as_utf8(self.encoding, *form, lines)).unwrap_or("");
        loop {
            let bytes = bytes.get(self.from..).unwrap_or_default();
            let mut step = splitter.step(bytes);
            if self.is_at_end && matches!(step, Step::More { .. }) {
                step = splitter.rest(bytes);
            }
            match step {
                Step::Line { text, used } => {
                    let known = whole.get(self.from..self.from + text.len());
                    let known = known.map(|text| (text.into(), false));
                    let (text, replaced) =
                        known.unwrap_or_else(|| decode(self.encoding, *form, text));
                    self.from += used;
                    self.replaced += u64::from(replaced);
                    let fits = text.len() <= LINE_BYTES_MAX;
                    take(if fits { LogLine::Text(&text) } else { LogLine::TooLong })?;
                }
                Step::TooLong { used } => {
                    self.from += used;
                    take(LogLine::TooLong)?;
                }
                Step::More { skipped } => {
                    self.from += skipped;
                    return ControlFlow::Continue(());
                }
            }
        }
    }
}

/// Counts what is read.
struct Counting<R> {
    source: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.count.fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
        Ok(count)
    }
}

/// The frames of zstd, one after the other; the decoder knows only of one.
struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    is_open: bool,
}

impl<R: BufRead> Frames<R> {
    fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(DICTIONARY_BYTES_MAX.into());
        Self { source, decoder, is_open: false }
    }

    /// Begins the next frame; false if there is none.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.source) {
                Ok(()) => {
                    self.is_open = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut self.source.by_ref().take(length.into()), &mut io::sink())?;
                }
                Err(e) => return Err(io::Error::new(io::ErrorKind::InvalidData, e)),
            }
        }
        Ok(false)
    }

    /// Ends a frame, if its checksum is right.
    fn end(&mut self) -> io::Result<()> {
        self.is_open = false;
        let told = self.decoder.get_checksum_from_data();
        if told.is_some() && told != self.decoder.get_calculated_checksum() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "wrong checksum of a zstd frame",
            ));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.is_open && !self.begin()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            self.end()?;
        }
    }
}
