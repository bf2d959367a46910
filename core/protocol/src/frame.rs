//! Bulk numbers in binary: the short spelling of `put` and `end`.
//!
//! On the line: a zero, the frame stuffed by COBS so that it has no zero, a zero. The frame is a [`Frame`] as
//! `postcard` writes it, then the CRC-32 of that, lowest byte first. Specified in `docs/protocol.md`.

use crate::crc::checksum;
use crate::limits::{FRAME_MAX, FRAME_NUMBERS, FRAME_RAW_MAX};
use cobs::{CobsEncoder, DecodeResult, DecoderState};
use heapless::Vec;
use serde::{Deserialize, Serialize};

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frame<'a> {
    /// Numbers of a transfer.
    Put {
        /// Position of the first of them in the transfer.
        first: u32,
        /// The numbers, four bytes each, lowest byte first: 1 to [`FRAME_NUMBERS`] of them.
        numbers: &'a [u8],
    },
    /// There are no more.
    End {
        /// CRC-32 over all numbers of the transfer.
        crc: u32,
    },
}

/// The first byte of a frame behind its zero is at most this: COBS tells where the first zero lies, which is at once in
/// a [`Frame::Put`], and right behind the at most 10 bytes of a [`Frame::End`]. So no frame begins as a command does.
pub const FIRST_BYTE_MAX: u8 = 11;

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FrameError {
    /// The stuffing is not that of COBS.
    Coding,
    /// The checksum is missing or wrong.
    Checksum,
    /// Behind a right checksum is no frame, or one without numbers, with part of one, or with too many.
    Content,
}

/// A frame as it goes over the line, with the zeros around it.
pub type FrameBytes = Vec<u8, { FRAME_MAX + 2 }>;

/// The frame as bytes for the line; `None` if it has too many numbers.
#[inline]
pub fn encode(frame: &Frame) -> Option<FrameBytes> {
    let mut raw = [0; FRAME_RAW_MAX];
    let body = postcard::to_slice(frame, raw.get_mut(..FRAME_RAW_MAX - 4)?).ok()?;
    let crc = checksum(body).to_le_bytes();
    let mut bytes = FrameBytes::new();
    bytes.resize_default(FRAME_MAX + 2).ok()?;
    let mut stuffing = CobsEncoder::new(bytes.get_mut(1..FRAME_MAX + 1)?);
    stuffing.push(body).ok()?;
    stuffing.push(&crc).ok()?;
    let used = stuffing.finalize();
    bytes.truncate(used + 2);
    // Where the last block is full, the encoder has written the length of one behind it that does not exist.
    *bytes.last_mut()? = 0;
    Some(bytes)
}

/// The frame of numbers from position `first` on; `None` if there are too many.
#[inline]
pub fn encode_numbers(first: u32, numbers: &[f32]) -> Option<FrameBytes> {
    let mut bytes = Vec::<u8, { 4 * FRAME_NUMBERS }>::new();
    for number in numbers {
        bytes.extend_from_slice(&number.to_bits().to_le_bytes()).ok()?;
    }
    encode(&Frame::Put { first, numbers: &bytes })
}

/// The frame in what stood between two zeros. Works in place.
///
/// # Errors
///
/// See [`FrameError`].
#[inline]
pub fn decode(bytes: &mut [u8]) -> Result<Frame<'_>, FrameError> {
    let used = unstuff(bytes).ok_or(FrameError::Coding)?;
    let raw = bytes.get(..used).ok_or(FrameError::Coding)?;
    let (body, crc) = raw.split_last_chunk::<4>().ok_or(FrameError::Checksum)?;
    if checksum(body) != u32::from_le_bytes(*crc) {
        return Err(FrameError::Checksum);
    }
    let (frame, rest) = postcard::take_from_bytes(body).map_err(|_| FrameError::Content)?;
    let is_sound = match frame {
        Frame::Put { numbers, .. } => {
            (1..=4 * FRAME_NUMBERS).contains(&numbers.len()) && numbers.len().is_multiple_of(4)
        }
        Frame::End { .. } => true,
    };
    if rest.is_empty() && is_sound { Ok(frame) } else { Err(FrameError::Content) }
}

/// Takes the stuffing out, in place; how many bytes are left. The library's own loop in place can panic, as far as a
/// compiler can see.
#[inline]
fn unstuff(bytes: &mut [u8]) -> Option<usize> {
    let (mut state, mut used) = (DecoderState::default(), 0);
    for at in 0..bytes.len() {
        let byte = *bytes.get(at)?;
        match state.feed(byte).ok()? {
            DecodeResult::DataContinue(data) => {
                *bytes.get_mut(used)? = data;
                used += 1;
            }
            DecodeResult::DataComplete => return None, // a zero inside
            DecodeResult::NoData | DecodeResult::DataStart => {}
        }
    }
    matches!(state.feed(0), Ok(DecodeResult::DataComplete)).then_some(used)
}

/// The numbers of [`Frame::Put`].
#[inline]
pub fn numbers(bytes: &[u8]) -> impl Iterator<Item = f32> + Clone + '_ {
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_bits(u32::from_le_bytes(*bytes)))
}
