//! What a run is asked to do: its two data sets and where their samples come from, how it begins, and when it ends.

use mote_core::data::{DataError, Dataset, Distribution, Label, Split, Synthetic};
use mote_core::matrix::MatrixMut;
use mote_core::params::Init;
use mote_core::rng::Purpose;
use mote_core::train::Settings;

/// Where the samples of a run come from.
pub trait Source {
    /// Writes sample `n` of a set into `x`, of shape `(M, D)`, and returns its label.
    ///
    /// # Errors
    ///
    /// Whatever keeps the sample from being had; the run then ends.
    fn read(&mut self, split: Split, n: usize, x: MatrixMut) -> Result<Label, DataError>;
}

/// Training and test data made from a seed.
#[derive(Clone, Copy, Debug)]
pub struct SyntheticPair {
    train: Option<Synthetic>,
    test: Option<Synthetic>,
}

impl SyntheticPair {
    /// Sets of so many samples of `M` tokens of `D` numbers; a set of 0 samples is none.
    ///
    /// # Errors
    ///
    /// As [`Synthetic::new`].
    #[inline]
    pub fn new(
        distribution: Distribution,
        size: (usize, usize),
        (train, test): (usize, usize),
        seed: u64,
    ) -> Result<Self, DataError> {
        let make = |samples, purpose| match samples {
            0 => Ok(None),
            _ => Synthetic::new(distribution, size, samples, seed, purpose).map(Some),
        };
        Ok(Self { train: make(train, Purpose::Train)?, test: make(test, Purpose::Test)? })
    }
}

impl Source for SyntheticPair {
    #[inline]
    fn read(&mut self, split: Split, n: usize, x: MatrixMut) -> Result<Label, DataError> {
        let set = match split {
            Split::Train => &mut self.train,
            Split::Test => &mut self.test,
        };
        set.as_mut().ok_or(DataError::Empty)?.read(n, x)
    }
}

/// The mean training loss before the last step, which the stop rule asks for, and which samples it is the loss of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastLoss {
    /// The loss.
    pub train_loss: f32,
    /// Digest of the training set.
    pub data: u32,
}

/// How a run begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// With weights drawn from a seed, at step 0.
    Fresh(Init, u64),
    /// With the weights that are there, after so many steps, and with the loss before the last of them where it is
    /// known. A loss of other data is none.
    Keep(u32, Option<LastLoss>),
}

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// `N`, training samples, at least 1.
    pub samples: usize,
    /// Size of the test set; 0 only if `eval_every` is 0.
    pub test_samples: usize,
    /// How it begins.
    pub start: Start,
    /// Learning rate, and whether `w_O` is trained.
    pub settings: Settings,
    /// It stops after the step before which the training loss was below this.
    pub stop_loss: f32,
    /// It stops when so many steps are done, those before [`Start::Keep`] included.
    pub max_steps: u32,
    /// The model is tested after every so many steps, and at both ends; 0: never.
    pub eval_every: u32,
    /// Every so many steps, and the last, are reported.
    pub report_every: u32,
}
