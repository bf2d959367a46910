//! What a chip does with the engine: training runs, checkpoints in flash, and a session that obeys commands.
//!
//! # Modules, in the order data flows
//!
//! | module | what it has |
//! |---|---|
//! | [`runs`] | presets, and a run that goes forward one sample at a time and reports itself |
//! | [`checkpoint`] | weights in flash that survive a power cut |
//! | [`commands`] | the session: bytes to commands, commands to runs and transfers, one sample of work at a time |
//!
//! **Invariant:** host and chip go through the same code, so a run prints the same bits on both.
//!
//! **Invariant:** every command and every frame has exactly one answer; a refused command changes nothing. (One
//! exception: refusal `saved-unstable`, see `docs/protocol.md`.)
//!
//! **Invariant:** a save that succeeded is not lost, however often the power fails afterwards.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod checkpoint;
pub mod commands;
pub mod runs;
