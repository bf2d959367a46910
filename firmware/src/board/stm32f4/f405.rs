//! The Netduino Plus 2 itself: STM32F405RG with a crystal of 25 MHz.

use stm32f4xx_hal::prelude::*;
use stm32f4xx_hal::rcc::{Clocks, Config};

/// Rate of the core.
pub const CORE_HZ: u32 = 168_000_000;
/// The blue LED is on PA10.
pub type LedPort = stm32f4xx_hal::pac::GPIOA;
/// See [`LedPort`].
pub const LED_PIN: u32 = 10;

/// Crystal and PLL at the full rate.
pub fn clocks(internal: Config) -> Config {
    internal.use_hse(25.MHz()).sysclk(CORE_HZ.Hz())
}

/// What the clocks give the timer.
pub fn timer_hz(clocks: &Clocks) -> u32 {
    clocks.timclk1().raw()
}
