//! BBC micro:bit: nRF51822, Cortex-M0, 16 KiB of RAM (nRF51 Series Reference Manual 3.0).

use super::{inbox, vectors};
use core::convert::Infallible;
use embedded_hal::digital::{ErrorType, OutputPin, StatefulOutputPin};

/// Name of the board.
pub const NAME: &str = "microbit";
/// Name of the processor.
pub const CORE: &str = "cortex-m0";
/// Rate of timer 0.
pub const TICK_HZ: u32 = 1_000_000;
/// What the model may take of the 16 KiB of RAM; the rest is stack, the receive queue and the like.
pub const MEMORY_BUDGET_BYTES: usize = 9 << 10;
/// UART 0.
pub const RECEIVE_INTERRUPT: u16 = 2;

const UART: *mut u32 = 0x4000_2000 as *mut u32;
const TIMER: *mut u32 = 0x4000_8000 as *mut u32;
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
    // SAFETY: GPIO, section 14.2: DIRSET (0x518) makes pins outputs, OUTSET (0x508) and OUTCLR (0x50C)
    // set single pins, PIN_CNF (0x700 and on) of 0 is an input; nothing else uses them.
    unsafe {
        GPIO.byte_add(0x508).write_volatile(1 << TX_PIN);
        GPIO.byte_add(0x50C).write_volatile(ROW | COLUMN);
        GPIO.byte_add(0x518).write_volatile(ROW | COLUMN | 1 << TX_PIN);
        GPIO.byte_add(0x700 + 4 * RX_PIN as usize).write_volatile(0);
    }
    // SAFETY: TIMER, section 17: MODE (0x504, 0 is timer), BITMODE (0x508, 3 is 32 bits), PRESCALER (0x510, 16 MHz /
    // 2^4), START (0x000). Nothing else uses timer 0.
    unsafe {
        TIMER.byte_add(0x504).write_volatile(0);
        TIMER.byte_add(0x508).write_volatile(3);
        TIMER.byte_add(0x510).write_volatile(4);
        TIMER.write_volatile(1);
    }
    // SAFETY: UART, section 29: PSELTXD (0x50C), PSELRXD (0x514), BAUDRATE (0x524, 115200 is 0x01D7E000), ENABLE
    // (0x500, 4 is on), INTENSET (0x304, bit 2 is RXDRDY, bit 9 ERROR), STARTTX (0x008), STARTRX (0x000).
    unsafe {
        UART.byte_add(0x50C).write_volatile(TX_PIN);
        UART.byte_add(0x514).write_volatile(RX_PIN);
        UART.byte_add(0x524).write_volatile(0x01D7_E000);
        UART.byte_add(0x500).write_volatile(4);
        UART.byte_add(0x304).write_volatile(1 << 2 | 1 << 9);
        UART.byte_add(0x008).write_volatile(1);
        UART.write_volatile(1);
    }
    // SAFETY: `take` opened the queue, and the UART is ready.
    unsafe { vectors::enable_receive() };
}

/// Handler of the UART's interrupt.
///
/// # Safety
///
/// From the vector table only.
pub unsafe extern "C" fn receive() {
    // SAFETY: UART, section 29: ERROR (0x124) with ERRORSRC (0x480, bit 0 is overrun, cleared by writing 1s); RXDRDY
    // (0x108) is cleared before RXD (0x518) is read, which raises it again if there is another byte.
    unsafe {
        if UART.byte_add(0x124).read_volatile() != 0 {
            UART.byte_add(0x124).write_volatile(0);
            let source = UART.byte_add(0x480).read_volatile();
            UART.byte_add(0x480).write_volatile(source);
            if source & 1 != 0 {
                inbox::mark_overrun();
            }
        }
        while UART.byte_add(0x108).read_volatile() != 0 {
            UART.byte_add(0x108).write_volatile(0);
            inbox::put(UART.byte_add(0x518).read_volatile() as u8);
        }
    }
}

/// UART 0 at 115200 baud, to send.
pub struct Sender;

impl embedded_io::ErrorType for Sender {
    type Error = Infallible;
}

impl embedded_io::Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        for byte in bytes {
            // SAFETY: UART, section 29: TXDRDY (0x11C) is cleared, TXD (0x51C) takes the byte, and
            // TXDRDY rises when it was sent.
            unsafe {
                UART.byte_add(0x11C).write_volatile(0);
                UART.byte_add(0x51C).write_volatile((*byte).into());
                while UART.byte_add(0x11C).read_volatile() == 0 {}
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(()) // `write` waits for every byte
    }
}

/// Ticks of timer 0, wrapping.
pub fn ticks() -> u32 {
    // SAFETY: TIMER, section 17: CAPTURE[0] (0x040) copies the counter into CC[0] (0x540).
    unsafe {
        TIMER.byte_add(0x040).write_volatile(1);
        TIMER.byte_add(0x540).read_volatile()
    }
}

/// Microseconds, wrapping.
pub fn micros() -> u32 {
    ticks()
}

/// The top left LED: lit while its row is high and its column low.
pub struct Led;

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
