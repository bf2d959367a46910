//! The cells of a run on disk: each durable at once, each exactly once, whatever kills the run.

use crate::base::error::{InputError, quoted};
use crate::base::files::{self, OutFolder};
use crate::lab::grid::Config;
use anyhow::Context;
use mote_core::math;
use mote_core::rng::mix;
use mote_lab::axes::{self, Axis, NEUTRAL};
use mote_lab::outcome::{Cell, Figures, Outcome};
use mote_lab::place::{GridPoint, Representation};
use mote_lab::recipe::Recipe;
use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The columns of `cells.csv`. Those of extra axes in use come before the last.
pub const HEADER: &str = "n,signal_norm,snr,n_snr2,replicate,dim,head,seed,space,steps,train_loss,test_loss,test_error,\
     converged,seconds,config";

/// Extra axes, and where [`GridPoint::extra`] has them.
pub type Extra = Vec<(&'static Axis, usize)>;

/// The first line of `cells.csv` where these extra axes are in use.
pub fn header(extra: &Extra) -> String {
    let (front, last) = HEADER.rsplit_once(',').unwrap_or((HEADER, ""));
    extra.iter().map(|(axis, _)| axis.column).fold(front.to_owned(), |line, column| line + "," + column) + "," + last
}

/// The extra axes that have a column, by the first line; `None` if it is not one of `cells.csv`.
fn extra_of(line: &str, axes: &'static [Axis]) -> Option<Extra> {
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
fn to_line(cell: &Cell, config: &Config, digest: &str, extra: &Extra) -> String {
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
fn parse<'l>(line: &'l str, extra: &Extra) -> Option<(Cell, &'l str)> {
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
    file: File,
    path: PathBuf,
    saved: usize,
    config: Config,
    digest: String,
    /// Cells found when it was opened.
    pub done: Vec<Cell>,
    _lock: Option<File>,
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
        let lock = if is_locked { Some(lock(folder)?) } else { None };
        let (done, whole) = look(folder, config)?;
        if !folder.join("config.json").exists() {
            out.write("config.json", format!("{}\n", serde_json::to_string_pretty(config)?).as_bytes())?;
        }
        let path = folder.join("cells.csv");
        let begin = || -> std::io::Result<File> {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            file.set_len(whole)?;
            if whole == 0 {
                file.write_all((header(&config.swept()) + "\n").as_bytes())?;
                file.sync_all()?;
                files::sync_folder(folder)?;
            }
            Ok(file)
        };
        let file = begin().with_context(|| format!("{}: cannot be written", path.display()))?;
        let (saved, digest, config) = (done.len(), digest(config), config.clone());
        Ok((Self { file, path, saved, config, digest, done, _lock: lock }, out))
    }

    /// Adds a cell; when this returns, it is on the disk.
    ///
    /// # Errors
    ///
    /// If it cannot be written. What was there before is there still, and the same command goes on from it.
    pub fn add(&mut self, cell: &Cell) -> anyhow::Result<()> {
        let line = to_line(cell, &self.config, &self.digest, &self.config.swept());
        self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data()).with_context(|| {
            let (path, saved) = (self.path.display(), self.saved);
            format!("{path}: cannot be written; {saved} cells are saved, and the same command continues from them when there is room")
        })?;
        self.saved += 1;
        Ok(())
    }
}

/// Takes the lock of a folder, which goes with the process.
fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join(".lock");
    let is_new = !path.exists();
    let file = File::create(&path).with_context(|| path.display().to_string())?;
    let tried = file.try_lock();
    if is_new && matches!(tried, Err(TryLockError::Error(_))) {
        // A refused run leaves nothing behind; where locks do not work, nobody else holds it.
        let _ = std::fs::remove_file(&path);
    }
    held(tried, folder)?;
    Ok(file)
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
            let found = format!(
                "expected a folder of this configuration, found another: {}; {WAY_OUT}",
                differences.join("; ")
            );
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
    let mut extra = config.swept();
    if let Some((_, line)) = lines.next() {
        if HEADER.strip_suffix(",config") == Some(line) {
            let found = "line 1: expected the column config, found cells without it, of an older mote, and nothing says \
                         which configuration they are of";
            return Err(InputError::file(path, format!("{found}; {WAY_OUT}")).into());
        }
        extra = extra_of(line, config.axes)
            .ok_or_else(|| InputError::file(path, format!("line 1: expected {HEADER}, found {}", quoted(line))))?;
    }
    let places: HashMap<_, u64> = config.places().iter().map(|p| (p.key(), p.seed(config.seed))).collect();
    let own = digest(config);
    let mut seen = HashMap::new();
    let mut cells = Vec::new();
    for (n, line) in lines {
        let wrong =
            |what: &str| InputError::file(path, format!("line {}: expected {what}, found {}", n + 1, quoted(line)));
        let (cell, digest) = parse(line, &extra).ok_or_else(|| wrong("a cell"))?;
        if digest != own {
            let found = format!("expected cells of this configuration, {own}, found one of {}", quoted(digest));
            return Err(InputError::file(path, format!("line {}: {found}; {WAY_OUT}", n + 1)).into());
        }
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

#[cfg(test)]
mod tests {
    use super::super::options::Options;
    use super::super::presets::preset;
    use super::*;
    use std::io::{Error, ErrorKind};

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
}
