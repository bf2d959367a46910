//! `mote monitor` on a terminal, which here is a pair of ports without hardware: it is taken over, and given back as it
//! was on every way out.

use mote_host::base::progress::Interrupt;
use mote_host::monitor::screen::Screen;
use mote_host::monitor::state::State;
use mote_host::monitor::view::View;
use mote_host::reference::preset_run::host_lines;
use serialport::{SerialPort, TTYPort};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

/// What a terminal is told to show another page, and to go back.
const TAKEN: &str = "\u{1b}[?1049h";
const GIVEN_BACK: &str = "\u{1b}[?1049l";

/// A terminal of 80x24, and a program on it.
struct Terminal {
    screen: TTYPort,
    path: String,
    before: String,
    /// Keeps the line open between programs.
    _theirs: TTYPort,
    program: Child,
    seen: String,
}

fn stty(path: &str, args: &[&str]) -> String {
    let output = Command::new("stty").args(["-F", path]).args(args).output().unwrap();
    assert!(output.status.success(), "stty {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What was written, without colours, and with one blank for any jump.
fn without_controls(seen: &str) -> String {
    let mut text = String::new();
    for (n, part) in seen.split("\u{1b}[").enumerate() {
        let end = part.find(|c: char| c.is_ascii_alphabetic()).map_or(0, |at| at + 1);
        let (control, rest) = if n == 0 { ("", part) } else { part.split_at(end) };
        text += if control.ends_with('H') { " " } else { "" };
        text += rest;
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Terminal {
    fn start(mut program: Command) -> Self {
        let (mut screen, mut theirs) = TTYPort::pair().unwrap();
        screen.set_timeout(Duration::from_millis(50)).unwrap();
        theirs.set_exclusive(false).unwrap();
        let path = theirs.name().unwrap();
        stty(&path, &["sane", "rows", "24", "cols", "80"]);
        let before = stty(&path, &["-g"]);
        let end = || Stdio::from(OpenOptions::new().read(true).write(true).open(&path).unwrap());
        let program = program.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        Self { screen, path, before, _theirs: theirs, program, seen: String::new() }
    }

    fn mote(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mote-under-test"));
        command.arg("monitor").args(args);
        Self::start(command)
    }

    fn read(&mut self) {
        let mut bytes = [0; 4096];
        match self.screen.read(&mut bytes) {
            Ok(count) => self.seen += &String::from_utf8_lossy(&bytes[..count]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}"),
        }
    }

    /// Waits until it has said something.
    fn wait_for(&mut self, text: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.seen.contains(text) {
            assert!(Instant::now() < until, "{text:?} did not appear: {:?}", self.seen);
            self.read();
        }
    }

    /// Waits until something stands on the screen. A window of another size is drawn anew, and not only what changed.
    fn wait_for_words(&mut self, words: &str) {
        let until = Instant::now() + PATIENCE;
        for rows in ["25", "24"].into_iter().cycle() {
            let start = self.seen.len();
            stty(&self.path, &["rows", rows]);
            (0..10).for_each(|_| self.read());
            let shown = without_controls(&self.seen[start..]);
            if shown.contains(words) {
                return;
            }
            assert!(Instant::now() < until, "{words:?} did not appear: {shown}");
        }
    }

    /// It has been taken over: raw, and on a page of its own.
    fn assert_taken(&mut self) {
        self.wait_for(TAKEN);
        assert_ne!(stty(&self.path, &["-g"]), self.before, "the terminal is raw");
        assert!(!self.seen.contains(GIVEN_BACK));
    }

    fn signal(&self, name: &str) {
        let id = self.program.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits for the end of the program; the terminal is as it was before.
    fn end(mut self) -> (ExitStatus, String) {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            self.read();
            if let Some(status) = self.program.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > until {
                let _ = self.program.kill();
                panic!("the program did not end: {:?}", self.seen);
            }
        };
        (0..3).for_each(|_| self.read());
        assert_eq!(stty(&self.path, &["-g"]), self.before, "the terminal is as it was");
        assert_eq!(self.seen.matches(GIVEN_BACK).count(), 1, "{:?}", self.seen);
        assert!(self.seen.contains("\u{1b}[?25h"), "the cursor is there again");
        let after = self.seen.split(GIVEN_BACK).nth(1).unwrap_or_default().to_owned();
        (status, after)
    }
}

fn log() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let lines = host_lines(&mote_runtime::runs::presets::Preset::by_name("tiny").unwrap()).unwrap();
    lines.iter().for_each(|line| writeln!(file, "{line}").unwrap());
    file
}

#[test]
fn keys_work_and_q_gives_the_terminal_back() {
    let file = log();
    for (key, status) in [("q", 0), ("\u{3}", 0)] {
        let mut terminal = Terminal::mote(&["--replay", file.path().to_str().unwrap(), "--speed", "2000"]);
        terminal.assert_taken();
        terminal.wait_for_words("report ended; no more lines");
        terminal.screen.write_all(b"?").unwrap();
        terminal.wait_for_words("? this help, and back");
        terminal.screen.write_all(b"x").unwrap();
        terminal.wait_for_words("stop: no chip is connected to");
        terminal.screen.write_all(key.as_bytes()).unwrap();
        let (ended, after) = terminal.end();
        assert_eq!(ended.code(), Some(status), "{after}");
        assert!(
            after.contains("360 lines, 0 damaged") && after.contains("harmful: stop-loss after 178 steps"),
            "{after}"
        );
    }
}

#[test]
fn signals_give_the_terminal_back() {
    let file = log();
    for name in ["TERM", "INT", "HUP"] {
        let mut terminal = Terminal::mote(&["--replay", file.path().to_str().unwrap(), "--speed", "20"]);
        terminal.assert_taken();
        terminal.wait_for_words("training");
        terminal.signal(name);
        let (status, after) = terminal.end();
        assert_eq!(status.code(), Some(130), "{name}");
        assert!(after.contains("mote: interrupted after step "), "{name}: {after}");
    }
}

/// This test program again, on a terminal, doing what `child` says.
fn child(what: &str) -> Terminal {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", what]);
    Terminal::start(command)
}

fn take_the_screen() -> Screen {
    let mut screen = Screen::enter().unwrap();
    let state = State::new("a test".into());
    screen.draw(&View { state: &state, now: Duration::ZERO, help: false }).unwrap();
    screen
}

#[test]
#[ignore = "started by a_panic_gives_the_terminal_back"]
fn child_that_panics() {
    let _screen = take_the_screen();
    // A key, once the other side has seen the screen taken.
    std::io::stdin().read_exact(&mut [0]).unwrap();
    panic!("as asked for");
}

#[test]
fn a_panic_gives_the_terminal_back() {
    let mut terminal = child("child_that_panics");
    terminal.assert_taken();
    terminal.screen.write_all(b"x").unwrap();
    let (status, after) = terminal.end();
    assert_eq!(status.code(), Some(101));
    assert!(after.contains("as asked for"), "what went wrong stands on the page one comes back to: {after}");
}

/// What the stuck program says once it knows of the first signal.
const HEARD: &str = "the first signal was heard";

#[test]
#[ignore = "started by a_second_signal_gives_the_terminal_back"]
fn child_that_hangs() {
    let interrupt = Interrupt::install().unwrap();
    let _screen = take_the_screen();
    while !interrupt.is_raised() {
        std::thread::yield_now();
    }
    println!("{HEARD}");
    loop {
        std::thread::park();
    }
}

/// A program that is stuck does not answer the first signal; the second ends it.
#[test]
fn a_second_signal_gives_the_terminal_back() {
    let mut terminal = child("child_that_hangs");
    terminal.assert_taken();
    terminal.signal("TERM");
    terminal.wait_for(HEARD);
    terminal.signal("TERM");
    let (status, _) = terminal.end();
    assert_eq!(status.code(), Some(130));
}
