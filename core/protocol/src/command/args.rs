//! The `key=value` fields of a command line.

use super::refusal::{CommandError, ErrorKind};
use crate::real;
use crate::text::{cut, parts};
use crate::wire::parse_real;

/// The fields behind the first word of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Args<'l> {
    rest: &'l str,
}

impl<'l> Args<'l> {
    /// The fields, once every one is a `key=value` with a key of `keys` that is there only once.
    #[inline]
    pub(super) fn new(rest: &'l str, keys: &'static [&'static str]) -> Result<Self, CommandError> {
        let args = Self { rest };
        for (i, field) in args.fields().enumerate() {
            let (key, value) = cut(field, b'=').ok_or_else(|| ErrorKind::Malformed.at(field))?;
            if key.is_empty() || value.is_empty() {
                return Err(ErrorKind::Malformed.at(field));
            }
            if !keys.contains(&key) {
                return Err(ErrorKind::UnknownKey(keys).at(key));
            }
            if args.fields().take(i).any(|earlier| cut(earlier, b'=').is_some_and(|(k, _)| k == key)) {
                return Err(ErrorKind::RepeatedKey.at(key));
            }
        }
        Ok(args)
    }

    #[inline]
    fn fields(self) -> impl Iterator<Item = &'l str> {
        parts(self.rest, b' ').filter(|field| !field.is_empty())
    }

    /// The value of a key.
    #[inline]
    pub(super) fn text(self, key: &str) -> Option<&'l str> {
        self.fields().filter_map(|field| cut(field, b'=')).find(|(k, _)| *k == key).map(|(_, value)| value)
    }

    /// A key that must not stand beside another one.
    #[inline]
    pub(super) fn forbid(self, key: &'static str, beside: &'static str) -> Result<(), CommandError> {
        self.text(key).map_or(Ok(()), |value| Err(ErrorKind::Conflict(key, beside).at(value)))
    }

    /// A count from `low` to `high`.
    #[inline]
    pub(super) fn count(self, key: &'static str, low: u64, high: u64) -> Result<Option<u64>, CommandError> {
        let Some(text) = self.text(key) else { return Ok(None) };
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            let kind = if text.contains(',') { "a count, and a space before the next key" } else { "a count" };
            return Err(ErrorKind::Value(key, kind).at(text));
        }
        let ten = |value: u64, digit: u8| value.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
        let value = text.bytes().try_fold(0, ten).filter(|value| (low..=high).contains(value));
        value.map(Some).ok_or_else(|| ErrorKind::Range(key, low, high).at(text))
    }

    /// A count that must be there.
    #[inline]
    pub(super) fn needed_count(self, key: &'static str, low: u64, high: u64) -> Result<u64, CommandError> {
        self.count(key, low, high)?.ok_or_else(|| ErrorKind::MissingKey(key).into())
    }

    /// 0 or 1; without the key, 0.
    #[inline]
    pub(super) fn flag(self, key: &'static str) -> Result<bool, CommandError> {
        match self.text(key) {
            None | Some("0") => Ok(false),
            Some("1") => Ok(true),
            Some(other) => Err(ErrorKind::Value(key, "0 or 1").at(other)),
        }
    }

    /// A finite number: a decimal, or a decimal with its bits as in a report.
    #[inline]
    pub(super) fn real(self, key: &'static str) -> Result<Option<f32>, CommandError> {
        let Some(text) = self.text(key) else { return Ok(None) };
        let (value, kind) = if cut(text, b':').is_some() {
            (parse_real(text), "a decimal, a colon and its eight lower-case bits, which agree")
        } else {
            (real::parse(text), "0 or a decimal from 1e-18 to 1e18 with at most 18 digits")
        };
        let value = value.filter(|value| value.is_finite());
        value.map(Some).ok_or_else(|| ErrorKind::Value(key, kind).at(text))
    }

    /// A finite number from 0 to `most`.
    #[inline]
    pub(super) fn size(self, key: &'static str, most: f32, kind: &'static str) -> Result<Option<f32>, CommandError> {
        let value = self.real(key)?;
        match value {
            Some(found) if !(0.0..=most).contains(&found) => {
                Err(ErrorKind::Value(key, kind).at(self.text(key).unwrap_or_default()))
            }
            _ => Ok(value),
        }
    }
}
