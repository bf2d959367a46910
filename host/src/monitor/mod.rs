//! `mote monitor`: what a chip does, live on a terminal, or as plain lines where there is none.

mod curve;
pub mod followed_run;
pub mod log;
pub mod message;
pub mod options;
pub mod screen;
pub mod source;
pub mod state;
pub mod view;
pub mod watch;

use crate::base::error::quoted;
use crate::base::progress::{Interrupt, print_line};
use crate::monitor::message::{LineKind, printable};
use crate::monitor::screen::{Key, Screen};
use crate::monitor::source::LineEvent;
use crate::monitor::view::View;
pub use options::MonitorArgs;
use std::fmt::Display;
use std::io::Write;
use std::time::{Duration, Instant};
pub use watch::Monitor;

/// Time between two pictures.
const PICTURE: Duration = Duration::from_millis(50);

/// A picture of which nothing changes but the time is drawn so seldom.
const STILL: Duration = Duration::from_millis(250);

/// What a chip says after the run that was ordered is listened to no longer than this.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The dashboard, until someone quits.
pub fn on_screen(watch: &mut Monitor, interrupt: Interrupt) -> anyhow::Result<()> {
    let mut screen = Screen::enter()?;
    let outcome = dashboard(watch, &mut screen, interrupt);
    drop(screen);
    watch.flush()?;
    outcome?;
    print_line(watch.summary())?;
    watch.failure.take().map_or(Ok(()), Err)
}

fn dashboard(watch: &mut Monitor, screen: &mut Screen, interrupt: Interrupt) -> anyhow::Result<()> {
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
pub fn as_lines(watch: &mut Monitor, interrupt: Interrupt, quiet: bool) -> anyhow::Result<()> {
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
            && (heard == LineEvent::Nothing || over.get_or_insert_with(Instant::now).elapsed() >= LAST_WORDS)
        {
            break end;
        }
        match (heard, kind) {
            (LineEvent::Line(line), Some(LineKind::Damaged)) => print_line(format_args!("damaged: {}", quoted(&line)))?,
            (LineEvent::Line(line), Some(LineKind::Unknown)) => {
                print_line(format_args!("not understood: {}", quoted(&line)))?
            }
            (LineEvent::Line(line), Some(LineKind::Foreign)) => print_line(printable(&line))?,
            (LineEvent::Line(line), _) => print_line(line)?,
            (LineEvent::Lost(why), _) => print_line(format_args!("line lost: {why}; trying again"))?,
            (LineEvent::Back, _) => print_line("the connection is back")?,
            (LineEvent::Nothing, _) => watch.flush()?,
            (LineEvent::End, _) => break watch.outcome_at_the_end(),
        }
    };
    watch.flush()?;
    beside(watch.summary().replace('\n', "\nmote: "), quiet);
    watch.failure.take().map_or(outcome, Err)
}
