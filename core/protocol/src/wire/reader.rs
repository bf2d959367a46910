//! Lines into records.

use super::fields::{BitsList, Fields, MARK, Name, Text, WireError};
use crate::crc::checksum;
use crate::decimal::write_f32;
use crate::text::{cut, cut_last, parts};
use heapless::String;

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
    fn name(&mut self, key: &'static str, value: &mut Name) -> Result<(), WireError> {
        let text = self.value(key)?;
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(WireError::Value(key));
        }
        *value = Name::try_from(text).map_err(|_| WireError::TooLong)?;
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
    fn bits_list(&mut self, key: &'static str, value: &mut BitsList) -> Result<(), WireError> {
        *value = parse_bits_list(self.value(key)?).ok_or(WireError::Value(key))?;
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

/// Numbers by their bits, with commas between: 1 to [`LINE_NUMBERS`](crate::limits::LINE_NUMBERS) of them.
#[inline]
pub(crate) fn parse_bits_list(text: &str) -> Option<BitsList> {
    let mut words = BitsList::new();
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
