//! Runs an analysis: source, frames in parallel, reduction in order, sinks.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::flags::{InputFlags, OutputFlags, RunFlags};
use super::listing::Listing;
use super::output::{Origin, Outputs, input_of};
use super::progress::{self, Progress, say};
use crate::analysis::{Abscissa, Analysis, InputFacts, Runner, Wanted};
use crate::data::frame::Frame;
use crate::data::means;
use crate::data::replicas::{self, Replicas};
use crate::error::{Error, Result};
use crate::library::said;
use crate::physics::topology::Filter;
use crate::sink::atomic::AtomicFile;
use crate::sink::figure;
use crate::sink::provenance::{self, Provenance, noted};
use crate::stream::bytes::Input;
use crate::stream::parallel::Workers;
use crate::stream::unwrap::Unwrap;
use crate::stream::{self, About, vorotop, xyz};

/// How a command ended that could run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With the whole answer.
    Whole,
    /// Stopped by the user: what was written is marked as incomplete.
    Interrupted,
    /// With an answer that is not the one asked: what was written says so.
    NotTheAnswer,
}

impl Outcome {
    /// The exit code of the contract.
    pub fn exit_code(self) -> u8 {
        match self {
            Outcome::Whole => 0,
            Outcome::Interrupted | Outcome::NotTheAnswer => 1,
        }
    }
}

/// Runs one analysis with the flags of its command.
pub struct AnalysisRunner<'a> {
    command: &'static str,
    arguments: Value,
    input: &'a InputFlags,
    output: &'a OutputFlags,
    run: &'a RunFlags,
    outcome: Outcome,
}

impl<'a> AnalysisRunner<'a> {
    /// A runner for a command with these arguments and flags.
    pub fn new(
        command: &'static str,
        arguments: &impl serde::Serialize,
        input: &'a InputFlags,
        output: &'a OutputFlags,
        run: &'a RunFlags,
    ) -> Result<Self> {
        let arguments = json!({ "command": noted(arguments)?, "input": noted(input)? });
        Ok(AnalysisRunner {
            command,
            arguments,
            input,
            output,
            run,
            outcome: Outcome::Whole,
        })
    }

    /// What was asked for beside the main answer.
    pub fn wanted(&self) -> Wanted {
        let name = |text: &String| {
            text.split_once('=')
                .map_or("", |(name, _)| name)
                .to_string()
        };
        Wanted::These {
            tables: self.output.tables.iter().map(name).collect(),
            figures: self.output.plots.iter().map(name).collect(),
            annotation: self.output.annotate.is_some(),
        }
    }

    /// How it ended.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Everything about one input: its frames through the analysis, its rows into the outputs.
    fn one<A: Analysis>(
        &mut self,
        analysis: &Arc<A>,
        inputs: &[Input],
        index: usize,
        workers: Workers,
        outputs: &mut Outputs,
    ) -> Result<Read<A>> {
        let (input, mut options) = self.input.options(
            inputs,
            index,
            if analysis.follows_particles() {
                Unwrap::Auto
            } else {
                Unwrap::None
            },
        )?;
        options.without_hash = !outputs.carry_provenance();
        options.reference = analysis.reference();
        let stream::Trajectory { mut frames, about } = stream::open(&input, &options, workers)?;
        let in_input = |error: Error| error.in_input(&about.name);
        let first = frames.next().unwrap_or_else(|| {
            let help = if options.frames.is_all() {
                "give a file that holds one"
            } else {
                "give another range with --frames"
            };
            Err(Error::new("there is no frame to use")
                .help(help)
                .in_input(&about.name))
        })?;
        if self.run.verbose {
            let positions = about.positions().unwrap_or("?");
            say(&format!(
                "hyalo: {}: format {}, positions {positions}, unwrapping {}, first frame with {} particles",
                about.name,
                about.format.name(),
                options.unwrap.name(),
                first.len()
            ));
        }
        let units = first.key("units").map(str::to_string);
        let context = Arc::new(analysis.prepare(&first).map_err(in_input)?);
        // A reference is not among the frames used, unless it comes again.
        let first = options.reference.is_none().then_some(Ok(first)).into_iter();
        let annotates = outputs.annotates();
        let work = {
            let (analysis, context) = (analysis.clone(), context.clone());
            move |frame: Result<Frame>| -> Result<(Vec<u8>, A::Partial)> {
                let (frame, partial) = said(&*analysis, &context, frame?)?;
                let text = if annotates {
                    annotated(frame, analysis.annotation(&partial))?
                } else {
                    Vec::new()
                };
                Ok((text, partial))
            }
        };
        let mut progress = Progress::new(about.clone(), self.run, outputs.to_stdout());
        let mut state = analysis.start(&context);
        let mut used = 0;
        for partial in workers.map_ordered(first.chain(frames), work) {
            let (text, partial) = partial.map_err(in_input)?;
            outputs.annotate(&text)?;
            analysis
                .reduce(&context, &mut state, partial, outputs)
                .map_err(in_input)?;
            used += 1;
            progress.tick();
            if progress::interrupted() {
                self.outcome = Outcome::Interrupted;
                break;
            }
        }
        drop(progress);
        let abscissa = analysis.abscissa_of(&context);
        let finished = analysis
            .finish(&context, state, outputs)
            .map_err(in_input)?;
        Ok(Read {
            abscissa,
            about,
            used,
            units,
            finished,
        })
    }

    fn provenance<A: Analysis>(&self, read: &[Read<A>], units: &str) -> Provenance {
        let mut provenance = Provenance::new(self.command, self.arguments.clone(), units);
        provenance.complete =
            self.outcome == Outcome::Whole && !read.iter().any(|read| read.about.cut_short());
        provenance.inputs = read
            .iter()
            .enumerate()
            .map(|(index, read)| provenance::Input {
                label: self.output.label(index).cloned(),
                ..input_of(&read.about, read.used)
            })
            .collect();
        if self.outcome == Outcome::Interrupted {
            provenance
                .notes
                .push("interrupted: the frames up to here were used".to_string());
        }
        provenance
    }
}

/// An input that has been read to its end.
struct Read<A: Analysis> {
    abscissa: Option<Abscissa>,
    about: Arc<About>,
    used: u64,
    units: Option<String>,
    finished: A::Finished,
}

impl Runner for AnalysisRunner<'_> {
    fn filter(&self, path: &Path) -> Result<Filter> {
        vorotop::read(path)
    }

    fn run<A: Analysis>(&mut self, analysis: A) -> Result<()> {
        if self.output.list_tables {
            return Listing::new(
                self.command,
                means::tables(analysis.tables()),
                analysis.figures(),
            )
            .print();
        }
        let start = Instant::now();
        let inputs = self.input.inputs()?;
        let labels = self.output.labels(&inputs)?;
        let workers = Workers::new(self.run.threads()?)?;
        if self.output.annotate.is_some() {
            if !analysis.annotates() {
                return Err(
                    Error::new("there are no per-particle columns to annotate with")
                        .help("leave --annotate out"),
                );
            }
            if inputs.len() > 1 {
                return Err(Error::new(format!(
                    "--annotate takes one input, not {}",
                    inputs.len()
                ))
                .help("annotate them one by one"));
            }
        }
        let replicas = Replicas::of(labels.iter().map(String::as_str));
        let mut outputs = Outputs::open(
            self.output,
            means::tables(analysis.tables()),
            analysis.figures(),
            Origin::of(inputs.len(), &replicas),
            self.run.force,
        )?;
        let several = inputs.len() > 1;
        for name in outputs.figures() {
            if several && !analysis.draws_several(name) {
                return Err(Error::new(format!(
                    "the figure '{name}' shows one input, not {}",
                    inputs.len()
                ))
                .help("draw one for each"));
            }
            if replicas.any() && !analysis.averages(name) {
                let what = format!("the figure '{name}' is no mean over inputs of the same label");
                return Err(Error::new(what).help("draw one of each label"));
            }
        }
        let sets = match outputs.figures().is_empty() {
            true => Vec::new(),
            false => sets(&replicas)?,
        };
        progress::catch_interrupts();
        let analysis = Arc::new(analysis);
        let mut read: Vec<Read<A>> = Vec::new();
        let mut units = CommonUnits::default();
        for (index, label) in labels.iter().enumerate() {
            outputs.set_input(label, replicas.number(index), &inputs[index].name());
            let one = self.one(&analysis, &inputs, index, workers, &mut outputs)?;
            units.add(&one.about.name, one.units.as_deref())?;
            read.push(one);
            if !outputs.figures().is_empty() {
                same_abscissa(&read)?;
            }
            if self.outcome == Outcome::Interrupted {
                break;
            }
        }
        let provenance = self.provenance(&read, units.name());
        for read in &read {
            let facts = InputFacts {
                format: read.about.format.name().to_string(),
                bytes: read.about.meter.content().map(|content| content.bytes),
                cut_short: read.about.cut_short(),
                interrupted: self.outcome == Outcome::Interrupted,
            };
            if let Some(report) = analysis.report(&read.about.name, &facts, &read.finished) {
                let mut stdout = AtomicFile::stdout();
                stdout.write_all(report.as_bytes())?;
                stdout.commit()?;
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let mut summaries = Vec::new();
        for (read, label) in read.iter().zip(&labels) {
            let cut = if read.about.cut_short() {
                " (the input ends in the middle of a frame: the frames before it were used)"
            } else {
                ""
            };
            summaries.push(format!(
                "hyalo {}: {label}: {}{cut}",
                self.command,
                analysis.summary(&read.finished)
            ));
        }
        let names = if self.output.labels.is_empty() {
            legend_labels(&labels)
        } else {
            labels
        };
        let figure = |name: &str, set: &Vec<usize>| {
            // An interruption leaves inputs out.
            let named = |&input: &usize| Some((names[input].clone(), &read.get(input)?.finished));
            analysis.figure(name, &set.iter().filter_map(named).collect::<Vec<_>>())
        };
        let interrupted = self.outcome == Outcome::Interrupted;
        outputs.commit(&provenance, interrupted, |name, format| {
            let figures = sets.iter().map(|set| figure(name, set)).collect();
            figure::render(&replicas::mean(figures), format)
        })?;
        if !self.run.quiet {
            summaries
                .iter()
                .for_each(|summary| say(&format!("{summary} ({seconds:.2} s)")));
        }
        if self.outcome == Outcome::Interrupted {
            say(
                "hyalo: interrupted; what was written holds the frames up to here: Parquet and Arrow tables say so, other files are named .incomplete",
            );
        }
        Ok(())
    }
}

/// Sets of inputs that are drawn together, a figure each, to be averaged.
///
/// Errors: of some labels there are more inputs than of others.
pub fn sets(replicas: &Replicas) -> Result<Vec<Vec<usize>>> {
    replicas.sets().map_err(|few| {
        let what = format!("the label '{}' is given less often than others", few[0]);
        Error::new(what).help("a figure of replicas needs each label once, or equally often")
    })
}

/// The unit style of all inputs.
#[derive(Default)]
pub struct CommonUnits {
    /// Its name, and the first input that tells it.
    told: Option<(String, String)>,
}

impl CommonUnits {
    /// Takes up what the next input tells of its units, if it does; refuses others than those of an input before.
    pub fn add(&mut self, input: &str, units: Option<&str>) -> Result<()> {
        let Some(units) = units else {
            return Ok(());
        };
        let (known, by) = (self.told).get_or_insert_with(|| (units.to_string(), input.to_string()));
        if *known == *units {
            return Ok(());
        }
        let what = format!("its units are {units}, those of {by} {known}");
        Err(Error::new(what)
            .help("give together what is in the same units")
            .in_input(input))
    }

    /// LAMMPS's name of the style; `lj` if no input tells.
    pub fn name(&self) -> &str {
        self.told.as_ref().map_or("lj", |(name, _)| name)
    }
}

/// Checks that the curves of all inputs can be drawn on one axis.
fn same_abscissa<A: Analysis>(read: &[Read<A>]) -> Result<()> {
    let (Some(first), Some(last)) = (read.first(), read.last()) else {
        return Ok(());
    };
    match (first.abscissa, last.abscissa) {
        (Some(one), Some(other)) if one != other => {
            let what = format!(
                "its {} cannot be drawn on one axis with the {} of {}",
                other.name(),
                one.name(),
                first.about.name
            );
            Err(Error::new(what)
                .help("give all inputs a --temperature or a --timestep, or leave --plot out")
                .in_input(&last.about.name))
        }
        _ => Ok(()),
    }
}

/// Names of inputs in legends: file names where these tell them apart.
pub fn legend_labels(labels: &[String]) -> Vec<String> {
    let short: Vec<String> = labels
        .iter()
        .map(|label| label.rsplit('/').next().unwrap_or(label).to_string())
        .collect();
    let distinct: std::collections::HashSet<&String> = short.iter().collect();
    if distinct.len() == labels.len() {
        short
    } else {
        labels.to_vec()
    }
}

/// Text of a frame with further columns, which replace those of the same name.
fn annotated(mut frame: Frame, columns: Vec<crate::data::frame::Column>) -> Result<Vec<u8>> {
    frame
        .columns
        .retain(|old| !columns.iter().any(|new| new.name == old.name));
    frame.columns.extend(columns);
    xyz::format(&frame)
}
