//! What the fuzzer does with its bytes: a script of lines, frames, noise, time and work for a session.

use super::bench::{Bench, HELD, Memory, Sent, board, rest, say};
use mote_protocol::answer::Answer;
use mote_protocol::crc::checksum;
use mote_protocol::frame::{Frame, decode, encode, encode_numbers};
use mote_protocol::limits::{FRAME_IDLE_MS, LINE_IDLE_MS};
use mote_protocol::report::Record;
use mote_runtime::commands::{NoStorage, Session};

/// Beginnings of lines that reach deep.
const LINES: [&str; 24] = [
    "hello",
    "status",
    "stop",
    "train n=2 snr=1 steps=3 test=2 eval=1",
    "train n=2 snr=1 steps=9 test=0 init=keep",
    "train form=paper n=2 signal=2 test=2",
    "train form=held",
    "train form=stream n=2 steps=2",
    "train form=stream n=2 test=2",
    "eval n=3 snr=1",
    "eval form=held set=train",
    "eval form=stream n=2",
    "data n=2 binary=1",
    "data set=test n=1 binary=1",
    "data n=1",
    "load binary=1 step=7",
    "load",
    "weights",
    "weights binary=1",
    "put first=0 bits=3f800000,3f800000",
    "end",
    "save",
    "echo on=1",
    "resume",
];

/// The script.
struct Script<'s>(&'s [u8]);

impl<'s> Script<'s> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn bytes(&mut self, most: usize) -> &'s [u8] {
        let length = usize::from(self.byte()).min(most).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }
}

/// Plays a script on a fresh session. Whatever it is: no panic; everything that is sent can be read; weights change
/// only where a run, a transfer of weights or a reset was taken; and afterwards the session trains as a fresh one.
pub fn play(script: &[u8]) {
    let mut memory = Memory::zeroed();
    let mut store = [0.0; HELD * 16];
    let mut session = Session::new(&mut memory, &mut store, NoStorage, board());
    let mut bench = Bench::default();
    let mut script = Script(script);
    let mut before = session.digest();
    while !script.0.is_empty() {
        // A run or a transfer of weights may go on, or begin.
        let mut may_change = ["train", "load"].contains(&session.activity());
        act(&mut script, &mut session, &mut bench);
        if may_echo(&bench) {
            // What was typed stands between the answers: switched off again, unless a frame has begun.
            may_change = true;
            say(&mut session, &mut bench, b"\x15echo on=0\n");
            if !bench.carriage_return {
                bench.sent.clear();
            }
        } else {
            let taken = read_all(&mut bench);
            may_change |= taken.iter().any(|name| name == "train" || name == "end" || name == "resume");
        }
        let after = session.digest();
        assert!(may_change || after == before, "weights changed and nothing was to change them");
        before = after;
    }
    recover(&mut session, &mut bench);
    assert_eq!(clean_run(&mut session, &mut bench), CLEAN.with(|clean| *clean), "the session is not what it was");
}

thread_local! {
    /// What a fresh session gets.
    static CLEAN: (u32, u32) = {
        let mut memory = Memory::zeroed();
        let mut store = [0.0; HELD * 16];
        clean_run(&mut Session::new(&mut memory, &mut store, NoStorage, board()), &mut Bench::default())
    };
}

/// One line of a script.
fn act(script: &mut Script, session: &mut Session<Memory, NoStorage>, bench: &mut Bench) {
    match script.byte() % 10 {
        0 => say(session, bench, script.bytes(255)),
        1 => {
            say(session, bench, LINES[usize::from(script.byte()) % LINES.len()].as_bytes());
            say(session, bench, b"\n");
        }
        2 => {
            say(session, bench, LINES[usize::from(script.byte()) % LINES.len()].as_bytes());
            say(session, bench, script.bytes(40));
            say(session, bench, b"\n");
        }
        3 => {
            let first = u32::from(script.byte());
            let numbers: Vec<f32> = (0..script.byte() % 65).map(|i| if i % 16 == 15 { -1.0 } else { 0.5 }).collect();
            say(session, bench, &encode_numbers(first, &numbers).expect("at most 64"));
        }
        4 => {
            let numbers = script.bytes(255);
            if let Some(frame) = encode(&Frame::Put { first: u32::from(script.byte()), numbers }) {
                say(session, bench, &frame);
            }
        }
        5 => {
            let crc = u32::from_le_bytes([script.byte(), script.byte(), script.byte(), script.byte()]);
            say(session, bench, &encode(&Frame::End { crc }).expect("it fits"));
        }
        6 => bench.millis = bench.millis.wrapping_add(u32::from(script.byte()) << (script.byte() % 8)),
        7 => {
            let text = String::from_utf8_lossy(script.bytes(60)).replace(|c: char| !c.is_ascii_graphic(), " ");
            let line = format!("{text} *{:08x}\n", checksum(text.as_bytes()));
            say(session, bench, line.as_bytes());
        }
        8 => session.lost(bench).expect("the bench takes everything"),
        _ => {
            let most = usize::from(script.byte());
            rest(session, bench, most);
        }
    }
}

/// Whether echo was ever switched on or off: then what was sent is not taken until the end.
fn may_echo(bench: &Bench) -> bool {
    bench.sent.windows(12).any(|sent| sent == b"ok cmd=echo ")
}

/// Everything that was sent must be a record or a frame. Returns the words of the commands that were taken.
fn read_all(bench: &mut Bench) -> Vec<String> {
    let mut taken = Vec::new();
    for sent in bench.take() {
        match sent {
            Sent::Line(line) => match Answer::parse(&line) {
                Ok(Answer::Ok(name, ..)) => taken.push(name.to_string()),
                Ok(_) => {}
                Err(_) => assert!(Record::parse(&line).is_ok(), "no record: {line}"),
            },
            Sent::Frame(mut bytes) => assert!(decode(&mut bytes).is_ok(), "no frame"),
        }
    }
    taken
}

/// What a host does with a session it knows nothing about: silence, then `stop`.
fn recover(session: &mut Session<Memory, NoStorage>, bench: &mut Bench) {
    for silence in [FRAME_IDLE_MS, LINE_IDLE_MS] {
        bench.millis = bench.millis.wrapping_add(silence);
        rest(session, bench, 2);
    }
    say(session, bench, b"stop\necho on=0\n");
    bench.sent.clear();
}

/// Trains, and returns weights and steps.
fn clean_run(session: &mut Session<Memory, NoStorage>, bench: &mut Bench) -> (u32, u32) {
    say(session, bench, b"train n=4 snr=1 steps=3 test=2 eval=2 seed=5\n");
    assert!(rest(session, bench, 100), "the run has an end");
    assert_eq!(read_all(bench), ["train"]);
    session.digest()
}
