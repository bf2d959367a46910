//! `mote monitor` without a terminal: what its state makes of lines, what its view makes of a state, and its sources.

use mote_host::monitor::message::{ChipActivity, LineKind, Severity};
use mote_host::monitor::source::{LineEvent, LineSource, Serial, with_checksum};
use mote_host::monitor::state::{State, shown};
use mote_host::monitor::view::View;
use mote_host::reference::preset_run::host_lines;
use mote_protocol::answer::{Answer, State as Status};
use mote_protocol::crc::checksum;
use mote_protocol::report::{DigestLine, Hello, Record};
use mote_protocol::wire::to_name;
use mote_runtime::runs::presets::Preset;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serialport::{SerialPort, TTYPort};
use std::fs::File;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

/// The lines of preset `tiny` up to step 20 of its first run.
fn lines_to_step_20() -> Vec<String> {
    let mut lines = host_lines(&Preset::by_name("tiny").unwrap()).unwrap();
    let end = lines.iter().position(|line| line.starts_with("mote track step=20 ")).unwrap();
    lines.truncate(end + 1);
    lines
}

fn hear(state: &mut State, line: &str, at_ms: u64) -> LineKind {
    state.hear(&LineEvent::Line(line.into()), Duration::from_millis(at_ms)).unwrap()
}

/// A state that has heard lines, ten milliseconds apart.
fn state(lines: &[String]) -> State {
    let mut state = State::new("a test".into());
    lines.iter().enumerate().for_each(|(n, line)| {
        hear(&mut state, line, 10 * n as u64);
    });
    state
}

/// What stands on a screen of a size, line by line, without what is blank at the end.
fn picture(state: &State, (width, height): (u16, u16), now_ms: u64, help: bool) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let view = View { state, now: Duration::from_millis(now_ms), help };
    terminal.draw(|frame| view.draw(frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(row).collect()
}

fn record(record: Record) -> String {
    record.into_line().unwrap().as_str().to_owned()
}

fn answer(answer: Answer) -> String {
    answer.into_line().unwrap().as_str().to_owned()
}

#[test]
fn the_picture_at_80x24() {
    let state = state(&lines_to_step_20());
    let rows = picture(&state, (80, 24), 500, false);
    let arch = std::env::consts::ARCH;
    assert_eq!(rows[0], format!("{:<72}training", format!("mote: host ({arch}) on a test")));
    assert_eq!(rows[1], "tiny, M=4 D=32 H=4 V=4, 3792 bytes, mote 0.1.0 libm");
    assert_eq!(rows[2], "run benign: uniform data, N=16 SNR=1.000, lr 0.5, seed 1; stops below 0.01");
    assert!(rows[3].starts_with("┌ loss train test ─") && rows[3].contains("┌ test error attention ─"), "{}", rows[3]);
    // The loss falls: the first column of the curve is high, the last one low.
    let is_curve = |c: &char| ('\u{2801}'..='\u{28ff}').contains(c);
    let column = |x: usize| (4..12).find(|&y| rows[y].chars().nth(x).is_some_and(|c| is_curve(&c)));
    assert!(column(3).unwrap() + 2 <= column(45).unwrap(), "{rows:#?}");
    assert_eq!(rows[12].split_whitespace().collect::<Vec<_>>(), ["│", "0", "20││", "0", "20│"]);
    let test = "test loss 0.2157  test error 0.5%  attention 0.330  (tested at step 20)";
    assert_eq!(rows[14], "step 20/1000  76.0 steps/s  train loss 0.0905");
    assert_eq!(rows[15], test);
    assert!(rows[16].starts_with("messages──"));
    assert_eq!(rows[17], " 0:00 the chip says hello: tiny, M=4 D=32 H=4 V=4, 3792 bytes, mote 0.1.0 libm");
    assert_eq!(rows[18], " 0:00 run benign: 16 samples, at most 1000 steps");
    assert_eq!(rows[23], format!("{:<61}36 lines, 0 damaged", "x stop  s save  q quit  ? help").trim_end());
}

#[test]
fn a_larger_window_has_the_same_and_more() {
    let state = state(&lines_to_step_20());
    let (small, large) = (picture(&state, (80, 24), 500, false), picture(&state, (120, 40), 500, false));
    assert_eq!(large.len(), 40);
    assert_eq!((&large[1], &large[2]), (&small[1], &small[2]));
    let figures = large.iter().position(|row| row.starts_with("step 20/1000 ")).unwrap();
    assert_eq!((&large[figures], &large[figures + 1]), (&small[14], &small[15]));
    assert!(figures > 20, "the curves have grown: {large:#?}");
    assert!(large[39].ends_with("36 lines, 0 damaged") && large[39].len() == 120);
}

#[test]
fn a_small_window_has_the_figures_and_says_so() {
    let state = state(&lines_to_step_20());
    let expected = [
        "training",
        "step 20/1000  76.0 steps/s",
        "train loss 0.0905",
        "test loss 0.2157  test error 0.5%",
        "attention 0.330  (tested at step 20)",
        "36 lines, 0 damaged",
        " 0:00 weights after step 0: crc d7a70397",
        "x stop  s save  q quit  ? help",
        "window of 40x10: curves from 60x18 on",
        "",
    ];
    assert_eq!(picture(&state, (40, 10), 500, false), expected);
    assert_eq!(picture(&state, (59, 24), 500, false)[8], "window of 59x24: curves from 60x18 on");
    assert_eq!(picture(&state, (80, 17), 500, false)[8], "window of 80x17: curves from 60x18 on");
    assert!(picture(&state, (60, 18), 500, false)[3].starts_with("┌ loss"));
    assert_eq!(picture(&state, (40, 3), 500, false)[2], "window of 40x3: curves from 60x18 on");
}

/// No window is too small to be drawn, and none too large; nor is any state.
#[test]
fn every_window_can_be_drawn() {
    let (empty, full) = (State::new(String::new()), state(&lines_to_step_20()));
    for width in (1..20).chain([40, 59, 60, 61, 80, 200, 500]) {
        for height in (1..12).chain([17, 18, 19, 24, 60, 200]) {
            for (state, help) in [(&empty, false), (&full, false), (&full, true)] {
                picture(state, (width, height), 0, help);
            }
        }
    }
}

#[test]
fn the_help_names_every_key() {
    let rows = picture(&State::new("a test".into()), (80, 24), 0, true).join("\n");
    for words in ["x  stop: ", "s  save: ", "q  quit; ", "?  this help", "mote-session", "damaged"] {
        assert!(rows.contains(words), "{words}: {rows}");
    }
}

/// One digit of a number, of a checksum, the first letter, half a line, two lines in one, bytes that are no text: each
/// is counted and shown as damaged, and changes nothing that is known.
#[test]
fn a_damaged_line_is_counted_and_shown_and_is_no_data() {
    let lines = lines_to_step_20();
    let step = lines.iter().find(|line| line.starts_with("mote step step=20 ")).unwrap();
    let torn = format!("{}{}", &step[..20], step);
    let spoilt = [
        step.replace("step=20", "step=21"),
        format!("{}0", &step[..step.len() - 1]),
        step.replace("mote", "mOte"),
        step[..step.len() - 3].to_owned(),
        step[3..].to_owned(),
        torn,
        format!("boot ok{}", &step[..24]),
        format!("\u{fffd}{}", &step[..30]),
        "a\u{1b}[2Jb".to_owned(),
    ];
    let mut state = state(&lines);
    let (step_before, curve) = (state.step, state.train_loss.clone());
    for (n, line) in spoilt.iter().enumerate() {
        assert_eq!(hear(&mut state, line, 1000), LineKind::Damaged, "{line:?}");
        assert_eq!(state.damaged, n as u64 + 1);
        let message = state.messages.back().unwrap();
        assert!(message.text.starts_with("damaged: ") && message.tone == Severity::Bad, "{message:?}");
        assert!(!message.text.contains('\u{1b}'), "no control characters on the screen");
        assert_eq!((state.step, &state.train_loss), (step_before, &curve), "{line:?}");
    }
    assert!(picture(&state, (80, 24), 1000, false)[23].ends_with("45 lines, 9 damaged"));
}

/// Text that is no record is shown as text, and records of another version are not taken for damaged.
#[test]
fn other_text_and_other_versions_are_not_damaged() {
    let mut state = state(&lines_to_step_20());
    assert_eq!(hear(&mut state, "Booting, please wait", 0), LineKind::Foreign);
    assert_eq!(hear(&mut state, "", 0), LineKind::Foreign);
    assert_eq!(state.messages.back().unwrap().text, "Booting, please wait");
    for text in
        ["\"mote step\" is what remote stations say", "a mote step", "mote-session, built today", "a mote of size=1"]
    {
        assert_eq!(hear(&mut state, text, 0), LineKind::Foreign);
        assert_eq!(state.messages.back().unwrap().text, text);
    }
    let newer = "mote battery percent=80";
    let newer = format!("{newer} *{:08x}", checksum(newer.as_bytes()));
    assert_eq!(hear(&mut state, &newer, 0), LineKind::Unknown);
    assert!(
        state.messages.back().unwrap().text.starts_with("not understood, the kind of record is not known: mote bat")
    );
    assert_eq!((state.damaged, state.unknown), (0, 1));
    assert!(picture(&state, (80, 24), 0, false)[23].ends_with("43 lines, 0 damaged, 1 not understood"));
    assert_eq!(hear(&mut state, "hard fault at 0x00000123", 0), LineKind::Foreign);
    assert_eq!(state.activity, ChipActivity::Crashed);
    assert!(picture(&state, (80, 24), 0, false)[0].ends_with(" CRASHED"));
}

#[test]
fn a_chip_that_starts_again_begins_a_new_curve() {
    let lines = lines_to_step_20();
    let mut state = state(&lines);
    assert_eq!((state.step, state.train_loss.points().len()), (20, 20));
    for line in lines.iter().filter(|line| line.starts_with("mote hello ")) {
        hear(&mut state, line, 2000);
    }
    assert_eq!((state.step, state.train_loss.points().len(), state.test_loss.points().len()), (0, 0, 0));
    assert!(state.run.is_none() && state.eval.is_none());
    assert!(state.messages.back().unwrap().text.starts_with("the chip says hello again: tiny"));
    assert_eq!(state.rate(Duration::from_millis(2000)), None);
    lines[2..].iter().for_each(|line| {
        hear(&mut state, line, 3000);
    });
    assert_eq!((state.step, state.train_loss.points().len()), (20, 20));
}

/// To a session, `hello` is a question; that it was reset shows elsewhere.
#[test]
fn a_session_that_says_hello_goes_on_and_one_that_was_reset_does_not() {
    let [engine, math, preset] = ["0.1.0", "libm", "session"].map(to_name);
    let hello = record(Record::Hello(Hello { protocol: 2, engine, math, preset, ..Hello::default() }));
    let status =
        |activity: &str, step| answer(Answer::State(Status { activity: to_name(activity), step, ..Status::default() }));
    let reset = answer(Answer::Ok(to_name("reset"), 0, 0));
    for (line, restarts) in [
        (&hello, false),
        (&status("train", 20), false),
        (&status("idle", 20), false),
        (&status("idle", 0), true),
        (&reset, true),
    ] {
        let mut state = State::new("a test".into());
        hear(&mut state, &hello, 0);
        assert_eq!((state.takes_commands(), &state.activity), (Some(true), &ChipActivity::Idle));
        lines_to_step_20()[2..].iter().for_each(|line| {
            hear(&mut state, line, 0);
        });
        hear(&mut state, line, 0);
        let expected = if restarts { (0, 0) } else { (20, 20) };
        assert_eq!((state.step, state.train_loss.points().len()), expected, "{line}");
    }
}

#[test]
fn what_a_session_answers_is_shown() {
    let mut state = State::new("a test".into());
    for (said, shown) in [
        (Answer::Ok(to_name("save"), 12, 0xab), "ok: save, weights of step 12, crc 000000ab"),
        (
            Answer::Refused(to_name("save"), to_name("busy"), "it trains".try_into().unwrap()),
            "refused: save: it trains (busy)",
        ),
        (Answer::Aborted(to_name("eval"), to_name("stopped")), "eval ended early: stopped"),
        (Answer::Wear(17, 40_000), "flash: 17 of 40000 saves"),
    ] {
        hear(&mut state, &answer(said), 0);
        assert_eq!(state.messages.back().unwrap().text, shown);
    }
    // Neither lost bytes nor a save that failed ends a run.
    let report = mote_core::train::StepReport { step: 1, train_loss: 0.5 };
    for what in ["line", "save"] {
        hear(&mut state, &record(Record::Step(report)), 0);
        hear(&mut state, &answer(Answer::Aborted(to_name(what), to_name("bytes-lost"))), 0);
        assert!(state.is_busy(), "{what}: {}", state.activity);
    }
}

#[test]
fn the_rate_is_that_of_the_last_seconds() {
    let mut state = State::new("a test".into());
    let step = |step: u32| record(Record::Step(mote_core::train::StepReport { step, train_loss: 0.5 }));
    assert_eq!(state.rate(Duration::ZERO), None);
    (1..=100u32).for_each(|n| {
        hear(&mut state, &step(n), 10 * u64::from(n));
    });
    let rate = state.rate(Duration::from_secs(1)).unwrap();
    assert!((rate - 100.0).abs() < 1e-9, "{rate}");
    (101..=200u32).for_each(|n| {
        hear(&mut state, &step(n), 1000 + 100 * u64::from(n - 100));
    });
    let rate = state.rate(Duration::from_secs(11)).unwrap();
    assert!((rate - 10.0).abs() < 1e-9, "the fast steps are long ago: {rate}");
    assert_eq!(state.rate(Duration::from_secs(14)), None, "it stands still");
}

/// What the chip's flash holds is shown from its first word on.
#[test]
fn the_step_that_is_saved_is_shown() {
    let mut state = state(&lines_to_step_20());
    assert!(!picture(&state, (80, 24), 0, false)[14].contains("saved"));
    let saved = DigestLine { what: to_name("saved"), step: 15, digest: 1 };
    hear(&mut state, &record(Record::Digest(saved)), 500);
    assert!(picture(&state, (80, 24), 500, false)[14].contains(" steps/s  saved 15  train loss "));
    hear(&mut state, &answer(Answer::Ok(to_name("save"), 20, 1)), 500);
    assert!(picture(&state, (80, 24), 500, false)[14].contains("  saved 20  "));
}

/// Lines of a file come as fast as they are read: that is no rate of a chip.
#[test]
fn a_replay_has_no_rate() {
    let lines = host_lines(&Preset::by_name("tiny").unwrap()).unwrap();
    for (is_on_time, expected) in [(true, true), (false, false)] {
        let mut state = State::new("a test".into());
        state.is_on_time = is_on_time;
        lines.iter().enumerate().for_each(|(n, line)| {
            hear(&mut state, line, 10 * n as u64);
        });
        assert_eq!(state.runs.len(), 2);
        assert!(state.runs.iter().all(|run| run.ends_with(" steps/s") == expected), "{:?}", state.runs);
        assert_eq!(state.unfinished(), None);
    }
    assert_eq!((shown(0.5).as_str(), shown(4.5e15).as_str()), ("0.5000", "4.500e15"));
}

#[test]
fn silence_and_a_lost_line_are_shown() {
    let mut state = state(&lines_to_step_20());
    let last = 350;
    let title = |state: &State, now| picture(state, (80, 24), now, false)[0].clone();
    assert!(title(&state, last + 2999).ends_with(" training"));
    assert!(title(&state, last + 7000).ends_with(" training, silent for 7 s"));
    state.hear(&LineEvent::Lost("pulled out".into()), Duration::from_secs(8));
    assert!(title(&state, 8000).ends_with(" LINE LOST, trying again"));
    assert_eq!(state.messages.back().unwrap().text, "line lost: pulled out; trying again");
    state.hear(&LineEvent::Back, Duration::from_secs(9));
    assert!(!title(&state, 9000).contains("LOST"));
    (0..2).for_each(|_| {
        state.hear(&LineEvent::End, Duration::from_secs(9));
    });
    assert!(title(&state, 9000).ends_with(" training; no more lines"));
    assert_eq!(state.messages.iter().filter(|message| message.text == "no more lines").count(), 1);
}

/// Listens until something is heard.
fn heard(source: &mut impl LineSource) -> LineEvent {
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        match source.listen().unwrap() {
            LineEvent::Nothing => {}
            heard => return heard,
        }
    }
    panic!("nothing was heard");
}

/// Two ends of a line that is no hardware: ours, and a path under which the other can be opened. The file keeps it
/// open.
fn line(path: &std::path::Path) -> (TTYPort, File) {
    let (mut ours, theirs) = TTYPort::pair().unwrap();
    ours.set_timeout(Duration::from_secs(20)).unwrap();
    let name = theirs.name().unwrap();
    let open = File::open(&name).unwrap();
    let _ = std::fs::remove_file(path);
    std::os::unix::fs::symlink(name, path).unwrap();
    (ours, open)
}

#[test]
fn a_serial_port_is_read_written_lost_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("port");
    let (mut chip, _open) = line(&path);
    let mut serial = Serial::open(path.to_str().unwrap(), 115_200).unwrap();
    chip.write_all(b"first\r\nsecond\nha").unwrap();
    assert_eq!(heard(&mut serial), LineEvent::Line("first".into()));
    assert_eq!(heard(&mut serial), LineEvent::Line("second".into()));
    let command = with_checksum("stop");
    assert_eq!(command, format!("stop *{:08x}\n", checksum(b"stop")));
    serial.send(command.as_bytes()).unwrap();
    let mut sent = vec![0; command.len()];
    chip.read_exact(&mut sent).unwrap();
    assert_eq!(sent, command.as_bytes());

    drop(chip);
    assert!(matches!(heard(&mut serial), LineEvent::Lost(_)));
    assert!(serial.send(b"stop\n").is_err());
    let (mut chip, _open) = line(&path);
    // What had come of a line before is shown, and then the chip is there again.
    let found: Vec<LineEvent> = (0..2).map(|_| heard(&mut serial)).collect();
    assert!(found.contains(&LineEvent::Back), "{found:?}");
    chip.write_all(b"third\n").unwrap();
    let found: Vec<LineEvent> = found.into_iter().chain([heard(&mut serial)]).collect();
    assert!(found.contains(&LineEvent::Line("ha".into())), "{found:?}");
    assert!(found.contains(&LineEvent::Line("third".into())), "{found:?}");
}
