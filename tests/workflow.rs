//! `tools/cluster` and `tools/workflow`, at a small size: what their scripts make is what the plain commands make.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{
    Run, SMALL_PROTOCOL, Scratch, Table, assert_same_files, fixture, hyalo, path_with_hyalo, run,
};

fn tool(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tools")
        .join(name)
}

/// A script as a task of a job array runs it, in a folder.
fn task(scratch: &Scratch, script: &str, number: u64, last: u64, arguments: &[&str]) -> Command {
    let mut command = Command::new("bash");
    command
        .arg(tool("cluster").join(script))
        .args(arguments)
        .current_dir(scratch.folder())
        .env("HYALO", env!("CARGO_BIN_EXE_hyalo"))
        .env("SLURM_JOB_ID", "4711")
        .env("SLURM_ARRAY_TASK_ID", number.to_string())
        .env("SLURM_ARRAY_TASK_MAX", last.to_string())
        .env("SLURM_ARRAY_TASK_COUNT", (last + 1).to_string())
        .env("SLURM_CPUS_PER_TASK", "1")
        .stdin(Stdio::null());
    command
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn scripts_are_sound() {
    let scripts = [
        "cluster/ensemble.slurm",
        "cluster/lammps.slurm",
        "cluster/partitions.slurm",
        "cluster/concatenate",
        "snakemake",
        "demo",
        "peers",
        "setup",
        "test",
    ];
    for script in scripts {
        let path = tool(script);
        let checked = run(
            Command::new("bash")
                .arg("-n")
                .arg(&path)
                .stdin(Stdio::null()),
            &[],
        );
        assert_eq!((checked.code, checked.stderr.as_str()), (0, ""), "{script}");
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert!(mode & 0o111 != 0, "{script} is not executable");
    }
}

#[test]
fn an_array_makes_an_ensemble_and_a_requeued_task_goes_on() {
    let scratch = Scratch::new();
    let text = SMALL_PROTOCOL.replace("steps = 1000", "steps = 8000");
    let protocol = scratch.file("protocol.toml", text);
    let set = ["--set", "cool.thermo.every=1000"];
    let arguments = [&["runs", &protocol], &set[..]].concat();
    // What is asked of the queue is written down.
    let bin = scratch.folder().join("bin");
    let path = path_with_hyalo(&scratch);
    let asked = scratch.path("asked");
    let stub = format!("#!/bin/sh\necho \"$@\" >>{asked}\n");
    fs::write(bin.join("scontrol"), stub).unwrap();
    Command::new("chmod")
        .arg("+x")
        .arg(bin.join("scontrol"))
        .status()
        .unwrap();

    let mut second = task(&scratch, "ensemble.slurm", 2, 3, &arguments);
    let mut child = second
        .env("PATH", &path)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let log = scratch.folder().join("runs/replica-2/cool.log.partial");
    while !log.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended too early");
        std::thread::sleep(Duration::from_millis(1));
    }
    // Its time is nearly over.
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-USR1", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(read(&asked), "requeue 4711\n");
    let again = run(second.env("PATH", &path), &[]).ok();
    assert!(
        again.stderr.contains("going on with stage cool"),
        "{}",
        again.stderr
    );
    assert_eq!(read(&asked), "requeue 4711\n");
    let alone = scratch.path("alone");
    let flags = ["--seed", "4", "-j", "1", "-q", "-o", &alone];
    hyalo(&[&["simulate", &protocol], &set[..], &flags].concat()).ok();
    assert_same_files(&scratch.path("runs/replica-2"), &alone);
    // One that fails does not come back.
    let mut wrong = task(
        &scratch,
        "ensemble.slurm",
        3,
        3,
        &["runs", "--preset", "nosuch"],
    );
    let wrong = run(wrong.env("PATH", &path), &[]);
    assert_eq!(wrong.code, 2, "{}", wrong.stderr);
    assert!(wrong.stderr.contains("there is no preset 'nosuch'"));
    assert_eq!(read(&asked), "requeue 4711\n");
}

#[test]
fn an_array_analyses_a_trajectory_in_parts() {
    let scratch = Scratch::new();
    let dump = fixture("heat_scaled.lammpstrj.gz");
    let command = ["msd", &dump, "--temperature", "ramp:0.1:0.9"];
    let arguments = [&["parts", "csv", "11"], &command[..], &["--reference", "0"]].concat();
    for part in 0..4 {
        run(
            &mut task(&scratch, "partitions.slurm", part, 3, &arguments),
            &[],
        )
        .ok();
    }
    let concatenate = |arguments: &str| -> Run {
        let script = format!("{} {arguments}", tool("cluster/concatenate").display());
        let mut command = Command::new("bash");
        command.args(["-c", &script]).current_dir(scratch.folder());
        run(command.stdin(Stdio::null()), &[])
    };
    concatenate("msd.csv parts/part-*.csv").ok();
    let whole = hyalo(&[&command[..], &["-q"]].concat()).ok();
    assert_eq!(read(&scratch.path("msd.csv")), whole.text());
    assert_eq!(scratch.names(), ["msd.csv", "parts"]);
    // A part again, in an array of its own: it is not taken for the last.
    let mut alone = task(&scratch, "partitions.slurm", 1, 1, &arguments);
    alone.env("SLURM_ARRAY_TASK_COUNT", "1");
    let part = read(&scratch.path("parts/part-0001.csv"));
    let message = run(&mut alone, &[]).refused();
    assert!(
        message.contains("say in PARTS how many parts there are"),
        "{message}"
    );
    run(alone.env("PARTS", "4"), &[]).ok();
    assert_eq!(read(&scratch.path("parts/part-0001.csv")), part);
    // What is there is kept, and tables that do not belong together are not joined.
    let message = concatenate("msd.csv parts/part-*.csv").refused();
    assert!(
        message.starts_with("concatenate: msd.csv exists"),
        "{message}"
    );
    fs::write(scratch.path("parts/part-0004.csv"), "other\n1\n").unwrap();
    let message = concatenate("all.csv parts/part-*.csv").refused();
    assert!(message.contains("part-0004.csv has other columns than parts/part-0000.csv"));
    assert_eq!(scratch.names(), ["msd.csv", "parts"]);
}

/// Snakemake, which must have been set up.
fn snakemake() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let place = std::env::var_os("HYALO_SNAKEMAKE");
    let place = root.join(place.map_or(PathBuf::from("target/snakemake"), PathBuf::from));
    let program = place.join("bin/snakemake");
    assert!(
        program.exists(),
        "Snakemake is not at {}: run tools/snakemake, then this test again",
        program.display()
    );
    program
}

#[test]
fn the_workflow_goes_from_a_protocol_to_means() {
    let scratch = Scratch::new();
    let protocol = scratch.file("protocol.toml", SMALL_PROTOCOL);
    let config = scratch.file(
        "config.yaml",
        format!(
            "hyalo: {}
simulate: {protocol}
replicas: 2
trajectory: cool.extxyz
label: small glass
frames: 4
parts: 3
analyses:
  msd: msd --reference 0
  pressures: virial
",
            env!("CARGO_BIN_EXE_hyalo")
        ),
    );
    let snakemake = |configuration: &[&str]| {
        let mut command = Command::new(snakemake());
        command
            .args(["--cores", "2", "--snakefile"])
            .arg(tool("workflow/Snakefile"))
            .args(["--directory", &scratch.path("out")])
            .args(configuration)
            // Its cache belongs into the scratch folder, too.
            .env("XDG_CACHE_HOME", scratch.path("cache"))
            .stdin(Stdio::null());
        run(&mut command, &[])
    };
    let bare = snakemake(&[]);
    assert!(
        bare.code != 0
            && bare
                .stderr
                .contains("no configuration; name one with --configfile"),
        "{}",
        bare.stderr
    );
    snakemake(&["--configfile", &config]).ok();
    let out = |name: &str| scratch.path(&format!("out/{name}"));
    let trajectories =
        [1, 2].map(|replica| out(&format!("replicas/replica-{replica}/cool.extxyz")));
    for (name, command) in [("msd", "msd"), ("pressures", "virial")] {
        for (trajectory, replica) in trajectories.iter().zip(1..) {
            let whole = hyalo(&[command, trajectory, "-q"]).ok();
            let joined = read(&out(&format!("tables/{name}/replica-{replica}.csv")));
            assert_eq!(joined, whole.text());
        }
        assert!(read(&out(&format!("figures/{name}.svg"))).contains("<svg"));
    }
    // Mean and standard error of two values are half their sum and half their difference.
    let tables = [1, 2]
        .map(|replica| Table::parse(&read(&out(&format!("tables/msd/replica-{replica}.csv")))));
    let means = Table::parse(&read(&out("means/msd.csv")));
    let columns = [&tables[0], &tables[1]].map(|table| table.reals("msd"));
    let (mean, error) = (means.reals("msd"), means.reals("msd_standard_error"));
    assert_eq!(mean.len(), 33);
    for (row, (mean, error)) in mean.iter().zip(&error).enumerate() {
        let [a, b] = [columns[0][row], columns[1][row]];
        assert!(
            (mean - 0.5 * (a + b)).abs() < 1e-14 && (error - 0.5 * (a - b).abs()).abs() < 1e-14
        );
    }
    // Once more: nothing is left to do.
    let again = snakemake(&["--configfile", &config]).ok();
    assert!(
        again.stderr.contains("Nothing to be done"),
        "{}",
        again.stderr
    );
}

#[test]
fn the_configuration_that_comes_with_it_is_sound() {
    let scratch = Scratch::new();
    let mut command = Command::new(snakemake());
    command
        .args([
            "--cores",
            "1",
            "--dry-run",
            "--printshellcmds",
            "--snakefile",
        ])
        .arg(tool("workflow/Snakefile"))
        .arg("--configfile")
        .arg(tool("workflow/config.yaml"))
        .args(["--directory", &scratch.path("out")])
        .env("XDG_CACHE_HOME", scratch.path("cache"))
        .stdin(Stdio::null());
    let planned = run(&mut command, &[]).ok();
    let said = planned.text() + &planned.stderr;
    for command in [
        "hyalo simulate --preset vhg-quick --replica 4 --resume",
        "hyalo icosa --types icosahedron replicas/replica-2/heat-vhg.extxyz --frames 100:",
        "--label VHG",
    ] {
        assert!(said.contains(command), "{command}: {said}");
    }
}
