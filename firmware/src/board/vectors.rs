//! The interrupt part of the vector table, as short as the board allows: the 240 entries of a nameless device would
//! cost 960 bytes of flash.

use super::chosen::{RECEIVE_INTERRUPT, receive};
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;

unsafe extern "C" {
    /// The handler of cortex-m-rt for whatever has no handler of its own.
    fn DefaultHandler();
}

/// A handler in the table.
type Handler = unsafe extern "C" fn();

/// Entries up to the one interrupt that is ever enabled; a Cortex-M0 has 32.
const COUNT: usize = if RECEIVE_INTERRUPT < 32 { 32 } else { RECEIVE_INTERRUPT as usize + 1 };

/// External interrupts.
// SAFETY: cortex-m-rt (feature `device`) places this section right behind the system exceptions, where
// the hardware looks for the external interrupts (ARMv7-M ARM, B1.5.3; ARMv6-M ARM, B1.5.3).
#[unsafe(link_section = ".vector_table.interrupts")]
// SAFETY: the name is the one cortex-m-rt reserves for this table; nothing else defines it.
#[unsafe(no_mangle)]
static __INTERRUPTS: [Handler; COUNT] = {
    let mut table: [Handler; COUNT] = [DefaultHandler; COUNT];
    table[RECEIVE_INTERRUPT as usize] = receive;
    table
};

/// The one interrupt.
#[derive(Clone, Copy)]
struct Receive;

// SAFETY: one value, one number, always the same.
unsafe impl InterruptNumber for Receive {
    fn number(self) -> u16 {
        RECEIVE_INTERRUPT
    }
}

/// Lets the receive interrupt in.
///
/// # Safety
///
/// Its queue must be open, and its peripheral ready.
pub unsafe fn enable_receive() {
    // SAFETY: as promised by the caller; no critical section depends on the mask.
    unsafe { NVIC::unmask(Receive) };
}
