//! `convert`: a trajectory in another format, or as a table of its particles.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::flags::{InputFlags, RunFlags};
use super::output::input_of;
use super::particles;
use super::progress::{self, Progress, say};
use super::run::Outcome;
use crate::analysis::counted;
use crate::data::frame::Source;
use crate::data::table::ColumnSpec;
use crate::error::{Error, Result, listed};
use crate::sink::atomic::AtomicFile;
use crate::sink::provenance::{Provenance, noted};
use crate::sink::table::{TableFormat, TableWriter};
use crate::stream::bytes::Compression;
use crate::stream::lammps_dump::TypesByName;
use crate::stream::parallel::Workers;
use crate::stream::unwrap::Unwrap;
use crate::stream::write::{Encoder, encode};
use crate::stream::{self, About, Format, chemfiles, lammps_data, lammps_dump};

/// Arguments of `convert`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    input: InputFlags,

    /// The trajectory to write; its ending chooses the format and a compression; - is extended XYZ on standard output, the default. The
    /// endings of tables (parquet, csv, ndjson, arrow) make a table with a row for each particle and frame: frame, step, time, temperature,
    /// id, species, diameter and mass where they are known, x, y, z, ix, iy, iz where there are image flags, and all further columns under
    /// their names in extended XYZ (velo_x, virial_xy, local_energy), those whose name is taken with input_ in front
    #[arg(short, long, value_name = "PATH", help_heading = "Output")]
    output: Option<String>,

    /// Output format: dump, data, xyz, parquet, csv, ndjson, arrow or a name of chemfiles's. Default: from the name
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    to: Option<String>,

    #[command(flatten)]
    run: RunFlags,
}

/// What is made of the frames.
#[derive(Clone, Copy)]
enum Form {
    Trajectory(Format, Option<Compression>),
    Table(TableFormat),
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Form::Trajectory(format, _) => format.name(),
            Form::Table(format) => format.name(),
        }
    }

    /// Whether a file of this form says itself that it is incomplete.
    fn tells(self) -> bool {
        matches!(self, Form::Table(format) if format.carries_provenance())
    }
}

impl Arguments {
    /// Reads, selects and writes. Positions stay as they are stored unless `--unwrap` says otherwise.
    pub fn run(&self) -> Result<Outcome> {
        let start = Instant::now();
        let inputs = self.input.inputs()?;
        let [_] = &inputs[..] else {
            return Err(
                Error::new(format!("convert takes one input, not {}", inputs.len()))
                    .help("convert them one by one"),
            );
        };
        let path = self.output.as_deref().unwrap_or("-");
        let form = self.form(path)?;
        let workers = Workers::new(self.run.threads()?)?;
        let file = if path == "-" {
            AtomicFile::stdout()
        } else {
            AtomicFile::create(Path::new(path), self.run.force)?
        };
        progress::catch_interrupts();

        let (input, mut options) = self.input.options(&inputs, 0, Unwrap::None)?;
        options.without_hash = !form.tells();
        let stream::Trajectory { mut frames, about } = stream::open(&input, &options, workers)?;
        let first = frames.next().transpose()?.ok_or_else(|| {
            Error::new("there is no frame to write")
                .help("give another range with --frames")
                .in_input(&about.name)
        })?;
        let units = first.key("units").unwrap_or("lj").to_string();
        let progress = Progress::new(about.clone(), &self.run, path == "-");
        let (mut file, written) = match form {
            Form::Trajectory(format, compression) => {
                let mut out = Encoder::new(file, compression)?;
                let frames = Box::new(std::iter::once(Ok(first)).chain(frames));
                let written = match format {
                    Format::Chemfiles(format) => by_chemfiles(frames, format, &mut out, progress),
                    format => natively(frames, format, &mut out, workers, progress),
                }
                .map_err(|error| error.in_input(&about.name))?;
                (out.finish()?, written)
            }
            Form::Table(format) => {
                let columns = particles::columns(&particles::fields(&first));
                let mut out = TableWriter::new(particles::NAME, columns.clone(), format, file)?;
                let frames = Box::new(std::iter::once(Ok(first)).chain(frames));
                let written = as_table(frames, columns, &mut out, workers, progress)
                    .map_err(|error| error.in_input(&about.name))?;
                let provenance = self.provenance(&about, units, &written)?;
                (out.finish(&provenance)?, written)
            }
        };
        let outcome = written.outcome;
        file.flush()?;
        match outcome {
            Outcome::Interrupted if !form.tells() => file.commit_incomplete()?,
            _ => file.commit()?,
        }
        if !written.left_out.is_empty() {
            let names = written.left_out.iter().map(String::as_str);
            say(&format!(
                "hyalo: {path}: the format {} has no place for {}: left out",
                form.name(),
                listed(names, ", ")
            ));
        }
        if !self.run.quiet {
            let cut = if about.cut_short() {
                " (the input ends in the middle of a frame: the frames before it were written)"
            } else {
                ""
            };
            say(&format!(
                "hyalo convert: {}: {} written to {path} as {}{cut} ({:.2} s)",
                about.name,
                counted(written.frames, "frame"),
                form.name(),
                start.elapsed().as_secs_f64()
            ));
        }
        if outcome == Outcome::Interrupted {
            let incomplete = match (path, form.tells()) {
                ("-", _) => "standard output".to_string(),
                (path, true) => path.to_string(),
                (path, false) => format!("{path}.incomplete"),
            };
            say(&format!(
                "hyalo: interrupted; {incomplete} holds the frames up to here"
            ));
        }
        Ok(outcome)
    }

    /// What `--to` names, or else the ending of the path.
    fn form(&self, path: &str) -> Result<Form> {
        let (by_name, compression) = Format::from_path(Path::new(path));
        let named = |name: &str| TableFormat::of_path(Path::new(&format!("x.{name}"))).ok();
        match (&self.to, by_name) {
            (Some(name), _) => match named(name) {
                Some(_) if compression.is_some() => Err(Error::new(format!(
                    "{path}: a table is written uncompressed"
                ))
                .help("give a path without that ending, or -o - and a pipe")),
                Some(table) => Ok(Form::Table(table)),
                None => Format::from_name(name)
                    .map(|format| Form::Trajectory(format, compression))
                    .map_err(|error| {
                        let names = Format::names();
                        error.help(format!(
                            "known are {names}, and the tables parquet, csv, ndjson, arrow"
                        ))
                    }),
            },
            (None, Some(format)) => Ok(Form::Trajectory(format, compression)),
            (None, None) if path == "-" => Ok(Form::Trajectory(Format::Xyz, None)),
            (None, None) => TableFormat::of_path(Path::new(path))
                .map(Form::Table)
                .map_err(|_| {
                    Error::new(format!("{path}: the ending tells no format"))
                        .help("name one with --to dump, data, xyz or csv")
                }),
        }
    }

    fn provenance(&self, about: &About, units: String, written: &Written) -> Result<Provenance> {
        let mut input = self.input.clone();
        input.unwrap.get_or_insert(Unwrap::None);
        let arguments = json!({ "input": noted(&input)? });
        let mut provenance = Provenance::new("convert", arguments, units);
        provenance
            .inputs
            .push(input_of(about, written.frames as u64));
        provenance.complete = written.outcome == Outcome::Whole && !about.cut_short();
        Ok(provenance)
    }
}

/// What was written, and how it ended.
struct Written {
    frames: usize,
    outcome: Outcome,
    /// What frames had and the format has no place for, each once.
    left_out: Vec<String>,
}

impl Written {
    fn nothing() -> Self {
        Written {
            frames: 0,
            outcome: Outcome::Whole,
            left_out: Vec::new(),
        }
    }

    /// Counts a frame; whether that was the last because the user has had enough.
    fn count(&mut self, left_out: Vec<String>, progress: &mut Progress) -> bool {
        for name in left_out {
            if !self.left_out.contains(&name) {
                self.left_out.push(name);
            }
        }
        self.frames += 1;
        progress.tick();
        if progress::interrupted() {
            self.outcome = Outcome::Interrupted;
        }
        self.outcome == Outcome::Interrupted
    }
}

fn owned(names: Vec<&str>) -> Vec<String> {
    names.into_iter().map(str::to_string).collect()
}

/// Frames become text on the workers and are written in order.
fn natively(
    frames: Source,
    format: Format,
    out: &mut impl Write,
    workers: Workers,
    mut progress: Progress,
) -> Result<Written> {
    let mut first = true;
    let mut types = TypesByName::default();
    let frames = frames.map(move |frame| {
        let mut frame = frame?;
        if format == Format::LammpsDump {
            types.add_to(&mut frame);
        }
        Ok::<_, Error>((frame, std::mem::replace(&mut first, false)))
    });
    let encoded = workers.map_ordered(frames, move |frame| {
        let (frame, first) = frame?;
        let left_out = match format {
            Format::LammpsData => lammps_data::left_out(&frame),
            Format::LammpsDump => lammps_dump::left_out(&frame),
            _ => Vec::new(),
        };
        let left_out = owned(left_out);
        Ok::<_, Error>((encode(format, &frame, first)?, left_out))
    });
    let mut written = Written::nothing();
    for text in encoded {
        let (text, left_out) = text?;
        if written.frames == 1 && format == Format::LammpsData {
            return Err(
                Error::new("a LAMMPS data file holds one frame and there are more")
                    .help("select one, such as --frames -1"),
            );
        }
        out.write_all(&text)?;
        if written.count(left_out, &mut progress) {
            break;
        }
    }
    Ok(written)
}

/// Frames become rows on the workers and are written in order.
fn as_table(
    frames: Source,
    columns: Vec<ColumnSpec>,
    out: &mut TableWriter<AtomicFile>,
    workers: Workers,
    mut progress: Progress,
) -> Result<Written> {
    let rows = workers.map_ordered(frames, move |frame| {
        let frame = frame?;
        particles::rows(particles::fields(&frame), &columns)
            .map_err(|error: Error| error.in_frame(frame.ordinal))
    });
    let mut written = Written::nothing();
    for rows in rows {
        out.write(rows?)?;
        if written.count(Vec::new(), &mut progress) {
            break;
        }
    }
    Ok(written)
}

/// chemfiles writes to a file of its own, which is copied when it is whole.
fn by_chemfiles(
    frames: Source,
    format: &'static chemfiles::Format,
    out: &mut impl Write,
    mut progress: Progress,
) -> Result<Written> {
    let ending = format
        .endings
        .first()
        .map_or(String::new(), |ending| format!(".{ending}"));
    let folder = tempfile::tempdir()
        .map_err(|error| Error::io("make a temporary folder in", &std::env::temp_dir(), error))?;
    let path = folder.path().join(format!("trajectory{ending}"));
    let mut writer = chemfiles::ChemfilesWriter::create(&path, format)?;
    let mut written = Written::nothing();
    for frame in frames {
        let frame = frame?;
        writer.write(&frame)?;
        let left_out = owned(chemfiles::left_out(&frame, format));
        if written.count(left_out, &mut progress) {
            break;
        }
    }
    writer.finish()?;
    let mut whole = std::fs::File::open(&path).map_err(|error| Error::io("open", &path, error))?;
    std::io::copy(&mut whole, out)?;
    Ok(written)
}
