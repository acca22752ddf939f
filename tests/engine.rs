//! The engine against LAMMPS's numbers and an independent prototype's homogenisation.

mod common;

use common::{Snapshot, fixture_bytes, snapshots};
use hyalo::engine::fire::{self, Minimiser};
use hyalo::engine::homogenise::{self, Homogenisation, Iteration};
use hyalo::engine::state::State;
use hyalo::kernel::{Field, InstructionSet, PerParticle, Precision, Totals};
use hyalo::physics::potential::Potential;

/// A configuration that LAMMPS wrote with the forces, energies and virials of its particles.
struct Reference {
    snapshot: Snapshot,
    ids: Vec<i64>,
    edges: [f64; 3],
    positions: [Vec<f64>; 3],
    diameters: Vec<f64>,
}

impl Reference {
    fn new(
        snapshot: Snapshot,
        edge: f64,
        columns: [&str; 3],
        diameter: impl Fn(&Snapshot, i64) -> f64,
    ) -> Self {
        let ids = snapshot.ids();
        let of = |column: &str| {
            ids.iter()
                .map(|&id| snapshot.real(id, column))
                .collect::<Vec<f64>>()
        };
        Reference {
            edges: [edge; 3],
            positions: columns.map(of),
            diameters: ids.iter().map(|&id| diameter(&snapshot, id)).collect(),
            ids,
            snapshot,
        }
    }

    /// N = 1000 particles, all of different diameters.
    fn polydisperse() -> Self {
        let table = String::from_utf8(fixture_bytes("polydisperse.diameters.csv")).unwrap();
        let rows = table
            .lines()
            .skip(1)
            .map(|line| line.split_once(',').unwrap());
        let diameters: Vec<f64> = rows
            .map(|(_, diameter)| diameter.parse().unwrap())
            .collect();
        let snapshot = snapshots(&fixture_bytes("polydisperse.lammpstrj.gz")).remove(0);
        Self::new(snapshot, 11.006424162982, ["x", "y", "z"], |_, id| {
            diameters[id as usize - 1]
        })
    }

    /// N = 1000 particles of two diameters, minimised or in thermal motion.
    fn bidisperse(frame: usize) -> Self {
        let snapshot = snapshots(&fixture_bytes("heat_full.lammpstrj.gz")).remove(frame);
        Self::new(
            snapshot,
            (1000.0f64 / 0.75).cbrt(),
            ["xu", "yu", "zu"],
            |snapshot, id| {
                if snapshot.real(id, "type") == 1.0 {
                    1.0
                } else {
                    1.2
                }
            },
        )
    }

    fn evaluate(
        &self,
        precision: Precision,
        set: InstructionSet,
    ) -> ([Vec<f64>; 3], Totals, PerParticle) {
        let potential = Potential::wahnstrom();
        let mut field =
            Field::with_instruction_set(potential, self.edges, &self.diameters, precision, 2, set);
        let mut forces = Default::default();
        let totals = field.forces_and_totals(&self.positions, &mut forces);
        let each = field.forces_and_particles(&self.positions, &mut forces);
        (forces, totals, each)
    }

    /// Per-particle energy and virial, relative to the rms of all particles, and their sums.
    fn check(&self, precision: Precision, set: InstructionSet, tolerance: f64) {
        let what = format!("{} {precision:?}", set.name());
        let (_, totals, each) = self.evaluate(precision, set);
        let compare = |found: &[f64], column: &str, sign: f64| {
            let exact: Vec<f64> = self
                .ids
                .iter()
                .map(|&id| sign * self.snapshot.real(id, column))
                .collect();
            let rms = (exact.iter().map(|x| x * x).sum::<f64>() / exact.len() as f64).sqrt();
            let errors = found
                .iter()
                .zip(&exact)
                .map(|(found, exact)| (found - exact).abs() / rms);
            let worst = errors.fold(0.0, f64::max);
            assert!(worst < tolerance, "{what}: {column}: {worst:e}");
        };
        compare(&each.energy, "c_pe", 1.0);
        // LAMMPS gives the stress times the volume: the virial with the other sign.
        for (component, found) in each.virial_tensor.iter().enumerate() {
            compare(found, &format!("c_st[{}]", component + 1), -1.0);
        }
        let sum: f64 = self
            .ids
            .iter()
            .map(|&id| self.snapshot.real(id, "c_pe"))
            .sum();
        assert!(
            (totals.energy / sum - 1.0).abs() < tolerance / 10.0,
            "{what}: {} {sum}",
            totals.energy
        );
        let trace: f64 = (1..=3)
            .flat_map(|k| self.ids.iter().map(move |&id| (k, id)))
            .map(|(k, id)| -self.snapshot.real(id, &format!("c_st[{k}]")))
            .sum();
        assert!(
            (totals.virial - trace).abs() < tolerance * sum.abs(),
            "{what}: {} {trace}",
            totals.virial
        );
    }
}

#[test]
fn energies_and_virials_are_lammpss() {
    let references = [
        Reference::polydisperse(),
        Reference::bidisperse(0),
        Reference::bidisperse(1),
    ];
    for reference in &references {
        for set in InstructionSet::available() {
            // LAMMPS keeps the coefficients of its smooth end with 17 digits and sums in another order.
            reference.check(Precision::Double, set, 1e-9);
            // The worst of 1000 particles, in whose virial repulsions of ten times the rms cancel.
            reference.check(Precision::Mixed, set, 5e-5);
        }
    }
    // The energy that LAMMPS's thermo output prints, to its 15 digits.
    let polydisperse = &references[0];
    for set in InstructionSet::available() {
        let (_, totals, _) = polydisperse.evaluate(Precision::Double, set);
        let (energy, printed) = (totals.energy / 1000.0, -6.36733894387961);
        assert!((energy - printed).abs() < 1e-11, "{energy}");
        // P = ρT + W/3V with the temperature that it prints; LAMMPS counts 3N − 3 degrees of freedom in T and all N particles in P.
        let volume = polydisperse.edges[0].powi(3);
        let kinetic = 999.0 / volume * 0.406161112893699;
        let pressure = kinetic + totals.virial / (3.0 * volume);
        assert!((pressure - 3.5580796947352).abs() < 1e-9, "{pressure}");
    }
}

#[test]
fn forces_are_lammpss() {
    let reference = Reference::polydisperse();
    let exact = ["fx", "fy", "fz"].map(|column| {
        let values = reference
            .ids
            .iter()
            .map(|&id| reference.snapshot.real(id, column));
        values.collect::<Vec<f64>>()
    });
    let square = |values: &[Vec<f64>; 3]| values.iter().flatten().map(|x| x * x).sum::<f64>();
    for set in InstructionSet::available() {
        for (precision, tolerance) in [(Precision::Double, 1e-9), (Precision::Mixed, 2e-6)] {
            let (forces, ..) = reference.evaluate(precision, set);
            let errors = std::array::from_fn(|axis| {
                forces[axis]
                    .iter()
                    .zip(&exact[axis])
                    .map(|(found, exact)| found - exact)
                    .collect::<Vec<f64>>()
            });
            let error = (square(&errors) / square(&exact)).sqrt();
            println!("{} {precision:?}: {error:.1e} of the rms force", set.name());
            assert!(error < tolerance, "{} {precision:?}: {error:e}", set.name());
            // Newton's third law, to the rounding of 1000 sums.
            for sum in forces.map(|forces| forces.iter().sum::<f64>()) {
                assert!(
                    sum.abs() < 100.0 * tolerance * (square(&exact) / 3000.0).sqrt(),
                    "{sum:e}"
                );
            }
        }
    }
}

/// A glass of 2032 small and 1968 large particles that LAMMPS cooled from T = 1 to 0.1 in 2e5 steps.
fn glass() -> State {
    let text = String::from_utf8(fixture_bytes("../engine/glass_fast.extxyz.gz")).unwrap();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .skip(2)
        .map(|line| line.split_whitespace().collect())
        .collect();
    let column = |k: usize| {
        rows.iter()
            .map(|row| row[k].parse::<f64>().unwrap())
            .collect::<Vec<f64>>()
    };
    let diameters: Vec<f64> = column(5).into_iter().map(|radius| 2.0 * radius).collect();
    let zeros = || vec![0.0; rows.len()];
    State {
        step: 0,
        edges: [17.471609294726; 3],
        ids: column(0).into_iter().map(|id| id as i64).collect(),
        species_names: vec!["A".into(), "B".into()],
        species: rows.iter().map(|row| u32::from(row[1] == "B")).collect(),
        masses: diameters.iter().map(|diameter| diameter.powi(3)).collect(),
        diameters,
        positions: [column(2), column(3), column(4)],
        velocities: [zeros(), zeros(), zeros()],
    }
}

fn homogenised(settings: homogenise::Settings) -> (State, Vec<Iteration>) {
    let mut state = glass();
    let mut minimiser =
        Minimiser::new(&state, Potential::wahnstrom(), fire::Settings::default(), 2);
    let mut homogenisation = Homogenisation::new(settings);
    let mut trace = Vec::new();
    while let Some(iteration) = homogenisation.iterate(&mut state, &mut minimiser).unwrap() {
        trace.push(iteration);
    }
    (state, trace)
}

#[test]
fn homogenisation_follows_the_prototypes_trace() {
    let (state, trace) = homogenised(homogenise::Settings::default());
    let reference = String::from_utf8(fixture_bytes("../engine/vhg_fast.trace.csv")).unwrap();
    let reference: Vec<Vec<f64>> = reference
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(|word| word.parse().unwrap()).collect())
        .collect();
    // The minimum of the glass, and the first twenty iterations; beyond, the path is chaotic.
    assert!((trace[0].potential_energy - -7.05480).abs() < 1e-4);
    assert!((trace[0].local.deviation - 1.7384).abs() < 0.002);
    for (iteration, reference) in trace.iter().zip(&reference).take(21) {
        let [accepted, deviation, pressure, energy] = [1, 3, 4, 5].map(|column| reference[column]);
        assert!(
            iteration.accepted == (accepted == 1.0),
            "{}",
            iteration.iteration
        );
        assert!(
            (iteration.local.deviation / deviation - 1.0).abs() < 0.05,
            "{}",
            iteration.iteration
        );
        assert!(
            (iteration.local.mean / pressure - 1.0).abs() < 0.05,
            "{}",
            iteration.iteration
        );
        // 5 % of what the homogenisation gains.
        assert!(
            (iteration.potential_energy - energy).abs() < 0.05 * 0.32,
            "{}",
            iteration.iteration
        );
    }
    let last = trace.last().unwrap();
    assert!(
        trace[0].local.deviation / last.local.deviation >= 7.0,
        "{}",
        last.local.deviation
    );
    assert!(
        last.potential_energy - trace[0].potential_energy <= -0.25,
        "{}",
        last.potential_energy
    );
    for (sizes, mean) in last.sizes.iter().zip([0.999, 1.202]) {
        assert!((sizes.mean - mean).abs() < 0.01, "{}", sizes.mean);
    }
    // The trace says of the last configuration what another evaluation says.
    let mut field = Field::with_instruction_set(
        Potential::wahnstrom(),
        state.edges,
        &state.diameters,
        Precision::Double,
        1,
        InstructionSet::Portable,
    );
    let totals = field.forces_and_totals(&state.positions, &mut Default::default());
    assert!((totals.energy / 4000.0 - last.potential_energy).abs() < 1e-10);
}

#[test]
fn the_inverted_rule_is_rejected_six_times() {
    let settings = homogenise::Settings::default();
    let inverted = homogenise::Settings {
        increment: -settings.increment,
        ..settings
    };
    let (mut state, trace) = homogenised(inverted);
    assert_eq!(trace.len(), 7);
    assert!(trace[1..].iter().all(|iteration| !iteration.accepted));
    state.sort_by_id();
    assert_eq!(state.diameters, glass().diameters);
}
