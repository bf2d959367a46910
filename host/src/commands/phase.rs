//! `mote phase`: the phase diagram over N and signal, every cell seeded, durable and countable.

use crate::base::error::Interrupted;
use crate::base::lists;
use crate::base::progress::{Interrupt, Kind, Progress, ProgressArgs, counted, print_line};
use crate::lab::estimate;
use crate::lab::grid::Config;
use crate::lab::memory;
use crate::lab::options::Options;
use crate::lab::run_file::{self, RunFile};
use crate::lab::runner;
use crate::lab::session::Session;
use crate::lab::store::Store;
use crate::lab::summarize::summarize;
use anyhow::Context;
use mote_lab::control::Control;
use mote_lab::outcome::Cell;
use mote_lab::place::{GridPoint, Representation};
use mote_lab::recipe::Form;
use mote_lab::run;
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Instant;

/// Options of `mote phase`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Presets: figure1 (the paper's phase diagram, 10,000 cells), law (the sharp condition at chip size), \
wide (D = 10^3 to 10^9 at one cost), theorem (inside the theorem's own assumptions, up to D = 4*10^12 and H = 10^8), \
digits (real images, 3 against 8).

Writes cells.csv (one row per cell) and cells.parquet, summary.csv (mean, sd and standard error), heatmap.png and .svg, \
cut.png and .svg (with several models, one each, and curves.png and .svg), boundary.json, theory.csv (uniform form), \
run.json, and report.html with all of it on one page. After an interruption, the same command continues from the last \
finished cell. Every number depends only on seed, configuration, place on the grid and, except in space weights, the \
kind of processor (simd in run.json): not on threads, order or interruptions.

Examples:
  mote phase --preset figure1 --out fig1
  mote phase --n 4,10,20 --signal 5..100..5 --replicates 3 --out coarse
  mote phase --preset wide --dim 1000000000000 --out wide
  mote phase --preset law --dry-run
  mote phase --print-config > run.toml; mote phase --config run.toml --out mine"
)]
#[command(override_usage = "mote phase [OPTIONS] --out <DIR>
       mote phase [OPTIONS] --dry-run
       mote phase [OPTIONS] --print-config")]
pub struct PhaseArgs {
    /// Preset that supplies all options you do not give [default: figure1]
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Run file; options on the command line override it
    #[arg(long, value_name = "F.toml")]
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
    /// Test loss at the boundary and at the cut of the picture [default: 0.2 as in the paper, 0.4 for images]
    #[arg(long, value_name = "X", allow_negative_numbers = true, value_parser = lists::number)]
    pub cut: Option<f64>,
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
}

/// Computes a phase diagram.
///
/// # Errors
///
/// [`InputError`](crate::base::error::InputError) for impossible options and folders; [`Interrupted`] with every finished cell saved.
pub fn phase(args: &PhaseArgs, quiet: bool) -> anyhow::Result<()> {
    let run_file = args.config.as_deref().map(RunFile::read).transpose()?;
    let config = run_file::resolve(args.preset.as_deref(), run_file.as_ref(), &args.options, "figure1")?;
    if args.print_config {
        return print_line(run_file::text(&config)?.trim_end());
    }
    let places = config.places();
    let threads = runner::threads(args.threads, places.len())?;
    let cut = args.cut.unwrap_or(if let Form::Digits { .. } = config.recipe.form { 0.4 } else { 0.2 });
    lists::positive("cut", cut)?;
    let too_large = |error| run_file::blame(error, run_file.as_ref(), &args.options);
    memory::check(&config, &places, threads, "cell").map_err(too_large)?;
    if args.dry_run {
        return describe(&config, &places, threads);
    }
    let (mut store, out) = Store::open(args.out.as_deref().context("no output folder")?, &config, !args.no_lock)?;
    let start = Instant::now();
    let found = store.done.len();
    if !quiet && found > 0 {
        print_line(format_args!("{found} of {} are done already", counted(places.len(), "cell")))?;
    }
    let mut cells = std::mem::take(&mut store.done);
    let kind = if quiet { Kind::None } else { args.progress.progress };
    let finished = compute(&config, &places, &mut cells, &mut store, threads, kind)?;
    if !finished {
        let saved = Some(out.path().to_owned());
        return Err(Interrupted { done: format!("{} of {}", cells.len(), counted(places.len(), "cell")), saved }.into());
    }
    let run_file = run_file.map(|file| file.text);
    let session =
        Session { threads, seconds: start.elapsed().as_secs_f64(), run_file, open: args.open, threshold: cut };
    let interrupt = Interrupt::current();
    summarize(&config, cells, &out, &session, interrupt.flag())
}

/// Says what a run would be.
fn describe(config: &Config, places: &[GridPoint], threads: usize) -> anyhow::Result<()> {
    let in_space = |space: &Representation| places.iter().filter(|place| config.space_of(place) == *space).count();
    let spaces = Representation::ALL.map(|space| format!("{} {}", in_space(&space), space.name()));
    print_line(format_args!("{}: {}", counted(places.len(), "cell"), spaces.join(", ")))?;
    let bytes = threads as f64 * memory::largest(config, places).0;
    estimate::describe(config, places, threads, bytes, estimate::CELLS)
}

/// Computes the cells that are missing, each on one thread, in the order of `places`. Whether all are done.
fn compute(
    config: &Config,
    places: &[GridPoint],
    cells: &mut Vec<Cell>,
    store: &mut Store,
    threads: usize,
    progress: Kind,
) -> anyhow::Result<bool> {
    let done: HashSet<_> = cells.iter().map(|cell| cell.place.key()).collect();
    let missing: Vec<&GridPoint> = places.iter().filter(|place| !done.contains(&place.key())).collect();
    let blank = |cell: &Cell| u64::from(cell.outcome.figures.is_none());
    let (found, not_converged) = (cells.len() as u64, cells.iter().map(blank).sum());
    let progress = Progress::start(progress, "cells", places.len() as u64, found, Some(not_converged));
    let interrupt = Interrupt::current();
    let result = runner::run(
        &missing,
        threads,
        |place| one(config, place, Control::new(interrupt.flag())),
        |cell| {
            store.add(&cell)?;
            progress.add(1, blank(&cell));
            cells.push(cell);
            Ok(())
        },
    );
    progress.finish();
    result?;
    Ok(cells.len() == places.len())
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
