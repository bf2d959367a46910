//! What a run would take: a few of its cells, timed for seconds at most.

use crate::base::progress::{counted, print_line};
use crate::lab::grid::Config;
use mote_lab::control::{Control, NEVER};
use mote_lab::dynamics;
use mote_lab::place::GridPoint;
use mote_lab::recipe::Recipe;
use mote_lab::run;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// Parts of the grid that one cell each speaks for.
const PARTS: usize = 8;
/// Time for all cells together; the step that is being done then, and the test set, come on top.
const BUDGET: Duration = Duration::from_secs(3);
/// Time on top after which nothing is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is timed: what one is called, and how one is timed until some moment, at least.
#[derive(Clone, Copy, Debug)]
pub struct Timed {
    unit: &'static str,
    time: fn(&Config, &GridPoint, Instant) -> anyhow::Result<Timing>,
}

/// Cells of `mote phase`.
pub const CELLS: Timed = Timed { unit: "cell", time: time_cell };

/// Runs of `mote dynamics`.
pub const RUNS: Timed = Timed { unit: "run", time: time_run };

/// Bytes of a row in `cells.csv` and in `cells.parquet`, as measured on the presets.
const ROW_BYTES: (f64, f64) = (140.0, 42.0);
/// Seconds of a part: many times what a process takes to start, and no great loss when one is killed.
const PART_SECONDS: f64 = 30.0;

/// Seconds of a cell: the same number twice, or bounds if it was not run to its end.
#[derive(Clone, Copy, Debug)]
struct Timing {
    least: f64,
    most: f64,
}

/// Says how long all take on so many threads, and from what that is known. Between how many seconds they take on one, if
/// it is known.
///
/// # Errors
///
/// Whatever a cell fails with.
pub fn describe(
    config: &Config,
    places: &[GridPoint],
    threads: usize,
    bytes: f64,
    timed: Timed,
) -> anyhow::Result<Option<(f64, f64)>> {
    let unit = timed.unit;
    // Cells stand in the order of their cost: one from the middle of each of some equal parts speaks for its part.
    // The cheapest comes first, and what it leaves of its share is for the others.
    let parts = places.chunks(places.len().div_ceil(PARTS));
    let parts: Vec<(GridPoint, f64)> = parts.map(|part| (part[part.len() / 2], part.len() as f64)).rev().collect();
    let timings = timings(config, parts.iter().map(|part| part.0).collect(), timed)?;
    let sum =
        |of: fn(&Timing) -> f64| timings.iter().zip(&parts).map(|(timing, part)| of(timing) * part.1).sum::<f64>();
    let all = (sum(|timing| timing.least), sum(|timing| timing.most));
    let (least, most) = (all.0 / threads as f64, all.1 / threads as f64);
    let (on, timed) = (counted(threads, "thread"), timings.len());
    let cut = timings.iter().filter(|timing| timing.most > timing.least).count();
    let time = if let Some((GridPoint { samples, dim, head, .. }, _)) = parts.get(timed) {
        let known = match timed {
            0 => "duration unknown".into(),
            _ => format!("at least {least:.0} s on {on}; upper limit unknown"),
        };
        let waited = (BUDGET + PATIENCE).as_secs();
        format!("{known}: a {unit} of N={samples} D={dim} H={head} did no step in {waited} s")
    } else if cut > 0 {
        let steps = config.recipe.max_steps;
        format!(
            "between {least:.0} and {most:.0} s on {on}, going by {timed} of the {unit}s, {cut} of them cut short: from the steps \
             that were timed to --max-steps {steps}"
        )
    } else {
        format!("about {least:.0} s on {on}, going by {timed} of the {unit}s")
    };
    print_line(format_args!("{time}; at most {:.1} MB of memory for {unit}s", bytes / 1e6))?;
    Ok((timed == parts.len()).then_some(all))
}

/// Core-hours, storage and the number of parts, of cells whose seconds on one thread are known between bounds.
pub fn on_many_machines(cells: usize, seconds: Option<(f64, f64)>) -> String {
    let bytes = |of_row: f64| {
        let bytes = of_row * cells as f64;
        if bytes < 1e6 { format!("{:.0} kB", (bytes / 1e3).ceil()) } else { format!("{:.0} MB", bytes / 1e6) }
    };
    let storage = format!("about {} as CSV, {} as Parquet", bytes(ROW_BYTES.0), bytes(ROW_BYTES.1));
    let Some((least, most)) = seconds else { return format!("core-hours unknown; {storage}") };
    let hours = |seconds: f64| match seconds / 3600.0 {
        few if few < 0.1 => format!("{few:.4}"),
        hours => format!("{hours:.2}"),
    };
    let (least_hours, most_hours) = (hours(least), hours(most));
    let hours = if least_hours == most_hours { least_hours } else { format!("{least_hours} to {most_hours}") };
    let parts = (most / PART_SECONDS).ceil().clamp(1.0, cells as f64);
    format!("{hours} core-hours; {storage}; --task /{parts} for parts of at most about {PART_SECONDS} s")
}

/// Times cells one after the other, as many as there is time for.
fn timings(config: &Config, places: Vec<GridPoint>, timed: Timed) -> anyhow::Result<Vec<Timing>> {
    let (count, end, config) = (places.len(), Instant::now() + BUDGET, config.clone());
    let (sender, receiver) = channel();
    // A thread that nobody waits for: neither drawing a cell nor a step of it can be broken off.
    std::thread::spawn(move || {
        for (i, place) in places.iter().enumerate() {
            let now = Instant::now();
            let share = end.saturating_duration_since(now) / (places.len() - i) as u32;
            if sender.send((timed.time)(&config, place, now + share)).is_err() {
                break;
            }
        }
    });
    let mut timings = Vec::with_capacity(count);
    while timings.len() < count {
        match receiver.recv_timeout((end + PATIENCE).saturating_duration_since(Instant::now())) {
            Ok(timing) => timings.push(timing?),
            Err(_) => break,
        }
    }
    Ok(timings)
}

/// Times a cell, or its drawing, its test set and as many steps as end by `until`: a step at least.
fn time_cell(config: &Config, place: &GridPoint, until: Instant) -> anyhow::Result<Timing> {
    let (start, recipe) = (Instant::now(), config.recipe.at(place));
    let mut run = run::start(&recipe, place, place.seed(config.seed), config.space_of(place))?;
    let drawn = start.elapsed().as_secs_f64();
    // A cell that has no time left is stopped after the step that is being done.
    let (late, steps) = (AtomicBool::new(false), AtomicU32::new(0));
    let on_step = |done| {
        steps.store(done, Ordering::Relaxed);
        late.store(Instant::now() >= until, Ordering::Relaxed);
    };
    let ended = run::train(&recipe, run.as_mut(), Control { stop: &late, on_step: &on_step });
    let steps = steps.into_inner().max(1);
    let is_over = match ended {
        Ok((_, converged)) => converged.is_some() || steps < recipe.max_steps,
        Err(mote_lab::Error::Stopped) => false,
        Err(error) => return Err(error.into()),
    };
    let trained = start.elapsed().as_secs_f64();
    run.test(Control::new(&NEVER))?;
    let least = start.elapsed().as_secs_f64();
    // What is left of a cell that is not over is more steps, up to all that there may be.
    let left = if is_over { 0 } else { recipe.max_steps - steps };
    Ok(Timing { least, most: least + (trained - drawn) / f64::from(steps) * f64::from(left) })
}

/// Times a run, or as many of its steps as end by `until`; one step takes as long as another.
fn time_run(config: &Config, place: &GridPoint, until: Instant) -> anyhow::Result<Timing> {
    let (start, seed) = (Instant::now(), place.seed(config.seed));
    let (late, steps) = (AtomicBool::new(false), AtomicU32::new(0));
    let on_step = |done| {
        steps.store(done, Ordering::Relaxed);
        late.store(Instant::now() >= until, Ordering::Relaxed);
    };
    let control = Control { stop: &late, on_step: &on_step };
    let followed = dynamics::follow(&config.recipe, place, seed, config.space_of(place), control);
    let (least, Recipe { max_steps, stop_loss, .. }) = (start.elapsed().as_secs_f64(), config.recipe);
    match followed {
        Ok(_) => Ok(Timing { least, most: least }),
        Err(mote_lab::Error::Stopped) => {
            let most = least * f64::from(max_steps) / f64::from(steps.into_inner().max(1));
            // Without a stop loss, all steps are done.
            Ok(Timing { least: if stop_loss > 0.0 { least } else { most }, most })
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_take_half_a_minute() {
        let expected =
            "0.50 core-hours; about 1 MB as CSV, 420 kB as Parquet; --task /60 for parts of at most about 30 s";
        assert_eq!(on_many_machines(10_000, Some((1800.0, 1800.0))), expected);
        let wide = on_many_machines(100, Some((36.0, 36_000.0)));
        let expected = "0.0100 to 10.00 core-hours; about 14 kB as CSV, 5 kB as Parquet; --task /100 for parts of at most \
                        about 30 s";
        assert_eq!(wide, expected, "as many parts as cells at most");
        assert_eq!(on_many_machines(100, None), "core-hours unknown; about 14 kB as CSV, 5 kB as Parquet");
    }
}
