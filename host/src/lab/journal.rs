//! A CSV file that only grows: each row durable at once and there once, whatever kills the run.

use crate::base::error::{InputError, quoted};
use crate::base::files;
use anyhow::Context;
use mote_core::rng::mix;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A text as one word, to know it again by. The letter in front makes it text for every program that guesses types.
pub fn digest(text: &str) -> String {
    let hash = text.bytes().fold(0, |hash, byte| mix(hash ^ u64::from(byte)));
    format!("c{hash:016x}")
}

/// The rows of a file, and the length of its part in whole lines.
pub type Contents<T> = (Vec<T>, u64);

/// A line of a file, as its reader is given it.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    path: &'a Path,
    /// Bytes in front of it.
    pub start: u64,
    /// Its number, counted from 1.
    pub number: usize,
    /// What it says.
    pub text: &'a str,
}

impl Line<'_> {
    /// That another line was expected.
    pub fn expected(&self, what: &str) -> InputError {
        self.wrong(&format!("expected {what}, found {}", quoted(self.text)))
    }

    /// What is wrong with it.
    pub fn wrong(&self, what: &str) -> InputError {
        InputError::file(self.path, format!("line {}: {what}", self.number))
    }
}

/// The rows of a file, none if there is no file. Bytes behind the last line feed are a line that was being written, and
/// are left out. `header` says what is wrong with the first line, `row` reads each other one.
///
/// # Errors
///
/// If it cannot be read, is not text, or `header` or `row` refuses a line.
pub fn read<T>(
    path: &Path,
    header: impl FnOnce(Line) -> Result<(), InputError>,
    row: impl FnMut(Line) -> Result<T, InputError>,
) -> anyhow::Result<Contents<T>> {
    if !path.exists() {
        return Ok((Vec::new(), 0));
    }
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    parse(path, &bytes, header, row)
}

/// The same of what a file has, or would have as CSV.
///
/// # Errors
///
/// As [`read`].
pub fn parse<T>(
    path: &Path,
    bytes: &[u8],
    header: impl FnOnce(Line) -> Result<(), InputError>,
    row: impl FnMut(Line) -> Result<T, InputError>,
) -> anyhow::Result<Contents<T>> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let text =
        std::str::from_utf8(&bytes[..whole]).map_err(|_| InputError::file(path, "expected text, found other bytes"))?;
    let mut start = 0;
    let mut lines = text.split_inclusive('\n').enumerate().map(|(n, whole)| {
        let line = Line { path, start, number: n + 1, text: whole.trim_end_matches(['\n', '\r']) };
        start += whole.len() as u64;
        line
    });
    if let Some(first) = lines.next() {
        header(first)?;
    }
    Ok((lines.map(row).collect::<Result<_, _>>()?, whole as u64))
}

/// An open file of rows, this process's alone if it holds the lock.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    saved: usize,
    unit: &'static str,
    _lock: Option<Lock>,
}

impl Journal {
    /// Opens a file behind its whole lines, or begins it with its header. `found` units are there; `unit` is what a
    /// message calls many of them.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn open(
        path: &Path,
        header: &str,
        (found, whole): (usize, u64),
        unit: &'static str,
        lock: Option<Lock>,
    ) -> anyhow::Result<Self> {
        let begin = || -> std::io::Result<File> {
            let mut file = OpenOptions::new().create(true).append(true).open(path)?;
            file.set_len(whole)?;
            if whole == 0 {
                file.write_all(format!("{header}\n").as_bytes())?;
                file.sync_all()?;
                files::sync_folder(files::folder_of(path))?;
            }
            Ok(file)
        };
        let file = begin().with_context(|| format!("{}: cannot be written", path.display()))?;
        Ok(Self { file, path: path.into(), saved: found, unit, _lock: lock })
    }

    /// Adds the lines of some units; when this returns, they are on the disk.
    ///
    /// # Errors
    ///
    /// If they cannot be written. What was there before is there still, and the same command goes on from it.
    pub fn add(&mut self, lines: &str, units: usize) -> anyhow::Result<()> {
        self.file.write_all(lines.as_bytes()).and_then(|()| self.file.sync_data()).with_context(|| {
            let (path, saved, unit) = (self.path.display(), self.saved, self.unit);
            format!("{path}: cannot be written; {saved} {unit} are saved, and the same command continues from them when there is room")
        })?;
        self.saved += units;
        Ok(())
    }
}

/// The lock of a folder, which goes with the process.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "it is held, not read")] File);

impl Lock {
    /// Takes the lock of a folder.
    ///
    /// # Errors
    ///
    /// [`InputError`] if another run holds it, or its file system has no locks.
    pub fn take(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(".lock");
        let is_new = !path.exists();
        let file = File::create(&path).with_context(|| path.display().to_string())?;
        let tried = file.try_lock();
        if is_new && matches!(tried, Err(TryLockError::Error(_))) {
            // A refused run leaves nothing behind; where locks do not work, nobody else holds it.
            let _ = std::fs::remove_file(&path);
        }
        held(tried, folder)?;
        Ok(Self(file))
    }
}

/// Whether a try for the lock got it, and if not, whose fault that is.
fn held(tried: Result<(), TryLockError>, folder: &Path) -> Result<(), InputError> {
    tried.map_err(|error| match error {
        TryLockError::WouldBlock => InputError::file(folder, "another run is writing into this folder"),
        TryLockError::Error(error) => InputError::file(
            folder,
            format!(
                "expected a file system with locks, found: {error}; where no other run writes into this folder, \
                 --no-lock continues without"
            ),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Error, ErrorKind};

    /// Made-up answers of a file system: only the one that says so means another run.
    #[test]
    fn a_file_system_without_locks_is_no_other_run() {
        let folder = Path::new("out");
        let said = |tried| held(tried, folder).map_err(|error| error.to_string());
        assert_eq!(said(Ok(())), Ok(()));
        assert_eq!(said(Err(TryLockError::WouldBlock)).unwrap_err(), "out: another run is writing into this folder");
        let mut errors: Vec<Error> = vec![ErrorKind::Unsupported.into(), ErrorKind::PermissionDenied.into()];
        if cfg!(target_os = "linux") {
            // ENOLCK, ENOSYS, EOPNOTSUPP, EINVAL.
            errors.extend([37, 38, 95, 22].map(Error::from_raw_os_error));
        }
        for error in errors {
            let (why, said) = (error.to_string(), said(Err(TryLockError::Error(error))).unwrap_err());
            assert!(!said.contains("another run is writing") && said.lines().count() == 1, "{said}");
            let parts = ["out: expected a file system with locks, found: ", &why, "; ", "--no-lock continues without"];
            assert!(parts.iter().all(|part| said.contains(part)), "{said}");
        }
    }

    /// A torn last line goes, before the next row is written; whole lines stay, and so do their numbers in messages.
    #[test]
    fn a_torn_line_is_cut_off_and_rows_are_added_behind() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("rows.csv");
        let header = |line: Line| if line.text == "a" { Ok(()) } else { Err(line.expected("a")) };
        let number = |line: Line| line.text.parse::<u32>().map_err(|_| line.expected("a number"));
        let look = || read(&path, header, number);
        let open = |(rows, whole): Contents<u32>| Journal::open(&path, "a", (rows.len(), whole), "rows", None).unwrap();
        assert_eq!(look().unwrap(), (vec![], 0));
        let mut journal = open(look().unwrap());
        journal.add("7\n", 1).unwrap();
        journal.add("8\n", 1).unwrap();
        std::fs::write(&path, "a\n7\n8\n9").unwrap();
        assert_eq!(look().unwrap(), (vec![7, 8], 6));
        open(look().unwrap()).add("10\n", 1).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a\n7\n8\n10\n");
        std::fs::write(&path, "a\n7\nx\n").unwrap();
        let said = look().unwrap_err().to_string();
        assert_eq!(said, format!("{}: line 3: expected a number, found x", path.display()));
        std::fs::write(&path, "b\n7\n").unwrap();
        assert!(look().unwrap_err().to_string().ends_with("line 1: expected a, found b"));
        std::fs::write(&path, [255, b'\n']).unwrap();
        assert!(look().unwrap_err().to_string().ends_with("expected text, found other bytes"));
    }
}
