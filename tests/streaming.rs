//! The same bytes come out however the frames come in, and whatever the number of threads.

mod common;

use std::io::Write;
use std::process::Stdio;

use common::{Scratch, command, fixture, fixture_bytes, hyalo, hyalo_fed, run};
use serde_json::Value;

/// One input of each native format, with the flags that it needs.
const NATIVE: [(&str, &[&str]); 5] = [
    ("triclinic_wrapped.lammpstrj", &[]),
    ("heat_unwrapped.lammpstrj.gz", &[]),
    ("triclinic.extxyz", &[]),
    ("triclinic_end.data", &[]),
    (
        "heat.xyz.gz",
        &[
            "--cell",
            "11.0064241629821,11.0064241629821,11.0064241629821",
        ],
    ),
];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// The provenance of a Parquet file, where it stands as text near the end; and the bytes before it, which are the rows.
fn parquet(path: &str) -> (Value, Vec<u8>) {
    let bytes = std::fs::read(path).expect("a table");
    let opening = br#"{"schema":"#;
    let at = bytes
        .windows(opening.len())
        .rposition(|window| window == opening);
    let at = at.expect("the provenance");
    let mut values = serde_json::Deserializer::from_slice(&bytes[at..]).into_iter::<Value>();
    let provenance = values.next().unwrap().expect("JSON");
    let length = u32::from_le_bytes(bytes[bytes.len() - 8..][..4].try_into().unwrap());
    let rows = bytes[..bytes.len() - 8 - length as usize].to_vec();
    (provenance, rows)
}

#[test]
fn pipes_and_compressions_give_the_bytes_of_the_file() {
    type Compress = fn(&[u8]) -> Vec<u8>;
    let compressions: [(&str, Compress); 4] =
        [("gz", gzip), ("xz", xz), ("bz2", bzip2), ("zst", zstd)];
    let scratch = Scratch::new();
    for (name, flags) in NATIVE {
        let plain = fixture_bytes(name);
        let bare = ["gz", "bz2"].iter().fold(name, |name, ending| {
            name.strip_suffix(&format!(".{ending}")).unwrap_or(name)
        });
        let file = scratch.file(bare, &plain);
        let table = scratch.path(&format!("{bare}.parquet"));
        let output = |input: &str, bytes: &[u8]| {
            let csv = [&["msd", input], flags].concat();
            let csv = hyalo_fed(&csv, bytes).ok().stdout;
            let rows = ["msd", input, "-o", &table, "--force", "-q"];
            let run = hyalo_fed(&[&rows, flags].concat(), bytes).ok();
            assert!(
                run.stdout.is_empty() && run.stderr.is_empty(),
                "{}",
                run.stderr
            );
            let (mut provenance, rows) = parquet(&table);
            let inputs = provenance["inputs"].as_array_mut().unwrap();
            assert_eq!(inputs[0]["name"].take(), input);
            assert_eq!(inputs[0]["bytes"], plain.len());
            (csv, provenance, rows)
        };
        let exact = output(&file, &[]);
        assert!(!exact.0.is_empty());
        assert!(exact == output("-", &plain), "{name} from a pipe");
        for (ending, compress) in compressions {
            let compressed = compress(&plain);
            let file = scratch.file(&format!("{bare}.{ending}"), &compressed);
            assert!(exact == output(&file, &[]), "{file}");
            assert!(exact == output("-", &compressed), "{file} from a pipe");
        }
        // The pipe is the default, and a file may be read again and again.
        let arguments = [&["msd"], flags].concat();
        assert_eq!(hyalo_fed(&arguments, &plain).ok().stdout, exact.0);
        assert!(exact == output(&file, &[]), "{name} again");
    }
}

#[test]
fn a_pipe_that_comes_in_small_pieces_gives_the_same_bytes() {
    let bytes = fixture_bytes("triclinic_wrapped.lammpstrj");
    let exact = hyalo_fed(&["msd"], &bytes).ok().stdout;
    let mut child = command(&["msd", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Pieces of a prime length end anywhere: in numbers, in headers, before line ends.
    bytes
        .chunks(997)
        .for_each(|piece| stdin.write_all(piece).unwrap());
    drop(stdin);
    assert_eq!(child.wait_with_output().unwrap().stdout, exact);
}

#[test]
fn the_number_of_threads_does_not_show() {
    let scratch = Scratch::new();
    let heat = fixture("heat_wrapped.lammpstrj.gz");
    let log = fixture("heat.log");
    let outputs = |arguments: &[&str], files: &[&str], threads: &str| {
        let run = hyalo(&[arguments, &["-j", threads, "-q", "--force"]].concat()).ok();
        let files = files
            .iter()
            .map(|file| std::fs::read(scratch.path(file)).expect("written"));
        std::iter::once(run.stdout).chain(files).collect::<Vec<_>>()
    };
    let displacements = format!("displacements={}", scratch.path("d.parquet"));
    let histogram = format!("histogram={}", scratch.path("h.ndjson"));
    let (annotated, figure) = (scratch.path("a.extxyz"), scratch.path("f.svg"));
    let (lags, alpha2) = (scratch.path("l.parquet"), scratch.path("alpha2.svg"));
    let reference: &[&str] = &[
        "msd",
        &heat,
        "--temperature",
        &log,
        "--masses",
        "1=1,2=1.728",
        "--table",
        &displacements,
        "--table",
        &histogram,
        "--annotate",
        &annotated,
        "--plot",
        &figure,
    ];
    let by_lag: &[&str] = &[
        "msd", &heat, "--lags", "linear", "-o", &lags, "--plot", &alpha2,
    ];
    let uneven = ["msd", &heat, "--lags", "linear", "--frames", "0:40:3"];
    let converted = [
        "convert",
        &heat,
        "--to",
        "data",
        "--frames",
        "-1",
        "-o",
        &scratch.path("c.data"),
    ];
    let dump = ["convert", &heat, "--unwrap", "auto", "--to", "dump"];
    for (arguments, files) in [
        (
            reference,
            &["d.parquet", "h.ndjson", "a.extxyz", "f.svg"][..],
        ),
        (by_lag, &["l.parquet", "alpha2.svg"]),
        (&uneven, &[]),
        (&converted, &["c.data"]),
        (&dump, &[]),
        (&["info", &heat, "--json"], &[]),
    ] {
        let one = outputs(arguments, files, "1");
        assert!(one.iter().map(Vec::len).sum::<usize>() > 100);
        for threads in ["2", "7"] {
            assert!(
                one == outputs(arguments, files, threads),
                "{arguments:?} with {threads} threads"
            );
        }
    }
}

/// What Python's `list(range(count))[slice]` gives, or `[list(range(count))[index]]`; `None` for an index out of range.
fn python(slice: &str, count: i64) -> Option<Vec<i64>> {
    let parts: Vec<Option<i64>> = slice.split(':').map(|part| part.parse().ok()).collect();
    if let [Some(index)] = parts[..] {
        let index = if index < 0 { index + count } else { index };
        return (0..count).contains(&index).then(|| vec![index]);
    }
    let bound = |at: usize, default: i64| match parts.get(at).copied().flatten() {
        None => default,
        Some(bound) if bound < 0 => (bound + count).max(0),
        Some(bound) => bound.min(count),
    };
    let step = parts.get(2).copied().flatten().unwrap_or(1);
    let (start, stop) = (bound(0, 0), bound(1, count));
    Some((start..stop).step_by(step as usize).collect())
}

#[test]
fn frames_are_chosen_as_in_python() {
    let exact = |slice: &str| python(slice, 8);
    // Of Python's documentation and prompt.
    assert_eq!(exact("-3:"), Some(vec![5, 6, 7]));
    assert_eq!(exact("::3"), Some(vec![0, 3, 6]));
    assert_eq!(exact("-100:-6"), Some(vec![0, 1]));
    assert_eq!(exact("8"), None);
    let dump = fixture("triclinic_unwrapped.lammpstrj.zst");
    let scratch = Scratch::new();
    let bytes = fixture_bytes("triclinic_unwrapped.lammpstrj.zst");
    let piped = scratch.file("x.lammpstrj", &bytes);
    let dcd = fixture("triclinic.dcd");
    let numbers = [-100, -9, -8, -7, -3, -1, 0, 1, 3, 7, 8, 9, 100];
    let mut slices: Vec<String> = numbers.iter().map(|index| index.to_string()).collect();
    let bounds: Vec<String> = std::iter::once(String::new())
        .chain(slices.clone())
        .collect();
    for (index, start) in bounds.iter().enumerate() {
        for (other, stop) in bounds.iter().enumerate() {
            // Every pair without a step, and each step with a third of them.
            slices.push(match (index + 2 * other) % 6 {
                0 => format!("{start}:{stop}:2"),
                1 => format!("{start}:{stop}:3"),
                2 => format!("{start}:{stop}:100"),
                _ => format!("{start}:{stop}"),
            });
        }
    }
    slices.extend(["::", ":", "::1", "::2"].map(str::to_string));
    for slice in &slices {
        let expected = exact(slice).filter(|frames| !frames.is_empty());
        let arguments = |input| {
            [
                "msd", input, "--frames", slice, "--unwrap", "none", "-q", "-j", "1",
            ]
        };
        let from_pipe = hyalo_fed(&arguments("-"), &bytes);
        let from_file = hyalo(&arguments(&piped));
        let others = match slice.len() % 3 {
            0 => vec![hyalo(&arguments(&dump)), hyalo(&arguments(&dcd))],
            _ => vec![],
        };
        assert_eq!(from_pipe.stdout, from_file.stdout, "--frames {slice}");
        for run in [from_pipe, from_file].into_iter().chain(others) {
            match &expected {
                Some(frames) => {
                    let table = run.ok().table();
                    let found = table.only("species", "all").integers("frame");
                    assert_eq!(found, *frames, "--frames {slice}");
                }
                None => {
                    let message = run.refused();
                    assert!(
                        message.contains("no frame to use"),
                        "--frames {slice}: {message}"
                    );
                }
            }
        }
    }
    for slice in ["::0", "::-1", "a:b", "1:2:3:4", "", "1.5"] {
        let message = hyalo(&["msd", &dump, "--frames", slice]).refused();
        assert!(message.contains(&format!("--frames {slice}:")), "{message}");
    }
}

#[test]
fn a_ramp_reaches_its_ends_from_a_file_and_from_a_pipe() {
    for name in ["heat_scaled.lammpstrj.gz", "heat.extxyz.gz"] {
        let ramp = ["--temperature", "ramp:0.1:0.9"];
        let file = fixture(name);
        let from_file = hyalo(&[&["msd", &file], &ramp[..]].concat()).ok();
        let bytes = fixture_bytes(name);
        assert_eq!(
            hyalo_fed(&[&["msd", "-"], &ramp[..]].concat(), &bytes)
                .ok()
                .stdout,
            from_file.stdout
        );
        let compressed = zstd(&bytes);
        assert_eq!(
            hyalo_fed(&[&["msd"], &ramp[..]].concat(), &compressed)
                .ok()
                .stdout,
            from_file.stdout
        );
        let table = from_file.table();
        for (step, temperature) in table
            .integers("step")
            .iter()
            .zip(table.reals("temperature"))
        {
            let exact = 0.1 + 0.8 * *step as f64 / 40_000.0;
            assert!(
                (temperature - exact).abs() < 1e-15,
                "{name}, step {step}: {temperature}"
            );
        }
        // The ends are those of the input, whatever is chosen of it.
        let chosen = [
            "msd",
            "-",
            "--frames",
            "-2:",
            "--temperature",
            "ramp:0.1:0.9",
        ];
        let chosen = hyalo_fed(&chosen, &bytes).ok().table();
        let all = table.words("temperature");
        assert_eq!(chosen.words("temperature"), all[all.len() - 6..]);
    }
}

#[test]
fn commands_are_piped_into_each_other() {
    for (name, flags) in NATIVE {
        let file = fixture(name);
        let log = match name.starts_with("heat") {
            true => fixture("heat.log"),
            false => fixture("triclinic.log"),
        };
        let with = [flags, &["--temperature", &log]].concat();
        let direct = hyalo(&[&["msd", &file], &with[..]].concat()).ok();
        let annotated = hyalo(&[&["msd", &file, "--annotate", "-"], &with[..]].concat()).ok();
        let again = hyalo_fed(&["msd", "-"], &annotated.stdout).ok();
        assert_eq!(again.text(), direct.text(), "{name}");
        // A third stage: the columns of the first are replaced, not doubled.
        let twice = hyalo_fed(&["msd", "--annotate", "-"], &annotated.stdout).ok();
        assert_eq!(twice.stdout, annotated.stdout, "{name}");
        let converted = hyalo_fed(&["convert", "--to", "xyz"], &annotated.stdout).ok();
        assert_eq!(converted.stdout, annotated.stdout, "{name}");
    }
}

#[test]
fn a_temperature_that_is_given_goes_with_the_annotated_frames() {
    // The input has a key of its own; what the user says counts, here and in the next command.
    let file = fixture("triclinic.extxyz");
    let ramp = ["--temperature", "ramp:1:2"];
    let direct = hyalo(&[&["msd", &file], &ramp[..]].concat()).ok().text();
    let annotated = hyalo(&[&["msd", &file, "--annotate", "-"], &ramp[..]].concat()).ok();
    assert_eq!(hyalo_fed(&["msd"], &annotated.stdout).ok().text(), direct);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let heat = fixture("heat_wrapped.lammpstrj.gz");
    let small = fixture("triclinic_wrapped.lammpstrj");
    let scratch = Scratch::new();
    let table = scratch.path("never.csv");
    let arguments: [&[&str]; 10] = [
        &["msd", &small],
        &["msd", &heat, "--annotate", "-"],
        &["msd", &heat, "--annotate", "-", "-o", &table],
        &["msd", &heat, "--table", "displacements=-", "-o", &table],
        &["msd", &heat, "--lags", "linear"],
        &["msd", "--list-tables"],
        &["info", &small],
        &["info", &small, "--json"],
        &["convert", &heat],
        &["convert", &small, "--to", "DCD"],
    ];
    for arguments in arguments {
        for threads in ["1", "2"] {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let mut command = command(arguments);
            command
                .args(["-j", threads])
                .stdin(Stdio::null())
                .stdout(writer)
                .stderr(Stdio::piped());
            let output = command.spawn().unwrap().wait_with_output().unwrap();
            let errors = String::from_utf8(output.stderr).unwrap();
            assert_eq!(
                (output.status.code(), errors.as_str()),
                (Some(0), ""),
                "{arguments:?}"
            );
        }
    }
    // What was to be a file did not become whole.
    assert_eq!(scratch.names(), [""; 0]);
}

#[cfg(unix)]
#[test]
fn head_takes_what_it_wants() {
    let script = format!(
        "set -o pipefail; {:?} msd {:?} --annotate - | head -n 1",
        env!("CARGO_BIN_EXE_hyalo"),
        fixture("heat_wrapped.lammpstrj.gz"),
    );
    let mut bash = std::process::Command::new("bash");
    let run = run(bash.args(["-c", &script]).stdin(Stdio::null()), &[]).ok();
    assert_eq!((run.text().as_str(), run.stderr.as_str()), ("1000\n", ""));
}

/// Many columns in the first line and many lines promise a table that the file is too short for; memory is not taken for it.
#[cfg(target_os = "linux")]
#[test]
fn a_table_that_a_file_is_too_short_for_takes_no_memory() {
    let count = 40_000;
    let text = format!(
        "{count}\n\nA 1 2 3{}{}",
        " 1".repeat(count),
        "\n".repeat(count)
    );
    let scratch = Scratch::new();
    let path = scratch.file("wide.xyz", text);
    let script = format!(
        "ulimit -v 6000000; exec {:?} info -j 1 {path:?}",
        env!("CARGO_BIN_EXE_hyalo")
    );
    let mut bash = std::process::Command::new("bash");
    let message = run(bash.args(["-c", &script]).stdin(Stdio::null()), &[]).refused();
    assert!(
        message.contains("wide.xyz: frame 0, line 4: the line has 0 values where 40004 belong"),
        "{}",
        &message[..200.min(message.len())]
    );
}
