//! What the user knows and the trajectory does not tell: diameters, masses, temperatures, the cell, steps and times.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use nalgebra::Vector3;

use super::lammps_log::Session;
use crate::data::cell::Cell;
use crate::data::frame::Frame;
use crate::error::{Error, Result, listed};

/// A positive number for each particle: diameters or masses.
#[derive(Clone, Debug, PartialEq)]
pub enum PerParticle {
    /// By species: `A=1.0,B=1.2`.
    Species(Vec<(String, f64)>),
    /// From a column of the input: `column:NAME`.
    Column(String),
    /// By id, from a table.
    Ids(Arc<HashMap<i64, f64>>),
}

impl PerParticle {
    /// Looks up the values of a frame's particles. `what` is `diameter` or `mass`, for messages.
    ///
    /// Errors: a species, id or column that is missing; a value that is not positive.
    pub fn values(&self, frame: &Frame, what: &str) -> Result<Vec<f64>> {
        let values: Vec<f64> = match self {
            PerParticle::Species(pairs) => {
                let of_species = |name: &Arc<str>| {
                    let known = pairs.iter().find(|(species, _)| **species == **name);
                    known.map(|(_, value)| *value).ok_or_else(|| {
                        let given = pairs.iter().map(|(species, _)| species.as_str());
                        Error::new(format!("no {what} is given for the species {name}"))
                            .help(format!("those given are for {}", listed(given, ", ")))
                    })
                };
                let by_species = frame
                    .species
                    .names
                    .iter()
                    .map(of_species)
                    .collect::<Result<Vec<f64>>>()?;
                frame
                    .species
                    .of
                    .iter()
                    .map(|&index| by_species[index as usize])
                    .collect()
            }
            PerParticle::Column(name) => {
                // These have been taken out of the columns by name.
                let known = match name.as_str() {
                    "diameter" => frame.diameters.clone(),
                    "radius" => (frame.diameters.as_ref())
                        .map(|diameters| diameters.iter().map(|diameter| 0.5 * diameter).collect()),
                    "mass" => frame.masses.clone(),
                    _ => None,
                };
                let column = known.or_else(|| {
                    let column = frame.column(name).filter(|column| column.width == 1)?;
                    column.values.to_reals()
                });
                column.ok_or_else(|| {
                    let taken = [
                        ("diameter", frame.diameters.is_some()),
                        ("radius", frame.diameters.is_some()),
                        ("mass", frame.masses.is_some()),
                    ];
                    let taken = taken.iter().filter(|(_, is_there)| *is_there);
                    let present: Vec<&str> = (frame.columns.iter())
                        .map(|column| column.name.as_str())
                        .chain(taken.map(|(name, _)| *name))
                        .collect();
                    Error::new(format!(
                        "the input has no column of numbers named '{name}' for the {what}"
                    ))
                    .help(match present[..] {
                        [] => "it has no further columns".to_string(),
                        _ => format!("its further columns are: {}", listed(present, " ")),
                    })
                })?
            }
            PerParticle::Ids(table) => {
                let of_id = |id: &i64| {
                    table.get(id).copied().ok_or_else(|| {
                        Error::new(format!("the table has no {what} for id {id}"))
                            .help("it needs a row for every particle")
                    })
                };
                frame.ids.iter().map(of_id).collect::<Result<_>>()?
            }
        };
        if let Some(row) = values
            .iter()
            .position(|value| !(*value > 0.0 && value.is_finite()))
        {
            let what = format!(
                "the {what} of particle {} is {}, not a positive number",
                frame.ids[row], values[row]
            );
            return Err(Error::new(what).help("correct it where it is given"));
        }
        Ok(values)
    }
}

/// Where the temperature of a frame comes from.
#[derive(Clone, Debug)]
pub enum Temperature {
    /// Linear from the first frame of the input to its last: in the step where there are steps, else in the frame.
    Ramp {
        /// At the first and at the last frame (energy / k_B).
        ends: [f64; 2],
        /// What the whole input holds.
        extent: Extent,
    },
    /// A LAMMPS log or a table with step and temperature.
    Steps {
        /// The name of the log or table, for messages.
        name: String,
        /// Its sessions; the last one that has the steps of the input's first frame and of the first one used is used, else the last that
        /// has the latter.
        sessions: Arc<Vec<Session>>,
    },
    /// A key of the frame.
    Key(String),
    /// The kinetic temperature Σ m v² / (3N − 3) from velocities and masses, as LAMMPS's `compute temp`.
    Velocities,
}

/// The length of an input, from a first pass over it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Number of frames.
    pub frames: usize,
    /// Steps of the first and the last frame, where every frame tells.
    pub steps: Option<(i64, i64)>,
    /// The first frame whose step lies before that of the frame before it.
    pub goes_back: Option<usize>,
}

/// A step for each frame: `START:EVERY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    start: i64,
    every: i64,
}

impl FromStr for Steps {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parts = text
            .split_once(':')
            .and_then(|(start, every)| Some((start.parse().ok()?, every.parse().ok()?)));
        let (start, every) = parts.ok_or("write START:EVERY, such as 0:1000")?;
        if every < 1 {
            return Err("the steps must increase".to_string());
        }
        Ok(Steps { start, every })
    }
}

impl Steps {
    /// The step of the frame at `ordinal`.
    pub fn at(&self, ordinal: usize) -> i64 {
        self.start
            .saturating_add(self.every.saturating_mul(ordinal as i64))
    }
}

/// A cell given by the user: `LX,LY,LZ` or `LX,LY,LZ,XY,XZ,YZ`, periodic along all edges.
pub fn parse_cell(text: &str) -> std::result::Result<Cell, String> {
    let values: Option<Vec<f64>> = text.split(',').map(super::columns::real).collect();
    let (lengths, tilt) = match values.as_deref() {
        Some(&[x, y, z]) => ([x, y, z], [0.0; 3]),
        Some(&[x, y, z, xy, xz, yz]) => ([x, y, z], [xy, xz, yz]),
        _ => return Err("write LX,LY,LZ or LX,LY,LZ,XY,XZ,YZ".to_string()),
    };
    let edges = [
        Vector3::new(lengths[0], 0.0, 0.0),
        Vector3::new(tilt[0], lengths[1], 0.0),
        Vector3::new(tilt[1], tilt[2], lengths[2]),
    ];
    Cell::new(edges, Vector3::zeros(), [true; 3]).map_err(|error| error.to_string())
}

/// Everything that is attached to the frames of one input.
#[derive(Clone, Debug, Default)]
pub struct Attachments {
    /// The cell of every frame, instead of the input's, whose origin and periodicity stay.
    pub cell: Option<Cell>,
    /// The step of every frame, instead of the input's.
    pub steps: Option<Steps>,
    /// Length of an integration step (time): gives the time where the input does not.
    pub timestep: Option<f64>,
    /// Diameters, instead of the input's.
    pub diameters: Option<PerParticle>,
    /// Masses, instead of the input's.
    pub masses: Option<PerParticle>,
    /// Particles without ids stand in the same order in every frame.
    pub ordered: bool,
    /// Temperatures; by default the frame's key `temperature`.
    pub temperature: Option<Temperature>,
}

impl Attachments {
    /// Attaches what particles are followed by: the cell, and whether they are in order.
    pub fn place(&self, frame: &mut Frame) {
        frame.unordered &= !self.ordered;
        if let Some(cell) = &self.cell {
            let edges = [0, 1, 2].map(|axis| cell.edge(axis));
            let as_before = |own: &Cell| Cell::new(edges, own.origin(), own.periodic()).ok();
            let placed = frame.cell.as_ref().and_then(as_before);
            frame.cell = Some(placed.unwrap_or_else(|| cell.clone()));
        }
    }
}

/// The step of the first frame of an input, once that has been read.
pub type FirstStep = Arc<OnceLock<Option<i64>>>;

/// Attaches to the frames of one input, in their order.
pub struct Attacher {
    attachments: Attachments,
    first_step: FirstStep,
    session: Option<usize>,
    /// Step of the frame before.
    last_step: Option<i64>,
}

impl Attacher {
    /// An attacher that has not seen a frame.
    pub fn new(attachments: Attachments, first_step: FirstStep) -> Self {
        Attacher {
            attachments,
            first_step,
            session: None,
            last_step: None,
        }
    }

    /// Completes the next frame.
    pub fn apply(&mut self, frame: Frame) -> Result<Frame> {
        let ordinal = frame.ordinal;
        self.complete(frame)
            .map_err(|error| error.in_frame(ordinal))
    }

    fn complete(&mut self, mut frame: Frame) -> Result<Frame> {
        let with = &self.attachments;
        with.place(&mut frame);
        if let Some(steps) = with.steps {
            frame.step = Some(steps.at(frame.ordinal));
        }
        if let (None, Some(step), Some(timestep)) = (frame.time, frame.step, with.timestep) {
            frame.time = Some(step as f64 * timestep);
        }
        if let Some(diameters) = &with.diameters {
            frame.diameters = Some(diameters.values(&frame, "diameter")?);
        }
        if let Some(masses) = &with.masses {
            frame.masses = Some(masses.values(&frame, "mass")?);
        }
        frame.temperature = match &with.temperature {
            None => frame
                .key("temperature")
                .and_then(super::columns::real)
                .filter(|temperature| temperature.is_finite()),
            Some(Temperature::Ramp { ends, extent }) => Some(ramp(*ends, extent, &frame)),
            Some(Temperature::Steps { name, sessions }) => {
                let before = std::mem::replace(&mut self.last_step, frame.step);
                if sessions.len() > 1 && frame.step.is_some() && frame.step < before {
                    return Err(goes_back(&format!(
                        "{name} has {} sessions",
                        sessions.len()
                    )));
                }
                let first = match with.steps {
                    Some(steps) => Some(steps.at(0)),
                    None => self.first_step.get().copied().flatten(),
                };
                Some(joined(&mut self.session, name, sessions, first, &frame)?)
            }
            Some(Temperature::Key(name)) => {
                let text = frame.key(name).ok_or_else(|| {
                    let present: Vec<&str> =
                        frame.keys.iter().map(|(key, _)| key.as_str()).collect();
                    Error::new(format!("the frame has no key '{name}'")).help(match present[..] {
                        [] => "it has no keys".to_string(),
                        _ => format!("its keys are: {}", present.join(" ")),
                    })
                })?;
                let value = super::columns::real(text).filter(|value| value.is_finite());
                Some(value.ok_or_else(|| {
                    Error::new(format!("the key '{name}' is '{text}', not a temperature"))
                })?)
            }
            Some(Temperature::Velocities) => Some(kinetic(&frame)?),
        };
        Ok(frame)
    }
}

/// The error of a frame whose step lies before that of the frame before it; `why` that matters.
pub fn goes_back(why: &str) -> Error {
    Error::new(format!("the steps go back here, and {why}"))
        .help("split the input here, or give its steps with --steps START:EVERY")
}

fn ramp([from, to]: [f64; 2], extent: &Extent, frame: &Frame) -> f64 {
    let fraction = match (extent.steps, frame.step) {
        (Some((first, last)), Some(step)) if last > first => {
            (step as f64 - first as f64) / (last as f64 - first as f64)
        }
        _ if extent.frames > 1 => frame.ordinal as f64 / (extent.frames - 1) as f64,
        _ => 0.0,
    };
    from + (to - from) * fraction
}

fn joined(
    session: &mut Option<usize>,
    name: &str,
    sessions: &[Session],
    first: Option<i64>,
    frame: &Frame,
) -> Result<f64> {
    let step = frame.step.ok_or_else(|| {
        Error::new(format!("the frame has no step to look up in {name}"))
            .help("give the steps with --steps START:EVERY")
    })?;
    let chosen = *session.get_or_insert_with(|| {
        let knows = |session: &Session, step| session.temperature(step).is_some();
        // The one of the whole input, so that parts of it have the temperatures of the whole.
        let of_all = first.and_then(|first| {
            let mut sessions = sessions.iter();
            sessions.rposition(|session| knows(session, first) && knows(session, step))
        });
        of_all
            .or_else(|| sessions.iter().rposition(|session| knows(session, step)))
            .unwrap_or(sessions.len() - 1)
    });
    sessions[chosen].temperature(step).ok_or_else(|| {
        let (first, last) = sessions[chosen].steps();
        Error::new(format!("{name} has no temperature for step {step}")).help(format!(
            "its steps go from {first} to {last}; every frame used needs one"
        ))
    })
}

fn kinetic(frame: &Frame) -> Result<f64> {
    let velocities = frame.velocities().ok_or_else(|| {
        Error::new("the input has no velocities")
            .help("take the temperature from a log, a table, a key or a ramp")
    })?;
    let masses = frame.masses.as_ref().ok_or_else(|| {
        Error::new("a temperature from velocities needs masses")
            .help("give them with --masses A=1.0,B=1.728")
    })?;
    if let Some(units) = frame.key("units").filter(|units| *units != "lj") {
        let what =
            format!("velocities give a temperature in units of energy, and the units are {units}");
        return Err(
            Error::new(what).help("take the temperature from a log, a table, a key or a ramp")
        );
    }
    if frame.len() < 2 {
        return Err(Error::new(
            "a temperature from velocities needs two particles or more",
        ));
    }
    let velocities = velocities.as_chunks().0.iter();
    let twice_kinetic: f64 = velocities
        .zip(masses)
        .map(|([x, y, z], mass)| mass * (x * x + y * y + z * z))
        .sum();
    Ok(twice_kinetic / (3 * frame.len() - 3) as f64)
}
