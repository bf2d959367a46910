//! Matrix products by `faer`, on one thread (cells are what runs in parallel), in single or double precision.

use faer::linalg::matmul::matmul;
use faer::traits::RealField;
use faer::{Accum, MatMut, MatRef, Par};
use mote_core::kernels::softmax;

/// The widest vector instructions that `faer` takes on this processor. Products differ in their last bits between levels:
/// sums are split over the lanes of a vector, and fused multiply-adds round once where others round twice.
pub fn simd() -> &'static str {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return match (is_x86_feature_detected!("avx2"), is_x86_feature_detected!("fma")) {
        _ if is_x86_feature_detected!("avx512f") => "avx512f",
        (true, true) => "avx2+fma",
        (true, false) => "avx2",
        (false, true) => "fma",
        (false, false) => "none",
    };
    #[cfg(target_arch = "aarch64")]
    return if std::arch::is_aarch64_feature_detected!("neon") { "neon" } else { "none" };
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    return if cfg!(target_feature = "simd128") { "simd128" } else { "none" };
}

/// The numbers a run is computed in.
pub trait Real: RealField + Copy + From<f32> + Send + Sync {
    /// The nearest number of this kind.
    fn of(x: f64) -> Self;

    /// As a double.
    fn to_f64(self) -> f64;

    /// [`softmax::softmax_forward`] in this precision.
    fn softmax_forward(row: &mut [Self]);
}

impl Real for f32 {
    fn of(x: f64) -> Self {
        x as f32
    }

    fn to_f64(self) -> f64 {
        self.into()
    }

    fn softmax_forward(row: &mut [Self]) {
        softmax::softmax_forward(row);
    }
}

impl Real for f64 {
    fn of(x: f64) -> Self {
        x
    }

    fn to_f64(self) -> f64 {
        self
    }

    fn softmax_forward(row: &mut [Self]) {
        let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        row.iter_mut().for_each(|logit| *logit = (*logit - max).exp());
        let sum: f64 = row.iter().sum();
        row.iter_mut().for_each(|p| *p /= sum);
    }
}

/// A borrowed matrix, row-major unless transposed.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, T>(MatRef<'a, T>);

impl<'a, T> View<'a, T> {
    /// The row-major matrix `(rows, cols)` over `data`.
    pub fn new(data: &'a [T], rows: usize, cols: usize) -> Self {
        Self(MatRef::from_row_major_slice(data, rows, cols))
    }

    /// Its transpose, without a copy.
    pub fn transposed(self) -> Self {
        Self(self.0.transpose())
    }
}

/// `out += alpha a b`, with `out` row-major of shape `(rows of a, columns of b)`.
pub fn add<T: Real>(out: &mut [T], alpha: T, a: View<T>, b: View<T>) {
    let out = MatMut::from_row_major_slice_mut(out, a.0.nrows(), b.0.ncols());
    matmul(out, Accum::Add, a.0, b.0, alpha, Par::Seq);
}

/// `a b`, row-major.
pub fn of<T: Real>(a: View<T>, b: View<T>) -> Vec<T> {
    let mut out = vec![T::of(0.0); a.0.nrows() * b.0.ncols()];
    add(&mut out, T::of(1.0), a, b);
    out
}

/// Multiply-accumulates below which a product is done by plain loops: a call of the library costs more.
const SMALL: usize = 4096;

/// `out[l][j] = a_l . b_j`, over rows of `cols` numbers.
pub fn rows_by_rows<T: Real>(out: &mut [T], a: &[T], b: &[T], cols: usize) {
    let (rows, others) = (a.len() / cols, b.len() / cols);
    if rows * others * cols > SMALL {
        out.fill(T::of(0.0));
        return add(out, T::of(1.0), View::new(a, rows, cols), View::new(b, others, cols).transposed());
    }
    for (out, a) in out.chunks_exact_mut(others).zip(a.chunks_exact(cols)) {
        for (out, b) in out.iter_mut().zip(b.chunks_exact(cols)) {
            *out = dot(a, b);
        }
    }
}

/// `out_l += alpha sum_j t[l][j] b_j`, or with `t` transposed, over rows of `cols` numbers; `t` is square.
pub fn add_square_by_rows<T: Real>(out: &mut [T], alpha: T, t: &[T], is_transposed: bool, b: &[T], cols: usize) {
    let rows = b.len() / cols;
    if rows * rows * cols > SMALL {
        let t = View::new(t, rows, rows);
        let t = if is_transposed { t.transposed() } else { t };
        return add(out, alpha, t, View::new(b, rows, cols));
    }
    for (l, out) in out.chunks_exact_mut(cols).enumerate() {
        for (j, b) in b.chunks_exact(cols).enumerate() {
            let t = alpha * t[if is_transposed { j * rows + l } else { l * rows + j }];
            out.iter_mut().zip(b).for_each(|(out, b)| *out += t * *b);
        }
    }
}

/// The sum of products, from left to right.
pub fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    a.iter().zip(b).fold(T::of(0.0), |sum, (a, b)| sum + *a * *b)
}

/// The `count` rows of a matrix in an orthonormal basis of their span: a lower triangular `(count, count)` matrix with
/// the same inner products. Rows that depend on those above them get a zero where their own direction would be.
pub fn coordinates<T: Real>(rows: &[T], count: usize) -> Vec<T> {
    let cols = rows.len() / count;
    let view = View::new(rows, count, cols);
    let mut factor = of(view, view.transposed());
    for i in 0..count {
        for j in 0..=i {
            let (above, below) = factor.split_at(i * count);
            // Row j is finished, or is row i itself.
            let row_j = if j < i { &above[j * count..j * count + j] } else { &below[..j] };
            let rest = below[j] - dot(&below[..j], row_j);
            factor[i * count + j] = if i == j {
                if rest > T::of(0.0) { T::of(rest.to_f64().sqrt()) } else { T::of(0.0) }
            } else {
                let diagonal = factor[j * count + j];
                if diagonal > T::of(0.0) { rest / diagonal } else { T::of(0.0) }
            };
        }
        factor[i * count + i + 1..(i + 1) * count].fill(T::of(0.0));
    }
    factor
}

/// Rows of `cols` numbers; without end, and empty, if there are no columns.
pub fn rows<T>(matrix: &[T], cols: usize) -> impl Iterator<Item = &[T]> {
    (0..).map(move |row| &matrix[row * cols..(row + 1) * cols])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_keep_inner_products() {
        // The third row is the sum of the first two, the fourth is zero.
        let rows =
            [1.0f64, 2.0, 0.5, -1.0, 0.0, 1.0, 3.0, 2.0, 1.0, 3.0, 3.5, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 1.0];
        let short = coordinates(&rows, 5);
        for i in 0..5 {
            for j in 0..5 {
                let exact = dot(&rows[i * 4..i * 4 + 4], &rows[j * 4..j * 4 + 4]);
                let found = dot(&short[i * 5..i * 5 + 5], &short[j * 5..j * 5 + 5]);
                assert!((exact - found).abs() < 1e-6, "{i} {j}: {exact} {found}");
                assert!(j <= i || short[i * 5 + j] == 0.0);
            }
        }
    }
}
