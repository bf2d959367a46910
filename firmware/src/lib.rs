//! The boards that mote runs on, for every program of the firmware.
//!
//! | program | what it does | its way out of the chip |
//! |---|---|---|
//! | `mote-firmware` (`main.rs`) | trains a preset and reports it | `port.rs` |
//! | `mote-session` (`bin/session.rs`) | idles and obeys commands | `session_port.rs` |
//!
//! # Modules, in the order data flows
//!
//! | module | what it has |
//! |---|---|
//! | [`board`] | clocks, serial port with its receive queue, status LED, time, flash; the end, faults, the stack |
//! | `panic` | a panic says where, and ends |
//!
//! **Invariant:** no arithmetic of training is here; the engine is `mote-core`.
//!
//! **Invariant:** unsafe code is in [`board`] only, and each part of a board has one owner ([`board::take`]).
//!
//! **Invariant:** a stack overflow ends in a fault and changes no variable.

#![no_std]

pub mod board;
#[cfg(not(feature = "panic-never"))]
mod panic;

#[cfg(feature = "panic-never")]
use panic_never as _; // linked for its panic handler, which nobody may call
