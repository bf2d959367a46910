//! Runs and tests that are asked for, before they begin.

use super::sample_source::{Origin, SampleReceiver};
use super::state::{Activity, AutosaveSchedule, EvalRun, Outcome, SessionState};
use super::weight_storage::WeightStorage;
use crate::runs::plan::{Plan, Start, SyntheticPair};
use crate::runs::training_run::TrainingRun;
use core::num::NonZeroU32;
use mote_core::data::Split;
use mote_core::memory::Memory;
use mote_core::metrics::ScoreSums;
use mote_core::shape::Shape;
use mote_core::train::{TrainError, Trainer};
use mote_protocol::command::{CommandError, Data, ErrorKind, Train, form_name};
use mote_protocol::limits;
use mote_protocol::report::{Record, RunHeader};

impl<S: Memory, V: WeightStorage> SessionState<'_, S, V> {
    /// The sets of a command: where they come from, and how many samples they have.
    #[inline(never)]
    pub(super) fn sets(&self, data: Data, train: usize, test: usize) -> Result<(Origin, usize, usize), CommandError> {
        let Shape { tokens, dim, .. } = self.shape();
        match data {
            Data::SyntheticPair(distribution, seed) => {
                let made =
                    SyntheticPair::new(distribution, (tokens, dim), (train, test), seed).map_err(ErrorKind::from)?;
                Ok((Origin::SyntheticPair(made), train, test))
            }
            Data::Held => Ok((Origin::Held, self.held.train, self.held.test)),
            Data::Stream => {
                let most = limits::NUMBERS_MAX / self.sample_numbers() as u64;
                if train.max(test) as u64 > most {
                    return Err(ErrorKind::Range("n", 1, most).into());
                }
                Ok((Origin::Stream, train, test))
            }
        }
    }

    #[inline(never)]
    pub(super) fn prepare(&mut self, train: &Train) -> Result<TrainingRun, CommandError> {
        let (origin, samples, test_samples) = self.sets(train.data, train.samples, train.test_samples)?;
        if samples == 0 {
            return Err(ErrorKind::Held.into());
        }
        if train.eval_every.is_some_and(|every| every > 0) && test_samples == 0 {
            return Err(ErrorKind::Conflict("eval", "no test set").into());
        }
        if let Some(every) = NonZeroU32::new(train.save_every) {
            let wear = self.storage.wear()?;
            // None after the last step, and none for steps that are done.
            let begun = if train.init.is_some() { 0 } else { self.step };
            let saves = (train.max_steps.saturating_sub(1) / every).saturating_sub(begun / every);
            if !train.force {
                wear.check(saves)?;
            }
        }
        Trainer::new(self.memory, train.settings).map_err(ErrorKind::from)?;
        if train.init.is_some_and(|init| !init.is_possible()) {
            return Err(ErrorKind::Run(TrainError::WeightsNotFinite).into());
        }
        let plan = Plan {
            samples,
            test_samples,
            start: train.init.map_or(Start::Keep(self.step, self.last), |init| Start::Fresh(init, train.seed)),
            settings: train.settings,
            stop_loss: train.stop_loss,
            max_steps: train.max_steps,
            eval_every: train.eval_every.unwrap_or(if test_samples > 0 { 5 } else { 0 }),
            report_every: train.report_every,
        };
        self.origin = origin;
        self.receiver = SampleReceiver::default();
        let run = TrainingRun::new(plan).after(self.step);
        self.autosave = AutosaveSchedule { every: train.save_every, last: run.steps() };
        Ok(run)
    }

    #[inline(never)]
    pub(super) fn header(&self, train: &Train, run: &TrainingRun) -> Record {
        let (signal_norm, snr, flip) = match train.data {
            Data::SyntheticPair(made, _) => (made.signal_norm, made.snr(self.shape().dim), made.flip),
            Data::Held | Data::Stream => (0.0, 0.0, 0.0),
        };
        Record::Run(RunHeader {
            name: train.name.clone(),
            form: form_name(&train.data),
            samples: run.plan().samples as u64,
            test_samples: run.plan().test_samples as u64,
            seed: train.seed,
            signal_norm,
            snr,
            flip,
            learning_rate: train.settings.learning_rate,
            stop_loss: train.stop_loss,
            max_steps: train.max_steps.into(),
            train_output: train.settings.train_output.into(),
        })
    }

    pub(super) fn eval(&mut self, data: Data, split: Split, samples: usize) -> Outcome {
        let (train, test) = match split {
            Split::Train => (samples, 0),
            Split::Test => (0, samples),
        };
        let (origin, train, test) = self.sets(data, train, test)?;
        let count = if split == Split::Train { train } else { test };
        if count == 0 {
            return Err(ErrorKind::Held.into());
        }
        self.origin = origin;
        self.receiver = SampleReceiver::default();
        self.activity = Activity::Eval(EvalRun { split, n: 0, count, scores: ScoreSums::default() });
        Ok((count as u64, 0))
    }
}
