//! One set of axes laid out: frame, ticks, labels, colour bar, and the layers as shapes.

use super::axis::{Direction, Ruler, outline, text};
use super::layers::{Map, SHADES, shade_color, shades, spans};
use super::scene::{Group, Rect, Shape};
use super::style::Style;
use super::text::{CAPITAL, Fonts, Label};
use super::ticks::Span;
use crate::data::figure::{Axes, Layer};

/// Axes that know their place.
pub struct Panel {
    /// The rectangle of the data.
    pub frame: Rect,
    /// The layers; what leaves the frame is to be cut off.
    pub data: Vec<Shape>,
    /// Frame, ticks, numbers, labels, colour bar.
    furniture: Vec<Shape>,
}

impl Panel {
    /// Lays axes out in a rectangle, with room above the data of the given fraction of the vertical range.
    pub fn new(axes: &Axes, outer: Rect, style: &Style, fonts: &Fonts, headroom: f64) -> Self {
        let (x, y) = spans(axes, headroom);
        let bar = style.bar.and_then(|width| Bar::new(axes, width));
        let room = outer.grown(-style.edge);
        let x_label = fonts.set_within(&axes.x.label, style.label, room.width());
        let y_label = fonts.set_within(&axes.y.label, style.label, room.height());
        let bar_label = bar
            .as_ref()
            .map(|bar| fonts.set_within(bar.label, style.label, room.height()))
            .unwrap_or_default();
        let beside = |label: &Label| with_gap(label, 0.8 * style.gap);
        let upwards = |span: Span, frame: &Rect, names: &[String]| {
            let ends = (frame.bottom, frame.top);
            Ruler::new(span, Direction::Upwards, ends, style, fonts, names)
        };
        let across = |frame: &Rect| {
            let ends = (frame.left, frame.right);
            Ruler::new(x, Direction::Across, ends, style, fonts, &axes.x.categories)
        };

        // Heights first, for they don't depend on the numbers, while widths do.
        let below = style.gap + 1.2 * style.number + with_gap(&x_label, 0.3 * style.gap);
        let mut frame = room;
        frame.top += 0.5 * CAPITAL * style.number;
        frame.bottom = (room.bottom - below).max(frame.top + 1.0);
        let numbered = axes.y.categories.is_empty().then_some(y);
        let mut spans = [numbered, bar.as_ref().map(|bar| bar.span)]
            .into_iter()
            .flatten();
        if spans.any(|span| upwards(span, &frame, &[]).power.is_some()) {
            frame.top = (frame.top + 1.3 * style.number).min(frame.bottom - 1.0);
        }
        let y_ruler = upwards(y, &frame, &axes.y.categories);
        frame.left += beside(&y_label) + y_ruler.width() + style.gap;
        let bar = bar.map(|bar| {
            let ruler = upwards(bar.span, &frame, &[]);
            let ticks = style.major + 0.6 * style.gap;
            let right = room.right - beside(&bar_label) - ruler.width() - ticks;
            let place = Rect {
                left: right - bar.width,
                right,
                ..frame
            };
            (place, ruler)
        });
        if let Some((place, _)) = &bar {
            frame.right = place.left - 1.6 * style.gap;
        }
        frame.right = frame.right.max(frame.left + 1.0);
        let mut x_ruler = across(&frame);
        let excess = x_ruler.overhang();
        if excess > 0.0 && bar.is_none() {
            frame.right = (frame.right - excess).max(frame.left + 1.0);
            x_ruler = across(&frame);
        }

        let mut furniture = Vec::new();
        let (center, middle) = frame.center();
        let above = frame.top - 0.5 * style.number;
        let bottom = room.bottom - x_label.descent;
        let mut end = room.right;
        furniture.extend(x_ruler.ticks(frame.bottom, -1.0));
        furniture.extend(x_ruler.ticks(frame.top, 1.0));
        furniture.extend(x_ruler.numbers(frame.bottom, 1.0));
        if let Some(power) = x_ruler.power {
            let left = frame.right - power.width;
            end = left - style.gap;
            furniture.push(text(power, (left, bottom)));
        }
        let left = (center - 0.5 * x_label.width).min(end - x_label.width);
        furniture.push(text(x_label, (left.max(room.left), bottom)));

        furniture.extend(y_ruler.ticks(frame.left, 1.0));
        furniture.extend(y_ruler.ticks(frame.right, -1.0));
        furniture.extend(y_ruler.numbers(frame.left, -1.0));
        if let Some(power) = y_ruler.power {
            furniture.push(text(power, (frame.left, above)));
        }
        let baseline = room.left + y_label.ascent;
        furniture.push(rising(y_label, baseline, middle, &room));
        furniture.push(outline(&frame, style.frame));

        if let Some((place, ruler)) = bar {
            furniture.extend(gradient(&place));
            furniture.extend(ruler.ticks(place.right, 1.0));
            furniture.push(outline(&place, style.frame));
            let ticks = style.major - 0.4 * style.gap;
            furniture.extend(ruler.numbers(place.right + ticks, 1.0));
            if let Some(power) = ruler.power {
                let left = place.left.min(room.right - power.width);
                furniture.push(text(power, (left, above)));
            }
            let baseline = room.right - bar_label.descent;
            furniture.push(rising(bar_label, baseline, middle, &room));
        }

        let map = Map { frame, x, y };
        let layers = axes.layers.iter();
        Panel {
            frame,
            data: layers.flat_map(|layer| map.shapes(layer, style)).collect(),
            furniture,
        }
    }

    /// The shapes in the order they are drawn.
    pub fn into_groups(self) -> [Group; 2] {
        [
            Group {
                clip: Some(self.frame),
                shapes: self.data,
            },
            Group {
                clip: None,
                shapes: self.furniture,
            },
        ]
    }
}

/// The colour bar that the first density map needs.
struct Bar<'a> {
    width: f64,
    span: Span,
    label: &'a str,
}

impl<'a> Bar<'a> {
    fn new(axes: &'a Axes, width: f64) -> Option<Self> {
        axes.layers.iter().find_map(|layer| match layer {
            Layer::Density {
                values,
                scale,
                label,
                ..
            } => Some(Bar {
                width,
                span: shades(values, *scale),
                label,
            }),
            _ => None,
        })
    }
}

/// The shades of a colour bar; each reaches under the next, so that no seam shows.
fn gradient(place: &Rect) -> impl Iterator<Item = Shape> {
    let at = |shade: usize| place.bottom - place.height() * shade as f64 / SHADES as f64;
    (0..SHADES).map(move |shade| Shape::Area {
        parts: vec![Rect {
            top: at((shade + 2).min(SHADES)),
            bottom: at(shade),
            ..*place
        }],
        color: shade_color(shade),
    })
}

/// The height of a label and the gap before it; nothing if there is none.
fn with_gap(label: &Label, gap: f64) -> f64 {
    match label.runs.is_empty() {
        true => 0.0,
        false => gap + label.height(),
    }
}

/// A text that runs upwards around a height but stays in the room.
fn rising(label: Label, baseline: f64, middle: f64, room: &Rect) -> Shape {
    let start = (middle + 0.5 * label.width).max(room.top + label.width);
    Shape::Text {
        origin: (baseline, start.min(room.bottom)),
        label,
        rising: true,
    }
}
