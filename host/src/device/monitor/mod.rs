//! `mote monitor`: what a chip does, live on a terminal, or as plain lines where there is none.

mod curve;
pub mod log;
pub mod message;
pub mod options;
pub mod order;
pub mod screen;
pub mod source;
pub mod state;
pub mod view;
pub mod watch;

use super::build;
use super::link::Emulator;
use super::machine;
use super::model::Model;
use super::provision;
use crate::cli;
use crate::error::{InputError, quoted};
use crate::progress::{self, Interrupt, say};
use message::{Kind, printable};
pub use options::MonitorArgs;
use screen::{Key, Screen};
use source::{Heard, Source};
use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};
use view::View;
pub use watch::Watch;

/// Lines a second of a replay that is looked at.
const REPLAY_SPEED: f64 = 50.0;

/// How long an emulated board may be watched.
const DEADLINE: Duration = Duration::from_secs(30 * 86_400);

/// Time between two pictures.
const PICTURE: Duration = Duration::from_millis(50);

/// A picture of which nothing changes but the time is drawn so seldom.
const STILL: Duration = Duration::from_millis(250);

/// What a chip says after the run that was ordered is listened to no longer than this.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// `mote monitor`.
///
/// # Errors
///
/// A source that cannot be opened, a board that fails, a log that cannot be written, [`Interrupted`](crate::error::Interrupted).
pub fn monitor(args: &MonitorArgs, quiet: bool) -> anyhow::Result<()> {
    let interrupt = Interrupt::install()?;
    args.check()?;
    let is_terminal = std::io::stdout().is_terminal();
    let source = open(args, quiet, is_terminal)?;
    let mut watch = Watch::new(source, args.log.as_deref())?;
    if watch.source.is_live() && (args.port.is_some() || args.train.is_some()) {
        watch.greet()?;
    }
    if let Some(keys) = &args.train {
        watch.train(keys)?;
    }
    if is_terminal { on_screen(&mut watch, interrupt) } else { as_lines(&mut watch, interrupt, quiet) }
}

fn open(args: &MonitorArgs, quiet: bool, is_terminal: bool) -> anyhow::Result<Box<dyn Source>> {
    if let Some(port) = &args.port {
        return Ok(Box::new(source::Serial::open(port, args.baud)?));
    }
    if let Some(path) = &args.replay {
        let speed = args.speed.unwrap_or(if is_terminal { REPLAY_SPEED } else { 0.0 });
        if !(speed.is_finite() && speed >= 0.0) {
            return Err(InputError::option("speed", format!("expected lines a second, or 0, found {speed}")).into());
        }
        return Ok(Box::new(source::Replay::open(path, speed)?));
    }
    if args.input.is_some() {
        return Ok(Box::new(source::Piped::new(std::io::stdin())));
    }
    emulate(args, quiet)
}

/// Builds firmware, that of a session if it is to be told what to train, and starts it.
fn emulate(args: &MonitorArgs, quiet: bool) -> anyhow::Result<Box<dyn Source>> {
    let machine = machine::by_name(args.machine.as_deref().unwrap_or("mps2-an386"))?;
    let model = Model::choose(machine, args.preset.as_deref(), args.shape)?;
    let preset = cli::preset(args.preset.as_deref().unwrap_or(machine.preset))?;
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

/// The dashboard, until someone quits.
fn on_screen(watch: &mut Watch, interrupt: Interrupt) -> anyhow::Result<()> {
    let mut screen = Screen::enter()?;
    let outcome = dashboard(watch, &mut screen, interrupt);
    drop(screen);
    watch.flush()?;
    outcome?;
    say(watch.summary())?;
    watch.failure.take().map_or(Ok(()), Err)
}

fn dashboard(watch: &mut Watch, screen: &mut Screen, interrupt: Interrupt) -> anyhow::Result<()> {
    let (mut help, mut has_changed, mut drawn) = (false, true, Instant::now());
    while !interrupt.is_raised() {
        if has_changed || drawn.elapsed() >= STILL {
            screen.draw(&View { state: &watch.state, now: watch.start.elapsed(), help })?;
            drawn = Instant::now();
        }
        has_changed = watch.hear_for(PICTURE, interrupt)?;
        watch.flush()?;
        watch.keep_in_touch();
        watch.hint();
        let mut patience = if watch.state.is_over { PICTURE } else { Duration::ZERO };
        while let Some(key) = screen.key(patience)? {
            (patience, has_changed) = (Duration::ZERO, true);
            match key {
                Key::Stop => watch.command("stop"),
                Key::Save => watch.command("save"),
                Key::Quit => return Ok(()),
                Key::Help => help = !help,
                Key::Resized | Key::Other => {}
            }
        }
    }
    Err(watch.interrupted())
}

/// A line beside the lines of the chip, which alone are on standard output.
fn beside(text: impl Display, quiet: bool) {
    if !quiet {
        // Nobody may be listening there; the lines have arrived all the same.
        let _ = writeln!(std::io::stderr(), "mote: {text}");
    }
}

/// Every line as it comes, until there are no more, or the run that was ordered is over; damaged ones say so.
fn as_lines(watch: &mut Watch, interrupt: Interrupt, quiet: bool) -> anyhow::Result<()> {
    let mut over = None;
    let outcome = loop {
        if interrupt.is_raised() {
            watch.flush()?;
            return Err(watch.interrupted());
        }
        if let Some(hint) = watch.hint() {
            beside(hint, quiet);
        }
        if watch.is_ordered() {
            watch.keep_in_touch();
        }
        let (heard, kind) = watch.hear()?;
        // Once it pauses: a board says something of its own behind a run.
        if let Some(end) = watch.outcome()
            && (heard == Heard::Nothing || over.get_or_insert_with(Instant::now).elapsed() >= LAST_WORDS)
        {
            break end;
        }
        match (heard, kind) {
            (Heard::Line(line), Some(Kind::Damaged)) => say(format_args!("damaged: {}", quoted(&line)))?,
            (Heard::Line(line), Some(Kind::Unknown)) => say(format_args!("not understood: {}", quoted(&line)))?,
            (Heard::Line(line), Some(Kind::Foreign)) => say(printable(&line))?,
            (Heard::Line(line), _) => say(line)?,
            (Heard::Lost(why), _) => say(format_args!("line lost: {why}; trying again"))?,
            (Heard::Back, _) => say("the line is back")?,
            (Heard::Nothing, _) => watch.flush()?,
            (Heard::End, _) => break watch.outcome_at_the_end(),
        }
    };
    watch.flush()?;
    beside(watch.summary().replace('\n', "\nmote: "), quiet);
    watch.failure.take().map_or(outcome, Err)
}
