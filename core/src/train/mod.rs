//! Full-batch gradient descent: the one file where the rooms of the crate meet.

mod stop;
mod update;

use crate::data::{DataError, Dataset, Label};
pub use crate::error::TrainError;
use crate::kernels::matmul::matmul_transposed_add;
use crate::loss::logistic;
use crate::matrix::MatrixMut;
use crate::memory::{Memory, Workspace};
use crate::model::{self, Model, check};
use crate::params::{Grads, Init, Params};
use crate::shape::Shape;
pub use stop::{StopReason, StopRule};
use update::{Rates, for_each_update};

/// What the user decides about training.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Settings {
    /// Step size of gradient descent: finite and above 0.
    pub learning_rate: f32,
    /// Whether `w_O` is trained too. (J) keeps it fixed.
    pub train_output: bool,
}

/// One finished step.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StepReport {
    /// Number of this step, from 1.
    pub step: u32,
    /// Mean training loss BEFORE the step.
    pub train_loss: f32,
}

/// A model being trained inside a [`Memory`].
#[derive(Debug)]
pub struct Trainer<'m, S: Memory> {
    memory: &'m mut S,
    settings: Settings,
    step: u32,
    /// Of the last step, where it is known.
    train_loss: Option<f32>,
}

impl<'m, S: Memory> Trainer<'m, S> {
    /// A trainer on whatever weights `memory` holds; a fresh memory is all zero, so call
    /// [`Trainer::init`] or write into [`Trainer::params`] first.
    ///
    /// # Errors
    ///
    /// [`TrainError::LearningRate`].
    pub fn new(memory: &'m mut S, settings: Settings) -> Result<Self, TrainError> {
        Self::after(memory, settings, 0)
    }

    /// As [`Trainer::new`], after `step` steps whose last loss is somebody else's business.
    pub fn after(memory: &'m mut S, settings: Settings, step: u32) -> Result<Self, TrainError> {
        if !(settings.learning_rate > 0.0 && settings.learning_rate.is_finite()) {
            return Err(TrainError::LearningRate);
        }
        Ok(Self { memory, settings, step, train_loss: None })
    }

    /// Draws fresh weights and starts counting steps anew.
    ///
    /// # Errors
    ///
    /// [`TrainError::WeightsNotFinite`] if `init` could make such weights; nothing has changed.
    pub fn init(&mut self, init: Init, seed: u64) -> Result<(), TrainError> {
        if !init.is_possible() {
            return Err(TrainError::WeightsNotFinite);
        }
        self.resume_after(None);
        self.params().init(init, seed);
        Ok(())
    }

    /// The last finished step; `None` before the first. Besides the weights, this is all that a run goes on from: the
    /// count names the next step, and the stop rule of (J) asks for the loss.
    pub fn last_step(&self) -> Option<StepReport> {
        self.train_loss.map(|train_loss| StepReport { step: self.step, train_loss })
    }

    /// Goes on as if `last` had just been done here, on the weights it left: those in [`Trainer::params`].
    pub fn resume_after(&mut self, last: Option<StepReport>) {
        self.step = last.map_or(0, |last| last.step);
        self.train_loss = last.map(|last| last.train_loss);
    }

    /// Sizes of the model.
    pub fn shape(&self) -> Shape {
        self.memory.shape()
    }

    /// The weights.
    pub fn params(&mut self) -> Params<'_> {
        self.memory.workspace().params
    }

    /// The gradients, as the last [`Trainer::gradient`] or [`Trainer::step`] left them.
    pub fn grads(&mut self) -> Grads<'_> {
        self.memory.workspace().grads
    }

    /// Mean loss over `data`; its gradients are left in [`Trainer::grads`], that of `w_O` only if it
    /// is trained.
    ///
    /// # Errors
    ///
    /// [`TrainError::Data`] or [`TrainError::LossNotFinite`]. The weights are unchanged.
    pub fn gradient(&mut self, data: &mut impl Dataset) -> Result<f32, TrainError> {
        check(self.memory.shape(), data)?;
        let mut sum = 0.0;
        for n in 0..data.samples() {
            sum += self.gradient_sample(n == 0, |x| data.read(n, x))?;
        }
        self.gradient_end(sum, data.samples())
    }

    /// One sample of a gradient: reads it into the matrix of shape `(M, D)` it is given, adds its
    /// gradients and returns its loss. The first sample clears what was there. Between the samples
    /// of a gradient nothing else may be done in the memory but reading the next sample.
    ///
    /// # Errors
    ///
    /// What `read` answers.
    #[inline]
    pub fn gradient_sample(
        &mut self,
        first: bool,
        read: impl FnOnce(MatrixMut) -> Result<Label, DataError>,
    ) -> Result<f32, DataError> {
        let Workspace { params, mut grads, mut acts } = self.memory.workspace();
        if first {
            grads.clear();
            model::value_direction(&mut acts, &params);
        }
        let y = read(acts.x.reborrow())?.sign();
        let f = model::forward(&mut acts, &params);
        let (loss, g) = logistic(f, y);
        model::backward(&mut grads, &mut acts, g);
        Ok(loss)
    }

    /// Closes a gradient of `samples` samples whose losses sum up to `sum`; returns the mean.
    #[inline]
    fn gradient_end(&mut self, sum: f32, samples: usize) -> Result<f32, TrainError> {
        let Workspace { params, mut grads, .. } = self.memory.workspace();
        if self.settings.train_output {
            matmul_transposed_add(grads.d_w_o.reborrow(), params.w_v.view(), grads.d_z.view());
        }
        let loss = sum / samples as f32;
        if loss.is_finite() { Ok(loss) } else { Err(TrainError::LossNotFinite) }
    }

    /// One step of gradient descent on all of `data`.
    ///
    /// # Errors
    ///
    /// See [`TrainError`]. On an error, the weights and the step count are unchanged: the weights are
    /// the last finite ones.
    pub fn step(&mut self, data: &mut impl Dataset) -> Result<StepReport, TrainError> {
        check(self.memory.shape(), data)?;
        let mut sum = 0.0;
        for n in 0..data.samples() {
            sum += self.gradient_sample(n == 0, |x| data.read(n, x))?;
        }
        self.step_end(sum, data.samples())
    }

    /// Closes a step: all `samples` samples went through [`Trainer::gradient_sample`], and their
    /// losses sum up to `sum`.
    ///
    /// # Errors
    ///
    /// [`TrainError::LossNotFinite`] or [`TrainError::WeightsNotFinite`], with weights and step count
    /// unchanged.
    #[inline]
    pub fn step_end(&mut self, sum: f32, samples: usize) -> Result<StepReport, TrainError> {
        let train_loss = self.gradient_end(sum, samples)?;
        let Settings { learning_rate, train_output } = self.settings;
        let (samples, tokens) = (samples as f32, self.memory.shape().tokens as f32);
        let rates = Rates { projection: learning_rate / (samples * tokens), value: learning_rate / samples };

        // Look first, then write: a step either happens whole or not at all.
        let Workspace { mut params, grads, .. } = self.memory.workspace();
        // `0 * x` is 0 for a finite number and NaN for any other, and NaN stays in a sum.
        let mut poison = 0.0;
        for_each_update(&mut params, &grads, rates, train_output, |_, new| poison += 0.0 * new);
        if poison != 0.0 {
            return Err(TrainError::WeightsNotFinite);
        }
        for_each_update(&mut params, &grads, rates, train_output, |weight, new| *weight = new);
        self.step += 1;
        let report = StepReport { step: self.step, train_loss };
        self.train_loss = Some(train_loss);
        Ok(report)
    }

    /// The model, to score and test with the weights as they are now.
    pub fn model(&mut self) -> Model<'_, S> {
        Model::new(self.memory)
    }
}

#[cfg(test)]
mod tests;
