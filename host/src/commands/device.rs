//! `mote device`: firmware built, run on an emulated board, and every line compared with this machine.

use crate::base::files::{check_writable, write_atomically};
use crate::base::names;
use crate::base::progress::print_line;
use crate::board::machine;
use crate::client::open::ChipArgs;
use crate::commands::{hello, learn};
#[cfg(feature = "log")]
use crate::emulator::defmt;
use crate::emulator::preset_run::{RunSpec, run, saved_in, to_log};
use crate::learn::job::LearnArgs;
use anyhow::ensure;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// Options of `mote device`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = after_help())]
pub struct DeviceArgs {
    /// What to do instead of running a preset
    #[command(subcommand)]
    pub command: Option<DeviceCommand>,
    /// Board to emulate
    #[arg(long, value_name = "NAME", default_value = "mps2-an386")]
    pub machine: String,
    /// Serial port of a board that runs mote-session, instead of an emulated board
    #[arg(long, value_name = "PATH", conflicts_with_all = ["machine", "log"])]
    pub port: Option<String>,
    /// Bits per second on the serial port
    #[arg(long, value_name = "RATE", default_value_t = 115_200, requires = "port")]
    pub baud: u32,
    /// Preset to train [default: the board's own]
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Write every line from the chip to this file
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Print the decoded defmt log of the emulated board instead of its lines, and compare nothing
    #[cfg(feature = "log")]
    #[arg(long, conflicts_with_all = ["port", "log"])]
    pub defmt: bool,
    /// Seconds after which the emulator is stopped
    #[arg(long, value_name = "S", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub deadline: u64,
    /// Do not install missing tools; print the commands that install them
    #[arg(long)]
    pub no_install: bool,
}

/// What `mote device` can do with a chip that obeys commands.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// Show board, model, limits and state of a chip
    Hello(ChipArgs),
    /// Train a chip on your own data and save its weights
    Train(LearnArgs),
}

/// The help behind the options, with the machines as `firmware/boards/boards.toml` has them.
fn after_help() -> String {
    let machines: Vec<String> =
        machine::emulated().map(|machine| format!("{} ({})", machine.name, machine.core)).collect();
    format!(
        "Without a command, builds the firmware, runs a preset on an emulated board and compares every line with this \
         machine.

Machines: {}.

Examples:
  mote device                              preset demo on the Cortex-M4F
  mote device --machine microbit           preset tiny on the Cortex-M0
  mote device --machine mps2-an505 --preset parity
  mote device --port /dev/ttyACM0          on a board that runs mote-session
  mote device hello --port /dev/ttyACM0    board, model, limits and state
  mote device train --data train.npz --steps 100 --lr 0.5 --out run

A mote that is built with --features fast-math uses micromath on both sides.",
        machines.join(", ")
    )
}

/// `mote device`.
///
/// # Errors
///
/// Unknown names, missing tools, a build or a run that fails, and any line that differs.
pub fn device(args: &DeviceArgs, quiet: bool) -> anyhow::Result<()> {
    match &args.command {
        Some(DeviceCommand::Hello(chip)) => return hello::hello(chip, quiet),
        Some(DeviceCommand::Train(args)) => return learn::learn(args, quiet),
        None => {}
    }
    if let Some(port) = &args.port {
        let (port, baud, deadline, no_install) = (Some(port.clone()), args.baud, args.deadline, args.no_install);
        let chip = ChipArgs { port, baud, machine: None, preset: None, shape: None, deadline, no_install };
        return hello::run_preset(&chip, args.preset.as_deref(), quiet);
    }
    let machine = machine::by_name(&args.machine)?;
    let preset = names::preset(args.preset.as_deref().unwrap_or(machine.preset))?;
    machine.check_preset(&preset)?;
    if let Some(path) = &args.log {
        check_writable("log", path)?;
    }
    let deadline = Duration::from_secs(args.deadline);
    let plan = RunSpec { machine, preset, fast_math: cfg!(feature = "fast-math"), deadline, install: !args.no_install };
    #[cfg(feature = "log")]
    if args.defmt {
        return defmt::log(&plan, quiet, |entry| print_line(entry));
    }
    let mut lines = Vec::new();
    let session = run(&plan, quiet, &mut lines, |line| if quiet { Ok(()) } else { print_line(line) });
    // Whatever came of it, the log has what was received.
    if let Some(path) = &args.log {
        write_atomically(path, to_log(&lines).as_bytes())?;
    }
    let session = session.map_err(|error| saved_in(error, args.log.as_deref()))?;
    print_line(session.summary(machine))?;
    print_line(&session.comparison)?;
    ensure!(session.comparison.is_equal(), "host and chip differ");
    Ok(())
}
