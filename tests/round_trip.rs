//! What is written is read back as it was, bit by bit, as far as the format can hold it.

mod common;

use std::sync::Arc;

use common::{Scratch, Table, fixture, fixture_bytes, hyalo, hyalo_fed, snapshots};
use hyalo::data::cell::Cell;
use hyalo::data::frame::{Column, Coordinates, Frame, Species, Values};
use hyalo::data::table::Cells;
use hyalo::sink::table::read_columns;
use hyalo::stream::attach::Attachments;
use hyalo::stream::bytes::Input;
use hyalo::stream::parallel::Workers;
use hyalo::stream::select::FrameRange;
use hyalo::stream::unwrap::Unwrap;
use hyalo::stream::write::encode;
use hyalo::stream::{self, Format, Options};
use nalgebra::Vector3;

/// The frames of a file as they stand in it.
#[track_caller]
fn frames(path: &str) -> Vec<Frame> {
    let options = Options {
        format: None,
        atom_style: None,
        frames: FrameRange::ALL,
        reference: None,
        partial: false,
        species: Vec::new(),
        attachments: Attachments::default(),
        unwrap: Unwrap::None,
        without_hash: true,
    };
    let opened = stream::open(
        &Input::from_argument(path),
        &options,
        Workers::new(2).unwrap(),
    );
    let frames = opened.unwrap_or_else(|error| panic!("{error}")).frames;
    frames
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Compares the text of every field: zeros with their sign, NaN with NaN.
#[track_caller]
fn assert_same(found: &[Frame], exact: &[Frame], what: &str) {
    assert_eq!(found.len(), exact.len(), "{what}");
    for (found, exact) in found.iter().zip(exact) {
        let parts = |frame: &Frame| {
            [
                format!(
                    "{:?}",
                    (frame.ordinal, frame.step, frame.time, frame.temperature)
                ),
                format!("{:?}", frame.cell),
                format!("{:?} {:?}", frame.ids, frame.species),
                format!("{:?}", frame.positions),
                format!("{:?}", frame.coordinates),
                format!("{:?} {:?}", frame.diameters, frame.masses),
                format!("{:?}", frame.keys),
                format!("{:?}", frame.columns),
            ]
        };
        for (found, exact) in parts(found).iter().zip(parts(exact)) {
            assert_eq!(*found, exact, "{what}");
        }
    }
}

/// Gives the frames of a dump the cells that they should have, after a look at how far off they are.
///
/// A dump tells sums: the box from its lowest to its highest corner. Not every edge is the difference of two doubles to the last place, so
/// edges and origin may be off by some of the spacing of doubles at the bounds.
#[track_caller]
fn mend_cells(found: &mut [Frame], exact: &[Frame]) {
    for (found, exact) in found.iter_mut().zip(exact) {
        let (of, to) = (found.cell.as_ref().unwrap(), exact.cell.as_ref().unwrap());
        assert_eq!(of.periodic(), to.periodic());
        let largest = to.origin().abs().max() + to.matrix().abs().sum();
        let off = (of.matrix() - to.matrix()).abs().max();
        let off = off.max((of.origin() - to.origin()).abs().max());
        assert!(off <= 2.0 * f64::EPSILON * largest, "{off:e}");
        if !to.is_restricted() || to.is_orthogonal() && to.origin() == Vector3::zeros() {
            assert_eq!(off, 0.0, "no sums were written");
        }
        found.cell = exact.cell.clone();
    }
}

#[track_caller]
fn convert(from: &str, to: &str, further: &[&str]) {
    hyalo(&[&["convert", from, "-o", to, "--force"], further].concat()).ok();
}

const DUMPS: [&str; 12] = [
    "triclinic_wrapped.lammpstrj",
    "triclinic_unwrapped.lammpstrj.zst",
    "triclinic_scaled.lammpstrj.bz2",
    "triclinic_scaled_unwrapped.lammpstrj.xz",
    "triclinic_group.lammpstrj",
    "triclinic_changing.lammpstrj",
    "general.lammpstrj",
    "general_restricted.lammpstrj",
    "slab_ppf.lammpstrj",
    "slab_psm.lammpstrj",
    "sphere.lammpstrj",
    "heat_full.lammpstrj.gz",
];

#[test]
fn dumps_survive_dump_and_extended_xyz() {
    let scratch = Scratch::new();
    for name in DUMPS {
        let exact = frames(&fixture(name));
        assert!(
            exact.len() > 1 && exact.iter().all(|frame| frame.cell.is_some()),
            "{name}"
        );
        let file = |ending: &str| scratch.path(&format!("x.{ending}"));
        convert(&fixture(name), &file("lammpstrj"), &[]);
        assert_same(
            &frames(&file("lammpstrj")),
            &exact,
            &format!("{name} → dump"),
        );
        convert(&file("lammpstrj"), &file("extxyz.zst"), &[]);
        assert_same(
            &frames(&file("extxyz.zst")),
            &exact,
            &format!("{name} → dump → xyz"),
        );
        convert(&file("extxyz.zst"), &file("extxyz.xz"), &[]);
        convert(&file("extxyz.xz"), &file("dump.gz"), &[]);
        convert(&file("dump.gz"), &file("lammpstrj.bz2"), &["--to", "dump"]);
        assert_same(
            &frames(&file("lammpstrj.bz2")),
            &exact,
            &format!("{name} → … → dump"),
        );
        // A second time, nothing is left to change: the same bytes.
        let text = |ending: &str| std::fs::read(file(ending)).unwrap();
        convert(&file("lammpstrj.bz2"), &file("again.lammpstrj"), &[]);
        assert!(text("lammpstrj") == text("again.lammpstrj"), "{name}");
    }
}

#[test]
fn the_text_of_a_dump_holds_the_numbers_of_lammps() {
    // Beside the library: both files read the plain way, value by value.
    let scratch = Scratch::new();
    for (name, columns) in [
        (
            "triclinic_wrapped.lammpstrj",
            &["x", "y", "z", "ix", "iy", "iz", "vx", "vy", "vz"][..],
        ),
        ("triclinic_unwrapped.lammpstrj.zst", &["xu", "yu", "zu"]),
        (
            "triclinic_group.lammpstrj",
            &["x", "y", "z", "ix", "iy", "iz"],
        ),
        ("triclinic_changing.lammpstrj", &["x", "y", "z", "vx"]),
        ("general.lammpstrj", &["x", "y", "z"]),
        ("slab_psm.lammpstrj", &["x", "y", "z"]),
        ("sphere.lammpstrj", &["radius", "mass"]),
        (
            "heat_full.lammpstrj.gz",
            &["xu", "yu", "zu", "vx", "c_pe", "c_st[1]", "c_st[6]"],
        ),
    ] {
        let (xyz, dump) = (scratch.path("x.extxyz"), scratch.path("x.lammpstrj"));
        convert(&fixture(name), &xyz, &[]);
        convert(&xyz, &dump, &[]);
        let before = snapshots(&fixture_bytes(name));
        let after = snapshots(&std::fs::read(&dump).unwrap());
        assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before.ids(), after.ids(), "{name}");
            for id in before.ids() {
                assert_eq!(before.atoms[&id]["type"], after.atoms[&id]["type"]);
                for column in columns {
                    let (old, new) = (before.real(id, column), after.real(id, column));
                    assert_eq!(old.to_bits(), new.to_bits(), "{name}, id {id}, {column}");
                }
            }
            // Bounds may be written otherwise in the last place, where that gives back the same edges.
            let numbers = |header: &[String]| -> Vec<f64> {
                let words = header.iter().flat_map(|line| line.split_whitespace());
                words.filter_map(|word| word.parse().ok()).collect()
            };
            let words = |header: &[String]| -> Vec<String> {
                let mut items: Vec<String> = header
                    .iter()
                    .filter(|line| line.starts_with("ITEM"))
                    .cloned()
                    .collect();
                items.sort();
                items
            };
            assert_eq!(words(&before.header), words(&after.header), "{name}");
            let (old, new) = (numbers(&before.header), numbers(&after.header));
            assert_eq!(old.len(), new.len());
            for (old, new) in old.iter().zip(&new) {
                assert!(
                    (old - new).abs() <= 4e-16 * old.abs().max(10.0),
                    "{name}: {old} {new}"
                );
            }
        }
    }
}

#[test]
fn a_frame_survives_a_data_file() {
    let scratch = Scratch::new();
    for name in DUMPS {
        for frame in ["0", "-1"] {
            let (data, dump) = (scratch.path("x.data"), scratch.path("x.lammpstrj"));
            convert(&fixture(name), &data, &["--frames", frame]);
            convert(&data, &dump, &[]);
            let all = frames(&fixture(name));
            let mut exact = if frame == "0" {
                all[0].clone()
            } else {
                all[all.len() - 1].clone()
            };
            // A data file has no place for these; and it has image flags or none, but does not tell unwrapped positions.
            exact.ordinal = 0;
            exact.time = None;
            exact.keys.retain(|(key, _)| key == "units");
            exact.columns.retain(|column| column.name == "velo");
            if exact.coordinates == Coordinates::Unwrapped {
                exact.coordinates = Coordinates::Images(vec![[0; 3]; exact.len()]);
            }
            let cell = exact.cell.take().unwrap();
            exact.cell = Some(
                Cell::new(
                    [0, 1, 2].map(|axis| cell.edge(axis)),
                    cell.origin(),
                    [true; 3],
                )
                .unwrap(),
            );
            let mut found = frames(&data);
            if exact.diameters.is_some() {
                // Spheres are written by their density; the mass comes back to round-off: a product of a quotient.
                let (was, now) = (
                    exact.masses.take().unwrap(),
                    found[0].masses.take().unwrap(),
                );
                for (was, now) in was.iter().zip(&now) {
                    assert!((now / was - 1.0).abs() < 4e-16, "{name}: {was} {now}");
                }
                found[0].columns.retain(|column| column.name != "density");
            }
            assert_same(
                &found,
                std::slice::from_ref(&exact),
                &format!("{name} → data"),
            );
            // And further, to a dump and to a data file once more.
            let further = scratch.path("y.data");
            convert(&dump, &further, &[]);
            let text = |path| std::fs::read_to_string(path).unwrap();
            if exact.diameters.is_none() {
                assert_eq!(text(&further), text(&data), "{name}");
            }
        }
    }
}

#[test]
fn data_files_survive_every_native_format() {
    let scratch = Scratch::new();
    for name in [
        "triclinic_end.data",
        "sphere.data",
        "charge.data",
        "charge_labels.data",
        "molecular.data",
        "full.data",
        "general.data",
        "general_restricted.data",
        "comments.data",
    ] {
        let style = [
            "--atom-style",
            if name == "comments.data" {
                "atomic"
            } else {
                "full"
            },
        ];
        let style = if ["comments.data"].contains(&name) {
            &style[..]
        } else {
            &[]
        };
        let direct = scratch.path("direct.extxyz");
        convert(&fixture(name), &direct, style);
        let exact = frames(&direct);
        let path = |ending: &str| scratch.path(&format!("x.{ending}"));
        convert(&direct, &path("data"), &[]);
        assert_same(
            &frames(&path("data")),
            &exact,
            &format!("{name} → xyz → data"),
        );
        convert(&path("data"), &path("lammpstrj"), &[]);
        let mut dumped = exact.clone();
        if dumped[0].step.is_none() {
            dumped[0].step = Some(0);
        }
        let mut found = frames(&path("lammpstrj"));
        mend_cells(&mut found, &dumped);
        // A dump has the types in their place, second, wherever they stood.
        for frame in found.iter_mut().chain(&mut dumped) {
            frame.columns.sort_by(|a, b| a.name.cmp(&b.name));
        }
        assert_same(&found, &dumped, &format!("{name} → … → dump"));
    }
}

#[test]
fn type_labels_keep_their_numbers() {
    let scratch = Scratch::new();
    let data = scratch.path("x.data");
    convert(&fixture("charge_labels.data"), &data, &[]);
    // The file's own section: 1 is Na and 2 is Cl, though Cl goes before Na in the alphabet.
    let numbers = |species: &str| {
        let frame = &frames(&data)[0];
        let Values::Integer(types) = &frame.column("type").unwrap().values else {
            panic!("numbers");
        };
        let rows = (0..frame.len()).filter(|&row| &**frame.species.name(row) == species);
        rows.map(|row| types[row]).collect::<Vec<_>>()
    };
    assert_eq!(numbers("Na"), [1; 8]);
    assert_eq!(numbers("Cl"), [2; 8]);
    // Atoms by number, masses by label.
    let text = "x\n\n2 atoms\n2 atom types\n\n0 5 xlo xhi\n0 5 ylo yhi\n0 5 zlo zhi\n\nAtom Type Labels\n\n1 Na\n2 Cl\n\n\
                Masses\n\nCl 1.5\nNa 1\n\nAtoms # atomic\n\n1 2 1 1 1\n2 1 3 3 3\n";
    let frame = &frames(&scratch.file("labels.data", text))[0];
    assert_eq!(frame.masses, Some(vec![1.5, 1.0]));
}

/// What `dump custom id typelabel` and `q` print.
#[test]
fn type_labels_of_a_dump_name_the_species() {
    let scratch = Scratch::new();
    let snapshot = |step: i64, charge: &str| {
        format!(
            "ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 5\n0 5\n0 5\n\
             ITEM: ATOMS id type typelabel q x y z\n1 2 B {charge} 1 1 1\n2 1 A 0 3 3 3\n"
        )
    };
    let dump = scratch.file("x.lammpstrj", snapshot(0, "0") + &snapshot(10, "0.5"));
    let found = frames(&dump);
    let names: Vec<&str> = (0..2).map(|row| &**found[0].species.name(row)).collect();
    assert_eq!(names, ["B", "A"]);
    // It is a real column though its first frame prints whole numbers.
    hyalo(&["convert", &dump, "-o", &scratch.path("x.csv"), "-q"]).ok();
    let table = Table::parse(&std::fs::read_to_string(scratch.path("x.csv")).unwrap());
    assert_eq!(table.reals("q"), [0.0, 0.0, 0.5, 0.0]);
    assert_eq!(table.words("type"), ["2", "1", "2", "1"]);
}

/// XTC and TRR have a place for the time in every frame: writers that know none put 0 there.
#[test]
fn times_that_nobody_knew_are_not_taken_for_zero() {
    let scratch = Scratch::new();
    let frame = |more: &str, x: f64| {
        format!(
            "2\nLattice=\"5 0 0 0 5 0 0 0 5\" Properties=species:S:1:pos:R:3 {more}\nA {x} 1 1\nA 3 3 3\n"
        )
    };
    let steps = frame("Timestep=0", 1.0) + &frame("Timestep=10", 1.1) + &frame("Timestep=20", 1.2);
    let times = frame("Timestep=0 Time=0.0", 1.0) + &frame("Timestep=10 Time=0.5", 1.1);
    let neither = frame("", 1.0) + &frame("", 1.1);
    for ending in ["xtc", "trr"] {
        let told = |text: &str| -> Vec<_> {
            let xyz = scratch.file("x.extxyz", text);
            let path = scratch.path(&format!("x.{ending}"));
            hyalo(&["convert", &xyz, "-o", &path, "--force", "-q"]).ok();
            let moments = frames(&path).into_iter();
            moments.map(|frame| (frame.step, frame.time)).collect()
        };
        assert_eq!(
            told(&steps),
            [(Some(0), None), (Some(10), None), (Some(20), None)]
        );
        assert_eq!(told(&times), [(Some(0), Some(0.0)), (Some(10), Some(0.5))]);
        assert_eq!(told(&neither), [(None, None), (None, None)]);
        assert_eq!(told(&frame("", 1.0)), [(Some(0), Some(0.0))]);
    }
}

#[test]
fn masses_of_spheres_come_back() {
    let scratch = Scratch::new();
    let masses = [1.3, 0.7, 2.9, 1.0 / 3.0, 1.728, 1.1];
    let rows = masses.iter().enumerate();
    let rows: String = rows
        .map(|(at, mass)| format!("A {at} 1 1 {} {mass}\n", 0.8 + 0.1 * at as f64))
        .collect();
    let text = format!(
        "6\nLattice=\"9 0 0 0 9 0 0 0 9\" Properties=species:S:1:pos:R:3:diameter:R:1:mass:R:1\n{rows}"
    );
    let (xyz, data) = (scratch.file("x.extxyz", text), scratch.path("x.data"));
    convert(&xyz, &data, &[]);
    let found = frames(&data)[0].masses.clone().expect("masses");
    // Rounding to a density and back costs no more than two units in the last place, and mostly none.
    let off = |(found, mass): (&f64, &f64)| (found - mass).abs() / mass;
    assert!(
        found.iter().zip(&masses).all(|pair| off(pair) < 3e-16),
        "{found:?}"
    );
    // Of a point LAMMPS takes the density for the mass.
    let text = "x\n\n1 atoms\n1 atom types\n\n0 5 xlo xhi\n0 5 ylo yhi\n0 5 zlo zhi\n\nAtoms # sphere\n\n1 1 0 2.5 1 1 1\n";
    let points = scratch.file("points.data", text);
    let point = &frames(&points)[0];
    assert_eq!(point.masses, Some(vec![2.5]));
}

#[test]
fn what_a_data_file_cannot_hold_is_told() {
    let scratch = Scratch::new();
    let data = scratch.path("x.data");
    let of = |name: &str, further: &[&str]| {
        let file = fixture(name);
        let fixed = ["convert", &file, "-o", &data, "--force", "--frames", "0"];
        let run = hyalo(&[&fixed, further].concat()).ok();
        run.stderr.lines().find_map(|line| {
            let (_, left_out) = line.split_once("no place for ")?;
            Some(left_out.strip_suffix(": left out").unwrap().to_string())
        })
    };
    let triclinic = |more: &[&str]| of("triclinic_wrapped.lammpstrj", more);
    assert_eq!(triclinic(&[]).as_deref(), Some("time"));
    let masses = ["--masses", "1=1,2=1.728"];
    assert_eq!(triclinic(&masses).as_deref(), Some("time"));
    let spheres = triclinic(&["--diameters", "1=1,2=1.2"]);
    let made_up = "time, mass (density 1 is written)";
    assert_eq!(spheres.as_deref(), Some(made_up));
    assert_eq!(of("slab_ppf.lammpstrj", &[]).as_deref(), Some("boundary"));
    assert_eq!(
        of("heat_full.lammpstrj.gz", &[]).as_deref(),
        Some("c_pe, c_st")
    );
    // A data file has the masses of types, not of particles.
    let masses = (1..=200).fold("id,mass\n".to_string(), |text, id| {
        format!("{text}{id},{id}\n")
    });
    let masses = scratch.file("masses.csv", masses);
    let left_out = of("triclinic_wrapped.lammpstrj", &["--masses", &masses]);
    assert_eq!(left_out.as_deref(), Some("time, mass"));
    // Names that stand with masses are kept, without them they are not; nor are columns of the names of what a style has anyway.
    let text = "2\nLattice=\"5 0 0 0 5 0 0 0 5\" Properties=species:S:1:pos:R:3:x:R:1:mol:S:1\nA 1 1 1 7 m\nB 3 3 3 8 n\n";
    let xyz = scratch.file("x.extxyz", text);
    let told = |more: &[&str]| {
        let fixed = ["convert", &xyz, "-o", &data, "--force"];
        hyalo(&[&fixed, more].concat()).ok().stderr
    };
    assert!(
        told(&[]).contains("no place for species, x, mol: left out"),
        "{}",
        told(&[])
    );
    let named = told(&["--masses", "A=1,B=2"]);
    assert!(named.contains("no place for x, mol: left out"), "{named}");
}

#[test]
fn what_lammps_writes_as_extended_xyz_survives_a_dump() {
    let scratch = Scratch::new();
    let (dump, xyz) = (scratch.path("x.lammpstrj"), scratch.path("x.extxyz"));
    let mut exact = frames(&fixture("triclinic.extxyz"));
    convert(&fixture("triclinic.extxyz"), &xyz, &[]);
    assert_same(&frames(&xyz), &exact, "xyz → xyz");
    convert(&xyz, &dump, &[]);
    convert(&dump, &xyz, &[]);
    for frame in &mut exact {
        // Keys of a frame have no place in a dump, and velocities are vx vy vz whatever they were called.
        (frame.keys, frame.temperature) = (Vec::new(), None);
        let vel = frame.columns.iter_mut().find(|column| column.name == "vel");
        vel.expect("LAMMPS's name").name = "velo".to_string();
    }
    for path in [&dump, &xyz] {
        let found: Vec<Frame> = frames(path)
            .into_iter()
            .map(|mut frame| {
                // Beside the names, the numbers of the types.
                frame.columns.retain(|column| column.name != "type");
                frame
            })
            .collect();
        assert_same(&found, &exact, "xyz → dump → xyz");
    }
}

#[test]
fn what_a_dump_cannot_hold_is_told_and_a_type_that_is_none_is_kept() {
    let scratch = Scratch::new();
    let (xyz, dump) = (scratch.path("x.extxyz"), scratch.path("x.lammpstrj"));
    let text = "2\nLattice=\"5 0 0 0 5 0 0 0 5\" Properties=species:S:1:pos:R:3:type:S:1 energy=-1.5 units=metal temperature=0.5\n\
                A 0 0 0 core\nB 1 1 1 shell\n";
    std::fs::write(&xyz, text).unwrap();
    let run = hyalo(&["convert", &xyz, "-o", &dump]).ok();
    let told = "the format dump has no place for energy, temperature: left out";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    let frame = &frames(&dump)[0];
    let kept = frame.column("type_").expect("it has another name");
    assert_eq!(
        kept.values,
        Values::Text(vec!["core".into(), "shell".into()])
    );
    assert_eq!(frame.keys, [("units".to_string(), "metal".to_string())]);
}

#[test]
fn a_species_keeps_its_type_in_all_frames_of_a_dump() {
    let scratch = Scratch::new();
    let of = |species: &[&str]| {
        let rows = species.iter().map(|name| format!("{name} 1 2 3\n"));
        let rows = rows.collect::<String>();
        let header = "Lattice=\"5 0 0 0 5 0 0 0 5\" Properties=species:S:1:pos:R:3";
        format!("{}\n{header}\n{rows}", species.len())
    };
    let text = of(&["Cu", "Zr"]) + &of(&["Zr"]) + &of(&["Al", "Zr", "Cu"]);
    let xyz = scratch.file("x.extxyz", text);
    let dump = scratch.path("x.lammpstrj");
    hyalo(&["convert", &xyz, "-o", &dump]).ok();
    let types = |frame: &Frame| frame.column("type").expect("numbers").values.clone();
    let found: Vec<Values> = frames(&dump).iter().map(types).collect();
    let wanted = [vec![1, 2], vec![2], vec![3, 2, 1]].map(Values::Integer);
    assert_eq!(found, wanted);
}

#[test]
fn what_other_formats_cannot_hold_is_told_once() {
    let scratch = Scratch::new();
    let frame = |key: &str| {
        format!(
            "2\nLattice=\"5 0 0 0 5 0 0 0 5\" Properties=species:S:1:pos:R:3:diameter:R:1:charge:R:1:velo:R:3 {key}\n\
             A 0 0 0 1 0.5 0 0 0\nB 1 1 1 1.2 -0.5 0 0 0\n"
        )
    };
    let frames = frame("energy=-1.5") + &frame("energy=-1 pressure=2");
    let xyz = scratch.file("x.extxyz", frames);
    for (path, losses) in [
        ("x.dcd", "species, diameter, charge, velo, energy, pressure"),
        ("x.trr", "species, diameter, charge, energy, pressure"),
        ("x.gro", "diameter, charge, energy, pressure"),
    ] {
        let run = hyalo(&["convert", &xyz, "-o", &scratch.path(path)]).ok();
        let told: Vec<&str> = (run.stderr.lines())
            .filter_map(|line| {
                line.split_once(" has no place for ")?
                    .1
                    .strip_suffix(": left out")
            })
            .collect();
        assert_eq!(told, [losses], "{path}");
    }
}

#[test]
fn velocities_are_known_by_all_their_names() {
    let scratch = Scratch::new();
    let trr = scratch.path("x.trr");
    for name in ["velo", "vel", "velocities"] {
        let text = format!(
            "1\nLattice=\"5 0 0 0 5 0 0 0 5\" Properties=species:S:1:pos:R:3:{name}:R:3\nA 0 0 0 0.5 -1 2\n"
        );
        let xyz = scratch.file("x.extxyz", text);
        hyalo(&["convert", &xyz, "-o", &trr, "--force"]).ok();
        assert_eq!(
            frames(&trr)[0].velocities(),
            Some(&[0.5, -1.0, 2.0][..]),
            "{name}"
        );
    }
}

/// Frames with everything that is hard to write: values at the ends of their ranges, huge and negative ids, words, keys.
fn hard() -> Vec<Frame> {
    let texts = [
        "plain",
        "two words",
        "",
        "a=b",
        "\"quoted\"",
        "it's",
        "back\\slash",
        "[1, 2, 3]",
        "[[1, 0], [0, 1]]",
        "[not closed",
        "[1] and more",
        "]",
        "{1 2}",
        "τ = σ√(m/ε)",
        "Properties=species:S:1",
    ];
    let cells = [
        // Leaning to all sides, away from the origin.
        (
            [[6.1, 0.0, 0.0], [2.3, 5.9, 0.0], [-1.7, 1.3, 7.7]],
            [-1.1, 2.3, 1e-3],
        ),
        (
            [[6.1, 0.0, 0.0], [-2.3, 5.9, 0.0], [-1.7, -1.3, 7.7]],
            [0.1, 0.2, 0.3],
        ),
        // Turned; orthogonal and turned; long and thin.
        (
            [[3.0, 1.0, 0.1], [-0.7, 4.0, 0.3], [0.2, -0.9, 5.0]],
            [0.7, -0.8, 0.9],
        ),
        (
            [[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0], [0.0, 0.0, 1.0 / 3.0]],
            [0.0; 3],
        ),
        (
            [[1e-3, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 17.471609]],
            [1e5, -1e-5, 0.0],
        ),
    ];
    let flags = [
        [true; 3],
        [true, true, false],
        [false, true, false],
        [false; 3],
        [false, false, true],
    ];
    let real = [
        f64::MAX,
        -f64::MIN_POSITIVE,
        5e-324,
        -0.0,
        0.1 + 0.2,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];
    let count = real.len();
    let build = |(at, ((edges, origin), periodic)): (usize, (_, [bool; 3]))| {
        let (edges, origin): ([[f64; 3]; 3], [f64; 3]) = (edges, origin);
        let coordinates = match at % 3 {
            0 => Coordinates::Images(vec![[i32::MAX, i32::MIN, -1]; count]),
            1 => Coordinates::Unwrapped,
            _ => Coordinates::Unknown,
        };
        let label: Arc<str> = "Si_2-δ".into();
        Frame {
            ordinal: at,
            step: Some([0, -5, i64::MAX, 10, 11][at]),
            time: Some([0.0, 1e-300, 1.0 / 3.0, 4e15, -2.5][at]),
            cell: Some(
                Cell::new(edges.map(Vector3::from), Vector3::from(origin), periodic).unwrap(),
            ),
            ids: vec![i64::MIN, -7, 0, 1, 2, 1 << 40, i64::MAX - 1, i64::MAX],
            species: Species::from_labels(&["B", "A", "10", "9", "B", "A", &label, "9"]),
            positions: (0..count)
                .map(|row| {
                    Vector3::new(
                        row as f64 / 3.0,
                        -1e-17 * row as f64,
                        1e9 / 7.0 + row as f64,
                    )
                })
                .collect(),
            coordinates,
            diameters: (at % 2 == 0).then(|| (1..=count).map(|row| row as f64 / 3.0).collect()),
            masses: (at % 2 == 1).then(|| (1..=count).map(|row| 1.1 / row as f64).collect()),
            columns: vec![
                Column::real(
                    "velo",
                    3,
                    (0..3 * count).map(|value| -0.1 * value as f64).collect(),
                ),
                Column::real("c_pe", 1, real.to_vec()),
                Column::real(
                    "c_st",
                    6,
                    (0..6 * count)
                        .map(|value| 1.0 / (value + 1) as f64)
                        .collect(),
                ),
                Column {
                    name: "mol".to_string(),
                    width: 1,
                    values: Values::Integer((0..count as i64).map(|row| i64::MIN + row).collect()),
                },
                Column {
                    name: "word".to_string(),
                    width: 1,
                    values: Values::Text((0..count).map(|row| format!("w{row}").into()).collect()),
                },
            ],
            keys: texts
                .iter()
                .enumerate()
                .map(|(index, text)| (format!("key{index}"), text.to_string()))
                .chain([
                    ("units".to_string(), "lj".to_string()),
                    ("odd key".to_string(), "1".to_string()),
                ])
                .collect(),
            ..Frame::default()
        }
    };
    cells
        .into_iter()
        .zip(flags)
        .enumerate()
        .map(build)
        .collect()
}

fn encoded(frames: &[Frame], format: Format) -> Vec<u8> {
    let text = frames
        .iter()
        .enumerate()
        .map(|(at, frame)| encode(format, frame, at == 0).unwrap());
    text.flatten().collect()
}

#[test]
fn hard_frames_survive_extended_xyz() {
    let scratch = Scratch::new();
    let mut exact = hard();
    exact[2].columns.push(Column {
        name: "flag".to_string(),
        width: 2,
        values: Values::Boolean((0..16).map(|value| value % 3 == 0).collect()),
    });
    let file = scratch.file("hard.extxyz", encoded(&exact, Format::Xyz));
    assert_same(&frames(&file), &exact, "hard → xyz");
}

#[test]
fn keys_whose_name_is_in_use_get_another() {
    let scratch = Scratch::new();
    let key = |name: &str| (name.to_string(), format!("of {name}"));
    let mut exact = hard().remove(0);
    exact.time = Some(1.5);
    exact.keys = ["Time", "Time_", "Lattice", "twice", "twice", "time"]
        .map(key)
        .to_vec();
    let file = scratch.file("keys.extxyz", encoded(&[exact.clone()], Format::Xyz));
    let names = ["Time_", "Time__", "Lattice_", "twice", "twice_", "time"];
    for (key, name) in exact.keys.iter_mut().zip(names) {
        key.0 = name.to_string();
    }
    assert_same(&frames(&file), &[exact], "keys → xyz");
}

#[test]
fn hard_frames_survive_a_dump() {
    let scratch = Scratch::new();
    let mut exact = hard();
    let file = scratch.file("hard.lammpstrj", encoded(&exact, Format::LammpsDump));
    for frame in &mut exact {
        frame.keys.retain(|(key, _)| key == "units");
    }
    let mut found: Vec<Frame> = frames(&file)
        .into_iter()
        .map(|mut frame| {
            frame.columns.retain(|column| column.name != "type");
            frame
        })
        .collect();
    mend_cells(&mut found, &exact);
    assert_same(&found, &exact, "hard → dump");
}

#[test]
fn binary_formats_keep_their_precision() {
    let scratch = Scratch::new();
    for name in [
        "triclinic_unwrapped.lammpstrj.zst",
        "triclinic_wrapped.lammpstrj",
        "heat_full.lammpstrj.gz",
    ] {
        let exact = frames(&fixture(name));
        for (ending, format) in [
            ("dcd", "single"),
            ("trr", "single"),
            ("xtc", "fixed"),
            ("nc", "single"),
        ] {
            let path = scratch.path(&format!("x.{ending}"));
            convert(&fixture(name), &path, &[]);
            let found = frames(&path);
            assert_eq!(found.len(), exact.len());
            for (found, exact) in found.iter().zip(&exact) {
                if ending != "nc" {
                    assert_eq!(found.step, exact.step, "{name}, {ending}");
                }
                for (found, exact) in found.positions.iter().zip(&exact.positions) {
                    for (found, exact) in found.iter().zip(exact) {
                        // Half a unit in the last of 24 bits; five decimals on top, made and taken apart in single precision.
                        let half = 2f64.powi(-24) * exact.abs();
                        let allowed = if format == "single" {
                            1.01 * half
                        } else {
                            0.5e-5 + 4.0 * half
                        };
                        assert!(
                            (found - exact).abs() <= allowed,
                            "{name}, {ending}: {found} {exact}"
                        );
                    }
                }
                // Edges, but for the origin, which these formats do not have: single precision, or angles in double precision.
                let (found, exact) = (found.cell.as_ref().unwrap(), exact.cell.as_ref().unwrap());
                let off = (found.matrix() - exact.matrix()).abs().max();
                assert!(off < 1e-6, "{name}, {ending}: {off:e}");
                assert_eq!(found.origin(), Vector3::zeros());
            }
        }
    }
}

#[test]
fn a_table_of_the_particles_holds_the_numbers_of_the_dump() {
    // Beside the library: the dump read the plain way, value by value; names in the dump and in the table.
    let scratch = Scratch::new();
    for (name, columns) in [
        (
            "triclinic_wrapped.lammpstrj",
            &[
                ("x", "x"),
                ("z", "z"),
                ("iy", "iy"),
                ("vx", "velo_x"),
                ("vz", "velo_z"),
            ][..],
        ),
        (
            "triclinic_unwrapped.lammpstrj.zst",
            &[("xu", "x"), ("yu", "y")],
        ),
        ("triclinic_changing.lammpstrj", &[("x", "x"), ("vx", "vx")]),
        (
            "sphere.lammpstrj",
            &[("diameter", "diameter"), ("mass", "mass"), ("ix", "ix")],
        ),
        (
            "heat_full.lammpstrj.gz",
            &[
                ("zu", "z"),
                ("c_pe", "c_pe"),
                ("c_st[1]", "c_st_xx"),
                ("c_st[6]", "c_st_yz"),
            ],
        ),
    ] {
        let mut exact: Vec<(&str, Vec<f64>)> = vec![
            ("frame", vec![]),
            ("step", vec![]),
            ("id", vec![]),
            ("species", vec![]),
        ];
        exact.extend(columns.iter().map(|(_, named)| (*named, vec![])));
        for (frame, snapshot) in snapshots(&fixture_bytes(name)).iter().enumerate() {
            let item = |title: &str| snapshot.header.iter().position(|line| line == title);
            let step = &snapshot.header[item("ITEM: TIMESTEP").unwrap() + 1];
            for id in snapshot.ids() {
                let known = [
                    frame as f64,
                    step.parse().unwrap(),
                    id as f64,
                    snapshot.real(id, "type"),
                ];
                let further = columns.iter().map(|(column, _)| snapshot.real(id, column));
                for ((_, values), value) in exact.iter_mut().zip(known.into_iter().chain(further)) {
                    values.push(value);
                }
            }
        }
        let text = hyalo(&["convert", &fixture(name), "--to", "csv", "-j", "3"])
            .ok()
            .text();
        let table = Table::parse(&text);
        for (column, values) in &exact {
            assert_eq!(table.reals(column), *values, "{name}, {column}");
        }
        assert_eq!(
            text,
            hyalo(&["convert", &fixture(name), "--to", "csv", "-j", "1"])
                .ok()
                .text()
        );
        for ending in ["parquet", "arrow", "ndjson"] {
            let path = scratch.path(&format!("x.{ending}"));
            convert(&fixture(name), &path, &[]);
            for (column, values) in exact.iter().filter(|(column, _)| *column != "species") {
                let found = read_columns(path.as_ref(), &[&[*column]])
                    .unwrap()
                    .remove(0);
                let found: Vec<f64> = match found {
                    Cells::Integer(values) => {
                        values.iter().map(|value| value.unwrap() as f64).collect()
                    }
                    Cells::Real(values) => values.iter().map(|value| value.unwrap()).collect(),
                    other => panic!("{other:?}"),
                };
                assert_eq!(found, *values, "{name}, {ending}, {column}");
            }
        }
    }
}

#[test]
fn a_chain_of_commands_ends_in_one_table() {
    let scratch = Scratch::new();
    let input = fixture("heat_full.lammpstrj.gz");
    let given = [
        &input,
        "--diameters",
        "1=1.0,2=1.2",
        "--temperature",
        "ramp:0.1:0.12",
    ];
    let table = |command: &str| {
        let path = scratch.path(&format!("{command}.csv"));
        let further = format!("particles={path}");
        let flags = ["-o", "/dev/null", "--table", &further];
        hyalo(&[&[command], &given[..], &flags].concat()).ok();
        // Without the codes, which hold commas.
        let text = std::fs::read_to_string(path).unwrap();
        Table::parse(&text.split('"').step_by(2).collect::<String>())
    };
    let annotated = hyalo(&[&["virial"], &given[..], &["--annotate", "-"]].concat()).ok();
    let annotated = hyalo_fed(&["icosa", "-", "--annotate", "-"], &annotated.stdout).ok();
    let all = hyalo_fed(&["convert", "-", "--to", "csv"], &annotated.stdout)
        .ok()
        .table();
    for (command, columns) in [
        (
            "virial",
            &[
                ("frame", "frame"),
                ("step", "step"),
                ("temperature", "temperature"),
                ("id", "id"),
                ("species", "species"),
                ("diameter", "diameter"),
                ("pressure", "pressure"),
                ("dpressure_ddiameter", "dpressure_ddiameter"),
                ("energy", "local_energy"),
                ("virial_xx", "virial_xx"),
                ("virial_xy", "virial_xy"),
                ("virial_yz", "virial_yz"),
            ][..],
        ),
        ("icosa", &[("is_icosahedron", "is_icosahedron")]),
    ] {
        let exact = table(command);
        for (column, named) in columns {
            assert_eq!(all.words(named), exact.words(column), "{column}");
        }
    }
}

#[test]
fn a_table_has_the_same_columns_in_every_frame() {
    let frame = |properties: &str, values: &str| {
        format!("1\nProperties=species:S:1:pos:R:3{properties}\nA 0 0 0{values}\n")
    };
    let made = |frames: [(&str, &str); 2]| {
        let text: String = frames
            .iter()
            .map(|(properties, values)| frame(properties, values))
            .collect();
        hyalo_fed(&["convert", "-", "--to", "csv"], text.as_bytes())
    };
    for (frames, message) in [
        (
            [(":q:R:1", " 1"), ("", "")],
            "there is no 'q', which the first frame has",
        ),
        (
            [("", ""), (":q:R:2", " 1 2")],
            "there is 'q_1', which the first frame has not",
        ),
        (
            [(":q:I:1", " 1"), (":q:R:1", " 1.5")],
            "'q' is real here and integer in the first frame",
        ),
    ] {
        let help =
            "a table has the same columns in every frame: make one of each part, with --frames";
        assert_eq!(
            made(frames).refused(),
            format!("hyalo: -: frame 1: {message}; {help}")
        );
    }
    // Whole numbers may stand among others, and names that are taken twice are told apart, in capitals or not.
    let table = made([
        (":q:R:1:Q:S:1:mol:I:1", " 1.5 word 7"),
        (":mol:I:1:q:I:1:Q:S:1", " 8 2 other"),
    ])
    .ok()
    .table();
    assert_eq!(
        table.names[4..],
        ["id", "species", "x", "y", "z", "q", "input_Q", "mol"]
    );
    assert_eq!(table.words("q"), ["1.5", "2.0"]);
    assert_eq!(table.words("input_Q"), ["word", "other"]);
    assert_eq!(table.words("mol"), ["7", "8"]);
    let dump = "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS pp pp pp\n0 9\n0 9\n0 9\nITEM: ATOMS id type x y z xu yu zu\n1 1 1 2 3 10 2 3\n";
    let table = hyalo_fed(&["convert", "-", "--to", "csv"], dump.as_bytes())
        .ok()
        .table();
    assert_eq!(
        (table.reals("x"), table.reals("input_x")),
        (vec![10.0], vec![1.0])
    );
}

/// The one frame of a text, and what it is after having been written in a format and read again.
#[track_caller]
fn again(name: &str, text: &str, format: Format) -> [Frame; 2] {
    let scratch = Scratch::new();
    let once = frames(&scratch.file(name, text)).remove(0);
    let written = encode(format, &once, true).unwrap();
    let ending = format!("again.{}", format.name());
    let twice = frames(&scratch.file(&ending, written)).remove(0);
    [once, twice]
}

#[test]
fn names_of_the_same_number_keep_their_order() {
    // The rows are sorted by their ids on the way.
    let text = "2\nProperties=species:S:1:pos:R:3:id:I:1\n01 0 0 0 2\n1 0 0 0 1\n";
    let [once, twice] = again("x.extxyz", text, Format::Xyz);
    assert_same(&[twice], std::slice::from_ref(&once), "1 and 01");
    let names: Vec<&str> = once.species.names.iter().map(|name| &**name).collect();
    assert_eq!(names, ["01", "1"]);
}

#[test]
fn a_box_far_from_the_origin_keeps_its_edges() {
    // No double above 1e16 tells where such a box ends.
    let text = "1\nLattice=\"1 0 0 0 1 0 0 0 1\" Origin=\"1e16 0 -1e16\" Properties=species:S:1:pos:R:3 Timestep=0\n1 1e16 0 -1e16\n";
    for format in [Format::LammpsDump, Format::LammpsData] {
        let [once, twice] = again("x.extxyz", text, format);
        assert_same(&[twice], &[once], format.name());
    }
}

#[test]
fn the_smallest_diameter_has_no_half() {
    let text = "1\nLattice=\"1 0 0 0 1 0 0 0 1\" Properties=species:S:1:pos:R:3:diameter:R:1 Timestep=0\n1 0 0 0 5e-324\n";
    for format in [Format::LammpsDump, Format::Xyz] {
        let [once, twice] = again("x.extxyz", text, format);
        assert_eq!(once.diameters, Some(vec![5e-324]));
        assert_same(&[twice], &[once], format.name());
    }
}

#[test]
fn the_step_is_that_of_the_first_key_that_tells_one() {
    use hyalo::stream::text_format::TextFormat;
    let text = "1\nProperties=species:S:1:pos:R:3 Step=many step=5\n1 0 0 0\n";
    let scratch = Scratch::new();
    let frame = frames(&scratch.file("x.extxyz", text)).remove(0);
    assert_eq!(frame.step, Some(5));
    // A first pass over the file, which does not parse the frames, has the same.
    let reader = Box::new(std::io::Cursor::new(text));
    let mut lines = stream::lines::Lines::new(reader, Arc::default());
    let raw = stream::xyz::Xyz::default()
        .cut(&mut lines)
        .unwrap()
        .unwrap();
    assert_eq!(stream::xyz::Xyz::step(&raw), Some(5));
}
