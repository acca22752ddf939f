//! What the pairs of each particle contribute to its energy, its virial and the virial's slope in its diameter.

use std::ops::Range;

use nalgebra::Vector3;

use super::neighbours::{Neighbours, Run};
use super::potential::{Pair, Potential, Terms};
use crate::data::cell::Cell;
use crate::error::Result;

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
/// Particles in the same place make values that are not finite. Errors: those of [`Neighbours::new`].
pub fn evaluate(
    potential: &Potential,
    cell: Option<&Cell>,
    positions: &[Vector3<f64>],
    diameters: &[f64],
) -> Result<Virials> {
    let largest = diameters.iter().copied().fold(0.0, f64::max);
    if positions.is_empty() {
        return Ok(Virials::default());
    }
    let neighbours = Neighbours::new(cell, positions, potential.cutoff * largest)?;
    let slots = Slots::new(&neighbours, potential, diameters);
    let (sums, magnitude) = if potential.mixing.is_additive() {
        slots.sums(&neighbours, |first, second| Pair {
            diameter: 0.5 * (first + second),
            slopes: [0.5; 2],
            strength: 1.0,
        })
    } else {
        slots.sums(&neighbours, |first, second| {
            potential.mixing.pair(first, second)
        })
    };
    let particles = neighbours.particles();
    let [x, y, z] = neighbours.positions();
    let n = positions.len();
    let mut virials = Virials {
        energy: vec![0.0; n],
        virial: vec![0.0; n],
        virial_slope: vec![0.0; n],
        tensor: vec![[0.0; 6]; n],
        totals: Totals {
            magnitude,
            ..Totals::default()
        },
    };
    let mut total = Vector3::zeros();
    for (slot, (&particle, sums)) in particles.iter().zip(&sums).enumerate() {
        let particle = particle as usize;
        virials.energy[particle] += 0.5 * sums[0];
        virials.virial_slope[particle] += sums[1];
        virials.virial[particle] += sums[2];
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

/// Particles and images as the sums need them.
struct Slots<'a> {
    potential: &'a Potential,
    neighbours: &'a Neighbours,
    /// x, y, z and σ (length).
    places: Vec<[f64; 4]>,
    /// x, y, z and x_out σ/2 in single precision, with which partners are sifted.
    rough: [Vec<f32>; 4],
}

/// The partners of one particle.
#[derive(Default)]
struct Partners {
    /// How many there are; the lists below may be longer.
    count: usize,
    slots: Vec<u32>,
    /// From the particle to its partner (length).
    displacements: [Vec<f64>; 3],
    sizes: Vec<f64>,
    energy: Vec<f64>,
    virial: Vec<f64>,
    /// ∂w/∂σ of the particle and of the partner.
    slopes: [Vec<f64>; 2],
    /// Force / distance, positive for repulsion.
    force: Vec<f64>,
}

/// What may be near to the particles of a bin.
#[derive(Default)]
struct Candidates {
    slots: Vec<u32>,
    rough: [Vec<f32>; 4],
    excess: Vec<f32>,
}

impl<'a> Slots<'a> {
    fn new(neighbours: &'a Neighbours, potential: &'a Potential, diameters: &[f64]) -> Self {
        let [x, y, z] = neighbours.positions();
        let places: Vec<[f64; 4]> = neighbours
            .particles()
            .iter()
            .enumerate()
            .map(|(slot, &particle)| [x[slot], y[slot], z[slot], diameters[particle as usize]])
            .collect();
        let scale = [1.0, 1.0, 1.0, 0.5 * potential.cutoff];
        let rough = [0, 1, 2, 3].map(|part| {
            places
                .iter()
                .map(|place| (place[part] * scale[part]) as f32)
                .collect()
        });
        Slots {
            potential,
            neighbours,
            places,
            rough,
        }
    }

    /// The sums of every slot over the pairs in which it takes part, and Σ|w|.
    fn sums(
        &self,
        neighbours: &Neighbours,
        mix: impl Fn(f64, f64) -> Pair,
    ) -> (Vec<[f64; SUMS]>, f64) {
        let mut magnitude = 0.0;
        let mut sums = vec![[0.0; SUMS]; self.places.len()];
        let mut candidates = Candidates::default();
        let mut partners = Partners::default();
        neighbours.for_each_bin(|own, runs| {
            self.collect(&own, runs, &mut candidates);
            for (place, slot) in own.enumerate() {
                candidates.sift(place, &mut partners);
                self.gather(slot, &mut partners);
                self.evaluate(slot, &mix, &mut partners);
                magnitude += partners.add_to(&mut sums, slot);
            }
        });
        (sums, magnitude)
    }

    fn collect(&self, _own: &Range<usize>, runs: &[Run], candidates: &mut Candidates) {
        candidates.slots.clear();
        candidates.rough.iter_mut().for_each(Vec::clear);
        for run in runs {
            candidates
                .slots
                .extend(run.slots.start as u32..run.slots.end as u32);
            for (all, rough) in self.rough.iter().zip(&mut candidates.rough) {
                rough.extend_from_slice(&all[run.slots.clone()]);
            }
        }
        candidates.excess.resize(candidates.slots.len(), 0.0);
    }

    fn gather(&self, slot: usize, partners: &mut Partners) {
        let n = partners.count;
        let [here_x, here_y, here_z, _] = self.places[slot];
        let [x, y, z] = &mut partners.displacements;
        let (x, y, z, sizes) = (
            &mut x[..n],
            &mut y[..n],
            &mut z[..n],
            &mut partners.sizes[..n],
        );
        for (k, &other) in partners.slots[..n].iter().enumerate() {
            let [other_x, other_y, other_z, size] = self.places[other as usize];
            (x[k], y[k], z[k], sizes[k]) =
                (other_x - here_x, other_y - here_y, other_z - here_z, size);
        }
    }

    fn evaluate(&self, slot: usize, mix: impl Fn(f64, f64) -> Pair, partners: &mut Partners) {
        let n = partners.count;
        let size = self.places[slot][3];
        let [x, y, z] = &partners.displacements;
        let (x, y, z, sizes) = (&x[..n], &y[..n], &z[..n], &partners.sizes[..n]);
        let (energy, virial, force) = (
            &mut partners.energy[..n],
            &mut partners.virial[..n],
            &mut partners.force[..n],
        );
        let [first, second] = &mut partners.slopes;
        let (first, second) = (&mut first[..n], &mut second[..n]);
        let potential = *self.potential;
        for k in 0..n {
            let square = x[k] * x[k] + y[k] * y[k] + z[k] * z[k];
            let pair = mix(size, sizes[k]);
            // One division for 1/r² and 1/σ_ij.
            let both = 1.0 / (square * pair.diameter);
            let (inverse_square, inverse_diameter) = (both * pair.diameter, both * square);
            let terms = terms(
                &potential,
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
        if self.neighbours.has_own_images() {
            // The diameters at both ends are one.
            let particles = self.neighbours.particles();
            for k in (0..n).filter(|&k| particles[partners.slots[k] as usize] == particles[slot]) {
                let both = first[k] + second[k];
                (first[k], second[k]) = (both, both);
            }
        }
    }
}

impl Candidates {
    /// Those within the cutoff of the particle at this place, and perhaps a few at the cutoff more.
    fn sift(&mut self, place: usize, partners: &mut Partners) {
        let [x, y, z, reach] = self.rough.each_ref().map(|values| values[place]);
        let from = place + 1;
        let n = self.slots.len() - from;
        let [xs, ys, zs, reaches] = self.rough.each_ref().map(|values| &values[from..][..n]);
        let excess = &mut self.excess[..n];
        for k in 0..n {
            let (dx, dy, dz, reach) = (xs[k] - x, ys[k] - y, zs[k] - z, reaches[k] + reach);
            excess[k] = dx * dx + dy * dy + dz * dz - reach * reach;
        }
        partners.hold(n);
        let slots = &mut partners.slots[..n];
        let mut count = 0;
        for (&slot, &excess) in self.slots[from..].iter().zip(&*excess) {
            slots[count] = slot;
            count += usize::from(excess < 0.0);
        }
        partners.count = count;
    }
}

impl Partners {
    /// Makes room for `most` partners.
    fn hold(&mut self, most: usize) {
        if self.slots.len() < most {
            self.slots.resize(most, 0);
            let [x, y, z] = &mut self.displacements;
            let [first, second] = &mut self.slopes;
            for values in [
                x,
                y,
                z,
                &mut self.sizes,
                &mut self.energy,
                &mut self.virial,
                &mut self.force,
                first,
                second,
            ] {
                values.resize(most, 0.0);
            }
        }
    }

    /// Adds what the pairs of a slot contribute to the sums of both; gives their Σ|w|.
    fn add_to(&self, sums: &mut [[f64; SUMS]], slot: usize) -> f64 {
        let mut magnitude = 0.0;
        let n = self.count;
        let mut own = [0.0; SUMS];
        let [x, y, z] = &self.displacements;
        let (x, y, z) = (&x[..n], &y[..n], &z[..n]);
        let (energy, virial, pull) = (&self.energy[..n], &self.virial[..n], &self.force[..n]);
        let [first, second] = &self.slopes;
        let (first, second) = (&first[..n], &second[..n]);
        for (k, &other) in self.slots[..n].iter().enumerate() {
            let force = [pull[k] * x[k], pull[k] * y[k], pull[k] * z[k]];
            let mut terms = [
                energy[k],
                second[k],
                virial[k],
                force[0],
                force[1],
                force[2],
                force[0] * x[k],
                force[1] * y[k],
                force[2] * z[k],
                force[0] * y[k],
                force[0] * z[k],
                force[1] * z[k],
            ];
            for (sum, term) in sums[other as usize].iter_mut().zip(&terms) {
                *sum += term;
            }
            terms[1] = first[k];
            magnitude += virial[k].abs();
            for (sum, term) in own.iter_mut().zip(&terms) {
                *sum += term;
            }
        }
        // The force on the particle is opposite to those on its partners.
        own[3..6].iter_mut().for_each(|force| *force = -*force);
        for (sum, term) in sums[slot].iter_mut().zip(&own) {
            *sum += term;
        }
        magnitude
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
        energy: choose(
            (repulsion + attraction) * z3 + potential.shift,
            -d * d * d * (p / 3.0 + q * d / 4.0),
        ),
        virial: choose((12.0 * repulsion + 6.0 * attraction) * z3, -x * slope),
        virial_slope: choose(
            (144.0 * repulsion + 36.0 * attraction) * z3,
            x * slope - x * x * d * (2.0 * p + 3.0 * q * d),
        ),
    }
}
