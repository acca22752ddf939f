//! Voronoi cells, plain and radical (power, Laguerre), of particles in periodic cells and between walls.
//!
//! The cell of particle i holds the points r with |r − r_i|² − R_i² ≤ |r − r_j|² − R_j² for all particles and periodic images j; R is 0 in
//! the plain tessellation, and the particle's radius in the radical one (Gellatly and Finney, J. Non-Cryst. Solids 50, 313 (1982),
//! doi:10.1016/0022-3093(82)90093-X). With d = r_j − r_i the face towards j lies in the plane d·r = c, c = (d² + R_i² − R_j²)/2, relative to r_i.
//!
//! Degenerate input. Lengths are in terms of ℓ = (V/N)^(1/3). Particles nearer to each other than 10⁻⁹ ℓ are refused; those nearer than
//! 10⁻⁶ ℓ are counted. A plane cuts only vertices with d·r > c + 10⁻¹² d², so that in perfect crystals the faces are those of the ideal
//! cell; vertices where more than three of them meet are several vertices at one place. A radical cell that is covered by others is hidden.

use std::sync::atomic::{AtomicU64, Ordering};

use nalgebra::Vector3;

use crate::data::cell::Cell;
use crate::error::{Error, Result};

mod clip;
mod grid;
pub mod oracle;
mod polyhedron;

use clip::{Bits, Clipper, Cut, Fast, General, Label, OUTLINE, Plane, Start, WALL};
use grid::Grid;
pub use polyhedron::{Face, Polyhedron, Thresholds};

/// What decides where between two particles the face is.
#[derive(Clone, Copy, Debug)]
pub enum Weights<'a> {
    /// Half-way.
    Plain,
    /// In the radical plane of spheres of these radii (length, one a particle).
    Radical(&'a [f64]),
}

/// Particles in a cell, ready to be asked for their Voronoi cells.
pub struct Tessellation {
    grid: Grid,
    /// R² − mean of the largest and smallest R² (length²), in the order of the grid: a constant added to all changes nothing.
    squares: Vec<f64>,
    /// Largest of these.
    largest_square: f64,
    /// ℓ = (V/N)^(1/3).
    spacing: f64,
    /// Bound on the error of a plane's distance in single precision (length), and the distance below which it does not hold.
    margin: f64,
    near: f64,
    close_pairs: usize,
    /// A parallelepiped a little larger than that between a particle and its own images; walls are set for each particle.
    planes: [Plane; 6],
    labels: [Label; 6],
    start: Start,
    /// Tells this tessellation from others that a workspace has seen.
    stamp: u64,
}

/// Buffers for cells, to be used again for the next.
#[derive(Default)]
pub struct Workspace {
    stamp: u64,
    bin: [usize; 3],
    block: Block,
    candidates: Vec<u64>,
    /// Distance up to which planes are sorted at first: a little more than cells have reached so far.
    guess: f32,
    fast: Fast,
    general: General,
    polyhedron: Polyhedron,
}

/// The particles of 3 × 3 × 3 bins.
#[derive(Default)]
struct Block {
    /// Positions relative to the first of them, and R²: in single precision, padded with NaN.
    points: Vec<Points>,
    /// What they are: the place in the grid and the bin.
    members: Vec<(u32, u32)>,
    /// The bins' images and their translations (length).
    images: Vec<([i32; 3], [f64; 3])>,
    /// Buffers of the selection.
    distances: Distances,
}

const WIDTH: usize = 64;

/// d², 4p²d² with the sign of p, and whether the plane may be near enough, of so many particles.
struct Distances {
    squares: [f32; WIDTH],
    numerators: [f32; WIDTH],
    is_near: [u8; WIDTH],
}

impl Default for Distances {
    fn default() -> Self {
        Distances {
            squares: [0.0; WIDTH],
            numerators: [0.0; WIDTH],
            is_near: [0; WIDTH],
        }
    }
}

/// x, y, z and R² of 64 particles.
type Points = [[f32; WIDTH]; 4];

/// Pairs nearer than this are refused, and counted (in terms of ℓ).
const COINCIDENT: f64 = 1e-9;
const CLOSE: f64 = 1e-6;

/// Slacks tried one after the other: what one leaves inconsistent, in clusters of vertices that are nearly at one place, the next does not.
const SLACKS: [f64; 4] = [1e-12, 1e-10, 0.0, 1e-8];

impl Tessellation {
    /// Sorts the particles and checks them.
    ///
    /// Errors: numbers of positions and radii that differ; positions and radii that are not finite; negative radii; particles at one place;
    /// particles outside walls.
    pub fn new(cell: &Cell, positions: &[Vector3<f64>], weights: Weights) -> Result<Self> {
        static STAMPS: AtomicU64 = AtomicU64::new(1);
        let grid = Grid::new(cell, positions)?;
        let squares = squares(&grid, weights)?;
        let spacing = (cell.volume() / positions.len().max(1) as f64).cbrt();
        let largest_square = squares.iter().copied().fold(0.0, f64::max);
        // Single precision errs by 2⁻²⁴ of a coordinate in the block; four of them make a distance, and ∂p/∂d = 1/2 − (R_i² − R_j²)/2d².
        let extent: f64 = (0..3)
            .map(|axis| 2.0 * grid.edges.column(axis).norm() / grid.bins[axis] as f64)
            .sum();
        let error = 4e-7 * extent;
        let near = (0.1 * spacing).max(100.0 * error);
        let margin = error * (1.0 + 2.0 * largest_square / (near * near));
        let (planes, labels) = outline(&grid);
        let mut tessellation = Tessellation {
            squares,
            largest_square,
            spacing,
            margin,
            near,
            close_pairs: 0,
            planes,
            labels,
            start: Start::new(planes),
            grid,
            stamp: STAMPS.fetch_add(1, Ordering::Relaxed),
        };
        tessellation.close_pairs = tessellation.count_close_pairs()?;
        Ok(tessellation)
    }

    /// Number of particles.
    pub fn len(&self) -> usize {
        self.grid.particles.len()
    }

    /// Whether there is no particle.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of pairs nearer to each other than 10⁻⁶ (V/N)^(1/3).
    pub fn close_pairs(&self) -> usize {
        self.close_pairs
    }

    /// The particles in the order in which their cells are found fastest.
    pub fn order(&self) -> &[u32] {
        &self.grid.particles
    }

    /// The cell of one particle. Errors: a cell of more than 256 faces, or one that could not be closed.
    pub fn cell<'w>(
        &self,
        particle: usize,
        workspace: &'w mut Workspace,
    ) -> Result<&'w Polyhedron> {
        let place = self.grid.places[particle] as usize;
        let bin = self.grid.bin_of(place);
        if workspace.stamp != self.stamp || workspace.bin != bin {
            if workspace.stamp != self.stamp {
                workspace.guess = self.spacing as f32;
            }
            self.fill(&mut workspace.block, bin);
            (workspace.stamp, workspace.bin) = (self.stamp, bin);
        }
        let Workspace {
            block,
            candidates,
            guess,
            fast,
            general,
            polyhedron,
            ..
        } = workspace;
        let mut search = Search {
            tessellation: self,
            place,
            bin,
            block,
            candidates,
            guess,
        };
        if search.cell(fast, SLACKS[0], polyhedron)
            || SLACKS
                .iter()
                .any(|&slack| search.cell(general, slack, polyhedron))
        {
            return Ok(polyhedron);
        }
        Err(Error::new(format!(
            "the Voronoi cell of particle {} in the order of ids has more than 256 faces or is too degenerate to be closed",
            particle + 1
        ))
        .help("are diameters and positions in the same unit?"))
    }

    /// The 3 × 3 × 3 bins around a bin, that one first.
    fn fill(&self, block: &mut Block, bin: [usize; 3]) {
        let grid = &self.grid;
        block.members.clear();
        block.images.clear();
        let centre = grid.positions[grid.places_in(bin).start];
        let mut count = 0;
        for steps in NEAREST {
            let Some((bin, image)) = grid.neighbour(bin, steps) else {
                continue;
            };
            let shift = grid.translation(image);
            let relative: [f64; 3] = std::array::from_fn(|k| shift[k] - centre[k]);
            let places = grid.places_in(bin);
            while block.points.len() * WIDTH < count + places.len() {
                block.points.push([[f32::NAN; WIDTH]; 4]);
            }
            let members = places.clone().zip(&grid.positions[places.clone()]);
            for ((place, position), square) in members.zip(&self.squares[places]) {
                let (points, lane) = (&mut block.points[count / WIDTH], count % WIDTH);
                points[0][lane] = (position[0] + relative[0]) as f32;
                points[1][lane] = (position[1] + relative[1]) as f32;
                points[2][lane] = (position[2] + relative[2]) as f32;
                points[3][lane] = *square as f32;
                block
                    .members
                    .push((place as u32, block.images.len() as u32));
                count += 1;
            }
            block.images.push((image, shift));
        }
        block.points.truncate(count.div_ceil(WIDTH));
        if let Some(last) = block.points.last_mut() {
            for lanes in last {
                lanes[(count - 1) % WIDTH + 1..].fill(f32::NAN);
            }
        }
    }

    /// The planes of the starting parallelepiped of a particle between walls.
    fn planes_between_walls(&self, place: usize) -> [Plane; 6] {
        let mut planes = self.planes;
        for axis in (0..3).filter(|&axis| !self.grid.periodic[axis]) {
            let height = self.grid.heights[axis];
            let fraction = self.grid.fractions[place][axis].clamp(0.0, 1.0);
            planes[2 * axis].offset = (1.0 - fraction) * height;
            planes[2 * axis + 1].offset = fraction * height;
        }
        planes
    }

    /// Volume of the cell (length³).
    pub fn volume(&self) -> f64 {
        self.grid.edges.determinant()
    }

    /// Hands out the planes d·r = c (d, c) around a particle shell by shell, each with its label, until none can reach what is left. `cut`
    /// returns how far that reaches (length), or nothing if nothing is left; so does this in the end.
    fn visit(
        &self,
        place: usize,
        mut cut: impl FnMut([f64; 3], f64, Label) -> Option<f64>,
    ) -> bool {
        let grid = &self.grid;
        let own = grid.positions[place];
        let mut reach = f64::INFINITY;
        let planes = match grid.periodic {
            [true, true, true] => self.planes,
            _ => self.planes_between_walls(place),
        };
        for (plane, label) in planes.iter().zip(&self.labels) {
            match cut(plane.normal, plane.offset, *label) {
                Some(left) => reach = left,
                None => return false,
            }
        }
        let around = Around::new(self, place);
        for level in 0.. {
            if around.is_complete(level, reach) {
                break;
            }
            for steps in shell(level) {
                let Some((bin, image)) = grid.neighbour(around.bin, steps) else {
                    continue;
                };
                let shift = grid.translation(image);
                for other in grid
                    .places_in(bin)
                    .filter(|&other| other != place || image != [0; 3])
                {
                    let normal = [0, 1, 2].map(|k| grid.positions[other][k] + shift[k] - own[k]);
                    let square: f64 = normal.iter().map(|d| d * d).sum();
                    let offset = 0.5 * (square + self.squares[place] - self.squares[other]);
                    if offset >= reach * square.sqrt() {
                        continue;
                    }
                    let label = Label {
                        place: other as u32,
                        image,
                    };
                    match cut(normal, offset, label) {
                        Some(left) => reach = left,
                        None => return false,
                    }
                }
            }
        }
        true
    }

    fn count_close_pairs(&self) -> Result<usize> {
        let grid = &self.grid;
        let (refused, counted) = (COINCIDENT * self.spacing, CLOSE * self.spacing);
        let mut pairs = 0;
        let mut compare = |a: usize, b: usize, shift: [f64; 3]| -> Result<()> {
            let square: f64 = (0..3)
                .map(|k| (grid.positions[b][k] + shift[k] - grid.positions[a][k]).powi(2))
                .sum();
            if square < refused * refused {
                let mut both = [grid.particles[a] + 1, grid.particles[b] + 1];
                both.sort_unstable();
                return Err(Error::new(format!(
                    "particles {} and {} in the order of ids are at the same place",
                    both[0], both[1]
                ))
                .help("the Voronoi cells of such particles are not defined: remove one of them"));
            }
            pairs += usize::from(square < counted * counted);
            Ok(())
        };
        for place in 0..self.len() {
            let bin = grid.bin_of(place);
            for other in place + 1..grid.places_in(bin).end {
                compare(place, other, [0.0; 3])?;
            }
            // Other bins matter to those near the border of their own.
            let is_near_border = (0..3).any(|axis| {
                let within = (grid.fractions[place][axis] * grid.bins[axis] as f64).fract();
                let height = grid.heights[axis] / grid.bins[axis] as f64;
                within.min(1.0 - within) * height <= counted
            });
            if is_near_border {
                for (other, image) in NEAREST[1..]
                    .iter()
                    .filter_map(|&steps| grid.neighbour(bin, steps))
                {
                    let shift = grid.translation(image);
                    // Each pair once; a particle and its own images are a lattice vector apart.
                    for other in grid.places_in(other).filter(|&other| other > place) {
                        compare(place, other, shift)?;
                    }
                }
            }
        }
        Ok(pairs)
    }
}

/// The steps to a bin itself, and to the 26 around it.
const NEAREST: [[i64; 3]; 27] = {
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
fn shell(level: i64) -> impl Iterator<Item = [i64; 3]> {
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

/// R² less the middle of their range, in the order of the grid.
fn squares(grid: &Grid, weights: Weights) -> Result<Vec<f64>> {
    let Weights::Radical(radii) = weights else {
        return Ok(vec![0.0; grid.particles.len()]);
    };
    if radii.len() != grid.particles.len() {
        return Err(Error::new(format!(
            "{} radii for {} particles",
            radii.len(),
            grid.particles.len()
        )));
    }
    if let Some(at) = radii
        .iter()
        .position(|radius| !(radius.is_finite() && *radius >= 0.0))
    {
        return Err(Error::new(format!(
            "the radius of particle {} in the order of ids is {}",
            at + 1,
            radii[at]
        ))
        .help("the radical tessellation needs radii that are zero or positive"));
    }
    let low = radii.iter().copied().fold(f64::INFINITY, f64::min);
    let high = radii.iter().copied().fold(0.0, f64::max);
    let middle = 0.5 * (low * low + high * high);
    let square = |&particle: &u32| radii[particle as usize].powi(2) - middle;
    Ok(grid.particles.iter().map(square).collect())
}

/// Planes a little beyond those to the images along each edge, or the walls there.
fn outline(grid: &Grid) -> ([Plane; 6], [Label; 6]) {
    let (mut planes, mut labels) = ([Plane::default(); 6], [Label::default(); 6]);
    for at in 0..6 {
        let (axis, sign) = (at / 2, if at % 2 == 0 { 1 } else { -1 });
        let direction: Vector3<f64> = match grid.periodic[axis] {
            true => grid.edges.column(axis).into(),
            false => grid.normals[axis],
        };
        planes[at] = Plane {
            normal: (direction * f64::from(sign)).into(),
            offset: 0.51 * direction.norm_squared(),
        };
        labels[at].image[axis] = sign;
        labels[at].place = if grid.periodic[axis] { OUTLINE } else { WALL };
    }
    (planes, labels)
}

/// The search for the neighbours of one particle.
struct Search<'a> {
    tessellation: &'a Tessellation,
    place: usize,
    bin: [usize; 3],
    block: &'a mut Block,
    candidates: &'a mut Vec<u64>,
    guess: &'a mut f32,
}

impl Search<'_> {
    /// Finds the cell with one of the clippers. Returns whether it could.
    fn cell(
        &mut self,
        clipper: &mut impl Clipper,
        slack: f64,
        polyhedron: &mut Polyhedron,
    ) -> bool {
        let tessellation = self.tessellation;
        let grid = &tessellation.grid;
        let labels = &tessellation.labels;
        match grid.periodic {
            [true, true, true] => clipper.start(&tessellation.start, labels, slack),
            _ => {
                let start = Start::new(tessellation.planes_between_walls(self.place));
                clipper.start(&start, labels, slack);
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
        let name = |label: Label| match label.place {
            WALL => (None, label.image),
            OUTLINE => {
                is_closed = false;
                (None, label.image)
            }
            place => {
                let place = place as usize;
                let image = grid.image(self.place, place, label.image);
                (Some(grid.particles[place]), image)
            }
        };
        clipper.finish(polyhedron, name) && is_closed && polyhedron.measure()
    }

    /// Cuts by the particles of the block, the nearest planes first.
    fn cut_by_block(&mut self, clipper: &mut impl Clipper) -> Cut {
        let tessellation = self.tessellation;
        let own = self.place - tessellation.grid.places_in(self.bin).start;
        let margin = tessellation.margin as f32;
        // All distances are squared and doubled, 4p²: (2p + 2·margin)² ≤ 4p² (1 + ε) + 4·margin² (1 + 1/ε).
        const EPSILON: f32 = 1e-3;
        let spare = 4.0 * margin * margin * (1.0 + 1.0 / EPSILON);
        let widened = |square: f64| 4.0 * square as f32 * (1.0 + EPSILON) + spare;
        let mut limit = widened(clipper.square_reach());
        let mut from = -1.0;
        let mut to = 4.0 * *self.guess * *self.guess;
        let mut is_first = true;
        const FEW: usize = 10;
        let mut made = 0;
        loop {
            self.sort_planes(own, from, to);
            for &candidate in self.candidates.iter() {
                if f32::from_bits((candidate >> 32) as u32) > limit {
                    break;
                }
                let at = (candidate & 0xffff_ffff) as usize;
                if at == own {
                    continue;
                }
                let (place, bin) = self.block.members[at];
                let (image, shift) = self.block.images[bin as usize];
                let place = place as usize;
                let position =
                    std::array::from_fn(|k| tessellation.grid.positions[place][k] + shift[k]);
                let label = Label {
                    place: place as u32,
                    image,
                };
                let (plane, _) = self.plane(position, tessellation.squares[place]);
                match clipper.cut(&plane, label) {
                    Cut::Missed => {}
                    Cut::Made => {
                        made += 1;
                        // Hardly any cell has fewer faces: before, it is not worth looking.
                        if made >= FEW {
                            limit = widened(clipper.square_reach());
                        }
                    }
                    cut => return cut,
                }
            }
            limit = widened(clipper.square_reach());
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

    /// The particles of the block whose planes are between two distances, the nearest first: the bits of the distance and the place in the
    /// block in one word.
    fn sort_planes(&mut self, own: usize, from: f32, to: f32) {
        let Block {
            points, distances, ..
        } = &mut *self.block;
        let own = points[own / WIDTH].map(|lanes| lanes[own % WIDTH]);
        let near = (self.tessellation.near * self.tessellation.near) as f32;
        self.candidates.clear();
        for (chunk, points) in points.iter().enumerate() {
            measure(points, own, near, to, distances);
            let mut wanted = 0;
            for (at, bytes) in distances.is_near.chunks_exact(8).enumerate() {
                // The eight bytes, 0 or 1, become eight bits.
                let bytes = bytes
                    .iter()
                    .rev()
                    .fold(0, |word, &byte| word << 8 | u64::from(byte));
                wanted |= (bytes.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * at);
            }
            for lane in Bits(wanted) {
                let square = distances.squares[lane];
                let is_close = square < near;
                let quotient = distances.numerators[lane] / square;
                let key = if (quotient > 0.0) & !is_close {
                    quotient
                } else {
                    0.0
                };
                if key > from {
                    let at = (WIDTH * chunk + lane) as u64;
                    self.candidates.push(u64::from(key.to_bits()) << 32 | at);
                }
            }
        }
        sort(self.candidates);
    }

    /// The plane towards a particle, and its squared distance (length²).
    fn plane(&self, position: [f64; 3], square: f64) -> (Plane, f64) {
        let tessellation = self.tessellation;
        let own = tessellation.grid.positions[self.place];
        let normal: [f64; 3] = std::array::from_fn(|k| position[k] - own[k]);
        let distance = normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2];
        let offset = 0.5 * (distance + tessellation.squares[self.place] - square);
        (Plane { normal, offset }, distance)
    }

    /// Cuts by particles beyond the block, shell by shell, until no more can reach the cell.
    fn cut_by_farther(&self, clipper: &mut impl Clipper) -> Cut {
        let tessellation = self.tessellation;
        let grid = &tessellation.grid;
        let around = Around::new(tessellation, self.place);
        for level in 2.. {
            let reach = clipper.square_reach().sqrt();
            if around.is_complete(level, reach) {
                break;
            }
            for steps in around.shell(level, reach) {
                let Some((bin, image)) = grid.neighbour(self.bin, steps) else {
                    continue;
                };
                let shift = grid.translation(image);
                for place in grid.places_in(bin) {
                    let position = std::array::from_fn(|k| grid.positions[place][k] + shift[k]);
                    let (plane, distance) = self.plane(position, tessellation.squares[place]);
                    let square = plane.offset * plane.offset;
                    if plane.offset > 0.0 && square >= clipper.square_reach() * distance {
                        continue;
                    }
                    let label = Label {
                        place: place as u32,
                        image,
                    };
                    match clipper.cut(&plane, label) {
                        Cut::Missed | Cut::Made => {}
                        cut => return cut,
                    }
                }
            }
        }
        Cut::Made
    }
}

/// How far the bins around a particle are.
struct Around<'a> {
    grid: &'a Grid,
    bin: [usize; 3],
    /// Fractions of the bin below the particle, and heights of bins (length).
    within: [f64; 3],
    height: [f64; 3],
    /// How much larger the largest R² is than the particle's (length²).
    power: f64,
}

impl<'a> Around<'a> {
    fn new(tessellation: &'a Tessellation, place: usize) -> Self {
        let grid = &tessellation.grid;
        let bin = grid.bin_of(place);
        Around {
            grid,
            bin,
            within: std::array::from_fn(|axis| {
                grid.fractions[place][axis] * grid.bins[axis] as f64 - bin[axis] as f64
            }),
            height: std::array::from_fn(|axis| grid.heights[axis] / grid.bins[axis] as f64),
            power: tessellation.largest_square - tessellation.squares[place],
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
    fn shell(&self, level: i64, reach: f64) -> impl Iterator<Item = [i64; 3]> + use<> {
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
    fn is_complete(&self, level: i64, reach: f64) -> bool {
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

/// That volumes add up to that of the cell, to 10⁻¹⁰.
pub fn fills(cell: f64, sum: f64) -> Result<()> {
    if (sum - cell).abs() <= 1e-10 * cell {
        return Ok(());
    }
    Err(Error::new(format!(
        "the Voronoi cells have a volume of {sum}, but the cell {cell}"
    ))
    .help("this is a fault of the tessellator: please report it with the input"))
}

/// Measures distances from a particle; planes count whose 4p² is at most `to`, and those of particles with d² below `near`. On its own, so
/// that the compiler knows the arrays apart and uses wide registers.
#[inline(never)]
fn measure(points: &Points, own: [f32; 4], near: f32, to: f32, distances: &mut Distances) {
    let [xs, ys, zs, powers] = points;
    for lane in 0..WIDTH {
        let (x, y, z) = (xs[lane] - own[0], ys[lane] - own[1], zs[lane] - own[2]);
        let square = x * x + y * y + z * z;
        let sum = square + (own[3] - powers[lane]);
        let signed = sum * sum.abs();
        distances.squares[lane] = square;
        distances.numerators[lane] = signed;
        distances.is_near[lane] = u8::from((signed <= to * square) | (square < near));
    }
}

/// Sorts words that differ, by counting for each those before it: for a few dozen of them faster than by comparing in turn.
fn sort(words: &mut Vec<u64>) {
    const MOST: usize = 64;
    let count = words.len();
    if count > MOST {
        return words.sort_unstable();
    }
    // The upper halves, with the last bits replaced by the place in the list: positive, and different.
    let mut keys = [i32::MAX; MOST];
    let padded = count.next_multiple_of(8);
    for (at, (key, word)) in keys[..padded].iter_mut().zip(&*words).enumerate() {
        *key = ((word >> 32) as i32 & !(MOST as i32 - 1)) | at as i32;
    }
    let mut sorted = [0; MOST];
    for at in 0..count {
        let mut before = [0i32; 8];
        for chunk in keys[..padded].chunks_exact(8) {
            for lane in 0..8 {
                before[lane] -= -i32::from(chunk[lane] < keys[at]);
            }
        }
        sorted[before.iter().sum::<i32>() as usize % MOST] = words[at];
    }
    words.copy_from_slice(&sorted[..count]);
}

/// Volumes of all cells (length³), in the order of the particles.
pub fn volumes(cell: &Cell, positions: &[Vector3<f64>], weights: Weights) -> Result<Vec<f64>> {
    let tessellation = Tessellation::new(cell, positions, weights)?;
    let mut workspace = Workspace::default();
    let mut volumes = vec![0.0; positions.len()];
    for &particle in tessellation.order() {
        let particle = particle as usize;
        volumes[particle] = tessellation.cell(particle, &mut workspace)?.volume();
    }
    Ok(volumes)
}
