//! Where results go: tables, figures, provenance, files that appear only when they are whole.

pub mod atomic;
pub mod checkpoint;
pub mod figure;
pub mod growing;
pub mod provenance;
pub mod table;
