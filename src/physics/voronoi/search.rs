//! The search for the planes that bound a cell: the particles in the bins around it, the nearest planes first.

use super::Tessellation;
use super::clip::{Clipper, Cut, Fast, General, Plane, Start};
use super::grid::{Grid, Name, OUTLINE, WALL};
use super::polyhedron::{Measure, Polyhedron};
use crate::physics::registers::{Eight, Lanes, Registers, Work};

/// Buffers for cells, to be used again for the next.
#[derive(Default)]
pub struct Workspace {
    stamp: u64,
    bin: [usize; 3],
    block: Block,
    candidates: Candidates,
    farther: Vec<Name>,
    /// Distance up to which planes are sorted at first: a little more than cells have reached so far.
    guess: f32,
    fast: Fast,
    general: General,
    polyhedron: Polyhedron,
    measure: Measure,
}

impl Workspace {
    pub(super) fn polyhedron(&self) -> &Polyhedron {
        &self.polyhedron
    }
}

/// The particles of 3 × 3 × 3 bins.
#[derive(Default)]
struct Block {
    /// Positions relative to the first of them, and R²: in single precision, padded with NaN.
    points: Vec<Points>,
    /// Positions (length) and R², and what they are.
    sites: Vec<[f64; 4]>,
    names: Vec<Name>,
}

/// x, y, z and R² of eight particles.
type Points = [[f32; 8]; 4];

/// Planes to be tried.
#[derive(Default)]
struct Candidates {
    /// For each the bits of its distance where the mask has ones, and where it has none, in the last ones, its place in the block. As distances
    /// are positive, words are in the order of the distances.
    words: Vec<u32>,
    /// So many words count.
    count: usize,
    mask: u32,
}

/// Slacks tried one after the other: what one leaves inconsistent, in clusters of vertices that are nearly at one place, the next does not.
const SLACKS: [f64; 4] = [1e-12, 1e-10, 0.0, 1e-8];

/// The steps to a bin itself, and to the 26 around it.
pub(super) const NEAREST: [[i64; 3]; 27] = {
    let mut steps = [[0; 3]; 27];
    let mut at = 0;
    while at < 27 {
        // The middle one, number 13, changes places with the first.
        let one = match at {
            0 => 13,
            13 => 0,
            at => at,
        };
        steps[at as usize] = [one % 3 - 1, one / 3 % 3 - 1, one / 9 - 1];
        at += 1;
    }
    steps
};

/// The bins at a distance of `level` bins, in three dimensions.
pub(super) fn shell(level: i64) -> impl Iterator<Item = [i64; 3]> {
    let range = -level..=level;
    range.clone().flat_map(move |z| {
        let range = range.clone();
        range.clone().flat_map(move |y| {
            let is_side = z.abs() == level || y.abs() == level;
            let step = if is_side { 1 } else { 2 * level as usize };
            range.clone().step_by(step).map(move |x| [x, y, z])
        })
    })
}

impl Block {
    /// Takes up the bins around a bin, that one first.
    #[inline(always)]
    fn fill(&mut self, tessellation: &Tessellation, bin: [usize; 3]) {
        let grid = &tessellation.grid;
        self.sites.clear();
        self.names.clear();
        for steps in NEAREST {
            let Some((bin, image)) = grid.neighbour(bin, steps) else {
                continue;
            };
            let [dx, dy, dz] = grid.translation(image);
            let moved = |&[x, y, z, power]: &[f64; 4]| [x + dx, y + dy, z + dz, power];
            let places = grid.places_in(bin);
            self.sites
                .extend(grid.sites[places.clone()].iter().map(moved));
            self.names
                .extend(grid.names[places].iter().map(|name| name.moved(image)));
        }
        let centre = self.sites[0];
        let (whole, rest) = self.sites.as_chunks::<8>();
        let mut last = [[f64::NAN; 4]; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.points.resize(whole.len() + 1, [[0.0; 8]; 4]);
        for (points, sites) in self.points.iter_mut().zip(whole.iter().chain([&last])) {
            for lane in 0..8 {
                let [x, y, z, power] = sites[lane];
                points[0][lane] = (x - centre[0]) as f32;
                points[1][lane] = (y - centre[1]) as f32;
                points[2][lane] = (z - centre[2]) as f32;
                points[3][lane] = power as f32;
            }
        }
    }
}

impl Candidates {
    /// The particles of a block whose planes are between two distances from one of them, the nearest first. Distances are squared and
    /// doubled, 4p² = (d² + R_i² − R_j²)²/d²; planes that leave the particle itself beyond them have the distance zero, and those of particles
    /// nearer than the root of `near`.
    #[inline(always)]
    fn find<R: Registers>(
        &mut self,
        registers: R,
        block: &Block,
        own: usize,
        near: f32,
        (from, to): (f32, f32),
    ) {
        let here = block.points[own / 8].map(|lanes| registers.all_eight(lanes[own % 8]));
        let [zero, near, from, to] = [0.0, near, from, to].map(|value| registers.all_eight(value));
        self.mask = !0 << (usize::BITS - block.names.len().leading_zeros());
        if self.words.len() < 8 * block.points.len() + 8 {
            self.words.resize(8 * block.points.len() + 8, 0);
        }
        let mut places: [u32; 8] = std::array::from_fn(|lane| lane as u32);
        let mut count = 0;
        for points in &block.points {
            let [x, y, z, power] = points.map(|lanes| registers.eight(lanes));
            let (x, y, z) = (x - here[0], y - here[1], z - here[2]);
            let square = x * x + y * y + z * z;
            let sum = (square + (here[3] - power)).larger(zero);
            let distance = (sum * sum / square).zero_where(near, square);
            let bits = distance.above(from) & !distance.above(to);
            let distances = distance.packed(bits).values();
            let tags = registers
                .eight(places.map(f32::from_bits))
                .packed(bits)
                .values();
            if let Some(words) = self.words[count..].first_chunk_mut::<8>() {
                *words = std::array::from_fn(|lane| {
                    distances[lane].to_bits() & self.mask | tags[lane].to_bits()
                });
            }
            count += bits.count_ones() as usize;
            places = places.map(|place| place + 8);
        }
        self.count = count;
        self.sort();
    }

    /// Sorts the words, by counting for each those before it: for a few dozen of them faster than by comparing in turn.
    #[inline(always)]
    fn sort(&mut self) {
        const MOST: usize = 64;
        let count = self.count;
        let found = &mut self.words[..count];
        if count > MOST {
            return found.sort_unstable();
        }
        let mut words = [i32::MAX; MOST];
        for (to, word) in words.iter_mut().zip(&*found) {
            *to = *word as i32;
        }
        let mut ranks = [0; MOST];
        for (eight, ranks) in words
            .as_chunks::<8>()
            .0
            .iter()
            .zip(ranks.as_chunks_mut::<8>().0)
            .take(count.div_ceil(8))
        {
            for word in &words[..count] {
                for lane in 0..8 {
                    ranks[lane] += u32::from(*word < eight[lane]);
                }
            }
        }
        let mut sorted = [0; MOST];
        for (word, rank) in found.iter().zip(ranks) {
            sorted[rank as usize % MOST] = *word;
        }
        found.copy_from_slice(&sorted[..count]);
    }
}

/// The cell of one particle; whether it was found.
pub(super) struct Cell<'a> {
    pub tessellation: &'a Tessellation,
    pub place: usize,
    pub workspace: &'a mut Workspace,
}

impl Work for Cell<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<R: Registers>(self, registers: R) -> bool {
        let Cell {
            tessellation,
            place,
            workspace,
        } = self;
        let bin = tessellation.grid.bin_of(place);
        if workspace.stamp != tessellation.stamp || workspace.bin != bin {
            if workspace.stamp != tessellation.stamp {
                workspace.guess = tessellation.spacing as f32;
            }
            workspace.block.fill(tessellation, bin);
            (workspace.stamp, workspace.bin) = (tessellation.stamp, bin);
        }
        let Workspace {
            block,
            candidates,
            farther,
            guess,
            fast,
            general,
            polyhedron,
            measure,
            ..
        } = workspace;
        let mut search = Search {
            registers,
            tessellation,
            place,
            bin,
            block,
            candidates,
            farther,
            guess,
            measure,
        };
        search.cell(fast, SLACKS[0], polyhedron) || search.slowly(general, polyhedron)
    }
}

/// The search for the neighbours of one particle.
struct Search<'a, R> {
    registers: R,
    tessellation: &'a Tessellation,
    place: usize,
    bin: [usize; 3],
    block: &'a Block,
    candidates: &'a mut Candidates,
    /// What is behind the planes of particles that are not in the block.
    farther: &'a mut Vec<Name>,
    guess: &'a mut f32,
    measure: &'a mut Measure,
}

impl<R: Registers> Search<'_, R> {
    #[cold]
    #[inline(never)]
    fn slowly(&mut self, general: &mut General, polyhedron: &mut Polyhedron) -> bool {
        SLACKS
            .iter()
            .any(|&slack| self.cell(general, slack, polyhedron))
    }

    /// Finds the cell with one of the clippers. Returns whether it could.
    #[inline(always)]
    fn cell(
        &mut self,
        clipper: &mut impl Clipper,
        slack: f64,
        polyhedron: &mut Polyhedron,
    ) -> bool {
        let tessellation = self.tessellation;
        let grid = &tessellation.grid;
        self.farther.clear();
        match grid.periodic {
            [true, true, true] => clipper.start(&tessellation.start, slack),
            _ => {
                let start = Start::new(tessellation.planes_between_walls(self.place));
                clipper.start(&start, slack);
            }
        }
        let cut = match self.cut_by_block(clipper) {
            Cut::Made => self.cut_by_farther(clipper),
            cut => cut,
        };
        match cut {
            Cut::Full => return false,
            Cut::Empty => {
                polyhedron.hide();
                return true;
            }
            Cut::Made | Cut::Missed => {}
        }
        let mut is_closed = true;
        let name = |tag: u32| {
            let name = self.name(tag);
            if name.what >= OUTLINE {
                is_closed &= name.what == WALL;
                return (None, name.image);
            }
            (Some(name.what), grid.image(self.place, name))
        };
        clipper.finish(polyhedron, name)
            && is_closed
            && polyhedron.measure(self.registers, self.measure)
    }

    /// What is behind the plane with a tag: of the starting six, of a place of the block, or of one farther away.
    #[inline(always)]
    fn name(&self, tag: u32) -> Name {
        let tag = tag as usize;
        let first = self.tessellation.names.len();
        match self.tessellation.names.get(tag) {
            Some(name) => *name,
            None => match self.block.names.get(tag - first) {
                Some(name) => *name,
                None => self.farther[tag - first - self.block.names.len()],
            },
        }
    }

    /// Cuts by the particles of the block, the nearest planes first.
    #[inline(always)]
    fn cut_by_block(&mut self, clipper: &mut impl Clipper) -> Cut {
        let (tessellation, registers) = (self.tessellation, self.registers);
        let own = self.place - tessellation.grid.places_in(self.bin).start;
        let first_tag = tessellation.names.len() as u32;
        let near = (tessellation.near * tessellation.near) as f32;
        let margin = tessellation.margin as f32;
        // (2p + 2·margin)² ≤ 4p² (1 + ε) + 4·margin² (1 + 1/ε).
        const EPSILON: f32 = 1e-3;
        let spare = 4.0 * margin * margin * (1.0 + 1.0 / EPSILON);
        let widened = |square: f64| 4.0 * square as f32 * (1.0 + EPSILON) + spare;
        let mut from = -1.0;
        let mut to = 4.0 * *self.guess * *self.guess;
        let mut is_first = true;
        loop {
            self.candidates
                .find(registers, self.block, own, near, (from, to));
            let mask = self.candidates.mask;
            for &word in &self.candidates.words[..self.candidates.count] {
                let at = (word & !mask) as usize;
                if at == own {
                    continue;
                }
                let (plane, _) = self.plane(&self.block.sites[at]);
                match clipper.cut(registers, &plane, first_tag + at as u32) {
                    Cut::Missed | Cut::Made => {}
                    cut => return cut,
                }
            }
            let limit = widened(clipper.square_reach(registers));
            let is_done = to >= limit;
            if is_first {
                *self.guess *= if is_done { 0.996 } else { 1.04 };
                is_first = false;
            }
            if is_done {
                return Cut::Made;
            }
            // A little less than before, for rounding: a plane twice does no harm.
            (from, to) = (to * (1.0 - 1e-5), limit);
        }
    }

    /// The plane towards a particle (x, y, z and R²), and its squared distance (length²).
    #[inline(always)]
    fn plane(&self, &[x, y, z, power]: &[f64; 4]) -> (Plane, f64) {
        let [own_x, own_y, own_z, own_power] = self.tessellation.grid.sites[self.place];
        let (x, y, z) = (x - own_x, y - own_y, z - own_z);
        let distance = x * x + y * y + z * z;
        let offset = 0.5 * (distance + own_power - power);
        ([x, y, z, offset], distance)
    }

    /// Cuts by particles beyond the block, shell by shell, until no more can reach the cell.
    #[inline(always)]
    fn cut_by_farther(&mut self, clipper: &mut impl Clipper) -> Cut {
        let (tessellation, registers) = (self.tessellation, self.registers);
        let around = Around::new(tessellation, self.place);
        for level in 2.. {
            let reach = clipper.square_reach(registers).sqrt();
            if around.is_complete(level, reach) {
                break;
            }
            match self.cut_by_shell(clipper, &around, level, reach) {
                Cut::Missed | Cut::Made => {}
                cut => return cut,
            }
        }
        Cut::Made
    }

    #[inline(always)]
    fn cut_by_shell(
        &mut self,
        clipper: &mut impl Clipper,
        around: &Around,
        level: i64,
        reach: f64,
    ) -> Cut {
        let (tessellation, registers) = (self.tessellation, self.registers);
        let grid = &tessellation.grid;
        for steps in around.shell(level, reach) {
            let Some((bin, image)) = grid.neighbour(self.bin, steps) else {
                continue;
            };
            let shift = grid.translation(image);
            for place in grid.places_in(bin) {
                let [x, y, z, power] = grid.sites[place];
                let site = [x + shift[0], y + shift[1], z + shift[2], power];
                let (plane, distance) = self.plane(&site);
                let offset = plane[3];
                if offset > 0.0 && offset * offset >= clipper.square_reach(registers) * distance {
                    continue;
                }
                let tag = tessellation.names.len() + self.block.names.len() + self.farther.len();
                match clipper.cut(registers, &plane, tag as u32) {
                    Cut::Missed => {}
                    Cut::Made => self.farther.push(grid.names[place].moved(image)),
                    cut => return cut,
                }
            }
        }
        Cut::Made
    }
}

/// How far the bins around a particle are.
pub(super) struct Around<'a> {
    grid: &'a Grid,
    pub bin: [usize; 3],
    /// Fractions of the bin below the particle, and heights of bins (length).
    within: [f64; 3],
    height: [f64; 3],
    /// How much larger the largest R² is than the particle's (length²).
    power: f64,
}

impl<'a> Around<'a> {
    pub fn new(tessellation: &'a Tessellation, place: usize) -> Self {
        let grid = &tessellation.grid;
        let bin = grid.bin_of(place);
        Around {
            grid,
            bin,
            within: std::array::from_fn(|axis| {
                grid.fractions[place][axis] * grid.bins[axis] as f64 - bin[axis] as f64
            }),
            height: std::array::from_fn(|axis| grid.heights[axis] / grid.bins[axis] as f64),
            power: tessellation.largest_square - grid.sites[place][3],
        }
    }

    /// Distance along an axis to the bins `steps` away (length).
    fn gap(&self, axis: usize, steps: i64) -> f64 {
        match steps {
            0 => 0.0,
            1.. => (steps as f64 - self.within[axis]) * self.height[axis],
            _ => (self.within[axis] - (steps + 1) as f64) * self.height[axis],
        }
    }

    /// Whether no plane of a particle at this distance or beyond can be nearer than `reach`.
    fn is_beyond(&self, distance: f64, reach: f64) -> bool {
        distance * distance - self.power > 2.0 * distance * reach
    }

    /// The bins of a shell in which a plane of a particle can be nearer than `reach`.
    pub fn shell(&self, level: i64, reach: f64) -> impl Iterator<Item = [i64; 3]> + use<> {
        let [x, y, z] = [0, 1, 2].map(|axis| {
            let is_near = |steps: i64| !self.is_beyond(self.gap(axis, steps), reach);
            let least = (-level..0).find(|&steps| is_near(steps)).unwrap_or(0);
            let most = (1..=level).rfind(|&steps| is_near(steps)).unwrap_or(0);
            least..=most
        });
        let bins = z.flat_map(move |z| {
            let x = x.clone();
            y.clone()
                .flat_map(move |y| x.clone().map(move |x| [x, y, z]))
        });
        bins.filter(move |steps| steps.iter().any(|steps| steps.abs() == level))
    }

    /// Whether no plane of a particle in the shell `level` or beyond can be nearer than `reach`.
    pub fn is_complete(&self, level: i64, reach: f64) -> bool {
        let mut distance = f64::INFINITY;
        for axis in 0..3 {
            let (bin, bins) = (self.bin[axis] as i64, self.grid.bins[axis] as i64);
            let is_periodic = self.grid.periodic[axis];
            for steps in [-level, level] {
                // There is nothing beyond walls.
                if is_periodic || (0..bins).contains(&(bin + steps)) {
                    let gap = self.gap(axis, steps);
                    distance = if gap < distance { gap } else { distance };
                }
            }
        }
        distance.is_infinite() || level > 0 && self.is_beyond(distance, reach)
    }
}
