//! The help, the manual pages and the page on tables: what they show is what the program does.

mod common;

use std::fs;
use std::process::Command;

use common::{Scratch, command, fixture, hyalo, path_with_hyalo, run};

const COMMANDS: [&str; 10] = [
    "info",
    "icosa",
    "msd",
    "virial",
    "voronoi",
    "delta-star",
    "convert",
    "simulate",
    "tg-fit",
    "rate-fit",
];

/// The command lines of the worked examples of a command, continuation lines joined.
fn examples(name: &str) -> Vec<String> {
    let help = hyalo(&["help", name]).ok().text();
    let manual = help.split("\nExamples:\n").nth(1);
    let manual = manual.unwrap_or_else(|| panic!("{name} has no examples"));
    let mut lines = manual
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with(' '));
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with("      hyalo ") {
            let mut text = line.trim().to_string();
            while let Some(first) = text.strip_suffix('\\') {
                text = format!("{first}{}", lines.next().expect("it goes on").trim());
            }
            found.push(text);
        }
    }
    found
}

#[test]
fn every_worked_example_works() {
    let scratch = Scratch::new();
    let path = path_with_hyalo(&scratch);
    for (name, original) in [
        ("heat.lammpstrj.gz", "heat_unwrapped.lammpstrj.gz"),
        ("log.lammps", "heat.log"),
    ] {
        fs::copy(fixture(original), scratch.path(name)).expect("copied");
    }
    scratch.file(
        "onsets.csv",
        "rate,value\n1e-2,0.9\n1e-3,0.82\n1e-4,0.75\n3e-5,0.71\n",
    );
    // At rates that leave nothing to see, but everything in its place.
    let small = "preset vhg-quick --set particles=500 --set rate=0.1 --set frames_every=0.05 -j 1";
    let shell = |line: &str| {
        let line = line
            .replace("preset vhg-quick", "preset vhg")
            .replace("preset vhg", small);
        let line = line
            .replace("--set frames_every=0.0005", "")
            .replace("--set rate=1.8e-5", "")
            .replace("heat.rate=0.002", "heat.rate=0.1");
        // Nothing later is looked at.
        let line = match line.contains("simulate") && !line.contains(" -o - ") {
            true => format!("{line} --until heat-vhg"),
            false => line,
        };
        let mut shell = Command::new("bash");
        shell
            .args(["-o", "pipefail", "-c", &line])
            .current_dir(scratch.folder())
            .env("PATH", &path);
        run(&mut shell, b"")
    };
    // What all others read comes first.
    let mut names = COMMANDS.to_vec();
    names.sort_by_key(|name| *name != "simulate");
    for name in names {
        let examples = examples(name);
        assert!(!examples.is_empty(), "{name}");
        for example in examples {
            // Examples write the same names.
            let last = example.rsplit(" | ").next().expect("a command");
            let example = match last.starts_with("hyalo ") && !last.contains("simulate") {
                true => format!("{example} --force"),
                false => example,
            };
            let ran = shell(&example);
            // So fast a ramp has no T_g that could be trusted, and that is what the example is told.
            let doubted = ran.code == 1 && ran.stderr.contains("doubtful");
            assert!(
                ran.code == 0 || doubted,
                "{example}: {:?} {}",
                ran.code,
                ran.stderr
            );
        }
    }
}

#[test]
fn the_page_on_tables_is_what_the_program_says() {
    let page = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tools/manual/tables.md"
    ));
    let printed = hyalo(&["manual", "tables"]).ok().text();
    assert!(
        page.expect("readable") == printed,
        "renew it: hyalo manual tables > tools/manual/tables.md"
    );
    for name in COMMANDS
        .iter()
        .filter(|name| !["info", "convert"].contains(name))
    {
        assert!(printed.contains(&format!("## hyalo {name}\n")), "{name}");
    }
    // Another way to the same columns.
    let listed = hyalo(&["msd", "--list-tables", "--lags", "log"])
        .ok()
        .text();
    for line in listed.lines().filter_map(|line| line.strip_prefix("    ")) {
        let column = line.split_whitespace().next().expect("a name");
        assert!(printed.contains(&format!("| `{column}` |")), "{column}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let scratch = Scratch::new();
    let folder = scratch.path("man/man1");
    hyalo(&["manual", "pages", &folder]).ok();
    for name in COMMANDS {
        let page = fs::read_to_string(format!("{folder}/hyalo-{name}.1")).expect("a page");
        let [name_at, options_at, examples_at] =
            [".SH NAME", ".SH OPTIONS", ".SH EXAMPLES"].map(|section| {
                page.find(section)
                    .unwrap_or_else(|| panic!("{name}: {section}"))
            });
        assert!(name_at < options_at && options_at < examples_at, "{name}");
        for example in examples(name) {
            let start = example.split(" -").next().expect("a word");
            assert!(page.contains(&start.replace('-', "\\-")), "{name}: {start}");
        }
    }
    let main = fs::read_to_string(format!("{folder}/hyalo.1")).expect("a page");
    assert!(
        COMMANDS
            .iter()
            .all(|name| main.contains(&name.replace('-', "\\-")))
    );
    let again = hyalo(&["manual", "pages", &folder]).refused();
    assert!(again.contains("--force"), "{again}");
}

#[test]
fn completions_complete_commands_and_flags() {
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let text = hyalo(&["manual", "completions", shell]).ok().text();
        assert!(
            text.contains("delta-star") && text.contains("list-tables"),
            "{shell}"
        );
    }
    // What bash itself makes of it.
    let script = "source <(\"$0\" manual completions bash); COMP_WORDS=(hyalo vo); COMP_CWORD=1; \
        _hyalo hyalo vo hyalo; echo \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    bash.args(["-c", script]).arg(command(&[]).get_program());
    assert_eq!(run(&mut bash, b"").ok().text().trim(), "voronoi");
}
