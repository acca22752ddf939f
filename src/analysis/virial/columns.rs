//! The tables of `virial`.

use crate::analysis::FRAME_COLUMNS;
use crate::data::table::{ColumnSpec, Kind, TableSpec};

const FRAME: ColumnSpec = FRAME_COLUMNS[0];
const STEP: ColumnSpec = FRAME_COLUMNS[1];
const TIME: ColumnSpec = FRAME_COLUMNS[2];
const TEMPERATURE: ColumnSpec = FRAME_COLUMNS[3];
const SPECIES: ColumnSpec = ColumnSpec {
    name: "species",
    kind: Kind::Text,
    dimension: "",
    meaning: "species, or 'all' for every particle",
};

const fn real(name: &'static str, dimension: &'static str, meaning: &'static str) -> ColumnSpec {
    ColumnSpec {
        name,
        kind: Kind::Real,
        dimension,
        meaning,
    }
}

const fn integer(name: &'static str, meaning: &'static str) -> ColumnSpec {
    ColumnSpec {
        name,
        kind: Kind::Integer,
        dimension: "1",
        meaning,
    }
}

const PRESSURE: &str = "energy/length^3";

pub(super) const TABLES: [TableSpec; 3] = [
    TableSpec {
        name: "frames",
        meaning: "one row a frame and species",
        columns: &[
            FRAME,
            STEP,
            TIME,
            TEMPERATURE,
            SPECIES,
            integer("particles", "number of particles of the species"),
            real("pressure", PRESSURE, "mean of the particles' pressures P_i"),
            real(
                "pressure_sd",
                PRESSURE,
                "standard deviation of P_i (divided by the number of particles)",
            ),
            real(
                "pressure_skewness",
                "1",
                "skewness of P_i: third central moment / sd^3",
            ),
            real("pressure_min", PRESSURE, "smallest P_i"),
            real("pressure_max", PRESSURE, "largest P_i"),
            real(
                "virial_pressure",
                PRESSURE,
                "configurational pressure of the whole system, from a sum of its own (rows 'all')",
            ),
            real("energy", "energy", "potential energy per particle"),
            real(
                "dpressure_ddiameter",
                "energy/length^4",
                "mean of dP_i/dsigma_i",
            ),
            real(
                "dpressure_ddiameter_min",
                "energy/length^4",
                "smallest dP_i/dsigma_i",
            ),
            real("diameter", "length", "mean diameter"),
            real(
                "diameter_sd",
                "length",
                "standard deviation of the diameters (divided by the number of particles)",
            ),
            real("diameter_min", "length", "smallest diameter"),
            real("diameter_max", "length", "largest diameter"),
            real(
                "volume_fraction",
                "1",
                "pi/6 sum of the diameters cubed / volume of the cell",
            ),
        ],
    },
    TableSpec {
        name: "particles",
        meaning: "one row a particle and frame",
        columns: &[
            FRAME,
            STEP,
            TIME,
            TEMPERATURE,
            integer("id", "id of the particle"),
            ColumnSpec {
                meaning: "species of the particle",
                ..SPECIES
            },
            real("diameter", "length", "diameter of the particle"),
            real(
                "pressure",
                PRESSURE,
                "P_i = sum_j w_ij / 6 V_i, w = r_ij.f_ij",
            ),
            real(
                "dpressure_ddiameter",
                "energy/length^4",
                "derivative of P_i in the particle's own diameter, positions and V_i fixed",
            ),
            real(
                "energy",
                "energy",
                "half of the energies of the particle's pairs",
            ),
            real(
                "virial_xx",
                "energy",
                "half of sum_j x_ij fx_ij, r_ij = r_i - r_j, f_ij the force on i: minus LAMMPS's stress/atom ... virial",
            ),
            real("virial_yy", "energy", "the same of y and fy"),
            real("virial_zz", "energy", "the same of z and fz"),
            real("virial_xy", "energy", "the same of x and fy"),
            real("virial_xz", "energy", "the same of x and fz"),
            real("virial_yz", "energy", "the same of y and fz"),
        ],
    },
    TableSpec {
        name: "histogram",
        meaning: "one row a frame, species, quantity and bin that is not empty",
        columns: &[
            FRAME,
            STEP,
            TIME,
            TEMPERATURE,
            SPECIES,
            ColumnSpec {
                name: "quantity",
                kind: Kind::Text,
                dimension: "",
                meaning: "what is binned: 'pressure' (P_i) or 'diameter'",
            },
            real(
                "low",
                "",
                "lower edge of the bin, in the dimension of the quantity",
            ),
            real("high", "", "upper edge of the bin"),
            integer("count", "particles in the bin"),
            real(
                "density",
                "",
                "count / (particles of the species x width of the bin)",
            ),
        ],
    },
];
