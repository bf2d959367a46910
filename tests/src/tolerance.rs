//! Every tolerance of the tests, with the worst case that was measured. Raise one only with a new
//! measurement beside it. The tests print their worst case; see `cargo test -- --nocapture`.

/// Gradients of the whole model against the numeric derivative of the oracle, relative to the largest
/// entry of the exact gradient. Worst of the 636 gradients, over 200 shapes, whose terms do not cancel:
/// W_Q 8.2e-7, W_K 7.6e-7, W_V 5.9e-7, w_O 2.4e-6.
pub const GRADIENT: f64 = 5e-6;

/// How far the terms of a gradient may cancel (see `Oracle::terms`) before the error is measured against the terms
/// instead of the result: single precision loses the digits that the terms have in common. 68 of 704 gradients.
pub const CANCELLATION: f64 = 60.0;

/// Gradients of single kernels, as [`GRADIENT`]. Worst: attention 2.8e-6, softmax 3.4e-6, loss 1.3e-7.
pub const KERNEL_GRADIENT: f64 = 5e-6;

/// Scores, losses and weights after training against automatic differentiation in double precision:
/// `|x - exact| / (1 + |exact|)`. Worst: scores 2.5e-7, curve 6.2e-8, weights 2.9e-7.
pub const GOLDEN: f64 = 1e-5;
