//! The axis of a picture: its name with its unit, and its scale.

use kuva::render::layout::TickFormat;
use std::sync::Arc;

/// An axis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Axis {
    /// Its name, with its unit.
    pub label: String,
    /// Whether equal steps are equal ratios.
    pub is_log: bool,
}

impl Axis {
    /// An axis with equal steps.
    pub fn linear(label: impl Into<String>) -> Self {
        Self { label: label.into(), is_log: false }
    }

    /// Where a value lies.
    pub(super) fn place(&self, value: f64) -> f64 {
        if self.is_log { value.log10() } else { value }
    }

    /// What lies at a place.
    pub(super) fn value(&self, place: f64) -> f64 {
        if self.is_log { 10f64.powf(place) } else { place }
    }
}

/// Whether values in increasing order stand in equal ratios rather than in equal steps, and so belong on a scale of
/// ratios.
pub fn is_geometric(values: &[f64]) -> bool {
    let spread = |steps: &mut dyn Iterator<Item = f64>| {
        let (least, most) = steps.fold((f64::INFINITY, 0.0f64), |(least, most), x| (least.min(x), most.max(x)));
        most / least
    };
    let ratios = spread(&mut values.windows(2).map(|pair| (pair[1] / pair[0]).ln()));
    let steps = spread(&mut values.windows(2).map(|pair| pair[1] - pair[0]));
    values.len() > 2 && values[0] > 0.0 && ratios < 1.5 && steps > 1.5
}

/// The step of the marks along an axis of logarithms: twice, four times or ten times the one before.
pub(super) fn step((low, high): (f64, f64)) -> f64 {
    const MOST_MARKS: f64 = 9.0;
    let steps =
        [1.0, 2.0].map(|times| times * 2f64.log10()).into_iter().chain((0..).map(|times| f64::from(1 << times)));
    steps.take(12).find(|step| (high - low) / step <= MOST_MARKS).unwrap_or(high - low)
}

/// The value at a mark of such an axis, not its logarithm.
pub(super) fn format() -> TickFormat {
    TickFormat::Custom(Arc::new(|place| short(10f64.powf(place))))
}

/// A value as a person would write it, with three digits.
pub(super) fn short(value: f64) -> String {
    if !(1e-4..1e6).contains(&value) {
        return format!("{value:.0e}");
    }
    let digits = (2.0 - value.log10().floor()).max(0.0) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doublings_are_geometric_and_a_range_is_not() {
        assert!(is_geometric(&[4.0, 8.0, 16.0, 32.0]) && is_geometric(&[0.1, 0.32, 1.0, 3.2]));
        for values in [&[4.0, 6.0, 8.0, 10.0][..], &[0.0, 1.0, 2.0, 4.0], &[8.0, 32.0], &[1.0, 2.0, 50.0], &[]] {
            assert!(!is_geometric(values), "{values:?}");
        }
    }

    #[test]
    fn marks_of_ratios_are_numbers_a_person_would_write() {
        let TickFormat::Custom(text) = format() else { panic!("no text") };
        let shown: Vec<String> = (-3..8).map(|i| text(f64::from(i) * 2f64.log10())).collect();
        assert_eq!(shown, ["0.125", "0.25", "0.5", "1", "2", "4", "8", "16", "32", "64", "128"]);
        assert_eq!([text(3.0), text(7.0), text(-5.0)], ["1000", "1e7", "1e-5"]);
        assert_eq!([step((0.5, 2.2)), step((-2.0, 2.0)), step((0.0, 9.0))], [2f64.log10(), 2.0 * 2f64.log10(), 1.0]);
    }
}
