//! The same run on this machine, to compare a chip with.

pub mod compare;
pub mod preset_run;
#[cfg(feature = "files")]
pub mod session;
