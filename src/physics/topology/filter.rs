//! Structures by the codes of their cells.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Canoniser, Code};
use crate::error::{Error, Result};

/// The Frank–Kasper coordination polyhedra with 12, 14, 15 and 16 vertices, of which 12 have five neighbours and the others six: their
/// names, and the edges of the cell's faces in the order of a spiral, in which each face touches the one before and the first that is not
/// yet surrounded. They are the fullerenes C20, C24, C26 and the tetrahedral C28.
///
/// Frank and Kasper, Acta Cryst. 11, 184 (1958), DOI 10.1107/S0365110X58000487; for spirals, Fowler and Manolopoulos, *An Atlas of
/// Fullerenes* (1995).
pub const FRANK_KASPER: [(&str, &[u8]); 4] = [
    ("icosahedron", &[5; 12]),
    ("Z14", &[6, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6]),
    ("Z15", &[5, 5, 5, 5, 5, 6, 5, 6, 5, 6, 5, 5, 5, 5, 5]),
    ("Z16", &[5, 5, 5, 6, 5, 6, 5, 6, 5, 5, 5, 5, 5, 5, 5, 6]),
];

/// The cell whose faces have these numbers of edges, in the order of a spiral, as the faces at each vertex.
///
/// Panics if there is none.
pub(super) fn wound(spiral: &[u8]) -> Vec<[u8; 3]> {
    use std::collections::VecDeque;
    // Faces at the rim of those laid so far, in their order along it, with the edges that nothing lies against.
    let mut rim = VecDeque::from([(0, spiral[0] - 1), (1, spiral[1] - 1)]);
    let mut cell = Vec::new();
    let (last, others) = spiral[2..].split_last().expect("a polyhedron");
    for (face, &edges) in (2..).zip(others) {
        let mut open = edges - 2;
        let (first, last) = (rim[0].0, rim[rim.len() - 1].0);
        cell.push([last, first, face]);
        rim[0].1 -= 1;
        rim.back_mut().expect("two faces").1 -= 1;
        while rim[0].1 == 0 {
            let (closed, _) = rim.pop_front().expect("a face");
            cell.push([closed, rim[0].0, face]);
            rim[0].1 -= 1;
            open -= 1;
        }
        while rim[rim.len() - 1].1 == 0 {
            let (closed, _) = rim.pop_back().expect("a face");
            let end = rim.back_mut().expect("a face");
            cell.push([end.0, closed, face]);
            end.1 -= 1;
            open -= 1;
        }
        rim.push_back((face, open));
    }
    assert!(rim.len() == usize::from(*last) && rim.iter().all(|(_, open)| *open == 1));
    let face = spiral.len() as u8 - 1;
    cell.extend((0..rim.len()).map(|at| [rim[at].0, rim[(at + 1) % rim.len()].0, face]));
    cell
}

/// What cells that belong to no structure are called.
pub const NONE: &str = "none";

/// Structures, each with the codes of the cells that belong to it.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    names: Vec<Arc<str>>,
    structures: HashMap<Code, usize>,
    /// Numbers of faces by their edges that occur: other cells need no code.
    face_counts: HashSet<Box<[u16]>>,
    /// The structure that the dodecahedron belongs to, which needs no code either.
    dodecahedron: Option<usize>,
}

impl Filter {
    /// One of [`FRANK_KASPER`].
    ///
    /// Panics if there is none of that name.
    pub fn frank_kasper(name: &str) -> Self {
        let known = FRANK_KASPER.iter().find(|(known, _)| *known == name);
        let (_, spiral) = known.expect("a Frank-Kasper polyhedron");
        let mut canoniser = Canoniser::default();
        let code = canoniser
            .read(&wound(spiral))
            .and_then(|()| canoniser.canonical().map(Code::from))
            .expect("a polyhedron");
        let mut filter = Filter::default();
        let structure = filter.add_structure(name).expect("the only one");
        filter.add_code(structure, code).expect("the only one");
        filter
    }

    /// Adds a structure and returns its number.
    ///
    /// Errors: it has no name, that of another, or [`NONE`].
    pub fn add_structure(&mut self, name: &str) -> Result<usize> {
        if name.is_empty() {
            return Err(Error::new("a structure has no name").help("give it one"));
        }
        if name == NONE {
            return Err(Error::new(format!(
                "a structure is called '{NONE}', as cells of no structure are"
            ))
            .help("give it another name"));
        }
        if self.names.iter().any(|known| **known == *name) {
            return Err(Error::new(format!("two structures are called '{name}'"))
                .help("give each a name of its own"));
        }
        self.names.push(name.into());
        Ok(self.names.len() - 1)
    }

    /// Adds a code to a structure.
    ///
    /// A code of a cell with more than three faces at a vertex is kept; no cell has it.
    ///
    /// Errors: it belongs to another.
    pub fn add_code(&mut self, structure: usize, code: Code) -> Result<()> {
        let known = *self.structures.get(&code).unwrap_or(&structure);
        if known != structure {
            let (one, other) = (&self.names[known], &self.names[structure]);
            return Err(
                Error::new(format!("the same code belongs to '{one}' and to '{other}'"))
                    .help("leave one of the two out"),
            );
        }
        let mut canoniser = Canoniser::default();
        if let Some(cell) = code.cell()
            && canoniser.read(&cell).is_ok()
        {
            self.face_counts.insert(canoniser.face_counts().into());
            if super::is_dodecahedron(&cell) {
                self.dodecahedron = Some(structure);
            }
        }
        self.structures.insert(code, structure);
        Ok(())
    }

    /// Adds the structures of another filter.
    ///
    /// Errors: they have a name or a code in common.
    pub fn merge(&mut self, other: Filter) -> Result<()> {
        let first = self.names.len();
        for name in &other.names {
            self.add_structure(name)?;
        }
        // In the order of the codes, so that the same conflict is told every time.
        let mut codes: Vec<(Code, usize)> = other.structures.into_iter().collect();
        codes.sort_unstable();
        codes
            .into_iter()
            .try_for_each(|(code, structure)| self.add_code(first + structure, code))
    }

    /// Names of the structures, by their numbers.
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// Number of codes.
    pub fn codes(&self) -> usize {
        self.structures.len()
    }

    /// Whether no structure but the dodecahedron can be found, so that cells need not be read.
    pub fn is_dodecahedron_only(&self) -> bool {
        self.dodecahedron.is_some() && self.structures.len() == 1
    }

    /// The structure of a cell with this canonical walk.
    pub fn find(&self, walk: &[u16]) -> Option<usize> {
        self.structures.get(walk).copied()
    }

    /// The structure of a cell, without its code if it can be told from the faces.
    ///
    /// Errors: those of [`Canoniser::read`] and [`Canoniser::canonical`].
    pub fn classify(
        &self,
        vertices: &[[u8; 3]],
        canoniser: &mut Canoniser,
    ) -> Result<Option<usize>> {
        if super::is_dodecahedron(vertices) {
            return Ok(self.dodecahedron);
        }
        if self.is_dodecahedron_only() {
            return Ok(None);
        }
        canoniser.read(vertices)?;
        if !self.face_counts.contains(canoniser.face_counts()) {
            return Ok(None);
        }
        Ok(self.find(canoniser.canonical()?.walk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frank_kasper_polyhedra_have_their_faces_and_symmetries() {
        // I_h, D_6d, D_3h, T_d.
        for ((name, spiral), (hexagons, order)) in
            FRANK_KASPER
                .iter()
                .zip([(0, 120), (2, 24), (3, 12), (4, 24)])
        {
            let cell = wound(spiral);
            let mut canoniser = Canoniser::default();
            canoniser.read(&cell).unwrap();
            let counts = canoniser.face_counts();
            assert_eq!(
                (counts[2], counts.get(3).copied().unwrap_or(0)),
                (12, hexagons),
                "{name}"
            );
            // Hexagons of a Frank-Kasper polyhedron do not touch.
            let is_hexagon = |face: u8| spiral[usize::from(face)] == 6;
            assert!(
                cell.iter()
                    .all(|faces| faces.iter().filter(|face| is_hexagon(**face)).count() < 2)
            );
            let canonical = canoniser.canonical().unwrap();
            assert_eq!(
                (canonical.symmetry_order, canonical.chirality),
                (order, 0),
                "{name}"
            );
            let mut filter = Filter::frank_kasper("Z14");
            filter.merge(Filter::frank_kasper("icosahedron")).unwrap();
            let structure = filter.classify(&cell, &mut canoniser).unwrap();
            let found = structure.map(|structure| &*filter.names()[structure]);
            assert_eq!(
                found,
                Some(*name).filter(|name| ["Z14", "icosahedron"].contains(name))
            );
        }
    }

    #[test]
    fn names_and_codes_belong_to_one_structure() {
        let mut filter = Filter::frank_kasper("Z15");
        let error = filter.merge(Filter::frank_kasper("Z15")).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("two structures are called 'Z15'")
        );
        let mut filter = Filter::frank_kasper("Z15");
        let code = filter.structures.keys().next().unwrap().clone();
        filter.add_code(0, code.clone()).unwrap();
        let other = filter.add_structure("other").unwrap();
        let error = filter.add_code(other, code).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("belongs to 'Z15' and to 'other'")
        );
    }
}
