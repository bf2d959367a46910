//! A bench for the `mote` program: a scratch folder, right and wrong files, and what training makes of them.

use crate::archive::Archive;
use crate::refused;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A file of the golden data.
pub fn golden(file: &str) -> String {
    format!("{}/golden/{file}.npz", env!("CARGO_MANIFEST_DIR"))
}

/// What a program at a path does with arguments.
///
/// # Panics
///
/// If it cannot be started.
pub fn mote(program: &str, args: &[&str]) -> Output {
    Command::new(program).args(args).stdin(Stdio::null()).output().unwrap()
}

/// The text of a file.
///
/// # Panics
///
/// If it cannot be read.
pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Tokens of two samples of two tokens of three numbers.
pub const X: [f32; 12] = [1., 0., 0., 0.5, 0., 1., 0., 1., 0., 0., 0., 0.5];
/// Their labels.
pub const Y: [f32; 2] = [1., -1.];

/// A right data file.
pub fn right() -> Archive {
    Archive::new().with("X", &[2, 2, 3], &X).with("y", &[2], &Y)
}

/// A scratch folder with a right data file in it, and the output folder of a run.
pub struct Bench {
    program: &'static str,
    folder: TempDir,
}

impl Bench {
    /// A fresh folder for the program at a path.
    ///
    /// # Panics
    ///
    /// If there is no place for it.
    pub fn new(program: &'static str) -> Self {
        Self { program, folder: TempDir::new().unwrap() }
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A path in the folder, as text.
    ///
    /// # Panics
    ///
    /// If it is not text.
    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().into()
    }

    /// `mote train` on a file with more options; results in `out`.
    pub fn train(&self, data: &str, more: &[&str]) -> Output {
        let out = self.text("out");
        let mut args = vec!["train", "--data", data, "--out", &out];
        args.extend(more);
        if cfg!(unix) {
            // What never ends fails: no training of a bench takes a minute of the processor.
            let limited = [&["-c", "ulimit -t 60; exec \"$0\" \"$@\"", self.program], &args[..]].concat();
            return mote("sh", &limited);
        }
        mote(self.program, &args)
    }

    /// Training must refuse the file with one line that holds all of `expected`, exit with 2 and write
    /// nothing.
    ///
    /// # Panics
    ///
    /// If it did otherwise.
    pub fn refuses(&self, data: &str, more: &[&str], expected: &[&str]) {
        let mut args = vec!["--steps", "3", "--lr", "0.1"];
        args.extend(more);
        let output = self.train(data, &args);
        refused(&output, expected);
        assert!(!self.path("out").exists(), "something was written");
    }

    /// As [`Bench::refuses`], for a file made here.
    ///
    /// # Panics
    ///
    /// If training did otherwise.
    pub fn refuses_file(&self, archive: &Archive, expected: &[&str]) {
        let data = self.path("bad.npz");
        archive.save(&data);
        let mut all = vec!["bad.npz"];
        all.extend(expected);
        self.refuses(data.to_str().unwrap(), &[], &all);
    }
}
