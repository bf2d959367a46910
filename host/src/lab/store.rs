//! The cells of a run on disk: each durable at once, each exactly once, whatever kills the run.

use crate::base::error::{InputError, quoted};
use crate::base::files::OutFolder;
use crate::lab::grid::Config;
use crate::lab::journal::{self, Contents, Journal, Line, Lock};
use crate::lab::parquet;
use anyhow::Context;
use mote_core::math;
use mote_lab::outcome::{Cell, Figures, Outcome};
use mote_lab::place::{GridPoint, Key, Representation};
use mote_lab::recipe::Recipe;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The file of the cells.
pub const NAME: &str = "cells.csv";

/// The columns of `cells.csv`.
pub const HEADER: &str = "n,signal_norm,snr,n_snr2,replicate,dim,head,seed,space,steps,train_loss,test_loss,test_error,\
     converged,seconds,config";

/// Version of the arithmetic of cells, in any space: raised when the same configuration comes to have other cells.
const ARITHMETIC: u32 = 1;

/// What to do about cells that cannot be gone on with.
const WAY_OUT: &str = "give another --out, or delete cells.csv and config.json there to start over";

/// What decides the numbers of a cell beside its place, as one word: recipe, seed, choice of space and arithmetic. A
/// grid with more places has the same digest, and so the same cells.
pub fn digest(config: &Config) -> String {
    // The recipe's own model is the first of the grid; that of a cell is part of its place.
    let recipe = Recipe { dim: 0, head: 0, ..config.recipe };
    let arithmetic = format!("{ARITHMETIC} {}", math::NAME);
    let decides =
        serde_json::to_string(&(arithmetic, config.seed, config.space, recipe)).expect("numbers and names are JSON");
    journal::digest(&decides)
}

/// A cell as its line.
pub fn to_line(cell: &Cell, config: &Config, digest: &str) -> String {
    let GridPoint { samples, signal_norm, replicate, dim, head } = cell.place;
    let snr = config.recipe.snr(&cell.place);
    let (n_snr2, space, steps) = (samples as f64 * snr * snr, cell.space.name(), cell.outcome.steps);
    // A cell that never reached the stop has blanks: never a number, never NaN.
    let figures = match cell.outcome.figures {
        Some(f) => format!("{},{},{},true", f.train_loss, f.test_loss, f.test_error),
        None => ",,,false".into(),
    };
    let (seed, seconds) = (cell.seed, cell.seconds);
    let place = format!("{samples},{signal_norm},{snr},{n_snr2},{replicate},{dim},{head}");
    format!("{place},{seed},{space},{steps},{figures},{seconds:.4},{digest}\n")
}

/// A cell, and the digest of its configuration.
fn parse(line: &str) -> Option<(Cell, &str)> {
    let cells: Vec<&str> = line.split(',').collect();
    let [n, signal, _, _, replicate, dim, head, seed, space, steps, train, test, error, converged, seconds, digest] =
        cells[..]
    else {
        return None;
    };
    let figures = match converged {
        "true" => Some(Figures {
            train_loss: train.parse().ok()?,
            test_loss: test.parse().ok()?,
            test_error: error.parse().ok()?,
        }),
        "false" if train.is_empty() && test.is_empty() && error.is_empty() => None,
        _ => return None,
    };
    let cell = Cell {
        place: GridPoint {
            samples: n.parse().ok()?,
            signal_norm: signal.parse().ok()?,
            replicate: replicate.parse().ok()?,
            dim: dim.parse().ok()?,
            head: head.parse().ok()?,
        },
        seed: seed.parse().ok()?,
        space: Representation::ALL.into_iter().find(|known| known.name() == space)?,
        outcome: Outcome { steps: steps.parse().ok()?, figures },
        seconds: seconds.parse().ok()?,
    };
    Some((cell, digest))
}

/// What rows of the cells of a configuration are, in whatever file they stand.
#[derive(Debug)]
pub struct Rows {
    /// Every place with its seed.
    seeds: HashMap<Key, u64>,
    digest: String,
    /// What to do about rows that are none.
    way_out: &'static str,
}

impl Rows {
    /// Those of a configuration; `way_out` is what to do about others.
    pub fn of(config: &Config, way_out: &'static str) -> Self {
        let seeds = config.places().iter().map(|place| (place.key(), place.seed(config.seed))).collect();
        Self { seeds, digest: digest(config), way_out }
    }

    /// Refuses a first line that is not that of cells.
    ///
    /// # Errors
    ///
    /// What was expected and what was found.
    pub fn header(&self, line: Line) -> Result<(), InputError> {
        match line.text {
            HEADER => Ok(()),
            found if HEADER.strip_suffix(",config") == Some(found) => {
                let found = "expected the column config, found cells without it, of an older mote, and nothing says \
                             which configuration they are of";
                Err(line.wrong(&format!("{found}; {}", self.way_out)))
            }
            _ => Err(line.expected(HEADER)),
        }
    }

    /// The cell of a row.
    ///
    /// # Errors
    ///
    /// If it is no cell, or one of another configuration.
    pub fn cell(&self, line: Line) -> Result<Cell, InputError> {
        let (cell, digest) = parse(line.text).ok_or_else(|| line.expected("a cell"))?;
        if digest != self.digest {
            let found =
                format!("expected cells of this configuration, {}, found one of {}", self.digest, quoted(digest));
            return Err(line.wrong(&format!("{found}; {}", self.way_out)));
        }
        if self.seeds.get(&cell.place.key()) != Some(&cell.seed) {
            return Err(line.expected("a cell of this configuration"));
        }
        Ok(cell)
    }
}

/// The open cells of a run, this process's alone.
#[derive(Debug)]
pub struct Store {
    journal: Journal,
    path: PathBuf,
    config: Config,
    digest: String,
    /// Cells found when it was opened.
    pub done: Vec<Cell>,
}

impl Store {
    /// Opens the cells in a folder, or begins them. A torn last line, as a killed run leaves it, is cut off. Without
    /// the lock, two runs may write into the folder at once: its user has said that none does.
    ///
    /// # Errors
    ///
    /// [`InputError`] if another run holds the folder or its file system has no locks, if it was written by another
    /// configuration (with the differences), or if a line but the last is not a cell of it. The folder is then as it
    /// was, or still missing.
    pub fn open(folder: &Path, config: &Config, is_locked: bool) -> anyhow::Result<(Self, OutFolder)> {
        // Looked at before anything is made in it, and again when nobody else can change it.
        look(folder, config)?;
        let out = OutFolder::open(folder)?;
        let lock = if is_locked { Some(Lock::take(folder)?) } else { None };
        let Table { cells: done, whole, restored } = look(folder, config)?;
        write_config(&out, config)?;
        if let Some(csv) = restored {
            out.write(NAME, csv.as_bytes())?;
        }
        let journal = Journal::open(&folder.join(NAME), HEADER, (done.len(), whole), "cells", lock)?;
        let (path, digest, config) = (folder.join(NAME), digest(config), config.clone());
        Ok((Self { journal, path, config, digest, done }, out))
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
                cells.by_ref().take(MANY).map(|cell| to_line(cell, &self.config, &self.digest)).collect();
            self.journal.add(&some.concat(), some.len())?;
        }
        Ok(())
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

/// Writes the configuration of a folder that has none.
///
/// # Errors
///
/// If it cannot be written.
pub fn write_config(out: &OutFolder, config: &Config) -> anyhow::Result<()> {
    if out.path().join("config.json").exists() {
        return Ok(());
    }
    out.write("config.json", format!("{}\n", serde_json::to_string_pretty(config)?).as_bytes())
}

/// The cells that a folder has.
#[derive(Debug, Default)]
pub struct Table {
    /// All of them.
    pub cells: Vec<Cell>,
    /// Length of `cells.csv` in whole lines.
    whole: u64,
    /// What `cells.csv` is to be where only `cells.parquet` is there.
    restored: Option<String>,
}

/// The cells in a folder, none if there is no folder; refuses one of another configuration. Nothing is changed.
///
/// # Errors
///
/// As [`Store::open`].
pub fn look(folder: &Path, config: &Config) -> anyhow::Result<Table> {
    let has_settings = check_config(folder, config, WAY_OUT)?;
    let (csv, parquet) = (folder.join(NAME), folder.join(parquet::NAME));
    if csv.exists() {
        let bytes = std::fs::read(&csv).with_context(|| csv.display().to_string())?;
        let (cells, whole) = read(&csv, &bytes, config)?;
        return Ok(Table { cells, whole, restored: None });
    }
    // Without its configuration, the folder was to start over.
    if !has_settings || !parquet.exists() {
        return Ok(Table::default());
    }
    let text = parquet::to_csv(&parquet)?;
    let (cells, whole) = read(&parquet, text.as_bytes(), config)?;
    Ok(Table { cells, whole, restored: Some(text) })
}

/// Whether a folder has a configuration; refuses another one. `way_out` is what to do about it.
///
/// # Errors
///
/// [`InputError`] with the differences.
pub fn check_config(folder: &Path, config: &Config, way_out: &str) -> anyhow::Result<bool> {
    let settings = folder.join("config.json");
    let has_settings = settings.exists();
    if has_settings {
        let text = std::fs::read_to_string(&settings).with_context(|| settings.display().to_string())?;
        let there = serde_json::from_str(&text).map_err(|e| {
            InputError::file(
                &settings,
                format!("expected the configuration of a run, found: {}", quoted(&e.to_string())),
            )
        })?;
        let differences = differences(&there, config)?;
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

/// The cells of a file, and the length of its part in whole lines.
fn read(path: &Path, bytes: &[u8], config: &Config) -> anyhow::Result<Contents<Cell>> {
    let rows = Rows::of(config, WAY_OUT);
    let mut seen = HashMap::new();
    let row = |line: Line| {
        let cell = rows.cell(line)?;
        match seen.insert(cell.place.key(), line.number) {
            Some(first) => Err(line.expected(&format!("another cell than in line {first}"))),
            None => Ok(cell),
        }
    };
    journal::parse(path, bytes, |line| rows.header(line), row)
}

/// What differs between a folder's configuration and this one, value by value.
fn differences(there: &serde_json::Value, config: &Config) -> anyhow::Result<Vec<String>> {
    fn walk(path: &str, a: &serde_json::Value, b: &serde_json::Value, out: &mut Vec<String>) {
        match (a.as_object(), b.as_object()) {
            (Some(a), Some(b)) => {
                let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
                for key in keys {
                    let null = serde_json::Value::Null;
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    walk(&path, a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null), out);
                }
            }
            _ if a != b => {
                out.push(format!("{path} {} there, {} here", quoted(&a.to_string()), quoted(&b.to_string())))
            }
            _ => {}
        }
    }
    let mut out = Vec::new();
    walk("", there, &serde_json::to_value(config)?, &mut out);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::options::{Options, RepresentationChoice};
    use super::super::presets::preset;
    use super::*;

    /// A grid may grow; whatever changes a cell changes the digest, and no program takes it for a number.
    #[test]
    fn the_digest_is_of_what_decides_a_cell() {
        let law = preset("law").unwrap();
        let of = |options: Options| digest(&law.clone().with(&options).unwrap());
        let none = Options::default;
        let own = of(none());
        assert!(own.len() == 17 && own.starts_with('c') && own.parse::<f64>().is_err(), "{own}");
        // Folders of an earlier day are still to be opened: computed once by another program.
        let pinned = if math::NAME == "libm" { "c4a3a04d76c98e9cd" } else { &own };
        assert_eq!(own, pinned);
        let more = Options { n: Some("4,8,16,32".into()), signal: Some("1,2".into()), ..none() };
        let larger = Options { dim: Some("8,128".into()), head: Some("8".into()), replicates: Some(7), ..none() };
        assert_eq!([of(more), of(larger)], [own.clone(), own.clone()], "the same cells, and more");
        let changed = [
            Options { seed: Some(2), ..none() },
            Options { lr: Some(0.25), ..none() },
            Options { tokens: Some(5), ..none() },
            Options { noise_norm: Some(5.0), ..none() },
            Options { stop_loss: Some(0.02), ..none() },
            Options { max_steps: Some(6000), ..none() },
            Options { test_samples: Some(100), ..none() },
            Options { space: Some(RepresentationChoice::Free), ..none() },
        ];
        let mut all: Vec<String> = changed.into_iter().map(of).chain([own]).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 9, "{all:?}");
    }
}
