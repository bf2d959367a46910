//! Where the numbers live: in fixed arrays on the chip, in vectors on the host. One maths works on both.

use crate::matrix::MatrixMut;
use crate::params::{Grads, Params};
use crate::shape::Shape;

/// The activations of one sample.
#[derive(Debug)]
pub struct Acts<'a> {
    /// The tokens `X`, shape `(M, D)`.
    pub x: MatrixMut<'a>,
    /// `z = W_V w_O`, shape `(D, 1)`: made once a step, the same for all samples.
    pub z: MatrixMut<'a>,
    /// `Q = X W_Q`, shape `(M, H)`.
    pub q: MatrixMut<'a>,
    /// `K = X W_K`, shape `(M, H)`.
    pub k: MatrixMut<'a>,
    /// Values `v = X z`, shape `(M, 1)`.
    pub v: MatrixMut<'a>,
    /// Attention `P`, shape `(M, M)`.
    pub p: MatrixMut<'a>,
    /// `P v`, shape `(M, 1)`.
    pub mixed: MatrixMut<'a>,
    /// Attention on each token, averaged over queries, shape `(M, 1)`.
    pub a: MatrixMut<'a>,
    /// Gradient on the logits, shape `(M, M)`.
    pub d_logits: MatrixMut<'a>,
    /// Gradient on `Q`, shape `(M, H)`.
    pub d_q: MatrixMut<'a>,
    /// Gradient on `K`, shape `(M, H)`.
    pub d_k: MatrixMut<'a>,
}

/// Everything a training step touches, borrowed from a [`Memory`].
#[derive(Debug)]
pub struct Workspace<'a> {
    /// The weights.
    pub params: Params<'a>,
    /// The gradients.
    pub grads: Grads<'a>,
    /// The activations of one sample.
    pub acts: Acts<'a>,
}

/// Working memory of a model: weights, gradients and the activations of one sample.
pub trait Memory {
    /// The sizes of the model, every one at least 1.
    fn shape(&self) -> Shape;

    /// All of it, as named matrices.
    fn workspace(&mut self) -> Workspace<'_>;
}

/// Working memory in fixed arrays; `size_of` is the RAM budget.
///
/// All zero when created, so as a `static` it lies in `.bss` and costs no flash.
///
/// A shape with a zero in it does not compile:
///
/// ```compile_fail
/// let _ = mote_core::memory::Fixed::<0, 8, 4, 4>::zeroed();
/// ```
#[derive(Debug)]
pub struct Fixed<const M: usize, const D: usize, const H: usize, const V: usize> {
    w_q: [[f32; H]; D],
    w_k: [[f32; H]; D],
    w_v: [[f32; V]; D],
    w_o: [f32; V],
    d_w_q: [[f32; H]; D],
    d_w_k: [[f32; H]; D],
    d_z: [f32; D],
    d_w_o: [f32; V],
    x: [[f32; D]; M],
    z: [f32; D],
    q: [[f32; H]; M],
    k: [[f32; H]; M],
    v: [f32; M],
    p: [[f32; M]; M],
    mixed: [f32; M],
    a: [f32; M],
    d_logits: [[f32; M]; M],
    d_q: [[f32; H]; M],
    d_k: [[f32; H]; M],
}

impl<const M: usize, const D: usize, const H: usize, const V: usize> Fixed<M, D, H, V> {
    /// The memory, all zero.
    pub const fn zeroed() -> Self {
        const { assert!(M > 0 && D > 0 && H > 0 && V > 0, "every size of a model must be at least 1") }
        Self {
            w_q: [[0.0; H]; D],
            w_k: [[0.0; H]; D],
            w_v: [[0.0; V]; D],
            w_o: [0.0; V],
            d_w_q: [[0.0; H]; D],
            d_w_k: [[0.0; H]; D],
            d_z: [0.0; D],
            d_w_o: [0.0; V],
            x: [[0.0; D]; M],
            z: [0.0; D],
            q: [[0.0; H]; M],
            k: [[0.0; H]; M],
            v: [0.0; M],
            p: [[0.0; M]; M],
            mixed: [0.0; M],
            a: [0.0; M],
            d_logits: [[0.0; M]; M],
            d_q: [[0.0; H]; M],
            d_k: [[0.0; H]; M],
        }
    }
}

impl<const M: usize, const D: usize, const H: usize, const V: usize> Memory for Fixed<M, D, H, V> {
    #[inline(always)]
    fn shape(&self) -> Shape {
        Shape::new(M, D, H, V)
    }

    #[inline(always)]
    fn workspace(&mut self) -> Workspace<'_> {
        let matrix = MatrixMut::new;
        Workspace {
            params: Params {
                w_q: matrix(self.w_q.as_flattened_mut(), D, H),
                w_k: matrix(self.w_k.as_flattened_mut(), D, H),
                w_v: matrix(self.w_v.as_flattened_mut(), D, V),
                w_o: matrix(&mut self.w_o, V, 1),
            },
            grads: Grads {
                d_w_q: matrix(self.d_w_q.as_flattened_mut(), D, H),
                d_w_k: matrix(self.d_w_k.as_flattened_mut(), D, H),
                d_z: matrix(&mut self.d_z, D, 1),
                d_w_o: matrix(&mut self.d_w_o, V, 1),
            },
            acts: Acts {
                x: matrix(self.x.as_flattened_mut(), M, D),
                z: matrix(&mut self.z, D, 1),
                q: matrix(self.q.as_flattened_mut(), M, H),
                k: matrix(self.k.as_flattened_mut(), M, H),
                v: matrix(&mut self.v, M, 1),
                p: matrix(self.p.as_flattened_mut(), M, M),
                mixed: matrix(&mut self.mixed, M, 1),
                a: matrix(&mut self.a, M, 1),
                d_logits: matrix(self.d_logits.as_flattened_mut(), M, M),
                d_q: matrix(self.d_q.as_flattened_mut(), M, H),
                d_k: matrix(self.d_k.as_flattened_mut(), M, H),
            },
        }
    }
}

/// Working memory of any shape, in one vector.
#[cfg(feature = "alloc")]
#[derive(Debug)]
pub struct Heap {
    shape: Shape,
    data: alloc::vec::Vec<f32>,
}

#[cfg(feature = "alloc")]
impl Heap {
    /// The memory of a shape, all zero; `None` if a size is 0 or the memory cannot be had.
    pub fn zeroed(shape: Shape) -> Option<Self> {
        let Shape { tokens, dim, head, value } = shape;
        if tokens == 0 || dim == 0 || head == 0 || value == 0 {
            return None;
        }
        let floats = shape.floats()?;
        let mut data = alloc::vec::Vec::new();
        data.try_reserve_exact(floats).ok()?;
        data.resize(floats, 0.0);
        Some(Self { shape, data })
    }
}

#[cfg(feature = "alloc")]
impl Memory for Heap {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn workspace(&mut self) -> Workspace<'_> {
        let Shape { tokens: m, dim: d, head: h, value: v } = self.shape;
        let mut rest = self.data.as_mut_slice();
        let mut matrix = |rows: usize, cols: usize| {
            let (data, left) = core::mem::take(&mut rest).split_at_mut(rows * cols);
            rest = left;
            MatrixMut::new(data, rows, cols)
        };
        Workspace {
            params: Params { w_q: matrix(d, h), w_k: matrix(d, h), w_v: matrix(d, v), w_o: matrix(v, 1) },
            grads: Grads { d_w_q: matrix(d, h), d_w_k: matrix(d, h), d_z: matrix(d, 1), d_w_o: matrix(v, 1) },
            acts: Acts {
                x: matrix(m, d),
                z: matrix(d, 1),
                q: matrix(m, h),
                k: matrix(m, h),
                v: matrix(m, 1),
                p: matrix(m, m),
                mixed: matrix(m, 1),
                a: matrix(m, 1),
                d_logits: matrix(m, m),
                d_q: matrix(m, h),
                d_k: matrix(m, h),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_knows_the_size_of_the_arrays() {
        assert_eq!(Shape::new(4, 64, 8, 8).bytes(), Some(size_of::<Fixed<4, 64, 8, 8>>()));
        assert_eq!(Shape::new(1, 7, 5, 3).bytes(), Some(size_of::<Fixed<1, 7, 5, 3>>()));
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn the_heap_is_used_to_the_last_number() {
        let mut heap = Heap::zeroed(Shape::new(3, 7, 5, 2)).unwrap();
        let acts = heap.workspace().acts;
        let mut last = acts.d_k;
        last.data().fill(1.0);
        assert_eq!(heap.data.last(), Some(&1.0));
        assert!(Heap::zeroed(Shape::new(3, 0, 5, 2)).is_none());
        assert!(Heap::zeroed(Shape::new(1, usize::MAX / 64, 1, 1)).is_none());
    }
}
