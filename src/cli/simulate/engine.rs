//! Which engine computes: this program, or LAMMPS.

use std::path::{Path, PathBuf};

use clap::Args;

use super::super::progress::quoted;
use crate::engine::protocol::Protocol;
use crate::engine::run::Simulation;
use crate::error::{Error, Result};
use crate::lammps::{self, Lammps, Program, Runner};

/// Atom types that LAMMPS gets, where nothing else is said.
const TYPES: usize = 1000;

/// Flags of the engine.
#[derive(Args, Clone)]
#[command(next_help_heading = "Engine")]
pub struct EngineFlags {
    /// What makes the steps and finds the minima: embedded (this program), or lammps. Default: embedded, and with --resume what it was
    #[arg(long, value_name = "ENGINE")]
    engine: Option<String>,

    /// LAMMPS: a path, or a name to be found in PATH
    #[arg(long, value_name = "PATH", default_value = "lmp")]
    lammps: String,

    /// What starts LAMMPS on many cores, such as "mpirun -np 64" or "srun"
    #[arg(long, value_name = "COMMAND", default_value = "")]
    launcher: String,

    /// Further arguments of LAMMPS, such as "-sf omp -pk omp 4"
    #[arg(
        long,
        value_name = "WORDS",
        default_value = "",
        allow_hyphen_values = true
    )]
    lammps_arguments: String,

    /// Atom types that LAMMPS may get, one for each diameter: beyond that diameters are put into as many bins, and the error that this makes
    /// in energy and pressure is said. Tables of pairs of types take some 150 bytes a pair in each of its processes
    #[arg(long, value_name = "NUMBER", default_value_t = TYPES)]
    lammps_types: usize,

    /// Do not run LAMMPS: write its input for what comes next, DIR/lammps/in.next, and stop
    #[arg(long)]
    export: bool,

    /// Take up what LAMMPS has made of such an input, and write the next one (as --resume --export)
    #[arg(long)]
    import: bool,
}

/// Who computes.
enum Engine {
    Embedded,
    Lammps(Runner),
}

/// An engine that is ready to be put to work.
pub struct Ready {
    engine: Engine,
    types: usize,
}

impl EngineFlags {
    /// Checks what can be checked without a protocol.
    pub fn check(&self) -> Result<()> {
        match self.engine.as_deref() {
            None | Some("embedded" | "lammps") => {}
            Some(other) => {
                return Err(Error::new(format!("there is no engine '{other}'"))
                    .help("engines are embedded, lammps"));
            }
        }
        let is_lammps = self.engine.as_deref() == Some("lammps");
        if self.export && !is_lammps && !self.import {
            return Err(Error::new("--export writes inputs of LAMMPS").help("add --engine lammps"));
        }
        if self.lammps_types == 0 {
            return Err(
                Error::new("--lammps-types 0 leaves no particle a type").help("give 1 or more")
            );
        }
        Ok(())
    }

    /// Whether a run is gone on with, even without --resume.
    pub fn resumes(&self) -> bool {
        self.import
    }

    /// Whether somebody else runs LAMMPS, so that every moment at which the run could go on has to be kept.
    pub fn is_exported(&self) -> bool {
        self.export || self.import
    }

    /// Whether LAMMPS computes, in a folder if the run has one; `was` tells whether it did before, where the run is gone on with.
    pub fn is_lammps(&self, folder: Option<&Path>, was: Option<bool>) -> Result<bool> {
        let asked = self.engine.as_deref().map(|engine| engine == "lammps");
        match (folder, asked, was) {
            (Some(folder), Some(asked), Some(was)) if asked != was => {
                let is = if was { "lammps" } else { "embedded" };
                let what = format!("{} was begun with --engine {is}", folder.display());
                Err(Error::new(what).help("resume with that, or leave --engine out"))
            }
            (Some(folder), None, was) if self.import && was != Some(true) => {
                let what = format!("{} is no run that LAMMPS was given", folder.display());
                Err(Error::new(what).help("begin it with --engine lammps --export"))
            }
            _ if was.or(asked) == Some(true) => Ok(true),
            _ => match self.again().trim() {
                "" => Ok(false),
                flags => Err(
                    Error::new(format!("LAMMPS is not asked to compute: {flags}"))
                        .help("add --engine lammps, or leave that out"),
                ),
            },
        }
    }

    /// The engine for a protocol, checked; LAMMPS if `is_lammps`.
    pub fn ready(
        &self,
        is_lammps: bool,
        protocol: &Protocol,
        folder: Option<&Path>,
    ) -> Result<Ready> {
        let engine = match (is_lammps, folder) {
            (false, _) => Engine::Embedded,
            (true, Some(folder)) if self.is_exported() => Engine::Lammps(Runner::Other {
                then: format!(
                    "hyalo simulate --import -o {}",
                    quoted(&folder.to_string_lossy())
                ),
            }),
            (true, _) => {
                let styles = lammps::needed_styles(protocol.potential, &protocol.stages);
                Engine::Lammps(Runner::Own(Program::find(
                    &self.lammps,
                    &self.launcher,
                    &self.lammps_arguments,
                    &styles,
                )?))
            }
        };
        if is_lammps {
            lammps::can_express(protocol.potential)?;
        }
        Ok(Ready {
            engine,
            types: self.lammps_types,
        })
    }

    /// The flags by which a run is begun with this engine.
    pub fn given(&self) -> String {
        match &self.engine {
            Some(engine) => format!(" --engine {engine}{}", self.again()),
            None => self.again(),
        }
    }

    /// What has to be said again to go on with a run.
    pub fn again(&self) -> String {
        let mut again = String::new();
        for (flag, value, default) in [
            ("lammps", &self.lammps, "lmp"),
            ("launcher", &self.launcher, ""),
            ("lammps-arguments", &self.lammps_arguments, ""),
        ] {
            if value != default {
                again += &format!(" --{flag} {}", quoted(value));
            }
        }
        if self.lammps_types != TYPES {
            again += &format!(" --lammps-types {}", self.lammps_types);
        }
        again
    }
}

impl Ready {
    /// Puts it to work on a simulation; LAMMPS in a folder.
    pub fn carry_out(self, simulation: Simulation, folder: PathBuf) -> Result<Simulation> {
        match self.engine {
            Engine::Embedded => Ok(simulation),
            Engine::Lammps(runner) => {
                let lammps = Lammps::new(runner, folder, self.types)?;
                Ok(simulation.by(Box::new(lammps)))
            }
        }
    }
}
