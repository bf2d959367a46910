//! Matrix products in register tiles.
//!
//! A tile of outputs is kept in registers while its sums run over the inner index in increasing
//! order, so every output is the plain sum of the specification whatever the tile. Tiling is across
//! outputs only. 4 x 4 fits the 32 single-precision registers of a Cortex-M4F and the 16 vector
//! registers of x86-64.
//!
//! Shapes that do not fit each other are a mistake of the caller. A chip must not panic on it, and nothing may
//! be computed from it: the result is NaN, with which no step is ever taken.

#![allow(clippy::needless_range_loop)] // one index into several rows at once, its bounds checked before

use crate::matrix::{Matrix, MatrixMut, at_least_one};

const TILE: usize = 4;

/// Numbers in `TILE` rows of `cols`.
#[inline(always)]
const fn block(cols: usize) -> usize {
    at_least_one(TILE * cols)
}

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
/// If the shapes do not fit each other, `out` is NaN.
pub fn matmul(mut out: MatrixMut, a: Matrix, b: Matrix) {
    let (inner, cols) = (a.cols(), b.cols());
    if !(out.rows() == a.rows() && out.cols() == cols && b.rows() == inner) {
        return out.data().fill(f32::NAN);
    }
    if inner == 0 || cols == 0 {
        // Never so in a model; said here, it spares every loop its check for empty rows.
        out.data().fill(0.0);
        return;
    }
    let mut out_blocks = out.data().chunks_exact_mut(block(cols));
    let mut a_blocks = a.data().chunks_exact(block(inner));
    for (out_block, a_block) in (&mut out_blocks).zip(&mut a_blocks) {
        matmul_rows(rows_of::<TILE>(out_block, cols), split_rows::<TILE>(a_block, inner), b);
    }
    let rest = out_blocks.into_remainder().chunks_exact_mut(cols);
    for (out_row, a_row) in rest.zip(a_blocks.remainder().chunks_exact(inner)) {
        matmul_rows([out_row], [a_row], b);
    }
}

/// `R` rows of the product: full tiles of columns, then the columns left over one by one.
#[inline(always)]
fn matmul_rows<const R: usize>(out: [&mut [f32]; R], a: [&[f32]; R], b: Matrix) {
    for_each_tile(out, |c| matmul_tile(a, b, c), |c| matmul_tile(a, b, c));
}

/// The `(R, C)` tile of the product that starts at column `c`.
#[inline(always)]
fn matmul_tile<const R: usize, const C: usize>(a: [&[f32]; R], b: Matrix, c: usize) -> [[f32; C]; R] {
    let mut sums = core::array::from_fn(|_| [0.0f32; C]);
    // Cut to one length, so that the loop below needs no bounds check.
    let inner = b.rows();
    if a.iter().any(|row| row.len() < inner) {
        return sums;
    }
    let a = a.map(|row| &row[..inner]);
    let mut b_rows = b.iter_rows();
    for i in 0..inner {
        let Some(b_row) = b_rows.next().and_then(|row| part::<C>(row, c)) else { break };
        for r in 0..R {
            let x = a[r][i];
            for j in 0..C {
                sums[r][j] += x * b_row[j];
            }
        }
    }
    sums
}

/// The `C` numbers of a row that start at `c`.
#[inline(always)]
fn part<const C: usize>(row: &[f32], c: usize) -> Option<&[f32; C]> {
    row.get(c..)?.first_chunk()
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
/// If the shapes do not fit each other, `out` is NaN.
pub fn matmul_transposed_add(mut out: MatrixMut, a: Matrix, b: Matrix) {
    let (rows, cols) = (a.cols(), b.cols());
    if !(out.rows() == rows && out.cols() == cols && b.rows() == a.rows()) {
        return out.data().fill(f32::NAN);
    }
    if rows == 0 || cols == 0 {
        return; // as in `matmul`
    }
    let mut a_blocks = a.data().chunks_exact(block(rows));
    let mut b_blocks = b.data().chunks_exact(block(cols));
    for (a_block, b_block) in (&mut a_blocks).zip(&mut b_blocks) {
        add_outer(out.reborrow(), split_rows::<TILE>(a_block, rows), split_rows::<TILE>(b_block, cols));
    }
    let a_rest = a_blocks.remainder().chunks_exact(rows);
    for (a_row, b_row) in a_rest.zip(b_blocks.remainder().chunks_exact(cols)) {
        add_outer(out.reborrow(), [a_row], [b_row]);
    }
}

/// Adds the outer products of `L` pairs of rows: full tiles of columns, then the columns left over.
#[inline(always)]
fn add_outer<const L: usize>(mut out: MatrixMut, a: [&[f32]; L], b: [&[f32]; L]) {
    let cols = out.cols();
    let full = cols - cols % TILE;
    for c in (0..full).step_by(TILE) {
        add_panel::<L, TILE>(out.reborrow(), a, b, c);
    }
    for c in full..cols {
        add_panel::<L, 1>(out.reborrow(), a, b, c);
    }
}

/// The columns `c..c + C` of [`add_outer`], with the panel of `b` in registers.
#[inline(always)]
fn add_panel<const L: usize, const C: usize>(mut out: MatrixMut, a: [&[f32]; L], b: [&[f32]; L], c: usize) {
    let mut panel = [[0.0; C]; L];
    for l in 0..L {
        let Some(b_part) = part::<C>(b[l], c) else { return };
        panel[l] = *b_part;
    }
    // Cut to one length, so that the loop below needs no bounds check.
    let rows = out.rows();
    if a.iter().any(|row| row.len() < rows) {
        return;
    }
    let a = a.map(|row| &row[..rows]);
    let mut out_rows = out.iter_rows_mut();
    for r in 0..rows {
        let tile = out_rows.next().and_then(|row| row.get_mut(c..)?.first_chunk_mut::<C>());
        let Some(tile) = tile else { break };
        let mut sums = *tile;
        for l in 0..L {
            let x = a[l][r];
            for j in 0..C {
                sums[j] += x * panel[l][j];
            }
        }
        *tile = sums;
    }
}

/// Lends the tiles of `R` rows to `full`, from left to right, then the columns left over to `single`,
/// each with its first column. A tile is worked on in registers and written back.
#[inline(always)]
fn for_each_tile<const R: usize>(
    rows: [&mut [f32]; R],
    full: impl Fn(usize) -> [[f32; TILE]; R],
    single: impl Fn(usize) -> [[f32; 1]; R],
) {
    let tiles = rows.map(|row| row.as_chunks_mut::<TILE>());
    let (count, rest) = (tiles[0].0.len(), tiles[0].1.len());
    for t in 0..count {
        let sums = full(t * TILE);
        for r in 0..R {
            // Not an index: its panic would pull integer formatting into the firmware.
            if let Some(tile) = tiles[r].0.get_mut(t) {
                *tile = sums[r];
            }
        }
    }
    for t in 0..rest {
        let sums = single(count * TILE + t);
        for r in 0..R {
            if let Some(entry) = tiles[r].1.get_mut(t) {
                *entry = sums[r][0];
            }
        }
    }
}

/// The first `R` rows of `cols` numbers each.
#[inline(always)]
fn split_rows<const R: usize>(block: &[f32], cols: usize) -> [&[f32]; R] {
    let mut rows = block.chunks_exact(cols);
    core::array::from_fn(|_| rows.next().unwrap_or_default())
}

/// The first `R` rows of `cols` numbers each, to write.
#[inline(always)]
fn rows_of<const R: usize>(block: &mut [f32], cols: usize) -> [&mut [f32]; R] {
    let mut rows = block.chunks_exact_mut(cols);
    core::array::from_fn(|_| rows.next().unwrap_or_default())
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
/// If the shapes do not fit each other, `out` is NaN.
pub fn matmul_by_transposed(mut out: MatrixMut, a: Matrix, b: Matrix) {
    if !(out.rows() == a.rows() && out.cols() == b.rows() && a.cols() == b.cols()) {
        return out.data().fill(f32::NAN);
    }
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

    /// A mistake of the caller ends in NaN everywhere, and never in a number.
    #[test]
    fn shapes_that_do_not_fit_give_nan() {
        let data = [1.0; 12];
        let m = |rows, cols| Matrix::new(&data[..rows * cols], rows, cols);
        let all_nan = |product: fn(MatrixMut, Matrix, Matrix), out: (usize, usize), a, b| {
            let mut numbers = [0.0; 6];
            product(MatrixMut::new(&mut numbers[..out.0 * out.1], out.0, out.1), a, b);
            numbers[..out.0 * out.1].iter().all(|x| x.is_nan())
        };
        for (out, a, b, fits) in [
            ((2, 2), m(2, 3), m(3, 2), true),
            ((2, 2), m(2, 3), m(2, 2), false),
            ((3, 2), m(2, 3), m(3, 2), false),
            ((2, 3), m(2, 3), m(3, 2), false),
        ] {
            assert_eq!(all_nan(matmul, out, a, b), !fits);
        }
        for (out, a, b, fits) in [
            ((3, 2), m(2, 3), m(2, 2), true),
            ((3, 2), m(2, 3), m(3, 2), false),
            ((2, 2), m(2, 3), m(2, 2), false),
            ((3, 1), m(2, 3), m(2, 2), false),
        ] {
            assert_eq!(all_nan(matmul_transposed_add, out, a, b), !fits);
        }
        for (out, a, b, fits) in [
            ((2, 3), m(2, 2), m(3, 2), true),
            ((2, 3), m(2, 2), m(3, 3), false),
            ((1, 3), m(2, 2), m(3, 2), false),
            ((2, 2), m(2, 2), m(3, 2), false),
        ] {
            assert_eq!(all_nan(matmul_by_transposed, out, a, b), !fits);
        }
    }

    /// Tiles of every size give the bits of the plain triple loop.
    #[test]
    fn tiles_change_no_bit() {
        for (rows, inner, cols) in [(1, 1, 1), (4, 4, 4), (4, 64, 8), (5, 7, 9), (3, 2, 11), (8, 1, 6), (13, 5, 1)] {
            let (a, b) = (numbers(rows * inner, 1), numbers(inner * cols, 2));
            let bt = numbers(cols * inner, 3);
            let at = numbers(inner * rows, 4);
            let start = numbers(rows * cols, 5);
            let (mut by_tiles, mut added, mut by_rows) =
                (vec![9.0; rows * cols], start.clone(), vec![9.0; rows * cols]);
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
