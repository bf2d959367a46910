//! Matrix products by `faer`, on one thread: cells are what runs in parallel.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// A borrowed matrix, row-major unless transposed.
#[derive(Clone, Copy, Debug)]
pub struct View<'a>(MatRef<'a, f32>);

impl<'a> View<'a> {
    /// The row-major matrix `(rows, cols)` over `data`.
    pub fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        Self(MatRef::from_row_major_slice(data, rows, cols))
    }

    /// Its transpose, without a copy.
    pub fn transposed(self) -> Self {
        Self(self.0.transpose())
    }
}

/// `out += alpha a b`, with `out` row-major of shape `(rows of a, columns of b)`.
pub fn add(out: &mut [f32], alpha: f32, a: View, b: View) {
    let out = MatMut::from_row_major_slice_mut(out, a.0.nrows(), b.0.ncols());
    matmul(out, Accum::Add, a.0, b.0, alpha, Par::Seq);
}

/// `a b`, row-major.
pub fn of(a: View, b: View) -> Vec<f32> {
    let mut out = vec![0.0; a.0.nrows() * b.0.ncols()];
    add(&mut out, 1.0, a, b);
    out
}
