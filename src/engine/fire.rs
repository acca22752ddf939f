//! The nearest minimum of the potential energy by FIRE, built from the same kick and drift as the dynamics.

use serde::{Deserialize, Serialize};

use super::dynamics::{drift, half_kick};
use super::state::State;
use crate::error::{Error, Kind, Result};
use crate::kernel::{Field, PerParticle, Precision, Totals};
use crate::physics::potential::Potential;

/// When a minimisation ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// It has converged when max |F_i| is below this (energy/length).
    pub force_tolerance: f64,
    /// It has failed after so many steps.
    pub step_limit: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            force_tolerance: 1e-6,
            step_limit: 100_000,
        }
    }
}

/// How a minimisation ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Minimum {
    /// Whether max |F_i| fell below the tolerance.
    pub converged: bool,
    /// Steps taken, one evaluation of the forces each.
    pub steps: usize,
    /// max |F_i| (energy/length).
    pub largest_force: f64,
    /// Energy and virial of all pairs.
    pub totals: Totals,
}

/// FIRE (Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006), DOI 10.1103/PhysRevLett.97.170201) with every mass 1.
pub struct Minimiser {
    field: Field,
    potential: Potential,
    settings: Settings,
    forces: [Vec<f64>; 3],
    velocities: [Vec<f64>; 3],
    masses: Vec<f64>,
}

impl Minimiser {
    /// A minimiser for states of this box and number of particles, forces by `threads` threads in double precision.
    pub fn new(state: &State, potential: Potential, settings: Settings, threads: usize) -> Self {
        let _ = (state, potential, settings, threads);
        todo!()
    }

    /// Moves the particles to the nearest minimum at constant volume; they are sorted in space and their velocities are zero after.
    ///
    /// Fails when the box is too small for the largest diameter or when a force is not a finite number.
    pub fn minimise(&mut self, state: &mut State) -> Result<Minimum> {
        let _ = state;
        todo!()
    }
}
