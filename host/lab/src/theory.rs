//! What Condition 4.1 of the paper says of a configuration, and what its theorem predicts.

use crate::place::GridPoint;
use crate::recipe::{Form, Limits, Recipe};
use serde::Serialize;
use std::collections::BTreeMap;

/// What every answer of this file rests on.
pub const CAVEAT: &str =
    "constants and logarithms are taken as 1: the condition is remembered, not read from the paper";

/// One assumption.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    /// A short name, as in files.
    pub name: &'static str,
    /// The assumption in words.
    pub says: &'static str,
    /// What the configuration has.
    pub found: f64,
    /// What the assumption asks for, with all constants 1.
    pub asked: f64,
    /// Whether it holds.
    pub is_met: bool,
}

/// What the theory says of one place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// `N`.
    pub n: usize,
    /// `SNR`.
    pub snr: f64,
    /// `D`.
    pub dim: u64,
    /// `H`.
    pub head: usize,
    /// `N SNR^2`.
    pub n_snr2: f64,
    /// The items of Condition 4.1.
    pub items: Vec<Item>,
    /// Steps to training loss `eps` if benign: `1 / (lr eps s^2 |w_O|^2)`.
    pub benign_steps: f64,
    /// Steps to training loss `eps` if harmful: `N / (lr eps sigma^2 D |w_O|^2)`.
    pub harmful_steps: f64,
    /// `2 C_p^2`: where the early race between signal and largest noise is even.
    #[serde(rename = "race")]
    pub phase_ratio: f64,
}

impl Verdict {
    /// The verdict on cells at `place`; `eps` is the recipe's stop loss.
    pub fn of(recipe: &Recipe, place: &GridPoint) -> Self {
        let snr = recipe.snr(place);
        let recipe = recipe.at(place);
        let (n, h, d, eps) = (place.samples as f64, recipe.head as f64, recipe.dim as f64, recipe.stop_loss);
        let (limits, stds) = (Limits::of(&recipe, place.signal_norm), recipe.draw_weights_std());
        let (output_norm2, ratio): (f64, f64) = match recipe.form {
            // The mean of a square of a uniform number in ±1/sqrt(V), V times.
            Form::Paper { big, small, .. } => (1.0 / 3.0, big / small),
            Form::Uniform { .. } | Form::Digits { .. } => (1.0, 1.0),
        };
        let at_least = |name, says, found: f64, asked: f64| Item { name, says, found, asked, is_met: found >= asked };
        let at_most = |name, says, found: f64, asked: f64| {
            // A value set to the limit itself must not miss it by a rounding error.
            Item { name, says, found, asked, is_met: found <= asked * (1.0 + 1e-9) }
        };
        let variance = stds.query_key_std.powi(2);
        let order = variance / limits.query_key_std.powi(2);
        let items = vec![
            at_least(
                "width",
                "H at least max(SNR^4, SNR^-4) N^2 / eps^2",
                h,
                snr.powi(4).max(snr.powi(-4)) * (n / eps).powi(2),
            ),
            at_least("dimension", "D at least N^2 H / eps^2", d, (n / eps).powi(2) * h),
            at_least("samples", "N at least a power of log D (the first power is shown)", n, d.ln()),
            at_most(
                "learning_rate",
                "lr at most min(s^-2, (sigma^2 D)^-1) H^-1/2",
                recipe.learning_rate,
                limits.learning_rate,
            ),
            at_most(
                "value_std",
                "std of W_V at most min(s^-1, (sigma sqrt D)^-1) H^-1/4 / |w_O|",
                stds.value_std,
                limits.value_std / output_norm2.sqrt(),
            ),
            Item {
                name: "query_key_variance",
                says: "variance of W_Q and W_K of the order of min(s^-2, (sigma^2 D)^-1) H^-1/2 (within 10 times)",
                found: variance,
                asked: limits.query_key_std.powi(2),
                is_met: (0.1..=10.0).contains(&order),
            },
        ];
        let pace = recipe.learning_rate * eps * output_norm2;
        Self {
            n: place.samples,
            snr,
            dim: recipe.dim,
            head: recipe.head,
            n_snr2: n * snr * snr,
            items,
            benign_steps: 1.0 / (pace * place.signal_norm.powi(2)),
            harmful_steps: n / (pace * recipe.noise_norm().powi(2)),
            phase_ratio: 2.0 * ratio * ratio,
        }
    }

    /// Names of the items that are not met.
    pub fn missed(&self) -> Vec<&'static str> {
        self.items.iter().filter(|item| !item.is_met).map(|item| item.name).collect()
    }
}

/// What Condition 4.1 comes to on a whole grid.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Condition {
    /// What every item rests on: its constants.
    pub constants: &'static str,
    /// Places of the grid.
    pub places: usize,
    /// Places where every item is met.
    pub all_met: usize,
    /// Every item that some places miss, and how many of them do.
    pub missed: BTreeMap<&'static str, usize>,
}

impl Condition {
    /// Of the verdicts of all places.
    pub fn of(verdicts: &[Verdict]) -> Self {
        let mut condition = Self { constants: CONSTANTS, places: verdicts.len(), ..Self::default() };
        for verdict in verdicts {
            let missed = verdict.missed();
            condition.all_met += usize::from(missed.is_empty());
            missed.into_iter().for_each(|name| *condition.missed.entry(name).or_insert(0) += 1);
        }
        condition
    }

    /// In one sentence.
    pub fn text(&self) -> String {
        let Self { constants, places, all_met, missed } = self;
        let items: Vec<_> = missed.iter().map(|(name, count)| format!("{name} at {count}")).collect();
        let items = if items.is_empty() { String::new() } else { format!("; not met: {}", items.join(", ")) };
        format!("Condition 4.1 (its constants {constants}): every item is met at {all_met} of {places} places{items}")
    }
}

/// [`CAVEAT`] in a cell of a CSV file.
pub const CONSTANTS: &str = "remembered; taken as 1";
