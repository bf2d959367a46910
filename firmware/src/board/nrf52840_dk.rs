//! nRF52840-DK: Cortex-M4F at 64 MHz, through `nrf52840-hal` (nRF52840 Product Specification 1.7).

use super::nrf;
pub use super::nrf::{can_send, is_sent, micros, send, ticks};
use core::convert::Infallible;
use embedded_hal::digital::{ErrorType, OutputPin, StatefulOutputPin};
use nrf52840_hal::clocks::Clocks;
use nrf52840_hal::gpio::{Level, p0};
use nrf52840_hal::pac::{self, Interrupt, interrupt};

/// Rate of the core.
pub const CORE_HZ: u32 = 64_000_000;
/// Rate of timer 0.
pub const TICK_HZ: u32 = 1_000_000;

/// P0.06 and P0.08 are wired to the debugger's serial port.
const TX_PIN: u32 = 6;
const RX_PIN: u32 = 8;
/// LED 1 lies between P0.13 and the supply: lit when the pin is low.
const LED: u32 = 1 << 13;

/// Starts the crystal, pins, timer and serial port.
///
/// # Safety
///
/// Once, with the receive queue open.
pub unsafe fn start() {
    // SAFETY: `start` is called once, and nobody else takes them.
    let device = unsafe { pac::Peripherals::steal() };
    // The UART's rate is only right with the crystal.
    let _ = Clocks::new(device.CLOCK).enable_ext_hfosc();
    let pins = p0::Parts::new(device.P0);
    let _ = pins.p0_06.into_push_pull_output(Level::High);
    let _ = pins.p0_08.into_floating_input();
    let _ = pins.p0_13.into_push_pull_output(Level::High);
    // SAFETY: once, and nothing else uses timer, UART and their pins; `take` opened the queue before the interrupt is
    // let in, and no critical section depends on the mask.
    unsafe {
        nrf::start_timer();
        nrf::start_uart(TX_PIN, RX_PIN);
        cortex_m::peripheral::NVIC::unmask(Interrupt::UARTE0_UART0);
    }
}

/// Handler of the UART.
#[interrupt]
fn UARTE0_UART0() {
    // SAFETY: this is the vector of the UART.
    unsafe { nrf::receive() };
}

/// LED 1.
pub struct Led(pub(super) ());

impl ErrorType for Led {
    type Error = Infallible;
}

impl OutputPin for Led {
    fn set_low(&mut self) -> Result<(), Infallible> {
        // SAFETY: GPIO, 6.9: OUTSET sets the LED's pin only, which is dark when high.
        unsafe { (*pac::P0::ptr()).outset.write(|w| w.bits(LED)) };
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        // SAFETY: GPIO, 6.9: OUTCLR clears the LED's pin only, which is lit when low.
        unsafe { (*pac::P0::ptr()).outclr.write(|w| w.bits(LED)) };
        Ok(())
    }
}

impl StatefulOutputPin for Led {
    fn is_set_high(&mut self) -> Result<bool, Infallible> {
        // SAFETY: GPIO, 6.9: OUT holds what the outputs were set to.
        Ok(unsafe { (*pac::P0::ptr()).out.read().bits() } & LED == 0)
    }

    fn is_set_low(&mut self) -> Result<bool, Infallible> {
        self.is_set_high().map(|high| !high)
    }
}
