//! `mote flash`: firmware built and written to a real board, by probe-rs.

use crate::base::error::ProgramFailed;
use crate::base::progress::{self, print_line};
use crate::board::build::{FirmwareRecipe, in_shell};
use crate::board::model::{self, FirmwareModel};
use crate::board::{machine, provision};
use anyhow::{Context, ensure};
use clap::builder::PossibleValuesParser;
use mote_core::shape::Shape;
use std::path::Path;
use std::process::Command;

/// Options of `mote flash`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Needs probe-rs and a debug probe; most boards have one. docs/boards.md says where the serial port \
is. Open it at 115200 baud, 8 data bits, no parity.

Examples:
  mote flash nucleo-f446re
  mote flash nucleo-f446re --session
  mote flash nucleo-f446re --session --shape 4,100,8,8
  mote flash pico2 --preset parity --dry-run    only print the commands
  mote flash nrf52840-dk --defmt                show the log until Ctrl-C

The exit status is that of probe-rs."
)]
pub struct FlashArgs {
    /// Board to write to
    #[arg(value_name = "BOARD", value_parser = board_names())]
    pub board: String,
    /// Preset to train; with --session, the preset whose shape the model has [default: the board's own]
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Write the firmware that takes commands (mote-session), with a model of the preset's shape
    #[arg(long)]
    pub session: bool,
    /// With --session, shape of the model as M,D,H,V: tokens, numbers per token, width of queries and keys, width of
    /// values
    #[arg(long, value_name = "M,D,H,V", value_parser = model::shape, requires = "session", conflicts_with = "preset")]
    pub shape: Option<Shape>,
    /// Log every record, and with --session every answer, through the probe too; show the log until Ctrl-C
    #[arg(long)]
    pub defmt: bool,
    /// Print the commands instead of building and running them
    #[arg(long)]
    pub dry_run: bool,
    /// Do not install missing tools; print the commands that install them
    #[arg(long)]
    pub no_install: bool,
}

/// The boards that `mote flash` takes.
fn board_names() -> PossibleValuesParser {
    machine::real().map(|board| board.name).collect::<Vec<_>>().into()
}

/// What writes to boards.
const PROBE_RS: &str = "probe-rs";

/// Builds the firmware of a board, writes it there and starts it.
///
/// # Errors
///
/// An unknown preset or one too large for the board, missing tools, a build that fails; [`ProgramFailed`] if probe-rs
/// does.
pub fn flash(args: &FlashArgs, quiet: bool) -> anyhow::Result<()> {
    let board = machine::real().find(|board| board.name == args.board).context("the board is not known")?;
    let chip = board.probe_chip.context("the board has no probe")?;
    let model = FirmwareModel::choose(board, args.preset.as_deref(), args.shape)?;
    let features: &[&str] = if args.defmt { &["defmt"] } else { &[] };
    let recipe = if args.session {
        FirmwareRecipe::of_session(board, &model, features)
    } else {
        FirmwareRecipe::of_preset(board, &model.name(), features)
    };
    let commands = commands(chip, &recipe.elf()?, args.defmt);
    if args.dry_run {
        let lines = recipe
            .lines()?
            .into_iter()
            .chain(commands.iter().map(|words| words.iter().map(|word| in_shell(word)).collect::<Vec<_>>().join(" ")));
        return lines.into_iter().try_for_each(print_line);
    }
    ensure!(
        provision::is_on_path(PROBE_RS),
        "{PROBE_RS} is missing: cargo install probe-rs-tools --locked, or see https://probe.rs/docs/getting-started"
    );
    provision::ensure([board.target], false, !args.no_install)?;
    let spinner = progress::spinner(format!("building the firmware for {} ({})", board.name, board.core), quiet);
    recipe.follow()?;
    spinner.finish_and_clear();
    commands.iter().try_for_each(|words| perform(words))
}

/// Written and started; or, for a log, written, started and listened to.
fn commands(chip: &str, elf: &Path, log: bool) -> Vec<Vec<String>> {
    let command = |words: &[&str]| words.iter().map(|word| String::from(*word)).collect();
    let elf = elf.display().to_string();
    if log {
        vec![command(&[PROBE_RS, "run", "--chip", chip, &elf])]
    } else {
        vec![command(&[PROBE_RS, "download", "--chip", chip, &elf]), command(&[PROBE_RS, "reset", "--chip", chip])]
    }
}

/// Runs a command in the user's terminal.
fn perform(words: &[String]) -> anyhow::Result<()> {
    let shown = words.join(" ");
    let status = Command::new(&words[0]).args(&words[1..]).status().with_context(|| shown.clone())?;
    match status.code() {
        Some(0) => Ok(()),
        // A signal ended it.
        None => anyhow::bail!("{shown} ended with {status}"),
        Some(status) => Err(ProgramFailed { command: shown, status }.into()),
    }
}
