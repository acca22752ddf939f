//! What analyses of Voronoi cells share: which cells, and what of a frame they need.

use clap::ValueEnum;
use serde::Serialize;

use crate::data::cell::Cell;
use crate::data::frame::Frame;
use crate::error::{Error, Result};
use crate::physics::voronoi::{Tessellation, Weights};

/// Which Voronoi cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Cells {
    /// Faces half-way between particles.
    Plain,
    /// Faces in the radical planes of their spheres.
    Radical,
}

/// The cell of a frame.
pub(crate) fn cell_of(frame: &Frame) -> Result<&Cell> {
    frame
        .cell
        .as_ref()
        .ok_or_else(|| Error::new("the frame has no cell").help("give it with --cell LX,LY,LZ"))
}

/// The tessellation of a frame.
///
/// Errors: a frame without a cell, or without diameters where they are needed, and those of [`Tessellation::new`].
pub(crate) fn tessellation(frame: &Frame, cells: Cells) -> Result<Tessellation> {
    let radii: Vec<f64>;
    let weights = match cells {
        Cells::Plain => Weights::Plain,
        Cells::Radical => {
            let diameters = frame.diameters.as_ref().ok_or_else(|| {
                Error::new("the radical tessellation needs diameters").help(format!(
                    "give them with --diameters {}, or use --tessellation plain",
                    frame.species.example_diameters()
                ))
            })?;
            radii = diameters.iter().map(|diameter| 0.5 * diameter).collect();
            Weights::Radical(&radii)
        }
    };
    Tessellation::new(cell_of(frame)?, &frame.positions, weights)
}
