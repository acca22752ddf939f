//! Clusters of particles and the lists of which of them are near which.
//!
//! Coordinates are fractions of the box's edges as wrapping 32-bit integers, so that a subtraction gives the nearest image; other lengths
//! are in units of 2⁻³² of the first edge, in f32. Lists hold every pair nearer than the cutoff of its own diameters plus a skin.

use std::ops::Range;

use super::lanes::Lanes;
use super::pairs::{ROOM, first_entry};

/// Lanes in which lists are made.
///
/// # Safety
/// As [`Lanes`] says; pointers are to `WIDTH` numbers, or as many as there are said to be, aligned as one of them.
pub(super) trait ListLanes: Lanes<Real = f32, Coordinate = i32> {
    /// Writes `first` plus the number of each lane whose bit is set, in their order, with anything behind them; gives how many they are.
    #[inline(always)]
    unsafe fn spread(bits: u32, first: u32, to: *mut u32) -> usize {
        let mut written = 0;
        each_bit(bits, |lane| {
            // SAFETY: there are no more bits than lanes.
            unsafe { *to.add(written) = first + lane };
            written += 1;
        });
        written
    }

    /// Writes `more` plus each of the `count` numbers at `from`, at most `WIDTH`, for which the one at `marks` has one of these bits, in their
    /// order, with anything behind them up to `count` numbers; gives how many they are. Where the two overlap, `to` is not behind `from`.
    #[inline(always)]
    unsafe fn keep(
        count: usize,
        from: *const u32,
        marks: *const u32,
        bits: u32,
        more: u32,
        to: *mut u32,
    ) -> usize {
        let mut kept = 0;
        for k in 0..count {
            // SAFETY: the caller's pointers are to so many numbers, of which no more are kept.
            unsafe {
                *to.add(kept) = *from.add(k) + more;
                kept += usize::from(*marks.add(k) & bits != 0);
            }
        }
        kept
    }
}

/// Clusters whose common box is looked at first.
const GROUP: usize = 16;
/// Entries behind those of each part of a new list: the last register of them is written whole.
const SPARE: usize = 16;

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
/// First [`measure`](Self::measure); then each thread [searches](search) a part of the clusters; then it [counts](ByOwner::count) the entries
/// of a part of them among what all have found; and when these are [laid out](List::lay_out), it [makes](ByOwner::fill) them.
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
    clusters: Range<usize>,
    reach: &Reach,
    found: &mut Vec<Near>,
) {
    let boxes = &lister.boxes;
    found.clear();
    for cluster in clusters {
        for &group in &lister.near[cluster / GROUP] {
            let from = group as usize * GROUP;
            // Even sums are looked at from the lower side, odd ones from the higher: about as many for each cluster.
            let even = 0x5555_5555u32 << ((cluster + from) % 2);
            let higher = match cluster.checked_sub(from) {
                None => u32::MAX,
                Some(place) => (!1u32).checked_shl(place as u32).unwrap_or(0),
            };
            let near = boxes.near(cluster, boxes, from, reach) & !(even ^ higher);
            found.reserve(GROUP);
            each_bit(near, |k| {
                let other = from + k as usize;
                // SAFETY: the caller's contract.
                let (mine, theirs) = unsafe {
                    (
                        near_box::<L>(blocks, cluster, boxes, other, reach),
                        near_box::<L>(blocks, other, boxes, cluster, reach),
                    )
                };
                // Either direction covers all pairs of the two; the one with fewer entries is taken. Both are made, as a branch would be guessed
                // wrong half the time, and one is overwritten where there are no pairs.
                let pairs = [
                    (cluster as u32, other as u32, mine),
                    (other as u32, cluster as u32, theirs),
                ];
                let fewer = usize::from(theirs.count_ones() < mine.count_ones());
                let there_are = (mine != 0) & (theirs != 0);
                // SAFETY: there is room for those of a group.
                unsafe {
                    found.as_mut_ptr().add(found.len()).write(pairs[fewer]);
                    found.set_len(found.len() + usize::from(there_are));
                }
            });
        }
    }
}

/// What was found, by owner: makes the entries of a part of the clusters.
#[derive(Clone, Default)]
pub(super) struct ByOwner {
    owners: Range<usize>,
    /// Entries of each owner; then of all others.
    counts: Vec<u32>,
    /// Where those found for each owner begin in `sorted`; then a place in which all others follow each other.
    places: Vec<u32>,
    sorted: Vec<(u32, u32)>,
}

impl ByOwner {
    /// Counts the entries of the owners in a range.
    pub fn count(&mut self, owners: Range<usize>, found: &[Vec<Near>]) {
        self.owners = owners;
        for values in [&mut self.counts, &mut self.places] {
            values.clear();
            values.resize(self.owners.len() + 1, 0);
        }
        for &(owner, _, lanes) in found.iter().flatten() {
            let k = self.index(owner);
            self.counts[k] += lanes.count_ones();
            self.places[k] += 1;
        }
        let mut first = 0;
        for place in &mut self.places {
            first += std::mem::replace(place, first);
        }
        let behind = self.places[self.owners.len()] as usize;
        self.sorted.resize(behind + 1, (0, 0));
    }

    /// The place of an owner among these; that behind them for all others: a branch would be guessed wrong too often.
    #[inline(always)]
    fn index(&self, owner: u32) -> usize {
        let k = (owner as usize).wrapping_sub(self.owners.start);
        k.min(self.owners.len())
    }

    /// Length of the entries.
    fn len(&self) -> usize {
        let counts = self.counts[..self.owners.len()].iter();
        let entries: usize = counts.map(|&count| count as usize).sum();
        entries + ROOM * self.owners.len() + SPARE
    }

    /// Makes the entries that were counted, in the order in which they were found.
    ///
    /// # Safety
    /// As [`Lanes`] says; `found` is what the entries were counted in.
    #[inline(always)]
    pub unsafe fn fill<L: ListLanes, const PARTS: usize>(
        &mut self,
        found: &[Vec<Near>],
        entries: &mut [u32],
    ) {
        const { assert!(L::WIDTH <= SPARE) };
        let owners = self.owners.len();
        for &(owner, other, lanes) in found.iter().flatten() {
            let k = self.index(owner);
            self.sorted[self.places[k] as usize] = (other, lanes);
            self.places[k] += u32::from(k < owners);
        }
        assert!(entries.len() == self.len());
        let to = entries.as_mut_ptr();
        // Each place is now where the next owner's begin.
        let (mut first, mut at) = (0, 0);
        for &end in &self.places[..owners] {
            for &(other, lanes) in &self.sorted[first..end as usize] {
                let entry = first_entry(other as usize, PARTS) as u32;
                // SAFETY: there is room for what was counted, and for a register behind it.
                at += unsafe { L::spread(lanes, entry, to.add(at)) };
            }
            // Room for those that stand behind them in the pruned list.
            at += ROOM;
            first = end as usize;
        }
    }
}

impl List {
    /// Lays the entries of all parts out behind each other, as they were counted. Gives where those of each part go.
    pub fn lay_out(&mut self, parts: &[ByOwner]) -> Vec<&mut [u32]> {
        self.starts.clear();
        self.counts.clear();
        let mut start = 0;
        for part in parts {
            let counts = &part.counts[..part.owners.len()];
            for count in counts {
                self.starts.push(start);
                start += count + ROOM as u32;
            }
            start += SPARE as u32;
            self.counts.extend_from_slice(counts);
        }
        self.entries.resize(start as usize, 0);
        let mut left = &mut self.entries[..];
        let room = parts.iter().map(|part| left.split_off_mut(..part.len()));
        room.map(|room| room.expect("entries were counted"))
            .collect()
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
    pub clusters: Range<usize>,
    pub starts: &'a [u32],
    pub from_counts: *mut u32,
    pub from_entries: *mut u32,
    pub to_counts: *mut u32,
    pub to_entries: *mut u32,
    /// Number of clusters.
    pub empty: usize,
    /// Where the blocks are kept as they are now: for the new list, and for the one that it comes from.
    pub references: [*mut i32; 2],
    pub reach: Reach,
    /// The skin of `from`, whose entries without a pair within it are dropped where the loop is told to.
    pub outer_skin: f32,
}

/// Prunes; with `OUTER` also the list that it comes from. The new entries name one of the `PARTS` of cluster J.
///
/// # Safety
/// As [`Lanes`] says; the blocks hold every cluster of the entries; `to_entries` has room for `PARTS` times those in `from_entries`,
/// and nobody else uses these clusters' parts of the two lists and of the references.
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
                let many = CHUNK.min(count - first);
                let entries = std::slice::from_raw_parts(from.add(first), many);
                for ((entry, near), further) in entries.iter().zip(&mut near).zip(&mut further) {
                    let lane = (entry & 15) as usize;
                    let there = task.blocks.add(width / PARTS * (entry >> 4) as usize);
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
                for at in (0..many).step_by(width) {
                    let (count, read) = (width.min(many - at), from.add(first + at));
                    let marks = near.as_ptr().add(at);
                    for part in 0..PARTS as u32 {
                        let bits = bits_of_part << (part * (width / PARTS) as u32);
                        inner += L::keep(count, read, marks, bits, part << 4, to.add(inner));
                    }
                    if OUTER {
                        let marks = further.as_ptr().add(at);
                        outer += L::keep(count, read, marks, u32::MAX, 0, from.add(outer));
                    }
                }
            }
            for k in 0..ROOM {
                *to.add(inner + k) = first_entry(task.empty, PARTS) as u32;
            }
            for reference in &task.references[..1 + usize::from(OUTER)] {
                let reference = reference.add(4 * width * cluster);
                reference.copy_from_nonoverlapping(here, 4 * width);
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
/// Positions (length; x, y, z of length N) are folded into the box with these edges (length). The order depends on positions and ids (N, no
/// two the same) only, not on the order that the particles are in.
pub fn spatial_order(positions: &[Vec<f64>; 3], edges: [f64; 3], ids: &[i64]) -> Vec<u32> {
    let mut points: Vec<Point> = (0..ids.len())
        .map(|k| {
            let folded = |axis: usize| {
                let fraction = positions[axis][k] / edges[axis];
                ((fraction - fraction.floor()) * 4294967295.0) as u32
            };
            ([folded(0), folded(1), folded(2)], ids[k], k as u32)
        })
        .collect();
    bisect(&mut points, edges);
    points.into_iter().map(|(.., k)| k).collect()
}

/// A folded position, the id and the number of a particle.
type Point = ([u32; 3], i64, u32);

fn bisect(points: &mut [Point], edges: [f64; 3]) {
    let n = points.len();
    // Clusters of 16 begin at multiples of 16, those of 8 at multiples of 8.
    let unit = if n > 16 { 16 } else { 8 };
    if n <= unit {
        return points.sort_unstable_by_key(|(_, id, _)| *id);
    }
    let axis = (0..3)
        .map(|axis| {
            let (low, high) = points.iter().fold((u32::MAX, 0), |(low, high), (p, ..)| {
                (low.min(p[axis]), high.max(p[axis]))
            });
            (axis, f64::from(high - low) * edges[axis])
        })
        .reduce(|one, other| if other.1 > one.1 { other } else { one })
        .map_or(0, |(axis, _)| axis);
    let middle = (n / 2).div_ceil(unit) * unit;
    points.select_nth_unstable_by_key(middle, |(p, id, _)| (p[axis], *id));
    let (low, high) = points.split_at_mut(middle);
    bisect(low, edges);
    bisect(high, edges);
}
