//! What one frame's Voronoi cells are: structures, codes, and clusters of particles of one structure.

use std::collections::HashMap;
use std::sync::Arc;

use crate::analysis::tessellation::{Cells as Kind, tessellation};
use crate::data::frame::Frame;
use crate::error::Result;
use crate::physics::topology::{Canoniser, Code, Filter, is_dodecahedron};
use crate::physics::voronoi::Workspace;

/// The topology that some cells of a frame have.
pub struct Topology {
    /// Its canonical code.
    pub code: Code,
    /// The text of the code.
    pub text: Arc<str>,
    /// Order of its symmetry group.
    pub symmetry_order: usize,
    /// Whether it differs from its mirror image.
    pub is_chiral: bool,
    /// Number of faces with 3, 4, … edges.
    pub face_counts: Box<[u16]>,
    /// The structure that it belongs to.
    pub structure: Option<usize>,
    /// Cells that have it.
    pub count: usize,
}

/// A cell's own topology: which one, and which of its mirror images.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Index into [`Cells::topologies`].
    pub topology: usize,
    /// 0, −1 or 1.
    pub chirality: i8,
}

/// Particles of one structure whose cells share faces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The structure.
    pub structure: usize,
    /// Number of particles.
    pub size: usize,
}

/// The cells of a frame, in the order of its particles.
#[derive(Default)]
pub struct Cells {
    /// The structure of each.
    pub structures: Vec<Option<usize>>,
    /// Whether it is a pentagonal dodecahedron.
    pub is_icosahedron: Vec<bool>,
    /// The cluster that its particle belongs to.
    pub cluster_of: Vec<Option<usize>>,
    /// The clusters, the largest first, of equal ones that of the first particle.
    pub clusters: Vec<Cluster>,
    /// The topology of each, if codes were wanted; `None` for a hidden cell, which has no faces.
    pub shapes: Vec<Option<Shape>>,
    /// The different topologies, in the order in which they were found.
    pub topologies: Vec<Topology>,
}

impl Cells {
    /// Finds the cells of all particles.
    ///
    /// Errors: a frame without a cell, or without diameters where they are needed, and those of the tessellation.
    pub fn of(frame: &Frame, kind: Kind, filter: &Filter, with_codes: bool) -> Result<Self> {
        let tessellation = tessellation(frame, kind)?;
        let mut workspace = Workspace::default();
        let mut finder = Finder {
            filter,
            canoniser: Canoniser::default(),
            topologies: Vec::new(),
            known: HashMap::new(),
            dodecahedron: None,
        };
        let count = frame.len();
        let mut cells = Cells {
            structures: vec![None; count],
            is_icosahedron: vec![false; count],
            shapes: vec![None; if with_codes { count } else { 0 }],
            ..Cells::default()
        };
        // Neighbours of particles that have a structure.
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        for &particle in tessellation.order() {
            let particle = particle as usize;
            let cell = tessellation.cell(particle, &mut workspace)?;
            let vertices = cell.vertices();
            cells.is_icosahedron[particle] = is_dodecahedron(vertices);
            let structure = match with_codes {
                _ if cell.is_hidden() => None,
                false => filter.classify(vertices, &mut finder.canoniser)?,
                true => {
                    let shape = finder.shape(vertices)?;
                    cells.shapes[particle] = Some(shape);
                    finder.topologies[shape.topology].structure
                }
            };
            cells.structures[particle] = structure;
            if structure.is_some() {
                let neighbours = cell.faces().iter().filter_map(|face| face.neighbour);
                let later = neighbours.filter(|&neighbour| neighbour as usize > particle);
                pairs.extend(later.map(|neighbour| (particle, neighbour as usize)));
            }
        }
        cells.topologies = finder.topologies;
        cells.find_clusters(&pairs);
        Ok(cells)
    }

    /// Unites neighbours of the same structure.
    fn find_clusters(&mut self, pairs: &[(usize, usize)]) {
        let mut parents: Vec<usize> = (0..self.structures.len()).collect();
        let root = |parents: &mut Vec<usize>, mut at: usize| {
            while parents[at] != at {
                parents[at] = parents[parents[at]];
                at = parents[at];
            }
            at
        };
        for &(one, other) in pairs {
            if self.structures[one] == self.structures[other] {
                let (one, other) = (root(&mut parents, one), root(&mut parents, other));
                // The first particle of a cluster stands for it.
                parents[one.max(other)] = one.min(other);
            }
        }
        let mut sizes = vec![0; self.structures.len()];
        let members = (0..self.structures.len()).filter(|&at| self.structures[at].is_some());
        let members: Vec<(usize, usize)> = members.map(|at| (at, root(&mut parents, at))).collect();
        members.iter().for_each(|&(_, first)| sizes[first] += 1);
        let mut firsts: Vec<usize> = (0..sizes.len()).filter(|&first| sizes[first] > 0).collect();
        firsts.sort_by_key(|&first| std::cmp::Reverse(sizes[first]));
        let mut places = vec![0; sizes.len()];
        for (place, &first) in firsts.iter().enumerate() {
            places[first] = place;
        }
        self.cluster_of = vec![None; self.structures.len()];
        for (at, first) in members {
            self.cluster_of[at] = Some(places[first]);
        }
        let cluster = |&first: &usize| {
            Some(Cluster {
                structure: self.structures[first]?,
                size: sizes[first],
            })
        };
        self.clusters = firsts.iter().filter_map(cluster).collect();
    }
}

/// Finds codes, each topology once.
struct Finder<'a> {
    filter: &'a Filter,
    canoniser: Canoniser,
    topologies: Vec<Topology>,
    known: HashMap<Code, usize>,
    /// The commonest topology of glasses, and the one with most walks to be tried.
    dodecahedron: Option<usize>,
}

impl Finder<'_> {
    fn shape(&mut self, vertices: &[[u8; 3]]) -> Result<Shape> {
        let is_dodecahedron = is_dodecahedron(vertices);
        if let (true, Some(topology)) = (is_dodecahedron, self.dodecahedron) {
            self.topologies[topology].count += 1;
            return Ok(Shape {
                topology,
                chirality: 0,
            });
        }
        self.canoniser.read(vertices)?;
        let face_counts: Box<[u16]> = self.canoniser.face_counts().into();
        let canonical = self.canoniser.canonical()?;
        let (symmetry_order, chirality) = (canonical.symmetry_order, canonical.chirality);
        let topology = match self.known.get(canonical.walk) {
            Some(&topology) => topology,
            None => {
                let topology = self.topologies.len();
                let structure = self.filter.find(canonical.walk);
                let code = Code::from(canonical);
                self.topologies.push(Topology {
                    text: code.to_string().into(),
                    code: code.clone(),
                    symmetry_order,
                    is_chiral: chirality != 0,
                    face_counts,
                    structure,
                    count: 0,
                });
                self.known.insert(code, topology);
                topology
            }
        };
        if is_dodecahedron {
            self.dodecahedron = Some(topology);
        }
        self.topologies[topology].count += 1;
        Ok(Shape {
            topology,
            chirality,
        })
    }
}
