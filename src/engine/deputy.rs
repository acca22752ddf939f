//! Another program that computes in this one's place: what it is asked, and what it tells.

use super::fire::Minimum;
use super::protocol::Stage;
use super::run::Thermo;
use super::state::State;
use crate::error::Result;
use crate::physics::potential::Potential;

/// What is to be computed: a stage, or one of the minimisations that it is made of.
#[derive(Clone, Debug)]
pub struct Task {
    /// The stage.
    pub stage: Stage,
    /// How the particles interact.
    pub potential: Potential,
    /// Δt of the integrator (time).
    pub timestep: f64,
    /// Seed of random numbers.
    pub seed: u64,
}

/// What there is to tell of a stage of dynamics or of a minimisation.
#[derive(Debug)]
pub enum News {
    /// Nothing yet.
    Waiting,
    /// It has come to a step that is not the stage's last; its state where the stage's trajectory is due.
    Step {
        /// The system in numbers.
        thermo: Thermo,
        /// Its particles.
        state: Option<Box<State>>,
    },
    /// From this step on it can go on, and everything up to there has been told.
    Safe(i64),
    /// The stage has come to its end.
    End {
        /// The system in numbers.
        thermo: Thermo,
        /// Its particles.
        state: Box<State>,
        /// How a minimisation ended.
        minimum: Option<Minimum>,
    },
}

/// A program that makes the steps of dynamics and finds the minima in this one's place.
pub trait Deputy {
    /// Begins a stage of dynamics, or a minimisation, that starts from a state with velocities; or goes on with it behind step `after`,
    /// which it has told to be safe (−1 at the start).
    fn begin(&mut self, task: Task, start: &State, after: i64) -> Result<()>;

    /// What there is to tell next of the stage that was begun.
    fn news(&mut self) -> Result<News>;

    /// Moves the particles to the nearest minimum, as the stage of the task (homogenise, inherent-structures) says how.
    fn minimise(&mut self, task: &Task, state: &mut State) -> Result<Minimum>;

    /// A line for people that has come up since it was last asked for.
    fn note(&mut self) -> Option<String>;

    /// What was told up to a step is kept elsewhere.
    fn saved(&mut self, step: i64);

    /// The end of the stage is kept elsewhere.
    fn ended(&mut self);
}
