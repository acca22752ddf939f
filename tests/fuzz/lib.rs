//! What holds for whatever hyalo makes of arbitrary input: the oracles of the targets.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Cursor, Read, Write};
use std::sync::Arc;

use hyalo::data::cell::Cell;
use hyalo::data::frame::{Coordinates, Frame, Values};
use hyalo::error::{Error, Result};
use hyalo::stream::Format;
use hyalo::stream::bytes::Meter;
use hyalo::stream::lines::Lines;
use hyalo::stream::text_format::{self, RawFrames, TextFormat};
use hyalo::stream::write::encode;
use hyalo::stream::xyz::Xyz;

/// Memory, but no more than `MOST` at once: no input of a few kB needs that. libFuzzer sees to it only where there is a sanitizer.
struct Bounded;

const MOST: usize = 256 << 20;

unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check_size(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        check_size(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        check_size(size);
        unsafe { System.realloc(place, layout, size) }
    }
}

fn check_size(size: usize) {
    if size > MOST {
        _ = std::io::stderr().write_all(b"a single allocation is beyond the limit\n");
        std::process::abort();
    }
}

#[global_allocator]
static MEMORY: Bounded = Bounded;

/// An error is one line that says what to do.
pub fn check_error(error: &Error) {
    let text = error.to_string();
    assert_eq!(text.lines().count(), 1, "{text:?}");
    assert!(text.contains("; "), "no help: {text}");
}

/// Hands out an input as a slow pipe does: a few bytes at a time.
struct Pieces {
    text: Cursor<Vec<u8>>,
    size: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.size.min(buffer.len());
        self.text.read(&mut buffer[..size])
    }
}

/// The frames of a text up to the first error, and that. The text comes in pieces of `size` bytes.
fn read<F: TextFormat>(format: F, text: &[u8], size: usize) -> (Vec<Frame>, Option<Error>) {
    let meter = Arc::new(Meter::default());
    meter.leave_out_hash();
    let text = Cursor::new(text.to_vec());
    let lines = Lines::new(Box::new(Pieces { text, size }), meter);
    let mut frames = Vec::new();
    for raw in RawFrames::new(format, lines) {
        let parsed = raw.and_then(|raw| {
            let step = F::step(&raw.raw);
            let frame = text_format::parse::<F>(raw)?;
            assert_eq!(step, frame.step, "the step of a frame that is not parsed");
            Ok(frame)
        });
        match parsed {
            Ok(frame) => frames.push(frame),
            Err(error) => return (frames, Some(error)),
        }
    }
    (frames, None)
}

/// Reads a text, and checks what holds for all formats: frames are sound, do not hang on how the text comes in, and come back from extended
/// XYZ as they were. Errors say what to do.
pub fn frames<F: TextFormat>(new: impl Fn() -> F, text: &[u8]) -> Vec<Frame> {
    let (frames, error) = read(new(), text, usize::MAX);
    error.iter().for_each(check_error);
    frames.iter().for_each(check_sound);

    let third = text.len() / 3 + 1;
    let (again, error_again) = read(new(), text, third);
    assert_eq!(debug(&frames), debug(&again));
    let message = |error: &Option<Error>| error.as_ref().map(Error::to_string);
    assert_eq!(message(&error), message(&error_again));

    let texts: Result<Vec<_>> = frames
        .iter()
        .map(|frame| encode(Format::Xyz, frame, true))
        .collect();
    let text = texts.expect("extended XYZ holds everything").concat();
    let back = whole(Xyz::default(), &text);
    assert_eq!(back.len(), frames.len());
    for (found, frame) in back.iter().zip(&frames) {
        let found = Frame {
            cell: found.cell.as_ref().map(unsigned),
            ..found.clone()
        };
        assert_eq!(debug(&found), debug(&as_xyz(frame, &found)));
    }
    frames
}

/// Checks that frames do not hang on what follows them.
pub fn check_beginning<F: TextFormat>(new: impl Fn() -> F, text: &[u8], frames: &[Frame]) {
    let (earlier, _) = read(new(), &text[..text.len() - text.len() / 4], usize::MAX);
    assert_eq!(debug(&earlier), debug(&frames[..earlier.len()]));
}

/// What this program has written is read without an error.
pub fn whole<F: TextFormat>(format: F, text: &[u8]) -> Vec<Frame> {
    let (frames, error) = read(format, text, usize::MAX);
    if let Some(error) = error {
        panic!("{error}\n{}", String::from_utf8_lossy(text));
    }
    frames
}

/// The text of a value tells its bits, but for those of a NaN.
pub fn debug<T: std::fmt::Debug + ?Sized>(value: &T) -> String {
    format!("{value:?}")
}

/// A frame as extended XYZ holds it, which is `found` there: the order is that of ids, zeros of the origin have no sign, and names are as
/// [`is_name_of`] has it; those of keys likewise. A column that is the numbers that ASE needs is written anew.
fn as_xyz(frame: &Frame, found: &Frame) -> Frame {
    let mut frame = frame.clone();
    frame.unordered = false;
    frame.cell = frame.cell.as_ref().map(unsigned);
    if found.columns.len() < frame.columns.len() {
        frame.columns.retain(|column| column.name != "Z");
    }
    for (column, found) in frame.columns.iter_mut().zip(&found.columns) {
        if is_name_of(&found.name, &column.name) {
            column.name = found.name.clone();
        }
    }
    for ((key, _), (found, _)) in frame.keys.iter_mut().zip(&found.keys) {
        let rest = found.strip_prefix(&**key);
        if rest.is_some_and(|rest| rest.chars().all(|c| c == '_')) {
            *key = found.clone();
        }
    }
    frame
}

/// A cell without the signs of zeros in its origin.
fn unsigned(cell: &Cell) -> Cell {
    let edges = [0, 1, 2].map(|axis| cell.edge(axis));
    let origin = cell.origin().map(|value| value + 0.0);
    Cell::new(edges, origin, cell.periodic()).expect("it was one")
}

/// Whether a column is found under this name again: what a header is made of cannot be part of it, and one that is in use already or has a
/// meaning gets a `_` at its end.
pub fn is_name_of(found: &str, name: &str) -> bool {
    let special = |c: char| c.is_whitespace() || matches!(c, ':' | '"' | '\'' | '\\');
    let rest = found.strip_prefix(&*name.replace(special, "_"));
    rest.is_some_and(|rest| rest.chars().all(|c| c == '_'))
}

fn check_sound(frame: &Frame) {
    let count = frame.len();
    assert_eq!(frame.ids.len(), count);
    assert!(frame.ids.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(
        (frame.positions.iter().flatten())
            .chain(frame.diameters.iter().flatten())
            .chain(frame.masses.iter().flatten())
            .chain(&frame.time)
            .all(|value| value.is_finite())
    );
    for values in [&frame.diameters, &frame.masses].into_iter().flatten() {
        assert_eq!(values.len(), count);
    }
    if let Coordinates::Images(images) = &frame.coordinates {
        assert_eq!(images.len(), count);
    }
    for column in &frame.columns {
        assert!(column.width > 0);
        assert_eq!(column.values.len(), count * column.width, "{}", column.name);
    }

    let species = &frame.species;
    assert_eq!(species.of.len(), count);
    let mut in_use = vec![false; species.names.len()];
    species.of.iter().for_each(|&of| in_use[of as usize] = true);
    assert!(in_use.into_iter().all(|is_in_use| is_in_use));
    let mut names = species.names.clone();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]));

    if let Some(cell) = &frame.cell {
        let volume = cell.volume();
        assert!(volume > 0.0 && volume.is_finite());
        let fractional = [0.25, 0.5, 0.75].into();
        let there = cell.cartesian(&fractional);
        let reach = (0..3).map(|axis| cell.edge(axis).norm() + cell.origin()[axis].abs());
        let reach = reach.fold(0.0, f64::max);
        let back = cell.cartesian(&cell.fractional(&there));
        assert!((back - there).norm() <= 1e-6 * reach, "{cell:?}");
    }
}

/// Whether boxes agree to a few of the last digits of their bounds, which is all that a lower and an upper bound can tell.
pub fn bounds_agree(a: &Option<Cell>, b: &Option<Cell>) -> bool {
    let (Some(a), Some(b)) = (a, b) else {
        return a.is_none() && b.is_none();
    };
    let values = |cell: &Cell| {
        let (matrix, origin) = (*cell.matrix(), cell.origin());
        (matrix.iter().chain(origin.iter()))
            .copied()
            .collect::<Vec<f64>>()
    };
    let (a_values, b_values) = (values(a), values(b));
    let reach = a_values
        .iter()
        .fold(0.0_f64, |reach, value| reach.max(value.abs()));
    let is_close = |(x, y): (&f64, &f64)| (x - y).abs() <= 8.0 * f64::EPSILON * reach;
    a_values.iter().zip(&b_values).all(is_close) && a.periodic() == b.periodic()
}

/// Whether two columns hold the same numbers or words; whole numbers may have become real ones.
pub fn values_agree(a: &Values, b: &Values) -> bool {
    match (a.to_reals(), b.to_reals()) {
        (Some(a), Some(b)) => {
            let agree = |(x, y): (&f64, &f64)| x == y || x.is_nan() && y.is_nan();
            a.len() == b.len() && a.iter().zip(&b).all(agree)
        }
        _ => a == b,
    }
}
