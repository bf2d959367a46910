//! The followed runs of `mote dynamics` on disk: each whole and once, whatever kills the process.

use crate::base::error::{InputError, quoted};
use crate::base::files::OutFolder;
use crate::lab::grid::Config;
use crate::lab::journal::{self, Journal, Line, Lock};
use crate::lab::parquet::Columns;
use crate::lab::rows::{self, PLACE, extra_columns, extra_of, parse_place, place_columns, wide_enough, widened};
use crate::lab::store;
use anyhow::Context;
use mote_lab::dynamics::{QUANTITIES, Row};
use mote_lab::place::{GridPoint, Representation};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;

/// The file of the runs: a row for every step of each.
pub const NAME: &str = "runs.csv";

/// What to do about runs that cannot be gone on with.
const WAY_OUT: &str = "give another --out, or delete runs.csv and config.json there to start over";

/// A run that was followed to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Followed {
    /// Where on the grid.
    pub place: GridPoint,
    /// Its own seed.
    pub seed: u64,
    /// Where it was computed.
    pub space: Representation,
    /// Every quantity after every step.
    pub rows: Vec<Row>,
}

impl Followed {
    /// Whether the stop rule is met: nothing is missing.
    fn is_whole(&self, config: &Config) -> bool {
        let is_below = |row: &Row| row[0].is_some_and(|loss| loss < config.recipe.stop_loss);
        self.rows.len() as u64 >= config.recipe.max_steps.into() || self.rows.last().is_some_and(is_below)
    }
}

/// The first line of the file where these extra axes are in use.
pub fn header(extra: &Columns) -> String {
    widened(&format!("{PLACE},step,{},config", QUANTITIES.join(",")), extra)
}

/// A run as its lines.
fn to_lines(run: &Followed, config: &Config, digest: &str, extra: &Columns) -> String {
    let place = place_columns(&run.place, run.seed, run.space, config);
    let extra = extra_columns(&run.place, extra);
    let number = |number: &Option<f64>| number.map_or(String::new(), |number| number.to_string());
    let line = |(step, row): (usize, &Row)| {
        let numbers: Vec<String> = row.iter().map(number).collect();
        format!("{place},{},{},{extra}{digest}\n", step + 1, numbers.join(","))
    };
    run.rows.iter().enumerate().map(line).collect()
}

/// Runs as the text of their file.
fn to_text(runs: &[Followed], config: &Config, extra: &Columns) -> String {
    let digest = rows::digest(config);
    let lines = runs.iter().map(|run| to_lines(run, config, &digest, extra));
    std::iter::once(header(extra) + "\n").chain(lines).collect()
}

/// A line of a run: a run of this step alone, which step it is, and the digest of its configuration.
fn parse<'l>(line: &'l str, extra: &Columns) -> Option<(Followed, usize, &'l str)> {
    let cells: Vec<&str> = line.split(',').collect();
    let (place, rest) = cells.split_at_checked(PLACE.split(',').count())?;
    let (step, rest) = rest.split_first()?;
    let (numbers, rest) = rest.split_at_checked(QUANTITIES.len())?;
    let (digest, values) = rest.split_last()?;
    let (place, seed, space) = parse_place(place, values, extra)?;
    let mut row: Row = [None; QUANTITIES.len()];
    for (to, number) in row.iter_mut().zip(numbers) {
        if !number.is_empty() {
            *to = Some(number.parse().ok().filter(|number: &f64| number.is_finite())?);
        }
    }
    Some((Followed { place, seed, space, rows: vec![row] }, step.parse().ok()?, digest))
}

/// The open runs of a folder, this process's alone.
#[derive(Debug)]
pub struct Runs {
    journal: Journal,
    config: Config,
    digest: String,
    /// The extra axes that have a column.
    extra: Columns,
    /// Runs found when it was opened, on the grid and off it.
    pub done: Vec<Followed>,
    _lock: Option<Lock>,
}

impl Runs {
    /// Opens the runs in a folder, or begins them. What a killed process left of a run is cut off.
    ///
    /// # Errors
    ///
    /// As [`Store::open`](crate::lab::store::Store::open), and if the folder has cells of `mote phase`.
    pub fn open(folder: &Path, config: &Config, is_locked: bool) -> anyhow::Result<(Self, OutFolder)> {
        // Looked at before anything is made in it, and again when nobody else can change it.
        look(folder, config)?;
        let out = OutFolder::open(folder)?;
        let lock = if is_locked { Some(Lock::take(folder)?) } else { None };
        let Found { runs: done, mut whole, extra: there } = look(folder, config)?;
        store::write_config(&out, config)?;
        let extra = wide_enough(&[there.clone(), config.swept()].concat(), [], config);
        if whole > 0 && extra != there {
            // Rows of one file have the same columns.
            let text = to_text(&done, config, &extra);
            out.write(NAME, text.as_bytes())?;
            whole = text.len() as u64;
        }
        let journal = Journal::open(&folder.join(NAME), &header(&extra), (done.len(), whole), "runs", None)?;
        let (config, digest) = (config.clone(), rows::digest(config));
        Ok((Self { journal, config, digest, extra, done, _lock: lock }, out))
    }

    /// Adds a run; when this returns, it is on the disk.
    ///
    /// # Errors
    ///
    /// If it cannot be written. What was there before is there still, and the same command goes on from it.
    pub fn add(&mut self, run: &Followed) -> anyhow::Result<()> {
        self.journal.add(&to_lines(run, &self.config, &self.digest, &self.extra), 1)
    }

    /// Puts the rows into the order of the grid: these, which are all. No run can be added after that.
    ///
    /// # Errors
    ///
    /// If the file cannot be written; it is then as it was.
    pub fn sort(&self, runs: &[Followed], out: &OutFolder) -> anyhow::Result<()> {
        let text = to_text(runs, &self.config, &self.extra);
        if std::fs::read(out.path().join(NAME)).is_ok_and(|there| there == text.as_bytes()) {
            return Ok(());
        }
        out.write(NAME, text.as_bytes()).context("all runs are saved; the same command continues from here")
    }

    /// The extra axes that have a column.
    pub fn extra(&self) -> &Columns {
        &self.extra
    }
}

/// The runs that a folder has.
#[derive(Debug, Default)]
struct Found {
    /// All whole ones, on the grid and off it.
    runs: Vec<Followed>,
    /// Where they end in their file.
    whole: u64,
    /// The extra axes that have a column.
    extra: Columns,
}

/// The runs in a folder; refuses one whose runs this configuration would not have.
fn look(folder: &Path, config: &Config) -> anyhow::Result<Found> {
    store::check_config(folder, config, WAY_OUT)?;
    if folder.join(store::NAME).exists() {
        let found = "expected a folder of mote dynamics, found cells.csv of mote phase; give another --out";
        return Err(InputError::file(folder, found).into());
    }
    read(&folder.join(NAME), config)
}

/// The runs of a file.
fn read(path: &Path, config: &Config) -> anyhow::Result<Found> {
    let extra = RefCell::new(Columns::new());
    let header = |line: Line| {
        let plain = header(&Columns::new());
        *extra.borrow_mut() = extra_of(line.text, &plain, config.axes).ok_or_else(|| line.expected(&plain))?;
        Ok(())
    };
    let own = rows::digest(config);
    let (mut runs, mut begun, mut seen): (Vec<Followed>, u64, HashMap<_, usize>) = (Vec::new(), 0, HashMap::new());
    let row = |line: Line| {
        let (step, number, digest) =
            parse(line.text, &extra.borrow()).ok_or_else(|| line.expected("a step of a run"))?;
        if digest != own {
            let found = format!("expected runs of this configuration, {own}, found one of {}", quoted(digest));
            return Err(line.wrong(&format!("{found}; {WAY_OUT}")));
        }
        if step.place.seed(config.seed) != step.seed {
            return Err(line.expected("a run of this configuration"));
        }
        match runs.last_mut().filter(|run| !run.is_whole(config)) {
            Some(run) => {
                let next = run.rows.len() + 1;
                if run.place != step.place || number != next {
                    return Err(line.expected(&format!("step {next} of the run before")));
                }
                run.rows.extend(step.rows);
            }
            None => {
                if number != 1 {
                    return Err(line.expected("step 1 of a run"));
                }
                if let Some(first) = seen.insert(step.place.key(), line.number) {
                    return Err(line.expected(&format!("another run than from line {first} on")));
                }
                begun = line.start;
                runs.push(step);
            }
        }
        Ok(())
    };
    let (_, mut whole) = journal::read(path, header, row)?;
    // A run that was being written when its process ended is done anew.
    if runs.last().is_some_and(|run| !run.is_whole(config)) {
        runs.pop();
        whole = begun;
    }
    Ok(Found { runs, whole, extra: extra.into_inner() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::options::Options;
    use crate::lab::presets::preset;

    fn config() -> Config {
        let options = Options::of([("max-steps", "3"), ("replicates", "4")]);
        preset("benign").unwrap().with(&options).unwrap()
    }

    fn run(config: &Config, replicate: u32, steps: usize) -> Followed {
        let place = GridPoint { replicate, ..config.places()[0] };
        let mut row: Row = std::array::from_fn(|at| Some(0.1 + at as f64 / 3.0));
        row[10] = None;
        Followed { place, seed: place.seed(config.seed), space: Representation::Free, rows: vec![row; steps] }
    }

    /// Whatever of the last run is on the disk, all of it is cut off, and runs before it stay, with every bit.
    #[test]
    fn a_run_is_whole_or_not_there() {
        let (config, folder) = (config(), tempfile::TempDir::new().unwrap());
        let open = || Runs::open(folder.path(), &config, true).unwrap().0;
        let mut runs = open();
        let all = [run(&config, 2, 3), run(&config, 0, 3)];
        all.iter().for_each(|run| runs.add(run).unwrap());
        drop(runs);
        let path = folder.path().join(NAME);
        let text = std::fs::read_to_string(&path).unwrap();
        let first = text.match_indices('\n').nth(3).unwrap().0 + 1;
        for end in first..=text.len() {
            std::fs::write(&path, &text[..end]).unwrap();
            let expected = if end == text.len() { &all[..] } else { &all[..1] };
            assert_eq!(open().done, expected, "{end} bytes");
            let left = std::fs::read_to_string(&path).unwrap();
            assert_eq!(left, if end == text.len() { &text } else { &text[..first] });
        }
    }

    /// A run whose training loss came below the stop loss has fewer steps, and is as whole.
    #[test]
    fn a_run_that_stopped_is_whole() {
        let mut config = config();
        config.recipe.stop_loss = 0.2;
        let folder = tempfile::TempDir::new().unwrap();
        let stopped = run(&config, 1, 1);
        Runs::open(folder.path(), &config, true).unwrap().0.add(&stopped).unwrap();
        assert_eq!(Runs::open(folder.path(), &config, true).unwrap().0.done, [stopped]);
    }

    /// A grid that comes to have label noise gives a column to the runs there are; one that is off the grid now stays.
    #[test]
    fn a_folder_grows_along_an_extra_axis() {
        let (config, folder) = (config(), tempfile::TempDir::new().unwrap());
        let plain = run(&config, 0, 3);
        Runs::open(folder.path(), &config, true).unwrap().0.add(&plain).unwrap();
        let noisy = config.with(&Options::of([("flip", "0.1")])).unwrap();
        let added = run(&noisy, 0, 3);
        assert_ne!((plain.seed, plain.place.key()), (added.seed, added.place.key()));
        let (mut runs, out) = Runs::open(folder.path(), &noisy, true).unwrap();
        assert_eq!(runs.done, std::slice::from_ref(&plain));
        runs.add(&added).unwrap();
        let all = [plain, added];
        assert_eq!(look(folder.path(), &noisy).unwrap().runs, all);
        let text = std::fs::read_to_string(folder.path().join(NAME)).unwrap();
        assert!(text.lines().next().unwrap().ends_with(",qk_xi3_noise,flip,config"), "{text}");
        let flips: Vec<&str> = text.lines().skip(1).map(|line| line.rsplit(',').nth(1).unwrap()).collect();
        assert_eq!(flips, ["0", "0", "0", "0.1", "0.1", "0.1"]);
        runs.sort(&all, &out).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join(NAME)).unwrap(), text);
    }

    #[test]
    fn damaged_runs_are_refused_by_line() {
        let (config, folder) = (config(), tempfile::TempDir::new().unwrap());
        let mut runs = Runs::open(folder.path(), &config, true).unwrap().0;
        [0, 1].iter().for_each(|replicate| runs.add(&run(&config, *replicate, 3)).unwrap());
        drop(runs);
        let path = folder.path().join(NAME);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let said = |edit: &dyn Fn(&mut Vec<String>)| {
            let mut lines: Vec<String> = lines.iter().map(|line| line.to_string()).collect();
            edit(&mut lines);
            std::fs::write(&path, lines.join("\n") + "\n").unwrap();
            Runs::open(folder.path(), &config, true).unwrap_err().to_string()
        };
        let digest = rows::digest(&config);
        for (edit, expected) in [
            (&(|lines: &mut Vec<String>| lines[0] = "a,b".into()) as &dyn Fn(&mut Vec<String>), "line 1: expected n,"),
            (&|lines| lines[2] = "garbage".into(), "line 3: expected a step of a run, found garbage"),
            (&|lines| lines[2] = lines[2].replace("0.1,", "NaN,"), "line 3: expected a step of a run"),
            (&|lines| drop(lines.remove(2)), "line 3: expected step 2 of the run before"),
            (&|lines| drop(lines.remove(1)), "line 2: expected step 1 of a run"),
            (
                &|lines| {
                    let first = lines[1..4].to_vec();
                    lines[4..7].clone_from_slice(&first);
                },
                "line 5: expected another run than from line 2",
            ),
            (&|lines| lines[1] = lines[1].replacen("16,", "18,", 1), "line 2: expected a run of this configuration"),
            (&|lines| lines[1] = lines[1].replace(&digest, "c0"), "expected runs of this configuration"),
        ] {
            let said = said(edit);
            assert!(said.contains(expected) && said.contains(NAME), "{expected}: {said}");
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::write(folder.path().join(store::NAME), "").unwrap();
        let said = Runs::open(folder.path(), &config, true).unwrap_err().to_string();
        assert!(said.contains("found cells.csv of mote phase"), "{said}");
    }
}
