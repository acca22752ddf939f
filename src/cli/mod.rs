//! The command line: commands from the registry, flags shared by all, every output opened before work starts. No physics.

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::analysis::{self, Command as _};
use crate::error::Result;
use crate::physics::registers::InstructionSet;

pub mod convert;
pub mod flags;
pub mod listing;
pub mod manual;
pub mod output;
pub mod particles;
pub mod progress;
pub mod rate_fit;
pub mod run;
pub mod simulate;
pub mod tables;
pub mod tg_fit;

use flags::{InputFlags, OutputFlags, RunFlags};
use listing::Listing;

/// Simulated glasses: protocols and trajectories in, tables and figures out.
#[derive(Parser)]
#[command(
    name = "hyalo",
    version,
    about,
    max_term_width = 120,
    arg_required_else_help = true,
    after_help = "hyalo help COMMAND tells a command's flags, formulas, worked examples and sources; hyalo COMMAND --list-tables its tables and figures."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// An analysis with its own arguments and those that all analyses share.
#[derive(Args)]
struct Job<A: Args> {
    #[command(flatten)]
    arguments: A,
    #[command(flatten)]
    input: InputFlags,
    #[command(flatten)]
    output: OutputFlags,
    #[command(flatten)]
    run: RunFlags,
}

/// The registry: a line for each analysis, with its name, what it does and its arguments.
macro_rules! registry {
    ($($(#[$about:meta])* $name:literal $variant:ident($arguments:ty),)*) => {
        #[derive(Subcommand)]
        enum Command {
            $($(#[$about])* #[command(name = $name, after_long_help = <$arguments>::MANUAL)] $variant(Box<Job<$arguments>>),)*
            /// Write a trajectory in another format, with other frames, species or positions, or as a table
            #[command(after_long_help = include_str!("convert.txt"))]
            Convert(Box<convert::Arguments>),
            /// Carry out a protocol: make, cool, heat, minimise and homogenise a glass
            #[command(after_long_help = include_str!("simulate/manual.txt"))]
            Simulate(Box<simulate::Arguments>),
            /// Temperatures of the glass transition and of melting, from ramps
            #[command(name = "tg-fit", after_long_help = include_str!("tg_fit/manual.txt"))]
            TgFit(Box<tg_fit::Arguments>),
            /// How temperatures and other quantities depend on the rate of cooling or heating, and what they are at slower rates
            #[command(name = "rate-fit", after_long_help = include_str!("rate_fit.txt"))]
            RateFit(Box<rate_fit::Arguments>),
            /// Manual pages, shell completions, and a page on the columns of every table
            Manual(manual::Arguments),
        }

        /// The tables and figures of every command.
        fn listings() -> Result<Vec<Listing>> {
            let mut listings = Vec::new();
            $(for flags in <$arguments>::MODES {
                listings.push(Listing::of::<$arguments>($name, flags)?);
            })*
            listings.push(Listing::new("simulate", &simulate::TABLES, &[]));
            listings.push(Listing::new("tg-fit", &analysis::tg_fit::TABLES, &analysis::tg_fit::FIGURES));
            listings.push(Listing::new("rate-fit", &analysis::rate_fit::TABLES, &analysis::rate_fit::FIGURES));
            Ok(listings)
        }

        impl Command {
            fn run(&self) -> Result<run::Outcome> {
                match self {
                    $(Command::$variant(job) => {
                        job.arguments.check()?;
                        let mut runner = run::AnalysisRunner::new($name, &job.arguments, &job.input, &job.output, &job.run)?;
                        job.arguments.run(runner.wanted(), &mut runner)?;
                        Ok(runner.outcome())
                    })*
                    Command::Convert(arguments) => arguments.run(),
                    Command::Simulate(arguments) => arguments.run(),
                    Command::TgFit(arguments) => arguments.run(),
                    Command::RateFit(arguments) => arguments.run(),
                    Command::Manual(arguments) => arguments.run(Cli::command(), listings),
                }
            }
        }
    };
}

registry! {
    /// What a trajectory holds: frames, particles, species, cell, columns
    "info" Info(analysis::info::Arguments),
    /// Icosahedra and other structures by the topology of Voronoi cells
    "icosa" Icosa(analysis::icosa::Arguments),
    /// Mean squared displacements, from a reference frame or by lag time
    "msd" Msd(analysis::msd::Arguments),
    /// Pressure, energy and virial of every particle, and how they are distributed
    "virial" Virial(analysis::virial::Arguments),
    /// Voronoi cells: volumes, local volume fractions, faces, indices and neighbours
    "voronoi" Voronoi(analysis::voronoi::Arguments),
    /// Particles that move between two temperatures, how they cluster and how far they are from icosahedra
    "delta-star" DeltaStar(analysis::delta_star::Arguments),
}

impl Cli {
    /// Runs the command that was given.
    pub fn run(&self) -> Result<run::Outcome> {
        InstructionSet::named()?;
        self.command.run()
    }
}
