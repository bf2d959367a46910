//! Phase diagrams: N upwards, signal to the right, colour for a mean over replicates.

use crate::draw::axis::{Axis, is_geometric};
use crate::draw::heat::{self, Curve, Heat, Place};
use crate::draw::picture::Picture;
use mote_lab::summary::{Group, Moments};

/// Rows of panels at most, one for each value of an axis that is neither N nor signal.
pub const MOST_ROWS: usize = 4;

/// What a panel shows of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Mean test loss.
    Loss,
    /// Mean 0-1 test error.
    Error,
    /// 1 where the mean test loss is at or above the cut, else 0.
    Cut,
}

/// The form in which the strength of the signal was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signal {
    /// The norm of the signal token.
    #[default]
    Norm,
    /// Its ratio to the norm of a noise token.
    Snr,
    /// `N SNR^2`.
    NSnr2,
}

/// What is drawn besides the groups.
#[derive(Clone, Debug)]
pub struct Labels {
    /// The recipe, in the title.
    pub recipe: String,
    /// Test loss of [`Shown::Cut`].
    pub threshold: f64,
    /// The curve on top is `N SNR^2` = this.
    pub constant: Option<f64>,
    /// What the horizontal axis has.
    pub signal: Signal,
}

/// A row of panels: the groups of one value of another axis, in the order of the grid.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// That value, with its symbol; empty if there is one row.
    pub title: String,
    /// Its groups.
    pub groups: &'a [Group],
}

impl<'a> From<&'a [Group]> for Row<'a> {
    /// The one row of groups that differ in N and signal alone.
    fn from(groups: &'a [Group]) -> Self {
        Self { title: String::new(), groups }
    }
}

impl Signal {
    fn of(self, group: &Group) -> f64 {
        /// Values that were one before a signal norm was made of them are one again.
        const DIGITS: f64 = 1e12;
        let alike = |x: f64| (x * DIGITS).round() / DIGITS;
        match self {
            Self::Norm => group.signal_norm,
            Self::Snr => alike(group.snr),
            Self::NSnr2 => alike(group.n_snr2()),
        }
    }

    /// Its name on an axis.
    pub fn label(self) -> &'static str {
        match self {
            Self::Norm => "signal norm",
            Self::Snr => "SNR",
            Self::NSnr2 => "N SNR\u{b2}",
        }
    }

    /// The option that sets it.
    pub fn option(self) -> &'static str {
        match self {
            Self::Norm => "--signal",
            Self::Snr => "--snr",
            Self::NSnr2 => "--n-snr2",
        }
    }

    /// Where `N SNR^2` is `constant`. SNR is proportional to the signal norm, so one group's ratio serves for all.
    fn curve(self, group: &Group, constant: f64) -> Curve {
        match self {
            Self::Norm => Curve::InverseSquare(constant * (group.signal_norm / group.snr).powi(2)),
            Self::Snr => Curve::InverseSquare(constant),
            Self::NSnr2 => Curve::Upright(constant),
        }
    }
}

impl Shown {
    fn value(self, group: &Group, threshold: f64) -> Option<f64> {
        let mean = |numbers: &[f64]| Moments::of(numbers).map(|m| m.mean);
        match self {
            Self::Loss => mean(&group.test_loss),
            Self::Error => mean(&group.test_error),
            Self::Cut => mean(&group.test_loss).map(|loss| f64::from(u8::from(loss >= threshold))),
        }
    }

    fn title(self, labels: &Labels) -> String {
        match self {
            Self::Loss => format!("mean test loss, {}", labels.recipe),
            Self::Error => "mean 0-1 test error".into(),
            Self::Cut => format!("test loss at least {}, {}", labels.threshold, labels.recipe),
        }
    }

    /// What its colours say.
    fn scale(self) -> &'static str {
        match self {
            Self::Loss => "test loss",
            Self::Error => "0-1 test error (share of labels)",
            Self::Cut => "1: at least the cut, 0: below it",
        }
    }
}

/// Panels side by side for each row, the first row on top. Rows beyond [`MOST_ROWS`] are left out, and the first title
/// says so.
pub fn panels(rows: &[Row], labels: &Labels, shown: &[Shown]) -> Picture {
    let drawn = &rows[..rows.len().min(MOST_ROWS)];
    let mut heats: Vec<Vec<Heat>> =
        drawn.iter().map(|row| shown.iter().map(|shown| panel(row, labels, *shown)).collect()).collect();
    if let Some(first) = heats.first_mut().and_then(|row| row.first_mut())
        && drawn.len() < rows.len()
    {
        first.title += &format!(" ({} of {} values drawn)", drawn.len(), rows.len());
    }
    heat::picture(&heats)
}

fn panel(row: &Row, labels: &Labels, shown: Shown) -> Heat {
    let groups = row.groups;
    let place = |group: &Group| Place {
        x: labels.signal.of(group),
        y: group.n as f64,
        value: shown.value(group, labels.threshold),
        is_partial: group.not_converged > 0,
    };
    let places: Vec<Place> = groups.iter().map(place).collect();
    let mut ns: Vec<f64> = places.iter().map(|place| place.y).collect();
    ns.dedup();
    let xs: Vec<f64> = places.iter().take_while(|place| place.y == ns[0]).map(|place| place.x).collect();
    let curve = groups.first().zip(labels.constant);
    let title = shown.title(labels);
    Heat {
        title: if row.title.is_empty() { title } else { format!("{}: {title}", row.title) },
        x: Axis { label: x_label(groups, labels.signal), is_log: is_geometric(&xs) },
        y: Axis { label: "N".into(), is_log: is_geometric(&ns) },
        color: shown.scale().into(),
        places,
        curve: curve.map(|(group, constant)| {
            (labels.signal.curve(group, constant), format!("N SNR\u{b2} = {}", significant(constant)))
        }),
    }
}

/// With three or four digits, as a legend has room for.
pub fn significant(number: f64) -> String {
    let digits = (2.0 - number.abs().log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{number:.digits$}")
}

fn x_label(groups: &[Group], signal: Signal) -> String {
    let none = groups.iter().any(|group| group.not_converged > 0 && group.test_loss.is_empty());
    let some = groups.iter().any(|group| group.not_converged > 0 && !group.test_loss.is_empty());
    let hatched = match (none, some) {
        (false, false) => "",
        (true, false) => " (hatched: no replicate converged)",
        (false, true) => " (hatched: not every replicate converged)",
        (true, true) => " (hatched: no replicate converged; on colour: only some)",
    };
    format!("{}{hatched}", signal.label())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four N and four values of `N SNR^2`, each with a signal norm of its own, computed with rounding.
    fn groups() -> Vec<Group> {
        let mut groups = Vec::new();
        for n in [3usize, 6, 12, 24] {
            for n_snr2 in [0.1, 0.3, 1.0, 3.0f64] {
                let snr = (n_snr2 / n as f64).sqrt();
                let test_loss = vec![1.0 / (1.0 + n_snr2)];
                groups.push(Group { test_loss, ..Group::new((64, 8), n, 4.0 * snr, snr) });
            }
        }
        groups
    }

    fn drawn(rows: &[Row], signal: Signal) -> String {
        let labels = Labels { recipe: "D=64".into(), threshold: 0.5, constant: Some(1.0), signal };
        String::from_utf8(panels(rows, &labels, &[Shown::Loss]).svg().unwrap()).unwrap()
    }

    /// The ends of the curve, which is the only line of its colour and width.
    fn curve(svg: &str) -> Vec<f64> {
        let end = svg.find("stroke=\"#d55e00\" stroke-width=\"2.5\"").unwrap();
        let start = svg[..end].rfind("d=\"").unwrap();
        let path = svg[start + 3..end].split('"').next().unwrap();
        path.split(|c: char| !(c.is_ascii_digit() || c == '.')).filter_map(|word| word.parse().ok()).collect()
    }

    #[test]
    fn the_signal_is_drawn_in_the_form_it_was_asked_for() {
        let groups = groups();
        let rows = [Row::from(&groups[..])];
        let by_n_snr2 = drawn(&rows, Signal::NSnr2);
        assert!(!by_n_snr2.contains("<image"), "what differs in its last bits is one column, the same for every N");
        let upright = curve(&by_n_snr2);
        let xs: Vec<f64> = upright.iter().copied().step_by(2).collect();
        assert!(xs.len() > 100 && xs.iter().all(|x| (x - xs[0]).abs() < 0.01), "N SNR^2 = 1 is upright");
        let by_snr = drawn(&rows, Signal::Snr);
        assert!(by_snr.contains(">SNR<") && drawn(&rows, Signal::Norm).contains(">signal norm<"));
        let falls = curve(&by_snr);
        assert!(
            falls[0] < falls[falls.len() - 2] && falls[1] < falls[falls.len() - 1],
            "N falls with SNR: y grows down"
        );
    }

    #[test]
    fn another_axis_has_a_row_for_each_of_its_values_as_far_as_they_fit() {
        let groups = groups();
        let row = |alpha: usize| Row { title: format!("\u{3b1} = 0.{alpha}"), groups: &groups };
        let rows: Vec<Row> = (0..6).map(row).collect();
        let two = drawn(&rows[..2], Signal::Norm);
        assert!(two.contains("= 0.0: mean test loss") && two.contains("= 0.1: mean test loss"));
        let six = drawn(&rows, Signal::Norm);
        assert_eq!(six.matches(": mean test loss").count(), MOST_ROWS);
        assert!(six.contains("(4 of 6 values drawn)") && !two.contains("values drawn"));
    }
}
