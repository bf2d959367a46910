//! What the commands do.

use super::source::{Held, Intake, Origin};
use super::transfer::{Cargo, Dump, Transfer, set_weights, weights_count};
use super::vault::Vault;
use super::{Activity, Outcome, Port};
use crate::answer::{Answer, Limits, PROTOCOL, State};
use crate::command::{Command, Data, Fault, Refusal, Train, form_word};
use crate::course::{Course, Made, Plan, Split, Start, weights_digest};
use crate::data::DataError;
use crate::frame::{Frame, FrameError, numbers};
use crate::limits;
use crate::memory::Memory;
use crate::metrics::Scores;
use crate::report::{Board, Hello, Record, RunHeader};
use crate::shape::Shape;
use crate::train::{Settings, Trainer};
use crate::wire::word;

/// A test in progress.
pub(super) struct Exam {
    pub(super) split: Split,
    pub(super) n: usize,
    pub(super) count: usize,
    pub(super) scores: Scores,
}

/// Everything of a session behind its ears.
pub(super) struct Desk<'m, S: Memory, V: Vault> {
    pub(super) memory: &'m mut S,
    pub(super) store: &'m mut [f32],
    vault: V,
    board: Board,
    pub(super) activity: Activity,
    /// Steps behind the weights.
    pub(super) step: u32,
    pub(super) held: Held,
    pub(super) origin: Origin,
    pub(super) intake: Intake,
}

impl<'m, S: Memory, V: Vault> Desk<'m, S, V> {
    pub(super) fn new(memory: &'m mut S, store: &'m mut [f32], vault: V, board: Board) -> Self {
        Self {
            memory,
            store,
            vault,
            board,
            activity: Activity::Idle,
            step: 0,
            held: Held::default(),
            origin: Origin::Held,
            intake: Intake::default(),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.activity, Activity::Idle)
    }

    pub(super) fn shape(&self) -> Shape {
        self.memory.shape()
    }

    /// Numbers in a sample: its tokens and its label.
    fn sample_numbers(&self) -> usize {
        let Shape { tokens, dim, .. } = self.shape();
        tokens * dim + 1
    }

    pub(super) fn digest(&mut self) -> (u32, u32) {
        (weights_digest(&self.memory.workspace().params), self.step)
    }

    #[inline(never)]
    pub(super) fn refuse<P: Port>(&self, name: &str, refusal: &Refusal, port: &mut P) -> Result<(), P::Error> {
        port.answer(Answer::Refused(word(name), refusal.fault.code(), refusal.text()))
    }

    /// Does what a line asks for, and answers it.
    pub(super) fn execute<P: Port>(
        &mut self,
        name: &str,
        command: Result<Command, Refusal>,
        port: &mut P,
    ) -> Result<(), P::Error> {
        let is_reset = command == Ok(Command::Reset);
        let outcome = match command {
            Ok(command) => self.obey(command, port)?,
            Err(refusal) => Err(refusal),
        };
        let was_taken = outcome.is_ok();
        self.reply(name, outcome, port)?;
        if is_reset && was_taken {
            port.reset();
        }
        Ok(())
    }

    /// Does what a frame asks for, and answers it.
    pub(super) fn frame<P: Port>(
        &mut self,
        frame: Result<Frame<'_>, FrameError>,
        port: &mut P,
    ) -> Result<(), P::Error> {
        let takes_frames = match &self.activity {
            Activity::Take(transfer) => transfer.binary,
            Activity::Train(_) | Activity::Eval(_) => matches!(self.origin, Origin::Stream),
            _ => false,
        };
        match frame {
            _ if !takes_frames => self.reply("-", Err(Fault::FrameUnexpected.into()), port),
            Err(error) => self.reply("-", Err(Fault::from(error).into()), port),
            Ok(Frame::Put { first, numbers: bytes }) => {
                let outcome = self.put(first, numbers(bytes), port.millis());
                self.reply("put", outcome, port)
            }
            Ok(Frame::End { crc }) => {
                let outcome = self.end(Some(crc));
                self.reply("end", outcome, port)
            }
        }
    }

    fn reply<P: Port>(&self, name: &str, outcome: Outcome, port: &mut P) -> Result<(), P::Error> {
        match outcome {
            Ok((numbers, crc)) => port.answer(Answer::Ok(word(name), numbers, crc)),
            Err(refusal) => self.refuse(name, &refusal, port),
        }
    }

    fn obey<P: Port>(&mut self, command: Command, port: &mut P) -> Result<Outcome, P::Error> {
        let is_always_taken = matches!(
            command,
            Command::Hello | Command::Status | Command::Stop | Command::Echo(_) | Command::Put(..) | Command::End(_)
        );
        if !is_always_taken && !matches!(self.activity, Activity::Idle) {
            return Ok(Err(Fault::Busy.into()));
        }
        Ok(match command {
            Command::Hello => return self.hello(port).map(|()| Ok((0, 0))),
            Command::Status => return self.status(port).map(|()| Ok((0, 0))),
            Command::Stop => return self.stop(port).map(|()| Ok((0, 0))),
            Command::Train(train) => match self.prepare(&train) {
                Ok(course) => {
                    port.emit(self.header(&train, &course))?;
                    self.activity = Activity::Train(course);
                    Ok((0, 0))
                }
                Err(refusal) => Err(refusal),
            },
            Command::Eval(data, split, samples) => self.eval(data, split, samples),
            Command::Weights(binary) => self.send_weights(binary),
            Command::Load(step, binary) => self.take_weights(step, binary, port.millis()),
            Command::Data(split, samples, binary) => self.take_samples(split, samples, binary, port.millis()),
            Command::Put(first, words) => {
                self.put(first, words.iter().map(|word| f32::from_bits(*word)), port.millis())
            }
            Command::End(crc) => self.end(crc),
            Command::Save => self.save(),
            Command::Resume => self.resume(),
            Command::Echo(_) | Command::Reset => Ok((0, 0)),
        })
    }

    #[inline(never)]
    fn hello<P: Port>(&mut self, port: &mut P) -> Result<(), P::Error> {
        let shape = self.shape();
        port.emit(Record::Hello(Hello { protocol: PROTOCOL, ..crate::run::hello("session", shape) }))?;
        port.emit(Record::Board(self.board.clone()))?;
        let sample_numbers = self.sample_numbers();
        let weights = weights_count(&self.memory.workspace().params) as u64;
        port.answer(Answer::Limits(Limits {
            command_bytes: limits::COMMAND_MAX as u64,
            frame_bytes: limits::FRAME_MAX as u64,
            frame_numbers: limits::FRAME_NUMBERS as u64,
            line_numbers: limits::LINE_NUMBERS as u64,
            window: limits::WINDOW as u64,
            samples: (self.store.len() / sample_numbers) as u64,
            sample_numbers: sample_numbers as u64,
            weights,
        }))
    }

    #[inline(never)]
    fn status<P: Port>(&mut self, port: &mut P) -> Result<(), P::Error> {
        let (weights, mut step) = self.digest();
        let (mut max_steps, mut train_loss) = (0, None);
        let tokens = self.sample_numbers() - 1;
        let mut next = self.intake.next(tokens);
        match &self.activity {
            Activity::Train(course) => {
                (step, max_steps, train_loss) = (course.steps(), course.plan().max_steps, course.train_loss());
            }
            Activity::Take(transfer) => next = transfer.next().into(),
            Activity::Send(dump) => next = dump.next.into(),
            Activity::Idle | Activity::Eval(_) => {}
        }
        port.answer(Answer::State(State {
            activity: word(self.activity.name()),
            step: step.into(),
            max_steps: max_steps.into(),
            train_loss,
            weights,
            train: self.held.train as u64,
            test: self.held.test as u64,
            next,
        }))
    }

    #[inline(never)]
    fn stop<P: Port>(&mut self, port: &mut P) -> Result<(), P::Error> {
        let what = self.activity.name();
        match core::mem::replace(&mut self.activity, Activity::Idle) {
            Activity::Idle => Ok(()),
            Activity::Train(mut course) => {
                let ended = course.stop(self.memory, port);
                self.leave(&course);
                ended
            }
            Activity::Eval(_) | Activity::Take(_) | Activity::Send(_) => {
                self.intake = Intake::default();
                port.answer(Answer::Broken(word(what), word("stopped")))
            }
        }
    }

    /// Takes over what a run leaves behind.
    pub(super) fn leave(&mut self, course: &Course) {
        self.intake = Intake::default();
        if course.has_weights() {
            self.step = course.steps();
        }
    }

    /// The sets of a command: where they come from, and how many samples they have.
    #[inline(never)]
    fn sets(&self, data: Data, train: usize, test: usize) -> Result<(Origin, usize, usize), Refusal> {
        let Shape { tokens, dim, .. } = self.shape();
        match data {
            Data::Made(distribution, seed) => {
                let made = Made::new(distribution, (tokens, dim), (train, test), seed).map_err(Fault::from)?;
                Ok((Origin::Made(made), train, test))
            }
            Data::Held => Ok((Origin::Held, self.held.train, self.held.test)),
            Data::Stream => {
                let most = limits::NUMBERS_MAX / self.sample_numbers() as u64;
                if train.max(test) as u64 > most {
                    return Err(Fault::Range("n", 1, most).into());
                }
                Ok((Origin::Stream, train, test))
            }
        }
    }

    #[inline(never)]
    fn prepare(&mut self, train: &Train) -> Result<Course, Refusal> {
        let (origin, samples, test_samples) = self.sets(train.data, train.samples, train.test_samples)?;
        if samples == 0 {
            return Err(Fault::Held.into());
        }
        if train.eval_every.is_some_and(|every| every > 0) && test_samples == 0 {
            return Err(Fault::Conflict("eval", "no test set").into());
        }
        Trainer::new(self.memory, train.settings).map_err(Fault::from)?;
        let plan = Plan {
            samples,
            test_samples,
            start: train.init.map_or(Start::Keep(self.step), |init| Start::Fresh(init, train.seed)),
            settings: train.settings,
            stop_loss: train.stop_loss,
            max_steps: train.max_steps,
            eval_every: train.eval_every.unwrap_or(if test_samples > 0 { 5 } else { 0 }),
            report_every: train.report_every,
        };
        self.origin = origin;
        self.intake = Intake::default();
        Ok(Course::new(plan))
    }

    #[inline(never)]
    fn header(&self, train: &Train, course: &Course) -> Record {
        let (signal_norm, snr, flip) = match train.data {
            Data::Made(made, _) => (made.signal_norm, made.snr(self.shape().dim), made.flip),
            Data::Held | Data::Stream => (0.0, 0.0, 0.0),
        };
        Record::Run(RunHeader {
            name: train.name.clone(),
            form: form_word(&train.data),
            samples: course.plan().samples as u64,
            test_samples: course.plan().test_samples as u64,
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

    fn eval(&mut self, data: Data, split: Split, samples: usize) -> Outcome {
        let (train, test) = match split {
            Split::Train => (samples, 0),
            Split::Test => (0, samples),
        };
        let (origin, train, test) = self.sets(data, train, test)?;
        let count = if split == Split::Train { train } else { test };
        if count == 0 {
            return Err(Fault::Held.into());
        }
        self.origin = origin;
        self.intake = Intake::default();
        self.activity = Activity::Eval(Exam { split, n: 0, count, scores: Scores::default() });
        Ok((count as u64, 0))
    }

    fn send_weights(&mut self, binary: bool) -> Outcome {
        let params = self.memory.workspace().params;
        let (count, crc) = (weights_count(&params), weights_digest(&params));
        self.activity = Activity::Send(Dump { binary, next: 0 });
        Ok((count as u64, crc))
    }

    /// What is held is lost: its place is where the weights wait.
    fn take_weights(&mut self, step: u32, binary: bool, now_ms: u32) -> Outcome {
        let count = weights_count(&self.memory.workspace().params);
        if count > self.store.len() {
            return Err(Fault::NoRoom(count as u64, self.store.len() as u64).into());
        }
        self.held = Held::default();
        self.activity = Activity::Take(Transfer::new(Cargo::Weights(step), binary, 0, count as u32, now_ms));
        Ok((count as u64, 0))
    }

    /// New training samples replace all that is held, new test samples only those.
    fn take_samples(&mut self, split: Split, samples: usize, binary: bool, now_ms: u32) -> Outcome {
        let size = self.sample_numbers();
        let before = if split == Split::Test { self.held.train * size } else { 0 };
        let room = self.store.len().saturating_sub(before);
        let room = room.min(limits::NUMBERS_MAX as usize);
        let count = samples.saturating_mul(size);
        if count > room {
            return Err(Fault::NoRoom(samples as u64 * size as u64, room as u64).into());
        }
        self.held.test = 0;
        if split == Split::Train {
            self.held.train = 0;
        }
        self.activity = Activity::Take(Transfer::new(Cargo::Samples(split), binary, before, count as u32, now_ms));
        Ok((count as u64, 0))
    }

    #[inline(never)]
    fn put(&mut self, first: u32, numbers: impl Iterator<Item = f32> + Clone, now_ms: u32) -> Outcome {
        let size = self.sample_numbers();
        match &mut self.activity {
            Activity::Take(transfer) => {
                transfer.put(first, numbers, size, self.store, now_ms)?;
                Ok((transfer.next().into(), transfer.crc()))
            }
            Activity::Train(_) | Activity::Eval(_) => {
                let mut x = self.memory.workspace().acts.x;
                self.intake.put(first, numbers, x.data(), now_ms)?;
                Ok((self.intake.next(size - 1), 0))
            }
            Activity::Idle | Activity::Send(_) => Err(Fault::NoTransfer.into()),
        }
    }

    #[inline(never)]
    fn end(&mut self, crc: Option<u32>) -> Outcome {
        let size = self.sample_numbers();
        let Activity::Take(transfer) = &self.activity else { return Err(Fault::NoTransfer.into()) };
        let (cargo, total, digest) = (transfer.cargo, transfer.total, transfer.crc());
        let checked = transfer.check_end(crc);
        if let Err(Fault::Incomplete(_)) = checked {
            return checked.map(|()| (0, 0)).map_err(Refusal::from);
        }
        self.activity = Activity::Idle;
        checked?;
        let count = total as usize;
        match cargo {
            Cargo::Samples(Split::Train) => self.held.train = count.checked_div(size).unwrap_or_default(),
            Cargo::Samples(Split::Test) => self.held.test = count.checked_div(size).unwrap_or_default(),
            Cargo::Weights(step) => {
                set_weights(&mut self.memory.workspace().params, self.store);
                self.step = step;
            }
        }
        Ok((total.into(), digest))
    }

    fn save(&mut self) -> Outcome {
        let params = self.memory.workspace().params;
        self.vault.save(self.step, &params)?;
        Ok((self.step.into(), weights_digest(&params)))
    }

    fn resume(&mut self) -> Outcome {
        let mut params = self.memory.workspace().params;
        self.step = self.vault.resume(&mut params)?;
        Ok((self.step.into(), weights_digest(&params)))
    }
}

/// Settings for a trainer that only tests.
pub(super) const ONLY_TEST: Settings = Settings { learning_rate: 1.0, train_output: false };

/// Why a streamed sample that did not come ends what waits for it.
pub(super) const MISSING: DataError = DataError::Missing;
