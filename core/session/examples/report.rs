//! The report of a preset with nothing but the core crates: what the chip sends, on this machine.
//!
//! ```text
//! cargo run --package mote-runtime --example report -- demo
//! ```

use mote_core::memory::Heap;
use mote_protocol::report::Record;
use mote_protocol::wire::WireError;
use mote_runtime::runs::port::ReportPort;
use mote_runtime::runs::preset_run::run_preset;
use mote_runtime::runs::presets::Preset;

struct Stdout;

impl ReportPort for Stdout {
    type Error = WireError;

    fn emit(&mut self, record: Record) -> Result<(), WireError> {
        println!("{}", record.into_line()?);
        Ok(())
    }

    fn ticks(&mut self) -> u32 {
        0
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).unwrap_or("demo".into());
    let preset = Preset::by_name(&name).ok_or(format!("no preset is called {name}"))?;
    let mut memory = Heap::zeroed(preset.shape).ok_or("the model does not fit into memory")?;
    let failed = run_preset(&preset, &mut memory, &mut Stdout)?;
    if failed > 0 { Err(format!("{failed} runs failed").into()) } else { Ok(()) }
}
