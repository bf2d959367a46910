//! Data and weights as NumPy files, and the summary of a training as JSON.

pub mod npz;
pub mod samples;
pub mod summary;
pub mod weights;
