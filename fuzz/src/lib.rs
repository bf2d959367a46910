//! Fuzzing mote's session: any bytes at all, and it still does what it is told afterwards.

pub mod bench;
pub mod harness;
