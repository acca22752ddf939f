//! Random numbers without a history: each is a function of the seed, what it is for, the step and the particle.
//!
//! So they depend neither on the order in which particles are kept or visited nor on how often a run was stopped and resumed.

use std::f64::consts::TAU;

/// What random numbers are for: those of two purposes are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Random starting positions.
    Positions = 1,
    /// Velocities drawn at a temperature.
    Velocities = 2,
    /// The noise of a thermostat.
    Thermostat = 3,
    /// Random subsets of the particles.
    Subsets = 4,
    /// Resampled data.
    Resampling = 5,
}

/// The sequence of random numbers of one seed, purpose, step and particle: the blocks 0, 1, 2 … of Threefry-4x64-20.
#[derive(Clone, Debug)]
pub struct Random {
    key: [u64; 4],
    counter: [u64; 4],
    block: [u64; 4],
    used: usize,
    spare: Option<f64>,
}

impl Random {
    /// The sequence for a step and a particle (0 where there is none).
    pub fn new(seed: u64, purpose: Purpose, step: i64, id: i64) -> Self {
        Random {
            key: [seed, purpose as u64, 0, 0],
            counter: [step.cast_unsigned(), id.cast_unsigned(), 0, 0],
            block: [0; 4],
            used: 4,
            spare: None,
        }
    }

    fn bits(&mut self) -> u64 {
        if self.used == self.block.len() {
            self.block = threefry(self.counter, self.key);
            self.counter[2] += 1;
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }

    /// Uniform on [0, 1), a multiple of 2⁻⁵³.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (0.5 / (1_u64 << 52) as f64)
    }

    /// Normal with mean 0 and variance 1 (Box and Muller, Ann. Math. Stat. 29, 610 (1958)).
    pub fn gaussian(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        // 1 − uniform is never zero.
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let (sine, cosine) = (TAU * self.uniform()).sin_cos();
        self.spare = Some(radius * sine);
        radius * cosine
    }

    /// Gamma with scale 1 and `shape` > 0 (Marsaglia and Tsang, ACM Trans. Math. Softw. 26, 363 (2000)).
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let root = (1.0 - self.uniform()).powf(1.0 / shape);
            return self.gamma(shape + 1.0) * root;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.gaussian();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && (1.0 - self.uniform()).ln() < 0.5 * x * x + d * (1.0 - v + v.ln()) {
                return d * v;
            }
        }
    }

    /// The sum of `count` squared independent normal numbers.
    pub fn sum_of_squares(&mut self, count: f64) -> f64 {
        if count > 0.0 {
            2.0 * self.gamma(0.5 * count)
        } else {
            0.0
        }
    }
}

/// Threefry-4x64 with 20 rounds (Salmon et al., SC'11, DOI 10.1145/2063384.2063405).
fn threefry(counter: [u64; 4], key: [u64; 4]) -> [u64; 4] {
    const ROTATIONS: [[u32; 2]; 8] = [
        [14, 16],
        [52, 57],
        [23, 40],
        [5, 37],
        [25, 33],
        [46, 12],
        [58, 22],
        [32, 32],
    ];
    let parity = key
        .iter()
        .fold(0x1bd1_1bda_a9fc_1a22, |all, word| all ^ word);
    let [a, b, c, d] = key;
    let key = [a, b, c, d, parity];
    let inject = |x: &mut [u64; 4], count: usize| {
        for (word, x) in x.iter_mut().enumerate() {
            *x = x.wrapping_add(key[(count + word) % 5]);
        }
        x[3] = x[3].wrapping_add(count as u64);
    };
    let mut x = counter;
    inject(&mut x, 0);
    for round in 0..20 {
        let [first, second] = ROTATIONS[round % 8];
        let (one, other) = if round % 2 == 0 { (1, 3) } else { (3, 1) };
        x[0] = x[0].wrapping_add(x[one]);
        x[one] = x[one].rotate_left(first) ^ x[0];
        x[2] = x[2].wrapping_add(x[other]);
        x[other] = x[other].rotate_left(second) ^ x[2];
        if round % 4 == 3 {
            inject(&mut x, round / 4 + 1);
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of Random123's kat_vectors.
    #[test]
    fn threefry_gives_the_published_blocks() {
        assert_eq!(
            threefry([0; 4], [0; 4]),
            [
                0x0921_8ebd_e6c8_5537,
                0x5594_1f52_66d8_6105,
                0x4bd2_5e16_2824_34dc,
                0xee29_ec84_6bd2_e40b,
            ]
        );
        assert_eq!(
            threefry([u64::MAX; 4], [u64::MAX; 4]),
            [
                0x29c2_4097_942b_ba1b,
                0x0371_bbfb_0f6f_4e11,
                0x3c23_1ffa_33f8_3a1c,
                0xcd29_113f_de32_d168,
            ]
        );
        assert_eq!(
            threefry(
                [
                    0x243f_6a88_85a3_08d3,
                    0x1319_8a2e_0370_7344,
                    0xa409_3822_299f_31d0,
                    0x082e_fa98_ec4e_6c89,
                ],
                [
                    0x4528_21e6_38d0_1377,
                    0xbe54_66cf_34e9_0c6c,
                    0xbe54_66cf_34e9_0c6c,
                    0xc0ac_29b7_c97c_50dd,
                ]
            ),
            [
                0xa7e8_fde5_9165_1bd9,
                0xbaaf_d0c3_0138_319b,
                0x84a5_c1a7_29e6_85b9,
                0x901d_406c_cebc_1ba4,
            ]
        );
    }

    /// Mean, variance and third central moment of many draws against those of the law, within five standard errors.
    fn moments(draw: impl Fn(i64) -> f64, mean: f64, variance: f64, third: f64, sixth: f64) {
        let n = 200_000;
        let draws: Vec<f64> = (0..n).map(draw).collect();
        let moment =
            |power: i32| draws.iter().map(|x| (x - mean).powi(power)).sum::<f64>() / n as f64;
        let fourth = moment(4);
        let error = |variance: f64| 5.0 * (variance / n as f64).sqrt();
        assert!(moment(1).abs() < error(variance), "mean {}", moment(1));
        let second = moment(2) - variance;
        assert!(
            second.abs() < error(fourth - variance * variance),
            "variance {second}"
        );
        assert!(
            (moment(3) - third).abs() < error(sixth - third * third),
            "skew {}",
            moment(3)
        );
    }

    #[test]
    fn uniform_numbers_are_uniform() {
        let draw = |id| Random::new(7, Purpose::Positions, 0, id).uniform();
        moments(draw, 0.5, 1.0 / 12.0, 0.0, 1.0 / 448.0);
        assert!((0..100_000).all(|id| (0.0..1.0).contains(&draw(id))));
    }

    #[test]
    fn gaussian_numbers_are_normal_whether_first_or_second() {
        for skipped in [0, 1] {
            let draw = |id| {
                let mut random = Random::new(7, Purpose::Velocities, 3, id);
                (0..skipped).for_each(|_| _ = random.gaussian());
                random.gaussian()
            };
            moments(draw, 0.0, 1.0, 0.0, 15.0);
        }
    }

    /// Central moments of the gamma law: k, 2k, and the sixth, 15k³ + 130k² + 120k.
    #[test]
    fn gamma_numbers_have_the_moments_of_their_law() {
        for shape in [0.3, 1.0, 4.5, 6000.0] {
            moments(
                |step| Random::new(1, Purpose::Thermostat, step, 0).gamma(shape),
                shape,
                shape,
                2.0 * shape,
                (15.0 * shape + 130.0) * shape * shape + 120.0 * shape,
            );
        }
    }

    #[test]
    fn every_part_of_the_key_matters() {
        let first = |seed, purpose, step, id| Random::new(seed, purpose, step, id).bits();
        let draws = [
            first(1, Purpose::Positions, 0, 0),
            first(2, Purpose::Positions, 0, 0),
            first(1, Purpose::Velocities, 0, 0),
            first(1, Purpose::Positions, 1, 0),
            first(1, Purpose::Positions, 0, 1),
        ];
        for (k, draw) in draws.iter().enumerate() {
            assert!(!draws[..k].contains(draw));
        }
    }
}
