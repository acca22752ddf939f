//! LAMMPS as the engine: inputs for the stages of a protocol, the program under its launcher, and what it leaves as events of a simulation.
//!
//! Everything of a stage lies in one folder: `STAGE.K.in` and `STAGE.K.log` of the run of LAMMPS that begins at step K, `STAGE.data` with the
//! particles at its start, `STAGE.restart.K`, frames, and `in.next`, which includes the input that comes next. A dead run is read as a
//! living one is, up to its last restart file, so that it makes no difference who has run LAMMPS and how it ended.

mod files;
mod input;
mod leg;
pub mod log;
mod program;
mod types;

use std::path::PathBuf;
use std::time::Duration;

use crate::engine::deputy::{Deputy, News, Task};
use crate::engine::fire::Minimum;
use crate::engine::protocol::Kind;
use crate::engine::state::State;
use crate::error::{Error, Result};

use files::Files;
pub use files::NEXT;
pub use input::{can_express, needed_styles};
use leg::Stretch;
pub use program::Program;

/// How long to wait before looking at the log again.
const GLANCE: Duration = Duration::from_millis(20);

/// Steps of a minimisation, at most: LAMMPS is given a list of those at which it writes.
const MOST_STEPS: u64 = 10_000_000;

/// Who runs LAMMPS.
#[derive(Clone, Debug)]
pub enum Runner {
    /// This program does.
    Own(Program),
    /// Somebody else, who then calls again with the command given here.
    Other {
        /// The command that takes up what LAMMPS has left.
        then: String,
    },
}

/// LAMMPS, at work in a folder.
pub struct Lammps {
    runner: Runner,
    folder: PathBuf,
    largest_number_of_types: usize,
    stretch: Option<Stretch>,
    /// The files of a stage that has ended, until its end is kept elsewhere.
    ended: Option<Files>,
    /// The stage of which the particles' types were noted last.
    noted: Option<String>,
    note: Option<String>,
}

impl Lammps {
    /// LAMMPS in a folder, which is made. Diameters become atom types, at most so many: then they are put into bins.
    pub fn new(runner: Runner, folder: PathBuf, largest_number_of_types: usize) -> Result<Self> {
        std::fs::create_dir_all(&folder)
            .map_err(|error| Error::io("make the folder", &folder, error))?;
        // It runs there, and is told where the folder is from there.
        let folder = std::path::absolute(&folder)
            .map_err(|error| Error::io("find the folder", &folder, error))?;
        Ok(Lammps {
            runner,
            folder,
            largest_number_of_types,
            stretch: None,
            ended: None,
            noted: None,
            note: None,
        })
    }

    fn files(&self, stage: &str) -> Files {
        Files::new(&self.folder, stage)
    }

    /// Says once a stage what the atom types make of the diameters.
    fn note_types(&mut self, stage: &str, error: Option<String>) {
        if self.noted.as_deref() != Some(stage) {
            self.noted = Some(stage.to_string());
            self.note = error;
        }
    }
}

impl Deputy for Lammps {
    fn begin(&mut self, task: Task, start: &State, after: i64) -> Result<()> {
        input::can_express(task.potential)?;
        if let Kind::Minimise(quench) = &task.stage.kind
            && quench.max_steps > MOST_STEPS
        {
            let what = format!("max_steps = {} is too many for LAMMPS", quench.max_steps);
            return Err(Error::new(what).help(format!("write {MOST_STEPS} or less")));
        }
        let mut start = start.clone();
        start.sort_by_id();
        let types = types::Types::of(&start.diameters, self.largest_number_of_types);
        let name = task.stage.name.clone();
        self.note_types(&name, types.error(&start, task.potential)?);
        let files = self.files(&name);
        self.stretch = Some(Stretch::begin(task, start, types, files, after)?);
        Ok(())
    }

    fn news(&mut self) -> Result<News> {
        let stretch = self.stretch.as_mut().expect("a stage has begun");
        let news = stretch.news(&self.runner)?;
        match news {
            News::Waiting => std::thread::sleep(GLANCE),
            News::End { .. } => self.ended = self.stretch.take().map(Stretch::files),
            _ => {}
        }
        Ok(news)
    }

    fn minimise(&mut self, task: &Task, state: &mut State) -> Result<Minimum> {
        input::can_express(task.potential)?;
        state.sort_by_id();
        let types = types::Types::of(&state.diameters, self.largest_number_of_types);
        self.note_types(&task.stage.name, types.error(state, task.potential)?);
        let files = self.files(&task.stage.name);
        leg::minimise(task, state, &types, &files, &self.runner)
    }

    fn note(&mut self) -> Option<String> {
        self.note.take()
    }

    fn saved(&mut self, step: i64) {
        if let Some(stretch) = &mut self.stretch {
            stretch.saved(step);
        }
    }

    fn ended(&mut self) {
        if let Some(files) = self.ended.take() {
            files.tidy();
        }
    }
}
