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

/// Extra axes that a place has room for.
pub const ROOM: usize = 4;

/// The values of the extra axes. The length is [`ROOM`], written out: rustc 1.95 fails on closures that capture a field
/// whose length has a name.
pub type Extra = [f64; 4];

/// The extra values of a place where every extra axis is neutral.
pub const NEUTRAL: Extra = [0.0; ROOM];

/// Where [`GridPoint::extra`] has the label noise.
pub const FLIP: usize = 0;

/// What a seed tells the extra axes from each other with, and from the other parts of a place. Part of the specification.
const EXTRA: u64 = 0x6178_6973_0000_0000;

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
    /// How far every extra axis is from where it is neutral: see [`crate::axes`].
    pub extra: Extra,
}

/// What tells two cells of a run apart, ordered as the grid is.
pub type Key = (u64, usize, [u64; ROOM], usize, u64, u32);

impl GridPoint {
    /// The cell's own seed: a function of the run's seed and the place alone. An extra axis enters it where it is not
    /// neutral, by what tells it from every other axis and the bits of its value.
    pub fn seed(&self, run_seed: u64) -> u64 {
        let (n, signal_norm) = (self.samples as u64, self.signal_norm.to_bits());
        let parts = [n, signal_norm, self.replicate.into(), self.dim, self.head as u64];
        let extra = (0..).zip(self.extra).filter(|(_, value)| *value != 0.0);
        let extra = extra.flat_map(|(at, value): (u64, f64)| [EXTRA ^ at, value.to_bits()]);
        parts.into_iter().chain(extra).fold(mix(run_seed), |seed, part| mix(seed ^ mix(part)))
    }

    /// The cell's key. The bits of positive numbers are ordered as the numbers are.
    pub fn key(&self) -> Key {
        let (extra, signal_norm) = (self.extra.map(f64::to_bits), self.signal_norm.to_bits());
        (self.dim, self.head, extra, self.samples, signal_norm, self.replicate)
    }

    /// The chance of a training label to be flipped.
    pub fn flip(&self) -> f64 {
        self.extra[FLIP]
    }
}
