//! The boards that mote runs on, for every program of the firmware: serial port, status LED, time, and what happens
//! at the end, in a panic and in a fault.

#![no_std]

pub mod board;
#[cfg(not(feature = "panic-never"))]
mod panic;

#[cfg(feature = "panic-never")]
use panic_never as _; // linked for its panic handler, which nobody may call
