//! What a protocol will do and how long that will take.

use std::fmt;

use super::{Kind, Protocol, Source, Stage, Thermostat};

/// Steps of FIRE from a liquid or glass at some temperature to its minimum, as measured for N = 4000.
const QUENCH_STEPS: u64 = 1000;

/// Steps of FIRE in an iteration of virial homogenisation, and iterations to convergence, as measured for N = 4000.
const ITERATION_STEPS: u64 = 200;
const ITERATIONS: u64 = 60;

/// How fast the steps go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Steps of dynamics per second.
    pub dynamics: f64,
    /// Steps of FIRE per second.
    pub minimisation: f64,
}

/// The plan of a protocol; displayed, it is a table with a line for each stage and one for the whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The stages in their order.
    pub stages: Vec<Planned>,
    /// The expected time of the whole (seconds).
    pub seconds: f64,
}

/// The plan of a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The stage's name.
    pub name: String,
    /// What it does, in words.
    pub what: String,
    /// The name of the stage from which it starts or whose frames it takes; empty for the first.
    pub start: String,
    /// Its steps of dynamics or of FIRE.
    pub steps: u64,
    /// Whether the number of steps is only expected.
    pub is_estimate: bool,
    /// The frames that it stores, where that is known.
    pub frames: Option<u64>,
    /// The expected time (seconds).
    pub seconds: f64,
}

impl Plan {
    fn of(stages: Vec<Planned>) -> Self {
        let seconds = stages.iter().map(|stage| stage.seconds).sum();
        Plan { stages, seconds }
    }

    /// The plan up to a stage.
    pub fn until(mut self, last: usize) -> Self {
        self.stages.truncate(last + 1);
        Plan::of(self.stages)
    }
}

impl Protocol {
    /// The plan, with the times that follow from `pace`. The time of a minimisation is a rough guess.
    pub fn plan(&self, pace: Pace) -> Plan {
        let stages: Vec<Planned> = (0..self.stages.len())
            .map(|index| {
                let stage = &self.stages[index];
                let (steps, is_estimate) = match &stage.kind {
                    Kind::Minimise(quench) => (QUENCH_STEPS.min(quench.max_steps), true),
                    Kind::Homogenise { max_iterations, .. } => {
                        let iterations = ITERATIONS.min(*max_iterations);
                        (QUENCH_STEPS + iterations * ITERATION_STEPS, true)
                    }
                    Kind::InherentStructures { .. } => {
                        let frames = self.frames(index).unwrap_or(1);
                        (frames.saturating_mul(QUENCH_STEPS), true)
                    }
                    _ => (stage.steps().unwrap_or(0), false),
                };
                let pace = match is_estimate {
                    true => pace.minimisation,
                    false => pace.dynamics,
                };
                Planned {
                    name: stage.name.clone(),
                    what: what(stage),
                    start: stage
                        .start
                        .map_or(String::new(), |start| self.stages[start].name.clone()),
                    steps,
                    is_estimate,
                    frames: self.frames(index),
                    seconds: steps as f64 / pace,
                }
            })
            .collect();
        Plan::of(stages)
    }
}

/// What a stage does, in words.
fn what(stage: &Stage) -> String {
    match &stage.kind {
        Kind::Create(Source::Random { density, species }) => {
            let counts: Vec<String> = species
                .iter()
                .map(|species| {
                    format!("{} {} of {}", species.count, species.name, species.diameter)
                })
                .collect();
            format!("create {} at density {density}", counts.join(" + "))
        }
        Kind::Create(Source::File { path, frame, .. }) => {
            format!("create from {}, frame {frame}", path.display())
        }
        Kind::Create(Source::Run { folder, stage }) => {
            format!("create from {}, stage {stage}", folder.display())
        }
        Kind::Equilibrate {
            thermostat: Thermostat::None,
            ..
        } => "constant energy".to_string(),
        Kind::Equilibrate { temperatures, .. } => {
            let list: Vec<String> = temperatures.iter().map(f64::to_string).collect();
            format!("equilibrate at T = {}", list.join(", "))
        }
        Kind::Ramp { from, to, .. } => format!("ramp T = {from} to {to}"),
        Kind::Minimise(_) => "minimise".to_string(),
        Kind::Homogenise { .. } => "homogenise".to_string(),
        Kind::InherentStructures { every: 1, .. } => {
            "inherent structures of each frame".to_string()
        }
        Kind::InherentStructures { every, .. } => {
            format!("inherent structures of every {every} frames")
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = ["stage", "what", "from", "steps", "frames", "time"].map(String::from);
        let lines = self.stages.iter().map(|stage| {
            let about = if stage.is_estimate { "~" } else { "" };
            [
                stage.name.clone(),
                stage.what.clone(),
                stage.start.clone(),
                format!("{about}{}", stage.steps),
                stage
                    .frames
                    .map_or("?".to_string(), |frames| frames.to_string()),
                duration(stage.seconds),
            ]
        });
        let total = ["total", "", "", "", "", &duration(self.seconds)].map(String::from);
        let lines: Vec<[String; 6]> = [header].into_iter().chain(lines).chain([total]).collect();
        let widths: [usize; 6] = std::array::from_fn(|column| {
            let widths = lines.iter().map(|line| line[column].chars().count());
            widths.max().unwrap_or(0)
        });
        for line in &lines {
            let cells = line
                .iter()
                .zip(widths)
                .enumerate()
                .map(|(column, (cell, width))| {
                    // Words to the left, numbers to the right.
                    match column {
                        0..3 => format!("{cell:width$}"),
                        _ => format!("{cell:>width$}"),
                    }
                });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  "))?;
        }
        Ok(())
    }
}

/// A time (seconds) in the unit that suits it.
pub fn duration(seconds: f64) -> String {
    let units = [("d", 86400.0), ("h", 3600.0), ("min", 60.0)];
    match units.into_iter().find(|(_, unit)| seconds >= 2.0 * unit) {
        Some((unit, length)) => format!("{:.1} {unit}", seconds / length),
        None => format!("{seconds:.1} s"),
    }
}
