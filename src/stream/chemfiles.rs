//! Trajectories in the many formats of molecular simulation, read and written by the library chemfiles: DCD, XTC, TRR, AMBER NetCDF, PDB,
//! GRO, mmCIF, TNG and more; see [`FORMATS`].
//!
//! **Lengths are the numbers that stand in the file.** XTC, TRR, GRO, TNG and TPR are in nanometres by GROMACS's convention and the other
//! formats in ångströms, and chemfiles converts everything to ångströms; that is undone here. LAMMPS writes the lengths of a simulation in
//! reduced units unscaled to DCD and XTC, so such a file gives back σ; a file by GROMACS, or an XTC that LAMMPS wrote in real or metal units,
//! gives nanometres. Times and velocities are the numbers of the file, too.
//!
//! What these formats lack: an origin of the cell (it is put at zero, wherever LAMMPS's box began), a periodicity (all three edges are taken as
//! periodic), image flags (whether positions are unwrapped is not known), ids (1 … N in the order of the file), and most of them species: where
//! there are neither types nor names, every particle is of the species `X`. The type is taken as species and, where that is empty, the name;
//! names that say more are kept as the column `name`. chemfiles guesses masses from the species; only TPR stores them, so only TPR has them.
//! Cell angles within 0.001° of 90° are right angles to chemfiles, and cells whose edges are all shorter than 1e-5 no cells.
//!
//! Steps come from XTC, TRR, TNG and the header of DCD; times from XTC, TRR, TNG and DCD (step times time step).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Once};

use nalgebra::Vector3;

use ::chemfiles::{Property, Trajectory, UnitCell};

use super::assemble;
use super::bytes::{self, Compression, Content, Input, Meter};
use super::layout::{self, Clock};
use super::write::keys;
use crate::data::cell::Cell;
use crate::data::frame::{Column, Coordinates, Frame, Species, VELOCITIES, Values};
use crate::error::{Error, Kind, Result};

/// A format that chemfiles knows.
#[derive(Debug, PartialEq)]
pub struct Format {
    /// The name for `--format`, as chemfiles spells it.
    pub name: &'static str,
    /// Endings of file names, without the dot.
    pub endings: Vec<&'static str>,
    /// Whether it can be written, too.
    pub is_writable: bool,
    has_atoms: bool,
    has_velocities: bool,
    is_text: bool,
    /// What chemfiles multiplies the lengths of the file by.
    scale: f64,
}

/// The formats that chemfiles reads, but for those that are read natively (LAMMPS dump and data, XYZ), those without positions, and Molden,
/// MMTF and GROMACS's old TRJ, whose readers talk to the terminal.
pub static FORMATS: LazyLock<Vec<Format>> = LazyLock::new(|| {
    const LEFT_OUT: [&str; 6] = ["LAMMPS", "LAMMPS Data", "XYZ", "Molden", "MMTF", "TRJ"];
    const IN_NANOMETRES: [&str; 5] = ["GRO", "TNG", "TPR", "TRR", "XTC"];
    const FURTHER_ENDINGS: [(&str, &str); 3] = [
        ("Amber NetCDF", "ncdf"),
        ("Amber NetCDF", "netcdf"),
        ("PDB", "ent"),
    ];
    ::chemfiles::formats_list()
        .into_iter()
        .filter(|format| format.read && format.positions && !LEFT_OUT.contains(&format.name))
        .map(|format| Format {
            name: format.name,
            endings: format
                .extension
                .into_iter()
                .map(|ending| ending.trim_start_matches('.'))
                .chain(
                    FURTHER_ENDINGS
                        .iter()
                        .filter(|(name, _)| *name == format.name)
                        .map(|(_, ending)| *ending),
                )
                .collect(),
            // Its cells come back wrong: the angles are written under other names than they are read.
            is_writable: format.write && format.name != "mmCIF",
            has_atoms: format.atoms,
            has_velocities: format.velocities,
            // What chemfiles can keep in memory is text.
            is_text: format.memory,
            scale: if IN_NANOMETRES.contains(&format.name) {
                10.0
            } else {
                1.0
            },
        })
        .collect()
});

/// The format of that name, whatever its capitals; one of its endings is as good as the name.
pub fn format_from_name(name: &str) -> Option<&'static Format> {
    FORMATS
        .iter()
        .find(|format| format.name.eq_ignore_ascii_case(name))
        .or_else(|| from_ending(name))
}

/// The format that the ending of a file's name asks for, whatever its capitals; an ending that tells a compression is looked past.
///
/// Whether a `.cif` is a CIF or an mmCIF is seen from its content.
pub fn format_by_ending(path: &Path) -> Option<&'static Format> {
    let name = path.file_name()?.to_str()?;
    let (_, stem) = Compression::from_name(name);
    let format = from_ending(stem.rsplit_once('.')?.1)?;
    match format.name {
        "CIF" => guarded(|| ::chemfiles::guess_format(path).map_err(failure))
            .ok()
            .and_then(|guess| format_from_name(guess.split(" / ").next()?))
            .or(Some(format)),
        _ => Some(format),
    }
}

fn from_ending(ending: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| {
        format
            .endings
            .iter()
            .any(|known| known.eq_ignore_ascii_case(ending))
    })
}

/// The frames of a file in order. Ends after an error.
///
/// chemfiles's objects stay on one thread, and so does this.
pub struct ChemfilesFrames {
    trajectory: Trajectory,
    format: &'static Format,
    path: PathBuf,
    records: Box<dyn Iterator<Item = usize>>,
    clock: Option<Clock>,
    tells: Tells,
    end: Option<Error>,
    ordinal: usize,
    is_done: bool,
    meter: Arc<Meter>,
}

/// Whether a file tells steps and times. XTC and TRR have a place for both in every frame, where writers that know none put 0.
#[derive(Clone, Copy)]
struct Tells {
    step: bool,
    time: bool,
}

impl Tells {
    const BOTH: Self = Tells {
        step: true,
        time: true,
    };

    /// What the last of its records says of a file.
    fn of(trajectory: &mut Trajectory, records: &[usize]) -> Result<Self> {
        let Some(&last) = records.last() else {
            return Ok(Self::BOTH);
        };
        let mut native = ::chemfiles::Frame::new();
        trajectory.read_step(last, &mut native).map_err(failure)?;
        let time = match native.get("time") {
            Some(Property::Double(time)) => time,
            _ => return Ok(Self::BOTH),
        };
        // A file of one frame may be of the beginning.
        let is_alone = records.len() == 1;
        let is_later = native.step() != 0;
        Ok(Tells {
            step: is_later || is_alone,
            time: time != 0.0 || (is_alone && !is_later),
        })
    }
}

/// Opens a file; its meter counts frames.
///
/// A text format may be compressed by gzip, bzip2 or xz if the name's ending says so. In TRR files, records without positions are passed over.
///
/// Errors: a missing, empty or damaged file, a pipe, another format; for text formats also a last frame that is cut short (a binary file's
/// is an error of kind [`Kind::Truncated`] after the frames before it).
pub fn open(path: &Path, format: &'static Format) -> Result<(ChemfilesFrames, Arc<Meter>)> {
    match bytes::open_file(path)?.1 {
        None => {
            return Err(
                Error::new(format!("{} cannot be read from a pipe", format.name))
                    .help("give a file, or a pipe of a format that LAMMPS writes as text"),
            );
        }
        Some(0) => {
            return Err(
                Error::new("the input is empty").help("give a file that holds at least one frame")
            );
        }
        Some(_) => {}
    }
    let layout = match format.name {
        "DCD" => Some(layout::dcd(path)?),
        "XTC" => Some(layout::xtc(path)?),
        "TRR" => Some(layout::trr(path)?),
        "Amber NetCDF" | "Amber Restart" => Some(layout::netcdf(path)?),
        "TNG" => {
            layout::tng(path)?;
            None
        }
        "mmCIF" => {
            let (content, _) = bytes::open(&Input::File(path.to_path_buf()))?;
            layout::mmcif(io::BufReader::new(content))?;
            None
        }
        _ => None,
    };
    let name = name_with_compression(path, format)?;
    let (mut trajectory, count) = guarded(|| {
        let mut trajectory =
            Trajectory::open_with_format(path, 'r', name.as_str()).map_err(failure)?;
        let count = trajectory.nsteps();
        Ok((trajectory, count))
    })?;
    if count == 0 {
        return Err(layout::no_particles());
    }
    let tells = match (format.name, &layout) {
        // What is wrong with the last frame is said when it is read.
        ("XTC" | "TRR", Some(layout)) => {
            guarded(|| Tells::of(&mut trajectory, &layout.records)).unwrap_or(Tells::BOTH)
        }
        _ => Tells::BOTH,
    };
    let (size, records, clock, end): (_, Box<dyn Iterator<Item = usize>>, _, _) = match layout {
        Some(layout) => (
            layout.records.len(),
            Box::new(layout.records.into_iter()),
            layout.clock,
            layout.end,
        ),
        None => (count, Box::new(0..count), None, None),
    };
    let meter = Arc::new(Meter::new(Some(size as u64)));
    let frames = ChemfilesFrames {
        trajectory,
        format,
        path: path.to_path_buf(),
        records,
        clock,
        tells,
        end,
        ordinal: 0,
        is_done: false,
        meter: meter.clone(),
    };
    Ok((frames, meter))
}

/// The format's name as chemfiles wants it for a path.
fn name_with_compression(path: &Path, format: &Format) -> Result<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let suffix = match Compression::from_name(&name).0 {
        None => return Ok(format.name.to_string()),
        Some(Compression::Gzip) if format.is_text => "GZ",
        Some(Compression::Bzip2) if format.is_text => "BZ2",
        Some(Compression::Xz) if format.is_text => "XZ",
        Some(_) => {
            return Err(Error::new(format!(
                "{} cannot be read or written compressed like this",
                format.name
            ))
            .help("decompress the file first"));
        }
    };
    Ok(format!("{} / {suffix}", format.name))
}

impl Iterator for ChemfilesFrames {
    type Item = Result<Frame>;

    fn next(&mut self) -> Option<Result<Frame>> {
        if self.is_done {
            return None;
        }
        let ordinal = self.ordinal;
        let result = match self.records.next() {
            Some(record) => self.read(record),
            None => match self.end.take() {
                Some(error) => Err(error),
                None => {
                    self.is_done = true;
                    // The hash is for the provenance only: a file that can no longer be read goes without.
                    if let Ok(content) = content(&self.path, self.meter.wants_hash()) {
                        self.meter.set_content(content);
                    }
                    return None;
                }
            },
        };
        match &result {
            Ok(_) => {
                self.ordinal += 1;
                self.meter.advance(1);
            }
            Err(_) => self.is_done = true,
        }
        Some(result.map_err(|error| error.in_frame(ordinal)))
    }
}

impl ChemfilesFrames {
    fn read(&mut self, record: usize) -> Result<Frame> {
        let mut frame = guarded(|| {
            let mut native = ::chemfiles::Frame::new();
            self.trajectory
                .read_step(record, &mut native)
                .map_err(failure)?;
            from_native(&native, self.format)
        })?;
        frame.ordinal = self.ordinal;
        frame.step = frame.step.filter(|_| self.tells.step);
        frame.time = frame.time.filter(|_| self.tells.time);
        if let Some(clock) = self.clock {
            let step = clock.first + record as i64 * clock.spacing;
            frame.step = Some(step);
            frame.time = clock.timestep.map(|timestep| step as f64 * timestep);
        }
        assemble::finish(frame, None)
    }
}

fn content(path: &Path, hashed: bool) -> Result<Content> {
    if !hashed {
        let bytes = std::fs::metadata(path)?.len();
        return Ok(Content {
            bytes,
            blake3: None,
        });
    }
    bytes::content(&Input::File(path.to_path_buf()))
}

fn from_native(native: &::chemfiles::Frame, format: &Format) -> Result<Frame> {
    let count = native.size();
    if count == 0 {
        return Err(layout::no_particles());
    }
    let mut frame = Frame {
        step: matches!(format.name, "XTC" | "TRR" | "TNG").then(|| native.step() as i64),
        cell: from_native_cell(&native.cell(), format.scale)?,
        ids: assemble::ordinal_ids(count),
        positions: native
            .positions()
            .iter()
            .map(|row| Vector3::from(*row) / format.scale)
            .collect(),
        coordinates: Coordinates::Unknown,
        ..Frame::default()
    };
    if let Some(velocities) = native.velocities() {
        let values: Vec<f64> = velocities
            .iter()
            .flatten()
            .map(|value| value / format.scale)
            .collect();
        // A GRO file without velocities reads as if all were zero.
        if format.name != "GRO" || values.iter().any(|&value| value != 0.0) {
            frame.columns.push(Column::real("velo", 3, values));
        }
    }
    match format.has_atoms {
        true => read_atoms(native, format, &mut frame),
        false => {
            frame.species = Species {
                names: vec![UNNAMED.into()],
                of: vec![0; count],
            }
        }
    }
    let mut properties: Vec<_> = native.properties().collect();
    properties.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, property) in properties {
        match (name.as_str(), property) {
            // The time of XTC and of most TRR files is in single precision.
            ("time", Property::Double(time)) if f64::from(time as f32) == time => {
                frame.time = Some(layout::decimal(time as f32));
            }
            ("time", Property::Double(time)) => frame.time = Some(time),
            // Only records with positions get here.
            ("has_positions", _) => {}
            (_, property) => {
                let text = one_line(&text_of(&property));
                if !text.is_empty() {
                    frame.keys.push((name, text));
                }
            }
        }
    }
    Ok(frame)
}

/// Key of the precision that an XTC is to be written with.
const XTC_PRECISION: &str = "xtc_precision";
/// The species of particles that have neither type nor name.
const UNNAMED: &str = "X";

/// Species, charges, masses and further columns: what is asked of chemfiles atom by atom.
fn read_atoms(native: &::chemfiles::Frame, format: &Format, frame: &mut Frame) {
    let count = native.size();
    let mut labels: Vec<Arc<str>> = Vec::with_capacity(count);
    let mut names: Vec<Arc<str>> = Vec::with_capacity(count);
    let mut charges = Vec::with_capacity(count);
    let mut masses = Vec::with_capacity(count);
    let mut properties: Vec<(String, Vec<Property>)> = native
        .atom(0)
        .properties()
        .map(|(name, _)| (name, Vec::with_capacity(count)))
        .collect();
    properties.sort_by(|a, b| a.0.cmp(&b.0));
    for index in 0..count {
        let atom = native.atom(index);
        let (name, label) = (word(&atom.name()), word(&atom.atomic_type()));
        // CIF has a type for elements only.
        let is_untyped = label.is_empty() || (format.name == "CIF" && label == UNNAMED);
        labels.push(match (is_untyped, name.as_str()) {
            (false, _) => label.into(),
            (true, "") => UNNAMED.into(),
            (true, name) => name.into(),
        });
        names.push(name.into());
        charges.push(atom.charge());
        masses.push(atom.mass());
        properties.retain_mut(|(name, values)| match (atom.get(name), values.first()) {
            (Some(value), None) => {
                values.push(value);
                true
            }
            (Some(value), Some(first))
                if std::mem::discriminant(&value) == std::mem::discriminant(first) =>
            {
                values.push(value);
                true
            }
            _ => false,
        });
    }
    frame.species = Species::from_labels(&labels);
    if names != labels && names.iter().all(|name| !name.is_empty()) {
        frame.columns.push(Column {
            name: "name".to_string(),
            width: 1,
            values: Values::Text(names),
        });
    }
    if charges.iter().any(|&charge| charge != 0.0) {
        frame.columns.push(Column::real("charge", 1, charges));
    }
    if format.name == "TPR" {
        frame.masses = Some(masses);
    }
    frame.columns.extend(
        properties
            .into_iter()
            .map(|(name, values)| column_of(name, &values)),
    );
}

fn column_of(name: String, properties: &[Property]) -> Column {
    let reals = || {
        properties
            .iter()
            .flat_map(|property| match property {
                Property::Double(value) => vec![*value],
                Property::Vector3D(value) => value.to_vec(),
                _ => Vec::new(),
            })
            .collect()
    };
    let (width, values) = match properties[0] {
        Property::Double(_) => (1, Values::Real(reals())),
        Property::Vector3D(_) => (3, Values::Real(reals())),
        Property::Bool(_) => (
            1,
            Values::Boolean(
                properties
                    .iter()
                    .map(|property| *property == Property::Bool(true))
                    .collect(),
            ),
        ),
        Property::String(_) => (
            1,
            Values::Text(
                properties
                    .iter()
                    .map(|property| word(&text_of(property)).into())
                    .collect(),
            ),
        ),
    };
    Column {
        name,
        width,
        values,
    }
}

fn text_of(property: &Property) -> String {
    match property {
        Property::Bool(value) => value.to_string(),
        Property::Double(value) => value.to_string(),
        Property::String(value) => value.clone(),
        Property::Vector3D([x, y, z]) => format!("{x} {y} {z}"),
    }
}

fn from_native_cell(native: &UnitCell, scale: f64) -> Result<Option<Cell>> {
    if native.shape() == ::chemfiles::CellShape::Infinite {
        return Ok(None);
    }
    let matrix = native.matrix();
    let longest = matrix
        .iter()
        .flatten()
        .fold(0.0, |longest: f64, value| longest.max(value.abs()));
    // The cosine of 90° comes out as 6e-17; such a cell is orthogonal.
    let element = |row: usize, column: usize| match matrix[row][column] {
        value if value.abs() < 1e-12 * longest => 0.0,
        value => value / scale,
    };
    let edges =
        [0, 1, 2].map(|axis| Vector3::new(element(0, axis), element(1, axis), element(2, axis)));
    Cell::new(edges, Vector3::zeros(), [true; 3]).map(Some)
}

/// Writes frames to a file in one of the formats of chemfiles.
///
/// Stored are positions, the cell without its origin, species where the format has names, velocities (column `velo`) where it has them, steps
/// and times in XTC and TRR, and in the header of DCD if the steps are equidistant. Everything else is dropped: ids, images, diameters, masses,
/// columns and keys. Lengths are written as the numbers they are, see [the module](self). DCD, XTC, TRR and AMBER NetCDF are in single
/// precision, where XTC also rounds to 1e-5 (or as the key `xtc_precision` of the first frame says); PDB and GRO have three decimals.
pub struct ChemfilesWriter {
    trajectory: Trajectory,
    format: &'static Format,
    path: PathBuf,
    /// The same file, of the binary formats.
    room: Option<File>,
    written: usize,
    pace: Pace,
}

impl ChemfilesWriter {
    /// Creates or replaces a file, which has to be a regular one: chemfiles opens it by name.
    ///
    /// Errors: a format that cannot be written, a path that cannot.
    pub fn create(path: &Path, format: &'static Format) -> Result<Self> {
        if !format.is_writable {
            return Err(Error::new(format!("{} cannot be written", format.name))
                .help("choose another ending, such as .dcd or .xyz"));
        }
        let name = name_with_compression(path, format)?;
        let trajectory =
            guarded(|| Trajectory::open_with_format(path, 'w', name.as_str()).map_err(failure))?;
        let mut open = File::options();
        let room = (!format.is_text).then(|| open.write(true).open(path));
        Ok(ChemfilesWriter {
            trajectory,
            format,
            path: path.to_path_buf(),
            room: room.transpose()?,
            written: 0,
            pace: Pace::default(),
        })
    }

    /// Writes a frame.
    ///
    /// Errors: what the format cannot hold (numbers too long for its columns, names too long, a rotated cell, a step too large, a second
    /// frame, another number of particles), and failures of the system.
    pub fn write(&mut self, frame: &Frame) -> Result<()> {
        self.try_write(frame)
            .map_err(|error| error.in_frame(frame.ordinal))?;
        self.written += 1;
        self.pace.note(frame);
        Ok(())
    }

    fn try_write(&mut self, frame: &Frame) -> Result<()> {
        if frame.is_empty() {
            return Err(Error::new("a frame without particles cannot be written"));
        }
        check_limits(frame, self.format)?;
        let is_xdr = matches!(self.format.name, "XTC" | "TRR");
        if is_xdr
            && frame
                .step
                .is_some_and(|step| !(0..=i64::from(i32::MAX)).contains(&step))
        {
            return Err(Error::new(format!(
                "step {} is too large for {}",
                frame.step.unwrap_or(0),
                self.format.name
            ))
            .help("choose another format, such as .dcd or .xyz"));
        }
        self.make_room(frame.len())?;
        guarded(|| {
            let native = to_native(frame, self.format)?;
            self.trajectory.write(&native).map_err(failure)
        })
    }

    /// chemfiles writes binary files through a map of memory, and where there is no room for its bytes the system kills the process. So bytes
    /// are there before it puts its own in their place; what it does not need it cuts off.
    fn make_room(&mut self, particles: usize) -> Result<()> {
        // Positions, velocities and ids in double precision, a header, and the four pages by which chemfiles makes the file longer.
        let bytes = 64 * particles as u64 + (1 << 18);
        let Some(file) = &mut self.room else {
            return Ok(());
        };
        let made = file
            .seek(SeekFrom::End(0))
            .and_then(|_| io::copy(&mut io::repeat(0).take(bytes), file));
        made.map_err(|error| {
            Error::io("write", &self.path, error)
                .help("make room there, or name another folder for temporary files in TMPDIR")
        })?;
        Ok(())
    }

    /// Completes the file.
    ///
    /// Errors: no frame was written, or the file does not hold as many frames as were.
    pub fn finish(self) -> Result<()> {
        let ChemfilesWriter {
            trajectory,
            format,
            path,
            written,
            pace,
            ..
        } = self;
        if written == 0 {
            return Err(Error::new("there is no frame to write"));
        }
        guarded(|| {
            drop(trajectory);
            Ok(())
        })?;
        if format.name == "DCD" {
            layout::set_dcd_clock(&path, pace.clock())?;
        }
        // chemfiles does not tell when its last bytes found no room.
        let (_, meter) = open(&path, format)?;
        match meter.size() {
            Some(frames) if frames == written as u64 => Ok(()),
            _ => Err(
                Error::new(format!("{} was not written completely", path.display()))
                    .help("check the room left on the device"),
            ),
        }
    }
}

/// Whether the steps of the frames written so far are equidistant.
#[derive(Default)]
enum Pace {
    #[default]
    Start,
    Even {
        first: i64,
        last: i64,
        spacing: Option<i64>,
        timestep: Option<f64>,
    },
    Uneven,
}

impl Pace {
    fn note(&mut self, frame: &Frame) {
        let Some(step) = frame.step else {
            *self = Pace::Uneven;
            return;
        };
        let timestep = frame
            .time
            .filter(|_| step != 0)
            .map(|time| time / step as f64);
        *self = match *self {
            Pace::Start => Pace::Even {
                first: step,
                last: step,
                spacing: None,
                timestep,
            },
            Pace::Even {
                first,
                last,
                spacing,
                timestep: known,
            } if step > last && spacing.is_none_or(|spacing| step - last == spacing) => {
                // Zero where times are not a multiple of the steps: DCD's word for not known.
                let timestep = match (known, timestep) {
                    (Some(known), Some(new)) if (known - new).abs() > 1e-6 * known.abs() => {
                        Some(0.0)
                    }
                    (known, new) => known.or(new),
                };
                Pace::Even {
                    first,
                    last: step,
                    spacing: Some(step - last),
                    timestep,
                }
            }
            _ => Pace::Uneven,
        };
    }

    fn clock(&self) -> Option<Clock> {
        match *self {
            Pace::Even {
                first,
                spacing,
                timestep,
                ..
            } => Some(Clock {
                first,
                spacing: spacing.unwrap_or(1),
                timestep,
            }),
            _ => None,
        }
    }
}

/// Checks what chemfiles would write wrongly without a word.
fn check_limits(frame: &Frame, format: &Format) -> Result<()> {
    let name = format.name;
    let too_long = |what: &str| {
        Error::new(format!("{what} is too long for the columns of {name}"))
            .help("choose another format, such as .xyz")
    };
    // Characters a number has room for, decimals included.
    let fixed = match name {
        "PDB" | "GRO" => Some((-999.9994, 9999.9994)),
        "SDF" => Some((-9999.9999, 99999.9999)),
        _ => None,
    };
    if let Some((low, high)) = fixed {
        let outside =
            |position: &Vector3<f64>| position.iter().any(|value| !(low..=high).contains(value));
        if let Some(row) = frame.positions.iter().position(outside) {
            return Err(too_long(&format!(
                "the position of particle {}",
                frame.ids[row]
            )));
        }
    }
    if name == "GRO"
        && frame.velocities().is_some_and(|values| {
            values
                .iter()
                .any(|value| !(-99.9999..=999.9999).contains(value))
        })
    {
        return Err(too_long("a velocity"));
    }
    if name == "SDF" && frame.len() > 999 {
        return Err(too_long("the number of particles"));
    }
    let longest_name = match name {
        "PDB" => 2,
        "SDF" => 3,
        "CSSR" => 4,
        "GRO" => 5,
        _ => usize::MAX,
    };
    if let Some(species) = frame
        .species
        .names
        .iter()
        .find(|species| format.has_atoms && species.len() > longest_name)
    {
        return Err(too_long(&format!("the species '{species}'")));
    }
    let stores_edges = matches!(name, "XTC" | "TRR");
    if frame
        .cell
        .as_ref()
        .is_some_and(|cell| !stores_edges && !cell.is_restricted())
    {
        return Err(Error::new(format!("{name} stores lengths and angles of the cell, and this cell is rotated"))
            .help("choose another format, such as .xyz, or turn the cell until a lies along x and b in the xy plane"));
    }
    Ok(())
}

/// What such a format has no place for, of what the frame has: species (where there are several), ids that are not 1, 2, …, image flags,
/// boundaries that are not periodic, an origin of the cell, diameters, masses, further columns, keys.
pub fn left_out<'a>(frame: &'a Frame, format: &Format) -> Vec<&'a str> {
    let cell = frame.cell.as_ref();
    let known = [
        (
            "species",
            !format.has_atoms && frame.species.names.len() > 1,
        ),
        ("id", !frame.ids.iter().copied().eq(1..=frame.len() as i64)),
        (
            "image flags",
            matches!(frame.coordinates, Coordinates::Images(_)),
        ),
        (
            "boundary",
            cell.is_some_and(|cell| cell.periodic() != [true; 3]),
        ),
        (
            "origin",
            cell.is_some_and(|cell| cell.origin() != Vector3::zeros()),
        ),
        ("diameter", frame.diameters.is_some()),
        ("mass", frame.masses.is_some()),
    ];
    let columns = frame.columns.iter().map(|column| column.name.as_str());
    let is_kept = |name: &str| format.has_velocities && VELOCITIES.contains(&name);
    (known.into_iter())
        .filter_map(|(name, is_lost)| is_lost.then_some(name))
        .chain(columns.filter(|name| !is_kept(name)))
        .chain(keys(frame).filter(|key| format.name != "XTC" || *key != XTC_PRECISION))
        .collect()
}

fn to_native(frame: &Frame, format: &Format) -> Result<::chemfiles::Frame> {
    const DEFAULT_XTC_PRECISION: f64 = 1e5;
    let mut native = ::chemfiles::Frame::new();
    native.resize(frame.len());
    for (target, position) in native.positions_mut().iter_mut().zip(&frame.positions) {
        *target = (position * format.scale).into();
    }
    if let Some(cell) = &frame.cell {
        native.set_cell(&to_native_cell(cell, format.scale)?);
    }
    if format.has_velocities
        && let Some(velocities) = frame.velocities()
    {
        native.add_velocities();
        let targets = native.velocities_mut().into_iter().flatten().flatten();
        targets
            .zip(velocities)
            .for_each(|(target, velocity)| *target = velocity * format.scale);
    }
    if format.has_atoms {
        for index in 0..frame.len() {
            let mut atom = native.atom_mut(index);
            let name: &str = frame.species.name(index);
            atom.set_name(name);
            atom.set_atomic_type(name);
        }
    }
    if let Some(step) = frame.step {
        native.set_step(usize::try_from(step).unwrap_or(0));
    }
    if let Some(time) = frame.time {
        native.set("time", time);
    }
    if format.name == "XTC" {
        let asked = frame.key(XTC_PRECISION).and_then(|text| text.parse().ok());
        native.set(XTC_PRECISION, asked.unwrap_or(DEFAULT_XTC_PRECISION));
    }
    Ok(native)
}

fn to_native_cell(cell: &Cell, scale: f64) -> Result<UnitCell> {
    let h = cell.matrix() * scale;
    let rows = [0, 1, 2].map(|row| [0, 1, 2].map(|column| h[(row, column)]));
    let native = match cell.is_orthogonal() {
        true => UnitCell::new([h[(0, 0)], h[(1, 1)], h[(2, 2)]]),
        false => UnitCell::from_matrix(rows),
    };
    match native.shape() {
        ::chemfiles::CellShape::Infinite => Err(Error::new(
            "the edges of the cell are too short to be written in this format",
        )
        .help("choose another format, such as .xyz, or another unit of length")),
        _ => Ok(native),
    }
}

/// Runs something that calls chemfiles: its warnings go nowhere, and where its bindings panic (on text that is not UTF-8, and on what they
/// believe cannot fail) there is an error instead.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    thread_local! {
        static IS_INSIDE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    }
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| {
        ::chemfiles::set_warning_callback(|_| {});
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !IS_INSIDE.get() {
                report(panic);
            }
        }));
    });
    IS_INSIDE.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    IS_INSIDE.set(false);
    outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(failed(text.unwrap_or_default()))
    })
}

fn failure(error: ::chemfiles::Error) -> Error {
    // How chemfiles says that a file ends too early.
    let is_cut = ["mmap out of bounds", "reached end of file"]
        .iter()
        .any(|sign| error.message.contains(sign));
    match is_cut {
        true => layout::cut_short(),
        false => failed(&error.message),
    }
}

fn failed(message: &str) -> Error {
    const LONGEST: usize = 160;
    let message: String = one_line(message).chars().take(LONGEST).collect();
    Error::of_kind(Kind::CannotRun, format!("chemfiles: {message}"))
        .help("check the format of the input, or name it with --format")
}

/// Text without line ends, control characters and runs of blanks.
fn one_line(text: &str) -> String {
    let printable: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    printable.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text without blanks.
fn word(text: &str) -> String {
    one_line(text).replace(' ', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTICLES: usize = 24;

    fn fixture() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/lammps/heat.dcd")
    }

    fn format(name: &str) -> &'static Format {
        format_from_name(name).unwrap_or_else(|| panic!("no format {name}"))
    }

    fn read(path: &Path, name: &str) -> Result<Vec<Frame>> {
        open(path, format(name))?.0.collect()
    }

    /// Frames read before the end or an error, and the error.
    fn read_until_error(path: &Path, name: &str) -> (Vec<Frame>, Option<Error>) {
        let frames = match open(path, format(name)) {
            Ok((frames, _)) => frames,
            Err(error) => return (Vec::new(), Some(error)),
        };
        let mut whole = Vec::new();
        for frame in frames {
            match frame {
                Ok(frame) => whole.push(frame),
                Err(error) => return (whole, Some(error)),
            }
        }
        (whole, None)
    }

    fn orthogonal() -> Cell {
        Cell::orthogonal([11.0, 12.0, 13.0]).unwrap()
    }

    fn triclinic() -> Cell {
        let edges = [
            Vector3::new(11.0, 0.0, 0.0),
            Vector3::new(2.0, 12.0, 0.0),
            Vector3::new(-1.5, 3.0, 13.0),
        ];
        Cell::new(edges, Vector3::zeros(), [true; 3]).unwrap()
    }

    /// Frames at the steps 500, 600, … and the times 2.5, 3, …
    fn sample(count: usize, cell: &Cell) -> Vec<Frame> {
        // A fixed irrational rotation: scattered, the same every time.
        let scattered = |index: usize| ((index + 1) as f64 * 0.618_033_988_749_895).fract();
        (0..count)
            .map(|ordinal| {
                let value =
                    |row: usize, axis: usize| scattered(7 * (ordinal * PARTICLES + row) + axis);
                let row = |row: usize| Vector3::new(value(row, 0), value(row, 1), value(row, 2));
                let step = 500 + 100 * ordinal as i64;
                let labels: Vec<&str> = (0..PARTICLES).map(|row| ["A", "B"][row % 2]).collect();
                Frame {
                    ordinal,
                    step: Some(step),
                    time: Some(step as f64 * 0.005),
                    cell: Some(cell.clone()),
                    ids: assemble::ordinal_ids(PARTICLES),
                    species: Species::from_labels(&labels),
                    positions: (0..PARTICLES)
                        .map(|index| cell.cartesian(&row(index)))
                        .collect(),
                    columns: vec![Column::real(
                        "velo",
                        3,
                        (0..3 * PARTICLES)
                            .map(|index| scattered(index) - 0.5)
                            .collect(),
                    )],
                    ..Frame::default()
                }
            })
            .collect()
    }

    fn write(path: &Path, name: &str, frames: &[Frame]) {
        let mut writer = ChemfilesWriter::create(path, format(name)).unwrap();
        frames.iter().for_each(|frame| writer.write(frame).unwrap());
        writer.finish().unwrap();
    }

    fn furthest(a: impl Iterator<Item = f64>, b: impl Iterator<Item = f64>) -> f64 {
        a.zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    fn distance(a: &Frame, b: &Frame) -> f64 {
        assert_eq!(a.len(), b.len());
        let values = |frame: &Frame| {
            frame
                .positions
                .iter()
                .flatten()
                .copied()
                .collect::<Vec<_>>()
                .into_iter()
        };
        furthest(values(a), values(b))
    }

    fn cell_distance(a: &Frame, b: &Frame) -> f64 {
        let values = |frame: &Frame| {
            frame
                .cell
                .as_ref()
                .unwrap()
                .matrix()
                .iter()
                .copied()
                .collect::<Vec<_>>()
                .into_iter()
        };
        furthest(values(a), values(b))
    }

    #[test]
    fn lammps_dcd() {
        let (frames, meter) = open(&fixture(), format("dcd")).unwrap();
        assert_eq!(meter.size(), Some(41));
        let frames: Vec<Frame> = frames.collect::<Result<_>>().unwrap();
        assert_eq!(meter.position(), 41);
        assert_eq!(meter.content().unwrap().bytes, 495_556);
        assert_eq!(frames.len(), 41);
        for (ordinal, frame) in frames.iter().enumerate() {
            assert_eq!(frame.ordinal, ordinal);
            assert_eq!(frame.step, Some(1000 * ordinal as i64));
            assert_eq!(frame.time, Some(5.0 * ordinal as f64));
            assert_eq!(frame.len(), 1000);
            assert_eq!(*frame.species.name(999), "X".into());
            let cell = frame.cell.as_ref().unwrap();
            assert!(cell.is_orthogonal());
            assert_eq!(cell.lengths(), [11.0064241629821; 3]);
        }
        assert!((frames[0].positions[0] - Vector3::new(1.15154, 9.82231, 3.67839)).amax() < 1e-5);
        assert_eq!(frames[0].masses, None);
        assert!(
            frames[0]
                .key("title")
                .unwrap()
                .starts_with("Written by LAMMPS")
        );
    }

    #[test]
    fn formats_have_names_and_endings() {
        for format in FORMATS.iter() {
            assert!(std::ptr::eq(
                format_from_name(&format.name.to_lowercase()).unwrap(),
                format
            ));
            for ending in &format.endings {
                let path = PathBuf::from(format!("run.1.{}", ending.to_uppercase()));
                assert!(
                    std::ptr::eq(format_by_ending(&path).unwrap(), format),
                    "{ending}"
                );
            }
        }
        assert_eq!(format_from_name("netcdf").unwrap().name, "Amber NetCDF");
        assert_eq!(format_by_ending(Path::new("a.pdb.gz")).unwrap().name, "PDB");
        for absent in [
            "xyz",
            "LAMMPS",
            "LAMMPS Data",
            "lammpstrj",
            "SMI",
            "PSF",
            "TRJ",
        ] {
            assert!(format_from_name(absent).is_none(), "{absent}");
        }
        assert!(format_by_ending(Path::new("dcd")).is_none());
    }

    #[test]
    fn whole_trajectories_round_trip() {
        let directory = tempfile::tempdir().unwrap();
        for (name, tolerance, cell_tolerance) in [
            ("DCD", 1e-6, 1e-12),
            ("XTC", 6e-6, 1e-6),
            ("TRR", 1e-6, 1e-6),
            ("Amber NetCDF", 1e-6, 5e-6),
            ("PDB", 5.1e-4, 3e-3),
            ("GRO", 5.1e-4, 1e-5),
        ] {
            for cell in [orthogonal(), triclinic()] {
                let frames = sample(3, &cell);
                let path = directory.path().join("file.tmp");
                write(&path, name, &frames);
                let back = read(&path, name).unwrap();
                assert_eq!(back.len(), 3, "{name}");
                for (before, after) in frames.iter().zip(&back) {
                    assert!(
                        distance(before, after) < tolerance,
                        "{name}: {}",
                        distance(before, after)
                    );
                    assert!(
                        cell_distance(before, after) < cell_tolerance,
                        "{name}: {}",
                        cell_distance(before, after)
                    );
                    assert_eq!(
                        before.cell.as_ref().unwrap().is_orthogonal(),
                        after.cell.as_ref().unwrap().is_orthogonal()
                    );
                    if matches!(name, "DCD" | "XTC" | "TRR") {
                        assert_eq!(
                            (before.step, before.time),
                            (after.step, after.time),
                            "{name}"
                        );
                    } else {
                        assert_eq!((after.step, after.time), (None, None), "{name}");
                    }
                    if matches!(name, "PDB" | "GRO") {
                        assert_eq!(before.species, after.species, "{name}");
                    } else {
                        assert_eq!(after.species.names, ["X".into()], "{name}");
                    }
                    assert_eq!((&after.masses, &after.diameters), (&None, &None));
                    let velocities = (before.velocities().unwrap(), after.velocities());
                    match (name, velocities.1) {
                        ("TRR" | "GRO" | "Amber NetCDF", Some(after)) => {
                            let off = furthest(velocities.0.iter().copied(), after.iter().copied());
                            assert!(off < 6e-5, "{name}: {off}");
                        }
                        (_, found) => assert_eq!(found, None, "{name}"),
                    }
                }
            }
        }
    }

    #[test]
    fn single_frames_round_trip_in_every_writable_format() {
        let directory = tempfile::tempdir().unwrap();
        for format in FORMATS.iter().filter(|format| format.is_writable) {
            let frames = sample(1, &triclinic());
            let path = directory.path().join("file.tmp");
            write(&path, format.name, &frames);
            let back = read(&path, format.name).unwrap();
            assert_eq!(back.len(), 1, "{}", format.name);
            assert!(distance(&frames[0], &back[0]) < 1e-3, "{}", format.name);
            if format.has_atoms {
                assert_eq!(frames[0].species, back[0].species, "{}", format.name);
            }
        }
    }

    #[test]
    fn no_cell_stays_none() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["DCD", "XTC", "TRR", "Amber NetCDF", "PDB", "GRO"] {
            let mut frames = sample(2, &orthogonal());
            frames.iter_mut().for_each(|frame| frame.cell = None);
            let path = directory.path().join("file.tmp");
            write(&path, name, &frames);
            assert!(
                read(&path, name)
                    .unwrap()
                    .iter()
                    .all(|frame| frame.cell.is_none()),
                "{name}"
            );
        }
    }

    #[test]
    fn a_rotated_cell_keeps_its_edges_or_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file.tmp");
        let edges = [
            Vector3::new(11.0, 1.0, 0.0),
            Vector3::new(2.0, 12.0, 0.5),
            Vector3::new(-1.5, 3.0, 13.0),
        ];
        let frames = sample(1, &Cell::new(edges, Vector3::zeros(), [true; 3]).unwrap());
        write(&path, "XTC", &frames);
        assert!(cell_distance(&frames[0], &read(&path, "XTC").unwrap()[0]) < 1e-6);
        let mut writer = ChemfilesWriter::create(&path, format("DCD")).unwrap();
        assert!(
            writer
                .write(&frames[0])
                .unwrap_err()
                .to_string()
                .contains("rotated")
        );
    }

    #[test]
    fn steps_that_are_not_equidistant_are_not_made_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file.dcd");
        let mut frames = sample(3, &orthogonal());
        frames[2].step = Some(10_000);
        write(&path, "DCD", &frames);
        assert!(
            read(&path, "DCD")
                .unwrap()
                .iter()
                .all(|frame| frame.step.is_none() && frame.time.is_none())
        );
    }

    #[test]
    fn a_dcd_in_the_other_byte_order() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file.dcd");
        write(&path, "DCD", &sample(3, &triclinic()));
        let straight = read(&path, "DCD").unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        swap_dcd(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(read(&path, "DCD").unwrap(), straight);
    }

    /// Turns round the bytes of every number in a DCD file with a cell and no title.
    fn swap_dcd(bytes: &mut [u8]) {
        let mut at = 0;
        while at < bytes.len() {
            let length = i32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
            let record = &mut bytes[at..at + length + 8];
            let (inside, width) = match length {
                84 => (8..length + 4, 4),
                48 => (4..length + 4, 8),
                _ => (4..length + 4, 4),
            };
            record[inside]
                .chunks_exact_mut(width)
                .for_each(<[u8]>::reverse);
            record[..4].reverse();
            record[length + 4..].reverse();
            at += length + 8;
        }
    }

    #[test]
    fn cut_files_give_their_whole_frames_and_one_error() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["DCD", "XTC", "TRR", "Amber NetCDF"] {
            let path = directory.path().join("whole");
            write(&path, name, &sample(3, &orthogonal()));
            let bytes = std::fs::read(&path).unwrap();
            let whole = read(&path, name).unwrap();
            let cut = directory.path().join("cut");
            let mut counts = Vec::new();
            for length in (1..bytes.len()).rev().step_by(13) {
                std::fs::write(&cut, &bytes[..length]).unwrap();
                let (frames, error) = read_until_error(&cut, name);
                assert_eq!(frames, whole[..frames.len()], "{name} cut at {length}");
                match error {
                    Some(error) => assert!(!error.to_string().contains('\n')),
                    // Without a header that tells their number, frames that are whole are a whole file.
                    None => assert!(matches!(name, "XTC" | "TRR"), "{name} cut at {length}"),
                }
                counts.push(frames.len());
            }
            assert!(
                counts.is_sorted_by(|longer, shorter| longer >= shorter),
                "{name}"
            );
            std::fs::write(&cut, &bytes[..bytes.len() - 1]).unwrap();
            let (frames, error) = read_until_error(&cut, name);
            assert_eq!(
                (frames.len(), error.unwrap().kind()),
                (2, Kind::Truncated),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_not_a_trajectory_is_an_error_in_one_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let noise: Vec<u8> = (0..20_000_u32)
            .map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        for content in [
            &b""[..],
            b"\n",
            b"0\n\n",
            b"hello\nworld\n",
            b"99999999999\n\n1 2 3\n",
            b"\xff\xfe\xc3\x28\n\xff\n",
            &noise,
        ] {
            std::fs::write(&path, content).unwrap();
            for format in FORMATS.iter() {
                let (frames, error) = read_until_error(&path, format.name);
                assert!(frames.is_empty(), "{}: {frames:?}", format.name);
                let text = error.unwrap().to_string();
                assert!(
                    !text.contains('\n') && text.len() < 400,
                    "{}: {text}",
                    format.name
                );
            }
        }
        let missing = open(&directory.path().join("missing"), format("PDB"))
            .map(|_| ())
            .unwrap_err();
        assert!(missing.to_string().contains("missing"), "{missing}");
    }

    #[test]
    fn huge_counts_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let refused = |name: &str, at: &[usize], bytes: [u8; 4]| {
            write(&path, name, &sample(2, &orthogonal()));
            let mut content = std::fs::read(&path).unwrap();
            at.iter()
                .for_each(|&at| content[at..at + 4].copy_from_slice(&bytes));
            std::fs::write(&path, content).unwrap();
            assert!(open(&path, format(name)).is_err(), "{name}");
        };
        const HUGE: i32 = i32::MAX;
        // The number of particles: after header and empty title; twice in a frame; in a frame; in the second dimension.
        refused("DCD", &[92 + 12 + 4], HUGE.to_ne_bytes());
        refused("XTC", &[4, 52], HUGE.to_be_bytes());
        refused("TRR", &[64], HUGE.to_be_bytes());
        refused("Amber NetCDF", &[44], HUGE.to_be_bytes());
        std::fs::write(&path, format!("title\n{HUGE}\n")).unwrap();
        assert!(open(&path, format("GRO")).is_err());
    }

    #[test]
    fn what_a_format_cannot_hold_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let refused = |name: &str, change: fn(&mut Frame)| {
            let mut frames = sample(1, &orthogonal());
            change(&mut frames[0]);
            let mut writer = ChemfilesWriter::create(&path, format(name)).unwrap();
            let text = writer.write(&frames[0]).unwrap_err().to_string();
            assert!(
                text.starts_with("frame 0: ") && !text.contains('\n'),
                "{name}: {text}"
            );
        };
        refused("PDB", |frame| frame.positions[3].x = 12345.0);
        refused("GRO", |frame| frame.positions[3].y = -1234.0);
        refused("PDB", |frame| frame.species.names[1] = "Big".into());
        refused("XTC", |frame| frame.step = Some(1 << 40));
        refused("XTC", |frame| frame.positions[3].x = 1e9);
        refused("DCD", |frame| *frame = Frame::default());
        assert!(ChemfilesWriter::create(&path, format("TNG")).is_err());
    }

    #[test]
    fn trr_records_without_positions_are_no_frames() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file.trr");
        write(&path, "TRR", &sample(3, &orthogonal()));
        let whole = read(&path, "TRR").unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        // The size of the positions stands at 52 of a record, the positions themselves begin at 120.
        let record = bytes.len() / 3;
        bytes[record + 52..record + 56].fill(0);
        bytes.drain(record + 120..record + 120 + 12 * PARTICLES);
        std::fs::write(&path, bytes).unwrap();
        let frames = read(&path, "TRR").unwrap();
        let steps: Vec<_> = frames
            .iter()
            .map(|frame| (frame.ordinal, frame.step))
            .collect();
        assert_eq!(steps, [(0, Some(500)), (1, Some(700))]);
        assert_eq!(frames[1].positions, whole[2].positions);
    }

    #[test]
    fn gro_without_velocities() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file.gro");
        let mut frames = sample(1, &orthogonal());
        frames[0].columns.clear();
        write(&path, "GRO", &frames);
        assert_eq!(read(&path, "GRO").unwrap()[0].columns, []);
    }

    #[test]
    fn mmcif_models_and_what_chemfiles_would_crash_on() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file.cif");
        let header = "_cell.length_a 11\n_cell.length_b 12\n_cell.length_c 13\nloop_\n_atom_site.type_symbol\n\
            _atom_site.label_atom_id\n_atom_site.Cartn_x\n_atom_site.Cartn_y\n_atom_site.Cartn_z\n_atom_site.pdbx_PDB_model_num\n";
        let rows = "Si Si1 1 2 3 1\nO O1 4 5 6 1\nSi Si1 1.5 2 3 2\nO O1 4.5 5 6 2\n#\n";
        std::fs::write(&path, format!("{header}{rows}")).unwrap();
        assert_eq!(format_by_ending(&path).unwrap().name, "mmCIF");
        let frames = read(&path, "mmCIF").unwrap();
        assert_eq!(frames.len(), 2);
        assert_eq!(
            frames[1].positions,
            [Vector3::new(1.5, 2.0, 3.0), Vector3::new(4.5, 5.0, 6.0)]
        );
        assert_eq!(frames[1].species, Species::from_labels(&["Si", "O"]));
        let names = Values::Text(vec!["Si1".into(), "O1".into()]);
        assert_eq!(frames[1].column("name").unwrap().values, names);
        for damage in [
            ("O O1 4 5 6 1", "O O1 4"),
            ("length_a 11", "length_a"),
            ("label_atom_id", "other"),
        ] {
            std::fs::write(&path, format!("{header}{rows}").replace(damage.0, damage.1)).unwrap();
            assert!(open(&path, format("mmCIF")).is_err(), "{damage:?}");
        }
    }

    #[test]
    fn a_compressed_text_format() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file.gro.gz");
        let frames = sample(2, &orthogonal());
        write(&path, "GRO", &frames);
        assert_eq!(std::fs::read(&path).unwrap()[..2], [0x1f, 0x8b]);
        assert!(distance(&frames[1], &read(&path, "GRO").unwrap()[1]) < 5.1e-4);
        std::fs::write(directory.path().join("file.dcd.gz"), "x").unwrap();
        assert!(open(&directory.path().join("file.dcd.gz"), format("DCD")).is_err());
    }
}
