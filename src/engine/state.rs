//! The particles of a simulation.

use std::sync::Arc;

/// Particles in a periodic orthogonal box, as a structure of arrays; N = `ids.len()`.
///
/// Positions are unfolded: continuous in time, anywhere outside the box. The order of the particles changes as the simulation sorts them in
/// space; `ids` tell who is who.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Steps since the start of the stage's clock.
    pub step: i64,
    /// Edges of the box (length), its corner being the origin.
    pub edges: [f64; 3],
    /// Unique ids.
    pub ids: Vec<i64>,
    /// Names of the species.
    pub species_names: Vec<Arc<str>>,
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

impl State {
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
        order.sort_by_key(|&k| self.ids[k as usize]);
        self.permute(&order);
    }
}
