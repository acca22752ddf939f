//! The same loops compiled for each instruction set, and the choice among them at run time.

use std::ops::Range;

use super::clusters::{self, ByOwner, Lister, Near, Prune, Reach};
use super::coefficients::{MORE_TERMS, TERMS, TOLERANCE};
use super::lanes::{Array, Lanes};
use super::pairs::{self, ANY, BOX, CUBE, FORCES, PARTICLES, TOTALS, Task};
use crate::physics::registers::InstructionSet;

/// A force loop: adds to the task's sums, and gives U and W of its pairs where the mode asks for them.
type Evaluate = unsafe fn(&Task) -> (f64, f64);

/// The loops of one instruction set in one precision. They may be called only on a processor that has it.
pub(super) struct Loops {
    /// Particles in a cluster.
    pub width: usize,
    /// Parts of a cluster that the entries of the inner list name.
    pub parts: usize,
    /// Terms of the polynomials, and those of the loops for any potential.
    pub terms: [usize; 2],
    /// The error that the polynomials may have.
    pub tolerance: f64,
    /// By shape and mode.
    pub evaluate: [[Evaluate; 3]; 3],
    /// For cubes and other boxes; without and with the list that it comes from.
    pub prune: [[unsafe fn(&Prune); 2]; 2],
    pub search: unsafe fn(&Lister, *const i32, Range<usize>, &Reach, &mut Vec<Near>),
    pub fill: unsafe fn(&mut ByOwner, &[Vec<Near>], &mut [u32]),
    pub pack: unsafe fn(&Pack) -> f32,
    /// The square of the largest displacement (in units of the first edge) between two states of so many clusters' blocks, by the edges in
    /// units of the first.
    pub moved: unsafe fn(*const i32, *const i32, usize, [f32; 3]) -> f32,
    pub gather: unsafe fn(&mut Gather),
}

/// Positions to be put into blocks.
pub(super) struct Pack<'a> {
    /// Those of the particles in these clusters.
    pub positions: [&'a [f64]; 3],
    pub edges: [f64; 3],
    pub ratios: [f32; 3],
    pub clusters: Range<usize>,
    /// Blocks of integers, of which coordinates are written.
    pub blocks: *mut i32,
    /// Blocks of f64, where pairs are evaluated in f64.
    pub exact: *mut f64,
    /// Blocks at the time when the list was made.
    pub reference: *const i32,
}

/// Sums of the threads to be put together; they are zero afterwards.
pub(super) struct Gather<'a, 'b> {
    pub sums: &'a [*mut u8],
    /// Places for quantities in each cluster's sums.
    pub stride: usize,
    pub quantities: &'a mut [Quantity<'b>],
    pub clusters: Range<usize>,
}

/// Which quantity, the factor on it, and where the values of the particles in the clusters go.
pub(super) type Quantity<'a> = (usize, f64, &'a mut [f64]);

/// Puts positions into blocks; gives the square of the largest displacement from the reference (in units of the first edge).
#[inline(always)]
unsafe fn pack<const WIDTH: usize, const EXACT: bool>(task: &Pack) -> f32 {
    // Adding 1.5·2⁵² leaves the whole part in the low bits, whatever the sign.
    const LOW_BITS: f64 = 6755399441055744.0;
    let n = task.positions[0].len();
    let mut largest = [0.0f32; WIDTH];
    for cluster in task.clusters.clone() {
        let first = (cluster - task.clusters.start) * WIDTH;
        let mut d2 = [0.0f32; WIDTH];
        for axis in 0..3 {
            // Places that no particle has stand next to the last one, each in a place of its own.
            let mut x = [0.0; WIDTH];
            let mut padding = [0; WIDTH];
            match task.positions[axis].get(first..first + WIDTH) {
                Some(whole) => x.copy_from_slice(whole),
                None => {
                    for lane in 0..WIDTH {
                        x[lane] = task.positions[axis][(first + lane).min(n - 1)];
                        padding[lane] = (first + lane).saturating_sub(n - 1) as i32;
                    }
                }
            }
            let per_edge = 4294967296.0 / task.edges[axis];
            let mut fraction = [0i32; WIDTH];
            for lane in 0..WIDTH {
                fraction[lane] =
                    ((x[lane] * per_edge + LOW_BITS).to_bits() as i32).wrapping_add(padding[lane]);
            }
            // SAFETY: the caller's clusters are within the blocks, and nobody else uses them.
            let reference = unsafe {
                let offset = (4 * cluster + axis) * WIDTH;
                // Read before the same place of the other blocks is written: a processor that tells addresses apart by their last bits would
                // have the one wait for the other, which is a while where another core has read it.
                let reference = *task.reference.add(offset).cast::<[i32; WIDTH]>();
                *task.blocks.add(offset).cast::<[i32; WIDTH]>() = fraction;
                if EXACT {
                    let inverse = 1.0 / task.edges[axis];
                    let place = task.exact.add(offset);
                    for lane in 0..WIDTH {
                        *place.add(lane) = x[lane] * inverse + f64::from(padding[lane]) * 1e-9;
                    }
                }
                reference
            };
            add_squares(&mut d2, fraction, reference, task.ratios[axis]);
        }
        keep_larger(&mut largest, d2);
    }
    largest.into_iter().fold(0.0, f32::max)
}

/// The largest displacement, as [`Loops::moved`] says.
#[inline(always)]
unsafe fn moved<const WIDTH: usize>(
    now: *const i32,
    then: *const i32,
    clusters: usize,
    ratios: [f32; 3],
) -> f32 {
    let mut largest = [0.0f32; WIDTH];
    for cluster in 0..clusters {
        let mut d2 = [0.0f32; WIDTH];
        for (axis, ratio) in ratios.into_iter().enumerate() {
            let offset = (4 * cluster + axis) * WIDTH;
            // SAFETY: both hold the blocks of these clusters.
            let (now, then) = unsafe { (*now.add(offset).cast(), *then.add(offset).cast()) };
            add_squares(&mut d2, now, then, ratio);
        }
        keep_larger(&mut largest, d2);
    }
    largest.into_iter().fold(0.0, f32::max)
}

/// Adds the squares of the displacements along an axis.
#[inline(always)]
fn add_squares<const WIDTH: usize>(
    squares: &mut [f32; WIDTH],
    now: [i32; WIDTH],
    then: [i32; WIDTH],
    ratio: f32,
) {
    for lane in 0..WIDTH {
        let d = now[lane].wrapping_sub(then[lane]) as f32 * ratio;
        squares[lane] += d * d;
    }
}

#[inline(always)]
fn keep_larger<const WIDTH: usize>(largest: &mut [f32; WIDTH], values: [f32; WIDTH]) {
    for (largest, value) in largest.iter_mut().zip(values) {
        if value > *largest {
            *largest = value;
        }
    }
}

/// Adds up what the threads have summed.
#[inline(always)]
unsafe fn gather<const WIDTH: usize, T: Copy + Into<f64> + Default>(task: &mut Gather) {
    for cluster in task.clusters.clone() {
        let first = (cluster - task.clusters.start) * WIDTH;
        for (quantity, factor, to) in task.quantities.iter_mut() {
            let mut total = [0.0f64; WIDTH];
            let offset = (task.stride * cluster + *quantity) * WIDTH;
            // SAFETY: every thread's sums hold all clusters, and nobody else uses these.
            let values = task
                .sums
                .iter()
                .map(|sums| unsafe { &mut *sums.cast::<T>().add(offset).cast::<[T; WIDTH]>() });
            for values in values.clone() {
                for lane in 0..WIDTH {
                    total[lane] += values[lane].into();
                }
            }
            // All are read before any is written, for the reason that is given in `pack`.
            values.for_each(|values| *values = [T::default(); WIDTH]);
            for value in &mut total {
                *value *= *factor;
            }
            match to[first..].first_chunk_mut() {
                Some(whole) => *whole = total,
                None => std::iter::zip(&mut to[first..], total).for_each(|(to, total)| *to = total),
            }
        }
    }
}

macro_rules! loops {
    ($name:ident, $pairs:ty, $mixed:ty, $double:ty, $list_of_double:ty, $width:literal, $($feature:literal)?) => {
        pub(super) mod $name {
            use super::*;

            $(#[target_feature(enable = $feature)])?
            unsafe fn evaluate<L: Lanes, W: Lanes<Real = L::Real, Coordinate = L::Coordinate>, const SHAPE: usize, const MODE: usize, const Q: usize, const END: usize>(task: &Task) -> (f64, f64) {
                // SAFETY: the caller's contract.
                unsafe { pairs::evaluate::<L, W, SHAPE, MODE, Q, END>(task) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn prune<L: clusters::ListLanes, const CUBE: bool, const OUTER: bool, const PARTS: usize>(
                task: &Prune,
            ) {
                // SAFETY: the caller's contract.
                unsafe { clusters::prune::<L, CUBE, OUTER, PARTS>(task) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn search<L: clusters::ListLanes>(
                lister: &Lister,
                blocks: *const i32,
                clusters: Range<usize>,
                reach: &Reach,
                found: &mut Vec<Near>,
            ) {
                // SAFETY: the caller's contract.
                unsafe { clusters::search::<L>(lister, blocks, clusters, reach, found) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn fill<L: clusters::ListLanes, const PARTS: usize>(
                part: &mut ByOwner,
                found: &[Vec<Near>],
                entries: &mut [u32],
            ) {
                // SAFETY: the caller's contract.
                unsafe { part.fill::<L, PARTS>(found, entries) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn pack<const WIDTH: usize, const EXACT: bool>(task: &Pack) -> f32 {
                // SAFETY: the caller's contract.
                unsafe { super::pack::<WIDTH, EXACT>(task) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn moved<const WIDTH: usize>(now: *const i32, then: *const i32, clusters: usize, ratios: [f32; 3]) -> f32 {
                // SAFETY: the caller's contract.
                unsafe { super::moved::<WIDTH>(now, then, clusters, ratios) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn gather<const WIDTH: usize, T: Copy + Into<f64> + Default>(task: &mut Gather) {
                // SAFETY: the caller's contract.
                unsafe { super::gather::<WIDTH, T>(task) }
            }

            const PARTS: usize = $width / <$pairs as Lanes>::WIDTH;

            pub(in super::super) static MIXED: Loops = Loops {
                width: $width,
                parts: PARTS,
                terms: [TERMS[0], MORE_TERMS[0]],
                tolerance: TOLERANCE[0],
                evaluate: [
                    [evaluate::<$pairs, $mixed, BOX, FORCES, 4, { TERMS[0] }>, evaluate::<$pairs, $mixed, BOX, TOTALS, 4, { TERMS[0] }>, evaluate::<$pairs, $mixed, BOX, PARTICLES, 13, { TERMS[0] }>],
                    [evaluate::<$pairs, $mixed, CUBE, FORCES, 4, { TERMS[0] }>, evaluate::<$pairs, $mixed, CUBE, TOTALS, 4, { TERMS[0] }>, evaluate::<$pairs, $mixed, CUBE, PARTICLES, 13, { TERMS[0] }>],
                    [evaluate::<$pairs, $mixed, ANY, FORCES, 4, { MORE_TERMS[0] }>, evaluate::<$pairs, $mixed, ANY, TOTALS, 4, { MORE_TERMS[0] }>, evaluate::<$pairs, $mixed, ANY, PARTICLES, 13, { MORE_TERMS[0] }>],
                ],
                prune: [
                    [prune::<$mixed, false, false, PARTS>, prune::<$mixed, false, true, PARTS>],
                    [prune::<$mixed, true, false, PARTS>, prune::<$mixed, true, true, PARTS>],
                ],
                search: search::<$mixed>,
                fill: fill::<$mixed, PARTS>,
                pack: pack::<$width, false>,
                moved: moved::<$width>,
                gather: gather::<$width, f32>,
            };

            pub(in super::super) static DOUBLE: Loops = Loops {
                width: 8,
                parts: 1,
                terms: [TERMS[1], MORE_TERMS[1]],
                tolerance: TOLERANCE[1],
                evaluate: [
                    [evaluate::<$double, $double, BOX, FORCES, 4, { TERMS[1] }>, evaluate::<$double, $double, BOX, TOTALS, 4, { TERMS[1] }>, evaluate::<$double, $double, BOX, PARTICLES, 13, { TERMS[1] }>],
                    [evaluate::<$double, $double, CUBE, FORCES, 4, { TERMS[1] }>, evaluate::<$double, $double, CUBE, TOTALS, 4, { TERMS[1] }>, evaluate::<$double, $double, CUBE, PARTICLES, 13, { TERMS[1] }>],
                    [evaluate::<$double, $double, ANY, FORCES, 4, { MORE_TERMS[1] }>, evaluate::<$double, $double, ANY, TOTALS, 4, { MORE_TERMS[1] }>, evaluate::<$double, $double, ANY, PARTICLES, 13, { MORE_TERMS[1] }>],
                ],
                prune: [
                    [prune::<$list_of_double, false, false, 1>, prune::<$list_of_double, false, true, 1>],
                    [prune::<$list_of_double, true, false, 1>, prune::<$list_of_double, true, true, 1>],
                ],
                search: search::<$list_of_double>,
                fill: fill::<$list_of_double, 1>,
                pack: pack::<8, true>,
                moved: moved::<8>,
                gather: gather::<8, f64>,
            };
        }
    };
}

loops!(portable, Array<f32>, Array<f32>, Array<f64>, Array<f32>, 8,);
#[cfg(target_arch = "x86_64")]
loops!(
    avx2,
    super::super::x86::Avx2F32<1>,
    super::super::x86::Avx2F32<1>,
    super::super::x86::Avx2F64,
    super::super::x86::Avx2F32<1>,
    8,
    "avx2,fma,popcnt,bmi1,bmi2,lzcnt"
);
#[cfg(target_arch = "x86_64")]
loops!(
    avx512,
    super::super::x86::Avx2F32<4>,
    super::super::x86::Avx512F32,
    super::super::x86::Avx512F64,
    super::super::x86::Avx2F32<1>,
    16,
    "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,popcnt,bmi1,bmi2,lzcnt"
);

/// The loops of an instruction set.
pub(super) fn loops_of(set: InstructionSet, precision: super::Precision) -> &'static Loops {
    use super::Precision::{Double, Mixed};
    match (set, precision) {
        #[cfg(target_arch = "x86_64")]
        (InstructionSet::Avx512, Mixed) => &avx512::MIXED,
        #[cfg(target_arch = "x86_64")]
        (InstructionSet::Avx512, Double) => &avx512::DOUBLE,
        #[cfg(target_arch = "x86_64")]
        (InstructionSet::Avx2, Mixed) => &avx2::MIXED,
        #[cfg(target_arch = "x86_64")]
        (InstructionSet::Avx2, Double) => &avx2::DOUBLE,
        (_, Mixed) => &portable::MIXED,
        (_, Double) => &portable::DOUBLE,
    }
}
