//! How attention, values and query-key products move through training.

use crate::basis::Width;
use crate::control::Control;
use crate::error::Error;
use crate::outcome::Run;
use crate::place::GridPoint;
use crate::recipe::Recipe;
use crate::sampled::SampledRun;
use crate::summary::Moments;
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

/// A run as it is followed: queries and keys need only as many numbers as their span has dimensions.
type Follower = SampledRun<f32>;

/// A row of [`QUANTITIES`].
pub type Row = [f64; QUANTITIES.len()];

/// When attention moves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Stages {
    /// First step at which the mean of the larger attention is a tenth above `1/M`: the end of the first stage.
    pub attention_starts: Option<u32>,
    /// First step at which it has come 95% of its way: from here on growth is slow.
    pub attention_settles: Option<u32>,
}

/// Every quantity after every step of one run with its own `seed` ([`GridPoint::seed`]).
///
/// # Errors
///
/// [`Error::Stopped`]; [`Error::NotFinite`] if the run leaves the finite numbers.
pub fn follow(recipe: &Recipe, place: &GridPoint, seed: u64, steps: u32, control: Control) -> Result<Vec<Row>, Error> {
    let mut run = Follower::new(recipe, place, seed, Width::Reduced);
    let mut rows = Vec::with_capacity(steps as usize);
    for step in 1..=steps {
        control.check()?;
        let train_loss = run.step()?.ok_or(Error::NotFinite(step))?;
        let scores = run.test(control)?;
        let mut row = [train_loss, scores.loss(), scores.error(), 0., 0., 0., 0., 0., 0., 0., 0.];
        row[3..].copy_from_slice(&run.span().track(0));
        rows.push(row);
        (control.on_step)(step);
    }
    Ok(rows)
}

/// Means and deviations over runs, step by step.
pub fn moments(runs: &[Vec<Row>]) -> Vec<[Moments; QUANTITIES.len()]> {
    let steps = runs.first().map_or(0, Vec::len);
    let of = |step: usize, quantity: usize| {
        let numbers: Vec<f64> = runs.iter().map(|rows| rows[step][quantity]).collect();
        Moments::of(&numbers).unwrap_or(Moments { mean: 0.0, sd: None, standard_error: None, count: 0 })
    };
    (0..steps).map(|step| std::array::from_fn(|quantity| of(step, quantity))).collect()
}

/// Where the attention that grows starts and settles.
pub fn stages(table: &[[Moments; QUANTITIES.len()]], tokens: usize) -> Stages {
    let uniform = 1.0 / tokens as f64;
    let last = |quantity: usize| table.last().map_or(0.0, |row| row[quantity].mean);
    let growing = if last(3) >= last(4) { 3 } else { 4 };
    let first = |level: f64| table.iter().position(|row| row[growing].mean >= level).map(|at| at as u32 + 1);
    let settled = uniform + 0.95 * (last(growing) - uniform);
    let starts = first(1.1 * uniform);
    Stages { attention_starts: starts, attention_settles: starts.and_then(|_| first(settled)) }
}
