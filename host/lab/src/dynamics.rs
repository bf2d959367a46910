//! How attention, values and query-key products move through training.

use crate::control::Control;
use crate::error::Error;
use crate::place::{GridPoint, Representation};
use crate::recipe::Recipe;
use crate::run;
use crate::summary::Moments;
use mote_core::train::StopRule;
use serde::Serialize;

/// What is followed, in the order of the rows; the training loss is measured before the step, the rest after it.
pub const QUANTITIES: [&str; 11] = [
    "train_loss",
    "test_loss",
    "test_error",
    "attention_signal",
    "attention_noise",
    "v_signal",
    "v_noise",
    "qk_signal_signal",
    "qk_signal_noise",
    "qk_xi3_signal",
    "qk_xi3_noise",
];

/// A row of [`QUANTITIES`]; `None` where a run has none: `qk_xi3_*` need a third token, and all but the losses and the
/// error a training sample to follow ([`Run::example`](crate::outcome::Run::example)).
pub type Row = [Option<f64>; QUANTITIES.len()];

/// Moments of a row over runs; `None` where no run has the quantity.
pub type Means = [Option<Moments>; QUANTITIES.len()];

/// When attention moves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Stages {
    /// First step at which the mean of the larger attention is a tenth above `1/M`: the end of the first stage.
    pub attention_starts: Option<u32>,
    /// First step at which it has come 95% of its way: from here on growth is slow.
    pub attention_settles: Option<u32>,
}

/// Every quantity after every step of one run with its own `seed` ([`GridPoint::seed`]), until the stop rule of the
/// recipe is met; a stop loss of 0 never is.
///
/// # Errors
///
/// [`Error::Stopped`]; [`Error::NotFinite`] if the run leaves the finite numbers; if its data or memory cannot be had.
pub fn follow(
    recipe: &Recipe,
    place: &GridPoint,
    seed: u64,
    space: Representation,
    control: Control,
) -> Result<Vec<Row>, Error> {
    let recipe = recipe.at(place);
    let rule = StopRule { loss: recipe.stop_loss, max_steps: recipe.max_steps };
    let mut run = run::start(&recipe, place, seed, space)?;
    let example = run.example()?;
    let (mut rows, mut step, mut last) = (Vec::new(), 0, None);
    while rule.check(step, last).is_none() {
        control.check()?;
        step += 1;
        last = run.step()?;
        let train_loss = last.ok_or(Error::NotFinite(step))?;
        let scores = run.test(control)?;
        let mut row: Row = [None; QUANTITIES.len()];
        row[..3].copy_from_slice(&[train_loss, scores.loss(), scores.error()].map(Some));
        if let Some(example) = example {
            row[3..].copy_from_slice(&run.track(example)?);
        }
        rows.push(row);
        (control.on_step)(step);
    }
    Ok(rows)
}

/// Moments over runs, step by step: at each step over the runs that got there.
pub fn moments(runs: &[&[Row]]) -> Vec<Means> {
    let steps = runs.iter().map(|rows| rows.len()).max().unwrap_or_default();
    let of = |step: usize, quantity: usize| {
        let numbers: Vec<f64> = runs.iter().filter_map(|rows| rows.get(step)?[quantity]).collect();
        Moments::of(&numbers)
    };
    (0..steps).map(|step| std::array::from_fn(|quantity| of(step, quantity))).collect()
}

/// Where the attention that grows starts and settles.
pub fn stages(table: &[Means], tokens: usize) -> Stages {
    let uniform = 1.0 / tokens as f64;
    let mean = |row: &Means, quantity: usize| row[quantity].map(|moments| moments.mean);
    let last = |quantity: usize| table.last().and_then(|row| mean(row, quantity)).unwrap_or_default();
    let growing = if last(3) >= last(4) { 3 } else { 4 };
    let reaches = |row: &Means, level: f64| mean(row, growing).is_some_and(|mean| mean >= level);
    let first = |level: f64| table.iter().position(|row| reaches(row, level)).map(|at| at as u32 + 1);
    let settled = uniform + 0.95 * (last(growing) - uniform);
    let starts = first(1.1 * uniform);
    Stages { attention_starts: starts, attention_settles: starts.and_then(|_| first(settled)) }
}
