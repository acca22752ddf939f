//! Cutting a convex polyhedron by planes, one after the other.
//!
//! The polyhedron is kept as its dual: a vertex is the triplet of the planes that meet there, counter-clockwise seen from outside. A plane
//! removes the vertices beyond it; round the hole run the directed edges a → b of removed triplets whose opposite b → a is not among them;
//! each becomes a new vertex (a, b, new plane), solved afresh from its three planes so that errors do not grow from cut to cut.

use super::polyhedron::Polyhedron;

/// What is on the other side of a plane.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Label {
    /// The particle's place in the grid, [`WALL`] or [`OUTLINE`].
    pub place: u32,
    /// Its image in the reduced lattice relative to the wrapped positions, or the side of a wall.
    pub image: [i32; 3],
}

/// Place of the walls of the simulation cell.
pub const WALL: u32 = u32::MAX;
/// Place of the starting planes, of which nothing may be left.
pub const OUTLINE: u32 = u32::MAX - 1;

/// The plane d·r = c; what has d·r > c is cut off.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plane {
    /// Its normal, of any length.
    pub normal: [f64; 3],
    /// c.
    pub offset: f64,
}

/// What a cut did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The plane lies outside.
    Missed,
    /// It made a face.
    Made,
    /// Nothing is left.
    Empty,
    /// There is no room for one more plane or vertex.
    Full,
}

/// A polyhedron that can be cut.
pub trait Clipper {
    /// Starts from a parallelepiped. A vertex is beyond a plane of normal d if d·r > c + `slack` d².
    fn start(&mut self, start: &Start, labels: &[Label; 6], slack: f64);
    /// Cuts by a plane.
    fn cut(&mut self, plane: &Plane, label: Label) -> Cut;
    /// The largest squared distance of a vertex from the origin.
    fn square_reach(&self) -> f64;
    /// Hands over planes and vertices. Returns whether there is room for their numbers.
    fn finish(
        &self,
        polyhedron: &mut Polyhedron,
        name: impl FnMut(Label) -> (Option<u32>, [i32; 3]),
    ) -> bool;
}

/// A parallelepiped.
pub struct Start {
    planes: [Plane; 6],
    corners: [[f64; 3]; 8],
}

impl Start {
    /// Planes 2k and 2k + 1 bound it above and below along its edge k.
    pub fn new(planes: [Plane; 6]) -> Self {
        let mut corners = [[0.0; 3]; 8];
        for (corner, [a, b, c]) in corners.iter_mut().zip(planes_of_corners()) {
            *corner = meet(&planes[a], &planes[b], &planes[c]);
        }
        Start { planes, corners }
    }
}

/// The planes of the eight corners.
fn planes_of_corners() -> impl Iterator<Item = [usize; 3]> {
    (0..8).map(|corner| {
        let [x, y, z] = [corner & 1, 2 + (corner >> 1 & 1), 4 + (corner >> 2)];
        let is_mirrored = (corner as u32).count_ones() % 2 == 1;
        if is_mirrored { [x, z, y] } else { [x, y, z] }
    })
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// The point where three planes meet.
fn meet(a: &Plane, b: &Plane, c: &Plane) -> [f64; 3] {
    let (bc, ca, ab) = (
        cross(b.normal, c.normal),
        cross(c.normal, a.normal),
        cross(a.normal, b.normal),
    );
    let inverse = 1.0 / dot(a.normal, bc);
    std::array::from_fn(|k| (a.offset * bc[k] + b.offset * ca[k] + c.offset * ab[k]) * inverse)
}

/// Slots for planes and for vertices: one bit each in a word.
const SLOTS: usize = 64;

/// The clipper for all but huge cells: at most 64 planes and 64 vertices at a time, that is 34 faces.
pub struct Fast {
    slack: f64,
    planes: [Plane; SLOTS],
    labels: [Label; SLOTS],
    planes_used: u64,
    x: [f64; SLOTS],
    y: [f64; SLOTS],
    z: [f64; SLOTS],
    /// |r|² of vertices, 0 in empty slots.
    square: [f64; SLOTS],
    /// The three planes of each vertex, a byte each: bytes written one by one could not be read as a word right away.
    faces: [u32; SLOTS],
    vertices_used: u64,
    /// For each plane a, the planes b for which a → b, or b → a, is an edge of a removed vertex. Zero between cuts.
    out: [u64; SLOTS],
    into: [u64; SLOTS],
    /// The edges a → b round the hole, packed in the same way.
    edges: [u32; SLOTS],
}

impl Default for Fast {
    fn default() -> Self {
        Fast {
            slack: 0.0,
            planes: [Plane::default(); SLOTS],
            labels: [Label::default(); SLOTS],
            planes_used: 0,
            x: [0.0; SLOTS],
            y: [0.0; SLOTS],
            z: [0.0; SLOTS],
            square: [0.0; SLOTS],
            faces: [0; SLOTS],
            vertices_used: 0,
            out: [0; SLOTS],
            into: [0; SLOTS],
            edges: [0; SLOTS],
        }
    }
}

/// Packs planes into a word.
#[inline(always)]
fn packed([a, b, c]: [usize; 3]) -> u32 {
    (a | b << 8 | c << 16) as u32
}

/// The planes of a word.
#[inline(always)]
fn planes_of(word: u32) -> [usize; 3] {
    [0, 8, 16].map(|shift| (word >> shift) as usize % SLOTS)
}

/// The positions of the bits of a word.
pub struct Bits(pub u64);

impl Iterator for Bits {
    type Item = usize;
    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let at = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(at)
    }
}

impl Fast {
    /// Blocks of eight slots that hold all vertices.
    fn blocks(&self) -> usize {
        (SLOTS - self.vertices_used.leading_zeros() as usize).div_ceil(8)
    }

    /// The vertices beyond a plane.
    #[inline(always)]
    fn beyond(&self, plane: &Plane) -> u64 {
        let [x, y, z] = plane.normal;
        let limit = plane.offset + self.slack * (x * x + y * y + z * z);
        // A lane sets its own bits, so that the loop over lanes needs no order.
        let mut found = [0u64; 8];
        let mut bits: [u64; 8] = std::array::from_fn(|lane| 1 << lane);
        for block in 0..self.blocks() {
            let slots = 8 * block..8 * block + 8;
            let (xs, ys, zs) = (
                &self.x[slots.clone()],
                &self.y[slots.clone()],
                &self.z[slots],
            );
            for lane in 0..8 {
                let s = x * xs[lane] + y * ys[lane] + z * zs[lane];
                found[lane] |= if s > limit { bits[lane] } else { 0 };
                bits[lane] <<= 8;
            }
        }
        found.iter().fold(0, |all, found| all | found) & self.vertices_used
    }

    /// Adds the vertices (a, b, `plane`) on the edges (a, b) in `self.edges`.
    #[inline(always)]
    fn add(&mut self, plane: usize, count: usize) {
        let third = self.planes[plane];
        for start in (0..count).step_by(LANES) {
            let edges: [u32; LANES] =
                std::array::from_fn(|lane| self.edges[(start + lane) % SLOTS]);
            let mut met = [[0.0; LANES]; 4];
            meet_lanes(&self.planes, &edges, &third, &mut met);
            let mut free = !self.vertices_used;
            for lane in 0..LANES {
                let is_one = start + lane < count;
                let slot = free.trailing_zeros() as usize % SLOTS;
                free &= free.wrapping_sub(1);
                self.vertices_used |= u64::from(is_one) << slot;
                self.x[slot] = met[0][lane];
                self.y[slot] = met[1][lane];
                self.z[slot] = met[2][lane];
                self.square[slot] = if is_one { met[3][lane] } else { 0.0 };
                self.faces[slot] = edges[lane] | (plane as u32) << 16;
            }
        }
    }
}

/// Vertices that are solved together.
const LANES: usize = 4;

/// Where pairs of planes a and b meet a third one: x, y, z and |r|². On its own, so that the compiler
/// knows the arrays apart and uses wide registers.
///
/// With w = a × b and g = c_b a − c_a b the point is r = (c w + n × g) / n·w, n and c being those of the third plane.
#[inline(never)]
fn meet_lanes(
    planes: &[Plane; SLOTS],
    edges: &[u32; LANES],
    third: &Plane,
    met: &mut [[f64; LANES]; 4],
) {
    let ([nx, ny, nz], c) = (third.normal, third.offset);
    for lane in 0..LANES {
        let [a, b, _] = planes_of(edges[lane]).map(|plane| &planes[plane]);
        let ([ax, ay, az], ac) = (a.normal, a.offset);
        let ([bx, by, bz], bc) = (b.normal, b.offset);
        let (wx, wy, wz) = (ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx);
        let (gx, gy, gz) = (bc * ax - ac * bx, bc * ay - ac * by, bc * az - ac * bz);
        let inverse = 1.0 / (nx * wx + ny * wy + nz * wz);
        let x = (c * wx + (ny * gz - nz * gy)) * inverse;
        let y = (c * wy + (nz * gx - nx * gz)) * inverse;
        let z = (c * wz + (nx * gy - ny * gx)) * inverse;
        met[0][lane] = x;
        met[1][lane] = y;
        met[2][lane] = z;
        met[3][lane] = x * x + y * y + z * z;
    }
}

impl Clipper for Fast {
    fn start(&mut self, start: &Start, labels: &[Label; 6], slack: f64) {
        self.slack = slack;
        self.planes[..6].copy_from_slice(&start.planes);
        self.labels[..6].copy_from_slice(labels);
        self.planes_used = 0x3f;
        self.square = [0.0; SLOTS];
        self.vertices_used = 0xff;
        for (slot, ([a, b, c], [x, y, z])) in planes_of_corners().zip(start.corners).enumerate() {
            (self.x[slot], self.y[slot], self.z[slot]) = (x, y, z);
            self.square[slot] = x * x + y * y + z * z;
            self.faces[slot] = packed([a, b, c]);
        }
    }

    #[inline(never)]
    fn cut(&mut self, plane: &Plane, label: Label) -> Cut {
        let removed = self.beyond(plane);
        if removed == 0 {
            return Cut::Missed;
        }
        if removed == self.vertices_used {
            return Cut::Empty;
        }
        let free = (!self.planes_used).trailing_zeros() as usize;
        if free == SLOTS {
            return Cut::Full;
        }
        let mut touched = 0u64;
        for slot in Bits(removed) {
            let [a, b, c] = planes_of(self.faces[slot]);
            self.out[a] |= 1 << b;
            self.out[b] |= 1 << c;
            self.out[c] |= 1 << a;
            self.into[b] |= 1 << a;
            self.into[c] |= 1 << b;
            self.into[a] |= 1 << c;
            touched |= 1 << a | 1 << b | 1 << c;
            self.square[slot] = 0.0;
        }
        self.vertices_used &= !removed;
        self.planes[free] = *plane;
        self.labels[free] = label;
        let mut new = 0;
        // Round most faces the hole has one edge, or none if all their corners are gone. Edges are written without asking.
        let mut gone = 0u64;
        for a in Bits(touched) {
            let (out, into) = (self.out[a], self.into[a]);
            (self.out[a], self.into[a]) = (0, 0);
            gone |= u64::from(out == into) << a;
            let mut edges = out & !into;
            let b = edges.trailing_zeros() as usize % SLOTS;
            self.edges[new % SLOTS] = packed([a, b, 0]);
            new += usize::from(edges != 0);
            edges &= edges.wrapping_sub(1);
            for b in Bits(edges) {
                self.edges[new % SLOTS] = packed([a, b, 0]);
                new += 1;
            }
        }
        self.planes_used &= !gone;
        // Whole groups of lanes are written. Counting bits takes long without an instruction for it: most cells need no count.
        let is_crowded = self.vertices_used >> 40 != 0 || new > 20;
        let is_full = is_crowded && new + LANES > (!self.vertices_used).count_ones() as usize;
        if !is_full {
            self.add(free, new);
        }
        self.planes_used |= 1 << free;
        if is_full { Cut::Full } else { Cut::Made }
    }

    #[inline(always)]
    fn square_reach(&self) -> f64 {
        let mut largest = [0.0f64; 8];
        for block in self.square.chunks_exact(8).take(self.blocks()) {
            for lane in 0..8 {
                largest[lane] = if block[lane] > largest[lane] {
                    block[lane]
                } else {
                    largest[lane]
                };
            }
        }
        largest.iter().fold(
            0.0,
            |largest, &square| if square > largest { square } else { largest },
        )
    }

    fn finish(
        &self,
        polyhedron: &mut Polyhedron,
        mut name: impl FnMut(Label) -> (Option<u32>, [i32; 3]),
    ) -> bool {
        polyhedron.begin();
        let mut number = [0u8; SLOTS];
        for (new, slot) in Bits(self.planes_used).enumerate() {
            number[slot] = new as u8;
            let Plane {
                normal: [x, y, z],
                offset,
            } = self.planes[slot];
            let (neighbour, image) = name(self.labels[slot]);
            polyhedron.push_face([x, y, z, offset], neighbour, image);
        }
        for slot in Bits(self.vertices_used) {
            let [a, b, c] = planes_of(self.faces[slot]).map(|plane| number[plane]);
            polyhedron.push_vertex([a, b, c], [self.x[slot], self.y[slot], self.z[slot]]);
        }
        true
    }
}

/// The clipper without limits of room, and without haste.
#[derive(Default)]
pub struct General {
    slack: f64,
    planes: Vec<(Plane, Label)>,
    vertices: Vec<([usize; 3], [f64; 3])>,
}

impl General {
    fn vertex(&self, faces: [usize; 3]) -> ([usize; 3], [f64; 3]) {
        let [a, b, c] = faces.map(|face| &self.planes[face].0);
        (faces, meet(a, b, c))
    }
}

impl Clipper for General {
    fn start(&mut self, start: &Start, labels: &[Label; 6], slack: f64) {
        self.slack = slack;
        self.planes = start.planes.into_iter().zip(*labels).collect();
        self.vertices = planes_of_corners().zip(start.corners).collect();
    }

    fn cut(&mut self, plane: &Plane, label: Label) -> Cut {
        let limit = plane.offset + self.slack * dot(plane.normal, plane.normal);
        let is_beyond = |vertex: &([usize; 3], [f64; 3])| dot(plane.normal, vertex.1) > limit;
        let (removed, kept): (Vec<_>, Vec<_>) = self.vertices.iter().copied().partition(is_beyond);
        if removed.is_empty() {
            return Cut::Missed;
        }
        if kept.is_empty() {
            return Cut::Empty;
        }
        let edges: Vec<(usize, usize)> = removed
            .iter()
            .flat_map(|&([a, b, c], _)| [(a, b), (b, c), (c, a)])
            .collect();
        let within: std::collections::HashSet<_> = edges.iter().copied().collect();
        let new = self.planes.len();
        self.planes.push((*plane, label));
        self.vertices = kept;
        for (a, b) in edges {
            if !within.contains(&(b, a)) {
                self.vertices.push(self.vertex([a, b, new]));
            }
        }
        Cut::Made
    }

    fn square_reach(&self) -> f64 {
        self.vertices
            .iter()
            .map(|(_, position)| dot(*position, *position))
            .fold(0.0, f64::max)
    }

    fn finish(
        &self,
        polyhedron: &mut Polyhedron,
        mut name: impl FnMut(Label) -> (Option<u32>, [i32; 3]),
    ) -> bool {
        polyhedron.begin();
        let mut number = vec![None; self.planes.len()];
        for (faces, _) in &self.vertices {
            faces.iter().for_each(|&face| number[face] = Some(0));
        }
        let used = (0..self.planes.len())
            .filter(|&at| number[at].is_some())
            .collect::<Vec<_>>();
        for (new, &at) in used.iter().enumerate() {
            let Ok(new) = u8::try_from(new) else {
                return false;
            };
            number[at] = Some(new);
            let (
                Plane {
                    normal: [x, y, z],
                    offset,
                },
                label,
            ) = self.planes[at];
            let (neighbour, image) = name(label);
            polyhedron.push_face([x, y, z, offset], neighbour, image);
        }
        for &(faces, position) in &self.vertices {
            polyhedron.push_vertex(faces.map(|face| number[face].unwrap_or_default()), position);
        }
        true
    }
}
