//! `convert`: a trajectory in another format.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use clap::Args;

use super::flags::{InputFlags, RunFlags};
use super::progress::{self, Progress, say};
use super::run::Outcome;
use crate::analysis::counted;
use crate::data::frame::Source;
use crate::error::{Error, Result};
use crate::sink::atomic::AtomicFile;
use crate::stream::parallel::Workers;
use crate::stream::unwrap::Unwrap;
use crate::stream::write::{Encoder, encode};
use crate::stream::{self, Format, chemfiles, lammps_data};

/// Arguments of `convert`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    input: InputFlags,

    /// The trajectory to write; its ending chooses the format and a compression; - is extended XYZ on standard output, the default
    #[arg(short, long, value_name = "PATH", help_heading = "Output")]
    output: Option<String>,

    /// Output format: dump, data, xyz or a name of chemfiles's. Default: from the name
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    to: Option<String>,

    #[command(flatten)]
    run: RunFlags,
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
        let (by_name, compression) = Format::from_path(Path::new(path));
        let format = match (&self.to, by_name) {
            (Some(name), _) => Format::from_name(name)?,
            (None, Some(format)) => format,
            (None, None) if path == "-" => Format::Xyz,
            (None, None) => {
                return Err(Error::new(format!("{path}: the ending tells no format"))
                    .help("name one with --to dump, data or xyz"));
            }
        };
        let workers = Workers::new(self.run.threads()?)?;
        let file = if path == "-" {
            AtomicFile::stdout()
        } else {
            AtomicFile::create(Path::new(path), self.run.force)?
        };
        let mut out = Encoder::new(file, compression)?;
        progress::catch_interrupts();

        let (input, mut options) = self.input.options(&inputs, 0, Unwrap::None)?;
        options.without_hash = true;
        let stream::Trajectory { frames, about } = stream::open(&input, &options, workers)?;
        let progress = Progress::new(about.clone(), &self.run, path == "-");
        let (written, outcome) = match format {
            Format::Chemfiles(format) => by_chemfiles(frames, format, &mut out, progress),
            format => natively(frames, format, path, &mut out, workers, progress),
        }
        .map_err(|error| error.in_input(&about.name))?;
        if written == 0 {
            return Err(Error::new("there is no frame to write")
                .help("give another range with --frames")
                .in_input(&about.name));
        }
        let mut file = out.finish()?;
        file.flush()?;
        match outcome {
            Outcome::Interrupted => file.commit_incomplete()?,
            Outcome::Whole | Outcome::NotTheAnswer => file.commit()?,
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
                counted(written, "frame"),
                format.name(),
                start.elapsed().as_secs_f64()
            ));
        }
        if outcome == Outcome::Interrupted {
            say(&format!(
                "hyalo: interrupted; {path}.incomplete holds the frames up to here"
            ));
        }
        Ok(outcome)
    }
}

/// Frames written, and how it ended.
type Written = Result<(usize, Outcome)>;

/// Frames become text on the workers and are written in order.
fn natively(
    frames: Source,
    format: Format,
    path: &str,
    out: &mut impl Write,
    workers: Workers,
    mut progress: Progress,
) -> Written {
    let mut first = true;
    let frames =
        frames.map(move |frame| frame.map(|frame| (frame, std::mem::replace(&mut first, false))));
    let encoded = workers.map_ordered(frames, move |frame| {
        let (frame, first) = frame?;
        let left_out: Vec<String> = match (format, first) {
            (Format::LammpsData, true) => lammps_data::left_out(&frame)
                .into_iter()
                .map(str::to_string)
                .collect(),
            _ => Vec::new(),
        };
        Ok::<_, Error>((encode(format, &frame, first)?, left_out))
    });
    let mut written = 0;
    for text in encoded {
        let (text, left_out) = text?;
        if written == 1 && format == Format::LammpsData {
            return Err(
                Error::new("a LAMMPS data file holds one frame and there are more")
                    .help("select one, such as --frames -1"),
            );
        }
        if !left_out.is_empty() {
            say(&format!(
                "hyalo: {path}: a LAMMPS data file has no place for {}: left out",
                left_out.join(", ")
            ));
        }
        out.write_all(&text)?;
        written += 1;
        progress.tick();
        if progress::interrupted() {
            return Ok((written, Outcome::Interrupted));
        }
    }
    Ok((written, Outcome::Whole))
}

/// chemfiles writes to a file of its own, which is copied when it is whole.
fn by_chemfiles(
    frames: Source,
    format: &'static chemfiles::Format,
    out: &mut impl Write,
    mut progress: Progress,
) -> Written {
    let ending = format
        .endings
        .first()
        .map_or(String::new(), |ending| format!(".{ending}"));
    let folder = tempfile::tempdir()
        .map_err(|error| Error::io("make a temporary folder in", &std::env::temp_dir(), error))?;
    let path = folder.path().join(format!("trajectory{ending}"));
    let mut writer = chemfiles::ChemfilesWriter::create(&path, format)?;
    let (mut written, mut outcome) = (0, Outcome::Whole);
    for frame in frames {
        writer.write(&frame?)?;
        written += 1;
        progress.tick();
        if progress::interrupted() {
            outcome = Outcome::Interrupted;
            break;
        }
    }
    writer.finish()?;
    let mut whole = std::fs::File::open(&path).map_err(|error| Error::io("open", &path, error))?;
    std::io::copy(&mut whole, out)?;
    Ok((written, outcome))
}
