//! Analyses: one file (or folder) a subcommand, with its arguments, its physics, its columns and its figure.
//!
//! An analysis is what one frame says ([`Analysis::frame`], on any thread) and what the frames say together ([`Analysis::reduce`], in
//! their order, on one thread). It never knows where frames come from or where rows go.

use std::path::Path;

use crate::data::figure::{Color, Figure};
use crate::data::frame::{Column, Frame, Species};
use crate::data::table::{Cells, RowSink, Rows, TableSpec};
use crate::error::{Error, Result};
use crate::physics::potential::Potential;
use crate::physics::topology::Filter;

pub(crate) mod columns;
pub mod delta_star;
pub(crate) mod distribution;
pub mod followed;
pub mod icosa;
pub mod info;
pub mod msd;
pub mod rate_fit;
pub mod tessellation;
pub mod tg_fit;
pub mod virial;
pub mod voronoi;

/// What a command does to a stream of frames.
pub trait Analysis: Send + Sync + 'static {
    /// What is taken from the first frame: a reference, the species.
    type Context: Send + Sync + 'static;
    /// What one frame says.
    type Partial: Send + 'static;
    /// What the frames have said so far.
    type State;
    /// What they said together: the data of summaries and figures.
    type Finished;

    /// The tables that this analysis fills; the first is the main one.
    fn tables(&self) -> &'static [TableSpec];

    /// The figures that it draws, by name; the first is the main one.
    fn figures(&self) -> &'static [&'static str];

    /// Whether positions must be continuous in time, and so are unwrapped unless the user says otherwise.
    fn follows_particles(&self) -> bool {
        false
    }

    /// Position in the input of the frame that [`Analysis::prepare`] looks at, which need not be among those used. Default: the first of these.
    fn reference(&self) -> Option<usize> {
        None
    }

    /// The potential to whose nearest minimum every frame is taken before the analysis sees it.
    fn inherent(&self) -> Option<Potential> {
        None
    }

    /// Looks at the first frame, or the reference, and checks that it has what is needed.
    fn prepare(&self, first: &Frame) -> Result<Self::Context>;

    /// What one frame says. Depends on nothing but the frame and the context.
    fn frame(&self, context: &Self::Context, frame: &Frame) -> Result<Self::Partial>;

    /// The state before any frame.
    fn start(&self, context: &Self::Context) -> Self::State;

    /// Adds a frame, in order, and hands out the rows that are ready.
    fn reduce(
        &self,
        context: &Self::Context,
        state: &mut Self::State,
        partial: Self::Partial,
        out: &mut dyn RowSink,
    ) -> Result<()>;

    /// Hands out the rows that had to wait for the last frame.
    fn finish(
        &self,
        context: &Self::Context,
        state: Self::State,
        out: &mut dyn RowSink,
    ) -> Result<Self::Finished>;

    /// What an input's curves are drawn against: several inputs can be drawn in one figure only if it is the same.
    fn abscissa_of(&self, _context: &Self::Context) -> Option<Abscissa> {
        None
    }

    /// Whether a figure can show several inputs.
    fn draws_several(&self, _figure: &str) -> bool {
        true
    }

    /// Whether a figure of several replicas can be their mean with its spread ([`crate::data::replicas::mean`]).
    fn averages(&self, _figure: &str) -> bool {
        true
    }

    /// Whether there are per-particle columns for `--annotate`.
    fn annotates(&self) -> bool {
        false
    }

    /// Per-particle columns for `--annotate`, in the order of the frame's particles.
    fn annotation(&self, _partial: &Self::Partial) -> Vec<Column> {
        Vec::new()
    }

    /// One line for the terminal.
    fn summary(&self, finished: &Self::Finished) -> String;

    /// Text for standard output, of analyses whose answer is not a table; `name` is the input's, `about` what its reader knows.
    fn report(
        &self,
        _name: &str,
        _about: &InputFacts,
        _finished: &Self::Finished,
    ) -> Option<String> {
        None
    }

    /// One of the figures, of one or more inputs with their labels.
    fn figure(&self, _name: &str, _inputs: &[(String, &Self::Finished)]) -> Figure {
        Figure::default()
    }
}

/// The arguments of a subcommand, which know what analysis they ask for.
pub trait Command: clap::Args + serde::Serialize {
    /// Formulas, worked examples and sources, for the help and the manual page: sections under headings that end in a colon.
    const MANUAL: &'static str = "";

    /// Flags that choose tables and figures of their own.
    const MODES: &'static [&'static str] = &[""];

    /// Checks what the flags' types do not.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Hands the analysis to whoever runs it.
    fn run(&self, wanted: Wanted, runner: &mut impl Runner) -> Result<()>;
}

/// Whoever opens inputs and outputs and runs an analysis between them.
pub trait Runner {
    /// Runs the analysis on every input.
    fn run<A: Analysis>(&mut self, analysis: A) -> Result<()>;

    /// Reads a filter of structures.
    fn filter(&self, path: &Path) -> Result<Filter>;
}

/// What was asked of an analysis beside its main table, so that nothing is computed or kept in vain.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// Every table and every figure.
    Everything,
    /// Some of what there is.
    These {
        /// Names of the further tables.
        tables: Vec<String>,
        /// Names of the figures; empty for the main one.
        figures: Vec<String>,
        /// Whether a trajectory is to be annotated.
        annotation: bool,
    },
}

impl Wanted {
    /// The main table alone.
    pub const NOTHING: Self = Wanted::These {
        tables: Vec::new(),
        figures: Vec::new(),
        annotation: false,
    };

    /// Whether this further table is needed.
    pub fn table(&self, name: &str) -> bool {
        match self {
            Wanted::Everything => true,
            Wanted::These { tables, .. } => tables.iter().any(|table| table == name),
        }
    }

    /// Whether this figure, which is not the main one, is needed.
    pub fn figure(&self, name: &str) -> bool {
        match self {
            Wanted::Everything => true,
            Wanted::These { figures, .. } => figures.iter().any(|figure| figure == name),
        }
    }

    /// Whether any figure is needed.
    pub fn any_figure(&self) -> bool {
        match self {
            Wanted::Everything => true,
            Wanted::These { figures, .. } => !figures.is_empty(),
        }
    }

    /// Whether columns for a trajectory are needed.
    pub fn annotation(&self) -> bool {
        matches!(
            self,
            Wanted::These {
                annotation: true,
                ..
            }
        )
    }
}

/// What the reader of an input knows beside its frames.
#[derive(Clone, Debug, Default)]
pub struct InputFacts {
    /// Its format.
    pub format: String,
    /// Its size after decompression (bytes), once the whole has been read.
    pub bytes: Option<u64>,
    /// Whether it ended in the middle of a frame.
    pub cut_short: bool,
    /// Whether the user ended the reading before its end.
    pub interrupted: bool,
}

/// The arguments of a command from its flags as one would type them, but without quotes: `--threshold 0.5 --at 0.4,0.5`.
///
/// Errors: a flag that the command does not have, and a value that it does not take.
pub fn arguments<A: clap::Args>(flags: &str) -> Result<A> {
    let command = A::augment_args(clap::Command::new("flags").no_binary_name(true));
    let matches = command.try_get_matches_from(flags.split_whitespace());
    let arguments = matches.and_then(|matches| A::from_arg_matches(&matches));
    arguments.map_err(|error| {
        let text = error.to_string();
        let what = text.lines().next().unwrap_or_default();
        Error::new(what.trim_start_matches("error: ")).help("the command's --help has its flags")
    })
}

/// What is given once or once for each of several inputs.
///
/// Errors: it is given another number of times.
pub fn for_input<'a, T>(
    flag: &str,
    values: &'a [T],
    input: usize,
    inputs: usize,
) -> Result<Option<&'a T>> {
    match values {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        several if several.len() == inputs => Ok(Some(&several[input])),
        several => {
            let what = format!(
                "{flag} is given {} times for {}",
                several.len(),
                counted(inputs, "input")
            );
            Err(Error::new(what).help("give it once, or once for each input"))
        }
    }
}

/// A number of things: `1 frame`, `2 frames`.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Checks the flags of intervals that are made by drawing the data again.
pub(crate) fn check_resampling(confidence: f64, replicates: usize) -> Result<()> {
    if !(confidence > 0.0 && confidence < 1.0) {
        let what = format!("--confidence {confidence} is not between 0 and 1");
        return Err(Error::new(what).help("0.95 is usual"));
    }
    if !(100..=1_000_000).contains(&replicates) {
        let what = format!("--replicates {replicates} is not between 100 and 1000000");
        return Err(Error::new(what).help("1000 is usual"));
    }
    Ok(())
}

/// Refuses `--at` where the figure that shows what it chooses is not drawn.
pub(crate) fn check_at(at: &[f64], is_drawn: bool, figure: &str) -> Result<()> {
    if at.is_empty() || is_drawn {
        return Ok(());
    }
    let what = format!("--at chooses what the figure '{figure}' shows, which is not drawn");
    Err(Error::new(what).help(format!("add --plot {figure}=PATH, or leave --at out")))
}

/// Name of the rows that stand for all species together.
pub const ALL: &str = "all";

/// When a frame was: what identifies its rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Position in the input, from 0.
    pub frame: usize,
    /// Integration step.
    pub step: Option<i64>,
    /// Time since the start (time).
    pub time: Option<f64>,
    /// Temperature (energy / k_B).
    pub temperature: Option<f64>,
}

impl Moment {
    /// When this frame was.
    pub fn of(frame: &Frame) -> Self {
        Moment {
            frame: frame.ordinal,
            step: frame.step,
            time: frame.time,
            temperature: frame.temperature,
        }
    }

    /// The values of frame, step, time and temperature in `rows` rows.
    pub fn cells(&self, rows: usize) -> Rows {
        vec![
            Cells::repeat(self.frame as i64, rows),
            Cells::repeat(self.step, rows),
            Cells::repeat(self.time, rows),
            Cells::repeat(self.temperature, rows),
        ]
    }

    /// This moment on an axis; NaN if the frame does not tell.
    pub fn on(&self, abscissa: Abscissa) -> f64 {
        match abscissa {
            Abscissa::Temperature => self.temperature.unwrap_or(f64::NAN),
            Abscissa::Time => self.time.unwrap_or(f64::NAN),
            Abscissa::Step => self.step.map_or(f64::NAN, |step| step as f64),
            Abscissa::Frame => self.frame as f64,
        }
    }

    /// This moment on an axis that every frame has to tell.
    pub fn along(&self, abscissa: Abscissa) -> Result<f64> {
        let at = self.on(abscissa);
        if at.is_nan() {
            return Err(Error::new(format!("the frame has no {}", abscissa.name()))
                .help(format!(
                    "give it with {}, or choose another with --against",
                    match abscissa {
                        Abscissa::Temperature => "--temperature",
                        Abscissa::Time => "--timestep, or --steps too",
                        Abscissa::Step | Abscissa::Frame => "--steps",
                    }
                ))
                .in_frame(self.frame));
        }
        Ok(at)
    }
}

/// Name of a species in a legend; a bare number says what it is.
pub(crate) fn curve_label(species: &str) -> String {
    match species.parse::<i64>() {
        Ok(number) => format!("species {number}"),
        Err(_) => species.to_string(),
    }
}

/// Names in legends: of all, then of each species.
pub(crate) fn curve_labels(species: &Species) -> Vec<String> {
    let names = species.names.iter().map(|name| curve_label(name));
    std::iter::once(ALL.to_string()).chain(names).collect()
}

/// How many of the curves (of all, then of each species) a figure shows: with a single species the curve of all says everything.
pub(crate) fn curves_shown(curves: usize) -> usize {
    if curves == 2 { 1 } else { curves.min(9) }
}

/// Colour of a curve: the first is black.
pub(crate) fn curve_color(index: usize) -> Color {
    index.checked_sub(1).map_or(Color::Black, Color::Series)
}

/// What a curve over the frames is drawn against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Abscissa {
    /// Position in the input.
    Frame,
    /// Integration step.
    Step,
    /// Time.
    Time,
    /// Temperature.
    Temperature,
}

impl Abscissa {
    /// The most telling that this frame has.
    pub fn of(moment: &Moment) -> Self {
        match moment {
            Moment {
                temperature: Some(_),
                ..
            } => Abscissa::Temperature,
            Moment { time: Some(_), .. } => Abscissa::Time,
            Moment { step: Some(_), .. } => Abscissa::Step,
            _ => Abscissa::Frame,
        }
    }

    /// Its name in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Abscissa::Temperature => "temperature",
            Abscissa::Time => "time",
            Abscissa::Step => "step",
            Abscissa::Frame => "frame",
        }
    }

    /// Label of the axis.
    pub fn label(self) -> &'static str {
        match self {
            Abscissa::Temperature => "*T*",
            Abscissa::Time => "*t*",
            Abscissa::Step => "step",
            Abscissa::Frame => "frame",
        }
    }

    /// A value with its symbol, for messages.
    pub fn value(self, value: f64) -> String {
        match self {
            Abscissa::Temperature => format!("T = {value:.4}"),
            Abscissa::Time => format!("t = {value:.6}"),
            Abscissa::Step => format!("step {value:.0}"),
            Abscissa::Frame => format!("frame {value:.1}"),
        }
    }
}

/// What the frames say one after the other, for a figure. Beyond a number of them every second one is dropped, again and again, so that
/// memory does not grow.
#[derive(Clone, Debug)]
pub struct Thinned<T> {
    /// Those that are kept, the first of all among them.
    pub points: Vec<T>,
    most: usize,
    seen: usize,
    stride: usize,
}

/// A curve over the frames.
pub type Curve = Thinned<(f64, f64)>;

impl<T> Default for Thinned<T> {
    fn default() -> Self {
        Thinned::at_most(4096)
    }
}

impl<T> Thinned<T> {
    /// Keeps at most so many, and at least two.
    pub fn at_most(most: usize) -> Self {
        Thinned {
            points: Vec::new(),
            most: most.max(2),
            seen: 0,
            stride: 1,
        }
    }

    /// Adds what the next frame says.
    pub fn push(&mut self, point: T) {
        if self.seen.is_multiple_of(self.stride) {
            self.points.push(point);
        }
        self.seen += 1;
        if self.points.len() > self.most {
            let mut index = 0;
            self.points.retain(|_| {
                index += 1;
                (index - 1usize).is_multiple_of(2)
            });
            self.stride *= 2;
        }
    }
}
