//! Displacements of particles over lag times, averaged over time origins.
//!
//! For a particle with positions r(t) in n frames, and a lag of m frames,
//!
//! ⟨Δr²⟩(m) = 1/(n−m) Σ_t |r(t+m) − r(t)|²  and  ⟨Δr⁴⟩(m) = 1/(n−m) Σ_t |r(t+m) − r(t)|⁴.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// The path of one particle: its coordinates (length) in n frames.
#[derive(Clone, Debug, Default)]
pub struct Path {
    /// Coordinates along x, y and z, each with n values.
    pub axes: [Vec<f64>; 3],
}

/// ⟨Δr²⟩ (length²) and ⟨Δr⁴⟩ (length⁴) of one particle at a list of lags.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moments {
    /// ⟨Δr²⟩ at each lag.
    pub second: Vec<f64>,
    /// ⟨Δr⁴⟩ at each lag.
    pub fourth: Vec<f64>,
}

impl Path {
    /// Number of frames n.
    pub fn len(&self) -> usize {
        self.axes[0].len()
    }

    /// Whether there is no frame.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves the path so that its mean is at the origin, which keeps the sums of [`Correlator::moments`] small.
    pub fn centre(&mut self) {
        for axis in &mut self.axes {
            let mean = axis.iter().sum::<f64>() / axis.len() as f64;
            axis.iter_mut().for_each(|value| *value -= mean);
        }
    }

    /// Moments at lags of whole frames, by the sum over all origins: O(n) a lag.
    pub fn moments(&self, lags: &[usize]) -> Moments {
        let n = self.len();
        let mut moments = Moments::default();
        for &lag in lags {
            let [x, y, z] =
                [0, 1, 2].map(|axis| (&self.axes[axis][..n - lag], &self.axes[axis][lag..]));
            let (mut second, mut fourth) = ([0.0; 8], [0.0; 8]);
            // Eight independent sums let the compiler use wide registers.
            for start in (0..n - lag).step_by(8) {
                for lane in 0..8.min(n - lag - start) {
                    let t = start + lane;
                    let (dx, dy, dz) = (x.1[t] - x.0[t], y.1[t] - y.0[t], z.1[t] - z.0[t]);
                    let square = dx * dx + dy * dy + dz * dz;
                    second[lane] += square;
                    fourth[lane] += square * square;
                }
            }
            let origins = (n - lag) as f64;
            moments.second.push(second.iter().sum::<f64>() / origins);
            moments.fourth.push(fourth.iter().sum::<f64>() / origins);
        }
        moments
    }

    /// Moments over given pairs of frames (origin, later), one list of pairs a lag: for frames that are not equally spaced.
    pub fn moments_of_pairs(&self, lags: &[Vec<(u32, u32)>]) -> Moments {
        let mut moments = Moments::default();
        for pairs in lags {
            let (mut second, mut fourth) = (0.0, 0.0);
            for &(origin, later) in pairs {
                let square: f64 = self
                    .axes
                    .iter()
                    .map(|axis| (axis[later as usize] - axis[origin as usize]).powi(2))
                    .sum();
                second += square;
                fourth += square * square;
            }
            moments.second.push(second / pairs.len() as f64);
            moments.fourth.push(fourth / pairs.len() as f64);
        }
        moments
    }
}

/// All lags at once by fast Fourier transform, O(n log n): the moments expand into correlations of r, r² and r r.
///
/// With A = |r(t)|², B = |r(t+m)|² and c = r(t)·r(t+m), |Δr|² = A + B − 2c and |Δr|⁴ = A² + B² + 2AB + 4c² − 4c(A + B).
/// (Calandrini et al., Collection SFN 12, 201 (2011), doi:10.1051/sfn/201112010, for the second moment.)
pub struct Correlator {
    frames: usize,
    forward: Arc<dyn RealToComplex<f64>>,
    backward: Arc<dyn ComplexToReal<f64>>,
}

impl Correlator {
    /// A correlator for paths of `frames` frames.
    pub fn new(frames: usize) -> Self {
        // Zero padding keeps the circular correlation from wrapping round; lengths of 2^a 3^b are the fastest.
        let padded = (2 * frames..)
            .find(|&length| is_smooth(length))
            .expect("there is always a power of two");
        let mut planner = RealFftPlanner::new();
        Correlator {
            frames,
            forward: planner.plan_fft_forward(padded),
            backward: planner.plan_fft_inverse(padded),
        }
    }

    /// Moments of a centred path at lags 0 … n − 1. Round-off: see [`Correlator::error`].
    pub fn moments(&self, path: &Path) -> Moments {
        let n = self.frames;
        let [x, y, z] = &path.axes;
        let square: Vec<f64> = (0..n)
            .map(|t| x[t] * x[t] + y[t] * y[t] + z[t] * z[t])
            .collect();
        let product = |a: &[f64], b: &[f64]| self.spectrum(a.iter().zip(b).map(|(a, b)| a * b));

        let mut second = vec![0.0; self.forward.len() / 2 + 1];
        let mut fourth = second.clone();
        for axis in &path.axes {
            let position = self.spectrum(axis.iter().copied());
            let weighted = product(&square, axis);
            for (k, sum) in second.iter_mut().enumerate() {
                *sum += position[k].norm_sqr();
                fourth[k] -= 8.0 * (position[k].conj() * weighted[k]).re;
            }
        }
        let terms = [
            (2.0, self.spectrum(square.iter().copied())),
            (4.0, product(x, x)),
            (4.0, product(y, y)),
            (4.0, product(z, z)),
            (8.0, product(x, y)),
            (8.0, product(x, z)),
            (8.0, product(y, z)),
        ];
        for (weight, spectrum) in terms {
            fourth
                .iter_mut()
                .zip(&spectrum)
                .for_each(|(sum, value)| *sum += weight * value.norm_sqr());
        }
        let second = self.correlation(second);
        let fourth = self.correlation(fourth);

        // Σ_t A + B and Σ_t A² + B² over the origins of each lag, from both ends inwards.
        let mut moments = Moments::default();
        let mut ends = [
            2.0 * square.iter().sum::<f64>(),
            2.0 * square.iter().map(|value| value * value).sum::<f64>(),
        ];
        for lag in 0..n {
            if lag > 0 {
                let (first, last) = (square[lag - 1], square[n - lag]);
                ends[0] -= first + last;
                ends[1] -= first * first + last * last;
            }
            let origins = (n - lag) as f64;
            moments.second.push((ends[0] - 2.0 * second[lag]) / origins);
            moments.fourth.push((ends[1] + fourth[lag]) / origins);
        }
        moments
    }

    /// Estimate of the absolute round-off in the moments at `lag`, for a path with mean |r|² and mean |r|⁴ as given.
    pub fn error(&self, lag: usize, mean_square: f64, mean_fourth: f64) -> (f64, f64) {
        let n = self.frames as f64;
        // The transforms err by a few units in the last place of the largest sum, whatever the lag; a mean over few origins magnifies that.
        let scale = 4.0 * f64::EPSILON * n.log2().max(1.0) * n / (n - lag as f64);
        (scale * 2.0 * mean_square, scale * 16.0 * mean_fourth)
    }

    fn spectrum(&self, values: impl Iterator<Item = f64>) -> Vec<Complex<f64>> {
        let mut input = self.forward.make_input_vec();
        input
            .iter_mut()
            .zip(values)
            .for_each(|(slot, value)| *slot = value);
        let mut output = self.forward.make_output_vec();
        self.forward
            .process(&mut input, &mut output)
            .expect("the plan made the buffers");
        output
    }

    fn correlation(&self, power: Vec<f64>) -> Vec<f64> {
        let mut input: Vec<Complex<f64>> = power
            .into_iter()
            .map(|value| Complex::new(value, 0.0))
            .collect();
        let mut output = self.backward.make_output_vec();
        self.backward
            .process(&mut input, &mut output)
            .expect("the plan made the buffers");
        let length = self.backward.len() as f64;
        output.iter_mut().for_each(|value| *value /= length);
        output
    }
}

fn is_smooth(mut length: usize) -> bool {
    for factor in [2, 3] {
        while length.is_multiple_of(factor) {
            length /= factor;
        }
    }
    length == 1
}

/// α₂ = 3⟨Δr⁴⟩ / (5⟨Δr²⟩²) − 1: zero where displacements are Gaussian (Rahman, Phys. Rev. 136, A405 (1964), doi:10.1103/PhysRev.136.A405).
pub fn non_gaussian(second: f64, fourth: f64) -> f64 {
    3.0 * fourth / (5.0 * second * second) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A walk with caged rattling and rare long jumps, far from the origin: the case in which the transforms lose most digits.
    fn path(frames: usize, jump: f64, seed: u64) -> Path {
        let mut state = seed;
        let mut uniform = move || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        let mut at = [50.0, -20.0, 3.0];
        let mut path = Path::default();
        for _ in 0..frames {
            for (at, axis) in at.iter_mut().zip(&mut path.axes) {
                *at += if uniform() > 0.4 {
                    jump * uniform()
                } else {
                    0.0
                };
                axis.push(*at + 0.1 * uniform());
            }
        }
        path
    }

    fn slowly(path: &Path, lag: usize) -> (f64, f64) {
        let squares: Vec<f64> = (0..path.len() - lag)
            .map(|t| {
                path.axes
                    .iter()
                    .map(|axis| (axis[t + lag] - axis[t]).powi(2))
                    .sum()
            })
            .collect();
        let mean = |power: i32| {
            squares
                .iter()
                .map(|square: &f64| square.powi(power))
                .sum::<f64>()
                / squares.len() as f64
        };
        (mean(1), mean(2))
    }

    #[test]
    fn the_sum_over_origins_equals_the_definition() {
        let path = path(101, 1.0, 3);
        let lags: Vec<usize> = (1..101).collect();
        let moments = path.moments(&lags);
        for (at, &lag) in lags.iter().enumerate() {
            let (second, fourth) = slowly(&path, lag);
            // Both add the same positive terms in another order: a few units in the last place.
            assert!(
                (moments.second[at] / second - 1.0).abs() < 1e-14,
                "lag {lag}"
            );
            assert!(
                (moments.fourth[at] / fourth - 1.0).abs() < 1e-14,
                "lag {lag}"
            );
        }
    }

    #[test]
    fn transforms_stay_within_their_error_estimate() {
        for (frames, jump) in [(37, 0.0), (64, 0.5), (500, 1.0), (1000, 0.05)] {
            let mut path = path(frames, jump, 7);
            path.centre();
            let correlator = Correlator::new(frames);
            let moments = correlator.moments(&path);
            let squares: Vec<f64> = (0..frames)
                .map(|t| path.axes.iter().map(|axis| axis[t] * axis[t]).sum())
                .collect();
            let mean_square = squares.iter().sum::<f64>() / frames as f64;
            let mean_fourth =
                squares.iter().map(|square| square * square).sum::<f64>() / frames as f64;
            for lag in 1..frames {
                let (second, fourth) = slowly(&path, lag);
                let (second_error, fourth_error) = correlator.error(lag, mean_square, mean_fourth);
                assert!(
                    (moments.second[lag] - second).abs() <= second_error,
                    "second, {frames} frames, lag {lag}"
                );
                assert!(
                    (moments.fourth[lag] - fourth).abs() <= fourth_error,
                    "fourth, {frames} frames, lag {lag}"
                );
            }
        }
    }

    #[test]
    fn given_pairs_equal_lags() {
        let path = path(30, 1.0, 5);
        let pairs: Vec<Vec<(u32, u32)>> = vec![(0..25).map(|t| (t, t + 5)).collect()];
        let (by_pairs, by_lag) = (path.moments_of_pairs(&pairs), path.moments(&[5]));
        assert!((by_pairs.second[0] / by_lag.second[0] - 1.0).abs() < 1e-14);
        assert!((by_pairs.fourth[0] / by_lag.fourth[0] - 1.0).abs() < 1e-14);
    }

    #[test]
    fn gaussian_steps_have_no_non_gaussian_part() {
        // ⟨Δr⁴⟩ = 15 s⁴ and ⟨Δr²⟩ = 3 s² in three dimensions.
        assert_eq!(non_gaussian(3.0, 15.0), 0.0);
        // All displacements equal: α₂ = 3/5 − 1.
        assert!((non_gaussian(1.0, 1.0) + 0.4).abs() < 1e-15);
    }
}
