//! The whole figure laid out: axes, inset and legend, each where it hides no data.

use super::layers::{marker_radius, pen};
use super::panel::Panel;
use super::place::Occupancy;
use super::scene::{Group, Pen, Point, Rect, Scene, Shape};
use super::style::{INSET, MAIN, Style};
use super::text::{CAPITAL, Fonts, Label};
use super::{colors, colors::Rgb};
use crate::data::figure::{Axes, Figure, Layer};

/// A column of a journal: 3.4 by 2.7 inches.
const WIDTH: f64 = 244.8;
const HEIGHT: f64 = 194.4;
/// Between the frame and what is inside it, beyond the ticks.
const DISTANCE: f64 = 2.6;
/// Widths and heights of an inset over those of the frame.
const INSET_SIZES: [(f64, f64); 2] = [(0.56, 0.54), (0.48, 0.48)];

/// Lays a figure out.
pub fn compose(figure: &Figure, fonts: &Fonts) -> Scene {
    let page = Rect::at(0.0, 0.0, WIDTH, HEIGHT);
    let set = Settled::new(&figure.axes, figure.inset.is_some(), page, &MAIN, fonts);
    let alone = |shape| Group {
        clip: None,
        shapes: vec![shape],
    };
    let mut groups = vec![alone(blank(page))];
    groups.extend(set.panel.into_groups());
    groups.push(set.legend);
    if let Some((axes, place)) = figure.inset.as_ref().zip(set.inset) {
        let set = Settled::new(axes, false, place, &INSET, fonts);
        groups.push(alone(blank(place)));
        groups.extend(set.panel.into_groups());
        groups.push(set.legend);
    }
    Scene {
        width: WIDTH,
        height: HEIGHT,
        groups,
    }
}

fn blank(rect: Rect) -> Shape {
    Shape::Area {
        parts: vec![rect],
        color: colors::WHITE,
    }
}

/// Axes whose legend and inset have found their places.
struct Settled {
    panel: Panel,
    legend: Group,
    inset: Option<Rect>,
}

impl Settled {
    /// Looks for places where legend and inset hide nothing: in a corner, else in room made above the data; else the
    /// inset goes where it hides least, and the legend above the frame.
    fn new(axes: &Axes, inset: bool, outer: Rect, style: &Style, fonts: &Fonts) -> Self {
        let legend = Legend::new(axes, style, fonts);
        let sizes = if inset { &INSET_SIZES[..] } else { &[] };
        let is_map = |layer: &Layer| matches!(layer, Layer::Density { .. });
        let steps = match axes.y.range {
            None if !axes.layers.iter().any(is_map) => 12,
            _ => 0,
        };
        for step in 0..=steps {
            let panel = Panel::new(axes, outer, style, fonts, 0.06 * f64::from(step));
            let places = Places::new(&panel, style, &legend, sizes);
            if places.hidden == 0.0 {
                return places.settle(panel, &legend);
            }
        }
        let panel = Panel::new(axes, outer, style, fonts, 0.0);
        let places = Places::new(&panel, style, &legend, sizes);
        if places.legend.1 == 0.0 {
            return places.settle(panel, &legend);
        }
        let limit = panel.frame.width();
        let below = Rect {
            top: outer.top + legend.size(limit).1,
            ..outer
        };
        let panel = Panel::new(axes, below, style, fonts, 0.0);
        let origin = (panel.frame.left, outer.top + style.edge);
        let inset = Places::new(&panel, style, &Legend::default(), sizes).inset;
        Settled {
            legend: legend.drawn(limit, origin),
            panel,
            inset,
        }
    }
}

/// The best places in a frame, and how much they hide there.
struct Places {
    inset: Option<Rect>,
    legend: (Rect, f64),
    hidden: f64,
}

impl Places {
    fn new(panel: &Panel, style: &Style, legend: &Legend, sizes: &[(f64, f64)]) -> Self {
        let frame = panel.frame;
        let distance = style.major + DISTANCE;
        let mut free = Occupancy::of(&panel.data, frame);
        let inset = sizes
            .iter()
            .map(|(width, height)| {
                let (width, height) = (width * frame.width(), height * frame.height());
                free.best(width, height, distance, false)
            })
            .reduce(|best, other| if other.1 < best.1 { other } else { best });
        if let Some((place, _)) = inset {
            free.take(&place);
        }
        let (width, height) = legend.size(0.0);
        let legend = match legend.items.is_empty() {
            true => (frame, 0.0),
            false => free.best(width, height, distance, true),
        };
        Places {
            inset: inset.map(|inset| inset.0),
            legend,
            hidden: legend.1 + inset.map_or(0.0, |inset| inset.1),
        }
    }

    fn settle(self, panel: Panel, legend: &Legend) -> Settled {
        Settled {
            legend: legend.drawn(0.0, (self.legend.0.left, self.legend.0.top)),
            panel,
            inset: self.inset,
        }
    }
}

/// What stands before an entry of the legend.
enum Sample {
    Line(Pen),
    Disc(f64, Rgb),
}

/// One entry: its text, and a sample of every layer that carries it.
struct Item {
    name: String,
    label: Label,
    samples: Vec<Sample>,
}

/// The legend, set but not placed. A title is an entry without samples.
#[derive(Default)]
struct Legend {
    items: Vec<Item>,
    size: f64,
}

impl Legend {
    const ROW: f64 = 1.35;
    const HANDLE: f64 = 2.2;
    const GAP: f64 = 0.6;
    const BETWEEN: f64 = 1.6;

    fn new(axes: &Axes, style: &Style, fonts: &Fonts) -> Self {
        let mut items: Vec<Item> = Vec::new();
        for layer in &axes.layers {
            let (label, sample) = match layer {
                Layer::Line { stroke, label, .. }
                | Layer::Histogram { stroke, label, .. }
                | Layer::VerticalLine { stroke, label, .. }
                | Layer::HorizontalLine { stroke, label, .. } => {
                    (label, Sample::Line(pen(stroke, style)))
                }
                Layer::Markers {
                    points,
                    color,
                    label,
                } => {
                    let radius = marker_radius(points.len(), style);
                    (label, Sample::Disc(radius, colors::rgb(*color)))
                }
                Layer::Density { .. } => continue,
            };
            let Some(name) = label else { continue };
            match items.iter_mut().find(|item| &item.name == name) {
                Some(item) => item.samples.push(sample),
                None => items.push(Item {
                    name: name.clone(),
                    label: fonts.set(name, style.legend),
                    samples: vec![sample],
                }),
            }
        }
        if let Some(title) = axes.legend_title.as_ref().filter(|_| !items.is_empty()) {
            let title = Item {
                name: title.clone(),
                label: fonts.set(title, style.legend),
                samples: Vec::new(),
            };
            items.insert(0, title);
        }
        Legend {
            items,
            size: style.legend,
        }
    }

    fn handle(&self, item: &Item) -> f64 {
        match item.samples.is_empty() {
            true => 0.0,
            false => (Self::HANDLE + Self::GAP) * self.size,
        }
    }

    /// Where each item begins, filling rows up to the limit (one item a row if that is 0), and the size of all.
    fn arranged(&self, limit: f64) -> (Vec<Point>, (f64, f64)) {
        let mut places = Vec::new();
        let (mut x, mut y, mut width) = (0.0, 0.0, 0.0f64);
        for item in &self.items {
            let own = self.handle(item) + item.label.width;
            if x > 0.0 && x + own > limit {
                (x, y) = (0.0, y + Self::ROW * self.size);
            }
            places.push((x, y));
            width = width.max(x + own);
            x += own + Self::BETWEEN * self.size;
        }
        let height = match self.items.is_empty() {
            true => 0.0,
            false => y + Self::ROW * self.size,
        };
        (places, (width, height))
    }

    fn size(&self, limit: f64) -> (f64, f64) {
        self.arranged(limit).1
    }

    fn drawn(&self, limit: f64, origin: Point) -> Group {
        let mut shapes = Vec::new();
        for (item, (x, y)) in self.items.iter().zip(self.arranged(limit).0) {
            let (x, y) = (origin.0 + x, origin.1 + y);
            let middle = y + 0.5 * Self::ROW * self.size;
            let handle = Self::HANDLE * self.size;
            for sample in &item.samples {
                shapes.push(match *sample {
                    Sample::Line(pen) => Shape::Line {
                        points: vec![(x, middle), (x + handle, middle)],
                        pen,
                    },
                    Sample::Disc(radius, color) => Shape::Disc {
                        center: (x + 0.5 * handle, middle),
                        radius,
                        color,
                    },
                });
            }
            shapes.push(Shape::Text {
                label: item.label.clone(),
                origin: (x + self.handle(item), middle + 0.5 * CAPITAL * self.size),
                rising: false,
            });
        }
        Group { clip: None, shapes }
    }
}
