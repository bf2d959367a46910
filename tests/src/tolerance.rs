//! Every tolerance of the tests in this folder, with the worst that was measured; no limit is above four times that.
//! Raise one only with a new measurement beside it. The tests print their worst case; see `cargo test -- --nocapture`.
//! The unit tests of `mote-core` keep theirs beside the code, by the same rule: `core/src/math.rs`.

use std::fmt::Display;

/// How large an error may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// The largest error that was measured.
    pub worst: f64,
    /// The largest that passes.
    pub limit: f64,
}

impl Tolerance {
    /// Stops a test whose error is above the limit, or NaN.
    ///
    /// # Panics
    ///
    /// If it is.
    #[track_caller]
    pub fn check(self, error: f64, what: impl Display) {
        assert!(error <= self.limit, "{what}: expected an error of at most {:e}, found {error:e}", self.limit);
    }
}

/// A line of the table.
const fn seen(worst: f64, limit: f64) -> Tolerance {
    assert!(worst <= limit && limit <= 4.0 * worst, "a limit lies between the worst measured and four times that");
    Tolerance { worst, limit }
}

/// Gradients of the whole model (`W_Q`, `W_K`, `W_V`, `w_O`) against the numeric derivative of the oracle, relative to
/// the largest entry of the exact gradient, over 200 shapes.
pub const GRADIENT: [Tolerance; 4] = [seen(8.2e-7, 3e-6), seen(7.6e-7, 3e-6), seen(5.9e-7, 2e-6), seen(2.4e-6, 5e-6)];

/// How far the terms of a gradient may cancel (see `Oracle::terms`) before the error is measured against the terms
/// instead of the result: single precision loses the digits that the terms have in common. 68 of 704 gradients.
pub const CANCELLATION: f64 = 60.0;

/// The same where they cancel, relative to the terms.
pub const GRADIENT_OF_TERMS: Tolerance = seen(3.5e-6, 5e-6);

/// The loss of the whole model against the oracle.
pub const LOSS: Tolerance = seen(1.8e-7, 7e-7);

/// The score of attention alone.
pub const ATTENTION: Tolerance = seen(1.2e-7, 4e-7);

/// Gradients of attention alone, as [`GRADIENT`].
pub const ATTENTION_GRADIENT: Tolerance = seen(2.8e-6, 5e-6);

/// Gradients of softmax alone, as [`GRADIENT`].
pub const SOFTMAX_GRADIENT: Tolerance = seen(3.4e-6, 5e-6);

/// The logistic loss and its derivative, relative.
pub const LOGISTIC: Tolerance = seen(1.3e-7, 5e-7);

/// Scores before and after training against automatic differentiation in double precision: `|x - exact| / (1 +
/// |exact|)`.
pub const GOLDEN_SCORE: Tolerance = seen(2.5e-7, 1e-6);

/// Training losses, likewise.
pub const GOLDEN_CURVE: Tolerance = seen(6.2e-8, 2.4e-7);

/// Weights after training, likewise.
pub const GOLDEN_WEIGHT: Tolerance = seen(2.9e-7, 1e-6);

/// Gradients against automatic differentiation, relative to the largest entry.
pub const GOLDEN_GRADIENT: Tolerance = seen(2.2e-7, 8e-7);

/// Losses of the laboratory's token space against the engine's over 50 steps, relative, for losses above 0.01.
pub const TOKENS_LOSS: Tolerance = seen(2.0e-6, 8e-6);

/// Test scores after them, relative to the largest.
pub const TOKENS_SCORE: Tolerance = seen(4.7e-7, 1.8e-6);

/// Attention on the signal after them.
pub const TOKENS_ATTENTION: Tolerance = seen(9.8e-8, 3.9e-7);

/// Losses of a sampled run in single against double precision, relative.
pub const DOUBLE_LOSS: Tolerance = seen(1.3e-6, 5e-6);

/// Test scores after it, relative to the larger of 1 and the score.
pub const DOUBLE_SCORE: Tolerance = seen(1.8e-7, 7e-7);

/// Variances of Bartlett factors against those of Gaussian Gram matrices, relative; 20,000 draws.
pub const BARTLETT_SPREAD: Tolerance = seen(2.0e-2, 6e-2);

/// Quantities that the laboratory follows against those that the engine tracks: `|x - exact| / (1 + |exact|)`.
pub const TRACKED: Tolerance = seen(1.0e-7, 4e-7);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_above_the_limit_and_a_nan_stop_the_test() {
        LOSS.check(LOSS.limit, "at the limit");
        for error in [1.01 * LOSS.limit, f64::INFINITY, f64::NAN] {
            assert!(std::panic::catch_unwind(|| LOSS.check(error, "beyond")).is_err(), "{error}");
        }
    }
}
