//! The particles of a simulation.

use serde::{Deserialize, Serialize};

use crate::kernel;
use crate::physics::random::{Purpose, Random};

/// Particles in a periodic orthogonal box, as a structure of arrays; N = `ids.len()`.
///
/// Positions are unfolded: continuous in time, anywhere outside the box. The order of the particles changes as the simulation sorts them in
/// space; `ids` tell who is who.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Steps since the start of the stage's clock.
    pub step: i64,
    /// Edges of the box (length), its corner being the origin.
    pub edges: [f64; 3],
    /// Unique ids.
    pub ids: Vec<i64>,
    /// Names of the species.
    pub species_names: Vec<String>,
    /// Index into `species_names` for each particle.
    pub species: Vec<u32>,
    /// σ_i (length).
    pub diameters: Vec<f64>,
    /// m_i = (σ_i/σ₁₁)³ (mass).
    pub masses: Vec<f64>,
    /// x, y and z of each particle (length).
    pub positions: [Vec<f64>; 3],
    /// Velocities (length/time).
    pub velocities: [Vec<f64>; 3],
}

/// The particles of one species to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// Name of the species.
    pub name: String,
    /// How many.
    pub count: usize,
    /// σ (length).
    pub diameter: f64,
}

impl State {
    /// Particles at rest at random positions in a cube, at `density` ρ = N/V (1/length³): ids from 1 on, species after species.
    ///
    /// They overlap; [`Minimiser`](super::fire::Minimiser) parts them.
    pub fn random(components: &[Component], density: f64, seed: u64) -> Self {
        let of = |value: fn(usize, &Component) -> f64| -> Vec<f64> {
            let each = components.iter().enumerate();
            each.flat_map(|(k, component)| vec![value(k, component); component.count])
                .collect()
        };
        let diameters = of(|_, component| component.diameter);
        let n = diameters.len();
        let edge = (n as f64 / density).cbrt();
        let ids: Vec<i64> = (1..=n as i64).collect();
        let mut positions = [const { Vec::new() }; 3];
        for id in &ids {
            let mut random = Random::new(seed, Purpose::Positions, 0, *id);
            for positions in &mut positions {
                positions.push(edge * random.uniform());
            }
        }
        State {
            step: 0,
            edges: [edge; 3],
            ids,
            species_names: components.iter().map(|one| one.name.clone()).collect(),
            species: of(|k, _| k as f64).iter().map(|&k| k as u32).collect(),
            masses: masses(&diameters),
            diameters,
            positions,
            velocities: std::array::from_fn(|_| vec![0.0; n]),
        }
    }

    /// Number of particles N.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Volume of the box V (length³).
    pub fn volume(&self) -> f64 {
        self.edges.iter().product()
    }

    /// Number density ρ = N/V (1/length³).
    pub fn density(&self) -> f64 {
        self.len() as f64 / self.volume()
    }

    /// Volume fraction (π/6) Σ σ_i³/V.
    pub fn volume_fraction(&self) -> f64 {
        let cubes: f64 = self.diameters.iter().map(|sigma| sigma.powi(3)).sum();
        std::f64::consts::FRAC_PI_6 * cubes / self.volume()
    }

    /// Kinetic energy ½ Σ m v² (energy).
    pub fn kinetic_energy(&self) -> f64 {
        let [x, y, z] = &self.velocities;
        (0..self.len())
            .map(|i| 0.5 * self.masses[i] * (x[i] * x[i] + y[i] * y[i] + z[i] * z[i]))
            .sum()
    }

    /// Degrees of freedom 3N − 3: the momentum of the whole is zero.
    pub fn degrees_of_freedom(&self) -> f64 {
        3.0 * self.len() as f64 - 3.0
    }

    /// Kinetic temperature T = 2K/(3N − 3) (energy/k_B).
    pub fn temperature(&self) -> f64 {
        2.0 * self.kinetic_energy() / self.degrees_of_freedom()
    }

    /// Gives the particles other diameters (length, N) and the masses that go with them.
    pub fn set_diameters(&mut self, diameters: Vec<f64>) {
        self.masses = masses(&diameters);
        self.diameters = diameters;
    }

    /// Makes the momentum of the whole zero by one velocity taken from all.
    pub fn remove_momentum(&mut self) {
        let mass: f64 = self.masses.iter().sum();
        for velocities in &mut self.velocities {
            let each = std::iter::zip(&self.masses, velocities.iter());
            let mean = each.map(|(mass, velocity)| mass * velocity).sum::<f64>() / mass;
            velocities.iter_mut().for_each(|velocity| *velocity -= mean);
        }
    }

    /// Draws velocities from the Maxwell distribution: momentum zero and the kinetic temperature exactly `temperature` (energy/k_B).
    ///
    /// They depend on the seed, the step and the ids; the particles are put into the order of their ids.
    pub fn draw_velocities(&mut self, temperature: f64, seed: u64) {
        self.sort_by_id();
        for (i, &id) in self.ids.iter().enumerate() {
            let mut random = Random::new(seed, Purpose::Velocities, self.step, id);
            for velocities in &mut self.velocities {
                velocities[i] = random.gaussian() / self.masses[i].sqrt();
            }
        }
        self.remove_momentum();
        let factor = match self.temperature() {
            drawn if drawn > 0.0 => (temperature / drawn).sqrt(),
            _ => 0.0,
        };
        let velocities = self.velocities.iter_mut().flatten();
        velocities.for_each(|velocity| *velocity *= factor);
    }

    /// Puts the particles into another order: the new particle k is the old particle `order[k]`.
    pub fn permute(&mut self, order: &[u32]) {
        fn permuted<T: Copy>(values: &mut Vec<T>, order: &[u32]) {
            *values = order.iter().map(|&old| values[old as usize]).collect();
        }
        permuted(&mut self.ids, order);
        permuted(&mut self.species, order);
        permuted(&mut self.diameters, order);
        permuted(&mut self.masses, order);
        for axis in 0..3 {
            permuted(&mut self.positions[axis], order);
            permuted(&mut self.velocities[axis], order);
        }
    }

    /// Puts the particles into the order of their ids.
    pub fn sort_by_id(&mut self) {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        order.sort_unstable_by_key(|&k| self.ids[k as usize]);
        self.permute(&order);
    }

    /// Puts neighbours in space beside each other in memory, in an order that depends on ids and positions only.
    pub fn sort_in_space(&mut self) {
        self.permute(&kernel::spatial_order(
            &self.positions,
            self.edges,
            &self.ids,
        ));
    }
}

/// m_i = (σ_i/σ₁₁)³ with σ₁₁ the unit of length (mass).
fn masses(diameters: &[f64]) -> Vec<f64> {
    diameters.iter().map(|sigma| sigma.powi(3)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixture(count: usize) -> State {
        let component = |name: &str, diameter| Component {
            name: name.to_string(),
            count,
            diameter,
        };
        State::random(&[component("A", 1.0), component("B", 1.2)], 0.75, 11)
    }

    #[test]
    fn a_random_state_has_the_density_and_the_species_asked_for() {
        let state = mixture(2000);
        // L of 4000 particles at 0.75.
        assert!((state.edges[0] - 17.471609).abs() < 1e-6);
        assert!((state.density() - 0.75).abs() < 1e-14);
        assert_eq!(state.ids, (1..=4000).collect::<Vec<_>>());
        assert_eq!(state.species_names, ["A", "B"]);
        assert_eq!((state.species[1999], state.species[2000]), (0, 1));
        assert_eq!((state.masses[1999], state.masses[2000]), (1.0, 1.728));
        // Volume fraction of the reference glass's species at these numbers.
        let expected = std::f64::consts::FRAC_PI_6 * 0.75 * (1.0 + 1.728) / 2.0;
        assert!((state.volume_fraction() - expected).abs() < 1e-13);
        // Octants of the box hold 500 ± 21 each, by the binomial law.
        let mut octants = [0_u32; 8];
        for i in 0..state.len() {
            let halves = state.positions.each_ref().map(|x| x[i] / state.edges[0]);
            assert!(halves.iter().all(|x| (0.0..1.0).contains(x)));
            let [x, y, z] = halves.map(|x| usize::from(x >= 0.5));
            octants[4 * x + 2 * y + z] += 1;
        }
        assert!(octants.iter().all(|count| count.abs_diff(500) < 105));
    }

    #[test]
    fn drawn_velocities_are_maxwells() {
        let mut state = mixture(20_000);
        state.draw_velocities(0.6, 5);
        assert!((state.temperature() - 0.6).abs() < 1e-13);
        for velocities in &state.velocities {
            let products = std::iter::zip(&state.masses, velocities);
            let momentum: f64 = products.map(|(mass, velocity)| mass * velocity).sum();
            assert!(momentum.abs() < 1e-9);
        }
        // ⟨m v²⟩ = T and ⟨(m v²)²⟩ = 3 T² for each species and axis: the errors of the means over 20,000 are 0.006 and 0.005 of them
        // (variances 2 T² and 96 T⁴).
        for species in [0, 1] {
            for velocities in &state.velocities {
                let energies: Vec<f64> = (0..state.len())
                    .filter(|&i| state.species[i] == species)
                    .map(|i| state.masses[i] * velocities[i] * velocities[i] / 0.6)
                    .collect();
                let mean = |power| {
                    energies.iter().map(|e| e.powi(power)).sum::<f64>() / energies.len() as f64
                };
                assert!((mean(1) - 1.0).abs() < 5.0 * (2.0_f64 / 2e4).sqrt());
                assert!((mean(2) - 3.0).abs() < 5.0 * (96.0_f64 / 2e4).sqrt());
            }
        }
    }

    #[test]
    fn drawn_velocities_belong_to_ids_not_to_places() {
        let mut state = mixture(50);
        let mut reversed = state.clone();
        reversed.permute(&(0..100).rev().collect::<Vec<_>>());
        assert_ne!(state, reversed);
        state.draw_velocities(1.0, 5);
        reversed.draw_velocities(1.0, 5);
        assert_eq!(state, reversed);
        let before = state.velocities.clone();
        state.step += 1;
        state.draw_velocities(1.0, 5);
        assert_ne!(before, state.velocities);
    }

    #[test]
    fn the_order_in_space_does_not_depend_on_the_order_before() {
        let mut state = mixture(50);
        let mut reversed = state.clone();
        reversed.permute(&(0..100).rev().collect::<Vec<_>>());
        state.sort_in_space();
        reversed.sort_in_space();
        assert_eq!(state, reversed);
        state.sort_by_id();
        assert_eq!(state, mixture(50));
    }
}
