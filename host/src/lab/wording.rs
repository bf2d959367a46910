//! What the statistics of a boundary rest on, in words: beside the numbers on the terminal, on the page and in
//! `boundary.json`.

use crate::lab::session::Model;
use mote_lab::boundary::{Crossing, Missing};
use mote_lab::statistics::{Interval, Redraws};

/// Replicates below this are few: the spread of a mean is then hardly known.
const FEW: usize = 10;

/// What is done to the means before they cross the cut.
pub const SMOOTHING: &str = "the mean test losses of each N are first made never rising with the signal (isotonic \
                             regression); the crossing lies on the line between two neighbours";

/// Where the intervals of a model come from: redraws and replicates.
pub fn intervals(model: &Model) -> String {
    let counts = || model.boundary.crossings.iter().filter_map(|crossing| crossing.replicates);
    let (least, most) = (counts().map(|c| c.0).min().unwrap_or(0), counts().map(|c| c.1).max().unwrap_or(0));
    let replicates = match (least, most) {
        (1, 1) => "1 replicate".into(),
        _ if least == most => format!("{most} replicates"),
        _ => format!("{least} to {most} replicates"),
    };
    let few = if least < FEW { " (few)" } else { "" };
    format!("95% intervals by {} redraws, {replicates}{few}", thousands(Redraws::COUNT))
}

/// With commas, as a sentence has them.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let (head, tail) = digits.split_at(digits.len().saturating_sub(3));
    if head.is_empty() { tail.into() } else { format!("{head},{tail}") }
}

/// An interval, or why there is none.
pub fn ends_or_why(interval: Option<Interval>, missing: Option<Missing>, digits: usize) -> String {
    match (interval.and_then(|interval| interval.low.zip(interval.high)), missing) {
        (Some((low, high)), _) => format!("[{low:.digits$}, {high:.digits$}]"),
        (None, Some(missing)) => format!("(no interval: {})", missing.text()),
        (None, None) => "(no interval)".into(),
    }
}

/// The interval of a fit through all crossings, or which of them has none, and why.
pub fn fit_ends_or_why(interval: Interval, crossings: &[Crossing], digits: usize) -> String {
    let first = crossings.iter().find(|crossing| crossing.snr.is_some() && crossing.missing.is_some());
    match (interval.low, first) {
        (None, Some(Crossing { n, missing: Some(missing), .. })) => format!("(no interval: N={n}: {})", missing.text()),
        _ => ends_or_why(Some(interval), None, digits),
    }
}

/// Which N a fit leaves out, and the option that may bring them back; nothing if it has all of them.
pub fn left_out(model: &Model) -> Option<String> {
    let crossings = &model.boundary.crossings;
    let without: Vec<&Crossing> = crossings.iter().filter(|crossing| crossing.snr.is_none()).collect();
    if without.is_empty() {
        return None;
    }
    const SHOWN: usize = 8;
    let ns: Vec<String> = without.iter().take(SHOWN).map(|crossing| format!("N={}", crossing.n)).collect();
    let more = if without.len() > SHOWN { " and others" } else { "" };
    let (do_not, option) = (if without.len() == 1 { "does" } else { "do" }, model.labels.signal.option());
    let over = format!("over {} of {} N", crossings.len() - without.len(), crossings.len());
    Some(format!("{over}: {}{more} {do_not} not cross, widen {option}", ns.join(", ")))
}
