//! The engine's way out of the chip: records become lines, a lamp shows life.

use crate::board::{self, Parts};
use embedded_hal::digital::{OutputPin, StatefulOutputPin};
use embedded_io::Write;
use mote_core::report::{Board, Record};
use mote_core::run::Port;
use mote_core::wire::{WireError, word};

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
        self.emit(Record::Board(Board {
            name: word(board::NAME),
            core: word(board::CORE),
            tick_hz: board::TICK_HZ.into(),
        }))
    }

    /// Waits for the last byte, and leaves the LED on after a success, off after a failure.
    pub fn finish(&mut self, succeeded: bool) {
        let Ok(()) = self.parts.serial.flush();
        let Ok(()) = self.parts.led.set_state(succeeded.into());
    }
}

impl Port for SerialPort {
    type Error = WireError;

    fn emit(&mut self, record: Record) -> Result<(), WireError> {
        #[cfg(feature = "defmt")]
        defmt::info!("{}", record);
        if let Record::Step(_) = record {
            let Ok(()) = self.parts.led.toggle();
        }
        let line = record.into_line()?;
        let Ok(()) = self.parts.serial.write_all(line.as_bytes());
        let Ok(()) = self.parts.serial.write_all(b"\n");
        Ok(())
    }

    fn ticks(&mut self) -> u32 {
        self.parts.counter.ticks()
    }
}
