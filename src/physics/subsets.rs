//! Random subsets of the same size as a chosen one: what a quantity of the chosen would be by chance.

use super::random::{Purpose, Random};

/// Things in strata (of one species, of like size …), of which random subsets take as many from each as a chosen subset has.
pub struct Strata {
    /// The members of each stratum, and how many are taken from it.
    strata: Vec<(Vec<usize>, usize)>,
}

impl Strata {
    /// The strata of things by their labels, and the subset whose size is to be matched in each of them.
    pub fn new(labels: &[usize], chosen: &[usize]) -> Self {
        let count = labels.iter().max().map_or(0, |largest| largest + 1);
        let mut strata = vec![(Vec::new(), 0); count];
        for (thing, &label) in labels.iter().enumerate() {
            strata[label].0.push(thing);
        }
        chosen
            .iter()
            .for_each(|&thing| strata[labels[thing]].1 += 1);
        Strata { strata }
    }

    /// Random subset number `number` of a seed, all with the same probability: indices, increasing.
    pub fn draw(&self, seed: u64, number: i64) -> Vec<usize> {
        let mut drawn = Vec::new();
        for (stratum, (members, taken)) in self.strata.iter().enumerate() {
            let mut random = Random::new(seed, Purpose::Subsets, number, stratum as i64);
            let mut members = members.clone();
            // The beginning of a random permutation (Fisher and Yates).
            for at in 0..*taken {
                let rest = members.len() - at;
                let other = at + ((random.uniform() * rest as f64) as usize).min(rest - 1);
                members.swap(at, other);
            }
            drawn.extend_from_slice(&members[..*taken]);
        }
        drawn.sort_unstable();
        drawn
    }
}

/// A value beside those of random subsets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// The value of the chosen subset.
    pub value: f64,
    /// Number K of random subsets.
    pub subsets: usize,
    /// Mean over the random subsets; its standard error is `standard_deviation` / K^{1/2}.
    pub mean: f64,
    /// Standard deviation s over the random subsets.
    pub standard_deviation: f64,
    /// Fraction of random subsets with a smaller value, those with the same counted half.
    pub rank: f64,
}

impl Comparison {
    /// A value beside those of two or more random subsets; `None` where one of them is not a finite number.
    pub fn of(value: f64, random: &[f64]) -> Option<Self> {
        if random.len() < 2 || !value.is_finite() || random.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let count = random.len() as f64;
        let mean = random.iter().sum::<f64>() / count;
        let square = random
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>();
        let weight = |other: &f64| match other.total_cmp(&value) {
            std::cmp::Ordering::Less => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Greater => 0.0,
        };
        Some(Comparison {
            value,
            subsets: random.len(),
            mean,
            standard_deviation: (square / (count - 1.0)).sqrt(),
            rank: random.iter().map(weight).sum::<f64>() / count,
        })
    }

    /// z = (value − mean) / s and its standard error (1/K + z²/2K)^{1/2}, which comes of the finite number of subsets; `None` where all
    /// random subsets have the same value.
    pub fn z_score(&self) -> Option<(f64, f64)> {
        let round_off = 1e-12 * self.mean.abs();
        if self.standard_deviation <= round_off {
            return None;
        }
        let z = (self.value - self.mean) / self.standard_deviation;
        Some((z, ((1.0 + 0.5 * z * z) / self.subsets as f64).sqrt()))
    }

    /// Standard error of the rank p: (p′(1 − p′) / K)^{1/2} with p′ = (Kp + 1)/(K + 2), so that it is not zero where no subset comes near.
    pub fn rank_error(&self) -> f64 {
        let count = self.subsets as f64;
        let p = (count * self.rank + 1.0) / (count + 2.0);
        (p * (1.0 - p) / count).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsets_take_as_many_of_each_stratum() {
        let labels = [0, 1, 0, 2, 1, 1, 0, 2, 1, 0];
        let strata = Strata::new(&labels, &[1, 3, 4, 9]);
        for number in 0..200 {
            let drawn = strata.draw(3, number);
            assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
            let of = |label| {
                drawn
                    .iter()
                    .filter(|&&thing| labels[thing] == label)
                    .count()
            };
            assert_eq!([of(0), of(1), of(2)], [1, 2, 1]);
        }
        let drawn = |seed| {
            (0..20)
                .map(|number| strata.draw(seed, number))
                .collect::<Vec<_>>()
        };
        assert_eq!(drawn(3), drawn(3));
        assert_ne!(drawn(3), drawn(4));
    }

    /// Each of the ten pairs of five things comes up a tenth of the time, within five standard errors.
    #[test]
    fn every_subset_is_as_likely() {
        let strata = Strata::new(&[0; 5], &[0, 1]);
        let mut counts = std::collections::HashMap::new();
        let draws = 20_000;
        (0..draws).for_each(|number| *counts.entry(strata.draw(1, number)).or_insert(0) += 1);
        assert_eq!(counts.len(), 10);
        let error = 5.0 * (draws as f64 * 0.1 * 0.9).sqrt();
        assert!(
            counts
                .values()
                .all(|&count| (f64::from(count) - draws as f64 / 10.0).abs() < error),
            "{counts:?}"
        );
    }

    #[test]
    fn comparisons_by_hand() {
        let found = Comparison::of(5.0, &[1.0, 3.0, 5.0, 7.0]).unwrap();
        assert_eq!((found.mean, found.rank), (4.0, 0.625));
        assert!((found.standard_deviation - (20.0f64 / 3.0).sqrt()).abs() < 1e-15);
        let (z, error) = found.z_score().unwrap();
        assert!(
            (z - 0.15f64.sqrt()).abs() < 1e-15 && (error - (1.075f64 / 4.0).sqrt()).abs() < 1e-15
        );
        assert_eq!(Comparison::of(2.0, &[2.0; 3]).unwrap().z_score(), None);
        assert_eq!(Comparison::of(f64::NAN, &[2.0; 3]), None);
    }
}
