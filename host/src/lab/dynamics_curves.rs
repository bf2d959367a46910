//! The runs of `mote dynamics`, place by place: what they say together, and which places are drawn.

use crate::lab::grid::Config;
use crate::lab::runs::Followed;
use mote_lab::axes::{Axis, Part};
use mote_lab::control::{Stop, check};
use mote_lab::dynamics::{Means, Row, Stages, moments, stages};
use mote_lab::place::GridPoint;

/// Places that are drawn, and have a section of the page: more, evenly chosen, would be for nobody.
pub const MOST_DRAWN: usize = 12;

/// The figures of a place: name, label and quantities.
pub const FIGURES: [(&str, &str, &[&str]); 4] = [
    ("loss", "loss, error", &["train_loss", "test_loss", "test_error"]),
    ("attention", "attention", &["attention_signal", "attention_noise"]),
    ("values", "V_\u{3bc}, V_\u{3be}", &["v_signal", "v_noise"]),
    ("products", "query-key products", &["qk_signal_signal", "qk_signal_noise", "qk_xi3_signal", "qk_xi3_noise"]),
];

/// What of a session is not in its numbers.
pub struct Sitting {
    /// Threads that computed.
    pub threads: usize,
    /// How long they took, the runs of earlier sessions left out.
    pub seconds: f64,
    /// The run file, if there was one.
    pub run_file: Option<String>,
    /// Whether to show the page.
    pub open: bool,
    /// Whether to write the runs with types.
    pub keep_runs: bool,
}

/// What the runs of one place say.
pub struct Curves {
    /// Where on the grid; the replicate says nothing.
    pub place: GridPoint,
    /// Runs.
    pub runs: usize,
    /// Every quantity after every step.
    pub table: Vec<Means>,
    /// When attention moves.
    pub stages: Stages,
}

/// The axes on which the places differ, in the form in which they were given.
pub fn varying(config: &Config, curves: &[Curves]) -> Vec<&'static Axis> {
    let is_given = |axis: &&Axis| !matches!(axis.part, Part::Signal(_)) || axis.part == config.signal_axis().part;
    let value = |axis: &Axis, curves: &Curves| value(config, axis, &curves.place);
    let is_varying = |axis: &&Axis| curves.iter().any(|one| value(axis, one) != value(axis, &curves[0]));
    config.axes.iter().filter(is_given).filter(is_varying).collect()
}

/// The value of a place as it was given: what comes of a signal norm may be off by a bit.
pub fn value(config: &Config, axis: &Axis, place: &GridPoint) -> f64 {
    let found = axis.get(place, &config.recipe);
    let off = |value: &f64| (value - found).abs();
    match axis.part {
        Part::Signal(_) => {
            let near = config.signal.values().iter().copied().min_by(|a, b| off(a).total_cmp(&off(b)));
            near.unwrap_or(found)
        }
        _ => found,
    }
}

/// How strong the signal of a place is, as it was given: name and value.
pub fn signal(config: &Config, place: &GridPoint) -> (&'static str, f64) {
    (config.signal_axis().symbol, value(config, config.signal_axis(), place))
}

/// The runs of each place together; they are sorted by place.
///
/// # Errors
///
/// If the work is stopped.
pub fn curves(config: &Config, followed: &[Followed], stop: Stop) -> anyhow::Result<Vec<Curves>> {
    let key = |run: &Followed| GridPoint { replicate: 0, ..run.place }.key();
    let of_place = |runs: &[Followed]| {
        check(stop)?;
        let rows: Vec<&[Row]> = runs.iter().map(|run| run.rows.as_slice()).collect();
        let table = moments(&rows);
        let stages = stages(&table, config.recipe.tokens);
        Ok(Curves { place: GridPoint { replicate: 0, ..runs[0].place }, runs: runs.len(), table, stages })
    };
    followed.chunk_by(|a, b| key(a) == key(b)).map(of_place).collect()
}

/// The places that are drawn, each with what tells it from the others: nothing if it is the only one.
pub fn labelled<'c>(config: &Config, curves: &'c [Curves]) -> Vec<(String, &'c Curves)> {
    let axes = varying(config, curves);
    let label = |curves: &Curves| {
        let part = |axis: &&Axis| format!("{}={}", axis.symbol, value(config, axis, &curves.place));
        axes.iter().map(part).collect::<Vec<_>>().join(" ")
    };
    drawn(curves).map(|curves| (label(curves), curves)).collect()
}

/// The places that are drawn: all, or evenly chosen ones.
pub fn drawn(curves: &[Curves]) -> impl Iterator<Item = &Curves> {
    let last = curves.len() - 1;
    let at = move |i: usize| if last < MOST_DRAWN { i } else { i * last / (MOST_DRAWN - 1) };
    (0..curves.len().min(MOST_DRAWN)).map(move |i| &curves[at(i)])
}

/// Steps that are told of, each once.
pub fn shown_steps(steps: usize) -> Vec<usize> {
    let mut shown = vec![1, 25, 50, 100, 200, steps];
    shown.retain(|step| *step <= steps);
    shown.sort_unstable();
    shown.dedup();
    shown
}
