//! One file per board or family of boards; the only unsafe code of the project is in this folder.
//!
//! `boards.toml` says what a board is called and how its memory lies; its file here gives
//!
//! - `TICK_HZ`, the rate of its counter;
//! - `start()`: clocks, pins, serial port with its receive interrupt, counter; once, with the queue open;
//! - `can_send()`, `send()` for one byte, and `is_sent()`; and `Led`: without state, so that a panic has them too, and
//!   with private fields, so that nobody outside this folder makes another one;
//! - `ticks()` and `micros()`, which run upwards and wrap;
//! - unless it is `cfg(emulated)`, `CORE_HZ`, the rate of the core;
//! - `receive`, the handler of the receive interrupt, and with `cfg(own_vectors)` its number `RECEIVE_INTERRUPT`.

mod clock;
mod fault;
#[cfg(family = "nrf51")]
mod microbit_flash;
#[cfg(any(family = "nrf51", family = "nrf52"))]
mod nrf;
mod rx_queue;
mod sender;
mod serial;
mod stack;
/// What `boards.toml` says of the board, through `build.rs`; without a board, an error that names them.
mod table {
    include!(concat!(env!("OUT_DIR"), "/board.rs"));
}
#[cfg(own_vectors)]
mod vectors;

#[cfg_attr(emulated, path = "semihost.rs")]
#[cfg_attr(not(emulated), path = "blink.rs")]
mod end;

#[cfg_attr(family = "cmsdk", path = "cmsdk.rs")]
#[cfg_attr(family = "nrf51", path = "microbit.rs")]
#[cfg_attr(family = "nrf52", path = "nrf52840_dk.rs")]
#[cfg_attr(family = "rp2350", path = "pico2.rs")]
#[cfg_attr(family = "stm32f4", path = "stm32f4.rs")]
#[cfg_attr(family = "stm32h7", path = "nucleo_h743zi.rs")]
mod chosen;

#[cfg(all(feature = "defmt", not(emulated)))]
use defmt_rtt as _; // linked for its logger
#[cfg(all(feature = "defmt", emulated))]
use defmt_semihosting as _; // linked for its logger

use core::sync::atomic::{AtomicBool, Ordering};

pub use chosen::{Led, TICK_HZ};
pub use clock::Counter;
pub use end::exit;
#[cfg(feature = "test-fault")]
pub use fault::fault_on_purpose;
#[cfg(feature = "test-overflow")]
pub use fault::overflow_on_purpose;
#[cfg(keeps_weights)]
pub use microbit_flash::Flash;
pub use sender::Sender;
#[cfg(not(feature = "panic-never"))]
pub(crate) use sender::steal_serial; // for the panic handler
pub use serial::Serial;
pub use stack::used_and_size as stack_used_and_size;
pub use table::{CORE, MEMORY_BUDGET_BYTES, NAME};

/// The parts of the board that the firmware uses.
pub struct Parts {
    /// Serial port; see `docs/boards.md` for its pins.
    pub serial: Serial,
    /// Status LED.
    pub led: Led,
    /// Time.
    pub counter: Counter,
    /// The flash that outlasts a power cut.
    #[cfg(keeps_weights)]
    pub flash: Flash,
}

/// The parts of the board, started. Once: a second call has none.
pub fn take() -> Option<Parts> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    // Not `swap`: a Cortex-M0 has none, and no interrupt comes here.
    if TAKEN.load(Ordering::Relaxed) {
        return None;
    }
    TAKEN.store(true, Ordering::Relaxed);
    // SAFETY: this line is reached once.
    unsafe { chosen::start() };
    Some(Parts {
        serial: Serial::new(Sender::new(), rx_queue::RxQueue::open()),
        led: Led(()),
        counter: Counter::new(),
        #[cfg(keeps_weights)]
        flash: Flash(()),
    })
}

/// Starts the chip anew, as its reset pin would.
pub fn reset() -> ! {
    cortex_m::peripheral::SCB::sys_reset()
}
