//! Codes as values: text, and the cells that they stand for.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use super::{Canonical, Canoniser};

/// A code: the numbers of the vertices in the order of the walk, from 1 back to 1. Its text is VoroTop's: `(1,2,3,…,1)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(Box<[u16]>);

impl From<Canonical<'_>> for Code {
    fn from(canonical: Canonical) -> Self {
        Code(canonical.walk.into())
    }
}

/// So that codes are found in a map by a [`Canonical::walk`].
impl Borrow<[u16]> for Code {
    fn borrow(&self) -> &[u16] {
        &self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        self.0
            .iter()
            .try_for_each(|number| write!(f, "{number},"))?;
        f.write_str("1)")
    }
}

/// Reads a code, and checks that it is one: a walk along every edge of a polyhedron, once in each direction; of a simple polyhedron, the
/// canonical one.
impl FromStr for Code {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let inner = text
            .strip_prefix('(')
            .and_then(|text| text.strip_suffix(')'))
            .ok_or("a code stands in parentheses")?;
        let number = |word: &str| {
            let number = word.trim().parse::<u16>();
            number.map_err(|_| format!("'{}' is not the number of a vertex", word.trim()))
        };
        let mut walk = inner
            .split(',')
            .map(number)
            .collect::<Result<Vec<u16>, String>>()?;
        let last = walk.pop();
        if walk.first() != Some(&1) || last != Some(1) {
            return Err("a code begins and ends with 1".to_string());
        }
        let mut highest = 0;
        for &number in &walk {
            if number == 0 || number > highest + 1 {
                return Err(format!(
                    "the code comes to vertex {number} when it has seen {highest}"
                ));
            }
            highest = highest.max(number);
        }
        let code = Code(walk.into());
        code.check()?;
        Ok(code)
    }
}

impl Code {
    /// The steps of the walk: from which vertex to which.
    fn steps(&self) -> impl Iterator<Item = (u16, u16)> {
        let walk = &self.0;
        (0..walk.len()).map(|at| (walk[at], walk[(at + 1) % walk.len()]))
    }

    /// Checks that it is a walk along every edge, once in each direction, that at least three edges meet at every vertex, and that it is
    /// canonical if it is the code of a simple polyhedron.
    fn check(&self) -> Result<(), String> {
        let highest = self.0.iter().copied().max().unwrap_or(0);
        let mut steps: Vec<(u16, u16)> = self.steps().collect();
        steps.sort_unstable();
        if let Some(pair) = steps.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!(
                "the code goes from {} to {} twice",
                pair[0].0, pair[0].1
            ));
        }
        for &(from, to) in &steps {
            if from == to || steps.binary_search(&(to, from)).is_err() {
                return Err(format!(
                    "the code goes from {from} to {to} but not from {to} to {from}"
                ));
            }
        }
        let mut edges = vec![0; usize::from(highest)];
        steps
            .iter()
            .for_each(|(from, _)| edges[usize::from(*from) - 1] += 1);
        if let Some(vertex) = edges.iter().position(|edges| *edges < 3) {
            return Err(format!(
                "the code has fewer than three edges at vertex {}",
                vertex + 1
            ));
        }
        let Some(cell) = self.cell() else {
            return Ok(());
        };
        let mut canoniser = Canoniser::default();
        let read = canoniser.read(&cell).map_err(|error| error.to_string());
        let canonical =
            read.and_then(|()| canoniser.canonical().map_err(|error| error.to_string()));
        match canonical.map(Code::from) {
            Ok(canonical) if canonical == *self => Ok(()),
            Ok(canonical) => Err(format!(
                "the code is not the canonical one of its cell, which is {canonical}"
            )),
            Err(_) => Err("the code is not that of a polyhedron".to_string()),
        }
    }

    /// The simple polyhedron that has this code, as the faces at each vertex; `None` if more than three faces meet at one of its vertices,
    /// or if it has more than 256 faces.
    pub fn cell(&self) -> Option<Vec<[u8; 3]>> {
        let walk = &self.0;
        let count = usize::from(walk.iter().copied().max()?);
        // The neighbours of each vertex, counter-clockwise: the one that it is first reached from, the one that the walk then goes to, and the
        // third. The walk turns right at the first vertex too, once it has come back there.
        let mut neighbours = vec![[0; 3]; count];
        let mut known = vec![0; count];
        let mut add = |vertex: u16, neighbour: u16| {
            let vertex = usize::from(vertex) - 1;
            if !neighbours[vertex].contains(&neighbour) {
                *neighbours[vertex].get_mut(known[vertex])? = neighbour;
                known[vertex] += 1;
            }
            Some(())
        };
        let back = 1 + walk.iter().skip(1).position(|number| *number == 1)?;
        add(1, walk[back - 1])?;
        add(1, *walk.get(1)?)?;
        for (from, to) in self.steps() {
            add(to, from)?;
            if from != 1 {
                add(from, to)?;
            }
        }
        for (from, to) in self.steps() {
            add(from, to)?;
        }
        // Along each face with the face on the right.
        let mut cell = vec![[None; 3]; count];
        let mut faces = 0;
        for first in 0..3 * count {
            let mut at = (first / 3, first % 3);
            if cell[at.0][at.1].is_some() {
                continue;
            }
            let face = u8::try_from(faces).ok()?;
            faces += 1;
            while cell[at.0][at.1].is_none() {
                cell[at.0][at.1] = Some(face);
                let to = usize::from(neighbours[at.0][at.1]).checked_sub(1)?;
                let came_by = neighbours[to]
                    .iter()
                    .position(|&n| usize::from(n) == at.0 + 1)?;
                at = (to, (came_by + 1) % 3);
            }
        }
        cell.into_iter()
            .map(|[a, b, c]| Some([a?, b?, c?]))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FRANK_KASPER, filter};
    use super::*;

    #[test]
    fn codes_read_back_and_stand_for_their_cells() {
        for (name, spiral) in FRANK_KASPER {
            let mut canoniser = Canoniser::default();
            canoniser.read(&filter::wound(spiral)).unwrap();
            let code = Code::from(canoniser.canonical().unwrap());
            assert_eq!(code.to_string().parse(), Ok(code.clone()), "{name}");
            let cell = code.cell().expect("a simple polyhedron");
            canoniser.read(&cell).unwrap();
            assert_eq!(Code::from(canoniser.canonical().unwrap()), code, "{name}");
        }
        // The tetrahedron, by hand.
        let code: Code = "(1,2,3,1,3,4,1,4,2,4,3,2,1)".parse().unwrap();
        assert_eq!(code.cell().unwrap().len(), 4);
    }

    #[test]
    fn codes_of_cells_with_four_faces_at_a_vertex_have_no_simple_cell() {
        // The octahedron, walked round by hand: four edges meet at each of six vertices.
        let code: Code = "(1,2,3,1,3,4,1,4,5,1,5,2,5,6,2,6,3,6,4,6,5,4,3,2,1)"
            .parse()
            .unwrap();
        assert_eq!(code.cell(), None);
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for (text, part) in [
            ("1,2,3", "parentheses"),
            ("(1,2,x,1)", "'x' is not the number of a vertex"),
            ("(1,2,,1)", "'' is not the number of a vertex"),
            ("(2,1,2)", "begins and ends with 1"),
            ("(1,2,3)", "begins and ends with 1"),
            ("()", "'' is not the number"),
            ("(1)", "begins and ends with 1"),
            ("(1,3,2,1)", "comes to vertex 3 when it has seen 1"),
            ("(1,2,3,0,1)", "comes to vertex 0"),
            ("(1,2,1,2,1)", "from 1 to 2 twice"),
            ("(1,2,3,1)", "from 1 to 2 but not from 2 to 1"),
            ("(1,2,1)", "fewer than three edges at vertex 1"),
            ("(1,2,3,1,3,2,1)", "fewer than three edges at vertex 1"),
            // A walk round the triangular prism that begins along a square.
            (
                "(1,2,3,4,1,4,5,6,1,6,2,6,5,3,5,4,3,2,1)",
                "not the canonical one of its cell, which is (1,2,3,1,",
            ),
            // The tetrahedron's edges, in an order in which no walk comes by them.
            ("(1,2,3,1,3,4,2,4,1,4,3,2,1)", "not that of a polyhedron"),
        ] {
            let error = text.parse::<Code>().expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
