//! What is measured on a model, away from training.

use crate::loss::logistic;
use crate::matrix::Matrix;
use crate::memory::Acts;

/// A model's figures on one data set.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Evaluation {
    /// Mean logistic loss.
    pub loss: f32,
    /// Share of samples with `y f <= 0`: the 0-1 error. Not the loss: one can be large while the
    /// other is 0.
    pub error: f32,
    /// Mean attention on token 1, the signal: `(1/N) sum_n (1/M) sum_l P[l,1]`.
    pub attention: f32,
}

/// An [`Evaluation`] in the making, sample by sample.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scores {
    samples: u32,
    loss: f32,
    wrong: u32,
    attention: f32,
}

impl Scores {
    /// Takes in one sample: label sign, score, attention on the signal token.
    #[inline]
    pub fn add(&mut self, y: f32, f: f32, attention: f32) {
        self.samples += 1;
        self.loss += logistic(f, y).0;
        // Not `y * f <= 0`: a NaN score must count as wrong.
        let right = y * f > 0.0;
        self.wrong += u32::from(!right);
        self.attention += attention;
    }

    /// The figures of all samples so far; `None` if there are none, or the loss is not finite.
    #[inline]
    pub fn evaluation(&self) -> Option<Evaluation> {
        let samples = self.samples as f32;
        let loss = self.loss / samples;
        let mean = Evaluation { loss, error: self.wrong as f32 / samples, attention: self.attention / samples };
        loss.is_finite().then_some(mean)
    }
}

/// The quantities the paper follows through training, on one sample: (J), section 5.
///
/// `mu` is token 1 (the signal), `xi2` and `xi3` tokens 2 and 3 (noise). What needs a token the
/// sample does not have is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tracked {
    /// Attention on the signal, averaged over queries.
    pub attention_signal: f32,
    /// Attention on the first noise token, averaged over queries.
    pub attention_noise: Option<f32>,
    /// `V_mu = mu^T W_V w_O`.
    pub v_signal: f32,
    /// `V_xi = xi2^T W_V w_O`.
    pub v_noise: Option<f32>,
    /// `<q_mu, k_mu>`.
    pub qk_signal_signal: f32,
    /// `<q_mu, k_xi2>`.
    pub qk_signal_noise: Option<f32>,
    /// `<q_xi3, k_mu>`.
    pub qk_xi3_signal: Option<f32>,
    /// `<q_xi3, k_xi2>`.
    pub qk_xi3_noise: Option<f32>,
}

impl Tracked {
    /// Reads the quantities off the activations that a forward pass left behind. Needs `acts.a`, the
    /// attention on each token.
    #[inline]
    pub(crate) fn read(acts: &Acts) -> Self {
        let (q, k) = (acts.q.view(), acts.k.view());
        let (a, v) = (acts.a.view().data(), acts.v.view().data());
        let product = |query: usize, key: usize| Some(dot(row(q, query)?, row(k, key)?));
        Self {
            attention_signal: a.first().copied().unwrap_or_default(),
            attention_noise: a.get(1).copied(),
            v_signal: v.first().copied().unwrap_or_default(),
            v_noise: v.get(1).copied(),
            qk_signal_signal: product(0, 0).unwrap_or_default(),
            qk_signal_noise: product(0, 1),
            qk_xi3_signal: product(2, 0),
            qk_xi3_noise: product(2, 1),
        }
    }
}

fn row(matrix: Matrix<'_>, index: usize) -> Option<&[f32]> {
    matrix.iter_rows().nth(index)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sum = 0.0;
    for (x, y) in a.iter().zip(b) {
        sum += x * y;
    }
    sum
}
