//! The tables of `delta-star`.

use crate::analysis::FRAME_COLUMNS;
use crate::data::table::{ColumnSpec, Kind, TableSpec};

const fn column(
    name: &'static str,
    kind: Kind,
    dimension: &'static str,
    meaning: &'static str,
) -> ColumnSpec {
    ColumnSpec {
        name,
        kind,
        dimension,
        meaning,
    }
}

const SPECIES: ColumnSpec = column(
    "species",
    Kind::Text,
    "",
    "species, or 'all' for every particle",
);

/// What is handed out: a row a particle; a row a frame in a window and species; a row a species; bins of the diameter; clusters of movers;
/// and how the movers lie in space beside random subsets.
pub const TABLES: [TableSpec; 6] = [
    TableSpec {
        name: "particles",
        meaning: "one row a particle",
        columns: &[
            column("id", Kind::Integer, "1", "id of the particle"),
            column("species", Kind::Text, "", "species of the particle"),
            column("diameter", Kind::Real, "length", "diameter of the particle"),
            column(
                "displacement_low",
                Kind::Real,
                "length",
                "distance from the reference, averaged over the frames around T1",
            ),
            column(
                "displacement_high",
                Kind::Real,
                "length",
                "distance from the reference, averaged over the frames around T2",
            ),
            column(
                "delta_star",
                Kind::Real,
                "length",
                "|displacement_high - displacement_low|",
            ),
            column(
                "is_mover",
                Kind::Boolean,
                "1",
                "whether delta_star is above the threshold",
            ),
            column(
                "displacement_between",
                Kind::Real,
                "length",
                "distance between the mean positions around T1 and T2",
            ),
            column(
                "x",
                Kind::Real,
                "length",
                "mean position in the window of --structure-at, unwrapped, drift removed",
            ),
            column("y", Kind::Real, "length", "the same along y"),
            column("z", Kind::Real, "length", "the same along z"),
            column(
                "cluster",
                Kind::Integer,
                "1",
                "number of the mover's cluster, from 1, the largest; none for others",
            ),
            column(
                "icosahedron_fraction",
                Kind::Real,
                "1",
                "fraction of the frames of that window in which it is icosahedral",
            ),
            column(
                "is_icosahedron",
                Kind::Boolean,
                "1",
                "whether that is half or more",
            ),
            column(
                "icosahedron_distance",
                Kind::Real,
                "length",
                "distance to the nearest other icosahedral particle",
            ),
        ],
    },
    TableSpec {
        name: "frames",
        meaning: "one row a frame in one of the windows, and species",
        columns: &[
            FRAME_COLUMNS[0],
            FRAME_COLUMNS[1],
            FRAME_COLUMNS[2],
            FRAME_COLUMNS[3],
            column(
                "window",
                Kind::Text,
                "",
                "low (around T1) or high (around T2)",
            ),
            SPECIES,
            column(
                "particles",
                Kind::Integer,
                "1",
                "number of particles of the species",
            ),
            column(
                "displacement",
                Kind::Real,
                "length",
                "distance from the reference, averaged over the particles",
            ),
        ],
    },
    TableSpec {
        name: "summary",
        meaning: "one row a species",
        columns: &[
            SPECIES,
            column(
                "particles",
                Kind::Integer,
                "1",
                "number of particles of the species",
            ),
            column(
                "movers",
                Kind::Integer,
                "1",
                "particles with delta_star above the threshold",
            ),
            column("mover_fraction", Kind::Real, "1", "movers / particles"),
            column(
                "movers_of_single_frames",
                Kind::Integer,
                "1",
                "how many there would be by the frames nearest to T1 and T2 alone",
            ),
            column(
                "mean_diameter",
                Kind::Real,
                "length",
                "mean diameter of the particles",
            ),
            column(
                "mean_diameter_movers",
                Kind::Real,
                "length",
                "mean diameter of the movers",
            ),
            column("icosahedra", Kind::Integer, "1", "icosahedral particles"),
            column("frames_low", Kind::Integer, "1", "frames around T1"),
            column("frames_high", Kind::Integer, "1", "frames around T2"),
        ],
    },
    TableSpec {
        name: "histogram",
        meaning: "one row a species and bin of the diameter",
        columns: &[
            SPECIES,
            column(
                "diameter_low",
                Kind::Real,
                "length",
                "lower edge of the bin",
            ),
            column(
                "diameter_high",
                Kind::Real,
                "length",
                "upper edge of the bin",
            ),
            column("count", Kind::Integer, "1", "particles in the bin"),
            column(
                "density",
                Kind::Real,
                "1/length",
                "count / (particles of the species x width of the bin)",
            ),
            column("movers", Kind::Integer, "1", "movers in the bin"),
            column(
                "mover_density",
                Kind::Real,
                "1/length",
                "movers / (movers of the species x width of the bin)",
            ),
        ],
    },
    TableSpec {
        name: "clusters",
        meaning: "one row a cluster of movers, the largest first",
        columns: &[
            column(
                "cluster",
                Kind::Integer,
                "1",
                "number of the cluster, from 1",
            ),
            column("size", Kind::Integer, "1", "movers in the cluster"),
            column(
                "gyration_radius",
                Kind::Real,
                "length",
                "root mean square distance from the cluster's centre; none if the cluster spans the cell",
            ),
            column(
                "spans_cell",
                Kind::Boolean,
                "1",
                "whether the cluster reaches its own periodic image",
            ),
            column("x", Kind::Real, "length", "centre of the cluster"),
            column("y", Kind::Real, "length", "the same along y"),
            column("z", Kind::Real, "length", "the same along z"),
            column(
                "bond_length",
                Kind::Real,
                "length",
                "distance up to which movers belong to one cluster",
            ),
        ],
    },
    TableSpec {
        name: "clustering",
        meaning: "one row a quantity of the movers and kind of random subset of as many particles",
        columns: &[
            column(
                "quantity",
                Kind::Text,
                "",
                "nearest_mover, icosahedron_distance (means, length), largest_cluster (movers), icosahedral_fraction",
            ),
            column(
                "matched",
                Kind::Text,
                "",
                "what random subsets have in common with the movers: number, species, diameter",
            ),
            column("value", Kind::Real, "", "of the movers"),
            column("random_mean", Kind::Real, "", "mean over random subsets"),
            column(
                "random_standard_deviation",
                Kind::Real,
                "",
                "standard deviation over random subsets",
            ),
            column(
                "z_score",
                Kind::Real,
                "1",
                "(value - mean) / standard deviation",
            ),
            column(
                "z_score_error",
                Kind::Real,
                "1",
                "standard error of z_score from the finite number of subsets",
            ),
            column(
                "rank",
                Kind::Real,
                "1",
                "fraction of random subsets with a smaller value, equal ones counted half",
            ),
            column("rank_error", Kind::Real, "1", "standard error of rank"),
            column("subsets", Kind::Integer, "1", "number of random subsets"),
        ],
    },
];
