//! A stage or a minimisation as LAMMPS carries it out: its files written, its log followed, its results read.

use std::collections::VecDeque;
use std::fs;

use super::files::{Files, NEXT};
use super::input::{self, Leg};
use super::log::{Log, Row};
use super::program::{self, Process, Program};
use super::types::Types;
use super::{GLANCE, Runner};
use crate::data::frame::{Column, Frame, Values};
use crate::engine::deputy::{News, Task};
use crate::engine::fire::Minimum;
use crate::engine::protocol::{Kind, Quench, Schedule, Thermostat};
use crate::engine::run::Thermo;
use crate::engine::state::State;
use crate::error::{self, Error, Result};
use crate::kernel::Totals;

/// What comes next in a stage.
#[derive(Debug)]
enum Turn {
    /// To start LAMMPS at this step (−1: with the particles of the start).
    Start(i64),
    /// To follow a run of it.
    Follow(Box<Run>),
}

/// A run of LAMMPS.
#[derive(Debug)]
struct Run {
    /// Its first step.
    first: i64,
    log: Log,
    /// `None` if it has ended before it was looked at.
    process: Option<Process>,
    /// The last step that counts of a run that did not come to its end.
    limit: Option<i64>,
    /// The row that was read last: it may be the stage's end.
    pending: Option<Row>,
    /// Whether its screen was looked at.
    checked: bool,
}

/// A stage in progress.
#[derive(Debug)]
pub struct Stretch {
    task: Task,
    /// The particles at its start, in the order of their ids.
    start: State,
    types: Types,
    files: Files,
    turn: Turn,
    /// The last step that was told.
    told: i64,
    /// The last step that was told to be safe.
    safe: i64,
    news: VecDeque<News>,
}

impl Stretch {
    /// Begins a stage, or goes on with it behind a step.
    pub fn begin(task: Task, start: State, types: Types, files: Files, after: i64) -> Result<Self> {
        task.potential.fits(start.edges, &start.diameters)?;
        Ok(Stretch {
            turn: Turn::Start(after),
            task,
            start,
            types,
            files,
            told: after,
            safe: after,
            news: VecDeque::new(),
        })
    }

    /// Takes up the last run of LAMMPS that was begun at a step or before, if it has come further than what is safe.
    fn take_up(&mut self, step: i64, runner: &Runner) -> Result<bool> {
        let files = &self.files;
        let mut runs = files.steps("", ".log").into_iter();
        let Some(first) = runs.rfind(|first| *first <= step.max(0)) else {
            return Ok(false);
        };
        let log = || Log::new(files.path(&files.of_run(first, "log")));
        let number = fs::read_to_string(files.path(&files.of_run(first, "process")));
        let number = number.ok().and_then(|number| number.trim().parse().ok());
        let process = number
            .and_then(|number| Process::adopt(number, &files.of_run(first, "in"), files.folder()));
        let mut limit = None;
        if process.is_none() {
            let mut found = log();
            let told = found.rows()?.last().map_or(-1, |row| row.step);
            if !found.is_complete {
                // A restart file is whole once the row of its step is there.
                let mut restarts = files.steps("restart.", "").into_iter();
                limit = restarts.rfind(|restart| *restart <= told);
            }
            let end = if found.is_complete { Some(told) } else { limit };
            if end.is_none_or(|end| end <= self.safe) {
                // What it came to has been told; what stopped it has not.
                check_others(runner, files, &found, &files.of_run(first, "log"))?;
                return Ok(false);
            }
        }
        self.turn = Turn::Follow(Box::new(Run {
            first,
            log: log(),
            process,
            limit,
            pending: None,
            checked: false,
        }));
        Ok(true)
    }

    /// What there is to tell next.
    pub fn news(&mut self, runner: &Runner) -> Result<News> {
        loop {
            if let Some(news) = self.news.pop_front() {
                return Ok(news);
            }
            match &self.turn {
                Turn::Start(step) => {
                    let step = *step;
                    self.start_at(step, runner)?;
                }
                Turn::Follow(_) => {
                    if !self.follow()? {
                        return Ok(News::Waiting);
                    }
                }
            }
        }
    }

    fn start_at(&mut self, step: i64, runner: &Runner) -> Result<()> {
        if self.take_up(step, runner)? {
            return Ok(());
        }
        let (task, files) = (&self.task, &self.files);
        let first = step.max(0);
        let leg = Leg::of(&task.stage, first);
        if step < 0 {
            files.tidy();
            files.write(&files.name("data"), input::data(&self.start, &self.types)?)?;
        } else if !files.path(&files.restart(step)).exists() {
            return Err(Error::new(format!(
                "{} is missing",
                files.path(&files.restart(step)).display()
            ))
            .help("the files of this run were changed; start it again with --force"));
        }
        let last = match task.stage.kind {
            Kind::Minimise(quench) => quench.max_steps,
            _ => leg.last,
        };
        let [rows, frames] = input::schedules(&task.stage, self.start.len(), first as u64, last);
        files.write(&files.of_run(first, "rows"), rows)?;
        files.write(&files.of_run(first, "frames"), frames)?;
        let text = input::stage(
            task,
            &self.types,
            files,
            leg,
            (step < 0).then_some(&self.start),
        );
        files.write(&files.of_run(first, "in"), text)?;
        let log = files.of_run(first, "log");
        files.remove(&log);
        let program = own(runner, files, &files.of_run(first, "in"), &log)?;
        let process = program.start(
            files,
            &files.of_run(first, "in"),
            &log,
            &files.of_run(first, "screen"),
        )?;
        files.write(
            &files.of_run(first, "process"),
            process.number().to_string(),
        )?;
        self.turn = Turn::Follow(Box::new(Run {
            first,
            log: Log::new(files.path(&log)),
            process: Some(process),
            limit: None,
            pending: None,
            checked: false,
        }));
        Ok(())
    }

    /// Reads on; whether there was anything.
    fn follow(&mut self) -> Result<bool> {
        let Turn::Follow(run) = &mut self.turn else {
            return Ok(true);
        };
        // Whoever has ended has written everything before.
        let has_ended = run.process.as_mut().is_none_or(Process::has_ended);
        let first = run.first;
        let rows = run.log.rows()?;
        let within = |row: &Row| run.limit.is_none_or(|limit| row.step <= limit);
        let rows: Vec<Row> = rows.into_iter().filter(within).collect();
        if !rows.is_empty() && !std::mem::replace(&mut run.checked, true) {
            program::check_screen(&self.files, &self.files.of_run(first, "screen"))?;
        }
        let found = !rows.is_empty();
        for row in rows {
            if let Turn::Follow(run) = &mut self.turn
                && let Some(before) = run.pending.replace(row)
            {
                self.tell(before)?;
            }
        }
        if found || !has_ended {
            return Ok(found);
        }
        let Turn::Follow(run) = &mut self.turn else {
            return Ok(true);
        };
        let (pending, limit, first) = (run.pending.take(), run.limit, run.first);
        let screen = self.files.of_run(first, "screen");
        program::check_screen(&self.files, &screen)?;
        if let Some(limit) = limit {
            if let Some(row) = pending {
                self.tell(row)?;
            }
            self.tell_safe(limit)?;
            self.turn = Turn::Start(limit);
        } else if !run.log.is_complete {
            let error = run.log.error.as_deref();
            return Err(program::failure(
                &self.files,
                &screen,
                error,
                pending.map(|row| row.step),
            ));
        } else {
            let row = pending.ok_or_else(|| {
                let log = self.files.path(&self.files.of_run(first, "log"));
                Error::new(format!("{} holds no thermo output", log.display()))
            })?;
            self.end(row)?;
        }
        Ok(true)
    }

    /// The end of a run of LAMMPS at a row.
    fn end(&mut self, row: Row) -> Result<()> {
        if self
            .task
            .stage
            .steps()
            .is_some_and(|last| (row.step as u64) < last)
        {
            self.tell(row)?;
            self.tell_safe(row.step)?;
            self.turn = Turn::Start(row.step);
            return Ok(());
        }
        let frame = self.files.read_frame(&self.files.name("final.lammpstrj"))?;
        let mut state = self.state(&frame, row.step, true)?;
        let thermo = self.thermo(row)?;
        let minimum = match self.task.stage.kind {
            Kind::Minimise(quench) => {
                state
                    .velocities
                    .iter_mut()
                    .for_each(|values| values.fill(0.0));
                Some(minimum(&frame, row, quench, &state)?)
            }
            _ => None,
        };
        self.news.push_back(News::End {
            thermo,
            state: Box::new(state),
            minimum,
        });
        Ok(())
    }

    /// Tells a step, and what is safe before and at it.
    fn tell(&mut self, row: Row) -> Result<()> {
        if row.step <= self.told {
            return Ok(());
        }
        let last = self.task.stage.steps().unwrap_or(0) as i64;
        let safe: Vec<i64> = self
            .files
            .steps("restart.", "")
            .into_iter()
            .filter(|step| *step > self.safe && *step <= row.step && *step < last)
            .collect();
        let before = safe.iter().rfind(|step| **step < row.step);
        if let Some(step) = before {
            self.tell_safe(*step)?;
        }
        let stage = &self.task.stage;
        let has_frame = !matches!(stage.trajectory, Schedule::None)
            && stage.trajectory.is_due(row.step as u64, stage);
        let state = match has_frame {
            true => {
                let frame = self.files.read_frame(&self.files.frame(row.step))?;
                Some(Box::new(self.state(&frame, row.step, false)?))
            }
            false => None,
        };
        let thermo = self.thermo(row)?;
        self.news.push_back(News::Step { thermo, state });
        self.told = row.step;
        if safe.last() == Some(&row.step) {
            self.tell_safe(row.step)?;
        }
        Ok(())
    }

    /// Tells that the stage can go on from a step, whose restart file is there.
    fn tell_safe(&mut self, step: i64) -> Result<()> {
        self.files.sync(&self.files.restart(step))?;
        self.safe = step;
        self.news.push_back(News::Safe(step));
        Ok(())
    }

    /// The particles of a frame.
    fn state(&self, frame: &Frame, step: i64, with_velocities: bool) -> Result<State> {
        state_of(&self.start, frame, step, with_velocities)
    }

    fn thermo(&self, row: Row) -> Result<Thermo> {
        let (stage, state) = (&self.task.stage, &self.start);
        if [row.temperature, row.energy, row.virial_pressure]
            .iter()
            .any(|x| !x.is_finite())
        {
            return Err(Error::of_kind(
                error::Kind::NotTheAnswer,
                format!("the simulation blew up in LAMMPS before step {}", row.step),
            )
            .help("use a smaller timestep, or start from a state without overlaps"));
        }
        let (temperature, set_point, conserved) = match stage.thermostat() {
            None => (0.0, None, None),
            Some(Thermostat::None) => (row.temperature, Some(row.temperature), Some(row.conserved)),
            Some(_) => (
                row.temperature,
                stage.set_point(row.step as u64),
                Some(row.conserved),
            ),
        };
        Ok(Thermo {
            step: row.step,
            time: conserved.map(|_| row.step as f64 * self.task.timestep),
            temperature: set_point,
            kinetic_temperature: temperature,
            potential_energy: row.energy,
            kinetic_energy: 0.5 * state.degrees_of_freedom() * temperature / state.len() as f64,
            pressure: state.density() * temperature + row.virial_pressure,
            conserved,
        })
    }

    /// Its files, once it has ended.
    pub fn files(self) -> Files {
        self.files
    }

    /// What was told up to a step is kept elsewhere.
    pub fn saved(&mut self, step: i64) {
        let files = &self.files;
        let restarts = files.steps("restart.", "");
        for old in restarts.into_iter().filter(|old| *old < step) {
            files.remove(&files.restart(old));
        }
        for old in files
            .steps("frame.", ".lammpstrj")
            .into_iter()
            .filter(|old| *old <= step)
        {
            files.remove(&files.frame(old));
        }
    }
}

/// The program, where this one runs it; else the error that says what the other has to do.
fn own<'a>(runner: &'a Runner, files: &Files, input: &str, log: &str) -> Result<&'a Program> {
    match runner {
        Runner::Own(program) => Ok(program),
        Runner::Other { then } => {
            files.write(NEXT, format!("log {log}\ninclude {input}\n"))?;
            Err(Error::of_kind(
                error::Kind::NotTheAnswer,
                format!("the input for LAMMPS is {}", files.path(NEXT).display()),
            )
            .help(format!(
                "run LAMMPS on it in its folder (lmp -in {NEXT}), then: {then}"
            )))
        }
    }
}

/// What stopped LAMMPS is told to those who have run it, once.
fn check_others(runner: &Runner, files: &Files, log: &Log, name: &str) -> Result<()> {
    match (runner, &log.error) {
        (Runner::Other { .. }, Some(error)) => {
            // Out of the way of the next one, for people to read.
            let kept = format!("{name}.failed");
            let path = files.path(&kept);
            std::fs::rename(files.path(name), &path)
                .map_err(|error| Error::io("rename the log to", &path, error))?;
            Err(program::failure(files, &kept, Some(error), None))
        }
        _ => Ok(()),
    }
}

/// Finds the minimum next to a state, whose particles are in the order of their ids.
pub fn minimise(
    task: &Task,
    state: &mut State,
    types: &Types,
    files: &Files,
    runner: &Runner,
) -> Result<Minimum> {
    task.potential.fits(state.edges, &state.diameters)?;
    let quench = quench(task);
    let (data, text) = (
        input::data(state, types)?,
        input::minimum(task, quench, state, types, files),
    );
    let [input, log, screen] =
        ["minimum.in", "minimum.log", "minimum.screen"].map(|end| files.name(end));
    let result = files.name("final.lammpstrj");
    let mut found = Log::new(files.path(&log));
    let mut rows = found.rows()?;
    check_others(runner, files, &found, &log)?;
    // What was found for the very same particles is as good.
    let is_known = found.is_complete
        && files.path(&result).exists()
        && files.holds(&files.name("data"), &data)
        && files.holds(&input, text.as_bytes());
    if is_known {
        files.remove(NEXT);
    } else {
        files.remove(&log);
        files.remove(&result);
        files.write(&files.name("data"), &data)?;
        files.write(&input, &text)?;
        let program = own(runner, files, &input, &log)?;
        let mut process = program.start(files, &input, &log, &screen)?;
        found = Log::new(files.path(&log));
        rows.clear();
        while !process.has_ended() {
            std::thread::sleep(GLANCE);
        }
        rows.extend(found.rows()?);
        program::check_screen(files, &screen)?;
    }
    let row = rows.last().copied().filter(|_| found.is_complete);
    let Some(row) = row else {
        return Err(program::failure(
            files,
            &screen,
            found.error.as_deref(),
            None,
        ));
    };
    let frame = files.read_frame(&result)?;
    let step = state.step;
    *state = state_of(state, &frame, step, false)?;
    let minimum = minimum(&frame, row, quench, state)?;
    Ok(minimum)
}

fn quench(task: &Task) -> Quench {
    match task.stage.kind {
        Kind::Minimise(quench)
        | Kind::Homogenise { quench, .. }
        | Kind::InherentStructures { quench, .. } => quench,
        _ => unreachable!("a stage of dynamics minimises nothing"),
    }
}

/// The particles of `start`, which are in the order of their ids, where a frame has them; at rest without its velocities.
fn state_of(start: &State, frame: &Frame, step: i64, with_velocities: bool) -> Result<State> {
    if frame.ids != start.ids {
        return Err(Error::of_kind(
            error::Kind::NotTheAnswer,
            format!(
                "LAMMPS gives {} of {} particles at step {step}",
                frame.len(),
                start.len()
            ),
        ));
    }
    let mut state = start.clone();
    state.step = step;
    let origin = frame
        .cell
        .as_ref()
        .map(|cell| cell.origin())
        .unwrap_or_default();
    let velocities = frame.velocities().filter(|_| with_velocities);
    for axis in 0..3 {
        let positions = frame.positions.iter().map(|r| r[axis] - origin[axis]);
        state.positions[axis] = positions.collect();
        let of = |k: usize| velocities.map_or(0.0, |velocities| velocities[3 * k + axis]);
        state.velocities[axis] = (0..state.len()).map(of).collect();
    }
    match state.positions.iter().flatten().all(|x| x.is_finite()) {
        true => Ok(state),
        false => Err(Error::of_kind(
            error::Kind::NotTheAnswer,
            format!("the simulation blew up in LAMMPS before step {step}"),
        )),
    }
}

/// How a minimisation ended, by its last row and frame.
fn minimum(frame: &Frame, row: Row, quench: Quench, state: &State) -> Result<Minimum> {
    let forces = match frame.column("forces") {
        Some(Column {
            values: Values::Real(values),
            width: 3,
            ..
        }) => values,
        _ => return Err(Error::new("the final frame of LAMMPS has no forces")),
    };
    let square = |f: &[f64]| f.iter().map(|x| x * x).sum::<f64>();
    let largest_force = forces.chunks(3).map(square).fold(0.0, f64::max).sqrt();
    Ok(Minimum {
        // It stops at the tolerance or below, and says so in single digits.
        converged: largest_force <= quench.force_tolerance * (1.0 + 1e-9),
        steps: row.step as usize,
        largest_force,
        totals: Totals {
            energy: row.energy * state.len() as f64,
            virial: 3.0 * row.virial_pressure * state.volume(),
        },
    })
}
