//! Tables that commands take as inputs: what format they have, and their columns.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::data::table::Cells;
use crate::error::Result;
use crate::sink::provenance;
use crate::sink::table::TableFormat;
use crate::stream::bytes::{self, Compression, Input};

/// The format that a name tells, compressed or not.
pub fn of_path(path: &Path) -> Option<TableFormat> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_ascii_lowercase();
    let (_, stem) = Compression::from_name(&name);
    TableFormat::of_path(Path::new(stem)).ok()
}

/// What an input begins with, decompressed.
pub fn start(input: &Input) -> Result<Vec<u8>> {
    let (reader, _) = bytes::open(input)?;
    let mut start = Vec::new();
    reader.take(1 << 16).read_to_end(&mut start)?;
    Ok(start)
}

/// The format of a table that begins like that: text, if it is none of the others.
pub fn of_content(start: &[u8]) -> TableFormat {
    match start {
        [b'P', b'A', b'R', b'1', ..] => TableFormat::Parquet,
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => TableFormat::ArrowIpc,
        [b'{', ..] => TableFormat::NdJson,
        _ => TableFormat::Csv,
    }
}

/// A file with the ending of its format, decompressed; the second value keeps it.
pub fn readable(
    input: &Input,
    format: TableFormat,
) -> Result<(PathBuf, Option<tempfile::TempPath>)> {
    let says_so = |path: &Path| match TableFormat::of_path(path) {
        Ok(named) => named == format,
        // What has another ending is read as text.
        Err(_) => format == TableFormat::Csv,
    };
    match input.path() {
        Some(path) if says_so(path) && !bytes::is_compressed(input)? => Ok((path.to_owned(), None)),
        _ => {
            let kept = bytes::decompressed_copy(input, &format!(".{}", format.name()))?;
            Ok((kept.to_path_buf(), Some(kept)))
        }
    }
}

/// What is known about an input that was read as a whole.
pub fn about(input: &Input, format: &str, rows: u64, with_hash: bool) -> Result<provenance::Input> {
    let content = with_hash.then(|| bytes::content(input)).transpose()?;
    Ok(provenance::Input {
        name: input.name(),
        label: None,
        format: format.to_string(),
        bytes: content.as_ref().map(|content| content.bytes),
        blake3: content.and_then(|content| content.blake3),
        frames_used: rows,
        positions: None,
    })
}

/// The numbers of a column, whole or not; NaN where one is missing.
pub fn reals(cells: Option<Cells>) -> Vec<f64> {
    let values = cells.map_or(Vec::new(), |cells| cells.reals());
    values
        .into_iter()
        .map(|value| value.unwrap_or(f64::NAN))
        .collect()
}

/// What is wrong with a value that is not finite.
pub fn missing_or(name: &str, value: f64) -> String {
    match value.is_nan() {
        true => format!("the {name} is missing"),
        false => format!("the {name} is {value}"),
    }
}
