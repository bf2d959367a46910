//! Work that can be told to end: whoever starts it says when.

/// Asked again and again during long work: whether it is to end.
pub type Stop<'a> = &'a dyn Fn() -> bool;

/// For work that nobody ends early.
pub const NEVER: Stop<'static> = &|| false;

/// The work was told to end before it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("told to stop")]
pub struct Stopped;

/// Goes on, or not.
///
/// # Errors
///
/// [`Stopped`] once `stop` says so.
pub fn check(stop: Stop) -> Result<(), Stopped> {
    if stop() { Err(Stopped) } else { Ok(()) }
}
