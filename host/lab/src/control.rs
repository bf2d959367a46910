//! How a caller stops work and follows it.

use crate::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};

/// A stop flag, looked at every step, and a callback after each.
#[derive(Clone, Copy)]
pub struct Control<'a> {
    /// Raised by whoever wants the work to end.
    pub stop: &'a AtomicBool,
    /// Called with the number of steps done, after each.
    pub on_step: &'a (dyn Fn(u32) + Sync),
}

impl<'a> Control<'a> {
    /// Stops at a flag, and tells nobody of its steps.
    pub fn new(stop: &'a AtomicBool) -> Self {
        Self { stop, on_step: &|_| {} }
    }

    /// Whether the work may go on.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`] if the flag is up.
    pub fn check(&self) -> Result<(), Error> {
        check(self.stop)
    }
}

/// A flag that whoever wants long work to end raises.
pub type Stop<'a> = &'a AtomicBool;

/// Whether the work may go on.
///
/// # Errors
///
/// [`Error::Stopped`] if the flag is up.
pub fn check(stop: Stop) -> Result<(), Error> {
    if stop.load(Ordering::Relaxed) { Err(Error::Stopped) } else { Ok(()) }
}

/// For work that nobody stops.
pub static NEVER: AtomicBool = AtomicBool::new(false);
