//! A potential as the loops evaluate it: polynomials in z = (σ_ij/r)² = x⁻², with no square root.

use crate::physics::potential::Potential;

/// Coefficients of the polynomial of the smooth end, lowest first: enough for f32, and for f64.
pub(super) const TERMS: [usize; 2] = [4, 9];

/// u, w and v of a [`Potential`] as functions of z.
///
/// - z ≥ z_in: z³ (`core[0]` z³ + `core[1]`), for u with `shift` added
/// - else, with t = max(z − z_out, 0): t³ E(t) for u, t² W(t) for w, t V(t) for v; so everything is exactly zero beyond the cutoff
///
/// E, W and V are interpolants. What they interpolate has its nearest singularity at z = 0, ten half-widths of the interval away, so each
/// term gains a factor of about 20; with four, the error in w is 1e-5 ε, the rounding of f32 for a pair in contact.
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

impl Coefficients {
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
    fn polynomials_equal_the_potential() {
        for potential in [
            Potential::wahnstrom(),
            Potential::weeks_chandler_andersen(),
            Potential::smoothed(1.0, 0.0, 1.5, 1.6),
        ] {
            // Relative to the repulsion in contact: some roundings of f32, and far below those of E/N to 1e-8.
            for (terms, tolerance) in [(TERMS[0], 2e-6), (TERMS[1], 2e-12)] {
                let coefficients = Coefficients::new(&potential, terms);
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
