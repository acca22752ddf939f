//! Particles of a periodic cell sorted into bins.

use nalgebra::{Matrix3, Vector3};

use crate::data::cell::Cell;
use crate::error::{Error, Result};

/// The cell with short edges, and its particles sorted into bins of about six along those.
pub struct Grid {
    /// The reduced edges H′ = H U as columns (length).
    pub edges: Matrix3<f64>,
    /// U: an image n′ of the reduced lattice is U n′ of the given one.
    change: Matrix3<f64>,
    /// Whether that is the identity.
    is_reduced: bool,
    pub periodic: [bool; 3],
    /// Unit normals of the faces of the reduced cell, pointing up along its edges.
    pub normals: [Vector3<f64>; 3],
    /// Distances between its opposite faces (length).
    pub heights: [f64; 3],
    pub bins: [usize; 3],
    /// Those of a bin (length).
    pub bin_heights: [f64; 3],
    /// Where each bin's particles begin.
    starts: Vec<u32>,
    /// In the order of bins: the particles, their wrapped positions (length) with R² (length²), fractions of the edges, and names.
    pub particles: Vec<u32>,
    pub sites: Vec<[f64; 4]>,
    pub fractions: Vec<[f64; 3]>,
    pub names: Vec<Name>,
    /// Place of each particle in that order.
    pub places: Vec<u32>,
}

/// What is on the other side of a face.
#[derive(Clone, Copy, Debug, Default)]
pub struct Name {
    /// The particle, [`WALL`] or [`OUTLINE`].
    pub what: u32,
    /// The image in the reduced lattice of the particle's given position, or the side of a wall.
    pub image: [i32; 3],
}

/// The walls of the simulation cell.
pub const WALL: u32 = u32::MAX;
/// The starting planes, of which nothing may be left.
pub const OUTLINE: u32 = u32::MAX - 1;

impl Name {
    /// The same so many images away.
    #[inline(always)]
    pub fn moved(self, by: [i32; 3]) -> Self {
        let [x, y, z] = self.image;
        Name {
            what: self.what,
            image: [x + by[0], y + by[1], z + by[2]],
        }
    }
}

/// Particles a bin.
const OCCUPANCY: f64 = 6.0;

/// How far outside a wall a particle may be, in terms of the distance between the walls: round-off of whoever wrote the position.
const OUTSIDE: f64 = 1e-9;

impl Grid {
    /// Sorts particles into bins; R² is left zero. Errors: positions that are not finite or outside a wall.
    pub fn new(cell: &Cell, positions: &[Vector3<f64>]) -> Result<Self> {
        let periodic = cell.periodic();
        let (edges, change) = reduced(cell.matrix(), periodic);
        let inverse = edges
            .try_inverse()
            .ok_or_else(|| Error::new("the edges of the cell lie in a plane"))?;
        let volume = edges.determinant();
        let column = |axis: usize| -> Vector3<f64> { edges.column(axis % 3).into() };
        let across = [0, 1, 2].map(|axis| column(axis + 1).cross(&column(axis + 2)));
        let normals = across.map(|normal| normal.normalize());
        let heights = across.map(|normal| volume / normal.norm());
        let bins = bins(heights, positions.len());

        let mut fractions = Vec::with_capacity(positions.len());
        let mut images = Vec::with_capacity(positions.len());
        let mut keys = Vec::with_capacity(positions.len());
        let count = bins[0] * bins[1] * bins[2];
        let mut starts = vec![0u32; count + 1];
        for (at, position) in positions.iter().enumerate() {
            let mut fraction: [f64; 3] = (inverse * (position - cell.origin())).into();
            let mut image = [0; 3];
            let mut bin = [0; 3];
            for axis in 0..3 {
                if !fraction[axis].is_finite() {
                    return Err(Error::new(format!(
                        "the position of particle {} in the order of ids is not finite",
                        at + 1
                    ))
                    .help("correct this frame"));
                }
                if periodic[axis] {
                    let floor = fraction[axis].floor();
                    if floor.abs() > f64::from(i32::MAX / 4) {
                        return Err(Error::new(format!(
                            "particle {} in the order of ids is {floor:e} cells away from the cell",
                            at + 1
                        ))
                        .help("correct this frame"));
                    }
                    image[axis] = floor as i32;
                    fraction[axis] -= floor;
                } else if !(-OUTSIDE..=1.0 + OUTSIDE).contains(&fraction[axis]) {
                    return Err(Error::new(format!(
                        "particle {} in the order of ids lies outside the cell along an edge that is not periodic",
                        at + 1
                    ))
                    .help("give a cell that holds all particles, with --cell"));
                }
                bin[axis] = ((fraction[axis] * bins[axis] as f64) as usize).min(bins[axis] - 1);
            }
            let key = (bin[2] * bins[1] + bin[1]) * bins[0] + bin[0];
            starts[key + 1] += 1;
            keys.push(key as u32);
            fractions.push(fraction);
            images.push(image);
        }
        for bin in 0..count {
            starts[bin + 1] += starts[bin];
        }
        let mut next = starts.clone();
        let mut particles = vec![0u32; positions.len()];
        let mut places = Vec::with_capacity(positions.len());
        for (particle, &key) in keys.iter().enumerate() {
            let place = &mut next[key as usize];
            particles[*place as usize] = particle as u32;
            places.push(*place);
            *place += 1;
        }
        let sorted = |at: &u32| *at as usize;
        let site = |at: usize| {
            let image = Vector3::from(images[at].map(f64::from));
            let wrapped = positions[at] - cell.origin() - edges * image;
            [wrapped.x, wrapped.y, wrapped.z, 0.0]
        };
        let name = |at: &u32| Name {
            what: *at,
            image: images[sorted(at)].map(|taken_off| -taken_off),
        };
        Ok(Grid {
            edges,
            is_reduced: change == Matrix3::identity(),
            change,
            periodic,
            normals,
            heights,
            bins,
            bin_heights: std::array::from_fn(|axis| heights[axis] / bins[axis] as f64),
            starts,
            sites: particles.iter().map(|at| site(sorted(at))).collect(),
            fractions: particles.iter().map(|at| fractions[sorted(at)]).collect(),
            names: particles.iter().map(name).collect(),
            particles,
            places,
        })
    }

    /// The bin at a place of the order, along each edge.
    pub fn bin_of(&self, place: usize) -> [usize; 3] {
        std::array::from_fn(|axis| {
            ((self.fractions[place][axis] * self.bins[axis] as f64) as usize)
                .min(self.bins[axis] - 1)
        })
    }

    /// The places of a bin's particles.
    pub fn places_in(&self, bin: [usize; 3]) -> std::ops::Range<usize> {
        let key = (bin[2] * self.bins[1] + bin[1]) * self.bins[0] + bin[0];
        self.starts[key] as usize..self.starts[key + 1] as usize
    }

    /// The bin `steps` away from another, with the image that it is in; `None` beyond a wall.
    pub fn neighbour(&self, bin: [usize; 3], steps: [i64; 3]) -> Option<([usize; 3], [i32; 3])> {
        let (mut found, mut image) = ([0; 3], [0; 3]);
        for axis in 0..3 {
            (found[axis], image[axis]) = self.along(axis, bin[axis], steps[axis])?;
        }
        Some((found, image))
    }

    /// The same along one edge.
    pub fn along(&self, axis: usize, bin: usize, steps: i64) -> Option<(usize, i32)> {
        let bins = self.bins[axis] as i64;
        let at = bin as i64 + steps;
        if (0..bins).contains(&at) {
            return Some((at as usize, 0));
        }
        let wrapped = (at.rem_euclid(bins) as usize, at.div_euclid(bins) as i32);
        self.periodic[axis].then_some(wrapped)
    }

    /// H′ n′ (length).
    pub fn translation(&self, image: [i32; 3]) -> [f64; 3] {
        if image == [0; 3] {
            return [0.0; 3];
        }
        (self.edges * Vector3::from(image.map(f64::from))).into()
    }

    /// The image n of the given lattice in which what has this name is seen from the particle at a place, both at the positions as they were
    /// given.
    #[inline(always)]
    pub fn image(&self, from: usize, name: Name) -> [i32; 3] {
        let [x, y, z] = self.names[from].image;
        let image = name.moved([-x, -y, -z]).image;
        match self.is_reduced {
            true => image,
            false => self.unreduced(image),
        }
    }

    #[cold]
    fn unreduced(&self, image: [i32; 3]) -> [i32; 3] {
        // Whole numbers.
        let image = self.change * Vector3::from(image.map(f64::from));
        [image.x as i32, image.y as i32, image.z as i32]
    }
}

/// Numbers of bins along the edges, as near to cubes of six particles as the cell allows.
fn bins(heights: [f64; 3], particles: usize) -> [usize; 3] {
    let wanted = (particles as f64 / OCCUPANCY).max(1.0);
    let mut is_single = [false; 3];
    loop {
        let divided: Vec<f64> = (0..3)
            .filter(|&axis| !is_single[axis])
            .map(|axis| heights[axis])
            .collect();
        let edge = (divided.iter().product::<f64>() / wanted).powf(1.0 / divided.len() as f64);
        let thin = (0..3).find(|&axis| !is_single[axis] && heights[axis] < 0.75 * edge);
        match thin {
            Some(axis) if divided.len() > 1 => is_single[axis] = true,
            _ => {
                return std::array::from_fn(|axis| match is_single[axis] {
                    true => 1,
                    false => ((heights[axis] / edge).round() as usize).max(1),
                });
            }
        }
    }
}

/// Edges that span the same lattice and are about as short as can be, with the whole numbers U in H′ = H U, det U = 1. To an edge only periodic
/// ones are added: that moves no wall.
fn reduced(edges: &Matrix3<f64>, periodic: [bool; 3]) -> (Matrix3<f64>, Matrix3<f64>) {
    let (mut edges, mut change) = (*edges, Matrix3::identity());
    loop {
        let mut has_changed = false;
        for (of, by) in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)] {
            let (edge, step): (Vector3<f64>, Vector3<f64>) =
                (edges.column(of).into(), edges.column(by).into());
            let times = (edge.dot(&step) / step.norm_squared()).round();
            let shorter = edge - step * times;
            if periodic[by]
                && times != 0.0
                && shorter.norm_squared() < edge.norm_squared() * (1.0 - 1e-9)
            {
                let changed = change.column(of) - change.column(by) * times;
                change.set_column(of, &changed);
                edges.set_column(of, &shorter);
                has_changed = true;
            }
        }
        if !has_changed {
            return (edges, change);
        }
    }
}
