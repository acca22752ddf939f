//! One Voronoi cell as a convex polyhedron whose vertices are given by the three faces that meet there.

use nalgebra::Vector3;

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
    vertices: Vec<[u8; 3]>,
    positions: Vec<Vector3<f64>>,
    /// d and c of the planes d·r = c of the faces.
    planes: Vec<[f64; 4]>,
    /// At [a F + b], F being the number of faces: the vertex from which the edge between faces a and b is followed counter-clockwise round b.
    starts: Vec<u16>,
    /// Twice the area and the edges of each face so far.
    sums: Vec<(f64, u32)>,
}

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
    pub fn positions(&self) -> &[Vector3<f64>] {
        &self.positions
    }

    /// Whether nothing belongs to the particle: its radical cell is covered by those of larger neighbours.
    pub fn is_hidden(&self) -> bool {
        self.faces.is_empty()
    }

    /// Distance of the farthest vertex from the particle (length).
    pub fn reach(&self) -> f64 {
        self.positions
            .iter()
            .map(Vector3::norm_squared)
            .fold(0.0, f64::max)
            .sqrt()
    }

    /// Number of edges that count of each face; none for a face that does not count itself, be it too small or left with fewer than three
    /// edges. This is how OVITO has it.
    pub fn edges_above(&self, thresholds: &Thresholds) -> Vec<Option<u32>> {
        let counts = |face: &Face| (face.area > thresholds.face_area).then_some(0);
        let mut edges: Vec<Option<u32>> = self.faces.iter().map(counts).collect();
        for (from, face) in self.corners() {
            let length = (self.positions[self.next(from, face)] - self.positions[from]).norm();
            if let Some(edges) = &mut edges[face] {
                *edges += u32::from(length > thresholds.edge_length);
            }
        }
        for edges in &mut edges {
            *edges = edges.filter(|&edges| edges >= 3);
        }
        edges
    }

    /// The vertices with each of their faces.
    fn corners(&self) -> impl Iterator<Item = (usize, usize)> {
        let corners = |(at, faces): (usize, &[u8; 3])| faces.map(|face| (at, usize::from(face)));
        self.vertices.iter().enumerate().flat_map(corners)
    }

    /// The vertex after `vertex`, counter-clockwise round `face`.
    fn next(&self, vertex: usize, face: usize) -> usize {
        let [a, b, c] = self.vertices[vertex].map(usize::from);
        let before = if face == a {
            c
        } else if face == b {
            a
        } else {
            b
        };
        usize::from(self.starts[face * self.faces.len() + before])
    }

    /// The cell of which nothing is left.
    pub(super) fn hide(&mut self) {
        self.begin();
        (self.volume, self.surface_area) = (0.0, 0.0);
    }

    /// Empties the lists of planes and vertices.
    pub(super) fn begin(&mut self) {
        self.faces.clear();
        self.planes.clear();
        self.vertices.clear();
        self.positions.clear();
    }

    /// Adds the face in the plane d·r = c, given as [d, c].
    pub(super) fn push_face(&mut self, plane: [f64; 4], neighbour: Option<u32>, image: [i32; 3]) {
        self.planes.push(plane);
        self.faces.push(Face {
            neighbour,
            image,
            area: 0.0,
            edges: 0,
            distance: 0.0,
        });
    }

    /// Adds a vertex between three faces.
    pub(super) fn push_vertex(&mut self, faces: [u8; 3], position: [f64; 3]) {
        self.vertices.push(faces);
        self.positions.push(position.into());
    }

    /// Computes everything from the planes and the vertices. Returns whether they make a closed polyhedron.
    pub(super) fn measure(&mut self) -> bool {
        let count = self.faces.len();
        if self.vertices.len() + 4 != 2 * count {
            return false;
        }
        const NONE: u16 = u16::MAX;
        self.starts.clear();
        self.starts.resize(count * count, NONE);
        for (at, faces) in self.vertices.iter().enumerate() {
            let [a, b, c] = faces.map(usize::from);
            for (from, to) in [(a, b), (b, c), (c, a)] {
                self.starts[from * count + to] = at as u16;
            }
        }
        // There is room for every face that a byte can tell: no bounds to check.
        self.sums.resize(256, (0.0, 0));
        let Ok(sums) = <&mut [(f64, u32); 256]>::try_from(&mut self.sums[..]) else {
            return false;
        };
        sums[..count].fill((0.0, 0));
        let mut is_closed = true;
        for (faces, from) in self.vertices.iter().zip(&self.positions) {
            let [a, b, c] = *faces;
            // Counter-clockwise round a face, the next vertex lies across the edge to the face before.
            for (face, before) in [(a, c), (b, a), (c, b)] {
                let next = self.starts[usize::from(face) * count + usize::from(before)];
                let Some(to) = self.positions.get(usize::from(next)) else {
                    is_closed = false;
                    continue;
                };
                let [x, y, z, _] = self.planes[usize::from(face)];
                let (twice_area, edges) = &mut sums[usize::from(face)];
                *twice_area += x * (from.y * to.z - from.z * to.y)
                    + y * (from.z * to.x - from.x * to.z)
                    + z * (from.x * to.y - from.y * to.x);
                *edges += 1;
            }
        }
        let (mut volume, mut surface) = (0.0, 0.0);
        let sums = &sums[..count];
        let planes = &self.planes[..count];
        for ((face, &[x, y, z, offset]), &(twice_area, edges)) in
            self.faces.iter_mut().zip(planes).zip(sums)
        {
            let square = x * x + y * y + z * z;
            let inverse = 1.0 / square.sqrt();
            let doubled = twice_area * inverse;
            face.area = 0.5 * doubled;
            face.edges = edges;
            is_closed &= edges >= 3;
            let to = if face.neighbour.is_some() {
                square
            } else {
                offset
            };
            face.distance = to * inverse;
            volume += doubled * (offset * inverse);
            surface += face.area;
        }
        self.volume = volume / 6.0;
        self.surface_area = surface;
        is_closed
    }
}
