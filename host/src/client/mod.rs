//! Commands to a chip that obeys them, and its answers.

pub mod chip;
pub mod fault;
pub mod follow;
pub mod open;
pub mod port;
pub mod reader;
pub mod recover;
pub mod transfer;
