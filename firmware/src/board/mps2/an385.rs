//! MPS2 with application note AN385: Cortex-M3, floats in software.

use super::Addresses;

/// Rate of timer 0.
pub const TICK_HZ: u32 = 25_000_000;
/// UART 0, a byte has come.
pub const RECEIVE_INTERRUPT: u16 = 0;

/// Where its blocks lie.
// SAFETY: the memory map of AN385, section 3; no other code touches these blocks.
pub const BOARD: Addresses = unsafe { Addresses::new(0x4000_4000, 0x4000_0000, 0x4002_8000) };
