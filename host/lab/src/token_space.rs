//! Gradient descent in token space: the state of training without the dimension `D`.
//!
//! All gradients lie in the span of the `T` training tokens, so the queries, keys and values AT those tokens,
//! `Q = tokens W_Q`, `K = tokens W_K` `(T, H)` and `v = tokens W_V w_O` `(T)`, evolve by themselves through the Gram
//! matrix of the tokens. One step is exact gradient descent on `W_Q`, `W_K`, `W_V` with `w_O` fixed:
//!
//! ```text
//! Q -= lr/(N M) Gram (B K)    K -= lr/(N M) Gram (B^T Q)    v -= lr |w_O|^2 / N Gram (g_n a)
//! ```
//!
//! with `B` the sparse `(T, T)` matrix of all samples' gradients on the logits. The signal token of a class is one
//! token, however many samples share it.

use crate::outcome::Tracked;
use crate::product::{self, Real};
use mote_core::loss::logistic;

/// How the samples are made of the tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// `M`.
    pub tokens: usize,
    /// `T`: tokens that are stored.
    pub stored: usize,
    /// For every sample, the stored token at each of its `M` positions.
    pub samples: Vec<Vec<usize>>,
}

/// Queries, keys and values of some tokens, and the running sums that move all others.
#[derive(Clone, Debug)]
pub struct Span<T> {
    layout: Layout,
    labels: Vec<f32>,
    head: usize,
    /// `(T, T)`, symmetric.
    gram: Vec<T>,
    /// `Q`, `(T, H)`.
    pub q: Vec<T>,
    /// `K`, `(T, H)`.
    pub k: Vec<T>,
    /// `v`, `(T)`.
    pub v: Vec<T>,
    /// `lr/(N M)` times the sum of `B K` over all steps, `(T, H)`: a token `u` outside has moved by
    /// `-(u tokens^T) moved_q`.
    pub moved_q: Vec<T>,
    /// The same of `B^T Q`.
    pub moved_k: Vec<T>,
    /// `lr |w_O|^2 / N` times the sum of `g_n a`, `(T)`.
    pub moved_v: Vec<T>,
    step_q: Vec<T>,
    step_k: Vec<T>,
    step_v: Vec<T>,
    sample: Attention<T>,
}

/// Learning rates with all means folded in.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// `lr / (N M)`.
    pub projection: f64,
    /// `lr |w_O|^2 / N`.
    pub value: f64,
}

impl Rates {
    /// The rates of a run.
    pub fn new(learning_rate: f64, samples: usize, tokens: usize, output_norm2: f64) -> Self {
        let samples = samples as f64;
        Self { projection: learning_rate / (samples * tokens as f64), value: learning_rate * output_norm2 / samples }
    }
}

impl Layout {
    /// The layout of a run on signal and noise: stored tokens 0 and 1 are the signals of +1 and -1, then come
    /// the `M - 1` noise tokens of each sample.
    pub fn signal_and_noise(labels: &[f32], tokens: usize) -> Self {
        let noise = tokens - 1;
        let sample = |(n, y): (usize, &f32)| {
            let signal = usize::from(*y < 0.0);
            std::iter::once(signal).chain((0..noise).map(|m| 2 + n * noise + m)).collect()
        };
        let samples = labels.iter().enumerate().map(sample).collect();
        Self { tokens, stored: 2 + labels.len() * noise, samples }
    }
}

impl<T: Real> Span<T> {
    /// The state at the start: Gram matrix `(T, T)`, `Q` and `K` `(T, H)`, `v` `(T)`, and the labels of the samples.
    pub fn new(layout: Layout, labels: Vec<f32>, gram: Vec<T>, q: Vec<T>, k: Vec<T>, v: Vec<T>) -> Self {
        let stored = layout.stored;
        let head = q.len() / stored;
        assert!(gram.len() == stored * stored && q.len() == k.len() && v.len() == stored, "shapes of a span");
        let sample = Attention::new(layout.tokens, head);
        let (matrix, vector) = (vec![T::of(0.0); stored * head], vec![T::of(0.0); stored]);
        Self {
            layout,
            labels,
            head,
            gram,
            q,
            k,
            v,
            moved_q: matrix.clone(),
            moved_k: matrix.clone(),
            moved_v: vector.clone(),
            step_q: matrix.clone(),
            step_k: matrix,
            step_v: vector,
            sample,
        }
    }

    /// `H`.
    pub fn head(&self) -> usize {
        self.head
    }

    /// One step; returns the mean training loss before it. Nothing is moved if that loss is not finite.
    pub fn step(&mut self, rates: Rates) -> f64 {
        let loss = self.gradients();
        if !loss.is_finite() {
            return loss;
        }
        let head = self.head;
        for (state, moved, step, cols, rate) in [
            (&mut self.q, &mut self.moved_q, &self.step_q, head, rates.projection),
            (&mut self.k, &mut self.moved_k, &self.step_k, head, rates.projection),
            (&mut self.v, &mut self.moved_v, &self.step_v, 1, rates.value),
        ] {
            let rate = T::of(rate);
            product::add_square_by_rows(state, -rate, &self.gram, false, step, cols);
            moved.iter_mut().zip(step).for_each(|(moved, step)| *moved += rate * *step);
        }
        loss
    }

    /// Scores of the training samples.
    pub fn scores(&self) -> Vec<T> {
        let mut sample = Attention::new(self.layout.tokens, self.head);
        (0..self.labels.len())
            .map(|n| {
                sample.gather(&self.layout.samples[n], &self.q, &self.k, &self.v);
                sample.forward()
            })
            .collect()
    }

    /// The first training sample of class +1 that has its own label.
    pub fn example(&self) -> Option<usize> {
        // A flipped label stands on the other class's signal.
        self.layout.samples.iter().zip(&self.labels).position(|(tokens, label)| tokens[0] == 0 && *label > 0.0)
    }

    /// The quantities of the paper on training sample `n`.
    pub fn track(&self, n: usize) -> Tracked {
        let mut sample = Attention::new(self.layout.tokens, self.head);
        sample.gather(&self.layout.samples[n], &self.q, &self.k, &self.v);
        sample.forward();
        let row = |matrix: &[T], m: usize| matrix[m * self.head..(m + 1) * self.head].to_vec();
        let has = |token: usize| token < self.layout.tokens;
        let product = |l: usize, j: usize| {
            (has(l) && has(j)).then(|| {
                let (q, k) = (row(&sample.q, l), row(&sample.k, j));
                q.iter().zip(&k).map(|(q, k)| (*q * *k).to_f64()).sum::<f64>()
            })
        };
        let on = |j: usize| has(j).then(|| sample.on(j).to_f64());
        let v = |j: usize| has(j).then(|| sample.v[j].to_f64());
        [on(0), on(1), v(0), v(1), product(0, 0), product(0, 1), product(2, 0), product(2, 1)]
    }

    /// Fills `step_q = B K`, `step_k = B^T Q` and `step_v = g a`; returns the mean loss.
    fn gradients(&mut self) -> f64 {
        let head = self.head;
        for step in [&mut self.step_q, &mut self.step_k, &mut self.step_v] {
            step.fill(T::of(0.0));
        }
        let (sample, mut sum) = (&mut self.sample, 0.0f64);
        for (indices, y) in self.layout.samples.iter().zip(&self.labels) {
            sample.gather(indices, &self.q, &self.k, &self.v);
            let (loss, g) = logistic(sample.forward().to_f64() as f32, *y);
            sum += f64::from(loss);
            sample.backward(g.into());
            for (m, &token) in indices.iter().enumerate() {
                let rows = token * head..(token + 1) * head;
                add_row(&mut self.step_q[rows.clone()], &sample.d_q[m * head..(m + 1) * head]);
                add_row(&mut self.step_k[rows], &sample.d_k[m * head..(m + 1) * head]);
                self.step_v[token] += sample.d_v[m];
            }
        }
        sum / self.labels.len() as f64
    }
}

fn add_row<T: Real>(to: &mut [T], from: &[T]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += *from);
}

/// One sample's attention, forward and backward: `P = softmax(Q K^T)`, `f = (1/M) sum P v`.
#[derive(Clone, Debug)]
pub struct Attention<T> {
    tokens: usize,
    head: usize,
    /// Queries, `(M, H)`.
    pub q: Vec<T>,
    /// Keys, `(M, H)`.
    pub k: Vec<T>,
    /// Values, `(M)`.
    pub v: Vec<T>,
    p: Vec<T>,
    mixed: Vec<T>,
    logits: Vec<T>,
    d_q: Vec<T>,
    d_k: Vec<T>,
    d_v: Vec<T>,
}

impl<T: Real> Attention<T> {
    /// For samples of `tokens` tokens and queries of `head` numbers.
    pub fn new(tokens: usize, head: usize) -> Self {
        let zeros = |count: usize| vec![T::of(0.0); count];
        let (wide, square, row) = (zeros(tokens * head), zeros(tokens * tokens), zeros(tokens));
        Self {
            tokens,
            head,
            q: wide.clone(),
            k: wide.clone(),
            v: row.clone(),
            p: square.clone(),
            mixed: row.clone(),
            logits: square,
            d_q: wide.clone(),
            d_k: wide,
            d_v: row,
        }
    }

    fn gather(&mut self, indices: &[usize], q: &[T], k: &[T], v: &[T]) {
        let head = self.head;
        for (m, &token) in indices.iter().enumerate() {
            let (to, from) = (m * head..(m + 1) * head, token * head..(token + 1) * head);
            self.q[to.clone()].copy_from_slice(&q[from.clone()]);
            self.k[to].copy_from_slice(&k[from]);
            self.v[m] = v[token];
        }
    }

    /// The score for `q`, `k` and `v` as they are.
    pub fn forward(&mut self) -> T {
        let (m, h) = (self.tokens, self.head);
        product::rows_by_rows(&mut self.p, &self.q, &self.k, h);
        let mut sum = T::of(0.0);
        for (row, mixed) in self.p.chunks_exact_mut(m).zip(&mut self.mixed) {
            T::softmax_forward(row);
            *mixed = product::dot(row, &self.v);
            sum += *mixed;
        }
        sum / T::of(m as f64)
    }

    /// Mean attention on the first token, after [`Attention::forward`].
    pub fn on_signal(&self) -> T {
        self.on(0)
    }

    /// Mean attention on token `j`, after [`Attention::forward`].
    pub fn on(&self, j: usize) -> T {
        column(&self.p, j, self.tokens) / T::of(self.tokens as f64)
    }

    /// `d_q = t K`, `d_k = t^T Q` with `t[l][j] = g P[l][j] (v[j] - mixed[l])`, and `d_v = g a`.
    fn backward(&mut self, g: T) {
        let (m, h) = (self.tokens, self.head);
        for l in 0..m {
            let row = l * m..(l + 1) * m;
            let (t, p) = (&mut self.logits[row.clone()], &self.p[row]);
            for ((t, p), v) in t.iter_mut().zip(p).zip(&self.v) {
                *t = g * (*p * (*v - self.mixed[l]));
            }
        }
        self.d_q.fill(T::of(0.0));
        self.d_k.fill(T::of(0.0));
        product::add_square_by_rows(&mut self.d_q, T::of(1.0), &self.logits, false, &self.k, h);
        product::add_square_by_rows(&mut self.d_k, T::of(1.0), &self.logits, true, &self.q, h);
        for (j, d_v) in self.d_v.iter_mut().enumerate() {
            *d_v = g * column(&self.p, j, m) / T::of(m as f64);
        }
    }
}

/// The sum of column `j` of a matrix with `cols` columns.
fn column<T: Real>(matrix: &[T], j: usize, cols: usize) -> T {
    matrix[j..].iter().step_by(cols).fold(T::of(0.0), |sum, x| sum + *x)
}
