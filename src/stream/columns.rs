//! Columns of numbers and words from a block of lines: the inner loop of every text format.

use std::sync::Arc;

use super::lines::Block;
use crate::data::frame::Values;
use crate::error::{Error, Result};

/// What a column of a text block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Whole numbers of up to 64 bits.
    Integer,
    /// Real numbers.
    Real,
    /// `T` or `F`.
    Boolean,
    /// Words.
    Text,
    /// Whatever the first row shows: whole numbers (until a real one comes), real numbers, or words.
    Guess,
}

/// Parses a block into columns; every line has one value for each of them, separated by blanks.
///
/// Errors, each with its line: too few or too many values, a word where a number belongs, a number beyond 64 bits.
pub fn parse(
    block: &Block,
    rows: usize,
    names: &[String],
    expected: &[Expect],
) -> Result<Vec<Values>> {
    let mut columns: Vec<Builder> = expected
        .iter()
        .map(|&expect| Builder::new(expect, rows))
        .collect();
    let mut rest = &block.bytes[..];
    for row in 0..rows {
        for (index, column) in columns.iter_mut().enumerate() {
            rest = skip_blanks(rest);
            if let [b'\n', ..] | [] = rest {
                let what = format!(
                    "the line has {index} values where {} belong ({})",
                    names.len(),
                    names.join(" ")
                );
                return Err(Error::new(what)
                    .help("correct the line")
                    .at_line(block.first_line + row as u64));
            }
            match column.push(rest) {
                Some(length) => rest = &rest[length..],
                None => {
                    return Err(unexpected(column, &names[index], word(rest))
                        .at_line(block.first_line + row as u64));
                }
            }
        }
        rest = skip_blanks(rest);
        match rest {
            [b'\n', tail @ ..] => rest = tail,
            _ => {
                let what = format!(
                    "the line goes on with '{}' after its {} values",
                    shown(word(rest)),
                    names.len()
                );
                return Err(Error::new(what)
                    .help("correct the line")
                    .at_line(block.first_line + row as u64));
            }
        }
    }
    Ok(columns.into_iter().map(Builder::finish).collect())
}

/// Parses a single number; `None` if the text is anything else.
pub fn real(text: &str) -> Option<f64> {
    fast_float2::parse(text.trim()).ok()
}

enum Builder {
    Undecided(usize),
    Integer { values: Vec<i64>, guessed: bool },
    Real(Vec<f64>),
    Boolean(Vec<bool>),
    Text(Vec<Arc<str>>),
}

impl Builder {
    fn new(expect: Expect, rows: usize) -> Self {
        match expect {
            Expect::Integer => Builder::Integer {
                values: Vec::with_capacity(rows),
                guessed: false,
            },
            Expect::Real => Builder::Real(Vec::with_capacity(rows)),
            Expect::Boolean => Builder::Boolean(Vec::with_capacity(rows)),
            Expect::Text => Builder::Text(Vec::with_capacity(rows)),
            Expect::Guess => Builder::Undecided(rows),
        }
    }

    /// Takes the value at the start of `rest` and returns its length; `None` if it is not of this column's type.
    #[inline]
    fn push(&mut self, rest: &[u8]) -> Option<usize> {
        match self {
            Builder::Real(values) => {
                let (value, length) = fast_float2::parse_partial::<f64, _>(rest).ok()?;
                ends_word(rest, length)?;
                values.push(value);
                Some(length)
            }
            Builder::Integer { values, guessed } => {
                if let Some((value, length)) = integer(rest) {
                    values.push(value);
                    return Some(length);
                }
                if !*guessed {
                    return None;
                }
                *self = Builder::Real(values.iter().map(|&value| value as f64).collect());
                self.push(rest)
            }
            Builder::Boolean(values) => {
                let word = word(rest);
                values.push(match word {
                    b"T" | b"True" | b"true" | b"TRUE" | b"1" => true,
                    b"F" | b"False" | b"false" | b"FALSE" | b"0" => false,
                    _ => return None,
                });
                Some(word.len())
            }
            Builder::Text(values) => {
                let word = word(rest);
                let text = std::str::from_utf8(word).ok()?;
                // Words are mostly the names of a few species: share them.
                let known = values
                    .iter()
                    .rev()
                    .take(4)
                    .find(|value| &***value == text)
                    .cloned();
                values.push(known.unwrap_or_else(|| text.into()));
                Some(word.len())
            }
            Builder::Undecided(rows) => {
                let rows = *rows;
                let number = fast_float2::parse_partial::<f64, _>(rest)
                    .ok()
                    .filter(|&(_, length)| ends_word(rest, length).is_some());
                *self = match (integer(rest), number) {
                    (Some(_), _) => Builder::Integer {
                        values: Vec::with_capacity(rows),
                        guessed: true,
                    },
                    (None, Some(_)) => Builder::new(Expect::Real, rows),
                    (None, None) => Builder::new(Expect::Text, rows),
                };
                self.push(rest)
            }
        }
    }

    fn finish(self) -> Values {
        match self {
            Builder::Undecided(_) => Values::Real(Vec::new()),
            Builder::Integer { values, .. } => Values::Integer(values),
            Builder::Real(values) => Values::Real(values),
            Builder::Boolean(values) => Values::Boolean(values),
            Builder::Text(values) => Values::Text(values),
        }
    }
}

#[inline]
fn skip_blanks(mut rest: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r', tail @ ..] = rest {
        rest = tail;
    }
    rest
}

#[inline]
fn ends_word(rest: &[u8], length: usize) -> Option<()> {
    matches!(rest.get(length), None | Some(b' ' | b'\n' | b'\t' | b'\r')).then_some(())
}

fn word(rest: &[u8]) -> &[u8] {
    let length = rest
        .iter()
        .position(|byte| byte.is_ascii_whitespace())
        .unwrap_or(rest.len());
    &rest[..length]
}

fn shown(word: &[u8]) -> String {
    String::from_utf8_lossy(word).chars().take(40).collect()
}

/// A whole number at the start of `rest` that ends there and fits 64 bits.
#[inline]
fn integer(rest: &[u8]) -> Option<(i64, usize)> {
    let (negative, sign) = match rest.first()? {
        b'-' => (true, 1),
        b'+' => (false, 1),
        _ => (false, 0),
    };
    let mut value: i64 = 0;
    let mut length = sign;
    while let Some(digit @ b'0'..=b'9') = rest.get(length) {
        // Accumulated below zero, so that the most negative number fits.
        value = value
            .checked_mul(10)?
            .checked_sub(i64::from(digit - b'0'))?;
        length += 1;
    }
    if length == sign {
        return None;
    }
    ends_word(rest, length)?;
    let value = if negative {
        value
    } else {
        value.checked_neg()?
    };
    Some((value, length))
}

fn unexpected(column: &Builder, name: &str, word: &[u8]) -> Error {
    let found = shown(word);
    let all_digits = word
        .iter()
        .enumerate()
        .all(|(at, byte)| byte.is_ascii_digit() || (at == 0 && *byte == b'-'));
    match column {
        Builder::Integer { .. } if all_digits => Error::new(format!(
            "column '{name}': {found} does not fit a 64-bit whole number"
        ))
        .help("renumber it below 2^63"),
        Builder::Integer { .. } => Error::new(format!(
            "column '{name}': expected a whole number, found '{found}'"
        ))
        .help("correct the line, or leave the frame out with --frames"),
        Builder::Boolean(_) => {
            Error::new(format!("column '{name}': expected T or F, found '{found}'"))
                .help("correct the line")
        }
        Builder::Text(_) => {
            Error::new(format!("column '{name}': '{found}' is not text")).help("correct the line")
        }
        _ => Error::new(format!(
            "column '{name}': expected a number, found '{found}'"
        ))
        .help("correct the line, or leave the frame out with --frames"),
    }
}
