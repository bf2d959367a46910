//! `mote dynamics`: how attention, values and query-key products move through training, with 2-sd bands.

use crate::base::error::Interrupted;
use crate::base::lists;
use crate::base::progress::{Kind, ProgressArgs, counted, print_line};
use crate::lab::dynamics::{compute, resolve};
use crate::lab::dynamics_curves::Sitting;
use crate::lab::dynamics_summary::summarize;
use crate::lab::options::Options;
use crate::lab::run_file::{self, RunFile};
use crate::lab::runs::Runs;
use crate::lab::{estimate, memory, runner};
use anyhow::Context;
use mote_lab::place::{GridPoint, Representation};
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Instant;

/// Options of `mote dynamics`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Presets: benign and harmful, the two recipes of the paper; any preset of mote phase can be followed too.

Follows one training sample through every step of seeded runs with fresh data and weights: losses, test error, attention \
on signal and noise, V_mu and V_xi, and four query-key products. It is the first sample of class +1 with its own label: \
sample 0, where labels alternate. What there is not stays blank: products with a third token where samples have two, and \
all of these of a run without such a sample. Without --steps and --stop-loss, every run takes 500 steps; with \
--stop-loss, a run ends there, and later means are over those that still go on.

Writes runs.csv (a row for every step of every run, whole runs only), dynamics.csv (step,quantity,mean,sd,runs; with \
lists, a column for each axis that varies), stages.json, the figures loss, attention, values and products as PNG and SVG, \
with bands of 2 standard deviations and the three stages, run.json, and report.html with all of it on one page. After an \
interruption, the same command continues from the last finished run; with more --runs or a wider grid, only what is new \
is computed. A single run has no deviation and no band.

Examples:
  mote dynamics --preset benign --runs 20 --out benign
  mote dynamics --n 12 --snr 3 --lr 0.05 --flip 0.1 --runs 10 --out noisy
  mote dynamics --n 8,16 --signal 15,25 --runs 10 --keep-runs --out mine
  mote dynamics --preset law --dim 64 --head 8 --n 8 --signal 4 --out law"
)]
#[command(override_usage = "mote dynamics [OPTIONS] --out <DIR>
       mote dynamics [OPTIONS] --dry-run
       mote dynamics [OPTIONS] --print-config")]
pub struct DynamicsArgs {
    /// Preset that supplies all options you do not give [default: benign]
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Run file, or run.json or config.json of a folder; options on the command line override it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    /// What to change.
    pub options: Options,
    /// Write runs.parquet too: all runs with types, for pandas, polars and DuckDB
    #[arg(long)]
    pub keep_runs: bool,
    /// Threads; each computes one run at a time [default: one per core]
    #[arg(long, value_name = "T", allow_negative_numbers = true, value_parser = lists::whole::<usize>)]
    pub threads: Option<usize>,
    /// Folder for the results
    #[arg(long, value_name = "DIR", required_unless_present_any = ["print_config", "dry_run"])]
    pub out: Option<PathBuf>,
    /// Do not lock the folder, for file systems without locks; two commands at the same time then corrupt its runs
    #[arg(long)]
    pub no_lock: bool,
    /// How progress is told.
    #[command(flatten)]
    pub progress: ProgressArgs,
    /// Open report.html in the browser at the end
    #[arg(long)]
    pub open: bool,
    /// Estimate runs, time and memory within seconds, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print the configuration as a run file, and compute nothing
    #[arg(long)]
    pub print_config: bool,
}

/// Follows all runs and draws them.
///
/// # Errors
///
/// [`InputError`](crate::base::error::InputError) for impossible options and folders; [`Interrupted`] with every
/// finished run saved; a run that leaves the finite numbers.
pub fn dynamics(args: &DynamicsArgs, quiet: bool) -> anyhow::Result<()> {
    let run_file = args.config.as_deref().map(RunFile::read).transpose()?;
    let config = resolve(args.preset.as_deref(), run_file.as_ref(), &args.options)?;
    if args.print_config {
        return print_line(run_file::text(&config, None).trim_end());
    }
    let places = config.places();
    let threads = runner::threads(args.threads, places.len())?;
    let too_large = |error| run_file::blame(error, run_file.as_ref(), &args.options);
    memory::check(&config, &places, threads, "run").map_err(too_large)?;
    if args.dry_run {
        let in_space = |space: &Representation| places.iter().filter(|place| config.space_of(place) == *space).count();
        let spaces = Representation::ALL.map(|space| format!("{} {}", in_space(&space), space.name()));
        print_line(format_args!("{}: {}", counted(places.len(), "run"), spaces.join(", ")))?;
        let bytes = threads as f64 * memory::largest(&config, &places).0;
        estimate::describe(&config, &places, threads, bytes, estimate::RUNS)?;
        return Ok(());
    }
    let (mut store, out) = Runs::open(args.out.as_deref().context("no output folder")?, &config, !args.no_lock)?;
    let start = Instant::now();
    let on_grid: HashSet<_> = places.iter().map(GridPoint::key).collect();
    let found = std::mem::take(&mut store.done).into_iter();
    let (mut runs, others): (Vec<_>, Vec<_>) = found.partition(|run| on_grid.contains(&run.place.key()));
    if !quiet && !runs.is_empty() {
        print_line(format_args!("{} of {} are done already", runs.len(), counted(places.len(), "run")))?;
    }
    let kind = if quiet { Kind::None } else { args.progress.progress };
    if !compute(&config, &places, &mut runs, &mut store, threads, kind)? {
        let saved = Some(out.path().to_owned());
        return Err(Interrupted { done: format!("{} of {}", runs.len(), counted(places.len(), "run")), saved }.into());
    }
    let (seconds, run_file) = (start.elapsed().as_secs_f64(), run_file.map(|file| file.text));
    let sitting = Sitting { threads, seconds, run_file, open: args.open, keep_runs: args.keep_runs };
    summarize(&config, runs, others, &store, &out, &sitting)
}
