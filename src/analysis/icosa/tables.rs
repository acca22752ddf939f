//! The tables of `icosa`.

use crate::analysis::FRAME_COLUMNS;
use crate::data::table::{ColumnSpec, Kind, TableSpec};

const FRAME: ColumnSpec = FRAME_COLUMNS[0];
const STEP: ColumnSpec = FRAME_COLUMNS[1];
const TIME: ColumnSpec = FRAME_COLUMNS[2];
const TEMPERATURE: ColumnSpec = FRAME_COLUMNS[3];

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

const fn text(name: &'static str, meaning: &'static str) -> ColumnSpec {
    ColumnSpec {
        name,
        kind: Kind::Text,
        dimension: "",
        meaning,
    }
}

const fn boolean(name: &'static str, meaning: &'static str) -> ColumnSpec {
    ColumnSpec {
        name,
        kind: Kind::Boolean,
        dimension: "1",
        meaning,
    }
}

const STRUCTURE: ColumnSpec = text(
    "structure",
    "structure that the cell belongs to, missing where it belongs to none",
);
const CODE: ColumnSpec = text(
    "code",
    "canonical Weinberg code of the cell, as VoroTop writes it",
);
const SYMMETRY_ORDER: ColumnSpec = integer(
    "symmetry_order",
    "order of the cell's group of topological symmetries, reflections among them",
);
const FACES: [ColumnSpec; 6] = [
    integer("n3", "faces with three edges"),
    integer("n4", "faces with four edges"),
    integer("n5", "faces with five edges"),
    integer("n6", "faces with six edges"),
    integer("n7_plus", "faces with seven edges or more"),
    integer("n_faces", "faces"),
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
            text("species", "species, or 'all' for every particle"),
            text("structure", "structure that is counted"),
            integer("particles", "number of particles of the species"),
            integer(
                "count",
                "particles of the species whose cell has the structure",
            ),
            real("fraction", "1", "count / particles"),
            real(
                "count_per_central",
                "1",
                "count / number of particles of the central species (all of them with --central all)",
            ),
            integer(
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
            integer("id", "id of the particle"),
            text("species", "species of the particle"),
            real("diameter", "length", "diameter of the particle"),
            boolean(
                "is_icosahedron",
                "whether the cell is a pentagonal dodecahedron",
            ),
            STRUCTURE,
            integer(
                "cluster",
                "number of the cluster in the frame, as in the table clusters",
            ),
            CODE,
            SYMMETRY_ORDER,
            integer(
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
            integer("rank", "from 1 for the commonest"),
            CODE,
            STRUCTURE,
            SYMMETRY_ORDER,
            boolean(
                "is_chiral",
                "whether the cell differs from its mirror image",
            ),
            FACES[0],
            FACES[1],
            FACES[2],
            FACES[3],
            FACES[4],
            FACES[5],
            integer("count", "cells that have it, its mirror image included"),
            real("fraction", "1", "count / number of particles"),
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
            integer("cluster", "number in the frame, from 1 for the largest"),
            text("structure", "structure of its particles"),
            integer("size", "number of its particles"),
        ],
    },
];
