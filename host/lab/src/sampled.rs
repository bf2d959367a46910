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
//! ([`crate::test_loss`]).
//!
//! Exact in distribution for Gaussian initial weights; the recipe's uniform ones have the same variance and, in this
//! basis, sums of `D` of them. Residuals of different test samples are drawn independently, which leaves every mean
//! unchanged: of test loss, of 0-1 test error, and whatever follows from these means (crossings, exponent, constant). What is
//! not linear in the test loss of one cell may change: its standard deviation, and the counts of cells on one side of the
//! cut (agreement, best constant).

use crate::basis::{Basis, Width, bartlett, normals, projections};
use crate::control::Control;
use crate::error::Error;
use crate::outcome::{Run, Scores, Tracked};
use crate::place::GridPoint;
use crate::product::{self, Real, View};
use crate::recipe::Recipe;
use crate::test_loss;
use crate::token_space::{Layout, Rates, Span};
use mote_core::rng::{Purpose, Stream};

/// The classes of a training set, and its labels: each flipped with the chance `flip`, by a stream of their own, so that
/// whatever else is drawn is the same with label noise and without.
fn labelled(recipe: &Recipe, place: &GridPoint, seed: u64, stream: &mut Stream) -> (Vec<f32>, Vec<f32>) {
    let classes = recipe.labels(place.samples, stream);
    let mut noise = Stream::new(seed, Purpose::Train, 1, 0);
    let labels = classes.iter().map(|y| if noise.coin(place.flip() as f32) { -y } else { *y }).collect();
    (classes, labels)
}

/// Draws the training set and the initial weights of a cell, for samples of these classes with these labels.
pub fn draw<T: Real>(
    recipe: &Recipe,
    (classes, labels): (Vec<f32>, Vec<f32>),
    signal_norm: f64,
    columns: Width,
    stream: &mut Stream,
) -> (Span<T>, Basis<T>) {
    let layout = Layout::signal_and_noise(&classes, recipe.tokens);
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
    pub fn new(recipe: &Recipe, place: &GridPoint, seed: u64, columns: Width) -> Self {
        let mut stream = Stream::new(seed, Purpose::Train, 0, 0);
        let labels = labelled(recipe, place, seed, &mut stream);
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
    fn step(&mut self) -> Result<Option<f64>, Error> {
        Ok(Some(self.span.step(self.rates)).filter(|loss| loss.is_finite()))
    }

    fn test(&mut self, control: Control) -> Result<Scores, Error> {
        let mut stream = Stream::new(self.seed, Purpose::Test, 0, 0);
        let labels = self.recipe.labels(self.recipe.test_samples, &mut stream);
        test_loss::test(&self.basis, &self.recipe, &self.span, &labels, &mut stream, control)
    }

    fn example(&mut self) -> Result<Option<usize>, Error> {
        Ok(self.span.example())
    }

    fn track(&mut self, n: usize) -> Result<Tracked, Error> {
        Ok(self.span.track(n))
    }
}
