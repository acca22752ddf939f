//! States from frames and frames from states.

use nalgebra::Vector3;

use super::protocol::overlapping;
use super::state::State;
use crate::data::cell::Cell;
use crate::data::frame::{Column, Coordinates, Frame, Species, VELOCITIES};
use crate::error::{Error, Result};
use crate::kernel::{Field, Precision};
use crate::physics::potential::Potential;

/// How many edges of the box particles may be away from it, at most: the loops tell positions in it as fractions of 2⁻³² of an edge, of numbers
/// with 52 bits.
const FARTHEST: f64 = 262_144.0;

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
    let is_far = |k: &usize| {
        let edges = state.positions.iter().zip(state.edges);
        edges
            .into_iter()
            .any(|(x, edge)| x[*k].abs() > FARTHEST * edge)
    };
    if let Some(k) = (0..state.len()).find(is_far) {
        return Err(Error::new(format!(
            "particle {} is more than {FARTHEST} cell edges away from the cell",
            state.ids[k]
        ))
        .help("wrap the positions, or give image flags that are those of this run"));
    }
    state.remove_momentum();
    Ok(state)
}

/// Checks that a state can be simulated: a box that is large enough, and no two particles closer than [`CLOSEST`] σ_ij.
pub fn check(state: &State, potential: Potential) -> Result<()> {
    potential.fits(state.edges, &state.diameters)?;
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
    let diameter = |i: usize, j: usize| {
        let pair = potential
            .mixing
            .pair(state.diameters[i], state.diameters[j]);
        pair.diameter
    };
    let relative = |i: usize, j: usize| distance(i, j) / diameter(i, j);
    // An energy that is not a number is as suspect as a high one.
    for i in (0..state.len()).filter(|&i| each.energy[i].is_nan() || each.energy[i] >= limit) {
        let others = (0..state.len()).filter(|&j| j != i && relative(i, j) < CLOSEST);
        let Some(j) = others.min_by(|&a, &b| relative(i, a).total_cmp(&relative(i, b))) else {
            continue;
        };
        return Err(overlapping(
            [state.ids[i], state.ids[j]],
            distance(i, j),
            diameter(i, j),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::state::Component;

    fn state() -> State {
        let component = |name: &str, diameter| Component {
            name: name.to_string(),
            count: 150,
            diameter,
        };
        let mut state = State::random(&[component("A", 1.0), component("B", 1.2)], 0.75, 5);
        // Everywhere, and in no order.
        state.positions[1]
            .iter_mut()
            .enumerate()
            .for_each(|(k, y)| *y += state.edges[1] * (k % 5) as f64);
        state.draw_velocities(0.7, 5);
        state.step = 12;
        let order: Vec<u32> = (0..300).map(|k| k * 7 % 300).collect();
        state.permute(&order);
        state
    }

    #[test]
    fn a_state_comes_back_from_its_frame() {
        let mut state = state();
        let frame = frame_of(&state, true);
        assert!(frame.ids.is_sorted());
        assert_eq!(frame.coordinates, Coordinates::Unwrapped);
        let mut back = state_of(&frame).unwrap();
        assert_eq!((frame.step, back.step), (Some(12), 0));
        // What is left of the momentum is removed anew.
        let [x, y, z] = &back.velocities;
        for (k, v) in frame.velocities().unwrap().chunks(3).enumerate() {
            let worst = [x[k] - v[0], y[k] - v[1], z[k] - v[2]];
            assert!(worst.iter().all(|difference| difference.abs() < 1e-14));
        }
        state.sort_by_id();
        (state.step, back.velocities) = (0, state.velocities.clone());
        assert_eq!(back, state);
        assert!(frame_of(&state, false).velocities().is_none());
    }

    #[test]
    fn images_and_the_corner_of_the_cell_are_taken_into_account() {
        let state = state();
        let mut frame = frame_of(&state, false);
        let [x, y, z] = state.edges;
        let vector = |x, y, z| Vector3::new(x, y, z);
        let corner = vector(1.0, -2.0, 3.0);
        let edges = [
            vector(x, 0.0, 0.0),
            vector(0.0, y, 0.0),
            vector(0.0, 0.0, z),
        ];
        frame.cell = Some(Cell::new(edges, corner, [true; 3]).unwrap());
        let images = vec![[1, 0, -2]; frame.len()];
        frame
            .positions
            .iter_mut()
            .for_each(|r| *r += corner - vector(x, 0.0, -2.0 * z));
        frame.coordinates = Coordinates::Images(images);
        let back = state_of(&frame).unwrap();
        let expected = state_of(&frame_of(&state, false)).unwrap();
        for axis in 0..3 {
            for (one, other) in std::iter::zip(&back.positions[axis], &expected.positions[axis]) {
                assert!((one - other).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn frames_that_cannot_be_simulated_are_refused() {
        let whole = frame_of(&state(), true);
        let refusal = |change: fn(&mut Frame)| {
            let mut frame = whole.clone();
            change(&mut frame);
            state_of(&frame).unwrap_err().to_string()
        };
        assert!(refusal(|frame| frame.cell = None).contains("orthogonal cell"));
        assert!(refusal(|frame| frame.diameters = None).contains("no diameters"));
        let zero = refusal(|frame| frame.diameters.as_mut().unwrap()[6] = 0.0);
        assert!(zero.contains("the diameter of particle 7 is 0"), "{zero}");
        let lost = refusal(|frame| frame.positions[3].y = f64::NAN);
        assert!(lost.contains("particle 4 is not a finite number"), "{lost}");
        assert!(refusal(|frame| frame.gather(&[0])).contains("two particles"));
        let far = refusal(|frame| frame.positions[3].y = 3e6);
        assert!(
            far.contains("particle 4 is more than 262144 cell edges away"),
            "{far}"
        );
    }

    /// Particles on a lattice with one of them moved.
    fn lattice_with(moved: [f64; 3]) -> State {
        let component = Component {
            name: "A".to_string(),
            count: 512,
            diameter: 1.0,
        };
        let mut state = State::random(&[component], 1.0, 1);
        for k in 0..512 {
            for (axis, place) in [k % 8, k / 8 % 8, k / 64].into_iter().enumerate() {
                state.positions[axis][k] = place as f64;
            }
        }
        for (positions, moved) in std::iter::zip(&mut state.positions, moved) {
            positions[9] = moved;
        }
        state
    }

    #[test]
    fn overlapping_particles_are_named() {
        let potential = Potential::wahnstrom();
        let message = |state: &State| check(state, potential).unwrap_err().to_string();
        assert!(check(&lattice_with([1.0, 1.0, 0.0]), potential).is_ok());
        assert!(check(&lattice_with([0.51, 0.1, 0.0]), potential).is_ok());
        let near = message(&lattice_with([0.49, 0.0, 0.0]));
        assert!(near.contains("particles 1 and 10 overlap"), "{near}");
        // Through the boundary, and at the same place.
        let through = message(&lattice_with([7.8, 8.0, -8.0]));
        assert!(through.contains("10 overlap"), "{through}");
        assert!(through.contains("particles 1 and 10") || through.contains("particles 8 and 10"));
        let same = message(&lattice_with([8.0, 0.0, 0.0]));
        assert!(same.contains("they are 0 apart"), "{same}");
        let mut large = lattice_with([1.0, 1.0, 0.0]);
        large.set_diameters(vec![1.5; 512]);
        assert!(message(&large).contains("too small"));
    }
}
