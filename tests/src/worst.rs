//! The worst of many errors. A NaN is worse than any number: a fold by `f64::max` would pass over it.

/// The larger of two errors; infinite if one of them is NaN.
pub fn worse(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::INFINITY } else { a.max(b) }
}

/// The largest of errors: 0 of none, infinite if one of them is NaN.
pub fn worst(errors: impl IntoIterator<Item = f64>) -> f64 {
    errors.into_iter().fold(0.0, worse)
}

/// The largest absolute value: 0 of none, infinite if one of them is NaN.
pub fn largest(numbers: impl IntoIterator<Item = f64>) -> f64 {
    worst(numbers.into_iter().map(f64::abs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nan_is_worse_than_any_number() {
        assert_eq!(worst([]), 0.0);
        assert_eq!(worst([1.0, 3.0, 2.0]), 3.0);
        for place in 0..3 {
            let mut errors = [1.0, 3.0, 2.0];
            errors[place] = f64::NAN;
            assert_eq!(worst(errors), f64::INFINITY);
            assert_eq!(largest(errors), f64::INFINITY);
        }
        assert_eq!(worse(f64::NAN, 1.0), f64::INFINITY);
        assert_eq!(largest([-4.0, 3.0]), 4.0);
    }
}
