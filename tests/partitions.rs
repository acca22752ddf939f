//! Partitions by `--frames`: the tables of the parts behind each other are the table of the whole, byte for byte as CSV, row for row as
//! Parquet.

mod common;

use std::fs::{self, File};
use std::sync::LazyLock;

use common::{SMALL_PROTOCOL, Scratch, fixture, hyalo};
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
    // Particles that leap from one frame used to the next are refused without a reference, and followed with one.
    let dump = fixture("heat_scaled.lammpstrj.gz");
    let exact = fixture("heat_wrapped.lammpstrj.gz");
    let last = |dump: &str, flags: &[&str]| -> f64 {
        let table = hyalo(&[&["msd", dump, "-q"], flags].concat()).ok().table();
        table.only("species", "all").reals("msd")[0]
    };
    let found = last(&dump, &["--reference", "0", "--frames", "40"]);
    let expected = last(&exact, &["--reference", "0", "--frames", "40"]);
    assert!((found / expected - 1.0).abs() < 1e-4, "{found} {expected}");
    assert!(scratch.names().is_empty());
}

#[test]
fn movers_are_found_in_the_part_that_holds_both_temperatures() {
    // The windows lie in frames 16 to 30; the reference is frame 0, also where image flags are missing.
    for name in ["heat_unwrapped", "heat_scaled"] {
        let dump = fixture(&format!("{name}.lammpstrj.gz"));
        let command = [
            "delta-star",
            &dump,
            "--temperature",
            "ramp:0.1:0.9",
            "--temperatures",
            "0.5,0.6",
            "--window",
            "0.03",
            "--icosahedra",
            "none",
            "-q",
        ];
        let whole = hyalo(&command).ok();
        let part = [&command[..], &["--reference", "0", "--frames", "16:31"]].concat();
        assert_eq!(hyalo(&part).ok().text(), whole.text(), "{name}");
        let other = [&command[..], &["--frames", "16:31"]].concat();
        assert!(hyalo(&other).ok().text() != whole.text());
    }
}
