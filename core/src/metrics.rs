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

/// Samples whose numbers are added in plain order. From the next one on, what rounding takes is carried along.
const PLAIN: u32 = 4096;

/// A sum of numbers that are not negative, which does not stop growing when it is large beside them.
///
/// Off by at most `(n - 1) 2^-24` of itself after `n <= 4096` numbers, where its bits are those of plain addition, and
/// by at most `4100 2^-24`, which is 0.025%, after any more, up to 2^24: from there on Kahan's summation adds `2 2^-24`
/// and terms of `n 2^-48`. Plain addition is off by percents after 2^22 numbers, and stops growing at 2^24.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    sum: f32,
    /// What the last addition put on top of its number.
    excess: f32,
}

impl Sum {
    #[inline]
    fn add(&mut self, x: f32, is_plain: bool) {
        let before = self.sum;
        let x = if is_plain { x } else { x - self.excess };
        self.sum += x;
        self.excess = (self.sum - before) - x;
    }
}

/// An [`Evaluation`] in the making, sample by sample.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScoreSums {
    samples: u32,
    loss: Sum,
    wrong: u32,
    attention: Sum,
}

impl ScoreSums {
    /// Takes in one sample: label sign, score, attention on the signal token.
    #[inline]
    pub fn add(&mut self, y: f32, f: f32, attention: f32) {
        let is_plain = self.samples < PLAIN;
        self.samples += 1;
        self.loss.add(logistic(f, y).0, is_plain);
        // Not `y * f <= 0`: a NaN score must count as wrong.
        let right = y * f > 0.0;
        self.wrong += u32::from(!right);
        self.attention.add(attention, is_plain);
    }

    /// The figures of all samples so far; `None` if there are none, or the loss is not finite.
    #[inline]
    pub fn evaluation(&self) -> Option<Evaluation> {
        let samples = self.samples as f32;
        let loss = self.loss.sum / samples;
        let mean = Evaluation { loss, error: self.wrong as f32 / samples, attention: self.attention.sum / samples };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};

    /// The figures, and means of the same losses and attentions in double precision.
    fn figures(samples: u32) -> (Evaluation, f64, f64) {
        let mut stream = Stream::new(5, Purpose::Test, 0, 0);
        let (mut scores, mut loss, mut attention) = (ScoreSums::default(), 0.0, 0.0);
        for _ in 0..samples {
            let (f, share) = (stream.normal(), 0.3 + 0.1 * stream.normal());
            scores.add(1.0, f, share);
            loss += f64::from(logistic(f, 1.0).0);
            attention += f64::from(share);
        }
        let n = f64::from(samples);
        (scores.evaluation().unwrap(), loss / n, attention / n)
    }

    /// 2^22 samples, where plain addition is off by percents: found within rounding of the result.
    #[test]
    fn large_sets_are_summed_as_well_as_small_ones() {
        for samples in [PLAIN, PLAIN + 1, 1 << 16, 1 << 22] {
            let (found, loss, attention) = figures(samples);
            for (found, expected) in [(found.loss, loss), (found.attention, attention)] {
                let off = (f64::from(found) / expected - 1.0).abs();
                assert!(off < 4e-6, "{samples} samples: {found} for {expected}, off by {off:.1e}");
            }
        }
    }

    /// Up to 4,096 samples, the bits are those of plain addition.
    #[test]
    fn small_sets_keep_their_bits() {
        let (mut scores, mut loss) = (ScoreSums::default(), 0.0);
        let mut stream = Stream::new(6, Purpose::Test, 0, 0);
        for n in 1..=PLAIN {
            let f = stream.normal();
            scores.add(-1.0, f, 0.25);
            loss += logistic(f, -1.0).0;
            assert_eq!(scores.evaluation().unwrap().loss, loss / n as f32, "{n} samples");
        }
    }

    #[test]
    fn a_loss_that_is_not_finite_is_no_figure() {
        for f in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut scores = ScoreSums::default();
            (0..2 * PLAIN).for_each(|_| scores.add(-1.0, 0.5, 0.5));
            scores.add(-1.0, f, 0.5);
            (0..PLAIN).for_each(|_| scores.add(-1.0, 0.5, 0.5));
            assert_eq!(scores.evaluation().is_some(), f == f32::NEG_INFINITY, "{f}");
        }
    }
}
