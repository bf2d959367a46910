//! Firmware under QEMU.

#[cfg(feature = "log")]
pub mod defmt;
pub mod footprint;
pub mod preset_run;
pub mod qemu;
