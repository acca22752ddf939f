//! `msd`: how far particles have moved, from a reference frame or over lag times.
//!
//! ```
//! use hyalo::analysis::msd;
//! use hyalo::library::{analyse, read};
//!
//! let ramp = "fixtures/lammps/heat_wrapped.lammpstrj.gz";
//! let frames = analyse::<msd::Arguments>("", read(ramp)?)?;
//! let squared = frames.table("frames").numbers("msd");
//! assert_eq!(squared[0], 0.0);
//! assert!(squared.last() > Some(&1.0), "it has melted");
//!
//! let lags = analyse::<msd::Arguments>("--lags log", read(ramp)?.take(20))?;
//! assert!(lags.table("lags").numbers("alpha2").iter().any(|alpha2| *alpha2 > 0.0));
//! # Ok::<(), hyalo::error::Error>(())
//! ```

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::followed::Drift;
use super::{Abscissa, Command, Runner, Wanted, check_at};
use crate::error::{Error, Result};

pub mod lags;
pub mod reference;

use lags::ByLag;
use reference::FromReference;

/// Lags a decade, at most.
const MOST_PER_DECADE: u32 = 10_000;

/// Arguments of `msd`.
#[derive(Args, Clone, Debug, Serialize)]
pub struct Arguments {
    /// Average over time origins, by lag time, instead of from a reference frame. `linear`: every lag; `log`: lags spread evenly on a
    /// logarithmic axis. Frames may be unevenly spaced
    #[arg(long, value_name = "linear|log")]
    pub lags: Option<Spacing>,

    /// Lags a decade, with --lags log
    #[arg(long, value_name = "N", default_value_t = 20, requires = "lags")]
    pub per_decade: u32,

    /// Frame of the input, from 0, that displacements are measured from; it need not be among --frames, which start there or later. Particles
    /// without image flags are followed from it through every frame. Default: the first frame used
    #[arg(long, value_name = "FRAME")]
    pub reference: Option<usize>,

    /// Whether the drift of the centre of mass of the particles that are kept is removed (of their geometric centre, where masses are not known)
    #[arg(long, value_name = "remove|keep", default_value = "remove")]
    pub drift: Drift,

    /// ⟨Δr²⟩ (length²) at which the summary gives the temperature
    #[arg(
        long,
        value_name = "VALUE",
        default_value_t = 1.0,
        allow_negative_numbers = true,
        conflicts_with = "lags"
    )]
    pub threshold: f64,

    /// What the figures of displacements are drawn against. Default: the temperature, else the time, the step or the frame
    #[arg(long, value_name = "temperature|time|step|frame")]
    pub against: Option<Abscissa>,

    /// Temperatures whose displacement histograms the figure `histogram` shows, those of the nearest frames (times, steps or frames where there
    /// is no temperature). Default: where ⟨Δr²⟩ first reaches 0.1, 1 and 10 times the threshold
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
        allow_negative_numbers = true,
        conflicts_with = "lags"
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

impl Command for Arguments {
    const MANUAL: &'static str = include_str!("manual.txt");
    const MODES: &'static [&'static str] = &["", "--lags log"];

    fn run(&self, wanted: Wanted, runner: &mut impl Runner) -> Result<()> {
        match self.lags {
            None => {
                check_at(&self.at, wanted.figure("histogram"), "histogram")?;
                runner.run(FromReference::new(self.clone(), wanted))
            }
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
        if self.per_decade > MOST_PER_DECADE {
            let what = format!(
                "--per-decade {} is more than {MOST_PER_DECADE}",
                self.per_decade
            );
            return Err(Error::new(what).help("20 is usual; --lags linear takes every lag"));
        }
        if self.lags.is_some() && self.against.is_some() {
            let what = "--against goes with displacements from a reference frame, not with --lags";
            return Err(Error::new(what).help("leave one of the two out"));
        }
        if self.lags.is_some() && self.reference.is_some() {
            let what = "--lags averages over time origins and takes no --reference";
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
