//! BBC micro:bit: nRF51822, Cortex-M0, 16 KiB of RAM (nRF51 Series Reference Manual 3.0).

use core::convert::Infallible;
use embedded_hal::digital::{ErrorType, OutputPin, StatefulOutputPin};

/// Name of the board.
pub const NAME: &str = "microbit";
/// Name of the processor.
pub const CORE: &str = "cortex-m0";
/// No counter is used.
pub const TICK_HZ: u32 = 0;
/// What the model may take of the 16 KiB of RAM; the rest is stack.
pub const MEMORY_BUDGET_BYTES: usize = 12 << 10;

const UART: *mut u32 = 0x4000_2000 as *mut u32;
const GPIO: *mut u32 = 0x5000_0000 as *mut u32;
/// P0.24 is wired to the USB chip as its input.
const TX_PIN: u32 = 24;
/// P0.13 feeds row 1 of the LED matrix, P0.4 drains column 1.
const ROW: u32 = 1 << 13;
const COLUMN: u32 = 1 << 4;

/// The parts of the board that the firmware uses.
pub struct Parts {
    /// UART 0.
    pub serial: Serial,
    /// The top left LED.
    pub led: Led,
    /// Always 0.
    pub counter: Counter,
}

/// The parts of the board, started.
pub fn take() -> Parts {
    // SAFETY: GPIO, section 14.2: DIRSET (0x518) makes pins outputs, OUTSET (0x508) and OUTCLR (0x50C)
    // set single pins; nothing else uses them.
    unsafe {
        GPIO.byte_add(0x508).write_volatile(1 << TX_PIN);
        GPIO.byte_add(0x50C).write_volatile(ROW | COLUMN);
        GPIO.byte_add(0x518).write_volatile(ROW | COLUMN | 1 << TX_PIN);
    }
    Parts { serial: steal_serial(), led: Led, counter: Counter }
}

/// UART 0 at 115200 baud, started; also a second hold on it, for a last line before the end.
pub fn steal_serial() -> Serial {
    // SAFETY: UART, section 29: PSELTXD (0x50C), BAUDRATE (0x524, 115200 is 0x01D7E000), ENABLE
    // (0x500, 4 is on), STARTTX (0x008). They may be written again while it is on.
    unsafe {
        UART.byte_add(0x50C).write_volatile(TX_PIN);
        UART.byte_add(0x524).write_volatile(0x01D7_E000);
        UART.byte_add(0x500).write_volatile(4);
        UART.byte_add(0x008).write_volatile(1);
    }
    Serial
}

/// UART 0, to send.
pub struct Serial;

impl embedded_io::ErrorType for Serial {
    type Error = Infallible;
}

impl embedded_io::Write for Serial {
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

/// The board has no counter that the firmware reads.
pub struct Counter;

impl Counter {
    /// 0.
    pub fn ticks(&self) -> u32 {
        0
    }
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
