//! The serial port's way out, the same for every UART: for the program, and for the last words of a panic or a fault.

use super::chosen;
use core::convert::Infallible;
use embedded_io::{ErrorType, Write};

/// Serial port, to send.
pub struct Sender(());

impl Sender {
    /// The way out of a started board.
    pub(super) const fn new() -> Self {
        Self(())
    }
}

impl ErrorType for Sender {
    type Error = Infallible;
}

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        for byte in bytes {
            while !chosen::can_send() {}
            chosen::send(*byte);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        while !chosen::is_sent() {}
        Ok(())
    }
}

/// A second hold on the serial port's way out, for a last line before the end.
pub(crate) fn steal_serial() -> Sender {
    Sender::new()
}
