//! A whole checkpoint, and which of two is the better one.

use super::run_id::RunId;
use mote_core::shape::Shape;
use mote_core::train::StepReport;

/// A whole checkpoint, as it stands in a slot.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Saved {
    /// Counts the saves.
    pub sequence: u32,
    /// Sizes of the model.
    pub shape: Shape,
    /// The run it belongs to.
    pub run: RunId,
    /// The last step before the save.
    pub last: Option<StepReport>,
    /// Digest of the training set that its loss is of, where a session saved it; else 0.
    pub data: u32,
    /// How many of its two seals are seen: 2 after a save that was finished.
    pub seals: u8,
}

impl Saved {
    /// More seals before fewer; of two with one seal each the older, else the newer. Sequence numbers may wrap.
    pub(super) fn is_better_than(&self, other: &Self) -> bool {
        let is_newer = self.sequence.wrapping_sub(other.sequence).cast_signed() > 0;
        if self.seals == other.seals { is_newer == (self.seals != 1) } else { self.seals > other.seals }
    }
}
