//! The session's way out of the chip.

use embedded_hal::digital::StatefulOutputPin;
use embedded_io::{Read, ReadReady, Write};
use mote_firmware::board::{self, Counter, Led, Serial};
use mote_protocol::answer::Answer;
use mote_protocol::report::{Record, Stack};
use mote_protocol::wire::{Line, WireError};
use mote_runtime::commands::{ERASE_LINE, Port};
use mote_runtime::runs::port;

/// Serial port, status LED and counter of the board.
pub struct SessionPort {
    serial: Serial,
    led: Led,
    counter: Counter,
    line_end: &'static [u8],
    pending_input: bool,
}

impl SessionPort {
    /// A port on parts of the board.
    pub fn new(serial: Serial, led: Led, counter: Counter) -> Self {
        Self { serial, led, counter, line_end: b"\n", pending_input: false }
    }

    /// The next byte that came.
    pub fn byte(&mut self) -> Option<u8> {
        let Ok(is_ready) = self.serial.read_ready();
        is_ready.then(|| {
            let mut byte = [0];
            let Ok(_) = self.serial.read(&mut byte);
            let [byte] = byte;
            byte
        })
    }

    /// Sleeps until a byte waits or one was lost.
    pub fn wait(&self) {
        self.serial.wait();
    }

    /// Whether bytes were lost behind those that wait.
    pub fn has_lost(&self) -> bool {
        self.serial.is_overrun()
    }

    /// Hears again after a loss.
    pub fn accept_again(&mut self) {
        self.serial.accept_again();
    }

    fn line(&mut self, line: &str) {
        if self.pending_input(false) {
            let Ok(()) = self.serial.write_all(ERASE_LINE);
        }
        let Ok(()) = self.serial.write_all(line.as_bytes());
        let Ok(()) = self.serial.write_all(self.line_end);
    }

    /// One record, as a line. Never inlined: its buffers would lie on the stack through the whole session.
    #[inline(never)]
    fn record(&mut self, record: Record) -> Result<(), WireError> {
        #[cfg(feature = "defmt")]
        defmt::info!("{}", record);
        if let Record::Step(_) = record {
            let Ok(()) = self.led.toggle();
        }
        let mut line = Line::new();
        record.write(&mut line).map(|()| self.line(&line))
    }
}

impl port::ReportPort for SessionPort {
    type Error = WireError;

    /// Sends a record; after the last one of a run, says how much stack was ever used.
    fn emit(&mut self, record: Record) -> Result<(), WireError> {
        let is_last = matches!(record, Record::Work(_));
        self.record(record)?;
        if is_last {
            let (used, of) = board::stack_used_and_size();
            self.record(Record::Stack(Stack { used: used as u64, of: of as u64 }))?;
        }
        Ok(())
    }

    fn ticks(&mut self) -> u32 {
        self.counter.ticks()
    }
}

impl Port for SessionPort {
    fn millis(&mut self) -> u32 {
        self.counter.millis()
    }

    #[inline(never)]
    fn answer(&mut self, answer: Answer) -> Result<(), WireError> {
        #[cfg(feature = "defmt")]
        defmt::info!("{}", answer);
        let mut line = Line::new();
        answer.write(&mut line).map(|()| self.line(&line))
    }

    fn carriage_return(&mut self, on: bool) {
        self.line_end = if on { b"\r\n" } else { b"\n" };
    }

    fn pending_input(&mut self, on: bool) -> bool {
        core::mem::replace(&mut self.pending_input, on)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let Ok(()) = self.serial.write_all(bytes);
        Ok(())
    }

    fn reset(&mut self) {
        let Ok(()) = self.serial.flush();
        board::reset()
    }
}
