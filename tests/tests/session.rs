//! Commands and answers: what is refused and with which code, limits, what is taken while a chip trains.

#[path = "../../fuzz/src/bench.rs"]
#[allow(dead_code)] // shared with other tests
mod bench;

use bench::{HELD, Memory, Small, ask, on_bench, rest, say};
use mote_core::memory::Fixed;
use mote_protocol::answer::{Answer, Limits, State};
use mote_protocol::limits::{COMMAND_MAX, LINE_MAX, TEXT_MAX};
use mote_protocol::report::Record;
use mote_protocol::wire::Text;
use mote_tests::said::{answers, refusal};

/// Commands that cannot be taken: code, exactly one answer, and nothing changed.
#[test]
fn every_fault_has_its_code_and_changes_nothing() {
    let long = format!("hello{}", " ".repeat(COMMAND_MAX - 4));
    let cases: &[(&str, &str, &str)] = &[
        (&long, "-", "line-too-long"),
        ("hel\u{e4}lo", "-", "not-text"),
        ("hello *00000000", "-", "checksum"),
        ("hello *zz", "-", "checksum"),
        ("helo", "-", "unknown-command"),
        ("HELLO", "-", "unknown-command"),
        ("hello x", "hello", "malformed"),
        ("hello =1", "hello", "malformed"),
        ("train n=", "train", "malformed"),
        ("hello x=1", "hello", "unknown-key"),
        ("train n=4 snr=1 wat=5", "train", "unknown-key"),
        ("train n=4 snr=1 n=4", "train", "repeated-key"),
        ("train snr=1", "train", "missing-key"),
        ("train n=4", "train", "missing-key"),
        ("train n=4 snr=1 signal=1", "train", "conflict"),
        ("train n=4 snr=1 big=1", "train", "conflict"),
        ("train n=4 snr=1 form=paper sigma=1", "train", "conflict"),
        ("train n=4 snr=1 divisor=2", "train", "conflict"),
        ("train form=held n=4", "train", "conflict"),
        ("train form=held test=4", "train", "conflict"),
        ("train n=4 snr=1 test=0 eval=5", "train", "conflict"),
        ("eval form=held seed=4", "eval", "conflict"),
        ("train n=-1 snr=1", "train", "value"),
        ("train n=4 snr=1,5", "train", "value"),
        ("train n=4 snr=0.500001:3f000000", "train", "value"),
        ("train n=4 snr=1 lr=inf:7f800000", "train", "value"),
        ("train n=4 snr=1 form=box", "train", "value"),
        ("train n=4 snr=1 init=zero", "train", "value"),
        ("eval n=4 snr=1 set=both", "eval", "value"),
        ("echo", "echo", "missing-key"),
        ("echo on=2", "echo", "value"),
        ("weights binary=yes", "weights", "value"),
        ("put first=0 bits=3f80000", "put", "value"),
        ("put first=0", "put", "missing-key"),
        ("put first=0 bits=3f800000", "put", "no-transfer"),
        ("end crc=1", "end", "value"),
        ("end", "end", "no-transfer"),
        ("train n=0 snr=1", "train", "range"),
        ("train n=16777217 snr=1", "train", "range"),
        ("train n=4 snr=1 steps=4294967296", "train", "range"),
        ("train n=4 snr=1 report=0", "train", "range"),
        ("train n=4 snr=1 seed=18446744073709551616", "train", "range"),
        ("train n=5 snr=1 form=paper", "train", "data-form"),
        ("train n=4 snr=-1", "train", "value"),
        ("train n=4 snr=1 sigma=-1", "train", "value"),
        ("train n=4 signal=-1", "train", "value"),
        ("train n=4 signal=1 form=paper big=-1", "train", "value"),
        ("train n=4 signal=1 form=paper small=-1", "train", "value"),
        ("train n=4 snr=1 flip=1.5", "train", "value"),
        ("train n=4 snr=3.000000e+38:7f61b1e6", "train", "data-parameter"),
        ("train n=4 snr=1 lr=0", "train", "learning-rate"),
        ("train n=4 snr=1 init=fan-in divisor=0", "train", "value"),
        ("train n=4 snr=1 sigma=0", "train", "conflict"),
        ("train n=4 snr=1 form=paper small=0", "train", "conflict"),
        ("train n=4 snr=1 qk_std=3.000000e+38:7f61b1e6", "train", "weights-not-finite"),
        ("train n=4 snr=1 v_std=-3.000000e+38:ff61b1e6", "train", "weights-not-finite"),
        ("train form=held", "train", "held"),
        ("eval form=held", "eval", "held"),
        ("data n=7", "data", "no-room"),
        ("data", "data", "missing-key"),
        ("load step=4294967296", "load", "range"),
        ("save", "save", "no-flash"),
        ("resume", "resume", "no-flash"),
        ("train n=4 snr=1 save_every=1", "train", "no-flash"),
        ("train n=4 snr=1 save_every=1 force=1", "train", "no-flash"),
        ("train n=4 snr=1 force=yes", "train", "value"),
        ("train n=4 snr=1 save_every=-1", "train", "value"),
        ("train n=4 snr=1 save_every=4294967296", "train", "range"),
        ("train n=4 snr=1 name=abcdefghijklmnopqrstuvwxy", "train", "value"),
    ];
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        ask(session, bench, "train n=4 snr=1 steps=3 test=0");
        rest(session, bench, usize::MAX);
        bench.take();
        let state = ask(session, bench, "status");
        for (line, name, code) in cases {
            let lines = ask(session, bench, line);
            assert_eq!(refusal(&lines), (name.to_string(), code.to_string()), "{line}");
            println!("{}", lines[0]);
            assert!(rest(session, bench, 1) && bench.sent.is_empty(), "{line}: nothing is done and said behind it");
            assert_eq!(ask(session, bench, "status"), state, "{line}");
        }
    });
}

/// Counts at their ends are taken.
#[test]
fn limits_are_taken_and_one_past_is_not() {
    let taken = [
        "train n=16777216 snr=1 test=16777216 steps=4294967295 report=4294967295 seed=18446744073709551615",
        "train n=1 snr=1 test=0 steps=0 stop_loss=0 name=abcdefghijklmnopqrstuvwx",
        "load step=4294967295",
        "data n=6",
        "train form=stream n=16777216",
    ];
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        for line in taken {
            let lines = ask(session, bench, line);
            assert!(matches!(answers(&lines)[..], [Answer::Ok(..)]), "{line}: {lines:?}");
            ask(session, bench, "stop");
        }
        let exact = format!("hello{}", " ".repeat(COMMAND_MAX - 5));
        assert!(matches!(answers(&ask(session, bench, &exact))[..], [Answer::Ok(..)]));
        // A streamed set whose positions do not fit 32 bits.
        let mut memory = Fixed::<16, 32, 1, 1>::zeroed();
        on_bench(&mut memory, 0, |session, bench| {
            for (n, ok) in [(u64::from(u32::MAX) / 513, true), (u64::from(u32::MAX) / 513 + 1, false)] {
                say(session, bench, format!("train form=stream n={n}\n").as_bytes());
                let lines = bench.lines();
                assert_eq!(matches!(answers(&lines)[..], [Answer::Ok(..)]), ok, "{lines:?}");
                say(session, bench, b"stop\n");
                bench.take();
            }
            // No sample can be held, and no weights can be taken.
            say(session, bench, b"load\n");
            assert_eq!(refusal(&bench.lines()).1, "no-room");
        });
    });
}

/// The longest sentences and records there can be fit their lines.
#[test]
fn the_longest_answers_fit() {
    let lines = std::cell::RefCell::new(Vec::new());
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        let wide = "x".repeat(40);
        for line in [format!("train {wide}=1"), wide.clone(), format!("put first=0 bits={wide}")] {
            lines.borrow_mut().extend(ask(session, bench, &line));
        }
    });
    for line in lines.borrow().iter() {
        let Ok(Answer::Refused(_, _, text)) = Answer::parse(line) else { panic!("{line}") };
        assert!(text.contains("; found xxxxxxxxxxxxxxxxxxxxxxxx"), "the sentence is cut: {line}");
    }
    let big = u64::MAX;
    let word = mote_protocol::wire::to_name("abcdefghijklmnopqrstuvwxyz");
    let all = [
        Answer::Refused(word.clone(), word.clone(), Text::try_from("t".repeat(TEXT_MAX).as_str()).unwrap()),
        Answer::Numbers(big, mote_protocol::wire::BitsList::from_slice(&[7; 32]).unwrap()),
        Answer::Ok(word.clone(), big, u32::MAX),
        Answer::Want(word.clone(), big),
        Answer::Aborted(word.clone(), word.clone()),
        Answer::Wear(big, big),
        Answer::State(State {
            activity: word,
            step: big,
            max_steps: big,
            train_loss: Some(-f32::MAX),
            weights: 0,
            train: big,
            test: big,
            next: big,
        }),
        Answer::Limits(Limits {
            command_bytes: big,
            frame_bytes: big,
            frame_numbers: big,
            line_numbers: big,
            window: big,
            samples: big,
            sample_numbers: big,
            weights: big,
        }),
    ];
    for answer in all {
        let line = answer.clone().into_line().unwrap();
        assert!(line.len() < LINE_MAX);
        assert_eq!(Answer::parse(&line), Ok(answer));
        assert!(Record::parse(&line).is_err());
    }
}

/// While it trains: the questions are answered, everything else is refused, and the run is not disturbed.
#[test]
fn commands_while_training() {
    let mut digests = Vec::new();
    for is_asked in [false, true] {
        on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
            ask(session, bench, "train n=8 snr=1 steps=20 test=10 stop_loss=0");
            let mut busy = 0;
            while session.work(bench).unwrap() {
                if !is_asked {
                    continue;
                }
                bench.take();
                for line in
                    ["train n=4 snr=1", "eval n=4 snr=1", "weights", "load", "data n=1", "save", "resume", "reset"]
                {
                    assert_eq!(refusal(&ask(session, bench, line)).1, "busy");
                    busy += 1;
                }
                assert_eq!(refusal(&ask(session, bench, "put first=0 bits=00000000")).1, "no-transfer");
                for line in ["hello", "status", "echo on=0"] {
                    assert!(matches!(answers(&ask(session, bench, line))[..], [Answer::Ok(..)]));
                }
            }
            assert_eq!(bench.resets, 0);
            assert!(!is_asked || busy > 8 * 20 * 8);
            digests.push(session.digest());
        });
    }
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn hello_says_what_it_can_take() {
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        let lines = ask(session, bench, "hello");
        assert!(lines[0].starts_with("mote hello protocol=2 engine="), "{lines:?}");
        assert!(lines[0].contains(" preset=session M=3 D=5 H=2 V=2 "));
        assert!(lines[1].starts_with("mote board name=bench core=host "));
        let Ok(Answer::Limits(limits)) = Answer::parse(&lines[2]) else { panic!("{lines:?}") };
        assert_eq!((limits.samples, limits.sample_numbers, limits.weights), (6, 16, 32));
        println!("a session takes {} bytes beside its memory and its samples", size_of::<Small>());
    });
}
