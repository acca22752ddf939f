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

/// The resolved protocol, the folder of the protocols being called FOLDER.
fn resolved(protocol: &Protocol) -> String {
    let folder = std::path::absolute(folder("")).unwrap();
    (protocol.to_toml()).replace(folder.to_str().unwrap(), "FOLDER/")
}

/// `fixtures/protocols/resolved` holds what each good protocol comes to.
#[test]
fn good_protocols_come_to_what_is_expected() {
    let expected = cases("resolved");
    let cases = cases("good");
    assert_eq!(cases.len(), expected.len());
    for ((name, text), (_, expected)) in cases.iter().zip(expected) {
        let protocol = Protocol::parse(text, name, &folder("good"), &settings(text));
        let protocol = protocol.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(resolved(&protocol), expected, "{name}");
    }
}

/// A protocol without the lines on which its stages stood.
fn without_lines(mut protocol: Protocol) -> Protocol {
    protocol.stages.iter_mut().for_each(|stage| stage.line = 0);
    protocol
}

#[test]
fn a_resolved_protocol_is_read_as_the_same() {
    let presets = PRESETS.map(|(name, _)| Protocol::preset(name, &[]).unwrap());
    let good = cases("good").into_iter().map(|(name, text)| {
        Protocol::parse(&text, &name, &folder("good"), &settings(&text)).unwrap()
    });
    for protocol in presets.into_iter().chain(good) {
        let text = protocol.to_toml();
        let again = Protocol::parse(&text, "again", Path::new(""), &[]).unwrap();
        assert_eq!(again.to_toml(), text);
        assert_eq!(without_lines(again), without_lines(protocol));
    }
}

fn stage(kind: Kind, trajectory: Schedule) -> Stage {
    Stage {
        name: "stage".to_string(),
        line: 1,
        start: Some(0),
        velocities: None,
        kind,
        trajectory,
        thermo: Schedule::None,
    }
}

fn due(stage: &Stage) -> Vec<u64> {
    let steps = 0..=stage.steps().unwrap();
    steps
        .filter(|step| stage.trajectory.is_due(*step, stage))
        .collect()
}

const THERMOSTAT: Thermostat = Thermostat::NoseHoover { relaxation: 0.5 };

fn ramp(steps: u64, trajectory: Schedule) -> Stage {
    let kind = Kind::Ramp {
        from: 1.0,
        to: 0.1,
        steps,
        thermostat: THERMOSTAT,
    };
    stage(kind, trajectory)
}

fn series(count: usize, equilibration: u64, steps: u64, trajectory: Schedule) -> Stage {
    let kind = Kind::Equilibrate {
        temperatures: (0..count).map(|index| 1.0 - 0.1 * index as f64).collect(),
        equilibration,
        steps,
        thermostat: THERMOSTAT,
    };
    stage(kind, trajectory)
}

#[test]
fn schedules_are_due_when_they_say() {
    assert_eq!(due(&ramp(10, Schedule::None)), [0; 0]);
    assert_eq!(due(&ramp(10, Schedule::End)), [10]);
    assert_eq!(due(&ramp(10, Schedule::Every(3))), [0, 3, 6, 9, 10]);
    assert_eq!(due(&ramp(10, Schedule::Every(5))), [0, 5, 10]);
    assert_eq!(
        due(&ramp(20, Schedule::LogBlocks(6))),
        [0, 1, 2, 4, 6, 7, 8, 10, 12, 13, 14, 16, 18, 19, 20]
    );
    // 9 temperatures in 20 steps: every 20/9 steps, rounded.
    assert_eq!(
        due(&ramp(20, Schedule::EveryTemperature(0.1))),
        [0, 2, 4, 7, 9, 11, 13, 16, 18, 20]
    );
    // 0.25 does not divide 0.9.
    assert_eq!(
        due(&ramp(90, Schedule::EveryTemperature(0.25))),
        [0, 25, 50, 75, 90]
    );
    assert_eq!(due(&ramp(90, Schedule::EveryTemperature(2.0))), [0, 90]);
    // So many steps that there is no double for it.
    assert_eq!(due(&ramp(90, Schedule::EveryTemperature(1e308))), [0, 90]);
    // Each temperature has its equilibration, and then output counted from there.
    assert_eq!(
        due(&series(2, 3, 5, Schedule::Every(2))),
        [3, 5, 7, 8, 11, 13, 15, 16]
    );
    assert_eq!(
        due(&series(2, 0, 5, Schedule::Every(2))),
        [0, 2, 4, 5, 7, 9, 10]
    );
    assert_eq!(due(&series(3, 2, 3, Schedule::End)), [5, 10, 15]);
}

#[test]
fn the_set_point_is_that_of_the_step_just_made() {
    let ramp = ramp(9, Schedule::None);
    for step in 0..=9 {
        let expected = 1.0 - 0.1 * step as f64;
        assert!((ramp.set_point(step).unwrap() - expected).abs() < 1e-15);
    }
    assert_eq!(ramp.set_point(9), Some(0.1));
    let series = series(3, 1, 2, Schedule::None);
    let steps = series.steps().unwrap();
    let set_points: Vec<f64> = (0..=steps)
        .map(|step| series.set_point(step).unwrap())
        .collect();
    assert_eq!(
        set_points,
        [1.0, 1.0, 1.0, 1.0, 0.9, 0.9, 0.9, 0.8, 0.8, 0.8]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn as_many_outputs_are_due_as_are_counted(
        steps in 1_u64..3000,
        equilibration in prop_oneof![Just(0_u64), 1_u64..50],
        count in 1_usize..4,
        period in 1_u64..400,
        block in 2_u64..300,
        change in 0.0_f64..1.2,
    ) {
        let change = change.max(0.9 / steps as f64);
        let schedules = [Schedule::None, Schedule::End, Schedule::Every(period), Schedule::LogBlocks(block)];
        let stages = schedules.map(|schedule| series(count, equilibration, steps, schedule));
        let ramps = schedules.into_iter().chain([Schedule::EveryTemperature(change)]).map(|schedule| ramp(steps, schedule));
        for stage in stages.into_iter().chain(ramps) {
            let due = due(&stage);
            prop_assert_eq!(stage.trajectory.outputs(&stage), Some(due.len() as u64), "{:?}", stage);
            if stage.trajectory != Schedule::None {
                prop_assert_eq!(due.last().copied(), stage.steps());
            }
        }
    }

    /// Whatever becomes of a preset's text, it is read or refused in a line, and what is read is written and read again as the same.
    #[test]
    fn no_text_is_too_bad(
        preset in 0_usize..PRESETS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..30, "[-0-9a-z\"$=.,\\[\\]{}\n# ]{0,6}"), 1..4),
        setting in prop::option::of("(rate|seed|cool|cool\\.[a-z]{1,9}|random\\.random\\.[a-z]{1,9})=[-0-9.e$\"{}\\[\\]a-z]{0,9}"),
    ) {
        let mut text: Vec<char> = PRESETS[preset].1.chars().collect();
        for (index, length, new) in changes {
            let start = index.index(text.len() + 1);
            let end = (start + length).min(text.len());
            text.splice(start..end, new.chars());
        }
        let text: String = text.into_iter().collect();
        let settings: Vec<String> = setting.into_iter().collect();
        match Protocol::parse(&text, "preset", Path::new(""), &settings) {
            Ok(protocol) => {
                let again = Protocol::parse(&protocol.to_toml(), "again", Path::new(""), &[]).unwrap();
                prop_assert_eq!(without_lines(again), without_lines(protocol));
            }
            Err(error) => {
                let message = error.to_string();
                prop_assert!(!message.contains('\n'));
                prop_assert!(message.starts_with("preset: line ") || message.starts_with("--set "), "{}", message);
            }
        }
    }
}

fn set(settings: &[&str]) -> Protocol {
    let settings: Vec<String> = settings.iter().map(|setting| setting.to_string()).collect();
    Protocol::preset("vhg-quick", &settings).unwrap()
}

#[test]
fn settings_change_parameters_the_whole_and_stages() {
    let of =
        |protocol: &Protocol, name: &str| protocol.stages[protocol.stage(name).unwrap()].clone();
    let steps = |protocol: &Protocol, name: &str| of(protocol, name).steps().unwrap();
    let usual = set(&[]);
    assert_eq!(steps(&usual, "cool"), 20_000);
    assert_eq!(steps(&usual, "heat"), 40_000);
    // A parameter changes every stage that refers to it, a key of a stage that stage only.
    let slower = set(&["rate = 0.0009", "heat.steps = 1e3"]);
    assert_eq!(steps(&slower, "cool"), 200_000);
    assert_eq!(steps(&slower, "heat"), 1000);
    assert_eq!(steps(&slower, "heat-vhg"), 400_000);
    // One schedule takes the place of another, and words need no quotes.
    let schedules = set(&[
        "cool.trajectory.every=10",
        "heat.trajectory=none",
        "format=dump",
        "seed=5",
    ]);
    assert_eq!(of(&schedules, "cool").trajectory, Schedule::Every(10));
    assert_eq!(of(&schedules, "heat").trajectory, Schedule::None);
    assert_eq!(schedules.seed, 5);
    assert!(schedules.to_toml().contains("format = \"dump\""));
}

#[test]
fn velocities_are_drawn_at_twice_the_temperature_from_a_minimum_and_kept_otherwise() {
    let protocol = Protocol::preset("vhg-quick", &[]).unwrap();
    let velocities = |name: &str| protocol.stages[protocol.stage(name).unwrap()].velocities;
    assert_eq!(velocities("liquid"), Some(2.0));
    assert_eq!(velocities("heat"), Some(0.2));
    assert_eq!(velocities("heat-vhg"), Some(0.2));
    assert_eq!(velocities("cool"), None);
}

#[test]
fn the_quick_preset_fits_into_two_minutes_and_its_plan_adds_up() {
    let protocol = Protocol::preset("vhg-quick", &[]).unwrap();
    let pace = Pace {
        dynamics: 18_000.0,
        minimisation: 6000.0,
    };
    let plan = protocol.plan(pace);
    assert!(plan.seconds < 60.0, "{plan}");
    let text = plan.to_string();
    assert_eq!(text.lines().count(), protocol.stages.len() + 2);
    let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap();
    let words = |name: &str| {
        line(name)
            .split_whitespace()
            .map(str::to_string)
            .collect::<Vec<_>>()
    };
    // 91 temperatures from 1.0 to 0.1.
    assert_eq!(
        words("cool "),
        [
            "cool", "ramp", "T", "=", "1", "to", "0.1", "liquid", "20000", "91", "1.1", "s"
        ]
    );
    let inherent = protocol.stage("cool-inherent").unwrap();
    assert_eq!(protocol.frames(inherent), Some(19));
    assert_eq!(plan.stages[inherent].steps, 19_000);
    let widths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
    assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
}

#[test]
fn unknown_names_are_answered_with_the_known_ones() {
    let error = Protocol::preset("vhg-quik", &[]).unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no preset 'vhg-quik'; did you mean vhg-quick?"
    );
    let protocol = Protocol::preset("vhg", &[]).unwrap();
    let error = protocol.stage("melt").unwrap_err().to_string();
    assert!(
        error.starts_with(
            "there is no stage 'melt'; it must be one of random, apart, liquid, cool, "
        )
    );
    let missing = Protocol::read(Path::new("no-such.toml"), &[])
        .unwrap_err()
        .to_string();
    assert_eq!(
        missing,
        "cannot read no-such.toml: No such file or directory"
    );
}
