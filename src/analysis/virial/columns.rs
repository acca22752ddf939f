//! The tables of `virial`.

use crate::analysis::columns::{
    DIAMETER, FRAME, ID, PARTICLES, SPECIES, SPECIES_OR_ALL, STEP, TEMPERATURE, TIME,
};
use crate::data::table::{ColumnSpec, TableSpec};

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
            SPECIES_OR_ALL,
            PARTICLES,
            ColumnSpec::real("pressure", PRESSURE, "mean of the particles' pressures P_i"),
            ColumnSpec::real(
                "pressure_sd",
                PRESSURE,
                "standard deviation of P_i (divided by the number of particles)",
            ),
            ColumnSpec::real(
                "pressure_skewness",
                "1",
                "skewness of P_i: third central moment / sd^3",
            ),
            ColumnSpec::real("pressure_min", PRESSURE, "smallest P_i"),
            ColumnSpec::real("pressure_max", PRESSURE, "largest P_i"),
            ColumnSpec::real(
                "virial_pressure",
                PRESSURE,
                "configurational pressure of the whole system, from a sum of its own (rows 'all')",
            ),
            ColumnSpec::real("energy", "energy", "potential energy per particle"),
            ColumnSpec::real(
                "dpressure_ddiameter",
                "energy/length^4",
                "mean of dP_i/dsigma_i",
            ),
            ColumnSpec::real(
                "dpressure_ddiameter_min",
                "energy/length^4",
                "smallest dP_i/dsigma_i",
            ),
            ColumnSpec::real("diameter", "length", "mean diameter"),
            ColumnSpec::real(
                "diameter_sd",
                "length",
                "standard deviation of the diameters (divided by the number of particles)",
            ),
            ColumnSpec::real("diameter_min", "length", "smallest diameter"),
            ColumnSpec::real("diameter_max", "length", "largest diameter"),
            ColumnSpec::real(
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
            ID,
            SPECIES,
            DIAMETER,
            ColumnSpec::real(
                "pressure",
                PRESSURE,
                "P_i = sum_j w_ij / 6 V_i, w = r_ij.f_ij",
            ),
            ColumnSpec::real(
                "dpressure_ddiameter",
                "energy/length^4",
                "derivative of P_i in the particle's own diameter, positions and V_i fixed",
            ),
            ColumnSpec::real(
                "energy",
                "energy",
                "half of the energies of the particle's pairs",
            ),
            ColumnSpec::real(
                "virial_xx",
                "energy",
                "half of sum_j x_ij fx_ij, r_ij = r_i - r_j, f_ij the force on i: minus LAMMPS's stress/atom ... virial",
            ),
            ColumnSpec::real("virial_yy", "energy", "the same of y and fy"),
            ColumnSpec::real("virial_zz", "energy", "the same of z and fz"),
            ColumnSpec::real("virial_xy", "energy", "the same of x and fy"),
            ColumnSpec::real("virial_xz", "energy", "the same of x and fz"),
            ColumnSpec::real("virial_yz", "energy", "the same of y and fz"),
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
            SPECIES_OR_ALL,
            ColumnSpec::text("quantity", "what is binned: 'pressure' (P_i) or 'diameter'"),
            ColumnSpec::real(
                "low",
                "",
                "lower edge of the bin, in the dimension of the quantity",
            ),
            ColumnSpec::real("high", "", "upper edge of the bin"),
            ColumnSpec::integer("count", "particles in the bin"),
            ColumnSpec::real(
                "density",
                "",
                "count / (particles of the species x width of the bin)",
            ),
        ],
    },
];
