//! `voronoi`: the Voronoi cells of particles: volumes, local volume fractions (Fig. S1 of Leoni, Russo, Sciortino and Yanagishima), faces,
//! indices, neighbours.
//!
//! ```
//! use hyalo::analysis::voronoi;
//! use hyalo::library::{analyse, read};
//!
//! let minimum = read("fixtures/engine/glass_fast_minimum.extxyz.gz")?;
//! let answer = analyse::<voronoi::Arguments>("--tessellation plain", minimum)?;
//! let volumes = answer.table("particles").numbers("volume");
//! let box_volume = 17.471609294726001_f64.powi(3);
//! assert!((volumes.iter().sum::<f64>() / box_volume - 1.0).abs() < 1e-10);
//! # Ok::<(), hyalo::error::Error>(())
//! ```

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use foldhash::{HashMap, HashMapExt};
use serde::Serialize;

use super::distribution::{Histogram, Spread};
use super::tessellation::{Cells as Kind, cell_of, tessellation};
use super::{ALL, Analysis, Command, Moment, Runner, Wanted, counted};
use crate::data::figure::Figure;
use crate::data::frame::{Column, Frame, Values};
use crate::data::table::{RowSink, TableSpec};
use crate::error::{Error, Result};
use crate::physics::voronoi::{Face, Thresholds, Workspace, fills, oracle};

mod figures;
mod tables;

/// Arguments of `voronoi`.
#[derive(Args, Clone, Debug, Serialize)]
#[command(after_long_help = "\
The cell of a particle holds the points that are nearer to it than to any other particle or periodic image: in the radical tessellation by \
their distance squared less the radius squared, which puts the face between two spheres into their radical plane. The local volume fraction \
is (pi/6) diameter^3 / volume of the cell. Cells may be triclinic and small; along an edge that is not periodic the simulation cell's \
faces are walls.

The Voronoi index counts the faces with 3, 4, 5, 6, … edges: 0-0-12-0 is the icosahedron <0,0,12,0>; numbers for seven edges and more \
follow only if there are such faces. Every face and edge counts unless --min-face-area or --min-edge is given.

Degenerate input, with l = (V/N)^(1/3): particles nearer than 1e-9 l are refused, and pairs nearer than 1e-6 l are counted in the column \
close_pairs and in the summary. Perfect FCC, BCC and SC crystals have cells of 12, 14 and 6 faces; their vertices with four edges are two \
vertices joined by an edge of no length, so the right index needs a small --min-edge, such as 1e-9 l. A radical cell that larger neighbours \
cover is hidden: its volume is 0 and it has no faces. In every frame the volumes add up to that of the cell to 1e-10, or the command \
fails.")]
pub struct Arguments {
    /// Faces in the radical planes of the particles' spheres, or half-way between particles
    #[arg(long, value_name = "radical|plain", default_value = "radical")]
    pub tessellation: Kind,

    /// Who finds the cells: hyalo, or the reference Voro++, which takes about five times as long
    #[arg(long, value_name = "hyalo|voro++", default_value = "hyalo")]
    pub tessellator: Tessellator,

    /// Faces of at most this area (length²) count neither as faces nor as neighbours. Default: all count
    #[arg(long, value_name = "AREA")]
    pub min_face_area: Option<f64>,

    /// Edges of at most this length (length) do not count as edges of their faces, nor faces that are left with fewer than three. Default:
    /// all count
    #[arg(long, value_name = "LENGTH")]
    pub min_edge: Option<f64>,

    /// Indices a frame and species in the table indices
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub top: usize,

    /// Width of the histogram's bins of the local volume fraction
    #[arg(long, value_name = "WIDTH", default_value_t = 0.005)]
    pub bin_width: f64,
}

/// Who finds the cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
pub enum Tessellator {
    /// The own clipper.
    #[value(name = "hyalo")]
    #[serde(rename = "hyalo")]
    Hyalo,
    /// Voro++.
    #[value(name = "voro++")]
    #[serde(rename = "voro++")]
    VoroPlusPlus,
}

impl Command for Arguments {
    const MANUAL: &'static str = include_str!("manual.txt");

    fn check(&self) -> Result<()> {
        for (flag, value) in [
            ("min-face-area", self.min_face_area),
            ("min-edge", self.min_edge),
        ] {
            if let Some(value) = value.filter(|value| !(*value >= 0.0 && value.is_finite())) {
                return Err(Error::new(format!("--{flag} {value} is not a size"))
                    .help("give zero or a positive number"));
            }
        }
        if self.top == 0 {
            return Err(Error::new("--top 0 leaves no index").help("20 is usual"));
        }
        if !(self.bin_width >= 1e-5 && self.bin_width <= 1.0) {
            let what = format!(
                "--bin-width {} is not between 0.00001 and 1",
                self.bin_width
            );
            return Err(Error::new(what).help("0.005 is usual"));
        }
        Ok(())
    }

    fn run(&self, wanted: Wanted, runner: &mut impl Runner) -> Result<()> {
        runner.run(Voronoi {
            thresholds: Thresholds {
                face_area: self.min_face_area.unwrap_or(f64::NEG_INFINITY),
                edge_length: self.min_edge.unwrap_or(f64::NEG_INFINITY),
            },
            arguments: self.clone(),
            wanted,
        })
    }
}

/// The Voronoi cells of every frame.
pub struct Voronoi {
    arguments: Arguments,
    thresholds: Thresholds,
    wanted: Wanted,
}

/// The cells of a frame, by particle.
#[derive(Default)]
struct Particles {
    volumes: Vec<f64>,
    surface_areas: Vec<f64>,
    /// Numbers of faces: all that count, those with 3, 4, 5, 6 edges, and those with more.
    faces: Vec<[i64; 6]>,
    /// Which of `texts` the index is; none of a hidden cell.
    indices: Vec<Option<usize>>,
    /// The different indices.
    texts: Vec<Arc<str>>,
    neighbours: Neighbours,
}

/// Faces as rows.
#[derive(Default)]
struct Neighbours {
    particles: Vec<usize>,
    faces: Vec<Face>,
    /// Edges that count.
    edges: Vec<u32>,
}

/// What the particles of a species say together.
struct Group {
    name: Arc<str>,
    count: usize,
    volume: Spread,
    /// Of the particles whose cells are not hidden; none without diameters.
    volume_fraction: Option<Spread>,
    surface_area: Spread,
    faces: Spread,
    hidden: usize,
    /// Indices with their numbers, the commonest first, of equal ones in the order of their texts.
    indices: Vec<(Arc<str>, usize)>,
    volume_fractions: Option<Histogram>,
}

/// What one frame says.
pub struct Said {
    moment: Moment,
    groups: Vec<Group>,
    cell_volume: f64,
    close_pairs: usize,
    rows: Option<Each>,
}

/// What the tables of particles and neighbours, and annotated trajectories, hold.
struct Each {
    ids: Vec<i64>,
    species: Vec<Arc<str>>,
    diameters: Option<Vec<f64>>,
    volume_fractions: Vec<Option<f64>>,
    particles: Particles,
}

/// What the frames have said so far.
#[derive(Default)]
pub struct State {
    frames: usize,
    particles: usize,
    hidden: usize,
    close_pairs: usize,
    indices: HashMap<Arc<str>, usize>,
    /// By the order of species, in which `all` is the first; numbers of particles.
    volume_fractions: BTreeMap<(bool, Arc<str>), Histogram>,
}

/// What they said together.
pub struct Finished {
    frames: usize,
    particles: usize,
    hidden: usize,
    close_pairs: usize,
    /// The commonest first.
    indices: Vec<(Arc<str>, usize)>,
    /// Of all, then of each species.
    volume_fractions: Vec<(Arc<str>, Histogram)>,
}

impl Voronoi {
    fn particles(&self, frame: &Frame) -> Result<(Particles, usize)> {
        let tessellation = tessellation(frame, self.arguments.tessellation)?;
        let count = frame.len();
        let mut collector = Collector {
            particles: Particles {
                volumes: vec![0.0; count],
                surface_areas: vec![0.0; count],
                faces: vec![[0; 6]; count],
                indices: vec![None; count],
                ..Particles::default()
            },
            known: HashMap::new(),
            with_neighbours: self.wanted.table("neighbours"),
        };
        let has_thresholds = self.thresholds != Thresholds::default();
        match self.arguments.tessellator {
            Tessellator::Hyalo => {
                let mut workspace = Workspace::default();
                for &particle in tessellation.order() {
                    let cell = tessellation.cell(particle as usize, &mut workspace)?;
                    let edges = has_thresholds.then(|| cell.edges_above(&self.thresholds));
                    collector.add(
                        particle as usize,
                        cell.volume(),
                        cell.surface_area(),
                        cell.faces(),
                        edges,
                    );
                }
                // In the order of the particles, as the table has them.
                collector.particles.neighbours.sort();
            }
            Tessellator::VoroPlusPlus => {
                for (particle, cell) in oracle::cells(&tessellation)?.iter().enumerate() {
                    let edges = has_thresholds.then(|| cell.edges_above(&self.thresholds));
                    collector.add(particle, cell.volume, cell.surface_area, &cell.faces, edges);
                }
            }
        }
        // Added up in the order of the particles, whatever the order of the cells.
        fills(
            tessellation.volume(),
            collector.particles.volumes.iter().sum(),
        )?;
        Ok((collector.particles, tessellation.close_pairs()))
    }

    fn group(
        &self,
        name: Arc<str>,
        rows: &[usize],
        particles: &Particles,
        volume_fractions: &[Option<f64>],
    ) -> Group {
        let of = |values: &[f64]| -> Vec<f64> { rows.iter().map(|&row| values[row]).collect() };
        let fractions: Vec<f64> = rows
            .iter()
            .filter_map(|&row| volume_fractions[row])
            .collect();
        let faces: Vec<f64> = rows
            .iter()
            .map(|&row| particles.faces[row][0] as f64)
            .collect();
        let mut counts = vec![0; particles.texts.len()];
        for index in rows.iter().filter_map(|&row| particles.indices[row]) {
            counts[index] += 1;
        }
        let indices = particles.texts.iter().cloned().zip(counts);
        Group {
            name,
            count: rows.len(),
            volume: Spread::of(&of(&particles.volumes)),
            volume_fraction: (!fractions.is_empty()).then(|| Spread::of(&fractions)),
            surface_area: Spread::of(&of(&particles.surface_areas)),
            faces: Spread::of(&faces),
            hidden: rows
                .iter()
                .filter(|&&row| particles.indices[row].is_none())
                .count(),
            indices: commonest(indices.filter(|(_, count)| *count > 0)),
            volume_fractions: (!fractions.is_empty())
                .then(|| Histogram::of(&fractions, self.arguments.bin_width)),
        }
    }
}

/// The commonest first, of equal ones in the order of their texts.
fn commonest(counts: impl Iterator<Item = (Arc<str>, usize)>) -> Vec<(Arc<str>, usize)> {
    let mut sorted: Vec<_> = counts.collect();
    sorted.sort_by(|(a, many), (b, few)| few.cmp(many).then_with(|| a.cmp(b)));
    sorted
}

/// Takes cells down.
struct Collector {
    particles: Particles,
    /// Where each index stands among the texts.
    known: HashMap<Index, usize>,
    with_neighbours: bool,
}

impl Collector {
    /// Adds a cell; `edges` are the edges of each face that count, where not all do.
    fn add(
        &mut self,
        particle: usize,
        volume: f64,
        surface_area: f64,
        faces: &[Face],
        edges: Option<Vec<Option<u32>>>,
    ) {
        let particles = &mut self.particles;
        particles.volumes[particle] = volume;
        particles.surface_areas[particle] = surface_area;
        if faces.is_empty() {
            return;
        }
        let counted = faces.iter().enumerate().filter_map(|(at, face)| {
            let edges = match &edges {
                None => face.edges,
                Some(edges) => edges[at]?,
            };
            Some((face, edges))
        });
        if self.with_neighbours {
            let neighbours = &mut particles.neighbours;
            for (face, edges) in counted.clone() {
                neighbours.particles.push(particle);
                neighbours.faces.push(*face);
                neighbours.edges.push(edges);
            }
        }
        let index = Index::of(counted.map(|(_, edges)| edges));
        particles.faces[particle] = index.faces();
        let next = particles.texts.len();
        let index = *self.known.entry(index).or_insert_with_key(|index| {
            particles.texts.push(index.text().into());
            next
        });
        particles.indices[particle] = Some(index);
    }
}

/// The Voronoi index of a cell: how many of its faces have 3, 4, 5, … edges.
#[derive(PartialEq, Eq, Hash)]
enum Index {
    /// In the bytes of a word, the lowest first: where no face has more than ten edges, as in nearly all cells.
    Short(u64),
    /// In a list, from three edges on.
    Long(Vec<u16>),
}

impl Index {
    /// Of faces with these edges.
    fn of(edges: impl Iterator<Item = u32> + Clone) -> Self {
        let (mut bytes, mut count, mut fits) = (0u64, 0, true);
        for edges in edges.clone() {
            let order = edges.wrapping_sub(3);
            bytes = bytes.wrapping_add(1 << (8 * (order % 8)));
            count += 1;
            fits &= order < 8;
        }
        if fits && count < 256 {
            return Index::Short(bytes);
        }
        let mut orders = vec![0; 8];
        for order in edges.filter_map(|edges| (edges as usize).checked_sub(3)) {
            if order >= orders.len() {
                orders.resize(order + 1, 0);
            }
            orders[order] += 1;
        }
        Index::Long(orders)
    }

    /// Numbers of faces: all, those with 3, 4, 5, 6 edges, and those with more.
    fn faces(&self) -> [i64; 6] {
        let numbers = |orders: &[i64]| {
            let more = orders[4..].iter().sum();
            let all = orders.iter().sum();
            [all, orders[0], orders[1], orders[2], orders[3], more]
        };
        match self {
            Index::Short(bytes) => numbers(&bytes.to_le_bytes().map(i64::from)),
            Index::Long(orders) => {
                let orders: Vec<i64> = orders.iter().map(|count| i64::from(*count)).collect();
                numbers(&orders)
            }
        }
    }

    /// At least the four numbers that indices always have.
    fn text(&self) -> String {
        let orders = match self {
            Index::Short(bytes) => bytes.to_le_bytes().map(u16::from).to_vec(),
            Index::Long(orders) => orders.clone(),
        };
        let last = orders.iter().rposition(|count| *count > 0);
        let shown = &orders[..last.map_or(4, |last| (last + 1).max(4))];
        let numbers: Vec<String> = shown.iter().map(u16::to_string).collect();
        numbers.join("-")
    }
}

impl Neighbours {
    /// In the order of the particles; faces of one stay in their order.
    fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.particles.len()).collect();
        order.sort_by_key(|&at| self.particles[at]);
        self.particles = order.iter().map(|&at| self.particles[at]).collect();
        self.faces = order.iter().map(|&at| self.faces[at]).collect();
        self.edges = order.iter().map(|&at| self.edges[at]).collect();
    }
}

impl Analysis for Voronoi {
    type Context = ();
    type Partial = Said;
    type State = State;
    type Finished = Finished;

    fn tables(&self) -> &'static [TableSpec] {
        &tables::TABLES
    }

    fn figures(&self) -> &'static [&'static str] {
        &["volume-fractions", "indices"]
    }

    fn prepare(&self, first: &Frame) -> Result<()> {
        let is_shown = |figure: &String| figure.is_empty() || figure == "volume-fractions";
        let shows_fractions = match &self.wanted {
            Wanted::These { figures, .. } => figures.iter().any(is_shown),
            Wanted::Everything => false,
        };
        if shows_fractions && first.diameters.is_none() {
            let what = "the frame has no diameters, and the figure shows volume fractions";
            return Err(Error::new(what)
                .help(format!(
                    "give them with --diameters {}",
                    first.species.example_diameters()
                ))
                .in_frame(first.ordinal));
        }
        Ok(())
    }

    fn frame(&self, _: &(), frame: &Frame) -> Result<Said> {
        if frame.is_empty() {
            return Err(Error::new("the frame has no particle").help("select frames or species"));
        }
        let cell_volume = cell_of(frame)?.volume();
        let (particles, close_pairs) = self.particles(frame)?;
        let volume_fractions: Vec<Option<f64>> = match &frame.diameters {
            Some(diameters) => diameters
                .iter()
                .zip(&particles.volumes)
                .map(|(diameter, &volume)| {
                    (volume > 0.0).then(|| PI / 6.0 * diameter.powi(3) / volume)
                })
                .collect(),
            None => vec![None; frame.len()],
        };
        let mut members = vec![Vec::new(); frame.species.names.len()];
        for (row, species) in frame.species.of.iter().enumerate() {
            members[*species as usize].push(row);
        }
        let everybody = (0..frame.len()).collect();
        let groups = std::iter::once((ALL.into(), everybody))
            .chain(frame.species.names.iter().cloned().zip(members))
            .map(|(name, rows)| self.group(name, &rows, &particles, &volume_fractions))
            .collect();
        let tables = ["particles", "neighbours"];
        let is_wanted =
            self.wanted.annotation() || tables.iter().any(|table| self.wanted.table(table));
        Ok(Said {
            moment: Moment::of(frame),
            groups,
            cell_volume,
            close_pairs,
            rows: is_wanted.then(|| Each {
                ids: frame.ids.clone(),
                species: (0..frame.len())
                    .map(|row| frame.species.name(row).clone())
                    .collect(),
                diameters: frame.diameters.clone(),
                volume_fractions,
                particles,
            }),
        })
    }

    fn start(&self, _: &()) -> State {
        State::default()
    }

    fn reduce(&self, _: &(), state: &mut State, said: Said, out: &mut dyn RowSink) -> Result<()> {
        state.frames += 1;
        state.close_pairs += said.close_pairs;
        state.particles += said.groups[0].count;
        state.hidden += said.groups[0].hidden;
        for (index, count) in &said.groups[0].indices {
            *state.indices.entry(index.clone()).or_default() += count;
        }
        state.forget_rare_indices();
        for group in &said.groups {
            let Some(histogram) = &group.volume_fractions else {
                continue;
            };
            // A species may have the name of all.
            let key = (&*group.name != ALL, group.name.clone());
            match state.volume_fractions.get_mut(&key) {
                Some(sum) => sum.take_in(histogram),
                None => drop(state.volume_fractions.insert(key, histogram.clone())),
            }
        }
        tables::rows(said, self.arguments.top, out)
    }

    fn finish(&self, _: &(), state: State, _: &mut dyn RowSink) -> Result<Finished> {
        Ok(Finished {
            frames: state.frames,
            particles: state.particles,
            hidden: state.hidden,
            close_pairs: state.close_pairs,
            indices: commonest(state.indices.into_iter()),
            volume_fractions: state
                .volume_fractions
                .into_iter()
                .map(|((_, name), histogram)| (name, histogram))
                .collect(),
        })
    }

    fn annotates(&self) -> bool {
        true
    }

    fn annotation(&self, said: &Said) -> Vec<Column> {
        let Some(each) = &said.rows else {
            return Vec::new();
        };
        let particles = &each.particles;
        let mut columns = vec![Column::real("volume", 1, particles.volumes.clone())];
        if each.diameters.is_some() {
            let values = each
                .volume_fractions
                .iter()
                .map(|value| value.unwrap_or(f64::NAN));
            columns.push(Column::real("volume_fraction", 1, values.collect()));
        }
        columns.push(Column::real(
            "surface_area",
            1,
            particles.surface_areas.clone(),
        ));
        for (at, name) in tables::FACES.iter().enumerate() {
            columns.push(Column {
                name: name.to_string(),
                width: 1,
                values: Values::Integer(particles.faces.iter().map(|faces| faces[at]).collect()),
            });
        }
        let hidden: Arc<str> = "hidden".into();
        let text = |index: &Option<usize>| {
            index.map_or(hidden.clone(), |index| particles.texts[index].clone())
        };
        columns.push(Column {
            name: "voronoi_index".to_string(),
            width: 1,
            values: Values::Text(particles.indices.iter().map(text).collect()),
        });
        columns
    }

    fn summary(&self, finished: &Finished) -> String {
        let mut text = format!(
            "{}, {}",
            counted(finished.frames, "frame"),
            counted(finished.particles, "cell")
        );
        if let Some((index, count)) = finished.indices.first() {
            let percent = 100.0 * *count as f64 / finished.particles as f64;
            text.push_str(&format!(
                ": the commonest index is {} ({percent:.2} %)",
                figures::bracketed(index)
            ));
        }
        if finished.hidden > 0 {
            text.push_str(&format!("; {} hidden", counted(finished.hidden, "cell")));
        }
        if finished.close_pairs > 0 {
            let pairs = counted(finished.close_pairs, "pair");
            text.push_str(&format!(
                "; warning: {pairs} of particles nearly at one place (closer than 1e-6 (V/N)^(1/3))"
            ));
        }
        text
    }

    fn averages(&self, figure: &str) -> bool {
        figure != "indices"
    }

    fn figure(&self, name: &str, inputs: &[(String, &Finished)]) -> Figure {
        match name {
            "indices" => figures::indices(inputs),
            _ => figures::volume_fractions(inputs),
        }
    }
}

impl State {
    /// Keeps memory from growing: of more than 2¹⁶ different indices the rarest half is dropped, none of which any figure would show.
    fn forget_rare_indices(&mut self) {
        const MOST: usize = 1 << 16;
        if self.indices.len() > MOST {
            let mut sorted = commonest(std::mem::take(&mut self.indices).into_iter());
            sorted.truncate(MOST / 2);
            self.indices = sorted.into_iter().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_counts_faces_whatever_their_edges_and_number() {
        let many = std::iter::repeat_n(5, 300).collect();
        for (edges, text, faces) in [
            (vec![5; 12], "0-0-12-0", [12, 0, 0, 12, 0, 0]),
            (vec![3, 3, 3, 3], "4-0-0-0", [4, 4, 0, 0, 0, 0]),
            (vec![6, 10, 4, 6, 7], "0-1-0-2-1-0-0-1", [5, 0, 1, 0, 2, 2]),
            (vec![11, 4, 5], "0-1-1-0-0-0-0-0-1", [3, 0, 1, 1, 0, 1]),
            (
                vec![13, 4, 14],
                "0-1-0-0-0-0-0-0-0-0-1-1",
                [3, 0, 1, 0, 0, 2],
            ),
            (many, "0-0-300-0", [300, 0, 0, 300, 0, 0]),
        ] {
            let index = Index::of(edges.iter().copied());
            assert_eq!(index.text(), text);
            assert_eq!(index.faces(), faces);
            let turned = Index::of(edges.into_iter().rev());
            assert!(index == turned);
        }
    }
}
