//! A simulation as a source of frames: plain state, free functions that advance it, and the protocol that strings them together.
//!
//! It never knows flags, tables or plots.

pub mod protocol;
pub mod state;
