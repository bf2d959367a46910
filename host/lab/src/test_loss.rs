//! Fresh test samples for a run of the sampler.
//!
//! A test token is a part in the basis, which meets the trained weights, and a residual outside, which meets the initial
//! ones in fresh Gaussians. Of one test sample, only inner products of its `M` queries and `M` keys matter. So these
//! `2M` rows are written in an orthonormal basis of their own span before the residuals come in: a residual then adds
//! `2M` Gaussians to a query and to a key, not `H` of them, and beyond that span a Bartlett factor with the degrees of
//! freedom that `H` leaves.

use crate::basis::{Basis, bartlett, normals};
use crate::control::Control;
use crate::error::Error;
use crate::outcome::Scores;
use crate::product::{self, Real, View, rows};
use crate::recipe::Recipe;
use crate::token_space::{Attention, Span};
use mote_core::rng::Stream;

/// Test samples whose tokens meet the weights in one product.
const BATCH: usize = 10;

/// Scores of fresh test samples with the given labels.
///
/// # Errors
///
/// [`Error::Stopped`].
pub fn test<T: Real>(
    basis: &Basis<T>,
    recipe: &Recipe,
    span: &Span<T>,
    labels: &[f32],
    stream: &mut Stream,
    control: Control,
) -> Result<Scores, Error> {
    let (head, width, noise) = (basis.head, 2 + basis.rank, recipe.tokens - 1);
    let fresh = Fresh::new(basis, recipe);
    let [w_q, w_k, z] = trained(basis, span);
    let mut sample = Attention::new(recipe.tokens, fresh.columns());
    let mut scores = Scores::default();
    for labels in labels.chunks(BATCH) {
        control.check()?;
        let rows = labels.len() * noise;
        let u = fresh.noise_tokens(rows, stream);
        let u = View::new(&u, rows, width);
        let q = product::of(u, View::new(&w_q, width, head));
        let k = product::of(u, View::new(&w_k, width, head));
        let v = product::of(u, View::new(&z, width, 1));
        let parts = q.chunks_exact(noise * head).zip(k.chunks_exact(noise * head)).zip(v.chunks_exact(noise));
        for (y, ((q, k), v)) in labels.iter().zip(parts) {
            let signal = usize::from(*y < 0.0);
            let row = signal * head..(signal + 1) * head;
            let inside = [&span.q[row.clone()], q, &span.k[row], k].concat();
            sample.v[0] = span.v[signal];
            sample.v[1..].copy_from_slice(v);
            fresh.fill(&mut sample, inside, stream);
            let f = sample.forward();
            scores.add(f.to_f64() as f32, *y, sample.on_signal().to_f64() as f32);
        }
    }
    Ok(scores)
}

/// `W(t) = W(0) - tokens^T moved`: queries, keys, values.
fn trained<T: Real>(basis: &Basis<T>, span: &Span<T>) -> [Vec<T>; 3] {
    let width = 2 + basis.rank;
    let stored = basis.tokens.len() / width;
    let back = View::new(&basis.tokens, stored, width).transposed();
    let moved = |start: &[T], moved: &[T], cols: usize| {
        let mut now = start.to_vec();
        product::add(&mut now, T::of(-1.0), back, View::new(moved, stored, cols));
        now
    };
    [
        moved(&basis.w_q, &span.moved_q, basis.head),
        moved(&basis.w_k, &span.moved_k, basis.head),
        moved(&basis.z, &span.moved_v, 1),
    ]
}

/// What fresh samples are drawn from.
struct Fresh<'a> {
    recipe: &'a Recipe,
    /// Directions of the training noise.
    rank: usize,
    /// Columns of queries and keys as they come.
    head: usize,
    /// Directions that residuals can have, `D - 2 - R`.
    degrees: u64,
    query_key_std: f64,
    value_std: f64,
}

impl<'a> Fresh<'a> {
    fn new<T: Real>(basis: &Basis<T>, recipe: &'a Recipe) -> Self {
        let stds = recipe.draw_weights_std();
        Self {
            recipe,
            rank: basis.rank,
            head: basis.head,
            degrees: recipe.dim - 2 - basis.rank as u64,
            query_key_std: stds.query_key_std,
            value_std: stds.value_std * basis.output_norm2.sqrt(),
        }
    }

    /// Columns of the span of one sample's queries and keys.
    fn inside(&self) -> usize {
        self.head.min(2 * self.recipe.tokens)
    }

    /// Columns that its residuals may need beyond: two a residual, one for its query and one for its key.
    fn outside(&self) -> usize {
        let residuals = ((self.recipe.tokens - 1) as u64).min(self.degrees) as usize;
        (2 * residuals).min(self.recipe.head - self.inside())
    }

    fn columns(&self) -> usize {
        self.inside() + self.outside()
    }

    /// Fresh noise tokens of whole samples, as far as they lie in the basis: `(rows, 2 + R)`.
    fn noise_tokens<T: Real>(&self, rows: usize, stream: &mut Stream) -> Vec<T> {
        let width = 2 + self.rank;
        let mut u = vec![T::of(0.0); rows * width];
        for (i, row) in u.chunks_exact_mut(width).enumerate() {
            let (std, along) = self.recipe.noise_token(1 + i % (self.recipe.tokens - 1));
            row[..2].fill_with(|| T::of(std * along) * T::from(stream.normal()));
            row[2..].fill_with(|| T::of(std) * T::from(stream.normal()));
        }
        u
    }

    /// Queries and keys of one test sample, from `inside`, its `M` queries and `M` keys in the basis; and what the
    /// residuals of its noise tokens add to them and to the values.
    fn fill<T: Real>(&self, sample: &mut Attention<T>, inside: Vec<T>, stream: &mut Stream) {
        let (tokens, wide, cols) = (self.recipe.tokens, self.columns(), self.inside());
        let inside = if cols < self.head { product::coordinates(&inside, 2 * tokens) } else { inside };
        let (mut residual, rank) = bartlett::<T>(tokens - 1, self.degrees, stream);
        for (i, row) in residual.chunks_exact_mut(rank.max(1)).enumerate() {
            let (std, _) = self.recipe.noise_token(1 + i);
            row.iter_mut().for_each(|x| *x *= T::of(std));
        }
        let residual = View::new(&residual, tokens - 1, rank);
        // The weights along the residuals: in the span, and beyond it.
        let beyond = wide - cols;
        let left = (self.recipe.head - cols) as u64;
        let (outside, _) = if beyond > 0 { bartlett::<T>(2 * rank, left, stream) } else { (Vec::new(), 0) };
        let (outside_q, outside_k) = outside.split_at(outside.len() / 2);
        let (inside_q, inside_k) = inside.split_at(inside.len() / 2);
        for (to, inside, outside) in [(&mut sample.q, inside_q, outside_q), (&mut sample.k, inside_k, outside_k)] {
            let mut weights = vec![T::of(0.0); rank * wide];
            for (row, outside) in weights.chunks_exact_mut(wide).zip(rows(outside, beyond)) {
                row[..cols].fill_with(|| T::from(stream.normal()));
                row[cols..].copy_from_slice(outside);
            }
            for (to, inside) in to.chunks_exact_mut(wide).zip(inside.chunks_exact(cols)) {
                to[..cols].copy_from_slice(inside);
                to[cols..].fill(T::of(0.0));
            }
            let std = T::of(self.query_key_std);
            product::add(&mut to[wide..], std, residual, View::new(&weights, rank, wide));
        }
        let fresh = normals(rank, self.value_std, stream);
        product::add(&mut sample.v[1..], T::of(1.0), residual, View::new(&fresh, rank, 1));
    }
}
