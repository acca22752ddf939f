//! `tg-fit`: the glass transition on cooling and the onset of melting on heating, from energies or squared displacements along ramps.
//!
//! It works on tables rather than on frames: a temperature and an energy a row.
//!
//! ```
//! use hyalo::analysis::{arguments, tg_fit};
//! use hyalo::physics::transition::Data;
//!
//! // A glass that is cooled: 1.5 T below 0.5, twice as steep above.
//! let temperatures: Vec<f64> = (0..=180).rev().map(|row| 0.1 + 0.005 * f64::from(row)).collect();
//! let energy = |t: &f64| if *t < 0.5 { 1.5 * t } else { 0.75 + 3.0 * (t - 0.5) };
//! let energies = temperatures.iter().map(energy).collect();
//! let cooled = tg_fit::Observed {
//!     label: "cooled".to_string(),
//!     energies: Some(Data { temperatures, energies }),
//!     ..Default::default()
//! };
//! let answers = arguments::<tg_fit::Arguments>("--liquid linear")?.answer(vec![cooled], 1)?;
//! assert!((answers[0].temperature().unwrap() - 0.5).abs() < 1e-6);
//! # Ok::<(), hyalo::error::Error>(())
//! ```

use std::str::FromStr;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::columns::TEMPERATURE;
use super::{check_resampling, counted, for_input};
use crate::data::figure::{Axes, Axis, Color, Figure, Layer, Stroke};
use crate::data::replicas::Replicas;
use crate::data::table::{Cells, ColumnSpec, Rows, TableSpec};
use crate::error::{Error, Result};
use crate::physics::fits::{Branch, Form};
use crate::physics::transition::{self, Data, Method, Transition, Window, Windows, percentiles};

/// Rows beyond which as many as necessary in succession are averaged.
const MOST_POINTS: usize = 2048;
/// The same for the figure, which would be a band otherwise.
const MOST_DRAWN: usize = 256;

/// Arguments of `tg-fit`.
#[derive(Args, Clone, Debug, Serialize)]
pub struct Arguments {
    /// Form of the liquid branch: E = a + b T^(3/5) (Rosenfeld and Tarazona 1998), or a straight line
    #[arg(long, value_name = "FORM", default_value = "rosenfeld-tarazona")]
    pub liquid: LiquidForm,

    /// Temperatures between which the glass line E = c + d T is fitted; once, or once for each input. Default: auto. The energies are averaged
    /// in hundredths of the range of temperatures; the window grows both ways from the lowest 5 to 20 % of the range, for as long as the next
    /// 5 % deviate from the fit in the mean by less than three standard errors or by less than 0.5 % of the range of energies, and ends at the
    /// crossing at the latest
    #[arg(long, value_name = "A:B|auto")]
    pub glass_window: Vec<WindowChoice>,

    /// Temperatures between which the liquid branch is fitted. Default: auto, found in the same way from the highest 25 % of the range;
    /// if it reaches beyond twice the temperature of the crossing, both are found again with the temperatures up to there
    #[arg(long, value_name = "A:B|auto")]
    pub liquid_window: Vec<WindowChoice>,

    /// What a ramp is: T_g is found on cooling, T_o on heating; once, or once for each input. Default: from the direction of the temperature
    #[arg(long, value_name = "cooling|heating")]
    pub kind: Vec<Ramp>,

    /// Name of the energies: a column, of a trajectory a key of the frames or a column of the particles, whose mean is taken. Default:
    /// potential_energy, PotEng, E_pair, energy, pe, c_pe
    #[arg(long, value_name = "NAME")]
    pub energy: Option<String>,

    /// Session of a LAMMPS log (a stretch in which the steps go on), counted from 0, or from the end: -1 is the last
    #[arg(long, value_name = "N", default_value_t = -1, allow_negative_numbers = true)]
    pub session: i64,

    /// Table of `msd` of a heating ramp: its T_o is where ⟨Δr²⟩ reaches the threshold, and the energies are not fitted (those of an ultrastable
    /// glass, which is heated far above T_g before it melts all at once, have no crossing that means anything). Once for each input; `none`
    /// for those that have no such table
    #[arg(long, value_name = "PATH|none")]
    pub msd: Vec<String>,

    /// ⟨Δr²⟩ (length²) at which a glass has melted
    #[arg(
        long,
        value_name = "VALUE",
        default_value_t = 1.0,
        allow_negative_numbers = true
    )]
    pub threshold: f64,

    /// Probability that an interval holds the true temperature
    #[arg(
        long,
        value_name = "P",
        default_value_t = 0.95,
        allow_negative_numbers = true
    )]
    pub confidence: f64,

    /// How often the data are drawn again for the interval: each time the residuals of both fits in moving blocks (of
    /// (√6 φ/(1 − φ²))^(2/3) n^(1/3) residuals, φ being their lag-one correlation), in windows that are drawn again too. The interval is that
    /// between percentiles of the crossings
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub replicates: usize,

    /// The largest part of a window that is left out at each end when it is drawn again; with 0 the interval leaves the choice of the windows
    /// out of account
    #[arg(
        long,
        value_name = "PART",
        default_value_t = 0.25,
        allow_negative_numbers = true
    )]
    pub vary: f64,

    /// Seed of the random numbers
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub seed: u64,
}

/// Form of the liquid branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LiquidForm {
    /// E = a + b T^(3/5).
    RosenfeldTarazona,
    /// E = a + b T.
    Linear,
}

impl LiquidForm {
    fn name(self) -> &'static str {
        match self {
            LiquidForm::RosenfeldTarazona => "rosenfeld-tarazona",
            LiquidForm::Linear => "linear",
        }
    }

    fn form(self) -> Form {
        match self {
            LiquidForm::RosenfeldTarazona => Form::RosenfeldTarazona,
            LiquidForm::Linear => Form::Line,
        }
    }
}

/// A window that is given, or to be found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct WindowChoice(Option<Window>);

impl FromStr for WindowChoice {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if text == "auto" {
            return Ok(WindowChoice(None));
        }
        let ends = text.split_once(':');
        let ends = ends.and_then(|(from, to)| Some([from.parse().ok()?, to.parse().ok()?]));
        match ends {
            Some([from, to]) if 0.0 <= from && from < to && f64::is_finite(to) => {
                Ok(WindowChoice(Some([from, to])))
            }
            _ => {
                Err("write two temperatures, the lower one first, as 0.1:0.4, or auto".to_string())
            }
        }
    }
}

/// Which way the temperature goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Ramp {
    /// From the liquid to the glass.
    Cooling,
    /// From the glass to the liquid.
    Heating,
}

impl Ramp {
    fn name(self) -> &'static str {
        match self {
            Ramp::Cooling => "cooling",
            Ramp::Heating => "heating",
        }
    }

    /// The way that temperatures go: by themselves, or, where they fluctuate, in the means of sixteenths.
    ///
    /// Errors: they do not go one way.
    fn of(temperatures: &[f64]) -> Result<Self> {
        let one_way = |values: &[f64], slack: f64| {
            let all = |sign: f64| {
                values
                    .windows(2)
                    .all(|pair| sign * (pair[1] - pair[0]) >= -slack)
            };
            match values.last() > values.first() {
                true if all(1.0) => Some(Ramp::Heating),
                false if all(-1.0) => Some(Ramp::Cooling),
                _ => None,
            }
        };
        let means: Vec<f64> = temperatures
            .chunks(temperatures.len().div_ceil(16))
            .map(|part| part.iter().sum::<f64>() / part.len() as f64)
            .collect();
        let spread = |values: &[f64]| {
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            (
                low,
                values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            )
        };
        let (low, high) = spread(&means);
        one_way(temperatures, 0.0)
            .or_else(|| one_way(&means, 0.02 * (high - low)))
            .ok_or_else(|| {
                let ends = (means[0], means[means.len() - 1]);
                let turn = if low < 0.98 * ends.0.min(ends.1) {
                    low
                } else {
                    high
                };
                Error::new(format!(
                    "the temperature goes from {:.4} by {turn:.4} to {:.4}: that is no single ramp",
                    ends.0, ends.1
                ))
                .help("select one with --frames A:B, or of a log with --session N")
            })
    }
}

/// What was measured along a ramp, in the order in which it was.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Its name in tables and legends.
    pub label: String,
    /// Position of its input, for what is given once for each.
    pub input: usize,
    /// Energies.
    pub energies: Option<Data>,
    /// Pairs of temperature (energy / k_B) and ⟨Δr²⟩ (length²): if there are any, T_o is taken from them.
    pub displacements: Option<Vec<(f64, f64)>>,
}

/// What one curve says.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Name of the curve.
    pub label: String,
    ramp: Ramp,
    energies: Option<Data>,
    found: Found,
    /// T_o/T_g, for heating if there is a cooling ramp.
    ratio: Option<Ratio>,
}

#[derive(Clone, Debug)]
enum Found {
    /// Of the branches of the energies.
    Crossing(Box<Transition>),
    /// Of the squared displacement through the threshold.
    Passage {
        temperature: Option<f64>,
        interval: Option<[f64; 2]>,
        threshold: f64,
    },
}

#[derive(Clone, Debug)]
struct Ratio {
    value: f64,
    interval: Option<[f64; 2]>,
    relative_to: String,
}

/// The tables; `fits` is the main one.
pub const TABLES: [TableSpec; 2] = [
    TableSpec {
        name: "fits",
        meaning: "temperatures of transition, a row for each that was found",
        columns: &[
            ColumnSpec::text(
                "quantity",
                "T_g (on cooling) or T_o (on heating): crossing of glass line and liquid branch; T_o_msd: where the squared displacement reaches the threshold; T_o/T_g, T_o_msd/T_g",
            ),
            ColumnSpec::text("ramp", "cooling or heating"),
            ColumnSpec::real(
                "value",
                "energy/k_B",
                "the temperature (a pure number for a ratio); missing if there is none",
            ),
            ColumnSpec::real(
                "lower",
                "energy/k_B",
                "lower end of the interval of confidence; of T_o_msd the last temperature before the threshold is first reached",
            ),
            ColumnSpec::real(
                "upper",
                "energy/k_B",
                "upper end; of T_o_msd the first temperature from which on the threshold is exceeded",
            ),
            ColumnSpec::real(
                "confidence",
                "1",
                "probability that the interval holds the true temperature",
            ),
            ColumnSpec::text("relative_to", "input of the T_g that a ratio refers to"),
            ColumnSpec::text(
                "liquid_form",
                "rosenfeld-tarazona: a + b T^(3/5); linear: a + b T",
            ),
            ColumnSpec::real(
                "glass_from",
                "energy/k_B",
                "where the window of the glass line begins",
            ),
            ColumnSpec::real("glass_to", "energy/k_B", "where it ends"),
            ColumnSpec::real(
                "liquid_from",
                "energy/k_B",
                "where the window of the liquid branch begins",
            ),
            ColumnSpec::real("liquid_to", "energy/k_B", "where it ends"),
            ColumnSpec::real("glass_intercept", "energy", "c of the glass line c + d T"),
            ColumnSpec::real("glass_slope", "k_B", "d of the glass line"),
            ColumnSpec::real("liquid_intercept", "energy", "a of the liquid branch"),
            ColumnSpec::real(
                "liquid_coefficient",
                "energy/(energy/k_B)^p",
                "b of the liquid branch; p is 3/5, or 1 for a line",
            ),
            ColumnSpec::real(
                "glass_rms_residual",
                "energy",
                "root of the mean squared residual of the glass line",
            ),
            ColumnSpec::real(
                "liquid_rms_residual",
                "energy",
                "root of the mean squared residual of the liquid branch",
            ),
            ColumnSpec::real(
                "glass_condition",
                "1",
                "condition number of the glass line's design matrix",
            ),
            ColumnSpec::real(
                "liquid_condition",
                "1",
                "condition number of the liquid branch's design matrix",
            ),
            ColumnSpec::integer("glass_points", "points that the glass line was fitted to"),
            ColumnSpec::integer(
                "liquid_points",
                "points that the liquid branch was fitted to",
            ),
            ColumnSpec::integer(
                "glass_block",
                "residuals in a block of the bootstrap, glass line",
            ),
            ColumnSpec::integer(
                "liquid_block",
                "residuals in a block of the bootstrap, liquid branch",
            ),
            ColumnSpec::text(
                "warning",
                "why the value should not be trusted; missing if nothing speaks against it",
            ),
        ],
    },
    TableSpec {
        name: "curves",
        meaning: "the energies with both fits, a row for each point of a ramp (means over rows in succession, if there are more than 2048)",
        columns: &[
            TEMPERATURE,
            ColumnSpec::real("energy", "energy", "the energy"),
            ColumnSpec::real("glass_line", "energy", "the glass line at this temperature"),
            ColumnSpec::real(
                "liquid_branch",
                "energy",
                "the liquid branch at this temperature",
            ),
            ColumnSpec::text(
                "window",
                "the window that the temperature lies in: glass, liquid or none",
            ),
        ],
    },
];

/// The figures; `energy` is the main one.
pub const FIGURES: [&str; 1] = ["energy"];

impl Arguments {
    /// Checks what the flags' types do not, for a number of inputs.
    pub fn check(&self, inputs: usize) -> Result<()> {
        for_input("--glass-window", &self.glass_window, 0, inputs)?;
        for_input("--liquid-window", &self.liquid_window, 0, inputs)?;
        for_input("--kind", &self.kind, 0, inputs)?;
        for_input("--msd", &self.msd, 0, inputs)?;
        let refuse = |what: String, help: &str| Err(Error::new(what).help(help));
        if !(self.threshold > 0.0 && self.threshold.is_finite()) {
            let what = format!("--threshold {} is not positive", self.threshold);
            return refuse(what, "give a squared displacement, such as 1");
        }
        check_resampling(self.confidence, self.replicates)?;
        if !(0.0..=0.4).contains(&self.vary) {
            let what = format!("--vary {} is not between 0 and 0.4", self.vary);
            return refuse(what, "0.25 is usual");
        }
        Ok(())
    }

    /// What each of the curves says, and what they say together.
    ///
    /// A T_o is divided by the T_g of the cooling ramp before it, or of the first one after it if there is none before.
    ///
    /// Errors: a curve that is no ramp or has too few rows, windows without rows.
    pub fn answer(&self, observed: Vec<Observed>, inputs: usize) -> Result<Vec<Answer>> {
        let mut answers = Vec::new();
        for (number, observed) in observed.into_iter().enumerate() {
            let label = observed.label.clone();
            let answer = self.one(observed, number, inputs);
            answers.push(answer.map_err(|error| error.in_input(label))?);
        }
        let replicas = Replicas::of(answers.iter().map(|answer| answer.label.as_str()));
        for (label, inputs) in replicas.groups() {
            if inputs
                .iter()
                .any(|&input| answers[input].ramp != answers[inputs[0]].ramp)
            {
                return Err(Error::new(format!(
                    "the label '{label}' stands for a cooling and a heating ramp"
                ))
                .help(
                    "inputs of the same label are replicas: give the ramps labels of their own",
                ));
            }
        }
        for index in 0..answers.len() {
            answers[index].ratio = self.ratio(&answers, &replicas, index);
        }
        Ok(answers)
    }

    fn one(&self, observed: Observed, number: usize, inputs: usize) -> Result<Answer> {
        let kind = for_input("--kind", &self.kind, observed.input, inputs)?.copied();
        let ramp = |temperatures: &[f64]| kind.map_or_else(|| Ramp::of(temperatures), Ok);
        let energies = match observed.energies {
            Some(data) => {
                check_temperatures(&data.temperatures, 2 * transition::FEWEST)?;
                Some((ramp(&data.temperatures)?, averaged(&data, MOST_POINTS)))
            }
            None => None,
        };
        let (ramp, found) = match (observed.displacements, &energies) {
            (Some(points), _) => {
                let temperatures = points.iter().map(|(temperature, _)| *temperature);
                let temperatures: Vec<f64> = temperatures.collect();
                check_temperatures(&temperatures, 2)?;
                let ramp = ramp(&temperatures)?;
                if ramp == Ramp::Cooling {
                    let what = "the temperature falls: there is no melting on cooling";
                    let error = Error::new(what);
                    return Err(error.help("squared displacements tell T_o of heating ramps"));
                }
                if energies.as_ref().is_some_and(|(other, _)| *other != ramp) {
                    let what = "the energies are those of a cooling ramp, the squared displacements of a heating one";
                    return Err(Error::new(what).help("give --msd none for this input"));
                }
                (ramp, passage(&points, self.threshold))
            }
            (None, Some((ramp, data))) => {
                let windows = self.windows(observed.input, inputs, data)?;
                let transition = self.transition(windows, number, data)?;
                (*ramp, Found::Crossing(Box::new(transition)))
            }
            (None, None) => return Err(Error::new("there are neither energies nor displacements")),
        };
        Ok(Answer {
            label: observed.label,
            ramp,
            energies: energies.map(|(_, data)| data),
            found,
            ratio: None,
        })
    }

    /// The windows that are given for an input.
    fn windows(&self, input: usize, inputs: usize, data: &Data) -> Result<[Option<Window>; 2]> {
        let chosen = |flag: &str, values: &[WindowChoice]| {
            let choice = for_input(flag, values, input, inputs)?;
            Ok::<_, Error>(choice.and_then(|choice| choice.0))
        };
        let glass = chosen("--glass-window", &self.glass_window)?;
        let liquid = chosen("--liquid-window", &self.liquid_window)?;
        if let (Some(glass), Some(liquid)) = (glass, liquid)
            && glass[1] > liquid[0]
        {
            return Err(Error::new(format!(
                "the glass window ends at {} and the liquid window begins at {}",
                glass[1], liquid[0]
            ))
            .help("the glass is what is colder"));
        }
        for (name, window) in [("glass", glass), ("liquid", liquid)] {
            let Some(window) = window else { continue };
            let within = data.within(window).temperatures;
            if within.len() < transition::FEWEST || within.iter().all(|other| *other == within[0]) {
                let [low, high] = data.range();
                return Err(Error::new(format!(
                    "the {name} window {}:{} holds {} of the {}, too few for a fit",
                    window[0],
                    window[1],
                    counted(within.len(), "point"),
                    data.temperatures.len()
                ))
                .help(format!(
                    "the temperatures go from {low} to {high}; widen it"
                )));
            }
        }
        Ok([glass, liquid])
    }

    /// Where the branches of the ramp of this number cross.
    fn transition(
        &self,
        [glass, liquid]: [Option<Window>; 2],
        number: usize,
        data: &Data,
    ) -> Result<Transition> {
        let form = self.liquid.form();
        let method = Method {
            liquid: form,
            confidence: self.confidence,
            replicates: self.replicates,
            vary: self.vary,
            seed: self.seed,
            ramp: number,
        };
        Windows::find(data, form, glass, liquid)
            .and_then(|windows| Transition::find(data, windows, &method))
            .ok_or_else(|| {
                Error::new("there are too few different temperatures to find the windows of the two branches")
                    .help("give them with --glass-window A:B and --liquid-window A:B")
            })
    }

    /// T_o relative to the T_g of the cooling ramp before it, else behind it: of replicas to that of the replica of the same number, if there
    /// is one.
    fn ratio(&self, answers: &[Answer], replicas: &Replicas, index: usize) -> Option<Ratio> {
        let this = &answers[index];
        if this.ramp == Ramp::Cooling {
            return None;
        }
        let nearest = |wanted: &dyn Fn(usize) -> bool| {
            let is_glass = |&other: &usize| answers[other].ramp == Ramp::Cooling && wanted(other);
            let before = (0..index).rev().find(is_glass);
            before.or_else(|| (index..answers.len()).find(is_glass))
        };
        let same = |other: usize| replicas.number(other) == replicas.number(index);
        let glass = &answers[nearest(&same).or_else(|| nearest(&|_| true))?];
        let interval = match (&this.found, &glass.found) {
            (Found::Crossing(onset), Found::Crossing(glass)) => {
                let pairs = onset.replicates.iter().zip(&glass.replicates);
                let ratios: Vec<f64> = pairs.map(|(onset, glass)| onset / glass).collect();
                percentiles(&ratios, self.confidence)
            }
            _ => match (this.interval(), glass.interval()) {
                (Some(onset), Some(glass)) => Some([onset[0] / glass[1], onset[1] / glass[0]]),
                _ => None,
            },
        };
        Some(Ratio {
            value: this.temperature()? / glass.temperature()?,
            interval,
            relative_to: glass.label.clone(),
        })
    }
}

/// Errors: too few temperatures, or the same throughout.
fn check_temperatures(temperatures: &[f64], fewest: usize) -> Result<()> {
    if temperatures.len() < fewest {
        let what = format!(
            "there are {} with a temperature",
            counted(temperatures.len(), "row")
        );
        return Err(Error::new(what).help(format!("a ramp needs {fewest} or more")));
    }
    if temperatures
        .iter()
        .all(|temperature| *temperature == temperatures[0])
    {
        let what = format!("the temperature is {} throughout", temperatures[0]);
        return Err(Error::new(what).help("a ramp goes from the glass to the liquid or back"));
    }
    Ok(())
}

/// Means over rows in succession, where there are more than `most`.
fn averaged(data: &Data, most: usize) -> Data {
    let together = data.temperatures.len().div_ceil(most);
    if together <= 1 {
        return data.clone();
    }
    let means = |values: &[f64]| {
        let parts = values.chunks(together);
        parts
            .map(|part| part.iter().sum::<f64>() / part.len() as f64)
            .collect()
    };
    Data {
        temperatures: means(&data.temperatures),
        energies: means(&data.energies),
    }
}

/// Where a curve first reaches the threshold, and between which points it does so for the first and for the last time.
fn passage(points: &[(f64, f64)], threshold: f64) -> Found {
    let first = points.iter().position(|(_, msd)| *msd >= threshold);
    let after = points
        .iter()
        .rposition(|(_, msd)| *msd < threshold)
        .map_or(0, |last| last + 1);
    let temperature = first.map(|first| match first.checked_sub(1) {
        None => points[first].0,
        Some(before) => {
            let ((from, below), (to, above)) = (points[before], points[first]);
            from + (to - from) * (threshold - below) / (above - below)
        }
    });
    let interval = first.and_then(|first| {
        let below = points[first.checked_sub(1)?].0;
        let above = points.get(after)?.0;
        Some([below.min(above), above.max(below)])
    });
    Found::Passage {
        temperature,
        interval,
        threshold,
    }
}

impl Answer {
    fn quantity(&self) -> &'static str {
        match (&self.found, self.ramp) {
            (Found::Passage { .. }, _) => "T_o_msd",
            (_, Ramp::Cooling) => "T_g",
            (_, Ramp::Heating) => "T_o",
        }
    }

    /// The temperature that was found (energy / k_B).
    pub fn temperature(&self) -> Option<f64> {
        match &self.found {
            Found::Crossing(transition) => transition.temperature,
            Found::Passage { temperature, .. } => *temperature,
        }
    }

    fn interval(&self) -> Option<[f64; 2]> {
        match &self.found {
            Found::Crossing(transition) => transition.interval,
            Found::Passage { interval, .. } => *interval,
        }
    }

    /// Why the temperature should not be trusted; empty if nothing speaks against it.
    pub fn doubts(&self) -> String {
        match &self.found {
            Found::Crossing(transition) => transition.doubts.join("; "),
            Found::Passage {
                temperature: None,
                threshold,
                ..
            } => {
                format!("⟨Δr²⟩ does not reach {threshold}")
            }
            Found::Passage {
                interval: None,
                threshold,
                ..
            } => {
                format!("⟨Δr²⟩ is {threshold} at an end of the data")
            }
            Found::Passage { .. } => String::new(),
        }
    }

    /// Whether there are energies to draw.
    pub fn has_energies(&self) -> bool {
        self.energies.is_some()
    }

    /// One line for the terminal.
    pub fn summary(&self) -> String {
        let between = |interval: Option<[f64; 2]>| {
            interval.map_or(String::new(), |[lower, upper]| {
                format!(" ({lower:.3} to {upper:.3})")
            })
        };
        let mut line = match self.temperature() {
            Some(value) => format!(
                "{} = {value:.3}{}",
                self.quantity(),
                between(self.interval())
            ),
            None => format!("no {}", self.quantity()),
        };
        if let Some(ratio) = &self.ratio {
            line += &format!(
                ", {}/T_g = {:.3}{} with T_g of {}",
                self.quantity(),
                ratio.value,
                between(ratio.interval),
                ratio.relative_to
            );
        }
        if let Found::Crossing(transition) = &self.found {
            let windows = &transition.windows;
            let ([glass_from, glass_to], [liquid_from, liquid_to]) =
                (windows.glass, windows.liquid);
            line += &format!(
                "; glass {glass_from:.3} to {glass_to:.3}, liquid {liquid_from:.3} to {liquid_to:.3}"
            );
        }
        line
    }

    /// Rows of the table `fits`.
    pub fn fits(&self, arguments: &Arguments) -> Rows {
        let transition = match &self.found {
            Found::Crossing(transition) => Some(&**transition),
            Found::Passage { .. } => None,
        };
        let ratio = self.ratio.as_ref();
        let rows = 1 + usize::from(ratio.is_some());
        let pair = |first: Option<f64>, second: Option<f64>| {
            Cells::Real([first, second].into_iter().take(rows).collect())
        };
        let words = |first: Option<&str>, second: Option<&str>| {
            let both = [first, second].into_iter().take(rows);
            Cells::Text(both.map(|word| word.map(Arc::from)).collect())
        };
        let of_ratio = format!("{}/T_g", self.quantity());
        let interval = |side: usize| {
            let end = |interval: Option<[f64; 2]>| interval.map(|interval| interval[side]);
            pair(
                end(self.interval()),
                end(ratio.and_then(|ratio| ratio.interval)),
            )
        };
        // A ratio's row has nothing of its own about fits.
        let fitted = |of: fn(&Transition) -> f64| pair(transition.map(of), None);
        let count = |of: fn(&Transition) -> usize| {
            let first = transition.map(|transition| of(transition) as i64);
            Cells::Integer([first, None].into_iter().take(rows).collect())
        };
        let doubts = Some(self.doubts()).filter(|doubts| !doubts.is_empty());
        let doubts = doubts.as_deref();
        let confidence = transition.map(|_| arguments.confidence);
        vec![
            words(Some(self.quantity()), Some(&of_ratio)),
            words(Some(self.ramp.name()), Some(self.ramp.name())),
            pair(self.temperature(), ratio.map(|ratio| ratio.value)),
            interval(0),
            interval(1),
            pair(confidence, confidence),
            words(None, ratio.map(|ratio| ratio.relative_to.as_str())),
            words(transition.map(|_| arguments.liquid.name()), None),
            fitted(|found| found.windows.glass[0]),
            fitted(|found| found.windows.glass[1]),
            fitted(|found| found.windows.liquid[0]),
            fitted(|found| found.windows.liquid[1]),
            fitted(|found| found.glass.intercept),
            fitted(|found| found.glass.coefficient),
            fitted(|found| found.liquid.intercept),
            fitted(|found| found.liquid.coefficient),
            fitted(|found| found.glass.rms_residual()),
            fitted(|found| found.liquid.rms_residual()),
            fitted(|found| found.glass.condition),
            fitted(|found| found.liquid.condition),
            count(|found| found.glass.points),
            count(|found| found.liquid.points),
            count(|found| found.block_lengths[0]),
            count(|found| found.block_lengths[1]),
            words(doubts, doubts),
        ]
    }

    /// Rows of the table `curves`.
    pub fn curves(&self) -> Rows {
        let Data {
            temperatures,
            energies,
        } = self.energies.clone().unwrap_or_default();
        let transition = match &self.found {
            Found::Crossing(transition) => Some(&**transition),
            Found::Passage { .. } => None,
        };
        let along = |branch: fn(&Transition) -> &Branch| {
            let at = |&at: &f64| transition.map(|transition| branch(transition).at(at));
            Cells::Real(temperatures.iter().map(at).collect())
        };
        let names: [Arc<str>; 3] = ["glass", "liquid", "none"].map(Arc::from);
        let holds = |[from, to]: Window, at: f64| from <= at && at <= to;
        let window = |at: &f64| match transition.map(|transition| transition.windows) {
            Some(Windows { glass, .. }) if holds(glass, *at) => names[0].clone(),
            Some(Windows { liquid, .. }) if holds(liquid, *at) => names[1].clone(),
            _ => names[2].clone(),
        };
        let (glass, liquid) = (along(|found| &found.glass), along(|found| &found.liquid));
        let windows = temperatures.iter().map(window).collect::<Vec<_>>();
        vec![
            temperatures.into(),
            energies.into(),
            glass,
            liquid,
            windows.into(),
        ]
    }

    fn symbol(&self) -> &'static str {
        match self.ramp {
            Ramp::Cooling => "*T*_{g}",
            Ramp::Heating => "*T*_{o}",
        }
    }

    /// What is drawn of it; `found` is the temperature that the legend gives.
    fn layers(&self, index: usize, label: &str, found: Option<f64>) -> Vec<Layer> {
        let color = Color::Series(index);
        let mut name = label.to_string();
        if let Some(value) = found {
            name += &format!(", {} = {value:.2}", self.symbol());
        }
        if let Found::Passage { threshold, .. } = self.found {
            name += &format!(" (⟨Δ*r*^{{2}}⟩ = {threshold})");
        }
        // Displacements alone show as an upright line.
        let mut name = Some(name);
        let mut layers = Vec::new();
        if let Some(data) = &self.energies {
            let data = averaged(data, MOST_DRAWN);
            layers.push(Layer::Line {
                points: data.temperatures.into_iter().zip(data.energies).collect(),
                stroke: Stroke {
                    width: 0.8,
                    ..Stroke::solid(color)
                },
                label: name.take(),
            });
        }
        if let Found::Crossing(transition) = &self.found {
            let Windows { glass, liquid } = transition.windows;
            // Both lines go a little beyond the crossing, so that one sees it.
            let beyond = 0.08 * (liquid[1] - glass[0]);
            let middle = 0.5 * (glass[1] + liquid[0]);
            let meet = transition.temperature.unwrap_or(middle);
            let end = (meet + beyond).max(glass[1]);
            let start = (meet - beyond).min(liquid[0]).max(0.0);
            layers.push(dashed(&transition.glass, glass[0].min(meet), end));
            layers.push(dashed(&transition.liquid, start, liquid[1].max(meet)));
        }
        layers.extend(self.temperature().map(|x| Layer::VerticalLine {
            x,
            stroke: Stroke::dashed(color),
            label: name,
        }));
        layers
    }
}

/// A branch as a dashed line between two temperatures.
fn dashed(branch: &Branch, from: f64, to: f64) -> Layer {
    let at = |step: i32| from + (to - from) * f64::from(step) / 64.0;
    Layer::Line {
        points: (0..=64)
            .map(|step| (at(step), branch.at(at(step))))
            .collect(),
        stroke: Stroke::dashed(Color::Black),
        label: None,
    }
}

/// Energies against temperature, with names for the legend, the fitted branches (dashed) and upright lines at the temperatures found: of one
/// set of inputs; the legend gives the means of the temperatures over all replicas.
pub fn figure(answers: &[Answer], replicas: &Replicas, set: &[usize], labels: &[String]) -> Figure {
    let of_group = |index: usize, input: usize| {
        let (_, inputs) = &replicas.groups()[index];
        let found: Vec<f64> = inputs
            .iter()
            .filter_map(|&one| answers[one].temperature())
            .collect();
        let mean = found.iter().sum::<f64>() / found.len() as f64;
        answers[input].layers(index, &labels[input], (!found.is_empty()).then_some(mean))
    };
    let layers = set.iter().enumerate();
    let layers = layers
        .flat_map(|(index, &input)| of_group(index, input))
        .collect();
    let axis = |label: &str| Axis {
        label: label.to_string(),
        ..Axis::default()
    };
    Figure {
        axes: Axes {
            x: axis("*T*"),
            y: axis("*U*/*N*"),
            layers,
            ..Axes::default()
        },
        inset: None,
    }
}
