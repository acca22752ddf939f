//! Branches of an energy against temperature by linear least squares, where two of them cross, and the noise around them.

use nalgebra::{DVector, Matrix2, MatrixXx2, Vector2};

use super::random::Random;

/// The form of a branch: E = p + q g(T).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// g = T: a harmonic glass, or a short piece of anything.
    Line,
    /// g = T^(3/5): a dense liquid at constant volume (Y. Rosenfeld and P. Tarazona, Mol. Phys. 95, 141 (1998)).
    RosenfeldTarazona,
}

impl Form {
    /// g(T).
    pub fn basis(self, temperature: f64) -> f64 {
        match self {
            Form::Line => temperature,
            Form::RosenfeldTarazona => temperature.powf(0.6),
        }
    }

    /// dg/dT.
    fn basis_slope(self, temperature: f64) -> f64 {
        match self {
            Form::Line => 1.0,
            Form::RosenfeldTarazona => 0.6 * temperature.powf(-0.4),
        }
    }
}

/// A branch E = p + q g(T), fitted to n points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Branch {
    /// Its form.
    pub form: Form,
    /// p (energy).
    pub intercept: f64,
    /// q (energy over the unit of g).
    pub coefficient: f64,
    /// (AᵀA)⁻¹, with A = [1 g(T)] the n × 2 design matrix: times the variance of the residuals it is the covariance of p and q, if the noise is
    /// white.
    pub unscaled_covariance: Matrix2<f64>,
    /// Ratio of the singular values of A.
    pub condition: f64,
    /// Variance of the residuals (energy²): their sum of squares over n − 2.
    pub variance: f64,
    /// Number of points n.
    pub points: usize,
}

impl Branch {
    /// Fits by least squares, with the QR decomposition of the design matrix. `None` for fewer than three points, and where g is the same at
    /// all of them.
    ///
    /// Panics if there are not as many energies as temperatures.
    pub fn fit(form: Form, temperatures: &[f64], energies: &[f64]) -> Option<Self> {
        assert_eq!(temperatures.len(), energies.len());
        let points = temperatures.len();
        if points < 3 {
            return None;
        }
        let column = |column: usize, row: usize| match column {
            0 => 1.0,
            _ => form.basis(temperatures[row]),
        };
        let qr = MatrixXx2::from_fn(points, |row, at| column(at, row)).qr();
        let r = qr.r();
        let r = Matrix2::new(r[(0, 0)], r[(0, 1)], 0.0, r[(1, 1)]);
        // The second column is that of g less its mean: nothing but rounding errors, if g is the same everywhere.
        if r[(1, 1)].abs() <= 1e-12 * r[(0, 1)].abs().max(f64::MIN_POSITIVE) {
            return None;
        }
        let mut projected = DVector::from_column_slice(energies);
        qr.q_tr_mul(&mut projected);
        let inverse = r.try_inverse()?;
        let solution: Vector2<f64> = inverse * Vector2::new(projected[0], projected[1]);
        let singular = r.singular_values();
        let mut branch = Branch {
            form,
            intercept: solution[0],
            coefficient: solution[1],
            unscaled_covariance: inverse * inverse.transpose(),
            condition: singular.max() / singular.min(),
            variance: 0.0,
            points,
        };
        let squares = temperatures
            .iter()
            .zip(energies)
            .map(|(&temperature, energy)| (energy - branch.at(temperature)).powi(2));
        branch.variance = squares.sum::<f64>() / (points - 2) as f64;
        Some(branch)
    }

    /// E(T) (energy).
    pub fn at(&self, temperature: f64) -> f64 {
        self.intercept + self.coefficient * self.form.basis(temperature)
    }

    /// dE/dT (k_B).
    pub fn slope(&self, temperature: f64) -> f64 {
        self.coefficient * self.form.basis_slope(temperature)
    }

    /// Root of the mean squared residual (energy): the sum of squares is over n here.
    pub fn rms_residual(&self) -> f64 {
        (self.variance * (self.points - 2) as f64 / self.points as f64).sqrt()
    }

    /// Variance (energy²) of E(T) at the temperatures whose g has this mean, for white noise.
    pub fn variance_at(&self, mean_basis: f64) -> f64 {
        let at = Vector2::new(1.0, mean_basis);
        self.variance * (at.transpose() * self.unscaled_covariance * at)[0]
    }

    /// Variance (k_B²) of dE/dT, for white noise.
    pub fn variance_of_slope(&self, temperature: f64) -> f64 {
        let by_coefficient = self.form.basis_slope(temperature);
        self.variance * self.unscaled_covariance[(1, 1)] * by_coefficient * by_coefficient
    }
}

/// The temperature between 0 and `highest` at which two branches cross; of two crossings the one that is nearer to the interval `near`.
///
/// The difference of a line and a Rosenfeld–Tarazona branch has one extremum at most, so that there are two crossings at most; each monotonic
/// piece is bisected to the last bit.
pub fn crossing(line: &Branch, other: &Branch, near: [f64; 2], highest: f64) -> Option<f64> {
    let difference = |temperature: f64| other.at(temperature) - line.at(temperature);
    let extremum = match other.form {
        Form::Line => None,
        Form::RosenfeldTarazona => Some((0.6 * other.coefficient / line.coefficient).powf(2.5)),
    };
    let mut ends = vec![0.0, highest];
    ends.extend(extremum.filter(|at| *at > 0.0 && *at < highest));
    ends.sort_by(f64::total_cmp);
    let root = |low: f64, high: f64| {
        let (mut low, mut high) = (low, high);
        let below = difference(low) < 0.0;
        if below == (difference(high) < 0.0) {
            return None;
        }
        loop {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                return Some(high);
            }
            if (difference(middle) < 0.0) == below {
                low = middle;
            } else {
                high = middle;
            }
        }
    };
    let distance = |at: f64| (near[0] - at).max(at - near[1]).max(0.0);
    ends.windows(2)
        .filter_map(|piece| root(piece[0], piece[1]))
        .min_by(|one, other| distance(*one).total_cmp(&distance(*other)))
}

/// The lag-one coefficient φ of residuals around a fitted branch, as of a first-order autoregression; between 0 and 0.95.
///
/// Fitting a slope makes residuals look less correlated than the noise is, by (2 + 4φ)/n to first order (M. G. Kendall, Biometrika 41, 403
/// (1954)); this is put right.
pub fn persistence(residuals: &[f64]) -> f64 {
    let squares: f64 = residuals.iter().map(|residual| residual * residual).sum();
    let products: f64 = residuals.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let n = residuals.len() as f64;
    if n < 5.0 || squares <= 0.0 {
        return 0.0;
    }
    ((products / squares + 2.0 / n) / (1.0 - 4.0 / n)).clamp(0.0, 0.95)
}

/// By how much correlations of persistence φ increase the variance of means and coefficients: (1 + φ)/(1 − φ).
pub fn inefficiency(persistence: f64) -> f64 {
    (1.0 + persistence) / (1.0 - persistence)
}

/// Residuals around a branch, to be drawn again in blocks.
pub struct Blocks<'a> {
    residuals: &'a [f64],
    length: usize,
    /// Sum of all residuals before each.
    sums: Vec<f64>,
    scale: f64,
}

impl<'a> Blocks<'a> {
    /// Blocks of a length that suits noise of the given persistence φ: (√6 φ/(1 − φ²))^(2/3) n^(1/3), rounded up (E. Carlstein, Ann. Statist.
    /// 14, 1171 (1986)), but at most n/4 and at least 1.
    pub fn new(residuals: &'a [f64], persistence: f64) -> Self {
        let n = residuals.len() as f64;
        let suits = (6f64.sqrt() * persistence / (1.0 - persistence * persistence)).powf(2.0 / 3.0);
        let length = (suits * n.cbrt()).ceil().min(n / 4.0).max(1.0) as usize;
        let running = residuals.iter().scan(0.0, |sum, residual| {
            *sum += residual;
            Some(*sum)
        });
        // Two coefficients were fitted to as many independent pieces as there are blocks.
        let blocks = (n / length as f64).max(3.0);
        Blocks {
            residuals,
            length,
            sums: std::iter::once(0.0).chain(running).collect(),
            scale: (blocks / (blocks - 2.0)).sqrt(),
        }
    }

    /// Number of residuals in a block.
    pub fn length(&self) -> usize {
        self.length
    }

    /// As many residuals again, in blocks that begin anywhere (moving blocks: H. R. Künsch, Ann. Statist. 17, 1217 (1989)), less what they
    /// are in the mean over all blocks.
    pub fn draw(&self, random: &mut Random) -> Vec<f64> {
        let (n, length) = (self.residuals.len(), self.length);
        let starts = n + 1 - length;
        let mut drawn = Vec::with_capacity(n);
        while drawn.len() < n {
            let start = ((random.uniform() * starts as f64) as usize).min(starts - 1);
            for place in 0..length.min(n - drawn.len()) {
                let mean = (self.sums[place + starts] - self.sums[place]) / starts as f64;
                drawn.push(self.scale * (self.residuals[start + place] - mean));
            }
        }
        drawn
    }
}
