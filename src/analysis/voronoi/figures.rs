//! The figures of `voronoi`.

use super::Finished;
use crate::analysis::distribution::Histogram;
use crate::analysis::{curve_color, curve_label, curves_shown};
use crate::data::figure::{Axes, Axis, Color, Figure, Layer, Stroke};

/// Bars that the figure of indices shows.
const BARS: usize = 12;

/// An index as papers write it: ⟨0,0,12,0⟩.
pub fn bracketed(index: &str) -> String {
    format!("⟨{}⟩", index.replace('-', ","))
}

/// How the local volume fractions of all frames are distributed: Fig. S1. Of one input by species, with areas as their numbers; of several
/// inputs those of all particles.
pub fn volume_fractions(inputs: &[(String, &Finished)]) -> Figure {
    // Name, histogram, share of the area, stroke.
    let curves: Vec<(Option<String>, &Histogram, f64, Stroke)> = match inputs {
        [(_, only)] => {
            let shown = curves_shown(only.volume_fractions.len());
            let total = only
                .volume_fractions
                .first()
                .map_or(1, |(_, all)| all.total());
            let named = only.volume_fractions.iter().take(shown).enumerate();
            named
                .map(|(index, (name, histogram))| {
                    let share = histogram.total() as f64 / total as f64;
                    let stroke = Stroke::solid(curve_color(index));
                    (
                        (shown > 1).then(|| curve_label(name)),
                        histogram,
                        share,
                        stroke,
                    )
                })
                .collect()
        }
        several => {
            let all = several.iter().enumerate();
            all.filter_map(|(index, (label, finished))| {
                let (_, all) = finished.volume_fractions.first()?;
                Some((Some(label.clone()), all, 1.0, Stroke::nth(index)))
            })
            .collect()
        }
    };
    // Bins of one width, so that heights can be compared.
    let widths = curves.iter().map(|curve| curve.1.width_to_show());
    let width = widths.fold(f64::INFINITY, f64::min);
    let layers = curves.into_iter().map(|(label, histogram, share, stroke)| {
        let (edges, heights) = histogram.outline(width, share);
        Layer::Histogram {
            edges,
            heights,
            stroke,
            label,
        }
    });
    let axis = |label: &str| Axis {
        label: label.to_string(),
        ..Axis::default()
    };
    Figure {
        axes: Axes {
            x: axis("*φ*_{*i*}"),
            y: axis("probability density"),
            layers: layers.collect(),
            ..Axes::default()
        },
        inset: None,
    }
}

/// The commonest indices with their fractions of all cells: those of the first input, and of the others the same.
pub fn indices(inputs: &[(String, &Finished)]) -> Figure {
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
