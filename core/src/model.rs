//! The model on one sample, forward and backward: (J), section 3.
//!
//! `f(X) = (1/M) sum_l sum_j softmax_j(Q_l · K_j) (X W_V w_O)_j` with `Q = X W_Q`, `K = X W_K`.

use crate::kernels::attention::{attention_backward, attention_forward, token_attention};
use crate::kernels::matmul::{matmul, matmul_transposed_add};
use crate::memory::Acts;
use crate::params::{Grads, Params};

/// `z = W_V w_O`, which all samples share until the weights move.
///
/// | tensor | shape | |
/// |---|---|---|
/// | `acts.z` | `(D, 1)` | written |
/// | `w_v`, `w_o` | `(D, V)`, `(V, 1)` | read |
#[inline]
pub fn value_direction(acts: &mut Acts, params: &Params) {
    matmul(acts.z.reborrow(), params.w_v.view(), params.w_o.view());
}

/// The score `f` of the sample in `acts.x`.
///
/// | tensor | shape | |
/// |---|---|---|
/// | `acts.q`, `k`, `v`, `p`, `mixed` | as named there | written; kept for the backward |
/// | `acts.x`, `acts.z` | `(M, D)`, `(D, 1)` | read |
/// | `w_q`, `w_k` | `(D, H)` | read |
#[inline]
pub fn forward(acts: &mut Acts, params: &Params) -> f32 {
    // 1. projections
    matmul(acts.q.reborrow(), acts.x.view(), params.w_q.view());
    matmul(acts.k.reborrow(), acts.x.view(), params.w_k.view());

    // 2. values
    matmul(acts.v.reborrow(), acts.x.view(), acts.z.view());

    // 3. attention
    attention_forward(acts.p.reborrow(), acts.mixed.data(), acts.q.view(), acts.k.view(), acts.v.view().data())
}

/// Adds the gradients of one sample for the gradient `g` on its score, after [`forward`].
///
/// | tensor | shape | |
/// |---|---|---|
/// | `d_w_q`, `d_w_k` | `(D, H)` | added, times `M` |
/// | `d_z` | `(D, 1)` | added |
/// | `acts.d_logits`, `d_q`, `d_k`, `a`, `v` | as named there | written; `v` is spent |
/// | `acts.x`, `q`, `k`, `p`, `mixed` | as named there | read |
#[inline]
pub fn backward(grads: &mut Grads, acts: &mut Acts, g: f32) {
    // 3. through the attention
    attention_backward(
        acts.d_logits.reborrow(),
        acts.d_q.reborrow(),
        acts.d_k.reborrow(),
        g,
        acts.p.view(),
        acts.mixed.view().data(),
        acts.q.view(),
        acts.k.view(),
        acts.v.view().data(),
    );

    // 2. through the values: the gradient on v_j is g times the attention on token j
    token_attention(acts.a.data(), acts.p.view());
    for (d_v, a) in acts.v.data().iter_mut().zip(acts.a.view().data()) {
        *d_v = g * a;
    }
    matmul_transposed_add(grads.d_z.reborrow(), acts.x.view(), acts.v.view());

    // 1. through the projections
    matmul_transposed_add(grads.d_w_q.reborrow(), acts.x.view(), acts.d_q.view());
    matmul_transposed_add(grads.d_w_k.reborrow(), acts.x.view(), acts.d_k.view());
}
