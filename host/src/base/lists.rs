//! Lists of numbers as a person types them.

use crate::base::error::{InputError, quoted};

/// `4,10,20`, `5..100..5` or `4..12` in steps of 1, both ends included, in the order given.
///
/// # Errors
///
/// [`InputError`] that names the option and the part that is no list.
pub fn numbers(option: &'static str, text: &str) -> Result<Vec<f64>, InputError> {
    const MOST: f64 = 1e6;
    let wrong =
        |what: &str, found: &str| InputError::option(option, format!("expected {what}, found \"{}\"", quoted(found)));
    let mut numbers = Vec::new();
    for part in text.split(',').map(str::trim) {
        let form = if part.contains("..") { RANGE } else { "a list like 4,10,20 or a range first..last..step" };
        let ends: Vec<f64> =
            part.split("..").map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong(form, part))?;
        let ends = match ends[..] {
            // Steps of 1 that miss the last number would drop it in silence.
            [first, last] if first <= last && (last - first).fract() == 0.0 => vec![first, last, 1.0],
            [first, last] if first <= last => return Err(wrong(STEPS_OF_1, part)),
            _ => ends,
        };
        match ends[..] {
            [one] if one.is_finite() => numbers.push(one),
            [first, last, step] if step > 0.0 && first <= last && (last - first) / step < MOST => {
                let count = ((last - first) / step + 1e-9).floor() as u64;
                // Rounded, so that 0.1 steps give the numbers a person would type.
                numbers.extend((0..=count).map(|i| ((first + i as f64 * step) * 1e9).round() / 1e9));
            }
            [first, last, step] if step > 0.0 && first <= last => {
                return Err(wrong(&format!("at most {MOST} numbers in first..last..step"), part));
            }
            _ => return Err(wrong(form, part)),
        }
    }
    Ok(numbers)
}

/// What a range without a step is.
const STEPS_OF_1: &str = "first..last..step, or a last that steps of 1 come to";

/// What a range is.
const RANGE: &str = "first..last..step with first at most last and step above 0, like 5..100..5";

/// The same of whole numbers below 10^15.
///
/// # Errors
///
/// As [`numbers`], and for anything but whole numbers.
pub fn counts(option: &'static str, text: &str) -> Result<Vec<u64>, InputError> {
    let whole = |x: f64| {
        let fits = x.fract() == 0.0 && (0.0..1e15).contains(&x);
        if fits {
            Ok(x as u64)
        } else {
            Err(InputError::option(option, format!("expected whole numbers below 1e15, found {}", shown(x))))
        }
    };
    numbers(option, text)?.into_iter().map(whole).collect()
}

/// Refuses what is no number above 0 of single precision, in which cells are computed.
///
/// # Errors
///
/// [`InputError`] that names the option, the range and what was found.
pub fn positive(option: &'static str, found: f64) -> Result<(), InputError> {
    if (f64::from(f32::MIN_POSITIVE)..=f64::from(f32::MAX)).contains(&found) {
        return Ok(());
    }
    let found = shown(found);
    Err(InputError::option(
        option,
        format!("expected a number from 1.2e-38 to 3.4e38 (single precision), found {found}"),
    ))
}

/// As a person would write it.
fn shown(x: f64) -> String {
    let is_short = x == 0.0 || (1e-5..1e16).contains(&x.abs());
    if is_short { x.to_string() } else { format!("{x:e}") }
}

/// A number, as an option takes it.
///
/// # Errors
///
/// What was expected and what was found.
pub fn number(text: &str) -> Result<f64, String> {
    text.trim().parse().map_err(|_| format!("expected a number, found \"{}\"", quoted(text)))
}

/// A whole number, as an option takes it.
///
/// # Errors
///
/// What was expected and what was found.
pub fn whole<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    let most = u64::MAX >> (64 - 8 * size_of::<T>());
    let number = text.trim().parse::<u64>().ok().and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| format!("expected a whole number from 0 to {most}, found \"{}\"", quoted(text)))
}

/// In increasing order, without repetition.
pub fn sorted<T: PartialOrd>(mut numbers: Vec<T>) -> Vec<T> {
    numbers.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    numbers.dedup_by(|a, b| a == b);
    numbers
}

/// What someone may have meant by an unknown name: all known ones that contain it, else all that are equally near, if
/// they are near.
pub fn near<'a>(found: &str, known: &[&'a str]) -> Vec<&'a str> {
    const SHORTEST_PART: usize = 3;
    let containing: Vec<_> = known.iter().copied().filter(|name| name.contains(found)).collect();
    if found.len() >= SHORTEST_PART && !containing.is_empty() {
        return containing;
    }
    let scored: Vec<_> = known.iter().map(|name| (strsim::jaro_winkler(found, name), *name)).collect();
    let best = scored.iter().map(|(score, _)| *score).fold(0.75, f64::max);
    scored.into_iter().filter(|(score, _)| *score > 0.75 && *score >= best).map(|(_, name)| name).collect()
}

/// [`near`] as the end of a message; empty if no name is near.
pub fn did_you_mean(found: &str, known: &[&str]) -> String {
    let names = near(found, known).join(" or ");
    if names.is_empty() { names } else { format!("; did you mean {names}?") }
}

/// What is wrong with an unknown name: the known ones, what was found and what may have been meant.
pub fn one_of(found: &str, known: &[&str]) -> String {
    let (names, meant) = (known.join(", "), did_you_mean(found, known));
    format!("expected one of {names}, found \"{}\"{meant}", quoted(found))
}

/// [`one_of`] as the error of an option.
pub fn unknown(option: &'static str, found: &str, known: &[&str]) -> InputError {
    InputError::option(option, one_of(found, known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_have_both_ends() {
        assert_eq!(numbers("n", "5..100..5").unwrap().len(), 20);
        assert_eq!(numbers("n", "0.8..1.1..0.1").unwrap(), [0.8, 0.9, 1.0, 1.1]);
        assert_eq!(sorted(numbers("n", "10, 4,4").unwrap()), [4.0, 10.0]);
        assert_eq!(counts("dim", "1e12,1000").unwrap(), [1_000_000_000_000, 1000]);
        assert_eq!(numbers("n", "4..7,2").unwrap(), [4.0, 5.0, 6.0, 7.0, 2.0]);
        assert_eq!(numbers("n", "0.5..2.5").unwrap(), [0.5, 1.5, 2.5]);
        for bad in ["", "4,,5", "5..1..1", "5..1", "0.2..1.6", "1..5..0", "a", "1..9..-1", "nan", "0..1..1e-12"] {
            assert!(numbers("n", bad).is_err(), "{bad}");
        }
        assert!(counts("n", "2.5").is_err() && counts("n", "-2").is_err());
    }

    #[test]
    fn ranges_that_are_none_are_told_what_a_range_is() {
        for bad in ["5..100..0", "5..", "100..5", "100..5..5", "a..b", "5..100..-5", "..", "1..2..3..4"] {
            let said = numbers("signal", bad).unwrap_err().to_string();
            assert_eq!(said, format!("--signal: expected {RANGE}, found \"{bad}\""));
        }
        let short = numbers("snr", "0.2..1.6").unwrap_err().to_string();
        assert_eq!(short, format!("--snr: expected {STEPS_OF_1}, found \"0.2..1.6\""));
        let many = numbers("n", "0..1..1e-12").unwrap_err().to_string();
        assert_eq!(many, "--n: expected at most 1000000 numbers in first..last..step, found \"0..1..1e-12\"");
        let none = numbers("n", "4,five").unwrap_err().to_string();
        assert_eq!(none, "--n: expected a list like 4,10,20 or a range first..last..step, found \"five\"");
    }

    #[test]
    fn whole_numbers_end_where_their_type_does() {
        assert_eq!(whole::<u32>("4294967295"), Ok(u32::MAX));
        assert_eq!(whole::<u64>("18446744073709551615"), Ok(u64::MAX));
        for bad in ["4294967296", "-1", "1.5", ""] {
            let said = whole::<u32>(bad).unwrap_err();
            assert_eq!(said, format!("expected a whole number from 0 to 4294967295, found \"{bad}\""));
        }
    }

    #[test]
    fn numbers_beyond_single_precision_are_refused_with_the_range() {
        for good in [f64::from(f32::MAX), 3.4e38, 1.2e-38, 0.5] {
            assert!(positive("lr", good).is_ok(), "{good}");
        }
        for (bad, found) in [
            (1e39, "1e39"),
            (3.5e38, "3.5e38"),
            (1e-39, "1e-39"),
            (0.0, "0"),
            (-1.0, "-1"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "NaN"),
        ] {
            let said = positive("lr", bad).unwrap_err().to_string();
            let expected = "--lr: expected a number from 1.2e-38 to 3.4e38 (single precision), found ";
            assert_eq!(said, format!("{expected}{found}"));
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        let names = ["figure1", "law", "wide", "theorem"];
        assert_eq!(near("figure", &names), ["figure1"]);
        assert_eq!(near("theorme", &names), ["theorem"]);
        assert_eq!(near("xyz", &names), [""; 0]);
        assert_eq!(near("", &names), [""; 0]);
        assert!(unknown("preset", "wyde", &names).to_string().ends_with("found \"wyde\"; did you mean wide?"));
    }

    #[test]
    fn all_names_that_match_are_suggested() {
        let names = ["nucleo-f446re", "nucleo-h743zi", "pico2"];
        assert_eq!(near("nucleo", &names), names[..2]);
        assert_eq!(near("nuclio", &names), names[..2]);
        assert_eq!(near("f446", &names), names[..1]);
        assert!(one_of("nucleo", &names).ends_with("; did you mean nucleo-f446re or nucleo-h743zi?"));
    }
}
