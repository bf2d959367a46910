//! STM32F4DISCOVERY: STM32F407VG with a crystal of 8 MHz.

use stm32f4xx_hal::prelude::*;
use stm32f4xx_hal::rcc::{Clocks, Config};

/// Rate of the core.
pub const CORE_HZ: u32 = 168_000_000;
/// The green LED, LD4, is on PD12.
pub type LedPort = stm32f4xx_hal::pac::GPIOD;
/// See [`LedPort`].
pub const LED_PIN: u32 = 12;

/// Crystal and PLL at the full rate.
pub fn clocks(internal: Config) -> Config {
    internal.use_hse(8.MHz()).sysclk(CORE_HZ.Hz())
}

/// What the clocks give the timer.
pub fn timer_hz(clocks: &Clocks) -> u32 {
    clocks.timclk1().raw()
}
