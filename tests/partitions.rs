//! Partitions by `--frames`: the tables of the parts behind each other are the table of the whole, byte for byte as CSV, row for row as
//! Parquet.

mod common;

use std::fs::{self, File};
use std::sync::LazyLock;

use common::{Random, SMALL_PROTOCOL, Scratch, fixture, hyalo};
use polars::prelude::{DataFrame, ParquetReader, SerReader};

/// A run of eleven frames.
static RUN: LazyLock<Scratch> = LazyLock::new(|| {
    let scratch = Scratch::new();
    let protocol = scratch.file("protocol.toml", SMALL_PROTOCOL);
    let folder = scratch.path("run");
    hyalo(&["simulate", &protocol, "-q", "-o", &folder]).ok();
    scratch
});

fn trajectory() -> String {
    RUN.path("run/cool.extxyz")
}

/// Where seven parts of so many frames begin; the last ends with the input.
fn parts(frames: usize) -> Vec<String> {
    let bound = |part: usize| part * frames / 7;
    let until = |part: usize| match part {
        7 => String::new(),
        _ => bound(part).to_string(),
    };
    (0..7)
        .map(|part| format!("{}:{}", bound(part), until(part + 1)))
        .collect()
}

/// Makes the tables of a command, the main one and further ones; returns the paths in that order.
fn make(
    scratch: &Scratch,
    name: &str,
    ending: &str,
    command: &[&str],
    tables: &[&str],
) -> Vec<String> {
    let path = |table: &str| scratch.path(&format!("{name}-{table}.{ending}"));
    let main = path("main");
    let mut paths = vec![main.clone()];
    let mut arguments: Vec<String> = command.iter().map(|word| word.to_string()).collect();
    arguments.extend(["-q".to_string(), "-o".to_string(), main]);
    for table in tables {
        arguments.extend(["--table".to_string(), format!("{table}={}", path(table))]);
        paths.push(path(table));
    }
    hyalo(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).ok();
    paths
}

fn parquet(path: &str) -> DataFrame {
    ParquetReader::new(File::open(path).unwrap())
        .finish()
        .unwrap()
}

/// Makes the tables at once and in seven parts, and holds them against each other.
#[track_caller]
fn check(frames: usize, whole: &[&str], part: &[&str], tables: &[&str]) {
    let scratch = Scratch::new();
    for ending in ["csv", "parquet"] {
        let at_once = make(&scratch, "whole", ending, whole, tables);
        let mut in_parts: Vec<Vec<String>> = Vec::new();
        for (number, range) in parts(frames).iter().enumerate() {
            let command = [part, &["--frames", range]].concat();
            in_parts.push(make(
                &scratch,
                &format!("part-{number}"),
                ending,
                &command,
                tables,
            ));
        }
        for (table, at_once) in at_once.iter().enumerate() {
            let parts = in_parts.iter().map(|paths| &paths[table]);
            if ending == "csv" {
                let whole = fs::read_to_string(at_once).unwrap();
                let header = whole.split_inclusive('\n').next().unwrap();
                let mut joined = header.to_string();
                for part in parts {
                    let text = fs::read_to_string(part).unwrap();
                    joined += text.strip_prefix(header).expect("the same header");
                }
                assert!(
                    whole.lines().count() > frames,
                    "{at_once}: too few rows to tell"
                );
                assert!(joined == whole, "{at_once}");
            } else {
                let mut joined: Option<DataFrame> = None;
                for part in parts.map(|path| parquet(path)) {
                    match &mut joined {
                        Some(joined) => drop(joined.vstack_mut(&part).unwrap()),
                        None => joined = Some(part),
                    }
                }
                let joined = joined.unwrap();
                assert!(joined.equals_missing(&parquet(at_once)), "{at_once}");
            }
        }
    }
}

/// A wrapped dump without image flags of 41 frames, in each of which particles go on by up to 0.3 of the cell.
fn wandering(scratch: &Scratch) -> String {
    let mut random = Random(7);
    let steps: Vec<[f64; 3]> = (0..50)
        .map(|_| [0; 3].map(|_| 6.0 * random.uniform() - 3.0))
        .collect();
    let mut text = String::new();
    for frame in 0..41 {
        text += &format!(
            "ITEM: TIMESTEP\n{}\nITEM: NUMBER OF ATOMS\n50\n",
            100 * frame
        );
        text += "ITEM: BOX BOUNDS pp pp pp\n0 10\n0 10\n0 10\nITEM: ATOMS id type x y z\n";
        for (row, step) in steps.iter().enumerate() {
            let [x, y, z] = step.map(|step| (5.0 + f64::from(frame) * step).rem_euclid(10.0));
            text += &format!("{} {} {x:?} {y:?} {z:?}\n", row + 1, row % 2 + 1);
        }
    }
    scratch.file("wandering.lammpstrj", text)
}

/// The same arguments for the whole and for its parts.
#[track_caller]
fn check_alike(frames: usize, command: &[&str], tables: &[&str]) {
    check(frames, command, command, tables);
}

#[test]
fn of_virial() {
    check_alike(11, &["virial", &trajectory()], &["particles", "histogram"]);
}

#[test]
fn of_voronoi() {
    check_alike(
        11,
        &["voronoi", &trajectory()],
        &["particles", "neighbours", "indices", "histogram"],
    );
}

#[test]
fn of_icosa() {
    let (trajectory, types) = (trajectory(), "icosahedron,Z14,Z15");
    check_alike(
        11,
        &["icosa", &trajectory, "--types", types],
        &["particles", "codes", "clusters"],
    );
    check_alike(11, &["icosa", &trajectory, "--inherent"], &["particles"]);
}

#[test]
fn of_displacements() {
    // Unwrapped; wrapped with image flags; wrapped without: there particles are followed from the reference on.
    for name in ["heat_unwrapped", "heat_wrapped", "heat_scaled"] {
        let dump = fixture(&format!("{name}.lammpstrj.gz"));
        let whole = [
            "msd",
            &dump,
            "--temperature",
            "ramp:0.1:0.9",
            "--timestep",
            "0.005",
        ];
        let part = [&whole[..], &["--reference", "0"]].concat();
        check(41, &whole, &part, &["histogram"]);
    }
    let scratch = Scratch::new();
    let dump = wandering(&scratch);
    let whole = ["msd", &dump];
    check(
        41,
        &whole,
        &[&whole[..], &["--reference", "0"]].concat(),
        &["displacements"],
    );
    let trajectory = trajectory();
    let whole = ["msd", &trajectory];
    check(
        11,
        &whole,
        &[&whole[..], &["--reference", "0"]].concat(),
        &["displacements"],
    );
    // By chemfiles, which knows no image flags.
    let dcd = fixture("heat.dcd");
    let whole = ["msd", &dcd, "--temperature", "ramp:0.1:0.9"];
    check(
        41,
        &whole,
        &[&whole[..], &["--reference", "0"]].concat(),
        &[],
    );
}

#[test]
fn temperatures_are_those_of_the_whole() {
    let dump = fixture("heat_unwrapped.lammpstrj.gz");
    let log = fixture("heat.log");
    let diameters = ["--diameters", "1=1.0,2=1.2"];
    for temperature in ["ramp:0.1:0.9", &log] {
        let command = [
            &["virial", &dump, "--temperature", temperature],
            &diameters[..],
        ];
        check_alike(41, &command.concat(), &[]);
    }
    // Two runs in one log, of which only the first knows all steps: parts do not fall to the second.
    let scratch = Scratch::new();
    let session = |steps: &[i64], by: f64| {
        let rows = steps
            .iter()
            .map(|step| format!("{step} {}\n", *step as f64 * 1e-5 + by));
        format!(
            "   Step          Temp\n{}Loop time of 1\n",
            rows.collect::<String>()
        )
    };
    let steps: Vec<i64> = (0..=40).map(|frame| 1000 * frame).collect();
    let text = session(&steps, 0.1) + &session(&steps[20..], 5.0);
    let log = scratch.file("log.lammps", text);
    let command = [&["virial", &dump, "--temperature", &log], &diameters[..]];
    check_alike(41, &command.concat(), &[]);
}

#[test]
fn a_reference_need_not_be_the_first_frame() {
    let scratch = Scratch::new();
    for name in ["heat_unwrapped", "heat_wrapped", "heat_scaled"] {
        let dump = fixture(&format!("{name}.lammpstrj.gz"));
        let rows = |flags: &[&str]| {
            let text = hyalo(&[&["msd", &dump, "-q"], flags].concat()).ok().text();
            text.lines().skip(1).map(str::to_string).collect::<Vec<_>>()
        };
        // What --frames 10: takes as reference is frame 10.
        let from_ten = rows(&["--frames", "10:"]);
        assert_eq!(from_ten.len(), 3 * 31);
        assert_eq!(rows(&["--frames", "10:", "--reference", "10"]), from_ten);
        assert_eq!(
            rows(&["--frames", "25:", "--reference", "10"]),
            from_ten[45..]
        );
        assert_eq!(
            rows(&["--frames", "-3:", "--reference", "10"]),
            from_ten[84..]
        );
        assert_eq!(
            rows(&["--frames", "25:-3", "--reference", "10"]),
            from_ten[45..84]
        );
        let every_third: Vec<String> = (from_ten.chunks(3).step_by(3))
            .flat_map(<[String]>::to_vec)
            .collect();
        assert_eq!(
            rows(&["--frames", "10::3", "--reference", "10"]),
            every_third
        );
        assert!(rows(&["--frames", "25:"]) != from_ten[45..]);

        let refused = |flags: &[&str]| hyalo(&[&["msd", &dump], flags].concat()).refused();
        let message = refused(&["--reference", "10", "--frames", "8:"]);
        assert!(
            message.contains("frame 8: the frame comes before the reference, frame 10; choose frames from there on (--frames 10:), or an earlier --reference"),
            "{message}"
        );
        assert!(
            refused(&["--reference", "41"])
                .contains("frame 0: the frame comes before the reference, frame 41")
        );
        assert!(
            refused(&["--reference", "0", "--frames", "50:"]).contains("there is no frame to use")
        );
        assert!(refused(&["--reference", "0", "--lags", "log"]).contains("takes no --reference"));
    }
    // However far particles have gone by the first frame used.
    let dump = wandering(&scratch);
    let rows = |flags: &[&str]| -> Vec<Vec<String>> {
        let table = hyalo(&[&["msd", &dump, "-q"], flags].concat()).ok().table();
        table.only("species", "all").rows
    };
    let whole = rows(&[]);
    assert_eq!(rows(&["--reference", "0", "--frames", "40"]), whole[40..]);
    assert_eq!(rows(&["--reference", "0", "--frames", "-2:"]), whole[39..]);
    let every_tenth: Vec<_> = whole[5..].iter().step_by(10).cloned().collect();
    assert_eq!(
        rows(&["--reference", "0", "--frames", "5::10"]),
        every_tenth
    );
    let edge_squared = 100.0;
    assert!(whole[40].last().unwrap().parse::<f64>().unwrap() > 10.0 * edge_squared);
}

#[test]
fn movers_are_found_in_the_part_that_holds_both_temperatures() {
    // The windows lie in frames 18 to 27; the reference is frame 0, also where image flags are missing.
    let scratch = Scratch::new();
    for dump in [fixture("heat_unwrapped.lammpstrj.gz"), wandering(&scratch)] {
        let command = [
            "delta-star",
            &dump,
            "--temperature",
            "ramp:0.1:0.9",
            "--temperatures",
            "0.5,0.6",
            "--window",
            "0.045",
            "--icosahedra",
            "none",
            "-q",
        ];
        let whole = hyalo(&command).ok();
        let part = [&command[..], &["--reference", "0", "--frames", "16:31"]].concat();
        assert_eq!(hyalo(&part).ok().text(), whole.text(), "{dump}");
        let other = [&command[..], &["--frames", "16:31"]].concat();
        assert!(hyalo(&other).ok().text() != whole.text());
    }
}
