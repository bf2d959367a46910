//! The line format: `mote KIND key=value ... *CHECKSUM`. Written and read here and nowhere else.
//!
//! Specified in prose in `docs/protocol.md`. A record lists its fields once, in
//! [`Record::visit`](crate::report::Record::visit); the same list writes a line and reads one.

use crate::decimal::{write_f32, write_hex, write_u64};
use crate::limits::{LINE_NUMBERS, TEXT_MAX};
use crate::text::{cut, cut_last, parts};
use core::fmt::{self, Write};
use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use heapless::{String, Vec};

pub use crate::limits::{LINE_MAX, WORD_MAX};

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
    fn word(&mut self, key: &'static str, value: &mut Word) -> Result<(), WireError> {
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
    fn words(&mut self, key: &'static str, value: &mut Words) -> Result<(), WireError> {
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

/// Reads the fields of a record from a line whose checksum was right.
#[derive(Debug)]
pub struct Reader<'l> {
    rest: Option<&'l str>,
}

impl<'l> Reader<'l> {
    /// Checks mark and checksum; returns the kind and a reader for the fields.
    ///
    /// # Errors
    ///
    /// [`WireError::Mark`] or [`WireError::Checksum`].
    #[inline]
    pub fn new(line: &'l str) -> Result<(&'l str, Self), WireError> {
        let body = line.strip_prefix(MARK).ok_or(WireError::Mark)?;
        let (_, sum) = cut_last(body, b" *").ok_or(WireError::Checksum)?;
        let checked = line.get(..line.len() - sum.len() - 2).unwrap_or_default();
        if parse_hex(sum) != Some(checksum(checked.as_bytes())) {
            return Err(WireError::Checksum);
        }
        let mut reader = Self { rest: checked.get(MARK.len()..) };
        let kind = reader.next().unwrap_or_default();
        Ok((kind, reader))
    }

    /// What stands before the next space.
    #[inline]
    fn next(&mut self) -> Option<&'l str> {
        let rest = self.rest?;
        let (next, rest) = cut(rest, b' ').map_or((rest, None), |(next, rest)| (next, Some(rest)));
        self.rest = rest;
        Some(next)
    }

    /// Makes sure that nothing is left.
    ///
    /// # Errors
    ///
    /// [`WireError::Trailing`].
    #[inline]
    pub fn finish(mut self) -> Result<(), WireError> {
        self.next().map_or(Ok(()), |_| Err(WireError::Trailing))
    }

    #[inline]
    fn value(&mut self, key: &'static str) -> Result<&'l str, WireError> {
        let (found, value) = self.next().and_then(|field| cut(field, b'=')).ok_or(WireError::Field(key))?;
        if found == key { Ok(value) } else { Err(WireError::Field(key)) }
    }
}

impl Fields for Reader<'_> {
    #[inline]
    fn word(&mut self, key: &'static str, value: &mut Word) -> Result<(), WireError> {
        let text = self.value(key)?;
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(WireError::Value(key));
        }
        *value = Word::try_from(text).map_err(|_| WireError::TooLong)?;
        Ok(())
    }

    #[inline]
    fn count(&mut self, key: &'static str, value: &mut u64) -> Result<(), WireError> {
        let text = self.value(key)?;
        let is_plain = text.bytes().all(|b| b.is_ascii_digit());
        *value = text.parse().ok().filter(|_| is_plain).ok_or(WireError::Value(key))?;
        Ok(())
    }

    #[inline]
    fn bits(&mut self, key: &'static str, value: &mut u32) -> Result<(), WireError> {
        *value = parse_hex(self.value(key)?).ok_or(WireError::Value(key))?;
        Ok(())
    }

    #[inline]
    fn real(&mut self, key: &'static str, value: &mut f32) -> Result<(), WireError> {
        *value = parse_real(self.value(key)?).ok_or(WireError::Value(key))?;
        Ok(())
    }

    #[inline]
    fn maybe_real(&mut self, key: &'static str, value: &mut Option<f32>) -> Result<(), WireError> {
        *value = match self.value(key)? {
            "-" => None,
            text => Some(parse_real(text).ok_or(WireError::Value(key))?),
        };
        Ok(())
    }

    #[inline]
    fn words(&mut self, key: &'static str, value: &mut Words) -> Result<(), WireError> {
        *value = parse_words(self.value(key)?).ok_or(WireError::Value(key))?;
        Ok(())
    }

    #[inline]
    fn text(&mut self, key: &'static str, value: &mut Text) -> Result<(), WireError> {
        let rest = self.rest.take().and_then(|rest| rest.strip_prefix(key)).and_then(|rest| rest.strip_prefix('='));
        let text = rest.ok_or(WireError::Field(key))?;
        if text.is_empty() || !text.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
            return Err(WireError::Value(key));
        }
        *value = Text::try_from(text).map_err(|_| WireError::TooLong)?;
        Ok(())
    }
}

/// Numbers by their bits, with commas between: 1 to [`LINE_NUMBERS`] of them.
#[inline]
pub(crate) fn parse_words(text: &str) -> Option<Words> {
    let mut words = Words::new();
    for word in parts(text, b',') {
        words.push(parse_hex(word)?).ok()?;
    }
    Some(words)
}

/// The bits are the value; the decimal in front of them is for people and must be what they print as.
#[inline]
pub(crate) fn parse_real(text: &str) -> Option<f32> {
    let (decimal, bits) = cut(text, b':')?;
    let value = f32::from_bits(parse_hex(bits)?);
    let mut expected = String::<32>::new();
    write_f32(&mut expected, value).ok()?;
    (expected == decimal).then_some(value)
}

#[inline]
pub(crate) fn parse_hex(text: &str) -> Option<u32> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(u32::from(b - b'0')),
        b'a'..=b'f' => Some(u32::from(b - b'a') + 10),
        _ => None,
    };
    if text.len() != 8 {
        return None;
    }
    text.bytes().try_fold(0, |value, b| Some(value << 4 | digit(b)?))
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
