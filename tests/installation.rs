//! Installation: what pip and cargo install is the program that was built, works without the repository, and brings its licences; how to cite it.

mod common;

use std::path::Path;
use std::process::Command;

use common::{Run, Scratch, fixture, run};

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

const PROFILE: &str = match cfg!(debug_assertions) {
    true => "dev",
    false => "release",
};

/// Runs a command in the repository, which must succeed.
#[track_caller]
fn in_repository(program: &str, arguments: &[&str]) -> Run {
    let mut command = Command::new(program);
    run(command.args(arguments).current_dir(REPOSITORY), &[]).ok()
}

/// What a program says of itself and of a trajectory in `folder`, where it runs with an empty environment.
#[track_caller]
fn answers(program: &str, folder: &Path) -> Vec<String> {
    let questions: [&[&str]; 3] = [
        &["--version"],
        &["info", "heat.lammpstrj.gz"],
        &["msd", "heat.lammpstrj.gz", "--temperature", "ramp:0.1:0.9"],
    ];
    let answer = |arguments: &&[&str]| {
        let mut command = Command::new(program);
        command.args(*arguments).current_dir(folder).env_clear();
        run(&mut command, &[]).ok().text()
    };
    questions.iter().map(answer).collect()
}

#[test]
fn what_pip_and_cargo_install_is_the_program_and_needs_no_repository() {
    let scratch = Scratch::new();
    let trajectory = fixture("heat_unwrapped.lammpstrj.gz");
    std::fs::copy(trajectory, scratch.path("heat.lammpstrj.gz")).expect("a copy");
    let built = answers(env!("CARGO_BIN_EXE_hyalo"), scratch.folder());
    assert_eq!(built[0], concat!("hyalo ", env!("CARGO_PKG_VERSION"), "\n"));

    let wheel = in_repository("tools/wheel/build", &[PROFILE]).text();
    in_repository("python3", &["-m", "venv", &scratch.path("venv")]);
    let python = scratch.path("venv/bin/python");
    let wheel = wheel.trim_end();
    in_repository(&python, &["-m", "pip", "install", "--no-index", wheel]);
    let by_pip = answers(&scratch.path("venv/bin/hyalo"), scratch.folder());
    assert!(by_pip == built, "by pip: {by_pip:?}");

    // What the wheel says of itself, then the licences in it.
    let script = "import importlib.metadata as metadata
package = metadata.distribution('hyalo')
print(package.metadata, *(path.read_text() for path in package.files if 'licenses' in path.parts))";
    let wheel = in_repository(&python, &["-c", script]).text();
    for part in [
        concat!("Version: ", env!("CARGO_PKG_VERSION"), "\n"),
        concat!("Summary: ", env!("CARGO_PKG_DESCRIPTION"), "\n"),
        concat!("Author: ", env!("CARGO_PKG_AUTHORS"), "\n"),
        concat!("License: ", env!("CARGO_PKG_LICENSE"), "\n"),
        "Classifier: Topic :: Scientific/Engineering :: Physics\n",
        "\n# hyalo\n",
        "Copyright (c) 2026 The hyalo developers",
        "Voro++ Copyright (c) 2008, The Regents of the University of California",
        "Copyright (c) 2020, Guillaume Fraux and contributors",
        "Theoretical and Computational Biophysics Group",
        "Mozilla Public License Version 2.0",
        "Meta Platforms, Inc. and affiliates",
        "Copyright (c) 2003 by Bitstream",
        "Copyright notices for The Rust Standard Library",
    ] {
        assert!(wheel.contains(part), "the wheel has no '{part}'");
    }

    let root = scratch.path("cargo");
    in_repository(
        "cargo",
        &[
            "install",
            "--path",
            ".",
            "--locked",
            "--profile",
            PROFILE,
            "--root",
            &root,
        ],
    );
    let by_cargo = answers(&scratch.path("cargo/bin/hyalo"), scratch.folder());
    assert!(by_cargo == built, "by cargo: {by_cargo:?}");
}

#[test]
fn what_is_cited_is_this_version() {
    let citation = std::fs::read_to_string(Path::new(REPOSITORY).join("CITATION.cff")).unwrap();
    let value = |key: &str| citation.lines().find_map(|line| line.strip_prefix(key));
    assert_eq!(value("version: "), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(value("title: "), Some(env!("CARGO_PKG_NAME")));
    assert_eq!(value("  - name: "), Some(env!("CARGO_PKG_AUTHORS")));
}
