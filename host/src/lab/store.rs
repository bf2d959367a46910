//! The cells of a run on disk: each durable at once, each exactly once, whatever kills the run.

use crate::base::error::{InputError, quoted};
use crate::base::files::OutFolder;
use crate::lab::grid::Config;
use crate::lab::journal::{self, Journal, Line, Lock};
use anyhow::Context;
use mote_core::math;
use mote_core::rng::mix;
use mote_lab::axes::{self, Axis, NEUTRAL};
use mote_lab::outcome::{Cell, Figures, Outcome};
use mote_lab::place::{GridPoint, Representation};
use mote_lab::recipe::Recipe;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

/// The file of the cells.
const NAME: &str = "cells.csv";

/// The columns of `cells.csv`. Those of extra axes in use come before the last.
pub const HEADER: &str = "n,signal_norm,snr,n_snr2,replicate,dim,head,seed,space,steps,train_loss,test_loss,test_error,\
     converged,seconds,config";

/// Extra axes that have a column, and where [`GridPoint::extra`] has them.
pub type Columns = Vec<(&'static Axis, usize)>;

/// The first line of `cells.csv` where these extra axes are in use.
pub fn header(extra: &Columns) -> String {
    let (front, last) = HEADER.rsplit_once(',').unwrap_or((HEADER, ""));
    extra.iter().map(|(axis, _)| axis.column).fold(front.to_owned(), |line, column| line + "," + column) + "," + last
}

/// The extra axes that have a column, by the first line; `None` if it is not one of `cells.csv`.
fn extra_of(line: &str, axes: &'static [Axis]) -> Option<Columns> {
    let (front, last) = HEADER.rsplit_once(',')?;
    let columns = line.strip_prefix(front)?.strip_suffix(last)?.strip_suffix(',')?;
    let known = |column: &str| axes::extra(axes).find(|(axis, _)| axis.column == column);
    columns.split(',').skip(1).map(known).collect()
}

/// Version of the arithmetic of cells, in any space: raised when the same configuration comes to have other cells.
const ARITHMETIC: u32 = 1;

/// What to do about cells that cannot be gone on with.
const WAY_OUT: &str = "give another --out, or delete cells.csv and config.json there to start over";

/// What decides the numbers of a cell beside its place, as one word: recipe, seed, choice of space and arithmetic. A
/// grid with more places has the same digest, and so the same cells. The letter in front makes it text for every
/// program that guesses types.
pub fn digest(config: &Config) -> String {
    // The recipe's own model is the first of the grid; that of a cell is part of its place.
    let recipe = Recipe { dim: 0, head: 0, ..config.recipe };
    let arithmetic = format!("{ARITHMETIC} {}", math::NAME);
    let decides =
        serde_json::to_string(&(arithmetic, config.seed, config.space, recipe)).expect("numbers and names are JSON");
    let hash = decides.bytes().fold(0, |hash, byte| mix(hash ^ u64::from(byte)));
    format!("c{hash:016x}")
}

/// A cell as its line.
fn to_line(cell: &Cell, config: &Config, digest: &str, extra: &Columns) -> String {
    let GridPoint { samples, signal_norm, replicate, dim, head, .. } = cell.place;
    let snr = config.recipe.snr(&cell.place);
    let (n_snr2, space, steps) = (samples as f64 * snr * snr, cell.space.name(), cell.outcome.steps);
    // A cell that never reached the stop has blanks: never a number, never NaN.
    let figures = match cell.outcome.figures {
        Some(f) => format!("{},{},{},true", f.train_loss, f.test_loss, f.test_error),
        None => ",,,false".into(),
    };
    let (seed, seconds) = (cell.seed, cell.seconds);
    let place = format!("{samples},{signal_norm},{snr},{n_snr2},{replicate},{dim},{head}");
    let extra = extra.iter().map(|(axis, at)| format!("{},", axis.shown(cell.place.extra[*at]))).collect::<String>();
    format!("{place},{seed},{space},{steps},{figures},{seconds:.4},{extra}{digest}\n")
}

/// A cell, and the digest of its configuration.
fn parse<'l>(line: &'l str, extra: &Columns) -> Option<(Cell, &'l str)> {
    let cells: Vec<&str> = line.split(',').collect();
    let [
        n,
        signal,
        _,
        _,
        replicate,
        dim,
        head,
        seed,
        space,
        steps,
        train,
        test,
        error,
        converged,
        seconds,
        ref rest @ ..,
    ] = cells[..]
    else {
        return None;
    };
    let (digest, values) = rest.split_last()?;
    let mut moved = NEUTRAL;
    if values.len() != extra.len() {
        return None;
    }
    for ((axis, at), value) in extra.iter().zip(values) {
        moved[*at] = axis.kept(value.parse().ok()?);
    }
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
            extra: moved,
        },
        seed: seed.parse().ok()?,
        space: Representation::ALL.into_iter().find(|known| known.name() == space)?,
        outcome: Outcome { steps: steps.parse().ok()?, figures },
        seconds: seconds.parse().ok()?,
    };
    Some((cell, digest))
}

/// The open cells of a run, this process's alone.
#[derive(Debug)]
pub struct Store {
    journal: Journal,
    config: Config,
    digest: String,
    /// The extra axes that have a column.
    extra: Columns,
    /// Cells of the grid, found when it was opened.
    pub done: Vec<Cell>,
    /// Cells found that are not of the grid: they are the run's all the same, and stay.
    pub others: Vec<Cell>,
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
        let Found { cells, mut whole, extra: there } = look(folder, config)?;
        let settings = format!("{}\n", serde_json::to_string_pretty(config)?);
        let is_there = std::fs::read(folder.join("config.json")).is_ok_and(|there| there == settings.as_bytes());
        if !is_there {
            out.write("config.json", settings.as_bytes())?;
        }
        let (own, digest) = (config.swept(), digest(config));
        let extra: Columns =
            axes::extra(config.axes).filter(|axis| there.contains(axis) || own.contains(axis)).collect();
        if whole > 0 && extra != there {
            // Rows of one file have the same columns.
            let text = to_text(&cells, config, &digest, &extra);
            out.write(NAME, text.as_bytes())?;
            whole = text.len() as u64;
        }
        let journal = Journal::open(&folder.join(NAME), &header(&extra), (cells.len(), whole), "cells", lock)?;
        let places: HashSet<_> = config.places().iter().map(GridPoint::key).collect();
        let (done, others) = cells.into_iter().partition(|cell| places.contains(&cell.place.key()));
        Ok((Self { journal, config: config.clone(), digest, extra, done, others }, out))
    }

    /// Adds a cell; when this returns, it is on the disk.
    ///
    /// # Errors
    ///
    /// If it cannot be written. What was there before is there still, and the same command goes on from it.
    pub fn add(&mut self, cell: &Cell) -> anyhow::Result<()> {
        self.journal.add(&to_line(cell, &self.config, &self.digest, &self.extra))
    }

    /// Puts all rows into the order of the grid, given every cell of it. No cell can be added after that.
    ///
    /// # Errors
    ///
    /// If the file cannot be written; it is then as it was.
    pub fn sort(self, cells: &[Cell], out: &OutFolder) -> anyhow::Result<Sorted> {
        let Self { journal, config, digest, extra, others, .. } = self;
        let mut all: Vec<Cell> = cells.iter().chain(&others).cloned().collect();
        all.sort_by_key(|cell| cell.place.key());
        let text = to_text(&all, &config, &digest, &extra);
        let is_sorted = std::fs::read(out.path().join(NAME)).is_ok_and(|there| there == text.as_bytes());
        if !is_sorted {
            out.write(NAME, text.as_bytes()).context("all cells are saved; the same command continues from here")?;
        }
        Ok(Sorted { all, extra, others: others.len(), _journal: journal })
    }
}

/// All cells of a folder, which stays locked as long as this lives.
#[derive(Debug)]
pub struct Sorted {
    /// Every row, in the order of the grid.
    pub all: Vec<Cell>,
    /// The extra axes that have a column.
    pub extra: Columns,
    /// Rows that are not of the grid.
    pub others: usize,
    _journal: Journal,
}

/// What was concluded from a folder before.
#[derive(Clone, Debug)]
pub struct Concluded {
    /// The cut of its page and pictures.
    pub cut: f64,
    /// Whether it was concluded from this configuration.
    pub is_current: bool,
}

/// What was concluded from a folder before; `None` where nothing was, or nobody can tell.
pub fn concluded(out: &OutFolder, config: &Config) -> Option<Concluded> {
    let json =
        |name: &str| -> Option<Value> { serde_json::from_slice(&std::fs::read(out.path().join(name)).ok()?).ok() };
    // The page is written last.
    let is_whole = out.path().join("report.html").exists();
    let run = json("run.json");
    let is_of = |run: &Value| serde_json::to_value(config).is_ok_and(|config| run["config"] == config);
    let is_current = is_whole && run.is_some_and(|run| is_of(&run));
    Some(Concluded { cut: json("boundary.json")?["cut"].as_f64()?, is_current })
}

/// Cells as the text of their file.
fn to_text(cells: &[Cell], config: &Config, digest: &str, extra: &Columns) -> String {
    let lines = cells.iter().map(|cell| to_line(cell, config, digest, extra));
    std::iter::once(header(extra) + "\n").chain(lines).collect()
}

/// What a folder has: cells, the length of their file in whole lines, and the extra axes that have a column there.
struct Found {
    cells: Vec<Cell>,
    whole: u64,
    extra: Columns,
}

/// The cells in a folder; refuses a folder whose cells this configuration would not have.
fn look(folder: &Path, config: &Config) -> anyhow::Result<Found> {
    let settings = folder.join("config.json");
    if settings.exists() {
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
                "expected a folder of this configuration, found another: {}; {WAY_OUT}",
                differences.join("; ")
            );
            return Err(InputError::file(folder, found).into());
        }
    }
    read(&folder.join(NAME), config)
}

/// The cells of a file.
fn read(path: &Path, config: &Config) -> anyhow::Result<Found> {
    let extra = RefCell::new(Columns::new());
    let header = |line: Line| match extra_of(line.text, config.axes) {
        Some(found) => {
            *extra.borrow_mut() = found;
            Ok(())
        }
        None if HEADER.strip_suffix(",config") == Some(line.text) => {
            let found = "expected the column config, found cells without it, of an older mote, and nothing says which \
                         configuration they are of";
            Err(line.wrong(&format!("{found}; {WAY_OUT}")))
        }
        None => Err(line.expected(HEADER)),
    };
    let own = digest(config);
    let mut seen = HashMap::new();
    let row = |line: Line| {
        let (cell, digest) = parse(line.text, &extra.borrow()).ok_or_else(|| line.expected("a cell"))?;
        if digest != own {
            let found = format!("expected cells of this configuration, {own}, found one of {}", quoted(digest));
            return Err(line.wrong(&format!("{found}; {WAY_OUT}")));
        }
        if cell.place.seed(config.seed) != cell.seed {
            return Err(line.expected("a cell of this configuration"));
        }
        if let Some(first) = seen.insert(cell.place.key(), line.number) {
            return Err(line.expected(&format!("another cell than in line {first}")));
        }
        Ok(cell)
    };
    let (cells, whole) = journal::read(path, header, row)?;
    Ok(Found { cells, whole, extra: extra.into_inner() })
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

#[cfg(test)]
mod tests {
    use super::super::options::Options;
    use super::super::presets::preset;
    use super::*;

    /// A grid may grow; whatever changes a cell changes the digest, and no program takes it for a number.
    #[test]
    fn the_digest_is_of_what_decides_a_cell() {
        let law = preset("law").unwrap();
        let of = |options: Options| digest(&law.clone().with(&options).unwrap());
        let own = of(Options::default());
        assert!(own.len() == 17 && own.starts_with('c') && own.parse::<f64>().is_err(), "{own}");
        // Folders of an earlier day are still to be opened: computed once by another program.
        let pinned = if math::NAME == "libm" { "c4a3a04d76c98e9cd" } else { &own };
        assert_eq!(own, pinned);
        let more = Options::of([("n", "4,8,16,32"), ("signal", "1,2"), ("flip", "0,0.1")]);
        let larger = Options::of([("dim", "8,128"), ("head", "8"), ("replicates", "7"), ("cut", "0.3")]);
        assert_eq!([of(more), of(larger)], [own.clone(), own.clone()], "the same cells, and more");
        let changed = [
            ("seed", "2"),
            ("lr", "0.25"),
            ("tokens", "5"),
            ("noise-norm", "5"),
            ("stop-loss", "0.02"),
            ("max-steps", "6000"),
            ("test-samples", "100"),
            ("space", "free"),
        ];
        let changed = changed.map(|changed| Options::of([changed]));
        let mut all: Vec<String> = changed.into_iter().map(of).chain([own]).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 9, "{all:?}");
    }
}
