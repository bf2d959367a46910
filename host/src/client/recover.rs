//! A conversation put in order after an accident: silence, a fresh `hello`, a port opened anew, a job done again.

use crate::base::progress::Interrupt;
use crate::client::chip::{Chip, Client, GLANCE, Heard};
use crate::client::fault::ChipError;
use mote_protocol::answer::Answer;
use mote_protocol::report::Record;
use std::time::{Duration, Instant};

/// Drops whatever line has begun.
const CTRL_U: u8 = 0x15;

/// How often the chip is asked who it is before it counts as silent.
const HELLOS: u32 = 4;

/// How long a port that is gone may take to come back.
const COME_BACK: Duration = Duration::from_secs(15);

/// Between two attempts to open a port.
const REOPEN_PAUSE: Duration = Duration::from_millis(200);

impl Client {
    /// Lets the line come to rest: says nothing until the chip has dropped what was begun and has said all it was
    /// about to say, and forgets that. A chip that goes on talking is not waited for.
    ///
    /// # Errors
    ///
    /// As [`Client::recv`].
    pub fn drain(&mut self) -> Result<(), ChipError> {
        let silence = self.link.silence();
        let longest = Instant::now() + 3 * silence;
        let mut until = Instant::now() + silence;
        while Instant::now() < until.min(longest) {
            let left = until.min(longest).saturating_duration_since(Instant::now());
            if self.pump(left.min(GLANCE))? > 0 {
                until = Instant::now() + silence;
            }
            // Forgotten, but for what no one may miss.
            while let Some(item) = self.items.pop_front() {
                self.understand(item)?;
            }
            if self.interrupt.is_some_and(Interrupt::is_raised) {
                return Err(ChipError::Interrupted);
            }
        }
        self.reader.clear();
        Ok(())
    }

    /// After a refusal that names no command, the answer to a command all the same, if it was taken: what was refused
    /// may have come before it. The chip answers in order, so one more command tells: what is not answered before that
    /// was damaged on its way, and may be sent again.
    ///
    /// # Errors
    ///
    /// As [`Client::request`].
    pub(super) fn find_answer(&mut self, name: &str, said: &mut Vec<Heard>) -> Result<Option<Answered>, ChipError> {
        // Each is always taken, and changes nothing.
        let (after, command) = if name == "echo" { ("status", "status") } else { ("echo", "echo on=0") };
        self.send_command(command)?;
        let mut until = Instant::now() + self.patience();
        let (mut found, mut is_heard) = (None, false);
        while let Some(heard) = self.recv(until)? {
            match heard {
                Heard::Answer(Answer::Ok(cmd, ..)) if cmd == after => return Ok(found),
                Heard::Answer(Answer::Ok(cmd, numbers, crc)) if cmd == name => found = Some(Ok((numbers, crc))),
                Heard::Answer(Answer::Refused(cmd, code, text)) if cmd == name => {
                    found = Some(Err(self.refused(&cmd, &code, &text)));
                }
                // That command was damaged too, or this is one more refusal from before.
                Heard::Answer(Answer::Refused(cmd, ..)) if cmd == "-" => {
                    is_heard = true;
                    until = until.min(Instant::now() + self.link.silence());
                }
                other => said.push(other),
            }
        }
        match found {
            None if !is_heard => Err(self.silent(name)),
            None => self.drain().map(|()| None),
            found => Ok(found),
        }
    }

    /// Finds the chip's attention whatever was on the line before, and asks who it is.
    ///
    /// # Errors
    ///
    /// As [`Client::recv`]; [`ChipError::Silent`].
    pub fn sync(&mut self) -> Result<(), ChipError> {
        let (start, before) = (Instant::now(), self.traffic.down);
        // Who it is, a chip says at once, unless it works on a sample.
        let patience = if self.link.comes_back() { self.link.patience() / 2 } else { self.link.patience() };
        for _ in 0..HELLOS {
            self.drain()?;
            self.send(&[CTRL_U, b'\n'])?;
            // A person may have been here before.
            self.send_command("echo on=0")?;
            self.send_command("hello")?;
            match self.answer_within("hello", patience) {
                Ok(reply) => {
                    if let Some(chip) = introduction(&reply.said) {
                        self.chip = Some(chip);
                        return Ok(());
                    }
                }
                Err(ChipError::Silent { .. } | ChipError::Refused { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        let (port, seconds, bytes) = (self.port(), start.elapsed().as_secs_f64(), self.traffic.down - before);
        Err(ChipError::Deaf { port, times: HELLOS, seconds, bytes })
    }

    /// After an error that is passing: opens the port anew if it is gone, and syncs.
    ///
    /// # Errors
    ///
    /// [`ChipError::Gone`] if it does not come back in time; as [`Client::sync`]. [`ChipError::Other`] if another model
    /// answers than before.
    pub fn recover(&mut self) -> Result<(), ChipError> {
        let until = Instant::now() + COME_BACK;
        while self.is_gone {
            if self.interrupt.is_some_and(Interrupt::is_raised) {
                return Err(ChipError::Interrupted);
            }
            match self.link.reopen() {
                Ok(()) => self.is_gone = false,
                Err(_) if Instant::now() < until => std::thread::sleep(REOPEN_PAUSE),
                Err(cause) => return Err(self.gone(cause)),
            }
        }
        self.items.clear();
        let before = self.chip.clone();
        self.sync()?;
        match (before, &self.chip) {
            (Some(before), Some(now)) if before.hello != now.hello => Err(ChipError::Other { port: self.port() }),
            _ => Ok(()),
        }
    }

    /// Does `job` again after errors that pass, at most so many times, with the line put in order in between.
    ///
    /// # Errors
    ///
    /// The last error of the job, or what keeps the line from being put in order.
    pub fn retry<T>(
        &mut self,
        retries: u32,
        mut job: impl FnMut(&mut Self) -> Result<T, ChipError>,
    ) -> Result<T, ChipError> {
        let (mut tries, mut outcome) = (0, job(self));
        while let Err(error) = &outcome
            && error.is_passing()
            && tries < retries
            && (!self.is_gone || self.link.comes_back())
        {
            tries += 1;
            outcome = self.recover().and_then(|()| job(self));
        }
        outcome
    }
}

/// Figures of a command that was taken, or its refusal.
type Answered = Result<(u64, u32), ChipError>;

/// The three records that answer `hello`.
fn introduction(said: &[Heard]) -> Option<Chip> {
    let (mut hello, mut board, mut limits) = (None, None, None);
    for heard in said {
        match heard {
            Heard::Record(Record::Hello(record)) => hello = Some(record.clone()),
            Heard::Record(Record::Board(record)) => board = Some(record.clone()),
            Heard::Answer(Answer::Limits(record)) => limits = Some(record.clone()),
            _ => {}
        }
    }
    Some(Chip { hello: hello?, board: board?, limits: limits? })
}
