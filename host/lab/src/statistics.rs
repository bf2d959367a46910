//! Means over few replicates: what is known of their error, the row nearest to them that never rises, and intervals by
//! redrawing.
//!
//! With a handful of replicates, resampling them shows too little spread: a 95% interval for the crossing of a simulated
//! boundary then covers 86% at 4 replicates. So a mean is redrawn from a t distribution around itself instead. Its spread
//! is that of its own replicates, pooled with the neighbours' where those are few ([`pooled`]). The same simulation then
//! covers 94 to 95% at 4, 10 and 40 replicates (`tests/tests/lab.rs`).

use crate::summary::Moments;
use mote_core::rng::Stream;
use serde::Serialize;

/// Redraws behind an interval, and the seed that they come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redraws {
    /// How many.
    pub count: usize,
    /// Their seed.
    pub seed: u64,
}

impl Redraws {
    /// As many as every reported interval has.
    pub const COUNT: usize = 2000;

    /// [`Self::COUNT`] redraws.
    pub fn seeded(seed: u64) -> Self {
        Self { count: Self::COUNT, seed }
    }
}

/// A value with the middle 95 of 100 redraws. There is no such interval where the spread of a mean is not known, or where
/// more than the outer ones of the redraws have no value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// From the data as they are.
    pub value: f64,
    /// 2.5th percentile.
    pub low: Option<f64>,
    /// 97.5th percentile.
    pub high: Option<f64>,
}

impl Interval {
    /// A value and its redraws, none of them if the spread is not known.
    pub fn of(value: f64, redrawn: impl IntoIterator<Item = Option<f64>>) -> Self {
        let mut count = 0;
        let mut all: Vec<f64> = redrawn.into_iter().inspect(|_| count += 1).flatten().collect();
        if all.len() as f64 <= 0.975 * f64::from(count) {
            return Self { value, low: None, high: None };
        }
        all.sort_unstable_by(f64::total_cmp);
        let at = |part: f64| Some(all[(part * (all.len() - 1) as f64).round() as usize]);
        Self { value, low: at(0.025), high: at(0.975) }
    }
}

impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let digits = f.precision().unwrap_or(3);
        match (self.low, self.high) {
            (Some(low), Some(high)) => write!(f, "{:.digits$} [{low:.digits$}, {high:.digits$}]", self.value),
            _ => write!(f, "{:.digits$} [no interval]", self.value),
        }
    }
}

/// A mean, and what is known of its error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pooled {
    /// The mean of its own replicates.
    pub mean: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Degrees of freedom of the standard error; with none, it is not known.
    pub degrees: usize,
}

impl Pooled {
    /// The mean as it might be: itself plus its standard error times a deviate of the t distribution.
    pub fn redraw(&self, stream: &mut Stream) -> f64 {
        self.mean + self.standard_error * student_t(self.degrees as f64, stream)
    }
}

/// The means of a row with their errors. Each variance is pooled over the fewest neighbours that know it well: the place
/// alone, or one or two places more on either side, fewer at the ends of the row. With 21 replicates a place knows its
/// own; pooling would then only blur a spread that changes along the row.
pub fn pooled(row: &[Moments]) -> Vec<Pooled> {
    const FARTHEST: usize = 2;
    const ENOUGH_DEGREES: usize = 20;
    let degrees = |places: &[Moments]| places.iter().map(|m| m.count - 1).sum::<usize>();
    let at = |(i, own): (usize, &Moments)| {
        let around = |far: usize| &row[i.saturating_sub(far)..(i + far + 1).min(row.len())];
        let is_enough = |far: &usize| degrees(around(*far)) >= ENOUGH_DEGREES;
        let places = around((0..FARTHEST).find(is_enough).unwrap_or(FARTHEST));
        let degrees = degrees(places);
        // One replicate has no spread of its own, and no weight among the neighbours'.
        let square = |m: &Moments| m.sd.map_or(0.0, |sd| sd * sd * (m.count - 1) as f64);
        let variance = places.iter().map(square).sum::<f64>() / degrees.max(1) as f64;
        Pooled { mean: own.mean, standard_error: (variance / own.count as f64).sqrt(), degrees }
    };
    row.iter().enumerate().map(at).collect()
}

/// A deviate of the t distribution by Bailey's polar method (1994), with the same bits on every machine.
fn student_t(degrees: f64, stream: &mut Stream) -> f64 {
    loop {
        let (u, v) = (f64::from(stream.symmetric()), f64::from(stream.symmetric()));
        let w = u * u + v * v;
        if w > 0.0 && w < 1.0 {
            return u * (degrees * libm::expm1(-2.0 / degrees * libm::log(w)) / w).sqrt();
        }
    }
}

/// The never rising numbers nearest to these in the sum of squares, by pooling neighbours that rise.
#[derive(Debug, Default)]
pub struct NeverRising {
    /// Mean and members of every pool, kept from one row to the next.
    pools: Vec<(f64, usize)>,
}

impl NeverRising {
    /// Replaces a row by the nearest one that never rises.
    pub fn smooth(&mut self, row: &mut [f64]) {
        self.pools.clear();
        for number in row.iter() {
            let (mut mean, mut count) = (*number, 1);
            while let Some(&(last, members)) = self.pools.last()
                && last < mean
            {
                self.pools.pop();
                mean = (mean * count as f64 + last * members as f64) / (count + members) as f64;
                count += members;
            }
            self.pools.push((mean, count));
        }
        let smooth = self.pools.iter().flat_map(|(mean, count)| std::iter::repeat_n(mean, *count));
        row.iter_mut().zip(smooth).for_each(|(to, from)| *to = *from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mote_core::rng::Purpose;

    #[test]
    fn noise_on_a_row_does_not_move_its_crossing_to_the_last_peak() {
        let mut never_rising = NeverRising::default();
        let mut smooth = |mut row: Vec<f64>| {
            never_rising.smooth(&mut row);
            row
        };
        assert_eq!(smooth(vec![5.0, 3.0, 4.0, 1.0]), [5.0, 3.5, 3.5, 1.0]);
        assert_eq!(smooth(vec![1.0, 2.0, 3.0]), [2.0, 2.0, 2.0]);
        assert_eq!(smooth(vec![]), [0.0; 0]);
    }

    #[test]
    fn a_variance_is_pooled_over_as_few_neighbours_as_know_it() {
        let row = |count: usize| -> Vec<Pooled> {
            let sds = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
            pooled(&sds.map(|sd| Moments { mean: sd, sd: Some(sd), standard_error: None, count }))
        };
        let close = |found: Pooled, variance: f64, degrees: usize| {
            assert!((found.standard_error.powi(2) - variance).abs() < 1e-12 && found.degrees == degrees, "{found:?}");
        };
        let few = row(4);
        close(few[0], (1.0 + 4.0 + 9.0) / 3.0 / 4.0, 9);
        close(few[1], (1.0 + 4.0 + 9.0 + 16.0) / 4.0 / 4.0, 12);
        close(few[3], (4.0 + 9.0 + 16.0 + 25.0 + 36.0) / 5.0 / 4.0, 15);
        close(row(10)[3], (9.0 + 16.0 + 25.0) / 3.0 / 10.0, 27);
        close(row(40)[3], 16.0 / 40.0, 39);

        let single = |sd: Option<f64>, count| Moments { mean: 0.0, sd, standard_error: None, count };
        let lonely = pooled(&[single(None, 1), single(Some(2.0), 3), single(None, 1)]);
        close(lonely[0], 4.0, 2);
        assert_eq!(pooled(&[single(None, 1); 3])[1].degrees, 0, "nobody knows");
    }

    /// Tails and quartile of 100,000 deviates, against tables of the t distribution.
    #[test]
    fn deviates_have_the_t_distribution() {
        for (degrees, quartile, outer) in
            [(1.0, 1.0, 12.706), (3.0, 0.765, 3.182), (15.0, 0.691, 2.131), (1e6, 0.674, 1.960)]
        {
            let mut stream = Stream::new(11, Purpose::Test, 0, 0);
            let all: Vec<f64> = (0..100_000).map(|_| student_t(degrees, &mut stream)).collect();
            let above = |limit: f64| all.iter().filter(|t| **t > limit).count() as f64 / 1e5;
            // Four standard errors of a share of 100,000.
            assert!((above(quartile) - 0.25).abs() < 0.0055 && (above(-quartile) - 0.75).abs() < 0.0055, "{degrees}");
            assert!((above(outer) - 0.025).abs() < 0.002 && (above(-outer) - 0.975).abs() < 0.002, "{degrees}");
        }
    }

    #[test]
    fn an_interval_needs_redraws_that_have_a_value() {
        let missing = |missing: usize| Interval::of(1.0, (0..400).map(|i| (i >= missing).then_some(1.0)));
        assert!(missing(5).low.is_some() && missing(20).low.is_none());
        assert_eq!(Interval::of(1.0, []), Interval { value: 1.0, low: None, high: None });
        assert_eq!(Interval::of(1.5, []).to_string(), "1.500 [no interval]");
        let all = Interval::of(0.5, (0..=1000).map(|i| Some(f64::from(i) / 1000.0)));
        assert_eq!(format!("{all:.2}"), "0.50 [0.03, 0.97]");
    }
}
