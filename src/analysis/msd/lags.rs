//! ⟨Δr²⟩, ⟨Δr⁴⟩ and α₂ by lag time, averaged over particles and time origins.
//!
//! Equally spaced frames: every lag by fast Fourier transform, and those lags again by the plain sum whose round-off would show in the
//! eleventh digit. Unevenly spaced (log-spaced) frames: the plain sum over all pairs of frames that are a lag apart.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use rayon::prelude::*;

use super::{Arguments, Spacing};
use crate::analysis::columns::{PARTICLES, SPECIES_OR_ALL};
use crate::analysis::followed::Followed;
use crate::analysis::{ALL, Abscissa, Analysis, Moment, curve_color, curve_labels, curves_shown};
use crate::data::figure::{Axes, Axis, Figure, Layer, Scale, Stroke};
use crate::data::frame::{Frame, Species};
use crate::data::table::{Cells, ColumnSpec, RowSink, TableSpec};
use crate::error::{Error, Kind as CrateKind, Result};
use crate::physics::displacement::{Correlator, Moments, Path, non_gaussian};

/// Displacements by lag time.
pub struct ByLag {
    arguments: Arguments,
}

impl ByLag {
    /// The analysis with these arguments.
    pub fn new(arguments: Arguments) -> Self {
        ByLag { arguments }
    }
}

const TABLES: [TableSpec; 1] = [TableSpec {
    name: "lags",
    meaning: "one row a lag and species",
    columns: &[
        ColumnSpec::integer(
            "lag_frames",
            "lag in frames; missing where frames are not equally spaced",
        ),
        ColumnSpec::integer("lag_steps", "lag in integration steps"),
        ColumnSpec::real("lag_time", "time", "lag in time"),
        SPECIES_OR_ALL,
        PARTICLES,
        ColumnSpec::integer("origins", "number of time origins"),
        ColumnSpec::real("msd", "length^2", "mean squared displacement"),
        ColumnSpec::real(
            "msd_standard_error",
            "length^2",
            "standard error of msd over particles, each averaged over its origins and taken as independent",
        ),
        ColumnSpec::real(
            "mean_quartic_displacement",
            "length^4",
            "mean fourth power of the displacement",
        ),
        ColumnSpec::real(
            "alpha2",
            "1",
            "non-Gaussian parameter 3<dr^4>/(5<dr^2>^2) - 1",
        ),
    ],
}];

/// The particles that are followed, and their species.
pub struct Context {
    followed: Followed,
    species: Species,
    abscissa: Abscissa,
}

/// Positions of one frame.
pub struct Positions {
    moment: Moment,
    coordinates: Vec<f64>,
}

/// All positions so far.
pub struct State {
    moments: Vec<Moment>,
    paths: Paths,
}

/// The curves: for all, then for each species.
pub struct Finished {
    curves: Vec<(String, Vec<Row>)>,
    axis: &'static str,
    frames: usize,
    by_transform: bool,
}

struct Row {
    lag: f64,
    msd: f64,
    alpha2: Option<f64>,
}

/// A lag and the pairs of frames that are that far apart.
struct Lag {
    frames: Option<usize>,
    steps: Option<i64>,
    time: Option<f64>,
    origins: usize,
}

impl Lag {
    /// The lag in the most telling unit that is known.
    fn value(&self) -> f64 {
        self.time
            .or(self.steps.map(|steps| steps as f64))
            .or(self.frames.map(|frames| frames as f64))
            .unwrap_or(f64::NAN)
    }
}

/// What is averaged: lags of whole frames, or given pairs.
enum Plan {
    Even { lags: Vec<usize>, transform: bool },
    Uneven(Vec<Vec<(u32, u32)>>),
}

impl Analysis for ByLag {
    type Context = Context;
    type Partial = Positions;
    type State = State;
    type Finished = Finished;

    fn tables(&self) -> &'static [TableSpec] {
        &TABLES
    }

    fn figures(&self) -> &'static [&'static str] {
        &["msd", "alpha2"]
    }

    fn follows_particles(&self) -> bool {
        true
    }

    fn prepare(&self, first: &Frame) -> Result<Context> {
        Ok(Context {
            followed: Followed::of(first, self.arguments.drift)?,
            species: first.species.clone(),
            abscissa: Abscissa::of(&Moment {
                temperature: None,
                ..Moment::of(first)
            }),
        })
    }

    fn frame(&self, context: &Context, frame: &Frame) -> Result<Positions> {
        let positions = context.followed.positions(frame)?;
        Ok(Positions {
            moment: Moment::of(frame),
            coordinates: positions
                .iter()
                .flat_map(|position| position.iter().copied())
                .collect(),
        })
    }

    fn start(&self, context: &Context) -> State {
        State {
            moments: Vec::new(),
            paths: Paths::new(context.species.of.len()),
        }
    }

    fn reduce(
        &self,
        _context: &Context,
        state: &mut State,
        frame: Positions,
        _out: &mut dyn RowSink,
    ) -> Result<()> {
        let now = frame.moment;
        if let Some(before) = state.moments.last() {
            let later = match (before.step.zip(now.step), before.time.zip(now.time)) {
                (Some((before, now)), _) => now > before,
                (None, Some((before, now))) => now > before,
                (None, None) => true,
            };
            if !later {
                let what = "the frame is not later than the one before";
                let help =
                    "lag times need frames in the order of time; select a stretch with --frames";
                return Err(Error::new(what).help(help).in_frame(now.frame));
            }
        }
        state.moments.push(now);
        state.paths.push(&frame.coordinates)
    }

    fn finish(&self, context: &Context, state: State, out: &mut dyn RowSink) -> Result<Finished> {
        let State { moments, mut paths } = state;
        if moments.len() < 2 {
            return Err(Error::new("a single frame has no lag").help("give two frames or more"));
        }
        let (lags, plan) = self.plan(&moments)?;
        let stop = || out.interrupted();
        let mut sums = paths.average(&context.species, &plan, &stop)?;
        let by_transform = matches!(
            plan,
            Plan::Even {
                transform: true,
                ..
            }
        );
        if let Plan::Even {
            lags,
            transform: true,
        } = &plan
        {
            let doubtful = sums.doubtful(lags, moments.len());
            if !doubtful.is_empty() {
                let again = Plan::Even {
                    lags: doubtful.iter().map(|&at| lags[at]).collect(),
                    transform: false,
                };
                sums.replace(&doubtful, paths.average(&context.species, &again, &stop)?);
            }
        }
        let names: Vec<Arc<str>> = std::iter::once(ALL.into())
            .chain(context.species.names.iter().cloned())
            .collect();
        let labels = curve_labels(&context.species).into_iter();
        let mut curves: Vec<(String, Vec<Row>)> = labels.map(|label| (label, Vec::new())).collect();
        for (at, lag) in lags.iter().enumerate() {
            let groups: Vec<Group> = sums.groups.iter().map(|sums| sums.at(at)).collect();
            let mut rows = vec![
                Cells::repeat(lag.frames.map(|frames| frames as i64), groups.len()),
                Cells::repeat(lag.steps, groups.len()),
                Cells::repeat(lag.time, groups.len()),
            ];
            rows.push(names.clone().into());
            rows.push(
                groups
                    .iter()
                    .map(|group| group.particles as i64)
                    .collect::<Vec<_>>()
                    .into(),
            );
            rows.push(Cells::repeat(lag.origins as i64, groups.len()));
            rows.push(
                groups
                    .iter()
                    .map(|group| group.msd)
                    .collect::<Vec<_>>()
                    .into(),
            );
            rows.push(
                groups
                    .iter()
                    .map(|group| group.standard_error)
                    .collect::<Vec<_>>()
                    .into(),
            );
            rows.push(
                groups
                    .iter()
                    .map(|group| group.fourth)
                    .collect::<Vec<_>>()
                    .into(),
            );
            rows.push(groups.iter().map(Group::alpha2).collect::<Vec<_>>().into());
            if out.wants("lags") {
                out.rows("lags", rows)?;
            }
            for (curve, group) in curves.iter_mut().zip(&groups) {
                curve.1.push(Row {
                    lag: lag.value(),
                    msd: group.msd,
                    alpha2: group.alpha2(),
                });
            }
        }
        let axis = match &lags[0] {
            Lag { time: Some(_), .. } => "*t*",
            Lag { steps: Some(_), .. } => "lag (steps)",
            _ => "lag (frames)",
        };
        Ok(Finished {
            curves,
            axis,
            frames: moments.len(),
            by_transform,
        })
    }

    fn abscissa_of(&self, context: &Context) -> Option<Abscissa> {
        Some(context.abscissa)
    }

    fn summary(&self, finished: &Finished) -> String {
        let all = &finished.curves[0].1;
        let most = all
            .iter()
            .filter_map(|row| Some((row.alpha2?, row.lag)))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let peak = most.map_or(String::new(), |(alpha2, lag)| {
            format!("; α₂ is largest, {alpha2:.4}, at a lag of {lag}")
        });
        let how = if finished.by_transform {
            "by Fourier transform"
        } else {
            "by the sum over origins"
        };
        let last = all.last().map_or(f64::NAN, |row| row.msd);
        format!(
            "{} frames, {} lags {how}: ⟨Δr²⟩ = {last:.6} at the longest{peak}",
            finished.frames,
            all.len()
        )
    }

    fn figure(&self, name: &str, inputs: &[(String, &Finished)]) -> Figure {
        let curves: Vec<(String, &Vec<Row>)> = match inputs {
            [(_, only)] => {
                let shown = curves_shown(only.curves.len());
                only.curves
                    .iter()
                    .take(shown)
                    .map(|(label, rows)| (label.clone(), rows))
                    .collect()
            }
            several => several
                .iter()
                .map(|(label, finished)| (label.clone(), &finished.curves[0].1))
                .collect(),
        };
        let single = curves.len() == 1;
        let layers = curves
            .into_iter()
            .enumerate()
            .map(|(index, (label, rows))| {
                let value = |row: &Row| {
                    if name == "alpha2" {
                        row.alpha2.unwrap_or(f64::NAN)
                    } else {
                        row.msd
                    }
                };
                let color = curve_color(index);
                Layer::Line {
                    points: rows.iter().map(|row| (row.lag, value(row))).collect(),
                    stroke: Stroke::solid(color),
                    label: (!single).then_some(label),
                }
            });
        let x = Axis {
            label: inputs
                .first()
                .map_or("", |(_, finished)| finished.axis)
                .to_string(),
            scale: Scale::Log,
            ..Axis::default()
        };
        let y = match name {
            "alpha2" => Axis {
                label: "α_{2}".to_string(),
                ..Axis::default()
            },
            _ => Axis {
                label: "⟨Δ*r*^{2}⟩".to_string(),
                scale: Scale::Log,
                ..Axis::default()
            },
        };
        Figure {
            axes: Axes {
                x,
                y,
                layers: layers.collect(),
                ..Axes::default()
            },
            inset: None,
        }
    }
}

impl ByLag {
    /// Which lags, and which pairs of frames belong to each.
    fn plan(&self, moments: &[Moment]) -> Result<(Vec<Lag>, Plan)> {
        let spacing = self.arguments.lags.unwrap_or(Spacing::Linear);
        let steps: Option<Vec<i64>> = moments.iter().map(|moment| moment.step).collect();
        let times: Option<Vec<f64>> = moments.iter().map(|moment| moment.time).collect();
        // Without steps, whole numbers are made of the times, so that equal lags can be told.
        let ticks: Vec<i64> = match (&steps, &times) {
            (Some(steps), _) => steps.clone(),
            (None, Some(times)) if are_even(times) => (0..times.len() as i64).collect(),
            (None, Some(times)) => {
                let unit = (times[1] - times[0]).abs();
                times
                    .iter()
                    .map(|time| ((time - times[0]) / unit * 1e6).round() as i64)
                    .collect()
            }
            (None, None) => (0..moments.len() as i64).collect(),
        };
        // Steps or times that some frames lack, or times closer than a millionth of the first interval.
        if let Some(at) = ticks.windows(2).position(|pair| pair[1] <= pair[0]) {
            return Err(Error::new("the frame's lag cannot be told from its step or time")
                .help("select a stretch with --frames, or give the steps with --steps START:EVERY")
                .in_frame(moments[at + 1].frame));
        }
        let interval = ticks[1] - ticks[0];
        let slope = match (&steps, &times) {
            (Some(steps), Some(times)) => {
                let slope = (times[times.len() - 1] - times[0])
                    / (steps[steps.len() - 1] - steps[0]) as f64;
                // Times may have been written with six digits.
                let off = (1..steps.len()).find(|&at| {
                    let expected = times[0] + slope * (steps[at] - steps[0]) as f64;
                    let interval = slope * (steps[at] - steps[at - 1]) as f64;
                    (times[at] - expected).abs() > 0.1 * interval.abs() + 1e-5 * expected.abs()
                });
                if let Some(at) = off {
                    let what = "the time does not grow with the step: the length of a step changes";
                    return Err(Error::new(what)
                        .help("with --frames, select a stretch in which it does not")
                        .in_frame(moments[at].frame));
                }
                Some(slope)
            }
            _ => None,
        };
        let lag = |ticks: i64, frames: Option<usize>, origins: usize| Lag {
            frames,
            steps: steps.as_ref().map(|_| ticks),
            time: match (slope, &times, frames) {
                (Some(slope), ..) => Some(ticks as f64 * slope),
                (None, Some(times), Some(frames)) => Some(times[frames] - times[0]),
                (None, Some(times), None) => {
                    Some(ticks as f64 * 1e-6 * (times[1] - times[0]).abs())
                }
                (None, None, _) => None,
            },
            origins,
        };
        let even = ticks.windows(2).all(|pair| pair[1] - pair[0] == interval);
        if even {
            let longest = moments.len() - 1;
            let lags: Vec<usize> = match spacing {
                Spacing::Linear => (1..=longest).collect(),
                Spacing::Log => log_spaced(longest, self.arguments.per_decade),
            };
            let transform = spacing == Spacing::Linear && longest >= 64;
            let described = lags
                .iter()
                .map(|&frames| {
                    lag(
                        frames as i64 * interval,
                        Some(frames),
                        moments.len() - frames,
                    )
                })
                .collect();
            return Ok((described, Plan::Even { lags, transform }));
        }
        let mut pairs: BTreeMap<i64, Vec<(u32, u32)>> = BTreeMap::new();
        for later in 1..ticks.len() {
            for origin in 0..later {
                pairs
                    .entry(ticks[later] - ticks[origin])
                    .or_default()
                    .push((origin as u32, later as u32));
            }
        }
        if spacing == Spacing::Log {
            pairs = thinned(pairs, self.arguments.per_decade);
        } else if pairs.len() > 20_000 {
            let what = format!(
                "the frames are unevenly spaced and have {} different lags",
                pairs.len()
            );
            return Err(Error::new(what).help("use --lags log"));
        }
        let described = pairs
            .iter()
            .map(|(&ticks, pairs)| lag(ticks, None, pairs.len()))
            .collect();
        Ok((described, Plan::Uneven(pairs.into_values().collect())))
    }
}

/// Whether times are at equal distances, but for the rounding to six digits with which they may have been written.
fn are_even(times: &[f64]) -> bool {
    let (first, last) = (times[0], times[times.len() - 1]);
    let interval = (last - first) / (times.len() - 1) as f64;
    let is_near = |(at, time): (usize, &f64)| {
        let off = (time - first - at as f64 * interval).abs();
        off <= 2e-6 * (first.abs() + time.abs() + last.abs()) && off < 0.1 * interval
    };
    interval > 0.0 && times.iter().enumerate().all(is_near)
}

/// Whole lags from 1 to `longest`, about `per_decade` a decade.
fn log_spaced(longest: usize, per_decade: u32) -> Vec<usize> {
    let decades = (longest as f64).log10();
    let count = (decades * f64::from(per_decade)).ceil() as usize;
    let mut lags: Vec<usize> = (0..=count)
        .map(|at| 10f64.powf(at as f64 / f64::from(per_decade)).round() as usize)
        .collect();
    lags.push(longest);
    lags.retain(|&lag| (1..=longest).contains(&lag));
    lags.sort_unstable();
    lags.dedup();
    lags
}

/// Of the lags in each of `per_decade` equal parts of a decade, the one with the most pairs (the shortest, if several).
fn thinned(
    pairs: BTreeMap<i64, Vec<(u32, u32)>>,
    per_decade: u32,
) -> BTreeMap<i64, Vec<(u32, u32)>> {
    let part = |lag: i64| ((lag as f64).log10() * f64::from(per_decade)).floor() as i64;
    let mut best: BTreeMap<i64, (i64, Vec<(u32, u32)>)> = BTreeMap::new();
    for (lag, pairs) in pairs {
        match best.get_mut(&part(lag)) {
            Some(kept) if kept.1.len() >= pairs.len() => {}
            Some(kept) => *kept = (lag, pairs),
            None => {
                best.insert(part(lag), (lag, pairs));
            }
        }
    }
    best.into_values().collect()
}

/// Averages over the particles of a group at one lag.
struct Group {
    particles: usize,
    msd: f64,
    standard_error: Option<f64>,
    fourth: f64,
}

impl Group {
    fn alpha2(&self) -> Option<f64> {
        (self.msd > 0.0).then(|| non_gaussian(self.msd, self.fourth))
    }
}

/// Sums over the particles of a group, at each lag.
#[derive(Clone, Default)]
struct GroupSums {
    particles: usize,
    second: Vec<f64>,
    /// Σ of the squared deviations of the particles' second moments from their mean: kept as such, because a difference of sums would lose
    /// the digits of particles that are much alike.
    deviations: Vec<f64>,
    fourth: Vec<f64>,
    /// Σ of the mean |r|² and |r|⁴ about each particle's own mean position: what round-off is measured by.
    spread: (f64, f64),
}

impl GroupSums {
    fn new(lags: usize) -> Self {
        GroupSums {
            second: vec![0.0; lags],
            deviations: vec![0.0; lags],
            fourth: vec![0.0; lags],
            ..GroupSums::default()
        }
    }

    fn add(&mut self, moments: &Moments, spread: (f64, f64)) {
        let before = self.particles as f64;
        for (at, (second, fourth)) in moments.second.iter().zip(&moments.fourth).enumerate() {
            if before > 0.0 {
                let apart = second - self.second[at] / before;
                self.deviations[at] += apart * apart * before / (before + 1.0);
            }
            self.second[at] += second;
            self.fourth[at] += fourth;
        }
        self.particles += 1;
        self.spread = (self.spread.0 + spread.0, self.spread.1 + spread.1);
    }

    fn merge(&mut self, other: &GroupSums) {
        let (mine, theirs) = (self.particles as f64, other.particles as f64);
        for at in 0..self.second.len() {
            if mine > 0.0 && theirs > 0.0 {
                let apart = self.second[at] / mine - other.second[at] / theirs;
                self.deviations[at] += apart * apart * mine * theirs / (mine + theirs);
            }
            self.second[at] += other.second[at];
            self.deviations[at] += other.deviations[at];
            self.fourth[at] += other.fourth[at];
        }
        self.particles += other.particles;
        self.spread = (
            self.spread.0 + other.spread.0,
            self.spread.1 + other.spread.1,
        );
    }

    fn at(&self, lag: usize) -> Group {
        let count = self.particles as f64;
        let msd = self.second[lag] / count;
        let variance = self.deviations[lag] / (count - 1.0);
        Group {
            particles: self.particles,
            msd,
            standard_error: (self.particles > 1).then(|| (variance / count).sqrt()),
            fourth: self.fourth[lag] / count,
        }
    }
}

/// Sums of all, then of each species.
struct Sums {
    groups: Vec<GroupSums>,
}

impl Sums {
    /// Positions in `lags` at which the round-off of the transforms may exceed 10⁻¹¹ of a group's result.
    fn doubtful(&self, lags: &[usize], frames: usize) -> Vec<usize> {
        const DIGITS: f64 = 1e-11;
        let correlator = Correlator::new(frames);
        let bad = |at: usize| {
            self.groups
                .iter()
                .filter(|group| group.particles > 0)
                .any(|group| {
                    let (second, fourth) =
                        correlator.error(lags[at], group.spread.0, group.spread.1);
                    second > DIGITS * group.second[at].abs()
                        || fourth > DIGITS * group.fourth[at].abs()
                })
        };
        (0..lags.len()).filter(|&at| bad(at)).collect()
    }

    fn replace(&mut self, at: &[usize], better: Sums) {
        for (group, better) in self.groups.iter_mut().zip(better.groups) {
            for (from, &to) in at.iter().enumerate() {
                group.second[to] = better.second[from];
                group.deviations[to] = better.deviations[from];
                group.fourth[to] = better.fourth[from];
            }
        }
    }
}

/// The paths of all particles, gathered frame by frame and read particle by particle. Beyond a fixed size they go to a temporary file.
struct Paths {
    particles: usize,
    frames: usize,
    /// Frames that are not yet in the file, each x₁ y₁ z₁ x₂ ….
    open: Vec<f64>,
    file: Option<File>,
    /// Frames in each chunk of the file; a chunk holds particle after particle, each with its frames.
    chunks: Vec<usize>,
    /// Most bytes of positions held in memory: of frames that are not yet in the file, and of paths that are being averaged.
    most: usize,
}

impl Paths {
    const MOST: usize = 48 << 20;

    fn new(particles: usize) -> Self {
        Paths {
            particles,
            frames: 0,
            open: Vec::new(),
            file: None,
            chunks: Vec::new(),
            most: Self::MOST,
        }
    }

    fn row(&self) -> usize {
        3 * self.particles
    }

    fn push(&mut self, coordinates: &[f64]) -> Result<()> {
        self.open.extend_from_slice(coordinates);
        self.frames += 1;
        if (self.open.len() + self.row()) * 8 > self.most {
            self.spill()
        } else {
            Ok(())
        }
    }

    fn spill(&mut self) -> Result<()> {
        let failed = |error: std::io::Error| {
            Error::new(format!(
                "cannot keep positions in a temporary file: {error}"
            ))
            .help("make room in the folder for temporary files, or name another in TMPDIR")
        };
        let frames = self.open.len() / self.row();
        let mut bytes = Vec::with_capacity(self.open.len() * 8);
        for particle in 0..self.particles {
            for frame in 0..frames {
                let at = frame * self.row() + 3 * particle;
                self.open[at..at + 3]
                    .iter()
                    .for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
            }
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile().map_err(failed)?),
        };
        file.seek(SeekFrom::End(0))
            .and_then(|_| file.write_all(&bytes))
            .map_err(failed)?;
        self.chunks.push(frames);
        self.open.clear();
        Ok(())
    }

    /// The paths of particles `first .. first + count`.
    fn read(&mut self, first: usize, count: usize) -> Result<Vec<Path>> {
        let mut paths = vec![
            Path {
                axes: std::array::from_fn(|_| Vec::with_capacity(self.frames))
            };
            count
        ];
        let mut start = 0u64;
        for &frames in &self.chunks {
            let stride = 24 * frames;
            let mut bytes = vec![0; count * stride];
            let file = self.file.as_mut().expect("there are chunks only in a file");
            file.seek(SeekFrom::Start(start + (first * stride) as u64))
                .and_then(|_| file.read_exact(&mut bytes))
                .map_err(|error| {
                    Error::new(format!(
                        "cannot read positions back from a temporary file: {error}"
                    ))
                })?;
            for (path, bytes) in paths.iter_mut().zip(bytes.chunks_exact(stride)) {
                for (at, value) in bytes.as_chunks::<8>().0.iter().enumerate() {
                    path.axes[at % 3].push(f64::from_le_bytes(*value));
                }
            }
            start += (self.particles * stride) as u64;
        }
        for frame in self.open.chunks_exact(self.row()) {
            let positions = frame[3 * first..].as_chunks::<3>().0;
            for (path, position) in paths.iter_mut().zip(positions) {
                path.axes
                    .iter_mut()
                    .zip(position)
                    .for_each(|(axis, value)| axis.push(*value));
            }
        }
        Ok(paths)
    }

    /// Sums over particles at every lag of the plan. The order of the sums is that of the particles, whatever the number of threads.
    ///
    /// Errors: `stop` says that the user has asked for an end.
    fn average(&mut self, species: &Species, plan: &Plan, stop: &dyn Fn() -> bool) -> Result<Sums> {
        const TOGETHER: usize = 16;
        let lags = match plan {
            Plan::Even { lags, .. } => lags.len(),
            Plan::Uneven(pairs) => pairs.len(),
        };
        let groups = species.names.len() + 1;
        let empty = || vec![GroupSums::new(lags); groups];
        let mut sums = Sums { groups: empty() };
        let correlator = match plan {
            Plan::Even {
                transform: true, ..
            } => Some(Correlator::new(self.frames)),
            _ => None,
        };
        let block = (self.most / (24 * self.frames)).clamp(TOGETHER, self.particles.max(TOGETHER));
        for first in (0..self.particles).step_by(block) {
            if stop() {
                let what = "interrupted before the lags were averaged; nothing was written";
                return Err(Error::of_kind(CrateKind::NotTheAnswer, what));
            }
            let count = block.min(self.particles - first);
            let mut paths = self.read(first, count)?;
            let parts: Vec<Vec<GroupSums>> = paths
                .par_chunks_mut(TOGETHER)
                .enumerate()
                .map(|(chunk, paths)| {
                    let mut groups = empty();
                    for (offset, path) in paths.iter_mut().enumerate() {
                        path.centre();
                        let moments = match (plan, &correlator) {
                            (Plan::Even { lags, .. }, Some(correlator)) => {
                                chosen(correlator.moments(path), lags)
                            }
                            (Plan::Even { lags, .. }, None) => path.moments(lags),
                            (Plan::Uneven(pairs), _) => path.moments_of_pairs(pairs),
                        };
                        let spread = spread(path);
                        let particle = first + chunk * TOGETHER + offset;
                        groups[0].add(&moments, spread);
                        groups[species.of[particle] as usize + 1].add(&moments, spread);
                    }
                    groups
                })
                .collect();
            for part in &parts {
                sums.groups
                    .iter_mut()
                    .zip(part)
                    .for_each(|(sum, part)| sum.merge(part));
            }
        }
        Ok(sums)
    }
}

fn chosen(all: Moments, lags: &[usize]) -> Moments {
    Moments {
        second: lags.iter().map(|&lag| all.second[lag]).collect(),
        fourth: lags.iter().map(|&lag| all.fourth[lag]).collect(),
    }
}

/// Mean |r|² and |r|⁴ of a centred path.
fn spread(path: &Path) -> (f64, f64) {
    let [x, y, z] = &path.axes;
    let (mut second, mut fourth) = (0.0, 0.0);
    for t in 0..path.len() {
        let square = x[t] * x[t] + y[t] * y[t] + z[t] * z[t];
        second += square;
        fourth += square * square;
    }
    (second / path.len() as f64, fourth / path.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: usize = 70;
    const PARTICLES: usize = 37;

    fn walk() -> Vec<Vec<f64>> {
        let mut state = 11u64;
        let mut uniform = move || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        let mut at: Vec<f64> = (0..3 * PARTICLES).map(|_| 20.0 * uniform()).collect();
        let mut step = || {
            at.iter_mut().for_each(|value| *value += uniform());
            at.clone()
        };
        (0..FRAMES).map(|_| step()).collect()
    }

    fn paths(frames: &[Vec<f64>], most: usize) -> Paths {
        let mut paths = Paths {
            most,
            ..Paths::new(PARTICLES)
        };
        for frame in frames {
            paths.push(frame).unwrap();
        }
        paths
    }

    #[test]
    fn positions_come_back_from_the_temporary_file() {
        let frames = walk();
        // One frame a chunk; a few; a last chunk that is full; everything in memory.
        for (most, chunks) in [
            (1, 70),
            (7 * 24 * PARTICLES, 10),
            (9 * 24 * PARTICLES, 7),
            (Paths::MOST, 0),
        ] {
            let mut paths = paths(&frames, most);
            assert_eq!(paths.chunks.len(), chunks);
            for (first, count) in [(0, PARTICLES), (5, 3), (PARTICLES - 1, 1)] {
                let read = paths.read(first, count).unwrap();
                assert_eq!(read.len(), count);
                for (offset, path) in read.iter().enumerate() {
                    for (axis, values) in path.axes.iter().enumerate() {
                        let exact: Vec<f64> = frames
                            .iter()
                            .map(|frame| frame[3 * (first + offset) + axis])
                            .collect();
                        assert_eq!(*values, exact, "{most} bytes, particle {}", first + offset);
                    }
                }
            }
        }
    }

    #[test]
    fn averages_do_not_depend_on_what_is_held_in_memory() {
        let frames = walk();
        let species = Species {
            names: vec!["A".into(), "B".into()],
            of: (0..PARTICLES as u32).map(|row| row % 2).collect(),
        };
        let lags: Vec<usize> = (1..FRAMES).collect();
        let pairs = lags.iter().map(|&lag| {
            (0..FRAMES - lag)
                .map(|t| (t as u32, (t + lag) as u32))
                .collect()
        });
        let plans = [
            Plan::Uneven(pairs.collect()),
            Plan::Even {
                lags: lags.clone(),
                transform: false,
            },
            Plan::Even {
                lags: lags.clone(),
                transform: true,
            },
        ];
        for plan in &plans {
            for most in [1, 9 * 24 * PARTICLES, Paths::MOST] {
                let sums = paths(&frames, most)
                    .average(&species, plan, &|| false)
                    .unwrap();
                for (group, sums) in sums.groups.iter().enumerate() {
                    let members: Vec<usize> = (0..PARTICLES)
                        .filter(|row| group == 0 || row % 2 == group - 1)
                        .collect();
                    assert_eq!(sums.particles, members.len());
                    for (at, &lag) in lags.iter().enumerate() {
                        let mut exact = 0.0;
                        for &row in &members {
                            for t in 0..FRAMES - lag {
                                let square: f64 = (3 * row..3 * row + 3)
                                    .map(|column| {
                                        (frames[t + lag][column] - frames[t][column]).powi(2)
                                    })
                                    .sum();
                                exact += square / (FRAMES - lag) as f64;
                            }
                        }
                        // The transforms are good to the 1e-11 that `doubtful` asks of them, the sums to a few last places.
                        assert!(
                            (sums.second[at] / exact - 1.0).abs() < 1e-11,
                            "{most} bytes, lag {lag}"
                        );
                    }
                }
            }
        }
    }
}
