//! A run of the laboratory that has ended: when, how long, on which machine.

use crate::lab::grid::Config;
use crate::lab::heatmap::{Labels, Signal};
use mote_lab::boundary::Boundary;
use mote_lab::control::Stop;
use mote_lab::error::Error;
use mote_lab::place::GridPoint;
use mote_lab::recipe::Form;
use mote_lab::statistics::{Interval, Redraws};
use mote_lab::summary::Group;
use mote_lab::theory::{Condition, Verdict};

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
    /// Whether `cells.csv` stays beside `cells.parquet`.
    pub csv: bool,
    /// Test loss at which the picture is cut.
    pub threshold: f64,
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
    pub(super) fn new(config: &Config, groups: &'a [Group], threshold: f64, stop: Stop) -> Result<Self, Error> {
        let boundary = Boundary::of(groups, threshold, Redraws::seeded(config.seed), stop)?;
        let (tokens, lr) = (config.recipe.tokens, config.recipe.learning_rate);
        let recipe = format!("M={tokens} D={} H={} lr={lr}", boundary.dim, boundary.head);
        let constant = boundary.constant.map(|constant| constant.value).or(boundary.best_constant);
        Ok(Self { groups, boundary, labels: Labels { recipe, threshold, constant, signal: Signal::default() } })
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

/// What the theorem's condition comes to on the grid; of images and of the paper's own recipe, nothing.
pub fn condition(config: &Config) -> Option<Condition> {
    matches!(config.recipe.form, Form::Uniform { .. }).then(|| Condition::of(&verdicts(config)))
}

/// The verdicts on all places of the grid, in its order.
pub(super) fn verdicts(config: &Config) -> Vec<Verdict> {
    places(config).map(|place| Verdict::of(&config.recipe, &place)).collect()
}

/// Every place once, in the order of the grid.
pub(super) fn places(config: &Config) -> impl Iterator<Item = GridPoint> {
    let of_model = move |&(dim, head): &(u64, usize)| {
        config.n.iter().flat_map(move |&samples| {
            let place = move |&signal_norm: &f64| GridPoint { samples, signal_norm, replicate: 0, dim, head };
            config.signal.iter().map(place)
        })
    };
    config.models.iter().flat_map(of_model)
}
