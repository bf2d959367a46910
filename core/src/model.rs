//! The model on one sample, forward and backward: (J), section 3.
//!
//! `f(X) = (1/M) sum_l sum_j softmax_j(Q_l · K_j) (X W_V w_O)_j` with `Q = X W_Q`, `K = X W_K`.

use crate::data::{DataError, Dataset, Label};
use crate::error::TrainError;
use crate::kernels::attention::{attention_backward, attention_forward, token_attention};
use crate::kernels::matmul::{matmul, matmul_transposed_add};
use crate::matrix::MatrixMut;
use crate::memory::{Acts, Memory, Workspace};
use crate::metrics::{Evaluation, ScoreSums, Tracked};
use crate::params::{Grads, Params};
use crate::shape::Shape;

/// A model with the weights in a [`Memory`]: scores samples and tests itself. It learns in a
/// [`Trainer`](crate::train::Trainer).
#[derive(Debug)]
pub struct Model<'m, S: Memory> {
    memory: &'m mut S,
}

impl<'m, S: Memory> Model<'m, S> {
    /// The model with the weights that `memory` holds.
    pub fn new(memory: &'m mut S) -> Self {
        Self { memory }
    }

    /// Its sizes.
    pub fn shape(&self) -> Shape {
        self.memory.shape()
    }

    /// The weights.
    pub fn params(&mut self) -> Params<'_> {
        self.memory.workspace().params
    }

    /// Loss, 0-1 error and attention over `data`, without learning from it.
    ///
    /// # Errors
    ///
    /// [`TrainError::Data`] or [`TrainError::LossNotFinite`].
    pub fn evaluate(&mut self, data: &mut impl Dataset) -> Result<Evaluation, TrainError> {
        let mut scores = ScoreSums::default();
        self.for_each_score(data, |y, f, a| scores.add(y, f, a))?;
        scores.evaluation().ok_or(TrainError::LossNotFinite)
    }

    /// Calls `visit` with label sign, score `f` and attention on the signal token of every sample.
    ///
    /// # Errors
    ///
    /// [`TrainError::Data`].
    pub fn for_each_score(
        &mut self,
        data: &mut impl Dataset,
        mut visit: impl FnMut(f32, f32, f32),
    ) -> Result<(), TrainError> {
        check(self.memory.shape(), data)?;
        for n in 0..data.samples() {
            let (y, f, a) = self.score_sample(n == 0, |x| data.read(n, x))?;
            visit(y, f, a);
        }
        Ok(())
    }

    /// Label sign, score and attention on the signal token of one sample, read as in
    /// [`Trainer::gradient_sample`](crate::train::Trainer::gradient_sample). The first sample after a change of the
    /// weights must say so.
    ///
    /// # Errors
    ///
    /// What `read` answers.
    #[inline]
    pub fn score_sample(
        &mut self,
        first: bool,
        read: impl FnOnce(MatrixMut) -> Result<Label, DataError>,
    ) -> Result<(f32, f32, f32), DataError> {
        let Workspace { params, mut acts, .. } = self.memory.workspace();
        if first {
            value_direction(&mut acts, &params);
        }
        let y = read(acts.x.reborrow())?.sign();
        let f = forward(&mut acts, &params);
        token_attention(acts.a.data(), acts.p.view());
        Ok((y, f, acts.a.view().data().first().copied().unwrap_or_default()))
    }

    /// The quantities of the paper's dynamics on sample `n` of `data`.
    ///
    /// # Errors
    ///
    /// [`TrainError::Data`].
    pub fn track(&mut self, data: &mut impl Dataset, n: usize) -> Result<Tracked, TrainError> {
        check(self.memory.shape(), data)?;
        Ok(self.track_sample(|x| data.read(n, x))?)
    }

    /// The quantities of the paper's dynamics on one sample, read as in
    /// [`Trainer::gradient_sample`](crate::train::Trainer::gradient_sample).
    ///
    /// # Errors
    ///
    /// What `read` answers.
    #[inline]
    pub fn track_sample(
        &mut self,
        read: impl FnOnce(MatrixMut) -> Result<Label, DataError>,
    ) -> Result<Tracked, DataError> {
        self.score_sample(true, read)?;
        Ok(Tracked::read(&self.memory.workspace().acts))
    }
}

/// Whether the samples of `data` are there and have the shape of the model.
pub(crate) fn check(shape: Shape, data: &impl Dataset) -> Result<(), DataError> {
    if data.samples() == 0 {
        return Err(DataError::Empty);
    }
    if data.sample_shape() != (shape.tokens, shape.dim) {
        return Err(DataError::Shape);
    }
    Ok(())
}

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
