//! The world of a run: lines out, time in.

use mote_protocol::report::Record;

/// Where a run meets the world: lines go out, time comes in.
pub trait ReportPort {
    /// Why a line could not be sent. A chip that never fails uses [`core::convert::Infallible`].
    type Error;

    /// Sends one record.
    ///
    /// # Errors
    ///
    /// Ends the run at once.
    fn emit(&mut self, record: Record) -> Result<(), Self::Error>;

    /// A counter that runs upwards and wraps; 0 where there is none.
    fn ticks(&mut self) -> u32;
}
