//! Filters of VoroTop: every code that is taken is found again under its structure, and is its own text.
#![no_main]

use hyalo::physics::topology::Code;
use hyalo::stream::vorotop::parse;
use hyalo_fuzz::check_error;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let filter = match parse(text) {
        Ok(filter) => filter,
        Err(error) => return check_error(&error),
    };
    let mut codes = std::collections::HashSet::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with(['#', '*']) || line.is_empty() {
            continue;
        }
        let (number, rest) = line.split_once('(').expect("a line with a code");
        let (inner, _) = rest.split_once(')').expect("the code has an end");
        let mut walk: Vec<u16> = (inner.split(','))
            .map(|number| number.trim().parse().expect("the number of a vertex"))
            .collect();
        assert_eq!(walk.pop(), Some(1));
        let structure: usize = number.trim().parse().expect("the number of a structure");
        assert_eq!(filter.find(&walk), Some(structure - 1));
        let code: Code = format!("({inner})").parse().expect("a code");
        assert_eq!(code.to_string().parse(), Ok(code.clone()));
        codes.insert(code);
    }
    assert_eq!(filter.codes(), codes.len());
});
