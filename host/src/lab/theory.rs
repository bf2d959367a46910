//! `mote theory`: which of the theorem's assumptions a configuration meets, and what it predicts.
//!
//! Condition 4.1 and the theorem of (J) as they are remembered: up to logarithms, and with every constant taken as 1.

use super::cell::Place;
use super::lists::{numbers, positive, sorted};
use super::options::Options;
use super::recipe::{Form, Limits, Recipe};
use super::run_file::{self, RunFile};
use crate::error::InputError;
use crate::progress::say;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What every answer of this file rests on.
pub const CAVEAT: &str =
    "constants and logarithms are taken as 1: the condition is remembered, not read from the paper";

/// The same in a cell of a CSV file.
pub const CONSTANTS: &str = "remembered; taken as 1";

/// Options of `mote theory`.
#[derive(Debug, clap::Args)]
#[command(after_help = "For every N, SNR and model of the preset, or those given: which items of Condition 4.1 are met
(constants and logarithms taken as 1), the regime and the number of steps that the theorem predicts, and the
early race between signal and noise, which is even at N SNR^2 = 2 C_p^2.

Examples:
  mote theory --n 8 --snr 0.5 --dim 1e12 --head 1e8
  mote theory --preset figure1 --n 20 --signal 10,50,100
  mote theory --preset theorem --json")]
pub struct TheoryArgs {
    /// Where everything comes from that is not said otherwise [default: theorem]
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Run file; options on the command line speak over it
    #[arg(long, value_name = "F.toml")]
    pub config: Option<PathBuf>,
    /// Signal-to-noise ratios s / (sigma sqrt(D)), instead of signal norms
    #[arg(long, value_name = "LIST", allow_hyphen_values = true, conflicts_with = "signal")]
    pub snr: Option<String>,
    #[command(flatten)]
    /// What to change.
    pub options: Options,
    /// One JSON object a configuration
    #[arg(long)]
    pub json: bool,
}

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
    pub race: f64,
}

impl Verdict {
    /// The verdict on cells at `place`; `eps` is the recipe's stop loss.
    pub fn of(recipe: &Recipe, place: &Place) -> Self {
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
            race: 2.0 * ratio * ratio,
        }
    }

    /// Names of the items that are not met.
    pub fn missed(&self) -> Vec<&'static str> {
        self.items.iter().filter(|item| !item.is_met).map(|item| item.name).collect()
    }

    fn print(&self) -> anyhow::Result<()> {
        let Self { n, snr, dim, head, n_snr2, .. } = self;
        say(format_args!("N={n} SNR={snr:.4} D={dim} H={head}: N SNR^2 = {n_snr2:.4}"))?;
        for Item { says, found, asked, is_met, .. } in &self.items {
            let verdict = if *is_met { "met    " } else { "NOT met" };
            say(format_args!("  {verdict}  {says}: {found:.3e}, asked {asked:.3e}"))?;
        }
        let (side, other) = if *n_snr2 >= 1.0 { ("above", "small") } else { ("below", "a constant") };
        say(format_args!("  regime: N SNR^2 is {side} 1; far enough {side} it, the test loss is {other}"))?;
        let (benign, harmful) = (self.benign_steps, self.harmful_steps);
        say(format_args!(
            "  steps to the stop loss, in order of size: {benign:.1e} if benign, {harmful:.1e} if harmful"
        ))?;
        let first = if *n_snr2 >= self.race { "signal" } else { "noise" };
        say(format_args!("  early race: even at N SNR^2 = 2 C_p^2 = {:.4}; the {first} leads here", self.race))
    }
}

/// A verdict as JSON says it: with what it rests on.
#[derive(Serialize)]
struct Said<'v> {
    #[serde(flatten)]
    verdict: &'v Verdict,
    missed: Vec<&'static str>,
    constants: &'static str,
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

/// Prints the verdicts.
///
/// # Errors
///
/// [`crate::error::InputError`] for impossible options.
pub fn theory(args: &TheoryArgs) -> anyhow::Result<()> {
    let run_file = args.config.as_deref().map(RunFile::read).transpose()?;
    let mut config = run_file::resolve(args.preset.as_deref(), run_file.as_ref(), &args.options, "theorem")?;
    if let Form::Digits { .. } = config.recipe.form {
        return Err(InputError::option(
            "preset",
            "expected a preset of signals and noise; the theorem does not speak of images",
        )
        .into());
    }
    let snrs = args.snr.as_ref().map(|list| numbers("snr", list)).transpose()?;
    snrs.iter().flatten().try_for_each(|&snr| positive("snr", snr))?;
    for &(dim, head) in &config.models {
        let recipe = Recipe { dim, head, ..config.recipe };
        if let Some(snrs) = &snrs {
            config.signal = sorted(snrs.iter().map(|snr| snr * recipe.noise_norm()).collect());
        }
        for &samples in &config.n {
            for &signal_norm in &config.signal {
                let verdict = Verdict::of(&recipe, &Place { samples, signal_norm, replicate: 0, dim, head });
                if args.json {
                    let (verdict, missed) = (&verdict, verdict.missed());
                    say(serde_json::to_string(&Said { verdict, missed, constants: CONSTANTS })?)?;
                } else {
                    verdict.print()?;
                }
            }
        }
    }
    if args.json { Ok(()) } else { say(CAVEAT) }
}

#[cfg(test)]
mod tests {
    use super::super::presets;
    use super::*;

    fn verdict(preset: &str, samples: usize, signal_norm: f64, dim: u64, head: usize) -> Verdict {
        let recipe = presets::preset(preset).unwrap().recipe;
        Verdict::of(&recipe, &Place { samples, signal_norm, replicate: 0, dim, head })
    }

    #[test]
    fn the_theorem_preset_is_inside_where_it_says() {
        // eps = 0.05: H at least 40,000 SNR^-4, D at least 40,000 H.
        let inside = verdict("theorem", 10, 1.0, 4_000_000_000_000, 100_000_000);
        assert_eq!(inside.missed(), ["samples"], "{inside:?}");
        assert!((inside.n_snr2 - 10.0).abs() < 1e-9 && (inside.race - 2.0).abs() < 1e-12);
        assert!((inside.benign_steps - 2e5).abs() < 1e-3 && (inside.harmful_steps - 2e6).abs() < 1e-2);
        let low = verdict("theorem", 10, 0.1, 4_000_000_000_000, 100_000_000);
        assert_eq!(low.missed(), ["width", "samples"], "SNR^-4 is 10^4");
        let flat = verdict("theorem", 10, 1.0, 3_999_999_999_999, 100_000_000);
        assert_eq!(flat.missed(), ["dimension", "samples"]);
    }

    #[test]
    fn a_grid_says_which_items_its_places_miss() {
        let verdicts = [1.0, 0.1].map(|signal| verdict("theorem", 10, signal, 4_000_000_000_000, 100_000_000));
        let condition = Condition::of(&verdicts);
        assert_eq!((condition.places, condition.all_met), (2, 0));
        assert_eq!(condition.missed, BTreeMap::from([("samples", 2), ("width", 1)]));
        let expected = "Condition 4.1 (its constants remembered; taken as 1): every item is met at 0 of 2 places; \
                        not met: samples at 2, width at 1";
        assert_eq!(condition.text(), expected);
        assert!(Condition::of(&[]).text().ends_with("at 0 of 0 places"));
    }

    #[test]
    fn figure_1_is_outside_and_its_race_is_at_800() {
        let figure1 = verdict("figure1", 20, 50.0, 1024, 512);
        assert!((figure1.race - 800.0).abs() < 1e-9);
        assert!((figure1.n_snr2 - 20.0 * (50.0f64 / 6.4).powi(2)).abs() < 1e-9);
        assert!(figure1.missed().contains(&"width") && figure1.missed().contains(&"learning_rate"));
    }
}
