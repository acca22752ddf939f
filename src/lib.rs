//! hyalo: analysis of simulated glasses. A stream of frames goes in; tables and figures come out.

pub mod analysis;
pub mod cli;
pub mod data;
pub mod engine;
pub mod error;
pub mod kernel;
pub mod lammps;
pub mod library;
pub mod physics;
pub mod sink;
pub mod stream;
