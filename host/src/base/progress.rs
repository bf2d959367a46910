//! Progress on standard error, for whatever takes over a second: a bar on a terminal, or lines for programs.

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde::Serialize;
use std::io::Write;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How progress is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// A bar if standard error is a terminal
    #[default]
    Bar,
    /// JSON objects on standard error, one per line, at most five per second and one at the end
    Json,
    /// Nothing
    None,
}

/// The option of commands that take minutes.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct ProgressArgs {
    /// How to show progress on standard error; --quiet implies none
    #[arg(long, value_enum, value_name = "KIND", default_value_t)]
    pub progress: Kind,
}

/// A line of [`Kind::Json`].
#[derive(Debug, PartialEq, Serialize)]
struct Line<'a> {
    /// What is counted.
    unit: &'a str,
    /// How many are done, those of earlier sessions included.
    done: u64,
    /// How many there are.
    total: u64,
    /// How many this session does in a second, or null as long as it has done none.
    per_second: Option<f64>,
    /// Seconds left at that rate, or null.
    seconds_left: Option<f64>,
    /// How many of those done did not converge, or null where there is no stop rule.
    not_converged: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Counts {
    done: u64,
    not_converged: Option<u64>,
    /// When the last line was written.
    told: Option<Instant>,
}

/// Tells how far some work has come; shared by the threads that do it.
#[derive(Debug)]
pub struct Progress {
    unit: &'static str,
    total: u64,
    json: bool,
    bar: ProgressBar,
    start: Instant,
    found: u64,
    counts: Mutex<Counts>,
}

impl Progress {
    /// Least time between two lines.
    const PAUSE: Duration = Duration::from_millis(200);

    /// Begins to tell of `total` pieces of work, `done` of which were found done. `not_converged` of those did not
    /// converge; `None` if there is no stop rule to meet.
    pub fn start(kind: Kind, unit: &'static str, total: u64, done: u64, not_converged: Option<u64>) -> Self {
        let bar = bar(total, unit, kind != Kind::Bar);
        bar.inc(done);
        bar.reset_eta();
        let counts = Mutex::new(Counts { done, not_converged, told: None });
        let progress = Self { unit, total, json: kind == Kind::Json, bar, start: Instant::now(), found: done, counts };
        progress.add(0, 0);
        progress
    }

    /// Counts pieces that are done, and how many of them did not converge.
    pub fn add(&self, done: u64, not_converged: u64) {
        self.bar.inc(done);
        // A poisoned lock means that another thread is on its way down; its counts are still right.
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.done += done;
        counts.not_converged = counts.not_converged.map(|before| before + not_converged);
        if self.json && counts.told.is_none_or(|told| told.elapsed() >= Self::PAUSE) {
            counts.told = Some(Instant::now());
            self.tell(&counts);
        }
    }

    /// Takes the bar away, or writes the last line.
    pub fn finish(self) {
        self.bar.finish_and_clear();
        if self.json {
            self.tell(&self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn tell(&self, counts: &Counts) {
        let line = self.line(counts, self.start.elapsed().as_secs_f64());
        // Nobody may be listening any more; the work is worth finishing all the same.
        let _ = serde_json::to_string(&line).map(|line| writeln!(std::io::stderr(), "{line}"));
    }

    fn line(&self, counts: &Counts, seconds: f64) -> Line<'static> {
        let &Counts { done, not_converged, .. } = counts;
        let rate = (done - self.found) as f64 / seconds;
        let per_second = Some(rate).filter(|rate| *rate > 0.0 && rate.is_finite());
        let seconds_left = per_second.map(|rate| self.total.saturating_sub(done) as f64 / rate);
        Line { unit: self.unit, done, total: self.total, per_second, seconds_left, not_converged }
    }
}

/// A bar over `steps` steps; draws nothing with `quiet` or when standard error is not a terminal.
pub fn bar(steps: u64, what: &str, quiet: bool) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:>10} [{bar:30}] {pos}/{len} {rate} {msg}");
    let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        // A bar that cannot be drawn has nobody to tell.
        let _ = write!(out, "{:.1}/s", state.per_sec());
    };
    let bar = ProgressBar::with_draw_target(Some(steps), target(quiet)).with_prefix(what.to_owned());
    bar.set_style(style.expect("the template is valid").with_key("rate", rate).progress_chars("=> "));
    bar
}

/// A spinner for work of unknown length.
pub fn spinner(what: String, quiet: bool) -> ProgressBar {
    let spinner = ProgressBar::with_draw_target(None, target(quiet)).with_message(what);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

fn target(quiet: bool) -> ProgressDrawTarget {
    if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() }
}

/// Prints a line; a closed pipe or a full disk is an error, not a panic.
///
/// # Errors
///
/// If standard output cannot be written.
pub fn print_line(text: impl std::fmt::Display) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("standard output")
}

/// `1 cell`, `2 cells`.
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The first signal asks, the second one does not wait for the answer.
fn on_signal() {
    if RAISED.swap(true, Ordering::Relaxed) {
        let children = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
        for child in children.iter().filter_map(Weak::upgrade) {
            // Fails only if it has ended already.
            let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
        }
        if let Some(last) = BEFORE_EXIT.get() {
            last();
        }
        std::process::exit(130);
    }
}

/// Raised by the first Ctrl-C (or polite kill) after [`Interrupt::install`].
static RAISED: AtomicBool = AtomicBool::new(false);
static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();

/// Programs that must not outlive this one.
static CHILDREN: Mutex<Vec<Weak<Mutex<Child>>>> = Mutex::new(Vec::new());

/// Has a program ended when a second Ctrl-C ends this one at once: nothing is dropped then.
pub fn end_with_us(child: &Arc<Mutex<Child>>) {
    let mut children = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
    children.retain(|child| child.strong_count() > 0);
    children.push(Arc::downgrade(child));
}

/// What must be done before the program ends at once.
static BEFORE_EXIT: OnceLock<fn()> = OnceLock::new();

/// Has `last` called when a second Ctrl-C ends the program at once: it gives the terminal back. The first one stays.
pub fn before_exit(last: fn()) {
    let _ = BEFORE_EXIT.set(last);
}

/// What a person at the keyboard wants: work looks at it, and ends cleanly at its next step.
#[derive(Clone, Copy, Debug)]
pub struct Interrupt(());

impl Interrupt {
    /// Takes over Ctrl-C for the rest of the process; again is the same as once. For the program's own start alone: a
    /// library must not touch the signals of whoever uses it.
    ///
    /// # Errors
    ///
    /// If the signal handler cannot be set.
    pub fn install() -> anyhow::Result<Self> {
        let set = || ctrlc::set_handler(on_signal).map_err(|e| e.to_string());
        INSTALLED.get_or_init(set).clone().map_err(anyhow::Error::msg)?;
        Ok(Self(()))
    }

    /// Whatever the process knows of it. If nobody has taken over Ctrl-C, it is never raised.
    pub fn current() -> Self {
        Self(())
    }

    /// The flag that is up from the first signal on.
    pub fn flag(self) -> &'static AtomicBool {
        &RAISED
    }

    /// Whether the user wants to stop.
    pub fn is_raised(self) -> bool {
        RAISED.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_done_is_not_this_sessions_speed() {
        let progress = Progress::start(Kind::None, "cells", 100, 40, Some(3));
        progress.add(0, 0);
        let counts = *progress.counts.lock().unwrap();
        let line = progress.line(&counts, 2.0);
        assert_eq!((line.done, line.per_second, line.seconds_left), (40, None, None));
        progress.add(10, 1);
        progress.add(10, 0);
        let counts = *progress.counts.lock().unwrap();
        let line = progress.line(&counts, 4.0);
        let expected = Line {
            unit: "cells",
            done: 60,
            total: 100,
            per_second: Some(5.0),
            seconds_left: Some(8.0),
            not_converged: Some(4),
        };
        assert_eq!(line, expected);
    }
}
