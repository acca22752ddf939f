//! The analyses as functions: frames in, tables and figures in memory out, without files or a command line.
//!
//! An analysis is named by its type of arguments and takes the flags of its command, so that the help and the manual pages
//! (`hyalo help msd`) hold here too:
//!
//! ```
//! use hyalo::analysis::msd;
//! use hyalo::library::{analyse, read};
//!
//! let frames = read("fixtures/lammps/heat_wrapped.lammpstrj.gz")?;
//! let answer = analyse::<msd::Arguments>("--threshold 0.5", frames)?;
//! let squared = answer.table("frames").numbers("msd");
//! assert_eq!(squared[0], 0.0);
//! assert!(squared.iter().all(|msd| *msd >= 0.0));
//! # Ok::<(), hyalo::error::Error>(())
//! ```
//!
//! Frames are plain data ([`Frame`]): what a trajectory does not tell, such as temperatures and diameters, is set on them.
//! [`crate::stream::open`] does all that the flags of the commands do. A figure is data too, and [`crate::sink::figure::render`] makes SVG or
//! PNG of it.

use std::path::Path;
use std::sync::Arc;

use crate::analysis::{Analysis, Command, InputFacts, Runner, Wanted, arguments};
use crate::data::figure::Figure;
use crate::data::frame::{Frame, Source};
use crate::data::table::{RowSink, Rows, Table};
use crate::engine::inherent::inherent;
use crate::error::{Error, Result};
use crate::physics::topology::Filter;
use crate::stream::bytes::Input;
use crate::stream::parallel::Workers;
use crate::stream::unwrap::{Unwrap, Unwrapper};
use crate::stream::{self, Options, vorotop};

/// The frames of a trajectory in any format that the commands read, perhaps compressed, with positions as they are stored. They are parsed on
/// all cores.
///
/// Errors: a file that cannot be opened or whose format is unknown; and, of each frame, what is wrong with it.
pub fn read(path: impl AsRef<Path>) -> Result<Source> {
    let options = Options {
        unwrap: Unwrap::None,
        without_hash: true,
        ..Options::default()
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let input = Input::File(path.as_ref().to_owned());
    Ok(stream::open(&input, &options, Workers::new(threads)?)?.frames)
}

/// What an analysis says of some frames.
#[derive(Debug)]
pub struct Answer {
    /// All its tables, the main one first.
    pub tables: Vec<Table>,
    /// All its figures, the main one first.
    pub figures: Vec<(&'static str, Figure)>,
    /// What the command says in its last line.
    pub summary: String,
    /// The text of a command whose answer is not a table.
    pub report: Option<String>,
}

impl Answer {
    /// The table of that name.
    ///
    /// Panics if the analysis has none: `hyalo COMMAND --list-tables` names them.
    pub fn table(&self, name: &str) -> &Table {
        let table = self.tables.iter().find(|table| table.spec.name == name);
        table.unwrap_or_else(|| panic!("there is no table '{name}'"))
    }
}

/// Runs an analysis, with the flags of its command, on frames in their order and on this thread.
///
/// As the command does, it follows particles from frame to frame where that matters (image flags, else the nearest image), and takes frames
/// to their inherent structures if the flags ask for that.
///
/// Errors: flags that are wrong; no frame; and what the analysis says is wrong with one, the frame's own error among it.
pub fn analyse<C: Command>(
    flags: &str,
    frames: impl IntoIterator<Item = Result<Frame>>,
) -> Result<Answer> {
    let arguments: C = arguments(flags)?;
    arguments.check()?;
    let mut run = Run {
        frames: Some(frames.into_iter()),
        answer: None,
    };
    arguments.run(Wanted::Everything, &mut run)?;
    run.answer
        .ok_or_else(|| Error::new("the analysis said nothing"))
}

/// Runs an analysis once.
struct Run<I> {
    frames: Option<I>,
    answer: Option<Answer>,
}

impl<I: Iterator<Item = Result<Frame>>> Runner for Run<I> {
    fn filter(&self, path: &Path) -> Result<Filter> {
        vorotop::read(path)
    }

    fn run<A: Analysis>(&mut self, analysis: A) -> Result<()> {
        let mut unwrapper = Unwrapper::new(match analysis.follows_particles() {
            true => Unwrap::Auto,
            false => Unwrap::None,
        });
        let reference = analysis.reference().unwrap_or(0);
        let is_early =
            |frame: &Result<Frame>| matches!(frame, Ok(frame) if frame.ordinal < reference);
        let frames = self.frames.take().into_iter().flatten();
        let mut frames = frames
            .skip_while(is_early)
            .map(|frame| unwrapper.apply(frame?));
        let Some(first) = frames.next().transpose()? else {
            return Err(Error::new("there is no frame to use").help("give one"));
        };
        let context = Arc::new(analysis.prepare(&first)?);
        let mut state = analysis.start(&context);
        let mut kept = Kept::of(&analysis);
        for frame in std::iter::once(Ok(first)).chain(frames) {
            let (_, partial) = said(&analysis, &context, frame?)?;
            analysis.reduce(&context, &mut state, partial, &mut kept)?;
        }
        let finished = analysis.finish(&context, state, &mut kept)?;
        let figure =
            |name: &&'static str| (*name, analysis.figure(name, &[(String::new(), &finished)]));
        self.answer = Some(Answer {
            figures: analysis.figures().iter().map(figure).collect(),
            summary: analysis.summary(&finished),
            report: analysis.report("frames", &InputFacts::default(), &finished),
            tables: kept.0,
        });
        Ok(())
    }
}

/// What an analysis says of a frame, which is taken to its inherent structure before, if the analysis wants that.
///
/// Errors: a frame that the analysis cannot do with, or whose inherent structure is not found.
pub fn said<A: Analysis>(
    analysis: &A,
    context: &A::Context,
    mut frame: Frame,
) -> Result<(Frame, A::Partial)> {
    let ordinal = frame.ordinal;
    let in_frame = |error: Error| error.in_frame(ordinal);
    if let Some(potential) = analysis.inherent() {
        frame = inherent(frame, potential).map_err(in_frame)?;
    }
    let partial = analysis.frame(context, &frame).map_err(in_frame)?;
    Ok((frame, partial))
}

/// Keeps all tables.
struct Kept(Vec<Table>);

impl Kept {
    fn of(analysis: &impl Analysis) -> Self {
        Kept(analysis.tables().iter().map(Table::empty).collect())
    }
}

impl RowSink for Kept {
    fn wants(&self, _table: &str) -> bool {
        true
    }

    fn rows(&mut self, table: &'static str, rows: Rows) -> Result<()> {
        let kept = self.0.iter_mut().find(|kept| kept.spec.name == table);
        kept.expect("analyses declare their tables").append(rows);
        Ok(())
    }
}
