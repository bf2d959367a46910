//! `mote monitor`: opens what is to be watched, and watches it.

use crate::base::error::InputError;
use crate::base::names;
use crate::base::progress::{self, Interrupt};
use crate::board::model::FirmwareModel;
use crate::board::{build, machine, provision};
use crate::emulator::qemu::Emulator;
pub use crate::monitor::options::MonitorArgs;
use crate::monitor::source::{self, LineSource};
use crate::monitor::watch::Monitor;
use crate::monitor::{as_lines, on_screen};
use std::io::IsTerminal;
use std::time::Duration;

/// `mote monitor`.
///
/// # Errors
///
/// A source that cannot be opened, a board that fails, a log that cannot be written,
/// [`Interrupted`](crate::base::error::Interrupted).
pub fn monitor(args: &MonitorArgs, quiet: bool) -> anyhow::Result<()> {
    let interrupt = Interrupt::current();
    args.check()?;
    let is_terminal = std::io::stdout().is_terminal();
    let source = open(args, quiet, is_terminal)?;
    let mut watch = Monitor::new(source, args.log.as_deref())?;
    if watch.source.is_live() && (args.port.is_some() || args.train.is_some()) {
        watch.greet()?;
    }
    if let Some(keys) = &args.train {
        watch.train(keys)?;
    }
    if is_terminal { on_screen(&mut watch, interrupt) } else { as_lines(&mut watch, interrupt, quiet) }
}

fn open(args: &MonitorArgs, quiet: bool, is_terminal: bool) -> anyhow::Result<Box<dyn LineSource>> {
    if let Some(port) = &args.port {
        return Ok(Box::new(source::Serial::open(port, args.baud)?));
    }
    if let Some(path) = &args.replay {
        let speed = args.speed.unwrap_or(if is_terminal { REPLAY_SPEED } else { 0.0 });
        if !(speed.is_finite() && speed >= 0.0) {
            return Err(
                InputError::option("speed", format!("expected lines per second of at least 0, found {speed}")).into()
            );
        }
        return Ok(Box::new(source::Replay::open(path, speed)?));
    }
    if args.input.is_some() {
        return Ok(Box::new(source::Piped::new(std::io::stdin())));
    }
    emulate(args, quiet)
}

/// Builds firmware, that of a session if it is to be told what to train, and starts it.
fn emulate(args: &MonitorArgs, quiet: bool) -> anyhow::Result<Box<dyn LineSource>> {
    let machine = machine::by_name(args.machine.as_deref().unwrap_or("mps2-an386"))?;
    let model = FirmwareModel::choose(machine, args.preset.as_deref(), args.shape)?;
    let preset = names::preset(args.preset.as_deref().unwrap_or(machine.preset))?;
    provision::ensure([machine.target], true, !args.no_install)?;
    let what = format!("building the firmware for {} ({})", machine.name, machine.core);
    let spinner = progress::spinner(what, quiet);
    let fast_math = cfg!(feature = "fast-math");
    let firmware = match args.train {
        Some(_) => build::build_session(machine, &model, fast_math),
        None => build::build(machine, preset.name, fast_math),
    };
    spinner.finish_and_clear();
    let start = if args.train.is_some() { Emulator::start_in_real_time } else { Emulator::start };
    let board = start(machine, &firmware?.elf, DEADLINE)?;
    Ok(Box::new(source::Emulated::new("QEMU".into(), board)))
}

/// Lines a second of a replay that is looked at.
const REPLAY_SPEED: f64 = 50.0;

/// How long an emulated board may be watched.
const DEADLINE: Duration = Duration::from_secs(30 * 86_400);
