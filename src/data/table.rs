//! Tables as they are declared and filled: long, typed columns with a dimension and a meaning.

use std::sync::Arc;

use crate::error::Result;

/// Type of a table's column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 64-bit whole number.
    Integer,
    /// 64-bit floating point number.
    Real,
    /// True or false.
    Boolean,
    /// Text.
    Text,
}

impl Kind {
    /// Its name as users see it: `integer`, `real`, `boolean`, `text`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Integer => "integer",
            Kind::Real => "real",
            Kind::Boolean => "boolean",
            Kind::Text => "text",
        }
    }
}

/// Declaration of a column: what users see in `--list-tables`, in the help and in the provenance.
#[derive(Clone, Copy, Debug)]
pub struct ColumnSpec {
    /// Name in snake_case, the field's word.
    pub name: &'static str,
    /// Type of the values.
    pub kind: Kind,
    /// Dimension in terms of length, time, energy, mass: `length^2`; `1` for a pure number, empty for a label.
    pub dimension: &'static str,
    /// What it is, in a phrase.
    pub meaning: &'static str,
}

impl ColumnSpec {
    /// A column of real numbers.
    pub const fn real(name: &'static str, dimension: &'static str, meaning: &'static str) -> Self {
        ColumnSpec {
            name,
            kind: Kind::Real,
            dimension,
            meaning,
        }
    }

    /// A column of whole numbers without a dimension.
    pub const fn integer(name: &'static str, meaning: &'static str) -> Self {
        ColumnSpec {
            name,
            kind: Kind::Integer,
            dimension: "1",
            meaning,
        }
    }

    /// A column of texts.
    pub const fn text(name: &'static str, meaning: &'static str) -> Self {
        ColumnSpec {
            name,
            kind: Kind::Text,
            dimension: "",
            meaning,
        }
    }

    /// A column of truth values.
    pub const fn boolean(name: &'static str, meaning: &'static str) -> Self {
        ColumnSpec {
            name,
            kind: Kind::Boolean,
            dimension: "1",
            meaning,
        }
    }
}

/// The column that comes first in a table of several inputs.
pub const INPUT_COLUMN: ColumnSpec = ColumnSpec::text("input", "name of the input");

/// The column that comes behind it where inputs share names.
pub const REPLICA_COLUMN: ColumnSpec = ColumnSpec::integer(
    "replica",
    "number of the input among those of the same name, from 1",
);

/// Declaration of a table.
#[derive(Clone, Copy, Debug)]
pub struct TableSpec {
    /// Name as given to `--table NAME=PATH`.
    pub name: &'static str,
    /// What a row is.
    pub meaning: &'static str,
    /// Its columns, in order.
    pub columns: &'static [ColumnSpec],
}

/// Values of one column of a batch of rows; `None` is a missing value.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// Whole numbers.
    Integer(Vec<Option<i64>>),
    /// Real numbers.
    Real(Vec<Option<f64>>),
    /// True or false.
    Boolean(Vec<Option<bool>>),
    /// Text; rows that say the same share it.
    Text(Vec<Option<Arc<str>>>),
}

impl Cells {
    /// An empty column of that type.
    pub fn empty(kind: Kind) -> Self {
        match kind {
            Kind::Integer => Cells::Integer(Vec::new()),
            Kind::Real => Cells::Real(Vec::new()),
            Kind::Boolean => Cells::Boolean(Vec::new()),
            Kind::Text => Cells::Text(Vec::new()),
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Cells::Integer(values) => values.len(),
            Cells::Real(values) => values.len(),
            Cells::Boolean(values) => values.len(),
            Cells::Text(values) => values.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers, whole or not; none of a column of texts or truth values.
    pub fn reals(&self) -> Vec<Option<f64>> {
        match self {
            Cells::Real(values) => values.clone(),
            Cells::Integer(values) => {
                let real = |value: &Option<i64>| value.map(|value| value as f64);
                values.iter().map(real).collect()
            }
            Cells::Boolean(_) | Cells::Text(_) => Vec::new(),
        }
    }

    /// The type of the values.
    pub fn kind(&self) -> Kind {
        match self {
            Cells::Integer(_) => Kind::Integer,
            Cells::Real(_) => Kind::Real,
            Cells::Boolean(_) => Kind::Boolean,
            Cells::Text(_) => Kind::Text,
        }
    }

    /// Appends the rows of another column of the same type.
    ///
    /// Panics if the types differ: tables are declared, so that is a bug.
    pub fn append(&mut self, other: Cells) {
        match (self, other) {
            (Cells::Integer(values), Cells::Integer(mut more)) => values.append(&mut more),
            (Cells::Real(values), Cells::Real(mut more)) => values.append(&mut more),
            (Cells::Boolean(values), Cells::Boolean(mut more)) => values.append(&mut more),
            (Cells::Text(values), Cells::Text(mut more)) => values.append(&mut more),
            (mine, other) => panic!(
                "a {:?} column cannot take {:?} values",
                mine.kind(),
                other.kind()
            ),
        }
    }

    /// Removes the first rows.
    ///
    /// Panics if there are fewer.
    pub fn remove_first(&mut self, rows: usize) {
        match self {
            Cells::Integer(values) => drop(values.drain(..rows)),
            Cells::Real(values) => drop(values.drain(..rows)),
            Cells::Boolean(values) => drop(values.drain(..rows)),
            Cells::Text(values) => drop(values.drain(..rows)),
        }
    }

    /// The same value in `rows` rows.
    pub fn repeat(value: impl Into<Cells>, rows: usize) -> Self {
        match value.into() {
            Cells::Integer(values) => Cells::Integer(vec![values[0]; rows]),
            Cells::Real(values) => Cells::Real(vec![values[0]; rows]),
            Cells::Boolean(values) => Cells::Boolean(vec![values[0]; rows]),
            Cells::Text(values) => Cells::Text(vec![values[0].clone(); rows]),
        }
    }
}

macro_rules! cells_from {
    ($($value:ty => $variant:ident),* $(,)?) => { $(
        impl From<$value> for Cells {
            fn from(value: $value) -> Self {
                Cells::$variant(vec![Some(value)])
            }
        }
        impl From<Option<$value>> for Cells {
            fn from(value: Option<$value>) -> Self {
                Cells::$variant(vec![value])
            }
        }
        impl From<Vec<$value>> for Cells {
            fn from(values: Vec<$value>) -> Self {
                Cells::$variant(values.into_iter().map(Some).collect())
            }
        }
        impl From<Vec<Option<$value>>> for Cells {
            fn from(values: Vec<Option<$value>>) -> Self {
                Cells::$variant(values)
            }
        }
    )* };
}
cells_from!(i64 => Integer, f64 => Real, bool => Boolean, Arc<str> => Text);

/// A batch of rows: the columns of a declared table, in its order, all of the same length.
pub type Rows = Vec<Cells>;

/// A table that is kept in memory.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its declaration.
    pub spec: &'static TableSpec,
    /// Its columns, in the order of the declaration.
    pub columns: Rows,
}

impl Table {
    /// A table without rows.
    pub fn empty(spec: &'static TableSpec) -> Self {
        let columns = spec.columns.iter();
        Table {
            spec,
            columns: columns.map(|column| Cells::empty(column.kind)).collect(),
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, Cells::len)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The column of that name, if it is declared.
    pub fn column(&self, name: &str) -> Option<&Cells> {
        let at = self
            .spec
            .columns
            .iter()
            .position(|column| column.name == name)?;
        self.columns.get(at)
    }

    /// The numbers of a column, NaN where one is missing; none if there is no such column of numbers.
    pub fn numbers(&self, name: &str) -> Vec<f64> {
        let values = self.column(name).map_or(Vec::new(), Cells::reals);
        values
            .into_iter()
            .map(|value| value.unwrap_or(f64::NAN))
            .collect()
    }

    /// Appends rows.
    ///
    /// Panics if they are not of the declared columns.
    pub fn append(&mut self, rows: Rows) {
        assert_eq!(
            rows.len(),
            self.columns.len(),
            "columns of {}",
            self.spec.name
        );
        for (column, more) in self.columns.iter_mut().zip(rows) {
            column.append(more);
        }
    }
}

/// Where an analysis hands out its rows as it goes.
pub trait RowSink {
    /// Whether anybody asked for this table; rows of others need not be computed.
    fn wants(&self, table: &str) -> bool;

    /// Whether the user has asked for an end: long work that hands out no rows looks now and then.
    fn interrupted(&self) -> bool {
        false
    }

    /// Appends rows to a table.
    fn rows(&mut self, table: &'static str, rows: Rows) -> Result<()>;
}
