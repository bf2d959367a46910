//! `mote monitor` where there is no terminal: plain lines, logs, runs that were ordered, and options that are refused.

use mote_host::reference::preset_run::host_lines;
use mote_runtime::runs::presets::Preset;
use mote_tests::pty::{Accidents, PtyChip};
use mote_tests::{refused, stderr};
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn mote(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mote-under-test"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A program that refuses its options does not read.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).is_ok());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// The lines of preset `tiny` up to step 20 of its first run.
fn lines_to_step_20() -> Vec<String> {
    let mut lines = host_lines(&Preset::by_name("tiny").unwrap()).unwrap();
    let end = lines.iter().position(|line| line.starts_with("mote track step=20 ")).unwrap();
    lines.truncate(end + 1);
    lines
}

/// From a pipe and from a file: the lines as they came, damaged ones marked, all in the log as they came.
#[test]
fn without_a_terminal_it_prints_plain_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mut lines = lines_to_step_20();
    lines[5] = lines[5].replace("step=0", "step=9");
    let sent: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let expected = sent.replace(&lines[5], &format!("damaged: {}", mote_host::base::error::quoted(&lines[5])));
    std::fs::write(path("sent"), &sent).unwrap();
    for args in [vec!["-"], vec!["--replay", &path("sent")], vec!["--replay", &path("sent"), "--speed", "1000"]] {
        let log = path("log");
        let _ = std::fs::remove_file(&log);
        let output = mote(&[&["monitor", "--log", &log], &args[..]].concat(), &sent);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected, "{args:?}");
        let summary = String::from_utf8(output.stderr).unwrap();
        assert!(summary.contains(": 36 lines, 1 damaged, 0 not understood, in "), "{summary}");
        assert!(summary.contains("\nmote: benign: end not heard, step 20, test "), "{summary}");
        assert_eq!(std::fs::read_to_string(&log).unwrap(), sent, "{args:?}");
    }
}

/// Text of others is shown as it came; what is already in a log stays there.
#[test]
fn a_log_grows_and_foreign_text_is_not_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    std::fs::write(&log, "before, and to").unwrap();
    let said = "it's \"mote \" that says: mote wrote 3 lines\u{1b}[2J";
    let output =
        mote(&["monitor", "-", "--log", log.to_str().unwrap()], &format!("say \"hi\", it's mote wrote 3\n{said}\n"));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(shown, format!("say \"hi\", it's mote wrote 3\ndamaged: {}\n", mote_host::base::error::quoted(said)));
    let kept = std::fs::read_to_string(&log).unwrap();
    assert_eq!(kept, format!("before, and to\nsay \"hi\", it's mote wrote 3\n{said}\n"));
}

/// A run that was ordered: the program ends after it, and says how it went.
#[test]
fn a_run_that_was_ordered_is_followed_to_its_end() {
    let chip = PtyChip::start(Accidents { greeting: b"half a comm".to_vec(), ..Accidents::default() });
    let train = |keys: &str| mote(&["monitor", "--port", chip.path(), "--train", keys], "");
    let output = train("n=4 snr=1 test=0 steps=3 stop_loss=0");
    let (lines, beside) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{lines}{beside}");
    assert!(lines.contains("\nmote done reason=max-steps steps=3 "), "{lines}");
    assert!(lines.lines().last().unwrap().starts_with("mote work steps=3 "), "{lines}");
    assert!(beside.contains("session: max-steps after 3 steps"), "{beside}");

    // It has taken the keys, and cannot do it.
    let output = train("form=held");
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("train was refused: ") && said.contains("(held)"), "{said}");
}

#[test]
fn a_run_that_fails_and_a_chip_that_is_mute_are_failures() {
    let chip = PtyChip::start(Accidents::default());
    let output = mote(
        &["monitor", "--port", chip.path(), "--train", "n=4 signal=1e18 sigma=1e18 lr=1e18 stop_loss=0 test=0"],
        "",
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("the run has failed; its error is above"), "{}", stderr(&output));
    let mute = PtyChip::start(Accidents { mute: true, ..Accidents::default() });
    let output = mote(&["monitor", "--port", mute.path(), "--train", "n=4 snr=1"], "");
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("no data received: is --baud right"), "{said}");
    assert!(said.contains("expected an answer to train within 20 s, found silence or noise"), "{said}");
}

/// What a chip would refuse, and what nobody would send it, before a chip is asked or built.
#[test]
fn an_order_that_cannot_be_is_refused_at_once() {
    for (keys, expected) in [
        ("n=4", "--train: "),
        ("n=4 snr=1 nosuch=3", "(unknown-key)"),
        ("n=4 snr=1 lr=fast", "(value)"),
        ("form=held", "found form=held; a board that has just started holds no data"),
        ("form=stream n=4", "found form=stream; mote device train sends samples"),
    ] {
        refused(&mote(&["monitor", "--machine", "mps2-an386", "--train", keys], ""), &["--train: ", expected]);
    }
    let shape = |shape| mote(&["monitor", "--machine", "microbit", "--train", "n=4 snr=1", "--shape", shape], "");
    refused(&shape("4,4096,8,8"), &["--shape: expected a model of at most 9216 bytes for microbit, found "]);
    assert!(
        stderr(&shape("4,64")).contains("expected M,D,H,V, four counts from 1 to 65536"),
        "{}",
        stderr(&shape("4,64"))
    );
}

#[test]
fn a_replay_keeps_its_pace() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sent");
    std::fs::write(&path, "a\n".repeat(20)).unwrap();
    let start = Instant::now();
    let output = mote(&["monitor", "--speed", "20", "--replay", path.to_str().unwrap()], "");
    assert_eq!(output.stdout, "a\n".repeat(20).into_bytes());
    assert!(start.elapsed() >= Duration::from_millis(950), "{:?}", start.elapsed());
}

#[test]
fn what_cannot_be_watched_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let log = path("log");
    std::fs::write(&log, "a line\n").unwrap();
    refused(&mote(&["monitor", "--replay", &log, "--log", &log], ""), &["--log: expected another file than --replay"]);
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "a line\n", "and it is whole");
    refused(&mote(&["monitor", "--replay", &path("none")], ""), &["none: No such file"]);
    refused(
        &mote(&["monitor", "--replay", &log, "--speed", "-1"], ""),
        &["--speed: expected lines per second", "found -1"],
    );
    refused(&mote(&["monitor", "--replay", &log, "--speed", "nan"], ""), &["--speed: expected lines per second"]);
    refused(&mote(&["monitor", "--port", &path("none")], ""), &["--port: ", "none: No such file"]);
    refused(&mote(&["monitor", "-", "--log", &path("no/where")], ""), &["--log: ", "No such file"]);
    refused(&mote(&["monitor", "--machine", "nosuch"], ""), &["--machine: expected one of mps2-an386", "\"nosuch\""]);
    for args in [&["monitor"][..], &["monitor", "-", "--replay", &log], &["monitor", "-", "--train", "n=4"]] {
        assert_eq!(mote(args, "").status.code(), Some(2), "{args:?}");
    }
}
