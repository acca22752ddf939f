//! Virial homogenisation: particles are resized until the local pressure is the same everywhere.
//!
//! Leoni, Russo, Sciortino and Yanagishima, "Generating ultrastable glasses by homogenizing the local virial stress", Methods.

use serde::{Deserialize, Serialize};

use super::fire::{Minimise, Minimum};
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
    /// Standard deviation of P_i that the move led to (energy/length³); where there was no minimisation, the one before it.
    pub deviation_tried: f64,
    /// The minimisation after the move; `None` where the box had no room for the particles as the move would have made them.
    pub minimum: Option<Minimum>,
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
    /// move is accepted if the standard deviation of P_i fell; else, and where the box has no room for the particles, the configuration is
    /// what it was and Δσ is halved.
    ///
    /// Fails as [`Minimise::minimise`] does, and when a diameter would vanish.
    pub fn iterate(
        &mut self,
        state: &mut State,
        minimiser: &mut impl Minimise,
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

    fn start(&self, state: &mut State, minimiser: &mut impl Minimise) -> Result<Iteration> {
        let minimum = minimiser.minimise(state)?;
        let (totals, local) = measure(state, minimiser)?;
        Ok(self.record(true, Some(minimum), state, totals, local))
    }

    fn resize(&mut self, state: &mut State, minimiser: &mut impl Minimise) -> Result<Iteration> {
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
        let tried = match minimiser.has_room(state) {
            true => Some((minimiser.minimise(state)?, measure(state, minimiser)?)),
            false => None,
        };
        let minimum = tried.as_ref().map(|(minimum, _)| *minimum);
        let deviation_tried = match &tried {
            Some((_, (_, after))) => after.deviation,
            None => before.deviation,
        };
        let accepted = deviation_tried < before.deviation;
        let iteration = Iteration {
            enlarged: changes.iter().filter(|change| **change > 0.0).count(),
            negative_slopes: negative(&before.slopes),
            deviation_tried,
            ..match tried.filter(|_| accepted) {
                Some((_, (totals, after))) => self.record(true, minimum, state, totals, after),
                None => {
                    *state = kept;
                    self.record(false, minimum, state, totals_before, before)
                }
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
        minimum: Option<Minimum>,
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
fn measure(state: &State, minimiser: &mut impl Minimise) -> Result<(Totals, LocalPressure)> {
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

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use super::super::dynamics::Dynamics;
    use super::super::fire::{self, Minimiser};
    use super::super::state::Component;
    use super::super::thermostat::{StochasticRescaling, Thermostat};
    use super::*;
    use crate::kernel::naive;
    use crate::physics::potential::Potential;

    fn potential() -> Potential {
        Potential::wahnstrom()
    }

    /// A glass, cooled from the liquid.
    fn start() -> (State, Minimiser) {
        static GLASS: OnceLock<State> = OnceLock::new();
        let settings = fire::Settings::default();
        let glass = GLASS.get_or_init(|| {
            let components = [("A", 1.0), ("B", 1.2)].map(|(name, diameter)| Component {
                name: name.to_string(),
                count: 250,
                diameter,
            });
            let mut state = State::random(&components, 0.75, 5);
            let mut minimiser = Minimiser::new(&state, potential(), settings, 1);
            minimiser.minimise(&mut state).unwrap();
            state.draw_velocities(1.0, 1);
            let thermostat = Thermostat::Rescaling(StochasticRescaling::new(0.1, 1));
            let mut dynamics = Dynamics::new(&state, potential(), thermostat, 0.005, 1);
            for step in 0..10_000 {
                let temperature = 1.0 - 0.9 * f64::from(step) / 10_000.0;
                dynamics.step(&mut state, temperature).unwrap();
            }
            state
        });
        let minimiser = Minimiser::new(glass, potential(), settings, 1);
        (glass.clone(), minimiser)
    }

    fn all(settings: Settings, state: &mut State, minimiser: &mut impl Minimise) -> Vec<Iteration> {
        let mut homogenisation = Homogenisation::new(settings);
        let next = || homogenisation.iterate(state, minimiser).unwrap();
        let iterations = std::iter::from_fn(next).collect();
        assert!(homogenisation.converged());
        iterations
    }

    fn local(state: &State) -> LocalPressure {
        let (_, particles) = naive::evaluate(
            &potential(),
            state.edges,
            &state.diameters,
            &state.positions,
            &mut Default::default(),
        );
        LocalPressure::new(state.density(), &particles)
    }

    #[test]
    fn slopes_are_the_derivatives_of_pressures() {
        let (mut state, mut minimiser) = start();
        minimiser.minimise(&mut state).unwrap();
        let slopes = local(&state).slopes;
        for i in [0, 40, 499] {
            let h = 1e-5;
            let at = |change: f64| {
                let mut state = state.clone();
                state.diameters[i] += change;
                local(&state).pressures[i]
            };
            let slope = (at(h) - at(-h)) / (2.0 * h);
            assert!((slopes[i] / slope - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn the_rule_honours_the_sign_of_the_slope() {
        let local = LocalPressure {
            pressures: vec![1.0, 3.0, 1.0, 3.0],
            slopes: vec![5.0, 5.0, -5.0, -5.0],
            mean: 2.0,
            deviation: 1.0,
        };
        assert_eq!(local.changes(0.5), [0.5, -0.5, -0.5, 0.5]);
    }

    #[test]
    fn the_local_pressure_becomes_the_same_everywhere() {
        let (mut state, mut minimiser) = start();
        let iterations = all(Settings::default(), &mut state, &mut minimiser);
        let [first, .., last] = &iterations[..] else {
            panic!("{iterations:?}")
        };
        let mut deviation = f64::INFINITY;
        let mut increment = 0.01;
        for (k, one) in iterations.iter().enumerate() {
            assert_eq!((one.iteration, one.increment), (k, increment));
            assert!(one.minimum.unwrap().converged);
            assert_eq!(one.accepted, one.deviation_tried < deviation);
            if one.accepted {
                assert_eq!(one.local.deviation, one.deviation_tried);
                deviation = one.local.deviation;
            } else {
                assert!((one.local.deviation / deviation - 1.0).abs() < 1e-12);
                increment *= 0.5;
            }
            assert!((one.local.mean - one.bulk_pressure).abs() < 1e-10);
        }
        let rejected = iterations.iter().filter(|one| !one.accepted).count();
        assert_eq!(rejected, 6);
        assert!(!last.accepted);
        assert_eq!(last.increment, 0.01 / 32.0);
        assert!(first.local.deviation > 3.0 * last.local.deviation);
        assert!(first.potential_energy > last.potential_energy + 0.2);
        // The last iteration describes the state that is left, which is still a minimum.
        let found = local(&state);
        assert!((found.deviation / last.local.deviation - 1.0).abs() < 1e-9);
        let pressures = std::iter::zip(&found.pressures, &last.local.pressures);
        assert!(pressures.into_iter().all(|(a, b)| (a - b).abs() < 1e-9));
        assert_eq!(last.volume_fraction, state.volume_fraction());
        for (k, sizes) in last.sizes.iter().enumerate() {
            let each = std::iter::zip(&state.species, &state.diameters);
            let of: Vec<f64> = each
                .filter(|(species, _)| **species as usize == k)
                .map(|(_, sigma)| *sigma)
                .collect();
            assert!(
                of.iter()
                    .all(|s| (sizes.smallest..=sizes.largest).contains(s))
            );
            assert!((of.iter().sum::<f64>() / 250.0 - sizes.mean).abs() < 1e-12);
            let squares = of.iter().map(|s| s * s).sum::<f64>() / 250.0;
            assert!((squares - sizes.mean.powi(2) - sizes.deviation.powi(2)).abs() < 1e-12);
        }
        let masses = std::iter::zip(&state.masses, &state.diameters);
        assert!(masses.into_iter().all(|(m, s)| *m == s.powi(3)));
        assert!(minimiser.minimise(&mut state).unwrap().steps == 0);
    }

    /// Ten moves by the rule come first: a glass that is fresh from the liquid may rearrange, and so gain, under any move.
    #[test]
    fn the_inverted_rule_changes_nothing() {
        let (mut state, mut minimiser) = start();
        let mut homogenisation = Homogenisation::new(Settings::default());
        for _ in 0..11 {
            homogenisation.iterate(&mut state, &mut minimiser).unwrap();
        }
        state.sort_by_id();
        let before = state.clone();
        let settings = Settings {
            increment: -0.01,
            ..Settings::default()
        };
        let iterations = all(settings, &mut state, &mut minimiser);
        assert_eq!(iterations.len(), 7);
        assert!(iterations[1..].iter().all(|one| !one.accepted));
        state.sort_by_id();
        assert!(state == before);
    }

    #[test]
    fn a_resumed_homogenisation_is_the_one_that_never_stopped() {
        let (mut state, mut minimiser) = start();
        let whole = all(Settings::default(), &mut state, &mut minimiser);
        let (mut other, mut minimiser) = start();
        let mut homogenisation = Homogenisation::new(Settings::default());
        let mut iterations = Vec::new();
        while let Some(one) = homogenisation.iterate(&mut other, &mut minimiser).unwrap() {
            iterations.push(one);
            if iterations.len() % 5 == 0 {
                let stored = serde_json::to_value((&other, &homogenisation)).unwrap();
                (other, homogenisation) = serde_json::from_value(stored).unwrap();
                other.sort_by_id();
                minimiser = start().1;
            }
        }
        assert!(iterations == whole);
        state.sort_by_id();
        other.sort_by_id();
        assert!(other == state);
    }
}
