//! Thermo output in LAMMPS logs. Styles one, custom, multi and yaml.

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

/// The thermo output of a stretch of a simulation in which the steps go on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thermo {
    /// Step of each row.
    pub steps: Vec<i64>,
    /// The other columns by their names; NaN where a row has no such number.
    pub columns: Vec<(String, Vec<f64>)>,
    /// How many atoms the extensive quantities of each row are sums over: `None` if they are given per atom (`thermo_modify norm yes`), 0 if
    /// the log does not tell.
    pub summed_over: Vec<Option<u64>>,
}

impl Thermo {
    /// The first of these columns that there is.
    pub fn column(&self, names: &[&str]) -> Option<&[f64]> {
        let named = |name: &&str| self.columns.iter().find(|(known, _)| known == name);
        names.iter().find_map(named).map(|(_, values)| &values[..])
    }

    fn start(&mut self, step: i64, summed_over: Option<u64>) {
        self.steps.push(step);
        self.summed_over.push(summed_over);
        self.columns
            .iter_mut()
            .for_each(|(_, values)| values.push(f64::NAN));
    }

    /// Sets a value of the last row.
    fn set(&mut self, name: &str, value: f64) {
        let at = self.columns.iter().position(|(known, _)| known == name);
        let at = at.unwrap_or_else(|| {
            self.columns
                .push((name.to_string(), vec![f64::NAN; self.steps.len()]));
            self.columns.len() - 1
        });
        if let Some(last) = self.columns[at].1.last_mut() {
            *last = value;
        }
    }

    /// Appends rows of another run; of a step that both have, the later row counts.
    fn extend(&mut self, other: &Thermo, rows: std::ops::Range<usize>) {
        for row in rows {
            if self.steps.last() == Some(&other.steps[row]) {
                self.steps.pop();
                self.summed_over.pop();
                self.columns
                    .iter_mut()
                    .for_each(|(_, values)| _ = values.pop());
            }
            self.start(other.steps[row], other.summed_over[row]);
            for (name, values) in &other.columns {
                self.set(name, values[row]);
            }
        }
    }

    /// Rows that do not tell the number of atoms have that of the nearest before them that do, or behind them.
    fn carry_atoms(&mut self) {
        let told = |of: &Option<u64>| of.filter(|atoms| *atoms > 0);
        let mut known = self.summed_over.iter().find_map(told);
        for of in &mut self.summed_over {
            known = told(of).or(known);
            *of = of.and(known.or(Some(0)));
        }
    }
}

/// Whether thermo output is per atom, as the commands that the log echoes say.
struct Normalisation {
    by_units: bool,
    by_command: Option<bool>,
}

impl Normalisation {
    fn note(&mut self, words: &[&str]) {
        if let Some(style) = unit_style(words) {
            self.by_units = style == "lj";
        }
        match words {
            // It undoes what thermo_modify has set.
            ["thermo_style", ..] => self.by_command = None,
            ["thermo_modify", settings @ ..] => {
                if let Some(pair) = settings.windows(2).find(|pair| pair[0] == "norm") {
                    self.by_command =
                        Some(pair[1] == "yes" || pair[1] == "on" || pair[1] == "true");
                }
            }
            _ => {}
        }
    }

    fn is_per_atom(&self) -> bool {
        self.by_command.unwrap_or(self.by_units)
    }
}

/// The unit style that a command sets; LAMMPS echoes one with variables again with their values.
fn unit_style<'a>(words: &[&'a str]) -> Option<&'a str> {
    match words {
        ["units", style, ..] if !style.contains('$') => Some(style),
        // What a run says of itself, even where commands are not echoed.
        ["Unit", "style", ":", style] => Some(style),
        _ => None,
    }
}

/// The unit style that a log echoes.
///
/// ```
/// let log = "LAMMPS (22 Jul 2025)\nunits ${style}\nunits metal\n";
/// assert_eq!(hyalo::stream::lammps_log::units(log), Some("metal"));
/// ```
pub fn units(text: &str) -> Option<&str> {
    let words = |line| Vec::from_iter(str::split_whitespace(line));
    text.lines().find_map(|line| unit_style(&words(line)))
}

/// The runs of a log that print Step and Temp.
fn runs(text: &str) -> Vec<Thermo> {
    let mut runs: Vec<Thermo> = Vec::new();
    let mut columns: Option<Vec<String>> = None;
    let mut in_block = false;
    let mut normalisation = Normalisation {
        by_units: true,
        by_command: None,
    };
    // Of the rows of the run in progress.
    let mut summed_over = None;
    let untold = |normalisation: &Normalisation| (!normalisation.is_per_atom()).then_some(0);
    for line in text.lines() {
        let line = line.trim();
        let yaml = line
            .strip_prefix("keywords:")
            .or_else(|| line.strip_prefix("- ["))
            .map(|list| list.replace(['[', ']', ',', '\'', '"'], " "));
        let clean = yaml.as_deref().unwrap_or(line);
        let words: Vec<&str> = clean.split_whitespace().collect();
        normalisation.note(&words);
        if words.contains(&"Step")
            && words.contains(&"Temp")
            && words.iter().all(|word| word.parse::<f64>().is_err())
        {
            let header: Vec<String> = words.iter().map(|word| word.to_string()).collect();
            // A header that is repeated within a run goes on with it.
            if columns.as_ref() != Some(&header) || runs.is_empty() {
                runs.push(Thermo::default());
                summed_over = untold(&normalisation);
            }
            columns = Some(header);
        } else if clean.starts_with("---") && words.get(1) == Some(&"Step") {
            if !in_block {
                runs.push(Thermo::default());
                summed_over = untold(&normalisation);
            }
            let step = words.get(2).and_then(|word| word.parse().ok());
            in_block = step.is_some();
            if let (Some(step), Some(run)) = (step, runs.last_mut()) {
                run.start(step, summed_over);
            }
        } else if clean.starts_with("Loop time") {
            let atoms = words.iter().position(|word| *word == "atoms");
            let atoms = atoms.and_then(|at| words[at.checked_sub(1)?].parse::<u64>().ok());
            if let (Some(atoms), Some(run)) = (atoms, runs.last_mut()) {
                let untold = run.summed_over.iter_mut().filter(|of| **of == Some(0));
                untold.for_each(|of| *of = Some(atoms));
            }
            columns = None;
            in_block = false;
        } else if in_block {
            let named = words.windows(3).filter(|words| words[1] == "=");
            for words in named {
                if let (Ok(value), Some(run)) = (words[2].parse(), runs.last_mut()) {
                    run.set(words[0], value);
                }
            }
        } else if let Some(names) = &columns
            && words.len() == names.len()
            && let Some(run) = runs.last_mut()
        {
            let value = |name: &str| {
                let at = names.iter().position(|known| known == name)?;
                Some(words[at])
            };
            let step = value("Step").and_then(|word| word.parse::<i64>().ok());
            let temperature = value("Temp").and_then(|word| word.parse::<f64>().ok());
            if let (Some(step), Some(_)) = (step, temperature) {
                run.start(step, summed_over);
                for (name, word) in names.iter().zip(&words).filter(|(name, _)| *name != "Step") {
                    run.set(name, word.parse().unwrap_or(f64::NAN));
                }
            }
        }
    }
    runs.retain(|run| !run.steps.is_empty());
    runs
}

/// The sessions of a log, with all that they print. A run that begins at the step where the one before ended belongs to the same session;
/// headers may be repeated. Styles one, custom, multi and yaml.
pub fn sessions(text: &str) -> Vec<Thermo> {
    let mut sessions: Vec<Thermo> = Vec::new();
    for run in runs(text) {
        let mut from = 0;
        while from < run.steps.len() {
            // A rewind within a run means a second log of the same header in the same file.
            let rewind = run.steps[from..]
                .windows(2)
                .position(|pair| pair[1] < pair[0]);
            let to = rewind.map_or(run.steps.len(), |at| from + at + 1);
            let goes_on =
                |session: &Thermo| from == 0 && session.steps.last() == Some(&run.steps[0]);
            match sessions.last_mut() {
                Some(session) if goes_on(session) => session.extend(&run, from..to),
                _ => {
                    let mut session = Thermo::default();
                    session.extend(&run, from..to);
                    sessions.push(session);
                }
            }
            from = to;
        }
    }
    sessions.iter_mut().for_each(Thermo::carry_atoms);
    sessions
}

/// The temperatures of the sessions of a log.
pub fn parse(text: &str) -> Vec<Session> {
    let temperatures = |thermo: &Thermo| {
        let temperatures = thermo.column(&["Temp"])?.iter().copied();
        let pairs = thermo.steps.iter().copied().zip(temperatures);
        Session::new(pairs.filter(|(_, temperature)| !temperature.is_nan()))
    };
    sessions(text).iter().filter_map(temperatures).collect()
}
