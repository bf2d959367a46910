//! Checkpoints that survive power cuts: two slots on any NOR flash.
//!
//! Training data come back from their seed, so the weights, the number of the last step and its loss are all that a
//! run goes on from. A [`Store`] saves them alternately into two slots and loads the newest whole one; the run then
//! ends with exactly the bits of a run that was never interrupted.
//!
//! # A slot
//!
//! 32-bit words, little-endian, in blocks of 16, written from first to last:
//!
//! | words | |
//! |---|---|
//! | 0, 1 | the mark `moteCKPT` |
//! | 2 | [`FORMAT`] |
//! | 3 | sequence number: 1 more than that of the checkpoint it was saved beside |
//! | 4 to 7 | `M D H V` |
//! | 8, 9 | seed, its low half first |
//! | 10 | [`RunId::settings`] |
//! | 11, 12 | number of the last step, 0 for none, and the bits of its loss |
//! | 13 | digest of the training set, if a session saved it, else 0: a [`RunId`] says it already |
//! | 14 | 0 |
//! | 15 | CRC-32 of words 0 to 14 |
//! | 16 and up | `W_Q`, `W_K`, `W_V`, `w_O`, then 0 up to the last word of a block |
//! | last of that block | CRC-32 of all words before it |
//! | the next block | the seals: 8 words each, erased or 0 |
//!
//! # What a power cut can do
//!
//! The slot being written is never the better one, and it is always erased first, however blank it looks: a page
//! whose erasure was cut short may read as erased and not hold what is written. A cut before the last word leaves a
//! checksum that is wrong. A cut IN the last word may leave bits that read as 0 now and as 1 later, so a
//! checkpoint could be whole today and gone after the other slot was erased. Two seals prevent that, each begun after
//! what lies before it was written out:
//!
//! - A bit of the second seal is 0: the first seal is firm, and will always be seen. Of two such slots the newer is
//!   better.
//! - The first seal is seen, the second is not: the older is better, for the newer one was written beside it and its
//!   seal may yet fade.
//! - No seal is seen: worse than either.
//!
//! So a slot that was once kept for its second seal never falls behind one that could fade, and a save that returned
//! `Ok` is not lost, however often the power fails afterwards.
//!
//! Bits that change between reads cannot fool [`Store::load`] either: it checks a slot in flash before it touches the
//! weights, and checks what it copied once more.
//!
//! # Wear
//!
//! Each page is erased once in two saves: 20,000 erasures, as the nRF51 promises, are 40,000 saves.

mod error;
mod layout;
mod run_id;
mod saved;
mod store;
mod stream;

pub use error::{CheckpointError, Refusal};
pub use layout::{FORMAT, region_bytes, slot_bytes};
pub use run_id::RunId;
pub use saved::Saved;
pub use store::Store;
