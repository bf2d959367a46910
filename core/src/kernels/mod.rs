//! The arithmetic, over borrowed matrices. No kernel knows where the numbers live.

pub mod attention;
pub mod matmul;
pub mod softmax;
