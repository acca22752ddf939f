//! `tg-fit`: thermo tables, LAMMPS logs, tables of `msd` and the scalars of trajectories in; temperatures of transition out.

use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::flags::{InputFlags, OutputFlags, RunFlags};
use super::listing::Listing;
use super::output::{Origin, Outputs};
use super::progress::{self, say};
use super::run::{CommonUnits, Outcome, legend_labels, sets};
use crate::analysis::tg_fit::{self, Answer, FIGURES, Observed, TABLES};
use crate::data::replicas::{self, Replicas};
use crate::data::table::RowSink;
use crate::error::{Error, Result};
use crate::sink::figure;
use crate::sink::provenance::{Provenance, noted};
use crate::stream::parallel::Workers;

mod ramps;

use ramps::Reader;

/// Arguments of `tg-fit`.
#[derive(Args)]
#[command(mut_arg("inputs", |arg| arg.help(INPUTS)))]
#[command(mut_arg("format", |arg| arg.help(FORMATS)))]
#[command(mut_arg("frames", |arg| arg.help(FRAMES)))]
#[command(mut_arg("temperature", |arg| arg.help(TEMPERATURE)))]
pub struct Arguments {
    #[command(flatten)]
    fit: tg_fit::Arguments,
    #[command(flatten)]
    input: InputFlags,
    #[command(flatten)]
    output: OutputFlags,
    #[command(flatten)]
    run: RunFlags,
}

const INPUTS: &str = "Ramps, one each: tables (Parquet, CSV, NDJSON, Arrow) with a temperature and an energy, such as the thermo tables of \
    hyalo simulate; tables of hyalo msd, for T_o from the squared displacement; LAMMPS logs; trajectories with an energy; - is standard \
    input, the default when that is a pipe. With a cooling ramp among them, T_o/T_g is given too: with the T_g of the ramp before";
const FORMATS: &str = "Input format: parquet, csv, ndjson, arrow, log, or that of a trajectory (dump, xyz, ...). Default: from the name, else \
    from the content";
const FRAMES: &str =
    "Rows (of a trajectory: frames) A to B (exclusive) by S, as in Python: 0:100:5, 10:, -20:";
const TEMPERATURE: &str = "Temperature of each row: ramp:T0:T1, the set point from the first row of the input to its last, linear in the step; \
    key:NAME, a column; of a trajectory also a LAMMPS log, a table, or velocities. Default: temperature (in tables of hyalo simulate the set \
    point), Temp, T. Once, or once for each input";

impl Arguments {
    /// Reads the ramps, fits them, and writes what they say.
    pub fn run(&self) -> Result<Outcome> {
        if self.output.list_tables {
            Listing::new("tg-fit", &TABLES, &FIGURES).print()?;
            return Ok(Outcome::Whole);
        }
        let start = Instant::now();
        let inputs = self.input.inputs()?;
        self.fit.check(inputs.len())?;
        let labels = self.output.labels(&inputs)?;
        if self.output.annotate.is_some() {
            let what = "this command has no per-particle columns to annotate with";
            return Err(Error::new(what).help("leave --annotate out"));
        }
        let workers = Workers::new(self.run.threads()?)?;
        let given = Replicas::of(labels.iter().map(String::as_str));
        let origin = match given.any() {
            true => Origin::Numbered,
            false => Origin::Named,
        };
        let mut outputs = Outputs::open(&self.output, &TABLES, &FIGURES, origin, self.run.force)?;
        progress::catch_interrupts();

        let mut observed: Vec<Observed> = Vec::new();
        let mut provenance = self.provenance()?;
        let mut outcome = Outcome::Whole;
        let mut has_particles = false;
        let mut units = CommonUnits::default();
        for (index, label) in labels.iter().enumerate() {
            let reader = Reader {
                flags: &self.input,
                run: &self.run,
                fit: &self.fit,
                inputs: &inputs,
                index,
                hashes: outputs.carry_provenance(),
                to_stdout: outputs.to_stdout(),
            };
            let mut read = reader
                .read(label, given.number(index), workers)
                .map_err(|error| error.in_input(inputs[index].name()))?;
            observed.append(&mut read.ramps);
            has_particles |= read.is_trajectory;
            units.add(&inputs[index].name(), read.units.as_deref())?;
            read.about.label = self.output.label(index).cloned();
            provenance.inputs.push(read.about);
            provenance.complete &= !read.interrupted && !read.cut_short;
            if read.interrupted {
                outcome = Outcome::Interrupted;
                let note = "interrupted: the frames up to here were used";
                provenance.notes.push(note.to_string());
                break;
            }
        }
        provenance.units = units.name().to_string();
        if let Some(flag) = self.input.about_particles().filter(|_| !has_particles) {
            let what = format!("{flag} is about particles, and tables and logs have none");
            return Err(Error::new(what).help("leave it out"));
        }
        let answers = self.fit.answer(observed, inputs.len())?;
        if !outputs.figures().is_empty() && !answers.iter().any(Answer::has_energies) {
            return Err(
                Error::new("the figure shows energies, and no input has them")
                    .help("leave --plot out; hyalo msd draws displacements"),
            );
        }
        let replicas = Replicas::of(answers.iter().map(|answer| answer.label.as_str()));
        let sets = match outputs.figures().is_empty() {
            true => Vec::new(),
            false => sets(&replicas)?,
        };
        for (index, answer) in answers.iter().enumerate() {
            outputs.set_input(&answer.label, replicas.number(index), &answer.label);
            outputs.rows("fits", answer.fits(&self.fit))?;
            if outputs.wants("curves") {
                outputs.rows("curves", answer.curves())?;
            }
        }
        let doubts: Vec<(&str, String)> = answers
            .iter()
            .map(|answer| (answer.label.as_str(), answer.doubts()))
            .filter(|(_, doubts)| !doubts.is_empty())
            .collect();
        if outcome == Outcome::Whole && !doubts.is_empty() {
            outcome = Outcome::NotTheAnswer;
        }
        let notes = doubts
            .iter()
            .map(|(label, doubts)| format!("{label}: {doubts}"));
        provenance.notes.extend(notes);
        let legends = if self.output.labels.is_empty() {
            legend_labels(
                &answers
                    .iter()
                    .map(|answer| answer.label.clone())
                    .collect::<Vec<_>>(),
            )
        } else {
            answers.iter().map(|answer| answer.label.clone()).collect()
        };
        outputs.commit(&provenance, outcome == Outcome::Interrupted, |_, format| {
            let figures = sets.iter();
            let figures = figures.map(|set| tg_fit::figure(&answers, &replicas, set, &legends));
            figure::render(&replicas::mean(figures.collect()), format)
        })?;
        for (label, doubts) in &doubts {
            say(&format!(
                "hyalo tg-fit: {label}: doubtful: {doubts}; look at the figure (--plot), and give other windows or a longer ramp"
            ));
        }
        if !self.run.quiet {
            let seconds = start.elapsed().as_secs_f64();
            for answer in &answers {
                say(&format!(
                    "hyalo tg-fit: {}: {} ({seconds:.2} s)",
                    answer.label,
                    answer.summary()
                ));
            }
        }
        Ok(outcome)
    }

    fn provenance(&self) -> Result<Provenance> {
        let arguments = json!({ "command": noted(&self.fit)?, "input": noted(&self.input)? });
        let mut provenance = Provenance::new("tg-fit", arguments, "lj");
        provenance.seed = Some(self.fit.seed);
        Ok(provenance)
    }
}
