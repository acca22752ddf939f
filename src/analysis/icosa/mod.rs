//! `icosa`: particles in the middle of an icosahedron, and of other structures, by the topology of their Voronoi cells: Fig. 4 of Leoni,
//! Russo, Sciortino and Yanagishima.
//!
//! ```
//! use hyalo::analysis::icosa;
//! use hyalo::library::{analyse, read};
//!
//! let minimum = read("fixtures/engine/glass_fast_minimum.extxyz.gz")?;
//! let answer = analyse::<icosa::Arguments>("", minimum)?;
//! let [all, ..] = answer.table("frames").numbers("count")[..] else { panic!("a row") };
//! assert_eq!(all, 470.0 + 14.0, "around small and around large particles");
//! # Ok::<(), hyalo::error::Error>(())
//! ```

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::tessellation::Cells;
use super::{Abscissa, Command, Runner, Wanted};
use crate::error::{Error, Result};
use crate::kernel;
use crate::physics::potential::Potential;
use crate::physics::topology::{FRANK_KASPER, Filter};

pub mod cells;
pub mod count;
mod tables;

use count::Icosahedra;

/// Arguments of `icosa`.
#[derive(Args, Clone, Debug, Serialize)]
pub struct Arguments {
    /// Voronoi cells without radii, as VoroTop and the paper have them, or radical ones with the radii of the particles. Particles that
    /// --species leaves out are no neighbours
    #[arg(long, value_name = "plain|radical", default_value = "plain")]
    pub tessellation: Cells,

    /// Structures that are built in: the Frank-Kasper polyhedra with 12 (icosahedron: the cell is a pentagonal dodecahedron), 14, 15 and 16
    /// vertices. Default: icosahedron, and none with --filter
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', ignore_case = true)]
    pub types: Vec<Polyhedron>,

    /// Structures of a filter file of VoroTop (repeatable), perhaps compressed, by the canonical codes (Weinberg vectors) of their cells. In a
    /// cell no more than three faces meet at a vertex: where more would, as in a perfect crystal, the tie is broken, and the code is one of
    /// those of a crystal that is disturbed a little. Codes with more faces at a vertex are never found
    #[arg(long, value_name = "FILE")]
    pub filter: Vec<PathBuf>,

    /// Species in the middle, by whose number the paper divides: its name, or all. The summary and the figure count around it (in the table
    /// frames, the column fraction of its rows), and the column count_per_central divides by its number. Default: the one whose mean
    /// diameter is smallest in the first frame; all, where diameters are not known
    #[arg(long, value_name = "SPECIES|all")]
    pub central: Option<String>,

    /// Take every frame to the nearest minimum of its potential energy first (FIRE, to forces below 1e-6); annotated trajectories then hold
    /// the minima. Needs diameters and an orthogonal periodic cell
    #[arg(long)]
    pub inherent: bool,

    /// Potential of --inherent: wahnstrom, kob-andersen (for diameters 1 and 0.88), weeks-chandler-andersen, lennard-jones:CUTOFF,
    /// lennard-jones:INNER:CUTOFF or inverse-power:INNER:CUTOFF:KAPPA
    #[arg(
        long,
        value_name = "NAME",
        default_value = "wahnstrom",
        requires = "inherent"
    )]
    pub potential: String,

    /// Codes a frame in the table codes
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub top: usize,

    /// What the figure is drawn against. Default: the temperature, else the time, the step or the frame
    #[arg(long, value_name = "temperature|time|step|frame")]
    pub against: Option<Abscissa>,
}

/// The structures that are built in, in the order of [`FRANK_KASPER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
pub enum Polyhedron {
    /// 12 neighbours.
    #[value(name = "icosahedron")]
    #[serde(rename = "icosahedron")]
    Icosahedron,
    /// 14 neighbours.
    #[value(name = "Z14")]
    Z14,
    /// 15 neighbours.
    #[value(name = "Z15")]
    Z15,
    /// 16 neighbours.
    #[value(name = "Z16")]
    Z16,
}

impl Arguments {
    fn structures(&self, runner: &impl Runner) -> Result<Filter> {
        let mut filter = Filter::default();
        let built_in = match &self.types[..] {
            [] if self.filter.is_empty() => &[Polyhedron::Icosahedron],
            types => types,
        };
        for polyhedron in built_in {
            let (name, _) = FRANK_KASPER[*polyhedron as usize];
            filter
                .merge(Filter::frank_kasper(name))
                .map_err(|error| error.in_input("--types"))?;
        }
        for path in &self.filter {
            filter
                .merge(runner.filter(path)?)
                .map_err(|error| error.in_input(path.display().to_string()))?;
        }
        Ok(filter)
    }

    fn potential(&self) -> Result<Option<Potential>> {
        let potential = Potential::named(&self.potential)?;
        kernel::can_evaluate(&potential)?;
        Ok(self.inherent.then_some(potential))
    }
}

impl Command for Arguments {
    const MANUAL: &'static str = include_str!("manual.txt");

    fn check(&self) -> Result<()> {
        self.potential()?;
        if self.top == 0 {
            return Err(Error::new("--top 0 leaves no code").help("20 is usual"));
        }
        Ok(())
    }

    fn run(&self, wanted: Wanted, runner: &mut impl Runner) -> Result<()> {
        let filter = self.structures(runner)?;
        let potential = self.potential()?;
        runner.run(Icosahedra::new(self.clone(), filter, potential, wanted))
    }
}
