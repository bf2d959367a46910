//! The command line, with the help that teaches it.

use crate::base::error::{InputError, quoted};
use crate::base::lists;
use crate::base::progress::print_line;
#[cfg(feature = "lab")]
use crate::commands::bench::BenchArgs;
#[cfg(feature = "pictures")]
use crate::commands::demo::DemoArgs;
#[cfg(feature = "files")]
use crate::commands::device::DeviceArgs;
#[cfg(feature = "lab")]
use crate::commands::digits::DigitsArgs;
#[cfg(feature = "lab")]
use crate::commands::dynamics::DynamicsArgs;
use crate::commands::fit::FitArgs;
use crate::commands::flash::FlashArgs;
#[cfg(feature = "lab")]
use crate::commands::law::LawArgs;
#[cfg(feature = "monitor")]
use crate::commands::monitor::MonitorArgs;
#[cfg(feature = "lab")]
use crate::commands::phase::PhaseArgs;
#[cfg(feature = "lab")]
use crate::commands::plot::PlotArgs;
#[cfg(feature = "files")]
use crate::commands::predict::PredictArgs;
use crate::commands::run::RunArgs;
use crate::commands::sizes::SizesArgs;
#[cfg(feature = "lab")]
use crate::commands::theory::TheoryArgs;
#[cfg(feature = "files")]
use crate::commands::train::TrainArgs;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};
use std::error::Error;

/// Trains a softmax-attention classifier by exact gradient descent, with the same bits on this machine and on a
/// Cortex-M
#[derive(Debug, Parser)]
#[command(name = "mote", version, propagate_version = true, args_override_self = true)]
#[command(after_help = "Examples:
  mote demo                         benign and harmful overfitting on a chip
  mote train --data train.npz --steps 200 --lr 0.5 --out run
  mote predict --data test.npz --weights run/weights.npz
  mote device --machine microbit    train on another emulated board")]
pub struct Cli {
    /// Print only results and errors
    #[arg(long, global = true)]
    pub quiet: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What `mote` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train on your own data: read NumPy .npz files, write weights, curve and pictures
    #[cfg(feature = "files")]
    Train(TrainArgs),
    /// Compute scores, loss and error of trained weights on data
    #[cfg(feature = "files")]
    Predict(PredictArgs),
    /// Run a preset on this machine and print the report lines that a chip would print
    Run(RunArgs),
    /// Train on a chip, emulated or on a serial port, and compare every bit with this machine
    #[cfg(feature = "files")]
    Device(DeviceArgs),
    /// Watch a chip train: live curves and state, keys to stop and save
    #[cfg(feature = "monitor")]
    Monitor(MonitorArgs),
    /// Show the largest models that fit into a given RAM
    Fit(FitArgs),
    /// Measure the sharp condition, N SNR^2 = constant, on a chip
    #[cfg(feature = "lab")]
    Law(LawArgs),
    /// Build the firmware of a real board and write it with probe-rs
    Flash(FlashArgs),
    /// Train benign and harmful overfitting on an emulated Cortex-M4F and draw both
    #[cfg(feature = "pictures")]
    Demo(DemoArgs),
    /// Compute a phase diagram over N and signal: the paper's Figure 1 and others
    #[cfg(feature = "lab")]
    Phase(PhaseArgs),
    /// Follow attention, values and query-key products through training, as in the paper
    #[cfg(feature = "lab")]
    Dynamics(DynamicsArgs),
    /// Draw columns of a finished folder as curves or as a heat map
    #[cfg(feature = "lab")]
    Plot(PlotArgs),
    /// Show what the theorem assumes and predicts for a configuration
    #[cfg(feature = "lab")]
    Theory(TheoryArgs),
    /// Write two classes of handwritten digits as data files
    #[cfg(feature = "lab")]
    Digits(DigitsArgs),
    /// Measure how many cells of a phase diagram are computed per second
    #[cfg(feature = "lab")]
    Bench(BenchArgs),
    /// Show flash and static RAM of the firmware on every board
    Sizes(SizesArgs),
    /// List the presets
    Presets,
    /// Print shell completions
    Completions {
        /// Shell to complete for
        shell: clap_complete::Shell,
    },
}

/// A value that its option refuses, as one line; `None` for every other error of the command line, and for help.
pub fn refused_value(error: &clap::Error) -> Option<InputError> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (option, found) = (text(ContextKind::InvalidArg)?, text(ContextKind::InvalidValue)?);
    let says = match (error.kind(), error.get(ContextKind::ValidValue), error.source()) {
        // An option without its value is an error of the grammar.
        (ErrorKind::InvalidValue, Some(ContextValue::Strings(known)), _) if !found.is_empty() => {
            lists::one_of(found, &known.iter().map(String::as_str).collect::<Vec<_>>())
        }
        (ErrorKind::ValueValidation, _, Some(says)) => refusal(says.to_string(), &quoted(found)),
        _ => return None,
    };
    let option = option.split(' ').next()?.trim_matches(['<', '>']);
    Some(InputError::Value { what: format!("{option}: {says}") })
}

/// What a parser says of a value, with what was found.
fn refusal(says: String, found: &str) -> String {
    // Of the parser's own sentence, `0 is not in 1..=9`, the range is told as every other one.
    let range = says.split_once(" is not in ").map(|(_, range)| range.replace("..=", " to ").replace("..", " on"));
    let says = range.map_or(says, |range| format!("expected a whole number from {range}, found {found}"));
    if says.contains(found) { says } else { format!("{says}, found \"{found}\"") }
}

/// Prints completions for a shell.
///
/// # Errors
///
/// If standard output cannot be written.
pub fn print_completions(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mote", &mut script);
    print_line(String::from_utf8_lossy(&script).trim_end())
}
