//! LAMMPS data files: what the format has a place for comes back.
#![no_main]

use hyalo::data::frame::Coordinates;
use hyalo::stream::Format;
use hyalo::stream::lammps_data::{LammpsData, atom_styles, left_out};
use hyalo::stream::write::encode;
use hyalo_fuzz::{bounds_agree, debug, frames, values_agree, whole};

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    // The first byte may name an atom style, as --atom-style does; the rest is the file.
    let style = text
        .first()
        .and_then(|first| atom_styles().nth(usize::from(*first)));
    let text = match style {
        Some(_) => &text[1..],
        None => text,
    };
    let style = style.map(str::to_string);
    for frame in frames(|| LammpsData::new(style.clone()), text) {
        let written = encode(Format::LammpsData, &frame, true).expect("it has a cell");
        let found = whole(LammpsData::new(None), &written).remove(0);
        assert!(
            bounds_agree(&found.cell, &frame.cell),
            "{:?} {:?}",
            found.cell,
            frame.cell
        );
        assert_eq!(
            debug(&(&found.step, &found.ids, &found.positions, &found.diameters)),
            debug(&(&frame.step, &frame.ids, &frame.positions, &frame.diameters))
        );
        if frame.coordinates != Coordinates::Unwrapped {
            assert_eq!(found.coordinates, frame.coordinates);
        }
        let lost = left_out(&frame);
        if frame.masses.is_some() && !lost.contains(&"mass") {
            let (found, wanted) = (found.masses.iter().flatten(), frame.masses.iter().flatten());
            // A sphere's mass is stored as its density.
            let agree = |(a, b): (&f64, &f64)| {
                a == b || (a - b).abs() <= 1e-14 * b.abs() || frame.diameters.is_some()
            };
            assert!(
                found.clone().count() == frame.len() && found.zip(wanted).all(agree),
                "masses"
            );
        }
        for column in frame
            .columns
            .iter()
            .filter(|column| !lost.contains(&column.name.as_str()) && column.name != "type")
        {
            let same = found.column(&column.name);
            assert!(
                same.is_some_and(
                    |same| same.width == column.width && values_agree(&same.values, &column.values)
                ),
                "{column:?} {same:?}"
            );
        }
    }
});
