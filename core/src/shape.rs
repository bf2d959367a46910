//! The sizes of a model.

/// Largest size of a model that can be asked for by number: `M`, `D`, `H` or `V`.
pub const SIZE_MAX: usize = 1 << 16;

/// Sizes of the model and of one sample: the letters `M D H V` of the crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Shape {
    /// `M`: tokens in a sample.
    pub tokens: usize,
    /// `D`: numbers in a token.
    pub dim: usize,
    /// `H`: query and key width.
    pub head: usize,
    /// `V`: value width.
    pub value: usize,
}

impl Shape {
    /// The shape with `M` tokens of `D` numbers, query width `H` and value width `V`.
    pub const fn new(tokens: usize, dim: usize, head: usize, value: usize) -> Self {
        Self { tokens, dim, head, value }
    }

    /// Reads a shape from `M,D,H,V`: four counts from 1 to [`SIZE_MAX`], separated by commas. `const`, so that firmware
    /// takes its shape from the environment it is built in. `None` if it is none.
    pub const fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let mut sizes = [0usize; 4];
        let (mut at, mut which) = (0, 0);
        while at < bytes.len() {
            match bytes[at] {
                digit @ b'0'..=b'9' => sizes[which] = 10 * sizes[which] + (digit - b'0') as usize,
                b',' if which < 3 && sizes[which] > 0 => which += 1,
                _ => return None,
            }
            if sizes[which] > SIZE_MAX {
                return None;
            }
            at += 1;
        }
        let [tokens, dim, head, value] = sizes;
        if value > 0 { Some(Self { tokens, dim, head, value }) } else { None }
    }

    /// Floats a [`Memory`](crate::memory::Memory) of this shape holds: weights, gradients and the
    /// activations of one sample. `None` if the count does not fit a `usize`.
    pub const fn floats(&self) -> Option<usize> {
        let Self { tokens: m, dim: d, head: h, value: v } = *self;
        let counts = [
            // weights W_Q, W_K, W_V, w_O
            (d, h),
            (d, h),
            (d, v),
            (v, 1),
            // gradients d_W_Q, d_W_K, d_z, d_w_O
            (d, h),
            (d, h),
            (d, 1),
            (v, 1),
            // activations: x, z, q and k with their gradients, p and d_logits, the rows v, mixed and a
            (m, d),
            (d, 1),
            (m, h),
            (m, h),
            (m, h),
            (m, h),
            (m, m),
            (m, m),
            (m, 3),
        ];
        let mut sum = 0usize;
        let mut i = 0;
        while i < counts.len() {
            let Some(count) = counts[i].0.checked_mul(counts[i].1) else { return None };
            let Some(next) = sum.checked_add(count) else { return None };
            sum = next;
            i += 1;
        }
        Some(sum)
    }

    /// Bytes of working memory of this shape, or `None` if they do not fit a `usize`.
    pub const fn bytes(&self) -> Option<usize> {
        match self.floats() {
            Some(floats) => floats.checked_mul(size_of::<f32>()),
            None => None,
        }
    }

    /// Bytes that a sample takes where it is held in memory: its `M D` numbers and its label. `None` if they do not fit
    /// a `usize`.
    pub const fn sample_bytes(&self) -> Option<usize> {
        let Some(tokens) = self.tokens.checked_mul(self.dim) else { return None };
        let Some(numbers) = tokens.checked_add(1) else { return None };
        numbers.checked_mul(size_of::<f32>())
    }

    /// Multiply-accumulates of one training step on `samples` samples, counted as the engine runs
    /// it: `z = W_V w_O` once a step, then per sample the projections, the scores, and the backward
    /// of each. Softmax, loss, update and the making of the data are not counted. 64 bits on every machine: a step on
    /// 500,000 samples is more than 2^32 already. [`u64::MAX`] stands for more than that.
    pub const fn step_macs(&self, samples: usize) -> u64 {
        let (m, d, h, v) = (self.tokens as u64, self.dim as u64, self.head as u64, self.value as u64);
        let forward = 2 * m * d * h + m * d + m * m * h + m * m;
        let backward = 2 * m * d * h + m * d + 2 * m * m * h;
        (samples as u64).saturating_mul(forward + backward).saturating_add(d * v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_four_counts_and_nothing_else() {
        assert_eq!(Shape::parse("4,64,8,2"), Some(Shape::new(4, 64, 8, 2)));
        assert_eq!(Shape::parse("1,65536,01,1"), Some(Shape::new(1, 65_536, 1, 1)));
        for text in [
            "",
            "4",
            "4,64,8",
            "4,64,8,",
            "4,64,8,2,",
            "4,64,8,2,1",
            ",64,8,2",
            "0,64,8,2",
            "4,64,8,0",
            "4,65537,8,2",
            "4, 64,8,2",
            "4,-64,8,2",
            "4,64,8,2 ",
            "4,,8,2",
            "4,64,8,99999999999999999999999999",
        ] {
            assert_eq!(Shape::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_shape_that_overflows_is_none() {
        assert_eq!(Shape::new(4, usize::MAX / 2, 8, 8).floats(), None);
        assert_eq!(Shape::new(1, 1, 1, 1).floats(), Some(8 + 11));
        assert_eq!(Shape::new(4, usize::MAX / 2, 8, 8).sample_bytes(), None);
    }

    /// By the formula, counted by hand, where 32 bits would wrap to 257,033,216; and at the ends of what can be asked
    /// for.
    #[test]
    fn the_work_of_a_step_does_not_wrap() {
        const MACS: u64 = Shape::new(4, 64, 8, 8).step_macs(500_000);
        assert_eq!(MACS, 4_552_000_512);
        assert_eq!(MACS & u64::from(u32::MAX), 257_033_216);
        assert_eq!(Shape::new(1, 1, 1, 1).step_macs(1), 1 + 5 + 5);
        let largest = Shape::new(SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX);
        assert_eq!(largest.step_macs(1), 7 * (1 << 48) + 4 * (1 << 32));
        assert_eq!(largest.step_macs(1 << 24), u64::MAX);
    }
}
