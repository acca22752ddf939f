//! One suite over every variant of the force loops that this machine can run, held to the double loop over all pairs.

use std::ops::Range;

use hyalo::kernel::{
    Field, InstructionSet, PerParticle, Precision, Totals, can_evaluate, naive, parts,
    spatial_order,
};
use hyalo::physics::potential::{Mixing, Potential};

/// Particles in a box.
#[derive(Clone)]
struct System {
    potential: Potential,
    edges: [f64; 3],
    diameters: Vec<f64>,
    positions: [Vec<f64>; 3],
}

/// Uniform numbers in [0, 1), the same on every machine (SplitMix64).
struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Particles on a jittered grid, so that none are absurdly close, with diameters between the two given.
fn system(particles: usize, edges: [f64; 3], diameters: [f64; 2], seed: u64) -> System {
    let mut uniform = Uniform(seed);
    let spacing = (edges.iter().product::<f64>() / particles as f64).cbrt();
    let cells = edges.map(|edge| (edge / spacing).ceil() as usize);
    let mut places: Vec<[f64; 3]> = Vec::new();
    for k in 0..cells.iter().product() {
        let cell = [
            k % cells[0],
            k / cells[0] % cells[1],
            k / cells[0] / cells[1],
        ];
        places.push(std::array::from_fn(|axis| {
            (cell[axis] as f64 + 0.25 * uniform.next()) * edges[axis] / cells[axis] as f64
        }));
    }
    while places.len() > particles {
        let drop = (uniform.next() * places.len() as f64) as usize;
        places.swap_remove(drop);
    }
    System {
        potential: Potential::wahnstrom(),
        edges,
        diameters: (0..particles)
            .map(|_| diameters[0] + (diameters[1] - diameters[0]) * uniform.next())
            .collect(),
        positions: std::array::from_fn(|axis| places.iter().map(|place| place[axis]).collect()),
    }
}

impl System {
    fn order(&self) -> Vec<u32> {
        let ids: Vec<i64> = (0..self.diameters.len() as i64).collect();
        spatial_order(&self.positions, self.edges, &ids)
    }

    fn field(&self, precision: Precision, threads: usize, set: InstructionSet) -> Field {
        Field::with_instruction_set(
            self.potential,
            self.edges,
            &self.diameters,
            precision,
            threads,
            set,
        )
    }

    fn oracle(&self) -> ([Vec<f64>; 3], Totals, PerParticle) {
        let mut forces = Default::default();
        let (totals, each) = naive::evaluate(
            &self.potential,
            self.edges,
            &self.diameters,
            &self.positions,
            &mut forces,
        );
        (forces, totals, each)
    }

    /// The sums of the magnitudes of what each particle's pairs contribute: what rounding errors are relative to. Force, energy, virial
    /// and its slope.
    fn scales(&self) -> Vec<[f64; 4]> {
        let potential = self.potential;
        let n = self.diameters.len();
        // Some pairs in the smooth end, each as wrong as the rounding of one in contact.
        let mut scales = vec![[50.0, 50.0, 50.0, 5000.0]; n];
        for i in 0..n {
            for j in 0..i {
                let r2: f64 = (0..3)
                    .map(|axis| {
                        let d = self.positions[axis][i] - self.positions[axis][j];
                        (d - self.edges[axis] * (d / self.edges[axis]).round()).powi(2)
                    })
                    .sum();
                let pair = potential.mixing.pair(self.diameters[i], self.diameters[j]);
                let (r, sigma) = (r2.sqrt(), pair.diameter);
                let terms = potential.of_pair(&pair, r);
                // Rounding of r moves u by w, w by v and v by about as much again.
                for k in [i, j] {
                    scales[k][0] += (terms.virial.abs() + terms.virial_slope.abs()) / r;
                    scales[k][1] += terms.energy.abs() + terms.virial.abs();
                    scales[k][2] += terms.virial.abs() + terms.virial_slope.abs();
                    scales[k][3] += 14.0 * terms.virial_slope.abs() / sigma;
                }
            }
        }
        scales
    }
}

/// Relative to the sum of magnitudes: some roundings of f32 (6e-8), or of f64 (1e-16) and the error of the smooth end's polynomial (1e-12).
fn tolerance(precision: Precision) -> f64 {
    match precision {
        Precision::Mixed => 1e-6,
        Precision::Double => 1e-11,
    }
}

fn variants() -> Vec<(InstructionSet, Precision)> {
    let sets = InstructionSet::available();
    sets.into_iter()
        .flat_map(|set| [(set, Precision::Mixed), (set, Precision::Double)])
        .collect()
}

/// Compares everything that a field gives with the double loop.
fn check(system: &System, field: &mut Field, precision: Precision, what: &str) {
    let (forces, totals, each) = system.oracle();
    let scales = system.scales();
    let tolerance = tolerance(precision);
    let mut found = Default::default();
    let n = system.diameters.len();
    let near = |found: f64, exact: f64, scale: f64, name: &str, k: usize| {
        let error = (found - exact).abs();
        assert!(
            error <= tolerance * scale,
            "{what}: {name} of {k}: {found} is {error:e} from {exact}, scale {scale}"
        );
    };
    let check_forces = |found: &[Vec<f64>; 3], mode: &str| {
        for axis in 0..3 {
            for k in 0..n {
                near(found[axis][k], forces[axis][k], scales[k][0], mode, k);
            }
        }
    };
    field.forces(&system.positions, &mut found);
    check_forces(&found, "force");
    let sums = field.forces_and_totals(&system.positions, &mut found);
    check_forces(&found, "force with totals");
    let scale = |k: usize| scales.iter().map(|scale| scale[k]).sum::<f64>();
    near(sums.energy, totals.energy, scale(1), "energy", 0);
    near(sums.virial, totals.virial, scale(2), "virial", 0);
    let of_particles = field.forces_and_particles(&system.positions, &mut found);
    check_forces(&found, "force with particles");
    for (k, scale) in scales.iter().enumerate() {
        let compare = |name: &str, found: &[f64], exact: &[f64], scale: f64| {
            near(found[k], exact[k], scale, name, k);
        };
        let (found, exact) = (&of_particles, &each);
        compare("energy", &found.energy, &exact.energy, scale[1]);
        compare("virial", &found.virial, &exact.virial, scale[2]);
        compare("slope", &found.virial_slope, &exact.virial_slope, scale[3]);
        for (found, exact) in found.virial_tensor.iter().zip(&exact.virial_tensor) {
            compare("virial tensor", found, exact, scale[2]);
        }
    }
}

/// The same for every variant, on two threads.
fn check_variants(system: &System, what: &str) {
    for (set, precision) in variants() {
        let what = format!("{what}, {} {precision:?}", set.name());
        let mut field = system.field(precision, 2, set);
        check(system, &mut field, precision, &what);
    }
}

#[test]
fn every_variant_equals_the_double_loop() {
    // A liquid's density in a cube, odd N, other boxes, extreme size ratios, and dilute systems most of whose lists are empty.
    let systems = [
        ("cube", system(500, [8.8; 3], [0.9, 1.3], 1)),
        ("odd", system(487, [8.7; 3], [1.0, 1.2], 2)),
        ("box", system(700, [11.0, 8.3, 9.7], [0.8, 1.3], 3)),
        ("sizes", system(600, [10.0; 3], [0.15, 1.6], 4)),
        ("dilute", system(60, [40.0; 3], [1.0, 1.2], 5)),
        ("larger", system(2500, [15.0; 3], [0.6, 1.5], 6)),
    ];
    for (name, mut system) in systems {
        // Where the places that no particle has may stand.
        system.positions.iter_mut().for_each(|x| x[0] = 0.0);
        let order = system.order();
        for sorted in [false, true] {
            if sorted {
                let permuted = |values: &[f64]| order.iter().map(|&k| values[k as usize]).collect();
                system.diameters = permuted(&system.diameters);
                system.positions = std::array::from_fn(|axis| permuted(&system.positions[axis]));
            }
            for (set, precision) in variants() {
                for threads in [1, 3] {
                    let what = format!(
                        "{name}, sorted {sorted}, {} {precision:?}, {threads} threads",
                        set.name()
                    );
                    check(
                        &system,
                        &mut system.field(precision, threads, set),
                        precision,
                        &what,
                    );
                }
            }
        }
    }
}

/// Ends as wide as the loops take them.
#[test]
fn every_variant_evaluates_wide_ends() {
    for (name, edges) in [
        ("lennard-jones:2:3", [8.8, 8.4, 9.1]),
        ("lennard-jones:2.5:3.5", [9.6; 3]),
        ("inverse-power:1:1.25", [8.8; 3]),
    ] {
        let mut system = system(487, edges, [0.9, 1.3], 14);
        system.potential = Potential::named(name).unwrap();
        can_evaluate(&system.potential).unwrap();
        check_variants(&system, name);
    }
    for name in [
        "lennard-jones:2.5:4",
        "lennard-jones:1.5:2.5",
        "lennard-jones:1:3",
        "inverse-power:1:2",
    ] {
        assert!(
            can_evaluate(&Potential::named(name).unwrap()).is_err(),
            "{name}"
        );
    }
}

/// Kob and Andersen's table, and the inverse power law with the non-additivity of Ninarello, Berthier and Coslovich.
#[test]
fn every_variant_mixes_as_the_double_loop_does() {
    let mut kob_andersen = system(500, [8.9; 3], [0.88, 1.0], 12);
    kob_andersen.potential = Potential::kob_andersen();
    for (k, diameter) in kob_andersen.diameters.iter_mut().enumerate() {
        *diameter = if k % 5 == 0 { 0.88 } else { 1.0 };
    }
    let mut inverse_power = system(487, [7.4, 8.3, 8.0], [0.73, 1.62], 13);
    inverse_power.potential = Potential {
        mixing: Mixing {
            non_additivity: 0.2,
            ..Mixing::ADDITIVE
        },
        ..Potential::smoothed(1.0, 0.0, 1.15, 1.25)
    };
    for (name, system) in [
        ("Kob-Andersen", kob_andersen),
        ("inverse power", inverse_power),
    ] {
        check_variants(&system, name);
    }
}

#[test]
fn any_number_of_particles() {
    for particles in [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 47, 64, 65] {
        let system = system(particles, [7.5; 3], [0.9, 1.2], particles as u64);
        check_variants(&system, &format!("{particles} particles"));
    }
}

#[test]
fn pairs_at_the_ends_of_the_potential() {
    let potential = Potential::wahnstrom();
    for x in [0.9, potential.inner, potential.cutoff] {
        for offset in [-1e-3, -1e-6, 0.0, 1e-6, 1e-3] {
            let r = (x + offset) * 1.1;
            // Across the boundary of the box, along its diagonal.
            let d = r / 3f64.sqrt();
            let system = System {
                potential,
                edges: [9.0; 3],
                diameters: vec![1.0, 1.2],
                positions: std::array::from_fn(|_| vec![0.1, 0.1 - d]),
            };
            for (set, precision) in variants() {
                let what = format!("x = {x} + {offset:e}, {} {precision:?}", set.name());
                check(
                    &system,
                    &mut system.field(precision, 1, set),
                    precision,
                    &what,
                );
            }
        }
    }
}

/// Lists are pruned and made anew as particles move, and particles may be many boxes away from where they started.
#[test]
fn lists_follow_the_particles() {
    for (set, precision) in variants() {
        let mut system = system(600, [9.3, 9.6, 10.0], [0.8, 1.3], 7);
        let order = system.order();
        let permuted = |values: &[f64]| order.iter().map(|&k| values[k as usize]).collect();
        system.diameters = permuted(&system.diameters);
        system.positions = std::array::from_fn(|axis| permuted(&system.positions[axis]));
        let mut field = system.field(precision, 2, set);
        let mut uniform = Uniform(8);
        for (round, step) in [0.01, 0.03, 0.01, 0.1, 0.02, 0.3, 0.05, 2.0]
            .into_iter()
            .enumerate()
        {
            for axis in 0..3 {
                for x in &mut system.positions[axis] {
                    *x += step * (uniform.next() - 0.5);
                }
                let boxes = system.edges[axis] * (round * 3) as f64;
                system.positions[axis][round] += boxes;
                system.positions[axis][20 + round] -= boxes;
            }
            check(
                &system,
                &mut field,
                precision,
                &format!("round {round}, {} {precision:?}", set.name()),
            );
        }
        for diameter in &mut system.diameters {
            *diameter *= 1.0 + 0.1 * (uniform.next() - 0.5);
        }
        field.set_diameters(&system.diameters);
        check(
            &system,
            &mut field,
            precision,
            &format!("resized, {} {precision:?}", set.name()),
        );
    }
}

#[test]
fn the_same_threads_give_the_same_bytes() {
    let system = system(3000, [16.0; 3], [0.8, 1.3], 9);
    for (set, precision) in variants() {
        for threads in [1, 2, 4] {
            let run = || {
                let mut forces = Default::default();
                let mut field = system.field(precision, threads, set);
                let each = field.forces_and_particles(&system.positions, &mut forces);
                (
                    forces,
                    each,
                    field.forces_and_totals(&system.positions, &mut Default::default()),
                )
            };
            assert!(run() == run(), "{} {precision:?} {threads}", set.name());
        }
    }
}

/// What the threads do to their shares before and after the forces gives the bytes of the same things done one after the other.
#[test]
fn work_on_shares_is_work_on_the_whole() {
    for (set, precision) in variants() {
        for (particles, threads) in [(1, 2), (50, 3), (600, 2), (600, 1)] {
            let mut system = system(particles, [9.6; 3], [0.8, 1.3], 10);
            let mut apart = system.field(precision, threads, set);
            let mut together = system.field(precision, threads, set);
            let mut positions = system.positions.clone();
            for step in [0.01, 0.02, 0.2] {
                let what = format!("{particles} on {threads}, {} {precision:?}", set.name());
                let moves: [Vec<f64>; 3] = [1, 2, 3].map(|axis| {
                    let turns = (0..particles).map(|k| (axis * k) as f64);
                    turns.map(|turn| step * turn.sin()).collect()
                });
                let shares = together.shares();
                assert_eq!(shares.len(), threads);
                let numbers = together.move_by(
                    &mut positions,
                    parts(&moves, &shares),
                    |moves, mut positions| {
                        for (x, d) in std::iter::zip(positions.iter_mut(), moves) {
                            std::iter::zip(x.iter_mut(), d).for_each(|(x, d)| *x += d);
                        }
                        positions[0].len()
                    },
                );
                assert!(
                    numbers.into_iter().eq(shares.iter().map(Range::len)),
                    "{what}"
                );
                let mut forces = Default::default();
                let (totals, seen) =
                    together.forces_then(&mut forces, true, shares.iter(), |share, forces| {
                        (share.start, forces.map(<[f64]>::to_vec))
                    });

                for (x, d) in std::iter::zip(&mut system.positions, &moves) {
                    std::iter::zip(x, d).for_each(|(x, d)| *x += d);
                }
                assert!(positions == system.positions, "{what}");
                let mut expected = Default::default();
                let sums = apart.forces_and_totals(&system.positions, &mut expected);
                assert!(totals == sums && forces == expected, "{what}");
                for (start, seen) in seen {
                    for (seen, forces) in std::iter::zip(seen, &forces) {
                        assert!(forces[start..].starts_with(&seen), "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn forces_are_the_gradient_of_the_energy() {
    let system = system(500, [8.9; 3], [0.9, 1.3], 10);
    let mut forces = Default::default();
    let mut field = system.field(Precision::Double, 1, InstructionSet::Portable);
    field.forces(&system.positions, &mut forces);
    let h = 1e-5;
    for k in [0, 99, 499] {
        for axis in 0..3 {
            let mut energy = |shift: f64| {
                let mut moved = system.positions.clone();
                moved[axis][k] += shift;
                field
                    .forces_and_totals(&moved, &mut Default::default())
                    .energy
            };
            let slope = (energy(h) - energy(-h)) / (2.0 * h);
            let error = (slope + forces[axis][k]).abs();
            assert!(
                error < 1e-6 * (1.0 + forces[axis][k].abs()),
                "{k} {axis}: {error:e}"
            );
        }
    }
    // dP_i/dσ_i by resizing one particle: P_i = (ρ/6) Σ w, and Σ w of the particle changes by ½ Σ v/σ_ij.
    let each = field.forces_and_particles(&system.positions, &mut forces);
    for k in [3, 250] {
        let mut virial = |shift: f64| {
            let mut diameters = system.diameters.clone();
            diameters[k] += shift;
            field.set_diameters(&diameters);
            field
                .forces_and_particles(&system.positions, &mut Default::default())
                .virial[k]
        };
        let slope = (virial(h) - virial(-h)) / (2.0 * h);
        let exact = 0.5 * each.virial_slope[k];
        assert!(
            (slope - exact).abs() < 1e-6 * exact.abs(),
            "{slope} {exact}"
        );
    }
}

#[test]
fn spatial_order_is_a_permutation_that_brings_neighbours_together() {
    let system = system(1000, [11.0, 11.5, 10.5], [1.0, 1.2], 11);
    let order = system.order();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert!(sorted.into_iter().eq(0..1000));
    // Sixteen particles fill a cube with an edge of 16^(1/3) mean spacings; the mean distance within it is about 0.66 edges.
    let spacing = (system.edges.iter().product::<f64>() / 1000.0).cbrt();
    let (mut sum, mut pairs) = (0.0, 0.0);
    for cluster in order.as_chunks::<16>().0 {
        let pairs_of = (0..16).flat_map(|a| (0..a).map(move |b| (cluster[a], cluster[b])));
        for (i, j) in pairs_of {
            let d2: f64 = (0..3)
                .map(|axis| {
                    let d = system.positions[axis][i as usize] - system.positions[axis][j as usize];
                    (d - system.edges[axis] * (d / system.edges[axis]).round()).powi(2)
                })
                .sum();
            sum += d2.sqrt();
            pairs += 1.0;
        }
    }
    assert!(
        sum / pairs < 0.8 * 16f64.cbrt() * spacing,
        "{}",
        sum / pairs / spacing
    );
}
