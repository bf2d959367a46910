//! Bytes as they come to a session: a person at a terminal, bytes that were lost, silence in the middle.

#[path = "../../fuzz/src/bench.rs"]
#[allow(dead_code)] // shared with other tests
mod bench;

use bench::{Bench, HELD, Memory, Small, ask, on_bench, rest, say};
use mote_protocol::answer::Answer;
use mote_protocol::crc::checksum;
use mote_protocol::frame::{FIRST_BYTE_MAX, Frame, encode, encode_numbers};
use mote_protocol::limits::{COMMAND_MAX, FRAME_IDLE_MS, FRAME_MAX, LINE_IDLE_MS};
use mote_tests::said::{answers, refusal};
use std::collections::BTreeSet;

/// Line ends, blank lines, corrections, Ctrl-C, Ctrl-U, tabs, echo.
#[test]
fn a_terminal_behaves() {
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        for (typed, count) in [
            (&b"hello\n"[..], 1),
            (b"hello\r", 1),
            (b"hello\r\n", 1),
            (b"\n\r\n  \n", 0),
            (b"helo\x08lo\n", 1),
            (b"helo\x7flo\n", 1),
            (b"nonsense\x03hello\n", 1),
            (b"nonsense\x15hello\n", 1),
            (b"\xff\xff\x03hello\n", 1),
            (b"\thello\t \n", 1),
            // A tab counts as a space, in the checksum too.
            (format!("echo\ton=0 *{:08x}\n", checksum(b"echo on=0")).as_bytes(), 1),
            (b"\x08\x08hello\n", 1),
        ] {
            say(session, bench, typed);
            let lines = bench.lines();
            let found = answers(&lines);
            assert_eq!(found.len(), count, "{typed:?}");
            assert!(found.iter().all(|answer| matches!(answer, Answer::Ok(..))), "{typed:?}: {lines:?}");
        }
        ask(session, bench, "echo on=1");
        say(session, bench, b"stax\x08tus\r");
        let sent = std::mem::take(&mut bench.sent);
        assert!(sent.starts_with(b"stax\x08 \x08tus\r\nmote state "), "{}", String::from_utf8_lossy(&sent));
        assert!(sent.windows(2).all(|pair| pair[1] != b'\n' || pair[0] == b'\r'), "a terminal steps down only");
        say(session, bench, b"echo on=0\n");
        bench.take();
        assert!(!ask(session, bench, "status").iter().any(|line| line.contains('\r')));
        say(session, bench, b"reset\n");
        assert_eq!(bench.resets, 1);
    });
}

/// A report that comes while someone types stands on lines of its own, and what is typed is not torn.
#[test]
fn what_is_half_typed_stands_behind_the_report() {
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        ask(session, bench, "echo on=1");
        say(session, bench, b"train n=4 snr=1 test=0 steps=2 stop_loss=0\r");
        bench.sent.clear();
        say(session, bench, b"statux\x08");
        assert_eq!(std::mem::take(&mut bench.sent), b"statux\x08 \x08");
        assert!(rest(session, bench, 10_000));
        let sent = String::from_utf8(std::mem::take(&mut bench.sent)).unwrap();
        let pieces: Vec<&str> = sent.split("\r\x1b[K").collect();
        assert_eq!(pieces[0], "", "nothing before the line is erased");
        assert!(pieces.len() > 3, "{sent}");
        for piece in &pieces[1..] {
            assert!(piece.starts_with("mote ") && piece.ends_with("\r\nstatu"), "{piece}");
        }
        assert!(sent.contains("mote step step=2 "), "{sent}");
        say(session, bench, b"s\r");
        let sent = String::from_utf8(std::mem::take(&mut bench.sent)).unwrap();
        assert!(sent.starts_with("s\r\nmote state activity=idle step=2 "), "{sent}");
        // Nothing typed, nothing erased; and none of it for a program.
        say(session, bench, b"train n=4 snr=1 test=0 steps=2 stop_loss=0\r");
        assert!(rest(session, bench, 10_000));
        assert!(!bench.sent.contains(&0x1b));
        say(session, bench, b"echo on=0\ntrain n=4 snr=1 test=0 steps=2 stop_loss=0\nstat");
        assert!(rest(session, bench, 10_000));
        assert!(!bench.sent.contains(&0x1b));
        // A line that has waited too long is dropped, and is not written again.
        say(session, bench, b"us\necho on=1\nstat");
        bench.sent.clear();
        bench.millis += LINE_IDLE_MS;
        assert!(rest(session, bench, 10_000));
        let sent = String::from_utf8(std::mem::take(&mut bench.sent)).unwrap();
        assert!(sent.starts_with("\r\x1b[Kmote refused cmd=- code=line-timeout ") && sent.ends_with("\r\n"), "{sent}");
    });
}

/// Bytes that never came: what is left of their line is not taken for a line, and the next one is.
#[test]
fn the_rest_of_a_line_is_no_line() {
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        let lost = "mote broken what=line code=bytes-lost ";
        let hello_is_answered = |session: &mut Small, bench: &mut Bench| {
            assert!(matches!(answers(&ask(session, bench, "hello"))[..], [Answer::Ok(..)]));
        };
        for (before, after) in [
            ("train n=4 snr=1 ste", "reset\n"),
            ("", "reset\r"),
            ("hel\u{e4}", "lo\n"),
            ("hello", "\n"),
            ("\0abc", "reset\n"),
            ("train n=4 snr=1 ste", &format!("{}\n", "x".repeat(2 * COMMAND_MAX))),
        ] {
            say(session, bench, before.as_bytes());
            session.lost(bench).unwrap();
            say(session, bench, after.as_bytes());
            let lines = bench.lines();
            assert!(lines.len() == 1 && lines[0].starts_with(lost), "{before:?} {after:?}: {lines:?}");
            assert_eq!(bench.resets, 0);
            hello_is_answered(session, bench);
        }
        // The rest of a frame, with the bytes of Ctrl-C and Ctrl-U in it; then a whole frame.
        session.lost(bench).unwrap();
        bench.take();
        say(session, bench, b"reset\x03reset\x15reset\0\0\x01reset\n\0");
        assert_eq!(refusal(&bench.lines()).1, "frame-unexpected");
        assert_eq!(bench.resets, 0);
        hello_is_answered(session, bench);
        // Zeros in the rest of a line.
        session.lost(bench).unwrap();
        bench.take();
        say(session, bench, b"ste\0\0reset\n");
        assert!(bench.lines().is_empty() && bench.resets == 0);
        hello_is_answered(session, bench);
        // What follows a pause is a line of its own.
        session.lost(bench).unwrap();
        assert!(!session.is_quiet(), "the pause has to be noticed");
        bench.millis += FRAME_IDLE_MS;
        rest(session, bench, 1);
        assert!(session.is_quiet());
        bench.take();
        hello_is_answered(session, bench);
        // A frame after the loss: refused where none is expected, and no part of a line.
        session.lost(bench).unwrap();
        bench.take();
        say(session, bench, b"wreck\0abc\0");
        assert_eq!(refusal(&bench.lines()).1, "frame-unexpected");
        hello_is_answered(session, bench);
    });
}

/// Half a line or half a frame, then silence: dropped with an answer at its deadline, and not before.
#[test]
fn what_is_not_ended_is_dropped() {
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        for (begun, limit, code) in [
            (&b"hel"[..], LINE_IDLE_MS, "line-timeout"),
            (b"\xff", LINE_IDLE_MS, "line-timeout"),
            (b"\x00hel", LINE_IDLE_MS, "line-timeout"),
            (b"\x00\x01abc", FRAME_IDLE_MS, "frame-timeout"),
        ] {
            bench.millis = bench.millis.wrapping_add(u32::MAX / 3); // the clock may wrap
            say(session, bench, begun);
            bench.millis = bench.millis.wrapping_add(limit - 1);
            rest(session, bench, 1);
            assert!(bench.sent.is_empty(), "{code}: too early");
            bench.millis = bench.millis.wrapping_add(1);
            rest(session, bench, 3);
            assert_eq!(refusal(&bench.lines()).1, code);
            assert!(matches!(answers(&ask(session, bench, "hello"))[..], [Answer::Ok(..)]));
        }
        // A lone zero is forgotten without a word, where a frame is expected and where none is.
        for command in ["status", "data n=1 binary=1"] {
            ask(session, bench, command);
            say(session, bench, b"\x00");
            assert!(!session.is_quiet(), "the pause has to be noticed");
            bench.millis = bench.millis.wrapping_add(FRAME_IDLE_MS);
            rest(session, bench, 1);
            assert!(bench.sent.is_empty());
            assert!(matches!(answers(&ask(session, bench, "hello"))[..], [Answer::Ok(..)]));
        }
        ask(session, bench, "stop");
        // A frame inside a line.
        say(session, bench, b"hel\x00");
        assert_eq!(refusal(&bench.lines()).1, "line-cut");
        say(session, bench, b"abc\x00");
        assert_eq!(refusal(&bench.lines()).1, "frame-unexpected");
        let mut long = vec![0];
        long.extend(vec![7; FRAME_MAX + 1]);
        long.push(0);
        say(session, bench, &long);
        assert_eq!(refusal(&bench.lines()).1, "frame-too-long");
    });
}

/// A zero, as a break on the line leaves it, where no frame is expected: the line behind it is obeyed at once.
#[test]
fn a_break_swallows_no_command() {
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        for (bytes, codes) in [
            (&b"\0hello\n"[..], &["ok"][..]),
            (b"\0\0\0hello\r\nhello\n", &["ok", "ok"]),
            (b"\0\nhello\n", &["ok"]),
            (b"\0\x15\nhello\n", &["ok"]),
            (b"\0helo\x03hello\n", &["ok"]),
            (b"\0\xffhello\nhello\n", &["not-text", "ok"]),
            // In the midst of a line: the line is dropped, what is left of it too, and the next one is obeyed.
            (b"hel\0reset\nhello\n", &["line-cut", "ok"]),
            (b"hel\0\0reset\nhello\n", &["line-cut", "ok"]),
            (b"h\xe4l\0\xe4\nhello\n", &["line-cut", "ok"]),
            (format!("hel\0{}\nhello\n", "x".repeat(2 * COMMAND_MAX)).as_bytes(), &["line-cut", "ok"]),
            (format!("\0{}\nhello\n", "x".repeat(2 * COMMAND_MAX)).as_bytes(), &["line-too-long", "ok"]),
        ] {
            say(session, bench, bytes);
            let lines = bench.lines();
            let code = |answer: &Answer| match answer {
                Answer::Refused(_, code, _) => code.to_string(),
                other => other.kind().to_owned(),
            };
            let found: Vec<String> = answers(&lines).iter().map(code).collect();
            assert_eq!(found, codes, "{:?}", String::from_utf8_lossy(bytes));
            assert_eq!(bench.resets, 0);
        }
    });
}

/// A frame where none is expected is refused once, whatever its bytes and whatever was dropped before it, and the line
/// behind it is obeyed at once.
#[test]
fn a_frame_at_the_wrong_time_is_refused_once() {
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        let line_feeds = f32::from_bits(0x0a0d_0a0d);
        let digests = (0..1 << 12).flat_map(|i: u32| [i, i << 6, i.wrapping_mul(0x9e37_79b9)]);
        let ends = digests.map(|crc| encode(&Frame::End { crc }).unwrap());
        let frames = ends.chain((1..=64).map(|n| encode_numbers(10, &vec![line_feeds; n]).unwrap()));
        let mut first_bytes = BTreeSet::new();
        for frame in frames {
            if first_bytes.insert(frame[1]) {
                say(session, bench, b"hel\0");
                assert_eq!(refusal(&bench.lines()).1, "line-cut");
                say(session, bench, &frame[1..]);
                assert_eq!(refusal(&bench.lines()).1, "frame-unexpected", "behind a line: {frame:?}");
                assert!(matches!(answers(&ask(session, bench, "hello"))[..], [Answer::Ok(..)]), "{frame:?}");
            }
            say(session, bench, &frame);
            assert_eq!(refusal(&bench.lines()).1, "frame-unexpected", "{frame:?}");
            assert!(matches!(answers(&ask(session, bench, "hello"))[..], [Answer::Ok(..)]), "{frame:?}");
        }
        assert!(first_bytes.iter().copied().eq(1..=FIRST_BYTE_MAX), "{first_bytes:?}");
    });
}
