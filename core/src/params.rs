//! The named tensors of the model, and how they start.

use crate::matrix::{Matrix, MatrixMut};
use crate::normal;
use crate::rng::{Purpose, Stream};
use crate::shape::Shape;

/// One of the trained tensors. The numbers are part of the specification: they address the
/// streams of the initial weights, and order digests and files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Tensor {
    /// `W_Q`, shape `(D, H)`.
    Query = 0,
    /// `W_K`, shape `(D, H)`.
    Key = 1,
    /// `W_V`, shape `(D, V)`.
    Value = 2,
    /// `w_O`, shape `(V)`, here `(V, 1)`.
    Output = 3,
}

impl Tensor {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Query, Self::Key, Self::Value, Self::Output];

    /// The name in files: `W_Q`, `W_K`, `W_V`, `w_O`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "W_Q",
            Self::Key => "W_K",
            Self::Value => "W_V",
            Self::Output => "w_O",
        }
    }

    /// Rows and columns in a model of shape `shape`.
    pub const fn size(self, shape: Shape) -> (usize, usize) {
        match self {
            Self::Query | Self::Key => (shape.dim, shape.head),
            Self::Value => (shape.dim, shape.value),
            Self::Output => (shape.value, 1),
        }
    }
}

/// The weights.
#[derive(Debug)]
pub struct Params<'a> {
    /// `W_Q`, shape `(D, H)`.
    pub w_q: MatrixMut<'a>,
    /// `W_K`, shape `(D, H)`.
    pub w_k: MatrixMut<'a>,
    /// `W_V`, shape `(D, V)`.
    pub w_v: MatrixMut<'a>,
    /// `w_O`, shape `(V, 1)`.
    pub w_o: MatrixMut<'a>,
}

impl Params<'_> {
    /// The tensor by its name, to write.
    pub fn tensor_mut(&mut self, tensor: Tensor) -> MatrixMut<'_> {
        match tensor {
            Tensor::Query => self.w_q.reborrow(),
            Tensor::Key => self.w_k.reborrow(),
            Tensor::Value => self.w_v.reborrow(),
            Tensor::Output => self.w_o.reborrow(),
        }
    }

    /// The tensor by its name, to read.
    pub fn tensor(&self, tensor: Tensor) -> Matrix<'_> {
        match tensor {
            Tensor::Query => self.w_q.view(),
            Tensor::Key => self.w_k.view(),
            Tensor::Value => self.w_v.view(),
            Tensor::Output => self.w_o.view(),
        }
    }

    /// How many weights there are.
    #[inline]
    pub fn count(&self) -> usize {
        Tensor::ALL.into_iter().map(|tensor| self.tensor(tensor).data().len()).sum()
    }

    /// All weights in one row, in the order of [`Tensor::ALL`].
    #[inline]
    pub fn row(&self) -> impl Iterator<Item = f32> {
        Tensor::ALL.into_iter().flat_map(|tensor| self.tensor(tensor).data()).copied()
    }

    /// Writes a row of weights, as [`Params::row`] reads it: as many as there are of both.
    #[inline]
    pub fn set_row(&mut self, row: &[f32]) {
        let mut row = row.iter();
        for tensor in Tensor::ALL {
            for (weight, number) in self.tensor_mut(tensor).data().iter_mut().zip(&mut row) {
                *weight = *number;
            }
        }
    }

    /// Draws every tensor from its own stream of `seed`.
    #[inline]
    pub fn init(&mut self, init: Init, seed: u64) {
        for tensor in Tensor::ALL {
            let mut stream = Stream::new(seed, Purpose::Weights, tensor as u32, 0);
            let mut matrix = self.tensor_mut(tensor);
            let fan_in = matrix.rows() as f32;
            init.fill(tensor, fan_in, matrix.data(), &mut stream);
        }
    }
}

/// The gradients of the loss, up to the factors that the update applies once.
///
/// The gradient of `W_V` has rank one, `d_W_V = d_z w_Oᵀ`, and so has that of `w_O`,
/// `d_w_O = W_Vᵀ d_z`: the vector `d_z`, the gradient on `z = W_V w_O`, is all that is kept of them.
#[derive(Debug)]
pub struct Grads<'a> {
    /// `N M` times the gradient of `W_Q`, shape `(D, H)`.
    pub d_w_q: MatrixMut<'a>,
    /// `N M` times the gradient of `W_K`, shape `(D, H)`.
    pub d_w_k: MatrixMut<'a>,
    /// `N` times the gradient on `z = W_V w_O`, shape `(D, 1)`.
    pub d_z: MatrixMut<'a>,
    /// `N` times the gradient of `w_O`, shape `(V, 1)`.
    pub d_w_o: MatrixMut<'a>,
}

impl Grads<'_> {
    /// Sets all to zero.
    pub fn clear(&mut self) {
        for tensor in [&mut self.d_w_q, &mut self.d_w_k, &mut self.d_z, &mut self.d_w_o] {
            tensor.data().fill(0.0);
        }
    }
}

/// How the weights start.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Init {
    /// `W_Q`, `W_K`, `W_V` uniform in `±1/sqrt(fan_in)`, divided by `divisor`; `w_O` uniform in
    /// `±1/sqrt(V)`, not divided. The recipe of the authors' scripts (J).
    FanIn {
        /// What the three matrices are divided by.
        divisor: f32,
    },
    /// Gaussian matrices, and `w_O` a Gaussian direction of norm 1. The assumption of the theory (J).
    Gaussian {
        /// Standard deviation of `W_Q` and `W_K`.
        query_key_std: f32,
        /// Standard deviation of `W_V`, and so of `W_V w_O`.
        value_std: f32,
    },
}

impl Init {
    /// [`Init::FanIn`] with its divisor.
    pub const fn fan_in(divisor: f32) -> Self {
        Self::FanIn { divisor }
    }

    /// Whether every weight it can draw is finite, whatever the seed.
    #[inline]
    pub fn is_possible(self) -> bool {
        match self {
            Self::FanIn { divisor } => (1.0 / divisor).is_finite(),
            Self::Gaussian { query_key_std, value_std } => {
                (query_key_std * normal::BOUND).is_finite() && (value_std * normal::BOUND).is_finite()
            }
        }
    }

    #[inline]
    fn fill(self, tensor: Tensor, fan_in: f32, data: &mut [f32], stream: &mut Stream) {
        match (self, tensor) {
            (Self::FanIn { divisor }, _) => {
                let divisor = if tensor == Tensor::Output { 1.0 } else { divisor };
                let bound = 1.0 / crate::math::sqrt(fan_in);
                data.fill_with(|| stream.symmetric() * bound / divisor);
            }
            (Self::Gaussian { query_key_std, .. }, Tensor::Query | Tensor::Key) => {
                data.fill_with(|| query_key_std * stream.normal());
            }
            (Self::Gaussian { value_std, .. }, Tensor::Value) => data.fill_with(|| value_std * stream.normal()),
            (Self::Gaussian { .. }, Tensor::Output) => {
                let mut squares = 0.0;
                data.fill_with(|| {
                    let x = stream.normal();
                    squares += x * x;
                    x
                });
                let norm = crate::math::sqrt(squares);
                if norm > 0.0 {
                    data.iter_mut().for_each(|x| *x /= norm);
                } else if let Some(first) = data.first_mut() {
                    *first = 1.0; // all deviates were 0: rare, but a direction is due
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Fixed, Memory};

    #[test]
    fn both_recipes_have_their_spread() {
        let mut memory = Fixed::<2, 64, 32, 16>::zeroed();
        let variance = |matrix: Matrix| {
            let data = matrix.data();
            data.iter().map(|x| f64::from(x * x)).sum::<f64>() / data.len() as f64
        };
        let mut params = memory.workspace().params;
        // A uniform number in ±b has variance b²/3. 2,048 entries: the variance is known to 2%.
        params.init(Init::fan_in(16.0), 3);
        let expected = 1.0 / 64.0 / 256.0 / 3.0;
        for tensor in [Tensor::Query, Tensor::Key, Tensor::Value] {
            assert!((variance(params.tensor(tensor)) / expected - 1.0).abs() < 0.1, "{tensor:?}");
            assert!(params.tensor(tensor).data().iter().all(|x| x.abs() <= 1.0 / 8.0 / 16.0));
        }
        assert!(params.w_o.data().iter().any(|x| x.abs() > 0.125) && params.w_o.data().iter().all(|x| x.abs() <= 0.25));
        // A Gaussian variance from 2,048 entries is known to 3%.
        params.init(Init::Gaussian { query_key_std: 0.02, value_std: 1e-3 }, 3);
        assert!((variance(params.w_q.view()) / 4e-4 - 1.0).abs() < 0.15);
        assert!((variance(params.w_v.view()) / 1e-6 - 1.0).abs() < 0.2);
        let norm: f32 = params.w_o.data().iter().map(|x| x * x).sum();
        assert!((norm - 1.0).abs() < 1e-6);
        assert_ne!(params.w_q.view().data(), params.w_k.view().data());
    }

    #[test]
    fn a_row_of_weights_is_read_as_it_was_written() {
        let mut memory = Fixed::<2, 3, 2, 2>::zeroed();
        let mut params = memory.workspace().params;
        let row: std::vec::Vec<f32> = (0..params.count()).map(|i| i as f32).collect();
        params.set_row(&row);
        assert!(params.row().eq(row.iter().copied()) && row.len() == 3 * 2 * 3 + 2);
        assert_eq!(params.tensor(Tensor::Value).data(), [12., 13., 14., 15., 16., 17.]);
    }
}
