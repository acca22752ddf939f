//! Files that appear under their name only when they are whole.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::TempPath;

use crate::error::{Error, Result};

/// An output: it is written beside its place and takes its name when it is committed.
///
/// One that is dropped before leaves nothing behind. Standard output and special files (`/dev/null`, named pipes) are
/// written as they go. Errors of writing name the path.
pub struct AtomicFile {
    path: PathBuf,
    writer: BufWriter<Box<dyn Write + Send>>,
    /// What is to be renamed; `None` where the bytes go straight to their place.
    beside: Option<TempPath>,
    force: bool,
}

impl AtomicFile {
    /// Opens an output; with `force` it replaces the file of that name, if there is one, when it is committed.
    ///
    /// A symbolic link stays: the file it leads to is replaced. The permissions are those of any new file.
    ///
    /// # Errors
    /// At once, if there is a file of that name and no `force`, if the path is a folder, or if its folder is missing or
    /// can't be written to.
    pub fn create(path: &Path, force: bool) -> Result<Self> {
        if path.as_os_str().is_empty() {
            return Err(Error::new("the path of an output is empty"));
        }
        if path == Path::new("/dev/stdout") {
            return Ok(Self::stdout());
        }
        let existing = match fs::metadata(path) {
            Ok(metadata) => Some(metadata),
            // Not there, or a link to nowhere, which the new file replaces.
            Err(e) if e.kind() == io::ErrorKind::NotFound => fs::symlink_metadata(path).ok(),
            Err(e) => return Err(Error::io("write", path, e).help("give another path")),
        };
        let is = |question: fn(&fs::Metadata) -> bool| existing.as_ref().is_some_and(question);
        let ends_as_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/");
        if ends_as_folder || is(fs::Metadata::is_dir) {
            let what = format!("{} is a folder", path.display());
            return Err(Error::new(what).help("give the path of a file"));
        }
        if is(|existing| !existing.is_file() && !existing.is_symlink()) {
            let file = fs::OpenOptions::new().write(true).open(path);
            let file = file.map_err(|e| Error::io("write", path, e))?;
            return Ok(Self::straight(path.to_owned(), Box::new(file)));
        }
        if existing.is_some() && !force {
            let what = format!("{} already exists", path.display());
            return Err(Error::new(what).help("--force replaces it; or give another path"));
        }
        let path = match is(fs::Metadata::is_file) {
            true => fs::canonicalize(path).map_err(|e| Error::io("write", path, e))?,
            false => path.to_owned(),
        };
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let (file, beside) = new_file_in(folder)
            .map_err(|e| {
                Error::io("write", &path, e).help(format!(
                    "its folder {} must exist and be writable",
                    folder.display()
                ))
            })?
            .into_parts();
        Ok(AtomicFile {
            path,
            writer: buffered(Box::new(file)),
            beside: Some(beside),
            force,
        })
    }

    /// Where the file will be: behind a link, what that leads to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Standard output; it is never withheld, and committing flushes it.
    pub fn stdout() -> Self {
        Self::straight(PathBuf::from("standard output"), Box::new(io::stdout()))
    }

    fn straight(path: PathBuf, writer: Box<dyn Write + Send>) -> Self {
        AtomicFile {
            path,
            writer: buffered(writer),
            beside: None,
            force: false,
        }
    }

    /// Gives the file its name with `.incomplete` behind it, for an answer that is not whole in a format that cannot say so itself.
    ///
    /// # Errors
    /// As those of [`AtomicFile::commit`]; an incomplete file of an earlier run is replaced.
    pub fn commit_incomplete(mut self) -> Result<()> {
        if self.beside.is_some() {
            self.path.as_mut_os_string().push(".incomplete");
            self.force = true;
        }
        self.commit()
    }

    /// Writes what is still held back and gives the file its name.
    ///
    /// # Errors
    /// If the last bytes can't be written, or if a file of that name has appeared since and `force` was not given: then
    /// that file is left alone, and the message says where the new one is.
    pub fn commit(mut self) -> Result<()> {
        self.flush()?;
        // Some systems don't rename open files.
        drop(self.writer);
        let Some(beside) = self.beside else {
            return Ok(());
        };
        let renamed = match self.force {
            true => beside.persist(&self.path),
            false => beside.persist_noclobber(&self.path),
        };
        renamed.map_err(|refused| {
            let error = Error::io("write", &self.path, refused.error);
            match refused.path.keep() {
                Ok(kept) => error.help(format!("the result is whole in {}", kept.display())),
                Err(_) => error,
            }
        })
    }

    fn named(&self, error: io::Error) -> io::Error {
        io::Error::new(
            error.kind(),
            format!("cannot write {}: {error}", self.path.display()),
        )
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes).map_err(|e| self.named(e))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush().map_err(|e| self.named(e))
    }
}

fn buffered(writer: Box<dyn Write + Send>) -> BufWriter<Box<dyn Write + Send>> {
    BufWriter::with_capacity(1 << 16, writer)
}

/// A file with the permissions that any program's new file has here, not the closed ones of a temporary file.
fn new_file_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".hyalo-").suffix(".partial");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder)?;
    if let Ok(mut unfinished) = UNFINISHED.lock() {
        unfinished.push(file.path().to_owned());
    }
    Ok(file)
}

/// Where files were begun; those that have got their name are no longer there.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes what was begun and is not finished, for a process that is about to be ended.
pub fn remove_unfinished() {
    if let Ok(unfinished) = UNFINISHED.lock() {
        unfinished.iter().for_each(|path| _ = fs::remove_file(path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_in(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn refusal(path: &Path, force: bool) -> String {
        let refused = AtomicFile::create(path, force).err();
        refused.expect("it must be refused").to_string()
    }

    fn write_all(path: &Path, force: bool, bytes: &[u8]) -> Result<()> {
        let mut file = AtomicFile::create(path, force)?;
        file.write_all(bytes)?;
        file.commit()
    }

    #[test]
    fn the_name_appears_with_the_whole_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        let mut file = AtomicFile::create(&path, false).unwrap();
        file.write_all(&vec![b'x'; 1 << 20]).unwrap();
        assert!(!path.exists());
        file.commit().unwrap();
        assert_eq!(names_in(folder.path()), ["table.csv"]);
        assert_eq!(fs::read(&path).unwrap().len(), 1 << 20);
    }

    #[test]
    fn a_dropped_file_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = AtomicFile::create(&folder.path().join("x"), false).unwrap();
        file.write_all(&vec![b'x'; 1 << 20]).unwrap();
        assert_eq!(names_in(folder.path()).len(), 1);
        drop(file);
        assert!(names_in(folder.path()).is_empty());
    }

    #[test]
    fn nothing_is_replaced_without_force() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, "old").unwrap();
        assert_eq!(
            refusal(&path, false),
            format!(
                "{} already exists; --force replaces it; or give another path",
                path.display()
            )
        );
        drop(AtomicFile::create(&path, true).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        write_all(&path, true, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names_in(folder.path()), ["x"]);
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_left_alone_and_the_new_one_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut file = AtomicFile::create(&path, false).unwrap();
        file.write_all(b"mine").unwrap();
        fs::write(&path, "theirs").unwrap();
        let message = file.commit().unwrap_err().to_string();
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        let (_, kept) = message.split_once("the result is whole in ").unwrap();
        assert_eq!(fs::read(kept).unwrap(), b"mine");
    }

    #[test]
    fn folders_and_paths_in_no_folder_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().display().to_string();
        for force in [false, true] {
            let help = "is a folder; give the path of a file";
            assert_eq!(refusal(folder.path(), force), format!("{place} {help}"));
            let slash = folder.path().join("new/");
            assert_eq!(refusal(&slash, force), format!("{place}/new/ {help}"));
            assert_eq!(
                refusal(&folder.path().join("none/x"), force),
                format!(
                    "cannot write {place}/none/x: No such file or directory; \
                     its folder {place}/none must exist and be writable"
                )
            );
            fs::write(folder.path().join("file"), "").unwrap();
            assert_eq!(
                refusal(&folder.path().join("file/x"), force),
                format!("cannot write {place}/file/x: Not a directory; give another path")
            );
            let empty = refusal(Path::new(""), force);
            assert_eq!(empty, "the path of an output is empty");
        }
        assert_eq!(names_in(folder.path()), ["file"]);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, ordinary) = (folder.path().join("ours"), folder.path().join("ordinary"));
        write_all(&ours, false, b"").unwrap();
        fs::write(&ordinary, b"").unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(ours), mode(ordinary));
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_to_the_file_that_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink("target", &link).unwrap();
        assert!(refusal(&link, false).contains("already exists"));
        write_all(&link, true, b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"new");

        fs::remove_file(&target).unwrap();
        assert!(refusal(&link, false).contains("already exists"));
        write_all(&link, true, b"newer").unwrap();
        assert_eq!(fs::read(&link).unwrap(), b"newer");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn special_files_are_written_as_they_go() {
        write_all(Path::new("/dev/null"), false, b"gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());

        let full = write_all(Path::new("/dev/full"), false, &vec![0; 1 << 20]);
        let message = full.unwrap_err().to_string();
        assert_eq!(message, "cannot write /dev/full: No space left on device");

        // As a shell passes it: a link that leads to no path.
        let (mut reader, writer) = io::pipe().unwrap();
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&writer);
        let path = format!("/proc/self/fd/{descriptor}");
        write_all(Path::new(&path), false, b"through").unwrap();
        drop(writer);
        assert_eq!(io::read_to_string(&mut reader).unwrap(), "through");

        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        write_all(&pipe, false, b"through").unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert_eq!(names_in(folder.path()), ["pipe"]);
    }
}
