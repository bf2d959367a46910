//! What the readers of `mote-host` need of its errors. Its own file of them needs the rest of that package.

use std::path::{Path, PathBuf};

/// The input is at fault.
#[derive(Debug)]
pub struct InputError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

impl InputError {
    /// An error in a file.
    pub fn file(path: &Path, what: impl Into<String>) -> Self {
        Self { path: path.into(), what: what.into() }
    }
}

/// Foreign text as it may stand in a message: one line, printable, not too long.
pub fn quoted(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}
