//! The laboratory: one training run, or many on a grid, each in the representation that costs least.
//!
//! A library without command line, terminal, threads, files or signals: whoever calls it decides about those. The
//! program `mote` is one caller.
//!
//! # Modules, in the order data flows
//!
//! | module | what it has |
//! |---|---|
//! | [`recipe`], [`place`], [`axes`] | what a run is: data, model, learning rate, stop rule; its point on the grid; what may be swept |
//! | [`digits`] | real images in the place of signals |
//! | [`product`], [`token_space`], [`basis`] | matrix products, and the run in the span of the training tokens |
//! | [`weights`], [`tokens`], [`sampled`] | the representations |
//! | [`test_loss`] | fresh test samples for the samplers |
//! | [`control`], [`run`], [`outcome`] | starts a run, steps it until it stops, and says what it came to |
//! | [`dynamics`] | the quantities of the paper, step by step |
//! | [`summary`], [`statistics`] | means with error bars, and intervals by redrawing them |
//! | [`boundary`], [`agreement`], [`theory`] | where a phase diagram turns, how sharply, what the theorem says |
//! | [`error`](mod@error) | why a run cannot go on |
//!
//! **Invariant:** what a grid point comes to depends on its recipe, its place and its seed, not on threads, order or
//! what ran before; in every representation but `weights`, also on the kind of processor (see `docs/numerics.md`).
//!
//! **Invariant:** work that takes long looks at its stop flag at least once a step.
#![forbid(unsafe_code)]

pub mod agreement;
pub mod axes;
pub mod basis;
pub mod boundary;
pub mod control;
pub mod digits;
pub mod dynamics;
pub mod error;
pub mod outcome;
pub mod place;
pub mod product;
pub mod recipe;
pub mod run;
pub mod sampled;
pub mod statistics;
pub mod summary;
pub mod test_loss;
pub mod theory;
pub mod token_space;
pub mod tokens;
pub mod weights;

pub use error::Error;
