//! The names of a stage's files, and how they are written, read and removed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::data::frame::Frame;
use crate::error::{Error, Result};
use crate::stream::attach::Attachments;
use crate::stream::bytes::Input;
use crate::stream::parallel::Workers;
use crate::stream::select::FrameRange;
use crate::stream::unwrap::Unwrap;
use crate::stream::{self, Format, Options};

/// Includes the input that comes next.
pub const NEXT: &str = "in.next";

/// The files of a stage in the folder in which LAMMPS runs.
#[derive(Clone, Debug)]
pub struct Files {
    folder: PathBuf,
    stage: String,
}

impl Files {
    pub fn new(folder: &Path, stage: &str) -> Self {
        Files {
            folder: folder.to_owned(),
            stage: stage.to_string(),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of a file of the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The name of a file of the stage: `STAGE.ENDING`.
    pub fn name(&self, ending: &str) -> String {
        format!("{}.{ending}", self.stage)
    }

    /// The name of a file that belongs to a run of LAMMPS: `STAGE.FIRST.ENDING`, FIRST being its first step.
    pub fn of_run(&self, first: i64, ending: &str) -> String {
        self.name(&format!("{first}.{ending}"))
    }

    pub fn restart(&self, step: i64) -> String {
        self.name(&format!("restart.{step}"))
    }

    pub fn frame(&self, step: i64) -> String {
        self.name(&format!("frame.{step}.lammpstrj"))
    }

    /// The steps of the files `STAGE.BEFORE<step>AFTER`, in their order.
    pub fn steps(&self, before: &str, after: &str) -> Vec<i64> {
        let start = self.name(before);
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut steps: Vec<i64> = entries
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let step = name.strip_prefix(&start)?.strip_suffix(after)?;
                step.parse().ok()
            })
            .collect();
        steps.sort_unstable();
        steps
    }

    /// Writes a file under a passing name and gives it its own.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> Result<()> {
        let (path, passing) = (self.path(name), self.path(&format!("{name}.partial")));
        fs::write(&passing, text).map_err(|error| Error::io("write", &passing, error))?;
        fs::rename(&passing, &path).map_err(|error| Error::io("write", &path, error))
    }

    /// Brings a file that another program has written to the disk.
    pub fn sync(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        fs::File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(|error| Error::io("bring to the disk", &path, error))
    }

    /// Removes a file, which may be gone already.
    pub fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.path(name));
    }

    /// Whether a file holds exactly this.
    pub fn holds(&self, name: &str, text: &[u8]) -> bool {
        fs::read(self.path(name)).is_ok_and(|found| found == text)
    }

    /// Removes what only a stage in progress needs.
    pub fn tidy(&self) {
        for step in self.steps("restart.", "") {
            self.remove(&self.restart(step));
        }
        for step in self.steps("frame.", ".lammpstrj") {
            self.remove(&self.frame(step));
        }
        for ending in ["rows", "frames", "process"] {
            for first in self.steps("", &format!(".{ending}")) {
                self.remove(&self.of_run(first, ending));
            }
        }
        self.remove(&self.name("final.lammpstrj"));
        self.remove(NEXT);
    }

    /// The one frame of a dump.
    pub fn read_frame(&self, name: &str) -> Result<Frame> {
        let options = Options {
            format: Some(Format::LammpsDump),
            atom_style: None,
            frames: FrameRange::ALL,
            reference: None,
            partial: false,
            species: Vec::new(),
            attachments: Attachments::default(),
            unwrap: Unwrap::Auto,
            without_hash: true,
        };
        let input = Input::File(self.path(name));
        let mut frames = stream::open(&input, &options, Workers::new(1)?)?.frames;
        frames
            .next()
            .unwrap_or_else(|| Err(Error::new("the file is empty").in_input(input.name())))
    }
}
