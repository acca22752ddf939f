//! ⟨Δr²⟩(t) = 1/N Σ_i |r_i(t) − r_i(t₀)|² from a reference frame t₀, and how log₁₀ Δr_i is distributed: Figs. 3, 5 and S3 of Leoni,
//! Russo, Sciortino and Yanagishima.

use std::sync::Arc;

use nalgebra::Vector3;

use super::Arguments;
use crate::analysis::columns::{
    FRAME, ID, PARTICLES, REFERENCE_DIAMETER, REFERENCE_SPECIES, SPECIES_OR_ALL, STEP, TEMPERATURE,
    TIME,
};
use crate::analysis::followed::Followed;
use crate::analysis::{
    ALL, Abscissa, Analysis, Curve, Moment, Wanted, counted, curve_color, curve_labels,
    curves_shown,
};
use crate::data::figure::{Axes, Axis, Color, Figure, Layer, Scale, Stroke};
use crate::data::frame::{Column, Frame, Species};
use crate::data::table::{Cells, ColumnSpec, RowSink, TableSpec};
use crate::error::{Error, Result};

/// Displacements from a reference frame.
pub struct FromReference {
    arguments: Arguments,
    wanted: Wanted,
}

impl FromReference {
    /// The analysis with these arguments.
    pub fn new(arguments: Arguments, wanted: Wanted) -> Self {
        FromReference { arguments, wanted }
    }
}

const TABLES: [TableSpec; 3] = [
    TableSpec {
        name: "frames",
        meaning: "one row a frame and species",
        columns: &[
            FRAME,
            STEP,
            TIME,
            TEMPERATURE,
            SPECIES_OR_ALL,
            PARTICLES,
            ColumnSpec::real(
                "msd",
                "length^2",
                "mean squared displacement from the reference frame",
            ),
        ],
    },
    TableSpec {
        name: "displacements",
        meaning: "one row a particle and frame",
        columns: &[
            FRAME,
            STEP,
            TIME,
            TEMPERATURE,
            ID,
            REFERENCE_SPECIES,
            REFERENCE_DIAMETER,
            ColumnSpec::real(
                "displacement_x",
                "length",
                "displacement along x from the reference frame",
            ),
            ColumnSpec::real(
                "displacement_y",
                "length",
                "displacement along y from the reference frame",
            ),
            ColumnSpec::real(
                "displacement_z",
                "length",
                "displacement along z from the reference frame",
            ),
            ColumnSpec::real("displacement", "length", "length of the displacement"),
        ],
    },
    TableSpec {
        name: "histogram",
        meaning: "one row a frame, species and bin of log10 of the displacement",
        columns: &[
            FRAME,
            STEP,
            TIME,
            TEMPERATURE,
            SPECIES_OR_ALL,
            ColumnSpec::real(
                "log10_displacement_low",
                "1",
                "lower edge of the bin of log10(displacement / length unit)",
            ),
            ColumnSpec::real("log10_displacement_high", "1", "upper edge of the bin"),
            ColumnSpec::integer("count", "particles in the bin"),
            ColumnSpec::real(
                "density",
                "1",
                "count / (particles of the species x width of the bin)",
            ),
        ],
    },
];

/// Bins of log₁₀ Δr between 10⁻¹⁵ and 10⁶ length units, wide enough for metres; what lies outside, such as particles that have not moved
/// at all, is in none.
#[derive(Clone, Copy, Debug)]
struct Bins {
    width: f64,
}

impl Bins {
    const LOW: f64 = -15.0;
    const HIGH: f64 = 6.0;

    fn count(self) -> usize {
        ((Self::HIGH - Self::LOW) / self.width).ceil() as usize
    }

    fn of(self, displacement: f64) -> Option<usize> {
        let bin = ((displacement.log10() - Self::LOW) / self.width).floor();
        (bin >= 0.0 && bin < self.count() as f64).then_some(bin as usize)
    }

    fn edge(self, bin: usize) -> f64 {
        // Rounded, so that edges read 0.1 and not 0.10000000000000053.
        ((Self::LOW + bin as f64 * self.width) * 1e9).round() / 1e9
    }
}

/// The reference frame.
pub struct Reference {
    followed: Followed,
    positions: Vec<Vector3<f64>>,
    species: Species,
    diameters: Option<Arc<Vec<f64>>>,
    abscissa: Abscissa,
}

/// What one frame says.
pub struct Displaced {
    moment: Moment,
    /// Σ|Δr|² / N of all, then of each species.
    msd: Vec<f64>,
    /// Counts by bin of all, then of each species; no bins where nobody wants distributions.
    counts: Vec<Vec<u32>>,
    displacements: Vec<Vector3<f64>>,
}

/// The curves so far.
pub struct State {
    curves: Vec<Curve>,
    last: Option<(f64, f64)>,
    reached: [Option<f64>; 3],
    density: Density,
    at: Vec<Chosen>,
    frames: usize,
    last_msd: f64,
}

/// A histogram nearest to a value that was asked for.
#[derive(Clone)]
struct Chosen {
    asked: f64,
    found: f64,
    counts: Vec<u32>,
}

/// Histograms along the abscissa; neighbours are merged so that memory does not grow.
#[derive(Clone, Default)]
struct Density {
    columns: Vec<DensityColumn>,
    merged: usize,
    open: Option<(DensityColumn, usize)>,
}

#[derive(Clone)]
struct DensityColumn {
    low: f64,
    high: f64,
    counts: Vec<u32>,
}

impl DensityColumn {
    /// Adds the counts of a neighbour.
    fn take_in(&mut self, other: &DensityColumn) {
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
        self.counts
            .iter_mut()
            .zip(&other.counts)
            .for_each(|(sum, count)| *sum += count);
    }
}

impl Density {
    const MOST: usize = 512;

    fn push(&mut self, at: f64, counts: &[u32]) {
        // Nothing has moved in the reference frame itself.
        if !at.is_finite() || counts.iter().all(|&count| count == 0) {
            return;
        }
        self.merged = self.merged.max(1);
        let (open, frames) = self.open.get_or_insert_with(|| {
            (
                DensityColumn {
                    low: at,
                    high: at,
                    counts: vec![0; counts.len()],
                },
                0,
            )
        });
        open.low = open.low.min(at);
        open.high = open.high.max(at);
        open.counts
            .iter_mut()
            .zip(counts)
            .for_each(|(sum, count)| *sum += count);
        *frames += 1;
        if *frames == self.merged {
            self.columns
                .extend(self.open.take().map(|(column, _)| column));
        }
        if self.columns.len() > Self::MOST {
            let pairs = self.columns.chunks(2).map(|pair| {
                let mut column = pair[0].clone();
                pair[1..].iter().for_each(|other| column.take_in(other));
                column
            });
            self.columns = pairs.collect();
            self.merged *= 2;
        }
    }
}

/// What the frames said together.
pub struct Finished {
    /// Label and curve of all, then of each species.
    curves: Vec<(String, Curve)>,
    abscissa: Abscissa,
    reached: Option<f64>,
    histograms: Vec<Chosen>,
    density: Density,
    frames: usize,
    particles: usize,
    last_msd: f64,
    centre: &'static str,
}

impl Analysis for FromReference {
    type Context = Reference;
    type Partial = Displaced;
    type State = State;
    type Finished = Finished;

    fn tables(&self) -> &'static [TableSpec] {
        &TABLES
    }

    fn figures(&self) -> &'static [&'static str] {
        &["msd", "histogram", "density"]
    }

    fn follows_particles(&self) -> bool {
        true
    }

    fn reference(&self) -> Option<usize> {
        self.arguments.reference
    }

    fn prepare(&self, first: &Frame) -> Result<Reference> {
        let followed = Followed::of(first, self.arguments.drift)?;
        Ok(Reference {
            positions: followed.positions(first)?,
            species: first.species.clone(),
            diameters: first.diameters.clone().map(Arc::new),
            abscissa: self.abscissa(first)?,
            followed,
        })
    }

    fn frame(&self, reference: &Reference, frame: &Frame) -> Result<Displaced> {
        let positions = reference.followed.positions(frame)?;
        let displacements: Vec<Vector3<f64>> = positions
            .iter()
            .zip(&reference.positions)
            .map(|(now, then)| now - then)
            .collect();
        let bins = Bins {
            width: self.arguments.bin_width,
        };
        let groups = reference.species.names.len() + 1;
        let mut squares = vec![0.0; groups];
        // Logarithms cost more than all the rest.
        let figures = ["histogram", "density"];
        let distributions = self.wanted.table("histogram")
            || figures.iter().any(|figure| self.wanted.figure(figure));
        let kept = if distributions { bins.count() } else { 0 };
        let mut counts = vec![vec![0u32; kept]; groups];
        for (displacement, &species) in displacements.iter().zip(&reference.species.of) {
            let square = displacement.norm_squared();
            let bin = match distributions {
                true => bins.of(square.sqrt()),
                false => None,
            };
            for group in [0, species as usize + 1] {
                squares[group] += square;
                if let Some(bin) = bin {
                    counts[group][bin] += 1;
                }
            }
        }
        let particles = particles(&reference.species);
        let msd: Vec<f64> = squares
            .iter()
            .zip(&particles)
            .map(|(sum, count)| sum / *count as f64)
            .collect();
        if let Some(wrong) = msd.iter().find(|msd| !msd.is_finite()) {
            return Err(
                Error::new(format!("the mean squared displacement is {wrong}"))
                    .help("the positions are too large for it")
                    .in_frame(frame.ordinal),
            );
        }
        let displacements = if self.wanted.annotation() || self.wanted.table("displacements") {
            displacements
        } else {
            Vec::new()
        };
        Ok(Displaced {
            moment: Moment::of(frame),
            msd,
            counts,
            displacements,
        })
    }

    fn start(&self, reference: &Reference) -> State {
        State {
            curves: vec![Curve::default(); reference.species.names.len() + 1],
            last: None,
            reached: [None; 3],
            density: Density::default(),
            at: self
                .arguments
                .at
                .iter()
                .map(|&asked| Chosen {
                    asked,
                    found: f64::INFINITY,
                    counts: Vec::new(),
                })
                .collect(),
            frames: 0,
            last_msd: 0.0,
        }
    }

    fn reduce(
        &self,
        reference: &Reference,
        state: &mut State,
        frame: Displaced,
        out: &mut dyn RowSink,
    ) -> Result<()> {
        let at = frame.moment.along(reference.abscissa)?;
        let all = frame.msd[0];
        for (curve, msd) in state.curves.iter_mut().zip(&frame.msd) {
            curve.push((at, *msd));
        }
        for (reached, times) in state.reached.iter_mut().zip([0.1, 1.0, 10.0]) {
            if reached.is_none() {
                *reached = crossing(state.last, (at, all), times * self.arguments.threshold);
            }
        }
        for chosen in &mut state.at {
            if (at - chosen.asked).abs() < (chosen.found - chosen.asked).abs() {
                (chosen.found, chosen.counts) = (at, frame.counts[0].clone());
            }
        }
        state.density.push(at, &frame.counts[0]);
        state.last = Some((at, all));
        state.last_msd = all;
        state.frames += 1;
        self.rows(reference, frame, out)
    }

    fn finish(
        &self,
        reference: &Reference,
        state: State,
        _out: &mut dyn RowSink,
    ) -> Result<Finished> {
        let State {
            curves,
            reached,
            mut density,
            at,
            frames,
            last_msd,
            ..
        } = state;
        density
            .columns
            .extend(density.open.take().map(|(column, _)| column));
        let nearest = |asked: f64| {
            let middle = |column: &DensityColumn| 0.5 * (column.low + column.high);
            let distance = |column: &&DensityColumn| (middle(column) - asked).abs();
            let column = density
                .columns
                .iter()
                .min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
            Some(Chosen {
                asked,
                found: middle(column),
                counts: column.counts.clone(),
            })
        };
        let histograms = if at.is_empty() {
            let end = density.columns.last().map(|column| column.high);
            let mut shown: Vec<f64> = reached.into_iter().flatten().collect();
            // A run that does not get that far shows its end.
            shown.extend(if shown.len() < 3 { end } else { None });
            shown.dedup();
            shown.into_iter().filter_map(nearest).collect()
        } else {
            at.into_iter()
                .filter(|chosen| chosen.found.is_finite())
                .collect()
        };
        let labels = curve_labels(&reference.species).into_iter();
        Ok(Finished {
            curves: labels.zip(curves).collect(),
            abscissa: reference.abscissa,
            reached: reached[1],
            histograms,
            density,
            frames,
            particles: reference.species.of.len(),
            last_msd,
            centre: reference.followed.told(),
        })
    }

    fn abscissa_of(&self, reference: &Reference) -> Option<Abscissa> {
        Some(reference.abscissa)
    }

    fn draws_several(&self, figure: &str) -> bool {
        figure != "density"
    }

    fn averages(&self, figure: &str) -> bool {
        // Histograms at temperatures that differ from replica to replica have no mean.
        figure != "histogram" || !self.arguments.at.is_empty()
    }

    fn annotates(&self) -> bool {
        true
    }

    fn annotation(&self, partial: &Displaced) -> Vec<Column> {
        let vectors = partial
            .displacements
            .iter()
            .flat_map(|displacement| displacement.iter().copied())
            .collect();
        let lengths = partial.displacements.iter().map(Vector3::norm).collect();
        vec![
            Column::real("displacement", 3, vectors),
            Column::real("disp_mag", 1, lengths),
        ]
    }

    fn summary(&self, finished: &Finished) -> String {
        let threshold = self.arguments.threshold;
        let reached = match finished.reached {
            Some(at) => format!(
                "⟨Δr²⟩ reaches {threshold} at {}",
                finished.abscissa.value(at)
            ),
            None => format!(
                "⟨Δr²⟩ stays below {threshold} (last {:.4})",
                finished.last_msd
            ),
        };
        format!(
            "{}, N = {}: {reached}; {}",
            counted(finished.frames, "frame"),
            finished.particles,
            finished.centre
        )
    }

    fn figure(&self, name: &str, inputs: &[(String, &Finished)]) -> Figure {
        match name {
            "histogram" => self.histogram_figure(inputs),
            "density" => {
                let bins = Bins {
                    width: self.arguments.bin_width,
                };
                Figure {
                    axes: inputs
                        .first()
                        .map(|(_, finished)| density_axes(finished, bins))
                        .unwrap_or_default(),
                    inset: None,
                }
            }
            _ => self.msd_figure(inputs),
        }
    }
}

fn particles(species: &Species) -> Vec<usize> {
    std::iter::once(species.of.len())
        .chain(species.counts())
        .collect()
}

/// Where the straight line between two frames first reaches `level` from below.
fn crossing(last: Option<(f64, f64)>, (at, now): (f64, f64), level: f64) -> Option<f64> {
    if now < level {
        return None;
    }
    Some(match last {
        Some((before, then)) if now > then => {
            before + (at - before) * (level - then) / (now - then)
        }
        _ => at,
    })
}

impl FromReference {
    /// What the figures are drawn against: what was asked for, else the most telling that the frame has.
    fn abscissa(&self, first: &Frame) -> Result<Abscissa> {
        let moment = Moment::of(first);
        let asked = self.arguments.against.unwrap_or(Abscissa::of(&moment));
        moment.along(asked)?;
        Ok(asked)
    }

    fn rows(&self, reference: &Reference, frame: Displaced, out: &mut dyn RowSink) -> Result<()> {
        let names: Vec<Arc<str>> = std::iter::once(ALL.into())
            .chain(reference.species.names.iter().cloned())
            .collect();
        let particles = particles(&reference.species);
        if out.wants("frames") {
            let mut rows = frame.moment.cells(names.len());
            rows.push(names.clone().into());
            rows.push(
                particles
                    .iter()
                    .map(|&count| count as i64)
                    .collect::<Vec<_>>()
                    .into(),
            );
            rows.push(frame.msd.clone().into());
            out.rows("frames", rows)?;
        }
        if out.wants("displacements") {
            let count = frame.displacements.len();
            let mut rows = frame.moment.cells(count);
            rows.push(reference.followed.ids.clone().into());
            rows.push(
                (0..count)
                    .map(|row| reference.species.name(row).clone())
                    .collect::<Vec<_>>()
                    .into(),
            );
            rows.push(match &reference.diameters {
                Some(diameters) => diameters.to_vec().into(),
                None => Cells::repeat(None::<f64>, count),
            });
            for axis in 0..3 {
                rows.push(
                    frame
                        .displacements
                        .iter()
                        .map(|displacement| displacement[axis])
                        .collect::<Vec<_>>()
                        .into(),
                );
            }
            rows.push(
                frame
                    .displacements
                    .iter()
                    .map(Vector3::norm)
                    .collect::<Vec<_>>()
                    .into(),
            );
            out.rows("displacements", rows)?;
        }
        if out.wants("histogram") {
            let bins = Bins {
                width: self.arguments.bin_width,
            };
            for ((name, counts), particles) in names.iter().zip(&frame.counts).zip(&particles) {
                // From the first bin in use to the last.
                let used = |count: &u32| *count > 0;
                let Some(first) = counts.iter().position(used) else {
                    continue;
                };
                let last = counts.iter().rposition(used).unwrap_or(first);
                let counts = &counts[first..=last];
                let mut rows = frame.moment.cells(counts.len());
                rows.push(Cells::repeat(name.clone(), counts.len()));
                let edges = |side: usize| (first..=last).map(move |bin| bins.edge(bin + side));
                rows.push(edges(0).collect::<Vec<_>>().into());
                rows.push(edges(1).collect::<Vec<_>>().into());
                rows.push(
                    counts
                        .iter()
                        .map(|&count| i64::from(count))
                        .collect::<Vec<_>>()
                        .into(),
                );
                let density = |&count: &u32| f64::from(count) / (*particles as f64 * bins.width);
                rows.push(counts.iter().map(density).collect::<Vec<_>>().into());
                out.rows("histogram", rows)?;
            }
        }
        Ok(())
    }

    fn msd_figure(&self, inputs: &[(String, &Finished)]) -> Figure {
        let mut layers = vec![Layer::HorizontalLine {
            y: self.arguments.threshold,
            stroke: Stroke::dashed(Color::Grey),
            label: None,
        }];
        match inputs {
            [(_, only)] => {
                let shown = curves_shown(only.curves.len());
                for (index, (label, curve)) in only.curves.iter().take(shown).enumerate() {
                    let color = curve_color(index);
                    let label = (shown > 1).then(|| label.clone());
                    layers.push(Layer::Line {
                        points: curve.points.clone(),
                        stroke: Stroke::solid(color),
                        label,
                    });
                }
            }
            several => {
                for (index, (label, finished)) in several.iter().enumerate() {
                    let points = finished.curves[0].1.points.clone();
                    layers.push(Layer::Line {
                        points,
                        stroke: Stroke::nth(index),
                        label: Some(label.clone()),
                    });
                }
            }
        }
        let x = Axis {
            label: abscissa(inputs).label().to_string(),
            ..Axis::default()
        };
        let y = Axis {
            label: "⟨Δ*r*^{2}⟩".to_string(),
            scale: Scale::Log,
            ..Axis::default()
        };
        Figure {
            axes: Axes {
                x,
                y,
                layers,
                ..Axes::default()
            },
            inset: None,
        }
    }

    fn histogram_figure(&self, inputs: &[(String, &Finished)]) -> Figure {
        let bins = Bins {
            width: self.arguments.bin_width,
        };
        let shown: Vec<(&str, &Finished, &Chosen)> = inputs
            .iter()
            .flat_map(|(label, finished)| {
                finished
                    .histograms
                    .iter()
                    .map(move |chosen| (label.as_str(), *finished, chosen))
            })
            .collect();
        let filled = |chosen: &Chosen| chosen.counts.iter().any(|&count| count > 0);
        let used: Vec<usize> = shown
            .iter()
            .filter(|(.., chosen)| filled(chosen))
            .flat_map(|(.., chosen)| {
                chosen
                    .counts
                    .iter()
                    .enumerate()
                    .filter(|(_, count)| **count > 0)
                    .map(|(bin, _)| bin)
            })
            .collect();
        let (first, last) = (
            used.iter().min().copied().unwrap_or(0),
            used.iter().max().copied().unwrap_or(bins.count() - 1),
        );
        let layers = shown
            .iter()
            .filter(|(.., chosen)| filled(chosen))
            .enumerate()
            .map(|(index, (label, finished, chosen))| {
                let total: u32 = chosen.counts.iter().sum();
                let heights = chosen.counts[first..=last]
                    .iter()
                    .map(|&count| f64::from(count) / (f64::from(total) * bins.width))
                    .collect();
                let color = curve_color(index);
                let value = match finished.abscissa {
                    Abscissa::Temperature => format!("*T* = {:.3}", chosen.found),
                    other => other.value(chosen.found),
                };
                let label = if inputs.len() > 1 {
                    format!("{label}, {value}")
                } else {
                    value
                };
                Layer::Histogram {
                    edges: (first..=last + 1).map(|bin| bins.edge(bin)).collect(),
                    heights,
                    stroke: Stroke::solid(color),
                    label: Some(label),
                }
            });
        let x = Axis {
            label: "log_{10} Δ*r*".to_string(),
            ..Axis::default()
        };
        let y = Axis {
            label: "*P*(log_{10} Δ*r*)".to_string(),
            ..Axis::default()
        };
        // The inset shows one input; with several it would not be clear which.
        let inset = match inputs {
            [(_, only)] => Some(density_axes(only, bins)),
            _ => None,
        };
        Figure {
            axes: Axes {
                x,
                y,
                layers: layers.collect(),
                ..Axes::default()
            },
            inset,
        }
    }
}

/// The density of log₁₀ Δr along the abscissa, each column normalised to its own frames.
fn density_axes(finished: &Finished, bins: Bins) -> Axes {
    let mut sorted: Vec<&DensityColumn> = finished.density.columns.iter().collect();
    sorted.sort_by(|a, b| (a.low + a.high).total_cmp(&(b.low + b.high)));
    // Frames at the same place, as in a run at one temperature, are one column.
    let span = sorted
        .first()
        .zip(sorted.last())
        .map_or(0.0, |(first, last)| last.high - first.low);
    let mut columns: Vec<DensityColumn> = Vec::new();
    for column in sorted {
        match columns.last_mut() {
            Some(last) if (column.low + column.high) - (last.low + last.high) <= 1e-9 * span => {
                last.take_in(column);
            }
            _ => columns.push(column.clone()),
        }
    }
    let used = |bin: usize| columns.iter().any(|column| column.counts[bin] > 0);
    let first = (0..bins.count()).find(|&bin| used(bin)).unwrap_or(0);
    let last = (0..bins.count())
        .rev()
        .find(|&bin| used(bin))
        .unwrap_or(bins.count() - 1);
    let middles: Vec<f64> = columns
        .iter()
        .map(|column| 0.5 * (column.low + column.high))
        .collect();
    let values = columns.iter().flat_map(|column| {
        let total: u32 = column.counts.iter().sum();
        column.counts[first..=last]
            .iter()
            .map(move |&count| f64::from(count) / (f64::from(total.max(1)) * bins.width))
    });
    let layer = Layer::Density {
        x_edges: edges_between(&middles),
        y_edges: (first..=last + 1).map(|bin| bins.edge(bin)).collect(),
        values: values.collect(),
        scale: Scale::Log,
        label: "*P*(log_{10} Δ*r*)".to_string(),
    };
    let x = Axis {
        label: finished.abscissa.label().to_string(),
        ..Axis::default()
    };
    let y = Axis {
        label: "log_{10} Δ*r*".to_string(),
        ..Axis::default()
    };
    Axes {
        x,
        y,
        layers: if columns.is_empty() {
            Vec::new()
        } else {
            vec![layer]
        },
        ..Axes::default()
    }
}

/// Edges half-way between increasing positions.
fn edges_between(middles: &[f64]) -> Vec<f64> {
    match middles {
        [] => Vec::new(),
        [only] => vec![only - 0.5, only + 0.5],
        [first, second, ..] => {
            let inner = middles.windows(2).map(|pair| 0.5 * (pair[0] + pair[1]));
            let [.., before, last] = middles else {
                unreachable!("two or more")
            };
            let ends = (first - 0.5 * (second - first), last + 0.5 * (last - before));
            std::iter::once(ends.0)
                .chain(inner)
                .chain([ends.1])
                .collect()
        }
    }
}

/// The abscissa that all inputs have.
fn abscissa(inputs: &[(String, &Finished)]) -> Abscissa {
    inputs
        .iter()
        .map(|(_, finished)| finished.abscissa)
        .min()
        .unwrap_or(Abscissa::Frame)
}
