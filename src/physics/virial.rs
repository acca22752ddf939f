//! What the pairs of each particle contribute to its energy, its virial and the virial's slope in its diameter.

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
    /// `compute stress/atom … virial` is minus this. Empty if not wanted.
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

/// Sums of a slot: energy, slope, virial and force; then the tensor.
const WITHOUT_TENSOR: usize = 6;
const WITH_TENSOR: usize = 12;

/// Evaluates every pair of particles at `positions` (length) with these diameters (length), and the tensors if they are wanted.
///
/// Particles in the same place make values that are not finite. Errors: those of [`Neighbours::new`].
pub fn evaluate(
    potential: &Potential,
    cell: Option<&Cell>,
    positions: &[Vector3<f64>],
    diameters: &[f64],
    tensors: bool,
) -> Result<Virials> {
    let largest = diameters.iter().copied().fold(0.0, f64::max);
    if positions.is_empty() {
        return Ok(Virials::default());
    }
    let neighbours = Neighbours::new(cell, positions, potential.cutoff * largest)?;
    let slots = Slots::new(&neighbours, potential, diameters);
    Ok(match tensors {
        true => slots.virials::<WITH_TENSOR>(positions.len()),
        false => slots.virials::<WITHOUT_TENSOR>(positions.len()),
    })
}

/// Partners that are evaluated together, in arrays of a length that the compiler knows.
const BLOCK: usize = 16;

/// Candidates that are sifted together.
const CHUNK: usize = 8;

/// Particles and images as the sums need them.
struct Slots<'a> {
    potential: &'a Potential,
    neighbours: &'a Neighbours,
    /// x, y, z and σ (length); at last a place that is out of reach of all others.
    places: Vec<[f64; 4]>,
    /// x, y, z and half of what a particle adds to the cutoff of a pair, in units of the largest cutoff: in single precision, with which partners
    /// are sifted.
    rough: [Vec<f32>; 4],
}

/// What may be near to the particles of a bin.
#[derive(Default)]
struct Candidates {
    slots: Vec<u32>,
    rough: [Vec<f32>; 4],
    /// r² less the square of the pair's cutoff.
    excess: Vec<f32>,
}

/// Pairs of one particle.
#[derive(Default)]
struct Pairs {
    /// From the particle to its partner (length).
    displacements: [[f64; BLOCK]; 3],
    sizes: [f64; BLOCK],
    energy: [f64; BLOCK],
    virial: [f64; BLOCK],
    /// ∂w/∂σ of the particle and of the partner (energy/length).
    slopes: [[f64; BLOCK]; 2],
    /// Force / distance, positive for repulsion (energy/length²).
    force: [f64; BLOCK],
}

impl<'a> Slots<'a> {
    fn new(neighbours: &'a Neighbours, potential: &'a Potential, diameters: &[f64]) -> Self {
        let [x, y, z] = neighbours.positions();
        let largest = diameters.iter().copied().fold(0.0, f64::max);
        let beyond = x.iter().copied().fold(f64::MIN, f64::max) + 8.0 * potential.cutoff * largest;
        let particles = neighbours.particles().iter().enumerate();
        let places: Vec<[f64; 4]> = particles
            .map(|(slot, &particle)| [x[slot], y[slot], z[slot], diameters[particle as usize]])
            .chain([[beyond, 0.0, 0.0, largest]])
            .collect();
        // In units of the largest cutoff, with a margin for the rounding of coordinates.
        let scale = 1.0 / (potential.cutoff * largest);
        let extent = places
            .iter()
            .flat_map(|place| &place[..3])
            .fold(1.0, |extent: f64, x| extent.max((x * scale).abs()));
        let margin = 4.0 * f64::from(f32::EPSILON) * extent;
        let rough = [0, 1, 2, 3].map(|part| {
            let values = places.iter().map(|place| match part {
                3 => 0.5 * (place[3] / largest + margin),
                axis => place[axis] * scale,
            });
            values.map(|value| value as f32).collect()
        });
        Slots {
            potential,
            neighbours,
            places,
            rough,
        }
    }

    /// The sums of every slot, put together by particle.
    fn virials<const SUMS: usize>(&self, particles: usize) -> Virials {
        let mixing = &self.potential.mixing;
        let (sums, magnitude) = if mixing.is_additive() {
            self.sums::<SUMS>(|first, second| Pair {
                diameter: 0.5 * (first + second),
                slopes: [0.5; 2],
                strength: 1.0,
            })
        } else {
            self.sums::<SUMS>(|first, second| mixing.pair(first, second))
        };
        let tensors = if SUMS == WITH_TENSOR { particles } else { 0 };
        let mut virials = Virials {
            energy: vec![0.0; particles],
            virial: vec![0.0; particles],
            virial_slope: vec![0.0; particles],
            tensor: vec![[0.0; 6]; tensors],
            totals: Totals {
                magnitude,
                ..Totals::default()
            },
        };
        let mut total = Vector3::zeros();
        let slots = self
            .neighbours
            .particles()
            .iter()
            .zip(&sums)
            .zip(&self.places);
        for ((&particle, sums), place) in slots {
            let particle = particle as usize;
            virials.energy[particle] += 0.5 * sums[0];
            virials.virial_slope[particle] += sums[1];
            virials.virial[particle] += sums[2];
            if let Some(tensor) = virials.tensor.get_mut(particle) {
                for (component, sum) in tensor.iter_mut().zip(&sums[WITHOUT_TENSOR..]) {
                    *component += 0.5 * sum;
                }
            }
            let force = Vector3::new(sums[3], sums[4], sums[5]);
            let outer = force.dot(&Vector3::new(place[0], place[1], place[2]));
            total += force;
            virials.totals.virial += outer;
            virials.totals.spread += outer.abs();
            virials.totals.forces += force.norm();
        }
        virials.totals.force = total.norm();
        virials
    }

    /// The sums of every slot over the pairs in which it takes part, and Σ|w|.
    fn sums<const SUMS: usize>(&self, mix: impl Fn(f64, f64) -> Pair) -> (Vec<[f64; SUMS]>, f64) {
        let mut magnitude = 0.0;
        let mut sums = vec![[0.0; SUMS]; self.places.len()];
        let mut candidates = Candidates::default();
        let mut partners = Vec::new();
        let mut pairs = Pairs::default();
        let filler = self.places.len() as u32 - 1;
        self.neighbours.for_each_bin(|own, runs| {
            self.collect(runs, &mut candidates);
            for (place, slot) in own.enumerate() {
                let count = candidates.sift(place, &mut partners, filler);
                let mut sum = [0.0; SUMS];
                for others in partners[..count].chunks_exact(BLOCK) {
                    self.gather(slot, others, &mut pairs);
                    pairs.evaluate(self.potential, self.places[slot][3], &mix);
                    if self.neighbours.has_own_images() {
                        self.correct_own_images(slot, others, &mut pairs);
                    }
                    let (terms, pairs_magnitude) = pairs.add_to(others, &mut sums);
                    add(&mut sum, &terms);
                    magnitude += pairs_magnitude;
                }
                // The force on the particle is opposite to those on its partners.
                sum[3..6].iter_mut().for_each(|force| *force = -*force);
                add(&mut sums[slot], &sum);
            }
        });
        (sums, magnitude)
    }

    fn collect(&self, runs: &[Run], candidates: &mut Candidates) {
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
    }

    fn gather(&self, slot: usize, others: &[u32], pairs: &mut Pairs) {
        let here = self.places[slot];
        for (k, &other) in others.iter().enumerate().take(BLOCK) {
            let there = self.places[other as usize];
            for axis in 0..3 {
                pairs.displacements[axis][k] = there[axis] - here[axis];
            }
            pairs.sizes[k] = there[3];
        }
    }

    /// The diameters at both ends of a pair of a particle and its own image are one.
    fn correct_own_images(&self, slot: usize, others: &[u32], pairs: &mut Pairs) {
        let particles = self.neighbours.particles();
        for (k, other) in others.iter().enumerate() {
            if particles.get(*other as usize) == Some(&particles[slot]) {
                let both = pairs.slopes[0][k] + pairs.slopes[1][k];
                (pairs.slopes[0][k], pairs.slopes[1][k]) = (both, both);
            }
        }
    }
}

impl Candidates {
    /// The slots of those within the cutoff of the particle at this place and behind it, and perhaps of a few at the cutoff more; filled up to
    /// whole blocks with `filler`. Gives their number.
    fn sift(&mut self, place: usize, partners: &mut Vec<u32>, filler: u32) -> usize {
        let [x, y, z, reach] = self.rough.each_ref().map(|values| values[place]);
        let from = place + 1;
        let n = self.slots.len() - from;
        let [xs, ys, zs, reaches] = self.rough.each_ref().map(|values| &values[from..][..n]);
        self.excess.resize(self.slots.len(), 0.0);
        let excess = &mut self.excess[..n];
        for k in 0..n {
            let (dx, dy, dz, reach) = (xs[k] - x, ys[k] - y, zs[k] - z, reaches[k] + reach);
            excess[k] = dx * dx + dy * dy + dz * dz - reach * reach;
        }
        if partners.len() < n + BLOCK {
            partners.resize(n + BLOCK, 0);
        }
        // Every candidate is written, and what follows goes over those that are out of reach.
        let mut count = 0;
        let (slots, last_slots) = self.slots[from..].as_chunks::<CHUNK>();
        let (excess, last_excess) = excess.as_chunks::<CHUNK>();
        for (slots, excess) in slots.iter().zip(excess) {
            let place: &mut [u32; CHUNK] = (&mut partners[count..count + CHUNK])
                .try_into()
                .expect("as long as a chunk");
            let mut found = 0;
            for k in 0..CHUNK {
                place[found] = slots[k];
                found += (excess[k].to_bits() >> 31) as usize;
            }
            count += found;
        }
        for (slot, excess) in last_slots.iter().zip(last_excess) {
            partners[count] = *slot;
            count += (excess.to_bits() >> 31) as usize;
        }
        let whole = count.next_multiple_of(BLOCK);
        partners[count..whole].fill(filler);
        whole
    }
}

fn add<const SUMS: usize>(sums: &mut [f64; SUMS], terms: &[f64; SUMS]) {
    for (sum, term) in sums.iter_mut().zip(terms) {
        *sum += term;
    }
}

impl Pairs {
    /// In three passes, so that no division has to be waited for.
    fn evaluate(&mut self, potential: &Potential, size: f64, mix: impl Fn(f64, f64) -> Pair) {
        let [x, y, z] = &self.displacements;
        let mut inverse_squares = [0.0; BLOCK];
        let mut inverse_diameters = [0.0; BLOCK];
        for k in 0..BLOCK {
            let square = x[k] * x[k] + y[k] * y[k] + z[k] * z[k];
            let diameter = mix(size, self.sizes[k]).diameter;
            // One division for 1/r² and 1/σ_ij.
            let both = 1.0 / (square * diameter);
            (inverse_squares[k], inverse_diameters[k]) = (both * diameter, both * square);
        }
        let mut scaled = [0.0; BLOCK];
        for k in 0..BLOCK {
            let [x, y, z] = [x[k], y[k], z[k]].map(|d| d * inverse_diameters[k]);
            scaled[k] = (x * x + y * y + z * z).sqrt();
        }
        for k in 0..BLOCK {
            let pair = mix(size, self.sizes[k]);
            let z = inverse_squares[k] * pair.diameter * pair.diameter;
            let terms = terms(potential, scaled[k], z);
            self.energy[k] = pair.strength * terms.energy;
            self.virial[k] = pair.strength * terms.virial;
            self.force[k] = self.virial[k] * inverse_squares[k];
            let slope = pair.strength * terms.virial_slope * inverse_diameters[k];
            self.slopes[0][k] = slope * pair.slopes[0];
            self.slopes[1][k] = slope * pair.slopes[1];
        }
    }

    /// Adds what the pairs contribute to the sums of the particle's partners; gives those of the particle and Σ|w|.
    fn add_to<const SUMS: usize>(
        &self,
        others: &[u32],
        sums: &mut [[f64; SUMS]],
    ) -> ([f64; SUMS], f64) {
        let mut own = [0.0; SUMS];
        let mut magnitude = 0.0;
        let [x, y, z] = &self.displacements;
        for (k, &other) in others.iter().enumerate().take(BLOCK) {
            let force = [x, y, z].map(|d| self.force[k] * d[k]);
            let all = [
                self.energy[k],
                self.slopes[1][k],
                self.virial[k],
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
            let mut terms: [f64; SUMS] = std::array::from_fn(|sum| all[sum]);
            add(&mut sums[other as usize], &terms);
            terms[1] = self.slopes[0][k];
            add(&mut own, &terms);
            magnitude += self.virial[k].abs();
        }
        (own, magnitude)
    }
}

/// [`Potential::at`] from x and z = 1/x², without branches, so that the compiler can do several pairs at once.
fn terms(potential: &Potential, x: f64, z: f64) -> Terms {
    let z3 = z * z * z;
    let (repulsion, attraction) = (potential.repulsion * z3, potential.attraction);
    let d = (potential.cutoff - x).max(0.0);
    let [p, q] = potential.smoothing;
    let slope = d * d * (p + q * d);
    let inside = x <= potential.inner;
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
