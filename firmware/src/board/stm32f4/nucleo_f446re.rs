//! NUCLEO-F446RE: STM32F446RE, clocked with 8 MHz by its debugger's crystal.

use stm32f4xx_hal::prelude::*;
use stm32f4xx_hal::rcc::{Clocks, Config};

/// Rate of the core.
pub const CORE_HZ: u32 = 180_000_000;
/// The green LED, LD2, is on PA5.
pub type LedPort = stm32f4xx_hal::pac::GPIOA;
/// See [`LedPort`].
pub const LED_PIN: u32 = 5;

/// The debugger's clock and PLL at the full rate.
pub fn clocks(internal: Config) -> Config {
    internal.use_hse(8.MHz()).bypass_hse_oscillator().sysclk(CORE_HZ.Hz())
}

/// What the clocks give the timer.
pub fn timer_hz(clocks: &Clocks) -> u32 {
    clocks.timclk1().raw()
}
