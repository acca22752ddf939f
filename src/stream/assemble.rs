//! From named columns to a frame: the checks and the order that every format shares.

use std::sync::Arc;

use nalgebra::Vector3;

use crate::data::frame::{Column, Coordinates, Frame, Values};
use crate::error::{Error, Result};

/// Named columns as a format's reader found them, in the order of the file, each with its width.
pub struct Columns(pub Vec<Column>);

impl Columns {
    /// Takes a column out by name.
    pub fn take(&mut self, name: &str) -> Option<Column> {
        let at = self.0.iter().position(|column| column.name == name)?;
        Some(self.0.remove(at))
    }

    /// Takes the values of a column out by name.
    ///
    /// Errors: a column with another number of values a particle than `width`.
    pub fn take_values(&mut self, name: &str, width: usize) -> Result<Option<Values>> {
        match self.take(name) {
            None => Ok(None),
            Some(column) if column.width == width => Ok(Some(column.values)),
            Some(column) => {
                let what = format!(
                    "column '{name}' has {} values a particle where {width} belong",
                    column.width
                );
                Err(Error::new(what).help("correct it, or give it another name"))
            }
        }
    }

    /// Takes a column of real numbers out by name.
    pub fn take_reals(&mut self, name: &str, width: usize) -> Result<Option<Vec<f64>>> {
        match self.take_values(name, width)? {
            None => Ok(None),
            Some(Values::Real(values)) => Ok(Some(values)),
            Some(other) => Ok(Some(other.to_reals().ok_or_else(|| words_in(name))?)),
        }
    }

    /// Takes a column of whole numbers out by name.
    pub fn take_integers(&mut self, name: &str, width: usize) -> Result<Option<Vec<i64>>> {
        match self.take_values(name, width)? {
            None => Ok(None),
            Some(Values::Integer(values)) => Ok(Some(values)),
            Some(_) => Err(Error::new(format!(
                "column '{name}' holds something else than whole numbers"
            ))
            .help("correct it, or give it another name")),
        }
    }

    /// Whether all these columns are there.
    pub fn have(&self, names: &[&str]) -> bool {
        names
            .iter()
            .all(|name| self.0.iter().any(|column| column.name == *name))
    }

    /// Joins single columns of numbers into one of several values a particle, at the place of the first; of whole numbers, if all are.
    pub fn join(&mut self, parts: &[&str], name: &str) -> Result<()> {
        fn interleaved<T: Copy>(parts: &[Vec<T>]) -> Vec<T> {
            let rows = parts[0].len();
            (0..rows)
                .flat_map(|row| parts.iter().map(move |part| part[row]))
                .collect()
        }
        let place = self
            .0
            .iter()
            .position(|column| column.name == parts[0])
            .unwrap_or(0);
        let taken: Vec<Column> = parts.iter().filter_map(|part| self.take(part)).collect();
        let whole: Option<Vec<Vec<i64>>> = taken
            .iter()
            .map(|column| match &column.values {
                Values::Integer(values) => Some(values.clone()),
                _ => None,
            })
            .collect();
        let values = match whole {
            Some(whole) => Values::Integer(interleaved(&whole)),
            None => {
                let reals = taken.iter().map(|column| {
                    let values = column.values.to_reals();
                    values.ok_or_else(|| words_in(&column.name))
                });
                Values::Real(interleaved(&reals.collect::<Result<Vec<_>>>()?))
            }
        };
        let joined = Column {
            name: name.to_string(),
            width: parts.len(),
            values,
        };
        self.0.insert(place.min(self.0.len()), joined);
        Ok(())
    }

    /// Splits a column of several values a particle, if there is one of that name, into single columns.
    pub fn split(&mut self, name: &str, parts: &[&str]) {
        let Some(place) = self
            .0
            .iter()
            .position(|column| column.name == name && column.width == parts.len())
        else {
            return;
        };
        let column = self.0.remove(place);
        let rows = column.values.len() / column.width;
        for (component, part) in parts.iter().enumerate() {
            let at: Vec<u32> = (0..rows)
                .map(|row| (row * column.width + component) as u32)
                .collect();
            let values = column.values.gather(&at, 1);
            self.0.insert(
                place + component,
                Column {
                    name: part.to_string(),
                    width: 1,
                    values,
                },
            );
        }
    }

    /// Joins runs such as `c_st[1] c_st[2] … c_st[6]` into one column `c_st`.
    pub fn join_numbered(&mut self) -> Result<()> {
        let bases: Vec<String> = self
            .0
            .iter()
            .filter_map(|column| column.name.strip_suffix("[1]"))
            .map(str::to_string)
            .collect();
        for base in bases {
            if self.have(&[base.as_str()]) {
                continue;
            }
            let parts: Vec<String> = (1..)
                .map(|index| format!("{base}[{index}]"))
                .take_while(|part| self.have(&[part.as_str()]))
                .collect();
            let total = self
                .0
                .iter()
                .filter(|column| column.name.starts_with(&format!("{base}[")))
                .count();
            let numeric = self
                .0
                .iter()
                .filter(|column| parts.contains(&column.name))
                .all(|column| column.values.to_reals().is_some());
            if parts.len() > 1 && parts.len() == total && numeric {
                self.join(&parts.iter().map(String::as_str).collect::<Vec<_>>(), &base)?;
            }
        }
        Ok(())
    }
}

/// The error of a column that occurs twice.
pub fn twice(column: &str) -> Error {
    Error::new(format!("column '{column}' occurs twice")).help("give one of the two another name")
}

fn words_in(column: &str) -> Error {
    Error::new(format!("column '{column}' holds words, not numbers"))
        .help("correct it, or give it another name")
}

/// Takes radii or diameters and masses out of the columns.
pub fn take_sizes(columns: &mut Columns, frame: &mut Frame) -> Result<()> {
    let radii = columns.take_reals("radius", 1)?;
    let doubled: Option<Vec<f64>> =
        radii.map(|radii| radii.iter().map(|radius| 2.0 * radius).collect());
    frame.diameters = columns
        .take_reals("diameter", 1)?
        .or_else(|| doubled.clone());
    if let (Some(doubled), Some(diameters)) = (&doubled, &frame.diameters) {
        // Dumps are often written with six digits.
        let differ = |pair: (&f64, &f64)| (pair.0 - pair.1).abs() > 1e-5 * pair.1.abs();
        if doubled.iter().zip(diameters).any(differ) {
            let what = "the columns radius and diameter do not agree";
            return Err(Error::new(what).help("leave one of the two out"));
        }
    }
    frame.masses = columns.take_reals("mass", 1)?;
    Ok(())
}

/// Rows of three as vectors.
pub fn vectors(values: &[f64]) -> Vec<Vector3<f64>> {
    let rows = values.as_chunks().0.iter();
    rows.map(|row: &[f64; 3]| Vector3::from(*row)).collect()
}

/// Checks what can be checked and puts the particles into the order of their ids. Row `i` of the frame stands on line `first_line + i`.
///
/// Errors: positions, diameters or masses that are not finite; negative masses; ids that occur twice.
pub fn finish(mut frame: Frame, first_line: Option<u64>) -> Result<Frame> {
    let at = |error: Error, row: usize| match first_line {
        Some(first) => error.at_line(first + row as u64),
        None => error,
    };
    if let Some(row) = frame
        .positions
        .iter()
        .position(|position| !position.iter().all(|value| value.is_finite()))
    {
        let what = format!("the position of particle {} is not finite", frame.ids[row]);
        return Err(at(
            Error::new(what)
                .help("leave the frame out with --frames, or find out why the simulation blew up"),
            row,
        ));
    }
    for (what, values) in [("diameter", &frame.diameters), ("mass", &frame.masses)] {
        if let Some(row) = values.iter().flatten().position(|value| !value.is_finite()) {
            return Err(at(
                Error::new(format!(
                    "the {what} of particle {} is not finite",
                    frame.ids[row]
                ))
                .help("correct the line"),
                row,
            ));
        }
    }
    // Sites without mass are massless; less than nothing is an error.
    if let Some(row) = frame.masses.iter().flatten().position(|mass| *mass < 0.0) {
        let what = format!("the mass of particle {} is negative", frame.ids[row]);
        return Err(at(Error::new(what).help("correct the line"), row));
    }
    if frame.ids.windows(2).any(|pair| pair[0] >= pair[1]) {
        let order = order_of_ids(&frame.ids);
        if let Some(pair) = order
            .windows(2)
            .find(|pair| frame.ids[pair[0] as usize] == frame.ids[pair[1] as usize])
        {
            let what = format!("id {} occurs twice", frame.ids[pair[1] as usize]);
            return Err(at(
                Error::new(what).help("ids must be unique within a frame"),
                pair[1] as usize,
            ));
        }
        frame.gather(&order);
    }
    Ok(frame)
}

/// Rows in the order of their ids.
fn order_of_ids(ids: &[i64]) -> Vec<u32> {
    let (low, high) = ids.iter().fold((i64::MAX, i64::MIN), |(low, high), &id| {
        (low.min(id), high.max(id))
    });
    // Ids are mostly 1 … N: each row then has its place, unless another one is there already.
    if high.saturating_sub(low) < 2 * ids.len() as i64 + 64 {
        const EMPTY: u32 = u32::MAX;
        let mut places = vec![EMPTY; (high - low) as usize + 1];
        let unique = ids.iter().enumerate().all(|(row, &id)| {
            std::mem::replace(&mut places[(id - low) as usize], row as u32) == EMPTY
        });
        if unique {
            places.retain(|&row| row != EMPTY);
            return places;
        }
    }
    let mut order: Vec<u32> = (0..ids.len() as u32).collect();
    order.sort_by_key(|&row| ids[row as usize]);
    order
}

/// Ids 1 … N, for formats that have none.
pub fn ordinal_ids(count: usize) -> Vec<i64> {
    (1..=count as i64).collect()
}

/// Image flags from rows of three, the first of which stands on line `first_line`.
pub fn images(values: &[i64], first_line: u64) -> Result<Coordinates> {
    let too_large = |value: &i64| i32::try_from(*value).is_err();
    if let Some(at) = values.iter().position(too_large) {
        let what = format!("the image flag {} does not fit 32 bits", values[at]);
        return Err(Error::new(what)
            .help("correct the line, or leave the frame out with --frames")
            .at_line(first_line + at as u64 / 3));
    }
    let rows = values.as_chunks().0.iter();
    let rows = rows.map(|row: &[i64; 3]| row.map(|image| image as i32));
    Ok(Coordinates::Images(rows.collect()))
}

/// Labels of species as text, whatever the column holds.
pub fn labels(values: Values) -> Vec<Arc<str>> {
    match values {
        Values::Text(labels) => labels,
        Values::Integer(values) => values
            .iter()
            .map(|value| value.to_string().into())
            .collect(),
        Values::Real(values) => values
            .iter()
            .map(|value| value.to_string().into())
            .collect(),
        Values::Boolean(values) => values
            .iter()
            .map(|value| value.to_string().into())
            .collect(),
    }
}
