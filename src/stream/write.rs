//! Trajectories out: frames as text, and the compression around it.

use std::io::{self, Write};

use super::bytes::Compression;
use super::{Format, lammps_data, lammps_dump, xyz};
use crate::data::frame::Frame;
use crate::error::Result;

/// Text of a frame in a native format; `first` says whether it opens the file. Any thread may do it.
pub fn encode(format: Format, frame: &Frame, first: bool) -> Result<Vec<u8>> {
    match format {
        Format::LammpsDump => lammps_dump::format(frame, first),
        Format::LammpsData => lammps_data::format(frame),
        Format::Xyz => xyz::format(frame),
        Format::Chemfiles(format) => unreachable!("{} is written by chemfiles", format.name),
    }
}

/// The names that a column is written under, none of which is in use: `names` makes them of the column's own, which gets a `_` at its end as
/// often as need be.
pub fn unused(name: &str, used: &[String], names: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    let mut name = name.to_string();
    loop {
        let found = names(&name);
        if !found.iter().any(|found| used.contains(found)) {
            return found;
        }
        name.push('_');
    }
}

/// Key of the temperature.
pub const TEMPERATURE: &str = "temperature";

/// The names of what a frame says beside its particles, as extended XYZ writes them: its keys, and its temperature if it was given one.
pub fn keys(frame: &Frame) -> impl Iterator<Item = &str> {
    let given = frame.temperature.is_some() && frame.key(TEMPERATURE).is_none();
    let keys = frame.keys.iter().map(|(key, _)| key.as_str());
    keys.chain(given.then_some(TEMPERATURE))
}

/// A writer that has to be told when all is written.
pub enum Encoder<W: Write> {
    /// As it is.
    Plain(W),
    /// gzip.
    Gzip(flate2::write::GzEncoder<W>),
    /// xz.
    Xz(Box<liblzma::write::XzEncoder<W>>),
    /// bzip2.
    Bzip2(bzip2::write::BzEncoder<W>),
    /// Zstandard.
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> Encoder<W> {
    /// Compresses what is written to `writer`.
    pub fn new(writer: W, compression: Option<Compression>) -> Result<Self> {
        Ok(match compression {
            None => Encoder::Plain(writer),
            Some(Compression::Gzip) => Encoder::Gzip(flate2::write::GzEncoder::new(
                writer,
                flate2::Compression::default(),
            )),
            Some(Compression::Xz) => {
                Encoder::Xz(Box::new(liblzma::write::XzEncoder::new(writer, 6)))
            }
            Some(Compression::Bzip2) => Encoder::Bzip2(bzip2::write::BzEncoder::new(
                writer,
                bzip2::Compression::best(),
            )),
            Some(Compression::Zstd) => {
                let mut encoder = zstd::Encoder::new(writer, 0)?;
                // The other formats have one anyway.
                encoder.include_checksum(true)?;
                Encoder::Zstd(encoder)
            }
        })
    }

    /// Ends the compressed stream and gives the writer back.
    pub fn finish(self) -> Result<W> {
        Ok(match self {
            Encoder::Plain(writer) => writer,
            Encoder::Gzip(encoder) => encoder.finish()?,
            Encoder::Xz(encoder) => encoder.finish()?,
            Encoder::Bzip2(encoder) => encoder.finish()?,
            Encoder::Zstd(encoder) => encoder.finish()?,
        })
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Encoder::Plain(writer) => writer.write(bytes),
            Encoder::Gzip(encoder) => encoder.write(bytes),
            Encoder::Xz(encoder) => encoder.write(bytes),
            Encoder::Bzip2(encoder) => encoder.write(bytes),
            Encoder::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Encoder::Plain(writer) => writer.flush(),
            Encoder::Gzip(encoder) => encoder.flush(),
            Encoder::Xz(encoder) => encoder.flush(),
            Encoder::Bzip2(encoder) => encoder.flush(),
            Encoder::Zstd(encoder) => encoder.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::stream::bytes::{self, Input};

    #[test]
    fn damage_to_compressed_content_is_noticed() {
        let content: String = (0..400)
            .map(|row| format!("{row} {}\n", row * row))
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let read = |bytes: &[u8]| -> Result<String> {
            std::fs::write(&path, bytes)?;
            let mut text = String::new();
            bytes::open(&Input::File(path.clone()))?
                .0
                .read_to_string(&mut text)?;
            Ok(text)
        };
        for compression in [
            Compression::Gzip,
            Compression::Xz,
            Compression::Bzip2,
            Compression::Zstd,
        ] {
            let mut encoder = Encoder::new(Vec::new(), Some(compression)).unwrap();
            encoder.write_all(content.as_bytes()).unwrap();
            let whole = encoder.finish().unwrap();
            assert_eq!(read(&whole).unwrap(), content);
            // The first bytes say which compression it is.
            for at in 6..whole.len() {
                let mut damaged = whole.clone();
                damaged[at] ^= 1 << (at % 8);
                match read(&damaged) {
                    Ok(text) => assert!(text == content, "{compression:?}, byte {at}"),
                    Err(error) => assert_eq!(error.exit_code(), 2),
                }
            }
        }
    }
}
