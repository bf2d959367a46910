//! What comes in and goes out as files.

use crate::base::error::InputError;
use anyhow::Context;
use mote_core::memory::Heap;
use mote_core::shape::Shape;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Largest working memory of a model on this side: beyond it, an allocation may succeed and the machine still die.
pub const MAX_MODEL_BYTES: usize = 8 << 30;

/// Working memory for a model whose sizes come from the file `path`.
///
/// # Errors
///
/// [`InputError`] that names the file, the bytes it takes and the limit.
pub fn heap(shape: Shape, path: &Path) -> Result<Heap, InputError> {
    let bytes = shape.bytes().filter(|bytes| *bytes <= MAX_MODEL_BYTES);
    bytes.and_then(|_| Heap::zeroed(shape)).ok_or_else(|| {
        let takes = shape.bytes().map_or("more bytes than can be counted".into(), |bytes| format!("{bytes} bytes"));
        let Shape { tokens, dim, head, value } = shape;
        let found = format!("found M={tokens} D={dim} H={head} V={value}, which takes {takes}");
        InputError::file(path, format!("expected a model of at most {MAX_MODEL_BYTES} bytes of memory, {found}"))
    })
}

/// A folder that results are written into, each file whole or not at all.
#[derive(Debug)]
pub struct OutFolder {
    path: PathBuf,
    /// Whether it was made for these results.
    is_new: bool,
}

impl OutFolder {
    /// Makes the folder if it is missing and proves that files can be made in it.
    ///
    /// # Errors
    ///
    /// [`InputError`] that names the folder.
    pub fn open(path: &Path) -> Result<Self, InputError> {
        let not_writable = |error: std::io::Error| {
            InputError::file(path, format!("expected an output folder that can be written, found: {error}"))
        };
        let is_new = !path.exists();
        // Of a path from here on, the last part that is left is empty.
        let there = path.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new(""));
        std::fs::create_dir_all(path).map_err(not_writable)?;
        // Every folder that was made is on the disk once the one that it is in is.
        let made = path.ancestors().take_while(|folder| *folder != there);
        made.map(folder_of).try_for_each(sync_folder).map_err(not_writable)?;
        tempfile::NamedTempFile::new_in(path).map_err(|error| not_writable(without_path(error)))?;
        Ok(Self { path: path.into(), is_new })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file aside, then renames it into place.
    ///
    /// # Errors
    ///
    /// If it cannot be written; an older file of the name is then untouched.
    pub fn write(&self, name: &str, contents: &[u8]) -> anyhow::Result<()> {
        write_atomically(&self.path.join(name), contents)
    }
}

/// A folder that was made for results goes if there are none.
impl Drop for OutFolder {
    fn drop(&mut self) {
        if self.is_new {
            // One that is not empty stays.
            let _ = std::fs::remove_dir(&self.path);
        }
    }
}

/// The error of a temporary file, without its name, which says nothing to anybody.
fn without_path(error: std::io::Error) -> std::io::Error {
    error.kind().into()
}

/// Makes sure that a file can be made in the folder of `path`, before work is done that ends there.
///
/// # Errors
///
/// [`InputError`] that names the option and the path.
pub fn check_writable(option: &'static str, path: &Path) -> Result<(), InputError> {
    let what = |why: String| {
        InputError::option(option, format!("{}: expected a file that can be written, {why}", path.display()))
    };
    if path.is_dir() {
        return Err(what("found a folder".into()));
    }
    tempfile::NamedTempFile::new_in(folder_of(path))
        .map_err(|error| what(format!("found: {}", without_path(error))))?;
    Ok(())
}

/// The folder that a path is in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file aside, then renames it into place; when this returns, both are on the disk.
///
/// # Errors
///
/// If it cannot be written; an older file of the name is then untouched, unless all that failed is the last step, that
/// the folder be on the disk too.
pub fn write_atomically(path: &Path, contents: &[u8]) -> anyhow::Result<()> {
    write_and_sync(path, contents, sync_folder)
}

fn write_and_sync(path: &Path, contents: &[u8], sync: impl FnOnce(&Path) -> std::io::Result<()>) -> anyhow::Result<()> {
    let folder = folder_of(path);
    let attempt = || -> std::io::Result<()> {
        // As a new file would be made, not readable by its owner alone.
        let file = tempfile::Builder::new().permissions(public_permissions()).tempfile_in(folder);
        let mut file = file.map_err(without_path)?;
        file.write_all(contents)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        sync(folder)
    };
    attempt().with_context(|| format!("{}: cannot be written", path.display()))
}

/// Waits until the names in a folder are on the disk: a rename is not until then.
///
/// # Errors
///
/// If the disk fails. That a folder cannot be read, or a file system cannot sync one, is no error.
#[cfg(unix)]
pub fn sync_folder(folder: &Path) -> std::io::Result<()> {
    use std::io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    match std::fs::File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if [InvalidInput, PermissionDenied, Unsupported].contains(&error.kind()) => Ok(()),
        done => done,
    }
}

/// Nothing: elsewhere a folder cannot be synced.
///
/// # Errors
///
/// Never.
#[cfg(not(unix))]
pub fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn public_permissions() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}

#[cfg(not(unix))]
fn public_permissions() -> std::fs::Permissions {
    let here = std::env::current_exe().and_then(std::fs::metadata);
    here.expect("the running program has permissions").permissions()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rename is on the disk once its folder is: that is synced last, when the file has its name, and answered for.
    #[test]
    fn the_folder_is_synced_after_the_rename() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "old").unwrap();
        let mut seen = Vec::new();
        let sync = |synced: &Path| {
            let names =
                std::fs::read_dir(synced)?.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>();
            seen.push((synced.to_owned(), names?, std::fs::read_to_string(&path)?));
            Err(std::io::Error::other("the disk is gone"))
        };
        let error = write_and_sync(&path, b"new", sync).unwrap_err();
        assert_eq!(format!("{error:#}"), format!("{}: cannot be written: the disk is gone", path.display()));
        assert_eq!(seen, [(folder.path().to_owned(), vec!["file".into()], "new".into())]);
        sync_folder(folder.path()).unwrap();
        sync_folder(&folder.path().join("missing")).unwrap_err();
    }
}
