//! UART, timer and LED of the MPS2 boards (Arm CMSDK, DDI 0479D; MPS2 application notes).

use super::chosen::BOARD;
use core::convert::Infallible;
use embedded_hal::digital::{ErrorType, OutputPin, StatefulOutputPin};

/// Where a board's blocks lie.
pub struct Addresses {
    uart: usize,
    timer: usize,
    fpga_io: usize,
}

/// The parts of the board that the firmware uses.
pub struct Parts {
    /// UART 0.
    pub serial: Serial,
    /// User LED 0.
    pub led: Led,
    /// Timer 0, running.
    pub counter: Counter,
}

/// The parts of the chosen board, started.
pub fn take() -> Parts {
    BOARD.start()
}

/// A second hold on the serial port of the chosen board, for a last line before the end.
pub fn steal_serial() -> Serial {
    BOARD.serial()
}

impl Addresses {
    /// The blocks of a board.
    ///
    /// # Safety
    ///
    /// `uart` and `timer` must be the addresses of APB UART 0 and APB timer 0, and `fpga_io` that of the FPGA I/O
    /// block, whose first register drives the LEDs; nothing else may use them.
    pub const unsafe fn new(uart: usize, timer: usize, fpga_io: usize) -> Self {
        Self { uart, timer, fpga_io }
    }

    /// Starts UART and timer.
    fn start(&self) -> Parts {
        Parts { serial: self.serial(), led: Led(self.fpga_io as *mut u32), counter: self.counter() }
    }

    /// UART 0, enabled to send.
    fn serial(&self) -> Serial {
        let uart = self.uart as *mut u32;
        // SAFETY: `uart` is the UART block of this board (DDI 0479D, 4.3): word 4 is BAUDDIV, at
        // least 16; word 2 is CTRL, bit 0 enables sending. Both may be written at any time.
        unsafe {
            uart.add(4).write_volatile(16);
            uart.add(2).write_volatile(1);
        }
        Serial(uart)
    }

    fn counter(&self) -> Counter {
        let timer = self.timer as *mut u32;
        // SAFETY: `timer` is the timer block of this board (DDI 0479D, 4.2): word 2 is RELOAD, word 1
        // VALUE, word 0 CTRL, bit 0 starts it. No interrupt is enabled.
        unsafe {
            timer.add(2).write_volatile(u32::MAX);
            timer.add(1).write_volatile(u32::MAX);
            timer.write_volatile(1);
        }
        Counter(timer)
    }
}

/// APB UART 0, to send.
pub struct Serial(*mut u32);

impl embedded_io::ErrorType for Serial {
    type Error = Infallible;
}

impl embedded_io::Write for Serial {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        for byte in bytes {
            // SAFETY: `self.0` is the UART block (DDI 0479D, 4.3): word 1 is STATE, bit 0 says that
            // the send buffer is full; word 0 is DATA.
            unsafe {
                while self.0.add(1).read_volatile() & 1 != 0 {}
                self.0.write_volatile((*byte).into());
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        // SAFETY: as in `write`.
        while unsafe { self.0.add(1).read_volatile() } & 1 != 0 {}
        Ok(())
    }
}

/// APB timer 0, counting up as seen from here.
pub struct Counter(*mut u32);

impl Counter {
    /// Ticks since the start, wrapping.
    pub fn ticks(&self) -> u32 {
        // SAFETY: `self.0` is the timer block (DDI 0479D, 4.2): word 1 is VALUE, counting down.
        u32::MAX - unsafe { self.0.add(1).read_volatile() }
    }
}

/// User LED 0.
pub struct Led(*mut u32);

impl ErrorType for Led {
    type Error = Infallible;
}

impl OutputPin for Led {
    fn set_low(&mut self) -> Result<(), Infallible> {
        // SAFETY: `self.0` is the LED register of the FPGA I/O block; only this value writes it.
        unsafe { self.0.write_volatile(0) };
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        // SAFETY: as in `set_low`.
        unsafe { self.0.write_volatile(1) };
        Ok(())
    }
}

impl StatefulOutputPin for Led {
    fn is_set_high(&mut self) -> Result<bool, Infallible> {
        // SAFETY: as in `set_low`; reading gives what was written.
        Ok(unsafe { self.0.read_volatile() } & 1 != 0)
    }

    fn is_set_low(&mut self) -> Result<bool, Infallible> {
        self.is_set_high().map(|high| !high)
    }
}
