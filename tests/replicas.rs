//! `hyalo simulate --replicas` and `--replica`: each replica is the run that its seed makes alone, and none of them hangs on the others.

mod common;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{SMALL_PROTOCOL, Scratch, assert_same_files, command, files, hyalo, path_with_hyalo};

/// A folder with a protocol, and the path of that.
fn with_protocol() -> (Scratch, String) {
    let scratch = Scratch::new();
    let protocol = scratch.file("protocol.toml", SMALL_PROTOCOL);
    (scratch, protocol)
}

/// Makes the replica of that number by a run of its own.
fn alone(scratch: &Scratch, protocol: &str, number: u64) -> String {
    let (folder, seed) = (scratch.path(&format!("alone-{number}")), 2 + number);
    let seed = seed.to_string();
    hyalo(&[
        "simulate", protocol, "--seed", &seed, "-j", "1", "-q", "-o", &folder,
    ])
    .ok();
    folder
}

#[test]
fn a_replica_is_the_same_whichever_way_it_is_made() {
    let (scratch, protocol) = with_protocol();
    let (all, one) = (scratch.path("all"), scratch.path("one"));
    let run = hyalo(&["simulate", &protocol, "--replicas", "3", "-o", &all]).ok();
    hyalo(&["simulate", &protocol, "--replica", "2", "-q", "-o", &one]).ok();
    for number in 1..=3 {
        let alone = alone(&scratch, &protocol, number);
        assert_same_files(&format!("{all}/replica-{number}"), &alone);
    }
    assert_same_files(&format!("{one}/replica-2"), &format!("{all}/replica-2"));
    let names: Vec<String> = fs::read_dir(&one)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, ["replica-2"]);
    // Seeds differ, and so do runs.
    let last = |number: u64| fs::read(format!("{all}/replica-{number}/cool.extxyz")).unwrap();
    assert!(last(1) != last(2) && last(2) != last(3));
    // Every line says whose it is.
    let mut lines: Vec<&str> = run.stderr.lines().collect();
    let sum = lines.pop().unwrap();
    assert!(
        sum.starts_with(&format!(
            "hyalo simulate: {all}: 3 of 3 replicas are whole ("
        )),
        "{sum}"
    );
    for number in 1..=3 {
        let own = format!("hyalo simulate: replica-{number}: ");
        assert_eq!(
            lines.iter().filter(|line| line.starts_with(&own)).count(),
            6
        );
    }
    assert_eq!(lines.len(), 18, "{lines:?}");
    // The seed, given in either way, and the number at work at once change what they say and nothing else.
    for seed in [["--seed", "4"], ["--set", "seed=4"]] {
        let other = scratch.path(seed[0]);
        let flags = ["--replicas", "2", "-j", "1", "-q", "-o", &other];
        let run = hyalo(&[&["simulate", &protocol], &seed[..], &flags].concat()).ok();
        assert_eq!(run.stderr, "");
        for number in 1..=2 {
            let same = format!("{all}/replica-{}", number + 1);
            assert_same_files(&format!("{other}/replica-{number}"), &same);
        }
    }
}

#[test]
fn those_that_are_whole_are_left_and_the_others_begun() {
    let (scratch, protocol) = with_protocol();
    let all = scratch.path("all");
    let simulate = |flags: &[&str]| hyalo(&[&["simulate", "-o", &all], flags].concat());
    simulate(&[&protocol, "--replicas", "2", "--until", "liquid"]).ok();
    let exists = |name: &str| Path::new(&all).join(name).exists();
    assert!(exists("replica-2/liquid.final.extxyz") && !exists("replica-2/cool.log"));
    // Those of an earlier ensemble are neither mixed nor replaced, and nothing is begun before that is said.
    let message = simulate(&[&protocol, "--replicas", "3"]).refused();
    let expected = format!("hyalo: {all}/replica-1/checkpoint already exists; go on with --resume");
    assert!(message.starts_with(&expected), "{message}");
    assert!(!exists("replica-3"));
    let run = simulate(&[&protocol, "--replicas", "3", "--resume"]).ok();
    for number in 1..=3 {
        let alone = alone(&scratch, &protocol, number);
        assert_same_files(&format!("{all}/replica-{number}"), &alone);
    }
    assert!(run.stderr.contains("3 of 3 replicas are whole"));
    // Once more, without naming the protocol: nothing is left to do.
    let before = files(&format!("{all}/replica-3"));
    let run = simulate(&["--replicas", "3", "--resume"]).ok();
    assert_eq!(run.stderr.matches("the run is whole").count(), 3);
    assert_eq!(files(&format!("{all}/replica-3")), before);
    let message = simulate(&["--replicas", "4", "--resume"]).refused();
    assert!(
        message.starts_with(&format!("hyalo: {all}/replica-4: no protocol; ")),
        "{message}"
    );
    // Another protocol is refused by each; --force starts again.
    let run = simulate(&[&protocol, "--seed", "4", "--replicas", "2", "--resume"]);
    assert_eq!(run.code, 2);
    assert_eq!(
        run.stderr
            .matches("was begun with another protocol")
            .count(),
        2
    );
    assert_eq!(files(&format!("{all}/replica-3")), before);
    simulate(&[&protocol, "--seed", "4", "--replicas", "1", "--force"]).ok();
    assert_same_files(&format!("{all}/replica-1"), &format!("{all}/replica-2"));
}

#[test]
fn one_that_fails_does_not_stop_the_others() {
    let (scratch, protocol) = with_protocol();
    let all = scratch.path("all");
    fs::create_dir(&all).unwrap();
    // A file stands where the folder of the second one should be.
    fs::write(format!("{all}/replica-2"), "mine").unwrap();
    let run = hyalo(&["simulate", &protocol, "--replicas", "3", "-q", "-o", &all]);
    assert_eq!((run.code, run.stdout.len()), (2, 0), "{}", run.stderr);
    let lines: Vec<&str> = run.stderr.lines().collect();
    let [own, sum] = lines[..] else {
        panic!("{lines:?}")
    };
    assert!(
        own.starts_with(&format!("hyalo: {all}/replica-2: cannot ")),
        "{own}"
    );
    let expected = format!(
        "hyalo: 1 of 3 replicas failed (replica-2), 2 are whole; when that is mended, go on with: hyalo simulate {protocol} --replicas 3 --resume -o {all}"
    );
    assert_eq!(sum, expected);
    for number in [1, 3] {
        let alone = alone(&scratch, &protocol, number);
        assert_same_files(&format!("{all}/replica-{number}"), &alone);
    }
    // Runs that end without the answer: 1, and not more.
    let other = scratch.path("other");
    let set = ["--set", "minimum.max_steps=20", "--replicas", "2"];
    let run = hyalo(&[&["simulate", &protocol, "-q", "-o", &other], &set[..]].concat());
    assert_eq!(run.code, 1, "{}", run.stderr);
    for number in 1..=2 {
        let own =
            format!("hyalo: {other}/replica-{number}: stage minimum: not minimised after 20 steps");
        assert!(run.stderr.contains(&own), "{}", run.stderr);
    }
    assert!(
        run.stderr
            .contains("hyalo: 2 of 2 replicas failed (replica-1, replica-2), 0 are whole"),
        "{}",
        run.stderr
    );
}

#[test]
fn interrupted_all_are_saved_and_the_command_that_is_told_goes_on() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("my runs")).unwrap();
    // Long enough to be caught.
    let text = SMALL_PROTOCOL.replace("steps = 1000", "steps = 8000");
    let protocol = scratch.file("my runs/protocol.toml", text);
    let all = scratch.path("all of them");
    let flags = [
        "--set",
        "cool.thermo.every=1000",
        "--replicas",
        "3",
        "-j",
        "2",
    ];
    let mut child = command(&[&["simulate", &protocol, "-o", &all], &flags[..]].concat())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = |number: u64| {
        let log = format!("{all}/replica-{number}/cool.log.partial");
        fs::metadata(log).is_ok()
    };
    while !(begun(1) && begun(2)) {
        assert!(child.try_wait().unwrap().is_none(), "it ended too early");
        std::thread::sleep(Duration::from_millis(1));
    }
    let pid = child.id().to_string();
    let killed = Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(killed.success());
    let mut said = String::new();
    let mut errors = child.stderr.take().unwrap();
    errors.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    let stopped = |number: u64| {
        let own = format!("hyalo: replica-{number}: interrupted in stage cool at step ");
        lines.iter().any(|line| line.starts_with(&own))
    };
    assert!(stopped(1) && stopped(2), "{said}");
    assert!(!Path::new(&all).join("replica-3").exists());
    let (told, how) = lines.last().unwrap().split_once("; go on with: ").unwrap();
    assert_eq!(told, "hyalo: interrupted, 0 of 3 replicas are whole");
    // As it is pasted into a shell.
    let resumed = Command::new("bash")
        .args(["-c", how])
        .env("PATH", path_with_hyalo(&scratch))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(resumed.stderr).unwrap();
    assert_eq!(resumed.status.code(), Some(0), "{how}: {said}");
    assert!(
        said.contains("/replica-1: going on with stage cool at step "),
        "{said}"
    );
    for (number, seed) in [(1, "3"), (3, "5")] {
        let alone = scratch.path(&format!("alone-{number}"));
        let flags = ["--seed", seed, "-j", "1", "-q", "-o", &alone];
        hyalo(
            &[
                &["simulate", &protocol, "--set", "cool.thermo.every=1000"],
                &flags[..],
            ]
            .concat(),
        )
        .ok();
        assert_same_files(&format!("{all}/replica-{number}"), &alone);
    }
}

#[test]
fn a_replica_may_have_threads_of_its_own() {
    let (scratch, protocol) = with_protocol();
    let all = scratch.path("all");
    let simulate = |flags: &[&str]| hyalo(&[&["simulate", "-q", "-o", &all], flags].concat());
    simulate(&[&protocol, "--replica", "2", "-j", "2", "--until", "liquid"]).ok();
    let message = simulate(&["--replica", "2", "-j", "1", "--resume"]).refused();
    assert!(
        message.contains("replica-2 was begun with -j 2"),
        "{message}"
    );
    simulate(&[&protocol, "--replica", "2", "--resume"]).ok();
    let alone = scratch.path("alone");
    let flags = ["--seed", "4", "-j", "2", "-q", "-o", &alone];
    hyalo(&[&["simulate", &protocol], &flags[..]].concat()).ok();
    assert_same_files(&format!("{all}/replica-2"), &alone);
}

#[test]
fn a_dry_run_tells_the_plan_of_one_and_the_time_of_all() {
    let (scratch, protocol) = with_protocol();
    let flags = ["--replicas", "5", "-j", "2", "--seed", "11", "--dry-run"];
    let run = hyalo(&[&["simulate", &protocol], &flags[..]].concat()).ok();
    let text = run.text();
    let last = text.lines().last().unwrap();
    assert!(
        last.starts_with("5 replicas, seeds 11 to 15, 2 at work at once: "),
        "{text}"
    );
    assert_eq!(text.matches("\ncool ").count(), 1);
    let one = hyalo(&["simulate", &protocol, "--replica", "5", "--dry-run"]).ok();
    assert_eq!(one.text().lines().count() + 1, text.lines().count());
    assert_eq!(scratch.names(), ["protocol.toml"]);
}

#[test]
fn what_cannot_run_is_refused_in_one_line() {
    let (scratch, protocol) = with_protocol();
    let out = scratch.path("out");
    let wrong: [(&[&str], &str); 12] = [
        (
            &["--replicas", "0", "-o", &out],
            "--replicas 0 is not from 1 to ",
        ),
        (
            &["--replica", "0", "-o", &out],
            "--replica 0 is not from 1 to ",
        ),
        (&["--replicas", "two", "-o", &out], "invalid value 'two'"),
        (
            &["--replicas", "2", "--replica", "1", "-o", &out],
            "cannot be used with",
        ),
        (
            &["--replicas", "2", "-o", "-"],
            "--replicas fills folders and cannot write to standard output; name the folder that holds them with -o DIR",
        ),
        (&["--replica", "2"], "--replica fills folders"),
        (
            &["--replicas", "2", "--emit", "cool", "-o", &out],
            "--replicas fills folders, and --emit streams frames",
        ),
        (
            &[
                "--replicas",
                "2",
                "--engine",
                "lammps",
                "--export",
                "-o",
                &out,
            ],
            "export each with --replica I",
        ),
        (
            &["--replicas", "2", "--until", "nosuch", "-o", &out],
            "there is no stage 'nosuch'",
        ),
        (&["--replicas", "2", "-j", "0", "-o", &out], "-j 0"),
        (
            &["--replicas", "2", "--set", "cool.colour=red", "-o", &out],
            "colour",
        ),
        (
            &[
                "--replicas",
                "2",
                "--seed",
                "18446744073709551615",
                "-o",
                &out,
            ],
            "leaves none for replica 2",
        ),
    ];
    for (flags, part) in wrong {
        let message = hyalo(&[&["simulate", &protocol], flags].concat()).refused();
        assert!(message.contains(part), "{part}: {message}");
        assert_eq!(scratch.names(), ["protocol.toml"], "{flags:?}");
    }
}
