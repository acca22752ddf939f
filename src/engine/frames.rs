//! States from frames and frames from states.

use nalgebra::Vector3;

use super::protocol::overlapping;
use super::state::State;
use crate::data::cell::Cell;
use crate::data::frame::{Column, Coordinates, Frame, Species, VELOCITIES};
use crate::error::{Error, Result};
use crate::kernel::{Field, Precision};
use crate::physics::potential::Potential;

/// Pairs of particles that are closer than this times σ_ij overlap: the forces are beyond what dynamics or FIRE can part.
pub const CLOSEST: f64 = 0.5;

/// The particles of a frame, with masses (σ_i/σ₁₁)³, at rest if the frame has no velocities; the momentum of the whole is made zero.
///
/// Fails if the frame lacks a periodic orthogonal cell or diameters, or if one of its numbers makes no sense.
pub fn state_of(frame: &Frame) -> Result<State> {
    let cell = frame
        .cell
        .as_ref()
        .filter(|cell| cell.is_orthogonal() && cell.periodic() == [true; 3]);
    let cell = cell.ok_or_else(|| {
        Error::new("a simulation starts in an orthogonal cell that is periodic in x, y and z")
            .help("give a frame with such a cell")
    })?;
    let diameters = frame.diameters.as_ref().ok_or_else(|| {
        Error::new("the frame has no diameters")
            .help("give them with diameters = \"A=1.0,B=1.2\" in the stage")
    })?;
    if frame.len() < 2 {
        return Err(Error::new("a simulation needs two particles or more"));
    }
    if let Some(k) = diameters
        .iter()
        .position(|diameter| !(*diameter > 0.0 && diameter.is_finite()))
    {
        return Err(Error::new(format!(
            "the diameter of particle {} is {}, not positive",
            frame.ids[k], diameters[k]
        )));
    }
    let unwrapped = |k: usize| {
        let position = frame.positions[k] - cell.origin();
        match &frame.coordinates {
            Coordinates::Images(images) => position + cell.translation(images[k]),
            _ => position,
        }
    };
    let positions: Vec<Vector3<f64>> = (0..frame.len()).map(unwrapped).collect();
    let velocities = frame.velocities();
    let mut state = State {
        step: 0,
        edges: cell.lengths(),
        ids: frame.ids.clone(),
        species_names: frame
            .species
            .names
            .iter()
            .map(|name| name.to_string())
            .collect(),
        species: frame.species.of.clone(),
        diameters: Vec::new(),
        masses: Vec::new(),
        positions: [0, 1, 2].map(|axis| positions.iter().map(|r| r[axis]).collect()),
        velocities: [0, 1, 2].map(|axis| {
            let of = |k: usize| velocities.map_or(0.0, |velocities| velocities[3 * k + axis]);
            (0..frame.len()).map(of).collect()
        }),
    };
    state.set_diameters(diameters.clone());
    let numbers = || state.positions.iter().chain(&state.velocities);
    if let Some(k) = (0..state.len()).find(|&k| numbers().any(|values| !values[k].is_finite())) {
        return Err(Error::new(format!(
            "the position or velocity of particle {} is not a finite number",
            state.ids[k]
        )));
    }
    state.remove_momentum();
    Ok(state)
}

/// Checks that a state can be simulated: a box that is large enough, and no two particles closer than [`CLOSEST`] σ_ij.
pub fn check(state: &State, potential: Potential) -> Result<()> {
    let largest = state.diameters.iter().copied().fold(0.0, f64::max);
    potential.fits(state.edges, largest)?;
    let mut field = Field::new(
        potential,
        state.edges,
        &state.diameters,
        Precision::Double,
        1,
    );
    let mut forces = std::array::from_fn(|_| vec![0.0; state.len()]);
    let each = field.forces_and_particles(&state.positions, &mut forces);
    // The energy of a particle whose neighbour is that close, less what its other neighbours can take from it.
    let limit = 0.25 * potential.at(CLOSEST).energy;
    let distance = |i: usize, j: usize| {
        let square = [0, 1, 2].map(|axis| {
            let (x, edge) = (&state.positions[axis], state.edges[axis]);
            let d = x[i] - x[j];
            (d - edge * (d / edge).round()).powi(2)
        });
        square.iter().sum::<f64>().sqrt()
    };
    let relative =
        |i: usize, j: usize| 2.0 * distance(i, j) / (state.diameters[i] + state.diameters[j]);
    // An energy that is not a number is as suspect as a high one.
    for i in (0..state.len()).filter(|&i| !(each.energy[i] < limit)) {
        let others = (0..state.len()).filter(|&j| j != i && relative(i, j) < CLOSEST);
        let Some(j) = others.min_by(|&a, &b| relative(i, a).total_cmp(&relative(i, b))) else {
            continue;
        };
        let diameter = 0.5 * (state.diameters[i] + state.diameters[j]);
        return Err(overlapping(
            [state.ids[i], state.ids[j]],
            distance(i, j),
            diameter,
        ));
    }
    Ok(())
}

/// The particles as a frame: in the order of their ids, unwrapped, with diameters and masses; with velocities if asked for.
pub fn frame_of(state: &State, with_velocities: bool) -> Frame {
    let mut order: Vec<usize> = (0..state.len()).collect();
    order.sort_unstable_by_key(|&k| state.ids[k]);
    let reals = |values: &[f64]| order.iter().map(|&k| values[k]).collect::<Vec<f64>>();
    let labels: Vec<&str> = order
        .iter()
        .map(|&k| state.species_names[state.species[k] as usize].as_str())
        .collect();
    let [x, y, z] = &state.positions;
    let [vx, vy, vz] = &state.velocities;
    let velocities = || {
        let each = order.iter().flat_map(|&k| [vx[k], vy[k], vz[k]]);
        Column::real(VELOCITIES[0], 3, each.collect())
    };
    Frame {
        step: Some(state.step),
        cell: Cell::orthogonal(state.edges).ok(),
        ids: order.iter().map(|&k| state.ids[k]).collect(),
        species: Species::from_labels(&labels),
        positions: order
            .iter()
            .map(|&k| Vector3::new(x[k], y[k], z[k]))
            .collect(),
        coordinates: Coordinates::Unwrapped,
        diameters: Some(reals(&state.diameters)),
        masses: Some(reals(&state.masses)),
        columns: with_velocities.then(velocities).into_iter().collect(),
        keys: vec![("units".to_string(), "lj".to_string())],
        ..Frame::default()
    }
}
