//! The rows of `delta-star`'s tables.

use std::sync::Arc;

use super::clustering::Compared;
use super::{Finished, Within};
use crate::analysis::{ALL, Moment};
use crate::data::frame::Species;
use crate::data::table::{Cells, RowSink};
use crate::error::Result;
use crate::physics::subsets::Comparison;

/// Rows of `particles`.
pub fn particles(finished: &Finished, out: &mut dyn RowSink) -> Result<()> {
    if !out.wants("particles") {
        return Ok(());
    }
    let count = finished.ids.len();
    let mut cluster_of = vec![None; count];
    for (number, cluster) in (1..).zip(&finished.clusters) {
        let members = cluster.members.iter();
        members.for_each(|&member| cluster_of[finished.movers[member]] = Some(number));
    }
    let mut is_mover = vec![false; count];
    finished.movers.iter().for_each(|&row| is_mover[row] = true);
    let species = (0..count).map(|row| finished.species.name(row).clone());
    let along = |axis: usize| -> Cells {
        let positions = finished.positions.iter();
        positions
            .map(|position| position[axis])
            .collect::<Vec<_>>()
            .into()
    };
    let [low, high] = finished.displacements.clone();
    let rows = vec![
        finished.ids.clone().into(),
        species.collect::<Vec<_>>().into(),
        column(&finished.diameters, count),
        low.into(),
        high.into(),
        finished.delta_star.clone().into(),
        is_mover.into(),
        finished.between.clone().into(),
        along(0),
        along(1),
        along(2),
        cluster_of.into(),
        column(&finished.fractions, count),
        column(&finished.icosahedral, count),
        finished.icosahedron_distances.clone().into(),
    ];
    out.rows("particles", rows)
}

/// A column, or one of missing values.
fn column<T: Clone>(values: &Option<Vec<T>>, rows: usize) -> Cells
where
    Cells: From<Vec<Option<T>>>,
{
    let missing = || vec![None; rows];
    let present = |values: &Vec<T>| values.iter().cloned().map(Some).collect();
    values.as_ref().map_or_else(missing, present).into()
}

/// Rows of `frames`.
pub fn frame(
    species: &Species,
    moment: &Moment,
    within: &Within,
    out: &mut dyn RowSink,
) -> Result<()> {
    if !out.wants("frames") {
        return Ok(());
    }
    let (names, counts) = groups(species);
    let mut sums = vec![0.0; names.len()];
    for (displacement, &species) in within.displacements.iter().zip(&species.of) {
        sums[0] += displacement;
        sums[species as usize + 1] += displacement;
    }
    let mut rows = moment.cells(names.len());
    rows.push(Cells::repeat(
        Arc::<str>::from(within.window.name()),
        names.len(),
    ));
    rows.push(names.into());
    rows.push(
        counts
            .iter()
            .map(|&count| count as i64)
            .collect::<Vec<_>>()
            .into(),
    );
    let means = sums
        .iter()
        .zip(&counts)
        .map(|(sum, &count)| sum / count as f64);
    rows.push(means.collect::<Vec<_>>().into());
    out.rows("frames", rows)
}

/// Rows of `summary`.
pub fn summary(finished: &Finished, out: &mut dyn RowSink) -> Result<()> {
    if !out.wants("summary") {
        return Ok(());
    }
    let (names, counts) = groups(&finished.species);
    let count = names.len();
    let in_group =
        |group: usize, row: usize| group == 0 || finished.species.of[row] as usize + 1 == group;
    let integers = |of: &dyn Fn(usize) -> usize| -> Cells {
        (0..count)
            .map(|group| of(group) as i64)
            .collect::<Vec<_>>()
            .into()
    };
    let movers_in = |group: usize| -> Vec<usize> {
        let movers = finished.movers.iter().copied();
        movers.filter(|&row| in_group(group, row)).collect()
    };
    let mean_diameter = |rows: Vec<usize>| {
        let diameters = finished.diameters.as_ref().filter(|_| !rows.is_empty())?;
        Some(rows.iter().map(|&row| diameters[row]).sum::<f64>() / rows.len() as f64)
    };
    let everybody = |group: usize| -> Vec<usize> {
        (0..finished.delta_star.len())
            .filter(|&row| in_group(group, row))
            .collect()
    };
    let means = |rows: &dyn Fn(usize) -> Vec<usize>| -> Cells {
        (0..count)
            .map(|group| mean_diameter(rows(group)))
            .collect::<Vec<_>>()
            .into()
    };
    let icosahedra = (0..count).map(|group| {
        let icosahedral = finished.icosahedral.as_ref()?;
        Some(
            everybody(group)
                .iter()
                .filter(|&&row| icosahedral[row])
                .count() as i64,
        )
    });
    let fractions = (0..count).map(|group| movers_in(group).len() as f64 / counts[group] as f64);
    let rows = vec![
        names.into(),
        integers(&|group| counts[group]),
        integers(&|group| movers_in(group).len()),
        fractions.collect::<Vec<_>>().into(),
        integers(&|group| match group {
            0 => finished.single.iter().sum(),
            group => finished.single[group - 1],
        }),
        means(&everybody),
        means(&movers_in),
        icosahedra.collect::<Vec<_>>().into(),
        integers(&|_| finished.frames_in[0]),
        integers(&|_| finished.frames_in[1]),
    ];
    out.rows("summary", rows)
}

/// Rows of `histogram`.
pub fn histogram(finished: &Finished, width: f64, out: &mut dyn RowSink) -> Result<()> {
    if !out.wants("histogram") {
        return Ok(());
    }
    let (names, _) = groups(&finished.species);
    for (group, name) in names.iter().enumerate() {
        let only = group.checked_sub(1);
        let Some(sizes) = Sizes::new(finished, only, width) else {
            continue;
        };
        let count = sizes.all.len();
        let whole = |counts: &[usize]| {
            counts
                .iter()
                .map(|&count| count as i64)
                .collect::<Vec<_>>()
                .into()
        };
        let mut rows = vec![Cells::repeat(name.clone(), count)];
        rows.push(sizes.edges[..count].to_vec().into());
        rows.push(sizes.edges[1..].to_vec().into());
        rows.push(whole(&sizes.all));
        rows.push(sizes.density(&sizes.all).into());
        rows.push(whole(&sizes.movers));
        rows.push(sizes.density(&sizes.movers).into());
        out.rows("histogram", rows)?;
    }
    Ok(())
}

/// Rows of `clusters`.
pub fn clusters(finished: &Finished, out: &mut dyn RowSink) -> Result<()> {
    let (clusters, bond) = (&finished.clusters, finished.bond);
    if !out.wants("clusters") {
        return Ok(());
    }
    let each = || clusters.iter();
    let centre = |axis: usize| {
        each()
            .map(|cluster| cluster.centre[axis])
            .collect::<Vec<_>>()
            .into()
    };
    let rows = vec![
        (1..=clusters.len() as i64).collect::<Vec<_>>().into(),
        each()
            .map(|cluster| cluster.members.len() as i64)
            .collect::<Vec<_>>()
            .into(),
        each()
            .map(|cluster| cluster.gyration_radius)
            .collect::<Vec<_>>()
            .into(),
        each()
            .map(|cluster| cluster.gyration_radius.is_none())
            .collect::<Vec<_>>()
            .into(),
        centre(0),
        centre(1),
        centre(2),
        Cells::Real(vec![Some(bond); clusters.len()]),
    ];
    out.rows("clusters", rows)
}

/// Rows of `clustering`.
pub fn clustering(finished: &Finished, out: &mut dyn RowSink) -> Result<()> {
    let compared = &finished.compared;
    if !out.wants("clustering") {
        return Ok(());
    }
    let text = |of: fn(&Compared) -> &'static str| {
        let texts = compared.iter().map(|row| Arc::<str>::from(of(row)));
        Cells::from(texts.collect::<Vec<_>>())
    };
    let real = |of: fn(&Comparison) -> Option<f64>| {
        let values = compared.iter().map(|row| of(&row.comparison));
        Cells::from(values.collect::<Vec<_>>())
    };
    let subsets = compared.iter().map(|row| row.comparison.subsets as i64);
    let rows = vec![
        text(|row| row.quantity),
        text(|row| row.matched),
        real(|row| Some(row.value)),
        real(|row| Some(row.mean)),
        real(|row| Some(row.standard_deviation)),
        real(|row| row.z_score().map(|z| z.0)),
        real(|row| row.z_score().map(|z| z.1)),
        real(|row| Some(row.rank)),
        real(|row| Some(row.rank_error())),
        subsets.collect::<Vec<_>>().into(),
    ];
    out.rows("clustering", rows)
}

/// Counts of all and of the movers by diameter.
pub struct Sizes {
    /// The edges of the bins (length), one more than bins.
    pub edges: Vec<f64>,
    /// Counts of all.
    pub all: Vec<usize>,
    /// Counts of the movers.
    pub movers: Vec<usize>,
    width: f64,
}

impl Sizes {
    /// Bins from the smallest to the largest diameter, of one species or of all; `None` where diameters are not known.
    pub fn new(finished: &Finished, species: Option<usize>, width: f64) -> Option<Self> {
        let diameters = finished.diameters.as_ref()?;
        let rows = || {
            (0..diameters.len()).filter(|&row| {
                species.is_none_or(|species| finished.species.of[row] as usize == species)
            })
        };
        // A diameter that stands on an edge belongs above it, round-off aside.
        let bin_of = |row: usize| (diameters[row] / width + 1e-9).floor();
        let first = rows().map(bin_of).fold(f64::INFINITY, f64::min);
        let last = rows().map(bin_of).fold(f64::NEG_INFINITY, f64::max);
        let count = (last - first + 1.0) as usize;
        let mut all = vec![0; count];
        let mut movers = all.clone();
        let mut is_mover = vec![false; diameters.len()];
        finished.movers.iter().for_each(|&row| is_mover[row] = true);
        for row in rows() {
            let bin = (bin_of(row) - first) as usize;
            all[bin] += 1;
            movers[bin] += usize::from(is_mover[row]);
        }
        // Rounded, so that edges read 0.1 and not 0.10000000000000053.
        let edge = |bin: usize| ((first + bin as f64) * width * 1e9).round() / 1e9;
        Some(Sizes {
            edges: (0..=count).map(edge).collect(),
            all,
            movers,
            width,
        })
    }

    /// count / (all counts × width), which integrates to one.
    pub fn density(&self, counts: &[usize]) -> Vec<f64> {
        let total = counts.iter().sum::<usize>().max(1) as f64;
        counts
            .iter()
            .map(|&count| count as f64 / (total * self.width))
            .collect()
    }
}

/// Names and numbers of particles of all, then of each species.
fn groups(species: &Species) -> (Vec<Arc<str>>, Vec<usize>) {
    let names = std::iter::once(ALL.into()).chain(species.names.iter().cloned());
    let counts = std::iter::once(species.of.len()).chain(species.counts());
    (names.collect(), counts.collect())
}
