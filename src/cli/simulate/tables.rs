//! The tables of a run: what their columns mean, and rows from what the engine hands out.

use std::sync::Arc;

use crate::analysis::ALL;
use crate::data::table::{Cells, ColumnSpec, Rows, TableSpec};
use crate::engine::homogenise::Sizes;
use crate::engine::run::{Particles, Thermo, Trace};

const SPECIES: ColumnSpec = ColumnSpec::text("species", "species; all for everybody");

/// What a run leaves as tables.
pub const TABLES: [TableSpec; 3] = [THERMO, HOMOGENISATION, PARTICLES];

/// `STAGE.thermo.parquet`.
pub const THERMO: TableSpec = TableSpec {
    name: "thermo",
    meaning: "the state of the system, a row each time it was asked for",
    columns: &[
        ColumnSpec::integer(
            "step",
            "step of the stage: of integration, of FIRE, an iteration, or of the frame that was quenched",
        ),
        ColumnSpec::real("time", "time", "time since the start of the stage"),
        ColumnSpec::real(
            "temperature",
            "energy/k_B",
            "set point of the thermostat; the kinetic temperature where there is none",
        ),
        ColumnSpec::real("kinetic_temperature", "energy/k_B", "2K/(3N - 3)"),
        ColumnSpec::real("potential_energy", "energy", "U/N"),
        ColumnSpec::real("kinetic_energy", "energy", "K/N"),
        ColumnSpec::real(
            "pressure",
            "energy/length^3",
            "N T/V + W/(3V), T the kinetic temperature and W the virial",
        ),
        ColumnSpec::real(
            "conserved",
            "energy",
            "what the equations of motion conserve, per particle: U + K + the energy in the thermostat",
        ),
    ],
};

/// `STAGE.homogenisation.parquet`.
pub const HOMOGENISATION: TableSpec = TableSpec {
    name: "homogenisation",
    meaning: "the iterations of virial homogenisation and the configuration that each one kept, a row for all particles and for each species",
    columns: &[
        ColumnSpec::integer("iteration", "0: the minimum before the first change"),
        ColumnSpec::boolean(
            "accepted",
            "whether the change of the diameters was accepted, or else undone",
        ),
        ColumnSpec::real(
            "diameter_step",
            "length",
            "change of each diameter that was tried",
        ),
        ColumnSpec::real(
            "deviation_tried",
            "energy/length^3",
            "standard deviation of P_i that it led to",
        ),
        ColumnSpec::real(
            "pressure_deviation",
            "energy/length^3",
            "standard deviation of P_i over the particles",
        ),
        ColumnSpec::real(
            "pressure",
            "energy/length^3",
            "mean of P_i, which is W/(3V)",
        ),
        ColumnSpec::real("potential_energy", "energy", "U/N"),
        ColumnSpec::real(
            "volume_fraction",
            "1",
            "volume of the spheres over that of the box",
        ),
        ColumnSpec::integer("fire_steps", "steps of FIRE"),
        SPECIES,
        ColumnSpec::integer("particles", "number of particles of the species"),
        ColumnSpec::real("diameter", "length", "mean diameter of the species"),
        ColumnSpec::real(
            "diameter_deviation",
            "length",
            "standard deviation of the diameters of the species",
        ),
        ColumnSpec::real(
            "diameter_minimum",
            "length",
            "smallest diameter of the species",
        ),
        ColumnSpec::real(
            "diameter_maximum",
            "length",
            "largest diameter of the species",
        ),
    ],
};

/// `STAGE.particles.parquet`.
pub const PARTICLES: TableSpec = TableSpec {
    name: "particles",
    meaning: "diameters and pressures at chosen iterations of virial homogenisation, a row for each particle and iteration",
    columns: &[
        ColumnSpec::integer("iteration", "0: the minimum at the start"),
        ColumnSpec::integer("id", "id of the particle"),
        ColumnSpec {
            meaning: "species of the particle",
            ..SPECIES
        },
        ColumnSpec::real("diameter", "length", "diameter of the particle"),
        ColumnSpec::real(
            "pressure",
            "energy/length^3",
            "P_i = N/(6V) times the sum of r_ij f_ij over its neighbours",
        ),
    ],
};

/// Rows of [`THERMO`].
pub fn thermo(rows: &[Thermo]) -> Rows {
    let optional = |of: fn(&Thermo) -> Option<f64>| Cells::Real(rows.iter().map(of).collect());
    let real = |of: fn(&Thermo) -> f64| Cells::from(rows.iter().map(of).collect::<Vec<f64>>());
    vec![
        Cells::from(rows.iter().map(|row| row.step).collect::<Vec<i64>>()),
        optional(|row| row.time),
        optional(|row| row.temperature),
        real(|row| row.kinetic_temperature),
        real(|row| row.potential_energy),
        real(|row| row.kinetic_energy),
        real(|row| row.pressure),
        optional(|row| row.conserved),
    ]
}

/// Rows of [`HOMOGENISATION`] for an iteration.
pub fn homogenisation(trace: &Trace) -> Rows {
    let rows = trace.sizes.len();
    let real = |value: f64| Cells::repeat(value, rows);
    let sizes = |of: fn(&Sizes) -> f64| {
        let sizes = trace.sizes.iter().map(|(.., sizes)| of(sizes));
        Cells::from(sizes.collect::<Vec<f64>>())
    };
    let name = |species: &Option<String>| Arc::from(species.as_deref().unwrap_or(ALL));
    let names = trace.sizes.iter().map(|(species, ..)| name(species));
    let counts = trace.sizes.iter().map(|(_, count, _)| *count);
    vec![
        Cells::repeat(trace.iteration, rows),
        Cells::repeat(trace.accepted, rows),
        real(trace.increment),
        real(trace.deviation_tried),
        real(trace.deviation),
        real(trace.pressure),
        real(trace.potential_energy),
        real(trace.volume_fraction),
        Cells::repeat(trace.fire_steps, rows),
        Cells::from(names.collect::<Vec<Arc<str>>>()),
        Cells::from(counts.collect::<Vec<i64>>()),
        sizes(|sizes| sizes.mean),
        sizes(|sizes| sizes.deviation),
        sizes(|sizes| sizes.smallest),
        sizes(|sizes| sizes.largest),
    ]
}

/// Rows of [`PARTICLES`] for an iteration.
pub fn particles(particles: &Particles) -> Rows {
    let mut names: Vec<Arc<str>> = Vec::new();
    let mut shared = |name: &String| match names.iter().find(|known| ***known == **name) {
        Some(known) => known.clone(),
        None => {
            names.push(name.as_str().into());
            names[names.len() - 1].clone()
        }
    };
    let species: Vec<Arc<str>> = particles.species.iter().map(&mut shared).collect();
    vec![
        Cells::repeat(particles.iteration, particles.ids.len()),
        Cells::from(particles.ids.clone()),
        Cells::from(species),
        Cells::from(particles.diameters.clone()),
        Cells::from(particles.pressures.clone()),
    ]
}
