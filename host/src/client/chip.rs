//! A conversation with a chip that speaks protocol version 2: commands with checksums, one answer awaited for each,
//! a deadline on everything, and a way back from garbage, resets and unplugged cables.

use crate::base::progress::Interrupt;
use crate::client::fault::ChipError;
use crate::client::port::Link;
use crate::client::reader::{Item, Reader};
use mote_core::shape::Shape;
use mote_protocol::answer::{Answer, Limits, PROTOCOL, State};
use mote_protocol::crc::checksum;
use mote_protocol::limits::COMMAND_MAX;
use mote_protocol::report::{Board, Hello, Record};
use mote_protocol::wire::{MARK, WireError};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How often a command is sent that was damaged on its way.
const SENDINGS: u32 = 4;

/// Longest wait at a time: between two looks at Ctrl-C.
pub(super) const GLANCE: Duration = Duration::from_millis(100);

/// Something the chip has said.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// A record of a run.
    Record(Record),
    /// A record of the session.
    Answer(Answer),
    /// What stood between two zeros.
    Frame(Vec<u8>),
}

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq)]
pub struct Chip {
    /// Versions and sizes of the model.
    pub hello: Hello,
    /// The board.
    pub board: Board,
    /// What it can take.
    pub limits: Limits,
}

impl Chip {
    /// Sizes of its model.
    pub fn shape(&self) -> Shape {
        let Hello { tokens, dim, head, value, .. } = self.hello;
        Shape::new(tokens as usize, dim as usize, head as usize, value as usize)
    }
}

/// The answer to a command that was taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// Its first figure.
    pub numbers: u64,
    /// Its second figure.
    pub crc: u32,
    /// What was said before it.
    pub said: Vec<Heard>,
}

/// Bytes over the line, and how many of them were numbers in frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes sent.
    pub up: u64,
    /// Bytes received.
    pub down: u64,
    /// Bytes of numbers sent.
    pub numbers_up: u64,
    /// Bytes of numbers received.
    pub numbers_down: u64,
}

/// One end of the conversation.
#[derive(Debug)]
pub struct Client {
    pub(super) link: Box<dyn Link>,
    pub(super) reader: Reader,
    pub(super) items: VecDeque<Item>,
    pub(super) chip: Option<Chip>,
    pub(super) is_gone: bool,
    pub(super) interrupt: Option<Interrupt>,
    /// What went over the line so far.
    pub traffic: Traffic,
    /// Lines that were damaged on their way here, or were no lines.
    pub noise: u64,
}

impl Client {
    /// Opens the conversation: finds the chip's attention, and learns who it is.
    ///
    /// # Errors
    ///
    /// See [`ChipError`].
    pub fn open(link: Box<dyn Link>, interrupt: Option<Interrupt>) -> Result<Self, ChipError> {
        let (reader, items, traffic) = (Reader::default(), VecDeque::new(), Traffic::default());
        let mut client = Self { link, reader, items, chip: None, is_gone: false, interrupt, traffic, noise: 0 };
        client.sync()?;
        Ok(client)
    }

    /// What to call the port in messages.
    pub fn port(&self) -> String {
        self.link.name().into()
    }

    /// From now on, an emulated board has its whole deadline.
    pub fn restart_deadline(&mut self) {
        self.link.restart_deadline();
    }

    /// Goes on in spite of an interruption, to end well; a second one ends the program.
    pub fn ignore_interrupt(&mut self) {
        self.interrupt = None;
    }

    /// Who is at the other end, as it said last.
    ///
    /// # Errors
    ///
    /// [`ChipError::Silent`] if it never said.
    pub fn chip(&self) -> Result<&Chip, ChipError> {
        self.chip.as_ref().ok_or_else(|| self.silent("hello"))
    }

    /// How long an answer may take.
    pub fn patience(&self) -> Duration {
        self.link.patience()
    }

    /// How long the answer to a part of a transfer may take before it counts as lost: a chip answers those at once, and
    /// gives a transfer up after 5 s. Nothing is lost on the way to an emulated one, which may be slow.
    pub(super) fn brief_patience(&self) -> Duration {
        if self.link.comes_back() { 2 * self.link.silence() } else { self.link.patience() }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    ///
    /// [`ChipError::Gone`], [`ChipError::Interrupted`].
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), ChipError> {
        self.traffic.up += bytes.len() as u64;
        self.link.send(bytes).map_err(|cause| match cause.kind() {
            std::io::ErrorKind::Interrupted => ChipError::Interrupted,
            _ => self.gone(cause),
        })
    }

    /// Sends a command, with its checksum.
    ///
    /// # Errors
    ///
    /// [`ChipError::Gone`]; [`ChipError::Command`] if it is longer than a line can be.
    pub fn send_command(&mut self, command: &str) -> Result<(), ChipError> {
        let line = format!("{command} *{:08x}", checksum(command.as_bytes()));
        if line.len() > COMMAND_MAX {
            return Err(ChipError::Command { port: self.port(), found: line.len() });
        }
        self.send(format!("{line}\n").as_bytes())
    }

    /// What the chip says next; `None` if it says nothing until then.
    ///
    /// # Errors
    ///
    /// [`ChipError::Gone`], [`ChipError::Crashed`], [`ChipError::Version`], [`ChipError::Interrupted`].
    pub fn recv(&mut self, until: Instant) -> Result<Option<Heard>, ChipError> {
        loop {
            while let Some(item) = self.items.pop_front() {
                if let Some(heard) = self.understand(item)? {
                    return Ok(Some(heard));
                }
            }
            if self.interrupt.is_some_and(Interrupt::is_raised) {
                return Err(ChipError::Interrupted);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.pump(left.min(GLANCE))?;
        }
    }

    pub(super) fn pump(&mut self, patience: Duration) -> Result<usize, ChipError> {
        let bytes = self.link.receive(patience).map_err(|cause| self.gone(cause))?;
        self.traffic.down += bytes.len() as u64;
        self.items.extend(self.reader.push(&bytes));
        Ok(bytes.len())
    }

    /// The meaning of a line; `None` of one that was damaged or has none.
    pub(super) fn understand(&mut self, item: Item) -> Result<Option<Heard>, ChipError> {
        let line = match item {
            Item::Line(line) => line,
            Item::Frame(bytes) => return Ok(Some(Heard::Frame(bytes))),
        };
        if ["panic at ", "hard fault at ", "stack overflow: "].iter().any(|start| line.starts_with(start)) {
            return Err(ChipError::Crashed { port: self.port(), words: crate::base::error::quoted(&line) });
        }
        if line.starts_with(MARK) {
            self.check_version(&line)?;
            match Answer::parse(&line) {
                Ok(answer) => return Ok(Some(Heard::Answer(answer))),
                Err(WireError::Kind) => {
                    if let Ok(record) = Record::parse(&line) {
                        return Ok(Some(Heard::Record(record)));
                    }
                }
                Err(_) => {}
            }
        }
        self.noise += 1;
        Ok(None)
    }

    /// A chip of another version may have other fields in its `hello`, and never answer a command.
    fn check_version(&self, line: &str) -> Result<(), ChipError> {
        let Some((body, sum)) = line.rsplit_once(" *") else { return Ok(()) };
        let Some(rest) = body.strip_prefix("mote hello protocol=") else { return Ok(()) };
        let found: u64 = rest.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or_default();
        if found == PROTOCOL || u32::from_str_radix(sum, 16) != Ok(checksum(body.as_bytes())) {
            return Ok(());
        }
        Err(ChipError::Version { port: self.port(), expected: PROTOCOL, found })
    }

    /// Sends a command and waits for its answer. One that was damaged on its way is sent again.
    ///
    /// # Errors
    ///
    /// As [`Client::recv`]; [`ChipError::Refused`]; [`ChipError::Silent`] if nothing is answered in time: whether the
    /// command was taken is then not known.
    pub fn request(&mut self, command: &str) -> Result<Reply, ChipError> {
        let name = command.split(' ').next().unwrap_or_default();
        let (mut said, mut sendings) = (Vec::new(), 0);
        loop {
            self.send_command(command)?;
            sendings += 1;
            let until = Instant::now() + self.patience();
            let mut answer = self.wait_for(name, until, &mut said);
            if matches!(&answer, Err(ChipError::Refused { cmd, .. }) if cmd == "-") {
                answer = match self.find_answer(name, &mut said)? {
                    Some(found) => found,
                    None if sendings < SENDINGS => continue,
                    None => answer,
                };
            }
            return answer.map(|(numbers, crc)| Reply { numbers, crc, said });
        }
    }

    /// Waits for the answer to a command, by its word.
    ///
    /// # Errors
    ///
    /// As [`Client::request`].
    pub fn answer(&mut self, name: &str) -> Result<Reply, ChipError> {
        self.answer_within(name, self.link.patience())
    }

    /// As [`Client::answer`], with another deadline.
    ///
    /// # Errors
    ///
    /// As [`Client::request`].
    pub fn answer_within(&mut self, name: &str, patience: Duration) -> Result<Reply, ChipError> {
        let mut said = Vec::new();
        let (numbers, crc) = self.wait_for(name, Instant::now() + patience, &mut said)?;
        Ok(Reply { numbers, crc, said })
    }

    /// Waits for the answer to a command, or a refusal of none; what is said before it goes to `said`.
    fn wait_for(&mut self, name: &str, until: Instant, said: &mut Vec<Heard>) -> Result<(u64, u32), ChipError> {
        while let Some(heard) = self.recv(until)? {
            match heard {
                Heard::Answer(Answer::Ok(cmd, numbers, crc)) if cmd == name => return Ok((numbers, crc)),
                Heard::Answer(Answer::Refused(cmd, code, text)) if cmd == name || cmd == "-" => {
                    return Err(self.refused(&cmd, &code, &text));
                }
                other => said.push(other),
            }
        }
        Err(self.silent(name))
    }

    /// Where the chip stands.
    ///
    /// # Errors
    ///
    /// As [`Client::request`].
    pub fn status(&mut self) -> Result<State, ChipError> {
        let reply = self.request("status")?;
        let state = reply.said.into_iter().find_map(|heard| match heard {
            Heard::Answer(Answer::State(state)) => Some(state),
            _ => None,
        });
        state.ok_or_else(|| self.silent("status"))
    }

    /// Ends what the chip is doing, whatever it is, and forgets what it says of that.
    ///
    /// # Errors
    ///
    /// As [`Client::request`].
    pub fn stop(&mut self) -> Result<(), ChipError> {
        self.request("stop").map(|_| ())
    }

    pub(super) fn gone(&mut self, cause: std::io::Error) -> ChipError {
        self.is_gone = true;
        ChipError::Gone { port: self.port(), cause: cause.to_string() }
    }

    pub(super) fn silent(&self, what: &str) -> ChipError {
        let (port, what) = (self.port(), what.to_owned());
        ChipError::Silent { port, what, seconds: self.link.patience().as_secs_f64() }
    }

    pub(super) fn refused(&self, cmd: &str, code: &str, text: &str) -> ChipError {
        ChipError::Refused { port: self.port(), cmd: cmd.into(), code: code.into(), text: text.into() }
    }
}
