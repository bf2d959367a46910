//! A point of the grid, and the space a cell is computed in.

use mote_core::rng::mix;
use serde::{Deserialize, Serialize};

/// Where a cell is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Representation {
    /// The engine itself: `D x H` weights, tokens of `D` numbers.
    Weights,
    /// The queries, keys and values at the training tokens: the same run, steps without `D`.
    Tokens,
    /// The dimension-free sampler: the span of the training tokens, drawn directly.
    Sampled,
    /// The same without `H`: the span of the initial queries and keys is drawn directly too.
    Free,
}

impl Representation {
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
pub struct GridPoint {
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

impl GridPoint {
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
