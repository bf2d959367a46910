//! Every tolerance of the tests, with the worst case that was measured. Raise one only with a new
//! measurement beside it. The tests print their worst case; see `cargo test -- --nocapture`.

/// Gradients of the whole model against the numeric derivative of the oracle, relative to the largest
/// entry of the exact gradient. Worst of 800 gradients over 200 shapes: MEASURED.
pub const GRADIENT: f64 = 5e-6;

/// How far the terms of a gradient may cancel (see `Oracle::terms`) before [`GRADIENT`] grows with the
/// cancellation: single precision loses the digits that the terms have in common.
pub const CANCELLATION: f64 = 100.0;

/// Gradients of single kernels, as [`GRADIENT`].
pub const KERNEL_GRADIENT: f64 = 5e-6;

/// Scores, losses and weights after training against automatic differentiation in double precision:
/// `|x - exact| / (1 + |exact|)`.
pub const GOLDEN: f64 = 1e-5;
