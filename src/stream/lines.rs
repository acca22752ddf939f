//! Lines of a text input, handed out singly (headers) or as whole blocks (the rows of a frame).

use std::io::Read;
use std::sync::Arc;

use super::bytes::{Content, Meter};
use crate::error::{Error, Kind, Result};

const CHUNK: usize = 1 << 20;

/// A text input read forwards once, with line numbers.
pub struct Lines {
    reader: Box<dyn Read>,
    meter: Arc<Meter>,
    buffer: Vec<u8>,
    start: usize,
    at_end: bool,
    consumed: u64,
    hasher: blake3::Hasher,
    bytes: u64,
}

/// Consecutive whole lines, owned, so that another thread can parse them.
#[derive(Clone, Debug)]
pub struct Block {
    /// The text, every line with its `\n`.
    pub bytes: Vec<u8>,
    /// Where each line's `\n` stands.
    pub ends: Vec<usize>,
    /// Line number of the first line, counted from 1.
    pub first_line: u64,
}

impl Block {
    /// A block of whole lines.
    pub fn new(bytes: Vec<u8>, first_line: u64) -> Self {
        let ends = memchr::memchr_iter(b'\n', &bytes).collect();
        Block {
            bytes,
            ends,
            first_line,
        }
    }

    /// The number of words in the first line.
    pub fn words_of_first_line(&self) -> usize {
        let first = self.bytes.split(|&byte| byte == b'\n').next();
        let words = first.unwrap_or_default().split(u8::is_ascii_whitespace);
        words.filter(|word| !word.is_empty()).count()
    }
}

impl Lines {
    /// Lines of a reader whose progress goes to `meter`.
    pub fn new(reader: Box<dyn Read>, meter: Arc<Meter>) -> Self {
        Lines {
            reader,
            meter,
            buffer: Vec::new(),
            start: 0,
            at_end: false,
            consumed: 0,
            hasher: blake3::Hasher::new(),
            bytes: 0,
        }
    }

    /// The meter that this reading advances.
    pub fn meter(&self) -> Arc<Meter> {
        self.meter.clone()
    }

    /// Number of the line that was handed out last, counted from 1.
    pub fn number(&self) -> u64 {
        self.consumed
    }

    /// The first bytes of what is still unread, at least `wanted` of them unless the input is shorter.
    pub fn peek(&mut self, wanted: usize) -> Result<&[u8]> {
        while self.buffer.len() - self.start < wanted && !self.at_end {
            self.fill()?;
        }
        Ok(&self.buffer[self.start..])
    }

    /// The next line without its end; `None` at the end of the input.
    ///
    /// A last line that lacks its line end is not handed out: the file may have been cut there.
    pub fn line(&mut self) -> Result<Option<&str>> {
        let mut searched = 0;
        let length = loop {
            let unread = &self.buffer[self.start..];
            match memchr::memchr(b'\n', &unread[searched..]) {
                Some(at) => break searched + at,
                None if !self.at_end => {
                    searched = unread.len();
                    self.fill()?;
                }
                None if unread.is_empty() => return Ok(None),
                None => return Err(self.unfinished_line()),
            }
        };
        let line = self.start..self.start + length;
        self.start = line.end + 1;
        self.consumed += 1;
        let text = std::str::from_utf8(&self.buffer[line]).map_err(|_| {
            Error::new("the line is not text")
                .help("check the format of the input, or name it with --format")
                .at_line(self.consumed)
        })?;
        Ok(Some(text.strip_suffix('\r').unwrap_or(text)))
    }

    /// The next `count` lines.
    ///
    /// Errors: the input ends before (of kind [`Kind::Truncated`]).
    pub fn block(&mut self, count: usize, size_hint: usize) -> Result<Block> {
        let first_line = self.consumed + 1;
        let mut bytes = Vec::with_capacity(size_hint + size_hint / 64);
        // The count is what the input says, which may be nonsense: memory is taken as lines come.
        let mut ends = Vec::with_capacity(count.min(CHUNK));
        let mut left = count;
        while left > 0 {
            let unread = &self.buffer[self.start..];
            let mut end = 0;
            for at in memchr::memchr_iter(b'\n', unread).take(left) {
                ends.push(bytes.len() + at);
                end = at + 1;
            }
            left = count - ends.len();
            if left > 0 && self.at_end {
                let missing = Error::of_kind(
                    Kind::Truncated,
                    format!(
                        "the input ends in the middle of a frame, {left} of its {count} lines short"
                    ),
                );
                return Err(missing
                    .help(PARTIAL)
                    .at_line(self.consumed + (count - left) as u64 + 1));
            }
            let end = if left > 0 { unread.len() } else { end };
            bytes.extend_from_slice(&unread[..end]);
            self.start += end;
            if left > 0 {
                self.fill()?;
            }
        }
        self.consumed += count as u64;
        Ok(Block {
            bytes,
            ends,
            first_line,
        })
    }

    fn unfinished_line(&self) -> Error {
        Error::of_kind(Kind::Truncated, "the input ends in the middle of a line")
            .help(PARTIAL)
            .at_line(self.consumed + 1)
    }

    fn fill(&mut self) -> Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let old = self.buffer.len();
        self.buffer.resize(old + CHUNK, 0);
        let mut filled = old;
        // Pipes hand out little at a time; a frame should not wait for more than it needs, so one read is enough.
        loop {
            match self.reader.read(&mut self.buffer[filled..]) {
                Ok(count) => {
                    filled += count;
                    self.at_end = count == 0;
                    break;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.buffer.truncate(old);
                    return Err(match Error::from(error) {
                        cut if cut.kind() == Kind::Truncated => Error::of_kind(
                            Kind::Truncated,
                            "the compressed input ends before its content does",
                        )
                        .help(PARTIAL),
                        error => error,
                    });
                }
            }
        }
        self.buffer.truncate(filled);
        let fresh = &self.buffer[old..];
        if self.meter.wants_hash() {
            self.hasher.update(fresh);
        }
        self.bytes += fresh.len() as u64;
        if self.at_end {
            self.meter.set_content(Content {
                bytes: self.bytes,
                blake3: (self.meter.wants_hash())
                    .then(|| self.hasher.finalize().to_hex().to_string()),
            });
        }
        Ok(())
    }

    /// The error of an input that ends before a frame's rows.
    pub fn cut_in_header(&self) -> Error {
        Error::of_kind(
            Kind::Truncated,
            "the input ends in the middle of a frame's header",
        )
        .help("use --partial to go on with the complete frames before it")
        .at_line(self.number() + 1)
    }
}

const PARTIAL: &str = "use --partial to go on with the complete frames before it (if the file is whole, end its last line)";
