//! How a measured quantity depends on the rate of cooling or heating, and what that says of rates that cannot be reached.
//!
//! A glass falls out of equilibrium where its relaxation time τ(T) reaches about 1/rate. With τ = τ₀ exp(B/(T − T₀)) (H. Vogel, Phys. Z. 22, 645
//! (1921); G. S. Fulcher, J. Am. Ceram. Soc. 8, 339 (1925), DOI 10.1111/j.1151-2916.1925.tb16731.x; G. Tammann and W. Hesse, Z. Anorg. Allg.
//! Chem. 156, 245 (1926), DOI 10.1002/zaac.19261560121) that is ln(rate) = A − B/(T − T₀), or, with l = log₁₀(rate), the hyperbola
//! T = y₀ + b/(c − l). Whatever follows the structure of a glass may be tried with the same form (K. Vollmayr, W. Kob and K. Binder, J. Chem.
//! Phys. 105, 4714 (1996), DOI 10.1063/1.472326). Over few decades it cannot be told from the line y = a + b l, into which it turns for c → ∞.

use super::random::{Purpose, Random};
use super::transition::percentiles;

/// A form may be true as long as data drawn from it deviate as much as the measured ones in that part of the cases.
const SIGNIFICANCE: f64 = 0.05;
/// The pole of the hyperbola lies no nearer to the fastest rate than that part of the decades measured, ...
const NEAREST: f64 = 0.01;
/// ... and beyond that many times these decades, the hyperbola is a line.
const FARTHEST: f64 = 1e4;
/// Places, equally spaced in the logarithm, at which the pole is looked for first; so the search ends in the lowest of several minima.
const PLACES: i32 = 48;
/// Part of a value that is rounding error.
const ROUNDING: f64 = 1e-14;

/// How a quantity y depends on l = log₁₀(rate).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// y = a + b l.
    Line,
    /// y = y₀ + b/(c − l), with c beyond the fastest rate.
    VogelFulcherTammann,
}

impl Form {
    /// Both.
    pub const ALL: [Form; 2] = [Form::Line, Form::VogelFulcherTammann];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Form::Line => "line",
            Form::VogelFulcherTammann => "vogel-fulcher-tammann",
        }
    }

    fn parameters(self) -> usize {
        match self {
            Form::Line => 2,
            Form::VogelFulcherTammann => 3,
        }
    }

    /// The number of rates from which on it is fitted. A hyperbola goes through any three points that are curved its way: only a fourth tells
    /// whether it is one.
    pub fn fewest(self) -> usize {
        match self {
            Form::Line => 2,
            Form::VogelFulcherTammann => 4,
        }
    }
}

/// What was measured at one rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The rate (temperature/time).
    pub rate: f64,
    /// Mean over the replicas (unit of the quantity).
    pub mean: f64,
    /// Their standard deviation, if there are several.
    pub deviation: Option<f64>,
    /// Number of replicas n.
    pub count: usize,
}

/// The measurements of a quantity by rate.
///
/// Their noise is taken to be the same at all rates: the standard error of a mean is s/√n with the variance s² pooled over all rates. Deviations
/// of two or three replicas by themselves would be wrong by half, and a pair that agrees by chance would outweigh everything.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Means, from the slowest rate to the fastest.
    pub means: Vec<Mean>,
    /// Sum of squared deviations from the means, ...
    squares: f64,
    /// ... and their degrees of freedom.
    freedom: usize,
}

impl Measured {
    /// Sorts pairs of rate (> 0) and value; those of the same rate, round-off aside, are replicas.
    pub fn of(pairs: &[(f64, f64)]) -> Self {
        let mut pairs = pairs.to_vec();
        pairs.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1)));
        let mut measured = Measured {
            means: Vec::new(),
            squares: 0.0,
            freedom: 0,
        };
        for replicas in pairs.chunk_by(|one, other| other.0 - one.0 <= 1e-9 * other.0) {
            let count = replicas.len();
            let mean = replicas.iter().map(|pair| pair.1).sum::<f64>() / count as f64;
            let squares = replicas.iter().map(|pair| (pair.1 - mean).powi(2));
            let squares: f64 = squares.sum();
            measured.squares += squares;
            measured.freedom += count - 1;
            measured.means.push(Mean {
                rate: replicas[0].0,
                mean,
                deviation: (count > 1).then(|| (squares / (count - 1) as f64).sqrt()),
                count,
            });
        }
        measured
    }

    /// Number of measurements.
    pub fn count(&self) -> usize {
        self.means.iter().map(|mean| mean.count).sum()
    }

    /// Standard error of a mean; `None` if there are no replicas at any rate.
    pub fn error(&self, mean: &Mean) -> Option<f64> {
        self.variance()
            .map(|variance| (variance / mean.count as f64).sqrt())
    }

    /// From the smallest to the largest mean.
    pub fn range(&self) -> [f64; 2] {
        let means = || self.means.iter().map(|mean| mean.mean);
        [
            means().fold(f64::INFINITY, f64::min),
            means().fold(f64::NEG_INFINITY, f64::max),
        ]
    }

    /// The variance of single measurements that replicas tell.
    fn variance(&self) -> Option<f64> {
        (self.freedom > 0).then(|| self.squares / self.freedom as f64)
    }

    /// What deviations may be by rounding alone, as a sum of squares.
    fn rounding(&self) -> f64 {
        let each = |mean: &Mean| mean.count as f64 * (ROUNDING * mean.mean).powi(2);
        self.means.iter().map(each).sum()
    }

    /// The same rates measured again: values on a curve with normal noise.
    fn again(&self, curve: &Curve, variance: f64, random: &mut Random) -> Self {
        let draw = |mean: &Mean| Mean {
            mean: curve.at(mean.rate) + (variance / mean.count as f64).sqrt() * random.gaussian(),
            ..*mean
        };
        Measured {
            means: self.means.iter().map(draw).collect(),
            squares: variance * random.sum_of_squares(self.freedom as f64),
            freedom: self.freedom,
        }
    }
}

/// A line or a hyperbola: y = v − s x/(1 + q x), with x the decades below the fastest rate.
///
/// That is y₀ + b/(c − l) with x = l_max − l, q = 1/(c − l_max), s = b q² and v = y₀ + b q: numbers that stay finite, and hardly change, where the
/// hyperbola becomes a line, q = 0, for which y₀, b and c are infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Curve {
    /// log₁₀ of the fastest rate l_max.
    fastest: f64,
    /// v, the value at the fastest rate.
    value: f64,
    /// s, the slope there, by decade.
    slope: f64,
    /// q, how it is bent.
    bend: f64,
}

impl Curve {
    /// The quantity at a rate; infinite from the pole on, where the hyperbola has another branch.
    pub fn at(&self, rate: f64) -> f64 {
        let below = self.fastest - rate.log10();
        let scale = 1.0 + self.bend * below;
        match scale > 0.0 {
            true => self.value - self.slope * below / scale,
            false => f64::INFINITY.copysign(self.slope),
        }
    }

    /// a of the line a + b l.
    pub fn intercept(&self) -> f64 {
        self.value - self.slope * self.fastest
    }

    /// b of the line a + b l.
    pub fn slope(&self) -> f64 {
        self.slope
    }

    /// y₀, the limit for rate → 0; not finite if the hyperbola is a line.
    pub fn limit(&self) -> f64 {
        self.value - self.slope / self.bend
    }

    /// b of the hyperbola; not finite if it is a line.
    pub fn strength(&self) -> f64 {
        self.slope / (self.bend * self.bend)
    }

    /// c, log₁₀ of the rate at which the hyperbola diverges; not finite if it is a line.
    pub fn pole(&self) -> f64 {
        self.fastest + 1.0 / self.bend
    }

    /// The curve of a form that is nearest to the means, weighted with the numbers of replicas, and its sum of squares.
    fn fit(form: Form, measured: &Measured) -> (Self, f64) {
        let logs = measured.means.iter().map(|mean| mean.rate.log10());
        let logs: Vec<f64> = logs.collect();
        let (slowest, fastest) = (logs[0], logs[logs.len() - 1]);
        let below: Vec<f64> = logs.iter().map(|l| fastest - l).collect();
        let fit = |bend: f64| {
            let (value, slope, squares) = least_squares(measured, &below, bend);
            let curve = Curve {
                fastest,
                value,
                slope,
                bend,
            };
            (curve, squares)
        };
        let line = fit(0.0);
        if form == Form::Line {
            return line;
        }
        let decades = fastest - slowest;
        let place = |place: i32| match place {
            0 => 0.0,
            place => {
                let part = f64::from(place - 1) / f64::from(PLACES - 1);
                (FARTHEST / NEAREST).powf(part) / (FARTHEST * decades)
            }
        };
        let squares = |bend: f64| fit(bend).1;
        let by_squares = |one: &(i32, f64), other: &(i32, f64)| one.1.total_cmp(&other.1);
        let places = (0..=PLACES).map(|at| (at, squares(place(at))));
        let (lowest, _) = places.min_by(by_squares).expect("there are places");
        let ends = [place((lowest - 1).max(0)), place((lowest + 1).min(PLACES))];
        let bent = fit(lowest_between(ends, squares));
        // What bends less than the first place does is a line but for rounding.
        match bent.0.bend >= place(1) && bent.1 < line.1 {
            true => bent,
            false => line,
        }
    }
}

/// v and s of y = v − s x/(1 + q x) for a q, and the sum of squares.
fn least_squares(measured: &Measured, below: &[f64], bend: f64) -> (f64, f64, f64) {
    let basis = |x: f64| -x / (1.0 + bend * x);
    let points = || {
        let points = measured.means.iter().zip(below);
        points.map(|(mean, x)| (mean.count as f64, basis(*x), mean.mean))
    };
    let weight: f64 = points().map(|(w, ..)| w).sum();
    let across = points().map(|(w, h, _)| w * h).sum::<f64>() / weight;
    let mean = points().map(|(w, _, y)| w * y).sum::<f64>() / weight;
    let product: f64 = points()
        .map(|(w, h, y)| w * (h - across) * (y - mean))
        .sum();
    let square: f64 = points().map(|(w, h, _)| w * (h - across).powi(2)).sum();
    let slope = product / square;
    let residual = |h: f64, y: f64| y - mean - slope * (h - across);
    let squares = points().map(|(w, h, y)| w * residual(h, y).powi(2)).sum();
    (mean - slope * across, slope, squares)
}

/// Where a function with one minimum between two places has it (golden sections).
fn lowest_between([mut low, mut high]: [f64; 2], function: impl Fn(f64) -> f64) -> f64 {
    let golden = 0.5 * (5f64.sqrt() - 1.0);
    let mut inner = [high - golden * (high - low), low + golden * (high - low)];
    let mut values = inner.map(&function);
    // 0.618⁴⁸ is 10⁻¹⁰.
    for _ in 0..48 {
        if values[0] < values[1] {
            high = inner[1];
            inner = [high - golden * (high - low), inner[0]];
            values = [function(inner[0]), values[0]];
        } else {
            low = inner[0];
            inner = [inner[1], low + golden * (high - low)];
            values = [values[1], function(inner[1])];
        }
    }
    0.5 * (low + high)
}

/// How intervals are made.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Probability that an interval holds the true value.
    pub confidence: f64,
    /// How often the data are drawn again.
    pub replicates: usize,
    /// Seed of the random numbers.
    pub seed: u64,
}

/// A form fitted to measurements.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The form.
    pub form: Form,
    /// What was fitted.
    pub curve: Curve,
    /// The same for data drawn again; none if nothing tells the noise.
    pub replicates: Vec<Curve>,
    /// Root of the mean squared residual of the means, weighted with the numbers of replicas (unit of the quantity).
    pub rms_residual: f64,
    /// Sum of the squared residuals over their standard errors, by degree of freedom; `None` without replicas or degrees of freedom.
    pub reduced_chi_square: Option<f64>,
    /// In which part of the cases data drawn from the form deviate from it as much as the measured ones; `None` if the data do not tell.
    pub p_value: Option<f64>,
    /// Variance of the residuals by degree of freedom, of single measurements; infinite if there is no such degree.
    variance: f64,
}

impl Fit {
    /// `None` if there are too few rates for the form.
    ///
    /// Means at so few rates, less a curve with up to three parameters, leave too few residuals to draw from: the noise is drawn from the normal law.
    /// Its variance is that of the replicas, times the reduced χ² where this is more than one, so that what the form misses counts as noise; without
    /// replicas it is that of the residuals. As it is known to d = (measurements − parameters) degrees of freedom only, each replicate takes its own,
    /// a draw of s² d/χ²_d: for a line, intervals are those of Student, however few the rates.
    ///
    /// Whether the form may be true is told by R/(S + M), with its sum of squared residuals R, the sum S within replicas and the least sum M of all
    /// forms that have rates enough: without replicas a line is held to the hyperbola, of which it is a limit; with them each form is held to
    /// the noise too. The law of this ratio is that of the replicates: exactly for a line, on whose parameters and noise it does not depend. (The
    /// criterion of Akaike corrected for small samples does not exist for a hyperbola through five means.)
    pub fn of(form: Form, measured: &Measured, method: &Method) -> Option<Self> {
        let rates = measured.means.len();
        if rates < form.fewest() {
            return None;
        }
        let (curve, squares) = Curve::fit(form, measured);
        let left = rates - form.parameters();
        let variance = match left {
            0 => f64::INFINITY,
            left => squares / left as f64,
        };
        let known = [measured.variance(), Some(variance)].into_iter().flatten();
        let noise = known.filter(|variance| variance.is_finite());
        let freedom = (left + measured.freedom) as f64;
        let deviation = |measured: &Measured, squares: f64| {
            let bent = Form::VogelFulcherTammann;
            let least = match form == bent || rates < bent.fewest() {
                true => squares,
                false => Curve::fit(bent, measured).1,
            };
            let rounding = measured.rounding();
            (squares + rounding) / (measured.squares + least + rounding)
        };
        let found = deviation(measured, squares);
        let is_told = left > 0
            && (measured.freedom > 0
                || form == Form::Line && rates >= Form::VogelFulcherTammann.fewest());
        let replicate = |variance: f64, number: usize| {
            let mut random =
                Random::new(method.seed, Purpose::Resampling, number as i64, form as i64);
            let variance = variance * freedom / random.sum_of_squares(freedom);
            let again = measured.again(&curve, variance, &mut random);
            let (curve, squares) = Curve::fit(form, &again);
            (curve, deviation(&again, squares) >= found)
        };
        let replicates: Vec<(Curve, bool)> = match noise.reduce(f64::max) {
            Some(variance) => (0..method.replicates)
                .map(|number| replicate(variance, number))
                .collect(),
            None => Vec::new(),
        };
        let as_far = replicates.iter().filter(|(_, as_far)| *as_far).count();
        let reduced = measured.variance().filter(|_| left > 0);
        let weight = measured.count() as f64;
        Some(Fit {
            form,
            curve,
            rms_residual: (squares / weight).sqrt(),
            reduced_chi_square: reduced.map(|pure| variance / pure),
            p_value: is_told.then(|| (as_far + 1) as f64 / (replicates.len() + 1) as f64),
            replicates: replicates.into_iter().map(|(curve, _)| curve).collect(),
            variance,
        })
    }

    /// Whether nothing speaks against the form.
    pub fn is_acceptable(&self) -> bool {
        self.p_value.is_none_or(|p_value| p_value >= SIGNIFICANCE)
    }

    /// Between which values something that curves have lies with that probability; `None` if nothing tells the noise.
    pub fn interval(&self, of: impl Fn(&Curve) -> f64, confidence: f64) -> Option<[f64; 2]> {
        let values: Vec<f64> = self.replicates.iter().map(of).collect();
        percentiles(&values, confidence)
    }

    /// Half the width of the interval that holds as much as a standard deviation to both sides of a normal law.
    pub fn error(&self, of: impl Fn(&Curve) -> f64) -> Option<f64> {
        let [lower, upper] = self.interval(of, 0.682_689_492_137_086)?;
        Some(0.5 * (upper - lower)).filter(|error| error.is_finite())
    }
}

/// A value with its interval of confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// The interval; `None` if nothing tells the noise.
    pub interval: Option<[f64; 2]>,
}

/// A quantity against the rate, with all forms that have rates enough.
#[derive(Clone, Debug)]
pub struct Dependence {
    /// What was measured.
    pub measured: Measured,
    /// The fits.
    pub fits: Vec<Fit>,
    confidence: f64,
}

impl Dependence {
    /// `None` if there are fewer than two rates.
    pub fn find(measured: Measured, method: &Method) -> Option<Self> {
        let fits = Form::ALL
            .into_iter()
            .filter_map(|form| Fit::of(form, &measured, method));
        let fits: Vec<Fit> = fits.collect();
        (!fits.is_empty()).then_some(Dependence {
            measured,
            fits,
            confidence: method.confidence,
        })
    }

    /// Whether any form may be true.
    pub fn is_acceptable(&self) -> bool {
        self.fits.iter().any(Fit::is_acceptable)
    }

    /// The forms that may be true, or all of them if none may.
    pub fn possible(&self) -> impl Iterator<Item = &Fit> {
        let any = self.is_acceptable();
        self.fits
            .iter()
            .filter(move |fit| fit.is_acceptable() || !any)
    }

    /// Of these the one around which the means scatter least.
    pub fn best(&self) -> &Fit {
        self.possible()
            .min_by(|one, other| one.variance.total_cmp(&other.variance))
            .expect("there is a fit")
    }

    /// What one form says of a rate: of the true value, not of a single measurement there.
    pub fn of_form(&self, fit: &Fit, rate: f64) -> Estimate {
        Estimate {
            value: fit.curve.at(rate),
            interval: fit.interval(|curve| curve.at(rate), self.confidence),
        }
    }

    /// What all of them say together: the value of the best, and an interval that spans those of all that may be true, so that not knowing the
    /// form is part of the uncertainty.
    pub fn of_all(&self, rate: f64) -> Estimate {
        let value = self.best().curve.at(rate);
        let intervals = self
            .possible()
            .map(|fit| self.of_form(fit, rate).interval)
            .collect::<Option<Vec<_>>>();
        let span = |[low, high]: [f64; 2], other: [f64; 2]| [low.min(other[0]), high.max(other[1])];
        Estimate {
            value,
            interval: intervals.map(|all| all.into_iter().fold([value, value], span)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_are_pooled() {
        let measured = Measured::of(&[
            (1e-3, 5.0),
            (1e-4, 1.0),
            (1e-4, 3.0),
            (1e-3, 6.0),
            (1.0, 9.0),
        ]);
        let means: Vec<f64> = measured.means.iter().map(|mean| mean.mean).collect();
        assert_eq!(means, [2.0, 5.5, 9.0]);
        assert_eq!(measured.means[0].deviation, Some(2f64.sqrt()));
        assert_eq!(measured.means[2].deviation, None);
        // (2 + 0.5)/2 for a single measurement, half of it for a mean of two.
        assert_eq!(measured.error(&measured.means[1]), Some(0.625f64.sqrt()));
        assert_eq!(measured.error(&measured.means[2]), Some(1.25f64.sqrt()));
        assert_eq!(measured.count(), 5);
    }

    #[test]
    fn both_ways_to_write_a_hyperbola_agree() {
        let curve = Curve {
            fastest: -2.0,
            value: 0.9,
            slope: 0.3,
            bend: 0.5,
        };
        for rate in [1e-2_f64, 3e-4, 1e-9] {
            let other = curve.limit() + curve.strength() / (curve.pole() - rate.log10());
            assert!((curve.at(rate) - other).abs() < 1e-14);
        }
        // The pole is at l = 0.
        assert!(curve.at(0.99) > 60.0);
        assert_eq!(
            [1.0, 1.01, 1e3].map(|rate| curve.at(rate)),
            [f64::INFINITY; 3]
        );
    }

    #[test]
    fn the_lowest_place_is_found_at_ends_too() {
        for at in [0.0, 0.3, 1.0] {
            let found = lowest_between([0.0, 1.0], |x| (x - at).powi(2));
            assert!((found - at).abs() < 1e-9, "{at} {found}");
        }
    }
}
