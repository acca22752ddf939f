//! The table `means`: what it says of replicas, against plain sums over the tables of runs on each of them.

mod common;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use common::{SMALL_PROTOCOL, Scratch, Table, hyalo};
use polars::prelude::{ParquetReader, SerReader};

/// Three replicas of a run.
static ENSEMBLE: LazyLock<Scratch> = LazyLock::new(|| {
    let scratch = Scratch::new();
    let protocol = scratch.file("protocol.toml", SMALL_PROTOCOL);
    let all = scratch.path("all");
    hyalo(&["simulate", &protocol, "--replicas", "3", "-q", "-o", &all]).ok();
    scratch
});

fn trajectories() -> Vec<String> {
    (1..=3)
        .map(|number| ENSEMBLE.path(&format!("all/replica-{number}/cool.extxyz")))
        .collect()
}

fn read(path: &str) -> Table {
    Table::parse(&std::fs::read_to_string(path).unwrap())
}

/// Mean and standard error of numbers, by the book.
fn by_the_book(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0);
    (mean, variance.sqrt() / n.sqrt())
}

/// Holds the means of a command against its main tables of each replica by itself. `keys` tell the rows of a replica apart.
#[track_caller]
fn check(command: &[&str], keys: &[&str], quantities: &[&str]) {
    let inputs = trajectories();
    let scratch = Scratch::new();
    let (main, means) = (scratch.path("main.csv"), scratch.path("means.csv"));
    let inputs_of_all: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let asked = format!("means={means}");
    let flags = ["--label", "glass", "-q", "-o", &main, "--table", &asked];
    hyalo(&[&command[..1], &inputs_of_all, &command[1..], &flags].concat()).ok();
    let alone: Vec<Table> = inputs
        .iter()
        .map(|input| {
            hyalo(&[&command[..1], &[input], &command[1..], &["-q"]].concat())
                .ok()
                .table()
        })
        .collect();
    let means = read(&means);
    let expected: Vec<String> = ["input"]
        .iter()
        .chain(keys)
        .chain(&["replicas"])
        .map(|name| name.to_string())
        .chain(
            quantities
                .iter()
                .flat_map(|name| [name.to_string(), format!("{name}_standard_error")]),
        )
        .collect();
    assert_eq!(means.names, expected);
    // The rows are those of the first replica.
    assert_eq!(means.rows.len(), alone[0].rows.len());
    for key in keys {
        assert_eq!(means.words(key), alone[0].words(key), "{key}");
    }
    assert!(means.words("input").iter().all(|label| *label == "glass"));
    let key_of = |table: &Table, row: usize| -> Vec<String> {
        keys.iter()
            .map(|key| table.words(key)[row].to_string())
            .collect()
    };
    for quantity in quantities {
        let mut values: BTreeMap<Vec<String>, Vec<&str>> = BTreeMap::new();
        for table in &alone {
            for (row, word) in table.words(quantity).into_iter().enumerate() {
                values.entry(key_of(table, row)).or_default().push(word);
            }
        }
        let found = means.words(quantity);
        let errors = means.words(&format!("{quantity}_standard_error"));
        let mut spreads = false;
        for row in 0..found.len() {
            let words = &values[&key_of(&means, row)];
            assert_eq!(means.words("replicas")[row], words.len().to_string());
            let numbers: Option<Vec<f64>> = words.iter().map(|word| word.parse().ok()).collect();
            let Some(numbers) = numbers else {
                assert_eq!((found[row], errors[row]), ("", ""), "{quantity}");
                continue;
            };
            let (mean, error) = by_the_book(&numbers);
            let close = |word: &str, exact: f64| {
                let value: f64 = word.parse().unwrap();
                (value - exact).abs() <= 1e-12 * mean.abs().max(error)
                    || value.is_nan() && exact.is_nan()
            };
            assert!(close(found[row], mean), "{quantity}: {} {mean}", found[row]);
            assert!(
                close(errors[row], error),
                "{quantity}: {} {error}",
                errors[row]
            );
            spreads |= error > 0.0;
        }
        let constant = [
            "particles",
            "origins",
            "hidden",
            "close_pairs",
            "cell_volume",
            "volume_sum",
            "volume_fraction",
        ];
        assert!(
            spreads || constant.contains(quantity) || quantity.starts_with("diameter"),
            "{quantity} does not differ from replica to replica"
        );
    }
}

const FRAME: [&str; 5] = ["frame", "step", "time", "temperature", "species"];

#[test]
fn of_displacements() {
    check(&["msd"], &FRAME, &["particles", "msd"]);
    check(
        &["msd", "--reference", "3", "--frames", "4::2"],
        &FRAME,
        &["particles", "msd"],
    );
}

#[test]
fn of_displacements_by_lag() {
    check(
        &["msd", "--lags", "linear"],
        &["lag_frames", "lag_steps", "lag_time", "species"],
        &[
            "particles",
            "origins",
            "msd",
            "mean_quartic_displacement",
            "alpha2",
        ],
    );
}

#[test]
fn of_pressures() {
    check(
        &["virial"],
        &FRAME,
        &[
            "particles",
            "pressure",
            "pressure_sd",
            "pressure_skewness",
            "pressure_min",
            "pressure_max",
            "virial_pressure",
            "energy",
            "dpressure_ddiameter",
            "dpressure_ddiameter_min",
            "diameter",
            "diameter_sd",
            "diameter_min",
            "diameter_max",
            "volume_fraction",
        ],
    );
}

#[test]
fn of_cells() {
    // The commonest index is a word, and words have no mean.
    check(
        &["voronoi"],
        &FRAME,
        &[
            "particles",
            "volume",
            "volume_sd",
            "volume_fraction",
            "volume_fraction_sd",
            "surface_area",
            "n_faces",
            "n_faces_sd",
            "hidden",
            "commonest_fraction",
            "volume_sum",
            "cell_volume",
            "close_pairs",
        ],
    );
}

#[test]
fn of_structures() {
    check(
        &["icosa", "--types", "icosahedron,Z14"],
        &[
            "frame",
            "step",
            "time",
            "temperature",
            "species",
            "structure",
        ],
        &[
            "particles",
            "count",
            "fraction",
            "count_per_central",
            "largest_cluster",
        ],
    );
}

/// Two particles, one of which moves along x, and the temperature of each frame.
fn moving(scratch: &Scratch, name: &str, places: &[(f64, f64)]) -> String {
    let frame = |(temperature, x): &(f64, f64)| {
        format!(
            "2\nLattice=\"9 0 0 0 9 0 0 0 9\" Properties=species:S:1:pos:R:3 temperature={temperature}\nA {x} 0 0\nA 4 4 4\n"
        )
    };
    scratch.file(name, places.iter().map(frame).collect::<String>())
}

const AS_IT_IS: [&str; 6] = ["-q", "--unwrap", "none", "--drift", "keep", "-o"];

#[test]
fn of_numbers_that_are_known() {
    let scratch = Scratch::new();
    let temperatures = [0.1, 0.2, 0.3];
    let run = |name: &str, places: [f64; 3]| {
        let frames: Vec<(f64, f64)> = temperatures.into_iter().zip(places).collect();
        moving(&scratch, name, &frames)
    };
    // ⟨Δr²⟩ is half the square: 0.5 and 2; 2 and 8; 4.5 and 8; and alone 0.5 and 2.
    let inputs = [
        run("1.extxyz", [1.0, 2.0, 3.0]),
        run("2.extxyz", [1.0, 3.0, 5.0]),
        run("3.extxyz", [1.0, 4.0, 5.0]),
        run("4.extxyz", [1.0, 2.0, 3.0]),
    ];
    let (main, means) = (scratch.path("main.csv"), scratch.path("means.csv"));
    let asked = format!("means={means}");
    let labels = [
        "--label", "glass", "--label", "glass", "--label", "glass", "--label", "other",
    ];
    let mut arguments = vec!["msd"];
    arguments.extend(inputs.iter().map(String::as_str));
    arguments.extend(AS_IT_IS);
    arguments.extend([main.as_str(), "--table", &asked]);
    arguments.extend(labels);
    hyalo(&arguments).ok();
    let table = read(&means).only("species", "all");
    assert_eq!(
        table.words("input"),
        ["glass", "glass", "glass", "other", "other", "other"]
    );
    assert_eq!(table.integers("replicas"), [3, 3, 3, 1, 1, 1]);
    assert_eq!(table.reals("temperature")[..3], temperatures);
    let msd = table.reals("msd");
    assert_eq!(msd[3..], [0.0, 0.5, 2.0]);
    for (found, exact) in msd.iter().zip([0.0, 7.0 / 3.0, 6.0]) {
        assert!((found - exact).abs() < 1e-14);
    }
    // Σ(x − 7/3)² = 49/6, Σ(x − 6)² = 24; over 2, over 3.
    let errors = table.words("msd_standard_error");
    assert_eq!(errors[3..], ["", "", ""]);
    for (found, exact) in errors.iter().zip([0.0, (49.0f64 / 36.0).sqrt(), 2.0]) {
        assert!((found.parse::<f64>().unwrap() - exact).abs() < 1e-14);
    }
    // A file of another format has the same rows, and the main table is what it is without.
    let (parquet, plain) = (scratch.path("means.parquet"), scratch.path("plain.csv"));
    let mut others = arguments.clone();
    let asked = format!("means={parquet}");
    others[11] = &plain;
    others[13] = &asked;
    hyalo(&others).ok();
    assert_eq!(
        std::fs::read(&plain).unwrap(),
        std::fs::read(&main).unwrap()
    );
    let file = std::fs::File::open(&parquet).unwrap();
    let frame = ParquetReader::new(file).finish().unwrap();
    assert_eq!(frame.height(), read(&means).rows.len());
}

#[test]
fn one_label_stands_for_all_inputs() {
    let scratch = Scratch::new();
    let inputs = trajectories();
    let all: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let once = hyalo(&[&["msd"], &all[..], &["--label", "x", "-q"]].concat()).ok();
    let each = ["--label", "x", "--label", "x", "--label", "x", "-q"];
    assert_eq!(
        once.stdout,
        hyalo(&[&["msd"], &all[..], &each].concat()).ok().stdout
    );
    assert_eq!(once.table().names[..2], ["input", "replica"]);
    // A shell's glob is in the order of its names.
    let script = format!(
        "{} msd {}/replica-*/cool.extxyz --label x -q",
        env!("CARGO_BIN_EXE_hyalo"),
        ENSEMBLE.path("all")
    );
    let globbed = std::process::Command::new("bash")
        .args(["-c", &script])
        .output()
        .unwrap();
    assert_eq!(globbed.stdout, once.stdout);
    assert!(scratch.names().is_empty());
}

#[test]
fn means_are_listed_and_a_single_input_has_them() {
    let listing = hyalo(&["voronoi", "--list-tables"]).ok().text();
    let (_, means) = listing
        .split_once("\nmeans: one row a label, frame and species: ")
        .unwrap();
    for name in ["input", "temperature", "replicas", "volume_standard_error"] {
        assert!(means.contains(&format!("\n    {name} ")), "{means}");
    }
    assert!(!means.contains("commonest_index"));
    // Rows of particles belong to nobody else.
    let listing = hyalo(&["delta-star", "--list-tables"]).ok().text();
    assert!(!listing.contains("\nmeans: "));
    let scratch = Scratch::new();
    let input = moving(&scratch, "1.extxyz", &[(0.1, 1.0), (0.2, 3.0)]);
    let means = scratch.path("means.csv");
    let asked = format!("means={means}");
    let arguments = ["msd", &input, "--table", &asked];
    hyalo(&[&arguments[..], &AS_IT_IS, &["/dev/null"]].concat()).ok();
    let table = read(&means).only("species", "all");
    assert_eq!(table.words("input"), [input.as_str(), &input]);
    assert_eq!(table.words("msd"), ["0.0", "2.0"]);
    assert_eq!(table.words("msd_standard_error"), ["", ""]);
}

#[test]
fn replicas_of_another_schedule_are_refused() {
    let scratch = Scratch::new();
    let one = moving(&scratch, "1.extxyz", &[(0.1, 1.0), (0.2, 3.0)]);
    let other = moving(&scratch, "2.extxyz", &[(0.1, 1.0), (0.25, 3.0)]);
    let (main, means) = (scratch.path("main.csv"), scratch.path("means.csv"));
    let asked = format!("means={means}");
    let arguments = ["msd", &one, &other, "--table", &asked, "--label", "x"];
    let message = hyalo(&[&arguments[..], &AS_IT_IS, &[&main]].concat()).refused();
    let expected = format!(
        "hyalo: {other}: frame 1: its temperature is 0.25, that of {one} is 0.2; means need replicas of one schedule"
    );
    assert!(message.starts_with(&expected), "{message}");
    assert_eq!(scratch.names(), ["1.extxyz", "2.extxyz"]);
    // Without means they are what they were, and so are inputs of other names.
    hyalo(
        &[
            &["msd", &one, &other, "--label", "x"],
            &AS_IT_IS[..],
            &["/dev/null"],
        ]
        .concat(),
    )
    .ok();
    let labels = ["--label", "x", "--label", "y", "--table", &asked];
    hyalo(&[&["msd", &one, &other], &labels[..], &AS_IT_IS, &[&main]].concat()).ok();
    assert_eq!(read(&means).only("species", "all").rows.len(), 4);
}
