//! Points of a curve that may become very long: it is thinned out before it fills the memory.

/// Most points that are kept; a screen has fewer columns.
const POINTS_MAX: usize = 4096;

/// Values over steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    points: Vec<(f64, f64)>,
    /// The newest point, whether it is kept or not.
    last: Option<(u64, f32)>,
    /// Of so many points, one is kept; 0 is 1.
    thinned: u32,
    passed_over: u32,
}

impl Curve {
    /// Adds a point. A number that is not finite is no point.
    pub fn push(&mut self, step: u64, value: f32) {
        if !value.is_finite() {
            return;
        }
        self.last = Some((step, value));
        self.passed_over += 1;
        if self.passed_over < (1 << self.thinned) && !self.points.is_empty() {
            return;
        }
        self.passed_over = 0;
        if self.points.len() == POINTS_MAX {
            let mut is_kept = false;
            self.points.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            self.thinned = (self.thinned + 1).min(31);
        }
        self.points.push((step as f64, f64::from(value)));
    }

    /// The points that are kept, and the newest.
    pub fn points(&self) -> Vec<(f64, f64)> {
        let last = self.last.map(|(step, value)| (step as f64, f64::from(value)));
        let is_new = last.filter(|last| self.points.last() != Some(last));
        self.points.iter().copied().chain(is_new).collect()
    }

    /// The newest point.
    pub fn last(&self) -> Option<(u64, f32)> {
        self.last
    }

    /// The largest value that is kept, or the newest.
    pub fn max(&self) -> Option<f64> {
        self.points().iter().map(|point| point.1).reduce(f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_curve_is_thinned_and_keeps_its_ends() {
        let mut curve = Curve::default();
        for step in 0..100_000u32 {
            curve.push(step.into(), step as f32);
        }
        let points = curve.points();
        assert!((POINTS_MAX / 2..=POINTS_MAX + 1).contains(&points.len()), "{}", points.len());
        assert_eq!((points[0], points[points.len() - 1]), ((0.0, 0.0), (99_999.0, 99_999.0)));
        assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[1].0 - pair[0].0 <= 32.0));
        assert_eq!(curve.max(), Some(99_999.0));
    }

    #[test]
    fn what_is_not_finite_is_no_point() {
        let mut curve = Curve::default();
        curve.push(1, f32::NAN);
        curve.push(2, f32::INFINITY);
        assert_eq!((curve.points().len(), curve.last(), curve.max()), (0, None, None));
        curve.push(3, 0.5);
        assert_eq!((curve.points(), curve.last()), (vec![(3.0, 0.5)], Some((3, 0.5))));
    }
}
