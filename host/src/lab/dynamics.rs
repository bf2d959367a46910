//! Many runs followed step by step: which, and where they are kept.

use crate::base::error::InputError;
use crate::base::progress::{Interrupt, Kind, Progress};
use crate::lab::grid::Config;
use crate::lab::options::Options;
use crate::lab::run_file::{self, RunFile};
use crate::lab::runner;
use crate::lab::runs::{Followed, Runs};
use crate::lab::settings::CUT;
use anyhow::Context;
use mote_lab::control::Control;
use mote_lab::dynamics::follow;
use mote_lab::place::GridPoint;
use std::collections::HashSet;

/// The horizontal axis of dynamics.
pub const X_LABEL: &str = "step (dashed: attention starts to move, attention settles)";

/// Steps of every run, if nobody says how many.
pub const STEPS: u32 = 500;

/// What preset, then run file, then command line say. The steps and the stop loss of a preset are for cells, which end
/// when they have converged: a run that is followed takes [`STEPS`] steps unless it is told otherwise.
///
/// # Errors
///
/// As [`run_file::resolve`].
pub fn resolve(preset: Option<&str>, file: Option<&RunFile>, options: &Options) -> Result<Config, InputError> {
    let mut config = run_file::resolve(preset, file, options, "benign")?;
    if options.says(CUT) {
        return Err(InputError::option(CUT, "dynamics have no cut"));
    }
    let is_said = |key| options.says(key) || file.is_some_and(|file| file.says(key));
    if !is_said("max-steps") {
        config.recipe.max_steps = STEPS;
    }
    if !is_said("stop-loss") {
        config.recipe.stop_loss = 0.0;
    }
    Ok(config)
}

/// Follows the runs that are missing, each on one thread, and adds them to `runs`. Whether all are done.
///
/// # Errors
///
/// If a run leaves the finite numbers, or cannot be kept.
pub fn compute(
    config: &Config,
    places: &[GridPoint],
    runs: &mut Vec<Followed>,
    store: &mut Runs,
    threads: usize,
    progress: Kind,
) -> anyhow::Result<bool> {
    let done: HashSet<_> = runs.iter().map(|run| run.place.key()).collect();
    let missing: Vec<&GridPoint> = places.iter().filter(|place| !done.contains(&place.key())).collect();
    let most = |runs: usize| runs as u64 * u64::from(config.recipe.max_steps);
    let progress = Progress::start(progress, "steps", most(places.len()), most(runs.len()), None);
    let interrupt = Interrupt::current();
    let one = |place: &&GridPoint| {
        let (seed, space) = (place.seed(config.seed), config.space_of(place));
        let control = Control { stop: interrupt.flag(), on_step: &|_| progress.add(1, 0) };
        let rows = follow(&config.recipe, place, seed, space, control).with_context(|| {
            format!("run n={} signal={} replicate={}", place.samples, place.signal_norm, place.replicate)
        })?;
        // A run that stopped early has no more steps to come.
        progress.add(u64::from(config.recipe.max_steps) - rows.len() as u64, 0);
        Ok(Followed { place: **place, seed, space, rows })
    };
    let result = runner::run(&missing, threads, interrupt.flag(), one, |run| {
        store.add(&run)?;
        runs.push(run);
        Ok(())
    });
    progress.finish();
    result?;
    Ok(runs.len() == places.len())
}
