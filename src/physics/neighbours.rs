//! Pairs of particles closer than a cutoff, in any cell.
//!
//! Particles are sorted into bins of equal fractional size, and the bins are continued periodically around the cell, so that no pair needs a
//! minimum image: a cell that is narrower than two cutoffs holds the same particle several times within reach, and every image counts.

use std::ops::Range;

use nalgebra::{Matrix3, Vector3};

use crate::data::cell::Cell;
use crate::error::{Error, Result};

/// Particles and their periodic images around the cell, in bins.
///
/// A *slot* holds a particle or one of its images. Slots are in the order of their bins (along c, then b, then a), which is close in memory
/// for what is close in space.
#[derive(Debug)]
pub struct Neighbours {
    cutoff: f64,
    /// Bins of the cell along a, b and c.
    bins: [usize; 3],
    /// Bins of images before those of the cell along each edge.
    before: [usize; 3],
    /// Bins along each edge, images included.
    extended: [usize; 3],
    /// First slot of each bin, a fastest; at last their number.
    first: Vec<usize>,
    rows: Vec<Row>,
    positions: [Vec<f64>; 3],
    particles: Vec<u32>,
    own_images: bool,
}

/// Particles and images beyond which a small cell is taken for a mistake.
const MOST_SLOTS: f64 = 1e7;

/// From a particle's bin to the first bin of a row along a, and to the one behind its last.
type Row = [isize; 2];

impl Neighbours {
    /// Sorts particles for a search within `cutoff` (length). Positions (length) may lie anywhere, unwrapped ones too. Without a cell, and
    /// along edges that are not periodic, there are no images.
    ///
    /// Errors: a cutoff or a position that is not finite, and a cell so small that the cutoff reaches ten million images.
    pub fn new(cell: Option<&Cell>, positions: &[Vector3<f64>], cutoff: f64) -> Result<Self> {
        if !(cutoff > 0.0 && cutoff.is_finite()) {
            return Err(Error::new(format!("the cutoff {cutoff} is not positive"))
                .help("give a positive length"));
        }
        let free = Cell::new(
            [Vector3::x(), Vector3::y(), Vector3::z()],
            Vector3::zeros(),
            [false; 3],
        )?;
        let cell = cell.unwrap_or(&free);
        let periodic = cell.periodic();
        let fractional: Vec<Vector3<f64>> = positions
            .iter()
            .map(|position| cell.fractional(position))
            .collect();
        if let Some(index) = fractional
            .iter()
            .position(|s| !s.iter().all(|s| s.is_finite()))
        {
            return Err(Error::new(format!(
                "particle {index} has a position that is not finite"
            ))
            .help("correct the input"));
        }
        // Along an edge that is not periodic the bins span the particles.
        let mut low = Vector3::zeros();
        let mut span = Vector3::repeat(1.0);
        for axis in (0..3).filter(|&axis| !periodic[axis]) {
            let values = || fractional.iter().map(|s| s[axis]);
            let least = values().fold(f64::INFINITY, f64::min);
            let width = values().fold(f64::NEG_INFINITY, f64::max) - least;
            if width >= 0.0 {
                low[axis] = least;
                span[axis] = if width > 0.0 {
                    width
                } else {
                    cutoff / cell.lengths()[axis]
                };
            }
        }
        let edges = cell.matrix() * Matrix3::from_diagonal(&span);
        let heights = heights(&edges);
        let bins = number_of_bins(heights, cutoff, positions.len());
        // A trifle more, for rounding.
        let reached = cutoff * (1.0 + 1e-9);
        let reach = [0, 1, 2].map(|axis| (reached * bins[axis] as f64 / heights[axis]).ceil());
        let slots_a_particle: f64 = (0..3)
            .filter(|&axis| periodic[axis])
            .map(|axis| 1.0 + 2.0 * reach[axis] / bins[axis] as f64)
            .product();
        if slots_a_particle > 64.0 && slots_a_particle * positions.len() as f64 > MOST_SLOTS {
            return Err(Error::new(format!(
                "the cutoff {cutoff} reaches over too many images of the cell, whose faces are {heights:?} apart"
            ))
            .help("check the cell and the diameters"));
        }
        let reach = [0, 1, 2].map(|axis| {
            (reach[axis] as usize).min(if periodic[axis] {
                usize::MAX
            } else {
                bins[axis]
            })
        });
        // Every pair is found from the one of its two particles that comes first along c, so nothing is needed before the cell there.
        let before = [reach[0], reach[1], 0];
        let extended = [0, 1, 2].map(|axis| before[axis] + bins[axis] + reach[axis]);

        let mut wrapped = positions.to_vec();
        let bin_of: Vec<usize> = fractional
            .iter()
            .zip(&mut wrapped)
            .map(|(s, position)| {
                let mut of = [0; 3];
                for axis in 0..3 {
                    let image = if periodic[axis] { s[axis].floor() } else { 0.0 };
                    if image != 0.0 {
                        *position -= cell.edge(axis) * image;
                    }
                    let inside = (s[axis] - image - low[axis]) / span[axis];
                    of[axis] = ((inside * bins[axis] as f64) as usize).min(bins[axis] - 1);
                }
                (of[2] * bins[1] + of[1]) * bins[0] + of[0]
            })
            .collect();
        let (first_inside, order) = sorted(&bin_of, bins.iter().product());

        let mut neighbours = Neighbours {
            cutoff,
            bins,
            before,
            extended,
            first: Vec::with_capacity(extended.iter().product::<usize>() + 1),
            rows: rows(&edges, bins, reach, reached),
            positions: Default::default(),
            particles: Vec::new(),
            own_images: (0..3).any(|axis| periodic[axis] && heights[axis] <= reached),
        };
        // The bin inside the cell that a bin repeats, and the shift.
        let inside = |axis: usize, bin: usize| {
            let (bin, count) = (bin as isize - before[axis] as isize, bins[axis] as isize);
            let image = bin.div_euclid(count);
            (periodic[axis] || image == 0).then(|| {
                (
                    bin.rem_euclid(count) as usize,
                    cell.edge(axis) * image as f64,
                )
            })
        };
        for c in 0..extended[2] {
            for b in 0..extended[1] {
                for a in 0..extended[0] {
                    neighbours.first.push(neighbours.particles.len());
                    let (Some((a, along_a)), Some((b, along_b)), Some((c, along_c))) =
                        (inside(0, a), inside(1, b), inside(2, c))
                    else {
                        continue;
                    };
                    let shift = along_a + along_b + along_c;
                    let bin = (c * bins[1] + b) * bins[0] + a;
                    for &particle in &order[first_inside[bin]..first_inside[bin + 1]] {
                        let position = wrapped[particle as usize] + shift;
                        for axis in 0..3 {
                            neighbours.positions[axis].push(position[axis]);
                        }
                        neighbours.particles.push(particle);
                    }
                }
            }
        }
        neighbours.first.push(neighbours.particles.len());
        Ok(neighbours)
    }

    /// Cartesian coordinates x, y and z of every slot (length).
    pub fn positions(&self) -> &[Vec<f64>; 3] {
        &self.positions
    }

    /// The particle of every slot.
    pub fn particles(&self) -> &[u32] {
        &self.particles
    }

    /// Whether a particle may be within the cutoff of one of its own images.
    pub fn has_own_images(&self) -> bool {
        self.own_images
    }

    /// The bins of the cell that hold particles, one after the other.
    pub fn bins(&self) -> Bins<'_> {
        Bins {
            neighbours: self,
            next: [0; 3],
            runs: Vec::with_capacity(self.rows.len()),
        }
    }

    /// Calls `visit` once for every pair within the cutoff, with the two particles and the vector from the first to the second (length).
    ///
    /// Two particles come as often as there are images of one within the cutoff of the other; a particle and its image as (i, i, r), and
    /// the opposite image is the same pair.
    pub fn for_each_pair(&self, mut visit: impl FnMut(usize, usize, Vector3<f64>)) {
        let [x, y, z] = &self.positions;
        let square = self.cutoff * self.cutoff;
        let mut bins = self.bins();
        while let Some((own, runs)) = bins.next() {
            for slot in own {
                let slots = runs.iter().cloned().flatten();
                for other in slots.filter(|other| *other > slot) {
                    let displacement =
                        Vector3::new(x[other] - x[slot], y[other] - y[slot], z[other] - z[slot]);
                    if displacement.norm_squared() < square {
                        visit(
                            self.particles[slot] as usize,
                            self.particles[other] as usize,
                            displacement,
                        );
                    }
                }
            }
        }
    }
}

/// The bins that hold particles, with what may be near to these: for callers that sift partners themselves, many at a time.
pub struct Bins<'a> {
    neighbours: &'a Neighbours,
    next: [usize; 3],
    runs: Vec<Range<usize>>,
}

impl Bins<'_> {
    /// The slots of the next bin, and the runs of slots where their partners are: of every pair within the cutoff (images counted) one of the
    /// two finds the other. The first run begins with the bin itself, and there a particle takes those behind it.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<(Range<usize>, &[Range<usize>])> {
        let Neighbours {
            bins,
            before,
            extended,
            first,
            rows,
            ..
        } = self.neighbours;
        loop {
            let [a, b, c] = self.next;
            if c == bins[2] {
                return None;
            }
            self.next = match (a + 1 < bins[0], b + 1 < bins[1]) {
                (true, _) => [a + 1, b, c],
                (false, true) => [0, b + 1, c],
                (false, false) => [0, 0, c + 1],
            };
            let bin = ((c + before[2]) * extended[1] + b + before[1]) * extended[0] + a + before[0];
            let own = first[bin]..first[bin + 1];
            if own.is_empty() {
                continue;
            }
            self.runs.clear();
            self.runs.extend(rows.iter().map(|row| {
                let [from, to] = row.map(|offset| first[bin.wrapping_add_signed(offset)]);
                from..to
            }));
            return Some((own, &self.runs));
        }
    }
}

/// Distances between opposite faces of a cell with these edges (length).
fn heights(edges: &Matrix3<f64>) -> [f64; 3] {
    let volume = edges.determinant();
    [0, 1, 2].map(|axis| {
        let (one, other) = (edges.column((axis + 1) % 3), edges.column((axis + 2) % 3));
        volume / one.cross(&other).norm()
    })
}

/// Bins along each edge. They are a whole fraction of the cutoff wide or a little more, so that none is looked through in vain, and hold two
/// particles or more.
fn number_of_bins(heights: [f64; 3], cutoff: f64, particles: usize) -> [usize; 3] {
    let density = particles as f64 / heights.iter().product::<f64>();
    let fraction = ((0.5 * density).cbrt() * cutoff).floor().clamp(1.0, 4.0);
    let counts = heights.map(|height| (height * fraction / cutoff).floor().max(1.0));
    // Particles that have flown far apart must not make bins without number.
    let most = particles as f64 + 64.0;
    let wide = counts.iter().filter(|count| **count > 1.0).count().max(1);
    let excess = (counts.iter().product::<f64>() / most)
        .max(1.0)
        .powf(1.0 / wide as f64);
    counts.map(|count| (count / excess).floor().clamp(1.0, most) as usize)
}

/// Where each bin begins in the list of its particles, and that list.
fn sorted(bin_of: &[usize], bins: usize) -> (Vec<usize>, Vec<u32>) {
    let mut first = vec![0; bins + 1];
    bin_of.iter().for_each(|&bin| first[bin + 1] += 1);
    (0..bins).for_each(|bin| first[bin + 1] += first[bin]);
    let mut next = first.clone();
    let mut order = vec![0; bin_of.len()];
    for (particle, &bin) in bin_of.iter().enumerate() {
        order[next[bin]] = particle as u32;
        next[bin] += 1;
    }
    (first, order)
}

/// The rows of bins within reach that come behind a bin in the order of bins, the bin's own at first.
fn rows(edges: &Matrix3<f64>, bins: [usize; 3], reach: [usize; 3], cutoff: f64) -> Vec<Row> {
    let bin = edges * Matrix3::from_diagonal(&Vector3::from_fn(|axis, _| 1.0 / bins[axis] as f64));
    // Turned so that a lies along x and b in the xy plane: the distances along z and y are then those of a whole row.
    let r = bin.qr().r();
    let extended = [0, 1].map(|axis| 2 * reach[axis] as isize + bins[axis] as isize);
    // The least of |Σ_k r_k s_k| where each s_k is within 1 of a whole number m_k: points of two bins that are m apart differ by no more.
    let least = |terms: &[(f64, isize)]| {
        let middle: f64 = terms.iter().map(|(r, m)| r * *m as f64).sum();
        let half: f64 = terms.iter().map(|(r, _)| r.abs()).sum();
        (middle.abs() - half).max(0.0)
    };
    let reach = reach.map(|reach| reach as isize);
    let mut rows = Vec::new();
    for c in 0..=reach[2] {
        for b in (if c == 0 { 0 } else { -reach[1] })..=reach[1] {
            let gap =
                least(&[(r[(2, 2)], c)]).powi(2) + least(&[(r[(1, 1)], b), (r[(1, 2)], c)]).powi(2);
            let start = if (b, c) == (0, 0) { 0 } else { -reach[0] };
            let near = |a: &isize| {
                let along = least(&[(r[(0, 0)], *a), (r[(0, 1)], b), (r[(0, 2)], c)]);
                gap + along * along < cutoff * cutoff
            };
            let mut within = (start..=reach[0]).filter(near);
            if let Some(from) = within.next() {
                let to = within.next_back().unwrap_or(from);
                let row = (c * extended[1] + b) * extended[0];
                rows.push([row + from, row + to + 1]);
            }
        }
    }
    rows
}
