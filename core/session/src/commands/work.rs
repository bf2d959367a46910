//! What a session does between two commands: one sample, or one part of an upload.

use super::port::Port;
use super::sample_source::{Origin, SampleReceiver, SampleSource};
use super::state::{Activity, AutosaveSchedule, EvalRun, MISSING, SessionState};
use super::transfer::Part;
use super::weight_storage::WeightStorage;
use crate::runs::plan::Source;
use crate::runs::training_run::{weights_crc32, weights_record};
use mote_core::data::Split;
use mote_core::memory::Memory;
use mote_core::model::Model;
use mote_core::train::TrainError;
use mote_protocol::answer::{Answer, Score};
use mote_protocol::command::ErrorKind;
use mote_protocol::report::{DigestLine, Record, error_code};
use mote_protocol::wire::to_name;

/// Whether the next sample can be read.
enum Readiness {
    Ready,
    Waiting,
    Late,
}

impl<S: Memory, V: WeightStorage> SessionState<'_, S, V> {
    /// See [`super::Session::work`].
    pub(super) fn work<P: Port>(&mut self, now_ms: u32, port: &mut P) -> Result<bool, P::Error> {
        match &self.activity {
            Activity::Idle => Ok(false),
            Activity::Take(transfer) => {
                if transfer.is_late(now_ms) {
                    let what = to_name(self.activity.name());
                    self.activity = Activity::Idle;
                    port.answer(Answer::Aborted(what, ErrorKind::TransferTimeout.code()))?;
                }
                Ok(false)
            }
            Activity::Send(_) => self.send(port),
            Activity::Train(run) => match run.needs() {
                Some(need) => self.train(need, now_ms, port),
                None => Ok(false),
            },
            Activity::Eval(eval_run) => self.test((eval_run.split, eval_run.n, eval_run.count), now_ms, port),
        }
    }

    #[inline(never)]
    fn send<P: Port>(&mut self, port: &mut P) -> Result<bool, P::Error> {
        let Activity::Send(upload) = &mut self.activity else { return Ok(false) };
        let params = self.memory.workspace().params;
        match upload.part(&params, || weights_crc32(&params)) {
            Part::Frame(bytes) => port.send(&bytes).map(|()| true),
            Part::Line(first, words) => port.answer(Answer::Numbers(first, words)).map(|()| true),
            Part::End(bytes) => {
                self.activity = Activity::Idle;
                match bytes {
                    Some(bytes) => port.send(&bytes),
                    None => port.emit(weights_record(&params, self.step)),
                }?;
                Ok(false)
            }
        }
    }

    /// Makes sure that a streamed sample is there, or asks for it, and asks for the one behind it in time.
    #[inline(never)]
    fn await_sample<P: Port>(
        &mut self,
        (split, n, count): (Split, usize, usize),
        now_ms: u32,
        port: &mut P,
    ) -> Result<Readiness, P::Error> {
        if !matches!(self.origin, Origin::Stream) {
            return Ok(Readiness::Ready);
        }
        if !self.receiver.is_wanted(split, n) {
            self.receiver.want(split, n, now_ms);
            port.answer(Answer::Want(to_name(split.name()), n as u64))?;
        }
        if self.receiver.is_complete() {
            if n + 1 < count {
                port.answer(Answer::Want(to_name(split.name()), n as u64 + 1))?;
            }
            return Ok(Readiness::Ready);
        }
        Ok(if self.receiver.is_late(now_ms) { Readiness::Late } else { Readiness::Waiting })
    }

    /// The sample is spent. The next of the pass was asked for already.
    fn spend(&mut self, (split, n, count): (Split, usize, usize), now_ms: u32) {
        if n + 1 < count && matches!(self.origin, Origin::Stream) {
            self.receiver.want(split, n + 1, now_ms);
        } else {
            self.receiver = SampleReceiver::default();
        }
    }

    #[inline(never)]
    fn train<P: Port>(&mut self, need: (Split, usize, usize), now_ms: u32, port: &mut P) -> Result<bool, P::Error> {
        let readiness = self.await_sample(need, now_ms, port)?;
        let Activity::Train(run) = &mut self.activity else { return Ok(false) };
        let goes_on = match readiness {
            Readiness::Waiting => return Ok(false),
            Readiness::Late => run.fail(MISSING.into(), self.memory, port).map(|()| false),
            Readiness::Ready => {
                let mut source =
                    SampleSource { origin: self.origin, store: self.store, held: self.held, receiver: &self.receiver };
                run.advance(self.memory, &mut source, port)
            }
        };
        self.spend(need, port.millis());
        if matches!(goes_on, Ok(true)) {
            return self.save_in_time(port).map(|()| true);
        }
        // Also when the port failed: the run is over.
        if let Activity::Train(run) = core::mem::replace(&mut self.activity, Activity::Idle) {
            self.leave(&run);
        }
        goes_on
    }

    /// Saves between two steps, as often as the run was told to. Not after the last step: there is nothing to go on
    /// with.
    #[inline(never)]
    fn save_in_time<P: Port>(&mut self, port: &mut P) -> Result<(), P::Error> {
        let Activity::Train(run) = &self.activity else { return Ok(()) };
        let (step, AutosaveSchedule { every, last }) = (run.steps(), self.autosave);
        if every == 0 || !run.is_between_steps() || step == last || !step.is_multiple_of(every) {
            return Ok(());
        }
        self.autosave.last = step;
        let params = self.memory.workspace().params;
        match self.storage.save(step, run.last_loss(), &params) {
            Ok(()) => {
                let digest = weights_crc32(&params);
                port.emit(Record::Digest(DigestLine { what: to_name("saved"), step: step.into(), digest }))
            }
            Err(fault) => port.answer(Answer::Aborted(to_name("save"), fault.code())),
        }
    }

    #[inline(never)]
    fn test<P: Port>(&mut self, need: (Split, usize, usize), now_ms: u32, port: &mut P) -> Result<bool, P::Error> {
        let result = match self.await_sample(need, now_ms, port)? {
            Readiness::Waiting => return Ok(false),
            Readiness::Late => Err(MISSING.into()),
            Readiness::Ready => self.score(need),
        };
        self.spend(need, port.millis());
        let Activity::Eval(eval_run) = &mut self.activity else { return Ok(false) };
        eval_run.n += 1;
        if result.is_ok() && eval_run.n < eval_run.count {
            return Ok(true);
        }
        let answer = match result.and_then(|()| eval_run.close(self.step)) {
            Ok(score) => Answer::Score(score),
            Err(error) => Answer::Aborted(to_name("eval"), error_code(error)),
        };
        (self.activity, self.receiver) = (Activity::Idle, SampleReceiver::default());
        port.answer(answer).map(|()| false)
    }

    #[inline(never)]
    fn score(&mut self, (split, n, _): (Split, usize, usize)) -> Result<(), TrainError> {
        let Activity::Eval(eval_run) = &mut self.activity else { return Ok(()) };
        let mut source =
            SampleSource { origin: self.origin, store: self.store, held: self.held, receiver: &self.receiver };
        let (y, f, attention) = Model::new(self.memory).score_sample(n == 0, |x| source.read(split, n, x))?;
        eval_run.scores.add(y, f, attention);
        Ok(())
    }
}

impl EvalRun {
    fn close(&self, step: u32) -> Result<Score, TrainError> {
        let figures = self.scores.evaluation().ok_or(TrainError::LossNotFinite)?;
        Ok(Score {
            what: to_name(self.split.name()),
            step: step.into(),
            samples: self.count as u64,
            loss: figures.loss,
            error: figures.error,
            attention: figures.attention,
        })
    }
}
