//! What many cells say together: means with error bars.

use crate::axes::Axis;
use crate::outcome::Cell;
use crate::place::{Extra, GridPoint, NEUTRAL};
use serde::Serialize;
use std::collections::BTreeMap;

/// All replicates of one (n, signal norm).
#[derive(Clone, Debug)]
pub struct Group {
    /// `D` and `H`.
    pub model: (u64, usize),
    /// As [`GridPoint::extra`].
    pub extra: Extra,
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

impl Group {
    /// A place without cells, every extra axis neutral.
    pub fn new(model: (u64, usize), n: usize, signal_norm: f64, snr: f64) -> Self {
        let (test_loss, test_error, steps) = (Vec::new(), Vec::new(), Vec::new());
        Self { model, extra: NEUTRAL, n, signal_norm, snr, test_loss, test_error, steps, not_converged: 0 }
    }

    /// Whether two groups are of one diagram: they have one model, and one value of every extra axis.
    pub fn is_beside(&self, other: &Self) -> bool {
        (self.model, self.extra) == (other.model, other.extra)
    }

    /// `N SNR^2`.
    pub fn n_snr2(&self) -> f64 {
        self.n as f64 * self.snr * self.snr
    }
}

/// Mean, standard deviation (of a replicate) and standard error (of the mean).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Moments {
    /// Mean.
    pub mean: f64,
    /// Standard deviation, with `count - 1`; unknown of a single replicate.
    pub sd: Option<f64>,
    /// Standard error of the mean; unknown of a single replicate.
    pub standard_error: Option<f64>,
    /// Replicates.
    pub count: usize,
}

impl Moments {
    /// Of some numbers; `None` of none.
    pub fn of(numbers: &[f64]) -> Option<Self> {
        let count = numbers.len();
        if count == 0 {
            return None;
        }
        let mean = numbers.iter().sum::<f64>() / count as f64;
        let squares: f64 = numbers.iter().map(|x| (x - mean).powi(2)).sum();
        // One replicate says nothing of its spread.
        let sd = (count > 1).then(|| (squares / (count - 1) as f64).sqrt());
        Some(Self { mean, sd, standard_error: sd.map(|sd| sd / (count as f64).sqrt()), count })
    }
}

/// Cells by (model, extra axes, n, signal norm), in increasing order.
pub fn groups(cells: &[Cell], snr: impl Fn(&GridPoint) -> f64) -> Vec<Group> {
    let mut groups: BTreeMap<_, Group> = BTreeMap::new();
    for cell in cells {
        let place = &cell.place;
        let key = GridPoint { replicate: 0, ..*place }.key();
        let model = (place.dim, place.head);
        let new = || Group { extra: place.extra, ..Group::new(model, place.samples, place.signal_norm, snr(place)) };
        let group = groups.entry(key).or_insert_with(new);
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

/// A number of a CSV file, blank if it is not known.
pub fn or_blank(number: Option<f64>) -> String {
    number.map_or(String::new(), |number| number.to_string())
}

/// The groups as CSV, with a column for each of these extra axes at the end; blanks where no replicate converged, and
/// for the spread of a single one.
pub fn to_csv(groups: &[Group], extra: &[(&Axis, usize)]) -> String {
    let mut csv = String::from(
        "n,signal_norm,snr,n_snr2,dim,head,count,not_converged,mean_test_loss,sd_test_loss,se_test_loss,\
         mean_test_error,sd_test_error,se_test_error,mean_steps",
    );
    extra.iter().for_each(|(axis, _)| csv += &format!(",{}", axis.column));
    csv.push('\n');
    for group in groups {
        let columns = |numbers: &[f64]| match Moments::of(numbers) {
            Some(Moments { mean, sd, standard_error, .. }) => {
                format!("{mean},{},{}", or_blank(sd), or_blank(standard_error))
            }
            None => ",,".into(),
        };
        let (n, snr) = (group.n, group.snr);
        let (loss, error) = (columns(&group.test_loss), columns(&group.test_error));
        let steps = Moments::of(&group.steps).map_or(String::new(), |m| m.mean.to_string());
        let (dim, head) = group.model;
        let place = format!("{n},{},{snr},{},{dim},{head}", group.signal_norm, n as f64 * snr * snr);
        csv += &format!("{place},{},{},{loss},{error},{steps}", group.test_loss.len(), group.not_converged);
        extra.iter().for_each(|(axis, at)| csv += &format!(",{}", axis.shown(group.extra[*at])));
        csv.push('\n');
    }
    csv
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_textbook() {
        let moments = Moments::of(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert!((moments.mean - 2.5).abs() < 1e-12 && (moments.sd.unwrap() - (5.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(Moments::of(&[]), None);
        assert_eq!(Moments::of(&[7.0]).unwrap().sd, None);
    }
}
