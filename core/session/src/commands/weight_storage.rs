//! Where weights outlast a power cut: the seam to whatever memory a board has for it.

use crate::checkpoint::{CheckpointError, Refusal, RunId, Store};
use crate::runs::plan::LastLoss;
use embedded_storage::nor_flash::NorFlash;
use mote_core::params::Params;
use mote_core::shape::Shape;
use mote_core::train::StepReport;
use mote_protocol::command::ErrorKind;

/// How much the memory was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wear {
    /// Saves so far.
    pub saves: u32,
    /// Saves that its maker promises.
    pub life: u32,
}

/// The part of its life that one run may take of a memory unless told otherwise: one in so many.
const RUN_SHARE: u32 = 100;

impl Wear {
    /// Whether a run may save so often again.
    #[inline]
    pub(super) fn check(self, saves: u32) -> Result<(), ErrorKind> {
        let most = (self.life / RUN_SHARE).min(self.life.saturating_sub(self.saves));
        if saves > most { Err(ErrorKind::Wear(saves, most)) } else { Ok(()) }
    }
}

/// Keeps weights.
pub trait WeightStorage {
    /// How much the memory that keeps them was used, if there is any.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoFlash`].
    fn wear(&mut self) -> Result<Wear, ErrorKind>;

    /// Keeps the weights that `step` steps have made, and the loss before the last of them where it is known.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoFlash`] or [`ErrorKind::SaveFailed`]; what was kept before is still kept.
    fn save(&mut self, step: u32, last: Option<LastLoss>, params: &Params) -> Result<(), ErrorKind>;

    /// Puts the weights back that were kept last, and returns their steps, and the loss before the last of them where
    /// it is known.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoFlash`], [`ErrorKind::NothingSaved`], [`ErrorKind::SavedCorrupt`] or [`ErrorKind::SavedOther`]:
    /// the weights are as before. [`ErrorKind::SavedUnstable`]: they are 0.
    fn resume(&mut self, params: &mut Params) -> Result<(u32, Option<LastLoss>), ErrorKind>;
}

/// A board without such memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStorage;

impl WeightStorage for NoStorage {
    #[inline]
    fn wear(&mut self) -> Result<Wear, ErrorKind> {
        Err(ErrorKind::NoFlash)
    }

    #[inline]
    fn save(&mut self, _: u32, _: Option<LastLoss>, _: &Params) -> Result<(), ErrorKind> {
        Err(ErrorKind::NoFlash)
    }

    #[inline]
    fn resume(&mut self, _: &mut Params) -> Result<(u32, Option<LastLoss>), ErrorKind> {
        Err(ErrorKind::NoFlash)
    }
}

/// Two checkpoints in a NOR flash: see [`checkpoint`](crate::checkpoint).
#[derive(Debug)]
pub struct FlashStorage<F> {
    store: Store<F>,
    /// Saves that the flash is made for.
    life: u32,
    shape: Shape,
}

impl<F: NorFlash> FlashStorage<F> {
    /// The storage in the `bytes` from `start` of a flash whose pages may be erased so often, for models of `shape`.
    ///
    /// # Errors
    ///
    /// As [`Store::new`].
    #[inline]
    pub fn new(flash: F, start: u32, bytes: u32, erasures: u32, shape: Shape) -> Result<Self, CheckpointError> {
        // Two saves erase each page once.
        Ok(Self { store: Store::new(flash, start, bytes, shape)?, life: erasures.saturating_mul(2), shape })
    }
}

impl<F: NorFlash> WeightStorage for FlashStorage<F> {
    /// A checkpoint says how many were saved before it. What no longer can be read was never saved.
    #[inline(never)]
    fn wear(&mut self) -> Result<Wear, ErrorKind> {
        let counts = self.store.slots().into_iter().flatten().map(|saved| saved.sequence.saturating_add(1));
        Ok(Wear { saves: counts.max().unwrap_or(0), life: self.life })
    }

    #[inline(never)]
    fn save(&mut self, step: u32, last: Option<LastLoss>, params: &Params) -> Result<(), ErrorKind> {
        // A loss that is not known is kept as NaN.
        let (train_loss, data) = last.map_or((f32::NAN, 0), |last| (last.train_loss, last.data));
        let report = (step > 0).then_some(StepReport { step, train_loss });
        let saved = self.store.save_weights(RunId::session(), self.shape, (report, data), params);
        saved.map(|_| ()).map_err(|_| ErrorKind::SaveFailed)
    }

    #[inline(never)]
    fn resume(&mut self, params: &mut Params) -> Result<(u32, Option<LastLoss>), ErrorKind> {
        match self.store.load_weights(RunId::session(), self.shape, params) {
            Ok(saved) => Ok(saved.last.map_or((0, None), |last| {
                let known = (!last.train_loss.is_nan()).then_some(last.train_loss);
                (last.step, known.map(|train_loss| LastLoss { train_loss, data: saved.data }))
            })),
            Err(CheckpointError::Unstable) => Err(ErrorKind::SavedUnstable),
            Err(CheckpointError::Refused(slots)) => Err(should_report(slots)),
            Err(_) => Err(ErrorKind::SavedCorrupt),
        }
    }
}

/// What is wrong with two slots, in one word: what is of another model says more than what is damaged, and that more
/// than what is blank.
#[inline]
fn should_report(slots: [Refusal; 2]) -> ErrorKind {
    let is_other = |slot: &Refusal| {
        matches!(
            slot,
            Refusal::Mark
                | Refusal::Version { .. }
                | Refusal::Length
                | Refusal::Shape { .. }
                | Refusal::Seed { .. }
                | Refusal::Settings { .. }
        )
    };
    if slots.iter().any(is_other) {
        ErrorKind::SavedOther
    } else if slots.iter().all(|slot| *slot == Refusal::Blank) {
        ErrorKind::NothingSaved
    } else {
        ErrorKind::SavedCorrupt
    }
}
