//! Any bytes at all: a session answers each line once, keeps its weights, and trains afterwards as a fresh one.

#[path = "../../fuzz/src/bench.rs"]
#[allow(dead_code)] // shared with other tests
mod bench;
#[path = "../../fuzz/src/harness.rs"]
mod harness;

use bench::{Bench, HELD, Memory, on_bench, rest, say};
use mote_core::memory::Fixed;
use mote_core::rng::{Purpose, Stream};
use mote_protocol::answer::Answer;
use mote_protocol::frame::{decode, encode_numbers};
use mote_protocol::limits::{COMMAND_MAX, LINE_IDLE_MS};
use mote_tests::volume::pick;
use proptest::collection::vec;
use proptest::prelude::*;

/// How many answers a session owes for bytes without a zero: its line editor, told another way.
fn lines_in(bytes: &[u8]) -> usize {
    let (mut owed, mut line, mut spoiled) = (0, Vec::new(), false);
    for byte in bytes {
        match byte {
            b'\r' | b'\n' => {
                owed += usize::from(spoiled || line.iter().any(|b| *b != b' '));
                (line, spoiled) = (Vec::new(), false);
            }
            3 | 21 => (line, spoiled) = (Vec::new(), false),
            8 | 127 => drop(line.pop()),
            b'\t' | b' '..=b'~' if !spoiled && line.len() < COMMAND_MAX => {
                line.push(if *byte == b'\t' { b' ' } else { *byte });
            }
            _ => (line, spoiled) = (Vec::new(), true),
        }
    }
    owed
}

fn answers(bench: &mut Bench) -> usize {
    let is_answer = |line: &String| matches!(Answer::parse(line), Ok(Answer::Ok(..) | Answer::Refused(..)));
    bench.lines().iter().filter(|line| is_answer(line)).count()
}

fn words() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof!["hello", "status", "train", "data", "put", "end", "eval", "load", "stop", "[a-z]{1,9}"];
    let key = prop_oneof!["n", "snr", "form", "seed", "first", "bits", "steps", "lr", "set", "binary", "[a-z]{1,4}"];
    let value = prop_oneof![
        "[0-9]{1,22}",
        "-?[0-9.e-]{1,25}",
        "held",
        "stream",
        "[ -~]{0,12}",
        "0\\.5:3f000000",
        "(3f800000,){0,34}3f800000"
    ];
    (word, vec((key, value), 0..6), prop_oneof![Just("\n"), Just("\r\n"), Just(" *00000000\n"), Just("")]).prop_map(
        |(word, fields, end)| {
            let fields: String = fields.iter().map(|(key, value)| format!(" {key}={value}")).collect();
            format!("{word}{fields}{end}").into_bytes()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(pick(300, 1000, 50_000)) })]

    /// Whatever is typed: one answer to each line, and no weight moves before time is given to work.
    #[test]
    fn each_line_is_answered_once(
        pieces in vec(prop_oneof![words(), vec(1u8..=255, 0..60), Just(b"\n".to_vec()), Just(vec![b'x'; 400])], 0..12)
    ) {
        let bytes = pieces.concat();
        let mut result = Ok(());
        on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
            let before = session.digest();
            for byte in &bytes {
                say(session, bench, &[*byte]);
                if session.digest() != before {
                    result = Err("weights");
                }
                // Echo would mix what is typed with the answers.
                if bench.sent.windows(8).any(|w| w == b"cmd=echo") {
                    bench.sent.clear();
                    return;
                }
            }
            if answers(bench) != lines_in(&bytes) {
                result = Err("answers");
            }
        });
        prop_assert_eq!(result, Ok(()), "{:?}", String::from_utf8_lossy(&bytes));
    }

    /// Any bytes as a frame: an answer, never a panic; and only what was written is read.
    #[test]
    fn no_bytes_make_the_frames_panic(mut bytes in vec(any::<u8>(), 0..300)) {
        let _ = decode(&mut bytes);
    }

    /// A frame with any byte damaged is refused, or says what it said.
    #[test]
    fn a_damaged_frame_is_noticed(first: u32, numbers in vec(any::<f32>(), 1..64), at: prop::sample::Index, flip in 1u8..) {
        let bytes = encode_numbers(first, &numbers).unwrap();
        let mut inside = bytes[1..bytes.len() - 1].to_vec();
        prop_assert!(decode(&mut inside.clone()).is_ok());
        let at = at.index(inside.len());
        inside[at] ^= flip;
        prop_assert!(decode(&mut inside).is_err());
    }

    /// The fuzzer's scripts.
    #[test]
    fn any_script_leaves_a_sound_session(script in vec(any::<u8>(), 0..400)) {
        harness::play(&script);
    }
}

/// What a million bytes are made of: noise, commands that are nearly right, frames that are cut.
fn noise(stream: &mut Stream) -> Vec<u8> {
    let mut byte = |most: u32| (stream.next_u32() % most) as u8;
    match byte(6) {
        0 | 1 => (0..=byte(255)).map(|_| byte(256)).collect(),
        2 => {
            let line: &[u8] = [
                &b"train n=16 snr=1 lr=0.5"[..],
                b"status",
                b"weights",
                b"load",
                b"data n=4 binary=1",
                b"eval n=2 snr=1",
            ][usize::from(byte(6))];
            let cut = usize::from(byte(24)).min(line.len());
            let mut line = line[..cut].to_vec();
            line.push(b'\n');
            line
        }
        3 => b"train form=stream n=4 steps=2\n".to_vec(),
        _ => {
            let frame = encode_numbers(byte(3).into(), &[0.5; 20]).unwrap();
            let cut = usize::from(byte(96)).min(frame.len());
            frame[..cut].to_vec()
        }
    }
}

/// A million bytes of noise with work and silence in between; then a run, line for line that of a fresh session.
#[test]
fn a_million_bytes_of_noise_change_nothing() {
    type Tiny = Fixed<4, 32, 4, 4>;
    let run = b"train n=16 snr=1 test=40 steps=30 stop_loss=0 seed=1\n";
    let mut clean = Vec::new();
    on_bench(&mut Tiny::zeroed(), 4, |session, bench| {
        say(session, bench, run);
        rest(session, bench, usize::MAX);
        clean = bench.lines();
    });
    let mut stream = Stream::new(11, Purpose::Test, 0, 0);
    on_bench(&mut Tiny::zeroed(), 4, |session, bench| {
        let (mut fed, mut seen, mut owed) = (0, [0u32; 256], 0);
        while fed < 1_000_000 {
            let bytes = noise(&mut stream);
            fed += bytes.len();
            bytes.iter().for_each(|byte| seen[usize::from(*byte)] += 1);
            say(session, bench, &bytes);
            rest(session, bench, (stream.next_u32() % 3) as usize);
            bench.millis = bench.millis.wrapping_add(stream.next_u32() % 700);
            owed += bench.sent.iter().filter(|byte| **byte == b'\n').count();
            bench.sent.clear();
        }
        assert!(seen.iter().all(|count| *count > 1000), "every byte comes");
        println!("{fed} bytes of noise, {owed} lines in answer");
        assert!(owed > 10_000);
        bench.millis = bench.millis.wrapping_add(LINE_IDLE_MS);
        rest(session, bench, 2);
        say(session, bench, b"stop\necho on=0\n");
        bench.sent.clear();
        say(session, bench, run);
        rest(session, bench, usize::MAX);
        assert_eq!(bench.lines(), clean);
    });
}
