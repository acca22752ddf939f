//! Frames on standard output.

use std::io::Write;

use super::{Outlet, stored_frames};
use crate::data::frame::{Frame, Source};
use crate::engine::protocol::{Kind, Protocol};
use crate::engine::run::Needed;
use crate::error::{Error, Result};
use crate::sink::atomic::AtomicFile;
use crate::stream::xyz;

/// The frames of some stages, as extended XYZ on standard output. Those of others that a later stage will want again wait in temporary
/// files.
pub struct Pipe {
    stdout: AtomicFile,
    /// For each stage whether its frames go out, and where they are kept.
    stages: Vec<(bool, Option<tempfile::NamedTempFile>)>,
}

impl Pipe {
    /// Frames of these stages go out.
    pub fn new(protocol: &Protocol, emitted: &[usize]) -> Result<Self> {
        let is_quenched = |index: usize| {
            let quenches = |&stage: &usize| {
                let stage = &protocol.stages[stage];
                matches!(stage.kind, Kind::InherentStructures { .. }) && stage.start == Some(index)
            };
            emitted.iter().any(quenches)
        };
        let stage = |index: usize| -> Result<_> {
            let kept = is_quenched(index).then(|| {
                let file = tempfile::Builder::new().suffix(".extxyz").tempfile();
                file.map_err(|error| {
                    Error::io("make a temporary file in", &std::env::temp_dir(), error)
                })
            });
            Ok((emitted.contains(&index), kept.transpose()?))
        };
        Ok(Pipe {
            stdout: AtomicFile::stdout(),
            stages: (0..protocol.stages.len())
                .map(stage)
                .collect::<Result<_>>()?,
        })
    }
}

impl Outlet for Pipe {
    fn place(&self) -> String {
        "the stream".to_string()
    }

    fn how_to_resume(&self) -> Option<String> {
        None
    }

    fn begin(&mut self, _protocol: &Protocol, _stage: usize) -> Result<()> {
        Ok(())
    }

    fn frame(&mut self, stage: usize, frame: &Frame) -> Result<()> {
        let (is_emitted, kept) = &mut self.stages[stage];
        if !*is_emitted && kept.is_none() {
            return Ok(());
        }
        let text = xyz::format(frame)?;
        if let Some(kept) = kept {
            kept.write_all(&text)?;
        }
        if *is_emitted {
            self.stdout.write_all(&text)?;
            // Whoever reads them shall not wait for the next.
            self.stdout.flush()?;
        }
        Ok(())
    }

    fn frames_of(&mut self, _protocol: &Protocol, needed: Needed) -> Result<Source> {
        match &self.stages[needed.stage].1 {
            Some(kept) => stored_frames(kept.path(), needed),
            None => Err(Error::new("the frames to be quenched were not kept")),
        }
    }
}
