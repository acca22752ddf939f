//! How movers lie in space, beside random subsets of as many particles.

use rayon::prelude::*;

use crate::data::frame::Species;
use crate::physics::points::{Points, clusters};
use crate::physics::subsets::{Comparison, Strata};

/// What is measured of a subset of the particles.
const QUANTITIES: [&str; 4] = [
    "nearest_mover",
    "largest_cluster",
    "icosahedron_distance",
    "icosahedral_fraction",
];

/// A quantity of the movers beside that of random subsets.
pub struct Compared {
    /// Which quantity.
    pub quantity: &'static str,
    /// What random subsets have in common with the movers.
    pub matched: &'static str,
    /// The numbers.
    pub comparison: Comparison,
}

/// Particles with what surrounds them.
pub struct Surroundings<'a> {
    points: &'a Points,
    bond: f64,
    icosahedral: Option<&'a [bool]>,
    icosahedron_distances: Vec<Option<f64>>,
}

impl<'a> Surroundings<'a> {
    /// Looks for the icosahedral particle nearest to each; bonds are no longer than `bond` (length).
    pub fn new(points: &'a Points, bond: f64, icosahedral: Option<&'a [bool]>) -> Self {
        let centres: Vec<usize> = match icosahedral {
            Some(is) => (0..points.len()).filter(|&row| is[row]).collect(),
            None => Vec::new(),
        };
        let among = points.subset(&centres);
        let icosahedron_distances = points
            .positions()
            .iter()
            .enumerate()
            .map(|(row, position)| {
                let itself = centres.binary_search(&row).ok();
                among
                    .nearest(position, itself)
                    .map(|(_, distance)| distance)
            })
            .collect();
        Surroundings {
            points,
            bond,
            icosahedral,
            icosahedron_distances,
        }
    }

    /// Distance of each particle to the nearest other icosahedral one (length).
    pub fn into_icosahedron_distances(self) -> Vec<Option<f64>> {
        self.icosahedron_distances
    }

    /// The [`QUANTITIES`] of a subset; NaN where there are none.
    fn measure(&self, chosen: &[usize]) -> [f64; QUANTITIES.len()] {
        let points = self.points.subset(chosen);
        let positions = points.positions().iter().enumerate();
        let nearest =
            positions.filter_map(|(at, position)| Some(points.nearest(position, Some(at))?.1));
        let largest = clusters(&points, self.bond)
            .first()
            .map_or(0, |cluster| cluster.members.len());
        let distances = chosen
            .iter()
            .filter_map(|&row| self.icosahedron_distances[row]);
        let fraction = self.icosahedral.map_or(f64::NAN, |is| {
            mean(chosen.iter().map(|&row| f64::from(u8::from(is[row]))))
        });
        [mean(nearest), largest as f64, mean(distances), fraction]
    }

    /// Compares the movers with random subsets that match them in number, in numbers of each species, and in numbers of each species and
    /// tenth of its diameters.
    pub fn compare(
        &self,
        movers: &[usize],
        species: &Species,
        diameters: Option<&[f64]>,
        (seed, subsets): (u64, u32),
    ) -> Vec<Compared> {
        if movers.is_empty() {
            return Vec::new();
        }
        let by_species: Vec<usize> = species.of.iter().map(|&of| of as usize).collect();
        let by_diameter = diameters.map(|diameters| tenths(&by_species, diameters));
        let kinds = [
            ("number", Some(vec![0; self.points.len()])),
            ("species", Some(by_species)),
            ("diameter", by_diameter),
        ];
        let found = self.measure(movers);
        let mut compared = Vec::new();
        for (matched, labels) in kinds {
            let Some(labels) = labels else { continue };
            let strata = Strata::new(&labels, movers);
            let random: Vec<[f64; QUANTITIES.len()]> = (0..i64::from(subsets))
                .into_par_iter()
                .map(|number| self.measure(&strata.draw(seed, number)))
                .collect();
            for (at, quantity) in QUANTITIES.into_iter().enumerate() {
                let values: Vec<f64> = random.iter().map(|values| values[at]).collect();
                compared.extend(
                    Comparison::of(found[at], &values).map(|comparison| Compared {
                        quantity,
                        matched,
                        comparison,
                    }),
                );
            }
        }
        compared
    }
}

/// NaN of no values.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    sum / f64::from(count)
}

/// Strata of one species and one tenth of its diameters; equal diameters are in the same.
fn tenths(species: &[usize], diameters: &[f64]) -> Vec<usize> {
    let count = species.iter().max().map_or(0, |largest| largest + 1);
    let mut sorted: Vec<Vec<f64>> = vec![Vec::new(); count];
    for (&species, &diameter) in species.iter().zip(diameters) {
        sorted[species].push(diameter);
    }
    sorted
        .iter_mut()
        .for_each(|diameters| diameters.sort_by(f64::total_cmp));
    species
        .iter()
        .zip(diameters)
        .map(|(&species, diameter)| {
            let sorted = &sorted[species];
            let smaller = sorted.partition_point(|other| other < diameter);
            10 * species + 10 * smaller / sorted.len()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenths_are_tenths_and_keep_equals_together() {
        let diameters: Vec<f64> = (0..100).map(f64::from).chain([5.0; 50]).collect();
        let species: Vec<usize> = (0..150).map(|row| row / 100).collect();
        let labels = tenths(&species, &diameters);
        for tenth in 0..10 {
            assert_eq!(labels.iter().filter(|&&label| label == tenth).count(), 10);
        }
        assert!(labels[100..].iter().all(|&label| label == 10));
    }
}
