//! Records into lines.

use super::fields::{BitsList, Fields, MARK, Name, Text, WireError};
use crate::crc::{canonical_bits, checksum};
use crate::decimal::{write_f32, write_hex, write_u64};
use core::fmt::{self, Write};

/// Writes the fields of a record into a line.
///
/// Generic and never inlined for the sake of flash: so each field kind is compiled once, with the
/// firmware, for size.
#[derive(Debug)]
pub struct Writer<L> {
    line: L,
}

impl<L: Write + AsRef<str>> Writer<L> {
    /// Begins the record of a kind in an empty line.
    ///
    /// # Errors
    ///
    /// [`WireError::TooLong`].
    pub fn new(mut line: L, kind: &str) -> Result<Self, WireError> {
        line.write_str(MARK)?;
        line.write_str(kind)?;
        Ok(Self { line })
    }

    /// Adds the checksum.
    ///
    /// # Errors
    ///
    /// [`WireError::TooLong`].
    #[inline(never)]
    pub fn finish(mut self) -> Result<L, WireError> {
        let checksum = checksum(self.line.as_ref().as_bytes());
        self.line.write_str(" *")?;
        write_hex(&mut self.line, checksum)?;
        Ok(self.line)
    }

    #[inline(never)]
    fn key(&mut self, key: &str) -> fmt::Result {
        self.line.write_char(' ')?;
        self.line.write_str(key)?;
        self.line.write_char('=')
    }
}

impl<L: Write + AsRef<str>> Fields for Writer<L> {
    #[inline(never)]
    fn name(&mut self, key: &'static str, value: &mut Name) -> Result<(), WireError> {
        self.key(key)?;
        Ok(self.line.write_str(value)?)
    }

    #[inline(never)]
    fn count(&mut self, key: &'static str, value: &mut u64) -> Result<(), WireError> {
        self.key(key)?;
        Ok(write_u64(&mut self.line, *value)?)
    }

    #[inline(never)]
    fn bits(&mut self, key: &'static str, value: &mut u32) -> Result<(), WireError> {
        self.key(key)?;
        Ok(write_hex(&mut self.line, *value)?)
    }

    #[inline(never)]
    fn real(&mut self, key: &'static str, value: &mut f32) -> Result<(), WireError> {
        self.key(key)?;
        write_f32(&mut self.line, *value)?;
        self.line.write_char(':')?;
        Ok(write_hex(&mut self.line, canonical_bits(*value))?)
    }

    #[inline(never)]
    fn maybe_real(&mut self, key: &'static str, value: &mut Option<f32>) -> Result<(), WireError> {
        match value {
            Some(value) => self.real(key, value),
            None => {
                self.key(key)?;
                Ok(self.line.write_char('-')?)
            }
        }
    }

    #[inline(never)]
    fn bits_list(&mut self, key: &'static str, value: &mut BitsList) -> Result<(), WireError> {
        self.key(key)?;
        for (i, word) in value.iter().enumerate() {
            if i > 0 {
                self.line.write_char(',')?;
            }
            write_hex(&mut self.line, *word)?;
        }
        Ok(())
    }

    #[inline(never)]
    fn text(&mut self, key: &'static str, value: &mut Text) -> Result<(), WireError> {
        self.key(key)?;
        Ok(self.line.write_str(value)?)
    }
}
