//! Two slots in a region of a flash: the worse one is written, the better one loaded.

use super::error::{CheckpointError, Refusal};
use super::layout::{self, BLOCK_BYTES, Head, SEAL_BYTES, slot_bytes};
use super::run_id::RunId;
use super::saved::Saved;
use super::stream::{BlockReader, BlockWriter};
use embedded_storage::nor_flash::{NorFlash, NorFlashError, NorFlashErrorKind};
use mote_core::memory::Memory;
use mote_core::params::{Params, Tensor};
use mote_core::shape::Shape;
use mote_core::train::{StepReport, Trainer};

/// Two slots for checkpoints in a region of a flash.
///
/// The room is known to the compiler:
///
/// ```
/// use mote_runtime::checkpoint::region_bytes; use mote_core::shape::Shape;
/// const SHAPE: Shape = Shape::new(4, 32, 4, 4);
/// const PAGE: usize = 1024;
/// const { assert!(region_bytes(SHAPE, PAGE).unwrap() <= 4 * PAGE, "two checkpoints do not fit the region") }
/// ```
///
/// and a model that is too large for it does not build:
///
/// ```compile_fail
/// # use mote_runtime::checkpoint::region_bytes; use mote_core::shape::Shape;
/// # const PAGE: usize = 1024;
/// const SHAPE: Shape = Shape::new(4, 64, 8, 8);
/// const { assert!(region_bytes(SHAPE, PAGE).unwrap() <= 4 * PAGE, "two checkpoints do not fit the region") }
/// ```
#[derive(Debug)]
pub struct Store<F> {
    flash: F,
    start: u32,
    slot_bytes: u32,
}

impl<F: NorFlash> Store<F> {
    /// The store in the `bytes` from `start`, for models of `shape`. Nothing is read or written yet.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Region`] if two checkpoints do not fit; [`CheckpointError::Flash`] if the region does not
    /// begin with a page or does not lie in the flash.
    pub fn new(flash: F, start: u32, bytes: u32, shape: Shape) -> Result<Self, CheckpointError> {
        const {
            assert!(
                SEAL_BYTES.is_multiple_of(F::WRITE_SIZE) && SEAL_BYTES.is_multiple_of(F::READ_SIZE),
                "the flash must be written and read in units that divide 32 bytes"
            );
        }
        let page = F::ERASE_SIZE as u32;
        if !start.is_multiple_of(page) {
            return Err(CheckpointError::Flash(NorFlashErrorKind::NotAligned));
        }
        if start.checked_add(bytes).is_none_or(|end| end as usize > flash.capacity()) {
            return Err(CheckpointError::Flash(NorFlashErrorKind::OutOfBounds));
        }
        let store = Self { flash, start, slot_bytes: bytes / 2 / page * page };
        room(shape, store.slot_bytes)?;
        Ok(store)
    }

    /// Gives the flash back.
    pub fn release(self) -> F {
        self.flash
    }

    /// What the two slots hold, whichever run it belongs to.
    pub fn slots(&mut self) -> [Result<Saved, Refusal>; 2] {
        [self.inspect(0), self.inspect(1)]
    }

    /// Saves the weights and the last step of `trainer` over the worse of the two slots.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Region`], [`CheckpointError::Flash`] or [`CheckpointError::NotStored`]. The better slot is
    /// untouched then, and so is the trainer, which may go on.
    pub fn save<S: Memory>(&mut self, run: RunId, trainer: &mut Trainer<S>) -> Result<Saved, CheckpointError> {
        let (shape, last) = (trainer.shape(), trainer.last_step());
        self.save_weights(run, shape, (last, 0), &trainer.params())
    }

    /// As [`Store::save`], of weights that no trainer holds; beside the last step, the digest of the training set.
    ///
    /// # Errors
    ///
    /// As [`Store::save`].
    pub fn save_weights(
        &mut self,
        run: RunId,
        shape: Shape,
        (last, data): (Option<StepReport>, u32),
        params: &Params,
    ) -> Result<Saved, CheckpointError> {
        let bytes = room(shape, self.slot_bytes)?;
        let slots = self.slots();
        let [better, target] = best_first(&slots);
        let sequence = match slots.get(better) {
            Some(Ok(saved)) => saved.sequence.wrapping_add(1),
            _ => 0,
        };
        let saved = Saved { sequence, shape, run, last, data, seals: 2 };
        let begin = self.begin(target);
        self.write(begin, bytes, &saved, params).map_err(|e| CheckpointError::Flash(e.kind()))?;
        match self.inspect(target) {
            Ok(found) if found.seals == 2 && found.sequence == sequence => Ok(saved),
            _ => Err(CheckpointError::NotStored),
        }
    }

    /// Loads the best checkpoint of `run` into `trainer`: its weights and its last step.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Refused`]: the trainer is unchanged. [`CheckpointError::Unstable`]: the weights are 0 and
    /// want to be drawn anew.
    pub fn load<S: Memory>(&mut self, run: RunId, trainer: &mut Trainer<S>) -> Result<Saved, CheckpointError> {
        let shape = trainer.shape();
        let loaded = self.load_weights(run, shape, &mut trainer.params());
        match loaded {
            Ok(saved) => trainer.resume_after(saved.last),
            Err(CheckpointError::Unstable) => trainer.resume_after(None),
            Err(_) => {}
        }
        loaded
    }

    /// As [`Store::load`], into weights that no trainer holds.
    ///
    /// # Errors
    ///
    /// As [`Store::load`].
    pub fn load_weights(&mut self, run: RunId, shape: Shape, params: &mut Params) -> Result<Saved, CheckpointError> {
        let mut slots = self.slots();
        for slot in &mut slots {
            *slot = slot.and_then(|saved| layout::fits(saved, shape, run));
        }
        for slot in best_first(&slots) {
            let Some(Ok(saved)) = slots.get(slot).copied() else { continue };
            if self.copy(slot, params).is_ok() {
                return Ok(saved);
            }
        }
        match slots {
            [Err(first), Err(second)] => Err(CheckpointError::Refused([first, second])),
            _ => {
                Tensor::ALL.into_iter().for_each(|tensor| params.tensor_mut(tensor).data().fill(0.0));
                Err(CheckpointError::Unstable)
            }
        }
    }

    /// Where a slot begins.
    fn begin(&self, slot: usize) -> u32 {
        if slot == 0 { self.start } else { self.start + self.slot_bytes }
    }

    /// Erases, then writes from the first word to the seal.
    #[inline(never)]
    fn write(&mut self, begin: u32, bytes: u32, saved: &Saved, params: &Params) -> Result<(), F::Error> {
        self.flash.erase(begin, begin + bytes.next_multiple_of(F::ERASE_SIZE as u32))?;
        let mut sink = BlockWriter::new(&mut self.flash, begin);
        for word in layout::encode(saved) {
            sink.word(word)?;
        }
        sink.close()?;
        for tensor in Tensor::ALL {
            for weight in params.tensor(tensor).data() {
                sink.word(weight.to_bits())?;
            }
        }
        sink.close()?;
        let seals = begin + bytes - 2 * SEAL_BYTES as u32;
        self.flash.write(seals, &[0; SEAL_BYTES])?;
        self.flash.write(seals + SEAL_BYTES as u32, &[0; SEAL_BYTES])
    }

    /// Reads a slot through and checks all of it.
    #[inline(never)]
    fn inspect(&mut self, slot: usize) -> Result<Saved, Refusal> {
        let begin = self.begin(slot);
        let mut source = BlockReader::new(&mut self.flash, begin);
        let mut head = Head::default();
        for word in &mut head {
            *word = source.word()?;
        }
        if head == [u32::MAX; _] || head == [0; _] {
            return Err(Refusal::Blank);
        }
        source.close()?;
        let mut saved = layout::decode(&head)?;
        let bytes = room(saved.shape, self.slot_bytes).map_err(|_| Refusal::Length)?;
        for _ in 0..layout::weights(saved.shape).unwrap_or(0) {
            source.word()?;
        }
        source.close()?;
        let seals = begin + bytes - 2 * SEAL_BYTES as u32;
        let mut seal = [0; SEAL_BYTES];
        if self.flash.read(seals, &mut seal).is_ok() && seal == [0; _] {
            // The second need not be whole. What cannot be read was half written, so it was begun.
            let read = self.flash.read(seals + SEAL_BYTES as u32, &mut seal);
            saved.seals = if read.is_err() || seal != [0xff; _] { 2 } else { 1 };
        }
        Ok(saved)
    }

    /// Copies the weights of a slot that [`Store::inspect`] found whole, and checks the copy.
    #[inline(never)]
    fn copy(&mut self, slot: usize, params: &mut Params) -> Result<(), Refusal> {
        let begin = self.begin(slot);
        let mut source = BlockReader::new(&mut self.flash, begin);
        for _ in 0..BLOCK_BYTES / size_of::<u32>() {
            source.word()?; // the head, which counts for the checksum
        }
        for tensor in Tensor::ALL {
            for weight in params.tensor_mut(tensor).data() {
                *weight = f32::from_bits(source.word()?);
            }
        }
        source.close()
    }
}

/// The bytes that a checkpoint of `shape` takes, if a slot has them.
fn room(shape: Shape, available: u32) -> Result<u32, CheckpointError> {
    let needed = slot_bytes(shape).and_then(|bytes| u32::try_from(bytes).ok()).unwrap_or(u32::MAX);
    if needed > available { Err(CheckpointError::Region { needed, available }) } else { Ok(needed) }
}

/// The slots, the better one first; of two that hold nothing, the first.
fn best_first(slots: &[Result<Saved, Refusal>; 2]) -> [usize; 2] {
    let swap = match slots {
        [Ok(first), Ok(second)] => second.is_better_than(first),
        [first, second] => first.is_err() && second.is_ok(),
    };
    if swap { [1, 0] } else { [0, 1] }
}
