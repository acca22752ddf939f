//! `msd`: how far particles have moved, from a reference frame or over lag times.

use clap::{Args, ValueEnum};
use serde::Serialize;

use nalgebra::Vector3;

use super::{Abscissa, Command, Runner, Wanted};
use crate::data::frame::{Coordinates, Frame};
use crate::error::{Error, Result};

pub mod lags;
pub mod reference;

use lags::ByLag;
use reference::FromReference;

/// Arguments of `msd`.
#[derive(Args, Clone, Debug, Serialize)]
pub struct Arguments {
    /// Average over time origins, by lag time, instead of from a reference frame. `linear`: every lag; `log`: lags spread evenly on a
    /// logarithmic axis. Frames may be unevenly spaced
    #[arg(long, value_name = "linear|log")]
    pub lags: Option<Spacing>,

    /// Lags a decade, with --lags log
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub per_decade: u32,

    /// Whether the drift of the centre of mass is removed (of the geometric centre, where masses are not known)
    #[arg(long, value_name = "remove|keep", default_value = "remove")]
    pub drift: Drift,

    /// ⟨Δr²⟩ (length²) at which the summary gives the temperature
    #[arg(
        long,
        value_name = "VALUE",
        default_value_t = 1.0,
        allow_negative_numbers = true
    )]
    pub threshold: f64,

    /// What the figures of displacements are drawn against. Default: the temperature, else the time, the step or the frame
    #[arg(long, value_name = "temperature|time|step|frame")]
    pub against: Option<Abscissa>,

    /// Temperatures whose displacement histograms the figure `histogram` shows (times, steps or frames where there is no temperature).
    /// Default: where ⟨Δr²⟩ first reaches 0.1, 1 and 10 times the threshold
    #[arg(
        long,
        value_name = "T,…",
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    pub at: Vec<f64>,

    /// Width of the histogram's bins in log₁₀ Δr
    #[arg(
        long,
        value_name = "WIDTH",
        default_value_t = 0.05,
        allow_negative_numbers = true
    )]
    pub bin_width: f64,
}

/// How lags are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Spacing {
    /// Every lag there is.
    Linear,
    /// Evenly on a logarithmic axis.
    Log,
}

/// What becomes of the drift of the centre of mass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Drift {
    /// Taken off every displacement.
    Remove,
    /// Left in.
    Keep,
}

impl Command for Arguments {
    fn run(&self, wanted: Wanted, runner: &mut impl Runner) -> Result<()> {
        match self.lags {
            None => runner.run(FromReference::new(self.clone(), wanted)),
            Some(_) => runner.run(ByLag::new(self.clone())),
        }
    }

    fn check(&self) -> Result<()> {
        if !(self.threshold > 0.0 && self.threshold.is_finite()) {
            return Err(
                Error::new(format!("--threshold {} is not positive", self.threshold))
                    .help("give a squared displacement, such as 1"),
            );
        }
        if !(self.bin_width >= 0.001 && self.bin_width <= 1.0) {
            return Err(Error::new(format!(
                "--bin-width {} is not between 0.001 and 1",
                self.bin_width
            ))
            .help("0.05 is usual"));
        }
        if self.per_decade == 0 {
            return Err(Error::new("--per-decade 0 leaves no lag").help("20 is usual"));
        }
        if self.lags.is_some() && self.against.is_some() {
            let what = "--against goes with displacements from a reference frame, not with --lags";
            return Err(Error::new(what).help("leave one of the two out"));
        }
        if self.lags.is_some() && !self.at.is_empty() {
            return Err(Error::new(
                "--at goes with displacements from a reference frame, not with --lags",
            )
            .help("leave one of the two out"));
        }
        Ok(())
    }
}

/// The particles that are followed: ids and masses of the first frame.
pub struct Followed {
    ids: Vec<i64>,
    weights: Option<Vec<f64>>,
    drift: Drift,
}

impl Followed {
    fn of(first: &Frame, drift: Drift) -> Result<Self> {
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
    fn positions(&self, frame: &Frame) -> Result<Vec<Vector3<f64>>> {
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
        let centre = match self.drift {
            Drift::Keep => Vector3::zeros(),
            Drift::Remove => self.centre(&frame.positions),
        };
        Ok(frame
            .positions
            .iter()
            .map(|position| position - centre)
            .collect())
    }

    fn centre(&self, positions: &[Vector3<f64>]) -> Vector3<f64> {
        match &self.weights {
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
}
