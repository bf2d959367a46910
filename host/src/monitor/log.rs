//! The file that keeps every line.

use crate::base::error::InputError;
use anyhow::Context;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A file that lines are added to.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Log {
    /// Opens a file, made if missing. What is in it stays; a line that was torn there is ended.
    ///
    /// # Errors
    ///
    /// [`InputError`] if it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, InputError> {
        let open = || {
            let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
            let mut last = [b'\n'];
            // Only a plain file has an end to look at.
            if file.metadata()?.is_file() && file.seek(SeekFrom::End(0))? > 0 {
                file.seek(SeekFrom::End(-1))?;
                file.read_exact(&mut last)?;
            }
            if last != [b'\n'] {
                file.write_all(b"\n")?;
            }
            Ok(file)
        };
        let file = open().map_err(|e: std::io::Error| InputError::option("log", format!("{}: {e}", path.display())))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn add(&mut self, line: &str) -> anyhow::Result<()> {
        writeln!(self.file, "{line}").with_context(|| self.path.display().to_string())
    }

    /// Writes what has been added.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.file.flush().with_context(|| self.path.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_stays_and_a_torn_line_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let add = |line| {
            let mut log = Log::open(&path).unwrap();
            log.add(line).unwrap();
            log.flush().unwrap();
            std::fs::read_to_string(&path).unwrap()
        };
        assert_eq!(add("one"), "one\n");
        assert_eq!(add("two"), "one\ntwo\n");
        std::fs::write(&path, "one\ntor").unwrap();
        assert_eq!(add("three"), "one\ntor\nthree\n");
        let error = Log::open(folder.path()).unwrap_err().to_string();
        assert!(error.starts_with("--log: "), "{error}");
    }
}
