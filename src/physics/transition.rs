//! Where the glass ends: the crossing of the glass line and the liquid branch of an energy against temperature, with its uncertainty.

use super::fits::{Blocks, Branch, Form, crossing, inefficiency, persistence};
use super::random::{Purpose, Random};

/// Pieces into which the range of temperatures is cut for finding windows.
const PIECES: usize = 100;
/// The windows grow from these pieces. On heating the first ones show how the particles come to their temperature.
const SEEDS: [[usize; 2]; 2] = [[5, 20], [75, 100]];
/// Pieces by which a window looks ahead.
const AHEAD: usize = 5;
/// A deviation that many standard errors wide is no noise.
const SIGNIFICANT: f64 = 3.0;
/// A deviation of that part of the range of energies does no harm.
const HARMLESS: f64 = 0.005;
/// Points that a window must hold.
pub const FEWEST: usize = 5;

/// From and up to which temperature a branch is fitted.
pub type Window = [f64; 2];

/// An energy against temperature, in the order in which it was measured.
#[derive(Clone, Debug, Default)]
pub struct Data {
    /// Temperatures (energy / k_B), not negative.
    pub temperatures: Vec<f64>,
    /// Energies (energy).
    pub energies: Vec<f64>,
}

impl Data {
    /// Smallest and largest temperature.
    pub fn range(&self) -> Window {
        let fold = |start: f64, choose: fn(f64, f64) -> f64| {
            self.temperatures.iter().copied().fold(start, choose)
        };
        [
            fold(f64::INFINITY, f64::min),
            fold(f64::NEG_INFINITY, f64::max),
        ]
    }

    fn energy_range(&self) -> f64 {
        let energies = || self.energies.iter().copied();
        energies().fold(f64::NEG_INFINITY, f64::max) - energies().fold(f64::INFINITY, f64::min)
    }

    /// The part with temperatures in a window, ends included.
    pub fn within(&self, [from, to]: Window) -> Data {
        let kept = self.temperatures.iter().zip(&self.energies);
        let kept = kept.filter(|(temperature, _)| (from..=to).contains(*temperature));
        let (temperatures, energies) = kept.unzip();
        Data {
            temperatures,
            energies,
        }
    }

    fn fit(&self, form: Form) -> Option<Branch> {
        Branch::fit(form, &self.temperatures, &self.energies)
    }

    fn residuals(&self, branch: &Branch) -> Vec<f64> {
        let points = self.temperatures.iter().zip(&self.energies);
        points
            .map(|(&temperature, energy)| energy - branch.at(temperature))
            .collect()
    }
}

/// The windows of the two branches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Windows {
    /// Of the glass line.
    pub glass: Window,
    /// Of the liquid branch.
    pub liquid: Window,
}

/// Means of the data in equal pieces of their range of temperatures: piece, mean temperature, mean energy.
struct Pieces {
    range: Window,
    means: Vec<(usize, f64, f64)>,
    /// Persistence of the noise of the means: the median over fifths of the range, so that the one with the transition does not count.
    persistence: f64,
    harmless: f64,
}

impl Pieces {
    fn of(data: &Data) -> Self {
        let range = data.range();
        let mut sums = vec![(0.0, 0.0, 0.0); PIECES];
        for (&temperature, &energy) in data.temperatures.iter().zip(&data.energies) {
            let sum = &mut sums[Self::index(range, temperature).min(PIECES - 1)];
            *sum = (sum.0 + 1.0, sum.1 + temperature, sum.2 + energy);
        }
        let means = sums.into_iter().enumerate();
        let means = means.filter(|(_, (count, ..))| *count > 0.0);
        let mut pieces = Pieces {
            range,
            means: means
                .map(|(piece, (count, t, e))| (piece, t / count, e / count))
                .collect(),
            persistence: 0.0,
            harmless: HARMLESS * data.energy_range(),
        };
        let fifths = (0..5).map(|fifth| [fifth * PIECES / 5, (fifth + 1) * PIECES / 5]);
        let mut of_fifths: Vec<f64> = fifths
            .filter_map(|fifth| {
                let data = pieces.data(fifth);
                Some(persistence(&data.residuals(&data.fit(Form::Line)?)))
            })
            .collect();
        of_fifths.sort_by(f64::total_cmp);
        pieces.persistence = of_fifths.get(of_fifths.len() / 2).copied().unwrap_or(0.0);
        pieces
    }

    fn index([low, high]: Window, temperature: f64) -> usize {
        ((temperature - low) / (high - low) * PIECES as f64).max(0.0) as usize
    }

    /// The temperature at which a piece begins.
    fn edge(&self, piece: usize) -> f64 {
        let [low, high] = self.range;
        low + (high - low) * piece as f64 / PIECES as f64
    }

    fn window(&self, [from, to]: [usize; 2]) -> Window {
        [self.edge(from), self.edge(to)]
    }

    fn data(&self, [from, to]: [usize; 2]) -> Data {
        let within = self.means.iter();
        let within = within.filter(|(piece, ..)| (from..to).contains(piece));
        let (temperatures, energies) = within.map(|&(_, t, e)| (t, e)).unzip();
        Data {
            temperatures,
            energies,
        }
    }

    /// Widens a seed, where points are few, until it holds enough of them.
    fn seed(&self, [from, to]: [usize; 2]) -> [usize; 2] {
        let mut seed = [from, to];
        while self.data(seed).temperatures.len() < FEWEST && seed != [0, PIECES] {
            seed = [seed[0].saturating_sub(1), (seed[1] + 1).min(PIECES)];
        }
        seed
    }

    /// Whether a branch through `inner` goes on through the pieces `outer`.
    fn goes_on(&self, form: Form, inner: [usize; 2], outer: [usize; 2]) -> bool {
        let (inner, outer) = (self.data(inner), self.data(outer));
        match inner.fit(form) {
            Some(branch) => {
                outer.temperatures.is_empty()
                    || is_on(&branch, self.persistence, &outer, self.harmless)
            }
            None => false,
        }
    }

    /// Grows a window on both sides, within limits, as long as the branch goes on.
    fn grow(&self, form: Form, seed: [usize; 2], limits: [usize; 2]) -> [usize; 2] {
        let [mut from, mut to] = seed;
        loop {
            let before = [from.saturating_sub(AHEAD).max(limits[0]), from];
            let down = from > limits[0] && self.goes_on(form, [from, to], before);
            from -= usize::from(down);
            let after = [to, (to + AHEAD).min(limits[1])];
            let up = to < limits[1] && self.goes_on(form, [from, to], after);
            to += usize::from(up);
            if !down && !up {
                return [from, to];
            }
        }
    }
}

/// Whether further points lie on a branch: whether their mean deviation could be noise of that persistence, or does no harm.
fn is_on(branch: &Branch, persistence: f64, further: &Data, harmless: f64) -> bool {
    let count = further.temperatures.len() as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / count;
    let deviation = mean(&further.residuals(branch)).abs();
    let basis: Vec<f64> = further
        .temperatures
        .iter()
        .map(|temperature| branch.form.basis(*temperature))
        .collect();
    let noise = inefficiency(persistence) * freedom_lost(branch, persistence);
    let variance = noise * (branch.variance / count + branch.variance_at(mean(&basis)));
    deviation <= (SIGNIFICANT * variance.sqrt()).max(harmless)
}

/// By how much the variance of residuals must be raised because a branch follows persistent noise: two coefficients were fitted to fewer
/// independent points than there are (three at least are assumed).
fn freedom_lost(branch: &Branch, persistence: f64) -> f64 {
    let points = branch.points as f64;
    let independent = (points / inefficiency(persistence)).max(3.0);
    independent / (independent - 2.0) * (points - 2.0) / points
}

impl Windows {
    /// Finds the windows that are not given. `None` if there are too few temperatures for it.
    ///
    /// The energies are averaged in hundredths of the range of temperatures. The glass window grows from the lowest 5 to 20 % of the range and
    /// the liquid window from the highest 25 %, both ways, a hundredth at a time, for as long as the energies of the next 5 % deviate from the
    /// fitted branch in the mean by less than three standard errors (or by less than 0.5 % of the range of energies). Neither goes beyond the
    /// crossing. If the liquid window then reaches beyond twice the temperature of the crossing, the search is repeated with the temperatures
    /// up to there: no form holds for a liquid over a wider range.
    pub fn find(
        data: &Data,
        form: Form,
        glass: Option<Window>,
        liquid: Option<Window>,
    ) -> Option<Self> {
        if let (Some(glass), Some(liquid)) = (glass, liquid) {
            return Some(Windows { glass, liquid });
        }
        let (windows, crossing) = Self::search(data, form, glass, liquid)?;
        let highest = 2.0 * crossing.unwrap_or(f64::INFINITY);
        let between = (windows.glass[1]..=windows.liquid[0]).contains(&(0.5 * highest));
        if liquid.is_some()
            || !between
            || !(windows.liquid[0]..windows.liquid[1]).contains(&highest)
        {
            return Some(windows);
        }
        let again = Self::search(&data.within([0.0, highest]), form, glass, liquid);
        again.map_or(Some(windows), |(windows, _)| Some(windows))
    }

    /// The windows in the whole range, and the crossing of their branches.
    fn search(
        data: &Data,
        form: Form,
        glass: Option<Window>,
        liquid: Option<Window>,
    ) -> Option<(Self, Option<f64>)> {
        let pieces = Pieces::of(data);
        let inside =
            |window: Window| window.map(|end| Pieces::index(pieces.range, end).min(PIECES));
        let seeds = [
            pieces.seed(glass.map_or(SEEDS[0], inside)),
            pieces.seed(liquid.map_or(SEEDS[1], inside)),
        ];
        if seeds[0][1] > seeds[1][0] {
            return None;
        }
        let mut found = seeds;
        if glass.is_none() {
            found[0] = pieces.grow(Form::Line, seeds[0], [0, seeds[1][0]]);
        }
        if liquid.is_none() {
            found[1] = pieces.grow(form, seeds[1], [seeds[0][1], PIECES]);
        }
        // Each cut makes a window smaller, so this ends.
        let at = loop {
            let before = found;
            let line = pieces.data(found[0]).fit(Form::Line)?;
            let branch = pieces.data(found[1]).fit(form)?;
            let near = [pieces.edge(found[0][1]), pieces.edge(found[1][0])];
            let at = crossing(&line, &branch, near, 2.0 * pieces.range[1]);
            let cut = match at {
                Some(at) => Pieces::index(pieces.range, at),
                None => (found[0][1] + found[1][0]) / 2,
            };
            if glass.is_none() && (at.is_some() || found[0][1] > found[1][0]) {
                found[0][1] = found[0][1].min(cut).max(seeds[0][1]);
            }
            if liquid.is_none() && (at.is_some() || found[0][1] > found[1][0]) {
                found[1][0] = found[1][0].max(cut + 1).min(seeds[1][0]);
            }
            if found == before {
                break at;
            }
        };
        let windows = Windows {
            glass: glass.unwrap_or(pieces.window(found[0])),
            liquid: liquid.unwrap_or(pieces.window(found[1])),
        };
        Some((windows, at))
    }
}

/// How the crossing and its interval are found.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Form of the liquid branch.
    pub liquid: Form,
    /// Probability that the interval is to hold the true temperature.
    pub confidence: f64,
    /// Number of times that the data are drawn again.
    pub replicates: usize,
    /// The largest part of a window that is left out at each of its ends when the data are drawn again.
    pub vary: f64,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Number of the ramp: those of one seed are drawn again independently of each other.
    pub ramp: usize,
}

/// The crossing of two branches.
#[derive(Clone, Debug)]
pub struct Transition {
    /// Where they were fitted.
    pub windows: Windows,
    /// The glass line.
    pub glass: Branch,
    /// The liquid branch.
    pub liquid: Branch,
    /// Temperature of the crossing (energy / k_B), if there is one.
    pub temperature: Option<f64>,
    /// The interval of confidence (energy / k_B).
    pub interval: Option<[f64; 2]>,
    /// Crossings of the data drawn again, those that there were.
    pub replicates: Vec<f64>,
    /// Residuals in a block, of the glass and of the liquid.
    pub block_lengths: [usize; 2],
    /// Why the crossing should not be trusted, in words.
    pub doubts: Vec<String>,
}

impl Transition {
    /// Fits both branches and finds where they cross. `None` if a window holds fewer than [`FEWEST`] points or a single temperature.
    ///
    /// The interval is that between percentiles of the crossings of data that are drawn again: the branch plus its residuals in moving blocks
    /// (see [`Blocks`]), each time in windows whose ends are moved inwards by random parts, so that the choice of the windows is part of the
    /// uncertainty.
    pub fn find(data: &Data, windows: Windows, method: &Method) -> Option<Self> {
        let sides = [
            Side::of(data, windows.glass, Form::Line)?,
            Side::of(data, windows.liquid, method.liquid)?,
        ];
        let highest = 2.0 * data.range()[1];
        let gap = [windows.glass[1], windows.liquid[0]];
        let (glass, liquid) = (sides[0].branch, sides[1].branch);
        let temperature = crossing(&glass, &liquid, gap, highest);
        let replicate = |number: usize| {
            let ramp = method.ramp as i64;
            let mut random = Random::new(method.seed, Purpose::Resampling, number as i64, ramp);
            let again = sides
                .each_ref()
                .map(|side| side.again(method.vary, &mut random));
            let [Some(glass), Some(liquid)] = again else {
                return None;
            };
            crossing(&glass, &liquid, gap, highest)
        };
        let replicates: Vec<f64> = match temperature {
            Some(_) => (0..method.replicates).filter_map(replicate).collect(),
            None => Vec::new(),
        };
        let mut found = Transition {
            windows,
            glass,
            liquid,
            temperature,
            interval: percentiles(&replicates, method.confidence),
            replicates,
            block_lengths: sides.each_ref().map(|side| side.blocks().length()),
            doubts: Vec::new(),
        };
        found.doubts = found.doubts(data, &sides, method);
        Some(found)
    }

    fn doubts(&self, data: &Data, sides: &[Side; 2], method: &Method) -> Vec<String> {
        let mut doubts = Vec::new();
        let [low, high] = data.range();
        let [glass, liquid] = sides;
        if is_on(
            &glass.branch,
            glass.persistence,
            &liquid.data,
            HARMLESS * data.energy_range(),
        ) {
            doubts.push("the energies in the liquid window lie on the glass line".to_string());
        }
        let Some(at) = self.temperature else {
            doubts.push("the two branches do not cross".to_string());
            return doubts;
        };
        let difference = liquid.branch.slope(at) - glass.branch.slope(at);
        let variance: f64 = sides
            .iter()
            .map(|side| inefficiency(side.persistence) * side.branch.variance_of_slope(at))
            .sum();
        if difference.abs() < SIGNIFICANT * variance.sqrt() {
            doubts.push(format!(
                "the branches are nearly parallel where they cross (slopes {:.3} and {:.3}, their difference uncertain by {:.3})",
                glass.branch.slope(at),
                liquid.branch.slope(at),
                variance.sqrt()
            ));
        }
        let Windows { glass, liquid } = self.windows;
        // Windows that are found end at hundredths of the range.
        let slack = (high - low) / PIECES as f64;
        if at < glass[1] - slack || at > liquid[0] + slack {
            doubts.push(format!(
                "they cross at {at:.4}, not between the windows ({:.4} to {:.4})",
                glass[1], liquid[0]
            ));
        }
        let crossed = self.replicates.len() as f64 / method.replicates as f64;
        if crossed < 0.95 {
            doubts.push(format!(
                "they cross in only {:.0} % of the replicates",
                100.0 * crossed
            ));
        }
        if let Some([lower, upper]) = self.interval
            && !(lower..=upper).contains(&at)
        {
            doubts.push(
                "they cross elsewhere when the windows are a little narrower: the interval does not hold it"
                    .to_string(),
            );
        }
        match self.interval {
            Some([lower, upper]) if lower < low || upper > high => {
                doubts.push("the interval reaches beyond the temperatures of the data".to_string());
            }
            Some([lower, upper]) if upper - lower > 0.5 * (high - low) => {
                doubts.push(
                    "the interval is wider than half the range of the temperatures".to_string(),
                );
            }
            _ => {}
        }
        doubts
    }
}

/// One branch with the data that it was fitted to.
struct Side {
    form: Form,
    window: Window,
    data: Data,
    branch: Branch,
    residuals: Vec<f64>,
    persistence: f64,
}

impl Side {
    fn of(data: &Data, window: Window, form: Form) -> Option<Self> {
        let data = data.within(window);
        let branch = data.fit(form).filter(|branch| branch.points >= FEWEST)?;
        let residuals = data.residuals(&branch);
        let persistence = persistence(&residuals);
        Some(Side {
            form,
            window,
            data,
            branch,
            residuals,
            persistence,
        })
    }

    fn blocks(&self) -> Blocks<'_> {
        Blocks::new(&self.residuals, self.persistence)
    }

    /// The branch of data that are drawn again in a part of the window.
    fn again(&self, vary: f64, random: &mut Random) -> Option<Branch> {
        let [from, to] = self.window;
        let mut part = || vary * random.uniform() * (to - from);
        let window = [from + part(), to - part()];
        let mut data = self.data.within(window);
        let branch = match data.fit(self.form).filter(|branch| branch.points >= FEWEST) {
            Some(branch) => branch,
            None => {
                data = self.data.clone();
                self.branch
            }
        };
        let residuals = data.residuals(&branch);
        let noise = Blocks::new(&residuals, self.persistence).draw(random);
        for ((energy, temperature), noise) in
            data.energies.iter_mut().zip(&data.temperatures).zip(noise)
        {
            *energy = branch.at(*temperature) + noise;
        }
        data.fit(self.form)
    }
}

/// The interval that holds the middle part of some values.
pub fn percentiles(values: &[f64], confidence: f64) -> Option<[f64; 2]> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = |fraction: f64| {
        let place = fraction * last as f64;
        let below = place.floor() as usize;
        let above = (below + 1).min(last);
        match sorted[below] == sorted[above] {
            // Infinite ones, too.
            true => sorted[below],
            false => sorted[below] + (place - below as f64) * (sorted[above] - sorted[below]),
        }
    };
    let outside = 0.5 * (1.0 - confidence);
    Some([at(outside), at(1.0 - outside)])
}
