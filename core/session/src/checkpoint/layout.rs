//! The words of a slot: how many there are, and what those of the head mean.

use super::error::Refusal;
use super::run_id::RunId;
use super::saved::Saved;
use mote_core::params::Tensor;
use mote_core::shape::Shape;
use mote_core::train::StepReport;

/// Version of the format, refused if it differs. The first three words and the head's checksum keep their places.
pub const FORMAT: u32 = 1;

/// Words in a block: what is read and written at once.
pub(super) const BLOCK_WORDS: usize = 16;

/// Bytes in a block.
pub(super) const BLOCK_BYTES: usize = BLOCK_WORDS * size_of::<u32>();

/// Bytes of one of the two seals: a multiple of the write unit of every flash that is served.
pub(super) const SEAL_BYTES: usize = BLOCK_BYTES / 2;

/// What a checkpoint begins with.
const MARK: [u32; 2] = [u32::from_le_bytes(*b"mote"), u32::from_le_bytes(*b"CKPT")];

/// Numbers in the weights of a model, or `None` if they do not fit a `usize`.
pub(super) const fn weights(shape: Shape) -> Option<usize> {
    let mut sum = 0usize;
    let mut i = 0;
    while i < Tensor::ALL.len() {
        let (rows, cols) = Tensor::ALL[i].size(shape);
        let Some(count) = rows.checked_mul(cols) else { return None };
        let Some(next) = sum.checked_add(count) else { return None };
        sum = next;
        i += 1;
    }
    Some(sum)
}

/// Bytes of one checkpoint of a model of `shape`, head and seals included; `None` if they do not fit a `usize`.
pub const fn slot_bytes(shape: Shape) -> Option<usize> {
    let Some(weights) = weights(shape) else { return None };
    let Some(words) = weights.checked_add(1) else { return None }; // the checksum
    let Some(words) = words.checked_next_multiple_of(BLOCK_WORDS) else { return None };
    let Some(words) = words.checked_add(2 * BLOCK_WORDS) else { return None }; // head and seals
    words.checked_mul(size_of::<u32>())
}

/// Bytes of flash that the two slots of a model of `shape` take, in whole pages of `page_bytes`; `None` if they do not
/// fit a `usize`.
pub const fn region_bytes(shape: Shape, page_bytes: usize) -> Option<usize> {
    let Some(bytes) = slot_bytes(shape) else { return None };
    let Some(bytes) = bytes.checked_next_multiple_of(page_bytes) else { return None };
    bytes.checked_mul(2)
}

/// The checkpoint, if it belongs to the model and the run.
pub(super) fn fits(saved: Saved, shape: Shape, run: RunId) -> Result<Saved, Refusal> {
    let letters = ['M', 'D', 'H', 'V'];
    for ((letter, expected), found) in letters.into_iter().zip(sizes(shape)).zip(sizes(saved.shape)) {
        if expected != found {
            return Err(Refusal::Shape { letter, expected, found });
        }
    }
    if saved.run.seed != run.seed {
        return Err(Refusal::Seed { expected: run.seed, found: saved.run.seed });
    }
    if saved.run.settings != run.settings {
        return Err(Refusal::Settings { expected: run.settings, found: saved.run.settings });
    }
    Ok(saved)
}

/// The words of the head before its checksum.
pub(super) type Head = [u32; BLOCK_WORDS - 1];

/// The head of a checkpoint.
pub(super) fn encode(saved: &Saved) -> Head {
    let [tokens, dim, head, value] = sizes(saved.shape);
    let (low, high) = (saved.run.seed as u32, (saved.run.seed >> 32) as u32);
    let (step, loss) = saved.last.map_or((0, 0), |last| (last.step, last.train_loss.to_bits()));
    let [mark_0, mark_1] = MARK;
    let settings = saved.run.settings;
    [mark_0, mark_1, FORMAT, saved.sequence, tokens, dim, head, value, low, high, settings, step, loss, saved.data, 0]
}

/// The checkpoint that a head announces, its checksum found right.
pub(super) fn decode(words: &Head) -> Result<Saved, Refusal> {
    let [mark_0, mark_1, found, sequence, tokens, dim, head, value, low, high, settings, step, loss, data, _] = *words;
    if [mark_0, mark_1] != MARK {
        return Err(Refusal::Mark);
    }
    if found != FORMAT {
        return Err(Refusal::Version { expected: FORMAT, found });
    }
    Ok(Saved {
        sequence,
        shape: Shape::new(tokens as usize, dim as usize, head as usize, value as usize),
        run: RunId { seed: u64::from(high) << 32 | u64::from(low), settings },
        last: (step > 0).then_some(StepReport { step, train_loss: f32::from_bits(loss) }),
        data,
        seals: 0,
    })
}

/// `M D H V`. A shape whose weights fit a flash has no size beyond 32 bits; nor has `M`, whose square is in memory.
fn sizes(shape: Shape) -> [u32; 4] {
    [shape.tokens, shape.dim, shape.head, shape.value].map(|size| size as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_format() {
        // 15 numbers and the checksum fill the one block between head and seals; one number more takes another.
        assert_eq!(weights(Shape::new(9, 2, 3, 1)), Some(15));
        assert_eq!(slot_bytes(Shape::new(9, 2, 3, 1)), Some(3 * 64));
        assert_eq!(weights(Shape::new(9, 3, 2, 1)), Some(16));
        assert_eq!(slot_bytes(Shape::new(9, 3, 2, 1)), Some(4 * 64));
        assert_eq!(weights(Shape::new(4, 32, 4, 4)), Some(388));
        assert_eq!(slot_bytes(Shape::new(4, 32, 4, 4)), Some(64 + 1600 + 64));
        assert_eq!(region_bytes(Shape::new(4, 32, 4, 4), 1024), Some(4096));
        assert_eq!(region_bytes(Shape::new(4, usize::MAX / 2, 4, 4), 1024), None);
        assert_eq!(region_bytes(Shape::new(1, 1, 1, usize::MAX / 4), 1024), None);
    }
}
