//! BBC micro:bit: nRF51822, Cortex-M0, 16 KiB of RAM (nRF51 Series Reference Manual 3.0).

use super::nrf;
pub use super::nrf::{can_send, is_sent, micros, receive, send, ticks};
use super::vectors;
use core::convert::Infallible;
use embedded_hal::digital::{ErrorType, OutputPin, StatefulOutputPin};

/// Rate of timer 0.
pub const TICK_HZ: u32 = 1_000_000;
/// UART 0.
pub const RECEIVE_INTERRUPT: u16 = 2;

const CLOCK: *mut u32 = 0x4000_0000 as *mut u32;
const GPIO: *mut u32 = 0x5000_0000 as *mut u32;
/// P0.24 is wired to the USB chip as its input, P0.25 as its output.
const TX_PIN: u32 = 24;
const RX_PIN: u32 = 25;
/// P0.13 feeds row 1 of the LED matrix, P0.4 drains column 1.
const ROW: u32 = 1 << 13;
const COLUMN: u32 = 1 << 4;

/// Starts pins, timer and serial port.
///
/// # Safety
///
/// Once, with the receive queue open.
pub unsafe fn start() {
    // SAFETY: CLOCK, the chapter of that name: HFCLKSTART (0x000) asks for the crystal, HFCLKSTARTED (0x100) says that
    // it runs. The oscillator inside the chip is not exact enough for the UART.
    unsafe {
        CLOCK.write_volatile(1);
        while CLOCK.byte_add(0x100).read_volatile() == 0 {}
    }
    // SAFETY: GPIO, section 14.2: DIRSET (0x518) makes pins outputs, OUTSET (0x508) and OUTCLR (0x50C)
    // set single pins, PIN_CNF (0x700 and on) of 0 is an input; nothing else uses them.
    unsafe {
        GPIO.byte_add(0x508).write_volatile(1 << TX_PIN);
        GPIO.byte_add(0x50C).write_volatile(ROW | COLUMN);
        GPIO.byte_add(0x518).write_volatile(ROW | COLUMN | 1 << TX_PIN);
        GPIO.byte_add(0x700 + 4 * RX_PIN as usize).write_volatile(0);
    }
    // SAFETY: once, and nothing else uses timer, UART and their pins.
    unsafe {
        nrf::start_timer();
        nrf::start_uart(TX_PIN, RX_PIN);
    }
    // SAFETY: `take` opened the queue, and the UART is ready.
    unsafe { vectors::enable_receive() };
}

/// The top left LED: lit while its row is high and its column low.
pub struct Led(pub(super) ());

impl ErrorType for Led {
    type Error = Infallible;
}

impl OutputPin for Led {
    fn set_low(&mut self) -> Result<(), Infallible> {
        // SAFETY: GPIO, section 14.2: OUTCLR (0x50C) clears the row's pin only.
        unsafe { GPIO.byte_add(0x50C).write_volatile(ROW) };
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        // SAFETY: GPIO, section 14.2: OUTSET (0x508) sets the row's pin only.
        unsafe { GPIO.byte_add(0x508).write_volatile(ROW) };
        Ok(())
    }
}

impl StatefulOutputPin for Led {
    fn is_set_high(&mut self) -> Result<bool, Infallible> {
        // SAFETY: GPIO, section 14.2: OUT (0x504) holds what the outputs were set to.
        Ok(unsafe { GPIO.byte_add(0x504).read_volatile() } & ROW != 0)
    }

    fn is_set_low(&mut self) -> Result<bool, Infallible> {
        self.is_set_high().map(|high| !high)
    }
}
