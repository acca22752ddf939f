//! What the native text formats have in common: cut the input into raw frames (one thread), parse each (any thread).

use super::lines::Lines;
use crate::data::frame::Frame;
use crate::error::Result;

/// A text format that is read natively: forwards once, a frame at a time.
pub trait TextFormat: Sized + 'static {
    /// The text of one frame, cut out but not yet parsed.
    type Raw: Clone + Send + 'static;

    /// Cuts out the next frame; `None` at the end of the input.
    fn cut(&mut self, lines: &mut Lines) -> Result<Option<Self::Raw>>;

    /// The integration step of a raw frame, where it is told.
    fn step(raw: &Self::Raw) -> Option<i64>;

    /// Parses a raw frame.
    fn parse(raw: Self::Raw) -> Result<Frame>;
}

/// A raw frame and its position in the input.
#[derive(Clone)]
pub struct Numbered<R> {
    /// Position in the input, counted from 0.
    pub ordinal: usize,
    /// The frame's text.
    pub raw: R,
}

/// The raw frames of an input. Ends after an error.
pub struct RawFrames<F> {
    format: F,
    lines: Lines,
    next: Option<usize>,
}

impl<F: TextFormat> RawFrames<F> {
    /// The raw frames of these lines.
    pub fn new(format: F, lines: Lines) -> Self {
        RawFrames {
            format,
            lines,
            next: Some(0),
        }
    }
}

impl<F: TextFormat> Iterator for RawFrames<F> {
    type Item = Result<Numbered<F::Raw>>;

    fn next(&mut self) -> Option<Self::Item> {
        let ordinal = self.next?;
        match self.format.cut(&mut self.lines) {
            Ok(Some(raw)) => {
                self.next = Some(ordinal + 1);
                Some(Ok(Numbered { ordinal, raw }))
            }
            Ok(None) => {
                self.next = None;
                None
            }
            Err(error) => {
                self.next = None;
                let error = if ordinal == 0 {
                    error.before_any_frame()
                } else {
                    error
                };
                Some(Err(error.in_frame(ordinal)))
            }
        }
    }
}

/// Parses a numbered raw frame.
pub fn parse<F: TextFormat>(numbered: Numbered<F::Raw>) -> Result<Frame> {
    let ordinal = numbered.ordinal;
    let mut frame = F::parse(numbered.raw).map_err(|error| error.in_frame(ordinal))?;
    frame.ordinal = ordinal;
    Ok(frame)
}
