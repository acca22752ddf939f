//! A trajectory as a table: a row for each particle and frame, with everything that is known of the particle.

use std::borrow::Cow;

use crate::analysis::Moment;
use crate::analysis::columns::{DIAMETER, FRAME, ID, SPECIES, STEP, TEMPERATURE, TIME};
use crate::data::frame::{Column, Coordinates, Frame, Values};
use crate::data::table::{Cells, ColumnSpec, Kind, Rows};
use crate::error::{Error, Result};

/// Name of the table.
pub const NAME: &str = "particles";

/// A column of the table, of one frame.
pub struct Field {
    name: Cow<'static, str>,
    dimension: &'static str,
    meaning: &'static str,
    cells: Cells,
}

/// The columns of a frame; any thread may do it.
///
/// Keys of the frame are left out: they say nothing of a particle.
pub fn fields(frame: &Frame) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    let mut add = |column: ColumnSpec, cells| {
        fields.push(Field {
            name: Cow::Borrowed(column.name),
            dimension: column.dimension,
            meaning: column.meaning,
            cells,
        });
    };
    let moments = Moment::of(frame).cells(frame.len());
    for (column, cells) in [FRAME, STEP, TIME, TEMPERATURE].into_iter().zip(moments) {
        add(column, cells);
    }
    let species = (0..frame.len()).map(|row| Some(frame.species.name(row).clone()));
    let species = Cells::Text(species.collect());
    add(ID, frame.ids.clone().into());
    add(SPECIES, species);
    if let Some(diameters) = frame.diameters.clone() {
        add(DIAMETER, diameters.into());
    }
    if let Some(masses) = frame.masses.clone() {
        let column = ColumnSpec::real("mass", "mass", "mass of the particle");
        add(column, masses.into());
    }
    for (axis, name) in ["x", "y", "z"].into_iter().enumerate() {
        let along: Vec<f64> = frame.positions.iter().map(|r| r[axis]).collect();
        let column = ColumnSpec::real(name, "length", "coordinate of the particle");
        add(column, along.into());
    }
    if let Coordinates::Images(images) = &frame.coordinates {
        for (axis, name) in ["ix", "iy", "iz"].into_iter().enumerate() {
            let along: Vec<i64> = images.iter().map(|n| n[axis].into()).collect();
            let meaning = "times that the particle has crossed this edge of the cell";
            add(ColumnSpec::integer(name, meaning), along.into());
        }
    }
    for mut field in frame.columns.iter().flat_map(components) {
        // What reads tables seldom tells capitals apart.
        let is_taken = |name: &str| {
            fields
                .iter()
                .any(|known| known.name.eq_ignore_ascii_case(name))
        };
        while is_taken(&field.name) {
            field.name = format!("input_{}", field.name).into();
        }
        fields.push(field);
    }
    fields
}

/// The scalars of a column of the input: those of vectors and tensors end in the names of their components, as in the tables of other
/// commands.
fn components(column: &Column) -> impl Iterator<Item = Field> + '_ {
    let endings: &[&str] = match column.width {
        3 => &["x", "y", "z"],
        6 => &["xx", "yy", "zz", "xy", "xz", "yz"],
        9 => &["xx", "xy", "xz", "yx", "yy", "yz", "zx", "zy", "zz"],
        _ => &[],
    };
    let (name, width) = (&column.name, column.width);
    (0..width).map(move |at| Field {
        name: match (width, endings.get(at)) {
            (1, _) => name.clone().into(),
            (_, Some(ending)) => format!("{name}_{ending}").into(),
            (_, None) => format!("{name}_{}", at + 1).into(),
        },
        dimension: "",
        meaning: "column of the input",
        cells: match &column.values {
            Values::Integer(values) => every(values, at, width).into(),
            Values::Real(values) => every(values, at, width).into(),
            Values::Boolean(values) => every(values, at, width).into(),
            Values::Text(values) => {
                Cells::Text(every(values, at, width).into_iter().map(Some).collect())
            }
        },
    })
}

fn every<T: Clone>(values: &[T], first: usize, step: usize) -> Vec<T> {
    values.iter().skip(first).step_by(step).cloned().collect()
}

/// The columns of the table, which the first frame tells.
pub fn columns(first: &[Field]) -> Vec<ColumnSpec> {
    let column = |field: &Field| ColumnSpec {
        // There is one such table in a run, which needs the names until it ends.
        name: field.name.clone().into_owned().leak(),
        kind: field.cells.kind(),
        dimension: field.dimension,
        meaning: field.meaning,
    };
    first.iter().map(column).collect()
}

/// The rows of a frame in a table of these columns.
///
/// Errors: the frame has other columns.
pub fn rows(mut fields: Vec<Field>, columns: &[ColumnSpec]) -> Result<Rows> {
    let differs = |what: String| {
        Error::new(what).help(
            "a table has the same columns in every frame: make one of each part, with --frames",
        )
    };
    let mut rows = Rows::with_capacity(columns.len());
    for column in columns {
        let Some(at) = fields.iter().position(|field| field.name == column.name) else {
            let what = format!("there is no '{}', which the first frame has", column.name);
            return Err(differs(what));
        };
        let cells = fields.remove(at).cells;
        let kind = cells.kind();
        rows.push(match (column.kind, cells) {
            (wanted, cells) if wanted == kind => cells,
            (Kind::Real, Cells::Integer(values)) => {
                let real = |value: Option<i64>| value.map(|value| value as f64);
                Cells::Real(values.into_iter().map(real).collect())
            }
            (wanted, _) => {
                return Err(differs(format!(
                    "'{}' is {} here and {} in the first frame",
                    column.name,
                    kind.name(),
                    wanted.name()
                )));
            }
        });
    }
    match fields.first() {
        Some(field) => Err(differs(format!(
            "there is '{}', which the first frame has not",
            field.name
        ))),
        None => Ok(rows),
    }
}
