//! `virial`: LAMMPS's numbers, those of an independent program, the double loop over images, and laws.

mod common;

use std::collections::HashMap;

use common::{Random, Scratch, Table, fixture, fixture_bytes, hyalo, hyalo_fed, snapshots, worst};
use hyalo::data::cell::Cell;
use hyalo::physics::neighbours::Neighbours;
use hyalo::physics::potential::Potential;
use hyalo::physics::virial::{COMPONENTS, Virials, evaluate};
use nalgebra::Vector3;

/// Columns of the table of particles, LAMMPS's columns, and the factor between them.
fn of_lammps() -> Vec<(String, String, f64)> {
    let tensor = COMPONENTS
        .iter()
        .enumerate()
        .map(|(k, name)| (format!("virial_{name}"), format!("c_st[{}]", k + 1), -1.0));
    std::iter::once(("energy".to_string(), "c_pe".to_string(), 1.0))
        .chain(tensor)
        .collect()
}

/// Every particle of every frame against LAMMPS's `pe/atom` and `stress/atom NULL virial`: the worst deviation relative to the rms.
fn deviation_from_lammps(particles: &Table, dump: &[u8]) -> f64 {
    let snapshots = snapshots(dump);
    let (frames, ids) = (particles.integers("frame"), particles.integers("id"));
    assert_eq!(
        ids.len(),
        snapshots.iter().map(|s| s.atoms.len()).sum::<usize>()
    );
    let mut worst: f64 = 0.0;
    for (column, theirs, factor) in of_lammps() {
        let found = particles.reals(&column);
        let exact: Vec<f64> = frames
            .iter()
            .zip(&ids)
            .map(|(frame, id)| factor * snapshots[*frame as usize].real(*id, &theirs))
            .collect();
        let rms = (exact.iter().map(|e| e * e).sum::<f64>() / exact.len() as f64).sqrt();
        let errors = found.iter().zip(&exact).map(|(f, e)| (f - e).abs() / rms);
        worst = errors.fold(worst, f64::max);
    }
    worst
}

fn particles_of(input: &str, further: &[&str]) -> (Table, Table) {
    let scratch = Scratch::new();
    let path = scratch.path("particles.csv");
    let table = format!("particles={path}");
    let mut arguments = vec!["virial", input, "--table", &table, "--quiet"];
    arguments.extend(further);
    let frames = hyalo(&arguments).ok().table();
    let text = std::fs::read_to_string(&path).expect("a table");
    (frames, Table::parse(&text))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The mean of P_i is the virial pressure, in every frame.
fn means_are_the_virial_pressure(frames: &Table) {
    let all = frames.only("species", "all");
    for (mean, (bulk, sd)) in all.reals("pressure").iter().zip(
        all.reals("virial_pressure")
            .iter()
            .zip(all.reals("pressure_sd")),
    ) {
        assert!(
            (mean - bulk).abs() < 1e-10 * (bulk.abs() + sd),
            "{mean} {bulk}"
        );
    }
}

/// LAMMPS's values of the ramp are stored with six decimals: 1e-7 of their rms.
#[test]
fn particles_of_the_whole_ramp_equal_those_of_lammps() {
    let (frames, particles) = particles_of(
        &fixture("heat_unwrapped.lammpstrj.gz"),
        &["--diameters", "1=1,2=1.2"],
    );
    let worst = deviation_from_lammps(&particles, &fixture_bytes("heat_virial.txt.gz"));
    assert!(worst < 1e-6, "{worst}");
    means_are_the_virial_pressure(&frames);
    // The first frames with all their digits.
    let (_, particles) = particles_of(
        &fixture("heat_full.lammpstrj.gz"),
        &["--diameters", "1=1,2=1.2"],
    );
    let worst = deviation_from_lammps(&particles, &fixture_bytes("heat_full.lammpstrj.gz"));
    assert!(worst < 1e-12, "{worst}");
}

#[test]
fn particles_of_many_sizes_equal_those_of_lammps() {
    let diameters = fixture("polydisperse.diameters.csv");
    let name = "polydisperse.lammpstrj.gz";
    let (frames, particles) = particles_of(&fixture(name), &["--diameters", &diameters]);
    let worst = deviation_from_lammps(&particles, &fixture_bytes(name));
    assert!(worst < 1e-12, "{worst}");
    // Its thermo output: the total pressure, of which ρT is kinetic with (N − 1)/N.
    let thermo = std::fs::read_to_string(fixture("polydisperse.thermo.txt")).expect("a fixture");
    let last: Vec<f64> = thermo
        .lines()
        .last()
        .expect("a line")
        .split_whitespace()
        .map(|word| word.parse().expect("a number"))
        .collect();
    let all = frames.only("species", "all");
    let (temperature, energy, pressure, volume) = (last[1], last[2], last[3], last[7]);
    let kinetic = 999.0 * temperature / volume;
    assert!((all.reals("energy")[0] - energy).abs() < 1e-12 * energy.abs());
    assert!((all.reals("virial_pressure")[0] + kinetic - pressure).abs() < 1e-10 * pressure);
    means_are_the_virial_pressure(&frames);
}

/// The box is tilted and narrower than two cutoffs, so that LAMMPS and we count several images of a particle.
#[test]
fn particles_in_a_small_tilted_box_equal_those_of_lammps() {
    let dump = fixture_bytes("triclinic_virial.lammpstrj.gz");
    for name in [
        "triclinic_wrapped.lammpstrj",
        "triclinic_unwrapped.lammpstrj.zst",
    ] {
        let (frames, particles) = particles_of(&fixture(name), &["--diameters", "1=1,2=1.2"]);
        let worst = deviation_from_lammps(&particles, &dump);
        assert!(worst < 1e-11, "{worst}");
        means_are_the_virial_pressure(&frames);
    }
}

fn engine(name: &str) -> String {
    format!("{}/fixtures/engine/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The tables were written with eight significant digits.
#[test]
fn pressures_and_slopes_equal_those_of_an_independent_program() {
    for (name, further) in [
        ("glass_fast_minimum", &["--diameters", "A=1,B=1.2"][..]),
        ("vhg_fast", &[]),
    ] {
        let (frames, particles) = particles_of(&engine(&format!("{name}.extxyz.gz")), further);
        let file =
            std::fs::File::open(engine(&format!("{name}.virial.csv.gz"))).expect("a fixture");
        let text = std::io::read_to_string(flate2::read::MultiGzDecoder::new(file)).expect("text");
        let exact = Table::parse(&text);
        assert_eq!(particles.integers("id"), exact.integers("id"));
        for column in ["diameter", "pressure", "dpressure_ddiameter"] {
            let (found, exact) = (particles.reals(column), exact.reals(column));
            assert_eq!(found.len(), 4000);
            for (found, exact) in found.iter().zip(&exact) {
                assert!(
                    (found - exact).abs() < 6e-8 * exact.abs().max(1.0),
                    "{column}: {found} {exact}"
                );
            }
        }
        means_are_the_virial_pressure(&frames);
    }
}

/// Particles that are not absurdly close, anywhere.
struct System {
    cell: Cell,
    /// In the cell.
    inside: Vec<Vector3<f64>>,
    /// The same, each in some image of the cell.
    positions: Vec<Vector3<f64>>,
    diameters: Vec<f64>,
}

fn system(cell: Cell, particles: usize, seed: u64) -> System {
    let mut random = Random(seed);
    let mut positions: Vec<Vector3<f64>> = Vec::new();
    let mut tries = 0;
    while positions.len() < particles {
        tries += 1;
        let s = Vector3::from_fn(|_, _| random.uniform());
        let position = cell.cartesian(&s);
        let apart = |other: &Vector3<f64>| {
            images([1; 3], &cell)
                .all(|image| (other + cell.translation(image) - position).norm() > 0.7)
        };
        if tries > 10_000 || positions.iter().all(apart) {
            positions.push(position);
        }
    }
    let inside = positions.clone();
    for position in &mut positions {
        let image = [0, 1, 2].map(|axis| match cell.periodic()[axis] {
            true => random.integer(-3, 3) as i32,
            false => 0,
        });
        *position += cell.translation(image);
    }
    let diameters = (0..particles)
        .map(|_| 0.7 + 0.6 * random.uniform())
        .collect();
    System {
        cell,
        inside,
        positions,
        diameters,
    }
}

/// Images of the cell up to the `most`-th along each periodic edge.
fn images(most: [i32; 3], cell: &Cell) -> impl Iterator<Item = [i32; 3]> + use<> {
    let most = [0, 1, 2].map(|axis| if cell.periodic()[axis] { most[axis] } else { 0 });
    (-most[0]..=most[0]).flat_map(move |a| {
        (-most[1]..=most[1]).flat_map(move |b| (-most[2]..=most[2]).map(move |c| [a, b, c]))
    })
}

/// Images that may be within a distance of particles in the cell: faces are V/|b × c| apart.
fn images_within(distance: f64, cell: &Cell) -> impl Iterator<Item = [i32; 3]> + use<> {
    let most = [0, 1, 2].map(|axis| {
        let face = cell.edge((axis + 1) % 3).cross(&cell.edge((axis + 2) % 3));
        (distance * face.norm() / cell.volume()).ceil() as i32 + 1
    });
    images(most, cell)
}

/// The double loop: every particle with every image of every particle.
fn slowly(potential: &Potential, system: &System) -> (Vec<[f64; 3]>, Vec<[f64; 6]>) {
    let (cell, positions, diameters) = (&system.cell, &system.inside, &system.diameters);
    let n = positions.len();
    let mut sums = vec![[0.0; 3]; n];
    let mut tensors = vec![[0.0; 6]; n];
    for i in 0..n {
        for j in 0..n {
            for image in images_within(1.3 * potential.cutoff, cell) {
                let d = positions[i] - positions[j] - cell.translation(image);
                if i == j && image == [0; 3] {
                    continue;
                }
                let pair = potential.mixing.pair(diameters[i], diameters[j]);
                let terms = potential.of_pair(&pair, d.norm());
                // Both ends of a pair of a particle and its own image grow with its diameter.
                let slope = match i == j {
                    true => pair.slopes[0] + pair.slopes[1],
                    false => pair.slopes[0],
                };
                sums[i][0] += 0.5 * terms.energy;
                sums[i][1] += terms.virial;
                sums[i][2] += terms.virial_slope / pair.diameter * slope;
                let force = d * (terms.virial / d.norm_squared());
                for (k, (a, b)) in [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]
                    .into_iter()
                    .enumerate()
                {
                    tensors[i][k] += 0.5 * d[a] * force[b];
                }
            }
        }
    }
    (sums, tensors)
}

fn cells() -> Vec<(&'static str, Cell, usize)> {
    let edges = |h: [[f64; 3]; 3]| h.map(|edge| Vector3::new(edge[0], edge[1], edge[2]));
    let cell =
        |h, periodic| Cell::new(edges(h), Vector3::new(-1.0, 2.0, 0.5), periodic).expect("a cell");
    let cube = |l: f64| [[l, 0.0, 0.0], [0.0, l, 0.0], [0.0, 0.0, l]];
    let tilted = [[5.0, 0.0, 0.0], [2.4, 4.6, 0.0], [-2.2, 2.1, 5.5]];
    let turned = [[3.0, 3.5, 0.2], [-3.1, 3.0, 0.4], [0.3, -1.9, 5.0]];
    vec![
        ("a cube", cell(cube(8.0), [true; 3]), 60),
        ("a small cube", cell(cube(2.3), [true; 3]), 6),
        ("one particle and its images", cell(cube(1.1), [true; 3]), 1),
        ("a tilted cell", cell(tilted, [true; 3]), 40),
        ("a turned cell", cell(turned, [true; 3]), 40),
        (
            "a flat cell",
            cell(
                [[9.0, 0.0, 0.0], [4.4, 1.4, 0.0], [4.0, 0.6, 6.0]],
                [true; 3],
            ),
            30,
        ),
        ("a slab", cell(cube(6.0), [true, false, true]), 40),
        ("a tilted slab", cell(tilted, [false, true, true]), 40),
        ("walls", cell(cube(7.0), [false; 3]), 40),
    ]
}

#[test]
fn every_cell_agrees_with_the_double_loop_over_images() {
    let potentials = [
        Potential::wahnstrom(),
        Potential::weeks_chandler_andersen(),
        Potential::named("inverse-power:1.2:1.6:0.2").expect("a potential"),
        Potential::kob_andersen(),
    ];
    for (seed, (name, cell, particles)) in cells().into_iter().enumerate() {
        for (kind, potential) in potentials.iter().enumerate() {
            let mut system = system(cell.clone(), particles, seed as u64);
            if kind == 3 {
                // A mixture of two species, whose σ and ε are those of a table.
                for (k, diameter) in system.diameters.iter_mut().enumerate() {
                    *diameter = [1.0, 0.88][k % 2];
                }
            }
            let found = evaluate(
                potential,
                Some(&system.cell),
                &system.positions,
                &system.diameters,
                true,
            )
            .expect("an answer");
            let (sums, tensors) = slowly(potential, &system);
            // Round-off of sums of large terms of both signs.
            let scale = 1e-12 * (1.0 + found.totals.magnitude);
            for i in 0..particles {
                let (energy, virial, slope) =
                    (found.energy[i], found.virial[i], found.virial_slope[i]);
                assert!(
                    (energy - sums[i][0]).abs() < scale,
                    "{name}, {kind}: {energy} {}",
                    sums[i][0]
                );
                assert!(
                    (virial - sums[i][1]).abs() < scale,
                    "{name}, {kind}: {virial} {}",
                    sums[i][1]
                );
                assert!(
                    (slope - sums[i][2]).abs() < 20.0 * scale,
                    "{name}, {kind}: {slope} {}",
                    sums[i][2]
                );
                for (found, exact) in found.tensor[i].iter().zip(&tensors[i]) {
                    assert!((found - exact).abs() < scale, "{name}, {kind}");
                }
            }
            // The sum of w over all pairs, by forces and places.
            let virial = 0.5 * sums.iter().map(|sums| sums[1]).sum::<f64>();
            assert!(
                (found.totals.virial - virial).abs() < 10.0 * scale,
                "{name}, {kind}"
            );
            let magnitude = found.totals.magnitude;
            assert!(
                found.totals.force < 1e-12 * (1.0 + magnitude),
                "{name}, {kind}"
            );
        }
    }
}

/// Each pair with its displacement, as often as the double loop finds it.
#[test]
fn pairs_are_those_of_the_double_loop_over_images() {
    for (seed, (name, cell, particles)) in cells().into_iter().enumerate() {
        let system = system(cell, particles, 100 + seed as u64);
        for cutoff in [0.4, 1.3, 3.1] {
            let mut found = Vec::new();
            let mut push = |i: usize, j: usize, d: Vector3<f64>| {
                found.push((i, j, d.map(|d| (d * 1e6).round() as i64)));
            };
            Neighbours::new(Some(&system.cell), &system.positions, cutoff)
                .expect("neighbours")
                .for_each_pair(|i, j, d| {
                    // From both sides.
                    push(i, j, d);
                    push(j, i, -d);
                });
            let mut exact = Vec::new();
            for (i, here) in system.inside.iter().enumerate() {
                for (j, there) in system.inside.iter().enumerate() {
                    for image in images_within(cutoff, &system.cell) {
                        let d = there + system.cell.translation(image) - here;
                        if d.norm() < cutoff && d.norm() > 0.0 {
                            exact.push((i, j, d.map(|d| (d * 1e6).round() as i64)));
                        }
                    }
                }
            }
            let sorted = |mut pairs: Vec<(usize, usize, Vector3<i64>)>| {
                pairs.sort_by_key(|(i, j, d)| (*i, *j, d.x, d.y, d.z));
                pairs
            };
            let (found, exact) = (sorted(found), sorted(exact));
            assert_eq!(found.len(), exact.len(), "{name}, {cutoff}");
            let same = found.iter().zip(&exact).all(|(one, other)| {
                (one.0, one.1) == (other.0, other.1) && (one.2 - other.2).abs().max() <= 1
            });
            assert!(same, "{name}, {cutoff}");
        }
    }
}

/// Without a cell, and with particles so far apart that bins would have no number.
#[test]
fn pairs_without_a_cell() {
    let mut positions = vec![
        Vector3::zeros(),
        Vector3::new(0.9, 0.0, 0.0),
        Vector3::new(0.0, 1e9, 0.0),
    ];
    let count = |positions: &[Vector3<f64>]| {
        let mut count = 0;
        let neighbours = Neighbours::new(None, positions, 1.0).expect("neighbours");
        neighbours.for_each_pair(|_, _, _| count += 1);
        count
    };
    assert_eq!(count(&positions), 1);
    positions.push(Vector3::new(0.0, 1e9, -0.5));
    assert_eq!(count(&positions), 2);
    assert_eq!(count(&[]), 0);
    assert_eq!(count(&positions[..1]), 0);
}

fn energy(virials: &Virials) -> f64 {
    virials.energy.iter().sum()
}

/// W = −3 V dU/dV and dW_i/dσ_i by central differences, of a glass and in a cell so small that a particle meets itself.
#[test]
fn pressures_and_slopes_are_derivatives() {
    let potential = Potential::wahnstrom();
    for (name, cell, particles) in cells()
        .into_iter()
        .filter(|(.., cell, _)| cell.periodic() == [true; 3])
    {
        let system = system(cell, particles, 7);
        let at = |stretch: f64, grown: Option<(usize, f64)>| {
            let h = system.cell.matrix() * stretch;
            let edges = [0, 1, 2].map(|axis| h.column(axis).into());
            let cell = Cell::new(edges, system.cell.origin() * stretch, [true; 3]).expect("a cell");
            let positions: Vec<Vector3<f64>> =
                system.positions.iter().map(|r| r * stretch).collect();
            let mut diameters = system.diameters.clone();
            if let Some((particle, by)) = grown {
                diameters[particle] += by;
            }
            evaluate(&potential, Some(&cell), &positions, &diameters, false).expect("an answer")
        };
        let here = at(1.0, None);
        let scale = 1.0 + here.totals.magnitude;
        let h = 1e-6;
        // d ln V = 3 d ln r.
        let stretched = (energy(&at(1.0 + h, None)) - energy(&at(1.0 - h, None))) / (2.0 * h);
        let virial = 0.5 * here.virial.iter().sum::<f64>();
        assert!(
            (stretched + virial).abs() < 1e-6 * scale,
            "{name}: {stretched} {virial}"
        );
        for particle in [0, particles / 2] {
            let of = |by: f64| at(1.0, Some((particle, by)));
            let (more, less) = (of(h), of(-h));
            let difference = (more.virial[particle] - less.virial[particle]) / (2.0 * h);
            let slope = here.virial_slope[particle];
            let scale = 1.0 + slope.abs() + here.totals.magnitude;
            assert!(
                (difference - slope).abs() < 1e-6 * scale,
                "{name}: {difference} {slope}"
            );
        }
    }
}

/// Pressures know nothing of the origin, of the images in which particles are given, of their order and of the unit of length.
#[test]
fn pressures_are_invariant() {
    let potential = Potential::wahnstrom();
    let (_, cell, particles) = cells().swap_remove(3);
    let system = system(cell, particles, 11);
    let here = evaluate(
        &potential,
        Some(&system.cell),
        &system.positions,
        &system.diameters,
        true,
    )
    .expect("an answer");
    let scale = 1e-12 * here.totals.magnitude;
    let shift = Vector3::new(0.3, -7.1, 2.2);
    let moved: Vec<Vector3<f64>> = system.positions.iter().map(|r| r + shift).rev().collect();
    let diameters: Vec<f64> = system.diameters.iter().rev().copied().collect();
    let there =
        evaluate(&potential, Some(&system.cell), &moved, &diameters, true).expect("an answer");
    let h = system.cell.matrix() * 2.0;
    let doubled = Cell::new(
        [0, 1, 2].map(|axis| h.column(axis).into()),
        Vector3::zeros(),
        [true; 3],
    )
    .expect("a cell");
    let far: Vec<Vector3<f64>> = system.positions.iter().map(|r| r * 2.0).collect();
    let large: Vec<f64> = system
        .diameters
        .iter()
        .map(|diameter| diameter * 2.0)
        .collect();
    let large = evaluate(&potential, Some(&doubled), &far, &large, true).expect("an answer");
    for i in 0..particles {
        assert!((here.virial[i] - there.virial[particles - 1 - i]).abs() < scale);
        assert!((here.virial[i] - large.virial[i]).abs() < scale);
        assert!((here.virial_slope[i] - 2.0 * large.virial_slope[i]).abs() < 20.0 * scale);
    }
}

/// A pair just within the cutoff of a potential that is cut there, a thousand diameters from the origin, counts whatever the rounding.
#[test]
fn pairs_at_the_cutoff_are_not_lost() {
    let potential = Potential::named("lennard-jones:2.5").expect("a potential");
    let cell = Cell::orthogonal([2000.0; 3]).expect("a cell");
    let mut random = Random(5);
    for _ in 0..1000 {
        let here = Vector3::from_fn(|_, _| 1000.0 + 900.0 * random.uniform());
        let towards = Vector3::from_fn(|_, _| random.uniform() - 0.5).normalize();
        let [first, second] = [0.7 + random.uniform(), 0.7 + random.uniform()];
        let there = |share: f64| here + towards * (share * 2.5 * 0.5 * (first + second));
        let virial = |share: f64| {
            let positions = [here, there(share)];
            let virials = evaluate(&potential, Some(&cell), &positions, &[first, second], false);
            virials.expect("an answer").virial[0]
        };
        let within = potential.at(2.5 * (1.0 - 1e-9)).virial;
        assert!((virial(1.0 - 1e-9) - within).abs() < 1e-9 * within.abs());
        assert_eq!(virial(1.0 + 1e-9), 0.0);
    }
}

const HEADER: &str =
    "4\nLattice=\"6.7 0 0 0 6.7 0 0 0 6.7\" Properties=id:I:1:species:S:1:pos:R:3:radius:R:1\n";

/// Four particles of extended XYZ, the last with this position and radius.
fn four(last: &str) -> String {
    format!("{HEADER}1 A 0 0 0 0.5\n2 A 1.1 0 0 0.5\n3 B 0 1.3 0 0.6\n7 B {last}\n")
}

#[test]
fn what_makes_no_pressure_is_refused_in_one_line() {
    for (input, flags, says) in [
        (
            four("3 3 3 0"),
            "",
            "frame 0: particle 7 has the diameter 0; diameters must be positive",
        ),
        (
            four("3 3 3 -0.6"),
            "",
            "frame 0: particle 7 has the diameter -1.2",
        ),
        (
            four("3 3 3 nan"),
            "",
            "the diameter of particle 7 is not finite",
        ),
        (
            four("0 0 0 0.5"),
            "",
            "frame 0: particles 1 and 7 overlap (distance 0)",
        ),
        (
            four("6.7 0 -6.7 0.5"),
            "",
            "frame 0: particles 1 and 7 overlap",
        ),
        (
            four("3 3 3 0.6").replace("radius", "volume"),
            "",
            "frame 0: the particles have no diameters; give them with --diameters: A=…,B=…",
        ),
        (
            four("3 3 3 0.6").replace("Lattice", "Label"),
            "",
            "frame 0: the frame has no cell, and a pressure needs a volume; give it with --cell",
        ),
        (
            four("3 3 3 0.6"),
            "--potential gravity",
            "there is no potential 'gravity'; use wahnstrom",
        ),
        (
            four("3 3 3 0.6"),
            "--potential inverse-power:1:1.25:6",
            "frame 0: with the non-additivity 6, particles of diameters 1 and 1.2 make no pair of positive diameter",
        ),
        (
            four("3 3 3 0.6"),
            "--bin-width 0",
            "--bin-width 0 is not positive",
        ),
        (
            four("3 3 3 0.6"),
            "--cell 1e-6,1e-6,1e-6",
            "frame 0: the cutoff",
        ),
    ] {
        let mut arguments = vec!["virial", "-", "--format", "xyz"];
        arguments.extend(flags.split_whitespace());
        let message = hyalo_fed(&arguments, input.as_bytes()).refused();
        assert!(message.contains(says), "{message}\n{says}");
    }
}

#[test]
fn histograms_count_every_particle_and_have_areas_of_one() {
    let scratch = Scratch::new();
    let path = scratch.path("histogram.csv");
    let table = format!("histogram={path}");
    let input = engine("vhg_fast.extxyz.gz");
    let frames = hyalo(&["virial", &input, "--table", &table, "--quiet"])
        .ok()
        .table();
    let text = std::fs::read_to_string(&path).expect("a table");
    let histogram = Table::parse(&text);
    for (species, particles) in frames
        .words("species")
        .iter()
        .zip(frames.integers("particles"))
    {
        for (quantity, low, high) in [
            ("pressure", "pressure_min", "pressure_max"),
            ("diameter", "diameter_min", "diameter_max"),
        ] {
            let bins = histogram
                .only("species", species)
                .only("quantity", quantity);
            let counts = bins.integers("count");
            assert_eq!(counts.iter().sum::<i64>(), particles);
            let widths: Vec<f64> = bins
                .reals("high")
                .iter()
                .zip(bins.reals("low"))
                .map(|(high, low)| high - low)
                .collect();
            let area: f64 = bins
                .reals("density")
                .iter()
                .zip(&widths)
                .map(|(density, width)| density * width)
                .sum();
            assert!((area - 1.0).abs() < 1e-9, "{area}");
            // From the smallest value to the largest.
            let row = frames.only("species", species);
            let (low, high) = (row.reals(low)[0], row.reals(high)[0]);
            assert!(bins.reals("low")[0] <= low && low <= bins.reals("high")[0]);
            let last = counts.len() - 1;
            assert!(bins.reals("low")[last] <= high && high <= bins.reals("high")[last] + 1e-9);
        }
    }
}

/// The numbers of the homogenisation's trace: sd 1.7384 before it, 12.9 times less after it.
#[test]
fn the_homogenised_glass_has_a_narrow_distribution() {
    let row = |name: &str, further: &[&str]| {
        let mut arguments = vec!["virial", name, "--quiet"];
        arguments.extend(further);
        hyalo(&arguments).ok().table().only("species", "all")
    };
    let glass = row(
        &engine("glass_fast_minimum.extxyz.gz"),
        &["--diameters", "A=1,B=1.2"],
    );
    let homogenised = row(&engine("vhg_fast.extxyz.gz"), &[]);
    for (table, sd, energy, fraction) in [
        (&glass, 1.7383832, -7.0548043, 0.533354),
        (&homogenised, 0.1346, -7.37442, 0.0),
    ] {
        assert!((table.reals("pressure_sd")[0] - sd).abs() < 1e-4 * sd.max(0.5));
        assert!((table.reals("energy")[0] - energy).abs() < 1e-6);
        assert!(fraction == 0.0 || (table.reals("volume_fraction")[0] - fraction).abs() < 1e-6);
    }
    assert!(glass.reals("pressure_sd")[0] / homogenised.reals("pressure_sd")[0] > 12.0);
}

/// Σ P_i V_i is the same with every way to share the volume.
#[test]
fn voronoi_volumes_share_the_same_pressure() {
    let input = engine("vhg_fast.extxyz.gz");
    let (frames, particles) = particles_of(&input, &["--volume", "voronoi"]);
    let (plain, mean_volume) = particles_of(&input, &[]);
    let of_all = |table: &Table| table.only("species", "all").reals("virial_pressure")[0];
    let bulk = of_all(&plain);
    assert_eq!(of_all(&frames), bulk);
    let volume = 4000.0 / 0.75;
    // P_i V_i is W_i/6 with any volume, so the volumes follow.
    let volumes: Vec<f64> = particles
        .reals("pressure")
        .iter()
        .zip(mean_volume.reals("pressure"))
        .map(|(voronoi, mean)| mean / voronoi * volume / 4000.0)
        .collect();
    let total: f64 = volumes.iter().sum();
    assert!((total / volume - 1.0).abs() < 1e-9, "{total} {volume}");
    let share: f64 = particles
        .reals("pressure")
        .iter()
        .zip(&volumes)
        .map(|(p, v)| p * v)
        .sum();
    assert!((share / volume - bulk).abs() < 1e-10);
    assert!((mean(&particles.reals("pressure")) - bulk).abs() > 1e-6);
}

#[test]
fn annotated_particles_are_those_of_the_table() {
    let scratch = Scratch::new();
    let annotated = scratch.path("annotated.extxyz");
    let input = engine("vhg_fast.extxyz.gz");
    let (_, particles) = particles_of(&input, &["--annotate", &annotated]);
    let text = std::fs::read_to_string(&annotated).expect("a trajectory");
    let header = text.lines().nth(1).expect("a header");
    assert!(
        header.contains("pressure:R:1:dpressure_ddiameter:R:1:local_energy:R:1:virial:R:6"),
        "{header}"
    );
    // Words of a line before those of a column.
    let before = |column: &str| -> usize {
        let properties = header.split_once("Properties=").expect("columns").1;
        let before = properties.split_once(column).expect("the column").0;
        let widths = before.split(':').skip(2).step_by(3);
        widths
            .map(|width| width.parse::<usize>().expect("a width"))
            .sum()
    };
    let (id, first) = (before("id:I:1"), before("pressure:R:1"));
    let rows: HashMap<i64, Vec<f64>> = text
        .lines()
        .skip(2)
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let values = words[first..first + 9]
                .iter()
                .map(|word| word.parse().expect("a number"));
            (words[id].parse().expect("an id"), values.collect())
        })
        .collect();
    let columns: Vec<Vec<f64>> = ["pressure", "dpressure_ddiameter", "energy"]
        .into_iter()
        .map(|name| particles.reals(name))
        .chain(
            COMPONENTS
                .iter()
                .map(|name| particles.reals(&format!("virial_{name}"))),
        )
        .collect();
    for (row, id) in particles.integers("id").iter().enumerate() {
        let values: Vec<f64> = columns.iter().map(|column| column[row]).collect();
        assert_eq!(rows[id], values);
    }
}

#[test]
fn a_cell_that_is_given_leaves_origin_and_walls_as_they_are() {
    let slab = fixture("slab_ppf.lammpstrj");
    let flags = ["virial", &slab, "--diameters", "1=1,2=1.2", "-q"];
    let own = hyalo(&flags).ok().table();
    let given = hyalo(&[&flags[..], &["--cell", "5,5,6"]].concat());
    let (own, given) = (own.reals("pressure"), given.ok().table().reals("pressure"));
    assert!(worst(&given, &own, 0.0) < 1e-12, "{given:?} {own:?}");
}
