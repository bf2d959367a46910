//! The line format: `mote KIND key=value ... *CHECKSUM`. Written and read here and nowhere else.
//!
//! Specified in prose in `docs/protocol.md`. A record lists its fields once, in
//! [`Record::visit`](crate::report::Record::visit); the same list writes a line and reads one.

mod reader;
mod writer;

use crate::limits::{LINE_NUMBERS, TEXT_MAX};
use core::fmt;
use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use heapless::{String, Vec};

pub use crate::limits::{LINE_MAX, WORD_MAX};
pub use reader::Reader;
pub(crate) use reader::{parse_hex, parse_real, parse_words};
pub use writer::Writer;

/// What every line starts with.
pub const MARK: &str = "mote ";

/// A line without its line feed.
pub type Line = String<LINE_MAX>;

/// A name in a record: printable ASCII without spaces.
pub type Word = String<WORD_MAX>;

/// A sentence in a record: printable ASCII, with spaces.
pub type Text = String<TEXT_MAX>;

/// Numbers in a record, by their bits.
pub type Words = Vec<u32, LINE_NUMBERS>;

/// CRC-32 as in zip and Ethernet, bit by bit: a table would cost 1 kB of flash.
pub(crate) static CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// The word for a name of at most [`WORD_MAX`] bytes; of a longer ASCII name, its beginning.
#[inline]
pub fn word(name: &str) -> Word {
    Word::try_from(name.get(..WORD_MAX).unwrap_or(name)).unwrap_or_default()
}

/// CRC-32 of bytes, as it stands at the end of a line.
#[inline]
pub fn checksum(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes)
}

/// CRC-32 over numbers, as their bits in little-endian order. All NaN count as one.
#[derive(Clone)]
pub struct Digest(crc::Digest<'static, u32, NoTable>);

impl Digest {
    /// The digest of nothing.
    #[inline]
    pub fn new() -> Self {
        Self(CRC.digest())
    }

    /// Takes numbers in.
    #[inline]
    pub fn update(&mut self, numbers: &[f32]) {
        for x in numbers {
            self.0.update(&canonical_bits(*x).to_le_bytes());
        }
    }

    /// The digest of all that was taken in.
    #[inline]
    pub fn finish(self) -> u32 {
        self.0.finalize()
    }
}

impl Default for Digest {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

/// The bits of a number, with one pattern for all NaN: x86 and Arm make different ones.
#[inline]
pub fn canonical_bits(x: f32) -> u32 {
    if x.is_nan() { 0x7fc0_0000 } else { x.to_bits() }
}

/// Why a line is not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum WireError {
    /// The line does not start with [`MARK`].
    Mark,
    /// There is no checksum, or it is not that of the line.
    Checksum,
    /// The kind of record is not known.
    Kind,
    /// The field that should come next, by its key, is missing or is another one.
    Field(&'static str),
    /// The value of the field cannot be read.
    Value(&'static str),
    /// There is more after the last field.
    Trailing,
    /// The line or a word is too long.
    TooLong,
}

impl fmt::Display for WireError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Mark => write!(f, "the line does not start with \"{MARK}\""),
            Self::Checksum => f.write_str("the checksum is missing or wrong"),
            Self::Kind => f.write_str("the kind of record is not known"),
            Self::Field(key) => write!(f, "the field {key} is missing"),
            Self::Value(key) => write!(f, "the value of the field {key} cannot be read"),
            Self::Trailing => f.write_str("there is more after the last field"),
            Self::TooLong => write!(f, "the line is longer than {LINE_MAX} bytes, or a word than {WORD_MAX}"),
        }
    }
}

impl core::error::Error for WireError {}

impl From<fmt::Error> for WireError {
    #[inline]
    fn from(_: fmt::Error) -> Self {
        Self::TooLong
    }
}

/// What a record's field list is applied to: a [`Writer`] or a [`Reader`].
pub trait Fields {
    /// A name.
    ///
    /// # Errors
    ///
    /// See [`WireError`]; so for all fields.
    fn word(&mut self, key: &'static str, value: &mut Word) -> Result<(), WireError>;

    /// A count, in decimal.
    ///
    /// # Errors
    ///
    /// See [`WireError`].
    fn count(&mut self, key: &'static str, value: &mut u64) -> Result<(), WireError>;

    /// 32 bits, as eight hexadecimal digits.
    ///
    /// # Errors
    ///
    /// See [`WireError`].
    fn bits(&mut self, key: &'static str, value: &mut u32) -> Result<(), WireError>;

    /// A number, as a decimal for people and its exact bits: `0.693147:3f317218`.
    ///
    /// # Errors
    ///
    /// See [`WireError`].
    fn real(&mut self, key: &'static str, value: &mut f32) -> Result<(), WireError>;

    /// A number, or `-` where there is none.
    ///
    /// # Errors
    ///
    /// See [`WireError`].
    fn maybe_real(&mut self, key: &'static str, value: &mut Option<f32>) -> Result<(), WireError>;

    /// Numbers by their bits, eight hexadecimal digits each, with commas between.
    ///
    /// # Errors
    ///
    /// See [`WireError`].
    fn words(&mut self, key: &'static str, value: &mut Words) -> Result<(), WireError>;

    /// A sentence: always the last field, to the end of the line.
    ///
    /// # Errors
    ///
    /// See [`WireError`].
    fn text(&mut self, key: &'static str, value: &mut Text) -> Result<(), WireError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value that catalogues of CRCs give for CRC-32/ISO-HDLC.
    #[test]
    fn checksum_is_the_one_of_zip_and_ethernet() {
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn every_nan_counts_as_one() {
        let digest = |x: f32| {
            let mut digest = Digest::new();
            digest.update(&[1.0, x]);
            digest.finish()
        };
        assert_eq!(digest(f32::from_bits(0xffc0_0000)), digest(f32::from_bits(0x7fc0_0001)));
        assert_ne!(digest(0.0), digest(-0.0));
    }
}
