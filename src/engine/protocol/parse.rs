//! From the text of a protocol to its types, with everything checked that can be checked before the first step.

use std::path::{Path, PathBuf};

use super::settings::resolve;
use super::tree::{Data, Field, LARGEST_COUNT, Place, Table, Value, choices};
use super::{
    FILE_NAME, Format, Kind, Protocol, Quench, Schedule, Source, Species, Stage, Thermostat,
    VERSION, schedule,
};
use crate::error::{Error, Result};
use crate::kernel;
use crate::physics::potential::Potential;

const KINDS: [&str; 6] = [
    "create",
    "equilibrate",
    "ramp",
    "minimise",
    "homogenise",
    "inherent-structures",
];

/// The smallest number of particles: one alone, at rest as a whole, has no temperature.
const FEWEST_PARTICLES: u64 = 2;

/// The largest number of particles.
const MOST_PARTICLES: u64 = 1_000_000;

/// The largest timestep (time): of the order of a tenth of the period of the fastest vibrations.
const LARGEST_TIMESTEP: f64 = 0.02;

/// The largest distance that a thermal particle of mass m₁ may move in a step (length).
const LARGEST_MOVE: f64 = 0.1;

impl Protocol {
    /// Reads a protocol from its text. `input` is its name in errors; paths in it are relative to `folder`, those in `settings` to the
    /// working directory. Otherwise as [`Protocol::read`].
    pub fn parse(text: &str, input: &str, folder: &Path, settings: &[String]) -> Result<Protocol> {
        Self::parse_with(text, input, Some(folder), settings)
    }

    /// Reads a resolved protocol ([`Protocol::to_toml`]), whose paths are absolute. What it takes the sample from need not be there any more.
    pub fn parse_resolved(text: &str, input: &str) -> Result<Protocol> {
        Self::parse_with(text, input, None, &[])
    }

    fn parse_with(
        text: &str,
        input: &str,
        folder: Option<&Path>,
        settings: &[String],
    ) -> Result<Protocol> {
        let read = || {
            let mut document = Value::document(text)?;
            check_version(&document)?;
            resolve(&mut document, settings)?;
            protocol(&document, folder)
        };
        read().map_err(|error: Error| error.in_input(input))
    }
}

fn check_version(document: &Value) -> Result<()> {
    let version = document.get("version").ok_or_else(|| {
        Error::new("version is missing")
            .help(format!("write version = {VERSION}"))
            .at_line(1)
    })?;
    let field = Field {
        value: version,
        name: "version".to_string(),
    };
    match field.integer()? {
        version if version == i128::from(VERSION) => Ok(()),
        version if version > i128::from(VERSION) => Err(field.refuse(
            "is newer than this program",
            format!("use a newer hyalo, or write a protocol of version {VERSION}"),
        )),
        _ => Err(field.refuse("is unknown", format!("write version = {VERSION}"))),
    }
}

/// Whether a text is fit for the name of a stage, file, species or parameter.
pub(super) fn is_name(text: &str) -> bool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(is_fit)
}

fn name<'a>(field: &Field<'a>) -> Result<&'a str> {
    let text = field.text()?;
    match is_name(text) {
        true => Ok(text),
        false => Err(field.refuse(
            "is not fit for a name",
            "use letters, digits, _ and -, beginning with a letter or digit, at most 64",
        )),
    }
}

fn protocol(document: &Value, folder: Option<&Path>) -> Result<Protocol> {
    let keys = [
        "version",
        "seed",
        "timestep",
        "format",
        "potential",
        "parameters",
        "stage",
    ];
    let table = Table::new(document, String::new(), "a protocol", &keys)?;
    let seed = match table.get("seed") {
        None => 1,
        Some(field) => u64::try_from(field.integer()?)
            .map_err(|_| field.refuse("is no seed", "write a whole number from 0 to 2^64 - 1"))?,
    };
    let timestep = match table.get("timestep") {
        None => 0.005,
        Some(field) => match field.positive()? {
            timestep if timestep > LARGEST_TIMESTEP => {
                return Err(field.refuse(
                    "would blow up: it is too long for the vibrations of a glass",
                    format!("write at most {LARGEST_TIMESTEP}; 0.005 is usual"),
                ));
            }
            timestep => timestep,
        },
    };
    let format = match table.get("format") {
        None => Format::ExtendedXyz,
        Some(field) => field.word(&[
            ("extxyz", Format::ExtendedXyz),
            ("dump", Format::LammpsDump),
        ])?,
    };
    let (potential_name, potential) = match table.get("potential") {
        None => ("wahnstrom", Potential::wahnstrom()),
        Some(field) => {
            let text = field.text()?;
            let named = Potential::named(text)
                .and_then(|potential| kernel::can_evaluate(&potential).map(|()| potential));
            (
                text,
                named.map_err(|error| field.value.place.attach(error))?,
            )
        }
    };
    let stages = table.require("stage", "[[stage]] with its keys below it")?;
    if stages.value.as_table().is_some() {
        return Err(stages.refuse(
            "is not a list",
            "write [[stage]], with two brackets, before each",
        ));
    }
    let stages = stages.list()?;
    let names = stages
        .iter()
        .enumerate()
        .map(|(index, stage)| stage_name(index, stage.value))
        .collect::<Result<Vec<_>>>()?;
    for (index, field) in names.iter().enumerate() {
        let is_same = |other: &&Field| {
            let (one, other) = (field.value.as_text(), other.value.as_text());
            one.zip(other)
                .is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
        };
        if let Some(first) = names[..index].iter().find(is_same) {
            let line = first.value.place.line();
            return Err(field.refuse(
                &format!("is the name of the stage on line {line} already"),
                "give each stage a name of its own (capitals make no difference)",
            ));
        }
    }
    let mut reader = Reader {
        timestep,
        potential,
        potential_name,
        folder,
        names,
        stages: Vec::new(),
    };
    for stage in &stages {
        let stage = reader.stage(stage.value)?;
        reader.stages.push(stage);
    }
    Ok(Protocol {
        seed,
        timestep,
        format,
        potential,
        potential_name: potential_name.to_string(),
        stages: reader.stages,
    })
}

fn stage_name(index: usize, stage: &Value) -> Result<Field<'_>> {
    if stage.as_table().is_none() {
        return Err(stage
            .place
            .error(format!("stage[{index}] is not a table"))
            .help("write [[stage]] before each stage"));
    }
    let value = stage.get("name").ok_or_else(|| {
        let error = stage.place.error("this stage has no name");
        error.help("write such as name = \"cool\"")
    })?;
    let field = Field {
        value,
        name: "name".to_string(),
    };
    name(&field)?;
    Ok(field)
}

/// What the reading of a stage hangs on.
struct Reader<'a> {
    timestep: f64,
    potential: Potential,
    potential_name: &'a str,
    /// The folder that paths are relative to; `None` if they are absolute and not to be looked at.
    folder: Option<&'a Path>,
    /// The names of all stages.
    names: Vec<Field<'a>>,
    /// The stages that have been read.
    stages: Vec<Stage>,
}

impl Reader<'_> {
    fn stage(&self, value: &Value) -> Result<Stage> {
        let index = self.stages.len();
        let name = self.names[index].value.as_text().unwrap_or_default();
        let prefix = format!("stage {name}: ");
        let kind_field = Field {
            value: value.get("kind").ok_or_else(|| {
                let error = value.place.error(format!("{prefix}kind is missing"));
                error.help(format!("write one of {}", KINDS.join(", ")))
            })?,
            name: format!("{prefix}kind"),
        };
        let kind = kind_field.word(&KINDS.map(|kind| (kind, kind)))?;
        match (kind, index) {
            ("create", 0) => {}
            ("create", _) => {
                return Err(kind_field.refuse(
                    "is for the first stage only",
                    "a protocol follows one sample; write another protocol for another one",
                ));
            }
            (_, 0) => {
                return Err(kind_field.refuse(
                    "has nothing to start from",
                    "begin with a stage of the kind create",
                ));
            }
            _ => {}
        }
        let keys: &[&str] = match kind {
            "create" => &["random", "file", "run", "trajectory"],
            "equilibrate" => &[
                "start",
                "velocities",
                "temperature",
                "temperatures",
                "equilibration",
                "steps",
                "thermostat",
                "trajectory",
                "thermo",
            ],
            "ramp" => &[
                "start",
                "velocities",
                "from",
                "to",
                "steps",
                "rate",
                "thermostat",
                "trajectory",
                "thermo",
            ],
            "minimise" => &[
                "start",
                "force_tolerance",
                "max_steps",
                "trajectory",
                "thermo",
            ],
            "homogenise" => &[
                "start",
                "step",
                "halvings",
                "distributions",
                "max_iterations",
                "force_tolerance",
                "max_steps",
                "trajectory",
            ],
            _ => &["of", "every", "force_tolerance", "max_steps"],
        };
        let keys: Vec<&str> = ["name", "kind"].iter().chain(keys).copied().collect();
        let table = Table::new(value, prefix, &format!("the kind {kind}"), &keys)?;
        let (start, kind) = match kind {
            "create" => (None, Kind::Create(self.source(&table)?)),
            "inherent-structures" => self.inherent_structures(&table)?,
            _ => {
                let start = self.start(&table)?;
                let kind = match kind {
                    "equilibrate" => self.equilibrate(&table)?,
                    "ramp" => self.ramp(&table)?,
                    "minimise" => Kind::Minimise(quench(&table)?),
                    _ if !self.potential.mixing.is_resizable() => {
                        return Err(kind_field.refuse(
                            &format!("cannot resize particles of {}", self.potential_name),
                            "their pairs have a table of strengths: use a potential without one",
                        ));
                    }
                    _ => homogenise(&table)?,
                };
                (Some(start), kind)
            }
        };
        let mut stage = Stage {
            name: name.to_string(),
            line: value.place.line(),
            start,
            velocities: None,
            kind,
            trajectory: Schedule::End,
            thermo: Schedule::None,
        };
        match stage.kind {
            Kind::Create(_) => {}
            Kind::Equilibrate { .. } | Kind::Ramp { .. } => {
                stage.velocities = self.velocities(&stage, &table)?;
                stage.thermo = Schedule::Every(100);
            }
            Kind::Minimise(_) => stage.thermo = Schedule::Every(10),
            Kind::Homogenise { .. } => stage.thermo = Schedule::Every(1),
            Kind::InherentStructures { .. } => {
                (stage.trajectory, stage.thermo) = (Schedule::Every(1), Schedule::Every(1));
            }
        }
        if let Some(field) = table.get("trajectory") {
            stage.trajectory = output_schedule(&field, &stage)?;
        }
        if let Some(field) = table.get("thermo") {
            stage.thermo = output_schedule(&field, &stage)?;
        }
        Ok(stage)
    }

    /// The earlier stage that a key names.
    fn earlier(&self, field: &Field) -> Result<usize> {
        let name = field.text()?;
        let here = self.stages.len();
        match self
            .names
            .iter()
            .position(|known| known.value.as_text() == Some(name))
        {
            Some(index) if index < here => Ok(index),
            Some(index) if index == here => {
                Err(field.refuse("is this stage itself", "name an earlier one"))
            }
            Some(index) => {
                let line = self.names[index].value.place.line();
                Err(field.refuse(
                    &format!("is a later stage (line {line})"),
                    "name an earlier one, or put that stage before this one",
                ))
            }
            None => {
                let known: Vec<&str> = self
                    .stages
                    .iter()
                    .map(|stage| stage.name.as_str())
                    .collect();
                Err(field.refuse("is no stage", choices(name, &known)))
            }
        }
    }

    /// The stage from whose end another one starts.
    fn start(&self, table: &Table) -> Result<usize> {
        let has_state = |stage: &Stage| !matches!(stage.kind, Kind::InherentStructures { .. });
        let Some(field) = table.get("start") else {
            // The first stage has one.
            return Ok(self.stages.iter().rposition(has_state).unwrap_or(0));
        };
        let index = self.earlier(&field)?;
        match has_state(&self.stages[index]) {
            true => Ok(index),
            false => Err(field.refuse(
                "is a set of inherent structures, which has no final state",
                "start from another stage",
            )),
        }
    }

    /// The highest temperature: a particle of mass 1 moves by √T per unit of time.
    fn hottest(&self) -> f64 {
        (LARGEST_MOVE / self.timestep).powi(2)
    }

    fn temperature(&self, field: &Field) -> Result<f64> {
        let temperature = field.positive()?;
        let hottest = self.hottest();
        match temperature > hottest {
            false => Ok(temperature),
            true => Err(field.refuse(
                &format!(
                    "would blow up: particles would move by more than {LARGEST_MOVE} in a timestep"
                ),
                format!("write at most {hottest}, or use a shorter timestep"),
            )),
        }
    }

    fn velocities(&self, stage: &Stage, table: &Table) -> Result<Option<f64>> {
        if let Some(field) = table.get("velocities") {
            return self.temperature(&field).map(Some);
        }
        let start = stage.start.map(|start| &self.stages[start].kind);
        let is_minimum = match start {
            Some(Kind::Minimise(_) | Kind::Homogenise { .. }) => true,
            Some(Kind::Create(Source::Run { folder, stage })) if self.folder.is_some() => {
                let stages = stages_of(folder)?;
                let found = stages.iter().find(|(name, _)| name == stage);
                found.is_some_and(|(_, kind)| kind == "minimise" || kind == "homogenise")
            }
            _ => false,
        };
        Ok(match start {
            Some(Kind::Create(Source::Random { .. })) => {
                return Err(table
                    .place
                    .error(format!(
                        "{}random positions overlap, and dynamics from them would blow up",
                        table.prefix
                    ))
                    .help("put a stage of the kind minimise before it"));
            }
            _ if is_minimum => {
                let temperature = stage.set_point(0).map(|temperature| 2.0 * temperature);
                if let Some(temperature) = temperature.filter(|hot| *hot > self.hottest()) {
                    return Err(table
                        .place
                        .error(format!(
                            "{}velocities are drawn at twice the first temperature after a minimum, and {temperature} would blow up",
                            table.prefix
                        ))
                        .help(format!(
                            "write velocities = {} or less, or use a shorter timestep",
                            self.hottest()
                        )));
                }
                temperature
            }
            _ => None,
        })
    }

    fn thermostat(&self, table: &Table) -> Result<Thermostat> {
        let of = |field: &Field, relaxation: f64| {
            field.word(&[
                ("nose-hoover", Thermostat::NoseHoover { relaxation }),
                (
                    "stochastic-rescaling",
                    Thermostat::StochasticRescaling { relaxation },
                ),
                ("none", Thermostat::None),
            ])
        };
        let usual = 0.5;
        let Some(field) = table.get("thermostat") else {
            return Ok(Thermostat::NoseHoover { relaxation: usual });
        };
        if field.value.as_text().is_some() {
            return of(&field, usual);
        }
        let table = field.table("a thermostat", &["kind", "relaxation"])?;
        let relaxation = match table.get("relaxation") {
            None => usual,
            Some(field) => {
                let relaxation = field.positive()?;
                let shortest = 10.0 * self.timestep;
                if relaxation < shortest {
                    return Err(field.refuse(
                        "is too short for the timestep",
                        format!("write at least ten timesteps, {shortest}"),
                    ));
                }
                relaxation
            }
        };
        let thermostat = of(
            &table.require("kind", "kind = \"nose-hoover\"")?,
            relaxation,
        )?;
        match (thermostat, table.get("relaxation")) {
            (Thermostat::None, Some(field)) => {
                Err(field.refuse("relaxes nothing without a thermostat", "leave it out"))
            }
            _ => Ok(thermostat),
        }
    }

    fn equilibrate(&self, table: &Table) -> Result<Kind> {
        let (key, field) = table.one_of(&["temperature", "temperatures"], "temperature = 1.0")?;
        let temperatures = match key {
            "temperature" => vec![self.temperature(&field)?],
            _ => (field.list()?.iter())
                .map(|field| self.temperature(field))
                .collect::<Result<_>>()?,
        };
        let thermostat = self.thermostat(table)?;
        if thermostat == Thermostat::None && temperatures.len() > 1 {
            return Err(field.refuse(
                "needs a thermostat",
                "give one temperature, or leave out thermostat = \"none\"",
            ));
        }
        Ok(Kind::Equilibrate {
            temperatures,
            equilibration: match table.get("equilibration") {
                None => 0,
                Some(field) => field.count(0)?,
            },
            steps: table.require("steps", "steps = 20000")?.count(1)?,
            thermostat,
        })
    }

    fn ramp(&self, table: &Table) -> Result<Kind> {
        let from = self.temperature(&table.require("from", "from = 1.0")?)?;
        let end = table.require("to", "to = 0.1")?;
        let to = self.temperature(&end)?;
        if from == to {
            return Err(end.refuse(
                "is where the ramp begins",
                "use the kind equilibrate for a constant temperature",
            ));
        }
        let steps = match table.one_of(&["steps", "rate"], "steps = 20000")? {
            ("steps", field) => field.count(1)?,
            (_, field) => {
                let rate = field.positive()?;
                let steps = ((to - from).abs() / (rate * self.timestep)).round();
                if steps < 1.0 {
                    return Err(field.refuse(
                        "is too fast: the ramp would end within a timestep",
                        "the rate is |to - from| / (steps timestep)",
                    ));
                }
                if steps > LARGEST_COUNT as f64 {
                    return Err(field.refuse(
                        "is too slow: the ramp would never end",
                        format!("the rate is |to - from| / (steps timestep), with at most {LARGEST_COUNT} steps"),
                    ));
                }
                steps as u64
            }
        };
        let thermostat = self.thermostat(table)?;
        if let (Thermostat::None, Some(field)) = (thermostat, table.get("thermostat")) {
            return Err(field.refuse(
                "cannot make a ramp",
                "write nose-hoover or stochastic-rescaling",
            ));
        }
        Ok(Kind::Ramp {
            from,
            to,
            steps,
            thermostat,
        })
    }

    fn inherent_structures(&self, table: &Table) -> Result<(Option<usize>, Kind)> {
        let field = table.require("of", "of = \"cool\"")?;
        let index = self.earlier(&field)?;
        let of = &self.stages[index];
        if of.thermostat().is_none() {
            return Err(field.refuse(
                "is a stage without dynamics",
                "name a stage of the kind equilibrate or ramp",
            ));
        }
        if of.trajectory == Schedule::None {
            let line = of.line;
            return Err(field.refuse(
                &format!("is a stage that stores no trajectory (line {line})"),
                "give it a trajectory, such as trajectory = { every = 1000 }",
            ));
        }
        let every = match table.get("every") {
            None => 1,
            Some(field) => field.count(1)?,
        };
        let quench = quench(table)?;
        Ok((Some(index), Kind::InherentStructures { every, quench }))
    }

    fn source(&self, table: &Table) -> Result<Source> {
        let example = "file = { path = \"glass.extxyz\" }";
        let (key, field) = table.one_of(&["random", "file", "run"], example)?;
        match key {
            "random" => random(&field, self.potential),
            "file" => {
                let table = field.table("a file", &["path", "frame", "diameters"])?;
                let path = table.require("path", example)?;
                let frame = match table.get("frame") {
                    None => -1,
                    Some(field) => i64::try_from(field.integer()?).map_err(|_| {
                        field.refuse("is no frame", "write 0 for the first, -1 for the last")
                    })?,
                };
                let diameters = match table.get("diameters") {
                    None => None,
                    Some(field) => {
                        let text = field.text()?;
                        let is_path = !text.contains('=') && !text.starts_with("column:");
                        Some(match is_path {
                            true => self.file(&field)?.1,
                            false => text.to_string(),
                        })
                    }
                };
                let (path, _) = self.file(&path)?;
                Ok(Source::File {
                    path,
                    frame,
                    diameters,
                })
            }
            _ => {
                let example = "run = { folder = \"run1\", stage = \"minimum\" }";
                let table = field.table("a run", &["folder", "stage"])?;
                let folder_field = table.require("folder", example)?;
                let (folder, _) = self.path(&folder_field)?;
                let stage = table.require("stage", example)?;
                if self.folder.is_some() {
                    check_run(&folder, &folder_field, &stage)?;
                }
                Ok(Source::Run {
                    folder,
                    stage: stage.text()?.to_string(),
                })
            }
        }
    }

    /// A path made absolute, and as text.
    fn path(&self, field: &Field) -> Result<(PathBuf, String)> {
        let text = field.text()?;
        let from = match field.value.place {
            Place::Line(_) => self.folder.unwrap_or(Path::new("")),
            Place::Setting(_) => Path::new(""),
        };
        let path = std::path::absolute(from.join(text))
            .map_err(|_| field.refuse("is no path", "write the path of a file"))?;
        match path.to_str() {
            Some(text) => Ok((path.clone(), text.to_string())),
            None => Err(field.refuse(
                "is in a folder whose name is not UTF-8",
                "rename the folder",
            )),
        }
    }

    fn file(&self, field: &Field) -> Result<(PathBuf, String)> {
        let (path, text) = self.path(field)?;
        match self.folder.is_none() || path.is_file() {
            true => Ok((path, text)),
            false => Err(field.refuse(
                "is not there, or no file",
                "a path in a protocol is relative to the protocol's folder",
            )),
        }
    }
}

/// Checks that a folder holds a run that has the stage.
fn check_run(folder: &Path, folder_field: &Field, stage: &Field) -> Result<()> {
    if !folder.join(FILE_NAME).is_file() {
        return Err(folder_field.refuse(
            &format!("holds no run: there is no {FILE_NAME} in it"),
            "name the folder that another hyalo simulate wrote",
        ));
    }
    let name = stage.text()?;
    let stages = stages_of(folder)?;
    let known: Vec<&str> = stages.iter().map(|(name, _)| name.as_str()).collect();
    match known.contains(&name) {
        true => Ok(()),
        false => Err(stage.refuse(
            "is no stage of that run with a final state",
            choices(name, &known),
        )),
    }
}

/// The stages of a run that have a final state: their names and kinds.
fn stages_of(folder: &Path) -> Result<Vec<(String, String)>> {
    let path = folder.join(FILE_NAME);
    let text = std::fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))?;
    let document =
        Value::document(&text).map_err(|error| error.in_input(path.display().to_string()))?;
    let stages = match document.get("stage").map(|stages| &stages.data) {
        Some(Data::List(stages)) => &stages[..],
        _ => &[],
    };
    let text_of = |stage: &Value, key: &str| Some(stage.get(key)?.as_text()?.to_string());
    Ok(stages
        .iter()
        .filter_map(|stage| Some((text_of(stage, "name")?, text_of(stage, "kind")?)))
        .filter(|(_, kind)| kind != "inherent-structures")
        .collect())
}

fn random(field: &Field, potential: Potential) -> Result<Source> {
    let table = field.table("random positions", &["particles", "density", "species"])?;
    let density_field = table.require("density", "density = 0.75")?;
    let density = density_field.positive()?;
    let particles = table.get("particles");
    let total = particles.as_ref().map(|field| field.count(1)).transpose()?;
    let list_field = table.require(
        "species",
        "species = [{ name = \"A\", diameter = 1.0, fraction = 1.0 }]",
    )?;
    let list = list_field.list()?;
    let mut species: Vec<Species> = Vec::new();
    let mut fractions = Vec::new();
    for item in &list {
        let table = item.table("a species", &["name", "diameter", "fraction", "count"])?;
        let name_field = table.require("name", "name = \"A\"")?;
        let name = name(&name_field)?;
        if species.iter().any(|other| other.name == name) {
            return Err(name_field.refuse("occurs twice", "give each species a name of its own"));
        }
        let diameter = table.require("diameter", "diameter = 1.0")?.positive()?;
        let count = match table.one_of(&["fraction", "count"], "fraction = 0.5")? {
            ("count", field) => field.count(1)? as usize,
            (_, field) => {
                fractions.push(field.positive()?);
                0
            }
        };
        species.push(Species {
            name: name.to_string(),
            diameter,
            count,
        });
    }
    if fractions.is_empty() {
        let sum: u64 = species.iter().map(|species| species.count as u64).sum();
        if let (Some(total), Some(field)) = (total, &particles)
            && sum != total
        {
            return Err(field.refuse(
                &format!("is not the sum of the counts, {sum}"),
                "leave it out, or correct it or the counts",
            ));
        }
    } else {
        let refuse = |what: String, help: &str| {
            let error = list_field
                .value
                .place
                .error(format!("{}: {what}", list_field.name));
            Err(error.help(help))
        };
        if fractions.len() < species.len() {
            return refuse(
                "some have a count and some a fraction".to_string(),
                "give all of them the one or the other",
            );
        }
        let sum: f64 = fractions.iter().sum();
        if (sum - 1.0).abs() > 1e-6 {
            return refuse(
                format!("the fractions sum to {sum}, not to 1"),
                "correct them, or give counts",
            );
        }
        let total = table.require("particles", "particles = 4000")?.count(1)?;
        for (species, count) in species.iter_mut().zip(shares(&fractions, total)) {
            if count == 0 {
                return refuse(
                    format!("{} gets no particle", species.name),
                    "give it a larger fraction",
                );
            }
            species.count = count;
        }
    }
    let total: u64 = species.iter().map(|species| species.count as u64).sum();
    let total_field = particles.as_ref().unwrap_or(&list_field);
    let refuse = |what: String, help: String| {
        let place = &total_field.value.place;
        Err(place
            .error(format!("{}: {what}", total_field.name))
            .help(help))
    };
    if total < FEWEST_PARTICLES {
        return refuse(
            "one particle has no temperature".to_string(),
            format!("the smallest number is {FEWEST_PARTICLES}"),
        );
    }
    if total > MOST_PARTICLES {
        return refuse(
            format!("{total} particles are too many"),
            format!("the largest number is {MOST_PARTICLES}"),
        );
    }
    let volume = total as f64 / density;
    let filled: f64 = species
        .iter()
        .map(|species| species.count as f64 * species.diameter.powi(3) * std::f64::consts::PI / 6.0)
        .sum();
    if filled > volume {
        return Err(density_field.refuse(
            &format!(
                "is too high: the particles would fill {:.2} times the box",
                filled / volume
            ),
            "lower it, or the diameters",
        ));
    }
    let diameters: Vec<f64> = species.iter().map(|species| species.diameter).collect();
    potential
        .fits([volume.cbrt(); 3], &diameters)
        .map_err(|error| total_field.value.place.attach(error))?;
    Ok(Source::Random { density, species })
}

/// Whole numbers in the ratio of the fractions that sum to `total`, by the largest remainders.
fn shares(fractions: &[f64], total: u64) -> Vec<usize> {
    let sum: f64 = fractions.iter().sum();
    let exact: Vec<f64> = (fractions
        .iter()
        .map(|fraction| fraction / sum * total as f64))
    .collect();
    let mut counts: Vec<usize> = exact.iter().map(|exact| exact.floor() as usize).collect();
    let mut order: Vec<usize> = (0..exact.len()).collect();
    order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()));
    let left = (total as usize).saturating_sub(counts.iter().sum());
    order
        .into_iter()
        .cycle()
        .take(left)
        .for_each(|index| counts[index] += 1);
    counts
}

fn quench(table: &Table) -> Result<Quench> {
    let force_tolerance = match table.get("force_tolerance") {
        None => 1e-6,
        Some(field) => match field.positive()? {
            tolerance if tolerance < 1e-12 => {
                return Err(
                    field.refuse("is below round-off", "write at least 1e-12; 1e-6 is usual")
                );
            }
            tolerance => tolerance,
        },
    };
    let max_steps = match table.get("max_steps") {
        None => 100_000,
        Some(field) => field.count(1)?,
    };
    Ok(Quench {
        force_tolerance,
        max_steps,
    })
}

fn homogenise(table: &Table) -> Result<Kind> {
    let step = match table.get("step") {
        None => 0.01,
        Some(field) => match field.positive()? {
            step if step > 0.1 => {
                return Err(field.refuse(
                    "is too large a change of diameters",
                    "write at most 0.1; 0.01 is usual",
                ));
            }
            step => step,
        },
    };
    let halvings = match table.get("halvings") {
        None => 5,
        Some(field) => match field.count(0)? {
            halvings if halvings > 50 => {
                return Err(field.refuse("is beyond round-off", "write at most 50; 5 is usual"));
            }
            halvings => halvings as u32,
        },
    };
    let mut distributions = match table.get("distributions") {
        None => vec![0, 1, 5, 10, 20, 50],
        Some(field) => (field.items()?.iter())
            .map(|field| field.count(0))
            .collect::<Result<_>>()?,
    };
    distributions.sort_unstable();
    distributions.dedup();
    Ok(Kind::Homogenise {
        step,
        halvings,
        distributions,
        max_iterations: match table.get("max_iterations") {
            None => 1000,
            Some(field) => field.count(1)?,
        },
        quench: quench(table)?,
    })
}

/// The schedule of a stage's trajectory or thermo table.
fn output_schedule(field: &Field, stage: &Stage) -> Result<Schedule> {
    if field.value.as_text().is_some() {
        return field.word(&[("none", Schedule::None), ("end", Schedule::End)]);
    }
    let (whose, keys): (_, &[&'static str]) = match stage.kind {
        Kind::Create(_) => {
            return Err(field.refuse("is not possible here", "write none or end"));
        }
        Kind::Ramp { .. } => (
            "the output of a ramp",
            &["every", "every_temperature", "log_blocks"],
        ),
        _ => ("output outside ramps", &["every", "log_blocks"]),
    };
    let (key, field) =
        (field.table(whose, keys)?).one_of(keys, "{ every = 1000 }, or \"end\" or \"none\"")?;
    Ok(match key {
        "every" => Schedule::Every(field.count(1)?),
        "log_blocks" => Schedule::LogBlocks(field.count(2)?),
        _ => {
            let change = field.positive()?;
            match schedule::spacing(change, stage) {
                Some(spacing) if spacing < 1.0 => {
                    return Err(field.refuse(
                        "is less than what the temperature changes by in a step",
                        format!("write at least {}", change / spacing),
                    ));
                }
                _ => Schedule::EveryTemperature(change),
            }
        }
    })
}
