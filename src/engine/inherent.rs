//! Inherent structures: frames taken to the nearest minimum of their potential energy before they are analysed.

use nalgebra::Vector3;

use super::fire::{Minimiser, Settings};
use super::frames::{check, state_of};
use crate::data::cell::Cell;
use crate::data::frame::{Coordinates, Frame};
use crate::error::{Error, Kind, Result};
use crate::physics::potential::Potential;

/// The frame at the nearest minimum, found by FIRE on one thread; everything but the positions stays as it is.
///
/// Errors: a cell that is not orthogonal and periodic or too small for the cutoff, no diameters, particles that overlap, and (of kind
/// [`Kind::NotTheAnswer`]) a minimisation that does not converge.
pub fn inherent(mut frame: Frame, potential: Potential) -> Result<Frame> {
    let is_fit = |cell: &&Cell| cell.is_orthogonal() && cell.periodic() == [true; 3];
    let Some(origin) = frame.cell.as_ref().filter(is_fit).map(|cell| cell.origin()) else {
        return Err(Error::new(
            "an inherent structure needs an orthogonal cell that is periodic in x, y and z",
        )
        .help("take the frames as they are, or give some with such a cell"));
    };
    if frame.diameters.is_none() {
        return Err(
            Error::new("an inherent structure needs diameters").help(format!(
                "give them with --diameters {}",
                frame.species.example_diameters()
            )),
        );
    }
    let mut state = state_of(&frame)?;
    check(&state, potential)
        .map_err(|error| error.help("are diameters and positions in the same unit?"))?;
    let minimum = Minimiser::new(&state, potential, Settings::default(), 1).minimise(&mut state)?;
    if !minimum.converged {
        return Err(Error::of_kind(
            Kind::NotTheAnswer,
            format!(
                "the minimum is not found in {} steps: the largest force is {:.2e}",
                minimum.steps, minimum.largest_force
            ),
        )
        .help("take the frames as they are"));
    }
    state.sort_by_id();
    let [x, y, z] = &state.positions;
    let positions = (0..state.len()).map(|at| origin + Vector3::new(x[at], y[at], z[at]));
    frame.positions = positions.collect();
    // What had image flags has been unwrapped.
    if let Coordinates::Images(_) = frame.coordinates {
        frame.coordinates = Coordinates::Unwrapped;
    }
    Ok(frame)
}
