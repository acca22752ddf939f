//! `hyalo simulate --engine lammps`: the same numbers as the embedded engine's, runs that are killed and resumed, inputs for others to run,
//! and what is said when LAMMPS or its launcher fails.
//!
//! LAMMPS is that of `tools/peers tests`, or the one that HYALO_PEERS names the folder of.

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{Run, Scratch, command, hyalo, peer, run};
use hyalo::data::table::Cells;
use hyalo::sink::table::read_columns;

/// Runs a protocol on LAMMPS: on two processes, if asked to.
fn simulate(protocol: &str, folder: &str, processes: usize, flags: &[&str]) -> Run {
    let launcher = match processes {
        1 => String::new(),
        processes => format!("{} -np {processes}", peer("mpirun")),
    };
    let lammps = peer("lmp");
    let fixed = [
        "simulate",
        protocol,
        "-o",
        folder,
        "--engine",
        "lammps",
        "--lammps",
        &lammps,
        "--launcher",
        &launcher,
    ];
    hyalo(&[&fixed[..], flags].concat())
}

/// A column of a table of a run.
#[track_caller]
fn column(folder: &str, table: &str, name: &str) -> Vec<f64> {
    let path = Path::new(folder).join(format!("{table}.parquet"));
    match read_columns(&path, &[&[name]]).unwrap().remove(0) {
        Cells::Real(values) => values.into_iter().map(Option::unwrap).collect(),
        Cells::Integer(values) => values
            .into_iter()
            .map(|value| value.unwrap() as f64)
            .collect(),
        other => panic!("{name} is not a number: {other:?}"),
    }
}

/// |a − b| relative to the larger.
fn difference(a: f64, b: f64) -> f64 {
    (a - b).abs() / a.abs().max(b.abs())
}

fn engine_fixture(name: &str) -> String {
    format!("{}/fixtures/engine/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// One step from a state; what both engines say of the state itself is to be compared.
fn one_step(source: &str, extra: &str) -> String {
    format!(
        r#"
version = 1
{extra}
[[stage]]
name = "start"
kind = "create"
{source}
[[stage]]
name = "step"
kind = "equilibrate"
velocities = 0.3
temperature = 0.3
steps = 1
thermo.every = 1
"#
    )
}

/// W/(3V) of the first step: the pressure without ρT. Every state here has ρ = 0.75.
fn virial_pressure(folder: &str) -> f64 {
    let first = |name| column(folder, "step.thermo", name)[0];
    first("pressure") - 0.75 * first("kinetic_temperature")
}

#[test]
fn single_points_agree_with_the_embedded_engine() {
    let scratch = Scratch::new();
    let diameters = common::fixture("polydisperse.diameters.csv");
    let polydisperse = format!(
        "file = {{ path = {:?}, diameters = {diameters:?} }}",
        common::fixture("polydisperse.lammpstrj.gz")
    );
    let glass = format!(
        "file = {{ path = {:?} }}",
        engine_fixture("glass_fast_minimum.extxyz.gz")
    );
    // The same particles as other models: their diameters are those of a mixture that these know.
    let kob_andersen = format!(
        "file = {{ path = {:?}, diameters = \"A=1.0,B=0.88\" }}",
        engine_fixture("glass_fast_minimum.extxyz.gz")
    );
    for (name, source, extra) in [
        ("polydisperse", &polydisperse, ""),
        ("bidisperse", &glass, ""),
        (
            "kob-andersen",
            &kob_andersen,
            "potential = \"kob-andersen\"",
        ),
        ("cut", &glass, "potential = \"lennard-jones:2.2\""),
    ] {
        let protocol = scratch.file(&format!("{name}.toml"), one_step(source, extra));
        // The state itself is measured in double precision by the embedded engine, too.
        let [ours, theirs] = ["ours", "theirs"].map(|who| scratch.path(&format!("{name}-{who}")));
        hyalo(&["simulate", &protocol, "-o", &ours, "--until", "start"]).ok();
        simulate(&protocol, &theirs, 2, &[]).ok();
        let final_state = fs::read_to_string(Path::new(&ours).join("start.final.extxyz")).unwrap();
        let key = |name: &str| -> f64 {
            let rest = final_state.split_once(&format!(" {name}=")).unwrap().1;
            rest.split([' ', '\n']).next().unwrap().parse().unwrap()
        };
        let energy = column(&theirs, "step.thermo", "potential_energy")[0];
        assert!(
            difference(energy, key("energy")) < 1e-8,
            "{name}: {energy} {}",
            key("energy")
        );
        let pressure = virial_pressure(&theirs);
        assert!(
            difference(pressure, key("pressure")) < 1e-8,
            "{name}: {pressure} {}",
            key("pressure")
        );
    }
}

#[test]
fn bins_of_diameters_err_by_what_is_said() {
    let scratch = Scratch::new();
    let source = format!(
        "file = {{ path = {:?}, diameters = {:?} }}",
        common::fixture("polydisperse.lammpstrj.gz"),
        common::fixture("polydisperse.diameters.csv")
    );
    let protocol = scratch.file("protocol.toml", one_step(&source, ""));
    let folders = ["exact", "binned"].map(|name| scratch.path(name));
    simulate(&protocol, &folders[0], 1, &["-q"]).ok();
    let said = simulate(&protocol, &folders[1], 1, &["--lammps-types", "50"])
        .ok()
        .stderr;
    let line = said
        .lines()
        .find(|line| line.contains("bins"))
        .expect("a note");
    let number = |before: &str| -> f64 {
        let rest = line
            .split_once(before)
            .unwrap_or_else(|| panic!("{line}"))
            .1;
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    let log = fs::read_to_string(Path::new(&folders[1]).join("step.log")).unwrap();
    assert!(log.contains("bins of width"), "{log}");
    let change = |quantity: fn(&str) -> f64| {
        let [exact, binned] = folders.each_ref().map(|folder| quantity(folder));
        binned - exact
    };
    // It is said with three digits.
    let energy = change(|folder| column(folder, "step.thermo", "potential_energy")[0]);
    let said = number("energy per particle by ");
    assert!(
        energy != 0.0 && difference(energy, said) < 0.01,
        "{line} {energy:e}"
    );
    let pressure = change(virial_pressure);
    let said = number("the pressure by ");
    assert!(difference(pressure, said) < 0.01, "{line} {pressure:e}");
}

#[test]
fn a_homogenisation_follows_the_embedded_engines_trace() {
    let scratch = Scratch::new();
    let protocol = scratch.file(
        "protocol.toml",
        format!(
            r#"
version = 1
[[stage]]
name = "start"
kind = "create"
file = {{ path = {:?} }}
[[stage]]
name = "homogenise"
kind = "homogenise"
max_iterations = 4
"#,
            engine_fixture("glass_fast.extxyz.gz")
        ),
    );
    // It is not to converge: what is compared is the way.
    let rows = |folder: &str| -> Vec<Vec<String>> {
        let log = fs::read_to_string(Path::new(folder).join("homogenise.log.partial")).unwrap();
        let rows = log.lines().skip(2).filter(|line| !line.starts_with('#'));
        rows.map(|line| line.split_whitespace().map(str::to_string).collect())
            .collect()
    };
    let [ours, theirs] = ["ours", "theirs"].map(|name| scratch.path(name));
    let run = hyalo(&["simulate", &protocol, "-o", &ours, "-q"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    // More than 1000 types: all diameters are still few.
    let run = simulate(&protocol, &theirs, 2, &["-q", "--lammps-types", "4000"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(
        run.stderr.contains("not homogenised after 4 iterations"),
        "{}",
        run.stderr
    );
    let (ours, theirs) = (rows(&ours), rows(&theirs));
    // The last one is not written any more.
    assert_eq!((ours.len(), theirs.len()), (4, 4));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours[..3], theirs[..3], "iteration, accepted, increment");
        // The same minima to the tolerance of the forces, printed with six digits.
        for column in [3, 4] {
            let [a, b] = [ours, theirs].map(|row| row[column].parse::<f64>().unwrap());
            assert!(difference(a, b) < 1e-5, "{ours:?} {theirs:?}");
        }
    }
}

/// A liquid of 500 particles, to be cooled from T = 1.
const LIQUID: &str = r#"
version = 1
seed = 5
[[stage]]
name = "random"
kind = "create"
random = { particles = 500, density = 0.75, species = [{ name = "A", diameter = 1.0, fraction = 0.5 }, { name = "B", diameter = 1.2, fraction = 0.5 }] }
[[stage]]
name = "apart"
kind = "minimise"
force_tolerance = 1e-2
[[stage]]
name = "liquid"
kind = "equilibrate"
velocities = 2.0
temperatures = [1.2, 1.0]
steps = 2000
"#;

/// It is cooled to a glass in so many steps.
fn cooling(steps: u32, output: &str) -> String {
    format!(
        "{LIQUID}[[stage]]\nname = \"cool\"\nkind = \"ramp\"\nfrom = 1.0\nto = 0.1\nsteps = {steps}\n{output}\n"
    )
}

/// Slowly enough to be killed on the way.
fn slow_cooling() -> String {
    cooling(30_000, "trajectory.every = 3000\nthermo.every = 1000")
}

#[test]
fn cooling_curves_of_both_engines_lie_within_the_scatter_of_seeds() {
    let scratch = Scratch::new();
    let protocol = scratch.file("protocol.toml", cooling(10_000, "thermo.every = 10"));
    // Mean energies over nine tenths of temperature each, by seed.
    let curve = |folder: &str| -> Vec<f64> {
        let energies = column(folder, "cool.thermo", "potential_energy");
        energies[..1000]
            .chunks(100)
            .map(|part| part.iter().sum::<f64>() / 100.0)
            .collect()
    };
    let curves = |engine: &str| -> Vec<Vec<f64>> {
        let one = |seed: u32| {
            let (folder, seed) = (scratch.path(&format!("{engine}-{seed}")), seed.to_string());
            match engine {
                "lammps" => simulate(&protocol, &folder, 1, &["-q", "--seed", &seed]).ok(),
                _ => hyalo(&[
                    "simulate", &protocol, "-o", &folder, "-q", "--seed", &seed, "-j", "1",
                ])
                .ok(),
            };
            curve(&folder)
        };
        (1..=3).map(one).collect()
    };
    let [ours, theirs] = ["embedded", "lammps"].map(curves);
    for part in 0..10 {
        let moments = |curves: &[Vec<f64>]| {
            let mean = curves.iter().map(|curve| curve[part]).sum::<f64>() / 3.0;
            let squares = curves.iter().map(|curve| (curve[part] - mean).powi(2));
            (mean, squares.sum::<f64>() / 2.0)
        };
        let ((ours, our_variance), (theirs, their_variance)) = (moments(&ours), moments(&theirs));
        // Five standard errors of the difference: with four degrees of freedom one in a hundred is beyond that. The scatter of so few is
        // itself uncertain, hence no less than the 0.005 that 500 particles scatter by over a tenth of a unit of temperature.
        let error = ((our_variance + their_variance) / 3.0).sqrt().max(0.005);
        assert!(
            (ours - theirs).abs() < 5.0 * error,
            "part {part}: {ours} {theirs} {error}"
        );
        // A difference of 0.05 in temperature would show: the slope is 1.5 or more.
        assert!(error < 0.03, "part {part}: {error}");
    }
}

/// Runs the cooling in the background, on a machine that has a shell and no other programs.
fn start(protocol: &str, folder: &str, flags: &[&str]) -> Child {
    let lammps = peer("lmp");
    let fixed = [
        "simulate", protocol, "-o", folder, "--engine", "lammps", "--lammps", &lammps,
    ];
    let programs = Path::new(protocol).with_file_name("bin");
    fs::create_dir_all(&programs).unwrap();
    let _ = std::os::unix::fs::symlink("/bin/sh", programs.join("sh"));
    command(&[&fixed[..], flags].concat())
        .env("PATH", programs)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for a file of the folder in which LAMMPS runs.
#[track_caller]
fn wait_for(child: &mut Child, folder: &str, name: &str) {
    while !Path::new(folder).join("lammps").join(name).exists() {
        assert!(child.try_wait().unwrap().is_none(), "{name} never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn kill(process: &str, signal: &str) {
    let killed = Command::new("kill")
        .args(["-s", signal, "--", process])
        .status()
        .unwrap();
    assert!(killed.success());
}

/// Frames and rows of the cooling: every one that is due, once.
#[track_caller]
fn assert_whole(folder: &str) {
    let steps = column(folder, "cool.thermo", "step");
    let expected: Vec<f64> = (0..=30).map(|k| 1000.0 * f64::from(k)).collect();
    assert_eq!(steps, expected);
    let temperatures = column(folder, "cool.thermo", "temperature");
    assert!((temperatures[15] - 0.55).abs() < 1e-12);
    // Cooled, not heated up by a thermostat that began anew.
    let kinetic = column(folder, "cool.thermo", "kinetic_temperature");
    let off = |(asked, found): (&f64, &f64)| (asked - found).abs() / asked;
    let worst = temperatures
        .iter()
        .zip(&kinetic)
        .map(off)
        .fold(0.0, f64::max);
    // The kinetic temperature of 500 particles fluctuates by 4 %.
    assert!(worst < 0.25, "{worst}");
    let trajectory = fs::read_to_string(Path::new(folder).join("cool.extxyz")).unwrap();
    let steps: Vec<&str> = trajectory
        .lines()
        .filter(|line| line.contains("Lattice"))
        .map(|line| {
            line.split("step=")
                .nth(1)
                .unwrap()
                .split(' ')
                .next()
                .unwrap()
        })
        .collect();
    let expected: Vec<String> = (0..=10).map(|k| (3000 * k).to_string()).collect();
    assert_eq!(steps, expected);
    // What only a stage in progress needs is gone.
    let left: Vec<String> = fs::read_dir(Path::new(folder).join("lammps"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("restart") || name.contains("frame"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_run_goes_on_when_lammps_or_hyalo_or_both_were_killed() {
    let scratch = Scratch::new();
    let protocol = scratch.file("protocol.toml", slow_cooling());
    let folder = scratch.path("run");
    let process = |step: i64| {
        let path = Path::new(&folder).join(format!("lammps/cool.{step}.process"));
        fs::read_to_string(path).unwrap()
    };
    let restart = |step: i64| format!("cool.restart.{step}");

    // LAMMPS dies: hyalo says so, and nothing that was saved is lost.
    let mut child = start(&protocol, &folder, &["--checkpoint-every", "0", "-q"]);
    wait_for(&mut child, &folder, "cool.frame.15000.lammpstrj");
    kill(&format!("-{}", process(0)), "KILL");
    let run = child.wait_with_output().unwrap();
    let message = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(1), "{message}");
    assert!(
        message.contains("stage cool: LAMMPS or its launcher ended too early behind step"),
        "{message}"
    );
    assert_eq!(message.lines().count(), 1, "{message}");

    // hyalo dies, LAMMPS goes on meanwhile, and is killed later.
    let mut child = start(
        &protocol,
        &folder,
        &["--checkpoint-every", "1000", "--resume"],
    );
    wait_for(&mut child, &folder, "cool.10000.process");
    wait_for(&mut child, &folder, &restart(20_000));
    child.kill().unwrap();
    child.wait().unwrap();
    kill(&format!("-{}", process(10_000)), "KILL");

    let run = simulate(&protocol, &folder, 1, &["--resume"]).ok();
    assert!(
        run.stderr
            .contains("going on with stage cool at step 10000"),
        "{}",
        run.stderr
    );
    assert_whole(&folder);
    // What the dead run had computed behind the checkpoint was used.
    assert!(Path::new(&folder).join("lammps/cool.20000.in").exists());
}

#[test]
fn a_run_takes_up_a_lammps_that_is_still_at_work() {
    let scratch = Scratch::new();
    let protocol = scratch.file("protocol.toml", slow_cooling());
    let folder = scratch.path("run");
    let mut child = start(&protocol, &folder, &["--checkpoint-every", "1000"]);
    wait_for(&mut child, &folder, "cool.0.process");
    wait_for(&mut child, &folder, "cool.0.log");
    // A new input would be another file.
    let input = || {
        let path = Path::new(&folder).join("lammps/cool.0.in");
        fs::metadata(path).unwrap().ino()
    };
    let begun = input();
    child.kill().unwrap();
    child.wait().unwrap();
    simulate(&protocol, &folder, 1, &["--resume"]).ok();
    assert_whole(&folder);
    assert_eq!(input(), begun, "one run of LAMMPS has made the whole stage");
}

#[test]
fn an_interrupted_run_stops_lammps_and_goes_on_later() {
    let scratch = Scratch::new();
    let protocol = scratch.file("protocol.toml", slow_cooling());
    let folder = scratch.path("run");
    let mut child = start(&protocol, &folder, &[]);
    wait_for(&mut child, &folder, "cool.restart.10000");
    let process = fs::read_to_string(Path::new(&folder).join("lammps/cool.0.process")).unwrap();
    kill(&child.id().to_string(), "INT");
    let run = child.wait_with_output().unwrap();
    let message = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(1), "{message}");
    assert!(
        message.contains("interrupted in stage cool at step"),
        "{message}"
    );
    // How to go on is said with the flags that it takes.
    let how = message
        .lines()
        .last()
        .unwrap()
        .split_once("go on with: ")
        .unwrap()
        .1;
    assert!(how.contains("--lammps "), "{how}");
    assert!(
        !Path::new(&format!("/proc/{process}")).exists(),
        "LAMMPS is still at work"
    );
    let log = fs::read_to_string(Path::new(&folder).join("lammps/cool.0.log")).unwrap();
    assert!(
        !log.contains("Total wall time"),
        "LAMMPS was not stopped, it came to its end"
    );
    let again = how.replacen("hyalo", env!("CARGO_BIN_EXE_hyalo"), 1);
    run_command(Command::new("sh").args(["-c", &again])).ok();
    assert_whole(&folder);
}

fn run_command(command: &mut Command) -> Run {
    run(command.stdin(Stdio::null()), &[])
}

/// Every kind of stage in a few steps.
const EVERYTHING: &str = r#"
version = 1
seed = 5
[[stage]]
name = "random"
kind = "create"
random = { particles = 500, density = 0.6, species = [{ name = "A", diameter = 1.0, fraction = 0.5 }, { name = "B", diameter = 1.2, fraction = 0.5 }] }
[[stage]]
name = "apart"
kind = "minimise"
force_tolerance = 1e-2
thermo.every = 50
[[stage]]
name = "liquid"
kind = "equilibrate"
temperatures = [1.2, 1.0]
equilibration = 100
steps = 300
trajectory.log_blocks = 100
[[stage]]
name = "cool"
kind = "ramp"
from = 1.0
to = 0.1
steps = 1500
trajectory.every_temperature = 0.3
thermostat = { kind = "stochastic-rescaling", relaxation = 0.5 }
[[stage]]
name = "homogenised"
kind = "homogenise"
step = 0.03
halvings = 0
force_tolerance = 0.01
distributions = [0, 1]
[[stage]]
name = "inherent"
kind = "inherent-structures"
of = "cool"
every = 2
force_tolerance = 0.01
"#;

#[test]
fn inputs_that_others_run_lead_to_the_same_files() {
    let scratch = Scratch::new();
    let protocol = scratch.file("protocol.toml", EVERYTHING);
    let [own, other] = ["own", "other"].map(|name| scratch.path(name));
    simulate(&protocol, &own, 1, &["-q"]).ok();
    let first = [
        "simulate", &protocol, "--engine", "lammps", "--export", "-o", &other,
    ];
    let run = hyalo(&first);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(
        run.stderr.contains("stage apart: the input for LAMMPS is ")
            && run.stderr.contains("lammps/in.next"),
        "{}",
        run.stderr
    );
    // Without anything having happened the input is the same.
    let next = Path::new(&other).join("lammps/in.next");
    let input = fs::read_to_string(&next).unwrap();
    let run = hyalo(&["simulate", "--import", "-o", &other]);
    assert_eq!((run.code, fs::read_to_string(&next).unwrap()), (1, input));

    // The job that a cluster would run, which goes on with that.
    script(&scratch, "srun", "exec \"$@\"");
    let path = format!(
        "{}:{}",
        scratch.folder().display(),
        std::env::var("PATH").unwrap()
    );
    let job = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/cluster/lammps.slurm");
    let job = |lammps: &str| {
        run_command(
            Command::new("bash")
                .arg(&job)
                .args([&other, &protocol])
                .env("PATH", &path)
                .env("HYALO", env!("CARGO_BIN_EXE_hyalo"))
                .env("LAMMPS", lammps),
        )
    };
    // A program that does nothing is not started again for ever.
    let broken = job(&script(&scratch, "broken", "exit 7"));
    assert_eq!(broken.code, 7);
    assert!(
        broken
            .stderr
            .contains("ended with exit code 7 and made no step"),
        "{}",
        broken.stderr
    );
    job(&peer("lmp")).ok();
    let names = |folder: &str| -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "lammps" && name != "checkpoint")
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&own), names(&other));
    for name in names(&own) {
        let [ours, theirs] =
            [&own, &other].map(|folder| fs::read(Path::new(folder).join(&name)).unwrap());
        assert!(ours == theirs, "{name} differs");
    }
    // Everything that is due is there.
    assert_eq!(column(&own, "cool.thermo", "step").last(), Some(&1500.0));
    assert_eq!(column(&own, "inherent.thermo", "step").len(), 2);
    assert_eq!(column(&own, "liquid.thermo", "step").last(), Some(&800.0));
}

#[test]
fn frames_made_by_lammps_can_be_piped() {
    let scratch = Scratch::new();
    let protocol = scratch.file("protocol.toml", EVERYTHING);
    let lammps = peer("lmp");
    let run = hyalo(&[
        "simulate", &protocol, "--engine", "lammps", "--lammps", &lammps, "--emit", "cool", "-o",
        "-", "-q",
    ])
    .ok();
    assert_eq!(run.text().matches("Lattice").count(), 4);
}

/// A program of a few lines of shell.
fn script(scratch: &Scratch, name: &str, lines: &str) -> String {
    let path = scratch.file(name, format!("#!/bin/sh\n{lines}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn what_is_wrong_with_lammps_is_said_in_one_line_before_anything_is_made() {
    let scratch = Scratch::new();
    let protocol = scratch.file("protocol.toml", slow_cooling());
    let folder = scratch.path("run");
    let lammps = peer("lmp");
    let help = String::from_utf8(Command::new(&lammps).arg("-h").output().unwrap().stdout).unwrap();
    assert!(help.contains("lj/smooth"));
    scratch.file("help.txt", help.replace("lj/smooth", "xx/xxxxxx"));
    let without = script(
        &scratch,
        "without",
        &format!("cat {}", scratch.path("help.txt")),
    );
    scratch.file("old.txt", help.replace("22 Jul 2025", "29 Oct 2020"));
    let old = script(&scratch, "old", &format!("cat {}", scratch.path("old.txt")));
    let broken = script(
        &scratch,
        "broken",
        "echo 'libmpi.so.12: cannot open' >&2; exit 127",
    );
    for (flags, expected) in [
        (
            vec!["--lammps", "/nowhere/lmp"],
            "hyalo: there is no program '/nowhere/lmp'; install LAMMPS",
        ),
        (
            vec!["--lammps", "no-such-lmp"],
            "hyalo: there is no program 'no-such-lmp'; install LAMMPS",
        ),
        (
            vec!["--lammps", &without],
            "has no style lj/smooth; it comes with the package EXTRA-PAIR",
        ),
        (
            vec!["--lammps", &old],
            "is of 29 Oct 2020; use a LAMMPS of 2022 or later",
        ),
        (
            vec!["--lammps", &broken],
            "is not LAMMPS, or does not start: libmpi.so.12: cannot open",
        ),
        (
            vec!["--lammps", &lammps, "--launcher", "no-such-mpirun -np 2"],
            "there is no launcher 'no-such-mpirun'",
        ),
        (
            vec!["--lammps", &lammps, "--lammps-types", "0"],
            "--lammps-types 0",
        ),
        (
            vec![
                "--lammps",
                &lammps,
                "--set",
                "potential=\"inverse-power:1.2:1.25\"",
            ],
            "LAMMPS has no pair style for this potential",
        ),
    ] {
        let flags = [
            &["simulate", &protocol, "-o", &folder, "--engine", "lammps"],
            &flags[..],
        ]
        .concat();
        let message = hyalo(&flags).refused();
        assert!(message.contains(expected), "{message}");
        assert!(!Path::new(&folder).exists());
    }
    let message = hyalo(&["simulate", &protocol, "-o", &folder, "--export"]).refused();
    assert!(message.contains("add --engine lammps"), "{message}");
    let message = hyalo(&["simulate", &protocol, "-o", &folder, "--engine", "gromacs"]).refused();
    assert!(
        message.contains("engines are embedded, lammps"),
        "{message}"
    );
}

/// The line that a run ends with, its exit code, and that it can be resumed.
#[track_caller]
fn fails(protocol: &str, folder: &str, flags: &[&str]) -> (i32, String) {
    let lammps = peer("lmp");
    let fixed = [
        "simulate", protocol, "-o", folder, "--engine", "lammps", "--lammps", &lammps, "-q",
    ];
    let run = hyalo(&[&fixed[..], flags].concat());
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    assert!(Path::new(folder).join("checkpoint").exists());
    (run.code, run.stderr)
}

#[test]
fn a_launcher_that_fails_is_named_by_what_it_says() {
    let scratch = Scratch::new();
    let protocol = scratch.file("protocol.toml", slow_cooling());
    let folder = scratch.path("run");
    let broken = script(
        &scratch,
        "broken",
        "echo 'There are not enough slots available' >&2; exit 1",
    );
    let (code, message) = fails(&protocol, &folder, &["--launcher", &broken]);
    assert_eq!(code, 2, "{message}");
    assert!(
        message.contains(
            "stage apart: LAMMPS or its launcher ended too early: There are not enough slots"
        ),
        "{message}"
    );

    // A launcher of another MPI starts copies that know nothing of each other.
    let copies = script(&scratch, "copies", "\"$@\" & \"$@\"; wait");
    let (code, message) = fails(
        &protocol,
        &scratch.path("copies-run"),
        &["--launcher", &copies],
    );
    assert_eq!(code, 2, "{message}");
    assert!(
        message.contains("2 independent copies of LAMMPS"),
        "{message}"
    );
}

#[test]
fn lost_atoms_are_a_blow_up_and_the_checkpoint_is_kept() {
    let scratch = Scratch::new();
    // At constant energy, with steps that are too long for such collisions.
    let hot = slow_cooling()
        .replace("seed = 5", "seed = 5\ntimestep = 0.02")
        .replace(
            "velocities = 2.0",
            "velocities = 20.0\nthermostat = { kind = \"none\" }",
        )
        .replace("temperatures = [1.2, 1.0]", "temperature = 20.0");
    let protocol = scratch.file("protocol.toml", hot);
    let folder = scratch.path("run");
    let (code, message) = fails(&protocol, &folder, &[]);
    assert_eq!(code, 1, "{message}");
    assert!(
        message.contains(
            "stage liquid: the simulation blew up in LAMMPS behind step 0: Lost atoms: original 500"
        ),
        "{message}"
    );
}

#[test]
fn an_engine_is_not_changed_on_the_way() {
    let scratch = Scratch::new();
    let protocol = scratch.file("protocol.toml", EVERYTHING);
    let folder = scratch.path("run");
    hyalo(&["simulate", &protocol, "-o", &folder, "--until", "apart"]).ok();
    let message = simulate(&protocol, &folder, 1, &["--resume"]).refused();
    assert!(
        message.contains("was begun with --engine embedded"),
        "{message}"
    );
    let message = hyalo(&["simulate", "--import", "-o", &folder]).refused();
    assert!(
        message.contains("is no run that LAMMPS was given"),
        "{message}"
    );
    let other = scratch.path("other");
    simulate(&protocol, &other, 1, &["--until", "apart"]).ok();
    let message = hyalo(&[
        "simulate", &protocol, "-o", &other, "--resume", "--engine", "embedded",
    ])
    .refused();
    assert!(
        message.contains("was begun with --engine lammps"),
        "{message}"
    );
    let message = hyalo(&["simulate", &protocol, "-o", &other]).refused();
    assert!(message.contains("already exists"), "{message}");
}

/// Four particles far from each other.
const FOUR: &str = r#"
version = 1
[[stage]]
name = "start"
kind = "create"
random.density = 0.01
random.species = [{ name = "A", diameter = 1.0, count = 4 }]
[[stage]]
name = "apart"
kind = "minimise"
[[stage]]
name = "liquid"
kind = "equilibrate"
temperature = 1.0
steps = 200
"#;

/// A run of [`FOUR`] for which this test is LAMMPS.
struct ByHand {
    scratch: Scratch,
    folder: String,
}

impl ByHand {
    /// It has got the input for its first stage.
    fn new() -> Self {
        let scratch = Scratch::new();
        let (protocol, folder) = (scratch.file("protocol.toml", FOUR), scratch.path("run"));
        let flags = ["--engine", "lammps", "--export", "-q", "-j", "1"];
        let run = hyalo(&[&["simulate", &protocol, "-o", &folder], &flags[..]].concat());
        assert_eq!(run.code, 1, "{}", run.stderr);
        ByHand { scratch, folder }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        Path::new(&self.folder).join(name)
    }

    /// Writes a log with rows of these steps and a last line.
    fn log(&self, name: &str, steps: &[i64], end: &str) {
        let mut text = "   Step  Temp  PotEng  c_virial  Econserve\n".to_string();
        for step in steps {
            text += &format!("{step} 1.0 -0.1 0.0 1.0\n");
        }
        fs::write(self.path(&format!("lammps/{name}")), text + end + "\n").unwrap();
    }

    /// Writes the final frame of a stage.
    fn last_frame(&self, stage: &str, step: i64) {
        let edge = 400_f64.cbrt();
        let text = format!(
            "ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n4\nITEM: BOX BOUNDS pp pp pp\n0 {edge}\n0 {edge}\n0 {edge}\n\
             ITEM: ATOMS id type xu yu zu vx vy vz fx fy fz\n\
             1 1 1 1 1 0 0 0 0 0 0\n2 1 3 1 1 0 0 0 0 0 0\n3 1 1 3 1 0 0 0 0 0 0\n4 1 1 1 3 0 0 0 0 0 0\n"
        );
        fs::write(self.path(&format!("lammps/{stage}.final.lammpstrj")), text).unwrap();
    }

    /// Ends the first stage as LAMMPS does.
    fn minimise(&self) {
        self.log("apart.0.log", &[0, 7], "Loop time of 0\nhyalo: complete");
        self.last_frame("apart", 7);
    }

    fn import(&self) -> Run {
        hyalo(&["simulate", "--import", "-q", "-o", &self.folder])
    }

    /// Takes up what there is, which leads to the next input.
    #[track_caller]
    fn import_to(&self, input: &str) {
        let run = self.import();
        assert_eq!(run.code, 1, "{}", run.stderr);
        assert!(
            run.stderr.contains("the input for LAMMPS is "),
            "{}",
            run.stderr
        );
        let next = fs::read_to_string(self.path("lammps/in.next")).unwrap();
        assert!(next.ends_with(&format!("include {input}\n")), "{next}");
    }
}

#[test]
fn a_stage_that_could_not_be_saved_is_taken_up_again() {
    let run = ByHand::new();
    run.minimise();
    // Where the table is to be written there is a folder.
    let in_the_way = run.path("apart.thermo.parquet.partial");
    fs::create_dir(&in_the_way).unwrap();
    let message = run.import().refused();
    assert!(
        message.contains("apart.thermo.parquet.partial"),
        "{message}"
    );
    fs::remove_dir(&in_the_way).unwrap();
    run.import_to("liquid.0.in");
    assert_eq!(column(&run.folder, "apart.thermo", "step"), [0.0, 7.0]);
    // What the stage alone needed is gone once it is saved.
    assert!(!run.path("lammps/apart.final.lammpstrj").exists());
}

#[test]
fn what_stopped_lammps_is_told_once_and_costs_no_more_than_the_steps_behind_the_restart_file() {
    let run = ByHand::new();
    run.minimise();
    run.import_to("liquid.0.in");
    let error =
        "ERROR on proc 0: Cannot open dump file x: No space left on device (src/dump.cpp:1)";
    run.log("liquid.0.log", &[0, 100, 120], error);
    let restart = run.path("lammps/liquid.restart.100");
    fs::write(&restart, "as LAMMPS writes it").unwrap();
    let message = run.import().refused();
    assert!(
        message.contains(
            "stage liquid: LAMMPS stopped: Cannot open dump file x: No space left on device"
        ),
        "{message}"
    );
    for _ in 0..2 {
        assert!(restart.exists());
        run.import_to("liquid.100.in");
    }
    let input = fs::read_to_string(run.path("lammps/liquid.100.in")).unwrap();
    assert!(
        input.contains("read_restart liquid.restart.100\n"),
        "{input}"
    );
    // It stops again, at once.
    run.log("liquid.100.log", &[100], error);
    let message = run.import().refused();
    assert!(message.contains("LAMMPS stopped"), "{message}");
    run.import_to("liquid.100.in");
    run.log(
        "liquid.100.log",
        &[100, 200],
        "Loop time of 0\nhyalo: complete",
    );
    run.last_frame("liquid", 200);
    run.import().ok();
    assert_eq!(
        column(&run.folder, "liquid.thermo", "step"),
        [0.0, 100.0, 200.0]
    );
}

#[test]
fn a_run_of_lammps_remains_one_without_its_folder() {
    let run = ByHand::new();
    fs::rename(run.path("lammps"), run.scratch.path("moved")).unwrap();
    let resume = [
        "simulate",
        "--resume",
        "-q",
        "--lammps",
        "nosuch",
        "-o",
        &run.folder,
    ];
    let message = hyalo(&resume).refused();
    assert!(
        message.contains("there is no program 'nosuch'"),
        "{message}"
    );
    run.import_to("apart.0.in");
    assert!(run.path("lammps/apart.0.in").exists());
}
