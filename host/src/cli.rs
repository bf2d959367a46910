//! The command line, with the help that teaches it.

use crate::device::chip::ChipArgs;
use crate::device::fit;
use crate::device::flash::FlashArgs;
use crate::device::law::LawArgs;
use crate::device::learn::LearnArgs;
use crate::device::machine::every;
use crate::device::monitor::MonitorArgs;
use crate::error::{InputError, quoted};
use crate::lab;
use crate::lab::bench::BenchArgs;
use crate::lab::digits::DigitsArgs;
use crate::lab::dynamics::DynamicsArgs;
use crate::lab::lists;
use crate::lab::phase::PhaseArgs;
use crate::lab::theory::TheoryArgs;
use crate::progress::say;
use clap::builder::PossibleValuesParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, Parser, Subcommand};
use mote_core::presets::{self, Preset};
use std::error::Error;
use std::path::PathBuf;

/// Trains a softmax-attention classifier by exact gradient descent, the same program bit for bit on
/// this machine and on a Cortex-M.
#[derive(Debug, Parser)]
#[command(name = "mote", version, propagate_version = true, args_override_self = true)]
#[command(after_help = "Examples:
  mote demo                                       benign and harmful overfitting on an emulated chip
  mote train --data train.npz --steps 200 --lr 0.5 --out run
  mote predict --data test.npz --weights run/weights.npz
  mote device --machine microbit                  train on another emulated board, compare every bit")]
pub struct Cli {
    /// Only results and errors: no progress bars, no chatter.
    #[arg(long, global = true)]
    pub quiet: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `mote` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train on your own data (NumPy .npz in, weights, curve and pictures out)
    Train(TrainArgs),
    /// Scores, loss and error of trained weights on data
    Predict(PredictArgs),
    /// Run a preset on this machine and print the report lines that a chip would print
    Run(RunArgs),
    /// Train on a chip, emulated or on a serial port, and compare every bit with this machine
    Device(DeviceArgs),
    /// Watch a chip train: live curves, what it is doing, keys to stop and save
    Monitor(MonitorArgs),
    /// What can be trained in so much RAM
    Fit(FitArgs),
    /// The sharp condition, N SNR^2 = constant, measured by a chip
    Law(LawArgs),
    /// Build the firmware of a real board and write it there with probe-rs
    Flash(FlashArgs),
    /// Benign against harmful overfitting, trained on an emulated Cortex-M4F, with a picture
    Demo(DemoArgs),
    /// The phase diagram over N and signal: the paper's Figure 1 and others
    Phase(PhaseArgs),
    /// The paper's dynamics: attention, values and query-key products through training
    Dynamics(DynamicsArgs),
    /// What the theorem assumes and predicts of a configuration
    Theory(TheoryArgs),
    /// Write real images, two classes of handwritten digits, as data files
    Digits(DigitsArgs),
    /// Cells of a phase diagram a second, and where their time goes
    Bench(BenchArgs),
    /// Flash and static RAM of the firmware on every board
    Sizes(SizesArgs),
    /// List the presets
    Presets,
    /// Print shell completions
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// Options of `mote train`.
#[derive(Debug, Args)]
#[command(after_help = "The data file holds X, shape (N, M, D), and y, shape (N), of +1 and -1. The init file
holds W_Q and W_K, shape (D, H), W_V, shape (D, V), and w_O, shape (V); without one,
they are drawn: W_Q and W_K with standard deviation 0.02, W_V with 0.001, w_O of norm 1,
or as the preset says.

Writes curve.csv (row t is the loss BEFORE step t), weights.npz, summary.json, curve.png
and curve.svg into the output folder. weights.npz can be fed back as --init.

Examples:
  mote train --data train.npz --steps 200 --lr 0.5 --out run
  mote train --data train.npz --test test.npz --preset demo --out run
  mote train --data train.npz --init run/weights.npz --steps 50 --lr 0.1 --out more")]
pub struct TrainArgs {
    /// Training data, .npz with X and y
    #[arg(long, value_name = "F.npz")]
    pub data: PathBuf,
    /// Initial weights, .npz with W_Q, W_K, W_V and w_O
    #[arg(long, value_name = "F.npz")]
    pub init: Option<PathBuf>,
    /// Where H, V, the spread of fresh weights, steps, learning rate and stop loss come from if not given
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Steps of gradient descent at most; needed unless --preset gives them
    #[arg(long, value_name = "K", required_unless_present = "preset")]
    pub steps: Option<u32>,
    /// Learning rate, above 0; needed unless --preset gives it
    #[arg(long, value_name = "X", required_unless_present = "preset", allow_negative_numbers = true)]
    pub lr: Option<f32>,
    /// Train w_O too; the paper keeps it fixed
    #[arg(long)]
    pub train_output: bool,
    /// Stop after the step before which the training loss was below this
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub stop_loss: Option<f32>,
    /// Test data, evaluated after every step
    #[arg(long, value_name = "F.npz")]
    pub test: Option<PathBuf>,
    /// H: query and key width of fresh weights [default: 8, or the preset's]
    #[arg(long, value_name = "H", conflicts_with = "init")]
    pub head: Option<usize>,
    /// V: value width of fresh weights [default: 8, or the preset's]
    #[arg(long, value_name = "V", conflicts_with = "init")]
    pub value: Option<usize>,
    /// Seed of fresh weights [default: 1]
    #[arg(long, value_name = "S", conflicts_with = "init")]
    pub seed: Option<u64>,
    /// Folder for the results, made if missing
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Options of `mote predict`.
#[derive(Debug, Args)]
#[command(after_help = "Prints one CSV row a sample: sample,score,label,loss (label and loss are empty if the
file has no y). The sign of the score is the predicted class.

Example:
  mote predict --data test.npz --weights run/weights.npz > scores.csv")]
pub struct PredictArgs {
    /// Data, .npz with X and, if known, y
    #[arg(long, value_name = "F.npz")]
    pub data: PathBuf,
    /// Weights, as `mote train` writes them
    #[arg(long, value_name = "F.npz")]
    pub weights: PathBuf,
}

/// Options of `mote run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Preset to run; see `mote presets`
    #[arg(long, value_name = "NAME", default_value = "demo")]
    pub preset: String,
}

/// Options of `mote device`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Without a command: builds the firmware, runs a preset on an emulated board, and compares every
line with this machine.

Machines: mps2-an386 (Cortex-M4F), mps2-an500 (M7), mps2-an385 (M3, software floats),
mps2-an505 (M33), microbit (M0, 16 KB of RAM), netduinoplus2 (M4F, STM32F405).

Examples:
  mote device                                     the demo preset on the Cortex-M4F
  mote device --machine microbit                  the tiny preset on the Cortex-M0
  mote device --machine mps2-an505 --preset parity
  mote device --port /dev/ttyACM0                 the same through commands, on a board with mote-session
  mote device hello --port /dev/ttyACM0           who is there?
  mote device train --data train.npz --steps 100 --lr 0.5 --out run

A mote built with --features fast-math runs and compares with micromath on both sides.")]
pub struct DeviceArgs {
    /// What to do, if not to run a preset
    #[command(subcommand)]
    pub command: Option<DeviceCommand>,
    /// Board to emulate
    #[arg(long, value_name = "NAME", default_value = "mps2-an386")]
    pub machine: String,
    /// Serial port of a board that runs mote-session, instead
    #[arg(long, value_name = "PATH", conflicts_with_all = ["machine", "log"])]
    pub port: Option<String>,
    /// Bits a second on the serial port
    #[arg(long, value_name = "B", default_value_t = 115_200, requires = "port")]
    pub baud: u32,
    /// Preset to train; the board's own if not given
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Keep every line of the chip in this file
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Print the emulated board's defmt log, decoded, instead of its lines; nothing is compared
    #[arg(long, conflicts_with_all = ["port", "log"])]
    pub defmt: bool,
    /// Seconds after which the emulator is stopped
    #[arg(long, value_name = "S", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub deadline: u64,
    /// Install nothing; print the commands that would
    #[arg(long)]
    pub no_install: bool,
}

/// Options of `mote fit`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("memory").required(true).args(["ram", "board"]))]
#[command(after_help = "D is the only size that may be as large as memory allows; the others are chosen. Sizes in
bytes, or with K (1024) or M. What is not given of --tokens, and of --head and --value, is tried.

Examples:
  mote fit --ram 20K --tokens 4
  mote fit --board microbit --tokens 4 --head 4 --value 4
  mote fit --ram 64K --tokens 8 --head 8 --value 8 --samples-held 50")]
pub struct FitArgs {
    /// RAM of the chip
    #[arg(long, value_name = "BYTES", value_parser = fit::bytes)]
    pub ram: Option<usize>,
    /// A board that mote knows, and the bytes its firmware has for the model and for samples
    #[arg(long, value_name = "BOARD", value_parser = all_board_names())]
    pub board: Option<String>,
    /// M: tokens in a sample
    #[arg(long, value_name = "M", value_parser = fit::size)]
    pub tokens: Option<usize>,
    /// H: query and key width; needs --value
    #[arg(long, value_name = "H", value_parser = fit::size, requires = "value")]
    pub head: Option<usize>,
    /// V: value width; needs --head
    #[arg(long, value_name = "V", value_parser = fit::size, requires = "head")]
    pub value: Option<usize>,
    /// Samples that lie in RAM too, and are not regenerated or streamed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub samples_held: usize,
    /// Stack; every emulated board is held to this limit
    #[arg(long, value_name = "BYTES", default_value = "4K", value_parser = fit::bytes, conflicts_with = "board")]
    pub stack: usize,
    /// Variables of the firmware beside model and samples [default: what mote's own are allowed]
    #[arg(long, value_name = "BYTES", value_parser = fit::bytes, conflicts_with = "board")]
    pub other: Option<usize>,
}

/// What `mote device` can do with a chip that obeys commands.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// Who is there, what it can take, and where it stands
    Hello(ChipArgs),
    /// Train a chip on your own data and bring the weights back
    Train(LearnArgs),
}

/// Every board.
fn all_board_names() -> PossibleValuesParser {
    every().map(|board| board.name).collect::<Vec<_>>().into()
}

/// Options of `mote demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Folder for the picture and the log
    #[arg(long, value_name = "DIR", default_value = "out/demo")]
    pub out: PathBuf,
    /// Install nothing; print the commands that would
    #[arg(long)]
    pub no_install: bool,
}

/// Options of `mote sizes`.
#[derive(Debug, Args)]
pub struct SizesArgs {
    /// Every model shape of the presets on every board: stack too, from a run on each emulated one, and the largest D
    #[arg(long)]
    pub full: bool,
    /// Install nothing; print the commands that would
    #[arg(long)]
    pub no_install: bool,
}

/// A value that its option refuses, as one line; `None` for every other error of the command line, and for help.
pub fn refused_value(error: &clap::Error) -> Option<InputError> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (ErrorKind::ValueValidation, Some(option), Some(found), Some(says)) =
        (error.kind(), text(ContextKind::InvalidArg), text(ContextKind::InvalidValue), error.source())
    else {
        return None;
    };
    let (option, says, found) = (option.split(' ').next()?, says.to_string(), quoted(found));
    // Of the parser's own sentence, `0 is not in 1..=9`, the range is told as every other one.
    let range = says.split_once(" is not in ").map(|(_, range)| range.replace("..=", " to ").replace("..", " on"));
    let says = range.map_or(says, |range| format!("expected a whole number from {range}, found {found}"));
    let says = if says.contains(&found) { says } else { format!("{says}, found \"{found}\"") };
    Some(InputError::Value { what: format!("{option}: {says}") })
}

/// The preset of a name.
///
/// # Errors
///
/// [`InputError`] with the names there are.
pub fn preset(name: &str) -> Result<Preset, InputError> {
    Preset::by_name(name).ok_or_else(|| {
        let names: Vec<_> = presets::ALL.iter().map(|preset| preset.name).collect();
        lists::unknown("preset", name, &names)
    })
}

/// Prints every preset with its shape and runs, then those of the laboratory with the commands that take them.
///
/// # Errors
///
/// If standard output cannot be written.
pub fn print_presets() -> anyhow::Result<()> {
    for preset in presets::ALL {
        let runs: Vec<_> = preset.runs.iter().map(|run| run.name).collect();
        say(format_args!("{:12} {} (runs: {})", preset.name, preset.about, runs.join(", ")))?;
    }
    for (name, about) in lab::presets::ALL {
        say(format_args!("{name:12} {about} (mote phase)"))?;
    }
    for (name, about) in lab::dynamics::PRESETS {
        say(format_args!("{name:12} {about} (mote dynamics)"))?;
    }
    Ok(())
}

/// Prints completions for a shell.
///
/// # Errors
///
/// If standard output cannot be written.
pub fn print_completions(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mote", &mut script);
    say(String::from_utf8_lossy(&script).trim_end())
}
