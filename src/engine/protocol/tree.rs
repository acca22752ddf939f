//! TOML as values that know where they were written, and typed access to them with errors that tell where and what to do.

use std::rc::Rc;

use toml::de::{DeTable, DeValue};

use crate::error::{Error, Result};

/// Where a value was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// On a line of the protocol, counted from 1.
    Line(u64),
    /// In the setting `KEY=VALUE` of the command line.
    Setting(Rc<str>),
}

impl Place {
    /// An error at this place; whoever knows the name of the protocol adds it.
    pub fn error(&self, what: impl Into<String>) -> Error {
        self.attach(Error::new(what))
    }

    /// Tells an error its place.
    pub fn attach(&self, error: Error) -> Error {
        match self {
            Place::Line(line) => error.at_line(*line),
            Place::Setting(setting) => error.in_input(format!("--set {setting}")),
        }
    }

    /// The line; 0 for a setting.
    pub fn line(&self) -> u64 {
        match self {
            Place::Line(line) => *line,
            Place::Setting(_) => 0,
        }
    }
}

/// A TOML value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub data: Data,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub(super) enum Data {
    Boolean(bool),
    Integer(i128),
    Real(f64),
    Text(String),
    Date(String),
    List(Vec<Value>),
    Table(Vec<Entry>),
}

/// A key of a table, with its value, in the order of the text.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub key: String,
    pub place: Place,
    pub value: Value,
}

impl Value {
    /// The whole of a TOML text as a table.
    pub fn document(text: &str) -> Result<Value> {
        let breaks: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        let line_of = |at: usize| 1 + breaks.partition_point(|end| *end < at) as u64;
        let table = DeTable::parse(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(span.start));
            Error::new(format!("not TOML: {}", error.message()))
                .help("correct the line")
                .at_line(line)
        })?;
        Ok(Value {
            data: table_data(table.get_ref(), &|at| Place::Line(line_of(at))),
            place: Place::Line(1),
        })
    }

    /// The value of a setting: TOML, or else plain text.
    pub fn of_setting(text: &str, place: &Place) -> Value {
        Value {
            data: match DeValue::parse(text) {
                Ok(value) => data(value.get_ref(), &|_| place.clone()),
                Err(_) => Data::Text(text.to_string()),
            },
            place: place.clone(),
        }
    }

    /// The value as a person would write it, shortened.
    pub fn shown(&self) -> String {
        match &self.data {
            Data::Boolean(value) => value.to_string(),
            Data::Integer(value) => value.to_string(),
            Data::Real(value) => format!("{value:?}"),
            Data::Text(value) if value.chars().count() > 40 => {
                let start: String = value.chars().take(40).collect();
                format!("'{start}…'")
            }
            Data::Text(value) => format!("'{value}'"),
            Data::Date(value) => value.clone(),
            Data::List(items) if items.is_empty() => "[]".to_string(),
            Data::List(_) => "[…]".to_string(),
            Data::Table(_) => "{…}".to_string(),
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entries, if it is a table.
    pub fn as_table(&self) -> Option<&[Entry]> {
        match &self.data {
            Data::Table(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key, if it is a table that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let entry = self.as_table()?.iter().find(|entry| entry.key == key)?;
        Some(&entry.value)
    }
}

fn data(value: &DeValue, place: &impl Fn(usize) -> Place) -> Data {
    match value {
        DeValue::Boolean(value) => Data::Boolean(*value),
        // What is too large for an integer is too large for whatever it is meant for, and refused there.
        DeValue::Integer(value) => match i128::from_str_radix(value.as_str(), value.radix()) {
            Ok(number) => Data::Integer(number),
            Err(_) => Data::Real(value.as_str().parse().unwrap_or(f64::INFINITY)),
        },
        DeValue::Float(value) => Data::Real(value.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::String(value) => Data::Text(value.to_string()),
        DeValue::Datetime(value) => Data::Date(value.to_string()),
        DeValue::Array(values) => {
            let values = values.iter().map(|value| Value {
                data: data(value.get_ref(), place),
                place: place(value.span().start),
            });
            Data::List(values.collect())
        }
        DeValue::Table(table) => table_data(table, place),
    }
}

fn table_data(table: &DeTable, place: &impl Fn(usize) -> Place) -> Data {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entries = entries.into_iter().map(|(key, value)| Entry {
        key: key.get_ref().to_string(),
        place: place(key.span().start),
        value: Value {
            data: data(value.get_ref(), place),
            place: place(value.span().start),
        },
    });
    Data::Table(entries.collect())
}

/// A value with its full name, such as `stage cool: trajectory.every`, for messages.
#[derive(Clone, Debug)]
pub(super) struct Field<'a> {
    pub value: &'a Value,
    pub name: String,
}

/// A table all of whose keys are known, with its full name and where it begins.
#[derive(Clone, Debug)]
pub(super) struct Table<'a> {
    entries: &'a [Entry],
    pub place: &'a Place,
    /// What the name of a key is put after: empty, `stage cool: ` or `stage cool: random.`.
    pub prefix: String,
}

impl<'a> Table<'a> {
    /// A table's entries, if it has no keys but these. `whose` is the table in words: `a ramp`.
    pub fn new(value: &'a Value, prefix: String, whose: &str, keys: &[&str]) -> Result<Table<'a>> {
        let entries = value.as_table().unwrap_or_default();
        if let Some(entry) = entries
            .iter()
            .find(|entry| !keys.contains(&entry.key.as_str()))
        {
            let Entry { key, place, .. } = entry;
            return Err(place
                .error(format!("{prefix}{key} is not a key of {whose}"))
                .help(choices(key, keys)));
        }
        Ok(Table {
            entries,
            place: &value.place,
            prefix,
        })
    }

    /// The value of a key, if it is there.
    pub fn get(&self, key: &str) -> Option<Field<'a>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(Field {
            value: &entry.value,
            name: format!("{}{key}", self.prefix),
        })
    }

    /// The value of a key that must be there; `such_as` is an example of the whole line.
    pub fn require(&self, key: &str, such_as: &str) -> Result<Field<'a>> {
        self.get(key).ok_or_else(|| {
            self.place
                .error(format!("{}{key} is missing", self.prefix))
                .help(format!("write such as {such_as}"))
        })
    }

    /// The one of several keys that is there; `such_as` is an example of the whole line.
    pub fn one_of(
        &self,
        keys: &[&'static str],
        such_as: &str,
    ) -> Result<(&'static str, Field<'a>)> {
        let mut given = keys.iter().filter_map(|key| Some((*key, self.get(key)?)));
        let prefix = &self.prefix;
        let whole = prefix.trim_end_matches([':', ' ', '.']);
        let list = keys.join(", ");
        match (given.next(), given.next()) {
            (Some(one), None) => Ok(one),
            (Some((first, _)), Some((second, field))) => Err(field
                .value
                .place
                .error(format!("{prefix}{first} and {second} exclude each other"))
                .help(format!("give one of {list}"))),
            (None, _) => Err(self
                .place
                .error(format!("{whole} has none of {list}"))
                .help(format!("write such as {such_as}"))),
        }
    }
}

/// The largest number of steps, iterations or the like that is taken for meant.
pub(super) const LARGEST_COUNT: u64 = 1_000_000_000_000;

impl<'a> Field<'a> {
    /// An error about this value: `NAME = VALUE WHAT; HELP`.
    pub fn refuse(&self, what: &str, help: impl Into<String>) -> Error {
        let shown = self.value.shown();
        self.value
            .place
            .error(format!("{} = {shown} {what}", self.name))
            .help(help)
    }

    /// A finite number.
    pub fn real(&self) -> Result<f64> {
        match self.value.data {
            Data::Integer(value) => Ok(value as f64),
            Data::Real(value) if value.is_finite() => Ok(value),
            Data::Real(_) => Err(self.refuse("is not finite", "write a number")),
            _ => Err(self.refuse("is not a number", "write such as 0.5, without quotes")),
        }
    }

    /// A finite number above zero.
    pub fn positive(&self) -> Result<f64> {
        let value = self.real()?;
        match value > 0.0 {
            true => Ok(value),
            false => Err(self.refuse("is not positive", "write a number above 0")),
        }
    }

    /// A whole number; one written as a real, such as 1e6, will do.
    pub fn integer(&self) -> Result<i128> {
        match self.value.data {
            Data::Integer(value) => Ok(value),
            Data::Real(value) if value.abs() > 1e18 => {
                Err(self.refuse("is beyond reason", "write a smaller number"))
            }
            Data::Real(value) if value.fract() == 0.0 => Ok(value as i128),
            _ => Err(self.refuse(
                "is not a whole number",
                "write a whole number, without quotes",
            )),
        }
    }

    /// A whole number of steps or the like, at least `least`.
    pub fn count(&self, least: u64) -> Result<u64> {
        let value = self.integer()?;
        match u64::try_from(value) {
            Ok(count) if (least..=LARGEST_COUNT).contains(&count) => Ok(count),
            Ok(count) if count >= least => Err(self.refuse(
                "is beyond reason",
                format!("the largest is {LARGEST_COUNT}"),
            )),
            _ => Err(self.refuse(
                "is too small",
                format!("write a whole number from {least} on"),
            )),
        }
    }

    /// A text.
    pub fn text(&self) -> Result<&'a str> {
        self.value
            .as_text()
            .ok_or_else(|| self.refuse("is not a text", "put it in quotes"))
    }

    /// One of several words.
    pub fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T> {
        let text = self.text()?;
        let known = words.iter().find(|(word, _)| *word == text);
        known.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.refuse("is unknown", choices(text, &names))
        })
    }

    /// The items of a list.
    pub fn items(&self) -> Result<Vec<Field<'a>>> {
        let Data::List(items) = &self.value.data else {
            return Err(self.refuse("is not a list", "put it in brackets: [ … ]"));
        };
        let items = items.iter().enumerate().map(|(index, value)| Field {
            value,
            name: format!("{}[{index}]", self.name),
        });
        Ok(items.collect())
    }

    /// The items of a list that is not empty.
    pub fn list(&self) -> Result<Vec<Field<'a>>> {
        let items = self.items()?;
        match items.is_empty() {
            false => Ok(items),
            true => Err(self.refuse("is empty", "give at least one item")),
        }
    }

    /// A table with no keys but these.
    pub fn table(&self, whose: &str, keys: &[&str]) -> Result<Table<'a>> {
        match self.value.data {
            Data::Table(_) => Table::new(self.value, format!("{}.", self.name), whose, keys),
            _ => Err(self.refuse(
                "is not a table",
                format!("write {{ … }} with {}", keys.join(", ")),
            )),
        }
    }
}

/// What could have been meant by `word`, for the help of a message.
pub(super) fn choices(word: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .filter(|known| word.len() < 2 * known.len())
        .map(|known| (strsim::damerau_levenshtein(word, known), known))
        .filter(|(distance, known)| *distance <= known.len().max(3) / 3)
        .min_by_key(|(distance, _)| *distance);
    match (nearest, known) {
        (Some((_, nearest)), _) => format!("did you mean {nearest}?"),
        (None, []) => "there are none".to_string(),
        (None, _) => format!("it must be one of {}", known.join(", ")),
    }
}
