//! The chip that a command of `mote` talks to: on a serial port, or emulated.

use crate::base::error::InputError;
use crate::base::progress::{self, Interrupt};
use crate::board::machine::{self, Machine};
use crate::board::model::{self, FirmwareModel};
use crate::board::{build, provision};
use crate::client::chip::Client;
use crate::client::port::{Emulated, Serial};
use anyhow::{Context, ensure};
use mote_core::memory::Heap;
use mote_core::shape::Shape;
use std::time::Duration;

/// Options that say which chip.
#[derive(Clone, Debug, clap::Args)]
pub struct ChipArgs {
    /// Serial port of a board that runs mote-session, like /dev/ttyACM0
    #[arg(long, value_name = "PATH", conflicts_with = "machine")]
    pub port: Option<String>,
    /// Bits per second on the serial port
    #[arg(long, value_name = "RATE", default_value_t = 115_200, requires = "port")]
    pub baud: u32,
    /// Board to emulate instead [default: mps2-an386]
    #[arg(long, value_name = "NAME")]
    pub machine: Option<String>,
    /// Preset whose shape the emulated board's model has [default: the board's own]
    #[arg(long, value_name = "NAME", conflicts_with = "port")]
    pub preset: Option<String>,
    /// Shape of the emulated board's model as M,D,H,V: tokens, numbers per token, width of queries and keys, width of
    /// values
    #[arg(long, value_name = "M,D,H,V", value_parser = model::shape, conflicts_with_all = ["port", "preset"])]
    pub shape: Option<Shape>,
    /// Seconds after which the emulator is stopped, without the time of this machine's own run
    #[arg(long, value_name = "S", default_value_t = 86_400, value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub deadline: u64,
    /// Do not install missing tools; print the commands that install them
    #[arg(long)]
    pub no_install: bool,
}

/// The board to emulate if neither port nor machine is given.
const MACHINE: &str = "mps2-an386";

impl ChipArgs {
    /// The emulated board and its model; `None` if the chip is on a port.
    ///
    /// # Errors
    ///
    /// Unknown names, a model that does not fit into the board.
    pub fn emulated(&self) -> Result<Option<(&'static Machine, FirmwareModel)>, InputError> {
        if self.port.is_some() {
            return Ok(None);
        }
        let machine = machine::by_name(self.machine.as_deref().unwrap_or(MACHINE))?;
        Ok(Some((machine, FirmwareModel::choose(machine, self.preset.as_deref(), self.shape)?)))
    }

    /// Opens the conversation; builds the firmware of an emulated board first.
    ///
    /// # Errors
    ///
    /// Unknown names, a port that cannot be opened, missing tools, a build that fails, a chip that does not answer.
    pub fn open(&self, interrupt: Interrupt, quiet: bool) -> anyhow::Result<Client> {
        if let Some((machine, model)) = self.emulated()? {
            let board = emulate(machine, &model, Duration::from_secs(self.deadline), self.no_install, quiet)?;
            return Ok(Client::open(Box::new(board), Some(interrupt))?);
        }
        let path = self.port.as_deref().unwrap_or_default();
        let cannot = |error| InputError::option("port", format!("{path} cannot be opened: {error}"));
        let port = Serial::open(path, self.baud).map_err(cannot)?;
        Ok(Client::open(Box::new(port), Some(interrupt))?)
    }
}

/// Builds the firmware that obeys commands, and starts it on an emulated board.
///
/// # Errors
///
/// Missing tools, a build that fails.
pub fn emulate(
    machine: &'static Machine,
    model: &FirmwareModel,
    deadline: Duration,
    no_install: bool,
    quiet: bool,
) -> anyhow::Result<Emulated> {
    provision::ensure([machine.target], true, !no_install)?;
    let spinner = progress::spinner(format!("building the firmware for {} ({})", machine.name, machine.core), quiet);
    let firmware = build::build_session(machine, model, cfg!(feature = "fast-math"));
    spinner.finish_and_clear();
    Emulated::start(machine, &firmware?.elf, deadline)
}

/// Memory of the chip's model on this machine. The chip must have the same engine and the same maths, else equal bits
/// would be an accident.
///
/// # Errors
///
/// Another engine or other maths, with both names.
pub fn reference_memory(client: &Client) -> anyhow::Result<Heap> {
    let chip = client.chip()?;
    for (what, expected, found) in
        [("engine", mote_core::VERSION, &chip.hello.engine), ("maths", mote_core::math::NAME, &chip.hello.math)]
    {
        ensure!(expected == found, "{}: expected the {what} of this program, {expected}, found {found}", client.port());
    }
    Heap::zeroed(chip.shape()).context("the chip's model does not fit into memory")
}
