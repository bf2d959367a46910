//! `mote phase`: the phase diagram over N and signal, every cell seeded, durable and countable.

use crate::base::error::{InputError, Interrupted};
use crate::base::files::OutFolder;
use crate::base::lists;
use crate::base::progress::{Interrupt, Kind, Progress, ProgressArgs, counted, print_line};
use crate::lab::grid::Config;
use crate::lab::jobs::{self, Engine};
use crate::lab::options::Options;
use crate::lab::run_file::{self, RunFile};
use crate::lab::session::Session;
use crate::lab::store::{Store, concluded};
use crate::lab::summarize::{Cells, beside, summarize};
use crate::lab::task::{self, Task};
use crate::lab::{estimate, memory, page, parts, runner};
use anyhow::Context;
use mote_lab::control::Control;
use mote_lab::outcome::Cell;
use mote_lab::place::{GridPoint, Representation};
use mote_lab::recipe::Form;
use mote_lab::run;
use std::borrow::Cow;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Options of `mote phase`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Presets: figure1 (the paper's phase diagram, 10,000 cells), law (the sharp condition at chip size), \
wide (D = 10^3 to 10^9 at one cost), theorem (towards the theorem's assumptions, up to D = 4*10^12 and H = 10^8), \
digits (real images, 3 against 8).

Writes cells.csv (one row per cell) and cells.parquet, summary.csv (mean, sd and standard error), heatmap.png and .svg, \
cut.png and .svg (with several models, one each, and curves.png and .svg), boundary.json, theory.csv (uniform form), \
run.json, and report.html with all of it on one page. After an interruption, the same command continues from the last \
finished cell; with more replicates, values or models, it computes the cells that are new. With another --cut, its \
boundary and pictures are written beside. In the paper form, an odd N has one sample more of class +1. Every number depends only on seed, configuration, place on the grid and, except in space weights, the \
kind of processor (simd in run.json): not on threads, order or interruptions.

Examples:
  mote phase --preset figure1 --out fig1
  mote phase --n 4,10,20 --signal 5..100..5 --replicates 3 --out coarse
  mote phase --snr 0.2..1.6..0.2 --n 4..12 --flip 0.1 --c-p 10 --out mine
  mote phase --preset wide --dim 1000000000000 --out wide
  mote phase --preset law --dry-run
  mote phase --print-config > run.toml; mote phase --config run.toml --out mine
  mote phase --config mine/run.json --replicates 20 --out mine
  mote phase --task /40 --out big --print-job hq"
)]
#[command(override_usage = "mote phase [OPTIONS] --out <DIR>
       mote phase [OPTIONS] --dry-run
       mote phase [OPTIONS] --print-config
       mote phase [OPTIONS] --out <DIR> --task <I/K> [--print-job <ENGINE>]
       mote phase [OPTIONS] --out <DIR> --missing <K>")]
pub struct PhaseArgs {
    /// Preset that supplies all options you do not give [default: figure1]
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Run file, or run.json or config.json of a folder; options on the command line override it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    /// What to change.
    pub options: Options,
    /// Threads; each computes one cell at a time [default: one per core]
    #[arg(long, value_name = "T", allow_negative_numbers = true, value_parser = lists::whole::<usize>)]
    pub threads: Option<usize>,
    /// Folder for the results
    #[arg(long, value_name = "DIR", required_unless_present_any = ["print_config", "dry_run"])]
    pub out: Option<PathBuf>,
    /// Do not lock the folder, for file systems without locks; two runs at the same time then corrupt its cells
    #[arg(long)]
    pub no_lock: bool,
    #[command(flatten)]
    /// How progress is told.
    pub progress: ProgressArgs,
    /// Open report.html in the browser at the end
    #[arg(long)]
    pub open: bool,
    /// Estimate cells, time and memory within seconds, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print the configuration as a run file, and compute nothing
    #[arg(long)]
    pub print_config: bool,
    /// Compute only part I of K (from 0 to K-1) on one thread and write it into OUT/shards; /K takes I from HQ_TASK_ID,
    /// SLURM_ARRAY_TASK_ID or PBS_ARRAY_INDEX. The same command without --task reads all parts
    #[arg(long, value_name = "I/K", value_parser = task::parse, conflicts_with_all = ["dry_run", "missing", "open", "print_config"])]
    pub task: Option<Task>,
    /// Print which of K parts have missing cells, as array options take it (3,17-20), and compute nothing
    #[arg(long, value_name = "K", value_parser = lists::whole::<usize>, conflicts_with_all = ["dry_run", "open", "print_config"])]
    pub missing: Option<usize>,
    /// Print what submits all parts of --task /K, and submit nothing
    #[arg(long, value_enum, value_name = "ENGINE", requires = "task")]
    pub print_job: Option<Engine>,
    /// Remove cells.csv at the end: cells.parquet has the same at a quarter of the size
    #[arg(long)]
    pub no_csv: bool,
}

/// Computes a phase diagram.
///
/// # Errors
///
/// [`InputError`] for impossible options and folders; [`Interrupted`] with every finished cell saved.
pub fn phase(args: &PhaseArgs, quiet: bool) -> anyhow::Result<()> {
    let run_file = args.config.as_deref().map(RunFile::read).transpose()?;
    let config = run_file::resolve(args.preset.as_deref(), run_file.as_ref(), &args.options, "figure1")?;
    config.check_stop().map_err(|error| run_file::blame(error, run_file.as_ref(), &args.options))?;
    let cut = run_file::cut(run_file.as_ref(), &args.options)?;
    let usual = if let Form::Digits { .. } = config.recipe.form { 0.4 } else { 0.2 };
    if args.print_config {
        return print_line(run_file::text(&config, Some(cut.unwrap_or(usual))).trim_end());
    }
    let places = config.places();
    // Engines count cores: a part takes one unless told otherwise.
    let threads = runner::threads(args.threads.or(args.task.map(|_| 1)), places.len())?;
    if let Some(count) = args.missing {
        return print_missing(args, count, &config, &places);
    }
    if let (Some(task), Some(engine)) = (args.task, args.print_job) {
        return print_job(engine, task, threads, &config, &places);
    }
    let too_large = |error| run_file::blame(error, run_file.as_ref(), &args.options);
    memory::check(&config, &places, threads, "cell").map_err(too_large)?;
    if args.dry_run {
        return describe(&config, &places, threads);
    }
    let folder = args.out.as_deref().context("no output folder")?;
    let kind = if quiet { Kind::None } else { args.progress.progress };
    if let Some(task) = args.task {
        return do_part(task, folder, &config, &places, (threads, kind), quiet);
    }
    let (mut store, out) = Store::open(folder, &config, !args.no_lock)?;
    let start = Instant::now();
    let merged = parts::merge(&mut store, &out, &config)?;
    if let Some((cells, parts)) = merged.filter(|_| !quiet) {
        print_line(format_args!("{} found in {}", counted(cells, "new cell"), counted(parts, "part")))?;
    }
    let on_grid: HashSet<_> = places.iter().map(GridPoint::key).collect();
    let found = std::mem::take(&mut store.done).into_iter();
    let (mut cells, others): (Vec<Cell>, Vec<Cell>) = found.partition(|cell| on_grid.contains(&cell.place.key()));
    if !quiet && !cells.is_empty() {
        print_line(format_args!("{} of {} are done already", cells.len(), counted(places.len(), "cell")))?;
    }
    let done: HashSet<_> = cells.iter().map(|cell| cell.place.key()).collect();
    let missing: Vec<&GridPoint> = places.iter().filter(|place| !done.contains(&place.key())).collect();
    let not_converged = cells.iter().map(not_converged).sum();
    let progress = Progress::start(kind, "cells", places.len() as u64, cells.len() as u64, Some(not_converged));
    compute(&config, &missing, threads, progress, |cell| {
        store.add(&cell)?;
        cells.push(cell);
        Ok(())
    })?;
    if cells.len() < places.len() {
        let saved = Some(out.path().to_owned());
        return Err(Interrupted { done: format!("{} of {}", cells.len(), counted(places.len(), "cell")), saved }.into());
    }
    parts::clean(folder)?;
    // In the order of the grid, whatever the order on disk: a mean must not depend on threads.
    let in_order = |mut cells: Vec<Cell>| {
        cells.sort_by_key(|cell| cell.place.key());
        cells
    };
    let grid = in_order(cells);
    let all: Cow<[Cell]> =
        if others.is_empty() { Cow::Borrowed(&grid) } else { Cow::Owned(in_order([&grid[..], &others].concat())) };
    if !args.no_csv {
        store.sort(&all, &out)?;
    }
    let (seconds, run_file) = (start.elapsed().as_secs_f64(), run_file.map(|file| file.text));
    let session = Session { threads, seconds, run_file, open: args.open, csv: !args.no_csv, threshold: usual };
    end(&config, Cells { grid: &grid, all: &all, extra: store.extra() }, &out, session, cut)?;
    if args.no_csv { store.into_parquet() } else { Ok(()) }
}

/// Says what all cells say. The page of a folder has one cut, its first; another is written beside it.
fn end(config: &Config, cells: Cells, out: &OutFolder, session: Session, cut: Option<f64>) -> anyhow::Result<()> {
    let (before, stop) = (concluded(out, config), Interrupt::current().flag());
    let first = before.map(|before| before.cut).or(cut).unwrap_or(session.threshold);
    let other = cut.filter(|cut| *cut != first);
    if other.is_none() || !before.is_some_and(|before| before.is_current) {
        summarize(config, cells, out, &Session { threshold: first, ..session.clone() }, stop)?;
    }
    match other {
        Some(threshold) => beside(config, cells, out, &Session { threshold, open: false, ..session }, stop),
        None => Ok(()),
    }
}

/// Computes a part of a run.
fn do_part(
    task: Task,
    folder: &Path,
    config: &Config,
    places: &[GridPoint],
    (threads, kind): (usize, Kind),
    quiet: bool,
) -> anyhow::Result<()> {
    task::check_count("task", task.count, places.len())?;
    let part = task.part(|name| std::env::var(name).ok())?;
    let start = Instant::now();
    let cells_of = |missing: &[&GridPoint]| {
        let mut cells = Vec::with_capacity(missing.len());
        let progress = Progress::start(kind, "cells", missing.len() as u64, 0, Some(0));
        compute(config, missing, threads, progress, |cell| {
            cells.push(cell);
            Ok(())
        })?;
        Ok(cells)
    };
    let done = parts::run(part, folder, config, places, cells_of)?;
    match done {
        _ if quiet => Ok(()),
        None => print_line(format_args!("part {part} is done already")),
        Some((cells, path)) => {
            let (cells, seconds) = (counted(cells, "cell"), start.elapsed().as_secs_f64());
            print_line(format_args!("part {part}: {cells} in {seconds:.1} s, saved as {}", path.display()))
        }
    }
}

/// Says which parts have missing cells; nothing if none has.
fn print_missing(args: &PhaseArgs, count: usize, config: &Config, places: &[GridPoint]) -> anyhow::Result<()> {
    task::check_count("missing", count, places.len())?;
    let missing = parts::missing(count, args.out.as_deref().context("no output folder")?, config, places)?;
    if missing.is_empty() { Ok(()) } else { print_line(missing) }
}

/// Says what to submit all parts with.
fn print_job(engine: Engine, task: Task, threads: usize, config: &Config, places: &[GridPoint]) -> anyhow::Result<()> {
    task::check_count("task", task.count, places.len())?;
    if let Some(index) = task.index {
        let (count, found) = (task.count, format!("{index}/{}", task.count));
        return Err(
            InputError::option("task", format!("expected /{count}, all parts, to submit, found {found}")).into()
        );
    }
    /// What a place takes in the list that parts are dealt from.
    const PLACE_BYTES: f64 = 200.0;
    let bytes = threads as f64 * memory::largest(config, places).0 + PLACE_BYTES * places.len() as f64;
    let args = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    let command = page::command_line(jobs::without_print_job(args));
    print_line(jobs::text(engine, task.count, threads, bytes, &command))
}

/// Says what a run would be.
fn describe(config: &Config, places: &[GridPoint], threads: usize) -> anyhow::Result<()> {
    let in_space = |space: &Representation| places.iter().filter(|place| config.space_of(place) == *space).count();
    let spaces = Representation::ALL.map(|space| format!("{} {}", in_space(&space), space.name()));
    print_line(format_args!("{}: {}", counted(places.len(), "cell"), spaces.join(", ")))?;
    let bytes = threads as f64 * memory::largest(config, places).0;
    let seconds = estimate::describe(config, places, threads, bytes, estimate::CELLS)?;
    print_line(estimate::on_many_machines(places.len(), seconds))
}

/// Computes cells, each on one thread, in the order of `missing`, and hands them to `add`: fewer if interrupted.
fn compute(
    config: &Config,
    missing: &[&GridPoint],
    threads: usize,
    progress: Progress,
    mut add: impl FnMut(Cell) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let interrupt = Interrupt::current();
    let result = runner::run(
        missing,
        threads,
        interrupt.flag(),
        |place| one(config, place, Control::new(interrupt.flag())),
        |cell| {
            let blank = not_converged(&cell);
            add(cell)?;
            progress.add(1, blank);
            Ok(())
        },
    );
    progress.finish();
    result
}

/// 1 for a cell that did not converge.
fn not_converged(cell: &Cell) -> u64 {
    u64::from(cell.outcome.figures.is_none())
}

fn one(config: &Config, place: &GridPoint, control: Control) -> anyhow::Result<Cell> {
    let (seed, space, start) = (place.seed(config.seed), config.space_of(place), Instant::now());
    let outcome = run::run(&config.recipe, place, seed, space, control).with_context(|| {
        format!("cell n={} signal={} replicate={}", place.samples, place.signal_norm, place.replicate)
    })?;
    // As cells.csv has them, so that a cell is the same whether computed now or found there.
    let seconds = (start.elapsed().as_secs_f64() * 1e4).round() / 1e4;
    Ok(Cell { place: *place, seed, space, outcome, seconds })
}
