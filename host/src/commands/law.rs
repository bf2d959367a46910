//! `mote law`: the sharp condition, `N SNR^2 = constant`, measured by a chip.
//!
//! The chip makes the data of every (N, SNR, seed), trains on it and tests itself; this machine tells it which, does the
//! same with the engine, and demands the same bits.

use crate::base::error::{InputError, Interrupted};
use crate::base::files::{check_writable, write_atomically};
use crate::base::lists;
use crate::base::progress::{self, Interrupt, counted, print_line};
use crate::board::{machine, model};
use crate::client::chip::Client;
use crate::client::fault::ChipError;
use crate::client::open::{self, ChipArgs};
use crate::reference::session;
use anyhow::ensure;
use mote_core::data::{Distribution, Form, Split};
use mote_core::memory::{Heap, Memory};
use mote_core::metrics::Evaluation;
use mote_core::params::Init;
use mote_core::shape::Shape;
use mote_core::train::Settings;
use mote_lab::boundary::Boundary;
use mote_lab::place::{GridPoint, NEUTRAL};
use mote_lab::statistics::{Interval, Redraws};
use mote_lab::summary::Group;
use mote_protocol::report::Record;
use mote_runtime::runs::plan::{Plan, Start};
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Instant;

/// Options of `mote law`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Finds for every N the SNR at which the mean test loss of the trained models crosses 0.2, between two \
neighbours of the grid; the intervals come from 2,000 redraws of the means. Every cell has its own seed, which follows \
from its place. Unless this machine gets the same bits in every cell, the exit status is 1.

Examples:
  mote law --on mps2-an386
  mote law --port /dev/ttyACM0 --n 4,8 --snr 0.6..1.2..0.2 --seeds 3"
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
    /// Cells of each (N, SNR), each with its own seed
    #[arg(long, value_name = "K", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub seeds: u32,
    /// Fresh samples that each model is tested on
    #[arg(long, value_name = "K", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub test: u32,
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

/// Test loss at which benign ends.
const CUT: f64 = 0.2;

/// Norm of the noise tokens.
const NOISE_NORM: f32 = 4.0;

/// What the seeds of all cells follow from, together with their places.
const RUN_SEED: u64 = 1;

/// Attempts after accidents on the line.
const RETRIES: u32 = 5;

/// One (N, SNR, seed).
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cell {
    n: usize,
    snr: f64,
    seed: u64,
    test: usize,
}

/// What a machine makes of a cell.
#[derive(Clone, Debug, PartialEq)]
struct Finding {
    /// The portable lines of the run behind `run`.
    lines: Vec<String>,
    converged: bool,
    steps: u64,
    score: Evaluation,
}

/// `mote law`.
///
/// # Errors
///
/// [`InputError`] for options; whatever ends the conversation; a cell in which chip and host differ.
pub fn law(args: &LawArgs, quiet: bool) -> anyhow::Result<()> {
    let cells = cells(args)?;
    if let Some(path) = &args.out {
        check_writable("out", path)?;
    }
    if args.port.is_none() {
        machine::chosen("on", &args.on)?;
    }
    let interrupt = Interrupt::current();
    let mut client = args.chip().open(interrupt, quiet)?;
    let mut memory = open::reference_memory(&client)?;
    let shape = memory.shape();
    let chip = client.chip()?.clone();
    if !quiet {
        print_line(format_args!(
            "the sharp condition measured by {} ({}): D={} M={} H={} V={}, {}, {} fresh samples each",
            chip.board.name,
            chip.board.core,
            shape.dim,
            shape.tokens,
            shape.head,
            shape.value,
            counted(cells.len(), "cell"),
            args.test
        ))?;
    }
    let bar = progress::bar(cells.len() as u64, &client.port(), quiet);
    let (start, mut results, mut equal) = (Instant::now(), Vec::with_capacity(cells.len()), 0);
    for cell in &cells {
        let found = match client.retry(RETRIES, |client| cell.on_chip(client, shape.dim)) {
            Err(error) => {
                let _ = client.send_command("stop"); // whether it hears us does not matter any more
                let saved = save_partial(args, &cells, &results)?;
                return Err(ended_early(error, counted(results.len(), "cell"), saved));
            }
            Ok(found) => found,
        };
        let expected = cell.on_host(&mut memory)?;
        if found == expected {
            equal += 1;
        } else {
            bar.suspend(|| print_line(difference(cell, &expected, &found)))?;
        }
        results.push(found);
        bar.inc(1);
    }
    bar.finish_and_clear();
    if let Some(path) = &args.out {
        write_atomically(path, csv(&cells, &results).as_bytes())?;
    }
    let steps: u64 = results.iter().map(|result| result.steps).sum();
    let groups = groups(&cells, &results, (shape.dim as u64, shape.head));
    let stopped = |_| Interrupted { done: counted(cells.len(), "cell"), saved: args.out.clone() };
    let boundary = Boundary::of(&groups, CUT, Redraws::seeded(RUN_SEED), interrupt.flag()).map_err(stopped)?;
    print_line(verdict(&boundary))?;
    let seconds = start.elapsed().as_secs_f64();
    print_line(format_args!("{}, {steps} steps on the chip, in {seconds:.0} s", counted(cells.len(), "cell")))?;
    ensure!(
        equal == cells.len(),
        "host and chip differ in {} of {}",
        cells.len() - equal,
        counted(cells.len(), "cell")
    );
    print_line(format_args!("host and chip agree bit for bit: {equal} of {}", counted(cells.len(), "cell")))
}

impl LawArgs {
    fn chip(&self) -> ChipArgs {
        let machine = self.port.is_none().then(|| self.on.clone());
        let (port, baud, deadline, no_install) = (self.port.clone(), self.baud, self.deadline, self.no_install);
        ChipArgs { port, baud, machine, preset: None, shape: self.shape, deadline, no_install }
    }
}

/// Saves the cells that are done beside the file that all of them were for, which may be of another day.
fn save_partial(args: &LawArgs, cells: &[Cell], results: &[Finding]) -> anyhow::Result<Option<PathBuf>> {
    let Some(path) = args.out.as_ref().filter(|_| !results.is_empty()) else { return Ok(None) };
    let partial = PathBuf::from(format!("{}.partial", path.display()));
    write_atomically(&partial, csv(cells, results).as_bytes())?;
    Ok(Some(partial))
}

/// Why not all cells were measured, and where those are that were.
fn ended_early(error: ChipError, done: String, saved: Option<PathBuf>) -> anyhow::Error {
    match (error, saved) {
        (ChipError::Interrupted, saved) => Interrupted { done, saved }.into(),
        (error, Some(path)) => {
            let what = format!("{error}; {done} saved in {}", path.display());
            anyhow::Error::new(error).context(what)
        }
        (error, None) => error.into(),
    }
}

fn cells(args: &LawArgs) -> Result<Vec<Cell>, InputError> {
    let ns = lists::sorted(lists::counts("n", &args.n)?);
    let (option, list) = match &args.snr {
        Some(list) => ("snr", list),
        None => ("n-snr2", &args.n_snr2),
    };
    let places = lists::sorted(lists::numbers(option, list)?);
    if let Some(n) = ns.iter().find(|n| !(1..=mote_protocol::limits::SAMPLES_MAX).contains(*n)) {
        return Err(InputError::option(
            "n",
            format!("expected 1 to {}, found {n}", mote_protocol::limits::SAMPLES_MAX),
        ));
    }
    if let Some(found) = places.iter().find(|place| !(0.0..=1e6).contains(*place)) {
        return Err(InputError::option(option, format!("expected 0 to 1000000, found {found}")));
    }
    let mut cells = Vec::new();
    for n in ns {
        for place in &places {
            let snr = if args.snr.is_some() { *place } else { (place / n as f64).sqrt() };
            let cell = |replicate| {
                let (n, test) = (n as usize, args.test as usize);
                Cell { n, snr, seed: seed(n, snr, replicate), test }
            };
            cells.extend((0..args.seeds).map(cell));
        }
    }
    Ok(cells)
}

/// A cell's own seed. Cells of one seed share their noise whatever their place, and their means would then rise and fall
/// together along the whole grid.
fn seed(samples: usize, snr: f64, replicate: u32) -> u64 {
    GridPoint { samples, signal_norm: f64::from(NOISE_NORM) * snr, replicate, dim: 0, head: 0, extra: NEUTRAL }
        .seed(RUN_SEED)
}

impl Cell {
    fn distribution(&self, dim: usize) -> Distribution {
        let sigma = NOISE_NORM / mote_core::math::sqrt(dim as f32);
        Distribution { form: Form::Uniform { sigma }, signal_norm: NOISE_NORM * self.snr as f32, flip: 0.0 }
    }

    fn plan(&self) -> Plan {
        Plan {
            samples: self.n,
            test_samples: 0,
            start: Start::Fresh(Init::Gaussian { query_key_std: 0.02, value_std: 1e-3 }, self.seed),
            settings: Settings { learning_rate: 0.5, train_output: false },
            stop_loss: 0.01,
            max_steps: 1000,
            eval_every: 0,
            report_every: 25,
        }
    }

    fn on_chip(&self, client: &mut Client, dim: usize) -> Result<Finding, ChipError> {
        client.stop()?;
        let noise = client.noise;
        let distribution = self.distribution(dim);
        let train = session::data_keys(&distribution, self.n, self.seed);
        let command = format!("train {train} test=0 {}", session::plan_keys(&self.plan()));
        let mut records = Vec::new();
        let done = client.train(&command, None, |record| records.push(record.clone()))?;
        let test = session::data_keys(&distribution, self.test, self.seed);
        let score = client.eval(&format!("eval {test} set=test"), None)?;
        // A line was lost, or the chip has forgotten its weights before it was tested: that is no difference.
        if client.noise != noise || score.step != done.steps {
            return Err(ChipError::Broken { port: client.port(), what: "train".into(), code: "bytes-lost".into() });
        }
        let score = Evaluation { loss: score.loss, error: score.error, attention: score.attention };
        Ok(Finding::new(records, score))
    }

    fn on_host(&self, memory: &mut Heap) -> anyhow::Result<Finding> {
        let distribution = self.distribution(memory.shape().dim);
        let (plan, counts) = (self.plan(), (self.n, self.test));
        let mut source = session::made(distribution, memory, counts, self.seed)?;
        let records = session::run(memory, plan, &mut source);
        let score = session::score(memory, &mut source, Split::Test, self.test)?;
        Ok(Finding::new(records, score))
    }
}

impl Finding {
    fn new(records: Vec<Record>, score: Evaluation) -> Self {
        let (mut converged, mut steps, mut lines) = (false, 0, Vec::new());
        for record in records {
            if let Record::Done(done) = &record {
                (converged, steps) = (done.reason == "stop-loss", done.steps);
            }
            if record.is_portable() && !matches!(record, Record::Run(_)) {
                // A record that was read or made fits into a line.
                lines.extend(record.into_line().map(|line| line.as_str().to_owned()));
            }
        }
        Self { lines, converged, steps, score }
    }
}

/// The first thing in which host and chip differ.
fn difference(cell: &Cell, host: &Finding, chip: &Finding) -> String {
    let none = || "(no line)".to_owned();
    let pairs = 0..host.lines.len().max(chip.lines.len());
    let line = |result: &Finding, i: usize| result.lines.get(i).cloned().unwrap_or_else(none);
    let lines = pairs.map(|i| (line(host, i), line(chip, i))).find(|(host, chip)| host != chip);
    let (host, chip) = lines.unwrap_or_else(|| (format!("{:?}", host.score), format!("{:?}", chip.score)));
    format!("N={} SNR={} seed {}: host and chip DIFFER\n  host: {host}\n  chip: {chip}", cell.n, cell.snr, cell.seed)
}

/// Cells by (N, SNR), which they are sorted by.
fn groups(cells: &[Cell], results: &[Finding], model: (u64, usize)) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (cell, result) in cells.iter().zip(results) {
        if groups.last().is_none_or(|group| (group.n, group.snr) != (cell.n, cell.snr)) {
            groups.push(Group::new(model, cell.n, f64::from(NOISE_NORM) * cell.snr, cell.snr));
        }
        let Some(group) = groups.last_mut() else { continue };
        if result.converged {
            group.test_loss.push(result.score.loss.into());
            group.test_error.push(result.score.error.into());
            group.steps.push(result.steps as f64);
        } else {
            group.not_converged += 1;
        }
    }
    groups
}

/// The law, as a table and a fit.
fn verdict(boundary: &Boundary) -> String {
    let interval = |i: &Interval| format!("{i:.2}");
    let mut text = format!("   N  SNR where the mean test loss is {CUT}  N SNR^2");
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
        text += "\nno interval: too few seeds, or a crossing too close to an end of the grid";
    }
    if boundary.not_converged > 0 {
        let _ = write!(text, "\n{} did not converge and count in no mean", counted(boundary.not_converged, "cell"));
    }
    text
}

fn csv(cells: &[Cell], results: &[Finding]) -> String {
    let mut text = String::from("n,snr,n_snr2,seed,steps,converged,test_loss,test_error,attention\n");
    for (cell, result) in cells.iter().zip(results) {
        let (n_snr2, Evaluation { loss, error, attention }) = (cell.n as f64 * cell.snr * cell.snr, result.score);
        let (n, snr, seed, steps, converged) = (cell.n, cell.snr, cell.seed, result.steps, result.converged);
        let _ = writeln!(text, "{n},{snr},{n_snr2:.6},{seed},{steps},{converged},{loss},{error},{attention}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use mote_lab::control::NEVER;

    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        law: LawArgs,
    }

    /// Two cells of one seed would draw the same noise at both places.
    #[test]
    fn no_two_cells_share_a_seed() {
        let cells = |more: &[&str]| cells(&Options::parse_from([&["law"], more].concat()).law).unwrap();
        let all = cells(&[]);
        let mut seeds: Vec<u64> = all.iter().map(|cell| cell.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!((all.len(), seeds.len()), (3 * 5 * 12, 3 * 5 * 12));
        let few = cells(&["--n", "8", "--n-snr2", "3,5", "--seeds", "4"]);
        assert!(few.iter().all(|cell| all.contains(cell)), "a seed follows from the place alone");
    }

    fn result(loss: f32, converged: bool) -> Finding {
        Finding { lines: Vec::new(), converged, steps: 7, score: Evaluation { loss, error: 0.0, attention: 0.5 } }
    }

    #[test]
    fn the_crossing_is_read_off_the_cells_that_converged() {
        let (mut cells, mut results) = (Vec::new(), Vec::new());
        for n in [4, 16] {
            for i in 1..=8 {
                let snr = f64::from(i) * 0.25;
                for seed in 1..=3 {
                    cells.push(Cell { n, snr, seed, test: 10 });
                    let loss = 0.2 * (4.0 / (n as f64 * snr * snr)) as f32;
                    results.push(if seed == 3 { result(9.0, false) } else { result(loss, true) });
                }
            }
        }
        let boundary = Boundary::of(&groups(&cells, &results, (64, 8)), CUT, Redraws::seeded(1), &NEVER).unwrap();
        let found: Vec<f64> = boundary.crossings.iter().filter_map(|c| c.n_snr2).collect();
        assert!(found.len() == 2 && found.iter().all(|c| (c - 4.0).abs() < 0.3), "{found:?}");
        assert_eq!(boundary.not_converged, 16);
        let text = verdict(&boundary);
        assert!(text.contains("16 cells did not converge") && text.contains("b = -0.5"), "{text}");
        assert_eq!(csv(&cells, &results).lines().count(), 49);
    }
}
