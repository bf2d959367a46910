//! The boards: what they are, how their firmware is built, and what they have room for.

pub mod build;
pub mod elf_sizes;
pub mod fit;
pub mod machine;
pub mod model;
pub mod page;
pub mod provision;
