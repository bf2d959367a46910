//! The span of the training tokens, drawn directly: a Bartlett factor and Gaussians.

use crate::product::Real;
use crate::recipe::Recipe;
use mote_core::rng::Stream;
use rand_distr::{ChiSquared, Distribution};

/// In how many numbers queries and keys are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// In all `H`.
    Full,
    /// In a basis of the span of `W_Q(0)` and `W_K(0)`, at most `2 (2 + R)`, whatever `H`.
    Reduced,
}

/// The basis and the initial weights in it.
#[derive(Clone, Debug)]
pub struct Basis<T> {
    /// `R`: directions of the training noise.
    pub rank: usize,
    /// The tokens in the basis, `(T, 2 + R)`.
    pub tokens: Vec<T>,
    /// Columns of queries and keys: `H`, or fewer.
    pub head: usize,
    /// `W_Q` at the start, `(2 + R, head)`.
    pub w_q: Vec<T>,
    /// `W_K` at the start, `(2 + R, head)`.
    pub w_k: Vec<T>,
    /// `W_V w_O` at the start, `(2 + R)`.
    pub z: Vec<T>,
    /// `|w_O|^2`.
    pub output_norm2: f64,
}

/// A lower triangular `(rows, cols)` matrix `L` with `L L^T` distributed as the Gram matrix of `rows` standard Gaussian
/// vectors with `degrees` entries; `cols` is `min(rows, degrees)`. Row-major.
pub fn bartlett<T: Real>(rows: usize, degrees: u64, stream: &mut Stream) -> (Vec<T>, usize) {
    let cols = (rows as u64).min(degrees) as usize;
    let mut factor = vec![T::of(0.0); rows * cols];
    for (i, row) in factor.chunks_exact_mut(cols.max(1)).enumerate() {
        let (below, rest) = row.split_at_mut(i.min(cols));
        below.fill_with(|| T::from(stream.normal()));
        if let Some(diagonal) = rest.first_mut() {
            let chi2 = ChiSquared::new((degrees - i as u64) as f64).expect("at least one degree of freedom");
            *diagonal = T::of(chi2.sample(stream).sqrt());
        }
    }
    (factor, cols)
}

/// Normal deviates.
pub fn normals<T: Real>(count: usize, std: f64, stream: &mut Stream) -> Vec<T> {
    let std = T::of(std);
    (0..count).map(|_| std * T::from(stream.normal())).collect()
}

/// `W_Q` and `W_K` at the start in a basis of `width` directions, and their columns.
pub fn projections<T: Real>(
    width: usize,
    recipe: &Recipe,
    columns: Width,
    stream: &mut Stream,
) -> (Vec<T>, Vec<T>, usize) {
    let (head, std) = (recipe.head, recipe.draw_weights_std().query_key_std);
    match columns {
        Width::Reduced if head > 2 * width => {
            let (mut both, cols) = bartlett(2 * width, head as u64, stream);
            both.iter_mut().for_each(|w: &mut T| *w *= T::of(std));
            let w_k = both.split_off(width * cols);
            (both, w_k, cols)
        }
        _ => (normals(width * head, std, stream), normals(width * head, std, stream), head),
    }
}
