//! A laid-out figure: shapes at their places. Lengths are points (1/72 inch), y runs downwards.

use super::colors::Rgb;
use super::text::Label;
use crate::data::figure::Dash;

/// A place on the page.
pub type Point = (f64, f64);

/// An upright rectangle with `left <= right` and `top <= bottom`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Rect {
    /// The rectangle with the given upper left corner and size.
    pub fn at(left: f64, top: f64, width: f64, height: f64) -> Self {
        Rect {
            left,
            top,
            right: left + width,
            bottom: top + height,
        }
    }

    /// The rectangle spanned by two opposite corners.
    pub fn spanned(a: Point, b: Point) -> Self {
        Rect {
            left: a.0.min(b.0),
            top: a.1.min(b.1),
            right: a.0.max(b.0),
            bottom: a.1.max(b.1),
        }
    }

    /// Its width.
    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    /// Its height.
    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }

    /// Its center.
    pub fn center(&self) -> Point {
        (
            0.5 * (self.left + self.right),
            0.5 * (self.top + self.bottom),
        )
    }

    /// The rectangle with every side moved outwards (inwards if negative).
    pub fn grown(&self, by: f64) -> Self {
        Rect {
            left: self.left - by,
            top: self.top - by,
            right: self.right + by,
            bottom: self.bottom + by,
        }
    }

    /// What two rectangles share, if that has an area.
    pub fn shared(&self, other: &Rect) -> Option<Rect> {
        let shared = Rect {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        };
        (shared.left < shared.right && shared.top < shared.bottom).then_some(shared)
    }

    /// Whether a point lies inside or on the border.
    pub fn holds(&self, (x, y): Point) -> bool {
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pen {
    pub color: Rgb,
    pub width: f64,
    pub dash: Dash,
}

/// One thing to draw.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// An open line.
    Line { points: Vec<Point>, pen: Pen },
    /// Rectangles of one colour that look like one area where they touch.
    Area { parts: Vec<Rect>, color: Rgb },
    /// A polygon in a transparent colour.
    Tint { corners: Vec<Point>, color: Rgb },
    /// Filled circles of one size and colour.
    Discs {
        centers: Vec<Point>,
        radius: f64,
        color: Rgb,
    },
    /// Circles (center and radius), each over those before it; without a pen they look like one area.
    Circles {
        circles: Vec<(Point, f64)>,
        fill: Option<Rgb>,
        pen: Option<Pen>,
    },
    /// Black text whose baseline begins at a point, running right or, if `rising`, upwards.
    Text {
        label: Label,
        origin: Point,
        rising: bool,
    },
}

/// Shapes drawn in order, cut off at the rectangle if there is one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    pub clip: Option<Rect>,
    pub shapes: Vec<Shape>,
}

/// All that is on the page, from the back to the front.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scene {
    pub width: f64,
    pub height: f64,
    pub groups: Vec<Group>,
}
