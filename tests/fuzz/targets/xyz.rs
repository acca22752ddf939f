//! Extended and plain XYZ: frames come back as they were, and numbers are those that the standard library reads.
#![no_main]

use hyalo::stream::xyz::Xyz;
use hyalo_fuzz::{check_beginning, frames};

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let frames = frames(Xyz::default, text);
    check_beginning(Xyz::default, text, &frames);
});
