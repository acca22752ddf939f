//! What tables and figures a command has, for the terminal and as a page.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use crate::analysis::{Analysis, Command, Runner, Wanted, arguments};
use crate::data::means;
use crate::data::table::{ColumnSpec, TableSpec};
use crate::error::Result;
use crate::physics::topology::Filter;
use crate::stream::vorotop;

/// The tables and figures of a command.
pub struct Listing {
    /// The command, with the flags that choose them.
    command: String,
    tables: &'static [TableSpec],
    figures: &'static [&'static str],
}

impl Listing {
    /// These tables and figures of a command.
    pub fn new(
        command: &str,
        tables: &'static [TableSpec],
        figures: &'static [&'static str],
    ) -> Self {
        Listing {
            command: command.to_string(),
            tables,
            figures,
        }
    }

    /// What an analysis has, that of the means among it, with these flags of its command.
    pub fn of<C: Command>(command: &str, flags: &str) -> Result<Self> {
        let mut listing = Listing::new(format!("{command} {flags}").trim_end(), &[], &[]);
        arguments::<C>(flags)?.run(Wanted::NOTHING, &mut listing)?;
        Ok(listing)
    }

    /// Writes it to standard output.
    pub fn print(&self) -> Result<()> {
        let mut out = std::io::stdout().lock();
        for table in self.tables {
            writeln!(out, "{}: {}", table.name, table.meaning)?;
            for column in table.columns {
                let dimension = match column.dimension {
                    "" => String::new(),
                    dimension => format!(" [{dimension}]"),
                };
                writeln!(
                    out,
                    "    {:<26} {:<8} {}{dimension}",
                    column.name,
                    column.kind.name(),
                    column.meaning
                )?;
            }
        }
        if !self.figures.is_empty() {
            writeln!(out, "figures: {}", self.figures.join(", "))?;
        }
        Ok(())
    }

    /// Appends it to a page in Markdown.
    pub fn add_to(&self, page: &mut String) {
        if self.tables.is_empty() {
            return;
        }
        let mut line = |text: String| writeln!(page, "{text}").expect("memory");
        line(format!("\n## hyalo {}", self.command));
        if !self.figures.is_empty() {
            line(format!("\nFigures: {}.", self.figures.join(", ")));
        }
        for table in self.tables {
            line(format!(
                "\n### {}\n\n{}.\n",
                table.name,
                sentence(table.meaning)
            ));
            line("| column | type | dimension | |\n|---|---|---|---|".to_string());
            for column in table.columns {
                line(row(column));
            }
        }
    }
}

impl Runner for Listing {
    fn run<A: Analysis>(&mut self, analysis: A) -> Result<()> {
        self.tables = means::tables(analysis.tables());
        self.figures = analysis.figures();
        Ok(())
    }

    fn filter(&self, path: &Path) -> Result<Filter> {
        vorotop::read(path)
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

fn row(column: &ColumnSpec) -> String {
    format!(
        "| `{}` | {} | {} | {} |",
        column.name,
        column.kind.name(),
        column.dimension,
        column.meaning.replace('|', "\\|")
    )
}
