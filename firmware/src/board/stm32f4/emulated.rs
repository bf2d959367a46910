//! QEMU's netduinoplus2: an STM32F405 whose clock control is not modelled, so that crystal and PLL never get ready.

use stm32f4xx_hal::rcc::{Clocks, Config};

/// The blue LED is on PA10.
pub type LedPort = stm32f4xx_hal::pac::GPIOA;
/// See [`LedPort`].
pub const LED_PIN: u32 = 10;

/// The internal oscillator.
pub fn clocks(internal: Config) -> Config {
    internal
}

/// The emulator runs the timers at 1 GHz, whatever the clocks are.
pub fn timer_hz(_: &Clocks) -> u32 {
    1_000_000_000
}
