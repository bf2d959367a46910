//! Where the readers look for what is wrong with a file.

#[path = "error.rs"]
pub mod error;
