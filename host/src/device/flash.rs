//! `mote flash`: firmware built and written to a real board, by probe-rs.

use super::{build, machine, provision};
use crate::cli::{self, FlashArgs};
use crate::error::ProgramFailed;
use crate::progress::{self, say};
use anyhow::{Context, ensure};
use std::path::Path;
use std::process::Command;

/// What writes to boards.
const PROBE_RS: &str = "probe-rs";

/// Builds the firmware of a board, writes it there and starts it.
///
/// # Errors
///
/// An unknown preset or one too large for the board, missing tools, a build that fails; [`ProgramFailed`] if probe-rs
/// does.
pub fn flash(args: &FlashArgs, quiet: bool) -> anyhow::Result<()> {
    let board = machine::REAL.iter().find(|board| board.name == args.board).context("the board is not known")?;
    let chip = board.probe_chip.context("the board has no probe")?;
    let preset = cli::preset(args.preset.as_deref().unwrap_or(board.preset))?;
    board.check_preset(&preset)?;
    let features: &[&str] = match (args.session, args.defmt) {
        (true, _) => &["session"],
        (_, true) => &["defmt"],
        _ => &[],
    };
    let elf = build::elf_path(board, preset.name, features)?;
    let commands = commands(chip, &elf, args.defmt);
    if args.dry_run {
        return commands.iter().try_for_each(|words| say(words.join(" ")));
    }
    ensure!(
        provision::is_on_path(PROBE_RS),
        "{PROBE_RS} is missing: cargo install probe-rs-tools --locked, or see https://probe.rs/docs/getting-started"
    );
    provision::ensure([board.target], false, !args.no_install)?;
    let spinner = progress::spinner(format!("building the firmware for {} ({})", board.name, board.core), quiet);
    if args.session {
        build::build_session(board, preset.name, false)?;
    } else {
        build::build_with(board, preset.name, features)?;
    }
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
