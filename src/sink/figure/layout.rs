//! The whole figure laid out: axes, inset and legend, each where it hides no data.

use super::layers::{marker_radius, pen, spans};
use super::panel::Panel;
use super::place::Occupancy;
use super::scene::{Group, Pen, Point, Rect, Scene, Shape};
use super::style::{INSET, MAIN, Style};
use super::text::{CAPITAL, Fonts, Label};
use super::{colors, colors::Rgb};
use crate::data::figure::{Axes, Dash, Figure, Layer};

/// A column of a journal: 3.4 by 2.7 inches.
const WIDTH: f64 = 244.8;
const HEIGHT: f64 = 194.4;
/// Widest label of a legend, over the width of the page.
const LABEL: f64 = 0.6;
/// Between the frame and what is inside it, beyond the ticks.
const DISTANCE: f64 = 2.6;
/// Height of a page with an inset over that of one without.
const TALLER: f64 = 1.2;
/// Room that may be made above the data, over the height they take: for a legend, and for an inset.
const HEADROOM: f64 = 0.72;
const INSET_HEADROOM: f64 = 1.5;
const HEADROOM_STEPS: u32 = 12;
/// Widths and heights of an inset over those of the frame.
const INSET_SIZES: [(f64, f64); 3] = [(0.56, 0.54), (0.48, 0.48), (0.42, 0.42)];

/// Lays a figure out.
pub fn compose(figure: &Figure, fonts: &Fonts) -> Scene {
    let height = if figure.inset.is_some() {
        TALLER * HEIGHT
    } else {
        HEIGHT
    };
    let mut page = Rect::at(0.0, 0.0, WIDTH, height);
    if figure.axes.equal {
        page.bottom = equal_height(&figure.axes, page, fonts);
    }
    let set = Settled::new(&figure.axes, figure.inset.is_some(), page, &MAIN, fonts);
    let page = set.outer;
    let place = set.inset;
    let mut groups = set.into_groups();
    if let Some((axes, place)) = figure.inset.as_ref().zip(place) {
        groups.extend(Settled::new(axes, false, place, &INSET, fonts).into_groups());
    }
    Scene {
        width: page.width(),
        height: page.height(),
        groups,
    }
}

/// The height of the page at which a unit is as long on both axes.
fn equal_height(axes: &Axes, mut page: Rect, fonts: &Fonts) -> f64 {
    let (x, y) = spans(axes, 0.0);
    let ratio = ((y.high - y.low) / (x.high - x.low)).abs();
    // The numbers beside the axis may take another width in a frame of another height.
    for _ in 0..3 {
        let frame = Panel::new(axes, page, &MAIN, fonts, 0.0).frame;
        let height = page.height() + ratio * frame.width() - frame.height();
        page.bottom = height.clamp(0.25 * WIDTH, 2.5 * WIDTH);
    }
    page.bottom
}

/// Axes whose legend and inset have found their places.
struct Settled {
    /// The whole, taller than asked if the legend made it so.
    outer: Rect,
    panel: Panel,
    legend: Group,
    inset: Option<Rect>,
}

impl Settled {
    /// All shapes on a white ground.
    fn into_groups(self) -> Vec<Group> {
        let ground = Group {
            clip: None,
            shapes: vec![Shape::Area {
                parts: vec![self.outer],
                color: colors::WHITE,
            }],
        };
        let mut groups = vec![ground];
        groups.extend(self.panel.into_groups());
        groups.push(self.legend);
        groups
    }

    /// Looks for places where legend and inset hide nothing, first as the data lie, then with room made above them; else
    /// the legend goes above the frame, and the inset, with more room made for it, where it hides nothing or least. A
    /// legend that would take more than a third of an inset is left out.
    fn new(axes: &Axes, inset: bool, outer: Rect, style: &Style, fonts: &Fonts) -> Self {
        let legend = Legend::new(axes, style, fonts);
        let is_map = |layer: &Layer| matches!(layer, Layer::Density { .. });
        let steps = match axes.y.range {
            None if !axes.equal && !axes.layers.iter().any(is_map) => HEADROOM_STEPS,
            _ => 0,
        };
        let rooms = |most: f64| {
            (0..=steps).map(move |step| most * f64::from(step) / f64::from(HEADROOM_STEPS))
        };
        for headroom in rooms(HEADROOM) {
            let panel = Panel::new(axes, outer, style, fonts, headroom);
            let places = Places::new(&panel, style, &legend, inset);
            if places.hidden == 0.0 {
                return places.settle(outer, panel, &legend);
            }
        }
        let panel = Panel::new(axes, outer, style, fonts, 0.0);
        let places = Places::new(&panel, style, &legend, inset);
        if places.legend.1 == 0.0 && !inset {
            return places.settle(outer, panel, &legend);
        }
        let limit = panel.frame.width();
        let rise = legend.size(limit).1;
        if !style.grows && rise > outer.height() / 3.0 {
            return places.settle(outer, panel, &Legend::default());
        }
        let outer = Rect {
            bottom: outer.bottom + if style.grows { rise } else { 0.0 },
            ..outer
        };
        let below = Rect {
            top: outer.top + rise,
            ..outer
        };
        let mut best: Option<(Panel, Places)> = None;
        for headroom in rooms(if inset { INSET_HEADROOM } else { 0.0 }) {
            let panel = Panel::new(axes, below, style, fonts, headroom);
            let places = Places::new(&panel, style, &Legend::default(), inset);
            if best
                .as_ref()
                .is_none_or(|(_, best)| places.hidden < best.hidden)
            {
                best = Some((panel, places));
            }
        }
        let (panel, places) = best.expect("there is at least one step");
        let origin = (panel.frame.left, outer.top + style.edge);
        Settled {
            outer,
            legend: legend.drawn(limit, origin),
            inset: places.inset,
            panel,
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
    fn new(panel: &Panel, style: &Style, legend: &Legend, inset: bool) -> Self {
        let frame = panel.frame;
        let distance = style.major + DISTANCE;
        let free = Occupancy::of(&panel.data, frame);
        let around = |mut free: Occupancy, inset: Option<(Rect, f64)>| {
            if let Some((place, _)) = inset {
                free.take(&place);
            }
            let legend = match legend.items.is_empty() {
                true => (frame, 0.0),
                false => free.anywhere(legend.size(0.0), distance),
            };
            Places {
                inset: inset.map(|inset| inset.0),
                legend,
                hidden: legend.1 + inset.map_or(0.0, |inset| inset.1),
            }
        };
        if !inset {
            return around(free, None);
        }
        let [large, smaller @ ..] = INSET_SIZES.map(|(width, height)| {
            let size = (width * frame.width(), height * frame.height());
            around(free.clone(), Some(free.corner(size, distance)))
        });
        smaller.into_iter().fold(large, |best, other| {
            if other.hidden < best.hidden {
                other
            } else {
                best
            }
        })
    }

    fn settle(self, outer: Rect, panel: Panel, legend: &Legend) -> Settled {
        Settled {
            outer,
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
    Circle(Option<Rgb>, Option<Pen>),
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
                Layer::Discs {
                    fill,
                    outline,
                    label,
                    ..
                } => {
                    let pen = outline.as_ref().map(|stroke| pen(stroke, style));
                    (label, Sample::Circle(fill.map(colors::rgb), pen))
                }
                Layer::Bars { color, label, .. } => {
                    let pen = Pen {
                        color: colors::rgb(*color),
                        width: 0.6 * style.legend,
                        dash: Dash::Solid,
                    };
                    (label, Sample::Line(pen))
                }
                Layer::Density { .. } | Layer::Band { .. } => continue,
            };
            let Some(name) = label else { continue };
            match items.iter_mut().find(|item| &item.name == name) {
                Some(item) => item.samples.push(sample),
                None => items.push(Item {
                    name: name.clone(),
                    label: fonts.set_within(name, style.legend, LABEL * WIDTH),
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

    /// The length of samples: lines want more than markers.
    fn handle(&self) -> f64 {
        let mut samples = self.items.iter().flat_map(|item| &item.samples);
        let lines = samples.any(|sample| matches!(sample, Sample::Line(_)));
        self.size * if lines { 2.2 } else { 1.0 }
    }

    /// Where the text of an item begins.
    fn indent(&self, item: &Item) -> f64 {
        match item.samples.is_empty() {
            true => 0.0,
            false => self.handle() + Self::GAP * self.size,
        }
    }

    /// Where each item begins, and the size of all: in one row if that is no wider than the limit, else below a title in
    /// as many columns as fit, but at least one.
    fn arranged(&self, limit: f64) -> (Vec<Point>, (f64, f64)) {
        let between = Self::BETWEEN * self.size;
        let widths = || {
            let items = self.items.iter();
            items.map(|item| self.indent(item) + item.label.width)
        };
        let widest = widths().fold(0.0, f64::max);
        let line: f64 = widths().sum::<f64>() + between * (self.items.len() as f64 - 1.0);
        let columns = ((limit + between) / (widest + between)).max(1.0) as usize;
        let mut places = Vec::new();
        let (mut column, mut row, mut x) = (0, 0, 0.0);
        for (item, width) in self.items.iter().zip(widths()) {
            if line > limit && column == columns {
                (column, row, x) = (0, row + 1, 0.0);
            }
            places.push((x, f64::from(row) * Self::ROW * self.size));
            x += between + if line > limit { widest } else { width };
            column = if item.samples.is_empty() {
                columns
            } else {
                column + 1
            };
        }
        let ends = places
            .iter()
            .zip(widths())
            .map(|(place, width)| place.0 + width);
        let width = ends.fold(0.0, f64::max);
        let rows = if self.items.is_empty() { 0 } else { row + 1 };
        (places, (width, f64::from(rows) * Self::ROW * self.size))
    }

    fn size(&self, limit: f64) -> (f64, f64) {
        self.arranged(limit).1
    }

    fn drawn(&self, limit: f64, origin: Point) -> Group {
        let mut shapes = Vec::new();
        for (item, (x, y)) in self.items.iter().zip(self.arranged(limit).0) {
            let (x, y) = (origin.0 + x, origin.1 + y);
            let middle = y + 0.5 * Self::ROW * self.size;
            let handle = self.handle();
            for sample in &item.samples {
                shapes.push(match *sample {
                    Sample::Line(pen) => Shape::Line {
                        points: vec![(x, middle), (x + handle, middle)],
                        pen,
                    },
                    Sample::Disc(radius, color) => Shape::Discs {
                        centers: vec![(x + 0.5 * handle, middle)],
                        radius,
                        color,
                    },
                    Sample::Circle(fill, pen) => Shape::Circles {
                        circles: vec![((x + 0.5 * handle, middle), 0.38 * self.size)],
                        fill,
                        pen,
                    },
                });
            }
            shapes.push(Shape::Text {
                label: item.label.clone(),
                origin: (x + self.indent(item), middle + 0.5 * CAPITAL * self.size),
                rising: false,
            });
        }
        Group { clip: None, shapes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::figure::{Color, Stroke};
    use crate::sink::figure::{examples, fonts};

    /// The box around a text.
    fn text_box(shape: &Shape) -> Option<Rect> {
        let Shape::Text {
            label,
            origin: (x, y),
            rising,
        } = shape
        else {
            return None;
        };
        (!label.runs.is_empty()).then(|| match rising {
            false => Rect::spanned((*x, y - label.ascent), (x + label.width, y + label.descent)),
            true => Rect::spanned((x - label.ascent, *y), (x + label.descent, y - label.width)),
        })
    }

    #[test]
    fn texts_stay_on_the_page_and_apart() {
        for (name, figure) in examples::all() {
            let scene = compose(&figure, &fonts().unwrap());
            let page = Rect::at(0.0, 0.0, scene.width, scene.height);
            let shapes = scene.groups.iter().flat_map(|group| &group.shapes);
            // Ascents and descents hold more than most letters need.
            let boxes: Vec<Rect> = shapes
                .filter_map(text_box)
                .map(|text| text.grown(-1.0))
                .collect();
            for (i, text) in boxes.iter().enumerate() {
                assert!(page.holds((text.left, text.top)), "{name}: {text:?}");
                assert!(page.holds((text.right, text.bottom)), "{name}: {text:?}");
                for other in &boxes[..i] {
                    assert_eq!(text.shared(other), None, "{name}");
                }
            }
        }
    }

    #[test]
    fn legends_hide_nothing() {
        for (name, figure) in examples::all() {
            let set = Settled::new(
                &figure.axes,
                figure.inset.is_some(),
                Rect::at(0.0, 0.0, WIDTH, HEIGHT),
                &MAIN,
                &fonts().unwrap(),
            );
            let mut free = Occupancy::of(&set.panel.data, set.panel.frame);
            if let Some(inset) = set.inset {
                free.take(&inset);
            }
            for text in set.legend.shapes.iter().filter_map(text_box) {
                let inside = text.shared(&set.panel.frame);
                assert!(
                    inside.is_none_or(|text| free.hidden(&text) == 0.0),
                    "{name}"
                );
            }
        }
    }

    fn labelled(points: Vec<(f64, f64)>, name: &str) -> Layer {
        Layer::Line {
            points,
            stroke: Stroke::solid(Color::Black),
            label: Some(name.into()),
        }
    }

    fn settled(axes: &Axes) -> Settled {
        let page = Rect::at(0.0, 0.0, WIDTH, HEIGHT);
        Settled::new(axes, false, page, &MAIN, &fonts().unwrap())
    }

    #[test]
    fn insets_hide_nothing_of_data_that_fill_the_frame() {
        let zigzag = (0..60).map(|i| (f64::from(i), f64::from(i % 2))).collect();
        let axes = Axes {
            layers: vec![labelled(zigzag, "zigzag")],
            ..Axes::default()
        };
        let page = Rect::at(0.0, 0.0, WIDTH, TALLER * HEIGHT);
        let set = Settled::new(&axes, true, page, &MAIN, &fonts().unwrap());
        let data = Occupancy::of(&set.panel.data, set.panel.frame);
        assert_eq!(data.hidden(&set.inset.unwrap()), 0.0);
    }

    #[test]
    fn room_is_made_above_data_that_fill_the_frame() {
        let zigzag = |steps: i32| -> Vec<(f64, f64)> {
            (0..steps)
                .map(|i| (f64::from(i), f64::from(i % 2)))
                .collect()
        };
        let mut axes = Axes {
            layers: vec![labelled(zigzag(40), "zigzag")],
            ..Axes::default()
        };
        let set = settled(&axes);
        let legend = text_box(&set.legend.shapes[1]).unwrap();
        let highest = set
            .panel
            .data
            .iter()
            .fold(HEIGHT, |highest, shape| match shape {
                Shape::Line { points, .. } => points.iter().map(|p| p.1).fold(highest, f64::min),
                _ => highest,
            });
        assert!(set.panel.frame.holds((legend.left, legend.top)));
        assert!(legend.bottom < highest);

        // With the range given there is no room to make: the legend goes above the frame.
        axes.y.range = Some((0.0, 1.0));
        let set = settled(&axes);
        let legend = text_box(&set.legend.shapes[1]).unwrap();
        assert!(legend.bottom < set.panel.frame.top);
        assert!(legend.top > 0.0);
    }

    #[test]
    fn a_unit_is_as_long_on_both_axes_where_that_is_asked() {
        for (width, height) in [(3.0, 2.0), (2.0, 3.0), (1e4, 1e4)] {
            let mut axes = Axes {
                layers: vec![labelled(vec![(0.0, 0.0), (width, height)], "diagonal")],
                equal: true,
                ..Axes::default()
            };
            axes.x.range = Some((0.0, width));
            axes.y.range = Some((0.0, height));
            let fonts = fonts().unwrap();
            let page = Rect::at(0.0, 0.0, WIDTH, HEIGHT);
            let page = Rect {
                bottom: equal_height(&axes, page, &fonts),
                ..page
            };
            let frame = Settled::new(&axes, false, page, &MAIN, &fonts).panel.frame;
            let ratio = frame.height() / frame.width() * width / height;
            assert!((ratio - 1.0).abs() < 0.002, "{ratio}");
        }
    }

    #[test]
    fn one_name_is_one_entry() {
        let points = vec![(0.0, 0.0), (1.0, 1.0)];
        let axes = Axes {
            layers: vec![
                labelled(points.clone(), "a"),
                Layer::Markers {
                    points: points.clone(),
                    color: Color::Black,
                    label: Some("a".into()),
                },
                labelled(points, "b"),
            ],
            legend_title: Some("title".into()),
            ..Axes::default()
        };
        let legend = Legend::new(&axes, &MAIN, &fonts().unwrap());
        let samples: Vec<usize> = legend.items.iter().map(|item| item.samples.len()).collect();
        assert_eq!(samples, [0, 2, 1]);
    }

    #[test]
    fn entries_above_the_frame_fill_rows() {
        let names = ["one", "two", "three", "four", "five", "six"];
        let axes = Axes {
            layers: names.map(|name| labelled(Vec::new(), name)).into(),
            ..Axes::default()
        };
        let legend = Legend::new(&axes, &MAIN, &fonts().unwrap());
        let (places, (width, height)) = legend.arranged(150.0);
        assert!(width <= 150.0);
        assert_eq!(places[0].1, places[1].1);
        assert!(places[5].1 > places[0].1 && places[5].1 < height);
        assert_eq!(places[0].0, places[3].0);
        let (row, _) = legend.arranged(1000.0);
        assert!(row.iter().all(|place| place.1 == 0.0));
        assert_eq!(legend.size(0.0).1, 6.0 * Legend::ROW * MAIN.legend);
    }
}
