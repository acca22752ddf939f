//! A value kept in a file so that work can go on from it: binary, exact, with a checksum, replaced in one piece.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::growing::GrowingFile;
use crate::error::{Error, Result};

/// What the file begins with.
const MAGIC: &[u8] = b"hyalo checkpoint ";

/// Version of what follows it; another program's version may mean another layout of the value, so it is part of it.
const VERSION: &str = concat!("1 ", env!("CARGO_PKG_VERSION"), "\n");

/// Writes the value beside `path`, brings it to the disk, and gives it its name.
///
/// The file is the words `hyalo checkpoint`, the version, the BLAKE3 hash of what follows (32 bytes), and the value in the format of postcard.
///
/// # Errors
/// If it can't be written; then the file that was there is still there, whole.
pub fn save(path: &Path, value: &impl Serialize) -> Result<()> {
    let value = postcard::to_stdvec(value)
        .map_err(|error| Error::new(format!("cannot write {}: {error}", path.display())))?;
    let mut file = GrowingFile::create(path)?;
    file.write_all(MAGIC)?;
    file.write_all(VERSION.as_bytes())?;
    file.write_all(blake3::hash(&value).as_bytes())?;
    file.write_all(&value)?;
    file.finish()
}

/// Reads what [`save`] wrote, bit for bit.
///
/// # Errors
/// If the file can't be read, is none of these, comes from another version of the program, or is damaged.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let refuse = |what: &str| Error::new(format!("{} {what}", path.display()));
    let bytes = fs::read(path).map_err(|error| Error::io("read", path, error))?;
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or_else(|| refuse("is no checkpoint of hyalo"))?;
    let rest = rest.strip_prefix(VERSION.as_bytes()).ok_or_else(|| {
        refuse("was written by another version of hyalo")
            .help("go on with that version, or start again with --force")
    })?;
    let (hash, value) = rest
        .split_at_checked(blake3::OUT_LEN)
        .ok_or_else(|| refuse("is damaged: it ends early"))?;
    if blake3::hash(value) != *<&[u8; blake3::OUT_LEN]>::try_from(hash).expect("that many bytes") {
        return Err(refuse("is damaged: its checksum does not match"));
    }
    postcard::from_bytes(value).map_err(|error| refuse(&format!("is damaged: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Value = (Vec<f64>, Option<i64>, String);

    #[test]
    fn every_bit_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        let reals = vec![0.1, -0.0, f64::MIN_POSITIVE / 8.0, f64::INFINITY, 1.0 / 3.0];
        let value: Value = (reals, Some(i64::MIN), "T* = 0.1".to_string());
        save(&path, &value).unwrap();
        let read: Value = load(&path).unwrap();
        let bits = |values: &[f64]| {
            values
                .iter()
                .map(|value| value.to_bits())
                .collect::<Vec<_>>()
        };
        assert_eq!(bits(&read.0), bits(&value.0));
        assert_eq!((read.1, read.2), (value.1, value.2));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn damage_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        let value: Value = (vec![1.5; 8], None, String::new());
        save(&path, &value).unwrap();
        let whole = fs::read(&path).unwrap();
        let message = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            load::<Value>(&path).unwrap_err().to_string()
        };
        for at in MAGIC.len() + VERSION.len()..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            assert!(message(&bytes).contains("checksum does not match"), "{at}");
        }
        assert!(message(&whole[..MAGIC.len() + VERSION.len() + 5]).contains("ends early"));
        assert!(message(&whole[..whole.len() - 1]).contains("checksum"));
        assert!(message(b"").contains("is no checkpoint of hyalo"));
        let mut other = whole.clone();
        other[MAGIC.len()] = b'9';
        assert!(message(&other).contains("another version"));
    }

    #[test]
    fn a_failure_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        let value: Value = (vec![1.0], None, String::new());
        save(&path, &value).unwrap();
        // Nothing can be written beside it.
        fs::create_dir(super::super::growing::partial_name(&path)).unwrap();
        assert!(save(&path, &(vec![2.0], None::<i64>, String::new())).is_err());
        assert_eq!(load::<Value>(&path).unwrap(), value);
    }
}
