//! What people see on the terminal while and after a command runs; and how they stop it.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::flags::RunFlags;
use crate::sink::atomic;
use crate::stream::About;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on the first Ctrl-C (or SIGTERM) asks the command to come to an end; the second one kills it.
pub fn catch_interrupts() {
    let handler = || {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            atomic::remove_unfinished();
            std::process::exit(130);
        }
    };
    // A handler that is there already is as good.
    let _ = ctrlc::set_handler(handler);
}

/// Whether the user has asked the command to come to an end.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Writes a line to standard error at once, so that no other program's output gets in between.
pub fn say(line: &str) {
    // Nobody is left to be told when standard error is closed.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./=+:,@%".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_string(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The bar of a simulation, or of several, in thousandths of the work.
pub fn bar_of_work(shown: bool) -> ProgressBar {
    let target = match shown {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(Some(1000), target);
    bar.set_style(
        ProgressStyle::with_template("{prefix} [{bar:20}] {percent}% {msg}")
            .expect("a valid template")
            .progress_chars("=> "),
    );
    bar
}

/// A progress bar with the time left, on a terminal only.
pub struct Progress {
    bar: ProgressBar,
    about: Arc<About>,
    last: Instant,
}

impl Progress {
    /// A bar for an input.
    pub fn new(about: Arc<About>, run: &RunFlags, stdout_in_use: bool) -> Self {
        let scrolls = stdout_in_use && std::io::stdout().is_terminal();
        let shown = !run.quiet && std::io::stderr().is_terminal() && !scrolls;
        let target = if shown {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let size = about.meter.size();
        let bar = ProgressBar::with_draw_target(size, target);
        let template = match size {
            Some(_) => "{msg} [{bar:30}] {percent}% {elapsed} gone, {eta} left",
            None => "{msg} {spinner} {elapsed} gone",
        };
        bar.set_style(
            ProgressStyle::with_template(template)
                .expect("a valid template")
                .progress_chars("=> "),
        );
        bar.set_message(about.name.clone());
        Progress {
            bar,
            about,
            last: Instant::now(),
        }
    }

    /// Shows how far the reading has come.
    pub fn tick(&mut self) {
        if self.last.elapsed() > Duration::from_millis(100) {
            self.last = Instant::now();
            self.bar.set_position(self.about.meter.position());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_words_back() {
        assert_eq!(quoted("runs/vhg-1.toml"), "runs/vhg-1.toml");
        assert_eq!(quoted("cool.steps=7000"), "cool.steps=7000");
        assert_eq!(quoted("my run"), "'my run'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
