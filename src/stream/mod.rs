//! Trajectories in and out: one file a format, and what is done to frames on their way.

pub mod assemble;
pub mod bytes;
pub mod chemfiles;
pub mod columns;
pub mod lammps_dump;
pub mod layout;
pub mod lines;
pub mod number;
pub mod parallel;
pub mod text_format;
