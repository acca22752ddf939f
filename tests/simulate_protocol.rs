//! Protocols of `hyalo simulate`: what is refused and in which words, and what the good ones come to.
//!
//! A file of `fixtures/protocols/bad` begins with the comment `# says: ` and the whole message, for the file's name as the input's. Lines
//! `# set: KEY=VALUE` after it are settings.

use std::fs;
use std::path::{Path, PathBuf};

use hyalo::engine::protocol::{Kind, PRESETS, Pace, Protocol, Schedule, Stage, Thermostat};
use proptest::prelude::*;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/protocols")
        .join(name)
}

/// Names and texts of a folder's protocols.
fn cases(name: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder(name)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let protocols = paths.filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
    let mut cases: Vec<_> = protocols
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_string();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    cases.sort();
    cases
}

fn settings(text: &str) -> Vec<String> {
    let lines = text.lines().map_while(|line| line.strip_prefix("# "));
    lines
        .filter_map(|line| Some(line.strip_prefix("set: ")?.to_string()))
        .collect()
}

#[test]
fn bad_protocols_are_refused_in_one_line_that_tells_where_and_what_to_do() {
    let cases = cases("bad");
    assert!(cases.len() >= 20);
    let mut wrong = Vec::new();
    for (name, text) in cases {
        let says = text.lines().next().unwrap().strip_prefix("# says: ");
        let says = says.unwrap_or_else(|| panic!("{name} does not begin with '# says: '"));
        let answer = match Protocol::parse(&text, &name, &folder("bad"), &settings(&text)) {
            Ok(_) => "nothing".to_string(),
            Err(error) => error.to_string(),
        };
        if answer != says {
            wrong.push(format!("said     {answer}\nexpected {says}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
