//! Cells, images, paths, pairs and codes on random input, held to sums over all images and to exact laws.
//!
//! What a tessellation must fulfil stands in `tests/voronoi.rs`, on random boxes too, beside Voro++.

use nalgebra::{Matrix3, Rotation3, Vector3};
use proptest::prelude::*;

use hyalo::data::cell::Cell;
use hyalo::data::frame::{Coordinates, Frame, Species};
use hyalo::physics::neighbours::Neighbours;
use hyalo::physics::points::{Points, widths};
use hyalo::physics::topology::{Canoniser, Code};
use hyalo::physics::voronoi::{Tessellation, Weights, Workspace};
use hyalo::stream::unwrap::{Unwrap, Unwrapper};

/// A cell that may lean over several of its edges, in any orientation, with edges of about 1 to 4; mostly periodic.
fn leaning() -> impl Strategy<Value = Cell> {
    (
        prop::array::uniform3(1.0..4.0f64),
        prop::array::uniform3(-2.5..2.5f64),
        prop::array::uniform3(-3.0..3.0f64),
        prop::array::uniform3(-50.0..50.0f64),
        prop::array::uniform3(prop::bool::weighted(0.8)),
    )
        .prop_map(|([x, y, z], [xy, xz, yz], angles, origin, periodic)| {
            let turn = Rotation3::from_euler_angles(angles[0], angles[1], angles[2]);
            let edges = [[x, 0.0, 0.0], [xy, y, 0.0], [xz, yz, z]];
            let edges = edges.map(|edge| turn * Vector3::from(edge));
            Cell::new(edges, Vector3::from(origin), periodic).unwrap()
        })
}

/// Fractional coordinates, some of them far outside the cell.
fn fractions(
    count: impl Into<prop::collection::SizeRange>,
) -> impl Strategy<Value = Vec<Vector3<f64>>> {
    let one = prop_oneof![4 => 0.0..1.0, 1 => -3.0..4.0f64];
    prop::collection::vec(prop::array::uniform3(one).prop_map(Vector3::from), count)
}

fn places(cell: &Cell, fractions: &[Vector3<f64>]) -> Vec<Vector3<f64>> {
    fractions.iter().map(|s| cell.cartesian(s)).collect()
}

/// The vectors from one place to all images of another that may be as near as `radius`, whichever cells the two lie in.
fn images(cell: &Cell, from: &Vector3<f64>, to: &Vector3<f64>, radius: f64) -> Vec<Vector3<f64>> {
    let between = cell.fractional(to) - cell.fractional(from);
    let faces = widths(cell);
    let range = |axis: usize| match cell.periodic()[axis] {
        true => {
            let (middle, reach) = (-between[axis], radius / faces[axis] + 0.1);
            (middle - reach).floor() as i32..=(middle + reach).ceil() as i32
        }
        false => 0..=0,
    };
    let mut found = Vec::new();
    for a in range(0) {
        for b in range(1) {
            for c in range(2) {
                found.push(to + cell.translation([a, b, c]) - from);
            }
        }
    }
    found
}

/// Two particles and numbers between them, in units of 10⁻⁷.
type Rounded<const N: usize> = (usize, usize, [i64; N]);

/// Distances, pairs and so on in an order that does not hang on the way there, without the last digits.
fn rounded<const N: usize>(
    values: impl IntoIterator<Item = (usize, usize, [f64; N])>,
) -> Vec<Rounded<N>> {
    let mut rounded: Vec<_> = values
        .into_iter()
        .map(|(i, j, values)| (i, j, values.map(|value| (value * 1e7).round() as i64)))
        .collect();
    rounded.sort_unstable();
    rounded
}

/// Whether two lists of such are the same, the last of the digits that are left apart.
fn agree<const N: usize>(found: &[Rounded<N>], exact: &[Rounded<N>]) -> bool {
    let close = |(one, other): (&Rounded<N>, &Rounded<N>)| {
        (one.0, one.1) == (other.0, other.1)
            && one.2.iter().zip(other.2).all(|(a, b)| (a - b).abs() <= 1)
    };
    found.len() == exact.len() && found.iter().zip(exact).all(close)
}

/// The code and the chirality of every particle's cell.
fn codes(cell: &Cell, positions: &[Vector3<f64>]) -> Vec<(Code, i8)> {
    let tessellation = Tessellation::new(cell, positions, Weights::Plain).unwrap();
    let (mut workspace, mut canoniser) = (Workspace::default(), Canoniser::default());
    (0..positions.len())
        .map(|particle| {
            let polyhedron = tessellation.cell(particle, &mut workspace).unwrap();
            canoniser.read(polyhedron.vertices()).unwrap();
            let canonical = canoniser.canonical().unwrap();
            (Code::from(canonical), canonical.chirality)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fractions_are_those_of_the_edges(cell in leaning(), s in fractions(1), image in prop::array::uniform3(-9..9i32)) {
        let (s, h) = (s[0], cell.matrix());
        // By the components along the edges, one after the other.
        let place = cell.origin() + s.x * cell.edge(0) + s.y * cell.edge(1) + s.z * cell.edge(2);
        let reach = place.norm() + h.norm();
        prop_assert!((cell.cartesian(&s) - place).norm() < 1e-14 * reach);
        // Round-off goes with how much shorter the cell is across than along.
        let faces = widths(&cell);
        let worst = 1e-14 * reach / faces.iter().copied().fold(f64::MAX, f64::min);
        prop_assert!((cell.fractional(&place) - s).norm() < worst);
        let shifted = cell.fractional(&(place + cell.translation(image)));
        prop_assert!((shifted - s - Vector3::from(image.map(f64::from))).norm() < 10.0 * worst);
        let [a, b, c] = [0, 1, 2].map(|axis| cell.edge(axis));
        prop_assert!((cell.volume() - a.dot(&b.cross(&c))).abs() < 1e-13 * cell.lengths().iter().product::<f64>());
        for axis in 0..3 {
            let corner = cell.fractional(&(cell.origin() + cell.edge(axis)));
            prop_assert!((corner - Vector3::ith(axis, 1.0)).norm() < worst);
        }
    }

    #[test]
    fn the_nearest_image_is_the_nearest_of_all(cell in leaning(), s in fractions(1..8), radius in 0.2..2.5f64) {
        let positions = places(&cell, &s);
        let points = Points::new(&cell, &positions);
        for (index, place) in positions.iter().enumerate() {
            let of = |other: usize, radius: f64| images(&cell, place, &positions[other], radius);
            let found = points.nearest(place, Some(index)).map(|(_, distance)| distance);
            let others = (0..positions.len()).filter(|other| *other != index);
            let near = others.flat_map(|other| of(other, found.unwrap_or(0.0)));
            let least = near.map(|between| between.norm()).min_by(f64::total_cmp);
            match (found, least) {
                (Some(found), Some(least)) => prop_assert!((found - least).abs() < 1e-11, "{found} {least}"),
                (found, least) => prop_assert_eq!(found, least),
            }
            let mut found = Vec::new();
            points.within(index, radius, |other, between| found.push((index, other, between.into())));
            let exact = (0..positions.len()).flat_map(|other| of(other, radius).into_iter().map(move |between| (other, between)));
            let exact = exact.filter(|(other, between)| between.norm() <= radius && !(*other == index && between.norm() < 1e-9));
            let exact = rounded(exact.map(|(other, between)| (index, other, between.into())));
            prop_assert!(agree::<3>(&rounded(found), &exact));
        }
    }

    #[test]
    fn pairs_are_those_of_all_images(cell in leaning(), s in fractions(1..12), cutoff in 0.3..3.0f64) {
        let positions = places(&cell, &s);
        let mut found = Vec::new();
        let neighbours = Neighbours::new(Some(&cell), &positions, cutoff).unwrap();
        neighbours.for_each_pair(|i, j, between| {
            found.push((i, j, between.norm()));
            found.push((j, i, between.norm()));
        });
        let mut exact = Vec::new();
        for (i, from) in positions.iter().enumerate() {
            for (j, to) in positions.iter().enumerate() {
                let distances = images(&cell, from, to, cutoff).into_iter().map(|between| between.norm());
                let near = distances.filter(|distance| *distance < cutoff && !(i == j && *distance < 1e-9));
                exact.extend(near.map(|distance| (i, j, distance)));
            }
        }
        let single = |pairs: Vec<(usize, usize, f64)>| rounded(pairs.into_iter().map(|(i, j, distance)| (i, j, [distance])));
        prop_assert!(agree(&single(found), &single(exact)));
    }

    #[test]
    fn a_path_that_was_put_back_into_the_cell_is_found_again(
        cell in leaning(),
        start in fractions(1..5),
        steps in prop::collection::vec(prop::collection::vec(prop::array::uniform3(-0.39..0.39f64), 5), 1..30),
        strains in prop::collection::vec(0.98..1.02f64, 30),
        leans in prop::collection::vec(-1..2i32, 30),
    ) {
        let periodic = cell.periodic();
        let mut edges = [0, 1, 2].map(|axis| cell.edge(axis));
        let mut true_fractions = start.clone();
        // The edges in use are whole numbers of those at first: leaning cells are flipped back now and then.
        let mut flips = Matrix3::<f64>::identity();
        let mut by_nearest = Unwrapper::new(Unwrap::Nearest);
        let mut by_flags = Unwrapper::new(Unwrap::Images);
        let mut first: Option<Vec<Vector3<f64>>> = None;
        for (ordinal, moves) in std::iter::once(&vec![[0.0; 3]; 5]).chain(&steps).enumerate() {
            if ordinal > 0 && periodic == [true; 3] && ordinal % 3 == 0 {
                flips[(0, 1)] += f64::from(leans[ordinal]);
            }
            if ordinal > 0 {
                edges = edges.map(|edge| edge * strains[ordinal]);
                true_fractions.iter_mut().zip(moves).for_each(|(s, step)| *s += flips * Vector3::from(*step));
            }
            let used = Matrix3::from_columns(&edges) * flips;
            let used = Cell::new([0, 1, 2].map(|axis| used.column(axis).into()), cell.origin(), periodic).unwrap();
            let truth: Vec<Vector3<f64>> = true_fractions.iter().map(|s| cell.origin() + Matrix3::from_columns(&edges) * s).collect();
            let images: Vec<[i32; 3]> = truth.iter().map(|place| {
                let s = used.fractional(place);
                [0, 1, 2].map(|axis| if periodic[axis] { s[axis].floor() as i32 } else { 0 })
            }).collect();
            let wrapped: Vec<Vector3<f64>> = truth.iter().zip(&images).map(|(place, image)| place - used.translation(*image)).collect();
            let frame = Frame {
                ordinal,
                cell: Some(used.clone()),
                ids: (1..=truth.len() as i64).collect(),
                species: Species::from_types(&vec![1; truth.len()]),
                positions: wrapped,
                coordinates: Coordinates::Images(images),
                ..Frame::default()
            };
            let tolerance = 1e-11 * (1.0 + used.matrix().norm() * ordinal as f64);
            let flagged = by_flags.apply(frame.clone()).unwrap();
            for (found, place) in flagged.positions.iter().zip(&truth) {
                prop_assert!((found - place).norm() < tolerance);
            }
            // A particle moves by whole numbers of edges together with its first image.
            let path = by_nearest.apply(frame).unwrap();
            let offsets: Vec<Vector3<f64>> = (path.positions.iter().zip(&truth))
                .map(|(found, place)| Matrix3::from_columns(&edges).try_inverse().unwrap() * (found - place))
                .collect();
            let first = first.get_or_insert_with(|| offsets.clone());
            for (offset, first) in offsets.iter().zip(first) {
                prop_assert!((offset - *first).norm() < 1e-9, "{ordinal}: {offset} {first}");
            }
        }
    }

    #[test]
    fn codes_do_not_depend_on_order_place_and_orientation_and_mirrors_turn_their_hand(
        s in prop::collection::vec(prop::array::uniform3(0.0..1.0f64), 30..60),
        tilts in prop::array::uniform3(-0.4..0.4f64),
        angles in prop::array::uniform3(-3.0..3.0f64),
        shift in prop::array::uniform3(-9.0..9.0f64),
        stride in prop::sample::select(&[7usize, 11, 13, 17][..]),
    ) {
        let edges = [[4.0, 0.0, 0.0], [4.0 * tilts[0], 4.0, 0.0], [4.0 * tilts[1], 4.0 * tilts[2], 4.0]].map(Vector3::from);
        let cell = Cell::new(edges, Vector3::zeros(), [true; 3]).unwrap();
        let s: Vec<Vector3<f64>> = s.into_iter().map(Vector3::from).collect();
        let positions = places(&cell, &s);
        let reference = codes(&cell, &positions);

        let turn = *Rotation3::from_euler_angles(angles[0], angles[1], angles[2]).matrix();
        let moved = |matrix: Matrix3<f64>, edges: [Vector3<f64>; 3]| {
            let cell = Cell::new(edges.map(|edge| matrix * edge), Vector3::from(shift), [true; 3]).unwrap();
            codes(&cell, &positions.iter().map(|place| matrix * place + Vector3::from(shift)).collect::<Vec<_>>())
        };
        prop_assert_eq!(&moved(turn, edges), &reference);

        let count = positions.len();
        let order: Vec<usize> = (0..count).map(|at| at * stride % count).collect();
        prop_assume!(!count.is_multiple_of(stride));
        let shuffled: Vec<Vector3<f64>> = order.iter().map(|&at| positions[at]).collect();
        for (found, at) in codes(&cell, &shuffled).iter().zip(order) {
            prop_assert_eq!(found, &reference[at]);
        }

        // The edges of the mirror image, in another order, are right-handed again.
        let mirror = Matrix3::from_diagonal(&Vector3::new(1.0, 1.0, -1.0));
        let mirrored = moved(turn * mirror, [edges[1], edges[0], edges[2]]);
        for (found, (code, chirality)) in mirrored.into_iter().zip(reference) {
            prop_assert_eq!(found, (code, -chirality));
        }
    }
}
