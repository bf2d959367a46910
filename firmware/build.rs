//! Lays out the board's memory, gives the sources what `boards.toml` says of it, and names the preset that the firmware
//! trains.

use mote_boards::{Board, Checkpoints, Memory, TABLE};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What the sources ask with `cfg`, beside `family`.
const CFGS: [&str; 3] = ["emulated", "keeps_weights", "own_vectors"];

/// Where the boot ROM of the RP2350 looks for the image definition (datasheet, 5.9): right behind the vector table.
const START_BLOCK: &str = "SECTIONS {
  .start_block : ALIGN(4) { KEEP(*(.start_block)); } > FLASH
} INSERT AFTER .vector_table;
_stext = ADDR(.start_block) + SIZEOF(.start_block);
";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let families: BTreeSet<_> = TABLE.board.iter().map(|board| format!("{:?}", board.family)).collect();
    let families: Vec<_> = families.into_iter().collect();
    println!("cargo:rustc-check-cfg=cfg(family, values({}))", families.join(", "));
    for cfg in CFGS {
        println!("cargo:rustc-check-cfg=cfg({cfg})");
    }
    let is_on =
        |board: &Board| env::var_os(format!("CARGO_FEATURE_{}", board.name.to_uppercase().replace('-', "_"))).is_some();
    let chosen: Vec<_> = TABLE.board.iter().filter(|board| is_on(board)).collect();
    let own_preset = chosen.first().map_or("demo", |board| board.preset);
    let preset = env::var("MOTE_PRESET").unwrap_or_else(|_| own_preset.into());
    println!("cargo:rustc-env=MOTE_PRESET={preset}");
    println!("cargo:rerun-if-env-changed=MOTE_PRESET");
    // Empty: the shape of the preset.
    println!("cargo:rustc-env=MOTE_SHAPE={}", env::var("MOTE_SHAPE").unwrap_or_default());
    println!("cargo:rerun-if-env-changed=MOTE_SHAPE");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let constants = match chosen[..] {
        [board] => {
            link(board, &out);
            constants(board, TABLE.baud)
        }
        [] => {
            let name =
                |board: &Board| board.name.to_owned() + if board.emulator.is_some() { " (emulated)" } else { "" };
            let names: Vec<_> = TABLE.board.iter().map(name).collect();
            let message = format!("choose a board: build with --features and one of {}", names.join(", "));
            format!("compile_error!({message:?});")
        }
        _ => "compile_error!(\"choose one board: the features of two boards are on\");".into(),
    };
    fs::write(out.join("board.rs"), constants).expect("OUT_DIR can be written");
}

/// What the sources take of the table, as constants.
fn constants(board: &Board, baud: u32) -> String {
    let (name, core, memory) = (board.name, board.core.to_lowercase(), &board.memory);
    let mut text = format!(
        "/// Name of the board.
pub const NAME: &str = {name:?};
/// Name of the processor.
pub const CORE: &str = {core:?};
/// What the model may take of the RAM; the rest is stack, the receive queue and the like.
pub const MEMORY_BUDGET_BYTES: usize = {} << 10;
/// Rate of the serial port.
pub const BAUD: u32 = {baud};
",
        memory.model_kib
    );
    if let Some(Checkpoints { kib, page_kib }) = memory.checkpoints {
        let start = memory.flash.start + ((memory.flash.kib - kib) << 10);
        text += &format!(
            "/// Where the flash begins that keeps weights.
pub const CHECKPOINTS_START: u32 = {start:#010x};
/// Its bytes.
pub const CHECKPOINTS_BYTES: u32 = {kib} << 10;
/// Bytes of one of its pages.
pub const PAGE_BYTES: u32 = {page_kib} << 10;
"
        );
    }
    text
}

/// Tells sources and linker about the board.
fn link(board: &Board, out: &Path) {
    println!("cargo:rustc-cfg=family={:?}", board.family);
    if board.emulator.is_some() {
        println!("cargo:rustc-cfg=emulated");
    }
    if board.memory.checkpoints.is_some() {
        println!("cargo:rustc-cfg=keeps_weights");
    }
    fs::write(out.join("memory.x"), memory(board)).expect("OUT_DIR can be written");
    if board.own_vectors {
        println!("cargo:rustc-cfg=own_vectors");
        // `board::vectors` names its handlers itself; the crates of the other families bring this file along.
        fs::write(out.join("device.x"), "").expect("OUT_DIR can be written");
    }
    println!("cargo:rustc-link-search={}", out.display());
    // From here, and not from RUSTFLAGS, which a user may overwrite.
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=--nmagic");
    if env::var_os("CARGO_FEATURE_DEFMT").is_some() {
        println!("cargo:rustc-link-arg-bins=-Tdefmt.x");
        // Without a level, defmt leaves all but errors out of the program.
        if env::var_os("DEFMT_LOG").is_none() {
            println!("cargo:rustc-env=DEFMT_LOG=info");
        }
        println!("cargo:rerun-if-env-changed=DEFMT_LOG");
    }
}

/// The stack lies below all variables, and below it there is no memory: a stack that grows too large runs into a
/// bus fault, and never into a variable.
fn memory(board: &Board) -> String {
    let Memory { flash, ram, stack_kib: stack, checkpoints, .. } = &board.memory;
    let kept = checkpoints.as_ref().map_or(0, |checkpoints| checkpoints.kib);
    let (flash, program) = (flash.start, flash.kib - kept);
    let (ram, variables, variables_size) = (ram.start, ram.start + (stack << 10), ram.kib - stack);
    let start_block = if board.family == "rp2350" { START_BLOCK } else { "" };
    format!(
        "MEMORY {{
  FLASH : ORIGIN = {flash:#010x}, LENGTH = {program}K
  STACK : ORIGIN = {ram:#010x}, LENGTH = {stack}K
  RAM : ORIGIN = {variables:#010x}, LENGTH = {variables_size}K
}}
_stack_end = ORIGIN(STACK);
_stack_start = ORIGIN(STACK) + LENGTH(STACK);
{start_block}"
    )
}
