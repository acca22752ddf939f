//! Pair potentials that depend on x = r/σ_ij alone: the exact scalar truth that every faster kernel is held to.
//!
//! Reduced Lennard-Jones units: energy ε, length σ₁₁. A pair's energy is ε_ij u(r/σ_ij); its diameter σ_ij and strength ε_ij follow from
//! the diameters of the two particles by a [`Mixing`] rule.

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
    /// σ_ij and ε_ij of a pair.
    pub mixing: Mixing,
}

/// How the diameter and the strength of a pair follow from the diameters of its particles:
///
/// - σ_ij = ½ (σ_i + σ_j) (1 − κ |σ_i − σ_j|), the non-additive rule of Ninarello, Berthier and Coslovich (Phys. Rev. X 7, 021039 (2017)),
///   which with two species stands for any table of σ_ij in which unlike particles are not larger than the mean
/// - ε_ij = e₀ + e₁ σ_ij + e₂ σ_ij², which with three different σ_ij stands for any table of ε_ij
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixing {
    /// κ ≥ 0 (1/length).
    pub non_additivity: f64,
    /// e₀ (energy), e₁ (energy/length) and e₂ (energy/length²), relative to the potential's own energies.
    pub strength: [f64; 3],
    /// The diameters of the two species (length) that these stand for; `None` where particles may have any.
    pub species: Option<[f64; 2]>,
}

/// What a pair's particles make of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// σ_ij (length).
    pub diameter: f64,
    /// ∂σ_ij/∂σ_i and ∂σ_ij/∂σ_j (dimensionless).
    pub slopes: [f64; 2],
    /// ε_ij, the factor on u, w and v.
    pub strength: f64,
}

impl Mixing {
    /// σ_ij = ½ (σ_i + σ_j), ε_ij = 1.
    pub const ADDITIVE: Self = Mixing {
        non_additivity: 0.0,
        strength: [1.0, 0.0, 0.0],
        species: None,
    };

    /// Two species with these σ (length) and ε (energy) for pairs AA, AB and BB, each particle's diameter being that of a pair of its kind.
    ///
    /// Panics if the three σ are not different, or σ_AB exceeds the mean of the others.
    fn of_two_species(diameters: [f64; 3], strengths: [f64; 3]) -> Self {
        let [aa, ab, bb] = diameters;
        let mean = 0.5 * (aa + bb);
        assert!(aa != bb && ab != aa && ab != bb && ab <= mean);
        // Newton's form of the parabola through the three points.
        let first = (strengths[1] - strengths[0]) / (ab - aa);
        let second = ((strengths[2] - strengths[1]) / (bb - ab) - first) / (bb - aa);
        Mixing {
            non_additivity: (1.0 - ab / mean) / (aa - bb).abs(),
            strength: [
                strengths[0] - first * aa + second * aa * ab,
                first - second * (aa + ab),
                second,
            ],
            species: Some([aa, bb]),
        }
    }

    /// Whether this is [`Mixing::ADDITIVE`].
    pub fn is_additive(&self) -> bool {
        *self == Self::ADDITIVE
    }

    /// Whether particles may have any diameters, and so can be resized.
    pub fn is_resizable(&self) -> bool {
        self.species.is_none()
    }

    /// Checks that σ_ij is positive for all pairs of particles of these diameters (length), and that these are those of the species, if they
    /// have to be.
    pub fn admits(&self, diameters: &[f64]) -> Result<()> {
        if let Some(species) = self.species {
            // As far as single precision tells.
            let is_one = |diameter: &f64| {
                species
                    .iter()
                    .any(|known| (diameter - known).abs() <= 1e-6 * known)
            };
            if let Some(other) = diameters.iter().find(|diameter| !is_one(diameter)) {
                let [first, second] = species;
                let what = format!(
                    "the potential is one of particles of diameters {first} and {second}, and one has {other}"
                );
                return Err(Error::new(what).help("give these diameters, or another potential"));
            }
        }
        let smallest = diameters.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = diameters.iter().copied().fold(0.0, f64::max);
        match self.non_additivity * (largest - smallest) >= 1.0 {
            false => Ok(()),
            true => Err(Error::new(format!(
                "with the non-additivity {}, particles of diameters {smallest} and {largest} make no pair of positive diameter",
                self.non_additivity
            ))
            .help("are the diameters in the potential's unit?")),
        }
    }

    /// The pair of two particles of these diameters (length).
    pub fn pair(&self, first: f64, second: f64) -> Pair {
        let (mean, difference) = (0.5 * (first + second), first - second);
        let factor = 1.0 - self.non_additivity * difference.abs();
        let diameter = mean * factor;
        let [e0, e1, e2] = self.strength;
        let tilt = match first == second {
            true => 0.0,
            false => mean * self.non_additivity * difference.signum(),
        };
        Pair {
            diameter,
            slopes: [0.5 * factor - tilt, 0.5 * factor + tilt],
            strength: e0 + diameter * (e1 + diameter * e2),
        }
    }
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

    /// The Kob–Andersen mixture (Phys. Rev. E 51, 4626 (1995)), cut at 2.5 σ_ij and shifted: σ = 1, 0.8, 0.88 and ε = 1, 1.5, 0.5 for pairs AA,
    /// AB and BB. The diameters of its particles are 1 (A) and 0.88 (B).
    pub fn kob_andersen() -> Self {
        Potential {
            mixing: Mixing::of_two_species([1.0, 0.8, 0.88], [1.0, 1.5, 0.5]),
            ..Self::cut(4.0, -4.0, 2.5)
        }
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
            mixing: Mixing::ADDITIVE,
        };
        Potential {
            shift: -bare.core(cutoff).energy,
            ..bare
        }
    }

    /// The potential that a text names: `wahnstrom`, `kob-andersen`, `weeks-chandler-andersen`, `lennard-jones:CUTOFF` (cut and shifted),
    /// `lennard-jones:INNER:CUTOFF` and `inverse-power:INNER:CUTOFF` (4 x⁻¹² − 4 x⁻⁶ and x⁻¹², smooth from INNER to CUTOFF), the last also
    /// with a third value, the non-additivity κ of its [`Mixing`].
    ///
    /// Errors: another name, values that are missing or too many, and not 0 < INNER < CUTOFF or κ ≥ 0.
    pub fn named(text: &str) -> Result<Self> {
        const NAMES: &str = "use wahnstrom, kob-andersen, weeks-chandler-andersen, lennard-jones:CUTOFF, lennard-jones:INNER:CUTOFF or \
                             inverse-power:INNER:CUTOFF[:KAPPA]";
        let refuse = |what: String| Error::new(what).help(NAMES);
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let values: Vec<f64> = match rest {
            "" => Vec::new(),
            rest => rest
                .split(':')
                .map(|value| value.parse::<f64>().ok().filter(|value| value.is_finite()))
                .collect::<Option<_>>()
                .ok_or_else(|| refuse(format!("'{text}' has a value that is not a number")))?,
        };
        let potential = match (name, &values[..]) {
            ("wahnstrom", []) => Self::wahnstrom(),
            ("kob-andersen", []) => Self::kob_andersen(),
            ("weeks-chandler-andersen", []) => Self::weeks_chandler_andersen(),
            ("lennard-jones", &[cutoff]) if cutoff > 0.0 => Self::cut(4.0, -4.0, cutoff),
            ("lennard-jones", &[inner, cutoff]) if 0.0 < inner && inner < cutoff => {
                Self::smoothed(4.0, -4.0, inner, cutoff)
            }
            ("inverse-power", &[inner, cutoff]) if 0.0 < inner && inner < cutoff => {
                Self::smoothed(1.0, 0.0, inner, cutoff)
            }
            ("inverse-power", &[inner, cutoff, non_additivity])
                if 0.0 < inner && inner < cutoff && non_additivity >= 0.0 =>
            {
                Potential {
                    mixing: Mixing {
                        non_additivity,
                        ..Mixing::ADDITIVE
                    },
                    ..Self::smoothed(1.0, 0.0, inner, cutoff)
                }
            }
            _ => return Err(refuse(format!("there is no potential '{text}'"))),
        };
        Ok(potential)
    }

    /// The energy (ε_ij u), virial (ε_ij w) and slope (ε_ij v) of a pair at distance r (length).
    pub fn of_pair(&self, pair: &Pair, distance: f64) -> Terms {
        let terms = self.at(distance / pair.diameter);
        Terms {
            energy: pair.strength * terms.energy,
            virial: pair.strength * terms.virial,
            virial_slope: pair.strength * terms.virial_slope,
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

    /// Checks that a periodic box of these edge lengths holds no particle of these diameters (length) twice within the cutoff: every edge must
    /// exceed 2 x_out σ_max, σ_max the largest diameter; and what [`Mixing::admits`] checks.
    pub fn fits(&self, edges: [f64; 3], diameters: &[f64]) -> Result<()> {
        self.mixing.admits(diameters)?;
        let largest = diameters.iter().copied().fold(0.0, f64::max);
        let needed = 2.0 * self.cutoff * largest;
        match edges.into_iter().find(|edge| *edge <= needed) {
            None => Ok(()),
            Some(edge) => Err(Error::new(format!(
                "the box edge {edge} is too small: with diameters up to {largest} it must exceed {needed}"
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
    fn the_table_of_kob_and_andersen() {
        let mixing = Potential::kob_andersen().mixing;
        for (first, second, diameter, strength) in [
            (1.0, 1.0, 1.0, 1.0),
            (1.0, 0.88, 0.8, 1.5),
            (0.88, 1.0, 0.8, 1.5),
            (0.88, 0.88, 0.88, 0.5),
        ] {
            let pair = mixing.pair(first, second);
            assert!((pair.diameter - diameter).abs() < 1e-15, "{pair:?}");
            assert!((pair.strength - strength).abs() < 1e-13, "{pair:?}");
        }
    }

    #[test]
    fn slopes_are_those_of_the_pair_diameter() {
        let mixing = Mixing {
            non_additivity: 0.2,
            ..Mixing::ADDITIVE
        };
        for (first, second) in [(0.7, 1.3), (1.3, 0.7), (1.0, 1.1)] {
            let h = 1e-6;
            let at = |a: f64, b: f64| mixing.pair(a, b).diameter;
            let slopes = [
                (at(first + h, second) - at(first - h, second)) / (2.0 * h),
                (at(first, second + h) - at(first, second - h)) / (2.0 * h),
            ];
            for (found, expected) in mixing.pair(first, second).slopes.into_iter().zip(slopes) {
                assert!((found - expected).abs() < 1e-9, "{found} {expected}");
            }
        }
        assert_eq!(Mixing::ADDITIVE.pair(1.0, 1.2).slopes, [0.5, 0.5]);
    }

    #[test]
    fn potentials_have_names() {
        assert_eq!(
            Potential::named("wahnstrom").unwrap(),
            Potential::wahnstrom()
        );
        assert_eq!(
            Potential::named("lennard-jones:2.5:2.75").unwrap(),
            Potential::wahnstrom()
        );
        for wrong in [
            "morse",
            "wahnstrom:2",
            "lennard-jones",
            "lennard-jones:2.5:2",
            "lennard-jones:two",
            "inverse-power:1.1:1.25:-0.2",
        ] {
            let message = Potential::named(wrong).unwrap_err().to_string();
            assert!(message.contains(wrong), "{message}");
        }
    }

    #[test]
    fn a_box_must_hold_two_cutoffs() {
        let potential = Potential::wahnstrom();
        assert!(potential.fits([6.7; 3], &[1.0, 1.2]).is_ok());
        let message = potential
            .fits([6.7, 6.5, 6.7], &[1.2, 1.0])
            .unwrap_err()
            .to_string();
        assert!(
            message.starts_with("the box edge 6.5 is too small"),
            "{message}"
        );
        let potential = Potential::named("inverse-power:1:1.25:0.2").unwrap();
        assert!(potential.fits([60.0; 3], &[1.0, 5.9]).is_ok());
        let message = potential.fits([60.0; 3], &[6.0, 1.0]).unwrap_err();
        let message = message.to_string();
        assert!(
            message.contains("diameters 1 and 6 make no pair"),
            "{message}"
        );
    }
}
