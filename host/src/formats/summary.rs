//! `summary.json`: what was asked for and what came of it, with the same keys for `train` and `device train`.

use crate::formats::samples::Samples;
use mote_core::shape::Shape;
use serde::Serialize;
use std::path::Path;

/// What `summary.json` says. What is null is not known, or was not asked for.
#[derive(Debug, Default, Serialize)]
pub struct Summary<'a> {
    /// Version of the engine.
    pub engine: &'a str,
    /// Which exp and ln.
    pub math: &'a str,
    /// The board that trained; null: this machine.
    pub board: Option<&'a str>,
    /// The file of the training data.
    pub data: String,
    /// Its digest, as in the report line `digest what=train`.
    pub data_crc32: String,
    /// The file of the test data.
    pub test: Option<String>,
    /// Its digest, as in the report line `digest what=test`.
    pub test_crc32: Option<String>,
    /// The file of the initial weights; null: drawn from the seed.
    pub init: Option<String>,
    /// The seed of fresh weights.
    pub seed: Option<u64>,
    /// The preset that supplied what was not given.
    pub preset: Option<&'a str>,
    /// `N`.
    pub samples: usize,
    /// Test samples.
    pub test_samples: usize,
    /// `held` in the chip's RAM, or `streamed`; null: there was no chip.
    pub training_set: Option<&'a str>,
    /// The model.
    #[serde(flatten)]
    pub sizes: Sizes,
    /// Learning rate.
    pub learning_rate: f32,
    /// Whether `w_O` is trained.
    pub train_output: bool,
    /// Training loss that ends the run.
    pub stop_loss: Option<f32>,
    /// Steps asked for.
    pub max_steps: u32,
    /// Why the run ended.
    pub ended: &'a str,
    /// Steps done.
    pub steps: u32,
    /// Training loss before the first step.
    pub initial_train_loss: Option<f32>,
    /// Training loss at the end.
    pub final_train_loss: Option<f32>,
    /// Share of training samples with the wrong sign.
    pub final_train_error: Option<f32>,
    /// Test loss at the end.
    pub final_test_loss: Option<f32>,
    /// Share of test samples with the wrong sign.
    pub final_test_error: Option<f32>,
    /// Whether chip and this machine have the same bits; null: nothing was compared.
    pub equal_to_host: Option<bool>,
    /// Bytes sent to the chip.
    pub bytes_to_chip: Option<u64>,
    /// Bytes received from the chip.
    pub bytes_from_chip: Option<u64>,
    /// Working memory of the model.
    pub memory_bytes: usize,
    /// Duration of the training.
    pub seconds: f64,
}

/// The sizes of a model, by their names and by their letters: readers of either key exist.
#[derive(Debug, Default, Serialize)]
pub struct Sizes {
    tokens: usize,
    dim: usize,
    head: usize,
    value: usize,
    #[serde(rename = "M")]
    m: usize,
    #[serde(rename = "D")]
    d: usize,
    #[serde(rename = "H")]
    h: usize,
    #[serde(rename = "V")]
    v: usize,
}

impl From<Shape> for Sizes {
    fn from(Shape { tokens, dim, head, value }: Shape) -> Self {
        Self { tokens, dim, head, value, m: tokens, d: dim, h: head, v: value }
    }
}

impl Summary<'_> {
    /// What follows from the files and the shape of the model; the rest is empty.
    pub fn of(shape: Shape, (data, train): (&Path, &Samples), test: Option<(&Path, &Samples)>) -> Self {
        let digest = |samples: &Samples| format!("{:08x}", samples.crc32());
        Self {
            engine: mote_core::VERSION,
            math: mote_core::math::NAME,
            data: data.display().to_string(),
            data_crc32: digest(train),
            test: test.map(|(path, _)| path.display().to_string()),
            test_crc32: test.map(|(_, samples)| digest(samples)),
            samples: train.samples,
            test_samples: test.map_or(0, |(_, samples)| samples.samples),
            sizes: shape.into(),
            memory_bytes: shape.bytes().unwrap_or_default(),
            ..Self::default()
        }
    }
}
