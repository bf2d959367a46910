//! What several tests share: an independent oracle, the table of tolerances, files to feed the program.

pub mod archive;
pub mod oracle;
pub mod tolerance;
