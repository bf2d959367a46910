//! `mote bench`: cells a second, where their time goes, and what a second thread brings.

use crate::base::error::InputError;
use crate::base::lists;
use crate::base::progress::{counted, print_line};
use crate::lab::grid::Config;
use crate::lab::options::{Options, RepresentationChoice};
use crate::lab::presets;
use mote_lab::basis::Width;
use mote_lab::control::{Control, NEVER};
use mote_lab::outcome::Run;
use mote_lab::place::{GridPoint, Representation};
use mote_lab::recipe::Recipe;
use mote_lab::run;
use mote_lab::sampled::SampledRun;
use mote_lab::tokens::TokenRun;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Options of `mote bench`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Times cells from an even part of a preset's grid. For every space that is exact and cheap \
enough, prints cells per second on one thread and the share of time for drawing data and weights, for steps, and for \
the test set; then times the spaces that `auto` takes, on one thread and on several. Times are wall-clock times: other \
work on the machine slows them down.

Example:
  mote bench --preset figure1")]
pub struct BenchArgs {
    /// Grid to take cells from
    #[arg(long, value_name = "NAME", default_value = "figure1")]
    pub preset: String,
    /// Cells to time
    #[arg(long, value_name = "K", default_value_t = 100, allow_negative_numbers = true, value_parser = lists::whole::<usize>)]
    pub cells: usize,
    /// Threads to compare with one [default: one per core]
    #[arg(long, value_name = "T", allow_negative_numbers = true, value_parser = lists::whole::<usize>)]
    pub threads: Option<usize>,
}

/// Nobody stops a benchmark before its end.
const NOBODY: Control = Control { stop: &NEVER, on_step: &|_| {} };

/// Where the time of cells went.
#[derive(Clone, Copy, Debug, Default)]
struct Phases {
    draw: Duration,
    steps: Duration,
    test: Duration,
    step_count: u64,
}

impl Phases {
    fn total(&self) -> f64 {
        (self.draw + self.steps + self.test).as_secs_f64()
    }
}

/// Times cells and prints the table.
///
/// # Errors
///
/// [`InputError`] for impossible options, and whatever a cell fails with.
pub fn bench(args: &BenchArgs) -> anyhow::Result<()> {
    for (option, found) in [("cells", Some(args.cells)), ("threads", args.threads)] {
        if found == Some(0) {
            return Err(InputError::option(option, "expected at least 1, found 0").into());
        }
    }
    let config = presets::preset(&args.preset)?.with(&Options::default())?;
    let all = config.places();
    // From the middle of equal parts of the grid in the order of cost: the mean cost is the grid's.
    let count = args.cells.min(all.len());
    let places: Vec<GridPoint> = (0..count).map(|i| all[(2 * i + 1) * all.len() / (2 * count)]).collect();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = args.threads.unwrap_or(cores);
    print_line(format_args!("mote {} on {}, {}", mote_core::VERSION, processor(), counted(cores, "core")))?;
    print_line(format_args!("{count} of the {} of preset {}", counted(all.len(), "cell"), config.preset))?;
    print_line("space     cells/s  ms/cell  us/step   drawing   steps   test set")?;
    for space in Representation::ALL {
        // Weight space takes minutes for what the others do in seconds, on grids that have samplers at all.
        let choice = RepresentationChoice::from(space);
        let forced = Config { space: choice, ..config.clone() };
        let is_affordable = |place: &GridPoint| {
            forced.operations(place, space) < 20.0 * forced.operations(place, config.space_of(place))
        };
        if places.iter().all(is_affordable) && places.iter().all(|place| forced.space_of(place) == space) {
            one_space(&config, &places, space)?;
        }
    }
    let single = all_cells(&config, &places, 1)?;
    print_line(format_args!("auto, 1 thread:  {:.1} cells/s", count as f64 / single))?;
    if threads == 1 {
        return Ok(());
    }
    let several = all_cells(&config, &places, threads)?;
    print_line(format_args!(
        "auto, {threads} threads: {:.1} cells/s, {:.2} times as fast; the whole grid in about {:.0} s",
        count as f64 / several,
        single / several,
        several * all.len() as f64 / count as f64
    ))
}

fn one_space(config: &Config, places: &[GridPoint], space: Representation) -> anyhow::Result<()> {
    let mut phases = Phases::default();
    for place in places {
        let (recipe, seed) = (config.recipe.at(place), place.seed(config.seed));
        let start = Instant::now();
        match space {
            Representation::Weights => {
                timed(&recipe, mote_lab::weights::WeightRun::new(&recipe, place, seed)?, start, &mut phases)?
            }
            Representation::Tokens => timed(&recipe, TokenRun::new(&recipe, place, seed)?, start, &mut phases)?,
            Representation::Sampled => {
                timed(&recipe, SampledRun::<f32>::new(&recipe, place, seed, Width::Full), start, &mut phases)?
            }
            Representation::Free if recipe.head <= run::SINGLE => {
                timed(&recipe, SampledRun::<f32>::new(&recipe, place, seed, Width::Reduced), start, &mut phases)?
            }
            Representation::Free => {
                timed(&recipe, SampledRun::<f64>::new(&recipe, place, seed, Width::Reduced), start, &mut phases)?
            }
        }
    }
    let (total, count) = (phases.total(), places.len() as f64);
    let share = |part: Duration| 100.0 * part.as_secs_f64() / total;
    print_line(format_args!(
        "{:8} {:8.1} {:8.2} {:8.1} {:8.1}% {:6.1}% {:9.1}%",
        space.name(),
        count / total,
        1e3 * total / count,
        1e6 * phases.steps.as_secs_f64() / phases.step_count as f64,
        share(phases.draw),
        share(phases.steps),
        share(phases.test)
    ))
}

/// The stop rule of a cell, with a watch in the hand.
fn timed(recipe: &Recipe, mut run: impl Run, start: Instant, phases: &mut Phases) -> anyhow::Result<()> {
    let drawn = Instant::now();
    phases.draw += drawn - start;
    let (steps, _) = run::train(recipe, &mut run, NOBODY)?;
    phases.step_count += u64::from(steps);
    let trained = Instant::now();
    phases.steps += trained - drawn;
    run.test(NOBODY)?;
    phases.test += trained.elapsed();
    Ok(())
}

/// Seconds for all cells in the spaces that `auto` takes.
fn all_cells(config: &Config, places: &[GridPoint], threads: usize) -> anyhow::Result<f64> {
    let (next, start) = (AtomicUsize::new(0), Instant::now());
    let work = || -> anyhow::Result<()> {
        while let Some(place) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
            run::run(&config.recipe, place, place.seed(config.seed), config.space_of(place), NOBODY)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let join = |handle: std::thread::ScopedJoinHandle<'_, anyhow::Result<()>>| {
            handle.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?
        };
        handles.into_iter().try_for_each(join)
    })?;
    Ok(start.elapsed().as_secs_f64())
}

/// What the machine calls its processor.
fn processor() -> String {
    let name = sysinfo::System::new().ok().and_then(|mut system| {
        system.refresh_cpu_all();
        system.cpus().first().map(|cpu| cpu.brand().trim().to_owned())
    });
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("an unnamed {} processor", std::env::consts::ARCH))
}
