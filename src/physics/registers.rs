//! Vector registers: four f64 or eight f32 at a time.
//!
//! A computation that is written over [`Registers`] is compiled for each instruction set, and [`InstructionSet::run`] takes the one that was chosen at run
//! time. Every operation is rounded by itself on all of them, so that the answers are the same bits.

use std::ops::{Add, Div, Mul, Sub};

use crate::error::{Error, Result};

/// The registers of an instruction set.
pub trait Registers: Copy {
    /// Four f64.
    type Four: Four;
    /// Eight f32.
    type Eight: Eight;

    /// Four numbers in a register.
    fn four(self, values: [f64; 4]) -> Self::Four;
    /// Eight numbers in a register.
    fn eight(self, values: [f32; 8]) -> Self::Eight;

    /// The directed edges a → b, b → c and c → a of four triangles, given as words with the bytes a, b and c, whose opposite b → a is not an
    /// edge of any of them: [a, b] at the places 4t, 4t + 1 and 4t + 2 for triangle t, and twice these places as bits. The corners of a triangle
    /// are three, or a single one, whose edge to itself is its own opposite.
    fn unpaired(self, triangles: [u32; 4]) -> ([[u8; 2]; 16], u32);

    /// One number four times.
    #[inline(always)]
    fn all_four(self, value: f64) -> Self::Four {
        self.four([value; 4])
    }
    /// One number eight times.
    #[inline(always)]
    fn all_eight(self, value: f32) -> Self::Eight {
        self.eight([value; 8])
    }
}

/// What registers of both kinds do, lane by lane.
pub trait Lanes:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// An array of as many numbers.
    type Values;
    /// The numbers.
    fn values(self) -> Self::Values;
    /// `self` where it is more than `other`, else `other`, also where one of them is not a number.
    fn larger(self, other: Self) -> Self;
    /// 0 where a > b, else `self`.
    fn zero_where(self, a: Self, b: Self) -> Self;
    /// Whether `self` > `other`: a bit for each lane, the first lowest.
    fn above(self, other: Self) -> u32;
}

/// Four f64.
pub trait Four: Lanes<Values = [f64; 4]> {
    /// Rows become columns.
    fn transposed(rows: [Self; 4]) -> [Self; 4];
    /// y, z, x, w of x, y, z, w.
    fn turned(self) -> Self;
    /// In single precision.
    fn single(self) -> [f32; 4];
    /// The square root.
    fn root(self) -> Self;
    /// `other` where a > b, else `self`.
    fn where_above(self, a: Self, b: Self, other: Self) -> Self;
}

/// Eight f32.
pub trait Eight: Lanes<Values = [f32; 8]> {
    /// The lanes whose bits are set, in their order; behind them, any.
    fn packed(self, bits: u32) -> Self;
}

/// A computation over registers.
pub trait Work {
    /// What it gives.
    type Output;
    /// Does it. Implementations are to be inlined always, with all that they call: what is not is compiled for every processor.
    fn run<R: Registers>(self, registers: R) -> Self::Output;
}

/// An instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstructionSet {
    /// What every processor has.
    Portable,
    /// AVX2 with FMA, as x86-64-v3 has it.
    Avx2,
    /// AVX-512 F, DQ, VL and BW.
    Avx512,
}

impl InstructionSet {
    /// Those that this machine has, the fastest last.
    pub fn available() -> Vec<Self> {
        let mut sets = vec![InstructionSet::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = pulp::x86::V3::is_available();
            if avx2 {
                sets.push(InstructionSet::Avx2);
            }
            if avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw")
            {
                sets.push(InstructionSet::Avx512);
            }
        }
        sets
    }

    /// The fastest of this machine, or the available one that the environment variable `HYALO_INSTRUCTION_SET` names.
    pub fn preferred() -> Self {
        let fastest = Self::available().last().copied();
        let named = Self::named().ok().flatten();
        named.or(fastest).unwrap_or(InstructionSet::Portable)
    }

    /// The one that `HYALO_INSTRUCTION_SET` names, where it is set.
    ///
    /// Fails if this machine does not have it.
    pub fn named() -> Result<Option<Self>> {
        let Some(name) = std::env::var_os("HYALO_INSTRUCTION_SET") else {
            return Ok(None);
        };
        let available = Self::available();
        let found = available.iter().find(|set| set.name() == name);
        found.copied().map(Some).ok_or_else(|| {
            let names: Vec<&str> = available.iter().map(|set| set.name()).collect();
            Error::new(format!(
                "HYALO_INSTRUCTION_SET is '{}', which this machine does not have",
                name.display()
            ))
            .help(format!("use one of {}, or unset it", names.join(", ")))
        })
    }

    /// Its name in `HYALO_INSTRUCTION_SET`.
    pub fn name(self) -> &'static str {
        match self {
            InstructionSet::Portable => "portable",
            InstructionSet::Avx2 => "avx2",
            InstructionSet::Avx512 => "avx512",
        }
    }

    /// Runs a computation on its registers; on those of AVX2, where it has wider ones.
    #[inline]
    pub fn run<W: Work>(self, work: W) -> W::Output {
        #[cfg(target_arch = "x86_64")]
        if self != InstructionSet::Portable
            && let Some(machine) = pulp::x86::V3::try_new()
        {
            return machine.vectorize(avx2::Call(machine, work));
        }
        work.run(portable::Portable)
    }
}

mod portable {
    use super::*;

    #[derive(Clone, Copy)]
    pub struct Portable;

    #[derive(Clone, Copy)]
    pub struct Array<T, const N: usize>([T; N]);

    impl Registers for Portable {
        type Four = Array<f64, 4>;
        type Eight = Array<f32, 8>;
        #[inline(always)]
        fn four(self, values: [f64; 4]) -> Self::Four {
            Array(values)
        }
        #[inline(always)]
        fn eight(self, values: [f32; 8]) -> Self::Eight {
            Array(values)
        }
        #[inline(always)]
        fn unpaired(self, triangles: [u32; 4]) -> ([[u8; 2]; 16], u32) {
            let mut edges = [[0; 2]; 16];
            for (edges, triangle) in edges.as_chunks_mut().0.iter_mut().zip(triangles) {
                let [a, b, c, _] = triangle.to_le_bytes();
                *edges = [[a, b], [b, c], [c, a], [0; 2]];
            }
            let is_unpaired = |[a, b]: [u8; 2]| !edges.contains(&[b, a]);
            let bits = (0..16).map(|at| u32::from(is_unpaired(edges[at])) << (2 * at));
            (edges, bits.sum())
        }
    }

    macro_rules! operation {
        ($trait:ident, $method:ident) => {
            impl<T: Copy + $trait<Output = T>, const N: usize> $trait for Array<T, N> {
                type Output = Self;
                #[inline(always)]
                fn $method(self, other: Self) -> Self {
                    Array(std::array::from_fn(|k| self.0[k].$method(other.0[k])))
                }
            }
        };
    }
    operation!(Add, add);
    operation!(Sub, sub);
    operation!(Mul, mul);
    operation!(Div, div);

    impl<T, const N: usize> Lanes for Array<T, N>
    where
        T: Copy
            + Default
            + PartialOrd
            + Add<Output = T>
            + Sub<Output = T>
            + Mul<Output = T>
            + Div<Output = T>,
    {
        type Values = [T; N];
        #[inline(always)]
        fn values(self) -> [T; N] {
            self.0
        }
        #[inline(always)]
        fn larger(self, other: Self) -> Self {
            let larger = |a: T, b: T| if a > b { a } else { b };
            Array(std::array::from_fn(|k| larger(self.0[k], other.0[k])))
        }
        #[inline(always)]
        fn zero_where(self, a: Self, b: Self) -> Self {
            let chosen = |k| {
                if a.0[k] > b.0[k] {
                    T::default()
                } else {
                    self.0[k]
                }
            };
            Array(std::array::from_fn(chosen))
        }
        #[inline(always)]
        fn above(self, other: Self) -> u32 {
            (0..N).fold(0, |bits, k| bits | u32::from(self.0[k] > other.0[k]) << k)
        }
    }

    impl Four for Array<f64, 4> {
        #[inline(always)]
        fn transposed(rows: [Self; 4]) -> [Self; 4] {
            std::array::from_fn(|k| Array(rows.map(|row| row.0[k])))
        }
        #[inline(always)]
        fn turned(self) -> Self {
            let [x, y, z, w] = self.0;
            Array([y, z, x, w])
        }
        #[inline(always)]
        fn single(self) -> [f32; 4] {
            self.0.map(|value| value as f32)
        }
        #[inline(always)]
        fn root(self) -> Self {
            Array(self.0.map(f64::sqrt))
        }
        #[inline(always)]
        fn where_above(self, a: Self, b: Self, other: Self) -> Self {
            let chosen = |k| {
                if a.0[k] > b.0[k] {
                    other.0[k]
                } else {
                    self.0[k]
                }
            };
            Array(std::array::from_fn(chosen))
        }
    }

    impl Eight for Array<f32, 8> {
        #[inline(always)]
        fn packed(self, bits: u32) -> Self {
            let (mut packed, mut count) = ([0.0; 8], 0);
            for k in 0..8 {
                packed[count % 8] = self.0[k];
                count += (bits >> k & 1) as usize;
            }
            Array(packed)
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{__m128i, __m256, __m256d, __m256i, _CMP_GT_OQ};

    use pulp::cast;
    use pulp::core_arch::x86::Avx2;
    use pulp::x86::V3;

    use super::*;

    /// Bytes of a triangle's edges, of their opposites, and of two triangles' opposites moved on by one.
    const EDGES: [u8; 8] = [0, 1, 1, 2, 2, 0, 3, 3];
    const OPPOSITE: [u8; 8] = [1, 0, 2, 1, 0, 2, 3, 3];
    const NEXT: [u8; 8] = [2, 3, 4, 5, 0, 1, 6, 7];

    /// The same for four triangles, two in each half of a register.
    const fn fourfold(bytes: [u8; 8]) -> [u8; 32] {
        let (mut all, mut at) = ([0; 32], 0);
        while at < 32 {
            all[at] = bytes[at % 8] + 8 * (at / 8 % 2) as u8;
            at += 1;
        }
        all
    }

    /// Where edges equal some of the opposites, those of each triangle in all orders.
    #[inline(always)]
    fn among(avx2: Avx2, edges: __m256i, opposite: __m256i) -> __m256i {
        let next = cast(const { fourfold(NEXT) });
        let second = avx2._mm256_shuffle_epi8(opposite, next);
        let third = avx2._mm256_shuffle_epi8(second, next);
        let first = avx2._mm256_cmpeq_epi16(edges, opposite);
        let second = avx2._mm256_cmpeq_epi16(edges, second);
        let third = avx2._mm256_cmpeq_epi16(edges, third);
        avx2._mm256_or_si256(avx2._mm256_or_si256(first, second), third)
    }

    /// A computation with its registers.
    pub struct Call<W>(pub V3, pub W);

    impl<W: Work> pulp::NullaryFnOnce for Call<W> {
        type Output = W::Output;
        #[inline(always)]
        fn call(self) -> W::Output {
            self.1.run(self.0)
        }
    }

    /// Numbers, and the proof that the processor can deal with them.
    #[derive(Clone, Copy)]
    pub struct Register<T>(T, V3);

    impl Registers for V3 {
        type Four = Register<__m256d>;
        type Eight = Register<__m256>;
        #[inline(always)]
        fn four(self, values: [f64; 4]) -> Self::Four {
            Register(cast(values), self)
        }
        #[inline(always)]
        fn eight(self, values: [f32; 8]) -> Self::Eight {
            Register(cast(values), self)
        }
        #[inline(always)]
        fn unpaired(self, triangles: [u32; 4]) -> ([[u8; 2]; 16], u32) {
            let avx2 = self.avx2;
            let triangles = avx2._mm256_cvtepu32_epi64(cast(triangles));
            let edges = avx2._mm256_shuffle_epi8(triangles, cast(const { fourfold(EDGES) }));
            let opposite = avx2._mm256_shuffle_epi8(triangles, cast(const { fourfold(OPPOSITE) }));
            let paired = [
                avx2._mm256_cmpeq_epi16(edges, opposite),
                among(
                    avx2,
                    edges,
                    avx2._mm256_permute4x64_epi64::<0b00_11_10_01>(opposite),
                ),
                among(
                    avx2,
                    edges,
                    avx2._mm256_permute4x64_epi64::<0b01_00_11_10>(opposite),
                ),
                among(
                    avx2,
                    edges,
                    avx2._mm256_permute4x64_epi64::<0b10_01_00_11>(opposite),
                ),
            ];
            let paired = avx2._mm256_or_si256(
                avx2._mm256_or_si256(paired[0], paired[1]),
                avx2._mm256_or_si256(paired[2], paired[3]),
            );
            let bits = !avx2._mm256_movemask_epi8(paired) as u32 & 0x5555_5555;
            (cast(edges), bits)
        }
    }

    macro_rules! register {
        ($register:ty, $values:ty, $([$trait:ident $method:ident $operation:ident])*, $max:ident, $compare:ident, $without:ident, $bits:ident) => {
            $(impl $trait for Register<$register> {
                type Output = Self;
                #[inline(always)]
                fn $method(self, other: Self) -> Self {
                    Register(self.1.avx.$operation(self.0, other.0), self.1)
                }
            })*
            impl Lanes for Register<$register> {
                type Values = $values;
                #[inline(always)]
                fn values(self) -> $values {
                    cast(self.0)
                }
                #[inline(always)]
                fn larger(self, other: Self) -> Self {
                    Register(self.1.avx.$max(self.0, other.0), self.1)
                }
                #[inline(always)]
                fn zero_where(self, a: Self, b: Self) -> Self {
                    let above = self.1.avx.$compare::<_CMP_GT_OQ>(a.0, b.0);
                    Register(self.1.avx.$without(above, self.0), self.1)
                }
                #[inline(always)]
                fn above(self, other: Self) -> u32 {
                    self.1.avx.$bits(self.1.avx.$compare::<_CMP_GT_OQ>(self.0, other.0)) as u32
                }
            }
        };
    }
    register!(
        __m256d, [f64; 4],
        [Add add _mm256_add_pd] [Sub sub _mm256_sub_pd] [Mul mul _mm256_mul_pd] [Div div _mm256_div_pd],
        _mm256_max_pd, _mm256_cmp_pd, _mm256_andnot_pd, _mm256_movemask_pd
    );
    register!(
        __m256, [f32; 8],
        [Add add _mm256_add_ps] [Sub sub _mm256_sub_ps] [Mul mul _mm256_mul_ps] [Div div _mm256_div_ps],
        _mm256_max_ps, _mm256_cmp_ps, _mm256_andnot_ps, _mm256_movemask_ps
    );

    impl Four for Register<__m256d> {
        #[inline(always)]
        fn transposed([a, b, c, d]: [Self; 4]) -> [Self; 4] {
            let avx = a.1.avx;
            let (low, high) = (
                avx._mm256_unpacklo_pd(a.0, b.0),
                avx._mm256_unpackhi_pd(a.0, b.0),
            );
            let (lower, higher) = (
                avx._mm256_unpacklo_pd(c.0, d.0),
                avx._mm256_unpackhi_pd(c.0, d.0),
            );
            [
                avx._mm256_permute2f128_pd::<0x20>(low, lower),
                avx._mm256_permute2f128_pd::<0x20>(high, higher),
                avx._mm256_permute2f128_pd::<0x31>(low, lower),
                avx._mm256_permute2f128_pd::<0x31>(high, higher),
            ]
            .map(|column| Register(column, a.1))
        }
        #[inline(always)]
        fn turned(self) -> Self {
            // Lanes 1, 2, 0, 3.
            Register(
                self.1.avx2._mm256_permute4x64_pd::<0b11_00_10_01>(self.0),
                self.1,
            )
        }
        #[inline(always)]
        fn single(self) -> [f32; 4] {
            cast(self.1.avx._mm256_cvtpd_ps(self.0))
        }
        #[inline(always)]
        fn root(self) -> Self {
            Register(self.1.avx._mm256_sqrt_pd(self.0), self.1)
        }
        #[inline(always)]
        fn where_above(self, a: Self, b: Self, other: Self) -> Self {
            let avx = self.1.avx;
            let above = avx._mm256_cmp_pd::<_CMP_GT_OQ>(a.0, b.0);
            Register(avx._mm256_blendv_pd(self.0, other.0, above), self.1)
        }
    }

    /// For each set of bits their positions, a byte each.
    const POSITIONS: [u64; 256] = {
        let mut positions = [0; 256];
        let mut bits = 0;
        while bits < 256 {
            let (mut lane, mut count) = (0, 0);
            while lane < 8 {
                if bits >> lane & 1 == 1 {
                    positions[bits] |= lane << (8 * count);
                    count += 1;
                }
                lane += 1;
            }
            bits += 1;
        }
        positions
    };

    impl Eight for Register<__m256> {
        #[inline(always)]
        fn packed(self, bits: u32) -> Self {
            let positions: __m128i = cast([POSITIONS[bits as usize & 255], 0]);
            let lanes: __m256i = self.1.avx2._mm256_cvtepu8_epi32(positions);
            Register(self.1.avx2._mm256_permutevar8x32_ps(self.0, lanes), self.1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::physics::random::{Purpose, Random};

    /// What one instruction set makes of all operations, as bits.
    struct Everything {
        fours: [[f64; 4]; 4],
        eights: [[f32; 8]; 3],
        triangles: [u32; 4],
    }

    impl Work for Everything {
        type Output = Vec<u64>;
        fn run<R: Registers>(self, registers: R) -> Vec<u64> {
            let rows = self.fours.map(|values| registers.four(values));
            let [a, b, c, _] = rows;
            let [x, y, z] = self.eights.map(|values| registers.eight(values));
            let fours = [
                a + b,
                a - b,
                a * b,
                a / b,
                a.larger(b),
                c.zero_where(a, b),
                a.turned(),
                registers.all_four(1.5),
            ];
            let transposed = R::Four::transposed(rows);
            let eights = [
                x + y,
                x - y,
                x * y,
                x / y,
                x.larger(y),
                z.zero_where(x, y),
                registers.all_eight(2.5),
            ];
            let mut bits = vec![u64::from(a.above(b)), u64::from(x.above(y))];
            let numbers = fours
                .iter()
                .chain(&transposed)
                .flat_map(|four| four.values());
            bits.extend(numbers.map(f64::to_bits));
            bits.extend(
                eights
                    .iter()
                    .flat_map(|eight| eight.values())
                    .map(|value| u64::from(value.to_bits())),
            );
            for pattern in 0..256u32 {
                let packed = x.packed(pattern).values();
                bits.extend(
                    packed[..pattern.count_ones() as usize]
                        .iter()
                        .map(|value| u64::from(value.to_bits())),
                );
            }
            let (edges, unpaired) = registers.unpaired(self.triangles);
            bits.extend(
                (0..16)
                    .filter(|at| unpaired >> (2 * at) & 1 == 1)
                    .map(|at| u64::from(u16::from_le_bytes(edges[at]))),
            );
            bits.push(u64::from(unpaired));
            bits
        }
    }

    fn everything(set: InstructionSet, seed: u64) -> Vec<u64> {
        let mut random = Random::new(seed, Purpose::Positions, 0, 0);
        // Few different numbers, so that some are equal.
        let mut number = || (8.0 * random.uniform()).floor() - 3.0;
        let mut fours = [0; 4].map(|_| [0; 4].map(|_| number()));
        let eights = [0; 3].map(|_| [0; 8].map(|_| number() as f32));
        fours[0][1] = f64::NAN;
        fours[1][2] = f64::NAN;
        let triangles = [0x03_0201, 0x02_0304, 0x07_0707, 0x01_0504];
        set.run(Everything {
            fours,
            eights,
            triangles,
        })
    }

    /// The sign and the payload of a NaN are nobody's business.
    fn without_nan(bits: Vec<u64>) -> Vec<u64> {
        let known = |bits: u64| match f64::from_bits(bits).is_nan()
            || f32::from_bits(bits as u32).is_nan()
        {
            true => u64::MAX,
            false => bits,
        };
        bits.into_iter().map(known).collect()
    }

    #[test]
    fn all_instruction_sets_do_the_same() {
        for seed in 0..200 {
            let sets = InstructionSet::available();
            let portable = without_nan(everything(sets[0], seed));
            for set in &sets[1..] {
                assert_eq!(
                    without_nan(everything(*set, seed)),
                    portable,
                    "{set:?} {seed}"
                );
            }
        }
    }

    /// Edges one by one, as the definition has them.
    #[test]
    fn unpaired_edges_are_those_whose_opposite_is_in_no_other_triangle() {
        struct Unpaired([[u8; 3]; 4]);
        impl Work for Unpaired {
            type Output = Vec<[u8; 2]>;
            fn run<R: Registers>(self, registers: R) -> Vec<[u8; 2]> {
                let words = self.0.map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]));
                let (edges, bits) = registers.unpaired(words);
                (0..16)
                    .filter(|at| bits >> (2 * at) & 1 == 1)
                    .map(|at| edges[at])
                    .collect()
            }
        }
        let mut random = Random::new(5, Purpose::Positions, 0, 0);
        for _ in 0..2000 {
            let mut corner = |below: u8| (f64::from(below) * random.uniform()) as u8;
            // Two steps of less than three from corner to corner of five never end at the first.
            let triangles = [0; 4].map(|_| {
                let (a, b, c) = (corner(5), 1 + corner(2), 1 + corner(2));
                match corner(5) {
                    0 => [a; 3],
                    _ => [a, (a + b) % 5, (a + b + c) % 5],
                }
            });
            let edges = |[a, b, c]: [u8; 3]| [[a, b], [b, c], [c, a]];
            let all: Vec<[u8; 2]> = triangles.into_iter().flat_map(edges).collect();
            let expected: Vec<[u8; 2]> = all
                .iter()
                .copied()
                .filter(|[a, b]| !all.contains(&[*b, *a]))
                .collect();
            for set in InstructionSet::available() {
                assert_eq!(
                    set.run(Unpaired(triangles)),
                    expected,
                    "{set:?} {triangles:?}"
                );
            }
        }
    }
}
