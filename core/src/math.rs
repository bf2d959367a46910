//! The only transcendental functions of the engine, the same bits on every machine.
//!
//! By default all come from `libm`. With feature `fast-math`, `exp` and `ln_1p` of the model come
//! from `micromath`; the data and the initial weights keep `libm`, so that both builds train on the
//! same numbers. The error of `fast-math` and its effect are measured by
//! `cargo test -p mote-core --features fast-math` and stated in `docs/numerics.md`.

/// Name of the maths behind [`exp`] and [`ln_1p`], as reports state it.
pub const NAME: &str = if cfg!(feature = "fast-math") { "micromath" } else { "libm" };

/// `e^x`. NaN stays NaN; the infinities give `inf` and `0`.
#[cfg(not(feature = "fast-math"))]
#[inline]
pub fn exp(x: f32) -> f32 {
    libm::expf(x)
}

/// `ln(1 + x)` for `x >= 0`.
#[cfg(not(feature = "fast-math"))]
#[inline]
pub fn ln_1p(x: f32) -> f32 {
    libm::log1pf(x)
}

/// `e^x` by micromath. NaN stays NaN; the infinities give `inf` and `0`.
#[cfg(feature = "fast-math")]
#[inline]
pub fn exp(x: f32) -> f32 {
    // micromath's bit tricks turn NaN into a finite number, which would hide a diverged run.
    if x.is_nan() {
        return f32::NAN;
    }
    if x.is_infinite() {
        return if x > 0.0 { f32::INFINITY } else { 0.0 };
    }
    // The free function: on a host with `std` the method syntax could pick the platform's `exp`.
    micromath::F32(x).exp().0
}

/// `ln(1 + x)` for `x >= 0`, by micromath.
#[cfg(feature = "fast-math")]
#[inline]
pub fn ln_1p(x: f32) -> f32 {
    if x.is_nan() {
        return f32::NAN;
    }
    // micromath's ln is absolute-error 1e-4: near 0 the series is both exact enough and relative.
    if x < 0.03 {
        return x * (1.0 - x * (0.5 - x * (1.0 / 3.0)));
    }
    micromath::F32(1.0 + x).ln().0
}

/// Square root, correctly rounded.
#[inline]
pub fn sqrt(x: f32) -> f32 {
    libm::sqrtf(x)
}

/// `a` if it is the larger, else `b`. Unlike `f32::max` it gives the same zero on every machine.
#[inline]
pub fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The larger of two errors. `f64::max` would pass over a NaN.
    fn worse(a: f64, b: f64) -> f64 {
        if a.is_nan() || b.is_nan() { f64::INFINITY } else { a.max(b) }
    }

    /// Largest relative error of `exp` over [-20, 20] and of `ln_1p` over [1e-8, 1] against f64 libm.
    fn worst() -> (f64, f64) {
        let (mut exp_worst, mut ln_worst) = (0.0f64, 0.0f64);
        for i in 0..400_001 {
            let x = -20.0 + i as f32 * 1e-4;
            let exact = libm::exp(f64::from(x));
            exp_worst = worse(exp_worst, ((f64::from(exp(x)) - exact) / exact).abs());
            let t = libm::expf(-18.4 * i as f32 / 400_000.0);
            let exact = libm::log1p(f64::from(t));
            ln_worst = worse(ln_worst, ((f64::from(ln_1p(t)) - exact) / exact).abs());
        }
        (exp_worst, ln_worst)
    }

    #[test]
    fn error_against_f64() {
        let (exp_worst, ln_worst) = worst();
        std::println!("{NAME}: exp {exp_worst:.2e}, ln_1p {ln_worst:.2e} (relative)");
        // Measured: see docs/numerics.md.
        let (exp_limit, ln_limit) = if cfg!(feature = "fast-math") { (3e-3, 1.2e-3) } else { (1e-7, 1.2e-7) };
        assert!(exp_worst < exp_limit && ln_worst < ln_limit, "{exp_worst:e} {ln_worst:e}");
    }

    #[test]
    fn what_is_not_finite_stays_so() {
        assert!(exp(f32::NAN).is_nan());
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(-1e4), 0.0);
        assert!(ln_1p(f32::NAN).is_nan());
        assert_eq!(larger(-0.0, 0.0).to_bits(), 0);
        assert_eq!(larger(0.0, -0.0).to_bits(), 0x8000_0000);
        assert_eq!((larger(1.0, 2.0), larger(2.0, 1.0)), (2.0, 2.0));
    }
}
