//! Why training or scoring refuses to go on.

use crate::data::DataError;
use core::fmt;

/// Why training or scoring refused to go on. Weights and step count are as they were before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TrainError {
    /// The learning rate is 0, negative, NaN or infinite.
    LearningRate,
    /// A sample could not be had, or does not have the shape of the model.
    Data(DataError),
    /// A loss is NaN or infinite: the learning rate is too large, or the data is.
    LossNotFinite,
    /// The step, or the recipe of the initial weights, would make a weight NaN or infinite.
    WeightsNotFinite,
}

impl From<DataError> for TrainError {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

impl TrainError {
    /// What is wrong, as a sentence.
    pub const fn text(self) -> &'static str {
        match self {
            Self::LearningRate => "the learning rate must be finite and above 0",
            Self::Data(error) => error.text(),
            Self::LossNotFinite => "the loss is not finite",
            Self::WeightsNotFinite => "a weight would be infinite or NaN",
        }
    }
}

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for TrainError {}
