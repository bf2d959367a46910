//! `mote sizes --full`: the memory of every board with every model shape of the presets, the stack of a run included.

use crate::base::progress;
use crate::board::elf_sizes::{self, Sizes};
use crate::board::fit::Room;
use crate::board::machine::{self, Machine};
use crate::board::model::FirmwareModel;
use crate::board::{build, provision};
use crate::emulator::preset_run::{RunSpec, run};
use anyhow::Context;
use mote_core::shape::Shape;
use mote_protocol::report::Stack;
use mote_runtime::runs::presets::{self, Preset};
use std::fmt::Write;
use std::time::Duration;

/// Far longer than a run takes.
const DEADLINE: Duration = Duration::from_secs(600);

/// A board with a preset.
#[derive(Clone, Debug)]
pub struct Footprint {
    /// The board.
    pub machine: &'static Machine,
    /// What it trains.
    pub preset: Preset,
    /// Flash and static RAM.
    pub sizes: Sizes,
    /// The stack of a whole run; `None` where there is no emulator for it.
    pub stack: Option<Stack>,
    /// Flash with feature `defmt`.
    pub flash_with_log: u64,
    /// Flash of `mote-session`, which obeys commands.
    pub flash_of_session: u64,
    /// The largest `D` that the board has room for, beside `M`, `H` and `V` of the preset.
    pub largest_dim: Option<usize>,
}

/// The presets, one for each shape: those of the same shape take the same memory.
pub fn shapes() -> Vec<Preset> {
    let mut shapes: Vec<Preset> = Vec::new();
    for preset in presets::ALL {
        if !shapes.iter().any(|known| known.shape == preset.shape) {
            shapes.push(preset);
        }
    }
    shapes
}

/// Builds the firmware of every board with every shape that it has room for, and runs it where it is emulated.
///
/// # Errors
///
/// Missing tools, a build or a run that fails.
pub fn measure_all(install: bool, quiet: bool) -> anyhow::Result<Vec<Footprint>> {
    provision::ensure(machine::every().map(|machine| machine.target), true, install)?;
    let mut rows = Vec::new();
    for machine in machine::every() {
        for preset in shapes().into_iter().filter(|preset| machine.check_preset(preset).is_ok()) {
            rows.push(measure(machine, preset, quiet)?);
        }
    }
    Ok(rows)
}

/// Measures one board with one preset.
///
/// # Errors
///
/// As [`measure_all`].
pub fn measure(machine: &'static Machine, preset: Preset, quiet: bool) -> anyhow::Result<Footprint> {
    let Shape { tokens, head, value, .. } = preset.shape;
    let largest_dim = Room { bytes: machine.model_bytes, ..Room::default() }.largest_dim(tokens, head, value);
    let (sizes, stack) = if machine.probe_chip.is_none() {
        let plan = RunSpec { machine, preset, fast_math: false, deadline: DEADLINE, install: false };
        let session = run(&plan, quiet, &mut Vec::new(), |_| Ok(()))?;
        let stack = session.stack().cloned().with_context(|| format!("{} reports no stack", machine.name))?;
        (session.sizes, Some(stack))
    } else {
        let spinner = progress::spinner(format!("building for {}", machine.name), quiet);
        let firmware = build::build(machine, preset.name, false);
        spinner.finish_and_clear();
        (elf_sizes::of_elf(&firmware?.elf)?, None)
    };
    let spinner = progress::spinner(format!("building for {}", machine.name), quiet);
    let with_log = build::build_with(machine, preset.name, &["defmt"]).and_then(|built| elf_sizes::of_elf(&built.elf));
    let model = FirmwareModel::choose(machine, Some(preset.name), None)?;
    let of_session = build::build_session(machine, &model, false).and_then(|built| elf_sizes::of_elf(&built.elf));
    spinner.finish_and_clear();
    let (flash_with_log, flash_of_session) = (with_log?.flash, of_session?.flash);
    Ok(Footprint { machine, preset, sizes, stack, flash_with_log, flash_of_session, largest_dim })
}

/// The rows as a table, in Markdown.
pub fn table(rows: &[Footprint]) -> String {
    let mut text = String::from(
        "| board | preset | flash | with `defmt` | `mote-session` | static RAM | stack used | stack | model at most | largest D |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for Footprint { machine, preset, sizes, stack, flash_with_log, flash_of_session, largest_dim } in rows {
        let of_stack =
            |bytes: fn(&Stack) -> u64| stack.as_ref().map_or("not run".into(), |stack| thousands(bytes(stack)));
        let _ = writeln!(
            text,
            "| `{}` | `{}` | {} | {} | {} | {} | {} | {} | {} | {} |",
            machine.name,
            preset.name,
            thousands(sizes.flash),
            thousands(*flash_with_log),
            thousands(*flash_of_session),
            thousands(sizes.ram),
            of_stack(|stack| stack.used),
            of_stack(|stack| stack.of),
            thousands(machine.model_bytes as u64),
            largest_dim.map_or("none".into(), |dim| thousands(dim as u64))
        );
    }
    text
}

/// A count with commas, as in text.
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|c| std::str::from_utf8(c).unwrap_or("")).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_commas() {
        for (count, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (13_568, "13,568"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(count), text);
        }
    }

    #[test]
    fn every_shape_of_the_presets_stands_once() {
        let names: Vec<_> = shapes().iter().map(|preset| preset.name).collect();
        assert_eq!(names, ["demo", "tiny"]);
    }
}
