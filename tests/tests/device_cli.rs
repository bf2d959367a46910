//! `mote device` as a user meets it, with a chip on a pseudo terminal: what it says, what it leaves behind. Compiled
//! with package `mote-host`, which has the binary.
#![cfg(target_os = "linux")]

use mote_core::rng::Purpose;
use mote_tests::archive::synthetic;
use mote_tests::pty::{Accidents, PtyChip};
use mote_tests::{refused, stderr, wait_until_ctrl_c_is_taken_over};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

fn mote(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mote-under-test")).args(args).output().unwrap()
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
    let told = said.split_once("asked 4 times in ").unwrap().1.split(' ').next().unwrap().parse::<f64>().unwrap();
    assert!(told >= 4.0 * 2.5 && told <= seconds, "{said} after {seconds} s");
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

/// Test data of another shape than the training data: no other model helps.
#[test]
fn test_data_of_another_shape_have_no_model() {
    let folder = tempfile::tempdir().unwrap();
    let chip = PtyChip::start(Accidents::default());
    let data = synthetic(folder.path(), 4, (3, 5), Purpose::Train);
    let test = synthetic(folder.path(), 4, (3, 6), Purpose::Test);
    let args =
        ["device", "train", "--port", chip.path(), "--data", &data, "--test", &test, "--steps", "5", "--lr", "1"];
    let output = mote(&[&args[..], &["--out", folder.path().join("out").to_str().unwrap()]].concat());
    refused(&output, &["Test-4-6.npz: key X: expected M=3 and D=5 as in the model of ", "found M=3 and D=6"]);
    assert!(!stderr(&output).contains("--shape"), "{}", stderr(&output));
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

/// Starts a long run, and interrupts it once the chip has said so much.
fn interrupted(chip: &PtyChip, data: &str, out: &Path, more: &[&str], bytes: u32) -> Output {
    let child = Command::new(env!("CARGO_BIN_EXE_mote-under-test"))
        .args(["device", "train", "--port", chip.path(), "--data", data, "--lr", "0.01", "--steps", "300000"])
        .args(["--out", out.to_str().unwrap()])
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    if bytes == 0 {
        wait_until_ctrl_c_is_taken_over(child.id());
    }
    let before = chip.count.said.load(Ordering::Relaxed);
    let until = Instant::now() + Duration::from_secs(120);
    while chip.count.said.load(Ordering::Relaxed) - before < bytes {
        assert!(Instant::now() < until, "the chip says too little");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    output
}

/// Weights and summary of a folder.
fn results(out: &Path) -> (Vec<u8>, String) {
    (std::fs::read(out.join("weights.npz")).unwrap(), std::fs::read_to_string(out.join("summary.json")).unwrap())
}

/// Ctrl-C: the weights of the chip are saved with the step they are of, bit for bit those of a run of so many steps,
/// and the chip idles.
#[test]
fn an_interrupted_run_brings_its_weights_back() {
    let folder = tempfile::tempdir().unwrap();
    let chip = PtyChip::start(Accidents::default());
    let data = synthetic(folder.path(), 4, (3, 5), Purpose::Train);
    for (name, more) in [("held", &[][..]), ("streamed", &["--stream"])] {
        let (out, whole) = (folder.path().join(name), folder.path().join("whole"));
        let output = interrupted(&chip, &data, &out, more, 20_000);
        assert!(stderr(&output).contains("the results so far are saved in"), "{}", stderr(&output));
        let (weights, summary) = results(&out);
        assert!(
            summary.contains("\"ended\": \"interrupted\"") && summary.contains("\"equal_to_host\": null"),
            "{summary}"
        );
        let steps = summary.split_once("\"steps\": ").unwrap().1.split(',').next().unwrap();
        assert!(stderr(&output).contains(&format!("interrupted after step {steps};")), "{}", stderr(&output));
        let curve = std::fs::read_to_string(out.join("curve.csv")).unwrap();
        // A line is lost where nobody reads it in time; none is made up.
        let rows = curve.lines().count() - 1;
        assert!(0 < rows && rows <= steps.parse().unwrap(), "{rows} rows after {steps} steps");
        let args =
            ["device", "train", "--port", chip.path(), "--data", &data, "--lr", "0.01", "--steps", steps, "--out"];
        let again = mote(&[&args[..], &[whole.to_str().unwrap()]].concat());
        assert!(again.status.success(), "{}", stderr(&again));
        assert!(weights == results(&whole).0, "{name}: other weights after {steps} steps");
    }
    let hello = mote(&["device", "hello", "--port", chip.path()]);
    assert!(String::from_utf8_lossy(&hello.stdout).contains("now: idle"), "{}", stderr(&hello));
}

/// A chip that forgets its run when it is interrupted has nothing to save; what was saved before stays.
#[test]
fn a_chip_that_was_reset_has_nothing_to_save() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic(folder.path(), 4, (3, 5), Purpose::Train);
    let out = folder.path().join("out");
    let reset = || PtyChip::start(Accidents { reset_at_stop: true, ..Accidents::default() });
    let output = interrupted(&reset(), &data, &out, &[], 20_000);
    assert!(stderr(&output).contains("nothing is saved"), "{}", stderr(&output));
    assert!(!out.exists(), "no empty folder");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("weights.npz"), "of yesterday").unwrap();
    interrupted(&reset(), &data, &out, &[], 20_000);
    assert_eq!(std::fs::read_to_string(out.join("weights.npz")).unwrap(), "of yesterday");
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 1);
}

/// Before the first step there is nothing to save, and an interruption is one whatever was being waited for.
#[test]
fn an_interruption_before_the_chip_answers_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic(folder.path(), 4, (3, 5), Purpose::Train);
    let out = folder.path().join("out");
    let babbling = PtyChip::start(Accidents { greeting: vec![b'x'; 100], mute: true, ..Accidents::default() });
    let output = interrupted(&babbling, &data, &out, &[], 0);
    assert!(!out.exists() && stderr(&output).contains("interrupted"), "{}", stderr(&output));
}
