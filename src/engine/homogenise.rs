//! Virial homogenisation: particles are resized until the local pressure is the same everywhere.

use serde::{Deserialize, Serialize};

use super::fire::Minimiser;
use super::state::State;
use crate::error::{Error, Kind, Result};

/// The steps of a homogenisation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// First Δσ, by which each particle is resized (length). A negative one inverts the rule: no move is then accepted.
    pub increment: f64,
    /// How often Δσ is halved before the end.
    pub halvings: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            increment: 0.01,
            halvings: 5,
        }
    }
}

/// Diameters of one species (length).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sizes {
    /// Mean.
    pub mean: f64,
    /// Standard deviation (divided by the number of particles).
    pub deviation: f64,
    /// Smallest.
    pub smallest: f64,
    /// Largest.
    pub largest: f64,
}

/// What one iteration did, and the configuration that was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Iteration {
    /// Number of the iteration; 0 is the minimisation before the first move.
    pub iteration: usize,
    /// Whether the move was accepted.
    pub accepted: bool,
    /// |Δσ| of the move (length).
    pub increment: f64,
    /// Standard deviation of P_i that the move led to (energy/length³).
    pub deviation_tried: f64,
    /// Particles enlarged by the move.
    pub enlarged: usize,
    /// Particles with dP_i/dσ_i < 0 before the move.
    pub negative_slopes: usize,
    /// FIRE steps of the move.
    pub fire_steps: usize,
    /// max |F_i| after them (energy/length).
    pub largest_force: f64,
    /// Whether FIRE converged.
    pub fire_converged: bool,
    /// P_i in the order of the state (energy/length³).
    pub pressures: Vec<f64>,
    /// Standard deviation of P_i (energy/length³).
    pub deviation: f64,
    /// Mean of P_i (energy/length³).
    pub mean: f64,
    /// W/(3V), the bulk configurational pressure (energy/length³).
    pub bulk_pressure: f64,
    /// U/N (energy).
    pub potential_energy: f64,
    /// Mean of all diameters (length).
    pub mean_diameter: f64,
    /// Diameters by species, in the order of the state's names.
    pub sizes: Vec<Sizes>,
    /// (π/6) Σ σ_i³/V.
    pub volume_fraction: f64,
}

/// Where a homogenisation stands: with the state, all that is needed to go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Homogenisation {
    increment: f64,
    halvings_left: u32,
    iteration: usize,
    converged: bool,
}

impl Homogenisation {
    /// A homogenisation before its first minimisation.
    pub fn new(settings: Settings) -> Self {
        Homogenisation {
            increment: settings.increment,
            halvings_left: settings.halvings,
            iteration: 0,
            converged: false,
        }
    }

    /// Whether a further halving of Δσ would have been needed.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// The next iteration (the first call: the first minimisation); `None` once converged.
    pub fn iterate(
        &mut self,
        state: &mut State,
        minimiser: &mut Minimiser,
    ) -> Result<Option<Iteration>> {
        let _ = (state, minimiser);
        todo!()
    }
}
