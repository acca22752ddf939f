//! How many particles of each species have which structure, frame by frame.

use std::sync::Arc;

use super::Arguments;
use super::cells::{Cells, Cluster, Shape, Topology};
use super::tables::TABLES;
use crate::analysis::{
    ALL, Abscissa, Analysis, Moment, Wanted, counted, curve_color, curve_labels, curves_shown,
};
use crate::data::figure::{Axes, Axis, Figure, Layer, Stroke};
use crate::data::frame::{Column, Frame, Species, Values};
use crate::data::table::{self, RowSink, Rows, TableSpec};
use crate::error::{Error, Result};
use crate::physics::potential::Potential;
use crate::physics::topology::{Filter, NONE};

/// The analysis of `icosa`.
pub struct Icosahedra {
    arguments: Arguments,
    filter: Filter,
    potential: Option<Potential>,
    wanted: Wanted,
}

impl Icosahedra {
    /// The analysis that counts the structures of `filter`, at the minima of `potential` if there is one.
    pub fn new(
        arguments: Arguments,
        filter: Filter,
        potential: Option<Potential>,
        wanted: Wanted,
    ) -> Self {
        Icosahedra {
            arguments,
            filter,
            potential,
            wanted,
        }
    }
}

/// What is taken from the first frame.
pub struct First {
    species: Species,
    /// The species around which structures are counted; `None` for all.
    central: Option<Arc<str>>,
    abscissa: Abscissa,
}

/// What one frame says.
pub struct Counted {
    moment: Moment,
    /// Names of all, then of each species of this frame.
    groups: Vec<Arc<str>>,
    /// Number of particles of each group.
    particles: Vec<usize>,
    /// Number of particles of each group with each structure.
    counts: Vec<Vec<usize>>,
    /// Size of the largest cluster of each structure.
    largest: Vec<usize>,
    clusters: Vec<Cluster>,
    /// The commonest, the first of them first.
    topologies: Vec<Topology>,
    each: Option<Each>,
}

/// What it says of each particle.
struct Each {
    ids: Vec<i64>,
    species: Vec<Arc<str>>,
    diameters: Option<Vec<f64>>,
    structures: Vec<Option<usize>>,
    is_icosahedron: Vec<bool>,
    cluster_of: Vec<Option<usize>>,
    shapes: Vec<Option<Shape>>,
}

/// A curve of means over frames: those at the same place are one point, and when there are too many points, neighbours become one.
#[derive(Clone, Default)]
struct Means {
    points: Vec<Mean>,
    /// Frames that a point takes before the next is begun.
    frames: usize,
}

#[derive(Clone, Copy)]
struct Mean {
    /// Where the frames of this point are, and the sums over them of that and of the value.
    first: f64,
    last: f64,
    sums: [f64; 2],
    frames: usize,
}

impl Means {
    const MOST: usize = 256;

    fn push(&mut self, at: f64, value: f64) {
        let frame = Mean {
            first: at,
            last: at,
            sums: [at, value],
            frames: 1,
        };
        match self.points.last_mut() {
            Some(point) if point.frames < self.frames || point.is_at(at) => point.take_in(&frame),
            _ => self.points.push(frame),
        }
        if self.points.len() > Self::MOST {
            self.frames = 2 * self.frames.max(1);
            let pairs = self.points.chunks(2).map(|pair| {
                let mut point = pair[0];
                pair[1..].iter().for_each(|other| point.take_in(other));
                point
            });
            self.points = pairs.collect();
        }
    }

    fn layer(&self, stroke: Stroke, label: Option<String>) -> Layer {
        let mean = |point: &Mean| {
            let [at, value] = point.sums;
            (at / point.frames as f64, value / point.frames as f64)
        };
        let points: Vec<(f64, f64)> = self.points.iter().map(mean).collect();
        // Where a fluctuating temperature goes to and fro, a line would hide what the points say.
        let goes_on =
            points.is_sorted_by(|a, b| a.0 < b.0) || points.is_sorted_by(|a, b| a.0 > b.0);
        match goes_on && points.len() > 1 {
            false => Layer::Markers {
                points,
                color: stroke.color,
                label,
            },
            true => Layer::Line {
                points,
                stroke,
                label,
            },
        }
    }
}

impl Mean {
    fn is_at(&self, at: f64) -> bool {
        self.first == at && self.last == at
    }

    fn take_in(&mut self, other: &Mean) {
        self.last = other.last;
        self.sums[0] += other.sums[0];
        self.sums[1] += other.sums[1];
        self.frames += other.frames;
    }
}

/// The curves so far.
pub struct State {
    /// For each structure the fraction of particles of the central species that have it.
    by_structure: Vec<Means>,
    /// The fraction with the first structure, of all particles, then of each species.
    by_species: Vec<Means>,
    frames: usize,
    last: Option<(Vec<usize>, usize, usize)>,
}

/// What the frames said together.
pub struct Finished {
    by_structure: Vec<Means>,
    /// Label and curve of all, then of each species.
    by_species: Vec<(String, Means)>,
    central: Option<Arc<str>>,
    abscissa: Abscissa,
    frames: usize,
    /// In the last frame: particles of the central species with each structure, of them all, and of all species.
    last: (Vec<usize>, usize, usize),
}

impl Counted {
    /// Index of the central species among the groups; `None` if this frame has no particle of it.
    fn central(&self, central: &Option<Arc<str>>) -> Option<usize> {
        match central {
            None => Some(0),
            Some(name) => (1..self.groups.len()).find(|&group| self.groups[group] == *name),
        }
    }

    /// Number of particles of a group with a structure, in relation to a number of particles.
    fn fraction(&self, group: usize, structure: usize, particles: usize) -> Option<f64> {
        let count = self.counts[group][structure];
        (particles > 0).then(|| count as f64 / particles as f64)
    }
}

impl Analysis for Icosahedra {
    type Context = First;
    type Partial = Counted;
    type State = State;
    type Finished = Finished;

    fn tables(&self) -> &'static [TableSpec] {
        &TABLES
    }

    fn figures(&self) -> &'static [&'static str] {
        &["fraction"]
    }

    fn inherent(&self) -> Option<Potential> {
        self.potential
    }

    fn prepare(&self, first: &Frame) -> Result<First> {
        let moment = Moment::of(first);
        let abscissa = self.arguments.against.unwrap_or(Abscissa::of(&moment));
        moment.along(abscissa)?;
        Ok(First {
            species: first.species.clone(),
            central: self.central(first)?,
            abscissa,
        })
    }

    fn frame(&self, _first: &First, frame: &Frame) -> Result<Counted> {
        let mut cells = Cells::of(
            frame,
            self.arguments.tessellation,
            &self.filter,
            self.wanted.table("particles") || self.wanted.table("codes"),
        )?;
        let structures = self.filter.names().len();
        let groups: Vec<Arc<str>> = std::iter::once(ALL.into())
            .chain(frame.species.names.iter().cloned())
            .collect();
        let mut counts = vec![vec![0; structures]; groups.len()];
        for (structure, &species) in cells.structures.iter().zip(&frame.species.of) {
            if let Some(structure) = *structure {
                counts[0][structure] += 1;
                counts[species as usize + 1][structure] += 1;
            }
        }
        let largest = |structure: usize| {
            let of_structure = |cluster: &&Cluster| cluster.structure == structure;
            let first = cells.clusters.iter().find(of_structure);
            first.map_or(0, |cluster| cluster.size)
        };
        let largest = (0..structures).map(largest).collect();
        let each = (self.wanted.annotation() || self.wanted.table("particles")).then(|| Each {
            ids: frame.ids.clone(),
            species: (0..frame.len())
                .map(|row| frame.species.name(row).clone())
                .collect(),
            diameters: frame.diameters.clone(),
            structures: std::mem::take(&mut cells.structures),
            is_icosahedron: std::mem::take(&mut cells.is_icosahedron),
            cluster_of: std::mem::take(&mut cells.cluster_of),
            shapes: std::mem::take(&mut cells.shapes),
        });
        Ok(Counted {
            moment: Moment::of(frame),
            particles: std::iter::once(frame.len())
                .chain(frame.species.counts())
                .collect(),
            groups,
            counts,
            largest,
            clusters: cells.clusters,
            topologies: cells.topologies,
            each,
        })
    }

    fn start(&self, first: &First) -> State {
        State {
            by_structure: vec![Means::default(); self.filter.names().len()],
            by_species: vec![Means::default(); first.species.names.len() + 1],
            frames: 0,
            last: None,
        }
    }

    fn reduce(
        &self,
        first: &First,
        state: &mut State,
        frame: Counted,
        out: &mut dyn RowSink,
    ) -> Result<()> {
        let at = frame.moment.along(first.abscissa)?;
        // A frame without particles of a species says nothing of it.
        let push = |curve: &mut Means, group: Option<usize>, structure: usize| {
            let fraction =
                group.and_then(|group| frame.fraction(group, structure, frame.particles[group]));
            if let Some(fraction) = fraction {
                curve.push(at, fraction);
            }
        };
        let central = frame.central(&first.central);
        for (structure, curve) in state.by_structure.iter_mut().enumerate() {
            push(curve, central, structure);
        }
        let names = std::iter::once(None).chain(first.species.names.iter().cloned().map(Some));
        for (name, curve) in names.zip(&mut state.by_species) {
            push(curve, frame.central(&name), 0);
        }
        state.frames += 1;
        state.last = Some(match central {
            Some(group) => (
                frame.counts[group].clone(),
                frame.particles[group],
                frame.particles[0],
            ),
            None => (vec![0; state.by_structure.len()], 0, frame.particles[0]),
        });
        self.rows(central, frame, out)
    }

    fn finish(&self, first: &First, state: State, _out: &mut dyn RowSink) -> Result<Finished> {
        let labels = curve_labels(&first.species).into_iter();
        Ok(Finished {
            by_structure: state.by_structure,
            by_species: labels.zip(state.by_species).collect(),
            central: first.central.clone(),
            abscissa: first.abscissa,
            frames: state.frames,
            last: state.last.unwrap_or_default(),
        })
    }

    fn abscissa_of(&self, first: &First) -> Option<Abscissa> {
        Some(first.abscissa)
    }

    fn annotates(&self) -> bool {
        true
    }

    fn annotation(&self, partial: &Counted) -> Vec<Column> {
        let Some(each) = &partial.each else {
            return Vec::new();
        };
        // Words of extended XYZ have no white space.
        let word = |name: &Arc<str>| -> Arc<str> {
            name.split_whitespace().collect::<Vec<_>>().join("_").into()
        };
        let words: Vec<Arc<str>> = self.filter.names().iter().map(word).collect();
        let none: Arc<str> = NONE.into();
        let word = |structure: &Option<usize>| structure.map_or(&none, |of| &words[of]).clone();
        let number = |cluster: &Option<usize>| cluster.map_or(0, |cluster| cluster as i64 + 1);
        let column = |name: &str, values| Column {
            name: name.to_string(),
            width: 1,
            values,
        };
        let structures = each.structures.iter().map(word).collect();
        let clusters = each.cluster_of.iter().map(number).collect();
        vec![
            column(
                "is_icosahedron",
                Values::Boolean(each.is_icosahedron.clone()),
            ),
            column("structure", Values::Text(structures)),
            column("cluster", Values::Integer(clusters)),
        ]
    }

    fn summary(&self, finished: &Finished) -> String {
        let (counts, central, particles) = &finished.last;
        let around = match &finished.central {
            Some(name) => format!("{central} particles of species {name}"),
            None => format!("{central} particles"),
        };
        let each = self.filter.names().iter().zip(counts).map(|(name, count)| {
            let fraction = *count as f64 / (*central).max(1) as f64;
            format!("{name} around {count} ({fraction:.4})")
        });
        let place = if finished.frames > 1 {
            " in the last frame"
        } else {
            ""
        };
        format!(
            "{}, N = {particles}: of {around}{place}, {}",
            counted(finished.frames, "frame"),
            each.collect::<Vec<_>>().join(", ")
        )
    }

    fn figure(&self, _name: &str, inputs: &[(String, &Finished)]) -> Figure {
        let names = self.filter.names();
        let mut layers = Vec::new();
        match inputs {
            [(_, only)] if names.len() == 1 => {
                let shown = curves_shown(only.by_species.len());
                for (index, (label, curve)) in only.by_species.iter().take(shown).enumerate() {
                    let label = (shown > 1).then(|| label.clone());
                    layers.push(curve.layer(Stroke::solid(curve_color(index)), label));
                }
            }
            _ => {
                for (input, (label, finished)) in inputs.iter().enumerate() {
                    for (structure, curve) in finished.by_structure.iter().enumerate() {
                        let (stroke, label) = match (inputs.len(), names.len()) {
                            (_, 1) => (Stroke::nth(input), label.clone()),
                            (1, _) => (Stroke::nth(structure), names[structure].to_string()),
                            // Colours for the inputs, dashes for the structures.
                            _ => {
                                let stroke = Stroke {
                                    color: Stroke::nth(input).color,
                                    ..Stroke::nth(structure)
                                };
                                (stroke, format!("{label}, {}", names[structure]))
                            }
                        };
                        layers.push(curve.layer(stroke, Some(label)));
                    }
                }
            }
        }
        let abscissa = inputs.iter().map(|(_, finished)| finished.abscissa).min();
        let x = Axis {
            label: abscissa.unwrap_or(Abscissa::Frame).label().to_string(),
            ..Axis::default()
        };
        let y = Axis {
            label: match names {
                [only] if **only == *"icosahedron" => "fraction of icosahedra".to_string(),
                [only] => format!("fraction of {only}"),
                _ => "fraction of particles".to_string(),
            },
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
}

impl Icosahedra {
    /// The species around which structures are counted.
    fn central(&self, first: &Frame) -> Result<Option<Arc<str>>> {
        let names = &first.species.names;
        if let Some(asked) = &self.arguments.central {
            if asked == ALL {
                return Ok(None);
            }
            let known = names.iter().find(|name| ***name == **asked).cloned();
            let Some(known) = known else {
                return Err(Error::new(format!("there is no species '{asked}'"))
                    .help(format!(
                        "--central takes all, or one of {}",
                        names.join(", ")
                    ))
                    .in_frame(first.ordinal));
            };
            return Ok(Some(known));
        }
        let Some(diameters) = first.diameters.as_ref().filter(|_| names.len() > 1) else {
            return Ok(None);
        };
        let mut sums = vec![0.0; names.len()];
        for (&species, diameter) in first.species.of.iter().zip(diameters) {
            sums[species as usize] += diameter;
        }
        let counts = first.species.counts();
        let means = sums
            .iter()
            .zip(counts)
            .map(|(sum, count)| sum / count as f64);
        let smallest = means.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        Ok(smallest.map(|(species, _)| names[species].clone()))
    }

    fn rows(&self, central: Option<usize>, frame: Counted, out: &mut dyn RowSink) -> Result<()> {
        let names = self.filter.names();
        if out.wants("frames") {
            let pairs: Vec<(usize, usize)> = (0..frame.groups.len())
                .flat_map(|group| (0..names.len()).map(move |structure| (group, structure)))
                .collect();
            let central = central.map_or(0, |group| frame.particles[group]);
            let mut rows = Batch::new(&frame.moment, pairs.len());
            rows.push(pairs.iter(), |&(group, _)| frame.groups[group].clone());
            rows.push(pairs.iter(), |&(_, structure)| names[structure].clone());
            rows.push(pairs.iter(), |&(group, _)| frame.particles[group] as i64);
            rows.push(pairs.iter(), |&(group, structure)| {
                frame.counts[group][structure] as i64
            });
            rows.push(pairs.iter(), |&(group, structure)| {
                frame.fraction(group, structure, frame.particles[group])
            });
            rows.push(pairs.iter(), |&(group, structure)| {
                frame.fraction(group, structure, central)
            });
            rows.push(pairs.iter(), |&(group, structure)| {
                (group == 0).then(|| frame.largest[structure] as i64)
            });
            out.rows("frames", rows.0)?;
        }
        if let Some(each) = frame.each.as_ref().filter(|_| out.wants("particles")) {
            let mut rows = Batch::new(&frame.moment, each.ids.len());
            rows.0.push(each.ids.clone().into());
            rows.0.push(each.species.clone().into());
            rows.0.push(match &each.diameters {
                Some(diameters) => diameters.clone().into(),
                None => table::Cells::repeat(None::<f64>, each.ids.len()),
            });
            rows.0.push(each.is_icosahedron.clone().into());
            rows.push(&each.structures, |structure| {
                structure.map(|at| names[at].clone())
            });
            rows.push(&each.cluster_of, |cluster| cluster.map(|at| at as i64 + 1));
            let topology =
                |shape: &Option<Shape>| shape.map(|shape| &frame.topologies[shape.topology]);
            rows.push(&each.shapes, |shape| {
                topology(shape).map(|of| of.text.clone())
            });
            rows.push(&each.shapes, |shape| {
                topology(shape).map(|of| of.symmetry_order as i64)
            });
            rows.push(&each.shapes, |shape| {
                shape.map(|shape| i64::from(shape.chirality))
            });
            rows.push_faces(each.shapes.iter().map(topology));
            out.rows("particles", rows.0)?;
        }
        if out.wants("codes") {
            let mut commonest: Vec<&Topology> = frame.topologies.iter().collect();
            commonest
                .sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.code.cmp(&b.code)));
            commonest.truncate(self.arguments.top);
            let mut rows = Batch::new(&frame.moment, commonest.len());
            rows.push(1..=commonest.len(), |rank| rank as i64);
            rows.push(&commonest, |of| of.text.clone());
            rows.push(&commonest, |of| of.structure.map(|at| names[at].clone()));
            rows.push(&commonest, |of| of.symmetry_order as i64);
            rows.push(&commonest, |of| of.is_chiral);
            rows.push_faces(commonest.iter().map(|of| Some(*of)));
            rows.push(&commonest, |of| of.count as i64);
            rows.push(&commonest, |of| of.count as f64 / frame.particles[0] as f64);
            out.rows("codes", rows.0)?;
        }
        if out.wants("clusters") {
            let mut rows = Batch::new(&frame.moment, frame.clusters.len());
            rows.push(1..=frame.clusters.len(), |number| number as i64);
            rows.push(&frame.clusters, |cluster| names[cluster.structure].clone());
            rows.push(&frame.clusters, |cluster| cluster.size as i64);
            out.rows("clusters", rows.0)?;
        }
        Ok(())
    }
}

/// Rows of one frame, column by column.
struct Batch(Rows);

impl Batch {
    fn new(moment: &Moment, rows: usize) -> Self {
        Batch(moment.cells(rows))
    }

    /// A column with a value for each item.
    fn push<I: IntoIterator, T>(&mut self, items: I, value: impl Fn(I::Item) -> T)
    where
        Vec<T>: Into<table::Cells>,
    {
        let values: Vec<T> = items.into_iter().map(value).collect();
        self.0.push(values.into());
    }

    /// The columns n3 to n_faces.
    fn push_faces<'a>(&mut self, topologies: impl Iterator<Item = Option<&'a Topology>> + Clone) {
        let count = |of: Option<&Topology>, range: std::ops::Range<usize>| {
            let faces = of
                .into_iter()
                .flat_map(|of| of.face_counts.iter().enumerate());
            let counted = faces.filter(|(at, _)| range.contains(at));
            counted.map(|(_, &count)| i64::from(count)).sum::<i64>()
        };
        for range in [0..1, 1..2, 2..3, 3..4, 4..usize::MAX, 0..usize::MAX] {
            self.push(topologies.clone(), |of| count(of, range.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(means: &Means) -> Vec<(f64, f64)> {
        match means.layer(Stroke::nth(0), None) {
            Layer::Line { points, .. } | Layer::Markers { points, .. } => points,
            _ => Vec::new(),
        }
    }

    #[test]
    fn frames_at_one_place_are_one_point() {
        let is_line =
            |means: &Means| matches!(means.layer(Stroke::nth(0), None), Layer::Line { .. });
        let mut means = Means::default();
        let frames = [(0.1, 1.0), (0.1, 3.0), (0.2, 5.0), (0.1, 7.0)];
        // A line only of points that go one way.
        for ((at, value), goes_on) in frames.into_iter().zip([false, false, true, false]) {
            means.push(at, value);
            assert_eq!(is_line(&means), goes_on);
        }
        assert_eq!(points(&means), [(0.1, 2.0), (0.2, 5.0), (0.1, 7.0)]);
    }

    #[test]
    fn means_of_a_straight_line_stay_on_it_and_do_not_grow() {
        let mut means = Means::default();
        for step in 0..10_000 {
            means.push(f64::from(step), 2.0 * f64::from(step) + 1.0);
        }
        let points = points(&means);
        assert!(points.len() <= Means::MOST && points.len() > Means::MOST / 4);
        // Sums of whole numbers are exact.
        assert!(points.iter().all(|(at, value)| *value == 2.0 * at + 1.0));
        assert!(points.is_sorted());
        let frames: usize = means.points.iter().map(|point| point.frames).sum();
        assert_eq!(frames, 10_000);
    }
}
