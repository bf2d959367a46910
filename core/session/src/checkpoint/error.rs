//! Why a checkpoint is not saved or not loaded.

use core::fmt;
use embedded_storage::nor_flash::NorFlashErrorKind;

/// Why the content of one slot is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Refusal {
    /// Nothing was ever saved: all bits of its head are 1, or all are 0.
    Blank,
    /// The content does not have its checksum: a save was cut short, or bits were lost.
    Corrupt {
        /// The checksum of what is there.
        expected: u32,
        /// The checksum that is stored.
        found: u32,
    },
    /// It is no checkpoint of mote.
    Mark,
    /// It has another format.
    Version {
        /// [`FORMAT`](super::FORMAT).
        expected: u32,
        /// That of the slot.
        found: u32,
    },
    /// It is longer than a slot of this region.
    Length,
    /// It belongs to a model of another size: the first of `M D H V` that differs.
    Shape {
        /// Its letter.
        letter: char,
        /// That of the trainer.
        expected: u32,
        /// That of the slot.
        found: u32,
    },
    /// It belongs to a run with another seed.
    Seed {
        /// That of the run.
        expected: u64,
        /// That of the slot.
        found: u64,
    },
    /// It belongs to a run with other settings, other data, or of another engine.
    Settings {
        /// [`RunId::settings`](super::RunId::settings) of the run.
        expected: u32,
        /// That of the slot.
        found: u32,
    },
    /// It was whole when it was checked, and other bits were read when it was copied.
    Unstable,
    /// The flash cannot be read.
    Unreadable(NorFlashErrorKind),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Blank => f.write_str("blank"),
            Self::Corrupt { expected, found } => {
                write!(f, "corrupt: expected the checksum {expected:08x}, found {found:08x}")
            }
            Self::Mark => f.write_str("no checkpoint of mote: expected the mark moteCKPT"),
            Self::Version { expected, found } => write!(f, "expected checkpoint format {expected}, found {found}"),
            Self::Length => f.write_str("longer than its slot: the region was larger when it was saved"),
            Self::Shape { letter, expected, found } => {
                write!(f, "expected a model of {letter}={expected}, found {letter}={found}")
            }
            Self::Seed { expected, found } => write!(f, "expected a run with seed {expected}, found seed {found}"),
            Self::Settings { expected, found } => {
                write!(f, "expected a run with settings of digest {expected:08x}, found {found:08x}")
            }
            Self::Unstable => f.write_str("read differently twice"),
            Self::Unreadable(kind) => write!(f, "cannot be read: {kind}"),
        }
    }
}

impl core::error::Error for Refusal {}

/// Why a checkpoint was not saved or not loaded. [`Store`](super::Store) says what is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CheckpointError {
    /// A checkpoint of the model does not fit half of the region.
    Region {
        /// Bytes of one checkpoint.
        needed: u32,
        /// Bytes of one slot, whole pages.
        available: u32,
    },
    /// The flash answered with an error, or the region does not lie in it as it must.
    Flash(NorFlashErrorKind),
    /// What was written does not read back: the flash is worn out or protected.
    NotStored,
    /// Neither slot has a checkpoint of the run.
    Refused([Refusal; 2]),
    /// The only checkpoint changed while it was copied. The weights are 0 and no step is done: draw them anew.
    Unstable,
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Region { needed, available } => {
                write!(f, "a checkpoint takes {needed} bytes, and a slot of the flash region has {available}")
            }
            Self::Flash(kind) => write!(f, "the flash refused: {kind}"),
            Self::NotStored => f.write_str("the checkpoint does not read back as it was written"),
            Self::Refused([first, second]) => write!(f, "no checkpoint of this run: slot 0: {first}; slot 1: {second}"),
            Self::Unstable => {
                f.write_str("the only checkpoint reads differently twice; the weights must be drawn anew")
            }
        }
    }
}

impl core::error::Error for CheckpointError {}
