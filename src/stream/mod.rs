//! Trajectories in and out: one file a format, and what is done to frames on their way.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::data::frame::{Coordinates, Frame, Source};
use crate::error::{Error, Kind, Result};

pub mod assemble;
pub mod attach;
pub mod bytes;
pub mod chemfiles;
pub mod columns;
pub mod lammps_data;
pub mod lammps_dump;
pub mod lammps_log;
pub mod layout;
pub mod lines;
pub mod number;
pub mod parallel;
pub mod select;
pub mod text_format;
pub mod unwrap;
pub mod vorotop;
pub mod write;
pub mod xyz;

use attach::{Attacher, Attachments, Extent, FirstStep};
use bytes::{Compression, Input, Meter};
use lammps_data::LammpsData;
use lammps_dump::LammpsDump;
use lines::Lines;
use parallel::Workers;
use select::FrameRange;
use text_format::{RawFrames, TextFormat};
use unwrap::{Unwrap, Unwrapper};
use xyz::Xyz;

/// A trajectory format.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Format {
    /// LAMMPS dump, text.
    LammpsDump,
    /// LAMMPS data file.
    LammpsData,
    /// Extended or plain XYZ.
    Xyz,
    /// One that chemfiles reads.
    Chemfiles(&'static chemfiles::Format),
}

impl Format {
    const NATIVE: [(Format, &'static str, &'static [&'static str]); 3] = [
        (
            Format::LammpsDump,
            "dump",
            &["lammpstrj", "dump", "lammpsdump"],
        ),
        (Format::LammpsData, "data", &["data", "lmp", "lmpdat"]),
        (Format::Xyz, "xyz", &["xyz", "extxyz", "exyz"]),
    ];

    /// The name used by `--format` and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Format::Chemfiles(format) => format.name,
            native => Self::NATIVE
                .iter()
                .find(|(format, ..)| *format == native)
                .map_or("", |(_, name, _)| name),
        }
    }

    /// The format of that name.
    pub fn from_name(name: &str) -> Result<Self> {
        let lower = name.to_ascii_lowercase();
        let native = Self::NATIVE
            .iter()
            .find(|(_, known, endings)| *known == lower || endings.contains(&lower.as_str()));
        let native = native.map(|(format, ..)| *format);
        native
            .or_else(|| chemfiles::format_from_name(name).map(Format::Chemfiles))
            .ok_or_else(|| {
                Error::new(format!("unknown format '{name}'"))
                    .help(format!("known are {}", Self::names()))
            })
    }

    /// The format that a path's ending names, and the compression around it.
    pub fn from_path(path: &Path) -> (Option<Self>, Option<Compression>) {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_ascii_lowercase();
        let (compression, stem) = Compression::from_name(&name);
        let ending = stem.rsplit_once('.').map_or("", |(_, ending)| ending);
        let native = Self::NATIVE
            .iter()
            .find(|(_, _, endings)| endings.contains(&ending))
            .map(|(format, ..)| *format);
        (
            native.or_else(|| chemfiles::format_by_ending(path).map(Format::Chemfiles)),
            compression,
        )
    }

    /// The native format that text looks like.
    pub fn from_content(start: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(&start[..start.len().min(1 << 14)]);
        let mut lines = text.lines();
        let first = lines.find(|line| !line.trim().is_empty())?;
        if first.starts_with("ITEM:") {
            return Some(Format::LammpsDump);
        }
        if first.trim().parse::<usize>().is_ok() {
            return Some(Format::Xyz);
        }
        let counts_atoms = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            matches!(words[..], [count, "atoms", ..] if count.parse::<usize>().is_ok())
        };
        text.lines()
            .skip(1)
            .take(60)
            .any(counts_atoms)
            .then_some(Format::LammpsData)
    }

    /// The names of all, for messages.
    pub fn names() -> String {
        let native = Self::NATIVE.iter().map(|(_, name, _)| *name);
        native
            .chain(chemfiles::FORMATS.iter().map(|format| format.name))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// How an input is read: as it is, unless told otherwise.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Format; found from the name, else from the content, where `None`.
    pub format: Option<Format>,
    /// Atom style of a LAMMPS data file that does not say.
    pub atom_style: Option<String>,
    /// Frames to use.
    pub frames: FrameRange,
    /// Position of a frame that comes before those to use, whether or not it is among them; particles are followed from there on through
    /// every frame that this takes.
    pub reference: Option<usize>,
    /// Go on with the complete frames of an input that ends in the middle of one.
    pub partial: bool,
    /// Species to keep; all where empty.
    pub species: Vec<String>,
    /// What is attached to the frames.
    pub attachments: Attachments,
    /// How positions are made continuous.
    pub unwrap: Unwrap,
    /// Leave the hash of the content out, because nothing will carry it.
    pub without_hash: bool,
}

/// An input being read, and what is known about it while and after that.
pub struct Trajectory {
    /// The frames, selected, completed and unwrapped.
    pub frames: Source,
    /// What is known about the input.
    pub about: Arc<About>,
}

/// What is known about an input.
#[derive(Debug)]
pub struct About {
    /// Name of the input, `-` for standard input.
    pub name: String,
    /// Its format.
    pub format: Format,
    /// How much has been read.
    pub meter: Arc<Meter>,
    cut_short: Arc<AtomicBool>,
    positions: Mutex<Option<&'static str>>,
}

impl About {
    /// Whether the input ended in the middle of a frame, which `--partial` let pass.
    pub fn cut_short(&self) -> bool {
        self.cut_short.load(Ordering::Relaxed)
    }

    /// The kind of positions that the first frame had.
    pub fn positions(&self) -> Option<&'static str> {
        *self.positions.lock().expect("no reader has panicked")
    }

    fn note_positions(&self, frame: &Frame) {
        self.positions
            .lock()
            .expect("no reader has panicked")
            .get_or_insert(frame.coordinates.words());
    }
}

/// Opens an input: its frames are cut out by the caller's thread, parsed by the workers, and arrive in order.
pub fn open(input: &Input, options: &Options, workers: Workers) -> Result<Trajectory> {
    let name = input.name();
    let cut_short = Arc::new(AtomicBool::new(false));
    let opened = open_frames(input, options, workers, &cut_short);
    let Opened {
        frames,
        followed,
        first_step,
        format,
        meter,
    } = opened.map_err(|error| error.in_input(&name))?;
    let about = Arc::new(About {
        name,
        format,
        meter,
        cut_short,
        positions: Mutex::new(None),
    });

    let mut unwrapper = Unwrapper::new(options.unwrap);
    let frames = match options.reference.filter(|_| followed) {
        None => frames,
        Some(reference) => {
            let attachments = options.attachments.clone();
            let mut path = std::mem::replace(&mut unwrapper, Unwrapper::new(Unwrap::None));
            let noted = about.clone();
            let frames = frames.map(move |frame| {
                let mut frame = frame?;
                noted.note_positions(&frame);
                attachments.place(&mut frame);
                match frame.ordinal < reference {
                    true => Ok(frame),
                    false => path.apply(frame),
                }
            });
            select::frames_from(frames, reference, options.frames)
        }
    };
    let mut attacher = Attacher::new(options.attachments.clone(), first_step);
    let species = options.species.clone();
    let noted = about.clone();
    let mut is_first = true;
    let mut naming = lammps_dump::Naming::default();
    let frames = frames.map(move |frame| {
        let frame = frame.map_err(|error| error.in_input(&noted.name))?;
        noted.note_positions(&frame);
        let ordinal = frame.ordinal;
        if std::mem::replace(&mut is_first, false) {
            select::check_species(&frame, &species).map_err(|error| error.in_input(&noted.name))?;
        }
        let named = match noted.format {
            Format::LammpsDump => naming.check(&frame),
            _ => Ok(()),
        };
        let completed = named
            .and_then(|()| attacher.apply(frame))
            .and_then(|frame| unwrapper.apply(frame));
        let frame = completed.map_err(|error| error.in_frame(ordinal).in_input(&noted.name))?;
        if species.is_empty() {
            Ok(frame)
        } else {
            select::species(frame, &species).map_err(|error| error.in_input(&noted.name))
        }
    });
    Ok(Trajectory {
        frames: Box::new(frames),
        about,
    })
}

/// Measures the whole input in a first pass, without parsing the particles of native formats.
pub fn extent(input: &Input, options: &Options) -> Result<Extent> {
    let measured = || match content(input, options)? {
        Content::Chemfiles(path, format) => {
            let (frames, _) = by_chemfiles((*path).as_ref(), format)?;
            measure(
                frames.map(|frame| frame.map(|frame| frame.step)),
                options.partial,
            )
        }
        Content::Text(lines, Format::LammpsDump) => {
            measure_text(RawFrames::new(LammpsDump::default(), *lines), options)
        }
        Content::Text(lines, Format::LammpsData) => measure_text(
            RawFrames::new(LammpsData::new(options.atom_style.clone()), *lines),
            options,
        ),
        Content::Text(lines, Format::Xyz) => {
            measure_text(RawFrames::new(Xyz::default(), *lines), options)
        }
        Content::Text(_, Format::Chemfiles(_)) => unreachable!("chemfiles reads paths"),
    };
    measured().map_err(|error| error.in_input(input.name()))
}

fn measure_text<F: TextFormat>(frames: RawFrames<F>, options: &Options) -> Result<Extent> {
    measure(
        frames.map(|frame| frame.map(|frame| F::step(&frame.raw))),
        options.partial,
    )
}

fn measure(steps: impl Iterator<Item = Result<Option<i64>>>, partial: bool) -> Result<Extent> {
    let mut extent = Extent::default();
    let mut before = None;
    for step in whole(steps, partial, Arc::default()) {
        let step = step?;
        let goes_back = step.is_some() && step < std::mem::replace(&mut before, step);
        if goes_back {
            extent.goes_back.get_or_insert(extent.frames);
        }
        extent.steps = match (extent.steps, step) {
            (Some((first, _)), Some(step)) => Some((first, step)),
            (None, Some(step)) if extent.frames == 0 => Some((step, step)),
            _ => None,
        };
        extent.frames += 1;
    }
    Ok(extent)
}

/// An input whose frames are read.
struct Opened {
    /// All of them if particles have to be followed through them, else those that are used.
    frames: Source,
    followed: bool,
    first_step: FirstStep,
    format: Format,
    meter: Arc<Meter>,
}

fn open_frames(
    input: &Input,
    options: &Options,
    workers: Workers,
    cut_short: &Arc<AtomicBool>,
) -> Result<Opened> {
    let first_step = FirstStep::default();
    let ((frames, followed), format, meter) = match content(input, options)? {
        Content::Chemfiles(path, format) => {
            let (frames, meter) = by_chemfiles((*path).as_ref(), format)?;
            // The path may be that of a temporary file: it has to outlive the reading.
            let frames = frames.inspect(move |_| _ = &path);
            let frames = whole(frames, options.partial, cut_short.clone());
            let noted = first_step.clone();
            let frames = frames.inspect(move |frame| note_step(&noted, frame, |frame| frame.step));
            let selected = selected(frames, options, |frame| Ok(frame.clone()));
            (selected, Format::Chemfiles(format), meter)
        }
        Content::Text(lines, format) => {
            let meter = lines.meter();
            let reading = Reading {
                options,
                workers,
                cut_short,
                first_step: &first_step,
            };
            let frames = match format {
                Format::LammpsDump => reading.parsed(LammpsDump::default(), *lines),
                Format::LammpsData => {
                    reading.parsed(LammpsData::new(options.atom_style.clone()), *lines)
                }
                Format::Xyz => reading.parsed(Xyz::default(), *lines),
                Format::Chemfiles(_) => unreachable!("chemfiles reads paths"),
            };
            (frames, format, meter)
        }
    };
    if options.without_hash {
        meter.leave_out_hash();
    }
    Ok(Opened {
        frames,
        followed,
        first_step,
        format,
        meter,
    })
}

/// An input whose format is known.
enum Content {
    Text(Box<Lines>, Format),
    Chemfiles(Box<dyn AsRef<Path>>, &'static chemfiles::Format),
}

/// Opens an input and finds its format; what chemfiles cannot read as it is, from a pipe or compressed, goes to a temporary file first.
fn content(input: &Input, options: &Options) -> Result<Content> {
    let by_name = match input {
        Input::File(path) => Format::from_path(path),
        _ => (None, None),
    };
    if let Some(Format::Chemfiles(format)) = options.format.or(by_name.0) {
        return Ok(match input {
            Input::File(path) if by_name.1.is_none() => {
                Content::Chemfiles(Box::new(path.clone()), format)
            }
            _ => {
                let ending = format
                    .endings
                    .first()
                    .map_or(String::new(), |ending| format!(".{ending}"));
                Content::Chemfiles(Box::new(bytes::decompressed_copy(input, &ending)?), format)
            }
        });
    }
    let (reader, meter) = bytes::open(input)?;
    let mut lines = Lines::new(reader, meter);
    let format = match options.format.or(by_name.0) {
        Some(format) => format,
        None => Format::from_content(start(&mut lines)?).ok_or_else(|| {
            Error::new("the format cannot be told from the name or the content").help(format!(
                "give a trajectory, and name its format with --format ({})",
                Format::names()
            ))
        })?,
    };
    Ok(Content::Text(Box::new(lines), format))
}

/// The beginning of an input. If it ends too early, what there is of it: a reader will come to the end again, and knows the frame.
fn start(lines: &mut Lines) -> Result<&[u8]> {
    match lines.peek(1 << 14) {
        Err(error) if error.kind() != Kind::Truncated => return Err(error),
        _ => {}
    }
    lines.peek(0)
}

/// How the text of an input is read.
struct Reading<'a> {
    options: &'a Options,
    workers: Workers,
    cut_short: &'a Arc<AtomicBool>,
    first_step: &'a FirstStep,
}

impl Reading<'_> {
    /// The frames, and whether they are all of them, as [`selected`] says.
    fn parsed<F: TextFormat>(&self, format: F, lines: Lines) -> (Source, bool) {
        let raw = RawFrames::new(format, lines);
        let raw = whole(raw, self.options.partial, self.cut_short.clone());
        let noted = self.first_step.clone();
        let raw = raw.inspect(move |raw| note_step(&noted, raw, |raw| F::step(&raw.raw)));
        let (raw, followed) = selected(raw, self.options, |raw| {
            text_format::parse::<F>(raw.clone())
        });
        let frames = self
            .workers
            .map_ordered(raw, |raw| raw.and_then(text_format::parse::<F>));
        (frames, followed)
    }
}

fn note_step<T>(noted: &FirstStep, first: &Result<T>, step: impl Fn(&T) -> Option<i64>) {
    if let Ok(first) = first {
        noted.get_or_init(|| step(first));
    }
}

/// The items to use; or all of them and `true` if they can be selected only later, because particles have to be followed through every frame
/// from the reference on: it is so if there is a reference and the first frame has neither unwrapped positions nor image flags.
fn selected<T: Clone + 'static>(
    mut items: impl Iterator<Item = Result<T>> + 'static,
    options: &Options,
    parse: impl Fn(&T) -> Result<Frame>,
) -> (Box<dyn Iterator<Item = Result<T>>>, bool) {
    let Some(reference) = options.reference else {
        return (select::frames(items, options.frames), false);
    };
    let first = items.next();
    let parsed = first.as_ref().and_then(|first| first.as_ref().ok());
    let coordinates = parsed.and_then(|first| Some(parse(first).ok()?.coordinates));
    let items = first.into_iter().chain(items);
    match (options.unwrap, coordinates) {
        (Unwrap::Auto, Some(Coordinates::Unknown)) | (Unwrap::Nearest, _) => {
            (Box::new(items), true)
        }
        _ => (select::frames_from(items, reference, options.frames), false),
    }
}

fn by_chemfiles(
    path: &Path,
    format: &'static chemfiles::Format,
) -> Result<(chemfiles::ChemfilesFrames, Arc<Meter>)> {
    chemfiles::open(path, format).map_err(Error::before_any_frame)
}

/// The frames up to the first that is not whole, if `partial`; whether there was one is noted in `cut_short`.
///
/// This comes before frames are selected, so that a range that counts from the end counts from the last whole one.
fn whole<T>(
    mut frames: impl Iterator<Item = Result<T>>,
    partial: bool,
    cut_short: Arc<AtomicBool>,
) -> impl Iterator<Item = Result<T>> {
    std::iter::from_fn(move || match frames.next()? {
        Err(error) if partial && error.kind() == Kind::Truncated => {
            cut_short.store(true, Ordering::Relaxed);
            None
        }
        frame => Some(frame),
    })
}
