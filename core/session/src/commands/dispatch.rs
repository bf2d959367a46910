//! What the commands do.

use super::port::Port;
use super::sample_source::SampleReceiver;
use super::state::{Activity, Outcome, SessionState};
use super::weight_storage::WeightStorage;
use crate::runs::training_run::weights_crc32;
use mote_core::memory::Memory;
use mote_protocol::answer::{Answer, Limits, PROTOCOL, State};
use mote_protocol::command::{Command, CommandError, ErrorKind};
use mote_protocol::frame::{Frame, FrameError, numbers};
use mote_protocol::limits;
use mote_protocol::report::{Hello, Record};
use mote_protocol::wire::to_name;

impl<S: Memory, V: WeightStorage> SessionState<'_, S, V> {
    /// Does what a line asks for, and answers it.
    pub(super) fn execute<P: Port>(
        &mut self,
        name: &str,
        command: Result<Command, CommandError>,
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
        match frame {
            _ if !self.takes_frames() => self.reply("-", Err(ErrorKind::FrameUnexpected.into()), port),
            Err(error) => self.reply("-", Err(ErrorKind::from(error).into()), port),
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
            Ok((numbers, crc)) => port.answer(Answer::Ok(to_name(name), numbers, crc)),
            Err(refusal) => self.refuse(name, &refusal, port),
        }
    }

    fn obey<P: Port>(&mut self, command: Command, port: &mut P) -> Result<Outcome, P::Error> {
        let is_always_taken = matches!(
            command,
            Command::Hello | Command::Status | Command::Stop | Command::Echo(_) | Command::Put(..) | Command::End(_)
        );
        if !is_always_taken && !matches!(self.activity, Activity::Idle) {
            return Ok(Err(ErrorKind::Busy.into()));
        }
        Ok(match command {
            Command::Hello => return self.hello(port).map(|()| Ok((0, 0))),
            Command::Status => return self.status(port).map(|()| Ok((0, 0))),
            Command::Stop => return self.stop(port).map(|()| Ok((0, 0))),
            Command::Train(train) => match self.prepare(&train) {
                Ok(run) => {
                    if train.save_every > 0 {
                        self.say_wear(port)?;
                    }
                    port.emit(self.header(&train, &run))?;
                    self.activity = Activity::Train(run);
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
            Command::Save => {
                let outcome = self.save();
                if outcome.is_ok() {
                    self.say_wear(port)?;
                }
                outcome
            }
            Command::Resume => self.resume(),
            Command::Echo(_) | Command::Reset => Ok((0, 0)),
        })
    }

    #[inline(never)]
    fn hello<P: Port>(&mut self, port: &mut P) -> Result<(), P::Error> {
        let shape = self.shape();
        port.emit(Record::Hello(Hello { protocol: PROTOCOL, ..crate::runs::preset_run::hello("session", shape) }))?;
        port.emit(Record::Board(self.board.clone()))?;
        let sample_numbers = self.sample_numbers();
        let weights = self.memory.workspace().params.count() as u64;
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
        let (weights, step) = self.digest();
        let (mut max_steps, mut train_loss) = (0, self.last.map(|last| last.train_loss));
        let tokens = self.sample_numbers() - 1;
        let mut next = self.receiver.next(tokens);
        match &self.activity {
            Activity::Train(run) => {
                max_steps = run.plan().max_steps;
                if run.has_weights() {
                    train_loss = run.train_loss();
                }
            }
            Activity::Take(transfer) => next = transfer.next().into(),
            Activity::Send(upload) => next = upload.next.into(),
            Activity::Idle | Activity::Eval(_) => {}
        }
        port.answer(Answer::State(State {
            activity: to_name(self.activity.name()),
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
            Activity::Train(mut run) => {
                let ended = run.stop(self.memory, port);
                self.leave(&run);
                ended
            }
            Activity::Eval(_) | Activity::Take(_) | Activity::Send(_) => {
                self.receiver = SampleReceiver::default();
                port.answer(Answer::Aborted(to_name(what), to_name("stopped")))
            }
        }
    }

    #[inline(never)]
    fn save(&mut self) -> Outcome {
        let params = self.memory.workspace().params;
        self.storage.save(self.step, self.last, &params)?;
        Ok((self.step.into(), weights_crc32(&params)))
    }

    /// Says how much the flash was used.
    #[inline(never)]
    fn say_wear<P: Port>(&mut self, port: &mut P) -> Result<(), P::Error> {
        match self.storage.wear() {
            Ok(wear) => port.answer(Answer::Wear(wear.saves.into(), wear.life.into())),
            Err(_) => Ok(()),
        }
    }

    #[inline(never)]
    fn resume(&mut self) -> Outcome {
        let mut params = self.memory.workspace().params;
        let resumed = self.storage.resume(&mut params);
        match resumed {
            Ok((step, last)) => (self.step, self.last) = (step, last),
            Err(ErrorKind::SavedUnstable) => (self.step, self.last) = (0, None),
            Err(_) => {}
        }
        resumed?;
        Ok((self.step.into(), weights_crc32(&params)))
    }
}
