//! The topology of a cell: how its faces are connected, as a canonical code.
//!
//! A cell is a simple polyhedron: three faces meet at every vertex. It is given by these triplets, counter-clockwise as seen from outside,
//! which are the triangles of its dual. A tessellation of points in general position has no other cells; where more than three faces of a
//! degenerate one would meet, the tessellator breaks the tie, and the cell has edges of no length instead.
//!
//! The code is that of Weinberg (IEEE Trans. Circuit Theory 13, 142 (1966), DOI 10.1109/TCT.1966.1082573) in the form that VoroTop writes
//! (Lazar, Han and Srolovitz, PNAS 112, E5769 (2015), DOI 10.1073/pnas.1505788112). A walk starts along an edge and turns right at every
//! vertex that it sees for the first time. At one that it has seen, it goes back along the edge that it came by, or along the first one to
//! the right of it, if not yet walked in that direction. So it walks every edge once in each direction. Vertices are numbered as they are
//! seen, and the numbers in the order of the walk, 2E + 1 of them, are a code. The canonical one is the first in lexicographic order of the
//! codes from all edges, in both directions, of the cell and of its mirror image.

mod code;
mod filter;

pub use code::Code;
pub use filter::{FRANK_KASPER, Filter, NONE};

use std::cmp::Ordering;

use crate::error::{Error, Result};

/// Whether a cell is a pentagonal dodecahedron, the cell of a particle in the middle of an icosahedron: twelve pentagons, which can be
/// connected in one way only.
pub fn is_dodecahedron(vertices: &[[u8; 3]]) -> bool {
    if vertices.len() != 20 {
        return false;
    }
    let mut edges = [0u8; 256];
    vertices
        .iter()
        .flatten()
        .for_each(|&face| edges[usize::from(face)] += 1);
    // 60 corners: twelve faces if each has five.
    edges.iter().all(|&edges| edges == 0 || edges == 5)
}

/// The canonical code of a cell, and how many starts of the walk lead to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canonical<'a> {
    /// The numbers of the vertices in the order of the walk, without the 1 at its end.
    pub walk: &'a [u16],
    /// Number of rotations and reflections (in the sense of topology) that leave the cell as it is.
    pub symmetry_order: usize,
    /// 0 if the cell is its own mirror image, else −1 or 1: mirror images have the same code and opposite chirality.
    pub chirality: i8,
}

/// Reads one cell after another and finds their codes.
#[derive(Clone, Debug, Default)]
pub struct Canoniser {
    /// The faces at each vertex, counter-clockwise.
    vertices: Vec<[u8; 3]>,
    /// Largest number of a face + 1.
    faces: usize,
    /// The dart 4v + p leaves vertex v between the faces p, on its right, and p + 1. This is the dart that goes the other way.
    twins: Vec<u16>,
    /// The dart with face a on its right and b on its left, at a · faces + b.
    darts: Vec<u16>,
    /// Edges of each face; 0 for numbers that no face has.
    edges: Vec<u16>,
    /// Faces with 3, 4, … edges.
    counts: Vec<u16>,
    starts: Vec<Start>,
    /// Number of each vertex, and in the lowest three bits which of its darts have been walked.
    seen: Vec<u16>,
    walk: Vec<u16>,
    /// The darts of the walk under way, and of the smallest so far.
    path: Vec<u16>,
    smallest_path: Vec<u16>,
    /// For each start one that is like it, itself for one of them all, and whether one of those like it has been tried.
    alike: Vec<u16>,
    tried: Vec<bool>,
    /// The image of each dart by a symmetry, and the start that each dart is.
    images: Vec<u16>,
    places: Vec<u16>,
}

/// Where a walk can begin.
#[derive(Clone, Copy, Debug)]
struct Start {
    dart: u16,
    is_mirrored: bool,
}

const NOWHERE: u16 = u16::MAX;

/// Not a port: the walk is at its end.
const END: u8 = 3;

/// The port to leave a vertex by that has been seen, for the ports already left by (bits) and the one come by: that one, else the next to
/// the right of it, which is the next but one in a mirror.
const fn ports(turn: usize) -> [[u8; 4]; 8] {
    let mut table = [[END; 4]; 8];
    let mut used = 0;
    while used < 8 {
        let mut came_by = 0;
        while came_by < 3 {
            let mut turns = 3;
            while turns > 0 {
                turns -= 1;
                let port = (came_by + turns * turn) % 3;
                if used & (1 << port) == 0 {
                    table[used][came_by] = port as u8;
                }
            }
            came_by += 1;
        }
        used += 1;
    }
    table
}

const PORTS: [[[u8; 4]; 8]; 2] = [ports(1), ports(2)];

impl Canoniser {
    /// Reads a cell.
    ///
    /// Errors: the triplets are not the vertices of a simple polyhedron.
    pub fn read(&mut self, vertices: &[[u8; 3]]) -> Result<()> {
        let malformed =
            || Error::new("the cell is not a polyhedron with three faces at every vertex");
        self.vertices.clear();
        self.vertices.extend_from_slice(vertices);
        let largest = vertices.iter().flatten().copied().max();
        let faces = largest.map_or(0, |face| usize::from(face) + 1);
        self.faces = faces;
        self.edges.clear();
        self.edges.resize(faces, 0);
        self.darts.clear();
        self.darts.resize(faces * faces, NOWHERE);
        for (v, triplet) in vertices.iter().enumerate() {
            let [a, b, c] = triplet.map(usize::from);
            for (port, (right, left)) in [(a, b), (b, c), (c, a)].into_iter().enumerate() {
                let dart = &mut self.darts[right * faces + left];
                if right == left || *dart != NOWHERE {
                    return Err(malformed());
                }
                *dart = (4 * v + port) as u16;
                self.edges[right] += 1;
            }
        }
        self.twins.clear();
        for triplet in vertices {
            let [a, b, c] = triplet.map(usize::from);
            let twins = [b * faces + a, c * faces + b, a * faces + c];
            let twins = twins.map(|at| self.darts[at]);
            if twins.contains(&NOWHERE) {
                return Err(malformed());
            }
            self.twins.extend_from_slice(&twins);
            self.twins.push(NOWHERE);
        }
        self.counts.clear();
        let mut in_use = 0;
        for edges in self.edges.iter().filter(|edges| **edges > 0) {
            let Some(at) = usize::from(*edges).checked_sub(3) else {
                return Err(malformed());
            };
            if self.counts.len() <= at {
                self.counts.resize(at + 1, 0);
            }
            self.counts[at] += 1;
            in_use += 1;
        }
        // Euler's formula with three edges at a vertex.
        if in_use < 4 || vertices.len() + 4 != 2 * in_use {
            return Err(malformed());
        }
        Ok(())
    }

    /// Number of faces with 3, 4, … edges of the cell that was read, up to the last that is not zero.
    pub fn face_counts(&self) -> &[u16] {
        &self.counts
    }

    /// Number of faces of the cell that was read.
    pub fn faces(&self) -> usize {
        self.counts.iter().map(|&count| usize::from(count)).sum()
    }

    /// The canonical code of the cell that was read.
    ///
    /// Errors: the cell is in several pieces.
    pub fn canonical(&mut self) -> Result<Canonical<'_>> {
        self.find_starts();
        self.seen.resize(self.vertices.len(), 0);
        self.walk.clear();
        self.walk.resize(3 * self.vertices.len(), 1);
        self.path.resize(3 * self.vertices.len(), 0);
        self.tried.clear();
        self.tried.resize(self.starts.len(), false);
        self.alike.clear();
        self.alike.extend(0..self.starts.len() as u16);
        // Starts that a symmetry turns into one another lead to the same walk: one of them is enough.
        let mut smallest = 0;
        for start in 0..self.starts.len() {
            let known = self.root(start as u16);
            if std::mem::replace(&mut self.tried[usize::from(known)], true) {
                continue;
            }
            let order = match start {
                0 => Ordering::Less,
                _ => Ordering::Equal,
            };
            let compared = match self.starts[start].is_mirrored {
                false => self.compare::<false>(start, order),
                true => self.compare::<true>(start, order),
            };
            match compared {
                Some(Ordering::Less) => {
                    smallest = start;
                    std::mem::swap(&mut self.path, &mut self.smallest_path);
                    self.path.resize(3 * self.vertices.len(), 0);
                }
                Some(Ordering::Equal) => self.unite(smallest, start),
                Some(Ordering::Greater) => {}
                None => return Err(Error::new("the cell is in several pieces")),
            }
        }
        let smallest = self.root(smallest as u16);
        let mut found = [0, 0];
        for start in 0..self.starts.len() {
            let is_one = self.root(start as u16) == smallest;
            found[usize::from(self.starts[start].is_mirrored)] += usize::from(is_one);
        }
        Ok(Canonical {
            walk: &self.walk,
            symmetry_order: found[0] + found[1],
            chirality: match found {
                [_, 0] => -1,
                [0, _] => 1,
                _ => 0,
            },
        })
    }

    /// The start that stands for all that are known to be like this one.
    fn root(&mut self, mut start: u16) -> u16 {
        while self.alike[usize::from(start)] != start {
            let next = self.alike[usize::from(start)];
            self.alike[usize::from(start)] = self.alike[usize::from(next)];
            start = next;
        }
        start
    }

    /// Unites the starts that are alike by the symmetry which turns the smallest walk into the last one, its equal.
    fn unite(&mut self, smallest: usize, last: usize) {
        let mirrors = self.starts[smallest].is_mirrored != self.starts[last].is_mirrored;
        self.images.resize(4 * self.vertices.len(), NOWHERE);
        for (&dart, &image) in self.smallest_path.iter().zip(&self.path) {
            self.images[usize::from(dart)] = image;
        }
        self.places.clear();
        self.places.resize(8 * self.vertices.len(), NOWHERE);
        let place = |dart: u16, is_mirrored: bool| 2 * usize::from(dart) + usize::from(is_mirrored);
        for (at, start) in self.starts.iter().enumerate() {
            self.places[place(start.dart, start.is_mirrored)] = at as u16;
        }
        for at in 0..self.starts.len() {
            let Start { dart, is_mirrored } = self.starts[at];
            let image = place(self.images[usize::from(dart)], is_mirrored != mirrors);
            let one = self.root(at as u16);
            let other = self.root(self.places[image]);
            self.tried[usize::from(one)] |= self.tried[usize::from(other)];
            self.alike[usize::from(other)] = one;
        }
    }

    /// The dart that follows along the face on the right.
    fn next(&self, dart: u16) -> u16 {
        let twin = self.twins[usize::from(dart)];
        if twin & 3 == 2 { twin - 2 } else { twin + 1 }
    }

    /// The face on the left of a dart.
    fn left(&self, dart: u16) -> usize {
        let triplet = self.vertices[usize::from(dart >> 2)];
        usize::from(triplet[(usize::from(dart & 3) + 1) % 3])
    }

    /// Finds the starts that may lead to the canonical code.
    ///
    /// A walk goes round the face beside its first edge, then round two more: the one beyond the edge by which it came back, and the one
    /// beyond its first edge. Of each it sees every vertex that it has not seen on the others before it comes back to one, and the sooner
    /// it does the smaller its code is. So the first face has as few edges as any, and the others as few as any around such a face.
    fn find_starts(&mut self) {
        self.starts.clear();
        let Some(fewest) = self.counts.iter().position(|count| *count > 0) else {
            return;
        };
        let mut smallest = (u16::MAX, u16::MAX);
        for face in 0..self.faces {
            if usize::from(self.edges[face]) != fewest + 3 {
                continue;
            }
            let row = &self.darts[face * self.faces..][..self.faces];
            let first = *row
                .iter()
                .find(|dart| **dart != NOWHERE)
                .expect("the face has edges");
            let mut dart = first;
            loop {
                let next = self.next(dart);
                let [near, far] = [dart, next].map(|dart| self.edges[self.left(dart)]);
                // Along the face in both directions: from this edge to the next, and the other way.
                let there = ((near, far), next, false);
                let back = ((far, near), self.twins[usize::from(dart)], true);
                for (beyond, dart, is_mirrored) in [there, back] {
                    if beyond < smallest {
                        smallest = beyond;
                        self.starts.clear();
                    }
                    if beyond == smallest {
                        self.starts.push(Start { dart, is_mirrored });
                    }
                }
                dart = next;
                if dart == first {
                    break;
                }
            }
        }
    }

    /// Makes the walk from a start as long as it is not greater than the smallest so far, and keeps it if it is smaller; `order` is how it
    /// compares before it has begun, [`Ordering::Less`] for the first.
    ///
    /// Returns how it compares; `None` if it comes to its end before it has been everywhere.
    fn compare<const MIRRORED: bool>(
        &mut self,
        start: usize,
        mut order: Ordering,
    ) -> Option<Ordering> {
        let ports = if MIRRORED { &PORTS[1] } else { &PORTS[0] };
        let turn = if MIRRORED { 2 } else { 1 };
        let mut dart = self.starts[start].dart;
        let (twins, seen, walk) = (&self.twins[..], &mut self.seen[..], &mut self.walk[..]);
        seen.fill(0);
        let mut highest = 1;
        seen[usize::from(dart >> 2)] = highest << 3 | 1 << (dart & 3);
        self.path[0] = dart;
        for (best, path) in walk.iter_mut().zip(&mut self.path).skip(1) {
            let twin = twins[usize::from(dart)];
            let (vertex, came_by) = (twin >> 2, (twin & 3) as u8);
            let seen = &mut seen[usize::from(vertex)];
            let port = if *seen == 0 {
                highest += 1;
                *seen = highest << 3;
                (came_by + turn) % 3
            } else {
                ports[usize::from(*seen & 7)][usize::from(came_by)]
            };
            if port == END {
                return None;
            }
            *seen |= 1 << port;
            let number = *seen >> 3;
            if order == Ordering::Equal {
                order = number.cmp(best);
                if order == Ordering::Greater {
                    return Some(order);
                }
            }
            *best = number;
            dart = vertex << 2 | u16::from(port);
            *path = dart;
        }
        Some(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Vector3;

    /// The polyhedron whose faces touch these points from outside, by trying every triplet of them: the hull of the points, dual.
    fn around(points: &[Vector3<f64>]) -> Vec<[u8; 3]> {
        let mut vertices = Vec::new();
        for a in 0..points.len() {
            for b in 0..points.len() {
                for c in (a + 1)..points.len() {
                    if b <= a || b == c {
                        continue;
                    }
                    let normal = (points[b] - points[a]).cross(&(points[c] - points[a]));
                    let outside = |point: &Vector3<f64>| normal.dot(&(point - points[a])) > 1e-9;
                    if !points.iter().any(outside) {
                        vertices.push([a as u8, b as u8, c as u8]);
                    }
                }
            }
        }
        vertices
    }

    fn numbers(seed: u64) -> impl FnMut() -> u64 {
        let mut state = seed;
        move || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            state >> 33
        }
    }

    /// A polyhedron with so many faces at random.
    fn random(faces: usize, seed: u64) -> Vec<[u8; 3]> {
        let mut next = numbers(seed);
        let mut coordinate = || next() as f64 / (1u64 << 30) as f64 - 1.0;
        let mut points = Vec::new();
        while points.len() < faces {
            let point = Vector3::new(coordinate(), coordinate(), coordinate());
            if point.norm() > 0.1 && point.norm() < 1.0 {
                points.push(point.normalize());
            }
        }
        around(&points)
    }

    fn mirrored(cell: &[[u8; 3]]) -> Vec<[u8; 3]> {
        cell.iter().map(|&[a, b, c]| [c, b, a]).collect()
    }

    fn found(cell: &[[u8; 3]]) -> (String, usize, i8) {
        let mut canoniser = Canoniser::default();
        canoniser.read(cell).unwrap();
        let canonical = canoniser.canonical().unwrap();
        let (order, chirality) = (canonical.symmetry_order, canonical.chirality);
        (Code::from(canonical).to_string(), order, chirality)
    }

    /// The same by the definition: Weinberg's walk from every edge in both directions of the cell and of its mirror image.
    fn slowly(cell: &[[u8; 3]]) -> (String, usize, i8) {
        // For a vertex and a face there, the vertex at the other end of the edge between that face and the next one counter-clockwise.
        let ends = |cell: &[[u8; 3]]| -> Vec<[usize; 3]> {
            let end = |from: usize, side: usize| {
                let (right, left) = (cell[from][side], cell[from][(side + 1) % 3]);
                let is_end = |to: &usize| {
                    *to != from && cell[*to].contains(&right) && cell[*to].contains(&left)
                };
                (0..cell.len()).find(is_end).unwrap()
            };
            (0..cell.len())
                .map(|from| [0, 1, 2].map(|side| end(from, side)))
                .collect()
        };
        let walk = |ends: &[[usize; 3]], from: usize, side: usize| {
            let mut numbers = vec![0; ends.len()];
            let mut walked = vec![[false; 3]; ends.len()];
            let mut code = vec![1];
            numbers[from] = 1;
            let (mut at, mut by) = (from, side);
            loop {
                walked[at][by] = true;
                let to = ends[at][by];
                let came_by = (0..3).find(|&side| ends[to][side] == at).unwrap();
                let is_new = numbers[to] == 0;
                if is_new {
                    numbers[to] = numbers.iter().max().unwrap() + 1;
                }
                code.push(numbers[to]);
                let sides = [came_by, (came_by + 1) % 3, (came_by + 2) % 3];
                let open = sides.into_iter().find(|&side| !walked[to][side]);
                match (is_new, open) {
                    (true, _) => by = sides[1],
                    (false, Some(side)) => by = side,
                    (false, None) => return code,
                }
                at = to;
            }
        };
        let codes = |cell: &[[u8; 3]]| {
            let ends = ends(cell);
            let starts = (0..cell.len()).flat_map(|from| (0..3).map(move |side| (from, side)));
            starts
                .map(|(from, side)| walk(&ends, from, side))
                .collect::<Vec<Vec<usize>>>()
        };
        let (own, mirror) = (codes(cell), codes(&mirrored(cell)));
        let smallest = own.iter().chain(&mirror).min().unwrap();
        let count = |codes: &[Vec<usize>]| codes.iter().filter(|code| *code == smallest).count();
        let chirality = match (count(&own), count(&mirror)) {
            (_, 0) => -1,
            (0, _) => 1,
            _ => 0,
        };
        let words: Vec<String> = smallest.iter().map(usize::to_string).collect();
        (
            format!("({})", words.join(",")),
            count(&own) + count(&mirror),
            chirality,
        )
    }

    #[test]
    fn codes_are_the_smallest_of_all_walks() {
        for faces in 4..=18 {
            for seed in 0..12 {
                let cell = random(faces, seed);
                assert_eq!(found(&cell), slowly(&cell), "{faces} faces, seed {seed}");
            }
        }
        // All faces alike, so that nothing but the walks tells starts apart.
        for (name, spiral) in FRANK_KASPER {
            let cell = filter::wound(spiral);
            assert_eq!(found(&cell), slowly(&cell), "{name}");
        }
    }

    #[test]
    fn codes_do_not_depend_on_names_and_order_and_mirror_images_differ_in_chirality() {
        let mut chiral = 0;
        for seed in 0..50 {
            let cell = random(14, seed);
            let (code, order, chirality) = found(&cell);
            let mut next = numbers(seed);
            let mut renamed: Vec<u8> = (0..200).collect();
            for at in (1..renamed.len()).rev() {
                renamed.swap(at, next() as usize % (at + 1));
            }
            let mut other: Vec<[u8; 3]> = cell
                .iter()
                .map(|faces| faces.map(|face| renamed[usize::from(face)]))
                .collect();
            for at in (1..other.len()).rev() {
                other.swap(at, next() as usize % (at + 1));
                other[at].rotate_left(next() as usize % 3);
            }
            assert_eq!(found(&other), (code.clone(), order, chirality));
            assert_eq!(found(&mirrored(&cell)), (code, order, -chirality));
            chiral += usize::from(chirality != 0);
        }
        assert!((25..50).contains(&chiral), "{chiral}");
    }

    #[test]
    fn symmetry_orders_are_those_of_the_groups() {
        let point = |[x, y, z]: [f64; 3]| Vector3::new(x, y, z);
        let signs = |[x, y, z]: [f64; 3]| {
            let sign = |bit: usize| move |octant: usize| 1.0 - 2.0 * ((octant >> bit) & 1) as f64;
            let each =
                (0..8).map(move |o| Vector3::new(x * sign(0)(o), y * sign(1)(o), z * sign(2)(o)));
            let mut points: Vec<Vector3<f64>> = Vec::new();
            for point in each {
                if !points.contains(&point) {
                    points.push(point);
                }
            }
            points
        };
        let turned =
            |[x, y, z]: [f64; 3]| [signs([x, y, z]), signs([z, x, y]), signs([y, z, x])].concat();
        let ring = |n: usize| {
            let angle = move |k: usize| std::f64::consts::TAU * k as f64 / n as f64;
            let around = (0..n).map(move |k| Vector3::new(angle(k).cos(), angle(k).sin(), 0.0));
            around
                .chain([point([0.0, 0.0, 0.8]), point([0.0, 0.0, -0.8])])
                .collect::<Vec<_>>()
        };
        let tetrahedron = [
            [1.0, 1.0, 1.0],
            [1.0, -1.0, -1.0],
            [-1.0, 1.0, -1.0],
            [-1.0, -1.0, 1.0],
        ]
        .map(point);
        let golden = 0.5 * (1.0 + 5f64.sqrt());
        // |x| ≤ 2 and |x| + |y| + |z| ≤ 3, the cell of a body-centred crystal: every face n·r ≤ c as n/c.
        let truncated_octahedron = [turned([0.5, 0.0, 0.0]), signs([1.0 / 3.0; 3])].concat();
        // The faces cut off are near the corners.
        let corners = tetrahedron.map(|corner| -0.45 * corner);
        let truncated_tetrahedron = [tetrahedron.to_vec(), corners.to_vec()].concat();
        let solids = [
            ("tetrahedron", tetrahedron.to_vec(), "[4]", 24),
            ("cube", turned([1.0, 0.0, 0.0]), "[0, 6]", 48),
            (
                "dodecahedron",
                turned([0.0, 1.0, golden]),
                "[0, 0, 12]",
                120,
            ),
            (
                "truncated octahedron",
                truncated_octahedron,
                "[0, 6, 0, 8]",
                48,
            ),
            (
                "truncated tetrahedron",
                truncated_tetrahedron,
                "[4, 0, 0, 4]",
                24,
            ),
            ("triangular prism", ring(3), "[2, 3]", 12),
            ("pentagonal prism", ring(5), "[0, 5, 2]", 20),
            ("hexagonal prism", ring(6), "[0, 6, 0, 2]", 24),
            ("decagonal prism", ring(10), "[0, 10, 0, 0, 0, 0, 0, 2]", 40),
        ];
        for (name, points, counts, order) in solids {
            let cell = around(&points);
            let mut canoniser = Canoniser::default();
            canoniser
                .read(&cell)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(format!("{:?}", canoniser.face_counts()), counts, "{name}");
            assert_eq!(canoniser.faces(), points.len(), "{name}");
            let (_, found, chirality) = found(&cell);
            assert_eq!((found, chirality), (order, 0), "{name}");
            assert_eq!(is_dodecahedron(&cell), name == "dodecahedron", "{name}");
        }
    }

    #[test]
    fn what_is_no_polyhedron_is_refused() {
        let cube = around(&[0, 1, 2, 3, 4, 5].map(|side| {
            let mut point = Vector3::zeros();
            point[side / 2] = 1.0 - 2.0 * (side % 2) as f64;
            point
        }));
        let mut canoniser = Canoniser::default();
        canoniser.read(&cube).unwrap();
        let mut turned_over = cube.clone();
        turned_over[3].swap(0, 1);
        let mut one_face = cube.clone();
        one_face[3] = [0, 0, 1];
        // The torus of seven hexagons, each touching all the others.
        let torus: Vec<[u8; 3]> = (0..7u8)
            .flat_map(|k| [[k, (k + 1) % 7, (k + 3) % 7], [k, (k + 3) % 7, (k + 2) % 7]])
            .collect();
        let two_edges = [[0, 1, 2], [0, 2, 1]];
        // Faces 0 and 5 share two edges: a surface of two lumps, which no flat faces make.
        let lumps = [
            [1, 5, 0],
            [1, 0, 2],
            [5, 1, 2],
            [5, 2, 0],
            [3, 0, 5],
            [0, 3, 4],
            [3, 5, 4],
            [0, 4, 5],
        ];
        for wrong in [
            &cube[1..],
            &[cube.clone(), cube[..1].to_vec()].concat(),
            &turned_over,
            &one_face,
            &torus,
            &two_edges,
            &lumps,
            &[],
        ] {
            let error = canoniser.read(wrong).expect_err("refused").to_string();
            assert!(error.contains("three faces at every vertex"), "{error}");
        }
        // Euler's formula holds for a torus and a tetrahedron together.
        let tetrahedron = [[7, 8, 9], [8, 7, 10], [9, 8, 10], [7, 9, 10]];
        canoniser
            .read(&[&torus[..], &tetrahedron].concat())
            .unwrap();
        assert!(canoniser.canonical().is_err());
        // Nothing is left of it.
        canoniser.read(&cube).unwrap();
        assert_eq!(canoniser.canonical().unwrap().symmetry_order, 48);
    }
}
