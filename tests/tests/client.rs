//! The host's side of protocol version 2, over a pseudo terminal: accidents of every kind, and the same bits in the
//! end.
#![cfg(unix)]

use clap::Parser;
use mote_core::data::Split;
use mote_core::rng::Purpose;
use mote_host::cli::{Cli, Command};
use mote_host::client::chip::{Client, Heard};
use mote_host::client::fault::ChipError;
use mote_host::client::follow::Sets;
use mote_host::client::port::{Link, Serial};
use mote_host::client::transfer;
use mote_host::commands::device;
use mote_host::exit;
use mote_host::formats::samples::Samples;
use mote_protocol::answer::Answer;
use mote_protocol::crc::checksum;
use mote_protocol::limits::WINDOW;
use mote_protocol::wire::to_name;
use mote_tests::archive::synthetic as data;
use mote_tests::pty::{Accidents, PtyChip};
use serialport::{SerialPort, TTYPort};
use std::cell::Cell;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tempfile::TempDir;

/// `mote` with arguments, inside this process.
fn mote(args: &[&str]) -> anyhow::Result<()> {
    let cli = Cli::try_parse_from([&["mote", "--quiet"], args].concat()).unwrap();
    match &cli.command {
        Command::Device(args) => device::device(args, true),
        Command::Law(args) => mote_host::commands::law::law(args, true),
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

/// The last step was not heard, or the whole end: the summary says the steps that the chip has done.
#[test]
fn steps_that_were_not_heard_count() {
    for lines in [&["mote step step=60 "][..], &["mote step step=59 ", "mote step step=60 ", "mote done "]] {
        let chip = PtyChip::start(Accidents { damage_lines: lines.to_vec(), ..Default::default() });
        let (_, summary) = learn(chip.path(), 4, 2, &[]).unwrap();
        assert_eq!(chip.count.damaged.load(Ordering::Relaxed) as usize, lines.len());
        assert!(summary.contains("\"steps\": 60,"), "{lines:?}: {summary}");
        assert!(summary.contains("\"equal_to_host\": true"), "{lines:?}: {summary}");
    }
}

/// A chip that does something else than it was told: it is seen, and the exit status is 1.
#[test]
fn a_chip_that_differs_is_found_out() {
    let mishears = Some(("lr=0.500000:3f000000", "lr=0.5000001"));
    let chip = PtyChip::start(Accidents { mishears, ..Default::default() });
    let error = learn(chip.path(), 4, 2, &[]).unwrap_err();
    assert_eq!((error.to_string().as_str(), exit::exit_status(&error)), ("host and chip differ", 1));
}

#[test]
fn a_wrong_shape_and_a_port_that_is_not_there_are_said() {
    let chip = PtyChip::start(Accidents::default());
    let folder = TempDir::new().unwrap();
    let train = data(folder.path(), 4, (3, 6), Purpose::Train);
    let out = folder.path().join("out");
    let args = ["--data", &train, "--steps", "6", "--lr", "0.5", "--out", out.to_str().unwrap()];
    let error = mote(&[&["device", "train", "--port", chip.path()], &args[..]].concat()).unwrap_err();
    let way = "found M=3 and D=6; mote flash BOARD --session --shape 3,6,2,2";
    let expected = format!("{train}: key X: expected M=3 and D=5 as in the model of {}, {way}", chip.path());
    assert_eq!((error.to_string(), exit::exit_status(&error)), (expected, 2));
    let error = mote(&[&["device", "train", "--port", "/dev/no-such-port"], &args[..]].concat()).unwrap_err();
    let expected = "--port: /dev/no-such-port cannot be opened: No such file or directory";
    assert_eq!((error.to_string().as_str(), exit::exit_status(&error)), (expected, 2));
    assert!(!out.exists(), "nothing is written");
}

/// The law by a chip of 3 tokens of 5 numbers: 16 cells of a small grid, kept in a file.
fn law(accidents: Accidents, out: &Path, more: &[&str]) -> anyhow::Result<()> {
    let chip = PtyChip::start(accidents);
    let grid = ["--n", "2,4", "--snr", "0.5..2.0..0.5", "--seeds", "2", "--test", "20", "--out", out.to_str().unwrap()];
    mote(&[&["law", "--port", chip.path()], &grid[..], more].concat())
}

/// A chip that does what it is told with another learning rate.
fn mishearing() -> Accidents {
    Accidents { mishears: Some(("lr=0.500000:3f000000", "lr=0.5000001")), ..Default::default() }
}

#[test]
fn the_law_is_compared_cell_by_cell() {
    let folder = TempDir::new().unwrap();
    let [clean, noisy, other] = ["clean", "noisy", "other"].map(|name| folder.path().join(name));
    law(Accidents::default(), &clean, &[]).unwrap();
    let text = std::fs::read_to_string(&clean).unwrap();
    assert_eq!(text.lines().count(), 1 + 2 * 4 * 2);
    // As published, before cells said of which configuration they are.
    let first = "2,0.5,0.500000,";
    assert!(text.lines().nth(1).unwrap().starts_with(first), "{text}");
    // Damaged lines are no difference.
    law(Accidents { damage_down: 1999, ..Default::default() }, &noisy, &[]).unwrap();
    assert_eq!(std::fs::read_to_string(&noisy).unwrap(), text);
    // Cells in which both differ are not kept: nobody may take them for cells in which both agree.
    let error = law(mishearing(), &other, &[]).unwrap_err();
    assert!(error.to_string().starts_with("host and chip differ in "), "{error}");
    let kept = std::fs::read_to_string(&other).unwrap();
    assert!(kept.lines().count() < text.lines().count() && kept.lines().all(|line| text.contains(line)), "{kept}");
    law(Accidents::default(), &other, &[]).unwrap();
    let sorted = |text: String| text.lines().map(String::from).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(sorted(std::fs::read_to_string(&other).unwrap()), sorted(text));
}

/// What is in the file is not computed again: a chip that would do it wrongly is not asked. What a kill left of a line goes.
#[test]
fn the_law_goes_on_from_the_cells_that_there_are() {
    let folder = TempDir::new().unwrap();
    let (whole, out) = (folder.path().join("whole.csv"), folder.path().join("law.csv"));
    let read = || std::fs::read_to_string(&out).unwrap();
    law(Accidents::default(), &whole, &[]).unwrap();
    let text = std::fs::read_to_string(&whole).unwrap();
    let half = text.lines().take(8).map(|line| format!("{line}\n")).collect::<String>();
    std::fs::write(&out, format!("{half}4,0.5,1.0")).unwrap();
    law(Accidents::default(), &out, &[]).unwrap();
    assert_eq!(read(), text);
    law(mishearing(), &out, &[]).unwrap();
    assert_eq!(read(), text, "a finished file");
    law(Accidents::default(), &out, &["--replicates", "3"]).unwrap();
    assert!(read().starts_with(&text) && read().lines().count() == 1 + 2 * 4 * 3, "only what is new");
    let grown = read();
    for (more, what) in [
        (["--lr", "0.25"], "line 2: expected cells of this model, engine and settings, c"),
        (["--seed", "2"], "line 2: expected cells of this model, engine and settings, c"),
        (["--flip", "0.1"], "line 2: expected cells of this model, engine and settings, c"),
        (["--snr", "0.5,1"], "expected a cell of this grid"),
    ] {
        let error = law(Accidents::default(), &out, &more).unwrap_err();
        assert!(exit::exit_status(&error) == 2 && error.to_string().contains(what), "{more:?}: {error}");
        assert_eq!(read(), grown);
    }
}

/// Options that cells have in common are the chip's too: it makes of them what this machine does.
#[test]
fn the_law_takes_the_settings_of_the_laboratory() {
    let folder = TempDir::new().unwrap();
    let plain = folder.path().join("plain");
    law(Accidents::default(), &plain, &[]).unwrap();
    let numbers = |path: &Path| -> Vec<String> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().skip(1).map(|line| line.rsplit_once(',').unwrap().0.to_owned()).collect()
    };
    let settings = [
        ["--flip", "0.3"],
        ["--noise-norm", "2"],
        ["--lr", "0.25"],
        ["--stop-loss", "0.1"],
        ["--max-steps", "20"],
        ["--test-samples", "10"],
        ["--seed", "2"],
    ];
    for (i, more) in settings.iter().enumerate() {
        let out = folder.path().join(i.to_string());
        law(Accidents::default(), &out, more).unwrap();
        assert_ne!(numbers(&out), numbers(&plain), "{more:?}");
    }
    let out = folder.path().join("defaults");
    law(Accidents::default(), &out, &["--flip", "0", "--noise-norm", "4", "--cut", "0.3"]).unwrap();
    assert_eq!(std::fs::read_to_string(out).unwrap(), std::fs::read_to_string(plain).unwrap());
}

/// What becomes of the bytes of a call on their way.
type Way = Box<dyn FnMut(Vec<u8>) -> Vec<u8>>;

/// A serial port that waits less: silence need not take half a minute here. And something may happen to its bytes.
struct Hasty {
    serial: Serial,
    up: Way,
    down: Way,
    /// How often reading fails from now on.
    failures: Rc<Cell<u32>>,
}

impl fmt::Debug for Hasty {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.serial.fmt(f)
    }
}

impl Link for Hasty {
    fn name(&self) -> &str {
        self.serial.name()
    }

    fn receive(&mut self, patience: Duration) -> io::Result<Vec<u8>> {
        if let Some(left) = self.failures.get().checked_sub(1) {
            self.failures.set(left);
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.serial.receive(patience).map(&mut self.down)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.serial.send(&(self.up)(bytes.to_vec()))
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.serial.reopen()
    }

    fn comes_back(&self) -> bool {
        true
    }

    fn silence(&self) -> Duration {
        self.serial.silence()
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(400)
    }
}

fn hasty_with(path: &str, up: Way, down: Way) -> Result<Client, ChipError> {
    let serial = Serial::open(path, 115_200).unwrap();
    Client::open(Box::new(Hasty { serial, up, down, failures: Rc::default() }), None)
}

fn hasty(path: &str) -> Result<Client, ChipError> {
    hasty_with(path, Box::new(|bytes| bytes), Box::new(|bytes| bytes))
}

#[test]
fn silence_has_an_end() {
    let chip = PtyChip::start(Accidents { mute: true, ..Default::default() });
    let error = hasty(chip.path()).unwrap_err();
    let expected = format!("{}: expected an answer to hello, which was asked 4 times in ", chip.path());
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert!(error.to_string().contains(" s, found silence; does the board run mote-session "), "{error}");
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
    let refused = client.request("train n=0 snr=1").unwrap_err();
    let expected = format!("{}: train was refused: n: expected 1 to 16777216; found 0 (range)", chip.path());
    assert_eq!(refused.to_string(), expected);
    assert!(!refused.is_passing());
    let long = format!("train name={}", "x".repeat(400));
    assert_eq!(client.request(&long), Err(ChipError::Command { port: chip.path().into(), found: 421 }));
    assert_eq!(
        client.request("save").unwrap_err().to_string(),
        format!("{}: save was refused: this board has no flash for weights: nothing is saved (no-flash)", chip.path())
    );
    let reply = client.request("status").unwrap();
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
    assert!(matches!(&wrong, ChipError::Refused { code, .. } if code == "not-finite"), "{wrong}");
    assert_eq!(client.status().unwrap().activity, "idle", "no transfer is left open");
}

/// Six samples of the chip's model.
fn six_samples() -> Vec<f32> {
    (0..6 * 16).map(|i| if i % 16 == 15 { 1.0 } else { i as f32 }).collect()
}

/// Of two frames, the second is lost: it alone is sent again.
#[test]
fn what_was_lost_is_sent_again_and_nothing_else() {
    let chip = PtyChip::start(Accidents::default());
    let mut frames = 0;
    let lose_the_second = move |bytes: Vec<u8>| {
        frames += u32::from(bytes[0] == 0);
        if bytes[0] == 0 && frames == 2 { Vec::new() } else { bytes }
    };
    let mut client = hasty_with(chip.path(), Box::new(lose_the_second), Box::new(|bytes| bytes)).unwrap();
    client.upload("data n=6 binary=1", &six_samples()).unwrap();
    assert_eq!(client.traffic.numbers_up, 4 * (64 + 32 + 32));
    assert_eq!(client.status().unwrap().train, 6);
}

/// No more frames than the chip has room for are ever without an answer, however many there are.
#[test]
fn frames_wait_for_their_answers() {
    let chip = PtyChip::start(Accidents::default());
    let waiting = Rc::new(Cell::new((0i64, 0i64)));
    let (sent, answered) = (waiting.clone(), waiting.clone());
    let up = move |bytes: Vec<u8>| {
        let (now, most) = sent.get();
        let now = now + i64::from(bytes[0] == 0);
        sent.set((now, most.max(now)));
        bytes
    };
    let down = move |bytes: Vec<u8>| {
        let count = |cmd: &[u8]| bytes.windows(cmd.len()).filter(|window| *window == cmd).count() as i64;
        let (now, most) = answered.get();
        answered.set((now - count(b"cmd=put") - count(b"cmd=end"), most));
        bytes
    };
    let mut client = hasty_with(chip.path(), Box::new(up), Box::new(down)).unwrap();
    // More than was announced: the chip takes the first frame and refuses what goes beyond, and was never sent it all
    // at once.
    let error = client.upload("data n=6 binary=1", &six_samples().repeat(8)).unwrap_err();
    assert!(matches!(&error, ChipError::Refused { code, .. } if code == "beyond-end"), "{error}");
    assert_eq!(waiting.get().1, i64::try_from(WINDOW).unwrap());
}

/// The first question for a sample is damaged: the sample is sent all the same, and the run need not begin again.
#[test]
fn a_question_that_was_not_heard_is_answered() {
    let chip = PtyChip::start(Accidents::default());
    let folder = TempDir::new().unwrap();
    let samples = Samples::read(data(folder.path(), 4, (3, 5), Purpose::Train).as_ref()).unwrap();
    let sets = Sets::new(&samples, None);
    let mut is_damaged = false;
    let damage_one = move |mut bytes: Vec<u8>| {
        if let Some(at) = bytes.windows(9).position(|window| window == b"mote want")
            && !is_damaged
        {
            bytes[at + 6] ^= 1;
            is_damaged = true;
        }
        bytes
    };
    let mut client = hasty_with(chip.path(), Box::new(|bytes| bytes), Box::new(damage_one)).unwrap();
    let done = client.train("train form=stream n=4 steps=3 stop_loss=0", Some(&sets), |_| {}).unwrap();
    assert_eq!((done.steps, client.noise), (3, 1));
}

/// A port that fails again while the line is put in order: that is one more attempt, and not the end.
#[test]
fn an_accident_in_a_repair_is_an_accident() {
    let chip = PtyChip::start(Accidents::default());
    let serial = Serial::open(chip.path(), 115_200).unwrap();
    let failures = Rc::new(Cell::new(0));
    let ways: [Way; 2] = [Box::new(|bytes| bytes), Box::new(|bytes| bytes)];
    let [up, down] = ways;
    let mut client = Client::open(Box::new(Hasty { serial, up, down, failures: failures.clone() }), None).unwrap();
    // One for the job, and one for each of the first two repairs.
    failures.set(3);
    assert_eq!(client.retry(3, |client| client.status()).unwrap().activity, "idle");
    failures.set(3);
    assert!(matches!(client.retry(2, |client| client.status()), Err(ChipError::Gone { .. })));
}

/// A command that was damaged on its way is sent again; it was not taken.
#[test]
fn a_damaged_command_is_sent_again() {
    let chip = PtyChip::start(Accidents::default());
    let mut damaged = 0;
    let damage_one = move |mut bytes: Vec<u8>| {
        if damaged == 0 && bytes.starts_with(b"status") {
            bytes[3] ^= 1;
            damaged += 1;
        }
        bytes
    };
    let mut client = hasty_with(chip.path(), Box::new(damage_one), Box::new(|bytes| bytes)).unwrap();
    let before = client.traffic.up;
    client.request("status").unwrap();
    let sent = ["status *00000000\n", "echo on=0 *00000000\n", "status *00000000\n"].concat();
    assert_eq!(client.traffic.up - before, sent.len() as u64);
}

/// A refusal of something that was said before is not the answer to a command: it is sent once, and its answer is
/// found.
#[test]
fn a_stale_refusal_is_no_answer() {
    let chip = PtyChip::start(Accidents::default());
    let stale =
        Answer::Refused(to_name("-"), to_name("line-timeout"), "the line was begun and not ended".try_into().unwrap());
    let stale = format!("{}\n", stale.into_line().unwrap());
    let sent = Rc::new(Cell::new((0, 0)));
    let (told, heard) = (sent.clone(), sent.clone());
    let up = move |bytes: Vec<u8>| {
        let (count, owed) = told.get();
        if ["train ", "save ", "status "].iter().any(|name| bytes.starts_with(name.as_bytes())) {
            // One refusal is on its way already, or two are.
            told.set((count + 1, owed + count % 2 + 1));
        }
        bytes
    };
    let down = move |bytes: Vec<u8>| {
        let (count, owed) = heard.replace((heard.get().0, 0));
        assert!(count < 10, "commands are sent again and again");
        [stale.repeat(owed).into_bytes(), bytes].concat()
    };
    let mut client = hasty_with(chip.path(), Box::new(up), Box::new(down)).unwrap();
    let done = client.train("train n=4 snr=1 test=0 steps=40 stop_loss=0", None, |_| {}).unwrap();
    assert_eq!((done.steps, sent.get().0), (40, 1));
    assert!(
        matches!(client.request("save"), Err(ChipError::Refused { cmd, code, .. }) if cmd == "save" && code == "no-flash")
    );
    assert_eq!((client.status().unwrap().step, sent.get().0), (40, 3));
}

/// Another chip at the same port after an accident: not taken for the one before.
#[test]
fn another_model_is_not_taken_for_the_one_before() {
    let chip = PtyChip::start(Accidents::default());
    let (mut rest, mut hellos) = (Vec::new(), 0);
    let change_the_second = move |bytes: Vec<u8>| {
        rest.extend(bytes);
        let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = rest.drain(..whole).collect();
        let mut heard = Vec::new();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            hellos += u32::from(line.starts_with(b"mote hello "));
            if hellos == 2 && line.starts_with(b"mote hello ") {
                let body = String::from_utf8_lossy(line).replace("D=5", "D=6");
                let (body, _) = body.rsplit_once(" *").unwrap();
                heard.extend(format!("{body} *{:08x}\n", checksum(body.as_bytes())).bytes());
            } else {
                heard.extend(line);
            }
        }
        heard
    };
    let mut client = hasty_with(chip.path(), Box::new(|bytes| bytes), Box::new(change_the_second)).unwrap();
    assert_eq!(client.recover(), Err(ChipError::Other { port: chip.path().into() }));
}

/// Weights of which a frame was damaged are not taken for the chip's; asked for again, they are.
#[test]
fn weights_that_are_not_whole_are_not_taken() {
    let chip = PtyChip::start(Accidents::default());
    let mut is_damaged = false;
    let damage_one = move |mut bytes: Vec<u8>| {
        if !is_damaged
            && let Some(at) = bytes.iter().position(|byte| *byte == 0)
            && let Some(inside) = bytes.get_mut(at + 9)
        {
            *inside ^= 0x10;
            is_damaged = true;
        }
        bytes
    };
    let mut client = hasty_with(chip.path(), Box::new(|bytes| bytes), Box::new(damage_one)).unwrap();
    let error = client.weights().unwrap_err();
    assert!(matches!(&error, ChipError::Digest { what: "weights", .. }) && error.is_passing(), "{error}");
    assert_eq!(client.weights().unwrap().len(), 32);
}
