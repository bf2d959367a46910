//! Softmax attention over the tokens of one sample, pooled by the mean: (J), section 3.
//!
//! One head, no scaling by `sqrt(H)`, no mask. With `w_O` folded in, a token's value is one number
//! `v_j = x_j · z`, `z = W_V w_O`.

use super::matmul::{matmul, matmul_by_transposed, matmul_transposed_add};
use super::softmax::{softmax_backward, softmax_forward};
use crate::matrix::{Matrix, MatrixMut};

/// `p[l] = softmax_j(q_l · k_j)`, `mixed[l] = sum_j p[l][j] v[j]`; returns `(1/M) sum_l mixed[l]`.
///
/// | tensor | shape | |
/// |---|---|---|
/// | `p` | `(M, M)` | written; kept for the backward |
/// | `mixed` | `(M)` | written; kept for the backward |
/// | `q`, `k` | `(M, H)` | read |
/// | `v` | `(M)` | read |
///
/// If the shapes do not fit each other, the results are NaN; so for the backward.
#[inline]
pub fn attention_forward(mut p: MatrixMut, mixed: &mut [f32], q: Matrix, k: Matrix, v: &[f32]) -> f32 {
    if !(mixed.len() == q.rows() && v.len() == k.rows()) {
        return f32::NAN;
    }
    // 1. logits
    matmul_by_transposed(p.reborrow(), q, k);

    // 2. logits -> probabilities
    for row in p.iter_rows_mut() {
        softmax_forward(row);
    }

    // 3. every token mixes the values, then the mean over tokens
    let mut sum = 0.0;
    for (mixed, row) in mixed.iter_mut().zip(p.view().iter_rows()) {
        *mixed = 0.0;
        for (p, v) in row.iter().zip(v) {
            *mixed += p * v;
        }
        sum += *mixed;
    }
    sum / mixed.len() as f32
}

/// Gradients of [`attention_forward`] for the gradient `g` on its result, times `M`.
///
/// With `t[l][j] = g p[l][j] (v[j] - mixed[l])`: `d_q = t · k`, `d_k = tᵀ · q`. The factor `1/M` of
/// the mean is left to the update, where it costs nothing. The gradient on `v` is
/// `g` times [`token_attention`] and needs no kernel.
///
/// | tensor | shape | |
/// |---|---|---|
/// | `t` | `(M, M)` | written |
/// | `d_q`, `d_k` | `(M, H)` | written |
/// | `p` | `(M, M)` | read, as the forward left it |
/// | `mixed`, `v` | `(M)` | read |
/// | `q`, `k` | `(M, H)` | read |
#[inline]
#[allow(clippy::too_many_arguments)] // three results, one seed, five saved values
pub fn attention_backward(
    mut t: MatrixMut,
    mut d_q: MatrixMut,
    mut d_k: MatrixMut,
    g: f32,
    p: Matrix,
    mixed: &[f32],
    q: Matrix,
    k: Matrix,
    v: &[f32],
) {
    if !(mixed.len() == q.rows() && v.len() == k.rows()) {
        d_q.data().fill(f32::NAN);
        return d_k.data().fill(f32::NAN);
    }
    // 3. and 2. through the mean, the mixing and the softmax
    for ((d_row, p_row), mean) in t.iter_rows_mut().zip(p.iter_rows()).zip(mixed) {
        softmax_backward(d_row, p_row, v, *mean, g);
    }

    // 1. through the logits
    matmul(d_q.reborrow(), t.view(), k);
    d_k.data().fill(0.0);
    matmul_transposed_add(d_k, t.view(), q);
}

/// `a[j] = (1/M) sum_l p[l][j]`: how much of the output looks at token `j`.
///
/// | tensor | shape | |
/// |---|---|---|
/// | `a` | `(M)` | written |
/// | `p` | `(M, M)` | read |
#[inline]
pub fn token_attention(a: &mut [f32], p: Matrix) {
    a.fill(0.0);
    for row in p.iter_rows() {
        for (a, p) in a.iter_mut().zip(row) {
            *a += p;
        }
    }
    let scale = 1.0 / a.len() as f32;
    for a in a {
        *a *= scale;
    }
}
