//! What a failure means for the exit status.

use crate::base::error::{InputError, Interrupted, ProgramFailed};
#[cfg(feature = "files")]
use crate::client::fault::ChipError;

/// The exit status for an error: 2 for bad input, 130 for an interruption, that of a [`ProgramFailed`], else 1.
pub fn exit_status(error: &anyhow::Error) -> u8 {
    if error.is::<InputError>() {
        2
    } else if error.is::<Interrupted>() || is_interrupted_chip(error) {
        130
    } else if let Some(failed) = error.downcast_ref::<ProgramFailed>() {
        u8::try_from(failed.status).unwrap_or(1)
    } else {
        1
    }
}

/// Whether a conversation with a chip was interrupted.
#[cfg(feature = "files")]
fn is_interrupted_chip(error: &anyhow::Error) -> bool {
    error.downcast_ref() == Some(&ChipError::Interrupted)
}

#[cfg(not(feature = "files"))]
fn is_interrupted_chip(_: &anyhow::Error) -> bool {
    false
}

/// Whether standard output was closed by its reader, as `head` does.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    kinds.into_iter().any(|kind| kind == std::io::ErrorKind::BrokenPipe)
}
