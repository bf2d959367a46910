//! A run of the laboratory that has ended: when, how long, on which machine.

use crate::lab::grid::Config;
use crate::lab::heatmap::Labels;
use mote_lab::boundary::Boundary;
use mote_lab::error::Error;
use mote_lab::statistics::Redraws;
use mote_lab::summary::Group;
use std::sync::atomic::AtomicBool;

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
    pub(super) fn new(config: &Config, groups: &'a [Group], cut: f64, stop: &AtomicBool) -> Result<Self, Error> {
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
