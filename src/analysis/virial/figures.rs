//! The figures of `virial`.

use std::sync::Arc;

use super::{Finished, Said};
use crate::analysis::distribution::{Histogram, Spread};
use crate::analysis::{Abscissa, curve_color, curve_label, curves_shown};
use crate::data::figure::{Axes, Axis, Figure, Layer, Stroke};

/// A frame as the figures and the summary show it.
#[derive(Clone)]
pub(super) struct Shown {
    /// Where it is on the abscissa.
    pub at: f64,
    abscissa: Abscissa,
    pub particles: usize,
    pub pressure: Spread,
    pub energy: f64,
    pressures: Histogram,
    /// Name and number of all, then of each species, and their diameters.
    diameters: Vec<(Arc<str>, usize, Histogram)>,
}

impl Shown {
    pub(super) fn new(said: &Said, abscissa: Abscissa) -> Self {
        let all = &said.groups[0];
        Shown {
            at: said.moment.on(abscissa),
            abscissa,
            particles: all.count,
            pressure: all.pressure,
            energy: all.energy,
            pressures: all.pressures.clone(),
            diameters: said
                .groups
                .iter()
                .map(|group| (group.name.clone(), group.count, group.diameters.clone()))
                .collect(),
        }
    }

    fn label(&self) -> String {
        match self.abscissa {
            Abscissa::Temperature => format!("*T* = {:.3}", self.at),
            Abscissa::Frame => format!("frame {:.0}", self.at),
            other => other.value(self.at),
        }
    }
}

/// The frames that the figures show, with their labels.
fn shown<'a>(inputs: &[(String, &'a Finished)]) -> Vec<(String, &'a Shown)> {
    let several = inputs.len() > 1;
    let mut shown = Vec::new();
    for (name, finished) in inputs {
        let frames: Vec<&Shown> = match (&finished.at[..], several || finished.frames == 1) {
            ([], true) => vec![&finished.last],
            ([], false) => vec![&finished.first, &finished.last],
            (at, _) => at.iter().collect(),
        };
        let alone = frames.len() == 1;
        for frame in frames {
            let label = match (several, alone) {
                (true, true) => name.clone(),
                (true, false) => format!("{name}, {}", frame.label()),
                (false, _) => frame.label(),
            };
            shown.push((label, frame));
        }
    }
    shown
}

/// The edges and heights of a histogram as the n-th line of a figure.
fn line((edges, heights): (Vec<f64>, Vec<f64>), index: usize, label: Option<String>) -> Layer {
    Layer::Histogram {
        edges,
        heights,
        stroke: Stroke::solid(curve_color(index)),
        label,
    }
}

fn framed(x: &str, layers: Vec<Layer>) -> Figure {
    let axis = |label: &str| Axis {
        label: label.to_string(),
        ..Axis::default()
    };
    Figure {
        axes: Axes {
            x: axis(x),
            y: axis("probability density"),
            layers,
            ..Axes::default()
        },
        inset: None,
    }
}

/// Distributions of P_i: Fig. 1b.
pub(super) fn pressures(inputs: &[(String, &Finished)]) -> Figure {
    let shown = shown(inputs);
    let several = shown.len() > 1;
    let layers = shown.iter().enumerate().map(|(index, (label, frame))| {
        let width = frame.pressure.bin_width(frame.particles);
        line(
            frame.pressures.outline(width, 1.0),
            index,
            several.then(|| label.clone()),
        )
    });
    framed("*P*_{2,*i*}", layers.collect())
}

/// Distributions of the diameters: Fig. 1c. Of one frame those of all and of each species, with areas as their numbers; of several those of
/// all. Bins are as they are: bidisperse diameters have no width.
pub(super) fn diameters(inputs: &[(String, &Finished)]) -> Figure {
    let shown = shown(inputs);
    let mut layers = Vec::new();
    if let [(_, only)] = &shown[..] {
        let groups = curves_shown(only.diameters.len());
        for (index, (name, count, histogram)) in only.diameters.iter().take(groups).enumerate() {
            let share = *count as f64 / only.particles as f64;
            layers.push(line(
                histogram.outline(0.0, share),
                index,
                (groups > 1).then(|| curve_label(name)),
            ));
        }
    } else {
        for (index, (label, frame)) in shown.iter().enumerate() {
            let (.., histogram) = &frame.diameters[0];
            layers.push(line(
                histogram.outline(0.0, 1.0),
                index,
                Some(label.clone()),
            ));
        }
    }
    framed("*σ*_{*i*}", layers)
}
