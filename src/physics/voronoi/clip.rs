//! Cutting a convex polyhedron by planes, one after the other.
//!
//! The polyhedron is kept as its dual: a vertex is the triplet of the planes that meet there, counter-clockwise seen from outside. A plane
//! removes the vertices beyond it; round the hole run the directed edges a → b of removed triplets whose opposite b → a is not among them;
//! each becomes a new vertex (a, b, new plane), solved afresh from its three planes so that errors do not grow from cut to cut.

use super::polyhedron::Polyhedron;
use crate::physics::registers::{Four, Lanes, Registers};

/// The plane d·r = c, [d_x, d_y, d_z, c]; what has d·r > c is cut off. Its normal d may have any length.
pub type Plane = [f64; 4];

/// What a cut did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The plane lies outside.
    Missed,
    /// It made a face.
    Made,
    /// Nothing is left.
    Empty,
    /// There is no room for one more plane or vertex, or what is left is no polyhedron.
    Full,
}

/// A polyhedron that can be cut. Each plane has a tag, by which it is known in the end.
pub trait Clipper {
    /// Starts from a parallelepiped; the tags of its planes are 0 to 5. A vertex is beyond a plane of normal d if d·r > c + `slack` d².
    fn start(&mut self, start: &Start, slack: f64);
    /// Cuts by a plane.
    fn cut<R: Registers>(&mut self, registers: R, plane: &Plane, tag: u32) -> Cut;
    /// The largest squared distance of a vertex from the origin.
    fn square_reach<R: Registers>(&self, registers: R) -> f64;
    /// Hands over vertices and sides. Returns whether there is room for their numbers.
    fn finish(&self, polyhedron: &mut Polyhedron, sides: &mut Vec<(Plane, u32)>) -> bool;
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

fn cross(a: &Plane, b: &Plane) -> [f64; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

/// d·r.
fn along(plane: &Plane, r: [f64; 3]) -> f64 {
    plane[0] * r[0] + plane[1] * r[1] + plane[2] * r[2]
}

/// The point where three planes meet.
fn meet(a: &Plane, b: &Plane, c: &Plane) -> [f64; 3] {
    let (bc, ca, ab) = (cross(b, c), cross(c, a), cross(a, b));
    let inverse = 1.0 / along(a, bc);
    std::array::from_fn(|k| (a[3] * bc[k] + b[3] * ca[k] + c[3] * ab[k]) * inverse)
}

/// The offset beyond which a vertex is cut off: c + slack d².
fn limit(plane: &Plane, slack: f64) -> f64 {
    let [x, y, z, offset] = *plane;
    offset + slack * (x * x + y * y + z * z)
}

/// Slots for planes and for vertices: one bit each in a word.
const SLOTS: usize = 64;
/// Registers of four vertices.
const BLOCKS: usize = SLOTS / 4;
/// The slot of a plane that meets no other.
const NOWHERE: usize = SLOTS - 1;
/// The edge between that and itself.
const NO_EDGE: [u8; 2] = [NOWHERE as u8; 2];
/// Ones for the lanes whose bits are set, else zeros.
const LANES: [[f64; 4]; 16] = {
    let mut lanes = [[0.0; 4]; 16];
    let mut at = 0;
    while at < 64 {
        lanes[at / 4][at % 4] = ((at / 4) >> (at % 4) & 1) as f64;
        at += 1;
    }
    lanes
};
/// As many removed vertices are dealt with in registers, and so many edges round their hole.
const FEW: usize = 4;
const FEW_EDGES: usize = 8;

/// The clipper for all but huge cells: at most 63 planes, the cut-off ones among them, and 64 vertices at a time.
#[repr(align(64))]
pub struct Fast {
    /// As many as a byte can tell, so that no index need be checked; but only in the first [`SLOTS`].
    planes: [Plane; 256],
    /// Vertices, as they were made four at a time.
    x: [[f64; 4]; BLOCKS],
    y: [[f64; 4]; BLOCKS],
    z: [[f64; 4]; BLOCKS],
    /// The three planes of each vertex, a byte each; behind the last slot, of none.
    faces: [u32; SLOTS + 1],
    /// The edges a → b round the hole, a byte each.
    hole: [[u8; 2]; SLOTS + 4],
    /// For each plane a, the planes b for which a → b, and those for which b → a, is an edge of a removed vertex. Zero between cuts.
    around: [[u64; 2]; SLOTS],
    tags: [u32; SLOTS],
    planes_used: usize,
    vertices_used: u64,
    slack: f64,
}

impl Default for Fast {
    fn default() -> Self {
        let mut planes = [Plane::default(); 256];
        planes[NOWHERE] = [f64::NAN; 4];
        Fast {
            planes,
            x: [[0.0; 4]; BLOCKS],
            y: [[0.0; 4]; BLOCKS],
            z: [[0.0; 4]; BLOCKS],
            faces: [packed([NOWHERE; 3]); SLOTS + 1],
            hole: [NO_EDGE; SLOTS + 4],
            around: [[0; 2]; SLOTS],
            tags: [0; SLOTS],
            planes_used: 0,
            vertices_used: 0,
            slack: 0.0,
        }
    }
}

/// Packs planes into a word.
fn packed([a, b, c]: [usize; 3]) -> u32 {
    (a | b << 8 | c << 16) as u32
}

/// The planes of a word.
#[inline(always)]
fn planes_of(word: u32) -> [usize; 3] {
    let at = |shift: u32| (word >> shift) as usize % SLOTS;
    [at(0), at(8), at(16)]
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
    /// Registers that hold all vertices.
    #[inline(always)]
    fn blocks(&self) -> usize {
        (SLOTS - self.vertices_used.leading_zeros() as usize).div_ceil(4)
    }

    /// The vertices beyond a plane.
    #[inline(always)]
    fn beyond<R: Registers>(&self, registers: R, plane: &Plane) -> u64 {
        let x = registers.all_four(plane[0]);
        let y = registers.all_four(plane[1]);
        let z = registers.all_four(plane[2]);
        let limit = registers.all_four(limit(plane, self.slack));
        let mut found = 0;
        for block in 0..self.blocks() {
            let xs = registers.four(self.x[block]);
            let ys = registers.four(self.y[block]);
            let zs = registers.four(self.z[block]);
            found |= u64::from((x * xs + y * ys + z * zs).above(limit)) << (4 * block);
        }
        found & self.vertices_used
    }

    /// Writes the edges round the hole that a few removed vertices leave. Returns their number.
    #[inline(always)]
    fn find_hole<R: Registers>(&mut self, registers: R, removed: u64) -> usize {
        let (mut corners, mut left) = ([0; FEW], removed);
        for corner in &mut corners {
            *corner = self.faces[left.trailing_zeros() as usize];
            left &= left.wrapping_sub(1);
        }
        let (edges, mut bits) = registers.unpaired(corners);
        let count = bits.count_ones() as usize;
        // Only of vertices that do not hang together, which is a matter of rounding.
        if count > FEW_EDGES {
            return self.find_large_hole(removed);
        }
        // Registers are filled up with vertices that are none.
        let mut all = [NO_EDGE; 32];
        all[..16].copy_from_slice(&edges);
        for edge in &mut self.hole[..FEW_EDGES] {
            *edge = all[bits.trailing_zeros() as usize / 2];
            bits &= bits.wrapping_sub(1);
        }
        count
    }

    /// The same for any number of them.
    fn find_large_hole(&mut self, removed: u64) -> usize {
        let mut touched = 0u64;
        for slot in Bits(removed) {
            let [a, b, c] = planes_of(self.faces[slot]);
            let (bit_a, bit_b, bit_c) = (1u64 << a, 1u64 << b, 1u64 << c);
            self.around[a][0] |= bit_b;
            self.around[a][1] |= bit_c;
            self.around[b][0] |= bit_c;
            self.around[b][1] |= bit_a;
            self.around[c][0] |= bit_a;
            self.around[c][1] |= bit_b;
            touched |= bit_a | bit_b | bit_c;
        }
        let mut count = 0;
        for a in Bits(touched) {
            let [out, into] = std::mem::take(&mut self.around[a]);
            for b in Bits(out & !into) {
                self.hole[count % SLOTS] = [a as u8, b as u8];
                count += 1;
            }
        }
        if let Some(end) = self.hole.get_mut(count..count + 4) {
            end.fill(NO_EDGE);
        }
        count
    }

    /// Adds the vertices (a, b, `plane`) on the `count` edges (a, b) round the hole. Returns whether there is room for them.
    ///
    /// With w = a × b and g = c_b a − c_a b the point is r = (c w + n × g) / n·w, n and c being those of the third plane.
    #[inline(always)]
    fn add<R: Registers>(&mut self, registers: R, plane: usize, count: usize) -> bool {
        let nx = registers.all_four(self.planes[plane][0]);
        let ny = registers.all_four(self.planes[plane][1]);
        let nz = registers.all_four(self.planes[plane][2]);
        let c = registers.all_four(self.planes[plane][3]);
        for first in (0..count).step_by(4) {
            let Some(&edges) = self
                .hole
                .get(first..)
                .and_then(|hole| hole.first_chunk::<4>())
            else {
                return false;
            };
            let [ax, ay, az, ac] = R::Four::transposed([
                registers.four(self.planes[usize::from(edges[0][0])]),
                registers.four(self.planes[usize::from(edges[1][0])]),
                registers.four(self.planes[usize::from(edges[2][0])]),
                registers.four(self.planes[usize::from(edges[3][0])]),
            ]);
            let [bx, by, bz, bc] = R::Four::transposed([
                registers.four(self.planes[usize::from(edges[0][1])]),
                registers.four(self.planes[usize::from(edges[1][1])]),
                registers.four(self.planes[usize::from(edges[2][1])]),
                registers.four(self.planes[usize::from(edges[3][1])]),
            ]);
            let (wx, wy, wz) = (ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx);
            let (gx, gy, gz) = (bc * ax - ac * bx, bc * ay - ac * by, bc * az - ac * bz);
            let inverse = registers.all_four(1.0) / (nx * wx + ny * wy + nz * wz);
            let Some(block) = self.empty() else {
                return false;
            };
            self.x[block] = ((c * wx + (ny * gz - nz * gy)) * inverse).values();
            self.y[block] = ((c * wy + (nz * gx - nx * gz)) * inverse).values();
            self.z[block] = ((c * wz + (nx * gy - ny * gx)) * inverse).values();
            for (faces, edge) in self.faces[4 * block..].iter_mut().zip(edges) {
                *faces = u32::from(u16::from_le_bytes(edge)) | (plane as u32) << 16;
            }
            self.vertices_used |= !(!0 << (count - first).min(4)) << (4 * block);
        }
        true
    }

    /// A register in which there is no vertex.
    #[inline(always)]
    fn empty(&mut self) -> Option<usize> {
        let first = |used: u64| {
            let halves = used | used >> 1;
            let empty = !(halves | halves >> 2) & 0x1111_1111_1111_1111;
            empty.trailing_zeros() as usize / 4
        };
        let mut block = first(self.vertices_used);
        if block == BLOCKS {
            self.compact();
            block = first(self.vertices_used);
        }
        (block < BLOCKS).then_some(block)
    }

    /// Moves the vertices together, so that as many registers as can be are empty.
    #[cold]
    #[inline(never)]
    fn compact(&mut self) {
        let mut to = 0;
        for from in Bits(self.vertices_used) {
            for values in [&mut self.x, &mut self.y, &mut self.z] {
                let values = values.as_flattened_mut();
                values[to] = values[from];
            }
            self.faces[to] = self.faces[from];
            to += 1;
        }
        self.vertices_used = match to {
            SLOTS => !0,
            to => !(!0 << to),
        };
    }
}

impl Clipper for Fast {
    #[inline(always)]
    fn start(&mut self, start: &Start, slack: f64) {
        self.slack = slack;
        self.planes[..6].copy_from_slice(&start.planes);
        self.tags[..6].copy_from_slice(&[0, 1, 2, 3, 4, 5]);
        self.planes_used = 6;
        for (slot, (planes, [x, y, z])) in planes_of_corners().zip(start.corners).enumerate() {
            self.x[slot / 4][slot % 4] = x;
            self.y[slot / 4][slot % 4] = y;
            self.z[slot / 4][slot % 4] = z;
            self.faces[slot] = packed(planes);
        }
        self.vertices_used = 0xff;
    }

    #[inline(always)]
    fn cut<R: Registers>(&mut self, registers: R, plane: &Plane, tag: u32) -> Cut {
        let removed = self.beyond(registers, plane);
        if removed == 0 {
            return Cut::Missed;
        }
        if removed == self.vertices_used {
            return Cut::Empty;
        }
        let slot = self.planes_used;
        if slot == NOWHERE {
            return Cut::Full;
        }
        let count = if removed.count_ones() as usize <= FEW {
            self.find_hole(registers, removed)
        } else {
            self.find_large_hole(removed)
        };
        self.vertices_used &= !removed;
        self.planes[slot] = *plane;
        self.tags[slot] = tag;
        self.planes_used += 1;
        match self.add(registers, slot, count) {
            true => Cut::Made,
            false => Cut::Full,
        }
    }

    #[inline(always)]
    fn square_reach<R: Registers>(&self, registers: R) -> f64 {
        let mut largest = registers.all_four(0.0);
        for block in 0..self.blocks() {
            let x = registers.four(self.x[block]);
            let y = registers.four(self.y[block]);
            let z = registers.four(self.z[block]);
            let used = registers.four(LANES[(self.vertices_used >> (4 * block)) as usize % 16]);
            largest = ((x * x + y * y + z * z) * used).larger(largest);
        }
        largest
            .values()
            .into_iter()
            .fold(0.0, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn finish(&self, polyhedron: &mut Polyhedron, sides: &mut Vec<(Plane, u32)>) -> bool {
        let mut number = [0u8; 256];
        for slot in Bits(self.vertices_used) {
            let [a, b, c, _] = self.faces[slot].to_le_bytes();
            number[usize::from(a)] = 1;
            number[usize::from(b)] = 1;
            number[usize::from(c)] = 1;
        }
        sides.clear();
        for (slot, number) in number
            .iter_mut()
            .enumerate()
            .take(self.planes_used.min(SLOTS))
        {
            if *number == 1 {
                *number = sides.len() as u8;
                sides.push((self.planes[slot], self.tags[slot]));
            }
        }
        let count = self.vertices_used.count_ones() as usize;
        polyhedron.vertices.resize(count, [0; 3]);
        polyhedron.positions.resize(count, [0.0; 4]);
        let vertices = polyhedron.vertices.iter_mut();
        let rooms = vertices.zip(&mut polyhedron.positions);
        for (slot, (faces, position)) in Bits(self.vertices_used).zip(rooms) {
            let [a, b, c, _] = self.faces[slot].to_le_bytes();
            *faces = [
                number[usize::from(a)],
                number[usize::from(b)],
                number[usize::from(c)],
            ];
            let (x, y, z) = (&self.x, &self.y, &self.z);
            *position = [
                x.as_flattened()[slot],
                y.as_flattened()[slot],
                z.as_flattened()[slot],
                0.0,
            ];
        }
        true
    }
}

/// The clipper without limits of room, and without haste.
#[derive(Default)]
pub struct General {
    slack: f64,
    planes: Vec<(Plane, u32)>,
    vertices: Vec<([usize; 3], [f64; 3])>,
}

impl General {
    fn vertex(&self, faces: [usize; 3]) -> ([usize; 3], [f64; 3]) {
        let [a, b, c] = faces.map(|face| &self.planes[face].0);
        (faces, meet(a, b, c))
    }
}

impl Clipper for General {
    fn start(&mut self, start: &Start, slack: f64) {
        self.slack = slack;
        self.planes = start.planes.into_iter().zip(0..).collect();
        self.vertices = planes_of_corners().zip(start.corners).collect();
    }

    fn cut<R: Registers>(&mut self, _: R, plane: &Plane, tag: u32) -> Cut {
        let limit = limit(plane, self.slack);
        let is_beyond = |vertex: &([usize; 3], [f64; 3])| along(plane, vertex.1) > limit;
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
        self.planes.push((*plane, tag));
        self.vertices = kept;
        for (a, b) in edges {
            if !within.contains(&(b, a)) {
                self.vertices.push(self.vertex([a, b, new]));
            }
        }
        Cut::Made
    }

    fn square_reach<R: Registers>(&self, _: R) -> f64 {
        self.vertices
            .iter()
            .map(|(_, [x, y, z])| x * x + y * y + z * z)
            .fold(0.0, f64::max)
    }

    fn finish(&self, polyhedron: &mut Polyhedron, sides: &mut Vec<(Plane, u32)>) -> bool {
        let mut number = vec![None; self.planes.len()];
        for (faces, _) in &self.vertices {
            faces.iter().for_each(|&face| number[face] = Some(0));
        }
        sides.clear();
        for (number, side) in number.iter_mut().zip(&self.planes) {
            if number.is_some() {
                let Ok(new) = u8::try_from(sides.len()) else {
                    return false;
                };
                *number = Some(new);
                sides.push(*side);
            }
        }
        let faces =
            |vertex: &([usize; 3], _)| vertex.0.map(|face| number[face].unwrap_or_default());
        polyhedron.vertices.clear();
        polyhedron.vertices.extend(self.vertices.iter().map(faces));
        polyhedron.positions.clear();
        let positions = self.vertices.iter().map(|&(_, [x, y, z])| [x, y, z, 0.0]);
        polyhedron.positions.extend(positions);
        true
    }
}
