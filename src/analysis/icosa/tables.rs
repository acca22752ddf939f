//! The tables of `icosa`.

use crate::analysis::columns::{
    DIAMETER, FRAME, ID, PARTICLES, SPECIES, SPECIES_OR_ALL, STEP, TEMPERATURE, TIME,
};
use crate::data::table::{ColumnSpec, TableSpec};

const STRUCTURE: ColumnSpec = ColumnSpec::text(
    "structure",
    "structure that the cell belongs to, missing where it belongs to none",
);
const CODE: ColumnSpec = ColumnSpec::text(
    "code",
    "canonical Weinberg code of the cell, as VoroTop writes it",
);
const SYMMETRY_ORDER: ColumnSpec = ColumnSpec::integer(
    "symmetry_order",
    "order of the cell's group of topological symmetries, reflections among them",
);
const FACES: [ColumnSpec; 6] = [
    ColumnSpec::integer("n3", "faces with three edges"),
    ColumnSpec::integer("n4", "faces with four edges"),
    ColumnSpec::integer("n5", "faces with five edges"),
    ColumnSpec::integer("n6", "faces with six edges"),
    ColumnSpec::integer("n7_plus", "faces with seven edges or more"),
    ColumnSpec::integer("n_faces", "faces"),
];

/// What the command can write.
pub const TABLES: [TableSpec; 4] = [
    TableSpec {
        name: "frames",
        meaning: "one row a frame, species of the particle in the cell, and structure",
        columns: &[
            FRAME,
            STEP,
            TIME,
            TEMPERATURE,
            SPECIES_OR_ALL,
            ColumnSpec::text("structure", "structure that is counted"),
            PARTICLES,
            ColumnSpec::integer(
                "count",
                "particles of the species whose cell has the structure",
            ),
            ColumnSpec::real("fraction", "1", "count / particles"),
            ColumnSpec::real(
                "count_per_central",
                "1",
                "count / number of particles of the central species (all of them with --central all)",
            ),
            ColumnSpec::integer(
                "largest_cluster",
                "particles in the largest cluster of the structure (in the rows of all species)",
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
            ColumnSpec::boolean(
                "is_icosahedron",
                "whether the cell is a pentagonal dodecahedron",
            ),
            STRUCTURE,
            ColumnSpec::integer(
                "cluster",
                "number of the cluster in the frame, as in the table clusters",
            ),
            CODE,
            SYMMETRY_ORDER,
            ColumnSpec::integer(
                "chirality",
                "0 if the cell is its own mirror image, else -1 or 1: mirror images have the same code",
            ),
            FACES[0],
            FACES[1],
            FACES[2],
            FACES[3],
            FACES[4],
            FACES[5],
        ],
    },
    TableSpec {
        name: "codes",
        meaning: "one row a frame and code, the commonest first (--top)",
        columns: &[
            FRAME,
            STEP,
            TIME,
            TEMPERATURE,
            ColumnSpec::integer("rank", "from 1 for the commonest"),
            CODE,
            STRUCTURE,
            SYMMETRY_ORDER,
            ColumnSpec::boolean(
                "is_chiral",
                "whether the cell differs from its mirror image",
            ),
            FACES[0],
            FACES[1],
            FACES[2],
            FACES[3],
            FACES[4],
            FACES[5],
            ColumnSpec::integer("count", "cells that have it, its mirror image included"),
            ColumnSpec::real("fraction", "1", "count / number of particles"),
        ],
    },
    TableSpec {
        name: "clusters",
        meaning: "one row a frame and cluster of particles of one structure whose cells share faces, the largest first",
        columns: &[
            FRAME,
            STEP,
            TIME,
            TEMPERATURE,
            ColumnSpec::integer("cluster", "number in the frame, from 1 for the largest"),
            ColumnSpec::text("structure", "structure of its particles"),
            ColumnSpec::integer("size", "number of its particles"),
        ],
    },
];
