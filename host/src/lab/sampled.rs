//! The dimension-free sampler: a training run drawn directly in a basis of the tokens' span.
//!
//! Tokens are Gaussian, and so are the initial weights, so only inner products matter, and those can be drawn without
//! ever making a vector of `D` numbers. In an orthonormal basis whose first two directions are `e_1` and `e_2` and
//! whose next `R` span the training noise, noise token `i` is its standard deviation times (two normals, row `i` of a
//! Bartlett factor with `D - 2` degrees of freedom). `D` appears only as a degree of freedom: 10^9 costs what 10^3
//! costs. A test token adds a residual outside the span, which meets the initial weights in fresh Gaussians.
//!
//! `H` goes the same way. All queries and keys are, at every step, combinations of the `2 (2 + R)` rows of `W_Q(0)` and
//! `W_K(0)` in that basis. Only inner products of those rows matter, so they too may be written in an orthonormal basis
//! of their own span: one Bartlett factor of both, with `H` degrees of freedom and never more than `2 (2 + R)` columns
//! ([`Width::Reduced`]). That is the sampler without `H`: it keeps queries and keys instead of their products, so no
//! number is squared, and a step is the same code as everywhere. What a test token's residual adds to queries and keys
//! lies partly in that span, as fresh Gaussians, and partly outside, as a Bartlett factor with the degrees that are left
//! ([`super::fresh`]).
//!
//! Exact in distribution for Gaussian initial weights; the recipe's uniform ones have the same variance and, in this
//! basis, sums of `D` of them. Residuals of different test samples are drawn independently, which leaves every mean
//! unchanged: of test loss, of 0-1 test error, and whatever follows from these means (crossings, exponent, constant). What is
//! not linear in the test loss of one cell may change: its standard deviation, and the counts of cells on one side of the
//! cut (agreement, best constant).

use super::cell::{Place, Run, Scores};
use super::fresh;
use super::product::{self, Real, View};
use super::recipe::Recipe;
use super::span::{Layout, Rates, Span};
use mote_core::rng::{Purpose, Stream};
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
fn projections<T: Real>(width: usize, recipe: &Recipe, columns: Width, stream: &mut Stream) -> (Vec<T>, Vec<T>, usize) {
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

/// Draws the training set and the initial weights of a cell.
pub fn draw<T: Real>(
    recipe: &Recipe,
    labels: Vec<f32>,
    signal_norm: f64,
    columns: Width,
    stream: &mut Stream,
) -> (Span<T>, Basis<T>) {
    let layout = Layout::signal_and_noise(&labels, recipe.tokens);
    let (stored, noise) = (layout.stored, layout.stored - 2);
    let (factor, rank) = bartlett::<T>(noise, recipe.dim - 2, stream);
    let width = 2 + rank;
    let mut tokens = vec![T::of(0.0); stored * width];
    tokens[0] = T::of(signal_norm);
    tokens[width + 1] = T::of(signal_norm);
    for (i, row) in tokens.chunks_exact_mut(width).skip(2).enumerate() {
        let (std, along) = recipe.noise_token(1 + i % (recipe.tokens - 1));
        row[..2].fill_with(|| T::of(std * along) * T::from(stream.normal()));
        for (to, from) in row[2..].iter_mut().zip(&factor[i * rank..(i + 1) * rank]) {
            *to = T::of(std) * *from;
        }
    }
    let output_norm2 = recipe.draw_output_norm2(stream);
    let (w_q, w_k, head) = projections(width, recipe, columns, stream);
    let z = normals(width, recipe.draw_weights_std().value_std * output_norm2.sqrt(), stream);
    let c = View::new(&tokens, stored, width);
    let gram = product::of(c, c.transposed());
    let q = product::of(c, View::new(&w_q, width, head));
    let k = product::of(c, View::new(&w_k, width, head));
    let v = product::of(c, View::new(&z, width, 1));
    let span = Span::new(layout, labels, gram, q, k, v);
    (span, Basis { rank, tokens, head, w_q, w_k, z, output_norm2 })
}

/// A run of the sampler.
#[derive(Debug)]
pub struct SampledRun<T> {
    recipe: Recipe,
    span: Span<T>,
    basis: Basis<T>,
    rates: Rates,
    seed: u64,
}

impl<T: Real> SampledRun<T> {
    /// The start of a cell.
    pub fn new(recipe: &Recipe, place: &Place, seed: u64, columns: Width) -> Self {
        let mut stream = Stream::new(seed, Purpose::Train, 0, 0);
        let labels = recipe.labels(place.samples, &mut stream);
        let (span, basis) = draw(recipe, labels, place.signal_norm, columns, &mut stream);
        let rates = Rates::new(recipe.learning_rate, place.samples, recipe.tokens, basis.output_norm2);
        Self { recipe: *recipe, span, basis, rates, seed }
    }

    /// The training tokens as they are now.
    pub fn span(&self) -> &Span<T> {
        &self.span
    }
}

impl<T: Real> Run for SampledRun<T> {
    fn step(&mut self) -> anyhow::Result<Option<f64>> {
        Ok(Some(self.span.step(self.rates)).filter(|loss| loss.is_finite()))
    }

    fn test(&mut self) -> anyhow::Result<Scores> {
        let mut stream = Stream::new(self.seed, Purpose::Test, 0, 0);
        let labels = self.recipe.labels(self.recipe.test_samples, &mut stream);
        Ok(fresh::test(&self.basis, &self.recipe, &self.span, &labels, &mut stream))
    }
}
