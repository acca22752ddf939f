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
use crate::physics::registers::InstructionSet;

mod clip;
mod grid;
pub mod oracle;
mod polyhedron;
mod search;

use clip::{Plane, Start};
use grid::{Grid, Name, OUTLINE, WALL};
pub use polyhedron::{Face, Polyhedron, Thresholds};
pub use search::Workspace;
use search::{Around, NEAREST, shell};

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
    /// R² less the mean of the largest and the smallest: a constant added to all changes nothing.
    grid: Grid,
    /// Largest R² (length²).
    largest_square: f64,
    /// ℓ = (V/N)^(1/3).
    spacing: f64,
    /// Bound on the error of a plane's distance in single precision (length), and the distance below which it does not hold.
    margin: f64,
    near: f64,
    close_pairs: usize,
    /// A parallelepiped a little larger than that between a particle and its own images; walls are set for each particle.
    planes: [Plane; 6],
    names: [Name; 6],
    start: Start,
    instructions: InstructionSet,
    /// Tells this tessellation from others that a workspace has seen.
    stamp: u64,
}

/// Pairs nearer than this are refused, and counted (in terms of ℓ).
const COINCIDENT: f64 = 1e-9;
const CLOSE: f64 = 1e-6;

impl Tessellation {
    /// Sorts the particles and checks them.
    ///
    /// Errors: numbers of positions and radii that differ; positions and radii that are not finite; negative radii; particles at one place;
    /// particles outside walls.
    pub fn new(cell: &Cell, positions: &[Vector3<f64>], weights: Weights) -> Result<Self> {
        Self::with_instruction_set(cell, positions, weights, InstructionSet::preferred())
    }

    /// The same with the instruction set that finds the cells; they are the same on all.
    pub fn with_instruction_set(
        cell: &Cell,
        positions: &[Vector3<f64>],
        weights: Weights,
        instructions: InstructionSet,
    ) -> Result<Self> {
        static STAMPS: AtomicU64 = AtomicU64::new(1);
        let mut grid = Grid::new(cell, positions)?;
        weigh(&mut grid, weights)?;
        let spacing = (cell.volume() / positions.len().max(1) as f64).cbrt();
        let largest_square = grid
            .sites
            .iter()
            .fold(0.0, |largest, site| site[3].max(largest));
        // Single precision errs by 2⁻²⁴ of a coordinate in the block; four of them make a distance, and ∂p/∂d = 1/2 − (R_i² − R_j²)/2d².
        let extent: f64 = (0..3)
            .map(|axis| 2.0 * grid.edges.column(axis).norm() / grid.bins[axis] as f64)
            .sum();
        let error = 4e-7 * extent;
        let near = (0.1 * spacing).max(100.0 * error);
        let margin = error * (1.0 + 2.0 * largest_square / (near * near));
        let (planes, names) = outline(&grid);
        let mut tessellation = Tessellation {
            largest_square,
            spacing,
            margin,
            near,
            close_pairs: 0,
            planes,
            names,
            start: Start::new(planes),
            grid,
            instructions,
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
        if self.instructions.run(search::Cell {
            tessellation: self,
            place: self.grid.places[particle] as usize,
            workspace,
        }) {
            return Ok(workspace.polyhedron());
        }
        Err(Error::new(format!(
            "the Voronoi cell of particle {} in the order of ids has more than 256 faces or is too degenerate to be closed",
            particle + 1
        ))
        .help("are diameters and positions in the same unit?"))
    }

    /// The planes of the starting parallelepiped of a particle between walls.
    fn planes_between_walls(&self, place: usize) -> [Plane; 6] {
        let mut planes = self.planes;
        for axis in (0..3).filter(|&axis| !self.grid.periodic[axis]) {
            let height = self.grid.heights[axis];
            let fraction = self.grid.fractions[place][axis].clamp(0.0, 1.0);
            planes[2 * axis][3] = (1.0 - fraction) * height;
            planes[2 * axis + 1][3] = fraction * height;
        }
        planes
    }

    /// Volume of the cell (length³).
    pub fn volume(&self) -> f64 {
        self.grid.edges.determinant()
    }

    /// Hands out the planes d·r = c (d, c) around a particle shell by shell, each with its name, until none can reach what is left. `cut`
    /// returns how far that reaches (length), or nothing if nothing is left; so does this in the end.
    fn visit(&self, place: usize, mut cut: impl FnMut([f64; 3], f64, Name) -> Option<f64>) -> bool {
        let grid = &self.grid;
        let own = grid.sites[place];
        let mut reach = f64::INFINITY;
        let planes = match grid.periodic {
            [true, true, true] => self.planes,
            _ => self.planes_between_walls(place),
        };
        for (plane, name) in planes.iter().zip(&self.names) {
            let [x, y, z, offset] = *plane;
            match cut([x, y, z], offset, *name) {
                Some(left) => reach = left,
                None => return false,
            }
        }
        let around = Around::new(self, place, grid.bin_of(place));
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
                    let site = grid.sites[other];
                    let normal = [0, 1, 2].map(|k| site[k] + shift[k] - own[k]);
                    let square: f64 = normal.iter().map(|d| d * d).sum();
                    let offset = 0.5 * (square + own[3] - site[3]);
                    if offset >= reach * square.sqrt() {
                        continue;
                    }
                    match cut(normal, offset, grid.names[other].moved(image)) {
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
                .map(|k| (grid.sites[b][k] + shift[k] - grid.sites[a][k]).powi(2))
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
                within.min(1.0 - within) * grid.bin_heights[axis] <= counted
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

/// Gives the sites their R², less the middle of their range.
fn weigh(grid: &mut Grid, weights: Weights) -> Result<()> {
    let Weights::Radical(radii) = weights else {
        return Ok(());
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
    for (site, &particle) in grid.sites.iter_mut().zip(&grid.particles) {
        site[3] = radii[particle as usize].powi(2) - middle;
    }
    Ok(())
}

/// Planes a little beyond those to the images along each edge, or the walls there.
fn outline(grid: &Grid) -> ([Plane; 6], [Name; 6]) {
    let (mut planes, mut names) = ([Plane::default(); 6], [Name::default(); 6]);
    for at in 0..6 {
        let (axis, sign) = (at / 2, if at % 2 == 0 { 1 } else { -1 });
        let direction: Vector3<f64> = match grid.periodic[axis] {
            true => grid.edges.column(axis).into(),
            false => grid.normals[axis],
        };
        let [x, y, z] = (direction * f64::from(sign)).into();
        planes[at] = [x, y, z, 0.51 * direction.norm_squared()];
        names[at].image[axis] = sign;
        names[at].what = if grid.periodic[axis] { OUTLINE } else { WALL };
    }
    (planes, names)
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
