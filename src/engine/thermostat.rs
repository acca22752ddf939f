//! Thermostats: what each does to the velocities in a step, and the energy that it has taken.

use serde::{Deserialize, Serialize};

use crate::physics::random::{Purpose, Random};

/// What keeps the temperature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Thermostat {
    /// Nothing: constant energy.
    None,
    /// A Nosé–Hoover chain.
    NoseHoover(NoseHooverChain),
    /// Stochastic velocity rescaling.
    Rescaling(StochasticRescaling),
}

impl Thermostat {
    /// The factor on every velocity for one step.
    ///
    /// `kinetic_energy` (energy) is that of `freedom` degrees of freedom, `temperature` the target (energy/k_B), `time_step` in units of
    /// time; `step` numbers the noise.
    pub fn factor(
        &mut self,
        kinetic_energy: f64,
        freedom: f64,
        temperature: f64,
        time_step: f64,
        step: i64,
    ) -> f64 {
        match self {
            Thermostat::None => 1.0,
            Thermostat::NoseHoover(chain) => {
                chain.factor(kinetic_energy, freedom, temperature, time_step)
            }
            Thermostat::Rescaling(rescaling) => {
                rescaling.factor(kinetic_energy, freedom, temperature, time_step, step)
            }
        }
    }

    /// The energy that the particles have given away: K + U + this is conserved.
    pub fn energy(&self, freedom: f64) -> f64 {
        match self {
            Thermostat::None => 0.0,
            Thermostat::NoseHoover(chain) => chain.energy(freedom),
            Thermostat::Rescaling(rescaling) => rescaling.taken,
        }
    }
}

/// A chain of three Nosé–Hoover thermostats (Martyna, Klein and Tuckerman, J. Chem. Phys. 97, 2635 (1992), DOI 10.1063/1.463940), with
/// the masses Q₁ = g T τ², Q₂ = Q₃ = T τ² for g degrees of freedom, as LAMMPS's `fix nvt` has by default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoseHooverChain {
    /// τ (time).
    relaxation_time: f64,
    /// ξ_k (1/time).
    friction: [f64; 3],
    /// T of the last step (energy/k_B).
    temperature: f64,
    /// ∫ (g T ξ₁ + T ξ₂ + T ξ₃) dt, less the work on the chain of a changing T (energy).
    reservoir: f64,
}

impl NoseHooverChain {
    /// A chain at rest, of relaxation time τ (time).
    pub fn new(relaxation_time: f64) -> Self {
        NoseHooverChain {
            relaxation_time,
            friction: [0.0; 3],
            temperature: 0.0,
            reservoir: 0.0,
        }
    }

    fn masses(&self, freedom: f64, temperature: f64) -> [f64; 3] {
        [freedom, 1.0, 1.0].map(|count| count * temperature * self.relaxation_time.powi(2))
    }

    /// ½ Σ Q_k ξ_k² at a temperature (energy).
    fn kinetic_energy(&self, freedom: f64, temperature: f64) -> f64 {
        let masses = self.masses(freedom, temperature);
        let terms = std::iter::zip(masses, self.friction);
        0.5 * terms.map(|(mass, xi)| mass * xi * xi).sum::<f64>()
    }

    fn energy(&self, freedom: f64) -> f64 {
        self.kinetic_energy(freedom, self.temperature) + self.reservoir
    }

    /// Two half steps of the chain, each split as in Mol. Phys. 87, 1117 (1996), DOI 10.1080/00268979600100761.
    ///
    /// One half belongs to the step before, one to the step to come: the symmetric integrator, begun elsewhere in its cycle.
    fn factor(
        &mut self,
        kinetic_energy: f64,
        freedom: f64,
        temperature: f64,
        time_step: f64,
    ) -> f64 {
        // The masses follow the target at fixed ξ; the energy that this takes is work from outside.
        self.reservoir += self.kinetic_energy(freedom, self.temperature)
            - self.kinetic_energy(freedom, temperature);
        self.temperature = temperature;
        let q = self.masses(freedom, temperature);
        let h = 0.5 * time_step;
        let xi = &mut self.friction;
        let mut factor = 1.0;
        for _ in 0..2 {
            let pull = |xi: &[f64; 3], k: usize, factor: f64| match k {
                0 => (2.0 * kinetic_energy * factor * factor - freedom * temperature) / q[0],
                k => (q[k - 1] * xi[k - 1] * xi[k - 1] - temperature) / q[k],
            };
            let kick = |xi: &mut [f64; 3], k: usize, factor: f64| {
                let drag = xi.get(k + 1).map_or(1.0, |next| (-0.25 * h * next).exp());
                xi[k] = (xi[k] * drag + 0.5 * h * pull(xi, k, factor)) * drag;
            };
            (0..3).rev().for_each(|k| kick(xi, k, factor));
            factor *= (-h * xi[0]).exp();
            self.reservoir += h * temperature * (freedom * xi[0] + xi[1] + xi[2]);
            (0..3).for_each(|k| kick(xi, k, factor));
        }
        factor
    }
}

/// Stochastic velocity rescaling (Bussi, Donadio and Parrinello, J. Chem. Phys. 126, 014101 (2007), DOI 10.1063/1.2408420).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StochasticRescaling {
    /// τ (time).
    relaxation_time: f64,
    seed: u64,
    /// Energy taken from the particles so far (energy).
    taken: f64,
}

impl StochasticRescaling {
    /// A thermostat of relaxation time τ (time); the noise is that of the seed and the number of the step.
    pub fn new(relaxation_time: f64, seed: u64) -> Self {
        StochasticRescaling {
            relaxation_time,
            seed,
            taken: 0.0,
        }
    }

    /// Eq. A7 of the paper.
    fn factor(
        &mut self,
        kinetic_energy: f64,
        freedom: f64,
        temperature: f64,
        time_step: f64,
        step: i64,
    ) -> f64 {
        // Particles at rest have no direction to be sent in.
        if kinetic_energy == 0.0 {
            return 1.0;
        }
        let mut random = Random::new(self.seed, Purpose::Thermostat, step, 0);
        let kept = (-time_step / self.relaxation_time).exp();
        let share = (1.0 - kept) * 0.5 * temperature / kinetic_energy;
        let normal = random.gaussian();
        let squares = normal * normal + random.sum_of_squares(freedom - 1.0);
        let square = kept + share * squares + 2.0 * normal * (kept * share).sqrt();
        self.taken += kinetic_energy * (1.0 - square);
        square.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The equations of motion of the chain and of the kinetic energy (velocities at rest otherwise), by Runge and Kutta in tiny steps.
    fn integrated(kinetic: f64, freedom: f64, temperature: f64, tau: f64, time: f64) -> [f64; 4] {
        let q = [freedom, 1.0, 1.0].map(|count| count * temperature * tau * tau);
        let slope = |y: [f64; 4]| {
            let [k, a, b, c] = y;
            [
                -2.0 * a * k,
                (2.0 * k - freedom * temperature) / q[0] - a * b,
                (q[0] * a * a - temperature) / q[1] - b * c,
                (q[1] * b * b - temperature) / q[2],
            ]
        };
        let along = |y: [f64; 4], h: f64, s: [f64; 4]| std::array::from_fn(|i| y[i] + h * s[i]);
        let steps = 2000;
        let h = time / f64::from(steps);
        let mut y = [kinetic, 0.0, 0.0, 0.0];
        for _ in 0..steps {
            let one = slope(y);
            let two = slope(along(y, 0.5 * h, one));
            let three = slope(along(y, 0.5 * h, two));
            let four = slope(along(y, h, three));
            let sum = |i: usize| one[i] + 2.0 * (two[i] + three[i]) + four[i];
            y = along(y, h / 6.0, std::array::from_fn(sum));
        }
        y
    }

    /// Steps of 0.005 over one time unit against the equations themselves, at second order in the step: 1e-4.
    #[test]
    fn the_chain_follows_its_equations_of_motion() {
        let (freedom, temperature, tau) = (30.0, 0.7, 0.4);
        let mut chain = NoseHooverChain::new(tau);
        let start = 15.0;
        let mut kinetic = start;
        for _ in 0..200 {
            kinetic *= chain.factor(kinetic, freedom, temperature, 0.005).powi(2);
        }
        let expected = integrated(start, freedom, temperature, tau, 1.0);
        let found = [
            kinetic,
            chain.friction[0],
            chain.friction[1],
            chain.friction[2],
        ];
        for (found, expected) in std::iter::zip(found, expected) {
            assert!(
                (found - expected).abs() < 1e-4 * (1.0 + expected.abs()),
                "{found} {expected}"
            );
        }
    }

    /// From a given K, one step leads to the mean c K + (1 − c) K̄ and the variance 4 c (1 − c) K K̄/g + 2 (1 − c)² K̄²/g, c = exp(−Δt/τ),
    /// K̄ = g T/2 (the paper's equation for K, solved).
    #[test]
    fn stochastic_rescaling_follows_its_law_in_one_step() {
        let (freedom, temperature, kinetic) = (9.0, 0.7, 8.0);
        let draws = 100_000;
        let results: Vec<f64> = (0..draws)
            .map(|step| {
                let mut rescaling = StochasticRescaling::new(0.5, 3);
                let factor = rescaling.factor(kinetic, freedom, temperature, 0.2, step);
                let result = kinetic * factor * factor;
                assert!((rescaling.taken - (kinetic - result)).abs() < 1e-12);
                result
            })
            .collect();
        let n = draws as f64;
        let mean = results.iter().sum::<f64>() / n;
        let moment = |power| results.iter().map(|k| (k - mean).powi(power)).sum::<f64>() / n;
        let c = (-0.4_f64).exp();
        let target = 0.5 * freedom * temperature;
        let expected = c * kinetic + (1.0 - c) * target;
        let variance = 4.0 * c * (1.0 - c) * kinetic * target / freedom
            + 2.0 * ((1.0 - c) * target).powi(2) / freedom;
        assert!((mean - expected).abs() < 5.0 * (variance / n).sqrt());
        let error = ((moment(4) - variance * variance) / n).sqrt();
        assert!((moment(2) - variance).abs() < 5.0 * error);
    }

    #[test]
    fn particles_at_rest_stay_at_rest() {
        let mut rescaling = StochasticRescaling::new(0.5, 3);
        assert_eq!(rescaling.factor(0.0, 9.0, 0.7, 0.005, 0), 1.0);
    }
}
