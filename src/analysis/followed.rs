//! Particles that are followed from frame to frame, and what becomes of their drift.

use clap::ValueEnum;
use nalgebra::Vector3;
use serde::Serialize;

use crate::data::frame::{Coordinates, Frame};
use crate::error::{Error, Result};

/// What becomes of the drift of the centre of mass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Drift {
    /// Taken off every displacement.
    Remove,
    /// Left in.
    Keep,
}

/// The particles that are followed: ids and masses of the first frame.
pub struct Followed {
    /// Ids of the particles.
    pub ids: Vec<i64>,
    /// Their masses, where they are known: weights of the centre.
    pub weights: Option<Vec<f64>>,
    drift: Drift,
}

impl Followed {
    /// The particles of the first frame.
    pub fn of(first: &Frame, drift: Drift) -> Result<Self> {
        if first.unordered {
            let what =
                "the dump has no column id, so particles cannot be followed from frame to frame";
            return Err(Error::new(what)
                .help("dump the ids; or use --ordered if the particles stand in the same order in every frame")
                .in_frame(first.ordinal));
        }
        if first.is_empty() {
            return Err(Error::new("the frame has no particle")
                .help("displacements need the same particles throughout: select frames or species")
                .in_frame(first.ordinal));
        }
        Ok(Followed {
            ids: first.ids.clone(),
            weights: first.masses.clone(),
            drift,
        })
    }

    /// Positions relative to the centre of mass (or as they are, if the drift is kept), of the same particles in the same order.
    pub fn positions(&self, frame: &Frame) -> Result<Vec<Vector3<f64>>> {
        if frame.ids != self.ids {
            let what = match frame.len() == self.ids.len() {
                true => "the ids are not those of the first frame used".to_string(),
                false => format!(
                    "there are {} particles where the first frame used has {}",
                    frame.len(),
                    self.ids.len()
                ),
            };
            return Err(Error::new(what)
                .help("displacements need the same particles throughout: select frames or species")
                .in_frame(frame.ordinal));
        }
        if let Coordinates::Images(_) = frame.coordinates {
            return Err(Error::new("the positions are wrapped")
                .help("leave --unwrap at auto")
                .in_frame(frame.ordinal));
        }
        let centre = self.centre(&frame.positions);
        Ok(frame
            .positions
            .iter()
            .map(|position| position - centre)
            .collect())
    }

    /// The centre of mass, from which positions are measured: the geometric centre where masses are not known, the origin where the
    /// drift is kept.
    pub fn centre(&self, positions: &[Vector3<f64>]) -> Vector3<f64> {
        match &self.weights {
            _ if self.drift == Drift::Keep => Vector3::zeros(),
            Some(weights) => {
                let sum: Vector3<f64> = positions
                    .iter()
                    .zip(weights)
                    .map(|(position, weight)| position * *weight)
                    .sum();
                sum / weights.iter().sum::<f64>()
            }
            None => positions.iter().sum::<Vector3<f64>>() / positions.len() as f64,
        }
    }

    /// What became of the drift, for summaries.
    pub fn told(&self) -> &'static str {
        match (self.drift, &self.weights) {
            (Drift::Keep, _) => "drift kept",
            _ if self.ids.len() == 1 => {
                "the only particle is its own centre, and stays there without --drift keep"
            }
            (Drift::Remove, Some(_)) => "drift of the centre of mass removed",
            (Drift::Remove, None) => "drift of the geometric centre removed (masses not known)",
        }
    }
}
