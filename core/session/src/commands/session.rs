//! A chip that idles and obeys: commands in, records out, one sample of work at a time.
//!
//! The firmware hands over every byte that comes ([`Session::receive`]) and gives time for work
//! ([`Session::work`]). Specified in prose in `docs/protocol.md`.

use super::line_assembler::{BACKSPACE, CTRL_C, CTRL_U, DELETE, Event, LineAssembler};
use super::port::Port;
use super::state::SessionState;
use super::weight_storage::WeightStorage;
use mote_core::memory::Memory;
use mote_protocol::answer::Answer;
use mote_protocol::command::{Command, parse};
use mote_protocol::frame;
use mote_protocol::report::Board;
use mote_protocol::wire::to_name;

/// The conversation with one host.
pub struct Session<'m, S: Memory, V: WeightStorage> {
    assembler: LineAssembler,
    state: SessionState<'m, S, V>,
    echo: bool,
}

impl<'m, S: Memory, V: WeightStorage> Session<'m, S, V> {
    /// A session on the weights in `memory`. As many samples can be held as fit into `store`, each with
    /// `M D + 1` numbers; weights that are loaded wait there too.
    #[inline]
    pub fn new(memory: &'m mut S, store: &'m mut [f32], storage: V, board: Board) -> Self {
        Self { assembler: LineAssembler::new(), state: SessionState::new(memory, store, storage, board), echo: false }
    }

    /// Takes one byte from the line; may answer.
    ///
    /// # Errors
    ///
    /// What the port answers.
    #[inline(never)]
    pub fn receive<P: Port>(&mut self, byte: u8, port: &mut P) -> Result<(), P::Error> {
        if self.echo && self.assembler.is_text() {
            echo(byte, port)?;
        }
        match self.assembler.byte(byte, port.millis(), self.state.takes_frames()) {
            Event::Nothing => Ok(()),
            Event::Refused(fault) => self.state.refuse("-", &fault.into(), port),
            Event::Line => {
                let (name, command) = parse(self.assembler.line(), self.state.shape());
                self.assembler.clear();
                if let Ok(Command::Echo(on)) = command {
                    self.echo = on;
                    port.carriage_return(on);
                }
                self.state.execute(name, command, port)
            }
            Event::Frame => {
                let taken = self.state.frame(frame::decode(self.assembler.frame()), port);
                self.assembler.clear();
                taken
            }
        }
    }

    /// Works on at most one sample or one part of an upload. Answers whether there is more to do at once; if not, the
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
        let is_begun = self.has_pending_input();
        port.pending_input(is_begun);
        if let Some(fault) = self.assembler.idle(now) {
            self.state.refuse("-", &fault.into(), port)?;
        }
        let goes_on = self.state.work(now, port)?;
        if is_begun && !port.pending_input(false) {
            // It had to give way. Nothing is left of a line that was dropped.
            port.send(self.assembler.line().as_bytes())?;
        }
        Ok(goes_on)
    }

    /// Says that bytes were lost before they could be received. What has begun is dropped, and what comes, up to the
    /// end of a line or a pause: it may be the rest of something else.
    ///
    /// # Errors
    ///
    /// What the port answers.
    #[inline]
    pub fn lost<P: Port>(&mut self, port: &mut P) -> Result<(), P::Error> {
        port.pending_input(self.has_pending_input());
        self.assembler.lose(port.millis());
        port.answer(Answer::Aborted(to_name("line"), to_name("bytes-lost")))
    }

    /// Whether half a line stands on a terminal.
    #[inline]
    fn has_pending_input(&self) -> bool {
        self.echo && self.assembler.is_text() && self.assembler.has_begun()
    }

    /// Whether nothing happens before the next byte comes: nothing has begun that has a deadline.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        self.state.is_idle() && !self.assembler.has_begun()
    }

    /// What is being done, in the word of `status`.
    #[inline]
    pub fn activity(&self) -> &'static str {
        self.state.activity.name()
    }

    /// CRC-32 over the weights, and the steps behind them: what no refused command changes.
    #[inline]
    pub fn digest(&mut self) -> (u32, u32) {
        self.state.digest()
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
