//! Why a run cannot go on.

use mote_core::data::DataError;
use mote_core::train::TrainError;

/// Why a run cannot begin or go on. A run that leaves the finite numbers is no error: it has not converged.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// The caller raised the stop flag.
    #[error("stopped")]
    Stopped,
    /// The data are impossible.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The engine refuses.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// There is no memory for the model.
    #[error("weight space takes {bytes} bytes of memory, more than there is")]
    Memory {
        /// What it takes.
        bytes: String,
    },
    /// `D` is larger than an index of this machine.
    #[error("expected D within the address space, found {0}")]
    Dimension(u64),
    /// There are not so many images.
    #[error(
        "expected even numbers, at most {most} in all of the digits {} and {}, found {train} and {test} test samples",
        classes.0, classes.1
    )]
    Images {
        /// The digits.
        classes: (u8, u8),
        /// Images of both.
        most: usize,
        /// Training images asked for.
        train: usize,
        /// Test images asked for.
        test: usize,
    },
    /// A loss left the finite numbers in a run that must not.
    #[error("step {0}: the loss is not finite")]
    NotFinite(u32),
}
