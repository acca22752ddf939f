//! `virial`: the pressure P_i of each particle and what makes it: Figs. 1b and 1c of Leoni, Russo, Sciortino and Yanagishima.
//!
//! ```
//! use hyalo::analysis::virial;
//! use hyalo::library::{analyse, read};
//!
//! let minimum = read("fixtures/engine/glass_fast_minimum.extxyz.gz")?;
//! let answer = analyse::<virial::Arguments>("--potential wahnstrom", minimum)?;
//! let frames = answer.table("frames");
//! let (pressure, total) = (frames.numbers("pressure")[0], frames.numbers("virial_pressure")[0]);
//! assert!((pressure - total).abs() < 1e-9 * total.abs().max(1.0));
//! assert!((frames.numbers("pressure_sd")[0] - 1.738).abs() < 0.002);
//! # Ok::<(), hyalo::error::Error>(())
//! ```

use std::f64::consts::PI;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{ALL, Abscissa, Analysis, Command, Moment, Runner, Wanted, check_at, counted};
use crate::data::cell::Cell;
use crate::data::figure::Figure;
use crate::data::frame::{Column, Frame};
use crate::data::table::{Cells, RowSink, TableSpec};
use crate::error::{Error, Result};
use crate::physics::neighbours::Neighbours;
use crate::physics::potential::Potential;
use crate::physics::virial::{self, Virials};
use crate::physics::voronoi::{self, Weights};

mod columns;
mod figures;

use super::distribution::{Histogram, Spread};
use figures::Shown;

/// Arguments of `virial`.
#[derive(Args, Clone, Debug, Serialize)]
pub struct Arguments {
    /// Pair potential u(r/σ_ij), σ_ij = (σ_i + σ_j)/2: wahnstrom (4 x⁻¹² − 4 x⁻⁶, smooth from 2.5 to 2.75: lj/smooth of LAMMPS with shift),
    /// weeks-chandler-andersen, lennard-jones:CUTOFF (cut and shifted), lennard-jones:INNER:CUTOFF, inverse-power:INNER:CUTOFF:KAPPA
    /// (x⁻¹², smooth from INNER to CUTOFF, σ_ij non-additive with KAPPA, which may be left out), kob-andersen (for diameters 1 and 0.88). Every image of
    /// a particle within the cutoff counts. Particles that --species leaves out do not interact
    #[arg(long, value_name = "NAME", default_value = "wahnstrom")]
    pub potential: String,

    /// Volume V_i in P_i = Σ_j w_ij / 6V_i: the mean V/N (then the mean of P_i is the configurational pressure), or that of the particle's
    /// radical Voronoi cell
    #[arg(long, value_name = "mean|voronoi", default_value = "mean")]
    pub volume: Volume,

    /// Temperatures whose distributions the figures show, those of the nearest frames (times, steps or frames where there is no temperature).
    /// Default: the first frame and the last, of several inputs the last of each
    #[arg(
        long,
        value_name = "T,…",
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    pub at: Vec<f64>,

    /// Width of the histogram's bins in P_i (energy/length³). The figure joins bins where they are too narrow for the number of particles
    /// (Scott's rule)
    #[arg(
        long,
        value_name = "WIDTH",
        default_value_t = 0.05,
        allow_negative_numbers = true
    )]
    pub bin_width: f64,

    /// Width of the histogram's bins in the diameter (length)
    #[arg(
        long,
        value_name = "WIDTH",
        default_value_t = 0.02,
        allow_negative_numbers = true
    )]
    pub diameter_bin_width: f64,
}

/// The volume that a particle is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Volume {
    /// V/N.
    Mean,
    /// The radical Voronoi cell.
    Voronoi,
}

impl Command for Arguments {
    const MANUAL: &'static str = include_str!("manual.txt");

    fn run(&self, wanted: Wanted, runner: &mut impl Runner) -> Result<()> {
        check_at(&self.at, wanted.any_figure(), "pressures")?;
        runner.run(PerParticle {
            potential: self.potential()?,
            arguments: self.clone(),
            per_particle: wanted.annotation() || wanted.table("particles"),
        })
    }

    fn check(&self) -> Result<()> {
        self.potential()?;
        for (flag, width) in [
            ("--bin-width", self.bin_width),
            ("--diameter-bin-width", self.diameter_bin_width),
        ] {
            if !(width > 0.0 && width.is_finite()) {
                return Err(Error::new(format!("{flag} {width} is not positive"))
                    .help("leave it out for the default"));
            }
        }
        Ok(())
    }
}

impl Arguments {
    fn potential(&self) -> Result<Potential> {
        Potential::named(&self.potential)
    }
}

/// Pressures, energies and virials of the particles.
pub struct PerParticle {
    arguments: Arguments,
    potential: Potential,
    per_particle: bool,
}

/// What one frame says.
pub struct Said {
    moment: Moment,
    /// Of all, then of each species.
    groups: Vec<Group>,
    /// Configurational pressure, from the totals (energy/length³).
    virial_pressure: f64,
    particles: Option<Particles>,
}

/// All particles, or those of a species.
struct Group {
    name: Arc<str>,
    count: usize,
    pressure: Spread,
    energy: f64,
    slope: Spread,
    diameter: Spread,
    volume_fraction: f64,
    pressures: Histogram,
    diameters: Histogram,
}

/// The rows of a frame's particles.
struct Particles {
    ids: Vec<i64>,
    species: Vec<Arc<str>>,
    diameters: Vec<f64>,
    pressures: Vec<f64>,
    slopes: Vec<f64>,
    virials: Virials,
}

/// What the frames have said so far.
#[derive(Default)]
pub struct State {
    frames: usize,
    first: Option<Shown>,
    last: Option<Shown>,
    /// The frames nearest to what was asked for.
    at: Vec<Shown>,
}

/// What they said together.
pub struct Finished {
    frames: usize,
    first: Shown,
    last: Shown,
    at: Vec<Shown>,
}

impl Analysis for PerParticle {
    type Context = Abscissa;
    type Partial = Said;
    type State = State;
    type Finished = Finished;

    fn tables(&self) -> &'static [TableSpec] {
        &columns::TABLES
    }

    fn figures(&self) -> &'static [&'static str] {
        &["pressures", "diameters"]
    }

    fn prepare(&self, first: &Frame) -> Result<Abscissa> {
        Ok(Abscissa::of(&Moment::of(first)))
    }

    fn frame(&self, _: &Abscissa, frame: &Frame) -> Result<Said> {
        let (cell, diameters) = needed(frame)?;
        let virials = virial::evaluate(
            &self.potential,
            Some(cell),
            &frame.positions,
            diameters,
            self.per_particle,
        )?;
        self.check(frame, cell, diameters, &virials)?;
        let volumes = self.volumes(cell, frame, diameters)?;
        let by_volume = |values: &[f64]| -> Vec<f64> {
            values
                .iter()
                .zip(&volumes)
                .map(|(value, volume)| value / (6.0 * volume))
                .collect()
        };
        let pressures = by_volume(&virials.virial);
        let slopes = by_volume(&virials.virial_slope);
        let values = Values {
            pressures: &pressures,
            slopes: &slopes,
            energies: &virials.energy,
            diameters,
        };
        let mut members = vec![Vec::new(); frame.species.names.len()];
        for (row, species) in frame.species.of.iter().enumerate() {
            members[*species as usize].push(row);
        }
        let everybody = (0..frame.len()).collect();
        let groups = std::iter::once((ALL.into(), everybody))
            .chain(frame.species.names.iter().cloned().zip(members))
            .map(|(name, rows)| self.group(name, rows, &values, cell));
        Ok(Said {
            moment: Moment::of(frame),
            groups: groups.collect(),
            virial_pressure: virials.totals.virial / (3.0 * cell.volume()),
            particles: self.per_particle.then(|| Particles {
                ids: frame.ids.clone(),
                species: (0..frame.len())
                    .map(|row| frame.species.name(row).clone())
                    .collect(),
                diameters: diameters.to_vec(),
                pressures,
                slopes,
                virials,
            }),
        })
    }

    fn start(&self, _: &Abscissa) -> State {
        State::default()
    }

    fn reduce(
        &self,
        abscissa: &Abscissa,
        state: &mut State,
        said: Said,
        out: &mut dyn RowSink,
    ) -> Result<()> {
        let shown = Shown::new(&said, *abscissa);
        for (index, asked) in self.arguments.at.iter().enumerate() {
            match state.at.get_mut(index) {
                Some(nearest) if (shown.at - asked).abs() < (nearest.at - asked).abs() => {
                    *nearest = shown.clone()
                }
                Some(_) => {}
                None => state.at.push(shown.clone()),
            }
        }
        state.first.get_or_insert_with(|| shown.clone());
        state.last = Some(shown);
        state.frames += 1;
        rows(said, out)
    }

    fn finish(&self, _: &Abscissa, state: State, _: &mut dyn RowSink) -> Result<Finished> {
        match (state.first, state.last) {
            (Some(first), Some(last)) => Ok(Finished {
                frames: state.frames,
                first,
                last,
                at: state.at,
            }),
            _ => Err(Error::new("there is no frame").help("give a file that holds one")),
        }
    }

    fn annotates(&self) -> bool {
        true
    }

    fn annotation(&self, said: &Said) -> Vec<Column> {
        let Some(particles) = &said.particles else {
            return Vec::new();
        };
        let tensor = particles.virials.tensor.iter().flatten().copied().collect();
        vec![
            Column::real("pressure", 1, particles.pressures.clone()),
            Column::real("dpressure_ddiameter", 1, particles.slopes.clone()),
            Column::real("local_energy", 1, particles.virials.energy.clone()),
            Column::real("virial", 6, tensor),
        ]
    }

    fn summary(&self, finished: &Finished) -> String {
        let (first, last) = (&finished.first, &finished.last);
        let between = |value: fn(&Shown) -> f64| match finished.frames {
            1 => format!("{:.4}", value(last)),
            _ => format!("{:.4} → {:.4}", value(first), value(last)),
        };
        format!(
            "{}, N = {}: mean P_i {}, sd {}, energy per particle {}",
            counted(finished.frames, "frame"),
            last.particles,
            between(|shown| shown.pressure.mean),
            between(|shown| shown.pressure.sd),
            between(|shown| shown.energy)
        )
    }

    fn figure(&self, name: &str, inputs: &[(String, &Finished)]) -> Figure {
        match name {
            "diameters" => figures::diameters(inputs),
            _ => figures::pressures(inputs),
        }
    }
}

/// The cell and the diameters (length) of a frame, checked.
fn needed(frame: &Frame) -> Result<(&Cell, &[f64])> {
    if frame.is_empty() {
        return Err(Error::new("the frame has no particle").help("select frames or species"));
    }
    let cell = frame.cell.as_ref().ok_or_else(|| {
        Error::new("the frame has no cell, and a pressure needs a volume")
            .help("give it with --cell")
    })?;
    let diameters = frame.diameters.as_deref().ok_or_else(|| {
        let species: Vec<String> = frame
            .species
            .names
            .iter()
            .take(3)
            .map(|name| format!("{name}=…"))
            .collect();
        Error::new("the particles have no diameters").help(format!(
            "give them with --diameters: {}, column:NAME or a table",
            species.join(",")
        ))
    })?;
    let particle = |row: usize| format!("particle {}", frame.ids[row]);
    if let Some(row) = diameters
        .iter()
        .position(|diameter| !(*diameter > 0.0 && diameter.is_finite()))
    {
        return Err(Error::new(format!(
            "{} has the diameter {}",
            particle(row),
            diameters[row]
        ))
        .help("diameters must be positive"));
    }
    if let Some(row) = frame
        .positions
        .iter()
        .position(|position| !position.iter().all(|value| value.is_finite()))
    {
        return Err(
            Error::new(format!("{} has no finite position", particle(row)))
                .help("correct the input"),
        );
    }
    Ok((cell, diameters))
}

/// Values of the particles of a frame.
struct Values<'a> {
    pressures: &'a [f64],
    slopes: &'a [f64],
    energies: &'a [f64],
    diameters: &'a [f64],
}

impl PerParticle {
    /// What the particles of these rows say together.
    fn group(&self, name: Arc<str>, rows: Vec<usize>, values: &Values, cell: &Cell) -> Group {
        let of = |values: &[f64]| -> Vec<f64> { rows.iter().map(|&row| values[row]).collect() };
        let (pressures, diameters) = (of(values.pressures), of(values.diameters));
        let cubes: f64 = diameters.iter().map(|diameter| diameter.powi(3)).sum();
        Group {
            name,
            count: rows.len(),
            pressure: Spread::of(&pressures),
            energy: Spread::of(&of(values.energies)).mean,
            slope: Spread::of(&of(values.slopes)),
            diameter: Spread::of(&diameters),
            volume_fraction: PI / 6.0 * cubes / cell.volume(),
            pressures: Histogram::of(&pressures, self.arguments.bin_width),
            diameters: Histogram::of(&diameters, self.arguments.diameter_bin_width),
        }
    }

    /// The volume of each particle (length³).
    fn volumes(&self, cell: &Cell, frame: &Frame, diameters: &[f64]) -> Result<Vec<f64>> {
        if self.arguments.volume == Volume::Mean {
            return Ok(vec![cell.volume() / frame.len() as f64; frame.len()]);
        }
        let radii: Vec<f64> = diameters.iter().map(|diameter| 0.5 * diameter).collect();
        let volumes = voronoi::volumes(cell, &frame.positions, Weights::Radical(&radii))?;
        match volumes.iter().position(|volume| *volume <= 0.0) {
            None => Ok(volumes),
            Some(row) => Err(Error::new(format!(
                "particle {} has no radical Voronoi cell of its own, so no pressure in it",
                frame.ids[row]
            ))
            .help("use --volume mean")),
        }
    }

    /// What must hold in every frame: finite values, Σ_i P_i V_i = P V with P from forces and places, and Σ_i F_i = 0.
    fn check(
        &self,
        frame: &Frame,
        cell: &Cell,
        diameters: &[f64],
        virials: &Virials,
    ) -> Result<()> {
        let sum: f64 = virials.virial.iter().sum();
        let totals = &virials.totals;
        if !(sum.is_finite()
            && totals.virial.is_finite()
            && virials.virial_slope.iter().all(|slope| slope.is_finite()))
        {
            return Err(self.overlap(frame, cell, diameters)?);
        }
        // Relative to the pairs, of which many cancel; and to the forces times places that make the other sum.
        let round_off = 1e-10 * totals.magnitude + 1e-13 * totals.spread;
        if (0.5 * sum - totals.virial).abs() > round_off {
            let volume = 3.0 * cell.volume();
            return Err(Error::new(format!(
                "the mean of P_i is {}, but the virial pressure is {}",
                0.5 * sum / volume,
                totals.virial / volume
            ))
            .help("this is a fault of hyalo: please report it with the input"));
        }
        if totals.force > 1e-10 * totals.forces {
            return Err(Error::new(format!(
                "the forces add up to {}, not to zero",
                totals.force
            ))
            .help("this is a fault of hyalo: please report it with the input"));
        }
        Ok(())
    }

    /// The two particles whose overlap makes the virial infinite.
    fn overlap(&self, frame: &Frame, cell: &Cell, diameters: &[f64]) -> Result<Error> {
        let largest = diameters.iter().copied().fold(0.0, f64::max);
        let neighbours = Neighbours::new(
            Some(cell),
            &frame.positions,
            self.potential.cutoff * largest,
        )?;
        let mut closest = (f64::INFINITY, 0, 0);
        neighbours.for_each_pair(|i, j, displacement| {
            let distance = displacement.norm();
            if distance < closest.0 {
                closest = (distance, i, j);
            }
        });
        let (distance, i, j) = closest;
        let (i, j) = (
            frame.ids[i].min(frame.ids[j]),
            frame.ids[i].max(frame.ids[j]),
        );
        Ok(Error::new(format!(
            "particles {i} and {j} overlap (distance {distance}): the virial is infinite"
        ))
        .help("check positions and cell"))
    }
}

/// Hands out the rows of a frame.
fn rows(said: Said, out: &mut dyn RowSink) -> Result<()> {
    let Said {
        moment,
        groups,
        virial_pressure,
        particles,
    } = said;
    if out.wants("frames") {
        let mut rows = moment.cells(groups.len());
        rows.push(
            groups
                .iter()
                .map(|group| group.name.clone())
                .collect::<Vec<_>>()
                .into(),
        );
        rows.push(
            groups
                .iter()
                .map(|group| group.count as i64)
                .collect::<Vec<_>>()
                .into(),
        );
        let values: [fn(&Group) -> Option<f64>; 5] = [
            |group| Some(group.pressure.mean),
            |group| Some(group.pressure.sd),
            |group| group.pressure.skewness,
            |group| Some(group.pressure.min),
            |group| Some(group.pressure.max),
        ];
        let column = |value: &fn(&Group) -> Option<f64>| {
            Cells::from(groups.iter().map(value).collect::<Vec<_>>())
        };
        rows.extend(values.iter().map(column));
        rows.push(
            (0..groups.len())
                .map(|index| (index == 0).then_some(virial_pressure))
                .collect::<Vec<_>>()
                .into(),
        );
        let values: [fn(&Group) -> Option<f64>; 8] = [
            |group| Some(group.energy),
            |group| Some(group.slope.mean),
            |group| Some(group.slope.min),
            |group| Some(group.diameter.mean),
            |group| Some(group.diameter.sd),
            |group| Some(group.diameter.min),
            |group| Some(group.diameter.max),
            |group| Some(group.volume_fraction),
        ];
        rows.extend(values.iter().map(column));
        out.rows("frames", rows)?;
    }
    if out.wants("histogram") {
        for group in &groups {
            for (quantity, histogram) in [
                ("pressure", &group.pressures),
                ("diameter", &group.diameters),
            ] {
                let bins = histogram.bins();
                let mut rows = moment.cells(bins.len());
                rows.push(Cells::repeat(group.name.clone(), bins.len()));
                rows.push(Cells::repeat(Arc::<str>::from(quantity), bins.len()));
                rows.push(
                    bins.iter()
                        .map(|bin| histogram.edge(bin.0))
                        .collect::<Vec<_>>()
                        .into(),
                );
                rows.push(
                    bins.iter()
                        .map(|bin| histogram.edge(bin.0 + 1))
                        .collect::<Vec<_>>()
                        .into(),
                );
                rows.push(
                    bins.iter()
                        .map(|bin| bin.1 as i64)
                        .collect::<Vec<_>>()
                        .into(),
                );
                rows.push(
                    bins.iter()
                        .map(|bin| histogram.density(bin.1))
                        .collect::<Vec<_>>()
                        .into(),
                );
                out.rows("histogram", rows)?;
            }
        }
    }
    if let (true, Some(particles)) = (out.wants("particles"), particles) {
        let mut rows = moment.cells(particles.ids.len());
        let tensor = |component: usize| -> Cells {
            particles
                .virials
                .tensor
                .iter()
                .map(|tensor| tensor[component])
                .collect::<Vec<_>>()
                .into()
        };
        let tensor: Vec<Cells> = (0..6).map(tensor).collect();
        rows.extend([
            particles.ids.into(),
            particles.species.into(),
            particles.diameters.into(),
            particles.pressures.into(),
            particles.slopes.into(),
            particles.virials.energy.into(),
        ]);
        rows.extend(tensor);
        out.rows("particles", rows)?;
    }
    Ok(())
}
