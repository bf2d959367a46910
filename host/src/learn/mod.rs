//! A chip learns from a file.

pub mod job;
pub mod remarks;
pub mod remote_run;
pub mod report;
pub mod run;
pub mod save_interrupted;
