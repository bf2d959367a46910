//! The boards: how their firmware is built and how they are emulated.

use crate::error::InputError;

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
    /// Which of the emulator's serial ports the firmware uses.
    pub serial: usize,
}

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
        serial: 0,
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
        serial: 0,
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
        serial: 0,
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
        serial: 0,
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
        serial: 0,
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
        serial: 1, // USART 2
    },
];

/// The board of a name.
///
/// # Errors
///
/// [`InputError`] with the names there are.
pub fn by_name(name: &str) -> Result<&'static Machine, InputError> {
    ALL.iter().find(|machine| machine.name == name).ok_or_else(|| {
        let names: Vec<_> = ALL.iter().map(|machine| machine.name).collect();
        InputError::option("machine", format!("expected one of {}, found \"{name}\"", names.join(", ")))
    })
}
