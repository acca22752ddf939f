//! One configuration of a trajectory, and the stream of them.

use std::sync::Arc;

use nalgebra::Vector3;

use super::cell::Cell;
use crate::error::Result;

/// A stream of frames in the order of the trajectory: a file, a pipe or a simulation.
pub type Source = Box<dyn Iterator<Item = Result<Frame>>>;

/// One configuration. Per-particle values are in the order of increasing id, so that frames with the same ids line up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    /// Position in the input, counted from 0.
    pub ordinal: usize,
    /// Integration step of the simulation, where the input tells.
    pub step: Option<i64>,
    /// Time since the simulation's start (time), where the input tells.
    pub time: Option<f64>,
    /// Temperature (energy / k_B), where the input or `--temperature` tells.
    pub temperature: Option<f64>,
    /// The cell; `None` where the format has none.
    pub cell: Option<Cell>,
    /// Particle ids: unique and increasing.
    pub ids: Vec<i64>,
    /// Whether the ids were made up from the order in the file, and that order may change from frame to frame.
    pub unordered: bool,
    /// Species of each particle.
    pub species: Species,
    /// Positions (length), as `coordinates` says.
    pub positions: Vec<Vector3<f64>>,
    /// How positions relate to the periodic cell.
    pub coordinates: Coordinates,
    /// Diameters (length), from the input's columns `radius` or `diameter` or from `--diameters`.
    pub diameters: Option<Vec<f64>>,
    /// Masses (mass), from the input or from `--masses`.
    pub masses: Option<Vec<f64>>,
    /// Every other per-particle property of the input, in its order.
    pub columns: Vec<Column>,
    /// Every other property of the whole frame: its name and its text as it stands in the input.
    pub keys: Vec<(String, String)>,
}

/// How positions relate to the periodic cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Coordinates {
    /// Nothing is known: they may or may not have been put back into the cell.
    #[default]
    Unknown,
    /// Put back into the cell, with the number of cells crossed along each edge: the unwrapped position is r + H n.
    Images(Vec<[i32; 3]>),
    /// Continuous in time; particles may be anywhere outside the cell.
    Unwrapped,
}

impl Coordinates {
    /// What the positions are, for people.
    pub fn words(&self) -> &'static str {
        match self {
            Coordinates::Unwrapped => "unwrapped",
            Coordinates::Images(_) => "wrapped, with image flags",
            Coordinates::Unknown => "as stored, without image flags",
        }
    }
}

/// Species of the particles of a frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Species {
    /// Names in use, sorted (numbers by value, before words).
    pub names: Vec<Arc<str>>,
    /// Index into `names` for each particle.
    pub of: Vec<u32>,
}

impl Species {
    /// Sorts out the names of a list with one label a particle.
    pub fn from_labels<T: AsRef<str>>(labels: &[T]) -> Self {
        let mut names: Vec<Arc<str>> = Vec::new();
        let mut of = Vec::with_capacity(labels.len());
        let mut known = std::collections::HashMap::new();
        let mut last: Option<(&str, u32)> = None;
        for label in labels {
            let label = label.as_ref();
            let index = match last {
                Some((name, index)) if name == label => index,
                _ => *known.entry(label).or_insert_with(|| {
                    names.push(label.into());
                    names.len() as u32 - 1
                }),
            };
            last = Some((label, index));
            of.push(index);
        }
        Self::sorted(names, of)
    }

    /// Species from LAMMPS's numeric atom types.
    pub fn from_types(types: &[i64]) -> Self {
        let (low, high) = types
            .iter()
            .fold((i64::MAX, i64::MIN), |(low, high), &kind| {
                (low.min(kind), high.max(kind))
            });
        // Types are mostly a few small numbers, which need no sorting.
        let distinct: Vec<i64> = if high.saturating_sub(low) < 1024 {
            let mut in_use = vec![false; (high.saturating_sub(low) + 1).max(0) as usize];
            types
                .iter()
                .for_each(|&kind| in_use[(kind - low) as usize] = true);
            (low..=high)
                .filter(|&kind| in_use[(kind - low) as usize])
                .collect()
        } else {
            let mut distinct = types.to_vec();
            distinct.sort_unstable();
            distinct.dedup();
            distinct
        };
        let of = match distinct.len() {
            0..8 => types
                .iter()
                .map(|kind| distinct.iter().take_while(|known| *known < kind).count() as u32)
                .collect(),
            _ => types
                .iter()
                .map(|kind| distinct.partition_point(|known| known < kind) as u32)
                .collect(),
        };
        Species {
            names: distinct
                .iter()
                .map(|kind| kind.to_string().into())
                .collect(),
            of,
        }
    }

    fn sorted(names: Vec<Arc<str>>, mut of: Vec<u32>) -> Self {
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by(|&a, &b| natural_order(&names[a], &names[b]));
        let mut rank = vec![0; names.len()];
        order
            .iter()
            .enumerate()
            .for_each(|(new, &old)| rank[old] = new as u32);
        of.iter_mut()
            .for_each(|index| *index = rank[*index as usize]);
        Species {
            names: order.into_iter().map(|old| names[old].clone()).collect(),
            of,
        }
    }

    /// Name of particle `index`'s species.
    pub fn name(&self, index: usize) -> &Arc<str> {
        &self.names[self.of[index] as usize]
    }

    /// Number of particles of each species, in the order of `names`.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.names.len()];
        self.of
            .iter()
            .for_each(|&index| counts[index as usize] += 1);
        counts
    }

    /// Diameters by species as flags take them, for messages: `A=1.0,B=1.2`.
    pub fn example_diameters(&self) -> String {
        let values = ["1.0", "1.2", "…"].into_iter();
        let pairs = self
            .names
            .iter()
            .zip(values)
            .map(|(name, value)| match value {
                "…" => value.to_string(),
                value => format!("{name}={value}"),
            });
        pairs.collect::<Vec<_>>().join(",")
    }
}

/// Numbers by value and before words; words alphabetically, and so 1 and 01.
fn natural_order(a: &str, b: &str) -> std::cmp::Ordering {
    match (a.parse::<i64>(), b.parse::<i64>()) {
        (Ok(x), Ok(y)) => x.cmp(&y).then(a.cmp(b)),
        (Ok(_), Err(_)) => std::cmp::Ordering::Less,
        (Err(_), Ok(_)) => std::cmp::Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    }
}

/// Names that a column of velocities goes by in extended XYZ: OVITO's, then those of LAMMPS and ASE.
pub const VELOCITIES: [&str; 3] = ["velo", "vel", "velocities"];

/// A per-particle property: `width` values for each particle, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Name as in extended XYZ: `velo`, `forces`, `c_pe` …
    pub name: String,
    /// Values a particle: 1 for a scalar, 3 for a vector.
    pub width: usize,
    /// The values, N × `width` of them.
    pub values: Values,
}

impl Column {
    /// A column of real numbers.
    pub fn real(name: &str, width: usize, values: Vec<f64>) -> Self {
        Column {
            name: name.to_string(),
            width,
            values: Values::Real(values),
        }
    }
}

/// Values of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Whole numbers.
    Integer(Vec<i64>),
    /// Real numbers; NaN and infinities are kept as they are.
    Real(Vec<f64>),
    /// True or false.
    Boolean(Vec<bool>),
    /// Words without white space.
    Text(Vec<Arc<str>>),
}

impl Values {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Values::Integer(values) => values.len(),
            Values::Real(values) => values.len(),
            Values::Boolean(values) => values.len(),
            Values::Text(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows `rows` (of `width` values each), in that order.
    pub fn gather(&self, rows: &[u32], width: usize) -> Self {
        match self {
            Values::Integer(values) => Values::Integer(gather(values, rows, width)),
            Values::Real(values) => Values::Real(gather(values, rows, width)),
            Values::Boolean(values) => Values::Boolean(gather(values, rows, width)),
            Values::Text(values) => Values::Text(gather(values, rows, width)),
        }
    }

    /// The values as real numbers; `None` for text.
    pub fn to_reals(&self) -> Option<Vec<f64>> {
        match self {
            Values::Integer(values) => Some(values.iter().map(|&value| value as f64).collect()),
            Values::Real(values) => Some(values.clone()),
            Values::Boolean(values) => Some(
                values
                    .iter()
                    .map(|&value| f64::from(u8::from(value)))
                    .collect(),
            ),
            Values::Text(_) => None,
        }
    }
}

fn gather<T: Clone>(values: &[T], rows: &[u32], width: usize) -> Vec<T> {
    match width {
        1 => rows
            .iter()
            .map(|&row| values[row as usize].clone())
            .collect(),
        _ => rows
            .iter()
            .flat_map(|&row| values[row as usize * width..][..width].iter().cloned())
            .collect(),
    }
}

impl Frame {
    /// Number of particles N.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether the frame holds no particle.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// The per-particle column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Velocities (length / time), three values a particle, under any of the names that they go by.
    pub fn velocities(&self) -> Option<&[f64]> {
        let column = VELOCITIES
            .iter()
            .find_map(|name| self.column(name))
            .filter(|column| column.width == 3)?;
        match &column.values {
            Values::Real(values) => Some(values),
            _ => None,
        }
    }

    /// The text of the frame's key of that name, whatever its capitals.
    pub fn key(&self, name: &str) -> Option<&str> {
        self.keys
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, text)| text.as_str())
    }

    /// Keeps the particles of the given rows, in that order, and drops the species that no longer occur.
    pub fn gather(&mut self, rows: &[u32]) {
        self.ids = gather(&self.ids, rows, 1);
        self.positions = gather(&self.positions, rows, 1);
        if let Coordinates::Images(images) = &mut self.coordinates {
            *images = gather(images, rows, 1);
        }
        for values in [&mut self.diameters, &mut self.masses]
            .into_iter()
            .flatten()
        {
            *values = gather(values, rows, 1);
        }
        for column in &mut self.columns {
            column.values = column.values.gather(rows, column.width);
        }
        let of = gather(&self.species.of, rows, 1);
        let mut in_use = vec![false; self.species.names.len()];
        of.iter().for_each(|&index| in_use[index as usize] = true);
        let mut rank = vec![0; in_use.len()];
        let mut names = Vec::new();
        for (old, name) in self
            .species
            .names
            .iter()
            .enumerate()
            .filter(|(old, _)| in_use[*old])
        {
            rank[old] = names.len() as u32;
            names.push(name.clone());
        }
        self.species = Species {
            names,
            of: of.into_iter().map(|old| rank[old as usize]).collect(),
        };
    }
}
