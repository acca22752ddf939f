//! Physics on plain slices: values in, values out. It never knows files, flags or where a frame came from.

pub mod displacement;
pub mod fits;
pub mod neighbours;
pub mod points;
pub mod potential;
pub mod random;
pub mod rates;
pub mod registers;
pub mod subsets;
pub mod topology;
pub mod transition;
pub mod virial;
pub mod voronoi;
