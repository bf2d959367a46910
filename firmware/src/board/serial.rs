//! The serial port of every board: bytes go out at once and wait for the line, bytes that come in wait in a queue.

use super::rx_queue::RxQueue;
use super::sender::Sender;
use core::convert::Infallible;
use embedded_io::{ErrorType, Read, ReadReady, Write};

/// Serial port, to send and to receive.
pub struct Serial {
    sender: Sender,
    queue: RxQueue,
}

impl Serial {
    /// The port of a started board.
    pub(super) fn new(sender: Sender, queue: RxQueue) -> Self {
        Self { sender, queue }
    }

    /// How many received bytes wait to be read.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Until the next interrupt, if nothing waits.
    #[cfg(not(emulated))]
    fn sleep(&self) {
        // An interrupt that comes between the question and the sleep must still end the sleep: it does, masked.
        cortex_m::interrupt::free(|_| {
            if self.is_silent() {
                cortex_m::asm::wfi();
            }
        });
    }

    /// Not at all: while the core sleeps, the emulator's clock would jump to the next timer's end.
    #[cfg(emulated)]
    fn sleep(&self) {
        core::hint::spin_loop();
    }

    /// Whether nothing has come in, lost or not.
    fn is_silent(&self) -> bool {
        self.queue.len() == 0 && !self.is_overrun()
    }

    /// Sleeps until a byte waits or one was lost: then none comes in, and only the program can end that.
    pub fn wait(&self) {
        while self.is_silent() {
            self.sleep();
        }
    }

    /// Whether received bytes were lost behind those that wait; then none comes in until
    /// [`Serial::accept_again`].
    pub fn is_overrun(&self) -> bool {
        self.queue.is_overrun()
    }

    /// After an overrun, once all that waited is read.
    pub fn accept_again(&mut self) {
        self.queue.accept_again();
    }
}

impl ErrorType for Serial {
    type Error = Infallible;
}

impl Write for Serial {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.sender.write(bytes)
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        self.sender.flush()
    }
}

impl ReadReady for Serial {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(self.queue.len() > 0)
    }
}

impl Read for Serial {
    /// Waits until there is a byte.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.queue.len() == 0 {
            self.sleep();
        }
        let mut count = 0;
        for (place, byte) in buffer.iter_mut().zip(core::iter::from_fn(|| self.queue.take())) {
            *place = byte;
            count += 1;
        }
        Ok(count)
    }
}
