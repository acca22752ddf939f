//! How values are distributed.

/// Moments and extremes of a list of values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub mean: f64,
    /// Standard deviation, divided by N.
    pub sd: f64,
    /// Third central moment / sd³; none where all values are the same but for round-off.
    pub skewness: Option<f64>,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    /// Of one value or more.
    pub(crate) fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let (second, third) = values
            .iter()
            .map(|value| value - mean)
            .fold((0.0, 0.0), |(second, third), d| {
                (second + d * d, third + d * d * d)
            });
        let sd = (second / n).sqrt();
        let (min, max) = values
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), value| {
                (min.min(*value), max.max(*value))
            });
        Spread {
            mean,
            sd,
            skewness: (sd > 1e-12 * min.abs().max(max.abs())).then(|| third / n / sd.powi(3)),
            min,
            max,
        }
    }
}

/// Counts in bins from `k × width` to `(k + 1) × width`, k any whole number.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    width: f64,
    /// k and count of the bins that are not empty, in order.
    bins: Vec<(i64, u64)>,
    total: usize,
}

/// Up to here whole numbers are told apart, 2⁵³.
const FARTHEST: f64 = 9007199254740992.0;

impl Histogram {
    pub(crate) fn of(values: &[f64], width: f64) -> Self {
        // A value on an edge, such as a diameter of 1.2 with bins of 0.02, belongs to the bin above whatever the rounding. Bins beyond
        // those that are told apart are one.
        let mut of: Vec<i64> = values
            .iter()
            .map(|value| (value / width + 1e-9).floor().clamp(-FARTHEST, FARTHEST) as i64)
            .collect();
        let (low, high) = of.iter().fold((i64::MAX, i64::MIN), |(low, high), k| {
            (low.min(*k), high.max(*k))
        });
        let bins = match high.checked_sub(low) {
            // Values close together, which most are, are counted without sorting.
            Some(span @ 0..) if span as u64 <= 4 * values.len() as u64 => {
                let mut counts = vec![0; span as usize + 1];
                of.iter().for_each(|k| counts[(k - low) as usize] += 1);
                (low..).zip(counts).filter(|bin| bin.1 > 0).collect()
            }
            _ => {
                of.sort_unstable();
                let chunks = of.chunk_by(|a, b| a == b);
                chunks.map(|bin| (bin[0], bin.len() as u64)).collect()
            }
        };
        Histogram {
            width,
            bins,
            total: values.len(),
        }
    }

    /// Adds the counts of another histogram with bins of the same width.
    pub(crate) fn take_in(&mut self, other: &Histogram) {
        let mut bins = std::mem::take(&mut self.bins);
        bins.extend(&other.bins);
        bins.sort_unstable_by_key(|bin| bin.0);
        bins.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            if is_same {
                kept.1 += next.1;
            }
            is_same
        });
        self.bins = bins;
        self.total += other.total;
    }

    /// Number of values.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Scott's width of bins for so many values with the spread of these.
    pub(crate) fn width_to_show(&self) -> f64 {
        let middle = |bin: &(i64, u64)| (bin.0 as f64 + 0.5) * self.width;
        let mean = |power: i32, about: f64| {
            let sum: f64 = self
                .bins
                .iter()
                .map(|bin| bin.1 as f64 * (middle(bin) - about).powi(power))
                .sum();
            sum / self.total as f64
        };
        let sd = mean(2, mean(1, 0.0)).sqrt();
        3.49 * sd / (self.total as f64).cbrt()
    }

    /// k and count of the bins that are not empty, in order.
    pub(crate) fn bins(&self) -> &[(i64, u64)] {
        &self.bins
    }

    /// Lower edge of bin `k`.
    pub(crate) fn edge(&self, k: i64) -> f64 {
        // Rounded, so that edges read 0.3 and not 0.30000000000000004.
        let digits = (1e-6 * self.width).log10().floor();
        let unit = 10f64.powf(-digits);
        (k as f64 * self.width * unit).round() / unit
    }

    /// Probability density of a bin with this count.
    pub(crate) fn density(&self, count: u64) -> f64 {
        count as f64 / (self.total as f64 * self.width)
    }

    /// Edges and densities from the first bin to the last, empty ones too, with as many bins joined into one as this width needs; `share` of one
    /// is the area. Of far-flung values only the middle.
    pub(crate) fn outline(&self, width: f64, share: f64) -> (Vec<f64>, Vec<f64>) {
        const MOST: i64 = 1000;
        let joined = (width / self.width).round().clamp(1.0, 1e6) as i64;
        let mut bins: Vec<(i64, u64)> = Vec::new();
        for (k, count) in self
            .bins
            .iter()
            .map(|(k, count)| (k.div_euclid(joined), count))
        {
            match bins.last_mut() {
                Some((last, sum)) if *last == k => *sum += count,
                _ => bins.push((k, *count)),
            }
        }
        let mut seen = 0;
        let middle = bins.iter().find(|(_, count)| {
            seen += *count as usize;
            2 * seen >= self.total
        });
        let middle = middle.map_or(0, |bin| bin.0);
        bins.retain(|bin| (bin.0 - middle).abs() <= MOST);
        let ends = bins.first().zip(bins.last());
        let (first, last) = ends.map_or((0, 0), |(first, last)| (first.0, last.0));
        let mut heights = vec![0.0; (last - first + 1) as usize];
        for (k, count) in bins {
            heights[(k - first) as usize] = share * self.density(count) / joined as f64;
        }
        (
            (first..=last + 1).map(|k| self.edge(k * joined)).collect(),
            heights,
        )
    }
}

impl Spread {
    /// Scott's width of the bins of N values like these (Biometrika 66, 605 (1979)).
    pub(crate) fn bin_width(&self, count: usize) -> f64 {
        3.49 * self.sd / (count as f64).cbrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_values_however_far_they_are_apart() {
        let close: Vec<f64> = (0..500).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let far: Vec<f64> = close.iter().map(|x| 1e9 * x * x * x).collect();
        let farthest = [f64::MIN, -1.0, -1.0, 0.05, f64::MAX];
        for values in [&close, &far, &farthest[..], &[f64::MAX; 2], &[0.3], &[]] {
            let histogram = Histogram::of(values, 0.1);
            let mut expected = std::collections::BTreeMap::new();
            for value in values {
                let k = (value / 0.1 + 1e-9).floor().clamp(-FARTHEST, FARTHEST) as i64;
                *expected.entry(k).or_insert(0) += 1;
            }
            assert!(histogram.bins().iter().copied().eq(expected));
            assert_eq!(histogram.total(), values.len());
            assert!(values.is_empty() || !histogram.outline(0.1, 1.0).1.is_empty());
        }
    }

    #[test]
    fn moments_are_their_formulas() {
        let values = [1.0, 2.0, 4.0, 9.0];
        let spread = Spread::of(&values);
        // Deviations −3, −2, 0, 5 from the mean 4: squares 38, cubes 90.
        let sd = (38.0_f64 / 4.0).sqrt();
        assert_eq!((spread.mean, spread.min, spread.max), (4.0, 1.0, 9.0));
        assert!((spread.sd / sd - 1.0).abs() < 1e-15);
        let skewness = spread.skewness.expect("values differ");
        assert!((skewness / (90.0 / 4.0 / sd.powi(3)) - 1.0).abs() < 1e-15);
        assert_eq!(Spread::of(&[2.5; 3]).skewness, None);
    }
}
