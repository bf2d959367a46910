//! Words to and from flash, through one block of RAM, with a checksum over all that passed.

use super::Refusal;
use super::layout::{BLOCK_BYTES, BLOCK_WORDS, Word};
use crate::wire::CRC;
use crc::{Digest, NoTable};
use embedded_storage::nor_flash::{NorFlash, NorFlashError, ReadNorFlash};

/// Takes words and writes blocks.
pub(super) struct Sink<'f, F> {
    flash: &'f mut F,
    at: u32,
    block: [Word; BLOCK_WORDS],
    used: usize,
    digest: Digest<'static, u32, NoTable>,
}

impl<'f, F: NorFlash> Sink<'f, F> {
    /// Words go to `at` and on.
    pub(super) fn new(flash: &'f mut F, at: u32) -> Self {
        Self { flash, at, block: [[0; 4]; BLOCK_WORDS], used: 0, digest: CRC.digest() }
    }

    /// Takes the next word.
    pub(super) fn word(&mut self, word: Word) -> Result<(), F::Error> {
        self.digest.update(&word);
        self.push(word)
    }

    /// Fills the block up, the checksum last, and writes it.
    pub(super) fn finish(mut self) -> Result<(), F::Error> {
        while self.used != BLOCK_WORDS - 1 {
            self.word([0; 4])?;
        }
        let sum = self.digest.clone().finalize();
        self.push(sum.to_le_bytes())
    }

    fn push(&mut self, word: Word) -> Result<(), F::Error> {
        if let Some(place) = self.block.get_mut(self.used) {
            *place = word;
        }
        self.used += 1;
        if self.used == BLOCK_WORDS {
            self.used = 0;
            self.flash.write(self.at, self.block.as_flattened())?;
            self.at += BLOCK_BYTES as u32;
        }
        Ok(())
    }
}

/// Reads blocks and gives words. Each bit is read once.
pub(super) struct Source<'f, F> {
    flash: &'f mut F,
    at: u32,
    block: [Word; BLOCK_WORDS],
    used: usize,
    digest: Digest<'static, u32, NoTable>,
}

impl<'f, F: ReadNorFlash> Source<'f, F> {
    /// Words come from `at` and on.
    pub(super) fn new(flash: &'f mut F, at: u32) -> Self {
        Self { flash, at, block: [[0; 4]; BLOCK_WORDS], used: BLOCK_WORDS, digest: CRC.digest() }
    }

    /// The next block of words, from the beginning of one.
    pub(super) fn head(&mut self) -> Result<[Word; BLOCK_WORDS], Refusal> {
        self.refill()?;
        self.used = BLOCK_WORDS;
        self.digest.update(self.block.as_flattened());
        Ok(self.block)
    }

    /// The next word.
    pub(super) fn word(&mut self) -> Result<Word, Refusal> {
        let word = self.pull()?;
        self.digest.update(&word);
        Ok(word)
    }

    /// Reads the block to its end, where the checksum of all words before must be.
    pub(super) fn finish(mut self) -> Result<(), Refusal> {
        while self.used % BLOCK_WORDS != BLOCK_WORDS - 1 {
            self.word()?;
        }
        let found = u32::from_le_bytes(self.pull()?);
        let expected = self.digest.finalize();
        if expected == found { Ok(()) } else { Err(Refusal::Corrupt { expected, found }) }
    }

    fn pull(&mut self) -> Result<Word, Refusal> {
        if self.used == BLOCK_WORDS {
            self.refill()?;
        }
        let word = self.block.get(self.used).copied().unwrap_or_default();
        self.used += 1;
        Ok(word)
    }

    fn refill(&mut self) -> Result<(), Refusal> {
        let read = self.flash.read(self.at, self.block.as_flattened_mut());
        read.map_err(|error| Refusal::Unreadable(error.kind()))?;
        self.at += BLOCK_BYTES as u32;
        self.used = 0;
        Ok(())
    }
}
