//! `mote law`: the sharp condition, `N SNR^2 = constant`, measured by a chip.
//!
//! The chip makes the data of every (N, SNR, seed), trains on it and tests itself; this machine tells it which, does the
//! same with the engine, and demands the same bits.

pub mod cell;
pub mod table;

use crate::base::error::{InputError, Interrupted};
use crate::base::files::check_writable;
use crate::base::lists::{self, number, positive, whole};
use crate::base::progress::{self, Interrupt, counted, print_line};
use crate::board::{machine, model};
use crate::client::chip::Client;
use crate::client::fault::ChipError;
use crate::client::open::{self, ChipArgs};
use anyhow::ensure;
use cell::{Cell, Recipe};
use mote_core::memory::Memory;
use mote_core::shape::Shape;
use mote_lab::boundary::Boundary;
use mote_lab::statistics::Redraws;
use mote_protocol::limits::SAMPLES_MAX;
use std::path::PathBuf;
use std::time::Instant;
use table::Table;

/// Options of `mote law`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Finds for every N the SNR at which the mean test loss of the trained models crosses --cut, between two \
neighbours of the grid; the intervals come from 2,000 redraws of the means. Every cell has its own seed, which follows \
from its place. Unless this machine gets the same bits in every cell, the exit status is 1.

With --out, every finished cell in which both agree is on the disk at once. After an interruption, the same command goes \
on from these cells, and a wider grid or more replicates compute only what is new; cells of another model, engine or \
setting are refused. Of a finished file it only reports.

Examples:
  mote law --on mps2-an386 --out law.csv
  mote law --port /dev/ttyACM0 --n 4,8 --snr 0.6..1.2..0.2 --replicates 3"
)]
pub struct LawArgs {
    /// Emulated board that trains and tests
    #[arg(long, value_name = "NAME", default_value = "mps2-an386")]
    pub on: String,
    /// Serial port of a board that runs mote-session, instead of an emulated board
    #[arg(long, value_name = "PATH", conflicts_with = "on")]
    pub port: Option<String>,
    /// Bits per second on the serial port
    #[arg(long, value_name = "B", default_value_t = 115_200, requires = "port")]
    pub baud: u32,
    /// Shape of the emulated board's model as M,D,H,V: tokens, numbers per token, width of queries and keys, width of
    /// values [default: that of the board's preset]
    #[arg(long, value_name = "M,D,H,V", value_parser = model::shape, conflicts_with = "port")]
    pub shape: Option<Shape>,
    /// N: training samples, a list or first..last..step
    #[arg(long, value_name = "LIST", default_value = "4,8,16")]
    pub n: String,
    /// N SNR^2 of the grid, a list or first..last..step
    #[arg(long = "n-snr2", value_name = "LIST", default_value = "2..6..1", conflicts_with = "snr")]
    pub n_snr2: String,
    /// SNRs of the grid instead of N SNR^2, the same for every N, a list or first..last..step
    #[arg(long, value_name = "LIST")]
    pub snr: Option<String>,
    /// Independent repetitions of every (N, SNR), each with its own seed
    #[arg(long, visible_alias = "seeds", value_name = "R", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub replicates: u32,
    /// Seed of the whole run
    #[arg(long, value_name = "S", default_value_t = 1, allow_negative_numbers = true, value_parser = whole::<u64>)]
    pub seed: u64,
    /// Fresh samples that each model is tested on
    #[arg(long, visible_alias = "test", value_name = "K", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub test_samples: u32,
    /// Label noise: chance of a training label to be flipped, from 0 to 0.5; test labels never are
    #[arg(long, value_name = "P", default_value_t = 0.0, allow_negative_numbers = true, value_parser = number)]
    pub flip: f64,
    /// Norm of the noise tokens, sigma sqrt(D)
    #[arg(long, value_name = "X", default_value_t = 4.0, allow_negative_numbers = true, value_parser = number)]
    pub noise_norm: f64,
    /// Learning rate
    #[arg(long, value_name = "X", default_value_t = 0.5, allow_negative_numbers = true, value_parser = number)]
    pub lr: f64,
    /// Stop once the training loss is below this (one more step is done)
    #[arg(long, value_name = "X", default_value_t = 0.01, allow_negative_numbers = true, value_parser = number)]
    pub stop_loss: f64,
    /// Steps after which a cell counts as not converged
    #[arg(long, visible_alias = "steps", value_name = "K", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_steps: u32,
    /// Test loss at the boundary
    #[arg(long, value_name = "X", default_value_t = 0.2, allow_negative_numbers = true, value_parser = number)]
    pub cut: f64,
    /// CSV file for all cells
    #[arg(long, value_name = "F.csv")]
    pub out: Option<PathBuf>,
    /// Seconds after which the emulator is stopped
    #[arg(long, value_name = "S", default_value_t = 1800, value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub deadline: u64,
    /// Do not install missing tools; print the commands that install them
    #[arg(long)]
    pub no_install: bool,
}

/// `mote law`.
///
/// # Errors
///
/// [`InputError`] for options and for a file of other cells; whatever ends the conversation; a cell in which chip and
/// host differ.
pub fn law(args: &LawArgs, quiet: bool) -> anyhow::Result<()> {
    let (recipe, cells) = (args.recipe()?, args.cells()?);
    positive("cut", args.cut)?;
    if let Some(path) = &args.out {
        check_writable("out", path)?;
    }
    if args.port.is_none() {
        machine::chosen("on", &args.on)?;
    }
    let (interrupt, start, chip) = (Interrupt::current(), Instant::now(), args.chip());
    // Of an emulated board, the model is known before it is built.
    let mut client = None;
    let shape = match chip.emulated()? {
        Some((_, model)) => model.shape,
        None => client.insert(chip.open(interrupt, quiet)?).chip()?.shape(),
    };
    let mut table = Table::open(args.out.as_deref(), &recipe, shape, &cells)?;
    let found = table.scores.len();
    let mut run = Run { recipe, shape, differ: 0, interrupt, quiet };
    if found < cells.len() {
        let mut client = match client {
            Some(client) => client,
            None => chip.open(interrupt, quiet)?,
        };
        run.compute(&mut client, &cells, &mut table)?;
    } else if !quiet {
        print_line(format_args!("all of {} are done already: no chip is asked", counted(found, "cell")))?;
    }
    let groups = table::groups(&cells, &table.scores, (shape.dim as u64, shape.head), args.noise_norm);
    let stopped = |_| Interrupted { done: counted(cells.len(), "cell"), saved: args.out.clone() };
    let redraws = Redraws::seeded(args.seed);
    let boundary = Boundary::of(&groups, args.cut, redraws, interrupt.flag()).map_err(stopped)?;
    print_line(table::verdict(&boundary))?;
    let steps: u64 = table.scores.values().map(|score| score.steps).sum();
    let (count, seconds) = (counted(cells.len(), "cell"), start.elapsed().as_secs_f64());
    let before = if found > 0 { format!(", {found} of them before") } else { String::new() };
    print_line(format_args!("{count}{before}, {steps} steps on the chip, in {seconds:.0} s"))?;
    ensure!(run.differ == 0, "host and chip differ in {} of {count}", run.differ);
    print_line(format_args!("host and chip agree bit for bit: {} of {count}", cells.len()))
}

/// A run of missing cells.
struct Run {
    recipe: Recipe,
    shape: Shape,
    /// Cells in which host and chip differ.
    differ: usize,
    interrupt: Interrupt,
    quiet: bool,
}

impl Run {
    /// Attempts after accidents on the line.
    const RETRIES: u32 = 5;

    /// Has the chip compute the cells that the table does not have, and compares each.
    fn compute(&mut self, client: &mut Client, cells: &[Cell], table: &mut Table) -> anyhow::Result<()> {
        let mut memory = open::reference_memory(client)?;
        ensure!(memory.shape() == self.shape, "{}: expected the model it had", client.port());
        self.announce(client, cells, table)?;
        let bar = progress::bar(cells.len() as u64, &client.port(), self.quiet);
        bar.inc(table.scores.len() as u64);
        bar.reset_eta();
        for cell in cells {
            if table.scores.contains_key(&cell.key()) {
                continue;
            }
            if self.interrupt.is_raised() {
                return Err(ended_early(ChipError::Interrupted, table));
            }
            let found = match client.retry(Self::RETRIES, |client| cell.on_chip(client, &self.recipe, self.shape.dim)) {
                Err(error) => {
                    let _ = client.send_command("stop"); // whether it hears us does not matter any more
                    return Err(ended_early(error, table));
                }
                Ok(found) => found,
            };
            let expected = cell.on_host(&self.recipe, &mut memory)?;
            let is_equal = found == expected;
            if !is_equal {
                self.differ += 1;
                bar.suspend(|| print_line(cell::difference(cell, &expected, &found)))?;
            }
            table.add(cell, found.score, is_equal)?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn announce(&self, client: &Client, cells: &[Cell], table: &Table) -> anyhow::Result<()> {
        if self.quiet {
            return Ok(());
        }
        let (board, Shape { tokens, dim, head, value }) = (&client.chip()?.board, self.shape);
        print_line(format_args!(
            "the sharp condition measured by {} ({}): D={dim} M={tokens} H={head} V={value}, {}, {} fresh samples each",
            board.name,
            board.core,
            counted(cells.len(), "cell"),
            self.recipe.test_samples
        ))?;
        match table.scores.len() {
            0 => Ok(()),
            found => print_line(format_args!("{found} of {} are done already", counted(cells.len(), "cell"))),
        }
    }
}

/// Why not all cells were measured, and where those are that were.
fn ended_early(error: ChipError, table: &Table) -> anyhow::Error {
    let (done, saved) = (counted(table.scores.len(), "cell"), table.path.clone());
    match (error, saved) {
        (ChipError::Interrupted, saved) => Interrupted { done, saved }.into(),
        (error, Some(path)) => {
            let what = format!("{error}; {done} saved in {}", path.display());
            anyhow::Error::new(error).context(what)
        }
        (error, None) => error.into(),
    }
}

impl LawArgs {
    fn chip(&self) -> ChipArgs {
        let machine = self.port.is_none().then(|| self.on.clone());
        let (port, baud, deadline, no_install) = (self.port.clone(), self.baud, self.deadline, self.no_install);
        ChipArgs { port, baud, machine, preset: None, shape: self.shape, deadline, no_install }
    }

    /// What all cells have in common.
    fn recipe(&self) -> Result<Recipe, InputError> {
        for (option, found) in [("noise-norm", self.noise_norm), ("lr", self.lr), ("stop-loss", self.stop_loss)] {
            positive(option, found)?;
        }
        if !(0.0..=0.5).contains(&self.flip) {
            return Err(InputError::option("flip", format!("expected a number from 0 to 0.5, found {}", self.flip)));
        }
        let (flip, &Self { noise_norm, seed, max_steps, .. }) = (self.flip + 0.0, self);
        let (learning_rate, stop_loss) = (self.lr as f32, self.stop_loss as f32);
        let test_samples = self.test_samples as usize;
        Ok(Recipe { noise_norm, flip, seed, learning_rate, stop_loss, max_steps, test_samples })
    }

    /// Every cell, in the order of the grid.
    fn cells(&self) -> Result<Vec<Cell>, InputError> {
        let ns = lists::sorted(lists::counts("n", &self.n)?);
        let (option, list) = match &self.snr {
            Some(list) => ("snr", list),
            None => ("n-snr2", &self.n_snr2),
        };
        let places = lists::sorted(lists::numbers(option, list)?);
        if let Some(n) = ns.iter().find(|n| !(1..=SAMPLES_MAX).contains(*n)) {
            return Err(InputError::option("n", format!("expected 1 to {SAMPLES_MAX}, found {n}")));
        }
        if let Some(found) = places.iter().find(|place| !(0.0..=1e6).contains(*place)) {
            return Err(InputError::option(option, format!("expected 0 to 1000000, found {found}")));
        }
        let recipe = self.recipe()?;
        let mut cells = Vec::new();
        for n in ns {
            for place in &places {
                let snr = if self.snr.is_some() { *place } else { (place / n as f64).sqrt() };
                cells.extend((0..self.replicates).map(|replicate| Cell::new(&recipe, n as usize, snr, replicate)));
            }
        }
        Ok(cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        law: LawArgs,
    }

    fn cells(more: &[&str]) -> Vec<Cell> {
        Options::parse_from([&["law"], more].concat()).law.cells().unwrap()
    }

    /// Two cells of one seed would draw the same noise at both places.
    #[test]
    fn no_two_cells_share_a_seed() {
        let all = cells(&[]);
        let mut seeds: Vec<u64> = all.iter().map(|cell| cell.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!((all.len(), seeds.len()), (3 * 5 * 12, 3 * 5 * 12));
        let few = cells(&["--n", "8", "--n-snr2", "3,5", "--seeds", "4"]);
        assert!(few.iter().all(|cell| all.contains(cell)), "a seed follows from the place alone");
        let others = cells(&["--seed", "2"]);
        assert!(others.iter().all(|cell| !all.contains(cell)), "and from the seed of the run");
    }

    #[test]
    fn impossible_settings_are_refused() {
        for (more, expected) in [
            (["--flip", "1.5"], "--flip: expected a number from 0 to 0.5, found 1.5"),
            (["--lr", "0"], "--lr: expected a number from 1.2e-38 to 3.4e38 (single precision), found 0"),
            (["--noise-norm", "-1"], "--noise-norm: expected a number from 1.2e-38"),
        ] {
            let said = Options::parse_from([&["law"], &more[..]].concat()).law.recipe().unwrap_err().to_string();
            assert!(said.starts_with(expected), "{said}");
        }
    }
}
