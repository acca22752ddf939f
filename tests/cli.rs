//! The command line: the contract on which scripts depend.

mod common;

use std::path::Path;
use std::process::Stdio;

use common::{Scratch, Table, command, fixture, fixture_bytes, hyalo, hyalo_fed, worst};
use polars::prelude::{
    CsvWriter, DataFrame, IpcReader, JsonFormat, JsonReader, ParquetReader, SerReader, SerWriter,
};
use serde_json::{Value, json};

const DUMP: &str = "triclinic_wrapped.lammpstrj";

fn read(path: &str) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn file(path: &str) -> std::fs::File {
    std::fs::File::open(path).unwrap()
}

#[test]
fn exit_codes_tell_how_it_ended() {
    let dump = fixture(DUMP);
    let scratch = Scratch::new();
    for whole in [
        &["msd", &dump][..],
        &["info", &dump],
        &["convert", &dump],
        &["--help"],
        &["--version"],
        &["msd", "--help"],
        &["convert", "--help"],
        &["msd", "--list-tables"],
    ] {
        let run = hyalo(whole).ok();
        assert!(!run.stdout.is_empty(), "{whole:?}");
    }
    // What cannot run: one line that names the culprit, nothing on standard output, no file left behind.
    let output = scratch.path("x.csv");
    let missing = scratch.path("missing.lammpstrj");
    let strange = scratch.path("x.strange");
    let twice = format!("frames={}", scratch.path("y.csv"));
    let wrong: [(&[&str], &str); 14] = [
        (&["msd", &missing], "missing.lammpstrj"),
        (&["msd", &dump, "-o", &strange], "x.strange"),
        (&["msd", &dump, "-o", &output, "-j", "0"], "-j 0"),
        (
            &["msd", &dump, "-o", &output, "--threshold", "0"],
            "--threshold 0",
        ),
        (&["msd", &dump, "-o", &output, "--format", "pdf"], "pdf"),
        (
            &["msd", &dump, "-o", &output, "--table", "lags=y.csv"],
            "lags",
        ),
        (
            &["msd", &dump, "-o", &output, "--table", "displacements"],
            "NAME=PATH",
        ),
        (&["msd", &dump, "--table", &twice], "twice"),
        (
            &["msd", &dump, "-o", &output, "--plot", &strange],
            "x.strange",
        ),
        (
            &["msd", &dump, "-o", &output, "--plot", "alpha2=y.svg"],
            "alpha2",
        ),
        (
            &["msd", &dump, "-o", "-", "--annotate", "-"],
            "standard output",
        ),
        (
            &[
                "msd", &dump, &dump, &dump, "-o", &output, "--label", "one", "--label", "two",
            ],
            "--label is given 2 times for 3 inputs; give it once, or once for each input",
        ),
        (&["msd", "-", "-", "-o", &output], "standard input"),
        (&["info", &dump, "-o", &output], "no table"),
    ];
    for (arguments, part) in wrong {
        let message = hyalo(arguments).refused();
        assert!(message.starts_with("hyalo: "), "{message}");
        assert!(message.contains(part), "{part}: {message}");
        assert_eq!(scratch.names(), [""; 0], "{arguments:?}");
    }
    // Flags that clap refuses.
    for arguments in [
        &["msd", &dump, "--drift", "away"][..],
        &["msd", &dump, "--no-such-flag"],
        &["fly"],
    ] {
        let run = hyalo(arguments);
        assert_eq!((run.code, run.stdout.len()), (2, 0), "{arguments:?}");
        assert!(!run.stderr.is_empty());
    }
}

#[test]
fn data_go_to_standard_output_and_everything_else_to_standard_error() {
    let dump = fixture(DUMP);
    let run = hyalo(&["msd", &dump]).ok();
    let table = run.table();
    assert_eq!(
        table.names,
        [
            "frame",
            "step",
            "time",
            "temperature",
            "species",
            "particles",
            "msd"
        ]
    );
    assert_eq!(table.rows.len(), 8 * 3);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    assert!(run.stderr.starts_with("hyalo msd: ") && run.stderr.contains("8 frames, N = 200"));

    let quiet = hyalo(&["msd", &dump, "--quiet"]).ok();
    assert_eq!(
        (quiet.stdout, quiet.stderr.as_str()),
        (run.stdout.clone(), "")
    );
    let verbose = hyalo(&["msd", &dump, "-v"]).ok();
    assert_eq!(verbose.stdout, run.stdout);
    assert!(verbose.stderr.contains("image flags"), "{}", verbose.stderr);
    assert_eq!(hyalo(&["msd", &dump, "-v", "-q"]).code, 2);

    let convert = hyalo(&["convert", &dump]).ok();
    assert!(convert.stdout.starts_with(b"200\nLattice="));
    assert_eq!(convert.stderr.lines().count(), 1);
    assert!(hyalo(&["convert", &dump, "-q"]).ok().stderr.is_empty());

    let info: Value =
        serde_json::from_slice(&hyalo(&["info", &dump, "--json", "-q"]).ok().stdout).unwrap();
    assert_eq!(info["frames"], 8);
}

#[test]
fn standard_input_is_the_default_when_it_is_a_pipe() {
    let bytes = fixture_bytes(DUMP);
    for command in ["msd", "info", "convert"] {
        let named = hyalo_fed(&[command, "-"], &bytes).ok();
        assert_eq!(
            hyalo_fed(&[command], &bytes).ok().stdout,
            named.stdout,
            "{command}"
        );
        assert!(!named.stdout.is_empty());
    }
    let empty = hyalo_fed(&["msd"], b"").refused();
    assert!(empty.contains("-: ") && empty.contains("empty"), "{empty}");
}

#[test]
fn tables_are_listed_as_they_are_written() {
    let dump = fixture(DUMP);
    let scratch = Scratch::new();
    for (mode, tables, figures) in [
        (
            &[][..],
            &["frames", "displacements", "histogram", "means"][..],
            "figures: msd, histogram, density",
        ),
        (
            &["--lags", "linear"],
            &["lags", "means"],
            "figures: msd, alpha2",
        ),
    ] {
        let listing = hyalo(&[&["msd", "--list-tables"], mode].concat()).ok();
        assert!(listing.stderr.is_empty());
        let text = listing.text();
        assert!(text.ends_with(&format!("{figures}\n")), "{text}");
        let mut listed: Vec<(String, Vec<String>)> = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with("figures:")) {
            match line.strip_prefix("    ") {
                None => listed.push((line.split_once(": ").unwrap().0.to_string(), Vec::new())),
                Some(column) => {
                    let name = column.split_whitespace().next().unwrap();
                    listed.last_mut().unwrap().1.push(name.to_string());
                }
            }
        }
        assert_eq!(
            listed.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            tables
        );
        for (name, columns) in &listed {
            let path = scratch.path(&format!("{}-{name}.csv", tables[0]));
            let asked = format!("{name}={path}");
            let output = match tables[0] == name {
                true => vec!["-o", &path],
                false => vec!["--table", &asked],
            };
            hyalo(&[&["msd", &dump], mode, &output].concat()).ok();
            assert_eq!(
                Table::parse(&String::from_utf8(read(&path)).unwrap()).names,
                *columns
            );
        }
    }
}

#[test]
fn nothing_is_replaced_without_force() {
    let dump = fixture(DUMP);
    let scratch = Scratch::new();
    let (fresh, old) = (scratch.path("fresh.csv"), scratch.file("old", "precious"));
    let endings = ["csv", "parquet", "svg", "extxyz"];
    let paths = endings.map(|ending| {
        let path = scratch.path(&format!("old.{ending}"));
        std::fs::copy(&old, &path).unwrap();
        path
    });
    let [csv, parquet, svg, xyz] = &paths;
    let (histogram, density) = (format!("histogram={parquet}"), format!("density={svg}"));
    let further: [&[&str]; 4] = [
        &["msd", "-o", csv],
        &["msd", "-o", &fresh, "--table", &histogram],
        &["msd", "-o", &fresh, "--plot", &density],
        &["msd", "-o", &fresh, "--annotate", xyz],
    ];
    let names = scratch.names();
    for arguments in further
        .iter()
        .copied()
        .chain([&["convert", "-o", xyz.as_str()][..]])
    {
        let arguments = [arguments, &[&dump]].concat();
        let message = hyalo(&arguments).refused();
        assert!(
            message.contains("already exists; --force replaces it"),
            "{message}"
        );
        assert_eq!(scratch.names(), names, "{arguments:?}");
        assert!(paths.iter().all(|path| read(path) == b"precious"));
    }
    for arguments in further {
        hyalo(&[arguments, &[&dump, "--force"]].concat()).ok();
    }
    assert!(paths.iter().all(|path| read(path).len() > 100));
    // A run that fails in the middle leaves the old file alone, with --force, too.
    let cut = scratch.file("cut.lammpstrj", &fixture_bytes(DUMP)[..100_000]);
    let before = read(csv);
    let message = hyalo(&["msd", &cut, "-o", csv, "--force"]).refused();
    assert!(message.contains("frame 3"), "{message}");
    assert_eq!(read(csv), before);
    hyalo(&["convert", &cut, "-o", xyz, "--force"]).refused();
    assert!(
        !scratch
            .names()
            .iter()
            .any(|name| name.ends_with(".partial")),
        "{:?}",
        scratch.names()
    );
}

#[test]
fn figures_are_whole_images() {
    let dump = fixture("heat_wrapped.lammpstrj.gz");
    let log = fixture("heat.log");
    let scratch = Scratch::new();
    for (figure, mode) in [
        ("msd", &["--temperature", &log][..]),
        ("histogram", &["--temperature", &log, "--at", "0.3,0.6,0.9"]),
        ("density", &["--temperature", &log]),
        ("msd", &["--lags", "log"]),
        ("alpha2", &["--lags", "linear"]),
    ] {
        let paths = ["svg", "png"].map(|ending| scratch.path(&format!("figure.{ending}")));
        let named = paths.clone().map(|path| format!("{figure}={path}"));
        let fixed = [
            "msd", &dump, "--force", "-q", "--plot", &named[0], "--plot", &named[1],
        ];
        hyalo(&[&fixed, mode].concat()).ok();
        let svg = String::from_utf8(read(&paths[0])).unwrap();
        let tree = resvg::usvg::Tree::from_str(&svg, &Default::default()).unwrap();
        let png = resvg::tiny_skia::Pixmap::decode_png(&read(&paths[1])).unwrap();
        let (wide, high) = (png.width() as f32, png.height() as f32);
        // 3.4 inches at 300 pixels each; both of one shape.
        assert_eq!(wide, 1020.0, "{figure}");
        assert!((high / wide - tree.size().height() / tree.size().width()).abs() < 2e-3);
        let inked = png
            .pixels()
            .iter()
            .filter(|pixel| pixel.red() < 128)
            .count();
        assert!(inked > 3000, "{figure}: {inked} dark pixels");
        // Text is drawn as outlines: the figure looks the same everywhere.
        assert!(svg.contains("<path") && !svg.contains("<text"), "{figure}");
    }
    // The main figure needs no name.
    let (plain, named) = (scratch.path("plain.svg"), scratch.path("named.svg"));
    hyalo(&[
        "msd",
        &dump,
        "--plot",
        &plain,
        "--plot",
        &format!("msd={named}"),
    ])
    .ok();
    assert_eq!(read(&plain), read(&named));
}

#[test]
fn inputs_of_one_label_are_replicas() {
    let scratch = Scratch::new();
    // Two runs of two particles each, one of which moves along x; and a third, alone under its label.
    let run = |name: &str, places: [f64; 3]| {
        let mut text = String::new();
        for (frame, x) in places.into_iter().enumerate() {
            let temperature = 0.1 * (frame + 1) as f64;
            text += &format!(
                "2\nLattice=\"9 0 0 0 9 0 0 0 9\" Properties=species:S:1:pos:R:3 temperature={temperature}\nA {x} 0 0\nA 4 4 4\n"
            );
        }
        scratch.file(name, text)
    };
    let inputs = [
        run("1.extxyz", [1.0, 2.0, 3.0]),
        run("2.extxyz", [1.0, 3.0, 5.0]),
        run("3.extxyz", [1.0, 2.0, 3.0]),
    ];
    let (csv, parquet) = (scratch.path("msd.csv"), scratch.path("msd.parquet"));
    let (figure, single) = (scratch.path("msd.svg"), scratch.path("single.svg"));
    let flags = ["-q", "--unwrap", "none", "--drift", "keep"];
    let three = ["msd", &inputs[0], &inputs[1], &inputs[2]];
    let labels = ["--label", "glass", "--label", "glass", "--label", "other"];
    let more = format!("frames={parquet}");
    let outputs = ["-o", &csv, "--table", &more, "--plot", &figure];
    hyalo(&[&three[..], &flags, &labels, &outputs].concat()).ok();
    let table = Table::parse(&String::from_utf8(read(&csv)).unwrap()).only("species", "all");
    assert_eq!(table.names[..2], ["input", "replica"]);
    assert_eq!(
        table.words("replica"),
        ["1", "1", "1", "2", "2", "2", "1", "1", "1"]
    );
    assert_eq!(table.reals("msd")[..6], [0.0, 0.5, 2.0, 0.0, 2.0, 8.0]);
    // The same table in another format.
    let frame = ParquetReader::new(file(&parquet)).finish().unwrap();
    assert_eq!(as_csv(frame), String::from_utf8(read(&csv)).unwrap());
    // A figure with two lines and a band, unlike that of the first replica alone.
    hyalo(
        &[
            &["msd", &inputs[0], &inputs[2]],
            &flags[..],
            &["-o", "/dev/null", "--plot", &single],
        ]
        .concat(),
    )
    .ok();
    let bands = |path: &str| {
        String::from_utf8(read(path))
            .unwrap()
            .matches("fill-opacity")
            .count()
    };
    assert_eq!((bands(&figure), bands(&single)), (1, 0));

    // What has no mean is refused before anything is read.
    let refused = |labels: &[&str], plot: &str| {
        let inputs: Vec<&str> = inputs
            .iter()
            .cycle()
            .take(labels.len() / 2)
            .map(String::as_str)
            .collect();
        hyalo(
            &[
                &["msd"],
                &inputs[..],
                labels,
                &["-o", "/dev/null", "--plot", plot],
            ]
            .concat(),
        )
        .refused()
    };
    let uneven = [
        "--label", "a", "--label", "a", "--label", "a", "--label", "b", "--label", "b",
    ];
    let message = refused(&uneven, &scratch.path("x.svg"));
    assert!(
        message.contains("the label 'b' is given less often"),
        "{message}"
    );
    let message = refused(
        &uneven[..4],
        &format!("histogram={}", scratch.path("x.svg")),
    );
    assert!(
        message.contains("the figure 'histogram' is no mean"),
        "{message}"
    );
    assert!(!Path::new(&scratch.path("x.svg")).exists());
}

#[test]
fn several_inputs_are_told_apart() {
    let (first, second) = (fixture(DUMP), fixture("heat_full.lammpstrj.gz"));
    let scratch = Scratch::new();
    let alone = |input: &str| hyalo(&["msd", input]).ok().table();
    let run = hyalo(&["msd", &first, &second]).ok();
    let both = run.table();
    assert_eq!(both.names[0], "input");
    assert_eq!(both.names[1..], alone(&first).names);
    for input in [&first, &second] {
        let rows = both.only("input", input).rows;
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row[1..].to_vec()).collect();
        assert_eq!(rows, alone(input).rows);
    }
    assert_eq!(run.stderr.lines().count(), 2, "a line for each");

    // Labels, further tables, and a figure with both.
    let displacements = scratch.path("d.ndjson");
    let table = format!("displacements={displacements}");
    let figure = scratch.path("f.svg");
    let labels = ["--label", "tilted", "--label", "cube"];
    let fixed = ["msd", &first, &second, "--table", &table, "--plot", &figure];
    // One has times, the other has not: they cannot share an axis.
    let message = hyalo(&fixed).refused();
    assert!(message.contains("cannot be drawn on one axis"), "{message}");
    let fixed = [&fixed[..], &["--timestep", "0.005"]].concat();
    let labelled = hyalo(&[&fixed[..], &labels].concat()).ok();
    let mut names = labelled
        .table()
        .words("input")
        .iter()
        .map(|name| name.to_string())
        .collect::<Vec<_>>();
    names.dedup();
    assert_eq!(names, ["tilted", "cube"]);
    assert!(
        labelled.stderr.contains("hyalo msd: tilted: "),
        "{}",
        labelled.stderr
    );
    let text = String::from_utf8(read(&displacements)).unwrap();
    let inputs: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["input"].take())
        .collect();
    assert_eq!(inputs.len(), 8 * 200 + 2 * 1000);
    assert_eq!(
        (&inputs[1599], &inputs[1600]),
        (&json!("tilted"), &json!("cube"))
    );
    assert!(read(&figure).len() > 1000);

    // A temperature for each; a pipe among them.
    let logs = [fixture("triclinic.log"), fixture("heat.log")];
    let fixed = [
        "msd",
        "-",
        &second,
        "--temperature",
        &logs[0],
        "--temperature",
        &logs[1],
    ];
    let table = hyalo_fed(&fixed, &fixture_bytes(DUMP)).ok().table();
    assert_eq!(
        table.only("input", "-").reals("temperature")[0],
        0.9840882718
    );
    assert_eq!(table.only("input", &second).reals("temperature")[0], 0.2);
}

/// The columns of a table in any format, as text: names, and values as CSV has them.
#[test]
fn inputs_of_different_units_are_refused() {
    let scratch = Scratch::new();
    let file = |name: &str, units: &str| {
        let header = "Lattice=\"5 0 0 0 5 0 0 0 5\" Properties=species:S:1:pos:R:3 energy=-1";
        let ramp =
            (1..=20).map(|at| format!("1\n{header} temperature=0.{at:02} {units}\nA 0 0 0\n"));
        scratch.file(name, ramp.collect::<String>())
    };
    let unknown = file("unknown.extxyz", "");
    let (metal, lj) = (
        file("metal.extxyz", "units=metal"),
        file("lj.extxyz", "units=lj"),
    );
    for command in [&["msd"][..], &["tg-fit", "--energy", "energy"]] {
        let message = hyalo(&[command, &[&unknown, &metal, &lj]].concat()).refused();
        let what = format!("lj.extxyz: its units are lj, those of {metal} metal");
        assert!(message.contains(&what), "{message}");
    }
    hyalo(&["msd", &unknown, &metal]).ok();
}

fn as_csv(mut frame: DataFrame) -> String {
    let mut bytes = Vec::new();
    CsvWriter::new(&mut bytes).finish(&mut frame).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_ramp_goes_over_the_steps_that_are_given() {
    let dump = fixture(DUMP);
    let temperatures = |more: &[&str]| {
        let ramp = ["msd", &dump, "--temperature", "ramp:0.1:0.9"];
        hyalo(&[&ramp, more].concat())
            .ok()
            .table()
            .reals("temperature")
    };
    let (exact, given) = (temperatures(&[]), temperatures(&["--steps", "1000000:7"]));
    assert_eq!((given[0], given.last()), (0.1, Some(&0.9)));
    assert!(worst(&given, &exact, 0.0) < 1e-12);
}

#[cfg(target_os = "linux")]
#[test]
fn a_message_that_cannot_be_written_changes_no_exit_code() {
    for arguments in [&["msd", "nosuch.lammpstrj"][..], &["msd", "--nosuch"]] {
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let status = command(arguments).stderr(full).status().unwrap();
        assert_eq!(status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn damage_to_a_compressed_pipe_that_is_read_twice_is_told_as_damage() {
    let mut damaged = std::fs::read(fixture("heat_wrapped.lammpstrj.gz")).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 64].fill(0x55);
    let run = hyalo_fed(&["msd", "-", "--temperature", "ramp:0.1:0.9"], &damaged);
    let message = run.refused();
    assert!(
        message.contains("the gzip compression is damaged"),
        "{message}"
    );
    assert!(!message.contains("make room"), "{message}");
}

#[test]
fn every_table_format_holds_the_same_rows() {
    let dump = fixture(DUMP);
    let scratch = Scratch::new();
    for mode in [
        &[][..],
        &["--lags", "linear"],
        &["--temperature", "ramp:1:2", "--frames", "::2"],
    ] {
        let exact = hyalo(&[&["msd", &dump], mode].concat()).ok();
        let path = |ending: &str| {
            let path = scratch.path(&format!("x.{ending}"));
            let run = hyalo(&[&["msd", &dump, "-o", &path, "--force"], mode].concat()).ok();
            assert!(run.stdout.is_empty());
            path
        };
        assert_eq!(read(&path("csv")), exact.stdout);
        let (exact, names) = (exact.text(), exact.table().names);
        for ending in ["parquet", "pq"] {
            assert_eq!(
                as_csv(ParquetReader::new(file(&path(ending))).finish().unwrap()),
                exact
            );
        }
        for ending in ["arrow", "feather"] {
            assert_eq!(
                as_csv(IpcReader::new(file(&path(ending))).finish().unwrap()),
                exact
            );
        }
        for ending in ["ndjson", "jsonl"] {
            let reader = JsonReader::new(file(&path(ending)));
            let frame = reader
                .with_json_format(JsonFormat::JsonLines)
                .finish()
                .unwrap();
            // JSON does not tell the type of a column that is missing throughout.
            let found = Table::parse(&as_csv(frame));
            let exact = Table::parse(&exact);
            assert_eq!(found.names, names);
            let blank = |word: &str| {
                if word == "null" {
                    String::new()
                } else {
                    word.to_string()
                }
            };
            let rows = found
                .rows
                .iter()
                .map(|row| row.iter().map(|word| blank(word)).collect::<Vec<_>>());
            assert_eq!(rows.collect::<Vec<_>>(), exact.rows);
        }
    }
}

/// What a Parquet file says of its numbers.
fn provenance(path: &str) -> Value {
    let mut reader = ParquetReader::new(file(path));
    let metadata = reader.get_metadata().unwrap();
    let pairs = metadata.key_value_metadata().as_ref().unwrap();
    let pair = pairs.iter().find(|pair| pair.key == "hyalo").unwrap();
    serde_json::from_str(pair.value.as_deref().unwrap()).unwrap()
}

#[test]
fn parquet_tells_where_its_numbers_come_from() {
    let dump = fixture(DUMP);
    let scratch = Scratch::new();
    let (main, table) = (scratch.path("x.parquet"), scratch.path("d.parquet"));
    let further = format!("displacements={table}");
    let fixed = [
        "msd", &dump, "-o", &main, "--table", &further, "--drift", "keep", "--frames", "1:6:2",
    ];
    hyalo(&fixed).ok();
    let found = provenance(&main);
    let keys: Vec<&str> = found
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "schema",
            "program",
            "version",
            "command",
            "arguments",
            "inputs",
            "units",
            "seed",
            "complete",
            "notes",
            "table",
            "columns"
        ]
    );
    assert_eq!(found["program"], "hyalo");
    assert_eq!(found["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(found["command"], "msd");
    assert_eq!(found["arguments"]["command"]["drift"], "keep");
    assert_eq!(found["arguments"]["command"]["threshold"], 1.0);
    assert_eq!(found["arguments"]["input"]["frames"], "1:6:2");
    assert_eq!(found["units"], "lj");
    assert_eq!(found["complete"], true);
    assert_eq!(
        (&found["seed"], &found["notes"]),
        (&Value::Null, &json!([]))
    );
    // Frames up to the sixth were read, not the whole: its size and hash are not known.
    let input = json!({"name": dump, "format": "dump", "bytes": null, "blake3": null, "frames_used": 3, "positions": "wrapped, with image flags"});
    assert_eq!(found["inputs"], json!([input]));
    assert_eq!(found["table"], "frames");
    assert_eq!(provenance(&table)["table"], "displacements");
    for (path, found) in [(&main, found), (&table, provenance(&table))] {
        let frame = ParquetReader::new(file(path)).finish().unwrap();
        let columns = found["columns"].as_array().unwrap();
        let names: Vec<&str> = columns
            .iter()
            .map(|column| column["name"].as_str().unwrap())
            .collect();
        assert!(frame.get_column_names().iter().eq(&names));
        for (column, values) in columns.iter().zip(frame.columns()) {
            let kind = match values.dtype().to_string().as_str() {
                "i64" => "integer",
                "f64" => "real",
                "str" => "text",
                other => panic!("{other}"),
            };
            assert_eq!(column["type"], kind, "{column}");
            assert!(
                column["dimension"].is_string() && !column["meaning"].as_str().unwrap().is_empty()
            );
        }
    }
    // The whole input: its size and its hash.
    let whole = scratch.path("w.parquet");
    hyalo(&["msd", &dump, "-o", &whole]).ok();
    let found = provenance(&whole);
    let bytes = fixture_bytes(DUMP);
    assert_eq!(found["inputs"][0]["bytes"], bytes.len());
    assert_eq!(
        found["inputs"][0]["blake3"],
        blake3::hash(&bytes).to_hex().as_str()
    );
    assert_eq!(found["inputs"][0]["frames_used"], 8);
    // An input that ends early is not the whole answer.
    let cut = scratch.file("cut.lammpstrj", &bytes[..100_000]);
    let run = hyalo(&["msd", &cut, "--partial", "-o", &whole, "--force"]).ok();
    assert!(
        run.stderr.contains("in the middle of a frame"),
        "{}",
        run.stderr
    );
    let found = provenance(&whole);
    assert_eq!(
        (&found["complete"], &found["inputs"][0]["frames_used"]),
        (&json!(false), &json!(3))
    );
}

#[test]
fn a_trajectory_as_parquet_tells_where_it_comes_from() {
    let scratch = Scratch::new();
    let (dump, table) = (fixture(DUMP), scratch.path("x.parquet"));
    hyalo(&["convert", &dump, "-o", &table]).ok();
    let (found, bytes) = (provenance(&table), fixture_bytes(DUMP));
    let arguments = &found["arguments"]["input"];
    assert_eq!(
        (&found["command"], &arguments["unwrap"]),
        (&json!("convert"), &json!("none"))
    );
    let hash = blake3::hash(&bytes).to_hex().to_string();
    let input = json!({"name": dump, "format": "dump", "bytes": bytes.len(), "blake3": hash, "frames_used": 8, "positions": "wrapped, with image flags"});
    assert_eq!(found["inputs"], json!([input]));
    assert_eq!(
        (&found["complete"], &found["units"]),
        (&json!(true), &json!("lj"))
    );
    let cut = scratch.file("cut.lammpstrj", &bytes[..100_000]);
    hyalo(&["convert", &cut, "--partial", "-o", &table, "--force"]).ok();
    let found = provenance(&table);
    let frames = &found["inputs"][0]["frames_used"];
    assert_eq!((&found["complete"], frames), (&json!(false), &json!(3)));
}

#[test]
fn an_annotated_trajectory_has_the_displacements() {
    let dump = fixture(DUMP);
    let scratch = Scratch::new();
    let (annotated, table) = (scratch.path("a.extxyz.gz"), scratch.path("d.csv"));
    let further = format!("displacements={table}");
    hyalo(&["msd", &dump, "--annotate", &annotated, "--table", &further]).ok();
    let text = hyalo(&["convert", &annotated]).ok().text();
    let comment = text.lines().nth(1).unwrap();
    let (_, properties) = comment.split_once("Properties=").unwrap();
    let properties: Vec<&str> = properties.split([' ', ':']).collect();
    // Where a property stands in a row.
    let place = |name: &str| -> usize {
        let before = properties.chunks(3).take_while(|triple| triple[0] != name);
        before
            .map(|triple| triple[2].parse::<usize>().unwrap())
            .sum()
    };
    let (id, length, vector) = (place("id"), place("disp_mag"), place("displacement"));
    let table = Table::parse(&String::from_utf8(read(&table)).unwrap());
    let exact: Vec<(i64, f64, f64)> = (table.integers("id").into_iter())
        .zip(table.reals("displacement"))
        .zip(table.reals("displacement_z"))
        .map(|((id, length), z)| (id, length, z))
        .collect();
    let found: Vec<(i64, f64, f64)> = text
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(|words| words.len() > 3 && !words[0].contains('='))
        .map(|words| {
            let real = |at: usize| words[at].parse::<f64>().unwrap();
            (words[id].parse().unwrap(), real(length), real(vector + 2))
        })
        .collect();
    assert_eq!(found, exact);
    let message = hyalo(&["msd", &dump, "--annotate", &scratch.path("a.lammpstrj")]).refused();
    assert!(message.contains("extended XYZ"), "{message}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_says_so() {
    use std::io::{Read, Write};
    let scratch = Scratch::new();
    let output = scratch.path("x.csv");
    let mut child = command(&["msd", "-", "-j", "1", "-o", &output, "--annotate", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let pid = child.id().to_string();
    let frame = fixture_bytes("triclinic_unwrapped.lammpstrj.zst");
    std::thread::scope(|scope| {
        // Frames without end, until nobody takes them.
        scope.spawn(move || while stdin.write_all(&frame).is_ok() {});
        // Once a first piece has come out, the run is in the middle of its frames.
        stdout.read_exact(&mut [0; 100]).unwrap();
        let kill = std::process::Command::new("kill")
            .args(["-INT", &pid])
            .status();
        assert!(kill.unwrap().success());
        std::io::copy(&mut stdout, &mut std::io::sink()).unwrap();
    });
    let ended = child.wait_with_output().unwrap();
    let errors = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{errors}");
    assert!(errors.contains("interrupted"), "{errors}");
    // What is not the whole answer does not get the name of it.
    assert_eq!(scratch.names(), ["x.csv.incomplete"]);
    let rows =
        Table::parse(&String::from_utf8(read(&format!("{output}.incomplete"))).unwrap()).rows;
    assert!(!rows.is_empty());
}

#[test]
fn damaged_tables_logs_and_filters_are_refused_in_one_line_with_what_to_do() {
    let dump = fixture(DUMP);
    let scratch = Scratch::new();
    let cells = scratch.path("cells.parquet");
    let particles = format!("particles={cells}");
    hyalo(&[
        "voronoi",
        &dump,
        "--diameters",
        "1=1,2=1.2",
        "-o",
        "/dev/null",
        "--table",
        &particles,
    ])
    .ok();
    let mut parquet = read(&cells);
    let middle = parquet.len() - 200;
    parquet[middle..middle + 100].fill(0xff);
    let mut log = std::fs::read(fixture("triclinic.log")).unwrap();
    log[100] = 0xff;
    for (flag, name, content) in [
        ("--diameters", "damaged.parquet", parquet.as_slice()),
        ("--diameters", "cut.arrow", b"ARROW1"),
        // polars panics over it.
        (
            "--diameters",
            "large.ndjson",
            b"{\"id\": 18446744073709551615, \"diameter\": 1}\n",
        ),
        ("--diameters", "word.csv", b"id,diameter\n1,wide\n"),
        ("--diameters", "bytes.csv", b"id,diameter\n1,\xff\n"),
        ("--filter", "bytes.filter", b"* 1 A\n1 (\xff)\n"),
    ] {
        let path = scratch.file(name, content);
        let command = if flag == "--filter" { "icosa" } else { "msd" };
        let message = hyalo(&[command, &dump, flag, &path]).refused();
        assert!(
            message.contains(name) && message.contains("; "),
            "{message}"
        );
    }
    // What programs print beside their output need not be text.
    let log = scratch.file("bytes.log", &log);
    hyalo(&["msd", &dump, "--temperature", &log]).ok();
}
