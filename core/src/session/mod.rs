//! A chip that idles and obeys: commands in, records out, one sample of work at a time.
//!
//! The firmware hands over every byte that comes ([`Session::receive`]) and gives time for work
//! ([`Session::work`]). Specified in prose in `docs/protocol.md`.

mod desk;
mod inbox;
mod numbers;
mod runs;
mod source;
mod transfer;
mod vault;
mod work;

use crate::answer::Answer;
use crate::command::{Fault, Refusal, parse};
use crate::frame;
use crate::memory::Memory;
use crate::report::Board;
use crate::wire::word;
use crate::{course, run};
use desk::Desk;
use inbox::{BACKSPACE, CTRL_C, CTRL_U, DELETE, Event, Inbox};
pub use vault::{FlashVault, NoVault, Vault, Wear};

/// To the beginning of the line of a terminal, and what stands there is gone.
pub const ERASE_LINE: &[u8] = b"\r\x1b[K";

/// Where a session meets the world, beyond what a run needs.
pub trait Port: run::Port {
    /// Milliseconds since some moment, wrapping.
    fn millis(&mut self) -> u32;

    /// Sends a record of the session.
    ///
    /// # Errors
    ///
    /// As [`run::Port::emit`].
    fn answer(&mut self, answer: Answer) -> Result<(), Self::Error>;

    /// Whether lines end with a carriage return before the line feed from now on, as terminals want them.
    fn carriage_return(&mut self, on: bool);

    /// Whether half a line stands on a terminal from now on: the next record is sent behind [`ERASE_LINE`], and from then
    /// on it does not. Answers whether it did before.
    fn half_typed(&mut self, on: bool) -> bool;

    /// Sends bytes as they are.
    ///
    /// # Errors
    ///
    /// As [`run::Port::emit`].
    fn send(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Starts the machine anew, once everything is sent. A port that cannot returns, and the session goes on.
    fn reset(&mut self);
}

/// The conversation with one host.
pub struct Session<'m, S: Memory, V: Vault> {
    inbox: Inbox,
    desk: Desk<'m, S, V>,
    echo: bool,
}

impl<'m, S: Memory, V: Vault> Session<'m, S, V> {
    /// A session on the weights in `memory`. As many samples can be held as fit into `store`, each with
    /// `M D + 1` numbers; weights that are loaded wait there too.
    #[inline]
    pub fn new(memory: &'m mut S, store: &'m mut [f32], vault: V, board: Board) -> Self {
        Self { inbox: Inbox::new(), desk: Desk::new(memory, store, vault, board), echo: false }
    }

    /// Takes one byte from the line; may answer.
    ///
    /// # Errors
    ///
    /// What the port answers.
    #[inline(never)]
    pub fn receive<P: Port>(&mut self, byte: u8, port: &mut P) -> Result<(), P::Error> {
        if self.echo && self.inbox.is_text() {
            echo(byte, port)?;
        }
        match self.inbox.byte(byte, port.millis(), self.desk.takes_frames()) {
            Event::Nothing => Ok(()),
            Event::Refused(fault) => self.desk.refuse("-", &fault.into(), port),
            Event::Line => {
                let (name, command) = parse(self.inbox.line(), self.desk.shape());
                self.inbox.clear();
                if let Ok(crate::command::Command::Echo(on)) = command {
                    self.echo = on;
                    port.carriage_return(on);
                }
                self.desk.execute(name, command, port)
            }
            Event::Frame => {
                let taken = self.desk.frame(frame::decode(self.inbox.frame()), port);
                self.inbox.clear();
                taken
            }
        }
    }

    /// Works on at most one sample or one part of a dump. Answers whether there is more to do at once; if not, the
    /// processor may sleep until a byte comes, or for some milliseconds: silence has its deadlines.
    ///
    /// Call it when all bytes that came have been received.
    ///
    /// # Errors
    ///
    /// What the port answers.
    #[inline(never)]
    pub fn work<P: Port>(&mut self, port: &mut P) -> Result<bool, P::Error> {
        let now = port.millis();
        let is_begun = self.is_half_typed();
        port.half_typed(is_begun);
        if let Some(fault) = self.inbox.idle(now) {
            self.desk.refuse("-", &fault.into(), port)?;
        }
        let goes_on = self.desk.work(now, port)?;
        if is_begun && !port.half_typed(false) {
            // It had to give way. Nothing is left of a line that was dropped.
            port.send(self.inbox.line().as_bytes())?;
        }
        Ok(goes_on)
    }

    /// Says that bytes were lost before they could be received. What has begun is dropped, and what comes, up to the end
    /// of a line or a pause: it may be the rest of something else.
    ///
    /// # Errors
    ///
    /// What the port answers.
    #[inline]
    pub fn lost<P: Port>(&mut self, port: &mut P) -> Result<(), P::Error> {
        port.half_typed(self.is_half_typed());
        self.inbox.lose(port.millis());
        port.answer(Answer::Broken(word("line"), word("bytes-lost")))
    }

    /// Whether half a line stands on a terminal.
    #[inline]
    fn is_half_typed(&self) -> bool {
        self.echo && self.inbox.is_text() && self.inbox.has_begun()
    }

    /// Whether nothing happens before the next byte comes: nothing has begun that has a deadline.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        self.desk.is_idle() && !self.inbox.has_begun()
    }

    /// What is being done, in the word of `status`.
    #[inline]
    pub fn activity(&self) -> &'static str {
        self.desk.activity.name()
    }

    /// CRC-32 over the weights, and the steps behind them: what no refused command changes.
    #[inline]
    pub fn digest(&mut self) -> (u32, u32) {
        self.desk.digest()
    }
}

/// Shows what was typed.
#[inline]
fn echo<P: Port>(byte: u8, port: &mut P) -> Result<(), P::Error> {
    match byte {
        b'\r' | b'\n' | CTRL_C | CTRL_U => port.send(b"\r\n"),
        BACKSPACE | DELETE => port.send(b"\x08 \x08"),
        b' '..=b'~' => port.send(&[byte]),
        _ => Ok(()),
    }
}

/// What a command that is taken answers: two figures, which depend on it.
type Outcome = Result<(u64, u32), Refusal>;

impl From<frame::FrameError> for Fault {
    #[inline]
    fn from(error: frame::FrameError) -> Self {
        match error {
            frame::FrameError::Coding => Self::FrameCoding,
            frame::FrameError::Checksum => Self::FrameChecksum,
            frame::FrameError::Content => Self::FrameContent,
        }
    }
}

impl From<crate::train::TrainError> for Fault {
    #[inline]
    fn from(error: crate::train::TrainError) -> Self {
        Self::Run(error)
    }
}

impl From<crate::data::DataError> for Fault {
    #[inline]
    fn from(error: crate::data::DataError) -> Self {
        Self::Run(error.into())
    }
}

/// Nothing, a run, a test, or numbers on their way.
enum Activity {
    Idle,
    Train(course::Course),
    Eval(runs::Exam),
    Take(transfer::Transfer),
    Send(transfer::Dump),
}

impl Activity {
    #[inline]
    fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Train(_) => "train",
            Self::Eval(_) => "eval",
            Self::Take(transfer) => match transfer.cargo {
                transfer::Cargo::Samples(_) => "data",
                transfer::Cargo::Weights(_) => "load",
            },
            Self::Send(_) => "weights",
        }
    }
}
