//! A session on a bench: a port that keeps what is sent, and a clock that only goes when told.

use mote_core::memory::Fixed;
use mote_protocol::answer::Answer;
use mote_protocol::report::{Board, Record};
use mote_protocol::wire::{Line, WireError, to_name};
use mote_runtime::commands::{ERASE_LINE, NoStorage, Port, Session, WeightStorage};
use mote_runtime::runs::port;

/// Samples that the session can hold.
pub const HELD: usize = 6;
/// Numbers in a sample: 3 tokens of 5 numbers, and the label.
pub const SAMPLE: usize = 16;

/// A small model.
pub type Memory = Fixed<3, 5, 2, 2>;

/// What the session sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Sent {
    /// A line, without its line feed.
    Line(String),
    /// A frame, without its zeros.
    Frame(Vec<u8>),
}

/// The port of a session on a bench.
#[derive(Default)]
pub struct Bench {
    /// The time.
    pub millis: u32,
    /// What was sent and not yet taken.
    pub sent: Vec<u8>,
    /// Resets asked for.
    pub resets: u32,
    /// Steps that were reported.
    pub steps: u32,
    /// Whether lines end with a carriage return.
    pub carriage_return: bool,
    /// Whether half a line stands on the terminal.
    pub pending_input: bool,
}

impl Bench {
    fn line(&mut self, line: Result<Line, WireError>) -> Result<(), WireError> {
        if self.pending_input(false) {
            self.sent.extend_from_slice(ERASE_LINE);
        }
        self.sent.extend_from_slice(line?.as_bytes());
        self.sent.extend_from_slice(if self.carriage_return { b"\r\n" } else { b"\n" });
        Ok(())
    }

    /// Takes what was sent, as lines and frames.
    pub fn take(&mut self) -> Vec<Sent> {
        let (mut all, bytes) = (Vec::new(), std::mem::take(&mut self.sent));
        let mut rest = bytes.as_slice();
        while let Some(first) = rest.first() {
            let (end, from) = if *first == 0 { (0, 1) } else { (b'\n', 0) };
            let length = rest[from..].iter().position(|byte| *byte == end).expect("it ends") + from;
            all.push(match from {
                0 => Sent::Line(String::from_utf8(rest[..length].to_vec()).expect("text")),
                _ => Sent::Frame(rest[1..length].to_vec()),
            });
            rest = &rest[length + 1..];
        }
        all
    }

    /// Takes what was sent, all of it lines.
    pub fn lines(&mut self) -> Vec<String> {
        let line = |sent| match sent {
            Sent::Line(line) => line,
            Sent::Frame(_) => panic!("a frame where lines are expected"),
        };
        self.take().into_iter().map(line).collect()
    }
}

impl port::ReportPort for Bench {
    type Error = WireError;

    fn emit(&mut self, record: Record) -> Result<(), WireError> {
        self.steps += u32::from(matches!(record, Record::Step(_)));
        self.line(record.into_line())
    }

    fn ticks(&mut self) -> u32 {
        0
    }
}

impl Port for Bench {
    fn millis(&mut self) -> u32 {
        self.millis
    }

    fn answer(&mut self, answer: Answer) -> Result<(), WireError> {
        self.line(answer.into_line())
    }

    fn carriage_return(&mut self, on: bool) {
        self.carriage_return = on;
    }

    fn pending_input(&mut self, on: bool) -> bool {
        std::mem::replace(&mut self.pending_input, on)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.sent.extend_from_slice(bytes);
        Ok(())
    }

    fn reset(&mut self) {
        self.resets += 1;
    }
}

/// The board of the bench.
pub fn board() -> Board {
    Board { name: to_name("bench"), core: to_name("host"), tick_hz: 0 }
}

/// Runs `body` on a fresh session of a model.
pub fn on_bench<S: mote_core::memory::Memory>(
    memory: &mut S,
    held: usize,
    body: impl FnOnce(&mut Session<'_, S, NoStorage>, &mut Bench),
) {
    let shape = memory.shape();
    let mut store = vec![0.0; held * (shape.tokens * shape.dim + 1)];
    let mut session = Session::new(memory, &mut store, NoStorage, board());
    body(&mut session, &mut Bench::default());
}

/// Hands bytes over.
pub fn say<S: mote_core::memory::Memory, V: WeightStorage>(
    session: &mut Session<'_, S, V>,
    bench: &mut Bench,
    bytes: &[u8],
) {
    for byte in bytes {
        session.receive(*byte, bench).expect("the bench takes everything");
    }
}

/// A session whose board keeps no weights.
pub type Small<'m> = Session<'m, Memory, NoStorage>;

/// Says one line, and gives back the lines of the answer.
pub fn ask(session: &mut Small, bench: &mut Bench, line: &str) -> Vec<String> {
    say(session, bench, line.as_bytes());
    say(session, bench, b"\n");
    bench.lines()
}

/// Gives time until there is nothing more to do, at most so often. Answers whether there was an end.
pub fn rest<S: mote_core::memory::Memory, V: WeightStorage>(
    session: &mut Session<'_, S, V>,
    bench: &mut Bench,
    most: usize,
) -> bool {
    (0..most).any(|_| !session.work(bench).expect("the bench takes everything"))
}
