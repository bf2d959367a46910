//! One training run, a sample at a time: what a preset, the host and a session all go through.

use crate::runs::plan::{LastLoss, Plan, Source, Start};
use crate::runs::port::ReportPort;
use mote_core::data::{DataError, Split};
use mote_core::matrix::MatrixMut;
use mote_core::memory::Memory;
use mote_core::metrics::{Evaluation, ScoreSums};
use mote_core::model::Model;
use mote_core::params::{Params, Tensor};
use mote_core::train::{self, StopRule, TrainError, Trainer};
use mote_protocol::crc::Crc32;
use mote_protocol::report::{DigestLine, Done, Record, Work, error_code};
use mote_protocol::wire::to_name;

/// A pass over samples.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Digest(Split),
    EvalTrain,
    /// The test set, after the training set with these figures.
    EvalTest(Evaluation),
    Track,
    Step,
    Ended,
}

/// A run in progress. The numbers are in the [`Memory`], which must not be used for anything else meanwhile.
#[derive(Clone)]
pub struct TrainingRun {
    plan: Plan,
    phase: Phase,
    /// Samples of the phase that are done.
    n: usize,
    digest: Crc32,
    scores: ScoreSums,
    loss_sum: f32,
    steps: u32,
    /// Steps it began with.
    begun: u32,
    /// Steps behind the weights that are there before it draws its own.
    before: u32,
    /// Digest of the training set.
    data: u32,
    last: Option<LastLoss>,
    ticks: u64,
    failed: bool,
    has_weights: bool,
}

/// Why a run ended early.
enum Aborted<E> {
    Train(TrainError),
    Port(E),
}

impl<E> From<TrainError> for Aborted<E> {
    #[inline]
    fn from(error: TrainError) -> Self {
        Self::Train(error)
    }
}

impl<E> From<DataError> for Aborted<E> {
    #[inline]
    fn from(error: DataError) -> Self {
        Self::Train(error.into())
    }
}

impl TrainingRun {
    /// A run that has not begun.
    #[inline]
    pub fn new(plan: Plan) -> Self {
        let (steps, last) = match plan.start {
            Start::Fresh(..) => (0, None),
            Start::Keep(steps, last) => (steps, last),
        };
        Self {
            plan,
            phase: Phase::Digest(Split::Train),
            n: 0,
            digest: Crc32::new(),
            scores: ScoreSums::default(),
            loss_sum: 0.0,
            steps,
            begun: steps,
            before: steps,
            data: 0,
            last,
            ticks: 0,
            failed: false,
            has_weights: matches!(plan.start, Start::Keep(..)),
        }
    }

    /// The same, in a memory whose weights have so many steps behind them: those of the run before, until it draws its
    /// own.
    #[inline]
    pub fn after(self, steps: u32) -> Self {
        Self { before: steps, ..self }
    }

    /// Steps behind the weights that are there.
    #[inline]
    pub fn behind(&self) -> u32 {
        if self.has_weights { self.steps } else { self.before }
    }

    /// Steps done.
    #[inline]
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Mean training loss before the last step.
    #[inline]
    pub fn train_loss(&self) -> Option<f32> {
        self.last.map(|last| last.train_loss)
    }

    /// The same, and which samples it is the loss of.
    #[inline]
    pub fn last_loss(&self) -> Option<LastLoss> {
        self.last
    }

    /// What it does.
    #[inline]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether it ended with an error.
    #[inline]
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Whether it has drawn its weights, or uses those that were there.
    #[inline]
    pub fn has_weights(&self) -> bool {
        self.has_weights
    }

    /// Whether the last step is whole and the next one has not begun.
    #[inline]
    pub fn is_between_steps(&self) -> bool {
        self.phase == Phase::Step && self.n == 0
    }

    /// The next sample it reads, and how many this pass over the set reads in all; `None` after the end.
    #[inline]
    pub fn needs(&self) -> Option<(Split, usize, usize)> {
        let split = match self.phase {
            Phase::Digest(split) => split,
            Phase::EvalTest(_) => Split::Test,
            Phase::EvalTrain | Phase::Track | Phase::Step => Split::Train,
            Phase::Ended => return None,
        };
        let count = match (self.phase, split) {
            (Phase::Track, _) => 1,
            (_, Split::Train) => self.plan.samples,
            (_, Split::Test) => self.plan.test_samples,
        };
        Some((split, self.n, count))
    }

    /// Goes through one sample, and reports what is done with it. Answers whether there are more.
    ///
    /// An error of training or of the data ends the run: its record, `done` and `work` are sent, and the weights
    /// are those after the last whole step.
    ///
    /// # Errors
    ///
    /// What the port answers.
    #[inline]
    pub fn advance<S: Memory, P: ReportPort>(
        &mut self,
        memory: &mut S,
        source: &mut impl Source,
        port: &mut P,
    ) -> Result<bool, P::Error> {
        match self.sample(memory, source, port) {
            Ok(()) => Ok(self.phase != Phase::Ended),
            Err(Aborted::Port(error)) => Err(error),
            Err(Aborted::Train(error)) => self.fail(error, memory, port).map(|()| false),
        }
    }

    /// Ends the run with an error.
    ///
    /// # Errors
    ///
    /// What the port answers.
    #[inline]
    pub fn fail<S: Memory, P: ReportPort>(
        &mut self,
        error: TrainError,
        memory: &mut S,
        port: &mut P,
    ) -> Result<(), P::Error> {
        self.failed = true;
        port.emit(Record::Error(self.behind().into(), error_code(error)))?;
        self.end("error", memory, port)
    }

    /// Ends the run where it is; a step that has begun is not done.
    ///
    /// # Errors
    ///
    /// What the port answers.
    #[inline]
    pub fn stop<S: Memory, P: ReportPort>(&mut self, memory: &mut S, port: &mut P) -> Result<(), P::Error> {
        port.emit(weights_record(&memory.workspace().params, self.behind()))?;
        self.end("stopped", memory, port)
    }

    #[inline]
    fn end<S: Memory, P: ReportPort>(&mut self, reason: &str, memory: &mut S, port: &mut P) -> Result<(), P::Error> {
        self.phase = Phase::Ended;
        let steps = self.steps.into();
        port.emit(Record::Done(Done { reason: to_name(reason), steps, train_loss: self.train_loss() }))?;
        let macs_per_step = memory.shape().step_macs(self.plan.samples);
        // The ticks are those of the steps it has done itself.
        let steps = (self.steps - self.begun).into();
        port.emit(Record::Work(Work { steps, macs_per_step, ticks: self.ticks }))
    }

    #[inline]
    fn sample<S: Memory, P: ReportPort>(
        &mut self,
        memory: &mut S,
        source: &mut impl Source,
        port: &mut P,
    ) -> Result<(), Aborted<P::Error>> {
        let Some((split, n, count)) = self.needs() else { return Ok(()) };
        let first = n == 0;
        let start = port.ticks();
        let mut read = |x: MatrixMut| source.read(split, n, x);
        if let Phase::Digest(_) = self.phase {
            let mut x = memory.workspace().acts.x;
            let label = read(x.reborrow())?;
            self.digest.update(x.view().data());
            self.digest.update(&[label.sign()]);
        } else {
            match self.phase {
                Phase::Step => {
                    let mut trainer = Trainer::after(memory, self.plan.settings, self.steps)?;
                    self.loss_sum += trainer.gradient_sample(first, read)?;
                    if n + 1 == count {
                        let report = trainer.step_end(self.loss_sum, count)?;
                        self.steps = report.step;
                        self.last = Some(LastLoss { train_loss: report.train_loss, data: self.data });
                    }
                    self.ticks += u64::from(port.ticks().wrapping_sub(start));
                }
                Phase::Track => {
                    let tracked = Model::new(memory).track_sample(read)?;
                    port.emit(Record::Track(self.steps.into(), tracked)).map_err(Aborted::Port)?;
                }
                _ => {
                    let (y, f, attention) = Model::new(memory).score_sample(first, read)?;
                    self.scores.add(y, f, attention);
                }
            }
        }
        self.n += 1;
        if self.n == count { self.turn(memory, port) } else { Ok(()) }
    }

    /// The end of a pass: reports it, and chooses the next.
    #[inline]
    fn turn<S: Memory, P: ReportPort>(&mut self, memory: &mut S, port: &mut P) -> Result<(), Aborted<P::Error>> {
        self.n = 0;
        self.loss_sum = 0.0;
        let evaluation = core::mem::take(&mut self.scores).evaluation();
        match self.phase {
            Phase::Digest(split) => {
                let digest = core::mem::take(&mut self.digest).finish();
                let line = DigestLine { what: to_name(split.name()), step: 0, digest };
                port.emit(Record::Digest(line)).map_err(Aborted::Port)?;
                if split == Split::Train {
                    self.data = digest;
                    self.last = self.last.filter(|last| last.data == digest);
                    if self.plan.test_samples > 0 {
                        self.phase = Phase::Digest(Split::Test);
                        return Ok(());
                    }
                }
                self.begin(memory, port)
            }
            Phase::EvalTrain => {
                self.phase = Phase::EvalTest(evaluation.ok_or(TrainError::LossNotFinite)?);
                Ok(())
            }
            Phase::EvalTest(on_train) => {
                let on_test = evaluation.ok_or(TrainError::LossNotFinite)?;
                port.emit(Record::eval(self.steps, on_train, on_test)).map_err(Aborted::Port)?;
                self.phase = Phase::Track;
                Ok(())
            }
            Phase::Step => self.step_done(memory, port),
            Phase::Track => self.go_on(memory, port),
            Phase::Ended => Ok(()),
        }
    }

    /// Between the data and the first step: the weights.
    #[inline]
    fn begin<S: Memory, P: ReportPort>(&mut self, memory: &mut S, port: &mut P) -> Result<(), Aborted<P::Error>> {
        let mut trainer = Trainer::after(memory, self.plan.settings, self.steps)?;
        if let Start::Fresh(init, seed) = self.plan.start {
            trainer.init(init, seed)?;
            self.has_weights = true;
        }
        port.emit(weights_record(&trainer.params(), self.steps)).map_err(Aborted::Port)?;
        if self.plan.eval_every > 0 {
            self.phase = Phase::EvalTrain;
            return Ok(());
        }
        self.go_on(memory, port)
    }

    #[inline]
    fn step_done<S: Memory, P: ReportPort>(&mut self, memory: &mut S, port: &mut P) -> Result<(), Aborted<P::Error>> {
        let (step, train_loss) = (self.steps, self.train_loss().unwrap_or_default());
        let (last, every) = (self.stop_rule().is_some(), self.plan.eval_every);
        if last || self.plan.report_every <= 1 || step.is_multiple_of(self.plan.report_every) {
            let report = mote_core::train::StepReport { step, train_loss };
            port.emit(Record::Step(report)).map_err(Aborted::Port)?;
        }
        if every > 0 && (last || step.is_multiple_of(every)) {
            self.phase = Phase::EvalTrain;
            return Ok(());
        }
        self.go_on(memory, port)
    }

    /// Goes on to the next step, or to the end.
    #[inline]
    fn go_on<S: Memory, P: ReportPort>(&mut self, memory: &mut S, port: &mut P) -> Result<(), Aborted<P::Error>> {
        let Some(stop) = self.stop_rule() else {
            self.phase = Phase::Step;
            return Ok(());
        };
        port.emit(weights_record(&memory.workspace().params, self.steps)).map_err(Aborted::Port)?;
        let reason = match stop {
            train::StopReason::Loss => "stop-loss",
            train::StopReason::Steps => "max-steps",
        };
        self.end(reason, memory, port).map_err(Aborted::Port)
    }

    #[inline]
    fn stop_rule(&self) -> Option<train::StopReason> {
        let Plan { stop_loss, max_steps, .. } = self.plan;
        StopRule { loss: stop_loss, max_steps }.check(self.steps, self.train_loss())
    }
}

/// CRC-32 over all weights.
#[inline]
pub fn weights_crc32(params: &Params) -> u32 {
    let mut digest = Crc32::new();
    for tensor in Tensor::ALL {
        digest.update(params.tensor(tensor).data());
    }
    digest.finish()
}

/// The record that proves the weights after `step` steps.
#[inline]
pub fn weights_record(params: &Params, step: u32) -> Record {
    let digest = weights_crc32(params);
    Record::Digest(DigestLine { what: to_name("weights"), step: step.into(), digest })
}
