//! One file per board; the only unsafe code of the project is in this folder.
//!
//! A board file gives `NAME`, `CORE`, `TICK_HZ`, `MEMORY_BUDGET_BYTES`, `take() -> Parts`,
//! `steal_serial()` and `exit()`.

#[cfg(not(any(
    feature = "mps2-an385",
    feature = "mps2-an386",
    feature = "mps2-an500",
    feature = "mps2-an505",
    feature = "microbit"
)))]
compile_error!(
    "choose a board: build with --features and one of mps2-an386, mps2-an500, mps2-an385, mps2-an505, microbit"
);

#[cfg(any(
    all(
        feature = "mps2-an385",
        any(feature = "mps2-an386", feature = "mps2-an500", feature = "mps2-an505", feature = "microbit")
    ),
    all(feature = "mps2-an386", any(feature = "mps2-an500", feature = "mps2-an505", feature = "microbit")),
    all(feature = "mps2-an500", any(feature = "mps2-an505", feature = "microbit")),
    all(feature = "mps2-an505", feature = "microbit"),
))]
compile_error!("choose one board: the features of two boards are on");

#[cfg(any(feature = "mps2-an385", feature = "mps2-an386", feature = "mps2-an500", feature = "mps2-an505"))]
mod cmsdk;
mod fault;
mod semihost;
mod vectors;

#[cfg_attr(feature = "microbit", path = "microbit.rs")]
#[cfg_attr(feature = "mps2-an385", path = "mps2_an385.rs")]
#[cfg_attr(feature = "mps2-an386", path = "mps2_an386.rs")]
#[cfg_attr(feature = "mps2-an500", path = "mps2_an500.rs")]
#[cfg_attr(feature = "mps2-an505", path = "mps2_an505.rs")]
mod chosen;

#[cfg(feature = "defmt")]
use {cortex_m as _, defmt_rtt as _}; // linked for their critical section and their logger

pub use chosen::*;
#[cfg(any(feature = "mps2-an385", feature = "mps2-an386", feature = "mps2-an500", feature = "mps2-an505"))]
pub use cmsdk::{Parts, steal_serial, take};
#[cfg(feature = "test-fault")]
pub use fault::fault_on_purpose;
pub use semihost::exit;
