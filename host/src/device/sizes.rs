//! Flash and static RAM of firmware, read off the ELF file.

use super::{build, footprint, machine, provision};
use crate::cli::SizesArgs;
use crate::progress::{self, say};
use anyhow::Context;
use object::{Object, ObjectSection, SectionFlags, elf};
use std::fmt::Write;
use std::path::Path;

/// What a firmware takes of a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Code, constants and initial values, in bytes.
    pub flash: u64,
    /// Variables, in bytes; the rest of the RAM is stack.
    pub ram: u64,
    /// Variables with initial values, which take flash and RAM both.
    pub data: u64,
}

/// Reads the sections that are loaded.
///
/// # Errors
///
/// If the file is not an ELF file.
pub fn of_elf(path: &Path) -> anyhow::Result<Sizes> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let file = object::File::parse(&*bytes).with_context(|| path.display().to_string())?;
    let mut sizes = Sizes { flash: 0, ram: 0, data: 0 };
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
        if !sh_flags.contains(elf::SHF_ALLOC) {
            continue;
        }
        let is_variable = sh_flags.contains(elf::SHF_WRITE);
        let is_zero = section.kind() == object::SectionKind::UninitializedData;
        if is_variable {
            sizes.ram += section.size();
        }
        if !is_zero {
            sizes.flash += section.size();
        }
        if is_variable && !is_zero {
            sizes.data += section.size();
        }
    }
    Ok(sizes)
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
        return say(footprint::table(&rows).trim_end());
    }
    let rows = measure_all(!args.no_install, quiet)?;
    say(table(&rows).trim_end())?;
    for Row { machine, sizes } in &rows {
        let (flash, ram) = machine.limits;
        anyhow::ensure!(sizes.flash <= flash && sizes.ram <= ram, "{} is over its limit", machine.name);
    }
    Ok(())
}
