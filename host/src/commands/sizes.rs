//! Flash and static RAM of firmware, read off the ELF file.

use crate::base::progress::{self, print_line};
use crate::board::elf_sizes::{Sizes, of_elf};
use crate::board::{build, machine, provision};
use crate::emulator::footprint;
use clap::Args;
use std::fmt::Write;

/// Options of `mote sizes`.
#[derive(Debug, Args)]
pub struct SizesArgs {
    /// Measure every shape of the presets on every board, with stack (from a run on each emulated board) and largest D
    #[arg(long)]
    pub full: bool,
    /// Do not install missing tools; print the commands that install them
    #[arg(long)]
    pub no_install: bool,
}

/// One board's row.
#[derive(Clone, Debug)]
pub struct Row {
    /// The board.
    pub machine: &'static machine::Machine,
    /// What its firmware takes.
    pub sizes: Sizes,
}

/// Builds the firmware of every board with its own preset and measures it.
///
/// # Errors
///
/// Missing targets, builds that fail.
pub fn measure_all(install: bool, quiet: bool) -> anyhow::Result<Vec<Row>> {
    provision::ensure(machine::every().map(|machine| machine.target), false, install)?;
    let mut rows = Vec::new();
    for machine in machine::every() {
        let spinner = progress::spinner(format!("building for {}", machine.name), quiet);
        let firmware = build::build(machine, machine.preset, false)?;
        spinner.finish_and_clear();
        rows.push(Row { machine, sizes: of_elf(&firmware.elf)? });
    }
    Ok(rows)
}

/// The rows as a table.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from("board                core        preset  flash (limit)    static RAM (limit)\n");
    for Row { machine, sizes } in rows {
        let (flash, ram) = machine.limits;
        let _ = writeln!(
            text,
            "{:20} {:11} {:7} {:6} ({flash:6})  {:6} ({ram:6})",
            machine.name, machine.core, machine.preset, sizes.flash, sizes.ram
        );
    }
    text
}

/// `mote sizes`.
///
/// # Errors
///
/// As [`measure_all`]; a board over its limit.
pub fn print_sizes(args: &SizesArgs, quiet: bool) -> anyhow::Result<()> {
    if args.full {
        let rows = footprint::measure_all(!args.no_install, quiet)?;
        return print_line(footprint::table(&rows).trim_end());
    }
    let rows = measure_all(!args.no_install, quiet)?;
    print_line(table(&rows).trim_end())?;
    for Row { machine, sizes } in &rows {
        let (flash, ram) = machine.limits;
        anyhow::ensure!(sizes.flash <= flash && sizes.ram <= ram, "{} is over its limit", machine.name);
    }
    Ok(())
}
