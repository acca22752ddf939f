//! The layers: who may name whom, and what is named in one place only.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each layer and those it may use beside itself and `error`: cli → {lammps, library} → {analysis, engine, stream, sink} → kernel → physics → data.
const MAY_USE: [(&str, &[&str]); 11] = [
    (
        "cli",
        &[
            "lammps", "library", "analysis", "engine", "stream", "sink", "physics", "kernel",
            "data",
        ],
    ),
    (
        "library",
        &[
            "analysis", "engine", "stream", "sink", "physics", "kernel", "data",
        ],
    ),
    ("lammps", &["engine", "stream", "physics", "kernel", "data"]),
    ("analysis", &["physics", "kernel", "data"]),
    ("engine", &["physics", "kernel", "data"]),
    ("stream", &["physics", "kernel", "data"]),
    ("sink", &["physics", "kernel", "data"]),
    ("physics", &["data"]),
    ("kernel", &["physics", "data"]),
    ("data", &[]),
    ("error", &[]),
];

/// Large foreign crates, each of which is named in one file only.
const FOREIGN: [&str; 4] = ["chemfiles", "voro_rs", "polars", "plotters"];

fn layers() -> impl Iterator<Item = &'static str> {
    MAY_USE.iter().map(|(layer, _)| *layer)
}

/// The words and signs of a source text, without comments and literals.
fn tokens(source: &str) -> Vec<String> {
    let text: Vec<char> = source.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    let starts =
        |at: usize, what: &str| what.chars().eq(text[at..].iter().copied().take(what.len()));
    while at < text.len() {
        let c = text[at];
        if starts(at, "//") {
            while at < text.len() && text[at] != '\n' {
                at += 1;
            }
        } else if starts(at, "/*") {
            let mut depth = 0;
            loop {
                let step = match (starts(at, "/*"), starts(at, "*/")) {
                    (true, _) => (1, 2),
                    (_, true) => (-1, 2),
                    _ => (0, 1),
                };
                (depth, at) = (depth + step.0, at + step.1);
                if depth == 0 || at >= text.len() {
                    break;
                }
            }
        } else if c == '"' {
            at += 1;
            while at < text.len() && text[at] != '"' {
                at += if text[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if c == '\'' {
            // A character, or else a lifetime.
            let is_escaped = text.get(at + 1) == Some(&'\\');
            if is_escaped {
                at += 3;
                while at < text.len() && text[at] != '\'' {
                    at += 1;
                }
                at += 1;
            } else if text.get(at + 2) == Some(&'\'') {
                at += 3;
            } else {
                at += 1;
            }
        } else if c.is_alphanumeric() || c == '_' {
            let start = at;
            while at < text.len() && (text[at].is_alphanumeric() || text[at] == '_') {
                at += 1;
            }
            let word: String = text[start..at].iter().collect();
            let hashes = text[at..].iter().take_while(|c| **c == '#').count();
            let is_raw =
                matches!(word.as_str(), "r" | "br" | "cr") && text.get(at + hashes) == Some(&'"');
            if is_raw {
                let end = format!("\"{}", "#".repeat(hashes));
                at += hashes + 1;
                while at < text.len() && !starts(at, &end) {
                    at += 1;
                }
                at += end.len();
            } else {
                tokens.push(word);
            }
        } else if starts(at, "::") {
            tokens.push("::".to_string());
            at += 2;
        } else {
            if !c.is_whitespace() {
                tokens.push(c.to_string());
            }
            at += 1;
        }
    }
    tokens
}

/// What is named right below a path that ends before `at`: one word, or the first word of each item between braces.
fn named(tokens: &[String], at: usize) -> Vec<String> {
    if tokens.get(at).map(String::as_str) != Some("{") {
        return tokens.get(at).cloned().into_iter().collect();
    }
    let (mut depth, mut first, mut found) = (0, true, Vec::new());
    for token in &tokens[at..] {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => first = true,
            word if depth == 1 && first => {
                found.push(word.to_string());
                first = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

/// Names of the modules from the root down to a file: `analysis msd lags`.
fn module(path: &str) -> Vec<&str> {
    let path = path.strip_suffix(".rs").expect("a source file");
    path.split('/').filter(|part| *part != "mod").collect()
}

/// The breaches of a file (its path below `src`), in words.
fn breaches(path: &str, source: &str) -> Vec<String> {
    let tokens = tokens(source);
    let module = module(path);
    let layer = module[0];
    let is = |at: usize, word: &str| tokens.get(at).map(String::as_str) == Some(word);
    let mut used = BTreeSet::new();
    let mut breaches = Vec::new();
    for at in 0..tokens.len() {
        let starts_path = at == 0 || !is(at - 1, "::");
        if is(at, "crate") && starts_path {
            match is(at + 1, "::") {
                true => used.extend(named(&tokens, at + 2)),
                // pub(crate), which names nothing.
                false if is(at + 1, ")") => {}
                false => breaches.push("uses the crate's root as a whole".to_string()),
            }
        }
        if is(at, "hyalo") && is(at + 1, "::") && layer == "main" {
            used.extend(named(&tokens, at + 2));
        }
        if is(at, "super") && starts_path {
            let mut after = at + 1;
            let mut up = 1;
            while is(after, "::") && is(after + 1, "super") {
                (after, up) = (after + 2, up + 1);
            }
            if up >= module.len() {
                let names = named(&tokens, after + 1);
                used.extend(
                    names
                        .into_iter()
                        .filter(|name| layers().any(|layer| layer == name)),
                );
            }
        }
        if is(at, "unsafe") && layer != "kernel" {
            breaches.push("is unsafe outside kernel".to_string());
        }
        if is(at, "use") && layer == "data" {
            let heads = named(&tokens, at + 1);
            let known = ["std", "core", "nalgebra", "crate", "super", "self"];
            let heads = heads.iter().filter(|head| !known.contains(&head.as_str()));
            breaches.extend(
                heads.map(|head| format!("knows {head}, and data knows std and nalgebra only")),
            );
        }
    }
    let allowed: Vec<&str> = match layer {
        "main" => vec!["cli", "error"],
        // It declares the layers and uses none.
        "lib" => vec![],
        layer => {
            let rule = MAY_USE.iter().find(|(known, _)| *known == layer);
            let (_, below) = rule.unwrap_or_else(|| panic!("{path} is in no layer of the design"));
            below.iter().copied().chain([layer, "error"]).collect()
        }
    };
    let forbidden = used.iter().filter(|name| !allowed.contains(&name.as_str()));
    breaches.extend(forbidden.map(|name| format!("uses {name}")));
    breaches
        .into_iter()
        .map(|what| format!("{path} {what}"))
        .collect()
}

/// Whether a file names a foreign crate. `stream` has a module of the same name as one: a file that declares or imports that one means it,
/// unless the path begins with `::`.
fn names_foreign(source: &str, foreign: &str) -> bool {
    let tokens = tokens(source);
    let is = |at: usize, word: &str| tokens.get(at).map(String::as_str) == Some(word);
    let has_module = (0..tokens.len())
        .any(|at| tokens[at] == foreign && [",", "}", ";"].iter().any(|sign| is(at + 1, sign)));
    (0..tokens.len()).any(|at| {
        if tokens[at] != foreign {
            return false;
        }
        let from_root = at > 0
            && is(at - 1, "::")
            && !(at > 1
                && tokens[at - 2]
                    .chars()
                    .all(|c| c.is_alphanumeric() || c == '_')
                && !["use", "in", "as", "return", "mut", "dyn", "impl"]
                    .contains(&tokens[at - 2].as_str()))
            && !(at > 1 && is(at - 2, ">"));
        let starts_path = (at == 0 || !is(at - 1, "::")) && is(at + 1, "::");
        let whole = at > 0 && is(at - 1, "use") || at > 1 && is(at - 2, "extern");
        from_root || (starts_path && !has_module) || whole
    })
}

fn sources() -> Vec<(String, String)> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("readable") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).expect("below src");
            let parts: Vec<_> = name
                .iter()
                .map(|part| part.to_str().expect("plain text"))
                .collect();
            (
                parts.join("/"),
                fs::read_to_string(&path).expect("readable"),
            )
        })
        .collect()
}

#[test]
fn layers_use_only_those_below() {
    let sources = sources();
    assert!(sources.len() > 30, "the sources are found");
    let breaches: Vec<String> = sources
        .iter()
        .flat_map(|(path, source)| breaches(path, source))
        .collect();
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn large_foreign_crates_are_named_in_one_file() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    let manifest = manifest.expect("readable");
    for foreign in FOREIGN {
        let sources = sources();
        let naming: Vec<&str> = sources
            .iter()
            .filter(|(_, source)| names_foreign(source, foreign))
            .map(|(path, _)| path.as_str())
            .collect();
        let is_used = manifest.contains(&format!("\n{foreign} = "));
        assert_eq!(naming.len(), usize::from(is_used), "{foreign}: {naming:?}");
    }
}

#[test]
fn breaches_are_found() {
    for (path, source, found) in [
        (
            "analysis/msd/lags.rs",
            "use crate::stream::Format;",
            "uses stream",
        ),
        (
            "analysis/x.rs",
            "fn f() { crate::sink::table::go() }",
            "uses sink",
        ),
        (
            "analysis/x.rs",
            "use crate::{data::cell::{Cell}, error, cli};",
            "uses cli",
        ),
        (
            "stream/x.rs",
            "use super::super::analysis::info;",
            "uses analysis",
        ),
        (
            "sink/figure/x.rs",
            "use super::super::super::{data, stream};",
            "uses stream",
        ),
        ("sink/x.rs", "use crate::engine;", "uses engine"),
        ("physics/x.rs", "use crate::kernel::force;", "uses kernel"),
        ("data/cell.rs", "use crate::physics::fit;", "uses physics"),
        ("data/cell.rs", "use serde::Serialize;", "knows serde"),
        ("error.rs", "use crate::data::cell::Cell;", "uses data"),
        ("error.rs", "use super::data;", "uses data"),
        ("main.rs", "use hyalo::stream::open;", "uses stream"),
        ("lib.rs", "pub use crate::cli::Cli;", "uses cli"),
        ("cli/x.rs", "use crate as all;", "root as a whole"),
        ("cli/x.rs", "unsafe { go() }", "unsafe outside kernel"),
    ] {
        let breaches = breaches(path, source);
        assert!(
            breaches.len() == 1 && breaches[0].contains(found),
            "{path} {source}: {breaches:?}"
        );
    }
    for (path, source) in [
        (
            "cli/x.rs",
            "use crate::{analysis, stream::Format, sink, error::Error};",
        ),
        (
            "analysis/x.rs",
            "/// [`crate::sink`]\nuse super::super::error::Error; // crate::cli",
        ),
        (
            "analysis/x.rs",
            "fn f<'a>() { \"crate::cli \\\" crate::cli\"; '\\''; '\"'; r#\"crate::cli\"#; }",
        ),
        (
            "data/cell.rs",
            "/* crate::cli /* */ crate::cli */ use super::super::frame; pub(crate) fn f() {}",
        ),
        ("kernel/x.rs", "unsafe { go() }"),
        ("main.rs", "use hyalo::{cli::Cli, error::Kind};"),
    ] {
        assert_eq!(breaches(path, source), [""; 0], "{source}");
    }
    for source in [
        "use polars::prelude::*;",
        "fn f() { ::polars::go() }",
        "fn f() -> polars::Frame {}",
        "pub mod polars; use ::polars::Frame;",
        "extern crate polars;",
        "use polars as p;",
    ] {
        assert!(names_foreign(source, "polars"), "{source}");
    }
    for source in [
        "// polars::x\nlet x = \"polars::x\";",
        "use super::{polars, xyz}; fn f() { polars::go() }",
        "pub mod polars; fn f() { polars::go() }",
        "fn f() { super::polars::go(); crate::stream::polars::go() }",
        "let polars = 1;",
    ] {
        assert!(!names_foreign(source, "polars"), "{source}");
    }
}
