//! MPS2+ with application note AN505: Cortex-M33, secure addresses.

use super::Addresses;

/// Rate of timer 0.
pub const TICK_HZ: u32 = 20_000_000;
/// UART 0, a byte has come.
pub const RECEIVE_INTERRUPT: u16 = 32;

/// Where its blocks lie.
// SAFETY: the memory map of AN505, section 3, secure aliases; no other code touches these blocks.
pub const BOARD: Addresses = unsafe { Addresses::new(0x5020_0000, 0x5000_0000, 0x5030_2000) };
