//! Protocols of a simulation: what is accepted is the same when it is written out and read again, has a plan, and has its output when the
//! plan says so. Lines `# set: KEY=VALUE` at the beginning are settings.
#![no_main]

use std::path::Path;

use hyalo::engine::protocol::{Kind, Pace, Protocol, Schedule, Stage};
use hyalo_fuzz::check_error;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let lines = text.lines().map_while(|line| line.strip_prefix("# "));
    let settings = lines.filter_map(|line| Some(line.strip_prefix("set: ")?.to_string()));
    let settings: Vec<String> = settings.collect();
    let folder = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/protocols/good"
    ));
    let protocol = match Protocol::parse(text, "protocol", folder, &settings) {
        Ok(protocol) => protocol,
        Err(error) => return check_error(&error),
    };
    let written = protocol.to_toml();
    let again = Protocol::parse(&written, "again", Path::new(""), &[]);
    let again = again.unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!(again.to_toml(), written);
    assert_eq!(without_lines(again), without_lines(protocol.clone()));

    for (index, stage) in protocol.stages.iter().enumerate() {
        assert_eq!(matches!(stage.kind, Kind::Create(_)), index == 0);
        assert!(stage.start.is_none_or(|start| start < index));
        check_schedule(stage, stage.trajectory);
        check_schedule(stage, stage.thermo);
    }
    let plan = protocol.plan(Pace {
        dynamics: 1e3,
        minimisation: 1e3,
    });
    assert!(plan.seconds.is_finite());
    assert_eq!(plan.to_string().lines().count(), protocol.stages.len() + 2);
});

fn without_lines(mut protocol: Protocol) -> Protocol {
    protocol.stages.iter_mut().for_each(|stage| stage.line = 0);
    protocol
}

/// The output of a short stage is counted step by step; the steps at the ends of a long one are looked at.
fn check_schedule(stage: &Stage, schedule: Schedule) {
    let outputs = schedule.outputs(stage);
    let Some(steps) = stage.steps() else {
        for step in [0, 1, u64::MAX / 2] {
            schedule.is_due(step, stage);
        }
        return;
    };
    for step in [0, 1, steps / 2, steps] {
        schedule.is_due(step, stage);
        if let Some(temperature) = stage.set_point(step) {
            assert!(temperature > 0.0 && temperature.is_finite());
        }
    }
    if steps < 1000 {
        let count = (0..=steps)
            .filter(|step| schedule.is_due(*step, stage))
            .count();
        assert_eq!(outputs, Some(count as u64), "{stage:?}");
    }
}
