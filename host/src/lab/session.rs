//! A run of the laboratory that has ended: when, how long, on which machine.

use crate::lab::grid::Config;
use crate::lab::heatmap::{Labels, Signal};
use mote_lab::axes::{self, Axis, Strength};
use mote_lab::boundary::Boundary;
use mote_lab::control::Stop;
use mote_lab::error::Error;
use mote_lab::place::{GridPoint, NEUTRAL};
use mote_lab::recipe::Form;
use mote_lab::statistics::{Interval, Redraws};
use mote_lab::summary::Group;
use mote_lab::theory::{Condition, Verdict};
use std::collections::BTreeSet;

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

/// All cells of one diagram, which has one model and one value of every extra axis, and what they say.
pub struct Model<'a> {
    /// Cells by (n, signal norm).
    pub groups: &'a [Group],
    /// Where they turn.
    pub boundary: Boundary,
    /// What a picture of them says besides.
    pub labels: Labels,
    /// What tells it from other diagrams, in a table.
    pub name: String,
    /// The extra axes in that, as a picture says them.
    pub beside: String,
    /// Whether the recipe has the `C_p` of the paper's own: the constant 1000 is of that.
    is_papers_own: bool,
}

/// What kind of machine this is.
pub fn machine() -> String {
    format!("{} {}", std::env::consts::ARCH, std::env::consts::OS)
}

/// The figure that is of the paper's own recipe alone.
const AGREEMENT_1000: &str = "agreement_1000";

impl<'a> Model<'a> {
    pub(super) fn new(config: &Config, groups: &'a [Group], threshold: f64, stop: Stop) -> Result<Self, Error> {
        let boundary = Boundary::of(groups, threshold, Redraws::seeded(config.seed), stop)?;
        let (tokens, lr) = (config.recipe.tokens, config.recipe.learning_rate);
        let (dim, head, extra) = (boundary.dim, boundary.head, &groups[0].extra);
        let beside = axes::label(config.axes, extra);
        let named = |(axis, value): (&Axis, f64)| format!(" {}={value}", axis.name);
        let name = format!("D={dim} H={head}") + &axes::said(config.axes, extra).map(named).collect::<String>();
        let recipe = format!("M={tokens} D={dim} H={head} lr={lr}{beside}");
        let constant = boundary.constant.map(|constant| constant.value).or(boundary.best_constant);
        let signal = match config.signal.strength() {
            Strength::Norm => Signal::Norm,
            Strength::Snr => Signal::Snr,
            Strength::NSnr2 => Signal::NSnr2,
        };
        let is_papers_own = config.recipe.c_p().is_some_and(|c_p| (c_p - 20.0).abs() < 1e-9);
        let labels = Labels { recipe, threshold, constant, signal };
        Ok(Self { groups, boundary, labels, name, beside, is_papers_own })
    }

    /// What tells its files from those of other diagrams.
    pub fn suffix(&self) -> String {
        format!("-{}", self.name.replace('=', "").replace(' ', "-"))
    }

    /// Whether the constant of the paper's own recipe is one of this recipe, and lies on the grid.
    pub fn reaches_1000(&self) -> bool {
        self.is_papers_own && self.groups.iter().any(|group| group.n_snr2() >= 1000.0)
    }

    /// The boundary as `boundary.json` has it: with the extra axes that are not neutral, and with the agreement with 1000
    /// if that constant is one of this recipe.
    ///
    /// # Errors
    ///
    /// Never: it is what JSON can hold.
    pub fn json(&self, config: &Config) -> serde_json::Result<serde_json::Value> {
        let mut json = serde_json::to_value(&self.boundary)?;
        if let Some(json) = json.as_object_mut() {
            json.retain(|figure, _| self.has(figure));
            for (axis, value) in axes::said(config.axes, &self.groups[0].extra) {
                json.insert(axis.column.into(), value.into());
            }
        }
        Ok(json)
    }

    /// Whether a figure of the boundary is one of this recipe.
    pub fn has(&self, figure: &str) -> bool {
        self.is_papers_own || figure != AGREEMENT_1000
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

/// Every place of the theorem once, in the order of the grid: it does not ask how many labels are wrong.
pub fn places(config: &Config) -> impl Iterator<Item = GridPoint> {
    let mut seen = BTreeSet::new();
    let places = config.points().map(|place| GridPoint { extra: NEUTRAL, ..place });
    places.filter(move |place| seen.insert(place.key()))
}
