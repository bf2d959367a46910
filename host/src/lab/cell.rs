//! One cell: a training run at one (N, signal, replicate), in whichever space.

use super::sampled::{SampledRun, Width};
use super::tokens::TokenRun;
use super::weights::WeightRun;
use mote_core::loss::logistic;
use mote_core::rng::{Stream, mix};
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

/// The distribution of data and initial weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "form")]
pub enum Form {
    /// The authors' scripts: see [`mote_core::data::Form::Paper`].
    Paper {
        /// Standard deviation of token 2.
        big: f64,
        /// Standard deviation of tokens 3..M.
        small: f64,
        /// What the uniform initial weights are divided by.
        divisor: f64,
    },
    /// The theory: see [`mote_core::data::Form::Uniform`].
    Uniform {
        /// Norm that a noise token has on average: `sigma sqrt(D)`.
        noise_norm: f64,
        /// Standard deviation of `W_Q` and `W_K` at the start.
        query_key_std: f64,
        /// Standard deviation of `W_V w_O` at the start, with `|w_O| = 1`.
        value_std: f64,
    },
}

/// The unit of learning rate and initial standard deviations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scaling {
    /// They are what they say.
    #[default]
    Plain,
    /// They are multiples of the largest that Condition 4.1 of the paper admits ([`Limits`]).
    Theorem,
}

/// The largest learning rate and initial standard deviations that Condition 4.1 admits, up to constants that are
/// remembered, not read from the paper.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// `min(s^-2, (sigma^2 D)^-1) H^-1/2`.
    pub learning_rate: f64,
    /// The root of `min(s^-2, (sigma^2 D)^-1) H^-1/2`.
    pub query_key_std: f64,
    /// `|w_O|^-1 min(s^-1, (sigma sqrt D)^-1) H^-1/4`, with `|w_O| = 1`.
    pub value_std: f64,
}

impl Limits {
    /// Of a recipe with its own `D` and `H`, at a signal norm.
    pub fn of(recipe: &Recipe, signal_norm: f64) -> Self {
        let largest = signal_norm.max(recipe.noise_norm());
        let learning_rate = (recipe.head as f64).powf(-0.5) / (largest * largest);
        Self {
            learning_rate,
            query_key_std: learning_rate.sqrt(),
            value_std: (recipe.head as f64).powf(-0.25) / largest,
        }
    }
}

/// Everything about a cell but its place on the grid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Data and initial weights.
    #[serde(flatten)]
    pub form: Form,
    /// `M`.
    pub tokens: usize,
    /// `D`.
    pub dim: u64,
    /// `H`.
    pub head: usize,
    /// `V`.
    pub value: usize,
    /// What learning rate and initial standard deviations are multiples of.
    pub scaling: Scaling,
    /// Learning rate.
    pub learning_rate: f64,
    /// The run stops after the step before which the training loss was below this.
    pub stop_loss: f64,
    /// Steps after which a cell counts as not converged.
    pub max_steps: u32,
    /// Fresh test samples of a cell.
    pub test_samples: usize,
}

/// Standard deviations of the initial weights.
#[derive(Clone, Copy, Debug)]
pub struct WeightStds {
    /// Of `W_Q` and `W_K`.
    pub query_key_std: f64,
    /// Of `W_V`, so that `W_V w_O` has this times `|w_O|`.
    pub value_std: f64,
}

impl Recipe {
    /// The recipe with every unit spelt out for cells of this signal norm, model and all.
    pub fn at(&self, place: &Place) -> Self {
        let mut recipe = Self { dim: place.dim, head: place.head, scaling: Scaling::Plain, ..*self };
        if self.scaling == Scaling::Theorem {
            let limits = Limits::of(&recipe, place.signal_norm);
            recipe.learning_rate *= limits.learning_rate;
            if let Form::Uniform { query_key_std, value_std, .. } = &mut recipe.form {
                *query_key_std *= limits.query_key_std;
                *value_std *= limits.value_std;
            }
        }
        recipe
    }

    /// A place with this recipe's own model.
    pub fn place(&self, samples: usize, signal_norm: f64, replicate: u32) -> Place {
        Place { samples, signal_norm, replicate, dim: self.dim, head: self.head }
    }

    /// Standard deviation of the noise token at position `m >= 1`, and 1 if it has a part along the signals, else 0.
    pub fn noise_token(&self, m: usize) -> (f64, f64) {
        match self.form {
            Form::Paper { big, small, .. } => (if m == 1 { big } else { small }, 1.0),
            Form::Uniform { noise_norm, .. } => (noise_norm / (self.dim as f64).sqrt(), 0.0),
        }
    }

    /// `sigma sqrt(D)`: the norm of a small noise token.
    pub fn noise_norm(&self) -> f64 {
        match self.form {
            Form::Paper { small, .. } => small * (self.dim as f64).sqrt(),
            Form::Uniform { noise_norm, .. } => noise_norm,
        }
    }

    /// Standard deviations of the initial weights. A uniform number in `±b` has the variance `b²/3`.
    pub fn draw_weights_std(&self) -> WeightStds {
        match self.form {
            Form::Paper { divisor, .. } => {
                let std = 1.0 / (3.0 * self.dim as f64).sqrt() / divisor;
                WeightStds { query_key_std: std, value_std: std }
            }
            Form::Uniform { query_key_std, value_std, .. } => WeightStds { query_key_std, value_std },
        }
    }

    /// `|w_O|^2`: of `V` uniform numbers in `±1/sqrt(V)` in the `paper` form, 1 in the other.
    pub fn draw_output_norm2(&self, stream: &mut Stream) -> f64 {
        match self.form {
            Form::Paper { .. } => {
                let square = |_| f64::from(stream.symmetric()).powi(2);
                (0..self.value).map(square).sum::<f64>() / self.value as f64
            }
            Form::Uniform { .. } => 1.0,
        }
    }

    /// `SNR = s / (std sqrt(D))`, with the small noise tokens' standard deviation.
    pub fn snr(&self, place: &Place) -> f64 {
        place.signal_norm / Self { dim: place.dim, ..*self }.noise_norm()
    }

    /// Labels of `count` samples: alternating in the `paper` form, fair coins in the other.
    pub fn labels(&self, count: usize, stream: &mut Stream) -> Vec<f32> {
        let label = |n: usize| match self.form {
            Form::Paper { .. } => n.is_multiple_of(2),
            Form::Uniform { .. } => stream.coin(0.5),
        };
        (0..count).map(label).map(|plus| if plus { 1.0 } else { -1.0 }).collect()
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

/// Runs a cell with its own `seed` ([`Place::seed`]).
///
/// # Errors
///
/// If its data or memory cannot be had.
pub fn run(recipe: &Recipe, place: &Place, seed: u64, space: Space) -> anyhow::Result<Outcome> {
    // An `H` this large comes with learning rates so small that single precision would lose the steps.
    const SINGLE: usize = 4096;
    let recipe = &recipe.at(place);
    match space {
        Space::Weights => descend(recipe, &mut WeightRun::new(recipe, place, seed)?),
        Space::Tokens => descend(recipe, &mut TokenRun::new(recipe, place, seed)?),
        Space::Sampled => descend(recipe, &mut SampledRun::<f32>::new(recipe, place, seed, Width::Full)),
        Space::Free if recipe.head <= SINGLE => {
            descend(recipe, &mut SampledRun::<f32>::new(recipe, place, seed, Width::Reduced))
        }
        Space::Free => descend(recipe, &mut SampledRun::<f64>::new(recipe, place, seed, Width::Reduced)),
    }
}

/// The stop rule of the paper: after each step, if the loss before it was below the stop loss, stop and test.
fn descend(recipe: &Recipe, run: &mut impl Run) -> anyhow::Result<Outcome> {
    for step in 1..=recipe.max_steps {
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
