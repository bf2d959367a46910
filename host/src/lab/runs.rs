//! The followed runs of `mote dynamics` on disk: each whole and once, whatever kills the process.

use crate::base::error::{InputError, quoted};
use crate::base::files::OutFolder;
use crate::lab::grid::Config;
use crate::lab::journal::{self, Journal, Line, Lock};
use crate::lab::store;
use mote_lab::dynamics::{QUANTITIES, Row};
use mote_lab::place::{GridPoint, Representation};
use std::collections::HashMap;
use std::path::Path;

/// The file of the runs: a row for every step of each.
pub const NAME: &str = "runs.csv";

/// What to do about runs that cannot be gone on with.
const WAY_OUT: &str = "give another --out, or delete runs.csv and config.json there to start over";

/// The columns that say which run it is.
const PLACE: &str = "n,signal_norm,snr,n_snr2,replicate,dim,head,seed,space";

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

/// The columns of the file.
pub fn header() -> String {
    format!("{PLACE},step,{},config", QUANTITIES.join(","))
}

/// A run as its lines.
fn to_lines(run: &Followed, config: &Config, digest: &str) -> String {
    let GridPoint { samples, signal_norm, replicate, dim, head } = run.place;
    let (snr, seed, space) = (config.recipe.snr(&run.place), run.seed, run.space.name());
    let n_snr2 = samples as f64 * snr * snr;
    let place = format!("{samples},{signal_norm},{snr},{n_snr2},{replicate},{dim},{head},{seed},{space}");
    let number = |number: &Option<f64>| number.map_or(String::new(), |number| number.to_string());
    let line = |(step, row): (usize, &Row)| {
        let numbers: Vec<String> = row.iter().map(number).collect();
        format!("{place},{},{},{digest}\n", step + 1, numbers.join(","))
    };
    run.rows.iter().enumerate().map(line).collect()
}

/// A line of a run: a run of this step alone, which step it is, and the digest of its configuration.
fn parse(line: &str) -> Option<(Followed, usize, &str)> {
    let cells: Vec<&str> = line.split(',').collect();
    let [n, signal, _, _, replicate, dim, head, seed, space, step, numbers @ .., digest] = &cells[..] else {
        return None;
    };
    let place = GridPoint {
        samples: n.parse().ok()?,
        signal_norm: signal.parse().ok()?,
        replicate: replicate.parse().ok()?,
        dim: dim.parse().ok()?,
        head: head.parse().ok()?,
    };
    let space = Representation::ALL.into_iter().find(|known| known.name() == *space)?;
    let seed = seed.parse().ok()?;
    let mut row: Row = [None; QUANTITIES.len()];
    if numbers.len() != row.len() {
        return None;
    }
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
    /// Runs found when it was opened.
    pub done: Vec<Followed>,
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
        let (done, whole) = look(folder, config)?;
        store::write_config(&out, config)?;
        let journal = Journal::open(&folder.join(NAME), &header(), (done.len(), whole), "runs", lock)?;
        Ok((Self { journal, config: config.clone(), digest: store::digest(config), done }, out))
    }

    /// Adds a run; when this returns, it is on the disk.
    ///
    /// # Errors
    ///
    /// If it cannot be written. What was there before is there still, and the same command goes on from it.
    pub fn add(&mut self, run: &Followed) -> anyhow::Result<()> {
        self.journal.add(&to_lines(run, &self.config, &self.digest), 1)
    }
}

/// The whole runs in a folder, and where they end in their file.
fn look(folder: &Path, config: &Config) -> anyhow::Result<journal::Contents<Followed>> {
    store::check_config(folder, config, WAY_OUT)?;
    if folder.join(store::NAME).exists() {
        let found = "expected a folder of mote dynamics, found cells.csv of mote phase; give another --out";
        return Err(InputError::file(folder, found).into());
    }
    read(&folder.join(NAME), config)
}

/// The whole runs of a file, and where they end in it.
fn read(path: &Path, config: &Config) -> anyhow::Result<journal::Contents<Followed>> {
    let header = |line: Line| if line.text == header() { Ok(()) } else { Err(line.expected(&self::header())) };
    let places: HashMap<_, u64> = config.places().iter().map(|p| (p.key(), p.seed(config.seed))).collect();
    let own = store::digest(config);
    let (mut runs, mut begun, mut seen): (Vec<Followed>, u64, HashMap<_, usize>) = (Vec::new(), 0, HashMap::new());
    let row = |line: Line| {
        let (step, number, digest) = parse(line.text).ok_or_else(|| line.expected("a step of a run"))?;
        if digest != own {
            let found = format!("expected runs of this configuration, {own}, found one of {}", quoted(digest));
            return Err(line.wrong(&format!("{found}; {WAY_OUT}")));
        }
        if places.get(&step.place.key()) != Some(&step.seed) {
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
    Ok((runs, whole))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::options::Options;
    use crate::lab::presets::preset;

    fn config() -> Config {
        let options = Options { max_steps: Some(3), replicates: Some(4), ..Options::default() };
        preset("benign").unwrap().with(&options).unwrap()
    }

    fn run(config: &Config, replicate: u32, steps: usize) -> Followed {
        let place = config.recipe.place(config.n[0], config.signal[0], replicate);
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
        let digest = store::digest(&config);
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
