//! The world of a session: bytes out, milliseconds in.

use crate::runs::port;
use mote_protocol::answer::Answer;

/// To the beginning of the line of a terminal, and what stands there is gone.
pub const ERASE_LINE: &[u8] = b"\r\x1b[K";

/// Where a session meets the world, beyond what a run needs.
pub trait Port: port::ReportPort {
    /// Milliseconds since some moment, wrapping.
    fn millis(&mut self) -> u32;

    /// Sends a record of the session.
    ///
    /// # Errors
    ///
    /// As [`port::ReportPort::emit`].
    fn answer(&mut self, answer: Answer) -> Result<(), Self::Error>;

    /// Whether lines end with a carriage return before the line feed from now on, as terminals want them.
    fn carriage_return(&mut self, on: bool);

    /// Whether half a line stands on a terminal from now on: the next record is sent behind [`ERASE_LINE`], and from
    /// then on it does not. Answers whether it did before.
    fn pending_input(&mut self, on: bool) -> bool;

    /// Sends bytes as they are.
    ///
    /// # Errors
    ///
    /// As [`port::ReportPort::emit`].
    fn send(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Starts the machine anew, once everything is sent. A port that cannot returns, and the session goes on.
    fn reset(&mut self);
}
