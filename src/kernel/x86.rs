//! Lanes of AVX-512 and of AVX2 with FMA.
//!
//! Safety of the whole file: each method is one or a few instructions of the set that its type is named for, under the contract of
//! [`Lanes`](super::lanes::Lanes) and [`ListLanes`](super::clusters::ListLanes).
#![allow(clippy::missing_safety_doc, unsafe_op_in_unsafe_fn)]

use std::arch::x86_64::*;

use super::clusters::ListLanes;
use super::lanes::Lanes;

/// 16 × f32 of AVX-512.
#[derive(Clone, Copy)]
pub(super) struct Avx512F32(__m512);
/// 8 × f64 of AVX-512.
#[derive(Clone, Copy)]
pub(super) struct Avx512F64(__m512d);
/// 8 × f32 of AVX2.
#[derive(Clone, Copy)]
pub(super) struct Avx2F32<const UNROLL: usize>(__m256);
/// 8 × f64 of AVX2, in two registers.
#[derive(Clone, Copy)]
pub(super) struct Avx2F64(__m256d, __m256d);

#[repr(C)]
struct Twice([__m256d; 4]);

/// Lane numbers, twice.
#[repr(align(64))]
struct LaneNumbers<const TWICE: usize>([i32; TWICE]);
static OF_16: LaneNumbers<32> = LaneNumbers([
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
    13, 14, 15,
]);
static OF_8: LaneNumbers<16> = LaneNumbers([0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7]);

/// `(k + by) mod 16` in lane k; `by` is at most 16.
#[inline(always)]
unsafe fn rotation(by: usize) -> __m512i {
    _mm512_loadu_si512(OF_16.0.as_ptr().add(by).cast())
}

/// `(k + by) mod 8` in lane k; `by` is at most 8.
#[inline(always)]
unsafe fn rotation_of_8(by: usize) -> __m256i {
    _mm256_loadu_si256(OF_8.0.as_ptr().add(by).cast())
}

impl Lanes for Avx512F32 {
    const WIDTH: usize = 16;
    type Real = f32;
    type Coordinate = i32;
    type Coordinates = __m512i;
    type Mask = __mmask16;

    #[inline(always)]
    unsafe fn splat(value: f64) -> Self {
        Self(_mm512_set1_ps(value as f32))
    }
    #[inline(always)]
    unsafe fn broadcast(from: *const f32) -> Self {
        Self(_mm512_set1_ps(*from))
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(_mm512_load_ps(from))
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        _mm512_store_ps(to, self.0)
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(_mm512_add_ps(self.0, other.0))
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(_mm512_sub_ps(self.0, other.0))
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(_mm512_mul_ps(self.0, other.0))
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(_mm512_fmadd_ps(self.0, factor.0, term.0))
    }
    #[inline(always)]
    unsafe fn reciprocal(self) -> Self {
        Self(_mm512_div_ps(_mm512_set1_ps(1.0), self.0))
    }
    #[inline(always)]
    unsafe fn positive(self) -> Self {
        Self(_mm512_castsi512_ps(_mm512_max_epi32(
            _mm512_castps_si512(self.0),
            _mm512_setzero_si512(),
        )))
    }
    #[inline(always)]
    unsafe fn where_negative(sign: Self, yes: Self, no: Self) -> Self {
        let mask = _mm512_srai_epi32::<31>(_mm512_castps_si512(sign.0));
        Self(_mm512_castsi512_ps(_mm512_ternarylogic_epi32::<0xca>(
            mask,
            _mm512_castps_si512(yes.0),
            _mm512_castps_si512(no.0),
        )))
    }
    #[inline(always)]
    unsafe fn greater(self, other: Self) -> __mmask16 {
        _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, other.0)
    }
    #[inline(always)]
    unsafe fn select(mask: __mmask16, yes: Self, no: Self) -> Self {
        Self(_mm512_mask_blend_ps(mask, no.0, yes.0))
    }
    #[inline(always)]
    unsafe fn bits(mask: __mmask16) -> u32 {
        u32::from(mask)
    }
    #[inline(always)]
    unsafe fn from_bits(bits: u32) -> __mmask16 {
        bits as __mmask16
    }
    #[inline(always)]
    unsafe fn sum(self) -> f64 {
        let low = _mm512_cvtps_pd(_mm512_castps512_ps256(self.0));
        let high = _mm512_cvtps_pd(_mm512_extractf32x8_ps::<1>(self.0));
        _mm512_reduce_add_pd(_mm512_add_pd(low, high))
    }
    #[inline(always)]
    unsafe fn sums_of_rows(rows: *const f32, stride: usize) -> Self {
        let row = |k: usize| _mm512_load_ps(rows.add(k * stride));
        // Each round adds two registers into one that holds the halves of both, side by side.
        let one = |k: usize| {
            let (a, b) = (row(k), row(k + 1));
            _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b))
        };
        let two = |k: usize| {
            let (a, b) = (one(k), one(k + 2));
            _mm512_add_ps(
                _mm512_shuffle_ps::<0x44>(a, b),
                _mm512_shuffle_ps::<0xee>(a, b),
            )
        };
        let four = |k: usize| {
            let (a, b) = (two(k), two(k + 4));
            _mm512_add_ps(
                _mm512_shuffle_f32x4::<0x88>(a, b),
                _mm512_shuffle_f32x4::<0xdd>(a, b),
            )
        };
        let (a, b) = (four(0), four(8));
        Self(_mm512_add_ps(
            _mm512_shuffle_f32x4::<0x88>(a, b),
            _mm512_shuffle_f32x4::<0xdd>(a, b),
        ))
    }
    #[inline(always)]
    unsafe fn rotate(self, by: usize) -> Self {
        Self(_mm512_permutexvar_ps(rotation(by), self.0))
    }
    #[inline(always)]
    unsafe fn rotate_coordinates(coordinates: __m512i, by: usize) -> __m512i {
        _mm512_permutexvar_epi32(rotation(by), coordinates)
    }
    #[inline(always)]
    unsafe fn load_coordinates(from: *const i32) -> __m512i {
        _mm512_load_si512(from.cast())
    }
    #[inline(always)]
    unsafe fn broadcast_coordinate(from: *const i32) -> __m512i {
        _mm512_set1_epi32(*from)
    }
    #[inline(always)]
    unsafe fn difference(here: __m512i, there: __m512i) -> Self {
        Self(_mm512_cvtepi32_ps(_mm512_sub_epi32(here, there)))
    }
    #[inline(always)]
    unsafe fn magnitude(self) -> Self {
        Self(_mm512_abs_ps(self.0))
    }
}

impl ListLanes for Avx512F32 {
    #[inline(always)]
    unsafe fn spread(bits: u32, first: u32, to: *mut u32) -> usize {
        let lanes = _mm512_add_epi32(rotation(0), _mm512_set1_epi32(first as i32));
        let packed = _mm512_maskz_compress_epi32(bits as __mmask16, lanes);
        _mm512_storeu_si512(to.cast(), packed);
        bits.count_ones() as usize
    }
    #[inline(always)]
    unsafe fn keep(
        count: usize,
        from: *const u32,
        marks: *const u32,
        bits: u32,
        more: u32,
        to: *mut u32,
    ) -> usize {
        let all = ((1u32 << count) - 1) as __mmask16;
        let marks = _mm512_maskz_loadu_epi32(all, marks.cast());
        let mask = _mm512_test_epi32_mask(marks, _mm512_set1_epi32(bits as i32));
        let values = _mm512_maskz_loadu_epi32(all, from.cast());
        let values = _mm512_add_epi32(values, _mm512_set1_epi32(more as i32));
        let packed = _mm512_maskz_compress_epi32(mask, values);
        // Storing a part of a register is slow, but there is no room for more behind the last numbers.
        match count == Self::WIDTH {
            true => _mm512_storeu_si512(to.cast(), packed),
            false => _mm512_mask_storeu_epi32(to.cast(), all, packed),
        }
        mask.count_ones() as usize
    }
}

impl<const UNROLL: usize> ListLanes for Avx2F32<UNROLL> {}

impl Lanes for Avx512F64 {
    const WIDTH: usize = 8;
    type Real = f64;
    type Coordinate = f64;
    type Coordinates = __m512d;
    type Mask = __mmask8;

    #[inline(always)]
    unsafe fn splat(value: f64) -> Self {
        Self(_mm512_set1_pd(value))
    }
    #[inline(always)]
    unsafe fn broadcast(from: *const f64) -> Self {
        Self(_mm512_set1_pd(*from))
    }
    #[inline(always)]
    unsafe fn load(from: *const f64) -> Self {
        Self(_mm512_load_pd(from))
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f64) {
        _mm512_store_pd(to, self.0)
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(_mm512_add_pd(self.0, other.0))
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(_mm512_sub_pd(self.0, other.0))
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(_mm512_mul_pd(self.0, other.0))
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(_mm512_fmadd_pd(self.0, factor.0, term.0))
    }
    #[inline(always)]
    unsafe fn reciprocal(self) -> Self {
        Self(_mm512_div_pd(_mm512_set1_pd(1.0), self.0))
    }
    #[inline(always)]
    unsafe fn positive(self) -> Self {
        Self(_mm512_max_pd(self.0, _mm512_setzero_pd()))
    }
    #[inline(always)]
    unsafe fn greater(self, other: Self) -> __mmask8 {
        _mm512_cmp_pd_mask::<_CMP_GT_OQ>(self.0, other.0)
    }
    #[inline(always)]
    unsafe fn select(mask: __mmask8, yes: Self, no: Self) -> Self {
        Self(_mm512_mask_blend_pd(mask, no.0, yes.0))
    }
    #[inline(always)]
    unsafe fn bits(mask: __mmask8) -> u32 {
        u32::from(mask)
    }
    #[inline(always)]
    unsafe fn from_bits(bits: u32) -> __mmask8 {
        bits as __mmask8
    }
    #[inline(always)]
    unsafe fn sum(self) -> f64 {
        _mm512_reduce_add_pd(self.0)
    }
    #[inline(always)]
    unsafe fn sums_of_rows(rows: *const f64, stride: usize) -> Self {
        let row = |k: usize| _mm512_load_pd(rows.add(k * stride));
        let one = |k: usize| {
            let (a, b) = (row(k), row(k + 1));
            _mm512_add_pd(_mm512_unpacklo_pd(a, b), _mm512_unpackhi_pd(a, b))
        };
        let two = |k: usize| {
            let (a, b) = (one(k), one(k + 2));
            _mm512_add_pd(
                _mm512_shuffle_f64x2::<0x88>(a, b),
                _mm512_shuffle_f64x2::<0xdd>(a, b),
            )
        };
        let (a, b) = (two(0), two(4));
        Self(_mm512_add_pd(
            _mm512_shuffle_f64x2::<0x88>(a, b),
            _mm512_shuffle_f64x2::<0xdd>(a, b),
        ))
    }
    #[inline(always)]
    unsafe fn rotate(self, by: usize) -> Self {
        let rotation = _mm512_cvtepi32_epi64(rotation_of_8(by));
        Self(_mm512_permutexvar_pd(rotation, self.0))
    }
    #[inline(always)]
    unsafe fn rotate_coordinates(coordinates: __m512d, by: usize) -> __m512d {
        Self(coordinates).rotate(by).0
    }
    #[inline(always)]
    unsafe fn load_coordinates(from: *const f64) -> __m512d {
        _mm512_load_pd(from)
    }
    #[inline(always)]
    unsafe fn broadcast_coordinate(from: *const f64) -> __m512d {
        _mm512_set1_pd(*from)
    }
    #[inline(always)]
    unsafe fn difference(here: __m512d, there: __m512d) -> Self {
        let d = _mm512_sub_pd(here, there);
        Self(_mm512_sub_pd(
            d,
            _mm512_roundscale_pd::<_MM_FROUND_NO_EXC>(d),
        ))
    }
    #[inline(always)]
    unsafe fn magnitude(self) -> Self {
        Self(_mm512_abs_pd(self.0))
    }
}

impl<const UNROLL: usize> Lanes for Avx2F32<UNROLL> {
    const WIDTH: usize = 8;
    const UNROLL: usize = UNROLL;
    type Real = f32;
    type Coordinate = i32;
    type Coordinates = __m256i;
    type Mask = __m256;

    #[inline(always)]
    unsafe fn splat(value: f64) -> Self {
        Self(_mm256_set1_ps(value as f32))
    }
    #[inline(always)]
    unsafe fn broadcast(from: *const f32) -> Self {
        Self(_mm256_set1_ps(*from))
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(_mm256_load_ps(from))
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        _mm256_store_ps(to, self.0)
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(_mm256_add_ps(self.0, other.0))
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(_mm256_sub_ps(self.0, other.0))
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(_mm256_mul_ps(self.0, other.0))
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(_mm256_fmadd_ps(self.0, factor.0, term.0))
    }
    #[inline(always)]
    unsafe fn reciprocal(self) -> Self {
        Self(_mm256_div_ps(_mm256_set1_ps(1.0), self.0))
    }
    #[inline(always)]
    unsafe fn positive(self) -> Self {
        Self(_mm256_castsi256_ps(_mm256_max_epi32(
            _mm256_castps_si256(self.0),
            _mm256_setzero_si256(),
        )))
    }
    #[inline(always)]
    unsafe fn where_negative(sign: Self, yes: Self, no: Self) -> Self {
        Self(_mm256_blendv_ps(no.0, yes.0, sign.0))
    }
    #[inline(always)]
    unsafe fn greater(self, other: Self) -> __m256 {
        _mm256_cmp_ps::<_CMP_GT_OQ>(self.0, other.0)
    }
    #[inline(always)]
    unsafe fn select(mask: __m256, yes: Self, no: Self) -> Self {
        Self(_mm256_blendv_ps(no.0, yes.0, mask))
    }
    #[inline(always)]
    unsafe fn bits(mask: __m256) -> u32 {
        _mm256_movemask_ps(mask) as u32
    }
    #[inline(always)]
    unsafe fn from_bits(bits: u32) -> __m256 {
        let lanes = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
        let set = _mm256_and_si256(_mm256_set1_epi32(bits as i32), lanes);
        _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, lanes))
    }
    #[inline(always)]
    unsafe fn sum(self) -> f64 {
        let low = _mm256_cvtps_pd(_mm256_castps256_ps128(self.0));
        let high = _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(self.0));
        Avx2F64(low, high).sum()
    }
    #[inline(always)]
    unsafe fn sums_of_rows(rows: *const f32, stride: usize) -> Self {
        let row = |k: usize| _mm256_load_ps(rows.add(k * stride));
        let one = |k: usize| _mm256_hadd_ps(row(k), row(k + 1));
        let two = |k: usize| _mm256_hadd_ps(one(k), one(k + 2));
        let (a, b) = (two(0), two(4));
        Self(_mm256_add_ps(
            _mm256_permute2f128_ps::<0x20>(a, b),
            _mm256_permute2f128_ps::<0x31>(a, b),
        ))
    }
    #[inline(always)]
    unsafe fn rotate(self, by: usize) -> Self {
        Self(_mm256_permutevar8x32_ps(self.0, rotation_of_8(by)))
    }
    #[inline(always)]
    unsafe fn rotate_coordinates(coordinates: __m256i, by: usize) -> __m256i {
        _mm256_permutevar8x32_epi32(coordinates, rotation_of_8(by))
    }
    #[inline(always)]
    unsafe fn load_coordinates(from: *const i32) -> __m256i {
        _mm256_load_si256(from.cast())
    }
    #[inline(always)]
    unsafe fn broadcast_coordinate(from: *const i32) -> __m256i {
        _mm256_set1_epi32(*from)
    }
    #[inline(always)]
    unsafe fn difference(here: __m256i, there: __m256i) -> Self {
        Self(_mm256_cvtepi32_ps(_mm256_sub_epi32(here, there)))
    }
    #[inline(always)]
    unsafe fn magnitude(self) -> Self {
        Self(_mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0))
    }
}

impl Lanes for Avx2F64 {
    const WIDTH: usize = 8;
    type Real = f64;
    type Coordinate = f64;
    type Coordinates = Self;
    type Mask = (__m256d, __m256d);

    #[inline(always)]
    unsafe fn splat(value: f64) -> Self {
        Self(_mm256_set1_pd(value), _mm256_set1_pd(value))
    }
    #[inline(always)]
    unsafe fn broadcast(from: *const f64) -> Self {
        Self::splat(*from)
    }
    #[inline(always)]
    unsafe fn load(from: *const f64) -> Self {
        Self(_mm256_load_pd(from), _mm256_load_pd(from.add(4)))
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f64) {
        _mm256_store_pd(to, self.0);
        _mm256_store_pd(to.add(4), self.1);
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(
            _mm256_add_pd(self.0, other.0),
            _mm256_add_pd(self.1, other.1),
        )
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(
            _mm256_sub_pd(self.0, other.0),
            _mm256_sub_pd(self.1, other.1),
        )
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(
            _mm256_mul_pd(self.0, other.0),
            _mm256_mul_pd(self.1, other.1),
        )
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(
            _mm256_fmadd_pd(self.0, factor.0, term.0),
            _mm256_fmadd_pd(self.1, factor.1, term.1),
        )
    }
    #[inline(always)]
    unsafe fn reciprocal(self) -> Self {
        let one = _mm256_set1_pd(1.0);
        Self(_mm256_div_pd(one, self.0), _mm256_div_pd(one, self.1))
    }
    #[inline(always)]
    unsafe fn positive(self) -> Self {
        let zero = _mm256_setzero_pd();
        Self(_mm256_max_pd(self.0, zero), _mm256_max_pd(self.1, zero))
    }
    #[inline(always)]
    unsafe fn greater(self, other: Self) -> Self::Mask {
        (
            _mm256_cmp_pd::<_CMP_GT_OQ>(self.0, other.0),
            _mm256_cmp_pd::<_CMP_GT_OQ>(self.1, other.1),
        )
    }
    #[inline(always)]
    unsafe fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Self(
            _mm256_blendv_pd(no.0, yes.0, mask.0),
            _mm256_blendv_pd(no.1, yes.1, mask.1),
        )
    }
    #[inline(always)]
    unsafe fn bits(mask: Self::Mask) -> u32 {
        _mm256_movemask_pd(mask.0) as u32 | (_mm256_movemask_pd(mask.1) as u32) << 4
    }
    #[inline(always)]
    unsafe fn from_bits(bits: u32) -> Self::Mask {
        let half = |bits: u32| {
            let lanes = _mm256_setr_epi64x(1, 2, 4, 8);
            let set = _mm256_and_si256(_mm256_set1_epi64x(i64::from(bits)), lanes);
            _mm256_castsi256_pd(_mm256_cmpeq_epi64(set, lanes))
        };
        (half(bits), half(bits >> 4))
    }
    #[inline(always)]
    unsafe fn sum(self) -> f64 {
        let four = _mm256_add_pd(self.0, self.1);
        let two = _mm_add_pd(
            _mm256_castpd256_pd128(four),
            _mm256_extractf128_pd::<1>(four),
        );
        _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
    }
    #[inline(always)]
    unsafe fn sums_of_rows(rows: *const f64, stride: usize) -> Self {
        let row = |k: usize| {
            let (low, high) = (rows.add(k * stride), rows.add(k * stride + 4));
            _mm256_add_pd(_mm256_load_pd(low), _mm256_load_pd(high))
        };
        let four = |k: usize| {
            let (a, b) = (
                _mm256_hadd_pd(row(k), row(k + 1)),
                _mm256_hadd_pd(row(k + 2), row(k + 3)),
            );
            _mm256_add_pd(
                _mm256_permute2f128_pd::<0x20>(a, b),
                _mm256_permute2f128_pd::<0x31>(a, b),
            )
        };
        Self(four(0), four(4))
    }
    #[inline(always)]
    unsafe fn rotate(self, by: usize) -> Self {
        let twice = Twice([self.0, self.1, self.0, self.1]);
        let from = (&raw const twice).cast::<f64>().add(by);
        Self(_mm256_loadu_pd(from), _mm256_loadu_pd(from.add(4)))
    }
    #[inline(always)]
    unsafe fn rotate_coordinates(coordinates: Self, by: usize) -> Self {
        coordinates.rotate(by)
    }
    #[inline(always)]
    unsafe fn load_coordinates(from: *const f64) -> Self {
        Self::load(from)
    }
    #[inline(always)]
    unsafe fn broadcast_coordinate(from: *const f64) -> Self {
        Self::splat(*from)
    }
    #[inline(always)]
    unsafe fn difference(here: Self, there: Self) -> Self {
        let d = here.sub(there);
        let whole = Self(
            _mm256_round_pd::<_MM_FROUND_NO_EXC>(d.0),
            _mm256_round_pd::<_MM_FROUND_NO_EXC>(d.1),
        );
        d.sub(whole)
    }
    #[inline(always)]
    unsafe fn magnitude(self) -> Self {
        let sign = _mm256_set1_pd(-0.0);
        Self(
            _mm256_andnot_pd(sign, self.0),
            _mm256_andnot_pd(sign, self.1),
        )
    }
}
