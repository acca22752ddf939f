//! `manual`: what the program says about itself, for `man`, for shells, and as a page on all tables.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use clap_complete::Shell;
use clap_mangen::Man;

use super::listing::Listing;
use super::run::Outcome;
use crate::error::{Error, Result};
use crate::sink::atomic::AtomicFile;

/// Arguments of `manual`.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Write the manual pages, hyalo.1 and one for each command, into a folder: hyalo manual pages ~/.local/share/man/man1
    Pages {
        /// The folder, which is made if it is not there
        #[arg(value_name = "DIR")]
        folder: PathBuf,

        /// Replace files that exist
        #[arg(long)]
        force: bool,
    },
    /// Write a shell's completions to standard output: source <(hyalo manual completions bash)
    Completions {
        /// The shell
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
    /// Write a page on every table with its columns to standard output, as Markdown
    Tables,
}

impl Arguments {
    /// Writes what was asked for; `program` is the whole command line.
    pub fn run(
        &self,
        mut program: clap::Command,
        listings: impl Fn() -> Result<Vec<Listing>>,
    ) -> Result<Outcome> {
        match &self.what {
            What::Pages { folder, force } => pages(program, folder, *force)?,
            What::Completions { shell } => {
                let mut text = Vec::new();
                clap_complete::generate(*shell, &mut program, "hyalo", &mut text);
                to_stdout(&text)?;
            }
            What::Tables => {
                let mut page = TABLES.to_string();
                listings()?
                    .iter()
                    .for_each(|listing| listing.add_to(&mut page));
                to_stdout(page.as_bytes())?;
            }
        }
        Ok(Outcome::Whole)
    }
}

const TABLES: &str = "\
# Tables

Every table that hyalo writes, as `hyalo manual tables` prints them. A row is an observation, and names are the same in every command. The first
table of a command is its main one (`-o`), the others are asked for with `--table NAME=PATH`; those of `hyalo simulate` are files of its folder,
`STAGE.NAME.parquet`. Dimensions are in the input's own units of length, time, energy and mass; 1 is a pure number. In tables of several inputs
the column `input` comes first (its label), then `replica` where inputs share a label. Parquet and Arrow files carry these descriptions with
them, under the key `hyalo`.
";

fn to_stdout(text: &[u8]) -> Result<()> {
    let mut stdout = AtomicFile::stdout();
    stdout.write_all(text)?;
    stdout.commit()
}

fn pages(mut program: clap::Command, folder: &Path, force: bool) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| Error::io("make the folder", folder, error))?;
    program.build();
    // clap's own has no page.
    let has_page = |command: &&clap::Command| command.get_name() != "help";
    let commands: Vec<clap::Command> = program
        .get_subcommands()
        .filter(has_page)
        .cloned()
        .collect();
    let mut files = Vec::new();
    let named = commands.into_iter().map(|command| {
        // clap keeps names for good.
        let name: &'static str = format!("hyalo-{}", command.get_name()).leak();
        (name, command.name(name))
    });
    for (name, command) in std::iter::once(("hyalo", program.clone())).chain(named) {
        let mut file = AtomicFile::create(&folder.join(format!("{name}.1")), force)?;
        file.write_all(&page(command))?;
        files.push(file);
    }
    files.into_iter().try_for_each(AtomicFile::commit)
}

/// A manual page, with the sections of the command's manual as they are laid out.
fn page(command: clap::Command) -> Vec<u8> {
    let manual = command.get_after_long_help().map(|text| text.to_string());
    let manual = manual.unwrap_or_default();
    let has_commands = command.has_subcommands();
    let man = Man::new(command);
    let mut page = Vec::new();
    let written = man
        .render_title(&mut page)
        .and_then(|()| man.render_name_section(&mut page))
        .and_then(|()| man.render_synopsis_section(&mut page))
        .and_then(|()| man.render_description_section(&mut page))
        .and_then(|()| man.render_options_section(&mut page))
        .and_then(|()| match has_commands {
            true => man.render_subcommands_section(&mut page),
            false => Ok(()),
        });
    written.expect("memory");
    page.extend_from_slice(sections(&manual).as_bytes());
    page
}

/// Text with headings that end in a colon, as sections in roff whose lines stay as they are.
fn sections(text: &str) -> String {
    let mut roff = String::new();
    let mut is_open = false;
    for line in text.lines() {
        let is_heading = line.ends_with(':') && !line.starts_with(' ');
        if is_heading || !is_open {
            if is_open {
                roff.push_str(".fi\n");
            }
            let heading = if is_heading {
                line.trim_end_matches(':')
            } else {
                "Notes"
            };
            roff.push_str(&format!(".SH {}\n.nf\n", heading.to_uppercase()));
            is_open = true;
        }
        if !is_heading {
            // A dot or a quote at the start would be a request, a hyphen typographic.
            let line = line.replace('\\', "\\e").replace('-', "\\-");
            roff.push_str(&format!("\\&{line}\n"));
        }
    }
    if is_open {
        roff.push_str(".fi\n");
    }
    roff
}
