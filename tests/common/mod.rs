//! What the acceptance tests share: running the program, reading what it writes by plain means, small trajectories.
#![allow(dead_code)] // Each test file uses a part of it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How a run of the program ended.
pub struct Run {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Run {
    /// The run, which must have given the whole answer.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self
    }

    /// The one line of a run that was refused.
    #[track_caller]
    pub fn refused(self) -> String {
        assert_eq!(self.code, 2, "{}", self.stderr);
        assert!(self.stdout.is_empty(), "nothing on standard output");
        let message = self.stderr.strip_suffix('\n').expect("a whole line");
        assert!(!message.contains('\n'), "one line: {message}");
        message.to_string()
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("text")
    }

    pub fn table(&self) -> Table {
        Table::parse(&self.text())
    }
}

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hyalo"));
    command.args(arguments);
    command
}

/// Runs the program with nothing on standard input.
pub fn hyalo(arguments: &[&str]) -> Run {
    run(command(arguments).stdin(Stdio::null()), &[])
}

/// Runs the program with these bytes piped into it.
pub fn hyalo_fed(arguments: &[&str], input: &[u8]) -> Run {
    run(command(arguments).stdin(Stdio::piped()), input)
}

/// Runs a command to its end.
pub fn run(command: &mut Command, input: &[u8]) -> Run {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let stdin = child.stdin.take();
    let mut errors = child.stderr.take().expect("a pipe");
    let mut output = child.stdout.take().expect("a pipe");
    let (mut stdout, mut stderr) = (Vec::new(), String::new());
    std::thread::scope(|scope| {
        if let Some(mut stdin) = stdin {
            // A program that stops early does not read to the end.
            scope.spawn(move || drop(stdin.write_all(input)));
        }
        scope.spawn(|| errors.read_to_string(&mut stderr).expect("text"));
        output.read_to_end(&mut stdout).expect("readable");
    });
    let status = child.wait().expect("it ends");
    Run {
        code: status.code().expect("no signal"),
        stdout,
        stderr,
    }
}

pub fn fixture(name: &str) -> String {
    format!("{}/fixtures/lammps/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The bytes of a fixture, decompressed.
pub fn fixture_bytes(name: &str) -> Vec<u8> {
    let bytes = std::fs::read(fixture(name)).expect("a fixture");
    let mut plain = Vec::new();
    let read = match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("gz") => flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut plain),
        Some("xz") => liblzma::read::XzDecoder::new(&bytes[..]).read_to_end(&mut plain),
        Some("bz2") => bzip2::read::BzDecoder::new(&bytes[..]).read_to_end(&mut plain),
        Some("zst") => zstd::Decoder::new(&bytes[..])
            .expect("a decoder")
            .read_to_end(&mut plain),
        _ => return bytes,
    };
    read.expect("a whole file");
    plain
}

/// A folder that goes when the test ends.
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    pub fn new() -> Self {
        Scratch(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    pub fn path(&self, name: &str) -> String {
        let path: PathBuf = self.0.path().join(name);
        path.into_os_string().into_string().expect("plain text")
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).expect("writable");
        path
    }

    /// Names of everything in it.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("readable");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// A protocol of 250 particles in a second or two: a liquid that is cooled, with eleven frames of it, and a minimum.
pub const SMALL_PROTOCOL: &str = r#"
version = 1
seed = 3

[[stage]]
name = "random"
kind = "create"
random.particles = 250
random.density = 0.6
random.species = [{ name = "A", diameter = 1.0, fraction = 0.5 }, { name = "B", diameter = 1.2, fraction = 0.5 }]

[[stage]]
name = "apart"
kind = "minimise"
force_tolerance = 10.0

[[stage]]
name = "liquid"
kind = "equilibrate"
temperature = 1.0
steps = 500
thermostat = { kind = "stochastic-rescaling", relaxation = 0.5 }

[[stage]]
name = "cool"
kind = "ramp"
from = 1.0
to = 0.4
steps = 1000
trajectory.every = 100
thermo.every = 100

[[stage]]
name = "minimum"
kind = "minimise"
force_tolerance = 0.01
"#;

/// Names and contents of the files of a folder, in the order of their names.
pub fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("plain text");
        (name, std::fs::read(entry.path()).expect("readable"))
    };
    let mut files: Vec<_> = entries.map(read).collect();
    files.sort();
    files
}

/// Checks that two folders hold the same files with the same bytes.
#[track_caller]
pub fn assert_same_files(ours: &str, theirs: &str) {
    let (ours, theirs) = (files(ours), files(theirs));
    let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
        files.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&ours), names(&theirs));
    for ((name, ours), (_, theirs)) in ours.iter().zip(&theirs) {
        assert!(ours == theirs, "{name} differs");
    }
}

/// A program of `tools/peers tests`, or of the folder that HYALO_PEERS names.
#[track_caller]
pub fn peer(name: &str) -> String {
    let folder = std::env::var("HYALO_PEERS").map_or_else(
        |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers"),
        PathBuf::from,
    );
    let path = folder.join("bin").join(name);
    assert!(
        path.exists(),
        "{} is missing: tools/peers tests installs it, or name its folder in HYALO_PEERS",
        path.display()
    );
    path.into_os_string().into_string().expect("plain text")
}

/// A folder in which the program goes by its name, to be put in front of `PATH`; and that `PATH`.
pub fn path_with_hyalo(scratch: &Scratch) -> String {
    let folder = scratch.folder().join("bin");
    std::fs::create_dir_all(&folder).expect("writable");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_hyalo"), folder.join("hyalo")).expect("a link");
    let others = std::env::var("PATH").expect("a PATH");
    format!("{}:{others}", folder.display())
}

/// A CSV without quotes, read the plain way.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub names: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        let mut lines = text
            .lines()
            .map(|line| line.split(',').map(str::to_string).collect::<Vec<_>>());
        let names = lines.next().expect("a line of names");
        let rows: Vec<Vec<String>> = lines.collect();
        assert!(rows.iter().all(|row| row.len() == names.len()), "{text}");
        Table { names, rows }
    }

    #[track_caller]
    fn at(&self, name: &str) -> usize {
        let at = self.names.iter().position(|known| known == name);
        at.unwrap_or_else(|| panic!("no column {name} in {:?}", self.names))
    }

    /// The rows of one species (or any other value of a column).
    #[track_caller]
    pub fn only(&self, name: &str, value: &str) -> Table {
        let at = self.at(name);
        let rows = self.rows.iter().filter(|row| row[at] == value);
        Table {
            names: self.names.clone(),
            rows: rows.cloned().collect(),
        }
    }

    #[track_caller]
    pub fn words(&self, name: &str) -> Vec<&str> {
        let at = self.at(name);
        self.rows.iter().map(|row| row[at].as_str()).collect()
    }

    #[track_caller]
    pub fn reals(&self, name: &str) -> Vec<f64> {
        let parse = |word: &str| word.parse().unwrap_or_else(|_| panic!("{name}: '{word}'"));
        self.words(name).into_iter().map(parse).collect()
    }

    #[track_caller]
    pub fn integers(&self, name: &str) -> Vec<i64> {
        let parse = |word: &str| word.parse().unwrap_or_else(|_| panic!("{name}: '{word}'"));
        self.words(name).into_iter().map(parse).collect()
    }
}

/// The last thermo output of a LAMMPS log: a row a step, values by the names of their columns.
pub fn thermo(log: &str) -> Vec<HashMap<String, f64>> {
    let text = String::from_utf8(fixture_bytes(log)).expect("text");
    let (_, last) = text.rsplit_once("\n   Step").expect("thermo output");
    let mut lines = last.lines();
    let names: Vec<String> = std::iter::once("Step")
        .chain(lines.next().expect("names").split_whitespace())
        .map(str::to_string)
        .collect();
    lines
        .take_while(|line| !line.starts_with("Loop"))
        .map(|line| {
            let values = line.split_whitespace().map(|word| word.parse().unwrap());
            names.iter().cloned().zip(values).collect()
        })
        .collect()
}

/// One snapshot of a dump, read the plain way: the lines before the atoms, and the values of each atom by id and column.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    pub header: Vec<String>,
    pub columns: Vec<String>,
    pub atoms: HashMap<i64, HashMap<String, String>>,
}

impl Snapshot {
    pub fn real(&self, id: i64, column: &str) -> f64 {
        self.atoms[&id][column].parse().expect("a number")
    }

    pub fn vector(&self, id: i64, columns: [&str; 3]) -> [f64; 3] {
        columns.map(|column| self.real(id, column))
    }

    pub fn ids(&self) -> Vec<i64> {
        let mut ids: Vec<i64> = self.atoms.keys().copied().collect();
        ids.sort_unstable();
        ids
    }
}

/// The snapshots of a dump.
pub fn snapshots(dump: &[u8]) -> Vec<Snapshot> {
    let text = std::str::from_utf8(dump).expect("text");
    let mut lines = text.lines().peekable();
    let mut snapshots = Vec::new();
    let mut header = Vec::new();
    while let Some(line) = lines.next() {
        let Some(names) = line.strip_prefix("ITEM: ATOMS ") else {
            header.push(line.to_string());
            continue;
        };
        let columns: Vec<String> = names.split_whitespace().map(str::to_string).collect();
        let mut atoms = HashMap::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("ITEM:")) {
            let words = line.split_whitespace().map(str::to_string);
            let values: HashMap<String, String> = columns.iter().cloned().zip(words).collect();
            assert_eq!(values.len(), columns.len(), "{line}");
            atoms.insert(values["id"].parse().expect("an id"), values);
        }
        snapshots.push(Snapshot {
            header: std::mem::take(&mut header),
            columns,
            atoms,
        });
    }
    snapshots
}

/// A generator of the splitmix kind.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in 0 … 1.
    pub fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A whole number from `low` to `high`, both included.
    pub fn integer(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }
}

pub type Vector = [f64; 3];

/// A trajectory as text of unwrapped dump snapshots: a step and positions each; the box is large.
pub fn unwrapped_dump(frames: &[(i64, Vec<Vector>)], type_of: impl Fn(usize) -> usize) -> String {
    let mut text = String::new();
    for (step, positions) in frames {
        write!(
            text,
            "ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{}\nITEM: BOX BOUNDS pp pp pp\n0 100\n0 100\n0 100\nITEM: ATOMS id type xu yu zu\n",
            positions.len()
        )
        .unwrap();
        for (row, [x, y, z]) in positions.iter().enumerate() {
            // The shortest text that reads back as the same number.
            writeln!(text, "{} {} {x:?} {y:?} {z:?}", row + 1, type_of(row)).unwrap();
        }
    }
    text
}

/// The worst relative deviation; where `exact` is zero, so must be the other within `floor`.
pub fn worst(found: &[f64], exact: &[f64], floor: f64) -> f64 {
    assert_eq!(found.len(), exact.len());
    let relative = found.iter().zip(exact).map(|(found, exact)| {
        assert!(found.is_finite());
        if (found - exact).abs() <= floor {
            0.0
        } else {
            ((found - exact) / exact).abs()
        }
    });
    relative.fold(0.0, f64::max)
}
