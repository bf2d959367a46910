//! What a chip does with the engine: training runs, checkpoints in flash, and a session that obeys commands.
//!
//! # Modules, in the order data flows
//!
//! | module | what it has |
//! |---|---|
//! | [`runs`] | presets, and a run that goes forward one sample at a time and reports itself |
//! | [`checkpoint`] | weights in flash that survive a power cut |
//! | [`commands`] | the session: bytes to commands, commands to runs and transfers |
//!
//! **Invariant:** host and chip go through the same code, so a run prints the same bits on both.
//!
//! **Invariant:** a refused command changes nothing.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod checkpoint;
pub mod commands;
pub mod runs;
