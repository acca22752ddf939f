//! The nouns: cell, frame, table and figure. Plain values; they know only `std` and nalgebra.

pub mod cell;
pub mod figure;
pub mod frame;
pub mod means;
pub mod replicas;
pub mod table;
