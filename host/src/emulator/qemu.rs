//! An emulated board and the lines it sends. The emulator never outlives its owner or its deadline.

use crate::base::error::Interrupted;
use crate::base::lines::LineReader;
use crate::base::progress::{self, Interrupt};
use crate::board::machine::Machine;
use crate::board::provision::QEMU;
use anyhow::{Context, anyhow, bail};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// With `-icount shift=7`, every instruction takes 2^7 ns of the guest's time, whatever it is and
/// however busy this machine is: the board's counter counts instructions, and never time.
pub const NANOSECONDS_PER_INSTRUCTION: f64 = 128.0;

/// The board's clock counts its instructions.
const INSTRUCTIONS: [&str; 2] = ["-icount", "shift=7,align=off,sleep=off"];

/// The board's serial port is the emulator's standard input and output.
const SERIAL: [&str; 2] = ["-serial", "stdio"];

/// Reads of the pipe that may wait to be looked at; then the board waits.
const READS_WAITING: usize = 1 << 14;

/// Longest wait at a time: between two looks at Ctrl-C.
const GLANCE: Duration = Duration::from_millis(100);

/// Most bytes of a read.
const READ_BYTES: usize = 4096;

/// What [`Emulator::listen`] heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A line.
    Line(String),
    /// Nothing yet.
    Nothing,
    /// The board has ended.
    End,
}

/// A running emulator. Killed when dropped.
#[derive(Debug)]
pub struct Emulator {
    child: Arc<Mutex<Child>>,
    id: u32,
    writer: Writer,
    reads: Receiver<std::io::Result<Vec<u8>>>,
    /// What was read and not yet handed out.
    lines: LineReader,
    complaints: Option<JoinHandle<String>>,
    until: Instant,
    deadline: Duration,
    name: &'static str,
}

impl Emulator {
    /// Starts a board with its serial port on our end of a pipe. Its clock counts its instructions.
    ///
    /// # Errors
    ///
    /// If the emulator cannot be started.
    pub fn start(machine: &'static Machine, elf: &Path, deadline: Duration) -> anyhow::Result<Self> {
        Self::start_with(machine, elf, deadline, &SERIAL, &INSTRUCTIONS)
    }

    /// The same with the time of this machine for the board's clock: for boards that are talked to. Their own limits on
    /// silence are seconds, and a clock that counts instructions runs many times as fast as the other end can answer.
    ///
    /// # Errors
    ///
    /// If the emulator cannot be started.
    pub fn start_in_real_time(machine: &'static Machine, elf: &Path, deadline: Duration) -> anyhow::Result<Self> {
        Self::start_with(machine, elf, deadline, &SERIAL, &[])
    }

    /// The same with the board's semihosting output on our end of the pipe, and its serial port nowhere.
    ///
    /// # Errors
    ///
    /// If the emulator cannot be started.
    pub fn start_logging(machine: &'static Machine, elf: &Path, deadline: Duration) -> anyhow::Result<Self> {
        Self::start_with(machine, elf, deadline, &["-serial", "null"], &INSTRUCTIONS)
    }

    fn start_with(
        machine: &'static Machine,
        elf: &Path,
        deadline: Duration,
        serial: &[&str],
        clock: &[&str],
    ) -> anyhow::Result<Self> {
        let until = Instant::now().checked_add(deadline).context("the deadline is too far in the future")?;
        let mut command = Command::new(QEMU);
        // Ctrl-C in a terminal is for us; we end the emulator.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command
            .args(["-M", machine.name, "-display", "none", "-monitor", "none"])
            .args(["-serial", "null"].repeat(machine.serial))
            .args(serial)
            .args(["-semihosting-config", "enable=on,target=native"])
            .args(clock)
            .arg("-kernel")
            .arg(elf)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{QEMU} cannot be started"))?;
        let (sender, reads) = sync_channel(READS_WAITING);
        let writer = Writer::new(child.stdin.take().context("the emulator has no input")?);
        let mut stdout = child.stdout.take().context("the emulator has no output")?;
        // The pipe is drained on a thread of its own: a full pipe would stop the board.
        std::thread::spawn(move || {
            let mut bytes = vec![0; READ_BYTES];
            loop {
                let message = match stdout.read(&mut bytes) {
                    Ok(0) => break,
                    Ok(count) => Ok(bytes[..count].to_vec()),
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
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
        let (lines, complaints, name) = (LineReader::default(), Some(complaints), machine.name);
        let (id, child) = (child.id(), Arc::new(Mutex::new(child)));
        progress::end_with_us(&child);
        Ok(Self { child, id, writer, reads, lines, complaints, until, deadline, name })
    }

    /// What the board says within a tenth of a second.
    ///
    /// # Errors
    ///
    /// If the deadline has passed, whether or not the board still talks, or the pipe fails.
    pub fn listen(&mut self) -> anyhow::Result<Output> {
        let until = Instant::now() + GLANCE;
        self.check_deadline()?;
        loop {
            if let Some(line) = self.lines.next_line() {
                return Ok(Output::Line(line));
            }
            match self.reads.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.lines.push(&bytes.context("reading from the emulator")?),
                Err(RecvTimeoutError::Disconnected) => {
                    return Ok(self.lines.last_line().map_or(Output::End, Output::Line));
                }
                Err(RecvTimeoutError::Timeout) => return Ok(Output::Nothing),
            }
        }
    }

    /// The bytes that come first within `patience`, as they are; none if none came. `None` if the board has ended.
    ///
    /// # Errors
    ///
    /// As [`Emulator::listen`].
    pub fn receive(&mut self, patience: Duration) -> anyhow::Result<Option<Vec<u8>>> {
        self.check_deadline()?;
        let waiting = self.lines.take_bytes();
        if !waiting.is_empty() {
            return Ok(Some(waiting));
        }
        match self.reads.recv_timeout(patience) {
            Ok(bytes) => Ok(Some(bytes.context("reading from the emulator")?)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Ok(Some(Vec::new())),
        }
    }

    /// Begins the deadline anew.
    pub fn restart_deadline(&mut self) {
        if let Some(until) = Instant::now().checked_add(self.deadline) {
            self.until = until;
        }
    }

    fn check_deadline(&self) -> anyhow::Result<()> {
        if Instant::now() < self.until { Ok(()) } else { Err(self.is_late()) }
    }

    fn is_late(&self) -> anyhow::Error {
        anyhow!("{} was stopped: not done after {} s, its --deadline", self.name, self.deadline.as_secs())
    }

    /// Sends bytes to the board's serial port. Waits where the board does not take them and the pipe is full.
    ///
    /// # Errors
    ///
    /// If the emulator has ended, or the deadline passes first; [`Interrupted`] if the user interrupts the wait.
    pub fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.check_deadline()?;
        let end = match self.writer.write(bytes, self.until, Interrupt::current().flag()) {
            Written::Done(result) => return result.context("sending to the emulator"),
            Written::Closed => bail!("the emulator takes no more bytes"),
            Written::Late => self.is_late(),
            Written::Interrupted => Interrupted { done: "part of a command".into(), saved: None }.into(),
        };
        // With half of the bytes, the board is of no use any more.
        let _ = self.child.lock().unwrap_or_else(PoisonError::into_inner).kill();
        Err(end)
    }

    /// The operating system's number of the emulator.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Waits for the end and returns the board's exit status.
    ///
    /// # Errors
    ///
    /// If the deadline has passed, or the emulator itself failed (with what it said).
    pub fn wait(mut self) -> anyhow::Result<i32> {
        while Instant::now() < self.until {
            let ended = self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait()?;
            if let Some(status) = ended {
                let said = self.complaints.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
                // A warning (that no timer runs, say) is no failure.
                let is_failure = |line: &&str| !line.contains("warning:");
                let complaints: String = said.lines().filter(is_failure).collect::<Vec<_>>().join("\n");
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
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Writes to a pipe on a thread of its own, which may have to wait for the board. It ends with the pipe or with this
/// value.
#[derive(Debug)]
struct Writer {
    writes: SyncSender<Vec<u8>>,
    written: Receiver<std::io::Result<()>>,
}

/// What has become of a write.
#[derive(Debug)]
enum Written {
    Done(std::io::Result<()>),
    /// The pipe has failed before.
    Closed,
    Late,
    Interrupted,
}

impl Writer {
    fn new(mut pipe: impl Write + Send + 'static) -> Self {
        let (writes, to_write) = sync_channel::<Vec<u8>>(1);
        let (results, written) = sync_channel(1);
        std::thread::spawn(move || {
            for bytes in to_write {
                let result = pipe.write_all(&bytes).and_then(|()| pipe.flush());
                if results.send(result).is_err() {
                    break;
                }
            }
        });
        Self { writes, written }
    }

    /// Waits until the bytes are written, but no longer than to a moment or until `interrupt` is raised. One that was
    /// raised before does not count: then these bytes are to bring a run to a good end.
    fn write(&self, bytes: &[u8], until: Instant, interrupt: &AtomicBool) -> Written {
        let was_raised = interrupt.load(Ordering::Relaxed);
        if self.writes.send(bytes.to_vec()).is_err() {
            return Written::Closed;
        }
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.written.recv_timeout(left.min(GLANCE)) {
                Ok(result) => return Written::Done(result),
                Err(RecvTimeoutError::Disconnected) => return Written::Closed,
                Err(RecvTimeoutError::Timeout) if !was_raised && interrupt.load(Ordering::Relaxed) => {
                    return Written::Interrupted;
                }
                Err(RecvTimeoutError::Timeout) if left.is_zero() => return Written::Late,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pipe that raises an interrupt once it is written to, and takes nothing.
    struct Blocked(&'static AtomicBool);

    impl Write for Blocked {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            self.0.store(true, Ordering::Relaxed);
            loop {
                std::thread::park();
            }
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// As by Ctrl-C, months before the deadline.
    #[test]
    fn a_blocked_write_ends_at_an_interrupt() {
        static RAISED: AtomicBool = AtomicBool::new(false);
        let until = Instant::now() + Duration::from_secs(1 << 22);
        assert!(matches!(Writer::new(Blocked(&RAISED)).write(b"status\n", until, &RAISED), Written::Interrupted));
        // After it, bytes are written all the same, up to the deadline.
        assert!(matches!(Writer::new(std::io::sink()).write(b"stop\n", until, &RAISED), Written::Done(Ok(()))));
        let now = Instant::now();
        assert!(matches!(Writer::new(Blocked(&RAISED)).write(b"stop\n", now, &RAISED), Written::Late));
    }
}
