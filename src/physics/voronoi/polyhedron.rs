//! One Voronoi cell as a convex polyhedron whose vertices are given by the three faces that meet there.

use std::collections::HashMap;

use nalgebra::Vector3;

use super::clip::Plane;
use crate::physics::registers::{Four, Lanes, Registers};

/// A face of a Voronoi cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Face {
    /// Index of the particle on the other side; `None` where it is a wall of the simulation cell.
    pub neighbour: Option<u32>,
    /// The periodic image n of the neighbour: it is at r_j + H n, with the positions r as they were given. Of a wall, −1 or 1 for the lower
    /// or upper one along its edge.
    pub image: [i32; 3],
    /// Area (length²).
    pub area: f64,
    /// Number of edges.
    pub edges: u32,
    /// Distance to the neighbour |r_j + H n − r_i| (length), or to the wall.
    pub distance: f64,
}

/// A Voronoi cell. A radical cell may be hidden, and then has no faces, no vertices and volume 0.
///
/// Every vertex joins three faces: where more meet, as in perfect crystals, there are several vertices at one place with edges of no length
/// between them, which [`Thresholds`] leave out.
#[derive(Clone, Debug, Default)]
pub struct Polyhedron {
    volume: f64,
    surface_area: f64,
    faces: Vec<Face>,
    pub(super) vertices: Vec<[u8; 3]>,
    /// x, y, z and 0 of each.
    pub(super) positions: Vec<[f64; 4]>,
}

/// As many as a byte can tell.
const MOST_FACES: usize = 256;

/// A polyhedron before it is measured, and what it is measured with; to be used again for the next.
pub(super) struct Measure {
    /// The plane of each face, and the tag by which it is known.
    pub sides: Vec<(Plane, u32)>,
    /// At [a][b]: the vertex from which the edge between faces a and b is followed counter-clockwise round b.
    starts: Box<[[u16; MOST_FACES]; MOST_FACES]>,
    /// Σ r × r′ over the edges of each face from r to r′, as z, x, y; and their number.
    sums: Box<[[f64; 4]; MOST_FACES]>,
    edges: Box<[u32; MOST_FACES]>,
}

impl Default for Measure {
    fn default() -> Self {
        Measure {
            sides: Vec::new(),
            starts: boxed([NONE; MOST_FACES]),
            sums: boxed([0.0; 4]),
            edges: boxed(0),
        }
    }
}

/// An array too long for the stack.
fn boxed<T: Clone, const N: usize>(value: T) -> Box<[T; N]> {
    let values = vec![value; N].into_boxed_slice();
    values.try_into().ok().expect("of that length")
}

/// No vertex.
const NONE: u16 = u16::MAX;

/// Which faces and edges count: by default all, even those of no size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Faces of at most this area (length²) do not count.
    pub face_area: f64,
    /// Edges of at most this length (length) do not count among those of their two faces.
    pub edge_length: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds {
            face_area: f64::NEG_INFINITY,
            edge_length: f64::NEG_INFINITY,
        }
    }
}

impl Polyhedron {
    /// Volume (length³).
    pub fn volume(&self) -> f64 {
        self.volume
    }

    /// Area of all faces (length²).
    pub fn surface_area(&self) -> f64 {
        self.surface_area
    }

    /// The faces.
    pub fn faces(&self) -> &[Face] {
        &self.faces
    }

    /// The three faces (indices into [`faces`](Self::faces)) that meet at each vertex, counter-clockwise seen from outside.
    pub fn vertices(&self) -> &[[u8; 3]] {
        &self.vertices
    }

    /// Position of each vertex relative to the particle (length).
    pub fn positions(&self) -> impl Iterator<Item = Vector3<f64>> {
        let position = |[x, y, z, _]: &[f64; 4]| Vector3::new(*x, *y, *z);
        self.positions.iter().map(position)
    }

    /// Whether nothing belongs to the particle: its radical cell is covered by those of larger neighbours.
    pub fn is_hidden(&self) -> bool {
        self.faces.is_empty()
    }

    /// Distance of the farthest vertex from the particle (length).
    pub fn reach(&self) -> f64 {
        self.positions()
            .map(|position| position.norm_squared())
            .fold(0.0, f64::max)
            .sqrt()
    }

    /// Number of edges that count of each face; none for a face that does not count itself, be it too small or left with fewer than three
    /// edges. This is how OVITO has it.
    pub fn edges_above(&self, thresholds: &Thresholds) -> Vec<Option<u32>> {
        let counts = |face: &Face| (face.area > thresholds.face_area).then_some(0);
        let mut edges: Vec<Option<u32>> = self.faces.iter().map(counts).collect();
        // The two vertices of an edge have its two faces.
        let mut ends = HashMap::new();
        for (at, faces) in self.vertices.iter().enumerate() {
            let [a, b, c] = *faces;
            for (face, other) in [(a, b), (b, c), (c, a)] {
                let edge = (face.min(other), face.max(other));
                let Some(first) = ends.insert(edge, at) else {
                    continue;
                };
                let pairs = std::iter::zip(self.positions[first], self.positions[at]);
                let square: f64 = pairs.map(|(from, to)| (to - from).powi(2)).sum();
                for face in [edge.0, edge.1] {
                    if let Some(edges) = &mut edges[usize::from(face)] {
                        *edges += u32::from(square.sqrt() > thresholds.edge_length);
                    }
                }
            }
        }
        for edges in &mut edges {
            *edges = edges.filter(|&edges| edges >= 3);
        }
        edges
    }

    /// The cell of which nothing is left.
    pub(super) fn hide(&mut self) {
        self.faces.clear();
        self.vertices.clear();
        self.positions.clear();
        (self.volume, self.surface_area) = (0.0, 0.0);
    }

    /// Computes everything from the vertices and their positions, and the sides; `name` tells of a tag what is on the other side, and in which
    /// image. Returns whether they make a closed polyhedron.
    #[inline(always)]
    pub(super) fn measure<R: Registers>(
        &mut self,
        registers: R,
        with: &mut Measure,
        mut name: impl FnMut(u32) -> (Option<u32>, [i32; 3]),
    ) -> bool {
        let Measure {
            sides,
            starts,
            sums,
            edges,
        } = with;
        let count = sides.len();
        if self.vertices.len() + 4 != 2 * count || count > MOST_FACES {
            return false;
        }
        for row in &mut starts[..count] {
            // Most cells have fewer faces; a length known beforehand needs no call.
            let (usual, more) = row.split_at_mut(24);
            usual.copy_from_slice(&[NONE; 24]);
            if count > 24 {
                more[..count - 24].fill(NONE);
            }
        }
        for (at, faces) in self.vertices.iter().enumerate() {
            let [a, b, c] = faces.map(usize::from);
            starts[a][b] = at as u16;
            starts[b][c] = at as u16;
            starts[c][a] = at as u16;
        }
        sums[..count].fill([0.0; 4]);
        edges[..count].fill(0);
        for (faces, from) in self.vertices.iter().zip(&self.positions) {
            let [a, b, c] = faces.map(usize::from);
            let from = registers.four(*from);
            let from_turned = from.turned();
            // Counter-clockwise round a face, the next vertex lies across the edge to the face before.
            let (Some(&first), Some(&second), Some(&third)) = (
                self.positions.get(usize::from(starts[a][c])),
                self.positions.get(usize::from(starts[b][a])),
                self.positions.get(usize::from(starts[c][b])),
            ) else {
                return false;
            };
            let to = registers.four(first);
            let first = from * to.turned() - from_turned * to;
            let to = registers.four(second);
            let second = from * to.turned() - from_turned * to;
            let to = registers.four(third);
            let third = from * to.turned() - from_turned * to;
            sums[a] = (registers.four(sums[a]) + first).values();
            sums[b] = (registers.four(sums[b]) + second).values();
            sums[c] = (registers.four(sums[c]) + third).values();
            edges[a] += 1;
            edges[b] += 1;
            edges[c] += 1;
        }
        let (mut volume, mut surface_area, mut is_closed) = (0.0, 0.0, true);
        let sums = sums[..count].iter().zip(&edges[..count]);
        self.faces.resize(count, NO_FACE);
        for (face, (side, (sum, &edges))) in self.faces.iter_mut().zip(sides.iter().zip(sums)) {
            let ([x, y, z, offset], tag) = *side;
            let [along_z, along_x, along_y, _] = *sum;
            let square = x * x + y * y + z * z;
            let inverse = 1.0 / square.sqrt();
            let doubled = (x * along_x + y * along_y + z * along_z) * inverse;
            let (neighbour, image) = name(tag);
            let to = if neighbour.is_some() { square } else { offset };
            *face = Face {
                neighbour,
                image,
                area: 0.5 * doubled,
                edges,
                distance: to * inverse,
            };
            is_closed &= edges >= 3;
            volume += doubled * (offset * inverse);
            surface_area += 0.5 * doubled;
        }
        self.volume = volume / 6.0;
        self.surface_area = surface_area;
        is_closed && volume.is_finite()
    }
}

const NO_FACE: Face = Face {
    neighbour: None,
    image: [0; 3],
    area: 0.0,
    edges: 0,
    distance: 0.0,
};
