//! Fuzzing mote: any bytes at all, and its session still does what it is told afterwards, and its readers refuse or
//! read.

pub mod archive;
pub mod base;
pub mod bench;
pub mod formats;
pub mod harness;
