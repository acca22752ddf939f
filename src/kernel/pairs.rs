//! The loops over pairs, written once for every instruction set.
//!
//! Particles stand in clusters of as many as a register has lanes, each cluster a block `[x… y… z… h…]` of coordinates and half diameters.
//! A list entry is one particle of cluster I against cluster J, or against the half of it that a narrower register holds; the entries of a
//! cluster I are one flat stream, so that nothing in the loop branches. Lengths are in units of the box's first edge: 2³² of them (as wrapping integers) where pairs are
//! evaluated in f32, 1 where in f64.

use super::coefficients::{Form, Rule};
use super::lanes::Lanes;

/// Forces only.
pub(super) const FORCES: usize = 0;
/// Forces and the sums over all pairs.
pub(super) const TOTALS: usize = 1;
/// Forces and the sums over the pairs of each particle.
pub(super) const PARTICLES: usize = 2;

/// Boxes that are not cubes, with additive mixing.
pub(super) const BOX: usize = 0;
/// Cubes, with additive mixing.
pub(super) const CUBE: usize = 1;
/// Any box, any mixing, and more terms for the smooth end.
pub(super) const ANY: usize = 2;

/// Places for quantities that are summed for each particle in a mode: forces (and one that is not used, so that a cluster's sums are as long
/// as its block); then energy, virial, slope and the six components of the virial.
pub(super) const fn quantities(mode: usize) -> usize {
    if mode == PARTICLES { 13 } else { 4 }
}

/// Entries that are in work at a time, each in another stage: the processor's own queues are too short to hide the latency of one.
pub(super) const DEPTH: usize = 5;
/// Entries that stand behind those of each cluster, without a pair: what the loop reads while it drains.
pub(super) const ROOM: usize = DEPTH - 1;

/// The entry of lane 0 against the first part of a cluster, of which a register holds one in `parts`. Entries of the outer list name that part
/// and mean the whole cluster.
pub(super) const fn first_entry(cluster: usize, parts: usize) -> usize {
    (cluster * 4 * parts) << 4
}

/// What a force loop works on: the clusters I from `first` to `last` and their entries.
pub(super) struct Task<'a> {
    /// Blocks of coordinates and half diameters: 4 × width values each.
    pub blocks: *const u8,
    /// Sums of each cluster: `quantities(mode)` × width values each; to be added to.
    pub sums: *mut u8,
    /// Clusters of which the entries are evaluated.
    pub clusters: std::ops::Range<usize>,
    /// Where the entries of each cluster begin in `entries`, and how many there are.
    pub starts: &'a [u32],
    pub counts: &'a [u32],
    /// Entries 16 × place + lane of I; the place is where the part of J begins in the blocks, in registers. Behind the entries of each
    /// cluster stand [`ROOM`] of cluster `empty`.
    pub entries: &'a [u32],
    /// A cluster of places that no particle has, behind all others.
    pub empty: usize,
    /// Edges of the box in units of the first.
    pub ratios: [f64; 3],
    pub z_in: f64,
    pub z_out: f64,
    pub shift: f64,
    pub mixing: &'a Rule,
    pub energy: &'a Form,
    pub virial: &'a Form,
    pub slope: &'a Form,
}

/// The constants of a task in registers.
#[derive(Clone, Copy)]
struct Constants<L, const END: usize> {
    zero: L,
    ratios: [L; 2],
    z3_in: L,
    z_out: L,
    shift: L,
    half: L,
    non_additivity: L,
    strength: ([L; 3], L),
    energy: ([L; 2], [L; END]),
    virial: ([L; 2], [L; END]),
    slope: ([L; 2], [L; END]),
}

impl<L: Lanes, const END: usize> Constants<L, END> {
    #[inline(always)]
    unsafe fn of(task: &Task) -> Self {
        // SAFETY: the caller's contract is that of `Lanes`.
        unsafe {
            let form = |form: &Form| {
                let core = [L::splat(form.core[0]), L::splat(form.core[1])];
                (core, std::array::from_fn(|k| L::splat(form.end[k])))
            };
            Constants {
                zero: L::splat(0.0),
                ratios: [L::splat(task.ratios[1]), L::splat(task.ratios[2])],
                z3_in: L::splat(task.z_in.powi(3)),
                z_out: L::splat(task.z_out),
                shift: L::splat(task.shift),
                half: L::splat(0.5),
                non_additivity: L::splat(task.mixing.non_additivity),
                strength: (
                    task.mixing.strength.map(|value| L::splat(value)),
                    L::splat(task.mixing.center),
                ),
                energy: form(task.energy),
                virial: form(task.virial),
                slope: form(task.slope),
            }
        }
    }
}

/// The value of a form: `core` where `inside`, else `tail` × the polynomial of the end.
#[inline(always)]
unsafe fn value<L: Lanes, const END: usize>(
    (core, end): &([L; 2], [L; END]),
    (z3, t, inside): (L, L, L),
    tail: L,
    shift: L,
) -> L {
    // SAFETY: the caller's contract is that of `Lanes`.
    unsafe {
        let mut sum = end[END - 1];
        for k in (0..END - 1).rev() {
            sum = sum.mul_add(t, end[k]);
        }
        let core = core[0].mul_add(z3, core[1]).mul_add(z3, shift);
        L::where_negative(inside, sum.mul(tail), core)
    }
}

/// First stage: separations d = r_i − r_j, their r⁻², and σ_ij.
#[derive(Clone, Copy)]
struct Near<L> {
    entry: usize,
    d: [L; 3],
    inverse: L,
    diameter: L,
    /// Where mixing is not additive: ε_ij, and how the derivatives of σ_ij by the two diameters are not ½, as [`Rule`] says.
    strength: L,
    slopes: [L; 2],
}

/// Second stage: what the polynomials need, z³ and t, and where they take the core.
#[derive(Clone, Copy)]
struct Scaled<L: Lanes> {
    near: Near<L>,
    z3: L,
    t: L,
}

/// Third stage: f/r, and in the modes that want them u, w and v/σ_ij.
#[derive(Clone, Copy)]
struct Evaluated<L> {
    entry: usize,
    d: [L; 3],
    factor: L,
    energy: L,
    virial: L,
    slopes: [L; 2],
}

impl<L: Lanes> Near<L> {
    /// The particle of an entry against a cluster.
    #[inline(always)]
    unsafe fn of_entry<const SHAPE: usize, const END: usize>(
        constants: &Constants<L, END>,
        here: *const L::Real,
        there: *const L::Real,
        width: usize,
        entry: usize,
    ) -> Self {
        // SAFETY: the caller's contract.
        unsafe {
            let here = here.add(entry & 15);
            let d = std::array::from_fn(|axis| {
                let i = L::broadcast_coordinate(here.add(axis * width).cast());
                L::separation(i, there.add(axis * width).cast())
            });
            let halves = (
                L::broadcast(here.add(3 * width)),
                L::load(there.add(3 * width)),
            );
            Self::new::<SHAPE, END>(constants, entry, d, halves)
        }
    }

    /// Each particle of a cluster against the one `by` places further on.
    #[inline(always)]
    unsafe fn within<const SHAPE: usize, const END: usize>(
        constants: &Constants<L, END>,
        here: *const L::Real,
        by: usize,
    ) -> Self {
        // SAFETY: the caller's contract.
        unsafe {
            let d = std::array::from_fn(|axis| {
                let i = L::load_coordinates(here.add(axis * L::WIDTH).cast());
                L::difference(i, L::rotate_coordinates(i, by))
            });
            let half = L::load(here.add(3 * L::WIDTH));
            Self::new::<SHAPE, END>(constants, 0, d, (half, half.rotate(by)))
        }
    }

    #[inline(always)]
    unsafe fn new<const SHAPE: usize, const END: usize>(
        constants: &Constants<L, END>,
        entry: usize,
        mut d: [L; 3],
        (first, second): (L, L),
    ) -> Self {
        // SAFETY: the caller's contract.
        unsafe {
            let mut diameter = first.add(second);
            let (mut strength, mut slopes) = (constants.zero, [constants.zero; 2]);
            if SHAPE == ANY {
                let difference = first.sub(second);
                let lessening = difference.magnitude().mul(constants.non_additivity);
                let tilt = diameter.mul(constants.non_additivity);
                let tilt = L::select(
                    difference.greater(constants.zero),
                    tilt,
                    L::select(
                        constants.zero.greater(difference),
                        constants.zero.sub(tilt),
                        constants.zero,
                    ),
                );
                slopes = [lessening.add(tilt), lessening.sub(tilt)];
                diameter = diameter.sub(diameter.mul(lessening));
                let ([e0, e1, e2], center) = constants.strength;
                let from_center = diameter.sub(center);
                strength = e2.mul_add(from_center, e1).mul_add(from_center, e0);
            }
            if SHAPE != CUBE {
                d[1] = d[1].mul(constants.ratios[0]);
                d[2] = d[2].mul(constants.ratios[1]);
            }
            let r2 = d[2].mul_add(d[2], d[1].mul_add(d[1], d[0].mul(d[0])));
            Near {
                entry,
                d,
                inverse: r2,
                diameter,
                strength,
                slopes,
            }
        }
    }

    #[inline(always)]
    unsafe fn inverted(self) -> Self {
        unsafe {
            Near {
                inverse: self.inverse.reciprocal(),
                ..self
            }
        }
    }

    #[inline(always)]
    unsafe fn scaled<const END: usize>(self, constants: &Constants<L, END>) -> Scaled<L> {
        // SAFETY: the caller's contract.
        unsafe {
            let z = self.diameter.mul(self.diameter).mul(self.inverse);
            Scaled {
                near: self,
                z3: z.mul(z).mul(z),
                t: z.sub(constants.z_out).positive(),
            }
        }
    }
}

impl<L: Lanes> Scaled<L> {
    #[inline(always)]
    unsafe fn evaluated<const MODE: usize, const SHAPE: usize, const END: usize>(
        self,
        constants: &Constants<L, END>,
    ) -> Evaluated<L> {
        // SAFETY: the caller's contract.
        unsafe {
            let Scaled { near, z3, t } = self;
            let (at, zero) = ((z3, t, z3.sub(constants.z3_in)), constants.zero);
            let t2 = t.mul(t);
            let mut virial = value(&constants.virial, at, t2, zero);
            let (mut energy, mut slopes) = (zero, [zero; 2]);
            if MODE != FORCES {
                energy = value(&constants.energy, at, t2.mul(t), constants.shift);
            }
            if MODE == PARTICLES {
                // The diameter of a place that no particle has is NaN.
                let known = near.diameter.greater(zero);
                let mut slope =
                    value(&constants.slope, at, t, zero).mul(near.diameter.reciprocal());
                slope = L::select(known, slope, zero);
                slopes = [slope; 2];
            }
            if SHAPE == ANY {
                let inside = near.diameter.greater(zero);
                let strength = L::select(inside, near.strength, zero);
                virial = virial.mul(strength);
                energy = energy.mul(strength);
                for (slope, lessening) in slopes.iter_mut().zip(near.slopes) {
                    let lessening = L::select(inside, lessening, zero);
                    let whole = slope.mul(strength);
                    *slope = whole.sub(whole.mul(lessening));
                }
            }
            Evaluated {
                entry: near.entry,
                d: near.d,
                factor: virial.mul(near.inverse),
                energy,
                virial,
                slopes,
            }
        }
    }
}

impl<L: Lanes> Evaluated<L> {
    /// Adds the force to the sums of the first particle, a register for each quantity, and to those of the cluster that it was evaluated
    /// against; in mode `PARTICLES` also the rest.
    #[inline(always)]
    unsafe fn add_to<const MODE: usize, const Q: usize>(
        &self,
        first: &mut [L; Q],
        cluster: *mut L::Real,
        width: usize,
        half: L,
    ) {
        // SAFETY: the caller's contract; there are Q × width sums.
        unsafe {
            for (axis, first) in first.iter_mut().enumerate().take(3) {
                let force = self.factor.mul(self.d[axis]);
                *first = first.add(force);
                let place = cluster.add(axis * width);
                L::load(place).sub(force).store(place);
            }
            if MODE == PARTICLES {
                let terms = self.of_particles(half);
                for (k, (mine, theirs)) in terms.into_iter().enumerate() {
                    first[4 + k] = first[4 + k].add(mine);
                    let place = cluster.add((4 + k) * width);
                    L::load(place).add(theirs).store(place);
                }
            }
        }
    }

    /// Adds what pairs within a cluster contribute, whose second particles stand `by` places further on.
    #[inline(always)]
    unsafe fn add_within<const MODE: usize, const Q: usize>(
        &self,
        sums: &mut [L; Q],
        by: usize,
        half: L,
    ) {
        // SAFETY: the caller's contract.
        unsafe {
            let back = L::WIDTH - by;
            for (axis, sum) in sums.iter_mut().enumerate().take(3) {
                let force = self.factor.mul(self.d[axis]);
                *sum = sum.add(force.sub(force.rotate(back)));
            }
            if MODE == PARTICLES {
                let terms = self.of_particles(half);
                for (k, (mine, theirs)) in terms.into_iter().enumerate() {
                    sums[4 + k] = sums[4 + k].add(mine.add(theirs.rotate(back)));
                }
            }
        }
    }

    /// What both particles of a pair get beside the force.
    #[inline(always)]
    unsafe fn of_particles(&self, half: L) -> [(L, L); 9] {
        // SAFETY: the caller's contract.
        unsafe {
            let factor = self.factor.mul(half);
            let both = |term: L| (term, term);
            let tensor = |a: usize, b: usize| both(self.d[a].mul(self.d[b]).mul(factor));
            [
                both(self.energy.mul(half)),
                both(self.virial),
                (self.slopes[0], self.slopes[1]),
                tensor(0, 0),
                tensor(1, 1),
                tensor(2, 2),
                tensor(0, 1),
                tensor(0, 2),
                tensor(1, 2),
            ]
        }
    }

    /// The same with nothing where the mask is false.
    #[inline(always)]
    unsafe fn only(self, mask: L::Mask, zero: L) -> Self {
        // SAFETY: the caller's contract.
        unsafe {
            let keep = |value: L| L::select(mask, value, zero);
            Evaluated {
                factor: keep(self.factor),
                energy: keep(self.energy),
                virial: keep(self.virial),
                slopes: self.slopes.map(keep),
                ..self
            }
        }
    }
}

/// Adds the forces of a task's pairs, and what else the mode asks for, to its sums; gives U and W of these pairs in mode `TOTALS`.
///
/// Particles of different clusters are evaluated in registers `L`, those of one in registers `W` that hold the whole cluster.
///
/// # Safety
/// As [`Lanes`] says; `blocks` and `sums` are aligned to 64 bytes and hold every cluster that occurs in the entries.
#[inline(always)]
pub(super) unsafe fn evaluate<
    L: Lanes,
    W: Lanes<Real = L::Real, Coordinate = L::Coordinate>,
    const SHAPE: usize,
    const MODE: usize,
    const Q: usize,
    const END: usize,
>(
    task: &Task,
) -> (f64, f64) {
    const { assert!(Q == quantities(MODE) && W::WIDTH.is_multiple_of(L::WIDTH)) };
    const { assert!(L::UNROLL < DEPTH) };
    // SAFETY: the caller's contract; lane and part of an entry are within the blocks.
    unsafe {
        let constants = Constants::<L, END>::of(task);
        let zero = constants.zero;
        let parts = W::WIDTH / L::WIDTH;
        let block = |cluster: usize| task.blocks.cast::<L::Real>().add(4 * W::WIDTH * cluster);
        let sums = |cluster: usize| task.sums.cast::<L::Real>().add(Q * W::WIDTH * cluster);
        // A block has four registers for each part, and so have the sums if there are four quantities.
        let sums_at = |place: usize| match Q {
            4 => task.sums.cast::<L::Real>().add(place * L::WIDTH),
            _ => sums(place / (4 * parts)).add(place % parts * L::WIDTH),
        };
        let (mut energy, mut virial) = (0.0, 0.0);
        for cluster in task.clusters.clone() {
            let (start, count) = (task.starts[cluster] as usize, task.counts[cluster] as usize);
            let entries = task.entries.as_ptr().add(start);
            let (here, mine) = (block(cluster), sums(cluster));
            // Sums of the particles of I, a register for each, reduced once at the end.
            let mut of_lanes = [[zero; Q]; 16];
            let (mut energies, mut virials) = (zero, zero);

            let mut near = Near {
                entry: first_entry(task.empty, parts),
                d: [zero; 3],
                inverse: L::splat(1.0),
                diameter: zero,
                strength: zero,
                slopes: [zero; 2],
            };
            let mut inverted = near;
            let mut scaled = near.scaled(&constants);
            let mut evaluated = scaled.evaluated::<MODE, SHAPE, END>(&constants);
            macro_rules! turn {
                ($k:expr) => {
                    let lane = &mut of_lanes[evaluated.entry & 15];
                    let other = sums_at(evaluated.entry >> 4);
                    evaluated.add_to::<MODE, Q>(lane, other, W::WIDTH, constants.half);
                    if MODE == TOTALS {
                        energies = energies.add(evaluated.energy);
                        virials = virials.add(evaluated.virial);
                    }
                    evaluated = scaled.evaluated::<MODE, SHAPE, END>(&constants);
                    scaled = inverted.scaled(&constants);
                    inverted = near.inverted();
                    let entry = *entries.add($k) as usize;
                    let there = block(0).add((entry >> 4) * L::WIDTH);
                    near = Near::of_entry::<SHAPE, END>(&constants, here, there, W::WIDTH, entry);
                };
            }
            let turns = count + DEPTH - 1;
            let unrolled = turns - turns % L::UNROLL;
            for first in (0..unrolled).step_by(L::UNROLL) {
                for k in first..first + L::UNROLL {
                    turn!(k);
                }
            }
            for k in unrolled..turns {
                turn!(k);
            }
            energy += energies.sum();
            virial += virials.sum();

            let (more_energy, more_virial) =
                evaluate_within::<W, SHAPE, MODE, Q, END>(task, here, mine);
            energy += more_energy;
            virial += more_virial;
            for quantity in (0..Q).filter(|quantity| *quantity != 3) {
                for part in 0..parts {
                    let rows = of_lanes.as_ptr().add(part * L::WIDTH).cast::<L::Real>();
                    let place = mine.add(quantity * W::WIDTH + part * L::WIDTH);
                    L::load(place)
                        .add(L::sums_of_rows(rows.add(quantity * L::WIDTH), Q * L::WIDTH))
                        .store(place);
                }
            }
        }
        (energy, virial)
    }
}

/// The same for the pairs within a cluster, each once.
#[inline(always)]
unsafe fn evaluate_within<
    W: Lanes,
    const SHAPE: usize,
    const MODE: usize,
    const Q: usize,
    const END: usize,
>(
    task: &Task,
    here: *const W::Real,
    mine: *mut W::Real,
) -> (f64, f64) {
    // SAFETY: the caller's contract.
    unsafe {
        let constants = Constants::<W, END>::of(task);
        let zero = constants.zero;
        let (mut energies, mut virials) = (zero, zero);
        // A lane for each particle.
        let mut own: [W; Q] =
            std::array::from_fn(|quantity| W::load(mine.add(quantity * W::WIDTH)));
        // Half way round, each pair would come twice.
        for by in 1..=W::WIDTH / 2 {
            let near = Near::within::<SHAPE, END>(&constants, here, by).inverted();
            let scaled = near.scaled(&constants);
            let mut evaluated = scaled.evaluated::<MODE, SHAPE, END>(&constants);
            if by == W::WIDTH / 2 {
                evaluated = evaluated.only(W::from_bits((1 << by) - 1), zero);
            }
            evaluated.add_within::<MODE, Q>(&mut own, by, constants.half);
            if MODE == TOTALS {
                energies = energies.add(evaluated.energy);
                virials = virials.add(evaluated.virial);
            }
        }
        for (quantity, own) in own.into_iter().enumerate() {
            own.store(mine.add(quantity * W::WIDTH));
        }
        (energies.sum(), virials.sum())
    }
}
