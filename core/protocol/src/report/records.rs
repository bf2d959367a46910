//! What the records say, field by field.

use crate::wire::Name;

/// First line: who speaks, and the model's sizes.
#[derive(Clone, Debug, PartialEq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Hello {
    /// [`PROTOCOL`](super::PROTOCOL).
    pub protocol: u64,
    /// Version of the engine.
    pub engine: Name,
    /// The maths behind `exp` and `ln`.
    pub math: Name,
    /// Name of the preset.
    pub preset: Name,
    /// `M`.
    pub tokens: u64,
    /// `D`.
    pub dim: u64,
    /// `H`.
    pub head: u64,
    /// `V`.
    pub value: u64,
    /// Working memory in bytes.
    pub memory_bytes: u64,
}

/// The machine; a line that no other machine prints.
#[derive(Clone, Debug, PartialEq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Board {
    /// Name of the board.
    pub name: Name,
    /// Name of the processor.
    pub core: Name,
    /// Rate of the counter behind [`Work::ticks`], in hertz; 0 if the board has none.
    pub tick_hz: u64,
}

/// What a run is about to do.
#[derive(Clone, Debug, PartialEq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RunHeader {
    /// Name of the run.
    pub name: Name,
    /// `paper` or `uniform`.
    pub form: Name,
    /// `N`.
    pub samples: u64,
    /// Size of the test set.
    pub test_samples: u64,
    /// Seed of data and weights.
    pub seed: u64,
    /// Norm of a signal token.
    pub signal_norm: f32,
    /// Signal-to-noise ratio.
    pub snr: f32,
    /// Probability that a training label is flipped.
    pub flip: f32,
    /// Learning rate.
    pub learning_rate: f32,
    /// Training loss at which the run stops.
    pub stop_loss: f32,
    /// Steps after which the run stops.
    pub max_steps: u64,
    /// 1 if `w_O` is trained.
    pub train_output: u64,
}

/// Digest of a data set or of all weights.
#[derive(Clone, Debug, PartialEq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DigestLine {
    /// `train`, `test` or `weights`.
    pub what: Name,
    /// Step after which it was taken.
    pub step: u64,
    /// CRC-32 over the bits.
    pub digest: u32,
}

/// Figures on the test set.
#[derive(Clone, Debug, PartialEq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Eval {
    /// Steps done.
    pub step: u64,
    /// Mean loss on the training set now.
    pub train_loss: f32,
    /// Mean loss on the test set.
    pub test_loss: f32,
    /// 0-1 error on the test set.
    pub test_error: f32,
    /// Mean attention on the signal token of test samples.
    pub attention: f32,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Done {
    /// `stop-loss`, `max-steps` or `error`.
    pub reason: Name,
    /// Steps done.
    pub steps: u64,
    /// Mean training loss before the last step, `-` if no step was done.
    pub train_loss: Option<f32>,
}

/// Work of all steps of a run; differs between machines.
#[derive(Clone, Debug, PartialEq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Work {
    /// Steps done.
    pub steps: u64,
    /// Multiply-accumulates of one step.
    pub macs_per_step: u64,
    /// Counter ticks spent in steps, 0 if the board has no counter.
    pub ticks: u64,
}

/// The stack at the end of a report; differs between machines.
#[derive(Clone, Debug, PartialEq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Stack {
    /// Most bytes that were in use since the start.
    pub used: u64,
    /// Bytes there are.
    pub of: u64,
}
