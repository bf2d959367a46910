//! Softmax of one row, and the way back through it.

use crate::math;

/// `row[j] = exp(row[j] - max) / sum_k exp(row[k] - max)`.
///
/// | tensor | shape | |
/// |---|---|---|
/// | `row` | `(M)` | read as logits, written as probabilities |
///
/// The sum runs from `k = 0` upwards; the division is one reciprocal and a product per entry.
#[inline]
pub fn softmax_forward(row: &mut [f32]) {
    let mut max = f32::NEG_INFINITY;
    for &logit in row.iter() {
        max = math::larger(logit, max);
    }
    let mut sum = 0.0;
    for logit in row.iter_mut() {
        *logit = math::exp(*logit - max);
        sum += *logit;
    }
    let scale = 1.0 / sum;
    for p in row.iter_mut() {
        *p *= scale;
    }
}

/// Gradient on the logits of [`softmax_forward`]: `d_row[j] = g p[j] (v[j] - mean)`.
///
/// For a loss that depends on the row through `mean = sum_j p[j] v[j]` only, with `g` the gradient on
/// that mean. O(M): the probabilities are enough, the logits are not needed.
///
/// | tensor | shape | |
/// |---|---|---|
/// | `d_row` | `(M)` | written |
/// | `p`, `v` | `(M)` | read |
#[inline]
pub fn softmax_backward(d_row: &mut [f32], p: &[f32], v: &[f32], mean: f32, g: f32) {
    for ((d, p), v) in d_row.iter_mut().zip(p).zip(v) {
        *d = g * (p * (v - mean));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_logits_do_not_overflow() {
        let mut row = [1e30, 1e30, -1e30];
        softmax_forward(&mut row);
        assert_eq!(row, [0.5, 0.5, 0.0]);
    }

    #[test]
    fn a_nan_logit_is_not_hidden() {
        let mut row = [0.0, f32::NAN, 1.0];
        softmax_forward(&mut row);
        assert!(row.iter().any(|p| p.is_nan()));
    }
}
