//! Phase diagrams: N upwards, signal to the right, colour for a mean over replicates.

use crate::draw::image::{self, BLANK};
use crate::draw::raster::{Raster, Rasters};
use crate::draw::{encode, hatch};
use kuva::plot::{ColorMap, Heatmap, LinePlot};
use kuva::render::figure::Figure;
use kuva::render::layout::Layout;
use kuva::render::plots::Plot;
use kuva::render::render::Scene;
use mote_lab::summary::{Group, Moments};
use std::sync::Arc;

/// Rectangles of a panel at most; a grid of more cells is drawn as an image.
const MOST_RECTANGLES: usize = 2000;

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
    pub threshold: f64,
    /// The curve on top is `N SNR^2` = this.
    pub constant: Option<f64>,
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
}

/// Panels side by side, as SVG and PNG.
///
/// # Errors
///
/// If the picture cannot be drawn.
pub fn panels(groups: &[Group], labels: &Labels, shown: &[Shown]) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let (mut scene, rasters) = scene(groups, labels, shown);
    if rasters.is_empty() {
        return encode(&scene);
    }
    let rasters = Rasters::place(&rasters, &scene)?;
    let svg = rasters.svg(&mut scene)?;
    rasters.fill(&mut scene, crate::draw::PNG_SCALE.into());
    Ok((svg, crate::draw::png(&scene)?))
}

/// The same as SVG alone.
///
/// # Errors
///
/// If the picture cannot be drawn.
pub fn svg(groups: &[Group], labels: &Labels, shown: &[Shown]) -> anyhow::Result<Vec<u8>> {
    let (mut scene, rasters) = scene(groups, labels, shown);
    if rasters.is_empty() { Ok(crate::draw::svg(&scene)) } else { Rasters::place(&rasters, &scene)?.svg(&mut scene) }
}

/// The grid of a picture: even steps, so that unevenly spaced values show as wide as they stand apart.
struct Grid<'a> {
    groups: &'a [Group],
    /// Of every N, the index of each signal's group.
    places: Vec<Vec<Option<usize>>>,
    /// Of every row of the picture, from the bottom, which N it shows.
    ns: Vec<usize>,
    /// Of every column, which signal.
    signals: Vec<usize>,
    x: (f64, f64),
    y: (f64, f64),
}

impl<'a> Grid<'a> {
    /// Of groups in the order of the grid.
    fn of(groups: &'a [Group]) -> Self {
        let mut signals: Vec<f64> = groups.iter().map(|group| group.signal_norm).collect();
        signals.sort_by(f64::total_cmp);
        signals.dedup();
        let (mut ns, mut places, mut first) = (Vec::new(), Vec::new(), 0);
        for row in groups.chunk_by(|a, b| a.n == b.n) {
            ns.push(row[0].n as f64);
            // Both rise, so that the one is found by going along the other.
            let mut at = 0;
            let mut place = |signal: &f64| {
                let is_there = row.get(at).is_some_and(|group| group.signal_norm == *signal);
                at += usize::from(is_there);
                is_there.then(|| first + at - 1)
            };
            places.push(signals.iter().map(&mut place).collect());
            first += row.len();
        }
        Self { groups, places, x: edges(&signals), y: edges(&ns), ns: fine(&ns), signals: fine(&signals) }
    }

    /// Rows from the bottom of the picture upwards.
    fn rows<T>(&self, value: impl Fn(Option<usize>) -> T) -> Vec<Vec<T>> {
        let row = |n: &usize| self.signals.iter().map(|signal| value(self.places[*n][*signal])).collect();
        self.ns.iter().map(row).collect()
    }

    /// Where `N SNR^2` is `constant`, from left to right.
    fn curve(&self, constant: f64) -> Vec<(f64, f64)> {
        const POINTS: usize = 200;
        // SNR is proportional to the signal norm, so one group's ratio serves for all.
        let Some(group) = self.groups.first() else { return Vec::new() };
        let ratio = group.snr / group.signal_norm;
        let point = |i: usize| {
            let signal = self.x.0 + (self.x.1 - self.x.0) * i as f64 / POINTS as f64;
            (signal, constant / (ratio * signal).powi(2))
        };
        let inside = |(x, y): &(f64, f64)| *x > 0.0 && (self.y.0..=self.y.1).contains(y);
        (0..=POINTS).map(point).filter(inside).collect()
    }

    /// A panel's plots from the lowest to the topmost: colours, hatching, curve. Instead of colours and hatching, the
    /// image that takes their place, if there are too many of them.
    fn plots(&self, value: impl Fn(&Group) -> Option<f64>, curve: &[(f64, f64)]) -> (Vec<Plot>, Option<Raster>) {
        let values: Vec<f64> = self.groups.iter().map(|group| value(group).unwrap_or(f64::NAN)).collect();
        let known = values.iter().copied().filter(|x| !x.is_nan());
        let (least, most) = known.fold((f64::NAN, f64::NAN), |(least, most), x| (x.min(least), x.max(most)));
        // One value everywhere, or none, has no scale of its own: it gets the colour it would have between 0 and 1.
        let has_scale = least < most;
        let only = (!has_scale).then_some(if least.is_nan() { 0.0 } else { least.clamp(0.0, 1.0) });
        let map = move |t: f64| if t.is_nan() { BLANK.into() } else { ColorMap::Viridis.map(only.unwrap_or(t)) };
        let heatmap = Heatmap::new().with_color_map(ColorMap::Custom(Arc::new(map)));
        let heatmap = heatmap.with_x_range(self.x.0, self.x.1).with_y_range(self.y.0, self.y.1).with_cell_size(1.0);
        let has_none = |at: Option<usize>| at.is_none_or(|at| values[at].is_nan());
        let has_some =
            |at: Option<usize>| at.is_some_and(|at| self.groups[at].not_converged > 0 && !values[at].is_nan());
        let (mut plots, mut raster) = (Vec::new(), None);
        if self.ns.len() * self.signals.len() > MOST_RECTANGLES {
            // Two cells to be put in its place, which have the whole scale of colours.
            plots.push(Plot::Heatmap(heatmap.with_data([[least, most]])));
            let color = |at: Option<usize>| {
                let number = at.map_or(f64::NAN, |at| values[at]);
                (only.unwrap_or((number - least) / (most - least)), has_none(at), has_some(at))
            };
            raster = Some(image::raster(&self.rows(color)));
        } else {
            plots.push(Plot::Heatmap(heatmap.with_data(self.rows(|at| at.map_or(f64::NAN, |at| values[at])))));
            plots.extend(hatch::plots(&self.rows(has_none), self.x, self.y, &hatch::NONE));
            plots.extend(hatch::plots(&self.rows(has_some), self.x, self.y, &hatch::SOME));
        }
        if curve.len() > 1 {
            let line = LinePlot::new().with_data(curve.iter().copied()).with_color("#D55E00").with_stroke_width(2.5);
            plots.push(Plot::Line(line));
        }
        (plots, raster)
    }

    fn x_label(&self) -> &'static str {
        let none = self.groups.iter().any(|group| group.not_converged > 0 && group.test_loss.is_empty());
        let some = self.groups.iter().any(|group| group.not_converged > 0 && !group.test_loss.is_empty());
        match (none, some) {
            (false, false) => "signal norm",
            (true, false) => "signal norm (hatched: no replicate converged)",
            (false, true) => "signal norm (hatched: not every replicate converged)",
            (true, true) => "signal norm (hatched: no replicate converged; on colour: only some)",
        }
    }
}

fn scene(groups: &[Group], labels: &Labels, shown: &[Shown]) -> (Scene, Vec<Raster>) {
    let grid = Grid::of(groups);
    let curve = labels.constant.map_or(Vec::new(), |constant| grid.curve(constant));
    let plots = |shown: &Shown| grid.plots(|group| shown.value(group, labels.threshold), &curve);
    let (all, rasters): (Vec<Vec<Plot>>, Vec<Option<Raster>>) = shown.iter().map(plots).unzip();
    let layout = |(plots, shown): (&Vec<Plot>, &Shown)| {
        let layout = Layout::auto_from_plots(plots).with_title(shown.title(labels));
        let layout = layout.with_x_label(grid.x_label()).with_y_label("N");
        let layout = layout.with_x_axis_min(grid.x.0).with_x_axis_max(grid.x.1);
        layout.with_y_axis_min(grid.y.0).with_y_axis_max(grid.y.1)
    };
    let layouts = all.iter().zip(shown).map(layout).collect();
    let figure = Figure::new(1, shown.len()).with_plots(all).with_layouts(layouts).with_cell_size(620.0, 420.0);
    (figure.render(), rasters.into_iter().flatten().collect())
}

/// The edges of the picture: half a step beyond the first and the last value.
fn edges(values: &[f64]) -> (f64, f64) {
    let (first, last) = (values[0], values[values.len() - 1]);
    let half = |pair: &[f64]| (pair[1] - pair[0]) / 2.0;
    let (below, above) = (values.first_chunk::<2>(), values.last_chunk::<2>());
    (first - below.map_or(0.5, |pair| half(pair)), last + above.map_or(0.5, |pair| half(pair)))
}

/// Which value to show at each of some evenly spaced places: the nearest one. Evenly spaced values stay as they are.
fn fine(values: &[f64]) -> Vec<usize> {
    // Wider than any screen: values that still share a place lie within one point of each other.
    const MOST: usize = 2000;
    let (low, high) = edges(values);
    let steps = values.windows(2).map(|pair| pair[1] - pair[0]);
    let (least, most) = steps.fold((f64::INFINITY, 0.0f64), |(least, most), step| (least.min(step), most.max(step)));
    let is_even = values.len() < 2 || most - least < 1e-6 * most;
    if is_even && values.len() <= MOST {
        return (0..values.len()).collect();
    }
    let count = ((high - low) / least * 2.0).clamp(1.0, MOST as f64).round();
    let mut at = 0;
    let mut nearest = |place: f64| {
        while at + 1 < values.len() && (values[at + 1] - place).abs() < (values[at] - place).abs() {
            at += 1;
        }
        at
    };
    (0..count as usize).map(|i| nearest(low + (i as f64 + 0.5) * (high - low) / count)).collect()
}
