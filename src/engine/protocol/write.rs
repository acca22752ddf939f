//! From a protocol back to TOML.

use std::fmt::{self, Write};
use std::path::Path;

use super::{Format, Kind, Protocol, Quench, Schedule, Source, Stage, Thermostat, VERSION};

impl Protocol {
    /// The resolved protocol as TOML: every default written out, every parameter replaced. Read again, it is the same protocol.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "version = {VERSION}")?;
        writeln!(out, "seed = {}", self.seed)?;
        writeln!(out, "timestep = {:?}", self.timestep)?;
        let format = match self.format {
            Format::ExtendedXyz => "extxyz",
            Format::LammpsDump => "dump",
        };
        writeln!(out, "format = \"{format}\"")?;
        writeln!(out, "potential = {}", quoted(&self.potential_name))?;
        let names: Vec<&str> = self
            .stages
            .iter()
            .map(|stage| stage.name.as_str())
            .collect();
        self.stages
            .iter()
            .try_for_each(|stage| write_stage(stage, &names, out))
    }
}

fn write_stage(stage: &Stage, names: &[&str], out: &mut String) -> fmt::Result {
    writeln!(out, "\n[[stage]]\nname = {}", quoted(&stage.name))?;
    writeln!(out, "kind = \"{}\"", stage.kind.name())?;
    if let Some(start) = stage.start {
        let key = match stage.kind {
            Kind::InherentStructures { .. } => "of",
            _ => "start",
        };
        writeln!(out, "{key} = {}", quoted(names[start]))?;
    }
    if let Some(temperature) = stage.velocities {
        writeln!(out, "velocities = {temperature:?}")?;
    }
    match &stage.kind {
        Kind::Create(source) => write_source(source, out)?,
        Kind::Equilibrate {
            temperatures,
            equilibration,
            steps,
            thermostat,
        } => {
            writeln!(out, "temperatures = {temperatures:?}")?;
            writeln!(out, "equilibration = {equilibration}")?;
            writeln!(out, "steps = {steps}")?;
            write_thermostat(*thermostat, out)?;
        }
        Kind::Ramp {
            from,
            to,
            steps,
            thermostat,
        } => {
            writeln!(out, "from = {from:?}")?;
            writeln!(out, "to = {to:?}")?;
            writeln!(out, "steps = {steps}")?;
            write_thermostat(*thermostat, out)?;
        }
        Kind::Minimise(quench) => write_quench(quench, out)?,
        Kind::Homogenise {
            step,
            halvings,
            distributions,
            max_iterations,
            quench,
        } => {
            writeln!(out, "step = {step:?}")?;
            writeln!(out, "halvings = {halvings}")?;
            writeln!(out, "distributions = {distributions:?}")?;
            writeln!(out, "max_iterations = {max_iterations}")?;
            write_quench(quench, out)?;
        }
        Kind::InherentStructures { every, quench } => {
            writeln!(out, "every = {every}")?;
            // Its output follows from what it is of.
            return write_quench(quench, out);
        }
    }
    writeln!(out, "trajectory = {}", schedule(stage.trajectory))?;
    match stage.kind {
        Kind::Create(_) | Kind::Homogenise { .. } => Ok(()),
        _ => writeln!(out, "thermo = {}", schedule(stage.thermo)),
    }
}

fn write_source(source: &Source, out: &mut String) -> fmt::Result {
    match source {
        Source::Random { density, species } => {
            writeln!(out, "random.density = {density:?}\nrandom.species = [")?;
            for species in species {
                let (name, diameter) = (quoted(&species.name), species.diameter);
                let count = species.count;
                writeln!(
                    out,
                    "    {{ name = {name}, diameter = {diameter:?}, count = {count} }},"
                )?;
            }
            writeln!(out, "]")
        }
        Source::File {
            path,
            frame,
            diameters,
        } => {
            writeln!(out, "file.path = {}\nfile.frame = {frame}", path_text(path))?;
            match diameters {
                Some(diameters) => writeln!(out, "file.diameters = {}", quoted(diameters)),
                None => Ok(()),
            }
        }
        Source::Run { folder, stage } => {
            writeln!(
                out,
                "run.folder = {}\nrun.stage = {}",
                path_text(folder),
                quoted(stage)
            )
        }
    }
}

fn write_thermostat(thermostat: Thermostat, out: &mut String) -> fmt::Result {
    let (name, relaxation) = match thermostat {
        Thermostat::None => return writeln!(out, "thermostat = \"none\""),
        Thermostat::NoseHoover { relaxation } => ("nose-hoover", relaxation),
        Thermostat::StochasticRescaling { relaxation } => ("stochastic-rescaling", relaxation),
    };
    writeln!(
        out,
        "thermostat = {{ kind = \"{name}\", relaxation = {relaxation:?} }}"
    )
}

fn write_quench(quench: &Quench, out: &mut String) -> fmt::Result {
    writeln!(out, "force_tolerance = {:?}", quench.force_tolerance)?;
    writeln!(out, "max_steps = {}", quench.max_steps)
}

fn schedule(schedule: Schedule) -> String {
    match schedule {
        Schedule::None => "\"none\"".to_string(),
        Schedule::End => "\"end\"".to_string(),
        Schedule::Every(steps) => format!("{{ every = {steps} }}"),
        Schedule::EveryTemperature(change) => format!("{{ every_temperature = {change:?} }}"),
        Schedule::LogBlocks(steps) => format!("{{ log_blocks = {steps} }}"),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Paths come from TOML, and the reader has seen to it that they are UTF-8.
fn path_text(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}
