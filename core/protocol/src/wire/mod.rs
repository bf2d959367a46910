//! The line format: `mote KIND key=value ... *CHECKSUM`. Written and read here and nowhere else.
//!
//! Specified in prose in `docs/protocol.md`. A record lists its fields once, in
//! [`Record::write_fields`](crate::report::Record::write_fields); the same list writes a line and reads one.

mod fields;
mod lines;
mod reader;
mod writer;

pub use crate::limits::{LINE_MAX, NAME_MAX};
pub use fields::{BitsList, Fields, Line, MARK, Name, Text, WireError, to_name};
pub(crate) use lines::lines;
pub use reader::Reader;
pub(crate) use reader::{parse_bits_list, parse_hex, parse_real};
pub use writer::Writer;
