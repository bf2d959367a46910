//! What every room of the program uses.

pub mod error;
pub mod files;
pub mod lines;
pub mod lists;
pub mod names;
pub mod progress;
