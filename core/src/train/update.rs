//! What one step makes of each weight.

use crate::params::{Grads, Params};

/// Learning rates with the means over samples and tokens folded in.
#[derive(Clone, Copy)]
pub(super) struct Rates {
    /// Of `W_Q` and `W_K`: `lr / (N M)`.
    pub(super) projection: f32,
    /// Of `W_V` and `w_O`: `lr / N`.
    pub(super) value: f32,
}

/// Calls `visit` with every weight and what the step makes of it. `W_V` comes before `w_O`, which its
/// gradient needs as it was.
pub(super) fn for_each_update(
    params: &mut Params,
    grads: &Grads,
    rates: Rates,
    train_output: bool,
    mut visit: impl FnMut(&mut f32, f32),
) {
    let dense = [(params.w_q.data(), grads.d_w_q.view().data()), (params.w_k.data(), grads.d_w_k.view().data())];
    for (weights, grads) in dense {
        for (weight, grad) in weights.iter_mut().zip(grads) {
            let new = *weight - rates.projection * grad;
            visit(weight, new);
        }
    }
    for (row, d_z) in params.w_v.iter_rows_mut().zip(grads.d_z.view().data()) {
        let step = rates.value * d_z;
        for (weight, w_o) in row.iter_mut().zip(params.w_o.view().data()) {
            let new = *weight - step * w_o;
            visit(weight, new);
        }
    }
    if train_output {
        for (weight, grad) in params.w_o.data().iter_mut().zip(grads.d_w_o.view().data()) {
            let new = *weight - rates.value * grad;
            visit(weight, new);
        }
    }
}
