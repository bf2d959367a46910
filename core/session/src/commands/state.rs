//! What a session remembers between two commands.

use super::port::Port;
use super::sample_source::{Held, Origin, SampleReceiver};
use super::transfer::{Transfer, TransferKind, WeightsUpload};
use super::weight_storage::WeightStorage;
use crate::runs::plan::LastLoss;
use crate::runs::training_run::{TrainingRun, weights_crc32};
use mote_core::data::{DataError, Split};
use mote_core::memory::Memory;
use mote_core::metrics::ScoreSums;
use mote_core::shape::Shape;
use mote_protocol::answer::Answer;
use mote_protocol::command::CommandError;
use mote_protocol::report::Board;
use mote_protocol::wire::to_name;

/// What a command that is taken answers: two figures, which depend on it.
pub(super) type Outcome = Result<(u64, u32), CommandError>;

/// Nothing, a run, a test, or numbers on their way.
pub(super) enum Activity {
    Idle,
    Train(TrainingRun),
    Eval(EvalRun),
    Take(Transfer),
    Send(WeightsUpload),
}

impl Activity {
    #[inline]
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Train(_) => "train",
            Self::Eval(_) => "eval",
            Self::Take(transfer) => match transfer.kind {
                TransferKind::Samples(_) => "data",
                TransferKind::Weights(_) => "load",
            },
            Self::Send(_) => "weights",
        }
    }
}

/// A test in progress.
pub(super) struct EvalRun {
    pub(super) split: Split,
    pub(super) n: usize,
    pub(super) count: usize,
    pub(super) scores: ScoreSums,
}

/// When a run is saved.
#[derive(Clone, Copy, Default)]
pub(super) struct AutosaveSchedule {
    /// Steps between two saves; 0: never.
    pub(super) every: u32,
    /// Steps behind the weights that were saved or begun with last.
    pub(super) last: u32,
}

/// Why a streamed sample that did not come ends what waits for it.
pub(super) const MISSING: DataError = DataError::Missing;

/// What a session has, apart from the line: memory, storage, what it works on.
pub(super) struct SessionState<'m, S: Memory, V: WeightStorage> {
    pub(super) memory: &'m mut S,
    pub(super) store: &'m mut [f32],
    pub(super) storage: V,
    pub(super) board: Board,
    pub(super) activity: Activity,
    /// Steps behind the weights.
    pub(super) step: u32,
    /// The loss before the last of them, where it is known.
    pub(super) last: Option<LastLoss>,
    pub(super) autosave: AutosaveSchedule,
    pub(super) held: Held,
    pub(super) origin: Origin,
    pub(super) receiver: SampleReceiver,
}

impl<'m, S: Memory, V: WeightStorage> SessionState<'m, S, V> {
    pub(super) fn new(memory: &'m mut S, store: &'m mut [f32], storage: V, board: Board) -> Self {
        Self {
            memory,
            store,
            storage,
            board,
            activity: Activity::Idle,
            step: 0,
            last: None,
            autosave: AutosaveSchedule::default(),
            held: Held::default(),
            origin: Origin::Held,
            receiver: SampleReceiver::default(),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.activity, Activity::Idle)
    }

    /// Whether frames are expected.
    pub(super) fn takes_frames(&self) -> bool {
        match &self.activity {
            Activity::Take(transfer) => transfer.binary,
            Activity::Train(_) | Activity::Eval(_) => matches!(self.origin, Origin::Stream),
            _ => false,
        }
    }

    pub(super) fn shape(&self) -> Shape {
        self.memory.shape()
    }

    /// Numbers in a sample: its tokens and its label.
    pub(super) fn sample_numbers(&self) -> usize {
        let Shape { tokens, dim, .. } = self.shape();
        tokens * dim + 1
    }

    pub(super) fn digest(&mut self) -> (u32, u32) {
        (weights_crc32(&self.memory.workspace().params), self.behind())
    }

    /// Steps behind the weights that are there.
    pub(super) fn behind(&self) -> u32 {
        match &self.activity {
            Activity::Train(run) => run.behind(),
            _ => self.step,
        }
    }

    #[inline(never)]
    pub(super) fn refuse<P: Port>(&self, name: &str, refusal: &CommandError, port: &mut P) -> Result<(), P::Error> {
        port.answer(Answer::Refused(to_name(name), refusal.fault.code(), refusal.text()))
    }

    /// Takes over what a run leaves behind.
    pub(super) fn leave(&mut self, run: &TrainingRun) {
        self.receiver = SampleReceiver::default();
        if run.has_weights() {
            (self.step, self.last) = (run.steps(), run.last_loss());
        }
    }
}
