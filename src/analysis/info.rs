//! `info`: what a trajectory holds. Every frame is read in full, so a file that passes is sound.
//!
//! ```
//! use hyalo::analysis::info;
//! use hyalo::library::{analyse, read};
//!
//! let frames = read("fixtures/lammps/heat_wrapped.lammpstrj.gz")?;
//! let answer = analyse::<info::Arguments>("", frames.take(3))?;
//! assert!(answer.report.is_some_and(|text| text.contains("1000")), "particles");
//! # Ok::<(), hyalo::error::Error>(())
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Analysis, Command, InputFacts, Moment, Runner, Wanted, counted};
use crate::data::cell::Cell;
use crate::data::frame::{Column, Frame, Values};
use crate::data::table::{RowSink, TableSpec};
use crate::error::Result;

/// Arguments of `info`.
#[derive(Args, Clone, Debug, Serialize)]
pub struct Arguments {
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

impl Command for Arguments {
    const MANUAL: &'static str = include_str!("info.txt");

    fn run(&self, _wanted: Wanted, runner: &mut impl Runner) -> Result<()> {
        runner.run(Info { json: self.json })
    }
}

/// Looks at every frame.
struct Info {
    json: bool,
}

/// What one frame holds.
struct Held {
    moment: Moment,
    particles: usize,
    ids: Option<(i64, i64)>,
    species: Vec<(Arc<str>, usize)>,
    diameters: Vec<Spread>,
    cell: Option<Cell>,
    positions: &'static str,
    columns: Vec<(String, String)>,
    keys: Vec<String>,
}

/// Smallest, mean and largest of some values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Spread {
    min: f64,
    mean: f64,
    max: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (mut count, mut spread) = (
            0,
            Spread {
                min: f64::INFINITY,
                mean: 0.0,
                max: f64::NEG_INFINITY,
            },
        );
        for value in values {
            count += 1;
            spread = Spread {
                min: spread.min.min(value),
                mean: spread.mean + value,
                max: spread.max.max(value),
            };
        }
        (count > 0).then(|| Spread {
            mean: (spread.mean / count as f64).clamp(spread.min, spread.max),
            ..spread
        })
    }
}

/// What the frames hold together.
pub struct Holdings {
    frames: usize,
    first: Held,
    last: Moment,
    particles: (usize, usize),
    ids: Option<(i64, i64)>,
    volume: Option<(f64, f64)>,
    temperature: Option<(f64, f64)>,
    interval: Interval,
    same_columns: bool,
    species: BTreeMap<Arc<str>, (usize, usize)>,
}

/// Steps between frames.
#[derive(Clone, Copy, PartialEq)]
enum Interval {
    Unknown,
    Even(i64),
    Uneven,
}

fn widen<T: PartialOrd + Copy>(range: Option<(T, T)>, value: Option<T>) -> Option<(T, T)> {
    match (range, value) {
        (Some((low, high)), Some(value)) => Some((
            if value < low { value } else { low },
            if value > high { value } else { high },
        )),
        (range, value) => range.or(value.map(|value| (value, value))),
    }
}

impl Analysis for Info {
    type Context = ();
    type Partial = Held;
    type State = Option<Holdings>;
    type Finished = Holdings;

    fn tables(&self) -> &'static [TableSpec] {
        &[]
    }

    fn figures(&self) -> &'static [&'static str] {
        &[]
    }

    fn prepare(&self, _first: &Frame) -> Result<()> {
        Ok(())
    }

    fn frame(&self, _context: &(), frame: &Frame) -> Result<Held> {
        let of_species = |species: usize| {
            let diameters = frame.diameters.as_ref()?;
            Spread::of(
                diameters
                    .iter()
                    .zip(&frame.species.of)
                    .filter(|(_, of)| **of as usize == species)
                    .map(|(diameter, _)| *diameter),
            )
        };
        Ok(Held {
            moment: Moment::of(frame),
            particles: frame.len(),
            ids: frame.ids.first().copied().zip(frame.ids.last().copied()),
            species: frame
                .species
                .names
                .iter()
                .cloned()
                .zip(frame.species.counts())
                .collect(),
            diameters: (0..frame.species.names.len())
                .filter_map(of_species)
                .collect(),
            cell: frame.cell.clone(),
            positions: frame.coordinates.words(),
            columns: frame
                .columns
                .iter()
                .map(|column| (column.name.clone(), described(column)))
                .collect(),
            keys: frame.keys.iter().map(|(key, _)| key.clone()).collect(),
        })
    }

    fn start(&self, _context: &()) -> Option<Holdings> {
        None
    }

    fn reduce(
        &self,
        _context: &(),
        state: &mut Option<Holdings>,
        frame: Held,
        _out: &mut dyn RowSink,
    ) -> Result<()> {
        let volume = frame.cell.as_ref().map(Cell::volume);
        let Some(so_far) = state else {
            *state = Some(Holdings {
                frames: 1,
                last: frame.moment,
                particles: (frame.particles, frame.particles),
                ids: frame.ids,
                volume: volume.map(|volume| (volume, volume)),
                temperature: frame
                    .moment
                    .temperature
                    .map(|temperature| (temperature, temperature)),
                interval: Interval::Unknown,
                same_columns: true,
                species: frame
                    .species
                    .iter()
                    .map(|(name, count)| (name.clone(), (*count, *count)))
                    .collect(),
                first: frame,
            });
            return Ok(());
        };
        let between = so_far
            .last
            .step
            .zip(frame.moment.step)
            .map(|(before, now)| now.saturating_sub(before));
        so_far.interval = match (so_far.interval, between) {
            (Interval::Unknown, Some(steps)) if so_far.frames == 1 => Interval::Even(steps),
            (Interval::Even(same), Some(steps)) if same == steps => Interval::Even(same),
            (Interval::Unknown, None) => Interval::Unknown,
            _ => Interval::Uneven,
        };
        so_far.frames += 1;
        so_far.last = frame.moment;
        so_far.particles = (
            so_far.particles.0.min(frame.particles),
            so_far.particles.1.max(frame.particles),
        );
        so_far.ids = widen(
            widen(so_far.ids, frame.ids.map(|ids| ids.0)),
            frame.ids.map(|ids| ids.1),
        );
        so_far.volume = widen(so_far.volume, volume);
        so_far.temperature = widen(so_far.temperature, frame.moment.temperature);
        so_far.same_columns &= so_far
            .first
            .columns
            .iter()
            .map(|(name, _)| name)
            .eq(frame.columns.iter().map(|(name, _)| name));
        for (name, range) in &mut so_far.species {
            let count = frame
                .species
                .iter()
                .find(|(species, _)| species == name)
                .map_or(0, |(_, count)| *count);
            *range = (range.0.min(count), range.1.max(count));
        }
        for (name, count) in &frame.species {
            so_far.species.entry(name.clone()).or_insert((0, *count));
        }
        Ok(())
    }

    fn finish(
        &self,
        _context: &(),
        state: Option<Holdings>,
        _out: &mut dyn RowSink,
    ) -> Result<Holdings> {
        Ok(state.expect("no analysis is run without a frame"))
    }

    fn summary(&self, held: &Holdings) -> String {
        format!("{} read", counted(held.frames, "frame"))
    }

    fn report(&self, name: &str, facts: &InputFacts, held: &Holdings) -> Option<String> {
        Some(if self.json {
            format!("{}\n", held.to_json(name, facts))
        } else {
            held.to_text(name, facts)
        })
    }
}

fn described(column: &Column) -> String {
    let kind = match column.values {
        Values::Integer(_) => "integer",
        Values::Real(_) => "real",
        Values::Boolean(_) => "boolean",
        Values::Text(_) => "text",
    };
    if column.width == 1 {
        kind.to_string()
    } else {
        format!("{} x {kind}", column.width)
    }
}

impl Holdings {
    fn density(&self) -> Option<f64> {
        Some(self.first.particles as f64 / self.first.cell.as_ref()?.volume())
    }

    /// Σ π σ³ / 6 / V is told by mean diameters only where each species has one; so by species.
    fn diameters(&self, species: usize) -> Option<&Spread> {
        (self.first.diameters.len() == self.first.species.len())
            .then(|| &self.first.diameters[species])
    }

    fn to_json(&self, name: &str, facts: &InputFacts) -> Value {
        let range = |(min, max): (f64, f64)| json!({ "min": min, "max": max });
        let species: Vec<Value> = self
            .species
            .iter()
            .map(|(name, (min, max))| {
                let at = self.first.species.iter().position(|(species, _)| species == name);
                json!({ "name": &**name, "count": { "min": min, "max": max }, "diameter": at.and_then(|at| self.diameters(at)) })
            })
            .collect();
        let cell = self.first.cell.as_ref().map(|cell| {
            let edges: Vec<Vec<f64>> = (0..3).map(|axis| cell.edge(axis).iter().copied().collect()).collect();
            let origin: Vec<f64> = cell.origin().iter().copied().collect();
            json!({ "edges": edges, "origin": origin, "periodic": cell.periodic(), "volume": self.volume.map(range) })
        });
        let columns: Vec<Value> = self
            .first
            .columns
            .iter()
            .map(|(name, kind)| json!({ "name": name, "type": kind }))
            .collect();
        json!({
            "input": name,
            "format": facts.format,
            "bytes": facts.bytes,
            "frames": self.frames,
            "cut_short": facts.cut_short,
            "complete": !facts.cut_short && !facts.interrupted,
            "particles": { "min": self.particles.0, "max": self.particles.1 },
            "ids": self.ids.map(|(first, last)| json!({ "min": first, "max": last })),
            "species": species,
            "positions": self.first.positions,
            "cell": cell,
            "density": self.density(),
            "step": { "first": self.first.moment.step, "last": self.last.step, "every": match self.interval { Interval::Even(steps) => Some(steps), _ => None } },
            "time": { "first": self.first.moment.time, "last": self.last.time },
            "temperature": self.temperature.map(range),
            "columns": columns,
            "same_columns_throughout": self.same_columns,
            "keys": self.first.keys,
        })
    }

    fn to_text(&self, name: &str, facts: &InputFacts) -> String {
        let mut text = String::new();
        let mut line = |label: &str, value: String| {
            writeln!(text, "{label:<12} {value}").expect("memory takes every byte")
        };
        let bytes = facts.bytes.map_or(String::new(), |bytes| {
            format!(", {} of content", indicatif::HumanBytes(bytes))
        });
        line("input", format!("{name} ({}{bytes})", facts.format));
        let cut = if facts.cut_short {
            " whole ones; the input ends in the middle of another"
        } else {
            ""
        };
        let cut = if facts.interrupted {
            " so far (interrupted)"
        } else {
            cut
        };
        line("frames", format!("{}{cut}", self.frames));
        let (fewest, most) = self.particles;
        let ids = match self.ids {
            Some((first, last)) if (first, last) != (1, most as i64) => {
                format!(" (ids {first} to {last})")
            }
            _ => String::new(),
        };
        line(
            "particles",
            if fewest == most {
                format!("{most}{ids}")
            } else {
                format!("{fewest} to {most}{ids}")
            },
        );
        const SHOWN: usize = 12;
        for (species, (min, max)) in self.species.iter().take(SHOWN) {
            let at = self
                .first
                .species
                .iter()
                .position(|(name, _)| name == species);
            let count = if min == max {
                format!("{min}")
            } else {
                format!("{min} to {max}")
            };
            let diameter = match at.and_then(|at| self.diameters(at)) {
                Some(spread) if spread.min == spread.max => format!(", diameter {}", spread.mean),
                Some(spread) => format!(
                    ", diameter {:.4} ({:.4} to {:.4})",
                    spread.mean, spread.min, spread.max
                ),
                None => String::new(),
            };
            line("species", format!("{species}: {count}{diameter}"));
        }
        if self.species.len() > SHOWN {
            line("species", format!("… {} in all", self.species.len()));
        }
        match &self.first.cell {
            None => line("cell", "none".to_string()),
            Some(cell) => {
                let [x, y, z] = cell.lengths();
                let shape = if cell.is_orthogonal() {
                    format!("{x} x {y} x {z}")
                } else {
                    let edge = |axis: usize| {
                        let edge = cell.edge(axis);
                        format!("({} {} {})", edge.x, edge.y, edge.z)
                    };
                    format!("a {} b {} c {}", edge(0), edge(1), edge(2))
                };
                let periodic: String = ["x", "y", "z"]
                    .iter()
                    .zip(cell.periodic())
                    .filter(|(_, periodic)| *periodic)
                    .map(|(axis, _)| *axis)
                    .collect();
                let periodic = if periodic.is_empty() {
                    "not periodic".to_string()
                } else {
                    format!("periodic in {periodic}")
                };
                let varies = self
                    .volume
                    .is_some_and(|(low, high)| high - low > 1e-9 * high);
                line(
                    "cell",
                    format!(
                        "{shape}, {periodic}{}",
                        if varies {
                            " (first frame; its volume varies)"
                        } else {
                            ""
                        }
                    ),
                );
                line(
                    "density",
                    format!(
                        "{:.6} particles a volume",
                        self.density().unwrap_or(f64::NAN)
                    ),
                );
            }
        }
        line("positions", self.first.positions.to_string());
        if let (Some(first), Some(last)) = (self.first.moment.step, self.last.step) {
            let every = match self.interval {
                Interval::Even(steps) => format!(", every {steps}"),
                Interval::Uneven => ", unevenly spaced".to_string(),
                Interval::Unknown => String::new(),
            };
            line("steps", format!("{first} to {last}{every}"));
        }
        if let (Some(first), Some(last)) = (self.first.moment.time, self.last.time) {
            line("time", format!("{first} to {last}"));
        }
        if let Some((low, high)) = self.temperature {
            line("temperature", format!("{low} to {high}"));
        }
        if !self.first.columns.is_empty() {
            let columns: Vec<String> = self
                .first
                .columns
                .iter()
                .map(|(name, kind)| format!("{name} ({kind})"))
                .collect();
            let varies = if self.same_columns {
                ""
            } else {
                " (first frame; others differ)"
            };
            line("columns", format!("{}{varies}", columns.join(", ")));
        }
        if !self.first.keys.is_empty() {
            line("keys", self.first.keys.join(", "));
        }
        text
    }
}
