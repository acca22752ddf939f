//! The folder of a run: the files of each stage, and the checkpoint from which all of them can be continued.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

use super::super::progress::quoted;
use super::{Outlet, stored_frames, tables};
use crate::data::frame::{Frame, Source};
use crate::data::table::{Rows, TableSpec};
use crate::engine::protocol::{self, Kind, Protocol, Schedule, Stage};
use crate::engine::run::{Checkpoint, Ending, Needed, Particles, Simulation, Thermo, Trace};
use crate::error::{Error, Result};
use crate::lammps;
use crate::physics::registers::InstructionSet;
use crate::sink::growing::{GrowingFile, partial_name};
use crate::sink::provenance::Provenance;
use crate::sink::table::{TableFormat, TableWriter};
use crate::sink::{checkpoint, provenance};
use crate::stream::Format;
use crate::stream::write::encode;

/// Name of the file from which a run is resumed.
const CHECKPOINT: &str = "checkpoint";

/// What stays the same for the whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// The resolved protocol.
    pub protocol: String,
    /// Number of threads: sums over pairs depend on it in the last digits.
    pub threads: usize,
    /// What the sample was taken from, as JSON.
    pub inputs: String,
}

/// By what a run is computed, from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Means {
    /// Whether LAMMPS makes the steps.
    pub is_lammps: bool,
    /// Name of the instruction set: sums over pairs depend on it in the last digits.
    pub instruction_set: String,
}

impl Means {
    /// Those of a run that begins on this machine.
    pub fn of_this_machine(is_lammps: bool) -> Self {
        Means {
            is_lammps,
            instruction_set: InstructionSet::preferred().name().to_string(),
        }
    }

    /// Refuses to go on with the run of a folder with another instruction set.
    pub fn check_instruction_set(&self, folder: &Path) -> Result<()> {
        let begun_with = &self.instruction_set;
        if begun_with == InstructionSet::preferred().name() {
            return Ok(());
        }
        let available = InstructionSet::available();
        let what = format!(
            "{} was begun with the instruction set {begun_with}",
            folder.display()
        );
        let is_there = available.iter().any(|set| set.name() == begun_with);
        Err(Error::new(what).help(match is_there {
            true => format!(
                "resume with HYALO_INSTRUCTION_SET={begun_with}: sums depend on it in their last digits"
            ),
            false => "resume on a machine that has it: sums depend on it in their last digits".to_string(),
        }))
    }
}

/// What is in the checkpoint.
#[derive(Deserialize)]
struct Saved {
    identity: Identity,
    simulation: Checkpoint,
    files: Option<Files>,
    /// The last, for a checkpoint may end before it.
    #[serde(deserialize_with = "if_there")]
    means: Option<Means>,
}

/// What stands at the end, if anything does.
fn if_there<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> std::result::Result<Option<T>, D::Error> {
    Ok(T::deserialize(from).ok())
}

/// The files of the stage in progress: how long those are that grow, and the rows of those that are written at its end.
#[derive(Default, Serialize, Deserialize)]
struct Files {
    trajectory: Option<u64>,
    log: u64,
    thermo: Vec<Thermo>,
    homogenisation: Vec<Trace>,
    particles: Vec<Particles>,
}

/// The stage in progress.
struct Open {
    stage: Stage,
    trajectory: Option<GrowingFile>,
    log: GrowingFile,
    files: Files,
}

/// The folder of a run; nobody else writes into it meanwhile.
pub struct Folder {
    path: PathBuf,
    _lock: Option<File>,
    identity: Identity,
    means: Means,
    provenance: Provenance,
    format: Format,
    open: Option<Open>,
    /// What has to be said again to go on.
    again: String,
}

/// The names of all files that a stage may have.
fn names(stage: &str) -> [String; 7] {
    [
        "extxyz",
        "lammpstrj",
        "thermo.parquet",
        "homogenisation.parquet",
        "particles.parquet",
        "final.extxyz",
        "log",
    ]
    .map(|ending| format!("{stage}.{ending}"))
}

/// The path of the final state of a stage of a run.
pub fn final_state(folder: &Path, stage: &str) -> PathBuf {
    folder.join(format!("{stage}.final.extxyz"))
}

/// The folder in which LAMMPS computes a run; no other run has it.
pub fn lammps(folder: &Path) -> PathBuf {
    folder.join("lammps")
}

/// The path of the resolved protocol of a run.
pub fn protocol_file(folder: &Path) -> PathBuf {
    folder.join(protocol::FILE_NAME)
}

impl Folder {
    /// A folder for a new run; what an earlier one left is refused, or with `force` removed, unless the new one starts from it.
    pub fn create(
        path: &Path,
        protocol: &Protocol,
        threads: usize,
        means: Means,
        force: bool,
    ) -> Result<Self> {
        fs::create_dir_all(path).map_err(|error| Error::io("make the folder", path, error))?;
        let lock = lock(path)?;
        if !force {
            check_free(path, protocol)?;
        }
        let earlier = of_earlier_run(path, protocol);
        let sources = sources(protocol);
        let is_source = |old: &&PathBuf| old.canonicalize().is_ok_and(|old| sources.contains(&old));
        if let Some(source) = earlier.iter().find(is_source) {
            let what = format!(
                "the run starts from {}, which --force would remove",
                source.display()
            );
            return Err(Error::new(what).help("give another folder"));
        }
        for old in earlier {
            fs::remove_file(&old).map_err(|error| Error::io("remove", &old, error))?;
        }
        // It stays if it holds what no run has made.
        let _ = fs::remove_dir(lammps(path));
        let identity = Identity {
            protocol: protocol.to_toml(),
            threads,
            inputs: "[]".to_string(),
        };
        Ok(Self::of(path, lock, protocol, identity, means))
    }

    /// The folder of a run that was stopped, and where it stood; `None` if there is no checkpoint.
    pub fn resume(path: &Path) -> Result<Option<(Self, Protocol, Checkpoint)>> {
        let file = path.join(CHECKPOINT);
        if !file.exists() {
            return Ok(None);
        }
        let lock = lock(path)?;
        let Saved {
            identity,
            simulation,
            files,
            means,
        } = checkpoint::load(&file)?;
        let name = file.display().to_string();
        let protocol = Protocol::parse_resolved(&identity.protocol, &name)?;
        // Without it, what is at hand is as good a guess as there is.
        let means = means.unwrap_or_else(|| Means::of_this_machine(lammps(path).exists()));
        let mut folder = Self::of(path, lock, &protocol, identity, means);
        if let Some(files) = files {
            let stage = protocol.stages[simulation.stage()].clone();
            let reopen = |path: PathBuf, length| GrowingFile::reopen(&path, length);
            folder.open = Some(Open {
                trajectory: files
                    .trajectory
                    .map(|length| reopen(folder.trajectory_of(&stage.name), length))
                    .transpose()?,
                log: reopen(folder.log_of(&stage.name), files.log)?,
                stage,
                files,
            });
        }
        Ok(Some((folder, protocol, simulation)))
    }

    fn of(
        path: &Path,
        lock: Option<File>,
        protocol: &Protocol,
        identity: Identity,
        means: Means,
    ) -> Self {
        let mut provenance = Provenance::new(
            "simulate",
            serde_json::json!({ "protocol": identity.protocol, "threads": identity.threads }),
            "lj",
        );
        provenance.seed = Some(protocol.seed);
        provenance.inputs = serde_json::from_str(&identity.inputs).unwrap_or_default();
        if means.is_lammps {
            provenance.arguments["engine"] = "lammps".into();
        }
        Folder {
            path: path.to_owned(),
            _lock: lock,
            identity,
            means,
            provenance,
            format: match protocol.format {
                protocol::Format::ExtendedXyz => Format::Xyz,
                protocol::Format::LammpsDump => Format::LammpsDump,
            },
            open: None,
            again: String::new(),
        }
    }

    /// Notes the flags of LAMMPS that have to be given again to go on, where it computes.
    pub fn set_again(&mut self, again: String) {
        if self.means.is_lammps {
            self.again = again;
        }
    }

    /// By what the run is computed.
    pub fn means(&self) -> &Means {
        &self.means
    }

    /// Refuses a protocol that is named, and one in the folder, that the run was not begun with.
    pub fn check_protocol(&self, named: Option<&Protocol>) -> Result<()> {
        let (path, begun_with) = (self.path.display(), &self.identity.protocol);
        if named.is_some_and(|named| named.to_toml() != *begun_with) {
            return Err(Error::new(format!("{path} was begun with another protocol")).help(
                "resume with the protocol, the seed and the settings that it was begun with, or name none of them; or start again with --force",
            ));
        }
        let file = protocol_file(&self.path);
        if fs::read(&file).is_ok_and(|found| found != begun_with.as_bytes()) {
            let what = format!(
                "{path} was begun with another protocol than {} is",
                file.display()
            );
            return Err(Error::new(what).help(
                "remove or rename that file to go on with the one that it was begun with; or start again with --force",
            ));
        }
        Ok(())
    }

    /// What stays the same for the whole run.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Notes what the sample was taken from.
    pub fn set_inputs(&mut self, inputs: Vec<provenance::Input>) {
        self.identity.inputs = serde_json::to_string(&inputs).unwrap_or_default();
        self.provenance.inputs = inputs;
    }

    /// Writes the resolved protocol.
    pub fn write_protocol(&self) -> Result<()> {
        self.write_whole(
            &protocol_file(&self.path),
            self.identity.protocol.as_bytes(),
        )
    }

    fn write_whole(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let mut file = GrowingFile::create(path)?;
        file.write_all(bytes)?;
        file.finish()
    }

    /// The path of a stage's trajectory.
    pub fn trajectory_of(&self, stage: &str) -> PathBuf {
        let ending = match self.format {
            Format::LammpsDump => "lammpstrj",
            _ => "extxyz",
        };
        self.path.join(format!("{stage}.{ending}"))
    }

    fn log_of(&self, stage: &str) -> PathBuf {
        self.path.join(format!("{stage}.log"))
    }

    fn open(&mut self) -> &mut Open {
        self.open.as_mut().expect("the stage has begun")
    }

    /// Writes a table of a stage, if it has rows.
    fn table(&self, stage: &str, spec: &TableSpec, batches: Vec<Rows>) -> Result<()> {
        if batches.is_empty() {
            return Ok(());
        }
        let path = self.path.join(format!("{stage}.{}.parquet", spec.name));
        let file = GrowingFile::create(&path)?;
        let columns = spec.columns.to_vec();
        let mut table = TableWriter::new(spec.name, columns, TableFormat::Parquet, file)?;
        batches.into_iter().try_for_each(|rows| table.write(rows))?;
        let mut provenance = self.provenance.clone();
        provenance.notes.push(format!("stage {stage}"));
        table.finish(&provenance)?.finish()
    }
}

impl Outlet for Folder {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn how_to_resume(&self) -> Option<String> {
        let folder = quoted(&self.path.to_string_lossy());
        Some(format!("hyalo simulate --resume -o {folder}{}", self.again))
    }

    fn frames_of(&mut self, protocol: &Protocol, needed: Needed) -> Result<Source> {
        stored_frames(
            &self.trajectory_of(&protocol.stages[needed.stage].name),
            needed,
        )
    }

    fn begin(&mut self, protocol: &Protocol, stage: usize) -> Result<()> {
        let stage = &protocol.stages[stage];
        let trajectory = match stage.trajectory {
            Schedule::None => None,
            _ => Some(GrowingFile::create(&self.trajectory_of(&stage.name))?),
        };
        let mut log = GrowingFile::create(&self.log_of(&stage.name))?;
        writeln!(
            log,
            "# hyalo {}, seed {}, -j {}, stage {}: {}",
            env!("CARGO_PKG_VERSION"),
            protocol.seed,
            self.identity.threads,
            stage.name,
            stage.kind.name()
        )?;
        self.open = Some(Open {
            stage: stage.clone(),
            trajectory,
            log,
            files: Files::default(),
        });
        Ok(())
    }

    fn frame(&mut self, _stage: usize, frame: &Frame) -> Result<()> {
        let format = self.format;
        if let Some(trajectory) = &mut self.open().trajectory {
            let first = trajectory.length() == 0;
            trajectory.write_all(&encode(format, frame, first)?)?;
        }
        Ok(())
    }

    fn thermo(&mut self, row: Thermo) -> Result<()> {
        let open = self.open();
        open.files.thermo.push(row);
        if let Kind::Homogenise { .. } = open.stage.kind {
            // Its iterations are logged.
            return Ok(());
        }
        if open.files.thermo.len() == 1 {
            writeln!(
                open.log,
                "{:>12} {:>11} {:>11} {:>14} {:>12}",
                "step", "temperature", "kinetic", "potential", "pressure"
            )?;
        }
        let temperature = row
            .temperature
            .map_or("-".to_string(), |t| format!("{t:.6}"));
        writeln!(
            open.log,
            "{:>12} {temperature:>11} {:>11.6} {:>14.8} {:>12.6}",
            row.step, row.kinetic_temperature, row.potential_energy, row.pressure
        )?;
        Ok(())
    }

    fn trace(&mut self, row: Trace) -> Result<()> {
        let open = self.open();
        if open.files.homogenisation.is_empty() {
            writeln!(
                open.log,
                "{:>9} {:>8} {:>10} {:>12} {:>14} {:>10}",
                "iteration", "accepted", "increment", "sd(P)", "potential", "FIRE steps"
            )?;
        }
        writeln!(
            open.log,
            "{:>9} {:>8} {:>10.6} {:>12.6} {:>14.8} {:>10}",
            row.iteration,
            if row.accepted { "yes" } else { "no" },
            row.increment,
            row.deviation,
            row.potential_energy,
            row.fire_steps
        )?;
        open.files.homogenisation.push(row);
        Ok(())
    }

    fn note(&mut self, line: &str) -> Result<()> {
        writeln!(self.open().log, "# {line}")?;
        Ok(())
    }

    fn particles(&mut self, particles: Particles) {
        self.open().files.particles.push(particles);
    }

    fn save(&mut self, simulation: &Simulation) -> Result<()> {
        if let Some(open) = &mut self.open {
            open.files.trajectory = open
                .trajectory
                .as_mut()
                .map(GrowingFile::sync)
                .transpose()?;
            open.files.log = open.log.sync()?;
        }
        #[derive(Serialize)]
        struct Saved<'a> {
            identity: &'a Identity,
            simulation: Checkpoint,
            files: Option<&'a Files>,
            means: &'a Means,
        }
        let saved = Saved {
            identity: &self.identity,
            simulation: simulation.checkpoint(),
            files: self.open.as_ref().map(|open| &open.files),
            means: &self.means,
        };
        checkpoint::save(&self.path.join(CHECKPOINT), &saved)
    }

    fn end(&mut self, ending: &Ending, summary: &str) -> Result<()> {
        let mut open = self.open.take().expect("the stage has begun");
        let (name, files) = (&open.stage.name, &open.files);
        let thermo = match files.thermo.is_empty() {
            true => vec![],
            false => vec![tables::thermo(&files.thermo)],
        };
        let homogenisation = files.homogenisation.iter().map(tables::homogenisation);
        let particles = files.particles.iter().map(tables::particles);
        self.table(name, &tables::THERMO, thermo)?;
        self.table(name, &tables::HOMOGENISATION, homogenisation.collect())?;
        self.table(name, &tables::PARTICLES, particles.collect())?;
        if let Some((frame, _)) = &ending.state {
            let text = encode(Format::Xyz, frame, true)?;
            self.write_whole(&final_state(&self.path, name), &text)?;
        }
        writeln!(open.log, "# {summary}")?;
        open.log.finish()?;
        match open.trajectory {
            Some(trajectory) => trajectory.finish(),
            None => Ok(()),
        }
    }
}

/// Whether there is a run in the folder that can be resumed.
pub fn holds_run(folder: &Path) -> bool {
    folder.join(CHECKPOINT).exists()
}

/// Refuses a folder with files that a run of the protocol would replace.
pub fn check_free(folder: &Path, protocol: &Protocol) -> Result<()> {
    match of_earlier_run(folder, protocol).first() {
        None => Ok(()),
        Some(old) => Err(Error::new(format!("{} already exists", old.display()))
            .help("go on with --resume, start again with --force, or give another folder")),
    }
}

/// The files in a folder that belong to an earlier run, or would get in the way of a run of `protocol`. A checkpoint that did not get its
/// name is none: a run without it has not begun.
fn of_earlier_run(folder: &Path, protocol: &Protocol) -> Vec<PathBuf> {
    let earlier = fs::read_to_string(protocol_file(folder)).ok();
    let earlier = earlier.and_then(|text| Protocol::parse_resolved(&text, "").ok());
    let stages: BTreeSet<&str> = [Some(protocol), earlier.as_ref()]
        .into_iter()
        .flatten()
        .flat_map(|protocol| &protocol.stages)
        .map(|stage| stage.name.as_str())
        .collect();
    let is_of_lammps = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| {
            name == lammps::NEXT || stages.iter().any(|stage| is_of_stage(name, stage))
        })
    };
    let entries = fs::read_dir(lammps(folder)).into_iter().flatten().flatten();
    let of_lammps: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(is_of_lammps)
        .collect();
    let grown = stages
        .iter()
        .flat_map(|stage| names(stage))
        .chain([protocol::FILE_NAME.to_string()])
        .map(|name| folder.join(name))
        .flat_map(|path| [partial_name(&path), path]);
    std::iter::once(folder.join(CHECKPOINT))
        .chain(grown)
        .chain(of_lammps)
        .filter(|path| path.exists())
        .collect()
}

/// The files that the sample of a protocol is made from.
fn sources(protocol: &Protocol) -> Vec<PathBuf> {
    let paths = match &protocol.stages[0].kind {
        Kind::Create(protocol::Source::File {
            path, diameters, ..
        }) => vec![
            path.clone(),
            PathBuf::from(diameters.clone().unwrap_or_default()),
        ],
        Kind::Create(protocol::Source::Run { folder, stage }) => vec![final_state(folder, stage)],
        _ => vec![],
    };
    let found = paths.iter().map(|path| path.canonicalize());
    found.filter_map(std::io::Result::ok).collect()
}

/// Whether a file of LAMMPS's folder belongs to a stage.
fn is_of_stage(name: &str, stage: &str) -> bool {
    name.strip_prefix(stage)
        .is_some_and(|rest| rest.starts_with('.'))
}

/// Keeps other runs out of the folder until the file is dropped; where folders can't be locked, nothing is done.
fn lock(path: &Path) -> Result<Option<File>> {
    let Ok(folder) = File::open(path) else {
        return Ok(None);
    };
    match folder.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Error::new(format!(
            "{} is in use by another run of hyalo",
            path.display()
        ))
        .help("wait until that has ended, or give another folder")),
        _ => Ok(Some(folder)),
    }
}
