//! The model in double precision, as naive as the formulas of the paper, sharing no code with the
//! engine: plain triple loops, `std` maths, gradients by numeric differentiation.

use crate::worst::{largest, worst};

/// A model and its data in double precision.
#[derive(Clone, Debug)]
pub struct Oracle {
    /// `M`.
    pub tokens: usize,
    /// `D`.
    pub dim: usize,
    /// `H`.
    pub head: usize,
    /// `V`.
    pub value: usize,
    /// `W_Q`, `W_K`, `W_V`, `w_O`, each row-major.
    pub weights: [Vec<f64>; 4],
    /// `X`, shape `(N, M, D)`.
    pub x: Vec<f64>,
    /// `y`, shape `(N)`.
    pub y: Vec<f64>,
}

impl Oracle {
    /// The score of one sample: `(1/M) sum_l sum_j softmax_j(Q_l . K_j) (U_j . w_O)`.
    pub fn score(&self, n: usize) -> f64 {
        let (m, d, h, v) = (self.tokens, self.dim, self.head, self.value);
        let x = &self.x[n * m * d..(n + 1) * m * d];
        let [w_q, w_k, w_v, w_o] = &self.weights;
        let q = product(x, w_q, m, d, h);
        let k = product(x, w_k, m, d, h);
        let u = product(x, w_v, m, d, v);
        let mut f = 0.0;
        for l in 0..m {
            let logit = |j: usize| (0..h).map(|i| q[l * h + i] * k[j * h + i]).sum::<f64>();
            let logits: Vec<f64> = (0..m).map(logit).collect();
            let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max); // a NaN still makes the score NaN
            let total: f64 = logits.iter().map(|s| (s - max).exp()).sum();
            for j in 0..m {
                let value: f64 = (0..v).map(|i| u[j * v + i] * w_o[i]).sum();
                f += (logits[j] - max).exp() / total * value;
            }
        }
        f / m as f64
    }

    /// Mean logistic loss.
    pub fn loss(&self) -> f64 {
        let one = |n: usize| {
            let margin = self.y[n] * self.score(n);
            (-margin).max(0.0) + (-margin.abs()).exp().ln_1p()
        };
        (0..self.y.len()).map(one).sum::<f64>() / self.y.len() as f64
    }

    /// Gradient of the loss on weight tensor `tensor`, by differences of the loss alone.
    pub fn gradient(&self, tensor: usize) -> Vec<f64> {
        let mut moved = self.clone();
        numeric_gradient(&self.weights[tensor].clone(), |weights| {
            moved.weights[tensor].copy_from_slice(weights);
            moved.loss()
        })
    }

    /// A bound on any entry of the gradient if no two of its terms had opposite signs. Far above the
    /// gradient itself, the terms cancel, and single precision must lose that many digits.
    pub fn terms(&self, tensor: usize) -> f64 {
        let (m, d, h, v) = (self.tokens, self.dim, self.head, self.value);
        let [w_q, w_k, w_v, w_o] = &self.weights;
        let largest = |x: &[f64]| largest(x.iter().copied());
        let mut sum = 0.0;
        for n in 0..self.y.len() {
            let x = &self.x[n * m * d..(n + 1) * m * d];
            let (q, k, u) = (product(x, w_q, m, d, h), product(x, w_k, m, d, h), product(x, w_v, m, d, v));
            let row = |matrix: &[f64], l: usize, width: usize| largest(&matrix[l * width..(l + 1) * width]);
            let values: Vec<f64> = (0..m).map(|j| (0..v).map(|i| (u[j * v + i] * w_o[i]).abs()).sum()).collect();
            let slope = 1.0 / (1.0 + (self.y[n] * self.score(n)).exp());
            for l in 0..m {
                let logits: Vec<f64> = (0..m).map(|j| (0..h).map(|i| q[l * h + i] * k[j * h + i]).sum()).collect();
                let total: f64 = logits.iter().map(|s: &f64| s.exp()).sum();
                let p: Vec<f64> = logits.iter().map(|s| s.exp() / total).collect();
                let mixed: f64 = p.iter().zip(&values).map(|(p, v)| p * v).sum();
                for j in 0..m {
                    let on_logit = p[j] * (values[j] + mixed);
                    sum += slope
                        * match tensor {
                            0 => on_logit * row(x, l, d) * row(&k, j, h),
                            1 => on_logit * row(x, j, d) * row(&q, l, h),
                            2 => p[j] * row(x, j, d) * largest(w_o),
                            _ => p[j] * row(&u, j, v),
                        };
                }
            }
        }
        sum / (self.y.len() * m) as f64
    }
}

/// `a b` for row-major `a` `(rows, inner)` and `b` `(inner, cols)`.
pub fn product(a: &[f64], b: &[f64], rows: usize, inner: usize, cols: usize) -> Vec<f64> {
    let mut out = vec![0.0; rows * cols];
    for r in 0..rows {
        for c in 0..cols {
            out[r * cols + c] = (0..inner).map(|i| a[r * inner + i] * b[i * cols + c]).sum();
        }
    }
    out
}

/// Gradient of `f` at `x` by central differences of fourth order.
pub fn numeric_gradient(x: &[f64], mut f: impl FnMut(&[f64]) -> f64) -> Vec<f64> {
    let mut moved = x.to_vec();
    let mut gradient = vec![0.0; x.len()];
    for i in 0..x.len() {
        let step = 1e-3 * (1.0 + x[i].abs());
        let mut at = |offset: f64| {
            moved[i] = x[i] + offset * step;
            f(&moved)
        };
        gradient[i] = (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * step);
        moved[i] = x[i];
    }
    gradient
}

/// Largest difference, relative to the largest entry of `exact`; absolute if all of it is 0.
pub fn relative_error(found: &[f64], exact: &[f64]) -> f64 {
    assert_eq!(found.len(), exact.len());
    let scale = largest(exact.iter().copied());
    let difference = worst(found.iter().zip(exact).map(|(a, b)| (a - b).abs()));
    if difference.is_infinite() || scale == 0.0 { difference } else { difference / scale }
}

/// To double precision.
pub fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().copied().map(f64::from).collect()
}
