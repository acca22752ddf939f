//! The contract on inputs and outputs: what is refused and in which words, what is accepted and as what.
//!
//! A case is one file. In `tests/protocol/bad`, a head ends at the line `---` and the input follows:
//!
//! - `run:` the command and its flags; the input is appended, and outputs for all that the command can write.
//! - `says:` the whole of standard error.
//! - `partial:` the number of frames that are used with `--partial`. Without it, `--partial` changes nothing.
//! - `made:` what is done to the input first: `gzip`, `xz`, `bzip2`, `zstd`, or `cut N` bytes off its end; several are done in turn.
//!
//! In `tests/protocol/good`, the input comes first, and after the line `---` what `hyalo convert` makes of it. Lines of
//! `tests/protocol/flags.txt` are flags and what they are answered.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder with an input in it, and places for outputs and temporary files that must be empty in the end.
struct Place(tempfile::TempDir);

struct Answer {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Place {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        for folder in ["out", "tmp"] {
            fs::create_dir(place.path().join(folder)).unwrap();
        }
        Place(place)
    }

    fn with(name: &str, content: &[u8]) -> Self {
        let place = Self::new();
        fs::write(place.path(name), content).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    fn hyalo(&self, arguments: &[&str], piped: Option<&[u8]>) -> Answer {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hyalo"))
            .args(arguments)
            .current_dir(self.0.path())
            .env("TMPDIR", self.path("tmp"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let piped = piped.unwrap_or_default().to_vec();
        // The program may come to its end before it has read everything.
        let feeder = std::thread::spawn(move || _ = stdin.write_all(&piped));
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        Answer {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs it and reports what is not as it should be: refused with this one line, and nothing left.
    fn refusal(&self, arguments: &[&str], piped: Option<&[u8]>, says: &str) -> Option<String> {
        let before = self.names(".").len();
        let answer = self.hyalo(arguments, piped);
        let mut wrong = Vec::new();
        if answer.code != Some(2) {
            wrong.push(format!("exit code {:?}", answer.code));
        }
        if answer.err != format!("hyalo: {says}\n") {
            wrong.push(format!("said    {}expected hyalo: {says}", answer.err));
        }
        if !answer.out.is_empty() {
            wrong.push(format!("wrote to standard output: {}", answer.out));
        }
        for folder in ["out", "tmp"] {
            let left = self.names(folder);
            if !left.is_empty() {
                wrong.push(format!("left in {folder}: {left:?}"));
            }
        }
        if self.names(".").len() != before {
            wrong.push(format!("left: {:?}", self.names(".")));
        }
        let command = arguments.join(" ");
        (!wrong.is_empty()).then(|| format!("hyalo {command}\n    {}", wrong.join("\n    ")))
    }
}

/// Everything that a command can write.
fn outputs(command: &str, flags: &str) -> &'static [&'static str] {
    match command {
        "msd" if flags.contains("--lags") => &["-o", "out/t.parquet", "--plot", "out/f.svg"],
        "msd" => &[
            "-o",
            "out/t.parquet",
            "--table",
            "displacements=out/d.csv",
            "--plot",
            "out/f.svg",
            "--annotate",
            "out/a.extxyz",
        ],
        "icosa" => &[
            "-o",
            "out/t.parquet",
            "--table",
            "particles=out/p.csv",
            "--plot",
            "out/f.svg",
            "--annotate",
            "out/a.extxyz",
        ],
        "convert" if flags.contains("--to") => &["-o", "out/c"],
        "convert" => &["-o", "out/c.extxyz"],
        _ => &[],
    }
}

fn cases(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/protocol")
        .join(folder);
    let mut cases: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    cases.sort();
    assert!(!cases.is_empty());
    cases
}

/// What stands before and after the first line `---`.
fn halves(content: &[u8]) -> (String, &[u8]) {
    let line = b"\n---\n";
    let at = content
        .windows(line.len())
        .position(|window| window == line)
        .expect("a line ---");
    let head = String::from_utf8(content[..=at].to_vec()).unwrap();
    (head, &content[at + line.len()..])
}

fn compressed(content: &[u8], how: &str) -> Vec<u8> {
    use hyalo::stream::bytes::Compression;
    use hyalo::stream::write::Encoder;
    let compression = match how {
        "gzip" => Compression::Gzip,
        "xz" => Compression::Xz,
        "bzip2" => Compression::Bzip2,
        "zstd" => Compression::Zstd,
        other => panic!("{other}?"),
    };
    let mut encoder = Encoder::new(Vec::new(), Some(compression)).unwrap();
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn report(wrong: Vec<String>) {
    assert!(
        wrong.is_empty(),
        "{} wrong:\n\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}

#[test]
fn bad_inputs_are_refused_in_one_line_that_tells_where_and_what_to_do() {
    let mut wrong = Vec::new();
    for (name, content) in cases("bad") {
        let (head, input) = halves(&content);
        let field = |key: &str| {
            head.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
        };
        let mut input = input.to_vec();
        for step in field("made")
            .into_iter()
            .flat_map(|steps| steps.split(", "))
        {
            match step.strip_prefix("cut ") {
                Some(count) => input.truncate(input.len() - count.parse::<usize>().unwrap()),
                None => input = compressed(&input, step),
            }
        }
        let run = field("run").unwrap_or("msd");
        let says = field("says").unwrap_or("");
        let (command, flags) = run.split_once(' ').unwrap_or((run, ""));
        let mut arguments = vec![command];
        arguments.extend(flags.split_whitespace());
        arguments.extend(outputs(command, flags));

        let place = Place::with(&name, &input);
        for (threads, partial) in [("1", false), ("3", false), ("3", true)] {
            let mut arguments = [&arguments[..], &[name.as_str(), "-j", threads]].concat();
            if partial {
                arguments.push("--partial");
            }
            match field("partial") {
                Some(frames) if partial => {
                    let answer = place.hyalo(&arguments, None);
                    let table = fs::read(place.path("out/t.parquet")).unwrap_or_default();
                    let table = String::from_utf8_lossy(&table);
                    let notes = [
                        "\"complete\":false".to_string(),
                        format!("\"frames_used\":{frames},"),
                    ];
                    let noted = notes.iter().all(|note| table.contains(note.as_str()));
                    if answer.code != Some(0) || !(noted || command != "msd") {
                        wrong.push(format!(
                            "{name} with --partial: {:?} {}",
                            answer.code, answer.err
                        ));
                    }
                }
                _ => wrong.extend(place.refusal(&arguments, None, says)),
            }
        }
        // The same through a pipe, where nothing but the name of the input differs.
        let format: &[&str] = match name.rsplit_once('.').unwrap().1 {
            _ if flags.contains("--format") => &[],
            "lammpstrj" => &["--format", "dump"],
            "extxyz" => &["--format", "xyz"],
            "data" => &["--format", "data"],
            _ => &[],
        };
        let arguments = [&arguments[..], &["-"], format].concat();
        let says = says.replacen(&name, "-", 1);
        wrong.extend(Place::new().refusal(&arguments, Some(&input), &says));
    }
    report(wrong);
}

/// Three frames with steps 0, 10 and 20.
const GOOD: &str = "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n3\nITEM: BOX BOUNDS pp pp pp\n0 10\n0 10\n0 10\nITEM: ATOMS id type x y z
1 1 1 2 3\n2 2 4 5 6\n3 1 7 8 9
ITEM: TIMESTEP\n10\nITEM: NUMBER OF ATOMS\n3\nITEM: BOX BOUNDS pp pp pp\n0 10\n0 10\n0 10\nITEM: ATOMS id type x y z
1 1 1.5 2 3\n2 2 4 5 6.5\n3 1 7 8 9.25
ITEM: TIMESTEP\n20\nITEM: NUMBER OF ATOMS\n3\nITEM: BOX BOUNDS pp pp pp\n0 10\n0 10\n0 10\nITEM: ATOMS id type x y z
1 1 2.5 2 3\n2 2 4 5 7.5\n3 1 7 8 0.25
";

#[test]
fn bad_flags_are_refused_in_one_line() {
    let place = Place::with("in.lammpstrj", GOOD.as_bytes());
    for (name, content) in [
        ("table.csv", "step,temperature\n0,0.1\n10,0.2\n"),
        ("thermo.log", "LAMMPS (22 Jul 2025)\nrun 0\n"),
        ("sizes.csv", "id,diameter\n1,1.0\n2,1.1\n"),
        ("twice.csv", "id,diameter\n1,1.0\n2,1.1\n2,1.2\n"),
        (
            "steps.csv",
            "step,T\n0,0.1\n0,0.1\n10,0.2\n10,0.3\n20,0.3\n",
        ),
        ("hot.csv", "step,T\n0,0.1\n10,\n20,inf\n"),
    ] {
        fs::write(place.path(name), content).unwrap();
    }
    std::os::unix::fs::symlink("table.csv", place.path("link.csv")).unwrap();
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protocol/flags.txt");
    let table = fs::read_to_string(table).unwrap();
    let wrong = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (flags, says) = line.split_once(" =>").expect("flags => message");
            let mut arguments: Vec<&str> = flags.split(' ').collect();
            arguments.push("in.lammpstrj");
            place.refusal(&arguments, None, says.trim())
        });
    report(wrong.collect());
}

#[test]
fn steps_that_go_back_tell_no_temperature() {
    let content = GOOD.replace("TIMESTEP\n20", "TIMESTEP\n5");
    let place = Place::with("in.lammpstrj", content.as_bytes());
    let end = "Loop time of 1 on 1 procs for 10 steps with 3 atoms";
    let log = format!("Step Temp\n0 0.1\n10 0.2\n{end}\nStep Temp\n5 0.3\n20 0.4\n{end}\n");
    fs::write(place.path("thermo.log"), log).unwrap();
    let wrong = [
        ("ramp:0.1:0.9", "a ramp is linear in the step"),
        ("thermo.log", "thermo.log has 2 sessions"),
    ]
    .into_iter()
    .filter_map(|(spec, why)| {
        let says = format!(
            "in.lammpstrj: frame 2: the steps go back here, and {why}; split the input here, or give its steps with --steps START:EVERY"
        );
        place.refusal(&["msd", "in.lammpstrj", "--temperature", spec], None, &says)
    });
    report(wrong.collect());
}

/// Commands that write to `table.csv`, `frames.extxyz` and `figure.svg`, each in its way.
const WRITING: [&str; 5] = [
    "msd in.lammpstrj -o table.csv",
    "msd in.lammpstrj -o out/x.csv --table histogram=table.csv",
    "msd in.lammpstrj -o out/x.csv --plot figure.svg",
    "msd in.lammpstrj -o out/x.csv --annotate frames.extxyz",
    "convert in.lammpstrj -o frames.extxyz",
];

#[test]
fn outputs_that_exist_are_left_alone_without_force() {
    let place = Place::with("in.lammpstrj", GOOD.as_bytes());
    let mut wrong = Vec::new();
    for command in WRITING {
        let arguments: Vec<&str> = command.split(' ').collect();
        let path = arguments.last().unwrap().trim_start_matches("histogram=");
        fs::write(place.path(path), "precious").unwrap();
        let says = format!("{path} already exists; --force replaces it; or give another path");
        wrong.extend(place.refusal(&arguments, None, &says));
        assert_eq!(fs::read(place.path(path)).unwrap(), b"precious");

        let forced = place.hyalo(&[&arguments[..], &["--force"]].concat(), None);
        assert_eq!(forced.code, Some(0), "{}", forced.err);
        assert_ne!(fs::read(place.path(path)).unwrap(), b"precious");
        _ = fs::remove_file(place.path("out/x.csv"));
        fs::remove_file(place.path(path)).unwrap();
    }
    report(wrong);
}

#[test]
fn an_output_in_the_place_of_a_folder_is_refused() {
    let place = Place::with("in.lammpstrj", GOOD.as_bytes());
    for name in ["table.csv", "frames.extxyz", "figure.svg"] {
        fs::create_dir(place.path(name)).unwrap();
    }
    let wrong = WRITING.iter().filter_map(|command| {
        let arguments: Vec<&str> = command.split(' ').collect();
        let path = arguments.last().unwrap().trim_start_matches("histogram=");
        let says = format!("{path} is a folder; give the path of a file");
        place.refusal(&[&arguments[..], &["--force"]].concat(), None, &says)
    });
    report(wrong.collect());
}

#[cfg(unix)]
#[test]
fn what_may_not_be_read_or_written_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::with("in.lammpstrj", GOOD.as_bytes());
    let set = |name: &str, mode| {
        fs::set_permissions(place.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    fs::create_dir(place.path("closed")).unwrap();
    set("closed", 0o555);
    if fs::write(place.path("closed/x"), "").is_ok() {
        // Nothing is closed to root.
        return;
    }
    let mut wrong = Vec::new();
    for command in [
        "msd in.lammpstrj -o closed/x.csv",
        "convert in.lammpstrj -o closed/x.csv --to xyz",
    ] {
        let arguments: Vec<&str> = command.split(' ').collect();
        let says = "cannot write closed/x.csv: Permission denied; its folder closed must exist and be writable";
        wrong.extend(place.refusal(&arguments, None, says));
    }
    set("in.lammpstrj", 0o000);
    let says = "in.lammpstrj: Permission denied; make it readable";
    for command in ["info", "msd", "convert"] {
        wrong.extend(place.refusal(&[command, "in.lammpstrj"], None, says));
    }
    report(wrong);
}

#[test]
fn inputs_that_are_no_files_are_refused() {
    let place = Place::new();
    fs::create_dir(place.path("folder.xyz")).unwrap();
    let mut wrong = Vec::new();
    for command in ["info", "msd", "convert"] {
        for (name, says) in [
            (
                "nosuch.xyz",
                "nosuch.xyz: No such file or directory; check the path",
            ),
            (
                "nosuch.dcd",
                "nosuch.dcd: No such file or directory; check the path",
            ),
            (
                "folder.xyz",
                "folder.xyz: it is a directory; give a file in it",
            ),
            ("out", "out: it is a directory; give a file in it"),
        ] {
            wrong.extend(place.refusal(&[command, name], None, says));
        }
        let says = "-: the input is empty; give a file or a pipe that holds at least one frame";
        wrong.extend(place.refusal(&[command, "-"], Some(b""), says));
        wrong.extend(place.refusal(&[command], Some(b""), says));
    }
    report(wrong);
}

#[test]
fn with_partial_a_range_counts_from_the_last_whole_frame() {
    let place = Place::with("in.lammpstrj", &GOOD.as_bytes()[..GOOD.len() - 5]);
    let frames = |range: &str| {
        let answer = place.hyalo(
            &["msd", "in.lammpstrj", "--partial", "--frames", range],
            None,
        );
        assert_eq!(answer.code, Some(0), "{}", answer.err);
        let rows = answer.out.lines().skip(1);
        let mut frames: Vec<String> = rows
            .map(|row| row.split(',').next().unwrap().into())
            .collect();
        frames.dedup();
        frames.join(" ")
    };
    assert_eq!(frames("-1"), "1");
    assert_eq!(frames("-2:"), "0 1");
    assert_eq!(frames(":-1"), "0");
    assert_eq!(frames("1:5"), "1");
}

#[test]
fn a_frame_without_particles_is_information_and_can_be_converted() {
    let empty = "ITEM: TIMESTEP\n5\nITEM: NUMBER OF ATOMS\n0\nITEM: BOX BOUNDS pp pp pp\n0 10\n0 10\n0 10\nITEM: ATOMS id type x y z\n";
    let place = Place::with("in.lammpstrj", format!("{empty}{GOOD}").as_bytes());
    let info = place.hyalo(&["info", "in.lammpstrj"], None);
    assert_eq!(info.code, Some(0), "{}", info.err);
    assert!(info.out.contains("particles    0 to 3"), "{}", info.out);
    let json = place.hyalo(&["info", "--json", "in.lammpstrj"], None);
    assert!(
        json.out.contains(r#""particles":{"min":0,"max":3}"#),
        "{}",
        json.out
    );
    for ending in ["lammpstrj", "extxyz"] {
        let path = format!("out/x.{ending}");
        let written = place.hyalo(&["convert", "in.lammpstrj", "-o", &path], None);
        assert_eq!(written.code, Some(0), "{}", written.err);
        let again = place.hyalo(&["convert", &path], None);
        assert_eq!(
            again.out,
            place.hyalo(&["convert", "in.lammpstrj"], None).out
        );
    }
    let data = place.hyalo(
        &[
            "convert",
            "in.lammpstrj",
            "--frames",
            "0",
            "-o",
            "out/x.data",
        ],
        None,
    );
    assert_eq!(data.code, Some(0), "{}", data.err);
    let info = place.hyalo(&["info", "out/x.data"], None);
    assert!(
        info.out.contains("particles    0\n"),
        "{}{}",
        info.out,
        info.err
    );
}

#[test]
fn good_inputs_are_read_for_what_they_say() {
    let mut wrong = Vec::new();
    for (name, content) in cases("good") {
        let (input, expected) = halves(&content);
        let expected = std::str::from_utf8(expected).unwrap();
        let other_line_ends = input.replace('\n', "\r\n");
        let blank_lines = format!("{input}\n\n");
        let zipped = compressed(input.as_bytes(), "gzip");
        let ways: [(&str, &[u8]); 4] = [
            ("as it is", input.as_bytes()),
            ("with the line ends of Windows", other_line_ends.as_bytes()),
            ("with blank lines at its end", blank_lines.as_bytes()),
            ("compressed", &zipped),
        ];
        for (way, input) in ways {
            let place = Place::with(&name, input);
            let from_file = place.hyalo(&["convert", &name], None);
            // From a pipe the format is told by the content.
            let from_pipe = place.hyalo(&["convert", "-j", "3"], Some(input));
            for (from, answer) in [("a file", from_file), ("a pipe", from_pipe)] {
                if answer.code != Some(0) || answer.out != expected {
                    let found = format!("{}{}", answer.out, answer.err);
                    wrong.push(format!(
                        "{name} {way} from {from}:\n{found}expected\n{expected}"
                    ));
                }
            }
            let info = place.hyalo(&["info", &name], None);
            if info.code != Some(0) {
                wrong.push(format!("info {name} {way}: {}", info.err));
            }
        }
    }
    report(wrong);
}
