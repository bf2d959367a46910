//! Help texts and messages about the command line: on terminals of two widths, and for slips of the finger.
#![cfg(target_os = "linux")]

use clap::CommandFactory;
use mote_host::cli::Cli;
use mote_tests::bench::{Bench, mote, read, right};
use mote_tests::{refused, stderr};
use serialport::{SerialPort, TTYPort};
use std::fs::OpenOptions;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

const MOTE: &str = env!("CARGO_BIN_EXE_mote-under-test");

/// What `mote` prints on a terminal of so many columns.
fn on_terminal(columns: usize, args: &[&str]) -> String {
    let (mut screen, mut theirs) = TTYPort::pair().unwrap();
    screen.set_timeout(Duration::from_millis(20)).unwrap();
    theirs.set_exclusive(false).unwrap();
    let path = theirs.name().unwrap();
    let stty = Command::new("stty").args(["-F", &path, "sane", "rows", "24", "cols", &columns.to_string()]).status();
    assert!(stty.unwrap().success());
    let end = || Stdio::from(OpenOptions::new().read(true).write(true).open(&path).unwrap());
    let mut program = Command::new(MOTE);
    let mut program = program.args(args).env("NO_COLOR", "1").stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
    let (mut said, mut bytes) = (Vec::new(), [0; 4096]);
    loop {
        let has_ended = program.try_wait().unwrap().is_some();
        match screen.read(&mut bytes) {
            Ok(count) => said.extend_from_slice(&bytes[..count]),
            Err(_) if has_ended => break,
            Err(_) => {}
        }
    }
    String::from_utf8(said).unwrap().replace("\r\n", "\n")
}

/// Every command with its words.
fn commands() -> Vec<Vec<String>> {
    let (mut all, mut left) = (Vec::new(), vec![(Vec::new(), Cli::command())]);
    while let Some((words, command)) = left.pop() {
        for child in command.get_subcommands() {
            left.push(([&words[..], &[child.get_name().to_owned()]].concat(), child.clone()));
        }
        all.push(words);
    }
    assert!(all.len() > 15, "{all:?}");
    all
}

/// Every line fits the terminal, and a line of a paragraph ends only where the next word has no room: nobody has broken
/// it by hand. Examples have no line that would be broken.
#[test]
fn help_is_wrapped_by_the_terminal_alone() {
    for columns in [80, 120] {
        for words in commands() {
            let words: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
            let help = on_terminal(columns, &words);
            let lines: Vec<&str> = help.lines().collect();
            assert!(help.contains("Usage: mote"), "{words:?}: {help}");
            // clap does not wrap it.
            let is_usage = |line: &str| line.trim_start_matches("Usage:").trim_start().starts_with("mote");
            for line in lines.iter().filter(|line| !is_usage(line)) {
                assert!(line.chars().count() <= columns, "{words:?} on {columns} columns: {line}");
            }
            for pair in lines.windows(2) {
                let is_text = |line: &str| !line.is_empty() && !line.starts_with(' ') && !line.ends_with(':');
                if let (true, true, Some(next)) = (is_text(pair[0]), is_text(pair[1]), pair[1].split(' ').next()) {
                    let length = pair[0].chars().count() + 1 + next.chars().count();
                    assert!(length > columns, "{words:?} on {columns} columns breaks behind: {}", pair[0]);
                }
            }
            let examples = lines.iter().skip_while(|line| !line.starts_with("Example"));
            for line in examples.skip(1).take_while(|line| !line.is_empty()) {
                assert!(line.starts_with("  ") && line.len() <= 80, "{words:?}: {line}");
            }
        }
    }
}

/// What a command cannot do without stands in its usage.
#[test]
fn usage_shows_what_is_required() {
    let help = |command: &str| String::from_utf8(mote(MOTE, &[command, "--help"]).stdout).unwrap();
    let phase = help("phase");
    for line in ["mote phase [OPTIONS] --out <DIR>\n", "mote phase [OPTIONS] --dry-run\n", "--print-config\n"] {
        assert!(phase.contains(line), "{line}: {phase}");
    }
    assert!(help("train").contains("mote train [OPTIONS] --data <F.npz> --steps <K> --lr <X> --out <DIR>\n"));
    assert!(help("fit").contains("[default: 2048]"), "{}", help("fit"));
}

/// All names that match are suggested, not one of them.
#[test]
fn every_name_that_may_be_meant_is_suggested() {
    let nucleo = mote(MOTE, &["flash", "nucleo"]);
    refused(&nucleo, &["mote: BOARD: expected one of stm32f405, ", "found \"nucleo\"", "; did you mean nucleo-"]);
    let said = stderr(&nucleo);
    let meant = said.split_once("did you mean ").unwrap().1;
    assert_eq!(meant, "nucleo-f446re or nucleo-h743zi?\n");
    let device = mote(MOTE, &["device", "--machine", "mps2-an38"]);
    refused(&device, &["--machine: expected one of ", "; did you mean mps2-an386 or mps2-an385?"]);
    let space = mote(MOTE, &["phase", "--dry-run", "--space", "token"]);
    refused(&space, &["--space: expected one of auto, weights, tokens, sampled, free, found \"token\"; did you mean"]);
    // An option without its value is an error of the grammar, with the usage behind it.
    let none = mote(MOTE, &["phase", "--dry-run", "--space"]);
    assert!(none.status.code() == Some(2) && stderr(&none).contains("a value is required"), "{}", stderr(&none));
}

/// A log through the probe of firmware that takes commands: what would be built and run.
#[test]
fn a_session_logs_through_the_probe() {
    let dry = mote(MOTE, &["flash", "pico2", "--dry-run", "--session", "--defmt"]);
    assert!(dry.status.success(), "{}", stderr(&dry));
    let text = String::from_utf8(dry.stdout).unwrap();
    assert!(text.contains(" --bin mote-session ") && text.contains(" --features pico2,session,defmt "), "{text}");
    assert!(text.contains("\nprobe-rs run --chip RP235x /"), "{text}");
    assert!(text.ends_with("/pico2-demo-session-defmt.elf\n"), "{text}");
}

/// Options that are allowed and seldom meant: a line on standard error, unless `--quiet`; the status is the same.
#[test]
fn no_steps_and_a_huge_learning_rate_get_a_remark() {
    let bench = Bench::new(MOTE);
    right().save(&bench.path("right.npz"));
    let data = bench.text("right.npz");
    let none = bench.train(&data, &["--steps", "0", "--lr", "0.5"]);
    assert_eq!(none.status.code(), Some(0));
    let expected = "mote: remark: --steps 0: no step is done, and the saved weights are the initial ones\n";
    assert_eq!(stderr(&none), expected);
    assert!(read(&bench.path("out/summary.json")).contains("\"max_steps\": 0,"));
    let huge = bench.train(&data, &["--steps", "1", "--lr", "1e9"]);
    let expected = "mote: remark: --lr 1e9: training may diverge; the learning rate of every preset is at most 1\n";
    assert_eq!((huge.status.code(), stderr(&huge).as_str()), (Some(0), expected));
    let usual = bench.train(&data, &["--steps", "1", "--lr", "0.5"]);
    assert_eq!(stderr(&usual), "");
    let quiet = bench.train(&data, &["--steps", "0", "--lr", "1e9", "--quiet"]);
    assert_eq!((quiet.status.code(), stderr(&quiet).as_str()), (Some(0), ""));
}
