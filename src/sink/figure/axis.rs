//! One axis: its ticks chosen, its texts set, its marks drawn.

use super::colors::BLACK;
use super::scene::{Pen, Point, Rect, Shape};
use super::style::Style;
use super::text::{CAPITAL, Fonts, Label};
use super::ticks::{Span, Ticks, signed};
use crate::data::figure::Dash;

/// Which way an axis runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Across,
    Upwards,
}

/// An axis between two places on the page.
pub struct Ruler<'a> {
    style: &'a Style,
    direction: Direction,
    span: Span,
    start: f64,
    end: f64,
    ticks: Ticks,
    numbers: Vec<Label>,
    /// The power of ten that the numbers leave out.
    pub power: Option<Label>,
    /// Whether names stand at the axis in place of numbers: they have no ticks.
    is_named: bool,
}

impl<'a> Ruler<'a> {
    /// Chooses the ticks of a span that runs between two places.
    pub fn new(
        span: Span,
        direction: Direction,
        (start, end): (f64, f64),
        style: &'a Style,
        fonts: &Fonts,
        categories: &[String],
    ) -> Self {
        let set = |text: &str| fonts.set(text, style.number);
        let extent = |text: &str| match direction {
            Direction::Across => set(text).width + 1.1 * style.number,
            Direction::Upwards => set(text).height().max(2.3 * style.number),
        };
        let ticks = match categories {
            [] => span.ticks((end - start).abs(), extent),
            names => Ticks::named(names),
        };
        Ruler {
            style,
            direction,
            span,
            start,
            end,
            numbers: ticks.major.iter().map(|tick| set(&tick.label)).collect(),
            power: ticks
                .power
                .map(|power| set(&format!("×10^{{{}}}", signed(power)))),
            ticks,
            is_named: !categories.is_empty(),
        }
    }

    /// The width of the widest number.
    pub fn width(&self) -> f64 {
        let widths = self.numbers.iter().map(|label| label.width);
        widths.fold(0.0, f64::max)
    }

    /// How far the number of the last tick reaches beyond the end of an axis across.
    pub fn overhang(&self) -> f64 {
        self.marks()
            .map(|(place, label)| place + 0.5 * label.width - self.end)
            .fold(0.0, f64::max)
    }

    fn place(&self, value: f64) -> f64 {
        self.start + self.span.fraction(value).unwrap_or(0.0) * (self.end - self.start)
    }

    /// Places and numbers of the major ticks.
    fn marks(&self) -> impl Iterator<Item = (f64, &Label)> {
        let places = self.ticks.major.iter().map(|tick| self.place(tick.value));
        places.zip(&self.numbers)
    }

    /// Ticks that begin at an edge and run in the given direction (1 or -1) across the axis.
    pub fn ticks(&self, edge: f64, side: f64) -> impl Iterator<Item = Shape> {
        let style = self.style;
        let major = self.ticks.major.iter().filter(|_| !self.is_named);
        let major = major.map(|tick| tick.value);
        let major = major.map(|value| (value, style.major, style.frame));
        let minor = self.ticks.minor.iter().copied();
        let minor = minor.map(|value| (value, style.minor, 0.75 * style.frame));
        major.chain(minor).map(move |(value, length, width)| {
            let along = self.place(value);
            let ends = [edge, edge + side * length];
            Shape::Line {
                points: ends.map(|across| self.point(along, across)).into(),
                pen: solid(width),
            }
        })
    }

    fn point(&self, along: f64, across: f64) -> Point {
        match self.direction {
            Direction::Across => (along, across),
            Direction::Upwards => (across, along),
        }
    }

    /// The numbers below an edge, beside it on the left, or on the right if `side` is 1.
    pub fn numbers(&self, edge: f64, side: f64) -> impl Iterator<Item = Shape> {
        let digits = CAPITAL * self.style.number;
        let start = edge + side * self.style.gap;
        self.marks().map(move |(place, label)| {
            let origin = match self.direction {
                Direction::Across => (
                    place - 0.5 * label.width,
                    start + digits + 0.12 * self.style.number,
                ),
                Direction::Upwards if side > 0.0 => (start, place + 0.5 * digits),
                Direction::Upwards => (start - label.width, place + 0.5 * digits),
            };
            text(label.clone(), origin)
        })
    }
}

/// A text that begins at a point.
pub fn text(label: Label, origin: Point) -> Shape {
    Shape::Text {
        label,
        origin,
        rising: false,
    }
}

/// A closed frame; it begins in the middle of a side, where the ends of the line meet without a notch.
pub fn outline(rect: &Rect, width: f64) -> Shape {
    let center = 0.5 * (rect.left + rect.right);
    Shape::Line {
        points: vec![
            (center, rect.top),
            (rect.right, rect.top),
            (rect.right, rect.bottom),
            (rect.left, rect.bottom),
            (rect.left, rect.top),
            (center, rect.top),
        ],
        pen: solid(width),
    }
}

fn solid(width: f64) -> Pen {
    Pen {
        color: BLACK,
        width,
        dash: Dash::Solid,
    }
}
