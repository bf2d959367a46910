//! The cells of the law: kept in a file, and what they say together.

use super::cell::{Cell, Key, Recipe, Score};
use crate::base::error::{InputError, quoted};
use crate::base::progress::counted;
use crate::lab::journal::{self, Journal, Line};
use mote_core::math;
use mote_core::metrics::Evaluation;
use mote_core::shape::Shape;
use mote_lab::boundary::Boundary;
use mote_lab::statistics::Interval;
use mote_lab::summary::Group;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The columns of the file. The last one says by which model, engine and settings.
const HEADER: &str = "n,snr,n_snr2,seed,steps,converged,test_loss,test_error,attention,config";

/// All cells that are known, on the disk if they have a file.
#[derive(Debug)]
pub struct Table {
    /// The file.
    pub path: Option<PathBuf>,
    /// What each cell came to.
    pub scores: HashMap<Key, Score>,
    journal: Option<Journal>,
    /// Cells found, and the length of the file in whole lines.
    found: (usize, u64),
    digest: String,
}

impl Table {
    /// The table of a file, or of none. Nothing is written before the first cell.
    ///
    /// # Errors
    ///
    /// [`InputError`] with the line that is no cell of this grid, model, engine and settings.
    pub fn open(path: Option<&Path>, recipe: &Recipe, shape: Shape, cells: &[Cell]) -> anyhow::Result<Self> {
        let digest = digest(recipe, shape);
        let (cells, whole) = path.map(|path| read(path, &digest, cells)).transpose()?.unwrap_or_default();
        let (found, scores) = ((cells.len(), whole), cells.into_iter().collect());
        Ok(Self { path: path.map(Into::into), scores, journal: None, found, digest })
    }

    /// Adds a cell. One in which host and chip agree is on the disk when this returns; another one is not kept: it has
    /// to be computed again.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn add(&mut self, cell: &Cell, score: Score, is_equal: bool) -> anyhow::Result<()> {
        if let Some(path) = self.path.as_ref().filter(|_| is_equal) {
            let mut journal = match self.journal.take() {
                Some(journal) => journal,
                None => Journal::open(path, HEADER, self.found, "cells", None)?,
            };
            journal.add(&to_line(cell, &score, &self.digest), 1)?;
            self.journal = Some(journal);
        }
        self.scores.insert(cell.key(), score);
        Ok(())
    }
}

/// What decides the numbers of a cell beside N, SNR and seed, as one word.
fn digest(recipe: &Recipe, shape: Shape) -> String {
    journal::digest(&format!("law {} {} {shape:?} {recipe:?}", mote_core::VERSION, math::NAME))
}

fn to_line(cell: &Cell, score: &Score, digest: &str) -> String {
    let &Cell { n, snr, seed } = cell;
    let Score { steps, converged, test: Evaluation { loss, error, attention } } = score;
    let n_snr2 = n as f64 * snr * snr;
    format!("{n},{snr},{n_snr2:.6},{seed},{steps},{converged},{loss},{error},{attention},{digest}\n")
}

/// A cell, what it came to, and the digest of its configuration.
fn parse(line: &str) -> Option<(Key, Score, &str)> {
    let cells: Vec<&str> = line.split(',').collect();
    let [n, snr, _, seed, steps, converged, loss, error, attention, digest] = cells[..] else { return None };
    let test = Evaluation { loss: loss.parse().ok()?, error: error.parse().ok()?, attention: attention.parse().ok()? };
    let cell = Cell { n: n.parse().ok()?, snr: snr.parse().ok()?, seed: seed.parse().ok()? };
    Some((cell.key(), Score { steps: steps.parse().ok()?, converged: converged.parse().ok()?, test }, digest))
}

/// The cells of a file, and the length of its part in whole lines.
fn read(path: &Path, own: &str, cells: &[Cell]) -> anyhow::Result<journal::Contents<(Key, Score)>> {
    let way_out = "give another --out, or delete the file to start over";
    let header = |line: Line| match line.text {
        HEADER => Ok(()),
        found if HEADER.strip_suffix(",config") == Some(found) => {
            let found = "expected the column config, found cells without it, of an older mote";
            Err(line.wrong(&format!("{found}; {way_out}")))
        }
        _ => Err(line.expected(HEADER)),
    };
    let keys: HashSet<Key> = cells.iter().map(Cell::key).collect();
    let mut seen = HashMap::new();
    let row = |line: Line| -> Result<(Key, Score), InputError> {
        let (key, score, digest) = parse(line.text).ok_or_else(|| line.expected("a cell"))?;
        if digest != own {
            let found = format!("expected cells of this model, engine and settings, {own}, found one of ");
            return Err(line.wrong(&format!("{found}{}; {way_out}", quoted(digest))));
        }
        if !keys.contains(&key) {
            return Err(line.expected("a cell of this grid"));
        }
        if let Some(first) = seen.insert(key, line.number) {
            return Err(line.expected(&format!("another cell than in line {first}")));
        }
        Ok((key, score))
    };
    journal::read(path, header, row)
}

/// Cells by (N, SNR), which they are sorted by.
pub fn groups(cells: &[Cell], scores: &HashMap<Key, Score>, model: (u64, usize), noise_norm: f64) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for cell in cells {
        let Some(score) = scores.get(&cell.key()) else { continue };
        if groups.last().is_none_or(|group| (group.n, group.snr) != (cell.n, cell.snr)) {
            groups.push(Group::new(model, cell.n, noise_norm * cell.snr, cell.snr));
        }
        let Some(group) = groups.last_mut() else { continue };
        if score.converged {
            group.test_loss.push(score.test.loss.into());
            group.test_error.push(score.test.error.into());
            group.steps.push(score.steps as f64);
        } else {
            group.not_converged += 1;
        }
    }
    groups
}

/// The law, as a table and a fit.
pub fn verdict(boundary: &Boundary) -> String {
    let interval = |i: &Interval| format!("{i:.2}");
    let mut text = format!("   N  SNR where the mean test loss is {}  N SNR^2", boundary.threshold);
    for crossing in &boundary.crossings {
        let _ = match (&crossing.snr, crossing.n_snr2) {
            (Some(snr), Some(n_snr2)) => write!(text, "\n{:4}  {:35}  {n_snr2:.2}", crossing.n, interval(snr)),
            _ => write!(text, "\n{:4}  {:35}  -", crossing.n, "no crossing inside the grid"),
        };
    }
    if let (Some(exponent), Some(constant)) = (&boundary.exponent, &boundary.constant) {
        let _ = write!(text, "\nSNR* ~ N^b with b = {}; N SNR*^2 = {}", interval(exponent), interval(constant));
    }
    let has_none = |interval: &Interval| interval.low.is_none() || interval.high.is_none();
    let intervals = boundary.crossings.iter().filter_map(|crossing| crossing.snr.as_ref());
    if intervals.chain(&boundary.exponent).chain(&boundary.constant).any(has_none) {
        text += "\nno interval: too few replicates, or a crossing too close to an end of the grid";
    }
    if boundary.not_converged > 0 {
        let _ = write!(text, "\n{} did not converge and count in no mean", counted(boundary.not_converged, "cell"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use mote_lab::control::NEVER;
    use mote_lab::statistics::Redraws;

    fn score(loss: f32, converged: bool) -> Score {
        Score { converged, steps: 7, test: Evaluation { loss, error: 0.0, attention: 0.5 } }
    }

    /// Eight SNRs of two N, two replicates that converge and one that does not, with `N SNR^2` = 4 at the cut.
    fn simulated() -> (Vec<Cell>, HashMap<Key, Score>) {
        let (mut cells, mut scores) = (Vec::new(), HashMap::new());
        for n in [4, 16] {
            for i in 1..=8 {
                let snr = f64::from(i) * 0.25;
                for seed in 1..=3 {
                    let cell = Cell { n, snr, seed };
                    let loss = 0.2 * (4.0 / (n as f64 * snr * snr)) as f32;
                    scores.insert(cell.key(), if seed == 3 { score(9.0, false) } else { score(loss, true) });
                    cells.push(cell);
                }
            }
        }
        (cells, scores)
    }

    #[test]
    fn the_crossing_is_read_off_the_cells_that_converged() {
        let (cells, scores) = simulated();
        let boundary = Boundary::of(&groups(&cells, &scores, (64, 8), 4.0), 0.2, Redraws::seeded(1), &NEVER).unwrap();
        let found: Vec<f64> = boundary.crossings.iter().filter_map(|c| c.n_snr2).collect();
        assert!(found.len() == 2 && found.iter().all(|c| (c - 4.0).abs() < 0.3), "{found:?}");
        assert_eq!(boundary.not_converged, 16);
        let text = verdict(&boundary);
        assert!(text.contains("16 cells did not converge") && text.contains("b = -0.5"), "{text}");
    }

    const RECIPE: Recipe = Recipe {
        noise_norm: 4.0,
        flip: 0.0,
        seed: 1,
        learning_rate: 0.5,
        stop_loss: 0.01,
        max_steps: 1000,
        test_samples: 20,
    };

    /// Cells come back with every bit; a torn line goes; those in which both differ are not kept; what is of another
    /// model, setting or grid is refused, and the file stays as it was.
    #[test]
    fn cells_are_kept_and_known_again() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("law.csv");
        let shape = Shape::new(3, 5, 2, 2);
        let (cells, scores) = simulated();
        let open = |recipe: &Recipe, shape, cells: &[Cell]| Table::open(Some(&path), recipe, shape, cells);
        let mut table = open(&RECIPE, shape, &cells).unwrap();
        for cell in &cells[..4] {
            table.add(cell, scores[&cell.key()], cell != &cells[1]).unwrap();
        }
        assert_eq!(table.scores.len(), 4);
        drop(table);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("n,snr,n_snr2,seed,steps,converged,test_loss,test_error,attention,config\n"));
        std::fs::write(&path, format!("{text}4,0.5,1.0")).unwrap();
        let found = open(&RECIPE, shape, &cells).unwrap().scores;
        let kept = [0, 2, 3].map(|i| (cells[i].key(), scores[&cells[i].key()]));
        assert_eq!(found, HashMap::from(kept));

        let said = |recipe: &Recipe, shape, cells: &[Cell]| open(recipe, shape, cells).unwrap_err().to_string();
        let others = [
            (Recipe { learning_rate: 0.25, ..RECIPE }, shape),
            (Recipe { flip: 0.1, ..RECIPE }, shape),
            (Recipe { seed: 2, ..RECIPE }, shape),
            (RECIPE, Shape::new(3, 6, 2, 2)),
        ];
        for (recipe, shape) in &others {
            let said = said(recipe, *shape, &cells);
            assert!(said.contains("law.csv: line 2: expected cells of this model, engine and settings, c"), "{said}");
        }
        assert!(said(&RECIPE, shape, &cells[1..]).contains("line 2: expected a cell of this grid"));
        let twice = format!("{text}{}\n", text.lines().nth(1).unwrap());
        for (text, expected) in [
            (twice.as_str(), "line 5: expected another cell than in line 2"),
            (
                "n,snr,n_snr2,seed,steps,converged,test_loss,test_error,attention\n",
                "of an older mote; give another --out",
            ),
            (&text.replace("true", "yes"), "line 2: expected a cell, found"),
        ] {
            std::fs::write(&path, text).unwrap();
            let said = said(&RECIPE, shape, &cells);
            assert!(said.contains(expected), "{said}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
