//! Where a phase diagram turns: the crossing of every N, the law through the crossings, and how sharp it is.
//!
//! Crossings, exponent and constant come from the mean test loss of each place. Agreement and best constant count cells by
//! the test loss of each instead ([`super::agreement`]).

use crate::agreement::Agreement;
use crate::control::{Stop, check};
use crate::error::Error;
use crate::statistics::{Interval, NeverRising, Pooled, Redraws, pooled};
use crate::summary::{Group, Moments};
use mote_core::rng::{Purpose, Stream};
use serde::Serialize;

/// Why a crossing is not known, or not its interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// No replicate of this N converged.
    NoMean,
    /// Every mean, made never rising, lies at or above the cut.
    AllAbove,
    /// Every one lies below it.
    AllBelow,
    /// The spread of a mean is not known: neither the place nor a neighbour has two replicates that converged.
    OneReplicate,
    /// More than 2.5% of the redraws do not cross.
    RedrawsDoNotCross,
}

impl Missing {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::NoMean => "no replicate converged",
            Self::AllAbove => "every mean is above the cut",
            Self::AllBelow => "every mean is below the cut",
            Self::OneReplicate => "one replicate",
            Self::RedrawsDoNotCross => "more than 2.5% of the redraws do not cross",
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
    /// Fewest and most replicates behind a mean of this N.
    pub replicates: Option<(usize, usize)>,
    /// Why the crossing or its interval is not known.
    pub missing: Option<Missing>,
}

/// The boundary of a phase diagram.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Boundary {
    /// `D`.
    pub dim: u64,
    /// `H`.
    pub head: usize,
    /// Test loss at which the picture is cut.
    #[serde(rename = "cut")]
    pub threshold: f64,
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
    /// The same with its interval.
    pub best_constant_interval: Option<Interval>,
    /// Its agreement.
    pub agreement_best: f64,
    /// Cells that did not converge, and count in no agreement.
    pub not_converged: usize,
}

impl Boundary {
    /// The boundary at `threshold` of the groups of one model, in the order of the grid; intervals by redrawing.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`] when told to.
    pub fn of(groups: &[Group], threshold: f64, redraws: Redraws, stop: Stop) -> Result<Self, Error> {
        let rows: Vec<Row> = groups.chunk_by(|a, b| a.n == b.n).map(|row| Row::of(row, threshold)).collect();
        let fit = Fit::through(&rows);
        let mut redrawn = vec![Some((0.0, 0.0)); redraws.count];
        let mut crossings = Vec::with_capacity(rows.len());
        for row in &rows {
            let again = row.redrawn(threshold, redraws, stop)?;
            if let (Some(fit), Ok(_)) = (&fit, row.crossing) {
                // Through the same N as the data's own fit, or not at all.
                let mut again = again.iter();
                for sums in &mut redrawn {
                    let snr = again.next().copied().flatten();
                    *sums = sums.zip(snr).map(|(sums, snr)| fit.add(sums, row.n, snr));
                }
            }
            let is_known = !again.is_empty();
            let snr = row.crossing.ok().map(|value| Interval::of(value, again));
            let missing = match (row.crossing, snr) {
                (Err(missing), _) => Some(missing),
                (_, Some(Interval { low: Some(_), .. })) => None,
                _ if is_known => Some(Missing::RedrawsDoNotCross),
                _ => Some(Missing::OneReplicate),
            };
            let n_snr2 = snr.map(|snr| row.n as f64 * snr.value * snr.value);
            let (n, replicates) = (row.n, row.replicates);
            crossings.push(Crossing {
                n,
                snr,
                n_snr2,
                first_signal_below: row.first_signal_below,
                replicates,
                missing,
            });
        }
        let of = |part: fn(&Fit, (f64, f64)) -> f64| {
            let of =
                |fit: &Fit| Interval::of(part(fit, fit.sums), redrawn.iter().map(|sums| Some(part(fit, (*sums)?))));
            fit.as_ref().map(of)
        };
        let agreement = Agreement::of(groups, threshold);
        let (best, share) = (agreement.best(), |agree: usize| agree as f64 / agreement.cells().max(1) as f64);
        let (dim, head) = groups.first().map_or((0, 0), |group| group.model);
        Ok(Self {
            dim,
            head,
            threshold,
            crossings,
            exponent: of(Fit::exponent),
            constant: of(Fit::constant),
            agreement_1000: share(agreement.with(1000.0)),
            best_constant: best.constant,
            best_constant_interval: agreement.interval(redraws, stop)?,
            agreement_best: share(best.agree),
            not_converged: groups.iter().map(|group| group.not_converged).sum(),
        })
    }
}

/// The places of one N that have a mean.
struct Row {
    n: usize,
    snr: Vec<f64>,
    means: Vec<Pooled>,
    crossing: Result<f64, Missing>,
    first_signal_below: Option<f64>,
    replicates: Option<(usize, usize)>,
}

impl Row {
    fn of(groups: &[Group], threshold: f64) -> Self {
        let with_mean = groups.iter().filter_map(|group| Some((group, Moments::of(&group.test_loss)?)));
        let (places, moments): (Vec<&Group>, Vec<Moments>) = with_mean.unzip();
        let snr: Vec<f64> = places.iter().map(|group| group.snr).collect();
        let mut smooth: Vec<f64> = moments.iter().map(|moments| moments.mean).collect();
        NeverRising::default().smooth(&mut smooth);
        let below = moments.iter().position(|moments| moments.mean < threshold);
        let counts = || moments.iter().map(|moments| moments.count);
        Self {
            replicates: counts().min().zip(counts().max()),
            n: groups[0].n,
            means: pooled(&moments),
            crossing: crossing(&snr, &smooth, threshold),
            first_signal_below: below.map(|at| places[at].signal_norm),
            snr,
        }
    }

    /// Crossings of redrawn means; none at all where the spread of a mean is not known, or the data do not cross.
    fn redrawn(&self, threshold: f64, redraws: Redraws, stop: Stop) -> Result<Vec<Option<f64>>, Error> {
        check(stop)?;
        if self.crossing.is_err() || self.means.iter().any(|mean| mean.degrees == 0) {
            return Ok(Vec::new());
        }
        // Of its own N: other rows on the grid change no interval of this one.
        let mut stream = Stream::new(redraws.seed, Purpose::Test, u32::MAX, self.n as u32);
        let (mut never_rising, mut row) = (NeverRising::default(), vec![0.0; self.means.len()]);
        let redraw = |_| {
            check(stop)?;
            row.iter_mut().zip(&self.means).for_each(|(to, mean)| *to = mean.redraw(&mut stream));
            never_rising.smooth(&mut row);
            Ok(crossing(&self.snr, &row, threshold).ok())
        };
        (0..redraws.count).map(redraw).collect()
    }
}

/// The SNR at which the mean falls below the cut. Means over few replicates go up and down, the truth only down: so the
/// row is first replaced by the nearest one that never rises, and the crossing lies between two neighbours of that.
fn crossing(snr: &[f64], never_rising: &[f64], threshold: f64) -> Result<f64, Missing> {
    let row = never_rising;
    let below = row.partition_point(|mean| *mean >= threshold);
    if row.is_empty() {
        return Err(Missing::NoMean);
    }
    if below == 0 || below == row.len() {
        return Err(if below == 0 { Missing::AllBelow } else { Missing::AllAbove });
    }
    let (above, share) = (below - 1, (row[below - 1] - threshold) / (row[below - 1] - row[below]));
    Ok(snr[above] + (snr[below] - snr[above]) * share)
}

/// The line through the logarithms of the crossings by least squares: exponent of SNR* against N, and the geometric mean
/// of `N SNR*^2`. Both are sums over the crossings, so that those of redraws need not be kept.
struct Fit {
    /// Means of `ln N` and of its square about that, times the number of crossings.
    ln_n: f64,
    square: f64,
    count: f64,
    /// Of the data's own crossings, from [`Self::add`].
    sums: (f64, f64),
}

impl Fit {
    /// Through at least two crossings.
    fn through(rows: &[Row]) -> Option<Self> {
        let points: Vec<(usize, f64)> = rows.iter().filter_map(|row| Some((row.n, row.crossing.ok()?))).collect();
        if points.len() < 2 {
            return None;
        }
        let (count, ln) = (points.len() as f64, |n: usize| libm::log(n as f64));
        let ln_n = points.iter().map(|(n, _)| ln(*n)).sum::<f64>() / count;
        let square = points.iter().map(|(n, _)| (ln(*n) - ln_n).powi(2)).sum();
        let mut fit = Self { ln_n, square, count, sums: (0.0, 0.0) };
        fit.sums = points.iter().fold(fit.sums, |sums, (n, snr)| fit.add(sums, *n, *snr));
        Some(fit)
    }

    /// Sums over crossings of their logarithm times that of N about its mean, and of the logarithm, with one more.
    fn add(&self, sums: (f64, f64), n: usize, snr: f64) -> (f64, f64) {
        let ln_snr = libm::log(snr);
        (sums.0 + (libm::log(n as f64) - self.ln_n) * ln_snr, sums.1 + ln_snr)
    }

    fn exponent(&self, sums: (f64, f64)) -> f64 {
        sums.0 / self.square
    }

    fn constant(&self, sums: (f64, f64)) -> f64 {
        libm::exp(self.ln_n + 2.0 * sums.1 / self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::NEVER;

    fn at(groups: &[Group], threshold: f64) -> Boundary {
        Boundary::of(groups, threshold, Redraws { count: 400, seed: 1 }, &NEVER).unwrap()
    }

    /// A sharp boundary at `N SNR^2 = 9`, with a little noise.
    fn sharp() -> Vec<Group> {
        let mut groups = Vec::new();
        for n in [4usize, 9, 16, 36] {
            for i in 1..40 {
                let snr = f64::from(i) * 0.05;
                let loss = 0.2 * (9.0 / (n as f64 * snr * snr)).powi(3);
                let test_loss = vec![loss * 0.98, loss, loss * 1.02];
                groups.push(Group { test_loss, ..Group::new((64, 8), n, snr, snr) });
            }
        }
        groups
    }

    #[test]
    fn a_known_boundary_is_found() {
        let boundary = at(&sharp(), 0.2);
        let exponent = boundary.exponent.unwrap();
        assert!(
            (exponent.value + 0.5).abs() < 0.01
                && exponent.low.unwrap() <= exponent.value
                && exponent.value <= exponent.high.unwrap()
        );
        assert!((boundary.constant.unwrap().value - 9.0).abs() < 0.2, "{:?}", boundary.constant);
        let (constant, share) = (boundary.best_constant.unwrap(), boundary.agreement_best);
        assert!((constant - 9.0).abs() < 0.8 && share > 0.98, "{constant} {share}");
        assert_eq!(boundary, at(&sharp(), 0.2), "seeded");
        let first = &boundary.crossings[0];
        assert!((first.snr.unwrap().value - 1.5).abs() < 0.02 && first.first_signal_below.unwrap() >= 1.5);
    }

    #[test]
    fn what_never_crosses_has_no_crossing() {
        let boundary = at(&sharp(), 1e-9);
        assert_eq!((boundary.best_constant, boundary.agreement_best), (None, 1.0), "no cell is benign");
        assert!(boundary.crossings.iter().all(|crossing| crossing.snr.is_none()) && boundary.exponent.is_none());
        let why = |threshold: f64, groups: &[Group]| at(groups, threshold).crossings[0].missing;
        assert_eq!(why(1e-9, &sharp()), Some(Missing::AllAbove));
        assert_eq!(why(1e9, &sharp()), Some(Missing::AllBelow));
        let mut none = sharp();
        none.iter_mut().for_each(|group| group.test_loss.clear());
        assert_eq!(why(0.2, &none), Some(Missing::NoMean));
    }

    /// Against a search of all cells for every N, and the never rising row by its definition: at every place the least, over
    /// all that begin before it, of the largest means of a stretch around it.
    #[test]
    fn crossings_are_those_of_a_full_search() {
        let mut stream = Stream::new(8, Purpose::Test, 0, 0);
        let mut groups = sharp();
        groups.iter_mut().for_each(|group| {
            let noise = f64::from(stream.normal()) * 0.1;
            group.test_loss.iter_mut().for_each(|loss| *loss = loss.min(0.7) + noise);
            group.test_loss.truncate((stream.next_u32() % 4) as usize);
        });
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        for found in at(&groups, 0.2).crossings {
            let row: Vec<&Group> = groups.iter().filter(|g| g.n == found.n && !g.test_loss.is_empty()).collect();
            let means: Vec<f64> = row.iter().map(|group| mean(&group.test_loss)).collect();
            let largest = |from: usize, at: usize| (at..row.len()).map(move |to| (from, to));
            let smooth = |at: usize| {
                let over = |from| largest(from, at).map(|(from, to)| mean(&means[from..=to])).fold(f64::MIN, f64::max);
                (0..=at).map(over).fold(f64::MAX, f64::min)
            };
            let smooth: Vec<f64> = (0..row.len()).map(smooth).collect();
            let below = smooth.iter().position(|mean| *mean < 0.2).unwrap();
            let share = (smooth[below - 1] - 0.2) / (smooth[below - 1] - smooth[below]);
            let expected = row[below - 1].snr + (row[below].snr - row[below - 1].snr) * share;
            let snr = found.snr.unwrap();
            assert!((snr.value - expected).abs() < 1e-9, "{snr} {expected}");
            assert!(snr.low.unwrap() <= snr.value && snr.value <= snr.high.unwrap(), "{snr}");
            let first = row.iter().position(|group| mean(&group.test_loss) < 0.2).unwrap();
            assert_eq!(found.first_signal_below, Some(row[first].signal_norm));
        }
    }

    #[test]
    fn what_is_not_known_has_no_interval() {
        let mut groups = sharp();
        groups.iter_mut().take(39).for_each(|group| group.test_loss.truncate(1));
        let boundary = at(&groups, 0.2);
        let crossing = boundary.crossings[0].snr.unwrap();
        assert_eq!((crossing.low, crossing.high), (None, None), "single replicates");
        let says = |boundary: &Boundary, at: usize| (boundary.crossings[at].replicates, boundary.crossings[at].missing);
        assert_eq!(says(&boundary, 0), (Some((1, 1)), Some(Missing::OneReplicate)));
        assert_eq!(says(&boundary, 1), (Some((3, 3)), None));
        assert_eq!(crossing.to_string(), format!("{:.3} [no interval]", crossing.value));
        assert!(boundary.crossings[1].snr.unwrap().low.is_some(), "another N is known");
        assert_eq!((boundary.exponent.unwrap().low, boundary.constant.unwrap().low), (None, None));

        let mut groups = sharp();
        groups[3].test_loss.truncate(1);
        assert!(at(&groups, 0.2).crossings[0].snr.unwrap().low.is_some(), "one replicate, but neighbours with more");
    }

    #[test]
    fn it_ends_when_told_to() {
        let stop = std::sync::atomic::AtomicBool::new(true);
        assert_eq!(Boundary::of(&sharp(), 0.2, Redraws::seeded(1), &stop), Err(Error::Stopped));
    }
}
