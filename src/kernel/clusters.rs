//! Clusters of particles and the lists of which of them are near which.
//!
//! Coordinates are fractions of the box's edges as wrapping 32-bit integers, so that a subtraction gives the nearest image; other lengths
//! are in units of 2⁻³² of the first edge, in f32. Lists hold every pair nearer than the cutoff of its own diameters plus a skin.

use super::lanes::Lanes;
use super::pairs::ROOM;

/// Lanes in which lists are made.
pub(super) trait ListLanes: Lanes<Real = f32, Coordinate = i32> {}
impl<L: Lanes<Real = f32, Coordinate = i32>> ListLanes for L {}

/// Clusters whose common box is looked at first.
const GROUP: usize = 16;

/// Memory aligned to cache lines, zero at first.
#[derive(Default)]
pub(super) struct Aligned(Vec<Line>);

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

impl Aligned {
    /// At least that many bytes.
    pub fn resize(&mut self, bytes: usize) {
        self.0.resize(bytes.div_ceil(64), Line([0; 64]));
    }

    /// Takes over what another holds, in the memory that it has.
    pub fn copy_from(&mut self, other: &Self) {
        self.0.clone_from(&other.0);
    }

    pub fn pointer<T>(&self) -> *const T {
        self.0.as_ptr().cast()
    }

    pub fn pointer_mut<T>(&mut self) -> *mut T {
        self.0.as_mut_ptr().cast()
    }
}

/// Entries of every cluster: of cluster I, `counts[I]` from `starts[I]` on.
#[derive(Clone, Default)]
pub(super) struct List {
    pub starts: Vec<u32>,
    pub counts: Vec<u32>,
    pub entries: Vec<u32>,
}

/// The boxes around clusters, or around groups of them: particles are within `extent` of `center` along each axis.
#[derive(Clone, Default)]
struct Boxes {
    center: [Vec<i32>; 3],
    extent: [Vec<f32>; 3],
    /// The largest half diameter; NaN where there is no cluster.
    largest: Vec<f32>,
}

impl Boxes {
    fn clear(&mut self) {
        self.center.iter_mut().for_each(Vec::clear);
        self.extent.iter_mut().for_each(Vec::clear);
        self.largest.clear();
    }

    /// Adds the box around intervals `[center ± extent]` (all axes) with these largest half diameters.
    fn push(&mut self, parts: impl Iterator<Item = ([i32; 3], [f32; 3], f32)> + Clone) {
        let Some((first, ..)) = parts.clone().next() else {
            return;
        };
        let mut largest = f32::NAN;
        let (mut low, mut high) = ([f32::INFINITY; 3], [f32::NEG_INFINITY; 3]);
        for (center, extent, half) in parts {
            largest = largest.max(half);
            for axis in 0..3 {
                let offset = center[axis].wrapping_sub(first[axis]) as f32;
                low[axis] = low[axis].min(offset - extent[axis]);
                high[axis] = high[axis].max(offset + extent[axis]);
            }
        }
        for axis in 0..3 {
            self.center[axis]
                .push(first[axis].wrapping_add((0.5 * (low[axis] + high[axis])) as i32));
            // Rounding of the centre, 2⁻²⁴ of the edge, is made up for.
            self.extent[axis].push(0.5 * (high[axis] - low[axis]) * 1.000001 + 512.0);
        }
        self.largest.push(largest);
    }

    fn part(&self, index: usize) -> ([i32; 3], [f32; 3], f32) {
        let axes = [0, 1, 2];
        (
            axes.map(|axis| self.center[axis][index]),
            axes.map(|axis| self.extent[axis][index]),
            self.largest[index],
        )
    }

    fn pad(&mut self) {
        while !self.largest.len().is_multiple_of(GROUP) {
            self.center.iter_mut().for_each(|values| values.push(0));
            self.extent.iter_mut().for_each(|values| values.push(0.0));
            self.largest.push(f32::NAN);
        }
    }

    /// Which of the boxes `from .. from + GROUP` of `others` may hold a particle within the cutoff plus skin of one of this box.
    #[inline(always)]
    fn near(&self, index: usize, others: &Boxes, from: usize, reach: &Reach) -> u32 {
        let mut d2 = [0.0f32; GROUP];
        for axis in 0..3 {
            let (center, extent) = (self.center[axis][index], self.extent[axis][index]);
            let ratio = reach.ratios[axis];
            let centers: &[i32; GROUP] =
                others.center[axis][from..from + GROUP].try_into().unwrap();
            let extents: &[f32; GROUP] =
                others.extent[axis][from..from + GROUP].try_into().unwrap();
            for k in 0..GROUP {
                let gap = ((center.wrapping_sub(centers[k]) as f32).abs() - extents[k] - extent)
                    .max(0.0)
                    * ratio;
                d2[k] += gap * gap;
            }
        }
        let largest: &[f32; GROUP] = others.largest[from..from + GROUP].try_into().unwrap();
        let mut bits = 0;
        for k in 0..GROUP {
            let limit = reach.cutoff * (self.largest[index] + largest[k]) + reach.skin;
            bits |= u32::from(d2[k] <= limit * limit) << k;
        }
        bits
    }
}

/// How far apart two particles may be to be in a list: `cutoff` × (h_i + h_j) + `skin`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    pub cutoff: f32,
    pub skin: f32,
    /// Edges of the box in units of the first.
    pub ratios: [f32; 3],
}

/// Makes lists; keeps its memory from one to the next.
///
/// First [`measure`](Self::measure); then each thread [searches](search) a part of the clusters, and makes the [streams](Streams::fill) of
/// another part of them from what all have found.
#[derive(Clone, Default)]
pub(super) struct Lister {
    boxes: Boxes,
    groups: Boxes,
    /// Near groups of each group, itself included.
    near: Vec<Vec<u32>>,
}

/// Two clusters with pairs within reach: the owner I of the entries, the other J, and the lanes of I.
pub(super) type Near = (u32, u32, u32);

impl Lister {
    /// Boxes around clusters and groups of them, from blocks `[x… y… z… h…]`.
    ///
    /// # Safety
    /// `blocks` holds `clusters` blocks of that width.
    pub unsafe fn measure(
        &mut self,
        blocks: *const i32,
        width: usize,
        clusters: usize,
        reach: &Reach,
    ) {
        self.boxes.clear();
        self.groups.clear();
        for cluster in 0..clusters {
            // SAFETY: within the blocks.
            let block = |row: usize, lane: usize| unsafe {
                *blocks.add((4 * cluster + row) * width + lane)
            };
            self.boxes.push((0..width).map(|lane| {
                let half = f32::from_bits(block(3, lane) as u32);
                (
                    [block(0, lane), block(1, lane), block(2, lane)],
                    [0.0; 3],
                    half,
                )
            }));
        }
        self.boxes.pad();
        for group in 0..self.boxes.largest.len() / GROUP {
            let members =
                (group * GROUP..(group + 1) * GROUP).filter(|&cluster| cluster < clusters);
            self.groups
                .push(members.map(|cluster| self.boxes.part(cluster)));
        }
        let groups = self.groups.largest.len();
        self.groups.pad();
        self.near.resize(groups, Vec::new());
        for group in 0..groups {
            let near = &mut self.near[group];
            near.clear();
            for from in (0..groups).step_by(GROUP) {
                each_bit(self.groups.near(group, &self.groups, from, reach), |k| {
                    near.push(from as u32 + k)
                });
            }
        }
    }
}

/// Finds the near clusters of those in a range; each two are looked at from one side only.
///
/// # Safety
/// As [`Lanes`] says; `blocks` is what the lister has measured.
#[inline(always)]
pub(super) unsafe fn search<L: ListLanes>(
    lister: &Lister,
    blocks: *const i32,
    clusters: std::ops::Range<usize>,
    reach: &Reach,
    found: &mut Vec<Near>,
) {
    let boxes = &lister.boxes;
    found.clear();
    for cluster in clusters {
        for &group in &lister.near[cluster / GROUP] {
            let from = group as usize * GROUP;
            each_bit(boxes.near(cluster, boxes, from, reach), |k| {
                let other = from + k as usize;
                // Even sums are looked at from the lower side, odd ones from the higher: about as many for each cluster.
                if other == cluster || (other > cluster) != (cluster + other).is_multiple_of(2) {
                    return;
                }
                // SAFETY: the caller's contract.
                let (mine, theirs) = unsafe {
                    (
                        near_box::<L>(blocks, cluster, boxes, other, reach),
                        near_box::<L>(blocks, other, boxes, cluster, reach),
                    )
                };
                // Either direction covers all pairs of the two; the one with fewer entries is taken.
                if mine == 0 || theirs == 0 {
                    return;
                }
                found.push(if mine.count_ones() <= theirs.count_ones() {
                    (cluster as u32, other as u32, mine)
                } else {
                    (other as u32, cluster as u32, theirs)
                });
            });
        }
    }
}

/// The entries of a part of the clusters.
#[derive(Clone, Default)]
pub(super) struct Streams {
    counts: Vec<u32>,
    places: Vec<u32>,
    sorted: Vec<(u32, u32)>,
    entries: Vec<u32>,
}

impl Streams {
    /// Makes the streams of the owners in a range, in the order in which their entries were found.
    pub fn fill(&mut self, owners: std::ops::Range<usize>, clusters: usize, found: &[Vec<Near>]) {
        let mine = |owner: u32| {
            (owner as usize)
                .checked_sub(owners.start)
                .filter(|&k| k < owners.len())
        };
        self.counts.clear();
        self.counts.resize(owners.len(), 0);
        self.places.clear();
        self.places.resize(owners.len() + 1, 0);
        for &(owner, _, lanes) in found.iter().flatten() {
            if let Some(k) = mine(owner) {
                self.counts[k] += lanes.count_ones();
                self.places[k + 1] += 1;
            }
        }
        for k in 0..owners.len() {
            self.places[k + 1] += self.places[k];
        }
        self.sorted
            .resize(self.places[owners.len()] as usize, (0, 0));
        for &(owner, other, lanes) in found.iter().flatten() {
            if let Some(k) = mine(owner) {
                self.sorted[self.places[k] as usize] = (other, lanes);
                self.places[k] += 1;
            }
        }
        // Each place is now where the next owner's begin.
        self.entries.clear();
        let mut first = 0;
        for &end in &self.places[..owners.len()] {
            for &(other, lanes) in &self.sorted[first..end as usize] {
                each_bit(lanes, |lane| self.entries.push(other << 4 | lane));
            }
            first = end as usize;
            // Room for what the force loop reads while it drains.
            self.entries.extend([(clusters as u32) << 4; ROOM]);
        }
    }
}

impl List {
    /// Puts the streams of all parts together, in order.
    pub fn join(&mut self, parts: &[Streams]) {
        self.starts.clear();
        self.counts.clear();
        self.entries.clear();
        let mut start = 0;
        for part in parts {
            for &count in &part.counts {
                self.starts.push(start);
                start += count + ROOM as u32;
            }
            self.counts.extend_from_slice(&part.counts);
            self.entries.extend_from_slice(&part.entries);
        }
    }
}

#[inline(always)]
fn each_bit(mut bits: u32, mut act: impl FnMut(u32)) {
    while bits != 0 {
        act(bits.trailing_zeros());
        bits &= bits - 1;
    }
}

/// Which particles of cluster I may be within reach of one in box J.
///
/// # Safety
/// As [`Lanes`] says; `blocks` holds cluster I.
#[inline(always)]
unsafe fn near_box<L: ListLanes>(
    blocks: *const i32,
    i: usize,
    boxes: &Boxes,
    j: usize,
    reach: &Reach,
) -> u32 {
    // SAFETY: the caller's contract.
    unsafe {
        let block = blocks.add(4 * L::WIDTH * i);
        let mut d2 = L::splat(0.0);
        for axis in 0..3 {
            let center = L::broadcast_coordinate(&boxes.center[axis][j]);
            let gap = L::separation(center, block.add(axis * L::WIDTH))
                .magnitude()
                .sub(L::broadcast(&boxes.extent[axis][j]));
            let gap = gap.positive().mul(L::broadcast(&reach.ratios[axis]));
            d2 = gap.mul_add(gap, d2);
        }
        let diameter = L::load(block.add(3 * L::WIDTH).cast()).add(L::broadcast(&boxes.largest[j]));
        let limit = diameter.mul_add(L::broadcast(&reach.cutoff), L::broadcast(&reach.skin));
        L::bits(limit.mul(limit).greater(d2))
    }
}

/// Entries that are looked at before any is copied.
const CHUNK: usize = 256;

/// A part of a list to be pruned: of the entries of these clusters, those that have a pair within reach are copied, for each part of cluster
/// J that has one.
pub(super) struct Prune<'a> {
    pub blocks: *const i32,
    pub clusters: std::ops::Range<usize>,
    pub starts: &'a [u32],
    pub from_counts: *mut u32,
    pub from_entries: *mut u32,
    pub to_counts: *mut u32,
    pub to_entries: *mut u32,
    /// Number of clusters.
    pub empty: u32,
    pub reach: Reach,
    /// The skin of `from`, whose entries without a pair within it are dropped where the loop is told to.
    pub outer_skin: f32,
}

/// Prunes; with `OUTER` also the list that it comes from. The new entries name one of the `PARTS` of cluster J.
///
/// # Safety
/// As [`Lanes`] says; the blocks hold every cluster of the entries; `to_entries` has room for `PARTS` times those in `from_entries`,
/// and nobody else uses these clusters' parts of the two lists.
#[inline(always)]
pub(super) unsafe fn prune<
    L: ListLanes,
    const CUBE: bool,
    const OUTER: bool,
    const PARTS: usize,
>(
    task: &Prune,
) {
    // SAFETY: the caller's contract.
    unsafe {
        let width = L::WIDTH;
        let bits_of_part = (1u32 << (width / PARTS)) - 1;
        let cutoff = L::broadcast(&task.reach.cutoff);
        let skin = L::broadcast(&task.reach.skin);
        let more = L::splat(f64::from(task.outer_skin - task.reach.skin));
        let ratios = [
            L::broadcast(&task.reach.ratios[1]),
            L::broadcast(&task.reach.ratios[2]),
        ];
        let (mut near, mut further) = ([0u32; CHUNK], [0u32; CHUNK]);
        for cluster in task.clusters.clone() {
            let start = task.starts[cluster] as usize;
            let from = task.from_entries.add(start);
            let to = task.to_entries.add(start * PARTS);
            let here = task.blocks.add(4 * width * cluster);
            let (mut outer, mut inner) = (0, 0);
            let count = *task.from_counts.add(cluster) as usize;
            // What is near first, then what follows from it: the stores of the one would hold up the loads of the other.
            for first in (0..count).step_by(CHUNK) {
                let entries = std::slice::from_raw_parts(from.add(first), CHUNK.min(count - first));
                for ((entry, near), further) in entries.iter().zip(&mut near).zip(&mut further) {
                    let lane = (entry & 15) as usize;
                    let there = task.blocks.add(4 * width * (entry >> 4) as usize);
                    let mut d: [L; 3] = std::array::from_fn(|axis| {
                        let i = L::broadcast_coordinate(here.add(axis * width + lane));
                        L::separation(i, there.add(axis * width))
                    });
                    if !CUBE {
                        d[1] = d[1].mul(ratios[0]);
                        d[2] = d[2].mul(ratios[1]);
                    }
                    let r2 = d[2].mul_add(d[2], d[1].mul_add(d[1], d[0].mul(d[0])));
                    let half = L::broadcast(here.add(3 * width + lane).cast());
                    let limit = half
                        .add(L::load(there.add(3 * width).cast()))
                        .mul_add(cutoff, skin);
                    *near = L::bits(limit.mul(limit).greater(r2));
                    if OUTER {
                        let limit = limit.add(more);
                        *further = L::bits(limit.mul(limit).greater(r2));
                    }
                }
                for k in 0..CHUNK.min(count - first) {
                    let entry = *from.add(first + k);
                    for part in 0..PARTS {
                        let place = (entry >> 4) * 4 * PARTS as u32 + part as u32;
                        *to.add(inner) = place << 4 | entry & 15;
                        let of_part = near[k] >> (part * width / PARTS) & bits_of_part;
                        inner += usize::from(of_part != 0);
                    }
                    if OUTER {
                        *from.add(outer) = entry;
                        outer += usize::from(further[k] != 0);
                    }
                }
            }
            for k in 0..ROOM {
                *to.add(inner + k) = (task.empty * 4 * PARTS as u32) << 4;
            }
            *task.to_counts.add(cluster) = inner as u32;
            if OUTER {
                *task.from_counts.add(cluster) = outer as u32;
            }
        }
    }
}

/// An order of the particles in which neighbours in space are neighbours in memory, by repeated bisection of the longest edge.
///
/// Positions (length; x, y, z of length N) are folded into the box with these edges (length). The order depends on the positions and on the
/// order of the particles only.
pub fn spatial_order(positions: &[Vec<f64>; 3], edges: [f64; 3]) -> Vec<u32> {
    let n = positions[0].len();
    let mut points: Vec<([u32; 3], u32)> = (0..n)
        .map(|k| {
            let folded = |axis: usize| {
                let fraction = positions[axis][k] / edges[axis];
                ((fraction - fraction.floor()) * 4294967295.0) as u32
            };
            ([folded(0), folded(1), folded(2)], k as u32)
        })
        .collect();
    bisect(&mut points, edges);
    points.into_iter().map(|(_, k)| k).collect()
}

fn bisect(points: &mut [([u32; 3], u32)], edges: [f64; 3]) {
    let n = points.len();
    // Clusters of 16 begin at multiples of 16, those of 8 at multiples of 8.
    let unit = if n > 16 { 16 } else { 8 };
    if n <= unit {
        return;
    }
    let axis = (0..3)
        .map(|axis| {
            let (low, high) = points.iter().fold((u32::MAX, 0), |(low, high), (p, _)| {
                (low.min(p[axis]), high.max(p[axis]))
            });
            (axis, f64::from(high - low) * edges[axis])
        })
        .reduce(|one, other| if other.1 > one.1 { other } else { one })
        .map_or(0, |(axis, _)| axis);
    let middle = (n / 2).div_ceil(unit) * unit;
    points.select_nth_unstable_by_key(middle, |(p, k)| (p[axis], *k));
    let (low, high) = points.split_at_mut(middle);
    bisect(low, edges);
    bisect(high, edges);
}
