//! The boards: how their firmware is built and how they are emulated.

use crate::base::error::InputError;
use clap::builder::PossibleValuesParser;
use mote_core::shape::Shape;
use mote_runtime::runs::presets::Preset;

/// Every board.
pub fn all_board_names() -> PossibleValuesParser {
    every().map(|board| board.name).collect::<Vec<_>>().into()
}

/// A board.
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
    /// What a model may take of the board's RAM, in bytes, as its file in `firmware/src/board` says.
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

/// Every emulated board, the default first.
pub static ALL: [Machine; 6] = [
    Machine {
        name: "mps2-an386",
        core: "Cortex-M4F",
        target: "thumbv7em-none-eabihf",
        // Separate multiply and add: more instructions than VMLA, fewer cycles on this core.
        cpu: "cortex-m4",
        preset: "demo",
        limits: (24 << 10, 16 << 10),
        stack_limit: 4 << 10,
        model_bytes: 2 << 20,
        checkpoint_flash: None,
        serial: 0,
        probe_chip: None,
    },
    Machine {
        name: "mps2-an500",
        core: "Cortex-M7",
        target: "thumbv7em-none-eabihf",
        cpu: "cortex-m7",
        preset: "demo",
        limits: (28 << 10, 16 << 10),
        stack_limit: 4 << 10,
        model_bytes: 2 << 20,
        checkpoint_flash: None,
        serial: 0,
        probe_chip: None,
    },
    Machine {
        name: "mps2-an385",
        core: "Cortex-M3",
        target: "thumbv7m-none-eabi",
        cpu: "cortex-m3",
        preset: "demo",
        limits: (28 << 10, 16 << 10),
        stack_limit: 4 << 10,
        model_bytes: 2 << 20,
        checkpoint_flash: None,
        serial: 0,
        probe_chip: None,
    },
    Machine {
        name: "mps2-an505",
        core: "Cortex-M33",
        target: "thumbv8m.main-none-eabihf",
        cpu: "cortex-m33",
        preset: "demo",
        limits: (28 << 10, 16 << 10),
        stack_limit: 4 << 10,
        model_bytes: 2 << 20,
        checkpoint_flash: None,
        serial: 0,
        probe_chip: None,
    },
    Machine {
        name: "microbit",
        core: "Cortex-M0",
        target: "thumbv6m-none-eabi",
        cpu: "cortex-m0",
        preset: "tiny",
        limits: (28 << 10, 8 << 10),
        stack_limit: 4 << 10,
        model_bytes: 9 << 10,
        checkpoint_flash: Some((4 << 10, 1 << 10)),
        serial: 0,
        probe_chip: None,
    },
    Machine {
        name: "netduinoplus2",
        core: "Cortex-M4F",
        target: "thumbv7em-none-eabihf",
        cpu: "cortex-m4",
        preset: "demo",
        limits: (28 << 10, 16 << 10),
        stack_limit: 4 << 10,
        model_bytes: 96 << 10,
        checkpoint_flash: None,
        serial: 1, // USART 2
        probe_chip: None,
    },
];

/// The real boards: their firmware is built, and what it does there is not tested; see `firmware/BOARDS.md`.
pub static REAL: [Machine; 6] = [
    Machine {
        name: "stm32f405",
        core: "Cortex-M4F",
        target: "thumbv7em-none-eabihf",
        cpu: "cortex-m4",
        preset: "demo",
        limits: (28 << 10, 16 << 10),
        stack_limit: 4 << 10,
        model_bytes: 96 << 10,
        checkpoint_flash: None,
        serial: 0,
        probe_chip: Some("STM32F405RGTx"),
    },
    Machine {
        name: "stm32f407-discovery",
        core: "Cortex-M4F",
        target: "thumbv7em-none-eabihf",
        cpu: "cortex-m4",
        preset: "demo",
        limits: (28 << 10, 16 << 10),
        stack_limit: 4 << 10,
        model_bytes: 96 << 10,
        checkpoint_flash: None,
        serial: 0,
        probe_chip: Some("STM32F407VGTx"),
    },
    Machine {
        name: "nucleo-f446re",
        core: "Cortex-M4F",
        target: "thumbv7em-none-eabihf",
        cpu: "cortex-m4",
        preset: "demo",
        limits: (28 << 10, 16 << 10),
        stack_limit: 4 << 10,
        model_bytes: 96 << 10,
        checkpoint_flash: None,
        serial: 0,
        probe_chip: Some("STM32F446RETx"),
    },
    Machine {
        name: "nrf52840-dk",
        core: "Cortex-M4F",
        target: "thumbv7em-none-eabihf",
        cpu: "cortex-m4",
        preset: "demo",
        limits: (28 << 10, 16 << 10),
        stack_limit: 4 << 10,
        model_bytes: 192 << 10,
        checkpoint_flash: None,
        serial: 0,
        probe_chip: Some("nRF52840_xxAA"),
    },
    Machine {
        name: "pico2",
        core: "Cortex-M33",
        target: "thumbv8m.main-none-eabihf",
        cpu: "cortex-m33",
        preset: "demo",
        limits: (28 << 10, 16 << 10),
        stack_limit: 4 << 10,
        model_bytes: 448 << 10,
        checkpoint_flash: None,
        serial: 0,
        probe_chip: Some("RP235x"),
    },
    Machine {
        name: "nucleo-h743zi",
        core: "Cortex-M7",
        target: "thumbv7em-none-eabihf",
        cpu: "cortex-m7",
        preset: "demo",
        limits: (28 << 10, 16 << 10),
        stack_limit: 4 << 10,
        model_bytes: 96 << 10,
        checkpoint_flash: None,
        serial: 0,
        probe_chip: Some("STM32H743ZITx"),
    },
];

/// Every board there is: [`ALL`], then [`REAL`].
pub fn every() -> impl Iterator<Item = &'static Machine> {
    ALL.iter().chain(&REAL)
}

impl Machine {
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
    ALL.iter().find(|machine| machine.name == name).ok_or_else(|| {
        let names: Vec<_> = ALL.iter().map(|machine| machine.name).collect();
        InputError::option(option, format!("expected one of {}, found \"{name}\"", names.join(", ")))
    })
}
