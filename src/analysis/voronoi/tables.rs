//! The tables of `voronoi`.

use std::sync::Arc;

use super::{Each, Said};
use crate::analysis::columns::{
    DIAMETER, FRAME, ID, PARTICLES, SPECIES, SPECIES_OR_ALL, STEP, TEMPERATURE, TIME,
};
use crate::data::table::{Cells, ColumnSpec, RowSink, TableSpec};
use crate::error::Result;

/// Numbers of faces, as columns of particles.
pub const FACES: [&str; 6] = ["n_faces", "n3", "n4", "n5", "n6", "n7_plus"];

/// What the command can write.
pub const TABLES: [TableSpec; 5] = [
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
            ColumnSpec::real("volume", "length^3", "mean volume of the cells"),
            ColumnSpec::real(
                "volume_sd",
                "length^3",
                "standard deviation of the volumes (divided by the number of particles)",
            ),
            ColumnSpec::real(
                "volume_fraction",
                "1",
                "mean of (pi/6) diameter^3 / volume over the cells that are not hidden",
            ),
            ColumnSpec::real(
                "volume_fraction_sd",
                "1",
                "its standard deviation (divided by the number of particles)",
            ),
            ColumnSpec::real(
                "surface_area",
                "length^2",
                "mean area of all faces of a cell",
            ),
            ColumnSpec::real("n_faces", "1", "mean number of faces that count"),
            ColumnSpec::real(
                "n_faces_sd",
                "1",
                "its standard deviation (divided by the number of particles)",
            ),
            ColumnSpec::integer(
                "hidden",
                "cells that larger neighbours cover, with volume 0 and no faces",
            ),
            ColumnSpec::text("commonest_index", "the commonest Voronoi index"),
            ColumnSpec::real(
                "commonest_fraction",
                "1",
                "particles that have it / particles",
            ),
            ColumnSpec::real(
                "volume_sum",
                "length^3",
                "sum of the volumes (rows 'all': equal to cell_volume to 1e-10)",
            ),
            ColumnSpec::real("cell_volume", "length^3", "volume of the simulation cell"),
            ColumnSpec::integer(
                "close_pairs",
                "pairs of particles closer than 1e-6 (V/N)^(1/3) (rows 'all')",
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
            ColumnSpec::real("volume", "length^3", "volume of the cell"),
            ColumnSpec::real("volume_fraction", "1", "(pi/6) diameter^3 / volume"),
            ColumnSpec::real("surface_area", "length^2", "area of all faces"),
            ColumnSpec::integer("n_faces", "faces that count"),
            ColumnSpec::integer("n3", "faces with three edges"),
            ColumnSpec::integer("n4", "faces with four edges"),
            ColumnSpec::integer("n5", "faces with five edges"),
            ColumnSpec::integer("n6", "faces with six edges"),
            ColumnSpec::integer("n7_plus", "faces with seven edges or more"),
            ColumnSpec::text(
                "voronoi_index",
                "n3-n4-n5-n6, with -n7 and so on where there are such faces; missing for a hidden cell",
            ),
        ],
    },
    TableSpec {
        name: "neighbours",
        meaning: "one row a particle, frame and face: every pair of neighbours twice",
        columns: &[
            FRAME,
            STEP,
            TIME,
            TEMPERATURE,
            ID,
            ColumnSpec::integer(
                "neighbour",
                "id of the particle on the other side; missing for a wall of the simulation cell",
            ),
            ColumnSpec::integer(
                "image_a",
                "image of the neighbour along the first edge of the cell: it is at r_j + a image_a + b image_b + c image_c; of a wall, -1 for the lower and 1 for the upper one",
            ),
            ColumnSpec::integer("image_b", "the same along the second edge"),
            ColumnSpec::integer("image_c", "the same along the third edge"),
            ColumnSpec::real(
                "distance",
                "length",
                "distance to the neighbour in that image, or to the wall",
            ),
            ColumnSpec::real("face_area", "length^2", "area of the face"),
            ColumnSpec::integer("n_edges", "edges of the face that count"),
        ],
    },
    TableSpec {
        name: "indices",
        meaning: "one row a frame, species and Voronoi index, the commonest first",
        columns: &[
            FRAME,
            STEP,
            TIME,
            TEMPERATURE,
            SPECIES_OR_ALL,
            ColumnSpec::integer(
                "rank",
                "1 for the commonest; of equally common ones the first in the alphabet",
            ),
            ColumnSpec::text(
                "voronoi_index",
                "n3-n4-n5-n6, with -n7 and so on where there are such faces",
            ),
            ColumnSpec::integer("count", "particles of the species that have it"),
            ColumnSpec::real("fraction", "1", "count / particles of the species"),
        ],
    },
    TableSpec {
        name: "histogram",
        meaning: "one row a frame, species and bin of the local volume fraction that is not empty",
        columns: &[
            FRAME,
            STEP,
            TIME,
            TEMPERATURE,
            SPECIES_OR_ALL,
            ColumnSpec::real("volume_fraction_low", "1", "lower edge of the bin"),
            ColumnSpec::real("volume_fraction_high", "1", "upper edge of the bin"),
            ColumnSpec::integer("count", "particles in the bin"),
            ColumnSpec::real(
                "density",
                "1",
                "count / (particles of the species that are not hidden x width of the bin)",
            ),
        ],
    },
];

/// A column of a value of each of the things.
fn column<T, V>(things: &[T], value: impl Fn(&T) -> V) -> Cells
where
    Vec<V>: Into<Cells>,
{
    things.iter().map(value).collect::<Vec<V>>().into()
}

/// Hands out the rows of a frame.
pub fn rows(said: Said, top: usize, out: &mut dyn RowSink) -> Result<()> {
    let Said {
        moment,
        groups,
        cell_volume,
        close_pairs,
        rows: each,
    } = said;
    if out.wants("frames") {
        let mut rows = moment.cells(groups.len());
        let first = |index: usize| index == 0;
        rows.extend([
            column(&groups, |group| group.name.clone()),
            column(&groups, |group| group.count as i64),
            column(&groups, |group| group.volume.mean),
            column(&groups, |group| group.volume.sd),
            column(&groups, |group| {
                group.volume_fraction.map(|fraction| fraction.mean)
            }),
            column(&groups, |group| {
                group.volume_fraction.map(|fraction| fraction.sd)
            }),
            column(&groups, |group| group.surface_area.mean),
            column(&groups, |group| group.faces.mean),
            column(&groups, |group| group.faces.sd),
            column(&groups, |group| group.hidden as i64),
            column(&groups, |group| {
                group.indices.first().map(|(index, _)| index.clone())
            }),
            column(&groups, |group| {
                group
                    .indices
                    .first()
                    .map(|(_, count)| *count as f64 / group.count as f64)
            }),
            column(&groups, |group| group.volume.mean * group.count as f64),
            Cells::repeat(cell_volume, groups.len()),
            (0..groups.len())
                .map(|index| first(index).then_some(close_pairs as i64))
                .collect::<Vec<_>>()
                .into(),
        ]);
        out.rows("frames", rows)?;
    }
    for group in &groups {
        let name = |rows: usize| Cells::repeat(group.name.clone(), rows);
        if out.wants("indices") {
            let indices = &group.indices[..top.min(group.indices.len())];
            let mut rows = moment.cells(indices.len());
            rows.extend([
                name(indices.len()),
                (1..=indices.len() as i64).collect::<Vec<_>>().into(),
                column(indices, |(index, _)| index.clone()),
                column(indices, |(_, count)| *count as i64),
                column(indices, |(_, count)| *count as f64 / group.count as f64),
            ]);
            out.rows("indices", rows)?;
        }
        if let (true, Some(histogram)) = (out.wants("histogram"), &group.volume_fractions) {
            let bins = histogram.bins();
            let mut rows = moment.cells(bins.len());
            rows.extend([
                name(bins.len()),
                column(bins, |bin| histogram.edge(bin.0)),
                column(bins, |bin| histogram.edge(bin.0 + 1)),
                column(bins, |bin| bin.1 as i64),
                column(bins, |bin| histogram.density(bin.1)),
            ]);
            out.rows("histogram", rows)?;
        }
    }
    let Some(each) = each else {
        return Ok(());
    };
    if out.wants("neighbours") {
        let neighbours = &each.particles.neighbours;
        let mut rows = moment.cells(neighbours.faces.len());
        let id = |neighbour: u32| each.ids[neighbour as usize];
        rows.extend([
            column(&neighbours.particles, |&particle| each.ids[particle]),
            column(&neighbours.faces, |face| face.neighbour.map(id)),
            column(&neighbours.faces, |face| i64::from(face.image[0])),
            column(&neighbours.faces, |face| i64::from(face.image[1])),
            column(&neighbours.faces, |face| i64::from(face.image[2])),
            column(&neighbours.faces, |face| face.distance),
            column(&neighbours.faces, |face| face.area),
            column(&neighbours.edges, |&edges| i64::from(edges)),
        ]);
        out.rows("neighbours", rows)?;
    }
    if out.wants("particles") {
        let Each {
            ids,
            species,
            diameters,
            volume_fractions,
            particles,
        } = each;
        let count = ids.len();
        let mut rows = moment.cells(count);
        rows.extend([
            ids.into(),
            species.into(),
            match diameters {
                Some(diameters) => diameters.into(),
                None => Cells::repeat(None::<f64>, count),
            },
            particles.volumes.into(),
            volume_fractions.into(),
            particles.surface_areas.into(),
        ]);
        rows.extend((0..FACES.len()).map(|at| column(&particles.faces, |faces| faces[at])));
        let text = |index: &Option<usize>| -> Option<Arc<str>> {
            index.map(|index| particles.texts[index].clone())
        };
        rows.push(column(&particles.indices, text));
        out.rows("particles", rows)?;
    }
    Ok(())
}
