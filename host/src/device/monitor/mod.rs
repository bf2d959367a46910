//! `mote monitor`: what a chip does, live on a terminal, or as plain lines where there is none.

mod curve;
pub mod message;
pub mod screen;
pub mod source;
pub mod state;
pub mod view;

use super::build;
use super::link::Emulator;
use super::machine;
use super::provision;
use crate::cli::{self, MonitorArgs};
use crate::error::{InputError, Interrupted, quoted};
use crate::progress::{self, Interrupt, say};
use anyhow::Context;
use message::{Kind, Tone};
use screen::{Key, Screen};
use source::{Heard, Source, with_checksum};
use state::State;
use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use view::View;

/// Lines a second of a replay that is looked at.
const REPLAY_SPEED: f64 = 50.0;

/// How long an emulated board may be watched.
const DEADLINE: Duration = Duration::from_secs(30 * 86_400);

/// Time between two pictures.
const PICTURE: Duration = Duration::from_millis(50);

/// A picture of which nothing changes but the time is drawn so seldom.
const STILL: Duration = Duration::from_millis(250);

/// A chip that takes commands is asked how it is after so long a silence.
const SILENCE: Duration = Duration::from_secs(3);

/// `mote monitor`.
///
/// # Errors
///
/// A source that cannot be opened, a board that fails, a log that cannot be written, [`Interrupted`].
pub fn monitor(args: &MonitorArgs, quiet: bool) -> anyhow::Result<()> {
    let interrupt = Interrupt::install()?;
    check_log(args)?;
    let is_terminal = std::io::stdout().is_terminal();
    let source = open(args, quiet, is_terminal)?;
    let mut watch = Watch::new(source, args.log.as_deref())?;
    if watch.source.is_live() && (args.port.is_some() || args.train.is_some()) {
        watch.ask("hello")?;
    }
    if let Some(train) = &args.train {
        watch.ask(&format!("train {train}"))?;
    }
    if is_terminal { on_screen(&mut watch, interrupt) } else { as_lines(&mut watch, interrupt, quiet) }
}

/// A log must not be what is replayed: it would be empty before it is read.
fn check_log(args: &MonitorArgs) -> Result<(), InputError> {
    let same = |a: &Path, b: &Path| a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b));
    match (&args.log, &args.replay) {
        (Some(log), Some(replay)) if same(log, replay) => {
            Err(InputError::option("log", format!("expected another file than --replay, found {}", log.display())))
        }
        _ => Ok(()),
    }
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
    let preset = cli::preset(args.preset.as_deref().unwrap_or(machine.preset))?;
    machine.check_preset(&preset)?;
    provision::ensure([machine.target], true, !args.no_install)?;
    let what = format!("building the firmware for {} ({})", machine.name, machine.core);
    let spinner = progress::spinner(what, quiet);
    let fast_math = cfg!(feature = "fast-math");
    let firmware = match args.train {
        Some(_) => build::build_session(machine, preset.name, fast_math),
        None => build::build(machine, preset.name, fast_math),
    };
    spinner.finish_and_clear();
    let start = if args.train.is_some() { Emulator::start_in_real_time } else { Emulator::start };
    let board = start(machine, &firmware?.elf, DEADLINE)?;
    Ok(Box::new(source::Emulated::new("QEMU".into(), board)))
}

/// A chip, what is known of it, and the log.
pub struct Watch {
    source: Box<dyn Source>,
    state: State,
    log: Option<(PathBuf, BufWriter<File>)>,
    start: Instant,
    /// When the chip was last asked anything.
    asked: Duration,
    /// Why there will be no more lines.
    failure: Option<anyhow::Error>,
}

impl Watch {
    /// Watches a source; every line goes to the file `log` too.
    ///
    /// # Errors
    ///
    /// If the file cannot be made.
    pub fn new(source: Box<dyn Source>, log: Option<&Path>) -> anyhow::Result<Self> {
        let create = |path: &Path| -> anyhow::Result<_> {
            let file = File::create(path);
            let file = file.map_err(|e| InputError::option("log", format!("{}: {e}", path.display())))?;
            Ok((path.to_owned(), BufWriter::new(file)))
        };
        let state = State::new(source.name());
        let log = log.map(create).transpose()?;
        Ok(Self { source, state, log, start: Instant::now(), asked: Duration::ZERO, failure: None })
    }

    /// Hears what there is, if anything, and logs it. Answers it with what a line turned out to be.
    ///
    /// # Errors
    ///
    /// If the log cannot be written.
    pub fn hear(&mut self) -> anyhow::Result<(Heard, Option<Kind>)> {
        let heard = match self.source.listen() {
            _ if self.state.is_over => Heard::End,
            Ok(heard) => heard,
            Err(error) => {
                self.state.say(self.start.elapsed(), Tone::Bad, format!("{error:#}"));
                self.failure = Some(error);
                Heard::End
            }
        };
        if let (Heard::Line(line), Some((path, log))) = (&heard, &mut self.log) {
            writeln!(log, "{line}").with_context(|| path.display().to_string())?;
        }
        let kind = self.state.hear(&heard, self.start.elapsed());
        Ok((heard, kind))
    }

    /// Hears what comes within a time, and answers whether anything did. Returns as soon as nothing waits to be heard.
    fn hear_for(&mut self, time: Duration, interrupt: Interrupt) -> anyhow::Result<bool> {
        let (end, mut has_heard) = (Instant::now() + time, false);
        while Instant::now() < end && !interrupt.is_raised() {
            let was_over = self.state.is_over;
            let (heard, _) = self.hear()?;
            has_heard |= heard != Heard::Nothing && !was_over;
            if !matches!(heard, Heard::Line(_)) {
                break;
            }
        }
        Ok(has_heard)
    }

    /// Sends a command, with its checksum.
    ///
    /// # Errors
    ///
    /// If it could not be sent.
    pub fn ask(&mut self, command: &str) -> anyhow::Result<()> {
        self.asked = self.start.elapsed();
        self.source.send(with_checksum(command).as_bytes())
    }

    /// Sends what a key asks for, or says why not.
    pub fn command(&mut self, command: &str) {
        let now = self.start.elapsed();
        if !self.source.is_live() {
            self.state.say(now, Tone::Bad, format!("{command}: there is no chip behind {}", self.state.source));
        } else if self.state.takes_commands() == Some(false) {
            self.state.say(now, Tone::Bad, format!("{command}: this firmware takes no commands; mote-session does"));
        } else {
            let (tone, text) = match self.ask(command) {
                Ok(()) => (Tone::Plain, format!("sent: {command}")),
                Err(error) => (Tone::Bad, format!("{command} not sent: {error:#}")),
            };
            self.state.say(now, tone, text);
        }
    }

    /// Asks a chip that should be busy and is silent how it is: one that was reset says nothing by itself.
    fn keep_in_touch(&mut self) {
        let now = self.start.elapsed();
        let is_silent = now.saturating_sub(self.state.last_heard.max(self.asked)) >= SILENCE;
        if is_silent && self.state.is_busy() && self.state.takes_commands() == Some(true) && self.source.is_live() {
            // A line that is lost is on the screen already.
            let _ = self.ask("status");
        }
    }

    /// What is known by now.
    pub fn state(&self) -> &State {
        &self.state
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        match &mut self.log {
            Some((path, log)) => log.flush().with_context(|| path.display().to_string()),
            None => Ok(()),
        }
    }

    fn interrupted(&self) -> anyhow::Error {
        let step = u32::try_from(self.state.step).unwrap_or(u32::MAX);
        Interrupted { done: format!("step {step}"), saved: self.log.as_ref().map(|log| log.0.clone()) }.into()
    }

    /// What it was, in a few lines.
    fn summary(&self) -> String {
        let State { source, lines, damaged, unknown, runs, .. } = &self.state;
        let mut text = format!("{source}: {lines} lines, {damaged} damaged, {unknown} not understood");
        if let Some((path, _)) = &self.log {
            text += &format!(", in {}", path.display());
        }
        runs.iter().for_each(|run| text += &format!("\n{run}"));
        text
    }
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

/// Every line as it comes, until there are no more; damaged ones say so.
fn as_lines(watch: &mut Watch, interrupt: Interrupt, quiet: bool) -> anyhow::Result<()> {
    loop {
        if interrupt.is_raised() {
            watch.flush()?;
            return Err(watch.interrupted());
        }
        match watch.hear()? {
            (Heard::Line(line), Some(Kind::Damaged)) => say(format_args!("damaged: {}", quoted(&line)))?,
            (Heard::Line(line), Some(Kind::Unknown)) => say(format_args!("not understood: {}", quoted(&line)))?,
            (Heard::Line(line), Some(Kind::Foreign)) => say(quoted(&line))?,
            (Heard::Line(line), _) => say(line)?,
            (Heard::Lost(why), _) => say(format_args!("line lost: {why}; trying again"))?,
            (Heard::Back, _) => say("the line is back")?,
            (Heard::Nothing, _) => watch.flush()?,
            (Heard::End, _) => break,
        }
    }
    watch.flush()?;
    // Standard output has the lines alone.
    if !quiet {
        // Nobody may be listening there; the lines have arrived all the same.
        let _ = writeln!(std::io::stderr(), "mote: {}", watch.summary().replace('\n', "\nmote: "));
    }
    watch.failure.take().map_or(Ok(()), Err)
}
