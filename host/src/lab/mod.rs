//! The laboratory: many training runs at once, in whichever space is cheapest.

pub mod bench;
pub mod boundary;
pub mod cell;
pub mod conclude;
pub mod digits;
pub mod dynamics;
mod dynamics_page;
mod estimate;
pub mod fresh;
pub mod grid;
pub mod lists;
pub mod options;
pub mod page;
pub mod phase;
mod phase_page;
pub mod presets;
pub mod product;
pub mod recipe;
mod run_file;
pub mod sampled;
pub mod span;
pub mod store;
pub mod summary;
pub mod theory;
pub mod tokens;
pub mod weights;
