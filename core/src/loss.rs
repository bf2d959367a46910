//! The logistic loss of one sample, without overflow.

use crate::math;

/// `log(1 + exp(-y f))` and its derivative on `f`, `g = -y / (1 + exp(y f))`.
///
/// `f` is the score, `y` is `+1` or `-1`; both results are finite for every finite `f`, because only
/// `exp` of a number that is not positive is taken: (J), section 3.
#[inline]
pub fn logistic(f: f32, y: f32) -> (f32, f32) {
    let margin = y * f;
    if margin > 0.0 {
        let e = math::exp(-margin);
        (math::ln_1p(e), -y * (e / (1.0 + e)))
    } else {
        let e = math::exp(margin);
        (math::ln_1p(e) - margin, -y / (1.0 + e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finite_where_the_formula_overflows() {
        for f in [1e4, 1e30, f32::MAX] {
            assert_eq!(logistic(f, 1.0), (0.0, 0.0));
            assert_eq!(logistic(f, -1.0), (f, 1.0));
            assert_eq!(logistic(-f, 1.0), (f, -1.0));
        }
    }

    #[test]
    fn a_nan_score_is_a_nan_loss() {
        assert!(logistic(f32::NAN, 1.0).0.is_nan());
    }
}
