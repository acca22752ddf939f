//! What `tg-fit` reads: tables, LAMMPS logs and the scalars of trajectories, as temperatures and energies or displacements.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::analysis::tg_fit::{self, Observed};
use crate::analysis::{ALL, counted, for_input};
use crate::cli::flags::{InputFlags, RunFlags, ramp_ends};
use crate::cli::output::input_of;
use crate::cli::progress::{self, Progress};
use crate::cli::tables::{self, missing_or, readable, reals};
use crate::data::frame::Frame;
use crate::data::table::{Cells, REPLICA_COLUMN};
use crate::error::{Error, Result, listed};
use crate::physics::transition::Data;
use crate::sink::provenance;
use crate::sink::table::{self, TableFormat};
use crate::stream::bytes::{self, Compression, Input};
use crate::stream::lammps_log::{self, Thermo};
use crate::stream::parallel::Workers;
use crate::stream::select::{self, FrameRange};
use crate::stream::unwrap::Unwrap;
use crate::stream::{self, Format};

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
/// Name of the squared displacement.
const MSD: &str = "msd";

/// Reads one of the inputs.
pub struct Reader<'a> {
    /// What is read and how.
    pub flags: &'a InputFlags,
    /// How it is run.
    pub run: &'a RunFlags,
    /// What is fitted.
    pub fit: &'a tg_fit::Arguments,
    /// All inputs.
    pub inputs: &'a [Input],
    /// Position of this one.
    pub index: usize,
    /// Whether the content's hash is wanted.
    pub hashes: bool,
    /// Whether something is written to standard output.
    pub to_stdout: bool,
}

/// An input that has been read.
pub struct ReadInput {
    /// The ramps in it: several only if it is a table of several inputs.
    pub ramps: Vec<Observed>,
    /// What is known about it.
    pub about: provenance::Input,
    /// LAMMPS's name of its units, if it tells.
    pub units: Option<String>,
    /// Whether it has particles.
    pub is_trajectory: bool,
    /// Whether the user ended the reading before its end.
    pub interrupted: bool,
    /// Whether it ended in the middle of a frame.
    pub cut_short: bool,
}

/// What an input is.
#[derive(Clone, Copy)]
enum Sort {
    Table(TableFormat),
    Log,
    Trajectory,
}

/// Where the temperatures of a table or log come from.
#[derive(Clone, Copy)]
enum Given<'a> {
    /// Set points of a ramp between these.
    Ramp([f64; 2]),
    /// A column of that name.
    Column(&'a str),
    /// A column of one of the usual names.
    Usual,
}

impl Reader<'_> {
    /// Reads the input; `label` is its name in tables and legends, `number` its place among those of that name.
    pub fn read(&self, label: &str, number: usize, workers: Workers) -> Result<ReadInput> {
        // What an input is shows at its beginning, and tables are read by name: a pipe is kept in a file.
        let input = match &self.inputs[self.index] {
            Input::Stdin => bytes::spool()?,
            other => other.clone(),
        };
        let mut read = match sort(&input, self.flags.format.as_deref())? {
            Sort::Table(format) => self.table(&input, format)?,
            Sort::Log => self.log(&input)?,
            Sort::Trajectory => self.trajectory(input, workers)?,
        };
        let several = read.ramps.len() > 1;
        for ramp in &mut read.ramps {
            ramp.input = self.index;
            if !several {
                ramp.label = label.to_string();
            }
        }
        let msd = for_input("--msd", &self.fit.msd, self.index, self.inputs.len())?;
        if let Some(path) = msd.filter(|path| *path != "none") {
            let is_shared = self.fit.msd.len() < self.inputs.len() || several;
            for ramp in &mut read.ramps {
                let found = displacements_of(Path::new(path), &ramp.label, number, is_shared);
                ramp.displacements = Some(found.map_err(|error| error.in_input(path))?);
            }
        }
        Ok(read)
    }

    fn range(&self) -> Result<FrameRange> {
        let Some(text) = &self.flags.frames else {
            return Ok(FrameRange::ALL);
        };
        let range = text.parse::<FrameRange>();
        range.map_err(|message| Error::new(format!("--frames {text}: {message}")))
    }

    /// How the temperatures of a table or a log are given.
    fn given(&self) -> Result<Given<'_>> {
        let specs = &self.flags.temperature;
        let Some(spec) = for_input("--temperature", specs, self.index, self.inputs.len())? else {
            return Ok(Given::Usual);
        };
        if spec.starts_with("ramp:") {
            return Ok(Given::Ramp(ramp_ends(spec)?));
        }
        spec.strip_prefix("key:").map(Given::Column).ok_or_else(|| {
            Error::new(format!(
                "--temperature {spec} does not go with a table or a log"
            ))
            .help("write ramp:T0:T1 or key:COLUMN")
        })
    }

    fn whole(&self, ramps: Vec<Observed>, input: &Input, format: &str) -> Result<ReadInput> {
        let rows = |ramp: &Observed| {
            let energies = ramp.energies.as_ref().map(|data| data.temperatures.len());
            energies
                .or(ramp.displacements.as_ref().map(Vec::len))
                .unwrap_or(0) as u64
        };
        Ok(ReadInput {
            about: tables::about(input, format, ramps.iter().map(rows).sum(), self.hashes)?,
            units: None,
            ramps,
            is_trajectory: false,
            interrupted: false,
            cut_short: false,
        })
    }

    fn log(&self, input: &Input) -> Result<ReadInput> {
        let (mut reader, _) = bytes::open(input)?;
        let mut text = Vec::new();
        reader.read_to_end(&mut text)?;
        // What programs print beside their output need not be text.
        let text = String::from_utf8_lossy(&text);
        let sessions = lammps_log::sessions(&text);
        let session = session(&sessions, self.fit.session)?;
        let temperatures = match self.given()? {
            Given::Ramp(ends) => set_points(
                ends,
                &session.steps.iter().copied().map(Some).collect::<Vec<_>>(),
            ),
            Given::Column(name) => column(session, &[name], "--temperature key:NAME")?,
            Given::Usual => column(session, &["Temp"], "--temperature key:NAME")?,
        };
        let mut energies = match &self.fit.energy {
            Some(name) => column(session, &[name], "--energy")?,
            None => column(session, &ENERGIES, "--energy")?,
        };
        let printed = session.column(&["Atoms"]);
        for (row, energy) in energies.iter_mut().enumerate() {
            *energy /= match (session.summed_over[row], printed) {
                (None, _) => 1.0,
                (Some(_), Some(atoms)) => atoms[row],
                (Some(0), None) => {
                    return Err(Error::new("its energies are those of all atoms (thermo_modify norm no), and it does not tell how many these are")
                        .help("print the keyword atoms, or keep the log to its line 'Loop time'"));
                }
                (Some(atoms), None) => atoms as f64,
            };
        }
        let rows: Vec<Row> = (session
            .steps
            .iter()
            .zip(temperatures)
            .zip(energies)
            .enumerate())
        .map(|(number, ((step, temperature), value))| Row {
            number,
            step: Some(*step),
            temperature,
            value,
        })
        .collect();
        let ramp = Observed {
            energies: Some(used(rows, self.range()?, "energy")?),
            ..Observed::default()
        };
        Ok(ReadInput {
            units: lammps_log::units(&text).map(str::to_string),
            ..self.whole(vec![ramp], input, "lammps-log")?
        })
    }

    fn table(&self, input: &Input, format: TableFormat) -> Result<ReadInput> {
        let (path, _kept) = readable(input, format)?;
        let name = self.inputs[self.index].name();
        let names = table::column_names(&path).map_err(|error| error.in_copy_of(&name))?;
        let usual = ENERGIES
            .into_iter()
            .chain([MSD])
            .find(|usual| names.iter().any(|name| name == usual));
        let value = self.fit.energy.as_deref().or(usual).ok_or_else(|| {
            Error::new(format!(
                "there is no column {} or {MSD}",
                ENERGIES.join(", ")
            ))
            .help(format!(
                "its columns are {}; name one with --energy",
                names.join(", ")
            ))
        })?;
        let curves = curves(&path, &names, value, self.given()?);
        let curves = curves.map_err(|error| error.in_copy_of(&name))?;
        let range = self.range()?;
        let ramp = |(label, rows): (String, Vec<Row>)| {
            let data = used(rows, range, value)?;
            Ok(match value {
                MSD => Observed {
                    displacements: Some(pairs(data)),
                    label,
                    ..Observed::default()
                },
                _ => Observed {
                    energies: Some(data),
                    label,
                    ..Observed::default()
                },
            })
        };
        let ramps = curves.into_iter().map(ramp).collect::<Result<Vec<_>>>()?;
        self.whole(ramps, input, format.name())
    }

    fn trajectory(&self, input: Input, workers: Workers) -> Result<ReadInput> {
        let mut inputs = self.inputs.to_vec();
        inputs[self.index] = input;
        let (input, mut options) = self.flags.options(&inputs, self.index, Unwrap::None)?;
        options.without_hash = !self.hashes;
        let stream::Trajectory { frames, about } = stream::open(&input, &options, workers)?;
        let mut progress = Progress::new(about.clone(), self.run, self.to_stdout);
        let mut data = Data::default();
        let mut units = None;
        let mut interrupted = false;
        for frame in frames {
            let frame = frame?;
            if data.temperatures.is_empty() {
                units = frame.key("units").map(str::to_string);
            }
            let scalars = scalars(&frame, self.fit.energy.as_deref());
            let (temperature, energy) = scalars.map_err(|error| error.in_frame(frame.ordinal))?;
            data.temperatures.push(temperature);
            data.energies.push(energy);
            progress.tick();
            if progress::interrupted() {
                interrupted = true;
                break;
            }
        }
        drop(progress);
        Ok(ReadInput {
            about: input_of(&about, data.temperatures.len() as u64),
            units,
            ramps: vec![Observed {
                energies: Some(data),
                ..Observed::default()
            }],
            is_trajectory: true,
            interrupted,
            cut_short: about.cut_short(),
        })
    }
}

/// What an input is: what `--format` says, else what its name tells, else its content.
fn sort(input: &Input, format: Option<&str>) -> Result<Sort> {
    if let Some(name) = format {
        return Ok(match name.to_ascii_lowercase().as_str() {
            "log" => Sort::Log,
            name => TableFormat::of_path(Path::new(&format!("x.{name}")))
                .map_or(Sort::Trajectory, Sort::Table),
        });
    }
    if let Input::File(path) = input {
        if let Some(format) = tables::of_path(path) {
            return Ok(Sort::Table(format));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_ascii_lowercase();
        let (_, stem) = Compression::from_name(&name);
        if stem.ends_with(".log") || stem.starts_with("log.") {
            return Ok(Sort::Log);
        }
        if Format::from_path(path).0.is_some() {
            return Ok(Sort::Trajectory);
        }
    }
    let start = tables::start(input)?;
    Ok(match tables::of_content(&start) {
        TableFormat::Csv if start.starts_with(b"LAMMPS (") => Sort::Log,
        TableFormat::Csv if Format::from_content(&start).is_some() => Sort::Trajectory,
        format => Sort::Table(format),
    })
}

/// A session of a log, counted from 0, or from the end.
fn session(sessions: &[Thermo], asked: i64) -> Result<&Thermo> {
    let count = sessions.len();
    if count == 0 {
        let what = "there is no thermo output with Step and Temp";
        return Err(Error::new(what)
            .help("print them with thermo_style; or name the format of the input with --format"));
    }
    let at = if asked < 0 {
        asked + count as i64
    } else {
        asked
    };
    let session = usize::try_from(at).ok().and_then(|at| sessions.get(at));
    session.ok_or_else(|| {
        let what = format!(
            "--session {asked}: the log has {}",
            counted(count, "session")
        );
        Error::new(what).help("they are counted from 0, or from the end: -1 is the last")
    })
}

/// A column of a log by one of its names.
fn column(session: &Thermo, names: &[&str], flag: &str) -> Result<Vec<f64>> {
    session.column(names).map(<[f64]>::to_vec).ok_or_else(|| {
        let present = session.columns.iter().map(|(name, _)| name.as_str());
        let present: Vec<&str> = present.collect();
        Error::new(format!("the thermo output has no {}", names.join(" or "))).help(format!(
            "it has Step {}; name one with {flag}",
            present.join(" ")
        ))
    })
}

/// A row of a table or a log.
struct Row {
    /// Its number, from 0.
    number: usize,
    step: Option<i64>,
    temperature: f64,
    value: f64,
}

/// The rows of a range; all of these must be whole.
fn used(rows: Vec<Row>, range: FrameRange, name: &str) -> Result<Data> {
    let mut data = Data::default();
    for row in select::frames(rows.into_iter().map(Ok), range) {
        let Row {
            number,
            step,
            temperature,
            value,
        } = row?;
        let bad = match temperature >= 0.0 && temperature.is_finite() {
            true if value.is_finite() => None,
            true => Some((name, value)),
            false => Some(("temperature", temperature)),
        };
        if let Some((name, value)) = bad {
            let step = step.map_or(String::new(), |step| format!(" (step {step})"));
            let what = format!("row {}{step}: {}", number + 1, missing_or(name, value));
            return Err(Error::new(what).help("correct it, or leave it out with --frames A:B"));
        }
        data.temperatures.push(temperature);
        data.energies.push(value);
    }
    Ok(data)
}

fn pairs(data: Data) -> Vec<(f64, f64)> {
    data.temperatures.into_iter().zip(data.energies).collect()
}

/// The curves of a table by the name of their input: the rows of all species, where there are others.
fn curves(
    path: &Path,
    names: &[String],
    value: &str,
    given: Given,
) -> Result<Vec<(String, Vec<Row>)>> {
    let has = |name: &str| names.iter().any(|known| known == name);
    if has("id") {
        return Err(
            Error::new("the table has rows for particles, with their id")
                .help("give one with a row for each temperature"),
        );
    }
    let temperature = match given {
        Given::Ramp(_) => None,
        Given::Column(name) => Some(name),
        Given::Usual => Some(TEMPERATURES.into_iter().find(|name| has(name)).ok_or_else(|| {
            Error::new(format!("there is no column {}", TEMPERATURES.join(", ")))
                .help(format!("its columns are {}; name one with --temperature key:NAME, or write --temperature ramp:T0:T1", names.join(", ")))
        })?),
    };
    let step = ["step", "Step"].into_iter().find(|name| has(name));
    let replica = has(REPLICA_COLUMN.name).then_some(REPLICA_COLUMN.name);
    let wanted = std::iter::once(value)
        .chain(temperature)
        .chain(replica)
        .chain(step);
    let wanted: Vec<[&str; 1]> = wanted.map(|name| [name]).collect();
    let wanted: Vec<&[&str]> = wanted.iter().map(<[&str; 1]>::as_slice).collect();
    let mut columns = table::read_columns(path, &wanted)?.into_iter();
    let values = reals(columns.next());
    let temperatures = temperature.map(|_| reals(columns.next()));
    let replicas = replica.map(|_| reals(columns.next()));
    let steps = match columns.next() {
        Some(Cells::Integer(steps)) => steps,
        _ => vec![None; values.len()],
    };
    let texts = |name: &str| match has(name) {
        true => table::read_texts(path, name),
        false => Ok(vec![Some(Arc::from(ALL)); values.len()]),
    };
    let (species, origins) = (texts("species")?, texts("input")?);
    let mut places = HashMap::new();
    let mut curves: Vec<(String, Vec<Row>)> = Vec::new();
    for (number, &value) in values.iter().enumerate() {
        if species[number].as_deref() != Some(ALL) {
            continue;
        }
        let mut origin = origins[number].as_deref().unwrap_or_default().to_string();
        if let Some(replicas) = &replicas {
            origin = replica_of(&origin, replicas[number] as usize);
        }
        let place = *places.entry(origin.clone()).or_insert_with(|| {
            curves.push((origin, Vec::new()));
            curves.len() - 1
        });
        curves[place].1.push(Row {
            number,
            step: steps[number],
            temperature: temperatures.as_ref().map_or(0.0, |known| known[number]),
            value,
        });
    }
    if let Given::Ramp(ends) = given {
        for (_, rows) in &mut curves {
            let steps: Vec<Option<i64>> = rows.iter().map(|row| row.step).collect();
            let points = set_points(ends, &steps);
            rows.iter_mut()
                .zip(points)
                .for_each(|(row, point)| row.temperature = point);
        }
    }
    if curves.is_empty() {
        let what = match has("species") {
            true => "the table has no row of the species 'all'",
            false => "the table has no row to use",
        };
        return Err(Error::new(what).help("give one that holds a ramp"));
    }
    Ok(curves)
}

/// The name of one of several inputs of the same name.
fn replica_of(name: &str, number: usize) -> String {
    format!("{name} (replica {number})")
}

/// The squared displacements in a table of `msd`: of the input that goes under the label (of replicas that of the same number), if there
/// are several in it, or if it is shared by several ramps.
fn displacements_of(
    path: &Path,
    label: &str,
    number: usize,
    is_shared: bool,
) -> Result<Vec<(f64, f64)>> {
    let input = Input::File(path.to_owned());
    let Sort::Table(format) = sort(&input, None)? else {
        return Err(Error::new("it is no table").help("give --msd a table of hyalo msd"));
    };
    let (path, _kept) = readable(&input, format)?;
    let names = table::column_names(&path)?;
    let mut curves = curves(&path, &names, MSD, Given::Usual)?;
    let at = match &curves[..] {
        [_] if !is_shared => Some(0),
        several => {
            let replica = replica_of(label, number);
            several
                .iter()
                .position(|(name, _)| name == label || *name == replica)
        }
    };
    let (_, rows) = at.map(|at| curves.swap_remove(at)).ok_or_else(|| {
        let names: Vec<&str> = curves.iter().map(|(name, _)| name.as_str()).collect();
        if names == [ALL] {
            return Error::new("it holds one ramp, and is given for several")
                .help("give --msd once for each input: a table, or none");
        }
        let what = format!("it holds several inputs, and none is named '{label}'");
        Error::new(what).help(format!(
            "they are {}; use these names as --label",
            listed(names, ", ")
        ))
    })?;
    Ok(pairs(used(rows, FrameRange::ALL, MSD)?))
}

/// The set point of a ramp at each row: linear in the step where each row has one and they increase, else in the row.
fn set_points([from, to]: [f64; 2], steps: &[Option<i64>]) -> Vec<f64> {
    let known = steps.iter().map(|step| step.map(|step| step as f64));
    let places = known.collect::<Option<Vec<f64>>>();
    let places = places
        .filter(|steps| steps.windows(2).all(|pair| pair[0] < pair[1]))
        .unwrap_or_else(|| (0..steps.len()).map(|row| row as f64).collect());
    let [first, .., last] = places[..] else {
        return vec![from; places.len()];
    };
    let at = |place: &f64| from + (to - from) * (place - first) / (last - first);
    places.iter().map(at).collect()
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
        let columns = frame.columns.iter().map(|column| column.name.as_str());
        let present: Vec<&str> = keys.chain(columns).collect();
        let help = match &present[..] {
            [] => "it has neither keys nor further columns: give the log or the thermo table of the run".to_string(),
            present => format!("it has {}; name one with --energy", present.join(", ")),
        };
        Error::new(format!("the frame has no key or column {wanted}")).help(help)
    })?;
    match (
        temperature >= 0.0 && temperature.is_finite(),
        energy.is_finite(),
    ) {
        (true, true) => Ok((temperature, energy)),
        (false, _) => Err(Error::new(missing_or("temperature", temperature))),
        (true, false) => Err(Error::new(missing_or("energy", energy))),
    }
}
