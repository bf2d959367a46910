//! What many cells say together: means with error bars, and where the boundary lies.

use super::store::Cell;
use mote_core::rng::{Purpose, Stream};
use serde::Serialize;
use std::collections::BTreeMap;

/// Resamplings behind an interval.
const RESAMPLINGS: usize = 400;

/// All replicates of one (n, signal norm).
#[derive(Clone, Debug)]
pub struct Group {
    /// `N`.
    pub n: usize,
    /// `s`.
    pub signal_norm: f64,
    /// `SNR`.
    pub snr: f64,
    /// Test losses of the replicates that converged.
    pub test_loss: Vec<f64>,
    /// Their 0-1 test errors.
    pub test_error: Vec<f64>,
    /// Their steps.
    pub steps: Vec<f64>,
    /// Replicates that did not converge.
    pub not_converged: usize,
}

/// Mean, standard deviation (of a replicate) and standard error (of the mean).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Moments {
    /// Mean.
    pub mean: f64,
    /// Standard deviation, with `count - 1`.
    pub sd: f64,
    /// Standard error of the mean.
    pub standard_error: f64,
    /// Replicates.
    pub count: usize,
}

impl Moments {
    /// Of some numbers; `None` of none. Of a single one, the deviations are NaN-free: 0.
    pub fn of(numbers: &[f64]) -> Option<Self> {
        let count = numbers.len();
        if count == 0 {
            return None;
        }
        let mean = numbers.iter().sum::<f64>() / count as f64;
        let squares: f64 = numbers.iter().map(|x| (x - mean).powi(2)).sum();
        let sd = if count > 1 { (squares / (count - 1) as f64).sqrt() } else { 0.0 };
        Some(Self { mean, sd, standard_error: sd / (count as f64).sqrt(), count })
    }
}

/// Cells by (n, signal norm), in increasing order.
pub fn groups(cells: &[Cell], snr: impl Fn(f64) -> f64) -> Vec<Group> {
    let mut groups: BTreeMap<(usize, u64), Group> = BTreeMap::new();
    for cell in cells {
        let (n, signal_norm) = (cell.place.samples, cell.place.signal_norm);
        // The bits of positive numbers are ordered as the numbers are.
        let group = groups.entry((n, signal_norm.to_bits())).or_insert_with(|| Group {
            n,
            signal_norm,
            snr: snr(signal_norm),
            test_loss: Vec::new(),
            test_error: Vec::new(),
            steps: Vec::new(),
            not_converged: 0,
        });
        match cell.outcome.figures {
            Some(figures) => {
                group.test_loss.push(figures.test_loss);
                group.test_error.push(figures.test_error);
                group.steps.push(cell.outcome.steps.into());
            }
            None => group.not_converged += 1,
        }
    }
    groups.into_values().collect()
}

/// The groups as CSV; blanks where no replicate converged.
pub fn to_csv(groups: &[Group]) -> String {
    let mut csv = String::from(
        "n,signal_norm,snr,n_snr2,count,not_converged,mean_test_loss,sd_test_loss,se_test_loss,\
         mean_test_error,sd_test_error,se_test_error,mean_steps\n",
    );
    for group in groups {
        let columns = |numbers: &[f64]| match Moments::of(numbers) {
            Some(Moments { mean, sd, standard_error, .. }) => format!("{mean},{sd},{standard_error}"),
            None => ",,".into(),
        };
        let (n, snr) = (group.n, group.snr);
        let (loss, error) = (columns(&group.test_loss), columns(&group.test_error));
        let steps = Moments::of(&group.steps).map_or(String::new(), |m| m.mean.to_string());
        let place = format!("{n},{},{snr},{}", group.signal_norm, n as f64 * snr * snr);
        csv += &format!("{place},{},{},{loss},{error},{steps}\n", group.test_loss.len(), group.not_converged);
    }
    csv
}

/// A value with the interval that holds it in 95 of 100 resamplings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// From the data as they are.
    pub value: f64,
    /// 2.5th percentile.
    pub low: f64,
    /// 97.5th percentile.
    pub high: f64,
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
    /// The constant with the best agreement.
    pub best_constant: f64,
    /// Its agreement.
    pub agreement_best: f64,
    /// Cells that did not converge, and count in no agreement.
    pub not_converged: usize,
}

impl Boundary {
    /// The boundary at `cut`; intervals by resampling replicates, seeded.
    pub fn of(groups: &[Group], cut: f64, seed: u64) -> Self {
        let mut ns: Vec<usize> = groups.iter().map(|group| group.n).collect();
        ns.dedup();
        let means = |pick: &mut dyn FnMut(&[f64]) -> Option<f64>| -> Vec<Option<f64>> {
            groups.iter().map(|group| pick(&group.test_loss)).collect()
        };
        let crossings_of =
            |means: &[Option<f64>]| ns.iter().map(|&n| crossing(groups, means, n, cut)).collect::<Vec<_>>();
        let own = crossings_of(&means(&mut |losses| Moments::of(losses).map(|m| m.mean)));
        let mut stream = Stream::new(seed, Purpose::Test, u32::MAX, 0);
        let mut resample = |losses: &[f64]| {
            let draw = |_| losses[stream.next_u32() as usize % losses.len()];
            (!losses.is_empty()).then(|| (0..losses.len()).map(draw).sum::<f64>() / losses.len() as f64)
        };
        let resampled: Vec<Vec<Option<f64>>> = (0..RESAMPLINGS).map(|_| crossings_of(&means(&mut resample))).collect();
        let crossings = ns.iter().enumerate().map(|(i, &n)| {
            let snr = own[i].map(|value| interval(value, resampled.iter().filter_map(|crossings| crossings[i])));
            let below = |group: &&Group| group.n == n && Moments::of(&group.test_loss).is_some_and(|m| m.mean < cut);
            let first_signal_below = groups.iter().find(below).map(|group| group.signal_norm);
            Crossing { n, snr, n_snr2: snr.map(|snr| n as f64 * snr.value * snr.value), first_signal_below }
        });
        let crossings = crossings.collect();
        let fits = |crossings: &Vec<Option<f64>>| fit(&ns, crossings);
        let fitted = fits(&own);
        let of = |part: fn((f64, f64)) -> f64| {
            fitted.map(|own| interval(part(own), resampled.iter().filter_map(fits).map(part)))
        };
        let (agreement_best, best_constant) = best_constant(groups, cut);
        Self {
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

/// The first SNR, going up, from which the mean lies below the cut: between the last mean above and the next.
fn crossing(groups: &[Group], means: &[Option<f64>], n: usize, cut: f64) -> Option<f64> {
    let row: Vec<(f64, f64)> = groups
        .iter()
        .zip(means)
        .filter(|(group, _)| group.n == n)
        .filter_map(|(group, mean)| Some((group.snr, (*mean)?)))
        .collect();
    let above = row.iter().rposition(|(_, mean)| *mean >= cut)?;
    let ((snr_0, mean_0), (snr_1, mean_1)) = (row[above], *row.get(above + 1)?);
    Some(snr_0 + (snr_1 - snr_0) * (mean_0 - cut) / (mean_0 - mean_1))
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

fn interval(value: f64, resampled: impl Iterator<Item = f64>) -> Interval {
    let mut all: Vec<f64> = resampled.collect();
    all.sort_by(f64::total_cmp);
    let at =
        |part: f64| all.get((part * all.len().saturating_sub(1) as f64).round() as usize).copied().unwrap_or(value);
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

/// The best agreement and the constant that reaches it: one of the values between two groups.
fn best_constant(groups: &[Group], cut: f64) -> (f64, f64) {
    let mut values: Vec<f64> = groups.iter().map(|group| group.n as f64 * group.snr * group.snr).collect();
    values.sort_by(f64::total_cmp);
    let candidates = values.into_iter().map(|constant| (agreement(groups, cut, constant), constant));
    candidates.fold((0.0, 0.0), |best, candidate| if candidate.0 > best.0 { candidate } else { best })
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
            (exponent.value + 0.5).abs() < 0.01 && exponent.low <= exponent.value && exponent.value <= exponent.high
        );
        assert!((boundary.constant.unwrap().value - 9.0).abs() < 0.2, "{:?}", boundary.constant);
        let (constant, share) = (boundary.best_constant, boundary.agreement_best);
        assert!((constant - 9.0).abs() < 0.8 && share > 0.98, "{constant} {share}");
        assert_eq!(boundary, Boundary::of(&sharp(), 0.2, 1), "seeded");
        let first = &boundary.crossings[0];
        assert!((first.snr.unwrap().value - 1.5).abs() < 0.02 && first.first_signal_below.unwrap() >= 1.5);
    }

    #[test]
    fn what_never_crosses_has_no_crossing() {
        let boundary = Boundary::of(&sharp(), 1e-9, 1);
        assert!(boundary.crossings.iter().all(|crossing| crossing.snr.is_none()) && boundary.exponent.is_none());
    }

    #[test]
    fn moments_are_those_of_the_textbook() {
        let moments = Moments::of(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert!((moments.mean - 2.5).abs() < 1e-12 && (moments.sd - (5.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(Moments::of(&[]), None);
        assert_eq!(Moments::of(&[7.0]).unwrap().sd, 0.0);
    }
}
