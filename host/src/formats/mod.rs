//! Data and weights as NumPy files.

pub mod npz;
pub mod samples;
pub mod weights;
