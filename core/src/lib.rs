//! mote: a heap-free engine that trains a softmax-attention classifier by exact gradient descent.
//!
//! The model is the two-layer softmax transformer of Jiang et al., "Unveil Benign Overfitting for
//! Transformer in Vision" (NeurIPS 2024), cited below as (J). The same code runs on a Cortex-M in
//! fixed arrays and on a laptop in vectors, and gives the same bits in both.
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
//! All matrices are row-major. Sample `n` is `X_n` of shape `(M, D)` with label `y_n` of `+1` or `-1`.
//!
//! # Bits are part of the contract
//!
//! Every output element is one `f32` sum over its inner index in increasing order, rounded to nearest,
//! with no fused multiply-add and no reassociation. Only `+ - * /`, comparisons and `libm` touch a
//! number (with feature `fast-math`, `micromath` for `exp` and `ln`). A machine is free to be fast
//! across outputs, never within one.
//!
//! # In somebody else's firmware
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
