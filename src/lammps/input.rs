//! The texts that LAMMPS reads: particles, interactions, and what to do with them.

use std::fmt::Write;

use super::files::Files;
use super::types::Types;
use crate::data::frame::Species;
use crate::engine::deputy::Task;
use crate::engine::fire;
use crate::engine::frames::frame_of;
use crate::engine::protocol::{Kind, Quench, Schedule, Stage, Thermostat};
use crate::engine::state::State;
use crate::error::{Error, Result};
use crate::kernel::{Field, Precision};
use crate::physics::potential::Potential;
use crate::stream::lammps_data;

/// The line that the log of a run ends with when everything is done.
pub const COMPLETE: &str = "hyalo: complete";

/// Columns of the thermo output: step, kinetic temperature, U/N, W/(3V) and the conserved quantity per particle.
pub const THERMO: &str = "step temp pe c_virial econserve";

/// Restart files are this many particles times steps apart, and at least so many steps: a few seconds of one core.
const BETWEEN_RESTARTS: (u64, u64) = (5_000_000, 1000);

/// Thermo output is at most this many particles times steps apart, so that one sees how far it has come.
const BETWEEN_ROWS: u64 = 1_000_000;

/// Steps that are never reached: the end of a list of steps. LAMMPS asks for the next one also when it has come to its last.
const NEVER: &str = "1000000000000000\n2000000000000000\n3000000000000000\n";

/// Digits that read back as the same number.
const EXACT: &str = "%.17g";

/// Checks that LAMMPS has a pair style for a potential.
pub fn can_express(potential: Potential) -> Result<()> {
    if potential.attraction == -potential.repulsion && potential.repulsion > 0.0 {
        return Ok(());
    }
    Err(Error::new(
        "LAMMPS has no pair style for this potential, only for 4 ε (x⁻¹² − x⁻⁶) and its kind",
    )
    .help("use --engine embedded"))
}

/// The pair styles and fixes that a protocol needs, of those that not every LAMMPS has, and the packages that bring them.
pub fn needed_styles(potential: Potential, stages: &[Stage]) -> Vec<(&'static str, &'static str)> {
    let smooth = (potential.inner < potential.cutoff).then_some(("lj/smooth", "EXTRA-PAIR"));
    let is_rescaled = |stage: &Stage| {
        matches!(
            stage.thermostat(),
            Some(Thermostat::StochasticRescaling { .. })
        )
    };
    let rescaling = (stages.iter().any(is_rescaled)).then_some(("temp/csvr", "EXTRA-FIX"));
    smooth.into_iter().chain(rescaling).collect()
}

/// The particles as a data file.
pub fn data(state: &State, types: &Types) -> Result<Vec<u8>> {
    let mut frame = frame_of(&types.state(state), true);
    let labels: Vec<String> = types.of.iter().map(i64::to_string).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    frame.species = Species::from_labels(&labels);
    // Their types say how large they are.
    frame.diameters = None;
    lammps_data::format(&frame)
}

/// Units, particles and how they interact. `particles` is the command that brings them.
fn system(task: &Task, types: &Types, particles: &str) -> String {
    let potential = task.potential;
    let is_smooth = potential.inner < potential.cutoff;
    let (style, cutoffs) = match is_smooth {
        true => ("lj/smooth", vec![potential.inner, potential.cutoff]),
        false => ("lj/cut", vec![potential.cutoff]),
    };
    let coefficients = |first: usize, second: usize| {
        let [a, b] = [first, second].map(|kind| types.diameters[kind]);
        let pair = potential.mixing.pair(a, b);
        let mut line = format!(
            "pair_coeff {} {} {:?} {:?}",
            first + 1,
            second + 1,
            0.25 * potential.repulsion * pair.strength,
            pair.diameter
        );
        for cutoff in &cutoffs {
            let _ = write!(line, " {:?}", cutoff * pair.diameter);
        }
        line
    };
    let number = types.diameters.len();
    // With mixed lengths being means, the pairs of equal types say it all.
    let is_mean = potential.mixing.is_additive();
    let pairs = (0..number).flat_map(|first| {
        let last = if is_mean { first + 1 } else { number };
        (first..last).map(move |second| (first, second))
    });
    let pairs: Vec<String> = pairs
        .map(|(first, second)| coefficients(first, second))
        .collect();
    let cutoffs: Vec<String> = cutoffs.iter().map(|cutoff| format!("{cutoff:?}")).collect();
    format!(
        "units lj\natom_style atomic\nboundary p p p\n{particles}\n\
         pair_style {style} {}\npair_modify shift yes mix arithmetic\n{}\n\
         neighbor 0.3 bin\nneigh_modify delay 0 every 1 check yes\ntimestep {:?}\n",
        cutoffs.join(" "),
        pairs.join("\n"),
        task.timestep
    )
}

/// Steps between restart files.
fn between_restarts(particles: usize) -> u64 {
    (BETWEEN_RESTARTS.0 / particles as u64).max(BETWEEN_RESTARTS.1)
}

/// The lists of steps with thermo output and with frames behind `first`, up to `last`, each a line.
pub fn schedules(stage: &Stage, particles: usize, first: u64, last: u64) -> [String; 2] {
    let between = (BETWEEN_ROWS / particles as u64).max(10);
    let restarts = between_restarts(particles);
    let (mut rows, mut frames) = (String::new(), String::new());
    let ends_by_itself = stage.steps().is_none();
    for step in first + 1..=last {
        let is_due = |schedule: Schedule| schedule.is_due(step, stage);
        let has_frame = is_due(stage.trajectory);
        // Where a stage ends by itself it is soon over.
        let shows = !ends_by_itself && (step % between == 0 || step % restarts == 0);
        if has_frame || is_due(stage.thermo) || shows {
            let _ = writeln!(rows, "{step}");
        }
        if has_frame {
            let _ = writeln!(frames, "{step}");
        }
    }
    [rows, frames].map(|steps| steps + NEVER)
}

/// Thermo output of [`THERMO`] every so many steps.
fn thermo_output(every: &str) -> String {
    format!(
        "compute virial all pressure NULL virial\nthermo_style custom {THERMO}\n\
         thermo_modify norm yes flush yes lost error format float {EXACT}\nthermo {every}\n"
    )
}

/// What is written down on the way.
fn output(stage: &Stage, files: &Files, first: i64, is_first: bool) -> String {
    let mut text = format!(
        "variable row file {}\nvariable next_row equal next(row)\n{}",
        files.of_run(first, "rows"),
        thermo_output("v_next_row")
    );
    if stage.trajectory != Schedule::None {
        let now = match is_first && stage.trajectory.is_due(0, stage) {
            true => "yes",
            false => "no",
        };
        let _ = write!(
            text,
            "variable frame file {}\nvariable next_frame equal next(frame)\n\
             dump frames all custom 1 {} id type xu yu zu\n\
             dump_modify frames every v_next_frame first {now} sort id format float {EXACT}\n",
            files.of_run(first, "frames"),
            files.name("frame.*.lammpstrj")
        );
    }
    text
}

/// The last lines: the state, and the word that all is done.
fn ending(files: &Files) -> String {
    format!(
        "write_dump all custom {} id type xu yu zu vx vy vz fx fy fz modify sort id format float {EXACT}\nprint \"{COMPLETE}\"\n",
        files.name("final.lammpstrj")
    )
}

/// Forces beyond which the first steps of FIRE would throw particles too far (energy/length).
const ROUGH: f64 = 1e3;

/// Δt with which FIRE begins (time). LAMMPS limits a step by the velocities before it: shorter ones than the embedded engine's are safe.
const FIRST_TIME_STEP: f64 = 0.005;

/// Parts particles that overlap, if any do, so that FIRE can go on.
fn parting(state: &State, potential: Potential) -> String {
    let (precision, diameters) = (Precision::Double, &state.diameters);
    let mut forces = std::array::from_fn(|_| vec![0.0; state.len()]);
    Field::new(potential, state.edges, diameters, precision, 1)
        .forces(&state.positions, &mut forces);
    match forces.iter().flatten().all(|force| force.abs() < ROUGH) {
        true => String::new(),
        false => {
            format!(
                "min_style cg\nmin_modify norm max dmax 0.1\nminimize 0 {ROUGH:?} 10000 100000\nreset_timestep 0\n"
            )
        }
    }
}

/// Minimisation by FIRE with this program's own parameters, masses as they are; the steps are counted from 0.
fn minimisation(quench: Quench) -> String {
    format!(
        "min_style fire\ntimestep {FIRST_TIME_STEP:?}\n\
         min_modify norm max dmax {:?} tmax {:?} delaystep {} dtgrow {:?} dtshrink {:?} alpha0 {:?} alphashrink {:?}\n\
         minimize 0 {:?} {} {}\n",
        fire::LARGEST_MOVE,
        fire::TIME_STEP[1] / FIRST_TIME_STEP,
        fire::PATIENCE,
        fire::FASTER,
        fire::SLOWER,
        fire::MIXING,
        fire::LESS_MIXING,
        quench.force_tolerance,
        quench.max_steps,
        // Where it steps back it evaluates the forces once more.
        2 * quench.max_steps
    )
}

/// The input of a minimisation of a state by itself.
pub fn minimum(task: &Task, quench: Quench, state: &State, types: &Types, files: &Files) -> String {
    let particles = format!("read_data {}", files.name("data"));
    system(task, types, &particles)
        + &parting(state, task.potential)
        + &thermo_output("1000")
        + &minimisation(quench)
        + &ending(files)
}

/// A stretch of a stage of dynamics in which the temperature is constant or changes linearly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leg {
    /// Its first step: 0, or that of a restart file.
    pub first: i64,
    /// Where its temperature begins.
    pub from: u64,
    /// Its last step.
    pub last: u64,
}

impl Leg {
    /// The stretch of a stage that goes on at a step.
    pub fn of(stage: &Stage, first: i64) -> Self {
        let last = stage.steps().unwrap_or_default();
        let (from, last) = match &stage.kind {
            Kind::Equilibrate {
                equilibration,
                steps,
                ..
            } => {
                let length = (equilibration + steps).max(1);
                let part = first as u64 / length;
                (part * length, ((part + 1) * length).min(last))
            }
            _ => (0, last),
        };
        Leg { first, from, last }
    }
}

/// The input of a stretch of a stage, from the particles at its beginning (`start`) or from a restart file.
pub fn stage(task: &Task, types: &Types, files: &Files, leg: Leg, start: Option<&State>) -> String {
    let particles = match start {
        Some(_) => format!("read_data {}", files.name("data")),
        None => format!("read_restart {}", files.restart(leg.first)),
    };
    let stage = &task.stage;
    let mut text = format!(
        "# hyalo {}: stage {}\n",
        env!("CARGO_PKG_VERSION"),
        stage.name
    );
    text += &system(task, types, &particles);
    let set_points = || {
        let at = |step| stage.set_point(step).unwrap_or_default();
        // What is asked for at the first step of a stretch belongs to the one before.
        let start = if matches!(stage.kind, Kind::Ramp { .. }) {
            leg.from
        } else {
            leg.from + 1
        };
        format!("{:?} {:?}", at(start), at(leg.last))
    };
    match stage.thermostat() {
        None => {}
        Some(Thermostat::None) => text += "fix dynamics all nve\n",
        Some(Thermostat::NoseHoover { relaxation }) => {
            let _ = writeln!(
                text,
                "fix dynamics all nvt temp {} {relaxation:?}",
                set_points()
            );
        }
        Some(Thermostat::StochasticRescaling { relaxation }) => {
            let seed = 1 + task.seed % 899_999_999;
            let _ = writeln!(
                text,
                "fix dynamics all nve\nfix thermostat all temp/csvr {} {relaxation:?} {seed}",
                set_points()
            );
        }
    }
    if let (Kind::Minimise(_), Some(start)) = (&stage.kind, start) {
        text += &parting(start, task.potential);
    }
    text += &output(stage, files, leg.first, start.is_some());
    match stage.kind {
        Kind::Minimise(quench) => text += &minimisation(quench),
        _ => {
            let every = between_restarts(types.of.len());
            let _ = write!(
                text,
                "restart {every} {}\nrun {} upto start {} stop {}\nwrite_restart {}\n",
                files.name("restart.*"),
                leg.last,
                leg.from,
                leg.last,
                files.restart(leg.last as i64)
            );
        }
    }
    text + &ending(files)
}
