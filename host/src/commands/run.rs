//! `mote run`: a preset on this machine, as the lines that a chip prints.

use crate::base::names;
use crate::reference::preset_run::run_on_host;
use anyhow::Context;
use clap::Args;
use std::io::Write;

/// Options of `mote run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Preset to run; see `mote presets`
    #[arg(long, value_name = "NAME", default_value = "demo")]
    pub preset: String,
}

/// `mote run`.
///
/// # Errors
///
/// An unknown preset; standard output that cannot be written; a failed run.
pub fn print_run(args: &RunArgs) -> anyhow::Result<()> {
    let preset = names::preset(&args.preset)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut written = Ok(());
    let failed = run_on_host(&preset, |line| {
        if written.is_ok() {
            written = writeln!(out, "{line}");
        }
    })?;
    written.and_then(|()| out.flush()).context("standard output")?;
    anyhow::ensure!(failed == 0, "{failed} of {} runs failed", preset.runs.len());
    Ok(())
}
