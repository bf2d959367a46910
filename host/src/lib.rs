//! mote on the laptop. The binary is [`run`]; the modules are public so that `tests` can drive them.

pub mod cli;
pub mod demo;
pub mod device;
pub mod draw;
pub mod error;
pub mod files;
pub mod lab;
pub mod predict;
pub mod progress;
pub mod report;
pub mod train;

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
        Ok(cli) => dispatch(&cli),
        // Help, or an error of the grammar.
        Err(error) => cli::refused_value(&error).map_or_else(|| error.exit(), |refused| Err(refused.into())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has seen enough.
        Err(error) if error::is_closed_pipe(&error) => ExitCode::from(141),
        Err(error) => {
            // Standard error may be closed too; then there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "mote: {error:#}");
            ExitCode::from(error::exit_status(&error))
        }
    }
}

fn dispatch(cli: &Cli) -> anyhow::Result<()> {
    match &cli.command {
        Command::Train(args) => train::train(args, cli.quiet),
        Command::Predict(args) => predict::predict(args),
        Command::Run(args) => report::print_run(args),
        Command::Device(args) => device::device(args, cli.quiet),
        Command::Monitor(args) => device::monitor::monitor(args, cli.quiet),
        Command::Fit(args) => device::fit::print_fit(args),
        Command::Law(args) => device::law::law(args, cli.quiet),
        Command::Flash(args) => device::flash::flash(args, cli.quiet),
        Command::Demo(args) => demo::demo(args, cli.quiet),
        Command::Phase(args) => lab::phase::phase(args, cli.quiet),
        Command::Dynamics(args) => lab::dynamics::dynamics(args, cli.quiet),
        Command::Theory(args) => lab::theory::theory(args),
        Command::Bench(args) => lab::bench::bench(args),
        Command::Digits(args) => lab::digits::digits(args),
        Command::Sizes(args) => device::sizes::print_sizes(args, cli.quiet),
        Command::Presets => cli::print_presets(),
        Command::Completions { shell } => cli::print_completions(*shell),
    }
}
