//! Which frames and which particles are used.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::str::FromStr;

use crate::data::frame::Frame;
use crate::error::{Error, Result, listed};

/// Frames `start` to `stop` (exclusive) in steps of `step`, as Python slices: negative numbers count from the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRange {
    start: i64,
    stop: Option<i64>,
    step: usize,
}

impl FrameRange {
    /// Every frame.
    pub const ALL: FrameRange = FrameRange {
        start: 0,
        stop: None,
        step: 1,
    };

    /// Whether every frame is used.
    pub fn is_all(&self) -> bool {
        *self == Self::ALL
    }
}

impl Default for FrameRange {
    fn default() -> Self {
        FrameRange::ALL
    }
}

impl FromStr for FrameRange {
    type Err = String;

    /// `A:B:S`, each of which may be left out, or a single frame `A`.
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let number = |part: &str| {
            part.trim()
                .parse::<i64>()
                .map_err(|_| format!("'{part}' is not a whole number"))
        };
        let optional = |part: Option<&&str>| {
            part.filter(|part| !part.trim().is_empty())
                .map(|part| number(part))
                .transpose()
        };
        let parts: Vec<&str> = text.split(':').collect();
        match parts.len() {
            1 => {
                let start = number(parts[0])?;
                Ok(FrameRange {
                    start,
                    stop: (start != -1).then_some(start.wrapping_add(1)),
                    step: 1,
                })
            }
            2 | 3 => {
                let step = optional(parts.get(2))?.unwrap_or(1);
                let step = usize::try_from(step)
                    .ok()
                    .filter(|&step| step > 0)
                    .ok_or("the step must be positive: a stream runs forwards")?;
                Ok(FrameRange {
                    start: optional(parts.first())?.unwrap_or(0),
                    stop: optional(parts.get(1))?,
                    step,
                })
            }
            _ => Err("write A:B:S, such as 0:100:5, 10: or -20:".to_string()),
        }
    }
}

/// The items of a range of a stream. Negative bounds hold back as many items as they count; nothing beyond `stop` is read.
pub fn frames<T>(
    items: impl Iterator<Item = Result<T>> + 'static,
    range: FrameRange,
) -> Box<dyn Iterator<Item = Result<T>>>
where
    T: 'static,
{
    if range.is_all() {
        return Box::new(items);
    }
    if range.start < 0 {
        return Box::new(FromEnd {
            items: Some(items),
            range,
            ready: VecDeque::new(),
        });
    }
    let start = range.start as usize;
    let held_back = range
        .stop
        .filter(|&stop| stop < 0)
        .map_or(0, |stop| stop.unsigned_abs() as usize);
    let count = match range.stop {
        Some(stop) if stop >= 0 => (stop as usize).saturating_sub(start),
        _ => usize::MAX,
    };
    let step = range.step;
    let kept = HeldBack {
        items,
        queue: VecDeque::new(),
        count: held_back,
        at_end: false,
    };
    Box::new(Slice {
        items: kept,
        position: 0,
        start,
        end: start.saturating_add(count),
        step,
    })
}

/// The items of a range behind the one at position `reference`, which comes first whether or not it is among them.
///
/// Errors: an item of the range before the reference.
pub fn frames_from<T>(
    items: impl Iterator<Item = Result<T>> + 'static,
    reference: usize,
    range: FrameRange,
) -> Box<dyn Iterator<Item = Result<T>>>
where
    T: Clone + 'static,
{
    let kept = Rc::new(RefCell::new(None));
    let keep = kept.clone();
    let watched = items.enumerate().map(move |(position, item)| {
        let item = item?;
        if position == reference {
            *keep.borrow_mut() = Some(item.clone());
        }
        Ok((position, item))
    });
    let mut chosen = frames(watched, range);
    let mut waiting = None;
    Box::new(std::iter::from_fn(move || {
        if let Some(item) = waiting.take() {
            return Some(Ok(item));
        }
        let (position, item) = match chosen.next()? {
            Ok(chosen) => chosen,
            Err(error) => return Some(Err(error)),
        };
        if position < reference {
            let what = format!("the frame comes before the reference, frame {reference}");
            return Some(Err(Error::new(what)
                .help(format!(
                    "choose frames from there on (--frames {reference}:), or an earlier --reference"
                ))
                .in_frame(position)));
        }
        // By the time that an item of the range has come, the reference has passed.
        match kept.borrow_mut().take() {
            Some(reference) => {
                waiting = Some(item);
                Some(Ok(reference))
            }
            None => Some(Ok(item)),
        }
    }))
}

/// `start..end` by `step`; errors pass wherever they occur.
struct Slice<I> {
    items: I,
    position: usize,
    start: usize,
    end: usize,
    step: usize,
}

impl<T, I: Iterator<Item = Result<T>>> Iterator for Slice<I> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        while self.position < self.end {
            let item = self.items.next()?;
            let position = self.position;
            self.position += 1;
            if item.is_err()
                || (position >= self.start && (position - self.start).is_multiple_of(self.step))
            {
                return Some(item);
            }
        }
        None
    }
}

/// All items but the last `count`.
struct HeldBack<I, T> {
    items: I,
    queue: VecDeque<T>,
    count: usize,
    at_end: bool,
}

impl<T, I: Iterator<Item = Result<T>>> Iterator for HeldBack<I, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        while !self.at_end && self.queue.len() <= self.count {
            match self.items.next() {
                Some(Ok(item)) => self.queue.push_back(item),
                Some(Err(error)) => {
                    self.at_end = true;
                    self.queue.clear();
                    return Some(Err(error));
                }
                None => self.at_end = true,
            }
        }
        if self.queue.len() > self.count {
            self.queue.pop_front().map(Ok)
        } else {
            None
        }
    }
}

/// A range whose start counts from the end: only the tail of the stream is kept.
struct FromEnd<I, T> {
    items: Option<I>,
    range: FrameRange,
    ready: VecDeque<T>,
}

impl<T, I: Iterator<Item = Result<T>>> Iterator for FromEnd<I, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        if let Some(items) = self.items.take() {
            let wanted = self.range.start.unsigned_abs() as usize;
            let mut total = 0i64;
            for item in items {
                match item {
                    Ok(item) => {
                        total += 1;
                        if self.ready.len() == wanted {
                            self.ready.pop_front();
                        }
                        self.ready.push_back(item);
                    }
                    Err(error) => {
                        self.ready.clear();
                        return Some(Err(error));
                    }
                }
            }
            let first = total - self.ready.len() as i64;
            let stop = match self.range.stop {
                None => total,
                Some(stop) if stop < 0 => total + stop,
                Some(stop) => stop,
            };
            let kept = (stop - first).clamp(0, self.ready.len() as i64) as usize;
            self.ready.truncate(kept);
            let step = self.range.step;
            let mut position = 0;
            self.ready = std::mem::take(&mut self.ready)
                .into_iter()
                .filter(|_| {
                    position += 1;
                    (position - 1usize).is_multiple_of(step)
                })
                .collect();
        }
        self.ready.pop_front().map(Ok)
    }
}

/// Checks that each of the named species occurs.
pub fn check_species(frame: &Frame, wanted: &[String]) -> Result<()> {
    let names = &frame.species.names;
    match wanted
        .iter()
        .find(|wanted| !names.iter().any(|name| **name == ***wanted))
    {
        None => Ok(()),
        Some(missing) => {
            let present = listed(names.iter().map(|name| &**name), ", ");
            Err(
                Error::new(format!("no particle is of the species {missing}"))
                    .help(format!("the species are {present}"))
                    .in_frame(frame.ordinal),
            )
        }
    }
}

/// Keeps the particles of the named species.
///
/// Errors: a frame in which none of them occurs.
pub fn species(mut frame: Frame, wanted: &[String]) -> Result<Frame> {
    let chosen: Vec<bool> = frame
        .species
        .names
        .iter()
        .map(|name| wanted.iter().any(|wanted| **wanted == **name))
        .collect();
    if !chosen.iter().any(|&chosen| chosen) {
        let what = format!("no particle is of the species {}", wanted.join(", "));
        let present = listed(frame.species.names.iter().map(|name| &**name), ", ");
        return Err(Error::new(what)
            .help(format!("the species are {present}"))
            .in_frame(frame.ordinal));
    }
    let rows: Vec<u32> = (0..frame.len() as u32)
        .filter(|&row| chosen[frame.species.of[row as usize] as usize])
        .collect();
    frame.gather(&rows);
    Ok(frame)
}
