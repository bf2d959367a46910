//! Lays out the board's memory, and names the preset that the firmware trains.

use std::path::PathBuf;
use std::{env, fs};

/// A board as the linker and the sources see it.
struct Board {
    /// Its cargo feature.
    name: &'static str,
    /// Which file of `src/board` drives it: `cfg(family = ...)`.
    family: &'static str,
    /// Where flash begins, and its size in KiB.
    flash: (u32, u32),
    /// Where RAM begins, and its size in KiB.
    ram: (u32, u32),
    /// KiB of stack at the beginning of the RAM.
    stack: u32,
    /// The preset it trains unless told otherwise.
    preset: &'static str,
    /// KiB at the end of the flash that keep weights through a power cut: `cfg(keeps_weights)`.
    kept: u32,
    /// Whether it is an emulator's: `cfg(emulated)`.
    emulated: bool,
}

#[rustfmt::skip]
const BOARDS: [Board; 12] = [
    Board { name: "mps2-an385", family: "cmsdk", flash: (0, 4096), ram: (0x2000_0000, 4096), stack: 16, preset: "demo", kept: 0, emulated: true },
    Board { name: "mps2-an386", family: "cmsdk", flash: (0, 4096), ram: (0x2000_0000, 4096), stack: 16, preset: "demo", kept: 0, emulated: true },
    Board { name: "mps2-an500", family: "cmsdk", flash: (0, 4096), ram: (0x2000_0000, 4096), stack: 16, preset: "demo", kept: 0, emulated: true },
    Board { name: "mps2-an505", family: "cmsdk", flash: (0x1000_0000, 4096), ram: (0x3800_0000, 4096), stack: 16, preset: "demo", kept: 0, emulated: true },
    Board { name: "microbit", family: "nrf51", flash: (0, 256), ram: (0x2000_0000, 16), stack: 5, preset: "tiny", kept: 4, emulated: true },
    Board { name: "netduinoplus2", family: "stm32f4", flash: (0x0800_0000, 1024), ram: (0x2000_0000, 128), stack: 16, preset: "demo", kept: 0, emulated: true },
    Board { name: "stm32f405", family: "stm32f4", flash: (0x0800_0000, 1024), ram: (0x2000_0000, 128), stack: 16, preset: "demo", kept: 0, emulated: false },
    Board { name: "stm32f407-discovery", family: "stm32f4", flash: (0x0800_0000, 1024), ram: (0x2000_0000, 128), stack: 16, preset: "demo", kept: 0, emulated: false },
    Board { name: "nrf52840-dk", family: "nrf52", flash: (0, 1024), ram: (0x2000_0000, 256), stack: 16, preset: "demo", kept: 0, emulated: false },
    Board { name: "pico2", family: "rp2350", flash: (0x1000_0000, 4096), ram: (0x2000_0000, 512), stack: 16, preset: "demo", kept: 0, emulated: false },
    Board { name: "nucleo-h743zi", family: "stm32h7", flash: (0x0800_0000, 2048), ram: (0x2000_0000, 128), stack: 16, preset: "demo", kept: 0, emulated: false },
    Board { name: "nucleo-f446re", family: "stm32f4", flash: (0x0800_0000, 512), ram: (0x2000_0000, 128), stack: 16, preset: "demo", kept: 0, emulated: false },
];

/// What the sources ask with `cfg`.
const CFGS: [&str; 6] = [
    "emulated",
    "keeps_weights",
    "own_vectors",
    "no_board",
    "several_boards",
    "family, values(\"cmsdk\", \"nrf51\", \"nrf52\", \"rp2350\", \"stm32f4\", \"stm32h7\")",
];

/// Where the boot ROM of the RP2350 looks for the image definition (datasheet, 5.9): right behind the vector table.
const START_BLOCK: &str = "SECTIONS {
  .start_block : ALIGN(4) { KEEP(*(.start_block)); } > FLASH
} INSERT AFTER .vector_table;
_stext = ADDR(.start_block) + SIZEOF(.start_block);
";

fn main() {
    for cfg in CFGS {
        println!("cargo:rustc-check-cfg=cfg({cfg})");
    }
    let is_on =
        |board: &str| env::var_os(format!("CARGO_FEATURE_{}", board.to_uppercase().replace('-', "_"))).is_some();
    let chosen: Vec<_> = BOARDS.iter().filter(|board| is_on(board.name)).collect();
    let preset = env::var("MOTE_PRESET").unwrap_or_else(|_| chosen.first().map_or("demo", |board| board.preset).into());
    println!("cargo:rustc-env=MOTE_PRESET={preset}");
    println!("cargo:rerun-if-env-changed=MOTE_PRESET");
    // Empty: the shape of the preset.
    println!("cargo:rustc-env=MOTE_SHAPE={}", env::var("MOTE_SHAPE").unwrap_or_default());
    println!("cargo:rerun-if-env-changed=MOTE_SHAPE");
    println!("cargo:rerun-if-changed=build.rs");
    match chosen[..] {
        [board] => link(board),
        // The sources stop with a sentence.
        [] => println!("cargo:rustc-cfg=no_board"),
        _ => println!("cargo:rustc-cfg=several_boards"),
    }
}

/// Tells sources and linker about the board.
fn link(board: &Board) {
    println!("cargo:rustc-cfg=family=\"{}\"", board.family);
    if board.emulated {
        println!("cargo:rustc-cfg=emulated");
    }
    if board.kept > 0 {
        println!("cargo:rustc-cfg=keeps_weights");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("memory.x"), memory(board)).expect("OUT_DIR can be written");
    if matches!(board.family, "cmsdk" | "nrf51") {
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
    let ((flash, flash_size), (ram, ram_size), stack) = (board.flash, board.ram, board.stack);
    let variables = ram + (stack << 10);
    let variables_size = ram_size - stack;
    let program = flash_size - board.kept;
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
