//! Columns of numbers and words from a block of lines: the inner loop of every text format.

use std::sync::Arc;

use super::lines::Block;
use crate::data::frame::{Column, Values};
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

/// One or more neighbouring values of every line that belong together.
#[derive(Clone, Debug)]
pub struct Field {
    /// Name of the column that is made of them.
    pub name: String,
    /// Their type.
    pub expect: Expect,
    /// How many they are.
    pub width: usize,
}

impl Field {
    /// A field of a single value.
    pub fn single(name: &str, expect: Expect) -> Self {
        Field {
            name: name.to_string(),
            expect,
            width: 1,
        }
    }

    /// A field of three real numbers.
    pub fn vector(name: &str) -> Self {
        Field {
            name: name.to_string(),
            expect: Expect::Real,
            width: 3,
        }
    }
}

/// Parses a block into columns; every line has the values of each field in order, separated by blanks.
///
/// Errors, each with its line: too few or too many values, a word where a number belongs, a number beyond 64 bits.
pub fn parse(block: &Block, rows: usize, fields: &[Field]) -> Result<Vec<Column>> {
    let builder = |field: &Field| Builder::new(field.expect, rows * field.width);
    let mut columns: Vec<Builder> = fields.iter().map(builder).collect();
    let mut rest = &block.bytes[..];
    for row in 0..rows {
        for (index, column) in columns.iter_mut().enumerate() {
            for component in 0..fields[index].width {
                rest = skip_blanks(rest);
                let Some(length) = column.push(rest) else {
                    return Err(unexpected(column, fields, index, component, rest)
                        .at_line(block.first_line + row as u64));
                };
                rest = &rest[length..];
            }
        }
        rest = skip_blanks(rest);
        match rest {
            [b'\n', tail @ ..] => rest = tail,
            _ => {
                let what = format!(
                    "the line goes on with '{}' after its {} values",
                    shown(word(rest)),
                    total(fields)
                );
                return Err(Error::new(what)
                    .help("correct the line")
                    .at_line(block.first_line + row as u64));
            }
        }
    }
    let named = |(field, builder): (&Field, Builder)| Column {
        name: field.name.clone(),
        width: field.width,
        values: builder.finish(),
    };
    Ok(fields.iter().zip(columns).map(named).collect())
}

fn total(fields: &[Field]) -> usize {
    fields.iter().map(|field| field.width).sum()
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
                let (value, length) = real_at(rest)?;
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
                let number = real_at(rest);
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

/// What is wrong with the value at the start of `rest`, component `component` of field `index`.
fn unexpected(
    column: &Builder,
    fields: &[Field],
    index: usize,
    component: usize,
    rest: &[u8],
) -> Error {
    if let [b'\n', ..] | [] = rest {
        let found = total(&fields[..index]) + component;
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        let what = format!(
            "the line has {found} values where {} belong ({})",
            total(fields),
            names.join(" ")
        );
        return Error::new(what).help("correct the line");
    }
    let field = &fields[index];
    let name = match field.width {
        1 => format!("'{}'", field.name),
        width => format!("'{}' ({} of {width})", field.name, component + 1),
    };
    let word = word(rest);
    let found = shown(word);
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    let help = "correct the line, or leave the frame out with --frames";
    match column {
        Builder::Integer { .. } if digits.iter().all(u8::is_ascii_digit) => Error::new(format!(
            "column {name}: {found} does not fit a 64-bit whole number"
        ))
        .help("renumber it below 2^63"),
        Builder::Integer { .. } => Error::new(format!(
            "column {name}: expected a whole number, found '{found}'"
        ))
        .help(help),
        Builder::Boolean(_) => {
            Error::new(format!("column {name}: expected T or F, found '{found}'")).help(help)
        }
        Builder::Text(_) => Error::new(format!("column {name}: '{found}' is not text")).help(help),
        _ => Error::new(format!("column {name}: expected a number, found '{found}'")).help(help),
    }
}

/// Powers of ten that are exact in double precision.
const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// A real number at the start of `rest` that ends there, correctly rounded.
///
/// Plain decimals of up to 15 or 16 digits are a whole number below 2^53 over a power of ten up to 10^22, both exact, so that one division
/// rounds correctly (Clinger, doi:10.1145/93548.93557); all others go to the general algorithm.
#[inline]
fn real_at(rest: &[u8]) -> Option<(f64, usize)> {
    let negative = rest.first() == Some(&b'-');
    let start = usize::from(negative);
    let (whole, after_whole) = digits(rest, start, 0);
    let (mantissa, end, decimals) = match rest.get(after_whole) {
        Some(b'.') => {
            let (mantissa, end) = digits(rest, after_whole + 1, whole);
            (mantissa, end, end - after_whole - 1)
        }
        _ => (whole, after_whole, 0),
    };
    let count = after_whole - start + decimals;
    // 19 digits fit 64 bits, so that the mantissa cannot have wrapped round.
    if count > 0 && count <= 19 && mantissa < 1 << 53 && ends_word(rest, end).is_some() {
        let value = mantissa as f64 / POWERS_OF_TEN[decimals];
        return Some((if negative { -value } else { value }, end));
    }
    let (value, length) = fast_float2::parse_partial::<f64, _>(rest).ok()?;
    ends_word(rest, length)?;
    Some((value, length))
}

/// Appends the digits from `at` on to a whole number (modulo 2^64), and tells where they end.
#[inline]
fn digits(rest: &[u8], mut at: usize, mut value: u64) -> (u64, usize) {
    while let Some(chunk) = rest.get(at..at + 8) {
        let Some(eight) = eight_digits(u64::from_le_bytes(chunk.try_into().expect("eight bytes")))
        else {
            break;
        };
        value = value.wrapping_mul(100_000_000).wrapping_add(eight);
        at += 8;
    }
    while let Some(digit @ b'0'..=b'9') = rest.get(at) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        at += 1;
    }
    (value, at)
}

/// The value of eight ASCII digits, the first in the lowest byte; `None` if one of them is no digit.
#[inline]
fn eight_digits(bytes: u64) -> Option<u64> {
    const SIXES: u64 = 0x0606_0606_0606_0606;
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    if (bytes & HIGH) | ((bytes.wrapping_add(SIXES) & HIGH) >> 4) != ZEROS | (ZEROS >> 4) {
        return None;
    }
    // Neighbours are joined to pairs, pairs to fours, fours to eight.
    let ones = bytes - ZEROS;
    let pairs = (ones.wrapping_mul(10) + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours.wrapping_mul(10_000) + (fours >> 32)) & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Option<f64> {
        real_at(format!("{text} ").as_bytes()).map(|(value, length)| {
            assert_eq!(length, text.len());
            value
        })
    }

    proptest! {
        #[test]
        fn numbers_equal_the_standard_library(whole in "[0-9]{0,12}", decimals in "[0-9]{0,22}", sign in "-?", exponent in "(e[-+]?[0-9]{1,3})?") {
            let text = format!("{sign}{whole}.{decimals}{exponent}");
            if let Ok(value) = text.parse::<f64>() {
                prop_assert_eq!(parsed(&text).map(f64::to_bits), Some(value.to_bits()), "{}", text);
            }
        }

        #[test]
        fn every_double_comes_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            if value.is_finite() {
                prop_assert_eq!(parsed(&format!("{value}")).map(f64::to_bits), Some(bits));
                prop_assert_eq!(parsed(&format!("{value:e}")).map(f64::to_bits), Some(bits));
            }
        }

        #[test]
        fn eight_bytes_are_digits_or_not(bytes in "[ -~]{8}") {
            let packed = u64::from_le_bytes(bytes.as_bytes().try_into().unwrap());
            let expected = bytes.bytes().all(|byte| byte.is_ascii_digit()).then(|| bytes.parse().unwrap());
            prop_assert_eq!(eight_digits(packed), expected);
        }

        #[test]
        fn eight_digits_are_their_number(number in 0u64..100_000_000) {
            let text = format!("{number:08}");
            prop_assert_eq!(eight_digits(u64::from_le_bytes(text.as_bytes().try_into().unwrap())), Some(number));
        }

        #[test]
        fn whole_numbers_equal_the_standard_library(text in "[-+]?[0-9]{1,21}") {
            prop_assert_eq!(integer(text.as_bytes()).map(|(value, _)| value), text.parse::<i64>().ok());
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "", "-", ".", "-.", "1.2.3", "1,5", "x", "1e", "0x10", "1_000",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
