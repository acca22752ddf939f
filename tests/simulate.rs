//! `hyalo simulate`: what a run leaves behind, that it can be stopped at any moment and resumed, and that its frames can be piped.

mod common;

use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use common::{Run, Scratch, Table, assert_same_files, command, files, hyalo, run};
use hyalo::physics::registers::InstructionSet;
use hyalo::sink::table::read_columns;

/// Every kind of stage in a few thousand steps.
const PROTOCOL: &str = r#"
version = 1
seed = 3

[[stage]]
name = "random"
kind = "create"
random.particles = 500
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
steps = 2000
thermostat = { kind = "stochastic-rescaling", relaxation = 0.5 }

[[stage]]
name = "cool"
kind = "ramp"
from = 1.0
to = 0.1
steps = 7000
trajectory.every = 700
thermo.every = 300

[[stage]]
name = "minimum"
kind = "minimise"
force_tolerance = 0.01

[[stage]]
name = "homogenised"
kind = "homogenise"
step = 0.03
halvings = 0
force_tolerance = 0.01
distributions = [0, 1]
trajectory.every = 1

[[stage]]
name = "heat"
kind = "ramp"
start = "minimum"
from = 0.1
to = 1.5
steps = 4500
trajectory.every_temperature = 0.1

[[stage]]
name = "inherent"
kind = "inherent-structures"
of = "cool"
every = 2
force_tolerance = 0.01
"#;

/// A run that nobody disturbed.
static WHOLE: LazyLock<Scratch> = LazyLock::new(|| {
    let scratch = Scratch::new();
    let protocol = scratch.file("protocol.toml", PROTOCOL);
    let folder = scratch.path("run");
    let run = hyalo(&["simulate", &protocol, "-o", &folder, "-j", "1"]).ok();
    assert!(run.stdout.is_empty());
    scratch
});

fn whole(name: &str) -> String {
    let path = PathBuf::from(WHOLE.path("run")).join(name);
    path.into_os_string().into_string().unwrap()
}

#[track_caller]
fn assert_same_as_whole(folder: &str) {
    assert_same_files(folder, &WHOLE.path("run"));
}

/// Starts or resumes a run that saves at every occasion.
fn start(protocol: &str, folder: &str) -> Child {
    command(&[
        "simulate",
        protocol,
        "-o",
        folder,
        "-j",
        "1",
        "--resume",
        "--checkpoint-every",
        "0",
    ])
    .stdin(Stdio::null())
    .stdout(Stdio::null())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap()
}

/// Waits until a file of the folder holds so many bytes, under its own or its partial name.
fn wait_for(child: &mut Child, folder: &str, name: &str, bytes: u64) {
    let length = |name: &str| {
        let path = Path::new(folder).join(name);
        fs::metadata(path).map_or(0, |metadata| metadata.len())
    };
    loop {
        let has_ended = child.try_wait().unwrap().is_some();
        if length(name).max(length(&format!("{name}.partial"))) >= bytes {
            return;
        }
        assert!(!has_ended, "{name} never came");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn resume(folder: &str) -> Run {
    hyalo(&["simulate", "-o", folder, "--resume"])
}

#[test]
fn a_run_leaves_the_files_of_the_contract() {
    let names: Vec<String> = files(&WHOLE.path("run"))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let mut expected: Vec<String> = ["checkpoint", "protocol.toml"].map(String::from).to_vec();
    for stage in [
        "random",
        "apart",
        "liquid",
        "cool",
        "minimum",
        "homogenised",
        "heat",
    ] {
        expected.extend(["extxyz", "final.extxyz", "log"].map(|end| format!("{stage}.{end}")));
        if stage != "random" {
            expected.push(format!("{stage}.thermo.parquet"));
        }
    }
    expected.extend(["extxyz", "log", "thermo.parquet"].map(|end| format!("inherent.{end}")));
    expected.extend(
        ["homogenisation.parquet", "particles.parquet"].map(|end| format!("homogenised.{end}")),
    );
    expected.sort();
    assert_eq!(names, expected);
}

#[test]
fn a_run_up_to_a_stage_goes_on_behind_it() {
    let scratch = Scratch::new();
    let protocol = scratch.file("protocol.toml", PROTOCOL);
    let folder = scratch.path("run");
    let until = |stage: &str| {
        let flags = [
            "simulate", &protocol, "-o", &folder, "--resume", "--until", stage,
        ];
        hyalo(&[&flags[..], &["-j", "1"]].concat()).ok().stderr
    };
    assert!(until("cool").contains("is whole up to stage cool"));
    let exists = |name: &str| Path::new(&folder).join(name).exists();
    assert!(
        exists("cool.final.extxyz")
            && !exists("minimum.extxyz")
            && !exists("minimum.extxyz.partial")
    );
    // Once more, and to an earlier one: nothing is left to do.
    let before = files(&folder);
    for stage in ["cool", "liquid"] {
        assert!(until(stage).contains(&format!("the run is whole up to stage {stage}")));
        assert_eq!(files(&folder), before);
    }
    // `heat` starts from `minimum`, `inherent` looks at `cool`: what later stages need is kept.
    until("homogenised");
    resume(&folder).ok();
    assert_same_as_whole(&folder);
    // A stage that is none costs nothing, not even with --force.
    let before = files(&folder);
    let wrong = [
        "simulate", &protocol, "-o", &folder, "--until", "nosuch", "--force",
    ];
    assert!(
        hyalo(&wrong)
            .refused()
            .contains("there is no stage 'nosuch'")
    );
    assert_eq!(files(&folder), before);
    let plan = hyalo(&["simulate", &protocol, "--until", "liquid", "--dry-run"]).ok();
    let plan = plan.text();
    let stages: Vec<&str> = plan
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(stages, ["stage", "random", "apart", "liquid", "total"]);
}

fn column(path: &str, name: &str) -> Vec<f64> {
    let cells = read_columns(Path::new(path), &[&[name]]).unwrap();
    match &cells[0] {
        hyalo::data::table::Cells::Real(values) => values.iter().map(|x| x.unwrap()).collect(),
        hyalo::data::table::Cells::Integer(values) => {
            values.iter().map(|x| x.unwrap() as f64).collect()
        }
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn tables_and_trajectories_say_the_same() {
    let thermo = whole("cool.thermo.parquet");
    let steps = column(&thermo, "step");
    let expected: Vec<f64> = (0..7000)
        .step_by(300)
        .chain([7000])
        .map(f64::from)
        .collect();
    assert_eq!(steps, expected);
    let temperature = column(&thermo, "temperature");
    for (step, temperature) in steps.iter().zip(&temperature) {
        assert!((temperature - (1.0 - 0.9 * step / 7000.0)).abs() < 1e-12);
    }
    // The frames bear the numbers of the rows of the same step.
    let text = fs::read_to_string(whole("cool.extxyz")).unwrap();
    let comments: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("Lattice"))
        .collect();
    assert_eq!(comments.len(), 11);
    let key = |comment: &str, name: &str| -> f64 {
        let mut words = comment.split(' ');
        let value = words.find_map(|word| word.strip_prefix(&format!("{name}=")));
        value.unwrap().parse().unwrap()
    };
    let mut compared = 0;
    for comment in comments {
        let step = key(comment, "Timestep");
        assert!((key(comment, "Time") - 0.005 * step).abs() < 1e-12);
        let Some(row) = steps.iter().position(|other| *other == step) else {
            continue;
        };
        for (name, of) in [
            ("temperature", "temperature"),
            ("kinetic_temperature", "kinetic_temperature"),
            ("energy", "potential_energy"),
            ("pressure", "pressure"),
        ] {
            assert_eq!(key(comment, name), column(&thermo, of)[row], "{name}");
        }
        compared += 1;
    }
    assert_eq!(compared, 5);
    // Six of eleven frames are every second one, and minima lie below what they are minima of.
    let inherent = whole("inherent.thermo.parquet");
    assert_eq!(
        column(&inherent, "step"),
        [0.0, 1400.0, 2800.0, 4200.0, 5600.0, 7000.0]
    );
    let minima = column(&inherent, "potential_energy");
    assert!(minima[0] < column(&thermo, "potential_energy")[0]);
    // The diameters of the particles table are those of the final state.
    let particles = whole("homogenised.particles.parquet");
    let diameters = column(&particles, "diameter");
    let last = fs::read_to_string(whole("homogenised.final.extxyz")).unwrap();
    let radii: Vec<f64> = last
        .lines()
        .skip(2)
        .map(|line| line.split(' ').nth(5).unwrap().parse().unwrap())
        .collect();
    assert_eq!(radii.len(), 500);
    for (radius, diameter) in radii.iter().zip(&diameters[diameters.len() - 500..]) {
        assert_eq!(2.0 * radius, *diameter);
    }
    // The mean of P_i is the pressure of the trace; the deviation falls with every iteration that was accepted.
    let pressures = column(&particles, "pressure");
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let trace = whole("homogenised.homogenisation.parquet");
    let pressure = column(&trace, "pressure");
    assert!((mean(&pressures[..500]) - pressure[0]).abs() < 1e-12);
    assert_eq!(column(&trace, "particles")[..3], [500.0, 250.0, 250.0]);
    let deviations = column(&trace, "pressure_deviation");
    // What a refused iteration kept is summed up in another order.
    assert!(
        deviations.is_sorted_by(|a, b| a * (1.0 + 1e-9) >= *b) && deviations[0] > deviations[3]
    );
}

#[test]
fn killed_at_any_moment_and_resumed_it_ends_the_same() {
    let scratch = Scratch::new();
    let protocol = scratch.file("protocol.toml", PROTOCOL);
    let folder = scratch.path("run");
    for (name, bytes) in [
        ("checkpoint", 1),
        ("random.log", 1),
        ("apart.log", 100),
        ("liquid.log", 1),
        ("cool.extxyz", 90_000),
        ("cool.extxyz", 270_000),
        ("cool.final.extxyz", 1),
        ("minimum.log", 1),
        ("homogenised.extxyz", 70_000),
        ("heat.thermo.parquet", 1),
        ("inherent.log", 1),
        ("inherent.extxyz", 50_000),
    ] {
        let mut child = start(&protocol, &folder);
        wait_for(&mut child, &folder, name, bytes);
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    }
    let last = resume(&folder).ok();
    assert!(
        last.stderr.contains("going on with stage inherent"),
        "{}",
        last.stderr
    );
    assert_same_as_whole(&folder);
    // Nothing is left to be done.
    let again = resume(&folder).ok();
    assert!(again.stderr.contains("is whole"), "{}", again.stderr);
    assert_same_as_whole(&folder);
}

#[test]
fn interrupted_it_tells_how_to_go_on() {
    let scratch = Scratch::new();
    let protocol = scratch.file("protocol.toml", PROTOCOL);
    let folder = scratch.path("run");
    for (name, bytes) in [("apart.log", 1), ("cool.extxyz", 90_000), ("heat.log", 1)] {
        let mut child = start(&protocol, &folder);
        wait_for(&mut child, &folder, name, bytes);
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .unwrap()
                .success()
        );
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1), "{said}");
        let last = said.lines().last().unwrap();
        assert!(last.starts_with("hyalo: interrupted in stage "), "{said}");
        let how = format!("; go on with: hyalo simulate --resume -o {folder}");
        assert!(last.ends_with(&how), "{said}");
    }
    resume(&folder).ok();
    assert_same_as_whole(&folder);
}

#[test]
fn a_file_that_cannot_grow_is_told_in_one_line_and_costs_nothing() {
    let scratch = Scratch::new();
    let protocol = scratch.file("protocol.toml", PROTOCOL);
    let folder = scratch.path("run");
    // No file may exceed 144 blocks of 1024 bytes; the process is told so instead of being killed.
    let script = format!(
        "trap '' XFSZ; ulimit -f 144; exec {} simulate {protocol} -q -j 1 -o {folder} --checkpoint-every 0",
        env!("CARGO_BIN_EXE_hyalo")
    );
    let message = run(
        Command::new("bash")
            .args(["-c", &script])
            .stdin(Stdio::null()),
        &[],
    )
    .refused();
    let expected = format!("hyalo: cannot write {folder}/cool.extxyz.partial: File too large");
    assert!(message.starts_with(&expected), "{message}");
    assert!(
        message.ends_with(&format!("go on with: hyalo simulate --resume -o {folder}")),
        "{message}"
    );
    let resumed = resume(&folder).ok();
    assert!(
        resumed.stderr.contains("going on with stage cool"),
        "{}",
        resumed.stderr
    );
    assert_same_as_whole(&folder);
}

#[test]
fn frames_are_piped() {
    let protocol = WHOLE.path("protocol.toml");
    for stage in ["cool", "heat", "inherent"] {
        let piped = hyalo(&[
            "simulate", &protocol, "-j", "1", "-q", "--emit", stage, "-o", "-",
        ])
        .ok();
        let stored = fs::read(whole(&format!("{stage}.extxyz"))).unwrap();
        assert!(piped.stdout == stored, "{stage}");
    }
    // The last stage by default; standard output by default where it is a pipe.
    let piped = hyalo(&["simulate", &protocol, "-j", "1"]).ok();
    assert!(piped.stdout == fs::read(whole("inherent.extxyz")).unwrap());
    // Stages that nothing emitted needs are left out.
    assert!(
        piped.stderr.contains("cool:") && !piped.stderr.contains("heat:"),
        "{}",
        piped.stderr
    );
    let stored = hyalo(&["msd", &whole("cool.extxyz"), "-q"]).ok();
    assert_eq!(Table::parse(&stored.text()).rows.len(), 3 * 11);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let protocol = WHOLE.path("protocol.toml");
    let mut child = command(&["simulate", &protocol, "-q", "--emit", "cool", "-o", "-"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut start = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut start).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..])
    );
}

#[test]
fn a_folder_holds_one_run() {
    let protocol = WHOLE.path("protocol.toml");
    let before = files(&WHOLE.path("run"));
    let folder = WHOLE.path("run");
    let refused = |arguments: &[&str]| {
        let arguments = [&["simulate", "-o", &folder], arguments].concat();
        hyalo(&arguments).refused()
    };
    let message = refused(&[&protocol]);
    assert!(
        message
            .contains("checkpoint already exists; go on with --resume, start again with --force"),
        "{message}"
    );
    for other in [
        &["--seed", "4"][..],
        &["--set", "cool.steps=800"],
        &["--set", "timestep=0.004"],
    ] {
        let message = refused(&[&["--resume", &protocol], other].concat());
        assert!(
            message.contains("was begun with another protocol"),
            "{message}"
        );
    }
    let message = refused(&["--resume", &protocol, "-j", "2"]);
    assert!(message.contains("was begun with -j 1"), "{message}");
    let message = refused(&["--resume", "--seed", "3"]);
    assert!(message.contains("none is named"), "{message}");
    assert!(files(&folder) == before);

    // What holds no run can hold one; an earlier run is replaced when that is asked for.
    let scratch = Scratch::new();
    let path = scratch.path("run");
    fs::create_dir(&path).unwrap();
    fs::create_dir(scratch.path("run/lammps")).unwrap();
    for name in ["notes", "lammps/notes"] {
        fs::write(scratch.path(&format!("run/{name}")), "mine").unwrap();
    }
    fs::write(scratch.path("run/lammps/apart.0.in"), "of an earlier run").unwrap();
    let short = scratch.file(
        "short.toml",
        &PROTOCOL[..PROTOCOL.find("[[stage]]\nname = \"liquid\"").unwrap()],
    );
    let message = hyalo(&["simulate", &short, "-o", &path]).refused();
    assert!(message.contains("apart.0.in already exists"), "{message}");
    // Longer than there are seconds.
    hyalo(&[
        "simulate",
        &short,
        "-o",
        &path,
        "--force",
        "--checkpoint-every",
        "1e20",
    ])
    .ok();
    let renamed = fs::read_to_string(&short)
        .unwrap()
        .replace("apart", "parted");
    let renamed = scratch.file("renamed.toml", renamed);
    hyalo(&["simulate", &renamed, "-o", &path, "--force"]).ok();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
    let names: Vec<String> = (fs::read_dir(&path).unwrap())
        .map(|entry| name(entry).unwrap())
        .collect();
    assert!(names.contains(&"parted.log".to_string()) && names.contains(&"notes".to_string()));
    assert_eq!(
        fs::read_to_string(scratch.path("run/lammps/notes")).unwrap(),
        "mine"
    );
    assert!(!Path::new(&scratch.path("run/lammps/apart.0.in")).exists());
    assert!(
        !names.iter().any(|name| name.starts_with("apart")),
        "{names:?}"
    );
}

#[test]
fn what_cannot_run_is_refused_in_one_line() {
    let scratch = Scratch::new();
    let protocol = WHOLE.path("protocol.toml");
    let out = scratch.path("run");
    let wrong: [(&[&str], &str); 13] = [
        (
            &["-o", &out],
            "no protocol; name a TOML file, or a preset with --preset vhg-quick or vhg",
        ),
        (
            &["--preset", "nothing", "-o", &out],
            "there is no preset 'nothing'",
        ),
        (
            &[&protocol, "--emit", "cool", "-o", &out],
            "--emit chooses the frames that are streamed with -o -",
        ),
        (
            &[&protocol, "--emit", "nothing", "-o", "-"],
            "there is no stage 'nothing'",
        ),
        (
            &[&protocol, "--resume", "-o", "-"],
            "--resume needs the folder of a run",
        ),
        (
            &[
                &protocol, "--engine", "lammps", "--lammps", "nosuch", "-o", &out,
            ],
            "there is no program 'nosuch'",
        ),
        (
            &[&protocol, "--engine", "gromacs", "-o", &out],
            "there is no engine 'gromacs'",
        ),
        (
            &[&protocol, "--checkpoint-every", "-1", "-o", &out],
            "--checkpoint-every",
        ),
        (
            &[&protocol, "--set", "cool.colour=red", "-o", &out],
            "colour",
        ),
        (
            &[&protocol, "--seed", "5", "--set", "seed=7", "-o", &out],
            "--seed and --set seed are the same; give one of them",
        ),
        (&[&protocol, "-j", "0", "-o", &out], "-j 0"),
        (&[&scratch.path("none.toml"), "-o", &out], "none.toml"),
        (
            &["--resume", "-o", &out],
            "holds no run to go on with; name the folder",
        ),
    ];
    for (arguments, part) in wrong {
        let message = hyalo(&[&["simulate"], arguments].concat()).refused();
        assert!(message.contains(part), "{part}: {message}");
        assert_eq!(scratch.names(), [""; 0], "{arguments:?}");
    }
}

#[test]
fn a_dry_run_prints_the_plan_and_does_nothing_else() {
    let scratch = Scratch::new();
    let folder = scratch.path("run");
    let run = hyalo(&[
        "simulate",
        &WHOLE.path("protocol.toml"),
        "--dry-run",
        "-o",
        &folder,
    ])
    .ok();
    for word in ["random", "homogenised", "inherent", "total", "700", " s"] {
        assert!(run.text().contains(word), "{}", run.text());
    }
    assert!(scratch.names().is_empty() && run.stderr.is_empty());
}

#[test]
fn a_sample_is_taken_from_a_file_or_another_run() {
    let scratch = Scratch::new();
    let stages = "
        [[stage]]
        name = 'heat'
        kind = 'ramp'
        from = 0.1
        to = 0.2
        steps = 20
        trajectory.every = 10
        ";
    let run_of = |name: &str, source: &str| {
        let text =
            format!("version = 1\n[[stage]]\nname = 'start'\nkind = 'create'\n{source}{stages}");
        hyalo(&["simulate", &scratch.file(name, text), "-q", "-o", "-"])
    };
    let folder = WHOLE.path("run");
    let from_run = run_of(
        "run.toml",
        &format!("run = {{ folder = '{folder}', stage = 'cool' }}\n"),
    )
    .ok();
    let path = whole("cool.final.extxyz");
    let from_file = run_of(
        "file.toml",
        &format!("file = {{ path = '{path}', frame = -1 }}\n"),
    )
    .ok();
    assert!(from_run.stdout == from_file.stdout);
    assert!(from_run.text().starts_with("500\n"));
    let first = |bytes: &[u8]| {
        String::from_utf8_lossy(bytes)
            .lines()
            .nth(2)
            .unwrap()
            .to_string()
    };
    let position = |line: &str| {
        line.split(' ')
            .take(5)
            .map(str::to_string)
            .collect::<Vec<_>>()
    };
    let stored = fs::read(&path).unwrap();
    assert_eq!(
        position(&first(&from_run.stdout)),
        position(&first(&stored))
    );

    let of_file = |name: &str, content: &str, more: &str| {
        let path = scratch.file(name, content);
        run_of(
            "bad.toml",
            &format!("file = {{ path = '{path}', frame = 0{more} }}\n"),
        )
        .refused()
    };
    let text = String::from_utf8(stored).unwrap();
    let edge = text.split(&['"', ' '][..]).nth(1).unwrap();
    let message = of_file("small.extxyz", &text.replace(edge, "5.5"), "");
    assert!(
        message.contains("stage start: the box edge 5.5") && message.contains("too small"),
        "{message}"
    );
    let message = of_file("bare.extxyz", &text.replace("radius:R:1", "other:R:1"), "");
    assert!(message.contains("the frame has no diameters"), "{message}");
    let message = of_file(
        "open.extxyz",
        &text.replace("pbc=\"T T T\"", "pbc=\"T T F\""),
        "",
    );
    assert!(message.contains("periodic in x, y and z"), "{message}");
    // The second particle where the first one is.
    let lines: Vec<&str> = text.lines().collect();
    let place = |line: &str| {
        line.split(' ')
            .skip(1)
            .take(3)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let on_top = text.replace(&place(lines[3]), &place(lines[2]));
    let message = of_file("twice.extxyz", &on_top, "");
    assert!(
        message.contains("particles 1 and 2 overlap: they are 0 apart"),
        "{message}"
    );

    // What is wrong is found before anything is made.
    let (protocol, out) = (scratch.path("bad.toml"), scratch.path("out"));
    hyalo(&["simulate", &protocol, "-o", &out]).refused();
    let mut narrow = command(&["simulate", "--preset", "vhg-quick", "-o", &out]);
    let message = run(narrow.env("HYALO_INSTRUCTION_SET", "abacus"), b"").refused();
    assert!(
        message.contains("HYALO_INSTRUCTION_SET is 'abacus'"),
        "{message}"
    );
    assert!(!Path::new(&out).exists());
}

#[test]
fn what_does_not_converge_or_blows_up_ends_with_1() {
    let scratch = Scratch::new();
    let protocol = WHOLE.path("protocol.toml");
    let failed = |name: &str, settings: &[&str]| {
        let folder = scratch.path(name);
        let run = hyalo(&[&["simulate", &protocol, "-q", "-o", &folder], settings].concat());
        assert_eq!(
            (run.code, run.stderr.lines().count()),
            (1, 1),
            "{}",
            run.stderr
        );
        assert!(Path::new(&folder).join("checkpoint").exists());
        run.stderr
    };
    let said = failed("steps", &["--set", "minimum.max_steps=20"]);
    assert!(
        said.starts_with("hyalo: stage minimum: not minimised after 20 steps"),
        "{said}"
    );
    let said = failed("iterations", &["--set", "homogenised.max_iterations=1"]);
    assert!(
        said.starts_with("hyalo: stage homogenised: not homogenised after 1 iteration"),
        "{said}"
    );
}

/// Sixty particles that only repel each other, in no time.
const QUICK: &str = r#"
version = 1
potential = "weeks-chandler-andersen"

[[stage]]
name = "random"
kind = "create"
random.particles = 60
random.density = 0.6
random.species = [{ name = "A", diameter = 1.0, fraction = 0.5 }, { name = "B", diameter = 1.2, fraction = 0.5 }]

[[stage]]
name = "apart"
kind = "minimise"
force_tolerance = 1.0

[[stage]]
name = "liquid"
kind = "equilibrate"
temperature = 1.0
steps = 300

[[stage]]
name = "cool"
kind = "ramp"
from = 1.0
to = 0.5
steps = 200
trajectory.every = 50

[[stage]]
name = "inherent"
kind = "inherent-structures"
of = "cool"
"#;

/// A run of [`QUICK`], whole or up to a stage.
fn quick(scratch: &Scratch, name: &str, flags: &[&str]) -> String {
    let (protocol, folder) = (scratch.file("quick.toml", QUICK), scratch.path(name));
    let fixed = ["simulate", &protocol, "-q", "-j", "1", "-o", &folder];
    hyalo(&[&fixed[..], flags].concat()).ok();
    folder
}

/// A protocol that starts from a source and goes on with a stage of a name.
fn starting_from(scratch: &Scratch, source: &str, stage: &str) -> String {
    let text = format!(
        "version = 1\npotential = \"weeks-chandler-andersen\"\n\
         [[stage]]\nname = \"start\"\nkind = \"create\"\n{source}\n\
         [[stage]]\nname = \"{stage}\"\nkind = \"ramp\"\nfrom = 1.0\nto = 0.5\nsteps = 50\n"
    );
    scratch.file("starting.toml", text)
}

#[test]
fn a_folder_called_lammps_makes_no_run_one_of_lammps() {
    let scratch = Scratch::new();
    let whole = quick(&scratch, "whole", &[]);
    fs::create_dir_all(scratch.path("run/lammps")).unwrap();
    scratch.file("run/lammps/log.lammps", "mine");
    let run = quick(&scratch, "run", &["--until", "liquid"]);
    resume(&run).ok();
    fs::remove_dir_all(scratch.path("run/lammps")).unwrap();
    assert_same_files(&run, &whole);
}

#[test]
fn what_a_run_starts_from_is_not_removed() {
    let scratch = Scratch::new();
    let folder = quick(&scratch, "run", &["--until", "liquid"]);
    let before = files(&folder);
    let source = format!("{folder}/liquid.final.extxyz");
    for (source, stage) in [
        (
            format!("run = {{ folder = '{folder}', stage = 'liquid' }}"),
            "other",
        ),
        (format!("file = {{ path = '{source}' }}"), "liquid"),
    ] {
        let protocol = starting_from(&scratch, &source, stage);
        let message = hyalo(&["simulate", &protocol, "-o", &folder, "--force"]).refused();
        let expected = format!(
            "hyalo: the run starts from {folder}/liquid.final.extxyz, which --force would remove; give another folder"
        );
        assert_eq!(message, expected);
        assert!(files(&folder) == before);
    }
}

#[test]
fn a_source_is_needed_by_the_first_stage_only() {
    let scratch = Scratch::new();
    let first = quick(&scratch, "first", &["--until", "liquid"]);
    let source = format!("run = {{ folder = '{first}', stage = 'liquid' }}");
    let protocol = starting_from(&scratch, &source, "cooled");
    let [whole, run] = ["whole", "run"].map(|name| scratch.path(name));
    let flags = ["simulate", &protocol, "-q", "-j", "1", "-o"];
    hyalo(&[&flags[..], &[&whole]].concat()).ok();
    hyalo(&[&flags[..], &[&run, "--until", "start"]].concat()).ok();
    fs::rename(&first, scratch.path("moved")).unwrap();
    resume(&run).ok();
    assert_same_files(&run, &whole);
    // What another protocol has left is still found.
    let quick = scratch.path("quick.toml");
    hyalo(&[
        "simulate", &quick, "-q", "-o", &run, "--until", "random", "--force",
    ])
    .ok();
    assert!(!Path::new(&run).join("cooled.log").exists());
}

#[test]
fn threads_that_cannot_be_started_make_no_difference() {
    let scratch = Scratch::new();
    let protocol = scratch.file("quick.toml", QUICK);
    let flags = [
        "simulate", &protocol, "-q", "-j", "3", "--emit", "cool", "-o", "-",
    ];
    let usual = hyalo(&flags).ok();
    // No stack of that size fits into memory.
    let alone = run(
        command(&flags).env("RUST_MIN_STACK", (1_u64 << 47).to_string()),
        &[],
    )
    .ok();
    assert!(usual.text().starts_with("60\n") && alone.stdout == usual.stdout);
}

#[test]
fn a_protocol_that_was_edited_in_the_folder_is_not_overwritten() {
    let scratch = Scratch::new();
    let folder = quick(&scratch, "run", &["--until", "liquid"]);
    let file = format!("{folder}/protocol.toml");
    let written = fs::read_to_string(&file).unwrap();
    fs::write(&file, written.replace("steps = 200", "steps = 400")).unwrap();
    let before = files(&folder);
    let message = hyalo(&["simulate", "--resume", "-o", &folder]).refused();
    let expected =
        format!("hyalo: {folder} was begun with another protocol than {file} is; remove ");
    assert!(message.starts_with(&expected), "{message}");
    assert!(files(&folder) == before);
    fs::remove_file(&file).unwrap();
    resume(&folder).ok();
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
}

#[test]
fn an_output_without_a_name_is_refused() {
    let scratch = Scratch::new();
    let protocol = scratch.file("quick.toml", QUICK);
    for flags in [&[][..], &["--replicas", "2"], &["--resume"]] {
        let mut command = command(&[&["simulate", &protocol, "-o", ""], flags].concat());
        let message = run(command.current_dir(scratch.folder()), &[]).refused();
        assert!(
            message.contains("-o '' names no folder; name one"),
            "{message}"
        );
        assert_eq!(scratch.names(), ["quick.toml"]);
    }
}

/// Changes the value of a checkpoint, whose checksum is then that of the new one.
fn change_checkpoint(folder: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = Path::new(folder).join("checkpoint");
    let bytes = fs::read(&path).unwrap();
    let (head, rest) = bytes.split_at(1 + bytes.iter().position(|byte| *byte == b'\n').unwrap());
    let mut value = rest[32..].to_vec();
    change(&mut value);
    let hash = blake3::hash(&value);
    fs::write(&path, [head, hash.as_bytes(), &value].concat()).unwrap();
}

#[test]
fn a_run_goes_on_with_the_instruction_set_that_it_was_begun_with() {
    let scratch = Scratch::new();
    let whole = quick(&scratch, "whole", &[]);
    let set = InstructionSet::preferred().name();
    // A checkpoint may end before the engine, the length of the name and the name: then it is taken as it is.
    let run_without = quick(&scratch, "without", &["--until", "liquid"]);
    change_checkpoint(&run_without, |value| {
        let means = [&[0, set.len() as u8], set.as_bytes()].concat();
        assert!(value.ends_with(&means));
        value.truncate(value.len() - means.len());
    });
    resume(&run_without).ok();
    assert_same_files(&run_without, &whole);

    let foreign = quick(&scratch, "foreign", &["--until", "liquid"]);
    change_checkpoint(&foreign, |value| {
        let at = value.len() - set.len();
        value[at..].fill(b'x');
    });
    let message = hyalo(&["simulate", "--resume", "-o", &foreign]).refused();
    let name = "x".repeat(set.len());
    let expected = format!(
        "hyalo: {foreign} was begun with the instruction set {name}; resume on a machine that has it: "
    );
    assert!(message.starts_with(&expected), "{message}");

    let portable = scratch.path("portable");
    let protocol = scratch.path("quick.toml");
    let begin = [
        "simulate", &protocol, "-q", "-j", "1", "-o", &portable, "--until", "liquid",
    ];
    let go_on = ["simulate", "--resume", "-q", "-o", &portable];
    let portably = |arguments: &[&str]| {
        run(
            command(arguments).env("HYALO_INSTRUCTION_SET", "portable"),
            &[],
        )
    };
    portably(&begin).ok();
    if set != "portable" {
        let message = hyalo(&go_on).refused();
        let part = "the instruction set portable; resume with HYALO_INSTRUCTION_SET=portable";
        assert!(message.contains(part), "{message}");
    }
    portably(&go_on).ok();
    // Nothing is left to be done, with whatever set.
    hyalo(&go_on).ok();
}

#[test]
fn inherent_structures_of_a_dump_know_their_temperatures() {
    let scratch = Scratch::new();
    let folder = quick(&scratch, "run", &["--set", "format=dump"]);
    let table = format!("{folder}/inherent.thermo.parquet");
    let expected: Vec<f64> = (0..5)
        .map(|k| 1.0 - 0.5 * f64::from(50 * k) / 200.0)
        .collect();
    assert_eq!(column(&table, "temperature"), expected);
}

#[test]
fn inherent_structures_are_those_of_the_frames_that_were_stored() {
    let scratch = Scratch::new();
    let folder = quick(&scratch, "run", &["--until", "cool"]);
    let path = format!("{folder}/cool.extxyz");
    let stored = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = stored.split_inclusive('\n').collect();
    let refused = |lines: &[&str]| {
        fs::write(&path, lines.concat()).unwrap();
        hyalo(&["simulate", "--resume", "-q", "-o", &folder]).refused()
    };
    // The third frame has lost its last particle.
    let mut fewer = lines.clone();
    fewer.remove(3 * 62 - 1);
    fewer[2 * 62] = "59\n";
    let message = refused(&fewer);
    assert_eq!(
        message,
        "hyalo: stage inherent: a frame of cool has 59 particles, and the stage 60; the files of this run were changed; start it again with --force"
    );
    // The last frame is gone.
    let message = refused(&lines[..4 * 62]);
    assert!(
        message.starts_with(
            "hyalo: stage inherent: 4 frames of cool are there to be quenched, not 5; "
        ),
        "{message}"
    );
    fs::write(&path, stored).unwrap();
    resume(&folder).ok();
    assert_same_files(&folder, &quick(&scratch, "whole", &[]));
}

#[test]
fn a_move_that_the_box_has_no_room_for_is_rejected() {
    let scratch = Scratch::new();
    // The edge is 6.604, and the largest diameters need 6.6.
    let protocol = scratch.file(
        "protocol.toml",
        r#"
version = 1
[[stage]]
name = "random"
kind = "create"
random.particles = 216
random.density = 0.75
random.species = [{ name = "A", diameter = 1.0, fraction = 0.5 }, { name = "B", diameter = 1.2, fraction = 0.5 }]
[[stage]]
name = "apart"
kind = "minimise"
force_tolerance = 1.0
[[stage]]
name = "homogenised"
kind = "homogenise"
halvings = 2
force_tolerance = 1.0
"#,
    );
    let folder = scratch.path("run");
    let run = hyalo(&["simulate", &protocol, "-o", &folder]).ok();
    let said =
        "homogenised: iteration 1 is rejected: the box has no room for particles larger by 0.01\n";
    assert!(run.stderr.contains(said), "{}", run.stderr);
    let trace = format!("{folder}/homogenised.homogenisation.parquet");
    // Three rows an iteration: of all particles, and of each species.
    let of_all = |name: &str| -> Vec<f64> { column(&trace, name).into_iter().step_by(3).collect() };
    assert_eq!(of_all("diameter_step"), [0.01, 0.01, 0.005, 0.0025]);
    assert_eq!(of_all("fire_steps")[1..], [0.0; 3]);
    let deviations = of_all("pressure_deviation");
    assert!(
        deviations
            .iter()
            .all(|deviation| (deviation / deviations[0] - 1.0).abs() < 1e-9)
    );
}

#[test]
fn a_plan_needs_no_lattice_that_is_free_of_overlaps() {
    let scratch = Scratch::new();
    let species = r#"[{ name = "A", diameter = 1.0, count = 180 }, { name = "B", diameter = 5.0, count = 8 }]"#;
    let text = QUICK
        .lines()
        .filter(|line| !line.starts_with("random.particles"))
        .map(|line| match line.split_once(" = ") {
            Some(("random.density", _)) => "random.density = 0.13\n".to_string(),
            Some(("random.species", _)) => format!("random.species = {species}\n"),
            _ => format!("{line}\n"),
        });
    let protocol = scratch.file("large.toml", text.collect::<String>());
    let plan = hyalo(&["simulate", &protocol, "--dry-run", "-j", "1"]).ok();
    assert!(plan.text().contains("8 B of 5"), "{}", plan.text());
}
