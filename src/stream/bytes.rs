//! Bytes of an input: a file or standard input, decompressed by what it contains, metered for progress and hashed for provenance.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::error::{Error, Result};

/// Where frames come from.
#[derive(Clone, Debug)]
pub enum Input {
    /// Standard input, `-`.
    Stdin,
    /// A file, perhaps compressed.
    File(PathBuf),
    /// Standard input, kept in a temporary file so that it can be read twice or by name.
    Spooled(Arc<tempfile::TempPath>),
}

impl Input {
    /// `-` is standard input, anything else a path.
    pub fn from_argument(argument: &str) -> Self {
        match argument {
            "-" => Input::Stdin,
            path => Input::File(path.into()),
        }
    }

    /// The name used in messages, legends and provenance.
    pub fn name(&self) -> String {
        match self {
            Input::Stdin | Input::Spooled(_) => "-".to_string(),
            Input::File(path) => path.display().to_string(),
        }
    }

    /// The path, unless it is standard input.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Input::Stdin => None,
            Input::File(path) => Some(path),
            Input::Spooled(path) => Some(path),
        }
    }
}

/// How much of an input has been read; shared with the progress bar and the provenance.
#[derive(Debug, Default)]
pub struct Meter {
    stored: AtomicU64,
    size: Option<u64>,
    without_hash: AtomicBool,
    content: Mutex<Option<Content>>,
}

/// What an input contained after decompression, known once its end has been reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Number of bytes.
    pub bytes: u64,
    /// BLAKE3 hash, hexadecimal, where it is wanted.
    pub blake3: Option<String>,
}

impl Meter {
    /// A meter for something of `size` units, where known.
    pub fn new(size: Option<u64>) -> Self {
        Meter {
            size,
            ..Meter::default()
        }
    }

    /// Units read so far: stored (compressed) bytes, or frames for formats that are read by chemfiles.
    pub fn position(&self) -> u64 {
        self.stored.load(Ordering::Relaxed)
    }

    /// Units in all, where known.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Notes that more units have been read.
    pub fn advance(&self, units: u64) {
        self.stored.fetch_add(units, Ordering::Relaxed);
    }

    /// Leaves the hash out: nothing will carry it.
    pub fn leave_out_hash(&self) {
        self.without_hash.store(true, Ordering::Relaxed);
    }

    /// Whether the content is to be hashed.
    pub fn wants_hash(&self) -> bool {
        !self.without_hash.load(Ordering::Relaxed)
    }

    /// What the whole input contained; `None` until its end has been reached.
    pub fn content(&self) -> Option<Content> {
        self.content.lock().expect("no reader has panicked").clone()
    }

    /// Notes what the whole input contained.
    pub fn set_content(&self, content: Content) {
        *self.content.lock().expect("no reader has panicked") = Some(content);
    }
}

/// Counts the stored bytes that pass.
struct Metered<R> {
    reader: R,
    meter: Arc<Meter>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.meter.advance(count as u64);
        Ok(count)
    }
}

/// A compression that is read and written transparently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// gzip, `.gz`.
    Gzip,
    /// xz, `.xz`.
    Xz,
    /// bzip2, `.bz2`.
    Bzip2,
    /// Zstandard, `.zst`.
    Zstd,
}

impl Compression {
    const MAGIC: [(&'static [u8], Compression); 4] = [
        (&[0x1f, 0x8b], Compression::Gzip),
        (&[0xfd, b'7', b'z', b'X', b'Z', 0], Compression::Xz),
        (b"BZh", Compression::Bzip2),
        (&[0x28, 0xb5, 0x2f, 0xfd], Compression::Zstd),
    ];

    fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Xz => "xz",
            Compression::Bzip2 => "bzip2",
            Compression::Zstd => "Zstandard",
        }
    }

    fn from_content(start: &[u8]) -> Option<Self> {
        Self::MAGIC
            .iter()
            .find(|(magic, _)| start.starts_with(magic))
            .map(|&(_, compression)| compression)
    }

    /// The compression that a file name's ending asks for, and the name without it.
    pub fn from_name(name: &str) -> (Option<Self>, &str) {
        let endings = [
            (".gz", Self::Gzip),
            (".xz", Self::Xz),
            (".bz2", Self::Bzip2),
            (".zst", Self::Zstd),
        ];
        for (ending, compression) in endings {
            if let Some(stem) = name.strip_suffix(ending) {
                return (Some(compression), stem);
            }
        }
        (None, name)
    }
}

/// Opens an input for reading, decompressed.
///
/// Errors: a missing file, a directory, an empty input.
pub fn open(input: &Input) -> Result<(Box<dyn Read>, Arc<Meter>)> {
    let (mut stored, meter): (Box<dyn Read>, _) = match input {
        Input::Stdin => {
            let meter = Arc::new(Meter::new(None));
            (
                Box::new(Metered {
                    reader: io::stdin().lock(),
                    meter: meter.clone(),
                }),
                meter,
            )
        }
        Input::File(_) | Input::Spooled(_) => {
            let (file, size) = open_file(input.path().expect("it has a path"))?;
            let meter = Arc::new(Meter::new(size));
            (
                Box::new(Metered {
                    reader: file,
                    meter: meter.clone(),
                }),
                meter,
            )
        }
    };
    let mut start = Vec::new();
    stored
        .by_ref()
        .take(6)
        .read_to_end(&mut start)
        .map_err(|error| Error::from(error).in_input(input.name()))?;
    if start.is_empty() {
        return Err(Error::new("the input is empty")
            .in_input(input.name())
            .help("give a file or a pipe that holds at least one frame"));
    }
    let compression = Compression::from_content(&start);
    let stored = io::Cursor::new(start).chain(stored);
    let reader = match compression {
        None => Box::new(stored),
        Some(compression) => decompress(stored, compression)?,
    };
    Ok((reader, meter))
}

/// Whether a file is compressed.
pub fn is_compressed(input: &Input) -> Result<bool> {
    let Some(path) = input.path() else {
        return Ok(false);
    };
    let (file, _) = open_file(path)?;
    let mut start = Vec::new();
    file.take(6).read_to_end(&mut start)?;
    Ok(Compression::from_content(&start).is_some())
}

/// Reads an input to its end for its size and hash.
pub fn content(input: &Input) -> Result<Content> {
    let (mut reader, _) = open(input)?;
    let mut hasher = blake3::Hasher::new();
    let bytes = io::copy(&mut reader, &mut hasher)?;
    Ok(Content {
        bytes,
        blake3: Some(hasher.finalize().to_hex().to_string()),
    })
}

/// Keeps standard input, decompressed, in a temporary file, so that it can be read twice.
pub fn spool() -> Result<Input> {
    Ok(Input::Spooled(Arc::new(decompressed_copy(
        &Input::Stdin,
        "",
    )?)))
}

/// Copies an input, decompressed, to a temporary file whose name has the given ending; it is removed when dropped.
pub fn decompressed_copy(input: &Input, ending: &str) -> Result<tempfile::TempPath> {
    let failed = |error: io::Error| {
        Error::new(format!(
            "cannot keep the input in a temporary file: {error}"
        ))
        .help("make room in the folder for temporary files, or name another in TMPDIR")
    };
    let (mut reader, _) = open(input)?;
    let mut file = tempfile::Builder::new()
        .suffix(ending)
        .tempfile()
        .map_err(failed)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => break Ok(file.into_temp_path()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(|error| Error::from(error).in_input(input.name()))?,
        };
        file.write_all(&buffer[..read]).map_err(failed)?;
    }
}

/// Opens a regular file or a named pipe; the size is known only of the former.
pub fn open_file(path: &Path) -> Result<(File, Option<u64>)> {
    let refused = |error: io::Error| {
        let help = match error.kind() {
            io::ErrorKind::NotFound => "check the path",
            io::ErrorKind::PermissionDenied => "make it readable",
            _ => "give another file",
        };
        let error = Error::from(error).help(help);
        error.in_input(path.display().to_string())
    };
    let file = File::open(path).map_err(refused)?;
    let about = file.metadata().map_err(refused)?;
    if about.is_dir() {
        return Err(Error::new("it is a directory")
            .help("give a file in it")
            .in_input(path.display().to_string()));
    }
    Ok((file, about.is_file().then_some(about.len())))
}

fn decompress(stored: impl Read + 'static, compression: Compression) -> Result<Box<dyn Read>> {
    let reader: Box<dyn Read> = match compression {
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(
            io::BufReader::with_capacity(1 << 18, stored),
        )),
        Compression::Xz => Box::new(liblzma::read::XzDecoder::new_multi_decoder(stored)),
        Compression::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(stored)),
        Compression::Zstd => Box::new(zstd::Decoder::new(stored)?),
    };
    Ok(Box::new(Decompressed {
        reader,
        compression,
    }))
}

/// Says of damage that it is the compression's.
struct Decompressed {
    reader: Box<dyn Read>,
    compression: Compression,
}

impl Read for Decompressed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader
            .read(buffer)
            .map_err(|error| match error.kind() {
                // The input's own end, or nothing wrong at all.
                io::ErrorKind::UnexpectedEof | io::ErrorKind::Interrupted => error,
                kind => {
                    let name = self.compression.name();
                    let what = format!(
                        "the {name} compression is damaged ({error}); fetch or compress the file again"
                    );
                    io::Error::new(kind, what)
                }
            })
    }
}
