//! The same cells by Voro++ (Rycroft, Chaos 19, 041111 (2009), doi:10.1063/1.3215722): the reference that the own clipper is held to.
//!
//! Voro++ cuts each cell out of a box, plane by plane; which particles to ask for planes, in cells of any shape, is found here. It is told
//! lengths in units of (V/N)^(1/3), because its tolerances are absolute. Its results are checked: that it was not built with fused
//! multiplications, which make its radical cells grossly wrong; that no face is left of the starting box; that the volumes fill the cell; that
//! neighbours are neighbours of each other.

use voro_rs::prelude::{VoroCell, VoroCellNbr};

use super::grid::{OUTLINE, WALL};
use super::{Face, Tessellation, Thresholds};
use crate::error::{Error, Result};

/// A cell as Voro++ has it. All values of a hidden one are zero or empty.
#[derive(Clone, Debug, Default)]
pub struct OracleCell {
    /// Volume (length³).
    pub volume: f64,
    /// Area of all faces (length²).
    pub surface_area: f64,
    /// The faces.
    pub faces: Vec<Face>,
    /// Lengths of the edges of each face (length).
    lengths: Vec<Vec<f64>>,
}

impl OracleCell {
    /// Number of edges that count of each face, as [`Polyhedron::edges_above`](super::Polyhedron::edges_above) has it.
    pub fn edges_above(&self, thresholds: &Thresholds) -> Vec<Option<u32>> {
        let longer = |lengths: &Vec<f64>| {
            let longer = lengths
                .iter()
                .filter(|&&length| length > thresholds.edge_length);
            longer.count() as u32
        };
        let faces = self.faces.iter().zip(&self.lengths);
        faces
            .map(|(face, lengths)| {
                let edges = longer(lengths);
                (face.area > thresholds.face_area && edges >= 3).then_some(edges)
            })
            .collect()
    }
}

/// All cells, in the order of the particles.
///
/// Errors: a build with fused multiplications; cells that do not fill the volume to 10⁻¹⁰, or neighbours that are not each other's, which
/// happens with degenerate input.
pub fn cells(tessellation: &Tessellation) -> Result<Vec<OracleCell>> {
    if is_fused() {
        return Err(Error::new(
            "Voro++ was built with fused multiplications, with which its radical cells are wrong",
        )
        .help("build again with CXXFLAGS=-ffp-contract=off, or use --tessellator hyalo"));
    }
    let cells = (0..tessellation.len())
        .map(|particle| cell(tessellation, particle))
        .collect::<Result<Vec<_>>>()?;
    let filled: f64 = cells.iter().map(|cell| cell.volume).sum();
    super::fills(tessellation.volume(), filled)?;
    has_mutual_neighbours(tessellation, &cells)?;
    Ok(cells)
}

/// Whether the C++ compiler turned a b + c into one operation with one rounding.
///
/// All vertices of this box are at x = y, so that with (u, −u, 0) as normal the two rounded products cancel; if one of them is not rounded
/// the difference is left over, for u or for −u a positive one.
fn is_fused() -> bool {
    let mut cell = VoroCellNbr::new([PROBE.0, PROBE.0, -1.0], [PROBE.0, PROBE.0, 1.0]);
    [PROBE.1, -PROBE.1]
        .iter()
        .any(|&u| cell.plane_intersects([u, -u, 0.0], f64::MIN_POSITIVE))
}

/// Two numbers whose product is not exact, nor is that of multiples by powers of two.
const PROBE: (f64, f64) = (1.0 / 3.0, 0.7);

fn cell(tessellation: &Tessellation, particle: usize) -> Result<OracleCell> {
    let grid = &tessellation.grid;
    let place = grid.places[particle] as usize;
    let unit = tessellation.spacing;
    // The cell is inside the parallelepiped of the own images, and that inside this box.
    let half: f64 = (0..3)
        .map(|axis| grid.edges.column(axis).norm() / unit)
        .sum();
    let mut cell = VoroCellNbr::new([-half; 3], [half; 3]);
    let mut planes = Vec::new();
    let is_left = tessellation.visit(place, |normal, offset, name| {
        let id = planes.len() as i32;
        planes.push((normal, offset, name));
        let is_left = cell.nplane_rsq(normal.map(|d| d / unit), 2.0 * offset / (unit * unit), id);
        // Perhaps twice as far as it reaches: Voro++ keeps doubled vertices.
        is_left.then(|| cell.max_radius_squared().sqrt() * unit)
    });
    if !is_left {
        return Ok(OracleCell::default());
    }
    let (areas, edges, neighbours) = (cell.face_areas(), cell.face_orders(), cell.neighbors());
    let (vertices, round) = (cell.vertices_local(), cell.face_vertices());
    let mut found = OracleCell {
        volume: cell.volume() * unit.powi(3),
        ..OracleCell::default()
    };
    let is_open = || {
        let what = format!("Voro++ did not close the cell of particle {}", particle + 1);
        Error::new(what).help("use --tessellator hyalo")
    };
    let mut rest = &round[..];
    for ((area, edges), id) in areas.into_iter().zip(edges).zip(neighbours) {
        let [count, ref following @ ..] = *rest else {
            break;
        };
        let (corners, after) = following.split_at(count as usize);
        rest = after;
        let Some(&(normal, offset, name)) = usize::try_from(id).ok().and_then(|id| planes.get(id))
        else {
            return Err(is_open());
        };
        let vertex = |corner: i32| -> [f64; 3] {
            std::array::from_fn(|k| vertices[3 * corner as usize + k] * unit)
        };
        let length = |at: usize| -> f64 {
            let (from, to) = (
                vertex(corners[at]),
                vertex(corners[(at + 1) % corners.len()]),
            );
            (0..3)
                .map(|k| (to[k] - from[k]).powi(2))
                .sum::<f64>()
                .sqrt()
        };
        let square: f64 = normal.iter().map(|d| d * d).sum();
        let (neighbour, image) = match name.what {
            OUTLINE => return Err(is_open()),
            WALL => (None, name.image),
            other => (Some(other), grid.image(place, name)),
        };
        found.faces.push(Face {
            neighbour,
            image,
            area: area * unit * unit,
            edges: edges as u32,
            distance: if neighbour.is_some() {
                square.sqrt()
            } else {
                offset / square.sqrt()
            },
        });
        found.lengths.push((0..corners.len()).map(length).collect());
    }
    found.surface_area = found.faces.iter().map(|face| face.area).sum();
    Ok(found)
}

/// That particle and image n see each other across each face, but for faces so small that rounding decides whether they are there.
fn has_mutual_neighbours(tessellation: &Tessellation, cells: &[OracleCell]) -> Result<()> {
    let tiny = 1e-10 * tessellation.spacing.powi(2);
    for (particle, cell) in cells.iter().enumerate() {
        for face in cell.faces.iter().filter(|face| face.area > tiny) {
            let Some(neighbour) = face.neighbour else {
                continue;
            };
            let back = face.image.map(|n| -n);
            let sees = |other: &Face| {
                other.neighbour == Some(particle as u32)
                    && other.image == back
                    && (other.area - face.area).abs() <= 1e-6 * face.area + tiny
            };
            if !cells[neighbour as usize].faces.iter().any(sees) {
                return Err(Error::new(format!(
                    "Voro++ has particle {} as a neighbour of particle {}, but not the other way round",
                    neighbour + 1,
                    particle + 1
                ))
                .help("use --tessellator hyalo"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_does_not_fuse() {
        assert!(!is_fused());
    }

    #[test]
    fn the_probe_tells_fused_products_from_rounded_ones() {
        let (x, u) = PROBE;
        for scale in [1.0, 2.0] {
            let x = scale * x;
            assert_eq!(x * u - x * u, 0.0);
            // Whichever of the two products is the one that is not rounded, one of the signs gives a positive rest.
            for u in [u, -u] {
                let (first, second) = (x.mul_add(u, -(x * u)), (-x).mul_add(u, x * u));
                assert!(first != 0.0 && second == -first, "{first:e} {second:e}");
            }
        }
    }
}
