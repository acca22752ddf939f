//! LAMMPS dumps: frames come back from a dump as they were, and numbers are those that the standard library reads.
#![no_main]

use std::collections::BTreeMap;

use hyalo::data::frame::{Coordinates, Frame, Values};
use hyalo::stream::Format;
use hyalo::stream::lammps_dump::{LammpsDump, type_column};
use hyalo::stream::write::encode;
use hyalo_fuzz::{bounds_agree, check_beginning, debug, frames, is_name_of, values_agree, whole};

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let frames = frames(LammpsDump::default, text);
    check_beginning(LammpsDump::default, text, &frames);
    if let Ok(text) = std::str::from_utf8(text) {
        check_numbers(text, &frames);
    }
    // A dump without a box is refused.
    let written = frames.iter().enumerate();
    let written = written.map(|(at, frame)| encode(Format::LammpsDump, frame, at == 0));
    let Ok(written) = written.collect::<Result<Vec<_>, _>>() else {
        return;
    };
    // Words between numbers may be the first row after sorting, and then be taken for a column of numbers.
    let is_mixed = |values: &Values| match values {
        Values::Text(words) => words.iter().any(|word| word.parse::<f64>().is_ok()),
        _ => false,
    };
    if (frames.iter().flat_map(|frame| &frame.columns)).any(|column| is_mixed(&column.values)) {
        return;
    }
    // What is called C has not been told its element. A unit style that comes late is not written.
    let is_untold = |frame: &Frame| frame.species.names.iter().all(|name| **name == *"C");
    let has_units = |frame: &Frame| frame.key("units").is_some();
    if frames.iter().any(is_untold)
        || frames
            .windows(2)
            .any(|pair| has_units(&pair[0]) != has_units(&pair[1]))
    {
        return;
    }
    let back = whole(LammpsDump::default(), &written.concat());
    assert_eq!(back.len(), frames.len());
    for (found, wanted) in back.into_iter().zip(frames) {
        check_same(found, wanted);
    }
});

/// Compares a frame with what a dump has made of it. Species that have a name get the number of a type, too.
fn check_same(mut found: Frame, mut wanted: Frame) {
    assert!(
        bounds_agree(&found.cell, &wanted.cell),
        "{:?} {:?}",
        found.cell,
        wanted.cell
    );
    found.cell = None;
    wanted.cell = None;
    wanted.unordered = false;
    // A type that LAMMPS would not take is kept under another name.
    let is_taken = type_column(&wanted).is_some();
    found.columns.retain(|column| column.name != "type");
    (wanted.columns).retain(|column| column.name != "type" || !is_taken);
    for (found, wanted) in found.columns.iter_mut().zip(&mut wanted.columns) {
        assert!(
            values_agree(&found.values, &wanted.values),
            "{found:?} {wanted:?}"
        );
        found.values = wanted.values.clone();
        // Velocities and forces go by one name.
        let alias = |name: &str| match name {
            "vel" | "velocities" => "velo".to_string(),
            "force" => "forces".to_string(),
            name => name.to_string(),
        };
        if is_name_of(&found.name, &alias(&wanted.name)) {
            wanted.name = found.name.clone();
        }
    }
    assert_eq!(debug(&found), debug(&wanted));
}

/// Reads ids and positions of frames that have `id x y z` the plain way.
fn check_numbers(text: &str, frames: &[Frame]) {
    let mut lines = text.lines();
    for frame in frames {
        let mut rows = 0usize;
        let names: Vec<&str> = loop {
            let line = lines.next().expect("a frame has atoms");
            let item = line.strip_prefix("ITEM:").map(str::trim);
            if item == Some("NUMBER OF ATOMS") {
                rows = lines
                    .next()
                    .expect("a number")
                    .trim()
                    .parse()
                    .expect("whole");
            } else if let Some(names) = item.and_then(|item| item.strip_prefix("ATOMS")) {
                break names.split_whitespace().collect();
            }
        };
        let place = |wanted: &str| names.iter().position(|name| *name == wanted);
        let places = [place("id"), place("x"), place("y"), place("z")];
        let rows: Vec<Vec<&str>> = (0..rows)
            .map(|_| {
                lines
                    .next()
                    .expect("a row")
                    .split_ascii_whitespace()
                    .collect()
            })
            .collect();
        let is_plain =
            places.iter().all(Option::is_some) && frame.coordinates != Coordinates::Unwrapped;
        if !is_plain {
            continue;
        }
        let [id, x, y, z] = places.map(Option::unwrap_or_default);
        let read: BTreeMap<i64, [u64; 3]> = (rows.iter())
            .map(|row| {
                let bits = |at: usize| row[at].parse::<f64>().expect("a number").to_bits();
                (row[id].parse().expect("whole"), [bits(x), bits(y), bits(z)])
            })
            .collect();
        assert!(read.keys().eq(&frame.ids));
        let positions = frame.positions.iter();
        assert!(read.values().copied().eq(
            positions.map(|position| { [position.x, position.y, position.z].map(f64::to_bits) })
        ));
    }
}
