//! The nearest minimum of the potential energy by FIRE, built from the same kick and drift as the dynamics.

use serde::{Deserialize, Serialize};

use super::dynamics::{LANES, drift, half_kick};
use super::state::State;
use crate::error::{Error, Kind, Result};
use crate::kernel::{Field, PerParticle, Precision, Totals};
use crate::physics::potential::Potential;

/// Δt at first and at most (time).
pub const TIME_STEP: [f64; 2] = [0.03, 0.039];
/// N_min, the steps downhill before Δt grows.
pub const PATIENCE: usize = 2;
/// f_inc, the factor on Δt downhill.
pub const FASTER: f64 = 1.2;
/// f_dec, the factor on Δt uphill.
pub const SLOWER: f64 = 0.7;
/// α_start, the share of the force's direction in the velocity.
pub const MIXING: f64 = 0.2;
/// f_α, the factor on that share downhill.
pub const LESS_MIXING: f64 = 0.98;
/// Furthest that a particle moves in one step (length), so that overlapping particles part instead of flying off.
pub const LARGEST_MOVE: f64 = 0.1;

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

/// Where a minimisation stands, beside the positions and the minimiser's velocities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Descent {
    steps: usize,
    time_step: f64,
    mixing: f64,
    downhill: usize,
}

impl Descent {
    /// Steps taken so far.
    pub fn steps(&self) -> usize {
        self.steps
    }
}

/// What finds minima and says what the particles feel there.
pub trait Minimise {
    /// Sorts the particles in space and takes their diameters over; fails as [`Minimiser::minimise`] does.
    fn prepare(&mut self, state: &mut State) -> Result<()>;

    /// Moves the particles to the nearest minimum and prepares them, at rest.
    fn minimise(&mut self, state: &mut State) -> Result<Minimum>;

    /// Sums over all pairs and over those of each particle, of a state that is in the order of the last preparation.
    fn measure(&mut self, state: &State) -> (Totals, PerParticle);

    /// Whether the box has room for the diameters of a state.
    fn has_room(&self, state: &State) -> bool;
}

impl Minimise for Minimiser {
    fn prepare(&mut self, state: &mut State) -> Result<()> {
        self.prepare(state)
    }

    fn minimise(&mut self, state: &mut State) -> Result<Minimum> {
        self.minimise(state)
    }

    fn measure(&mut self, state: &State) -> (Totals, PerParticle) {
        (
            self.totals(state),
            self.field
                .forces_and_particles(&state.positions, &mut self.forces),
        )
    }

    fn has_room(&self, state: &State) -> bool {
        self.potential.fits(state.edges, &state.diameters).is_ok()
    }
}

/// FIRE (Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006), DOI 10.1103/PhysRevLett.97.170201) with every mass 1, in the form of Guénolé
/// et al., Comput. Mater. Sci. 175, 109584 (2020), DOI 10.1016/j.commatsci.2020.109584: semi-implicit Euler steps, and half a step back
/// when the way leads uphill.
///
/// The parameters are those that take fewest steps in homogenising a Lennard-Jones glass: a quarter fewer than the papers', to the same
/// minima.
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
        let zeros = || std::array::from_fn(|_| vec![0.0; state.len()]);
        Minimiser {
            field: Field::new(
                potential,
                state.edges,
                &state.diameters,
                Precision::Double,
                threads,
            ),
            potential,
            settings,
            forces: zeros(),
            velocities: zeros(),
            masses: vec![1.0; state.len()],
        }
    }

    /// Moves the particles to the nearest minimum at constant volume; they are sorted in space before and at rest after.
    ///
    /// Fails when the box is too small for the largest diameter, and when a force is not a finite number.
    pub fn minimise(&mut self, state: &mut State) -> Result<Minimum> {
        let mut descent = self.begin(state)?;
        loop {
            if let Some(minimum) = self.descend(state, &mut descent, usize::MAX)? {
                return Ok(minimum);
            }
        }
    }

    /// Begins a minimisation that is made piece by piece; fails as [`Minimiser::minimise`] does.
    pub fn begin(&mut self, state: &mut State) -> Result<Descent> {
        self.prepare(state)?;
        state
            .velocities
            .iter_mut()
            .for_each(|values| values.fill(0.0));
        self.velocities
            .iter_mut()
            .for_each(|values| values.fill(0.0));
        Ok(Descent {
            steps: 0,
            time_step: TIME_STEP[0],
            mixing: MIXING,
            downhill: 0,
        })
    }

    /// Goes on to the step `until`, or to the end if that comes before: then it tells how it ended.
    pub fn descend(
        &mut self,
        state: &mut State,
        descent: &mut Descent,
        until: usize,
    ) -> Result<Option<Minimum>> {
        let largest_time_step = TIME_STEP[1];
        let Descent {
            steps,
            time_step,
            mixing,
            downhill,
        } = descent;
        loop {
            self.field.forces(&state.positions, &mut self.forces);
            let products = Products::of(&self.forces, &self.velocities);
            let largest_force = products.largest.sqrt();
            if !products.forces.is_finite() {
                return Err(self.not_finite(state, *steps));
            }
            let converged = largest_force < self.settings.force_tolerance;
            if converged || *steps == self.settings.step_limit {
                return Ok(Some(Minimum {
                    converged,
                    steps: *steps,
                    largest_force,
                    totals: self.totals(state),
                }));
            }
            if *steps >= until {
                return Ok(None);
            }
            // v ← (1 − α)(v + Δt F) + α |v + Δt F| F/|F|, as one kick.
            let (mut kept, mut pushed) = (0.0, *time_step);
            if products.power > 0.0 {
                *downhill += 1;
                if *downhill > PATIENCE {
                    *time_step = largest_time_step.min(*time_step * FASTER);
                    *mixing *= LESS_MIXING;
                }
                let kicked = products.velocities
                    + *time_step * (2.0 * products.power + *time_step * products.forces);
                kept = 1.0 - *mixing;
                pushed = kept * *time_step + *mixing * (kicked / products.forces).sqrt();
            } else if *steps > 0 {
                drift(
                    self.field.workers(),
                    &mut state.positions,
                    &self.velocities,
                    -0.5 * *time_step,
                );
                *time_step *= SLOWER;
                (*mixing, *downhill) = (MIXING, 0);
                pushed = *time_step;
            }
            let kick = half_kick(
                self.field.workers(),
                &mut self.velocities,
                &self.forces,
                &self.masses,
                pushed,
                kept,
            );
            let fastest = LARGEST_MOVE / *time_step;
            if kick.largest_speed_squared > fastest * fastest {
                limit(&mut self.velocities, fastest);
            }
            drift(
                self.field.workers(),
                &mut state.positions,
                &self.velocities,
                *time_step,
            );
            *steps += 1;
        }
    }

    /// Sums over all pairs, of a state that is in the order of the last preparation.
    pub fn totals(&mut self, state: &State) -> Totals {
        self.field
            .forces_and_totals(&state.positions, &mut self.forces)
    }

    /// Sorts the particles in space and takes their diameters over.
    fn prepare(&mut self, state: &mut State) -> Result<()> {
        self.potential.fits(state.edges, &state.diameters)?;
        state.sort_in_space();
        self.field.set_diameters(&state.diameters);
        Ok(())
    }

    fn not_finite(&self, state: &State, steps: usize) -> Error {
        let [x, y, z] = &self.forces;
        let lost = (0..state.len()).filter(|&i| !(x[i] + y[i] + z[i]).is_finite());
        let id = lost.map(|i| state.ids[i]).min();
        Error::of_kind(
            Kind::NotTheAnswer,
            format!(
                "the force on particle {} is not finite at step {steps} of the minimisation",
                id.unwrap_or(state.ids[0])
            ),
        )
        .help("two particles are at the same place")
    }
}

/// Sums over all particles.
struct Products {
    /// F·v.
    power: f64,
    /// F·F.
    forces: f64,
    /// v·v.
    velocities: f64,
    /// max F_i².
    largest: f64,
}

impl Products {
    fn of(forces: &[Vec<f64>; 3], velocities: &[Vec<f64>; 3]) -> Self {
        let mut lanes = ProductLanes::default();
        let [(fx, fx_left), (fy, fy_left), (fz, fz_left)] =
            forces.each_ref().map(|f| f.as_chunks::<LANES>());
        let [(vx, vx_left), (vy, vy_left), (vz, vz_left)] =
            velocities.each_ref().map(|v| v.as_chunks::<LANES>());
        for k in 0..fx.len() {
            for lane in 0..LANES {
                lanes.add(
                    lane,
                    [fx[k][lane], fy[k][lane], fz[k][lane]],
                    [vx[k][lane], vy[k][lane], vz[k][lane]],
                );
            }
        }
        for lane in 0..fx_left.len() {
            lanes.add(
                lane,
                [fx_left[lane], fy_left[lane], fz_left[lane]],
                [vx_left[lane], vy_left[lane], vz_left[lane]],
            );
        }
        Products {
            power: lanes.power.iter().sum(),
            forces: lanes.forces.iter().sum(),
            velocities: lanes.velocities.iter().sum(),
            largest: lanes.largest.into_iter().fold(0.0, f64::max),
        }
    }
}

#[derive(Default)]
struct ProductLanes {
    power: [f64; LANES],
    forces: [f64; LANES],
    velocities: [f64; LANES],
    largest: [f64; LANES],
}

impl ProductLanes {
    #[inline(always)]
    fn add(&mut self, lane: usize, f: [f64; 3], v: [f64; 3]) {
        let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
        let square = dot(f, f);
        self.power[lane] += dot(f, v);
        self.forces[lane] += square;
        self.velocities[lane] += dot(v, v);
        if square > self.largest[lane] {
            self.largest[lane] = square;
        }
    }
}

/// Shortens the velocities of the particles that are faster than `fastest`.
fn limit(velocities: &mut [Vec<f64>; 3], fastest: f64) {
    let [x, y, z] = velocities;
    for ((x, y), z) in std::iter::zip(x, y).zip(z) {
        let speed = (*x * *x + *y * *y + *z * *z).sqrt();
        if speed > fastest {
            let factor = fastest / speed;
            (*x, *y, *z) = (*x * factor, *y * factor, *z * factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::Component;
    use super::*;
    use crate::kernel::naive;
    use crate::kernel::{InstructionSet, Pool};
    use crate::physics::random::{Purpose, Random};

    /// Lennard-Jones attraction cut short, for small boxes.
    fn potential() -> Potential {
        Potential::smoothed(4.0, -4.0, 1.5, 1.6)
    }

    fn random(count: usize) -> State {
        let components = [("A", 1.0), ("B", 1.2)].map(|(name, diameter)| Component {
            name: name.to_string(),
            count: count / 2,
            diameter,
        });
        State::random(&components, 0.95, 5)
    }

    fn minimise(state: &mut State, settings: Settings) -> Result<Minimum> {
        Minimiser::new(state, potential(), settings, 1).minimise(state)
    }

    /// Energy, forces and the largest of them, by the double loop.
    fn evaluated(state: &State) -> (f64, [Vec<f64>; 3], f64) {
        let mut forces = Default::default();
        let (totals, _) = naive::evaluate(
            &potential(),
            state.edges,
            &state.diameters,
            &state.positions,
            &mut forces,
        );
        let [x, y, z] = &forces;
        let squares = (0..state.len()).map(|i| x[i] * x[i] + y[i] * y[i] + z[i] * z[i]);
        let largest = squares.fold(0.0, f64::max).sqrt();
        (totals.energy, forces, largest)
    }

    /// Steepest descent in small steps, r ← r + F/2000 with curvatures of up to 2000, from a start near enough to the minimum that a
    /// careful minimiser must not leave it.
    #[test]
    fn it_finds_the_minimum_that_steepest_descent_finds() {
        let mut state = random(100);
        let minimum = minimise(&mut state, Settings::default()).unwrap();
        assert!(minimum.converged && minimum.largest_force < 1e-6);
        let mut random = Random::new(2, Purpose::Positions, 0, 0);
        let coordinates = state.positions.iter_mut().flatten();
        coordinates.for_each(|coordinate| *coordinate += 0.01 * random.gaussian());
        let mut slow = state.clone();
        loop {
            let (_, forces, largest) = evaluated(&slow);
            if largest < 1e-4 {
                break;
            }
            drift(
                (&Pool::new(1), InstructionSet::Portable),
                &mut slow.positions,
                &forces,
                1.0 / 2000.0,
            );
        }
        let minimum = minimise(&mut state, Settings::default()).unwrap();
        assert!(minimum.converged && minimum.steps < 3000);
        let (energy, _, largest) = evaluated(&state);
        assert!((minimum.largest_force - largest).abs() < 1e-8);
        assert!((minimum.totals.energy / energy - 1.0).abs() < 1e-12);
        // A force of 1e-4 on 100 particles leaves an energy of up to 1e-6/λ, λ ≈ 1 a low curvature.
        assert!((energy - evaluated(&slow).0).abs() < 1e-6);
        state.sort_by_id();
        slow.sort_by_id();
        for (one, other) in std::iter::zip(&state.positions, &slow.positions) {
            assert!(std::iter::zip(one, other).all(|(a, b)| (a - b).abs() < 1e-2));
        }
        assert!(state.velocities.iter().flatten().all(|v| *v == 0.0));
    }

    #[test]
    fn overlapping_particles_part_without_flying_off() {
        for distance in [1e-2, 1e-4, 1e-6] {
            let mut state = random(200);
            for positions in &mut state.positions {
                positions[0] = positions[120] + distance;
            }
            let start = state.clone();
            let settings = Settings {
                force_tolerance: 1.0,
                ..Settings::default()
            };
            let minimum = minimise(&mut state, settings).unwrap();
            assert!(minimum.converged, "{distance}");
            assert!(minimum.steps < 1000, "{}", minimum.steps);
            assert!(evaluated(&state).2 < 1.0 + 1e-6);
            state.sort_by_id();
            for (one, other) in std::iter::zip(&state.positions, &start.positions) {
                assert!(std::iter::zip(one, other).all(|(a, b)| (a - b).abs() < 4.0));
            }
        }
    }

    #[test]
    fn what_cannot_be_minimised_is_said() {
        let mut state = random(100);
        let settings = Settings {
            step_limit: 10,
            ..Settings::default()
        };
        let minimum = minimise(&mut state, settings).unwrap();
        assert!(!minimum.converged);
        assert_eq!(minimum.steps, 10);
        assert!((minimum.largest_force / evaluated(&state).2 - 1.0).abs() < 1e-8);

        let mut large = random(100);
        large.diameters[3] = 1.5;
        let message = minimise(&mut large, settings).unwrap_err().to_string();
        assert!(message.contains("diameters up to 1.5"), "{message}");

        let mut lost = random(100);
        for positions in &mut lost.positions {
            positions[7] = positions[70];
        }
        let message = minimise(&mut lost, settings).unwrap_err().to_string();
        assert!(
            message.starts_with("the force on particle 8 is not finite at step 0"),
            "{message}"
        );
    }
}
