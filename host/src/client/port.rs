//! Ways to a chip: a serial port, or an emulated board. Bytes only; what they mean is [`crate::client::chip`]'s
//! business.

use crate::base::error::Interrupted;
use crate::board::machine::Machine;
use crate::emulator::qemu::Emulator;
use serialport::SerialPort;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::time::Duration;

/// Bytes to a chip and back.
pub trait Link: fmt::Debug {
    /// What to call it in messages.
    fn name(&self) -> &str;

    /// The bytes that come first within `patience`; none if none came.
    ///
    /// # Errors
    ///
    /// The port is gone.
    fn receive(&mut self, patience: Duration) -> io::Result<Vec<u8>>;

    /// Sends bytes.
    ///
    /// # Errors
    ///
    /// The port is gone, or takes nothing any more; [`ErrorKind::Interrupted`] if the user interrupts the wait for it.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Opens a port anew that was gone.
    ///
    /// # Errors
    ///
    /// It is still gone.
    fn reopen(&mut self) -> io::Result<()>;

    /// Begins the deadline of an emulated board anew; a real one has none.
    fn restart_deadline(&mut self) {}

    /// Whether [`Link::reopen`] can ever help.
    fn comes_back(&self) -> bool;

    /// Silence after which the chip has dropped a frame that was begun (500 ms of its own time) and has said all it
    /// was about to say.
    fn silence(&self) -> Duration;

    /// How long an answer may take.
    fn patience(&self) -> Duration;
}

/// A serial port of this machine.
pub struct Serial {
    path: String,
    baud: u32,
    port: Option<Box<dyn SerialPort>>,
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} at {} baud", self.path, self.baud)
    }
}

/// Longest time for a few hundred bytes to leave: a port that takes nothing is as good as gone.
const SEND: Duration = Duration::from_secs(5);

impl Serial {
    /// Opens a port: 8 data bits, no parity, 1 stop bit, no flow control.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn open(path: &str, baud: u32) -> io::Result<Self> {
        let mut serial = Self { path: path.into(), baud, port: None };
        serial.reopen()?;
        Ok(serial)
    }

    fn port(&mut self) -> io::Result<&mut Box<dyn SerialPort>> {
        self.port.as_mut().ok_or_else(|| io::Error::new(ErrorKind::NotConnected, "the port is closed"))
    }
}

impl Link for Serial {
    fn name(&self) -> &str {
        &self.path
    }

    fn receive(&mut self, patience: Duration) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; 4096];
        let port = self.port()?;
        port.set_timeout(patience)?;
        match port.read(&mut bytes) {
            Ok(0) => Err(io::Error::new(ErrorKind::UnexpectedEof, "the port is at its end")),
            Ok(count) => {
                bytes.truncate(count);
                Ok(bytes)
            }
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let port = self.port()?;
        port.set_timeout(SEND)?;
        port.write_all(bytes)
    }

    fn reopen(&mut self) -> io::Result<()> {
        // The old handle would keep the port to itself.
        self.port = None;
        self.port = Some(serialport::new(&self.path, self.baud).timeout(SEND).open()?);
        Ok(())
    }

    fn comes_back(&self) -> bool {
        true
    }

    fn silence(&self) -> Duration {
        Duration::from_millis(600)
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(5)
    }
}

/// A board in the emulator, which ends with this value.
#[derive(Debug)]
pub struct Emulated {
    name: &'static str,
    emulator: Emulator,
}

impl Emulated {
    /// Starts a board whose firmware obeys commands.
    ///
    /// # Errors
    ///
    /// If the emulator cannot be started.
    pub fn start(machine: &'static Machine, elf: &Path, deadline: Duration) -> anyhow::Result<Self> {
        Ok(Self { name: machine.name, emulator: Emulator::start_in_real_time(machine, elf, deadline)? })
    }
}

impl Link for Emulated {
    fn name(&self) -> &str {
        self.name
    }

    fn receive(&mut self, patience: Duration) -> io::Result<Vec<u8>> {
        let ended = || io::Error::new(ErrorKind::UnexpectedEof, "the emulator has ended");
        self.emulator.receive(patience).map_err(|error| io::Error::other(format!("{error:#}")))?.ok_or_else(ended)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let kind =
            |error: &anyhow::Error| if error.is::<Interrupted>() { ErrorKind::Interrupted } else { ErrorKind::Other };
        self.emulator.send(bytes).map_err(|error| io::Error::new(kind(&error), format!("{error:#}")))
    }

    fn reopen(&mut self) -> io::Result<()> {
        Err(io::Error::new(ErrorKind::Unsupported, "an emulator that has ended does not come back"))
    }

    fn restart_deadline(&mut self) {
        self.emulator.restart_deadline();
    }

    fn comes_back(&self) -> bool {
        false
    }

    /// Its clock is that of this machine.
    fn silence(&self) -> Duration {
        Duration::from_millis(600)
    }

    /// This machine may have other things to do.
    fn patience(&self) -> Duration {
        Duration::from_secs(20)
    }
}
