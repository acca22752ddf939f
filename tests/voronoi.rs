//! Voronoi cells: what OVITO and Voro++ have, the intersection of half-spaces done slowly, crystals, laws, and bad input.
//!
//! Volumes are compared relative to the mean volume: that is what their round-off goes with, about 10⁻¹⁶ times the condition of the worst
//! vertices.

mod common;

use std::collections::BTreeMap;
use std::io::Read;

use nalgebra::{Rotation3, Vector3};
use proptest::prelude::*;

use common::{Random, Scratch, Table, fixture, hyalo};
use hyalo::data::cell::Cell;
use hyalo::physics::registers::InstructionSet;
use hyalo::physics::voronoi::{
    Face, Polyhedron, Tessellation, Thresholds, Weights, Workspace, oracle, volumes,
};

const ROUND_OFF: f64 = 1e-12;

/// What of a cell must be the same whoever finds it: neighbours with their images, and the edges of their faces, sorted.
type Sides = Vec<(Option<u32>, [i32; 3], u32)>;

fn sides(faces: &[Face], edges: &[Option<u32>]) -> Sides {
    let side = |(face, edges): (&Face, &Option<u32>)| (face.neighbour, face.image, edges.unwrap());
    let mut sides: Sides = faces.iter().zip(edges).map(side).collect();
    sides.sort_unstable();
    sides
}

fn cells(tessellation: &Tessellation) -> Vec<Polyhedron> {
    let mut workspace = Workspace::default();
    (0..tessellation.len())
        .map(|particle| tessellation.cell(particle, &mut workspace).unwrap().clone())
        .collect()
}

/// A system to be tessellated.
#[derive(Clone, Debug)]
struct System {
    cell: Cell,
    positions: Vec<Vector3<f64>>,
    radii: Option<Vec<f64>>,
}

impl System {
    fn tessellation(&self) -> Tessellation {
        let weights = match &self.radii {
            Some(radii) => Weights::Radical(radii),
            None => Weights::Plain,
        };
        Tessellation::new(&self.cell, &self.positions, weights).unwrap()
    }

    fn spacing(&self) -> f64 {
        (self.cell.volume() / self.positions.len() as f64).cbrt()
    }

    /// Random particles; radii from `low` to `high` in units of (V/N)^(1/3).
    fn random(
        edges: [[f64; 3]; 3],
        periodic: [bool; 3],
        count: usize,
        radii: Option<(f64, f64)>,
        seed: u64,
    ) -> Self {
        let mut random = Random(seed);
        let origin = Vector3::new(-3.0, 0.7, 11.0);
        let cell = Cell::new(edges.map(Vector3::from), origin, periodic).unwrap();
        // Unwrapped positions, far outside along periodic edges.
        let mut fraction = |axis: usize| match periodic[axis] {
            true => 5.0 * random.uniform() - 2.0,
            false => random.uniform(),
        };
        let positions = (0..count)
            .map(|_| cell.cartesian(&Vector3::from([0, 1, 2].map(&mut fraction))))
            .collect();
        let mut system = System {
            cell,
            positions,
            radii: None,
        };
        let unit = system.spacing();
        system.radii = radii.map(|(low, high)| {
            (0..count)
                .map(|_| unit * (low + (high - low) * random.uniform()))
                .collect()
        });
        system
    }
}

const CUBE: [[f64; 3]; 3] = [[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]];
const TILTED: [[f64; 3]; 3] = [[4.0, 0.0, 0.0], [1.9, 3.5, 0.0], [-1.2, 1.7, 5.0]];
/// Edges that are far from the shortest of their lattice.
const SKEWED: [[f64; 3]; 3] = [[4.0, 0.0, 0.0], [13.2, 2.8, 0.3], [-9.2, 5.6, 2.0]];
const FLAT: [[f64; 3]; 3] = [[9.0, 0.0, 0.0], [0.5, 8.0, 0.0], [0.0, 0.0, 0.4]];
const ALL: [bool; 3] = [true; 3];

/// Everything that must hold: volumes fill the cell, faces are mutual, every polyhedron is closed, and Voro++ has the same.
fn check(system: &System) {
    let tessellation = system.tessellation();
    let cells = cells(&tessellation);
    let unit = system.spacing();
    let filled: f64 = cells.iter().map(Polyhedron::volume).sum();
    assert!(
        (filled / system.cell.volume() - 1.0).abs() < 1e-10,
        "{filled}"
    );
    for (particle, cell) in cells.iter().enumerate() {
        let (faces, vertices) = (cell.faces().len(), cell.vertices().len());
        assert!(cell.is_hidden() && vertices == 0 || vertices + 4 == 2 * faces);
        let edges: u32 = cell.faces().iter().map(|face| face.edges).sum();
        assert_eq!(edges as usize, 3 * vertices);
        for face in cell.faces() {
            let Some(neighbour) = face.neighbour else {
                continue;
            };
            let other = system.positions[neighbour as usize] + system.cell.translation(face.image);
            let distance = (other - system.positions[particle]).norm();
            assert!((distance - face.distance).abs() < ROUND_OFF * (unit + other.norm()));
            // Faces smaller than round-off may be there on one side only.
            let back = cells[neighbour as usize].faces().iter().find(|back| {
                back.neighbour == Some(particle as u32) && back.image == face.image.map(|n| -n)
            });
            let area = back.map_or(0.0, |back| back.area);
            assert!(
                (area - face.area).abs() < 1e-9 * unit * unit,
                "{area} {}",
                face.area
            );
        }
    }
    // Faces and edges within round-off of vanishing are left out: there are some by symmetry in boxes of a few particles.
    let thresholds = Thresholds {
        face_area: 1e-9 * unit * unit,
        edge_length: 1e-7 * unit,
    };
    let reference = oracle::cells(&tessellation).unwrap();
    for (cell, reference) in cells.iter().zip(&reference) {
        assert!((cell.volume() - reference.volume).abs() < ROUND_OFF * unit.powi(3));
        assert!((cell.surface_area() - reference.surface_area).abs() < 1e-10 * unit * unit);
        let ours = counted(cell.faces(), &cell.edges_above(&thresholds));
        let theirs = counted(&reference.faces, &reference.edges_above(&thresholds));
        assert_eq!(ours, theirs);
    }
}

fn counted(faces: &[Face], edges: &[Option<u32>]) -> Sides {
    let kept = |(face, edges): (&Face, &Option<u32>)| edges.map(|edges| (*face, Some(edges)));
    let (faces, edges): (Vec<Face>, Vec<Option<u32>>) =
        faces.iter().zip(edges).filter_map(kept).unzip();
    sides(&faces, &edges)
}

#[test]
fn cells_of_all_sorts_of_boxes_equal_those_of_voro() {
    let mut seed = 0;
    for edges in [CUBE, TILTED, SKEWED, FLAT] {
        for periodic in [ALL, [true, true, false], [false, true, false], [false; 3]] {
            for count in [1, 2, 5, 17, 120] {
                for radii in [None, Some((0.3, 0.8)), Some((0.1, 1.6))] {
                    seed += 1;
                    check(&System::random(edges, periodic, count, radii, seed));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_systems_equal_those_of_voro(
        lengths in prop::array::uniform3(1.0f64..5.0),
        tilts in prop::array::uniform3(-9.0f64..9.0),
        periodic in prop::array::uniform3(prop::bool::weighted(0.8)),
        count in 1usize..80,
        radii in prop::option::of((0.0f64..0.5, 0.5f64..1.5)),
        seed in any::<u64>(),
    ) {
        let [x, y, z] = lengths;
        let edges = [[x, 0.0, 0.0], [tilts[0], y, 0.0], [tilts[1], tilts[2], z]];
        check(&System::random(edges, periodic, count, radii, seed));
    }
}

/// The cell of a particle as the intersection of the half-spaces of its nearest images: every triple of planes whose point is in all of them
/// is a vertex. Volume, and edges of each face by neighbour and image.
fn slowly(system: &System, particle: usize) -> (f64, BTreeMap<(u32, [i32; 3]), u32>) {
    let square = |at: usize| system.radii.as_ref().map_or(0.0, |radii| radii[at].powi(2));
    let own = system.positions[particle];
    let mut planes = Vec::new();
    for (at, position) in system.positions.iter().enumerate() {
        let fraction = system.cell.fractional(&own) - system.cell.fractional(position);
        let centre = [fraction.x, fraction.y, fraction.z].map(|f| f.round() as i32);
        for shift in 0..343 {
            let image = [shift % 7 - 3, shift / 7 % 7 - 3, shift / 49 - 3];
            let image = std::array::from_fn(|axis| image[axis] + centre[axis]);
            let d = position + system.cell.translation(image) - own;
            if at != particle || image != [0; 3] {
                let c = 0.5 * (d.norm_squared() + square(particle) - square(at));
                planes.push((c / d.norm(), d / d.norm(), (at as u32, image)));
            }
        }
    }
    planes.sort_by(|a, b| a.0.total_cmp(&b.0));
    planes.truncate(75);
    let mut corners: Vec<Vec<Vector3<f64>>> = vec![Vec::new(); planes.len()];
    for a in 0..planes.len() {
        for b in 0..a {
            for c in 0..b {
                let (first, second, third) = (&planes[a], &planes[b], &planes[c]);
                let det = first.1.dot(&second.1.cross(&third.1));
                let point = (second.1.cross(&third.1) * first.0
                    + third.1.cross(&first.1) * second.0
                    + first.1.cross(&second.1) * third.0)
                    / det;
                if det.abs() > 1e-9
                    && planes
                        .iter()
                        .all(|plane| plane.1.dot(&point) <= plane.0 + 1e-9)
                {
                    [a, b, c]
                        .iter()
                        .for_each(|&plane| corners[plane].push(point));
                }
            }
        }
    }
    let (mut volume, mut edges) = (0.0, BTreeMap::new());
    for (corners, plane) in corners
        .iter_mut()
        .zip(&planes)
        .filter(|(corners, _)| !corners.is_empty())
    {
        let centre = corners.iter().sum::<Vector3<f64>>() / corners.len() as f64;
        let across = (corners[0] - centre).normalize();
        let up = plane.1.cross(&across);
        let angle = |corner: &Vector3<f64>| {
            (corner - centre)
                .dot(&up)
                .atan2((corner - centre).dot(&across))
        };
        corners.sort_by(|a, b| angle(a).total_cmp(&angle(b)));
        let next = corners.iter().cycle().skip(1);
        let doubled: f64 = corners
            .iter()
            .zip(next)
            .map(|(a, b)| plane.1.dot(&(a - centre).cross(&(b - centre))))
            .sum();
        volume += doubled * plane.0 / 6.0;
        edges.insert(plane.2, corners.len() as u32);
    }
    (volume, edges)
}

#[test]
fn cells_are_the_intersections_of_half_spaces() {
    for (edges, radii, seed) in [
        (CUBE, None, 1),
        (TILTED, Some((0.35, 0.6)), 2),
        (CUBE, Some((0.3, 0.6)), 3),
    ] {
        let system = System::random(edges, ALL, 24, radii, seed);
        for (particle, cell) in cells(&system.tessellation()).iter().enumerate() {
            let (volume, edges) = slowly(&system, particle);
            assert!(
                (cell.volume() - volume).abs() < 1e-10 * system.spacing().powi(3),
                "{volume}"
            );
            let faces = cell.faces().iter();
            let found: BTreeMap<_, _> = faces
                .map(|face| ((face.neighbour.unwrap(), face.image), face.edges))
                .collect();
            assert_eq!(found, edges);
        }
    }
}

/// Every instruction set rounds alike, so that the cells are the same to the last bit: of random points, of which some have many faces,
/// with radii and without, and of a crystal, where vertices coincide.
#[test]
fn all_instruction_sets_find_the_same_cells() {
    let crystal = crystal(
        &[[0.0; 3], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]],
        4,
        1.5,
    );
    let systems = [
        System::random(CUBE, ALL, 900, None, 1),
        System::random(TILTED, ALL, 500, Some((0.0, 0.7)), 2),
        System::random(FLAT, [true, false, true], 40, Some((0.2, 0.5)), 3),
        crystal,
    ];
    for system in systems {
        let weights = match &system.radii {
            Some(radii) => Weights::Radical(radii),
            None => Weights::Plain,
        };
        let all = |set| {
            let (cell, positions) = (&system.cell, &system.positions);
            let tessellation = Tessellation::with_instruction_set(cell, positions, weights, set);
            let bits = |cell: &Polyhedron| {
                let positions = cell.positions().flat_map(|p| [p.x, p.y, p.z]);
                let areas = cell.faces().iter().map(|face| face.area);
                let numbers = [cell.volume()].into_iter().chain(positions).chain(areas);
                numbers.map(f64::to_bits).collect::<Vec<u64>>()
            };
            cells(&tessellation.unwrap())
                .iter()
                .map(bits)
                .collect::<Vec<_>>()
        };
        let sets = InstructionSet::available();
        let portable = all(sets[0]);
        for set in &sets[1..] {
            assert!(all(*set) == portable, "{}", set.name());
        }
    }
}

fn crystal(basis: &[[f64; 3]], repeats: i32, constant: f64) -> System {
    let mut positions = Vec::new();
    for n in 0..repeats.pow(3) {
        let corner = Vector3::from(
            [n % repeats, n / repeats % repeats, n / repeats / repeats].map(f64::from),
        );
        positions.extend(
            basis
                .iter()
                .map(|place| (corner + Vector3::from(*place)) * constant),
        );
    }
    System {
        cell: Cell::orthogonal([f64::from(repeats) * constant; 3]).unwrap(),
        positions,
        radii: None,
    }
}

#[test]
fn perfect_crystals_have_the_known_cells() {
    let half = 0.5;
    for (basis, orders) in [
        (&[[0.0; 3]][..], vec![4; 6]),
        (&[[0.0; 3], [half; 3]], [vec![4; 6], vec![6; 8]].concat()),
        (
            &[
                [0.0; 3],
                [half, half, 0.0],
                [half, 0.0, half],
                [0.0, half, half],
            ],
            vec![4; 12],
        ),
    ] {
        for (repeats, constant) in [(1, 1.0), (2, 0.7), (3, 1.1), (4, 1e-9), (5, 1e7 / 3.0)] {
            let system = crystal(basis, repeats, constant);
            let unit = system.spacing();
            let thresholds = Thresholds {
                edge_length: 1e-9 * unit,
                ..Thresholds::default()
            };
            for cell in cells(&system.tessellation()) {
                assert!((cell.volume() / unit.powi(3) - 1.0).abs() < 1e-13);
                let mut found: Vec<u32> = cell
                    .edges_above(&thresholds)
                    .into_iter()
                    .flatten()
                    .collect();
                found.sort_unstable();
                assert_eq!(found, orders, "{repeats} {constant}");
            }
        }
    }
}

#[test]
fn crystals_disturbed_by_any_amount_are_closed() {
    // From round-off to beyond the slack of a cut: clusters of vertices that nearly coincide.
    let basis = [[0.0; 3], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]];
    for exponent in 6..17 {
        for seed in 0..4 {
            let mut system = crystal(&basis, 3, 1.3);
            let mut random = Random(seed);
            for position in &mut system.positions {
                *position +=
                    Vector3::from_fn(|_, _| (random.uniform() - 0.5) * 10f64.powi(-exponent));
            }
            let filled: f64 = volumes(&system.cell, &system.positions, Weights::Plain)
                .unwrap()
                .iter()
                .sum();
            assert!(
                (filled / system.cell.volume() - 1.0).abs() < 1e-10,
                "1e-{exponent}"
            );
        }
    }
}

#[test]
fn cells_with_many_faces_equal_those_of_voro() {
    // More planes than the fast clipper has room for.
    let mut random = Random(9);
    let cell = Cell::orthogonal([10.0; 3]).unwrap();
    let mut positions = vec![Vector3::from([5.0; 3])];
    while positions.len() < 900 {
        let position = Vector3::from_fn(|_, _| 10.0 * random.uniform());
        if (position - positions[0]).norm() > 2.5 {
            positions.push(position);
        }
    }
    let mut radii = vec![0.5; positions.len()];
    radii[0] = 2.4;
    let system = System {
        cell,
        positions,
        radii: Some(radii),
    };
    let giant = &cells(&system.tessellation())[0];
    assert!(giant.faces().len() > 64, "{}", giant.faces().len());
    check(&system);
}

#[test]
fn vertices_are_counter_clockwise_and_in_their_planes() {
    let system = System::random(TILTED, ALL, 60, Some((0.3, 0.7)), 5);
    for (particle, cell) in cells(&system.tessellation()).iter().enumerate() {
        let normal = |face: u8| {
            let Face {
                neighbour, image, ..
            } = cell.faces()[usize::from(face)];
            system.positions[neighbour.unwrap() as usize] + system.cell.translation(image)
                - system.positions[particle]
        };
        for (faces, position) in cell.vertices().iter().zip(cell.positions()) {
            let [a, b, c] = faces.map(normal);
            assert!(a.dot(&b.cross(&c)) > 0.0);
            for (face, normal) in faces.iter().zip([a, b, c]) {
                let Face { neighbour, .. } = cell.faces()[usize::from(*face)];
                let radii = system.radii.as_ref().unwrap();
                let offset = 0.5
                    * (normal.norm_squared() + radii[particle].powi(2)
                        - radii[neighbour.unwrap() as usize].powi(2));
                assert!((normal.dot(&position) - offset).abs() < 1e-11);
            }
        }
    }
}

#[test]
fn volumes_do_not_depend_on_order_place_orientation_and_unit() {
    let system = System::random(TILTED, ALL, 150, Some((0.3, 0.8)), 6);
    let found = |system: &System| -> Vec<f64> {
        let weights = Weights::Radical(system.radii.as_ref().unwrap());
        let scale = system.cell.volume() / system.positions.len() as f64;
        let volumes = volumes(&system.cell, &system.positions, weights).unwrap();
        volumes.iter().map(|volume| volume / scale).collect()
    };
    let moved = |matrix: nalgebra::Matrix3<f64>, shift: Vector3<f64>, unit: f64| System {
        cell: Cell::new(
            [0, 1, 2].map(|axis| matrix * system.cell.edge(axis)),
            matrix * system.cell.origin(),
            ALL,
        )
        .unwrap(),
        positions: system
            .positions
            .iter()
            .map(|position| matrix * position + shift)
            .collect(),
        radii: system
            .radii
            .as_ref()
            .map(|radii| radii.iter().map(|radius| radius * unit).collect()),
    };
    let reference = found(&system);
    let rotation = *Rotation3::from_euler_angles(0.3, 1.1, -2.0).matrix();
    let identity = nalgebra::Matrix3::identity();
    for other in [
        moved(identity, Vector3::new(0.1, -7.3, 55.0), 1.0),
        moved(rotation, Vector3::zeros(), 1.0),
        moved(identity * 1e-10, Vector3::zeros(), 1e-10),
        moved(identity * 3e8, Vector3::zeros(), 3e8),
    ] {
        let worst = found(&other)
            .iter()
            .zip(&reference)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max);
        assert!(worst < 1e-10, "{worst}");
    }
    let order: Vec<usize> = (0..150).map(|at| at * 77 % 150).collect();
    let shuffled = System {
        cell: system.cell.clone(),
        positions: order.iter().map(|&at| system.positions[at]).collect(),
        radii: system
            .radii
            .as_ref()
            .map(|radii| order.iter().map(|&at| radii[at]).collect()),
    };
    for (volume, at) in found(&shuffled).iter().zip(order) {
        assert!((volume - reference[at]).abs() < ROUND_OFF);
    }
    // What a constant added to all R² leaves as it is.
    let mut larger = system.clone();
    larger
        .radii
        .iter_mut()
        .flatten()
        .for_each(|radius| *radius = (*radius * *radius + 4.0).sqrt());
    for (volume, reference) in found(&larger).iter().zip(&reference) {
        assert!((volume - reference).abs() < 1e-11);
    }
}

fn refused(cell: &Cell, positions: &[Vector3<f64>], weights: Weights) -> String {
    match Tessellation::new(cell, positions, weights) {
        Ok(_) => panic!("not refused"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn bad_input_is_refused_by_name() {
    let cell = Cell::orthogonal([4.0; 3]).unwrap();
    let mut positions = System::random(CUBE, ALL, 50, None, 7).positions;
    let radii = vec![0.5; 50];
    assert!(
        refused(&cell, &positions, Weights::Radical(&radii[1..]))
            .contains("49 radii for 50 particles")
    );
    for wrong in [f64::NAN, f64::INFINITY, -0.1] {
        let mut radii = radii.clone();
        radii[7] = wrong;
        assert!(
            refused(&cell, &positions, Weights::Radical(&radii))
                .contains("the radius of particle 8 ")
        );
    }
    // The same place, as it is and in another image, and across the border of the cell.
    let own = positions[12];
    for place in [own, own + Vector3::new(4.0, -8.0, 0.0)] {
        positions[30] = place;
        assert!(refused(&cell, &positions, Weights::Plain).contains("particles 13 and 31 "));
    }
    positions[12] = Vector3::new(0.0, 1.0, 1.0);
    positions[30] = Vector3::new(4.0 - 1e-13, 1.0, 1.0);
    assert!(refused(&cell, &positions, Weights::Plain).contains("particles 13 and 31 "));
    // Close, but not the same: 10⁻⁷ of the mean distance is counted, and tessellated.
    positions[30] = Vector3::new(4.0 - 1e-7, 1.0, 1.0);
    let tessellation = Tessellation::new(&cell, &positions, Weights::Plain).unwrap();
    assert_eq!(tessellation.close_pairs(), 1);
    let filled: f64 = cells(&tessellation).iter().map(Polyhedron::volume).sum();
    assert!((filled / 64.0 - 1.0).abs() < 1e-10);
    positions[30] = Vector3::new(f64::NAN, 1.0, 1.0);
    assert!(refused(&cell, &positions, Weights::Plain).contains("particle 31 "));
    let walls = Cell::new(
        CUBE.map(Vector3::from),
        Vector3::zeros(),
        [true, false, true],
    )
    .unwrap();
    positions
        .iter_mut()
        .for_each(|position| *position = Vector3::new(1.0, 2.0, 3.0));
    positions.truncate(1);
    positions.push(Vector3::new(1.0, 4.1, 1.0));
    assert!(
        refused(&walls, &positions, Weights::Plain)
            .contains("particle 2 in the order of ids lies outside")
    );
}

// ---- what others have, through the command line

fn voronoi_fixture(name: &str) -> String {
    format!("{}/fixtures/voronoi/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Rows of a table of others: words between blanks.
fn rows(name: &str) -> Vec<Vec<String>> {
    let bytes = std::fs::read(voronoi_fixture(name)).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..])
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .map(|line| line.split(' ').map(str::to_string).collect())
        .collect()
}

/// Tables `particles` and `neighbours` of a run.
fn run(arguments: &[&str]) -> (Table, Table) {
    let scratch = Scratch::new();
    let [particles, neighbours] =
        ["particles", "neighbours"].map(|name| (name, scratch.path(&format!("{name}.csv"))));
    let tables = [&particles, &neighbours].map(|(name, path)| format!("{name}={path}"));
    let arguments = [
        &[
            "voronoi", "-q", "--table", &tables[0], "--table", &tables[1],
        ],
        arguments,
    ]
    .concat();
    hyalo(&arguments).ok();
    let read = |path: &str| Table::parse(&std::fs::read_to_string(path).unwrap());
    (read(&particles.1), read(&neighbours.1))
}

/// Rows by frame and particle.
type ByParticle = BTreeMap<(i64, i64), Vec<(i64, f64, i64)>>;

/// Neighbours of each particle of each frame: id, area and edges of the face, sorted.
fn by_particle(table: &Table) -> ByParticle {
    let (frames, ids) = (table.integers("frame"), table.integers("id"));
    let (neighbours, areas) = (table.integers("neighbour"), table.reals("face_area"));
    let edges = table.integers("n_edges");
    let mut found: ByParticle = BTreeMap::new();
    for row in 0..frames.len() {
        found.entry((frames[row], ids[row])).or_default().push((
            neighbours[row],
            areas[row],
            edges[row],
        ));
    }
    for list in found.values_mut() {
        list.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    }
    found
}

#[track_caller]
fn equals_ovito(input: &str, reference: &str, further: &[&str]) {
    for tessellation in ["plain", "radical"] {
        let (particles, neighbours) =
            run(&[&["--tessellation", tessellation, input], further].concat());
        let neighbours = by_particle(&neighbours);
        let (frames, ids) = (particles.integers("frame"), particles.integers("id"));
        let (volumes, indices) = (particles.reals("volume"), particles.words("voronoi_index"));
        let reference: Vec<_> = rows(reference)
            .into_iter()
            .filter(|row| row[0] == tessellation)
            .collect();
        assert_eq!(reference.len(), ids.len());
        for (row, theirs) in reference.iter().enumerate() {
            assert_eq!(
                [frames[row].to_string(), ids[row].to_string()],
                theirs[1..3],
                "row {row}"
            );
            let volume: f64 = theirs[3].parse().unwrap();
            assert!(
                (volumes[row] - volume).abs() < 1e-12 * volume,
                "{} {volume}",
                volumes[row]
            );
            // OVITO's index goes on with zeros to the largest number of edges in the frame.
            let ours: Vec<&str> = indices[row].split('-').collect();
            let orders: Vec<&str> = theirs[5].split('-').collect();
            assert_eq!(orders[..ours.len()], ours, "row {row}");
            assert!(
                orders[ours.len()..].iter().all(|order| *order == "0"),
                "row {row}"
            );
            let ids: Vec<String> = neighbours[&(frames[row], ids[row])]
                .iter()
                .map(|neighbour| neighbour.0.to_string())
                .collect();
            assert_eq!(ids.join(","), theirs[6], "row {row}");
        }
    }
}

#[test]
fn boxes_from_one_size_to_many_equal_ovito() {
    equals_ovito(
        &voronoi_fixture("boxes.lammpstrj.gz"),
        "boxes.ovito.txt.gz",
        &[],
    );
}

#[test]
fn tilted_boxes_equal_ovito() {
    let sizes = ["--diameters", "1=1.0,2=1.25"];
    equals_ovito(
        &fixture("triclinic_wrapped.lammpstrj"),
        "triclinic.ovito.txt.gz",
        &sizes,
    );
    equals_ovito(
        &fixture("triclinic_unwrapped.lammpstrj.zst"),
        "triclinic.ovito.txt.gz",
        &sizes,
    );
}

#[test]
fn boxes_from_one_size_to_many_equal_the_program_voro() {
    for tessellation in ["plain", "radical"] {
        let (particles, neighbours) = run(&[
            "--tessellation",
            tessellation,
            &voronoi_fixture("boxes.lammpstrj.gz"),
        ]);
        let neighbours = by_particle(&neighbours);
        let (volumes, areas) = (particles.reals("volume"), particles.reals("surface_area"));
        let (frames, ids) = (particles.integers("frame"), particles.integers("id"));
        let reference = rows("boxes.voro++.txt.gz")
            .into_iter()
            .filter(|row| row[0] == tessellation);
        for (row, theirs) in reference.enumerate() {
            assert_eq!(
                [frames[row].to_string(), ids[row].to_string()],
                theirs[1..3],
                "row {row}"
            );
            // It prints six digits.
            let is_printed = |ours: f64, theirs: &str| {
                let theirs: f64 = theirs.parse().unwrap();
                (ours - theirs).abs() <= 5.001e-6 * theirs.abs()
            };
            assert!(
                is_printed(volumes[row], &theirs[3]) && is_printed(areas[row], &theirs[4]),
                "row {row}"
            );
            let numbers = |field: usize| theirs[field].split(',');
            let mut faces: Vec<(i64, &str, i64)> = numbers(7)
                .zip(numbers(8))
                .zip(numbers(6))
                .map(|((neighbour, area), edges)| {
                    (neighbour.parse().unwrap(), area, edges.parse().unwrap())
                })
                .collect();
            let area = |face: &(i64, &str, i64)| face.1.parse::<f64>().unwrap();
            faces.sort_by(|a, b| a.0.cmp(&b.0).then(area(a).total_cmp(&area(b))));
            let ours = &neighbours[&(frames[row], ids[row])];
            assert_eq!(ours.len(), faces.len(), "row {row}");
            for (ours, theirs) in ours.iter().zip(&faces) {
                assert!(
                    (ours.0, ours.2) == (theirs.0, theirs.2) && is_printed(ours.1, theirs.1),
                    "row {row}: {ours:?} {theirs:?}"
                );
            }
        }
    }
}

#[test]
fn both_tessellators_write_the_same() {
    let input = voronoi_fixture("boxes.lammpstrj.gz");
    for further in [&[][..], &["--min-face-area", "0.02", "--min-edge", "0.1"]] {
        let [ours, theirs] = ["hyalo", "voro++"]
            .map(|name| run(&[&["--tessellator", name, &input], further].concat()));
        for column in [
            "frame",
            "id",
            "n_faces",
            "n3",
            "n4",
            "n5",
            "n6",
            "n7_plus",
            "voronoi_index",
        ] {
            assert_eq!(ours.0.words(column), theirs.0.words(column), "{column}");
        }
        for column in ["volume", "volume_fraction", "surface_area"] {
            let worst = common::worst(&ours.0.reals(column), &theirs.0.reals(column), 0.0);
            assert!(worst < 1e-12, "{column} {worst}");
        }
        assert_eq!(ours.1.rows.len(), theirs.1.rows.len());
    }
}

#[test]
fn tables_agree_with_each_other() {
    let input = voronoi_fixture("boxes.lammpstrj.gz");
    let scratch = Scratch::new();
    let names = ["particles", "indices", "histogram"];
    let paths = names.map(|name| scratch.path(&format!("{name}.csv")));
    let tables: Vec<String> = names
        .iter()
        .zip(&paths)
        .map(|(name, path)| format!("{name}={path}"))
        .collect();
    let mut arguments = vec!["voronoi", "-q", "--top", "1000", &input];
    tables
        .iter()
        .for_each(|table| arguments.extend(["--table", table]));
    let frames = hyalo(&arguments).ok().table().only("species", "all");
    let [particles, indices, histogram] =
        paths.map(|path| Table::parse(&std::fs::read_to_string(path).unwrap()));
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    for (frame, ordinal) in frames.words("frame").into_iter().enumerate() {
        let of = |table: &Table| table.only("frame", ordinal);
        let (volumes, fractions) = (
            of(&particles).reals("volume"),
            of(&particles).reals("volume_fraction"),
        );
        let diameters = of(&particles).reals("diameter");
        assert!((mean(&volumes) - frames.reals("volume")[frame]).abs() < 1e-14);
        assert!((mean(&fractions) - frames.reals("volume_fraction")[frame]).abs() < 1e-14);
        for ((volume, fraction), diameter) in volumes.iter().zip(&fractions).zip(&diameters) {
            assert!(
                (std::f64::consts::PI / 6.0 * diameter.powi(3) / volume - fraction).abs() < 1e-14
            );
        }
        assert!((frames.reals("volume_sum")[frame] / (5.0 * 5.25 * 4.75) - 1.0).abs() < 1e-10);
        let counts = of(&indices).only("species", "all");
        assert_eq!(counts.integers("count").iter().sum::<i64>(), 100);
        let commonest = counts.words("voronoi_index")[0];
        assert_eq!(frames.words("commonest_index")[frame], commonest);
        let found = of(&particles)
            .words("voronoi_index")
            .iter()
            .filter(|index| **index == commonest)
            .count();
        assert_eq!(counts.integers("count")[0], found as i64);
        let binned = of(&histogram).only("species", "all");
        assert_eq!(binned.integers("count").iter().sum::<i64>(), 100);
        let (low, high) = (
            binned.reals("volume_fraction_low"),
            binned.reals("volume_fraction_high"),
        );
        let inside = fractions
            .iter()
            .filter(|fraction| (low[0]..high[0]).contains(fraction))
            .count();
        assert_eq!(inside as i64, binned.integers("count")[0]);
    }
}

#[test]
fn hidden_cells_are_told_apart() {
    // A small sphere inside a large one.
    let scratch = Scratch::new();
    let text = "4\nLattice=\"4 0 0 0 4 0 0 0 4\" Properties=id:I:1:species:S:1:pos:R:3:radius:R:1\n1 A 1 1 1 1.5\n2 A 1.1 1 1 0.2\n3 A 3 3 3 0.5\n4 A 3 1 3 0.5\n";
    let input = scratch.file("hidden.extxyz", text);
    let annotated = scratch.path("annotated.extxyz");
    let run = hyalo(&["voronoi", &input, "--annotate", &annotated]).ok();
    assert!(run.stderr.contains("1 cell hidden"), "{}", run.stderr);
    assert_eq!(run.table().only("species", "all").integers("hidden"), [1]);
    let annotated = std::fs::read_to_string(annotated).unwrap();
    let line = annotated.lines().nth(3).unwrap();
    assert!(line.contains("hidden") && line.contains("nan"), "{line}");
    let (particles, _) = self::run(&[&input]);
    assert_eq!(particles.words("voronoi_index")[1], "");
    assert_eq!(
        (
            particles.reals("volume")[1],
            particles.words("volume_fraction")[1]
        ),
        (0.0, "")
    );
}

#[test]
fn what_cannot_be_tessellated_is_refused_in_one_line() {
    let scratch = Scratch::new();
    let atoms = |rows: &str| {
        let text =
            format!("2\nLattice=\"4 0 0 0 4 0 0 0 4\" Properties=species:S:1:pos:R:3\n{rows}");
        scratch.file("two.extxyz", text)
    };
    let twice = atoms("A 1 1 1\nA 5 1 1\n");
    let message = hyalo(&["voronoi", "--tessellation", "plain", &twice]).refused();
    assert!(
        message.contains("frame 0") && message.contains("particles 1 and 2"),
        "{message}"
    );
    let without = atoms("A 1 1 1\nA 3 1 1\n");
    let message = hyalo(&["voronoi", &without]).refused();
    assert!(
        message.contains("diameters") && message.contains("--tessellation plain"),
        "{message}"
    );
    for (flags, what) in [
        (["--min-edge=-1", "-q"], "--min-edge"),
        (["--min-face-area", "nan"], "--min-face-area"),
        (["--top", "0"], "--top"),
        (["--bin-width", "0"], "--bin-width"),
    ] {
        let message = hyalo(&["voronoi", &without, flags[0], flags[1]]).refused();
        assert!(message.contains(what), "{message}");
    }
}

/// Every operation is rounded by itself, whatever the registers are.
#[test]
fn bytes_do_not_depend_on_the_instruction_set() {
    let input = voronoi_fixture("boxes.lammpstrj.gz");
    for command in ["voronoi", "icosa", "virial"] {
        let outputs = InstructionSet::available().into_iter().map(|set| {
            let scratch = Scratch::new();
            let table = scratch.path("table.csv");
            let mut run =
                common::command(&[command, &input, "-q", "--annotate", "-", "-o", &table]);
            run.env("HYALO_INSTRUCTION_SET", set.name());
            let annotated = common::run(&mut run, &[]).ok().stdout;
            (annotated, std::fs::read(&table).expect("a table"))
        });
        let outputs: Vec<_> = outputs.collect();
        assert!(
            outputs.iter().all(|output| *output == outputs[0]),
            "{command}"
        );
    }
}

#[test]
fn bytes_do_not_depend_on_threads() {
    let input = voronoi_fixture("boxes.lammpstrj.gz");
    let [one, two] = ["1", "3"].map(|threads| {
        hyalo(&["voronoi", &input, "-q", "-j", threads, "--annotate", "-"])
            .ok()
            .stdout
    });
    assert!(one == two && !one.is_empty());
}
