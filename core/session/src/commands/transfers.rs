//! Numbers that are sent and asked for: the commands behind a [`Transfer`] and a [`WeightsUpload`].

use super::sample_source::Held;
use super::state::{Activity, Outcome, SessionState};
use super::transfer::{Transfer, TransferKind, WeightsUpload};
use super::weight_storage::WeightStorage;
use crate::runs::training_run::weights_crc32;
use mote_core::data::Split;
use mote_core::memory::Memory;
use mote_protocol::command::{CommandError, ErrorKind};
use mote_protocol::limits;

impl<S: Memory, V: WeightStorage> SessionState<'_, S, V> {
    pub(super) fn send_weights(&mut self, binary: bool) -> Outcome {
        let params = self.memory.workspace().params;
        let (count, crc) = (params.count(), weights_crc32(&params));
        self.activity = Activity::Send(WeightsUpload { binary, next: 0 });
        Ok((count as u64, crc))
    }

    /// What is held is lost: its place is where the weights wait.
    pub(super) fn take_weights(&mut self, step: u32, binary: bool, now_ms: u32) -> Outcome {
        let count = self.memory.workspace().params.count();
        if count > self.store.len() {
            return Err(ErrorKind::NoRoom(count as u64, self.store.len() as u64).into());
        }
        self.held = Held::default();
        self.activity = Activity::Take(Transfer::new(TransferKind::Weights(step), binary, 0, count as u32, now_ms));
        Ok((count as u64, 0))
    }

    /// New training samples replace all that is held, new test samples only those.
    pub(super) fn take_samples(&mut self, split: Split, samples: usize, binary: bool, now_ms: u32) -> Outcome {
        let size = self.sample_numbers();
        let before = if split == Split::Test { self.held.train * size } else { 0 };
        let room = self.store.len().saturating_sub(before);
        let room = room.min(limits::NUMBERS_MAX as usize);
        let count = samples.saturating_mul(size);
        if count > room {
            return Err(ErrorKind::NoRoom(samples as u64 * size as u64, room as u64).into());
        }
        self.held.test = 0;
        if split == Split::Train {
            self.held.train = 0;
        }
        self.activity =
            Activity::Take(Transfer::new(TransferKind::Samples(split), binary, before, count as u32, now_ms));
        Ok((count as u64, 0))
    }

    #[inline(never)]
    pub(super) fn put(&mut self, first: u32, numbers: impl Iterator<Item = f32> + Clone, now_ms: u32) -> Outcome {
        let size = self.sample_numbers();
        match &mut self.activity {
            Activity::Take(transfer) => {
                transfer.put(first, numbers, size, self.store, now_ms)?;
                Ok((transfer.next().into(), transfer.crc()))
            }
            Activity::Train(_) | Activity::Eval(_) => {
                let mut x = self.memory.workspace().acts.x;
                self.receiver.put(first, numbers, x.data(), now_ms)?;
                Ok((self.receiver.next(size - 1), 0))
            }
            Activity::Idle | Activity::Send(_) => Err(ErrorKind::NoTransfer.into()),
        }
    }

    #[inline(never)]
    pub(super) fn end(&mut self, crc: Option<u32>) -> Outcome {
        let size = self.sample_numbers();
        let Activity::Take(transfer) = &self.activity else { return Err(ErrorKind::NoTransfer.into()) };
        let (kind, total, digest) = (transfer.kind, transfer.total, transfer.crc());
        let checked = transfer.check_end(crc);
        if let Err(ErrorKind::Incomplete(_)) = checked {
            return checked.map(|()| (0, 0)).map_err(CommandError::from);
        }
        self.activity = Activity::Idle;
        checked?;
        let count = total as usize;
        match kind {
            TransferKind::Samples(Split::Train) => self.held.train = count.checked_div(size).unwrap_or_default(),
            TransferKind::Samples(Split::Test) => self.held.test = count.checked_div(size).unwrap_or_default(),
            TransferKind::Weights(step) => {
                self.memory.workspace().params.set_row(self.store);
                (self.step, self.last) = (step, None);
            }
        }
        Ok((total.into(), digest))
    }
}
