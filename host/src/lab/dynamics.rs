//! Many runs followed step by step, and the picture of them.

use crate::base::error::{InputError, Interrupted};
use crate::base::lists;
use crate::base::progress::{Interrupt, Kind, Progress, counted};
use crate::draw::axis::Axis;
use crate::draw::{COLORS, Dots, Panel, Series};
use crate::lab::columns::label;
use anyhow::Context;
use mote_lab::control::Control;
use mote_lab::dynamics::{QUANTITIES, Row, Stages, follow};
use mote_lab::place::GridPoint;
use mote_lab::recipe::{Form, Recipe, Scaling};
use mote_lab::summary::Moments;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The presets, and what each is for.
pub const PRESETS: [(&str, &str); 2] = [
    ("benign", "the paper's dynamics where attention turns to the signal, N=16, signal norm 25"),
    ("harmful", "the paper's dynamics where it turns to the noise, N=10, signal norm 15"),
];

/// The two recipes of the paper's section on dynamics.
///
/// # Errors
///
/// [`InputError`] with the names there are.
pub fn preset(name: &str) -> Result<(Recipe, GridPoint), InputError> {
    let (samples, signal_norm, learning_rate) = match name {
        "benign" => (16, 25.0, 0.01),
        "harmful" => (10, 15.0, 0.02),
        _ => return Err(lists::unknown("preset", name, &PRESETS.map(|(name, _)| name))),
    };
    let recipe = Recipe {
        form: Form::Paper { big: 1.0, small: 0.05, divisor: 64.0 },
        tokens: 4,
        dim: 2048,
        head: 1024,
        value: 256,
        scaling: Scaling::Plain,
        learning_rate,
        stop_loss: 0.0,
        max_steps: u32::MAX,
        test_samples: 10,
    };
    Ok((recipe, recipe.place(samples, signal_norm, 0)))
}

/// Follows every run, each on one thread; in the order of `places` whatever the threads.
pub fn follow_all(
    recipe: &Recipe,
    places: &[GridPoint],
    seed: u64,
    steps: u32,
    threads: usize,
    progress: Kind,
) -> anyhow::Result<Vec<Vec<Row>>> {
    let interrupt = Interrupt::current();
    let progress = Progress::start(progress, "steps", places.len() as u64 * u64::from(steps), 0, None);
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<anyhow::Result<Vec<Row>>>>> = places.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(place) = places.get(at) else { break };
                    let control = Control { stop: interrupt.flag(), on_step: &|_| progress.add(1, 0) };
                    let rows = follow(recipe, place, place.seed(seed), steps, control).map_err(anyhow::Error::from);
                    if let Ok(mut slot) = results[at].lock() {
                        *slot = Some(rows);
                    }
                }
            });
        }
    });
    progress.finish();
    let rows = results.into_iter().map(|slot| slot.into_inner().ok().flatten().context("a thread ended early")?);
    let rows: Vec<anyhow::Result<Vec<Row>>> = rows.collect();
    let whole = rows.iter().flatten().count();
    if whole < rows.len() && interrupt.is_raised() {
        // Means over some of the runs would pass for means over all.
        return Err(Interrupted { done: format!("{whole} of {}", counted(rows.len(), "run")), saved: None }.into());
    }
    rows.into_iter().collect()
}

/// The horizontal axis of dynamics.
pub const X_LABEL: &str = "step (dashed: attention starts to move, attention settles)";

pub(crate) fn panel(
    table: &[[Moments; QUANTITIES.len()]],
    stages: Stages,
    title: &str,
    y_label: &str,
    quantities: &[&str],
) -> Panel {
    let of = |name: &str| QUANTITIES.iter().position(|known| *known == name).unwrap_or(0);
    let series = quantities.iter().zip(COLORS).map(|(name, color)| {
        let points = |value: &dyn Fn(&Moments) -> f64| -> Vec<(f64, f64)> {
            table.iter().enumerate().map(|(step, row)| (step as f64 + 1.0, value(&row[of(name)]))).collect()
        };
        let band = |sign: f64| -> Option<Vec<f64>> {
            table.iter().map(|row| row[of(name)]).map(|m| Some(m.mean + sign * 2.0 * m.sd?)).collect()
        };
        Series {
            name: label(name),
            color: color.into(),
            dashed: false,
            points: points(&|m| m.mean),
            band: band(-1.0).zip(band(1.0)),
            dots: Dots::None,
        }
    });
    let marks = [stages.attention_starts, stages.attention_settles].into_iter().flatten().map(f64::from).collect();
    Panel {
        title: title.into(),
        x: Axis::linear(X_LABEL),
        y: Axis::linear(y_label),
        y_max: None,
        series: series.collect(),
        marks,
        from_zero: false,
    }
}
