//! Decimals as people type them, to the nearest `f32`, through integers: the library's parser costs a chip
//! ten kilobytes of tables.

use crate::limits::DIGITS_MAX;
use crate::text::cut;

/// The `f32` nearest to a decimal such as `0.5`, `-3`, `.25` or `1e-3`, ties to even.
///
/// `None` if it is not one, has more than [`DIGITS_MAX`] digits between its first that is not zero and its last,
/// or needs more than 18 decimals or an integer part of more than 18 digits.
#[inline]
pub fn parse(text: &str) -> Option<f32> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (digits, mut exponent) = match cut(text, b'e') {
        Some((digits, exponent)) => (digits, parse_exponent(exponent)?),
        None => (text, 0),
    };
    let (mut mantissa, mut any, mut point) = (0u64, false, false);
    for byte in digits.bytes() {
        match byte {
            b'0'..=b'9' => {
                if mantissa >= LARGEST / 10 {
                    return None;
                }
                mantissa = mantissa * 10 + u64::from(byte - b'0');
                exponent -= i32::from(point);
                any = true;
            }
            b'.' if !point => point = true,
            _ => return None,
        }
    }
    if !any {
        return None;
    }
    let size = if mantissa == 0 { 0.0 } else { scale(mantissa, exponent)? };
    Some(if negative { -size } else { size })
}

const LARGEST: u64 = 10u64.pow(DIGITS_MAX);

/// An exponent of one or two digits with a sign or without.
#[inline]
fn parse_exponent(text: &str) -> Option<i32> {
    let (sign, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] | digits => (1, digits),
    };
    if digits.is_empty() || digits.len() > 2 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(sign * digits.iter().fold(0, |value, digit| value * 10 + i32::from(digit - b'0')))
}

/// `mantissa * 10^exponent`, rounded once. Both sides of the fraction are at most 10^18, so twice either fits 61 bits.
#[inline]
fn scale(mut numerator: u64, exponent: i32) -> Option<f32> {
    let mut denominator = 1u64;
    for _ in 0..exponent.unsigned_abs() {
        let side = if exponent < 0 { &mut denominator } else { &mut numerator };
        if *side > LARGEST / 10 {
            return None;
        }
        *side *= 10;
    }
    // numerator / denominator * 2^twos, with the fraction from 1 to 2.
    let mut twos = 0i32;
    while denominator <= numerator >> 1 {
        denominator <<= 1;
        twos += 1;
    }
    while numerator < denominator {
        numerator <<= 1;
        twos -= 1;
    }
    // 24 bits and one to round by; what is left decides a tie.
    let mut bits = 0u32;
    for _ in 0..25 {
        bits <<= 1;
        if numerator >= denominator {
            numerator -= denominator;
            bits |= 1;
        }
        numerator <<= 1;
    }
    let up = bits & 1 == 1 && (numerator != 0 || bits & 2 == 2);
    let significand = (bits >> 1) + u32::from(up);
    // At most 10^18 and at least 10^-18: far from both ends of the exponents. A carry to 2^24 flows into them.
    Some(f32::from_bits((((twos + 126) as u32) << 23) + significand))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mote_core::rng::{Purpose, Stream};
    use std::format;

    /// The standard library rounds correctly: 400,000 random decimals of every size.
    #[test]
    fn is_the_nearest_number() {
        let mut stream = Stream::new(1, Purpose::Test, 0, 0);
        for _ in 0..100_000 {
            let wide = u64::from(stream.next_u32()) << 32 | u64::from(stream.next_u32());
            let digits = wide % 10u64.pow(1 + stream.next_u32() % 17);
            let decimals = (stream.next_u32() % 18) as usize;
            let padded = format!("{digits:0width$}", width = decimals + 1);
            let (whole, rest) = padded.split_at(padded.len() - decimals);
            let shift = stream.next_u32() % 18;
            for text in [format!("{whole}.{rest}"), format!("-{digits}"), format!("{digits}e-{shift}")] {
                let expected: f32 = text.parse().unwrap();
                assert_eq!(parse(&text).map(f32::to_bits), Some(expected.to_bits()), "{text}");
            }
        }
    }

    /// Halfway between two neighbours, to the even one; next to halfway, to the nearer.
    #[test]
    fn ties_go_to_the_even_neighbour() {
        for (text, expected) in [
            ("16777217", 16_777_216.0f32),
            ("16777219", 16_777_220.0),
            ("33554431", 33_554_432.0),
            ("16777217.000000001", 16_777_218.0),
            ("0.5", 0.5),
            ("1e18", 1e18),
            ("1e-18", 1e-18),
            (".1", 0.1),
            ("7.", 7.0),
            ("-0", -0.0),
        ] {
            assert_eq!(parse(text).map(f32::to_bits), Some(expected.to_bits()), "{text}");
        }
    }

    /// Each limit, and one past it.
    #[test]
    fn what_is_no_decimal_is_refused() {
        assert_eq!(parse("999999999999999999"), Some(1e18));
        assert_eq!(parse("9999999999999999999"), None);
        assert_eq!(parse("1e19"), None);
        assert_eq!(parse("1e-19"), None);
        for text in ["", "-", ".", "e5", "1e", "1e+", "1e100", "1.2.3", "--1", "+1", "nan", "inf", "0x1", "1 ", "1,5"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
