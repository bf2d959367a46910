//! A chip that is watched: its lines, what is known of it, the log, and the commands it is sent.

use crate::base::error::{InputError, Interrupted};
use crate::base::progress::Interrupt;
use crate::monitor::followed_run::FollowedRun;
use crate::monitor::log::Log;
use crate::monitor::message::{LineKind, Severity};
use crate::monitor::source::{LineEvent, LineSource, with_checksum};
use crate::monitor::state::State;
use std::path::Path;
use std::time::{Duration, Instant};

/// A chip that takes commands is asked how it is after so long a silence.
const SILENCE: Duration = Duration::from_secs(3);

/// A chip that has said nothing for so long is not as expected.
const DEAF: Duration = Duration::from_secs(5);

/// Drops whatever line someone has begun.
const CTRL_U: u8 = 0x15;

/// A chip, what is known of it, and the log.
pub struct Monitor {
    pub(crate) source: Box<dyn LineSource>,
    pub(crate) state: State,
    log: Option<Log>,
    pub(crate) start: Instant,
    /// When the chip was last asked anything.
    asked: Duration,
    /// What it was told to train.
    followed: Option<FollowedRun>,
    has_hinted: bool,
    /// Why there will be no more lines.
    pub failure: Option<anyhow::Error>,
}

impl Monitor {
    /// Watches a source; every line goes to the file `log` too.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub fn new(source: Box<dyn LineSource>, log: Option<&Path>) -> Result<Self, InputError> {
        let mut state = State::new(source.name());
        state.is_on_time = source.is_on_time();
        let log = log.map(Log::open).transpose()?;
        let (start, asked) = (Instant::now(), Duration::ZERO);
        Ok(Self { source, state, log, start, asked, followed: None, has_hinted: false, failure: None })
    }

    /// Asks the chip who it is; someone may have begun a line before.
    ///
    /// # Errors
    ///
    /// If it could not be sent.
    pub fn greet(&mut self) -> anyhow::Result<()> {
        self.source.send(&[CTRL_U, b'\n'])?;
        self.ask("hello")
    }

    /// Tells the chip to train.
    ///
    /// # Errors
    ///
    /// If it could not be sent.
    pub fn train(&mut self, keys: &str) -> anyhow::Result<()> {
        self.followed = Some(FollowedRun::new(self.start.elapsed()));
        self.ask(&format!("train {keys}"))
    }

    /// Whether the run that the chip was told to do is over, and how it ended.
    pub fn outcome(&self) -> Option<anyhow::Result<()>> {
        let outcome = self.followed.as_ref()?.outcome(self.start.elapsed())?;
        Some(outcome.map_err(|why| anyhow::anyhow!("{}: {why}", self.state.source)))
    }

    /// How that run ended if no more lines will come; well, if there was none.
    pub fn outcome_at_the_end(&self) -> anyhow::Result<()> {
        let end = self.followed.as_ref().map_or(Ok(()), |run| run.at_the_end(self.start.elapsed()));
        end.map_err(|why| anyhow::anyhow!("{}: {why}", self.state.source))
    }

    /// Whether the chip was told to train.
    pub fn is_ordered(&self) -> bool {
        self.followed.is_some()
    }

    /// What may be wrong with a chip that has never said anything, once.
    pub fn hint(&mut self) -> Option<&'static str> {
        let is_deaf = self.state.lines == 0 && self.start.elapsed() >= DEAF && self.source.is_live();
        if self.has_hinted || !is_deaf {
            return None;
        }
        self.has_hinted = true;
        let hint = "no data received: is --baud right, and does the board run mote's firmware?";
        self.state.note(self.start.elapsed(), Severity::Bad, hint);
        Some(hint)
    }

    /// Hears what there is, if anything, and logs it. Answers it with what a line turned out to be.
    ///
    /// # Errors
    ///
    /// If the log cannot be written.
    pub fn hear(&mut self) -> anyhow::Result<(LineEvent, Option<LineKind>)> {
        let heard = match self.source.listen() {
            _ if self.state.is_over => LineEvent::End,
            Ok(heard) => heard,
            Err(error) => {
                self.state.note(self.start.elapsed(), Severity::Bad, format!("{error:#}"));
                self.failure = Some(error);
                LineEvent::End
            }
        };
        if let LineEvent::Line(line) = &heard {
            if let Some(log) = &mut self.log {
                log.add(line)?;
            }
            if let Some(run) = &mut self.followed {
                run.hear(line, self.start.elapsed());
            }
        }
        let kind = self.state.hear(&heard, self.start.elapsed());
        Ok((heard, kind))
    }

    /// Hears what comes within a time, and answers whether anything did. Returns as soon as nothing waits to be heard.
    pub fn hear_for(&mut self, time: Duration, interrupt: Interrupt) -> anyhow::Result<bool> {
        let (end, mut has_heard) = (Instant::now() + time, false);
        while Instant::now() < end && !interrupt.is_raised() {
            let was_over = self.state.is_over;
            let (heard, _) = self.hear()?;
            has_heard |= heard != LineEvent::Nothing && !was_over;
            if !matches!(heard, LineEvent::Line(_)) {
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
            self.state.note(now, Severity::Bad, format!("{command}: no chip is connected to {}", self.state.source));
        } else if self.state.takes_commands() == Some(false) {
            self.state.note(
                now,
                Severity::Bad,
                format!("{command}: this firmware takes no commands; mote-session does"),
            );
        } else {
            let (severity, text) = match self.ask(command) {
                Ok(()) => (Severity::Plain, format!("sent: {command}")),
                Err(error) => (Severity::Bad, format!("{command} not sent: {error:#}")),
            };
            self.state.note(now, severity, text);
        }
    }

    /// Asks a chip that should be busy and is silent how it is: one that was reset says nothing by itself.
    pub fn keep_in_touch(&mut self) {
        let now = self.start.elapsed();
        let is_silent = now.saturating_sub(self.state.last_heard.max(self.asked)) >= SILENCE;
        // What was told to train should be busy, even if its hello was lost.
        let should_speak = self.state.is_busy() && self.state.takes_commands() == Some(true);
        let is_ordered =
            self.followed.as_ref().is_some_and(FollowedRun::is_open) && self.state.takes_commands() != Some(false);
        if is_silent && (should_speak || is_ordered) && self.source.is_live() {
            // A line that is lost is on the screen already.
            let _ = self.ask("status");
        }
    }

    /// What is known by now.
    pub fn state(&self) -> &State {
        &self.state
    }

    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        self.log.as_mut().map_or(Ok(()), Log::flush)
    }

    pub(crate) fn interrupted(&self) -> anyhow::Error {
        let step = u32::try_from(self.state.step).unwrap_or(u32::MAX);
        Interrupted { done: format!("step {step}"), saved: self.log.as_ref().map(|log| log.path().to_owned()) }.into()
    }

    /// What it was, in a few lines.
    pub fn summary(&self) -> String {
        let State { source, lines, damaged, unknown, runs, .. } = &self.state;
        let mut text = format!("{source}: {lines} lines, {damaged} damaged, {unknown} not understood");
        if let Some(log) = &self.log {
            text += &format!(", in {}", log.path().display());
        }
        runs.iter().cloned().chain(self.state.unfinished()).for_each(|run| text += &format!("\n{run}"));
        text
    }
}
