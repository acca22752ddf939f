//! The program: parse the command line, run the command, say in one line what went wrong, exit with the code of the contract.

use std::process::ExitCode;

use clap::Parser;
use hyalo::cli::Cli;
use hyalo::error::Kind;

// Frames come and go by the thousand; the system's allocator hands their pages back and forth to the kernel.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command_line = Cli::parse();
    match command_line.run() {
        Ok(outcome) => ExitCode::from(outcome.exit_code()),
        Err(error) => {
            if error.kind() != Kind::ClosedPipe {
                eprintln!("hyalo: {error}");
            }
            ExitCode::from(error.exit_code())
        }
    }
}
