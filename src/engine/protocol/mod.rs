//! The protocol of a simulation: what happens to one sample, stage by stage.
//!
//! A protocol is a versioned TOML text. Everything in it is checked before the first step; what it becomes are the plain types here,
//! with every default filled in. Reduced Lennard-Jones units: energy ε, length σ₁₁, mass m₁, time τ = σ₁₁ √(m₁/ε), k_B = 1.

mod parse;
mod plan;
mod schedule;
mod settings;
mod tree;
mod write;

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::physics::potential::Potential;

pub use plan::{Pace, Plan, Planned, duration};
pub use schedule::Schedule;

/// The version of the protocol's language that this program reads and writes.
pub const VERSION: i64 = 1;

/// Name of the file that holds the resolved protocol in the folder of a run.
pub const FILE_NAME: &str = "protocol.toml";

/// The protocols that come with this program: their names and texts.
pub const PRESETS: [(&str, &str); 2] = [
    ("vhg-quick", include_str!("../presets/vhg-quick.toml")),
    ("vhg", include_str!("../presets/vhg.toml")),
];

/// A sample's history: the first stage creates it, every other one starts from the final state of an earlier one.
#[derive(Clone, Debug, PartialEq)]
pub struct Protocol {
    /// Seed of all random numbers.
    pub seed: u64,
    /// Δt of the integrator (time).
    pub timestep: f64,
    /// Format of the trajectories.
    pub format: Format,
    /// The potential.
    pub potential: Potential,
    /// The text that names it ([`Potential::named`]).
    pub potential_name: String,
    /// The stages in the order in which they run; the first, and only the first, is [`Kind::Create`].
    pub stages: Vec<Stage>,
}

impl Protocol {
    /// Reads a protocol from a file, each of `settings` being a `KEY=VALUE` that changes a parameter, a key of the whole (`seed=7`) or
    /// of a stage (`cool.steps=50000`).
    ///
    /// Paths in it are relative to its folder. Errors name the file, the line and the key.
    pub fn read(path: &Path, settings: &[String]) -> Result<Protocol> {
        let input = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
            Error::new("not UTF-8, so not TOML")
                .help("a protocol is a text")
                .at_line(line as u64)
                .in_input(&input)
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, &input, folder, settings)
    }

    /// A protocol of this program's own, by its name in [`PRESETS`]; `settings` as for [`Protocol::read`].
    pub fn preset(name: &str, settings: &[String]) -> Result<Protocol> {
        let text = PRESETS.iter().find(|(known, _)| *known == name);
        let (_, text) = text.ok_or_else(|| {
            let known = PRESETS.map(|(name, _)| name);
            Error::new(format!("there is no preset '{name}'")).help(tree::choices(name, &known))
        })?;
        Self::parse(text, &format!("preset {name}"), Path::new(""), settings)
    }

    /// The index of the stage of this name.
    pub fn stage(&self, name: &str) -> Result<usize> {
        let index = self.stages.iter().position(|stage| stage.name == name);
        index.ok_or_else(|| {
            let known: Vec<&str> = self
                .stages
                .iter()
                .map(|stage| stage.name.as_str())
                .collect();
            Error::new(format!("there is no stage '{name}'")).help(tree::choices(name, &known))
        })
    }

    /// The number of frames that a stage stores; `None` where it hangs on when the stage ends.
    pub fn frames(&self, index: usize) -> Option<u64> {
        let stage = &self.stages[index];
        match (&stage.kind, stage.start) {
            (Kind::InherentStructures { every, .. }, Some(of)) => {
                Some(self.frames(of)?.div_ceil(*every))
            }
            _ => stage.trajectory.outputs(stage),
        }
    }
}

/// Format of the trajectories of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Extended XYZ.
    ExtendedXyz,
    /// LAMMPS dump.
    LammpsDump,
}

/// One stage of a protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Its name, unique and fit for the name of a file.
    pub name: String,
    /// The line of the protocol where it begins, counted from 1; for errors found later.
    pub line: u64,
    /// Index of the earlier stage from whose final state it starts; `None` for the first stage. For [`Kind::InherentStructures`] the
    /// stage whose frames are quenched.
    pub start: Option<usize>,
    /// T at which velocities are drawn at its start. `None`: the state's own are kept, or, where it has none, drawn at `set_point(0)`.
    ///
    /// Filled in as twice the first temperature where a stage starts from a minimum, of this or of another run, since half of the kinetic
    /// energy goes into vibrations.
    pub velocities: Option<f64>,
    /// What happens in it.
    pub kind: Kind,
    /// When frames are stored.
    pub trajectory: Schedule,
    /// When rows of the thermo table are.
    pub thermo: Schedule,
}

/// What happens in a stage.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// The sample comes into being. Its clock does not run: step 0 is the only one.
    Create(Source),
    /// Dynamics at one temperature after another; each is held for `equilibration` + `steps` steps, and there is output in the latter
    /// only.
    Equilibrate {
        /// T (energy/k_B), in their order; not empty.
        temperatures: Vec<f64>,
        /// Steps without output at the beginning of each temperature.
        equilibration: u64,
        /// Steps that follow them.
        steps: u64,
        /// What holds the temperature.
        thermostat: Thermostat,
    },
    /// Dynamics under a temperature that changes linearly with the step.
    Ramp {
        /// T at step 0 (energy/k_B).
        from: f64,
        /// T at the last step (energy/k_B).
        to: f64,
        /// Number of steps.
        steps: u64,
        /// What imposes the temperature; never [`Thermostat::None`].
        thermostat: Thermostat,
    },
    /// FIRE to the nearest minimum of the energy. Its steps are those of FIRE.
    Minimise(Quench),
    /// Virial homogenisation. Its steps are the iterations, 0 being the minimum from which the first one starts.
    Homogenise {
        /// The first Δσ (length).
        step: f64,
        /// It has converged when Δσ was halved so many times and would have to be once more.
        halvings: u32,
        /// Iterations at which the distributions of P_i and σ_i are recorded, increasing; the last iteration always is.
        distributions: Vec<u64>,
        /// It has not converged if it takes more iterations.
        max_iterations: u64,
        /// The minimisation at the start and in each iteration.
        quench: Quench,
    },
    /// The minimum of every k-th frame of the trajectory of an earlier stage (`start`). Its steps count the quenched frames.
    InherentStructures {
        /// k.
        every: u64,
        /// How each frame is minimised.
        quench: Quench,
    },
}

/// Where the sample comes from. Masses are (σ_i/σ₁₁)³ with σ₁₁ = 1, always.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Positions drawn uniformly in a cubic box; they overlap, so a minimisation must follow.
    Random {
        /// ρ = N/V (1/length³).
        density: f64,
        /// The species; N is the sum of their counts.
        species: Vec<Species>,
    },
    /// A frame of a trajectory.
    File {
        /// An absolute path.
        path: PathBuf,
        /// Position in the trajectory, from 0; negative: from the end, −1 being the last.
        frame: i64,
        /// Diameters, as the flag `--diameters` takes them (a file's path being absolute); `None`: those in the file.
        diameters: Option<String>,
    },
    /// The final state of a stage of another run.
    Run {
        /// Its folder, an absolute path.
        folder: PathBuf,
        /// Name of the stage.
        stage: String,
    },
}

/// Particles of one species.
#[derive(Clone, Debug, PartialEq)]
pub struct Species {
    /// Its name.
    pub name: String,
    /// σ (length).
    pub diameter: f64,
    /// Number of its particles; at least 1.
    pub count: usize,
}

/// What a minimisation by FIRE must reach, and when it is given up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quench {
    /// Converged when max |F_i| is below this (energy/length).
    pub force_tolerance: f64,
    /// Not converged after this many steps.
    pub max_steps: u64,
}

/// What acts on the velocities during dynamics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Thermostat {
    /// Nothing: constant energy.
    None,
    /// Nosé–Hoover chains.
    NoseHoover {
        /// Relaxation time (time).
        relaxation: f64,
    },
    /// Stochastic velocity rescaling (J. Chem. Phys. 126, 014101 (2007)).
    StochasticRescaling {
        /// Relaxation time (time).
        relaxation: f64,
    },
}

impl Kind {
    /// Its name in a protocol.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Create(_) => "create",
            Kind::Equilibrate { .. } => "equilibrate",
            Kind::Ramp { .. } => "ramp",
            Kind::Minimise(_) => "minimise",
            Kind::Homogenise { .. } => "homogenise",
            Kind::InherentStructures { .. } => "inherent-structures",
        }
    }
}

impl Stage {
    /// The number of steps of its clock, where that is known before it has run: of dynamics and creation.
    pub fn steps(&self) -> Option<u64> {
        match &self.kind {
            Kind::Create(_) => Some(0),
            Kind::Equilibrate {
                temperatures,
                equilibration,
                steps,
                ..
            } => Some(temperatures.len() as u64 * (equilibration + steps)),
            Kind::Ramp { steps, .. } => Some(*steps),
            Kind::Minimise(_) | Kind::Homogenise { .. } | Kind::InherentStructures { .. } => None,
        }
    }

    /// The temperature that is asked for at a step of dynamics (energy/k_B); `None` in other stages.
    ///
    /// The step from s to s + 1 is made under the set point of s + 1, so that output at a step bears the temperature that led there.
    pub fn set_point(&self, step: u64) -> Option<f64> {
        match &self.kind {
            Kind::Equilibrate {
                temperatures,
                equilibration,
                steps,
                ..
            } => {
                let index = step.saturating_sub(1) / (equilibration + steps);
                Some(temperatures[(index as usize).min(temperatures.len() - 1)])
            }
            Kind::Ramp {
                from, to, steps, ..
            } => Some(if step >= *steps {
                *to
            } else {
                from + (to - from) * (step as f64 / *steps as f64)
            }),
            _ => None,
        }
    }

    /// What acts on the velocities; `None` where there is no dynamics.
    pub fn thermostat(&self) -> Option<Thermostat> {
        match self.kind {
            Kind::Equilibrate { thermostat, .. } | Kind::Ramp { thermostat, .. } => {
                Some(thermostat)
            }
            _ => None,
        }
    }
}

/// The error for two particles of a start (their ids) that are at almost the same place: `distance` apart, with a mean diameter of
/// `diameter` (lengths).
pub fn overlapping(ids: [i64; 2], distance: f64, diameter: f64) -> Error {
    let [first, second] = ids;
    Error::new(format!(
        "particles {first} and {second} overlap: they are {distance} apart with a mean diameter of {diameter}"
    ))
    .help("the first step would blow up: correct the positions or diameters, or minimise first")
}
