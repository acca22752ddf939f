//! The one public error: what went wrong, where (input, frame, line), and what to do about it.

use std::fmt;
use std::path::Path;

/// Result of everything that can fail in hyalo.
pub type Result<T> = std::result::Result<T, Error>;

/// What sort of failure it was; it decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The command could not run: flags, input or output (exit code 2).
    CannotRun,
    /// The input ends in the middle of a frame; what comes before it is whole (exit code 2, or a warning with `--partial`).
    Truncated,
    /// It ran, but the answer is not the one that was asked for (exit code 1).
    NotTheAnswer,
    /// The reader of standard output has gone; there is nobody to tell (exit code 0).
    ClosedPipe,
}

/// A failure in one line: input, frame, line, what is wrong, and what to do.
///
/// The place is filled in from the inside out: a parser knows the line, its reader the frame, the caller the input.
#[derive(Debug)]
pub struct Error(Box<Report>);

#[derive(Debug)]
struct Report {
    kind: Kind,
    what: String,
    help: Option<String>,
    input: Option<String>,
    frame: Option<usize>,
    line: Option<u64>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A failure that stops the command before or while it reads or writes.
    pub fn new(what: impl Into<String>) -> Self {
        Self::of_kind(Kind::CannotRun, what)
    }

    /// A failure of the given kind.
    pub fn of_kind(kind: Kind, what: impl Into<String>) -> Self {
        Error(Box::new(Report {
            kind,
            what: what.into(),
            help: None,
            input: None,
            frame: None,
            line: None,
            source: None,
        }))
    }

    /// A failed system call on a path: `cannot open x.dump: No such file`.
    pub fn io(doing: &str, path: &Path, source: std::io::Error) -> Self {
        let kind = match source.kind() {
            std::io::ErrorKind::BrokenPipe => Kind::ClosedPipe,
            _ => Kind::CannotRun,
        };
        let mut error = Self::of_kind(
            kind,
            format!(
                "cannot {doing} {}: {}",
                path.display(),
                plain_words(&source)
            ),
        );
        error.0.source = Some(Box::new(source));
        error
    }

    /// Adds what the user can do about it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Adds what the user can do about it, unless that is already known more exactly.
    pub fn or_help(mut self, help: &str) -> Self {
        self.0.help.get_or_insert_with(|| help.to_string());
        self
    }

    /// Adds the name of the input, unless a more exact one is already known.
    pub fn in_input(mut self, input: impl Into<String>) -> Self {
        self.0.input.get_or_insert(input.into());
        self
    }

    /// Names the input in place of the copy of it that was read.
    pub fn in_copy_of(mut self, input: impl Into<String>) -> Self {
        self.0.input = Some(input.into());
        self
    }

    /// Adds the frame's position in its input, counted from 0 as `--frames` does.
    pub fn in_frame(mut self, frame: usize) -> Self {
        self.0.frame.get_or_insert(frame);
        self
    }

    /// Adds the line number, counted from 1 as editors do.
    pub fn at_line(mut self, line: u64) -> Self {
        self.0.line.get_or_insert(line);
        self
    }

    /// An input that ends in the middle of its first frame: there is nothing to go on with.
    pub fn before_any_frame(mut self) -> Self {
        if self.0.kind == Kind::Truncated {
            self.0.kind = Kind::CannotRun;
            self.0.help = Some(
                "no complete frame comes before it (if the file is whole, end its last line)"
                    .to_string(),
            );
        }
        self
    }

    /// The sort of failure.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The exit code of the contract: 0 for a closed pipe, 1 for an answer that is not the one asked, 2 otherwise.
    pub fn exit_code(&self) -> u8 {
        match self.0.kind {
            Kind::ClosedPipe => 0,
            Kind::NotTheAnswer => 1,
            Kind::CannotRun | Kind::Truncated => 2,
        }
    }
}

/// The system's message without the number of the error.
fn plain_words(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_string(),
        None => text,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &*self.0;
        // What stands in a damaged input must not move the cursor or break the line.
        let plain = |text: &str| text.replace(char::is_control, "\u{fffd}");
        let mut place = Vec::new();
        if let Some(frame) = report.frame {
            place.push(format!("frame {frame}"));
        }
        if let Some(line) = report.line {
            place.push(format!("line {line}"));
        }
        if let Some(input) = &report.input {
            write!(f, "{}: ", plain(input))?;
        }
        if !place.is_empty() {
            write!(f, "{}: ", place.join(", "))?;
        }
        f.write_str(&plain(&report.what))?;
        if let Some(help) = &report.help {
            write!(f, "; {}", plain(help))?;
        }
        Ok(())
    }
}

/// The beginning of what was found, short enough for a message.
pub fn beginning(found: &str) -> String {
    found.chars().take(40).collect()
}

/// Names behind each other, short and few enough for a message.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>, separator: &str) -> String {
    const MOST: usize = 40;
    let mut names = names.into_iter().map(beginning);
    let mut shown: Vec<String> = names.by_ref().take(MOST).collect();
    shown.extend(names.next().map(|_| "…".to_string()));
    shown.join(separator)
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<std::io::Error> for Error {
    fn from(source: std::io::Error) -> Self {
        let kind = match source.kind() {
            std::io::ErrorKind::BrokenPipe => Kind::ClosedPipe,
            std::io::ErrorKind::UnexpectedEof => Kind::Truncated,
            _ => Kind::CannotRun,
        };
        let mut error = Self::of_kind(kind, plain_words(&source));
        error.0.source = Some(Box::new(source));
        error
    }
}
