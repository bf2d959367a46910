//! Everything about a cell but its place on the grid: data, model, learning rate, stop.

use crate::place::{GridPoint, NEUTRAL};
use mote_core::rng::Stream;
use serde::{Deserialize, Serialize};

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
    /// Real images: see [`crate::digits`].
    Digits {
        /// The digits of the classes +1 and -1.
        classes: (u8, u8),
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
    pub fn at(&self, place: &GridPoint) -> Self {
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
    pub fn place(&self, samples: usize, signal_norm: f64, replicate: u32) -> GridPoint {
        GridPoint { samples, signal_norm, replicate, dim: self.dim, head: self.head, extra: NEUTRAL }
    }

    /// Standard deviation of the noise token at position `m >= 1`, and 1 if it has a part along the signals, else 0.
    pub fn noise_token(&self, m: usize) -> (f64, f64) {
        match self.form {
            Form::Paper { big, small, .. } => (if m == 1 { big } else { small }, 1.0),
            Form::Uniform { noise_norm, .. } | Form::Digits { noise_norm, .. } => {
                (noise_norm / (self.dim as f64).sqrt(), 0.0)
            }
        }
    }

    /// `sigma sqrt(D)`: the norm of a small noise token.
    pub fn noise_norm(&self) -> f64 {
        match self.form {
            Form::Paper { small, .. } => small * (self.dim as f64).sqrt(),
            Form::Uniform { noise_norm, .. } | Form::Digits { noise_norm, .. } => noise_norm,
        }
    }

    /// [`Recipe::noise_norm`] with another `D`.
    pub fn noise_norm_at(&self, dim: u64) -> f64 {
        Self { dim, ..*self }.noise_norm()
    }

    /// `C_p`: how much larger the large noise token of the `paper` form is than the small ones.
    pub fn c_p(&self) -> Option<f64> {
        match self.form {
            Form::Paper { big, small, .. } => Some(big / small),
            Form::Uniform { .. } | Form::Digits { .. } => None,
        }
    }

    /// Standard deviations of the initial weights. A uniform number in `±b` has the variance `b²/3`.
    pub fn draw_weights_std(&self) -> WeightStds {
        match self.form {
            Form::Paper { divisor, .. } => {
                let std = 1.0 / (3.0 * self.dim as f64).sqrt() / divisor;
                WeightStds { query_key_std: std, value_std: std }
            }
            Form::Uniform { query_key_std, value_std, .. } | Form::Digits { query_key_std, value_std, .. } => {
                WeightStds { query_key_std, value_std }
            }
        }
    }

    /// `|w_O|^2`: of `V` uniform numbers in `±1/sqrt(V)` in the `paper` form, 1 in the other.
    pub fn draw_output_norm2(&self, stream: &mut Stream) -> f64 {
        match self.form {
            Form::Paper { .. } => {
                let square = |_| f64::from(stream.symmetric()).powi(2);
                (0..self.value).map(square).sum::<f64>() / self.value as f64
            }
            Form::Uniform { .. } | Form::Digits { .. } => 1.0,
        }
    }

    /// `SNR = s / (std sqrt(D))`, with the small noise tokens' standard deviation.
    pub fn snr(&self, place: &GridPoint) -> f64 {
        place.signal_norm / self.noise_norm_at(place.dim)
    }

    /// Labels of `count` samples: alternating in the `paper` form, fair coins in the other.
    pub fn labels(&self, count: usize, stream: &mut Stream) -> Vec<f32> {
        let label = |n: usize| match self.form {
            Form::Paper { .. } => n.is_multiple_of(2),
            Form::Uniform { .. } => stream.coin(0.5),
            Form::Digits { .. } => n.is_multiple_of(2),
        };
        (0..count).map(label).map(|plus| if plus { 1.0 } else { -1.0 }).collect()
    }
}
