//! Tables as files: Parquet, CSV, NDJSON and Arrow IPC. The only place that knows polars.

use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::panic;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use polars::io::{csv, ipc, json, parquet};
use polars::prelude::*;

use super::provenance::{self, Provenance};
use crate::data::table::{Cells, ColumnSpec, Kind, Rows};
use crate::error::{Error, Result, listed};

/// Rows of a Parquet row group or an Arrow batch: what is held in memory at most.
const ROWS_OF_A_GROUP: usize = 131_072;

/// Rows of CSV and NDJSON that are held back at most.
const ROWS_HELD_BACK: usize = 8_192;

/// Rows of CSV and NDJSON are held back no longer than that once another arrives.
const TIME_HELD_BACK: Duration = Duration::from_millis(200);

/// File format of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// Parquet: zstd, with the provenance in its key-value metadata.
    Parquet,
    /// Comma-separated values with a header; a missing value is an empty field, other reals are exact, `NaN`, `inf` or `-inf`.
    Csv,
    /// One JSON object a line; a missing value and a real that is not finite are `null`, other reals are exact.
    NdJson,
    /// Arrow IPC file, also known as Feather: zstd, with the provenance in the custom metadata of its footer.
    ArrowIpc,
}

impl TableFormat {
    /// Whether a file of this format carries the provenance of its numbers.
    pub fn carries_provenance(self) -> bool {
        matches!(self, TableFormat::Parquet | TableFormat::ArrowIpc)
    }

    /// Its name, which is also an ending.
    pub fn name(self) -> &'static str {
        match self {
            TableFormat::Parquet => "parquet",
            TableFormat::Csv => "csv",
            TableFormat::NdJson => "ndjson",
            TableFormat::ArrowIpc => "arrow",
        }
    }

    /// The format that the ending of a path stands for, in capitals or not.
    ///
    /// # Errors
    /// If it is none of the known ones.
    pub fn of_path(path: &Path) -> Result<Self> {
        Self::of_ending(path).ok_or_else(|| {
            Error::new(format!(
                "the ending of {} names no format of tables",
                path.display()
            ))
            .help("use .parquet (.pq), .csv, .ndjson (.jsonl) or .arrow (.feather, .ipc)")
        })
    }

    fn of_ending(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "parquet" | "pq" => Some(TableFormat::Parquet),
            "csv" => Some(TableFormat::Csv),
            "ndjson" | "jsonl" => Some(TableFormat::NdJson),
            "arrow" | "feather" | "ipc" => Some(TableFormat::ArrowIpc),
            _ => None,
        }
    }
}

/// Writes one table, batch by batch, in memory that does not grow with its length.
///
/// The bytes depend only on the rows, not on how they were cut into batches. CSV and NDJSON go out at once: at the
/// latest after 8192 rows, or with the first batch that comes 0.2 s after the last.
pub struct TableWriter<W: Write> {
    name: String,
    columns: Vec<ColumnSpec>,
    pending: Rows,
    encoder: Encoder<W>,
    output: Shared<W>,
    last_out: Instant,
}

enum Encoder<W: Write> {
    Parquet(Box<parquet::write::BatchedWriter<Shared<W>>>),
    Csv(csv::write::BatchedWriter<Shared<W>>),
    NdJson(json::BatchedWriter<Shared<W>>),
    ArrowIpc(ipc::BatchedWriter<Shared<W>>),
}

impl<W: Write> TableWriter<W> {
    /// Starts a table of that name with these columns.
    ///
    /// # Errors
    /// If the output can't be written.
    pub fn new(
        name: impl Into<String>,
        columns: Vec<ColumnSpec>,
        format: TableFormat,
        output: W,
    ) -> Result<Self> {
        let output = Shared::new(output);
        let started = Encoder::start(format, &columns, output.clone());
        Ok(TableWriter {
            name: name.into(),
            pending: empty_rows(&columns),
            columns,
            encoder: started.map_err(|e| output.error(e))?,
            output,
            last_out: Instant::now(),
        })
    }

    /// Appends rows: the table's columns, in order.
    ///
    /// Panics if their number, types or lengths are not those of the table: tables are declared, so that is a bug.
    ///
    /// # Errors
    /// If the output can't be written.
    pub fn write(&mut self, rows: Rows) -> Result<()> {
        assert_eq!(
            rows.len(),
            self.columns.len(),
            "columns of table {}",
            self.name
        );
        let length = rows.first().map_or(0, Cells::len);
        assert!(
            rows.iter().all(|cells| cells.len() == length),
            "the columns of table {} differ in length",
            self.name
        );
        for (pending, more) in self.pending.iter_mut().zip(rows) {
            pending.append(more);
        }
        let available = self.pending_rows();
        let mut out = 0;
        match self.encoder {
            Encoder::Parquet(_) | Encoder::ArrowIpc(_) => {
                while available - out >= ROWS_OF_A_GROUP {
                    self.emit(out..out + ROWS_OF_A_GROUP)?;
                    out += ROWS_OF_A_GROUP;
                }
            }
            Encoder::Csv(_) | Encoder::NdJson(_) => {
                if available >= ROWS_HELD_BACK
                    || available > 0 && self.last_out.elapsed() >= TIME_HELD_BACK
                {
                    self.emit(0..available)?;
                    self.output.flush().map_err(|e| self.output.error(e))?;
                    self.last_out = Instant::now();
                    out = available;
                }
            }
        }
        for pending in &mut self.pending {
            pending.remove_first(out);
        }
        Ok(())
    }

    /// Writes what is left, and the provenance where the format has a place for it; hands the output back, flushed.
    ///
    /// # Errors
    /// If the output can't be written.
    pub fn finish(mut self, provenance: &Provenance) -> Result<W> {
        if self.pending_rows() > 0 {
            self.emit(0..self.pending_rows())?;
        }
        let json = provenance.of_table(&self.name, &self.columns);
        let ended = self
            .encoder
            .end(vec![(provenance::KEY.to_string(), json)])
            .and_then(|()| Ok(self.output.flush()?));
        ended.map_err(|e| self.output.error(e))?;
        Ok(self.output.into_inner())
    }

    fn pending_rows(&self) -> usize {
        self.pending.first().map_or(0, Cells::len)
    }

    fn emit(&mut self, rows: Range<usize>) -> Result<()> {
        let columns = self.columns.iter().zip(&self.pending);
        let columns = columns.map(|(column, cells)| series(column.name, cells, rows.clone()));
        DataFrame::new(rows.len(), columns.collect())
            .and_then(|frame| self.encoder.write(&frame))
            .map_err(|e| self.output.error(e))
    }
}

impl<W: Write> Encoder<W> {
    /// All of them work in the calling thread: how many threads run is the user's choice.
    fn start(format: TableFormat, columns: &[ColumnSpec], output: Shared<W>) -> PolarsResult<Self> {
        let schema = Schema::from_iter(columns.iter().map(|column| {
            let dtype = match column.kind {
                Kind::Integer => DataType::Int64,
                Kind::Real => DataType::Float64,
                Kind::Boolean => DataType::Boolean,
                Kind::Text => DataType::String,
            };
            Field::new(column.name.into(), dtype)
        }));
        Ok(match format {
            TableFormat::Parquet => {
                let writer = ParquetWriter::new(output).set_parallel(false);
                Encoder::Parquet(Box::new(writer.batched(&schema)?))
            }
            TableFormat::Csv => Encoder::Csv(CsvWriter::new(output).n_threads(1).batched(&schema)?),
            TableFormat::NdJson => Encoder::NdJson(json::BatchedWriter::new(output)),
            TableFormat::ArrowIpc => Encoder::ArrowIpc(
                IpcWriter::new(output)
                    // Text as every reader of Arrow knows it, not as the views that polars prefers.
                    .with_compat_level(CompatLevel::oldest())
                    .with_compression(Some(IpcCompression::default()))
                    .with_parallel(false)
                    .batched(&schema, vec![Default::default(); columns.len()])?,
            ),
        })
    }

    fn write(&mut self, frame: &DataFrame) -> PolarsResult<()> {
        match self {
            Encoder::Parquet(writer) => writer.write_batch(frame),
            Encoder::Csv(writer) => writer.write_batch(frame),
            Encoder::NdJson(writer) => writer.write_batch(frame),
            Encoder::ArrowIpc(writer) => writer.write_batch(frame),
        }
    }

    /// Consumes the encoder, and with it its hold on the output.
    fn end(self, metadata: Vec<(String, String)>) -> PolarsResult<()> {
        match self {
            Encoder::Parquet(writer) => {
                // Without `ARROW:schema`, in which polars would declare its views: Parquet's own types say it all.
                let metadata = KeyValueMetadata::from_static(metadata)
                    .collect(ParquetMetadataContext { arrow_schema: "" })?;
                let mut file = writer.get_writer().lock().expect("no writer panicked");
                file.end(Some(metadata)).map(drop)
            }
            Encoder::Csv(mut writer) => writer.finish(),
            Encoder::NdJson(_) => Ok(()),
            Encoder::ArrowIpc(mut writer) => {
                writer.set_custom_metadata(metadata);
                writer.finish()
            }
        }
    }
}

fn empty_rows(columns: &[ColumnSpec]) -> Rows {
    let columns = columns.iter();
    columns.map(|column| Cells::empty(column.kind)).collect()
}

fn series(name: &str, cells: &Cells, rows: Range<usize>) -> Column {
    let name = PlSmallStr::from(name);
    match cells {
        Cells::Integer(values) => Column::new(name, &values[rows]),
        Cells::Real(values) => Column::new(name, &values[rows]),
        Cells::Boolean(values) => Column::new(name, &values[rows]),
        Cells::Text(values) => {
            let values: Vec<Option<&str>> = values[rows].iter().map(Option::as_deref).collect();
            Column::new(name, values)
        }
    }
}

/// An output that the encoder writes to and that is handed back at the end.
///
/// It keeps its first failure, because the encoders don't: they turn it into text.
struct Shared<W>(Arc<Mutex<Output<W>>>);

struct Output<W> {
    writer: W,
    failure: Option<io::Error>,
}

impl<W> Shared<W> {
    fn new(writer: W) -> Self {
        Shared(Arc::new(Mutex::new(Output {
            writer,
            failure: None,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Output<W>> {
        self.0.lock().expect("no writer panicked")
    }

    /// The failure behind what the encoder says.
    fn error(&self, said: impl std::fmt::Display) -> Error {
        match self.lock().failure.take() {
            Some(failure) => Error::from(failure),
            None => Error::new(format!("cannot write the table: {}", first_line(said))),
        }
    }

    fn into_inner(self) -> W {
        let output = Arc::into_inner(self.0).expect("the encoder has ended");
        output.into_inner().expect("no writer panicked").writer
    }
}

impl<W> Clone for Shared<W> {
    fn clone(&self) -> Self {
        Shared(self.0.clone())
    }
}

impl<W: Write> Shared<W> {
    fn attempt<T>(&self, action: impl FnOnce(&mut W) -> io::Result<T>) -> io::Result<T> {
        let mut output = self.lock();
        action(&mut output.writer).map_err(|failure| {
            let kind = failure.kind();
            if kind != io::ErrorKind::Interrupted {
                output.failure.get_or_insert(failure);
            }
            kind.into()
        })
    }
}

impl<W: Write> Write for Shared<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.attempt(|writer| writer.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt(W::flush)
    }
}

/// Reads columns of numbers from a table: [`Cells::Integer`] where all values are whole, else [`Cells::Real`].
///
/// Each is asked for by the names it may go under, of which the table has one. The ending of the
/// path tells Parquet, NDJSON and Arrow IPC; anything else is text, whose columns are separated by commas or, if there
/// are none in its header, by white space. Its header is the first line, unless that holds nothing but numbers: then it
/// is the last of the lines above that start with `#`. Missing values are empty fields or `null`.
///
/// # Errors
/// If the file can't be read, has no such column or two, or if something in the column is no number; the message names the
/// columns there are, or the line (in text) or row (elsewhere, counted from 1).
pub fn read_columns(path: &Path, wanted: &[&[&str]]) -> Result<Vec<Cells>> {
    let read = match TableFormat::of_ending(path) {
        Some(TableFormat::Csv) | None => read_text(path, wanted),
        Some(format) => guarded(|| read_frame(path, format, wanted)),
    };
    read.map_err(|e| in_table(path, e))
}

/// Names of a table's columns, in order; formats as in [`read_columns`].
pub fn column_names(path: &Path) -> Result<Vec<String>> {
    let read = match TableFormat::of_ending(path) {
        Some(TableFormat::Csv) | None => fs::read_to_string(path)
            .map_err(Error::from)
            .and_then(|text| Ok(TextTable::new(&text)?.owned_names())),
        Some(format) => guarded(|| frame_names(path, format)),
    };
    read.map_err(|e| in_table(path, e))
}

/// Reads a column of text; formats as in [`read_columns`].
///
/// # Errors
/// If the file can't be read, or has no such column.
pub fn read_texts(path: &Path, name: &str) -> Result<Vec<Option<Arc<str>>>> {
    let read = match TableFormat::of_ending(path) {
        Some(TableFormat::Csv) | None => text_column(path, name),
        Some(format) => guarded(|| frame_texts(path, format, name)),
    };
    read.map_err(|e| in_table(path, e))
}

const WRITE_AGAIN: &str = "write the table again";
const NUMBERS: &str = "write numbers there";

fn in_table(path: &Path, error: Error) -> Error {
    let help = match path.exists() {
        true => {
            "correct it, or give another table: Parquet, Arrow, NDJSON, or CSV with a line of names"
        }
        false => "check the path",
    };
    error.or_help(help).in_input(path.display().to_string())
}

/// Damaged files make polars panic now and then, on threads of its own, too; what it would say of that goes nowhere.
fn guarded<T>(read: impl FnOnce() -> Result<T> + panic::UnwindSafe) -> Result<T> {
    // The hook is the process's: two at once could leave the silent one behind.
    static ONE_BY_ONE: Mutex<()> = Mutex::new(());
    let _alone = ONE_BY_ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let report = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let outcome = panic::catch_unwind(read);
    panic::set_hook(report);
    outcome.unwrap_or_else(|_| {
        let what = "cannot read it: it is damaged or too unusual";
        Err(Error::new(what).help(WRITE_AGAIN))
    })
}

/// A table of text: the names of its columns, and the lines below with their numbers.
struct TextTable<'a> {
    names: Vec<&'a str>,
    with_commas: bool,
    lines: Vec<(u64, &'a str)>,
}

impl<'a> TextTable<'a> {
    fn new(text: &'a str) -> Result<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = (1..).zip(text.lines().map(str::trim)).peekable();
        let mut comment = None;
        while let Some((_, line)) =
            lines.next_if(|(_, line)| line.is_empty() || line.starts_with('#'))
        {
            comment = line.strip_prefix('#').or(comment);
        }
        let is_number = |field: &str| field.parse::<f64>().is_ok();
        let header = match lines.peek() {
            Some((_, line)) if fields(line, line.contains(',')).into_iter().all(is_number) => {
                comment
            }
            Some(_) => lines.next().map(|(_, line)| line),
            None => comment,
        };
        let header = header.ok_or_else(|| {
            Error::new("there is no line with the names of the columns")
                .help("begin with one, such as step,temperature")
                .at_line(1)
        })?;
        let with_commas = header.contains(',');
        Ok(TextTable {
            names: fields(header, with_commas),
            with_commas,
            lines: lines
                .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
                .collect(),
        })
    }

    fn owned_names(&self) -> Vec<String> {
        self.names.iter().map(|name| name.to_string()).collect()
    }

    /// The fields of the chosen columns; `None` where a field is empty.
    fn columns(&self, chosen: &[usize]) -> Result<Vec<Vec<Option<&'a str>>>> {
        let mut columns = vec![Vec::new(); chosen.len()];
        for &(place, line) in &self.lines {
            let fields = fields(line, self.with_commas);
            if fields.len() != self.names.len() {
                let (needed, found) = (self.names.len(), fields.len());
                let what = format!("expected {needed} values, found {found}");
                return Err(Error::new(what).help("correct the line").at_line(place));
            }
            for (column, &index) in columns.iter_mut().zip(chosen) {
                column.push(Some(fields[index]).filter(|field| !field.is_empty()));
            }
        }
        Ok(columns)
    }
}

fn read_text(path: &Path, wanted: &[&[&str]]) -> Result<Vec<Cells>> {
    text_columns(&fs::read_to_string(path)?, wanted)
}

/// What [`read_columns`] makes of the text of a table.
///
/// # Errors
/// As there, without the path.
pub fn text_columns(text: &str, wanted: &[&[&str]]) -> Result<Vec<Cells>> {
    let table = TextTable::new(text)?;
    let chosen = choose(&table.names, wanted)?;
    let columns = table.columns(&chosen)?;
    chosen
        .iter()
        .zip(columns)
        .map(|(&index, values)| {
            numbers(&values).map_err(|row| {
                let (value, name) = (values[row].unwrap_or_default(), table.names[index]);
                Error::new(format!("`{value}` under {name} is not a number"))
                    .help("correct the line")
                    .at_line(table.lines[row].0)
            })
        })
        .collect()
}

fn text_column(path: &Path, name: &str) -> Result<Vec<Option<Arc<str>>>> {
    let text = fs::read_to_string(path)?;
    let table = TextTable::new(&text)?;
    let chosen = choose(&table.names, &[&[name]])?;
    let mut columns = table.columns(&chosen)?;
    Ok(columns
        .remove(0)
        .into_iter()
        // A double quote inside quotes is written twice.
        .map(|text| text.map(|text| text.replace("\"\"", "\"").into()))
        .collect())
}

/// The fields of a line of text; commas inside double quotes don't separate.
fn fields(line: &str, with_commas: bool) -> Vec<&str> {
    if !with_commas {
        return line.split_ascii_whitespace().collect();
    }
    let mut quoted = false;
    line.split(|character| {
        quoted ^= character == '"';
        character == ',' && !quoted
    })
    .map(|field| {
        let field = field.trim();
        let inside = field.strip_prefix('"');
        let inside = inside.and_then(|field| field.strip_suffix('"'));
        inside.map_or(field, str::trim)
    })
    .collect()
}

/// For each column that is wanted, where it is among those that are there.
fn choose(names: &[&str], wanted: &[&[&str]]) -> Result<Vec<usize>> {
    wanted
        .iter()
        .map(|spellings| {
            let mut places = (0..names.len()).filter(|&place| spellings.contains(&names[place]));
            match (places.next(), places.next()) {
                (None, _) => {
                    let known = listed(names.iter().copied(), ", ");
                    let what = format!("there is no column {}", spellings.join(" or "));
                    Err(Error::new(what).help(format!("its columns are {known}")))
                }
                (Some(place), None) => Ok(place),
                (Some(one), Some(other)) => {
                    let what =
                        format!("there are two columns, {} and {}", names[one], names[other]);
                    Err(Error::new(what).help("leave one out"))
                }
            }
        })
        .collect()
}

/// What the texts say in numbers, or the first row that says none.
fn numbers(texts: &[Option<&str>]) -> std::result::Result<Cells, usize> {
    let whole = texts.iter().map(|text| text.map(str::parse).transpose());
    if let Ok(values) = whole.collect() {
        return Ok(Cells::Integer(values));
    }
    let real = texts.iter().map(|text| text.map(str::parse).transpose());
    let real = real.enumerate().map(|(row, value)| value.map_err(|_| row));
    Ok(Cells::Real(real.collect::<std::result::Result<_, _>>()?))
}

fn read_frame(path: &Path, format: TableFormat, wanted: &[&[&str]]) -> Result<Vec<Cells>> {
    let file = File::open(path)?;
    let (names, frame) = match format {
        TableFormat::Parquet => {
            let mut reader = ParquetReader::new(file);
            let names = choose_numbers(&*reader.schema().map_err(unreadable)?, wanted)?;
            (names.clone(), reader.with_columns(Some(names)).finish())
        }
        TableFormat::ArrowIpc => {
            let mut reader = IpcReader::new(file);
            let names = choose_numbers(&*reader.schema().map_err(unreadable)?, wanted)?;
            (names.clone(), reader.with_columns(Some(names)).finish())
        }
        TableFormat::NdJson => {
            let frame = json_lines(file)?;
            let names = frame.get_column_names_owned();
            let names: Vec<&str> = names.iter().map(PlSmallStr::as_str).collect();
            let chosen = choose(&names, wanted)?.into_iter();
            (chosen.map(|index| names[index].into()).collect(), Ok(frame))
        }
        TableFormat::Csv => unreachable!("CSV is read as text"),
    };
    let frame = frame.map_err(unreadable)?;
    let columns = names.iter().map(|name| frame.column(name));
    columns
        .map(|column| column_numbers(column.map_err(unreadable)?))
        .collect()
}

fn frame_names(path: &Path, format: TableFormat) -> Result<Vec<String>> {
    let file = File::open(path)?;
    let of_schema =
        |schema: &ArrowSchema| schema.iter_names().map(|name| name.to_string()).collect();
    Ok(match format {
        TableFormat::Parquet => of_schema(&*ParquetReader::new(file).schema().map_err(unreadable)?),
        TableFormat::ArrowIpc => of_schema(&*IpcReader::new(file).schema().map_err(unreadable)?),
        TableFormat::NdJson => {
            let names = json_lines(file)?.get_column_names_owned();
            names.iter().map(|name| name.to_string()).collect()
        }
        TableFormat::Csv => unreachable!("CSV is read as text"),
    })
}

fn frame_texts(path: &Path, format: TableFormat, name: &str) -> Result<Vec<Option<Arc<str>>>> {
    let file = File::open(path)?;
    let only = Some(vec![name.to_string()]);
    let frame = match format {
        TableFormat::Parquet => ParquetReader::new(file).with_columns(only).finish(),
        TableFormat::ArrowIpc => IpcReader::new(file).with_columns(only).finish(),
        TableFormat::NdJson => Ok(json_lines(file)?),
        TableFormat::Csv => unreachable!("CSV is read as text"),
    };
    let frame = frame.map_err(unreadable)?;
    let column = frame.column(name).map_err(unreadable)?;
    let texts = column.str().map_err(|_| {
        Error::new(format!("column {name} holds {}, not text", column.dtype()))
            .help("write text there")
    })?;
    // Rows that say the same share it.
    let mut last: Option<Arc<str>> = None;
    let mut shared = |text: &str| {
        let again = last.take().filter(|last| **last == *text);
        last = Some(again.unwrap_or_else(|| Arc::from(text)));
        last.clone()
    };
    Ok(texts
        .iter()
        .map(|text| text.and_then(&mut shared))
        .collect())
}

fn json_lines(file: File) -> Result<DataFrame> {
    let reader = JsonReader::new(file).with_json_format(JsonFormat::JsonLines);
    reader.infer_schema_len(None).finish().map_err(unreadable)
}

/// The names of the columns that are wanted; polars panics on types that it was built without.
fn choose_numbers(schema: &ArrowSchema, wanted: &[&[&str]]) -> Result<Vec<String>> {
    use polars::datatypes::ArrowDataType as Type;
    let (names, fields): (Vec<&str>, Vec<_>) = schema
        .iter()
        .map(|(name, field)| (name.as_str(), field))
        .unzip();
    let choose_number = |index: usize| match fields[index].dtype() {
        Type::Int32 | Type::Int64 | Type::UInt32 | Type::UInt64 => Ok(names[index].to_string()),
        Type::Float32 | Type::Float64 | Type::Null => Ok(names[index].to_string()),
        other => Err(Error::new(format!(
            "column {} holds {other:?}, not 32-bit or 64-bit numbers",
            names[index]
        ))
        .help(NUMBERS)),
    };
    choose(&names, wanted)?
        .into_iter()
        .map(choose_number)
        .collect()
}

fn column_numbers(column: &Column) -> Result<Cells> {
    let name = column.name();
    match column.dtype() {
        DataType::String => {
            let texts: Vec<_> = column.str().map_err(unreadable)?.iter().collect();
            numbers(&texts).map_err(|row| {
                let value = texts[row].unwrap_or_default();
                Error::new(format!(
                    "`{value}` in row {} under {name} is not a number",
                    row + 1
                ))
                .help(NUMBERS)
            })
        }
        dtype if dtype.is_integer() => {
            let whole = column.strict_cast(&DataType::Int64).map_err(unreadable)?;
            Ok(Cells::Integer(whole.i64().map_err(unreadable)?.to_vec()))
        }
        dtype if dtype.is_float() || dtype.is_null() => {
            let real = column.strict_cast(&DataType::Float64).map_err(unreadable)?;
            Ok(Cells::Real(real.f64().map_err(unreadable)?.to_vec()))
        }
        dtype => Err(Error::new(format!("column {name} holds {dtype}, not numbers")).help(NUMBERS)),
    }
}

fn unreadable(said: PolarsError) -> Error {
    Error::new(format!("cannot read it: {}", first_line(said))).help(WRITE_AGAIN)
}

/// Messages of polars may go on for paragraphs.
fn first_line(message: impl std::fmt::Display) -> String {
    let message = message.to_string();
    message.lines().next().unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::error;

    const FORMATS: [(TableFormat, &str); 4] = [
        (TableFormat::Parquet, "parquet"),
        (TableFormat::Csv, "csv"),
        (TableFormat::NdJson, "ndjson"),
        (TableFormat::ArrowIpc, "arrow"),
    ];

    const AWKWARD: [f64; 14] = [
        0.1,
        -0.0,
        0.0,
        1e-300,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        9007199254740994.0,
        1.0 / 3.0,
        -2.5,
        1e16,
        123456.0,
        std::f64::consts::PI,
    ];

    fn column(name: &'static str, kind: Kind) -> ColumnSpec {
        ColumnSpec {
            name,
            kind,
            dimension: "1",
            meaning: "for the test",
        }
    }

    fn columns() -> Vec<ColumnSpec> {
        vec![
            column("id", Kind::Integer),
            column("value", Kind::Real),
            column("is_good", Kind::Boolean),
            column("species", Kind::Text),
        ]
    }

    fn provenance() -> Provenance {
        Provenance::new("test", serde_json::json!({"bins": 10}), "lj")
    }

    /// Rows with all that is awkward: limits, missing values, text with quotes and line ends.
    fn awkward_rows() -> Rows {
        let texts = [
            "A",
            "a,b",
            "with \"quotes\"",
            "two\nlines",
            "",
            "Ünïcødé σ",
            " 1 ",
        ];
        let rows = AWKWARD.len() as i64;
        let mut id: Vec<_> = (0..rows).map(|row| Some(i64::MAX - row)).collect();
        let mut value: Vec<_> = AWKWARD.map(Some).to_vec();
        let mut good: Vec<_> = (0..rows).map(|row| Some(row % 3 == 0)).collect();
        let texts = texts.iter().cycle().take(AWKWARD.len());
        let mut species: Vec<_> = texts.map(|&text| Some(Arc::from(text))).collect();
        id.extend([Some(i64::MIN), None, Some(0)]);
        value.extend([None, Some(1.5), Some(2.0)]);
        good.extend([Some(true), Some(false), None]);
        species.extend([Some("B".into()), None, Some("B".into())]);
        vec![id.into(), value.into(), good.into(), species.into()]
    }

    /// A long table whose values have no pattern that a codec could use.
    fn long_rows(rows: Range<i64>) -> Rows {
        let values = rows
            .clone()
            .map(|row| (row % 11 != 0).then(|| (row as f64).sin()));
        let good: Vec<bool> = rows.clone().map(|row| row % 7 < 3).collect();
        let species: [Arc<str>; 2] = ["A".into(), "B".into()];
        let species = rows.clone().map(|row| species[(row % 2) as usize].clone());
        vec![
            rows.collect::<Vec<i64>>().into(),
            values.collect::<Vec<_>>().into(),
            good.into(),
            species.collect::<Vec<Arc<str>>>().into(),
        ]
    }

    fn write(format: TableFormat, batches: impl IntoIterator<Item = Rows>) -> Vec<u8> {
        let mut writer = TableWriter::new("tests", columns(), format, Vec::new()).unwrap();
        for rows in batches {
            writer.write(rows).unwrap();
        }
        writer.finish(&provenance()).unwrap()
    }

    fn read(format: TableFormat, bytes: Vec<u8>) -> DataFrame {
        let bytes = Cursor::new(bytes);
        match format {
            TableFormat::Parquet => ParquetReader::new(bytes).finish(),
            TableFormat::ArrowIpc => IpcReader::new(bytes).finish(),
            TableFormat::NdJson => JsonReader::new(bytes)
                .with_json_format(JsonFormat::JsonLines)
                .finish(),
            TableFormat::Csv => CsvReadOptions::default()
                .into_reader_with_file_handle(bytes)
                .finish(),
        }
        .unwrap()
    }

    fn cells(frame: &DataFrame) -> Rows {
        let texts = frame.column("species").unwrap().str().unwrap();
        vec![
            Cells::Integer(frame.column("id").unwrap().i64().unwrap().to_vec()),
            Cells::Real(frame.column("value").unwrap().f64().unwrap().to_vec()),
            Cells::Boolean(
                frame
                    .column("is_good")
                    .unwrap()
                    .bool()
                    .unwrap()
                    .iter()
                    .collect(),
            ),
            Cells::Text(texts.iter().map(|text| text.map(Arc::from)).collect()),
        ]
    }

    /// Reals as bits, so that zeros keep their sign and NaN equals itself.
    fn bits(cells: &Cells) -> Vec<Option<u64>> {
        match cells {
            Cells::Real(values) => values.iter().map(|value| value.map(f64::to_bits)).collect(),
            _ => panic!("not real"),
        }
    }

    #[test]
    fn every_value_comes_back_exactly_in_every_format() {
        for (format, _) in FORMATS {
            let frame = read(format, write(format, [awkward_rows()]));
            let found = cells(&frame);
            assert_eq!(found, awkward_rows(), "{format:?}");
            assert_eq!(bits(&found[1]), bits(&awkward_rows()[1]), "{format:?}");
            let names = frame.get_column_names();
            assert_eq!(names, ["id", "value", "is_good", "species"]);
        }
    }

    #[test]
    fn reals_that_are_not_finite_stay_where_the_format_can_say_them() {
        let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        let rows = || -> Rows {
            vec![
                vec![1_i64, 2, 3].into(),
                values.to_vec().into(),
                vec![true; 3].into(),
                vec![Arc::from("A"); 3].into(),
            ]
        };
        for (format, _) in FORMATS {
            let bytes = write(format, [rows()]);
            if format == TableFormat::NdJson {
                let text = String::from_utf8(bytes).unwrap();
                assert_eq!(text.matches(r#""value":null"#).count(), 3);
                continue;
            }
            let found = cells(&read(format, bytes));
            assert_eq!(bits(&found[1]), bits(&rows()[1]), "{format:?}");
        }
    }

    #[test]
    fn text_formats_look_like_this() {
        let rows = || -> Rows {
            vec![
                vec![Some(7_i64), None].into(),
                vec![None, Some(0.1)].into(),
                vec![Some(true), None].into(),
                vec![None, Some(Arc::from("a,\"b"))].into(),
            ]
        };
        assert_eq!(
            String::from_utf8(write(TableFormat::Csv, [rows()])).unwrap(),
            "id,value,is_good,species\n7,,true,\n,0.1,,\"a,\"\"b\"\n"
        );
        assert_eq!(
            String::from_utf8(write(TableFormat::NdJson, [rows()])).unwrap(),
            concat!(
                r#"{"id":7,"value":null,"is_good":true,"species":null}"#,
                "\n",
                r#"{"id":null,"value":0.1,"is_good":null,"species":"a,\"b"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_table_without_rows_still_has_its_columns() {
        assert_eq!(write(TableFormat::Csv, []), b"id,value,is_good,species\n");
        assert_eq!(write(TableFormat::NdJson, []), b"");
        for format in [TableFormat::Parquet, TableFormat::ArrowIpc] {
            let frame = read(format, write(format, []));
            assert_eq!(cells(&frame), empty_rows(&columns()), "{format:?}");
        }
    }

    #[test]
    fn bytes_do_not_depend_on_how_rows_were_cut() {
        let rows = 300_000;
        for (format, _) in FORMATS {
            let whole = write(format, [long_rows(0..rows)]);
            let step = 7_919;
            let pieces = (0..rows).step_by(step as usize);
            let pieces = pieces.map(|start| long_rows(start..(start + step).min(rows)));
            assert!(whole == write(format, pieces), "{format:?}");
            assert_eq!(
                cells(&read(format, whole)),
                long_rows(0..rows),
                "{format:?}"
            );
        }
    }

    #[test]
    fn parquet_has_row_groups_statistics_and_plain_types() {
        let bytes = write(TableFormat::Parquet, [long_rows(0..300_000)]);
        let mut reader = ParquetReader::new(Cursor::new(bytes));
        let metadata = reader.get_metadata().unwrap();
        let groups: Vec<usize> = metadata
            .row_groups
            .iter()
            .map(|group| group.num_rows())
            .collect();
        assert_eq!(groups, [131_072, 131_072, 300_000 - 2 * 131_072]);
        for chunk in metadata.row_groups[1].parquet_columns() {
            let statistics = chunk
                .statistics(&metadata.footer_buf)
                .expect("statistics")
                .unwrap();
            assert!(statistics.null_count().is_some());
            let codec = format!("{:?}", chunk.compression());
            assert_eq!(codec, "Zstd");
        }
        let pairs = metadata.key_value_metadata().as_ref().unwrap();
        assert_eq!(pairs.len(), 1);
        assert_eq!(pairs[0].key, "hyalo");
        assert_eq!(
            pairs[0].value.as_deref(),
            Some(provenance().of_table("tests", &columns()).as_str())
        );
    }

    #[test]
    fn arrow_has_the_provenance_and_plain_text() {
        let bytes = write(TableFormat::ArrowIpc, [awkward_rows()]);
        let json = provenance().of_table("tests", &columns());
        assert!(
            bytes
                .windows(json.len())
                .any(|window| window == json.as_bytes())
        );
        let schema = IpcReader::new(Cursor::new(bytes)).schema().unwrap();
        let species = schema.get("species").unwrap();
        assert_eq!(
            species.dtype(),
            &polars::datatypes::ArrowDataType::LargeUtf8
        );
        assert!(species.is_nullable);
    }

    /// Takes some bytes, then fails.
    struct Failing {
        room: usize,
        kind: io::ErrorKind,
    }

    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.room == 0 {
                return Err(io::Error::new(self.kind, "no more"));
            }
            let taken = bytes.len().min(self.room);
            self.room -= taken;
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn failures_of_the_output_keep_their_kind_and_words() {
        for (format, _) in FORMATS {
            for room in [0, 10, 600] {
                for (kind, expected) in [
                    (io::ErrorKind::BrokenPipe, error::Kind::ClosedPipe),
                    (io::ErrorKind::StorageFull, error::Kind::CannotRun),
                ] {
                    let output = Failing { room, kind };
                    let error = TableWriter::new("tests", columns(), format, output)
                        .and_then(|mut writer| {
                            writer.write(long_rows(0..1000))?;
                            writer.finish(&provenance())
                        })
                        .err()
                        .expect("there is no room");
                    assert_eq!(error.kind(), expected, "{format:?} {room}");
                    assert_eq!(error.to_string(), "no more", "{format:?} {room}");
                }
            }
        }
    }

    #[test]
    fn rows_of_text_formats_do_not_wait_for_the_end() {
        for format in [TableFormat::Csv, TableFormat::NdJson] {
            let mut writer = TableWriter::new("tests", columns(), format, Vec::new()).unwrap();
            writer.write(long_rows(0..8191)).unwrap();
            writer.write(long_rows(8191..8192)).unwrap();
            let lines = |writer: &TableWriter<Vec<u8>>| {
                let output = writer.output.lock();
                output.writer.iter().filter(|&&byte| byte == b'\n').count()
            };
            let header = usize::from(format == TableFormat::Csv);
            assert_eq!(lines(&writer), 8192 + header);
            writer.last_out -= TIME_HELD_BACK;
            writer.write(long_rows(8192..8193)).unwrap();
            assert_eq!(lines(&writer), 8193 + header);
        }
    }

    #[test]
    #[should_panic(expected = "differ in length")]
    fn ragged_rows_are_a_bug() {
        let mut rows = long_rows(0..3);
        rows[1] = vec![1.0].into();
        write(TableFormat::Csv, [rows]);
    }

    #[test]
    fn endings_choose_the_format() {
        let format = |path: &str| TableFormat::of_path(Path::new(path)).ok();
        for (format_of, ending) in FORMATS {
            assert_eq!(format(&format!("a.b/c.{ending}")), Some(format_of));
        }
        assert_eq!(format("x.PQ"), Some(TableFormat::Parquet));
        assert_eq!(format("x.jsonl"), Some(TableFormat::NdJson));
        assert_eq!(format("x.feather"), Some(TableFormat::ArrowIpc));
        assert_eq!(format("csv"), None);
        assert_eq!(
            TableFormat::of_path(Path::new("x.dat"))
                .unwrap_err()
                .to_string(),
            "the ending of x.dat names no format of tables; \
             use .parquet (.pq), .csv, .ndjson (.jsonl) or .arrow (.feather, .ipc)"
        );
    }

    /// What `read_columns` makes of a file of that name and content, with the folder's name left out of errors.
    fn read_back(
        name: &str,
        content: &[u8],
        wanted: &[&[&str]],
    ) -> std::result::Result<Rows, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        let place = format!("{}/", folder.path().display());
        let told = read_columns(&path, wanted).map_err(|e| e.to_string().replace(&place, ""));
        told.map_err(
            |told| match told.split_once("; correct it, or give another table") {
                Some((what, _)) => what.to_string(),
                None => {
                    assert!(told.contains("; "), "what to do: {told}");
                    told
                }
            },
        )
    }

    #[test]
    fn columns_are_read_from_every_format() {
        for (format, ending) in FORMATS {
            // Text with line ends is for tables that we write, not for those that we read numbers from.
            let rows: Rows = vec![
                vec![Some(i64::MAX), None, Some(-1)].into(),
                vec![Some(0.1), Some(5e-324), None].into(),
                vec![true, false, true].into(),
                vec![Arc::from("a,b"), Arc::from("A"), Arc::from("\u{e9}")].into(),
            ];
            let name = format!("table.{ending}");
            let bytes = write(format, [rows.clone()]);
            let found = read_back(&name, &bytes, &[&["mass", "value"], &["id"]]).unwrap();
            assert_eq!(found, [rows[1].clone(), rows[0].clone()], "{format:?}");

            let missing = read_back(&name, &bytes, &[&["id"], &["step", "Step"]]);
            assert_eq!(
                missing.unwrap_err(),
                format!(
                    "{name}: there is no column step or Step; its columns are id, value, is_good, species"
                )
            );
            for (column, value) in [("species", "a,b"), ("is_good", "true")] {
                let message = read_back(&name, &bytes, &[&[column]]).unwrap_err();
                let problem = match (format, column) {
                    (TableFormat::Csv, _) => {
                        format!(
                            "line 2: `{value}` under {column} is not a number; correct the line"
                        )
                    }
                    (TableFormat::NdJson, "species") => {
                        format!(
                            "`{value}` in row 1 under {column} is not a number; write numbers there"
                        )
                    }
                    (TableFormat::NdJson, _) => {
                        "column is_good holds bool, not numbers; write numbers there".into()
                    }
                    (_, column) => {
                        let kind = match (format, column) {
                            (_, "is_good") => "Boolean",
                            (TableFormat::Parquet, _) => "Utf8View",
                            _ => "LargeUtf8",
                        };
                        format!(
                            "column {column} holds {kind}, not 32-bit or 64-bit numbers; write numbers there"
                        )
                    }
                };
                assert_eq!(message, format!("{name}: {problem}"));
            }
        }
    }

    #[test]
    fn texts_and_names_are_read_from_every_format() {
        for (format, ending) in FORMATS {
            let texts: Vec<Option<Arc<str>>> = vec![Some("a,b".into()), Some("5\" A".into()), None];
            let rows: Rows = vec![
                vec![1_i64, 2, 3].into(),
                vec![0.1, 0.2, 0.3].into(),
                vec![true, false, true].into(),
                texts.clone().into(),
            ];
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(format!("table.{ending}"));
            fs::write(&path, write(format, [rows])).unwrap();
            let names = column_names(&path).unwrap();
            assert_eq!(names, ["id", "value", "is_good", "species"], "{format:?}");
            assert_eq!(read_texts(&path, "species").unwrap(), texts, "{format:?}");
            let missing = read_texts(&path, "label").unwrap_err().to_string();
            assert!(missing.contains("label"), "{missing}");
            if format != TableFormat::Csv {
                let message = read_texts(&path, "value").unwrap_err().to_string();
                assert!(message.contains("not text"), "{message}");
            }
        }
    }

    #[test]
    fn text_tables_are_read_as_they_come() {
        let wanted: &[&[&str]] = &[&["step", "Step"], &["temperature", "Temp"]];
        let expected: Rows = vec![vec![0_i64, 1000].into(), vec![0.2, 0.118].into()];
        for text in [
            "step,temperature\n0,0.2\n1000,0.118\n",
            "\u{feff}step, \"temperature\"\r\n0, 0.2\r\n\r\n1000, \"0.118\"",
            "   Step          Temp    PotEng\n      0   0.2    -7.0 \n  1000   1.18e-1  -6.8\n",
            "# made by hand\n# step temperature\n0 0.2\n# halfway\n1000\t0.118\n",
            "# units,lj\n\nspecies,step,temperature\n\"A,B\",0,0.2\n,1000,0.118\n",
        ] {
            assert_eq!(
                read_back("table.txt", text.as_bytes(), wanted).unwrap(),
                expected,
                "{text}"
            );
        }
        let gaps = read_back("t.csv", b"step,temperature\n,nan\n3,\n", wanted).unwrap();
        assert_eq!(gaps[0], vec![None, Some(3_i64)].into());
        assert_eq!(bits(&gaps[1]), [Some(f64::NAN.to_bits()), None]);
        let none = read_back("t.csv", b"step,temperature\n", wanted).unwrap();
        assert!(none.iter().all(Cells::is_empty));
    }

    #[test]
    fn bad_tables_are_told_in_one_line() {
        let wanted: &[&[&str]] = &[&["id"], &["diameter"]];
        for (name, content, message) in [
            (
                "a.csv",
                "",
                "a.csv: line 1: there is no line with the names of the columns; begin with one, such as step,temperature",
            ),
            (
                "a.csv",
                "1,2\n3,4\n",
                "a.csv: line 1: there is no line with the names of the columns; begin with one, such as step,temperature",
            ),
            (
                "a.csv",
                "id,radius\n1,2\n",
                "a.csv: there is no column diameter; its columns are id, radius",
            ),
            (
                "a.csv",
                "id,diameter,mass,diameter\n1,2,1,3\n",
                "a.csv: there are two columns, diameter and diameter; leave one out",
            ),
            (
                "a.csv",
                "id,diameter\n\n1,2\n2,1.0D0\n",
                "a.csv: line 4: `1.0D0` under diameter is not a number; correct the line",
            ),
            (
                "a.txt",
                "id diameter\n1 2\n2\n",
                "a.txt: line 3: expected 2 values, found 1; correct the line",
            ),
            (
                "a.csv",
                "id,diameter\n1,\"2\n",
                "a.csv: line 2: `\"2` under diameter is not a number; correct the line",
            ),
        ] {
            assert_eq!(
                read_back(name, content.as_bytes(), wanted).unwrap_err(),
                message
            );
        }
        for name in ["a.parquet", "a.arrow", "a.ndjson", "a.csv"] {
            let message = read_back(name, b"\xff\x00 nonsense", wanted).unwrap_err();
            assert!(message.starts_with(&format!("{name}: ")), "{message}");
            assert!(!message.contains('\n'), "{message}");
        }
        // More than polars was built for: it panics.
        let too_large = br#"{"id": 18446744073709551615, "diameter": 1}"#;
        let message = read_back("a.ndjson", too_large, wanted).unwrap_err();
        assert_eq!(
            message,
            "a.ndjson: cannot read it: it is damaged or too unusual; write the table again"
        );
        let message = read_columns(Path::new("no/such.csv"), wanted)
            .unwrap_err()
            .to_string();
        assert_eq!(
            message,
            "no/such.csv: No such file or directory; check the path"
        );
    }
}
