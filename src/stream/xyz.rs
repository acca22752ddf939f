//! Extended and plain XYZ: <https://github.com/libAtoms/extxyz>, as OVITO, ASE and LAMMPS write it.
//!
//! Read: `Properties` in any order, any `Lattice` with a positive volume, `pbc`, `Origin`, image flags as `map_shift:I:3`; every further
//! column and key is kept. A plain XYZ file has no cell; its step is found in a comment such as `Atoms. Timestep: 1000`.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

use nalgebra::Vector3;

use super::assemble::{self, Columns};
use super::columns::{self, Expect, Field};
use super::lines::{Block, Lines};
use super::number::{self, Writer};
use super::text_format::TextFormat;
use super::write::{TEMPERATURE, unused};
use crate::data::cell::Cell;
use crate::data::frame::{Coordinates, Frame, Species, Values};
use crate::error::{Error, Result, beginning};

/// Reader of extended and plain XYZ.
#[derive(Default)]
pub struct Xyz {
    block_size: usize,
}

/// The text of one frame.
#[derive(Clone)]
pub struct Raw {
    rows: usize,
    comment: String,
    block: Block,
}

impl TextFormat for Xyz {
    type Raw = Raw;

    fn cut(&mut self, lines: &mut Lines) -> Result<Option<Raw>> {
        let rows = loop {
            let Some(line) = lines.line()? else {
                return Ok(None);
            };
            match line.trim() {
                "" => continue,
                text => {
                    let found = beginning(text);
                    let rows = text.parse::<usize>();
                    break rows.map_err(|_| {
                        Error::new(format!("expected the number of atoms, found '{found}'"))
                            .help(match self.block_size {
                                0 => "check the format of the input, or name it with --format",
                                _ => {
                                    "the number of atoms of the frame before may not match its rows"
                                }
                            })
                            .at_line(lines.number())
                    })?;
                }
            }
        };
        let Some(comment) = lines.line()? else {
            return Err(lines.cut_in_header());
        };
        let comment = comment.to_string();
        let block = lines.block(rows, self.block_size)?;
        self.block_size = block.bytes.len();
        Ok(Some(Raw {
            rows,
            comment,
            block,
        }))
    }

    fn step(raw: &Raw) -> Option<i64> {
        match is_extended(&raw.comment) {
            true => parse_keys(&raw.comment)
                .ok()?
                .iter()
                .filter(|(key, _)| STEP.contains(&key.as_str()))
                .find_map(|(_, text)| text.parse().ok()),
            false => plain_step(&raw.comment),
        }
    }

    fn parse(raw: Raw) -> Result<Frame> {
        let comment_line = raw.block.first_line - 1;
        let mut frame = Frame::default();
        let properties = if is_extended(&raw.comment) {
            let keys = parse_keys(&raw.comment).map_err(|error| error.at_line(comment_line))?;
            take_keys(keys, &mut frame).map_err(|error| error.at_line(comment_line))?
        } else {
            frame.step = plain_step(&raw.comment);
            let comment = raw.comment.trim();
            if !comment.is_empty() {
                frame
                    .keys
                    .push(("comment".to_string(), comment.to_string()));
            }
            None
        };
        let properties = match properties {
            Some(properties) => properties,
            None => plain_properties(&raw.block),
        };
        let mut columns = Columns(columns::parse(&raw.block, raw.rows, &properties)?);

        take_columns(&mut columns, &mut frame, raw.rows, raw.block.first_line)
            .map_err(|error| error.at_line(comment_line))?;
        frame.columns = columns.0;
        drop_element_numbers(&mut frame);
        assemble::finish(frame, Some(raw.block.first_line))
    }
}

/// Takes what every frame has out of the columns.
fn take_columns(
    columns: &mut Columns,
    frame: &mut Frame,
    rows: usize,
    first_line: u64,
) -> Result<()> {
    let count = |name: &str| {
        columns
            .0
            .iter()
            .filter(|column| column.name == name)
            .count()
    };
    if let Some(name) = MEANINGS.into_iter().find(|name| count(name) > 1) {
        return Err(assemble::twice(name));
    }
    let positions = match columns.take_reals("pos", 3)? {
        Some(positions) => Some(positions),
        None => columns.take_reals("positions", 3)?,
    };
    let positions = positions.ok_or_else(|| {
        Error::new("Properties has no pos:R:3").help("write the positions into the file")
    })?;
    frame.positions = assemble::vectors(&positions);
    frame.ids = columns
        .take_integers("id", 1)?
        .unwrap_or_else(|| assemble::ordinal_ids(rows));
    let named = ["species", "element", "type"]
        .into_iter()
        .find(|name| columns.have(&[name]));
    let species = named.map(|name| columns.take_values(name, 1)).transpose()?;
    frame.species = match species.flatten() {
        Some(Values::Integer(types)) => Species::from_types(&types),
        Some(values) => Species::from_labels(&assemble::labels(values)),
        None => Species::from_types(&vec![1; rows]),
    };
    assemble::take_sizes(columns, frame)?;
    if let Some(shift) = columns.take_integers(IMAGES, 3)? {
        if frame.coordinates == Coordinates::Unwrapped {
            let what =
                format!("the positions are {UNWRAPPED}, and there are image flags, {IMAGES}");
            return Err(Error::new(what).help("leave one of the two out"));
        }
        frame.coordinates = assemble::images(&shift, first_line)?;
    }
    Ok(())
}

/// Column of image flags.
const IMAGES: &str = "map_shift";
/// Columns that are taken for more than a property.
const MEANINGS: [&str; 7] = ["species", "pos", "id", IMAGES, "radius", "diameter", "mass"];
const STEP: [&str; 4] = ["Timestep", "timestep", "Step", "step"];
const TIME: [&str; 2] = ["Time", "time"];
/// Key that marks positions as continuous in time.
const UNWRAPPED: &str = "unwrapped";

/// Whether a comment line is that of extended XYZ.
fn is_extended(comment: &str) -> bool {
    comment.contains("Properties=") || comment.contains("Lattice=")
}

fn plain_step(comment: &str) -> Option<i64> {
    let (_, after) = comment.split_once("Timestep:")?;
    after.split_whitespace().next()?.parse().ok()
}

/// `key=value` pairs; values bare, in quotes, braces or brackets; a key without a value is true, however often it is there.
fn parse_keys(comment: &str) -> Result<Vec<(String, String)>> {
    let mut keys = Vec::new();
    let mut seen = HashMap::new();
    let mut rest = comment.trim_start();
    while !rest.is_empty() {
        let (key, after) = scan(rest, |c| c == '=' || c.is_whitespace())?;
        let (value, after) = match after.trim_start().strip_prefix('=') {
            Some(value) => {
                let (value, after) = scan(value.trim_start(), char::is_whitespace)?;
                (Some(value), after)
            }
            None => (None, after),
        };
        rest = after.trim_start();
        match seen.insert(key.clone(), value.is_some()) {
            None => keys.push((key, value.unwrap_or_else(|| "T".to_string()))),
            Some(false) if value.is_none() => {}
            Some(_) => {
                return Err(
                    Error::new(format!("key '{}' occurs twice", beginning(&key)))
                        .help("give one of the two another name"),
                );
            }
        }
    }
    Ok(keys)
}

/// A word up to a delimiter, or what stands between quotes, braces or brackets; and what follows.
fn scan(text: &str, ends: impl Fn(char) -> bool) -> Result<(String, &str)> {
    let close = match text.chars().next() {
        Some(quote @ ('"' | '\'')) => quote,
        Some('{') => '}',
        Some('[') => {
            // Brackets may nest ([[1, 2], [3, 4]]) and are part of the value.
            let mut depth = 0;
            for (at, c) in text.char_indices() {
                depth += i32::from(c == '[') - i32::from(c == ']');
                if depth == 0 {
                    return Ok((text[..=at].to_string(), &text[at + 1..]));
                }
            }
            return Err(
                Error::new("a bracket in the comment line is not closed").help("correct the line")
            );
        }
        _ => {
            let end = text.find(ends).unwrap_or(text.len());
            return Ok((text[..end].to_string(), &text[end..]));
        }
    };
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' if close != '}' => match characters.next() {
                Some((_, escaped)) if escaped == close || escaped == '\\' => value.push(escaped),
                // A backslash before anything else stands for itself, as in C:\data.
                Some((_, other)) => value.extend([c, other]),
                None => {}
            },
            c if c == close => return Ok((value, &text[at + c.len_utf8()..])),
            c => value.push(c),
        }
    }
    Err(Error::new("a quote in the comment line is not closed").help("correct the line"))
}

fn take_keys(keys: Vec<(String, String)>, frame: &mut Frame) -> Result<Option<Vec<Field>>> {
    let (mut lattice, mut periodic, mut origin, mut properties) = (None, None, None, None);
    for (key, text) in keys {
        match key.as_str() {
            "Lattice" => lattice = Some(numbers::<9>(&key, &text)?),
            "Origin" => origin = Some(numbers::<3>(&key, &text)?),
            "pbc" => periodic = Some(flags(&text)?),
            "Properties" => properties = Some(parse_properties(&text)?),
            UNWRAPPED if text.starts_with(['T', 't']) => frame.coordinates = Coordinates::Unwrapped,
            key if STEP.contains(&key) && text.parse::<i64>().is_ok() => {
                set_once(&mut frame.step, text.parse().ok(), key)?
            }
            key if TIME.contains(&key) && columns::real(&text).is_some_and(f64::is_finite) => {
                set_once(&mut frame.time, columns::real(&text), key)?
            }
            _ => frame.keys.push((key, text)),
        }
    }
    if let Some(l) = lattice {
        let edges = [0, 3, 6].map(|at| Vector3::new(l[at], l[at + 1], l[at + 2]));
        let origin = origin.map_or(Vector3::zeros(), Vector3::from);
        frame.cell = Some(Cell::new(edges, origin, periodic.unwrap_or([true; 3]))?);
    }
    Ok(properties)
}

/// Keeps what a key says, which others of its spellings may say again.
fn set_once<T: PartialEq + Display>(
    place: &mut Option<T>,
    value: Option<T>,
    key: &str,
) -> Result<()> {
    match (&*place, &value) {
        (Some(known), Some(value)) if known != value => Err(Error::new(format!(
            "{key}={value}, where another key says {known}"
        ))
        .help("leave one of the two out")),
        _ => {
            *place = value;
            Ok(())
        }
    }
}

fn numbers<const N: usize>(key: &str, text: &str) -> Result<[f64; N]> {
    let clean = text.replace(['[', ']', ','], " ");
    let values: Option<Vec<f64>> = clean.split_whitespace().map(columns::real).collect();
    values
        .and_then(|values| values.try_into().ok())
        .ok_or_else(|| {
            let found = beginning(text);
            Error::new(format!("{key}=\"{found}\" is not {N} numbers"))
                .help("correct the comment line")
        })
}

fn flags(text: &str) -> Result<[bool; 3]> {
    let clean = text.replace(['[', ']', ','], " ");
    let flag = |word: &str| match word {
        "T" | "True" | "true" | "1" => Some(true),
        "F" | "False" | "false" | "0" => Some(false),
        _ => None,
    };
    let flags: Option<Vec<bool>> = clean.split_whitespace().map(flag).collect();
    flags
        .and_then(|flags| flags.try_into().ok())
        .ok_or_else(|| {
            let found = beginning(text);
            Error::new(format!("pbc=\"{found}\" is not three of T and F"))
                .help("correct the comment line")
        })
}

fn parse_properties(text: &str) -> Result<Vec<Field>> {
    let parts: Vec<&str> = text.split(':').collect();
    let bad = || {
        let found = beginning(text);
        Error::new(format!(
            "Properties={found} is not a list of name:type:count"
        ))
        .help("correct the comment line")
    };
    let (triples, []) = parts.as_chunks() else {
        return Err(bad());
    };
    let property = |[name, kind, width]: &[&str; 3]| {
        let expect = match (*name, *kind) {
            ("species" | "element", _) => Expect::Text,
            (_, "R") => Expect::Real,
            (_, "I") => Expect::Integer,
            (_, "S") => Expect::Text,
            (_, "L") => Expect::Boolean,
            _ => return Err(bad()),
        };
        let width = width
            .parse()
            .ok()
            .filter(|&width| (1..=1024).contains(&width))
            .ok_or_else(bad)?;
        Ok(Field {
            name: name.to_string(),
            expect,
            width,
        })
    };
    triples.iter().map(property).collect()
}

/// Columns of a plain file: species, position, and whatever else its first line holds.
fn plain_properties(block: &Block) -> Vec<Field> {
    let count = block.words_of_first_line();
    let mut fields = vec![Field::single("species", Expect::Text), Field::vector("pos")];
    fields.extend(
        (5..=count).map(|column| Field::single(&format!("column_{column}"), Expect::Guess)),
    );
    fields
}

/// Text of a frame in extended XYZ. Every number round-trips exactly.
///
/// `Properties` begins with species and position, which some readers insist on; radii are written as OVITO reads them.
pub fn format(frame: &Frame) -> Result<Vec<u8>> {
    let mut out = Writer::with_capacity(72 * frame.len() + 512);
    out.integer(frame.len() as i64).text("\n");
    if let Some(cell) = &frame.cell {
        out.text("Lattice=\"");
        cell.matrix().iter().enumerate().for_each(|(at, &value)| {
            out.text(if at > 0 { " " } else { "" }).real(value);
        });
        out.text("\" ");
        if cell.origin() != Vector3::zeros() {
            let o = cell.origin();
            out.text("Origin=\"")
                .real(o.x)
                .text(" ")
                .real(o.y)
                .text(" ")
                .real(o.z)
                .text("\" ");
        }
        let flag = |axis: usize| if cell.periodic()[axis] { "T" } else { "F" };
        out.text(&format!("pbc=\"{} {} {}\" ", flag(0), flag(1), flag(2)));
    }
    out.text("Properties=species:S:1:pos:R:3:id:I:1");
    if let Coordinates::Images(_) = frame.coordinates {
        out.text(":").text(IMAGES).text(":I:3");
    }
    let (sizes, factor) = number::sizes(frame.diameters.as_deref().unwrap_or_default());
    for (name, values) in [(sizes, &frame.diameters), ("mass", &frame.masses)] {
        if values.is_some() {
            out.text(":").text(name).text(":R:1");
        }
    }
    let mut names: Vec<String> = MEANINGS.map(str::to_string).to_vec();
    for column in &frame.columns {
        let letter = match column.values {
            Values::Integer(_) => "I",
            Values::Real(_) => "R",
            Values::Boolean(_) => "L",
            Values::Text(_) => "S",
        };
        // What separates the properties cannot be part of a name.
        let special = |c: char| c.is_whitespace() || matches!(c, ':' | '"' | '\'' | '\\');
        let clean = |name: &str| vec![name.replace(special, "_")];
        let name = unused(&column.name, &names, clean).remove(0);
        out.text(&format!(":{name}:{letter}:{}", column.width));
        names.push(name);
    }
    let numbers =
        element_numbers(&frame.species).filter(|_| frame.column(ELEMENT_NUMBER).is_none());
    if numbers.is_some() {
        out.text(":").text(ELEMENT_NUMBER).text(":I:1");
    }
    let mut names = ["Lattice", "Origin", "pbc", "Properties"]
        .map(str::to_string)
        .to_vec();
    let mut key = |name: &str, out: &mut Writer| {
        let name = unused(name, &names, |name| vec![name.to_string()]).remove(0);
        out.text(" ").text(&quoted(&name)).text("=");
        names.push(name);
    };
    if frame.coordinates == Coordinates::Unwrapped {
        key(UNWRAPPED, &mut out);
        out.text("T");
    }
    if let Some(step) = frame.step {
        key(STEP[0], &mut out);
        out.integer(step);
    }
    if let Some(time) = frame.time {
        key(TIME[0], &mut out);
        out.real(time);
    }
    // A temperature that was given goes before the input's own key, which would be read back in its place.
    let is_temperature = |key: &str| key.eq_ignore_ascii_case(TEMPERATURE);
    let kept = frame.key(TEMPERATURE).and_then(columns::real);
    let given = frame.temperature.filter(|given| kept != Some(*given));
    if let Some(temperature) = given {
        key(TEMPERATURE, &mut out);
        out.real(temperature);
    }
    let keys = frame.keys.iter();
    for (name, text) in keys.filter(|(name, _)| given.is_none() || !is_temperature(name)) {
        key(name, &mut out);
        out.text(&quoted(text));
    }
    out.text("\n");
    for row in 0..frame.len() {
        out.text(frame.species.name(row));
        frame.positions[row].iter().for_each(|&value| {
            out.text(" ").real(value);
        });
        out.text(" ").integer(frame.ids[row]);
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
        for column in &frame.columns {
            out.row(column, row, ["F", "T"]);
        }
        if let Some(numbers) = &numbers {
            out.text(" ")
                .integer(numbers[frame.species.of[row] as usize]);
        }
        out.text("\n");
    }
    Ok(out.into_bytes())
}

/// Column of atomic numbers, from which ASE takes the elements.
const ELEMENT_NUMBER: &str = "Z";

/// A number from 1 to 118 for each species, if one of them is no chemical element: ASE refuses such a file otherwise.
fn element_numbers(species: &Species) -> Option<Vec<i64>> {
    if species
        .names
        .iter()
        .all(|name| ELEMENTS.split(' ').any(|element| *element == **name))
    {
        return None;
    }
    let number = |(index, name): (usize, &Arc<str>)| {
        let named = name
            .parse()
            .ok()
            .filter(|number| (1..=118).contains(number));
        named.unwrap_or(index as i64 % 118 + 1)
    };
    Some(species.names.iter().enumerate().map(number).collect())
}

/// Takes out the numbers that only ASE needs, which are written anew; a column of that name with other values stays.
fn drop_element_numbers(frame: &mut Frame) {
    let Some(numbers) = element_numbers(&frame.species) else {
        return;
    };
    let of = &frame.species.of;
    frame.columns.retain(|column| {
        let written = match &column.values {
            Values::Integer(values) if column.width == 1 => values
                .iter()
                .zip(of)
                .all(|(value, species)| *value == numbers[*species as usize]),
            _ => false,
        };
        !(column.name == ELEMENT_NUMBER && written)
    });
}

/// Symbols of the chemical elements.
const ELEMENTS: &str = "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og X";

fn quoted(text: &str) -> String {
    let special =
        |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\' | '=' | '[' | '{' | '}' | ',');
    // Lists are written as they are; what only begins like one would not be read back.
    let is_list =
        text.starts_with('[') && scan(text, |_| false).is_ok_and(|(_, after)| after.is_empty());
    match text.is_empty() || text.starts_with('[') || text.contains(special) {
        true if !is_list => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        _ => text.to_string(),
    }
}
