//! Progress bars: on a terminal, for whatever takes over a second, unless `--quiet`.

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A bar over `steps` steps; draws nothing with `quiet` or when standard error is not a terminal.
pub fn bar(steps: u64, what: &str, quiet: bool) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:>10} [{bar:30}] {pos}/{len} {per_sec} {msg}");
    let bar = ProgressBar::with_draw_target(Some(steps), target(quiet)).with_prefix(what.to_owned());
    bar.set_style(style.expect("the template is valid").progress_chars("=> "));
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
pub fn say(text: impl std::fmt::Display) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("standard output")
}

/// The first signal asks, the second one does not wait for the answer.
fn on_signal() {
    if RAISED.swap(true, Ordering::Relaxed) {
        std::process::exit(130);
    }
}

/// Raised by the first Ctrl-C (or polite kill) after [`Interrupt::install`].
static RAISED: AtomicBool = AtomicBool::new(false);
static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();

/// Proof that Ctrl-C is taken over, so that work can end cleanly at its next step.
#[derive(Clone, Copy, Debug)]
pub struct Interrupt(());

impl Interrupt {
    /// Takes over Ctrl-C for the rest of the program; again is the same as once.
    ///
    /// # Errors
    ///
    /// If the signal handler cannot be set.
    pub fn install() -> anyhow::Result<Self> {
        let set = || ctrlc::set_handler(on_signal).map_err(|e| e.to_string());
        INSTALLED.get_or_init(set).clone().map_err(anyhow::Error::msg)?;
        Ok(Self(()))
    }

    /// Whether the user wants to stop.
    pub fn is_raised(self) -> bool {
        RAISED.load(Ordering::Relaxed)
    }
}
