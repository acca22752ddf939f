//! The log of LAMMPS, read while it grows.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use super::input::COMPLETE;
use crate::error::{Error, Result};

/// A row of thermo output, of the columns that the inputs ask for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Number of the step.
    pub step: i64,
    /// Kinetic temperature (energy/k_B).
    pub temperature: f64,
    /// U/N (energy).
    pub energy: f64,
    /// W/(3V) (energy/length³).
    pub virial_pressure: f64,
    /// The conserved quantity per particle (energy).
    pub conserved: f64,
}

impl Row {
    fn parse(line: &str) -> Option<Row> {
        let mut words = line.split_ascii_whitespace();
        let step = words.next()?.parse().ok()?;
        let mut number = || words.next()?.parse().ok();
        let row = Row {
            step,
            temperature: number()?,
            energy: number()?,
            virial_pressure: number()?,
            conserved: number()?,
        };
        words.next().is_none().then_some(row)
    }
}

/// A log and how far it has been read.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    read: u64,
    in_table: bool,
    /// Whether the run has come to its end.
    pub is_complete: bool,
    /// What LAMMPS says stopped it.
    pub error: Option<String>,
}

impl Log {
    /// A log that has not been looked at yet.
    pub fn new(path: PathBuf) -> Self {
        Log {
            path,
            read: 0,
            in_table: false,
            is_complete: false,
            error: None,
        }
    }

    /// The rows that have been added; a log that is not there yet has none.
    pub fn rows(&mut self) -> Result<Vec<Row>> {
        let mut text = Vec::new();
        let mut read = || -> std::io::Result<()> {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(self.read))?;
            file.read_to_end(&mut text)?;
            Ok(())
        };
        match read() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
            read => read.map_err(|error| Error::io("read", &self.path, error))?,
        }
        Ok(self.take_text(&text))
    }

    /// Takes in what stands behind what has been read, and returns its rows. A last line without its end is still being written: it
    /// comes again.
    pub fn take_text(&mut self, text: &[u8]) -> Vec<Row> {
        let whole = memchr::memrchr(b'\n', text).map_or(0, |at| at + 1);
        self.read += whole as u64;
        let text = String::from_utf8_lossy(&text[..whole]);
        text.lines().filter_map(|line| self.take(line)).collect()
    }

    /// The number of bytes that have been read.
    pub fn read(&self) -> u64 {
        self.read
    }

    /// Takes a line in; a row, if it is one.
    fn take(&mut self, line: &str) -> Option<Row> {
        let line = line.trim();
        if line.starts_with("ERROR") {
            self.error.get_or_insert(line.to_string());
        } else if line == COMPLETE {
            self.is_complete = true;
        } else if line.starts_with("Step ") {
            self.in_table = true;
        } else if line.starts_with("Loop time") {
            self.in_table = false;
        } else if self.in_table {
            return Row::parse(line);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::input::THERMO;
    use super::*;

    const TEXT: &str = "thermo_style custom step temp\nprint \"hyalo: complete\"x\n   Step          Temp\n\
        \x20        0   1.0000000000000002     -4.5                1.25  -4\n\
        WARNING: Dump 1 5 3 2 1\n       100   nan -4.25 1 -4\n       200   0.5 -4";

    #[test]
    fn a_growing_log_gives_its_rows_once_and_lines_only_when_they_are_whole() {
        assert_eq!(THERMO.split(' ').count(), 5);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = Log::new(path.clone());
        assert_eq!(log.rows().unwrap(), []);
        std::fs::write(&path, TEXT).unwrap();
        let rows = log.rows().unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].step, rows[0].temperature), (0, 1.0000000000000002));
        assert!(rows[1].step == 100 && rows[1].temperature.is_nan());
        std::fs::write(
            &path,
            format!("{TEXT}.75 2 -3\nLoop time of 1\n 300 1 1 1 1\n"),
        )
        .unwrap();
        let rows = log.rows().unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (rows[0].energy, rows[0].virial_pressure, rows[0].conserved),
            (-4.75, 2.0, -3.0)
        );
        assert!(!log.is_complete && log.error.is_none());
        std::fs::write(
            &path,
            format!(
                "{TEXT}.75 2 -3\nLoop time of 1\n 300 1 1 1 1\nERROR: Lost atoms\nhyalo: complete\n"
            ),
        )
        .unwrap();
        assert_eq!(log.rows().unwrap(), []);
        assert_eq!(log.error.as_deref(), Some("ERROR: Lost atoms"));
        assert!(log.is_complete);
    }
}
