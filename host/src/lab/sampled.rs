//! The dimension-free sampler: a training run drawn directly in a basis of the tokens' span.
//!
//! Tokens are Gaussian, and so are the initial weights, so only inner products matter, and those can be drawn without
//! ever making a vector of `D` numbers. In an orthonormal basis whose first two directions are `e_1` and `e_2` and
//! whose next `R` span the training noise, noise token `i` is its standard deviation times (two normals, row `i` of a
//! Bartlett factor with `D - 2` degrees of freedom). `D` appears only as a degree of freedom: 10^9 costs what 10^3
//! costs. A test token adds a residual outside the span, which meets the initial weights in fresh Gaussians.
//!
//! Exact in distribution for Gaussian initial weights; the recipe's uniform ones have the same variance and, in this
//! basis, sums of `D` of them. Residuals of different test samples are drawn independently, which leaves every mean
//! unchanged.

use super::cell::{Place, Recipe, Run, Scores};
use super::product::{self, View};
use super::span::{Attention, Layout, Rates, Span};
use mote_core::rng::{Purpose, Stream};
use rand_distr::{ChiSquared, Distribution};

/// Test samples whose tokens meet the weights in one product.
const BATCH: usize = 10;

/// The basis and the initial weights in it.
#[derive(Clone, Debug)]
pub struct Basis {
    /// `R`: directions of the training noise.
    rank: usize,
    /// The tokens in the basis, `(T, 2 + R)`.
    tokens: Vec<f32>,
    /// `W_Q`, `W_K` at the start, `(2 + R, H)`.
    w_q: Vec<f32>,
    w_k: Vec<f32>,
    /// `W_V w_O` at the start, `(2 + R)`.
    z: Vec<f32>,
    /// `|w_O|^2`.
    pub output_norm2: f64,
}

/// A lower triangular `(rows, cols)` matrix `L` with `L L^T` distributed as the Gram matrix of `rows` standard Gaussian
/// vectors with `degrees` entries; `cols` is `min(rows, degrees)`. Row-major.
pub fn bartlett(rows: usize, degrees: u64, stream: &mut Stream) -> (Vec<f32>, usize) {
    let cols = (rows as u64).min(degrees) as usize;
    let mut factor = vec![0.0f32; rows * cols];
    for (i, row) in factor.chunks_exact_mut(cols.max(1)).enumerate() {
        let (below, rest) = row.split_at_mut(i.min(cols));
        below.fill_with(|| stream.normal());
        if let Some(diagonal) = rest.first_mut() {
            let chi2 = ChiSquared::new((degrees - i as u64) as f64).expect("at least one degree of freedom");
            *diagonal = chi2.sample(stream).sqrt() as f32;
        }
    }
    (factor, cols)
}

fn normals(count: usize, std: f32, stream: &mut Stream) -> Vec<f32> {
    (0..count).map(|_| std * stream.normal()).collect()
}

/// Draws the training set and the initial weights of a cell.
pub fn draw(recipe: &Recipe, labels: Vec<f32>, signal_norm: f64, stream: &mut Stream) -> (Span, Basis) {
    let layout = Layout::signal_and_noise(&labels, recipe.tokens);
    let (stored, noise, head) = (layout.stored, layout.stored - 2, recipe.head);
    let (factor, rank) = bartlett(noise, recipe.dim - 2, stream);
    let width = 2 + rank;
    let mut tokens = vec![0.0f32; stored * width];
    tokens[0] = signal_norm as f32;
    tokens[width + 1] = signal_norm as f32;
    for (i, row) in tokens.chunks_exact_mut(width).skip(2).enumerate() {
        let (std, along) = recipe.noise_token(1 + i % (recipe.tokens - 1));
        row[0] = std * along * stream.normal();
        row[1] = std * along * stream.normal();
        for (to, from) in row[2..].iter_mut().zip(&factor[i * rank..(i + 1) * rank]) {
            *to = std * from;
        }
    }
    let weights = recipe.draw_weights(stream);
    let w_q = normals(width * head, weights.query_key_std, stream);
    let w_k = normals(width * head, weights.query_key_std, stream);
    let z = normals(width, weights.z_std, stream);
    let c = View::new(&tokens, stored, width);
    let gram = product::of(c, c.transposed());
    let q = product::of(c, View::new(&w_q, width, head));
    let k = product::of(c, View::new(&w_k, width, head));
    let v = product::of(c, View::new(&z, width, 1));
    let span = Span::new(layout, labels, gram, q, k, v);
    (span, Basis { rank, tokens, w_q, w_k, z, output_norm2: weights.output_norm2 })
}

impl Basis {
    /// Scores of fresh test samples with the given labels.
    pub fn test(&self, recipe: &Recipe, span: &Span, labels: &[f32], stream: &mut Stream) -> Scores {
        let (head, width, noise) = (recipe.head, 2 + self.rank, recipe.tokens - 1);
        let stored = self.tokens.len() / width;
        let back = View::new(&self.tokens, stored, width).transposed();
        let mut w_q = self.w_q.clone();
        let mut w_k = self.w_k.clone();
        let mut z = self.z.clone();
        product::add(&mut w_q, -1.0, back, View::new(&span.moved_q, stored, head));
        product::add(&mut w_k, -1.0, back, View::new(&span.moved_k, stored, head));
        product::add(&mut z, -1.0, back, View::new(&span.moved_v, stored, 1));

        let weights = recipe.draw_weights_std();
        let mut sample = Attention::new(recipe.tokens, head);
        let mut scores = Scores::default();
        for labels in labels.chunks(BATCH) {
            let rows = labels.len() * noise;
            let mut u = vec![0.0f32; rows * width];
            for (i, row) in u.chunks_exact_mut(width).enumerate() {
                let (std, along) = recipe.noise_token(1 + i % noise);
                row[0] = std * along * stream.normal();
                row[1] = std * along * stream.normal();
                row[2..].fill_with(|| std * stream.normal());
            }
            let u = View::new(&u, rows, width);
            let mut q = product::of(u, View::new(&w_q, width, head));
            let mut k = product::of(u, View::new(&w_k, width, head));
            let mut v = product::of(u, View::new(&z, width, 1));
            for (n, y) in labels.iter().enumerate() {
                let part = n * noise * head..(n + 1) * noise * head;
                let values = n * noise..(n + 1) * noise;
                let degrees = recipe.dim - 2 - self.rank as u64;
                let (mut residual, cols) = bartlett(noise, degrees, stream);
                if cols > 0 {
                    for (i, row) in residual.chunks_exact_mut(cols).enumerate() {
                        let (std, _) = recipe.noise_token(1 + i);
                        row.iter_mut().for_each(|x| *x *= std);
                    }
                    let residual = View::new(&residual, noise, cols);
                    let z_std = weights.z_scale * (self.output_norm2.sqrt() as f32);
                    for (out, cols_out, std) in [
                        (&mut q[part.clone()], head, weights.query_key_std),
                        (&mut k[part.clone()], head, weights.query_key_std),
                        (&mut v[values.clone()], 1, z_std),
                    ] {
                        let fresh = normals(cols * cols_out, std, stream);
                        product::add(out, 1.0, residual, View::new(&fresh, cols, cols_out));
                    }
                }
                let signal = usize::from(*y < 0.0);
                sample.q[..head].copy_from_slice(&span.q[signal * head..(signal + 1) * head]);
                sample.k[..head].copy_from_slice(&span.k[signal * head..(signal + 1) * head]);
                sample.v[0] = span.v[signal];
                sample.q[head..].copy_from_slice(&q[part.clone()]);
                sample.k[head..].copy_from_slice(&k[part]);
                sample.v[1..].copy_from_slice(&v[values]);
                let f = sample.forward();
                scores.add(f, *y, sample.on_signal());
            }
        }
        scores
    }
}

/// A run of the sampler.
#[derive(Debug)]
pub struct SampledRun {
    recipe: Recipe,
    span: Span,
    basis: Basis,
    rates: Rates,
    seed: u64,
}

impl SampledRun {
    /// The start of a cell.
    pub fn new(recipe: &Recipe, place: &Place, seed: u64) -> Self {
        let mut stream = Stream::new(seed, Purpose::Train, 0, 0);
        let labels = recipe.labels(place.samples, &mut stream);
        let (span, basis) = draw(recipe, labels, place.signal_norm, &mut stream);
        let rates = Rates::new(recipe.learning_rate, place.samples, recipe.tokens, basis.output_norm2);
        Self { recipe: *recipe, span, basis, rates, seed }
    }

    /// The training tokens as they are now.
    pub fn span(&self) -> &Span {
        &self.span
    }
}

impl Run for SampledRun {
    fn step(&mut self) -> anyhow::Result<Option<f64>> {
        let loss = f64::from(self.span.step(self.rates));
        Ok(Some(loss).filter(|loss| loss.is_finite()))
    }

    fn test(&mut self) -> anyhow::Result<Scores> {
        let mut stream = Stream::new(self.seed, Purpose::Test, 0, 0);
        let labels = self.recipe.labels(self.recipe.test_samples, &mut stream);
        Ok(self.basis.test(&self.recipe, &self.span, &labels, &mut stream))
    }
}
