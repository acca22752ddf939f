//! The search for the planes that bound a cell: the particles in the bins around it, the nearest planes first.

use super::Tessellation;
use super::clip::{Clipper, Cut, Fast, General, Plane, Start};
use super::grid::{Grid, Name, OUTLINE, WALL};
use super::polyhedron::{Measure, Polyhedron};
use crate::physics::registers::{Eight, Four, Lanes, Registers, Work};

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
    /// Positions (length) and R² of so many.
    sites: Vec<[f64; 4]>,
    count: usize,
    /// Where they are in the grid, and in which of the bins, with the images of those.
    members: Vec<(u32, u32)>,
    images: Vec<[i32; 3]>,
}

/// x, y, z and R² of eight particles.
type Points = [[f32; 8]; 4];

/// Planes to be tried.
#[derive(Default)]
struct Candidates {
    /// For each the bits of its distance where the mask has ones, and where it has none, in the last ones, its place in the block. As distances
    /// are positive, words are in the order of the distances.
    sorted: Vec<u32>,
    mask: u32,
    /// The same before they are sorted, with room behind them.
    words: Vec<u32>,
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
    fn fill<R: Registers>(&mut self, registers: R, tessellation: &Tessellation, bin: [usize; 3]) {
        let grid = &tessellation.grid;
        let mut around = [[None; 3]; 3];
        for (axis, around) in around.iter_mut().enumerate() {
            for (steps, there) in (-1..).zip(around) {
                *there = grid.along(axis, bin[axis], steps);
            }
        }
        self.images.clear();
        let mut count = 0;
        for [i, j, k] in NEAREST.map(|steps| steps.map(|steps| (steps + 1) as usize)) {
            let (Some((a, x)), Some((b, y)), Some((c, z))) =
                (around[0][i], around[1][j], around[2][k])
            else {
                continue;
            };
            let [dx, dy, dz] = grid.translation([x, y, z]);
            let shift = registers.four([dx, dy, dz, 0.0]);
            let places = grid.places_in([a, b, c]);
            if self.sites.len() < count + places.len() + 8 {
                self.sites.resize(count + places.len() + 8, [f64::NAN; 4]);
                self.members.resize(count + places.len() + 8, (0, 0));
            }
            let first = places.start as u32;
            let rooms = self.sites[count..]
                .iter_mut()
                .zip(&mut self.members[count..]);
            for ((site, member), (from, place)) in
                rooms.zip(grid.sites[places.clone()].iter().zip(first..))
            {
                *site = (registers.four(*from) + shift).values();
                *member = (place, self.images.len() as u32);
            }
            count += places.len();
            self.images.push([x, y, z]);
        }
        self.count = count;
        self.sites[count..count + 8].fill([f64::NAN; 4]);
        let [x, y, z, _] = self.sites[0];
        let centre = registers.four([x, y, z, 0.0]);
        self.points.resize(count.div_ceil(8), [[0.0; 8]; 4]);
        for (points, sites) in self
            .points
            .iter_mut()
            .zip(self.sites.as_chunks::<4>().0.as_chunks::<2>().0)
        {
            for (half, sites) in sites.iter().enumerate() {
                let columns = R::Four::transposed([
                    registers.four(sites[0]) - centre,
                    registers.four(sites[1]) - centre,
                    registers.four(sites[2]) - centre,
                    registers.four(sites[3]) - centre,
                ]);
                points[0].as_chunks_mut::<4>().0[half] = columns[0].single();
                points[1].as_chunks_mut::<4>().0[half] = columns[1].single();
                points[2].as_chunks_mut::<4>().0[half] = columns[2].single();
                points[3].as_chunks_mut::<4>().0[half] = columns[3].single();
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
        self.mask = !0 << (usize::BITS - block.count.leading_zeros());
        if self.words.len() < 8 * block.points.len() + 80 {
            self.words.resize(8 * block.points.len() + 80, 0);
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
        self.sort(count);
    }

    /// Sorts the words, by counting for each those before it: for a few dozen of them faster than by comparing in turn.
    #[inline(always)]
    fn sort(&mut self, count: usize) {
        const MOST: usize = 64;
        let Some(words) = self
            .words
            .first_chunk_mut::<{ MOST + 8 }>()
            .filter(|_| count <= MOST)
        else {
            self.words.truncate(count);
            self.words.sort_unstable();
            std::mem::swap(&mut self.words, &mut self.sorted);
            return;
        };
        self.sorted.resize(count, 0);
        // Positive numbers without their signs.
        for word in &mut words[count..count + 8] {
            *word = i32::MAX as u32;
        }
        for eight in words[..count.next_multiple_of(8)].as_chunks::<8>().0 {
            let mut ranks = [0u32; 8];
            for word in &words[..count] {
                for lane in 0..8 {
                    ranks[lane] += u32::from((*word as i32) < eight[lane] as i32);
                }
            }
            for lane in 0..8 {
                if let Some(to) = self.sorted.get_mut(ranks[lane] as usize) {
                    *to = eight[lane];
                }
            }
        }
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
            workspace.block.fill(registers, tessellation, bin);
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
        };
        search.cell(fast, SLACKS[0], polyhedron, measure)
            || search.slowly(general, polyhedron, measure)
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
}

impl<R: Registers> Search<'_, R> {
    #[cold]
    #[inline(never)]
    fn slowly(
        &mut self,
        general: &mut General,
        polyhedron: &mut Polyhedron,
        measure: &mut Measure,
    ) -> bool {
        SLACKS
            .iter()
            .any(|&slack| self.cell(general, slack, polyhedron, measure))
    }

    /// Finds the cell with one of the clippers. Returns whether it could.
    #[inline(always)]
    fn cell(
        &mut self,
        clipper: &mut impl Clipper,
        slack: f64,
        polyhedron: &mut Polyhedron,
        measure: &mut Measure,
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
            Ok(square_reach) => self.cut_by_farther(clipper, square_reach),
            Err(cut) => cut,
        };
        match cut {
            Cut::Full => return false,
            Cut::Empty => {
                polyhedron.hide();
                return true;
            }
            Cut::Made | Cut::Missed => {}
        }
        if !clipper.finish(polyhedron, &mut measure.sides) {
            return false;
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
        polyhedron.measure(self.registers, measure, name) && is_closed
    }

    /// What is behind the plane with a tag: of the starting six, of a place of the block, or of one farther away.
    #[inline(always)]
    fn name(&self, tag: u32) -> Name {
        let tag = tag as usize;
        let first = self.tessellation.names.len();
        match self.tessellation.names.get(tag) {
            Some(name) => *name,
            None if tag - first < self.block.count => {
                let (place, bin) = self.block.members[tag - first];
                let name = self.tessellation.grid.names[place as usize];
                name.moved(self.block.images[bin as usize])
            }
            None => self.farther[tag - first - self.block.count],
        }
    }

    /// Cuts by the particles of the block, the nearest planes first. Returns how far the cell reaches (length²), or the cut that ended it.
    #[inline(always)]
    fn cut_by_block(&mut self, clipper: &mut impl Clipper) -> Result<f64, Cut> {
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
            for &word in &self.candidates.sorted {
                let at = (word & !mask) as usize;
                if at == own {
                    continue;
                }
                let (plane, _) = self.plane(&self.block.sites[at]);
                match clipper.cut(registers, &plane, first_tag + at as u32) {
                    Cut::Missed | Cut::Made => {}
                    cut => return Err(cut),
                }
            }
            let square_reach = clipper.square_reach(registers);
            let limit = widened(square_reach);
            let is_done = to >= limit;
            if is_first {
                *self.guess *= if is_done { 0.996 } else { 1.04 };
                is_first = false;
            }
            if is_done {
                return Ok(square_reach);
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

    /// Cuts a cell that reaches so far (length²) by particles beyond the block, shell by shell, until no more can reach it.
    #[inline(always)]
    fn cut_by_farther(&mut self, clipper: &mut impl Clipper, mut square_reach: f64) -> Cut {
        let tessellation = self.tessellation;
        let around = Around::new(tessellation, self.place, self.bin);
        let mut level = 2;
        while !around.is_complete(level, square_reach.sqrt()) {
            match self.cut_by_shell(clipper, &around, level, square_reach) {
                Ok(left) => square_reach = left,
                Err(cut) => return cut,
            }
            level += 1;
        }
        Cut::Made
    }

    #[inline(always)]
    fn cut_by_shell(
        &mut self,
        clipper: &mut impl Clipper,
        around: &Around,
        level: i64,
        mut square_reach: f64,
    ) -> Result<f64, Cut> {
        let (tessellation, registers) = (self.tessellation, self.registers);
        let grid = &tessellation.grid;
        for steps in around.shell(level, square_reach.sqrt()) {
            let Some((bin, image)) = grid.neighbour(self.bin, steps) else {
                continue;
            };
            let shift = grid.translation(image);
            for place in grid.places_in(bin) {
                let [x, y, z, power] = grid.sites[place];
                let site = [x + shift[0], y + shift[1], z + shift[2], power];
                let (plane, distance) = self.plane(&site);
                let offset = plane[3];
                if offset > 0.0 && offset * offset >= square_reach * distance {
                    continue;
                }
                let tag = tessellation.names.len() + self.block.count + self.farther.len();
                match clipper.cut(registers, &plane, tag as u32) {
                    Cut::Missed => {}
                    Cut::Made => {
                        self.farther.push(grid.names[place].moved(image));
                        square_reach = clipper.square_reach(registers);
                    }
                    cut => return Err(cut),
                }
            }
        }
        Ok(square_reach)
    }
}

/// How far the bins around a particle are.
pub(super) struct Around<'a> {
    grid: &'a Grid,
    pub bin: [usize; 3],
    /// Fractions of the bin below the particle.
    within: [f64; 3],
    /// How much larger the largest R² is than the particle's (length²).
    power: f64,
}

impl<'a> Around<'a> {
    #[inline(always)]
    pub fn new(tessellation: &'a Tessellation, place: usize, bin: [usize; 3]) -> Self {
        let grid = &tessellation.grid;
        Around {
            grid,
            bin,
            within: std::array::from_fn(|axis| {
                grid.fractions[place][axis] * grid.bins[axis] as f64 - bin[axis] as f64
            }),
            power: tessellation.largest_square - grid.sites[place][3],
        }
    }

    /// Distance along an axis to the bins `steps` away (length).
    #[inline(always)]
    fn gap(&self, axis: usize, steps: i64) -> f64 {
        let bins = match steps {
            0 => 0.0,
            1.. => steps as f64 - self.within[axis],
            _ => self.within[axis] - (steps + 1) as f64,
        };
        bins * self.grid.bin_heights[axis]
    }

    /// Whether no plane of a particle at this distance or beyond can be nearer than `reach`.
    #[inline(always)]
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
    #[inline(always)]
    pub fn is_complete(&self, level: i64, reach: f64) -> bool {
        let mut distance = f64::INFINITY;
        for axis in 0..3 {
            for steps in [-level, level] {
                let gap = self.gap(axis, steps);
                if gap < distance && self.grid.along(axis, self.bin[axis], steps).is_some() {
                    distance = gap;
                }
            }
        }
        distance.is_infinite() || level > 0 && self.is_beyond(distance, reach)
    }
}
