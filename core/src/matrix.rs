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

    /// The rows, first to last.
    ///
    /// # Panics
    ///
    /// If the matrix has no columns.
    #[inline]
    pub fn iter_rows(&self) -> core::slice::ChunksExact<'a, f32> {
        self.data.chunks_exact(self.cols)
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

    /// The rows, first to last.
    ///
    /// # Panics
    ///
    /// If the matrix has no columns.
    #[inline]
    pub fn iter_rows_mut(&mut self) -> core::slice::ChunksExactMut<'_, f32> {
        self.data.chunks_exact_mut(self.cols)
    }
}
