//! The tables of a run: what their columns mean, and rows from what the engine hands out.

use std::sync::Arc;

use crate::analysis::ALL;
use crate::data::table::{Cells, ColumnSpec, Kind, Rows, TableSpec};
use crate::engine::run::{Sizes, Thermo, Trace};

const fn integer(name: &'static str, meaning: &'static str) -> ColumnSpec {
    ColumnSpec {
        name,
        kind: Kind::Integer,
        dimension: "1",
        meaning,
    }
}

const fn real(name: &'static str, dimension: &'static str, meaning: &'static str) -> ColumnSpec {
    ColumnSpec {
        name,
        kind: Kind::Real,
        dimension,
        meaning,
    }
}

const SPECIES: ColumnSpec = ColumnSpec {
    name: "species",
    kind: Kind::Text,
    dimension: "",
    meaning: "species; all for everybody",
};

/// `STAGE.thermo.parquet`.
pub const THERMO: TableSpec = TableSpec {
    name: "thermo",
    meaning: "the state of the system, a row each time it was asked for",
    columns: &[
        integer(
            "step",
            "step of the stage: of integration, of FIRE, an iteration, or of the frame that was quenched",
        ),
        real("time", "time", "time since the start of the stage"),
        real(
            "temperature",
            "energy/k_B",
            "set point of the thermostat; the kinetic temperature where there is none",
        ),
        real("kinetic_temperature", "energy/k_B", "2K/(3N - 3)"),
        real("potential_energy", "energy", "U/N"),
        real("kinetic_energy", "energy", "K/N"),
        real(
            "pressure",
            "energy/length^3",
            "N T/V + W/(3V), T the kinetic temperature and W the virial",
        ),
        real(
            "conserved",
            "energy",
            "what the equations of motion conserve, per particle: U + K + the energy in the thermostat",
        ),
    ],
};

/// `STAGE.homogenisation.parquet`.
pub const HOMOGENISATION: TableSpec = TableSpec {
    name: "homogenisation",
    meaning: "the iterations of virial homogenisation, a row for each species and for all",
    columns: &[
        integer("iteration", "0: the minimum at the start"),
        ColumnSpec {
            name: "accepted",
            kind: Kind::Boolean,
            dimension: "",
            meaning: "whether the new diameters were kept; the numbers of a refused iteration are those of what was tried",
        },
        real("diameter_step", "length", "change of every diameter that was tried"),
        real("potential_energy", "energy", "U/N at the minimum"),
        real("pressure", "energy/length^3", "W/(3V), the mean of P_i"),
        real(
            "pressure_standard_deviation",
            "energy/length^3",
            "standard deviation of P_i over the particles",
        ),
        real("volume_fraction", "1", "volume of the spheres over that of the box"),
        integer("fire_steps", "steps of FIRE to the minimum"),
        SPECIES,
        integer("particles", "number of particles of the species"),
        real("diameter", "length", "mean diameter of the species"),
        real(
            "diameter_standard_deviation",
            "length",
            "standard deviation of the diameters of the species",
        ),
        real("diameter_minimum", "length", "smallest diameter of the species"),
        real("diameter_maximum", "length", "largest diameter of the species"),
    ],
};

/// `STAGE.particles.parquet`.
pub const PARTICLES: TableSpec = TableSpec {
    name: "particles",
    meaning: "diameters and pressures at chosen iterations of virial homogenisation, a row for each particle and iteration",
    columns: &[
        integer("iteration", "0: the minimum at the start"),
        integer("id", "id of the particle"),
        ColumnSpec {
            meaning: "species of the particle",
            ..SPECIES
        },
        real("diameter", "length", "diameter of the particle"),
        real(
            "pressure",
            "energy/length^3",
            "P_i = N/(6V) times the sum of r_ij f_ij over its neighbours",
        ),
    ],
};
