//! What people see while a simulation runs.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use super::super::flags::RunFlags;
use super::super::progress::{bar_of_work, say};
use super::replicas::Member;
use crate::engine::protocol::{Kind, Pace};
use crate::engine::run::Simulation;

/// Expected iterations of a homogenisation.
const ITERATIONS: f64 = 60.0;

/// Speed is averaged over about this time.
const MEMORY: f64 = 10.0;

/// A progress bar of the stage with temperature, energy and steps per second, and the time left, on a terminal only.
pub struct Gauge {
    bar: ProgressBar,
    /// One of several simulations shows what it has done on the bar of all.
    member: Option<Member>,
    /// The expected work of each stage, in steps of dynamics, and the steps that it takes.
    work: Vec<f64>,
    steps: Vec<f64>,
    last: Instant,
    /// Stage and step when it was last shown.
    shown: (usize, i64),
    /// Work per second.
    speed: Option<f64>,
    done: f64,
}

impl Gauge {
    /// A bar for a simulation before its first event.
    pub fn new(
        simulation: &Simulation,
        run: &RunFlags,
        stdout_in_use: bool,
        member: Option<Member>,
    ) -> Self {
        let scrolls = stdout_in_use && std::io::stdout().is_terminal();
        let shown = !run.quiet && std::io::stderr().is_terminal() && !scrolls;
        let bar = bar_of_work(shown && member.is_none());
        // A step of a minimisation, in double precision, takes about as long as two of dynamics.
        let plan = simulation.protocol().plan(Pace {
            dynamics: 1.0,
            minimisation: 0.5,
        });
        let stages = || simulation.protocol().stages.iter().enumerate();
        let steps = stages().map(|(index, stage)| match &stage.kind {
            Kind::Homogenise { .. } => ITERATIONS,
            Kind::InherentStructures { .. } => {
                simulation.protocol().frames(index).unwrap_or(1) as f64
            }
            _ => plan.stages[index].steps as f64,
        });
        let work = stages().map(|(index, _)| match simulation.carries_out(index) {
            true => plan.stages[index].seconds,
            false => 0.0,
        });
        Gauge {
            bar,
            member,
            work: work.collect(),
            steps: steps.collect(),
            last: Instant::now(),
            shown: (simulation.stage(), simulation.progress().step),
            speed: None,
            done: 0.0,
        }
    }

    /// Writes a line above the bar.
    pub fn say(&self, line: &str) {
        match &self.member {
            Some(member) => member.say(line),
            None => self.bar.suspend(|| say(line)),
        }
    }

    /// Shows how far the simulation has come.
    pub fn show(&mut self, simulation: &Simulation) {
        let passed = self.last.elapsed();
        let is_hidden = self.bar.is_hidden() && self.member.is_none();
        if passed < Duration::from_millis(200) || is_hidden {
            return;
        }
        let progress = simulation.progress();
        let Some(stage) = simulation.protocol().stages.get(progress.stage) else {
            return;
        };
        let part = (progress.step as f64 / self.steps[progress.stage].max(1.0)).min(0.99);
        let left_of_stage = self.work[progress.stage] * (1.0 - part);
        let later: f64 = self.work[progress.stage + 1..].iter().sum();
        let all: f64 = self.work.iter().sum();
        let done = all - later - left_of_stage;
        if let Some(member) = &self.member {
            self.last = Instant::now();
            return member.show(done / all.max(f64::MIN_POSITIVE));
        }

        let seconds = passed.as_secs_f64();
        let speed = (done - self.done).max(0.0) / seconds;
        let share = 1.0 - (-seconds / MEMORY).exp();
        let speed = match self.speed {
            None if self.shown.0 == progress.stage => speed,
            None => 0.0,
            Some(old) => old + share * (speed - old),
        };
        let steps_per_second = match self.shown {
            (stage, step) if stage == progress.stage => (progress.step - step) as f64 / seconds,
            _ => 0.0,
        };
        (self.last, self.shown, self.done) =
            (Instant::now(), (progress.stage, progress.step), done);
        self.speed = (speed > 0.0).then_some(speed);

        let mut words = vec![format!("step {}", progress.step)];
        words.extend(progress.temperature.map(|t| format!("T = {t:.4}")));
        words.extend(progress.energy.map(|energy| format!("E = {energy:.4}")));
        if steps_per_second > 0.0 {
            words.push(format!("{steps_per_second:.0} steps/s"));
        }
        if let Some(speed) = self.speed {
            words.push(format!(
                "{} left, {} in all",
                time(left_of_stage / speed),
                time((left_of_stage + later) / speed)
            ));
        }
        self.bar.set_prefix(stage.name.clone());
        self.bar.set_position((1000.0 * part) as u64);
        self.bar.set_message(words.join(", "));
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn time(seconds: f64) -> indicatif::HumanDuration {
    indicatif::HumanDuration(Duration::from_secs_f64(seconds.clamp(0.0, 1e9)))
}
