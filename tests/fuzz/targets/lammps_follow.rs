//! The log of a LAMMPS at work: it makes no difference how far it had been written when it was looked at.
#![no_main]

use hyalo::lammps::log::Log;

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let mut at_once = Log::new("log".into());
    let all = at_once.take_text(text);

    let mut growing = Log::new("log".into());
    let mut rows = Vec::new();
    for end in [text.len() / 3, text.len() / 2, text.len()] {
        let read = growing.read() as usize;
        rows.extend(growing.take_text(&text[read..end.max(read)]));
    }
    assert_eq!(format!("{rows:?}"), format!("{all:?}"));
    assert_eq!(growing.read(), at_once.read());
    assert_eq!(growing.is_complete, at_once.is_complete);
    assert_eq!(growing.error, at_once.error);
    assert!(at_once.error.is_none_or(|error| error.starts_with("ERROR")));
});
