//! Numbers as text, through integers: `core::fmt` for floats costs a chip 24 kB of flash.
//!
//! What writes lines is generic or `#[inline]`, so that it is compiled with the firmware, for size, and not
//! with the arithmetic, for speed.

use core::fmt::{Result, Write};

/// `x / 10` and `x % 10` by 16-bit long division: a chip has no 64-bit divider, and the library's
/// costs 1 kB of flash.
#[inline]
fn divide_by_10(x: u64) -> (u64, u8) {
    let (mut quotient, mut rest) = (0u64, 0u32);
    for i in (0..4).rev() {
        let part = rest << 16 | (x >> (16 * i)) as u32 & 0xffff;
        quotient = quotient << 16 | u64::from(part / 10);
        rest = part % 10;
    }
    (quotient, rest as u8)
}

/// Writes an unsigned integer in decimal.
///
/// # Errors
///
/// What `out` answers.
#[inline(never)]
pub fn write_u64(out: &mut impl Write, x: u64) -> Result {
    write_digits(out, x, 0)
}

/// Writes `x / 10^decimals` with so many decimals, at most 19.
#[inline(never)]
fn write_digits(out: &mut impl Write, mut x: u64, decimals: usize) -> Result {
    let mut digits = [b'0'; 20];
    let mut used = 0;
    for digit in &mut digits {
        let (quotient, rest) = divide_by_10(x);
        *digit = b'0' + rest;
        x = quotient;
        used += 1;
        if x == 0 && used > decimals {
            break;
        }
    }
    for (i, &digit) in digits.iter().enumerate().take(used).rev() {
        out.write_char(char::from(digit))?;
        if i == decimals && decimals > 0 {
            out.write_char('.')?;
        }
    }
    Ok(())
}

/// Writes 32 bits as eight lower-case hexadecimal digits.
///
/// # Errors
///
/// What `out` answers.
#[inline(never)]
pub fn write_hex(out: &mut impl Write, x: u32) -> Result {
    (0..8).rev().try_for_each(|i| {
        let digit = (x >> (4 * i) & 0xf) as u8;
        out.write_char(char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }))
    })
}

/// Writes a float for people: six decimals for 0.001 to a million (rounded exactly, ties to even),
/// seven significant digits and an exponent outside, `nan`, `inf` or `-inf`.
///
/// # Errors
///
/// What `out` answers.
#[inline]
pub fn write_f32(out: &mut impl Write, x: f32) -> Result {
    if x.is_nan() {
        return out.write_str("nan");
    }
    if x.is_sign_negative() {
        out.write_char('-')?;
    }
    let size = x.abs();
    if size.is_infinite() {
        out.write_str("inf")
    } else if size == 0.0 {
        out.write_str("0.000000")
    } else if (1e-3..1e6).contains(&size) {
        write_fixed(out, size)
    } else {
        write_scientific(out, size)
    }
}

/// `x = mantissa * 2^exponent`, exactly.
#[inline]
fn split(x: f32) -> (u64, i32) {
    let bits = x.to_bits();
    let (fraction, exponent) = (u64::from(bits & 0x7f_ffff), (bits >> 23 & 0xff) as i32);
    if exponent == 0 { (fraction, -149) } else { (fraction | 0x80_0000, exponent - 150) }
}

#[inline]
fn write_fixed(out: &mut impl Write, x: f32) -> Result {
    // x < 2^20, so the exponent is between -33 and -4 and the product below 2^44.
    let (mantissa, exponent) = split(x);
    let shift = (-exponent) as u32 & 63;
    let scaled = mantissa * 1_000_000;
    let (floor, rest, half) = (scaled >> shift, scaled & ((1 << shift) - 1), 1 << (shift - 1));
    let millionths = floor + u64::from(rest > half || rest == half && floor % 2 == 1);
    write_digits(out, millionths, 6)
}

#[inline]
fn write_scientific(out: &mut impl Write, x: f32) -> Result {
    // Trade powers of two for powers of ten, keeping about 59 bits.
    let (mut m, mut twos) = split(x);
    let mut tens = 6i32;
    while twos < 0 {
        if m < 1 << 59 {
            m *= 10;
            tens -= 1;
        } else {
            m = (m + 1) >> 1;
            twos += 1;
        }
    }
    while twos > 0 {
        if m < 1 << 62 {
            m <<= 1;
            twos -= 1;
        } else {
            m = divide_by_10(m + 5).0;
            tens += 1;
        }
    }
    // Seven digits, the last one rounded.
    while m < 1_000_000 {
        m *= 10;
        tens -= 1;
    }
    let mut last = 0;
    while m >= 10_000_000 {
        (m, last) = divide_by_10(m);
        tens += 1;
    }
    m += u64::from(last >= 5);
    if m == 10_000_000 {
        m = 1_000_000;
        tens += 1;
    }
    write_digits(out, m, 6)?;
    out.write_str(if tens < 0 { "e-" } else { "e+" })?;
    write_u64(out, u64::from(tens.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::String;

    fn text(x: f32) -> String {
        let mut out = String::new();
        write_f32(&mut out, x).unwrap();
        out
    }

    #[test]
    fn fixed_is_what_the_standard_library_prints() {
        let mut bits = 1e-3f32.to_bits();
        while f32::from_bits(bits) < 1e6 {
            let x = f32::from_bits(bits);
            assert_eq!(text(x), format!("{x:.6}"));
            assert_eq!(text(-x), format!("{:.6}", -x));
            bits += 1013;
        }
        assert_eq!((text(0.0), text(-0.0)), ("0.000000".into(), "-0.000000".into()));
    }

    #[test]
    fn scientific_keeps_seven_digits() {
        for bits in (1..f32::INFINITY.to_bits()).step_by(99_991) {
            let x = f32::from_bits(bits);
            let read: f64 = text(x).parse().unwrap();
            assert!((read / f64::from(x) - 1.0).abs() <= 5.1e-7 || (1e-3..1e6).contains(&x), "{x:e}: {}", text(x));
        }
        let shown = [f32::MAX, 1e6, 999_999.94, f32::MIN_POSITIVE, f32::from_bits(1)].map(text);
        assert_eq!(shown, ["3.402823e+38", "1.000000e+6", "999999.937500", "1.175494e-38", "1.401298e-45"]);
        assert_eq!([f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(text), ["nan", "inf", "-inf"]);
    }

    #[test]
    fn integers_at_their_ends() {
        for x in [0, 9, 10, u64::MAX] {
            let mut out = String::new();
            write_u64(&mut out, x).unwrap();
            assert_eq!(out, format!("{x}"));
        }
        let mut out = String::new();
        write_hex(&mut out, 0x0a9f_30c1).unwrap();
        assert_eq!(out, "0a9f30c1");
    }
}
