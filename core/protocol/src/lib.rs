//! What a chip and a host say over a serial line. `docs/protocol.md` is the specification in prose.
//!
//! A chip reports in lines that a person reads in any terminal and a program can trust: each has decimals, exact bits
//! and a checksum. A host sends commands as lines too, and bulk numbers as binary frames.
//!
//! # Modules, in the order data flows
//!
//! | module | what it has |
//! |---|---|
//! | [`limits`] | every limit of the protocol |
//! | [`crc`] | the checksum of lines, frames, data and weights |
//! | [`decimal`], [`real`], `text` | numbers to text and back, through integers; ASCII text taken apart |
//! | [`wire`] | the format of a line: writer and reader of its fields |
//! | [`report`] | the records of a run |
//! | [`answer`] | the records that only a session sends |
//! | [`command`] | command lines, and why one is refused |
//! | [`frame`] | bulk numbers in binary |
//!
//! **Invariant:** each record lists its fields once; the same list writes a line and reads it.
//!
//! **Invariant:** what was written is read back with the same bits; all NaN count as one.
//!
//! **Invariant:** a damaged line or frame is refused, never guessed at.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod answer;
pub mod command;
pub mod crc;
pub mod decimal;
pub mod frame;
pub mod limits;
pub mod real;
pub mod report;
mod text;
pub mod wire;
