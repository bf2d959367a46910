//! Where the samples of a session come from: made, held in RAM, or sent one by one.

use super::transfer::check;
use crate::runs::plan::{Source, SyntheticPair};
use mote_core::data::{DataError, Label, Split};
use mote_core::matrix::MatrixMut;
use mote_protocol::command::ErrorKind;
use mote_protocol::limits::SAMPLE_IDLE_MS;

/// How many samples lie in the store: training samples first, test samples behind them.
#[derive(Clone, Copy, Default)]
pub(super) struct Held {
    pub(super) train: usize,
    pub(super) test: usize,
}

/// Where the samples of the run in progress come from.
#[derive(Clone, Copy)]
pub(super) enum Origin {
    SyntheticPair(SyntheticPair),
    Held,
    Stream,
}

/// A streamed sample on its way in. Its tokens wait where the model reads them.
#[derive(Default)]
pub(super) struct SampleReceiver {
    /// The set, the sample and whether it was asked for.
    wanted: Option<(Split, usize)>,
    filled: usize,
    label: Option<Label>,
    since_ms: u32,
}

impl SampleReceiver {
    /// Begins to wait for a sample.
    #[inline]
    pub(super) fn want(&mut self, split: Split, sample: usize, now_ms: u32) {
        *self = Self { wanted: Some((split, sample)), filled: 0, label: None, since_ms: now_ms };
    }

    #[inline]
    pub(super) fn is_wanted(&self, split: Split, sample: usize) -> bool {
        self.wanted == Some((split, sample))
    }

    #[inline]
    pub(super) fn is_complete(&self) -> bool {
        self.label.is_some()
    }

    #[inline]
    pub(super) fn is_late(&self, now_ms: u32) -> bool {
        now_ms.wrapping_sub(self.since_ms) >= SAMPLE_IDLE_MS
    }

    /// Position of the next number in its set.
    #[inline]
    pub(super) fn next(&self, tokens: usize) -> u64 {
        self.wanted.map_or(0, |(_, sample)| sample as u64 * (tokens as u64 + 1) + self.filled as u64)
    }

    /// Takes the next numbers, all of them or none, into `x`.
    #[inline]
    pub(super) fn put(
        &mut self,
        first: u32,
        numbers: impl Iterator<Item = f32> + Clone,
        x: &mut [f32],
        now_ms: u32,
    ) -> Result<(), ErrorKind> {
        if self.wanted.is_none() || self.is_complete() {
            return Err(ErrorKind::NoTransfer);
        }
        let next = self.next(x.len());
        if u64::from(first) != next {
            return Err(ErrorKind::Order(next));
        }
        let left = x.len() + 1 - self.filled;
        if numbers.clone().take(left + 1).count() > left {
            return Err(ErrorKind::BeyondEnd(next + left as u64));
        }
        for (at, number) in (self.filled..).zip(numbers.clone()) {
            check(number, at == x.len())?;
        }
        for number in numbers {
            match x.get_mut(self.filled) {
                Some(place) => *place = number,
                None => self.label = Some(label_of(number)),
            }
            self.filled += 1;
        }
        self.since_ms = now_ms;
        Ok(())
    }
}

/// The class behind a label of +1 or -1.
#[inline]
fn label_of(number: f32) -> Label {
    if number > 0.0 { Label::Plus } else { Label::Minus }
}

/// The samples of a run, for the time of one of them.
pub(super) struct SampleSource<'t> {
    pub(super) origin: Origin,
    pub(super) store: &'t [f32],
    pub(super) held: Held,
    pub(super) receiver: &'t SampleReceiver,
}

impl Source for SampleSource<'_> {
    #[inline]
    fn read(&mut self, split: Split, n: usize, mut x: MatrixMut) -> Result<Label, DataError> {
        match (&mut self.origin, split) {
            (Origin::SyntheticPair(made), _) => made.read(split, n, x),
            (Origin::Held, _) => {
                let before = if split == Split::Test { self.held.train } else { 0 };
                let x = x.data();
                let size = x.len() + 1;
                let sample = (before + n).checked_mul(size).and_then(|start| self.store.get(start..)?.get(..size));
                let (label, tokens) = sample.and_then(<[f32]>::split_last).ok_or(DataError::OutOfRange)?;
                for (place, number) in x.iter_mut().zip(tokens) {
                    *place = *number;
                }
                Ok(label_of(*label))
            }
            // The tokens are in `x` already.
            (Origin::Stream, _) => self.receiver.label.ok_or(DataError::Missing),
        }
    }
}
