//! An emulated board and the lines it sends. The emulator never outlives its owner or its deadline.

use super::machine::Machine;
use super::provision::QEMU;
use anyhow::{Context, bail};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// With `-icount shift=7`, every instruction takes 2^7 ns of the guest's time, whatever it is and
/// however busy this machine is: the board's counter counts instructions, and never time.
pub const NANOSECONDS_PER_INSTRUCTION: f64 = 128.0;

/// Bytes of a line beyond which the board is taken for broken.
const LINE_LIMIT: u64 = 4096;

/// A running emulator. Killed when dropped.
#[derive(Debug)]
pub struct Emulator {
    child: Child,
    lines: Receiver<std::io::Result<String>>,
    complaints: Option<JoinHandle<String>>,
    until: Instant,
    deadline: Duration,
    name: &'static str,
}

impl Emulator {
    /// Starts a board with its serial port on our end of a pipe.
    ///
    /// # Errors
    ///
    /// If the emulator cannot be started.
    pub fn start(machine: &'static Machine, elf: &Path, deadline: Duration) -> anyhow::Result<Self> {
        let mut child = Command::new(QEMU)
            .args(["-M", machine.name, "-display", "none", "-monitor", "none", "-serial", "stdio"])
            .args(["-semihosting-config", "enable=on,target=native"])
            .args(["-icount", "shift=7,align=off,sleep=off", "-kernel"])
            .arg(elf)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{QEMU} cannot be started"))?;
        let (sender, lines) = channel();
        let stdout = child.stdout.take().context("the emulator has no output")?;
        // The pipe is drained on a thread of its own: a full pipe would stop the board.
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stdout);
            loop {
                let mut line = Vec::new();
                let read = reader.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line);
                let message = match read {
                    Ok(0) => break,
                    Ok(_) => Ok(String::from_utf8_lossy(line.trim_ascii_end()).into_owned()),
                    Err(error) => Err(error),
                };
                let failed = message.is_err();
                if sender.send(message).is_err() || failed {
                    break;
                }
            }
        });
        let mut stderr = child.stderr.take().context("the emulator has no error output")?;
        let complaints = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        let until = Instant::now() + deadline;
        Ok(Self { child, lines, complaints: Some(complaints), until, deadline, name: machine.name })
    }

    /// The next line of the board, or `None` when it has ended.
    ///
    /// # Errors
    ///
    /// If the deadline has passed or the pipe fails.
    pub fn next_line(&mut self) -> anyhow::Result<Option<String>> {
        let left = self.until.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(line) => Ok(Some(line.context("reading from the emulator")?)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                bail!("{} was stopped: not done after {} s (see --deadline)", self.name, self.deadline.as_secs())
            }
        }
    }

    /// Waits for the end and returns the board's exit status.
    ///
    /// # Errors
    ///
    /// If the deadline has passed, or the emulator itself failed (with what it said).
    pub fn wait(mut self) -> anyhow::Result<i32> {
        while Instant::now() < self.until {
            if let Some(status) = self.child.try_wait()? {
                let complaints = self.complaints.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
                return match status.code() {
                    Some(code) if complaints.trim().is_empty() => Ok(code),
                    _ => bail!("{QEMU} for {} ended with {status}: {}", self.name, complaints.trim()),
                };
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("{} was stopped: it did not end within {} s", self.name, self.deadline.as_secs())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
