//! `rate-fit`: how temperatures and other quantities depend on the rate of cooling or heating, and what they are at rates that cannot be reached.
//!
//! It works on tables rather than on frames: a measurement a row.
//!
//! ```
//! use hyalo::analysis::rate_fit::{self, Measurement};
//! use hyalo::analysis::arguments;
//!
//! let measured = [(1e-2, 0.9), (1e-3, 0.8), (1e-4, 0.7)].map(|(rate, value)| Measurement {
//!     quantity: "T_o".into(),
//!     series: None,
//!     source: None,
//!     rate,
//!     value: Some(value),
//! });
//! let answers = arguments::<rate_fit::Arguments>("--extrapolate 1e-5")?.answer(&measured)?;
//! let rows = answers[0].extrapolations();
//! let values = rows[4].reals();
//! assert!(values.iter().flatten().all(|value| (value - 0.6).abs() < 1e-9), "on the line through the three");
//! # Ok::<(), hyalo::error::Error>(())
//! ```

use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::{ALL, check_resampling, counted};
use crate::data::figure::{Axes, Axis, Color, Dash, Figure, Layer, Scale, Stroke};
use crate::data::table::{Cells, ColumnSpec, Rows, TableSpec};
use crate::error::{Error, Result};
use crate::physics::rates::{Curve, Dependence, Estimate, Fit, Form, Mean, Measured, Method};

/// Points of a curve, in the table and in the figure.
const POINTS: usize = 101;

/// Arguments of `rate-fit`.
#[derive(Args, Clone, Debug, Serialize)]
pub struct Arguments {
    /// Use the rows of this quantity only (repeatable). Default: all; a figure shows one
    #[arg(long = "quantity", value_name = "NAME")]
    pub quantities: Vec<String>,

    /// Tell the quantities at this rate too (repeatable), slower or faster than those measured
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    pub extrapolate: Vec<f64>,

    /// Least value that there can be: intervals end there, and what falls below is doubted. Default: 0 for quantities whose names begin
    /// with T_, none for others
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    pub lowest: Option<f64>,

    /// Table with the same columns whose points are drawn, in black, but not fitted; a column source names them in the legend
    #[arg(long, value_name = "PATH")]
    pub compare: Option<String>,

    /// Label of the figure's vertical axis, with markup: *x* is italic, _{…} lowered, ^{…} raised. Default: the quantity
    #[arg(long, value_name = "TEXT")]
    pub axis_label: Option<String>,

    /// Probability that an interval holds the true value
    #[arg(
        long,
        value_name = "P",
        default_value_t = 0.95,
        allow_negative_numbers = true
    )]
    pub confidence: f64,

    /// How often the data are drawn again for the intervals: from the fitted form, with normal noise. Its variance is that of the replicas,
    /// or of the residuals where it is larger or there are no replicas, and is itself drawn again. The interval is that between percentiles
    #[arg(long, value_name = "N", default_value_t = 2000)]
    pub replicates: usize,

    /// Seed of the random numbers
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub seed: u64,
}

/// A row of an input.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// What was measured.
    pub quantity: Arc<str>,
    /// Of which system, if that is told.
    pub series: Option<Arc<str>>,
    /// Who says so, if that is told.
    pub source: Option<Arc<str>>,
    /// Rate of cooling or heating (temperature/time), positive.
    pub rate: f64,
    /// The value, if there is one.
    pub value: Option<f64>,
}

/// What the measurements of one quantity in one series say.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was measured.
    pub quantity: Arc<str>,
    /// Of which system.
    pub series: Option<Arc<str>>,
    /// Why the fits should not be trusted, in words.
    pub doubts: Vec<String>,
    dependence: Dependence,
    /// Rates that were asked for.
    asked: Vec<f64>,
    /// Rows without a value.
    missing: usize,
    lowest: f64,
    confidence: f64,
}

const QUANTITY: ColumnSpec = ColumnSpec::text("quantity", "what was measured");
const SERIES: ColumnSpec =
    ColumnSpec::text("series", "of which system; missing if that was not told");
const FORM: ColumnSpec = ColumnSpec::text(
    "form",
    "line: a + b l, with l = log10(rate); vogel-fulcher-tammann: y0 + b/(c − l); all: the best value, with the intervals of all acceptable forms",
);
const RATE: ColumnSpec = ColumnSpec::real("rate", "energy/k_B/time", "rate of cooling or heating");
const LOWER: ColumnSpec = ColumnSpec::real(
    "lower",
    "value",
    "lower end of the interval of confidence; missing if nothing tells the noise",
);
const UPPER: ColumnSpec = ColumnSpec::real("upper", "value", "upper end");

/// The tables; `fits` is the main one.
pub const TABLES: [TableSpec; 4] = [
    TableSpec {
        name: "fits",
        meaning: "what was fitted, a row for each form of each quantity and series",
        columns: &[
            QUANTITY,
            SERIES,
            FORM,
            ColumnSpec::real("intercept", "value", "a of the line"),
            ColumnSpec::real(
                "intercept_error",
                "value",
                "its standard error: half the width of the interval of 68.3 %, like the others",
            ),
            ColumnSpec::real("slope", "value", "b of the line, by decade of the rate"),
            ColumnSpec::real("slope_error", "value", "its standard error"),
            ColumnSpec::real(
                "limit",
                "value",
                "y0 of the hyperbola, the limit for rate → 0, but no less than --lowest; missing, like b and c, if it has become a line",
            ),
            ColumnSpec::real(
                "limit_error",
                "value",
                "its standard error; missing, like those of b and c, if the hyperbola becomes a line within it",
            ),
            ColumnSpec::real(
                "limit_lower",
                "value",
                "lower end of its interval of confidence; missing if there is none",
            ),
            ColumnSpec::real("limit_upper", "value", "upper end"),
            ColumnSpec::real("strength", "value", "b of the hyperbola"),
            ColumnSpec::real("strength_error", "value", "its standard error"),
            ColumnSpec::real(
                "pole",
                "1",
                "c of the hyperbola: log10 of the rate at which it diverges",
            ),
            ColumnSpec::real("pole_error", "1", "its standard error"),
            ColumnSpec::real(
                "rms_residual",
                "value",
                "root of the mean squared residual of the means, weighted with the numbers of replicas",
            ),
            ColumnSpec::real(
                "reduced_chi_square",
                "1",
                "squared residuals over squared standard errors, by degree of freedom; missing without replicas",
            ),
            ColumnSpec::real(
                "p_value",
                "1",
                "part of data drawn from the form that deviate from it as much as these; missing if they do not tell",
            ),
            ColumnSpec::boolean(
                "acceptable",
                "whether the form may be true: the p-value is not below 0.05",
            ),
            ColumnSpec::boolean(
                "best",
                "whether the means scatter least around it, of all acceptable forms",
            ),
            ColumnSpec::integer("rates", "number of rates"),
            ColumnSpec::integer("measurements", "number of measurements"),
            ColumnSpec::text(
                "warning",
                "why the fits of this quantity and series should not be trusted; missing if nothing speaks against it",
            ),
        ],
    },
    TableSpec {
        name: "means",
        meaning: "what was measured, a row for each rate of each quantity and series",
        columns: &[
            QUANTITY,
            SERIES,
            RATE,
            ColumnSpec::real("mean", "value", "mean over the replicas"),
            ColumnSpec::real(
                "sd",
                "value",
                "their standard deviation; missing if there is one",
            ),
            ColumnSpec::real(
                "standard_error",
                "value",
                "standard error of the mean, from the variance pooled over all rates; missing without replicas",
            ),
            ColumnSpec::integer("replicas", "number of replicas"),
        ],
    },
    TableSpec {
        name: "extrapolations",
        meaning: "the quantities at the rates of --extrapolate, a row for each form and one for all together",
        columns: &[
            QUANTITY,
            SERIES,
            FORM,
            RATE,
            ColumnSpec::real("value", "value", "the value"),
            LOWER,
            UPPER,
            ColumnSpec::real(
                "confidence",
                "1",
                "probability that the interval holds the true value",
            ),
        ],
    },
    TableSpec {
        name: "curves",
        meaning: "the fits with their intervals, from the slowest rate measured or asked for to the fastest",
        columns: &[
            QUANTITY,
            SERIES,
            FORM,
            RATE,
            ColumnSpec::real("value", "value", "the form at this rate"),
            LOWER,
            UPPER,
        ],
    },
];

/// The figures; `rates` is the main one.
pub const FIGURES: [&str; 1] = ["rates"];

impl Arguments {
    /// Checks what the flags' types do not.
    pub fn check(&self) -> Result<()> {
        check_resampling(self.confidence, self.replicates)?;
        let bad = |rate: &&f64| !(**rate > 0.0 && rate.is_finite());
        if let Some(rate) = self.extrapolate.iter().find(bad) {
            let what = format!("--extrapolate {rate} is no rate");
            return Err(Error::new(what).help("give a positive number, such as 1.8e-7"));
        }
        if let Some(lowest) = self.lowest.filter(|lowest| !lowest.is_finite()) {
            let what = format!("--lowest {lowest} is no value");
            return Err(Error::new(what).help("0 is usual, or leave it out"));
        }
        Ok(())
    }

    /// What the measurements say, in the order in which their quantities and series come first.
    ///
    /// Errors: no row of a quantity that was asked for, a series of a single rate.
    pub fn answer(&self, measurements: &[Measurement]) -> Result<Vec<Answer>> {
        let known = distinct(measurements.iter().map(|row| row.quantity.clone()));
        if known.is_empty() {
            return Err(Error::new("there is no row").help("give a measurement a row"));
        }
        let is_known = |name: &&String| known.iter().any(|known| **known == ***name);
        if let Some(name) = self.quantities.iter().find(|name| !is_known(name)) {
            let what = format!("there is no row of the quantity '{name}'");
            return Err(Error::new(what).help(format!("there are {}", known.join(", "))));
        }
        let is_wanted = |row: &&Measurement| {
            self.quantities.is_empty() || self.quantities.iter().any(|name| **name == *row.quantity)
        };
        let wanted: Vec<&Measurement> = measurements.iter().filter(is_wanted).collect();
        let kinds = distinct(
            wanted
                .iter()
                .map(|row| (row.quantity.clone(), row.series.clone())),
        );
        let of = |(quantity, series): (Arc<str>, Option<Arc<str>>)| {
            let rows = wanted.iter().copied();
            let rows = rows.filter(|row| row.quantity == quantity && row.series == series);
            self.one(quantity.clone(), series.clone(), &rows.collect::<Vec<_>>())
        };
        kinds.into_iter().map(of).collect()
    }

    fn one(
        &self,
        quantity: Arc<str>,
        series: Option<Arc<str>>,
        rows: &[&Measurement],
    ) -> Result<Answer> {
        let pairs = rows.iter().filter_map(|row| Some((row.rate, row.value?)));
        let measured = Measured::of(&pairs.collect::<Vec<_>>());
        let missing = rows.len() - measured.count();
        let [smallest, _] = measured.range();
        if let Some(lowest) = self.lowest.filter(|lowest| *lowest > smallest) {
            let name = named(&quantity, series.as_deref());
            let what = format!("--lowest {lowest} lies above a value of {name}, {smallest}");
            return Err(Error::new(what).help("give a smaller one, or leave it out"));
        }
        let rates = measured.means.len();
        let method = Method {
            confidence: self.confidence,
            replicates: self.replicates,
            seed: self.seed,
        };
        let dependence = Dependence::find(measured, &method).ok_or_else(|| {
            let name = named(&quantity, series.as_deref());
            let without = match missing {
                0 => String::new(),
                missing => format!(", and {} without", counted(missing, "row")),
            };
            let what = format!(
                "{name}: there are values at {}{without}",
                counted(rates, "rate")
            );
            Error::new(what).help("a line needs 2 rates or more, Vogel, Fulcher and Tammann 4")
        })?;
        let of_name = quantity.starts_with("T_").then_some(0.0);
        let mut answer = Answer {
            quantity,
            series,
            doubts: Vec::new(),
            dependence,
            asked: self.extrapolate.clone(),
            missing,
            lowest: self.lowest.or(of_name).unwrap_or(f64::NEG_INFINITY),
            confidence: self.confidence,
        };
        answer.doubts = answer.doubts();
        Ok(answer)
    }
}

/// The different ones, in order.
fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    items.for_each(|item| {
        if !found.contains(&item) {
            found.push(item);
        }
    });
    found
}

fn named(quantity: &str, series: Option<&str>) -> String {
    match series {
        Some(series) => format!("{quantity}, {series}"),
        None => quantity.to_string(),
    }
}

impl Answer {
    /// Quantity and series, for messages.
    pub fn name(&self) -> String {
        named(&self.quantity, self.series.as_deref())
    }

    /// What one of the forms says of a rate, or all of them together, no less than the least value there can be.
    fn estimate(&self, fit: Option<&Fit>, rate: f64) -> Estimate {
        let estimate = match fit {
            Some(fit) => self.dependence.of_form(fit, rate),
            None => self.dependence.of_all(rate),
        };
        Estimate {
            value: estimate.value.max(self.lowest),
            interval: estimate
                .interval
                .map(|ends| ends.map(|end| end.max(self.lowest))),
        }
    }

    /// The forms by name, and all of them together.
    fn forms(&self) -> impl Iterator<Item = (&'static str, Option<&Fit>)> {
        let fits = self.dependence.fits.iter();
        fits.map(|fit| (fit.form.name(), Some(fit)))
            .chain([(ALL, None)])
    }

    fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        let dependence = &self.dependence;
        if !dependence.is_acceptable() {
            let deviates = |fit: &Fit| {
                let p_value = fit.p_value.unwrap_or(1.0);
                format!("{} (p = {p_value:.3})", fit.form.name())
            };
            let forms: Vec<String> = dependence.fits.iter().map(deviates).collect();
            doubts.push(format!("the data do not follow {}", forms.join(" or ")));
        }
        let measured = &dependence.measured;
        let (rates, [low, high]) = (counted(measured.means.len(), "rate"), measured.range());
        let few = measured.means.len() < Form::VogelFulcherTammann.fewest();
        let [slowest, fastest] = self.measured_reach();
        for &rate in &self.asked {
            // As wide as the data leave it, whatever values there can be.
            match dependence.of_all(rate).interval {
                None => doubts.push(format!(
                    "nothing tells the uncertainty at {rate:e}: {rates} without replicas"
                )),
                Some(ends) if ends.iter().any(|end| end.is_infinite()) => doubts.push(format!(
                    "the interval at {rate:e} has no end: what the data may follow diverges at a slower rate"
                )),
                Some([lower, upper]) if upper - lower > high - low => doubts.push(format!(
                    "the interval at {rate:e} is wider ({}) than the range of the data ({})",
                    self.number(upper - lower),
                    self.number(high - low)
                )),
                Some(_) if few && !(slowest..=fastest).contains(&rate) => doubts.push(format!(
                    "{rates} cannot tell a line from a curve: the interval at {rate:e} leaves that out"
                )),
                Some(_) => {}
            }
            let best = dependence.best();
            if best.curve.at(rate) < self.lowest {
                doubts.push(format!(
                    "the form {} falls below {} before {rate:e}",
                    best.form.name(),
                    self.lowest
                ));
            }
        }
        doubts
    }

    /// A value to a thousandth of the range of the data, or a little finer.
    fn number(&self, value: f64) -> String {
        let [low, high] = self.dependence.measured.range();
        let range = (high - low).max(1e-3 * high.abs());
        let decimals = (2.0 - range.log10().floor()).clamp(0.0, 12.0) as usize;
        format!("{value:.decimals$}")
    }

    fn between(&self, interval: Option<[f64; 2]>) -> String {
        interval.map_or(String::new(), |[lower, upper]| {
            format!(" ({} to {})", self.number(lower), self.number(upper))
        })
    }

    /// Interval of the limit for rate → 0.
    fn limit(&self, fit: &Fit) -> Option<[f64; 2]> {
        let [lower, upper] = fit.interval(Curve::limit, self.confidence)?;
        // A line has no limit: of replicates that are lines, percentiles may make ∞ − ∞.
        let end = |end: f64, none: f64| if end.is_nan() { none } else { end };
        let ends = [end(lower, f64::NEG_INFINITY), end(upper, f64::INFINITY)];
        Some(ends.map(|end| end.max(self.lowest)))
    }

    /// One line for the terminal.
    pub fn summary(&self) -> String {
        let dependence = &self.dependence;
        let best = dependence.best();
        let mut parts: Vec<String> = (self.asked.iter())
            .map(|&rate| {
                let Estimate { value, interval } = self.estimate(None, rate);
                format!(
                    "{}{} at {rate:e}",
                    self.number(value),
                    self.between(interval)
                )
            })
            .collect();
        parts.push(format!("best form {}", best.form.name()));
        for fit in &dependence.fits {
            if let Some(p_value) = fit.p_value {
                parts.push(format!("p of {} {p_value:.3}", fit.form.name()));
            }
            let limit = Some(fit.curve.limit().max(self.lowest)).filter(|limit| limit.is_finite());
            if let Some(limit) = limit.filter(|_| fit.form != Form::Line) {
                let interval = self.between(self.limit(fit));
                parts.push(format!("its limit {}{interval}", self.number(limit)));
            }
        }
        let measured = &dependence.measured;
        parts.push(format!(
            "{}, {}",
            counted(measured.means.len(), "rate"),
            counted(measured.count(), "measurement")
        ));
        parts.extend(self.notes());
        parts.join("; ")
    }

    /// What a reader of the numbers should know besides.
    pub fn notes(&self) -> Vec<String> {
        let missing = Some(self.missing).filter(|missing| *missing > 0);
        let missing =
            missing.map(|missing| format!("{} without a value left out", counted(missing, "row")));
        let rates = self.dependence.measured.means.len();
        let bent = Form::VogelFulcherTammann;
        let few = (rates < bent.fewest())
            .then(|| format!("{} takes {} rates or more", bent.name(), bent.fewest()));
        missing.into_iter().chain(few).collect()
    }

    /// Quantity and series in every row.
    fn leading(&self, rows: usize) -> Rows {
        vec![
            Cells::repeat(self.quantity.clone(), rows),
            Cells::Text(vec![self.series.clone(); rows]),
        ]
    }

    /// Rows of the table `fits`.
    pub fn fits(&self) -> Rows {
        let fits = &self.dependence.fits;
        let is_bent = |fit: &Fit| fit.form == Form::VogelFulcherTammann;
        let reals = |of: &dyn Fn(&Fit) -> Option<f64>| {
            let finite = |fit| of(fit).filter(|value| value.is_finite());
            Cells::Real(fits.iter().map(finite).collect())
        };
        // Each form has parameters of its own.
        let parameter = |bent: bool, of: fn(&Curve) -> f64| {
            let own = move |fit: &Fit| is_bent(fit) == bent;
            [
                reals(&|fit| own(fit).then(|| of(&fit.curve))),
                reals(&|fit| fit.error(of).filter(|_| own(fit))),
            ]
        };
        let limit = |side: usize| {
            reals(&|fit| {
                self.limit(fit)
                    .filter(|_| is_bent(fit))
                    .map(|ends| ends[side])
            })
        };
        let count = |count: usize| Cells::repeat(count as i64, fits.len());
        let best = self.dependence.best().form;
        let measured = &self.dependence.measured;
        let warning = Some(self.doubts.join("; ")).filter(|warning| !warning.is_empty());
        let warning = warning.map(Arc::from);
        let mut rows = self.leading(fits.len());
        let forms = fits.iter().map(|fit| Arc::from(fit.form.name()));
        rows.push(forms.collect::<Vec<Arc<str>>>().into());
        rows.extend(parameter(false, Curve::intercept));
        rows.extend(parameter(false, Curve::slope));
        let [value, error] = parameter(true, Curve::limit);
        let clamped = |value: Option<f64>| value.map(|value| value.max(self.lowest));
        let values = value.reals().into_iter();
        rows.push(Cells::Real(values.map(clamped).collect()));
        rows.push(error);
        rows.extend([limit(0), limit(1)]);
        rows.extend(parameter(true, Curve::strength));
        rows.extend(parameter(true, Curve::pole));
        rows.extend([
            reals(&|fit| Some(fit.rms_residual)),
            reals(&|fit| fit.reduced_chi_square),
            reals(&|fit| fit.p_value),
            fits.iter()
                .map(Fit::is_acceptable)
                .collect::<Vec<_>>()
                .into(),
            fits.iter()
                .map(|fit| fit.form == best)
                .collect::<Vec<_>>()
                .into(),
            count(measured.means.len()),
            count(measured.count()),
            Cells::Text(vec![warning; fits.len()]),
        ]);
        rows
    }

    /// Rows of the table `means`.
    pub fn means(&self) -> Rows {
        let measured = &self.dependence.measured;
        let means = &measured.means;
        let reals = |of: &dyn Fn(&Mean) -> Option<f64>| Cells::Real(means.iter().map(of).collect());
        let mut rows = self.leading(means.len());
        let counts = means.iter().map(|mean| mean.count as i64);
        rows.extend([
            reals(&|mean| Some(mean.rate)),
            reals(&|mean| Some(mean.mean)),
            reals(&|mean| mean.deviation),
            reals(&|mean| measured.error(mean)),
            counts.collect::<Vec<_>>().into(),
        ]);
        rows
    }

    /// Form, rate, value and interval at some rates, by all forms.
    fn along(&self, rates: &[f64]) -> Rows {
        let mut names: Vec<Arc<str>> = Vec::new();
        let mut numbers = [const { Vec::new() }; 4];
        for (name, fit) in self.forms() {
            names.extend(vec![Arc::from(name); rates.len()]);
            for &rate in rates {
                let Estimate { value, interval } = self.estimate(fit, rate);
                let [lower, upper] = [0, 1].map(|side| interval.map(|ends| ends[side]));
                let row = [Some(rate), Some(value), lower, upper]
                    .map(|cell| cell.filter(|value| value.is_finite()));
                numbers
                    .iter_mut()
                    .zip(row)
                    .for_each(|(cells, cell)| cells.push(cell));
            }
        }
        let mut rows = self.leading(names.len());
        rows.push(names.into());
        rows.extend(numbers.map(Cells::Real));
        rows
    }

    /// Rows of the table `extrapolations`.
    pub fn extrapolations(&self) -> Rows {
        let mut rows = self.along(&self.asked);
        let count = rows[0].len();
        rows.push(Cells::repeat(self.confidence, count));
        rows
    }

    /// Rows of the table `curves`.
    pub fn curves(&self) -> Rows {
        let [slowest, fastest] = self.reach();
        self.along(&spaced(slowest, fastest))
    }

    /// The slowest and the fastest rate measured.
    fn measured_reach(&self) -> [f64; 2] {
        let means = &self.dependence.measured.means;
        [means[0].rate, means[means.len() - 1].rate]
    }

    /// The slowest and the fastest rate measured or asked for.
    fn reach(&self) -> [f64; 2] {
        let asked = self.asked.iter();
        asked.fold(self.measured_reach(), |[low, high], &rate| {
            [low.min(rate), high.max(rate)]
        })
    }

    /// What is uncertain, behind everything else.
    fn band(&self, index: usize) -> Option<Layer> {
        let [slowest, fastest] = self.reach();
        let at = |rate: f64| {
            let [lower, upper] = self.estimate(None, rate).interval?;
            Some([rate, lower, upper])
        };
        let points: Option<Vec<_>> = spaced(slowest, fastest).into_iter().map(at).collect();
        let is_drawn = |point: &[f64; 3]| point.iter().all(|value| value.is_finite());
        Some(Layer::Band {
            points: points?.into_iter().filter(is_drawn).collect(),
            color: Color::Series(index),
        })
    }

    /// The forms that may be true (the best one dark, dashed beyond the data), and the means with their standard errors.
    fn layers(&self, index: usize) -> Vec<Layer> {
        let color = Color::Series(index);
        let line = |fit: &Fit, from: f64, to: f64, stroke: Stroke| Layer::Line {
            points: (spaced(from, to).into_iter())
                .map(|rate| (rate, self.estimate(Some(fit), rate).value))
                .collect(),
            stroke,
            label: None,
        };
        let ([slowest, fastest], [slow, fast]) = (self.measured_reach(), self.reach());
        let best = self.dependence.best();
        let others = self
            .dependence
            .possible()
            .filter(|fit| fit.form != best.form);
        let dotted = Stroke {
            dash: Dash::Dotted,
            ..Stroke::dashed(color)
        };
        let mut layers: Vec<Layer> = others.map(|fit| line(fit, slow, fast, dotted)).collect();
        layers.push(line(best, slowest, fastest, Stroke::solid(color)));
        for (from, to) in [(slow, slowest), (fastest, fast)] {
            if from < to {
                let dash = Dash::Dashed;
                layers.push(line(
                    best,
                    from,
                    to,
                    Stroke {
                        dash,
                        ..Stroke::solid(color)
                    },
                ));
            }
        }
        let measured = &self.dependence.measured;
        let bars = measured.means.iter().filter_map(|mean| {
            let error = measured.error(mean)?;
            let ends = [mean.mean - error, mean.mean + error, f64::NAN];
            Some(ends.map(|end| (mean.rate, end)))
        });
        layers.push(Layer::Line {
            points: bars.flatten().collect(),
            stroke: Stroke {
                width: 0.8,
                ..Stroke::solid(color)
            },
            label: None,
        });
        layers.push(Layer::Markers {
            points: measured
                .means
                .iter()
                .map(|mean| (mean.rate, mean.mean))
                .collect(),
            color,
            label: self.series.as_deref().map(str::to_string),
        });
        layers
    }
}

/// Rates that are equally spaced in the logarithm, ends included.
fn spaced(from: f64, to: f64) -> Vec<f64> {
    let last = POINTS - 1;
    let at = |point: usize| match point {
        0 => from,
        point if point == last => to,
        point => from * (to / from).powf(point as f64 / last as f64),
    };
    (0..POINTS).map(at).collect()
}

/// The name of a quantity with markup: T_g has its index lowered.
fn symbol(quantity: &str) -> String {
    match quantity.split_once('_') {
        Some((symbol, index)) if symbol.chars().count() == 1 && !index.is_empty() => {
            format!("*{symbol}*_{{{index}}}")
        }
        _ => quantity.to_string(),
    }
}

/// One quantity of all series against the rate, which increases to the right as in the literature: slow and not yet reached is on the left.
pub fn figure(answers: &[Answer], compared: &[Measurement], axis_label: Option<&str>) -> Figure {
    let quantity = &answers[0].quantity;
    let answers = || answers.iter().enumerate();
    let bands = answers().filter_map(|(index, answer)| answer.band(index));
    let mut layers: Vec<Layer> = bands.collect();
    layers.extend(answers().flat_map(|(index, answer)| answer.layers(index)));
    for source in distinct(compared.iter().map(|row| row.source.clone())) {
        let rows = compared.iter().filter(|row| row.source == source);
        let points = rows.filter_map(|row| Some((row.rate, row.value?)));
        layers.push(Layer::Markers {
            points: points.collect(),
            color: Color::Black,
            label: Some(source.as_deref().unwrap_or("compared").to_string()),
        });
    }
    Figure {
        axes: Axes {
            x: Axis {
                label: "|d*T*/d*t*|".to_string(),
                scale: Scale::Log,
                ..Axis::default()
            },
            y: Axis {
                label: axis_label.map_or_else(|| symbol(quantity), str::to_string),
                ..Axis::default()
            },
            layers,
            ..Axes::default()
        },
        inset: None,
    }
}
