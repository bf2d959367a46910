//! A chip without hardware: a session of `mote-runtime` on the far end of a pseudo terminal, with accidents to order.

use mote_core::memory::Fixed;
use mote_protocol::answer::Answer;
use mote_protocol::report::{Board, Record};
use mote_protocol::wire::to_name;
use mote_runtime::commands::{NoStorage, Port, Session};
use mote_runtime::runs::port;
use serialport::{SerialPort, TTYPort};
use std::io::{self, Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// `M`, `D`, `H`, `V` of the chip's model.
pub type Memory = Fixed<3, 5, 2, 2>;
/// Samples that it holds.
pub const HELD: usize = 6;
/// Numbers in a sample.
pub const SAMPLE: usize = 3 * 5 + 1;

/// What goes wrong, and when. All counts are of bytes, from 1; 0 is never.
#[derive(Clone, Debug, Default)]
pub struct Accidents {
    /// Said at each start.
    pub greeting: Vec<u8>,
    /// Every so many bytes to the chip, one is lost.
    pub lose_up: usize,
    /// Every so many bytes from the chip, one has another bit.
    pub damage_down: usize,
    /// The chip is reset once, after so many bytes to it.
    pub reset_after: usize,
    /// The cable is pulled once, after so many bytes to the chip, and the port is gone for a while.
    pub unplug_after: usize,
    /// Lines of the chip that begin so are damaged, once each.
    pub damage_lines: Vec<&'static str>,
    /// The chip never says anything.
    pub mute: bool,
    /// The chip is reset just before it hears a `stop` in a run.
    pub reset_at_stop: bool,
    /// In every `train`, this text becomes that: a chip that does something else than it was told.
    pub mishears: Option<(&'static str, &'static str)>,
}

/// How often accidents have happened.
#[derive(Debug, Default)]
pub struct Count {
    /// Bytes that the chip has said.
    pub said: AtomicU32,
    /// Bytes that were lost on the way to the chip.
    pub lost: AtomicU32,
    /// Bytes that were damaged on the way from the chip.
    pub damaged: AtomicU32,
    /// Resets.
    pub resets: AtomicU32,
    /// Pulled cables.
    pub unplugged: AtomicU32,
}

/// The chip, on a thread of its own. Ends when dropped.
pub struct PtyChip {
    path: PathBuf,
    /// What has gone wrong.
    pub count: Arc<Count>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    _folder: TempDir,
}

impl PtyChip {
    /// Starts a chip with accidents.
    ///
    /// # Panics
    ///
    /// If there are no pseudo terminals.
    pub fn start(accidents: Accidents) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("port");
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(Count::default()));
        let port = plug(&path);
        let (ours, theirs, counted) = (path.clone(), stop.clone(), count.clone());
        let thread = std::thread::spawn(move || live(&ours, port, accidents, &theirs, &counted));
        Self { path, count, stop, thread: Some(thread), _folder: folder }
    }

    /// The path of the serial port.
    ///
    /// # Panics
    ///
    /// If it is no text.
    pub fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }
}

impl Drop for PtyChip {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A chip that has panicked has failed the test already, by its silence.
            let _ = thread.join();
        }
    }
}

/// A fresh pseudo terminal under a path that stays the same.
fn plug(path: &Path) -> TTYPort {
    let (master, slave) = TTYPort::pair().unwrap();
    let _ = std::fs::remove_file(path);
    symlink(slave.name().unwrap(), path).unwrap();
    master
}

/// The chip's side of the line.
struct Wire<'c> {
    port: Option<TTYPort>,
    accidents: Accidents,
    count: &'c Count,
    start: Instant,
    up: usize,
    down: usize,
    reset: bool,
    pending_input: bool,
}

impl Wire<'_> {
    /// The bytes that have come, less those that were lost.
    fn receive(&mut self, patience: Duration) -> Vec<u8> {
        let mut bytes = vec![0; 512];
        let Some(port) = &mut self.port else { return Vec::new() };
        port.set_timeout(patience).unwrap();
        let count = port.read(&mut bytes).unwrap_or_else(|_| {
            // Nothing came, or nobody is at the other end.
            std::thread::sleep(patience.min(Duration::from_millis(1)));
            0
        });
        bytes.truncate(count);
        bytes.retain(|_| {
            self.up += 1;
            let is_lost = self.accidents.lose_up > 0 && self.up.is_multiple_of(self.accidents.lose_up);
            self.count.lost.fetch_add(is_lost.into(), Ordering::Relaxed);
            !is_lost
        });
        match self.accidents.mishears {
            Some((said, heard)) if bytes.starts_with(b"train ") => {
                let line = String::from_utf8(bytes).unwrap();
                let (body, _) = line.rsplit_once(" *").unwrap();
                assert!(body.contains(said), "{body}");
                format!("{}\n", body.replace(said, heard)).into_bytes()
            }
            _ => bytes,
        }
    }
}

impl port::ReportPort for Wire<'_> {
    type Error = io::Error;

    fn emit(&mut self, record: Record) -> io::Result<()> {
        let line = record.into_line().unwrap();
        self.send(format!("{line}\n").as_bytes())
    }

    fn ticks(&mut self) -> u32 {
        0
    }
}

impl Port for Wire<'_> {
    fn millis(&mut self) -> u32 {
        self.start.elapsed().as_millis() as u32
    }

    fn answer(&mut self, answer: Answer) -> io::Result<()> {
        let line = answer.into_line().unwrap();
        self.send(format!("{line}\n").as_bytes())
    }

    /// For people in a terminal: `mote` never asks for it.
    fn carriage_return(&mut self, _: bool) {}

    fn pending_input(&mut self, on: bool) -> bool {
        // Nothing stands on a screen here that would have to give way.
        std::mem::replace(&mut self.pending_input, on)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut bytes = bytes.to_vec();
        self.count.said.fetch_add(bytes.len() as u32, Ordering::Relaxed);
        if let Some(at) = self.accidents.damage_lines.iter().position(|start| bytes.starts_with(start.as_bytes())) {
            self.accidents.damage_lines.remove(at);
            bytes[0] ^= 0x10;
            self.count.damaged.fetch_add(1, Ordering::Relaxed);
        }
        for byte in &mut bytes {
            self.down += 1;
            if self.accidents.damage_down > 0 && self.down.is_multiple_of(self.accidents.damage_down) {
                *byte ^= 0x10;
                self.count.damaged.fetch_add(1, Ordering::Relaxed);
            }
        }
        match &mut self.port {
            // A chip does not know whether anybody listens.
            Some(port) if !self.accidents.mute => port.write_all(&bytes).or(Ok(())),
            _ => Ok(()),
        }
    }

    fn reset(&mut self) {
        self.reset = true;
    }
}

fn live(path: &Path, port: TTYPort, accidents: Accidents, stop: &AtomicBool, count: &Count) {
    let mut wire = Wire {
        port: Some(port),
        accidents,
        count,
        start: Instant::now(),
        up: 0,
        down: 0,
        reset: false,
        pending_input: false,
    };
    // What a fresh chip hears first.
    let mut carried = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let (mut memory, mut store) = (Memory::zeroed(), [0.0; HELD * SAMPLE]);
        let board = Board { name: to_name("pty"), core: to_name("host"), tick_hz: 0 };
        let mut session = Session::new(&mut memory, &mut store, NoStorage, board);
        wire.reset = false;
        let greeting = wire.accidents.greeting.clone();
        wire.send(&greeting).unwrap();
        let mut is_busy = false;
        while !wire.reset && !stop.load(Ordering::Relaxed) {
            let patience = if is_busy { Duration::ZERO } else { Duration::from_millis(1) };
            let bytes = if carried.is_empty() { wire.receive(patience) } else { std::mem::take(&mut carried) };
            // On a busy machine, another command may have come before it in the same read.
            let says_stop = bytes.windows(6).any(|bytes| bytes == b"stop *");
            if wire.accidents.reset_at_stop && session.activity() == "train" && says_stop {
                (carried, wire.reset) = (bytes, true);
                break;
            }
            for byte in bytes {
                session.receive(byte, &mut wire).unwrap();
            }
            is_busy = session.work(&mut wire).unwrap();
            if wire.accidents.reset_after > 0 && wire.up >= wire.accidents.reset_after {
                wire.accidents.reset_after = 0;
                count.resets.fetch_add(1, Ordering::Relaxed);
                wire.reset = true;
            }
            if wire.accidents.unplug_after > 0 && wire.up >= wire.accidents.unplug_after {
                wire.accidents.unplug_after = 0;
                count.unplugged.fetch_add(1, Ordering::Relaxed);
                wire.port = None;
                let _ = std::fs::remove_file(path);
                std::thread::sleep(Duration::from_millis(700));
                wire.port = Some(plug(path));
            }
        }
    }
}
