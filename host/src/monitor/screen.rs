//! The terminal: taken over, and given back on every way out.

use crate::base::progress;
use crate::monitor::view::View;
use anyhow::Context;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use std::io::{Stdout, stdout};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The chip shall stop.
    Stop,
    /// The chip shall keep its weights.
    Save,
    /// The monitor shall end.
    Quit,
    /// Help, or no help.
    Help,
    /// The window has another size.
    Resized,
    /// Nothing that is known.
    Other,
}

/// Whether the terminal is ours.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// The terminal, as long as it is ours.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal over. It is given back when this is dropped, by a panic before it says what happened, and by
    /// a second Ctrl-C before it ends the program.
    ///
    /// # Errors
    ///
    /// If it is no terminal.
    pub fn enter() -> anyhow::Result<Self> {
        HOOK.call_once(|| {
            let otherwise = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                give_back();
                otherwise(panic);
            }));
            progress::before_exit(give_back);
        });
        IS_TAKEN.store(true, Ordering::SeqCst);
        let enter = || {
            enable_raw_mode()?;
            execute!(stdout(), EnterAlternateScreen)?;
            Terminal::new(CrosstermBackend::new(stdout()))
        };
        match enter().context("the terminal") {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    /// Draws.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn draw(&mut self, view: &View) -> anyhow::Result<()> {
        self.terminal.draw(|frame| view.draw(frame)).map(|_| ()).context("the terminal")
    }

    /// The next key within `patience`.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn key(&mut self, patience: Duration) -> anyhow::Result<Option<Key>> {
        if !event::poll(patience).context("the terminal")? {
            return Ok(None);
        }
        Ok(Some(key(&event::read().context("the terminal")?)))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Puts the terminal back as it was, once.
fn give_back() {
    if IS_TAKEN.swap(false, Ordering::SeqCst) {
        // There is nobody to tell if the terminal itself is gone.
        let _ = disable_raw_mode();
        let _ = execute!(stdout(), LeaveAlternateScreen, Show);
    }
}

fn key(event: &Event) -> Key {
    let key = match event {
        Event::Resize(..) => return Key::Resized,
        Event::Key(key) if key.kind != KeyEventKind::Release => key,
        _ => return Key::Other,
    };
    match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Key::Quit,
        KeyCode::Char('x') => Key::Stop,
        KeyCode::Char('s') => Key::Save,
        KeyCode::Char('q') => Key::Quit,
        KeyCode::Char('?' | 'h') | KeyCode::Esc => Key::Help,
        _ => Key::Other,
    }
}
