//! Outputs of a command, opened before work starts and given their names only when all of them are whole.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::flags::OutputFlags;
use crate::data::means::{self, Means};
use crate::data::replicas::Replicas;
use crate::data::table::{
    Cells, ColumnSpec, INPUT_COLUMN, REPLICA_COLUMN, RowSink, Rows, TableSpec,
};
use crate::error::{Error, Result};
use crate::sink::atomic::AtomicFile;
use crate::sink::figure::ImageFormat;
use crate::sink::provenance::{self, Provenance};
use crate::sink::table::{TableFormat, TableWriter};
use crate::stream::write::Encoder;
use crate::stream::{About, Format};

/// How rows tell which input they come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// There is only one.
    Only,
    /// By its name.
    Named,
    /// By its name and its number: several inputs share names.
    Numbered,
}

impl Origin {
    /// What a number of inputs with these names needs.
    pub fn of(inputs: usize, replicas: &Replicas) -> Self {
        match inputs {
            _ if replicas.any() => Origin::Numbered,
            0 | 1 => Origin::Only,
            _ => Origin::Named,
        }
    }
}

/// What provenance says of an input without a label, of which so many frames were used.
pub fn input_of(about: &About, frames_used: u64) -> provenance::Input {
    let content = about.meter.content();
    provenance::Input {
        name: about.name.clone(),
        label: None,
        format: about.format.name().to_string(),
        bytes: content.as_ref().map(|content| content.bytes),
        blake3: content.and_then(|content| content.blake3),
        frames_used,
        positions: about.positions().map(str::to_string),
    }
}

/// The tables, figures and annotated trajectory that were asked for.
pub struct Outputs {
    tables: Vec<(&'static str, TableFormat, TableWriter<AtomicFile>)>,
    plots: Vec<(&'static str, ImageFormat, AtomicFile)>,
    annotated: Option<Encoder<AtomicFile>>,
    /// The rows of the main table that are averaged over replicas.
    means: Option<Means>,
    /// Name of the input that rows come from, and its number among those of that name.
    input: (Arc<str>, usize),
    origin: Origin,
    to_stdout: bool,
    paths: Vec<PathBuf>,
}

impl Outputs {
    /// Opens everything that the flags ask for.
    pub fn open(
        flags: &OutputFlags,
        specs: &'static [TableSpec],
        figures: &'static [&'static str],
        origin: Origin,
        force: bool,
    ) -> Result<Self> {
        let mut outputs = Outputs {
            tables: Vec::new(),
            plots: Vec::new(),
            annotated: None,
            means: None,
            input: ("".into(), 1),
            origin,
            to_stdout: false,
            paths: Vec::new(),
        };
        if flags.annotate.is_some() && specs.is_empty() {
            return Err(
                Error::new("this command has no per-particle columns to annotate with")
                    .help("leave --annotate out"),
            );
        }
        if let Some(path) = &flags.annotate {
            let (format, compression) = Format::from_path(Path::new(path));
            if path != "-" && format.is_some_and(|format| format != Format::Xyz) {
                return Err(Error::new(format!(
                    "{path}: the annotated trajectory is written as extended XYZ"
                ))
                .help(
                    "give a path that ends in .extxyz; hyalo convert makes other formats of it",
                ));
            }
            outputs.annotated = Some(Encoder::new(outputs.file(path, force)?, compression)?);
        }
        // Standard output can hold one thing: the annotated trajectory, else the main table.
        let unnamed = if flags.annotate.as_deref() == Some("-") {
            None
        } else {
            Some("-")
        };
        match (specs.first(), flags.output.as_deref()) {
            (Some(main), path) => {
                if let Some(path) = path.or(unnamed) {
                    outputs.open_table(main, path, force)?;
                }
            }
            (None, Some(_)) => {
                return Err(Error::new("this command has no table")
                    .help("leave -o out; --json is for programs"));
            }
            (None, None) => {}
        }
        for text in &flags.tables {
            let names = || {
                specs
                    .iter()
                    .map(|spec| spec.name)
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            let (name, path) = text.split_once('=').ok_or_else(|| {
                Error::new(format!("--table {text} is not NAME=PATH"))
                    .help(format!("tables are {}", names()))
            })?;
            let spec = specs.iter().find(|spec| spec.name == name).ok_or_else(|| {
                Error::new(format!("there is no table '{name}'"))
                    .help(format!("tables of this command and mode are {}", names()))
            })?;
            // Else it would fill standard output, too, unasked.
            let is_main = specs.first().is_some_and(|main| main.name == name);
            if is_main && flags.output.is_none() && unnamed.is_some() {
                return Err(Error::new(format!("the table '{name}' is asked for twice"))
                    .help("the first one is the main table, -o"));
            }
            outputs.open_table(spec, path, force)?;
            if let (means::NAME, Some(main), None) = (name, specs.first(), &outputs.means) {
                // A table of this name may also be the command's own.
                outputs.means = Means::of(main);
            }
        }
        for text in &flags.plots {
            let named = text.split_once('=').and_then(|(name, path)| {
                Some((*figures.iter().find(|figure| **figure == name)?, path))
            });
            let (name, path) = match (named, figures.first()) {
                (Some(named), _) => named,
                (None, Some(main)) if !text.contains('=') => (*main, text.as_str()),
                _ => {
                    if figures.is_empty() {
                        return Err(
                            Error::new("this command has no figure").help("leave --plot out")
                        );
                    }
                    return Err(
                        Error::new(format!("--plot {text}: there is no such figure"))
                            .help(format!("figures are {}", figures.join(", "))),
                    );
                }
            };
            let format = ImageFormat::from_path(Path::new(path))?;
            let file = outputs.file(path, force)?;
            outputs.plots.push((name, format, file));
        }
        Ok(outputs)
    }

    fn open_table(&mut self, spec: &'static TableSpec, path: &str, force: bool) -> Result<()> {
        let format = if path == "-" || path == "/dev/null" {
            TableFormat::Csv
        } else {
            TableFormat::of_path(Path::new(path))?
        };
        let leading: &[ColumnSpec] = match self.origin {
            // Its rows tell themselves which they come from.
            _ if spec.columns.first().map(|column| column.name) == Some(INPUT_COLUMN.name) => &[],
            Origin::Only => &[],
            Origin::Named => &[INPUT_COLUMN],
            Origin::Numbered => &[INPUT_COLUMN, REPLICA_COLUMN],
        };
        let columns = leading.iter().chain(spec.columns).copied().collect();
        let file = self.file(path, force)?;
        self.tables.push((
            spec.name,
            format,
            TableWriter::new(spec.name, columns, format, file)?,
        ));
        Ok(())
    }

    fn file(&mut self, path: &str, force: bool) -> Result<AtomicFile> {
        if path != "-" {
            let file = AtomicFile::create(Path::new(path), force)?;
            // However the path is written, and whatever links to it.
            let folder = match file.path().parent() {
                Some(folder) if folder != Path::new("") => folder,
                _ => Path::new("."),
            };
            let place = std::fs::canonicalize(folder)
                .unwrap_or_default()
                .join(file.path().file_name().unwrap_or_default());
            if self.paths.contains(&place) && !place.starts_with("/dev") {
                let what = format!("two outputs go to {path}");
                return Err(Error::new(what).help("give each a path of its own"));
            }
            self.paths.push(place);
            return Ok(file);
        }
        if std::mem::replace(&mut self.to_stdout, true) {
            return Err(
                Error::new("two outputs go to standard output").help("give one of them a path")
            );
        }
        Ok(AtomicFile::stdout())
    }

    /// Whether something is written to standard output.
    pub fn to_stdout(&self) -> bool {
        self.to_stdout
    }

    /// The input that the next rows come from: what it is called, its number among those of that name, and its own name.
    pub fn set_input(&mut self, label: &str, number: usize, name: &str) {
        self.input = (label.into(), number);
        if let Some(means) = &mut self.means {
            means.begin(&self.input.0, name);
        }
    }

    /// Whether an annotated trajectory is wanted.
    pub fn annotates(&self) -> bool {
        self.annotated.is_some()
    }

    /// Appends the text of an annotated frame.
    pub fn annotate(&mut self, text: &[u8]) -> Result<()> {
        match &mut self.annotated {
            Some(encoder) => Ok(encoder.write_all(text)?),
            None => Ok(()),
        }
    }

    /// Whether a table is wanted that carries the provenance of its numbers.
    pub fn carry_provenance(&self) -> bool {
        let formats = self.tables.iter().map(|(_, format, _)| format);
        formats
            .into_iter()
            .any(|format| format.carries_provenance())
    }

    /// Names of the figures that are wanted.
    pub fn figures(&self) -> Vec<&'static str> {
        self.plots.iter().map(|(name, ..)| *name).collect()
    }

    /// Appends rows to the files of a table.
    fn write(&mut self, table: &str, rows: Rows) -> Result<()> {
        let mut rows = Some(rows);
        let mut writers = self.tables.iter_mut().filter(|(name, ..)| *name == table);
        let mut next = writers.next();
        while let Some((.., writer)) = next {
            next = writers.next();
            // A table that goes into several files is copied for all but the last.
            let rows = match &next {
                Some(_) => rows.clone(),
                None => rows.take(),
            };
            writer.write(rows.unwrap_or_default())?;
        }
        Ok(())
    }

    /// Writes the figures, ends the tables with their provenance, and gives every file its name.
    ///
    /// After an interruption the name of a file whose format has no provenance gets `.incomplete` behind it.
    pub fn commit(
        mut self,
        provenance: &Provenance,
        interrupted: bool,
        draw: impl Fn(&str, ImageFormat) -> Result<Vec<u8>>,
    ) -> Result<()> {
        if let Some(means) = self.means.take() {
            let rows = means.rows();
            if !rows.is_empty() {
                self.write(means::NAME, rows)?;
            }
        }
        let mut whole = Vec::new();
        for (name, format, mut file) in self.plots {
            file.write_all(&draw(name, format)?)?;
            whole.push((file, false));
        }
        for (_, format, table) in self.tables {
            let tells = format.carries_provenance();
            whole.push((table.finish(provenance)?, tells));
        }
        if let Some(encoder) = self.annotated {
            whole.push((encoder.finish()?, false));
        }
        // Everything is written before anything gets its name.
        whole.iter_mut().try_for_each(|(file, _)| file.flush())?;
        whole
            .into_iter()
            .try_for_each(|(file, tells)| match interrupted && !tells {
                true => file.commit_incomplete(),
                false => file.commit(),
            })
    }
}

impl RowSink for Outputs {
    fn wants(&self, table: &str) -> bool {
        let averages = |means: &Means| means.table() == table;
        self.tables.iter().any(|(name, ..)| *name == table)
            || self.means.as_ref().is_some_and(averages)
    }

    fn interrupted(&self) -> bool {
        super::progress::interrupted()
    }

    fn rows(&mut self, table: &'static str, rows: Rows) -> Result<()> {
        if let Some(means) = self.means.as_mut().filter(|means| means.table() == table) {
            means.add(&rows)?;
        }
        let count = rows.first().map_or(0, Cells::len);
        let (label, number) = &self.input;
        let label = || Cells::repeat(label.clone(), count);
        let leading = match self.origin {
            Origin::Only => vec![],
            Origin::Named => vec![label()],
            Origin::Numbered => vec![label(), Cells::repeat(*number as i64, count)],
        };
        self.write(table, leading.into_iter().chain(rows).collect())
    }
}
