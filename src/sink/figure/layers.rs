//! The layers of axes: what range they need, and their shapes.

use std::collections::{HashMap, HashSet};

use super::colors::{self, Rgb};
use super::lines::visible;
use super::scene::{Pen, Point, Rect, Shape};
use super::style::Style;
use super::ticks::{Span, shows};
use crate::data::figure::{Axes, Axis, Layer, Scale, Stroke};

/// Shades of a density map; few enough that neighbouring cells often share one.
pub const SHADES: usize = 64;

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

/// What both axes show.
pub fn spans(axes: &Axes, headroom: f64) -> (Span, Span) {
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
    let lying = has(|layer| matches!(layer, Layer::Bars { .. }));
    let margin = |fraction: f64| if map { 0.0 } else { fraction };

    let x_fixed = fixed(&axes.x);
    let x = x_fixed.unwrap_or_else(|| {
        Span::of(
            axes.x.scale,
            reach.iter().map(|point| point.0),
            (if lying { 0.0 } else { margin(0.03) }, margin(0.03)),
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
        let on_ground = bars && axes.y.scale == Scale::Linear && !values().any(|y| y < 0.0);
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
        Layer::Band { points, .. } => points
            .iter()
            .flat_map(|&[x, low, high]| [(x, low), (x, high)])
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
        Layer::Discs { discs, .. } => discs
            .iter()
            .flat_map(|[x, y, d]| [(x - 0.5 * d, y - 0.5 * d), (x + 0.5 * d, y + 0.5 * d)])
            .filter(|point| shows(x.scale, point.0) && shows(y.scale, point.1))
            .collect(),
        Layer::Bars { bars, .. } => bars
            .iter()
            .flat_map(|&[y, thickness, length]| {
                [(0.0, y - 0.5 * thickness), (length, y + 0.5 * thickness)]
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
pub fn shades(values: &[f64], scale: Scale) -> Span {
    let ground = (scale == Scale::Linear).then_some(0.0);
    let shown = values.iter().copied().filter(|&value| inked(value));
    Span::of(scale, shown.chain(ground), (0.0, 0.0))
}

/// The colour of a shade.
pub fn shade_color(shade: usize) -> Rgb {
    colors::density(shade as f64 / (SHADES - 1) as f64)
}

/// From values to the page.
pub struct Map {
    pub frame: Rect,
    pub x: Span,
    pub y: Span,
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

    /// The shapes of a layer; strokes may reach beyond the frame.
    pub fn shapes(&self, layer: &Layer, style: &Style) -> Vec<Shape> {
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
            Layer::Band { points, color } => self.tints(points, colors::rgb(*color)),
            Layer::Markers { points, color, .. } => {
                let radius = marker_radius(points.len(), style);
                self.discs(points, radius, colors::rgb(*color))
            }
            Layer::Discs {
                discs,
                fill,
                outline,
                ..
            } => vec![Shape::Circles {
                circles: self.circles(discs),
                fill: fill.map(colors::rgb),
                pen: outline.as_ref().map(|stroke| pen(stroke, style)),
            }],
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
            } => self.shaded(x_edges, y_edges, values, &shades(values, *scale)),
            Layer::Bars { bars, color, .. } => {
                let rect = |&[y, thickness, length]: &[f64; 3]| {
                    let from = self.point((0.0, y - 0.5 * thickness))?;
                    let to = self.point((length, y + 0.5 * thickness))?;
                    Some(Rect::spanned(from, to))
                };
                vec![Shape::Area {
                    parts: bars.iter().filter_map(rect).collect(),
                    color: colors::rgb(*color),
                }]
            }
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

    /// The areas of a band between its gaps; what an axis cannot show of them ends outside the frame.
    fn tints(&self, points: &[[f64; 3]], color: Rgb) -> Vec<Shape> {
        let seen = self.frame.grown(10.0);
        let place = |x: f64, y: f64| {
            let across = self.across(x).filter(|x| x.is_finite())?;
            let y = self.upwards(y).unwrap_or(seen.bottom);
            let across = across.clamp(seen.left, seen.right);
            Some((across, y.clamp(seen.top, seen.bottom)))
        };
        points
            .split(|point| point.iter().any(|value| !value.is_finite()))
            .filter_map(|piece| {
                let upper = piece.iter().map(|&[x, _, high]| place(x, high));
                let lower = piece.iter().rev().map(|&[x, low, _]| place(x, low));
                let corners: Vec<Point> = upper.chain(lower).flatten().collect();
                (piece.len() > 1).then_some(Shape::Tint { corners, color })
            })
            .collect()
    }

    /// Markers inside the frame, once where they lie on each other.
    fn discs(&self, points: &[(f64, f64)], radius: f64, color: Rgb) -> Vec<Shape> {
        // In a crowd nobody misses a marker that another one half covers.
        let cell = radius * if points.len() > 2000 { 1.0 } else { 0.3 };
        let mut seen = HashSet::new();
        let centers = points
            .iter()
            .filter_map(|&point| self.point(point))
            .filter(|&center| self.frame.grown(radius).holds(center))
            .filter(|&(x, y)| seen.insert(((x / cell).round() as i64, (y / cell).round() as i64)))
            .collect();
        vec![Shape::Discs {
            centers,
            radius,
            color,
        }]
    }

    /// Discs that reach into the frame.
    fn circles(&self, discs: &[[f64; 3]]) -> Vec<(Point, f64)> {
        let circle = |&[x, y, diameter]: &[f64; 3]| {
            let (left, right) = (
                self.across(x - 0.5 * diameter)?,
                self.across(x + 0.5 * diameter)?,
            );
            Some((self.point((x, y))?, 0.5 * (right - left).abs()))
        };
        // A page that a disc covers many times over says nothing.
        let largest = 4.0 * self.frame.width().max(self.frame.height());
        discs
            .iter()
            .filter_map(circle)
            .filter(|&(center, radius)| radius <= largest && self.frame.grown(radius).holds(center))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::figure::Color;
    use crate::sink::figure::style::MAIN;

    /// Values from 0 to 10 across and 0 to 4 upwards, ten points each.
    fn map() -> Map {
        let span = |high| Span::between(Scale::Linear, (0.0, high)).unwrap();
        Map {
            frame: Rect::at(0.0, 0.0, 100.0, 40.0),
            x: span(10.0),
            y: span(4.0),
        }
    }

    fn areas(x_edges: &[f64], values: &[f64]) -> Vec<(Vec<Rect>, Rgb)> {
        let layer = Layer::Density {
            x_edges: x_edges.to_vec(),
            y_edges: vec![0.0, 1.0, 2.0],
            values: values.to_vec(),
            scale: Scale::Linear,
            label: String::new(),
        };
        let shapes = map().shapes(&layer, &MAIN).into_iter();
        shapes
            .map(|shape| match shape {
                Shape::Area { parts, color } => (parts, color),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn equal_cells_are_joined_up_and_across() {
        let areas = areas(&[0.0, 1.0, 3.0, 4.0], &[5.0; 6]);
        assert_eq!(areas.len(), 1);
        assert_eq!(areas[0].0, [Rect::at(0.0, 20.0, 40.0, 20.0)]);
    }

    #[test]
    fn cells_keep_their_places_and_blanks_stay_blank() {
        let areas = areas(&[8.0, 9.0, 12.0], &[1.0, 0.0, f64::NAN, 4.0]);
        assert_eq!(
            areas,
            [
                (vec![Rect::at(80.0, 30.0, 10.0, 10.0)], shade_color(16)),
                // Cut off at the frame.
                (vec![Rect::at(90.0, 20.0, 10.0, 10.0)], shade_color(63)),
            ]
        );
    }

    #[test]
    fn cells_that_differ_are_not_joined() {
        let areas = areas(&[0.0, 1.0, 2.0], &[1.0, 4.0, 4.0, 1.0]);
        assert_eq!(areas.iter().map(|area| area.0.len()).sum::<usize>(), 4);
    }

    #[test]
    fn histograms_are_closed_down_to_the_ground() {
        let steps = map().steps(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[0.0, 2.0, 1.0, 0.0, 3.0]);
        let outline = [(20.0, 40.0), (20.0, 20.0), (30.0, 20.0), (30.0, 30.0)];
        let rest = [(40.0, 30.0), (40.0, 40.0)];
        let last = [(50.0, 40.0), (50.0, 10.0), (60.0, 10.0), (60.0, 40.0)];
        let all = outline.into_iter().chain(rest).map(Some);
        let all = all.chain([None]).chain(last.map(Some));
        assert_eq!(steps, all.collect::<Vec<_>>());
    }

    #[test]
    fn ranges_hold_the_data_in_view() {
        let line = Layer::Line {
            points: vec![(0.0, -50.0), (1.0, 2.0), (2.0, 3.0)],
            stroke: Stroke::solid(Color::Black),
            label: None,
        };
        let mut axes = Axes {
            layers: vec![line],
            ..Axes::default()
        };
        axes.x.range = Some((0.5, 2.0));
        let (x, y) = spans(&axes, 0.0);
        assert_eq!((x.low, x.high), (0.5, 2.0));
        assert!(y.low > 1.9 && y.low < 2.0 && y.high > 3.0 && y.high < 3.1);
        let (_, roomy) = spans(&axes, 0.5);
        assert!(roomy.low == y.low && roomy.high > 3.5);
    }

    #[test]
    fn discs_are_as_large_as_the_data_say() {
        let layer = Layer::Discs {
            discs: vec![
                [5.0, 1.0, 2.0],
                [-2.0, 1.0, 3.0],
                [-1.0, 1.0, 3.0],
                [1.0, f64::NAN, 1.0],
            ],
            fill: Some(Color::Black),
            outline: None,
            label: None,
        };
        match &map().shapes(&layer, &MAIN)[..] {
            // The second lies outside, the third reaches in.
            [Shape::Circles { circles, .. }] => {
                assert_eq!(*circles, [((50.0, 30.0), 10.0), ((-10.0, 30.0), 15.0)]);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn bands_are_areas_between_their_gaps() {
        let points = vec![
            [1.0, 1.0, 2.0],
            [2.0, 0.0, 3.0],
            [3.0, f64::NAN, 1.0],
            // A single point has no area.
            [4.0, 1.0, 2.0],
            [5.0, f64::NAN, 1.0],
            // What lies far outside ends near the frame.
            [6.0, -1e9, 1.0],
            [7.0, 1.0, 1e9],
        ];
        let layer = Layer::Band {
            points,
            color: Color::Black,
        };
        let corners = |shape: &Shape| match shape {
            Shape::Tint { corners, .. } => corners.clone(),
            other => panic!("{other:?}"),
        };
        let areas: Vec<Vec<Point>> = map().shapes(&layer, &MAIN).iter().map(corners).collect();
        assert_eq!(
            areas,
            [
                [(10.0, 20.0), (20.0, 10.0), (20.0, 40.0), (10.0, 30.0)],
                [(60.0, 30.0), (70.0, -10.0), (70.0, 30.0), (60.0, 50.0)],
            ]
        );
    }

    #[test]
    fn markers_that_lie_on_each_other_are_drawn_once() {
        let layer = Layer::Markers {
            points: vec![
                (1.0, 1.0),
                (1.0, 1.0),
                (2.0, 1.0),
                (99.0, 1.0),
                (f64::NAN, 1.0),
            ],
            color: Color::Black,
            label: None,
        };
        match &map().shapes(&layer, &MAIN)[..] {
            [Shape::Discs { centers, .. }] => assert_eq!(*centers, [(10.0, 30.0), (20.0, 30.0)]),
            other => panic!("{other:?}"),
        }
    }
}
