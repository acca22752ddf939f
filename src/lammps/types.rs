//! Atom types for diameters: LAMMPS knows the size of a particle by its type only.

use std::collections::BTreeMap;

use crate::engine::state::State;
use crate::error::Result;
use crate::kernel::{Field, Precision, Totals};
use crate::physics::potential::Potential;

/// Atom types and the diameters that they stand for.
#[derive(Clone, Debug, PartialEq)]
pub struct Types {
    /// The type of each particle, from 1.
    pub of: Vec<i64>,
    /// σ of each type (length).
    pub diameters: Vec<f64>,
    /// The width of the bins into which the diameters were put (length); `None` where each has a type of its own.
    pub width: Option<f64>,
}

impl Types {
    /// A type for each different diameter; with more than `limit` of them, a type for each of so many bins of equal width in which there
    /// are any, standing for their mean.
    pub fn of(diameters: &[f64], limit: usize) -> Self {
        // Positive numbers are ordered as their bits are.
        let bits = |diameter: &f64| diameter.to_bits();
        let mut distinct: Vec<u64> = diameters.iter().map(bits).collect();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() <= limit {
            let place = |diameter: &f64| distinct.binary_search(&bits(diameter));
            return Types {
                of: diameters
                    .iter()
                    .map(|diameter| 1 + place(diameter).unwrap_or_default() as i64)
                    .collect(),
                diameters: distinct.iter().map(|&bits| f64::from_bits(bits)).collect(),
                width: None,
            };
        }
        let smallest = f64::from_bits(distinct[0]);
        let largest = f64::from_bits(distinct[distinct.len() - 1]);
        let width = (largest - smallest) / limit as f64;
        let bin = |diameter: &f64| (((diameter - smallest) / width) as usize).min(limit - 1);
        let mut bins: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for diameter in diameters {
            bins.entry(bin(diameter)).or_default().push(*diameter);
        }
        let number: BTreeMap<usize, i64> = bins.keys().copied().zip(1..).collect();
        let mean = |members: &Vec<f64>| members.iter().sum::<f64>() / members.len() as f64;
        Types {
            of: diameters
                .iter()
                .map(|diameter| number[&bin(diameter)])
                .collect(),
            diameters: bins.values().map(mean).collect(),
            width: Some(width),
        }
    }

    /// The particles with the diameters and masses that LAMMPS takes for theirs, the momentum of the whole zero.
    pub fn state(&self, state: &State) -> State {
        let mut state = state.clone();
        if self.width.is_some() {
            let diameters = self
                .of
                .iter()
                .map(|&kind| self.diameters[kind as usize - 1]);
            state.set_diameters(diameters.collect());
            state.remove_momentum();
        }
        state
    }

    /// What the bins make of energy and pressure, in a line; `None` where each diameter has its own type.
    pub fn error(&self, state: &State, potential: Potential) -> Result<Option<String>> {
        let Some(width) = self.width else {
            return Ok(None);
        };
        let totals = |state: &State| -> Result<Totals> {
            potential.fits(state.edges, &state.diameters)?;
            let (precision, diameters) = (Precision::Double, &state.diameters);
            let mut forces = std::array::from_fn(|_| vec![0.0; state.len()]);
            Ok(Field::new(potential, state.edges, diameters, precision, 1)
                .forces_and_totals(&state.positions, &mut forces))
        };
        let (exact, binned) = (totals(state)?, totals(&self.state(state))?);
        let energy = (binned.energy - exact.energy) / state.len() as f64;
        let pressure = (binned.virial - exact.virial) / (3.0 * state.volume());
        Ok(Some(format!(
            "the diameters are put into {} bins of width {width:.2e} for LAMMPS: at the start that changes the energy per particle by \
             {energy:.2e} and the pressure by {pressure:.2e}",
            self.diameters.len()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::state::Component;

    #[test]
    fn every_diameter_has_its_type_up_to_the_limit() {
        let types = Types::of(&[1.2, 1.0, 1.2, 0.9], 3);
        assert_eq!(types.of, [3, 2, 3, 1]);
        assert_eq!(types.diameters, [0.9, 1.0, 1.2]);
        assert_eq!(types.width, None);
    }

    #[test]
    fn beyond_it_bins_keep_the_mean_and_no_diameter_is_off_by_more_than_their_width() {
        let diameters: Vec<f64> = (0..500)
            .map(|k| 0.8 + 0.7 * (f64::from(k) * 0.6180339887).fract())
            .collect();
        let types = Types::of(&diameters, 40);
        let width = types.width.unwrap();
        assert!(types.diameters.len() <= 40 && types.diameters.len() > 30);
        let binned: Vec<f64> = types
            .of
            .iter()
            .map(|&kind| types.diameters[kind as usize - 1])
            .collect();
        let worst = std::iter::zip(&diameters, &binned)
            .map(|(exact, binned)| (exact - binned).abs())
            .fold(0.0, f64::max);
        assert!(worst > 0.0 && worst < width, "{worst} {width}");
        let mean = |values: &[f64]| values.iter().sum::<f64>() / 500.0;
        assert!((mean(&binned) - mean(&diameters)).abs() < 1e-14);
    }

    #[test]
    fn the_error_of_bins_is_that_of_the_energy_they_make() {
        let component = |name: &str, diameter| Component {
            name: name.to_string(),
            count: 250,
            diameter,
        };
        let mut state = State::random(&[component("A", 1.0), component("B", 1.2)], 0.6, 3);
        let potential = Potential::weeks_chandler_andersen();
        assert_eq!(
            Types::of(&state.diameters, 2)
                .error(&state, potential)
                .unwrap(),
            None
        );
        state.sort_by_id();
        let types = Types::of(&state.diameters, 1);
        assert_eq!(types.diameters.len(), 1);
        assert!((types.diameters[0] - 1.1).abs() < 1e-12);
        let line = types.error(&state, potential).unwrap().unwrap();
        assert!(line.contains("1 bins of width 2.00e-1"), "{line}");
        assert!(!line.contains("by 0.00e0"), "{line}");
    }
}
