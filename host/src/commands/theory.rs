//! `mote theory`: which of the theorem's assumptions a configuration meets, and what it predicts.
//!
//! Condition 4.1 and the theorem of (J) as they are remembered: up to logarithms, and with every constant taken as 1.

use crate::base::error::InputError;
use crate::base::progress::print_line;
use crate::lab::options::Options;
use crate::lab::run_file::{self, RunFile};
use crate::lab::session::places;
use mote_lab::recipe::Form;
use mote_lab::theory::{CAVEAT, CONSTANTS, Item, Verdict};
use serde::Serialize;
use std::path::PathBuf;

/// Options of `mote theory`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Prints for every N, SNR and model which items of Condition 4.1 are met (constants and logarithms \
taken as 1), the regime and the number of steps that the theorem predicts, and the early race between signal and noise, \
which is even at N SNR^2 = 2 C_p^2.

Examples:
  mote theory --n 8 --snr 0.5 --dim 1e12 --head 1e8
  mote theory --preset figure1 --n 20 --signal 10,50,100
  mote theory --preset theorem --json"
)]
pub struct TheoryArgs {
    /// Preset that supplies all options you do not give [default: theorem]
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Run file, or run.json or config.json of a folder; options on the command line override it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    /// What to change.
    pub options: Options,
    /// Print one JSON object per configuration
    #[arg(long)]
    pub json: bool,
}

/// A verdict as JSON says it: with what it rests on.
#[derive(Serialize)]
struct Said<'v> {
    #[serde(flatten)]
    verdict: &'v Verdict,
    missed: Vec<&'static str>,
    constants: &'static str,
}

/// Prints the verdicts.
///
/// # Errors
///
/// [`crate::base::error::InputError`] for impossible options.
pub fn theory(args: &TheoryArgs) -> anyhow::Result<()> {
    let run_file = args.config.as_deref().map(RunFile::read).transpose()?;
    let config = run_file::resolve(args.preset.as_deref(), run_file.as_ref(), &args.options, "theorem")?;
    config.check_stop().map_err(|error| run_file::blame(error, run_file.as_ref(), &args.options))?;
    if let Form::Digits { .. } = config.recipe.form {
        return Err(InputError::option(
            "preset",
            "expected a preset of signals and noise; the theorem does not speak of images",
        )
        .into());
    }
    for place in places(&config) {
        let verdict = Verdict::of(&config.recipe, &place);
        if args.json {
            let (verdict, missed) = (&verdict, verdict.missed());
            print_line(serde_json::to_string(&Said { verdict, missed, constants: CONSTANTS })?)?;
        } else {
            print(&verdict)?;
        }
    }
    if args.json { Ok(()) } else { print_line(CAVEAT) }
}

/// What the theory says of one place, line by line.
fn print(verdict: &Verdict) -> anyhow::Result<()> {
    let Verdict { n, snr, dim, head, n_snr2, .. } = verdict;
    print_line(format_args!("N={n} SNR={snr:.4} D={dim} H={head}: N SNR^2 = {n_snr2:.4}"))?;
    for Item { says, found, asked, is_met, .. } in &verdict.items {
        let verdict = if *is_met { "met    " } else { "NOT met" };
        print_line(format_args!("  {verdict}  {says}: {found:.3e}, asked {asked:.3e}"))?;
    }
    let (side, other) = if *n_snr2 >= 1.0 { ("above", "small") } else { ("below", "a constant") };
    print_line(format_args!("  regime: N SNR^2 is {side} 1; far enough {side} it, the test loss is {other}"))?;
    let (benign, harmful) = (verdict.benign_steps, verdict.harmful_steps);
    print_line(format_args!(
        "  steps to the stop loss, in order of size: {benign:.1e} if benign, {harmful:.1e} if harmful"
    ))?;
    let first = if *n_snr2 >= verdict.phase_ratio { "signal" } else { "noise" };
    print_line(format_args!(
        "  early race: even at N SNR^2 = 2 C_p^2 = {:.4}; the {first} leads here",
        verdict.phase_ratio
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::presets;
    use mote_lab::place::{GridPoint, NEUTRAL};
    use mote_lab::theory::Condition;
    use std::collections::BTreeMap;

    fn verdict(preset: &str, samples: usize, signal_norm: f64, dim: u64, head: usize) -> Verdict {
        let recipe = presets::preset(preset).unwrap().recipe;
        Verdict::of(&recipe, &GridPoint { samples, signal_norm, replicate: 0, dim, head, extra: NEUTRAL })
    }

    #[test]
    fn the_theorem_preset_is_inside_where_it_says() {
        // eps = 0.05: H at least 40,000 SNR^-4, D at least 40,000 H.
        let inside = verdict("theorem", 10, 1.0, 4_000_000_000_000, 100_000_000);
        assert_eq!(inside.missed(), ["samples"], "{inside:?}");
        assert!((inside.n_snr2 - 10.0).abs() < 1e-9 && (inside.phase_ratio - 2.0).abs() < 1e-12);
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
        assert!((figure1.phase_ratio - 800.0).abs() < 1e-9);
        assert!((figure1.n_snr2 - 20.0 * (50.0f64 / 6.4).powi(2)).abs() < 1e-9);
        assert!(figure1.missed().contains(&"width") && figure1.missed().contains(&"learning_rate"));
    }
}
