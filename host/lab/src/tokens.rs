//! A cell in token space: the tokens and initial weights of the engine, the steps without `D`.
//!
//! Draws what [`crate::weights`] draws, from the same streams, so both spaces compute the same run.

use crate::control::Control;
use crate::error::Error;
use crate::outcome::{Run, Scores, Tracked};
use crate::place::GridPoint;
use crate::product::{self, View};
use crate::recipe::Recipe;
use crate::token_space::{Attention, Layout, Rates, Span};
use crate::weights::{Data, Engine, InitialWeights};
use mote_core::data::Dataset;
use mote_core::matrix::MatrixMut;

/// The training tokens and initial weights of a run, to move test tokens with.
#[derive(Clone, Debug)]
pub struct Explicit {
    dim: usize,
    /// The stored tokens, `(T, D)`.
    tokens: Vec<f32>,
    start: InitialWeights,
}

/// Tokens `(N, M, D)`, labels, and the classes that the samples were made for.
type Samples = (Vec<f32>, Vec<f32>, Vec<f32>);

/// All samples of a data set.
fn read_all(data: &mut Data) -> Result<Samples, Error> {
    let (tokens, dim) = data.sample_shape();
    let mut x = vec![0.0f32; data.samples() * tokens * dim];
    let (mut labels, mut classes) = (Vec::with_capacity(data.samples()), Vec::with_capacity(data.samples()));
    for (n, sample) in x.chunks_exact_mut(tokens * dim).enumerate() {
        let label = data.read(n, MatrixMut::new(sample, tokens, dim))?;
        labels.push(label.sign());
        classes.push(data.class(sample, label).sign());
    }
    Ok((x, labels, classes))
}

impl Explicit {
    /// The state at the start of a run of the engine.
    ///
    /// # Errors
    ///
    /// If the data or the memory for it cannot be had.
    pub fn start(engine: &mut Engine, seed: u64) -> Result<(Span<f32>, Self), Error> {
        let (x, labels, classes) = read_all(&mut engine.train)?;
        let shape = engine.shape;
        let (dim, head) = (shape.dim, shape.head);
        let layout = Layout::signal_and_noise(&classes, shape.tokens);
        let stored = layout.stored;
        let mut tokens = vec![0.0f32; stored * dim];
        for (n, indices) in layout.samples.iter().enumerate() {
            for (m, &token) in indices.iter().enumerate() {
                let from = (n * shape.tokens + m) * dim;
                tokens[token * dim..(token + 1) * dim].copy_from_slice(&x[from..from + dim]);
            }
        }
        // A class without a sample has a signal all the same: test samples carry it.
        tokens[0] = engine.signal_norm;
        tokens[dim + 1] = engine.signal_norm;
        let start = engine.initial_weights(seed)?;
        let c = View::new(&tokens, stored, dim);
        let gram = product::of(c, c.transposed());
        let q = product::of(c, View::new(&start.w_q, dim, head));
        let k = product::of(c, View::new(&start.w_k, dim, head));
        let v = product::of(c, View::new(&start.z, dim, 1));
        Ok((Span::new(layout, labels, gram, q, k, v), Self { dim, tokens, start }))
    }

    /// Scores of a data set.
    ///
    /// # Errors
    ///
    /// If a sample cannot be had, or the work is stopped.
    pub fn test(&self, span: &Span<f32>, data: &mut Data, control: Control) -> Result<Scores, Error> {
        let (tokens, dim) = data.sample_shape();
        let (head, stored) = (span.head(), self.tokens.len() / dim);
        let (x, labels, _) = read_all(data)?;
        let rows = labels.len() * tokens;
        let u = View::new(&x, rows, dim);
        // u W(t) = u W(0) - (u tokens^T) moved
        let along = product::of(u, View::new(&self.tokens, stored, dim).transposed());
        let along = View::new(&along, rows, stored);
        let moved = |start: &[f32], moved: &[f32], cols: usize| {
            let mut out = product::of(u, View::new(start, self.dim, cols));
            product::add(&mut out, -1.0, along, View::new(moved, stored, cols));
            out
        };
        let q = moved(&self.start.w_q, &span.moved_q, head);
        let k = moved(&self.start.w_k, &span.moved_k, head);
        let v = moved(&self.start.z, &span.moved_v, 1);
        let mut sample = Attention::new(tokens, head);
        let mut scores = Scores::default();
        for (n, y) in labels.iter().enumerate() {
            control.check()?;
            let wide = n * tokens * head..(n + 1) * tokens * head;
            sample.q.copy_from_slice(&q[wide.clone()]);
            sample.k.copy_from_slice(&k[wide]);
            sample.v.copy_from_slice(&v[n * tokens..(n + 1) * tokens]);
            let f = sample.forward();
            scores.add(f, *y, sample.on_signal());
        }
        Ok(scores)
    }
}

/// A run in token space.
#[derive(Debug)]
pub struct TokenRun {
    span: Span<f32>,
    explicit: Explicit,
    rates: Rates,
    test: Data,
}

impl TokenRun {
    /// The start of a cell.
    ///
    /// # Errors
    ///
    /// As [`Engine::new`].
    pub fn new(recipe: &Recipe, place: &GridPoint, seed: u64) -> Result<Self, Error> {
        let mut engine = Engine::new(recipe, place, seed)?;
        let (span, explicit) = Explicit::start(&mut engine, seed)?;
        let rates = Rates::new(recipe.learning_rate, place.samples, recipe.tokens, explicit.start.output_norm2);
        Ok(Self { span, explicit, rates, test: engine.test })
    }
}

impl Run for TokenRun {
    fn step(&mut self) -> Result<Option<f64>, Error> {
        Ok(Some(self.span.step(self.rates)).filter(|loss| loss.is_finite()))
    }

    fn test(&mut self, control: Control) -> Result<Scores, Error> {
        self.explicit.test(&self.span, &mut self.test, control)
    }

    fn example(&mut self) -> Result<Option<usize>, Error> {
        Ok(self.span.example())
    }

    fn track(&mut self, n: usize) -> Result<Tracked, Error> {
        Ok(self.span.track(n))
    }
}
