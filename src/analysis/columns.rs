//! Columns that tables of several analyses have.

use crate::data::table::ColumnSpec;

pub const FRAME: ColumnSpec = ColumnSpec::integer("frame", "position in the input, from 0");
pub const STEP: ColumnSpec = ColumnSpec::integer("step", "integration step of the simulation");
pub const TIME: ColumnSpec =
    ColumnSpec::real("time", "time", "time since the start of the simulation");
pub const TEMPERATURE: ColumnSpec =
    ColumnSpec::real("temperature", "energy/k_B", "temperature of the frame");

/// Of rows by species and of all together.
pub const SPECIES_OR_ALL: ColumnSpec =
    ColumnSpec::text("species", "species, or 'all' for every particle");
pub const PARTICLES: ColumnSpec =
    ColumnSpec::integer("particles", "number of particles of the species");

pub const ID: ColumnSpec = ColumnSpec::integer("id", "id of the particle");
pub const SPECIES: ColumnSpec = ColumnSpec::text("species", "species of the particle");
pub const DIAMETER: ColumnSpec = ColumnSpec::real("diameter", "length", "diameter of the particle");
/// Of particles that are followed: those of the reference stay with them, whatever later frames say.
pub const REFERENCE_SPECIES: ColumnSpec =
    ColumnSpec::text("species", "species of the particle in the reference frame");
pub const REFERENCE_DIAMETER: ColumnSpec = ColumnSpec::real(
    "diameter",
    "length",
    "diameter of the particle in the reference frame",
);
