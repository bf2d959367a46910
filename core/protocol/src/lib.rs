//! What mote says over a serial line. Specified in prose in `docs/protocol.md`.
//!
//! A chip reports in lines that a person reads in any terminal and a program can trust: each has decimals, exact bits and
//! a checksum. A host commands it by lines too, and sends bulk numbers in binary frames.
//!
//! # Modules, in the order data flows
//!
//! | module | what it has |
//! |---|---|
//! | [`limits`] | every limit of the protocol |
//! | [`crc`] | the checksum of lines, frames, data and weights |
//! | [`decimal`], [`real`] | numbers to text and back, through integers |
//! | [`wire`] | the format of a line: writer and reader of its fields |
//! | [`report`] | the records of a run |
//! | [`answer`] | the records that only a session sends |
//! | [`command`] | command lines, and why one is refused |
//! | [`frame`] | bulk numbers in binary |
//!
//! **Invariant:** each record lists its fields once; the same list writes a line and reads it.
//!
//! **Invariant:** what was written is read back with the same bits; all NaN count as one.
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
