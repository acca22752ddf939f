//! `tools/reproduce` in a shortened form: killed in the middle and called again, it ends with every figure, table and verdict.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use common::hyalo;

/// `tools/reproduce` at its smallest scale, with what it needs built already; what it says goes into a file beside the folder.
fn reproduce(folder: &Path) -> Command {
    let log = std::fs::File::create(folder.with_extension("log")).unwrap();
    let mut command = Command::new("tools/reproduce");
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("HYALO", env!("CARGO_BIN_EXE_hyalo"))
        .args([
            "--scale",
            "test",
            "--rates",
            "4e3,6e3,9e3",
            "--jobs",
            "2",
            "-o",
        ])
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(log);
    command
}

/// Waits until a file is there.
fn await_file(path: &Path) {
    let start = SystemTime::now();
    while !path.exists() {
        let waited = start.elapsed().unwrap();
        assert!(
            waited < Duration::from_secs(600),
            "{} never came",
            path.display()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn files(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => found.append(&mut files(&entry.path())),
            false => {
                found.insert(entry.path(), entry.metadata().unwrap().modified().unwrap());
            }
        }
    }
    found
}

/// The rows of a CSV table without quoted line breaks, as maps from column to value.
fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let split = |line: &str| {
        let (mut fields, mut quoted) = (vec![String::new()], false);
        for character in line.chars() {
            match character {
                '"' => quoted = !quoted,
                ',' if !quoted => fields.push(String::new()),
                other => fields.last_mut().unwrap().push(other),
            }
        }
        fields
    };
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let header = split(lines.next().unwrap());
    lines
        .map(|line| header.iter().cloned().zip(split(line)).collect())
        .collect()
}

#[test]
fn the_whole_programme_survives_kills_and_is_judged_from_its_tables() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("report");

    let finish = || {
        let status = reproduce(&root).status().unwrap();
        let said = std::fs::read_to_string(root.with_extension("log")).unwrap();
        assert!(status.success(), "{said}");
    };

    // Killed while runs are in progress: what they had finished stays as it was.
    let mut first = reproduce(&root).spawn().unwrap();
    await_file(&root.join("runs/seed-1/minimum.final.extxyz"));
    first.kill().unwrap();
    first.wait().unwrap();
    let cooled = root.join("runs/seed-1/cool.extxyz");
    let when = |path: &Path| std::fs::metadata(path).unwrap().modified().unwrap();
    let before = when(&cooled);

    // Killed again between the figures.
    let mut second = reproduce(&root).spawn().unwrap();
    await_file(&root.join(".done/fig3"));
    second.kill().unwrap();
    second.wait().unwrap();
    assert_eq!(when(&cooled), before);
    let drawn = when(&root.join("figures/fig1c.svg"));

    finish();
    assert_eq!(when(&root.join("figures/fig1c.svg")), drawn);
    for name in [
        "fig1b",
        "fig1c",
        "fig2",
        "fig3",
        "fig4",
        "fig5",
        "fig6-left",
        "fig6-right",
        "figS1",
        "figS2",
        "figS3",
    ] {
        assert!(root.join(format!("figures/{name}.svg")).exists(), "{name}");
    }
    let page = std::fs::read_to_string(root.join("report.md")).unwrap();
    let web = std::fs::read_to_string(root.join("report.html")).unwrap();
    let figures = files(&root.join("figures"));
    for figure in figures.keys() {
        let name = format!("figures/{}", figure.file_name().unwrap().to_string_lossy());
        assert!(
            page.contains(&name) && web.contains(&name),
            "{name} is on no page"
        );
    }

    // A run that was killed ends as one that was not.
    let whole = folder.path().join("whole");
    let arguments = page
        .lines()
        .find_map(|line| line.trim().strip_prefix("hyalo simulate"));
    let arguments = arguments
        .unwrap()
        .replace("runs/seed-1", &whole.to_string_lossy());
    let arguments = arguments.replace("--until equilibrium", "--until heat-vhg -q -j 1");
    hyalo(
        &["simulate"]
            .into_iter()
            .chain(arguments.split_whitespace())
            .collect::<Vec<_>>(),
    );
    let heated = |folder: &Path| std::fs::read(folder.join("heat-vhg.extxyz")).unwrap();
    assert!(heated(&whole) == heated(&root.join("runs/seed-1")));

    // Verdicts follow from the tables.
    let statements = rows(&root.join("tables/statements.csv"));
    let judged = |text: &str| {
        let found = statements
            .iter()
            .find(|row| row["statement"].contains(text));
        found.unwrap_or_else(|| panic!("no statement about {text}"))
    };
    assert!(statements.len() >= 20);
    for row in &statements {
        assert!(["holds", "does not hold", "cannot be judged"].contains(&&*row["verdict"]));
        let explained = row["verdict"] == "holds" || !row["remark"].is_empty();
        assert!(explained, "{} fails without a word", row["statement"]);
    }
    let pressures = rows(&root.join("tables/pressures.csv"));
    let sd = |label: &str, replica: &str| -> f64 {
        let wanted = |row: &&BTreeMap<String, String>| {
            row["input"] == label && row["replica"] == replica && row["species"] == "all"
        };
        pressures.iter().find(wanted).unwrap()["pressure_sd"]
            .parse()
            .unwrap()
    };
    let factor = |replica| sd("bidisperse", replica) / sd("VHG", replica);
    let mean = 0.5 * (factor("1") + factor("2"));
    let fall = judged("standard deviation of P");
    assert!(
        fall["measured"].starts_with(&format!("{mean:.1} ")),
        "{} is not {mean}",
        fall["measured"]
    );
    assert_eq!(fall["verdict"] == "holds", mean >= 10.0);

    // What is whole is not made again.
    let made = files(&root.join("tables"));
    finish();
    assert_eq!(files(&root.join("tables")), made);
}

#[test]
fn rates_that_were_measured_before_need_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("report");
    let before = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/reproduction/laptop");
    let table = before.join("tables/rates.csv");
    let mut command = reproduce(&root);
    command.args(["--seeds", "0", "--rates", "1e4,1e6", "--rate-table"]);
    let dry = command.arg(&table).arg("--dry-run").stdout(Stdio::piped());
    let plan = String::from_utf8(dry.output().unwrap().stdout).unwrap();
    assert!(plan.contains("rates/1e4-seed-1") && !plan.contains("rates/1e6"));
    assert!(!plan.contains("runs/"), "{plan}");

    let mut command = reproduce(&root);
    command.args(["--seeds", "0", "--rates", "3e4,1e7", "--rate-table"]);
    let status = command.arg(&table).status().unwrap();
    let said = std::fs::read_to_string(root.with_extension("log")).unwrap();
    assert!(status.success(), "{said}");
    for name in ["rates", "rates-T_o-extrapolations", "rates-icosahedra"] {
        let name = format!("tables/{name}.csv");
        assert_eq!(rows(&root.join(&name)), rows(&before.join(&name)), "{name}");
    }
    let page = std::fs::read_to_string(root.join("report.md")).unwrap();
    assert!(page.contains("of which 3e4, 1e5, 3e5, 1e6, 1e7 from the table of an earlier call"));
    assert!(!page.contains("hyalo simulate"));
    assert!(!root.join("rates").exists());
}

#[test]
fn what_is_no_table_of_rates_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("rates.csv");
    let header = "quantity,series,rate,steps,seed,value\n";
    for (text, why) in [
        ("a,b\n", "its columns are not quantity, series"),
        (
            &*format!("{header}T_g,bidisperse,0.006,30000,1,nan\n"),
            "line 2 is none of its rows",
        ),
        (
            &*format!("{header}T_g,bidisperse,0.005,30000,1,0.5\n"),
            "line 2 is none of its rows",
        ),
        (
            &*format!("{header}T_g,bidisperse,inf,0,1,0.5\n"),
            "line 2 is none of its rows",
        ),
        (
            &*format!(
                "{header}T_g,bidisperse,0.006,30000,1,0.5\nT_g,bidisperse,0.006,30000,1,0.6\n"
            ),
            "line 3 is there twice",
        ),
    ] {
        std::fs::write(&table, text).unwrap();
        let root = folder.path().join("report");
        let mut command = reproduce(&root);
        let status = command.arg("--rate-table").arg(&table).status().unwrap();
        let said = std::fs::read_to_string(root.with_extension("log")).unwrap();
        assert_eq!(status.code(), Some(2), "{said}");
        assert!(said.contains(why), "{said}");
        assert!(!root.exists());
    }
}
