//! `mote phase`: the phase diagram over N and signal, every cell seeded, durable and countable.

use super::cell::{self, Place, Recipe};
use super::grid::{Config, Options};
use super::store::{Cell, Store};
use super::summary::{self, Boundary, Group};
use crate::draw::heatmap;
use crate::error::{InputError, Interrupted, quoted};
use crate::files::OutFolder;
use crate::progress::{self, Interrupt, say};
use anyhow::Context;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Instant;

/// Test loss at which the paper cuts its picture.
const CUT: f64 = 0.2;

/// Options of `mote phase`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Presets: figure1 (the paper's phase diagram, 10,000 cells), law (the sharp condition at chip
size), wide (D = 10^9, by the sampler that does not depend on D).

Writes cells.csv (one row a cell), summary.csv (mean, sd and standard error), heatmap.png and
.svg, cut.png and .svg, boundary.json and run.json. Killed at any moment, the same command goes on
from the last finished cell. Every number depends only on seed, configuration and place on the
grid: not on threads, order or interruptions.

Examples:
  mote phase --preset figure1 --out fig1
  mote phase --preset figure1 --n 4,10,20 --signal 5..100..5 --replicates 3 --out coarse
  mote phase --preset wide --dim 1000000000000 --out wide
  mote phase --preset law --dry-run --out law
  mote phase --print-config > run.toml; mote phase --config run.toml --out mine")]
pub struct PhaseArgs {
    /// Where everything comes from that is not said otherwise
    #[arg(long, value_name = "NAME", default_value = "figure1")]
    pub preset: String,
    /// Run file; options on the command line speak over it
    #[arg(long, value_name = "F.toml")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    /// What to change.
    pub options: Options,
    /// Threads; each works on a cell of its own
    #[arg(long, value_name = "T")]
    pub threads: Option<usize>,
    /// Folder for the results
    #[arg(long, value_name = "DIR", required_unless_present = "print_config")]
    pub out: Option<PathBuf>,
    /// Say how many cells and operations it would be, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print a run file with every key, and do nothing
    #[arg(long)]
    pub print_config: bool,
}

/// Computes a phase diagram.
///
/// # Errors
///
/// [`InputError`] for impossible options and folders; [`Interrupted`] with every finished cell saved.
pub fn phase(args: &PhaseArgs, quiet: bool) -> anyhow::Result<()> {
    if args.print_config {
        return say(RUN_FILE.trim_end());
    }
    let config = resolve(args)?;
    let out = args.out.as_deref().context("no output folder")?;
    let places = config.places();
    let threads = match args.threads {
        Some(0) => return Err(InputError::option("threads", "expected at least 1, found 0").into()),
        Some(threads) => threads,
        None => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
    };
    if args.dry_run {
        return describe(&config, &places, threads);
    }
    let out = OutFolder::open(out)?;
    let mut store = Store::open(&out, &config)?;
    let start = Instant::now();
    let found = store.done.len();
    if !quiet && found > 0 {
        say(format_args!("{found} of {} cells are done already", places.len()))?;
    }
    let mut cells = std::mem::take(&mut store.done);
    let finished = compute(&config, &places, &mut cells, &mut store, threads, quiet)?;
    if !finished {
        let saved = Some(out.path().to_owned());
        return Err(anyhow::Error::from(Interrupted { step: 0, saved }).context(format!(
            "{} of {} cells done",
            cells.len(),
            places.len()
        )));
    }
    conclude(&config, &cells, &out, threads, start.elapsed().as_secs_f64())
}

/// Preset, then run file, then options.
fn resolve(args: &PhaseArgs) -> anyhow::Result<Config> {
    let mut config = Config::preset(&args.preset)?;
    if let Some(path) = &args.config {
        let text = std::fs::read_to_string(path).map_err(|e| InputError::file(path, format!("cannot be read: {e}")))?;
        let options: Options = toml::from_str(&text).map_err(|e| InputError::file(path, quoted(e.message())))?;
        config = config.with(&options)?;
    }
    Ok(config.with(&args.options)?)
}

fn describe(config: &Config, places: &[Place], threads: usize) -> anyhow::Result<()> {
    let mut spaces = [0usize; 3];
    places.iter().for_each(|place| spaces[config.space_of(place) as usize] += 1);
    say(format_args!(
        "{} cells: {} in weight space, {} in token space, {} sampled",
        places.len(),
        spaces[0],
        spaces[1],
        spaces[2]
    ))?;
    let operations: f64 = places.iter().map(|place| config.operations(place, config.space_of(place))).sum();
    say(format_args!("about {:.1e} multiply-accumulates if a cell takes 20 steps, on {threads} threads", operations))
}

/// Computes the cells that are missing, each on one thread, in the order of `places`. Whether all are done.
fn compute(
    config: &Config,
    places: &[Place],
    cells: &mut Vec<Cell>,
    store: &mut Store,
    threads: usize,
    quiet: bool,
) -> anyhow::Result<bool> {
    let key = |place: &Place| (place.samples, place.signal_norm.to_bits(), place.replicate);
    let done: HashSet<_> = cells.iter().map(|cell| key(&cell.place)).collect();
    let missing: Vec<&Place> = places.iter().filter(|place| !done.contains(&key(place))).collect();
    let interrupt = Interrupt::install()?;
    let bar = progress::bar(places.len() as u64, "cells", quiet);
    bar.inc(cells.len() as u64);
    bar.reset_eta();
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, receiver) = sync_channel::<anyhow::Result<Cell>>(threads);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next, stop, missing) = (sender.clone(), &next, &stop, &missing);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) && !interrupt.is_raised() {
                    // A queue in order, so that the most expensive cells start first.
                    let Some(place) = missing.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                    if sender.send(one(config, place)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut result = Ok(());
        for cell in receiver {
            let added = cell.and_then(|cell| store.add(&cell).map(|()| cells.push(cell)));
            if let Err(error) = added {
                // The other cells under way end, unsaved; the first error is the one to tell.
                stop.store(true, Ordering::Relaxed);
                result = result.and(Err(error));
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        result
    })?;
    Ok(cells.len() == places.len())
}

fn one(config: &Config, place: &Place) -> anyhow::Result<Cell> {
    let (seed, space, start) = (place.seed(config.seed), config.space_of(place), Instant::now());
    let outcome = cell::run(&config.recipe, place, seed, space).with_context(|| {
        format!("cell n={} signal={} replicate={}", place.samples, place.signal_norm, place.replicate)
    })?;
    Ok(Cell { place: *place, seed, space, outcome, seconds: start.elapsed().as_secs_f64() })
}

/// Writes what all cells say together.
fn conclude(config: &Config, cells: &[Cell], out: &OutFolder, threads: usize, seconds: f64) -> anyhow::Result<()> {
    // In the order of the grid, whatever the order on disk: a mean must not depend on threads.
    let mut cells = cells.to_vec();
    cells.sort_by_key(|cell| (cell.place.samples, cell.place.signal_norm.to_bits(), cell.place.replicate));
    let groups = summary::groups(&cells, |signal| config.recipe.snr(signal));
    out.write("summary.csv", summary::to_csv(&groups).as_bytes())?;
    let boundary = Boundary::of(&groups, CUT, config.seed);
    out.write("boundary.json", format!("{}\n", serde_json::to_string_pretty(&boundary)?).as_bytes())?;
    let constant = boundary.constant.map_or(boundary.best_constant, |constant| constant.value);
    for (stem, (svg, png)) in [
        ("heatmap", heatmap::losses(&groups, constant, &title(&config.recipe))?),
        ("cut", heatmap::cut(&groups, CUT, constant, &title(&config.recipe))?),
    ] {
        out.write(&format!("{stem}.svg"), &svg)?;
        out.write(&format!("{stem}.png"), &png)?;
    }
    let run = serde_json::json!({
        "engine": mote_core::VERSION,
        "math": mote_core::math::NAME,
        "config": config,
        "cells": cells.len(),
        "threads": threads,
        "machine": format!("{} {}", std::env::consts::ARCH, std::env::consts::OS),
        "seconds_of_this_session": seconds,
        "seconds_of_all_cells": cells.iter().map(|cell| cell.seconds).sum::<f64>(),
    });
    out.write("run.json", format!("{}\n", serde_json::to_string_pretty(&run)?).as_bytes())?;
    report(&groups, &boundary, cells.len(), seconds)?;
    say(format_args!(
        "saved in {}: cells.csv summary.csv boundary.json heatmap.png heatmap.svg cut.png cut.svg run.json",
        out.path().display()
    ))
}

fn title(recipe: &Recipe) -> String {
    format!("M={} D={} H={} lr={}", recipe.tokens, recipe.dim, recipe.head, recipe.learning_rate)
}

fn report(groups: &[Group], boundary: &Boundary, cells: usize, seconds: f64) -> anyhow::Result<()> {
    say(format_args!("{cells} cells, {} of them not converged, in {seconds:.1} s", boundary.not_converged))?;
    for crossing in &boundary.crossings {
        match (crossing.snr, crossing.n_snr2) {
            (Some(snr), Some(n_snr2)) => say(format_args!(
                "N={:3}: test loss crosses {CUT} at SNR {:.3} [{:.3}, {:.3}], N SNR^2 = {n_snr2:.2}",
                crossing.n, snr.value, snr.low, snr.high
            ))?,
            _ => say(format_args!("N={:3}: test loss does not cross {CUT} on this grid", crossing.n))?,
        }
    }
    if let (Some(exponent), Some(constant)) = (boundary.exponent, boundary.constant) {
        say(format_args!(
            "SNR* = constant N^{:.3} [{:.3}, {:.3}]; N SNR*^2 = {:.2} [{:.2}, {:.2}]",
            exponent.value, exponent.low, exponent.high, constant.value, constant.low, constant.high
        ))?;
    }
    let errors: Vec<f64> = groups.iter().flat_map(|group| group.test_error.iter().copied()).collect();
    let high = errors.iter().filter(|error| **error > 0.05).count();
    let (constant, share) = (boundary.best_constant, 100.0 * boundary.agreement_best);
    say(format_args!(
        "best constant {constant:.4}: {share:.2}% of the cells agree; 0-1 error above 5% in {high} cells"
    ))?;
    // The constant of the paper's own recipe, where the grid reaches it.
    if groups.iter().any(|group| group.n as f64 * group.snr * group.snr >= 1000.0) {
        let share = 100.0 * boundary.agreement_1000;
        say(format_args!("agreement with \"test loss below {CUT} if and only if N SNR^2 >= 1000\": {share:.2}%"))?;
    }
    Ok(())
}

/// Every key of a run file, with what it means.
const RUN_FILE: &str = "\
# A run file of `mote phase`. Every key may be left out; then the preset speaks. The values here are those of figure1.
n = \"2..20..2\"          # training samples: a list, or first..last..step with both ends
signal = \"1..100..1\"    # norms of the signal tokens
replicates = 10         # independent repetitions of every (n, signal)
seed = 1
tokens = 16             # M
dim = 1024              # D
head = 512              # H
big = 4.0               # standard deviation of token 2
small = 0.2             # standard deviation of tokens 3..M
lr = 0.1
stop-loss = 0.01        # stop after the step before which the training loss was below this
max-steps = 1000        # then a cell counts as not converged
test-samples = 100
space = \"auto\"          # weights, tokens, sampled, or the cheapest of them
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_run_file_is_figure_1() {
        let options: Options = toml::from_str(RUN_FILE).unwrap();
        let figure1 = Config::preset("figure1").unwrap();
        assert_eq!(figure1.clone().with(&options).unwrap(), figure1);
        assert!(toml::from_str::<Options>("sead = 1").unwrap_err().message().contains("unknown field `sead`"));
    }
}
