//! The program: parse the command line, run the command, say in one line what went wrong, exit with the code of the contract.

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use hyalo::cli::Cli;
use hyalo::cli::progress::say;
use hyalo::error::Kind;

// Frames come and go by the thousand; the system's allocator hands their pages back and forth to the kernel.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command_line = match Cli::try_parse() {
        Ok(command_line) => command_line,
        Err(error) => return refuse(&error),
    };
    match command_line.run() {
        Ok(outcome) => ExitCode::from(outcome.exit_code()),
        Err(error) => {
            if error.kind() != Kind::ClosedPipe {
                say(&format!("hyalo: {error}"));
            }
            ExitCode::from(error.exit_code())
        }
    }
}

/// Help goes to the terminal as clap lays it out; what is wrong with the command line is said in one line like everything else.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        error.exit();
    }
    let text = error.to_string();
    let lines = || {
        text.lines()
            .map(str::trim)
            .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
            .filter(|line| !line.is_empty())
    };
    let what: Vec<&str> = lines().filter(|line| !line.starts_with("tip:")).collect();
    let what = what.join(" ");
    let tip = lines()
        .filter_map(|line| line.strip_prefix("tip: "))
        // Nobody who mistypes a flag wants it for the name of a file.
        .find(|tip| !tip.starts_with("to pass"))
        .unwrap_or("--help tells what there is");
    let what = what.trim_start_matches("error: ");
    say(&format!("hyalo: {what}; {tip}"));
    ExitCode::from(error.exit_code() as u8)
}
