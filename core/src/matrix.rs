//! Borrowed row-major matrices: what the kernels work on, whoever owns the numbers.

/// A read-only matrix over borrowed numbers.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
}

/// A writable matrix over borrowed numbers.
#[derive(Debug)]
pub struct MatrixMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    cols: usize,
}

/// The length of a chunk, visibly not 0, so that no panic for an empty chunk is compiled in.
#[inline(always)]
pub(crate) const fn at_least_one(length: usize) -> usize {
    if length == 0 { 1 } else { length }
}

impl<'a> Matrix<'a> {
    /// The matrix of shape `(rows, cols)` over `data`.
    ///
    /// # Panics
    ///
    /// If `data` does not hold exactly `rows * cols` numbers: a mistake of the caller, not of the data.
    #[inline]
    pub const fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        assert!(data.len() == rows * cols, "the numbers must fill the matrix");
        Self { data, rows, cols }
    }

    /// Number of rows.
    #[inline]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[inline]
    pub const fn cols(&self) -> usize {
        self.cols
    }

    /// All numbers, row after row.
    #[inline]
    pub const fn data(&self) -> &'a [f32] {
        self.data
    }

    /// The rows, first to last; none if the matrix has no columns.
    #[inline]
    pub fn iter_rows(&self) -> Rows<'a> {
        Rows { rest: self.data, cols: at_least_one(self.cols) }
    }
}

impl<'a> MatrixMut<'a> {
    /// The writable matrix of shape `(rows, cols)` over `data`.
    ///
    /// # Panics
    ///
    /// If `data` does not hold exactly `rows * cols` numbers: a mistake of the caller, not of the data.
    #[inline]
    pub const fn new(data: &'a mut [f32], rows: usize, cols: usize) -> Self {
        assert!(data.len() == rows * cols, "the numbers must fill the matrix");
        Self { data, rows, cols }
    }

    /// Number of rows.
    #[inline]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[inline]
    pub const fn cols(&self) -> usize {
        self.cols
    }

    /// All numbers, row after row.
    #[inline]
    pub const fn data(&mut self) -> &mut [f32] {
        self.data
    }

    /// The same matrix, to read.
    #[inline]
    pub const fn view(&self) -> Matrix<'_> {
        Matrix { data: self.data, rows: self.rows, cols: self.cols }
    }

    /// The same matrix, lent out for a shorter time.
    #[inline]
    pub const fn reborrow(&mut self) -> MatrixMut<'_> {
        MatrixMut { data: self.data, rows: self.rows, cols: self.cols }
    }

    /// The rows, first to last; none if the matrix has no columns.
    #[inline]
    pub fn iter_rows_mut(&mut self) -> RowsMut<'_> {
        RowsMut { rest: self.data, cols: at_least_one(self.cols) }
    }
}

/// The rows of a [`Matrix`]. Not the chunks of a slice: compiled for size, those keep a panic for an empty chunk.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    rest: &'a [f32],
    cols: usize,
}

impl<'a> Iterator for Rows<'a> {
    type Item = &'a [f32];

    #[inline(always)]
    fn next(&mut self) -> Option<&'a [f32]> {
        let (row, rest) = self.rest.split_at_checked(self.cols)?;
        self.rest = rest;
        Some(row)
    }
}

/// The rows of a [`MatrixMut`].
#[derive(Debug)]
pub struct RowsMut<'a> {
    rest: &'a mut [f32],
    cols: usize,
}

impl<'a> Iterator for RowsMut<'a> {
    type Item = &'a mut [f32];

    #[inline(always)]
    fn next(&mut self) -> Option<&'a mut [f32]> {
        let (row, rest) = core::mem::take(&mut self.rest).split_at_mut_checked(self.cols)?;
        self.rest = rest;
        Some(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn rows_are_the_chunks_of_the_numbers() {
        let mut data = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        for cols in [1, 2, 3, 6] {
            let expected: Vec<Vec<f32>> = data.chunks(cols).map(<[f32]>::to_vec).collect();
            let rows = Matrix::new(&data, 6 / cols, cols).iter_rows().map(<[f32]>::to_vec).collect::<Vec<_>>();
            assert_eq!(rows, expected);
            let mut matrix = MatrixMut::new(&mut data, 6 / cols, cols);
            assert_eq!(matrix.iter_rows_mut().map(|row| row.to_vec()).collect::<Vec<_>>(), expected);
        }
        assert_eq!(Matrix::new(&[], 3, 0).iter_rows().count(), 0);
        assert_eq!(MatrixMut::new(&mut [], 3, 0).iter_rows_mut().count(), 0);
    }
}
