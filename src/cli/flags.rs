//! Flags that commands share, and what they mean.

use std::collections::HashMap;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use crate::analysis::for_input;
use crate::data::table::Cells;
use crate::error::{Error, Result};
use crate::sink::table;
use crate::stream::attach::{self, Attachments, PerParticle, Steps, Temperature};
use crate::stream::bytes::Input;
use crate::stream::lammps_log::{self, Session};
use crate::stream::select::FrameRange;
use crate::stream::unwrap::Unwrap;
use crate::stream::{self, Format, Options};

/// What is read and how.
#[derive(Args, Clone, Debug, Default, Serialize)]
#[command(next_help_heading = "Input")]
pub struct InputFlags {
    /// Trajectories: LAMMPS dump and data, extended XYZ (also .gz, .xz, .bz2, .zst), and what chemfiles reads; - is standard input, the
    /// default when that is a pipe
    #[arg(value_name = "INPUT")]
    #[serde(skip)]
    pub inputs: Vec<String>,

    /// Input format: dump, data, xyz or a name of chemfiles's. Default: from the name, else from the content
    #[arg(long, value_name = "NAME")]
    pub format: Option<String>,

    /// Frames A to B (exclusive) by S, as in Python: 0:100:5, 10:, -20:; or a single one, 5 or -1
    #[arg(long, value_name = "A:B:S", allow_hyphen_values = true)]
    pub frames: Option<String>,

    /// Keep only particles of these species
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub species: Vec<String>,

    /// Diameters: A=1.0,B=1.2 by species, column:NAME, or a table with id and diameter. Default: the columns radius or diameter
    #[arg(long, value_name = "SPEC")]
    pub diameters: Option<String>,

    /// Masses, given as diameters are. Default: the column mass, or the masses of a data file
    #[arg(long, value_name = "SPEC")]
    pub masses: Option<String>,

    /// Temperature of each frame: ramp:T0:T1 from the first frame of the input to its last, a LAMMPS log or a table with step and
    /// temperature, key:NAME, or velocities. Default: the key temperature. Once, or once for each input
    #[arg(long, value_name = "SPEC")]
    pub temperature: Vec<String>,

    /// How positions are made continuous: auto (unwrapped positions, else image flags, else the nearest image), images, nearest, none
    #[arg(long, value_name = "MODE")]
    #[serde(serialize_with = "as_text")]
    pub unwrap: Option<Unwrap>,

    /// Cell of every frame: LX,LY,LZ or LX,LY,LZ,XY,XZ,YZ. Instead of the input's, whose origin and periodicity stay; periodic along all edges
    /// where it has none
    #[arg(long, value_name = "LENGTHS", allow_hyphen_values = true)]
    pub cell: Option<String>,

    /// Step of every frame, instead of the input's
    #[arg(long, value_name = "START:EVERY", allow_hyphen_values = true)]
    pub steps: Option<String>,

    /// Length of an integration step: gives the time of frames that have none
    #[arg(long, value_name = "DT", allow_negative_numbers = true)]
    pub timestep: Option<f64>,

    /// Atom style of a LAMMPS data file that does not tell its own
    #[arg(long, value_name = "STYLE")]
    pub atom_style: Option<String>,

    /// Particles of a dump without ids stand in the same order in every frame (dump_modify sort)
    #[arg(long)]
    pub ordered: bool,

    /// Go on with the complete frames of an input that ends in the middle of one
    #[arg(long)]
    pub partial: bool,
}

fn as_text<S: serde::Serializer>(
    mode: &Option<Unwrap>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(mode.unwrap_or_default().name())
}

/// What is written and where.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub struct OutputFlags {
    /// The main table; the ending chooses parquet, csv, ndjson or arrow; - is CSV on standard output, the default
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<String>,

    /// A further table of this command (repeatable), or the same one in another format: --table frames=msd.csv
    #[arg(long = "table", value_name = "NAME=PATH")]
    pub tables: Vec<String>,

    /// Name this command's tables with their columns, and its figures
    #[arg(long)]
    pub list_tables: bool,

    /// The figure, .svg or .png; NAME=PATH for a further figure of this command (repeatable)
    #[arg(long = "plot", value_name = "[NAME=]PATH")]
    pub plots: Vec<String>,

    /// The trajectory with this command's per-particle columns, as extended XYZ; - is standard output
    #[arg(long, value_name = "PATH")]
    pub annotate: Option<String>,

    /// Names of the inputs in the legend and in tables (once for all inputs, or once for each). Default: their paths. Inputs of the same name are
    /// replicas, such as runs that differ in their seed: tables number them in the column replica, the table means averages their rows, figures
    /// show their mean and, paler, one standard deviation on either side (on a logarithmic axis those of the logarithms)
    #[arg(long = "label", value_name = "TEXT")]
    pub labels: Vec<String>,
}

/// How it is run.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Run")]
pub struct RunFlags {
    /// Threads. Default: one for each core
    #[arg(short = 'j', long, value_name = "N")]
    pub threads: Option<usize>,

    /// Replace files that exist
    #[arg(long)]
    pub force: bool,

    /// No progress bar and no summary
    #[arg(short, long)]
    pub quiet: bool,

    /// Tell what is read and how
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
}

impl RunFlags {
    /// Number of threads.
    pub fn threads(&self) -> Result<usize> {
        match self.threads {
            Some(0) => Err(Error::new("-j 0 leaves no thread").help("give 1 or more")),
            Some(threads) => Ok(threads),
            None => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
        }
    }
}

impl InputFlags {
    /// A flag that was given and says something about particles or how they are read.
    pub fn about_particles(&self) -> Option<&'static str> {
        let given = [
            ("--species", !self.species.is_empty()),
            ("--diameters", self.diameters.is_some()),
            ("--masses", self.masses.is_some()),
            ("--unwrap", self.unwrap.is_some()),
            ("--cell", self.cell.is_some()),
            ("--steps", self.steps.is_some()),
            ("--timestep", self.timestep.is_some()),
            ("--atom-style", self.atom_style.is_some()),
            ("--ordered", self.ordered),
            ("--partial", self.partial),
        ];
        let given = given.into_iter().find(|(_, is_given)| *is_given);
        given.map(|(flag, _)| flag)
    }

    /// The inputs, standard input where none is named and it is a pipe.
    pub fn inputs(&self) -> Result<Vec<Input>> {
        inputs(&self.inputs, "a trajectory")
    }

    /// How input number `index` of `inputs` is read; `unwrap` is what the command does where the user does not say.
    ///
    /// A ramp needs a first pass over the input, for which standard input is kept in a temporary file: the input to read is returned.
    pub fn options(
        &self,
        inputs: &[Input],
        index: usize,
        unwrap: Unwrap,
    ) -> Result<(Input, Options)> {
        let flag = |name: &str, text: &str, message: String| {
            Error::new(format!("--{name} {text}: {message}"))
        };
        let mut input = inputs[index].clone();
        let mut attachments = Attachments::default();
        if let Some(text) = &self.cell {
            attachments.cell =
                Some(attach::parse_cell(text).map_err(|message| flag("cell", text, message))?);
        }
        if let Some(text) = &self.steps {
            attachments.steps = Some(
                text.parse::<Steps>()
                    .map_err(|message| flag("steps", text, message))?,
            );
        }
        if let Some(timestep) = self.timestep {
            if !(timestep > 0.0 && timestep.is_finite()) {
                return Err(flag(
                    "timestep",
                    &timestep.to_string(),
                    "it must be positive".to_string(),
                ));
            }
            attachments.timestep = Some(timestep);
        }
        attachments.diameters = self
            .diameters
            .as_deref()
            .map(|spec| per_particle("diameter", spec))
            .transpose()?;
        attachments.masses = self
            .masses
            .as_deref()
            .map(|spec| per_particle("mass", spec))
            .transpose()?;
        attachments.ordered = self.ordered;
        let frames = match &self.frames {
            Some(text) => text
                .parse::<FrameRange>()
                .map_err(|message| flag("frames", text, message))?,
            None => FrameRange::ALL,
        };
        let mut options = Options {
            format: self.format.as_deref().map(Format::from_name).transpose()?,
            atom_style: self.atom_style.clone(),
            frames,
            reference: None,
            partial: self.partial,
            species: self.species.clone(),
            attachments,
            unwrap: self.unwrap.unwrap_or(unwrap),
            without_hash: false,
        };
        let temperature = for_input("--temperature", &self.temperature, index, inputs.len())?;
        if let Some(spec) = temperature {
            if spec.starts_with("ramp:") && matches!(input, Input::Stdin) {
                input = stream::bytes::spool()?;
            }
            options.attachments.temperature = Some(self.temperature(spec, &input, &options)?);
        }
        Ok((input, options))
    }

    fn temperature(&self, spec: &str, input: &Input, options: &Options) -> Result<Temperature> {
        if spec.starts_with("ramp:") {
            let ends = ramp_ends(spec)?;
            let mut extent = stream::extent(input, options)?;
            // Steps that are given are at equal distances, as the frames are then.
            match extent.goes_back {
                _ if options.attachments.steps.is_some() => extent.steps = None,
                Some(frame) if extent.steps.is_some() => {
                    let error = attach::goes_back("a ramp is linear in the step");
                    return Err(error.in_frame(frame).in_input(input.name()));
                }
                _ => {}
            }
            return Ok(Temperature::Ramp { ends, extent });
        }
        if let Some(name) = spec.strip_prefix("key:") {
            return Ok(Temperature::Key(name.to_string()));
        }
        if spec == "velocities" {
            return Ok(Temperature::Velocities);
        }
        let path = Path::new(spec);
        let is_table = table::TableFormat::of_path(path).is_ok();
        let sessions = if is_table {
            Session::new(temperatures_by_step(path)?)
                .into_iter()
                .collect::<Vec<_>>()
        } else {
            let (mut file, _) = stream::bytes::open(&Input::File(path.to_owned())).map_err(|error| error.help("--temperature takes ramp:T0:T1, key:NAME, velocities, a LAMMPS log or a table"))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)
                .map_err(|error| Error::io("read", path, error).help("give a whole LAMMPS log"))?;
            // What programs print beside their output need not be text.
            lammps_log::parse(&String::from_utf8_lossy(&bytes))
        };
        if sessions.is_empty() {
            return Err(Error::new(format!("{spec} has no thermo output with Step and Temp")).help("give a LAMMPS log, or a .csv, .parquet, .ndjson or .arrow table with step and temperature"));
        }
        Ok(Temperature::Steps {
            name: spec.to_string(),
            sessions: Arc::new(sessions),
        })
    }
}

/// Temperatures of a table with step and temperature, in its order; rows that lack one of the two are left out.
fn temperatures_by_step(path: &Path) -> Result<Vec<(i64, f64)>> {
    let columns = table::read_columns(path, &[&["step", "Step"], &["temperature", "Temp", "T"]])?;
    let steps = whole_numbers(&columns[0], path, "step")?;
    let mut known = HashMap::new();
    let mut pairs = Vec::new();
    for (step, temperature) in steps.into_iter().zip(columns[1].reals()) {
        let (Some(step), Some(temperature)) = (step, temperature) else {
            continue;
        };
        let refused = |what: String, help: &str| {
            let place = path.display();
            Err(Error::new(format!("{place}: step {step} has {what}")).help(help))
        };
        if !temperature.is_finite() {
            return refused(
                format!("the temperature {temperature}"),
                "give finite ones, or leave the field empty",
            );
        }
        // Tables of several species repeat their steps.
        let before = known.insert(step, temperature);
        if let Some(before) = before.filter(|before| *before != temperature) {
            return refused(
                format!("two temperatures, {before} and {temperature}"),
                "leave one out",
            );
        }
        pairs.push((step, temperature));
    }
    Ok(pairs)
}

/// The inputs of these names, standard input where there is none and it is a pipe; `what` they are is said if that is missing too.
pub fn inputs(names: &[String], what: &str) -> Result<Vec<Input>> {
    if names.is_empty() {
        if std::io::stdin().is_terminal() {
            return Err(Error::new("no input").help(format!("name {what}, or pipe one in")));
        }
        return Ok(vec![Input::Stdin]);
    }
    if names.iter().filter(|name| *name == "-").count() > 1 {
        return Err(Error::new("standard input can be read only once").help("give - once"));
    }
    Ok(names
        .iter()
        .map(|name| Input::from_argument(name))
        .collect())
}

/// The temperatures of `ramp:T0:T1`.
pub fn ramp_ends(spec: &str) -> Result<[f64; 2]> {
    let end = |text| stream::columns::real(text).filter(|end| *end >= 0.0 && end.is_finite());
    let ends: Option<Vec<f64>> = spec
        .trim_start_matches("ramp:")
        .split(':')
        .map(end)
        .collect();
    ends.and_then(|ends| ends.try_into().ok()).ok_or_else(|| {
        Error::new(format!("--temperature {spec} is not two temperatures"))
            .help("write ramp:0.1:0.9")
    })
}

fn per_particle(what: &str, spec: &str) -> Result<PerParticle> {
    if let Some(name) = spec.strip_prefix("column:") {
        return Ok(PerParticle::Column(name.to_string()));
    }
    let path = PathBuf::from(spec);
    // Folders may have names with it, too.
    if spec.contains('=') && !path.is_file() {
        let pair = |part: &str| {
            let (name, value) = part.split_once('=')?;
            let value =
                stream::columns::real(value).filter(|value| *value > 0.0 && value.is_finite())?;
            Some((name.trim().to_string(), value))
        };
        let pairs: Option<Vec<(String, f64)>> = spec.split(',').map(pair).collect();
        let pairs = pairs.ok_or_else(|| {
            Error::new(format!(
                "'{spec}' is not a list of species and positive numbers"
            ))
            .help("write A=1.0,B=1.2")
        })?;
        for (row, (name, _)) in pairs.iter().enumerate() {
            if pairs[..row].iter().any(|(before, _)| before == name) {
                let what = format!("'{spec}' has two numbers for the species {name}");
                return Err(Error::new(what).help("leave one out"));
            }
        }
        return Ok(PerParticle::Species(pairs));
    }
    if !path.exists() {
        return Err(Error::new(format!("{spec}: No such file or directory"))
            .help("write A=1.0,B=1.2, column:NAME or the path of a table"));
    }
    let columns = table::read_columns(
        &path,
        &[&["id"], &[what, if what == "mass" { "m" } else { "sigma" }]],
    )?;
    let ids = whole_numbers(&columns[0], &path, "id")?;
    let mut values = HashMap::new();
    for (row, (id, value)) in ids.into_iter().zip(columns[1].reals()).enumerate() {
        let (Some(id), Some(value)) = (id, value) else {
            return Err(Error::new(format!(
                "{spec}: row {} lacks its id or its {what}",
                row + 1
            ))
            .help("complete the table"));
        };
        if values.insert(id, value).is_some() {
            return Err(Error::new(format!("{spec}: id {id} occurs twice"))
                .help("keep one row for each particle"));
        }
    }
    Ok(PerParticle::Ids(Arc::new(values)))
}

fn whole_numbers(cells: &Cells, path: &Path, name: &str) -> Result<Vec<Option<i64>>> {
    match cells {
        Cells::Integer(values) => Ok(values.clone()),
        _ => Err(Error::new(format!(
            "{}: the column '{name}' is not of whole numbers",
            path.display()
        ))
        .help("correct the table")),
    }
}

impl OutputFlags {
    /// Labels of the inputs; those of replicas are the same.
    pub fn labels(&self, inputs: &[Input]) -> Result<Vec<String>> {
        let labels: Vec<String> = match self.labels.len() {
            0 => inputs.iter().map(Input::name).collect(),
            given if given == 1 || given == inputs.len() => {
                let label = |index| self.label(index).cloned();
                (0..inputs.len()).filter_map(label).collect()
            }
            given => {
                let what = format!("--label is given {given} times for {} inputs", inputs.len());
                return Err(Error::new(what).help("give it once, or once for each input"));
            }
        };
        // Rows that begin with it would be comments in a table of text.
        if let Some(label) = labels.iter().find(|label| label.starts_with('#')) {
            let what = format!("the name '{label}' begins with #, as comments in tables do");
            return Err(Error::new(what).help("give another with --label"));
        }
        Ok(labels)
    }

    /// The label that an input was given.
    pub fn label(&self, index: usize) -> Option<&String> {
        match &self.labels[..] {
            [one] => Some(one),
            several => several.get(index),
        }
    }
}
