//! A preset run on this machine, as the lines that a chip prints.

use anyhow::Context;
use mote_core::memory::Heap;
use mote_protocol::report::{Board, Record};
use mote_protocol::wire::{MARK, WireError, to_name};
use mote_runtime::runs::port::ReportPort;
use mote_runtime::runs::preset_run::run_preset;
use mote_runtime::runs::presets::Preset;

/// A port that hands every line to a function.
struct Lines<F>(F);

impl<F: FnMut(String)> ReportPort for Lines<F> {
    type Error = WireError;

    fn emit(&mut self, record: Record) -> Result<(), WireError> {
        (self.0)(record.into_line()?.as_str().to_owned());
        Ok(())
    }

    fn ticks(&mut self) -> u32 {
        0
    }
}

/// Runs a preset on this machine; every line goes to `each`. Returns how many runs failed.
///
/// # Errors
///
/// If the model does not fit into memory, or a line into its limit.
pub fn run_on_host(preset: &Preset, each: impl FnMut(String)) -> anyhow::Result<u32> {
    let mut memory = Heap::zeroed(preset.shape).context("the model does not fit into memory")?;
    let mut port = Lines(each);
    port.emit(Record::Board(Board { name: to_name("host"), core: to_name(std::env::consts::ARCH), tick_hz: 0 }))?;
    Ok(run_preset(preset, &mut memory, &mut port)?)
}

/// All lines of a preset on this machine.
///
/// # Errors
///
/// As [`run_on_host`].
pub fn host_lines(preset: &Preset) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    run_on_host(preset, |line| lines.push(line))?;
    Ok(lines)
}

/// The lines that every machine must print alike; lines that are not of the protocol are passed over.
///
/// # Errors
///
/// If a line of the protocol is not a record.
pub fn portable(lines: &[String]) -> anyhow::Result<Vec<&str>> {
    let mut portable = Vec::new();
    for line in lines.iter().filter(|line| line.starts_with(MARK)) {
        if Record::parse(line).with_context(|| format!("not a report line: {line}"))?.is_portable() {
            portable.push(line.as_str());
        }
    }
    Ok(portable)
}
