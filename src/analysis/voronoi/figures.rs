//! The figures of `voronoi`.

use super::Finished;
use crate::analysis::{curve_color, curves_shown};
use crate::data::figure::{Axes, Axis, Color, Figure, Layer, Stroke};

/// Bars that the figure of indices shows.
const BARS: usize = 12;

/// An index as papers write it: ⟨0,0,12,0⟩.
pub fn bracketed(index: &str) -> String {
    format!("⟨{}⟩", index.replace('-', ","))
}

/// How the local volume fractions of all frames are distributed: Fig. S1. Of one input by species, with areas as their numbers; of several
/// inputs those of all particles.
pub fn volume_fractions(inputs: &[(String, Finished)]) -> Figure {
    let mut layers = Vec::new();
    let mut layer =
        |histogram: &crate::analysis::distribution::Histogram, share: f64, stroke, label| {
            let (edges, heights) = histogram.outline(histogram.width_to_show(), share);
            layers.push(Layer::Histogram {
                edges,
                heights,
                stroke,
                label,
            });
        };
    match inputs {
        [(_, only)] => {
            let shown = curves_shown(only.volume_fractions.len());
            let total = only
                .volume_fractions
                .first()
                .map_or(1, |(_, all)| all.total());
            for (index, (name, histogram)) in only.volume_fractions.iter().take(shown).enumerate() {
                let share = histogram.total() as f64 / total as f64;
                let label = match name.parse::<i64>() {
                    Ok(number) => format!("species {number}"),
                    Err(_) => name.to_string(),
                };
                layer(
                    histogram,
                    share,
                    Stroke::solid(curve_color(index)),
                    (shown > 1).then_some(label),
                );
            }
        }
        several => {
            for (index, (label, finished)) in several.iter().enumerate() {
                if let Some((_, all)) = finished.volume_fractions.first() {
                    layer(all, 1.0, Stroke::nth(index), Some(label.clone()));
                }
            }
        }
    }
    let axis = |label: &str| Axis {
        label: label.to_string(),
        ..Axis::default()
    };
    Figure {
        axes: Axes {
            x: axis("*φ*_{*i*}"),
            y: axis("probability density"),
            layers,
            ..Axes::default()
        },
        inset: None,
    }
}

/// The commonest indices with their fractions of all cells: those of the first input, and of the others the same.
pub fn indices(inputs: &[(String, Finished)]) -> Figure {
    let Some((_, first)) = inputs.first() else {
        return Figure::default();
    };
    let shown: Vec<_> = first
        .indices
        .iter()
        .take(BARS)
        .map(|(index, _)| index.clone())
        .collect();
    let thickness = 0.8 / inputs.len() as f64;
    let layers = inputs.iter().enumerate().map(|(input, (label, finished))| {
        let middle = thickness * (input as f64 - 0.5 * (inputs.len() - 1) as f64);
        let count = |index| {
            finished
                .indices
                .iter()
                .find(|(known, _)| known == index)
                .map_or(0, |(_, count)| *count)
        };
        let bar = |(place, index)| {
            let fraction = count(index) as f64 / finished.particles as f64;
            [place as f64 + middle, 0.9 * thickness, fraction]
        };
        Layer::Bars {
            bars: shown.iter().enumerate().map(bar).collect(),
            color: Color::Series(input),
            label: (inputs.len() > 1).then(|| label.clone()),
        }
    });
    Figure {
        axes: Axes {
            x: Axis {
                label: "fraction of cells".to_string(),
                ..Axis::default()
            },
            y: Axis {
                // From the top downwards.
                range: Some((shown.len() as f64 - 0.4, -0.6)),
                categories: shown.iter().map(|index| bracketed(index)).collect(),
                ..Axis::default()
            },
            layers: layers.collect(),
            ..Axes::default()
        },
        inset: None,
    }
}
