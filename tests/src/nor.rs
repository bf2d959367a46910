//! A NOR flash whose power can be cut inside any word being written and any page being erased.
//!
//! Stricter than any part: a word may be written once after the erase of its page ran to its end, else the model
//! panics. What a cut leaves is drawn from a seed: bits not yet programmed, programmed, or WEAK, which read as 0 or 1
//! anew at every read.

use core::ops::Range;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};
use mote_core::rng::{Purpose, Stream};

/// Why the model refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NorError {
    /// There is no power.
    Off,
    /// A half-programmed word whose error correction found more wrong bits than it can mend.
    Uncorrectable,
    /// The arguments are not aligned, or out of bounds.
    Arguments(NorFlashErrorKind),
}

impl NorFlashError for NorError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Arguments(kind) => *kind,
            _ => NorFlashErrorKind::Other,
        }
    }
}

/// What one write unit has been through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// Erased to the end: may be written.
    Erased,
    /// Written to the end.
    Written,
    /// A write or an erase was cut short, or the part was never erased.
    Undefined,
}

/// The flash: `WRITE` bytes a write unit, `PAGE` bytes a page.
#[derive(Clone, Debug)]
pub struct Nor<const WRITE: usize, const PAGE: usize> {
    cells: Vec<u8>,
    /// A 1 for each bit that reads as it likes.
    weak: Vec<u8>,
    words: Vec<Word>,
    chance: Stream,
    powered: bool,
    /// Whether weak bits make reading fail, as they do with error correction.
    pub corrects_errors: bool,
    /// Bits that cannot be programmed any more: a byte and its mask.
    pub stuck: Option<(usize, u8)>,
    /// Words written and pages erased so far.
    pub operations: u64,
    /// The power fails in the operation of this number, from 0.
    pub cut_at: Option<u64>,
    /// Weak bits read so far.
    pub weak_reads: u64,
}

impl<const WRITE: usize, const PAGE: usize> Nor<WRITE, PAGE> {
    /// A part of some pages, fresh from the factory: every bit 1, and yet to be erased. `seed` decides what cuts leave.
    pub fn new(pages: usize, seed: u64) -> Self {
        Self {
            cells: vec![0xff; pages * PAGE],
            weak: vec![0; pages * PAGE],
            words: vec![Word::Undefined; pages * PAGE / WRITE],
            chance: Stream::new(seed, Purpose::Test, 0, 0),
            powered: true,
            corrects_errors: false,
            stuck: None,
            operations: 0,
            cut_at: None,
            weak_reads: 0,
        }
    }

    /// The power comes back. The next cut must be set anew.
    pub fn reboot(&mut self) {
        self.powered = true;
        self.cut_at = None;
    }

    /// Whether there is power.
    pub fn is_powered(&self) -> bool {
        self.powered
    }

    /// The cells as they stand, to look at and to spoil.
    pub fn cells_mut(&mut self) -> &mut [u8] {
        &mut self.cells
    }

    /// Counts an operation; whether the power fails in it.
    fn fails_now(&mut self) -> bool {
        let fails = self.cut_at == Some(self.operations);
        self.operations += 1;
        self.powered = !fails;
        fails
    }

    /// Leaves bytes on their way to what they were to become.
    fn tear(&mut self, bytes: Range<usize>, target: impl Fn(usize) -> u8) -> Result<(), NorError> {
        let fate = Fate::draw(&mut self.chance);
        for (i, at) in bytes.enumerate() {
            let target = target(i);
            let changing = (self.cells[at] ^ target) | self.weak[at];
            for bit in (0..8).map(|bit| 1u8 << bit).filter(|bit| changing & bit != 0) {
                match fate.of_bit(&mut self.chance) {
                    Bit::Before => {}
                    Bit::After => {
                        self.cells[at] = self.cells[at] & !bit | target & bit;
                        self.weak[at] &= !bit;
                    }
                    Bit::Weak => self.weak[at] |= bit,
                }
            }
        }
        Err(NorError::Off)
    }

    fn write_word(&mut self, word: usize, bytes: &[u8]) -> Result<(), NorError> {
        assert_eq!(self.words[word], Word::Erased, "word {word} is written without an erase before it");
        if self.fails_now() {
            self.words[word] = Word::Undefined;
            return self.tear(word * WRITE..(word + 1) * WRITE, |i| bytes[i]);
        }
        self.words[word] = Word::Written;
        for (at, byte) in (word * WRITE..).zip(bytes) {
            let stuck = self.stuck.map_or(0, |(byte, mask)| if byte == at { mask } else { 0 });
            self.cells[at] &= byte | stuck;
        }
        Ok(())
    }

    fn erase_page(&mut self, page: usize) -> Result<(), NorError> {
        let (bytes, words) = (page * PAGE..(page + 1) * PAGE, page * PAGE / WRITE..(page + 1) * PAGE / WRITE);
        if self.fails_now() {
            self.words[words].fill(Word::Undefined);
            return self.tear(bytes, |_| 0xff);
        }
        self.words[words].fill(Word::Erased);
        self.cells[bytes.clone()].fill(0xff);
        self.weak[bytes].fill(0);
        Ok(())
    }
}

impl<const WRITE: usize, const PAGE: usize> ErrorType for Nor<WRITE, PAGE> {
    type Error = NorError;
}

impl<const WRITE: usize, const PAGE: usize> ReadNorFlash for Nor<WRITE, PAGE> {
    const READ_SIZE: usize = if WRITE < 4 { WRITE } else { 4 };

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorError> {
        check_read(self, offset, bytes.len()).map_err(NorError::Arguments)?;
        if !self.powered {
            return Err(NorError::Off);
        }
        for (at, byte) in (offset as usize..).zip(bytes) {
            *byte = self.cells[at];
            if self.weak[at] != 0 {
                self.weak_reads += 1;
                if self.corrects_errors && self.chance.coin(0.5) {
                    return Err(NorError::Uncorrectable);
                }
                *byte ^= self.weak[at] & self.chance.next_u32() as u8;
            }
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.cells.len()
    }
}

impl<const WRITE: usize, const PAGE: usize> NorFlash for Nor<WRITE, PAGE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorError> {
        check_erase(self, from, to).map_err(NorError::Arguments)?;
        for page in from as usize / PAGE..to as usize / PAGE {
            if !self.powered {
                return Err(NorError::Off);
            }
            self.erase_page(page)?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorError> {
        check_write(self, offset, bytes.len()).map_err(NorError::Arguments)?;
        for (word, bytes) in (offset as usize / WRITE..).zip(bytes.chunks(WRITE)) {
            if !self.powered {
                return Err(NorError::Off);
            }
            self.write_word(word, bytes)?;
        }
        Ok(())
    }
}

/// What becomes of a bit.
enum Bit {
    Before,
    After,
    Weak,
}

/// How far an operation comes: to its end, or as the cut leaves it.
enum Fate {
    /// No bit was changed yet.
    NotBegun,
    /// All bits are changed for good, only nobody was told.
    Finished,
    /// Each bit is changed or not, for good.
    Mixed,
    /// Each bit is changed, not, or weak.
    Weak,
    /// All bits are changed, but for a few weak ones: it looks finished in some reads and not in others.
    NearlyFinished(f32),
    /// No bit is changed, and a few are weak.
    HardlyBegun(f32),
}

impl Fate {
    fn draw(chance: &mut Stream) -> Self {
        // Rates from one bit in 8 to one in 1,024: a word and a page both see a single weak bit often enough.
        let rate = 1.0 / (8u32 << (chance.next_u32() % 8)) as f32;
        match chance.next_u32() % 6 {
            0 => Self::NotBegun,
            1 => Self::Finished,
            2 => Self::Mixed,
            3 => Self::Weak,
            4 => Self::NearlyFinished(rate),
            _ => Self::HardlyBegun(rate),
        }
    }

    fn of_bit(&self, chance: &mut Stream) -> Bit {
        match *self {
            Self::NotBegun => Bit::Before,
            Self::Finished => Bit::After,
            Self::Mixed if chance.coin(0.5) => Bit::Before,
            Self::Mixed => Bit::After,
            Self::Weak => match chance.next_u32() % 3 {
                0 => Bit::Before,
                1 => Bit::After,
                _ => Bit::Weak,
            },
            Self::NearlyFinished(rate) | Self::HardlyBegun(rate) if chance.coin(rate) => Bit::Weak,
            Self::NearlyFinished(_) => Bit::After,
            Self::HardlyBegun(_) => Bit::Before,
        }
    }
}
