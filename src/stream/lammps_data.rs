//! LAMMPS data files: <https://docs.lammps.org/read_data.html>.
//!
//! Read: the sections Atoms (with image flags or without), Velocities, Masses and Atom Type Labels; orthogonal, triclinic and general
//! triclinic boxes. Other sections are passed over. The format does not tell which edges are periodic: all are taken to be. Names of
//! species are the type labels, or the comments in Masses where every type has its own.

use std::collections::BTreeMap;
use std::f64::consts::FRAC_PI_6;

use nalgebra::Vector3;

use super::assemble::{self, Columns};
use super::columns::{self, Expect, Field};
use super::lammps_dump::{BOUNDS, inverse_difference, type_column, type_numbers};
use super::lines::{Block, Lines};
use super::number::Writer;
use super::text_format::TextFormat;
use super::write::keys;
use crate::data::cell::Cell;
use crate::data::frame::{Column, Coordinates, Frame, Species, VELOCITIES, Values};
use crate::error::{Error, Kind, Result, beginning};

/// Reader of data files.
pub struct LammpsData {
    atom_style: Option<String>,
    done: bool,
}

impl LammpsData {
    /// A reader; `atom_style` is for files that do not say theirs (`Atoms # style`), and goes before what they say.
    pub fn new(atom_style: Option<String>) -> Self {
        LammpsData {
            atom_style,
            done: false,
        }
    }
}

/// The sections of a data file that matter, still as text.
#[derive(Clone)]
pub struct Raw {
    atom_style: Option<String>,
    title: String,
    header: Header,
    atoms: Option<(Option<String>, Block)>,
    velocities: Option<Block>,
    masses: Vec<TypeRow>,
    labels: Vec<TypeRow>,
}

/// `type value # comment`.
#[derive(Clone)]
struct TypeRow {
    key: String,
    value: String,
    comment: Option<String>,
    line: u64,
}

#[derive(Clone, Default)]
struct Header {
    atoms: Option<usize>,
    types: usize,
    low: [Option<f64>; 3],
    high: [f64; 3],
    tilt: [f64; 3],
    general: [Option<[f64; 3]>; 4],
    /// Where the bounds stand.
    lines: [u64; 3],
    /// What has been said: the words of each line behind its numbers.
    said: Vec<String>,
}

/// Atom styles: name, and the columns of a line in Atoms before the image flags.
const STYLES: [(&str, &[&str]); 12] = [
    ("atomic", &["id", "type", "x", "y", "z"]),
    ("charge", &["id", "type", "q", "x", "y", "z"]),
    ("molecular", &["id", "mol", "type", "x", "y", "z"]),
    ("bond", &["id", "mol", "type", "x", "y", "z"]),
    ("angle", &["id", "mol", "type", "x", "y", "z"]),
    ("full", &["id", "mol", "type", "q", "x", "y", "z"]),
    (
        "sphere",
        &["id", "type", "diameter", "density", "x", "y", "z"],
    ),
    (
        "bpm/sphere",
        &["id", "mol", "type", "diameter", "density", "x", "y", "z"],
    ),
    (
        "dipole",
        &["id", "type", "q", "x", "y", "z", "mux", "muy", "muz"],
    ),
    (
        "ellipsoid",
        &["id", "type", "ellipsoidflag", "density", "x", "y", "z"],
    ),
    ("dpd", &["id", "type", "theta", "x", "y", "z"]),
    ("mdpd", &["id", "type", "rho", "x", "y", "z"]),
];

/// Names of the atom styles that are read.
pub fn atom_styles() -> impl Iterator<Item = &'static str> {
    STYLES.iter().map(|(name, _)| *name)
}

const SECTIONS: [&str; 34] = [
    "Atoms",
    "Velocities",
    "Masses",
    "Ellipsoids",
    "Lines",
    "Triangles",
    "Bodies",
    "Bonds",
    "Angles",
    "Dihedrals",
    "Impropers",
    "Atom Type Labels",
    "Bond Type Labels",
    "Angle Type Labels",
    "Dihedral Type Labels",
    "Improper Type Labels",
    "Pair Coeffs",
    "PairIJ Coeffs",
    "Bond Coeffs",
    "Angle Coeffs",
    "Dihedral Coeffs",
    "Improper Coeffs",
    "BondBond Coeffs",
    "BondAngle Coeffs",
    "MiddleBondTorsion Coeffs",
    "EndBondTorsion Coeffs",
    "AngleTorsion Coeffs",
    "AngleAngleTorsion Coeffs",
    "BondBond13 Coeffs",
    "AngleAngle Coeffs",
    "CMAP",
    "Atom Attributes",
    "Bond Attributes",
    "Bonus",
];

impl TextFormat for LammpsData {
    type Raw = Raw;

    fn cut(&mut self, lines: &mut Lines) -> Result<Option<Raw>> {
        if std::mem::replace(&mut self.done, true) {
            return Ok(None);
        }
        let title = lines.line()?.unwrap_or_default().to_string();
        let mut raw = Raw {
            atom_style: self.atom_style.clone(),
            title,
            header: Header::default(),
            atoms: None,
            velocities: None,
            masses: Vec::new(),
            labels: Vec::new(),
        };
        let (mut in_header, mut known) = (true, Vec::new());
        while let Some(line) = lines.line()? {
            let (text, comment) = without_comment(line);
            let Some(section) = SECTIONS.into_iter().find(|section| *section == text) else {
                let line = text.to_string();
                if in_header {
                    raw.header
                        .read(&line, lines.number())
                        .map_err(|error| error.at_line(lines.number()))?;
                } else if !line.is_empty() {
                    let found = beginning(&line);
                    return Err(Error::new(format!(
                        "expected the name of a section, found '{found}'"
                    ))
                    .help("the number of atoms or types in the header may not match the rows")
                    .at_line(lines.number()));
                }
                continue;
            };
            in_header = false;
            if known.contains(&section) {
                let what = format!("the section {section} stands here for the second time");
                return Err(Error::new(what)
                    .help("leave one out")
                    .at_line(lines.number()));
            }
            known.push(section);
            let comment = comment.map(str::to_string);
            match section {
                "Atoms" => raw.atoms = Some((comment, rows(lines, raw.header.count()?)?)),
                "Velocities" => raw.velocities = Some(rows(lines, raw.header.count()?)?),
                "Masses" => raw.masses = type_rows(lines, raw.header.types)?,
                "Atom Type Labels" => raw.labels = type_rows(lines, raw.header.types)?,
                _ => skip_section(lines)?,
            }
        }
        if raw.atoms.is_none() && raw.header.count()? == 0 {
            // Nothing needs no section.
            let nothing = Block::new(Vec::new(), lines.number() + 1);
            raw.atoms = Some((None, nothing));
        }
        if raw.atoms.is_none() {
            return Err(Error::new("the data file has no Atoms section")
                .help("check the format, or name it with --format"));
        }
        Ok(Some(raw))
    }

    fn step(raw: &Raw) -> Option<i64> {
        raw.titled("timestep = ")?.parse().ok()
    }

    fn parse(raw: Raw) -> Result<Frame> {
        let mut frame = Frame {
            step: Self::step(&raw),
            cell: Some(raw.header.cell()?),
            ..Frame::default()
        };
        if let Some(units) = raw.titled("units = ") {
            frame.keys.push(("units".to_string(), units.to_string()));
        }
        let count = raw.header.count()?;
        let (hint, block) = raw.atoms.as_ref().expect("cut() has checked it");
        let style = atom_style(raw.atom_style.as_deref(), hint.as_deref(), block)?;
        let mut columns = read_atoms(block, count, style)?;

        frame.ids = columns.take_integers("id", 1)?.unwrap_or_default();
        columns.join(&["x", "y", "z"], "pos")?;
        frame.positions = assemble::vectors(&columns.take_reals("pos", 3)?.unwrap_or_default());
        if let Some(images) = columns.take_integers("images", 3)? {
            frame.coordinates = assemble::images(&images, block.first_line)?;
        }
        let types = assemble::labels(columns.take("type").expect("every style has a type").values);
        let is_known = |label: &str| match label.parse::<usize>() {
            Ok(number) => (1..=raw.header.types).contains(&number),
            Err(_) => raw.labels.iter().any(|row| row.value == label),
        };
        let unknown = |label: &str| {
            Error::new(format!(
                "atom type {label} is not one of the {} of the header",
                raw.header.types
            ))
        };
        let mut told = raw.masses.iter().chain(&raw.labels);
        if let Some(row) = told.find(|row| !is_known(&row.key)) {
            return Err(unknown(&row.key).help("correct the line").at_line(row.line));
        }
        if let Some(row) = types.iter().position(|label| !is_known(label)) {
            return Err(unknown(&types[row])
                .help("correct the line, or name the atom style with --atom-style")
                .at_line(block.first_line + row as u64));
        }
        let names = raw.type_names();
        let named = |label: &str| {
            names
                .iter()
                .find(|(key, _)| key == label)
                .map_or(label.to_string(), |(_, name)| name.clone())
        };
        let numbers_named = names.iter().all(|(key, _)| key.parse::<i64>().is_ok());
        frame.species = Species::from_labels(&types);
        if let (false, true) = (names.is_empty(), numbers_named) {
            let labels: Vec<String> = types.iter().map(|label| named(label)).collect();
            frame.species = Species::from_labels(&labels);
            // Atoms may name their type by its label; the number goes with it, because force fields are written for numbers.
            let number = |label: &str| {
                let known = names.iter().find(|(_, name)| name == label);
                // A number is a type, even if another type has it for a name.
                let number = label.parse::<i64>().ok();
                number.or_else(|| known?.0.parse().ok())
            };
            let numbers: Option<Vec<i64>> = types.iter().map(|label| number(label)).collect();
            columns.0.extend(numbers.map(|numbers| Column {
                name: "type".to_string(),
                width: 1,
                values: Values::Integer(numbers),
            }));
        }
        assemble::take_sizes(&mut columns, &mut frame)?;
        frame.masses = match (
            columns.0.iter().find(|column| column.name == "density"),
            &frame.diameters,
        ) {
            (
                Some(Column {
                    values: Values::Real(densities),
                    ..
                }),
                Some(diameters),
            ) => {
                let spheres = densities.iter().zip(diameters);
                Some(
                    spheres
                        .map(|(&density, &diameter)| sphere_mass(density, diameter))
                        .collect(),
                )
            }
            _ => raw.masses_of(&types)?,
        };
        frame.columns = columns.0;
        let mut frame = assemble::finish(frame, Some(block.first_line))?;
        if let Some(block) = &raw.velocities {
            let velocities = read_velocities(block, count, &frame.ids)?;
            frame.columns.push(velocities);
        }
        Ok(frame)
    }
}

impl Raw {
    /// The word that follows `label` in the title, which LAMMPS writes as `…, timestep = 0, units = lj`.
    fn titled(&self, label: &str) -> Option<&str> {
        let (_, after) = self.title.split_once(label)?;
        after.split([',', ' ']).next()
    }

    /// Names of types, by number or label.
    fn type_names(&self) -> Vec<(String, String)> {
        if !self.labels.is_empty() {
            return self
                .labels
                .iter()
                .map(|row| (row.key.clone(), row.value.clone()))
                .collect();
        }
        let comments = self.masses.iter().map(|row| {
            let word = row
                .comment
                .as_deref()
                .filter(|comment| !comment.is_empty() && !comment.contains(char::is_whitespace))?;
            Some((row.key.clone(), word.to_string()))
        });
        let names: Vec<(String, String)> = comments.collect::<Option<_>>().unwrap_or_default();
        let distinct: std::collections::HashSet<&String> =
            names.iter().map(|(_, name)| name).collect();
        if distinct.len() == names.len() {
            names
        } else {
            Vec::new()
        }
    }

    fn masses_of(&self, types: &[std::sync::Arc<str>]) -> Result<Option<Vec<f64>>> {
        if self.masses.is_empty() {
            return Ok(None);
        }
        let mut by_type = std::collections::HashMap::new();
        for row in &self.masses {
            let mass = columns::real(&row.value)
                .filter(|mass| *mass > 0.0 && mass.is_finite())
                .ok_or_else(|| {
                    Error::new(format!(
                        "the mass of type {} is '{}', not a positive number",
                        row.key, row.value
                    ))
                    .help("correct the line")
                    .at_line(row.line)
                })?;
            by_type.insert(row.key.as_str(), mass);
            // Atoms and masses may each name a type by its number or by its label.
            for label in &self.labels {
                if label.key == row.key {
                    by_type.insert(label.value.as_str(), mass);
                } else if label.value == row.key {
                    by_type.insert(label.key.as_str(), mass);
                }
            }
        }
        Ok(types
            .iter()
            .map(|label| by_type.get(&**label).copied())
            .collect())
    }
}

impl Header {
    fn read(&mut self, text: &str, line: u64) -> Result<()> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let bad = || {
            Error::new(format!("cannot read '{text}' in the header"))
                .help("correct the line, or name the format with --format")
        };
        let number = |at: usize| {
            words
                .get(at)
                .and_then(|word| columns::real(word))
                .filter(|value| value.is_finite())
                .ok_or_else(bad)
        };
        let three = || Ok::<_, Error>([number(0)?, number(1)?, number(2)?]);
        if let Some(axis) = ["xlo", "ylo", "zlo"]
            .iter()
            .position(|name| words.get(2) == Some(name))
        {
            self.lines[axis] = line;
        }
        match words[..] {
            [] => {}
            [count, "atoms"] => self.atoms = Some(count.parse().map_err(|_| bad())?),
            [count, "atom", "types"] => self.types = count.parse().map_err(|_| bad())?,
            [_, _, "xlo", "xhi"] => (self.low[0], self.high[0]) = (Some(number(0)?), number(1)?),
            [_, _, "ylo", "yhi"] => (self.low[1], self.high[1]) = (Some(number(0)?), number(1)?),
            [_, _, "zlo", "zhi"] => (self.low[2], self.high[2]) = (Some(number(0)?), number(1)?),
            [_, _, _, "xy", "xz", "yz"] => self.tilt = three()?,
            [_, _, _, "avec"] => self.general[0] = Some(three()?),
            [_, _, _, "bvec"] => self.general[1] = Some(three()?),
            [_, _, _, "cvec"] => self.general[2] = Some(three()?),
            [_, _, _, "abc", "origin"] => self.general[3] = Some(three()?),
            // Counts of what is not read: bonds, angles, extra space …
            [count, ..] if count.parse::<i64>().is_ok() => {}
            _ => return Err(bad()),
        }
        let names = words
            .into_iter()
            .skip_while(|word| columns::real(word).is_some());
        let name = names.collect::<Vec<_>>().join(" ");
        if self.said.contains(&name) {
            let what = format!("the header has a second line with '{}'", beginning(&name));
            return Err(Error::new(what).help("leave one out"));
        }
        if !name.is_empty() {
            self.said.push(name);
        }
        Ok(())
    }

    fn count(&self) -> Result<usize> {
        self.atoms.ok_or_else(|| {
            Error::new("the header has no line 'N atoms'")
                .help("check the format, or name it with --format")
        })
    }

    fn cell(&self) -> Result<Cell> {
        if let [Some(a), Some(b), Some(c), origin] = self.general {
            if self.low.iter().any(Option::is_some) {
                let what =
                    "the header has two boxes: edges (avec, bvec, cvec) and bounds (xlo xhi)";
                return Err(Error::new(what).help("leave one out"));
            }
            return Cell::new(
                [a.into(), b.into(), c.into()],
                origin.unwrap_or_default().into(),
                [true; 3],
            );
        }
        let [Some(x), Some(y), Some(z)] = self.low else {
            return Err(Error::new("the header has no box")
                .help("lines such as '0 10 xlo xhi' are needed for x, y and z"));
        };
        let low = Vector3::new(x, y, z);
        let length = Vector3::from(self.high) - low;
        if let Some(axis) = (0..3).find(|&axis| length[axis] <= 0.0) {
            let what = format!(
                "the box has no positive extent along {}: from {} to {}",
                ["x", "y", "z"][axis],
                low[axis],
                self.high[axis]
            );
            return Err(Error::new(what)
                .help("correct the header")
                .at_line(self.lines[axis]));
        }
        let [xy, xz, yz] = self.tilt;
        let edges = [
            Vector3::new(length.x, 0.0, 0.0),
            Vector3::new(xy, length.y, 0.0),
            Vector3::new(xz, yz, length.z),
        ];
        Cell::new(edges, low, [true; 3])
    }
}

fn without_comment(line: &str) -> (&str, Option<&str>) {
    match line.split_once('#') {
        Some((text, comment)) => (text.trim(), Some(comment.trim())),
        None => (line.trim(), None),
    }
}

/// The rows of a section, after its blank line, without comments.
fn rows(lines: &mut Lines, count: usize) -> Result<Block> {
    skip_blank(lines)?;
    let block = lines.block(count, 0)?;
    if memchr::memchr(b'#', &block.bytes).is_some() {
        let bare = |line: &[u8]| {
            line.split(|&byte| byte == b'#')
                .next()
                .unwrap_or_default()
                .to_vec()
        };
        let text = block
            .bytes
            .split_inclusive(|&byte| byte == b'\n')
            .map(|line| bare(line.strip_suffix(b"\n").unwrap_or(line)));
        let text = text.flat_map(|line| [line, vec![b'\n']].concat()).collect();
        return Ok(Block::new(text, block.first_line));
    }
    Ok(block)
}

fn type_rows(lines: &mut Lines, count: usize) -> Result<Vec<TypeRow>> {
    skip_blank(lines)?;
    let row = |_| {
        let line = match lines.line()? {
            Some(line) => line,
            None => return Err(cut_short(lines)),
        };
        let (text, comment) = without_comment(line);
        let (text, comment) = (text.to_string(), comment.map(str::to_string));
        match text.split_whitespace().collect::<Vec<_>>()[..] {
            [key, value] => Ok(TypeRow {
                key: key.to_string(),
                value: value.to_string(),
                comment,
                line: lines.number(),
            }),
            _ => Err(
                Error::new(format!("expected a type and its value, found '{text}'"))
                    .help("correct the line, or the number of types in the header")
                    .at_line(lines.number()),
            ),
        }
    };
    let rows = (0..count).map(row).collect::<Result<Vec<_>>>()?;
    let mut known = std::collections::HashSet::new();
    match rows.iter().find(|row| !known.insert(&row.key)) {
        Some(row) => Err(Error::new(format!("type {} stands here twice", row.key))
            .help("each type needs one line")
            .at_line(row.line)),
        None => Ok(rows),
    }
}

fn cut_short(lines: &Lines) -> Error {
    Error::of_kind(Kind::Truncated, "the input ends in the middle of a section")
        .at_line(lines.number() + 1)
}

fn skip_blank(lines: &mut Lines) -> Result<()> {
    match lines.line()? {
        Some(line) if line.trim().is_empty() => Ok(()),
        Some(line) => {
            let found = beginning(line);
            Err(Error::new(format!(
                "expected a blank line after the section's name, found '{found}'"
            ))
            .help("add one")
            .at_line(lines.number()))
        }
        None => Err(cut_short(lines)),
    }
}

/// Passes over a section that is not read: up to the blank line after its rows.
fn skip_section(lines: &mut Lines) -> Result<()> {
    skip_blank(lines)?;
    while let Some(line) = lines.line()? {
        if line.trim().is_empty() {
            break;
        }
    }
    Ok(())
}

/// The columns of Atoms: by the user's word, else by the file's, else by their number where only one style fits.
fn atom_style(
    asked: Option<&str>,
    hint: Option<&str>,
    block: &Block,
) -> Result<&'static [&'static str]> {
    let known = |name: &str| {
        STYLES
            .iter()
            .find(|(style, _)| *style == name)
            .map(|(_, columns)| *columns)
    };
    let list = || atom_styles().collect::<Vec<_>>().join(", ");
    if let Some(name) = asked.or(hint.filter(|hint| !hint.is_empty())) {
        return known(name).ok_or_else(|| {
            Error::new(format!(
                "the atom style '{name}' is not one of those read: {}",
                list()
            ))
            .help("name one with --atom-style")
            .at_line(block.first_line.saturating_sub(2))
        });
    }
    match block.words_of_first_line() {
        // No atoms, or those of the only style of that many values.
        0 | 5 | 8 => Ok(STYLES[0].1),
        values => Err(Error::new(format!(
            "the file does not say its atom style, and several have {values} values a line"
        ))
        .help(format!("name it with --atom-style ({})", list()))
        .at_line(block.first_line)),
    }
}

fn read_atoms(block: &Block, count: usize, style: &[&str]) -> Result<Columns> {
    let expect = |name: &str| match name {
        "id" | "mol" | "ellipsoidflag" => Expect::Integer,
        "type" => Expect::Guess,
        _ => Expect::Real,
    };
    let mut fields: Vec<Field> = style
        .iter()
        .map(|name| Field::single(name, expect(name)))
        .collect();
    if block.words_of_first_line() == style.len() + 3 {
        fields.push(Field {
            name: "images".to_string(),
            expect: Expect::Integer,
            width: 3,
        });
    }
    Ok(Columns(columns::parse(block, count, &fields)?))
}

/// Velocities in the order of `ids`, from rows in any order; angular velocities of spheres are passed over.
fn read_velocities(block: &Block, count: usize, ids: &[i64]) -> Result<Column> {
    let further = block.words_of_first_line().saturating_sub(4);
    let mut fields = vec![
        Field::single("id", Expect::Integer),
        Field::vector(VELOCITIES[0]),
    ];
    if further > 0 {
        fields.push(Field {
            name: "spin".to_string(),
            expect: Expect::Real,
            width: further,
        });
    }
    let mut columns = Columns(columns::parse(block, count, &fields)?);
    let order = columns.take_integers("id", 1)?.unwrap_or_default();
    let velocities = columns.take(VELOCITIES[0]).expect("a field of its own");
    let mut rows: Vec<u32> = (0..count as u32).collect();
    rows.sort_by_key(|&row| order[row as usize]);
    if let Some((&row, _)) = rows
        .iter()
        .zip(ids)
        .find(|(row, id)| order[**row as usize] != **id)
    {
        let what = format!(
            "the velocities do not belong to the atoms: id {} has no partner",
            order[row as usize]
        );
        return Err(Error::new(what)
            .help("each atom needs one line")
            .at_line(block.first_line + u64::from(row)));
    }
    Ok(Column {
        values: velocities.values.gather(&rows, 3),
        ..velocities
    })
}

/// What a data file has no place for, of what the frame has: boundaries that are not periodic, the time, the names of species without
/// masses, masses that differ within a type, further columns, keys. Spheres without masses get the density 1, which is named with these.
pub fn left_out(frame: &Frame) -> Vec<&str> {
    let style = style_for(frame);
    let is_kept = |column: &Column| match column.name.as_str() {
        "type" => type_column(frame).is_some(),
        name @ ("q" | "mol" | "density") => style.1.contains(&name) && is_number(column),
        name => VELOCITIES.contains(&name),
    };
    let (types, is_named) = type_numbers(frame);
    let spheres = style.1.contains(&"density");
    let has_masses = !spheres && masses_by_type(frame, &types).is_some();
    let known = [
        (
            "boundary",
            frame
                .cell
                .as_ref()
                .is_some_and(|cell| cell.periodic() != [true; 3]),
        ),
        ("time", frame.time.is_some()),
        ("species", is_named && !has_masses),
        ("mass", frame.masses.is_some() && !spheres && !has_masses),
        (
            "mass (density 1 is written)",
            spheres && frame.masses.is_none() && densities(frame).is_none(),
        ),
    ];
    let columns = frame.columns.iter().filter(|column| !is_kept(column));
    (known.into_iter())
        .filter_map(|(name, is_lost)| is_lost.then_some(name))
        .chain(columns.map(|column| column.name.as_str()))
        .chain(keys(frame).filter(|key| !key.eq_ignore_ascii_case("units")))
        .collect()
}

/// Whether a column holds a number for each particle.
fn is_number(column: &Column) -> bool {
    column.width == 1 && matches!(column.values, Values::Integer(_) | Values::Real(_))
}

/// The simplest atom style that holds what the frame has.
fn style_for(frame: &Frame) -> &'static (&'static str, &'static [&'static str]) {
    let has = |name: &str| frame.column(name).is_some_and(is_number);
    let name = match (frame.diameters.is_some(), has("mol"), has("q")) {
        (true, false, _) => "sphere",
        (true, true, _) => "bpm/sphere",
        (false, true, true) => "full",
        (false, true, false) => "molecular",
        (false, false, true) => "charge",
        (false, false, false) => "atomic",
    };
    STYLES
        .iter()
        .find(|(style, _)| *style == name)
        .expect("a style of the table")
}

/// Text of a frame as a data file, in the simplest atom style that holds what it has (`sphere` where there are diameters).
///
/// Unwrapped positions are written with image flags of zero, which LAMMPS sets right as it puts the atoms into the box. Every number
/// round-trips exactly, but for masses of spheres that no density gives, which are off by a rounding. [`left_out`] names what is left out.
pub fn format(frame: &Frame) -> Result<Vec<u8>> {
    let cell = frame.cell.as_ref().ok_or_else(|| {
        Error::new("a LAMMPS data file needs a cell and this input has none")
            .help("give it with --cell LX,LY,LZ")
            .in_frame(frame.ordinal)
    })?;
    let (types, _) = type_numbers(frame);
    let type_count = types.iter().copied().max().unwrap_or(1);
    let mut out = Writer::with_capacity(96 * frame.len() + 1024);
    out.text("LAMMPS data file via hyalo");
    if let Some(step) = frame.step {
        out.text(", timestep = ").integer(step);
    }
    if let Some(units) = frame.key("units") {
        out.text(", units = ").text(units);
    }
    out.text("\n\n")
        .integer(frame.len() as i64)
        .text(" atoms\n")
        .integer(type_count)
        .text(" atom types\n\n");
    format_box(&mut out, cell);

    let (style, columns) = style_for(frame);
    // Spheres have their masses each, as densities.
    if !columns.contains(&"density") {
        format_masses(&mut out, frame, &types);
    }
    out.text("\nAtoms # ").text(style).text("\n\n");
    for row in 0..frame.len() {
        for (at, name) in columns.iter().enumerate() {
            if at > 0 {
                out.text(" ");
            }
            match *name {
                "id" => out.integer(frame.ids[row]),
                "type" => out.integer(types[row]),
                "x" => out.real(frame.positions[row].x),
                "y" => out.real(frame.positions[row].y),
                "z" => out.real(frame.positions[row].z),
                "diameter" => out.real(
                    frame
                        .diameters
                        .as_ref()
                        .map_or(1.0, |diameters| diameters[row]),
                ),
                "density" => out.real(density(frame, row)),
                name => match frame.column(name).map(|column| &column.values) {
                    Some(Values::Integer(values)) => out.integer(values[row]),
                    Some(Values::Real(values)) => out.real(values[row]),
                    _ => out.integer(0),
                },
            };
        }
        let images = match &frame.coordinates {
            Coordinates::Images(images) => Some(images[row]),
            Coordinates::Unwrapped => Some([0; 3]),
            Coordinates::Unknown => None,
        };
        images.into_iter().flatten().for_each(|image| {
            out.text(" ").integer(i64::from(image));
        });
        out.text("\n");
    }
    if let Some(velocities) = frame.velocities() {
        let spin = if *style == "sphere" || *style == "bpm/sphere" {
            " 0 0 0\n"
        } else {
            "\n"
        };
        out.text("\nVelocities\n\n");
        for row in 0..frame.len() {
            out.integer(frame.ids[row]);
            velocities[3 * row..][..3].iter().for_each(|&value| {
                out.text(" ").real(value);
            });
            out.text(spin);
        }
    }
    Ok(out.into_bytes())
}

/// The mass of a sphere, density (π/6) σ³; of a point, which has none, the density is its mass.
fn sphere_mass(density: f64, diameter: f64) -> f64 {
    match diameter > 0.0 {
        true => density * FRAC_PI_6 * diameter.powi(3),
        false => density,
    }
}

/// Density of a sphere: the input's, else that which gives its mass, else 1.
fn density(frame: &Frame, row: usize) -> f64 {
    match (densities(frame), &frame.masses, &frame.diameters) {
        (Some(densities), ..) => densities[row],
        (_, Some(masses), Some(diameters)) if diameters[row] > 0.0 => {
            let mass = masses[row];
            let near = mass / (FRAC_PI_6 * diameters[row].powi(3));
            // Rounding may take it to a neighbour.
            let neighbours = [near, near.next_down(), near.next_up()];
            let gives_mass = |density: &f64| sphere_mass(*density, diameters[row]) == mass;
            neighbours.into_iter().find(gives_mass).unwrap_or(near)
        }
        (_, Some(masses), _) => masses[row],
        _ => 1.0,
    }
}

/// The densities that the input had.
fn densities(frame: &Frame) -> Option<&[f64]> {
    match &frame.column("density")?.values {
        Values::Real(densities) => Some(densities),
        _ => None,
    }
}

fn format_box(out: &mut Writer, cell: &Cell) {
    let (h, origin) = (cell.matrix(), cell.origin());
    let tops = [0, 1, 2].map(|axis| {
        let (low, length) = (origin[axis], h[(axis, axis)]);
        let top = inverse_difference(length, low);
        ((top - low - length).abs() <= BOUNDS * length).then_some(top)
    });
    if let (true, [Some(x), Some(y), Some(z)]) = (cell.is_restricted(), tops) {
        for ((low, top), name) in origin.iter().zip([x, y, z]).zip(["x", "y", "z"]) {
            out.real(*low)
                .text(" ")
                .real(top)
                .text(&format!(" {name}lo {name}hi\n"));
        }
        if !cell.is_orthogonal() {
            out.real(h[(0, 1)])
                .text(" ")
                .real(h[(0, 2)])
                .text(" ")
                .real(h[(1, 2)])
                .text(" xy xz yz\n");
        }
    } else {
        let edges = [0, 1, 2].map(|axis| cell.edge(axis));
        for (vector, name) in
            edges
                .iter()
                .chain([&origin])
                .zip(["avec", "bvec", "cvec", "abc origin"])
        {
            out.real(vector.x)
                .text(" ")
                .real(vector.y)
                .text(" ")
                .real(vector.z)
                .text(&format!(" {name}\n"));
        }
    }
}

/// Masses and names of the species by type, if every type from 1 on is in use and its particles weigh the same.
fn masses_by_type<'a>(frame: &'a Frame, types: &[i64]) -> Option<BTreeMap<i64, (f64, &'a str)>> {
    let masses = frame.masses.as_ref()?;
    let mut rows = BTreeMap::new();
    for (row, &kind) in types.iter().enumerate() {
        let entry = rows
            .entry(kind)
            .or_insert_with(|| (masses[row], &**frame.species.name(row)));
        if entry.0 != masses[row] {
            return None;
        }
    }
    (rows.len() as i64 == *types.iter().max()?).then_some(rows)
}

/// Masses by type, where each type has one; the names of the species stand as comments.
fn format_masses(out: &mut Writer, frame: &Frame, types: &[i64]) {
    let Some(rows) = masses_by_type(frame, types) else {
        return;
    };
    out.text("\nMasses\n\n");
    // The reader takes names only where every type has one.
    let named = rows
        .iter()
        .any(|(kind, (_, name))| **name != kind.to_string());
    for (kind, (mass, name)) in rows {
        out.integer(kind).text(" ").real(mass);
        if named {
            out.text(" # ").text(name);
        }
        out.text("\n");
    }
}
