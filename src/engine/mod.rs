//! A simulation as a source of frames: plain state, free functions that advance it, and the protocol that strings them together.
//!
//! It never knows flags, tables or plots.

pub mod deputy;
pub mod dynamics;
pub mod fire;
pub mod frames;
pub mod homogenise;
pub mod inherent;
pub mod protocol;
pub mod run;
pub mod state;
pub mod thermostat;
