//! A cell in weight space: the engine of `mote-core` itself, tokens regenerated sample by sample.

use crate::control::Control;
use crate::digits::{self, Digits};
use crate::error::Error;
use crate::outcome::{Run, Scores, Tracked};
use crate::place::GridPoint;
use crate::recipe::{Form, Recipe};
use mote_core::data::{self, DataError, Dataset, Distribution, Label, Synthetic};
use mote_core::matrix::MatrixMut;
use mote_core::memory::{Heap, Memory};
use mote_core::model::Model;
use mote_core::params::{Init, Tensor};
use mote_core::rng::Purpose;
use mote_core::shape::Shape;
use mote_core::train::{Settings, TrainError, Trainer};

/// Where the samples of a cell come from.
#[derive(Clone, Debug)]
pub enum Data {
    /// Drawn from a distribution: as many of these samples.
    Synthetic(Synthetic, usize),
    /// Real images, with tokens of noise.
    Digits(Digits),
}

impl Dataset for Data {
    fn samples(&self) -> usize {
        match self {
            Self::Synthetic(_, samples) => *samples,
            Self::Digits(data) => data.samples(),
        }
    }

    fn sample_shape(&self) -> (usize, usize) {
        match self {
            Self::Synthetic(data, _) => data.sample_shape(),
            Self::Digits(data) => data.sample_shape(),
        }
    }

    fn read(&mut self, n: usize, x: MatrixMut) -> Result<Label, DataError> {
        match self {
            Self::Synthetic(data, _) => data.read(n, x),
            Self::Digits(data) => data.read(n, x),
        }
    }
}

impl Data {
    /// The class that a sample was made for, which its label may not be: the one whose signal it carries.
    pub fn class(&self, sample: &[f32], label: Label) -> Label {
        match self {
            Self::Synthetic(..) if sample[0] != 0.0 => Label::Plus,
            Self::Synthetic(..) => Label::Minus,
            Self::Digits(_) => label,
        }
    }
}

/// Data and model of a cell, as the engine takes them.
#[derive(Debug)]
pub struct Engine {
    /// Sizes of the model.
    pub shape: Shape,
    /// Norm of the signal tokens.
    pub signal_norm: f32,
    /// Training data.
    pub train: Data,
    /// Test data.
    pub test: Data,
    init: Init,
    settings: Settings,
}

impl Engine {
    /// A cell's data and model, nothing trained yet.
    ///
    /// # Errors
    ///
    /// If `D` is beyond the address space, or the recipe is not one of the engine's.
    pub fn new(recipe: &Recipe, place: &GridPoint, seed: u64) -> Result<Self, Error> {
        let dim = usize::try_from(recipe.dim).map_err(|_| Error::Dimension(recipe.dim))?;
        let (signal_norm, size) = (place.signal_norm as f32, (recipe.tokens, dim));
        let flip = place.flip() as f32;
        let synthetic = |form| {
            let distribution = Distribution { form, signal_norm, flip };
            let data = |samples: usize, purpose| {
                // The paper form has pairs of samples, one of each class; of an odd number, the last has none.
                let pairs = samples.next_multiple_of(2);
                Synthetic::new(distribution, size, pairs, seed, purpose).map(|data| Data::Synthetic(data, samples))
            };
            Ok::<_, Error>((data(place.samples, Purpose::Train)?, data(recipe.test_samples, Purpose::Test)?))
        };
        let gaussian = |query_key_std: f64, value_std: f64| Init::Gaussian {
            query_key_std: query_key_std as f32,
            value_std: value_std as f32,
        };
        let ((train, test), init) = match recipe.form {
            Form::Paper { big, small, divisor } => (
                synthetic(data::Form::Paper { big: big as f32, small: small as f32 })?,
                Init::FanIn { divisor: divisor as f32 },
            ),
            Form::Uniform { noise_norm, query_key_std, value_std } => (
                synthetic(data::Form::Uniform { sigma: (noise_norm / (dim as f64).sqrt()) as f32 })?,
                gaussian(query_key_std, value_std),
            ),
            Form::Digits { classes, noise_norm, query_key_std, value_std } => {
                let (samples, norms) = ((place.samples, recipe.test_samples), (place.signal_norm, noise_norm));
                let (train, test) = digits::draw(classes, samples, recipe.tokens, norms, seed)?;
                ((Data::Digits(train.flipped(flip)), Data::Digits(test)), gaussian(query_key_std, value_std))
            }
        };
        let shape = Shape::new(recipe.tokens, dim, recipe.head, recipe.value);
        let settings = Settings { learning_rate: recipe.learning_rate as f32, train_output: false };
        Ok(Self { shape, signal_norm, train, test, init, settings })
    }

    fn memory(&self) -> Result<Heap, Error> {
        let bytes = self.shape.bytes().map_or("more than any".into(), |bytes| bytes.to_string());
        Heap::zeroed(self.shape).ok_or(Error::Memory { bytes })
    }

    /// The weights at the start.
    ///
    /// # Errors
    ///
    /// If the memory cannot be had.
    pub fn initial_weights(&self, seed: u64) -> Result<InitialWeights, Error> {
        let mut memory = self.memory()?;
        let mut params = memory.workspace().params;
        params.init(self.init, seed);
        let [w_q, w_k, w_v, w_o] = Tensor::ALL.map(|tensor| params.tensor(tensor).data());
        let z = w_v.chunks_exact(w_o.len()).map(|row| row.iter().zip(w_o).map(|(w, o)| w * o).sum()).collect();
        let output_norm2 = w_o.iter().map(|o| f64::from(o * o)).sum();
        Ok(InitialWeights { w_q: w_q.to_vec(), w_k: w_k.to_vec(), z, output_norm2 })
    }
}

/// The weights at the start of a run.
#[derive(Clone, Debug)]
pub struct InitialWeights {
    /// `W_Q`, `(D, H)`.
    pub w_q: Vec<f32>,
    /// `W_K`, `(D, H)`.
    pub w_k: Vec<f32>,
    /// `W_V w_O`, `(D)`.
    pub z: Vec<f32>,
    /// `|w_O|^2`.
    pub output_norm2: f64,
}

/// A run in weight space.
#[derive(Debug)]
pub struct WeightRun {
    engine: Engine,
    memory: Heap,
}

impl WeightRun {
    /// The start of a cell.
    ///
    /// # Errors
    ///
    /// As [`Engine::new`], and if the model does not fit into memory.
    pub fn new(recipe: &Recipe, place: &GridPoint, seed: u64) -> Result<Self, Error> {
        let engine = Engine::new(recipe, place, seed)?;
        let mut memory = engine.memory()?;
        memory.workspace().params.init(engine.init, seed);
        Ok(Self { engine, memory })
    }
}

impl Run for WeightRun {
    fn step(&mut self) -> Result<Option<f64>, Error> {
        let mut trainer = Trainer::new(&mut self.memory, self.engine.settings)?;
        match trainer.step(&mut self.engine.train) {
            Ok(report) => Ok(Some(report.train_loss.into())),
            Err(TrainError::LossNotFinite | TrainError::WeightsNotFinite) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn test(&mut self, control: Control) -> Result<Scores, Error> {
        let mut model = Model::new(&mut self.memory);
        let mut scores = Scores::default();
        for n in 0..self.engine.test.samples() {
            control.check()?;
            let (y, f, attention) = model.score_sample(n == 0, |x| self.engine.test.read(n, x))?;
            scores.add(f, y, attention);
        }
        Ok(scores)
    }

    fn example(&mut self) -> Result<Option<usize>, Error> {
        let (tokens, dim) = self.engine.train.sample_shape();
        let mut x = vec![0.0; tokens * dim];
        for n in 0..self.engine.train.samples() {
            let label = self.engine.train.read(n, MatrixMut::new(&mut x, tokens, dim))?;
            // A flipped label is not the class's own.
            if label == Label::Plus && self.engine.train.class(&x, label) == label {
                return Ok(Some(n));
            }
        }
        Ok(None)
    }

    fn track(&mut self, n: usize) -> Result<Tracked, Error> {
        let t = Model::new(&mut self.memory).track(&mut self.engine.train, n)?;
        let (on, v, qk) = (t.attention_signal, t.v_signal, t.qk_signal_signal);
        let noise = [t.attention_noise, t.v_noise, t.qk_signal_noise, t.qk_xi3_signal, t.qk_xi3_noise];
        let [on_noise, v_noise, qk_noise, qk3_signal, qk3_noise] = noise;
        let tracked = [Some(on), on_noise, Some(v), v_noise, Some(qk), qk_noise, qk3_signal, qk3_noise];
        Ok(tracked.map(|number| number.map(f64::from)))
    }
}
