//! Physics on plain slices: values in, values out. It never knows files, flags or where a frame came from.

pub mod displacement;
pub mod fits;
pub mod potential;
pub mod random;
pub mod transition;
