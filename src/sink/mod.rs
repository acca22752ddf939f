//! Where results go: tables, figures, provenance, files that appear only when they are whole.

pub mod figure;
