//! The host's side of protocol version 2, over a pseudo terminal: accidents of every kind, and the same bits in the end.
#![cfg(unix)]

use clap::Parser;
use mote_core::answer::Answer;
use mote_core::plan::Split;
use mote_core::data::{Dataset, Distribution, Form, Synthetic};
use mote_core::matrix::MatrixMut;
use mote_core::rng::Purpose;
use mote_core::wire::checksum;
use mote_host::cli::{Cli, Command};
use mote_host::device::client::{Client, Heard};
use mote_host::device::fault::ChipError;
use mote_host::device::port::{Link, Serial};
use mote_host::device::{self, law, transfer};
use mote_host::error;
use mote_tests::archive::Archive;
use mote_tests::pty::{Accidents, PtyChip};
use serialport::{SerialPort, TTYPort};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Writes `count` samples of a size; answers the path.
fn data(folder: &Path, count: usize, (tokens, dim): (usize, usize), purpose: Purpose) -> String {
    let form = Form::Uniform { sigma: 4.0 / (dim as f32).sqrt() };
    let distribution = Distribution { form, signal_norm: 3.0, flip: 0.0 };
    let mut set = Synthetic::new(distribution, (tokens, dim), count, 9, purpose).unwrap();
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for n in 0..count {
        let mut sample = vec![0.0; tokens * dim];
        y.push(set.read(n, MatrixMut::new(&mut sample, tokens, dim)).unwrap().sign());
        x.extend(sample);
    }
    let path = folder.join(format!("{purpose:?}-{count}-{dim}.npz"));
    let shape = [count as u64, tokens as u64, dim as u64];
    Archive::new().with("X", &shape, &x).with("y", &[count as u64], &y).save(&path);
    path.to_str().unwrap().into()
}

/// `mote` with arguments, inside this process.
fn mote(args: &[&str]) -> anyhow::Result<()> {
    let cli = Cli::try_parse_from([&["mote", "--quiet"], args].concat()).unwrap();
    match &cli.command {
        Command::Device(args) => device::device(args, true),
        Command::Law(args) => law::law(args, true),
        _ => panic!("not a command of this test"),
    }
}

/// Learns over a port with more options; answers the weights that came back and the summary.
fn learn(path: &str, train: usize, test: usize, more: &[&str]) -> anyhow::Result<(Vec<u8>, String)> {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let train = data(folder.path(), train, (3, 5), Purpose::Train);
    let test = data(folder.path(), test, (3, 5), Purpose::Test);
    let args = ["device", "train", "--port", path, "--data", &train, "--test", &test, "--steps", "60", "--lr", "0.5"];
    mote(&[&args, more, &["--out", out.to_str().unwrap()]].concat())?;
    Ok((std::fs::read(out.join("weights.npz"))?, std::fs::read_to_string(out.join("summary.json"))?))
}

/// Learns over a clean line, then over one with accidents: the same files.
fn survives(accidents: Accidents, train: usize, test: usize, more: &[&str]) -> PtyChip {
    let clean = learn(PtyChip::start(Accidents::default()).path(), train, test, more).unwrap();
    let chip = PtyChip::start(accidents);
    let found = learn(chip.path(), train, test, more).unwrap();
    assert!(clean.0 == found.0, "other weights");
    let end = |summary: &str| {
        let from = summary.find("\"ended\"").unwrap();
        summary[from..summary.find("\"bytes_to_chip\"").unwrap()].to_owned()
    };
    assert_eq!(end(&clean.1), end(&found.1));
    assert!(found.1.contains("\"equal_to_host\": true"));
    chip
}

/// Held, half held, and streamed: the same weights, those of this machine.
#[test]
fn samples_may_be_held_or_streamed() {
    let chip = PtyChip::start(Accidents::default());
    let (weights, _) = learn(chip.path(), 4, 2, &[]).unwrap();
    assert!(weights == learn(chip.path(), 4, 7, &[]).unwrap().0, "test samples streamed");
    assert!(weights == learn(chip.path(), 4, 2, &["--stream"]).unwrap().0, "all streamed");
    assert!(weights != learn(chip.path(), 4, 2, &["--seed", "2"]).unwrap().0, "other weights from another seed");
    learn(chip.path(), 40, 20, &["--train-output"]).unwrap();
}

#[test]
fn weights_may_be_loaded_first() {
    let chip = PtyChip::start(Accidents::default());
    let folder = TempDir::new().unwrap();
    let init = folder.path().join("init.npz");
    let (first, _) = learn(chip.path(), 4, 2, &[]).unwrap();
    std::fs::write(&init, &first).unwrap();
    let init = init.to_str().unwrap();
    let (held, _) = learn(chip.path(), 4, 2, &["--init", init, "--stop-loss", "0"]).unwrap();
    let (streamed, _) = learn(chip.path(), 4, 2, &["--init", init, "--stop-loss", "0", "--stream"]).unwrap();
    assert!(held == streamed && held != first);
}

/// Garbage before the first line, glued to lines, and damage in both directions.
#[test]
fn garbage_and_lost_bytes_change_nothing() {
    let greeting =
        b"\xff\0\xfe boot v1.2\r\nmote ok cmd=hello numbers=0 crc=00000000 *00000000\nmote ok cmd=st".to_vec();
    for (more, lose_up, damage_down) in [(&[][..], 401, 1999), (&["--stream"], 7001, 9001)] {
        let accidents = Accidents { greeting: greeting.clone(), lose_up, damage_down, ..Default::default() };
        let chip = survives(accidents, 4, 2, more);
        let (lost, damaged) = (chip.count.lost.load(Ordering::Relaxed), chip.count.damaged.load(Ordering::Relaxed));
        println!("{more:?}: {lost} bytes lost on the way there, {damaged} damaged on the way back");
        assert!(damaged > 0 && lost > 0);
    }
}

/// The chip forgets everything in the midst of a run: it starts anew, and arrives at the same weights.
#[test]
fn a_reset_in_the_middle_changes_nothing() {
    for (more, reset_after) in [(&["--stream"][..], 9_000), (&[], 500), (&[], 900)] {
        let chip = survives(Accidents { reset_after, ..Default::default() }, 4, 2, more);
        assert_eq!(chip.count.resets.load(Ordering::Relaxed), 1, "{more:?}");
    }
}

/// The cable is pulled in the midst of a run, and the port comes back: the run goes on.
#[test]
fn a_port_that_vanishes_and_comes_back_changes_nothing() {
    let chip = survives(Accidents { unplug_after: 9_000, ..Default::default() }, 4, 2, &["--stream"]);
    assert_eq!(chip.count.unplugged.load(Ordering::Relaxed), 1);
}

/// A chip that does something else than it was told: it is seen, and the exit status is 1.
#[test]
fn a_chip_that_differs_is_found_out() {
    let mishears = Some(("lr=0.500000:3f000000", "lr=0.5000001"));
    let chip = PtyChip::start(Accidents { mishears, ..Default::default() });
    let error = learn(chip.path(), 4, 2, &[]).unwrap_err();
    assert_eq!((error.to_string().as_str(), error::exit_status(&error)), ("host and chip differ", 1));
}

#[test]
fn a_wrong_shape_and_a_port_that_is_not_there_are_said() {
    let chip = PtyChip::start(Accidents::default());
    let folder = TempDir::new().unwrap();
    let train = data(folder.path(), 4, (3, 6), Purpose::Train);
    let out = folder.path().join("out");
    let args = ["--data", &train, "--steps", "6", "--lr", "0.5", "--out", out.to_str().unwrap()];
    let error = mote(&[&["device", "train", "--port", chip.path()], &args[..]].concat()).unwrap_err();
    let expected =
        format!("{train}: key X: expected M=3 and D=5 as in the model of {}, found M=3 and D=6", chip.path());
    assert_eq!((error.to_string(), error::exit_status(&error)), (expected, 2));
    let error = mote(&[&["device", "train", "--port", "/dev/no-such-port"], &args[..]].concat()).unwrap_err();
    let expected = "--port: /dev/no-such-port cannot be opened: No such file or directory";
    assert_eq!((error.to_string().as_str(), error::exit_status(&error)), (expected, 2));
    assert!(!out.exists(), "nothing is written");
}

/// The law by a chip of 3 tokens of 5 numbers, and by one that does it with another learning rate.
#[test]
fn the_law_is_compared_cell_by_cell() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("law.csv");
    let run = |accidents: Accidents| {
        let chip = PtyChip::start(accidents);
        let grid = ["--n", "2,4", "--snr", "0.5..2.0..0.5", "--seeds", "2", "--test", "20"];
        mote(&[&["law", "--port", chip.path()], &grid[..], &["--out", out.to_str().unwrap()]].concat())
    };
    run(Accidents::default()).unwrap();
    assert_eq!(std::fs::read_to_string(&out).unwrap().lines().count(), 1 + 2 * 4 * 2);
    let mishears = Some(("lr=0.500000:3f000000", "lr=0.5000001"));
    let error = run(Accidents { mishears, ..Default::default() }).unwrap_err();
    assert!(error.to_string().starts_with("host and chip differ in "), "{error}");
}

/// A serial port that waits less: silence need not take half a minute here.
#[derive(Debug)]
struct Hasty(Serial);

impl Link for Hasty {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn receive(&mut self, patience: Duration) -> io::Result<Vec<u8>> {
        self.0.receive(patience)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.send(bytes)
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.0.reopen()
    }

    fn comes_back(&self) -> bool {
        false
    }

    fn silence(&self) -> Duration {
        self.0.silence()
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(400)
    }
}

fn hasty(path: &str) -> Result<Client, ChipError> {
    Client::open(Box::new(Hasty(Serial::open(path, 115_200).unwrap())), None)
}

#[test]
fn silence_has_an_end() {
    let chip = PtyChip::start(Accidents { mute: true, ..Default::default() });
    let start = Instant::now();
    let error = hasty(chip.path()).unwrap_err();
    let expected = format!("{}: expected an answer to hello within 0.4 s, found silence or noise", chip.path());
    assert_eq!(error.to_string(), expected);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

/// Firmware without commands speaks version 1, unasked.
#[test]
fn another_version_is_said() {
    let (mut master, slave) = TTYPort::pair().unwrap();
    let path = slave.name().unwrap();
    let body = "mote hello protocol=1 engine=0.1.0 of=another age";
    master.write_all(format!("{body} *{:08x}\n", checksum(body.as_bytes())).as_bytes()).unwrap();
    let error = hasty(&path).unwrap_err();
    assert_eq!(error, ChipError::Version { port: path, expected: 2, found: 1 });
    assert!(error.to_string().contains("expected protocol version 2, found 1"), "{error}");
    drop(slave);
}

#[test]
fn a_panic_is_said() {
    let (mut master, slave) = TTYPort::pair().unwrap();
    let path = slave.name().unwrap();
    master.write_all(b"panic at core/src/lib.rs:1: no\n").unwrap();
    let error = hasty(&path).unwrap_err();
    assert_eq!(error, ChipError::Crashed { port: path, words: "panic at core/src/lib.rs:1: no".into() });
    drop(slave);
}

/// One answer for one command; refusals come with code and sentence, and the session goes on.
#[test]
fn commands_are_answered_one_by_one() {
    let chip = PtyChip::start(Accidents::default());
    let mut client = hasty(chip.path()).unwrap();
    assert_eq!(client.chip().unwrap().limits.samples, 6);
    let state = client.status().unwrap();
    assert_eq!((state.activity.as_str(), state.step), ("idle", 0));
    let refused = client.ask("train n=0 snr=1").unwrap_err();
    let expected = format!("{}: train was refused: n: expected 1 to 16777216; found 0 (range)", chip.path());
    assert_eq!(refused.to_string(), expected);
    assert!(!refused.is_passing());
    let long = format!("train name={}", "x".repeat(400));
    assert_eq!(client.ask(&long), Err(ChipError::Command { port: chip.path().into(), found: 421 }));
    assert_eq!(
        client.ask("save").unwrap_err().to_string(),
        format!("{}: save was refused: this board keeps nothing (no-flash)", chip.path())
    );
    let reply = client.ask("status").unwrap();
    assert!(matches!(&reply.said[..], [Heard::Answer(Answer::State(again))] if *again == state));
}

/// Weights there and back, bit for bit; numbers are most of the bytes.
#[test]
fn weights_go_there_and_back() {
    let chip = PtyChip::start(Accidents::default());
    let mut client = hasty(chip.path()).unwrap();
    let count = client.chip().unwrap().limits.weights as usize;
    let weights: Vec<f32> = (0..count).map(|i| (i as f32 - 7.0) * 0.37).collect();
    client.upload("load step=12 binary=1", &weights).unwrap();
    assert_eq!(client.weights().unwrap(), weights);
    let state = client.status().unwrap();
    assert_eq!((state.step, state.weights), (12, transfer::digest(&weights)));
    let set = format!("data set={} n=2 binary=1", Split::Train.name());
    let wrong = client.upload(&set, &[1.0, f32::NAN]).unwrap_err();
    assert!(matches!(wrong, ChipError::Broken { .. } | ChipError::Refused { .. }), "{wrong}");
}
