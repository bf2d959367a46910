//! The cells of a run on disk: each durable at once, each exactly once, whatever kills the run.

use crate::base::error::{InputError, quoted};
use crate::base::files::OutFolder;
use crate::lab::grid::Config;
use crate::lab::journal::{self, Journal, Line, Lock};
use crate::lab::parquet::{self, Columns};
use crate::lab::rows::{Rows, digest, header, to_line, to_text, wide_enough};
use anyhow::Context;
use mote_lab::outcome::Cell;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// The file of the cells.
pub const NAME: &str = "cells.csv";

/// What to do about cells that cannot be gone on with.
const WAY_OUT: &str = "give another --out, or delete cells.csv and config.json there to start over";

/// The open cells of a run, this process's alone.
#[derive(Debug)]
pub struct Store {
    journal: Journal,
    path: PathBuf,
    config: Config,
    digest: String,
    /// The extra axes that have a column.
    extra: Columns,
    /// Cells found when it was opened, on the grid and off it.
    pub done: Vec<Cell>,
    _lock: Option<Lock>,
}

impl Store {
    /// Opens the cells in a folder, or begins them. A torn last line, as a killed run leaves it, is cut off. Without
    /// the lock, two runs may write into the folder at once: its user has said that none does.
    ///
    /// # Errors
    ///
    /// [`InputError`] if another run holds the folder or its file system has no locks, if its cells are of another
    /// recipe, seed or choice of space (with the differences), or if a line but the last is not a cell of it. The folder
    /// is then as it was, or still missing.
    pub fn open(folder: &Path, config: &Config, is_locked: bool) -> anyhow::Result<(Self, OutFolder)> {
        // Looked at before anything is made in it, and again when nobody else can change it.
        look(folder, config)?;
        let out = OutFolder::open(folder)?;
        let lock = if is_locked { Some(Lock::take(folder)?) } else { None };
        let Table { cells: done, mut whole, restored, extra: there } = look(folder, config)?;
        write_config(&out, config)?;
        let path = folder.join(NAME);
        let extra = wide_enough(&[there.clone(), config.swept()].concat(), &[], config);
        // Rows of one file have the same columns.
        let text = if whole > 0 && extra != there { Some(to_text(&done, config, &extra)) } else { restored };
        if let Some(text) = text {
            out.write(NAME, text.as_bytes())?;
            whole = text.len() as u64;
        }
        let journal = Journal::open(&path, &header(&extra), (done.len(), whole), "cells", None)?;
        Ok((Self { journal, path, config: config.clone(), digest: digest(config), extra, done, _lock: lock }, out))
    }

    /// Adds a cell; when this returns, it is on the disk.
    ///
    /// # Errors
    ///
    /// If it cannot be written. What was there before is there still, and the same command goes on from it.
    pub fn add(&mut self, cell: &Cell) -> anyhow::Result<()> {
        self.add_all([cell])
    }

    /// Adds many cells; when this returns, they are on the disk.
    ///
    /// # Errors
    ///
    /// As [`Store::add`]; some of the cells may be there.
    pub fn add_all<'a>(&mut self, cells: impl IntoIterator<Item = &'a Cell>) -> anyhow::Result<()> {
        /// Cells that are written and waited for at once.
        const MANY: usize = 10_000;
        let mut cells = cells.into_iter().peekable();
        while cells.peek().is_some() {
            let some: Vec<_> =
                cells.by_ref().take(MANY).map(|cell| to_line(cell, &self.config, &self.digest, &self.extra)).collect();
            self.journal.add(&some.concat(), some.len())?;
        }
        Ok(())
    }

    /// Takes cells of another table over, whatever extra axes they have.
    ///
    /// # Errors
    ///
    /// As [`Store::add_all`].
    pub fn merge(&mut self, cells: Vec<Cell>, out: &OutFolder) -> anyhow::Result<()> {
        let extra = wide_enough(&self.extra, &cells, &self.config);
        if extra == self.extra {
            self.add_all(&cells)?;
            self.done.extend(cells);
            return Ok(());
        }
        self.done.extend(cells);
        self.extra = extra;
        let text = to_text(&self.done, &self.config, &self.extra);
        out.write(NAME, text.as_bytes())?;
        let there = (self.done.len(), text.len() as u64);
        self.journal = Journal::open(&self.path, &header(&self.extra), there, "cells", None)?;
        Ok(())
    }

    /// Puts the rows into the order of the grid: these, which are all. No cell can be added after that.
    ///
    /// # Errors
    ///
    /// If the file cannot be written; it is then as it was.
    pub fn sort(&self, cells: &[Cell], out: &OutFolder) -> anyhow::Result<()> {
        let text = to_text(cells, &self.config, &self.extra);
        if std::fs::read(&self.path).is_ok_and(|there| there == text.as_bytes()) {
            return Ok(());
        }
        out.write(NAME, text.as_bytes()).context("all cells are saved; the same command continues from here")
    }

    /// The extra axes that have a column.
    pub fn extra(&self) -> &Columns {
        &self.extra
    }

    /// Removes `cells.csv`, which `cells.parquet` stands for from now on.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    pub fn into_parquet(self) -> anyhow::Result<()> {
        std::fs::remove_file(&self.path).with_context(|| format!("{}: cannot be removed", self.path.display()))
    }
}

/// Writes the configuration, where it is not there already.
///
/// # Errors
///
/// If it cannot be written.
pub fn write_config(out: &OutFolder, config: &Config) -> anyhow::Result<()> {
    let text = format!("{}\n", serde_json::to_string_pretty(config)?);
    if std::fs::read(out.path().join("config.json")).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    out.write("config.json", text.as_bytes())
}

/// What was concluded from a folder before.
#[derive(Clone, Copy, Debug)]
pub struct Concluded {
    /// The cut of its page and pictures.
    pub cut: f64,
    /// Whether it was concluded from this configuration.
    pub is_current: bool,
}

/// What was concluded from a folder before; `None` where nothing was.
pub fn concluded(out: &OutFolder, config: &Config) -> Option<Concluded> {
    let json = |name: &str| -> Option<Value> {
        let bytes = std::fs::read(out.path().join(name)).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    // The page is written last.
    let is_whole = out.path().join("report.html").exists();
    let is_of = |run: Value| serde_json::to_value(config).is_ok_and(|config| run["config"] == config);
    let is_current = is_whole && json("run.json").is_some_and(is_of);
    Some(Concluded { cut: json("boundary.json")?["cut"].as_f64()?, is_current })
}

/// The cells that a folder has.
#[derive(Debug, Default)]
pub struct Table {
    /// All of them, on the grid and off it.
    pub cells: Vec<Cell>,
    /// Length of `cells.csv` in whole lines.
    whole: u64,
    /// What `cells.csv` is to be where only `cells.parquet` is there.
    restored: Option<String>,
    /// The extra axes that have a column.
    extra: Columns,
}

/// The cells in a folder, none if there is no folder; refuses one whose cells this configuration would not have.
/// Nothing is changed.
///
/// # Errors
///
/// As [`Store::open`].
pub fn look(folder: &Path, config: &Config) -> anyhow::Result<Table> {
    let has_settings = check_config(folder, config, WAY_OUT)?;
    let (csv, parquet) = (folder.join(NAME), folder.join(parquet::NAME));
    if csv.exists() {
        let bytes = std::fs::read(&csv).with_context(|| csv.display().to_string())?;
        return read(&csv, &bytes, config);
    }
    // Without its configuration, the folder was to start over.
    if !has_settings || !parquet.exists() {
        return Ok(Table::default());
    }
    let text = parquet::to_csv(&parquet)?;
    let table = read(&parquet, text.as_bytes(), config)?;
    Ok(Table { restored: Some(text), ..table })
}

/// Whether a folder has a configuration; refuses one that decides otherwise what a cell is. `way_out` is what to do
/// about it.
///
/// # Errors
///
/// [`InputError`] with the differences.
pub fn check_config(folder: &Path, config: &Config, way_out: &str) -> anyhow::Result<bool> {
    let settings = folder.join("config.json");
    let has_settings = settings.exists();
    if has_settings {
        let text = std::fs::read_to_string(&settings).with_context(|| settings.display().to_string())?;
        let there: Value = serde_json::from_str(&text).map_err(|e| {
            InputError::file(
                &settings,
                format!("expected the configuration of a run, found: {}", quoted(&e.to_string())),
            )
        })?;
        let differences = differences(&there, &serde_json::to_value(config)?);
        if !differences.is_empty() {
            let found = format!(
                "expected a folder of this configuration, found another: {}; {way_out}",
                differences.join("; ")
            );
            return Err(InputError::file(folder, found).into());
        }
    }
    Ok(has_settings)
}

/// The cells of a file.
fn read(path: &Path, bytes: &[u8], config: &Config) -> anyhow::Result<Table> {
    let rows = Rows::of(config, WAY_OUT);
    let mut seen = HashMap::new();
    let row = |line: Line| {
        let cell = rows.cell(line)?;
        match seen.insert(cell.place.key(), line.number) {
            Some(first) => Err(line.expected(&format!("another cell than in line {first}"))),
            None => Ok(cell),
        }
    };
    let (cells, whole) = journal::parse(path, bytes, |line| rows.header(line), row)?;
    Ok(Table { cells, whole, restored: None, extra: rows.into_extra() })
}

/// What decides the numbers of a cell differs between a folder's configuration and this one, value by value. The grid may
/// grow: a cell's place says of itself where it is.
fn differences(there: &Value, here: &Value) -> Vec<String> {
    const DECIDES: [&str; 3] = ["recipe", "seed", "space"];
    fn walk(path: &str, a: &Value, b: &Value, out: &mut Vec<String>) {
        // The recipe's own model is the first of the grid.
        if ["recipe.dim", "recipe.head"].contains(&path) {
            return;
        }
        match (a.as_object(), b.as_object()) {
            (Some(a), Some(b)) => {
                let keys: BTreeSet<_> = a.keys().chain(b.keys()).collect();
                for key in keys {
                    walk(
                        &format!("{path}.{key}"),
                        a.get(key).unwrap_or(&Value::Null),
                        b.get(key).unwrap_or(&Value::Null),
                        out,
                    );
                }
            }
            _ if a != b => {
                out.push(format!("{path} {} there, {} here", quoted(&a.to_string()), quoted(&b.to_string())))
            }
            _ => {}
        }
    }
    let mut out = Vec::new();
    DECIDES.iter().for_each(|key| walk(key, &there[*key], &here[*key], &mut out));
    out
}
