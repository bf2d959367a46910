//! What a model and samples take of a RAM, by the functions that the compiler uses.

use mote_core::shape::{SIZE_MAX, Shape};
use mote_runtime::checkpoint::region_bytes;
use mote_runtime::runs::budget::session_bytes;

/// Bytes for a model and for samples held beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes there are.
    pub bytes: usize,
    /// Samples that must have room too; with any, a session has to.
    pub held: usize,
    /// Bytes of flash that must hold two checkpoints, and bytes of a page; `None`: none are kept.
    pub checkpoints: Option<(usize, usize)>,
}

impl Room {
    /// Bytes that a shape takes of it.
    pub fn takes(&self, shape: &Shape) -> Option<usize> {
        if self.held == 0 { shape.bytes() } else { session_bytes(shape, self.held) }
    }

    /// Whether a shape has room.
    pub fn fits(&self, shape: &Shape) -> bool {
        let fits_flash = |(bytes, page)| region_bytes(*shape, page).is_some_and(|takes| takes <= bytes);
        self.takes(shape).is_some_and(|bytes| bytes <= self.bytes) && self.checkpoints.is_none_or(fits_flash)
    }

    /// The largest `D` up to [`SIZE_MAX`] that has room beside `M`, `H` and `V`, which are at least 1; `None` if none
    /// has.
    pub fn largest_dim(&self, tokens: usize, head: usize, value: usize) -> Option<usize> {
        let fits = |dim| self.fits(&Shape::new(tokens, dim, head, value));
        // Every one of D takes a number at least: so many cannot fit.
        let (mut fitting, mut too_large) = (0, (self.bytes / size_of::<f32>()).min(SIZE_MAX) + 1);
        while too_large - fitting > 1 {
            let middle = fitting + (too_large - fitting) / 2;
            if fits(middle) { fitting = middle } else { too_large = middle }
        }
        (fitting > 0).then_some(fitting)
    }
}
