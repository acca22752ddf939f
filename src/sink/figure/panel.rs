//! One set of axes laid out: ranges, ticks, labels, colour bar, and the layers as shapes.

use std::collections::HashMap;

use super::colors::{self, BLACK, Rgb};
use super::lines::visible;
use super::scene::{Group, Pen, Point, Rect, Shape};
use super::text::{CAPITAL, Fonts, Label};
use super::ticks::{Span, Ticks, shows, signed};
use crate::data::figure::{Axes, Axis, Dash, Layer, Scale, Stroke};

/// Shades of a density map; few enough that neighbouring cells often share one.
const SHADES: usize = 64;

/// Sizes in points.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Type of the labels of the axes.
    pub label: f64,
    /// Type of the numbers at the ticks.
    pub number: f64,
    /// Type of the legend.
    pub legend: f64,
    /// Length of major ticks.
    pub major: f64,
    /// Length of minor ticks.
    pub minor: f64,
    /// Width of the frame and the major ticks.
    pub frame: f64,
    /// Between frame and numbers.
    pub gap: f64,
    /// Between the outermost ink and the border.
    pub edge: f64,
    /// Data lines are this many times as wide as asked.
    pub thickness: f64,
    /// Width of the colour bar, if there is room for one.
    pub bar: Option<f64>,
}

/// The look of the main axes.
pub const MAIN: Style = Style {
    label: 8.5,
    number: 7.5,
    legend: 7.0,
    major: 3.6,
    minor: 2.0,
    frame: 0.6,
    gap: 3.2,
    edge: 3.0,
    thickness: 1.0,
    bar: Some(6.5),
};

/// The look of the axes inside others.
pub const INSET: Style = Style {
    label: 6.5,
    number: 5.5,
    legend: 5.5,
    major: 2.4,
    minor: 1.3,
    frame: 0.45,
    gap: 2.0,
    edge: 1.5,
    thickness: 0.7,
    bar: None,
};

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
        let room = outer.grown(-style.edge);
        let x_label = fonts.set_within(&axes.x.label, style.label, room.width());
        let y_label = fonts.set_within(&axes.y.label, style.label, room.height());
        let digits = CAPITAL * style.number;
        let numbers = |ticks: &Ticks| -> Vec<Label> {
            let set = |label: &str| fonts.set(label, style.number);
            ticks.major.iter().map(|tick| set(&tick.label)).collect()
        };
        let widest = |labels: &[Label]| labels.iter().map(|label| label.width).fold(0.0, f64::max);
        let spaced = |label: &Label, gap: f64| match label.runs.is_empty() {
            true => 0.0,
            false => gap + label.height(),
        };

        // Heights first: they don't depend on the numbers, while widths do.
        let beside = |label: &str| {
            fonts
                .set(label, style.number)
                .height()
                .max(2.1 * style.number)
        };
        let bottom = style.gap + 1.2 * style.number + spaced(&x_label, 0.3 * style.gap);
        let density = style.bar.and_then(|width| {
            axes.layers.iter().find_map(|layer| match layer {
                Layer::Density { scale, label, .. } => {
                    Some((width, shades(layer, *scale), label.as_str()))
                }
                _ => None,
            })
        });
        let mut frame = Rect {
            top: room.top + 0.5 * digits,
            bottom: room.bottom - bottom,
            ..room
        };
        let mut y_ticks = y.ticks(frame.height(), beside);
        let mut bar_ticks = density
            .as_ref()
            .map(|(_, span, _)| span.ticks(frame.height(), beside));
        let powers = y_ticks
            .power
            .or(bar_ticks.as_ref().and_then(|ticks| ticks.power));
        if powers.is_some() {
            frame.top += 1.3 * style.number;
            y_ticks = y.ticks(frame.height(), beside);
            bar_ticks = density
                .as_ref()
                .map(|(_, span, _)| span.ticks(frame.height(), beside));
        }
        let y_numbers = numbers(&y_ticks);
        frame.left += widest(&y_numbers) + style.gap + spaced(&y_label, 0.8 * style.gap);
        let bar = density.zip(bar_ticks).map(|((width, span, label), ticks)| {
            let numbers = numbers(&ticks);
            let label = fonts.set_within(label, style.label, room.height());
            let right = room.right - spaced(&label, 0.8 * style.gap) - widest(&numbers) - style.gap;
            frame.right = right - width - 1.6 * style.gap;
            let place = Rect {
                left: right - width,
                right,
                ..frame
            };
            (place, span, ticks, numbers, label)
        });
        let along = |label: &str| fonts.set(label, style.number).width + 1.1 * style.number;
        let mut x_ticks = x.ticks(frame.width(), along);
        let mut x_numbers = numbers(&x_ticks);
        // The outermost number may reach beyond the frame.
        let overhang = |ticks: &Ticks, labels: &[Label], frame: &Rect| {
            ticks
                .major
                .iter()
                .zip(labels)
                .filter_map(|(tick, label)| {
                    let place = frame.left + x.fraction(tick.value)? * frame.width();
                    Some(place + 0.5 * label.width - room.right)
                })
                .fold(0.0, f64::max)
        };
        let excess = overhang(&x_ticks, &x_numbers, &frame);
        if excess > 0.0 && bar.is_none() {
            frame.right -= excess;
            x_ticks = x.ticks(frame.width(), along);
            x_numbers = numbers(&x_ticks);
        }
        // Too small a place still gives a frame, if a tiny one.
        frame.right = frame.right.max(frame.left + 1.0);
        frame.bottom = frame.bottom.max(frame.top + 1.0);

        let mut furniture = Vec::new();
        let across = Ruler {
            span: x,
            start: frame.left,
            end: frame.right,
            horizontal: true,
        };
        let upwards = Ruler {
            span: y,
            start: frame.bottom,
            end: frame.top,
            horizontal: false,
        };
        across.mark(&x_ticks, (frame.bottom, -1.0), style, &mut furniture);
        across.mark(&x_ticks, (frame.top, 1.0), style, &mut furniture);
        upwards.mark(&y_ticks, (frame.left, 1.0), style, &mut furniture);
        upwards.mark(&y_ticks, (frame.right, -1.0), style, &mut furniture);
        furniture.push(outline(&frame, style.frame));

        let baseline = frame.bottom + style.gap + digits + 0.12 * style.number;
        for (tick, label) in x_ticks.major.iter().zip(x_numbers) {
            let place = across.place(tick.value);
            furniture.push(text(label, |label| (place - 0.5 * label.width, baseline)));
        }
        for (tick, label) in y_ticks.major.iter().zip(y_numbers) {
            let place = upwards.place(tick.value) + 0.5 * digits;
            let right = frame.left - style.gap;
            furniture.push(text(label, |label| (right - label.width, place)));
        }
        let (center, middle) = (
            0.5 * (frame.left + frame.right),
            0.5 * (frame.top + frame.bottom),
        );
        let power = |power: i32| fonts.set(&format!("×10^{{{}}}", signed(power)), style.number);
        let above = frame.top - 0.5 * style.number;
        if let Some(exponent) = x_ticks.power {
            furniture.push(text(power(exponent), |label| {
                (frame.right - label.width, room.bottom - label.descent)
            }));
        }
        if let Some(exponent) = y_ticks.power {
            furniture.push(text(power(exponent), |_| (frame.left, above)));
        }
        furniture.push(text(x_label, |label| {
            let left = (center - 0.5 * label.width).min(room.right - label.width);
            (left.max(room.left), room.bottom - label.descent)
        }));
        furniture.push(rising(y_label, middle, &room, |label| {
            room.left + label.ascent
        }));

        if let Some((place, span, ticks, numbers, label)) = bar {
            let ruler = Ruler {
                span,
                start: place.bottom,
                end: place.top,
                horizontal: false,
            };
            for shade in 0..SHADES {
                let at = |step: usize| place.bottom - place.height() * step as f64 / SHADES as f64;
                // Each reaches under the next, so that no seam shows.
                furniture.push(Shape::Area {
                    parts: vec![Rect {
                        top: place.top.max(at(shade + 2)),
                        bottom: at(shade),
                        ..place
                    }],
                    color: shade_color(shade),
                });
            }
            ruler.mark(&ticks, (place.right, -1.0), style, &mut furniture);
            furniture.push(outline(&place, style.frame));
            for (tick, label) in ticks.major.iter().zip(numbers) {
                let baseline = ruler.place(tick.value) + 0.5 * digits;
                furniture.push(text(label, |_| (place.right + style.gap, baseline)));
            }
            if let Some(exponent) = ticks.power {
                furniture.push(text(power(exponent), |label| {
                    (place.left.min(room.right - label.width), above)
                }));
            }
            furniture.push(rising(label, middle, &room, |label| {
                room.right - label.descent
            }));
        }

        let map = Map { frame, x, y };
        Panel {
            frame,
            data: axes
                .layers
                .iter()
                .flat_map(|layer| map.shapes(layer, style))
                .collect(),
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

/// A text at a place that depends on its size.
fn text(label: Label, origin: impl FnOnce(&Label) -> Point) -> Shape {
    Shape::Text {
        origin: origin(&label),
        label,
        rising: false,
    }
}

/// A text that runs upwards around a height but stays in the room.
fn rising(label: Label, middle: f64, room: &Rect, baseline: impl FnOnce(&Label) -> f64) -> Shape {
    let start = (middle + 0.5 * label.width)
        .max(room.top + label.width)
        .min(room.bottom);
    Shape::Text {
        origin: (baseline(&label), start),
        label,
        rising: true,
    }
}

/// A closed frame; it begins in the middle of a side, where the ends of the line meet without a notch.
fn outline(rect: &Rect, width: f64) -> Shape {
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
        pen: solid(BLACK, width),
    }
}

fn solid(color: Rgb, width: f64) -> Pen {
    Pen {
        color,
        width,
        dash: Dash::Solid,
    }
}

/// The pen for a stroke in the given style.
pub fn pen(stroke: &Stroke, style: &Style) -> Pen {
    Pen {
        color: colors::rgb(stroke.color),
        width: stroke.width * style.thickness,
        dash: stroke.dash,
    }
}

/// The radius of markers: small where they are many.
pub fn marker_radius(count: usize, style: &Style) -> f64 {
    let radius = match count {
        0..=60 => 1.7,
        61..=400 => 1.1,
        _ => 0.7,
    };
    radius * style.thickness
}

/// A span along a line on the page.
struct Ruler {
    span: Span,
    start: f64,
    end: f64,
    horizontal: bool,
}

impl Ruler {
    fn place(&self, value: f64) -> f64 {
        self.start + self.span.fraction(value).unwrap_or(0.0) * (self.end - self.start)
    }

    /// Draws ticks at an edge, in the given direction across it.
    fn mark(&self, ticks: &Ticks, edge: (f64, f64), style: &Style, shapes: &mut Vec<Shape>) {
        let major = ticks
            .major
            .iter()
            .map(|tick| (tick.value, style.major, 1.0));
        let minor = ticks.minor.iter().map(|&value| (value, style.minor, 0.75));
        for (value, length, weight) in major.chain(minor) {
            let along = self.place(value);
            let ends = [edge.0, edge.0 + edge.1 * length];
            shapes.push(Shape::Line {
                points: ends
                    .map(|across| match self.horizontal {
                        true => (along, across),
                        false => (across, along),
                    })
                    .into(),
                pen: solid(BLACK, weight * style.frame),
            });
        }
    }
}

/// What both axes show.
fn spans(axes: &Axes, headroom: f64) -> (Span, Span) {
    let reach: Vec<(f64, f64)> = axes
        .layers
        .iter()
        .flat_map(|layer| reach(layer, &axes.x, &axes.y))
        .collect();
    let has = |wanted: fn(&Layer) -> bool| axes.layers.iter().any(wanted);
    let fixed = |axis: &Axis| {
        axis.range
            .and_then(|range| Span::between(axis.scale, range))
    };
    let map = has(|layer| matches!(layer, Layer::Density { .. }));
    let bars = has(|layer| matches!(layer, Layer::Histogram { .. }));
    let margin = |fraction: f64| if map { 0.0 } else { fraction };

    let x_fixed = fixed(&axes.x);
    let x = x_fixed.unwrap_or_else(|| {
        Span::of(
            axes.x.scale,
            reach.iter().map(|point| point.0),
            (margin(0.03), margin(0.03)),
        )
    });
    let y = fixed(&axes.y).unwrap_or_else(|| {
        let in_view = |x_value: f64| {
            !x_value.is_finite()
                || x_fixed.is_none()
                || x.fraction(x_value)
                    .is_some_and(|fraction| (0.0..=1.0).contains(&fraction))
        };
        let values = || {
            reach
                .iter()
                .filter(|point| in_view(point.0))
                .map(|point| point.1)
        };
        let on_ground = bars && axes.y.scale == Scale::Linear && values().all(|y| !(y < 0.0));
        let below = if on_ground { 0.0 } else { margin(0.05) };
        Span::of(axes.y.scale, values(), (below, margin(0.06))).reaching(0.0, 1.0 + headroom)
    });
    (x, y)
}

/// The points that a layer wants to be seen; NaN where it leaves a coordinate open.
fn reach(layer: &Layer, x: &Axis, y: &Axis) -> Vec<(f64, f64)> {
    match layer {
        Layer::Line { points, .. } | Layer::Markers { points, .. } => points
            .iter()
            .copied()
            .filter(|point| shows(x.scale, point.0) && shows(y.scale, point.1))
            .collect(),
        Layer::Histogram { edges, heights, .. } => edges
            .windows(2)
            .zip(heights)
            .filter(|(_, height)| height.is_finite() && **height != 0.0)
            .flat_map(|(bin, &height)| [(bin[0], height), (bin[1], height)])
            .chain([(f64::NAN, 0.0)])
            .collect(),
        Layer::Density {
            x_edges,
            y_edges,
            values,
            ..
        } => cells(x_edges, y_edges, values)
            .filter(|cell| inked(cell.2))
            .flat_map(|((ix, iy), _, _)| {
                [
                    (x_edges[ix], y_edges[iy]),
                    (x_edges[ix + 1], y_edges[iy + 1]),
                ]
            })
            .collect(),
        Layer::VerticalLine { x, .. } => vec![(*x, f64::NAN)],
        Layer::HorizontalLine { y, .. } => vec![(f64::NAN, *y)],
    }
}

/// Whether a cell of a density map is not left blank.
fn inked(value: f64) -> bool {
    value != 0.0 && shows(Scale::Linear, value)
}

/// The cells of a density map column by column: indices, whether it is the last of its column, value.
fn cells<'a>(
    x_edges: &'a [f64],
    y_edges: &'a [f64],
    values: &'a [f64],
) -> impl Iterator<Item = ((usize, usize), bool, f64)> + 'a {
    let rows = y_edges.len().saturating_sub(1);
    let columns = x_edges.len().saturating_sub(1);
    values
        .iter()
        .take(rows * columns)
        .enumerate()
        .map(move |(i, &value)| ((i / rows, i % rows), i % rows + 1 == rows, value))
}

/// The range of values that the shades of a density map stand for.
fn shades(layer: &Layer, scale: Scale) -> Span {
    let values: &[f64] = match layer {
        Layer::Density { values, .. } => values,
        _ => &[],
    };
    let ground = (scale == Scale::Linear).then_some(0.0);
    let shown = values.iter().copied().filter(|&value| inked(value));
    Span::of(scale, shown.chain(ground), (0.0, 0.0))
}

fn shade_color(shade: usize) -> Rgb {
    colors::density(shade as f64 / (SHADES - 1) as f64)
}

/// From values to the page.
struct Map {
    frame: Rect,
    x: Span,
    y: Span,
}

impl Map {
    fn across(&self, x: f64) -> Option<f64> {
        Some(self.frame.left + self.x.fraction(x)? * self.frame.width())
    }

    fn upwards(&self, y: f64) -> Option<f64> {
        Some(self.frame.bottom - self.y.fraction(y)? * self.frame.height())
    }

    fn point(&self, (x, y): (f64, f64)) -> Option<Point> {
        Some((self.across(x)?, self.upwards(y)?))
    }

    fn shapes(&self, layer: &Layer, style: &Style) -> Vec<Shape> {
        let lines = |points: &mut dyn Iterator<Item = Option<Point>>, stroke: &Stroke| {
            let pen = pen(stroke, style);
            // Ends and joins just outside the frame must not show inside.
            let seen = self.frame.grown(4.0 * pen.width);
            visible(points, &seen)
                .into_iter()
                .map(|points| Shape::Line { points, pen })
                .collect()
        };
        match layer {
            Layer::Line { points, stroke, .. } => {
                lines(&mut points.iter().map(|&point| self.point(point)), stroke)
            }
            Layer::Markers { points, color, .. } => {
                let radius = marker_radius(points.len(), style);
                self.discs(points, radius, colors::rgb(*color))
            }
            Layer::Histogram {
                edges,
                heights,
                stroke,
                ..
            } => lines(&mut self.steps(edges, heights).into_iter(), stroke),
            Layer::Density {
                x_edges,
                y_edges,
                values,
                scale,
                ..
            } => self.shaded(x_edges, y_edges, values, &shades(layer, *scale)),
            Layer::VerticalLine { x, stroke, .. } => {
                let at = |y| self.across(*x).map(|x| (x, y));
                let ends = [self.frame.bottom, self.frame.top];
                lines(&mut ends.into_iter().map(at), stroke)
            }
            Layer::HorizontalLine { y, stroke, .. } => {
                let at = |x| self.upwards(*y).map(|y| (x, y));
                let ends = [self.frame.left, self.frame.right];
                lines(&mut ends.into_iter().map(at), stroke)
            }
        }
    }

    /// Markers inside the frame, once where they lie on each other.
    fn discs(&self, points: &[(f64, f64)], radius: f64, color: Rgb) -> Vec<Shape> {
        let mut seen = std::collections::HashSet::new();
        let cell = 0.25 * radius;
        points
            .iter()
            .filter_map(|&point| self.point(point))
            .filter(|&center| self.frame.grown(radius).holds(center))
            .filter(|center| {
                seen.insert((
                    (center.0 / cell).round() as i64,
                    (center.1 / cell).round() as i64,
                ))
            })
            .map(|center| Shape::Disc {
                center,
                radius,
                color,
            })
            .collect()
    }

    /// The outline of a histogram, interrupted where it would run along the ground.
    fn steps(&self, edges: &[f64], heights: &[f64]) -> Vec<Option<Point>> {
        let ground = self.upwards(0.0).unwrap_or(self.frame.bottom);
        let mut points = Vec::new();
        for (bin, &height) in edges.windows(2).zip(heights) {
            let (Some(left), Some(right)) = (self.across(bin[0]), self.across(bin[1])) else {
                continue;
            };
            let top = match height == 0.0 {
                true => None,
                false => self.upwards(height),
            };
            match (top, points.last().copied().flatten()) {
                (Some(top), Some(_)) => points.extend([Some((left, top)), Some((right, top))]),
                (Some(top), None) => {
                    points.extend([(left, ground), (left, top), (right, top)].map(Some));
                }
                (None, Some(_)) => points.extend([Some((left, ground)), None]),
                (None, None) => {}
            }
        }
        if let Some(Some((right, _))) = points.last().copied() {
            points.push(Some((right, ground)));
        }
        points
    }

    /// A density map: cells of one shade in a column are joined, and joined again with equal ones in the next column.
    fn shaded(&self, x_edges: &[f64], y_edges: &[f64], values: &[f64], span: &Span) -> Vec<Shape> {
        let across: Vec<Option<f64>> = x_edges.iter().map(|&x| self.across(x)).collect();
        let upwards: Vec<Option<f64>> = y_edges.iter().map(|&y| self.upwards(y)).collect();
        let shade = |value: f64| {
            let fraction = span.fraction(value).filter(|_| inked(value))?;
            Some(((fraction * SHADES as f64) as usize).min(SHADES - 1))
        };
        let mut parts: Vec<Vec<Rect>> = vec![Vec::new(); SHADES];
        // Runs that reach the edge before the present column, by shade, first row and row behind the last.
        let mut open: HashMap<(usize, usize, usize), usize> = HashMap::new();
        let mut next = HashMap::new();
        let mut run: Option<(usize, usize)> = None;
        for ((ix, iy), last, value) in cells(x_edges, y_edges, values) {
            let shade = shade(value);
            let mut close = |run: &mut Option<(usize, usize)>, end: usize| {
                let Some((shade, start)) = run.take() else {
                    return;
                };
                let (Some(left), Some(right)) = (across[ix], across[ix + 1]) else {
                    return;
                };
                let (Some(bottom), Some(top)) = (upwards[start], upwards[end]) else {
                    return;
                };
                let rect = Rect::spanned((left, bottom), (right, top));
                let Some(rect) = rect.shared(&self.frame) else {
                    return;
                };
                let key = (shade, start, end);
                let of_shade = &mut parts[shade];
                let index = match open.get(&key) {
                    Some(&index) => {
                        let joined: &mut Rect = &mut of_shade[index];
                        joined.left = joined.left.min(rect.left);
                        joined.right = joined.right.max(rect.right);
                        index
                    }
                    None => {
                        of_shade.push(rect);
                        of_shade.len() - 1
                    }
                };
                next.insert(key, index);
            };
            if run.map(|run| run.0) != shade {
                close(&mut run, iy);
                run = shade.map(|shade| (shade, iy));
            }
            if last {
                close(&mut run, iy + 1);
                open = std::mem::take(&mut next);
            }
        }
        parts
            .into_iter()
            .enumerate()
            .filter(|(_, parts)| !parts.is_empty())
            .map(|(shade, parts)| Shape::Area {
                parts,
                color: shade_color(shade),
            })
            .collect()
    }
}
