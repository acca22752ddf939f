//! Thermo output in LAMMPS logs: the temperature at each step. Styles one, custom, multi and yaml.

use std::collections::HashMap;

/// Temperatures of a stretch of a simulation in which the steps go on; `reset_timestep` begins another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Session {
    temperatures: HashMap<i64, f64>,
    first: i64,
    last: i64,
}

impl Session {
    /// Temperature (energy / k_B) at a step.
    pub fn temperature(&self, step: i64) -> Option<f64> {
        self.temperatures.get(&step).copied()
    }

    /// First and last step.
    pub fn steps(&self) -> (i64, i64) {
        (self.first, self.last)
    }

    /// A session from pairs of step and temperature; of a repeated step the last counts.
    pub fn new(pairs: impl IntoIterator<Item = (i64, f64)>) -> Option<Self> {
        let mut session: Option<Session> = None;
        for (step, temperature) in pairs {
            let session = session.get_or_insert(Session {
                first: step,
                last: step,
                ..Session::default()
            });
            session.temperatures.insert(step, temperature);
            (session.first, session.last) = (session.first.min(step), session.last.max(step));
        }
        session
    }
}

/// The sessions of a log. A run that begins at the step where the one before ended belongs to the same session; headers may be repeated.
pub fn parse(text: &str) -> Vec<Session> {
    let mut runs: Vec<Vec<(i64, f64)>> = Vec::new();
    let mut columns: Option<(usize, usize, usize)> = None;
    let mut block_step = None;
    for line in text.lines() {
        let line = line.trim();
        let yaml = line
            .strip_prefix("keywords:")
            .or_else(|| line.strip_prefix("- ["))
            .map(|list| list.replace(['[', ']', ',', '\'', '"'], " "));
        let clean = yaml.as_deref().unwrap_or(line);
        let words: Vec<&str> = clean.split_whitespace().collect();
        if words.contains(&"Step")
            && words.contains(&"Temp")
            && words.iter().all(|word| word.parse::<f64>().is_err())
        {
            let at = |name: &str| words.iter().position(|word| *word == name).unwrap_or(0);
            let header = (at("Step"), at("Temp"), words.len());
            // A header that is repeated within a run goes on with it.
            if columns != Some(header) || runs.is_empty() {
                runs.push(Vec::new());
            }
            columns = Some(header);
        } else if clean.starts_with("---") && words.get(1) == Some(&"Step") {
            if block_step.is_none() {
                runs.push(Vec::new());
            }
            block_step = words.get(2).and_then(|word| word.parse::<i64>().ok());
        } else if clean.starts_with("Loop time") {
            columns = None;
            block_step = None;
        } else if let Some(step) = block_step {
            let named = words
                .windows(3)
                .find(|words| words[0] == "Temp" && words[1] == "=");
            if let (Some(temperature), Some(run)) = (
                named.and_then(|words| words[2].parse().ok()),
                runs.last_mut(),
            ) {
                run.push((step, temperature));
            }
        } else if let Some((step_at, temperature_at, count)) = columns
            && words.len() == count
            && let (Ok(step), Ok(temperature)) = (
                words[step_at].parse::<i64>(),
                words[temperature_at].parse::<f64>(),
            )
            && let Some(run) = runs.last_mut()
        {
            run.push((step, temperature));
        }
    }
    let mut sessions: Vec<Vec<(i64, f64)>> = Vec::new();
    for run in runs.into_iter().filter(|run| !run.is_empty()) {
        // A rewind within a run means a second log of the same header in the same file.
        for (at, &(step, temperature)) in run.iter().enumerate() {
            let goes_on = sessions
                .last()
                .and_then(|session| session.last())
                .is_some_and(|&(last, _)| if at == 0 { step == last } else { step >= last });
            if !goes_on {
                sessions.push(Vec::new());
            }
            sessions
                .last_mut()
                .expect("just pushed")
                .push((step, temperature));
        }
    }
    sessions.into_iter().filter_map(Session::new).collect()
}
