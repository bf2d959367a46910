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
//! lies partly in that span, as fresh Gaussians, and partly outside, as a Bartlett factor with the degrees that are left.
//!
//! Exact in distribution for Gaussian initial weights; the recipe's uniform ones have the same variance and, in this
//! basis, sums of `D` of them. Residuals of different test samples are drawn independently, which leaves every mean
//! unchanged.

use super::cell::{Place, Run, Scores};
use super::product::{self, Real, View};
use super::recipe::Recipe;
use super::span::{Attention, Layout, Rates, Span};
use mote_core::rng::{Purpose, Stream};
use rand_distr::{ChiSquared, Distribution};

/// Test samples whose tokens meet the weights in one product.
const BATCH: usize = 10;

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
    rank: usize,
    /// The tokens in the basis, `(T, 2 + R)`.
    tokens: Vec<T>,
    /// Columns of queries and keys: `H`, or fewer.
    head: usize,
    /// `W_Q`, `W_K` at the start, `(2 + R, head)`.
    w_q: Vec<T>,
    w_k: Vec<T>,
    /// `W_V w_O` at the start, `(2 + R)`.
    z: Vec<T>,
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

fn normals<T: Real>(count: usize, std: f64, stream: &mut Stream) -> Vec<T> {
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

/// The weights of a trained run in the basis.
struct Trained<T> {
    w_q: Vec<T>,
    w_k: Vec<T>,
    z: Vec<T>,
}

/// Queries, keys and values of the noise tokens of one test sample: what lies in the basis.
struct Noise<'a, T> {
    q: &'a [T],
    k: &'a [T],
    v: &'a [T],
}

impl<T: Real> Basis<T> {
    /// Scores of fresh test samples with the given labels.
    pub fn test(&self, recipe: &Recipe, span: &Span<T>, labels: &[f32], stream: &mut Stream) -> Scores {
        let (head, width, noise) = (self.head, 2 + self.rank, recipe.tokens - 1);
        let trained = self.trained(span);
        let mut sample = Attention::new(recipe.tokens, head + self.columns_outside(recipe));
        let mut scores = Scores::default();
        for labels in labels.chunks(BATCH) {
            let rows = labels.len() * noise;
            let u = self.noise_tokens(recipe, rows, stream);
            let u = View::new(&u, rows, width);
            let q = product::of(u, View::new(&trained.w_q, width, head));
            let k = product::of(u, View::new(&trained.w_k, width, head));
            let v = product::of(u, View::new(&trained.z, width, 1));
            let parts = q.chunks_exact(noise * head).zip(k.chunks_exact(noise * head)).zip(v.chunks_exact(noise));
            for (y, ((q, k), v)) in labels.iter().zip(parts) {
                self.fill(&mut sample, recipe, span, usize::from(*y < 0.0), &Noise { q, k, v }, stream);
                let f = sample.forward();
                scores.add(f.to_f64() as f32, *y, sample.on_signal().to_f64() as f32);
            }
        }
        scores
    }

    /// `W(t) = W(0) - tokens^T moved`.
    fn trained(&self, span: &Span<T>) -> Trained<T> {
        let width = 2 + self.rank;
        let stored = self.tokens.len() / width;
        let back = View::new(&self.tokens, stored, width).transposed();
        let moved = |start: &[T], moved: &[T], cols: usize| {
            let mut now = start.to_vec();
            product::add(&mut now, T::of(-1.0), back, View::new(moved, stored, cols));
            now
        };
        Trained {
            w_q: moved(&self.w_q, &span.moved_q, self.head),
            w_k: moved(&self.w_k, &span.moved_k, self.head),
            z: moved(&self.z, &span.moved_v, 1),
        }
    }

    /// Fresh noise tokens of whole samples, as far as they lie in the basis: `(rows, 2 + R)`.
    fn noise_tokens(&self, recipe: &Recipe, rows: usize, stream: &mut Stream) -> Vec<T> {
        let width = 2 + self.rank;
        let mut u = vec![T::of(0.0); rows * width];
        for (i, row) in u.chunks_exact_mut(width).enumerate() {
            let (std, along) = recipe.noise_token(1 + i % (recipe.tokens - 1));
            row[..2].fill_with(|| T::of(std * along) * T::from(stream.normal()));
            row[2..].fill_with(|| T::of(std) * T::from(stream.normal()));
        }
        u
    }

    /// Columns that the residuals of one test sample may need beyond [`Basis::head`]: two a residual, one for what it
    /// adds to its query and one for its key.
    fn columns_outside(&self, recipe: &Recipe) -> usize {
        let residuals = ((recipe.tokens - 1) as u64).min(recipe.dim - 2 - self.rank as u64) as usize;
        (2 * residuals).min(recipe.head - self.head)
    }

    /// Queries, keys and values of one test sample: its signal, its noise in the basis, and the residuals.
    fn fill(
        &self,
        sample: &mut Attention<T>,
        recipe: &Recipe,
        span: &Span<T>,
        signal: usize,
        inside: &Noise<T>,
        stream: &mut Stream,
    ) {
        let (head, noise) = (self.head, recipe.tokens - 1);
        let wide = head + self.columns_outside(recipe);
        let (mut residual, cols) = bartlett::<T>(noise, recipe.dim - 2 - self.rank as u64, stream);
        for (i, row) in residual.chunks_exact_mut(cols.max(1)).enumerate() {
            let (std, _) = recipe.noise_token(1 + i);
            row.iter_mut().for_each(|x| *x *= T::of(std));
        }
        let stds = recipe.draw_weights_std();
        let outside = (recipe.head - head) as u64;
        let (outside, _) = if wide > head { bartlett::<T>(2 * cols, outside, stream) } else { (Vec::new(), 0) };
        for (to, of_signal, inside, outside) in [
            (&mut sample.q, &span.q, inside.q, &outside[..outside.len() / 2]),
            (&mut sample.k, &span.k, inside.k, &outside[outside.len() / 2..]),
        ] {
            let mut noise_part = inside.to_vec();
            let fresh = normals(cols * head, stds.query_key_std, stream);
            let residual = View::new(&residual, noise, cols);
            product::add(&mut noise_part, T::of(1.0), residual, View::new(&fresh, cols, head));
            let mut beyond = vec![T::of(0.0); noise * (wide - head)];
            product::add(&mut beyond, T::of(stds.query_key_std), residual, View::new(outside, cols, wide - head));
            to.fill(T::of(0.0));
            to[..head].copy_from_slice(&of_signal[signal * head..(signal + 1) * head]);
            for (m, row) in to.chunks_exact_mut(wide).skip(1).enumerate() {
                row[..head].copy_from_slice(&noise_part[m * head..(m + 1) * head]);
                row[head..].copy_from_slice(&beyond[m * (wide - head)..(m + 1) * (wide - head)]);
            }
        }
        sample.v[0] = span.v[signal];
        sample.v[1..].copy_from_slice(inside.v);
        let fresh = normals(cols, stds.value_std * self.output_norm2.sqrt(), stream);
        product::add(&mut sample.v[1..], T::of(1.0), View::new(&residual, noise, cols), View::new(&fresh, cols, 1));
    }
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
        Ok(self.basis.test(&self.recipe, &self.span, &labels, &mut stream))
    }
}
