//! The figures of `delta-star`: Figs. 6 and S2.

use std::str::FromStr;

use nalgebra::Vector3;
use serde::Serialize;

use super::rows::Sizes;
use super::{Arguments, Finished};
use crate::data::cell::Cell;
use crate::data::figure::{Axes, Axis, Color, Figure, Layer, Stroke};
use crate::error::{Error, Result};
use crate::physics::points::widths;

/// A slice across the cell.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Slice {
    axis: usize,
    heights: Option<(f64, f64)>,
}

const AXES: [&str; 3] = ["x", "y", "z"];

impl FromStr for Slice {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong = || "write x, y or z, or the heights too: z:2.5:4".to_string();
        let mut parts = text.split(':');
        let axis = parts
            .next()
            .and_then(|name| AXES.iter().position(|axis| *axis == name));
        let heights: Vec<f64> = parts
            .map(|part| part.parse().ok().filter(|height: &f64| height.is_finite()))
            .collect::<Option<_>>()
            .ok_or_else(wrong)?;
        let heights = match heights[..] {
            [] => None,
            [low, high] if low < high => Some((low, high)),
            _ => return Err(wrong()),
        };
        Ok(Slice {
            axis: axis.ok_or_else(wrong)?,
            heights,
        })
    }
}

impl Slice {
    /// Checks that heights (length) are those of the cell, which has these widths (length), where it is periodic.
    pub(super) fn check(&self, cell: &Cell, widths: [f64; 3]) -> Result<()> {
        let (axis, width) = (AXES[self.axis], widths[self.axis]);
        match self.heights {
            Some((low, high)) if cell.periodic()[self.axis] && (low < 0.0 || high > width) => {
                let what = format!("--slice {axis}:{low}:{high} reaches out of the cell");
                Err(Error::new(what).help(format!("give heights between 0 and {width}")))
            }
            _ => Ok(()),
        }
    }
}

/// One of the figures.
pub fn draw(arguments: &Arguments, name: &str, finished: &Finished) -> Figure {
    match name {
        "slice" => slice(arguments, finished),
        "histogram" => histogram(arguments, finished),
        "diameter" => Figure {
            axes: diameter(arguments, finished),
            inset: None,
        },
        _ => trajectories(arguments, finished),
    }
}

fn mover_label(arguments: &Arguments) -> String {
    format!("*δ*^{{∗}} > {}", arguments.threshold)
}

fn thin(color: Color, width: f64) -> Stroke {
    Stroke {
        width,
        ..Stroke::solid(color)
    }
}

/// What is seen along one axis of a cell.
struct View<'a> {
    cell: &'a Cell,
    /// The axes of the page.
    across: usize,
    upwards: usize,
    /// The axis that is looked along.
    depth: usize,
}

impl<'a> View<'a> {
    fn along(cell: &'a Cell, depth: usize) -> Self {
        let (across, upwards) = match depth {
            0 => (1, 2),
            1 => (0, 2),
            _ => (0, 1),
        };
        View {
            cell,
            across,
            upwards,
            depth,
        }
    }

    fn on_page(&self, position: &Vector3<f64>) -> (f64, f64) {
        (position[self.across], position[self.upwards])
    }

    /// The corners of the part of the cell between two fractions of its depth.
    fn corners(&self, (low, high): (f64, f64)) -> Vec<Vector3<f64>> {
        (0..8)
            .map(|corner| {
                let mut s = Vector3::from_fn(|axis, _| f64::from(corner >> axis & 1));
                s[self.depth] = if s[self.depth] == 0.0 { low } else { high };
                self.cell.cartesian(&s)
            })
            .collect()
    }

    /// Axes of equal units that show that part.
    fn axes(&self, depths: (f64, f64), margin: f64, layers: Vec<Layer>) -> Axes {
        let corners = self.corners(depths);
        let axis = |axis: usize| {
            let along = || corners.iter().map(|corner| corner[axis]);
            let low = along().fold(f64::INFINITY, f64::min);
            let high = along().fold(f64::NEG_INFINITY, f64::max);
            Axis {
                label: format!("*{}*", AXES[axis]),
                range: Some((low - margin, high + margin)),
                ..Axis::default()
            }
        };
        Axes {
            x: axis(self.across),
            y: axis(self.upwards),
            layers,
            equal: true,
            ..Axes::default()
        }
    }

    /// A disc with its images in the plane of the page.
    fn discs(&self, position: &Vector3<f64>, diameter: f64) -> Vec<[f64; 3]> {
        let periodic = self.cell.periodic();
        let steps = |axis: usize| if periodic[axis] { -1..=1 } else { 0..=0 };
        let mut discs = Vec::new();
        for a in steps(self.across) {
            for b in steps(self.upwards) {
                let mut image = [0; 3];
                (image[self.across], image[self.upwards]) = (a, b);
                let (x, y) = self.on_page(&(position + self.cell.translation(image)));
                discs.push([x, y, diameter]);
            }
        }
        discs
    }
}

/// Fig. 6, left: the paths of particles between the two temperatures. Each begins in the cell.
fn trajectories(arguments: &Arguments, finished: &Finished) -> Figure {
    /// Most paths of particles that are not movers, and most points of one of them: more would be one grey area.
    const OTHERS: usize = 2000;
    const POINTS: usize = 12;
    let cell = finished.points.cell();
    let view = View::along(cell, arguments.slice.axis);
    let frames = &finished.paths;
    let path = |row: usize, every: usize, points: &mut Vec<(f64, f64)>| {
        let Some(start) = frames.first().map(|positions| positions[row]) else {
            return;
        };
        let periodic = cell.periodic();
        let s = cell.fractional(&start);
        let back = [0, 1, 2].map(|axis| {
            if periodic[axis] {
                -s[axis].floor() as i32
            } else {
                0
            }
        });
        let shift = cell.translation(back);
        let seen = frames.iter().step_by(every);
        points.extend(seen.map(|positions| view.on_page(&(positions[row] + shift))));
        points.push((f64::NAN, f64::NAN));
    };
    let others: Vec<usize> = (0..finished.delta_star.len())
        .filter(|row| finished.movers.binary_search(row).is_err())
        .collect();
    let mut grey = Vec::new();
    for &row in others.iter().step_by(others.len().div_ceil(OTHERS).max(1)) {
        path(row, frames.len().div_ceil(POINTS).max(1), &mut grey);
    }
    let mut colored = Vec::new();
    for &row in &finished.movers {
        path(row, 1, &mut colored);
    }
    let layers = vec![
        Layer::Line {
            points: grey,
            stroke: thin(Color::LightGrey, 0.3),
            label: Some("others".to_string()),
        },
        Layer::Line {
            points: colored,
            stroke: thin(Color::Series(1), 0.5),
            label: Some(mover_label(arguments)),
        },
    ];
    Figure {
        axes: view.axes((0.0, 1.0), 0.6 * finished.points.spacing(), layers),
        inset: None,
    }
}

/// Fig. 6, right: a slice with the movers, and the region of icosahedra shaded.
fn slice(arguments: &Arguments, finished: &Finished) -> Figure {
    let points = &finished.points;
    let (cell, spacing) = (points.cell(), points.spacing());
    let depth = arguments.slice.axis;
    let view = View::along(cell, depth);
    let width = widths(cell)[depth];
    let height = |row: usize| cell.fractional(&points.positions()[row])[depth] * width;
    let (low, high) = arguments.slice.heights.unwrap_or_else(|| {
        let movers: Vec<f64> = finished.movers.iter().map(|&row| height(row)).collect();
        fullest(&movers, (1.5 * spacing).min(width), width)
    });
    let middle = 0.5 * (low + high);
    let Some(diameters) = &finished.diameters else {
        return Figure::default();
    };
    let mut shown: Vec<usize> = (0..points.len())
        .filter(|&row| (low..=high).contains(&height(row)))
        .collect();
    // The highest are nearest to the eye.
    shown.sort_by(|&a, &b| height(a).total_cmp(&height(b)));
    let (movers, others): (Vec<usize>, Vec<usize>) = shown
        .into_iter()
        .partition(|row| finished.movers.binary_search(row).is_ok());
    let discs = |rows: &[usize]| {
        rows.iter()
            .flat_map(|&row| view.discs(&points.positions()[row], diameters[row]))
            .collect()
    };
    let mut layers = Vec::new();
    if let Some(icosahedral) = &finished.icosahedral {
        // An icosahedron reaches to the centres of the particles around it: what of these balls the middle of the slice cuts.
        let mut region = Vec::new();
        for row in (0..points.len()).filter(|&row| icosahedral[row]) {
            let mut off = height(row) - middle;
            if cell.periodic()[depth] {
                off -= width * (off / width).round();
            }
            let square = spacing * spacing - off * off;
            if square > 0.0 {
                region.extend(view.discs(&points.positions()[row], 2.0 * square.sqrt()));
            }
        }
        layers.push(Layer::Discs {
            discs: region,
            fill: Some(Color::LightGrey),
            outline: None,
            label: Some("icosahedra".to_string()),
        });
    }
    layers.push(Layer::Discs {
        discs: discs(&others),
        fill: None,
        outline: Some(thin(Color::Grey, 0.35)),
        label: Some("others".to_string()),
    });
    layers.push(Layer::Discs {
        discs: discs(&movers),
        fill: Some(Color::Series(1)),
        outline: Some(thin(Color::Black, 0.4)),
        label: Some(mover_label(arguments)),
    });
    let mut axes = view.axes((low / width, high / width), 0.0, layers);
    axes.legend_title = Some(format!("{low:.1} < *{}* < {high:.1}", AXES[depth]));
    Figure { axes, inset: None }
}

/// The slice of the given thickness between 0 and `width` that holds most of the heights, the lowest of several.
fn fullest(heights: &[f64], thickness: f64, width: f64) -> (f64, f64) {
    let mut sorted = heights.to_vec();
    sorted.sort_by(f64::total_cmp);
    let held = |start: &f64| {
        sorted
            .iter()
            .filter(|height| (*start..=start + thickness).contains(height))
            .count()
    };
    let starts = sorted
        .iter()
        .map(|height| height.clamp(0.0, width - thickness));
    // Of equal ones max_by_key gives the last.
    let start = starts
        .rev()
        .max_by_key(held)
        .unwrap_or(0.5 * (width - thickness));
    (start, start + thickness)
}

/// Fig. S2: how diameters are distributed among all and among the movers.
fn histogram(arguments: &Arguments, finished: &Finished) -> Figure {
    let Some(sizes) = Sizes::new(finished, None, arguments.bin_width) else {
        return Figure::default();
    };
    let layer = |counts: &[usize], color, label: String| Layer::Histogram {
        edges: sizes.edges.clone(),
        heights: sizes.density(counts),
        stroke: Stroke::solid(color),
        label: Some(label),
    };
    let axes = Axes {
        x: Axis {
            label: "*σ*".to_string(),
            ..Axis::default()
        },
        y: Axis {
            label: "*P*(*σ*)".to_string(),
            ..Axis::default()
        },
        layers: vec![
            layer(&sizes.all, Color::Black, "all".to_string()),
            layer(&sizes.movers, Color::Series(1), mover_label(arguments)),
        ],
        ..Axes::default()
    };
    let mut inset = diameter(arguments, finished);
    inset.layers.iter_mut().for_each(|layer| {
        if let Layer::Markers { label, .. } | Layer::VerticalLine { label, .. } = layer {
            *label = None;
        }
    });
    Figure {
        axes,
        inset: Some(inset),
    }
}

/// The inset of Fig. S2: σ against δ*.
fn diameter(arguments: &Arguments, finished: &Finished) -> Axes {
    let diameters = finished.diameters.as_deref().unwrap_or_default();
    let markers = |moved: bool, color, label: String| {
        let both = finished.delta_star.iter().zip(diameters);
        let kept = both.filter(|(delta, _)| (**delta > arguments.threshold) == moved);
        Layer::Markers {
            points: kept.map(|(&delta, &diameter)| (delta, diameter)).collect(),
            color,
            label: Some(label),
        }
    };
    Axes {
        x: Axis {
            label: "*δ*^{∗}".to_string(),
            ..Axis::default()
        },
        y: Axis {
            label: "*σ*".to_string(),
            ..Axis::default()
        },
        layers: vec![
            Layer::VerticalLine {
                x: arguments.threshold,
                stroke: Stroke::dashed(Color::Grey),
                label: None,
            },
            markers(false, Color::Black, "others".to_string()),
            markers(true, Color::Series(1), mover_label(arguments)),
        ],
        ..Axes::default()
    }
}
