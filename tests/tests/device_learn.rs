//! The host's side of protocol version 2 on emulated boards: a million bytes of noise, real images streamed, the law
//! measured by the chip, and what of the line is numbers. Needs the chip targets and the emulator.

use clap::Parser;
use mote_core::rng::{Purpose, Stream};
use mote_core::shape::Shape;
use mote_host::board::model::FirmwareModel;
use mote_host::board::{build, machine};
use mote_host::cli::{Cli, Command};
use mote_host::client::chip::{Client, Heard, Traffic};
use mote_host::client::open::{ChipArgs, emulate};
use mote_host::client::port::{Emulated, Link};
use mote_host::client::transfer;
use mote_host::commands::{device, digits, hello, law};
use mote_host::reference::preset_run;
use mote_protocol::report::Record;
use mote_runtime::runs::presets::Preset;
use mote_tests::archive::synthetic;
use mote_tests::volume::pick;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Long enough for a loaded machine.
const DEADLINE: Duration = Duration::from_secs(300);

fn board(name: &str) -> Emulated {
    let machine = machine::by_name(name).unwrap();
    emulate(machine, &FirmwareModel::choose(machine, None, None).unwrap(), DEADLINE, true, true).unwrap()
}

/// The run `benign` of a preset by a typed command, cut to `steps`: every portable line of it.
fn benign(client: &mut Client, steps: u32) -> Vec<String> {
    let mut lines = Vec::new();
    let command = format!("train name=benign n=16 snr=0.8 test=50 steps={steps} stop_loss=0");
    client
        .train(&command, None, |record| {
            if record.is_portable() {
                lines.push(record.clone().into_line().unwrap().as_str().to_owned());
            }
        })
        .unwrap();
    lines
}

/// Bytes of every kind, and what the chip says to them, which is not listened to.
fn make_noise(board: &mut Emulated, count: usize) {
    let mut rng = Stream::new(2024, Purpose::Test, 0, 0);
    let (mut heard, start) = (0, Instant::now());
    for _ in 0..count / 256 {
        let bytes: Vec<u8> = (0..64).flat_map(|_| rng.next_u32().to_le_bytes()).collect();
        board.send(&bytes).unwrap();
        loop {
            let bytes = board.receive(Duration::ZERO).unwrap();
            heard += bytes.len();
            if bytes.is_empty() {
                break;
            }
        }
    }
    println!("{count} random bytes sent, {heard} heard, {:.1} s", start.elapsed().as_secs_f64());
}

/// A million random bytes, then a run: bit-identical to one on a fresh chip.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn a_million_random_bytes_change_nothing() {
    let mut fresh = Client::open(Box::new(board("mps2-an386")), None).unwrap();
    let before = fresh.status().unwrap();
    let clean = benign(&mut fresh, 40);
    assert!(clean.len() > 40 && clean.iter().any(|line| line.starts_with("mote eval")));
    let mut noisy = board("mps2-an386");
    make_noise(&mut noisy, pick(1_000_000, 1_000_000, 10_000_000));
    let mut client = Client::open(Box::new(noisy), None).unwrap();
    assert_eq!(client.status().unwrap(), before);
    assert_eq!(benign(&mut client, 40), clean);
    println!("{} lines of the run after it are those of a fresh chip", clean.len());
}

/// The stack of a session that has done everything, held to the limit of a plain run.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn the_stack_of_a_session_is_under_its_limit() {
    for machine in machine::emulated() {
        let board =
            emulate(machine, &FirmwareModel::choose(machine, Some("tiny"), None).unwrap(), DEADLINE, true, true)
                .unwrap();
        let mut client = Client::open(Box::new(board), None).unwrap();
        let (limits, weights) = (client.chip().unwrap().limits.clone(), client.weights().unwrap());
        let sample = limits.sample_numbers as usize;
        let samples: Vec<f32> = (0..2 * sample).map(|i| if i % sample == sample - 1 { -1.0 } else { 0.25 }).collect();
        client.upload("data n=2 binary=1", &samples).unwrap();
        client.train("train form=held steps=2", None, |_| {}).unwrap();
        client.eval("eval form=held set=train", None).unwrap();
        client.upload("load step=2 binary=1", &weights).unwrap();
        let put = vec!["3e800000"; 16].join(",");
        for refused in ["save", "resume", &format!("put first=0 bits={put}"), "train n=4 snr=1 wat=1", "helo"] {
            let _ = client.request(refused); // on the micro:bit, some of them are taken
        }
        client.train("train n=4 snr=1 test=4 steps=12 eval=2 train_output=1", None, |_| {}).unwrap();
        let said = client.request("status").unwrap().said;
        let stack = said.iter().find_map(|heard| match heard {
            Heard::Record(Record::Stack(stack)) => Some(stack.clone()),
            _ => None,
        });
        let stack = stack.expect("it stands behind the run");
        println!("{}: {} of {} bytes of stack used by a session", machine.name, stack.used, stack.of);
        assert!((480..=machine.stack_limit).contains(&stack.used), "{}: {stack:?}", machine.name);
    }
}

/// More commands at once than can wait, each of them whole, so that the queue may overflow at the end of a line: the
/// chip says that bytes were lost, and listens on.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn a_flood_of_commands_leaves_a_chip_that_listens() {
    for name in ["mps2-an386", "microbit", "netduinoplus2"] {
        let mut flooded = board(name);
        let (mut heard, start) = (String::new(), Instant::now());
        for _ in 0..8 {
            flooded.send("status\r\n".repeat(500).as_bytes()).unwrap();
            // Until it is silent: it has taken all it could.
            loop {
                let bytes = flooded.receive(Duration::from_millis(200)).unwrap();
                if bytes.is_empty() {
                    break;
                }
                heard += &String::from_utf8_lossy(&bytes);
            }
        }
        let lost = heard.matches("broken what=line code=bytes-lost").count();
        let answered = heard.matches("ok cmd=status").count();
        println!("{name}: {answered} of 4000 answered, lost {lost} times, {:.1} s", start.elapsed().as_secs_f64());
        assert!(lost > 0 && answered > 100, "{name}");
        let mut client = Client::open(Box::new(flooded), None).unwrap();
        assert_eq!(client.status().unwrap().activity, "idle", "{name}");
    }
}

/// Numbers are at least 70% of the bytes of a transfer, its commands and the other direction's answers apart.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn most_bytes_on_the_line_are_numbers() {
    let mut client = Client::open(Box::new(board("mps2-an386")), None).unwrap();
    let weights = client.chip().unwrap().limits.weights as usize;
    let numbers: Vec<f32> = (0..40 * 257).map(|i| if i % 257 == 256 { 1.0 } else { (i as f32).sin() }).collect();
    let share = |what: &str, after: Traffic, before: Traffic| {
        let (up, down) = (after.up - before.up, after.down - before.down);
        let (numbers_up, numbers_down) =
            (after.numbers_up - before.numbers_up, after.numbers_down - before.numbers_down);
        let share = if numbers_up > 0 { numbers_up as f64 / up as f64 } else { numbers_down as f64 / down as f64 };
        println!("{what}: {up} bytes up, {down} down, {:.1}% of its direction are numbers", 100.0 * share);
        assert!(share >= 0.7, "{what}: {share}");
        // Both directions together, answers and all.
        let both = (numbers_up + numbers_down) as f64 / (up + down) as f64;
        println!("{what}: {:.1}% of both directions together", 100.0 * both);
        assert!(both >= 0.7, "{what}: {both}");
    };
    let start = client.traffic;
    client.upload("data n=40 binary=1", &numbers).unwrap();
    let sent = client.traffic;
    share("40 samples to the chip", sent, start);
    client.upload("load binary=1", &numbers[..weights]).unwrap();
    let loaded = client.traffic;
    share("weights to the chip", loaded, sent);
    assert_eq!(client.weights().unwrap(), numbers[..weights]);
    share("weights from the chip", client.traffic, loaded);
    assert_eq!(client.status().unwrap().weights, transfer::digest(&numbers[..weights]));
}

/// `mote` with arguments, inside this process.
fn mote(args: &[&str]) -> anyhow::Result<()> {
    let cli = Cli::try_parse_from([&["mote", "--quiet"], args].concat()).unwrap();
    match &cli.command {
        Command::Device(args) => device::device(args, true),
        Command::Law(args) => law::law(args, true),
        Command::Digits(args) => digits::digits(args),
        _ => panic!("not a command of this test"),
    }
}

fn learn_digits(folder: &Path, classes: &str, train: &str, more: &[&str]) -> String {
    let (data, out) = (folder.join("data"), folder.join("out"));
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    mote(&["digits", "--classes", classes, "--train", train, "--test", "60", "--out", &text(&data)]).unwrap();
    let (train, test) = (text(&data.join("train.npz")), text(&data.join("test.npz")));
    let learn = ["device", "train", "--data", &train, "--test", &test, "--lr", "0.5", "--no-install"];
    mote(&[&learn, more, &["--out", &text(&out)]].concat()).unwrap();
    std::fs::read_to_string(out.join("summary.json")).unwrap()
}

/// The number behind a key of `summary.json`.
fn figure(summary: &str, key: &str) -> f64 {
    let (_, rest) = summary.split_once(&format!("\"{key}\": ")).unwrap();
    rest.split([',', '\n']).next().unwrap().parse().unwrap()
}

/// Real images, streamed one by one to the emulated chip: it tells them apart, with the bits of this machine.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn a_chip_learns_handwritten_digits_that_do_not_lie_in_its_ram() {
    let folder = TempDir::new().unwrap();
    let zero_one = learn_digits(folder.path(), "0,1", "12", &["--steps", "25", "--stream"]);
    println!("0 against 1, 12 images, 25 steps: test error {}", figure(&zero_one, "final_test_error"));
    assert!(zero_one.contains("\"equal_to_host\": true") && figure(&zero_one, "final_test_error") < 0.05);
    let three_eight = learn_digits(folder.path(), "3,8", "40", &["--steps", "60"]);
    println!("3 against 8, 40 images, 60 steps: test error {}", figure(&three_eight, "final_test_error"));
    assert!(three_eight.contains("\"equal_to_host\": true") && figure(&three_eight, "final_test_error") < 0.3);
}

#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn the_law_is_measured_by_the_chip() {
    mote(&["law", "--n", "4,16", "--snr", "0.4,0.8,1.2", "--seeds", "2", "--test", "50", "--no-install"]).unwrap();
}

/// The smallest board: the preset `tiny` by commands, line by line as on this machine.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn a_preset_runs_by_commands_on_the_microbit() {
    let chip = ChipArgs {
        port: None,
        baud: 115_200,
        machine: Some("microbit".into()),
        preset: None,
        shape: None,
        deadline: DEADLINE.as_secs(),
        no_install: true,
    };
    hello::run_preset(&chip, None, true).unwrap();
    // The comparison itself: the host's lines are those of the preset.
    let lines = preset_run::host_lines(&Preset::by_name("tiny").unwrap()).unwrap();
    assert!(lines.iter().filter(|line| Record::parse(line).is_ok_and(|r| matches!(r, Record::Step(_)))).count() > 100);
}

/// A model of a shape that is no preset's: the chip learns with it what this machine learns.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn a_model_of_a_shape_of_its_own_learns_on_the_chip() {
    let folder = tempfile::tempdir().unwrap();
    let train = synthetic(folder.path(), 5, (3, 7), Purpose::Train);
    let test = synthetic(folder.path(), 4, (3, 7), Purpose::Test);
    let out = folder.path().join("out");
    let learn = ["device", "train", "--data", &train, "--test", &test, "--lr", "0.5", "--steps", "20"];
    mote(&[&learn[..], &["--shape", "3,7,2,5", "--no-install", "--out", out.to_str().unwrap()]].concat()).unwrap();
    let summary = std::fs::read_to_string(out.join("summary.json")).unwrap();
    for line in ["\"M\": 3,", "\"D\": 7,", "\"H\": 2,", "\"V\": 5,", "\"steps\": 20,", "\"equal_to_host\": true"] {
        assert!(summary.contains(line), "{line} is missing: {summary}");
    }
}

/// The largest model whose checkpoints fit the micro:bit's flash, and one that is larger: this machine and the compiler
/// agree.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn the_flash_of_a_board_limits_its_models() {
    let microbit = machine::by_name("microbit").unwrap();
    let shape = |dim| Shape::new(4, dim, 4, 4);
    let largest = FirmwareModel::choose(microbit, None, Some(shape(39))).unwrap();
    let board = emulate(microbit, &largest, DEADLINE, true, true).unwrap();
    assert_eq!(Client::open(Box::new(board), None).unwrap().chip().unwrap().shape(), shape(39));
    assert!(FirmwareModel::choose(microbit, None, Some(shape(40))).is_err());
    let for_another = FirmwareModel::choose(machine::by_name("mps2-an386").unwrap(), None, Some(shape(40))).unwrap();
    let error = build::FirmwareRecipe::of_session(microbit, &for_another, &[]).compile().unwrap_err().to_string();
    assert!(error.contains("two checkpoints of the model do not fit the flash that is kept for them"), "{error}");
}
