//! Matrix products in register tiles.
//!
//! A tile of outputs is kept in registers while its sums run over the inner index in increasing
//! order, so every output is the plain sum of the specification whatever the tile. Tiling is across
//! outputs only. 4 x 4 fits the 32 single-precision registers of a Cortex-M4F and the 16 vector
//! registers of x86-64.

use crate::matrix::{Matrix, MatrixMut};

const TILE: usize = 4;

/// `out = a · b`.
///
/// | tensor | shape | |
/// |---|---|---|
/// | `out` | `(R, C)` | written |
/// | `a` | `(R, I)` | read |
/// | `b` | `(I, C)` | read |
///
/// `out[r][c]` is the sum of `a[r][i] * b[i][c]` from `i = 0` upwards, starting at 0.
///
/// # Panics
///
/// If the shapes do not fit each other.
#[inline]
pub fn matmul(mut out: MatrixMut, a: Matrix, b: Matrix) {
    let (inner, cols) = (a.cols(), b.cols());
    assert!(out.rows() == a.rows() && out.cols() == cols && b.rows() == inner, "shapes of a product");
    let mut out_blocks = out.data().chunks_exact_mut(TILE * cols);
    let mut a_blocks = a.data().chunks_exact(TILE * inner);
    for (out_block, a_block) in (&mut out_blocks).zip(&mut a_blocks) {
        matmul_rows::<TILE>(out_block, a_block, b);
    }
    let rest = out_blocks.into_remainder().chunks_exact_mut(cols);
    for (out_row, a_row) in rest.zip(a_blocks.remainder().chunks_exact(inner)) {
        matmul_rows::<1>(out_row, a_row, b);
    }
}

/// `R` rows of the product: full tiles of columns, then the columns left over one by one.
#[inline(always)]
fn matmul_rows<const R: usize>(out: &mut [f32], a: &[f32], b: Matrix) {
    let (inner, cols) = (b.rows(), b.cols());
    let mut a_rows = a.chunks_exact(inner);
    let a: [&[f32]; R] = core::array::from_fn(|_| a_rows.next().unwrap_or_default());
    let full = cols - cols % TILE;
    for c in (0..full).step_by(TILE) {
        let sums = matmul_tile::<R, TILE>(&a, b, c);
        store(out, cols, c, &sums);
    }
    for c in full..cols {
        let sums = matmul_tile::<R, 1>(&a, b, c);
        store(out, cols, c, &sums);
    }
}

/// The `(R, C)` tile of the product that starts at column `c`.
#[inline(always)]
fn matmul_tile<const R: usize, const C: usize>(a: &[&[f32]; R], b: Matrix, c: usize) -> [[f32; C]; R] {
    let mut sums = [[0.0f32; C]; R];
    let inner = a[0].len();
    let a: [&[f32]; R] = core::array::from_fn(|r| &a[r][..inner]);
    for (i, b_row) in (0..inner).zip(b.data()[c..].chunks(b.cols())) {
        let Some(b_row) = b_row.first_chunk::<C>() else { break };
        for r in 0..R {
            let x = a[r][i];
            for j in 0..C {
                sums[r][j] += x * b_row[j];
            }
        }
    }
    sums
}

/// `out += aᵀ · b`.
///
/// | tensor | shape | |
/// |---|---|---|
/// | `out` | `(R, C)` | added |
/// | `a` | `(I, R)` | read |
/// | `b` | `(I, C)` | read |
///
/// `out[r][c]` goes on from its old value with `a[i][r] * b[i][c]` from `i = 0` upwards: over many
/// calls it is one long sum in the order of the calls.
///
/// # Panics
///
/// If the shapes do not fit each other.
#[inline]
pub fn matmul_transposed_add(mut out: MatrixMut, a: Matrix, b: Matrix) {
    let (rows, cols) = (a.cols(), b.cols());
    assert!(out.rows() == rows && out.cols() == cols && b.rows() == a.rows(), "shapes of a product");
    let full = rows - rows % TILE;
    let (blocks, rest) = out.data().split_at_mut(full * cols);
    for (block, r) in blocks.chunks_exact_mut(TILE * cols).zip((0..full).step_by(TILE)) {
        transposed_rows::<TILE>(block, a, b, r);
    }
    for (row, r) in rest.chunks_exact_mut(cols).zip(full..rows) {
        transposed_rows::<1>(row, a, b, r);
    }
}

/// Rows `r..r + R` of the sum: full tiles of columns, then the columns left over one by one.
#[inline(always)]
fn transposed_rows<const R: usize>(out: &mut [f32], a: Matrix, b: Matrix, r: usize) {
    let cols = b.cols();
    let full = cols - cols % TILE;
    for c in (0..full).step_by(TILE) {
        let mut sums = load::<R, TILE>(out, cols, c);
        transposed_tile(&mut sums, a, b, r, c);
        store(out, cols, c, &sums);
    }
    for c in full..cols {
        let mut sums = load::<R, 1>(out, cols, c);
        transposed_tile(&mut sums, a, b, r, c);
        store(out, cols, c, &sums);
    }
}

#[inline(always)]
fn transposed_tile<const R: usize, const C: usize>(sums: &mut [[f32; C]; R], a: Matrix, b: Matrix, r: usize, c: usize) {
    let a_rows = a.data()[r..].chunks(a.cols());
    for (a_row, b_row) in a_rows.zip(b.data()[c..].chunks(b.cols())) {
        let (Some(a_row), Some(b_row)) = (a_row.first_chunk::<R>(), b_row.first_chunk::<C>()) else { break };
        for r in 0..R {
            for j in 0..C {
                sums[r][j] += a_row[r] * b_row[j];
            }
        }
    }
}

#[inline(always)]
fn load<const R: usize, const C: usize>(out: &[f32], cols: usize, c: usize) -> [[f32; C]; R] {
    let mut tile = [[0.0; C]; R];
    for (tile_row, row) in tile.iter_mut().zip(out.chunks_exact(cols)) {
        tile_row.copy_from_slice(&row[c..c + C]);
    }
    tile
}

#[inline(always)]
fn store<const R: usize, const C: usize>(out: &mut [f32], cols: usize, c: usize, tile: &[[f32; C]; R]) {
    for (tile_row, row) in tile.iter().zip(out.chunks_exact_mut(cols)) {
        row[c..c + C].copy_from_slice(tile_row);
    }
}

/// `out = a · bᵀ`.
///
/// | tensor | shape | |
/// |---|---|---|
/// | `out` | `(R, C)` | written |
/// | `a` | `(R, I)` | read |
/// | `b` | `(C, I)` | read |
///
/// `out[r][c]` is the sum of `a[r][i] * b[c][i]` from `i = 0` upwards, starting at 0.
///
/// # Panics
///
/// If the shapes do not fit each other.
#[inline]
pub fn matmul_by_transposed(mut out: MatrixMut, a: Matrix, b: Matrix) {
    let shapes_fit = out.rows() == a.rows() && out.cols() == b.rows() && a.cols() == b.cols();
    assert!(shapes_fit, "shapes of a product");
    for (out_row, a_row) in out.iter_rows_mut().zip(a.iter_rows()) {
        for (out, b_row) in out_row.iter_mut().zip(b.iter_rows()) {
            let mut sum = 0.0;
            for (x, y) in a_row.iter().zip(b_row) {
                sum += x * y;
            }
            *out = sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 37 + seed * 101) % 97) as f32 / 13.0 - 3.7).collect()
    }

    /// Tiles of every size give the bits of the plain triple loop.
    #[test]
    fn tiles_change_no_bit() {
        for (rows, inner, cols) in [(1, 1, 1), (4, 4, 4), (4, 64, 8), (5, 7, 9), (3, 2, 11), (8, 1, 6), (13, 5, 1)] {
            let (a, b) = (numbers(rows * inner, 1), numbers(inner * cols, 2));
            let bt = numbers(cols * inner, 3);
            let at = numbers(inner * rows, 4);
            let start = numbers(rows * cols, 5);
            let (mut by_tiles, mut added, mut by_rows) = (vec![9.0; rows * cols], start.clone(), vec![9.0; rows * cols]);
            let out = |data| MatrixMut::new(data, rows, cols);
            let (ma, mb) = (Matrix::new(&a, rows, inner), Matrix::new(&b, inner, cols));
            matmul(out(&mut by_tiles), ma, mb);
            matmul_by_transposed(out(&mut by_rows), ma, Matrix::new(&bt, cols, inner));
            matmul_transposed_add(out(&mut added), Matrix::new(&at, inner, rows), mb);
            for r in 0..rows {
                for c in 0..cols {
                    let (mut plain, mut dot, mut sum) = (0.0f32, 0.0f32, start[r * cols + c]);
                    for i in 0..inner {
                        plain += a[r * inner + i] * b[i * cols + c];
                        dot += a[r * inner + i] * bt[c * inner + i];
                        sum += at[i * rows + r] * b[i * cols + c];
                    }
                    assert_eq!(by_tiles[r * cols + c].to_bits(), plain.to_bits(), "{rows} {inner} {cols}");
                    assert_eq!(by_rows[r * cols + c].to_bits(), dot.to_bits(), "{rows} {inner} {cols}");
                    assert_eq!(added[r * cols + c].to_bits(), sum.to_bits(), "{rows} {inner} {cols}");
                }
            }
        }
    }
}
