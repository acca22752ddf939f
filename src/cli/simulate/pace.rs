//! How fast this machine simulates samples of a protocol's size.

use std::time::Instant;

use crate::data::frame::Frame;
use crate::engine::dynamics::Dynamics;
use crate::engine::frames::{check, state_of};
use crate::engine::protocol::{Kind, Pace, Protocol, Source};
use crate::engine::run::components;
use crate::engine::state::State;
use crate::engine::thermostat::Thermostat;
use crate::error::Result;
use crate::kernel::{Field, Precision};

/// Seconds that each measurement takes at least.
const SECONDS: f64 = 0.3;

/// Measures it on the sample itself, or on a lattice of the same particles.
pub fn measure(protocol: &Protocol, sample: Option<&Frame>, threads: usize) -> Result<Pace> {
    let potential = protocol.potential;
    let mut state = match (&protocol.stages[0].kind, sample) {
        (_, Some(frame)) => {
            let state = state_of(frame)?;
            check(&state, potential)?;
            state
        }
        (Kind::Create(Source::Random { density, species }), None) => {
            lattice(State::random(&components(species), *density, protocol.seed))
        }
        _ => unreachable!("the first stage creates particles, and the others are given"),
    };
    let temperatures = protocol
        .stages
        .iter()
        .filter_map(|stage| stage.set_point(0));
    state.draw_velocities(temperatures.fold(0.0, f64::max), protocol.seed);

    let mut forces = std::array::from_fn(|_| vec![0.0; state.len()]);
    let mut field = Field::new(
        potential,
        state.edges,
        &state.diameters,
        Precision::Double,
        threads,
    );
    let minimisation = per_second(|| {
        field.forces(&state.positions, &mut forces);
        Ok(())
    })?;
    let mut dynamics = Dynamics::new(
        &state,
        potential,
        Thermostat::None,
        protocol.timestep,
        threads,
    );
    let dynamics = match (per_second(|| dynamics.step(&mut state, 0.0)), sample) {
        // On a lattice very different sizes overlap, of which the protocol knows nothing; a step costs about what its forces do.
        (Err(_), None) => minimisation,
        (measured, _) => measured?,
    };
    Ok(Pace {
        dynamics,
        minimisation,
    })
}

/// How often something can be done in a second; the first time does not count.
fn per_second(mut action: impl FnMut() -> Result<()>) -> Result<f64> {
    action()?;
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed().as_secs_f64() < SECONDS {
        action()?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

/// The same particles on a simple cubic lattice, the species mixed.
fn lattice(mut state: State) -> State {
    let sites = (1..).find(|sites| sites * sites * sites >= state.len());
    let sites = sites.unwrap_or(1);
    // A stride that leads to every site once.
    let count = sites * sites * sites;
    let stride = (count * 5 / 8..count)
        .find(|stride| gcd(*stride, count) == 1)
        .unwrap_or(1);
    for k in 0..state.len() {
        let site = k * stride % count;
        let places = [site % sites, site / sites % sites, site / (sites * sites)];
        for (axis, place) in places.into_iter().enumerate() {
            state.positions[axis][k] = state.edges[axis] * place as f64 / sites as f64;
        }
    }
    state
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
