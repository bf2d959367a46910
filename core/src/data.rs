//! Where samples come from: regenerated from a seed, or lent from memory.

use crate::matrix::{MatrixMut, at_least_one};
use crate::rng::{Purpose, Stream};
use core::fmt;

/// The class of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Label {
    /// `y = +1`.
    Plus,
    /// `y = -1`.
    Minus,
}

impl Label {
    /// `+1.0` or `-1.0`.
    #[inline]
    pub const fn sign(self) -> f32 {
        match self {
            Self::Plus => 1.0,
            Self::Minus => -1.0,
        }
    }

    /// The other class.
    #[inline]
    pub const fn flipped(self) -> Self {
        match self {
            Self::Plus => Self::Minus,
            Self::Minus => Self::Plus,
        }
    }
}

/// Why a sample, or a whole data set, cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DataError {
    /// There is no sample at all.
    Empty,
    /// The sample asked for lies beyond the last one.
    OutOfRange,
    /// The numbers or labels do not fill `N` samples of `M` tokens of `D` numbers, or the sample's
    /// shape is not the model's.
    Shape,
    /// The `paper` form needs an even number of samples, at least 2 tokens and `D >= 2`; the
    /// `uniform` form needs `D >= 3`.
    Form,
    /// A parameter of the distribution is negative, not finite, or not a probability, or the purpose is not
    /// that of data.
    Parameter,
    /// A sample that comes from elsewhere did not come in time.
    Missing,
}

impl DataError {
    /// What is wrong, as a sentence.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Empty => "the data set has no samples",
            Self::OutOfRange => "the sample lies beyond the last one",
            Self::Shape => "the samples do not have the shape of the model",
            Self::Form => "form=uniform needs D of 3 or more, form=paper an even N, M of 2 and D of 2 or more",
            Self::Parameter => "a parameter of the data distribution is out of range",
            Self::Missing => "a sample did not come in time",
        }
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for DataError {}

/// Which data set of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Split {
    /// What the model learns from.
    Train,
    /// What it is only tested on.
    Test,
}

impl Split {
    /// The name in records: `train` or `test`.
    #[inline]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// Samples on demand. Training asks for every sample once a step, in order.
pub trait Dataset {
    /// `N`, the number of samples.
    fn samples(&self) -> usize;

    /// `M` and `D` of every sample.
    fn sample_shape(&self) -> (usize, usize);

    /// Writes sample `n` into `x`, of shape `(M, D)`, and returns its label.
    ///
    /// # Errors
    ///
    /// Whatever keeps the sample from being had; `x` is then unspecified.
    fn read(&mut self, n: usize, x: MatrixMut) -> Result<Label, DataError>;
}

/// Samples held in memory, on the heap or in flash.
#[derive(Clone, Copy, Debug)]
pub struct InMemory<'a> {
    x: &'a [f32],
    labels: &'a [Label],
    tokens: usize,
    dim: usize,
}

impl<'a> InMemory<'a> {
    /// The data set with tokens `x`, of shape `(N, M, D)` row-major, and `N` labels.
    ///
    /// # Errors
    ///
    /// [`DataError::Empty`] for no labels, [`DataError::Shape`] if `x` does not hold `N M D` numbers.
    pub fn new(x: &'a [f32], labels: &'a [Label], tokens: usize, dim: usize) -> Result<Self, DataError> {
        if labels.is_empty() {
            return Err(DataError::Empty);
        }
        let count = labels.len().checked_mul(tokens).and_then(|count| count.checked_mul(dim));
        if count != Some(x.len()) || x.is_empty() {
            return Err(DataError::Shape);
        }
        Ok(Self { x, labels, tokens, dim })
    }
}

impl Dataset for InMemory<'_> {
    fn samples(&self) -> usize {
        self.labels.len()
    }

    fn sample_shape(&self) -> (usize, usize) {
        (self.tokens, self.dim)
    }

    fn read(&mut self, n: usize, mut x: MatrixMut) -> Result<Label, DataError> {
        let size = self.tokens * self.dim;
        let sample = self.x.chunks_exact(at_least_one(size)).nth(n).ok_or(DataError::OutOfRange)?;
        if x.data().len() != size {
            return Err(DataError::Shape);
        }
        x.data().copy_from_slice(sample);
        self.labels.get(n).copied().ok_or(DataError::OutOfRange)
    }
}

/// The two distributions of signal and noise. Token 1 is the signal of the sample's class,
/// `mu_+ = s e_1` or `mu_- = s e_2`; the others are Gaussian noise.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Form {
    /// The authors' scripts: token 2 has standard deviation `big`, tokens 3..M have `small`, not
    /// projected; labels alternate +, -.
    Paper {
        /// Standard deviation of token 2.
        big: f32,
        /// Standard deviation of tokens 3..M.
        small: f32,
    },
    /// The theory: all noise tokens have standard deviation `sigma` and no part along the signals;
    /// labels are fair coin flips.
    Uniform {
        /// Standard deviation of tokens 2..M.
        sigma: f32,
    },
}

impl Form {
    /// Standard deviation that the SNR is measured against: `small`, or `sigma`.
    pub const fn reference_std(&self) -> f32 {
        match *self {
            Self::Paper { small, .. } => small,
            Self::Uniform { sigma } => sigma,
        }
    }
}

/// A data distribution: form, signal and label noise: (J), sections 3 and 5.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Distribution {
    /// Which noise tokens.
    pub form: Form,
    /// `s`, the norm of a signal token.
    pub signal_norm: f32,
    /// `alpha`, the probability that a training label is flipped. Test labels never are.
    pub flip: f32,
}

impl Distribution {
    /// Signal-to-noise ratio `s / (std sqrt(D))`, with `std` of [`Form::reference_std`].
    pub fn snr(&self, dim: usize) -> f32 {
        self.signal_norm / (self.form.reference_std() * crate::math::sqrt(dim as f32))
    }
}

/// Samples of a [`Distribution`], regenerated from a seed at every read and never stored.
#[derive(Clone, Copy, Debug)]
pub struct Synthetic {
    distribution: Distribution,
    seed: u64,
    purpose: Purpose,
    samples: usize,
    tokens: usize,
    dim: usize,
}

impl Synthetic {
    /// `samples` samples of `tokens` tokens of `dim` numbers; `purpose` is [`Purpose::Train`] or
    /// [`Purpose::Test`].
    ///
    /// # Errors
    ///
    /// [`DataError::Empty`], [`DataError::Form`] or [`DataError::Parameter`], as they say.
    #[inline]
    pub fn new(
        distribution: Distribution,
        (tokens, dim): (usize, usize),
        samples: usize,
        seed: u64,
        purpose: Purpose,
    ) -> Result<Self, DataError> {
        let Distribution { form, signal_norm, flip } = distribution;
        let (form_fits, stds) = match form {
            Form::Paper { big, small } => (samples.is_multiple_of(2) && tokens >= 2 && dim >= 2, [big, small]),
            Form::Uniform { sigma } => (tokens >= 1 && dim >= 3, [sigma, sigma]),
        };
        let is_length = |x: f32| x >= 0.0 && x.is_finite();
        if purpose == Purpose::Weights {
            return Err(DataError::Parameter); // its streams belong to the weights
        }
        if samples == 0 {
            return Err(DataError::Empty);
        }
        if !form_fits || u32::try_from(samples).is_err() || u32::try_from(tokens).is_err() {
            return Err(DataError::Form);
        }
        if !(is_length(signal_norm) && stds.into_iter().all(is_length) && (0.0..=1.0).contains(&flip)) {
            return Err(DataError::Parameter);
        }
        Ok(Self { distribution, seed, purpose, samples, tokens, dim })
    }
}

impl Dataset for Synthetic {
    fn samples(&self) -> usize {
        self.samples
    }

    fn sample_shape(&self) -> (usize, usize) {
        (self.tokens, self.dim)
    }

    fn read(&mut self, n: usize, mut x: MatrixMut) -> Result<Label, DataError> {
        if n >= self.samples {
            return Err(DataError::OutOfRange);
        }
        if (x.rows(), x.cols()) != (self.tokens, self.dim) {
            return Err(DataError::Shape);
        }
        let Distribution { form, signal_norm, flip } = self.distribution;
        // The signal token draws no noise: its stream decides the label.
        let mut labels = Stream::new(self.seed, self.purpose, n as u32, 0);
        let class = match form {
            Form::Paper { .. } if n.is_multiple_of(2) => Label::Plus,
            Form::Paper { .. } => Label::Minus,
            Form::Uniform { .. } if labels.coin(0.5) => Label::Plus,
            Form::Uniform { .. } => Label::Minus,
        };
        let flipped = matches!(self.purpose, Purpose::Train) && labels.coin(flip);

        for (token, row) in x.iter_rows_mut().enumerate() {
            if token == 0 {
                row.fill(0.0);
                if let Some(signal) = row.get_mut(usize::from(class == Label::Minus)) {
                    *signal = signal_norm;
                }
                continue;
            }
            let (std, projected) = match form {
                Form::Paper { big, .. } if token == 1 => (big, 0),
                Form::Paper { small, .. } => (small, 0),
                Form::Uniform { sigma } => (sigma, 2),
            };
            // The projection off the signals is exact: both are axes, and no number is drawn for them.
            let mut stream = Stream::new(self.seed, self.purpose, n as u32, token as u32);
            let (along_signals, rest) = row.split_at_mut_checked(projected).ok_or(DataError::Shape)?;
            along_signals.fill(0.0);
            for entry in rest {
                *entry = std * stream.normal();
            }
        }
        Ok(if flipped { class.flipped() } else { class })
    }
}

#[cfg(test)]
mod tests;
