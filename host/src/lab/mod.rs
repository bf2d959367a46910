//! The laboratory: many training runs at once, in whichever space is cheapest.

pub mod cell;
pub mod conclude;
pub mod dynamics;
mod dynamics_page;
pub mod grid;
pub mod page;
pub mod phase;
pub mod product;
pub mod sampled;
pub mod span;
pub mod store;
pub mod summary;
pub mod tokens;
pub mod weights;
