//! What a line is made of: its words, the kinds of its fields, and what can be wrong with it.

use crate::limits::{LINE_MAX, LINE_NUMBERS, NAME_MAX, TEXT_MAX};
use core::fmt;
use heapless::{String, Vec};

/// What every line starts with.
pub const MARK: &str = "mote ";

/// A line without its line feed.
pub type Line = String<LINE_MAX>;

/// A name in a record: printable ASCII without spaces.
pub type Name = String<NAME_MAX>;

/// A sentence in a record: printable ASCII, with spaces.
pub type Text = String<TEXT_MAX>;

/// Numbers in a record, by their bits.
pub type BitsList = Vec<u32, LINE_NUMBERS>;

/// The word for a name of at most [`NAME_MAX`] bytes; of a longer ASCII name, its beginning.
#[inline]
pub fn to_name(name: &str) -> Name {
    Name::try_from(name.get(..NAME_MAX).unwrap_or(name)).unwrap_or_default()
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
            Self::TooLong => write!(f, "the line is longer than {LINE_MAX} bytes, or a word than {NAME_MAX}"),
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

/// What a record's field list is applied to: a [`Writer`](super::Writer) or a [`Reader`](super::Reader).
pub trait Fields {
    /// A name.
    ///
    /// # Errors
    ///
    /// See [`WireError`]; so for all fields.
    fn name(&mut self, key: &'static str, value: &mut Name) -> Result<(), WireError>;

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
    fn bits_list(&mut self, key: &'static str, value: &mut BitsList) -> Result<(), WireError>;

    /// A sentence: always the last field, to the end of the line.
    ///
    /// # Errors
    ///
    /// See [`WireError`].
    fn text(&mut self, key: &'static str, value: &mut Text) -> Result<(), WireError>;
}
