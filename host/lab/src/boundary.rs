//! Where a phase diagram turns: the crossing of every N, the law through the crossings, and how sharp it is.

use crate::summary::{Group, Moments};
use mote_core::rng::{Purpose, Stream};
use serde::Serialize;

/// Resamplings behind an interval.
const RESAMPLINGS: usize = 400;

/// A value with the middle 95 of 100 resamplings of the replicates. There is no such interval where a place has a single
/// replicate, or where more than the outer ones of the resamplings have no value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// From the data as they are.
    pub value: f64,
    /// 2.5th percentile.
    pub low: Option<f64>,
    /// 97.5th percentile.
    pub high: Option<f64>,
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

/// Where one N crosses the cut.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Crossing {
    /// `N`.
    pub n: usize,
    /// SNR at which the mean test loss crosses the cut, between two neighbours; `None` if it never does.
    pub snr: Option<Interval>,
    /// `N SNR^2` there.
    pub n_snr2: Option<f64>,
    /// First signal norm with a mean below the cut.
    pub first_signal_below: Option<f64>,
}

/// The boundary of a phase diagram.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Boundary {
    /// `D`.
    pub dim: u64,
    /// `H`.
    pub head: usize,
    /// Test loss at which the picture is cut.
    pub cut: f64,
    /// The crossing of each N.
    pub crossings: Vec<Crossing>,
    /// Exponent of `SNR* = constant N^exponent`; the theory says -1/2.
    pub exponent: Option<Interval>,
    /// `N SNR*^2`, geometric mean over N.
    pub constant: Option<Interval>,
    /// Cells that agree with "test loss below the cut if and only if `N SNR^2 >= 1000`".
    pub agreement_1000: f64,
    /// The constant with the best agreement; `None` if that is above the whole grid, with no cell benign.
    pub best_constant: Option<f64>,
    /// Its agreement.
    pub agreement_best: f64,
    /// Cells that did not converge, and count in no agreement.
    pub not_converged: usize,
}

impl Boundary {
    /// The boundary at `cut` of the groups of one model; intervals by resampling replicates, seeded.
    pub fn of(groups: &[Group], cut: f64, seed: u64) -> Self {
        let mut ns: Vec<usize> = groups.iter().map(|group| group.n).collect();
        ns.dedup();
        let means = |pick: &mut dyn FnMut(&[f64]) -> Option<f64>| -> Vec<Option<f64>> {
            groups.iter().map(|group| pick(&group.test_loss)).collect()
        };
        let crossings_of =
            |means: &[Option<f64>]| ns.iter().map(|&n| crossing(groups, means, n, cut)).collect::<Vec<_>>();
        let is_replicated = groups.iter().all(|group| group.test_loss.len() != 1);
        let own = crossings_of(&means(&mut |losses| Moments::of(losses).map(|m| m.mean)));
        let mut stream = Stream::new(seed, Purpose::Test, u32::MAX, 0);
        let mut resample = |losses: &[f64]| {
            let draw = |_| losses[stream.next_u32() as usize % losses.len()];
            (!losses.is_empty()).then(|| (0..losses.len()).map(draw).sum::<f64>() / losses.len() as f64)
        };
        let resampled: Vec<Vec<Option<f64>>> = (0..RESAMPLINGS).map(|_| crossings_of(&means(&mut resample))).collect();
        let crossings = ns.iter().enumerate().map(|(i, &n)| {
            let again = resampled.iter().map(|crossings| crossings[i]);
            let snr = own[i].map(|value| interval(value, again.collect(), is_replicated));
            let below = |group: &&Group| group.n == n && Moments::of(&group.test_loss).is_some_and(|m| m.mean < cut);
            let first_signal_below = groups.iter().find(below).map(|group| group.signal_norm);
            Crossing { n, snr, n_snr2: snr.map(|snr| n as f64 * snr.value * snr.value), first_signal_below }
        });
        let crossings = crossings.collect();
        let fitted = fit(&ns, &own);
        let refit = |crossings: &Vec<Option<f64>>| {
            // Through the same N as the data's own fit, or not at all.
            let is_whole = own.iter().zip(crossings).all(|(own, again)| own.is_none() || again.is_some());
            if is_whole { fit(&ns, crossings) } else { None }
        };
        let of = |part: fn((f64, f64)) -> f64| {
            let again = resampled.iter().map(|crossings| refit(crossings).map(part)).collect();
            fitted.map(|own| interval(part(own), again, is_replicated))
        };
        let (agreement_best, best_constant) = best_constant(groups, cut);
        let (dim, head) = groups.first().map_or((0, 0), |group| group.model);
        Self {
            dim,
            head,
            cut,
            crossings,
            exponent: of(|fit| fit.0),
            constant: of(|fit| fit.1),
            agreement_1000: agreement(groups, cut, 1000.0),
            best_constant,
            agreement_best,
            not_converged: groups.iter().map(|group| group.not_converged).sum(),
        }
    }
}

/// The SNR at which the mean falls below the cut. Means over few replicates go up and down, the truth only down: so the
/// row is first replaced by the nearest one that never rises, and the crossing lies between two neighbours of that.
fn crossing(groups: &[Group], means: &[Option<f64>], n: usize, cut: f64) -> Option<f64> {
    let (snr, row): (Vec<f64>, Vec<f64>) = groups
        .iter()
        .zip(means)
        .filter(|(group, _)| group.n == n)
        .filter_map(|(group, mean)| Some((group.snr, (*mean)?)))
        .unzip();
    let row = never_rising(&row);
    let below = row.iter().position(|mean| *mean < cut).filter(|below| *below > 0)?;
    let (above, share) = (below - 1, (row[below - 1] - cut) / (row[below - 1] - row[below]));
    Some(snr[above] + (snr[below] - snr[above]) * share)
}

/// The never rising numbers nearest to these in the sum of squares, by pooling neighbours that rise.
fn never_rising(numbers: &[f64]) -> Vec<f64> {
    let mut pools: Vec<(f64, usize)> = Vec::with_capacity(numbers.len());
    for number in numbers {
        let (mut mean, mut count) = (*number, 1);
        while let Some(&(last, members)) = pools.last()
            && last < mean
        {
            pools.pop();
            mean = (mean * count as f64 + last * members as f64) / (count + members) as f64;
            count += members;
        }
        pools.push((mean, count));
    }
    pools.into_iter().flat_map(|(mean, count)| std::iter::repeat_n(mean, count)).collect()
}

/// Exponent of SNR* against N, by least squares on logarithms, and the geometric mean of `N SNR*^2`.
fn fit(ns: &[usize], crossings: &[Option<f64>]) -> Option<(f64, f64)> {
    let points: Vec<(f64, f64)> =
        ns.iter().zip(crossings).filter_map(|(n, snr)| Some(((*n as f64).ln(), (*snr)?.ln()))).collect();
    let count = points.len() as f64;
    if points.len() < 2 {
        return None;
    }
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / count, y + p.1 / count));
    let (xy, xx) = points.iter().fold((0.0, 0.0), |(xy, xx), p| (xy + (p.0 - x) * (p.1 - y), xx + (p.0 - x).powi(2)));
    Some((xy / xx, (x + 2.0 * y).exp()))
}

fn interval(value: f64, resampled: Vec<Option<f64>>, is_replicated: bool) -> Interval {
    let count = resampled.len();
    let mut all: Vec<f64> = resampled.into_iter().flatten().collect();
    if !is_replicated || all.len() as f64 <= 0.975 * count as f64 {
        return Interval { value, low: None, high: None };
    }
    all.sort_by(f64::total_cmp);
    let at = |part: f64| Some(all[(part * (all.len() - 1) as f64).round() as usize]);
    Interval { value, low: at(0.025), high: at(0.975) }
}

/// Share of converged cells that are below the cut if and only if `N SNR^2 >= constant`.
pub fn agreement(groups: &[Group], cut: f64, constant: f64) -> f64 {
    let (mut agree, mut all) = (0usize, 0usize);
    for group in groups {
        let is_benign = group.n as f64 * group.snr * group.snr >= constant;
        agree += group.test_loss.iter().filter(|loss| (**loss < cut) == is_benign).count();
        all += group.test_loss.len();
    }
    agree as f64 / (all.max(1)) as f64
}

/// The best agreement and the constant that reaches it: the value of one of the groups, or none of them.
fn best_constant(groups: &[Group], cut: f64) -> (f64, Option<f64>) {
    let mut values: Vec<f64> = groups.iter().map(|group| group.n as f64 * group.snr * group.snr).collect();
    values.sort_by(f64::total_cmp);
    let candidates = values.into_iter().map(|constant| (agreement(groups, cut, constant), Some(constant)));
    let nowhere = (agreement(groups, cut, f64::INFINITY), None);
    candidates.fold(nowhere, |best, candidate| if candidate.0 > best.0 { candidate } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sharp boundary at `N SNR^2 = 9`, with a little noise.
    fn sharp() -> Vec<Group> {
        let mut groups = Vec::new();
        for n in [4usize, 9, 16, 36] {
            for i in 1..40 {
                let snr = f64::from(i) * 0.05;
                let loss = 0.2 * (9.0 / (n as f64 * snr * snr)).powi(3);
                let test_loss = vec![loss * 0.98, loss, loss * 1.02];
                groups.push(Group {
                    model: (64, 8),
                    n,
                    signal_norm: snr,
                    snr,
                    test_loss,
                    test_error: vec![0.0; 3],
                    steps: vec![7.0; 3],
                    not_converged: 0,
                });
            }
        }
        groups
    }

    #[test]
    fn a_known_boundary_is_found() {
        let boundary = Boundary::of(&sharp(), 0.2, 1);
        let exponent = boundary.exponent.unwrap();
        assert!(
            (exponent.value + 0.5).abs() < 0.01
                && exponent.low.unwrap() <= exponent.value
                && exponent.value <= exponent.high.unwrap()
        );
        assert!((boundary.constant.unwrap().value - 9.0).abs() < 0.2, "{:?}", boundary.constant);
        let (constant, share) = (boundary.best_constant.unwrap(), boundary.agreement_best);
        assert!((constant - 9.0).abs() < 0.8 && share > 0.98, "{constant} {share}");
        assert_eq!(boundary, Boundary::of(&sharp(), 0.2, 1), "seeded");
        let first = &boundary.crossings[0];
        assert!((first.snr.unwrap().value - 1.5).abs() < 0.02 && first.first_signal_below.unwrap() >= 1.5);
    }

    #[test]
    fn what_never_crosses_has_no_crossing() {
        let boundary = Boundary::of(&sharp(), 1e-9, 1);
        assert_eq!((boundary.best_constant, boundary.agreement_best), (None, 1.0), "no cell is benign");
        assert!(boundary.crossings.iter().all(|crossing| crossing.snr.is_none()) && boundary.exponent.is_none());
    }

    #[test]
    fn what_is_not_known_has_no_interval() {
        let mut groups = sharp();
        groups[3].test_loss.truncate(1);
        let boundary = Boundary::of(&groups, 0.2, 1);
        let crossing = boundary.crossings[0].snr.unwrap();
        assert_eq!((crossing.low, crossing.high), (None, None), "a single replicate");
        assert_eq!(crossing.to_string(), format!("{:.3} [no interval]", crossing.value));
        let at_the_edge = |missing: usize| (0..400).map(|i| (i >= missing).then_some(1.0)).collect();
        assert!(
            interval(1.0, at_the_edge(5), true).low.is_some() && interval(1.0, at_the_edge(20), true).low.is_none()
        );
    }

    #[test]
    fn noise_on_a_row_does_not_move_its_crossing_to_the_last_peak() {
        assert_eq!(never_rising(&[5.0, 3.0, 4.0, 1.0]), [5.0, 3.5, 3.5, 1.0]);
        assert_eq!(never_rising(&[1.0, 2.0, 3.0]), [2.0, 2.0, 2.0]);
        assert_eq!(never_rising(&[]), [0.0; 0]);
    }
}
