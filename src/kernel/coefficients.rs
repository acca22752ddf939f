//! A potential as the loops evaluate it: polynomials in z = (σ_ij/r)² = x⁻², with no square root.

use crate::physics::potential::{Mixing, Potential, Terms};

/// Coefficients of the polynomials of the smooth end, lowest first, in f32 and in f64: enough for ends as narrow as those of the paper.
pub(super) const TERMS: [usize; 2] = [4, 9];
/// Enough for wide ends.
pub(super) const MORE_TERMS: [usize; 2] = [8, 16];
/// The largest error of w, relative to the repulsion of a pair in contact (12 a), in f32 and in f64: that of rounding it.
pub(super) const TOLERANCE: [f64; 2] = [2e-6, 2e-12];
/// The largest errors of u, w and v with which a potential is evaluated at all, relative to those of a pair in contact, and of all the pairs
/// together that a particle has in the smooth end at a density of one: in f32 about what the paper's potential has, in f64 far below the
/// largest force of a minimum.
pub(super) const ADMITTED: [f64; 2] = [4e-5, 1e-8];

/// u, w and v of a [`Potential`] as functions of z.
///
/// - z ≥ z_in: z³ (`core[0]` z³ + `core[1]`), for u with `shift` added
/// - else, with t = max(z − z_out, 0): t³ E(t) for u, t² W(t) for w, t V(t) for v; so everything is exactly zero beyond the cutoff
///
/// E, W and V are interpolants. What they interpolate has its nearest singularity at z = 0: for the paper's potential ten half-widths of the
/// interval away, so that each term gains a factor of about 20.
#[derive(Clone, Debug)]
pub(super) struct Coefficients {
    pub z_in: f64,
    pub z_out: f64,
    pub cutoff: f64,
    pub shift: f64,
    pub energy: Form,
    pub virial: Form,
    pub slope: Form,
}

/// One function of z.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub core: [f64; 2],
    pub end: Vec<f64>,
}

/// A [`Mixing`] rule in units of length of the loops, of half diameters h.
///
/// With l = κ' |h_i − h_j|, σ_ij = (h_i + h_j)(1 − l) and 2 ∂σ_ij/∂σ_i = 1 − l ∓ κ' (h_i + h_j), the upper sign where h_i is the larger.
/// ε_ij is a polynomial in σ_ij − `center`, about its extremum, so that f32 loses nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub non_additivity: f64,
    pub strength: [f64; 3],
    pub center: f64,
}

impl Rule {
    /// The rule where lengths are in units of `unit` (length).
    pub fn new(mixing: &Mixing, unit: f64) -> Self {
        let [e0, e1, e2] = mixing.strength;
        let center = if e2 == 0.0 { 0.0 } else { -0.5 * e1 / e2 };
        Rule {
            non_additivity: 2.0 * unit * mixing.non_additivity,
            strength: [
                e0 + center * (e1 + center * e2),
                (e1 + 2.0 * center * e2) * unit,
                e2 * unit * unit,
            ],
            center: center / unit,
        }
    }
}

impl Coefficients {
    /// The largest errors of u, w and v in the smooth end, relative to a, 12 a and 144 a.
    pub fn misfit(&self, potential: &Potential) -> [f64; 3] {
        let width = self.z_in - self.z_out;
        let largest = |form: &Form, power: i32, exact: fn(Terms) -> f64| {
            let points = (0..200).map(|k| {
                let t = width * (f64::from(k) + 0.5) / 200.0;
                let sum = form.end.iter().rev().fold(0.0, |sum, c| sum * t + c);
                let exact = exact(potential.at((self.z_out + t).powf(-0.5)));
                (t.powi(power) * sum - exact).abs()
            });
            // Without an end there is nothing to miss.
            let worst = if width > 0.0 {
                points.fold(0.0, f64::max)
            } else {
                0.0
            };
            worst / form.core[0].abs()
        };
        [
            largest(&self.energy, 3, |terms| terms.energy),
            largest(&self.virial, 2, |terms| terms.virial),
            largest(&self.slope, 1, |terms| terms.virial_slope),
        ]
    }

    /// The coefficients, with that many terms in the polynomials of the smooth end.
    pub fn new(potential: &Potential, terms: usize) -> Self {
        let Potential {
            repulsion: a,
            attraction: b,
            shift,
            inner,
            cutoff,
            smoothing: [p, q],
            ..
        } = *potential;
        let (z_in, z_out) = (inner.powi(-2), cutoff.powi(-2));
        let width = z_in - z_out;
        // With D = x_out − x, the functions have factors D³, D² and D, and D/t is known without cancellation.
        let end = |power: i32, factor: &dyn Fn(f64, f64) -> f64| {
            interpolate(terms, power as usize, width, |t| {
                let x = (z_out + t).powf(-0.5);
                let d_over_t = x * x * cutoff * cutoff / (cutoff + x);
                factor(x, t * d_over_t) * d_over_t.powi(power)
            })
        };
        Coefficients {
            z_in,
            z_out,
            cutoff,
            shift,
            energy: Form {
                core: [a, b],
                end: end(3, &|_, d| -(p / 3.0 + q * d / 4.0)),
            },
            virial: Form {
                core: [12.0 * a, 6.0 * b],
                end: end(2, &|x, d| -x * (p + q * d)),
            },
            slope: Form {
                core: [144.0 * a, 36.0 * b],
                end: end(1, &|x, d| {
                    x * d * (p + q * d) - x * x * (2.0 * p + 3.0 * q * d)
                }),
            },
        }
    }
}

/// Coefficients, lowest first, of the polynomial in t that equals `function` at nodes of [0, width] that make t^`power` times its error
/// small: the highest of the Chebyshev nodes of `power` more terms.
fn interpolate(terms: usize, power: usize, width: f64, function: impl Fn(f64) -> f64) -> Vec<f64> {
    if width == 0.0 {
        return vec![0.0; terms];
    }
    let all = terms + power;
    let angle = |k: usize| (k as f64 + 0.5) * std::f64::consts::PI / all as f64;
    let nodes: Vec<f64> = (power..all)
        .map(|k| 0.5 * width * (1.0 - angle(k).cos()))
        .collect();
    // Newton's divided differences, then expanded into powers.
    let mut differences: Vec<f64> = nodes.iter().map(|&t| function(t)).collect();
    for order in 1..terms {
        for k in (order..terms).rev() {
            differences[k] = (differences[k] - differences[k - 1]) / (nodes[k] - nodes[k - order]);
        }
    }
    let mut powers = vec![0.0; terms];
    for k in (0..terms).rev() {
        for power in (1..terms).rev() {
            powers[power] = powers[power - 1] - nodes[k] * powers[power];
        }
        powers[0] = differences[k] - nodes[k] * powers[0];
    }
    powers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(form: &Form, coefficients: &Coefficients, z: f64, power: i32, shift: f64) -> f64 {
        if z >= coefficients.z_in {
            z.powi(3) * (form.core[0] * z.powi(3) + form.core[1]) + shift
        } else {
            let t = (z - coefficients.z_out).max(0.0);
            t.powi(power) * form.end.iter().rev().fold(0.0, |sum, c| sum * t + c)
        }
    }

    #[test]
    fn wide_ends_need_more_terms() {
        for potential in [
            Potential::smoothed(1.0, 0.0, 1.15, 1.25),
            Potential::smoothed(4.0, -4.0, 1.4, 1.8),
        ] {
            for (few, (more, tolerance)) in
                TERMS.into_iter().zip(MORE_TERMS.into_iter().zip(TOLERANCE))
            {
                let misfit = |terms| Coefficients::new(&potential, terms).misfit(&potential)[1];
                assert!(misfit(few) > tolerance && misfit(more) <= tolerance);
            }
        }
    }

    #[test]
    fn polynomials_equal_the_potential() {
        for potential in [
            Potential::wahnstrom(),
            Potential::weeks_chandler_andersen(),
            Potential::smoothed(1.0, 0.0, 1.5, 1.6),
        ] {
            for (terms, tolerance) in TERMS.into_iter().zip(TOLERANCE) {
                let coefficients = Coefficients::new(&potential, terms);
                let misfit = coefficients.misfit(&potential);
                assert!(misfit.iter().all(|misfit| *misfit <= tolerance));
                for step in 0..2000 {
                    let x = 0.8 + (potential.cutoff - 0.75) * f64::from(step) / 2000.0;
                    let (z, exact) = (x.powi(-2), potential.at(x));
                    for (form, power, shift, exact) in [
                        (&coefficients.energy, 3, coefficients.shift, exact.energy),
                        (&coefficients.virial, 2, 0.0, exact.virial),
                        (&coefficients.slope, 1, 0.0, exact.virial_slope),
                    ] {
                        let error = (at(form, &coefficients, z, power, shift) - exact).abs();
                        assert!(
                            error <= tolerance * form.core[0] + 1e-13 * exact.abs(),
                            "{power} at {x}: {error:e} of {exact}"
                        );
                    }
                }
            }
        }
    }
}
