//! Weight files: `W_Q`, `W_K` `(D, H)`, `W_V` `(D, V)`, `w_O` `(V)`.

use crate::base::error::InputError;
use crate::formats::npz::{self, Array, Npz};
use mote_core::params::{Params, Tensor};
use mote_core::shape::Shape;
use std::path::Path;

/// Weights read from a file, in the order of [`Tensor::ALL`].
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// `D`.
    pub dim: usize,
    /// `H`.
    pub head: usize,
    /// `V`.
    pub value: usize,
    arrays: Vec<Array>,
}

impl Weights {
    /// Reads the four tensors and makes sure that they fit each other.
    ///
    /// # Errors
    ///
    /// [`InputError`] that names file, key, what was expected and what was found.
    pub fn read(path: &Path) -> Result<Self, InputError> {
        let mut npz = Npz::open(path)?;
        let rank = |tensor| if tensor == Tensor::Output { 1 } else { 2 };
        let read = |tensor: Tensor| npz.floats(tensor.name(), rank(tensor));
        let arrays = Tensor::ALL.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let (dim, head, value) = (arrays[0].shape[0], arrays[0].shape[1], arrays[2].shape[1]);
        if dim == 0 || head == 0 || value == 0 {
            let found = format!("expected no empty tensor, found D={dim}, H={head}, V={value}");
            return Err(InputError::file(path, found));
        }
        for (tensor, array) in Tensor::ALL.into_iter().zip(&arrays) {
            let (rows, cols) = tensor.size(Shape::new(1, dim, head, value));
            let expected = if tensor == Tensor::Output { vec![rows] } else { vec![rows, cols] };
            if array.shape != expected {
                let found = format!("expected shape {expected:?} beside W_Q and W_V, found {:?}", array.shape);
                return Err(npz.wrong(tensor.name(), found));
            }
        }
        Ok(Self { dim, head, value, arrays })
    }

    /// Copies the weights into a model of their shape.
    pub fn load(&self, params: &mut Params) {
        for (tensor, array) in Tensor::ALL.into_iter().zip(&self.arrays) {
            params.tensor_mut(tensor).data().copy_from_slice(&array.data);
        }
    }

    /// Makes sure that `D` is that of the data.
    ///
    /// # Errors
    ///
    /// [`InputError`] that names `path`.
    pub fn check(&self, path: &Path, dim: usize) -> Result<(), InputError> {
        if self.dim == dim {
            return Ok(());
        }
        let found = format!("key W_Q: expected D={dim} rows as in the data, found {}", self.dim);
        Err(InputError::file(path, found))
    }
}

/// The bytes of a weight file.
///
/// # Errors
///
/// If a tensor is larger than the format holds.
pub fn to_bytes(params: &Params) -> anyhow::Result<Vec<u8>> {
    npz::to_bytes(Tensor::ALL.map(|tensor| {
        let matrix = params.tensor(tensor);
        let (rows, cols) = (matrix.rows() as u64, matrix.cols() as u64);
        let shape = if tensor == Tensor::Output { vec![rows] } else { vec![rows, cols] };
        (tensor.name(), shape, matrix.data())
    }))
}
