//! One cell: a training run at one (N, signal, replicate), in whichever space.

use super::sampled::SampledRun;
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
}

impl Space {
    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Tokens => "tokens",
            Self::Sampled => "sampled",
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
    pub query_key_std: f32,
    /// Of `W_V`.
    pub z_scale: f32,
}

/// What was drawn of the initial weights beyond the basis.
#[derive(Clone, Copy, Debug)]
pub struct DrawnWeights {
    /// Of `W_Q` and `W_K`.
    pub query_key_std: f32,
    /// Of `W_V w_O`.
    pub z_std: f32,
    /// `|w_O|^2`.
    pub output_norm2: f64,
}

impl Recipe {
    /// Standard deviation of the noise token at position `m >= 1`, and 1 if it has a part along the signals, else 0.
    pub fn noise_token(&self, m: usize) -> (f32, f32) {
        match self.form {
            Form::Paper { big, small, .. } => (if m == 1 { big } else { small } as f32, 1.0),
            Form::Uniform { noise_norm, .. } => ((noise_norm / (self.dim as f64).sqrt()) as f32, 0.0),
        }
    }

    /// Standard deviations of the initial weights. A uniform number in `±b` has the variance `b²/3`.
    pub fn draw_weights_std(&self) -> WeightStds {
        let (query_key, value) = match self.form {
            Form::Paper { divisor, .. } => {
                let std = 1.0 / (3.0 * self.dim as f64).sqrt() / divisor;
                (std, std)
            }
            Form::Uniform { query_key_std, value_std, .. } => (query_key_std, value_std),
        };
        WeightStds { query_key_std: query_key as f32, z_scale: value as f32 }
    }

    /// The same, with `|w_O|^2` drawn: of `V` uniform numbers in `±1/sqrt(V)` in the `paper` form, 1 in the other.
    pub fn draw_weights(&self, stream: &mut Stream) -> DrawnWeights {
        let stds = self.draw_weights_std();
        let output_norm2 = match self.form {
            Form::Paper { .. } => {
                let square = |_| f64::from(stream.symmetric()).powi(2);
                (0..self.value).map(square).sum::<f64>() / self.value as f64
            }
            Form::Uniform { .. } => 1.0,
        };
        DrawnWeights {
            query_key_std: stds.query_key_std,
            z_std: stds.z_scale * output_norm2.sqrt() as f32,
            output_norm2,
        }
    }

    /// `SNR = s / (std sqrt(D))`, with the small noise tokens' standard deviation.
    pub fn snr(&self, signal_norm: f64) -> f64 {
        match self.form {
            Form::Paper { small, .. } => signal_norm / (small * (self.dim as f64).sqrt()),
            Form::Uniform { noise_norm, .. } => signal_norm / noise_norm,
        }
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
}

impl Place {
    /// The cell's own seed: a function of the run's seed and the place alone.
    pub fn seed(&self, run_seed: u64) -> u64 {
        let parts = [self.samples as u64, self.signal_norm.to_bits(), self.replicate.into()];
        parts.into_iter().fold(mix(run_seed), |seed, part| mix(seed ^ mix(part)))
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
    match space {
        Space::Weights => descend(recipe, &mut WeightRun::new(recipe, place, seed)?),
        Space::Tokens => descend(recipe, &mut TokenRun::new(recipe, place, seed)?),
        Space::Sampled => descend(recipe, &mut SampledRun::new(recipe, place, seed)),
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
