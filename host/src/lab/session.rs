//! A run of the laboratory that has ended: when, how long, on which machine.

use crate::lab::grid::Config;
use crate::lab::heatmap::Labels;
use mote_lab::boundary::Boundary;
use mote_lab::control::Stop;
use mote_lab::error::Error;
use mote_lab::statistics::{Interval, Redraws};
use mote_lab::summary::Group;

/// What of a run is not in its numbers.
#[derive(Clone, Debug)]
pub struct Session {
    /// Threads that computed.
    pub threads: usize,
    /// How long they took, the cells of earlier sessions left out.
    pub seconds: f64,
    /// The run file, if there was one.
    pub run_file: Option<String>,
    /// Whether to show the page.
    pub open: bool,
    /// Test loss at which the picture is cut.
    pub cut: f64,
}

/// All cells of one model, and what they say.
pub struct Model<'a> {
    /// Cells by (n, signal norm).
    pub groups: &'a [Group],
    /// Where they turn.
    pub boundary: Boundary,
    /// What a picture of them says besides.
    pub labels: Labels,
}

/// What kind of machine this is.
pub fn machine() -> String {
    format!("{} {}", std::env::consts::ARCH, std::env::consts::OS)
}

pub(super) fn reaches_1000(groups: &[Group]) -> bool {
    groups.iter().any(|group| group.n as f64 * group.snr * group.snr >= 1000.0)
}

impl<'a> Model<'a> {
    pub(super) fn new(config: &Config, groups: &'a [Group], cut: f64, stop: Stop) -> Result<Self, Error> {
        let boundary = Boundary::of(groups, cut, Redraws::seeded(config.seed), stop)?;
        let (tokens, lr) = (config.recipe.tokens, config.recipe.learning_rate);
        let recipe = format!("M={tokens} D={} H={} lr={lr}", boundary.dim, boundary.head);
        let constant = boundary.constant.map(|constant| constant.value).or(boundary.best_constant);
        Ok(Self { groups, boundary, labels: Labels { recipe, cut, constant } })
    }

    /// Whether the constant of the paper's own recipe lies on the grid.
    pub fn reaches_1000(&self) -> bool {
        reaches_1000(self.groups)
    }
}

/// The ends of an interval, if it has any.
pub fn ends(interval: Option<Interval>, digits: usize) -> String {
    match interval.and_then(|interval| interval.low.zip(interval.high)) {
        Some((low, high)) => format!(" [{low:.digits$}, {high:.digits$}]"),
        None => String::new(),
    }
}

/// The N that have a panel: all, or as many as fit into a picture, evenly chosen.
pub fn shown_in_curves(ns: &[usize]) -> Vec<usize> {
    const MOST: usize = 12;
    match ns.len() {
        0..=MOST => ns.to_vec(),
        all => (0..MOST).map(|i| ns[i * (all - 1) / (MOST - 1)]).collect(),
    }
}
