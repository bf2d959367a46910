//! STM32F405, F407 and F446, Cortex-M4F, through `stm32f4xx-hal` (reference manuals RM0090 and RM0390).

use super::rx_queue;
use super::table::BAUD;
use core::convert::Infallible;
use embedded_hal::digital::{ErrorType, OutputPin, StatefulOutputPin};
use stm32f4xx_hal::pac::{self, Interrupt, USART2, interrupt};
use stm32f4xx_hal::prelude::*;
use stm32f4xx_hal::rcc::{Config, Enable, Rcc};
use stm32f4xx_hal::serial::{self, RxListen};

#[cfg_attr(feature = "netduinoplus2", path = "stm32f4/emulated.rs")]
#[cfg_attr(feature = "stm32f405", path = "stm32f4/f405.rs")]
#[cfg_attr(feature = "stm32f407-discovery", path = "stm32f4/f407_discovery.rs")]
#[cfg_attr(feature = "nucleo-f446re", path = "stm32f4/nucleo_f446re.rs")]
mod variant;

#[cfg(not(emulated))]
pub use variant::CORE_HZ;
use variant::{LED_PIN, LedPort};

/// Rate of timer 2.
pub const TICK_HZ: u32 = 1_000_000;

/// Starts clocks, LED, timer 2 and USART 2.
///
/// # Safety
///
/// Once, with the receive queue open.
pub unsafe fn start() {
    // SAFETY: `start` is called once, and nobody else takes them.
    let device = unsafe { pac::Peripherals::steal() };
    let mut rcc = device.RCC.freeze(variant::clocks(Config::hsi()));
    start_timer(&device.TIM2, &mut rcc);
    let a = device.GPIOA.split(&mut rcc);
    let pins = (a.pa2, a.pa3);
    let settings = serial::Config::default().baudrate(BAUD.bps());
    let Ok(serial) = device.USART2.serial::<u8>(pins, settings, &mut rcc) else {
        unreachable!("no clock of these boards is too slow for the baud rate")
    };
    let (_, mut receiver) = serial.split();
    receiver.listen();
    LedPort::enable(&mut rcc);
    // SAFETY: RM0090, 8.4: the LED's port, whose pin no other code uses.
    let port = unsafe { &*LedPort::ptr() };
    // SAFETY: RM0090, 8.4: in MODER, bits 01 make the LED's pin an output; the other pins stay as they are.
    port.moder().modify(|r, w| unsafe { w.bits(r.bits() & !(0b11 << (2 * LED_PIN)) | 0b01 << (2 * LED_PIN)) });
    // SAFETY: `take` opened the queue, the port is ready, and no critical section depends on the mask.
    unsafe { cortex_m::peripheral::NVIC::unmask(Interrupt::USART2) };
}

/// Timer 2, 32 bits wide, at a megahertz.
fn start_timer(timer: &pac::TIM2, rcc: &mut Rcc) {
    pac::TIM2::enable(rcc);
    let divider = variant::timer_hz(&rcc.clocks) / TICK_HZ - 1;
    timer.psc().write(|w| w.psc().set(divider as u16));
    // SAFETY: RM0090, 18.4: any value of ARR is allowed.
    timer.arr().write(|w| unsafe { w.bits(u32::MAX) });
    timer.egr().write(|w| w.ug().update());
    timer.cr1().write(|w| w.cen().enabled());
}

/// What SR says of the byte in DR (RM0090, 30.6): PE, FE and NF. A break is a framing error.
const DAMAGED: u16 = 0b111;

/// Handler of USART 2.
#[interrupt]
fn USART2() {
    // SAFETY: RM0090, 30.6: reading SR and then DR takes the byte and clears RXNE and all errors; only this handler
    // reads DR.
    let port = unsafe { &*USART2::ptr() };
    let status = port.sr().read();
    if status.bits() & DAMAGED != 0 {
        rx_queue::mark_lost();
    }
    if status.rxne().bit_is_set() || status.ore().bit_is_set() {
        // Read for an overrun alone, too: that ends it. The byte in DR came before the one that was lost.
        let byte = port.dr().read().bits() as u8;
        if status.rxne().bit_is_set() {
            rx_queue::put(byte);
        }
    }
    if status.ore().bit_is_set() {
        rx_queue::mark_lost();
    }
}

/// Whether USART 2 has room for a byte.
pub fn can_send() -> bool {
    // SAFETY: RM0090, 30.6: TXE is set when DR may be written.
    unsafe { &*USART2::ptr() }.sr().read().txe().bit_is_set()
}

/// Sends a byte; after [`can_send`].
pub fn send(byte: u8) {
    // SAFETY: RM0090, 30.6: a write to DR leaves the receiver alone.
    unsafe { &*USART2::ptr() }.dr().write(|w| w.dr().set(byte.into()));
}

/// Whether the last bit is out.
pub fn is_sent() -> bool {
    // SAFETY: RM0090, 30.6: TC is set when the last bit is out.
    unsafe { &*USART2::ptr() }.sr().read().tc().bit_is_set()
}

/// Ticks of timer 2, wrapping.
pub fn ticks() -> u32 {
    // SAFETY: RM0090, 18.4: reading CNT changes nothing.
    unsafe { &*pac::TIM2::ptr() }.cnt().read().bits()
}

/// Microseconds, wrapping.
pub fn micros() -> u32 {
    ticks()
}

/// The board's status LED, lit when its pin is high.
pub struct Led(pub(super) ());

impl ErrorType for Led {
    type Error = Infallible;
}

impl OutputPin for Led {
    fn set_low(&mut self) -> Result<(), Infallible> {
        // SAFETY: RM0090, 8.4: the upper half of BSRR clears single pins.
        unsafe { &*LedPort::ptr() }.bsrr().write(|w| unsafe { w.bits(1 << (LED_PIN + 16)) });
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        // SAFETY: RM0090, 8.4: the lower half of BSRR sets single pins.
        unsafe { &*LedPort::ptr() }.bsrr().write(|w| unsafe { w.bits(1 << LED_PIN) });
        Ok(())
    }
}

impl StatefulOutputPin for Led {
    fn is_set_high(&mut self) -> Result<bool, Infallible> {
        // SAFETY: RM0090, 8.4: ODR holds what the outputs were set to.
        Ok(unsafe { &*LedPort::ptr() }.odr().read().bits() & 1 << LED_PIN != 0)
    }

    fn is_set_low(&mut self) -> Result<bool, Infallible> {
        self.is_set_high().map(|high| !high)
    }
}
