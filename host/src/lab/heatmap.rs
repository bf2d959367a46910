//! Phase diagrams: N upwards, signal to the right, colour for a mean over replicates.

use crate::draw::{encode, hatch};
use kuva::plot::{ColorMap, Heatmap, LinePlot};
use kuva::render::figure::Figure;
use kuva::render::layout::Layout;
use kuva::render::plots::Plot;
use kuva::render::render::Scene;
use mote_lab::summary::{Group, Moments};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Colour of a cell without a number.
const BLANK: &str = "#D0D0D0";

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

/// What is drawn besides the groups.
#[derive(Clone, Debug)]
pub struct Labels {
    /// The recipe, in the title.
    pub recipe: String,
    /// Test loss of [`Shown::Cut`].
    pub cut: f64,
    /// The curve on top is `N SNR^2` = this.
    pub constant: Option<f64>,
}

impl Shown {
    fn value(self, group: &Group, cut: f64) -> Option<f64> {
        let mean = |numbers: &[f64]| Moments::of(numbers).map(|m| m.mean);
        match self {
            Self::Loss => mean(&group.test_loss),
            Self::Error => mean(&group.test_error),
            Self::Cut => mean(&group.test_loss).map(|loss| f64::from(u8::from(loss >= cut))),
        }
    }

    fn title(self, labels: &Labels) -> String {
        match self {
            Self::Loss => format!("mean test loss, {}", labels.recipe),
            Self::Error => "mean 0-1 test error".into(),
            Self::Cut => format!("test loss at least {}, {}", labels.cut, labels.recipe),
        }
    }
}

/// Panels side by side, as SVG and PNG.
///
/// # Errors
///
/// If the picture cannot be drawn.
pub fn panels(groups: &[Group], labels: &Labels, shown: &[Shown]) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    encode(&scene(groups, labels, shown))
}

/// The same as SVG alone.
pub fn svg(groups: &[Group], labels: &Labels, shown: &[Shown]) -> Vec<u8> {
    crate::draw::svg(&scene(groups, labels, shown))
}

/// The grid of a picture: even steps, so that unevenly spaced values show as wide as they stand apart.
struct Grid<'a> {
    groups: BTreeMap<(usize, u64), &'a Group>,
    ns: Vec<f64>,
    signals: Vec<f64>,
    x: (f64, f64),
    y: (f64, f64),
}

impl<'a> Grid<'a> {
    fn of(groups: &'a [Group]) -> Self {
        let axis = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values.dedup();
            values
        };
        let ns = axis(groups.iter().map(|group| group.n as f64).collect());
        let signals = axis(groups.iter().map(|group| group.signal_norm).collect());
        let key = |group: &'a Group| ((group.n, group.signal_norm.to_bits()), group);
        let groups = groups.iter().map(key).collect();
        Self { groups, x: edges(&signals), y: edges(&ns), ns: fine(&ns), signals: fine(&signals) }
    }

    /// Rows from the bottom of the picture upwards.
    fn rows<T>(&self, value: impl Fn(Option<&Group>) -> T) -> Vec<Vec<T>> {
        let at = |n: f64, signal: f64| value(self.groups.get(&(n as usize, signal.to_bits())).copied());
        self.ns.iter().map(|n| self.signals.iter().map(|signal| at(*n, *signal)).collect()).collect()
    }

    /// Where `N SNR^2` is `constant`, from left to right.
    fn curve(&self, constant: f64) -> Vec<(f64, f64)> {
        const POINTS: usize = 200;
        // SNR is proportional to the signal norm, so one group's ratio serves for all.
        let Some(group) = self.groups.values().next() else { return Vec::new() };
        let ratio = group.snr / group.signal_norm;
        let point = |i: usize| {
            let signal = self.x.0 + (self.x.1 - self.x.0) * i as f64 / POINTS as f64;
            (signal, constant / (ratio * signal).powi(2))
        };
        let inside = |(x, y): &(f64, f64)| *x > 0.0 && (self.y.0..=self.y.1).contains(y);
        (0..=POINTS).map(point).filter(inside).collect()
    }

    /// A panel's plots from the lowest to the topmost: colours, hatching, curve.
    fn plots(&self, value: impl Fn(&Group) -> Option<f64>, curve: &[(f64, f64)]) -> Vec<Plot> {
        let numbers = self.rows(|group| group.and_then(&value).unwrap_or(f64::NAN));
        // One value everywhere has no scale of its own: it gets the colour it would have between 0 and 1.
        let mut known = numbers.iter().flatten().copied().filter(|x| !x.is_nan());
        let first = known.next().unwrap_or(0.0);
        let only = known.all(|x| x == first).then_some(first.clamp(0.0, 1.0));
        let colors = move |t: f64| if t.is_nan() { BLANK.into() } else { ColorMap::Viridis.map(only.unwrap_or(t)) };
        let heatmap = Heatmap::new().with_data(numbers).with_color_map(ColorMap::Custom(Arc::new(colors)));
        let heatmap = heatmap.with_x_range(self.x.0, self.x.1).with_y_range(self.y.0, self.y.1).with_cell_size(1.0);
        let mut plots = vec![Plot::Heatmap(heatmap)];
        let none = self.rows(|group| group.and_then(&value).is_none());
        plots.extend(hatch::plots(&none, self.x, self.y, &[("#606060", 1.2)]));
        let some = self.rows(|group| group.is_some_and(|group| group.not_converged > 0 && value(group).is_some()));
        // White within black is seen on every colour of the scale.
        plots.extend(hatch::plots(&some, self.x, self.y, &[("#000000", 2.4), ("#FFFFFF", 1.2)]));
        if curve.len() > 1 {
            let line = LinePlot::new().with_data(curve.iter().copied()).with_color("#D55E00").with_stroke_width(2.5);
            plots.push(Plot::Line(line));
        }
        plots
    }

    fn x_label(&self) -> &'static str {
        let none = self.groups.values().any(|group| group.not_converged > 0 && group.test_loss.is_empty());
        let some = self.groups.values().any(|group| group.not_converged > 0 && !group.test_loss.is_empty());
        match (none, some) {
            (false, false) => "signal norm",
            (true, false) => "signal norm (hatched: no replicate converged)",
            (false, true) => "signal norm (hatched: not every replicate converged)",
            (true, true) => "signal norm (hatched: no replicate converged; on colour: only some)",
        }
    }
}

fn scene(groups: &[Group], labels: &Labels, shown: &[Shown]) -> Scene {
    let grid = Grid::of(groups);
    let curve = labels.constant.map_or(Vec::new(), |constant| grid.curve(constant));
    let plots = |shown: &Shown| grid.plots(|group| shown.value(group, labels.cut), &curve);
    let all: Vec<Vec<Plot>> = shown.iter().map(plots).collect();
    let layout = |(plots, shown): (&Vec<Plot>, &Shown)| {
        let layout = Layout::auto_from_plots(plots).with_title(shown.title(labels));
        let layout = layout.with_x_label(grid.x_label()).with_y_label("N");
        let layout = layout.with_x_axis_min(grid.x.0).with_x_axis_max(grid.x.1);
        layout.with_y_axis_min(grid.y.0).with_y_axis_max(grid.y.1)
    };
    let layouts = all.iter().zip(shown).map(layout).collect();
    Figure::new(1, shown.len()).with_plots(all).with_layouts(layouts).with_cell_size(620.0, 420.0).render()
}

/// The edges of the picture: half a step beyond the first and the last value.
fn edges(values: &[f64]) -> (f64, f64) {
    let (first, last) = (values[0], values[values.len() - 1]);
    let half = |pair: &[f64]| (pair[1] - pair[0]) / 2.0;
    let (below, above) = (values.first_chunk::<2>(), values.last_chunk::<2>());
    (first - below.map_or(0.5, |pair| half(pair)), last + above.map_or(0.5, |pair| half(pair)))
}

/// The value to show at each of some evenly spaced places: the nearest one. Evenly spaced values stay as they are.
fn fine(values: &[f64]) -> Vec<f64> {
    // Wider than any screen: values that still share a place lie within one point of each other.
    const MOST: f64 = 4000.0;
    let (low, high) = edges(values);
    let steps = values.windows(2).map(|pair| pair[1] - pair[0]);
    let (least, most) = steps.fold((f64::INFINITY, 0.0f64), |(least, most), step| (least.min(step), most.max(step)));
    if values.len() < 2 || most - least < 1e-6 * most {
        return values.to_vec();
    }
    let count = ((high - low) / least * 2.0).clamp(1.0, MOST).round();
    let nearest = |place: f64| {
        let closer = |a: &&f64, b: &&f64| (**a - place).abs().total_cmp(&(**b - place).abs());
        values.iter().min_by(closer).copied().unwrap_or(low)
    };
    (0..count as usize).map(|i| nearest(low + (i as f64 + 0.5) * (high - low) / count)).collect()
}
