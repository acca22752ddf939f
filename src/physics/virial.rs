//! What the pairs of each particle contribute to its energy, its virial and the virial's slope in its diameter.

use nalgebra::Vector3;

use super::neighbours::{Neighbours, Run};
use super::potential::{Potential, Terms};
use crate::data::cell::Cell;
use crate::error::{Error, Result};

/// The six components of a symmetric tensor, in this order.
pub const COMPONENTS: [&str; 6] = ["xx", "yy", "zz", "xy", "xz", "yz"];

/// Sums over the pairs of each particle i, every image of a partner j counted; energies in ε.
///
/// The volume that a particle is given makes a pressure of them: P_i = Σ_j w_ij / 6V_i, with V_i = V/N the P_i of Leoni, Russo, Sciortino and
/// Yanagishima, whose mean over the particles is the configurational pressure; and dP_i/dσ_i = (∂/∂σ_i Σ_j w_ij) / 6V_i.
#[derive(Clone, Debug, Default)]
pub struct Virials {
    /// ½ Σ_j u_ij (energy).
    pub energy: Vec<f64>,
    /// Σ_j w_ij, w_ij = r_ij·f_ij (energy); positive for repulsion.
    pub virial: Vec<f64>,
    /// ∂/∂σ_i Σ_j w_ij at fixed positions (energy/length): Σ_j v_ij/σ_ij ∂σ_ij/∂σ_i, v = −x w′. The strengths of pairs belong to their species
    /// and stay as they are.
    pub virial_slope: Vec<f64>,
    /// ½ Σ_j r_ij f_ij (energy) by [`COMPONENTS`], r_ij = r_i − r_j and f_ij the force on i; its trace is half of Σ_j w_ij. LAMMPS's
    /// `compute stress/atom … virial` is minus this.
    pub tensor: Vec<[f64; 6]>,
    /// Sums over the whole system by other ways, for checks.
    pub totals: Totals,
}

/// Sums over the whole system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Σ r·F over the particles and the images of them that they meet, F the force from the pairs in which each of these takes part: the sum
    /// of w over all pairs, from forces and places instead of distances (energy).
    pub virial: f64,
    /// Σ|w| over all pairs, against which round-off is to be seen (energy).
    pub magnitude: f64,
    /// Σ|r·F| (energy): round-off of `virial`.
    pub spread: f64,
    /// |Σ_i F_i| (energy/length).
    pub force: f64,
    /// Σ_i |F_i| of the particles and images (energy/length), against which it is to be seen.
    pub forces: f64,
}

/// Number of sums that a slot takes part in: energy, virial, slope, force, tensor.
const SUMS: usize = 12;

/// Evaluates every pair of particles at `positions` (length) with these diameters (length).
///
/// Errors: a diameter that is not positive, particles in the same place, and those of [`Neighbours::new`].
pub fn evaluate(potential: &Potential, cell: Option<&Cell>, positions: &[Vector3<f64>], diameters: &[f64]) -> Result<Virials> {
    let largest = diameters.iter().copied().fold(0.0, f64::max);
    if positions.is_empty() {
        return Ok(Virials::default());
    }
    let neighbours = Neighbours::new(cell, positions, potential.cutoff * largest)?;
    let particles = neighbours.particles();
    let [x, y, z] = neighbours.positions();
    let sizes: Vec<f64> = particles.iter().map(|&particle| diameters[particle as usize]).collect();
    let mut sums = vec![[0.0; SUMS]; particles.len()];
    let mut near = Near::default();
    let mut magnitude = 0.0;
    neighbours.for_each_particle(|slot, runs| {
        let here = [x[slot], y[slot], z[slot]];
        near.sift(potential.cutoff, largest, [x, y, z], &sizes, here, sizes[slot], runs);
        near.gather([x, y, z], &sizes, here);
        near.evaluate(potential, sizes[slot]);
        if neighbours.has_own_images() {
            near.correct_own_images(particles, slot);
        }
        let mut own = [0.0; SUMS];
        for k in 0..near.slots.len() {
            let [dx, dy, dz] = [near.d[0][k], near.d[1][k], near.d[2][k]];
            let pull = near.force[k];
            let force = [pull * dx, pull * dy, pull * dz];
            let mut pair = [
                near.energy[k], near.virial[k], near.slopes[1][k],
                force[0], force[1], force[2],
                force[0] * dx, force[1] * dy, force[2] * dz,
                force[0] * dy, force[0] * dz, force[1] * dz,
            ];
            magnitude += near.virial[k].abs();
            let other = &mut sums[near.slots[k] as usize];
            for (sum, term) in other.iter_mut().zip(&pair) {
                *sum += term;
            }
            pair[2] = near.slopes[0][k];
            for (sum, term) in own.iter_mut().zip(&pair) {
                *sum += term;
            }
        }
        // The force on the particle is opposite to those on its partners.
        own[3..6].iter_mut().for_each(|force| *force = -*force);
        for (sum, term) in sums[slot].iter_mut().zip(&own) {
            *sum += term;
        }
    });
    let n = positions.len();
    let mut virials = Virials {
        energy: vec![0.0; n],
        virial: vec![0.0; n],
        virial_slope: vec![0.0; n],
        tensor: vec![[0.0; 6]; n],
        totals: Totals { magnitude, ..Totals::default() },
    };
    let mut total = Vector3::zeros();
    for (slot, (&particle, sums)) in particles.iter().zip(&sums).enumerate() {
        let particle = particle as usize;
        virials.energy[particle] += 0.5 * sums[0];
        virials.virial[particle] += sums[1];
        virials.virial_slope[particle] += sums[2];
        for component in 0..6 {
            virials.tensor[particle][component] += 0.5 * sums[6 + component];
        }
        let force = Vector3::new(sums[3], sums[4], sums[5]);
        let outer = force.dot(&Vector3::new(x[slot], y[slot], z[slot]));
        total += force;
        virials.totals.virial += outer;
        virials.totals.spread += outer.abs();
        virials.totals.forces += force.norm();
    }
    virials.totals.force = total.norm();
    Ok(virials)
}

/// The partners of one particle, many at a time.
#[derive(Default)]
struct Near {
    /// r² less the square of the pair's cutoff, of a run.
    excess: Vec<f64>,
    slots: Vec<u32>,
    sizes: Vec<f64>,
    /// From the particle to its partners.
    d: [Vec<f64>; 3],
    energy: Vec<f64>,
    virial: Vec<f64>,
    /// Of Σ w in the diameters of the particle and of the partner.
    slopes: [Vec<f64>; 2],
    /// Force / distance; positive for repulsion.
    force: Vec<f64>,
}

impl Near {
    /// Keeps the slots within the cutoff of their pair.
    #[allow(clippy::too_many_arguments)]
    fn sift(&mut self, cutoff: f64, largest: f64, [x, y, z]: [&[f64]; 3], sizes: &[f64], here: [f64; 3], size: f64, runs: &[Run]) {
        let reach = (0.5 * cutoff * (size + largest)).powi(2);
        let half = 0.5 * cutoff;
        self.slots.clear();
        for run in runs.iter().filter(|run| run.gap < reach) {
            let range = run.slots.clone();
            self.excess.clear();
            self.excess.extend(x[range.clone()].iter().zip(&y[range.clone()]).zip(&z[range.clone()]).zip(&sizes[range.clone()]).map(
                |(((x, y), z), other)| {
                    let (dx, dy, dz) = (x - here[0], y - here[1], z - here[2]);
                    let reach = half * (size + other);
                    dx * dx + dy * dy + dz * dz - reach * reach
                },
            ));
            let before = self.slots.len();
            self.slots.resize(before + range.len(), 0);
            let mut end = before;
            for (slot, excess) in range.zip(&self.excess) {
                self.slots[end] = slot as u32;
                end += usize::from(*excess < 0.0);
            }
            self.slots.truncate(end);
        }
    }

    fn gather(&mut self, positions: [&[f64]; 3], sizes: &[f64], here: [f64; 3]) {
        self.sizes.clear();
        self.sizes.extend(self.slots.iter().map(|&slot| sizes[slot as usize]));
        for axis in 0..3 {
            self.d[axis].clear();
            self.d[axis].extend(self.slots.iter().map(|&slot| positions[axis][slot as usize] - here[axis]));
        }
    }

    fn evaluate(&mut self, potential: &Potential, size: f64) {
        let n = self.slots.len();
        for values in [&mut self.energy, &mut self.virial, &mut self.force].into_iter().chain(&mut self.slopes) {
            values.resize(n, 0.0);
        }
        let (dx, dy, dz, sizes) = (&self.d[0][..n], &self.d[1][..n], &self.d[2][..n], &self.sizes[..n]);
        let [first, second] = &mut self.slopes;
        let (energy, virial, force) = (&mut self.energy[..n], &mut self.virial[..n], &mut self.force[..n]);
        let (first, second) = (&mut first[..n], &mut second[..n]);
        for k in 0..n {
            let square = dx[k] * dx[k] + dy[k] * dy[k] + dz[k] * dz[k];
            let pair = potential.mixing.pair(size, sizes[k]);
            // One division for 1/r² and 1/σ_ij.
            let both = 1.0 / (square * pair.diameter);
            let (inverse_square, inverse_diameter) = (both * pair.diameter, both * square);
            let terms = terms(
                potential,
                square * inverse_diameter * inverse_diameter,
                inverse_square * pair.diameter * pair.diameter,
            );
            energy[k] = pair.strength * terms.energy;
            virial[k] = pair.strength * terms.virial;
            force[k] = virial[k] * inverse_square;
            let slope = pair.strength * terms.virial_slope * inverse_diameter;
            first[k] = slope * pair.slopes[0];
            second[k] = slope * pair.slopes[1];
        }
    }

    fn correct_own_images(&mut self, particles: &[u32], slot: usize) {
        for (k, &other) in self.slots.iter().enumerate() {
            if particles[other as usize] == particles[slot] {
                let both = self.slopes[0][k] + self.slopes[1][k];
                (self.slopes[0][k], self.slopes[1][k]) = (both, both);
            }
        }
    }
}

/// [`Potential::at`] from x² and z = 1/x², without branches, so that the compiler can do several pairs at once.
fn terms(potential: &Potential, square: f64, z: f64) -> Terms {
    let z3 = z * z * z;
    let (repulsion, attraction) = (potential.repulsion * z3, potential.attraction);
    let d = (potential.cutoff - square.sqrt()).max(0.0);
    let x = potential.cutoff - d;
    let [p, q] = potential.smoothing;
    let slope = d * d * (p + q * d);
    let inside = square <= potential.inner * potential.inner;
    let choose = |core: f64, end: f64| if inside { core } else { end };
    Terms {
        energy: choose((repulsion + attraction) * z3 + potential.shift, -d * d * d * (p / 3.0 + q * d / 4.0)),
        virial: choose((12.0 * repulsion + 6.0 * attraction) * z3, -x * slope),
        virial_slope: choose((144.0 * repulsion + 36.0 * attraction) * z3, x * slope - x * x * d * (2.0 * p + 3.0 * q * d)),
    }
}
