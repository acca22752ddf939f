//! What a force loop needs of a vector register: the one interface of which every instruction set is a thin variant.

/// The half diameter of places that no particle has: a NaN, so that it is near nothing, with its sign set, which processors keep in what they
/// make of it and which is tested faster than that it is one.
pub(super) const NOWHERE: f32 = f32::from_bits(0xffc0_0000);

/// A register of [`WIDTH`](Lanes::WIDTH) real numbers, and how pair separations come into it.
///
/// # Safety
/// Every method may use instructions that the implementation's instruction set has: they are called only from functions that are compiled
/// for it and that run only where the processor has it. Pointers are to `WIDTH` values, aligned to 64 bytes for `load` and `store`.
pub(super) trait Lanes: Copy {
    /// Number of lanes.
    const WIDTH: usize;
    /// Entries that the force loop begins in a turn. With as many as lie between the stages of one entry (4), no register need be copied to
    /// another, which pays where there are enough of them.
    const UNROLL: usize = 1;
    /// A real number of this precision.
    type Real: Copy;
    /// A coordinate as it is stored, of the size of a real number.
    type Coordinate: Copy;
    /// A coordinate in every lane.
    type Coordinates: Copy;
    /// A truth value for each lane.
    type Mask: Copy;

    unsafe fn splat(value: f64) -> Self;
    unsafe fn broadcast(from: *const Self::Real) -> Self;
    unsafe fn load(from: *const Self::Real) -> Self;
    unsafe fn store(self, to: *mut Self::Real);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// `self * factor + term`.
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self;
    unsafe fn reciprocal(self) -> Self;
    /// `self` where it is larger than zero, else zero, also where it is [`NOWHERE`] or what arithmetic makes of that.
    unsafe fn positive(self) -> Self;
    /// `yes` where `sign` is negative, or [`NOWHERE`] or what arithmetic makes of that, else `no`; of the two at zero, either.
    #[inline(always)]
    unsafe fn where_negative(sign: Self, yes: Self, no: Self) -> Self {
        // SAFETY: the caller's contract.
        unsafe { Self::select(sign.greater(Self::splat(0.0)), no, yes) }
    }
    /// Where `self > other`; false for NaN.
    unsafe fn greater(self, other: Self) -> Self::Mask;
    /// `yes` where the mask is true, else `no`.
    unsafe fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// The mask as bits, lane 0 lowest.
    unsafe fn bits(mask: Self::Mask) -> u32;
    /// The mask that is true where the bit of the lane is set.
    unsafe fn from_bits(bits: u32) -> Self::Mask;
    /// The sum over the lanes, in f64.
    unsafe fn sum(self) -> f64;
    /// In lane k the sum over the lanes of the register `rows + k × stride` (in real numbers; aligned).
    unsafe fn sums_of_rows(rows: *const Self::Real, stride: usize) -> Self;
    /// In lane k what lane (k + `by`) mod `WIDTH` held.
    unsafe fn rotate(self, by: usize) -> Self;
    unsafe fn rotate_coordinates(coordinates: Self::Coordinates, by: usize) -> Self::Coordinates;
    unsafe fn load_coordinates(from: *const Self::Coordinate) -> Self::Coordinates;
    unsafe fn broadcast_coordinate(from: *const Self::Coordinate) -> Self::Coordinates;
    /// The separation `here − there` of the nearest images.
    unsafe fn difference(here: Self::Coordinates, there: Self::Coordinates) -> Self;
    /// The same from memory.
    #[inline(always)]
    unsafe fn separation(here: Self::Coordinates, there: *const Self::Coordinate) -> Self {
        // SAFETY: the caller's contract.
        unsafe { Self::difference(here, Self::load_coordinates(there)) }
    }
    /// The absolute value.
    unsafe fn magnitude(self) -> Self;
}

/// Lanes as an array, for processors without a variant of their own; the compiler makes of it what it can.
#[derive(Clone, Copy)]
pub(super) struct Array<T>([T; 8]);

macro_rules! array_lanes {
    ($real:ty, $coordinate:ty, |$here:ident, $there:ident| $separation:expr) => {
        impl Lanes for Array<$real> {
            const WIDTH: usize = 8;
            type Real = $real;
            type Coordinate = $coordinate;
            type Coordinates = [$coordinate; 8];
            type Mask = [bool; 8];

            #[inline(always)]
            unsafe fn splat(value: f64) -> Self {
                Array([value as $real; 8])
            }
            #[inline(always)]
            unsafe fn broadcast(from: *const $real) -> Self {
                // SAFETY: the caller's pointer is valid.
                Array([unsafe { *from }; 8])
            }
            #[inline(always)]
            unsafe fn load(from: *const $real) -> Self {
                // SAFETY: the caller's pointer is to 8 values.
                Array(unsafe { *from.cast() })
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $real) {
                // SAFETY: the caller's pointer is to 8 values.
                unsafe { *to.cast() = self.0 }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                Array(std::array::from_fn(|k| self.0[k] + other.0[k]))
            }
            #[inline(always)]
            unsafe fn sub(self, other: Self) -> Self {
                Array(std::array::from_fn(|k| self.0[k] - other.0[k]))
            }
            #[inline(always)]
            unsafe fn mul(self, other: Self) -> Self {
                Array(std::array::from_fn(|k| self.0[k] * other.0[k]))
            }
            #[inline(always)]
            unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
                Array(std::array::from_fn(|k| self.0[k] * factor.0[k] + term.0[k]))
            }
            #[inline(always)]
            unsafe fn reciprocal(self) -> Self {
                Array(self.0.map(|value| 1.0 / value))
            }
            #[inline(always)]
            unsafe fn positive(self) -> Self {
                Array(self.0.map(|value| if value > 0.0 { value } else { 0.0 }))
            }
            #[inline(always)]
            unsafe fn greater(self, other: Self) -> [bool; 8] {
                std::array::from_fn(|k| self.0[k] > other.0[k])
            }
            #[inline(always)]
            unsafe fn select(mask: [bool; 8], yes: Self, no: Self) -> Self {
                Array(std::array::from_fn(|k| {
                    if mask[k] { yes.0[k] } else { no.0[k] }
                }))
            }
            #[inline(always)]
            unsafe fn bits(mask: [bool; 8]) -> u32 {
                (0..8).map(|k| u32::from(mask[k]) << k).sum()
            }
            #[inline(always)]
            unsafe fn from_bits(bits: u32) -> [bool; 8] {
                std::array::from_fn(|k| bits >> k & 1 == 1)
            }
            #[inline(always)]
            unsafe fn sum(self) -> f64 {
                let v = self.0.map(f64::from);
                ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]))
            }
            #[inline(always)]
            unsafe fn sums_of_rows(rows: *const $real, stride: usize) -> Self {
                Array(std::array::from_fn(|k| {
                    // SAFETY: the caller's pointer is to 8 rows.
                    let v: [$real; 8] = unsafe { *rows.add(k * stride).cast() };
                    ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]))
                }))
            }
            #[inline(always)]
            unsafe fn rotate(self, by: usize) -> Self {
                Array(std::array::from_fn(|k| self.0[(k + by) % 8]))
            }
            #[inline(always)]
            unsafe fn rotate_coordinates(
                coordinates: [$coordinate; 8],
                by: usize,
            ) -> [$coordinate; 8] {
                std::array::from_fn(|k| coordinates[(k + by) % 8])
            }
            #[inline(always)]
            unsafe fn load_coordinates(from: *const $coordinate) -> [$coordinate; 8] {
                // SAFETY: the caller's pointer is to 8 values.
                unsafe { *from.cast() }
            }
            #[inline(always)]
            unsafe fn broadcast_coordinate(from: *const $coordinate) -> [$coordinate; 8] {
                // SAFETY: the caller's pointer is valid.
                [unsafe { *from }; 8]
            }
            #[inline(always)]
            unsafe fn difference(here: [$coordinate; 8], there: [$coordinate; 8]) -> Self {
                Array(std::array::from_fn(|k| {
                    let ($here, $there) = (here[k], there[k]);
                    $separation
                }))
            }
            #[inline(always)]
            unsafe fn magnitude(self) -> Self {
                Array(self.0.map(|value| value.abs()))
            }
        }
    };
}

impl super::clusters::ListLanes for Array<f32> {}

// The nearest image is what wrapping around the edge, 2³² units long, leaves.
array_lanes!(f32, i32, |here, there| here.wrapping_sub(there) as f32);
// Adding and subtracting 1.5·2⁵² rounds to the nearest whole number of edges.
array_lanes!(f64, f64, |here, there| {
    const ROUND: f64 = 6755399441055744.0;
    let d = here - there;
    d - ((d + ROUND) - ROUND)
});
