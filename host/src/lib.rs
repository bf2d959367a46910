//! The program `mote` on the laptop. The binary calls [`run`]; the modules are public for the tests.
//!
//! # Rooms, the upper ones first
//!
//! | room | what it has |
//! |---|---|
//! | [`cli`], [`exit`] | which commands there are; what a failure means for the exit status |
//! | [`commands`] | one file a command: its options and what it does |
//! | `learn` | a chip learns from a file: the job, the run, the report |
//! | [`client`] | commands to a chip, and its answers |
//! | [`monitor`] | what a chip does, live on a terminal |
//! | [`emulator`] | firmware under QEMU, line by line |
//! | [`reference`](mod@reference) | the same run on this machine, to compare bits with |
//! | [`board`] | the boards, their firmware, and what they have room for |
//! | `lab` | the laboratory's grids, folders, pages and pictures; the numbers come from `mote-lab` |
//! | `formats` | `.npz` files: samples and weights; `summary.json` |
//! | [`draw`] | pictures |
//! | [`base`] | errors, progress, files, lists, names |
//!
//! **Invariant:** a room imports only rooms below it, and no two files import each other, directly or in a ring
//! (`tests/tests/rooms.rs`).
//!
//! **Invariant:** wrong input is refused with one line, before anything is written.
//!
//! **Invariant:** a result file is written whole or not at all.
//!
//! `docs/architecture.md` follows one sample through all rooms.

pub mod base;
pub mod board;
pub mod cli;
#[cfg(feature = "files")]
pub mod client;
pub mod commands;
#[cfg(feature = "pictures")]
pub mod draw;
pub mod emulator;
pub mod exit;
#[cfg(feature = "files")]
pub mod formats;
#[cfg(feature = "lab")]
pub mod lab;
#[cfg(feature = "files")]
pub mod learn;
#[cfg(feature = "monitor")]
pub mod monitor;
pub mod reference;

use base::progress::Interrupt;
use clap::Parser;
use cli::{Cli, Command};
use std::io::Write;
use std::process::ExitCode;

/// The program: parses the command line, does the command, and turns what happened into an exit status.
///
/// 0: done. 1: something failed, or chip and host differ. 2: the input or the command line is wrong.
/// `flash` ends with the status of probe-rs.
/// 130: interrupted, with what was done saved. 141: the reader of standard output is gone.
pub fn run() -> ExitCode {
    let done = match Cli::try_parse() {
        Ok(cli) => take_signals(&cli.command).and_then(|()| dispatch(&cli)),
        // Help, or an error of the grammar.
        Err(error) => cli::refused_value(&error).map_or_else(|| error.exit(), |refused| Err(refused.into())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has seen enough.
        Err(error) if exit::is_closed_pipe(&error) => ExitCode::from(141),
        Err(error) => {
            // Standard error may be closed too; then there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "mote: {error:#}");
            ExitCode::from(exit::exit_status(&error))
        }
    }
}

/// Takes over Ctrl-C and polite kills for the commands that end cleanly at their next step; the others end at once.
fn take_signals(command: &Command) -> anyhow::Result<()> {
    let ends_cleanly = match command {
        Command::Run(_) | Command::Fit(_) | Command::Presets | Command::Completions { .. } => false,
        Command::Flash(_) => false,
        Command::Sizes(_) => true,
        #[cfg(feature = "files")]
        Command::Predict(_) => false,
        #[cfg(feature = "lab")]
        Command::Theory(_) | Command::Digits(_) | Command::Bench(_) | Command::Plot(_) => false,
        #[cfg(any(feature = "files", feature = "pictures"))]
        _ => true,
    };
    if ends_cleanly {
        Interrupt::install()?;
    }
    Ok(())
}

fn dispatch(cli: &Cli) -> anyhow::Result<()> {
    match &cli.command {
        #[cfg(feature = "files")]
        Command::Train(args) => commands::train::train(args, cli.quiet),
        #[cfg(feature = "files")]
        Command::Predict(args) => commands::predict::predict(args),
        Command::Run(args) => commands::run::print_run(args),
        #[cfg(feature = "files")]
        Command::Device(args) => commands::device::device(args, cli.quiet),
        #[cfg(feature = "monitor")]
        Command::Monitor(args) => commands::monitor::monitor(args, cli.quiet),
        Command::Fit(args) => commands::fit::print_fit(args),
        #[cfg(feature = "lab")]
        Command::Law(args) => commands::law::law(args, cli.quiet),
        Command::Flash(args) => commands::flash::flash(args, cli.quiet),
        #[cfg(feature = "pictures")]
        Command::Demo(args) => commands::demo::demo(args, cli.quiet),
        #[cfg(feature = "lab")]
        Command::Phase(args) => commands::phase::phase(args, cli.quiet),
        #[cfg(feature = "lab")]
        Command::Dynamics(args) => commands::dynamics::dynamics(args, cli.quiet),
        #[cfg(feature = "lab")]
        Command::Plot(args) => commands::plot::plot(args),
        #[cfg(feature = "lab")]
        Command::Theory(args) => commands::theory::theory(args),
        #[cfg(feature = "lab")]
        Command::Bench(args) => commands::bench::bench(args),
        #[cfg(feature = "lab")]
        Command::Digits(args) => commands::digits::digits(args),
        Command::Sizes(args) => commands::sizes::print_sizes(args, cli.quiet),
        Command::Presets => commands::presets::print_presets(),
        Command::Completions { shell } => cli::print_completions(*shell),
    }
}
