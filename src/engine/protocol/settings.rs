//! What a protocol leaves open: its parameters, and the settings of the command line that change them and other keys.

use std::collections::HashSet;
use std::rc::Rc;

use super::parse::is_name;
use super::tree::{Data, Entry, Place, Value, choices};
use crate::error::Result;

/// The keys that a protocol has beside its version, parameters and stages.
const SCALARS: [&str; 4] = ["seed", "timestep", "format", "potential"];

/// Keys of which a table has one: a setting takes the place of the others.
const ALTERNATIVES: [&[&str]; 4] = [
    &["steps", "rate"],
    &["temperature", "temperatures"],
    &["random", "file", "run"],
    &["every", "every_temperature", "log_blocks"],
];

/// The most parts that the key of a setting has below its stage; `random.species.name` has three.
const DEEPEST_KEY: usize = 3;

/// Carries out the settings, then replaces every reference to a parameter by its value.
pub(super) fn resolve(document: &mut Value, settings: &[String]) -> Result<()> {
    check_parameters(document)?;
    let mut used = HashSet::new();
    references(document, &mut used);
    for (index, setting) in settings.iter().enumerate() {
        let is_rival = |other: &&String| is_same_or_part(key_of(setting), key_of(other));
        if let Some(other) = settings[..index].iter().find(is_rival) {
            return Err(Place::Setting(Rc::from(setting.as_str()))
                .error(format!("--set {other} sets it already"))
                .help("leave one of the two out"));
        }
        apply(setting, document)?;
    }
    let parameters = document.get("parameters").cloned();
    substitute(document, parameters.as_ref())?;
    check_use(parameters.as_ref(), &used)
}

/// The key of a `KEY=VALUE`.
fn key_of(setting: &str) -> &str {
    setting
        .split_once('=')
        .map_or(setting, |(key, _)| key)
        .trim()
}

/// Whether one of two keys is the other, or a part of what the other sets.
fn is_same_or_part(one: &str, other: &str) -> bool {
    let is_part = |part: &str, of: &str| {
        part.strip_prefix(of)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    is_part(one, other) || is_part(other, one)
}

/// A parameter has a name that can be told from the other keys, and a value that stands for itself.
fn check_parameters(document: &Value) -> Result<()> {
    let Some(value) = document.get("parameters") else {
        return Ok(());
    };
    let Data::Table(parameters) = &value.data else {
        return Err(value
            .place
            .error("parameters is not a table")
            .help("write [parameters] and name = value below it"));
    };
    for Entry { key, place, value } in parameters {
        if !is_name(key) || SCALARS.contains(&key.as_str()) {
            return Err(place
                .error(format!("a parameter cannot be called '{key}'"))
                .help(format!(
                    "use letters, digits, _ and -, and none of {}",
                    SCALARS.join(", ")
                )));
        }
        let mut inner = HashSet::new();
        references(value, &mut inner);
        if !inner.is_empty() {
            return Err(place
                .error(format!("the parameter {key} refers to another one"))
                .help("write its value"));
        }
    }
    Ok(())
}

/// Something uses each parameter.
fn check_use(parameters: Option<&Value>, used: &HashSet<String>) -> Result<()> {
    let entries = parameters.and_then(Value::as_table).unwrap_or_default();
    match entries.iter().find(|entry| !used.contains(&entry.key)) {
        None => Ok(()),
        Some(Entry { key, place, .. }) => Err(place
            .error(format!("nothing uses the parameter {key}"))
            .help(format!(
                "write \"${key}\" where its value belongs, or leave it out"
            ))),
    }
}

/// The parameter that a value stands for.
fn reference(value: &Value) -> Option<&str> {
    value.as_text()?.strip_prefix('$')
}

/// Collects the parameters that stand anywhere in a value.
fn references(value: &Value, found: &mut HashSet<String>) {
    found.extend(reference(value).map(str::to_string));
    match &value.data {
        Data::List(items) => items.iter().for_each(|item| references(item, found)),
        Data::Table(entries) => (entries.iter()).for_each(|entry| references(&entry.value, found)),
        _ => {}
    }
}

/// Puts the values of the parameters where they are referred to. They keep their own places: that is where they can be corrected.
fn substitute(value: &mut Value, parameters: Option<&Value>) -> Result<()> {
    if let Some(name) = reference(value) {
        let meant = parameters.and_then(|parameters| parameters.get(name));
        *value = meant.cloned().ok_or_else(|| {
            let known = keys_of(parameters);
            let error = value.place.error(format!("there is no parameter '{name}'"));
            error.help(choices(name, &known))
        })?;
        return Ok(());
    }
    match &mut value.data {
        Data::List(items) => items
            .iter_mut()
            .try_for_each(|item| substitute(item, parameters)),
        Data::Table(entries) => entries
            .iter_mut()
            .try_for_each(|entry| substitute(&mut entry.value, parameters)),
        _ => Ok(()),
    }
}

fn keys_of(table: Option<&Value>) -> Vec<&str> {
    let entries = table.and_then(Value::as_table).unwrap_or_default();
    entries.iter().map(|entry| entry.key.as_str()).collect()
}

/// Carries out one `KEY=VALUE`.
fn apply(setting: &str, document: &mut Value) -> Result<()> {
    let place = Place::Setting(Rc::from(setting));
    let (key, text) = setting.split_once('=').ok_or_else(|| {
        place
            .error("this is not KEY=VALUE")
            .help("write such as rate=1e-5 or cool.steps=50000")
    })?;
    let key = key.trim();
    let value = Value::of_setting(text.trim(), &place);
    let (first, rest) = match key.split_once('.') {
        Some((stage, rest)) => (stage, Some(rest)),
        None => (key, None),
    };
    let Some(rest) = rest else {
        let parameters = keys_of(document.get("parameters"));
        let is_parameter = parameters.contains(&key);
        if !is_parameter && !SCALARS.contains(&key) {
            let known: Vec<&str> = parameters.into_iter().chain(SCALARS).collect();
            return Err(place
                .error(format!("there is no parameter '{key}'"))
                .help(format!(
                    "{} (STAGE.KEY=VALUE changes a key of a stage)",
                    choices(key, &known)
                )));
        }
        let path: &[&str] = if is_parameter {
            &["parameters", key]
        } else {
            &[key]
        };
        return set(document, path, value);
    };
    let mut names = Vec::new();
    if let Some(Value {
        data: Data::List(stages),
        ..
    }) = document.get("stage")
    {
        names.extend(
            stages
                .iter()
                .map(|stage| stage.get("name").and_then(Value::as_text)),
        );
    }
    let Some(index) = names.iter().position(|name| *name == Some(first)) else {
        let known: Vec<&str> = names.into_iter().flatten().collect();
        return Err(place
            .error(format!("there is no stage '{first}'"))
            .help(choices(first, &known)));
    };
    let Data::Table(entries) = &mut document.data else {
        return Ok(());
    };
    let stages = entries.iter_mut().find(|entry| entry.key == "stage");
    match stages.map(|stages| &mut stages.value.data) {
        Some(Data::List(stages)) => {
            let path: Vec<&str> = rest.split('.').collect();
            if path.len() > DEEPEST_KEY {
                return Err(place
                    .error(format!("there is no key of {} parts", path.len()))
                    .help("write such as cool.trajectory.every=1000"));
            }
            set(&mut stages[index], &path, value)
        }
        _ => Ok(()),
    }
}

/// Sets what is at `path` below a table, making tables on the way.
fn set(table: &mut Value, path: &[&str], value: Value) -> Result<()> {
    let Some((key, rest)) = path.split_first() else {
        *table = value;
        return Ok(());
    };
    if let Data::List(_) = table.data {
        let error = value
            .place
            .error(format!("there is no key '{key}' in a list"));
        return Err(error.help("set the list as a whole"));
    }
    if !matches!(table.data, Data::Table(_)) {
        *table = Value {
            data: Data::Table(Vec::new()),
            place: value.place.clone(),
        };
    }
    let Data::Table(entries) = &mut table.data else {
        return Ok(());
    };
    for others in ALTERNATIVES.iter().filter(|group| group.contains(key)) {
        entries.retain(|entry| {
            let is_other = entry.key != **key && others.contains(&entry.key.as_str());
            !is_other || matches!(entry.place, Place::Setting(_))
        });
    }
    let index = match entries.iter().position(|entry| entry.key == **key) {
        Some(index) => index,
        None => {
            let place = value.place.clone();
            entries.push(Entry {
                key: key.to_string(),
                place: place.clone(),
                value: Value {
                    data: Data::Table(Vec::new()),
                    place,
                },
            });
            entries.len() - 1
        }
    };
    entries[index].place = value.place.clone();
    set(&mut entries[index].value, rest, value)
}
