//! Where the lines of a chip come from: lines in, bytes out. The rest of the monitor knows no port and no file.

use crate::base::error::InputError;
use crate::base::lines::LineReader;
use crate::emulator::qemu::{self, Emulator};
use anyhow::Context;
use mote_protocol::crc::checksum;
use serialport::SerialPort;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// How long [`LineSource::listen`] waits for a line: keys are answered as fast.
const PATIENCE: Duration = Duration::from_millis(50);

/// Time between two attempts to open a port that was lost.
const RETRY: Duration = Duration::from_millis(500);

/// What [`LineSource::listen`] heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineEvent {
    /// A line, without its end.
    Line(String),
    /// The line to the chip has broken, and why; it is tried again.
    Lost(String),
    /// The line to the chip is there again.
    Back,
    /// Nothing yet.
    Nothing,
    /// There will be no more.
    End,
}

/// Lines in, bytes out.
pub trait LineSource {
    /// What it is, for people.
    fn name(&self) -> String;

    /// What the chip says, within a tenth of a second.
    ///
    /// # Errors
    ///
    /// If there can be no more lines, and that is not how it should end.
    fn listen(&mut self) -> anyhow::Result<LineEvent>;

    /// Sends bytes to the chip.
    ///
    /// # Errors
    ///
    /// If they could not be sent; the next may be.
    fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()>;

    /// Whether there is a chip that bytes can be sent to.
    fn is_live(&self) -> bool;

    /// Whether lines come when the chip says them.
    fn is_on_time(&self) -> bool {
        true
    }
}

/// A command as a program sends it: with a checksum.
pub fn with_checksum(command: &str) -> String {
    format!("{command} *{:08x}\n", checksum(command.as_bytes()))
}

/// Lines of a file, at a pace.
#[derive(Debug)]
pub struct Replay {
    name: String,
    file: File,
    lines: LineReader,
    /// Time between two lines.
    pause: Duration,
    due: Instant,
}

impl Replay {
    /// Opens a log. `speed` is in lines a second; 0: as fast as they can be read.
    ///
    /// # Errors
    ///
    /// [`InputError`] if the file cannot be opened.
    pub fn open(path: &Path, speed: f64) -> anyhow::Result<Self> {
        let file = File::open(path).map_err(|e| InputError::file(path, e.to_string()))?;
        let pause = if speed > 0.0 { Duration::from_secs_f64(1.0 / speed) } else { Duration::ZERO };
        let name = format!("replay of {}", path.display());
        Ok(Self { name, file, lines: LineReader::default(), pause, due: Instant::now() })
    }
}

impl LineSource for Replay {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn listen(&mut self) -> anyhow::Result<LineEvent> {
        let wait = self.due.saturating_duration_since(Instant::now());
        if wait > Duration::ZERO {
            std::thread::sleep(wait.min(PATIENCE));
            if wait > PATIENCE {
                return Ok(LineEvent::Nothing);
            }
        }
        self.due += self.pause;
        let line = self.lines.read_line(&mut self.file).with_context(|| self.name.clone())?;
        Ok(line.map_or(LineEvent::End, LineEvent::Line))
    }

    fn send(&mut self, _: &[u8]) -> anyhow::Result<()> {
        anyhow::bail!("a replay takes no commands")
    }

    fn is_live(&self) -> bool {
        false
    }

    fn is_on_time(&self) -> bool {
        false
    }
}

/// Lines that another program writes.
#[derive(Debug)]
pub struct Piped {
    lines: Receiver<std::io::Result<String>>,
}

impl Piped {
    /// Reads `input` on a thread of its own, to its end.
    pub fn new(input: impl Read + Send + 'static) -> Self {
        let (sender, lines) = sync_channel(1024);
        std::thread::spawn(move || {
            let (mut input, mut lines) = (input, LineReader::default());
            while let Some(line) = lines.read_line(&mut input).transpose() {
                let failed = line.is_err();
                if sender.send(line).is_err() || failed {
                    break;
                }
            }
        });
        Self { lines }
    }
}

impl LineSource for Piped {
    fn name(&self) -> String {
        "standard input".into()
    }

    fn listen(&mut self) -> anyhow::Result<LineEvent> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Ok(LineEvent::Line(line.context("standard input")?)),
            Err(RecvTimeoutError::Timeout) => Ok(LineEvent::Nothing),
            Err(RecvTimeoutError::Disconnected) => Ok(LineEvent::End),
        }
    }

    fn send(&mut self, _: &[u8]) -> anyhow::Result<()> {
        anyhow::bail!("standard input takes no commands")
    }

    fn is_live(&self) -> bool {
        false
    }
}

/// An emulated board.
#[derive(Debug)]
pub struct Emulated {
    name: String,
    /// `None` once it has ended.
    board: Option<Emulator>,
}

impl Emulated {
    /// A board that runs.
    pub fn new(name: String, board: Emulator) -> Self {
        Self { name, board: Some(board) }
    }
}

impl LineSource for Emulated {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn listen(&mut self) -> anyhow::Result<LineEvent> {
        let Some(board) = &mut self.board else { return Ok(LineEvent::End) };
        match board.listen()? {
            qemu::Output::Line(line) => Ok(LineEvent::Line(line)),
            qemu::Output::Nothing => Ok(LineEvent::Nothing),
            qemu::Output::End => {
                let status = self.board.take().map_or(Ok(0), Emulator::wait)?;
                anyhow::ensure!(status == 0, "the board ended with status {status}");
                Ok(LineEvent::End)
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.board.as_mut().context("the board has ended")?.send(bytes)
    }

    fn is_live(&self) -> bool {
        self.board.is_some()
    }
}

/// A serial port. If it is lost, a cable pulled out or a board reset, it is opened again as soon as it is there.
#[derive(Debug)]
pub struct Serial {
    path: String,
    baud: u32,
    port: Option<Box<dyn SerialPort>>,
    lines: LineReader,
    /// What had begun when the port was lost.
    rest: Option<String>,
    retry: Instant,
}

impl Serial {
    /// Opens a port: 8 data bits, no parity, 1 stop bit.
    ///
    /// # Errors
    ///
    /// [`InputError`] if it cannot be opened.
    pub fn open(path: &str, baud: u32) -> anyhow::Result<Self> {
        let port = connect(path, baud).map_err(|e| InputError::option("port", format!("{path}: {e}")))?;
        Ok(Self {
            path: path.into(),
            baud,
            port: Some(port),
            lines: LineReader::default(),
            rest: None,
            retry: Instant::now(),
        })
    }

    /// Opens the port again, if it is time to try.
    fn reconnect(&mut self) -> LineEvent {
        if Instant::now() < self.retry {
            std::thread::sleep(PATIENCE);
            return LineEvent::Nothing;
        }
        self.retry = Instant::now() + RETRY;
        self.port = connect(&self.path, self.baud).ok();
        if self.port.is_some() { LineEvent::Back } else { LineEvent::Nothing }
    }

    fn lost(&mut self, why: &str) -> LineEvent {
        self.port = None;
        self.retry = Instant::now() + RETRY;
        // Half a line is not a line; it is shown as what it is.
        self.rest = self.lines.last_line();
        LineEvent::Lost(format!("{}: {why}", self.path))
    }
}

fn connect(path: &str, baud: u32) -> serialport::Result<Box<dyn SerialPort>> {
    serialport::new(path, baud).timeout(PATIENCE).open()
}

impl LineSource for Serial {
    fn name(&self) -> String {
        format!("{} at {} baud", self.path, self.baud)
    }

    fn listen(&mut self) -> anyhow::Result<LineEvent> {
        if let Some(line) = self.rest.take().or_else(|| self.lines.next_line()) {
            return Ok(LineEvent::Line(line));
        }
        let mut bytes = [0; 1024];
        let Some(port) = &mut self.port else { return Ok(self.reconnect()) };
        match port.read(&mut bytes) {
            Ok(0) => return Ok(self.lost("the port is gone")),
            Ok(count) => self.lines.push(&bytes[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(error) => return Ok(self.lost(&error.to_string())),
        }
        Ok(self.lines.next_line().map_or(LineEvent::Nothing, LineEvent::Line))
    }

    fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let port = self.port.as_mut().context("the port is lost")?;
        port.write_all(bytes).and_then(|()| port.flush()).with_context(|| self.path.clone())
    }

    fn is_live(&self) -> bool {
        true
    }
}
