//! The records a run reports: what a line of the protocol can say.

mod records;

use crate::wire::{Fields, Name, WireError, lines, to_name};
use mote_core::data::DataError;
use mote_core::metrics::{Evaluation, Tracked};
use mote_core::train::{StepReport, TrainError};

pub use records::{Board, DigestLine, Done, Eval, Hello, RunHeader, Stack, Work};

/// Version of the protocol, in the first line of every report.
pub const PROTOCOL: u64 = 1;

/// One line of a report.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Record {
    /// Who speaks.
    Hello(Hello),
    /// On which machine.
    Board(Board),
    /// A run begins.
    Run(RunHeader),
    /// Proof that data or weights are the same.
    Digest(DigestLine),
    /// A step was done.
    Step(StepReport),
    /// The model was tested.
    Eval(Eval),
    /// The quantities of the paper on training sample 0 after `step` steps.
    Track(u64, Tracked),
    /// A run failed: steps done and code.
    Error(u64, Name),
    /// A run ended.
    Done(Done),
    /// What it cost.
    Work(Work),
    /// How much stack it took.
    Stack(Stack),
    /// The report ends: runs done, runs failed.
    Bye(u64, u64),
}

lines!(Record {
    "hello" => Hello(Hello::default()),
    "board" => Board(Board::default()),
    "run" => Run(RunHeader::default()),
    "digest" => Digest(DigestLine::default()),
    "step" => Step(StepReport { step: 0, train_loss: 0.0 }),
    "eval" => Eval(Eval::default()),
    "track" => Track(0, Tracked::default()),
    "error" => Error(0, Name::new()),
    "done" => Done(Done::default()),
    "work" => Work(Work::default()),
    "stack" => Stack(Stack::default()),
    "bye" => Bye(0, 0),
});

impl Record {
    /// Whether every machine must print this record with the same bits: all but `board`, `work` and `stack`.
    #[inline]
    pub fn is_portable(&self) -> bool {
        !matches!(self, Self::Board(_) | Self::Work(_) | Self::Stack(_))
    }

    /// The fields, in the order of the line: the one list that writes and reads.
    ///
    /// # Errors
    ///
    /// What `f` answers.
    #[inline]
    pub fn write_fields(&mut self, f: &mut impl Fields) -> Result<(), WireError> {
        match self {
            Self::Hello(r) => {
                f.count("protocol", &mut r.protocol)?;
                f.name("engine", &mut r.engine)?;
                f.name("math", &mut r.math)?;
                f.name("preset", &mut r.preset)?;
                f.count("M", &mut r.tokens)?;
                f.count("D", &mut r.dim)?;
                f.count("H", &mut r.head)?;
                f.count("V", &mut r.value)?;
                f.count("memory_bytes", &mut r.memory_bytes)
            }
            Self::Board(r) => {
                f.name("name", &mut r.name)?;
                f.name("core", &mut r.core)?;
                f.count("tick_hz", &mut r.tick_hz)
            }
            Self::Run(r) => {
                f.name("name", &mut r.name)?;
                f.name("form", &mut r.form)?;
                f.count("N", &mut r.samples)?;
                f.count("test_samples", &mut r.test_samples)?;
                f.count("seed", &mut r.seed)?;
                f.real("signal_norm", &mut r.signal_norm)?;
                f.real("snr", &mut r.snr)?;
                f.real("flip", &mut r.flip)?;
                f.real("lr", &mut r.learning_rate)?;
                f.real("stop_loss", &mut r.stop_loss)?;
                f.count("max_steps", &mut r.max_steps)?;
                f.count("train_output", &mut r.train_output)
            }
            Self::Digest(r) => {
                f.name("what", &mut r.what)?;
                f.count("step", &mut r.step)?;
                f.bits("crc", &mut r.digest)
            }
            Self::Step(r) => {
                let mut step = u64::from(r.step);
                f.count("step", &mut step)?;
                r.step = u32::try_from(step).map_err(|_| WireError::Value("step"))?;
                f.real("train_loss", &mut r.train_loss)
            }
            Self::Eval(r) => {
                f.count("step", &mut r.step)?;
                f.real("train_loss", &mut r.train_loss)?;
                f.real("test_loss", &mut r.test_loss)?;
                f.real("test_error", &mut r.test_error)?;
                f.real("attention", &mut r.attention)
            }
            Self::Track(step, r) => {
                f.count("step", step)?;
                f.real("attention_signal", &mut r.attention_signal)?;
                f.maybe_real("attention_noise", &mut r.attention_noise)?;
                f.real("v_signal", &mut r.v_signal)?;
                f.maybe_real("v_noise", &mut r.v_noise)?;
                f.real("qk_signal_signal", &mut r.qk_signal_signal)?;
                f.maybe_real("qk_signal_noise", &mut r.qk_signal_noise)?;
                f.maybe_real("qk_xi3_signal", &mut r.qk_xi3_signal)?;
                f.maybe_real("qk_xi3_noise", &mut r.qk_xi3_noise)
            }
            Self::Error(step, code) => {
                f.count("step", step)?;
                f.name("code", code)
            }
            Self::Done(r) => {
                f.name("reason", &mut r.reason)?;
                f.count("steps", &mut r.steps)?;
                f.maybe_real("train_loss", &mut r.train_loss)
            }
            Self::Work(r) => {
                f.count("steps", &mut r.steps)?;
                f.count("macs_per_step", &mut r.macs_per_step)?;
                f.count("ticks", &mut r.ticks)
            }
            Self::Stack(r) => {
                f.count("used", &mut r.used)?;
                f.count("of", &mut r.of)
            }
            Self::Bye(done, failed) => {
                f.count("runs", done)?;
                f.count("failed", failed)
            }
        }
    }

    /// The record of figures on the test set after `step` steps.
    #[inline]
    pub fn eval(step: u32, train: Evaluation, test: Evaluation) -> Self {
        Self::Eval(Eval {
            step: step.into(),
            train_loss: train.loss,
            test_loss: test.loss,
            test_error: test.error,
            attention: test.attention,
        })
    }
}

/// The word a report uses for an error.
#[inline]
pub fn error_code(error: TrainError) -> Name {
    to_name(match error {
        TrainError::LearningRate => "learning-rate",
        TrainError::LossNotFinite => "loss-not-finite",
        TrainError::WeightsNotFinite => "weights-not-finite",
        TrainError::Data(DataError::Empty) => "data-empty",
        TrainError::Data(DataError::OutOfRange) => "data-out-of-range",
        TrainError::Data(DataError::Shape) => "data-shape",
        TrainError::Data(DataError::Form) => "data-form",
        TrainError::Data(DataError::Parameter) => "data-parameter",
        TrainError::Data(DataError::Missing) => "data-missing",
    })
}
