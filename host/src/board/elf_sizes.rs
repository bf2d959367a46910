//! Flash and static RAM of firmware, read off the ELF file.

use anyhow::Context;
use object::{Object, ObjectSection, SectionFlags, elf};
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
