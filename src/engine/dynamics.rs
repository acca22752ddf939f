//! Molecular dynamics: velocity Verlet, with a thermostat that is one factor on the velocities.

use std::ops::Range;

use super::state::State;
use super::thermostat::Thermostat;
use crate::error::{Error, Kind, Result};
use crate::kernel::{Field, InstructionSet, Pool, Precision, Totals, parts, parts_mut};
use crate::physics::potential::Potential;
use crate::physics::registers::{Registers, Work};

/// The particles are sorted in space at each step whose number is a multiple of this, and what follows depends on the state alone: a run
/// resumed there gives the same bytes as one that never stopped.
pub const RESORT: i64 = 400;

/// The largest share of its diameter that a particle may move in one step; beyond it the simulation has blown up.
pub const LARGEST_MOVE: f64 = 0.5;

/// Independent sums in a loop over particles, so that it runs in SIMD and always adds in the same order.
pub(super) const LANES: usize = 8;

/// What [`half_kick`] finds on its way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kick {
    /// ½ Σ m v² after it (energy).
    pub kinetic_energy: f64,
    /// max v² after it (length²/time²); a NaN is only seen in the kinetic energy.
    pub largest_speed_squared: f64,
}

impl Kick {
    /// What two parts of the particles make together.
    fn with(self, other: Kick) -> Kick {
        Kick {
            kinetic_energy: self.kinetic_energy + other.kinetic_energy,
            largest_speed_squared: self.largest_speed_squared.max(other.largest_speed_squared),
        }
    }
}

/// v ← `factor` v + `half_step` F/m, arrays of one length, by the threads of a pool, each on a part of the particles. All instruction sets
/// give the same bits.
pub fn half_kick(
    (pool, set): (&Pool, InstructionSet),
    velocities: &mut [Vec<f64>; 3],
    forces: &[Vec<f64>; 3],
    masses: &[f64],
    half_step: f64,
    factor: f64,
) -> Kick {
    let shares = shares(pool, masses.len());
    let work = parts_mut(velocities, &shares)
        .zip(parts(forces, &shares))
        .zip(shares.iter().map(|share| &masses[share.clone()]));
    let kicks = pool.each(work, |((velocities, forces), masses)| {
        set.run(HalfKick {
            velocities,
            forces,
            masses,
            half_step,
            factor,
        })
    });
    total(kicks)
}

fn total(kicks: Vec<Kick>) -> Kick {
    kicks.into_iter().reduce(Kick::with).unwrap_or(Kick {
        kinetic_energy: 0.0,
        largest_speed_squared: 0.0,
    })
}

/// Particles of each thread, so that all parts but the last fill their SIMD lanes.
fn shares(pool: &Pool, particles: usize) -> Vec<Range<usize>> {
    let size = particles.div_ceil(pool.threads()).next_multiple_of(LANES);
    let first = |thread: usize| (thread * size).min(particles);
    let threads = 0..pool.threads();
    threads
        .map(|thread| first(thread)..first(thread + 1))
        .collect()
}

/// v ← `factor` v + `half_step` F/m for a part of the particles.
struct HalfKick<'a> {
    velocities: [&'a mut [f64]; 3],
    forces: [&'a [f64]; 3],
    masses: &'a [f64],
    half_step: f64,
    factor: f64,
}

impl Work for HalfKick<'_> {
    type Output = Kick;

    #[inline(always)]
    fn run<R: Registers>(self, _registers: R) -> Kick {
        let HalfKick {
            velocities,
            forces,
            masses,
            half_step,
            factor,
        } = self;
        let mut lanes = KickLanes::default();
        let (blocks, left) = masses.as_chunks::<LANES>();
        let n = blocks.len();
        let [(vx, vx_left), (vy, vy_left), (vz, vz_left)] = velocities.map(|v| v.as_chunks_mut());
        let [(fx, fx_left), (fy, fy_left), (fz, fz_left)] = forces.map(|f| f.as_chunks());
        let [vx, vy, vz] = [vx, vy, vz].map(|v| &mut v[..n]);
        let [fx, fy, fz] = [fx, fy, fz].map(|f| &f[..n]);
        for (k, masses) in blocks.iter().enumerate() {
            let impulses = masses.map(|mass| half_step / mass);
            let kicked = |v: &[f64; LANES], f: &[f64; LANES]| -> [f64; LANES] {
                std::array::from_fn(|lane| factor * v[lane] + impulses[lane] * f[lane])
            };
            let (x, y, z) = (
                kicked(&vx[k], &fx[k]),
                kicked(&vy[k], &fy[k]),
                kicked(&vz[k], &fz[k]),
            );
            (vx[k], vy[k], vz[k]) = (x, y, z);
            for lane in 0..LANES {
                let square = x[lane] * x[lane] + y[lane] * y[lane] + z[lane] * z[lane];
                lanes.add(lane, masses[lane], square);
            }
        }
        for (lane, mass) in left.iter().enumerate() {
            let mut square = 0.0;
            for (v, f) in [
                (&mut vx_left[lane], fx_left[lane]),
                (&mut vy_left[lane], fy_left[lane]),
                (&mut vz_left[lane], fz_left[lane]),
            ] {
                *v = factor * *v + half_step / mass * f;
                square += *v * *v;
            }
            lanes.add(lane, *mass, square);
        }
        Kick {
            kinetic_energy: 0.5 * lanes.energy.iter().sum::<f64>(),
            largest_speed_squared: lanes.largest.into_iter().fold(0.0, f64::max),
        }
    }
}

#[derive(Default)]
struct KickLanes {
    energy: [f64; LANES],
    largest: [f64; LANES],
}

impl KickLanes {
    #[inline(always)]
    fn add(&mut self, lane: usize, mass: f64, square: f64) {
        self.energy[lane] += mass * square;
        if square > self.largest[lane] {
            self.largest[lane] = square;
        }
    }
}

/// r ← r + `time_step` v, arrays of one length, by the threads of a pool.
pub fn drift(
    (pool, set): (&Pool, InstructionSet),
    positions: &mut [Vec<f64>; 3],
    velocities: &[Vec<f64>; 3],
    time_step: f64,
) {
    let shares = shares(pool, positions[0].len());
    let work = parts_mut(positions, &shares).zip(parts(velocities, &shares));
    pool.each(work, |(positions, velocities)| {
        set.run(Drift {
            positions,
            velocities,
            time_step,
        });
    });
}

/// r ← r + `time_step` v for a part of the particles.
struct Drift<'a> {
    positions: [&'a mut [f64]; 3],
    velocities: [&'a [f64]; 3],
    time_step: f64,
}

impl Work for Drift<'_> {
    type Output = ();

    #[inline(always)]
    fn run<R: Registers>(self, _registers: R) {
        for (positions, velocities) in std::iter::zip(self.positions, self.velocities) {
            for (position, velocity) in std::iter::zip(positions, velocities) {
                *position += self.time_step * velocity;
            }
        }
    }
}

/// What a step says of the whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scalars {
    /// Number of the step.
    pub step: i64,
    /// Its time, step × Δt (time).
    pub time: f64,
    /// Kinetic temperature (energy/k_B).
    pub temperature: f64,
    /// The thermostat's target (energy/k_B); none without a thermostat.
    pub set_temperature: Option<f64>,
    /// U/N (energy).
    pub potential_energy: f64,
    /// ρ T + W/(3V) (energy/length³).
    pub pressure: f64,
    /// (K + U + energy given to the thermostat)/N (energy): constant, also while the target changes.
    pub conserved: f64,
}

/// Molecular dynamics of one state: the force field, the thermostat and the time step.
///
/// To resume, keep the state and the thermostat at a step that is a multiple of [`RESORT`], or where one `Dynamics` ends.
pub struct Dynamics {
    field: Field,
    forces: [Vec<f64>; 3],
    thermostat: Thermostat,
    time_step: f64,
    /// ½ Σ m v² of the state as it stands.
    kinetic_energy: f64,
    /// No particle that is slower than this can have moved too far (length/time).
    harmless_speed: f64,
    /// Whether the forces are those of the state as it stands.
    ready: bool,
}

impl Dynamics {
    /// Dynamics of a state with time step Δt (time), forces by `threads` threads. The box must be large enough
    /// ([`Potential::fits`]).
    pub fn new(
        state: &State,
        potential: Potential,
        thermostat: Thermostat,
        time_step: f64,
        threads: usize,
    ) -> Self {
        Dynamics {
            field: Field::new(
                potential,
                state.edges,
                &state.diameters,
                Precision::Mixed,
                threads,
            ),
            forces: std::array::from_fn(|_| vec![0.0; state.len()]),
            thermostat,
            time_step,
            kinetic_energy: 0.0,
            harmless_speed: 0.0,
            ready: false,
        }
    }

    /// The thermostat as it stands.
    pub fn thermostat(&self) -> &Thermostat {
        &self.thermostat
    }

    /// Advances by one step at a target temperature (energy/k_B; without a thermostat it has no effect).
    ///
    /// Fails, naming the step and the particle, when the simulation has blown up; the state is then of no use.
    pub fn step(&mut self, state: &mut State, temperature: f64) -> Result<()> {
        self.advance(state, temperature, false).map(drop)
    }

    /// The same, and what the new step says of the whole.
    pub fn step_and_measure(&mut self, state: &mut State, temperature: f64) -> Result<Scalars> {
        let totals = self.advance(state, temperature, true)?;
        Ok(self.scalars(state, temperature, totals))
    }

    /// What the state says of the whole before any step; it is sorted in space.
    pub fn measure(&mut self, state: &mut State, temperature: f64) -> Scalars {
        self.prepare(state);
        let totals = self
            .field
            .forces_and_totals(&state.positions, &mut self.forces);
        self.scalars(state, temperature, totals)
    }

    /// The whole is one turn of the symmetric integrator's cycle, from the end of one step's second half kick to that of the next: the
    /// thermostat's two half steps that meet there are the factor of the first half kick.
    fn advance(
        &mut self,
        state: &mut State,
        temperature: f64,
        with_totals: bool,
    ) -> Result<Totals> {
        if !self.ready || state.step % RESORT == 0 {
            self.prepare(state);
        }
        let factor = self.thermostat.factor(
            self.kinetic_energy,
            state.degrees_of_freedom(),
            temperature,
            self.time_step,
            state.step,
        );
        let (time_step, half_step) = (self.time_step, 0.5 * self.time_step);
        let (_, set) = self.field.workers();
        // Each thread kicks and moves its share before and after the forces without waiting for the others.
        let shares = self.field.shares();
        let masses = || shares.iter().map(|share| &state.masses[share.clone()]);
        let beside = parts_mut(&mut state.velocities, &shares)
            .zip(parts(&self.forces, &shares))
            .zip(masses());
        let kicks = self.field.move_by(
            &mut state.positions,
            beside,
            |((mut velocities, forces), masses), positions| {
                let kick = set.run(HalfKick {
                    velocities: velocities.each_mut().map(|v| &mut **v),
                    forces,
                    masses,
                    half_step,
                    factor,
                });
                set.run(Drift {
                    positions,
                    velocities: velocities.map(|v| &*v),
                    time_step,
                });
                kick
            },
        );
        self.check(state, total(kicks))?;
        let beside = parts_mut(&mut state.velocities, &shares).zip(masses());
        let (totals, kicks) = self.field.forces_then(
            &mut self.forces,
            with_totals,
            beside,
            |(velocities, masses), forces| {
                set.run(HalfKick {
                    velocities,
                    forces,
                    masses,
                    half_step,
                    factor: 1.0,
                })
            },
        );
        let kick = total(kicks);
        self.check(state, kick)?;
        self.kinetic_energy = kick.kinetic_energy;
        state.step += 1;
        Ok(totals)
    }

    /// Sorts the particles in space and makes everything that depends on their order or on the past anew.
    fn prepare(&mut self, state: &mut State) {
        state.sort_in_space();
        self.field.set_diameters(&state.diameters);
        self.field.forces(&state.positions, &mut self.forces);
        self.kinetic_energy = state.kinetic_energy();
        let smallest = state.diameters.iter().copied().fold(f64::MAX, f64::min);
        self.harmless_speed = LARGEST_MOVE * smallest / self.time_step;
        self.ready = true;
    }

    fn scalars(&self, state: &State, temperature: f64, totals: Totals) -> Scalars {
        let n = state.len() as f64;
        let freedom = state.degrees_of_freedom();
        let kinetic_temperature = 2.0 * self.kinetic_energy / freedom;
        let given = self.thermostat.energy(freedom);
        Scalars {
            step: state.step,
            time: state.step as f64 * self.time_step,
            temperature: kinetic_temperature,
            set_temperature: (self.thermostat != Thermostat::None).then_some(temperature),
            potential_energy: totals.energy / n,
            pressure: state.density() * kinetic_temperature
                + totals.virial / (3.0 * state.volume()),
            conserved: (self.kinetic_energy + totals.energy + given) / n,
        }
    }

    /// Fails if a velocity is not a number or would carry its particle further than [`LARGEST_MOVE`] allows.
    fn check(&self, state: &State, kick: Kick) -> Result<()> {
        if kick.kinetic_energy.is_finite()
            && kick.largest_speed_squared <= self.harmless_speed * self.harmless_speed
        {
            return Ok(());
        }
        let [x, y, z] = &state.velocities;
        let share = |i: usize| {
            let speed = (x[i] * x[i] + y[i] * y[i] + z[i] * z[i]).sqrt();
            speed * self.time_step / state.diameters[i]
        };
        let gone = (0..state.len()).filter(|&i| share(i).is_nan() || share(i) > LARGEST_MOVE);
        match gone.min_by_key(|&i| state.ids[i]) {
            None => Ok(()),
            Some(i) => Err(Error::of_kind(
                Kind::NotTheAnswer,
                format!(
                    "the simulation blew up at step {}: particle {} moves by {:.3} of its diameter in one step",
                    state.step,
                    state.ids[i],
                    share(i)
                ),
            )
            .help("use a smaller time step, or minimise the start first")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fire::{self, Minimiser};
    use super::super::state::Component;
    use super::super::thermostat::{NoseHooverChain, StochasticRescaling};
    use super::*;

    /// A liquid of particles that only repel each other, at rest in a minimum, with velocities drawn at `temperature`.
    fn repulsive_liquid(count: usize, temperature: f64) -> State {
        let components = [("A", 1.0), ("B", 1.2)].map(|(name, diameter)| Component {
            name: name.to_string(),
            count: count / 2,
            diameter,
        });
        let mut state = State::random(&components, 0.75, 3);
        let potential = Potential::weeks_chandler_andersen();
        let settings = fire::Settings {
            force_tolerance: 1e-2,
            ..fire::Settings::default()
        };
        let minimum = Minimiser::new(&state, potential, settings, 1).minimise(&mut state);
        assert!(minimum.unwrap().converged);
        state.draw_velocities(temperature, 8);
        state
    }

    fn dynamics(state: &State, thermostat: Thermostat, time_step: f64) -> Dynamics {
        let potential = Potential::weeks_chandler_andersen();
        Dynamics::new(state, potential, thermostat, time_step, 1)
    }

    #[test]
    fn a_half_kick_is_its_formula_and_the_same_bits_on_all_instruction_sets() {
        for (n, threads) in [(1, 1), (7, 2), (8, 1), (29, 1), (29, 3), (64, 2)] {
            let pool = Pool::new(threads);
            let values = |seed: usize| -> Vec<f64> {
                (0..n).map(|i| ((i * 7 + seed) as f64).sin()).collect()
            };
            let masses: Vec<f64> = values(50).iter().map(|x| 1.5 + x).collect();
            let before = [1, 2, 3].map(values);
            let forces = [4, 5, 6].map(values);
            let kicked = |set: InstructionSet| {
                let mut after = before.clone();
                let kick = half_kick((&pool, set), &mut after, &forces, &masses, 0.25, 0.9);
                (kick, after)
            };
            let (kick, after) = kicked(InstructionSet::Portable);
            let (mut energy, mut largest) = (0.0, 0.0_f64);
            for i in 0..n {
                let mut square = 0.0;
                for axis in 0..3 {
                    let expected = 0.9 * before[axis][i] + 0.25 * forces[axis][i] / masses[i];
                    assert!((after[axis][i] - expected).abs() < 1e-15);
                    square += expected * expected;
                }
                energy += 0.5 * masses[i] * square;
                largest = largest.max(square);
            }
            assert!((kick.kinetic_energy / energy - 1.0).abs() < 1e-14);
            assert!((kick.largest_speed_squared / largest - 1.0).abs() < 1e-14);
            for set in InstructionSet::available() {
                assert_eq!(kicked(set), (kick, after.clone()), "{set:?}");
            }
        }
    }

    /// The root mean square of the conserved quantity about its mean over one time unit, while the target goes from 1 to `last`.
    fn fluctuation(thermostat: Thermostat, last: f64, time_step: f64) -> f64 {
        let mut state = repulsive_liquid(64, 1.0);
        let mut dynamics = dynamics(&state, thermostat, time_step);
        let steps = (1.0 / time_step).round() as i64;
        let values: Vec<f64> = (1..=steps)
            .map(|step| {
                let temperature = 1.0 + (last - 1.0) * step as f64 / steps as f64;
                let scalars = dynamics.step_and_measure(&mut state, temperature);
                scalars.unwrap().conserved
            })
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares = values.iter().map(|value| (value - mean).powi(2));
        (squares.sum::<f64>() / values.len() as f64).sqrt()
    }

    /// It fluctuates as Δt²: half the time step must give about a quarter. A first-order error would give a half, and energy that is not
    /// accounted for would not shrink at all.
    #[test]
    fn the_conserved_quantity_is_conserved_to_second_order() {
        let chain = Thermostat::NoseHoover(NoseHooverChain::new(0.1));
        let rescaling = Thermostat::Rescaling(StochasticRescaling::new(0.1, 4));
        for (thermostat, last) in [
            (Thermostat::None, 1.0),
            (chain.clone(), 1.0),
            (chain, 2.0),
            (rescaling.clone(), 1.0),
            (rescaling, 2.0),
        ] {
            let coarse = fluctuation(thermostat.clone(), last, 0.002);
            let fine = fluctuation(thermostat.clone(), last, 0.001);
            let ratio = coarse / fine;
            assert!(
                coarse < 1e-3 && (2.8..5.5).contains(&ratio),
                "{thermostat:?} to {last}: {coarse} {fine}"
            );
        }
    }

    /// 100 steps there and back. Velocity Verlet is reversible, so that what remains is round-off: below 1e-5 of a force (which moves a
    /// particle by 1e-5 in that time), grown by the chaos of half a time unit.
    #[test]
    fn without_a_thermostat_time_can_be_turned_round_and_momentum_is_kept() {
        let mut state = repulsive_liquid(64, 1.0);
        let start = state.clone();
        let mut there = dynamics(&state, Thermostat::None, 0.005);
        (0..100).for_each(|_| there.step(&mut state, 0.0).unwrap());
        state.sort_by_id();
        let furthest = |state: &State| {
            let moves = std::iter::zip(&state.positions[0], &start.positions[0]);
            moves.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
        };
        assert!(furthest(&state) > 0.1);
        for velocities in &mut state.velocities {
            let products = std::iter::zip(&state.masses, velocities.iter());
            let momentum: f64 = products.map(|(mass, velocity)| mass * velocity).sum();
            assert!(momentum.abs() < 1e-4, "{momentum}");
            velocities.iter_mut().for_each(|velocity| *velocity *= -1.0);
        }
        let mut back = dynamics(&state, Thermostat::None, 0.005);
        (0..100).for_each(|_| back.step(&mut state, 0.0).unwrap());
        state.sort_by_id();
        assert!(furthest(&state) < 1e-3, "{}", furthest(&state));
    }

    /// Mean and variance of the kinetic energy in units of those of the canonical law, g T/2 and g T²/2, must be 1 within four standard
    /// errors, which are taken from blocks and must be small.
    fn is_canonical(state: &mut State, dynamics: &mut Dynamics, steps: usize) {
        const BLOCKS: usize = 20;
        const TEMPERATURE: f64 = 0.8;
        let expected = 0.5 * state.degrees_of_freedom() * TEMPERATURE;
        for _ in 0..steps / 10 {
            dynamics.step(state, TEMPERATURE).unwrap();
        }
        let mut blocks = [[0.0; BLOCKS]; 2];
        for step in 0..steps {
            dynamics.step(state, TEMPERATURE).unwrap();
            let share = BLOCKS as f64 / steps as f64;
            let off = dynamics.kinetic_energy - expected;
            let block = step * BLOCKS / steps;
            blocks[0][block] += share * dynamics.kinetic_energy / expected;
            blocks[1][block] += share * off * off / (expected * TEMPERATURE);
        }
        for values in blocks {
            let mean = values.iter().sum::<f64>() / BLOCKS as f64;
            let squares = values.iter().map(|value| (value - mean).powi(2));
            let error = (squares.sum::<f64>() / (BLOCKS * (BLOCKS - 1)) as f64).sqrt();
            assert!(error < 0.05, "{error}");

            assert!((mean - 1.0).abs() < 4.0 * error, "{mean} ± {error}");
        }
    }

    #[test]
    fn thermostats_give_the_canonical_kinetic_energy() {
        for thermostat in [
            Thermostat::NoseHoover(NoseHooverChain::new(0.5)),
            Thermostat::Rescaling(StochasticRescaling::new(0.1, 6)),
        ] {
            let mut state = repulsive_liquid(32, 0.5);
            let mut dynamics = dynamics(&state, thermostat, 0.005);
            is_canonical(&mut state, &mut dynamics, 60_000);
        }
    }

    /// An ideal gas keeps its kinetic energy, so that the thermostat alone makes the distribution; and all that it takes is accounted for.
    #[test]
    fn stochastic_rescaling_makes_an_ideal_gas_canonical() {
        let component = Component {
            name: "A".to_string(),
            count: 11,
            diameter: 1.0,
        };
        let mut state = State::random(&[component], 0.01, 1);
        state.draw_velocities(2.0, 1);
        let thermostat = Thermostat::Rescaling(StochasticRescaling::new(0.02, 6));
        let nothing = Potential::cut(0.0, 0.0, 1.0);
        let mut dynamics = Dynamics::new(&state, nothing, thermostat, 0.005, 1);
        let before = dynamics.measure(&mut state, 0.8);
        is_canonical(&mut state, &mut dynamics, 40_000);
        let after = dynamics.measure(&mut state, 0.8);
        assert!((before.conserved / after.conserved - 1.0).abs() < 1e-9);
        // The law of the ideal gas.
        let pressure = state.density() * after.temperature;
        assert!((after.pressure / pressure - 1.0).abs() < 1e-12);
        assert_eq!(after.set_temperature, Some(0.8));
        assert_eq!((after.step, after.time), (44_000, 220.0));
    }

    /// What is kept of a run, through text-free serialisation, which is exact.
    fn stored<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
        serde_json::from_value(serde_json::to_value(value).unwrap()).unwrap()
    }

    #[test]
    fn a_resumed_run_is_the_run_that_never_stopped() {
        for thermostat in [
            Thermostat::None,
            Thermostat::NoseHoover(NoseHooverChain::new(0.5)),
            Thermostat::Rescaling(StochasticRescaling::new(0.1, 6)),
        ] {
            let target = |step: i64| 1.0 - 0.0005 * step as f64;
            let run = |state: &mut State, dynamics: &mut Dynamics, end: i64| {
                while state.step < end {
                    dynamics.step(state, target(state.step)).unwrap();
                }
            };
            let start = repulsive_liquid(64, 1.0);
            let mut whole = start.clone();
            let mut unbroken = dynamics(&whole, thermostat.clone(), 0.005);
            run(&mut whole, &mut unbroken, 1000);
            let mut state = start;
            let mut first = dynamics(&state, thermostat.clone(), 0.005);
            run(&mut state, &mut first, 400);
            // Whatever the order in which the particles were kept.
            let mut state = stored(&state);
            state.sort_by_id();
            let mut second = dynamics(&state, stored(first.thermostat()), 0.005);
            run(&mut state, &mut second, 1000);
            assert!(state == whole);
            assert_eq!(second.thermostat(), unbroken.thermostat());
            let measured =
                [&mut second, &mut unbroken].map(|dynamics| dynamics.measure(&mut state, 1.0));
            assert_eq!(measured[0], measured[1]);
        }
    }

    #[test]
    fn a_simulation_that_blows_up_says_where() {
        let liquid = repulsive_liquid(64, 1.0);
        let failure = |change: &dyn Fn(&mut State)| {
            let mut state = liquid.clone();
            change(&mut state);
            let mut dynamics = dynamics(&state, Thermostat::None, 0.005);
            let steps = (0..3).try_for_each(|_| dynamics.step(&mut state, 0.0));
            steps.unwrap_err().to_string()
        };
        let fast = failure(&|state| state.velocities[1][17] = 200.0);
        assert!(
            fast.starts_with("the simulation blew up at step 0: particle 18 moves by 1.0"),
            "{fast}"
        );
        let close = failure(&|state| {
            for positions in &mut state.positions {
                positions[40] = positions[11] + 0.1;
            }
        });
        assert!(close.contains("at step 0: particle 12 moves"), "{close}");
        let lost = failure(&|state| state.velocities[2][5] = f64::NAN);
        assert!(
            lost.contains("at step 0: particle 6 moves by NaN"),
            "{lost}"
        );
    }
}
