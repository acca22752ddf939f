//! LAMMPS dump files (text): <https://docs.lammps.org/dump.html>.
//!
//! Read: columns in any order; positions as `xu yu zu`, `xsu ysu zsu`, `x y z` or `xs ys zs` (preferred in that order when several are
//! there), image flags, orthogonal, triclinic (bounding values) and general triclinic (`abc origin`) boxes, `UNITS` and `TIME` items.
//! Every further column is kept.

use std::sync::Arc;

use nalgebra::Vector3;

use super::assemble::{self, Columns};
use super::columns::{self, Expect, Field};
use super::lines::{Block, Lines};
use super::number::{self, Writer};
use super::text_format::TextFormat;
use super::write::{keys, unused};
use crate::data::cell::Cell;
use crate::data::frame::{Column, Coordinates, Frame, Species, VELOCITIES, Values};
use crate::error::{Error, Result, beginning};

/// Key of a frame that keeps the boundary flags which say more than periodic or fixed.
const BOUNDARY: &str = "boundary";
/// Key of a frame that keeps the simulation's unit style.
const UNITS: &str = "units";

/// Reader of dump files; remembers what the file says only once.
#[derive(Default)]
pub struct LammpsDump {
    units: Option<Arc<str>>,
    columns: Arc<Vec<String>>,
    block_size: usize,
}

/// The text of one snapshot.
#[derive(Clone)]
pub struct Raw {
    step: i64,
    time: Option<f64>,
    units: Option<Arc<str>>,
    bounds: Option<Bounds>,
    rows: usize,
    columns: Arc<Vec<String>>,
    block: Block,
}

#[derive(Clone)]
struct Bounds {
    header: String,
    values: Vec<Vec<f64>>,
    line: u64,
}

impl TextFormat for LammpsDump {
    type Raw = Raw;

    fn cut(&mut self, lines: &mut Lines) -> Result<Option<Raw>> {
        let (mut step, mut time, mut rows, mut bounds) = (None, None, None, None);
        let mut inside = false;
        loop {
            let Some(line) = lines.line()? else {
                return if inside {
                    Err(lines.cut_in_header())
                } else {
                    Ok(None)
                };
            };
            let item = match line.strip_prefix("ITEM:") {
                Some(item) => item.trim().to_string(),
                None if line.trim().is_empty() && !inside => continue,
                None => {
                    let what = format!("expected an ITEM: line, found '{}'", beginning(line));
                    let help = match self.block_size {
                        0 => "check the format of the input, or name it with --format",
                        _ => "the number of atoms may not match the rows",
                    };
                    return Err(Error::new(what).help(help).at_line(lines.number()));
                }
            };
            inside = true;
            let at = lines.number();
            if item == "TIMESTEP" {
                let value = value(lines, "a whole number for the timestep", |text| {
                    text.parse::<i64>().ok()
                })?;
                once(&mut step, value, &item, at)?;
            } else if item == "TIME" {
                let value = value(lines, "a number for the time", |text| {
                    columns::real(text).filter(|time| time.is_finite())
                })?;
                once(&mut time, value, &item, at)?;
            } else if item == "UNITS" {
                let units: Arc<str> = value(lines, "a unit style", |text| Some(text.into()))?;
                if let Some(before) = self.units.replace(units.clone())
                    && before != units
                {
                    return Err(Error::new(format!(
                        "the unit style changes from '{before}' to '{units}'"
                    ))
                    .help("split the file here")
                    .at_line(lines.number()));
                }
            } else if item == "NUMBER OF ATOMS" {
                let value = value(lines, "the number of atoms", |text| {
                    text.parse::<usize>().ok()
                })?;
                once(&mut rows, value, &item, at)?;
            } else if let Some(header) = item.strip_prefix("BOX BOUNDS") {
                let numbers = |text: &str| {
                    text.split_whitespace()
                        .map(|word| columns::real(word).filter(|value| value.is_finite()))
                        .collect::<Option<Vec<f64>>>()
                };
                let values = (0..3)
                    .map(|_| value(lines, "numbers for the bounds of the box", numbers))
                    .collect::<Result<_>>()?;
                let value = Bounds {
                    header: header.to_string(),
                    values,
                    line: at + 1,
                };
                once(&mut bounds, value, &item, at)?;
            } else if let Some(names) = item.strip_prefix("ATOMS") {
                if !names
                    .split_whitespace()
                    .eq(self.columns.iter().map(String::as_str))
                {
                    self.columns = Arc::new(names.split_whitespace().map(str::to_string).collect());
                }
                let (Some(step), Some(rows)) = (step, rows) else {
                    let what = "the snapshot lacks ITEM: TIMESTEP or ITEM: NUMBER OF ATOMS before its atoms";
                    return Err(Error::new(what)
                        .help("add what is missing")
                        .at_line(lines.number()));
                };
                let block = lines.block(rows, self.block_size)?;
                self.block_size = block.bytes.len();
                return Ok(Some(Raw {
                    step,
                    time,
                    units: self.units.clone(),
                    bounds,
                    rows,
                    columns: self.columns.clone(),
                    block,
                }));
            } else {
                return Err(Error::new(format!("unknown item '{item}'"))
                    .help("hyalo reads text dumps of atoms")
                    .at_line(lines.number()));
            }
        }
    }

    fn step(raw: &Raw) -> Option<i64> {
        Some(raw.step)
    }

    fn parse(raw: Raw) -> Result<Frame> {
        check_names(&raw.columns).map_err(|error| error.at_line(raw.block.first_line - 1))?;
        let columns = columns::parse(&raw.block, raw.rows, &fields(&raw.columns));
        let mut columns = Columns(columns.map_err(|error| {
            match memchr::memmem::find(&raw.block.bytes, b"ITEM:") {
                Some(_) => error.help("the number of atoms does not match the rows"),
                None => error,
            }
        })?);
        for (parts, name) in GROUPS {
            if columns.have(&parts) {
                columns.join(&parts, name)?;
            }
        }

        let mut frame = Frame {
            step: Some(raw.step),
            time: raw.time,
            ..Frame::default()
        };
        if let Some(units) = raw.units {
            frame.keys.push((UNITS.to_string(), units.to_string()));
        }
        if let Some(bounds) = &raw.bounds {
            let (cell, boundary) = bounds.cell().map_err(|error| error.at_line(bounds.line))?;
            frame.cell = Some(cell);
            frame
                .keys
                .extend(boundary.map(|flags| (BOUNDARY.to_string(), flags)));
        }
        let ids = columns.take_integers("id", 1)?;
        // LAMMPS writes particles in the order in which it happens to hold them.
        frame.unordered = ids.is_none();
        frame.ids = ids.unwrap_or_else(|| assemble::ordinal_ids(raw.rows));
        let first_line = raw.block.first_line;
        let at_names = |error: Error| error.at_line(first_line - 1);
        take_positions(&mut columns, &mut frame, first_line).map_err(at_names)?;
        take_species(&mut columns, &mut frame, raw.rows)?;
        assemble::take_sizes(&mut columns, &mut frame).map_err(at_names)?;
        columns.join_numbered()?;
        frame.columns = columns.0;
        assemble::finish(frame, Some(raw.block.first_line))
    }
}

/// Columns of a dump that belong together, and the name that they get: that of extended XYZ where it has one, else one that tells the user
/// which columns they are.
const GROUPS: [([&str; 3], &str); 7] = [
    (["xu", "yu", "zu"], "xu yu zu"),
    (["xsu", "ysu", "zsu"], "xsu ysu zsu"),
    (["x", "y", "z"], "x y z"),
    (["xs", "ys", "zs"], "xs ys zs"),
    (["ix", "iy", "iz"], "ix iy iz"),
    (["vx", "vy", "vz"], VELOCITIES[0]),
    (["fx", "fy", "fz"], "forces"),
];

/// The kinds of position, the preferred first: name of the group, whether unwrapped, whether in fractions of the box.
const POSITIONS: [(&str, bool, bool); 4] = [
    ("xu yu zu", true, false),
    ("xsu ysu zsu", true, true),
    ("x y z", false, false),
    ("xs ys zs", false, true),
];

/// Checks that no column with a meaning is there twice: nothing would say which one counts.
fn check_names(names: &[String]) -> Result<()> {
    const SINGLE: [&str; 7] = [
        "id",
        "type",
        "typelabel",
        "element",
        "radius",
        "diameter",
        "mass",
    ];
    let mut known = SINGLE
        .iter()
        .chain(GROUPS.iter().flat_map(|(parts, _)| parts));
    match known.find(|known| names.iter().filter(|name| name == *known).count() > 1) {
        None => Ok(()),
        Some(name) => Err(assemble::twice(name)),
    }
}

/// The fields of a line; neighbours that belong together are one.
fn fields(names: &[String]) -> Vec<Field> {
    let mut fields = Vec::with_capacity(names.len());
    let mut rest = names;
    while let [name, others @ ..] = rest {
        let group = GROUPS.iter().find(|(parts, _)| {
            rest.iter()
                .take(3)
                .map(String::as_str)
                .eq(parts.iter().copied())
        });
        match group {
            Some((parts, group)) => {
                fields.push(Field {
                    name: group.to_string(),
                    expect: expect(parts[0]),
                    width: 3,
                });
                rest = &rest[3..];
            }
            None => {
                fields.push(Field::single(name, expect(name)));
                rest = others;
            }
        }
    }
    fields
}

fn expect(name: &str) -> Expect {
    match name {
        "id" | "type" | "ix" | "iy" | "iz" => Expect::Integer,
        "element" | "typelabel" => Expect::Text,
        "radius" | "diameter" | "mass" | "vx" | "vy" | "vz" | "fx" | "fy" | "fz" => Expect::Real,
        // Attributes of LAMMPS that are real, though all may be printed as 0 in some frame.
        "q" | "mu" | "mux" | "muy" | "muz" | "omegax" | "omegay" | "omegaz" | "angmomx"
        | "angmomy" | "angmomz" | "tqx" | "tqy" | "tqz" | "sp" | "spx" | "spy" | "spz" | "fm"
        | "fmx" | "fmy" | "fmz" => Expect::Real,
        _ if GROUPS.iter().any(|(parts, _)| parts.contains(&name)) => Expect::Real,
        _ if name.starts_with("c_")
            || name.starts_with("f_")
            || name.starts_with("v_")
            || name.starts_with("d_") =>
        {
            Expect::Real
        }
        _ => Expect::Guess,
    }
}

fn take_positions(columns: &mut Columns, frame: &mut Frame, first_line: u64) -> Result<()> {
    let Some((group, unwrapped, scaled)) = POSITIONS
        .into_iter()
        .find(|(group, ..)| columns.have(&[group]))
    else {
        return Err(Error::new("the dump has no positions")
            .help("dump x y z, xs ys zs, xu yu zu or xsu ysu zsu (all three of a kind)"));
    };
    frame.positions = assemble::vectors(&columns.take_reals(group, 3)?.unwrap_or_default());
    if scaled {
        let cell = frame.cell.as_ref().ok_or_else(|| {
            Error::new("scaled positions need ITEM: BOX BOUNDS").help("add the box to the frame")
        })?;
        frame
            .positions
            .iter_mut()
            .for_each(|position| *position = cell.cartesian(position));
    }
    if unwrapped {
        frame.coordinates = Coordinates::Unwrapped;
    } else if let Some(images) = columns.take_integers("ix iy iz", 3)? {
        frame.coordinates = assemble::images(&images, first_line)?;
    }
    // Positions of another kind, and flags that are not needed, stay as the columns that they were.
    for (parts, group) in &GROUPS[..5] {
        columns.split(group, parts);
    }
    Ok(())
}

/// Species from `typelabel`, else from `type`; from `element` where every type has its own, because LAMMPS writes `C` for all unless told
/// otherwise.
fn take_species(columns: &mut Columns, frame: &mut Frame, rows: usize) -> Result<()> {
    if let Some(labels) = columns.take("typelabel") {
        frame.species = Species::from_labels(&assemble::labels(labels.values));
        return Ok(());
    }
    let types = columns
        .0
        .iter()
        .find(|column| column.name == "type")
        .map(|column| column.values.clone());
    let elements = columns
        .0
        .iter()
        .find(|column| column.name == "element")
        .map(|column| column.values.clone());
    frame.species = match (types, elements) {
        (Some(Values::Integer(types)), Some(elements)) => {
            let by_element = Species::from_labels(&assemble::labels(elements));
            let by_type = Species::from_types(&types);
            let mut pairs: Vec<(u32, u32)> = by_type
                .of
                .iter()
                .copied()
                .zip(by_element.of.iter().copied())
                .collect();
            pairs.sort_unstable();
            pairs.dedup();
            let is_untold = by_element.names.iter().all(|name| **name == *"C");
            if pairs.len() == by_type.names.len()
                && pairs.len() == by_element.names.len()
                && !is_untold
            {
                columns.take("element");
                by_element
            } else {
                columns.take("type");
                by_type
            }
        }
        (Some(Values::Integer(types)), None) => {
            columns.take("type");
            Species::from_types(&types)
        }
        (None, Some(elements)) => {
            columns.take("element");
            Species::from_labels(&assemble::labels(elements))
        }
        _ => Species::from_types(&vec![1; rows]),
    };
    Ok(())
}

/// What the species of a dump with types and elements are named after: the elements, or, where these do not tell the types apart, the types.
#[derive(Default)]
pub struct Naming {
    /// Whether it is the types, and the frame that settled it.
    by_type: Option<(bool, usize)>,
}

impl Naming {
    /// Refuses a frame whose species are named after something else than those before.
    pub fn check(&mut self, frame: &Frame) -> Result<()> {
        // Whichever of the two the species are not named after has stayed a column.
        let by_type = match (frame.column("element"), frame.column("type")) {
            (Some(_), _) if !frame.is_empty() => true,
            (None, Some(_)) if !frame.is_empty() => false,
            _ => return Ok(()),
        };
        let (before, settled) = *self.by_type.get_or_insert((by_type, frame.ordinal));
        if by_type == before {
            return Ok(());
        }
        let what = match by_type {
            true => {
                format!("its elements do not tell the types apart, as those of frame {settled} do")
            }
            false => {
                format!("its elements tell the types apart, as those of frame {settled} do not")
            }
        };
        Err(Error::new(what).help("give every type an element of its own in all frames, or none"))
    }
}

fn value<T>(lines: &mut Lines, what: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
    let number = lines.number() + 1;
    let Some(line) = lines.line()? else {
        return Err(lines.cut_in_header());
    };
    parse(line.trim()).ok_or_else(|| {
        let found = beginning(line.trim());
        Error::new(format!("expected {what}, found '{found}'"))
            .help("correct the line")
            .at_line(number)
    })
}

/// Keeps what an item says, which a snapshot says once.
fn once<T>(place: &mut Option<T>, value: T, item: &str, line: u64) -> Result<()> {
    if place.replace(value).is_none() {
        return Ok(());
    }
    let what = format!("a second 'ITEM: {}' before the atoms", beginning(item));
    Err(Error::new(what)
        .help("remove one, or the snapshot that was cut here")
        .at_line(line))
}

impl Bounds {
    /// The cell, and its boundary flags if they are other than `pp` and `ff`.
    fn cell(&self) -> Result<(Cell, Option<String>)> {
        let words: Vec<&str> = self.header.split_whitespace().collect();
        let (kind, flags) = match words[..] {
            ["xy", "xz", "yz", ref flags @ ..] => (BoxKind::Restricted, flags),
            ["abc", "origin", ref flags @ ..] => (BoxKind::General, flags),
            ref flags => (BoxKind::Orthogonal, flags),
        };
        let wanted = if kind == BoxKind::Orthogonal {
            2
        } else if kind == BoxKind::Restricted {
            3
        } else {
            4
        };
        if let Some(row) = self.values.iter().position(|row| row.len() != wanted) {
            let what = format!(
                "the bounds of the box have {} values a line where {wanted} belong",
                self.values[row].len()
            );
            return Err(Error::new(what)
                .help("correct the line")
                .at_line(self.line + row as u64));
        }
        // Dumps of before 2010 have no flags and were of periodic boxes for the most part.
        let periodic = match flags[..] {
            [] => [true; 3],
            [x, y, z] if flags.iter().all(|flag| is_boundary(flag)) => {
                [x, y, z].map(|flag| flag.starts_with('p'))
            }
            _ => {
                return Err(Error::new(format!(
                    "the boundary flags '{}' are not three of p, f, s and m",
                    flags.join(" ")
                ))
                .help("write such as pp pp pp")
                .at_line(self.line - 1));
            }
        };
        let unusual = flags.iter().any(|flag| !matches!(*flag, "pp" | "ff"));
        let v = &self.values;
        let cell = if kind == BoxKind::General {
            let edge = |row: usize| Vector3::new(v[row][0], v[row][1], v[row][2]);
            Cell::new(
                [edge(0), edge(1), edge(2)],
                Vector3::new(v[0][3], v[1][3], v[2][3]),
                periodic,
            )
        } else {
            let tilt = |row: usize| v[row].get(2).copied().unwrap_or(0.0);
            let (xy, xz, yz) = (tilt(0), tilt(1), tilt(2));
            let [low, high] = overhang(xy, xz, yz);
            let low = Vector3::new(v[0][0] - low[0], v[1][0] - low[1], v[2][0]);
            let high = Vector3::new(v[0][1] - high[0], v[1][1] - high[1], v[2][1]);
            if let Some(axis) = (0..3).find(|&axis| high[axis] <= low[axis]) {
                let what = format!(
                    "the box has no positive extent along {}: from {} to {}",
                    ["x", "y", "z"][axis],
                    low[axis],
                    high[axis]
                );
                return Err(Error::new(what)
                    .help("correct the bounds of this frame")
                    .at_line(self.line + axis as u64));
            }
            let length = high - low;
            Cell::new(
                [
                    Vector3::new(length.x, 0.0, 0.0),
                    Vector3::new(xy, length.y, 0.0),
                    Vector3::new(xz, yz, length.z),
                ],
                low,
                periodic,
            )
        };
        Ok((cell?, unusual.then(|| flags.join(" "))))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum BoxKind {
    Orthogonal,
    Restricted,
    General,
}

/// By how much the bounding box that LAMMPS writes reaches beyond the corner of a triclinic box, below and above.
fn overhang(xy: f64, xz: f64, yz: f64) -> [[f64; 3]; 2] {
    let reach = [0.0, xy, xz, xy + xz];
    let low = reach.into_iter().fold(0.0, f64::min);
    let high = reach.into_iter().fold(0.0, f64::max);
    [[low, yz.min(0.0), 0.0], [high, yz.max(0.0), 0.0]]
}

/// Text of a frame as a snapshot of a dump; `first` says whether it opens the file.
///
/// Cells that are not in LAMMPS's restricted orientation are written as `abc origin`. Every number round-trips exactly. Keys of the frame are
/// left out: [`left_out`] names them.
pub fn format(frame: &Frame, first: bool) -> Result<Vec<u8>> {
    let mut out = Writer::with_capacity(64 * frame.len() + 512);
    if let (true, Some(units)) = (first, frame.key(UNITS)) {
        out.text("ITEM: UNITS\n").text(units).text("\n");
    }
    if let Some(time) = frame.time {
        out.text("ITEM: TIME\n").real(time).text("\n");
    }
    out.text("ITEM: TIMESTEP\n")
        .integer(frame.step.unwrap_or(frame.ordinal as i64));
    out.text("\nITEM: NUMBER OF ATOMS\n")
        .integer(frame.len() as i64)
        .text("\n");
    let cell = frame.cell.as_ref().ok_or_else(|| {
        Error::new("a LAMMPS dump needs a cell and this input has none")
            .help("give it with --cell LX,LY,LZ")
            .in_frame(frame.ordinal)
    })?;
    format_bounds(&mut out, cell, frame.key(BOUNDARY));

    let types = type_numbers(frame);
    let mut header = "ITEM: ATOMS id type".to_string();
    if types.1 {
        header += " element";
    }
    header += match frame.coordinates {
        Coordinates::Unwrapped => " xu yu zu",
        Coordinates::Images(_) => " x y z ix iy iz",
        Coordinates::Unknown => " x y z",
    };
    let (sizes, factor) = number::sizes(frame.diameters.as_deref().unwrap_or_default());
    for (name, values) in [(sizes, &frame.diameters), ("mass", &frame.masses)] {
        if values.is_some() {
            header = header + " " + name;
        }
    }
    let columns: Vec<&Column> = frame
        .columns
        .iter()
        .filter(|column| column.name != "type" || type_column(frame).is_none())
        .collect();
    let mut header: Vec<String> = header.split(' ').map(str::to_string).collect();
    for column in &columns {
        let names = unused(&column.name, &header, |name| {
            component_names(name, column.width)
        });
        header.extend(names);
    }
    out.text(&header.join(" ")).text("\n");
    for row in 0..frame.len() {
        out.integer(frame.ids[row]).text(" ").integer(types.0[row]);
        if types.1 {
            out.text(" ").text(frame.species.name(row));
        }
        frame.positions[row].iter().for_each(|&value| {
            out.text(" ").real(value);
        });
        if let Coordinates::Images(images) = &frame.coordinates {
            images[row].iter().for_each(|&image| {
                out.text(" ").integer(i64::from(image));
            });
        }
        if let Some(diameters) = &frame.diameters {
            out.text(" ").real(factor * diameters[row]);
        }
        if let Some(masses) = &frame.masses {
            out.text(" ").real(masses[row]);
        }
        for column in &columns {
            out.row(column, row, ["0", "1"]);
        }
        out.text("\n");
    }
    Ok(out.into_bytes())
}

/// Numbers that LAMMPS takes for atom types.
const TYPES: std::ops::RangeInclusive<i64> = 1..=i32::MAX as i64;

/// The column of type numbers beside the species, if LAMMPS would take them.
pub fn type_column(frame: &Frame) -> Option<&[i64]> {
    let column = frame.column("type").filter(|column| column.width == 1)?;
    match &column.values {
        Values::Integer(types) if types.iter().all(|kind| TYPES.contains(kind)) => Some(types),
        _ => None,
    }
}

/// Keys of a frame that a dump has no place for.
pub fn left_out(frame: &Frame) -> Vec<&str> {
    let has_place = |key: &str| {
        [UNITS, BOUNDARY]
            .iter()
            .any(|kept| key.eq_ignore_ascii_case(kept))
    };
    keys(frame).filter(|key| !has_place(key)).collect()
}

/// Type numbers, and whether the names of the species have to be written beside them.
pub fn type_numbers(frame: &Frame) -> (Vec<i64>, bool) {
    if let Some(types) = type_column(frame) {
        return (types.to_vec(), true);
    }
    // A name such as 01 is not the number 1.
    let number = |name: &std::sync::Arc<str>| {
        let number = name.parse().ok().filter(|number| TYPES.contains(number))?;
        (number.to_string() == **name).then_some(number)
    };
    let numbers: Option<Vec<i64>> = frame.species.names.iter().map(number).collect();
    let named = numbers.is_none();
    let numbers = numbers.unwrap_or_else(|| assemble::ordinal_ids(frame.species.names.len()));
    (
        frame
            .species
            .of
            .iter()
            .map(|&index| numbers[index as usize])
            .collect(),
        named,
    )
}

/// Type numbers for species with names, the same in all frames of a file.
#[derive(Default)]
pub struct TypesByName(Vec<Arc<str>>);

impl TypesByName {
    /// Adds them to the next frame as the column `type`, if nothing else tells its types.
    pub fn add_to(&mut self, frame: &mut Frame) {
        let (_, named) = type_numbers(frame);
        if !named || frame.column("type").is_some() {
            return;
        }
        let known = &mut self.0;
        let number = |name: &Arc<str>| {
            let at = known.iter().position(|known| known == name);
            let at = at.unwrap_or_else(|| {
                known.push(name.clone());
                known.len() - 1
            });
            at as i64 + 1
        };
        let numbers: Vec<i64> = frame.species.names.iter().map(number).collect();
        let of = frame.species.of.iter();
        let column = Column {
            name: "type".to_string(),
            width: 1,
            values: Values::Integer(of.map(|&index| numbers[index as usize]).collect()),
        };
        frame.columns.insert(0, column);
    }
}

fn component_names(name: &str, width: usize) -> Vec<String> {
    let clean = name.replace(char::is_whitespace, "_");
    let name = match clean.as_str() {
        name if VELOCITIES.contains(&name) => VELOCITIES[0],
        "force" => "forces",
        name => name,
    };
    match GROUPS
        .iter()
        .find(|(_, group)| *group == name && width == 3)
    {
        Some((parts, _)) => parts.map(str::to_string).to_vec(),
        None if width == 1 => vec![clean],
        None => (1..=width)
            .map(|index| format!("{clean}[{index}]"))
            .collect(),
    }
}

/// Whether a word tells the boundaries at both ends of an edge: periodic, fixed, shrinking, or shrinking to a minimum.
fn is_boundary(flag: &str) -> bool {
    matches!(flag.len(), 1 | 2) && flag.chars().all(|c| "pfsm".contains(c))
}

fn format_bounds(out: &mut Writer, cell: &Cell, boundary: Option<&str>) {
    let plain = cell
        .periodic()
        .map(|periodic| if periodic { "pp" } else { "ff" });
    let kept: Option<[&str; 3]> =
        boundary.and_then(|flags| flags.split_whitespace().collect::<Vec<_>>().try_into().ok());
    let flags = match kept {
        Some(flags)
            if flags.into_iter().all(is_boundary)
                && flags.map(|flag| flag.starts_with('p')) == cell.periodic() =>
        {
            flags
        }
        _ => plain,
    };
    let (h, origin) = (cell.matrix(), cell.origin());
    let (xy, xz, yz) = (h[(0, 1)], h[(0, 2)], h[(1, 2)]);
    let [low, high] = overhang(xy, xz, yz);
    // The reader takes the overhang and the lower bound off again; these are the bounds that make it arrive at the same edge.
    let bounds = [0, 1, 2].map(|axis| {
        let bottom = inverse_difference(origin[axis], low[axis]);
        let corner = bottom - low[axis];
        let top = inverse_difference(h[(axis, axis)], corner);
        let top = inverse_difference(top, high[axis]);
        let [found, length] = [top - high[axis] - corner, h[(axis, axis)]];
        ((found - length).abs() <= BOUNDS * length).then_some([bottom, top])
    });
    let (true, [Some(x), Some(y), Some(z)]) = (cell.is_restricted(), bounds) else {
        out.text("ITEM: BOX BOUNDS abc origin");
        flags.iter().for_each(|flag| {
            out.text(" ").text(flag);
        });
        out.text("\n");
        for row in 0..3 {
            (0..3).for_each(|axis| {
                out.real(h[(axis, row)]).text(" ");
            });
            out.real(origin[row]).text("\n");
        }
        return;
    };
    let orthogonal = cell.is_orthogonal();
    out.text(if orthogonal {
        "ITEM: BOX BOUNDS"
    } else {
        "ITEM: BOX BOUNDS xy xz yz"
    });
    flags.iter().for_each(|flag| {
        out.text(" ").text(flag);
    });
    out.text("\n");
    for ([bottom, top], tilt) in [x, y, z].into_iter().zip([xy, xz, yz]) {
        out.real(bottom).text(" ").real(top);
        if !orthogonal {
            out.text(" ").real(tilt);
        }
        out.text("\n");
    }
}

/// How far an edge that is told by its bounds may be off (relative): a box that lies farther from the origin is told by its edges.
pub const BOUNDS: f64 = 1e-9;

/// The number b for which b − `offset`, rounded, is `difference`; the nearest where there is none.
pub fn inverse_difference(difference: f64, offset: f64) -> f64 {
    let sum = difference + offset;
    [sum, sum.next_up(), sum.next_down()]
        .into_iter()
        .find(|candidate| candidate - offset == difference)
        .unwrap_or(sum)
}
