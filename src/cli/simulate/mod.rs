//! `simulate`: carries out a protocol, into a folder or as a stream of frames.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use super::flags::{InputFlags, RunFlags};
use super::output::input_of;
use super::progress::{self, say};
use super::run::Outcome;
use crate::data::frame::{Frame, Source};
use crate::engine::frames;
use crate::engine::protocol::{self, Kind, Protocol, Stage, Thermostat};
use crate::engine::run::{Deed, Ending, Event, Needed, Particles, Simulation, Thermo, Trace};
use crate::error::{Error, Result};
use crate::sink::provenance;
use crate::stream;
use crate::stream::bytes::Input;
use crate::stream::parallel::Workers;
use crate::stream::unwrap::Unwrap;

mod engine;
mod folder;
mod gauge;
mod pace;
mod pipe;
mod replicas;
mod tables;

pub use tables::TABLES;

use engine::EngineFlags;
use folder::{Folder, Means};
use gauge::Gauge;
use pipe::Pipe;
use replicas::Member;

/// Seconds between checkpoints, where nothing else is said.
const CHECKPOINT_EVERY: f64 = 120.0;

/// Arguments of `simulate`.
#[derive(Args, Clone)]
pub struct Arguments {
    /// The protocol: a TOML file of stages. With --resume it may be left out
    #[arg(value_name = "PROTOCOL.toml")]
    protocol: Option<PathBuf>,

    /// A protocol that comes with hyalo: vhg-quick or vhg
    #[arg(long, value_name = "NAME", conflicts_with = "protocol")]
    preset: Option<String>,

    /// Set a key or parameter of the protocol: seed=7, rate=1e-4, cool.steps=50000 (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE", allow_hyphen_values = true)]
    set: Vec<String>,

    /// Seed of all random numbers. Default: the protocol's
    #[arg(long, value_name = "S")]
    seed: Option<u64>,

    /// The folder for everything the run makes: for each stage its trajectory, thermo, homogenisation and particles tables, final state
    /// and log; the resolved protocol; the checkpoint. - streams frames as extended XYZ on standard output, the default when that is a
    /// pipe. Keys of each frame: temperature (the thermostat's), kinetic_temperature, energy (potential, per particle) and pressure
    #[arg(short, long, value_name = "DIR", help_heading = "Output")]
    output: Option<String>,

    /// A stage whose frames are streamed with -o -; only the stages that it needs are carried out (repeatable). Default: the last
    #[arg(long, value_name = "STAGE", help_heading = "Output")]
    emit: Vec<String>,

    /// The last stage to carry out; with --resume the run goes on behind it later
    #[arg(long, value_name = "STAGE", help_heading = "Run")]
    until: Option<String>,

    /// Go on with the run in the folder from its last checkpoint; start it if there is none
    #[arg(long, help_heading = "Run")]
    resume: bool,

    /// Seconds between checkpoints; there is one at the end of each stage, too
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = CHECKPOINT_EVERY,
        allow_negative_numbers = true,
        help_heading = "Run"
    )]
    checkpoint_every: f64,

    /// Print the plan with the expected time, and do nothing else
    #[arg(long, help_heading = "Run")]
    dry_run: bool,

    #[command(flatten)]
    engine: EngineFlags,

    /// Carry out K replicas side by side, into the folders replica-1 … replica-K of -o DIR. Replica I has the seed S + I - 1, S being --seed or
    /// the protocol's, and is computed on one thread; -j is how many are at work at once
    #[arg(
        long,
        value_name = "K",
        conflicts_with = "replica",
        help_heading = "Run"
    )]
    replicas: Option<u64>,

    /// Carry out replica I only, into the folder replica-I of -o DIR, as the jobs of an array do; -j is its threads, 1 by default
    #[arg(long, value_name = "I", help_heading = "Run")]
    replica: Option<u64>,

    /// Which of several runs in this process it is.
    #[arg(skip)]
    member: Option<Member>,

    #[command(flatten)]
    run: RunFlags,
}

impl Arguments {
    /// Carries the protocol out.
    pub fn run(&self) -> Result<Outcome> {
        self.check()?;
        if self.replicas.is_some() || self.replica.is_some() {
            return self.run_replicas();
        }
        let protocol = self.protocol()?;
        if self.dry_run {
            return self.print_plan(protocol.ok_or_else(no_protocol)?);
        }
        match self.output.as_deref() {
            Some("-") => self.stream(protocol.ok_or_else(no_protocol)?),
            None if !std::io::stdout().is_terminal() => {
                self.stream(protocol.ok_or_else(no_protocol)?)
            }
            None => Err(Error::new("no output")
                .help("name a folder with -o DIR, or stream frames to standard output with -o -")),
            Some(folder) => self.fill_folder(Path::new(folder), protocol),
        }
    }

    fn check(&self) -> Result<()> {
        self.engine.check()?;
        if !(self.checkpoint_every >= 0.0 && self.checkpoint_every.is_finite()) {
            let what = format!("--checkpoint-every {} is no time", self.checkpoint_every);
            return Err(Error::new(what).help("give seconds, 0 or more"));
        }
        if self.output.as_deref() == Some("") {
            return Err(Error::new("-o '' names no folder")
                .help("name one with -o DIR; the folder that you are in is ."));
        }
        if self.seed.is_some() && self.set.iter().any(|setting| sets_seed(setting)) {
            return Err(Error::new("--seed and --set seed are the same").help("give one of them"));
        }
        self.check_replicas()?;
        let streams = matches!(self.output.as_deref(), None | Some("-"));
        if streams && self.engine.is_exported() && !self.dry_run {
            return Err(Error::new("--export and --import need the folder of a run")
                .help("name it with -o DIR"));
        }
        if streams && self.resume && !self.dry_run {
            return Err(
                Error::new("--resume needs the folder of a run").help("name it with -o DIR")
            );
        }
        if streams && self.until.is_some() && !self.dry_run {
            return Err(Error::new("--until goes with a folder")
                .help("choose what is streamed with --emit"));
        }
        if !streams && !self.emit.is_empty() {
            return Err(
                Error::new("--emit chooses the frames that are streamed with -o -")
                    .help("leave it out: the folder holds the frames of every stage"),
            );
        }
        Ok(())
    }

    /// The resolved protocol, if one is named.
    fn protocol(&self) -> Result<Option<Protocol>> {
        let mut settings = self.set.clone();
        settings.extend(self.seed.map(|seed| format!("seed={seed}")));
        match (&self.protocol, &self.preset) {
            (Some(path), _) => Protocol::read(path, &settings).map(Some),
            (None, Some(name)) => Protocol::preset(name, &settings).map(Some),
            (None, None) if !settings.is_empty() => Err(Error::new(
                "--set and --seed change a protocol and none is named",
            )
            .help("name the protocol, or leave them out")),
            (None, None) => Ok(None),
        }
    }

    /// Index of the last stage that is carried out.
    fn last(&self, protocol: &Protocol) -> Result<usize> {
        match &self.until {
            Some(name) => protocol.stage(name),
            None => Ok(protocol.stages.len() - 1),
        }
    }

    fn plan(&self, protocol: &Protocol) -> Result<protocol::Plan> {
        let threads = self.run.threads()?;
        let sample = sample(protocol)?.map(|(frame, _)| frame);
        let last = self.last(protocol)?;
        let plan = protocol.plan(pace::measure(protocol, sample.as_ref(), threads)?);
        if self.engine.is_lammps(None, None)? && !self.run.quiet {
            say("hyalo simulate: the times are those of the embedded engine on this machine");
        }
        Ok(plan.until(last))
    }

    fn print_plan(&self, protocol: Protocol) -> Result<Outcome> {
        let plan = self.plan(&protocol)?;
        let mut stdout = std::io::stdout().lock();
        write!(stdout, "{plan}")?;
        stdout.flush()?;
        Ok(Outcome::Whole)
    }

    /// Streams the frames of some stages.
    fn stream(&self, protocol: Protocol) -> Result<Outcome> {
        let stages = match &self.emit[..] {
            [] => vec![protocol.stages.len() - 1],
            names => names
                .iter()
                .map(|name| protocol.stage(name))
                .collect::<Result<Vec<usize>>>()?,
        };
        for &stage in &stages {
            let stage = &protocol.stages[stage];
            if stage.trajectory == protocol::Schedule::None {
                return Err(Error::new(format!("stage {} stores no frames", stage.name))
                    .help("give it a trajectory in the protocol, or emit another stage"));
            }
        }
        let sample = sample(&protocol)?.map(|(frame, _)| frame);
        let engine = self
            .engine
            .ready(self.engine.is_lammps(None, None)?, &protocol, None)?;
        let pipe = Pipe::new(&protocol, &stages)?;
        let simulation = Simulation::new(protocol, self.run.threads()?, sample).only(&stages);
        let passing = tempfile::tempdir()
            .map_err(|error| Error::io("make a folder in", &std::env::temp_dir(), error))?;
        let simulation = engine.carry_out(simulation, passing.path().to_owned())?;
        self.carry_out(simulation, pipe)
    }

    /// Fills the folder of a run, or goes on to fill it.
    fn fill_folder(&self, path: &Path, protocol: Option<Protocol>) -> Result<Outcome> {
        let resumed = match self.resume || self.engine.resumes() {
            true => Folder::resume(path)?,
            false => None,
        };
        let Some((mut folder, resolved, checkpoint)) = resumed else {
            let nothing = || match self.resume {
                true => Error::new(format!("{} holds no run to go on with", path.display()))
                    .help("name the folder of one with -o, or a protocol to begin with"),
                false => no_protocol(),
            };
            return self.begin_in(path, protocol.ok_or_else(nothing)?);
        };
        folder.check_protocol(protocol.as_ref())?;
        let threads = folder.identity().threads;
        if self.run.threads.is_some_and(|asked| asked != threads) {
            let what = format!("{} was begun with -j {threads}", path.display());
            return Err(Error::new(what).help(
                "resume with that, or leave -j out: sums depend on it in their last digits",
            ));
        }
        let was = folder.means().is_lammps;
        let is_lammps = self.engine.is_lammps(Some(path), Some(was))?;
        folder.set_again(self.engine.again());
        let last = self.last(&resolved)?;
        let stages = &resolved.stages[..=last];
        let Some(stage) = stages.get(checkpoint.stage()) else {
            if !self.run.quiet {
                let up_to = up_to(&self.until);
                self.say(&format!(
                    "hyalo simulate: {}: the run is whole{up_to}",
                    path.display()
                ));
            }
            return Ok(Outcome::Whole);
        };
        folder.means().check_instruction_set(path)?;
        if !self.run.quiet {
            self.say(&format!(
                "hyalo simulate: {}: going on with stage {} at step {}",
                path.display(),
                stage.name,
                checkpoint.step()
            ));
        }
        let engine = self.engine.ready(is_lammps, &resolved, Some(path))?;
        folder.write_protocol()?;
        let sample = match checkpoint.stage() {
            0 => sample(&resolved)?.map(|(frame, _)| frame),
            _ => None,
        };
        let simulation = Simulation::new(resolved, threads, sample);
        let simulation = engine.carry_out(simulation, folder::lammps(path))?;
        self.carry_out(simulation.resume(checkpoint).until(last), folder)
    }

    fn begin_in(&self, path: &Path, protocol: Protocol) -> Result<Outcome> {
        let threads = self.run.threads()?;
        let last = self.last(&protocol)?;
        let sample = sample(&protocol)?;
        let is_lammps = self.engine.is_lammps(Some(path), None)?;
        let engine = self.engine.ready(is_lammps, &protocol, Some(path))?;
        let means = Means::of_this_machine(is_lammps);
        let mut folder = Folder::create(path, &protocol, threads, means, self.run.force)?;
        folder.set_again(self.engine.again());
        if let Some((_, input)) = &sample {
            folder.set_inputs(vec![input.clone()]);
        }
        let sample = sample.map(|(frame, _)| frame);
        let simulation = Simulation::new(protocol, threads, sample).until(last);
        let simulation = engine.carry_out(simulation, folder::lammps(path))?;
        // The checkpoint comes first: from then on the run can be resumed.
        folder.save(&simulation)?;
        folder.write_protocol()?;
        self.carry_out(simulation, folder)
    }

    /// From event to event to the end.
    fn carry_out(&self, simulation: Simulation, mut outlet: impl Outlet) -> Result<Outcome> {
        progress::catch_interrupts();
        let start = Instant::now();
        let outcome = self
            .handle_events(simulation, &mut outlet)
            .map_err(|error| match std::error::Error::source(&error) {
                // A full disk, above all.
                Some(_) => outlet.advise(error),
                None => error,
            })?;
        if outcome == Outcome::Whole && !self.run.quiet {
            let seconds = start.elapsed().as_secs_f64();
            let (place, up_to) = (outlet.place(), up_to(&self.until));
            self.say(&format!(
                "hyalo simulate: {place} is whole{up_to} ({seconds:.1} s)"
            ));
        }
        Ok(outcome)
    }

    fn handle_events(
        &self,
        mut simulation: Simulation,
        outlet: &mut impl Outlet,
    ) -> Result<Outcome> {
        let mut gauge = Gauge::new(
            &simulation,
            &self.run,
            outlet.uses_stdout(),
            self.member.clone(),
        );
        let every = match self.engine.is_exported() {
            true => Duration::ZERO,
            false => Duration::try_from_secs_f64(self.checkpoint_every).unwrap_or(Duration::MAX),
        };
        let mut stage = simulation.stage();
        let mut stage_start = Instant::now();
        let mut saved = Instant::now();
        // Whether the last checkpoint is of the last moment that could be saved.
        let mut is_current = true;
        while let Some(event) = simulation.next_event()? {
            match event {
                Event::Begin(index) => {
                    (stage, stage_start) = (index, Instant::now());
                    outlet.begin(simulation.protocol(), stage)?;
                }
                Event::Frame(frame) => outlet.frame(stage, &frame)?,
                Event::Thermo(row) => outlet.thermo(row)?,
                Event::Trace(row) => outlet.trace(row)?,
                Event::Particles(particles) => outlet.particles(particles),
                Event::NeedsFrames(needed) => {
                    simulation.supply(outlet.frames_of(simulation.protocol(), needed)?);
                }
                Event::Note(line) => {
                    outlet.note(&line)?;
                    if !self.run.quiet {
                        let name = &simulation.protocol().stages[stage].name;
                        gauge.say(&format!("hyalo simulate: {name}: {line}"));
                    }
                }
                Event::Working => {}
                Event::Safe => {
                    is_current = false;
                    if !outlet.saves() || saved.elapsed() >= every || progress::interrupted() {
                        outlet.save(&simulation)?;
                        simulation.saved();
                        (saved, is_current) = (Instant::now(), true);
                    }
                }
                Event::End(ending) => {
                    let summary = summary(&simulation.protocol().stages[stage], &ending);
                    outlet.end(&ending, &summary)?;
                    outlet.save(&simulation)?;
                    simulation.saved();
                    (saved, is_current) = (Instant::now(), true);
                    if !self.run.quiet {
                        let seconds = stage_start.elapsed().as_secs_f64();
                        gauge.say(&format!("hyalo simulate: {summary} ({seconds:.1} s)"));
                    }
                }
            }
            gauge.show(&simulation);
            if progress::interrupted() && (is_current || !outlet.saves()) {
                drop(gauge);
                return Ok(self.interrupted(&simulation, outlet));
            }
        }
        Ok(Outcome::Whole)
    }

    /// Says where it stopped and how to go on.
    fn interrupted(&self, simulation: &Simulation, outlet: &impl Outlet) -> Outcome {
        let stages = simulation.protocol().stages.get(simulation.stage());
        let Some(stage) = stages.filter(|_| simulation.carries_out(simulation.stage())) else {
            // The last stage had just ended.
            return Outcome::Whole;
        };
        let how = outlet
            .how_to_resume()
            .map_or(String::new(), |how| format!("; go on with: {how}"));
        self.say(&format!(
            "hyalo: interrupted in stage {} at step {}{how}",
            stage.name,
            simulation.progress().step
        ));
        Outcome::Interrupted
    }

    /// Writes a line to standard error, as one of several runs with its name.
    fn say(&self, line: &str) {
        match &self.member {
            Some(member) => member.say(line),
            None => say(line),
        }
    }
}

/// Whether a setting is of the seed.
fn sets_seed(setting: &str) -> bool {
    let key = setting.split('=').next().unwrap_or_default();
    key.trim() == "seed"
}

/// What is added to what is whole, where not every stage was asked for.
fn up_to(until: &Option<String>) -> String {
    let stage = until.as_ref();
    stage.map_or(String::new(), |stage| format!(" up to stage {stage}"))
}

fn no_protocol() -> Error {
    let known: Vec<&str> = protocol::PRESETS.iter().map(|(name, _)| *name).collect();
    Error::new("no protocol").help(format!(
        "name a TOML file, or a preset with --preset {}",
        known.join(" or ")
    ))
}

/// What a stage came to, in the numbers that one wants to see at once.
fn summary(stage: &Stage, ending: &Ending) -> String {
    let name = &stage.name;
    let state = match &ending.state {
        Some((_, thermo)) => format!(
            ", E = {:.5}, P = {:.4}",
            thermo.potential_energy, thermo.pressure
        ),
        None => String::new(),
    };
    match ending.deed {
        Deed::Created(particles) => format!("{name}: created, N = {particles}"),
        Deed::Moved(steps) => {
            let first = stage.set_point(0).unwrap_or_default();
            let last = stage.set_point(steps as u64).unwrap_or_default();
            let temperature = match (&stage.kind, &ending.state) {
                (
                    Kind::Equilibrate {
                        thermostat: Thermostat::None,
                        ..
                    },
                    Some((_, thermo)),
                ) => format!(
                    "constant energy, T = {:.4} at the end",
                    thermo.kinetic_temperature
                ),
                _ if first == last => format!("T = {last}"),
                _ => format!("T = {first} to {last}"),
            };
            format!("{name}: {temperature} in {steps} steps{state}")
        }
        Deed::Minimised {
            steps,
            largest_force,
        } => format!("{name}: minimised in {steps} steps, max |F| = {largest_force:.1e}{state}"),
        Deed::Homogenised(course) => format!(
            "{name}: homogenised in {} iterations ({} accepted), sd(P) from {:.4} to {:.4} ({:.1} times less), E changed by {:.4}{state}",
            course.iterations,
            course.accepted,
            course.first_deviation,
            course.deviation,
            course.first_deviation / course.deviation,
            course.energy - course.first_energy
        ),
        Deed::Quenched(minima) => format!(
            "{name}: {} inherent structures, E = {:.5} to {:.5}",
            minima.count, minima.lowest, minima.highest
        ),
    }
}

/// The frame from which the sample is taken, if it is, and what to note of it.
fn sample(protocol: &Protocol) -> Result<Option<(Frame, provenance::Input)>> {
    let stage = &protocol.stages[0];
    let Kind::Create(source) = &stage.kind else {
        return Ok(None);
    };
    let (path, frame, diameters) = match source {
        protocol::Source::Random { .. } => return Ok(None),
        protocol::Source::File {
            path,
            frame,
            diameters,
        } => (path.clone(), *frame, diameters.clone()),
        protocol::Source::Run { folder, stage } => (folder::final_state(folder, stage), 0, None),
    };
    let flags = InputFlags {
        frames: Some(frame.to_string()),
        diameters,
        ..InputFlags::default()
    };
    let input = Input::File(path);
    let inputs = [input.clone()];
    let (input, options) = flags.options(&inputs, 0, Unwrap::Auto)?;
    let stream::Trajectory {
        frames: mut found,
        about,
    } = stream::open(&input, &options, Workers::new(1)?)?;
    let found = found.next().transpose()?.ok_or_else(|| {
        Error::new(format!("there is no frame {frame}"))
            .help(format!("correct the stage {}", stage.name))
            .in_input(&about.name)
    })?;
    frames::state_of(&found)
        .and_then(|state| frames::check(&state, protocol.potential))
        .map_err(|error| error.in_input(format!("{}: stage {}", about.name, stage.name)))?;
    Ok(Some((found, input_of(&about, 1))))
}

/// The frames of a trajectory that are needed.
fn stored_frames(path: &Path, needed: Needed) -> Result<Source> {
    let flags = InputFlags {
        frames: Some(format!("{}::{}", needed.first, needed.every)),
        ..InputFlags::default()
    };
    let inputs = [Input::File(path.to_owned())];
    let (input, options) = flags.options(&inputs, 0, Unwrap::Auto)?;
    Ok(stream::open(&input, &options, Workers::new(1)?)?.frames)
}

/// Where what a simulation hands out goes.
trait Outlet {
    /// Its name for people.
    fn place(&self) -> String;

    /// Whether standard output is in use.
    fn uses_stdout(&self) -> bool {
        !self.saves()
    }

    /// Whether a stopped run can go on.
    fn saves(&self) -> bool {
        self.how_to_resume().is_some()
    }

    /// The command by which a stopped run goes on.
    fn how_to_resume(&self) -> Option<String>;

    /// Adds to a failure of writing or reading how to go on.
    fn advise(&self, error: Error) -> Error {
        match self.how_to_resume() {
            Some(how) => error.help(format!("when that is mended, go on with: {how}")),
            None => error,
        }
    }

    /// A stage begins.
    fn begin(&mut self, protocol: &Protocol, stage: usize) -> Result<()>;

    /// Takes a frame of a stage.
    fn frame(&mut self, stage: usize, frame: &Frame) -> Result<()>;

    /// Takes a row of the thermo table.
    fn thermo(&mut self, _row: Thermo) -> Result<()> {
        Ok(())
    }

    /// Takes an iteration of a homogenisation.
    fn trace(&mut self, _row: Trace) -> Result<()> {
        Ok(())
    }

    /// Takes a line for people.
    fn note(&mut self, _line: &str) -> Result<()> {
        Ok(())
    }

    /// Takes the particles of an iteration.
    fn particles(&mut self, _particles: Particles) {}

    /// The frames of a stage that has ended.
    fn frames_of(&mut self, protocol: &Protocol, needed: Needed) -> Result<Source>;

    /// Saves everything up to here.
    fn save(&mut self, _simulation: &Simulation) -> Result<()> {
        Ok(())
    }

    /// The stage has ended.
    fn end(&mut self, _ending: &Ending, _summary: &str) -> Result<()> {
        Ok(())
    }
}
