//! `rate-fit`: tables of measurements at several rates in; how they depend on the rate, and what they are at others, out.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::flags::{self, OutputFlags, RunFlags};
use super::listing::Listing;
use super::output::{Origin, Outputs};
use super::progress::say;
use super::run::Outcome;
use super::tables::{self, missing_or, readable, reals};
use crate::analysis::rate_fit::{self, Answer, FIGURES, Measurement, TABLES};
use crate::data::table::RowSink;
use crate::error::{Error, Result};
use crate::sink::provenance::{self, Provenance, noted};
use crate::sink::{figure, table};
use crate::stream::bytes::{self, Input};

/// Arguments of `rate-fit`.
#[derive(Args)]
#[command(mut_arg("annotate", |arg| arg.hide(true)))]
#[command(mut_arg("labels", |arg| arg.hide(true)))]
#[command(mut_arg("threads", |arg| arg.hide(true)))]
#[command(mut_arg("verbose", |arg| arg.hide(true)))]
pub struct Arguments {
    /// Tables (Parquet, CSV, NDJSON, Arrow) of measurements, one a row, with the columns rate (of cooling or heating, temperature over time) and
    /// value, and perhaps quantity (what: T_g, T_o, …) and series (of which system); rows of the same rate are replicas, rows without a value are
    /// left out, those of all inputs count together; - is standard input, the default when that is a pipe
    #[arg(value_name = "INPUT", help_heading = "Input")]
    inputs: Vec<String>,

    #[command(flatten)]
    fit: rate_fit::Arguments,
    #[command(flatten)]
    output: OutputFlags,
    #[command(flatten)]
    run: RunFlags,
}

impl Arguments {
    /// Reads the measurements, fits them, and writes what they say.
    pub fn run(&self) -> Result<Outcome> {
        if self.output.list_tables {
            Listing::new("rate-fit", &TABLES, &FIGURES).print()?;
            return Ok(Outcome::Whole);
        }
        let start = Instant::now();
        let inputs = flags::inputs(&self.inputs, "a table")?;
        refuse_twice(&inputs)?;
        self.fit.check()?;
        self.run.threads()?;
        self.refuse_useless_flags()?;
        let mut outputs = Outputs::open(
            &self.output,
            &TABLES,
            &FIGURES,
            Origin::Only,
            self.run.force,
        )?;

        let mut provenance = self.provenance()?;
        let mut read = |input: &Input| {
            let read = measurements(input, outputs.carry_provenance());
            let (rows, about) = read.map_err(|error| error.in_copy_of(input.name()))?;
            provenance.inputs.push(about);
            Ok::<_, Error>(rows)
        };
        let mut rows = Vec::new();
        for input in &inputs {
            rows.append(&mut read(input)?);
        }
        let compared = self.fit.compare.as_ref();
        let compared = compared.map(|path| read(&Input::File(path.into())));
        let mut compared = compared.transpose()?.unwrap_or_default();
        let answers = self.fit.answer(&rows)?;
        if let Some(other) = answers
            .iter()
            .find(|one| one.quantity != answers[0].quantity)
            && !outputs.figures().is_empty()
        {
            let quantities = (&answers[0].quantity, &other.quantity);
            let what = format!(
                "the figure shows one quantity, and there are {} and {}",
                quantities.0, quantities.1
            );
            return Err(Error::new(what).help("choose one with --quantity"));
        }
        let quantity = &answers[0].quantity;
        compared.retain(|row| row.quantity == *quantity || &*row.quantity == VALUE);
        if let (Some(path), true) = (&self.fit.compare, compared.is_empty()) {
            let error = Error::new(format!("there is no row of the quantity '{quantity}'"));
            return Err(error.help("leave --compare out").in_input(path));
        }

        for answer in &answers {
            outputs.rows("fits", answer.fits())?;
            outputs.rows("means", answer.means())?;
            outputs.rows("extrapolations", answer.extrapolations())?;
            if outputs.wants("curves") {
                outputs.rows("curves", answer.curves())?;
            }
            let doubts = answer
                .doubts
                .iter()
                .map(|doubt| format!("doubtful: {doubt}"));
            let notes = doubts.chain(answer.notes());
            let notes = notes.map(|note| format!("{}: {note}", answer.name()));
            provenance.notes.extend(notes);
        }
        outputs.commit(&provenance, false, |_, format| {
            let label = self.fit.axis_label.as_deref();
            figure::render(&rate_fit::figure(&answers, &compared, label), format)
        })?;
        let doubted = |answer: &&Answer| !answer.doubts.is_empty();
        for answer in answers.iter().filter(doubted) {
            say(&format!(
                "hyalo rate-fit: {}: doubtful: {}; look at the figure (--plot), and measure more rates or replicas",
                answer.name(),
                answer.doubts.join("; ")
            ));
        }
        if !self.run.quiet {
            let seconds = start.elapsed().as_secs_f64();
            for answer in &answers {
                let (name, summary) = (answer.name(), answer.summary());
                say(&format!(
                    "hyalo rate-fit: {name}: {summary} ({seconds:.2} s)"
                ));
            }
        }
        Ok(match answers.iter().any(|answer| doubted(&answer)) {
            true => Outcome::NotTheAnswer,
            false => Outcome::Whole,
        })
    }

    /// Errors: flags that other commands have, and one that would do nothing.
    fn refuse_useless_flags(&self) -> Result<()> {
        let refuse = |what: &str, help: &str| Err(Error::new(what).help(help));
        if self.output.annotate.is_some() {
            let what = "this command has no per-particle columns to annotate with";
            return refuse(what, "leave --annotate out");
        }
        if !self.output.labels.is_empty() {
            let what = "the rows of all inputs count together, and their column series names them";
            return refuse(what, "leave --label out");
        }
        if self.fit.compare.is_some() && self.output.plots.is_empty() {
            let what = "--compare draws points in a figure, and none is asked for";
            return refuse(what, "give --plot too");
        }
        Ok(())
    }

    fn provenance(&self) -> Result<Provenance> {
        let arguments = json!({ "command": noted(&self.fit)? });
        let mut provenance = Provenance::new("rate-fit", arguments, "lj");
        provenance.seed = Some(self.fit.seed);
        Ok(provenance)
    }
}

/// The column of values, which names the quantity where no other does.
const VALUE: &str = "value";

/// Refuses a table that is given twice: its rows would pass for replicas of each other.
fn refuse_twice(inputs: &[Input]) -> Result<()> {
    let mut known = HashSet::new();
    let paths = inputs.iter().filter_map(Input::path);
    for path in paths {
        // What is not there is told by whoever reads it.
        if let Ok(whole) = path.canonicalize()
            && !known.insert(whole)
        {
            let what = format!("{} is given twice", path.display());
            return Err(Error::new(what).help("leave one out"));
        }
    }
    Ok(())
}

/// The rows of a table, with what is known about it.
fn measurements(input: &Input, with_hash: bool) -> Result<(Vec<Measurement>, provenance::Input)> {
    let input = &match input {
        Input::Stdin => bytes::spool()?,
        other => other.clone(),
    };
    let format = match input.path().and_then(tables::of_path) {
        Some(format) => format,
        None => tables::of_content(&tables::start(input)?),
    };
    let (path, _kept) = readable(input, format)?;
    let names = table::column_names(&path)?;
    let mut columns = table::read_columns(&path, &[&["rate"], &[VALUE]])?.into_iter();
    let (rates, values) = (reals(columns.next()), reals(columns.next()));
    let texts = |name: &str| match names.iter().any(|known| known == name) {
        true => table::read_texts(Path::new(&path), name).map(Some),
        false => Ok(None),
    };
    let (quantities, series, sources) = (texts("quantity")?, texts("series")?, texts("source")?);
    let unnamed: Arc<str> = VALUE.into();
    let at = |texts: &Option<Vec<Option<Arc<str>>>>, row: usize| texts.as_ref()?[row].clone();
    let measurement = |row: usize| {
        let (rate, value) = (rates[row], values[row]);
        let refuse = |what: String, help: &str| {
            Err(Error::new(format!("row {}: {what}", row + 1)).help(help))
        };
        let quantity = match &quantities {
            Some(_) => at(&quantities, row),
            None => Some(unnamed.clone()),
        };
        let Some(quantity) = quantity else {
            return refuse(
                "the quantity is missing".to_string(),
                "name what was measured",
            );
        };
        if !rate.is_finite() {
            return refuse(missing_or("rate", rate), "correct it");
        }
        if rate <= 0.0 {
            let help = "give that of cooling or heating without its sign";
            return refuse(format!("the rate is {rate}, not positive"), help);
        }
        if value.is_infinite() {
            return refuse(missing_or(VALUE, value), "correct it, or leave it empty");
        }
        Ok(Measurement {
            quantity,
            series: at(&series, row),
            source: at(&sources, row),
            rate,
            value: Some(value).filter(|value| !value.is_nan()),
        })
    };
    let rows = (0..rates.len())
        .map(measurement)
        .collect::<Result<Vec<_>>>()?;
    let about = tables::about(input, format.name(), rows.len() as u64, with_hash)?;
    Ok((rows, about))
}
