//! Ranges of axes and their ticks.

use crate::data::figure::Scale;

/// Values beyond this are taken as not finite, so that differences cannot overflow.
const LARGEST: f64 = 1e300;
/// Differences below this are taken as none, so that their powers of ten stay finite.
const SMALLEST: f64 = 1e-290;
/// Fewer decades than this get labels at 2 and 5 as well.
const FEW_DECADES: f64 = 1.5;

/// What an axis shows: from `low` at its beginning to `high` at its end (reversed if `low > high`), never empty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    pub low: f64,
    pub high: f64,
    pub scale: Scale,
}

/// A labelled tick.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    pub value: f64,
    /// With the markup of labels.
    pub label: String,
}

/// The ticks of one axis, increasing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ticks {
    pub major: Vec<Tick>,
    pub minor: Vec<f64>,
    /// The power of ten that all labels leave out.
    pub power: Option<i32>,
}

impl Ticks {
    /// Names of the places 0, 1, 2 …
    pub fn named(names: &[String]) -> Self {
        let tick = |(place, name): (usize, &String)| Tick {
            value: place as f64,
            label: name.clone(),
        };
        Ticks {
            major: names.iter().enumerate().map(tick).collect(),
            ..Ticks::default()
        }
    }
}

/// Whether a value can be shown on a scale.
pub fn shows(scale: Scale, value: f64) -> bool {
    value.abs() <= LARGEST && (scale == Scale::Linear || value >= f64::MIN_POSITIVE)
}

impl Span {
    /// The span of the values that can be shown, with a margin of the given fraction at each end; a usual one without values.
    pub fn of(scale: Scale, values: impl Iterator<Item = f64>, margins: (f64, f64)) -> Self {
        let (low, high) = values
            .filter(|&value| shows(scale, value))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        if low > high {
            return match scale {
                Scale::Linear => Span::wide(scale, 0.0, 1.0),
                Scale::Log => Span::wide(scale, 0.1, 10.0),
            };
        }
        let (before, after) = margins;
        Span::wide(scale, low, high).reaching(-before, 1.0 + after)
    }

    /// The span between two limits, if both can be shown.
    pub fn between(scale: Scale, limits: (f64, f64)) -> Option<Self> {
        let (low, high) = limits;
        if !shows(scale, low) || !shows(scale, high) {
            return None;
        }
        let upright = Span::wide(scale, low.min(high), low.max(high));
        Some(if low <= high {
            upright
        } else {
            Span {
                low: upright.high,
                high: upright.low,
                scale,
            }
        })
    }

    /// Opens a span that is empty or too narrow for its numbers.
    fn wide(scale: Scale, low: f64, high: f64) -> Self {
        let size = low.abs().max(high.abs());
        let (low, high) = match scale {
            Scale::Log if high > low * (1.0 + 1e-6) => (low, high),
            Scale::Log => (low / 3.0, high * 3.0),
            Scale::Linear if high - low > SMALLEST.max(1e-10 * size) => (low, high),
            Scale::Linear if size <= SMALLEST => (-0.5, 0.5),
            Scale::Linear => (low - 0.1 * size, high + 0.1 * size),
        };
        Span { low, high, scale }
    }

    /// The span between two fractions of this one.
    pub fn reaching(&self, from: f64, to: f64) -> Self {
        let reached = Span {
            low: self.value(from),
            high: self.value(to),
            scale: self.scale,
        };
        if shows(self.scale, reached.low) && shows(self.scale, reached.high) {
            reached
        } else {
            *self
        }
    }

    /// Where a value lies: 0 at the beginning, 1 at the end, no farther than 10⁹ beyond; `None` if it cannot be shown.
    pub fn fraction(&self, value: f64) -> Option<f64> {
        if !value.is_finite() {
            return None;
        }
        let fraction = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log if value < f64::MIN_POSITIVE => return None,
            Scale::Log => {
                (value.log10() - self.low.log10()) / (self.high.log10() - self.low.log10())
            }
        };
        Some(fraction.clamp(-1e9, 1e9))
    }

    /// The value at a fraction of the span.
    fn value(&self, fraction: f64) -> f64 {
        match self.scale {
            Scale::Linear => self.low + fraction * (self.high - self.low),
            Scale::Log => {
                let (low, high) = (self.low.log10(), self.high.log10());
                10f64.powf(low + fraction * (high - low))
            }
        }
    }

    /// Whether the axis shows a value, rounding aside.
    fn contains(&self, value: f64) -> bool {
        self.fraction(value)
            .is_some_and(|fraction| (-1e-9..=1.0 + 1e-9).contains(&fraction))
    }

    fn sorted(&self) -> (f64, f64) {
        (self.low.min(self.high), self.low.max(self.high))
    }

    /// The ticks of an axis of the given length, as many as have room.
    ///
    /// `extent` is the length that a label takes along the axis, with the space it wants to its neighbour.
    pub fn ticks(&self, length: f64, extent: impl Fn(&str) -> f64) -> Ticks {
        let fits = |ticks: &Ticks| {
            ticks.major.windows(2).all(|pair| {
                let place = |tick: &Tick| self.fraction(tick.value).unwrap_or(0.0) * length;
                (place(&pair[1]) - place(&pair[0])).abs()
                    >= 0.5 * (extent(&pair[0].label) + extent(&pair[1].label))
            })
        };
        let mut last = Ticks::default();
        for ticks in self.candidates() {
            // A tick or two too close are better than an axis without numbers.
            if last.major.len() >= 2 && ticks.major.len() < 2 {
                return last;
            }
            last = ticks;
            if fits(&last) {
                break;
            }
        }
        last
    }

    /// Choices of ticks, the densest first.
    fn candidates(&self) -> Vec<Ticks> {
        let (low, high) = self.sorted();
        let linear = || {
            let finest = ((high - low) / 20.0).log10().floor() as i32;
            (finest..finest + 4)
                .flat_map(|exponent| [1, 2, 5].map(|digit| (digit, exponent)))
                .map(|(digit, exponent)| self.linear_ticks(digit, exponent))
                .filter(|ticks| ticks.major.len() <= 9)
                .collect()
        };
        if self.scale == Scale::Linear {
            return linear();
        }
        let decades = high.log10() - low.log10();
        if decades >= FEW_DECADES && self.decade_ticks(1).major.len() >= 2 {
            return [1, 2, 3, 5, 10, 20, 50, 100, 200]
                .map(|stride| self.decade_ticks(stride))
                .into();
        }
        let ticks = self.digit_ticks(&[1, 2, 5]);
        if ticks.major.len() >= 2 {
            vec![ticks, self.digit_ticks(&[1, 3]), self.digit_ticks(&[1])]
        } else {
            linear()
        }
    }

    /// Ticks at multiples of `digit` × 10^`exponent`.
    fn linear_ticks(&self, digit: i32, exponent: i32) -> Ticks {
        let (low, high) = self.sorted();
        // Multiplying by a whole power of ten keeps 0.3 from being 0.30000000000000004.
        let scaled = |count: f64, exponent: i32| {
            if exponent < 0 {
                count / 10f64.powi(-exponent)
            } else {
                count * 10f64.powi(exponent)
            }
        };
        let multiples = |digit: i32, exponent: i32| {
            let unit = scaled(f64::from(digit), exponent);
            let slack = 1e-9 * (high - low) / unit;
            let first = (low / unit - slack).ceil();
            let count = ((high / unit + slack).floor() - first).clamp(-1.0, 1000.0) as i32;
            (0..=count)
                .map(move |i| scaled((first + f64::from(i)) * f64::from(digit), exponent))
                .collect::<Vec<_>>()
        };
        let largest = low.abs().max(high.abs()).log10().floor() as i32;
        let power = (!(-3..5).contains(&largest)).then_some(largest);
        let decimals = (power.unwrap_or(0) - exponent).max(0) as usize;
        let major = multiples(digit, exponent)
            .into_iter()
            .map(|value| Tick {
                value,
                label: number(scaled(value, -power.unwrap_or(0)), decimals),
            })
            .collect();
        let (minor_digit, minor_exponent) = match digit {
            1 => (2, exponent - 1),
            2 => (5, exponent - 1),
            _ => (1, exponent),
        };
        Ticks {
            major,
            minor: multiples(minor_digit, minor_exponent),
            power,
        }
        .without_double()
    }

    /// Labels at every `stride`-th decade; in between ticks at decades, or at 2 to 9 if no decade is left out.
    fn decade_ticks(&self, stride: i32) -> Ticks {
        let every = |step: i32| {
            let powers = self.powers().filter(move |power| power % step == 0);
            powers.map(|power| (power, digit_value(1, power)))
        };
        let minor = match stride {
            1 => self.digits(&[2, 3, 4, 5, 6, 7, 8, 9]),
            _ => every((stride / 10).max(1))
                .map(|(_, value)| value)
                .filter(|&value| self.contains(value))
                .collect(),
        };
        Ticks {
            major: every(stride)
                .filter(|&(_, value)| self.contains(value))
                .map(|(power, value)| Tick {
                    value,
                    label: format!("10^{{{}}}", signed(power)),
                })
                .collect(),
            minor,
            power: None,
        }
        .without_double()
    }

    /// Labels at the given digits of every decade, ticks at the others.
    fn digit_ticks(&self, digits: &[i32]) -> Ticks {
        let (low, high) = self.sorted();
        let plain = low >= 0.009 && high < 1000.0;
        let mut major = Vec::new();
        for power in self.powers() {
            for &digit in digits {
                let value = digit_value(digit, power);
                let label = match digit {
                    _ if plain => number(value, (-power).max(0) as usize),
                    1 => format!("10^{{{}}}", signed(power)),
                    _ => format!("{digit}×10^{{{}}}", signed(power)),
                };
                if self.contains(value) {
                    major.push(Tick { value, label });
                }
            }
        }
        Ticks {
            major,
            minor: self.digits(&[1, 2, 3, 4, 5, 6, 7, 8, 9]),
            power: None,
        }
        .without_double()
    }

    /// The powers of ten around what a logarithmic axis shows.
    fn powers(&self) -> std::ops::RangeInclusive<i32> {
        let (low, high) = self.sorted();
        low.log10().floor() as i32..=high.log10().ceil() as i32
    }

    /// Every visible value of one of the digits times a power of ten.
    fn digits(&self, digits: &[i32]) -> Vec<f64> {
        self.powers()
            .flat_map(|power| digits.iter().map(move |&digit| digit_value(digit, power)))
            .filter(|&value| self.contains(value))
            .collect()
    }
}

impl Ticks {
    /// Takes out the minor ticks that lie under major ones.
    fn without_double(mut self) -> Self {
        let major = &self.major;
        self.minor.retain(|minor| {
            major
                .iter()
                .all(|tick| (tick.value - minor).abs() > 1e-9 * minor.abs().max(f64::MIN_POSITIVE))
        });
        self
    }
}

fn digit_value(digit: i32, power: i32) -> f64 {
    f64::from(digit) * 10f64.powi(power)
}

/// A number with a real minus sign, and none before zero.
fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.starts_with('-') && text.bytes().all(|byte| b"-0.".contains(&byte)) {
        return text[1..].to_string();
    }
    text.replace('-', "−")
}

/// A whole number with a real minus sign.
pub fn signed(number: i32) -> String {
    number.to_string().replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ticks(scale: Scale, low: f64, high: f64) -> Ticks {
        // Ten points a character, in an axis of 190 points.
        let span = Span::between(scale, (low, high)).unwrap();
        span.ticks(190.0, |label| 5.0 * label.chars().count() as f64 + 8.0)
    }

    fn labels(ticks: &Ticks) -> Vec<&str> {
        ticks.major.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn linear_steps_are_nice() {
        let wide = ticks(Scale::Linear, 0.1, 1.0);
        assert_eq!(labels(&wide), ["0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(wide.major[2].value, 0.6);
        assert_eq!(wide.minor.len(), 14);
        assert_eq!(wide.minor[..3], [0.1, 0.15, 0.25]);
        let around = ticks(Scale::Linear, -2.0, 2.0);
        assert_eq!(labels(&around), ["−2", "−1", "0", "1", "2"]);
        assert_eq!(
            labels(&ticks(Scale::Linear, 2.0, -2.0)),
            labels(&around),
            "a reversed axis has the same ticks"
        );
    }

    #[test]
    fn large_and_small_numbers_share_a_power() {
        let large = ticks(Scale::Linear, 0.0, 2e6);
        assert_eq!(large.power, Some(6));
        assert_eq!(labels(&large), ["0.0", "0.5", "1.0", "1.5", "2.0"]);
        let small = ticks(Scale::Linear, 0.0, 3e-5);
        assert_eq!((small.power, labels(&small)[1]), (Some(-5), "0.5"));
        assert_eq!(ticks(Scale::Linear, 0.0, 99_000.0).power, None);
    }

    #[test]
    fn decades_have_powers_and_minor_ticks() {
        let decades = ticks(Scale::Log, 2e-3, 5e1);
        assert_eq!(labels(&decades), ["10^{−2}", "10^{−1}", "10^{0}", "10^{1}"]);
        assert_eq!(decades.major[0].value, 0.01);
        // 2 to 9 of 10⁻³, all of three decades, 20 to 50.
        assert_eq!(decades.minor.len(), 8 + 3 * 8 + 4);
        let many = ticks(Scale::Log, 1e-30, 1e30);
        let values: Vec<f64> = many.major.iter().map(|tick| tick.value.log10()).collect();
        assert_eq!(values, [-20.0, 0.0, 20.0]);
        assert!(
            many.minor.len() == 28,
            "no 2 to 9 where decades are left out"
        );
    }

    #[test]
    fn narrow_logarithmic_axes_have_twos_and_fives() {
        let plain = ticks(Scale::Log, 0.3, 6.0);
        assert_eq!(labels(&plain), ["0.5", "1", "2", "5"]);
        assert!(plain.minor.iter().any(|minor| (minor - 0.7).abs() < 1e-12));
        let small = ticks(Scale::Log, 1e-6, 6e-6);
        assert_eq!(labels(&small), ["10^{−6}", "2×10^{−6}", "5×10^{−6}"]);
        // Hardly a third of a decade: as on a linear axis.
        let tiny = ticks(Scale::Log, 2.1, 4.6);
        assert!(tiny.major.len() >= 3, "{tiny:?}");
    }

    #[test]
    fn numbers_are_plain() {
        assert_eq!(number(-0.0, 1), "0.0");
        assert_eq!(number(-0.04, 1), "0.0");
        assert_eq!(number(-1.25, 2), "−1.25");
    }

    #[test]
    fn spans_open_where_data_are_alike() {
        let of = |scale, values: &[f64]| Span::of(scale, values.iter().copied(), (0.0, 0.0));
        let same = of(Scale::Linear, &[2.0, 2.0]);
        assert!(same.low < 2.0 && same.high > 2.0);
        let same = of(Scale::Log, &[2.0, -1.0, 0.0, f64::NAN]);
        assert!(same.low > 0.0 && same.low < 2.0 && same.high > 2.0);
        let none = of(Scale::Linear, &[f64::INFINITY]);
        assert_eq!((none.low, none.high), (0.0, 1.0));
        assert_eq!(same.fraction(0.0), None);
        assert!((same.fraction(2.0).unwrap() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn margins_follow_the_scale() {
        let span = Span::of(Scale::Log, [1.0, 100.0].into_iter(), (0.5, 0.25));
        assert!(
            (span.low - 0.1).abs() < 1e-12 && (span.high / 10f64.powf(2.5) - 1.0).abs() < 1e-12
        );
    }

    proptest! {
        #[test]
        fn ticks_lie_inside_in_order_and_apart(
            low in prop_oneof![-1e6..1e6f64, -1e-6..1e-6f64, proptest::num::f64::NORMAL],
            size in prop_oneof![1e-9..1e9f64, proptest::num::f64::POSITIVE],
            log in any::<bool>(),
        ) {
            let (scale, low) = if log { (Scale::Log, low.abs()) } else { (Scale::Linear, low) };
            let span = Span::of(scale, [low, low + size].into_iter(), (0.03, 0.03));
            let length = 150.0;
            let extent = |label: &str| 4.0 * label.chars().count() as f64;
            let ticks = span.ticks(length, extent);
            let place = |value: f64| span.fraction(value).unwrap() * length;
            for value in ticks.major.iter().map(|tick| tick.value).chain(ticks.minor.iter().copied()) {
                prop_assert!((-1e-3..=length + 1e-3).contains(&place(value)));
            }
            prop_assert!(!ticks.major.is_empty());
            prop_assert!(ticks.major.len() + ticks.minor.len() < 600);
            for pair in ticks.major.windows(2) {
                prop_assert!(pair[0].value < pair[1].value);
                prop_assert!(pair[0].label != pair[1].label);
            }
        }
    }
}
