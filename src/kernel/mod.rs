//! Forces between particles, fast: neighbour lists and SIMD loops behind one safe entry point, [`Field`].
//!
//! The loops are written once (`pairs`, `clusters`) over the interface `Lanes`, compiled for each instruction set (`variant`) and chosen at
//! run time. This layer holds the project's only `unsafe` code.
#![allow(unsafe_code)]

mod clusters;
mod coefficients;
mod lanes;
pub mod naive;
mod pairs;
mod pool;
mod variant;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::f64::consts::PI;
use std::ops::Range;

pub use crate::physics::registers::InstructionSet;
pub use clusters::spatial_order;
pub use pool::{Pool, parts, parts_mut};

use clusters::{Aligned, ByOwner, List, Lister, Near, Prune, Reach};
use coefficients::{ADMITTED, Coefficients, MORE_TERMS, Rule};
use lanes::NOWHERE;
use pairs::{ANY, BOX, CUBE, FORCES, PARTICLES, TOTALS, Task};
use variant::{Gather, Loops, Pack, Quantity, loops_of};

use crate::error::{Error, Result};
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
    /// 2 Σ_j v_ij/σ_ij ∂σ_ij/∂σ_i, v = −x w′ (energy/length): dP_i/dσ_i = (ρ/12) of that. The derivative is ½ where mixing is additive.
    pub virial_slope: Vec<f64>,
    /// ½ Σ_j d_a f_b, d = r_i − r_j, for ab = xx, yy, zz, xy, xz, yz (energy).
    pub virial_tensor: [Vec<f64>; 6],
}

/// Checks that the loops evaluate a potential as it is: polynomials stand for its smooth end, and all the pairs together that a particle has in
/// it at a density of one are within 4·10⁻⁵ of what a pair in contact has in single precision, and within 10⁻⁸ in double precision.
///
/// Errors: a smooth end that is too wide for them.
pub fn can_evaluate(potential: &Potential) -> Result<()> {
    let pairs = 4.0 / 3.0 * PI * (potential.cutoff.powi(3) - potential.inner.powi(3));
    for (terms, admitted) in MORE_TERMS.into_iter().zip(ADMITTED) {
        let misfits = Coefficients::new(potential, terms).misfit(potential);
        if misfits.iter().all(|misfit| pairs * misfit <= admitted) {
            continue;
        }
        let worst = misfits.into_iter().fold(0.0, f64::max);
        let what = format!(
            "the smooth end from {} to {} is too wide: the polynomials by which forces are computed would miss it by {worst:.0e} of a pair in contact",
            potential.inner, potential.cutoff
        );
        return Err(Error::new(what).help("let it begin nearer to the cutoff"));
    }
    Ok(())
}

/// Skins of the two lists (length): the outer one is made from boxes around clusters and pruned to the inner one, from which forces are
/// evaluated. Fastest for Lennard-Jones liquids and glasses; right for everything.
const OUTER_SKIN: f64 = 0.9;
const INNER_SKIN: f64 = 0.18;

/// The pair forces of particles with a diameter each in a periodic orthogonal box.
///
/// Neighbour lists are made when they are needed: as soon as two particles might have come nearer than the cutoff that are in no list. The
/// field is fast on particles in [`spatial_order`] and right in any. The same calls with the same number of threads on the same instruction
/// set give the same bytes.
pub struct Field {
    potential: Potential,
    edges: [f64; 3],
    set: InstructionSet,
    loops: &'static Loops,
    precision: Precision,
    coefficients: Coefficients,
    /// Which of the force loops is used.
    shape: usize,
    particles: usize,
    clusters: usize,
    /// Integer coordinates and f32 half diameters.
    blocks: Aligned,
    /// f64 coordinates and half diameters, where pairs are evaluated in f64.
    exact: Aligned,
    /// Blocks when the outer list was made, and when the inner one was.
    outer_reference: Aligned,
    inner_reference: Aligned,
    lister: Lister,
    /// What each thread has found, and what makes the entries of its part of the clusters.
    found: Vec<Vec<Near>>,
    by_owner: Vec<ByOwner>,
    outer: List,
    inner: List,
    lists_stand: bool,
    /// The largest displacement of the positions in the blocks since the inner list was made (length).
    moved: f64,
    /// What each thread has summed.
    sums: Vec<Aligned>,
    pool: Pool,
}

/// A pointer that threads share, each using a part of its own.
#[derive(Clone, Copy)]
struct Shared<T>(*mut T);
// SAFETY: whoever shares one sees to it that no two threads use the same part.
unsafe impl<T> Sync for Shared<T> {}
impl<T> Shared<T> {
    fn get(&self) -> *mut T {
        self.0
    }
}

impl Field {
    /// A field for particles of these diameters (length, N) in a box with these edges (length), evaluated by `threads` threads with the
    /// [preferred](InstructionSet::preferred) instruction set.
    ///
    /// The box must hold two cutoffs of the largest diameter ([`Potential::fits`]), and the potential be one that the loops
    /// [can evaluate](can_evaluate).
    pub fn new(
        potential: Potential,
        edges: [f64; 3],
        diameters: &[f64],
        precision: Precision,
        threads: usize,
    ) -> Self {
        Self::with_instruction_set(
            potential,
            edges,
            diameters,
            precision,
            threads,
            InstructionSet::preferred(),
        )
    }

    /// The same with one of the instruction sets that are [available](InstructionSet::available).
    ///
    /// Panics if it isn't.
    pub fn with_instruction_set(
        potential: Potential,
        edges: [f64; 3],
        diameters: &[f64],
        precision: Precision,
        threads: usize,
        set: InstructionSet,
    ) -> Self {
        assert!(
            InstructionSet::available().contains(&set),
            "this machine has no {}",
            set.name()
        );
        let loops = loops_of(set, precision);
        let particles = diameters.len();
        let clusters = particles.div_ceil(loops.width);
        let pool = Pool::new(threads);
        let is_cube = edges[1] == edges[0] && edges[2] == edges[0];
        let usual = Coefficients::new(&potential, loops.terms[0]);
        let is_usual =
            potential.mixing.is_additive() && usual.misfit(&potential)[1] <= loops.tolerance;
        let (shape, coefficients) = match (is_usual, is_cube) {
            (false, _) => (ANY, Coefficients::new(&potential, loops.terms[1])),
            (true, false) => (BOX, usual),
            (true, true) => (CUBE, usual),
        };
        let mut field = Field {
            potential,
            edges,
            set,
            loops,
            precision,
            coefficients,
            shape,
            particles,
            clusters,
            blocks: Aligned::default(),
            exact: Aligned::default(),
            outer_reference: Aligned::default(),
            inner_reference: Aligned::default(),
            lister: Lister::default(),
            found: Vec::new(),
            by_owner: Vec::new(),
            outer: List::default(),
            inner: List::default(),
            lists_stand: false,
            moved: 0.0,
            sums: (0..pool.threads()).map(|_| Aligned::default()).collect(),
            pool,
        };
        // One more for places that no particle has.
        let bytes = 4 * loops.width * (clusters + 1) * size_of::<i32>();
        for blocks in [
            &mut field.blocks,
            &mut field.outer_reference,
            &mut field.inner_reference,
        ] {
            blocks.resize(bytes);
        }
        if precision == Precision::Double {
            field.exact.resize(2 * bytes);
        }
        field.set_diameters(diameters);
        field
    }

    /// Takes other diameters (length, N); the neighbour lists are made anew.
    pub fn set_diameters(&mut self, diameters: &[f64]) {
        assert_eq!(diameters.len(), self.particles);
        let width = self.loops.width;
        let half = |k: usize| {
            diameters
                .get(k)
                .map_or(f64::NAN, |diameter| 0.5 * diameter / self.edges[0])
        };
        let (blocks, exact) = (
            self.blocks.pointer_mut::<f32>(),
            self.exact.pointer_mut::<f64>(),
        );
        for cluster in 0..=self.clusters {
            for lane in 0..width {
                let (half, offset) = (
                    half(cluster * width + lane),
                    (4 * cluster + 3) * width + lane,
                );
                // SAFETY: within the blocks.
                unsafe {
                    *blocks.add(offset) = match half.is_nan() {
                        true => NOWHERE,
                        false => (half * UNITS) as f32,
                    };
                    if self.precision == Precision::Double {
                        *exact.add(offset) = half;
                    }
                }
            }
        }
        self.forget();
    }

    /// Makes the neighbour lists anew at the next evaluation, so that what follows depends on the positions only.
    pub fn forget(&mut self) {
        self.lists_stand = false;
    }

    /// The potential.
    pub fn potential(&self) -> &Potential {
        &self.potential
    }

    /// The threads and their instruction set, for other work on the particles.
    pub fn workers(&self) -> (&Pool, InstructionSet) {
        (&self.pool, self.set)
    }

    /// Edges of the box (length).
    pub fn edges(&self) -> [f64; 3] {
        self.edges
    }

    /// The force on each particle (energy/length) at these positions (length, unfolded or not).
    pub fn forces(&mut self, positions: &[Vec<f64>; 3], forces: &mut [Vec<f64>; 3]) {
        self.evaluate::<FORCES>(positions, forces);
    }

    /// The same, with the sums over all pairs.
    pub fn forces_and_totals(
        &mut self,
        positions: &[Vec<f64>; 3],
        forces: &mut [Vec<f64>; 3],
    ) -> Totals {
        self.evaluate::<TOTALS>(positions, forces)
    }

    /// The same, with the sums over the pairs of each particle.
    pub fn forces_and_particles(
        &mut self,
        positions: &[Vec<f64>; 3],
        forces: &mut [Vec<f64>; 3],
    ) -> PerParticle {
        self.evaluate::<PARTICLES>(positions, forces);
        let mut each: [Vec<f64>; 9] = std::array::from_fn(|_| vec![0.0; self.particles]);
        let slope = 1.0 / self.unit();
        let quantities = each.iter_mut().zip(4..).map(|(values, quantity)| {
            let factor = if quantity == 6 { slope } else { 1.0 };
            (quantity, factor, &mut values[..])
        });
        let (stride, nothing) = (pairs::quantities(PARTICLES), std::iter::repeat(()));
        self.gather(stride, quantities.collect(), nothing, |(), _| ());
        let [energy, virial, virial_slope, virial_tensor @ ..] = each;
        PerParticle {
            energy,
            virial,
            virial_slope,
            virial_tensor,
        }
    }

    /// The particles of each thread: parts of about equal size. What is done to them in [`Field::move_by`] and [`Field::forces_then`] need not
    /// wait for the other threads.
    pub fn shares(&self) -> Vec<Range<usize>> {
        let first = |cluster: usize| (cluster * self.loops.width).min(self.particles);
        (0..self.pool.threads())
            .map(|thread| self.clusters_of(thread))
            .map(|clusters| first(clusters.start)..first(clusters.end))
            .collect()
    }

    /// Has `work` move the particles of each share, with a part of something else beside it, and takes their positions (length) over for
    /// [`Field::forces_then`]. Gives what `work` does, by share.
    ///
    /// Panics if there are not N positions, or fewer parts than shares.
    pub fn move_by<T: Send, R: Send>(
        &mut self,
        positions: &mut [Vec<f64>; 3],
        beside: impl Iterator<Item = T>,
        work: impl Fn(T, [&mut [f64]; 3]) -> R + Sync,
    ) -> Vec<R> {
        self.assert_number(positions);
        let shares = self.shares();
        self.pack(
            parts_mut(positions, &shares).zip(beside),
            |(mut positions, beside)| {
                let result = work(beside, positions.each_mut().map(|x| &mut **x));
                (positions.map(|x| &*x), result)
            },
        )
    }

    /// The force on each particle (energy/length) at the positions that [`Field::move_by`] took over, and then `work` on those of each share,
    /// with a part of something else beside them. Gives what `work` does, by share (nothing without particles), and the sums over all pairs if
    /// they are wanted, else zeros.
    ///
    /// Panics if there are fewer parts than shares.
    pub fn forces_then<T: Send, R: Send>(
        &mut self,
        forces: &mut [Vec<f64>; 3],
        with_totals: bool,
        beside: impl Iterator<Item = T>,
        work: impl Fn(T, [&[f64]; 3]) -> R + Sync,
    ) -> (Totals, Vec<R>) {
        match with_totals {
            false => self.evaluate_packed::<FORCES, T, R>(forces, beside, work),
            true => self.evaluate_packed::<TOTALS, T, R>(forces, beside, work),
        }
    }

    fn assert_number(&self, positions: &[Vec<f64>; 3]) {
        for positions in positions {
            assert_eq!(positions.len(), self.particles);
        }
    }

    /// The unit of length of the loops (length).
    fn unit(&self) -> f64 {
        match self.precision {
            Precision::Mixed => self.edges[0] / UNITS,
            Precision::Double => self.edges[0],
        }
    }

    fn ratios(&self) -> [f64; 3] {
        self.edges.map(|edge| edge / self.edges[0])
    }

    /// The clusters of thread `thread`.
    fn clusters_of(&self, thread: usize) -> Range<usize> {
        let at = |thread: usize| self.clusters * thread / self.pool.threads();
        at(thread)..at(thread + 1)
    }

    fn evaluate<const MODE: usize>(
        &mut self,
        positions: &[Vec<f64>; 3],
        forces: &mut [Vec<f64>; 3],
    ) -> Totals {
        self.assert_number(positions);
        let shares = self.shares();
        self.pack(parts(positions, &shares), |positions| (positions, ()));
        let nothing = std::iter::repeat(());
        self.evaluate_packed::<MODE, _, _>(forces, nothing, |(), _| ())
            .0
    }

    fn evaluate_packed<const MODE: usize, T: Send, R: Send>(
        &mut self,
        forces: &mut [Vec<f64>; 3],
        beside: impl Iterator<Item = T>,
        work: impl Fn(T, [&[f64]; 3]) -> R + Sync,
    ) -> (Totals, Vec<R>) {
        forces
            .iter_mut()
            .for_each(|forces| forces.resize(self.particles, 0.0));
        if self.particles == 0 {
            return (Totals::default(), Vec::new());
        }
        self.renew_lists();
        let parts = self.balanced();
        let quantities = pairs::quantities(MODE);
        let bytes_of_value = if self.precision == Precision::Mixed {
            4
        } else {
            8
        };
        let bytes = quantities * self.loops.width * (self.clusters + 1) * bytes_of_value;
        let threads = self.pool.threads();
        let sums: Vec<Shared<u8>> = self
            .sums
            .iter_mut()
            .map(|sums| {
                sums.resize(SUMS_FROM + bytes);
                first_sum(sums)
            })
            .collect();
        let mut totals = vec![(0.0, 0.0); threads];
        let shared_totals = Shared(totals.as_mut_ptr());
        let mixing = Rule::new(&self.potential.mixing, self.unit());
        let task = |thread: usize| Task {
            blocks: match self.precision {
                Precision::Mixed => self.blocks.pointer(),
                Precision::Double => self.exact.pointer(),
            },
            sums: sums[thread].get(),
            clusters: parts[thread]..parts[thread + 1],
            starts: &self.inner.starts,
            counts: &self.inner.counts,
            entries: &self.inner.entries,
            empty: self.clusters,
            ratios: self.ratios(),
            z_in: self.coefficients.z_in,
            z_out: self.coefficients.z_out,
            shift: self.coefficients.shift,
            mixing: &mixing,
            energy: &self.coefficients.energy,
            virial: &self.coefficients.virial,
            slope: &self.coefficients.slope,
        };
        let (loops, shape) = (self.loops, self.shape);
        let tasks: Vec<SharedTask<Task>> = (0..threads)
            .map(|thread| SharedTask(task(thread)))
            .collect();
        self.pool.run(&|thread| {
            let task = &tasks[thread].0;
            // SAFETY: the instruction set is available; sums and totals are this thread's own; the lists name clusters that exist.
            unsafe { *shared_totals.get().add(thread) = loops.evaluate[shape][MODE](task) };
        });
        drop(tasks);
        let factor = 1.0 / self.unit();
        let forces = forces.iter_mut().enumerate();
        let forces = forces.map(|(axis, forces)| (axis, factor, &mut forces[..]));
        let results = self.gather(quantities, forces.collect(), beside, |beside, forces| {
            work(beside, [&*forces[0].2, &*forces[1].2, &*forces[2].2])
        });
        let totals = totals
            .into_iter()
            .fold(Totals::default(), |sum, (energy, virial)| Totals {
                energy: sum.energy + energy,
                virial: sum.virial + virial,
            });
        (totals, results)
    }

    /// Has the positions of each share made by `work` and puts them into the blocks. Gives what else `work` does.
    fn pack<'a, T: Send, R: Send>(
        &mut self,
        parts: impl Iterator<Item = T>,
        work: impl Fn(T) -> ([&'a [f64]; 3], R) + Sync,
    ) -> Vec<R> {
        let blocks = Shared(self.blocks.pointer_mut::<i32>());
        let exact = Shared(self.exact.pointer_mut::<f64>());
        let reference = Shared(self.inner_reference.pointer_mut::<i32>());
        let (edges, loops) = (self.edges, self.loops);
        let ratios = self.ratios().map(|ratio| ratio as f32);
        let shares = (0..self.pool.threads()).map(|thread| self.clusters_of(thread));
        let packed = self.pool.each(parts.zip(shares), |(part, clusters)| {
            let (positions, result) = work(part);
            let task = Pack {
                positions,
                edges,
                ratios,
                clusters,
                blocks: blocks.get(),
                exact: exact.get(),
                reference: reference.get(),
            };
            // SAFETY: the instruction set is available; each thread writes the clusters of its share only.
            (unsafe { (loops.pack)(&task) }, result)
        });
        let largest = packed.iter().fold(0.0, |sum, packed| packed.0.max(sum));
        self.moved = self.length_moved(largest);
        packed.into_iter().map(|packed| packed.1).collect()
    }

    /// Sees to it that the inner list holds every pair within its cutoff.
    fn renew_lists(&mut self) {
        let threads = self.pool.threads();
        if self.lists_stand && 2.0 * self.moved <= INNER_SKIN {
            return;
        }
        let stands = self.lists_stand
            && 2.0 * self.moved_since(&self.outer_reference) + INNER_SKIN <= OUTER_SKIN;
        if !stands {
            let reach = self.reach(OUTER_SKIN);
            self.make_outer(&reach);
            let parts = self.loops.parts as u32;
            self.inner.starts.clear();
            let starts = self.outer.starts.iter();
            self.inner.starts.extend(starts.map(|start| start * parts));
            self.inner.counts.resize(self.clusters, 0);
            let room = self.outer.entries.len() * self.loops.parts;
            self.inner.entries.resize(room, 0);
        }
        let reach = self.reach(INNER_SKIN);
        let parts = balanced(&self.outer.counts, self.loops.width, threads);
        let from_counts = Shared(self.outer.counts.as_mut_ptr());
        let from_entries = Shared(self.outer.entries.as_mut_ptr());
        let to_counts = Shared(self.inner.counts.as_mut_ptr());
        let to_entries = Shared(self.inner.entries.as_mut_ptr());
        let blocks = Shared(self.blocks.pointer_mut::<i32>());
        let (starts, empty) = (&self.outer.starts, self.clusters);
        let references = [&mut self.inner_reference, &mut self.outer_reference];
        let references = references.map(|blocks| Shared(blocks.pointer_mut::<i32>()));
        let outer_skin = self.reach(OUTER_SKIN).skin;
        // A new outer list is made from boxes; the first pruning leaves in it what is really near.
        let prune = self.loops.prune[usize::from(self.shape == CUBE)][usize::from(!stands)];
        self.pool.run(&|thread| {
            let task = Prune {
                blocks: blocks.get(),
                clusters: parts[thread]..parts[thread + 1],
                starts,
                from_counts: from_counts.get(),
                from_entries: from_entries.get(),
                to_counts: to_counts.get(),
                to_entries: to_entries.get(),
                empty,
                references: references.each_ref().map(Shared::get),
                reach,
                outer_skin,
            };
            // SAFETY: the instruction set is available; each thread uses what belongs to its clusters.
            unsafe { prune(&task) };
        });
        self.lists_stand = true;
    }

    /// Makes the outer list from the boxes around clusters.
    fn make_outer(&mut self, reach: &Reach) {
        let (width, clusters, threads) = (self.loops.width, self.clusters, self.pool.threads());
        // SAFETY: there are that many blocks.
        unsafe {
            self.lister
                .measure(self.blocks.pointer(), width, clusters, reach)
        };
        self.found.resize(threads, Vec::new());
        self.by_owner.resize(threads, ByOwner::default());
        let shares: Vec<_> = (0..threads)
            .map(|thread| self.clusters_of(thread))
            .collect();
        let (lister, loops) = (&self.lister, self.loops);
        let blocks = Shared(self.blocks.pointer_mut::<i32>());
        let parts = self.found.iter_mut().zip(shares.clone());
        self.pool.each(parts, |(found, share)| {
            // SAFETY: the instruction set is available; the lister has measured these blocks.
            unsafe { (loops.search)(lister, blocks.get(), share, reach, found) }
        });
        let found = &self.found;
        self.pool
            .each(self.by_owner.iter_mut().zip(shares), |(part, share)| {
                part.count(share, found)
            });
        let room = self.outer.lay_out(&self.by_owner);
        self.pool
            .each(self.by_owner.iter_mut().zip(room), |(part, room)| {
                // SAFETY: the instruction set is available; nothing was found since the entries were counted.
                unsafe { (loops.fill)(part, found, room) }
            });
    }

    /// The largest displacement since these blocks were kept (length).
    fn moved_since(&self, reference: &Aligned) -> f64 {
        let ratios = self.ratios().map(|ratio| ratio as f32);
        let (now, then) = (self.blocks.pointer(), reference.pointer());
        // SAFETY: the instruction set is available; both hold every cluster.
        let square = unsafe { (self.loops.moved)(now, then, self.clusters, ratios) };
        self.length_moved(square)
    }

    /// An upper bound of the displacement (length) whose square the loops give.
    fn length_moved(&self, square: f32) -> f64 {
        // Rounding of coordinates to 2⁻³² of the edge and of f32 products is made up for.
        f64::from(square).sqrt() * (self.edges[0] / UNITS) * (1.0 + 1e-6) + 1e-6
    }

    fn reach(&self, skin: f64) -> Reach {
        Reach {
            // Rounding of f32 is made up for.
            cutoff: (self.coefficients.cutoff * (1.0 + 1e-6)) as f32,
            skin: (skin / self.edges[0] * UNITS * (1.0 + 1e-6)) as f32,
            ratios: self.ratios().map(|ratio| ratio as f32),
        }
    }

    /// The clusters at which the parts of the threads begin: parts of about equal work.
    fn balanced(&self) -> Vec<usize> {
        balanced(&self.inner.counts, self.loops.width, self.pool.threads())
    }

    /// Puts together what the threads have summed, and has `work` done on what that gives for each share.
    fn gather<T: Send, R: Send>(
        &mut self,
        stride: usize,
        quantities: Vec<Quantity>,
        beside: impl Iterator<Item = T>,
        work: impl Fn(T, &[Quantity]) -> R + Sync,
    ) -> Vec<R> {
        let sums: Vec<Shared<u8>> = self.sums.iter_mut().map(first_sum).collect();
        let loops = self.loops;
        let mut left = quantities;
        let parts = self.shares().into_iter().map(|share| {
            let parts = left.iter_mut().map(|(quantity, factor, values)| {
                let part = values.split_off_mut(..share.len());
                (
                    *quantity,
                    *factor,
                    part.expect("shares are of the particles"),
                )
            });
            parts.collect::<Vec<Quantity>>()
        });
        let shares = (0..self.pool.threads()).map(|thread| self.clusters_of(thread));
        let parts = parts.zip(shares).zip(beside);
        self.pool
            .each(parts, |((mut quantities, clusters), beside)| {
                let sums: Vec<*mut u8> = sums.iter().map(Shared::get).collect();
                let mut task = Gather {
                    sums: &sums,
                    stride,
                    quantities: &mut quantities,
                    clusters,
                };
                // SAFETY: the instruction set is available; each thread uses the sums of its share only.
                unsafe { (loops.gather)(&mut task) };
                work(beside, &quantities)
            })
    }
}

/// Where the sums of the first cluster begin (bytes). A processor tells addresses apart by their last twelve bits at first: were those of a
/// cluster's sums the same as those of its block, loads of the one would wait for stores to the other.
const SUMS_FROM: usize = 2112;

/// The sums of the first cluster.
fn first_sum(sums: &mut Aligned) -> Shared<u8> {
    Shared(sums.pointer_mut::<u8>().wrapping_add(SUMS_FROM))
}

/// Integer units to the edge of the box.
const UNITS: f64 = 4294967296.0;

struct SharedTask<T>(T);
// SAFETY: each thread takes the task of its own number.
unsafe impl<T> Sync for SharedTask<T> {}

/// Where the parts of the threads begin among clusters with these numbers of entries.
fn balanced(counts: &[u32], width: usize, threads: usize) -> Vec<usize> {
    let work = |count: &u32| u64::from(*count) + width as u64;
    let total: u64 = counts.iter().map(work).sum();
    let mut parts = vec![0];
    let (mut sum, mut cluster) = (0, 0);
    for thread in 1..threads as u64 {
        while cluster < counts.len() && sum * (threads as u64) < total * thread {
            sum += work(&counts[cluster]);
            cluster += 1;
        }
        parts.push(cluster);
    }
    parts.push(counts.len());
    parts
}
