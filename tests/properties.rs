//! Random frames through the writers and readers of the native formats, random damage through the readers, and the numerics on random input.
//!
//! Extended XYZ gives back everything, bit by bit. What the others have no place for, and so what the tests leave out or expect:
//!
//! - A LAMMPS dump has no keys but `units` and `boundary`, writes true and false as 1 and 0, does not tell words from numbers by the
//!   column's type, has the element C for whatever nobody named, and stores the upper bound of a box in place of its length: an edge may
//!   come back with another last digit of that bound.
//! - A LAMMPS data file holds besides the columns of its atom style velocities and one mass a type; its box is as that of a dump, and
//!   periodic all round. Unwrapped positions come back with image flags of zero.

mod numerics;

use std::io::Write;
use std::sync::Arc;

use nalgebra::Vector3;
use proptest::prelude::*;
use proptest::sample::Index;

use hyalo::data::cell::Cell;
use hyalo::data::frame::{Column, Coordinates, Frame, Species, Values};
use hyalo::error::Result;
use hyalo::stream::attach::Attachments;
use hyalo::stream::bytes::Input;
use hyalo::stream::parallel::Workers;
use hyalo::stream::select::FrameRange;
use hyalo::stream::unwrap::Unwrap;
use hyalo::stream::write::encode;
use hyalo::stream::{self, Format, Options};

const NATIVE: [Format; 3] = [Format::LammpsDump, Format::LammpsData, Format::Xyz];

/// The frames that a text holds, up to the first error.
fn read(text: &[u8], format: Format) -> Vec<Result<Frame>> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text).unwrap();
    let options = Options {
        format: Some(format),
        atom_style: None,
        frames: FrameRange::ALL,
        reference: None,
        partial: false,
        species: Vec::new(),
        attachments: Attachments::default(),
        unwrap: Unwrap::None,
        without_hash: true,
    };
    let input = Input::File(file.path().to_owned());
    match stream::open(&input, &options, Workers::new(1).unwrap()) {
        Ok(trajectory) => trajectory.frames.collect(),
        Err(error) => vec![Err(error)],
    }
}

/// Writes frames and reads them again.
fn there_and_back(frames: &[Frame], format: Format) -> Vec<Frame> {
    let texts = frames
        .iter()
        .enumerate()
        .map(|(at, frame)| encode(format, frame, at == 0).unwrap());
    let text = texts.collect::<Vec<_>>().concat();
    let read: Result<Vec<Frame>> = read(&text, format).into_iter().collect();
    read.unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(&text)))
}

/// Compares two frames to the bit: the text of a float tells its bits but for those of a NaN. The cells are compared apart.
fn assert_same(mut found: Frame, mut wanted: Frame, cells: impl Fn(&Cell, &Cell) -> bool) {
    let (a, b) = (found.cell.take(), wanted.cell.take());
    let same = match (&a, &b) {
        (Some(a), Some(b)) => cells(a, b) && a.periodic() == b.periodic(),
        (None, None) => true,
        _ => false,
    };
    assert!(same, "{a:?}\n{b:?}");
    let (found, wanted) = (format!("{found:?}"), format!("{wanted:?}"));
    assert!(found == wanted, "found {found}\nwanted {wanted}");
}

/// Whether boxes agree to a few of the last digits of their bounds, which is all that a lower and an upper bound can tell.
fn bounds_agree(a: &Cell, b: &Cell) -> bool {
    let reach = a
        .matrix()
        .iter()
        .chain(a.origin().iter())
        .fold(0.0_f64, |reach, value| reach.max(value.abs()));
    let close = |x: f64, y: f64| (x - y).abs() <= 8.0 * f64::EPSILON * reach;
    a.matrix()
        .iter()
        .zip(b.matrix())
        .all(|(x, y)| close(*x, *y))
        && a.origin()
            .iter()
            .zip(&b.origin())
            .all(|(x, y)| close(*x, *y))
}

/// Any finite number: zeros of both signs, subnormal, tiny and huge ones, and such as people write.
fn finite() -> impl Strategy<Value = f64> {
    use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    prop_oneof![
        POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO,
        (-1_000_000i32..1_000_000).prop_map(|value| f64::from(value) / 1000.0),
        -100.0..100.0,
        (-9i64..9).prop_map(|value| (i64::MAX + value.min(0)) as f64),
        Just(f64::MAX),
        Just(f64::MIN_POSITIVE),
        Just(5e-324),
        Just(-0.0),
    ]
}

fn real() -> impl Strategy<Value = f64> {
    prop_oneof![9 => finite(), 1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)]]
}

/// Numbers that can be halved and doubled without loss, as diameters are.
fn size() -> impl Strategy<Value = f64> {
    prop_oneof![0.1..10.0, 1e-290..1e290, Just(0.0)]
}

fn whole() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), -9i64..9, Just(i64::MIN), Just(i64::MAX)]
}

fn cell() -> impl Strategy<Value = Cell> {
    let length = || prop_oneof![0.5..50.0, 1e-8..1e-6, 1e6..1e8];
    let scale = prop_oneof![Just(1.0), Just(1e-40), Just(1e40)];
    let origin = prop_oneof![Just([0.0; 3]), prop::array::uniform3(-1e3..1e3)];
    let entries = prop::array::uniform9(-1.0..1.0f64);
    (
        0..3,
        prop::array::uniform3(length()),
        entries,
        origin,
        any::<[bool; 3]>(),
        scale,
    )
        .prop_filter_map(
            "edges that lie in a plane",
            |(kind, [x, y, z], m, origin, periodic, scale)| {
                let edges = match kind {
                    0 => [[x, 0.0, 0.0], [0.0, y, 0.0], [0.0, 0.0, z]],
                    1 => [[x, 0.0, 0.0], [x * m[0], y, 0.0], [x * m[1], y * m[2], z]],
                    _ => [[m[0], m[1], m[2]], [m[3], m[4], m[5]], [m[6], m[7], m[8]]]
                        .map(|edge| edge.map(|value| value * x)),
                };
                let edges = edges.map(|edge| Vector3::from(edge) * scale);
                Cell::new(edges, Vector3::from(origin) * scale, periodic).ok()
            },
        )
}

fn values(kind: u8, count: usize) -> BoxedStrategy<Values> {
    // A dump takes what looks like a number, such as nan, for one.
    let word = "[A-HJ-MO-Za-hj-mo-z\u{e4}\u{3b1}][!-~\u{e4}\u{2003}]{0,4}";
    match kind {
        0 => prop::collection::vec(real(), count)
            .prop_map(Values::Real)
            .boxed(),
        1 => prop::collection::vec(whole(), count)
            .prop_map(Values::Integer)
            .boxed(),
        2 => prop::collection::vec(word.prop_map(Arc::from), count)
            .prop_map(Values::Text)
            .boxed(),
        _ => prop::collection::vec(any::<bool>(), count)
            .prop_map(Values::Boolean)
            .boxed(),
    }
}

/// A column for `count` particles; `index` makes its name its own.
fn column(index: usize, count: usize, in_dump: bool) -> impl Strategy<Value = Column> {
    let name = "[!-~\u{e4}\u{3b1}]{0,4}";
    let kinds = prop_oneof![Just(None), (1..4usize).prop_map(Some)];
    (name, kinds, 0..4u8).prop_flat_map(move |(name, width, kind)| {
        let width = match (width, kind) {
            (None, 0) if index == 0 => 3,
            // The words of a dump stay single columns.
            (Some(width), kind) if kind != 2 || !in_dump => width,
            _ => 1,
        };
        let name = match (kind, in_dump) {
            (0, _) if width == 3 && index == 0 => "velo".to_string(),
            (0, _) => format!("c_{index}{name}"),
            _ => format!("i_{index}{name}"),
        };
        values(kind, width * count).prop_map(move |values| Column {
            name: name.replace([':', '"', '\'', '\\'], "_"),
            width,
            values,
        })
    })
}

fn labels(count: usize) -> impl Strategy<Value = Vec<String>> {
    let numbers = prop::collection::vec((1..5).prop_map(|kind: i32| kind.to_string()), count);
    let words = prop_oneof![
        "[ABD-Z][a-z]?|C[a-z]",
        Just("7".to_string()),
        Just("01".to_string()),
        Just("\u{3b1}-{x}=\"#\"".to_string())
    ];
    prop_oneof![numbers, prop::collection::vec(words, count)]
}

/// A frame with whatever extended XYZ can hold.
fn frame(count: usize, in_dump: bool) -> impl Strategy<Value = Frame> {
    let image = prop_oneof![any::<i32>(), -2..3];
    let particles = (
        prop::collection::btree_set(whole(), count),
        labels(count),
        prop::collection::vec(prop::array::uniform3(finite()), count),
        prop::option::of(prop::collection::vec(prop::array::uniform3(image), count)),
        prop::option::of(prop::collection::vec(size(), count)),
        prop::option::of(prop::collection::vec(size(), count)),
        (0..4usize).prop_flat_map(move |columns| {
            (0..columns)
                .map(|index| column(index, count, in_dump))
                .collect::<Vec<_>>()
        }),
    );
    let whole_frame = (
        prop::option::of(cell()),
        prop::option::of(whole()),
        prop::option::of(finite()),
        prop::collection::btree_map(".{0,6}", ".{0,8}", 0..4),
        any::<bool>(),
    );
    (particles, whole_frame).prop_map(
        |(
            (ids, labels, positions, images, diameters, masses, columns),
            (cell, step, time, keys, unwrapped),
        )| {
            // These have a meaning of their own.
            const RESERVED: [&str; 11] = [
                "Lattice",
                "Origin",
                "pbc",
                "Properties",
                "unwrapped",
                "Timestep",
                "timestep",
                "Step",
                "step",
                "Time",
                "time",
            ];
            Frame {
                step,
                time,
                cell,
                ids: ids.into_iter().collect(),
                species: Species::from_labels(&labels),
                positions: positions.into_iter().map(Vector3::from).collect(),
                coordinates: match images {
                    Some(images) => Coordinates::Images(images),
                    None if unwrapped => Coordinates::Unwrapped,
                    None => Coordinates::Unknown,
                },
                diameters,
                masses,
                columns,
                keys: keys
                    .into_iter()
                    .filter(|(key, _)| {
                        !RESERVED.contains(&key.as_str())
                            && !key.eq_ignore_ascii_case("temperature")
                    })
                    .collect(),
                ..Frame::default()
            }
        },
    )
}

fn frames(particles: std::ops::Range<usize>, in_dump: bool) -> impl Strategy<Value = Vec<Frame>> {
    let one = particles.prop_flat_map(move |count| frame(count, in_dump));
    prop::collection::vec(one, 1..3).prop_map(|mut frames| {
        frames
            .iter_mut()
            .enumerate()
            .for_each(|(at, frame)| frame.ordinal = at);
        frames
    })
}

fn periodic(cell: &Cell) -> Cell {
    let edges = [0, 1, 2].map(|axis| cell.edge(axis));
    Cell::new(edges, cell.origin(), [true; 3]).unwrap()
}

fn whole_column(name: &str, values: Vec<i64>) -> Column {
    Column {
        name: name.to_string(),
        width: 1,
        values: Values::Integer(values),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn extended_xyz_gives_back_everything(frames in frames(0..8, false)) {
        let back = there_and_back(&frames, Format::Xyz);
        prop_assert_eq!(back.len(), frames.len());
        for (found, wanted) in back.into_iter().zip(frames) {
            assert_same(found, wanted, |a, b| a == b);
        }
    }

    #[test]
    fn dumps_give_back_all_that_they_hold(mut frames in frames(1..8, true), any_cell in cell(), units in prop::option::of("[a-z]{1,8}")) {
        for frame in &mut frames {
            frame.keys = units.iter().map(|units| ("units".to_string(), units.clone())).collect();
            frame.cell.get_or_insert(any_cell.clone());
            frame.step.get_or_insert(frame.ordinal as i64);
        }
        let back = there_and_back(&frames, Format::LammpsDump);
        prop_assert_eq!(back.len(), frames.len());
        for (found, mut wanted) in back.into_iter().zip(frames) {
            for column in &mut wanted.columns {
                if let Values::Boolean(values) = &column.values {
                    column.values = Values::Integer(values.iter().map(|&value| i64::from(value)).collect());
                }
            }
            // Species with names get a number beside it.
            let names = &wanted.species.names;
            if names.iter().any(|name| name.parse::<i64>().map_or("", |_| name) != &**name || name.starts_with('0')) {
                let numbers = wanted.species.of.iter().map(|&index| i64::from(index) + 1);
                wanted.columns.insert(0, whole_column("type", numbers.collect()));
            }
            assert_same(found, wanted, |a, b| match a.is_restricted() {
                true => bounds_agree(a, b),
                false => a == b,
            });
        }
    }

    #[test]
    fn data_files_give_back_all_that_they_hold(
        mut wanted in (1..8usize).prop_flat_map(|count| frame(count, true)),
        any_cell in cell(),
        units in prop::option::of("[a-z]{1,8}"),
        (has_molecules, has_charges, has_velocities) in any::<(bool, bool, bool)>(),
        numbers in prop::collection::vec(whole(), 8),
        reals in prop::collection::vec(real(), 24),
        densities in prop::collection::vec(0.1..10.0, 8),
    ) {
        let count = wanted.len();
        wanted.cell = Some(periodic(wanted.cell.as_ref().unwrap_or(&any_cell)));
        wanted.time = None;
        wanted.keys = units.map(|units| ("units".to_string(), units)).into_iter().collect();
        wanted.columns.clear();
        if has_molecules {
            wanted.columns.push(whole_column("mol", numbers[..count].to_vec()));
        }
        let spheres = wanted.diameters.is_some();
        if spheres {
            wanted.diameters = Some(densities.iter().map(|density| density / 7.0).take(count).collect());
            wanted.columns.push(Column::real("density", 1, densities[..count].to_vec()));
        } else if has_charges {
            wanted.columns.push(Column::real("q", 1, reals[..count].to_vec()));
        }
        // A mass for each species, by which the file also holds their names.
        let types: Vec<i64> = wanted.species.of.iter().map(|&index| i64::from(index) + 1).collect();
        let mass = |index: &u32| 1.0 + f64::from(*index) / 3.0;
        wanted.masses = match spheres {
            true => None,
            false => wanted.masses.map(|_| wanted.species.of.iter().map(mass).collect()),
        };
        let is_numbered = (1..).zip(&wanted.species.names).all(|(number, name)| **name == *format!("{number}"));
        if wanted.masses.is_none() {
            wanted.species = Species::from_types(&types);
        } else if !is_numbered {
            wanted.columns.push(whole_column("type", types));
        }
        if has_velocities {
            wanted.columns.push(Column::real("velo", 3, reals[..3 * count].to_vec()));
        }
        let found = there_and_back(std::slice::from_ref(&wanted), Format::LammpsData).remove(0);
        if wanted.coordinates == Coordinates::Unwrapped {
            wanted.coordinates = Coordinates::Images(vec![[0; 3]; count]);
        }
        if spheres {
            let diameters = wanted.diameters.iter().flatten();
            wanted.masses = Some(diameters.zip(&densities).map(|(diameter, density)| density * std::f64::consts::FRAC_PI_6 * diameter.powi(3)).collect());
        }
        assert_same(found, wanted, |a, b| match a.is_restricted() {
            true => bounds_agree(a, b),
            false => a == b,
        });
    }
}

/// Whole files to be damaged: the protocol's good ones, which have a bit of everything.
fn seeds(format: Format) -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protocol/good");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.retain(|path| Format::from_path(path).0 == Some(format));
    let before_line = |content: Vec<u8>| {
        let text = String::from_utf8(content).unwrap();
        text.split_once("---\n").unwrap().0.as_bytes().to_vec()
    };
    paths
        .into_iter()
        .map(|path| before_line(std::fs::read(path).unwrap()))
        .collect()
}

#[derive(Clone, Debug)]
enum Damage {
    Byte(Index, u8),
    Insert(Index, &'static str),
    Word(Index, &'static str),
    Remove(Index, usize),
    Repeat(Index, usize),
}

const STRANGE: [&str; 40] = [
    "0",
    "-1",
    "1e999",
    "nan",
    "-inf",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "4294967296",
    "1e308",
    "-1e-320",
    "",
    " ",
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    "\u{c}",
    "\u{a0}",
    "\u{feff}",
    "\u{0}",
    "[",
    "]",
    "\"",
    "\\",
    "{",
    "=",
    ":",
    "#",
    "ITEM: ATOMS",
    "ITEM: ATOMS id id x x y y z z xs ys zs ix iy iz",
    "Atoms",
    "Velocities",
    "Properties=",
    "Lattice=\"",
    "pos:R:3",
    "id:I:2",
    "type",
    "2147483648",
];

fn damage() -> impl Strategy<Value = Damage> {
    let strange = || prop::sample::select(&STRANGE[..]);
    prop_oneof![
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        1 => (any::<Index>(), strange()).prop_map(|(at, text)| Damage::Insert(at, text)),
        3 => (any::<Index>(), strange()).prop_map(|(at, text)| Damage::Word(at, text)),
        1 => (any::<Index>(), 1..40usize).prop_map(|(at, count)| Damage::Remove(at, count)),
        1 => (any::<Index>(), 1..40usize).prop_map(|(at, count)| Damage::Repeat(at, count)),
    ]
}

fn damaged(mut text: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        if text.is_empty() {
            break;
        }
        let place = |at: &Index| at.index(text.len());
        match damage {
            Damage::Byte(at, byte) => {
                let at = place(at);
                text[at] = *byte;
            }
            Damage::Insert(at, new) => {
                let at = place(at);
                text.splice(at..at, new.bytes());
            }
            Damage::Word(at, new) => {
                let at = place(at);
                let ends = |byte: &u8| byte.is_ascii_whitespace() || b":=\"".contains(byte);
                let start = text[..at]
                    .iter()
                    .rposition(ends)
                    .map_or(0, |before| before + 1);
                let end = text[at..]
                    .iter()
                    .position(ends)
                    .map_or(text.len(), |after| at + after);
                text.splice(start..end.max(start), new.bytes());
            }
            Damage::Remove(at, count) => {
                let at = place(at);
                text.drain(at..(at + count).min(text.len()));
            }
            Damage::Repeat(at, count) => {
                let at = place(at);
                let again = text[at..(at + count).min(text.len())].to_vec();
                text.splice(at..at, again);
            }
        }
    }
    text
}

/// Reads whatever it is. What is taken for a frame can be written in every format or is refused; as extended XYZ it comes back, and what
/// has come back once (columns with the names of others have found their place) does so to the bit.
fn survive(text: &[u8], format: Format) {
    for frame in read(text, format) {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                assert_eq!(error.to_string().lines().count(), 1, "{error}");
                continue;
            }
        };
        for format in NATIVE {
            _ = encode(format, &frame, true);
        }
        let once = there_and_back(std::slice::from_ref(&frame), Format::Xyz).remove(0);
        assert_eq!(once.ids, frame.ids);
        assert_eq!(once.positions, frame.positions);
        let twice = there_and_back(std::slice::from_ref(&once), Format::Xyz).remove(0);
        assert_same(twice, once, |a, b| a == b);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        NATIVE.into_iter().for_each(|format| survive(&bytes, format));
    }

    #[test]
    fn damaged_dumps_are_survived(seed in any::<Index>(), damages in prop::collection::vec(damage(), 1..4)) {
        let seeds = seeds(Format::LammpsDump);
        survive(&damaged(seed.get(&seeds).clone(), &damages), Format::LammpsDump);
    }

    #[test]
    fn damaged_data_files_are_survived(seed in any::<Index>(), damages in prop::collection::vec(damage(), 1..4)) {
        let seeds = seeds(Format::LammpsData);
        survive(&damaged(seed.get(&seeds).clone(), &damages), Format::LammpsData);
    }

    #[test]
    fn damaged_extended_xyz_is_survived(seed in any::<Index>(), damages in prop::collection::vec(damage(), 1..4)) {
        let seeds = seeds(Format::Xyz);
        survive(&damaged(seed.get(&seeds).clone(), &damages), Format::Xyz);
    }
}
