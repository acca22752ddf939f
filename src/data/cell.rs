//! The simulation cell.

use nalgebra::{Matrix3, Vector3};

use crate::error::{Error, Result};

/// A parallelepiped with an origin and a periodicity for each of its three edges.
///
/// A position r (length) and its fractional coordinates s (dimensionless) are related by r = o + H s, where o is the origin and the
/// columns of H are the edge vectors a, b and c (length). The edges are right-handed: det H > 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    matrix: Matrix3<f64>,
    inverse: Matrix3<f64>,
    origin: Vector3<f64>,
    periodic: [bool; 3],
}

impl Cell {
    /// A cell from its edge vectors, its origin and which edges are periodic.
    ///
    /// Errors: a value that is not finite, and edges that do not span a positive volume.
    pub fn new(
        edges: [Vector3<f64>; 3],
        origin: Vector3<f64>,
        periodic: [bool; 3],
    ) -> Result<Self> {
        let matrix = Matrix3::from_columns(&edges);
        if !matrix
            .iter()
            .chain(origin.iter())
            .all(|value| value.is_finite())
        {
            return Err(
                Error::new("the cell has a value that is not a finite number")
                    .help("correct the cell of this frame"),
            );
        }
        let longest = edges.iter().map(|edge| edge.norm()).fold(0.0, f64::max);
        let volume = matrix.determinant();
        // Relative to the longest edge, so that the unit of length does not matter.
        if volume <= 0.0 || volume.is_nan() {
            return Err(Error::new(format!(
                "the cell has a volume of {volume}, not a positive one"
            ))
            .help("every edge must be longer than zero, and the three right-handed"));
        }
        if volume.is_infinite() || volume <= 1e-12 * longest.powi(3) {
            return Err(Error::new(format!(
                "the cell has an edge of {longest} and a volume of {volume}: too flat or too large to compute with"
            ))
            .help("correct the cell of this frame"));
        }
        let inverse = if is_diagonal(&matrix) {
            Matrix3::from_diagonal(&matrix.diagonal().map(|edge| 1.0 / edge))
        } else {
            matrix.try_inverse().ok_or_else(|| {
                Error::new("the edges of the cell lie in a plane")
                    .help("correct the cell of this frame")
            })?
        };
        Ok(Cell {
            matrix,
            inverse,
            origin,
            periodic,
        })
    }

    /// A periodic orthogonal cell with its corner at the origin and the given edge lengths.
    pub fn orthogonal(lengths: [f64; 3]) -> Result<Self> {
        let [x, y, z] = lengths;
        let edges = [
            Vector3::new(x, 0.0, 0.0),
            Vector3::new(0.0, y, 0.0),
            Vector3::new(0.0, 0.0, z),
        ];
        Self::new(edges, Vector3::zeros(), [true; 3])
    }

    /// The matrix H whose columns are the edge vectors (length).
    pub fn matrix(&self) -> &Matrix3<f64> {
        &self.matrix
    }

    /// Edge vector `axis` (0, 1, 2 for a, b, c; length).
    pub fn edge(&self, axis: usize) -> Vector3<f64> {
        self.matrix.column(axis).into()
    }

    /// The corner from which the edges start (length).
    pub fn origin(&self) -> Vector3<f64> {
        self.origin
    }

    /// Which edges are periodic.
    pub fn periodic(&self) -> [bool; 3] {
        self.periodic
    }

    /// V = det H (length³).
    pub fn volume(&self) -> f64 {
        self.matrix.determinant()
    }

    /// Lengths of the edges |a|, |b|, |c|.
    pub fn lengths(&self) -> [f64; 3] {
        [0, 1, 2].map(|axis| self.matrix.column(axis).norm())
    }

    /// Whether the edges lie along x, y and z.
    pub fn is_orthogonal(&self) -> bool {
        is_diagonal(&self.matrix)
    }

    /// Whether a lies along x and b in the xy plane, each with a positive diagonal: the orientation that LAMMPS calls restricted triclinic.
    pub fn is_restricted(&self) -> bool {
        let h = &self.matrix;
        h[(1, 0)] == 0.0
            && h[(2, 0)] == 0.0
            && h[(2, 1)] == 0.0
            && h[(0, 0)] > 0.0
            && h[(1, 1)] > 0.0
            && h[(2, 2)] > 0.0
    }

    /// Fractional coordinates s = H⁻¹ (r − o).
    pub fn fractional(&self, position: &Vector3<f64>) -> Vector3<f64> {
        self.inverse * (position - self.origin)
    }

    /// Position r = o + H s.
    pub fn cartesian(&self, fractional: &Vector3<f64>) -> Vector3<f64> {
        self.matrix * fractional + self.origin
    }

    /// Translation H n of the periodic image n.
    pub fn translation(&self, image: [i32; 3]) -> Vector3<f64> {
        self.matrix
            * Vector3::new(
                f64::from(image[0]),
                f64::from(image[1]),
                f64::from(image[2]),
            )
    }
}

fn is_diagonal(matrix: &Matrix3<f64>) -> bool {
    (0..3).all(|row| (0..3).all(|column| row == column || matrix[(row, column)] == 0.0))
}
