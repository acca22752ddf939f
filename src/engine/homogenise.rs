//! Virial homogenisation: particles are resized until the local pressure is the same everywhere.
//!
//! Leoni, Russo, Sciortino and Yanagishima, "Generating ultrastable glasses by homogenizing the local virial stress", Methods.

use serde::{Deserialize, Serialize};

use super::fire::{Minimiser, Minimum};
use super::state::State;
use crate::error::{Error, Kind, Result};
use crate::kernel::{PerParticle, Totals};

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

/// What one iteration did, and the configuration that was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Iteration {
    /// Number of the iteration; 0 is the minimisation before the first move.
    pub iteration: usize,
    /// Whether the move was accepted.
    pub accepted: bool,
    /// |Δσ| of the move (length).
    pub increment: f64,
    /// Particles enlarged by the move.
    pub enlarged: usize,
    /// Particles with dP_i/dσ_i < 0 before the move.
    pub negative_slopes: usize,
    /// Standard deviation of P_i that the move led to (energy/length³).
    pub deviation_tried: f64,
    /// The minimisation after the move.
    pub minimum: Minimum,
    /// P_i and dP_i/dσ_i of the configuration kept, in the order of the state.
    pub local: LocalPressure,
    /// U/N of the configuration kept (energy).
    pub potential_energy: f64,
    /// W/(3V) of the configuration kept, its bulk configurational pressure (energy/length³).
    pub bulk_pressure: f64,
    /// Mean of all diameters kept (length).
    pub mean_diameter: f64,
    /// Diameters kept, by species in the order of the state's names.
    pub sizes: Vec<Sizes>,
    /// (π/6) Σ σ_i³/V of the configuration kept.
    pub volume_fraction: f64,
}

/// Local pressures, arrays of length N.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalPressure {
    /// P_i = (ρ/6) Σ_j w_ij (energy/length³).
    pub pressures: Vec<f64>,
    /// dP_i/dσ_i = (ρ/12) Σ_j v_ij/σ_ij (energy/length⁴).
    pub slopes: Vec<f64>,
    /// Mean of P_i (energy/length³).
    pub mean: f64,
    /// Standard deviation of P_i, divided by N (energy/length³).
    pub deviation: f64,
}

impl LocalPressure {
    /// From the sums over the pairs of each particle at number density ρ (1/length³).
    pub fn new(density: f64, particles: &PerParticle) -> Self {
        let scaled = |values: &[f64], factor: f64| values.iter().map(|x| factor * x).collect();
        let pressures: Vec<f64> = scaled(&particles.virial, density / 6.0);
        let (mean, deviation) = mean_and_deviation(&pressures);
        LocalPressure {
            pressures,
            slopes: scaled(&particles.virial_slope, density / 12.0),
            mean,
            deviation,
        }
    }

    /// The change of each diameter, ±`increment` (length), that moves P_i towards the mean.
    pub fn changes(&self, increment: f64) -> Vec<f64> {
        let each = std::iter::zip(&self.pressures, &self.slopes);
        each.map(|(pressure, slope)| increment * (self.mean - pressure).signum() * slope.signum())
            .collect()
    }
}

/// Diameters of some particles (length).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sizes {
    /// Mean.
    pub mean: f64,
    /// Standard deviation, divided by the number of particles.
    pub deviation: f64,
    /// Smallest.
    pub smallest: f64,
    /// Largest.
    pub largest: f64,
}

impl Sizes {
    /// Of these diameters (length).
    pub fn of(diameters: &[f64]) -> Self {
        let (mean, deviation) = mean_and_deviation(diameters);
        Sizes {
            mean,
            deviation,
            smallest: diameters.iter().copied().fold(f64::INFINITY, f64::min),
            largest: diameters.iter().copied().fold(0.0, f64::max),
        }
    }
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

    /// The next iteration; `None` once converged. The first is the minimisation that comes before all moves.
    ///
    /// Every particle is resized by ±Δσ at once, so as to move P_i towards the mean, and the energy is minimised at constant volume. The
    /// move is accepted if the standard deviation of P_i fell; else the configuration is what it was and Δσ is halved.
    ///
    /// Fails as [`Minimiser::minimise`] does, and when a diameter would vanish.
    pub fn iterate(
        &mut self,
        state: &mut State,
        minimiser: &mut Minimiser,
    ) -> Result<Option<Iteration>> {
        if self.converged {
            return Ok(None);
        }
        let done = match self.iteration {
            0 => self.start(state, minimiser)?,
            _ => self.resize(state, minimiser)?,
        };
        self.iteration += 1;
        Ok(Some(done))
    }

    fn start(&self, state: &mut State, minimiser: &mut Minimiser) -> Result<Iteration> {
        let minimum = minimiser.minimise(state)?;
        let (totals, local) = measure(state, minimiser)?;
        Ok(self.record(true, minimum, state, totals, local))
    }

    fn resize(&mut self, state: &mut State, minimiser: &mut Minimiser) -> Result<Iteration> {
        minimiser.prepare(state)?;
        let (totals_before, before) = measure(state, minimiser)?;
        let kept = state.clone();
        let changes = before.changes(self.increment);
        let resized = std::iter::zip(&state.diameters, &changes);
        state.set_diameters(resized.map(|(sigma, change)| sigma + change).collect());
        if let Some(k) = state.diameters.iter().position(|sigma| *sigma <= 0.0) {
            return Err(Error::of_kind(
                Kind::NotTheAnswer,
                format!(
                    "the diameter of particle {} would fall to {}",
                    state.ids[k], state.diameters[k]
                ),
            )
            .help("use a smaller increment"));
        }
        let minimum = minimiser.minimise(state)?;
        let (totals, after) = measure(state, minimiser)?;
        let accepted = after.deviation < before.deviation;
        let iteration = Iteration {
            enlarged: changes.iter().filter(|change| **change > 0.0).count(),
            negative_slopes: negative(&before.slopes),
            deviation_tried: after.deviation,
            ..if accepted {
                self.record(true, minimum, state, totals, after)
            } else {
                *state = kept;
                self.record(false, minimum, state, totals_before, before)
            }
        };
        if !accepted {
            match self.halvings_left {
                0 => self.converged = true,
                _ => {
                    self.halvings_left -= 1;
                    self.increment *= 0.5;
                }
            }
        }
        Ok(iteration)
    }

    fn record(
        &self,
        accepted: bool,
        minimum: Minimum,
        state: &State,
        totals: Totals,
        local: LocalPressure,
    ) -> Iteration {
        let (mean_diameter, _) = mean_and_deviation(&state.diameters);
        Iteration {
            iteration: self.iteration,
            accepted,
            increment: self.increment.abs(),
            enlarged: 0,
            negative_slopes: negative(&local.slopes),
            deviation_tried: local.deviation,
            minimum,
            local,
            potential_energy: totals.energy / state.len() as f64,
            bulk_pressure: totals.virial / (3.0 * state.volume()),
            mean_diameter,
            sizes: sizes(state),
            volume_fraction: state.volume_fraction(),
        }
    }
}

/// Sums over all pairs and local pressures of a state that the minimiser has prepared.
fn measure(state: &State, minimiser: &mut Minimiser) -> Result<(Totals, LocalPressure)> {
    let (totals, particles) = minimiser.measure(state);
    let local = LocalPressure::new(state.density(), &particles);
    // The mean of P_i is the bulk pressure, to round-off of the sum of N terms of the size of P_i.
    let bulk = totals.virial / (3.0 * state.volume());
    if (local.mean - bulk).abs() <= 1e-10 * (local.mean.abs() + local.deviation) {
        Ok((totals, local))
    } else {
        Err(Error::of_kind(
            Kind::NotTheAnswer,
            format!(
                "the mean of the local pressures is {} but the bulk pressure {bulk}",
                local.mean
            ),
        )
        .help("this is an error of the program"))
    }
}

fn negative(slopes: &[f64]) -> usize {
    slopes.iter().filter(|slope| **slope < 0.0).count()
}

fn sizes(state: &State) -> Vec<Sizes> {
    let of = |species: u32| {
        let each = std::iter::zip(&state.species, &state.diameters);
        let diameters = each.filter(|(of, _)| **of == species);
        Sizes::of(&diameters.map(|(_, sigma)| *sigma).collect::<Vec<f64>>())
    };
    (0..state.species_names.len() as u32).map(of).collect()
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|value| (value - mean).powi(2));
    (mean, (squares.sum::<f64>() / n).sqrt())
}
