//! Columns of numbers and words from a block of lines: the inner loop of every text format.

use std::sync::Arc;

use super::lines::Block;
use crate::data::frame::{Column, Values};
use crate::error::{Error, Result, beginning, listed};

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
    // A value takes two bytes at least. Where there are fewer, an error comes soon: memory is not taken for all columns at once.
    let values = rows.saturating_mul(total(fields));
    let room = if values > block.bytes.len() { 0 } else { rows };
    let builder = |field: &Field| Builder::new(field.expect, room * field.width);
    let mut columns: Vec<Builder> = fields.iter().map(builder).collect();
    let mut start = 0;
    let mut row = 0;
    while row < rows {
        if let Some(ends) = block.ends.get(row..row + LANES)
            && push_lines(&mut columns, fields, &block.bytes, start, ends).is_some()
        {
            start = ends[LANES - 1] + 1;
            row += LANES;
            continue;
        }
        // One line at a time: the last ones, and those in which a column is undecided, changes its type or is wrong.
        let counts = columns.iter_mut().zip(fields);
        counts.for_each(|(column, field)| column.truncate(row * field.width));
        for _ in 0..LANES.min(rows - row) {
            let line = block.first_line + row as u64;
            let rest = &block.bytes[start..];
            start += push_line(&mut columns, fields, rest).map_err(|error| error.at_line(line))?;
            row += 1;
        }
    }
    let named = |(field, builder): (&Field, Builder)| Column {
        name: field.name.clone(),
        width: field.width,
        values: builder.finish(),
    };
    Ok(fields.iter().zip(columns).map(named).collect())
}

/// Lines that are parsed together. A line is one long chain of dependent steps, each value beginning where the last one ended; several
/// chains at once keep the processor busy.
const LANES: usize = 4;

/// Takes the values of `LANES` lines, the first of which begins at `start`; `ends` are their ends. `None`, with some values taken, if
/// anything is out of the ordinary.
fn push_lines(
    columns: &mut [Builder],
    fields: &[Field],
    text: &[u8],
    start: usize,
    ends: &[usize],
) -> Option<()> {
    let mut cursors: [usize; LANES] = std::array::from_fn(|lane| match lane {
        0 => start,
        lane => ends[lane - 1] + 1,
    });
    for (column, field) in columns.iter_mut().zip(fields) {
        match column {
            Builder::Real(values) => match field.width {
                1 => take_lanes::<_, 1>(text, &mut cursors, values)?,
                3 => take_lanes::<_, 3>(text, &mut cursors, values)?,
                _ => return None,
            },
            Builder::Integer { values, .. } => match field.width {
                1 => take_lanes::<_, 1>(text, &mut cursors, values)?,
                3 => take_lanes::<_, 3>(text, &mut cursors, values)?,
                _ => return None,
            },
            _ => {
                for cursor in &mut cursors {
                    *cursor += column.push(&text[*cursor..], field.width).ok()?;
                }
            }
        }
    }
    // Blanks do not reach beyond a line, so a line that was too short has failed by now.
    let complete = |lane: usize| cursors[lane] + blanks(&text[cursors[lane]..]) == ends[lane];
    (0..LANES).all(complete).then_some(())
}

/// Takes a field of `WIDTH` values from each of `LANES` lines.
#[inline(always)]
fn take_lanes<T: Word, const WIDTH: usize>(
    text: &[u8],
    cursors: &mut [usize; LANES],
    values: &mut Vec<T>,
) -> Option<()> {
    let mut taken = [[T::default(); WIDTH]; LANES];
    for component in 0..WIDTH {
        for (cursor, taken) in cursors.iter_mut().zip(&mut taken) {
            let at = *cursor + blanks(&text[*cursor..]);
            let (value, length) = T::read(&text[at..])?;
            taken[component] = value;
            *cursor = at + length;
        }
    }
    values.extend_from_slice(taken.as_flattened());
    Some(())
}

/// Takes the values of the next line and returns its length.
fn push_line(columns: &mut [Builder], fields: &[Field], rest: &[u8]) -> Result<usize> {
    let mut at = 0;
    for (index, column) in columns.iter_mut().enumerate() {
        match column.push(&rest[at..], fields[index].width) {
            Ok(length) => at += length,
            Err((component, wrong)) => {
                return Err(unexpected(
                    column,
                    fields,
                    index,
                    component,
                    &rest[at + wrong..],
                ));
            }
        }
    }
    at += blanks(&rest[at..]);
    if rest.get(at) == Some(&b'\n') {
        return Ok(at + 1);
    }
    let what = format!(
        "the line goes on with '{}' after its {} values",
        shown(word(&rest[at..])),
        total(fields)
    );
    Err(Error::new(what).help("correct the line"))
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

    /// Takes `width` values from the start of `rest` and returns their length; else which one is not of this column's type, and where
    /// it stands.
    #[inline]
    fn push(&mut self, rest: &[u8], width: usize) -> std::result::Result<usize, (usize, usize)> {
        match self {
            Builder::Real(values) => take(rest, width, values),
            Builder::Integer { values, guessed } => {
                let before = values.len();
                let whole = take(rest, width, values);
                if whole.is_ok() || !*guessed {
                    return whole;
                }
                values.truncate(before);
                *self = Builder::Real(values.iter().map(|&value| value as f64).collect());
                self.push(rest, width)
            }
            Builder::Boolean(values) => take(rest, width, values),
            Builder::Text(values) => {
                let mut at = 0;
                for component in 0..width {
                    at += blanks(&rest[at..]);
                    let word = word(&rest[at..]);
                    let text = std::str::from_utf8(word)
                        .ok()
                        .filter(|text| !text.is_empty());
                    let text = text.ok_or((component, at))?;
                    // Words are mostly the names of a few species: share them.
                    let known = values.iter().rev().take(4).find(|value| &***value == text);
                    values.push(known.cloned().unwrap_or_else(|| text.into()));
                    at += word.len();
                }
                Ok(at)
            }
            Builder::Undecided(capacity) => {
                let first = skip_blanks(rest);
                let expect = match (integer(first), real_at(first)) {
                    (Some(_), _) => Expect::Integer,
                    (None, Some(_)) => Expect::Real,
                    (None, None) => Expect::Text,
                };
                *self = Builder::new(expect, *capacity);
                if let Builder::Integer { guessed, .. } = self {
                    *guessed = true;
                }
                self.push(rest, width)
            }
        }
    }

    /// Keeps the first `count` values.
    fn truncate(&mut self, count: usize) {
        match self {
            Builder::Undecided(_) => {}
            Builder::Integer { values, .. } => values.truncate(count),
            Builder::Real(values) => values.truncate(count),
            Builder::Boolean(values) => values.truncate(count),
            Builder::Text(values) => values.truncate(count),
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

/// A type of value that is written as one word.
trait Word: Copy + Default {
    /// The value at the start of `rest`, which has to end there, and its length.
    fn read(rest: &[u8]) -> Option<(Self, usize)>;
}

impl Word for f64 {
    #[inline(always)]
    fn read(rest: &[u8]) -> Option<(Self, usize)> {
        real_at(rest)
    }
}

impl Word for i64 {
    #[inline(always)]
    fn read(rest: &[u8]) -> Option<(Self, usize)> {
        integer(rest)
    }
}

impl Word for bool {
    fn read(rest: &[u8]) -> Option<(Self, usize)> {
        boolean_at(rest)
    }
}

/// Takes `width` values, each after blanks.
#[inline(always)]
fn take<T: Word>(
    rest: &[u8],
    width: usize,
    values: &mut Vec<T>,
) -> std::result::Result<usize, (usize, usize)> {
    let mut at = 0;
    for component in 0..width {
        at += blanks(&rest[at..]);
        let (value, length) = T::read(&rest[at..]).ok_or((component, at))?;
        values.push(value);
        at += length;
    }
    Ok(at)
}

#[inline(always)]
fn blanks(rest: &[u8]) -> usize {
    let mut count = 0;
    while let Some(b' ' | b'\t' | b'\r') = rest.get(count) {
        count += 1;
    }
    count
}

#[inline(always)]
fn skip_blanks(rest: &[u8]) -> &[u8] {
    &rest[blanks(rest)..]
}

#[inline(always)]
fn ends_word(rest: &[u8], length: usize) -> bool {
    rest.get(length)
        .is_none_or(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

fn boolean_at(rest: &[u8]) -> Option<(bool, usize)> {
    let word = word(rest);
    let value = match word {
        b"T" | b"True" | b"true" | b"TRUE" | b"1" => true,
        b"F" | b"False" | b"false" | b"FALSE" | b"0" => false,
        _ => return None,
    };
    Some((value, word.len()))
}

fn word(rest: &[u8]) -> &[u8] {
    let length = rest
        .iter()
        .position(|byte| byte.is_ascii_whitespace())
        .unwrap_or(rest.len());
    &rest[..length]
}

fn shown(word: &[u8]) -> String {
    beginning(&String::from_utf8_lossy(word))
}

/// A whole number at the start of `rest` that ends there and fits 64 bits.
#[inline(always)]
fn integer(rest: &[u8]) -> Option<(i64, usize)> {
    // Types and image flags are mostly of one digit.
    if let [digit @ b'0'..=b'9', b' ' | b'\n', ..] = rest {
        return Some((i64::from(digit - b'0'), 1));
    }
    let negative = rest.first() == Some(&b'-');
    let start = usize::from(negative || rest.first() == Some(&b'+'));
    let (value, end) = digits(rest, start, 0);
    if end == start || !ends_word(rest, end) {
        return None;
    }
    if end - start <= 18 {
        let value = value as i64;
        return Some((if negative { -value } else { value }, end));
    }
    let text = std::str::from_utf8(&rest[..end]).ok()?;
    text.parse().ok().map(|value| (value, end))
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
        let names = fields.iter().map(|field| field.name.as_str());
        let what = format!(
            "the line has {found} values where {} belong ({})",
            total(fields),
            listed(names, " ")
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
#[inline(always)]
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
    if count > 0 && count <= 19 && mantissa < 1 << 53 && ends_word(rest, end) {
        let value = mantissa as f64 / POWERS_OF_TEN[decimals];
        // The sign is as good as random, so there is no branch on it.
        let sign = f64::from_bits(u64::from(negative) << 63);
        return Some((value.copysign(sign), end));
    }
    general(rest)
}

#[cold]
#[inline(never)]
fn general(rest: &[u8]) -> Option<(f64, usize)> {
    let (value, length) = fast_float2::parse_partial::<f64, _>(rest).ok()?;
    ends_word(rest, length).then_some((value, length))
}

/// Appends the digits from `at` on to a whole number (modulo 2^64), and tells where they end. Eight bytes at a time.
#[inline(always)]
fn digits(rest: &[u8], mut at: usize, mut value: u64) -> (u64, usize) {
    const POWERS: [u64; 9] = [
        1,
        10,
        100,
        1_000,
        10_000,
        100_000,
        1_000_000,
        10_000_000,
        100_000_000,
    ];
    while let Some(chunk) = rest.get(at..at + 8) {
        let (eight, count) =
            leading_digits(u64::from_le_bytes(chunk.try_into().expect("eight bytes")));
        value = value.wrapping_mul(POWERS[count]).wrapping_add(eight);
        at += count;
        if count < 8 {
            return (value, at);
        }
    }
    while let Some(digit @ b'0'..=b'9') = rest.get(at) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        at += 1;
    }
    (value, at)
}

/// The number that the leading digits among eight bytes of text make, and how many they are; the first byte is the lowest.
#[inline(always)]
fn leading_digits(bytes: u64) -> (u64, usize) {
    let values = bytes ^ 0x3030_3030_3030_3030;
    // The high bit of a byte tells that it is above 9. A carry spoils only what follows such a byte.
    let others = (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080;
    let count = (others.trailing_zeros() / 8) as usize;
    // Digits move to the end, so that zeros lead (in two steps: no digit at all is a shift by 64); then neighbours are joined to pairs, pairs
    // to fours, fours to eight.
    let half = 4 * (8 - count);
    let ones = (values << half) << half;
    let pairs = (ones.wrapping_mul(10) + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let eight = (fours.wrapping_mul(10_000) + (fours >> 32)) & 0xffff_ffff;
    (eight, count)
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
        fn leading_digits_are_a_number(bytes in "[0-9]{0,8}[ -~]{8}") {
            let eight = &bytes[..8];
            let count = eight.bytes().take_while(u8::is_ascii_digit).count();
            let expected = (eight[..count].parse().unwrap_or(0), count);
            prop_assert_eq!(leading_digits(u64::from_le_bytes(eight.as_bytes().try_into().unwrap())), expected);
        }

        #[test]
        fn bytes_that_are_no_text_end_a_number(bytes in any::<[u8; 8]>()) {
            let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
            prop_assert_eq!(leading_digits(u64::from_le_bytes(bytes)).1, count);
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
