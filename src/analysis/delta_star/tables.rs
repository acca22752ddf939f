//! The tables of `delta-star`.

use crate::analysis::columns::{
    FRAME, ID, PARTICLES, REFERENCE_DIAMETER, REFERENCE_SPECIES, SPECIES_OR_ALL, STEP, TEMPERATURE,
    TIME,
};
use crate::data::table::{ColumnSpec, TableSpec};

/// What is handed out: a row a particle; a row a frame in a window and species; a row a species; bins of the diameter; clusters of movers;
/// and how the movers lie in space beside random subsets.
pub const TABLES: [TableSpec; 6] = [
    TableSpec {
        name: "particles",
        meaning: "one row a particle",
        columns: &[
            ID,
            REFERENCE_SPECIES,
            REFERENCE_DIAMETER,
            ColumnSpec::real(
                "displacement_low",
                "length",
                "distance from the reference, averaged over the frames around T1",
            ),
            ColumnSpec::real(
                "displacement_high",
                "length",
                "distance from the reference, averaged over the frames around T2",
            ),
            ColumnSpec::real(
                "delta_star",
                "length",
                "|displacement_high - displacement_low|",
            ),
            ColumnSpec::boolean("is_mover", "whether delta_star is above the threshold"),
            ColumnSpec::real(
                "displacement_between",
                "length",
                "distance between the mean positions around T1 and T2",
            ),
            ColumnSpec::real(
                "x",
                "length",
                "mean position in the window of --structure-at, unwrapped, drift removed",
            ),
            ColumnSpec::real("y", "length", "the same along y"),
            ColumnSpec::real("z", "length", "the same along z"),
            ColumnSpec::integer(
                "cluster",
                "number of the mover's cluster, from 1, the largest; none for others",
            ),
            ColumnSpec::real(
                "icosahedron_fraction",
                "1",
                "fraction of the frames of that window in which it is icosahedral",
            ),
            ColumnSpec::boolean("is_icosahedron", "whether that is half or more"),
            ColumnSpec::real(
                "icosahedron_distance",
                "length",
                "distance to the nearest other icosahedral particle",
            ),
        ],
    },
    TableSpec {
        name: "frames",
        meaning: "one row a frame in one of the windows, and species",
        columns: &[
            FRAME,
            STEP,
            TIME,
            TEMPERATURE,
            ColumnSpec::text("window", "low (around T1) or high (around T2)"),
            SPECIES_OR_ALL,
            PARTICLES,
            ColumnSpec::real(
                "displacement",
                "length",
                "distance from the reference, averaged over the particles",
            ),
        ],
    },
    TableSpec {
        name: "summary",
        meaning: "one row a species",
        columns: &[
            SPECIES_OR_ALL,
            PARTICLES,
            ColumnSpec::integer("movers", "particles with delta_star above the threshold"),
            ColumnSpec::real("mover_fraction", "1", "movers / particles"),
            ColumnSpec::integer(
                "movers_of_single_frames",
                "how many there would be by the frames nearest to T1 and T2 alone",
            ),
            ColumnSpec::real("mean_diameter", "length", "mean diameter of the particles"),
            ColumnSpec::real(
                "mean_diameter_movers",
                "length",
                "mean diameter of the movers",
            ),
            ColumnSpec::integer("icosahedra", "icosahedral particles"),
            ColumnSpec::integer("frames_low", "frames around T1"),
            ColumnSpec::integer("frames_high", "frames around T2"),
        ],
    },
    TableSpec {
        name: "histogram",
        meaning: "one row a species and bin of the diameter",
        columns: &[
            SPECIES_OR_ALL,
            ColumnSpec::real("diameter_low", "length", "lower edge of the bin"),
            ColumnSpec::real("diameter_high", "length", "upper edge of the bin"),
            ColumnSpec::integer("count", "particles in the bin"),
            ColumnSpec::real(
                "density",
                "1/length",
                "count / (particles of the species x width of the bin)",
            ),
            ColumnSpec::integer("movers", "movers in the bin"),
            ColumnSpec::real(
                "mover_density",
                "1/length",
                "movers / (movers of the species x width of the bin)",
            ),
        ],
    },
    TableSpec {
        name: "clusters",
        meaning: "one row a cluster of movers, the largest first",
        columns: &[
            ColumnSpec::integer("cluster", "number of the cluster, from 1"),
            ColumnSpec::integer("size", "movers in the cluster"),
            ColumnSpec::real(
                "gyration_radius",
                "length",
                "root mean square distance from the cluster's centre; none if the cluster spans the cell",
            ),
            ColumnSpec::boolean(
                "spans_cell",
                "whether the cluster reaches its own periodic image",
            ),
            ColumnSpec::real("x", "length", "centre of the cluster"),
            ColumnSpec::real("y", "length", "the same along y"),
            ColumnSpec::real("z", "length", "the same along z"),
            ColumnSpec::real(
                "bond_length",
                "length",
                "distance up to which movers belong to one cluster",
            ),
        ],
    },
    TableSpec {
        name: "clustering",
        meaning: "one row a quantity of the movers and kind of random subset of as many particles",
        columns: &[
            ColumnSpec::text(
                "quantity",
                "nearest_mover, icosahedron_distance (means, length), largest_cluster (movers), icosahedral_fraction",
            ),
            ColumnSpec::text(
                "matched",
                "what random subsets have in common with the movers: number, species, diameter",
            ),
            ColumnSpec::real("value", "", "of the movers"),
            ColumnSpec::real("random_mean", "", "mean over random subsets"),
            ColumnSpec::real(
                "random_standard_deviation",
                "",
                "standard deviation over random subsets",
            ),
            ColumnSpec::real("z_score", "1", "(value - mean) / standard deviation"),
            ColumnSpec::real(
                "z_score_error",
                "1",
                "standard error of z_score from the finite number of subsets",
            ),
            ColumnSpec::real(
                "rank",
                "1",
                "fraction of random subsets with a smaller value, equal ones counted half",
            ),
            ColumnSpec::real("rank_error", "1", "standard error of rank"),
            ColumnSpec::integer("subsets", "number of random subsets"),
        ],
    },
];
