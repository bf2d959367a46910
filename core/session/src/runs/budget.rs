//! How a board's RAM is divided: the model, the session, and the samples held beside them.

use mote_core::shape::Shape;

/// Bytes of a board's budget that a session leaves for itself.
pub const SESSION_BYTES: usize = 2048;

/// Most samples that a session holds in RAM.
pub const HELD_MAX: usize = 1000;

/// Bytes that a session takes with so many samples held beside the model, or `None` if they do not fit a `usize`.
pub const fn session_bytes(shape: &Shape, samples: usize) -> Option<usize> {
    let Some(model) = shape.bytes() else { return None };
    let Some(sample) = shape.sample_bytes() else { return None };
    let Some(held) = sample.checked_mul(samples) else { return None };
    let Some(sum) = model.checked_add(held) else { return None };
    sum.checked_add(SESSION_BYTES)
}

/// Samples that a session holds beside the model in so many bytes, at most [`HELD_MAX`].
pub const fn samples_held(shape: &Shape, bytes: usize) -> usize {
    let (Some(empty), Some(sample)) = (session_bytes(shape, 0), shape.sample_bytes()) else { return 0 };
    let samples = bytes.saturating_sub(empty) / sample;
    if samples < HELD_MAX { samples } else { HELD_MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_samples_are_held_as_fit() {
        let shape = Shape::new(4, 32, 4, 4);
        let (empty, sample) = (session_bytes(&shape, 0).unwrap(), shape.sample_bytes().unwrap());
        assert_eq!(sample, size_of::<[f32; 4 * 32 + 1]>());
        assert_eq!(empty, size_of::<mote_core::memory::Fixed<4, 32, 4, 4>>() + SESSION_BYTES);
        for samples in [1, 2, 7, HELD_MAX] {
            assert_eq!(session_bytes(&shape, samples), Some(empty + samples * sample));
            assert_eq!(samples_held(&shape, empty + samples * sample), samples);
            assert_eq!(samples_held(&shape, empty + samples * sample - 1), samples - 1);
        }
        assert_eq!((samples_held(&shape, empty - 1), samples_held(&shape, usize::MAX)), (0, HELD_MAX));
    }

    #[test]
    fn what_overflows_holds_no_sample() {
        assert_eq!(session_bytes(&Shape::new(1, 1, 1, 1), usize::MAX), None);
        assert_eq!(samples_held(&Shape::new(4, usize::MAX / 2, 8, 8), usize::MAX), 0);
    }
}
