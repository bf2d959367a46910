//! Words to and from flash, through one block of RAM, with a checksum over all that passed.
//!
//! Generic and never inlined for the sake of flash: so each function is compiled once, with the firmware, for size.

use super::error::Refusal;
use super::layout::{BLOCK_BYTES, BLOCK_WORDS};
use crc::{Digest, NoTable};
use embedded_storage::nor_flash::{NorFlash, NorFlashError, ReadNorFlash};
use mote_protocol::crc::CRC;

/// Takes words and writes blocks.
pub(super) struct BlockWriter<'f, F> {
    flash: &'f mut F,
    at: u32,
    block: [u8; BLOCK_BYTES],
    used: usize,
    digest: Digest<'static, u32, NoTable>,
}

impl<'f, F: NorFlash> BlockWriter<'f, F> {
    /// Words go to `at` and on.
    pub(super) fn new(flash: &'f mut F, at: u32) -> Self {
        Self { flash, at, block: [0; BLOCK_BYTES], used: 0, digest: CRC.digest() }
    }

    /// Takes the next word.
    #[inline(never)]
    pub(super) fn word(&mut self, word: u32) -> Result<(), F::Error> {
        let bytes = word.to_le_bytes();
        self.digest.update(&bytes);
        if let Some(place) = self.block.as_chunks_mut().0.get_mut(self.used) {
            *place = bytes;
        }
        self.used += 1;
        if self.used == BLOCK_WORDS {
            self.used = 0;
            self.flash.write(self.at, &self.block)?;
            self.at += BLOCK_BYTES as u32;
        }
        Ok(())
    }

    /// Fills the block up with 0, its last word with the checksum of all words so far.
    #[inline(never)]
    pub(super) fn close(&mut self) -> Result<(), F::Error> {
        while self.used != BLOCK_WORDS - 1 {
            self.word(0)?;
        }
        self.word(self.digest.clone().finalize())
    }
}

/// Reads blocks and gives words. Each bit is read once.
pub(super) struct BlockReader<'f, F> {
    flash: &'f mut F,
    at: u32,
    block: [u8; BLOCK_BYTES],
    used: usize,
    digest: Digest<'static, u32, NoTable>,
}

impl<'f, F: ReadNorFlash> BlockReader<'f, F> {
    /// Words come from `at` and on.
    pub(super) fn new(flash: &'f mut F, at: u32) -> Self {
        Self { flash, at, block: [0; BLOCK_BYTES], used: BLOCK_WORDS, digest: CRC.digest() }
    }

    /// The next word.
    #[inline(never)]
    pub(super) fn word(&mut self) -> Result<u32, Refusal> {
        if self.used == BLOCK_WORDS {
            let read = self.flash.read(self.at, &mut self.block);
            read.map_err(|error| Refusal::Unreadable(error.kind()))?;
            self.at += BLOCK_BYTES as u32;
            self.used = 0;
        }
        let bytes = self.block.as_chunks().0.get(self.used).copied().unwrap_or_default();
        self.digest.update(&bytes);
        self.used += 1;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Reads the block to its end, where the checksum of all words before must be.
    #[inline(never)]
    pub(super) fn close(&mut self) -> Result<(), Refusal> {
        while self.used % BLOCK_WORDS != BLOCK_WORDS - 1 {
            self.word()?;
        }
        let expected = self.digest.clone().finalize();
        let found = self.word()?;
        if expected == found { Ok(()) } else { Err(Refusal::Corrupt { expected, found }) }
    }
}
