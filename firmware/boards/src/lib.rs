//! `boards.toml`, the one table of boards: the firmware's build script and mote on the laptop read it here. A crate of
//! its own, because a build script is compiled anew for every board, and this is not.

use serde::Deserialize;
use std::sync::LazyLock;

/// The table as it is written.
pub const TEXT: &str = include_str!("../boards.toml");

/// The table, read once. Builds of the firmware and tests read it too, so that no user meets an error in it.
pub static TABLE: LazyLock<Table> = LazyLock::new(|| match parse(TEXT) {
    Ok(table) => table,
    Err(error) => panic!("firmware/boards/boards.toml: {error}"),
});

/// Reads a table.
///
/// # Errors
///
/// Where it is no TOML, or has a key that is not known, or not one that is needed.
pub fn parse(text: &'static str) -> Result<Table, String> {
    toml::from_str(text).map_err(|error| error.to_string())
}

/// The whole table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'static"))]
pub struct Table {
    /// Bits a second on the serial port of every board.
    pub baud: u32,
    /// Every board.
    pub board: Vec<Board>,
}

/// A board.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// What users call it, the firmware's cargo feature, and QEMU's name of an emulated one.
    pub name: &'static str,
    /// Processor.
    pub core: &'static str,
    /// Which file of `src/board` drives it.
    pub family: &'static str,
    /// Whether that file has the handlers of the interrupt table, which no crate of the chip's has then.
    #[serde(default)]
    pub own_vectors: bool,
    /// The preset it trains unless told otherwise.
    pub preset: &'static str,
    /// Where its memory lies.
    pub memory: Memory,
    /// What its firmware is compiled for.
    pub build: Build,
    /// What its firmware may take.
    pub limits: SizeLimits,
    /// How an emulated board is reached; a real one has none.
    pub emulator: Option<Emulator>,
    /// How a real board is written to; an emulated one has none.
    pub probe: Option<Probe>,
    /// What `docs/boards.md` says of it.
    pub page: Page,
}

/// A board's memory.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Program, constants and checkpoints.
    pub flash: Region,
    /// Stack and variables.
    pub ram: Region,
    /// The stack, at the start of the RAM.
    pub stack_kib: u32,
    /// What a model may take of the RAM.
    pub model_kib: u32,
    /// The end of the flash, for weights that outlast a power cut.
    pub checkpoints: Option<Checkpoints>,
}

/// A piece of memory.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Its first address.
    pub start: u32,
    /// Its size.
    pub kib: u32,
}

/// Flash that the program leaves free.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoints {
    /// Its size.
    pub kib: u32,
    /// What is erased at once.
    pub page_kib: u32,
}

/// What the compiler is told.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Rust target.
    pub target: &'static str,
    /// What it tunes for.
    pub cpu: &'static str,
}

/// SizeLimits of the firmware of the board's own preset; that of the stack is for every preset.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizeLimits {
    /// Flash.
    pub flash_kib: u32,
    /// Static RAM.
    pub ram_kib: u32,
    /// Stack that is used.
    pub stack_kib: u32,
}

/// An emulated board.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emulator {
    /// Which of QEMU's serial ports the firmware uses.
    pub serial: usize,
}

/// A real board.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// What probe-rs calls the chip.
    pub chip: &'static str,
}

/// The columns of the tables in `docs/boards.md`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// The chip, where it is not the board alone.
    pub chip: Option<&'static str>,
    /// Name and version of the HAL, where it is not our own.
    pub hal: Option<&'static str>,
    /// Source and rate of the clock.
    pub clock: &'static str,
    /// When a real board ran it, or that none did.
    pub run_on_hardware: Option<&'static str>,
    /// Its pins.
    pub wiring: Option<Wiring>,
}

/// The pins of a board.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wiring {
    /// What the board is called in shops, where its name does not say it.
    pub title: Option<&'static str>,
    /// The pin that the chip sends on.
    pub sends: &'static str,
    /// The pin that it receives on.
    pub receives: &'static str,
    /// Where those pins are found.
    pub place: &'static str,
    /// The status LED.
    pub led: &'static str,
}
