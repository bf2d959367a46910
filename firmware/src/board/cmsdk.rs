//! UART, timer and LED of the MPS2 boards (Arm CMSDK, DDI 0479D; MPS2 application notes).

use super::table::BAUD;
use super::{rx_queue, vectors};
use core::convert::Infallible;
use embedded_hal::digital::{ErrorType, OutputPin, StatefulOutputPin};

#[cfg_attr(feature = "mps2-an385", path = "mps2/an385.rs")]
#[cfg_attr(feature = "mps2-an386", path = "mps2/an386.rs")]
#[cfg_attr(feature = "mps2-an500", path = "mps2/an500.rs")]
#[cfg_attr(feature = "mps2-an505", path = "mps2/an505.rs")]
mod variant;

use variant::BOARD;
pub use variant::{RECEIVE_INTERRUPT, TICK_HZ};

/// Where a board's blocks lie.
pub struct Addresses {
    uart: usize,
    timer: usize,
    fpga_io: usize,
}

impl Addresses {
    /// The blocks of a board.
    ///
    /// # Safety
    ///
    /// `uart` and `timer` must be the addresses of APB UART 0 and APB timer 0, and `fpga_io` that of the FPGA I/O
    /// block, whose first register drives the LEDs; nothing else may use them.
    pub const unsafe fn new(uart: usize, timer: usize, fpga_io: usize) -> Self {
        Self { uart, timer, fpga_io }
    }
}

const UART: *mut u32 = BOARD.uart as *mut u32;
const TIMER: *mut u32 = BOARD.timer as *mut u32;
const FPGA_IO: *mut u32 = BOARD.fpga_io as *mut u32;

/// Starts timer, microseconds and UART.
///
/// # Safety
///
/// Once, with the receive queue open.
pub unsafe fn start() {
    // SAFETY: `TIMER` is the timer block of this board (DDI 0479D, 4.2): word 2 is RELOAD, word 1
    // VALUE, word 0 CTRL, bit 0 starts it. No interrupt is enabled.
    unsafe {
        TIMER.add(2).write_volatile(u32::MAX);
        TIMER.add(1).write_volatile(u32::MAX);
        TIMER.write_volatile(1);
    }
    // SAFETY: word 7 of the FPGA I/O block is PRESCALE, which divides the board's clock for COUNTER, word 6.
    unsafe { FPGA_IO.add(7).write_volatile(TICK_HZ / 1_000_000 - 1) };
    // SAFETY: `UART` is the UART block of this board (DDI 0479D, 4.3): word 4 is BAUDDIV; word 2 is CTRL, bits 0
    // and 1 enable sending and receiving, bit 3 the receive interrupt.
    unsafe {
        UART.add(4).write_volatile(TICK_HZ / BAUD);
        UART.add(2).write_volatile(0b1011);
    }
    // SAFETY: `take` opened the queue, and the UART is ready.
    unsafe { vectors::enable_receive() };
}

/// Handler of the UART's receive interrupt.
///
/// # Safety
///
/// From the vector table only.
pub unsafe extern "C" fn receive() {
    // SAFETY: `UART` is the UART block (DDI 0479D, 4.3): word 3 is INTCLEAR, bit 1 the receive interrupt; word 1
    // is STATE, bit 1 says that there is a byte, bit 3 that one was overrun (cleared by writing it); word 0 is DATA.
    // This UART has no parity and reports no framing errors and no breaks.
    unsafe {
        UART.add(3).write_volatile(1 << 1);
        while UART.add(1).read_volatile() & 1 << 1 != 0 {
            if UART.add(1).read_volatile() & 1 << 3 != 0 {
                UART.add(1).write_volatile(1 << 3);
                rx_queue::mark_lost();
            }
            rx_queue::put(UART.read_volatile() as u8);
        }
    }
}

/// Whether the send buffer of APB UART 0 has room for a byte.
pub fn can_send() -> bool {
    // SAFETY: `UART` is the UART block (DDI 0479D, 4.3): word 1 is STATE, bit 0 says that the send buffer is full.
    unsafe { UART.add(1).read_volatile() & 1 == 0 }
}

/// Sends a byte; after [`can_send`].
pub fn send(byte: u8) {
    // SAFETY: as in `can_send`; word 0 is DATA.
    unsafe { UART.write_volatile(byte.into()) };
}

/// Whether the send buffer is empty.
pub fn is_sent() -> bool {
    can_send()
}

/// Ticks of APB timer 0 since the start, wrapping.
pub fn ticks() -> u32 {
    // SAFETY: `TIMER` is the timer block (DDI 0479D, 4.2): word 1 is VALUE, counting down.
    u32::MAX - unsafe { TIMER.add(1).read_volatile() }
}

/// Microseconds, wrapping.
pub fn micros() -> u32 {
    // SAFETY: word 6 of the FPGA I/O block is COUNTER, counting up at the rate that `start` set.
    unsafe { FPGA_IO.add(6).read_volatile() }
}

/// User LED 0.
pub struct Led(pub(super) ());

impl ErrorType for Led {
    type Error = Infallible;
}

impl OutputPin for Led {
    fn set_low(&mut self) -> Result<(), Infallible> {
        // SAFETY: word 0 of the FPGA I/O block is the LED register; only this type writes it.
        unsafe { FPGA_IO.write_volatile(0) };
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        // SAFETY: as in `set_low`.
        unsafe { FPGA_IO.write_volatile(1) };
        Ok(())
    }
}

impl StatefulOutputPin for Led {
    fn is_set_high(&mut self) -> Result<bool, Infallible> {
        // SAFETY: as in `set_low`; reading gives what was written.
        Ok(unsafe { FPGA_IO.read_volatile() } & 1 != 0)
    }

    fn is_set_low(&mut self) -> Result<bool, Infallible> {
        self.is_set_high().map(|high| !high)
    }
}
