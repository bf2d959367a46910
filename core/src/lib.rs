//! mote: an engine that trains a softmax-attention classifier by exact gradient descent, without a heap.
//!
//! The model is the two-layer softmax transformer of Jiang et al., "Unveil Benign Overfitting for Transformer in
//! Vision" (NeurIPS 2024), cited below as (J). The same code runs on a Cortex-M in fixed arrays and on a laptop in
//! vectors, and gives the same bits in both.
//!
//! # Letters
//!
//! | letter | meaning |
//! |---|---|
//! | `N` | samples |
//! | `M` | tokens in a sample |
//! | `D` | numbers in a token |
//! | `H` | query and key width |
//! | `V` | value width |
//!
//! Sample `n` is `X_n` of shape `(M, D)` with label `y_n` of `+1` or `-1`. All matrices are row-major. The weights are
//! `W_Q`, `W_K` of shape `(D, H)`, `W_V` of shape `(D, V)` and `w_O` of shape `(V)`:
//!
//! ```text
//! Q = X W_Q    K = X W_K    P = softmax(Q K^T) by rows
//! f(X) = (1/M) sum_l sum_j P[l,j] (X W_V w_O)_j
//! loss = (1/N) sum_n log(1 + exp(-y_n f(X_n)))
//! ```
//!
//! # Modules, in the order data flows
//!
//! | module | what it has |
//! |---|---|
//! | [`shape`] | the sizes of a model, and the bytes that they take |
//! | [`math`], [`matrix`] | `exp`, `ln`, `sqrt`; borrowed matrices |
//! | [`rng`], `normal` | random numbers that have an address; normal deviates |
//! | [`data`] | samples: made from a seed, or lent from memory |
//! | [`params`] | weights and gradients by name, and how weights start |
//! | [`memory`] | where the numbers live: arrays on the chip, vectors on the host |
//! | [`kernels`] | matrix products, softmax, attention: forward and backward |
//! | [`loss`] | the logistic loss of one sample |
//! | [`model`] | the model on one sample, forward and backward; its test on a data set |
//! | [`metrics`] | what a test says: loss, error, attention, the quantities of (J) |
//! | [`train`], [`error`] | steps of gradient descent and the stop rule; why one is refused |
//!
//! # Bits are part of the contract
//!
//! **Invariant:** every output element is one `f32` sum over its inner index in increasing order, rounded to nearest,
//! with no fused multiply-add and no reassociation. Only `+ - * /`, comparisons and `libm` touch a number (with feature
//! `fast-math`, `micromath` for `exp` and `ln`). A machine may be fast across outputs, never within one.
//!
//! **Invariant:** every random number has an address: seed, purpose, sample or tensor, token. It can be drawn again
//! alone.
//!
//! **Invariant:** a step happens whole or not at all: after an error, the weights are those of the last whole step.
//!
//! **Invariant:** a training loss is that BEFORE its step.
//!
//! **Invariant:** no heap (without feature `alloc`), no input or output, no unsafe code.
//!
//! # In your own firmware
//!
//! ```
//! use mote_core::data::{InMemory, Label};
//! use mote_core::memory::Fixed;
//! use mote_core::params::Init;
//! use mote_core::train::{Settings, Trainer};
//!
//! // 2 samples of M = 2 tokens of D = 3 numbers, in flash.
//! static SAMPLES: [f32; 12] = [1., 0., 0., 0., 0., 1., 0., 1., 0., 0., 0., 1.];
//! static LABELS: [Label; 2] = [Label::Plus, Label::Minus];
//!
//! // On a chip this is a `static` in .bss: all zero, no heap, its size known to the compiler.
//! let mut memory = Fixed::<2, 3, 2, 2>::zeroed();
//! const { assert!(size_of::<Fixed<2, 3, 2, 2>>() <= 512, "the model does not fit this board") }
//!
//! let mut data = InMemory::new(&SAMPLES, &LABELS, 2, 3)?;
//! let mut trainer = Trainer::new(&mut memory, Settings { learning_rate: 1.0, train_output: false })?;
//! trainer.init(Init::fan_in(1.0), 7)?;
//! for _ in 0..100 {
//!     trainer.step(&mut data)?;
//! }
//! let after = trainer.model().evaluate(&mut data)?;
//! assert!(after.loss < 0.1 && after.error == 0.0);
//! # Ok::<(), mote_core::train::TrainError>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod data;
pub mod error;
pub mod kernels;
pub mod loss;
pub mod math;
pub mod matrix;
pub mod memory;
pub mod metrics;
pub mod model;
mod normal;
pub mod params;
pub mod rng;
pub mod shape;
pub mod train;

/// Version of the engine, as it stands in the first line of every report.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
