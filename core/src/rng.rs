//! Named randomness: every number drawn has an address, so any of them can be drawn again alone.

use core::convert::Infallible;
use rand_core::{Rng, SeedableRng, TryRng};
use rand_xoshiro::Xoshiro128PlusPlus;

/// What a stream of random numbers is for. The number is part of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Training samples.
    Train = 0,
    /// Test samples, never seen in training.
    Test = 1,
    /// Initial weights.
    Weights = 2,
}

/// One stream of random numbers: xoshiro128++ seeded from (seed, purpose, major, minor).
///
/// For data, `major` is the sample and `minor` the token; for weights, `major` is the tensor. Streams
/// of different addresses are independent for every practical purpose.
#[derive(Clone, Debug)]
pub struct Stream(Xoshiro128PlusPlus);

impl Stream {
    /// The stream at an address.
    pub fn new(seed: u64, purpose: Purpose, major: u32, minor: u32) -> Self {
        let place = u64::from(major) << 32 | u64::from(minor);
        let key = mix(mix(mix(seed) ^ u64::from(purpose as u32)) ^ place);
        Self(Xoshiro128PlusPlus::seed_from_u64(key))
    }

    /// 32 uniform bits.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Uniform in `[0, 1)`, a multiple of `2^-24`.
    #[inline]
    pub fn uniform(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 * (1.0 / (1u32 << 24) as f32)
    }

    /// Uniform in `[-1, 1)`, a multiple of `2^-23`.
    #[inline]
    pub fn symmetric(&mut self) -> f32 {
        2.0 * self.uniform() - 1.0
    }

    /// `true` with probability `p`.
    #[inline]
    pub fn coin(&mut self, p: f32) -> bool {
        self.uniform() < p
    }
}

/// For whatever draws from a generator of the `rand_core` kind.
impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.try_fill_bytes(bytes)
    }
}

/// The finaliser of SplitMix64, after its increment: a bijection that scatters neighbouring numbers. Folded
/// over the parts of an address, it makes a seed of it.
pub fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First outputs of the authors' C program for the state 1, 2, 3, 4.
    #[test]
    fn generator_is_xoshiro128_plus_plus() {
        let mut seed = [0u8; 16];
        for (i, byte) in [1, 2, 3, 4].iter().enumerate() {
            seed[4 * i] = *byte;
        }
        let mut rng = Xoshiro128PlusPlus::from_seed(seed);
        let expected = [641, 1573767, 3222811527, 3517856514, 836907274, 4247214768, 3867114732, 1355841295];
        for value in expected {
            assert_eq!(rng.next_u32(), value);
        }
    }

    #[test]
    fn every_part_of_the_address_counts() {
        let first = |seed, purpose, major, minor| Stream::new(seed, purpose, major, minor).next_u32();
        let all = [
            first(0, Purpose::Train, 0, 0),
            first(1, Purpose::Train, 0, 0),
            first(1 << 32, Purpose::Train, 0, 0),
            first(0, Purpose::Test, 0, 0),
            first(0, Purpose::Weights, 0, 0),
            first(0, Purpose::Train, 1, 0),
            first(0, Purpose::Train, 0, 1),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|b| a != b), "address {i}");
        }
        assert_eq!(first(7, Purpose::Test, 3, 2), first(7, Purpose::Test, 3, 2));
    }
}
