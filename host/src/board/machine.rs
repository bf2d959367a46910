//! The boards: how their firmware is built and how they are emulated.

use crate::base::error::InputError;
use crate::base::lists;
use clap::builder::PossibleValuesParser;
use mote_boards::{Board, TABLE};
use mote_core::shape::Shape;
use mote_runtime::runs::presets::Preset;
use std::sync::LazyLock;

/// Every board.
pub fn all_board_names() -> PossibleValuesParser {
    every().map(|board| board.name).collect::<Vec<_>>().into()
}

/// A board, as `firmware/boards/boards.toml` has it.
#[derive(Debug)]
pub struct Machine {
    /// Name for users, for QEMU, and the firmware's cargo feature.
    pub name: &'static str,
    /// Processor.
    pub core: &'static str,
    /// Rust target.
    pub target: &'static str,
    /// What the compiler tunes for.
    pub cpu: &'static str,
    /// The preset it trains unless told otherwise.
    pub preset: &'static str,
    /// Limits that the firmware of the board's own preset keeps, in bytes: flash and static RAM.
    pub limits: (u64, u64),
    /// Most bytes of stack that a preset may take.
    pub stack_limit: u64,
    /// What a model may take of the board's RAM, in bytes, as the firmware knows it too.
    pub model_bytes: usize,
    /// Bytes of flash that keep checkpoints, and bytes of a page; `None`: the board keeps none.
    pub checkpoint_flash: Option<(usize, usize)>,
    /// Which of the emulator's serial ports the firmware uses.
    pub serial: usize,
    /// What probe-rs calls the chip of a real board; an emulated one has none.
    pub probe_chip: Option<&'static str>,
}

/// What mote's firmware may take of a board's RAM beside stack, model, session and samples, in bytes.
pub const OTHER_BYTES: usize = 2 << 10;

/// Every board of `firmware/boards/boards.toml`.
static EVERY: LazyLock<Vec<Machine>> = LazyLock::new(|| TABLE.board.iter().map(Machine::new).collect());

/// Every board there is, in the order of the table.
pub fn every() -> impl Iterator<Item = &'static Machine> {
    EVERY.iter()
}

/// Every emulated board, the default first.
pub fn emulated() -> impl Iterator<Item = &'static Machine> {
    every().filter(|machine| machine.probe_chip.is_none())
}

/// The real boards: their firmware is built, and what it does there is not tested; see `docs/boards.md`.
pub fn real() -> impl Iterator<Item = &'static Machine> {
    every().filter(|machine| machine.probe_chip.is_some())
}

fn bytes(kib: u32) -> u64 {
    u64::from(kib) << 10
}

impl Machine {
    fn new(board: &Board) -> Self {
        let Board { memory, build, limits, emulator, probe, .. } = board;
        let flash = memory.checkpoints.as_ref();
        Self {
            name: board.name,
            core: board.core,
            target: build.target,
            cpu: build.cpu,
            preset: board.preset,
            limits: (bytes(limits.flash_kib), bytes(limits.ram_kib)),
            stack_limit: bytes(limits.stack_kib),
            model_bytes: bytes(memory.model_kib) as usize,
            checkpoint_flash: flash.map(|flash| (bytes(flash.kib) as usize, bytes(flash.page_kib) as usize)),
            serial: emulator.as_ref().map_or(0, |emulator| emulator.serial),
            probe_chip: probe.as_ref().map(|probe| probe.chip),
        }
    }

    /// Makes sure that a preset's model fits into the board's RAM.
    ///
    /// # Errors
    ///
    /// [`InputError`] with the bytes there are and the bytes it takes.
    pub fn check_preset(&self, preset: &Preset) -> Result<(), InputError> {
        self.check_shape("preset", &preset.shape)
    }

    /// Makes sure that a model fits into the board's RAM; `option` has chosen it.
    ///
    /// # Errors
    ///
    /// [`InputError`] with the bytes there are and the bytes it takes.
    pub fn check_shape(&self, option: &'static str, shape: &Shape) -> Result<(), InputError> {
        let (bytes, limit) = (shape.bytes().unwrap_or(usize::MAX), self.model_bytes);
        if bytes <= limit {
            return Ok(());
        }
        let found = format!("expected a model of at most {limit} bytes for {}, found {bytes}", self.name);
        Err(InputError::option(option, found))
    }
}

/// The emulated board of a name.
///
/// # Errors
///
/// [`InputError`] with the names there are.
pub fn by_name(name: &str) -> Result<&'static Machine, InputError> {
    chosen("machine", name)
}

/// The emulated board that an option has chosen.
///
/// # Errors
///
/// [`InputError`] with the names there are.
pub fn chosen(option: &'static str, name: &str) -> Result<&'static Machine, InputError> {
    emulated().find(|machine| machine.name == name).ok_or_else(|| {
        let names: Vec<_> = emulated().map(|machine| machine.name).collect();
        lists::unknown(option, name, &names)
    })
}
