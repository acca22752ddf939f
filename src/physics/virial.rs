//! What the pairs of each particle contribute to its energy, its virial and the virial's slope in its diameter.

use std::ops::Range;

use nalgebra::Vector3;

use super::neighbours::Neighbours;
use super::potential::Potential;
use super::registers::{Eight, Four, InstructionSet, Lanes, Registers, Work};
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

/// Evaluates every pair of particles at `positions` (length) with these diameters (length), and the tensors if they are wanted.
///
/// Particles in the same place make values that are not finite. Errors: those of [`Neighbours::new`] and
/// [`Mixing::admits`](super::potential::Mixing::admits).
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
    potential.mixing.admits(diameters)?;
    let neighbours = Neighbours::new(cell, positions, potential.cutoff * largest)?;
    let slots = Slots::new(&neighbours, potential, diameters);
    let instructions = InstructionSet::preferred();
    let (sums, magnitude) = match potential.mixing.is_additive() {
        true => instructions.run(Evaluation::<true> { slots: &slots }),
        false => instructions.run(Evaluation::<false> { slots: &slots }),
    };
    Ok(slots.virials(positions.len(), &sums, magnitude, tensors))
}

/// Sums of a slot in three registers: force x, y, z and energy; virial, slope, and xx and yy of the tensor; zz, xy, xz and yz.
type Sums = [[f64; 4]; 3];

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
            let value = |place: &[f64; 4]| match part {
                3 => 0.5 * (place[3] / largest + margin),
                axis => place[axis] * scale,
            };
            places.iter().map(|place| value(place) as f32).collect()
        });
        Slots {
            potential,
            neighbours,
            places,
            rough,
        }
    }

    /// The sums of every slot, put together by particle.
    fn virials(&self, particles: usize, sums: &[Sums], magnitude: f64, tensors: bool) -> Virials {
        let mut virials = Virials {
            energy: vec![0.0; particles],
            virial: vec![0.0; particles],
            virial_slope: vec![0.0; particles],
            tensor: vec![[0.0; 6]; if tensors { particles } else { 0 }],
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
            .zip(sums)
            .zip(&self.places);
        for ((&particle, sums), place) in slots {
            let particle = particle as usize;
            let [[x, y, z, energy], [virial, slope, xx, yy], [zz, xy, xz, yz]] = *sums;
            virials.energy[particle] += 0.5 * energy;
            virials.virial_slope[particle] += slope;
            virials.virial[particle] += virial;
            if let Some(tensor) = virials.tensor.get_mut(particle) {
                for (component, sum) in tensor.iter_mut().zip([xx, yy, zz, xy, xz, yz]) {
                    *component += 0.5 * sum;
                }
            }
            let force = Vector3::new(x, y, z);
            let outer = force.dot(&Vector3::new(place[0], place[1], place[2]));
            total += force;
            virials.totals.virial += outer;
            virials.totals.spread += outer.abs();
            virials.totals.forces += force.norm();
        }
        virials.totals.force = total.norm();
        virials
    }
}

/// What may be near to the particles of a bin.
#[derive(Default)]
struct Candidates {
    slots: Vec<u32>,
    /// As that of the slots.
    rough: [Vec<f32>; 4],
}

impl Candidates {
    /// Takes up runs of slots. Behind them comes a register of a place that is out of reach.
    fn collect(&mut self, all: &Slots, runs: &[Range<usize>]) {
        let nowhere = all.places.len() - 1;
        self.slots.clear();
        for run in runs {
            self.slots.extend(run.start as u32..run.end as u32);
        }
        self.slots.extend([nowhere as u32; 8]);
        for (rough, all) in self.rough.iter_mut().zip(&all.rough) {
            rough.clear();
            for run in runs {
                rough.extend_from_slice(&all[run.clone()]);
            }
            rough.extend([all[nowhere]; 8]);
        }
    }

    /// The slots of those behind the particle at this place that are within its cutoff, and perhaps of a few at the cutoff more; filled up to
    /// whole registers of four.
    #[inline(always)]
    fn sift<R: Registers>(&self, registers: R, place: usize, partners: &mut Vec<u32>) -> usize {
        let from = place + 1;
        let rest = self.slots.len() - from;
        if partners.len() < rest + 8 {
            partners.resize(rest + 8, 0);
        }
        let [xs, ys, zs, reaches] = &self.rough;
        let x = registers.all_eight(xs[place]);
        let y = registers.all_eight(ys[place]);
        let z = registers.all_eight(zs[place]);
        let reach = registers.all_eight(reaches[place]);
        let mut count = 0;
        let slots = self.slots[from..].as_chunks::<8>().0.iter();
        let xs = xs[from..].as_chunks::<8>().0;
        let ys = ys[from..].as_chunks::<8>().0;
        let zs = zs[from..].as_chunks::<8>().0;
        let reaches = reaches[from..].as_chunks::<8>().0;
        for ((((slots, xs), ys), zs), reaches) in slots.zip(xs).zip(ys).zip(zs).zip(reaches) {
            let dx = registers.eight(*xs) - x;
            let dy = registers.eight(*ys) - y;
            let dz = registers.eight(*zs) - z;
            let reach = registers.eight(*reaches) + reach;
            let bits = (reach * reach).above(dx * dx + dy * dy + dz * dz);
            let slots = registers.eight(slots.map(f32::from_bits)).packed(bits);
            if let Some(partners) = partners[count..].first_chunk_mut::<8>() {
                *partners = slots.values().map(f32::to_bits);
            }
            count += bits.count_ones() as usize;
        }
        let whole = count.next_multiple_of(4);
        partners[count..whole].fill(self.slots[self.slots.len() - 1]);
        whole
    }
}

/// The sums of every slot over the pairs in which it takes part, and Σ|w|.
struct Evaluation<'a, const ADDITIVE: bool> {
    slots: &'a Slots<'a>,
}

impl<const ADDITIVE: bool> Work for Evaluation<'_, ADDITIVE> {
    type Output = (Vec<Sums>, f64);

    #[inline(always)]
    fn run<R: Registers>(self, registers: R) -> Self::Output {
        let slots = self.slots;
        let potential = Vectors::<R>::new(registers, slots.potential);
        let mut magnitude = registers.all_four(0.0);
        let mut sums = vec![[[0.0; 4]; 3]; slots.places.len()];
        let mut candidates = Candidates::default();
        let mut partners = Vec::new();
        let mut bins = slots.neighbours.bins();
        while let Some((own, runs)) = bins.next() {
            candidates.collect(slots, runs);
            for (at, slot) in own.enumerate() {
                let count = candidates.sift(registers, at, &mut partners);
                let [x, y, z, size] = slots.places[slot];
                let here = registers.four([x, y, z, 0.0]);
                let size = registers.all_four(size);
                let mut own = [registers.all_four(0.0); 3];
                let mut own_slope = registers.all_four(0.0);
                for others in partners[..count].as_chunks::<4>().0 {
                    let [a, b, c, d] = others.map(|other| other as usize);
                    let [dx, dy, dz, sizes] = R::Four::transposed([
                        registers.four(slots.places[a]) - here,
                        registers.four(slots.places[b]) - here,
                        registers.four(slots.places[c]) - here,
                        registers.four(slots.places[d]) - here,
                    ]);
                    let mut pairs = potential.pairs::<ADDITIVE>([dx, dy, dz], size, sizes);
                    if slots.neighbours.has_own_images() {
                        correct_own_images(
                            registers,
                            slots.neighbours,
                            slot,
                            others,
                            &mut pairs.slopes,
                        );
                    }
                    let (fx, fy, fz) = (pairs.force * dx, pairs.force * dy, pairs.force * dz);
                    let zero = registers.all_four(0.0);
                    magnitude = magnitude + pairs.virial.larger(zero - pairs.virial);
                    own_slope = own_slope + pairs.slopes[0];
                    let rows = [
                        R::Four::transposed([fx, fy, fz, pairs.energy]),
                        R::Four::transposed([pairs.virial, pairs.slopes[1], fx * dx, fy * dy]),
                        R::Four::transposed([fz * dz, fx * dy, fx * dz, fy * dz]),
                    ];
                    for (at, other) in [a, b, c, d].into_iter().enumerate() {
                        let sums = &mut sums[other];
                        for row in 0..3 {
                            own[row] = own[row] + rows[row][at];
                            sums[row] = (registers.four(sums[row]) + rows[row][at]).values();
                        }
                    }
                }
                // The force on the particle is opposite to those on its partners.
                let [fx, fy, fz, energy] = own[0].values();
                let mut own = own.map(|row| row.values());
                own[0] = [-fx, -fy, -fz, energy];
                own[1][1] = own_slope.values().into_iter().sum();
                for (sums, own) in sums[slot].iter_mut().zip(own) {
                    *sums = (registers.four(*sums) + registers.four(own)).values();
                }
            }
        }
        (sums, magnitude.values().into_iter().sum())
    }
}

/// The diameters at both ends of a pair of a particle and its own image are one.
fn correct_own_images<R: Registers>(
    registers: R,
    neighbours: &Neighbours,
    slot: usize,
    others: &[u32; 4],
    slopes: &mut [R::Four; 2],
) {
    let particles = neighbours.particles();
    let mut both = slopes.map(Lanes::values);
    for (lane, &other) in others.iter().enumerate() {
        if particles.get(other as usize) == Some(&particles[slot]) {
            let sum = both[0][lane] + both[1][lane];
            (both[0][lane], both[1][lane]) = (sum, sum);
        }
    }
    *slopes = both.map(|slopes| registers.four(slopes));
}

/// Four pairs of a particle and its partners.
struct Pairs<F> {
    energy: F,
    virial: F,
    /// ∂w/∂σ of the particle and of the partner (energy/length).
    slopes: [F; 2],
    /// Force / distance, positive for repulsion (energy/length²).
    force: F,
}

/// [`Potential`] in registers.
struct Vectors<R: Registers> {
    repulsion: [R::Four; 3],
    attraction: [R::Four; 3],
    shift: R::Four,
    inner: R::Four,
    cutoff: R::Four,
    /// p, q, p/3, q/4, 2p and 3q of the smooth end.
    smoothing: [R::Four; 6],
    non_additivity: R::Four,
    strength: [R::Four; 3],
    zero: R::Four,
    half: R::Four,
    one: R::Four,
}

impl<R: Registers> Vectors<R> {
    #[inline(always)]
    fn new(registers: R, potential: &Potential) -> Self {
        let (repulsion, attraction) = (potential.repulsion, potential.attraction);
        let [p, q] = potential.smoothing;
        let [e0, e1, e2] = potential.mixing.strength;
        let three = |values: [f64; 3]| values.map(|value| registers.all_four(value));
        Vectors {
            repulsion: three([repulsion, 12.0 * repulsion, 144.0 * repulsion]),
            attraction: three([attraction, 6.0 * attraction, 36.0 * attraction]),
            shift: registers.all_four(potential.shift),
            inner: registers.all_four(potential.inner),
            cutoff: registers.all_four(potential.cutoff),
            smoothing: [p, q, p / 3.0, q / 4.0, 2.0 * p, 3.0 * q]
                .map(|value| registers.all_four(value)),
            non_additivity: registers.all_four(potential.mixing.non_additivity),
            strength: three([e0, e1, e2]),
            zero: registers.all_four(0.0),
            half: registers.all_four(0.5),
            one: registers.all_four(1.0),
        }
    }

    /// Pairs at these displacements from a particle of one diameter to those of others (length), as [`Potential::of_pair`] has them.
    #[inline(always)]
    fn pairs<const ADDITIVE: bool>(
        &self,
        [dx, dy, dz]: [R::Four; 3],
        size: R::Four,
        sizes: R::Four,
    ) -> Pairs<R::Four> {
        let (zero, one) = (self.zero, self.one);
        let mean = self.half * (size + sizes);
        let (mut diameter, mut strength, mut mixed) = (mean, one, [self.half; 2]);
        if !ADDITIVE {
            let difference = size - sizes;
            let lessening = self.non_additivity * difference.larger(zero - difference);
            let factor = one - lessening;
            diameter = mean * factor;
            let tilt = mean * self.non_additivity;
            let tilt = zero
                .where_above(zero, difference, zero - tilt)
                .where_above(difference, zero, tilt);
            mixed = [self.half * factor - tilt, self.half * factor + tilt];
            let [e0, e1, e2] = self.strength;
            strength = e0 + diameter * (e1 + diameter * e2);
        }
        let square = dx * dx + dy * dy + dz * dz;
        // One division for 1/r² and 1/σ_ij.
        let both = one / (square * diameter);
        let (inverse_square, inverse_diameter) = (both * diameter, both * square);
        let x = square.root() * inverse_diameter;
        let z = inverse_square * diameter * diameter;
        let z3 = z * z * z;
        let d = (self.cutoff - x).larger(zero);
        let [p, q, p_third, q_quarter, p_twice, q_thrice] = self.smoothing;
        let slope = d * d * (p + q * d);
        let core = |at: usize| (self.repulsion[at] * z3 + self.attraction[at]) * z3;
        let energy_end = zero - d * d * d * (p_third + q_quarter * d);
        let energy = (core(0) + self.shift).where_above(x, self.inner, energy_end);
        let virial = core(1).where_above(x, self.inner, zero - x * slope);
        let virial_slope_end = x * slope - x * x * d * (p_twice + q_thrice * d);
        let virial_slope = core(2).where_above(x, self.inner, virial_slope_end);
        let (mut energy, mut virial, mut slope) = (energy, virial, virial_slope * inverse_diameter);
        if !ADDITIVE {
            energy = energy * strength;
            virial = virial * strength;
            slope = slope * strength;
        }
        Pairs {
            energy,
            virial,
            slopes: [slope * mixed[0], slope * mixed[1]],
            force: virial * inverse_square,
        }
    }
}
