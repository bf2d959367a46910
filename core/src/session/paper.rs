//! A terminal in which someone types while a run reports: each record stands on a line of its own, and what is half
//! typed stands behind the last of them.

use super::Port;
use crate::answer::Answer;
use crate::report::Record;
use crate::run;

/// To the beginning of the line, and what stands there is gone.
const ERASE_LINE: &[u8] = b"\r\x1b[K";

/// A port, and whether half a line stands on the terminal behind it.
pub(super) struct Paper<'p, P> {
    port: &'p mut P,
    is_begun: bool,
    was_erased: bool,
}

impl<'p, P: Port> Paper<'p, P> {
    #[inline]
    pub(super) fn new(port: &'p mut P, is_begun: bool) -> Self {
        Self { port, is_begun, was_erased: false }
    }

    /// Writes what is half typed again, if it had to give way.
    #[inline]
    pub(super) fn restore(self, typed: &str) -> Result<(), P::Error> {
        if self.was_erased { self.port.send(typed.as_bytes()) } else { Ok(()) }
    }

    /// Makes room for a record.
    #[inline(never)]
    fn clear(&mut self) -> Result<(), P::Error> {
        if !core::mem::take(&mut self.is_begun) {
            return Ok(());
        }
        self.was_erased = true;
        self.port.send(ERASE_LINE)
    }
}

impl<P: Port> run::Port for Paper<'_, P> {
    type Error = P::Error;

    #[inline]
    fn emit(&mut self, record: Record) -> Result<(), P::Error> {
        self.clear()?;
        self.port.emit(record)
    }

    #[inline]
    fn ticks(&mut self) -> u32 {
        self.port.ticks()
    }
}

impl<P: Port> Port for Paper<'_, P> {
    #[inline]
    fn millis(&mut self) -> u32 {
        self.port.millis()
    }

    #[inline]
    fn answer(&mut self, answer: Answer) -> Result<(), P::Error> {
        self.clear()?;
        self.port.answer(answer)
    }

    #[inline]
    fn carriage_return(&mut self, on: bool) {
        self.port.carriage_return(on);
    }

    #[inline]
    fn send(&mut self, bytes: &[u8]) -> Result<(), P::Error> {
        self.clear()?;
        self.port.send(bytes)
    }

    #[inline]
    fn reset(&mut self) {
        self.port.reset();
    }
}
