//! What a person may say about a run: on the command line or in a run file.

use crate::base::error::{InputError, quoted};
use crate::base::lists::{number, whole};
use mote_lab::place::Representation;
use serde::{Deserialize, Serialize};

/// How the space of a cell is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum RepresentationChoice {
    /// The cheapest, chosen for each cell
    #[default]
    Auto,
    /// The engine's own weights
    Weights,
    /// Queries, keys and values at the training tokens
    Tokens,
    /// Sampler whose cost does not depend on D
    Sampled,
    /// Sampler whose cost depends on neither D nor H
    Free,
}

impl From<Representation> for RepresentationChoice {
    fn from(space: Representation) -> Self {
        match space {
            Representation::Weights => Self::Weights,
            Representation::Tokens => Self::Tokens,
            Representation::Sampled => Self::Sampled,
            Representation::Free => Self::Free,
        }
    }
}

/// What a run file or the command line may say; the rest comes from the preset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Options {
    /// Name of the preset; on the command line it is an option of its own.
    #[arg(skip)]
    pub preset: Option<String>,
    /// N: numbers of training samples, a list or first..last..step with both ends
    #[arg(long, value_name = "LIST", allow_hyphen_values = true)]
    pub n: Option<String>,
    /// Norms of the signal tokens, a list or first..last..step with both ends
    #[arg(long, value_name = "LIST", allow_hyphen_values = true)]
    pub signal: Option<String>,
    /// Independent repetitions of every (N, signal): fresh data and weights
    #[arg(long, visible_alias = "runs", value_name = "R", allow_negative_numbers = true, value_parser = whole::<u32>)]
    pub replicates: Option<u32>,
    /// Seed of the whole run
    #[arg(long, value_name = "S", allow_negative_numbers = true, value_parser = whole::<u64>)]
    pub seed: Option<u64>,
    /// M: tokens of a sample
    #[arg(long, value_name = "M", allow_negative_numbers = true, value_parser = whole::<usize>)]
    pub tokens: Option<usize>,
    /// D: numbers per token; a list makes one diagram for each
    #[arg(long, value_name = "LIST", allow_hyphen_values = true)]
    pub dim: Option<String>,
    /// H: query and key width; one for all D, or a list as long as that of D
    #[arg(long, value_name = "LIST", allow_hyphen_values = true)]
    pub head: Option<String>,
    /// V: value width, which sets |w_O| (paper form)
    #[arg(long, value_name = "V", allow_negative_numbers = true, value_parser = whole::<usize>)]
    pub value: Option<usize>,
    /// Standard deviation of token 2 (paper form)
    #[arg(long, value_name = "X", allow_negative_numbers = true, value_parser = number)]
    pub big: Option<f64>,
    /// Standard deviation of tokens 3..M (paper form)
    #[arg(long, value_name = "X", allow_negative_numbers = true, value_parser = number)]
    pub small: Option<f64>,
    /// Divisor of the uniform initial weights (paper form)
    #[arg(long, value_name = "X", allow_negative_numbers = true, value_parser = number)]
    pub divisor: Option<f64>,
    /// Norm of the noise tokens, sigma sqrt(D) (uniform form)
    #[arg(long, value_name = "X", allow_negative_numbers = true, value_parser = number)]
    pub noise_norm: Option<f64>,
    /// Digits of the classes +1 and -1 (preset digits)
    #[arg(long, value_name = "A,B", allow_hyphen_values = true)]
    pub classes: Option<String>,
    /// Learning rate; in preset theorem, in units of the largest that Condition 4.1 allows
    #[arg(long, value_name = "X", allow_negative_numbers = true, value_parser = number)]
    pub lr: Option<f64>,
    /// Stop once the training loss is below this (one more step is done)
    #[arg(long, value_name = "X", allow_negative_numbers = true, value_parser = number)]
    pub stop_loss: Option<f64>,
    /// Steps after which a cell counts as not converged
    #[arg(long, visible_alias = "steps", value_name = "K", allow_negative_numbers = true, value_parser = whole::<u32>)]
    pub max_steps: Option<u32>,
    /// Fresh test samples per cell
    #[arg(long, value_name = "K", allow_negative_numbers = true, value_parser = whole::<usize>)]
    pub test_samples: Option<usize>,
    /// Space in which cells are computed
    #[arg(long, value_enum)]
    pub space: Option<RepresentationChoice>,
}

impl Options {
    /// Whether a key is given here, by its long name.
    pub fn says(&self, key: &str) -> bool {
        let keys = serde_json::to_value(self).unwrap_or_default();
        keys.get(key).is_some_and(|value| !value.is_null())
    }
}

/// Two digits, like `3,8`.
///
/// # Errors
///
/// [`InputError`] for anything else.
pub fn parse_classes(text: &str) -> Result<(u8, u8), InputError> {
    let found: Option<Vec<u8>> = text.split(',').map(|digit| digit.trim().parse().ok()).collect();
    match found.as_deref() {
        Some(&[plus @ 0..=9, minus @ 0..=9]) if plus != minus => Ok((plus, minus)),
        _ => Err(InputError::option(
            "classes",
            format!("expected two different digits, like 3,8, found {}", quoted(text)),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_two_digits() {
        for bad in ["3", "3,3", "3,10", "a,b", "1,2,3", ""] {
            assert!(parse_classes(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_classes("3, 8").unwrap(), (3, 8));
    }
}
