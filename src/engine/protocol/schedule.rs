//! When a stage has output.

use super::{Kind, Stage};

/// At which steps of a stage there is output.
///
/// All but the first two include the first and the last step. In a stage with several temperatures or an equilibration, each
/// temperature's steps with output have a first and a last one, and are counted from their first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Schedule {
    /// Never.
    None,
    /// At the last step (of each temperature).
    End,
    /// Every n steps.
    Every(u64),
    /// Every ΔT of a ramp (energy/k_B), counted from its start.
    EveryTemperature(f64),
    /// In blocks of n steps: at 0, 1, 2, 4, 8, … < n from the beginning of each.
    LogBlocks(u64),
}

impl Schedule {
    /// Whether there is output at a step of a stage.
    ///
    /// Of a stage that ends by itself ([`Stage::steps`] is `None`) the last step is not known here: there, it is due unless the schedule
    /// is [`Schedule::None`].
    pub fn is_due(&self, step: u64, stage: &Stage) -> bool {
        let (skipped, length) = match &stage.kind {
            Kind::Equilibrate {
                equilibration,
                steps,
                ..
            } => (*equilibration, Some(*steps)),
            _ => (0, stage.steps()),
        };
        let part = length.map_or(u64::MAX, |length| skipped + length).max(1);
        let in_part = step - step.saturating_sub(1) / part * part;
        let Some(at) = in_part.checked_sub(skipped) else {
            return false;
        };
        let is_last = Some(at) == length;
        match *self {
            Schedule::None => false,
            Schedule::End => is_last,
            Schedule::Every(period) => is_last || at % period == 0,
            Schedule::EveryTemperature(change) => {
                is_last
                    || spacing(change, stage).is_some_and(|spacing| {
                        let nearest = (at as f64 / spacing).round();
                        (nearest * spacing).round() == at as f64
                    })
            }
            Schedule::LogBlocks(block) => {
                let in_block = at % block;
                is_last || in_block == 0 || in_block.is_power_of_two()
            }
        }
    }

    /// The number of steps of a stage at which there is output; `None` where it hangs on when the stage ends.
    pub fn outputs(&self, stage: &Stage) -> Option<u64> {
        let (parts, skipped, length) = match (&stage.kind, self) {
            (_, Schedule::None) => return Some(0),
            (
                Kind::Equilibrate {
                    temperatures,
                    equilibration,
                    steps,
                    ..
                },
                _,
            ) => (temperatures.len() as u64, *equilibration, *steps),
            (_, Schedule::End) => return Some(1),
            _ => (1, 0, stage.steps()?),
        };
        let in_each = match *self {
            Schedule::None => 0,
            Schedule::End => return Some(parts),
            Schedule::Every(period) => 1 + length.div_ceil(period),
            Schedule::EveryTemperature(change) => {
                let spacing = spacing(change, stage)?;
                let whole = (length as f64 / spacing).round();
                // The last regular output may come just before or after the end.
                let regular = if (whole * spacing).round() > length as f64 {
                    whole - 1.0
                } else {
                    whole
                };
                1 + regular as u64 + u64::from((regular * spacing).round() < length as f64)
            }
            Schedule::LogBlocks(block) => {
                let powers_up_to =
                    |n: u64| n.checked_ilog2().map_or(0, |power| u64::from(power) + 1);
                let rest = length % block;
                let whole_blocks = length / block * (1 + powers_up_to(block - 1));
                let end = u64::from(rest != 0 && !rest.is_power_of_two());
                whole_blocks + 1 + powers_up_to(rest) + end
            }
        };
        // Without an equilibration, the last step of a temperature is the first of the next one.
        let shared = if skipped == 0 { parts - 1 } else { 0 };
        Some(parts * in_each - shared)
    }
}

/// The number of steps of a ramp in which its temperature changes by `change`; `None` where it does not change.
pub(super) fn spacing(change: f64, stage: &Stage) -> Option<f64> {
    match stage.kind {
        Kind::Ramp {
            from, to, steps, ..
        } => Some((change / (to - from).abs() * steps as f64).min(f64::MAX)),
        _ => None,
    }
}
