//! A short form of `tools/faults`: the faults are injected for real, a few times each, and every row of its table must hold.

#![cfg(unix)]

use std::path::Path;
use std::process::Command;

/// Runs rows of `tools/faults`, each fault so many times.
#[track_caller]
fn hold(times: &str, rows: &[&str]) {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let run = Command::new(root.join("tools/faults"))
        .args(["--times", times])
        .args(rows)
        .env("HYALO", env!("CARGO_BIN_EXE_hyalo"))
        .env("CARGO_TARGET_DIR", scratch.path())
        .env("HYALO_FAULTS_GIGABYTES", "0.05")
        .env("HYALO_FAULTS_COPIES", "2")
        .output()
        .expect("tools/faults starts");
    let (table, told) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    assert!(run.status.success(), "{table}\n{told}");
    assert!(table.contains("| yes |"), "{table}");
}

#[test]
fn damaged_inputs_are_refused_or_read_for_what_they_say() {
    hold("12", &["inputs"]);
}

#[test]
fn a_kill_leaves_old_outputs_or_whole_ones() {
    hold(
        "4",
        &["kill/msd", "kill/convert.lammpstrj.zst", "kill/tg-fit"],
    );
}

#[test]
fn full_disks_and_places_that_cannot_be_written_cost_nothing() {
    hold(
        "1",
        &[
            "full-disk/icosa",
            "full-disk/TMPDIR",
            "unwritable/msd",
            "unwritable/simulate",
        ],
    );
}

#[test]
fn readers_that_leave_end_it_quietly() {
    hold("1", &["closed-pipe"]);
}

#[test]
fn size_does_not_show() {
    hold("1", &["memory", "million"]);
}
