//! Commands and answers: what a person or a program says to a chip, and what it does.

#[path = "../../fuzz/src/bench.rs"]
#[allow(dead_code)] // shared with other tests
mod bench;

use bench::{Bench, HELD, Memory, on_bench, rest, say};
use mote_core::answer::{Answer, Limits, State};
use mote_core::command::{Command, Train, parse};
use mote_core::course::weights_digest;
use mote_core::data::{Distribution, Form, Synthetic};
use mote_core::decimal::write_f32;
use mote_core::limits::{COMMAND_MAX, FRAME_IDLE_MS, FRAME_MAX, LINE_IDLE_MS, LINE_MAX, TEXT_MAX};
use mote_core::memory::{Fixed, Memory as _};
use mote_core::params::Init;
use mote_core::presets::{Preset, Run};
use mote_core::report::Record;
use mote_core::rng::Purpose;
use mote_core::session::{NoVault, Session};
use mote_core::train::{Settings, Trainer};
use mote_core::wire::{Text, checksum};
use mote_host::report::host_lines;

type Small<'m> = Session<'m, Memory, NoVault>;

/// Says one line, and gives back the lines of the answer.
fn ask(session: &mut Small, bench: &mut Bench, line: &str) -> Vec<String> {
    say(session, bench, line.as_bytes());
    say(session, bench, b"\n");
    bench.lines()
}

/// How many lines are answers: one to each command.
fn answers(lines: &[String]) -> Vec<Answer> {
    let answer = |line: &String| Answer::parse(line).ok();
    lines.iter().filter_map(answer).filter(|a| matches!(a, Answer::Ok(..) | Answer::Refused(..))).collect()
}

/// The one refusal that is there: its command and its code.
fn refusal(lines: &[String]) -> (String, String) {
    match answers(lines).as_slice() {
        [Answer::Refused(name, code, _)] => (name.to_string(), code.to_string()),
        other => panic!("expected one refusal, found {other:?}"),
    }
}

/// A number as `mote` sends it: a decimal, and the bits.
fn real(x: f32) -> String {
    let mut text = String::new();
    write_f32(&mut text, x).unwrap();
    format!("{text}:{:08x}", x.to_bits())
}

/// The command that asks for the run of a preset.
fn train_command(run: &Run) -> String {
    let Distribution { form, signal_norm, flip } = run.distribution;
    let form = match form {
        Form::Uniform { sigma } => format!("form=uniform sigma={}", real(sigma)),
        Form::Paper { big, small } => format!("form=paper big={} small={}", real(big), real(small)),
    };
    let init = match run.init {
        Init::FanIn { divisor } => format!("init=fan-in divisor={}", real(divisor)),
        Init::Gaussian { query_key_std, value_std } => {
            format!("init=gaussian qk_std={} v_std={}", real(query_key_std), real(value_std))
        }
    };
    let line = format!(
        "train {form} signal={} flip={} {init} n={} test={} lr={} train_output={} steps={} stop_loss={} eval={} seed={} \
         name={}",
        real(signal_norm),
        real(flip),
        run.samples,
        run.test_samples,
        real(run.settings.learning_rate),
        u8::from(run.settings.train_output),
        run.max_steps,
        real(run.stop_loss),
        run.eval_every,
        run.seed,
        run.name
    );
    format!("{line} *{:08x}\n", checksum(line.as_bytes()))
}

/// Every line of a run that is asked for is the line of the preset, checksum included.
#[test]
fn a_run_that_is_asked_for_is_the_run_of_the_preset() {
    for name in ["parity-tiny", "tiny"] {
        let preset = Preset::by_name(name).unwrap();
        let expected: Vec<String> = host_lines(&preset).unwrap();
        let expected: Vec<&String> = expected
            .iter()
            .filter(|l| !["hello", "board", "bye"].iter().any(|k| l.starts_with(&format!("mote {k} "))))
            .collect();
        let mut memory = Fixed::<4, 32, 4, 4>::zeroed();
        assert_eq!(memory.shape(), preset.shape);
        on_bench(&mut memory, 0, |session, bench| {
            let mut found = Vec::new();
            for run in preset.runs {
                say(session, bench, train_command(run).as_bytes());
                assert!(rest(session, bench, usize::MAX));
                found.extend(bench.lines());
            }
            found.retain(|line| !line.starts_with("mote ok "));
            assert_eq!(found.iter().collect::<Vec<_>>(), expected);
            println!("{name}: {} lines equal", found.len());
        });
    }
}

/// What a person types, with what is not said left to its usual value, is the first run of the preset.
#[test]
fn the_usual_values_are_those_of_the_presets() {
    for (name, snr) in [("demo", "0.8"), ("tiny", "1")] {
        let preset = Preset::by_name(name).unwrap();
        let of = |line: &str| match parse(line.trim_end(), preset.shape).1 {
            Ok(Command::Train(train)) => Train { eval_every: train.eval_every.or(Some(5)), ..train },
            other => panic!("{other:?}"),
        };
        let typed = of(&format!("train n=16 snr={snr} name=benign"));
        assert_eq!(typed, of(&train_command(&preset.runs[0])), "{name}");
    }
}

/// Stopped in the middle of a step, then told to go on: the weights of a run that was never stopped.
#[test]
fn a_run_that_was_stopped_goes_on_to_the_same_bits() {
    let whole = "train n=8 snr=1 test=0 steps=40 stop_loss=0";
    let mut digests = Vec::new();
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        ask(session, bench, whole);
        rest(session, bench, usize::MAX);
        digests.push(session.digest());
    });
    for samples in [8 + 8 * 3, 8 + 8 * 3 + 5, 8 + 8 * 39 + 7] {
        on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
            ask(session, bench, whole);
            assert!(!rest(session, bench, samples), "it is still training");
            bench.take();
            let lines = ask(session, bench, "stop");
            let kinds: Vec<&str> = lines.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
            assert_eq!(kinds, ["digest", "done", "work", "ok"], "stop answers at once");
            assert!(lines[1].contains("reason=stopped"));
            assert_eq!(session.digest().1, (samples as u32 - 8) / 8, "steps that were whole");
            assert!(rest(session, bench, 1), "nothing is left to do");
            ask(session, bench, &format!("{whole} init=keep"));
            rest(session, bench, usize::MAX);
            digests.push(session.digest());
        });
    }
    assert_eq!(digests[0].1, 40);
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
}

#[test]
fn a_test_gives_the_figures_of_the_host() {
    let mut memory = Memory::zeroed();
    let shape = memory.shape();
    on_bench(&mut memory, HELD, |session, bench| {
        ask(session, bench, "train n=8 snr=1.5 test=0 steps=20 seed=3");
        rest(session, bench, usize::MAX);
        bench.take();
        let first = ask(session, bench, "eval n=50 snr=1.5 seed=3");
        assert_eq!(answers(&first).len(), 1);
        rest(session, bench, usize::MAX);
        let lines = bench.lines();
        let Ok(Answer::Score(score)) = Answer::parse(&lines[0]) else { panic!("{lines:?}") };

        let mut host = Memory::zeroed();
        let sigma = 4.0 / 5f32.sqrt(); // noise tokens of norm 4
        let form = Form::Uniform { sigma };
        let distribution = Distribution { form, signal_norm: 1.5 * 4.0, flip: 0.0 };
        let size = (shape.tokens, shape.dim);
        let mut train = Synthetic::new(distribution, size, 8, 3, Purpose::Train).unwrap();
        let mut test = Synthetic::new(distribution, size, 50, 3, Purpose::Test).unwrap();
        let mut trainer = Trainer::new(&mut host, Settings { learning_rate: 0.5, train_output: false }).unwrap();
        trainer.init(Init::Gaussian { query_key_std: 0.02, value_std: 1e-3 }, 3).unwrap();
        for _ in 0..20 {
            trainer.step(&mut train).unwrap();
        }
        let expected = trainer.evaluate(&mut test).unwrap();
        assert_eq!((score.loss, score.error, score.attention), (expected.loss, expected.error, expected.attention));
        assert_eq!((score.step, score.samples, score.what.as_str()), (20, 50, "test"));
        assert_eq!(session.digest().0, weights_digest(&trainer.params()), "a test moves nothing");
    });
}

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
        ("echo on=2", "echo", "range"),
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
        ("train n=4 snr=-1", "train", "data-parameter"),
        ("train n=4 snr=1 flip=1.5", "train", "data-parameter"),
        ("train n=4 snr=1 lr=0", "train", "learning-rate"),
        ("train n=4 snr=1 init=fan-in divisor=0", "train", "weights-not-finite"),
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
            assert!(!rest(session, bench, 1) || bench.sent.is_empty());
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
    let word = mote_core::wire::word("abcdefghijklmnopqrstuvwxyz");
    let all = [
        Answer::Refused(word.clone(), word.clone(), Text::try_from("t".repeat(TEXT_MAX).as_str()).unwrap()),
        Answer::Numbers(big, mote_core::wire::Words::from_slice(&[7; 32]).unwrap()),
        Answer::Ok(word.clone(), big, u32::MAX),
        Answer::Want(word.clone(), big),
        Answer::Broken(word.clone(), word.clone()),
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

/// Stopped before it has drawn its weights, a run leaves those that were there, and says so.
#[test]
fn a_run_that_is_stopped_at_once_leaves_everything_as_it_was() {
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        ask(session, bench, "train n=4 snr=1 steps=5 test=0 stop_loss=0");
        rest(session, bench, usize::MAX);
        bench.take();
        let state = ask(session, bench, "status");
        let (crc, step) = session.digest();
        assert!(state[0].contains(" step=5 ") && !state[0].contains("train_loss=-"), "{state:?}");
        ask(session, bench, "train n=4 snr=1 steps=9 test=0 seed=8");
        assert!(session.work(bench).unwrap());
        let lines = ask(session, bench, "status");
        assert!(lines.last().unwrap().starts_with("mote ok") && session.digest() == (crc, step), "{lines:?}");
        let lines = ask(session, bench, "stop");
        assert!(lines[0].starts_with(&format!("mote digest what=weights step=5 crc={crc:08x} ")), "{lines:?}");
        assert_eq!(ask(session, bench, "status"), state);
    });
}

/// Stopped in the tests behind its last step, then told to go on: the run is over, it does no step more.
#[test]
fn a_run_that_was_over_stays_over() {
    let run = "train n=4 snr=3 test=6 eval=50 steps=1000 stop_loss=0.3 lr=5";
    let whole = std::cell::Cell::new((0, 0));
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        ask(session, bench, run);
        rest(session, bench, usize::MAX);
        whole.set(session.digest());
        assert!(bench.lines().iter().any(|line| line.contains("done reason=stop-loss")), "the loss ends it");
    });
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        ask(session, bench, run);
        while session.digest() != whole.get() {
            assert!(session.work(bench).unwrap());
        }
        ask(session, bench, "stop");
        ask(session, bench, &format!("{run} init=keep"));
        rest(session, bench, usize::MAX);
        let lines = bench.lines();
        assert!(lines.iter().any(|line| line.contains("done reason=stop-loss")), "{lines:?}");
        assert_eq!(session.digest(), whole.get());
    });
}

/// Half a line or half a frame, then silence: dropped with an answer at its deadline, and not before.
#[test]
fn what_is_not_ended_is_dropped() {
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        for (begun, limit, code) in [
            (&b"hel"[..], LINE_IDLE_MS, "line-timeout"),
            (b"\xff", LINE_IDLE_MS, "line-timeout"),
            (b"\x00abc", FRAME_IDLE_MS, "frame-timeout"),
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
        // A lone zero opens a frame; silence closes it without a word.
        say(session, bench, b"\x00");
        bench.millis = bench.millis.wrapping_add(FRAME_IDLE_MS);
        rest(session, bench, 1);
        assert!(bench.sent.is_empty());
        assert!(matches!(answers(&ask(session, bench, "hello"))[..], [Answer::Ok(..)]));
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
