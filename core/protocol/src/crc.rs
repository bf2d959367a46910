//! The checksum of lines, frames, data and weights: CRC-32 as in zip and Ethernet.

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};

/// Bit by bit: a table would cost 1 kB of flash.
pub static CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// CRC-32 of bytes, as it stands at the end of a line.
#[inline]
pub fn checksum(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes)
}

/// CRC-32 over numbers, as their bits in little-endian order. All NaN count as one.
#[derive(Clone)]
pub struct Crc32(crc::Digest<'static, u32, NoTable>);

impl Crc32 {
    /// The digest of nothing.
    #[inline]
    pub fn new() -> Self {
        Self(CRC.digest())
    }

    /// Takes numbers in.
    #[inline]
    pub fn update(&mut self, numbers: &[f32]) {
        for x in numbers {
            self.0.update(&canonical_bits(*x).to_le_bytes());
        }
    }

    /// The digest of all that was taken in.
    #[inline]
    pub fn finish(self) -> u32 {
        self.0.finalize()
    }
}

impl Default for Crc32 {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

/// The bits of a number, with one pattern for all NaN: x86 and Arm make different ones.
#[inline]
pub fn canonical_bits(x: f32) -> u32 {
    if x.is_nan() { 0x7fc0_0000 } else { x.to_bits() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value that catalogues of CRCs give for CRC-32/ISO-HDLC.
    #[test]
    fn checksum_is_the_one_of_zip_and_ethernet() {
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn every_nan_counts_as_one() {
        let digest = |x: f32| {
            let mut digest = Crc32::new();
            digest.update(&[1.0, x]);
            digest.finish()
        };
        assert_eq!(digest(f32::from_bits(0xffc0_0000)), digest(f32::from_bits(0x7fc0_0001)));
        assert_ne!(digest(0.0), digest(-0.0));
    }
}
