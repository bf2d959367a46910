//! Raspberry Pi Pico 2: RP2350, Cortex-M33 at 150 MHz, through `rp235x-hal` (RP2350 Datasheet).

use super::rx_queue;
use super::table::BAUD;
use core::convert::Infallible;
use embedded_hal::digital::{ErrorType, OutputPin, StatefulOutputPin};
use rp235x_hal::block::ImageDef;
use rp235x_hal::clocks::{Clock, init_clocks_and_plls};
use rp235x_hal::fugit::RateExtU32;
use rp235x_hal::gpio::Pins;
use rp235x_hal::pac::{self, Interrupt, interrupt};
use rp235x_hal::uart::{DataBits, StopBits, UartConfig, UartPeripheral};
use rp235x_hal::{Sio, Watchdog};

/// Rate of the core.
pub const CORE_HZ: u32 = 150_000_000;
/// Rate of timer 0.
pub const TICK_HZ: u32 = 1_000_000;

const CRYSTAL_HZ: u32 = 12_000_000;
/// The green LED is on GPIO 25.
const LED: u32 = 1 << 25;

/// Tells the boot ROM that this is a program for the Arm cores (datasheet, 5.9).
// SAFETY: the linker script places this section behind the vector table, in the first 4 KiB, where the ROM looks.
#[unsafe(link_section = ".start_block")]
#[used]
static IMAGE_DEF: ImageDef = ImageDef::secure_exe();

/// Starts clocks, pins, timer and UART 0.
///
/// # Safety
///
/// Once, with the receive queue open.
pub unsafe fn start() {
    // SAFETY: `start` is called once, and nobody else takes them.
    let mut device = unsafe { pac::Peripherals::steal() };
    let mut watchdog = Watchdog::new(device.WATCHDOG);
    let resets = &mut device.RESETS;
    let (pll_sys, pll_usb) = (device.PLL_SYS, device.PLL_USB);
    // Timer 0 gets its microsecond from here too.
    let clocks = init_clocks_and_plls(CRYSTAL_HZ, device.XOSC, device.CLOCKS, pll_sys, pll_usb, resets, &mut watchdog);
    let Ok(clocks) = clocks else { unreachable!("the crystal of this board suits its PLL") };
    // Any reset of the timer ends here; it runs by itself.
    let _ = rp235x_hal::Timer::new_timer0(device.TIMER0, resets, &clocks);
    let pins = Pins::new(device.IO_BANK0, device.PADS_BANK0, Sio::new(device.SIO).gpio_bank0, resets);
    let _ = pins.gpio25.into_push_pull_output();
    let config = UartConfig::new(BAUD.Hz(), DataBits::Eight, None, StopBits::One);
    let uart_pins = (pins.gpio0.into_function(), pins.gpio1.into_function());
    let uart = UartPeripheral::new(device.UART0, uart_pins, resets).enable(config, clocks.peripheral_clock.freq());
    let Ok(mut uart) = uart else { unreachable!("the clocks of this board suit the baud rate") };
    uart.enable_rx_interrupt();
    // SAFETY: `take` opened the queue, the port is ready, and no critical section depends on the mask.
    unsafe { cortex_m::peripheral::NVIC::unmask(Interrupt::UART0_IRQ) };
}

/// Handler of UART 0.
#[interrupt]
fn UART0_IRQ() {
    // SAFETY: datasheet, 12.1.8: reading UARTDR takes a byte from the FIFO, with bits 8 to 10 if it is damaged
    // (framing, parity, break), and bit 11 if bytes before it were lost; RXFE in UARTFR says that there is none left.
    // Only this handler reads UARTDR.
    let uart = unsafe { &*pac::UART0::ptr() };
    while uart.uartfr().read().rxfe().bit_is_clear() {
        let data = uart.uartdr().read().bits();
        if data & 0b1111 << 8 != 0 {
            rx_queue::mark_lost();
        }
        rx_queue::put(data as u8);
    }
}

/// Whether UART 0 has room for a byte.
pub fn can_send() -> bool {
    // SAFETY: datasheet, 12.1.8: TXFF in UARTFR is set while UARTDR may not be written.
    unsafe { &*pac::UART0::ptr() }.uartfr().read().txff().bit_is_clear()
}

/// Sends a byte; after [`can_send`].
pub fn send(byte: u8) {
    // SAFETY: datasheet, 12.1.8: bits 0 to 7 of UARTDR are the byte.
    unsafe { &*pac::UART0::ptr() }.uartdr().write(|w| unsafe { w.bits(byte.into()) });
}

/// Whether the last bit is out.
pub fn is_sent() -> bool {
    // SAFETY: datasheet, 12.1.8: BUSY in UARTFR is set until the last bit is out.
    unsafe { &*pac::UART0::ptr() }.uartfr().read().busy().bit_is_clear()
}

/// Ticks of timer 0, wrapping.
pub fn ticks() -> u32 {
    // SAFETY: datasheet, 12.8: reading TIMERAWL changes nothing.
    unsafe { &*pac::TIMER0::ptr() }.timerawl().read().bits()
}

/// Microseconds, wrapping.
pub fn micros() -> u32 {
    ticks()
}

/// The green LED.
pub struct Led(pub(super) ());

impl ErrorType for Led {
    type Error = Infallible;
}

impl OutputPin for Led {
    fn set_low(&mut self) -> Result<(), Infallible> {
        // SAFETY: datasheet, 3.1.11: GPIO_OUT_CLR clears the LED's pin only.
        unsafe { &*pac::SIO::ptr() }.gpio_out_clr().write(|w| unsafe { w.bits(LED) });
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        // SAFETY: datasheet, 3.1.11: GPIO_OUT_SET sets the LED's pin only.
        unsafe { &*pac::SIO::ptr() }.gpio_out_set().write(|w| unsafe { w.bits(LED) });
        Ok(())
    }
}

impl StatefulOutputPin for Led {
    fn is_set_high(&mut self) -> Result<bool, Infallible> {
        // SAFETY: datasheet, 3.1.11: GPIO_OUT holds what the outputs were set to.
        Ok(unsafe { &*pac::SIO::ptr() }.gpio_out().read().bits() & LED != 0)
    }

    fn is_set_low(&mut self) -> Result<bool, Infallible> {
        self.is_set_high().map(|high| !high)
    }
}
