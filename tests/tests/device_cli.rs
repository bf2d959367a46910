//! `mote device` as a user meets it, with a chip on a pseudo terminal: what it says, what it leaves behind. Compiled with
//! package `mote-host`, which has the binary.
#![cfg(unix)]

use mote_core::rng::Purpose;
use mote_host::files::weights::Weights;
use mote_tests::archive::synthetic;
use mote_tests::pty::{Accidents, PtyChip};
use mote_tests::{refused, stderr};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn mote(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mote")).args(args).output().unwrap()
}

/// A port with nobody behind it, and one with somebody who speaks of other things.
#[test]
fn a_chip_that_does_not_say_who_it_is_is_told_so_in_time() {
    let start = Instant::now();
    let mute = PtyChip::start(Accidents { mute: true, ..Accidents::default() });
    let output = mote(&["device", "hello", "--port", mute.path()]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert_eq!(said.lines().count(), 1, "{said}");
    let seconds = start.elapsed().as_secs_f64();
    assert!(seconds < 20.0, "{seconds}");
    let told = said.split_once("asked 4 times in ").unwrap().1.split(' ').next().unwrap().parse::<f64>().unwrap();
    assert!((told - seconds).abs() < 3.0, "{said} after {seconds} s");
    assert!(
        said.contains("found silence; does the board run mote-session (mote flash BOARD --session), and is --baud")
    );
}

/// Data of another shape: what would fit is said as the options that choose it.
#[test]
fn data_of_another_shape_names_the_way_to_a_model_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let chip = PtyChip::start(Accidents::default());
    let out = folder.path().join("out");
    for (size, hint) in [((4, 32), "--shape 4,32,2,2"), ((3, 7), "--shape 3,7,2,2")] {
        let data = synthetic(folder.path(), 4, size, Purpose::Train);
        let args = ["device", "train", "--port", chip.path(), "--data", &data, "--steps", "5", "--lr", "0.5", "--out"];
        let output = mote(&[&args[..], &[out.to_str().unwrap()]].concat());
        refused(&output, &["key X: expected M=3 and D=5", &format!("; mote flash BOARD --session {hint}")]);
        assert!(!out.exists(), "nothing is left behind");
    }
}

/// What was asked for stands beside what came of it; all steps are done unless a stop loss is given.
#[test]
fn the_summary_says_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let chip = PtyChip::start(Accidents::default());
    let (out, data) = (folder.path().join("out"), synthetic(folder.path(), 4, (3, 5), Purpose::Train));
    let args =
        ["device", "train", "--port", chip.path(), "--data", &data, "--steps", "70", "--lr", "0.5", "--seed", "3"];
    let output = mote(&[&args[..], &["--train-output", "--out", out.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let summary = std::fs::read_to_string(out.join("summary.json")).unwrap();
    for line in [
        &format!("\"data\": \"{data}\""),
        "\"test\": null",
        "\"training_set\": \"held\"",
        "\"M\": 3",
        "\"V\": 2",
        "\"init\": null",
        "\"seed\": 3",
        "\"train_output\": true",
        "\"max_steps\": 70",
        "\"ended\": \"max-steps\"",
        "\"steps\": 70",
        "\"equal_to_host\": true",
    ] {
        assert!(summary.contains(line), "{line} is missing: {summary}");
    }
}

/// Starts a long run, and interrupts it once the chip has been at it for a while, or at once.
fn interrupted(chip: &PtyChip, data: &str, out: &Path, waits: bool) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mote"))
        .args([
            "device",
            "train",
            "--port",
            chip.path(),
            "--data",
            data,
            "--lr",
            "1e-6",
            "--steps",
            "20000",
            "--stream",
        ])
        .args(["--out", out.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first line tells that the chip has answered and the run on this machine is done.
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    if waits {
        lines.read_line(&mut String::new()).unwrap();
        std::thread::sleep(Duration::from_millis(700));
    }
    let id = child.id().to_string();
    let until = Instant::now() + Duration::from_secs(60);
    while !waits && !has_taken_over(&id) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    child.wait_with_output().unwrap()
}

/// Whether a process catches SIGINT, bit 1 of its signal mask.
fn has_taken_over(process: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    caught.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 2 != 0))
}

/// Ctrl-C: the weights of the chip and the curve are saved, and the chip idles; nothing learned, nothing left behind.
#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_run_brings_its_weights_back() {
    let folder = tempfile::tempdir().unwrap();
    let chip = PtyChip::start(Accidents::default());
    let data = synthetic(folder.path(), 4, (3, 5), Purpose::Train);
    let (early, out) = (folder.path().join("early"), folder.path().join("out"));
    let output = interrupted(&chip, &data, &early, false);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(!early.exists() && stderr(&output).contains("interrupted"), "{}", stderr(&output));

    let output = interrupted(&chip, &data, &out, true);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("what was done is saved in"), "{}", stderr(&output));
    let weights = Weights::read(&out.join("weights.npz")).unwrap();
    assert_eq!((weights.dim, weights.head, weights.value), (5, 2, 2));
    let curve = std::fs::read_to_string(out.join("curve.csv")).unwrap();
    let steps = curve.lines().count() - 1;
    assert!(steps > 1, "{curve}");
    let summary = std::fs::read_to_string(out.join("summary.json")).unwrap();
    assert!(summary.contains("\"ended\": \"interrupted\"") && summary.contains("\"equal_to_host\": null"), "{summary}");
    assert!(summary.contains(&format!("\"steps\": {steps},")), "{summary}");
    let hello = mote(&["device", "hello", "--port", chip.path()]);
    assert!(String::from_utf8_lossy(&hello.stdout).contains("now: idle"), "{}", stderr(&hello));
}
