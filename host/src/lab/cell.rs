//! One cell: a training run at one (N, signal, replicate), in whichever space.

use super::recipe::Recipe;
use super::sampled::{SampledRun, Width};
use super::tokens::TokenRun;
use super::weights::WeightRun;
use crate::progress::Interrupt;
use mote_core::loss::logistic;
use mote_core::rng::mix;
use serde::{Deserialize, Serialize};

/// Where a cell is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Space {
    /// The engine itself: `D x H` weights, tokens of `D` numbers.
    Weights,
    /// The queries, keys and values at the training tokens: the same run, steps without `D`.
    Tokens,
    /// The dimension-free sampler: the span of the training tokens, drawn directly.
    Sampled,
    /// The same without `H`: the span of the initial queries and keys is drawn directly too.
    Free,
}

impl Space {
    /// Every space.
    pub const ALL: [Self; 4] = [Self::Weights, Self::Tokens, Self::Sampled, Self::Free];

    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Tokens => "tokens",
            Self::Sampled => "sampled",
            Self::Free => "free",
        }
    }
}

/// A place on the grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// `N`.
    pub samples: usize,
    /// `s`, the norm of the signal tokens.
    pub signal_norm: f64,
    /// Which independent repetition.
    pub replicate: u32,
    /// `D`.
    pub dim: u64,
    /// `H`.
    pub head: usize,
}

/// What tells two cells of a run apart, ordered as the grid is.
pub type Key = (u64, usize, usize, u64, u32);

impl Place {
    /// The cell's own seed: a function of the run's seed and the place alone.
    pub fn seed(&self, run_seed: u64) -> u64 {
        let (n, signal_norm) = (self.samples as u64, self.signal_norm.to_bits());
        let parts = [n, signal_norm, self.replicate.into(), self.dim, self.head as u64];
        parts.into_iter().fold(mix(run_seed), |seed, part| mix(seed ^ mix(part)))
    }

    /// The cell's key. The bits of positive numbers are ordered as the numbers are.
    pub fn key(&self) -> Key {
        (self.dim, self.head, self.samples, self.signal_norm.to_bits(), self.replicate)
    }
}

/// What a cell came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Steps done.
    pub steps: u32,
    /// Losses and error, if the stop rule was met; a cell that never was has none.
    pub figures: Option<Figures>,
}

/// Figures of a converged cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Mean training loss before the last step.
    pub train_loss: f64,
    /// Mean test loss after it.
    pub test_loss: f64,
    /// 0-1 test error after it.
    pub test_error: f64,
}

/// Scores of test samples, and the sums over them.
#[derive(Clone, Debug, Default)]
pub struct Scores {
    /// `f` of every sample, in order.
    pub scores: Vec<f32>,
    loss: f64,
    wrong: usize,
    attention: f64,
}

impl Scores {
    /// Takes in a score, its label and the attention on the signal.
    pub fn add(&mut self, f: f32, y: f32, attention: f32) {
        self.scores.push(f);
        self.loss += f64::from(logistic(f, y).0);
        let right = y * f > 0.0;
        self.wrong += usize::from(!right);
        self.attention += f64::from(attention);
    }

    /// Mean loss.
    pub fn loss(&self) -> f64 {
        self.loss / self.scores.len() as f64
    }

    /// 0-1 error.
    pub fn error(&self) -> f64 {
        self.wrong as f64 / self.scores.len() as f64
    }

    /// Mean attention on the signal.
    pub fn attention(&self) -> f64 {
        self.attention / self.scores.len() as f64
    }
}

/// A training run that can be stepped and tested, whatever space it lives in.
pub trait Run {
    /// One step of gradient descent; the mean training loss before it, or `None` if the run has left the finite
    /// numbers.
    ///
    /// # Errors
    ///
    /// If the run cannot go on for another reason.
    fn step(&mut self) -> anyhow::Result<Option<f64>>;

    /// Scores of the fresh test set.
    ///
    /// # Errors
    ///
    /// If a test sample cannot be had.
    fn test(&mut self) -> anyhow::Result<Scores>;
}

/// Largest `H` that the samplers compute in single precision. Beyond it, learning rates are so small (they go with
/// `H^-1/2`) that single precision would lose the steps.
pub const SINGLE: usize = 4096;

/// A cell's run with its own `seed` ([`Place::seed`]), nothing trained yet; the recipe is spelt out ([`Recipe::at`]).
///
/// # Errors
///
/// If its data or memory cannot be had.
pub fn start(recipe: &Recipe, place: &Place, seed: u64, space: Space) -> anyhow::Result<Box<dyn Run>> {
    let is_single = recipe.head <= SINGLE;
    let width = if space == Space::Sampled { Width::Full } else { Width::Reduced };
    Ok(match space {
        Space::Weights => Box::new(WeightRun::new(recipe, place, seed)?),
        Space::Tokens => Box::new(TokenRun::new(recipe, place, seed)?),
        Space::Sampled | Space::Free if is_single => Box::new(SampledRun::<f32>::new(recipe, place, seed, width)),
        Space::Sampled | Space::Free => Box::new(SampledRun::<f64>::new(recipe, place, seed, width)),
    })
}

/// Runs a cell with its own `seed` ([`Place::seed`]).
///
/// # Errors
///
/// If its data or memory cannot be had.
pub fn run(recipe: &Recipe, place: &Place, seed: u64, space: Space) -> anyhow::Result<Outcome> {
    let recipe = recipe.at(place);
    descend(&recipe, start(&recipe, place, seed, space)?.as_mut())
}

/// The stop rule of the paper: after each step, if the loss before it was below the stop loss, stop and test.
fn descend(recipe: &Recipe, run: &mut dyn Run) -> anyhow::Result<Outcome> {
    for step in 1..=recipe.max_steps {
        anyhow::ensure!(!Interrupt::was_asked_for(), "interrupted");
        let Some(train_loss) = run.step()? else {
            return Ok(Outcome { steps: step - 1, figures: None });
        };
        if train_loss < recipe.stop_loss {
            let scores = run.test()?;
            let figures = Figures { train_loss, test_loss: scores.loss(), test_error: scores.error() };
            return Ok(Outcome { steps: step, figures: Some(figures).filter(|f| f.test_loss.is_finite()) });
        }
    }
    Ok(Outcome { steps: recipe.max_steps, figures: None })
}
