//! `delta-star`: which particles of a melting glass move between two temperatures, and where they are.
//!
//! δ*_i = |⟨|r_i − r_i(ref)|⟩_{T₂} − ⟨|r_i − r_i(ref)|⟩_{T₁}|, each bracket an average over the frames around T₁ or T₂: Figs. 6 and S2 of
//! Leoni, Russo, Sciortino and Yanagishima. One frame in place of the average takes vibrations for moves.
//!
//! ```
//! use hyalo::analysis::delta_star;
//! use hyalo::library::{analyse, read};
//!
//! // What the dump does not tell: temperatures and diameters.
//! let frames = read("fixtures/lammps/heat_wrapped.lammpstrj.gz")?.map(|frame| {
//!     let mut frame = frame?;
//!     frame.temperature = Some(0.1 + 0.02 * frame.ordinal as f64);
//!     let diameter = |species: &u32| if *species == 0 { 1.0 } else { 1.2 };
//!     frame.diameters = Some(frame.species.of.iter().map(diameter).collect());
//!     Ok(frame)
//! });
//! let answer = analyse::<delta_star::Arguments>("--temperatures 0.5,0.6 --window 0.04", frames)?;
//! let moved = answer.table("particles").numbers("delta_star");
//! assert!(moved.iter().any(|delta_star| *delta_star > 0.3));
//! # Ok::<(), hyalo::error::Error>(())
//! ```

use clap::{Args, ValueEnum};
use nalgebra::Vector3;
use serde::Serialize;

use super::followed::{Drift, Followed};
use super::{Abscissa, Analysis, Command, Moment, Runner, Thinned, Wanted, counted};
use crate::data::cell::Cell;
use crate::data::figure::Figure;
use crate::data::frame::{Frame, Species, Values};
use crate::data::table::{RowSink, TableSpec};
use crate::error::{Error, Result};
use crate::physics::points::{Cluster, Points, clusters, widths};
use crate::physics::subsets::Comparison;
use crate::physics::topology::is_dodecahedron;
use crate::physics::voronoi::{Tessellation, Weights, Workspace};

mod clustering;
mod figures;
mod rows;
mod tables;

use clustering::{Compared, Surroundings};
use figures::Slice;

/// Arguments of `delta-star`.
#[derive(Args, Clone, Debug, Serialize)]
pub struct Arguments {
    /// T₁ and T₂ (energy / k_B), the lower first. δ* of a particle is |⟨Δr⟩ around T₂ − ⟨Δr⟩ around T₁|, Δr being its distance from where it
    /// was in the first frame used (the paper's T = 0.1). The default is the paper's, for its slow ramp: at fast rates take T_o − 0.15 and
    /// T_o − 0.10
    #[arg(
        long,
        value_name = "T1,T2",
        value_delimiter = ',',
        default_value = "0.6,0.65",
        allow_negative_numbers = true
    )]
    pub temperatures: Vec<f64>,

    /// Half width of the windows: ⟨…⟩ is the average over all frames with |T − T₁| (or |T − T₂|) up to this. About 20 frames are needed, or
    /// vibrations pass for moves
    #[arg(
        long,
        value_name = "WIDTH",
        default_value_t = 0.005,
        allow_negative_numbers = true
    )]
    pub window: f64,

    /// δ* (length) above which a particle is a mover
    #[arg(
        long,
        value_name = "LENGTH",
        default_value_t = 0.3,
        allow_negative_numbers = true
    )]
    pub threshold: f64,

    /// Frame of the input, from 0, that displacements are measured from; it need not be among --frames, which start there or later. Particles
    /// without image flags are followed from it through every frame. Default: the first frame used
    #[arg(long, value_name = "FRAME")]
    pub reference: Option<usize>,

    /// Whether the drift of the centre of mass of the particles that are kept is removed (of their geometric centre, where masses are not known)
    #[arg(long, value_name = "remove|keep", default_value = "remove")]
    pub drift: Drift,

    /// Window in which positions (means over its frames) and icosahedra are looked at: low, around T₁, before the move, or high, around T₂,
    /// as in the paper's Fig. 6
    #[arg(long, value_name = "low|high", default_value = "low")]
    pub structure_at: Window,

    /// Icosahedral particles: auto takes the column is_icosahedron if the first frame used has it (hyalo icosa --annotate), else finds those
    /// whose plain Voronoi cell (among the particles used) has 12 faces, all pentagons; those count that are icosahedral in half of the window's frames or more. none
    /// does without
    #[arg(long, value_name = "auto|none", default_value = "auto")]
    pub icosahedra: Icosahedra,

    /// Movers no farther apart than this (length) belong to one cluster, in the tables `clusters` and `clustering`. Default: the first minimum of g(r), or 1.4 (V/N)^(1/3) where there
    /// is none
    #[arg(long, value_name = "LENGTH", allow_negative_numbers = true)]
    pub bond_length: Option<f64>,

    /// Number of random subsets that the movers are compared with in the table `clustering`: of as many particles; of as many of each
    /// species; and of as many of each species and tenth of its diameters
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub subsets: u32,

    /// Seed of the random subsets
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,

    /// Width of the histogram's bins of the diameter
    #[arg(
        long,
        value_name = "WIDTH",
        default_value_t = 0.025,
        allow_negative_numbers = true
    )]
    pub bin_width: f64,

    /// What the figure `slice` shows: the particles between LOW and HIGH (length) above the lower face of the cell across x, y or z (a, b or
    /// c of a tilted cell). Default of the heights: 1.5 (V/N)^(1/3) where most movers are. The figure `trajectories` is seen along the same
    /// axis
    #[arg(
        long,
        value_name = "AXIS[:LOW:HIGH]",
        default_value = "z",
        allow_hyphen_values = true
    )]
    pub slice: Slice,
}

/// One of the two windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Window {
    /// Around T₁.
    Low,
    /// Around T₂.
    High,
}

impl Window {
    fn name(self) -> &'static str {
        match self {
            Window::Low => "low",
            Window::High => "high",
        }
    }
}

/// Where icosahedral particles come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Icosahedra {
    /// The input's column, else the tessellation.
    Auto,
    /// Nowhere.
    None,
}

const COLUMN: &str = "is_icosahedron";
/// Fewer frames than this in a window do not average vibrations away.
const ENOUGH_FRAMES: usize = 18;
/// Most points of all paths together that the figure `trajectories` keeps.
const PATH_POINTS: usize = 1 << 20;

impl Command for Arguments {
    const MANUAL: &'static str = include_str!("manual.txt");

    fn check(&self) -> Result<()> {
        let given = |values: &[f64]| {
            let texts: Vec<String> = values.iter().map(f64::to_string).collect();
            texts.join(",")
        };
        match self.temperatures[..] {
            [low, high] if low < high && low.is_finite() && high.is_finite() => {
                if !(self.window > 0.0 && self.window.is_finite()) {
                    return Err(
                        Error::new(format!("--window {} is not positive", self.window))
                            .help("give the half width of the windows, such as 0.005"),
                    );
                }
                if 2.0 * self.window >= high - low {
                    let what = format!(
                        "--window {}: the windows around T = {low} and {high} overlap",
                        self.window
                    );
                    // As one would write it, 0.05 for 0.04999999999999999.
                    let half = (0.5e9 * (high - low)).round() / 1e9;
                    return Err(Error::new(what).help(format!("give less than {half}")));
                }
            }
            _ => {
                let what = format!(
                    "--temperatures {} is not two temperatures, the lower first",
                    given(&self.temperatures)
                );
                return Err(Error::new(what).help("write 0.6,0.65"));
            }
        }
        let positive = [
            ("--threshold", Some(self.threshold), "0.3 is the paper's"),
            (
                "--bond-length",
                self.bond_length,
                "1.5 is usual for a glass of unit density",
            ),
            ("--bin-width", Some(self.bin_width), "0.025 is usual"),
        ];
        for (flag, value, help) in positive {
            if let Some(value) = value.filter(|value| !(*value > 0.0 && value.is_finite())) {
                return Err(Error::new(format!("{flag} {value} is not positive")).help(help));
            }
        }
        if self.subsets < 10 {
            return Err(Error::new(format!(
                "--subsets {} leaves no spread to speak of",
                self.subsets
            ))
            .help("500 is usual"));
        }
        Ok(())
    }

    fn run(&self, wanted: Wanted, runner: &mut impl Runner) -> Result<()> {
        if wanted.annotation() {
            return Err(Error::new(
                "--annotate: δ* is known only when the last frame has been read",
            )
            .help("write the table, -o particles.parquet, and join it by id"));
        }
        runner.run(DeltaStar {
            arguments: self.clone(),
            wanted,
        })
    }
}

/// The analysis.
pub struct DeltaStar {
    arguments: Arguments,
    wanted: Wanted,
}

/// The reference frame.
pub struct Reference {
    followed: Followed,
    /// Positions from the centre of mass (length), and where that was: drift is removed by keeping it there.
    positions: Vec<Vector3<f64>>,
    centre: Vector3<f64>,
    species: Species,
    diameters: Option<Vec<f64>>,
    source: Source,
}

/// Bins of the histogram of diameters, at most.
const MOST_BINS: f64 = 1e5;

/// Where a frame's icosahedral particles are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Column,
    Tessellation,
    Nowhere,
}

/// What one frame says.
pub struct Partial {
    moment: Moment,
    temperature: f64,
    within: Option<Within>,
    /// Positions with the drift removed, of frames in a window and, where the figure wants them, between the two.
    positions: Vec<Vector3<f64>>,
}

/// What a frame in a window says.
struct Within {
    window: Window,
    /// |r_i − r_i(ref)| (length).
    displacements: Vec<f64>,
    /// Of the window of `--structure-at`.
    icosahedral: Option<Vec<bool>>,
    cell: Option<Cell>,
}

/// Sums over the frames of a window.
#[derive(Default)]
struct Sums {
    frames: usize,
    displacements: Vec<f64>,
    positions: Vec<Vector3<f64>>,
    icosahedral: Option<Vec<u32>>,
    cell: Option<Cell>,
    /// The frame nearest to the window's middle: how far it is from there, and its displacements.
    single: (f64, Vec<f64>),
}

impl Sums {
    fn add(&mut self, within: Within, positions: &[Vector3<f64>], off: f64) {
        let Within {
            displacements,
            icosahedral,
            cell,
            ..
        } = within;
        let particles = displacements.len();
        self.displacements.resize(particles, 0.0);
        self.positions.resize(particles, Vector3::zeros());
        self.displacements
            .iter_mut()
            .zip(&displacements)
            .for_each(|(sum, displacement)| *sum += displacement);
        self.positions
            .iter_mut()
            .zip(positions)
            .for_each(|(sum, position)| *sum += position);
        if let Some(icosahedral) = icosahedral {
            let counts = self.icosahedral.get_or_insert_with(|| vec![0; particles]);
            counts
                .iter_mut()
                .zip(icosahedral)
                .for_each(|(count, is)| *count += u32::from(is));
        }
        if self.frames == 0 || off < self.single.0 {
            self.single = (off, displacements);
        }
        self.cell = cell;
        self.frames += 1;
    }

    /// Mean |r_i − r_i(ref)| (length).
    fn displacements(&self) -> Vec<f64> {
        let frames = self.frames as f64;
        self.displacements.iter().map(|sum| sum / frames).collect()
    }

    /// Mean positions (length).
    fn positions(&self) -> Vec<Vector3<f64>> {
        let frames = self.frames as f64;
        self.positions.iter().map(|sum| sum / frames).collect()
    }
}

/// What the frames have said so far.
pub struct State {
    /// Around T₁ and T₂.
    windows: [Sums; 2],
    paths: Thinned<Vec<Vector3<f64>>>,
    /// The window that the last frame in one was in, and how many have been in it since the other.
    stay: Option<(Window, usize)>,
    /// Lowest and highest temperature.
    extent: (f64, f64),
    frames: usize,
}

/// Frames in a window at which the ramp has come to it: fluctuations of the temperature are over sooner.
const SETTLED: usize = 3;

impl State {
    /// The next frame is in a window, to which a ramp does not come back.
    fn enter(&mut self, window: Window, temperatures: &[f64], frame: usize) -> Result<()> {
        let stayed = match self.stay {
            Some((last, frames)) if last == window => frames,
            Some((_, frames)) if frames >= SETTLED && self.windows[window as usize].frames > 0 => {
                let middle = temperatures[window as usize];
                let what = format!("the temperature comes back to the window around T = {middle}");
                return Err(Error::new(what)
                    .help("select one ramp with --frames")
                    .in_frame(frame));
            }
            _ => 0,
        };
        self.stay = Some((window, stayed + 1));
        Ok(())
    }
}

/// What the frames said together. Of particles, in the order of their ids.
pub struct Finished {
    frames: usize,
    /// Frames around T₁ and T₂.
    frames_in: [usize; 2],
    ids: Vec<i64>,
    species: Species,
    diameters: Option<Vec<f64>>,
    /// Mean |r_i − r_i(ref)| around T₁ and T₂ (length).
    displacements: [Vec<f64>; 2],
    delta_star: Vec<f64>,
    /// Rows of the movers, increasing.
    movers: Vec<usize>,
    /// How many there are by single frames, of each species.
    single: Vec<usize>,
    /// Distances between the mean positions around T₁ and T₂ (length).
    between: Vec<f64>,
    /// Mean positions in the window of `--structure-at`, as they are and in its cell.
    positions: Vec<Vector3<f64>>,
    points: Points,
    /// Fraction of that window's frames in which a particle is icosahedral, and whether it counts as such.
    fractions: Option<Vec<f64>>,
    icosahedral: Option<Vec<bool>>,
    icosahedron_distances: Vec<Option<f64>>,
    /// Clusters of movers, their members being indices into `movers`, and the longest bond (length).
    clusters: Vec<Cluster>,
    bond: f64,
    compared: Vec<Compared>,
    paths: Vec<Vec<Vector3<f64>>>,
    drift: &'static str,
}

impl Analysis for DeltaStar {
    type Context = Reference;
    type Partial = Partial;
    type State = State;
    type Finished = Finished;

    fn tables(&self) -> &'static [TableSpec] {
        &tables::TABLES
    }

    fn figures(&self) -> &'static [&'static str] {
        &["trajectories", "slice", "histogram", "diameter"]
    }

    fn follows_particles(&self) -> bool {
        true
    }

    fn reference(&self) -> Option<usize> {
        self.arguments.reference
    }

    fn prepare(&self, first: &Frame) -> Result<Reference> {
        let followed = Followed::of(first, self.arguments.drift)?;
        if first.diameters.is_none() && (self.wanted.any_figure() || self.wanted.table("histogram"))
        {
            return Err(Error::new(
                "the frame has no diameters, and the histogram and the figures show them",
            )
            .help(format!(
                "give them with --diameters {}",
                first.species.example_diameters()
            ))
            .in_frame(first.ordinal));
        }
        let diameters = first.diameters.iter().flatten().copied();
        let [low, high] = diameters.fold([f64::INFINITY, 0.0], |[low, high], diameter| {
            [low.min(diameter), high.max(diameter)]
        });
        if (high - low) / self.arguments.bin_width > MOST_BINS {
            let what = format!(
                "--bin-width {} makes more than {MOST_BINS} bins of diameters from {low} to {high}",
                self.arguments.bin_width
            );
            return Err(Error::new(what).help("give a larger one"));
        }
        if let Some(cell) = &first.cell {
            self.check_lengths(cell)
                .map_err(|error| error.in_frame(first.ordinal))?;
        }
        Ok(Reference {
            positions: followed.positions(first)?,
            centre: followed.centre(&first.positions),
            species: first.species.clone(),
            diameters: first.diameters.clone(),
            source: match (self.arguments.icosahedra, first.column(COLUMN)) {
                (Icosahedra::None, _) => Source::Nowhere,
                (Icosahedra::Auto, Some(_)) => Source::Column,
                (Icosahedra::Auto, None) => Source::Tessellation,
            },
            followed,
        })
    }

    fn frame(&self, reference: &Reference, frame: &Frame) -> Result<Partial> {
        let moment = Moment::of(frame);
        let temperature = moment.on(Abscissa::Temperature);
        if !temperature.is_finite() {
            return Err(Error::new("the frame has no temperature")
                .help("give it with --temperature: ramp:0.1:0.9, a LAMMPS log or key:NAME")
                .in_frame(frame.ordinal));
        }
        let mut positions = reference.followed.positions(frame)?;
        let within = match self.window(temperature) {
            Some(window) => Some(Within {
                window,
                displacements: positions
                    .iter()
                    .zip(&reference.positions)
                    .map(|(now, then)| (now - then).norm())
                    .collect(),
                icosahedral: match window == self.arguments.structure_at {
                    true => icosahedral(frame, reference.source)?,
                    false => None,
                },
                cell: frame.cell.clone(),
            }),
            None => None,
        };
        let wanted = within.is_some() || (self.wanted.any_figure() && self.on_the_way(temperature));
        if wanted {
            positions
                .iter_mut()
                .for_each(|position| *position += reference.centre);
        } else {
            positions = Vec::new();
        }
        Ok(Partial {
            moment,
            temperature,
            within,
            positions,
        })
    }

    fn start(&self, reference: &Reference) -> State {
        // A million particles still have a few points each.
        let most = (PATH_POINTS / reference.positions.len()).clamp(8, 1024);
        State {
            windows: Default::default(),
            paths: Thinned::at_most(most),
            stay: None,
            extent: (f64::INFINITY, f64::NEG_INFINITY),
            frames: 0,
        }
    }

    fn reduce(
        &self,
        reference: &Reference,
        state: &mut State,
        frame: Partial,
        out: &mut dyn RowSink,
    ) -> Result<()> {
        let Partial {
            moment,
            temperature,
            within,
            positions,
        } = frame;
        state.frames += 1;
        state.extent = (
            state.extent.0.min(temperature),
            state.extent.1.max(temperature),
        );
        if let Some(within) = within {
            let window = within.window;
            state.enter(window, &self.arguments.temperatures, moment.frame)?;
            rows::frame(&reference.species, &moment, &within, out)?;
            let off = (temperature - self.arguments.temperatures[window as usize]).abs();
            state.windows[window as usize].add(within, &positions, off);
        }
        if self.wanted.any_figure() && self.on_the_way(temperature) {
            state.paths.push(positions);
        }
        Ok(())
    }

    fn finish(
        &self,
        reference: &Reference,
        state: State,
        out: &mut dyn RowSink,
    ) -> Result<Finished> {
        self.enough(&state)?;
        let [low, high] = &state.windows;
        let particles = reference.positions.len();
        let threshold = self.arguments.threshold;
        let delta_star: Vec<f64> = low
            .displacements()
            .iter()
            .zip(high.displacements())
            .map(|(low, high)| (high - low).abs())
            .collect();
        if delta_star.iter().any(|delta| !delta.is_finite()) {
            return Err(Error::new("a displacement is not a finite number")
                .help("the positions are too large for it"));
        }
        let movers: Vec<usize> = (0..particles)
            .filter(|&particle| delta_star[particle] > threshold)
            .collect();
        let mut single = vec![0; reference.species.names.len()];
        for particle in 0..particles {
            let moved = (high.single.1[particle] - low.single.1[particle]).abs() > threshold;
            single[reference.species.of[particle] as usize] += usize::from(moved);
        }

        let window = &state.windows[self.arguments.structure_at as usize];
        let positions = window.positions();
        let cell = match &window.cell {
            Some(cell) => cell.clone(),
            None => around(&positions)?,
        };
        let points = Points::new(&cell, &positions);
        let bond = self
            .arguments
            .bond_length
            .unwrap_or_else(|| points.first_minimum().unwrap_or(1.4 * points.spacing()));
        let fractions: Option<Vec<f64>> = window.icosahedral.as_ref().map(|counts| {
            let fraction = |&count: &u32| f64::from(count) / window.frames as f64;
            counts.iter().map(fraction).collect()
        });
        let icosahedral: Option<Vec<bool>> = fractions
            .as_ref()
            .map(|fractions| fractions.iter().map(|&fraction| fraction >= 0.5).collect());
        let surroundings = Surroundings::new(&points, bond, icosahedral.as_deref());
        let compared = surroundings.compare(
            &movers,
            &reference.species,
            reference.diameters.as_deref(),
            (self.arguments.seed, self.arguments.subsets),
        );
        let finished = Finished {
            frames: state.frames,
            frames_in: [low.frames, high.frames],
            ids: reference.followed.ids.clone(),
            species: reference.species.clone(),
            diameters: reference.diameters.clone(),
            displacements: [low.displacements(), high.displacements()],
            delta_star,
            movers: movers.clone(),
            single,
            between: low
                .positions()
                .iter()
                .zip(high.positions())
                .map(|(low, high)| (high - low).norm())
                .collect(),
            icosahedron_distances: surroundings.into_icosahedron_distances(),
            clusters: clusters(&points.subset(&movers), bond),
            bond,
            positions,
            points,
            fractions,
            icosahedral,
            compared,
            paths: state.paths.points,
            drift: reference.followed.told(),
        };
        rows::particles(&finished, out)?;
        rows::summary(&finished, out)?;
        rows::histogram(&finished, self.arguments.bin_width, out)?;
        rows::clusters(&finished, out)?;
        rows::clustering(&finished, out)?;
        Ok(finished)
    }

    fn draws_several(&self, _figure: &str) -> bool {
        false
    }

    fn summary(&self, finished: &Finished) -> String {
        let [low, high] = [
            self.arguments.temperatures[0],
            self.arguments.temperatures[1],
        ];
        let [in_low, in_high] = finished.frames_in;
        let mut parts = vec![format!(
            "{}, N = {}: {} with δ* > {} ({} by single frames) between T = {low} and {high} ({in_low} and {in_high} frames)",
            counted(finished.frames, "frame"),
            finished.delta_star.len(),
            counted(finished.movers.len(), "mover"),
            self.arguments.threshold,
            finished.single.iter().sum::<usize>(),
        )];
        if let Some(largest) = finished.clusters.first() {
            parts.push(format!("largest cluster {}", largest.members.len()));
        }
        let told = [
            ("nearest_mover", "nearest other mover at"),
            ("icosahedron_distance", "nearest icosahedron at"),
        ];
        for (quantity, words) in told {
            let wanted = |compared: &&Compared| {
                compared.quantity == quantity && compared.matched == "species"
            };
            if let Some(Compared { comparison, .. }) = finished.compared.iter().find(wanted) {
                let Comparison { value, mean, .. } = comparison;
                let z = comparison
                    .z_score()
                    .map_or(String::new(), |(z, _)| format!(", z = {z:.1}"));
                parts.push(format!("{words} {value:.2} (random {mean:.2}{z})"));
            }
        }
        parts.push(finished.drift.to_string());
        if in_low.min(in_high) < ENOUGH_FRAMES {
            parts.push(format!(
                "warning: {} in a window, where about 20 are needed or vibrations pass for moves: {MORE_FRAMES}",
                counted(in_low.min(in_high), "frame")
            ));
        }
        parts.join("; ")
    }

    fn figure(&self, name: &str, inputs: &[(String, &Finished)]) -> Figure {
        match inputs {
            [(_, only)] => figures::draw(&self.arguments, name, only),
            _ => Figure::default(),
        }
    }
}

const MORE_FRAMES: &str =
    "write frames more often (hyalo simulate --set frames_every=0.0005) or take a wider --window";

impl DeltaStar {
    /// Checks the lengths among the arguments against the cell.
    fn check_lengths(&self, cell: &Cell) -> Result<()> {
        let widths = widths(cell);
        let longest = widths.into_iter().fold(0.0, f64::max);
        // Beyond that only images of the same particles are found, ever more of them.
        if let Some(bond) = self.arguments.bond_length.filter(|bond| *bond > longest) {
            let what = format!("--bond-length {bond} is longer than the cell, {longest}");
            return Err(Error::new(what).help("about 1.4 (V/N)^(1/3) joins neighbours"));
        }
        self.arguments.slice.check(cell, widths)
    }

    /// The window that a temperature lies in. Limits are part of it, round-off aside.
    fn window(&self, temperature: f64) -> Option<Window> {
        let reach = self.arguments.window + 1e-9 * temperature.abs();
        let windows = [Window::Low, Window::High];
        windows.into_iter().find(|window| {
            (temperature - self.arguments.temperatures[*window as usize]).abs() <= reach
        })
    }

    /// Whether a temperature lies in a window or between the two.
    fn on_the_way(&self, temperature: f64) -> bool {
        let [low, high] = [
            self.arguments.temperatures[0],
            self.arguments.temperatures[1],
        ];
        self.window(temperature).is_some() || (low..=high).contains(&temperature)
    }

    /// Checks that there are frames in both windows.
    fn enough(&self, state: &State) -> Result<()> {
        let empty = |(sums, _): &(&Sums, &f64)| sums.frames == 0;
        let mut windows = state.windows.iter().zip(&self.arguments.temperatures);
        let Some((_, middle)) = windows.find(empty) else {
            return Ok(());
        };
        let what = format!(
            "no frame lies within {} of T = {middle}: the {} used go from T = {:.4} to {:.4}",
            self.arguments.window,
            counted(state.frames, "frame"),
            state.extent.0,
            state.extent.1
        );
        let inside = (state.extent.0..=state.extent.1).contains(middle);
        Err(Error::new(what).help(match inside {
            true => MORE_FRAMES,
            false => "choose other --temperatures",
        }))
    }
}

/// The icosahedral particles of a frame.
fn icosahedral(frame: &Frame, source: Source) -> Result<Option<Vec<bool>>> {
    match source {
        Source::Nowhere => Ok(None),
        Source::Column => {
            let column = frame.column(COLUMN).ok_or_else(|| {
                Error::new(format!(
                    "the frame has no column {COLUMN}, and the first frame used has one"
                ))
                .help("annotate all frames, or use --icosahedra none")
            })?;
            match &column.values {
                Values::Boolean(values) if column.width == 1 => Ok(Some(values.clone())),
                Values::Integer(values)
                    if column.width == 1 && values.iter().all(|value| matches!(value, 0 | 1)) =>
                {
                    Ok(Some(values.iter().map(|&value| value == 1).collect()))
                }
                _ => Err(Error::new(format!(
                    "the column {COLUMN} is not of true and false, or of 0 and 1"
                ))
                .help("annotate with hyalo icosa, or use --icosahedra none")),
            }
        }
        Source::Tessellation => {
            let cell = frame.cell.as_ref().ok_or_else(|| {
                Error::new("without a cell there are no Voronoi cells, and so no icosahedra")
                    .help("give --cell, or use --icosahedra none")
            })?;
            let tessellation = Tessellation::new(cell, &frame.positions, Weights::Plain)?;
            let mut workspace = Workspace::default();
            let mut icosahedral = vec![false; frame.len()];
            for &particle in tessellation.order() {
                let particle = particle as usize;
                let cell = tessellation.cell(particle, &mut workspace)?;
                icosahedral[particle] = is_dodecahedron(cell.vertices());
            }
            Ok(Some(icosahedral))
        }
    }
}

/// A cell without periodic edges around positions.
fn around(positions: &[Vector3<f64>]) -> Result<Cell> {
    let low = positions
        .iter()
        .fold(Vector3::repeat(f64::INFINITY), |low, r| low.inf(r));
    let high = positions
        .iter()
        .fold(Vector3::repeat(f64::NEG_INFINITY), |high, r| high.sup(r));
    let extent = high - low;
    let least = if extent.max() > 0.0 {
        1e-3 * extent.max()
    } else {
        1.0
    };
    let edge = |axis: usize| {
        let mut edge = Vector3::zeros();
        edge[axis] = extent[axis].max(least);
        edge
    };
    Cell::new([edge(0), edge(1), edge(2)], low, [false; 3])
}
