//! NUCLEO-H743ZI: STM32H743, Cortex-M7 at 400 MHz, through `stm32h7xx-hal` (reference manual RM0433).

use super::rx_queue;
use super::table::BAUD;
use core::convert::Infallible;
use embedded_hal::digital::{ErrorType, OutputPin, StatefulOutputPin};
use stm32h7xx_hal::pac::{self, Interrupt, USART3, interrupt};
use stm32h7xx_hal::prelude::*;
use stm32h7xx_hal::rcc::ResetEnable;
use stm32h7xx_hal::serial::Event;

/// Rate of the core; 480 MHz takes a chip of revision V.
pub const CORE_HZ: u32 = 400_000_000;
/// Rate of timer 2.
pub const TICK_HZ: u32 = 1_000_000;

/// The green LED, LD1, is on PB0.
const LED_PIN: u32 = 0;

/// Starts caches, clocks, LED, timer 2 and USART 3.
///
/// # Safety
///
/// Once, with the receive queue open.
pub unsafe fn start() {
    // SAFETY: `start` is called once, and nobody else takes them.
    let (mut core, device) = unsafe { (cortex_m::Peripherals::steal(), pac::Peripherals::steal()) };
    core.SCB.enable_icache();
    core.SCB.enable_dcache(&mut core.CPUID);
    // The debugger's crystal, 8 MHz, clocks the chip.
    let power = device.PWR.constrain().freeze();
    let rcc = device.RCC.constrain().use_hse(8.MHz()).bypass_hse().sys_ck(CORE_HZ.Hz());
    let ccdr = rcc.freeze(power, &device.SYSCFG);
    let _ = device.GPIOB.split(ccdr.peripheral.GPIOB).pb0.into_push_pull_output();
    let d = device.GPIOD.split(ccdr.peripheral.GPIOD);
    let pins = (d.pd8.into_alternate(), d.pd9.into_alternate());
    let Ok(mut serial) = device.USART3.serial(pins, BAUD.bps(), ccdr.peripheral.USART3, &ccdr.clocks) else {
        unreachable!("the clocks of this board suit the baud rate")
    };
    serial.listen(Event::Rxne);
    ccdr.peripheral.TIM2.enable().reset();
    let divider = ccdr.clocks.timx_ker_ck().raw() / TICK_HZ - 1;
    device.TIM2.psc.write(|w| w.psc().bits(divider as u16));
    device.TIM2.arr.write(|w| w.bits(u32::MAX));
    device.TIM2.egr.write(|w| w.ug().set_bit());
    device.TIM2.cr1.write(|w| w.cen().set_bit());
    // SAFETY: `take` opened the queue, the port is ready, and no critical section depends on the mask.
    unsafe { cortex_m::peripheral::NVIC::unmask(Interrupt::USART3) };
}

/// What ISR says of the byte in RDR (RM0433, 48.7): PE, FE and NF. A break is a framing error.
const DAMAGED: u32 = 0b111;

/// Handler of USART 3.
#[interrupt]
fn USART3() {
    // SAFETY: RM0433, 48.7: reading RDR takes a byte and clears RXNE; ICR clears the errors. Only this handler reads
    // RDR.
    let port = unsafe { &*USART3::ptr() };
    let status = port.isr.read();
    if status.bits() & DAMAGED != 0 {
        // SAFETY: RM0433, 48.7: PECF, FECF and NCF are the same bits of ICR.
        port.icr.write(|w| unsafe { w.bits(DAMAGED) });
        rx_queue::mark_lost();
    }
    if status.rxne().bit_is_set() {
        // It came before the one that was lost, if one was.
        let byte = port.rdr.read().bits() as u8;
        rx_queue::put(byte);
    }
    if status.ore().bit_is_set() {
        port.icr.write(|w| w.orecf().set_bit());
        rx_queue::mark_lost();
    }
}

/// Whether USART 3 has room for a byte.
pub fn can_send() -> bool {
    // SAFETY: RM0433, 48.7: TXE is set when TDR may be written.
    unsafe { &*USART3::ptr() }.isr.read().txe().bit_is_set()
}

/// Sends a byte; after [`can_send`].
pub fn send(byte: u8) {
    // SAFETY: RM0433, 48.7: a write to TDR leaves the receiver alone.
    unsafe { &*USART3::ptr() }.tdr.write(|w| w.tdr().bits(byte.into()));
}

/// Whether the last bit is out.
pub fn is_sent() -> bool {
    // SAFETY: RM0433, 48.7: TC is set when the last bit is out.
    unsafe { &*USART3::ptr() }.isr.read().tc().bit_is_set()
}

/// Ticks of timer 2, wrapping.
pub fn ticks() -> u32 {
    // SAFETY: RM0433, 39.4: reading CNT changes nothing.
    unsafe { &*pac::TIM2::ptr() }.cnt.read().bits()
}

/// Microseconds, wrapping.
pub fn micros() -> u32 {
    ticks()
}

/// LD1.
pub struct Led(pub(super) ());

impl ErrorType for Led {
    type Error = Infallible;
}

impl OutputPin for Led {
    fn set_low(&mut self) -> Result<(), Infallible> {
        // SAFETY: RM0433, 11.4: the upper half of BSRR clears single pins.
        unsafe { &*pac::GPIOB::ptr() }.bsrr.write(|w| unsafe { w.bits(1 << (LED_PIN + 16)) });
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        // SAFETY: RM0433, 11.4: the lower half of BSRR sets single pins.
        unsafe { &*pac::GPIOB::ptr() }.bsrr.write(|w| unsafe { w.bits(1 << LED_PIN) });
        Ok(())
    }
}

impl StatefulOutputPin for Led {
    fn is_set_high(&mut self) -> Result<bool, Infallible> {
        // SAFETY: RM0433, 11.4: ODR holds what the outputs were set to.
        Ok(unsafe { &*pac::GPIOB::ptr() }.odr.read().bits() & 1 << LED_PIN != 0)
    }

    fn is_set_low(&mut self) -> Result<bool, Infallible> {
        self.is_set_high().map(|high| !high)
    }
}
