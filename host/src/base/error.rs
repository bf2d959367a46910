//! What can be wrong, and the exit status it ends with.

use std::path::{Path, PathBuf};

/// The input, not the program, is at fault: exit status 2. Always one line that names what, where,
/// what was expected and what was found.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// A file, or an array in it.
    #[error("{}: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// An option of the command line.
    #[error("--{option}: {what}")]
    Option {
        /// Its long name.
        option: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// The value of an option, as the parser of the command line refuses it.
    #[error("{what}")]
    Value {
        /// The option and what is wrong with its value.
        what: String,
    },
    /// Training left the finite numbers.
    #[error(
        "training diverged at step {step}: {what}; try a learning rate below {}; the last finite weights are \
         saved in {}", short(*learning_rate), saved.display()
    )]
    Diverged {
        /// The step that could not be done.
        step: u32,
        /// What is not finite.
        what: String,
        /// The learning rate that was too large.
        learning_rate: f32,
        /// Where the weights are.
        saved: PathBuf,
    },
}

/// Interrupted by the user: exit status 130.
#[derive(Debug, thiserror::Error)]
#[error("interrupted after {done}; {}", match saved {
    Some(path) => format!("the results so far are saved in {}", path.display()),
    None => "nothing is saved; the same command starts over".into(),
})]
pub struct Interrupted {
    /// What was done before.
    pub done: String,
    /// Where the results are, if they were to be saved.
    pub saved: Option<PathBuf>,
}

/// A program that was run for the user failed: its exit status is ours.
#[derive(Debug, thiserror::Error)]
#[error("{command} ended with status {status}")]
pub struct ProgramFailed {
    /// What was run.
    pub command: String,
    /// How it ended, not 0.
    pub status: i32,
}

impl InputError {
    /// An error in a file.
    pub fn file(path: &Path, what: impl Into<String>) -> Self {
        Self::File { path: path.into(), what: what.into() }
    }

    /// An error in an option.
    pub fn option(option: &'static str, what: impl Into<String>) -> Self {
        Self::Option { option, what: what.into() }
    }
}

/// A number in few letters, whatever its size.
pub fn short(number: f32) -> String {
    if (1e-4..1e6).contains(&number.abs()) { number.to_string() } else { format!("{number:e}") }
}

/// Foreign text as it may stand in a message: one line, printable, not too long.
pub fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut escaped: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().count() > LONGEST {
        escaped.push_str("...");
    }
    escaped
}
