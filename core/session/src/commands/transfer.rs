//! Numbers that come in and go out: samples for the RAM, weights both ways.

use heapless::Vec;
use mote_core::data::Split;
use mote_core::params::Params;
use mote_protocol::command::ErrorKind;
use mote_protocol::crc::Crc32;
use mote_protocol::frame::{Frame, FrameBytes, encode, encode_numbers};
use mote_protocol::limits::{FRAME_NUMBERS, LINE_NUMBERS, TRANSFER_IDLE_MS, TYPED_TRANSFER_IDLE_MS};
use mote_protocol::wire::BitsList;

/// What the numbers that come in are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransferKind {
    /// Samples of a set.
    Samples(Split),
    /// Weights after so many steps.
    Weights(u32),
}

/// Numbers on their way in. They wait in the store; nothing else changes before the end.
pub(super) struct Transfer {
    pub(super) kind: TransferKind,
    pub(super) binary: bool,
    /// Where in the store the first of them lies.
    base: usize,
    next: u32,
    pub(super) total: u32,
    digest: Crc32,
    /// When the last of them came.
    since_ms: u32,
}

impl Transfer {
    #[inline]
    pub(super) fn new(kind: TransferKind, binary: bool, base: usize, total: u32, now_ms: u32) -> Self {
        Self { kind, binary, base, next: 0, total, digest: Crc32::new(), since_ms: now_ms }
    }

    #[inline]
    pub(super) fn next(&self) -> u32 {
        self.next
    }

    /// CRC-32 over what has come.
    #[inline]
    pub(super) fn crc(&self) -> u32 {
        self.digest.clone().finish()
    }

    #[inline]
    pub(super) fn is_late(&self, now_ms: u32) -> bool {
        let limit = if self.binary { TRANSFER_IDLE_MS } else { TYPED_TRANSFER_IDLE_MS };
        now_ms.wrapping_sub(self.since_ms) >= limit
    }

    /// Takes the next numbers, all of them or none. `sample` is how many make up a sample, the label last.
    #[inline]
    pub(super) fn put(
        &mut self,
        first: u32,
        numbers: impl Iterator<Item = f32> + Clone,
        sample: usize,
        store: &mut [f32],
        now_ms: u32,
    ) -> Result<(), ErrorKind> {
        if first != self.next {
            return Err(ErrorKind::Order(self.next.into()));
        }
        let left = (self.total - self.next) as usize;
        if numbers.clone().take(left + 1).count() > left {
            return Err(ErrorKind::BeyondEnd(self.total.into()));
        }
        for (at, number) in (self.next as usize..).zip(numbers.clone()) {
            let is_label = is_samples(self.kind) && (at + 1).is_multiple_of(sample);
            check(number, is_label)?;
        }
        let rest = store.get_mut(self.base + self.next as usize..).unwrap_or_default();
        for (place, number) in rest.iter_mut().zip(numbers) {
            *place = number;
            self.digest.update(&[number]);
            self.next += 1;
        }
        self.since_ms = now_ms;
        Ok(())
    }

    /// Whether the numbers are all there, and those that were sent.
    #[inline]
    pub(super) fn check_end(&self, crc: Option<u32>) -> Result<(), ErrorKind> {
        if self.next != self.total {
            return Err(ErrorKind::Incomplete(self.total.into()));
        }
        if crc.is_some_and(|crc| crc != self.crc()) { Err(ErrorKind::Digest) } else { Ok(()) }
    }
}

#[inline]
fn is_samples(kind: TransferKind) -> bool {
    matches!(kind, TransferKind::Samples(_))
}

/// Whether a number may be a token or a weight, or a label.
#[inline]
pub(super) fn check(number: f32, is_label: bool) -> Result<(), ErrorKind> {
    if !number.is_finite() {
        return Err(ErrorKind::NotFinite);
    }
    if is_label && number.abs() != 1.0 { Err(ErrorKind::Label) } else { Ok(()) }
}

/// Weights on their way out.
pub(super) struct WeightsUpload {
    pub(super) binary: bool,
    pub(super) next: u32,
}

/// A part of an upload.
pub(super) enum Part {
    /// To be sent as it is.
    Frame(FrameBytes),
    /// To be sent as a line.
    Line(u64, BitsList),
    /// There is no more.
    End(Option<FrameBytes>),
}

impl WeightsUpload {
    /// The next part of the weights, whose CRC-32 is `crc`.
    #[inline]
    pub(super) fn part(&mut self, params: &Params, crc: impl FnOnce() -> u32) -> Part {
        let most = if self.binary { FRAME_NUMBERS } else { LINE_NUMBERS };
        let mut numbers = Vec::<f32, FRAME_NUMBERS>::new();
        for number in params.row().skip(self.next as usize).take(most) {
            let _ = numbers.push(number); // at most as many as there is room for
        }
        let first = self.next;
        self.next += numbers.len() as u32;
        match (numbers.is_empty(), self.binary) {
            (true, true) => Part::End(encode(&Frame::End { crc: crc() })),
            (true, false) => Part::End(None),
            (false, true) => encode_numbers(first, &numbers).map_or(Part::End(None), Part::Frame),
            (false, false) => {
                let mut words = BitsList::new();
                for number in &numbers {
                    let _ = words.push(number.to_bits()); // as above
                }
                Part::Line(first.into(), words)
            }
        }
    }
}
