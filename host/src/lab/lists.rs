//! Lists of numbers as a person types them.

use crate::error::{InputError, quoted};

/// `4,10,20` or `5..100..5`, both ends included, in the order given.
///
/// # Errors
///
/// [`InputError`] that names the option and the part that is no list.
pub fn numbers(option: &'static str, text: &str) -> Result<Vec<f64>, InputError> {
    const MOST: f64 = 1e6;
    let wrong = |found: &str| {
        InputError::option(option, format!("expected a list like 4,10,20 or 5..100..5, found \"{found}\""))
    };
    let mut numbers = Vec::new();
    for part in text.split(',').map(str::trim) {
        let ends: Vec<f64> = part.split("..").map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong(part))?;
        match ends[..] {
            [one] if one.is_finite() => numbers.push(one),
            [first, last, step] if step > 0.0 && first <= last && (last - first) / step < MOST => {
                let count = ((last - first) / step + 1e-9).floor() as u64;
                // Rounded, so that 0.1 steps give the numbers a person would type.
                numbers.extend((0..=count).map(|i| ((first + i as f64 * step) * 1e9).round() / 1e9));
            }
            _ => return Err(wrong(part)),
        }
    }
    Ok(numbers)
}

/// The same of whole numbers below 10^15.
///
/// # Errors
///
/// As [`numbers`], and for anything but whole numbers.
pub fn counts(option: &'static str, text: &str) -> Result<Vec<u64>, InputError> {
    let whole = |x: f64| {
        let fits = x.fract() == 0.0 && (0.0..1e15).contains(&x);
        if fits { Ok(x as u64) } else { Err(InputError::option(option, format!("expected whole numbers, found {x}"))) }
    };
    numbers(option, text)?.into_iter().map(whole).collect()
}

/// In increasing order, without repetition.
pub fn sorted<T: PartialOrd>(mut numbers: Vec<T>) -> Vec<T> {
    numbers.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    numbers.dedup_by(|a, b| a == b);
    numbers
}

/// What someone may have meant by an unknown name: the nearest known one, if it is near.
pub fn nearest<'a>(found: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.map(|name| (strsim::jaro_winkler(found, name), name));
    scored.filter(|(score, _)| *score > 0.75).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

/// An unknown name, with the known ones and the nearest of them.
pub fn unknown(option: &'static str, found: &str, known: &[&str]) -> InputError {
    let meant = nearest(found, known.iter().copied()).map_or(String::new(), |name| format!("; did you mean {name}?"));
    InputError::option(option, format!("expected one of {}, found \"{}\"{meant}", known.join(", "), quoted(found)))
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
        for bad in ["", "4,,5", "5..1..1", "1..5", "1..5..0", "a", "1..9..-1", "nan", "0..1..1e-12"] {
            assert!(numbers("n", bad).is_err(), "{bad}");
        }
        assert!(counts("n", "2.5").is_err() && counts("n", "-2").is_err());
    }

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        let names = ["figure1", "law", "wide", "theorem"];
        assert_eq!(nearest("figure", names.into_iter()), Some("figure1"));
        assert_eq!(nearest("theorme", names.into_iter()), Some("theorem"));
        assert_eq!(nearest("xyz", names.into_iter()), None);
        assert!(unknown("preset", "wyde", &names).to_string().ends_with("found \"wyde\"; did you mean wide?"));
    }
}
