//! Pair potentials that depend on x = r/σ_ij alone: the exact scalar truth that every faster kernel is held to.
//!
//! Reduced Lennard-Jones units: energy ε, length σ₁₁. The diameter of a pair is σ_ij = (σ_i + σ_j)/2.

use crate::error::{Error, Result};

/// A pair potential u(x), x = r/σ_ij, of Lennard-Jones kind with an optional smooth end.
///
/// - x ≤ x_in: u = a x⁻¹² + b x⁻⁶ + c
/// - x_in < x < x_out: u′ = D² (p + q D) with D = x_out − x, so u = −D³ (p/3 + q D/4)
/// - x ≥ x_out: u = 0
///
/// p and q make u′ and u″ continuous at x_in, c makes u so; u, u′ and u″ vanish at x_out. Without a smooth end (x_in = x_out) the
/// potential is cut and shifted to zero there. This is `pair_style lj/smooth` with `pair_modify shift yes` of LAMMPS, Eqs. S2–S3 of the
/// paper. Energies in ε.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Potential {
    /// a, the factor of x⁻¹² (energy).
    pub repulsion: f64,
    /// b, the factor of x⁻⁶ (energy).
    pub attraction: f64,
    /// c, added below x_in (energy).
    pub shift: f64,
    /// x_in, where the smooth end begins.
    pub inner: f64,
    /// x_out, the cutoff.
    pub cutoff: f64,
    /// p and q of the smooth end (energy).
    pub smoothing: [f64; 2],
}

/// What a pair contributes at one x = r/σ_ij; all energies.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Terms {
    /// u.
    pub energy: f64,
    /// w = −x u′ = r·f, the pair's virial.
    pub virial: f64,
    /// v = −x w′; ∂w/∂σ_ij = v/σ_ij at fixed r.
    pub virial_slope: f64,
}

impl Potential {
    /// The smoothed Wahnström potential: 4 (x⁻¹² − x⁻⁶), smooth from 2.5 to 2.75.
    pub fn wahnstrom() -> Self {
        Self::smoothed(4.0, -4.0, 2.5, 2.75)
    }

    /// The purely repulsive part of the Lennard-Jones potential (J. Chem. Phys. 54, 5237 (1971)): cut at its minimum x = 2^(1/6).
    pub fn weeks_chandler_andersen() -> Self {
        Self::cut(4.0, -4.0, f64::powf(2.0, 1.0 / 6.0))
    }

    /// a x⁻¹² + b x⁻⁶, smooth from `inner` to `cutoff`.
    pub fn smoothed(repulsion: f64, attraction: f64, inner: f64, cutoff: f64) -> Self {
        let bare = Self::cut(repulsion, attraction, cutoff);
        let width = cutoff - inner;
        let slope = -bare.core(inner).virial / inner;
        // w = −x u′ and v = x u′ + x² u″.
        let curvature = (bare.core(inner).virial_slope + bare.core(inner).virial) / (inner * inner);
        let q = -(curvature + 2.0 * slope / width) / (width * width);
        let p = slope / (width * width) - q * width;
        let end = -width.powi(3) * (p / 3.0 + q * width / 4.0);
        let core = Potential { shift: 0.0, ..bare }.core(inner).energy;
        Potential {
            shift: end - core,
            inner,
            smoothing: [p, q],
            ..bare
        }
    }

    /// a x⁻¹² + b x⁻⁶, cut at `cutoff` and shifted to zero there.
    pub fn cut(repulsion: f64, attraction: f64, cutoff: f64) -> Self {
        let bare = Potential {
            repulsion,
            attraction,
            shift: 0.0,
            inner: cutoff,
            cutoff,
            smoothing: [0.0; 2],
        };
        Potential {
            shift: -bare.core(cutoff).energy,
            ..bare
        }
    }

    fn core(&self, x: f64) -> Terms {
        let z3 = x.powi(-6);
        Terms {
            energy: (self.repulsion * z3 + self.attraction) * z3 + self.shift,
            virial: (12.0 * self.repulsion * z3 + 6.0 * self.attraction) * z3,
            virial_slope: (144.0 * self.repulsion * z3 + 36.0 * self.attraction) * z3,
        }
    }

    /// u, w and v at x = r/σ_ij; zero from the cutoff on.
    pub fn at(&self, x: f64) -> Terms {
        if x <= self.inner {
            self.core(x)
        } else if x < self.cutoff {
            let d = self.cutoff - x;
            let [p, q] = self.smoothing;
            Terms {
                energy: -d.powi(3) * (p / 3.0 + q * d / 4.0),
                virial: -x * d * d * (p + q * d),
                virial_slope: x * d * d * (p + q * d) - x * x * d * (2.0 * p + 3.0 * q * d),
            }
        } else {
            Terms::default()
        }
    }

    /// Checks that a periodic box of these edge lengths holds no particle twice within the cutoff: every edge must exceed
    /// 2 x_out σ_max, σ_max the largest diameter.
    pub fn fits(&self, edges: [f64; 3], largest_diameter: f64) -> Result<()> {
        let needed = 2.0 * self.cutoff * largest_diameter;
        match edges.into_iter().find(|edge| *edge <= needed) {
            None => Ok(()),
            Some(edge) => Err(Error::new(format!(
                "the box edge {edge} is too small: with diameters up to {largest_diameter} it must exceed {needed}"
            ))
            .help("use more particles or a lower density")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The coefficients as Eqs. S2–S3 print them.
    #[test]
    fn the_smooth_end_is_the_papers() {
        let (r_in, r_out) = (2.5_f64, 2.75_f64);
        let width = r_out - r_in;
        let (s6, s12) = (r_in.powi(-6), r_in.powi(-12));
        let c1 = 24.0 / r_in * (2.0 * s12 - s6);
        let c2 = -24.0 / (r_in * r_in) * (26.0 * s12 - 7.0 * s6);
        let c3 = -3.0 / (width * width) * (c1 + 2.0 / 3.0 * c2 * width);
        let c4 = -1.0 / (3.0 * width * width) * (c2 + 2.0 * c3 * width);
        // Eq. S2 integrates the force C₁ + C₂ d + C₃ d² + C₄ d³.
        let c0 = c1 * width
            + c2 / 2.0 * width.powi(2)
            + c3 / 3.0 * width.powi(3)
            + c4 / 4.0 * width.powi(4);
        let offset = 4.0 * (s12 - s6) - c0;
        assert!((c0 - -0.0043102188).abs() < 1e-10);
        assert!((offset - -0.0120066723).abs() < 1e-10);
        let potential = Potential::wahnstrom();
        assert!((potential.shift + offset).abs() < 1e-15);
        for step in 1..50 {
            let d = width * f64::from(step) / 50.0;
            let x = r_in + d;
            let energy =
                c0 - c1 * d - c2 / 2.0 * d * d - c3 / 3.0 * d.powi(3) - c4 / 4.0 * d.powi(4);
            let force = c1 + c2 * d + c3 * d * d + c4 * d.powi(3);
            assert!((potential.at(x).energy - energy).abs() < 1e-15);
            assert!((potential.at(x).virial - x * force).abs() < 1e-14);
        }
    }

    #[test]
    fn everything_is_continuous_at_both_ends() {
        for potential in [
            Potential::wahnstrom(),
            Potential::smoothed(1.0, 0.0, 1.4, 2.0),
        ] {
            let h = 1e-14;
            let (below, above) = (
                potential.at(potential.inner),
                potential.at(potential.inner + h),
            );
            for (one, other) in [
                (below.energy, above.energy),
                (below.virial, above.virial),
                (below.virial_slope, above.virial_slope),
            ] {
                assert!((one - other).abs() < 1e-12, "{one} {other}");
            }
            let end = potential.at(potential.cutoff - h);
            assert!(
                end.energy.abs() < 1e-12
                    && end.virial.abs() < 1e-12
                    && end.virial_slope.abs() < 1e-12
            );
            assert_eq!(potential.at(potential.cutoff), Terms::default());
        }
    }

    #[test]
    fn derivatives_are_those_of_the_energy() {
        for potential in [
            Potential::wahnstrom(),
            Potential::weeks_chandler_andersen(),
            Potential::smoothed(1.0, 0.0, 1.4, 2.0),
        ] {
            let mut x = 0.85;
            while x < potential.cutoff - 0.01 {
                let h = 1e-5 * x;
                let slope = |value: fn(Terms) -> f64| {
                    (value(potential.at(x + h)) - value(potential.at(x - h))) / (2.0 * h)
                };
                let at = potential.at(x);
                let virial = -x * slope(|terms| terms.energy);
                let virial_slope = -x * slope(|terms| terms.virial);
                assert!(
                    (virial - at.virial).abs() < 1e-6 * (1.0 + at.virial.abs()),
                    "w at {x}"
                );
                assert!(
                    (virial_slope - at.virial_slope).abs() < 1e-6 * (1.0 + at.virial_slope.abs()),
                    "v at {x}"
                );
                x += 0.0173;
            }
        }
    }

    #[test]
    fn a_box_must_hold_two_cutoffs() {
        let potential = Potential::wahnstrom();
        assert!(potential.fits([6.7; 3], 1.2).is_ok());
        let message = potential
            .fits([6.7, 6.5, 6.7], 1.2)
            .unwrap_err()
            .to_string();
        assert!(
            message.starts_with("the box edge 6.5 is too small"),
            "{message}"
        );
    }
}
