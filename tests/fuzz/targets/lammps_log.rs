//! Logs of LAMMPS: columns are as long as there are steps, line ends make no difference, and what has been read stays when the log grows.
#![no_main]

use hyalo::stream::lammps_log::{Thermo, parse, sessions};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let read = sessions(text);
    for session in &read {
        assert!(!session.steps.is_empty());
        assert!(session.steps.windows(2).all(|pair| pair[0] < pair[1]));
        for (name, values) in &session.columns {
            assert_eq!(values.len(), session.steps.len(), "{name}");
        }
    }
    let temperatures = parse(text);
    assert!(temperatures.len() <= read.len());
    for session in temperatures {
        let (first, last) = session.steps();
        assert!(first <= last);
        assert!(session.temperature(first).is_some() && session.temperature(last).is_some());
    }

    let debug = |read: &[Thermo]| format!("{read:?}");
    let of_windows: String = text.lines().map(|line| format!("{line}\r\n")).collect();
    assert_eq!(debug(&sessions(&of_windows)), debug(&read));

    // A log that is still being written.
    let half = &text.as_bytes()[..text.len() / 2];
    let end = half
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let steps = |read: &[Thermo]| -> Vec<i64> {
        read.iter()
            .flat_map(|session| session.steps.clone())
            .collect()
    };
    assert!(steps(&read).starts_with(&steps(&sessions(&text[..end]))));
});
