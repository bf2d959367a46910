//! The engine's way out of the chip: records become lines, a lamp shows life.

use embedded_hal::digital::{OutputPin, StatefulOutputPin};
use embedded_io::Write;
use mote_firmware::board::{self, Parts};
use mote_protocol::report::{Board, Record, Stack};
use mote_protocol::wire::{Line, WireError, to_name};
use mote_runtime::runs::port::ReportPort;

/// Serial port, status LED and counter of the board.
pub struct SerialPort {
    parts: Parts,
}

impl SerialPort {
    /// A port on the parts of the board.
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }

    /// Says which board this is, before the run begins.
    pub fn announce(&mut self) -> Result<(), WireError> {
        self.send(Record::Board(Board {
            name: to_name(board::NAME),
            core: to_name(board::CORE),
            tick_hz: board::TICK_HZ.into(),
        }))
    }

    /// One record, as a line. Never inlined: its buffers would lie on the stack through the whole run.
    #[inline(never)]
    fn send(&mut self, record: Record) -> Result<(), WireError> {
        #[cfg(feature = "defmt")]
        defmt::info!("{}", record);
        if let Record::Step(_) = record {
            let Ok(()) = self.parts.led.toggle();
        }
        let mut line = Line::new();
        record.write(&mut line)?;
        let Ok(()) = self.parts.serial.write_all(line.as_bytes());
        let Ok(()) = self.parts.serial.write_all(b"\n");
        Ok(())
    }

    /// Waits for the last byte, and leaves the LED on after a success, off after a failure.
    pub fn finish(&mut self, succeeded: bool) {
        let Ok(()) = self.parts.serial.flush();
        let Ok(()) = self.parts.led.set_state(succeeded.into());
    }
}

impl ReportPort for SerialPort {
    type Error = WireError;

    /// Sends a record; before the last one, says how much stack it took.
    fn emit(&mut self, record: Record) -> Result<(), WireError> {
        if let Record::Bye(..) = record {
            let (used, of) = board::stack_used_and_size();
            self.send(Record::Stack(Stack { used: used as u64, of: of as u64 }))?;
        }
        self.send(record)
    }

    fn ticks(&mut self) -> u32 {
        self.parts.counter.ticks()
    }
}
