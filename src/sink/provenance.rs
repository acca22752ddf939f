//! Where numbers come from: what a table carries so that it can be traced back and made again.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::data::table::ColumnSpec;
use crate::error::{Error, Result};

/// Version of the layout of the JSON; it changes when a key is renamed, removed or changes its meaning.
pub const SCHEMA: u32 = 1;

/// The key under which the JSON stands in the metadata of a file.
pub const KEY: &str = "hyalo";

/// How a run came to its results.
///
/// It serialises with its keys in the order of the fields, and holds neither a clock nor a host name: the same run
/// gives the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Provenance {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Name of the program.
    pub program: &'static str,
    /// Version of the program.
    pub version: &'static str,
    /// The command: `virial`.
    pub command: String,
    /// Its arguments as they were used, defaults included.
    pub arguments: Value,
    /// What was read, in order.
    pub inputs: Vec<Input>,
    /// Unit system of the numbers: `lj`.
    pub units: String,
    /// Seed of the random numbers, if any were drawn.
    pub seed: Option<u64>,
    /// Whether this is all that was asked for; false after an interruption or for an input that ends early.
    pub complete: bool,
    /// What a reader of the numbers should know besides.
    pub notes: Vec<String>,
}

/// One input of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Its name as it was given: a path, or `-` for standard input.
    pub name: String,
    /// Its name in tables and figures, if it was given one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its format: `dump`.
    pub format: String,
    /// Its size in bytes after decompression, if the whole was read.
    pub bytes: Option<u64>,
    /// BLAKE3 of these bytes in hexadecimal, if they are the whole of the input.
    pub blake3: Option<String>,
    /// Number of frames that the results stand on.
    pub frames_used: u64,
    /// Which of the input's positions were used: `unwrapped`, `wrapped, with image flags`.
    pub positions: Option<String>,
}

/// Arguments as they are noted.
///
/// Errors: a path that is not UTF-8.
pub fn noted(arguments: &impl Serialize) -> Result<Value> {
    serde_json::to_value(arguments)
        .map_err(|error| Error::new(format!("cannot note the arguments: {error}")))
}

impl Provenance {
    /// A complete run of a command, so far without inputs, seed or notes.
    pub fn new(command: impl Into<String>, arguments: Value, units: impl Into<String>) -> Self {
        Provenance {
            schema: SCHEMA,
            program: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            command: command.into(),
            arguments,
            inputs: Vec::new(),
            units: units.into(),
            seed: None,
            complete: true,
            notes: Vec::new(),
        }
    }

    /// The JSON, on one line, that a table of this run carries: the run, then `table` and `columns`, each with its
    /// `name`, `type`, `dimension` and `meaning`.
    pub fn of_table(&self, table: &str, columns: &[ColumnSpec]) -> String {
        #[derive(Serialize)]
        struct OfTable<'a> {
            #[serde(flatten)]
            run: &'a Provenance,
            table: &'a str,
            columns: Vec<Column>,
        }
        #[derive(Serialize)]
        struct Column {
            name: &'static str,
            r#type: &'static str,
            dimension: &'static str,
            meaning: &'static str,
        }
        let columns = columns
            .iter()
            .map(|column| Column {
                name: column.name,
                r#type: column.kind.name(),
                dimension: column.dimension,
                meaning: column.meaning,
            })
            .collect();
        serde_json::to_string(&OfTable {
            run: self,
            table,
            columns,
        })
        .expect("text and numbers always serialise")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_every_key_in_its_order() {
        let mut provenance = Provenance::new("msd", serde_json::json!({"z": 1, "a": null}), "lj");
        provenance.inputs.push(Input {
            name: "-".into(),
            label: None,
            format: "extxyz".into(),
            bytes: Some(12),
            blake3: None,
            frames_used: 2,
            positions: Some("unwrapped".into()),
        });
        provenance.seed = Some(u64::MAX);
        provenance.complete = false;
        let columns = [ColumnSpec::real(
            "msd",
            "length^2",
            "mean \"squared\" displacement",
        )];
        assert_eq!(
            provenance.of_table("lags", &columns),
            concat!(
                r#"{"schema":1,"program":"hyalo","version":""#,
                env!("CARGO_PKG_VERSION"),
                r#"","command":"msd","arguments":{"z":1,"a":null},"#,
                r#""inputs":[{"name":"-","format":"extxyz","bytes":12,"blake3":null,"#,
                r#""frames_used":2,"positions":"unwrapped"}],"units":"lj","seed":18446744073709551615,"#,
                r#""complete":false,"notes":[],"table":"lags","columns":[{"name":"msd","type":"real","#,
                r#""dimension":"length^2","meaning":"mean \"squared\" displacement"}]}"#
            )
        );
    }
}
