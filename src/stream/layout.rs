//! Where the frames of a binary trajectory lie, and what chemfiles must not be shown.
//!
//! chemfiles believes the counts that these files hold. A damaged one makes it allocate without bound, divide by zero or read past its
//! buffers; a frame that is cut off at the end goes unnoticed. So the skeleton of a file is walked before chemfiles sees it.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::error::{Error, Kind, Result};

/// The frames of a file.
pub struct Layout {
    /// Which of the file's records are frames, counted from 0: those that hold positions.
    pub records: Vec<usize>,
    /// The steps of the records, where the header tells them for all.
    pub clock: Option<Clock>,
    /// What is wrong with the file after these frames.
    pub end: Option<Error>,
}

/// Equidistant steps: record k is at step `first + k spacing`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    /// Step of the first record.
    pub first: i64,
    /// Steps between records, at least 1.
    pub spacing: i64,
    /// Time between two steps (time), where the header tells.
    pub timestep: Option<f64>,
}

/// The shortest decimal number that single precision rounds to this: 0.005 rather than 0.004999999888.
pub fn decimal(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

/// The error of a file that ends too early.
pub fn cut_short() -> Error {
    Error::of_kind(Kind::Truncated, "the input ends in the middle of a frame")
        .help("use --partial to go on with the complete frames before it")
}

fn damaged(what: &str) -> Error {
    Error::new(format!("the file is damaged: {what}"))
        .help("write it again, or leave the rest out with --frames")
}

fn not_of_format(name: &str) -> Error {
    Error::new(format!("this is not a frame of the format {name}"))
        .help("check the format of the input, or name it with --format")
}

/// The frames of a CHARMM, X-PLOR, NAMD or LAMMPS DCD file, with record markers of 4 or 8 bytes, in either byte order.
///
/// Errors: another format, a damaged header, not even one whole frame. What follows the last whole frame, or a header that promises more
/// frames than there are, is an error of kind [`Kind::Truncated`] in `end`.
pub fn dcd(path: &Path) -> Result<Layout> {
    const HEADER: u64 = 84;
    let mut file = Walker::open(path)?;
    let start: [u8; 12] = file.take().map_err(|_| not_of_format("DCD"))?;
    let (big_endian, wide) = match &start {
        [84, 0, 0, 0, b'C', b'O', b'R', b'D', ..] => (false, false),
        [84, 0, 0, 0, 0, 0, 0, 0, b'C', b'O', b'R', b'D'] => (false, true),
        [0, 0, 0, 84, b'C', b'O', b'R', b'D', ..] => (true, false),
        [0, 0, 0, 0, 0, 0, 0, 84, b'C', b'O', b'R', b'D'] => (true, true),
        _ => return Err(not_of_format("DCD")),
    };
    file.big_endian = big_endian;
    let marker = if wide { 8 } else { 4 };
    file.seek(marker + 4)?;
    // The 20 words of ICNTRL, of which chemfiles and we use the same ones.
    let mut control = [[0u8; 4]; 20];
    for word in &mut control {
        *word = file.take()?;
    }
    let word = |index: usize| i64::from(file.to_i32(control[index]));
    let (declared, first, spacing, fixed) = (word(0), word(1), word(2), word(8));
    let is_charmm = word(19) & 0xff != 0;
    let (timestep, has_cell, has_fourth) = if is_charmm {
        (
            decimal(file.to_f32(control[9])),
            word(10) != 0,
            word(11) == 1,
        )
    } else {
        let bytes = [control[9], control[10]].concat();
        let bytes = bytes.try_into().expect("two words are eight bytes");
        let timestep = match big_endian {
            true => f64::from_be_bytes(bytes),
            false => f64::from_le_bytes(bytes),
        };
        (timestep, false, false)
    };
    file.expect_marker(wide, HEADER)?;

    let title = file.marker(wide)?;
    match title.checked_sub(4) {
        Some(text) if text % 80 == 0 => {
            if u64::from(file.count()?) != text / 80 {
                return Err(damaged(
                    "the number of title lines does not match their length",
                ));
            }
            file.skip(text)?;
        }
        _ => file.skip(title)?,
    }
    file.expect_marker(wide, title)?;

    file.expect_marker(wide, 4)?;
    let particles = i64::from(file.count()?);
    file.expect_marker(wide, 4)?;
    if particles == 0 {
        return Err(no_particles());
    }
    if !(0..particles).contains(&fixed) || declared < 0 {
        return Err(damaged("the header holds counts that cannot be"));
    }
    let free = particles - fixed;
    if fixed != 0 {
        file.expect_marker(wide, 4 * free as u64)?;
        file.skip(4 * free as u64)?;
        file.expect_marker(wide, 4 * free as u64)?;
    }

    let size_for = |moving: i64| {
        let coordinates = if has_fourth { 4 } else { 3 };
        let cell = if has_cell { 2 * marker + 48 } else { 0 };
        cell + coordinates * (2 * marker + 4 * moving as u64)
    };
    let Some(after_first) = file.left().checked_sub(size_for(particles)) else {
        return Err(cut_short());
    };
    let whole = 1 + after_first / size_for(free);
    let is_cut = after_first % size_for(free) != 0 || declared as u64 > whole;
    Ok(Layout {
        records: (0..whole as usize).collect(),
        clock: (first >= 0 && spacing > 0).then_some(Clock {
            first,
            spacing,
            timestep: (timestep.is_finite() && timestep > 0.0).then_some(timestep),
        }),
        end: is_cut.then(cut_short),
    })
}

/// Tells the steps in the header of a DCD file that chemfiles has written; without a clock, that they are not known.
pub fn set_dcd_clock(path: &Path, clock: Option<Clock>) -> Result<()> {
    const FIRST_AND_SPACING: u64 = 12;
    const TIMESTEP: u64 = 44;
    let clock = clock.and_then(|clock| {
        Some((
            i32::try_from(clock.first)
                .ok()
                .filter(|first| *first >= 0)?,
            i32::try_from(clock.spacing).ok()?,
            clock.timestep.unwrap_or(0.0) as f32,
        ))
    });
    // A spacing of zero is no spacing.
    let (first, spacing, timestep) = clock.unwrap_or((0, 0, 0.0));
    let mut file = File::options().write(true).open(path)?;
    for (at, bytes) in [
        (FIRST_AND_SPACING, first.to_ne_bytes()),
        (FIRST_AND_SPACING + 4, spacing.to_ne_bytes()),
        (TIMESTEP, timestep.to_ne_bytes()),
    ] {
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&bytes)?;
    }
    Ok(())
}

/// The frames of a GROMACS XTC file.
///
/// Errors: another format, not even one whole frame. What is wrong with a later one stands in `end`.
pub fn xtc(path: &Path) -> Result<Layout> {
    let mut particles = None;
    walk(path, |file| xtc_frame(file, &mut particles))
}

fn xtc_frame(file: &mut Walker, particles: &mut Option<i32>) -> Result<bool> {
    const MAGIC: i32 = 1995;
    /// Up to this many particles are stored uncompressed.
    const UNCOMPRESSED: i32 = 9;
    /// Indices of the compression's table of sizes, zeros excluded.
    const SIZES: std::ops::RangeInclusive<i32> = 9..=72;
    match file.integer()? {
        MAGIC => {}
        2023 => {
            return Err(Error::new(
                "this XTC file is of the variety for huge systems, which cannot be read",
            )
            .help("convert it to TRR with gmx trjconv"));
        }
        _ => return Err(not_of_format("XTC")),
    }
    let count = file.count()? as i32;
    file.skip(44)?;
    if file.integer()? != count {
        return Err(damaged("a frame tells two numbers of particles"));
    }
    check_particles(particles, count)?;
    if count <= UNCOMPRESSED {
        file.skip(12 * count as u64)?;
        return Ok(true);
    }
    let precision = file.real()?;
    let mut bounds = [0i64; 6];
    for bound in &mut bounds {
        *bound = i64::from(file.integer()?);
    }
    let spans_are_sound =
        (0..3).all(|axis| (0..i64::from(u32::MAX)).contains(&(bounds[axis + 3] - bounds[axis])));
    let size_index = file.integer()?;
    let length = u64::from(file.count()?);
    // A compressed particle takes at least one bit.
    let is_sound = precision.is_finite()
        && precision > 0.0
        && spans_are_sound
        && SIZES.contains(&size_index)
        && count as u64 <= 8 * length;
    if !is_sound {
        return Err(damaged("the head of the compressed positions is not sound"));
    }
    file.skip(length.next_multiple_of(4))?;
    Ok(true)
}

/// The frames of a GROMACS TRR file, in single or double precision. A record without positions (velocities or forces only) is no frame.
///
/// Errors: another format, not even one whole frame. What is wrong with a later one stands in `end`.
pub fn trr(path: &Path) -> Result<Layout> {
    let mut particles = None;
    walk(path, |file| trr_frame(file, &mut particles))
}

fn trr_frame(file: &mut Walker, particles: &mut Option<i32>) -> Result<bool> {
    const MAGIC: i32 = 1993;
    if file.integer()? != MAGIC
        || file.integer()? != 13
        || file.integer()? != 12
        || file.take::<12>()? != *b"GMX_trn_file"
    {
        return Err(not_of_format("TRR"));
    }
    let mut sizes = [0u64; 10];
    for size in &mut sizes {
        *size = u64::from(file.count()?);
    }
    let [_, _, cell, _, _, _, _, positions, velocities, forces] = sizes;
    let count = file.count()? as i32;
    file.skip(8)?;
    check_particles(particles, count)?;
    let values = 3 * count as u64;
    // The precision is not stored; it follows from the sizes.
    let width = match [
        (cell, 9),
        (positions, values),
        (velocities, values),
        (forces, values),
    ]
    .into_iter()
    .find(|(size, _)| *size > 0)
    {
        Some((size, of)) if size == 4 * of => 4,
        Some((size, of)) if size == 8 * of => 8,
        _ => {
            return Err(damaged(
                "a frame's sizes fit neither single nor double precision",
            ));
        }
    };
    let fits = |size: u64, of: u64| size == 0 || size == width * of;
    if !(fits(cell, 9)
        && fits(positions, values)
        && fits(velocities, values)
        && fits(forces, values))
    {
        return Err(damaged(
            "a frame's sizes do not fit its number of particles",
        ));
    }
    file.skip(2 * width + sizes.iter().sum::<u64>())?;
    Ok(positions > 0)
}

/// The frames of a NetCDF file with offsets of 64 bits: its records, or the whole file where it has none.
///
/// Errors: another format, a variety that chemfiles does not know, a damaged header, not even one whole frame. Records that the header
/// promises and the file lacks are an error of kind [`Kind::Truncated`] in `end`.
pub fn netcdf(path: &Path) -> Result<Layout> {
    const OFFSETS_OF_64_BITS: u8 = 2;
    const DIMENSIONS: u32 = 10;
    const VARIABLES: u32 = 11;
    const ATTRIBUTES: u32 = 12;
    let mut file = Walker::open(path)?;
    file.big_endian = true;
    match file.take().map_err(|_| not_of_format("NetCDF"))? {
        [b'C', b'D', b'F', OFFSETS_OF_64_BITS] => {}
        [b'C', b'D', b'F', _] | [0x89, b'H', b'D', b'F'] => {
            return Err(Error::new(
                "this variety of NetCDF cannot be read, only the one with 64-bit offsets",
            )
            .help("convert it with nccopy -6 OLD NEW"));
        }
        _ => return Err(not_of_format("NetCDF")),
    }
    // A writer that is not done leaves -1.
    let promised = u64::try_from(file.integer()?).ok();
    let mut lengths = Vec::new();
    let mut particles = None;
    for _ in 0..file.netcdf_list(DIMENSIONS)? {
        let name = file.netcdf_name()?;
        let length = u64::from(file.count()?);
        lengths.push(length);
        if name == b"atom" {
            particles.get_or_insert(length);
        }
    }
    match particles {
        None => {
            return Err(Error::new("this NetCDF file has no dimension 'atom'")
                .help("it must follow the AMBER convention"));
        }
        Some(0) => return Err(no_particles()),
        Some(_) => {}
    }
    file.skip_netcdf_attributes(ATTRIBUTES)?;
    let mut records_at = u64::MAX;
    let mut record_size = 0;
    for _ in 0..file.netcdf_list(VARIABLES)? {
        file.netcdf_name()?;
        let mut size = 1u64;
        let mut is_record = false;
        for _ in 0..file.count()? {
            match lengths.get(file.count()? as usize) {
                // The dimension of length zero is the one that grows.
                Some(0) => is_record = true,
                Some(&length) => size = size.saturating_mul(length),
                None => return Err(damaged("a dimension of the header does not exist")),
            }
        }
        file.skip_netcdf_attributes(ATTRIBUTES)?;
        size = size.saturating_mul(file.netcdf_type_size()?);
        file.skip(4)?;
        let at = u64::from_be_bytes(file.take()?);
        if at.saturating_add(size) > file.size {
            return Err(cut_short());
        }
        if is_record {
            records_at = records_at.min(at);
            record_size += size.next_multiple_of(4);
        }
    }
    let whole = match record_size {
        0 => 1,
        // The last record may lack its padding.
        _ => (file.size + 3 - records_at) / record_size,
    };
    let count = match record_size {
        0 => 1,
        _ => promised.map_or(whole, |promised| promised.min(whole)),
    };
    if count == 0 {
        return Err(no_particles());
    }
    Ok(Layout {
        records: (0..count as usize).collect(),
        clock: None,
        end: (record_size > 0 && promised.is_some_and(|promised| promised > whole)).then(cut_short),
    })
}

/// Checks that a file begins as TNG does; that library talks to standard error otherwise.
pub fn tng(path: &Path) -> Result<()> {
    const NAME_AT: u64 = 40;
    let mut file = Walker::open(path)?;
    file.skip(NAME_AT).map_err(|_| not_of_format("TNG"))?;
    match file.take() {
        Ok(name) if name == *b"GENERAL INFO" => Ok(()),
        _ => Err(not_of_format("TNG")),
    }
}

/// Checks the lines of an mmCIF file that chemfiles takes apart without counting their words: the cell and the table of atoms.
pub fn mmcif(content: impl BufRead) -> Result<()> {
    const SINGLE: [&str; 7] = [
        "_entry.id",
        "_cell.length_a",
        "_cell.length_b",
        "_cell.length_c",
        "_cell.angle_alpha",
        "_cell.angle_beta",
        "_cell.angle_gamma",
    ];
    let mut columns: Vec<String> = Vec::new();
    let mut is_in_rows = false;
    for (index, line) in content.split(b'\n').enumerate() {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        let at = |error: Error| error.at_line(index as u64 + 1);
        let mut words = line.split(' ').filter(|word| !word.trim().is_empty());
        match words.next() {
            None if is_in_rows => break,
            None if line.trim_end_matches('\r').is_empty() => {}
            None => return Err(at(damaged("a line holds nothing but blanks"))),
            Some(first) if first.contains("_atom_site.") && !is_in_rows => {
                columns.push(first.trim().replacen("_atom_site.", "", 1));
            }
            Some(first) if columns.is_empty() => {
                let key = first.trim().replacen("_cell_", "_cell.", 1);
                if SINGLE.contains(&key.as_str()) && words.next().is_none() {
                    return Err(at(damaged("a value is missing")));
                }
            }
            Some(first) if first.starts_with('#') || first.trim() == "loop_" => break,
            Some(_) => {
                is_in_rows = true;
                if words.count() + 1 != columns.len() {
                    return Err(at(damaged(
                        "a row of the table of atoms does not have as many words as columns",
                    )));
                }
            }
        }
    }
    let have = |name: &str| columns.iter().any(|column| column == name);
    if !is_in_rows || !(have("label_atom_id") || have("label")) {
        return Err(not_of_format("mmCIF"));
    }
    if have("label_comp_id")
        && have("label_asym_id")
        && !(have("label_seq_id") && have("label_entity_id"))
    {
        return Err(Error::new(
            "the table of atoms has residues without label_seq_id and label_entity_id",
        )
        .help("complete it, or convert the file to PDB"));
    }
    Ok(())
}

/// The records of a file that is nothing but records; `record` steps over one and says whether it is a frame.
fn walk(path: &Path, mut record: impl FnMut(&mut Walker) -> Result<bool>) -> Result<Layout> {
    let mut file = Walker::open(path)?;
    file.big_endian = true;
    let mut layout = Layout {
        records: Vec::new(),
        clock: None,
        end: None,
    };
    let mut ordinal = 0;
    while file.left() > 0 {
        match record(&mut file) {
            Ok(true) => layout.records.push(ordinal),
            Ok(false) => {}
            Err(error) => {
                layout.end = Some(error);
                break;
            }
        }
        ordinal += 1;
    }
    match layout.end {
        Some(error) if layout.records.is_empty() => Err(error),
        None if layout.records.is_empty() => {
            Err(Error::new("no frame of the input holds positions"))
        }
        _ => Ok(layout),
    }
}

fn check_particles(known: &mut Option<i32>, count: i32) -> Result<()> {
    if count == 0 {
        return Err(no_particles());
    }
    match *known.get_or_insert(count) {
        before if before != count => Err(damaged("the number of particles changes")),
        _ => Ok(()),
    }
}

/// The error of a frame without particles.
pub fn no_particles() -> Error {
    Error::new("the frame holds no particles")
        .help("check the format of the input, or name it with --format")
}

/// Reads a binary file forwards, counting.
struct Walker {
    reader: BufReader<File>,
    at: u64,
    size: u64,
    big_endian: bool,
}

impl Walker {
    fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
        let size = file
            .metadata()
            .map_err(|error| Error::io("open", path, error))?
            .len();
        Ok(Walker {
            reader: BufReader::with_capacity(1 << 10, file),
            at: 0,
            size,
            big_endian: false,
        })
    }

    fn left(&self) -> u64 {
        self.size - self.at
    }

    fn seek(&mut self, at: u64) -> Result<()> {
        self.reader.seek(SeekFrom::Start(at))?;
        self.at = at;
        Ok(())
    }

    /// Steps over `length` bytes, all of which must be there.
    fn skip(&mut self, length: u64) -> Result<()> {
        if length > self.left() {
            return Err(cut_short());
        }
        self.reader.seek_relative(length as i64)?;
        self.at += length;
        Ok(())
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.reader
            .read_exact(bytes)
            .map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => cut_short(),
                _ => Error::from(error),
            })?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn to_i32(&self, bytes: [u8; 4]) -> i32 {
        match self.big_endian {
            true => i32::from_be_bytes(bytes),
            false => i32::from_le_bytes(bytes),
        }
    }

    fn to_f32(&self, bytes: [u8; 4]) -> f32 {
        f32::from_bits(self.to_i32(bytes) as u32)
    }

    fn integer(&mut self) -> Result<i32> {
        let bytes = self.take()?;
        Ok(self.to_i32(bytes))
    }

    fn real(&mut self) -> Result<f32> {
        let bytes = self.take()?;
        Ok(self.to_f32(bytes))
    }

    /// A whole number that is not negative.
    fn count(&mut self) -> Result<u32> {
        u32::try_from(self.integer()?).map_err(|_| damaged("a count is negative"))
    }

    /// The number of entries of one of the lists of a NetCDF header.
    fn netcdf_list(&mut self, tag: u32) -> Result<u32> {
        let found = self.count()?;
        let count = self.count()?;
        match found {
            // An empty list may have no tag.
            0 if count == 0 => Ok(0),
            _ if found == tag => Ok(count),
            _ => Err(damaged("a list of the header is missing")),
        }
    }

    fn netcdf_name(&mut self) -> Result<Vec<u8>> {
        let length = u64::from(self.count()?);
        if length > self.left() {
            return Err(cut_short());
        }
        let mut name = vec![0; length as usize];
        self.fill(&mut name)?;
        self.skip(length.next_multiple_of(4) - length)?;
        Ok(name)
    }

    /// The number of bytes of a value of the type that stands here.
    fn netcdf_type_size(&mut self) -> Result<u64> {
        match self.integer()? {
            1 | 2 => Ok(1),
            3 => Ok(2),
            4 | 5 => Ok(4),
            6 => Ok(8),
            _ => Err(damaged("the header holds a type that does not exist")),
        }
    }

    fn skip_netcdf_attributes(&mut self, tag: u32) -> Result<()> {
        for _ in 0..self.netcdf_list(tag)? {
            self.netcdf_name()?;
            let size = self.netcdf_type_size()?;
            let count = u64::from(self.count()?);
            self.skip((size * count).next_multiple_of(4))?;
        }
        Ok(())
    }

    /// A Fortran record marker: the length of the record, before and after it.
    fn marker(&mut self, wide: bool) -> Result<u64> {
        let length = match (wide, self.big_endian) {
            (false, _) => i64::from(self.integer()?),
            (true, false) => i64::from_le_bytes(self.take()?),
            (true, true) => i64::from_be_bytes(self.take()?),
        };
        u64::try_from(length).map_err(|_| damaged("a count is negative"))
    }

    fn expect_marker(&mut self, wide: bool, length: u64) -> Result<()> {
        match self.marker(wide)? {
            found if found == length => Ok(()),
            _ => Err(damaged("a record marker is wrong")),
        }
    }
}
