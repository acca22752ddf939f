//! Files that grow for hours and outlive the process: under a partial name until they are whole, cut back to a known length when the
//! work goes on after an interruption.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Added to the name of a file that is not whole.
const PARTIAL: &str = ".partial";

/// A file that is written bit by bit as `NAME.partial` and named `NAME` when it is whole. One that is dropped before stays, to be
/// continued by [`GrowingFile::reopen`].
///
/// Errors of writing name the path.
#[derive(Debug)]
pub struct GrowingFile {
    path: PathBuf,
    partial: PathBuf,
    writer: BufWriter<File>,
    length: u64,
}

impl GrowingFile {
    /// An empty file; what an earlier run left under the partial name is gone.
    ///
    /// # Errors
    /// If the folder is missing or can't be written to.
    pub fn create(path: &Path) -> Result<Self> {
        let partial = partial_name(path);
        let file = File::create(&partial).map_err(|error| Error::io("write", &partial, error))?;
        Ok(Self::at(path, partial, file, 0))
    }

    /// The first `length` bytes of a file that was begun before, to be continued; it may have got its name since.
    ///
    /// # Errors
    /// If it is gone or shorter than that.
    pub fn reopen(path: &Path, length: u64) -> Result<Self> {
        let partial = partial_name(path);
        if !partial.exists() && path.exists() {
            fs::rename(path, &partial).map_err(|error| Error::io("rename", path, error))?;
        }
        let open = || -> io::Result<(File, u64)> {
            let mut file = OpenOptions::new().write(true).open(&partial)?;
            let found = file.metadata()?.len();
            file.set_len(length.min(found))?;
            file.seek(SeekFrom::End(0))?;
            Ok((file, found))
        };
        let (file, found) = open().map_err(|error| Error::io("continue", &partial, error))?;
        if found < length {
            return Err(Error::new(format!(
                "{} holds {found} bytes, and {length} had been written",
                partial.display()
            ))
            .help("the files of this run were changed; start it again with --force"));
        }
        Ok(Self::at(path, partial, file, length))
    }

    fn at(path: &Path, partial: PathBuf, file: File, length: u64) -> Self {
        GrowingFile {
            path: path.to_owned(),
            partial,
            writer: BufWriter::with_capacity(1 << 16, file),
            length,
        }
    }

    /// Number of bytes so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Brings everything to the disk and tells how many bytes there are.
    ///
    /// # Errors
    /// If they can't be written.
    pub fn sync(&mut self) -> Result<u64> {
        let synced = self
            .writer
            .flush()
            .and_then(|()| self.writer.get_ref().sync_data());
        synced.map_err(|error| Error::io("write", &self.partial, error))?;
        Ok(self.length)
    }

    /// Brings everything to the disk and gives the file its name; a file of that name is replaced.
    ///
    /// # Errors
    /// If it can't be written or renamed.
    pub fn finish(mut self) -> Result<()> {
        self.sync()?;
        // Some systems don't rename open files.
        drop(self.writer);
        fs::rename(&self.partial, &self.path)
            .map_err(|error| Error::io("write", &self.path, error))?;
        sync_folder_of(&self.path);
        Ok(())
    }
}

impl Write for GrowingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes).map_err(|error| {
            let what = format!("cannot write {}: {error}", self.partial.display());
            io::Error::new(error.kind(), what)
        })?;
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// `NAME.partial`.
pub fn partial_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PARTIAL);
    name.into()
}

/// A name is on the disk when its folder is; where folders can't be synced there is nothing to be done.
fn sync_folder_of(path: &Path) {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Ok(folder) = File::open(folder.unwrap_or(Path::new("."))) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_its_name_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cool.extxyz");
        fs::write(&path, "old").unwrap();
        let mut file = GrowingFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(file.sync().unwrap(), 3);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read(partial_name(&path)).unwrap(), b"new");
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(!partial_name(&path).exists());
    }

    #[test]
    fn it_goes_on_where_it_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut file = GrowingFile::create(&path).unwrap();
        file.write_all(b"kept, then lost").unwrap();
        drop(file);
        let mut file = GrowingFile::reopen(&path, 4).unwrap();
        file.write_all(b" and more").unwrap();
        assert_eq!(file.sync().unwrap(), 13);
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"kept and more");
        // It may have got its name after its length was noted.
        let mut file = GrowingFile::reopen(&path, 4).unwrap();
        file.write_all(b"!").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"kept!");
    }

    #[test]
    fn what_was_lost_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(partial_name(&path), "four").unwrap();
        let message = GrowingFile::reopen(&path, 5).unwrap_err().to_string();
        assert!(
            message.contains("x.partial holds 4 bytes, and 5 had been written"),
            "{message}"
        );
        let message = GrowingFile::reopen(&folder.path().join("y"), 0).unwrap_err();
        assert!(message.to_string().contains("cannot continue"), "{message}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_with_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::os::unix::fs::symlink("/dev/full", partial_name(&path)).unwrap();
        let mut file = GrowingFile::create(&path).unwrap();
        let error = Error::from(file.write_all(&vec![0; 1 << 20]).unwrap_err());
        let message = error.to_string();
        assert!(
            message.contains("x.partial: No space left on device"),
            "{message}"
        );
    }
}
