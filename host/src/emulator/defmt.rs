//! `mote device --defmt`: what an emulated board logs through defmt, decoded.
//!
//! The board sends positions in a table and raw values; the words are in its ELF. On real boards the log goes through
//! RTT and probe-rs decodes it (`mote flash --defmt`); an emulator has no RTT, so there it goes through semihosting.

use crate::base::error::Interrupted;
use crate::base::progress::{self, Interrupt};
use crate::board::{build, provision};
use crate::emulator::preset_run::RunSpec;
use crate::emulator::qemu::Emulator;
use anyhow::{Context, anyhow, bail, ensure};
use defmt_decoder::{DecodeError, StreamDecoder, Table};
use std::time::Duration;

/// Runs a preset on an emulated board, and hands over each entry of its log: its level and its words.
///
/// # Errors
///
/// Missing tools, a build or a run that fails, bytes that are no log, [`Interrupted`], what `each` answers.
pub fn log(plan: &RunSpec, quiet: bool, mut each: impl FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let (machine, name) = (plan.machine, plan.machine.name);
    provision::ensure([machine.target], true, plan.install)?;
    let spinner = progress::spinner(format!("building the firmware for {name} ({})", machine.core), quiet);
    let features: &[&str] = if plan.fast_math { &["defmt", "fast-math"] } else { &["defmt"] };
    let firmware = build::build_with(machine, plan.preset.name, features);
    spinner.finish_and_clear();
    let elf = firmware?.elf;
    let table = Table::parse(&std::fs::read(&elf).with_context(|| elf.display().to_string())?)
        .and_then(|table| table.ok_or_else(|| anyhow!("the file has no table of log formats")))
        .with_context(|| format!("{}: the table of the log", elf.display()))?;
    let mut decoder = table.new_stream_decoder();
    let interrupt = Interrupt::current();
    let mut emulator = Emulator::start_logging(machine, &elf, plan.deadline)?;
    let mut entries = 0u32;
    while let Some(bytes) = emulator.receive(Duration::from_millis(100))? {
        if interrupt.is_raised() {
            return Err(Interrupted { done: format!("entry {entries} of the log"), saved: None }.into());
        }
        decoder.received(&bytes);
        while let Some(entry) = next(decoder.as_mut()).with_context(|| format!("{name}, after {entries} entries"))? {
            entries += 1;
            each(&entry)?;
        }
    }
    let status = emulator.wait()?;
    ensure!(status == 0, "{name} ended with status {status} after {entries} entries of its log");
    Ok(())
}

/// The next entry that is whole.
fn next(decoder: &mut dyn StreamDecoder) -> anyhow::Result<Option<String>> {
    match decoder.decode() {
        Ok(entry) => {
            let level = entry.level().map_or("log", |level| level.as_str());
            Ok(Some(format!("{level:<5} {}", entry.display_message())))
        }
        Err(DecodeError::UnexpectedEof) => Ok(None),
        Err(DecodeError::Malformed) => bail!("the log cannot be decoded"),
    }
}
