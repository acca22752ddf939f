//! `tg-fit`: thermo tables, LAMMPS logs, tables of `msd` and the scalars of trajectories in; temperatures of transition out.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::flags::{InputFlags, OutputFlags, RunFlags, ramp_ends};
use super::output::Outputs;
use super::progress::{self, Progress, say};
use super::run::{Outcome, legend_labels, list_tables};
use crate::analysis::tg_fit::{self, Answer, Curve, FIGURES, Observed, TABLES, for_input};
use crate::analysis::{ALL, counted};
use crate::data::frame::Frame;
use crate::data::table::{Cells, RowSink};
use crate::error::{Error, Result};
use crate::physics::transition::Data;
use crate::sink::figure;
use crate::sink::provenance::{self, Provenance};
use crate::sink::table::{self, TableFormat};
use crate::stream::bytes::{self, Compression, Input};
use crate::stream::parallel::Workers;
use crate::stream::select::{self, FrameRange};
use crate::stream::unwrap::Unwrap;
use crate::stream::{self, Format, lammps_log};

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

/// Names under which energies go.
const ENERGIES: [&str; 6] = [
    "potential_energy",
    "PotEng",
    "E_pair",
    "energy",
    "pe",
    "c_pe",
];
/// Names under which temperatures go.
const TEMPERATURES: [&str; 3] = ["temperature", "Temp", "T"];

/// What an input is.
#[derive(Clone, Copy)]
enum Sort {
    Table(TableFormat),
    Log,
    Trajectory,
}

/// An input that has been read.
struct ReadInput {
    curves: Vec<(Option<String>, Curve)>,
    about: provenance::Input,
    interrupted: bool,
    cut_short: bool,
}

impl Arguments {
    /// Reads the ramps, fits them, and writes what they say.
    pub fn run(&self) -> Result<Outcome> {
        if self.output.list_tables {
            list_tables(&TABLES, &FIGURES)?;
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
        let mut outputs = Outputs::open(&self.output, &TABLES, &FIGURES, true, self.run.force)?;
        progress::catch_interrupts();

        let mut observed = Vec::new();
        let mut provenance = self.provenance()?;
        let mut outcome = Outcome::Whole;
        for (index, label) in labels.iter().enumerate() {
            let reader = Reader {
                arguments: self,
                inputs: &inputs,
                index,
                hashes: outputs.carry_provenance(),
                to_stdout: outputs.to_stdout(),
            };
            let mut read = reader
                .read(workers)
                .map_err(|error| error.in_input(inputs[index].name()))?;
            let several = read.curves.len() > 1;
            for (name, curve) in read.curves {
                let label = match name {
                    Some(name) if several => name,
                    _ => label.clone(),
                };
                observed.push(Observed {
                    label,
                    input: index,
                    curve,
                });
            }
            read.about.label = self.output.labels.get(index).cloned();
            provenance.inputs.push(read.about);
            provenance.complete &= !read.interrupted && !read.cut_short;
            if read.interrupted {
                outcome = Outcome::Interrupted;
                provenance
                    .notes
                    .push("interrupted: the frames up to here were used".to_string());
                break;
            }
        }
        let answers = self.fit.answer(observed, inputs.len())?;
        if !outputs.figures().is_empty() && !answers.iter().any(Answer::has_energies) {
            return Err(
                Error::new("the figure shows energies, and no input has them")
                    .help("leave --plot out; hyalo msd draws displacements"),
            );
        }
        for answer in &answers {
            outputs.set_input(&answer.label);
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
            figure::render(&tg_fit::figure(&answers, &legends), format)
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
        let text =
            |error: serde_json::Error| Error::new(format!("cannot note the arguments: {error}"));
        let arguments = json!({
            "command": serde_json::to_value(&self.fit).map_err(text)?,
            "input": serde_json::to_value(&self.input).map_err(text)?,
        });
        let mut provenance = Provenance::new("tg-fit", arguments, "lj");
        provenance.seed = Some(self.fit.seed);
        Ok(provenance)
    }
}

/// Reads one of the inputs.
struct Reader<'a> {
    arguments: &'a Arguments,
    inputs: &'a [Input],
    index: usize,
    hashes: bool,
    to_stdout: bool,
}

impl Reader<'_> {
    fn read(&self, workers: Workers) -> Result<ReadInput> {
        // The kind is told from the beginning, and tables are read by name: a pipe is kept in a file.
        let input = match &self.inputs[self.index] {
            Input::Stdin => bytes::spool()?,
            other => other.clone(),
        };
        match self.sort(&input)? {
            Sort::Table(format) => self.table(&input, format),
            Sort::Log => self.log(&input),
            Sort::Trajectory => self.trajectory(input, workers),
        }
    }

    fn sort(&self, input: &Input) -> Result<Sort> {
        let named = |name: &str| TableFormat::of_path(Path::new(&format!("x.{name}"))).ok();
        if let Some(name) = &self.arguments.input.format {
            return Ok(match name.to_ascii_lowercase().as_str() {
                "log" => Sort::Log,
                name => named(name).map_or(Sort::Trajectory, Sort::Table),
            });
        }
        if let Input::File(path) = input {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .to_ascii_lowercase();
            let (_, stem) = Compression::from_name(&name);
            if let Ok(format) = TableFormat::of_path(Path::new(stem)) {
                return Ok(Sort::Table(format));
            }
            if stem.ends_with(".log") || stem.starts_with("log.") {
                return Ok(Sort::Log);
            }
            if Format::from_path(path).0.is_some() {
                return Ok(Sort::Trajectory);
            }
        }
        let (reader, _) = bytes::open(input)?;
        let mut start = Vec::new();
        reader.take(1 << 16).read_to_end(&mut start)?;
        Ok(match &start[..] {
            [b'P', b'A', b'R', b'1', ..] => Sort::Table(TableFormat::Parquet),
            [b'A', b'R', b'R', b'O', b'W', b'1', ..] => Sort::Table(TableFormat::ArrowIpc),
            [b'{', ..] => Sort::Table(TableFormat::NdJson),
            start if start.starts_with(b"LAMMPS (") => Sort::Log,
            start if Format::from_content(start).is_some() => Sort::Trajectory,
            _ => Sort::Table(TableFormat::Csv),
        })
    }

    fn range(&self) -> Result<FrameRange> {
        let Some(text) = &self.arguments.input.frames else {
            return Ok(FrameRange::ALL);
        };
        let range = text.parse::<FrameRange>();
        range.map_err(|message| Error::new(format!("--frames {text}: {message}")))
    }

    /// How the temperatures of a table or a log are given.
    fn temperature(&self) -> Result<Given<'_>> {
        let specs = &self.arguments.input.temperature;
        let Some(spec) = for_input("--temperature", specs, self.index, self.inputs.len())? else {
            return Ok(Given::Column(None));
        };
        if spec.starts_with("ramp:") {
            return Ok(Given::Ramp(ramp_ends(spec)?));
        }
        spec.strip_prefix("key:")
            .map(|name| Given::Column(Some(name)))
            .ok_or_else(|| {
                Error::new(format!(
                    "--temperature {spec} does not go with a table or a log"
                ))
                .help("write ramp:T0:T1 or key:COLUMN")
            })
    }

    fn about(&self, input: &Input, format: &str, rows: usize) -> Result<provenance::Input> {
        let content = self.hashes.then(|| bytes::content(input)).transpose()?;
        Ok(provenance::Input {
            name: self.inputs[self.index].name(),
            label: None,
            format: format.to_string(),
            bytes: content.as_ref().map(|content| content.bytes),
            blake3: content.and_then(|content| content.blake3),
            frames_used: rows as u64,
            positions: None,
        })
    }

    fn log(&self, input: &Input) -> Result<ReadInput> {
        let (mut reader, _) = bytes::open(input)?;
        let mut text = Vec::new();
        reader.read_to_end(&mut text)?;
        // What programs print beside their output need not be text.
        let text = String::from_utf8_lossy(&text);
        let sessions = lammps_log::sessions(&text);
        let count = sessions.len();
        if count == 0 {
            return Err(
                Error::new("there is no thermo output with Step and Temp").help(
                    "print them with thermo_style, or name the format of the input with --format",
                ),
            );
        }
        let asked = self.arguments.fit.session;
        let at = if asked < 0 {
            asked + count as i64
        } else {
            asked
        };
        let session = usize::try_from(at)
            .ok()
            .and_then(|at| sessions.get(at))
            .ok_or_else(|| {
                Error::new(format!(
                    "--session {asked}: the log has {}",
                    counted(count, "session")
                ))
                .help("they are counted from 0, or from the end: -1 is the last")
            })?;
        let steps: Vec<Option<i64>> = session.steps.iter().map(|step| Some(*step)).collect();
        let column = |names: &[&str]| {
            session.column(names).map(<[f64]>::to_vec).ok_or_else(|| {
                let present: Vec<&str> = session
                    .columns
                    .iter()
                    .map(|(name, _)| name.as_str())
                    .collect();
                Error::new(format!(
                    "the log's thermo output has no {}",
                    names.join(" or ")
                ))
                .help(format!(
                    "it has Step {}; name one with --energy",
                    present.join(" ")
                ))
            })
        };
        let temperatures = match self.temperature()? {
            Given::Ramp(ends) => ramp(ends, &steps),
            Given::Column(None) => column(&["Temp"])?,
            Given::Column(Some(name)) => column(&[name])?,
        };
        let mut energies = match &self.arguments.fit.energy {
            Some(name) => column(&[name])?,
            None => column(&ENERGIES)?,
        };
        if let Some(atoms) = session.summed_over {
            let atoms = match (session.column(&["Atoms"]), atoms) {
                (Some(atoms), _) => atoms.to_vec(),
                (None, 0) => {
                    return Err(Error::new("its energies are those of all atoms (thermo_modify norm no), and it does not tell how many these are")
                        .help("print the keyword atoms, or keep the log to its line 'Loop time'"));
                }
                (None, atoms) => vec![atoms as f64; energies.len()],
            };
            energies
                .iter_mut()
                .zip(atoms)
                .for_each(|(energy, atoms)| *energy /= atoms);
        }
        let rows = self.selected(&steps, temperatures, energies)?;
        let used = rows.temperatures.len();
        self.whole(
            vec![(None, Curve::Energies(rows))],
            self.about(input, "lammps-log", used)?,
        )
    }

    fn whole(
        &self,
        curves: Vec<(Option<String>, Curve)>,
        about: provenance::Input,
    ) -> Result<ReadInput> {
        Ok(ReadInput {
            curves,
            about,
            interrupted: false,
            cut_short: false,
        })
    }

    /// The rows of a table or log that are used, all of which must be whole.
    fn selected(
        &self,
        steps: &[Option<i64>],
        temperatures: Vec<f64>,
        values: Vec<f64>,
    ) -> Result<Data> {
        let rows = steps.iter().zip(temperatures).zip(values).enumerate();
        let rows = rows.map(|(row, ((step, temperature), value))| {
            let step = step.map_or(String::new(), |step| format!(" (step {step})"));
            let refuse = |what: String| {
                Err(Error::new(format!("row {}{step}: {what}", row + 1))
                    .help("correct it, or leave it out with --frames A:B"))
            };
            if !(temperature >= 0.0 && temperature.is_finite()) {
                return refuse(missing_or("temperature", temperature));
            }
            if !value.is_finite() {
                return refuse(missing_or("energy", value));
            }
            Ok((temperature, value))
        });
        let rows: Vec<Result<(f64, f64)>> = rows.collect();
        // Only rows that are used must be whole.
        let numbered = (0..rows.len()).map(Ok);
        let mut rows: Vec<Option<Result<(f64, f64)>>> = rows.into_iter().map(Some).collect();
        let mut data = Data::default();
        for row in select::frames(numbered.collect::<Vec<_>>().into_iter(), self.range()?) {
            let (temperature, value) = rows[row?].take().expect("each is used once")?;
            data.temperatures.push(temperature);
            data.energies.push(value);
        }
        Ok(data)
    }

    fn table(&self, input: &Input, format: TableFormat) -> Result<ReadInput> {
        let (path, _kept) = readable(input, format)?;
        let here = |error: Error| error.in_input(self.inputs[self.index].name());
        let names = table::column_names(&path).map_err(here)?;
        let has = |name: &str| names.iter().any(|known| known == name);
        let find = |wanted: &[&'static str]| wanted.iter().copied().find(|name| has(name));
        let energy = match &self.arguments.fit.energy {
            Some(name) => Some(name.as_str()),
            None => find(&ENERGIES),
        };
        let value = match energy {
            Some(energy) => energy,
            None if has("msd") => "msd",
            None => {
                return Err(Error::new(format!(
                    "there is no column {} or msd",
                    ENERGIES.join(", ")
                ))
                .help(format!(
                    "its columns are {}; name one with --energy",
                    names.join(", ")
                )));
            }
        };
        let given = self.temperature()?;
        let temperature = match &given {
            Given::Ramp(_) => None,
            Given::Column(Some(name)) => Some(*name),
            Given::Column(None) => Some(find(&TEMPERATURES).ok_or_else(|| {
                Error::new(format!("there is no column {}", TEMPERATURES.join(", ")))
                    .help(format!("its columns are {}; name one with --temperature key:NAME, or write --temperature ramp:T0:T1", names.join(", ")))
            })?),
        };
        let step = find(&["step", "Step"]);
        let wanted: Vec<[&str; 1]> = std::iter::once(value)
            .chain(temperature)
            .chain(step)
            .map(|name| [name])
            .collect();
        let wanted: Vec<&[&str]> = wanted.iter().map(<[&str; 1]>::as_slice).collect();
        let mut columns = table::read_columns(&path, &wanted)
            .map_err(here)?
            .into_iter();
        let values = reals(columns.next());
        let temperatures = temperature.map(|_| reals(columns.next()));
        let steps: Vec<Option<i64>> = match columns.next() {
            Some(Cells::Integer(steps)) => steps,
            _ => vec![None; values.len()],
        };
        let texts = |name: &str| match has(name) {
            true => table::read_texts(&path, name).map_err(here).map(Some),
            false => Ok(None),
        };
        let is_msd = value == "msd";
        // Rows of a species, and of another input, are other curves.
        let (species, origins) = match is_msd {
            true => (texts("species")?, texts("input")?),
            false => (None, None),
        };
        let mut groups: Vec<(Option<String>, Vec<usize>)> = Vec::new();
        for row in 0..values.len() {
            let of = |texts: &Option<Vec<Option<std::sync::Arc<str>>>>| {
                texts
                    .as_ref()
                    .and_then(|texts| texts[row].as_deref().map(str::to_string))
            };
            if of(&species).is_some_and(|species| species != ALL) {
                continue;
            }
            let origin = of(&origins);
            match groups.iter_mut().find(|(known, _)| *known == origin) {
                Some((_, rows)) => rows.push(row),
                None => groups.push((origin, vec![row])),
            }
        }
        let mut curves = Vec::new();
        let mut used = 0;
        for (name, rows) in groups {
            let steps: Vec<Option<i64>> = rows.iter().map(|row| steps[*row]).collect();
            let pick = |values: &[f64]| rows.iter().map(|row| values[*row]).collect::<Vec<f64>>();
            let temperatures = match (&given, &temperatures) {
                (Given::Ramp(ends), _) => ramp(*ends, &steps),
                (_, Some(temperatures)) => pick(temperatures),
                (_, None) => Vec::new(),
            };
            let data = self.selected(&steps, temperatures, pick(&values))?;
            used += data.temperatures.len();
            curves.push((
                name,
                if is_msd {
                    Curve::Displacements(data.temperatures.into_iter().zip(data.energies).collect())
                } else {
                    Curve::Energies(data)
                },
            ));
        }
        if curves.is_empty() {
            return Err(
                Error::new("the table has no row to use").help("give one that holds a ramp")
            );
        }
        self.whole(curves, self.about(input, format.name(), used)?)
    }

    fn trajectory(&self, input: Input, workers: Workers) -> Result<ReadInput> {
        let mut inputs = self.inputs.to_vec();
        inputs[self.index] = input;
        let (input, mut options) =
            self.arguments
                .input
                .options(&inputs, self.index, Unwrap::None)?;
        options.without_hash = !self.hashes;
        let stream::Trajectory { frames, about } = stream::open(&input, &options, workers)?;
        let mut progress = Progress::new(about.clone(), &self.arguments.run, self.to_stdout);
        let mut data = Data::default();
        let mut interrupted = false;
        for frame in frames {
            let frame = frame?;
            let ordinal = frame.ordinal;
            let (temperature, energy) = scalars(&frame, self.arguments.fit.energy.as_deref())
                .map_err(|error| error.in_frame(ordinal))?;
            data.temperatures.push(temperature);
            data.energies.push(energy);
            progress.tick();
            if progress::interrupted() {
                interrupted = true;
                break;
            }
        }
        drop(progress);
        let content = about.meter.content();
        Ok(ReadInput {
            about: provenance::Input {
                name: about.name.clone(),
                label: None,
                format: about.format.name().to_string(),
                bytes: content.as_ref().map(|content| content.bytes),
                blake3: content.and_then(|content| content.blake3),
                frames_used: data.temperatures.len() as u64,
                positions: about.positions().map(str::to_string),
            },
            curves: vec![(None, Curve::Energies(data))],
            interrupted,
            cut_short: about.cut_short(),
        })
    }
}

/// Where the temperatures of a table or log come from.
enum Given<'a> {
    Ramp([f64; 2]),
    Column(Option<&'a str>),
}

/// The set point of a ramp at each row: linear in the step where each row has one and they increase, else in the row.
fn ramp([from, to]: [f64; 2], steps: &[Option<i64>]) -> Vec<f64> {
    let known: Option<Vec<f64>> = steps
        .iter()
        .map(|step| step.map(|step| step as f64))
        .collect();
    let places = known
        .filter(|steps| steps.windows(2).all(|pair| pair[0] < pair[1]))
        .unwrap_or_else(|| (0..steps.len()).map(|row| row as f64).collect());
    let (first, last) = match places[..] {
        [first, .., last] => (first, last),
        _ => return vec![from; places.len()],
    };
    places
        .iter()
        .map(|place| from + (to - from) * (place - first) / (last - first))
        .collect()
}

fn missing_or(name: &str, value: f64) -> String {
    match value.is_nan() {
        true => format!("the {name} is missing"),
        false => format!("the {name} is {value}"),
    }
}

fn reals(cells: Option<Cells>) -> Vec<f64> {
    match cells {
        Some(Cells::Real(values)) => values
            .into_iter()
            .map(|value| value.unwrap_or(f64::NAN))
            .collect(),
        Some(Cells::Integer(values)) => {
            let real = |value: Option<i64>| value.map_or(f64::NAN, |value| value as f64);
            values.into_iter().map(real).collect()
        }
        _ => Vec::new(),
    }
}

/// A file with the ending of its format, decompressed; the second value keeps it.
fn readable(input: &Input, format: TableFormat) -> Result<(PathBuf, Option<tempfile::TempPath>)> {
    let known = |path: &Path| match format {
        // Text is what has no other ending.
        TableFormat::Csv => TableFormat::of_path(path).map_or(true, |named| named == format),
        _ => TableFormat::of_path(path).is_ok_and(|named| named == format),
    };
    match input.path() {
        Some(path) if known(path) && !bytes::is_compressed(input)? => Ok((path.to_owned(), None)),
        _ => {
            let kept = bytes::decompressed_copy(input, &format!(".{}", format.name()))?;
            Ok((kept.to_path_buf(), Some(kept)))
        }
    }
}

/// Temperature and energy of a frame: a key, or the mean of a column of its particles.
fn scalars(frame: &Frame, name: Option<&str>) -> Result<(f64, f64)> {
    let temperature = frame.temperature.ok_or_else(|| {
        Error::new("the frame has no temperature")
            .help("give it with --temperature ramp:T0:T1, a LAMMPS log or a table")
    })?;
    let of = |name: &&str| {
        let key = frame.key(name).and_then(stream::columns::real);
        key.or_else(|| {
            let column = frame.column(name).filter(|column| column.width == 1)?;
            let values = column.values.to_reals()?;
            Some(values.iter().sum::<f64>() / values.len() as f64)
        })
    };
    let energy = match name {
        Some(name) => of(&name),
        None => ENERGIES.iter().find_map(of),
    };
    let energy = energy.ok_or_else(|| {
        let wanted = name.map_or(ENERGIES.join(", "), str::to_string);
        let keys = frame.keys.iter().map(|(key, _)| key.as_str());
        let present: Vec<&str> = keys
            .chain(frame.columns.iter().map(|column| column.name.as_str()))
            .collect();
        Error::new(format!("the frame has no key or column {wanted}")).help(format!(
            "it has {}; name one with --energy",
            present.join(", ")
        ))
    })?;
    if !(temperature >= 0.0 && temperature.is_finite()) {
        return Err(Error::new(missing_or("temperature", temperature)));
    }
    if !energy.is_finite() {
        return Err(Error::new(missing_or("energy", energy)));
    }
    Ok((temperature, energy))
}
