//! The cells of a run on disk: each durable at once, each exactly once, whatever kills the run.

use crate::base::error::{InputError, quoted};
use crate::base::files::OutFolder;
use crate::lab::grid::Config;
use anyhow::Context;
use mote_lab::outcome::{Cell, Figures, Outcome};
use mote_lab::place::{Place, Space};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The columns of `cells.csv`.
pub const HEADER: &str =
    "n,signal_norm,snr,n_snr2,replicate,dim,head,seed,space,steps,train_loss,test_loss,test_error,converged,seconds";

/// A cell as its line.
fn to_line(cell: &Cell, config: &Config) -> String {
    let Place { samples, signal_norm, replicate, dim, head } = cell.place;
    let snr = config.recipe.snr(&cell.place);
    let (n_snr2, space, steps) = (samples as f64 * snr * snr, cell.space.name(), cell.outcome.steps);
    // A cell that never reached the stop has blanks: never a number, never NaN.
    let figures = match cell.outcome.figures {
        Some(f) => format!("{},{},{},true", f.train_loss, f.test_loss, f.test_error),
        None => ",,,false".into(),
    };
    let (seed, seconds) = (cell.seed, cell.seconds);
    let place = format!("{samples},{signal_norm},{snr},{n_snr2},{replicate},{dim},{head}");
    format!("{place},{seed},{space},{steps},{figures},{seconds:.4}\n")
}

/// The cell of a line.
fn parse(line: &str) -> Option<Cell> {
    let cells: Vec<&str> = line.split(',').collect();
    let [n, signal, _, _, replicate, dim, head, seed, space, steps, train, test, error, converged, seconds] = cells[..]
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
    Some(Cell {
        place: Place {
            samples: n.parse().ok()?,
            signal_norm: signal.parse().ok()?,
            replicate: replicate.parse().ok()?,
            dim: dim.parse().ok()?,
            head: head.parse().ok()?,
        },
        seed: seed.parse().ok()?,
        space: Space::ALL.into_iter().find(|known| known.name() == space)?,
        outcome: Outcome { steps: steps.parse().ok()?, figures },
        seconds: seconds.parse().ok()?,
    })
}

/// The open cells of a run, this process's alone.
#[derive(Debug)]
pub struct Store {
    file: File,
    path: PathBuf,
    saved: usize,
    config: Config,
    /// Cells found when it was opened.
    pub done: Vec<Cell>,
    _lock: File,
}

impl Store {
    /// Opens the cells in a folder, or begins them. A torn last line, as a killed run leaves it, is cut off.
    ///
    /// # Errors
    ///
    /// [`InputError`] if another run holds the folder, if it was written by another configuration (with the
    /// differences), or if a line but the last is not a cell of it. The folder is then as it was, or still missing.
    pub fn open(folder: &Path, config: &Config) -> anyhow::Result<(Self, OutFolder)> {
        // Looked at before anything is made in it, and again when nobody else can change it.
        look(folder, config)?;
        let out = OutFolder::open(folder)?;
        let lock = folder.join(".lock");
        let lock = File::create(&lock).with_context(|| lock.display().to_string())?;
        lock.try_lock().map_err(|_| InputError::file(folder, "another run is writing into this folder"))?;
        let (done, whole) = look(folder, config)?;
        if !folder.join("config.json").exists() {
            out.write("config.json", format!("{}\n", serde_json::to_string_pretty(config)?).as_bytes())?;
        }
        let path = folder.join("cells.csv");
        let begin = || -> std::io::Result<File> {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            file.set_len(whole)?;
            if whole == 0 {
                file.write_all(format!("{HEADER}\n").as_bytes())?;
                file.sync_all()?;
            }
            Ok(file)
        };
        let file = begin().with_context(|| format!("{}: cannot be written", path.display()))?;
        Ok((Self { file, path, saved: done.len(), config: config.clone(), done, _lock: lock }, out))
    }

    /// Adds a cell; when this returns, it is on the disk.
    ///
    /// # Errors
    ///
    /// If it cannot be written. What was there before is there still, and the same command goes on from it.
    pub fn add(&mut self, cell: &Cell) -> anyhow::Result<()> {
        let line = to_line(cell, &self.config);
        self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data()).with_context(|| {
            let (path, saved) = (self.path.display(), self.saved);
            format!("{path}: cannot be written; {saved} cells are saved, and the same command goes on from them when there is room")
        })?;
        self.saved += 1;
        Ok(())
    }
}

/// The cells in a folder, and the length of their file in whole lines; refuses a folder of another configuration.
fn look(folder: &Path, config: &Config) -> anyhow::Result<(Vec<Cell>, u64)> {
    let settings = folder.join("config.json");
    if settings.exists() {
        let text = std::fs::read_to_string(&settings).with_context(|| settings.display().to_string())?;
        let there = serde_json::from_str(&text).map_err(|e| {
            InputError::file(
                &settings,
                format!("expected the configuration of a run, found: {}", quoted(&e.to_string())),
            )
        })?;
        let differences = differences(&there, config)?;
        if !differences.is_empty() {
            let found = format!("expected a folder of this configuration, found another: {}", differences.join("; "));
            return Err(InputError::file(folder, found).into());
        }
    }
    read(&folder.join("cells.csv"), config)
}

/// The cells of a file, and the length of its part in whole lines.
fn read(path: &Path, config: &Config) -> anyhow::Result<(Vec<Cell>, u64)> {
    if !path.exists() {
        return Ok((Vec::new(), 0));
    }
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    // Bytes behind the last line feed are a line that was being written.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let text =
        std::str::from_utf8(&bytes[..whole]).map_err(|_| InputError::file(path, "expected text, found other bytes"))?;
    let mut lines = text.lines().enumerate();
    if let Some((_, header)) = lines.next()
        && header != HEADER
    {
        return Err(InputError::file(path, format!("line 1: expected {HEADER}, found {}", quoted(header))).into());
    }
    let places: HashMap<_, u64> = config.places().iter().map(|p| (p.key(), p.seed(config.seed))).collect();
    let mut seen = HashMap::new();
    let mut cells = Vec::new();
    for (n, line) in lines {
        let wrong =
            |what: &str| InputError::file(path, format!("line {}: expected {what}, found {}", n + 1, quoted(line)));
        let cell = parse(line).ok_or_else(|| wrong("a cell"))?;
        if places.get(&cell.place.key()) != Some(&cell.seed) {
            return Err(wrong("a cell of this configuration").into());
        }
        if let Some(first) = seen.insert(cell.place.key(), n + 1) {
            return Err(wrong(&format!("another cell than in line {first}")).into());
        }
        cells.push(cell);
    }
    Ok((cells, whole as u64))
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
