//! Molecular dynamics: velocity Verlet, with a thermostat that is one factor on the velocities.

use super::state::State;
use super::thermostat::Thermostat;
use crate::error::{Error, Kind, Result};
use crate::kernel::{Field, Precision, Totals};
use crate::physics::potential::Potential;

/// The particles are sorted in space at each step whose number is a multiple of this, and what follows depends on the state alone: a run
/// resumed there gives the same bytes as one that never stopped.
pub const RESORT: i64 = 200;

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

/// v ← `factor` v + `half_step` F/m, arrays of one length.
pub fn half_kick(
    velocities: &mut [Vec<f64>; 3],
    forces: &[Vec<f64>; 3],
    masses: &[f64],
    half_step: f64,
    factor: f64,
) -> Kick {
    let mut lanes = KickLanes::default();
    let (blocks, left) = masses.as_chunks();
    let n = blocks.len();
    let [vx, vy, vz] = velocities.each_mut().map(|v| &mut v.as_chunks_mut().0[..n]);
    let [fx, fy, fz] = forces.each_ref().map(|f| &f.as_chunks().0[..n]);
    for (k, masses) in blocks.iter().enumerate() {
        let impulses = masses.map(|mass| half_step / mass);
        let x = kick_block(&mut vx[k], &fx[k], &impulses, factor);
        let y = kick_block(&mut vy[k], &fy[k], &impulses, factor);
        let z = kick_block(&mut vz[k], &fz[k], &impulses, factor);
        for lane in 0..LANES {
            lanes.add(lane, masses[lane], x[lane] + y[lane] + z[lane]);
        }
    }
    for (lane, mass) in left.iter().enumerate() {
        let mut square = 0.0;
        for (v, f) in std::iter::zip(&mut *velocities, forces) {
            let i = n * LANES + lane;
            v[i] = factor * v[i] + half_step / mass * f[i];
            square += v[i] * v[i];
        }
        lanes.add(lane, *mass, square);
    }
    Kick {
        kinetic_energy: 0.5 * lanes.energy.iter().sum::<f64>(),
        largest_speed_squared: lanes.largest.into_iter().fold(0.0, f64::max),
    }
}

/// One component of a block of velocities; its squares.
#[inline(always)]
fn kick_block(
    velocities: &mut [f64; LANES],
    forces: &[f64; LANES],
    impulses: &[f64; LANES],
    factor: f64,
) -> [f64; LANES] {
    for lane in 0..LANES {
        velocities[lane] = factor * velocities[lane] + impulses[lane] * forces[lane];
    }
    velocities.map(|v| v * v)
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

/// r ← r + `time_step` v, arrays of one length.
pub fn drift(positions: &mut [Vec<f64>; 3], velocities: &[Vec<f64>; 3], time_step: f64) {
    for (positions, velocities) in std::iter::zip(positions, velocities) {
        for (position, velocity) in std::iter::zip(positions, velocities) {
            *position += time_step * velocity;
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
        self.advance(state, temperature, |field, positions, forces| {
            field.forces(positions, forces);
        })
    }

    /// The same, and what the new step says of the whole.
    pub fn step_and_measure(&mut self, state: &mut State, temperature: f64) -> Result<Scalars> {
        let mut totals = Totals::default();
        self.advance(state, temperature, |field, positions, forces| {
            totals = field.forces_and_totals(positions, forces);
        })?;
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
        mut evaluate: impl FnMut(&mut Field, &[Vec<f64>; 3], &mut [Vec<f64>; 3]),
    ) -> Result<()> {
        if !self.ready || state.step % RESORT == 0 {
            self.prepare(state);
        }
        let half_step = 0.5 * self.time_step;
        let factor = self.thermostat.factor(
            self.kinetic_energy,
            state.degrees_of_freedom(),
            temperature,
            self.time_step,
            state.step,
        );
        let kick = half_kick(
            &mut state.velocities,
            &self.forces,
            &state.masses,
            half_step,
            factor,
        );
        self.check(state, kick)?;
        drift(&mut state.positions, &state.velocities, self.time_step);
        evaluate(&mut self.field, &state.positions, &mut self.forces);
        let kick = half_kick(
            &mut state.velocities,
            &self.forces,
            &state.masses,
            half_step,
            1.0,
        );
        self.check(state, kick)?;
        self.kinetic_energy = kick.kinetic_energy;
        state.step += 1;
        Ok(())
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
        let gone = (0..state.len()).filter(|&i| !(share(i) <= LARGEST_MOVE));
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
