//! The tables of a results folder, column by column.

use crate::base::error::{InputError, quoted};
use crate::base::lists;
use std::path::{Path, PathBuf};

/// A CSV file as it was written by a run. Columns are parsed when they are asked for: of a million rows, few are.
#[derive(Debug)]
pub struct Table {
    path: PathBuf,
    names: Vec<String>,
    text: String,
}

impl Table {
    /// The table of a file; nothing if there is none.
    ///
    /// # Errors
    ///
    /// [`InputError`] if it cannot be read, or if a row has not as many values as there are columns.
    pub fn open(path: &Path) -> Result<Option<Self>, InputError> {
        if !path.exists() {
            return Ok(None);
        }
        let mut text = std::fs::read_to_string(path)
            .map_err(|error| InputError::file(path, format!("expected a table as text, found: {error}")))?;
        // Bytes behind the last line feed are a line that is being written.
        text.truncate(text.rfind('\n').map_or(0, |at| at + 1));
        let names: Vec<String> = text.lines().next().unwrap_or_default().split(',').map(String::from).collect();
        for (n, line) in text.lines().enumerate() {
            let found = line.split(',').count();
            if found != names.len() {
                let what = format!("line {}: expected {} columns, found {found}", n + 1, names.len());
                return Err(InputError::file(path, what));
            }
        }
        if text.lines().nth(1).is_none() {
            return Err(InputError::file(path, "expected rows, found none"));
        }
        Ok(Some(Self { path: path.into(), names, text }))
    }

    /// The names of its columns.
    pub fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    /// Whether it has a column.
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// A column as it is written, from the first row down.
    ///
    /// # Errors
    ///
    /// [`InputError`] that names the option and the nearest columns, if there is no such column.
    pub fn words(&self, option: &'static str, name: &str) -> Result<Vec<&str>, InputError> {
        let at = self.names.iter().position(|known| known == name);
        let at = at.ok_or_else(|| lists::unknown(option, name, &self.names()))?;
        Ok(self.text.lines().skip(1).map(|line| line.split(',').nth(at).unwrap_or_default()).collect())
    }

    /// A column of numbers: true is 1, false 0, and what is blank is not a number.
    ///
    /// # Errors
    ///
    /// As [`Self::words`], and if it has other words.
    pub fn numbers(&self, option: &'static str, name: &str) -> Result<Vec<f64>, InputError> {
        let number = |(n, word): (usize, &str)| match word {
            "" => Ok(f64::NAN),
            "true" => Ok(1.0),
            "false" => Ok(0.0),
            word => word.parse().map_err(|_| {
                let found = format!("found \"{}\" in line {} of {}", quoted(word), n + 2, self.path.display());
                InputError::option(option, format!("expected a column of numbers, {found}"))
            }),
        };
        self.words(option, name)?.into_iter().enumerate().map(number).collect()
    }
}

/// What a column is called in a picture, with its unit.
pub fn label(name: &str) -> String {
    let known = match name {
        "n" => "N",
        "signal_norm" => "signal norm",
        "snr" => "SNR",
        "n_snr2" => "N SNR\u{b2}",
        "dim" => "D",
        "head" => "H",
        "flip" => "label noise \u{3b1}",
        "train_loss" => "training loss",
        "attention_signal" => "attention on the signal",
        "attention_noise" => "attention on noise",
        "v_signal" => "V_\u{3bc}, signal",
        "v_noise" => "V_\u{3be}, noise",
        "qk_signal_signal" => "q_\u{3bc}\u{b7}k_\u{3bc}",
        "qk_signal_noise" => "q_\u{3bc}\u{b7}k_\u{3be}2",
        "qk_xi3_signal" => "q_\u{3be}3\u{b7}k_\u{3bc}",
        "qk_xi3_noise" => "q_\u{3be}3\u{b7}k_\u{3be}2",
        "test_error" => "0-1 test error",
        "converged" => "share that converged",
        "seconds" => "time of a cell (s)",
        other => return other.replace('_', " "),
    };
    known.into()
}
