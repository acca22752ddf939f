//! Numbers as text: the shortest that reads back as the same number.

use std::io::Write;

use crate::data::frame::{Column, Values};

/// The column of sizes, and what diameters are multiplied by for it: radii, which OVITO reads; diameters where half of one is no double.
pub fn sizes(diameters: &[f64]) -> (&'static str, f64) {
    let has_half = |diameter: &f64| 2.0 * (0.5 * diameter) == *diameter;
    match diameters.iter().all(has_half) {
        true => ("radius", 0.5),
        false => ("diameter", 1.0),
    }
}

/// A growing text.
pub struct Writer {
    bytes: Vec<u8>,
    digits: zmij::Buffer,
}

impl Writer {
    /// An empty text with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Writer {
            bytes: Vec::with_capacity(capacity),
            digits: zmij::Buffer::new(),
        }
    }

    /// Appends text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes.extend_from_slice(text.as_bytes());
        self
    }

    /// Appends a whole number.
    pub fn integer(&mut self, value: i64) -> &mut Self {
        write!(self.bytes, "{value}").expect("memory takes every byte");
        self
    }

    /// Appends a real number in the fewest digits that round-trip; `nan`, `inf` and `-inf` as C writes them.
    pub fn real(&mut self, value: f64) -> &mut Self {
        if value.is_finite() {
            let text = self.digits.format_finite(value);
            self.bytes
                .extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
        } else {
            self.text(if value.is_nan() {
                "nan"
            } else if value > 0.0 {
                "inf"
            } else {
                "-inf"
            });
        }
        self
    }

    /// Appends a row of a per-particle column, each value after a blank; `booleans` are the words for false and true.
    pub fn row(&mut self, column: &Column, row: usize, booleans: [&str; 2]) -> &mut Self {
        for at in row * column.width..(row + 1) * column.width {
            self.text(" ");
            match &column.values {
                Values::Integer(values) => self.integer(values[at]),
                Values::Real(values) => self.real(values[at]),
                Values::Boolean(values) => self.text(booleans[usize::from(values[at])]),
                Values::Text(values) => self.text(&values[at]),
            };
        }
        self
    }

    /// The text.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
