//! Carries out a protocol: a machine that hands out one event after another, and that can be saved at some of them.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::deputy::{Deputy, News, Task};
use super::dynamics::{Dynamics, RESORT, Scalars};
use super::fire::{self, Descent, Minimise, Minimiser, Minimum};
use super::frames::{check, frame_of, state_of};
use super::homogenise::{self, Homogenisation, Iteration, Sizes};
use super::protocol::{self, Protocol, Quench, Schedule, Stage};
use super::state::{Component, State};
use super::thermostat::{NoseHooverChain, StochasticRescaling, Thermostat};
use crate::data::frame::{Frame, Source};
use crate::error::{Error, Kind, Result};
use crate::kernel::{Field, PerParticle, Precision, Totals};
use crate::physics::potential::Potential;

/// Particles times steps between two events, at most: about a second's work of a slow machine.
const PARTICLE_STEPS: usize = 400_000;

/// What to do about a trajectory that is not what a stage has stored.
const CHANGED: &str = "the files of this run were changed; start it again with --force";

/// What a simulation hands out.
pub enum Event {
    /// The stage of this index begins; until it ends all events are its.
    Begin(usize),
    /// A frame of the stage's trajectory.
    Frame(Box<Frame>),
    /// A row of its thermo table.
    Thermo(Thermo),
    /// An iteration of its homogenisation.
    Trace(Trace),
    /// The particles after an iteration of its homogenisation.
    Particles(Particles),
    /// Frames of an earlier stage are needed: [`Simulation::supply`] them before the next event.
    NeedsFrames(Needed),
    /// Something that people should know.
    Note(String),
    /// Nothing but a moment in which to look at the clock.
    Working,
    /// Everything up to here can be saved: [`Simulation::checkpoint`].
    Safe,
    /// The stage has ended; this, too, can be saved.
    End(Box<Ending>),
}

/// Frames of a stage that has ended: the first is frame `first`, then every `every`-th.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needed {
    /// Index of the stage.
    pub stage: usize,
    /// Position of the first frame in the stage's trajectory, from 0.
    pub first: u64,
    /// Distance to the next.
    pub every: u64,
}

/// The state of the system in numbers, energies per particle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thermo {
    /// Step of the stage; of a quenched frame, the frame's.
    pub step: i64,
    /// Time since the stage's start (time), where it has one.
    pub time: Option<f64>,
    /// Set point of the thermostat (energy/k_B), the kinetic temperature where there is none, and of a quenched frame the frame's; `None`
    /// for particles at rest.
    pub temperature: Option<f64>,
    /// 2K/(3N − 3) (energy/k_B).
    pub kinetic_temperature: f64,
    /// U/N (energy).
    pub potential_energy: f64,
    /// K/N (energy).
    pub kinetic_energy: f64,
    /// ρT + W/(3V), T the kinetic temperature (energy/length³).
    pub pressure: f64,
    /// What the equations of motion conserve, divided by N (energy).
    pub conserved: Option<f64>,
}

/// An iteration of virial homogenisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// Number of the iteration; 0 is the minimum before the first change.
    pub iteration: i64,
    /// Whether the change was accepted.
    pub accepted: bool,
    /// Δσ that was tried (length).
    pub increment: f64,
    /// Standard deviation of P_i that it led to (energy/length³).
    pub deviation_tried: f64,
    /// Standard deviation of P_i in the configuration that was kept (energy/length³); what follows is of that configuration, too.
    pub deviation: f64,
    /// Mean of P_i = W/(3V) (energy/length³).
    pub pressure: f64,
    /// U/N (energy).
    pub potential_energy: f64,
    /// (π/6) Σ σ_i³/V.
    pub volume_fraction: f64,
    /// Steps of FIRE.
    pub fire_steps: i64,
    /// The number of all particles and their diameters, and then of each species with its name.
    pub sizes: Vec<(Option<String>, i64, Sizes)>,
}

/// Diameters and pressures of the particles after an iteration of virial homogenisation, in the order of their ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Particles {
    /// Number of the iteration.
    pub iteration: i64,
    /// The ids.
    pub ids: Vec<i64>,
    /// The names of their species.
    pub species: Vec<String>,
    /// σ_i (length).
    pub diameters: Vec<f64>,
    /// P_i (energy/length³).
    pub pressures: Vec<f64>,
}

/// How a stage ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// The final state, with velocities, and the same in numbers; a set of inherent structures has none.
    pub state: Option<(Frame, Thermo)>,
    /// What the stage did.
    pub deed: Deed,
}

/// What a stage did, in numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Deed {
    /// Made or took a sample of so many particles.
    Created(usize),
    /// Made so many steps of dynamics.
    Moved(i64),
    /// Found a minimum.
    Minimised {
        /// Steps of FIRE.
        steps: usize,
        /// max |F_i| (energy/length).
        largest_force: f64,
    },
    /// Homogenised the virial.
    Homogenised(Course),
    /// Quenched frames of another stage.
    Quenched(Minima),
}

/// The minima found so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Minima {
    /// How many.
    pub count: u64,
    /// U/N of the lowest (energy).
    pub lowest: f64,
    /// U/N of the highest (energy).
    pub highest: f64,
}

/// A homogenisation from its start to where it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// Iterations so far.
    pub iterations: u64,
    /// How many of them were accepted.
    pub accepted: u64,
    /// Standard deviation of P_i at the first minimum (energy/length³).
    pub first_deviation: f64,
    /// The same now.
    pub deviation: f64,
    /// U/N at the first minimum (energy).
    pub first_energy: f64,
    /// The same now.
    pub energy: f64,
}

/// Where a simulation stands: with the protocol and the number of threads, all that is needed to go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    stage: usize,
    finals: BTreeMap<usize, State>,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Place {
    Beginning,
    Dynamics {
        state: State,
        thermostat: Thermostat,
    },
    Homogenisation {
        state: State,
        homogenisation: Homogenisation,
        course: Course,
    },
    InherentStructures(Minima),
    /// A deputy is at work on a stage that starts from this state; what it has told up to step `after` can be relied upon.
    Deputed {
        start: State,
        after: i64,
    },
}

impl Checkpoint {
    /// Index of the stage in progress, or that comes next; the number of stages at the end.
    pub fn stage(&self) -> usize {
        self.stage
    }

    /// The step that the stage has come to.
    pub fn step(&self) -> i64 {
        match &self.place {
            Place::Beginning => 0,
            Place::Dynamics { state, .. } | Place::Homogenisation { state, .. } => state.step,
            Place::InherentStructures(minima) => minima.count as i64,
            Place::Deputed { after, .. } => (*after).max(0),
        }
    }
}

/// What is being done.
enum Work {
    Beginning,
    Begun,
    Dynamics {
        state: State,
        dynamics: Box<Dynamics>,
    },
    Minimisation {
        state: State,
        minimiser: Box<Minimiser>,
        descent: Descent,
        until: usize,
    },
    Homogenisation {
        state: State,
        homogenisation: Homogenisation,
        minimiser: Box<Minimiser>,
        course: Course,
    },
    InherentStructures {
        minima: Minima,
        frames: Option<Source>,
    },
    /// A deputy's, which starts from this state.
    Deputed {
        start: State,
        after: i64,
        /// The last step that it has told.
        step: i64,
        /// Whether it knows.
        begun: bool,
    },
}

/// How far the stage in progress has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Index of the stage.
    pub stage: usize,
    /// Its step.
    pub step: i64,
    /// Temperature that is asked for (energy/k_B).
    pub temperature: Option<f64>,
    /// U/N when it was last measured (energy).
    pub energy: Option<f64>,
}

/// A protocol in progress.
///
/// What follows a [`Event::Safe`] or [`Event::End`] depends on the protocol, the number of threads and [`Simulation::checkpoint`] alone.
pub struct Simulation {
    protocol: Protocol,
    threads: usize,
    potential: Potential,
    /// Which stages are carried out.
    needed: Vec<bool>,
    /// Index behind the last stage that is.
    end: usize,
    /// The frame that the sample is taken from, where there is one.
    sample: Option<Frame>,
    stage: usize,
    /// Final states from which later stages start.
    finals: BTreeMap<usize, State>,
    work: Work,
    /// What computes in this program's place.
    deputy: Option<Box<dyn Deputy>>,
    energy: Option<f64>,
    events: VecDeque<Event>,
}

impl Simulation {
    /// A simulation before its first stage. `sample` is the frame from which the first stage takes the particles, where it does.
    pub fn new(protocol: Protocol, threads: usize, sample: Option<Frame>) -> Self {
        Simulation {
            needed: vec![true; protocol.stages.len()],
            end: protocol.stages.len(),
            potential: protocol.potential,
            protocol,
            threads,
            sample,
            stage: 0,
            finals: BTreeMap::new(),
            work: Work::Beginning,
            deputy: None,
            energy: None,
            events: VecDeque::new(),
        }
    }

    /// Leaves dynamics and minimisations to another program.
    pub fn by(mut self, deputy: Box<dyn Deputy>) -> Self {
        self.deputy = Some(deputy);
        self
    }

    /// Goes on from a checkpoint of the same protocol.
    pub fn resume(self, checkpoint: Checkpoint) -> Self {
        let Checkpoint {
            stage,
            finals,
            place,
        } = checkpoint;
        let work = match place {
            Place::Beginning => Work::Beginning,
            Place::Dynamics { state, thermostat } => Work::Dynamics {
                dynamics: Box::new(self.dynamics(&state, thermostat)),
                state,
            },
            Place::Homogenisation {
                state,
                homogenisation,
                course,
            } => Work::Homogenisation {
                minimiser: Box::new(self.minimiser(&state, self.quench(stage))),
                state,
                homogenisation,
                course,
            },
            Place::InherentStructures(minima) => Work::InherentStructures {
                minima,
                frames: None,
            },
            Place::Deputed { start, after } => Work::Deputed {
                step: after.max(0),
                start,
                after,
                begun: false,
            },
        };
        Simulation {
            stage,
            finals,
            work,
            ..self
        }
    }

    /// Carries out these stages only, and those that they start from.
    pub fn only(mut self, stages: &[usize]) -> Self {
        self.needed = vec![false; self.protocol.stages.len()];
        stages.iter().for_each(|&stage| self.needed[stage] = true);
        for stage in (0..self.needed.len()).rev() {
            if let (true, Some(start)) = (self.needed[stage], self.protocol.stages[stage].start) {
                self.needed[start] = true;
            }
        }
        self
    }

    /// Ends behind this stage; a checkpoint holds what later stages start from all the same.
    pub fn until(mut self, last: usize) -> Self {
        self.end = last + 1;
        self
    }

    /// The protocol.
    pub fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    /// Whether a stage is carried out.
    pub fn carries_out(&self, stage: usize) -> bool {
        self.needed[stage] && stage < self.end
    }

    /// Index of the stage in progress, or that comes next.
    pub fn stage(&self) -> usize {
        self.stage
    }

    /// How far the stage in progress has come.
    pub fn progress(&self) -> Progress {
        let step = match &self.work {
            Work::Beginning | Work::Begun => 0,
            Work::Minimisation { descent, .. } => descent.steps() as i64,
            Work::Dynamics { state, .. } | Work::Homogenisation { state, .. } => state.step,
            Work::InherentStructures { minima, .. } => minima.count as i64,
            Work::Deputed { step, .. } => *step,
        };
        let stage = self.protocol.stages.get(self.stage);
        Progress {
            stage: self.stage,
            step,
            temperature: stage.and_then(|stage| stage.set_point(step as u64)),
            energy: self.energy,
        }
    }

    /// Where it stands; to be asked for at [`Event::Safe`] and [`Event::End`] only.
    pub fn checkpoint(&self) -> Checkpoint {
        let place = match &self.work {
            // A minimisation begins anew.
            Work::Beginning | Work::Begun | Work::Minimisation { .. } => Place::Beginning,
            Work::Dynamics { state, dynamics } => Place::Dynamics {
                state: state.clone(),
                thermostat: dynamics.thermostat().clone(),
            },
            Work::Homogenisation {
                state,
                homogenisation,
                course,
                ..
            } => Place::Homogenisation {
                state: state.clone(),
                homogenisation: homogenisation.clone(),
                course: *course,
            },
            Work::InherentStructures { minima, .. } => Place::InherentStructures(*minima),
            Work::Deputed { start, after, .. } => Place::Deputed {
                start: start.clone(),
                after: *after,
            },
        };
        Checkpoint {
            stage: self.stage,
            finals: self.finals.clone(),
            place,
        }
    }

    /// Everything up to the last [`Event::Safe`] or [`Event::End`] is kept.
    pub fn saved(&mut self) {
        match (&self.work, &mut self.deputy) {
            (Work::Deputed { after, .. }, Some(deputy)) => deputy.saved(*after),
            (Work::Beginning, Some(deputy)) => deputy.ended(),
            _ => {}
        }
    }

    /// Gives the frames that [`Event::NeedsFrames`] asked for.
    pub fn supply(&mut self, source: Source) {
        if let Work::InherentStructures { frames, .. } = &mut self.work {
            *frames = Some(source);
        }
    }

    /// The next event; `None` once all stages have ended.
    ///
    /// Fails, naming the stage, when the simulation blows up, does not converge, or cannot start.
    pub fn next_event(&mut self) -> Result<Option<Event>> {
        while self.events.is_empty() {
            let stages = &self.protocol.stages[..self.end];
            let Some(stage) = stages.get(self.stage) else {
                return Ok(None);
            };
            if !self.needed[self.stage] {
                self.stage += 1;
                continue;
            }
            let stage = stage.clone();
            self.advance(&stage)
                .map_err(|error| error.in_input(format!("stage {}", stage.name)))?;
            let note = self.deputy.as_mut().and_then(|deputy| deputy.note());
            self.events.extend(note.map(Event::Note));
        }
        Ok(self.events.pop_front())
    }

    /// Does the next piece of work and hands out what comes of it.
    fn advance(&mut self, stage: &Stage) -> Result<()> {
        match std::mem::replace(&mut self.work, Work::Beginning) {
            Work::Beginning => {
                self.events.push_back(Event::Begin(self.stage));
                self.energy = None;
                self.work = Work::Begun;
                Ok(())
            }
            Work::Begun => self.begin(stage),
            Work::Dynamics { state, dynamics } => self.advance_dynamics(stage, state, dynamics),
            Work::Minimisation {
                state,
                minimiser,
                descent,
                until,
            } => self.descend(stage, state, minimiser, descent, until),
            Work::Homogenisation {
                state,
                homogenisation,
                minimiser,
                course,
            } => self.iterate(stage, state, homogenisation, minimiser, course),
            Work::InherentStructures { minima, frames } => self.quench_next(stage, minima, frames),
            Work::Deputed {
                start,
                after,
                step,
                begun,
            } => self.hear(stage, start, after, step, begun),
        }
    }

    fn begin(&mut self, stage: &Stage) -> Result<()> {
        match &stage.kind {
            protocol::Kind::Create(source) => self.create(stage, source),
            protocol::Kind::Equilibrate { .. } | protocol::Kind::Ramp { .. } => {
                self.begin_dynamics(stage)
            }
            protocol::Kind::Minimise(_) if self.deputy.is_some() => {
                let state = self.start(stage)?;
                self.depute(state);
                Ok(())
            }
            protocol::Kind::Minimise(quench) => {
                let mut state = self.start(stage)?;
                let mut minimiser = Box::new(self.minimiser(&state, *quench));
                self.work = Work::Minimisation {
                    descent: minimiser.begin(&mut state)?,
                    state,
                    minimiser,
                    until: 0,
                };
                Ok(())
            }
            protocol::Kind::Homogenise {
                step,
                halvings,
                quench,
                ..
            } => {
                let state = self.start(stage)?;
                self.work = Work::Homogenisation {
                    minimiser: Box::new(self.minimiser(&state, *quench)),
                    state,
                    homogenisation: Homogenisation::new(homogenise::Settings {
                        increment: *step,
                        halvings: *halvings,
                    }),
                    course: Course::default(),
                };
                Ok(())
            }
            protocol::Kind::InherentStructures { .. } => {
                self.work = Work::InherentStructures {
                    minima: Minima::default(),
                    frames: None,
                };
                Ok(())
            }
        }
    }

    /// The final state of the stage that this one starts from, at step 0.
    fn start(&mut self, stage: &Stage) -> Result<State> {
        let start = stage.start.and_then(|start| self.finals.get(&start));
        let mut state = start
            .cloned()
            .ok_or_else(|| Error::new("there is no state to start from"))?;
        state.step = 0;
        Ok(state)
    }

    /// Ends the stage in this state.
    fn end_in(&mut self, state: State, thermo: Thermo, deed: Deed) {
        let mut frame = frame_of(&state, true);
        describe(&mut frame, &thermo);
        self.finals.insert(self.stage, state);
        self.end(Some((frame, thermo)), deed);
    }

    /// Ends the stage; of the final states so far those are kept from which a later stage starts.
    fn end(&mut self, state: Option<(Frame, Thermo)>, deed: Deed) {
        self.stage += 1;
        let later = self.stage..self.protocol.stages.len();
        let starts: Vec<usize> = later
            .filter(|&later| self.needed[later])
            .filter_map(|later| self.protocol.stages[later].start)
            .collect();
        self.finals.retain(|stage, _| starts.contains(stage));
        let ending = Box::new(Ending { state, deed });
        self.events.push_back(Event::End(ending));
    }

    /// Hands out the frame and the row that are due at a step; `is_last` where the schedule cannot know that the stage ends there.
    fn output(&mut self, stage: &Stage, step: u64, is_last: bool, state: &State, thermo: Thermo) {
        self.energy = Some(thermo.potential_energy);
        let is_due = |schedule: Schedule| match schedule {
            Schedule::None => false,
            schedule => is_last || schedule.is_due(step, stage),
        };
        if is_due(stage.thermo) {
            self.events.push_back(Event::Thermo(thermo));
        }
        if is_due(stage.trajectory) {
            let mut frame = frame_of(state, false);
            describe(&mut frame, &thermo);
            self.events.push_back(Event::Frame(Box::new(frame)));
        }
    }

    fn create(&mut self, stage: &Stage, source: &protocol::Source) -> Result<()> {
        let state = match (source, &self.sample) {
            (protocol::Source::Random { density, species }, _) => {
                State::random(&components(species), *density, self.seed())
            }
            (_, Some(frame)) => {
                let state = state_of(frame)?;
                check(&state, self.potential)?;
                state
            }
            (_, None) => return Err(Error::new("no frame was given to start from")),
        };
        let mut forces = std::array::from_fn(|_| vec![0.0; state.len()]);
        let totals = Field::new(
            self.potential,
            state.edges,
            &state.diameters,
            Precision::Double,
            self.threads,
        )
        .forces_and_totals(&state.positions, &mut forces);
        let thermo = thermo_of(&state, totals);
        self.output(stage, 0, false, &state, thermo);
        let deed = Deed::Created(state.len());
        self.end_in(state, thermo, deed);
        Ok(())
    }

    /// The seed of the stage: its steps are counted from 0 again.
    fn seed(&self) -> u64 {
        // A number whose multiples lie far apart (Knuth, The Art of Computer Programming 3, 6.4).
        let stage = self.stage as u64;
        self.protocol
            .seed
            .wrapping_add(stage.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn dynamics(&self, state: &State, thermostat: Thermostat) -> Dynamics {
        Dynamics::new(
            state,
            self.potential,
            thermostat,
            self.protocol.timestep,
            self.threads,
        )
    }

    fn begin_dynamics(&mut self, stage: &Stage) -> Result<()> {
        let mut state = self.start(stage)?;
        let set_point = stage.set_point(0).unwrap_or_default();
        let drawn = match stage.velocities {
            None if state.kinetic_energy() == 0.0 => Some(set_point),
            drawn => drawn,
        };
        if let Some(temperature) = drawn {
            state.draw_velocities(temperature, self.seed());
        }
        if self.deputy.is_some() {
            self.depute(state);
            return Ok(());
        }
        let thermostat = match stage.thermostat() {
            None | Some(protocol::Thermostat::None) => Thermostat::None,
            Some(protocol::Thermostat::NoseHoover { relaxation }) => {
                Thermostat::NoseHoover(NoseHooverChain::new(relaxation))
            }
            Some(protocol::Thermostat::StochasticRescaling { relaxation }) => {
                Thermostat::Rescaling(StochasticRescaling::new(relaxation, self.seed()))
            }
        };
        let mut dynamics = Box::new(self.dynamics(&state, thermostat));
        let scalars = dynamics.measure(&mut state, set_point);
        self.output(stage, 0, false, &state, thermo_of_step(&state, scalars));
        self.events.push_back(Event::Safe);
        self.work = Work::Dynamics { state, dynamics };
        Ok(())
    }

    /// Dynamics to the next output, to where the state can be saved, or for a while.
    fn advance_dynamics(
        &mut self,
        stage: &Stage,
        mut state: State,
        mut dynamics: Box<Dynamics>,
    ) -> Result<()> {
        let last = stage.steps().unwrap_or_default();
        for _ in 0..(PARTICLE_STEPS / state.len()).max(1) {
            let next = (state.step + 1) as u64;
            let set_point = stage.set_point(next).unwrap_or_default();
            let is_due = next == last
                || stage.trajectory.is_due(next, stage)
                || stage.thermo.is_due(next, stage);
            if is_due {
                let scalars = dynamics.step_and_measure(&mut state, set_point)?;
                let thermo = thermo_of_step(&state, scalars);
                self.output(stage, next, next == last, &state, thermo);
                if next == last {
                    self.end_in(state, thermo, Deed::Moved(last as i64));
                    return Ok(());
                }
            } else {
                dynamics.step(&mut state, set_point)?;
            }
            if state.step % RESORT == 0 {
                self.events.push_back(Event::Safe);
                break;
            }
            if is_due {
                break;
            }
        }
        self.events.push_front(Event::Working);
        self.work = Work::Dynamics { state, dynamics };
        Ok(())
    }

    /// Leaves a stage that starts from this state to the deputy.
    fn depute(&mut self, start: State) {
        self.events.push_back(Event::Safe);
        self.work = Work::Deputed {
            start,
            after: -1,
            step: 0,
            begun: false,
        };
    }

    fn task(&self, stage: &Stage) -> Task {
        Task {
            stage: stage.clone(),
            potential: self.potential,
            timestep: self.protocol.timestep,
            seed: self.seed(),
        }
    }

    /// Hears what the deputy has to tell of a stage.
    fn hear(
        &mut self,
        stage: &Stage,
        start: State,
        mut after: i64,
        mut step: i64,
        begun: bool,
    ) -> Result<()> {
        let task = self.task(stage);
        let deputy = self.deputy.as_mut().ok_or_else(|| {
            Error::new("another program was at work on it, and none is there to go on")
                .help("put the folder back in which it worked, or start again with --force")
        })?;
        if !begun {
            deputy.begin(task, &start, after)?;
        }
        match deputy.news()? {
            News::Waiting => {}
            News::Step { thermo, state } => {
                step = thermo.step;
                // Where a frame is due its state is there.
                self.output(
                    stage,
                    step as u64,
                    false,
                    state.as_deref().unwrap_or(&start),
                    thermo,
                );
            }
            News::Safe(at) => {
                after = at;
                self.events.push_back(Event::Safe);
            }
            News::End {
                thermo,
                state,
                minimum,
            } => {
                let deed = match minimum {
                    None => Deed::Moved(thermo.step),
                    Some(minimum) => {
                        let minimum = converged(minimum)?;
                        Deed::Minimised {
                            steps: minimum.steps,
                            largest_force: minimum.largest_force,
                        }
                    }
                };
                self.output(stage, thermo.step as u64, true, &state, thermo);
                self.end_in(*state, thermo, deed);
                return Ok(());
            }
        }
        self.events.push_front(Event::Working);
        self.work = Work::Deputed {
            start,
            after,
            step,
            begun: true,
        };
        Ok(())
    }

    fn quench(&self, stage: usize) -> Quench {
        match self.protocol.stages[stage].kind {
            protocol::Kind::Minimise(quench)
            | protocol::Kind::Homogenise { quench, .. }
            | protocol::Kind::InherentStructures { quench, .. } => quench,
            _ => unreachable!("a stage of dynamics minimises nothing"),
        }
    }

    fn minimiser(&self, state: &State, quench: Quench) -> Minimiser {
        let settings = fire::Settings {
            force_tolerance: quench.force_tolerance,
            step_limit: quench.max_steps as usize,
        };
        Minimiser::new(state, self.potential, settings, self.threads)
    }

    /// Minimisation to the next output, to the minimum, or for a while: to the step `until`.
    fn descend(
        &mut self,
        stage: &Stage,
        mut state: State,
        mut minimiser: Box<Minimiser>,
        mut descent: Descent,
        until: usize,
    ) -> Result<()> {
        if let Some(minimum) = minimiser.descend(&mut state, &mut descent, until)? {
            let minimum = converged(minimum)?;
            state.step = minimum.steps as i64;
            let thermo = thermo_of(&state, minimum.totals);
            self.output(stage, minimum.steps as u64, true, &state, thermo);
            let deed = Deed::Minimised {
                steps: minimum.steps,
                largest_force: minimum.largest_force,
            };
            self.end_in(state, thermo, deed);
            return Ok(());
        }
        state.step = until as i64;
        let is_due = |step: usize| {
            let is_due = |schedule: Schedule| schedule.is_due(step as u64, stage);
            is_due(stage.thermo) || is_due(stage.trajectory)
        };
        if is_due(until) {
            let thermo = thermo_of(&state, minimiser.totals(&state));
            self.output(stage, until as u64, false, &state, thermo);
        }
        self.events.push_front(Event::Working);
        let a_while = until + 1 + PARTICLE_STEPS / state.len();
        self.work = Work::Minimisation {
            state,
            minimiser,
            descent,
            until: (until + 1..a_while)
                .find(|&step| is_due(step))
                .unwrap_or(a_while),
        };
        Ok(())
    }

    /// The next iteration of a homogenisation.
    fn iterate(
        &mut self,
        stage: &Stage,
        mut state: State,
        mut homogenisation: Homogenisation,
        mut minimiser: Box<Minimiser>,
        mut course: Course,
    ) -> Result<()> {
        let protocol::Kind::Homogenise {
            distributions,
            max_iterations,
            ..
        } = &stage.kind
        else {
            unreachable!("only homogenisations are iterated");
        };
        let task = self.task(stage);
        let iteration = match &mut self.deputy {
            None => homogenisation.iterate(&mut state, &mut *minimiser)?,
            Some(deputy) => {
                let deputed = &mut Deputed {
                    deputy: &mut **deputy,
                    task: &task,
                    own: &mut minimiser,
                };
                homogenisation.iterate(&mut state, deputed)?
            }
        };
        let Some(iteration) = iteration else {
            return Err(Error::new("the homogenisation had converged before"));
        };
        let number = iteration.iteration as u64;
        state.step = number as i64;
        match iteration.minimum {
            Some(minimum) => drop(converged(minimum)?),
            None => self.events.push_back(Event::Note(format!(
                "iteration {number} is rejected: the box has no room for particles larger by {}",
                iteration.increment
            ))),
        }
        course.deviation = iteration.local.deviation;
        course.energy = iteration.potential_energy;
        if number == 0 {
            course.first_deviation = iteration.local.deviation;
            course.first_energy = iteration.potential_energy;
        }
        course.iterations = number;
        course.accepted += u64::from(number > 0 && iteration.accepted);

        let is_last = homogenisation.converged();
        let thermo = Thermo {
            pressure: iteration.bulk_pressure,
            potential_energy: iteration.potential_energy,
            ..thermo_of(&state, Totals::default())
        };
        self.output(stage, number, is_last, &state, thermo);
        self.events
            .push_back(Event::Trace(trace(&state, &iteration)));
        if is_last || distributions.contains(&number) {
            self.events
                .push_back(Event::Particles(particles(&state, &iteration)));
        }
        if is_last {
            self.end_in(state, thermo, Deed::Homogenised(course));
            return Ok(());
        }
        if number >= *max_iterations {
            return Err(not_converged(format!(
                "not homogenised after {number} iterations, the standard deviation of P_i is {:.4}",
                iteration.local.deviation
            )));
        }
        self.events.push_back(Event::Safe);
        self.work = Work::Homogenisation {
            state,
            homogenisation,
            minimiser,
            course,
        };
        Ok(())
    }

    /// Checks that as many frames were quenched as the protocol has.
    fn check_number(&self, stage: &Stage, found: u64) -> Result<()> {
        match self.protocol.frames(self.stage) {
            Some(expected) if expected != found => {
                let name = &self.protocol.stages[stage.start.unwrap_or_default()].name;
                Err(Error::new(format!(
                    "{found} frames of {name} are there to be quenched, not {expected}"
                ))
                .help(CHANGED))
            }
            _ => Ok(()),
        }
    }

    /// The minimum of the next frame of another stage.
    fn quench_next(
        &mut self,
        stage: &Stage,
        mut minima: Minima,
        frames: Option<Source>,
    ) -> Result<()> {
        let protocol::Kind::InherentStructures { every, quench } = stage.kind else {
            unreachable!("only frames of other stages are quenched");
        };
        let Some(mut frames) = frames else {
            self.events.push_back(Event::NeedsFrames(Needed {
                stage: stage.start.unwrap_or_default(),
                first: minima.count * every,
                every,
            }));
            self.work = Work::InherentStructures { minima, frames };
            return Ok(());
        };
        let of = stage.start.unwrap_or_default();
        let Some(frame) = frames.next() else {
            self.check_number(stage, minima.count)?;
            self.end(None, Deed::Quenched(minima));
            return Ok(());
        };
        let frame = frame?;
        let mut state = state_of(&frame)?;
        state.step = frame.step.unwrap_or_default();
        if let Some(known) = self.finals.get(&of).map(State::len)
            && known != state.len()
        {
            let (name, found) = (&self.protocol.stages[of].name, state.len());
            return Err(Error::new(format!(
                "a frame of {name} has {found} particles, and the stage {known}"
            ))
            .help(CHANGED));
        }
        // A dump has no place for it.
        let of = &self.protocol.stages[of];
        let set_point = match of.thermostat() {
            Some(protocol::Thermostat::None) => None,
            _ => of.set_point(state.step as u64),
        };
        let task = self.task(stage);
        let minimum = converged(match &mut self.deputy {
            None => self.minimiser(&state, quench).minimise(&mut state)?,
            Some(deputy) => deputy.minimise(&task, &mut state)?,
        })?;
        let thermo = Thermo {
            time: frame.time,
            temperature: frame.temperature.or(set_point),
            ..thermo_of(&state, minimum.totals)
        };
        self.output(stage, minima.count, false, &state, thermo);
        let energy = thermo.potential_energy;
        minima = match minima.count {
            0 => Minima {
                count: 1,
                lowest: energy,
                highest: energy,
            },
            count => Minima {
                count: count + 1,
                lowest: minima.lowest.min(energy),
                highest: minima.highest.max(energy),
            },
        };
        self.events.push_back(Event::Safe);
        self.work = Work::InherentStructures {
            minima,
            frames: Some(frames),
        };
        Ok(())
    }
}

/// Leaves the way to the minimum to a deputy, and measures what is there itself.
struct Deputed<'a> {
    deputy: &'a mut dyn Deputy,
    task: &'a Task,
    own: &'a mut Minimiser,
}

impl Minimise for Deputed<'_> {
    fn prepare(&mut self, state: &mut State) -> Result<()> {
        Minimise::prepare(self.own, state)
    }

    fn minimise(&mut self, state: &mut State) -> Result<Minimum> {
        let minimum = self.deputy.minimise(self.task, state)?;
        self.prepare(state)?;
        Ok(minimum)
    }

    fn measure(&mut self, state: &State) -> (Totals, PerParticle) {
        self.own.measure(state)
    }

    fn has_room(&self, state: &State) -> bool {
        self.own.has_room(state)
    }
}

/// The species of a protocol as the state knows them.
pub fn components(species: &[protocol::Species]) -> Vec<Component> {
    let component = |species: &protocol::Species| Component {
        name: species.name.clone(),
        count: species.count,
        diameter: species.diameter,
    };
    species.iter().map(component).collect()
}

fn not_converged(what: String) -> Error {
    Error::of_kind(Kind::NotTheAnswer, what)
}

fn converged(minimum: Minimum) -> Result<Minimum> {
    match minimum.converged {
        true => Ok(minimum),
        false => Err(not_converged(format!(
            "not minimised after {} steps, the largest force is {:.3e}",
            minimum.steps, minimum.largest_force
        ))
        .help("raise max_steps or force_tolerance")),
    }
}

/// A state without a clock in numbers.
fn thermo_of(state: &State, totals: Totals) -> Thermo {
    let n = state.len() as f64;
    let temperature = state.temperature();
    Thermo {
        step: state.step,
        time: None,
        temperature: (temperature > 0.0).then_some(temperature),
        kinetic_temperature: temperature,
        potential_energy: totals.energy / n,
        kinetic_energy: state.kinetic_energy() / n,
        pressure: state.density() * temperature + totals.virial / (3.0 * state.volume()),
        conserved: None,
    }
}

/// A step of dynamics in numbers.
fn thermo_of_step(state: &State, scalars: Scalars) -> Thermo {
    Thermo {
        step: scalars.step,
        time: Some(scalars.time),
        temperature: Some(scalars.set_temperature.unwrap_or(scalars.temperature)),
        kinetic_temperature: scalars.temperature,
        potential_energy: scalars.potential_energy,
        kinetic_energy: 0.5 * state.degrees_of_freedom() * scalars.temperature / state.len() as f64,
        pressure: scalars.pressure,
        conserved: Some(scalars.conserved),
    }
}

/// Writes the numbers into a frame: its step, time and temperature, and as keys the energy per particle and the pressure.
fn describe(frame: &mut Frame, thermo: &Thermo) {
    frame.step = Some(thermo.step);
    frame.time = thermo.time;
    frame.temperature = thermo.temperature;
    let mut key = |name: &str, value: f64| frame.keys.push((name.to_string(), value.to_string()));
    key("energy", thermo.potential_energy);
    key("pressure", thermo.pressure);
    if thermo.kinetic_temperature > 0.0 {
        key("kinetic_temperature", thermo.kinetic_temperature);
    }
}

fn trace(state: &State, iteration: &Iteration) -> Trace {
    let all = (None, state.len() as i64, Sizes::of(&state.diameters));
    let each = iteration.sizes.iter().enumerate().map(|(species, sizes)| {
        let of = state.species.iter().filter(|of| **of as usize == species);
        let name = state.species_names[species].clone();
        (Some(name), of.count() as i64, *sizes)
    });
    Trace {
        iteration: iteration.iteration as i64,
        accepted: iteration.accepted,
        increment: iteration.increment,
        deviation_tried: iteration.deviation_tried,
        deviation: iteration.local.deviation,
        pressure: iteration.local.mean,
        potential_energy: iteration.potential_energy,
        volume_fraction: iteration.volume_fraction,
        fire_steps: iteration.minimum.map_or(0, |minimum| minimum.steps as i64),
        sizes: std::iter::once(all).chain(each).collect(),
    }
}

fn particles(state: &State, iteration: &Iteration) -> Particles {
    let mut order: Vec<usize> = (0..state.len()).collect();
    order.sort_unstable_by_key(|&k| state.ids[k]);
    let species = |k: &usize| state.species_names[state.species[*k] as usize].clone();
    Particles {
        iteration: iteration.iteration as i64,
        ids: order.iter().map(|&k| state.ids[k]).collect(),
        species: order.iter().map(species).collect(),
        diameters: order.iter().map(|&k| state.diameters[k]).collect(),
        pressures: order
            .iter()
            .map(|&k| iteration.local.pressures[k])
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const PROTOCOL: &str = r#"
        version = 1
        [[stage]]
        name = "random"
        kind = "create"
        random.particles = 500
        random.density = 0.6
        random.species = [{ name = "A", diameter = 1.0, fraction = 0.5 }, { name = "B", diameter = 1.2, fraction = 0.5 }]
        [[stage]]
        name = "apart"
        kind = "minimise"
        force_tolerance = 10.0
        thermo.every = 7
        [[stage]]
        name = "liquid"
        kind = "equilibrate"
        temperatures = [1.0, 0.9]
        equilibration = 20
        steps = 390
        thermostat = { kind = "stochastic-rescaling", relaxation = 0.5 }
        trajectory.log_blocks = 64
        [[stage]]
        name = "unneeded"
        kind = "minimise"
        force_tolerance = 10.0
        [[stage]]
        name = "cool"
        kind = "ramp"
        start = "liquid"
        from = 0.9
        to = 0.3
        steps = 900
        trajectory.every_temperature = 0.1
        thermo.every = 30
        [[stage]]
        name = "homogenised"
        kind = "homogenise"
        step = 0.04
        halvings = 0
        force_tolerance = 1.0
        distributions = [1]
        trajectory.every = 2
        [[stage]]
        name = "inherent"
        kind = "inherent-structures"
        of = "cool"
        every = 3
        force_tolerance = 1.0
    "#;

    fn protocol() -> Protocol {
        Protocol::parse(PROTOCOL, "protocol", Path::new(""), &[]).unwrap()
    }

    /// All that was handed out, stage by stage, as text; reals as they are, so that every digit counts.
    #[derive(Default)]
    struct Collected {
        begun: Vec<String>,
        frames: Vec<Vec<Frame>>,
        rows: Vec<String>,
        endings: Vec<String>,
        traces: Vec<Trace>,
        particles: Vec<Particles>,
    }

    /// Carries out what is needed for the stages; with `interruptions`, each time that it can be saved it is, and goes on from that.
    fn collect(mut simulation: Simulation, interruptions: bool) -> Collected {
        let mut collected = Collected::default();
        collected
            .frames
            .resize(simulation.protocol.stages.len(), Vec::new());
        let mut stage = 0;
        while let Some(event) = simulation.next_event().unwrap() {
            let mut can_save = false;
            match event {
                Event::Begin(index) => {
                    stage = index;
                    let name = &simulation.protocol.stages[stage].name;
                    collected.begun.push(name.clone());
                }
                Event::Frame(frame) => collected.frames[stage].push(*frame),
                Event::Thermo(row) => collected.rows.push(format!("{stage} {row:?}")),
                Event::Trace(trace) => collected.traces.push(trace),
                Event::Particles(particles) => collected.particles.push(particles),
                Event::NeedsFrames(needed) => {
                    let stored = collected.frames[needed.stage].clone().into_iter();
                    let wanted = stored
                        .skip(needed.first as usize)
                        .step_by(needed.every as usize);
                    simulation.supply(Box::new(wanted.map(Ok)));
                }
                Event::Note(_) | Event::Working => {}
                Event::Safe => can_save = true,
                Event::End(ending) => {
                    collected.endings.push(format!("{ending:?}"));
                    can_save = true;
                }
            }
            if can_save && interruptions {
                let bytes = postcard::to_stdvec(&simulation.checkpoint()).unwrap();
                let checkpoint = postcard::from_bytes(&bytes).unwrap();
                simulation = Simulation::new(protocol(), 1, None).resume(checkpoint);
            }
        }
        collected
    }

    #[test]
    fn a_simulation_resumed_everywhere_hands_out_the_same() {
        let whole = collect(Simulation::new(protocol(), 1, None), false);
        let resumed = collect(Simulation::new(protocol(), 1, None), true);
        assert_eq!(resumed.begun, whole.begun);
        assert_eq!(resumed.frames, whole.frames);
        assert_eq!(resumed.rows, whole.rows);
        assert_eq!(resumed.traces, whole.traces);
        assert_eq!(resumed.particles, whole.particles);
        assert_eq!(resumed.endings, whole.endings);

        // As many frames as the schedules say.
        let protocol = protocol();
        for (stage, frames) in whole.frames.iter().enumerate() {
            let name = &protocol.stages[stage].name;
            if let Some(expected) = protocol.frames(stage) {
                assert_eq!(frames.len() as u64, expected, "{name}");
            }
        }
        // Of a stage that ends by itself the last step is there, whatever its number.
        let iterations = whole.traces.len() as i64;
        let of_homogenisation: Vec<i64> = whole.frames[5]
            .iter()
            .map(|frame| frame.step.unwrap())
            .collect();
        let mut expected: Vec<i64> = (0..iterations).step_by(2).collect();
        if iterations % 2 == 0 {
            expected.push(iterations - 1);
        }
        assert_eq!(of_homogenisation, expected);
        let recorded: Vec<i64> = whole.particles.iter().map(|one| one.iteration).collect();
        assert_eq!(recorded, [1, iterations - 1]);
        // A ramp's temperatures are its set points, a minimum's those of the frame that it is the minimum of.
        let temperatures = |stage: usize| -> Vec<f64> {
            let each = whole.frames[stage].iter();
            each.map(|frame| frame.temperature.unwrap()).collect()
        };
        let expected = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3];
        assert_eq!(temperatures(4).len(), expected.len());
        for (temperature, expected) in std::iter::zip(temperatures(4), expected) {
            assert!((temperature - expected).abs() < 1e-12);
        }
        let every_third: Vec<f64> = temperatures(4).into_iter().step_by(3).collect();
        assert_eq!(temperatures(6), every_third);
    }

    #[test]
    fn only_what_is_needed_is_carried_out() {
        let begun = |stages: &[usize]| {
            let simulation = Simulation::new(protocol(), 1, None).only(stages);
            collect(simulation, false).begun
        };
        assert_eq!(
            begun(&[6]),
            ["random", "apart", "liquid", "cool", "inherent"]
        );
        assert_eq!(begun(&[1, 2]), ["random", "apart", "liquid"]);
    }

    fn failure(change: impl FnOnce(&mut Protocol)) -> Error {
        let mut protocol = protocol();
        change(&mut protocol);
        let mut simulation = Simulation::new(protocol, 1, None).only(&[4]);
        loop {
            match simulation.next_event() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it went well"),
                Err(error) => return error,
            }
        }
    }

    #[test]
    fn what_fails_names_the_stage() {
        let error = failure(|protocol| protocol.timestep = 0.2);
        assert_eq!(error.kind(), Kind::NotTheAnswer);
        let message = error.to_string();
        assert!(
            message.starts_with("stage liquid: the simulation blew up at step "),
            "{message}"
        );
        assert!(message.contains("particle "), "{message}");
        let error = failure(|protocol| {
            if let protocol::Kind::Minimise(quench) = &mut protocol.stages[1].kind {
                quench.max_steps = 3;
            }
        });
        assert_eq!(error.kind(), Kind::NotTheAnswer);
        let message = error.to_string();
        assert!(
            message.starts_with("stage apart: not minimised after 3 steps"),
            "{message}"
        );
    }

    #[test]
    fn a_stage_that_another_program_was_at_work_on_needs_that() {
        let checkpoint = Checkpoint {
            stage: 1,
            finals: BTreeMap::new(),
            place: Place::Deputed {
                start: State::random(&[], 0.6, 1),
                after: 100,
            },
        };
        let mut simulation = Simulation::new(protocol(), 1, None).resume(checkpoint);
        let error = simulation.next_event().err().expect("nobody is there");
        let message = error.to_string();
        assert!(
            message.starts_with("stage apart: another program was at work on it"),
            "{message}"
        );
    }

    #[test]
    fn every_stage_draws_numbers_of_its_own() {
        let mut simulation = Simulation::new(protocol(), 1, None);
        let seeds: Vec<u64> = (0..7)
            .map(|stage| {
                simulation.stage = stage;
                simulation.seed()
            })
            .collect();
        let distinct: std::collections::BTreeSet<&u64> = seeds.iter().collect();
        assert_eq!(distinct.len(), seeds.len());
    }
}
